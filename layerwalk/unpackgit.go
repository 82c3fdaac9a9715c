package layerwalk

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// What git keeps of a history that was copied along: loose objects, each of them a
// zlib stream, and packs (gitformat-pack(5)).

// isZlib reports whether a file begins as a zlib stream does (RFC 1950), with a
// window of 32 KiB and no dictionary, and a deflate block that there is.
func isZlib(head []byte) bool {
	if len(head) < 7 || head[0] != 0x78 || head[1]&0x20 != 0 || binary.BigEndian.Uint16(head)%31 != 0 {
		return false
	}
	switch head[2] >> 1 & 3 {
	case 0: // stored: a length, and its complement
		le := binary.LittleEndian
		return head[2]>>3 == 0 && le.Uint16(head[3:]) == ^le.Uint16(head[5:])
	case 3:
		return false
	}
	return true
}

// gitObject takes the header off a loose object: a type, a size, and a zero byte.
// The type is "" if it is none.
func gitObject(br *bufio.Reader) string {
	b, _ := br.Peek(32)
	header, _, ok := bytes.Cut(b, []byte{0})
	kind, size, _ := bytes.Cut(header, []byte(" "))
	if !ok || len(size) == 0 || len(bytes.Trim(size, "0123456789")) > 0 {
		return ""
	}
	for _, t := range packTypes {
		if t != "" && t == string(kind) {
			br.Discard(len(header) + 1)
			return t
		}
	}
	return ""
}

// A zlib stream has two bytes before its deflate stream, and four behind.
const (
	zlibHeader   = 2
	zlibChecksum = 4
)

// skipZlib reads up to the deflate stream, and says whether it is there.
func skipZlib(br *bufio.Reader) bool {
	head, _ := br.Peek(7)
	if !isZlib(head) {
		return false
	}
	br.Discard(zlibHeader)
	return true
}

const (
	packMagic      = "PACK\x00\x00\x00"
	packHeaderSize = 12
	packOffset     = 6 // a delta of an object that is so many bytes before it
	packReference  = 7 // a delta of an object with an ID
	packIDSize     = 20
	packDelta      = "delta"
)

// packTypes are the types of objects, by their numbers in packs.
var packTypes = [8]string{"", "commit", "tree", "blob", "tag", "", packDelta, packDelta}

func isPack(head []byte) bool {
	return bytes.HasPrefix(head, []byte(packMagic)) && len(head) > 7 && (head[7] == 2 || head[7] == 3)
}

// pack unpacks the objects of a pack. They are called by their type and their offset
// in the pack; of a delta, what it adds is given.
func (u *Unpacker) pack(name string, br *bufio.Reader, depth int, yield func(*Entry) bool) bool {
	whole := u.whole
	u.whole = false
	header := make([]byte, packHeaderSize)
	if _, err := io.ReadFull(br, header); err != nil {
		return true
	}
	for range binary.BigEndian.Uint32(header[8:]) {
		l := &u.levels[depth]
		at := l.source.n - int64(br.Buffered())
		kind := packObject(br)
		if kind == "" || !skipZlib(br) {
			return true
		}
		limited := &unpackReader{u: u, r: l.inflate(br)}
		e := &Entry{Name: u.inside(name, fmt.Sprintf("%s@%d", kind, at)), Type: TypeFile, Size: -1, body: limited}
		if kind == packDelta {
			e.body = &delta{r: buffered(&l.delta, limited)}
		}
		if !u.file(e, depth, yield) {
			return false
		}
		if io.Copy(io.Discard, limited); limited.broken {
			return true // where the next one begins is not known
		}
		br.Discard(zlibChecksum)
	}
	u.whole = whole
	return true
}

// packObject reads what is before the data of an object, and gives its type; "":
// there is none.
func packObject(br *bufio.Reader) string {
	c, err := br.ReadByte()
	kind := c >> 4 & 7
	for c >= 0x80 && err == nil { // the size, which zlib knows
		c, err = br.ReadByte()
	}
	switch kind {
	case packReference:
		_, err = br.Discard(packIDSize)
	case packOffset:
		for c = 0x80; c >= 0x80 && err == nil; {
			c, err = br.ReadByte()
		}
	}
	if err != nil {
		return ""
	}
	return packTypes[kind]
}

// delta reads what a delta adds; where it copies, there is an end of line.
type delta struct {
	r      *bufio.Reader
	begun  bool
	insert int // bytes that are left of an insertion
}

func (d *delta) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !d.begun { // the sizes of what it is made from, and of what it makes
		d.begun = true
		for range 2 {
			if _, err := binary.ReadUvarint(d.r); err != nil {
				return 0, io.EOF
			}
		}
	}
	for d.insert == 0 {
		op, err := d.r.ReadByte()
		if err != nil {
			return 0, io.EOF
		}
		if op < 0x80 {
			d.insert = int(op)
			continue
		}
		d.r.Discard(bits.OnesCount8(op & 0x7f)) // of its offset and its size
		p[0] = '\n'
		return 1, nil
	}
	n, err := d.r.Read(p[:min(len(p), d.insert)])
	d.insert -= n
	if err != nil {
		return n, io.EOF
	}
	return n, nil
}
