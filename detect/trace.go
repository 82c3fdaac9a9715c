package detect

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/rules"
)

// Event is something that happened to a rule while a text was scanned: why it
// found something there, or did not.
type Event struct {
	Rule string
	Line int // from 1; 0: of no line
	What What
	Why  string // for what was dropped; never part of the secret
	Seen string // the preview of what matched; "": nothing did
}

// What is the kind of an [Event].
type What string

// The kinds, in the order in which they can follow each other.
const (
	Tried   What = "tried"   // a literal of the pattern is there
	Dropped What = "dropped" // it matched, and a condition of the rule does not hold
	Yielded What = "yielded" // another rule knows more about the same text
	Found   What = "found"
	Lowered What = "lowered" // found, and known to be harmless or less sure
)

// Trace scans a text that is in memory and says what each rule did there, by
// line. Rules of which nothing is in the text have no event.
func (s *Scanner) Trace(path string, text []byte) []Event {
	sc := s.scans.Get().(*scan)
	defer s.scans.Put(sc)
	t := &trace{at: map[Event]bool{}}
	sc.trace = t
	defer func() { sc.trace = nil }()
	sc.run(path, nil, text, func(m Match, err error) bool {
		if err != nil {
			return true
		}
		e := Event{Rule: m.Rule.ID, Line: m.Line, What: Found, Seen: m.Secret.Preview()}
		if m.Info != "" {
			e.What, e.Why = Lowered, m.Info
		} else if m.Confidence == rules.ConfidenceLow && m.Rule.Confidence != rules.ConfidenceLow {
			e.What, e.Why = Lowered, "low confidence: "+cmp.Or(m.Note, "it is in a package of others")
		}
		t.add(e)
		return true
	})
	slices.SortStableFunc(t.events, func(a, b Event) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	return t.events
}

type trace struct {
	events []Event
	at     map[Event]bool
}

const maxEvents = 10_000

// maxTried bounds those that came to nothing: to count lines for each takes time.
const maxTried = 2_000

func (t *trace) add(e Event) {
	if len(t.events) < maxEvents && !t.at[e] {
		t.at[e] = true
		t.events = append(t.events, e)
	}
}

// tried notes that rule i had something to do in this round.
func (sc *scan) tried(i int) {
	if sc.trace == nil {
		return
	}
	st := &sc.rules[i]
	for _, h := range st.hits {
		if len(sc.trace.events) >= maxTried {
			return
		}
		sc.trace.add(Event{Rule: sc.s.rules[i].ID, Line: sc.lineOf(int(h.at)), What: Tried})
	}
	if len(st.hits) == 0 && len(st.windows) > 0 {
		sc.trace.add(Event{Rule: sc.s.rules[i].ID, What: Tried})
	}
}

// drop notes why a match of d[from:to] doesn't count. It returns false, for the
// convenience of judge.
func (sc *scan) drop(i, from, to int, why string) bool {
	if sc.trace != nil {
		r := sc.s.rules[i]
		sc.trace.add(Event{Rule: r.ID, Line: sc.lineOf(from), What: Dropped, Why: why, Seen: NewSecret(r.ID, sc.d[from:to], sc.s.key).Preview()})
	}
	return false
}

func (sc *scan) lineOf(at int) int {
	at = min(max(at, 0), len(sc.d))
	if at < sc.from {
		return sc.lines - bytes.Count(sc.d[at:sc.from], newline) + 1
	}
	return sc.lines + bytes.Count(sc.d[sc.from:at], newline) + 1
}
