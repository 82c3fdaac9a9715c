package detect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/leakscan/leakscan/formats"
	"github.com/leakscan/leakscan/rules"
)

// limits are the sizes that decide where a stream is cut and how far the
// scanner sees. Tests make them tiny, so that every match crosses an edge.
type limits struct {
	chunk    int // new bytes that one round commits
	maxMatch int // no match is longer
	line     int // how far "the line" reaches to each side of a match
	stretch  int // see backReach, which it is if it is 0

	// From the rules, by fit:
	back int // bytes kept before a round's start
	lead int // how far into a match its literal may start
	size int // of the buffer
}

var defaultLimits = limits{chunk: 1 << 20, maxMatch: 256 << 10, line: 64 << 10}

// fit makes room for the longest match that a pattern can have.
func (l *limits) fit(rs []*rule) {
	if l.stretch == 0 {
		l.stretch = backReach
	}
	for _, r := range rs {
		lead, length := r.plan.reach(l.stretch)
		l.lead = max(l.lead, lead)
		l.maxMatch = max(l.maxMatch, length)
	}
	l.lead += literalReach
	l.back = max(l.line, l.lead+context, keyReach) + 1
	l.size = l.back + l.chunk + l.ahead()
}

// ahead is how many bytes behind a round's commit point must be in the buffer.
func (l *limits) ahead() int { return l.lead + l.maxMatch + l.line }

// A scan is the state of one stream on its way through a Scanner.
//
// The stream passes in rounds. The buffer of a round is
//
//	| kept before | new: matches that start here are committed | seen ahead |
//	0             from                                    commit           len(d)
//
// and the next round starts where this one's commit point is. A match belongs
// to the round in which it starts, and all of it, its line and its context are
// in the buffer. So that a pattern finds in pieces what it would find in one,
// each rule remembers where its last match ended: the search goes on there.
type scan struct {
	s       *Scanner
	trace   *trace // nil: nobody asks
	anyPath bool   // rules that ask for a path run whatever the path
	buf     []byte // of limits.size; nil until a reader needs it

	path         string
	placed       tristate // whether inPackage and inFixture are known
	inPackage    bool
	inFixture    bool
	d            []byte
	base         int64 // stream offset of d[0]
	from, commit int   // in d
	end          bool  // d ends where the stream ends
	rules        []ruleState
	used         []int // rules whose state was touched since the stream began
	active       []int // rules with something to do in this round
	starts       []int // see scan.match
	wordTo       int   // of the last long word, in d
	high         bool  // this round has bytes that are not ASCII,
	folds        bool  // and characters that are ASCII only when case is ignored
	places       *places
	decoding     decoding

	lines     int   // newlines before d[from]
	lineStart int64 // stream offset of the line that d[from] is on

	sightings map[int][]sighting // of rules that others require

	parsed  []finding // by package formats, rising, that no round had yet
	found   []finding // of this round and, in front, those that wait for the end of their line
	recent  []finding // findings on the current line that are out, and may make others give way
	cut     int64     // stream offset after which this round's findings are incomplete; -1: none
	yielded int
}

// ruleState is what a scan knows of one rule.
type ruleState struct {
	applies tristate
	keyword bool  // one was seen in this stream
	last    int64 // stream offset of the end of the last match
	windows []span
	reach   reach
	hits    []hit
	touched bool // it is in scan.active
	asked   bool // in this round, for keywords that are not in ASCII
	used    bool // it is in scan.used
}

type tristate int8

const (
	unknown tristate = iota
	yes
	no
)

type span struct{ lo, hi int }

// finding is a Match on its way out.
type finding struct {
	Match
	order  int   // of the rule
	start  int64 // of the match, before it was trimmed
	line   int   // of start
	column int   // of start
	secret []byte
	silent bool // it is for the rules that require it, and no finding by itself
}

func newScan(s *Scanner) *scan {
	return &scan{s: s, rules: make([]ruleState, len(s.rules)), places: new(places)}
}

