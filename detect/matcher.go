package detect

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// matcher runs a pattern at one place of a text. It finds what package regexp
// finds when a match starts there, groups included, and is several times as
// fast: it knows nothing but ASCII, repeats a class in one step, and as the
// place is known it has no need to try others.
//
// It gives up where it is out of its depth, and then package regexp has to be
// asked: where a character that is not ASCII could decide, and where a match
// takes so many steps that a machine without backtracking does better.
type matcher struct {
	start  *node
	tail   *node // behind the plan's prefix
	rest   *node // from the plan's later literals on
	groups int   // with the whole match
}

// node is one step of a pattern, with what comes after it.
type node struct {
	op   nodeOp
	set  *charSet
	more bool      // opRepeat: as often as possible first
	lo   int       // opRepeat
	hi   int       // -1: without end
	slot int       // opCapture: index into the groups
	what syntax.Op // opAssert
	next *node
	alts []*node    // in order of preference
	lead *leadBytes // what the text must go on with; nil: not known
}

type nodeOp uint8

const (
	opMatch nodeOp = iota
	opChar
	opRepeat // of one set
	opAlternate
	opCapture
	opAssert // something about what is between two characters
)

// charSet says of each byte whether it is a character of a class.
type charSet [256]inSet

type inSet uint8

const (
	isOut    inSet = iota
	isIn           //
	isUnsure       // part of a character that is not ASCII, and may be in the class
	isFold         // part of one of the two that ignoring case takes for ASCII letters
)

// leadBytes are the bytes of which one must come next; or, with end, nothing.
type leadBytes struct {
	in  byteSet
	end bool
}

// allows reports whether the text from d[at:] on may be matched.
func (l *leadBytes) allows(d []byte, at int) bool {
	if at >= len(d) {
		return l.end
	}
	return l.in[d[at]]
}

const (
	maxNodes = 5000
	maxSteps = 1 << 14 // for one place; then package regexp is asked
)

// newMatcher returns nil for a pattern with parts that it does not know. The
// first prefix of the tree's parts are left out of the matcher's tail, and the
// first rest, if it is not 0, of its rest.
func newMatcher(tree *syntax.Regexp, prefix, rest int) *matcher {
	b := matcherBuilder{}
	m := &matcher{groups: tree.MaxCap() + 1}
	end := &node{op: opMatch}
	parts := concatenated(tree, nil)
	m.start = b.concat(parts, end, func(n int, at *node) {
		if n == prefix {
			m.tail = at
		}
		if n == rest && n > 0 {
			m.rest = at
		}
	})
	if behind := flatten(tree, nil); len(behind) != len(parts) && !b.failed {
		// The prefix is inside of a group, which is of no interest there.
		m.tail = b.concat(behind[prefix:], end, nil)
	}
	if b.failed || m.tail == nil {
		return nil
	}
	return m
}

type matcherBuilder struct {
	nodes  int
	failed bool
}

func (b *matcherBuilder) node(n node) *node {
	if b.nodes++; b.nodes > maxNodes {
		b.failed = true
	}
	n.lead = n.leads()
	return &n
}

// concat builds parts from the last to the first, and tells of each where it
// begins.
func (b *matcherBuilder) concat(parts []*syntax.Regexp, next *node, at func(int, *node)) *node {
	for i := len(parts) - 1; i >= 0 && !b.failed; i-- {
		next = b.build(parts[i], next)
		if at != nil {
			at(i, next)
		}
	}
	return next
}

// build returns the node that matches re and goes on with next.
func (b *matcherBuilder) build(re *syntax.Regexp, next *node) *node {
	if b.failed {
		return next
	}
	if set := newCharSet(re); set != nil {
		return b.node(node{op: opChar, set: set, next: next})
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return next
	case syntax.OpLiteral:
		for i := len(re.Rune) - 1; i >= 0; i-- {
			one := &syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags, Rune: re.Rune[i : i+1]}
			next = b.build(one, next)
		}
		return next
	case syntax.OpCapture:
		next = b.node(node{op: opCapture, slot: 2*re.Cap + 1, next: next})
		return b.node(node{op: opCapture, slot: 2 * re.Cap, next: b.build(re.Sub[0], next)})
	case syntax.OpConcat:
		return b.concat(re.Sub, next, nil)
	case syntax.OpAlternate:
		var alts []*node
		for _, sub := range re.Sub {
			alts = append(alts, b.build(sub, next))
		}
		return b.node(node{op: opAlternate, alts: alts})
	case syntax.OpQuest:
		return b.repeat(re, 0, 1, next)
	case syntax.OpStar:
		return b.repeat(re, 0, -1, next)
	case syntax.OpPlus:
		return b.repeat(re, 1, -1, next)
	case syntax.OpRepeat:
		return b.repeat(re, re.Min, re.Max, next)
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return b.node(node{op: opAssert, what: re.Op, next: next})
	}
	b.failed = true
	return next
}

