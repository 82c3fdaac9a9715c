package detect

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/rules"
)

// reference is the plain way: every pattern over the whole text, no prefilter,
// no window, no stream, no matcher. It shares only the judgement of a single
// match.
func reference(s *Scanner, path string, text []byte) (out []found) {
	type hit struct {
		found
		generic bool
	}
	var hits []hit
	lower := strings.ToLower(string(text))
	for _, r := range s.rules {
		if r.Pattern == "" || !r.applies(path, false) {
			continue
		}
		if len(r.Keywords) > 0 && !slices.ContainsFunc(r.Keywords, func(k string) bool { return strings.Contains(lower, k) }) {
			continue
		}
		for _, loc := range r.pattern().FindAllIndex(text, -1) {
			match := bytes.Trim(text[loc[0]:loc[1]], "\n")
			start := loc[0] + bytes.Index(text[loc[0]:loc[1]], match)
			secret := plainSecret(r, match)
			if r.MinEntropy != 0 && entropy(secret) <= r.MinEntropy {
				continue
			}
			lineStart := max(0, bytes.LastIndexByte(text[:start], '\n'))
			lineEnd := len(text)
			if k := bytes.IndexByte(text[start+len(match):], '\n'); k >= 0 {
				lineEnd = start + len(match) + k
			}
			line := func() []byte { return text[lineStart:lineEnd] }
			allowed := func(a *allowlist) bool { return a.allows(path, secret, match, line) }
			if slices.ContainsFunc(s.global, allowed) || slices.ContainsFunc(r.allowlists, allowed) {
				continue
			}
			at := bytes.Count(text[:loc[0]], newline)
			if loc[0] < len(text) && text[loc[0]] == '\n' {
				at++
			}
			hits = append(hits, hit{found{r.ID, string(match), string(secret), at}, r.generic})
		}
	}
	for _, h := range hits {
		if h.generic && slices.ContainsFunc(hits, func(o hit) bool {
			return !o.generic && o.line == h.line && strings.Contains(o.secret, h.secret)
		}) {
			continue
		}
		h.line = 0 // where a text occurs twice, the multiset is enough
		out = append(out, h.found)
	}
	return out
}

// plainSecret is rule.secretOf by package regexp alone.
func plainSecret(r *rule, match []byte) []byte {
	groups := r.pattern().FindSubmatch(match)
	if len(groups) < 2 {
		return match
	}
	if r.SecretGroup > 0 {
		return groups[r.SecretGroup]
	}
	for _, g := range groups[1:] {
		if len(g) > 0 {
			return g
		}
	}
	return match
}

// FuzzScan compares the windowed stream, cut anywhere and read in any portions,
// with the plain way.
func FuzzScan(f *testing.F) {
	set := defaultRules(f)
	// Forms that the default rules do not have.
	set.Rules = append(set.Rules,
		rules.Rule{ID: "t-anchor", Pattern: `(?:^|x)abc(?:$|y)`},
		rules.Rule{ID: "t-edge", Pattern: `\Babc\b|\bfoo\B`},
		rules.Rule{ID: "t-empty", Pattern: `zz(?:[a-z]*)`, Keywords: []string{"zz"}},
		rules.Rule{ID: "t-free", Pattern: `(?s)<<.+?>>`},
		rules.Rule{ID: "t-none", Pattern: `[a-f]{9,}[0-9]`},
		rules.Rule{ID: "t-fold", Pattern: `(?i)\bkiss[ks]{2,4}=[^s]{3}`, Keywords: []string{"ki"}},
		rules.Rule{ID: "t-assign", Pattern: `(?i)kk[\w]{0,5}\s?(?:=|:)\s{0,2}([a-k]{4,}|[0-9]{5})(?:;|$)`, Keywords: []string{"k"}},
		rules.Rule{ID: "t-named", Pattern: `(?i)[\w.-]{0,9}?(?:kis|zo)(?:[ \t\w.-]{0,9})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}([a-z0-9]{24,40})(?:['"\s;]|$)`, Keywords: []string{"kis", "zo"}},
		rules.Rule{ID: "t-outside", Pattern: `(?:^|[^A-Za-z0-9_-])(q[a-z]_[0-9a-k]{24,30})(?:\W|$)`},
		rules.Rule{ID: "t-inside", Pattern: `\bqq[0-9a-k]{24,30}\b`},
		rules.Rule{ID: "t-generic", Pattern: `val=(\w{4,})`},
	)
	plain, err := New(set, Options{MaxDecode: -1})
	if err != nil {
		f.Fatal(err)
	}
	cut := map[int]*Scanner{}
	for _, n := range []int{3, 5, 17, 100, 1000} {
		if cut[n], err = New(set, Options{MaxDecode: -1, limits: cutting(n)}); err != nil {
			f.Fatal(err)
		}
	}
	for i, text := range []string{
		"abc", "xabcy abc", "kk=abcd;kkk: 12345", "Kiſs\u212Ask=abc ki", "<<a>> <<\n>>", "fffffffff0", "val=" + fakePAT(),
		"token = '" + strings.Repeat("aZ9k", 10) + "'", "\n\n\xffabc\xe2\x84", "zzzz zz",
		"zo = '" + strings.Repeat("a9k", 9) + "'\nKi\u017F_a:\u017F" + strings.Repeat("a9k", 9), "qa_" + strings.Repeat("a9k", 9) + "-qq_" + strings.Repeat("k0", 13) + " qq" + strings.Repeat("k0", 13),
	} {
		f.Add([]byte(text), uint64(i))
		f.Add([]byte(text+text), uint64(i+100))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		if len(text) > 4096 {
			return
		}
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), wide: seed%3 == 0, long: seed%5 == 0}
		text = bytes.Clone(text)
		for range g.IntN(4) {
			r := &set.Rules[g.IntN(len(set.Rules))]
			text = slices.Insert(text, g.IntN(len(text)+1), []byte(g.pattern(r.Pattern))...)
		}
		if len(text) > 12<<10 {
			return // beyond the limits of a match
		}
		path := []string{"a.txt", "a.tf", "a.yaml", "nuget.config", "a.php"}[g.IntN(5)]
		sizes := []int{3, 5, 17, 100, 1000}
		n := sizes[g.IntN(len(sizes))]
		n = max(n, sizes[min(len(sizes)-1, len(text)/500)]) // each round looks at all that is ahead
		c := &ruleCase{set: *set, plain: plain, cut: map[int]*Scanner{n: cut[n]}, path: path}
		if d := c.differs(t, text); d != "" {
			t.Errorf("%d bytes, %s", len(text), d)
		}
	})
}
