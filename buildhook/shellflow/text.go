package shellflow

import (
	"cmp"
	"slices"
	"strings"
)

// A text that isn't fully known has holes. A hole shows what the script has in
// its place, so that "$DIR/token" is the same file each time it is named.
const (
	holeOpen  = '\x01'
	holeClose = '\x02'
	maxHole   = 80
	maxText   = 8 << 10 // a longer text is one hole: scripts that double a value stay small
)

// text is a value of the script: what is known of it and what is in it.
type text struct {
	s        string
	taint    taint
	glob     bool // has an unquoted *, ? or [
	foreign  bool // has a constant that was reported where it was set, or isn't the script's own
	pos, end int  // the word it comes from
}

func known(s string) text { return text{s: s} }

// unknown is a text of which only the place in the script is known.
func unknown(shown string, t taint) text { return text{s: hole(shown), taint: t} }

func hole(shown string) string {
	shown = plain(shown)
	if len(shown) > maxHole {
		shown = strings.ToValidUTF8(shown[:maxHole], "") + "…"
	}
	return string(holeOpen) + shown + string(holeClose)
}

var markers = strings.NewReplacer(string(holeOpen), "", string(holeClose), "")

// plain is s with its holes as the script has them.
func plain(s string) string {
	if strings.IndexByte(s, holeOpen) < 0 && strings.IndexByte(s, holeClose) < 0 {
		return s
	}
	return markers.Replace(s)
}

func (t text) known() bool   { return strings.IndexByte(t.s, holeOpen) < 0 }
func (t text) plain() string { return plain(t.s) }

// is reports whether t is exactly one of the words.
func (t text) is(words ...string) bool { return slices.Contains(words, t.s) }

// allHole reports whether nothing of t is known.
func (t text) allHole() bool {
	return len(t.s) > 1 && t.s[0] == holeOpen && strings.IndexByte(t.s, holeClose) == len(t.s)-1
}

// with is another text from the same word with the same secrets.
func (t text) with(s string) text {
	t.s = s
	return t
}

func (t text) plus(u text) text {
	if t.end == 0 && t.s == "" {
		t.pos, t.end = u.pos, u.end
	}
	if len(t.s)+len(u.s) > maxText {
		t.s = hole("…")
	} else {
		t.s += u.s
	}
	t.taint = t.taint.plus(u.taint)
	t.glob = t.glob || u.glob
	t.foreign = t.foreign || u.foreign
	return t
}

// index finds the byte outside of the holes of s.
func index(s string, b byte) int {
	in := false
	for i := range len(s) {
		switch {
		case s[i] == holeOpen:
			in = true
		case s[i] == holeClose:
			in = false
		case !in && s[i] == b:
			return i
		}
	}
	return -1
}

// cut splits t at the first byte b that is outside of its holes.
func (t text) cut(b byte) (before, after text, found bool) {
	i := index(t.s, b)
	if i < 0 {
		return t, t.with(""), false
	}
	return t.with(t.s[:i]), t.with(t.s[i+1:]), true
}

// split splits s at the bytes for which sep is true and that are not in holes.
func split(s string, sep func(byte) bool) []string {
	var out []string
	in, from := false, -1
	for i := range len(s) {
		switch s[i] {
		case holeOpen:
			in = true
		case holeClose:
			in = false
		}
		if !in && sep(s[i]) {
			if from >= 0 {
				out = append(out, s[from:i])
			}
			from = -1
		} else if from < 0 {
			from = i
		}
	}
	if from >= 0 {
		out = append(out, s[from:])
	}
	return out
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// origin is something secret that no label stands for: bytes that a command of
// the script made or fetched, or the hash of a password.
type origin struct {
	kind     Kind
	by       string
	labels   []Label // what was hashed
	value    string  // the constant that was hashed
	pos, end int
}

// taint is which secrets may be in some bytes. Both lists are sorted sets and
// never change: they are shared.
type taint struct {
	labels  []Label
	origins []origin
}

// maxOrigins bounds what a hostile script can pile up in one value.
const maxOrigins = 32

func labelled(l []Label) taint {
	if len(l) == 0 {
		return taint{}
	}
	l = slices.Clone(l)
	slices.Sort(l)
	return taint{labels: slices.Compact(l)}
}

func (t taint) none() bool { return len(t.labels) == 0 && len(t.origins) == 0 }

func (t taint) plus(u taint) taint {
	if u.none() {
		return t
	}
	if t.none() {
		return u
	}
	t.labels = merge(t.labels, u.labels, cmp.Compare)
	t.origins = merge(t.origins, u.origins, compareOrigins)
	if len(t.origins) > maxOrigins {
		t.origins = t.origins[:maxOrigins:maxOrigins]
	}
	return t
}

func compareOrigins(a, b origin) int {
	return cmp.Or(cmp.Compare(a.pos, b.pos), cmp.Compare(a.kind, b.kind), cmp.Compare(a.by, b.by), slices.Compare(a.labels, b.labels), cmp.Compare(a.value, b.value))
}

func (t taint) equal(u taint) bool {
	return slices.Equal(t.labels, u.labels) &&
		slices.EqualFunc(t.origins, u.origins, func(a, b origin) bool { return compareOrigins(a, b) == 0 })
}

// merge is the union of two sorted sets.
func merge[T any](a, b []T, compare func(T, T) int) []T {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 || len(a) == len(b) && slices.EqualFunc(a, b, func(x, y T) bool { return compare(x, y) == 0 }) {
		return b
	}
	out := make([]T, 0, len(a)+len(b))
	out = append(append(out, a...), b...)
	slices.SortFunc(out, compare)
	return slices.CompactFunc(out, func(x, y T) bool { return compare(x, y) == 0 })
}

func taintOf(ts []text) taint {
	var t taint
	for _, x := range ts {
		t = t.plus(x.taint)
	}
	return t
}
