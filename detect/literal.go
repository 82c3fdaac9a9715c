package detect

import (
	"bytes"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// This file reads a pattern's syntax tree for what every match of it must have:
// how long it can be, and byte strings of which it contains at least one.
//
// Sizes come twice. Ignoring case, Go's patterns take U+017F (ſ, two bytes) for
// an s and U+212A (the Kelvin sign, three bytes) for a k; so what is 40 bytes
// long in all normal text can be 120 bytes long in principle. The prefilter
// notices whether a text has such characters, and then, and only then, the wide
// sizes are used.

const infinite = 1 << 30

// size is a number of bytes.
type size struct{ min, max, wide int }

// most returns the upper bound, for text with or without folding characters.
func (s size) most(folds bool) int {
	if folds {
		return s.wide
	}
	return s.max
}

func (s size) plus(t size) size {
	return size{min(s.min+t.min, infinite), min(s.max+t.max, infinite), min(s.wide+t.wide, infinite)}
}

func (s size) or(t size) size {
	return size{min(s.min, t.min), max(s.max, t.max), max(s.wide, t.wide)}
}

func (s size) times(lo, hi int) size {
	times := func(a, n int) int {
		if a == 0 || n == 0 {
			return 0
		}
		if n < 0 || a >= infinite/n {
			return infinite
		}
		return a * n
	}
	return size{times(s.min, lo), times(s.max, hi), times(s.wide, hi)}
}

// foldsToASCII reports whether r is one of the two characters that ignoring
// case takes for an ASCII letter.
func foldsToASCII(r rune) bool { return r == 'ſ' || r == '\u212A' }

// runeSize is the size of any character from lo to hi.
func runeSize(lo, hi rune) size {
	s := size{utf8.RuneLen(lo), utf8.RuneLen(hi), utf8.RuneLen(hi)}
	if s.min < 0 || lo <= utf8.RuneError && utf8.RuneError <= hi {
		s.min = 1 // a byte that is no UTF-8 counts as U+FFFD
	}
	if s.max < 0 {
		s.max, s.wide = utf8.UTFMax, utf8.UTFMax
	}
	if lo == hi && foldsToASCII(lo) {
		s.min, s.max = 1, 1
	}
	return s
}

// literalRune is the size of one character of a literal.
func literalRune(r rune, flags syntax.Flags) size {
	s := runeSize(r, r)
	if flags&syntax.FoldCase != 0 {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			s = s.or(runeSize(f, f))
		}
	}
	return s
}

// measure returns how long a match of re can be. Of a match in which unbounded
// repeats match only bytes in free, it returns how many bytes can be others.
func measure(re *syntax.Regexp, free *byteSet) size {
	if free != nil && len(re.Sub) == 0 {
		var leaf byteSet
		if leaf.collect(re, false); leaf.within(free) {
			return size{}
		}
	}
	unbounded := func(lo int) size {
		if free != nil {
			return size{}
		}
		return measure(re.Sub[0], free).times(lo, -1)
	}
	switch re.Op {
	case syntax.OpLiteral:
		var s size
		for _, r := range re.Rune {
			s = s.plus(literalRune(r, re.Flags))
		}
		return s
	case syntax.OpCharClass:
		if len(re.Rune) == 0 {
			return size{}
		}
		s := runeSize(re.Rune[0], re.Rune[1])
		for i := 2; i < len(re.Rune); i += 2 {
			s = s.or(runeSize(re.Rune[i], re.Rune[i+1]))
		}
		return s
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return size{1, utf8.UTFMax, utf8.UTFMax}
	case syntax.OpCapture:
		return measure(re.Sub[0], free)
	case syntax.OpStar:
		return unbounded(0)
	case syntax.OpPlus:
		return unbounded(1)
	case syntax.OpQuest:
		return measure(re.Sub[0], free).times(0, 1)
	case syntax.OpRepeat:
		if re.Max < 0 {
			return unbounded(re.Min)
		}
		return measure(re.Sub[0], free).times(re.Min, re.Max)
	case syntax.OpConcat:
		var s size
		for _, sub := range re.Sub {
			s = s.plus(measure(sub, free))
		}
		return s
	case syntax.OpAlternate:
		s := measure(re.Sub[0], free)
		for _, sub := range re.Sub[1:] {
			s = s.or(measure(sub, free))
		}
		return s
	}
	return size{} // matches nothing, or between two characters
}

