package check

import (
	"bytes"
	"sort"
	"strings"
	"unicode"
)

// source is a file that was read, with its places. Offsets count bytes.
type source struct {
	name  string // as shown: relative, slashes
	data  []byte
	lines []int // offsets of the first bytes of the lines

	masked []byte // data without secrets and with the same lines; made when it is shown
}

func newSource(name string, data []byte) *source {
	s := &source{name: name, data: data, lines: []int{0}}
	for i, c := range data {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// position gives line and column, from 1, of an offset.
func (s *source) position(at int) (line, column int) {
	at = min(max(at, 0), len(s.data))
	line = sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > at })
	return line, at - s.lines[line-1] + 1
}

// lineStart is the offset of a line, from 1; of one behind the last, the end.
func (s *source) lineStart(line int) int {
	if line < 1 {
		return 0
	}
	if line > len(s.lines) {
		return len(s.data)
	}
	return s.lines[line-1]
}

// shown is an extent in which there is something to see: of a file that breaks off,
// a parser gives empty ones. For these it is their line, or the last before it that
// is not empty.
func (s *source) shown(e extent) extent {
	line, _ := s.position(e.from)
	for ; e.from == e.to && line > 0; line-- {
		e = extent{s.lineStart(line), s.lineStart(line) + len(s.line(line))}
	}
	return e
}

// line returns a line without its end.
func (s *source) line(n int) []byte {
	return bytes.TrimRight(s.data[s.lineStart(n):s.lineStart(n+1)], "\r\n")
}

// text is the source as it stands.
func (s *source) text() *text { return s.part(0, len(s.data)) }

// part is a part of the source.
func (s *source) part(from, to int) *text {
	return &text{string(s.data[from:to]), []part{{0, from}}}
}

// extent is a part of a source.
type extent struct{ from, to int }

// text is what an instruction says, put together from its lines as BuildKit's
// parser does it, and from where in the file each part is.
type text struct {
	s     string
	parts []part // rising in both
}

type part struct{ at, source int } // s[at:] up to the next part is at source in the file

// textBuilder puts a text together, in time linear to its length.
type textBuilder struct {
	b     strings.Builder
	parts []part
}

// add appends text that stands in the file at the offset from.
func (b *textBuilder) add(s string, from int) {
	if s != "" {
		b.parts = append(b.parts, part{b.b.Len(), from})
		b.b.WriteString(s)
	}
}

// append appends t[from:to], with its places.
func (b *textBuilder) append(t *text, from, to int) {
	first := sort.Search(len(t.parts), func(i int) bool { return t.parts[i].at > from }) - 1
	for i := max(first, 0); i < len(t.parts) && t.parts[i].at < to; i++ {
		p, end := t.parts[i], len(t.s)
		if i+1 < len(t.parts) {
			end = t.parts[i+1].at
		}
		if x, y := max(p.at, from), min(end, to); x < y {
			b.add(t.s[x:y], p.source+x-p.at)
		}
	}
}

func (b *textBuilder) text() *text { return &text{b.b.String(), b.parts} }

// lines are the parts of a text that stand in one piece in the file.
func (t *text) lines() (all []string) {
	for i, p := range t.parts {
		end := len(t.s)
		if i+1 < len(t.parts) {
			end = t.parts[i+1].at
		}
		all = append(all, t.s[p.at:end])
	}
	return all
}

// crosses says whether t[from:to] stands in no one part of the file.
func (t *text) crosses(from, to int) bool {
	i := sort.Search(len(t.parts), func(i int) bool { return t.parts[i].at > from })
	return i < len(t.parts) && t.parts[i].at < to
}

// offset returns where in the file a byte of the text stands.
func (t *text) offset(at int) int {
	i := sort.Search(len(t.parts), func(i int) bool { return t.parts[i].at > at }) - 1
	if i < 0 {
		return 0
	}
	return t.parts[i].source + at - t.parts[i].at
}

// extent returns where in the file text[from:to] stands.
func (t *text) extent(from, to int) extent {
	if to <= from {
		return extent{t.offset(from), t.offset(from)}
	}
	return extent{t.offset(from), t.offset(to-1) + 1}
}

// slice returns the text from a byte up to another, with its places.
func (t *text) slice(from, to int) *text {
	var b textBuilder
	b.append(t, from, to)
	return b.text()
}

// join puts the lines first to last of an instruction together, as
// parser.Parse does: comments in between and continuations are gone. It
// returns the line behind the last that it took.
func (s *source) join(first, last int, escape rune) (*text, int) {
	var t textBuilder
	n := first
	for ; n <= last; n++ {
		from := s.lineStart(n)
		l := s.line(n)
		if n == 1 {
			if rest, ok := bytes.CutPrefix(l, []byte("\xef\xbb\xbf")); ok {
				l, from = rest, from+3
			}
		}
		if n == first {
			rest := bytes.TrimLeftFunc(l, unicode.IsSpace)
			from += len(l) - len(rest)
			l = rest
		} else if c := bytes.TrimLeftFunc(l, unicode.IsSpace); len(c) == 0 || c[0] == '#' {
			continue // a comment or an empty line goes on
		}
		body := bytes.TrimRight(l, " \t")
		if n := len(body) - 1; n >= 0 && rune(body[n]) == escape && (n == 0 || rune(body[n-1]) != escape) {
			t.add(string(body[:n]), from)
			continue
		}
		t.add(string(l), from)
		n++
		break
	}
	return t.text(), n
}

// word finds a name in the text, from the byte at on, that no letter or digit
// touches. It returns -1 if there is none.
func (t *text) word(name string, at int) int {
	if name == "" {
		return -1
	}
	for at <= len(t.s) {
		i := strings.Index(t.s[at:], name)
		if i < 0 {
			return -1
		}
		i += at
		if (i == 0 || !wordByte(t.s[i-1])) && (i+len(name) == len(t.s) || !wordByte(t.s[i+len(name)])) {
			return i
		}
		at = i + 1
	}
	return -1
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
