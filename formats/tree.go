package formats

import (
	"bytes"
	"iter"
	"strings"
)

// node is a scalar in a tree: in JSON, or in YAML.
type node struct {
	up       []level // what it's in, from the outermost; valid until the next node
	obj      int     // the number of the mapping that key is in
	key      []byte  // nil for an item of a list
	from, to int     // of the value, without quotes
	quote    byte    // '"' or '\'', '|' for a block, 0
}

// level is a mapping or a list that is open.
type level struct {
	key    []byte // nil for an item of a list
	id     int    // of the mapping under the key
	indent int
	item   bool
	list   bool
}

const maxDepth = 48

// name is the key, or of an item of a list, the key of the list.
func (n *node) name() string {
	if n.key != nil {
		return string(n.key)
	}
	for i := len(n.up) - 1; i >= 0; i-- {
		if n.up[i].key != nil {
			return string(n.up[i].key)
		}
	}
	return ""
}

// parent is the number of the mapping that the mapping of the key is in, or 0.
func (n *node) parent() int {
	if len(n.up) < 2 {
		return 0
	}
	return n.up[len(n.up)-2].id
}

// is reports whether the node is at a path such as "auth.token": its last keys,
// each as in keyIs. Items of lists don't count. A path that begins with a dot
// is from the top.
func (n *node) is(path string) bool {
	path, top := strings.CutPrefix(path, ".")
	i := len(n.up) - 1
	key := n.key
	if key == nil {
		for ; i >= 0 && n.up[i].key == nil; i-- {
		}
		if i < 0 {
			return false
		}
		key = n.up[i].key
		i--
	}
	for {
		dot := strings.LastIndexByte(path, '.')
		if !keyIs(key, path[dot+1:]) {
			return false
		}
		if dot < 0 {
			break
		}
		path = path[:dot]
		for ; i >= 0 && n.up[i].key == nil; i-- {
		}
		if i < 0 {
			return false
		}
		key = n.up[i].key
		i--
	}
	if top {
		for ; i >= 0; i-- {
			if n.up[i].key != nil {
				return false
			}
		}
	}
	return true
}

// under reports whether one of the keys that the node is in is name.
func (n *node) under(name string) bool {
	for i := range n.up {
		if n.up[i].key != nil && keyIs(n.up[i].key, name) {
			return true
		}
	}
	return false
}