// byteSet is a set of byte values.
type byteSet [256]bool

func (b *byteSet) addRange(lo, hi rune) {
	for r := lo; r <= hi && r < utf8.RuneSelf; r++ {
		b[r] = true
	}
	switch {
	case hi < utf8.RuneSelf:
	case lo == hi:
		for _, c := range []byte(string(lo)) {
			b[c] = true
		}
	default:
		for c := utf8.RuneSelf; c < 256; c++ {
			b[c] = true
		}
	}
}

// collect adds every byte that a match of re can have; with free, only those
// that its unbounded repeats can match.
func (b *byteSet) collect(re *syntax.Regexp, free bool) {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus:
		free = false
	case syntax.OpRepeat:
		if re.Max < 0 {
			free = false
		}
	}
	if !free {
		switch re.Op {
		case syntax.OpLiteral:
			for _, r := range re.Rune {
				b.addRange(r, r)
				if re.Flags&syntax.FoldCase != 0 {
					for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
						b.addRange(f, f)
					}
				}
				if r == utf8.RuneError {
					b.addRange(utf8.RuneSelf, unicode.MaxRune)
				}
			}
		case syntax.OpCharClass:
			for i := 0; i < len(re.Rune); i += 2 {
				b.addRange(re.Rune[i], re.Rune[i+1])
				if re.Rune[i] == utf8.RuneError {
					b.addRange(utf8.RuneSelf, unicode.MaxRune)
				}
			}
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			nl := b['\n']
			b.addRange(0, unicode.MaxRune)
			b['\n'] = nl || re.Op == syntax.OpAnyChar
		}
	}
	for _, sub := range re.Sub {
		b.collect(sub, free)
	}
}

// item is one step through a pattern: a character of an ASCII set or, where
// set is nil, a gap of some size.
type item struct {
	set   *byteSet
	class *byteSet // of a gap: the ASCII bytes that it is made of; nil: not known
	size  size

	frequency float64 // of the set's bytes in text
	folded    int     // how many bytes the set has when case is ignored
	few       []byte  // the members in lower case, if they are not more than maxFew
}

const maxFew = 6

func newItem(set *byteSet, s size) *item {
	it := &item{set: set, size: s, frequency: frequency(set), folded: len(foldedBytes(set))}
	for c, in := range set {
		if !in || c >= 'A' && c <= 'Z' && set[c|0x20] {
			continue
		}
		if it.few = append(it.few, bytes.ToLower([]byte{byte(c)})...); len(it.few) > maxFew {
			it.few = nil
			break
		}
	}
	return it
}

// Patterns with more alternatives than this are not taken apart further.
const maxAlternatives = 96

