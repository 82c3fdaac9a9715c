package shellflow

import (
	"path"
	"slices"
	"strings"
)

// isDir reports whether a path is a directory as far as the script tells.
func (r *run) isDir(key string) bool {
	if f := r.st.fs[key]; f != nil && (f.made || f.tree) {
		return true
	}
	if key == r.st.home || key == r.st.cwd || key == join("/", r.in.Dir) {
		return true
	}
	switch key {
	case "/", "/root", "/home", "/tmp", "/var", "/etc", "/opt", "/srv", "/usr", "/bin", "/usr/local", "/usr/local/bin", "/usr/bin",
		"/var/tmp", "/dev/shm", "/run", "/run/secrets", "/mnt", "/lib", "/usr/lib", "/usr/share", "/var/lib", "/etc/ssl", "/etc/ssl/private":
		return true
	}
	r.charge(1 + len(r.st.fs)/8)
	for k := range r.st.fs {
		if rel, ok := below(k, key); ok && rel != "" {
			return true
		}
	}
	for _, m := range r.in.Mounts {
		rel, ok := below(m.Target, key)
		if ok && (rel != "" || m.Kind == MountCache || m.Kind == MountTmpfs || m.Kind == MountBind && strings.HasSuffix(m.Target, "/")) {
			return true
		}
	}
	return false
}

// copy is cp, mv, install, rsync and scp.
func (r *run) copy(c *cmdline) {
	letters := "tS"
	switch c.name {
	case "install":
		letters = "tSmog"
	case "rsync":
		letters = "ef"
	case "scp":
		letters = "cFiJlDoPS"
	}
	opts, operands := options(c.rest(), letters, "--target-directory", "--suffix", "--mode", "--owner", "--group", "--rsh", "--exclude", "--include")
	if c.name == "install" && hasOption(opts, "-d", "--directory") {
		for _, d := range operands {
			if key := r.key(d); r.st.fs[key] == nil {
				r.st.fs[key] = &file{made: true}
			}
		}
		return
	}
	if hasOption(opts, "-s", "--symbolic-link") && c.name == "cp" {
		return
	}
	dst, toDir := lookupOption(opts, "-t", "--target-directory")
	if !toDir {
		if len(operands) < 2 {
			return
		}
		dst, operands = operands[len(operands)-1], operands[:len(operands)-1]
	}
	if (c.name == "rsync" || c.name == "scp") && index(dst.s, ':') > 0 {
		return // to another machine
	}
	var srcs []text
	for _, o := range operands {
		srcs = append(srcs, r.globbed(o)...)
	}
	dstKey := r.resolve(r.key(dst))
	exact := hasOption(opts, "-T", "--no-target-directory")
	toDir = !exact && (toDir || strings.HasSuffix(dst.s, "/") || dst.is(".", "..") || strings.HasSuffix(dst.s, "/.") || len(srcs) > 1 || r.isDir(dstKey))
	deep := c.name == "mv" || slices.ContainsFunc(opts, func(o option) bool {
		return o.name == "-r" || o.name == "-R" || o.name == "-a" || o.name == "--recursive" || o.name == "--archive"
	})
	if c.name == "rsync" && !deep {
		deep = hasOption(opts, "-r", "-a")
	}
	var excluded []text
	for _, o := range opts {
		if o.name == "--exclude" {
			excluded = append(excluded, o.value)
		}
	}
	for _, src := range srcs[:min(len(srcs), maxFields)] {
		r.copyOne(c, src, dstKey, toDir, deep, excluded)
		if c.name == "mv" || c.name == "rsync" && hasOption(opts, "--remove-source-files") {
			r.remove(src, true, c.pos, c.end)
		}
	}
}

