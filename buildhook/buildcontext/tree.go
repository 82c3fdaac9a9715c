package buildcontext

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// A Tree is the files of a walk, made ready for many COPYs. It is safe for
// concurrent use.
type Tree struct {
	c    *Context
	root *node
}

// A node is a file in the tree. The context itself has no file.
type node struct {
	name   string
	file   *File
	parent *node
	list   []*node // sorted by name
}

func (n *node) isDir() bool  { return n.file == nil || n.file.Mode.IsDir() }
func (n *node) isLink() bool { return n.file != nil && n.file.Mode&fs.ModeSymlink != 0 }

func (n *node) child(name string) *node {
	i, ok := slices.BinarySearchFunc(n.list, name, func(c *node, name string) int { return strings.Compare(c.name, name) })
	if !ok {
		return nil
	}
	return n.list[i]
}

// Tree makes files, all that a Walk gave, ready for many calls of Select.
// Directories that are missing between them are added.
func (c *Context) Tree(files []*File) *Tree {
	t := &Tree{c: c, root: &node{}}
	dirs := map[string]*node{"": t.root}
	unsorted := map[*node]bool{}
	nodes := make([]node, len(files))
	add := func(n *node, p string, f *File) {
		dir, name := "", p
		if i := strings.LastIndexByte(p, '/'); i >= 0 {
			dir, name = p[:i], p[i+1:]
		}
		up := dirs[dir]
		*n = node{name: name, file: f, parent: up}
		if k := len(up.list); k > 0 && up.list[k-1].name >= name {
			unsorted[up] = true
		}
		up.list = append(up.list, n)
		if f.Mode.IsDir() {
			dirs[p] = n
		}
	}
	var need func(dir string)
	need = func(dir string) {
		if dirs[dir] != nil {
			return
		}
		up := ""
		if i := strings.LastIndexByte(dir, '/'); i >= 0 {
			up = dir[:i]
		}
		need(up)
		add(&node{}, dir, &File{Path: dir, Mode: fs.ModeDir | 0o755})
	}
	for pass := range 2 { // directories first, whatever the order
		for i, f := range files {
			if f == nil || f.Mode.IsDir() != (pass == 0) {
				continue
			}
			p := relative(path.Join("/", f.Path))
			if p == "." || f.Mode.IsDir() && dirs[p] != nil {
				continue
			}
			if i := strings.LastIndexByte(p, '/'); i >= 0 {
				need(p[:i])
			}
			add(&nodes[i], p, f)
		}
	}
	for n := range unsorted {
		slices.SortStableFunc(n.list, func(a, b *node) int { return strings.Compare(a.name, b.name) })
		n.list = slices.CompactFunc(n.list, func(a, b *node) bool { return a.name == b.name })
	}
	return t
}

// at is the node at an absolute path without links in it.
func (t *Tree) at(p string) *node {
	n := t.root
	for name := range strings.SplitSeq(relative(p), "/") {
		if name == "." {
			continue
		}
		if n = n.child(name); n == nil {
			return nil
		}
	}
	return n
}

// link is the linkFunc of the tree. rootPath may ask for a path that has
// links before its end: these the kernel follows on the builder, where an
// absolute one leads to the builder's files, which are none of ours.
func (t *Tree) link(p string) (string, bool, error) {
	n, left := t.root, strings.Split(relative(p), "/")
	for links := 0; len(left) > 0; {
		name := left[0]
		left = left[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			if n = n.parent; n == nil {
				return "", false, nil
			}
			continue
		}
		if !n.isDir() {
			return "", false, syscall.ENOTDIR
		}
		c := n.child(name)
		switch {
		case c == nil:
			return "", false, nil
		case c.isLink() && len(left) == 0:
			return c.file.Link, true, nil
		case c.isLink():
			if links++; links > 40 {
				return "", false, syscall.ELOOP
			}
			if path.IsAbs(c.file.Link) {
				return "", false, nil
			}
			left = append(strings.Split(c.file.Link, "/"), left...)
		default:
			n = c
		}
	}
	return "", false, nil
}

// resolve finds what a COPY's source is, after every link.
func (t *Tree) resolve(p string) (*node, error) {
	p, err := rootPath(p, t.link)
	if err != nil {
		return nil, err
	}
	n := t.at(p)
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return n, nil
}