// sequences returns ways through re such that every match takes one of them.
func sequences(re *syntax.Regexp) [][]*item {
	gap := [][]*item{{{size: measure(re, nil)}}}
	switch re.Op {
	case syntax.OpLiteral:
		var seq []*item
		for _, r := range re.Rune {
			it, ok := literalItem(r, re.Flags)
			if !ok {
				return gap
			}
			seq = append(seq, it)
		}
		return [][]*item{seq}
	case syntax.OpCharClass:
		set := new(byteSet)
		for i := 0; i < len(re.Rune); i += 2 {
			lo, hi := re.Rune[i], re.Rune[i+1]
			if lo == hi && foldsToASCII(lo) {
				continue
			}
			if hi >= utf8.RuneSelf {
				return gap
			}
			set.addRange(lo, hi)
		}
		for _, f := range foldsInPatterns {
			// They are looked for as what they fold to, so that must be in the
			// class as well: it is when case is ignored.
			if r, _ := utf8.DecodeRuneInString(f.char); !set[f.as] && slices.Contains(re.Rune, r) {
				return gap
			}
		}
		return [][]*item{{newItem(set, measure(re, nil))}}
	case syntax.OpCapture:
		return sequences(re.Sub[0])
	case syntax.OpQuest:
		if sub := sequences(re.Sub[0]); len(sub) <= 4 {
			return append([][]*item{{}}, sub...)
		}
		return gap
	case syntax.OpPlus:
		return repeated(re.Sub[0], 1, -1, gap)
	case syntax.OpRepeat:
		return repeated(re.Sub[0], re.Min, re.Max, gap)
	case syntax.OpConcat:
		all := [][]*item{{}}
		for _, s := range re.Sub {
			next := sequences(s)
			if len(next)*len(all) > maxAlternatives {
				next = [][]*item{{{size: measure(s, nil)}}}
			}
			var joined [][]*item
			for _, a := range all {
				for _, b := range next {
					joined = append(joined, append(a[:len(a):len(a)], b...))
				}
			}
			all = joined
		}
		return all
	case syntax.OpAlternate:
		var all [][]*item
		for _, s := range re.Sub {
			all = append(all, sequences(s)...)
		}
		if len(all) > maxAlternatives {
			return gap
		}
		return all
	case syntax.OpStar, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return gap
	case syntax.OpNoMatch:
		return nil
	}
	return [][]*item{{}} // matches between two characters
}

// literalItem is the item of an ASCII character.
func literalItem(r rune, flags syntax.Flags) (*item, bool) {
	if r >= utf8.RuneSelf {
		return nil, false
	}
	if flags&syntax.FoldCase != 0 {
		return asciiItems().folded[r], true
	}
	return asciiItems().exact[r], true
}

type itemTable struct{ exact, folded [utf8.RuneSelf]*item }

// asciiItems holds an item for each ASCII character: patterns are full of them.
var asciiItems = sync.OnceValue(func() *itemTable {
	t := new(itemTable)
	for r := range rune(utf8.RuneSelf) {
		exact, folded := new(byteSet), new(byteSet)
		exact[r], folded[r] = true, true
		folded[unicode.ToLower(r)], folded[unicode.ToUpper(r)] = true, true
		t.exact[r] = newItem(exact, literalRune(r, 0))
		t.folded[r] = newItem(folded, literalRune(r, syntax.FoldCase))
	}
	return t
})

// repeated is a sub repeated lo to hi times; hi -1 is without end.
func repeated(sub *syntax.Regexp, lo, hi int, gap [][]*item) [][]*item {
	seqs := sequences(sub)
	if len(seqs) != 1 || lo == 0 {
		return gap
	}
	// A long run's first and last bytes are enough to choose a literal from.
	head, tail := lo, 0
	if lo > 40 {
		head, tail = leastWord+1, 4
	}
	if hi > 0 {
		hi -= head + tail
	}
	var seq []*item
	for range head {
		seq = append(seq, seqs[0]...)
	}
	if rest := measure(sub, nil).times(lo-head-tail, hi); rest.max > 0 {
		gap := &item{size: rest}
		if len(seqs[0]) == 1 {
			gap.class = seqs[0][0].set
		}
		seq = append(seq, gap)
	}
	for range tail {
		seq = append(seq, seqs[0]...)
	}
	return [][]*item{seq}
}

// literal is a string of byte sets that a match contains.
type literal struct {
	sets  []*byteSet
	grams [2]int // see gramPair

	word   int  // not 0: it is looked for in words, has so many bytes in one,
	wordAt int  // from this offset on,
	folds  bool // and the text may have a character that breaks the word, when case is ignored

	// Not nil: it is at no bounded distance from the match's start, but all in
	// between is of this set, and starts with these.
	back  *byteSet
	start []*byteSet

	lead   size // from the match's start to the literal's
	tail   size // the same without the plan's prefix
	length size // of a match with this literal

	edge, foldedEdge bool // it says whether a match starts with a word's character: without and with folding characters
}

