package shellflow

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// file is what is known of one path. Files never change: a write puts another
// one in the map, so that the states of two branches can share them.
type file struct {
	parts []part
	tree  bool   // a directory of which only the whole is known
	made  bool   // a directory made by the script
	link  string // where a symbolic link points
	given bool   // from Input.Files, and nothing took its place
	cond  string // the condition it was written under, as the script has it
}

// part is some secret bytes of a file, and who put them there.
type part struct {
	taint    taint
	kind     Kind // of the flow: Written or GitRemote
	by       string
	pos, end int
	given    bool
}

const maxParts = 64

func (f *file) taint() taint {
	var t taint
	for _, p := range f.parts {
		t = t.plus(p.taint)
	}
	return t
}

func (f *file) has(p part) bool {
	return slices.ContainsFunc(f.parts, func(q part) bool {
		return p.kind == q.kind && p.by == q.by && p.pos == q.pos && p.given == q.given && p.taint.equal(q.taint)
	})
}

// both is the file that is f in one branch and g in another.
func (f *file) both(g *file) *file {
	if f == g {
		return f
	}
	h := *f
	h.given = f.given && g.given
	h.tree = f.tree || g.tree
	h.parts = slices.Clone(f.parts)
	for _, p := range g.parts {
		if !h.has(p) && len(h.parts) < maxParts {
			h.parts = append(h.parts, p)
		}
	}
	return &h
}

// files is the abstract file system: secret files, links, and directories the
// script made. A key is an absolute path, or a text with holes.
type files map[string]*file

func join(dir, p string) string {
	if p == "" || p == "." {
		return clean(dir)
	}
	if p[0] == '/' || p[0] == holeOpen {
		return clean(p)
	}
	return clean(dir + "/" + strings.TrimPrefix(p, "./"))
}

// clean is path.Clean for what may have holes.
func clean(p string) string {
	if strings.IndexByte(p, holeOpen) < 0 {
		return path.Clean(p)
	}
	for strings.HasSuffix(p, "/") && len(p) > 1 {
		p = p[:len(p)-1]
	}
	return strings.TrimSuffix(p, "/.")
}

// below reports whether p is dir or in it, and where.
func below(p, dir string) (rel string, ok bool) {
	if p == dir {
		return "", true
	}
	if dir == "/" {
		return strings.TrimPrefix(p, "/"), strings.HasPrefix(p, "/")
	}
	if len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir {
		return p[len(dir)+1:], true
	}
	return "", false
}

// key is the name of a path in the file system.
func (r *run) key(t text) string {
	return join(r.st.cwd, t.s)
}

// resolve follows the symbolic links the script has made, in the last element
// and in the directories before it.
func (r *run) resolve(key string) string {
	for range 8 {
		next := ""
		for p := key; p != "/" && p != "." && p != ""; p = path.Dir(p) {
			r.charge(1)
			if f := r.st.fs[p]; f != nil && f.link != "" {
				rel, _ := below(key, p)
				next = join(path.Dir(p), f.link)
				if rel != "" {
					next = join(next, rel)
				}
				break
			}
		}
		if next == "" || next == key {
			return key
		}
		key = next
	}
	return key
}

// mountOf is the mount that a path is in.
func (r *run) mountOf(key string) *Mount {
	var best *Mount
	for i := range r.in.Mounts {
		m := &r.in.Mounts[i]
		if _, ok := below(key, m.Target); ok && m.Target != "" && (best == nil || len(m.Target) > len(best.Target)) {
			best = m
		}
	}
	return best
}

// place is what kind of storage a path is on.
type place int

const (
	inLayer place = iota
	inCache
	nowhere // gone when the step ends
)

func (r *run) placeOf(key string) place {
	if m := r.mountOf(key); m != nil {
		if m.Kind == MountCache {
			return inCache
		}
		return nowhere
	}
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		if _, ok := below(key, dir); ok {
			return nowhere
		}
	}
	return inLayer
}

// read is what is in a file.
func (r *run) read(t text) taint {
	if t.is("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0") {
		return r.stdin().taint
	}
	var out taint
	for _, key := range r.expandGlob(t) {
		out = out.plus(r.readKey(key))
	}
	return out
}

func (r *run) readKey(key string) taint {
	key = r.resolve(key)
	if strings.HasPrefix(key, "/proc/") && strings.HasSuffix(key, "/environ") {
		return r.exported()
	}
	var out taint
	if f := r.st.fs[key]; f != nil {
		out = f.taint()
	}
	if m := r.mountOf(key); m != nil && (m.Target == key || m.Kind == MountBind || m.Kind == MountSecret) {
		out = out.plus(labelled(m.Labels))
	}
	// /run/secrets/$NAME may be any secret there.
	if strings.IndexByte(key, holeOpen) > len("/a/") && key[0] == '/' {
		pattern := holesAsStars(key)
		for _, m := range r.in.Mounts {
			if m.Kind == MountSecret && pathMatch(pattern, m.Target) {
				out = out.plus(labelled(m.Labels))
			}
		}
	}
	return out
}

func holesAsStars(key string) string {
	var b strings.Builder
	in := false
	for i := range len(key) {
		switch {
		case key[i] == holeOpen:
			in = true
			b.WriteByte('*')
		case key[i] == holeClose:
			in = false
		case !in:
			b.WriteByte(key[i])
		}
	}
	return b.String()
}

