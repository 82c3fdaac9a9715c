// Package inflate decompresses gzip (RFC 1952) and DEFLATE (RFC 1951) streams
// that may be hostile. It accepts and rejects the same streams as
// compress/gzip, gives the same bytes, and takes the same number of stored
// bytes; its fuzz tests hold it to that. It is made for large streams: the
// decoder works on the buffer of the bufio.Reader it reads from, eight bytes
// at a time.
package inflate

import (
	"bufio"
	"encoding/binary"
	"io"
)

const (
	windowSize = 32 << 10 // RFC 1951, 2: distances reach no farther
	maxLength  = 258      // RFC 1951, 3.2.5: of a match

	// outLimit is up to where the output buffer is filled; the last symbols
	// may reach over it.
	outLimit = 128 << 10
	// outSlack is room for what the fast loop writes in a turn: literals, a
	// match, and what its copying in steps of 16 bytes writes too much.
	outSlack = 512

	// inSlack is how many stored bytes the fast loop wants in a turn, which
	// loads eight bytes up to three times.
	inSlack = 24
)

// precodeOrder is the order in which a dynamic block lists the lengths of the
// code length code (RFC 1951, 3.2.7).
var precodeOrder = [numPre]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// state is what an inflater expects next.
type state uint8

const (
	atBlock state = iota // the header of a block
	inStored
	inHuffman
)

// inflater decodes one DEFLATE stream. It never takes a byte from br that does
// not belong to the stream, and never has br read ahead when the bytes that
// it has suffice.
type inflater struct {
	br     *bufio.Reader
	offset int64 // of br, in stored bytes since the first reset

	// Between calls of next, in is nil. Otherwise it is what br has
	// buffered, of which in[:pos] is used.
	in  []byte
	pos int

	// The next bits of the stream, first bit lowest. The bits above nbits
	// are zero.
	bits  uint64
	nbits uint

	state  state
	last   bool // this block is the last
	stored int  // bytes that a stored block still has
	codes  *tables

	// out[:wr] is what was decoded; its last 32 KiB, if there are so many,
	// are the window.
	wr  int
	err error

	out     [outLimit + outSlack]byte
	dynamic tables
	pre     [1 << preBits]uint32
	lens    [maxLit + maxDist]uint8
}

// reset begins a stream at the position of br.
func (d *inflater) reset(br *bufio.Reader) {
	d.br = br
	d.in, d.pos = nil, 0
	d.bits, d.nbits = 0, 0
	d.state, d.last = atBlock, false
	d.wr, d.err = 0, nil
}

// next decodes some more and gives it; it is valid until the next call. What
// was decoded comes before the error that ended it, which is io.EOF at the
// end of the stream.
func (d *inflater) next() ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	if d.wr > outLimit/2 {
		copy(d.out[:windowSize], d.out[d.wr-windowSize:d.wr])
		d.wr = windowSize
	}
	start := d.wr
	d.in, _ = d.br.Peek(d.br.Buffered())
	for d.err == nil && d.wr < outLimit {
		switch d.state {
		case atBlock:
			d.err = d.header()
		case inHuffman:
			d.err = d.huffman()
		case inStored:
			flush := d.stored == 0
			d.err = d.copyStored()
			if flush && d.wr > start {
				// An empty stored block is how a writer flushes: as
				// compress/flate, don't wait for what comes next.
				d.release()
				return d.out[start:d.wr], nil
			}
		}
	}
	d.release()
	if d.wr > start {
		return d.out[start:d.wr], nil
	}
	return nil, d.err
}

// release gives the bytes that are not used back to br.
func (d *inflater) release() {
	d.unread()
	d.discard()
}

// unread turns whole bytes among the bits into bytes of in again. Those that
// are not from in have been taken because the stream needs them.
func (d *inflater) unread() {
	n := min(int(d.nbits/8), d.pos)
	d.pos -= n
	d.nbits -= uint(n) * 8
	d.bits &= 1<<d.nbits - 1
}

