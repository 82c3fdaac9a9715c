package detect

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// Wherever the short form of a pattern is used, it must match the same, groups
// included. The texts are made of what the pattern matches, cut, joined and
// stretched, so that their runs end on both sides of the bounds.
func TestRelaxed(t *testing.T) {
	s := newScanner(t, Options{})
	g := &generator{Rand: rand.New(rand.NewPCG(7, 7)), long: true, wide: true}
	seams := []string{"", "a", "0", "-", "=", " ", "\"", "'", "; ", "\n", "é", "ſ", "\\n"}
	shown := 0
	for _, rule := range s.rules {
		if rule.tree == nil || rule.relaxed() == nil {
			continue
		}
		t.Run(rule.ID, func(t *testing.T) {
			fitted, refused, matched := 0, 0, 0
			for range 600 {
				var b strings.Builder
				for range 1 + g.IntN(3) {
					b.WriteString(strings.Repeat(seams[g.IntN(len(seams))], g.IntN(60)))
					text := g.pattern(rule.Pattern)
					if g.IntN(3) == 0 { // a part of it is stretched
						at := g.IntN(len(text) + 1)
						text = text[:at] + strings.Repeat(seams[g.IntN(4)], g.IntN(170)) + text[at:]
					}
					b.WriteString(text + seams[g.IntN(len(seams))])
				}
				d := []byte(b.String())
				if !rule.relaxed().fits(d) {
					refused++
					continue
				}
				fitted++
				want := rule.pattern().FindAllSubmatchIndex(d, -1)
				if got := rule.relaxed().pattern.FindAllSubmatchIndex(d, -1); !reflect.DeepEqual(got, want) {
					t.Fatalf("on %q: %v, want %v", d, got, want)
				}
				if want != nil {
					matched++
				}
			}
			if fitted < 10 {
				return // what it matches is too long: the short form hardly ever runs
			}
			shown++
			if refused == 0 || matched < fitted/4 || matched < 10 {
				t.Errorf("%d texts fitted, %d did not, %d matched: that shows too little", fitted, refused, matched)
			}
		})
	}
	if shown < 5 {
		t.Errorf("shown for %d rules only", shown)
	}
}