// expandGlob is the keys that t can name. A pattern that matches nothing is
// its own name, as in a shell.
func (r *run) expandGlob(t text) []string {
	key := r.key(t)
	if !t.glob || !strings.ContainsAny(t.s, "*?[") {
		return []string{key}
	}
	var out []string
	for _, k := range r.keys() {
		if r.pathMatch(key, k) {
			out = append(out, k)
		}
	}
	for _, m := range r.in.Mounts {
		if pathMatch(key, m.Target) && !slices.Contains(out, m.Target) {
			out = append(out, m.Target)
		}
	}
	if len(out) == 0 {
		return []string{key}
	}
	return out
}

func (r *run) keys() []string {
	r.charge(1 + len(r.st.fs)/2)
	return slices.Sorted(maps.Keys(r.st.fs))
}

// write puts secret bytes into a file, after those that are there or instead.
func (r *run) write(key string, app bool, p part) {
	if key == "" || len(key) > maxPath {
		return
	}
	key = r.resolve(key)
	old := r.st.fs[key]
	if old != nil && old.made && len(old.parts) == 0 && !old.tree && p.taint.none() {
		return
	}
	if !app && p.taint.none() {
		if old != nil && !old.made {
			r.drop(key, p.pos, p.end)
		}
		return
	}
	if p.taint.none() {
		return
	}
	if p.kind == "" {
		p.kind = Written
	}
	f := &file{cond: r.cond}
	if old != nil {
		if app {
			g := *old
			f = &g
		} else if old.given {
			r.noteRemoval(key, p.pos, p.end)
		}
	}
	if f.has(p) || len(f.parts) >= maxParts {
		return
	}
	f.parts = append(slices.Clip(f.parts), p)
	r.st.fs[key] = f
}

// drop removes one entry.
func (r *run) drop(key string, pos, end int) {
	if f := r.st.fs[key]; f != nil {
		if f.given {
			r.noteRemoval(key, pos, end)
		}
		delete(r.st.fs, key)
	}
}

func (r *run) noteRemoval(key string, pos, end int) {
	r.removals[key] = Removal{Path: key, Pos: pos, End: end}
}

// remove is rm, with what is below if deep.
func (r *run) remove(t text, deep bool, pos, end int) {
	pattern := r.key(t)
	if !t.glob || !strings.ContainsAny(t.s, "*?[") {
		if !deep {
			r.drop(pattern, pos, end)
			return
		}
		if pattern == "/" {
			return
		}
		for _, k := range r.keys() {
			if _, ok := below(k, pattern); ok {
				r.drop(k, pos, end)
			}
		}
		return
	}
	n := strings.Count(pattern, "/")
	for _, k := range r.keys() {
		whole := strings.Count(k, "/") == n
		if (whole || deep) && r.pathMatch(pattern, firstElems(k, n)) {
			r.drop(k, pos, end)
		}
	}
}

// maxPath is how long the name of a file can be.
const maxPath = 4096

// pathMatch is pathMatch, paid for.
func (r *run) pathMatch(pattern, p string) bool {
	r.charge(len(pattern) * len(p) >> 10)
	return pathMatch(pattern, p)
}

// firstElems is the part of p before its slash number n+1.
func firstElems(p string, n int) string {
	for i := range len(p) {
		if p[i] == '/' {
			if n == 0 {
				return p[:i]
			}
			n--
		}
	}
	return p
}

// pathMatch matches a whole path. As in a shell a star doesn't match the dot
// that hides a file.
func pathMatch(pattern, p string) bool {
	pe, ke := strings.Split(pattern, "/"), strings.Split(p, "/")
	if len(pe) != len(ke) {
		return false
	}
	for i := range pe {
		if strings.HasPrefix(ke[i], ".") && !strings.HasPrefix(pe[i], ".") {
			return false
		}
		if !match(pe[i], ke[i]) {
			return false
		}
	}
	return true
}

// match matches shell patterns: *, ? and [...].
func match(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		if p < len(pattern) {
			switch pattern[p] {
			case '*':
				star, mark = p, i
				p++
				continue
			case '[':
				if ok, n := class(pattern[p:], s[i]); n > 0 {
					if ok {
						p += n
						i++
						continue
					}
					goto back
				}
			case '?':
				p++
				i++
				continue
			}
			if pattern[p] == s[i] {
				p++
				i++
				continue
			}
		}
	back:
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// class matches a [...] at the start of pattern; n is how long it is.
func class(pattern string, b byte) (ok bool, n int) {
	i := 1
	not := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if not {
		i++
	}
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return ok != not, i + 1
		}
		lo, hi := pattern[i], pattern[i]
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			hi = pattern[i+2]
			i += 2
		}
		if lo <= b && b <= hi {
			ok = true
		}
		i++
	}
	return false, 0
}

// entry is something secret at or below a path.
type entry struct {
	rel   string // "" is the path itself
	taint taint
	tree  bool
	file  *file // nil for a mount
}

// secretsIn lists what is secret at or below a path, mounts included.
func (r *run) secretsIn(key string) []entry {
	key = r.resolve(key)
	var out []entry
	for _, k := range r.keys() {
		f := r.st.fs[k]
		if rel, ok := below(k, key); ok && len(f.parts) > 0 {
			if m := r.mountOf(k); m != nil && !(m.Kind == MountBind && f.given) {
				continue
			}
			out = append(out, entry{rel, f.taint(), f.tree, f})
		}
	}
	for _, m := range r.in.Mounts {
		if len(m.Labels) == 0 {
			continue
		}
		if rel, ok := below(m.Target, key); ok {
			out = append(out, entry{rel, labelled(m.Labels), m.Kind != MountSecret, nil})
		} else if _, ok := below(key, m.Target); ok && m.Kind == MountBind {
			out = append(out, entry{"", labelled(m.Labels), false, nil})
		}
	}
	if t := r.readKey(key); len(out) == 0 && !t.none() {
		out = append(out, entry{"", t, false, nil})
	}
	return out
}