// discard takes in[:pos] from br.
func (d *inflater) discard() {
	n, _ := d.br.Discard(d.pos) // it's buffered
	d.offset += int64(n)
	d.in, d.pos = nil, 0
}

// more reads more of the stream, when in is used up.
func (d *inflater) more() error {
	d.discard()
	if _, err := d.br.Peek(1); err != nil {
		return noEOF(err)
	}
	d.in, _ = d.br.Peek(d.br.Buffered())
	return nil
}

// need sees to it that there are n bits.
func (d *inflater) need(n uint) error {
	for d.nbits < n {
		if d.pos == len(d.in) {
			if err := d.more(); err != nil {
				return err
			}
		}
		d.bits |= uint64(d.in[d.pos]) << (d.nbits & 63)
		d.pos++
		d.nbits += 8
	}
	return nil
}

// take consumes n bits, which there must be.
func (d *inflater) take(n uint) uint32 {
	v := uint32(d.bits & (1<<n - 1))
	d.bits >>= n & 63
	d.nbits -= n
	return v
}

func (d *inflater) corrupt(reason string) error {
	d.unread()
	return &CorruptError{d.offset + int64(d.pos), reason}
}

// header reads the header of a block (RFC 1951, 3.2.3), or ends the stream.
func (d *inflater) header() error {
	if d.last {
		return io.EOF
	}
	if err := d.need(3); err != nil {
		return err
	}
	d.last = d.take(1) == 1
	switch d.take(2) {
	case 0: // RFC 1951, 3.2.4
		d.unread()
		d.bits, d.nbits = 0, 0 // the rest of the byte
		if err := d.need(32); err != nil {
			return err
		}
		n := d.take(16)
		if d.take(16) != n^0xffff {
			return d.corrupt("the length of a stored block does not match its complement")
		}
		d.state, d.stored = inStored, int(n)
		return nil
	case 1:
		d.state, d.codes = inHuffman, fixed
		return nil
	case 2:
		d.state, d.codes = inHuffman, &d.dynamic
		return d.readCodes()
	}
	return d.corrupt("a block of the reserved type 3")
}

// copyStored copies bytes of a stored block.
func (d *inflater) copyStored() error {
	if d.stored > 0 {
		d.discard()
		n, err := io.ReadFull(d.br, d.out[d.wr:d.wr+min(d.stored, outLimit-d.wr)])
		d.offset += int64(n)
		d.wr += n
		d.stored -= n
		if err != nil {
			return noEOF(err)
		}
		d.in, _ = d.br.Peek(d.br.Buffered())
	}
	if d.stored == 0 {
		d.state = atBlock
	}
	return nil
}

// readCodes reads the code of a dynamic block (RFC 1951, 3.2.7).
func (d *inflater) readCodes() error {
	if err := d.need(14); err != nil {
		return err
	}
	nlit := int(d.take(5)) + 257
	ndist := int(d.take(5)) + 1
	npre := int(d.take(4)) + 4
	if nlit > maxLit || ndist > maxDist {
		return d.corrupt("too many length or distance codes")
	}
	var pre [numPre]uint8
	for _, sym := range precodeOrder[:npre] {
		if err := d.need(3); err != nil {
			return err
		}
		pre[sym] = uint8(d.take(3))
	}
	preMin, ok := build(d.pre[:], preBits, pre[:], preSymbols[:])
	if !ok {
		return d.corrupt("the code length code is no complete code")
	}

	lens := d.lens[:nlit+ndist]
	for i := 0; i < len(lens); {
		d.refill()
		sym := d.pre[d.bits&(1<<preBits-1)]
		if d.nbits >= preBits {
			d.take(uint(sym >> entryLen & entryLenMask))
		} else {
			var err error
			if sym, err = d.symbol(d.pre[:], preBits, preMin); err != nil {
				return err
			}
		}
		if sym&entryInvalid == entryInvalid {
			return d.corrupt("a code length that has no code")
		}
		n := sym >> entryValue
		if n < 16 {
			lens[i] = uint8(n)
			i++
			continue
		}
		var repeat, extra uint = 3, 3
		var value uint8
		switch n {
		case 16:
			if i == 0 {
				return d.corrupt("a repeated code length without one before it")
			}
			extra = 2
			value = lens[i-1]
		case 18:
			repeat, extra = 11, 7
		}
		if err := d.need(extra); err != nil {
			return err
		}
		repeat += uint(d.take(extra))
		if repeat > uint(len(lens)-i) {
			return d.corrupt("too many repeated code lengths")
		}
		for range repeat {
			lens[i] = value
			i++
		}
	}
	d.unread()

	t := &d.dynamic
	if t.litMin, ok = build(t.lit[:], litBits, lens[:nlit], litSymbols[:]); !ok {
		return d.corrupt("the literal and length code is no complete code")
	}
	t.litMin = max(t.litMin, uint(lens[endOfBlock]))
	if t.distMin, ok = build(t.dist[:], distBits, lens[nlit:], distSymbols[:]); !ok {
		return d.corrupt("the distance code is no complete code")
	}
	return nil
}