const (
	gramSize     = 4
	anyFolded    = 128   // len(foldedBytes(nil))
	literalReach = 24    // no literal is longer
	maxGrams     = 6000  // that one literal may stand for
	fewGrams     = 700   // more than that only if there is no other way
	wordCost     = 3e-4  // of what is looked for in words instead
	maxHits      = 0.005 // of a gram a byte, in a rough estimate
)

// gramPair chooses which four bytes of a literal the prefilter looks for. It
// looks at every other byte only, so there are two: one at an even, one at an
// odd offset from the literal's start. They may reach over its ends, by bytes
// that can be anything. cost is a rough estimate of how often they will be seen
// a byte of text, by themselves or by another text of the same hash.
func gramPair(seq []*item) (offsets [2]int, total int, cost float64) {
	for parity := range offsets {
		best := math.Inf(1)
		var grams int
		for k := -2 + parity; k < len(seq)-1; k += 2 {
			p, n := 1.0, 1
			text := make([]byte, 0, gramSize)
			for i := k; i < k+gramSize; i++ {
				if i < 0 || i >= len(seq) {
					n *= anyFolded
					continue
				}
				p *= seq[i].frequency
				n *= seq[i].folded
				if len(seq[i].few) == 1 {
					text = append(text, seq[i].few[0])
				}
			}
			p = max(p, commonness(text))
			if c := p + float64(n)/tableSize; k > -2 && c < best {
				best, offsets[parity], grams = c, k, n
			}
		}
		cost += best / 2
		total += grams
	}
	return offsets, total, cost
}

// commonWords are what source text is full of.
const commonWords = "token key auth access secret password passwd api private public login user name table enable path pattern patch " +
	"data type value string function return import export default const this that with from http https:// www .com .org json index " +
	"object error config version service server client code read write file ation ment able node module window document element event color " +
	"package register composite based authorization condition controller abstract wallet string width state style license copyright software create update delete select message request response header content length number array test"

// commonness is a lower bound for how often three or four characters are in
// text, from what is known to be in many of them.
func commonness(text []byte) float64 {
	switch {
	case len(text) < 3:
		return 0
	case bytes.Count(text, text[:1]) == len(text):
		return 2e-3 // lines of dashes, zeros in base64
	case commonParts()[string(text)]:
		return 5e-4
	}
	return 0
}

// commonParts has every three and four characters in a row of commonWords.
var commonParts = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for n := 3; n <= gramSize; n++ {
		for i := 0; i+n <= len(commonWords); i++ {
			m[commonWords[i:i+n]] = true
		}
	}
	return m
})

// stringFrom returns the sets of seq from the i'th item on, up to a gap and no
// longer than half of literalReach.
func stringFrom(seq []*item, i int) (sets []*byteSet) {
	sets = make([]*byteSet, 0, literalReach/2)
	for _, it := range seq[i:min(i+literalReach/2, len(seq))] {
		if it.set == nil {
			break
		}
		sets = append(sets, it.set)
	}
	return sets
}

