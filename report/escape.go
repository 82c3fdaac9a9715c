package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes text that came from an image safe to write to a terminal or a
// log. What can't be seen, or would act on the reader's screen, becomes
// visible:
//
//	line feed, carriage return, tab        \n \r \t
//	other ASCII control characters, DEL    \x1b
//	bytes that are not UTF-8               \xff
//	any other rune that isn't printable    \u{202e}
//
// Not printable are C1 controls, bidi controls, zero-width and other format
// characters, line separators, spaces other than the ASCII one, private and
// unassigned runes, and runes that are printed as nothing. So are combining
// marks beyond the fourth in a row, which would run into the lines around.
//
// A backslash is doubled only where it would be read as one of the forms above
// or as a doubled backslash. So the text is unambiguous, and most backslashes
// stay as they were.
//
// CI systems obey commands in a log: "##[group]" (or ##vso[, ##teamcity[)
// anywhere in a line, and "::error::" at its start. Their second "#" becomes
// \x23, and their first ":" \x3a.
func Escape(s string) string { return escape(s, true) }

// escapeCommand is Escape for a command line that a person will paste: it
// leaves backslashes alone, which mean something to the shell.
func escapeCommand(s string) string { return escape(s, false) }

func escape(s string, double bool) string {
	if plain(s) {
		return s
	}
	b := make([]byte, 0, len(s)+len(s)/8+16)
	indent := true // nothing but spaces so far
	marks := 0     // combining marks just before here
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && n == 1:
			b = appendHexByte(b, s[i])
		case !printable(r) || marks > maxMarks:
			b = appendEscaped(b, r)
		case r == '\\' && double && ambiguous(s[i+1:]):
			b = append(b, `\\`...)
		case r == '#' && logCommand(s[i:]):
			b = append(b, `#\x23`...)
			n = 2
		case r == ':' && indent && lineCommand(s[i:]):
			b = append(b, `\x3a`...)
		default:
			b = append(b, s[i:i+n]...)
		}
		indent = indent && r == ' '
		i += n
	}
	return string(b)
}

// maxMarks is how many combining marks may follow each other.
const maxMarks = 4

// plain says quickly that there is nothing to escape, as in nearly all text.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~' || c == '\\':
			return false
		case c == '#' && logCommand(s[i:]):
			return false
		}
	}
	return !lineCommand(strings.TrimLeft(s, " "))
}

