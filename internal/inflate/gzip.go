package inflate

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Header is what a gzip member says of itself (RFC 1952, 2.3.1), as far as it
// is free text.
type Header struct {
	Name    string // the name of the file, UTF-8
	Comment string // UTF-8
	Extra   []byte // the extra field, without its length
}

// Flags of a member (RFC 1952, 2.3.1). The text flag means nothing here, and
// the reserved ones are ignored, as compress/gzip does.
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
)

// maxText is how long a name or a comment may be, in bytes without the zero:
// the limit of compress/gzip.
const maxText = 511

// Reader reads the members of a gzip stream (RFC 1952), one after the other.
//
// Errors are *CorruptError if the data are damaged, io.ErrUnexpectedEOF if
// they break off, and those of the underlying reader, unchanged. What was
// decoded before an error is given before it. A Reader holds about 180 KiB,
// however large the stream is.
type Reader struct {
	header Header
	inf    inflater
	out    []byte // decoded, not yet given
	size   uint32 // of what was decoded, modulo 2^32
	crc    uint32
	err    error
	buf    [maxText + 1]byte
}

// NewReader makes a Reader of br and reads the header of the first member. If
// br is at its end it gives io.EOF.
//
// While a member is read nobody else may read br. The size of br's buffer must
// be at least 16 bytes; from 16 KiB up its size hardly matters.
func NewReader(br *bufio.Reader) (*Reader, error) {
	z := &Reader{}
	if err := z.Reset(br); err != nil {
		return nil, err
	}
	return z, nil
}

// Reset makes z what NewReader makes of br, but uses its memory again.
func (z *Reader) Reset(br *bufio.Reader) error {
	z.inf.br, z.inf.offset = br, 0
	return z.Next()
}

// Header gives the header of the current member.
func (z *Reader) Header() Header { return z.header }

// Next begins the next member: it reads its header from where br is, which
// after Read gave io.EOF is just behind the member before. If br is at its end
// it gives io.EOF.
func (z *Reader) Next() error {
	z.inf.reset(z.inf.br)
	z.header, z.out = Header{}, nil
	z.size, z.crc = 0, 0
	z.err = z.readHeader()
	return z.err
}

// Read gives the next bytes of the current member. It gives io.EOF at its end,
// after its checksum and length (RFC 1952, 2.3.1) were found to be right; br
// is then just behind the member.
func (z *Reader) Read(p []byte) (int, error) {
	for len(z.out) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		z.out, z.err = z.inf.next()
		z.crc = crc32.Update(z.crc, crc32.IEEETable, z.out)
		z.size += uint32(len(z.out))
		if z.err == io.EOF {
			z.err = z.readTrailer()
		}
	}
	n := copy(p, z.out)
	z.out = z.out[n:]
	return n, nil
}

// readTrailer compares the checksum and the length. It gives io.EOF if they
// are right.
func (z *Reader) readTrailer() error {
	if err := z.readFull(z.buf[:8]); err != nil {
		return noEOF(err)
	}
	switch {
	case binary.LittleEndian.Uint32(z.buf[:4]) != z.crc:
		return z.corrupt("invalid checksum")
	case binary.LittleEndian.Uint32(z.buf[4:8]) != z.size:
		return z.corrupt("invalid length")
	}
	return io.EOF
}

// readHeader reads the header of a member (RFC 1952, 2.3).
func (z *Reader) readHeader() error {
	b := z.buf[:10]
	if err := z.readFull(b); err != nil {
		return err // io.EOF if there is no byte of it
	}
	if b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return z.corrupt("invalid header")
	}
	flags := b[3]
	crc := crc32.ChecksumIEEE(b)

	if flags&flagExtra != 0 {
		if err := z.readFull(z.buf[:2]); err != nil {
			return noEOF(err)
		}
		crc = crc32.Update(crc, crc32.IEEETable, z.buf[:2])
		extra := make([]byte, binary.LittleEndian.Uint16(z.buf[:2]))
		if err := z.readFull(extra); err != nil {
			return noEOF(err)
		}
		crc = crc32.Update(crc, crc32.IEEETable, extra)
		z.header.Extra = extra
	}
	if flags&flagName != 0 {
		text, err := z.readText(&crc)
		if err != nil {
			return err
		}
		z.header.Name = text
	}
	if flags&flagComment != 0 {
		text, err := z.readText(&crc)
		if err != nil {
			return err
		}
		z.header.Comment = text
	}
	if flags&flagHeaderCRC != 0 {
		if err := z.readFull(z.buf[:2]); err != nil {
			return noEOF(err)
		}
		if binary.LittleEndian.Uint16(z.buf[:2]) != uint16(crc) {
			return z.corrupt("invalid header: its checksum does not match")
		}
	}
	return nil
}

// readText reads a name or a comment: Latin-1 that ends with a zero.
func (z *Reader) readText(crc *uint32) (string, error) {
	latin := false
	for i := range z.buf {
		c, err := z.inf.br.ReadByte()
		if err != nil {
			return "", noEOF(err)
		}
		z.inf.offset++
		z.buf[i] = c
		latin = latin || c >= 0x80
		if c != 0 {
			continue
		}
		*crc = crc32.Update(*crc, crc32.IEEETable, z.buf[:i+1])
		if !latin {
			return string(z.buf[:i]), nil
		}
		text := make([]rune, i)
		for j, c := range z.buf[:i] {
			text[j] = rune(c)
		}
		return string(text), nil
	}
	return "", z.corrupt("invalid header: a name or comment that is too long")
}

func (z *Reader) readFull(p []byte) error {
	n, err := io.ReadFull(z.inf.br, p)
	z.inf.offset += int64(n)
	return err
}

func (z *Reader) corrupt(reason string) error {
	return &CorruptError{z.inf.offset, reason}
}