func (b *matcherBuilder) repeat(re *syntax.Regexp, lo, hi int, next *node) *node {
	sub, more := re.Sub[0], re.Flags&syntax.NonGreedy == 0
	if set := newCharSet(sub); set != nil {
		if hi < 0 && lo <= 1 && next.lead.isASCII() && hasAllOther(sub) {
			// It goes on at ASCII, so it makes no difference whether the others
			// are counted as characters or as bytes.
			for c := utf8.RuneSelf; c < len(set); c++ {
				set[c] = isIn
			}
		}
		return b.node(node{op: opRepeat, set: set, lo: lo, hi: hi, more: more, next: next})
	}
	either := func(sub, skip *node) *node {
		if more {
			return b.node(node{op: opAlternate, alts: []*node{sub, skip}})
		}
		return b.node(node{op: opAlternate, alts: []*node{skip, sub}})
	}
	if hi < 0 {
		// A repeat of something that can be empty has rules of its own.
		if measure(sub, nil).min == 0 || lo > 32 {
			b.failed = true
			return next
		}
		loop := b.node(node{op: opAlternate, alts: []*node{nil, next}})
		again := b.build(sub, loop)
		loop.alts = []*node{again, next}
		if !more {
			loop.alts = []*node{next, again}
		}
		loop.lead = nil
		next = loop
	} else {
		if hi > 64 {
			b.failed = true
			return next
		}
		rest := next
		for range hi - lo {
			rest = either(b.build(sub, rest), next)
		}
		next = rest
	}
	for range lo {
		next = b.build(sub, next)
	}
	return next
}

// isASCII reports whether the lead is known, and of ASCII only.
func (l *leadBytes) isASCII() bool {
	return l != nil && !slices.Contains(l.in[utf8.RuneSelf:], true)
}

// hasAllOther reports whether re, which is of one character, matches all that
// are not ASCII.
func hasAllOther(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpCharClass:
		n := len(re.Rune)
		return n > 0 && re.Rune[n-1] == unicode.MaxRune && re.Rune[n-2] <= utf8.RuneSelf
	}
	return false
}

