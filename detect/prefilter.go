package detect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// prefilter finds the places in a text where a literal of some rule is. It is
// the only part that sees every byte.
//
// Each literal stands for some strings of four bytes, with bit 0x20 set in all
// of them so that case does not matter. A hash of four bytes of text is looked
// up in a table of which a few percent is set; only then the literals are
// compared. Only every other place in the text is looked at: a literal has one
// string for even distances from its start, and one for odd ones.
//
// Measured on binaries, JavaScript and source text, one core, in ratios to
// SHA-256: this 1.1, 1.0, 1.0; every place, eight at a time 0.5 for all; this
// with a table of bits, which holds eight times as much, 0.7; an Aho-Corasick
// automaton, a dense DFA and RE2's set matcher between 0.05 and 0.25.
type prefilter struct {
	table [tableSize]uint8       // 1: some literal has a gram with this hash
	again [tableSize / 64]uint64 // a bit: with this other hash; of what the table lets through, most is stopped here
	index []indexedGram          // of a power of two
	lists [][]gram               // what is to be compared for which of the grams; the first is empty

	indexShift int

	literals []target
	keywords []int // rules whose keywords the table can't hold
	words    []wordLiteral
	escape   int // the literal that is no rule's: \u00

	names nameFilter // for what is looked for before long words only
}

const (
	tableBits = 19
	tableSize = 1 << tableBits
	fold8     = 0x2020202020202020
	fold4     = 0x20202020
)

func gramHash(g uint32) uint32 { return g * 0x9E3779B1 >> (32 - tableBits) }

// otherBit is where a gram has its bit in prefilter.again.
func otherBit(g uint32) (word int, bit uint64) {
	h := g * 0x85EBCA6B >> (32 - tableBits)
	return int(h / 64), 1 << (h % 64)
}

// indexedGram is a gram in a hash table, at the first free place from its hash
// on. Less than half of the places are taken.
type indexedGram struct {
	gram uint32
	list uint32 // an index of prefilter.lists; 0: none is here
}

// compared gives what is to be compared where the gram is.
func (f *prefilter) compared(g uint32) []gram {
	if word, bit := otherBit(g); f.again[word]&bit == 0 {
		return nil
	}
	for i := g * 0x85EBCA6B >> f.indexShift; ; i++ {
		if x := &f.index[i&uint32(len(f.index)-1)]; x.gram == g || x.list == 0 {
			return f.lists[x.list]
		}
	}
}

// gram is what is compared first at a place where a literal may be: eight
// bytes in one step.
type gram struct {
	bytes, mask uint64 // with bit 0x20 set
	literal     uint32
	offset      int16 // in the literal; it may be -1
}

// target is a literal with all that it means.
type target struct {
	sets  []*byteSet
	grams [2]int
	uses  []use
	gate  []int // rules for which it is a keyword
}

type use struct {
	rule    int
	literal int // of the rule's plan
}

func newPrefilter(rs []*rule) *prefilter {
	b, names := newFilterBuilder(), newFilterBuilder()
	f := b.f
	f.names.prefilter = names.f
	for i, r := range rs {
		if r.Pattern == "" {
			continue
		}
		p := &r.plan
		in := b
		if p.named {
			in = names
			f.names.add(p.assign)
		}
		for k := range p.literals {
			t := in.target(&p.literals[k], p.edge)
			t.uses = append(t.uses, use{i, k})
		}
		if p.literals != nil && !p.gated {
			continue
		}
		for _, k := range r.Keywords {
			l, ok := keywordLiteral(k)
			if !ok {
				f.keywords = append(f.keywords, i)
				break
			}
			t := b.target(l, false)
			t.gate = append(t.gate, i)
		}
	}
	f.escape = len(f.literals)
	b.target(escapeLiteral(), false)
	b.finish()
	names.finish()
	return f
}

// escapeLiteral is what an ASCII character that can be shown is written as in
// JSON: \u0020 to \u007E.
func escapeLiteral() *literal {
	l, _ := keywordLiteral(`\u00`)
	digit := new(byteSet)
	digit.addRange('0', '7')
	l.sets = append(l.sets, digit)
	return l
}