func (r *run) copyOne(c *cmdline, src text, dst string, toDir, deep bool, excluded []text) {
	key := r.key(src)
	contents := strings.HasSuffix(src.s, "/.") || src.s == "." || c.name == "rsync" && strings.HasSuffix(src.s, "/")
	if toDir && !contents {
		dst = join(dst, path.Base(key))
	}
	entries := r.secretsIn(key)
	entries = slices.DeleteFunc(entries, func(e entry) bool {
		name := join(key, e.rel)
		return slices.ContainsFunc(excluded, func(x text) bool {
			return match(strings.Trim(x.s, "/"), path.Base(name)) || strings.Contains(name+"/", "/"+strings.Trim(x.s, "/")+"/")
		})
	})
	if !deep {
		entries = slices.DeleteFunc(entries, func(e entry) bool { return e.rel != "" || e.tree })
	}
	if len(entries) == 0 && !toDir {
		r.writeTo(dst, false, c.part(taint{}, ""))
		return
	}
	if len(entries) == 0 {
		if f := r.st.fs[dst]; f != nil && !f.tree {
			r.writeTo(dst, false, c.part(taint{}, ""))
		}
		return
	}
	r.charge(len(entries))
	for _, e := range entries {
		to := dst
		if e.rel != "" {
			to = join(dst, e.rel)
		}
		if e.file != nil && c.name == "mv" && !e.file.given {
			// Who wrote it is still who wrote it.
			r.drop(r.resolve(to), c.pos, c.end)
			for _, p := range e.file.parts {
				r.writeTo(to, true, p)
			}
		} else {
			p := c.part(e.taint, c.name)
			if e.file != nil && slices.ContainsFunc(e.file.parts, func(p part) bool { return p.kind == GitRemote }) {
				p.kind = GitRemote
			}
			r.writeTo(to, false, p)
		}
		if e.tree {
			if f := r.st.fs[to]; f != nil {
				g := *f
				g.tree = true
				r.st.fs[to] = &g
			}
		}
	}
}

// link makes links. A symbolic one has no content; a hard one to a file of
// the layer is that file once more.
func (r *run) link(c *cmdline) {
	opts, operands := options(c.rest(), "tS", "--target-directory")
	dst, toDir := lookupOption(opts, "-t", "--target-directory")
	if !toDir {
		switch len(operands) {
		case 0:
			return
		case 1:
			dst, toDir = known("."), true
		default:
			dst, operands = operands[len(operands)-1], operands[:len(operands)-1]
		}
	}
	dstKey := r.key(dst)
	noDeref := hasOption(opts, "-n", "-T", "--no-dereference", "--no-target-directory")
	for _, o := range operands {
		at := dstKey
		if toDir || len(operands) > 1 || strings.HasSuffix(dst.s, "/") || !noDeref && r.isDir(dstKey) && r.st.fs[dstKey] == nil {
			at = join(dstKey, path.Base(r.key(o)))
		}
		if hasOption(opts, "-s", "--symbolic") {
			r.drop(at, c.pos, c.end)
			r.st.fs[at] = &file{link: o.s}
			continue
		}
		if src := r.resolve(r.key(o)); r.placeOf(src) == inLayer {
			if t := r.readKey(src); !t.none() {
				r.write(at, false, c.part(t, c.name))
			}
		}
	}
}

func (r *run) dd(c *cmdline) {
	in := r.stdin()
	out := ""
	for _, a := range c.rest() {
		name, value, ok := a.cut('=')
		switch {
		case !ok:
		case name.s == "if":
			in = unknown("…", r.read(value))
		case name.s == "of":
			out = r.key(value)
		}
	}
	if out != "" {
		r.writeTo(out, false, c.part(in.taint, c.name))
		return
	}
	r.output(c, in)
}

