package inflate

import "encoding/binary"

// fast decodes symbols as huffman does, as long as there are inSlack bytes of
// input and room up to outLimit, so that neither has to be checked within a
// turn. Bits that it loads too many go back to in.
//
// Indexes into the tables are masked, so the compiler knows them to be good;
// those into in and out it checks. Tried on layers of Debian and of npm
// packages, without gain or with loss: wider and narrower tables, two literals
// in an entry (4 to 7 % slower), always loading bits before the distance
// (5 %), never asking whether bits are needed at the top (10 %), buffers of 64
// and 256 KiB, a check after the first eight bytes of a copy (5 to 10 %).
func (d *inflater) fast() error {
	in, pos := d.in[:len(d.in):len(d.in)], d.pos // one bounds check in place of two
	bits, nbits := d.bits, d.nbits
	out, wr := &d.out, d.wr
	lit, dist := &d.codes.lit, &d.codes.dist
	inEnd := len(in) - inSlack
	var e uint32
	var bad string
loop:
	for pos <= inEnd && wr < outLimit {
		// A turn has at least 56 bits: enough for three literals that are
		// in the main table and a length.
		if nbits < 56 {
			bits |= binary.LittleEndian.Uint64(in[pos:pos+8]) << (nbits & 63)
			pos += int((63 - nbits) >> 3)
			nbits |= 56
		}
		e = lit[bits&(1<<litBits-1)]
		if e&entryLit != 0 {
			bits >>= e & entryBits
			nbits -= uint(e & entryBits)
			out[wr] = byte(e >> entryValue)
			wr++
			e = lit[bits&(1<<litBits-1)]
			if e&entryLit != 0 {
				bits >>= e & entryBits
				nbits -= uint(e & entryBits)
				out[wr] = byte(e >> entryValue)
				wr++
				e = lit[bits&(1<<litBits-1)]
				if e&entryLit != 0 {
					bits >>= e & entryBits
					nbits -= uint(e & entryBits)
					out[wr] = byte(e >> entryValue)
					wr++
					continue
				}
			}
		}
		if e&entryOther != 0 {
			bits >>= e & entryBits
			nbits -= uint(e & entryBits)
			if e&entrySub != entrySub {
				break loop
			}
			e = lit[(e>>entryValue+uint32(bits)&(1<<litSubBits-1))&(litTableLen-1)]
			if e&entryLit != 0 {
				bits >>= e & entryBits
				nbits -= uint(e & entryBits)
				out[wr] = byte(e >> entryValue)
				wr++
				continue
			}
			if e&entryOther != 0 {
				bits >>= e & entryBits
				nbits -= uint(e & entryBits)
				break loop
			}
		}
		length := int(e>>entryValue) + int(bits&(1<<(e&entryBits)-1)>>(e>>entryLen&entryLenMask))
		bits >>= e & entryBits
		nbits -= uint(e & entryBits)

		if nbits < maxBits+13 {
			bits |= binary.LittleEndian.Uint64(in[pos:pos+8]) << (nbits & 63)
			pos += int((63 - nbits) >> 3)
			nbits |= 56
		}
		e = dist[bits&(1<<distBits-1)]
		if e&entryOther != 0 {
			if e&entrySub == entrySub {
				bits >>= distBits
				nbits -= distBits
				e = dist[(e>>entryValue+uint32(bits)&(1<<distSubBits-1))&(distTableLen-1)]
			}
			if e&entryOther != 0 {
				bad = badDistance
				break loop
			}
		}
		back := int(e>>entryValue) + int(bits&(1<<(e&entryBits)-1)>>(e>>entryLen&entryLenMask))
		bits >>= e & entryBits
		nbits -= uint(e & entryBits)
		if back > wr {
			bad = farDistance
			break loop
		}

		// Bits for the next turn: early, so that its first lookup needn't
		// wait for the copy.
		bits |= binary.LittleEndian.Uint64(in[pos:pos+8]) << (nbits & 63)
		pos += int((63 - nbits) >> 3)
		nbits |= 56

		from := wr - back
		to := wr
		wr += length
		switch {
		case length >= 64 && back >= length:
			copy(out[to:wr], out[from:from+length])
		case back >= 8:
			for {
				binary.LittleEndian.PutUint64(out[to:to+8], binary.LittleEndian.Uint64(out[from:from+8]))
				binary.LittleEndian.PutUint64(out[to+8:to+16], binary.LittleEndian.Uint64(out[from+8:from+16]))
				to += 16
				from += 16
				if to >= wr {
					break
				}
			}
		case back == 1:
			v := uint64(out[from]) * 0x0101010101010101
			for to < wr {
				binary.LittleEndian.PutUint64(out[to:to+8], v)
				to += 8
			}
		default:
			// Of eight bytes only the first back are right; the next step
			// writes over the others.
			for to < wr {
				binary.LittleEndian.PutUint64(out[to:to+8], binary.LittleEndian.Uint64(out[from:from+8]))
				to += back
				from += back
			}
		}
	}
	d.pos = pos
	d.bits, d.nbits = bits, nbits
	d.wr = wr
	if bad != "" {
		return d.corrupt(bad)
	}
	if e&entryOther != 0 && e&entrySub != entrySub {
		return d.end(e)
	}
	d.unread()
	return nil
}