// refill loads as many bits as there is room for, if in has them.
func (d *inflater) refill() {
	if d.nbits < 16 && len(d.in)-d.pos >= 8 {
		d.bits |= binary.LittleEndian.Uint64(d.in[d.pos:]) << d.nbits
		d.pos += int((63 - d.nbits) / 8)
		d.nbits |= 56
		d.bits &= 1<<d.nbits - 1
	}
}

// symbol decodes a code word by a table of the given width, without its extra
// bits. At least least bits are needed for it.
//
// It reads no byte that the code word doesn't reach into: with zeros for the
// bits that are missing, a table gives the first word that begins with those
// there are, and in a canonical code none of the others is shorter.
func (d *inflater) symbol(table []uint32, width, least uint) (uint32, error) {
	for n := least; ; {
		if err := d.need(n); err != nil {
			return 0, err
		}
		e := table[d.bits&(1<<width-1)]
		n = uint(e >> entryLen & entryLenMask)
		if e&entrySub == entrySub {
			e = table[uint64(e>>entryValue)+d.bits>>width&(1<<(maxBits-width)-1)]
			n += uint(e >> entryLen & entryLenMask)
		}
		if n <= d.nbits {
			d.take(n)
			return e, nil
		}
	}
}

// value reads the extra bits of a length or a distance.
func (d *inflater) value(e uint32) (int, error) {
	extra := uint(e&entryBits - e>>entryLen&entryLenMask)
	if err := d.need(extra); err != nil {
		return 0, err
	}
	return int(e>>entryValue) + int(d.take(extra)), nil
}

// huffman decodes symbols of a block (RFC 1951, 3.2.3) until it ends or
// outLimit is reached.
func (d *inflater) huffman() error {
	for d.wr < outLimit {
		if len(d.in)-d.pos >= inSlack {
			if err := d.fast(); err != nil || d.state != inHuffman {
				return err
			}
			continue
		}
		e, err := d.symbol(d.codes.lit[:], litBits, d.codes.litMin)
		if err != nil {
			return err
		}
		if e&entryLit != 0 {
			d.out[d.wr] = byte(e >> entryValue)
			d.wr++
			continue
		}
		if e&entryOther != 0 {
			return d.end(e)
		}
		length, err := d.value(e)
		if err != nil {
			return err
		}
		if e, err = d.symbol(d.codes.dist[:], distBits, d.codes.distMin); err != nil {
			return err
		}
		if e&entryOther != 0 {
			return d.corrupt(badDistance)
		}
		dist, err := d.value(e)
		if err != nil {
			return err
		}
		if dist > d.wr {
			return d.corrupt(farDistance)
		}
		for range length {
			d.out[d.wr] = d.out[d.wr-dist]
			d.wr++
		}
	}
	return nil
}

const (
	badDistance = "a distance that has no code"
	farDistance = "a distance that reaches before the beginning"
)

// end ends a block by the entry e, which is no literal and no length.
func (d *inflater) end(e uint32) error {
	if e&entryEnd != entryEnd {
		return d.corrupt("a literal or length that has no code")
	}
	d.unread()
	d.state = atBlock
	return nil
}
