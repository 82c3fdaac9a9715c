package buildcontext

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxGlob bounds what is looked at on disk to say why a pattern fits nothing.
const maxGlob = 10_000

// hasWildcards is BuildKit's question whether a source is a pattern. A
// backslash alone makes none: then it is part of the name.
func hasWildcards(name string) bool {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

// splitWildcards splits an absolute path before its first component that has
// a wildcard.
func splitWildcards(p string) (base, pattern string) {
	parts := strings.Split(path.Clean(p), "/")
	for i, part := range parts {
		if hasWildcards(part) {
			return path.Join("/", path.Join(parts[:i]...)), strings.Join(parts[i:], "/")
		}
	}
	return path.Clean(p), ""
}

// glob finds what a pattern stands for below n, as fsutil/copy does: the whole
// of the path is matched with filepath.Match, so "**" is no more than "*", no
// link is followed, and nothing is looked for in a directory that matched.
func glob(n *node, pattern string) []*node {
	var found []*node
	// Only a class can match a slash. Without one the depth is known.
	depth := 1 + strings.Count(pattern, "/")
	anyDepth := strings.Contains(pattern, "[")
	var walk func(n *node, rel string, level int)
	walk = func(n *node, rel string, level int) {
		for _, c := range n.list {
			p := rel + c.name
			if anyDepth || level == depth {
				if ok, _ := filepath.Match(pattern, p); ok {
					found = append(found, c)
					continue
				}
			}
			if c.isDir() && (anyDepth || level < depth) {
				walk(c, p+"/", level+1)
			}
		}
	}
	if n.isDir() {
		walk(n, "", 1)
	}
	return found
}

// onDisk says what is on disk for a source that fits nothing, and whether the
// ignore file is why.
func (c *Context) onDisk(src string, u *Unmatched) {
	base, pattern := splitWildcards(src)
	if pattern == "" {
		for _, p := range []string{base, c.resolved(base)} {
			if p == "" {
				continue
			}
			if _, err := c.root.Lstat(relative(p)); err != nil {
				continue
			}
			u.Path = relative(p)
			if u.Ignored, u.Pattern, u.Line = c.Ignored(u.Path); u.Ignored {
				return
			}
		}
		return
	}
	if base = c.resolved(base); base == "" {
		return
	}
	left := maxGlob
	c.globDisk(relative(base), strings.Split(pattern, "/"), &left, func(p string) bool {
		ignored, pat, line := c.Ignored(p)
		if u.Path == "" || ignored {
			u.Path, u.Ignored, u.Pattern, u.Line = p, ignored, pat, line
		}
		return !ignored
	})
}

// resolved is the absolute path in the context after every link on disk, or
// "".
func (c *Context) resolved(p string) string {
	p, err := rootPath(p, diskLink(c.root))
	if err != nil {
		return ""
	}
	return p
}

// globDisk calls found for each path below dir that fits, until it is told to
// stop or has looked at enough. It gives false if it is done.
func (c *Context) globDisk(dir string, pattern []string, left *int, found func(p string) bool) bool {
	if st, err := c.root.Lstat(dir); err != nil || !st.IsDir() {
		return true // to open a pipe might never end
	}
	f, err := c.root.Open(dir)
	if err != nil {
		return true
	}
	defer f.Close()
	list, _ := f.ReadDir(max(*left, 1))
	for _, e := range list {
		if *left--; *left < 0 {
			return false
		}
		if ok, _ := filepath.Match(pattern[0], e.Name()); !ok {
			continue
		}
		p := path.Join(dir, e.Name())
		if len(pattern) == 1 {
			if !found(p) {
				return false
			}
		} else if isDir(e) && !c.globDisk(p, pattern[1:], left, found) {
			return false
		}
	}
	return true
}

func isDir(e fs.DirEntry) bool { return e.Type()&os.ModeType == fs.ModeDir }