// run scans what r gives or, if r is nil, text.
func (sc *scan) run(path string, r io.Reader, text []byte, yield func(Match, error) bool) {
	defer sc.forget()
	for _, a := range sc.s.global {
		if a.passesFile(path) {
			return
		}
	}
	sc.path = path
	if !sc.pathRules(yield) {
		return
	}
	if r == nil {
		sc.d, sc.end = text, true
		sc.commit = len(text)
		sc.parse()
		sc.round()
		sc.emit(yield)
		return
	}
	if sc.buf == nil {
		sc.buf = make([]byte, sc.s.limits.size)
	}
	kept := 0
	for {
		n, err := fill(r, sc.buf[kept:])
		sc.d = sc.buf[:kept+n]
		sc.end = err != nil
		sc.commit = len(sc.d)
		if !sc.end {
			sc.commit = runeStart(sc.d, len(sc.d)-sc.s.limits.ahead())
		}
		if sc.base == 0 && sc.from == 0 {
			sc.parse()
		}
		sc.round()
		if !sc.emit(yield) {
			return
		}
		if err != nil && !errors.Is(err, io.EOF) {
			yield(Match{}, fmt.Errorf("reading at byte %d: %w", sc.base+int64(len(sc.d)), err))
		}
		if err != nil {
			return
		}
		drop := max(0, sc.commit-sc.s.limits.back)
		kept = copy(sc.buf, sc.d[drop:])
		sc.base += int64(drop)
		sc.from = sc.commit - drop
	}
}

