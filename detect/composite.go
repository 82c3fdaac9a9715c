package detect

import (
	"slices"

	"github.com/leakscan/leakscan/rules"
)

// A rule may require others: a match of it counts only if each of them has one
// in the same file or, where a distance is given, near it. What was seen of the
// required rules is kept for the length of the stream, and a finding that waits
// for one holds up all behind it, as findings come in order.

// need is a rules.Required made ready.
type need struct {
	rules.Required
	rule int // its index
}

// sighting is where a match of a required rule starts.
type sighting struct{ line, column int }

// link connects the rules that require others with those.
func (s *Scanner) link() {
	index := map[string]int{}
	for i, r := range s.rules {
		index[r.ID] = i
	}
	for _, r := range s.rules {
		for _, q := range r.Required {
			if i, ok := index[q.RuleID]; ok { // rules.Set.Validate refuses others
				r.needs = append(r.needs, need{q, i})
				s.rules[i].required = true
			} else {
				r.needs = append(r.needs, need{q, -1})
			}
		}
	}
}

// maxSightings bounds what is kept of one rule: more are only of use where a
// distance is given, and then near each other.
const maxSightings = 10_000

func (sc *scan) sight(rule, line, column int) {
	if sc.sightings == nil {
		sc.sightings = map[int][]sighting{}
	}
	if len(sc.sightings[rule]) < maxSightings {
		sc.sightings[rule] = append(sc.sightings[rule], sighting{line, column})
	}
}

// waits reports whether f needs a rule that was not yet seen near it. Once it
// can't be any more, hopeless is true.
func (sc *scan) waits(f *finding) (waits, hopeless bool) {
	for _, n := range sc.s.rules[f.order].needs {
		near := func(s sighting) bool {
			return (n.WithinLines == nil || abs(s.line-f.line) <= *n.WithinLines) &&
				(n.WithinColumns == nil || abs(s.column-f.column) <= *n.WithinColumns)
		}
		if !slices.ContainsFunc(sc.sightings[n.rule], near) {
			waits = true
			hopeless = hopeless || sc.end || n.WithinLines != nil && sc.lines > f.line+*n.WithinLines
		}
	}
	return waits, hopeless
}

func abs(n int) int { return max(n, -n) }
