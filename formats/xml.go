package formats

import (
	"bytes"
	"iter"
	"strings"
)

// attr is an attribute of an element, its value without quotes.
type attr struct {
	name     []byte
	from, to int
}

// elem is the start of an element, and the text after it up to the next tag.
type elem struct {
	up       [][]byte // the names of the elements it's in; valid until the next one
	name     []byte
	attrs    []attr
	from, to int
}

// attr returns the value of the attribute, in any case.
func (d *doc) attr(e *elem, name string) string {
	for _, a := range e.attrs {
		if foldEq(a.name, name) {
			return string(d.text[a.from:a.to])
		}
	}
	return ""
}

// in reports whether the element is in one of the name.
func (e *elem) in(name string) bool {
	for _, u := range e.up {
		if keyIs(u, name) {
			return true
		}
	}
	return false
}

// elems yields the elements of XML. What's commented out is not read.
func (d *doc) elems() iter.Seq[*elem] {
	return func(yield func(*elem) bool) {
		var e elem
		skip := 0
		for i := 0; i < len(d.text); {
			j := bytes.IndexByte(d.text[i:], '<')
			if j < 0 || i+j+1 >= len(d.text) {
				return
			}
			i += j + 1
			switch rest := d.text[i:]; {
			case bytes.HasPrefix(rest, []byte("!--")):
				i = after(d.text, i, "-->")
			case rest[0] == '!' || rest[0] == '?':
				i = after(d.text, i, ">")
			case rest[0] == '/':
				if skip > 0 {
					skip--
				} else if len(e.up) > 0 {
					e.up = e.up[:len(e.up)-1]
				}
				i = after(d.text, i, ">")
			case !isWord(rest[0]) && rest[0] < 0x80: // a < of its own
			default:
				var closed bool
				i, closed = d.tag(&e, i)
				if !yield(&e) {
					return
				}
				if closed {
					continue
				}
				if len(e.up) < maxDepth {
					e.up = append(e.up, e.name)
				} else {
					skip++
				}
			}
		}
	}
}

func after(text []byte, i int, end string) int {
	if j := bytes.Index(text[i:], []byte(end)); j >= 0 {
		return i + j + len(end)
	}
	return len(text)
}

// tag reads a tag from behind its < on, and the text after it.
func (d *doc) tag(e *elem, i int) (next int, closed bool) {
	t := d.text
	s := i
	for i < len(t) && !blank(t[i]) && t[i] != '>' && t[i] != '/' && t[i] != '\n' && t[i] != '<' {
		i++
	}
	e.name, e.attrs, e.from, e.to = t[s:i:i], e.attrs[:0], i, i
	if c := bytes.LastIndexByte(e.name, ':'); c >= 0 {
		e.name = e.name[c+1:]
	}
	for i < len(t) && t[i] != '>' && t[i] != '<' {
		if t[i] == '/' && i+1 < len(t) && t[i+1] == '>' {
			return i + 2, true
		}
		if !isWord(t[i]) {
			i++
			continue
		}
		s := i
		for i < len(t) && (isWord(t[i]) || t[i] == '-' || t[i] == ':' || t[i] == '.') {
			i++
		}
		a := attr{name: t[s:i:i]}
		for i < len(t) && (blank(t[i]) || t[i] == '\n') {
			i++
		}
		if i+1 >= len(t) || t[i] != '=' {
			continue
		}
		for i++; i < len(t) && (blank(t[i]) || t[i] == '\n'); i++ {
		}
		if i >= len(t) || t[i] != '"' && t[i] != '\'' {
			continue
		}
		end := bytes.IndexByte(t[i+1:], t[i])
		if end < 0 {
			return len(t), true
		}
		a.from, a.to = i+1, i+1+end
		i = a.to + 1
		if len(e.attrs) < 64 {
			e.attrs = append(e.attrs, a)
		}
	}
	if i >= len(t) || t[i] == '<' {
		return i, false
	}
	i++
	e.from, e.to = i, len(t)
	if rest := bytes.TrimLeft(t[i:min(len(t), i+64)], " \t\r\n"); bytes.HasPrefix(rest, []byte("<![CDATA[")) {
		e.from = i + bytes.Index(t[i:], []byte("<![CDATA[")) + 9
		e.to = max(e.from, after(t, e.from, "]]>")-3)
	} else if j := bytes.IndexByte(t[i:], '<'); j >= 0 {
		e.to = i + j
	}
	next = e.to
	for e.from < e.to && (blank(t[e.from]) || t[e.from] == '\n') {
		e.from++
	}
	for e.to > e.from && (blank(t[e.to-1]) || t[e.to-1] == '\n') {
		e.to--
	}
	return next, false
}

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&#39;", "'", "&#34;", `"`, "&amp;", "&")

// xmlText adds text of an element or an attribute.
func (d *doc) xmlText(rule, key string, from, to int, note string) {
	if from >= to {
		return
	}
	if v := d.text[from:to]; has(v, "&") {
		d.decoded(rule, key, from, to, []byte(entities.Replace(string(v))), note)
		return
	}
	d.secret(rule, key, from, to, note)
}

// inXML is the reader of a form in XML: a name is an element's, or after an @
// an attribute's, with the element's before it: "user@password". A slash is
// between an element and one that it's in.
func inXML(fields ...field) func(*doc) {
	return func(d *doc) {
		for e := range d.elems() {
			for _, f := range fields {
				d.inElem(e, f)
			}
		}
	}
}

func (d *doc) inElem(e *elem, f field) {
	name, at, isAttr := strings.Cut(f.name, "@")
	if in, n, ok := strings.Cut(name, "/"); ok {
		if !e.in(in) {
			return
		}
		name = n
	}
	if name != "" && !keyIs(e.name, name) {
		return
	}
	if !isAttr {
		d.xmlText(f.rule, string(e.name), e.from, e.to, "")
		return
	}
	for _, a := range e.attrs {
		if keyIs(a.name, at) {
			d.xmlText(f.rule, string(a.name), a.from, a.to, "")
		}
	}
}
