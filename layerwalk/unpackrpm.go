package layerwalk

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strconv"
)

// An RPM package (the format of version 4, rpm.org/docs): a lead, two headers, of
// which the first has signatures, and a compressed cpio.
const (
	rpmLead       = "\xed\xab\xee\xdb"
	rpmLeadSize   = 96
	rpmHeader     = "\x8e\xad\xe8\x01"
	rpmHeaderSize = 16
	rpmIndexSize  = 16 // of an entry of a header
)

func isRPM(head []byte) bool { return bytes.HasPrefix(head, []byte(rpmLead)) }

// rpm gives the headers, which have scripts and texts, and reads up to the cpio;
// whole says whether it is there, and more whether the consumer wants it.
func (u *Unpacker) rpm(name string, br *bufio.Reader, yield func(*Entry) bool) (whole, more bool) {
	if n, _ := br.Discard(rpmLeadSize); n < rpmLeadSize {
		return false, true
	}
	for _, align := range []int64{8, 1} {
		h, _ := br.Peek(rpmHeaderSize)
		if len(h) < rpmHeaderSize || !bytes.HasPrefix(h, []byte(rpmHeader)) {
			return false, true
		}
		size := rpmHeaderSize + int64(binary.BigEndian.Uint32(h[8:]))*rpmIndexSize + int64(binary.BigEndian.Uint32(h[12:]))
		size += -size & (align - 1)
		stored := &io.LimitedReader{R: br, N: size}
		if !yield(&Entry{Name: u.inside(name, "header"), Type: TypeUnparsed, Size: size, body: stored}) {
			return false, false
		}
		if io.Copy(io.Discard, stored); stored.N > 0 {
			return false, true
		}
	}
	return true, true
}

// A cpio in the new ASCII form (cpio(5)): a header of hexadecimal numbers, a name
// and the data, each padded to four bytes.
const (
	cpioMagic      = "070701" // and 070702 with checksums
	cpioHeaderSize = 6 + 13*8
	cpioEnd        = "TRAILER!!!"

	cpioTypes   = 0o170000
	cpioDir     = 0o040000
	cpioFile    = 0o100000
	cpioSymlink = 0o120000
)

func isCpio(head []byte) bool {
	return bytes.HasPrefix(head, []byte(cpioMagic[:5])) && len(head) > 5 && (head[5] == '1' || head[5] == '2')
}

// otherCpio reports whether it is a cpio in one of the forms that are not read.
func otherCpio(head []byte) bool {
	for _, magic := range []string{"070707", "\xc7\x71", "\x71\xc7"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// cpio unpacks the members of a cpio. What is none of them is given as well.
func (u *Unpacker) cpio(name string, br *bufio.Reader, depth int, yield func(*Entry) bool) bool {
	for {
		e, stored := u.cpioMember(name, br)
		if e == nil {
			u.whole = u.whole && onlyZeros(br)
			return yield(&Entry{Name: name, Type: TypeUnparsed, Size: -1, body: br})
		}
		if !u.file(e, depth, yield) {
			return false
		}
		io.Copy(io.Discard, stored)
		br.Discard(int(-e.Size & 3))
	}
}

// onlyZeros skips zeros, and says whether nothing else follows.
func onlyZeros(br *bufio.Reader) bool {
	for {
		b, err := br.ReadByte()
		if err != nil {
			return true
		}
		if b != 0 {
			br.UnreadByte()
			return false
		}
	}
}

// cpioMember reads the header of a member; nil: there is none.
func (u *Unpacker) cpioMember(name string, br *bufio.Reader) (*Entry, *io.LimitedReader) {
	whole := u.whole
	u.whole = false
	header, _ := br.Peek(cpioHeaderSize)
	if len(header) < cpioHeaderSize || !isCpio(header) {
		return nil, nil
	}
	var number [13]int64
	for i := range number {
		n, err := strconv.ParseUint(string(header[6+8*i:14+8*i]), 16, 32)
		if err != nil {
			return nil, nil
		}
		number[i] = int64(n)
	}
	mode, size, named := number[1], number[6], number[11]
	if named > maxPath {
		return nil, nil
	}
	br.Discard(cpioHeaderSize)
	member := make([]byte, named+(-(cpioHeaderSize+named)&3))
	if _, err := io.ReadFull(br, member); err != nil {
		return nil, nil
	}
	member = bytes.TrimRight(member[:named], "\x00")
	u.whole = whole
	if string(member) == cpioEnd {
		return nil, nil
	}
	stored := &io.LimitedReader{R: br, N: size}
	e := &Entry{Name: u.inside(name, CleanPath(string(member))), Type: TypeDevice, Size: size, Header: member, body: stored}
	switch mode & cpioTypes {
	case cpioFile:
		e.Type = TypeFile
	case cpioDir:
		e.Type = TypeDir
	case cpioSymlink:
		target, _ := io.ReadAll(io.LimitReader(stored, maxPath))
		e.Type, e.Linkname = TypeSymlink, string(target)
	}
	return e, stored
}
