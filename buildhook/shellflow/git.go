package shellflow

import (
	"path"
	"slices"
	"strings"
)

// git knows what git keeps: its configuration, and the URL of a remote with the
// credentials in it.
func (r *run) git(c *cmdline) {
	args := c.rest()
	dir := r.st.cwd
	for len(args) > 0 && strings.HasPrefix(args[0].s, "-") {
		s := args[0].s
		takes := s == "-C" || s == "-c" || s == "--git-dir" || s == "--work-tree" || s == "--exec-path" || s == "--config-env"
		if s == "-C" && len(args) > 1 {
			dir = join(dir, args[1].s)
		}
		if takes && len(args) > 1 {
			r.header(args[1].with(afterEqual(args[1].s)), "git -c")
			r.urlConstant(args[1], "git -c")
			if t := args[1].taint; len(t.labels) > 0 {
				// For this command only: not kept.
				r.flow(Flow{Kind: Argument, Labels: t.labels, By: "git", Pos: c.pos, End: c.end})
			}
			args = args[1:]
		}
		args = args[1:]
	}
	r.gitTrace(c)
	if len(args) == 0 {
		return
	}
	sub, args := args[0].s, args[1:]
	g := gitCommand{r: r, c: c, dir: dir, args: args}
	switch sub {
	case "config":
		g.config()
	case "clone":
		g.clone()
	case "credential", "credential-store":
		g.credential(sub)
	case "remote":
		g.remote()
	case "submodule":
		if len(args) > 0 && args[0].is("add") {
			g.remember(args[1:], "git submodule add", "config")
		}
	case "fetch", "pull":
		g.remember(args, "git "+sub, "FETCH_HEAD")
	case "init":
		r.argument(c)
	case "checkout", "restore":
		// What is in the repository takes the place of what the script wrote.
		_, operands := options(args, "bBs", "--source")
		for _, o := range operands {
			r.drop(r.resolve(join(dir, o.s)), c.pos, c.end)
		}
		r.argument(c)
	default:
		r.external(&cmdline{args: append([]text{c.args[0]}, args...), name: c.name, pos: c.pos, end: c.end})
	}
}

func afterEqual(s string) string {
	_, v, _ := strings.Cut(s, "=")
	return v
}

// gitTrace is the variables that make git print what it sends.
func (r *run) gitTrace(c *cmdline) {
	for _, name := range []string{"GIT_TRACE", "GIT_CURL_VERBOSE", "GIT_TRACE_CURL"} {
		v, ok := r.st.vars[name]
		if !ok || !v.exported || v.is("", "0", "false") {
			continue
		}
		if t := taintOf(c.rest()); !t.none() {
			r.emit(2, unknown("", t), name, c.pos, c.end)
		}
		return
	}
}

// gitCommand is one git command at work.
type gitCommand struct {
	r    *run
	c    *cmdline
	dir  string
	args []text
}

func (g *gitCommand) config() {
	r, c := g.r, g.c
	opts, operands := options(g.args, "ft", "--file", "--type", "--default", "--comment", "--blob")
	file := join(g.dir, ".git/config")
	switch f, ok := lookupOption(opts, "-f", "--file"); {
	case ok:
		file = join(g.dir, f.s)
	case hasOption(opts, "--global"):
		file = join(r.st.home, ".gitconfig")
		if v, ok := r.st.vars["GIT_CONFIG_GLOBAL"]; ok && v.known() && v.s != "" {
			file = r.key(v.text)
		}
	case hasOption(opts, "--system"):
		file = "/etc/gitconfig"
	}
	verb := ""
	if len(operands) > 0 && operands[0].is("set", "unset", "get", "list", "remove-section") {
		verb, operands = operands[0].s, operands[1:]
	}
	switch {
	case verb == "unset" || verb == "remove-section" || hasOption(opts, "--unset", "--unset-all", "--remove-section"):
		r.undo("git config", file)
		return
	case verb == "get" || verb == "list" || hasOption(opts, "--get", "--get-all", "--list", "-l", "--get-regexp", "--get-urlmatch"):
		r.output(c, unknown("…", r.readKey(file)))
		return
	}
	if len(operands) < 2 && verb != "set" && !slices.ContainsFunc(operands, func(t text) bool { return len(t.taint.labels) > 0 }) {
		return
	}
	r.urlConstants(operands, "git config")
	if len(operands) > 1 {
		key := strings.ToLower(operands[0].s)
		if strings.HasSuffix(key, "extraheader") {
			r.header(operands[1], "git config")
		}
	}
	if t := taintOf(operands); !t.none() {
		r.write(file, true, c.part(t, "git config"))
	}
}

