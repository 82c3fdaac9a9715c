package detect

import (
	"bytes"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/rules"
)

// A finding whose match starts with a newline is on the line after it, and
// makes generic ones there give way, wherever the stream is cut between them.
func TestGivesWayAfterNewline(t *testing.T) {
	set := rules.Set{Rules: []rules.Rule{{ID: "generic-r", Pattern: `key=(\w+)`}, {ID: "r", Pattern: `\nbrand_\w+`}}}
	c := newRuleCase(t, set, 3, 7, 30)
	for n := range 60 {
		text := strings.Repeat("some line\n", 50) + "\nbrand_1" + strings.Repeat(" ", n) + " key=rand_1\n" + strings.Repeat("x\n", 500)
		if d := c.differs(t, []byte(text)); d != "" {
			t.Errorf("%d apart: %s", n, d)
		}
	}
	if c.cuts < 100 {
		t.Errorf("only %d were cut", c.cuts)
	}
}

// A word that a folding character breaks is no literal any more, and the
// prefilter must know so even if that character is well behind the chunk.
func TestBrokenWordOnEdge(t *testing.T) {
	set := rules.Set{Rules: []rules.Rule{{ID: "r", Pattern: `(?i)(?:[abcks_-]{3}){20}`}}}
	c := newRuleCase(t, set, 3)
	for n := range 40 {
		text := strings.Repeat("\n", 1000+n) + strings.Repeat("ab", 28) + "\u212A" + strings.Repeat("s", 40) + strings.Repeat("\n", 1000)
		if d := c.differs(t, []byte(text)); d != "" {
			t.Errorf("%d: %s", n, d)
		}
	}
}

// What random rules have shown.
func TestMatcherRegressions(t *testing.T) {
	for _, tt := range []struct{ pattern, text, match, secret string }{
		// The lazy prefix is inside of a group with more than itself.
		{`([\w.]{0,9}?key)=(\w{3,8})`, "my.key=abc", "my.key=abc", "my.key"},
		{`((?i)\w{0,11}?(?:xo|tok)\s?"?((?:[a-f]{2}-?){2,5}))(?:;|$)`, "a_XOabcd;", "a_XOabcd;", "a_XOabcd"},
		// A class has a folding character, but not what it folds to.
		{"sk-_k(\u017F|\u212A|tok)", "sk-_k\u212A", "sk-_k\u212A", "\u212A"},
		{"\n--key([.\u212A])[ks]{2};", "ab\n--key\u212Aks;", "--key\u212Aks;", "--key\u212Aks;"},
		{`((?:[a-c]{0,8}?key):\w)\w{3}`, "bkey:1234", "bkey:1234", "bkey:1"},
	} {
		c := newRuleCase(t, rules.Set{Rules: []rules.Rule{{ID: "r", Pattern: tt.pattern}}}, 3, 10)
		if d := c.differs(t, []byte(tt.text)); d != "" {
			t.Errorf("%s: %s", tt.pattern, d)
		}
		for m := range c.plain.ScanBytes("", []byte(tt.text)) {
			if got := tt.text[m.Offset:m.End]; got != tt.match || string(m.Secret.Reveal()) != tt.secret {
				t.Errorf("%s: %q, secret %q", tt.pattern, got, m.Secret.Reveal())
			}
		}
	}
}

// What brokenWords put behind a hit does not make one window of all between.
func TestWindowsStayApart(t *testing.T) {
	s, err := New(&rules.Set{Rules: []rules.Rule{{ID: "t", Pattern: `key=[a-z]{8}`}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.prepared.Do(s.prepare)
	sc := newScan(s)
	sc.d = bytes.Repeat([]byte("."), 10000)
	sc.folds, sc.end, sc.commit = true, true, len(sc.d)
	st := &sc.rules[0]
	st.windows = []span{{9000, 9100}}
	st.hits = []hit{{at: 10}, {at: 400}}
	sc.windows(0)
	n := 0
	for _, w := range st.windows {
		n += w.hi - w.lo
	}
	if len(st.windows) != 3 || n > 300 {
		t.Errorf("%v", st.windows)
	}
}
