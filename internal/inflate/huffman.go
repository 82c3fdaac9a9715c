package inflate

import "math/bits"

// The alphabets of RFC 1951, 3.2.5 to 3.2.7, and the widths of the lookup
// tables for them. A code that is longer than a table is wide goes on in a
// subtable; all subtables of a table have the width that the longest possible
// code needs.
const (
	maxLit      = 286 // literals, end of block and lengths that a dynamic block may have
	maxDist     = 30  // distances that a dynamic block may have
	numLit      = 288 // with the two that only the fixed code names
	numDist     = 32  // the same
	numPre      = 19  // code lengths and their repetitions
	endOfBlock  = 256
	maxBits     = 15 // of a literal, length or distance code
	litBits     = 11
	litSubBits  = maxBits - litBits
	distBits    = 8
	distSubBits = maxBits - distBits
	preBits     = 7 // the longest possible: no subtables
)

// Sizes of the tables: powers of two, so that a mask proves an index to be
// within. As a code is complete, there are at least two symbols in each
// subtable: 1<<11 + 286/2*16 = 4336 entries for lengths and literals,
// 1<<8 + 30/2*128 = 2176 for distances. What lies behind is never touched.
const (
	litTableLen  = 1 << 13
	distTableLen = 1 << 12
)

// An entry of a lookup table:
//
//	bits 0-5    how many bits it takes in all: those of the code word that the
//	            table has not consumed, and the extra bits behind it
//	bits 8-11   how many bits the code word takes (in this table)
//	bit 12      invalid: no such code word, or a symbol that must not occur
//	bit 13      the end of the block
//	bit 14      the code word goes on in a subtable
//	bit 15      any of these three
//	bits 16-30  the literal, the length or distance without extra bits, the
//	            symbol of a code length code, or where the subtable is
//	bit 31      a literal
const (
	entryBits    = 63
	entryLen     = 8 // shift
	entryLenMask = 15
	entryInvalid = 1<<12 | entryOther
	entryEnd     = 1<<13 | entryOther
	entrySub     = 1<<14 | entryOther
	entryOther   = 1 << 15
	entryValue   = 16 // shift
	entryLit     = 1 << 31

	// entryWord times its length is what a code word adds to its symbol.
	entryWord = 1 | 1<<entryLen
)

// RFC 1951, 3.2.5: the least length and distance of each code, and the number
// of extra bits that count up from it.
var (
	lengthBase  = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [...]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [...]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// What each symbol adds to the entries for its code word.
var (
	litSymbols  = makeLitSymbols()
	distSymbols = makeDistSymbols()
	preSymbols  = makePreSymbols()
)

func makeLitSymbols() (s [numLit]uint32) {
	for i := range s {
		switch {
		case i < endOfBlock:
			s[i] = entryLit | uint32(i)<<entryValue
		case i == endOfBlock:
			s[i] = entryEnd
		case i < maxLit:
			s[i] = uint32(lengthBase[i-endOfBlock-1])<<entryValue | uint32(lengthExtra[i-endOfBlock-1])
		default:
			s[i] = entryInvalid
		}
	}
	return s
}

func makeDistSymbols() (s [numDist]uint32) {
	for i := range s {
		if i < maxDist {
			s[i] = uint32(distBase[i])<<entryValue | uint32(distExtra[i])
		} else {
			s[i] = entryInvalid
		}
	}
	return s
}

func makePreSymbols() (s [numPre]uint32) {
	for i := range s {
		s[i] = uint32(i) << entryValue
	}
	return s
}

// tables are the codes of a block.
type tables struct {
	lit  [litTableLen]uint32
	dist [distTableLen]uint32
	// litMin is how many bits there must be before a literal or length is
	// decoded: the length of the end-of-block code. There can be no fewer, as
	// every block ends with it. It only matters where a stream breaks off:
	// compress/flate gives nothing either that stands in the bits before.
	litMin  uint
	distMin uint
}

// fixed has the codes of RFC 1951, 3.2.6.
var fixed = makeFixed()

func makeFixed() *tables {
	var lens [numLit]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	t := &tables{litMin: 7, distMin: 5}
	build(t.lit[:], litBits, lens[:], litSymbols[:])
	for i := range numDist {
		lens[i] = 5
	}
	build(t.dist[:], distBits, lens[:numDist], distSymbols[:])
	return t
}

// build makes the lookup table of the canonical Huffman code (RFC 1951, 3.2.2)
// whose lengths are lens, at most maxBits each; symbols has what their entries
// are to say. The table is indexed by the next width bits of the stream.
//
// It gives the length of the shortest code word. It fails if the code is
// over-subscribed or incomplete, with the exceptions that compress/flate and
// zlib make: one code word of one bit, and none at all. In these the entries
// without a code word are invalid.
func build(table []uint32, width uint, lens []uint8, symbols []uint32) (shortest uint, ok bool) {
	var count [maxBits + 1]int
	for _, n := range lens {
		count[n&maxBits]++
	}
	space := 0
	for n := maxBits; n > 0; n-- {
		space += count[n] << (maxBits - n)
		if count[n] != 0 {
			shortest = uint(n)
		}
	}
	if space != 1<<maxBits {
		if used := len(lens) - count[0]; used > 1 || used == 1 && count[1] != 1 {
			return 0, false
		}
		// A zero bit is the only code word, or there is none.
		table[0] = entryInvalid + uint32(shortest)*entryWord
		table[1] = table[0]
		for sym, n := range lens {
			if n != 0 {
				table[0] = symbols[sym] + entryWord
			}
		}
		for size := 2; size < 1<<width; size *= 2 {
			copy(table[size:2*size], table[:size])
		}
		return shortest, true
	}

	// The symbols, in the order of their code words; unused ones first.
	var sorted [numLit]uint16
	var at [maxBits + 1]int
	for n := 0; n < maxBits; n++ {
		at[n+1] = at[n] + count[n]
	}
	for sym, n := range lens {
		i := &at[n&maxBits]
		sorted[*i] = uint16(sym)
		*i++
	}
	rest := sorted[count[0]:len(lens)]

	// Code words come with their first bit lowest. word is the next one,
	// reversed so; a longer word is the same with zeros above. The table
	// doubles with each bit that the words gain.
	word, size := 0, 1
	for n := uint(1); n <= width; n++ {
		copy(table[size:2*size], table[:size])
		size *= 2
		for _, sym := range rest[:count[n]] {
			table[word] = symbols[sym] + uint32(n)*entryWord
			word = successor(word, size)
		}
		rest = rest[count[n]:]
	}
	// The words that are longer than the table is wide.
	mask := 1<<width - 1
	sub, root := 0, -1
	next := 1 << width
	for n := width + 1; n <= maxBits; n++ {
		for _, sym := range rest[:count[n]] {
			if word&mask != root {
				root = word & mask
				sub = next
				next += 1 << (maxBits - width)
				table[root] = entrySub | uint32(sub)<<entryValue + uint32(width)*entryWord
			}
			e := symbols[sym] + uint32(n-width)*entryWord
			for i := word >> width; i < 1<<(maxBits-width); i += 1 << (n - width) {
				table[sub+i] = e
			}
			word = successor(word, 1<<n)
		}
		rest = rest[count[n]:]
	}
	return shortest, true
}

// successor counts a code word up by one, whose bits are reversed: the highest
// zero is set, and the ones above it cleared. size is 1 << its length.
func successor(word, size int) int {
	zeros := word ^ (size - 1)
	if zeros == 0 {
		return 0 // it was the last
	}
	bit := 1 << (bits.Len(uint(zeros)) - 1)
	return word&(bit-1) | bit
}
