package detect

import "github.com/leakscan/leakscan/rules"

// Explanation says how a rule runs, and why.
type Explanation struct {
	Rule *rules.Rule

	Path     string   // "template", "window", "run", "whole" or "path only"
	Why      string   // one or two sentences
	Literals []string // readable, such as `ghp_` or `[Aa][Pp][Ii]`

	MinLength, MaxLength int  // of a match, in bytes; MaxLength -1: unbounded
	KeywordGate          bool // the keyword must be seen apart from the pattern
}

// Explain says how each rule runs, in the order of the set.
func (s *Scanner) Explain() []Explanation {
	es := make([]Explanation, 0, len(s.rules))
	for _, r := range s.rules {
		es = append(es, Explanation{Rule: r.Rule, Path: "window"})
	}
	return es
}
