package detect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/leakscan/leakscan/rules"
)

// newRules is a scanner for rules of the test's own.
func newRules(t testing.TB, o Options, set rules.Set) *Scanner {
	t.Helper()
	if err := set.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := New(&set, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func secrets(t testing.TB, s *Scanner, path, text string) (out []string) {
	t.Helper()
	for m, err := range s.ScanBytes(path, []byte(text)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(m.Secret.Reveal()))
	}
	return out
}

// The corners of gitleaks' semantics, one rule at a time.
func TestSemantics(t *testing.T) {
	type R = rules.Rule
	allow := func(a rules.Allowlist) R {
		return R{Pattern: `tok=(\w+)`, Allowlists: []rules.Allowlist{a}}
	}
	for _, tt := range []struct {
		name, path, text string
		rule             R
		want             []string
	}{
		{"first group that matched", "", "b=two a=one", R{Pattern: `a=(\w+)|b=(\w+)`}, []string{"two", "one"}},
		{"a chosen group", "", "ab", R{Pattern: `(a)(b)`, SecretGroup: 2}, []string{"b"}},
		{"no group", "", "tok_1 tok_2", R{Pattern: `tok_\d`}, []string{"tok_1", "tok_2"}},
		{"empty groups: the match", "", "abc", R{Pattern: `abc(d*)`}, []string{"abc"}},
		{"newlines are trimmed off", "", "\n\nabc\n", R{Pattern: `\s*abc\s`}, []string{"abc"}},
		{"groups see the trimmed match alone", "", "x abc\n", R{Pattern: `(abc\n)|(ab)c`}, []string{"ab"}},
		{"no overlap", "", "aaaaa", R{Pattern: `aa`}, []string{"aa", "aa"}},
		{"keyword anywhere", "", "abc ... KEYword", R{Pattern: `abc`, Keywords: []string{"keyword"}}, []string{"abc"}},
		{"keyword absent", "", "abc ...", R{Pattern: `abc`, Keywords: []string{"keyword"}}, nil},
		{"one of the keywords", "", "abc two", R{Pattern: `abc`, Keywords: []string{"one", "two"}}, []string{"abc"}},
		{"keyword in lower-cased Unicode", "", "abc \u212Aey", R{Pattern: `abc`, Keywords: []string{"key"}}, []string{"abc"}},
		{"keyword with a dotted I", "", "abc tw\u0130tter", R{Pattern: `abc`, Keywords: []string{"twitter"}}, []string{"abc"}},
		{"long s is no keyword", "", "abc \u017Fecret", R{Pattern: `abc`, Keywords: []string{"secret"}}, nil},
		{"long s in a pattern", "", "pa\u017Fsword=hunter secret", R{Pattern: `(?i)password=(\w+)`, Keywords: []string{"secret"}}, []string{"hunter"}},
		{"a Kelvin sign is its own keyword", "", "\u212Aey=hunter", R{Pattern: `(?i)key=(\w+)`, Keywords: []string{"key"}}, []string{"hunter"}},
		{"entropy must be greater", "", "tok=abab", R{Pattern: `tok=(\w+)`, MinEntropy: 1}, nil},
		{"entropy is greater", "", "tok=ababc", R{Pattern: `tok=(\w+)`, MinEntropy: 1}, []string{"ababc"}},
		{"path fits", "a/b.tf", "abc", R{Pattern: `abc`, Path: `\.tf$`}, []string{"abc"}},
		{"path does not fit", "a/b.go", "abc", R{Pattern: `abc`, Path: `\.tf$`}, nil},
		{"path only", "a/b.p12", "", R{Path: `\.p12$`}, []string{""}},
		{"word edge", "", "xabc abc", R{Pattern: `\babc`}, []string{"abc"}},
		{"start of the text", "", "abcabc", R{Pattern: `^abc`}, []string{"abc"}},
		{"end of the text", "", "abc abc", R{Pattern: `abc$`}, []string{"abc"}},
		{"end is not the line's", "", "abc\n", R{Pattern: `abc$`}, nil},
		{"invalid UTF-8", "", "\xff\xfeabc\xff", R{Pattern: `abc.`}, []string{"abc\xff"}},
		{"gitleaks:allow is nothing", "", "abc # gitleaks:allow", R{Pattern: `abc`}, []string{"abc"}},

		{"allowed secret", "", "tok=sample tok=real", allow(rules.Allowlist{Patterns: []string{"^sample$"}}), []string{"real"}},
		{"allowed match", "", "tok=sample tok=real", allow(rules.Allowlist{Target: rules.TargetMatch, Patterns: []string{"^tok=s"}}), []string{"real"}},
		{"allowed line", "", "tok=a # demo\ntok=b\ndemo tok=c", allow(rules.Allowlist{Target: rules.TargetLine, Patterns: []string{"demo"}}), []string{"b"}},
		{"stop word in any case", "", "tok=myExAmPle1 tok=real", allow(rules.Allowlist{StopWords: []string{"example"}}), []string{"real"}},
		{"short stop word", "", "tok=xx tok=real", allow(rules.Allowlist{StopWords: []string{"xx"}}), []string{"real"}},
		{"allowed path", "x/README.md", "tok=a", allow(rules.Allowlist{Paths: []string{"README"}}), nil},
		{"path not allowed", "x/main.go", "tok=a", allow(rules.Allowlist{Paths: []string{"README"}}), []string{"a"}},
		{"all of them: all apply", "README", "tok=a1", allow(rules.Allowlist{RequireAll: true, Paths: []string{"README"}, Patterns: []string{"1"}}), nil},
		{"all of them: not the path", "main", "tok=a1", allow(rules.Allowlist{RequireAll: true, Paths: []string{"README"}, Patterns: []string{"1"}}), []string{"a1"}},
		{"all of them: not the pattern", "README", "tok=a2", allow(rules.Allowlist{RequireAll: true, Paths: []string{"README"}, Patterns: []string{"1"}}), []string{"a2"}},
	} {
		tt.rule.ID = "r"
		s := newRules(t, Options{}, rules.Set{Rules: []R{tt.rule}})
		if got := secrets(t, s, tt.path, tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestGlobalAllowlists(t *testing.T) {
	s := newRules(t, Options{}, rules.Set{
		Rules: []rules.Rule{{ID: "r", Pattern: `tok=(\w+)`}},
		Allowlists: []rules.Allowlist{
			{StopWords: []string{"sample"}},
			{Paths: []string{"^vendor/"}},
		},
	})
	if got := secrets(t, s, "a", "tok=sample1 tok=real"); !slices.Equal(got, []string{"real"}) {
		t.Errorf("%q", got)
	}
	if got := secrets(t, s, "vendor/a", "tok=real"); got != nil {
		t.Errorf("in an allowed path: %q", got)
	}
}

// A generic finding gives way to a better one on its line, and only there.
func TestGivesWay(t *testing.T) {
	set := rules.Set{Rules: []rules.Rule{
		{ID: "generic-key", Pattern: `key=(\w+)`},
		{ID: "brand", Pattern: `brand_\w+`},
	}}
	filler := strings.Repeat("x", 3000)
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"key=brand_1\n", []string{"brand: brand_1"}},
		{"key=brand_1", []string{"brand: brand_1"}},
		{"key=other\n", []string{"generic-key: other"}},
		{"key=rand_1 brand_1\n", []string{"brand: brand_1"}},
		{"key=rand_1\nbrand_1\n", []string{"generic-key: rand_1", "brand: brand_1"}},
		{"brand_1\nkey=rand_1\n", []string{"brand: brand_1", "generic-key: rand_1"}},
		{"brand_1" + " " + filler + " key=rand_1\n", []string{"brand: brand_1"}},
		{"key=rand_1 " + filler + " brand_1\n", []string{"brand: brand_1"}},
	} {
		for _, chunk := range []int{1, 7, 100, 1 << 20} {
			s := newRules(t, Options{limits: tiny(chunk)}, set)
			var got []string
			for m, err := range s.Scan("", strings.NewReader(tt.text)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, m.Rule.ID+": "+string(m.Secret.Reveal()))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("chunks of %d: %.40q: %q, want %q", chunk, tt.text, got, tt.want)
			}
		}
	}
}

func TestMatch(t *testing.T) {
	s := newScanner(t, Options{})
	pat := fakePAT()
	text := "first\nexport GITHUB_TOKEN=\"" + pat + "\"\n"
	var got []Match
	for m, err := range s.Scan("a.sh", strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if len(got) != 1 {
		t.Fatalf("%d matches: %v", len(got), got)
	}
	m := got[0]
	at := int64(strings.Index(text, pat))
	if m.Rule.ID != "github-pat" || m.Offset != at || m.End != at+40 || m.SecretOffset != at || m.Line != 2 || m.Column != 22 || m.Key != "GITHUB_TOKEN" || m.Entropy < 3 {
		t.Errorf("%+v", m)
	}
	if m.Rule != s.rules[slices.IndexFunc(s.rules, func(r *rule) bool { return r.ID == "github-pat" })].Rule {
		t.Error("the rule is a copy")
	}
}

func TestPathRule(t *testing.T) {
	s := newScanner(t, Options{})
	for _, fail := range []bool{false, true} {
		var r io.Reader = strings.NewReader("whatever")
		if fail {
			r = iotest.ErrReader(io.ErrUnexpectedEOF)
		}
		n := 0
		for m, err := range s.Scan("certs/site.p12", r) {
			if err != nil {
				if !fail || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Error(err)
				}
				continue
			}
			n++
			if m.Rule.ID != "pkcs12-file" || m.Line != 0 || m.Offset != 0 || m.Secret.Preview() != "" || len(m.Secret.Reveal()) != 0 || m.Secret.ID() == [16]byte{} {
				t.Errorf("%+v", m)
			}
		}
		if n != 1 {
			t.Errorf("%d matches", n)
		}
	}
}

func TestKeyName(t *testing.T) {
	for _, tt := range []struct{ before, want string }{
		{"AWS_SECRET_ACCESS_KEY=", "AWS_SECRET_ACCESS_KEY"},
		{"  apiToken: \"", "apiToken"},
		{`{"db.password" : "`, "db.password"},
		{`conf['secret'] = '`, "secret"},
		{`token := "`, "token"},
		{`:token => '`, "token"},
		{`x.headers["X-Api-Key"] = "`, "X-Api-Key"},
		{"oauth2_token=", "oauth2_token"},
		{"", ""},
		{"Bearer ", ""},
		{"see ", ""},
		{"key=\n", ""},
		{"9lives=", ""},
		{"a" + strings.Repeat("b", 30) + "=", ""}, // too long for a word
		{strings.Repeat("word_", 20) + "=", ""},   // too long for a name
		{strings.Repeat("x", 300) + "=", ""},      // longer than we look
		{"AK" + "IAQ3EGRZ5XJ7TUVWXY:", ""},        // an access key in front of its secret
		{"d41d8cd98f00b204:", ""},                 // a digest
		{"aBcDeFgHiJkLmN=", ""},                   // random case
		{"prefix_d41d8cd98f00b204e980_x=", ""},    // a digest inside of a name
	} {
		d := []byte(tt.before + "SECRET")
		from, to := keyName(d, len(tt.before))
		if got := string(d[from:to]); got != tt.want {
			t.Errorf("%.60q: %q, want %q", tt.before, got, tt.want)
		}
	}
}

// A name must not be another secret.
func TestKeyIsNoSecret(t *testing.T) {
	s := newRules(t, Options{}, rules.Set{Rules: []rules.Rule{
		{ID: "user", Pattern: `user_[a-z]+`},
		{ID: "pass", Pattern: `pass_[a-z]+`},
	}})
	for m := range s.ScanBytes("", []byte("user_alice=pass_secret")) {
		if m.Key != "" {
			t.Errorf("key %q", m.Key)
		}
	}
}

func TestMask(t *testing.T) {
	s := newScanner(t, Options{})
	pat := fakePAT()
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"RUN make", "RUN make"},
		{"RUN curl -H 'X: " + pat + "' && echo " + pat + "!", "RUN curl -H 'X: ghp_…(40 characters)' && echo ghp_…(40 characters)!"},
		{pat + pat, "ghp_…(40 characters)ghp_…(40 characters)"},
	} {
		if got := s.Mask(tt.text); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	// Overlapping secrets show nothing.
	o := newRules(t, Options{}, rules.Set{Rules: []rules.Rule{{ID: "a", Pattern: `abc\w+`}, {ID: "b", Pattern: `c\w+ \w+`}}})
	if got, want := o.Mask("x abcdefghijklmnopqrstuv wxyz y"), "x …(27 characters) y"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLimit(t *testing.T) {
	text := strings.Repeat("tok_12345678\n", 100)
	set := rules.Set{Rules: []rules.Rule{{ID: "a", Pattern: `tok_\d+`}, {ID: "b", Pattern: `\d{8}`}}}
	for _, chunk := range []int{10, 100, 1 << 20} {
		for _, tt := range []struct {
			max, want int
			limited   bool
		}{{200, 200, false}, {199, 199, true}, {10, 10, true}, {1, 1, true}} {
			s := newRules(t, Options{MaxMatches: tt.max, limits: tiny(chunk)}, set)
			n, last, limit := 0, int64(-1), (*LimitError)(nil)
			for m, err := range s.Scan("", strings.NewReader(text)) {
				if errors.As(err, &limit) {
					continue
				}
				if err != nil || limit != nil || m.Offset < last {
					t.Fatal(err, limit, m)
				}
				last = m.Offset
				n++
			}
			if n != tt.want || (limit != nil) != tt.limited {
				t.Errorf("at most %d, chunks of %d: %d matches, error %v", tt.max, chunk, n, limit)
			}
			if limit != nil && (limit.Matches != n || limit.Offset < last) {
				t.Errorf("error %+v after %d matches, the last at %d", limit, n, last)
			}
		}
	}
}

func TestReadError(t *testing.T) {
	s := newScanner(t, Options{})
	broken := errors.New("broken pipe of a test")
	r := io.MultiReader(strings.NewReader("a "+fakePAT()+" b"), iotest.ErrReader(broken))
	n, failed := 0, false
	for _, err := range s.Scan("", r) {
		if err != nil {
			failed = errors.Is(err, broken)
			continue
		}
		if failed {
			t.Error("a match after the error")
		}
		n++
	}
	if n != 1 || !failed {
		t.Errorf("%d matches, failed %v", n, failed)
	}
	idle := newScanner(t, Options{})
	for _, err := range idle.Scan("", idleReader{}) {
		if !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("a reader that gives nothing: %v", err)
		}
	}
}

