package formats

import (
	"bytes"
	"iter"
)

// pair is a name and its value, on one line of a file.
type pair struct {
	section   []byte // the [section] it's in, without brackets
	key       []byte
	from, to  int // of the value, without quotes
	line      int // where the line begins
	commented bool
	quoted    bool
}

// lines yields the ends of every line: text[from:to] is without its end.
func lines(text []byte) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for from := 0; from < len(text); {
			to, next := len(text), len(text)
			if i := bytes.IndexByte(text[from:], '\n'); i >= 0 {
				to, next = from+i, from+i+1
			}
			if to > from && text[to-1] == '\r' {
				to--
			}
			if !yield(from, to) {
				return
			}
			from = next
		}
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// trim narrows text[from:to] to what is not blank.
func trim(text []byte, from, to int) (int, int) {
	for from < to && blank(text[from]) {
		from++
	}
	for to > from && blank(text[to-1]) {
		to--
	}
	return from, to
}

// uncomment skips the sign of a comment, and reports whether there was one.
func uncomment(text []byte, from, to int) (int, bool) {
	was := from
	for from < to && (text[from] == '#' || text[from] == ';' || text[from] == '!' && from == was) {
		from++
	}
	if from == was && to-from > 2 && text[from] == '/' && text[from+1] == '/' {
		from += 2
	}
	if from == was {
		return from, false
	}
	for from < to && blank(text[from]) {
		from++
	}
	return from, true
}

// pairs yields the names and values of the lines of a file. seps has the bytes
// that may stand between them: of "=: " a blank counts only where no other does.
func (d *doc) pairs(seps string) iter.Seq[pair] {
	return func(yield func(pair) bool) {
		var section []byte
		for from, to := range lines(d.text) {
			p := pair{line: from}
			from, to = trim(d.text, from, to)
			if from < to && d.text[from] == '[' {
				if end := bytes.IndexByte(d.text[from:to], ']'); end > 0 {
					section = d.text[from+1 : from+end]
					continue
				}
			}
			p.section = section
			from, p.commented = uncomment(d.text, from, to)
			if splitPair(d.text, from, to, seps, &p) && !yield(p) {
				return
			}
		}
	}
}

// splitPair finds key and value in text[from:to].
func splitPair(text []byte, from, to int, seps string, p *pair) bool {
	for _, word := range [...]string{"export ", "set ", "setenv "} {
		if to-from > len(word) && string(text[from:from+len(word)]) == word {
			from, to = trim(text, from+len(word), to)
		}
	}
	i := from
	if i < to && (text[i] == '"' || text[i] == '\'') {
		for i++; i < to && text[i] != text[from]; i++ {
		}
	}
	for i < to && !isSep(text[i], seps) {
		i++
	}
	if i >= to {
		return false
	}
	ks, ke := trim(text, from, i)
	if ke-ks > 1 && (text[ks] == '"' || text[ks] == '\'') && text[ke-1] == text[ks] {
		ks, ke = ks+1, ke-1
	}
	p.key = text[ks:ke]
	for i < to && blank(text[i]) {
		i++
	}
	if i < to && !blank(text[i]) && isSep(text[i], seps) {
		i++
		if i < to && (text[i] == '>' || text[i] == '=') { // => and ==
			i++
		}
	}
	p.from, p.to, p.quoted = value(text, i, to)
	return ke > ks && p.from < p.to
}

func isSep(c byte, seps string) bool {
	for i := range len(seps) {
		if seps[i] == c || seps[i] == ' ' && c == '\t' {
			return true
		}
	}
	return false
}

// value narrows text[from:to] to a value: what is in quotes, or all before a
// comment that has a blank before it.
func value(text []byte, from, to int) (int, int, bool) {
	from, to = trim(text, from, to)
	if from >= to {
		return from, from, false
	}
	if q := text[from]; q == '"' || q == '\'' {
		for i := from + 1; i < to; i++ {
			if text[i] == '\\' && q == '"' {
				i++
			} else if text[i] == q {
				return from + 1, i, true
			}
		}
	}
	if text[from] == '#' || text[from] == ';' {
		return from, from, false
	}
	for i := from + 1; i < to; i++ {
		if (text[i] == '#' || text[i] == ';') && blank(text[i-1]) {
			to = i
		}
	}
	from, to = trim(text, from, to)
	return from, to, false
}

// field says what a key in a file is: the rule of its value. Its name is as in
// keyIs, with the section it's in before a slash.
type field struct{ name, rule string }

