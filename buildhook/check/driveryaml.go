package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// yamlFile is a YAML file with its places. Aliases and merges are resolved as
// they are met, at a price: a small file can stand for an endless one.
type yamlFile struct {
	d     *drivers
	roots []*yaml.Node
	lines []int // offsets of the lines, as YAML counts them
	ascii bool  // columns are bytes
	err   error // the first thing that is wrong with it, though it could be read
}

// readYAML parses the file. With an error, what could be read of it comes too.
func (d *drivers) readYAML() (*yamlFile, error) {
	if err := d.tooLarge(); err != nil {
		return nil, err
	}
	data := d.src.data
	y := &yamlFile{d: d, lines: []int{0}, ascii: true}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, errors.New("it is UTF-16, and only UTF-8 is read")
	}
	if !utf8.Valid(data) {
		at := 0
		for at < len(data) {
			r, n := utf8.DecodeRune(data[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		line, _ := d.src.position(at)
		return nil, fmt.Errorf("line %d is not UTF-8", line)
	}
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case b == '\r' && i+1 < len(data) && data[i+1] == '\n':
		case b == '\n', b == '\r':
			y.lines = append(y.lines, i+1)
		case b == 0xc2 && data[i+1] == 0x85: // NEL
			y.lines = append(y.lines, i+2)
			y.ascii = false
		case b == 0xe2 && data[i+1] == 0x80 && (data[i+2] == 0xa8 || data[i+2] == 0xa9): // LS, PS
			y.lines = append(y.lines, i+3)
			y.ascii = false
		case b >= utf8.RuneSelf:
			y.ascii = false
		}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for {
		var n yaml.Node
		if err := loader.Load(&n); err == io.EOF {
			break
		} else if err != nil {
			return y, yamlError(err)
		}
		root := &n
		if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
			root = root.Content[0]
		}
		y.unique(root)
		y.roots = append(y.roots, root)
	}
	return y, nil
}

var yamlPlace = regexp.MustCompile(`(?s)^.*? at .*?L(\d+)\.C\d+[^:]*: `)

// yamlError says it with the line, as everything else here does.
func yamlError(err error) error {
	text := err.Error()
	if m := yamlPlace.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("line %s: %s", m[1], text[len(m[0]):])
	}
	return errors.New(strings.TrimPrefix(text, "go-yaml load error in "))
}

// unique finds keys that stand twice in a mapping, which the tools refuse.
func (y *yamlFile) unique(n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
				continue
			}
			if seen[k.Value] && y.err == nil {
				y.err = fmt.Errorf("line %d: a key is there twice in a mapping", k.Line)
			}
			seen[k.Value] = true
		}
	}
	for _, c := range n.Content {
		y.unique(c)
	}
}

// resolve follows aliases.
func (y *yamlFile) resolve(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode; i++ {
		if i > 100 || !y.spend(1) {
			return nil
		}
		n = n.Alias
	}
	return n
}

func (y *yamlFile) spend(n int) bool { return y.d.spend(n) }

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	node  *yaml.Node // the key
	raw   *yaml.Node // the value as it is written: it may be an alias
	value *yaml.Node
}

// entries lists a mapping, with what is merged into it.
func (y *yamlFile) entries(n *yaml.Node) []entry {
	var out []entry
	seen := map[string]bool{}
	var list func(n *yaml.Node, depth int)
	list = func(n *yaml.Node, depth int) {
		n = y.resolve(n)
		if n == nil || depth > 64 || !y.spend(1) {
			return
		}
		if n.Kind == yaml.SequenceNode && depth > 0 {
			for _, c := range n.Content {
				list(c, depth+1)
			}
			return
		}
		if n.Kind != yaml.MappingNode || !y.spend(len(n.Content)) {
			return
		}
		var merged []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := y.resolve(n.Content[i]), n.Content[i+1]
			switch {
			case k == nil || k.Kind != yaml.ScalarNode:
			case k.Tag == "!!merge":
				merged = append(merged, v)
			case !seen[k.Value]:
				if value := y.resolve(v); value != nil {
					seen[k.Value] = true
					out = append(out, entry{k.Value, n.Content[i], v, value})
				}
			}
		}
		for _, m := range merged {
			list(m, depth+1)
		}
	}
	list(n, 0)
	return out
}