// keywordLiteral is a literal for a keyword, which is in lower case. Keywords
// that are too short for the table, or not ASCII, have none.
func keywordLiteral(k string) (*literal, bool) {
	var seq []*item
	l := new(literal)
	for _, c := range []byte(k) {
		if c >= utf8.RuneSelf {
			return nil, false
		}
		set := new(byteSet)
		set[c] = true
		if c >= 'a' && c <= 'z' {
			set[c&^0x20] = true
		}
		seq = append(seq, newItem(set, size{1, 1, 1}))
		l.sets = append(l.sets, set)
	}
	if len(seq) < 3 {
		return nil, false
	}
	l.grams, _, _ = gramPair(seq[:min(len(seq), literalReach/2)])
	return l, true
}

type filterBuilder struct {
	f      *prefilter
	known  map[string]int
	byGram map[uint32][]uint32 // twice the literal, and the parity of the gram

	foldedSets map[*byteSet][]byte
	setBits    map[*byteSet]string
	key        []byte
}

func newFilterBuilder() *filterBuilder {
	return &filterBuilder{f: &prefilter{lists: [][]gram{nil}}, known: map[string]int{}, byGram: map[uint32][]uint32{}, foldedSets: map[*byteSet][]byte{}, setBits: map[*byteSet]string{}}
}

// target returns the one target for literals that look the same.
func (b *filterBuilder) target(l *literal, edge bool) *target {
	key := b.key[:0]
	key = append(key, byte(l.word))
	if l.word > 0 && edge {
		key = append(key, 1)
	}
	for _, s := range l.sets {
		key = append(key, b.bits(s)...)
	}
	b.key = key
	i, ok := b.known[string(key)]
	if !ok {
		i = len(b.f.literals)
		b.known[string(key)] = i
		b.f.literals = append(b.f.literals, target{sets: l.sets, grams: l.grams})
		if l.word > 0 {
			b.f.words = append(b.f.words, newWordLiteral(i, l, edge))
			return &b.f.literals[i]
		}
		for parity, offset := range l.grams {
			b.addGrams(uint32(2*i+parity), l.sets, offset)
		}
	}
	return &b.f.literals[i]
}

// bits is a set as a string, a bit a byte.
func (b *filterBuilder) bits(s *byteSet) string {
	t, ok := b.setBits[s]
	if !ok {
		var v [32]byte
		for i, in := range s {
			if in {
				v[i/8] |= 1 << (i % 8)
			}
		}
		t = string(v[:])
		b.setBits[s] = t
	}
	return t
}

// folded is foldedBytes, which is asked for the same few sets again and again.
func (b *filterBuilder) folded(set *byteSet) []byte {
	c, ok := b.foldedSets[set]
	if !ok {
		c = foldedBytes(set)
		b.foldedSets[set] = c
	}
	return c
}

func (b *filterBuilder) addGrams(id uint32, sets []*byteSet, offset int) {
	var at [gramSize][]byte
	for i := range at {
		if k := offset + i; k >= 0 && k < len(sets) {
			at[i] = b.folded(sets[k])
		} else {
			at[i] = b.folded(nil)
		}
	}
	for _, c0 := range at[0] {
		for _, c1 := range at[1] {
			for _, c2 := range at[2] {
				for _, c3 := range at[3] {
					g := uint32(c0) | uint32(c1)<<8 | uint32(c2)<<16 | uint32(c3)<<24
					if l := b.byGram[g]; len(l) == 0 || l[len(l)-1] != id {
						b.byGram[g] = append(l, id)
					}
				}
			}
		}
	}
}

func (b *filterBuilder) finish() {
	f := b.f
	size := 1 << bits.Len(uint(2*len(b.byGram)))
	f.index, f.indexShift = make([]indexedGram, size), 32-bits.Len(uint(size-1))
	ids := map[string]uint32{}
	for g, l := range b.byGram {
		var key []byte
		for _, x := range l {
			key = binary.LittleEndian.AppendUint32(key, x)
		}
		id, ok := ids[string(key)]
		if !ok {
			id = uint32(len(f.lists))
			ids[string(key)] = id
			var list []gram
			for _, x := range l {
				list = append(list, b.gram(x/2, int(x%2)))
			}
			f.lists = append(f.lists, list)
		}
		f.table[gramHash(g)] = 1
		word, bit := otherBit(g)
		f.again[word] |= bit
		i := g * 0x85EBCA6B >> f.indexShift
		for f.index[i&uint32(size-1)].list != 0 {
			i++
		}
		f.index[i&uint32(size-1)] = indexedGram{g, id}
	}
}

