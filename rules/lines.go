package rules

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// index says on which line of a TOML file something is. A place is named by
// its path in lower case, such as "rules[2].allowlists[0].regexes[5]".
type index struct {
	lines     map[string]int
	spellings map[string]string // of each key, as it was first written
	respelt   []respelt
	elements  map[string]int // how many [[tables]] of a path there were
	newlines  []int          // their offsets
}

// respelt is a key that is there in a second spelling, as ID beside id.
type respelt struct {
	path string
	line int // of the second one
}

// newIndex reads a text that is known to be TOML.
func newIndex(text []byte) *index {
	ix := &index{lines: map[string]int{}, spellings: map[string]string{}, elements: map[string]int{}}
	for at := 0; ; at++ {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			break
		}
		at += n
		ix.newlines = append(ix.newlines, at)
	}
	var p unstable.Parser
	p.Reset(text)
	table := ""
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = ix.header(e)
		case unstable.KeyValue:
			ix.keyValue(table, e)
		}
	}
	return ix
}

// header enters a [table] or [[table]], and returns its path.
func (ix *index) header(n *unstable.Node) string {
	path := ""
	key := n.Key()
	for key.Next() {
		path = ix.key(path, key.Node())
		seen := ix.elements[path]
		switch {
		case key.IsLast() && n.Kind == unstable.ArrayTable:
			ix.elements[path]++
			path = element(path, seen)
			ix.enter(path, key.Node())
		case seen > 0:
			path = element(path, seen-1)
		}
	}
	return path
}

func (ix *index) keyValue(path string, n *unstable.Node) {
	key := n.Key()
	for key.Next() {
		path = ix.key(path, key.Node())
	}
	ix.value(path, n.Value())
}

func (ix *index) value(path string, n *unstable.Node) {
	switch n.Kind {
	case unstable.Array:
		elements := n.Children()
		for i := 0; elements.Next(); i++ {
			e := element(path, i)
			ix.enter(e, elements.Node())
			ix.value(e, elements.Node())
		}
	case unstable.InlineTable:
		pairs := n.Children()
		for pairs.Next() {
			ix.keyValue(path, pairs.Node())
		}
	}
}

// key enters one part of a key below a path, and returns the longer path.
func (ix *index) key(path string, n *unstable.Node) string {
	spelling := string(n.Data)
	path = join(path, spelling)
	if first, ok := ix.spellings[path]; !ok {
		ix.spellings[path] = spelling
	} else if first != spelling {
		ix.respelt = append(ix.respelt, respelt{path, ix.lineOf(int(n.Raw.Offset))})
	}
	ix.enter(path, n)
	return path
}

func (ix *index) enter(path string, n *unstable.Node) {
	if _, ok := ix.lines[path]; ok || n.Raw.Length == 0 {
		return
	}
	ix.lines[path] = ix.lineOf(int(n.Raw.Offset))
}

func (ix *index) lineOf(offset int) int {
	before, _ := slices.BinarySearch(ix.newlines, offset)
	return before + 1
}

// line returns the line of a path; where the file does not have it, that of the
// table or list that it would be in; else 0.
func (ix *index) line(path string) int {
	// A single [table] is read as the only one of a list, too.
	single := strings.ReplaceAll(path, "[0]", "")
	for path != "" {
		if n, ok := ix.lines[path]; ok {
			return n
		}
		if n, ok := ix.lines[single]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

func join(path, key string) string {
	key = strings.ToLower(key)
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
