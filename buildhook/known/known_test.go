package known

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// set is a set of values that are all named "x".
func set(g *generator, values ...string) *Set {
	var list []Value
	for _, v := range values {
		list = append(list, Value{"x", []byte(v)})
	}
	return New(g.bytes(32), list)
}

func prints(t testing.TB, s *Set) *Prints {
	t.Helper()
	p, err := Parse(s.Prints())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scan is Find, by fingerprints.
func scan(t testing.TB, s *Set, b []byte) []Hit {
	t.Helper()
	sc := prints(t, s).Scan(bytes.NewReader(b))
	got, err := io.ReadAll(sc)
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("the bytes did not come through: %v", err)
	}
	return sc.Hits()
}

// base32 of GNU, as an oracle of our own: RFC 4648.
func base32Of(b []byte) string {
	var out strings.Builder
	for i := 0; i < len(b)*8; i += 5 {
		v := 0
		for j := i; j < i+5; j++ {
			v <<= 1
			if j < len(b)*8 {
				v |= int(b[j/8]>>(7-j%8)) & 1
			}
		}
		out.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[v])
	}
	return out.String()
}

func TestSpellings(t *testing.T) {
	g := newGenerator(2)
	for _, v := range []string{g.token(20), g.token(40), g.odd(33), g.odd(24) + "\n" + g.odd(31) + "\r\n" + g.token(14), g.token(150), g.token(9)} {
		s := set(g, v)
		type test struct{ form, text string }
		js, _ := json.Marshal(v)
		var raw, x bytes.Buffer
		enc := json.NewEncoder(&raw)
		enc.SetEscapeHTML(false)
		enc.Encode(v)
		xml.EscapeText(&x, []byte(v))
		var u16 []byte
		for _, u := range utf16.Encode([]rune(v)) {
			u16 = append(u16, byte(u), byte(u>>8))
		}
		back := []byte(v)
		slices.Reverse(back)
		unix := strings.ReplaceAll(v, "\r\n", "\n")
		tests := []test{
			{"plain", v},
			{"hex", hex.EncodeToString([]byte(v))},
			{"hex", strings.ToUpper(hex.EncodeToString([]byte(v)))},
			{"url", url.QueryEscape(v)},
			{"url", url.PathEscape(v)},
			{"json", strings.Trim(string(js), `"`)},
			{"json", strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(raw.String()), `"`), `"`)},
			{"shell", strings.ReplaceAll(v, "'", `'\''`)},
			{"shell", strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(v)},
			{"xml", x.String()},
			{"xml", strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(v)},
			{"utf-16", string(u16)},
			{"reversed", string(back)},
			{"lines joined", strings.ReplaceAll(unix, "\n", "")},
			{"lines escaped", strings.ReplaceAll(unix, "\n", `\n`)},
			{"crlf", strings.ReplaceAll(unix, "\n", "\r\n")},
			{"lf", unix},
		}
		if len(v) == 150 {
			tests = append(tests, test{"wrapped", v[:64] + "\n" + v[64:128] + "\n" + v[128:]})
		}
		for _, c := range tests {
			for _, around := range []string{"", "zz", "\x00\x00\x00", "=="} {
				b := []byte(around + c.text + around)
				for how, hits := range map[string][]Hit{"Find": s.Find(b), "Scan": scan(t, s, b)} {
					if !slices.ContainsFunc(hits, func(h Hit) bool {
						return h.Offset == int64(len(around)) && h.Length == len(c.text) && h.Name == "x" &&
							(h.Form == c.form || c.text == v && h.Form == "plain")
					}) {
						t.Errorf("%s: %s of %d bytes: not found in %s: %v", how, c.form, len(v), around, hits)
					}
				}
				if m := s.Mask(b); string(m) != around+mark+around {
					t.Errorf("%s: masked to %q", c.form, m)
				}
			}
		}
		// The encodings, in all alignments and between all neighbours. All but
		// the characters at the edges must be covered.
		for before := range 6 {
			for after := range 6 {
				whole := slices.Concat(g.bytes(before), []byte(v), g.bytes(after))
				for _, enc := range []struct {
					form string
					text string
					edge int
				}{
					{"base64", base64.StdEncoding.EncodeToString(whole), (before+2)/3*4 + 4 + 4},
					{"base64", base64.URLEncoding.EncodeToString(whole), (before+2)/3*4 + 4 + 4},
					{"base32", base32Of(whole), (before+4)/5*8 + 8 + 8},
				} {
					hits := s.Find([]byte(enc.text))
					long := 0
					for _, h := range hits {
						if h.Form == enc.form {
							long = max(long, h.Length)
						}
					}
					want := len(v)*4/3 - 3
					if enc.form == "base32" {
						want = len(v)*8/5 - 2
					}
					if long < want {
						t.Errorf("%s with %d bytes before and %d behind: %d characters covered, of about %d", enc.form, before, after, long, want)
					}
				}
			}
		}
		text := base64.StdEncoding.EncodeToString([]byte(v))
		if len(text) > 80 {
			for _, columns := range []int{64, 76} {
				if hits := s.Find(wrap([]byte(text), columns)); len(hits) == 0 || hits[0].Form != "base64 wrapped" || hits[0].Offset != 0 {
					t.Errorf("base64 at %d columns: %v", columns, hits)
				}
			}
		}
	}
}

