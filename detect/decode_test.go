package detect

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// encoders write text in each of the encodings.
var encoders = []struct {
	name   string
	chain  Encoding
	encode func(string) string
}{
	{"base64", Base64, func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"base64 without padding", Base64, func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }},
	{"base64url", Base64, func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }},
	{"base64url without padding", Base64, func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
	{"base64 in lines", Base64, func(s string) string {
		return wrap(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("Some text before. ", 9)+s)), 76, "\n")
	}},
	{"base64 in CRLF lines with blanks", Base64, func(s string) string {
		return wrap(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("Some text before. ", 9)+s+" and after it")), 64, "\r\n    ")
	}},
	{"hex", Hex, func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"HEX", Hex, func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
	{"percent", Percent, func(s string) string { return percentAll(s) }},
	{"unicode", Unicode, func(s string) string { return unicodeAll(s) }},
	{"utf-16le", UTF16LE, func(s string) string { return wideText(s, binary.LittleEndian, 2) }},
	{"utf-16be", UTF16BE, func(s string) string { return wideText(s, binary.BigEndian, 2) }},
	{"utf-16le with BOM", UTF16LE, func(s string) string { return "\xFF\xFE" + wideText(s, binary.LittleEndian, 2) }},
	{"utf-16be with BOM", UTF16BE, func(s string) string { return "\xFE\xFF" + wideText(s, binary.BigEndian, 2) }},
	{"utf-32le", UTF32LE, func(s string) string { return wideText(s, binary.LittleEndian, 4) }},
	{"utf-32be", UTF32BE, func(s string) string { return wideText(s, binary.BigEndian, 4) }},
}

func wrap(s string, width int, end string) string {
	var lines []string
	for len(s) > width {
		lines, s = append(lines, s[:width]), s[width:]
	}
	return strings.Join(append(lines, s), end)
}

func percentAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

func unicodeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\u%04x`, s[i])
	}
	return b.String()
}

func wideText(s string, order binary.AppendByteOrder, width int) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if width == 2 {
			b = order.AppendUint16(b, u)
		} else {
			b = order.AppendUint32(b, uint32(u))
		}
	}
	return string(b)
}

// scanOne gives the one match of a rule in a text.
func scanOne(t *testing.T, s *Scanner, rule, text string) Match {
	t.Helper()
	var ms []Match
	for m, err := range s.Scan("app/data.bin", iotest.HalfReader(strings.NewReader(text))) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Rule.ID == rule {
			ms = append(ms, m)
		}
	}
	if len(ms) != 1 {
		t.Fatalf("%d matches of %s in %.300q", len(ms), rule, text)
	}
	return ms[0]
}

// sameOrder leaves the byte order out of account: with plain text on both sides
// it does not show.
func sameOrder(chain []Encoding) (out []Encoding) {
	for _, e := range chain {
		out = append(out, Encoding(strings.Replace(strings.Replace(string(e), "6be", "6le", 1), "2be", "2le", 1)))
	}
	return out
}

func TestDecode(t *testing.T) {
	whole := newScanner(t, Options{})
	cut := newScanner(t, Options{limits: tiny(300)})
	for _, e := range encoders {
		for i, host := range []string{
			"%s",
			"data: %s\n",
			`{"a": "%s", "b": 1}`,
			"x = f('%s'); y = g(1)",
			strings.Repeat("some text of a file\n", 50) + "k=%s\n" + strings.Repeat("more text\n", 50),
			"\x00\x01\x7FELF\x00\x00\x00\x80%s\x00\x00\x00\x00\x00\x80\x03",
			"http://example.com/path/%s",
		} {
			token := fakePAT()
			text := strings.Replace(host, "%s", e.encode("GITHUB_TOKEN="+token+" "), 1)
			for _, s := range []*Scanner{whole, cut} {
				m := scanOne(t, s, "github-pat", text)
				if got := string(m.Secret.Reveal()); got != token {
					t.Errorf("%s in host %d: %q", e.name, i, got)
				}
				if !slices.Equal(sameOrder(m.Encodings), sameOrder([]Encoding{e.chain})) {
					t.Errorf("%s in host %d: found in %v", e.name, i, m.Encodings)
				}
				// Its offset is that of the encoded text, and decodes from there.
				if m.SecretOffset < int64(strings.Index(host, "%s")) || m.SecretEnd > int64(len(text)) || m.SecretOffset >= m.SecretEnd {
					t.Errorf("%s in host %d: at %d to %d of %d", e.name, i, m.SecretOffset, m.SecretEnd, len(text))
				}
				if want := 1 + strings.Count(text[:m.SecretOffset], "\n"); m.Line != want {
					t.Errorf("%s in host %d: line %d, want %d", e.name, i, m.Line, want)
				}
			}
		}
	}
}

// TestDecodeOffsets wants the encoded secret where it is said to be.
func TestDecodeOffsets(t *testing.T) {
	s := newScanner(t, Options{})
	token := fakePAT()
	for _, test := range []struct {
		text, at string // at: what is there
	}{
		{"q=" + base64.StdEncoding.EncodeToString([]byte("abcabcabcabcab "+token)), base64.StdEncoding.EncodeToString([]byte(token))[:12]},
		{"q=" + hex.EncodeToString([]byte("abcabcabcabcab "+token)), hex.EncodeToString([]byte("ghp_"))},
		{"q=" + percentAll("abc "+token), percentAll("ghp_")},
		{"q=abc%20" + token, token},
		{`"abc\u0020` + token + `"`, token},
		{"\x01" + wideText("abcabcabcabcab "+token, binary.LittleEndian, 2), "g\x00h\x00p\x00"},
	} {
		m := scanOne(t, s, "github-pat", test.text)
		if want := strings.Index(test.text, test.at); want < 0 || m.SecretOffset != int64(want) {
			t.Errorf("%q: at %d, want %d", test.text, m.SecretOffset, want)
		}
	}
}

// TestDecodeNested takes a secret out of up to five encodings, in random order,
// and not out of six.
func TestDecodeNested(t *testing.T) {
	s := newScanner(t, Options{})
	g := rand.New(rand.NewPCG(3, 4))
	for round := range 60 {
		token := fakePAT()
		text := "token " + token + " "
		var chain []Encoding
		depth := 2 + round%5
		for range depth {
			// Encodings that write all of the text.
			e := encoders[g.IntN(len(encoders))]
			// Percent and \u decode to text only, and UTF-16 of UTF-16 is none.
			zeros := strings.Contains(text, "\x00")
			for zeros && e.chain != Base64 && e.chain != Hex || len(text) > 5000 && (e.chain == Percent || e.chain == Unicode) {
				e = encoders[g.IntN(len(encoders))]
			}
			text = e.encode(text)
			chain = slices.Insert(chain, 0, e.chain)
		}
		var got []string
		for m := range s.ScanBytes("f", []byte("data: "+text+"\n")) {
			if m.Rule.ID == "github-pat" {
				got = append(got, fmt.Sprint(sameOrder(m.Encodings)))
			}
		}
		want := []string{fmt.Sprint(sameOrder(chain))}
		if depth > maxDecode {
			want = nil
		}
		if !slices.Equal(got, want) {
			t.Errorf("found in %v, want %v", got, want)
		}
	}
}

// TestDecodeContext wants what stands around an encoded value to count: the
// name is plain, and the value is not.
func TestDecodeContext(t *testing.T) {
	s := newScanner(t, Options{})
	g := &generator{Rand: rand.New(rand.NewPCG(5, 6))}
	value := g.pattern("[a-f0-9]{32}")
	for _, text := range []string{
		"mailgun_key: " + base64.StdEncoding.EncodeToString([]byte("key-"+value)) + "\n",
		"mailgun_key%3D%22key-" + value + "%22",
		`{"html": "mailgun_key\u003d\u0022key-` + value + `\u0022"}`,
		url.QueryEscape(`mailgun_key="key-` + value + `"`),
	} {
		if m := scanOne(t, s, "mailgun-private-api-token", text); string(m.Secret.Reveal()) != "key-"+value {
			t.Errorf("%q: %q", text, m.Secret.Reveal())
		}
	}
}

// TestDecodeLong finds secrets all over a text whose encoding is longer than
// any buffer, once each.
func TestDecodeLong(t *testing.T) {
	g := &generator{Rand: rand.New(rand.NewPCG(7, 8)), calm: true}
	var plain bytes.Buffer
	var want []string
	for plain.Len() < 3<<20 {
		plain.Write(g.host("js"))
		token := fakePAT() // the same each time: told apart by their number
		want = append(want, token)
		fmt.Fprintf(&plain, "t = %q\n", token)
	}
	ascii := plain.String()
	for _, e := range encoders {
		if e.chain == Percent || e.chain == Unicode || strings.Contains(e.name, "lines") {
			continue
		}
		n := 0
		for m, err := range newScanner(t, Options{}).Scan("f", strings.NewReader("data="+e.encode(ascii)+";")) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Rule.ID == "github-pat" {
				n++
			}
		}
		if n != len(want) {
			t.Errorf("%s: %d of %d", e.name, n, len(want))
		}
	}
}

// TestDecodeNothing gives text that looks encoded and is not.
func TestDecodeNothing(t *testing.T) {
	s := newScanner(t, Options{})
	g := rand.New(rand.NewPCG(9, 10))
	random := make([]byte, 1<<16)
	for i := range random {
		random[i] = byte(g.Uint32())
	}
	quoted, _ := json.Marshal(string(random))
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(random), hex.EncodeToString(random), percentAll(string(random)), string(quoted), string(random),
		"%", "%4", `\u00`, `\u004`, "\x00a\x00", strings.Repeat("\x00a", 11), strings.Repeat("a\x00\x00\x00", 3), strings.Repeat("=", 100),
	} {
		for m, err := range s.ScanBytes("f", []byte(text)) {
			t.Errorf("%.40q: %v %v", text, m, err)
		}
	}
}

// numbered is a made-up token that differs from others by its number.
func numbered(i int) string {
	return "gh" + "p_" + fmt.Sprintf("%06d", i) + strings.Repeat("aB3dE6gH9k", 3)
}

// TestDecodePieces wants each of the secrets of a text that is decoded in
// pieces, in one encoding or two.
func TestDecodePieces(t *testing.T) {
	var plain strings.Builder
	n := 6000
	if testing.Short() {
		n = 200 // in no pieces; the whole takes a minute under -race
	}
	for i := range n {
		fmt.Fprintf(&plain, "token is %s, ok\n", numbered(i))
	}
	one := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	lines := func(width int, end string) func(string) string {
		return func(s string) string { return wrap(one(s), width, end) }
	}
	wide := func(s string) string { return wideText(s, binary.LittleEndian, 2) }
	digits := func(s string) string { return hex.EncodeToString([]byte(s)) }
	for name, encode := range map[string]func(string) string{
		"base64":                  one,
		"base64 in lines of 76":   lines(76, "\n"),
		"base64 in lines of 61":   lines(61, "\n"),
		"base64 in lines of 1000": lines(1000, "\r\n\t"),
		"base64 of base64":        func(s string) string { return one(one(s)) },
		"lines of lines":          func(s string) string { return lines(76, "\n")(lines(76, "\n")(s)) },
		"UTF-16 of base64":        func(s string) string { return wide(one(s)) },
		"base64 of UTF-16":        func(s string) string { return one(wide(s)) },
		"hex of base64":           func(s string) string { return digits(one(s)) },
		"percent":                 percentAll,
		"unicode":                 unicodeAll,
	} {
		found := map[string]bool{}
		for m, err := range newScanner(t, Options{}).Scan("f", strings.NewReader("x="+encode(plain.String()))) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Rule.ID == "github-pat" {
				if token := string(m.Secret.Reveal()); found[token] {
					t.Errorf("%s: %s is found twice", name, m.Secret)
				} else {
					found[token] = true
				}
			}
		}
		for i := range n {
			if !found[numbered(i)] {
				t.Errorf("%s: number %d is not found", name, i)
			}
		}
	}
}

// TestDecodeBehindRound has encoded text around the place where a round ends,
// and where it stops looking ahead.
func TestDecodeBehindRound(t *testing.T) {
	s := newScanner(t, Options{})
	s.prepared.Do(s.prepare)
	first := s.limits.size - s.limits.ahead() // where the first round's commit point is
	for _, e := range encoders {
		encoded := e.encode("token=" + fakePAT() + "\r\n")
		for _, d := range []int{-len(encoded) - 3, -len(encoded) / 2, -7, 0, 5, 100, 5000, s.limits.lead, s.limits.lead + literalReach + 9, s.limits.lead + s.limits.maxMatch} {
			at := first + d
			text := slices.Concat(bytes.Repeat([]byte("\xfe\xfe\xfe\n"), at/4), []byte("....")[:at%4], []byte(encoded), bytes.Repeat([]byte("\xfe\n"), 300_000))
			n := 0
			for m, err := range s.Scan("f", bytes.NewReader(text)) {
				if err != nil {
					t.Fatal(err)
				}
				if m.Rule.ID == "github-pat" {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s, %d bytes from the commit point: found %d times", e.name, d, n)
			}
		}
	}
}

// TestDecodeForms are ways to write base64 that are more common than they look.
func TestDecodeForms(t *testing.T) {
	s := newScanner(t, Options{})
	token := fakePAT()
	one := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, text := range []string{
		`{"a":"first line\n` + one("x:"+token) + `"}`,
		`{"a":"` + wrap(one(strings.Repeat("some text of it ", 9)+token), 64, `\r\n`) + `"}`,
		one("Schlüssel: " + token),
		one("密码是: " + token),
		one("\x00user\x00" + token),
		hex.EncodeToString([]byte("Schlüssel: " + token)),
		"Authorization: Basic " + one("x-access-token:"+token),
		"data:text/plain;base64," + one("some: "+token),
		"/opt/app/" + base64.RawURLEncoding.EncodeToString([]byte("some: "+token)),
		"0x" + hex.EncodeToString([]byte("some: "+token)),
	} {
		if m := scanOne(t, s, "github-pat", text); string(m.Secret.Reveal()) != token {
			t.Errorf("%q: %q", text, m.Secret.Reveal())
		}
	}
}

// TestMaskEncoded wants nothing of an encoded secret left, whatever follows it
// in its encoding.
func TestMaskEncoded(t *testing.T) {
	s := newScanner(t, Options{})
	for _, e := range encoders {
		for pad := range 4 {
			encoded := e.encode(strings.Repeat(":", pad+9) + fakePAT() + " and the rest")
			for _, text := range []string{"ENV A=" + encoded, "RUN x " + base64.StdEncoding.EncodeToString([]byte(encoded))} {
				masked := s.Mask(text)
				if !strings.Contains(masked, "…") {
					t.Errorf("%s: %.80q is not masked", e.name, masked)
				}
				for m := range s.ScanBytes("", []byte(text)) {
					if last := text[max(0, m.SecretEnd-3):m.SecretEnd]; strings.Contains(e.name, "base64") && strings.HasSuffix(strings.TrimSpace(masked[strings.LastIndex(masked, "…"):]), last) {
						t.Errorf("%s: %q keeps the end %q", e.name, masked, last)
					}
				}
			}
		}
	}
}