type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

func TestStopEarly(t *testing.T) {
	s := newRules(t, Options{limits: tiny(5)}, rules.Set{Rules: []rules.Rule{{ID: "a", Pattern: `tok_\d`}}})
	for range 3 { // the pooled buffers must be clean after a break
		for m := range s.Scan("", strings.NewReader("tok_1 tok_2 tok_3")) {
			if m.Offset != 0 {
				t.Errorf("offset %d", m.Offset)
			}
			break
		}
	}
}

func TestBadPattern(t *testing.T) {
	for _, r := range []rules.Rule{{ID: "x", Pattern: "("}, {ID: "x", Path: "("}, {ID: "x", Pattern: "a", Allowlists: []rules.Allowlist{{Patterns: []string{"("}}}}} {
		if _, err := New(&rules.Set{Rules: []rules.Rule{r}}, Options{}); err == nil || !strings.Contains(err.Error(), "rule x") {
			t.Errorf("%+v: error %v", r, err)
		}
	}
}

// What ScanBytes is given is the caller's.
func TestScanBytesLeavesItsInput(t *testing.T) {
	s := newScanner(t, Options{})
	text := []byte("a " + fakePAT() + " b")
	before := bytes.Clone(text)
	for range s.ScanBytes("", text) {
	}
	if !bytes.Equal(text, before) {
		t.Error("the input changed")
	}
}