// gram gives the comparison for one of the literal's two grams.
func (b *filterBuilder) gram(literal uint32, parity int) gram {
	t := &b.f.literals[literal]
	g := gram{literal: literal, offset: int16(t.grams[parity])}
	for i := range 8 {
		k := t.grams[parity] + i
		if k < 0 || k >= len(t.sets) {
			continue
		}
		if c := b.folded(t.sets[k]); len(c) == 1 {
			g.bytes |= uint64(c[0]) << (8 * i)
			g.mask |= 0xFF << (8 * i)
		}
	}
	return g
}

// scan finds the literals for all rules' matches that start in
// sc.d[sc.from:sc.commit].
func (f *prefilter) scan(sc *scan) {
	end := len(sc.d)
	if !sc.end {
		end = min(end, sc.commit+sc.s.limits.lead+literalReach)
	}
	sc.wordTo, sc.high, sc.decoding.wideSeen = sc.from, false, 0
	// Where a match starts, and so where its literal is, is never before from.
	sc.folds = f.find(sc.d, sc.from, end, sc.places, sc.verify)
	if sc.folds {
		at := foldsIn(sc.d, sc.from, end, &foldsInPatterns)
		f.findFolded(sc, end, at, &foldsInPatterns, sc.hits)
		f.brokenWords(sc, at)
		f.names.foldedNames(sc, end, at)
		at = foldsIn(sc.d, sc.from, end, &foldsInKeywords)
		f.findFolded(sc, end, at, &foldsInKeywords, func(t *target, _ int) { sc.open(t) })
	}
	for _, i := range f.keywords {
		st := sc.state(i)
		st.keyword = st.keyword || sc.s.rules[i].hasKeyword(sc.d[sc.from:])
	}
	for _, i := range sc.s.blind {
		// Nothing is known of where a match could be.
		r, st := sc.s.rules[i], &sc.rules[i]
		if len(r.Keywords) > 0 && !st.keyword || !sc.looksAt(i) {
			continue
		}
		if r.plan.run != nil {
			r.plan.run.windows(sc.d, sc.from, sc.commit, st)
			sc.touch(i)
		} else {
			sc.everywhere(i)
		}
	}
}

// brokenWords opens windows around the folding characters for the literals that
// are looked for in words: a folding character, as is at these places, ends a
// word.
func (f *prefilter) brokenWords(sc *scan, at []int) {
	for _, w := range f.words {
		for _, u := range f.literals[w.literal].uses {
			p := &sc.s.rules[u.rule].plan
			l := &p.literals[u.literal]
			if !l.folds || !sc.looksAt(u.rule) {
				continue
			}
			st := &sc.rules[u.rule]
			before := l.lead.wide + utf8.UTFMax*(w.offset+w.size) // from a match's start to such a character
			for _, i := range at {
				win := span{lo: max(0, i-before-context)}
				if l.length.wide < infinite {
					win.hi = i + l.length.wide
				} else {
					win.hi = st.reach.extend(sc.d, i, p.free, p.bound.wide, sc.s.limits.maxMatch)
				}
				win.hi = min(len(sc.d), win.hi+context)
				st.windows = append(st.windows, win)
				sc.touch(u.rule)
			}
			st.reach = reach{}
			st.sort() // those of its other literals are among them
		}
	}
}

// everywhere has rule i's pattern run over the whole round.
func (sc *scan) everywhere(i int) {
	w := span{max(0, sc.from-context), len(sc.d)}
	if n := sc.s.rules[i].plan.length.wide; n < infinite {
		w.hi = min(w.hi, sc.commit+n+context)
	}
	sc.rules[i].add(w)
	sc.touch(i)
}

const (
	findStep  = 16      // bytes that are looked at in one turn
	findReads = 22      // bytes that are read for it
	findBlock = 8 << 10 // bytes after which what was found is looked into, while they are in the cache
)

// places are where there may be something in a block of text.
type places struct {
	from, to int  // the block
	high     bool // it has bytes that are not ASCII

	// Where steps of findStep bytes begin, from the block's start on.
	grams [findBlock/findStep + 1]uint32 // in the upper bits; in the lower eight at which of their even places there may be a gram
	words [findBlock/findStep + 1]uint32 // their first eight bytes may be of a word
	wides [findBlock/findStep + 1]uint32 // they may be UTF-16 or UTF-32

	nGrams, nWords, nWides int
}

