package gate

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/detect"
)

// What a build shows quotes its Dockerfile, and a command may print what it has.
// Three things are taken out of it: the values that the build is given, what the
// check of the Dockerfile has found, and what the rules see in a line.

const mark = "•••"

// cover finds what of a text is not shown.
func (g *Gate) cover(text []byte) []detect.Covered {
	var all []detect.Covered
	for _, h := range g.shown().Find(text) {
		all = append(all, detect.Covered{From: int(h.Offset), To: int(h.Offset) + h.Length, Shown: mark})
	}
	for _, c := range g.scanner.Cover(text) {
		if bytes.Contains(text[c.From:c.To], []byte(mark)) {
			c.Shown = mark // of what is masked already
		}
		all = append(all, c)
	}
	for _, v := range g.words {
		for at := 0; ; {
			i := bytes.Index(text[at:], v)
			if i < 0 {
				break
			}
			from := at + i
			if at = from + len(v); !wordByte(text, from-1) && !wordByte(text, at) { // "12345" is no part of a digest
				all = append(all, detect.Covered{From: from, To: at, Shown: mark})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b detect.Covered) int { return cmp.Compare(a.From, b.From) })
	out := all[:0]
	for _, c := range all {
		if n := len(out); n > 0 && c.From < out[n-1].To {
			if c.To > out[n-1].To {
				out[n-1].To, out[n-1].Shown = c.To, mark
			}
			continue
		}
		out = append(out, c)
	}
	return out
}

func wordByte(text []byte, i int) bool {
	return i >= 0 && i < len(text) && (text[i] >= utf8.RuneSelf || '0' <= text[i] && text[i] <= '9' || 'A' <= text[i] && text[i] <= 'Z' || 'a' <= text[i] && text[i] <= 'z')
}

// hide gives a text as it is to be shown.
func (g *Gate) hide(text string) string {
	if text == "" {
		return ""
	}
	l := lines{g: g}
	return string(append(l.Write([]byte(text)), l.Flush()...))
}

// hideStep is hide for a text that quotes an instruction.
func (g *Gate) hideStep(text string) string { return check.MaskedLine(g.hide(text)) }

// maxLine is how much of a line is looked at together, in bytes.
const maxLine = 16 << 10

// lines masks a stream by its lines. A line that is not complete is given too,
// but for its last word: a bar of progress is seen as it grows.
type lines struct {
	g     *Gate
	line  []byte // all that came of the last line
	given int    // how many bytes of it were given, or are hidden
	mark  int    // where the last hidden part of it ends; 0: there is none
}

func (l *lines) Write(chunk []byte) (out []byte) {
	if len(chunk) == 0 {
		return nil
	}
	l.line = append(l.line, chunk...)
	if end := bytes.LastIndexAny(l.line, "\r\n") + 1; end > 0 {
		out = l.give(out, end)
		l.forget(end)
	}
	hold := undecided(l.line)
	if len(l.line) > maxLine {
		if hold == 0 {
			hold = len(l.line)
		}
		out = l.give(out, hold)
		l.forget(hold)
		return out
	}
	return l.give(out, hold)
}

// Flush gives the rest.
func (l *lines) Flush() (out []byte) {
	out = l.give(nil, len(l.line))
	l.line, l.given, l.mark = nil, 0, 0
	return out
}

func (l *lines) forget(n int) {
	l.line = slices.Clone(l.line[n:])
	l.given, l.mark = max(0, l.given-n), max(0, l.mark-n)
}

// give appends what can be shown of the first n bytes and was not given yet.
func (l *lines) give(out []byte, n int) []byte {
	if n <= l.given {
		return out
	}
	text, places := plain(l.line[:n])
	for _, c := range l.g.cover(text) {
		from, to := places(c.From), places(c.To-1)+1
		switch {
		case to <= l.given:
			continue
		case from >= l.given:
			out = append(append(out, l.line[l.given:from]...), c.Shown...)
		case l.mark != l.given: // its beginning did not look like that of a secret
			out = append(out, mark...)
		}
		for _, esc := range escape.FindAll(l.line[max(from, l.given):to], -1) {
			out = append(out, esc...)
		}
		l.given, l.mark = to, to
	}
	out = append(out, l.line[l.given:n]...)
	l.given = n
	return out
}

// escape is a command to a terminal. The legacy builder puts two around each
// piece of what goes to stderr, also in the middle of a word.
var escape = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\^_])`)

// plain is a text without commands to a terminal, and where each byte of it was.
func plain(b []byte) (text []byte, place func(int) int) {
	cuts := escape.FindAllIndex(b, -1)
	if len(cuts) == 0 {
		return b, func(i int) int { return i }
	}
	type piece struct{ text, was int }
	var pieces []piece
	done := 0
	for _, c := range append(cuts, []int{len(b), len(b)}) {
		if c[0] > done {
			pieces = append(pieces, piece{len(text), done})
			text = append(text, b[done:c[0]]...)
		}
		done = c[1]
	}
	return text, func(i int) int {
		j, found := slices.BinarySearchFunc(pieces, i, func(p piece, i int) int { return cmp.Compare(p.text, i) })
		if !found {
			j--
		}
		return pieces[j].was + i - pieces[j].text
	}
}

// undecided is where the last word of a line begins, which may go on. Dots and
// bars are no word.
func undecided(line []byte) int {
	at := bytes.LastIndexAny(line, " \t\r\n") + 1
	word, _ := plain(line[at:])
	for i := range word {
		if wordByte(word, i) {
			return at
		}
	}
	return len(line)
}

// printout masks one stream: the known values, which may have several lines, and
// then the lines.
type printout struct {
	known  *known.Stream
	values *known.Set
	lines  lines
}

func (g *Gate) newPrintout() *printout {
	values := g.shown()
	return &printout{known: values.Stream(), values: values, lines: lines{g: g}}
}

// Write takes a chunk, and returns what can be shown now.
func (o *printout) Write(chunk []byte) []byte {
	if values := o.lines.g.shown(); values != o.values { // more has become known
		chunk = append(o.known.Flush(), chunk...)
		o.known, o.values = values.Stream(), values
	}
	return o.lines.Write(o.known.Write(chunk))
}

// Flush returns the rest.
func (o *printout) Flush() []byte {
	out := o.lines.Write(o.known.Flush())
	return append(out, o.lines.Flush()...)
}

// wordsOf are the secrets that are too short or too common to be looked for
// everywhere, and are hidden where they stand by themselves.
func wordsOf(hidden []detect.Secret) (words [][]byte) {
	for _, s := range hidden {
		for line := range strings.Lines(string(s.Reveal())) {
			if v := strings.TrimSpace(line); len(v) >= 4 && len(words) < maxWords {
				words = append(words, []byte(v))
			}
		}
	}
	slices.SortFunc(words, bytes.Compare)
	return slices.CompactFunc(words, bytes.Equal)
}

// maxWords bounds what is looked for in every line.
const maxWords = 500