// fill reads until b is full or the reader ends. io.EOF means that it ended.
func fill(r io.Reader, b []byte) (n int, err error) {
	for idle := 0; n < len(b) && err == nil; {
		var k int
		k, err = r.Read(b[n:])
		n += k
		if k > 0 {
			idle = 0
		} else if idle++; idle == 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

// runeStart moves i back to the start of a character, if it is inside of one.
func runeStart(d []byte, i int) int {
	for k := 0; k < 3 && i-k > 0; k++ {
		if d[i-k]&0xC0 != 0x80 {
			return i - k
		}
	}
	return i
}

// forget readies the scan for the next stream.
func (sc *scan) forget() {
	for _, i := range sc.used {
		st := &sc.rules[i]
		*st = ruleState{windows: st.windows[:0], hits: st.hits[:0]}
	}
	clear(sc.found) // behind their ends they are clear already
	clear(sc.parsed)
	clear(sc.recent)
	clear(sc.sightings)
	*sc = scan{s: sc.s, trace: sc.trace, anyPath: sc.anyPath, buf: sc.buf, rules: sc.rules, parsed: sc.parsed[:0], found: sc.found[:0], recent: sc.recent[:0],
		used: sc.used[:0], active: sc.active[:0], starts: sc.starts[:0], places: sc.places, sightings: sc.sightings,
		decoding: decoding{segments: sc.decoding.segments[:0], decoded: sc.decoding.decoded[:0], region: sc.decoding.region, spans: sc.decoding.spans}}
}

// pathRules yields the matches of rules that look at the path alone.
func (sc *scan) pathRules(yield func(Match, error) bool) bool {
	for _, i := range sc.s.pathOnly {
		r := sc.s.rules[i]
		if sc.anyPath || !r.applies(sc.path, false) {
			continue
		}
		if r.required {
			sc.sight(i, 0, 0)
		}
		if r.SkipReport {
			continue
		}
		sc.yielded++
		v := rating{severity: r.Severity, confidence: r.Confidence}
		sc.ratePlace(&v, r)
		if !yield(Match{Rule: r.Rule, Severity: v.severity, Confidence: v.confidence, Info: v.info, Secret: newPathSecret(r.ID, sc.path, sc.s.key)}, nil) {
			return false
		}
	}
	return true
}

// round finds the matches that start in d[from:commit].
func (sc *scan) round() {
	sc.cut = -1
	old := len(sc.found)
	sc.s.filter.scan(sc)
	for _, i := range sc.active {
		st := &sc.rules[i]
		count := 0
		sc.tried(i)
		if !sc.gateOpen(i) {
			st.windows = st.windows[:0]
		} else if !sc.match(i, &count) {
			sc.windows(i)
		}
		for _, w := range st.windows {
			if !sc.search(i, w, &count) {
				break
			}
		}
		st.windows, st.hits, st.reach, st.touched, st.asked = st.windows[:0], st.hits[:0], reach{}, false, false
	}
	sc.active = sc.active[:0]
	sc.decode()
	sc.takeParsed()
	fresh := sc.found[old:]
	sort.Slice(fresh, func(i, j int) bool {
		a, b := &fresh[i], &fresh[j]
		if a.Offset != b.Offset {
			return a.Offset < b.Offset
		}
		return a.order < b.order
	})
	sc.locate(old)
	sc.count()
}

// match judges what rule i matches by its matcher. It reports false if the rest
// has to be left to package regexp.
func (sc *scan) match(i int, count *int) bool {
	r, st := sc.s.rules[i], &sc.rules[i]
	p := &r.plan
	if len(st.hits) == 0 || !p.starts || len(st.windows) > 0 {
		return false
	}
	m := r.matcher()
	if m == nil {
		return false
	}
	sc.starts = sc.starts[:0]
	sorted := true
	for _, h := range st.hits {
		tail := &p.literals[h.literal].tail
		if sc.folds && tail.wide > tail.max && hasFolds(sc.d[max(0, int(h.at)-tail.wide):h.at]) {
			return false // what is before the literal may be longer
		}
		for at := int(h.at) - tail.max; at <= int(h.at)-tail.min; at++ {
			if n := len(sc.starts); n > 0 && sc.starts[n-1] >= at {
				if sc.starts[n-1] == at {
					continue
				}
				sorted = false
			}
			sc.starts = append(sc.starts, at)
		}
	}
	if !sorted {
		slices.Sort(sc.starts)
	}
	var later, ends []int
	if m.rest != nil {
		if later, ends = sc.laterPlaces(r, sc.starts); later == nil {
			return true
		}
	}
	run := match{begin: sc.base == 0}
	next := max(sc.from, int(st.last-sc.base))
	for n, at := range sc.starts {
		if at < next {
			continue
		}
		limit := min(len(sc.d), at+sc.s.limits.maxMatch)
		if m.rest != nil {
			limit = ends[n]
			if k, _ := slices.BinarySearch(later, at); k == len(later) || later[k] >= limit {
				continue
			}
		}
		limit = min(len(sc.d), limit+context) // for \b and the like
		run.d, run.end, run.steps = sc.d[:limit], sc.end && limit == len(sc.d), 0
		end := run.run(m.tail, at)
		if end == noMatch {
			continue
		}
		start, ok := p.prefix.start(sc.d, at, next)
		if end == unsure || !ok {
			return false
		}
		if !sc.judgeOne(i, start, end, count) {
			return true
		}
		next = max(end, start+1)
	}
	return true
}

// state gives the state of rule i, which is made anew for the next stream.
func (sc *scan) state(i int) *ruleState {
	st := &sc.rules[i]
	if !st.used {
		st.used = true
		sc.used = append(sc.used, i)
	}
	return st
}

// search judges what rule i matches in a window, and reports whether to go on.
func (sc *scan) search(i int, w span, count *int) bool {
	r, st := sc.s.rules[i], &sc.rules[i]
	next := max(sc.from, int(st.last-sc.base))
	if w.lo >= next {
		return sc.judgeAll(i, r.pattern().FindAllIndex(sc.d[w.lo:w.hi], -1), w.lo, count)
	}
	// The window reaches back to before the place where this rule's search
	// has to go on. A slice that starts there would hide the character before
	// it from \b and ^, so resume matches that character first, and whatever
	// lies between it and the next match.
	for next < w.hi {
		loc := r.resume().FindSubmatchIndex(sc.d[next-1 : w.hi])
		if loc == nil {
			return true
		}
		start, end := next-1+loc[2], next-1+loc[3]
		// From its first match on, the plain and faster pattern will do, if
		// it sees the same match without what is before it.
		if all := r.pattern().FindAllIndex(sc.d[start:w.hi], -1); len(all) > 0 && all[0][0] == 0 && all[0][1] == end-start {
			return sc.judgeAll(i, all, start, count)
		}
		if !sc.judgeAll(i, [][]int{{0, end - start}}, start, count) {
			return false
		}
		next = max(end, start+1)
	}
	return true
}

// judgeAll judges matches that are given relative to d[at], up to the commit
// point, and reports whether it got through all of them.
func (sc *scan) judgeAll(i int, locs [][]int, at int, count *int) bool {
	for _, loc := range locs {
		if !sc.judgeOne(i, at+loc[0], at+loc[1], count) {
			return false
		}
	}
	return true
}

// judgeOne is judgeAll for one match, d[start:end].
func (sc *scan) judgeOne(i, start, end int, count *int) bool {
	if start >= sc.commit && !(sc.end && start == len(sc.d)) {
		return false
	}
	sc.rules[i].last = sc.base + int64(end)
	if sc.judge(i, start, end) {
		if *count++; *count > sc.s.maxMatches {
			if at := sc.base + int64(start); sc.cut < 0 || at < sc.cut {
				sc.cut = at
			}
			return false
		}
	}
	return true
}

// judge appends the match d[start:end] of rule i to found, if it counts.
func (sc *scan) judge(i, start, end int) bool {
	r := sc.s.rules[i]
	trimmed := bytes.TrimLeft(sc.d[start:end], "\n")
	lo := end - len(trimmed)
	match := bytes.TrimRight(trimmed, "\n")
	hi := lo + len(match)

	silent := r.SkipReport
	if !sc.keywordSeen(i, match) {
		if silent = true; !r.required {
			return sc.drop(i, lo, hi, "none of its keywords is in the file")
		}
	}
	from, to := r.secretOf(match)
	secret := match[from:to]
	h := entropy(secret)
	switch {
	case r.MinEntropy != 0 && h <= r.MinEntropy:
		return sc.drop(i, lo+from, lo+to, fmt.Sprintf("its entropy is %.2f bits a character, and the rule wants more than %v", h, r.MinEntropy))
	case r.Random && !LooksRandom(secret) && !shaped(secret) && (r.generic || !isNumber(secret)):
		return sc.drop(i, lo+from, lo+to, "it does not look random")
	case r.generic && r.Random && formats.Classify("", secret) == formats.Reference:
		return sc.drop(i, lo+from, lo+to, "it says where a secret is, and is none")
	}
	line := func() []byte { return sc.line(lo, hi) }
	for _, a := range sc.s.global {
		if a.allows(sc.path, secret, match, line) {
			return sc.drop(i, lo+from, lo+to, "the allowlist of all rules lets it pass")
		}
	}
	for _, a := range r.allowlists {
		if a.allows(sc.path, secret, match, line) {
			return sc.drop(i, lo+from, lo+to, strings.TrimSuffix("an allowlist of the rule lets it pass: "+a.Description, ": "))
		}
	}
	sec := NewSecret(r.ID, secret, sc.s.key)
	v := sc.rate(r, secret)
	public := ""
	if r.Valid == "pem" && v.info == "" {
		public = publicOfPEM(secret)
	}
	sc.found = append(sc.found, finding{
		Match: Match{
			Rule:         r.Rule,
			Severity:     v.severity,
			Confidence:   v.confidence,
			Info:         v.info,
			Note:         v.note,
			Public:       public,
			Offset:       sc.base + int64(lo),
			End:          sc.base + int64(hi),
			SecretOffset: sc.base + int64(lo+from),
			SecretEnd:    sc.base + int64(lo+to),
			Entropy:      h,
			Secret:       sec,
		},
		order:  i,
		start:  sc.base + int64(start),
		secret: sec.value(),
		silent: silent,
	})
	return true
}

// gateOpen reports whether a match of rule i could count in this round. The
// prefilter has seen to keywords in ASCII.
func (sc *scan) gateOpen(i int) bool {
	st := &sc.rules[i]
	r := sc.s.rules[i]
	return !r.plan.gated || st.keyword || sc.high && r.dotted && bytes.Contains(sc.d[sc.from:], []byte("\u0130"))
}

// keywordSeen reports whether rule i's keyword gate is open for a match.
func (sc *scan) keywordSeen(i int, match []byte) bool {
	r, st := sc.s.rules[i], &sc.rules[i]
	if st.keyword || !r.plan.gated && !r.required && isASCII(match) || r.hasKeyword(match) {
		return true // every match in ASCII has a keyword, if the rule isn't gated
	}
	// The prefilter looks for keywords as ASCII, or with K for Kelvin. Of other
	// characters that become ASCII in lower case the text itself has to be asked.
	if !st.asked && (r.dotted || sc.folds) {
		st.asked = true
		st.keyword = r.hasKeyword(sc.d[sc.from:])
	}
	return st.keyword
}

// line returns the line or lines of d[lo:hi], with the newline before.
func (sc *scan) line(lo, hi int) []byte {
	a, b := max(0, lo-sc.s.limits.line), min(len(sc.d), hi+sc.s.limits.line)
	if k := bytes.LastIndexByte(sc.d[a:lo], '\n'); k >= 0 {
		a += k
	}
	if k := bytes.IndexByte(sc.d[hi:b], '\n'); k >= 0 {
		b = hi + k
	}
	return sc.d[a:b]
}

// keyNeighbors is how many findings to each side of one are looked at, so that
// its name is not part of them.
const keyNeighbors = 64

// locate gives the findings of this round, sorted and in found[old:], their
// lines and columns, and the names of their secrets.
func (sc *scan) locate(old int) {
	fs := sc.found[old:]
	at, lines := sc.from, sc.lines
	for i := range fs {
		f := &fs[i]
		start, secret := int(f.start-sc.base), int(f.SecretOffset-sc.base)
		if start > at { // sorted by the trimmed start, so not always
			lines += bytes.Count(sc.d[at:start], newline)
			at = start
		}
		before := lines - bytes.Count(sc.d[start:at], newline)
		f.line = before
		if start < len(sc.d) && sc.d[start] == '\n' {
			f.line++
		}
		f.Line = before + bytes.Count(sc.d[start:secret], newline) + 1
		lineStart := sc.lineStart
		if k := bytes.LastIndexByte(sc.d[:secret], '\n'); k >= 0 {
			lineStart = sc.base + int64(k) + 1
		}
		f.Column = int(f.SecretOffset-lineStart) + 1
		f.column = int(f.start - lineStart)
		if sc.s.rules[f.order].required {
			sc.sight(f.order, f.line, f.column)
		}
		if f.Encodings != nil {
			continue // its name was seen where it was decoded
		}
		if f.Key != "" && f.Rule.Parsed {
			continue // its reader knows better
		}
		if a, b := keyName(sc.d, secret); b > a {
			// The name is close before the secret; few findings are closer.
			// Those of the round before are in front of fs in sc.found.
			lo := max(0, old+i-keyNeighbors)
			hi := min(len(sc.found), old+i+keyNeighbors)
			if !overlaps(sc.found[lo:hi], sc.base+int64(a), sc.base+int64(b)) {
				f.Key = string(sc.d[a:b])
			}
			sc.believe(f)
		}
	}
}

// believe raises what a generic rule found under a name that says that it is a
// secret, in the user's own files.
func (sc *scan) believe(f *finding) {
	if f.Confidence != rules.ConfidenceLow || f.Info != "" || !LooksRandom(f.secret) || counts(f.secret) || f.Rule.Class != rules.ClassGeneric || !f.Rule.Random || !formats.SecretName(f.Key) {
		return
	}
	if packaged, _ := sc.packaged(); !packaged && !formats.Sealed(sc.d) {
		f.Confidence = rules.ConfidenceMedium
	}
}

var newline = []byte{'\n'}

// overlaps reports whether some secret has bytes in [from, to), given the
// findings around.
func overlaps(fs []finding, from, to int64) bool {
	return slices.ContainsFunc(fs, func(f finding) bool {
		return f.SecretOffset < to && from < f.SecretEnd
	})
}

// count moves lines and lineStart on to the commit point.
func (sc *scan) count() {
	part := sc.d[sc.from:sc.commit]
	sc.lines += bytes.Count(part, newline)
	if k := bytes.LastIndexByte(part, '\n'); k >= 0 {
		sc.lineStart = sc.base + int64(sc.from+k) + 1
	}
}

// emit yields the findings that are final, and keeps those whose line goes on
// behind the commit point: what is still to come may make them give way.
func (sc *scan) emit(yield func(Match, error) bool) bool {
	commit, reach := sc.base+int64(sc.commit), int64(sc.s.limits.line)
	final := len(sc.found)
	if !sc.end && sc.cut < 0 {
		hold := max(sc.lineStart-1, commit-reach) // a match that starts with a newline is on the line after it
		final = sort.Search(len(sc.found), func(i int) bool { return sc.found[i].start >= hold })
	}
	held := false
	for i := range sc.found[:final] {
		f := &sc.found[i]
		if f.silent {
			continue
		}
		if waits, hopeless := sc.waits(f); hopeless || waits && sc.cut >= 0 {
			continue
		} else if waits {
			if len(sc.found)-i > sc.s.maxMatches { // more can't be held
				yield(Match{}, &LimitError{Matches: sc.yielded, Offset: f.Offset})
				return false
			}
			final, held = i, true
			break
		}
		if sc.cut >= 0 && f.start >= sc.cut {
			break
		}
		if sc.givesWay(f) {
			if sc.trace != nil {
				sc.trace.add(Event{Rule: f.Rule.ID, Line: f.Line, What: Yielded, Why: "another rule knows more about it", Seen: f.Secret.Preview()})
			}
			continue
		}
		if sc.yielded == sc.s.maxMatches {
			yield(Match{}, &LimitError{Matches: sc.yielded, Offset: f.Offset})
			return false
		}
		sc.yielded++
		if !yield(f.Match, nil) {
			return false
		}
	}
	if sc.cut >= 0 {
		yield(Match{}, &LimitError{Matches: sc.yielded, Offset: sc.cut})
		return false
	}
	for _, f := range sc.found[:final] {
		if !f.silent && (!sc.s.rules[f.order].generic || f.Encodings == nil) {
			sc.recent = append(sc.recent, f)
		}
	}
	if !held { // those held may give way to recent ones
		sc.recent = slices.DeleteFunc(sc.recent, func(f finding) bool { return f.start < max(sc.lineStart-1, commit-2*reach) })
	}
	sc.found = slices.Delete(sc.found, 0, final)
	return true
}

// givesWay reports whether another rule knows more about what f found. A
// finding gives way to one of a better class in the same text. One of a generic
// rule also gives way to another rule's that has the same secret, or more of
// it, on the same line; or one encoded in it. What is generic and encoded gives
// way to whatever was found there as it stands.
func (sc *scan) givesWay(f *finding) bool {
	r := sc.s.rules[f.order]
	if !r.generic {
		return (r.Class != rules.ClassSpecific || r.Parsed || sc.s.parsing()) && (sc.outranked(f, sc.found) || sc.outranked(f, sc.recent))
	}
	reach := int64(sc.s.limits.line)
	better := func(fs []finding) bool {
		i := sort.Search(len(fs), func(i int) bool { return fs[i].Offset >= f.Offset-reach })
		for ; i < len(fs) && fs[i].Offset <= f.Offset+reach; i++ {
			g := &fs[i]
			if g.silent {
				continue
			}
			if sc.outranks(g, f) {
				return true
			}
			same := g.SecretOffset < f.SecretEnd && f.SecretOffset < g.SecretEnd
			if (g.Encodings != nil) != (f.Encodings != nil) && same && (f.Encodings != nil || !sc.s.rules[g.order].generic) {
				return true
			}
			if g.line == f.line && !sc.s.rules[g.order].generic && bytes.Contains(g.secret, f.secret) {
				return true
			}
		}
		return false
	}
	return better(sc.found) || better(sc.recent)
}

// outranks reports whether g is of a better class than f and has a byte in
// common with it; or of the same class and just there, found by a rule that
// comes first; or longer, where f is a part of it, cut short. That goes for sets
// with rules of ours: gitleaks reports both.
func (sc *scan) outranks(g, f *finding) bool {
	if g.SecretOffset >= f.SecretEnd || f.SecretOffset >= g.SecretEnd {
		return false
	}
	a, b := sc.s.rules[g.order], sc.s.rules[f.order]
	if g.Info != "" && f.Info == "" && (b.Class == rules.ClassContext || g.SecretOffset != f.SecretOffset || g.SecretEnd != f.SecretEnd) {
		return false // what stands where a password stands is one, whatever another rule thinks of its form
	}
	if a.Class.Rank() != b.Class.Rank() {
		return a.Class.Rank() < b.Class.Rank()
	}
	if !sc.s.parsing() {
		return false
	}
	if g.SecretOffset == f.SecretOffset && g.SecretEnd == f.SecretEnd {
		if ours := len(a.Hits) > 0; ours != (len(b.Hits) > 0) {
			return ours // gitleaks' are the wider ones, where there are two
		}
		return g.order < f.order
	}
	return g.SecretOffset <= f.SecretOffset && f.SecretEnd <= g.SecretEnd && a.Class == rules.ClassSpecific && g.Info == ""
}

func (sc *scan) outranked(f *finding, fs []finding) bool {
	reach := int64(sc.s.limits.line)
	i := sort.Search(len(fs), func(i int) bool { return fs[i].Offset >= f.Offset-reach })
	for ; i < len(fs) && fs[i].Offset <= f.SecretEnd; i++ {
		if g := &fs[i]; !g.silent && g != f && sc.outranks(g, f) {
			return true
		}
	}
	return false
}
