package layerwalk

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
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
	packLongIDSize = 32 // of SHA-256
	packDelta      = "delta"
)

// packTypes are the types of objects, by their numbers in packs.
var packTypes = [8]string{"", "commit", "tree", "blob", "tag", "", packDelta, packDelta}

func isPack(head []byte) bool {
	return bytes.HasPrefix(head, []byte(packMagic)) && len(head) > 7 && (head[7] == 2 || head[7] == 3)
}

// pack unpacks the objects of a pack. They are called by their type and their offset
// in the pack.
//
// Of a delta, what it adds is given with what stands around it, since the rest is in
// the object that it is made from. For that, small objects are kept; a delta of one
// that is not any more, or that is called by its ID, gives what it adds alone, and
// the pack is not whole.
func (u *Unpacker) pack(name string, br *bufio.Reader, depth int, yield func(*Entry) bool) bool {
	header := make([]byte, packHeaderSize)
	if _, err := io.ReadFull(br, header); err != nil {
		u.whole = false
		return true
	}
	var kept keptObjects
	for range binary.BigEndian.Uint32(header[8:]) {
		l := &u.levels[depth]
		at := l.source.n - int64(br.Buffered())
		o, ok := readPackObject(br)
		if !ok || !skipZlib(br) {
			u.whole = false
			return true
		}
		limited := &unpackReader{u: u, r: l.inflate(br)}
		e := &Entry{Name: u.inside(name, fmt.Sprintf("%s@%d", packTypes[o.kind], at)), Type: TypeFile, Size: -1, body: limited}
		if o.size <= maxObject {
			data, err := io.ReadAll(io.LimitReader(limited, o.size+1))
			e.body = io.MultiReader(bytes.NewReader(data), limited)
			switch {
			case err != nil || int64(len(data)) != o.size:
				u.whole = false
			case o.isDelta():
				base, ok := kept.objects[at-o.back]
				if result, added, fits := applyDelta(base, data); ok && fits {
					kept.add(at, result)
					u.left -= int64(len(result)) // it costs as much
					e.body = bytes.NewReader(added)
					if Packed(result[:min(len(result), PackedHead)]) {
						e.body = bytes.NewReader(result)
					}
				} else {
					u.whole = false
					_, added, _ := applyDelta(nil, data)
					e.body = bytes.NewReader(added)
				}
			default:
				kept.add(at, data)
			}
		} else if o.isDelta() {
			u.whole = false // the raw instructions have what it adds, in pieces
		}
		if !u.file(e, depth, yield) {
			return false
		}
		if io.Copy(io.Discard, limited); limited.broken {
			return true // where the next one begins is not known
		}
		br.Discard(zlibChecksum)
	}
	if n, _ := io.Copy(io.Discard, br); n != packIDSize && n != packLongIDSize { // its own checksum
		u.whole = false
	}
	return true
}

// packObject is what is before the data of an object.
type packObject struct {
	kind byte
	size int64 // of the data
	back int64 // of a delta: how far before it its base is; 0: not known
}

func (o *packObject) isDelta() bool { return packTypes[o.kind] == packDelta }

func readPackObject(br *bufio.Reader) (o packObject, ok bool) {
	c, err := br.ReadByte()
	o.kind, o.size = c>>4&7, int64(c&15)
	for shift := 4; c >= 0x80 && err == nil && shift < 60; shift += 7 {
		c, err = br.ReadByte()
		o.size |= int64(c&0x7f) << shift
	}
	switch o.kind {
	case packReference:
		_, err = br.Discard(packIDSize)
	case packOffset:
		for c, o.back = 0x80, -1; c >= 0x80 && err == nil; {
			c, err = br.ReadByte()
			o.back = (o.back+1)<<7 | int64(c&0x7f)
		}
	}
	return o, err == nil && packTypes[o.kind] != ""
}

const (
	// maxObject is up to which size objects are kept, and maxKeptObjects how many
	// bytes of them all together.
	maxObject      = 4 << 20
	maxKeptObjects = 32 << 20
)

// keptObjects are the last objects of a pack, by their offsets.
type keptObjects struct {
	objects map[int64][]byte
	order   []int64
	size    int
}

func (k *keptObjects) add(at int64, data []byte) {
	if k.objects == nil {
		k.objects = map[int64][]byte{}
	}
	k.objects[at], k.order = data, append(k.order, at)
	for k.size += len(data); k.size > maxKeptObjects; k.order = k.order[1:] {
		k.size -= len(k.objects[k.order[0]])
		delete(k.objects, k.order[0])
	}
}

// around is how many bytes of what a delta copies are given on either side of what it
// adds, if no line begins or ends before: more than a rule looks at beside a secret.
const around = 512

// applyDelta gives what a delta makes of its base, and what it adds, each time with
// the rest of the lines. Without a base, added is what it adds alone; ok says that
// the delta fits.
func applyDelta(base, delta []byte) (result, added []byte, ok bool) {
	from, n := binary.Uvarint(delta)
	if n <= 0 {
		return nil, nil, false
	}
	to, m := binary.Uvarint(delta[n:])
	if m <= 0 {
		return nil, nil, false
	}
	ok = base != nil && from == uint64(len(base)) && to <= maxObject
	type span struct{ from, to int }
	var spans []span // of the result, that are added
	for d := delta[n+m:]; len(d) > 0; {
		op := d[0]
		d = d[1:]
		if op < 0x80 { // add
			k := min(int(op), len(d))
			spans = append(spans, span{len(result), len(result) + k})
			result, d = append(result, d[:k]...), d[k:]
			continue
		}
		var arg [7]int
		for i := range arg {
			if op&(1<<i) != 0 && len(d) > 0 {
				arg[i], d = int(d[0]), d[1:]
			}
		}
		offset, size := arg[0]|arg[1]<<8|arg[2]<<16|arg[3]<<24, arg[4]|arg[5]<<8|arg[6]<<16
		if size == 0 {
			size = 0x10000
		}
		if !ok || offset+size > len(base) || len(result)+size > maxObject {
			ok = false
			spans = append(spans, span{len(result), len(result) + 1})
			result = append(result, '\n') // in its place
			continue
		}
		if len(result) > 0 { // something may be taken away here: what that joins is new
			spans = append(spans, span{len(result), len(result)})
		}
		result = append(result, base[offset:offset+size]...)
	}
	if !ok {
		return nil, result, false
	}
	done := 0
	for _, s := range spans {
		a, b := max(done, s.from-around), min(len(result), s.to+around)
		if done < a && a < s.from {
			a += bytes.LastIndexByte(result[a:s.from], '\n') + 1
		}
		if i := bytes.IndexByte(result[s.to:b], '\n'); i >= 0 {
			b = s.to + i + 1
		}
		if b <= a {
			continue
		}
		if a > done && len(added) > 0 && added[len(added)-1] != '\n' {
			added = append(added, '\n')
		}
		added = append(added, result[a:b]...)
		done = b
	}
	return result, added, len(result) == int(to)
}