// find calls hit for the places in d[from:to], block by block, and notes them in
// p. It reports whether there are folding characters.
func (f *prefilter) find(d []byte, from, to int, p *places, hit func(*places)) (folds bool) {
	for from+findReads <= to {
		p.from, p.to = from, f.look(d, from, min(to, from+findBlock), p)
		hit(p)
		if p.high && !folds {
			folds = hasFolds(d[from:min(to, p.to+utf8.UTFMax)])
		}
		from = p.to
	}
	// The last literal may be shorter than what is read in a turn: look at
	// zeros behind it, as any byte.
	var last [findStep + findReads]byte
	n := copy(last[:], d[from:to])
	f.look(last[:], 0, len(last), p)
	p.from, p.to = from, from+n
	hit(p)
	return folds || p.high && hasFolds(d[from:to])
}

// look notes what there is in d[from:to], and returns how far it got.
//
// Both loops note every step, and count it only if it is to be kept: a branch
// would be taken too often to be foreseen, and costs more than all else. (With
// one, this takes half as much time again. One loop for both has not enough
// registers, and takes a third more.)
func (f *prefilter) look(d []byte, from, to int, out *places) (next int) {
	block, n := d[from:to], 0
	for b := block; len(b) >= findReads; b = b[findStep:] {
		p := (*[findReads]byte)(b)
		x := binary.LittleEndian.Uint64(p[0:]) | fold8
		y := binary.LittleEndian.Uint64(p[8:]) | fold8
		b0 := f.table[gramHash(uint32(x))]
		b1 := f.table[gramHash(uint32(x>>16))]
		b2 := f.table[gramHash(uint32(x>>32))]
		b3 := f.table[gramHash(binary.LittleEndian.Uint32(p[6:])|fold4)]
		b4 := f.table[gramHash(uint32(y))]
		b5 := f.table[gramHash(uint32(y>>16))]
		b6 := f.table[gramHash(uint32(y>>32))]
		b7 := f.table[gramHash(binary.LittleEndian.Uint32(p[14:])|fold4)]
		m := uint32(b0) | uint32(b1)<<1 | uint32(b2)<<2 | uint32(b3)<<3 | uint32(b4)<<4 | uint32(b5)<<5 | uint32(b6)<<6 | uint32(b7)<<7
		out.grams[n&(len(out.grams)-2)] = uint32(len(block)-len(b))<<8 | m
		n += int(b0 | b1 | b2 | b3 | b4 | b5 | b6 | b7)
	}
	out.nGrams = n

	var all uint64
	words, wides := 0, 0
	b := block
	for ; len(b) >= findReads; b = b[findStep:] {
		p := (*[findReads]byte)(b)
		x, y := binary.LittleEndian.Uint64(p[0:]), binary.LittleEndian.Uint64(p[8:])
		all |= x | y
		out.words[words&(len(out.words)-2)] = uint32(len(block) - len(b))
		words += inWord(x)
		if looksWide(x) {
			out.wides[wides&(len(out.wides)-2)] = uint32(len(block) - len(b))
			wides++
		}
	}
	out.nWords, out.nWides, out.high = words, wides, all&0x8080808080808080 != 0
	return to - len(b)
}

// each calls yield for the places in d where there is a gram: with eight bytes
// from there, and what is to be compared.
func (f *prefilter) each(d []byte, p *places, yield func(at int, x uint64, list []gram)) {
	for _, step := range p.grams[:p.nGrams] {
		for m := step & 0xFF; m != 0; m &= m - 1 {
			at := p.from + int(step>>8) + 2*bits.TrailingZeros32(m)
			if at >= p.to {
				break
			}
			x := fold8At(d, at)
			if list := f.compared(uint32(x)); len(list) > 0 {
				yield(at, x, list)
			}
		}
	}
}

// fold8At gives eight bytes of d, as many as there are, with bit 0x20 set.
func fold8At(d []byte, at int) uint64 {
	if at+8 <= len(d) {
		return binary.LittleEndian.Uint64(d[at:]) | fold8
	}
	var b [8]byte
	copy(b[:], d[at:])
	return binary.LittleEndian.Uint64(b[:]) | fold8
}

// verify compares the literals of the places' grams with the text, and tells
// their rules.
func (sc *scan) verify(p *places) {
	sc.high = sc.high || p.high
	sc.words(p)
	f := sc.s.filter
	f.each(sc.d, p, func(at int, x uint64, list []gram) {
		for i := range list {
			g := &list[i]
			if x&g.mask != g.bytes {
				continue
			}
			t, start := &f.literals[g.literal], at-int(g.offset)
			switch {
			case !t.at(sc.d, start):
			case int(g.literal) == f.escape:
				if sc.decodes() {
					sc.unicodeAt(start)
				}
			default:
				sc.open(t)
				sc.hits(t, start)
			}
		}
	})
	if sc.decodes() {
		sc.percents(p.from, p.to)
		for _, step := range p.wides[:p.nWides] {
			if at := p.from + int(step); at+8 <= p.to {
				sc.wide(at)
			}
		}
	}
}