// archive is tar c and zip.
func (r *run) archive(c *cmdline) {
	args := c.rest()
	if len(args) == 0 {
		return
	}
	var out text
	var from []text
	create, toStdout := false, false
	switch c.name {
	case "zip":
		r.inlineOptions(c)
		_, operands := options(args, "Pxi")
		if len(operands) == 0 {
			return
		}
		out, from, create = operands[0], operands[1:], true
		if out.s == "-" {
			toStdout = true
		} else if path.Ext(out.s) == "" {
			out.s += ".zip"
		}
	case "7z", "7za":
		r.inlineOptions(c)
		_, operands := options(args[1:], "")
		if !args[0].is("a", "u") || len(operands) == 0 {
			return
		}
		out, from, create = operands[0], operands[1:], true
	default:
		if !strings.HasPrefix(args[0].s, "-") {
			args = append([]text{args[0].with("-" + args[0].s)}, args[1:]...)
		}
		opts, operands := options(args, "fCTXbI", "--file", "--directory", "--exclude", "--files-from", "--transform", "--strip-components", "--owner", "--group", "--mode", "--mtime", "--exclude-from")
		create = hasOption(opts, "-c", "-r", "-u", "--create", "--append")
		f, ok := lookupOption(opts, "-f", "--file")
		out, from = f, operands
		toStdout = !ok || f.s == "-"
		if dir, ok := lookupOption(opts, "-C", "--directory"); ok {
			for i, o := range from {
				from[i] = o.with(join(r.key(dir), o.s))
			}
		}
		var excluded []text
		for _, o := range opts {
			if o.name == "--exclude" {
				excluded = append(excluded, o.value)
			}
		}
		switch {
		case create:
			r.pack(c, out, from, excluded, toStdout)
		case toStdout && hasOption(opts, "-x", "--extract", "--get"):
			// tar c | tar x: a way to copy.
			dir := r.st.cwd
			if d, ok := lookupOption(opts, "-C", "--directory"); ok {
				dir = r.key(d)
			}
			if t := r.stdin().taint; !t.none() {
				r.write(dir, true, c.part(t, c.name))
				if f := r.st.fs[dir]; f != nil {
					g := *f
					g.tree = true
					r.st.fs[dir] = &g
				}
			}
		}
		return
	}
	if create {
		r.pack(c, out, from, nil, toStdout)
	}
}

func (r *run) pack(c *cmdline, out text, from, excluded []text, toStdout bool) {
	var t taint
	for _, f := range from {
		for _, key := range r.expandGlob(f) {
			for _, e := range r.secretsIn(key) {
				name := join(key, e.rel)
				if !slices.ContainsFunc(excluded, func(x text) bool {
					_, ok := below(name, r.key(x))
					return ok || match(x.s, path.Base(name)) || strings.Contains(name+"/", "/"+strings.Trim(x.s, "./")+"/")
				}) {
					t = t.plus(e.taint)
				}
			}
		}
	}
	if toStdout {
		r.output(c, text{s: hole("…"), taint: t})
		return
	}
	r.writeTo(r.key(out), false, c.part(t, c.name))
}

// compress replaces a file by its compressed form, or the other way.
func (r *run) compress(c *cmdline) {
	opts, files := options(c.rest(), "oST", "--suffix", "--output", "--threads")
	if len(files) == 0 || hasOption(opts, "-c", "--stdout", "--to-stdout") {
		r.output(c, r.mangle(r.content(files)))
		return
	}
	ext := map[byte]string{'g': ".gz", 'b': ".bz2", 'x': ".xz", 'z': ".zst"}[strings.TrimPrefix(c.name, "un")[0]]
	unpack := strings.Contains(c.name, "un") || hasOption(opts, "-d", "--decompress")
	for _, f := range files {
		for _, key := range r.expandGlob(f) {
			t := r.readKey(key)
			if t.none() {
				continue
			}
			to := key + ext
			if unpack {
				to = strings.TrimSuffix(key, path.Ext(key))
			}
			r.writeTo(to, false, c.part(t, c.name))
			if !hasOption(opts, "-k", "--keep") && c.name != "zstd" && c.name != "unzstd" {
				r.drop(r.resolve(key), c.pos, c.end)
			}
		}
	}
}
