package layerwalk

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// A compressed stream can hold bytes that decompress to nothing: the name,
// comment and extra fields of a gzip header, the skippable frames of zstd.
// Whoever pulls the image gets them, so they are scanned as well.

// maxStray bounds what is kept of them for a blob.
const maxStray = 4 << 20

// stray collects such bytes. It is filled by the goroutine that decompresses,
// and read when that has ended.
type stray struct {
	records []Record
	kept    int
	lost    int64 // bytes beyond maxStray
	cut     bool  // the last one breaks off
}

func (s *stray) add(key string, value []byte) {
	if len(value) == 0 {
		return
	}
	cost := len(value) + 64 // a million of one byte each takes more than a megabyte
	if s.kept+cost > maxStray {
		s.lost += int64(len(value))
		return
	}
	s.kept += cost
	s.records = append(s.records, Record{key, string(value)})
}

// yield gives what was collected.
func (s *stray) yield(yield func(*Entry, error) bool) bool {
	if len(s.records) > 0 && !yield(&Entry{Type: TypeHeader, Records: s.records}, nil) {
		return false
	}
	if s.cut && !yield(nil, &Problem{Kind: Truncated, Reason: "a skippable frame of the zstd data breaks off"}) {
		return false
	}
	if s.lost > 0 {
		return yield(nil, &Problem{Kind: Limit, Reason: fmt.Sprintf("%d bytes that are beside the compressed data were not scanned", s.lost), Bytes: s.lost})
	}
	return true
}

// zstdFrames takes the skippable frames out of a zstd stream, for which it
// walks from block to block by their sizes. What it does not understand it
// lets through for the decompressor to refuse.
// https://www.rfc-editor.org/rfc/rfc8878#section-3.1
type zstdFrames struct {
	r        *bufio.Reader
	stray    *stray
	left     int64 // bytes to let through before the next decision
	inFrame  bool
	checksum bool // the frame ends with one
}

func (z *zstdFrames) Read(p []byte) (int, error) {
	for z.left == 0 {
		if err := z.next(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > z.left {
		p = p[:z.left]
	}
	n, err := z.r.Read(p)
	z.left -= int64(n)
	return n, err
}

// next decides what comes: a frame header, a block, or a skippable frame,
// which it takes.
func (z *zstdFrames) next() error {
	if z.inFrame {
		b, err := z.r.Peek(3)
		if err != nil {
			return z.through(err)
		}
		h := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		z.left = 3 + int64(h>>3)
		if h>>1&3 == 1 { // RLE: one byte, said to be as long as its run
			z.left = 4
		}
		if h&1 != 0 { // the last block
			z.inFrame = false
			if z.checksum {
				z.left += 4
			}
		}
		return nil
	}
	b, err := z.r.Peek(8)
	if len(b) < 5 {
		return z.through(err)
	}
	switch magic := binary.LittleEndian.Uint32(b); {
	case magic&0xfffffff0 == 0x184d2a50 && len(b) == 8:
		size := int64(binary.LittleEndian.Uint32(b[4:]))
		z.r.Discard(8)
		take := min(size, maxStray)
		data, err := io.ReadAll(io.LimitReader(z.r, take))
		z.stray.add("zstd skippable frame", data)
		if err == nil && int64(len(data)) < take {
			z.stray.cut = true
			return io.EOF
		}
		if err != nil {
			return err
		}
		if size > take {
			n, err := io.CopyN(io.Discard, z.r, size-take)
			z.stray.lost += n
			if err == io.EOF {
				z.stray.cut = true
			}
			if err != nil {
				return err
			}
		}
		return nil
	case magic == 0xfd2fb528:
		fhd := b[4]
		z.checksum = fhd&4 != 0
		z.left = 5 + [4]int64{0, 1, 2, 4}[fhd&3] + [4]int64{0, 2, 4, 8}[fhd>>6]
		if single := fhd&0x20 != 0; !single {
			z.left++ // the window descriptor
		} else if fhd>>6 == 0 {
			z.left++ // a content size of one byte
		}
		z.inFrame = true
		return nil
	}
	return z.through(nil)
}

// through lets all that follows pass, or ends the stream where there is
// nothing.
func (z *zstdFrames) through(err error) error {
	if z.r.Buffered() == 0 {
		if err == nil {
			err = io.EOF
		}
		return err
	}
	z.left = math.MaxInt64
	return nil
}