// chooseLiteral returns the string of seq that is likely to be rarest.
func chooseLiteral(seq []*item) (best literal, ok bool) {
	var lead size
	bestCost, total := math.Inf(1), 0
	for lo := 0; lo < len(seq); lo++ {
		if lo > 0 {
			lead = lead.plus(seq[lo-1].size)
		}
		if lead.wide >= infinite {
			break
		}
		if lo > 0 && seq[lo].set != nil && seq[lo].folded > 26 && seq[lo] == seq[lo-1] {
			continue // inside of a run of a class, where no string is rarer than that of its start
		}
		sets := stringFrom(seq, lo)
		if len(sets) < 3 {
			continue
		}
		grams, n, cost := gramPair(seq[lo : lo+len(sets)])
		if n > maxGrams || cost > maxHits+maxGrams/2.0/tableSize {
			continue
		}
		// What costs is each hit of a gram, and far more each one of the
		// whole literal.
		whole := 1.0
		for _, it := range seq[lo : lo+len(sets)] {
			whole *= it.frequency
		}
		if cost += 50 * whole; cost < bestCost {
			bestCost, total, ok = cost, n, true
			best = literal{sets: sets, grams: grams, lead: lead}
		}
	}
	// Many grams slow down everything, even if they are never seen; and a long
	// word of a given start is rarer than some.
	if many := !ok || total > fewGrams; many || bestCost > wordCost {
		if w, found := chooseWord(seq); found && (many || w.wordAt > 0) {
			best, ok = w, true
		} else if w, found := chooseBack(seq); found {
			best, ok = w, true
		}
	}
	if ok {
		for _, it := range seq {
			best.length = best.length.plus(it.size)
		}
		best.edge, best.foldedEdge = best.startsAtEdge(false), best.startsAtEdge(true)
	}
	return best, ok
}

// backReach is how far before a literal with a back set a match may start.
const backReach = 16 << 10

// chooseBack returns a literal behind an unbounded repeat of a class.
func chooseBack(seq []*item) (best literal, ok bool) {
	back := new(byteSet)
	unbounded := false
	for i, it := range seq {
		if unbounded && it.set != nil && !it.set.within(back) {
			best = literal{sets: stringFrom(seq, i), back: back, start: stringFrom(seq, 0)}
			if len(best.sets) < 3 || len(best.start) == 0 {
				return best, false
			}
			var total int
			var cost float64
			best.grams, total, cost = gramPair(seq[i : i+len(best.sets)])
			return best, total <= fewGrams && cost <= maxHits
		}
		set := it.set
		if set == nil {
			set = it.class
		}
		if set == nil || it.size.wide != it.size.max {
			return best, false
		}
		unbounded = unbounded || it.size.wide >= infinite
		back.union(set)
	}
	return best, false
}

// startsAtEdge reports whether the literal says where a match starts, and
// whether it starts with a word's character or with another.
func (l *literal) startsAtEdge(folds bool) bool {
	if l.lead.most(folds) != 0 {
		return false
	}
	word, other := false, false
	sets := l.sets
	if l.back != nil {
		sets = l.start
	}
	for c, in := range sets[0] {
		word, other = word || in && isWord(byte(c)), other || in && !isWord(byte(c))
	}
	return word != other
}

// leadString returns the string that seq begins with, and a rough estimate of
// how often it is in text. It ends before a letter that is longer when case is
// ignored.
func leadString(seq []*item) (sets []*byteSet, cost float64) {
	cost = 1
	for _, it := range seq[:min(len(seq), literalReach)] {
		if it.set == nil || it.size.wide != 1 {
			break
		}
		cost *= it.frequency
		sets = append(sets, it.set)
	}
	return sets, cost
}

// rare is what a string of at least two sets may cost.
const rare = 0.001

// rarestString returns the rarest string of at least two sets in seq, wherever
// it is.
func rarestString(seq []*item) (best []*byteSet, ok bool) {
	bestCost := rare
	for i := 0; i < len(seq); i++ {
		sets, cost := leadString(seq[i:])
		if len(sets) > 1 && cost < bestCost {
			bestCost, best, ok = cost, sets, true
		}
		i += len(sets)
	}
	return best, ok
}

// laterParts returns the first part behind an unbounded repeat at which every
// match goes on with a string of at least two sets that is rare enough, and
// those strings.
func laterParts(parts []*syntax.Regexp) (strings []finder, rest int) {
next:
	for rest = 1; rest < len(parts); rest++ {
		if measure(parts[rest-1], nil).max < infinite {
			continue
		}
		strings = nil
		for _, seq := range sequences(&syntax.Regexp{Op: syntax.OpConcat, Sub: parts[rest:]}) {
			sets, cost := leadString(seq)
			if len(sets) < 2 || cost > rare {
				continue next
			}
			strings = append(strings, newFinder(sets))
		}
		return strings, rest
	}
	return nil, 0
}

