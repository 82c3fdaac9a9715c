package detect

import (
	"cmp"
	"testing"

	"github.com/leakscan/leakscan/rules"
)

// TestSketches holds the examples that are made of a rule's pattern to what is
// found.
func TestSketches(t *testing.T) {
	set, err := rules.Default()
	if err != nil {
		t.Fatal(err)
	}
	for i := range set.Rules {
		r := &set.Rules[i]
		if len(r.Hits) > 0 {
			continue
		}
		one := *r
		s, err := New(&rules.Set{Rules: []rules.Rule{one}, Allowlists: set.Allowlists}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		found := func(e rules.Example) bool {
			for m, err := range s.ScanBytes(cmp.Or(e.Path, "app/file.txt"), []byte(e.Expand(r.ID))) {
				if err == nil && m.Rule.ID == r.ID {
					return true
				}
			}
			return false
		}
		hits, misses := r.Examples()
		for _, e := range hits {
			if !found(e) {
				t.Errorf("%s: %v is not found: %s", r.ID, e, e.Expand(r.ID))
			}
		}
		for _, e := range misses {
			if found(e) {
				t.Errorf("%s: %v is found", r.ID, e)
			}
		}
	}
}