// newCharSet returns the set of an expression that matches one character, or
// nil.
func newCharSet(re *syntax.Regexp) *charSet {
	var s charSet
	unsure := func(from int) {
		for c := from; c < len(s); c++ {
			s[c] = isUnsure
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		if len(re.Rune) != 1 {
			return nil
		}
		r := re.Rune[0]
		if r >= utf8.RuneSelf {
			unsure(utf8.RuneSelf)
			return &s
		}
		set := asciiItems().exact[r].set
		if re.Flags&syntax.FoldCase != 0 {
			set = asciiItems().folded[r].set
			s.addFold(r | 0x20)
		}
		for c, in := range set {
			if in {
				s[c] = isIn
			}
		}
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			lo, hi := re.Rune[i], re.Rune[i+1]
			for r := lo; r <= hi && r < utf8.RuneSelf; r++ {
				s[r] = isIn
			}
			switch {
			case lo == hi && lo == 'ſ':
				s.addFold('s')
			case lo == hi && lo == '\u212A':
				s.addFold('k')
			case hi >= utf8.RuneSelf:
				unsure(utf8.RuneSelf)
			}
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		for c := range utf8.RuneSelf {
			s[c] = isIn
		}
		if re.Op == syntax.OpAnyCharNotNL {
			s['\n'] = isOut
		}
		unsure(utf8.RuneSelf)
	default:
		return nil
	}
	return &s
}

// addFold marks the first byte of the character that is r when case is ignored.
func (s *charSet) addFold(r rune) {
	for _, f := range foldsInPatterns {
		if rune(f.as) == r && s[f.char[0]] == isOut {
			s[f.char[0]] = isFold
		}
	}
}

// leads returns the bytes of which one must come next if n is to match.
func (n *node) leads() *leadBytes {
	var lead leadBytes
	add := func(s *charSet) {
		for c, in := range s {
			lead.in[c] = lead.in[c] || in != isOut
		}
	}
	switch n.op {
	case opChar:
		add(n.set)
	case opRepeat:
		add(n.set)
		if n.lo > 0 {
			break
		}
		if n.next.lead == nil {
			return nil
		}
		lead.in.union(&n.next.lead.in)
		lead.end = n.next.lead.end
	case opAlternate:
		for _, a := range n.alts {
			if a == nil || a.lead == nil {
				return nil
			}
			lead.in.union(&a.lead.in)
			lead.end = lead.end || a.lead.end
		}
	case opCapture:
		return n.next.lead
	case opAssert:
		switch n.what {
		case syntax.OpEndText:
			lead.end = true
		case syntax.OpEndLine:
			lead.in['\n'], lead.end = true, true
		default:
			return n.next.lead
		}
	default: // nothing need come
		return nil
	}
	return &lead
}

// match is one run of a matcher.
type match struct {
	d          []byte
	begin, end bool // d begins and ends where the text does
	steps      int
	groups     []int // nil: of no interest
}

const (
	noMatch = -1
	unsure  = -2
)

// run returns where a match that starts at d[at:] with n ends, noMatch, or
// unsure.
func (m *match) run(n *node, at int) int {
	for {
		if m.steps++; m.steps > maxSteps {
			return unsure
		}
		if n.lead != nil && !n.lead.allows(m.d, at) {
			return noMatch
		}
		switch n.op {
		case opMatch:
			return at
		case opChar:
			switch in := n.set[m.d[at]]; { // lead has seen that there is one
			case in == isIn:
			case m.isUnsure(in, at):
				return unsure
			default:
				return noMatch
			}
			at++
			n = n.next
		case opRepeat:
			return m.repeat(n, at)
		case opAlternate:
			for _, a := range n.alts {
				if to := m.run(a, at); to != noMatch {
					return to
				}
			}
			return noMatch
		case opCapture:
			to := m.run(n.next, at)
			// The last repetition of a group gets here first.
			if to >= 0 && m.groups != nil && m.groups[n.slot] < 0 {
				m.groups[n.slot] = at
			}
			return to
		case opAssert:
			if !m.holds(n.what, at) {
				return noMatch
			}
			n = n.next
		}
	}
}

// isUnsure reports whether the character at d[at:] may be in a class.
func (m *match) isUnsure(in inSet, at int) bool {
	if in == isFold {
		return foldAt(m.d, at)
	}
	return in == isUnsure
}

func foldAt(d []byte, at int) bool {
	for _, f := range foldsInPatterns {
		if len(d)-at >= len(f.char) && string(d[at:at+len(f.char)]) == f.char {
			return true
		}
	}
	return false
}

// repeat is run for opRepeat.
func (m *match) repeat(n *node, at int) int {
	most := len(m.d)
	if n.hi >= 0 {
		most = min(most, at+n.hi)
	}
	set := n.set
	if !n.more {
		// Lazy: one more only when it can't go on otherwise.
		next := n.next
		for i := at; ; i++ {
			if i >= at+n.lo && (next.lead == nil || next.lead.allows(m.d, i)) {
				if to := m.run(next, i); to != noMatch {
					return to
				}
			}
			if i >= most {
				return noMatch
			}
			if in := set[m.d[i]]; in != isIn {
				if m.isUnsure(in, i) {
					return unsure
				}
				return noMatch
			}
			if i&63 == 0 {
				m.steps++
			}
		}
	}
	i := at
	for i < most && set[m.d[i]] == isIn {
		i++
	}
	if i < most && m.isUnsure(set[m.d[i]], i) {
		return unsure
	}
	m.steps += (i - at) >> 6
	for next := n.next; i >= at+n.lo; i-- {
		if next.lead != nil && !next.lead.allows(m.d, i) {
			continue
		}
		if to := m.run(next, i); to != noMatch {
			return to
		}
	}
	return noMatch
}

// holds reports whether what is between two characters is as asked.
func (m *match) holds(what syntax.Op, at int) bool {
	switch what {
	case syntax.OpBeginText:
		return at == 0 && m.begin
	case syntax.OpEndText:
		return at == len(m.d) && m.end
	case syntax.OpBeginLine:
		return at == 0 && m.begin || at > 0 && m.d[at-1] == '\n'
	case syntax.OpEndLine:
		return at == len(m.d) && m.end || at < len(m.d) && m.d[at] == '\n'
	}
	// \b knows ASCII only, in package regexp too.
	edge := (at > 0 && isWord(m.d[at-1])) != (at < len(m.d) && isWord(m.d[at]))
	return edge == (what == syntax.OpWordBoundary)
}

// find returns the groups of a match of the whole pattern that starts where the
// text does, or nil. It puts them into buf if there is room.
func (m *matcher) find(text []byte, buf []int) []int {
	groups := buf[:0]
	for range 2 * m.groups {
		groups = append(groups, -1)
	}
	run := match{d: text, begin: true, end: true, groups: groups}
	if groups[1] = run.run(m.start, 0); groups[1] < 0 {
		return nil
	}
	groups[0] = 0
	return groups
}
