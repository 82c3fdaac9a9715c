package detect

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	gitleaks "github.com/zricethezav/gitleaks/v8/detect"

	"github.com/leakscan/leakscan/rules"
)

func defaultRules(t testing.TB) *rules.Set {
	t.Helper()
	set, err := rules.Gitleaks()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func newScanner(t testing.TB, o Options) *Scanner {
	t.Helper()
	if o.Key == nil {
		o.Key = []byte("test")
	}
	s, err := New(defaultRules(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tiny cuts the stream every few bytes. The other limits stay large enough for
// what the tests plant.
func tiny(chunk int) limits { return limits{chunk: chunk, maxMatch: 8 << 10, line: 8 << 10} }

// found is a match in the terms of both scanners.
type found struct {
	rule, match, secret string
	line                int
}

func (f found) String() string {
	return fmt.Sprintf("%s:%d %q secret %q", f.rule, f.line, f.match, f.secret)
}

var oracleMu sync.Mutex // gitleaks reads its configuration by way of globals

// oracle is gitleaks itself, on the whole text. Its global path allowlist can't
// be taken out, so tests must use paths that are not on it.
func oracle(t testing.TB) func(path string, text []byte) []found {
	oracleMu.Lock()
	d, err := gitleaks.NewDetectorDefaultConfig()
	oracleMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	d.MaxDecodeDepth = 0
	d.IgnoreGitleaksAllow = true
	return func(path string, text []byte) (fs []found) {
		//lint:ignore SA1019 Detect takes no other type until v9
		for _, f := range d.Detect(gitleaks.Fragment{Raw: string(text), FilePath: path}) {
			fs = append(fs, found{f.RuleID, f.Match, f.Secret, f.StartLine})
		}
		return fs
	}
}

// ours runs s in the same terms.
func ours(t testing.TB, s *Scanner, path string, text []byte, r io.Reader) (fs []found) {
	t.Helper()
	last := int64(-1)
	for m, err := range s.Scan(path, r) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Offset < last {
			t.Errorf("offset %d after %d", m.Offset, last)
		}
		last = m.Offset
		if m.Rule.Pattern == "" {
			fs = append(fs, found{m.Rule.ID, "file detected: " + path, "", 0})
			continue
		}
		secret := string(m.Secret.Reveal())
		if at := text[m.SecretOffset:]; !bytes.HasPrefix(at, []byte(secret)) {
			t.Errorf("%s: no secret at offset %d", m.Rule.ID, m.SecretOffset)
		}
		if want := 1 + bytes.Count(text[:m.SecretOffset], newline); m.Line != want {
			t.Errorf("%s: line %d, want %d", m.Rule.ID, m.Line, want)
		}
		if want := int(m.SecretOffset) - bytes.LastIndexByte(text[:m.SecretOffset], '\n'); m.Column != want {
			t.Errorf("%s: column %d, want %d", m.Rule.ID, m.Column, want)
		}
		fs = append(fs, found{m.Rule.ID, string(text[m.Offset:m.End]), secret, matchLine(text, int(m.Offset))})
	}
	return fs
}

// matchLine is the line that gitleaks gives a match, from 0.
func matchLine(text []byte, trimmed int) int {
	return bytes.Count(text[:trimmed], newline)
}

// diff reports what is in one of the lists only, as multisets.
func diff(a, b []found) (onlyA, onlyB []string) {
	count := map[string]int{}
	for _, f := range a {
		count[f.String()]++
	}
	for _, f := range b {
		count[f.String()]--
	}
	for f, n := range count {
		if n > 0 {
			onlyA = append(onlyA, f)
		} else if n < 0 {
			onlyB = append(onlyB, f)
		}
	}
	slices.Sort(onlyA)
	slices.Sort(onlyB)
	return onlyA, onlyB
}

func compare(t *testing.T, what string, want, got []found) {
	t.Helper()
	missed, extra := diff(want, got)
	for _, f := range missed {
		t.Errorf("%s: missed %.300s", what, f)
	}
	for _, f := range extra {
		t.Errorf("%s: not in gitleaks: %.300s", what, f)
	}
}

// pathFor is a path that the rule accepts and gitleaks' path allowlist does
// not know.
func pathFor(r *rules.Rule) string {
	switch r.ID {
	case "freemius-secret-key":
		return "app/config.php"
	case "hashicorp-tf-password":
		return "infra/main.tf"
	case "kubernetes-secret-yaml":
		return "deploy/secret.yaml"
	case "nuget-config-password":
		return "src/nuget.config"
	case "pkcs12-file":
		return "certs/site.p12"
	}
	return "app/file.txt"
}

// cutting are limits so small that texts of some KB are cut. They change what
// is found where a match or a line is longer; see short.
func cutting(chunk int) limits {
	return limits{chunk: chunk, maxMatch: 1 << 10, line: 1 << 10, stretch: 512}
}

// short reports whether the text has no line and no match that such limits
// would cut.
func short(text []byte, want []found, l limits) bool {
	for line := range bytes.SplitSeq(text, newline) {
		if len(line) > l.line {
			return false
		}
	}
	return !slices.ContainsFunc(want, func(f found) bool { return len(f.match)+16 > l.maxMatch })
}

// sprout gives one of a rule's secrets as it stands in a text, and the secret.
func (g *generator) sprout(r *rules.Rule) (text, secret string) {
	s := g.pattern(r.Pattern)
	switch g.IntN(5) {
	case 0:
		return "\n" + s + "\n", s
	case 1:
		return `"` + s + `"`, s
	case 2:
		return "\nconst apiKey = '" + s + "';\n", s
	case 3:
		return " " + strings.Join(append(r.Keywords, ""), " ") + "_token=" + s + " ", s
	}
	return s, s
}

// tally counts what was planted and what gitleaks found of it.
type tally struct {
	sync.Mutex
	texts, cut, planted, found, foreign int

	byRule map[string]int // found
}

// add counts the findings of a text. A plant counts as found if gitleaks
// reports a match of its rule that is in it or around it.
func (c *tally) add(rule string, plants []string, want []found) {
	c.Lock()
	defer c.Unlock()
	c.texts++
	c.planted += len(plants)
	for _, f := range want {
		match := strings.TrimSpace(f.match)
		i := slices.IndexFunc(plants, func(p string) bool {
			return strings.Contains(match, strings.TrimSpace(p)) || strings.Contains(p, match)
		})
		if f.rule != rule || i < 0 {
			c.foreign++
			continue
		}
		plants = slices.Delete(slices.Clone(plants), i, i+1)
		c.found++
		c.byRule[rule]++
	}
}

// TestSameAsGitleaks plants secrets of every rule in several kinds of text, at
// the start, at the end, in the middle and back to back, and wants exactly
// what gitleaks finds, however the stream is cut.
func TestSameAsGitleaks(t *testing.T) {
	whole := newScanner(t, Options{MaxDecode: -1})
	var cut []*Scanner
	for _, n := range []int{5, 61, 512} {
		cut = append(cut, newScanner(t, Options{MaxDecode: -1, limits: cutting(n)}))
	}
	whole.prepared.Do(whole.prepare)
	set := defaultRules(t)
	counts := tally{byRule: map[string]int{}}
	t.Run("rounds", func(t *testing.T) {
		for round := range rounds(t, 5, 1) {
			t.Run(fmt.Sprint(round), func(t *testing.T) {
				t.Parallel()
				gl := oracle(t)
				for i := range set.Rules {
					if testing.Short() && i%8 > 0 {
						continue // for -race, under which gitleaks takes minutes
					}
					r := &set.Rules[i]
					g := &generator{Rand: rand.New(rand.NewPCG(uint64(round), uint64(i))), wide: round%5 == 3, calm: i%2 == 0}
					if r.Pattern == "" {
						continue // it is about the path: TestPathRule
					}
					kind := hosts[(i+round)%len(hosts)]
					text := g.host(kind)
					var plants []string
					plant := func(at int) {
						s, secret := g.sprout(r)
						plants = append(plants, secret)
						text = slices.Insert(text, at, []byte(s)...)
					}
					plant(0)
					plant(len(text) - 1)
					mid := g.IntN(len(text))
					for range 3 {
						plant(mid)
					}
					for range 5 {
						plant(g.IntN(len(text)))
					}
					path := pathFor(r)
					want := gl(path, text)
					counts.add(r.ID, plants, want)
					what := fmt.Sprintf("%s in %s, round %d", r.ID, kind, round)
					compare(t, what, want, ours(t, whole, path, text, bytes.NewReader(text)))
					if whole.rules[i].plan.gated {
						// Where it cuts, the keyword must come first: see the
						// package comment.
						text = slices.Concat([]byte(strings.Join(r.Keywords, " ")+"\n"), text)
						want = gl(path, text)
					}
					for k, s := range cut {
						if !short(text, want, s.limits) {
							continue
						}
						compare(t, fmt.Sprintf("%s, cut %d", what, k), want, ours(t, s, path, text, iotest.HalfReader(bytes.NewReader(text))))
						if len(text) > s.limits.size {
							counts.Lock()
							counts.cut++
							counts.Unlock()
						}
					}
					if t.Failed() {
						return
					}
				}
			})
		}
	})
	c := &counts
	t.Logf("%d texts, cut %d times; %d secrets planted, gitleaks found %d of them, of %d rules; and %d others",
		c.texts, c.cut, c.planted, c.found, len(c.byRule), c.foreign)
	if testing.Short() {
		return
	}
	for _, r := range set.Rules {
		if n := c.byRule[r.ID]; n == 0 && r.Pattern != "" {
			t.Errorf("%s: gitleaks found none of those planted", r.ID)
		} else if n < 20 && r.Pattern != "" {
			t.Logf("%s: gitleaks found only %d of those planted", r.ID, n)
		}
	}
	if c.planted < 10_000 || c.found < 9_000 || c.cut < c.texts {
		t.Error("that shows too little")
	}
}
