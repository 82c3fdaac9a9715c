package detect

import (
	"bytes"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// A rule's pattern need not run over the whole text. If every match contains a
// literal at an offset between a and b from its start, and has at most m bytes,
// then running the pattern over the windows
//
//	[hit - b - context, hit - a + m + context]
//
// around all hits of the literal, merged where they touch, gives what running
// it over the text gives. All matches are inside of a window. And none is made
// up by a window's edge being taken for the start or end of the text: it would
// have to begin or end within context of the edge, but its own literal, which
// is in the text too, would have put the edge farther away.
//
// A hit may be passed over only for a reason that excludes a match, never for
// one that excludes a finding: a match that is no finding still uses up its
// text, and what comes after depends on that.

// context is what a window has on each side of a match: more than one
// character, for \b and the like.
const context = 4

// plan says how to run a pattern. It is made from the pattern alone.
type plan struct {
	literals []literal // nil: go by run or, without that, run over everything
	run      *classRun
	gated    bool // a match need not contain a keyword

	length size     // of a match
	free   *byteSet // what the unbounded repeats match; nil: there are none
	bound  size     // how many bytes of a match are something else

	// A match of unbounded length that starts with a common word ("curl") has
	// one of these behind it, and the pattern from part rest on matches there; a
	// window without such a place is not worth a look.
	later []finder
	rest  int

	edge   bool    // a match starts at a word's edge
	assign *assign // nil: not of that form
	prefix *prefix // nil: there is none
	named  bool    // its literals are looked for before long words only
	starts bool    // the literals tell where a match starts, or where it goes on behind its prefix
}

// prefix is the lazy repeat of a class that many patterns begin with, as in
// [\w.-]{0,50}?(?:key|token). Where what follows it matches is where a match
// has its first such place, and it starts as far before that as the class and
// the bound allow: an earlier start would reach the same place.
type prefix struct {
	set   byteSet
	folds bool // the set has characters that are ASCII only when case is ignored
	max   int
	parts int
}

// newPrefix returns the prefix of a pattern of these parts, or nil.
func newPrefix(parts []*syntax.Regexp) *prefix {
	p := new(prefix)
	for _, re := range parts {
		if re.Op != syntax.OpRepeat || re.Min > 0 || re.Max < 0 || re.Flags&syntax.NonGreedy == 0 {
			break
		}
		set := newCharSet(re.Sub[0])
		if set == nil {
			break
		}
		var bytes byteSet
		for c, in := range set {
			if in == isUnsure {
				return nil
			}
			bytes[c] = in == isIn
			p.folds = p.folds || in == isFold
		}
		if p.parts > 0 && bytes != p.set {
			break
		}
		p.set, p.max, p.parts = bytes, p.max+re.Max, p.parts+1
	}
	if p.parts == 0 {
		return nil
	}
	return p
}

// start returns where a match starts that goes on behind the prefix at d[at:],
// and is no earlier than first. It reports false if it can't tell.
func (p *prefix) start(d []byte, at, first int) (int, bool) {
	if p == nil {
		return at, true
	}
	i := at
	for first = max(first, at-p.max); i > first && p.set[d[i-1]]; {
		i--
	}
	if i > first && p.folds && d[i-1] >= 0x80 {
		for _, f := range foldsInPatterns {
			if bytes.HasSuffix(d[:i], []byte(f.char)) {
				return 0, false
			}
		}
	}
	return i, true
}

// maxStarts is for how many places a literal may say that a match starts there.
const maxStarts = 8

func makePlan(tree *syntax.Regexp, keywords []string) plan {
	p := plan{length: measure(tree, nil)}
	if p.length.max >= infinite {
		p.free = new(byteSet)
		p.free.collect(tree, true)
		p.bound = measure(tree, p.free)
	}
	parts := flatten(tree, nil)
	p.edge = len(parts) > 0 && parts[0].Op == syntax.OpWordBoundary
	p.prefix = newPrefix(parts)
	if a, n := newAssign(parts); a != nil {
		// Only literals before the operator, as the check starts from them.
		p.assign = a
		parts = parts[:n]
	}
	var lead size
	if p.prefix != nil {
		for _, re := range parts[:p.prefix.parts] {
			lead = lead.plus(measure(re, nil))
		}
		parts = parts[p.prefix.parts:]
	}
	seqs := sequences(&syntax.Regexp{Op: syntax.OpConcat, Sub: parts})
	p.gated = len(keywords) > 0 && !allHoldKeyword(seqs, keywords)
	if p.gated && p.assign != nil {
		p.gated = !allHoldKeyword(sequences(tree), keywords)
	}
	p.starts = true
	for _, seq := range seqs {
		l, ok := chooseLiteral(seq)
		if !ok {
			p.literals, p.assign, p.starts = nil, nil, false
			p.run = newClassRun(sequences(tree), p.length)
			return p
		}
		l.tail = l.lead
		l.lead, l.length = l.lead.plus(lead), l.length.plus(lead)
		if l.tail.max-l.tail.min >= maxStarts {
			p.starts = false
		}
		p.addLiteral(l)
	}
	if p.free != nil && p.assign == nil {
		p.later, p.rest = laterParts(concatenated(tree, nil))
	}
	p.named = p.isNamed()
	return p
}

// addLiteral adds a literal, unless the plan has it: then only the longer match
// counts.
func (p *plan) addLiteral(l literal) {
	for i := range p.literals {
		o := &p.literals[i]
		same := o.lead == l.lead && o.tail == l.tail && o.grams == l.grams && o.word == l.word && o.wordAt == l.wordAt && o.back == nil && l.back == nil
		if same && slices.EqualFunc(o.sets, l.sets, func(a, b *byteSet) bool { return a == b || *a == *b }) {
			o.length = o.length.or(l.length)
			o.folds = o.folds || l.folds
			return
		}
	}
	p.literals = append(p.literals, l)
}

// concatenated appends the parts of nested concatenations.
func concatenated(re *syntax.Regexp, parts []*syntax.Regexp) []*syntax.Regexp {
	if re.Op != syntax.OpConcat {
		return append(parts, re)
	}
	for _, s := range re.Sub {
		parts = concatenated(s, parts)
	}
	return parts
}

// flatten is concatenated that looks into a group at the pattern's start, too.
func flatten(re *syntax.Regexp, parts []*syntax.Regexp) []*syntax.Regexp {
	if re.Op == syntax.OpConcat {
		for _, s := range re.Sub {
			parts = flatten(s, parts)
		}
		return parts
	}
	if re.Op == syntax.OpCapture && len(parts) == 0 && re.Sub[0].Op == syntax.OpConcat {
		return flatten(re.Sub[0], parts)
	}
	return append(parts, re)
}

// reach returns how far before a literal a match may start, and how long a
// match of bounded length may be.
func (p *plan) reach(stretch int) (lead, length int) {
	for _, l := range p.literals {
		lead = max(lead, l.lead.wide)
		if l.back != nil {
			lead = max(lead, stretch)
		}
		if l.folds {
			// A folding character that breaks the word must be seen.
			lead = max(lead, l.lead.wide+utf8.UTFMax*(l.wordAt+l.word))
		}
		if p.named {
			lead = max(lead, l.lead.wide+p.assign.reach())
		}
	}
	if p.run != nil {
		lead = max(lead, p.run.lead.wide+p.run.n)
	}
	if p.length.wide < infinite {
		length = p.length.wide
	}
	return lead, length
}

// assign is the check for the form that half of the rules have, and whose
// keywords ("key", "token", a brand) occur all over any source text: a name,
// some blanks or quotes, an operator, a value.
type assign struct {
	gap    byteSet // between the literal and the operator
	op     byteSet
	filler byteSet // between the operator and the value
	value  byteSet

	opReach  int // from a literal to the operator
	fillSize int // of the operator and the filler
	minValue int
	maxValue int
	rest     int  // behind the value
	word     bool // the value starts with a long word
}

// newAssign returns the check if a pattern of these parts has the form, and the
// index of the operator among them.
func newAssign(parts []*syntax.Regexp) (*assign, int) {
	ops := newByteSet("=>:|?,")
	a := new(assign)
	n := -1
	for i, p := range parts {
		var set byteSet
		set.collect(p, false)
		if i > 0 && measure(p, nil).min > 0 && set.within(&ops) {
			n, a.op = i, set
			break
		}
		a.gap.union(&set)
	}
	if n < 0 {
		return nil, 0
	}
	for c := range a.gap {
		if a.gap[c] && a.op[c] {
			return nil, 0 // then the operator is not the first byte behind the gap
		}
	}
	for _, p := range parts[:n] {
		a.opReach = min(infinite, a.opReach+measure(p, nil).wide)
	}
	a.fillSize = measure(parts[n], nil).wide
	a.filler = a.op
	for _, p := range parts[n+1:] {
		m := measure(p, nil)
		switch {
		case a.minValue > 0:
			a.rest = min(infinite, a.rest+m.wide)
		case m.min > 0:
			a.minValue, a.maxValue = m.min, m.wide
			a.value.collect(p, false)
			a.word = startsWithWord(p)
		default:
			a.filler.collect(p, false)
			a.fillSize = min(infinite, a.fillSize+m.wide)
		}
	}
	if a.minValue == 0 || max(a.opReach, a.fillSize, a.rest) >= infinite {
		return nil, 0
	}
	return a, n
}

func (b *byteSet) union(c *byteSet) {
	for i, in := range c {
		b[i] = b[i] || in
	}
}

func (b *byteSet) within(c *byteSet) bool {
	for i := range b {
		if b[i] && !c[i] {
			return false
		}
	}
	return true
}

// operator returns where the operator is behind a literal at d[at:], or -1.
func (a *assign) operator(d []byte, at int) int {
	op, end := at, min(len(d), at+a.opReach+1)
	for op < end && a.gap[d[op]] {
		op++
	}
	if op == end || !a.op[d[op]] {
		return -1
	}
	return op
}

// possible reports whether a match may have its literal at d[at:].
func (a *assign) possible(d []byte, at int) bool {
	op := a.operator(d, at)
	if op < 0 {
		return false
	}
	run := 0
	end := min(len(d), op+a.fillSize+a.minValue)
	for i := op + 1; run < a.minValue; i++ {
		if i >= end {
			return false
		}
		if a.value[d[i]] {
			run++
		} else if run = 0; !a.filler[d[i]] {
			return false
		}
	}
	return true
}

// bounds returns a span that holds every match in d that has its literal at
// d[at:] and starts at first or later. It reports false if there can be none.
// r is that of the rule, so that a long value is gone over once.
func (a *assign) bounds(d []byte, at, first, maxMatch int, r *reach) (w span, ok bool) {
	op := a.operator(d, at)
	if op < 0 {
		return w, false
	}
	// All between the start and the operator is in gap, and all of the value
	// behind its last possible start is in value.
	w.lo = at
	for w.lo > first && a.gap[d[w.lo-1]] {
		w.lo--
	}
	start := min(len(d), op+a.fillSize)
	if !r.set || start < r.start || start > r.hi {
		*r = reach{set: true, start: start, hi: start}
	}
	for end := min(len(d), start+min(a.maxValue, maxMatch)); r.hi < end && a.value[d[r.hi]]; {
		r.hi++
	}
	w.hi = r.hi
	w.hi += a.rest
	return w, true
}

// reach remembers how far the last window of a rule with unbounded matches
// went, so that windows of hits close to each other cost no more than one.
type reach struct {
	set       bool
	start, hi int // in d
	other     int // bytes in d[start:hi] that are not free
}

// extend returns where a match that starts at start, or before, must have
// ended: all but bound of its bytes are free.
func (r *reach) extend(d []byte, start int, free *byteSet, bound, maxMatch int) int {
	if !r.set || start >= r.hi {
		*r = reach{set: true, start: start, hi: start}
	}
	for ; r.start < start; r.start++ {
		if !free[d[r.start]] {
			r.other--
		}
	}
	for end := min(len(d), r.start+maxMatch); r.hi < end; r.hi++ {
		if !free[d[r.hi]] {
			if r.other == bound {
				break
			}
			r.other++
		}
	}
	return r.hi
}

// hit is a place in the text where a literal of a rule's plan is.
type hit struct {
	at      int32
	literal uint8
}

// hit notes for rule i that its plan's literal k is at d[at:], if that can be
// part of a match.
func (sc *scan) hit(i, k, at int) {
	p := &sc.s.rules[i].plan
	l := &p.literals[k]
	if at-l.lead.min < sc.from || at-l.lead.wide >= sc.commit {
		return // where a match may start
	}
	if c := sc.d[at]; p.edge && l.edge && at > 0 && c < utf8.RuneSelf && isWord(sc.d[at-1]) == isWord(c) {
		return
	}
	if p.assign != nil && !p.assign.possible(sc.d, at) || !sc.looksAt(i) {
		return
	}
	sc.touch(i)
	st := &sc.rules[i]
	st.hits = append(st.hits, hit{int32(at), uint8(k)})
}

// backHits notes where matches may start that have rule i's literal k at
// d[at:], some way behind.
func (sc *scan) backHits(i, k, at int) {
	l := &sc.s.rules[i].plan.literals[k]
	low := max(sc.from, at-sc.s.limits.stretch)
	for at--; at >= low && l.back[sc.d[at]]; at-- {
		if startsWith(sc.d[at:], l.start) {
			sc.hit(i, k, at)
		}
	}
}

func startsWith(d []byte, sets []*byteSet) bool {
	if len(d) < len(sets) {
		return false
	}
	for i, s := range sets {
		if !s[d[i]] {
			return false
		}
	}
	return true
}

// touch notes that rule i has something to do in this round.
func (sc *scan) touch(i int) {
	if st := &sc.rules[i]; !st.touched {
		st.touched = true
		sc.active = append(sc.active, i)
	}
}

// windows turns the hits of rule i into windows.
func (sc *scan) windows(i int) {
	st, p := &sc.rules[i], &sc.s.rules[i].plan
	byPlace := func(a, b hit) int { return int(a.at) - int(b.at) }
	if !slices.IsSortedFunc(st.hits, byPlace) {
		slices.SortFunc(st.hits, byPlace)
	}
	broken := len(st.windows) > 0 // by brokenWords, anywhere
	for _, h := range st.hits {
		l := &p.literals[h.literal]
		unbounded := l.length.wide >= infinite
		w, ok := sc.window(p, l, int(h.at), unbounded, &st.reach)
		if !ok {
			continue
		}
		if !unbounded && hasFolds(sc.d[w.lo:w.hi]) {
			// With such characters in it, a match can be longer.
			w, _ = sc.window(p, l, int(h.at), true, &st.reach)
		}
		if broken {
			st.windows = append(st.windows, w)
		} else {
			st.add(w)
		}
	}
	if sc.folds {
		st.sort()
	}
}

// window returns the window around a literal at d[at:]. It reports false if
// there can't be a match.
func (sc *scan) window(p *plan, l *literal, at int, folds bool, r *reach) (w span, ok bool) {
	first, last := at-l.lead.most(folds), at-l.lead.min // where a match may start
	before := context
	if edge := !folds && l.edge || folds && l.foldedEdge; p.edge && edge && first > 0 {
		if isWord(sc.d[first-1]) == isWord(sc.d[first]) {
			return w, false
		}
		// What was passed over here would be at an edge if a window started
		// there, so the window must start where no match can.
		before = 1
	}
	w.lo = max(0, first)
	maxMatch := sc.s.limits.maxMatch
	if p.assign != nil {
		if w, ok = p.assign.bounds(sc.d, at, w.lo, maxMatch, r); !ok {
			return w, false
		}
	} else if n := l.length.most(folds); n < infinite {
		w.hi = last + n
	} else {
		w.hi = r.extend(sc.d, max(0, last), p.free, p.bound.wide, maxMatch)
	}
	return span{max(0, w.lo-before), min(len(sc.d), w.hi+context)}, true
}

// add merges w into the windows, which are sorted and do not touch. w must not
// start before them, or all in between becomes part of it.
func (st *ruleState) add(w span) {
	for n := len(st.windows); n > 0 && st.windows[n-1].hi >= w.lo; n-- {
		// As hits come in order, only the last windows can touch.
		w.lo, w.hi = min(w.lo, st.windows[n-1].lo), max(w.hi, st.windows[n-1].hi)
		st.windows = st.windows[:n-1]
	}
	st.windows = append(st.windows, w)
}

// laterPlaces returns where the rest of rule r's pattern, from its later strings
// on, may match behind one of the starts and within its reach, in order; and
// how far each start reaches.
func (sc *scan) laterPlaces(r *rule, starts []int) (places, ends []int) {
	p := &r.plan
	run := match{d: sc.d, begin: sc.base == 0, end: sc.end}
	try := func(f *finder, at int) {
		run.steps = 0
		if f.at(sc.d, at) && run.run(r.matcher().rest, at) != noMatch {
			places = append(places, at)
		}
	}
	look := func(w span) {
		first := &p.later[0]
		other := func(f finder) bool { return f.key != first.key || f.lead != first.lead }
		if first.key >= 0 && !slices.ContainsFunc(p.later, other) {
			// " -u" and " --user": one look for both.
			for at := w.lo + first.key; at < w.hi; at++ {
				k := bytes.IndexByte(sc.d[at:w.hi], first.lead)
				if k < 0 {
					break
				}
				at += k
				for i := range p.later {
					try(&p.later[i], at-first.key)
				}
			}
			return
		}
		for i := range p.later {
			for at := w.lo; at < w.hi; at++ {
				k := p.later[i].find(sc.d[at:w.hi])
				if k < 0 {
					break
				}
				at += k
				try(&p.later[i], at)
			}
		}
	}
	var w span
	var reach reach
	for _, at := range starts {
		if at = max(at, 0); at > w.hi {
			look(w)
			w.lo = at
		}
		w.hi = reach.extend(sc.d, at, p.free, p.bound.wide, sc.s.limits.maxMatch)
		ends = append(ends, w.hi)
	}
	look(w)
	slices.Sort(places)
	return places, ends
}

// sort puts windows in order that were added out of order.
func (st *ruleState) sort() {
	ws := st.windows
	slices.SortFunc(ws, func(a, b span) int { return a.lo - b.lo })
	st.windows = ws[:0]
	for _, w := range ws {
		st.add(w)
	}
}

// looksAt reports whether rule i looks at files of this path.
func (sc *scan) looksAt(i int) bool {
	st := sc.state(i)
	if st.applies == unknown {
		st.applies = no
		if sc.s.rules[i].applies(sc.path, sc.anyPath) {
			st.applies = yes
		}
	}
	return st.applies == yes
}

func isWord(c byte) bool { return isAlnum(c) || c == '_' }
