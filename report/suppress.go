package report

import "slices"

// Suppression says why a location does not count: the user has said so, in a
// file of their own. It stays in the report, and is counted.
type Suppression struct {
	By     string `json:"by"`               // the file, and the line of it
	Reason string `json:"reason,omitempty"` //
	Owner  string `json:"owner,omitempty"`
	Until  string `json:"until,omitempty"` // 2006-01-02: the last day on which it counts
}

// words says it in a line.
func (s *Suppression) words() string {
	w := "by " + Escape(s.By)
	if s.Until != "" {
		w += ", until " + Escape(s.Until)
	}
	if s.Owner != "" {
		w += ", owner " + Escape(s.Owner)
	}
	if s.Reason != "" {
		w += ": " + Escape(s.Reason)
	}
	return w
}

// Suppressed reports whether none of a finding's locations counts.
func (f *Finding) Suppressed() bool {
	for i := range f.Locations {
		if f.Locations[i].Suppressed == nil {
			return false
		}
	}
	return len(f.Locations) > 0
}

// counting gives the locations, those that count first.
func (f *Finding) counting() []Location {
	ls := slices.Clone(f.Locations)
	countingFirst(ls)
	return ls
}

// countingFirst puts those that count before those that are suppressed.
func countingFirst(ls []Location) {
	slices.SortStableFunc(ls, func(a, b Location) int { return b2i(a.Suppressed != nil) - b2i(b.Suppressed != nil) })
}

// counts reports whether a finding is neither known to be harmless nor suppressed.
func (f *Finding) counts() bool { return f.Severity != SeverityInfo && !f.Suppressed() }

// suppressed counts the findings that are.
func (r *Report) suppressed() (n int) {
	for i := range r.Findings {
		if r.Findings[i].Suppressed() {
			n++
		}
	}
	return n
}
