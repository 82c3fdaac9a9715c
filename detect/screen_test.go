package detect

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"testing"

	"github.com/leakscan/leakscan/rules"
)

// What a screen holds back, the pattern does not match: of all allowlists, in
// texts with and without a match.
func TestScreen(t *testing.T) {
	set, err := rules.Default()
	if err != nil {
		t.Fatal(err)
	}
	patterns := []string{`(?i)kiss[_-]?id|[a-c]{2,5}x|(?:mass|kick)y`, `^[a-z]+$`, `(?i)(?:ab|cd)?ef\b`}
	for _, r := range set.Rules {
		for _, a := range r.Allowlists {
			patterns = append(patterns, a.Patterns...)
		}
	}
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2)), wide: true}
	held, screens := 0, 0
	for _, p := range patterns {
		tree, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		s, re := newScreen(tree), regexp.MustCompile(p)
		if s == nil {
			continue
		}
		screens++
		for n := range 200 {
			text := []byte(g.pattern(p))
			if n%2 == 1 { // damaged: some still match
				text[g.IntN(max(1, len(text)))%len(text)] ^= 0x20
			}
			text = append(append([]byte("x = "), text...), " y"...)
			if s.passes(text) {
				continue
			}
			if held++; re.Match(text) {
				t.Errorf("%s matches in %q", p, text)
			}
		}
	}
	if screens < len(patterns)/2 || held < screens {
		t.Errorf("%d screens of %d patterns held back %d texts", screens, len(patterns), held)
	}
}