// printable says whether a rune shows as itself and does nothing else.
func printable(r rune) bool {
	if r < utf8.RuneSelf {
		return ' ' <= r && r <= '~'
	}
	return unicode.IsPrint(r) &&
		r != '\u2800' && // a blank that is classed as a symbol
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// ambiguous says whether a backslash before rest would be read as the start of
// an escape.
func ambiguous(rest string) bool {
	if rest == "" {
		return false
	}
	switch rest[0] {
	case '\\', 'n', 'r', 't':
		return true
	case 'x':
		return len(rest) >= 3 && isHex(rest[1]) && isHex(rest[2])
	case 'u':
		return len(rest) >= 2 && rest[1] == '{'
	}
	r, n := utf8.DecodeRuneInString(rest)
	return r == utf8.RuneError && n == 1 || !printable(r)
}

// logCommand says whether s starts with a command that a CI system obeys
// anywhere in a line: two number signs, a word or nothing, a bracket.
func logCommand(s string) bool {
	if !strings.HasPrefix(s, "##") {
		return false
	}
	for i := 2; i < len(s); i++ {
		if !isLetter(s[i]) {
			return s[i] == '['
		}
	}
	return false
}

// lineCommand says whether s would be obeyed as a command at the start of a
// line. A letter must follow, so that the IPv6 address ::1 stays as it is.
func lineCommand(s string) bool {
	return len(s) > 2 && s[:2] == "::" && isLetter(s[2])
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

const hexDigits = "0123456789abcdef"

func appendHexByte(b []byte, c byte) []byte {
	return append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
}

func appendEscaped(b []byte, r rune) []byte {
	switch {
	case r == '\n':
		return append(b, `\n`...)
	case r == '\r':
		return append(b, `\r`...)
	case r == '\t':
		return append(b, `\t`...)
	case r < utf8.RuneSelf:
		return appendHexByte(b, byte(r))
	}
	b = append(b, `\u{`...)
	digits := 2
	for v := r >> 8; v > 0; v >>= 4 {
		digits++
	}
	for d := digits - 1; d >= 0; d-- {
		b = append(b, hexDigits[r>>(4*d)&15])
	}
	return append(b, '}')
}

// Columns is how many terminal columns escaped text takes: 2 for East Asian
// wide characters and emoji, none for combining marks, else 1.
func Columns(s string) int {
	cols := 0
	for _, r := range s {
		cols += runeColumns(r)
	}
	return cols
}

// Pad fills escaped text up with blanks to at least cols columns.
func Pad(s string, cols int) string {
	return s + strings.Repeat(" ", max(cols-Columns(s), 0))
}

// Truncate shortens escaped text to at most cols columns, ending it in "…"
// where something is cut. It never cuts an escape in two.
func Truncate(s string, cols int) string {
	if Columns(s) <= cols {
		return s
	}
	if cols < 1 {
		return ""
	}
	return head(s, cols-1) + "…"
}

// TruncateMiddle shortens escaped text to at most cols columns, with "…" in the
// middle where something is cut: the ends of paths and digests tell most. It
// never cuts an escape in two.
func TruncateMiddle(s string, cols int) string {
	if Columns(s) <= cols {
		return s
	}
	if cols < 1 {
		return ""
	}
	start := head(s, (cols-1)/2)
	left := cols - 1 - Columns(start)
	rest := s[len(start):]
	for over := Columns(rest) - left; over > 0; {
		n, c := unit(rest)
		rest, over = rest[n:], over-c
	}
	return start + "…" + rest
}

// head is as much of the start of s as fits into cols columns.
func head(s string, cols int) string {
	end := 0
	for end < len(s) {
		n, c := unit(s[end:])
		if c > cols {
			break
		}
		end, cols = end+n, cols-c
	}
	return s[:end]
}

// unit measures the first thing in escaped text that must stay in one piece: an
// escape, or a rune with its combining marks.
func unit(s string) (bytes, cols int) {
	if s[0] == '\\' && len(s) > 1 {
		switch {
		case strings.IndexByte(`\nrt`, s[1]) >= 0:
			return 2, 2
		case s[1] == 'x' && len(s) >= 4 && isHex(s[2]) && isHex(s[3]):
			return 4, 4
		case s[1] == 'u' && len(s) > 2 && s[2] == '{':
			if end := strings.IndexByte(s[:min(len(s), 10)], '}'); end > 0 {
				return end + 1, end + 1
			}
		}
	}
	r, n := utf8.DecodeRuneInString(s)
	cols = runeColumns(r)
	for n < len(s) {
		r, m := utf8.DecodeRuneInString(s[n:])
		if runeColumns(r) > 0 {
			break
		}
		n += m
	}
	return n, cols
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1100 && unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wide holds the runes that take two columns, in coarse ranges: a column too
// many at the edge of a block does no harm.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x23e9, 0x23ec, 1}, {0x25fd, 0x25fe, 1},
		{0x2614, 0x2615, 1}, {0x2648, 0x2653, 1}, {0x267f, 0x267f, 1}, {0x2693, 0x2693, 1},
		{0x26a1, 0x26a1, 1}, {0x26aa, 0x26ab, 1}, {0x26bd, 0x26be, 1}, {0x26c4, 0x26c5, 1},
		{0x26ce, 0x26ce, 1}, {0x26d4, 0x26d4, 1}, {0x26ea, 0x26ea, 1}, {0x26f2, 0x26f5, 1},
		{0x26fa, 0x26fd, 1}, {0x2705, 0x2705, 1}, {0x270a, 0x270b, 1}, {0x2728, 0x2728, 1},
		{0x274c, 0x274e, 2}, {0x2753, 0x2757, 1}, {0x2795, 0x2797, 1}, {0x27b0, 0x27bf, 15},
		{0x2b1b, 0x2b1c, 1}, {0x2b50, 0x2b55, 5}, {0x2e80, 0x303e, 1}, {0x3041, 0x33ff, 1},
		{0x3400, 0x4dbf, 1}, {0x4e00, 0xa4cf, 1}, {0xa960, 0xa97c, 1}, {0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1}, {0xfe10, 0xfe19, 1}, {0xfe30, 0xfe6f, 1}, {0xff01, 0xff60, 1},
		{0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x18aff, 1}, {0x1aff0, 0x1b2ff, 1}, {0x1f004, 0x1f004, 1}, {0x1f0cf, 0x1f0cf, 1},
		{0x1f18e, 0x1f18e, 1}, {0x1f191, 0x1f19a, 1}, {0x1f200, 0x1f265, 1}, {0x1f300, 0x1f64f, 1},
		{0x1f680, 0x1f6ff, 1}, {0x1f7e0, 0x1f7eb, 1}, {0x1f900, 0x1f9ff, 1}, {0x1fa70, 0x1faff, 1},
		{0x20000, 0x3fffd, 1},
	},
}