// inLines is the reader of a form with a pair a line. A value that's commented
// out counts if it looks real.
func inLines(seps string, fields ...field) func(*doc) {
	return func(d *doc) {
		for p := range d.pairs(seps) {
			for _, f := range fields {
				if f.matches(p.section, p.key) {
					d.pair(f.rule, p, "")
					break
				}
			}
		}
	}
}

func (f field) matches(section, key []byte) bool {
	for i := range len(f.name) {
		if f.name[i] == '/' {
			return keyIs(section, f.name[:i]) && keyIs(key, f.name[i+1:])
		}
	}
	return keyIs(key, f.name)
}

// pair adds the value of a pair.
func (d *doc) pair(rule string, p pair, note string) {
	v := d.text[p.from:p.to]
	if p.commented && !looksReal(string(p.key), v) {
		return
	}
	if n := len(v); n > 1 && !p.quoted && (v[n-1] == ';' || v[n-1] == ',') {
		p.to--
	}
	if p.quoted && has(v, `\`) && d.text[p.from-1] == '"' {
		d.decoded(rule, string(p.key), p.from, p.to, unescape(v), note)
		return
	}
	d.secret(rule, string(p.key), p.from, p.to, note)
}

// literals yields the string literals of source code that are assigned to a
// name on the same line: $a['password'] = 'x', "password" => "x", define('A',
// 'x'), PASSWORD: "x". The key is the last name before the operator.
func (d *doc) literals() iter.Seq[pair] {
	return func(yield func(pair) bool) {
		for from, to := range lines(d.text) {
			from, to = trim(d.text, from, to)
			at, commented := uncomment(d.text, from, to)
			if !commented && at < to && (d.text[at] == '*' || d.text[at] == '/') {
				commented = true
				for at < to && (d.text[at] == '*' || d.text[at] == '/' || blank(d.text[at])) {
					at++
				}
			}
			if to-at > 4000 { // minified
				continue
			}
			if !literalsOf(d.text, at, to, commented, yield) {
				return
			}
		}
	}
}

func literalsOf(text []byte, at, to int, commented bool, yield func(pair) bool) bool {
	var key []byte
	ready, args := false, false
	for i := at; i < to; {
		c := text[i]
		switch {
		case c == '"' || c == '\'':
			end := i + 1
			for end < to && text[end] != c {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			if end >= to {
				return true
			}
			if ready && len(key) > 0 {
				if !yield(pair{key: key, from: i + 1, to: end, line: at, commented: commented, quoted: true}) {
					return false
				}
				key = nil
			} else {
				key = text[i+1 : end]
			}
			ready = false
			i = end + 1
		case isWord(c):
			s := i
			for i < to && isWord(text[i]) {
				i++
			}
			if w := text[s:i]; string(w) == "define" || string(w) == "config" || string(w) == "Define" || string(w) == "set" {
				args = true
			} else if !(ready && (string(w) == "b" || string(w) == "u" || string(w) == "r")) {
				key, ready = w, false
			}
		case c == '=' || c == ':' || c == '>' && i > at && text[i-1] == '=' || c == ',' && args:
			ready = len(key) > 0 && (i+1 >= to || c != ':' || text[i+1] != ':')
			i++
		default:
			if !blank(c) && c != ']' {
				ready = false
				if c != '[' && c != '(' && c != '$' && c != '@' {
					key = nil
				}
			}
			i++
		}
	}
	return true
}

func isWord(c byte) bool {
	return low(c) >= 'a' && low(c) <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// inCode is the reader of a form that is source code.
func inCode(fields ...field) func(*doc) {
	return func(d *doc) {
		for p := range d.literals() {
			for _, f := range fields {
				if keyIs(p.key, f.name) {
					d.pair(f.rule, p, "")
					break
				}
			}
		}
	}
}

// unescape reads the escapes of a string in double quotes. It returns what it
// can't read as it stands.
func unescape(v []byte) []byte {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 >= len(v) {
			out = append(out, v[i])
			continue
		}
		i++
		switch v[i] {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case '"', '\\', '/', '\'', '$':
			out = append(out, v[i])
		case 'u':
			r, ok := hex4(v[i+1:])
			if !ok {
				out = append(out, '\\', 'u')
				break
			}
			out = append(out, string(r)...)
			i += 4
		default:
			out = append(out, '\\', v[i])
		}
	}
	return out
}

func hex4(v []byte) (rune, bool) {
	if len(v) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range v[:4] {
		switch c := low(c); {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// fields splits text[from:to] at blanks and yields the ends of each part.
func fieldsOf(text []byte, from, to int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for {
			for from < to && blank(text[from]) {
				from++
			}
			if from >= to {
				return
			}
			end := from
			for end < to && !blank(text[end]) {
				end++
			}
			if !yield(from, end) {
				return
			}
			from = end
		}
	}
}