func (t *target) at(d []byte, start int) bool {
	return start >= 0 && start <= len(d) && startsWith(d[start:], t.sets)
}

// open notes the keywords that t is, and hits notes where the patterns are
// that it is a literal of.
func (sc *scan) open(t *target) {
	for _, i := range t.gate {
		sc.state(i).keyword = true
	}
}

func (sc *scan) hits(t *target, at int) {
	for _, u := range t.uses {
		if sc.s.rules[u.rule].plan.literals[u.literal].back != nil {
			sc.backHits(u.rule, u.literal, at)
		} else {
			sc.hit(u.rule, u.literal, at)
		}
	}
}

// A folding character is one that is ASCII only when case is ignored.
type fold struct {
	char string
	as   byte
}

// Patterns and keywords ignore case in different ways: patterns by Unicode's
// simple folding, keywords by strings.ToLower.
var (
	foldsInPatterns = [...]fold{{"\u017F", 's'}, {"\u212A", 'k'}} // ſ, and K for Kelvin
	foldsInKeywords = [...]fold{{"\u0130", 'i'}, {"\u212A", 'k'}} // İ
)

// hasFolds reports whether the text has a character that a pattern takes for
// ASCII.
func hasFolds(d []byte) bool {
	f := foldFinder{d: d, folds: &foldsInPatterns}
	return f.from(0) >= 0
}

// foldsIn returns where the characters are in d[from:to].
func foldsIn(d []byte, from, to int, folds *[2]fold) (at []int) {
	next := foldFinder{d: d[:to], folds: folds}
	for i := next.from(from); i >= 0; i = next.from(i + 1) {
		at = append(at, i)
	}
	return at
}

// foldFinder finds such characters one after the other. It looks for their last
// bytes, which are rarer than their first ones in machine code, and remembers
// how far it has looked for which.
type foldFinder struct {
	d     []byte
	folds *[2]fold
	known [2]int // the first places from where it was asked for last; 0: not known
}

// from returns where the first of the characters is from d[i:] on, or -1.
func (f *foldFinder) from(i int) int {
	first := len(f.d)
	for k := range f.folds {
		if f.known[k] <= i {
			f.known[k] = f.search(f.folds[k].char, i)
		}
		first = min(first, f.known[k]-1)
	}
	if first >= len(f.d) {
		return -1
	}
	return first
}

// search returns one more than where char is from d[i:] on; if it is nowhere,
// more than len(d).
func (f *foldFinder) search(char string, i int) int {
	last := len(char) - 1
	for i += last; i < len(f.d); i++ {
		k := bytes.IndexByte(f.d[i:], char[last])
		if k < 0 {
			break
		}
		if i += k; string(f.d[i-last:i+1]) == char {
			return i - last + 1
		}
	}
	return len(f.d) + 1
}

// findFolded finds the literals that have a folding character in them: around
// each place of such a character it looks at a copy of the text with ASCII in
// its place.
func (f *prefilter) findFolded(sc *scan, end int, at []int, folds *[2]fold, found func(t *target, at int)) {
	const around = 4 * literalReach
	var plain [2 * around]byte
	var where [2 * around]int // plain[i] is at sc.d[where[i]:]
	for _, next := range at {
		n, center := 0, 0
		for k, hi := max(0, next-around), min(len(sc.d), next+around); k < hi; n++ {
			if k == next {
				center = n
			}
			plain[n], where[n] = sc.d[k], k
			step := 1
			for _, c := range folds {
				if sc.d[k] == c.char[0] && bytes.HasPrefix(sc.d[k:], []byte(c.char)) {
					plain[n], step = c.as, len(c.char)
				}
			}
			k += step
		}
		f.find(plain[:n], 0, n, sc.places, func(p *places) {
			f.each(plain[:n], p, func(at int, _ uint64, list []gram) {
				for _, g := range list {
					// Without the character in it, the literal was found before.
					t, start := &f.literals[g.literal], at-int(g.offset)
					if start >= 0 && start <= center && center < start+len(t.sets) && where[start] >= sc.from && t.at(plain[:n], start) {
						found(t, where[start])
					}
				}
			})
		})
	}
}