func TestWhiteSpace(t *testing.T) {
	g := newGenerator(3)
	v := g.token(24)
	s := set(g, "\n "+v+" \n")
	if got := s.Find([]byte("a" + v + "b")); len(got) != 1 || got[0] != (Hit{"x", "plain", 1, 24}) {
		t.Errorf("%v", got)
	}
	if got := string(s.Mask([]byte("a: " + v + " \nb"))); got != "a: ••• \nb" {
		t.Errorf("%q", got)
	}
}

func TestTrivial(t *testing.T) {
	g := newGenerator(4)
	key := g.token(41)[1:]
	for v, want := range map[string]bool{ // whether it is trivial
		"": true, "true": true, "No": true, "short7x": true, "production": true, "DEVELOPMENT": true, "changeme": true, "localhost": true,
		"aaaaaaaaaaaaaaaaaa": true, "••••••••": true, "123456789": true, "12345678": true, "applepie": true, "correcthorse": false,
		"/usr/local/bin": true, "https://proxy.golang.org": true, "https://registry.npmjs.org/": true, "~/.ssh/config": true, "./a/b/c/d/e": true,
		`C:\Program Files\Go`: true, "$HOME/.config/x": true, "1.22.3-alpine": true, "v10.11.12-rc.1": true, "us-east-1": true, "europe-west1-b": true, "linux/amd64": true,
		"/usr/lib/x86_64-linux-gnu": true,
		"31415926535":               false, "Tr0ub4dor": false, "https://u:hunter2x@host/": false, "/" + key: false, "https://hooks.test/services/" + key: false,
		"1.2.3-" + key: false, "https://x.test/?sig=abcdefghi": false, key: false, "summer-2026": false,
	} {
		s := set(g, " "+v+"\n")
		un := s.Unsearched()
		if got := len(un) == 1; got != want || s.Empty() != want {
			t.Errorf("%q: %v, empty %v", v, un, s.Empty())
			continue
		}
		if want && (un[0].Name != "x" || un[0].Why == "" || v != "" && len(v) > 4 && strings.Contains(un[0].Why, v)) {
			t.Errorf("%q: %v", v, un)
		}
	}
}

