package detect

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/rules"
)

// Where a scanner does not find what the plain way finds: the differences that
// the package comment lists, so that none of them grows unnoticed.

// A literal is at most 16 KiB behind the start of a match: of the default rules,
// a JSON Web Token's second part, and the domain of a webhook.
func TestDecisionLongHeader(t *testing.T) {
	s := newScanner(t, Options{MaxDecode: -1})
	s.prepared.Do(s.prepare)
	var ids []string
	for _, r := range s.rules {
		for _, l := range r.plan.literals {
			if l.back != nil && (len(ids) == 0 || ids[len(ids)-1] != r.ID) {
				ids = append(ids, r.ID)
			}
		}
	}
	if got := strings.Join(ids, " "); got != "jwt microsoft-teams-webhook" {
		t.Errorf("it concerns %q", got)
	}
	g := &generator{Rand: rand.New(rand.NewPCG(1, 1))}
	for _, tt := range []struct{ header, want int }{{1000, 1}, {16_000, 1}, {17_000, 0}} {
		letters := func(n int) string {
			b := make([]byte, n)
			for i := range b {
				b[i] = base64Alphabet[g.IntN(len(base64Alphabet))]
			}
			return string(b)
		}
		text := "x ey" + letters(tt.header) + ".ey" + letters(50) + "." + letters(50) + "\n"
		if n := len(reference(s, "a.txt", []byte(text))); n != 1 {
			t.Errorf("%d bytes: the plain way finds %d", tt.header, n)
		}
		if n := len(secrets(t, s, "a.txt", text)); n != tt.want {
			t.Errorf("%d bytes: %d found, want %d", tt.header, n, tt.want)
		}
	}
}

// A keyword outside of the match counts from where it is on, and from the
// chunk it is in; but not one of a rule whose matches always have one, if a
// match has it with ſ for s, which is none to strings.ToLower.
func TestDecisionKeywords(t *testing.T) {
	for _, tt := range []struct {
		pattern, before, match, behind string
		want                           int // when cut
	}{
		{`tok=\d{5}`, "key", "tok=12345", "", 1},
		{`tok=\d{5}`, "", "tok=12345", "key", 0},
		{`(?i)key[ks]=\d{5}`, "", "keyſ=12345", "", 1},
		{`(?i)(?:\u212Aey|key)=\d{5}`, "", "\u212Aey=12345", "", 1},
		{`(?i)pass=\d{5}`, "pass", "pa\u017Fs=12345", "", 0},
		{`(?i)pass=\d{5}`, "", "pa\u017Fs=12345 pass", "", 1}, // in the same chunk
	} {
		keyword := "key"
		if strings.Contains(tt.pattern, "pass") {
			keyword = "pass"
		}
		pattern := strings.ReplaceAll(tt.pattern, `\u212A`, "\u212A")
		set := rules.Set{Rules: []rules.Rule{{ID: "r", Pattern: pattern, Keywords: []string{keyword}}}}
		pad := strings.Repeat("\n", 4000)
		text := tt.before + pad + tt.match + pad + tt.behind
		whole := newRules(t, Options{MaxDecode: -1}, set)
		if n := len(secrets(t, whole, "", text)); n != 1 {
			t.Errorf("%q, whole: %d found", tt.match, n)
		}
		cut := newRules(t, Options{MaxDecode: -1, limits: cutting(20)}, set)
		n := 0
		for _, err := range cut.Scan("", strings.NewReader(text)) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != tt.want {
			t.Errorf("%q, cut: %d found, want %d", tt.match, n, tt.want)
		}
	}
}