func (g *gitCommand) clone() {
	r, c := g.r, g.c
	opts, operands := options(g.args, "bcoju", "--branch", "--config", "--depth", "--origin", "--reference", "--jobs", "--upload-pack",
		"--filter", "--template", "--separate-git-dir", "--shallow-since", "--server-option", "--bundle-uri")
	if len(operands) == 0 {
		r.argument(c)
		return
	}
	url := operands[0]
	dir := g.dir
	if len(operands) > 1 {
		dir = join(dir, operands[1].s)
	} else {
		dir = join(dir, cloneName(url.s))
	}
	file := join(dir, ".git/config")
	if hasOption(opts, "--bare", "--mirror") {
		file = join(dir, "config")
	}
	r.urlConstant(url, "git clone")
	if !url.taint.none() {
		p := c.part(url.taint, "git clone")
		p.kind = GitRemote
		r.write(file, true, p)
	}
	for _, o := range opts {
		if o.name != "-c" && o.name != "--config" {
			continue
		}
		r.header(o.value.with(afterEqual(o.value.s)), "git clone -c")
		if !o.value.taint.none() {
			r.write(file, true, c.part(o.value.taint, "git clone -c"))
		}
	}
}

// cloneName is the directory that git clone makes.
func cloneName(url string) string {
	url = strings.TrimRight(url, "/")
	last := url
	in := false
	for i := range len(url) {
		switch {
		case url[i] == holeOpen:
			in = true
		case url[i] == holeClose:
			in = false
		case !in && (url[i] == '/' || url[i] == ':'):
			last = url[i+1:]
		}
	}
	return strings.TrimSuffix(last, ".git")
}

func (g *gitCommand) credential(sub string) {
	r, c := g.r, g.c
	opts, operands := options(g.args, "", "--file")
	file := known(join(r.st.home, ".git-credentials"))
	if f, ok := lookupOption(opts, "--file"); ok {
		file = f
	}
	if len(operands) == 0 {
		return
	}
	by := "git " + sub + " " + operands[0].plain()
	switch operands[0].s {
	case "approve", "store":
		r.write(r.key(file), true, c.part(r.stdin().taint, by))
	case "reject", "erase":
		r.undo("git "+sub, r.key(file))
	}
}

func (g *gitCommand) remote() {
	r := g.r
	if len(g.args) == 0 {
		return
	}
	file := join(g.dir, ".git/config")
	switch verb := g.args[0].s; verb {
	case "add":
		g.remember(g.args[1:], "git remote add", "config")
	case "set-url":
		_, operands := options(g.args[1:], "")
		if f := r.st.fs[file]; f != nil {
			r.keepParts(file, func(p part) bool { return p.kind != GitRemote })
		}
		g.remember(operands, "git remote set-url", "config")
	case "remove", "rm":
		r.keepParts(file, func(p part) bool { return p.kind != GitRemote })
	}
}

// remember is a URL that git keeps in a file of .git.
func (g *gitCommand) remember(args []text, by, file string) {
	r := g.r
	var t taint
	for _, a := range args {
		if hasUserinfo(a.s) || strings.Contains(a.s, "://") || a.allHole() {
			t = t.plus(a.taint)
		}
		r.urlConstant(a, by)
	}
	if !t.none() {
		p := g.c.part(t, by)
		p.kind = GitRemote
		r.write(path.Join(join(g.dir, ".git"), file), true, p)
	}
}

// undo takes back what a tool has put into a file, or into any if file is "".
func (r *run) undo(by, file string) {
	for _, key := range r.keys() {
		if file == "" || key == file {
			r.keepParts(key, func(p part) bool { return p.by != by && !strings.HasPrefix(p.by, by+" ") })
		}
	}
}

// keepParts drops the other parts of a file.
func (r *run) keepParts(key string, keep func(part) bool) {
	f := r.st.fs[key]
	if f == nil || len(f.parts) == 0 {
		return
	}
	g := *f
	g.parts = nil
	for _, p := range f.parts {
		if keep(p) {
			g.parts = append(g.parts, p)
		}
	}
	if len(g.parts) == 0 && !g.made && g.link == "" {
		delete(r.st.fs, key)
		return
	}
	r.st.fs[key] = &g
}