func TestConcurrent(t *testing.T) {
	s := newScanner(t, Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := strings.Repeat("filler line\n", i*1000) + "t=" + fakePAT() + "\n"
			n := 0
			for m, err := range s.Scan("", strings.NewReader(text)) {
				if err != nil || m.Line != i*1000+1 {
					t.Error(m.Line, err)
				}
				n++
			}
			if n != 1 {
				t.Errorf("%d matches", n)
			}
		})
	}
	wg.Wait()
}

// A stream of any length takes one buffer.
func TestMemory(t *testing.T) {
	s := newScanner(t, Options{})
	const size = 64 << 20
	line := []byte("just some words on a line, and a number: 42\n")
	secret := "\ntoken " + fakePAT() + "\n"
	r := io.MultiReader(io.LimitReader(&loopReader{text: line}, size), strings.NewReader(secret))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for m, err := range s.Scan("", r) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; m.Line != size/len(line)+1+1 {
			t.Errorf("line %d, want %d", m.Line, size/len(line)+2)
		}
	}
	runtime.ReadMemStats(&after)
	if n != 1 {
		t.Errorf("%d matches", n)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("%d MiB allocated", got>>20)
	} else {
		t.Logf("%d KiB allocated in all, for %d MiB", got>>10, size>>20)
	}
}

