package detect

import "encoding/binary"

// A word is a run of the characters of base64, in both its alphabets, which are
// also those of hex digits and of most identifiers. Long ones are rare enough
// to be looked at: what is encoded is in them, and where a rule has no literal
// worth the name but wants many such characters ("ey" and 17 letters or
// digits), it is there that it can match.

// leastWord is how long a word must be to be found. The prefilter asks of eight
// bytes in sixteen whether all can be in a word: of so many in a row, eight
// begin at a multiple of sixteen, and eight more are next to them. In text that
// is so of one in ten. (Asking of one byte in eighteen costs three times as
// much, because in text the answer is as good as a coin's toss.)
const leastWord = findStep + 8 - 1

// wordBytes says which bytes are in words, and base64Value what they stand for
// (RFC 4648, sections 4 and 5; both alphabets at once).
var (
	wordBytes   = newByteSet(base64Alphabet + "+/-_")
	base64Value = newBase64Value()
)

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func newBase64Value() (value [256]uint8) {
	for i, c := range []byte(base64Alphabet + "+/") {
		value[c] = uint8(i)
	}
	value['-'], value['_'] = 62, 63
	return value
}

// words looks into the long words of a block.
func (sc *scan) words(p *places) {
	d := sc.d
	for _, step := range p.words[:p.nWords] {
		to := p.from + int(step)
		if to < sc.wordTo || to >= p.to {
			continue
		}
		// One that is long enough goes on for eight bytes to one side.
		if to >= 8 && to+16 <= len(d) && inWord(binary.LittleEndian.Uint64(d[to+8:]))|inWord(binary.LittleEndian.Uint64(d[to-8:])) == 0 {
			continue
		}
		from := to
		for from > sc.from && wordBytes[d[from-1]] {
			from--
		}
		if to = wordEnd(d, to); to-from >= leastWord {
			sc.wordTo = to
			sc.wordAt(from, to)
		}
	}
}

// wordEnd returns where the word that goes on at d[at:] ends.
func wordEnd(d []byte, at int) int {
	for at < len(d) && wordBytes[d[at]] {
		at++
	}
	return at
}

// inWord is 1 if eight bytes are letters, digits, or some of + , - . / _ and
// DEL: a few more than are in words, for what can be asked of eight at once.
func inWord(x uint64) (yes int) {
	const ones = 0x0101010101010101
	y := x | 0x20*ones
	// Adding 0x80-c sets the top bit of a byte that is c or more. What is not
	// ASCII carries over into the next byte, but then the answer is no anyhow.
	letter := (y + (0x80-'a')*ones) &^ (y + (0x80-'z'-1)*ones)
	digit := (y + (0x80-'+')*ones) &^ (y + (0x80-'9'-1)*ones)
	low := y + (0x80-0x7F)*ones // _ with 0x20 set
	if (letter|digit|low)&^x&(0x80*ones) == 0x80*ones {
		yes = 1
	}
	return yes
}

// wordAt looks into the word d[from:to].
func (sc *scan) wordAt(from, to int) {
	f := sc.s.filter
	sc.namesBefore(from)
	for k := range f.words {
		w := &f.words[k]
		if to-from < w.size {
			continue
		}
		t := &f.literals[w.literal]
		for at := from; at <= to-w.size; at++ {
			if start := at - w.offset; start >= 0 && t.sets[0][sc.d[start]] && t.at(sc.d, start) {
				sc.open(t)
				sc.hits(t, start)
			}
			if w.anchored {
				break
			}
			for w.edge && at+1 < to && isWord(sc.d[at]) {
				at++
			}
		}
	}
	if sc.decodes() {
		sc.encodedWord(from, to)
	}
}

// wordLiteral is a literal that is looked for in words: so many of its bytes,
// from the offset on, are in one.
type wordLiteral struct {
	literal      int
	offset, size int
	anchored     bool // what is before them is in no word
	edge         bool // they start where a match does, with letters or digits at the edge of such
}

func newWordLiteral(id int, l *literal, edge bool) wordLiteral {
	w := wordLiteral{literal: id, offset: l.wordAt, size: l.word}
	if l.wordAt > 0 {
		w.anchored = true
		for c, in := range l.sets[l.wordAt-1] {
			w.anchored = w.anchored && !(in && wordBytes[c])
		}
	}
	w.edge = edge && l.edge && l.wordAt == 0
	for c, in := range l.sets[0] {
		w.edge = w.edge && !(in && !isWord(byte(c)))
	}
	return w
}

// chooseWord returns the literal of seq that has the longest part in a word.
func chooseWord(seq []*item) (best literal, ok bool) {
	const before = 4 // so many sets before the word help to tell it apart
	leads := make([]size, len(seq))
	var lead size
	for i, it := range seq {
		leads[i] = lead
		lead = lead.plus(it.size)
	}
	for i := 0; i < len(seq); i++ {
		n := i
		for n < len(seq) && seq[n].set != nil && seq[n].set.within(&wordBytes) {
			n++
		}
		if n-i >= leastWord && n-i > best.word {
			lo := i
			for lo > 0 && seq[lo-1].set != nil && i-lo < before {
				lo--
			}
			if leads[lo].wide >= infinite {
				break
			}
			best, ok = literal{lead: leads[lo], word: n - i, wordAt: i - lo}, true
			for _, it := range seq[lo:min(n, i+literalReach/2)] {
				best.sets = append(best.sets, it.set)
				best.folds = best.folds || it.size.wide > 1
			}
		}
		i = max(i, n-1)
	}
	return best, ok
}
