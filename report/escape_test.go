package report

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

var escapes = []struct{ in, want string }{
	{"", ""},
	{"/app/.env", "/app/.env"},
	{"größe 日本語 שלום 🔑", "größe 日本語 שלום 🔑"},
	{"a\nb\r\tc", `a\nb\r\tc`},
	{"\x00\x07\x1b[31m\x7f", `\x00\x07\x1b[31m\x7f`},
	{"\u0085\u009b", `\u{85}\u{9b}`},
	{"a\xff\xc3(", `a\xff\xc3(`},
	{"\ufffd", "\ufffd"},
	{"\u202a\u202e\u2066\u2069\u200e\u200f\u061c", `\u{202a}\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}`},
	{"\u200b\u200c\u200d\ufeff\u00ad", `\u{200b}\u{200c}\u{200d}\u{feff}\u{ad}`},
	{"\u2028\u2029\u00a0\u3000", `\u{2028}\u{2029}\u{a0}\u{3000}`},
	{"\U000e0041\ufe0f\U000e0100\u3164\u2800\u034f", `\u{e0041}\u{fe0f}\u{e0100}\u{3164}\u{2800}\u{34f}`},
	{"\ue000\U0010ffff\u0378", `\u{e000}\u{10ffff}\u{378}`},
	{"e\u0301", "e\u0301"},
	{"e" + strings.Repeat("\u0301", 6), "e" + strings.Repeat("\u0301", 4) + `\u{301}\u{301}`},

	{`C:\app\dir`, `C:\app\dir`},
	{`a \ b\`, `a \ b\`},
	{`\n \r \t`, `\\n \\r \\t`},
	{`\x41 \xyz \u{41} \u0041`, `\\x41 \xyz \\u{41} \u0041`},
	{`\\`, `\\\`},
	{"\\\n", `\\\n`},
	{"\\\xff", `\\\xff`},

	{"::error::x", `\x3a:error::x`},
	{"  ::error::x", `  \x3a:error::x`},
	{"a::b ::1", "a::b ::1"},
	{"::1", "::1"},
	{"## a #[b]", "## a #[b]"},
	{"x##[group]", `x#\x23[group]`},
	{"##VSO[task]###teamcity[", `#\x23VSO[task]##\x23teamcity[`},
}

func TestEscape(t *testing.T) {
	for _, tt := range escapes {
		got := Escape(tt.in)
		if got != tt.want {
			t.Errorf("Escape(%q) = %s, want %s", tt.in, got, tt.want)
		}
		if back := unescape(got); back != tt.in {
			t.Errorf("Escape(%q) = %s, which reads as %q", tt.in, got, back)
		}
	}
	if got := escapeCommand("x $'\\x1b' \x1b\n"); got != `x $'\x1b' \x1b\n` {
		t.Errorf("escapeCommand: %s", got)
	}
}

// unescape reads escaped text the way that a person who knows the rules does.
func unescape(s string) string {
	var b []byte
	for s != "" {
		n, _ := unit(s)
		switch {
		case s[0] != '\\' || n == 1:
			b = append(b, s[:n]...)
		case s[1] == 'n':
			b = append(b, '\n')
		case s[1] == 'r':
			b = append(b, '\r')
		case s[1] == 't':
			b = append(b, '\t')
		case s[1] == 'x':
			v, _ := strconv.ParseUint(s[2:4], 16, 8)
			b = append(b, byte(v))
		case s[1] == 'u':
			v, _ := strconv.ParseUint(s[3:n-1], 16, 32)
			b = utf8.AppendRune(b, rune(v))
		case s[1] == '\\':
			b = append(b, '\\')
		default: // a backslash that means itself, with its combining marks
			b = append(b, s[:n]...)
		}
		s = s[n:]
	}
	return string(b)
}

func FuzzEscape(f *testing.F) {
	for _, tt := range escapes {
		f.Add(tt.in)
	}
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		inert(t, "Escape", got)
		if strings.Contains(got, "\n") {
			t.Errorf("a line feed in %q", got)
		}
		if back := unescape(got); back != s {
			t.Errorf("Escape(%q) = %s, which reads as %q", s, got, back)
		}
		inert(t, "escapeCommand", escapeCommand(s))
		for _, cols := range []int{0, 1, 2, 7, 40} {
			for _, cut := range []string{Truncate(got, cols), TruncateMiddle(got, cols)} {
				inert(t, "truncated", cut)
				if n := Columns(cut); n > cols {
					t.Errorf("%q: %d columns, not %d", cut, n, cols)
				}
			}
		}
		for _, cols := range []int{30, 90} { // no narrower than the report's columns
			lines := wrap(got, cols)
			inert(t, "wrapped", strings.Join(lines, "\n"))
			for _, l := range lines {
				if n := Columns(l); n > cols+3 { // 3 for a colon that became \x3a
					t.Errorf("%q: %d columns, not %d", l, n, cols)
				}
			}
		}
	})
}

func TestTruncate(t *testing.T) {
	for _, tt := range []struct {
		in          string
		cols        int
		end, middle string
	}{
		{"abc", 3, "abc", "abc"},
		{"abcdef", 5, "abcd…", "ab…ef"},
		{"abcdef", 4, "abc…", "a…ef"},
		{"abcdef", 1, "…", "…"},
		{"abcdef", 0, "", ""},
		{"abcdef", -1, "", ""},
		{`ab\x1bcd`, 5, "ab…", "ab…cd"},
		{`a\u{202e}b`, 6, "a…", "a…b"},
		{"日本語", 4, "日…", "…語"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…", "…e\u0301"},
	} {
		if got := Truncate(tt.in, tt.cols); got != tt.end {
			t.Errorf("Truncate(%q, %d) = %q, want %q", tt.in, tt.cols, got, tt.end)
		}
		if got := TruncateMiddle(tt.in, tt.cols); got != tt.middle {
			t.Errorf("TruncateMiddle(%q, %d) = %q, want %q", tt.in, tt.cols, got, tt.middle)
		}
	}
}

func TestEscapePlainCostsNothing(t *testing.T) {
	s := strings.Repeat("usr/lib/x86_64-linux-gnu/", 8)
	if n := testing.AllocsPerRun(100, func() { Escape(s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
