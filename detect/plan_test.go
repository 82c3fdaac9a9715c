package detect

import (
	"slices"
	"testing"
)

// What could be proved about the default rules. The fewer of them run over
// everything, the better; these are known.
func TestPlans(t *testing.T) {
	s := newScanner(t, Options{})
	s.prepared.Do(s.prepare)
	var whole, gated []string
	for _, r := range s.rules {
		if r.Pattern == "" {
			continue
		}
		if r.plan.literals == nil {
			whole = append(whole, r.ID)
			if r.plan.run == nil {
				t.Errorf("%s: not even a run", r.ID)
			}
		}
		if r.plan.gated {
			gated = append(gated, r.ID)
		}
	}
	if want := []string(nil); !slices.Equal(whole, want) {
		t.Errorf("rules without a literal: %q, want %q", whole, want)
	}
	if want := []string{"airtable-personnal-access-token", "facebook-access-token", "sidekiq-sensitive-url",
		"slack-config-access-token", "slack-webhook-url", "sourcegraph-access-token"}; !slices.Equal(gated, want) {
		t.Errorf("rules whose matches need not have a keyword: %q, want %q", gated, want)
	}
	n := 0
	for _, x := range s.filter.table {
		n += int(x)
	}
	t.Logf("%d literals, %d of %d hashes, back %d, lead %d, longest %d", len(s.filter.literals), n, tableSize, s.limits.back, s.limits.lead, s.limits.maxMatch)
	assigned := 0
	for _, r := range s.rules {
		if r.plan.assign != nil {
			assigned++
		}
	}
	if assigned < 90 {
		t.Errorf("%d rules have the assignment form", assigned)
	}
	t.Logf("%d assign", assigned)
}