// value is the node's value as it's meant, or nil if that's the text itself.
func (d *doc) value(n *node) []byte {
	v := d.text[n.from:n.to]
	switch {
	case n.quote == '"' && has(v, `\`):
		return unescape(v)
	case n.quote == '\'' && has(v, `''`):
		return bytes.ReplaceAll(v, []byte(`''`), []byte(`'`))
	case n.quote == '|':
		return dedent(v)
	}
	return nil
}

func (d *doc) plain(n *node) []byte {
	if v := d.value(n); v != nil {
		return v
	}
	return d.text[n.from:n.to]
}

// dedent takes the blanks away that begin every line of a block.
func dedent(v []byte) []byte {
	var out []byte
	for from, to := range lines(v) {
		from, to = trim(v, from, to)
		if len(out) > 0 {
			out = append(out, '\n')
		}
		out = append(out, v[from:to]...)
	}
	return bytes.TrimSpace(out)
}

func (d *doc) node(rule string, n *node, note string) {
	d.decoded(rule, n.name(), n.from, n.to, d.value(n), note)
}

// inTree is the reader of a form in JSON or YAML; names are paths as for is.
func inTree(fields ...field) func(*doc) {
	return func(d *doc) {
		for n := range d.tree() {
			for _, f := range fields {
				if n.is(f.name) {
					d.node(f.rule, n, "")
					break
				}
			}
		}
	}
}

// tree yields the scalars of JSON, or of YAML.
func (d *doc) tree() iter.Seq[*node] {
	return func(yield func(*node) bool) {
		r := reader{text: d.text, yield: yield, to: len(d.text)}
		i := bytes.IndexFunc(d.text, func(c rune) bool { return c != ' ' && c != '\n' && c != '\t' && c != '\r' && c != 0xFEFF })
		if i >= 0 && (d.text[i] == '{' && !bytes.HasPrefix(d.text[i:], []byte("{{")) || d.text[i] == '[' || strings.HasSuffix(d.base, ".json")) {
			r.ids = 1
			r.flow(i, -1, nil)
			return
		}
		r.yaml()
	}
}

// reader reads JSON and YAML.
type reader struct {
	text  []byte
	to    int
	up    []level
	n     node
	ids   int
	skip  int // how many levels too deep it is
	yield func(*node) bool
	done  bool
}

func (r *reader) obj() int {
	if len(r.up) == 0 {
		return 0
	}
	return r.up[len(r.up)-1].id
}

func (r *reader) scalar(key []byte, from, to int, quote byte) {
	if r.done || r.skip > 0 || from > to {
		return
	}
	r.n = node{up: r.up, obj: r.obj(), key: key, from: from, to: to, quote: quote}
	r.done = !r.yield(&r.n)
}

func (r *reader) push(l level) {
	if len(r.up) >= maxDepth {
		r.skip++
		return
	}
	r.ids++
	l.id = r.ids
	r.up = append(r.up, l)
}

func (r *reader) pop() {
	if r.skip > 0 {
		r.skip--
	} else if len(r.up) > 0 {
		r.up = r.up[:len(r.up)-1]
	}
}

// flow reads JSON, or a flow mapping or list of YAML, from text[i] on, and
// returns where it ends. It's tolerant: of comments, of commas too many or
// missing, of bare words. It is the value of key, or an item if that is nil.
// indent >= 0: it ends at the latest at a line that's not indented more.
func (r *reader) flow(i, indent int, key []byte) int {
	depth := 0
	for i < r.to && !r.done {
		c := r.text[i]
		switch {
		case c == '\n':
			i++
			if indent >= 0 {
				in := 0
				for i+in < r.to && r.text[i+in] == ' ' {
					in++
				}
				if i+in < r.to && in <= indent && r.text[i+in] != '}' && r.text[i+in] != ']' && r.text[i+in] != '\n' {
					for ; depth > 0; depth-- {
						r.pop()
					}
					return i
				}
			}
		case blank(c) || c == ',':
			i++
		case c == ':':
			i++
		case c == '{' || c == '[':
			r.push(level{key: key, item: key == nil, list: c == '[', indent: 1 << 30})
			key = nil
			depth++
			i++
		case c == '}' || c == ']':
			r.pop()
			key = nil
			depth--
			i++
			if depth <= 0 {
				return i
			}
		case c == '/' && i+1 < r.to && r.text[i+1] == '/' || c == '#':
			for i < r.to && r.text[i] != '\n' {
				i++
			}
		case c == '/' && i+1 < r.to && r.text[i+1] == '*':
			end := bytes.Index(r.text[i:r.to], []byte("*/"))
			if end < 0 {
				return r.to
			}
			i += end + 2
		default:
			i = r.flowScalar(i, &key)
		}
	}
	for ; depth > 0; depth-- {
		r.pop()
	}
	return i
}

// flowScalar reads a key or a value.
func (r *reader) flowScalar(i int, key *[]byte) int {
	from, to, next, quote := i, i, i, byte(0)
	if c := r.text[i]; c == '"' || c == '\'' {
		quote = c
		end := i + 1
		for end < r.to && r.text[end] != c && r.text[end] != '\n' {
			if r.text[end] == '\\' && c == '"' {
				end++
			}
			end++
		}
		end = min(end, r.to)
		from, to, next = i+1, end, end
		if end < r.to && r.text[end] == c {
			next++
		}
	} else {
		end := i
		for end < r.to && !strings.ContainsRune(",{}[]\n", rune(r.text[end])) && !(r.text[end] == ':' && (end+1 >= r.to || blank(r.text[end+1]) || r.text[end+1] == '"')) {
			end++
		}
		end = max(end, i+1)
		next = end
		from, to = trim(r.text, i, end)
	}
	inList := len(r.up) > 0 && r.up[len(r.up)-1].list
	if *key == nil && !inList {
		j := next
		for j < r.to && blank(r.text[j]) {
			j++
		}
		if j < r.to && r.text[j] == ':' {
			*key = r.text[from:to:to]
			return j + 1
		}
	}
	r.scalar(*key, from, to, quote)
	*key = nil
	return next
}

// yaml reads lines, and knows nesting by indent alone.
func (r *reader) yaml() {
	r.ids++
	for i := 0; i < r.to && !r.done; {
		end := r.to
		if j := bytes.IndexByte(r.text[i:r.to], '\n'); j >= 0 {
			end = i + j
		}
		i = r.yamlLine(i, end)
	}
}

// yamlLine reads the line text[i:end] and returns where the next one begins.
func (r *reader) yamlLine(i, end int) int {
	next := min(end+1, r.to)
	start := i
	for i < end && (r.text[i] == ' ' || r.text[i] == '\t') {
		i++
	}
	_, stop := trim(r.text, i, end)
	if i >= stop || r.text[i] == '#' {
		return next
	}
	if i == start && stop-i >= 3 && (string(r.text[i:i+3]) == "---" || string(r.text[i:i+3]) == "...") {
		r.up, r.skip = r.up[:0], 0
		r.push(level{item: true, indent: -1})
		return next
	}
	indent := i - start
	for i < stop && r.text[i] == '-' && (i+1 == stop || blank(r.text[i+1])) {
		r.close(indent, true)
		r.push(level{item: true, indent: indent})
		i++
		for i < stop && blank(r.text[i]) {
			i++
		}
		indent = i - start
	}
	if i >= stop {
		return next
	}
	if c := r.text[i]; (c == '{' || c == '[') && !bytes.HasPrefix(r.text[i:], []byte("{{")) && !bytes.HasPrefix(r.text[i:], []byte("{%")) {
		return max(next, r.lineEnd(r.flow(i, max(indent-1, 0), nil)))
	}
	ks, ke, v := yamlKey(r.text, i, stop)
	if v < 0 {
		if len(r.up) > 0 && r.up[len(r.up)-1].item && r.up[len(r.up)-1].indent >= 0 {
			from, to, quote := yamlScalar(r.text, i, stop)
			r.scalar(nil, from, to, quote)
		}
		return next
	}
	r.close(indent, false)
	key := r.text[ks:ke:ke]
	return r.yamlValue(key, indent, v, stop, next)
}

// lineEnd is where the line after the one at i begins.
func (r *reader) lineEnd(i int) int {
	if i >= r.to || i > 0 && r.text[i-1] == '\n' {
		return i
	}
	if j := bytes.IndexByte(r.text[i:r.to], '\n'); j >= 0 {
		return i + j + 1
	}
	return r.to
}

// close ends the levels that a line of this indent is not in.
func (r *reader) close(indent int, item bool) {
	r.skip = 0
	for len(r.up) > 0 {
		l := r.up[len(r.up)-1]
		if l.indent < indent || item && l.indent == indent && !l.item {
			return
		}
		r.up = r.up[:len(r.up)-1]
	}
}

// yamlKey finds the key of text[i:stop], and where its value begins, or -1.
func yamlKey(text []byte, i, stop int) (ks, ke, v int) {
	if text[i] == '?' || text[i] == '|' || text[i] == '>' {
		return 0, 0, -1
	}
	if c := text[i]; c == '"' || c == '\'' {
		j := i + 1
		for j < stop && text[j] != c {
			if text[j] == '\\' && c == '"' {
				j++
			}
			j++
		}
		k := j + 1
		for k < stop && blank(text[k]) {
			k++
		}
		if k < stop && text[k] == ':' {
			return i + 1, min(j, stop), k + 1
		}
		return 0, 0, -1
	}
	for j := i; j < stop; j++ {
		if text[j] == ':' && (j+1 == stop || blank(text[j+1])) {
			ks, ke = trim(text, i, j)
			return ks, ke, j + 1
		}
		if text[j] == '#' && j > i && blank(text[j-1]) {
			break
		}
	}
	return 0, 0, -1
}

// yamlValue reads what follows a key.
func (r *reader) yamlValue(key []byte, indent, v, stop, next int) int {
	v, _ = trim(r.text, v, stop)
	for v < stop && (r.text[v] == '&' || r.text[v] == '!' && v+1 < stop && r.text[v+1] == '!') { // an anchor, or the tag of a type
		for v < stop && !blank(r.text[v]) {
			v++
		}
		v, _ = trim(r.text, v, stop)
	}
	if v >= stop || r.text[v] == '#' {
		r.push(level{key: key, indent: indent})
		return next
	}
	switch c := r.text[v]; {
	case (c == '{' || c == '[') && !bytes.HasPrefix(r.text[v:], []byte("{{")):
		if c == '{' && bytes.IndexByte(r.text[v:stop], ':') < 0 && stop-v > 2 && r.text[stop-1] == '}' {
			r.scalar(key, v, stop, 0) // {vault}, {0}
			return next
		}
		return max(next, r.lineEnd(r.flow(v, indent, key)))
	case c == '|' || c == '>':
		return r.block(key, indent, next, '|')
	case c == '!' && bytes.ContainsAny(r.text[v:stop], "|>"):
		r.scalar(key, v, stop, 0)
		return r.block(nil, indent, next, 0)
	}
	from, to, quote := yamlScalar(r.text, v, stop)
	r.scalar(key, from, to, quote)
	return next
}

// block reads a block of lines that are indented more than the key.
func (r *reader) block(key []byte, indent, i int, quote byte) int {
	from, to := -1, i
	for i < r.to {
		end := r.to
		if j := bytes.IndexByte(r.text[i:r.to], '\n'); j >= 0 {
			end = i + j
		}
		s, e := trim(r.text, i, end)
		if s < e {
			if s-i <= indent {
				break
			}
			if from < 0 {
				from = s
			}
			to = e
		}
		i = min(end+1, r.to)
		if end == r.to {
			break
		}
	}
	if quote != 0 && from >= 0 {
		r.scalar(key, from, to, quote)
	}
	return i
}

// yamlScalar narrows text[from:to] to a scalar.
func yamlScalar(text []byte, from, to int) (int, int, byte) {
	if c := text[from]; c == '"' || c == '\'' {
		for j := from + 1; j < to; j++ {
			if text[j] == '\\' && c == '"' {
				j++
			} else if text[j] == c {
				if c == '\'' && j+1 < to && text[j+1] == c {
					j++
					continue
				}
				return from + 1, j, c
			}
		}
	}
	for j := from + 1; j < to; j++ {
		if text[j] == '#' && blank(text[j-1]) {
			to = j
		}
	}
	from, to = trim(text, from, to)
	return from, to, 0
}