// get finds a key of a mapping; nil: it isn't there.
func (y *yamlFile) get(n *yaml.Node, key string) *yaml.Node {
	for _, e := range y.entries(n) {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// items lists a sequence.
func (y *yamlFile) items(n *yaml.Node) []*yaml.Node {
	n = y.resolve(n)
	if n == nil || n.Kind != yaml.SequenceNode || !y.spend(len(n.Content)) {
		return nil
	}
	var out []*yaml.Node
	for _, c := range n.Content {
		if c = y.resolve(c); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// words is what a scalar or a sequence of scalars says.
func (y *yamlFile) words(n *yaml.Node) []string {
	if isScalar(n) {
		return []string{n.Value}
	}
	var out []string
	for _, c := range y.items(n) {
		if isScalar(c) {
			out = append(out, c.Value)
		}
	}
	return out
}

// isScalar says whether a node is a text, a number or the like.
func isScalar(n *yaml.Node) bool {
	return n != nil && n.Kind == yaml.ScalarNode && n.Tag != "!!null"
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// start is the offset of a node, behind its anchor and its tag.
func (y *yamlFile) start(n *yaml.Node) int {
	data := y.d.src.data
	if n.Line < 1 || n.Line > len(y.lines) {
		return len(data)
	}
	at := y.lines[n.Line-1]
	if at == 0 && bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		at = 3
	}
	if y.ascii {
		at += n.Column - 1
	} else if y.spend(n.Column / 64) {
		for range n.Column - 1 {
			_, size := utf8.DecodeRune(data[min(at, len(data)):])
			at += size
		}
	}
	for n.Kind != yaml.AliasNode && at < len(data) && (data[at] == '&' && n.Anchor != "" || data[at] == '!') {
		for at < len(data) && !space(data[at]) {
			at++
		}
		for at < len(data) && (space(data[at]) || data[at] == '#') {
			if data[at] == '#' {
				for at < len(data) && data[at] != '\n' {
					at++
				}
				continue
			}
			at++
		}
	}
	return min(at, len(data))
}

func space(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// text is a scalar's value with the places of its bytes, and where it ends in
// the file. YAML folds lines and takes indentation and escapes away: the value
// is laid along the file again, byte by byte.
func (y *yamlFile) text(n *yaml.Node) (*text, int) {
	data, v := y.d.src.data, n.Value
	t := &text{s: v}
	at := y.start(n)
	begin := at
	if !y.spend(len(v) / 64) {
		return &text{s: v, parts: []part{{0, at}}}, at
	}
	quote := byte(0)
	switch {
	case n.Kind != yaml.ScalarNode || at >= len(data):
	case n.Style&yaml.DoubleQuotedStyle != 0 && data[at] == '"', n.Style&yaml.SingleQuotedStyle != 0 && data[at] == '\'':
		quote = data[at]
		at++
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for at < len(data) && data[at] != '\n' {
			at++
		}
		at++
	}
	end := at
	put := func(i int) {
		if k := len(t.parts) - 1; k < 0 || t.parts[k].source-t.parts[k].at != at-i {
			t.parts = append(t.parts, part{i, at})
		}
	}
	for i := 0; i < len(v) && at < len(data); {
		switch b := data[at]; {
		case quote == '"' && b == '\\':
			taken, made := escape(data[at:])
			if made > 0 {
				put(i)
			}
			i += made
			at += taken
			end = at
			if made == 0 {
				for at < len(data) && space(data[at]) {
					at++
				}
			}
		case b == v[i]:
			put(i)
			i++
			at++
			if quote == '\'' && b == '\'' {
				at++
			}
			if b != '\n' {
				end = at
			}
		case v[i] == ' ' || v[i] == '\n':
			put(i)
			i++
		case space(b):
			at++
		default:
			// Something that isn't understood: the rest is said to be here.
			put(i)
			i = len(v)
		}
	}
	if len(t.parts) == 0 {
		t.parts = []part{{0, begin}}
	}
	if quote != 0 {
		for end < len(data) && space(data[end]) {
			end++
		}
		if end < len(data) && data[end] == quote {
			end++
		}
	}
	return t, min(end, len(data))
}

// escape says how many bytes an escape of a double-quoted scalar takes, and
// how many it stands for.
func escape(b []byte) (taken, made int) {
	if len(b) < 2 {
		return len(b), 1
	}
	hex := func(n int) (int, int) {
		r, err := strconv.ParseUint(string(b[2:min(2+n, len(b))]), 16, 32)
		if err != nil {
			return 2 + n, 1
		}
		return 2 + n, max(utf8.RuneLen(rune(r)), 1)
	}
	switch b[1] {
	case 'x':
		return hex(2)
	case 'u':
		return hex(4)
	case 'U':
		return hex(8)
	case 'N', '_':
		return 2, 2
	case 'L', 'P':
		return 2, 3
	case '\r', '\n':
		return 2, 0
	}
	return 2, 1
}

// extent is where an entry stands: from its key to the end of its value, if
// that is a scalar that is written behind it.
func (y *yamlFile) extent(e entry) extent {
	_, keyEnd := y.text(e.node)
	at := extent{y.start(e.node), keyEnd}
	if e.node.Kind == yaml.AliasNode || e.raw.Kind == yaml.AliasNode {
		at.to = max(at.to, y.wordEnd(at.from))
		return at
	}
	if e.raw.Kind == yaml.ScalarNode {
		if _, end := y.text(e.raw); end > at.to {
			at.to = end
		}
	}
	return at
}

// wordEnd is the end of what stands in a line from an offset on.
func (y *yamlFile) wordEnd(at int) int {
	next := len(y.d.src.data)
	if i := sort.SearchInts(y.lines, at+1); i < len(y.lines) {
		next = y.lines[i]
	}
	return at + len(bytes.TrimRight(y.d.src.data[at:next], " \t\r\n"))
}

// whole is where a scalar stands.
func (y *yamlFile) whole(n *yaml.Node) extent {
	_, end := y.text(n)
	return extent{y.start(n), end}
}
