package detect

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	gitleaks "github.com/zricethezav/gitleaks/v8/detect"

	"github.com/leakscan/leakscan/rules"
)

func defaultRules(t testing.TB) *rules.Set {
	t.Helper()
	set, err := rules.Default()
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

// oracle is gitleaks itself, on the whole text. Its global path allowlist can't
// be taken out, so tests must use paths that are not on it.
func oracle(t testing.TB) func(path string, text []byte) []found {
	d, err := gitleaks.NewDetectorDefaultConfig()
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

// TestSameAsGitleaks plants secrets of every rule in several kinds of text, at
// the start, at the end, in the middle and back to back, and wants exactly
// what gitleaks finds, however the stream is cut.
func TestSameAsGitleaks(t *testing.T) {
	gl := oracle(t)
	whole := newScanner(t, Options{MaxDecode: -1})
	var cut []*Scanner
	for _, n := range []int{61, 512, 2003} {
		cut = append(cut, newScanner(t, Options{MaxDecode: -1, limits: tiny(n)}))
	}
	rounds := 5
	if testing.Short() {
		rounds = 1
	}
	hit := map[string]int{}
	for round := range rounds {
		for i, r := range defaultRules(t).Rules {
			if testing.Short() && i%5 > 0 {
				continue // for -race, under which gitleaks takes minutes
			}
			g := &generator{Rand: rand.New(rand.NewPCG(uint64(round), uint64(i))), wide: round == 3}
			kind := hosts[(i+round)%len(hosts)]
			text := g.host(kind)
			plant := func(at int) {
				s := g.pattern(r.Pattern)
				switch g.IntN(5) {
				case 0:
					s = "\n" + s + "\n"
				case 1:
					s = `"` + s + `"`
				case 2:
					s = "\nconst apiKey = '" + s + "';\n"
				case 3:
					s = " " + strings.Join(append(r.Keywords, ""), " ") + "_token=" + s + " "
				}
				text = slices.Insert(text, at, []byte(s)...)
			}
			plant(0)
			plant(len(text) - 1)
			mid := g.IntN(len(text))
			plant(mid)
			plant(mid)
			plant(g.IntN(len(text)))
			path := pathFor(&r)
			want := gl(path, text)
			for _, f := range want {
				hit[f.rule]++
			}
			what := fmt.Sprintf("%s in %s, round %d", r.ID, kind, round)
			compare(t, what, want, ours(t, whole, path, text, bytes.NewReader(text)))
			for k, s := range cut {
				compare(t, fmt.Sprintf("%s, cut %d", what, k), want, ours(t, s, path, text, iotest.HalfReader(bytes.NewReader(text))))
			}
			if t.Failed() {
				return
			}
		}
	}
	for _, r := range defaultRules(t).Rules {
		if hit[r.ID] == 0 && !testing.Short() {
			t.Logf("%s: gitleaks found none of those planted", r.ID)
		}
	}
}