type loopReader struct {
	text []byte
	at   int
}

func (l *loopReader) Read(p []byte) (int, error) {
	n := copy(p, l.text[l.at:])
	l.at = (l.at + n) % len(l.text)
	return n, nil
}

// Long matches: exact up to the limit, wherever the stream is cut.
func TestLongMatch(t *testing.T) {
	s := newScanner(t, Options{})
	label := "RSA PRIVATE" + " KEY"
	for _, size := range []int{100, 60_000, 200_000} {
		body := strings.Repeat("MIIEpAIBAAKCAQEA7f0\n", size/20)
		key := "-----BEGIN " + label + "-----\n" + body + "-----END " + label + "-----"
		for _, at := range []int{0, 1<<20 - 100, 1 << 20, 3<<20 - 50_000} {
			text := strings.Repeat("some line\n", at/10) + key + "\n" + strings.Repeat("after\n", 1000)
			n := 0
			for m, err := range s.Scan("", strings.NewReader(text)) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; string(m.Secret.Reveal()) != key || !strings.HasPrefix(fmt.Sprint(m.Secret), label) {
					t.Errorf("%d bytes at %d: found %d bytes as %s", len(key), at, m.End-m.Offset, m.Secret)
				}
			}
			if n != 1 {
				t.Errorf("%d bytes at %d: %d matches", len(key), at, n)
			}
		}
	}
}