func TestParts(t *testing.T) {
	g := newGenerator(5)
	a, b, c := g.token(36), g.token(20), "p4"+g.token(7)
	rsa, ssh, cert := g.pem("RSA PRIVATE KEY", 300), g.pem("OPENSSH PRIVATE KEY", 300), g.pem("CERTIFICATE", 300)
	pemJSON, _ := json.Marshal(map[string]any{"type": "service_account", "client": map[string]any{"private_key": string(rsa)}, "list": []string{a}})
	lines := func(pem []byte, from int) (l []string) {
		for i, line := range strings.Split(string(pem), "\n") {
			if i >= from && len(line) >= 40 && !strings.HasPrefix(line, "-") {
				l = append(l, line)
			}
		}
		return l
	}
	for name, test := range map[string]struct {
		value string
		want  []string
	}{
		"npmrc":       {"registry=https://registry.npmjs.org/\n//registry.npmjs.org/:_authToken=" + a + "\nalways-auth=true\n", []string{a}},
		"one line":    {"//registry.npmjs.org/:_authToken=" + a + "\n", []string{a}},
		"netrc":       {"machine github.com\n  login someone@example.com\n  password " + b + "\nmachine x.test login y password " + a, []string{b, a}},
		"aws":         {"[default]\naws_access_key_id = " + b + "\naws_secret_access_key = " + a + "\nregion = us-east-1\n", []string{b, a}},
		"yaml":        {"db:\n  user: someone\n  password: '" + c + "'\n  note: \"a few words\"\n  token: \"" + a + "\" \n", []string{c, a}},
		"env":         {"export A_TOKEN=\"" + a + "\";\nPASSWORD=correct-horse-battery\nMODE=correct-horse-battery\nDEBUG=true\n", []string{a, "correct-horse-battery"}},
		"json":        {"{\n  \"auths\": {\"https://x.test/v1/\": {\"auth\": \"" + a + "\", \"q\": \"" + `\u0041` + b + "\"}}\n}", []string{a, "A" + b}},
		"json lines":  {"\"key\": \"" + a + "\",\n\"b\": \"" + b + "\"\n", []string{a, b}},
		"git":         {"https://someone:" + b + "@github.com\nhttps://" + a + "@x.test\n", []string{b, a}},
		"PEM":         {string(rsa), lines(rsa, 0)},
		"OpenSSH":     {string(ssh), lines(ssh, 2)},
		"certificate": {string(cert), nil},
		"PEM in JSON": {string(pemJSON), append([]string{strings.TrimSpace(string(rsa))}, append(lines(rsa, 0), a)...)},
		"words":       {"one two three\nfour: five six\nseven=eight\n", nil},
	} {
		got, more := parts(bytes.TrimSpace([]byte(test.value)))
		var text []string
		for _, p := range got {
			text = append(text, string(p))
		}
		if !slices.Equal(text, test.want) || more {
			t.Errorf("%s: %q, not %q", name, text, test.want)
		}
		s := set(g, test.value)
		for _, w := range test.want {
			hits := scan(t, s, []byte("<"+w+">"))
			if len(hits) == 0 || hits[0].Offset != 1 || hits[0].Length != len(w) || !strings.HasPrefix(hits[0].Form, "part, ") {
				t.Errorf("%s: %v", name, hits)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	g := newGenerator(6)
	var env strings.Builder
	var last string
	for i := range maxParts + 1 {
		last = g.token(20)
		fmt.Fprintf(&env, "TOKEN_%d=%s\n", i, last)
	}
	big := g.of("abcdefgh0123", maxWhole+10) + "\nTOKEN=" + last
	values := []Value{{"parts", []byte(env.String())}, {"big", []byte(big)}}
	s := New(g.bytes(32), values)
	if un := s.Unsearched(); len(un) != 2 || un[0].Name != "big" || un[1].Name != "parts" {
		t.Errorf("%v", un)
	}
	if hits := s.Find([]byte(big)); len(hits) != 2 || hits[0] != (Hit{"big", "start, plain", 0, headOf}) || hits[1].Form != "part, plain" {
		t.Errorf("%v", hits)
	}
	if hits := s.Find([]byte(env.String())); len(hits) != 2 || hits[0].Form != "plain" { // and the part of "big"
		t.Errorf("%v", hits)
	}
	values = nil
	for range maxValues + 3 {
		values = append(values, Value{"n", []byte(g.token(16))})
	}
	s = New(g.bytes(32), values)
	if un := s.Unsearched(); len(un) != 3 {
		t.Errorf("%v", un)
	}
	prints(t, s)
	if s := New(g.bytes(32), []Value{{strings.Repeat("é", maxName) + "\xff", []byte(last)}}); scan(t, s, []byte(last))[0].Name != strings.Repeat("é", maxName/2) {
		t.Error("a long name")
	}
}

// TestRun: a value that begins with a run is found, and costs nothing in runs.
func TestRun(t *testing.T) {
	g := newGenerator(7)
	v := g.token(20)
	for _, run := range []string{strings.Repeat("=", 200), strings.Repeat("ab", 50)} {
		s := set(g, run+v)
		b := bytes.Repeat([]byte(run), 10000)
		b = append(b, v...)
		hits := scan(t, s, b)
		if len(hits) != 1 || hits[0].Offset != int64(len(b)-27) || hits[0].Length != 27 {
			t.Errorf("%v", hits)
		}
	}
}

func TestWipe(t *testing.T) {
	g := newGenerator(8)
	v := g.token(30)
	s := set(g, v)
	var texts [][]byte
	for _, sp := range s.spellings {
		texts = append(texts, sp.text)
	}
	before, b := s.Find([]byte(v)), []byte("a "+v+" b")
	s.Wipe()
	for _, text := range texts {
		if len(bytes.Trim(text, "\x00")) > 0 {
			t.Fatalf("%q", text)
		}
	}
	if !slices.Equal(s.Find([]byte(v)), before) {
		t.Error("after Wipe, other things are found")
	}
	st := s.Stream()
	got := string(st.Write(b[:10])) + string(st.Write(b[10:])) + string(st.Flush())
	if got != "a ••• b" {
		t.Errorf("%q", got)
	}
}

func TestCopies(t *testing.T) {
	g := newGenerator(9)
	v := []byte(g.token(30))
	text := string(v)
	s := New(g.bytes(32), []Value{{"x", v}})
	clear(v)
	if len(s.Find([]byte(text))) != 1 {
		t.Error("New keeps the caller's bytes")
	}
	b := []byte("nothing here")
	if m := s.Mask(b); &m[0] != &b[0] {
		t.Error("Mask copies b for nothing")
	}
	var empty *Set = New(nil, nil)
	if !empty.Empty() || len(empty.Find(b)) != 0 || string(empty.Mask(b)) != string(b) || !prints(t, empty).Empty() || len(scan(t, empty, b)) != 0 {
		t.Error("an empty set")
	}
}

func TestPrints(t *testing.T) {
	g := newGenerator(10)
	key := g.bytes(32)
	values := []Value{{"a", []byte(g.token(20))}, {"b", []byte(g.odd(40))}, {"b", g.bytes(32)}, {"c", g.pem("PRIVATE KEY", 200)}, {"a", []byte(g.token(8))}}
	s := New(key, values)
	stored := s.Prints()
	back := slices.Clone(values)
	slices.Reverse(back)
	if !bytes.Equal(stored, New(key, append(back, back[0])).Prints()) {
		t.Error("the order of values changes the fingerprints")
	}
	if bytes.Equal(stored[:60], New(g.bytes(32), values).Prints()[:60]) || bytes.Contains(stored, key[:6]) {
		t.Error("the keys are not derived")
	}
	if again := prints(t, s).marshal(); !bytes.Equal(again, stored) {
		t.Error("what was parsed is not what was stored")
	}
	for _, sp := range s.spellings {
		for i := 0; i+6 <= len(sp.text); i++ {
			if bytes.Contains(stored, sp.text[i:i+6]) {
				t.Fatalf("%d bytes of a %v are in the fingerprints", 6, sp.form)
			}
		}
	}
	for i := range stored { // damaged, and cut
		b := bytes.Clone(stored)
		b[i] ^= 1 << (i % 8)
		if _, err := Parse(b); err == nil {
			t.Fatalf("damage at %d goes unseen", i)
		}
		if _, err := Parse(stored[:i]); err == nil {
			t.Fatalf("a cut at %d goes unseen", i)
		}
	}
}

func TestFormat(t *testing.T) {
	g := newGenerator(14)
	v := Value{"x", []byte(g.token(30))}
	s := New(g.bytes(32), []Value{v})
	js, _ := json.Marshal(v)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		js = fmt.Appendf(js, verb+verb+verb, v, s, []Value{v})
	}
	for _, secret := range []string{string(v.Value), hex.EncodeToString(v.Value), fmt.Sprint(v.Value[:4])[1:12], base64.StdEncoding.EncodeToString(v.Value)} {
		if bytes.Contains(js, []byte(secret)) {
			t.Errorf("%s", js)
		}
	}
}

func TestReaders(t *testing.T) {
	g := newGenerator(11)
	v := g.token(40)
	s := set(g, v)
	p := prints(t, s)
	b := []byte("one " + v + " two")
	sc := p.Scan(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(b))))
	if _, err := io.ReadAll(sc); err != iotest.ErrTimeout {
		t.Error(err)
	}
	if len(sc.Hits()) != 0 {
		t.Error("found in one byte")
	}
	io.ReadAll(sc)
	if h := sc.Hits(); len(h) != 1 || !slices.Equal(h, sc.Hits()) {
		t.Errorf("%v", h)
	}
	// Many hits: no more than the bound.
	many := bytes.Repeat(b, 3*maxHits)
	if h := scan(t, s, many); len(h) != maxHits || !slices.Equal(h, s.Find(many)[:maxHits]) {
		t.Errorf("%d hits", len(h))
	}
}

func TestAllocations(t *testing.T) {
	g := newGenerator(12)
	sc := prints(t, set(g, g.token(40), g.token(20))).Scan(newGenerator(13).reader())
	buf := make([]byte, 8<<10)
	sc.Read(buf)
	if n := testing.AllocsPerRun(200, func() { sc.Read(buf) }); n != 0 {
		t.Errorf("%v allocations a Read", n)
	}
}

type endless struct{ b []byte }

func (e endless) Read(p []byte) (int, error) { return copy(p, e.b), nil }

func (g *generator) reader() io.Reader { return endless{g.bytes(16 << 10)} }