// finder looks for a string of sets anywhere.
type finder struct {
	sets []*byteSet
	key  int // which of the sets is looked for first, because it is a single byte; -1: none is
	lead byte
}

// newFinder chooses a byte that is no letter if it can, as those are rarer: the
// "-" of [ \t\n\r]--user.
func newFinder(sets []*byteSet) finder {
	f := finder{sets: sets, key: -1}
	for i, s := range sets {
		if c, single := s.only(); single && (f.key < 0 || isWord(f.lead) && !isWord(c)) {
			f.key, f.lead = i, c
		}
	}
	return f
}

// in reports whether d has the string.
func (f *finder) in(d []byte) bool { return f.find(d) >= 0 }

// find returns where the string is in d first, or -1.
func (f *finder) find(d []byte) int {
	for i := 0; i+len(f.sets) <= len(d); i++ {
		if f.key >= 0 {
			n := bytes.IndexByte(d[i+f.key:], f.lead)
			if i += n; n < 0 {
				return -1
			}
		}
		if f.at(d, i) {
			return i
		}
	}
	return -1
}

// at reports whether the string is at d[i:].
func (f *finder) at(d []byte, i int) bool { return startsWith(d[i:], f.sets) }

// only gives the byte of a set of one.
func (b *byteSet) only() (c byte, ok bool) {
	for i, in := range b {
		if in && ok {
			return 0, false
		}
		if in {
			c, ok = byte(i), true
		}
	}
	return c, ok
}

// frequency is how often a byte of text is in the set: a rough guess, good
// enough to prefer "xoxb" to "api-".
func frequency(set *byteSet) float64 {
	p, n := 0.0, 0
	for c, in := range set {
		if !in {
			continue
		}
		n++
		switch c {
		case ' ', 'e', 't', 'a', 'o', 'i', 'n', 's', 'r':
			p += 0.06
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '-', '_', '.', '"', '/',
			'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'p', 'q', 'u', 'v', 'w', 'x', 'y', 'z':
			p += 0.02
		default:
			p += 0.01
		}
	}
	if n > 4 {
		p = max(p, 0.25) // members of a class come in runs
	}
	return min(p, 1)
}

// foldedBytes returns what the set's bytes are once 0x20 is set in each of
// them, which is how the prefilter ignores case; nil is any byte.
func foldedBytes(set *byteSet) []byte {
	var in byteSet
	for c := range 256 {
		if set == nil || set[c] {
			in[c|0x20] = true
		}
	}
	var out []byte
	for c, ok := range in {
		if ok {
			out = append(out, byte(c))
		}
	}
	return out
}

// holdsKeyword reports whether the text of every match that takes this way has
// one of the keywords, as long as there are no folding characters in it.
func holdsKeyword(seq []*item, keywords []string) bool {
	for i := range seq {
		if spellsKeyword(seq[i:], "", keywords) {
			return true
		}
	}
	return false
}

func allHoldKeyword(seqs [][]*item, keywords []string) bool {
	return !slices.ContainsFunc(seqs, func(seq []*item) bool { return !holdsKeyword(seq, keywords) })
}

// spellsKeyword reports whether, after prefix, every choice from the sets of
// seq makes a keyword.
func spellsKeyword(seq []*item, prefix string, keywords []string) bool {
	possible := false
	for _, k := range keywords {
		if k == prefix {
			return true
		}
		possible = possible || strings.HasPrefix(k, prefix)
	}
	if !possible || len(seq) == 0 || len(seq[0].few) == 0 {
		return false
	}
	for _, c := range seq[0].few {
		if !spellsKeyword(seq[1:], prefix+string(rune(c)), keywords) {
			return false
		}
	}
	return true
}
