package shellflow

import (
	"path"
	"slices"
	"strings"
)

// wrapper runs the commands that run another command.
func (r *run) wrapper(c *cmdline) bool {
	args := c.rest()
	switch c.name {
	case "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "rbash":
		r.runShell(c)
	case "env":
		r.runEnv(c)
	case "printenv":
		r.printenv(c)
	case "sudo", "doas":
		r.sudo(c)
	case "su", "runuser":
		r.su(c)
	case "gosu", "su-exec", "chroot":
		r.skip(c, args, 1, "", "--userspec", "--groups")
	case "nohup", "time", "setsid", "unbuffer", "busybox", "toybox", "eatmydata", "dumb-init", "fakeroot", "catchsegv",
		"dbus-run-session", "xvfb-run", "retry", "chronic":
		r.skip(c, args, 0, "nsfoe", "--format", "--output", "--server-args")
	case "nice", "ionice":
		r.skip(c, args, 0, "ncp", "--adjustment", "--class", "--classdata")
	case "timeout":
		r.skip(c, args, 1, "ks", "--kill-after", "--signal")
	case "stdbuf":
		r.skip(c, args, 0, "ioe", "--input", "--output", "--error")
	case "tini":
		r.skip(c, args, 0, "pe")
	case "setpriv":
		r.skip(c, args, 0, "", "--reuid", "--regid", "--groups")
	case "flock":
		if i := slices.IndexFunc(args, func(t text) bool { return t.is("-c", "--command") }); i >= 0 && i+1 < len(args) {
			r.eval(args[i+1])
			return true
		}
		r.skip(c, args, 1, "wE", "--timeout", "--wait", "--conflict-exit-code")
	case "ssh-agent":
		r.skip(c, args, 0, "atEPO")
	case "xargs":
		r.xargs(c)
	case "parallel":
		r.skip(c, args, 0, "jnNILS", "--jobs")
	case "find":
		r.find(c)
	default:
		return false
	}
	return true
}

// skip runs what follows the options of a wrapper and n operands.
func (r *run) skip(c *cmdline, args []text, n int, letters string, long ...string) {
	for len(args) > 0 {
		s := args[0].s
		if s == "--" {
			args = args[1:]
			break
		}
		if len(s) < 2 || s[0] != '-' {
			break
		}
		takes := slices.Contains(long, s) || len(s) == 2 && strings.IndexByte(letters, s[1]) >= 0
		args = args[1:]
		if takes && len(args) > 0 {
			args = args[1:]
		}
	}
	if n < len(args) {
		args = args[n:]
		if args[0].s == "--" {
			args = args[1:]
		}
		if len(args) > 0 {
			r.invoke(&cmdline{args: args, pos: c.pos, end: c.end})
		}
	}
}

// assignments takes the NAME=value words from the front of args.
func assignments(args []text) (as []assignment, rest []text) {
	for len(args) > 0 {
		name, value, ok := args[0].cut('=')
		if !ok || strings.HasPrefix(name.s, "-") {
			break
		}
		as = append(as, assignment{name: name.s, value: value})
		args = args[1:]
	}
	return as, args
}

func (r *run) runEnv(c *cmdline) {
	args := c.rest()
	clear := false
	var unset []string
	dir := ""
	for len(args) > 0 && strings.HasPrefix(args[0].s, "-") {
		s := args[0].s
		args = args[1:]
		switch {
		case s == "-i" || s == "-" || s == "--ignore-environment":
			clear = true
		case (s == "-u" || s == "-C" || s == "--unset" || s == "--chdir") && len(args) > 0:
			if strings.HasSuffix(strings.ToLower(s), "u") || s == "--unset" {
				unset = append(unset, args[0].s)
			} else {
				dir = r.key(args[0])
			}
			args = args[1:]
		case strings.HasPrefix(s, "--unset="):
			unset = append(unset, s[len("--unset="):])
		}
	}
	as, args := assignments(args)
	r.withEnv(func() {
		if clear {
			r.hideEnv()
		}
		for _, name := range unset {
			delete(r.st.vars, name)
		}
		if dir != "" {
			r.st.cwd = dir
		}
		for _, a := range as {
			a.exported = true
			r.assign(a)
		}
		if len(args) > 0 {
			r.invoke(&cmdline{args: args, pos: c.pos, end: c.end})
			return
		}
		r.emitAs(1, unknown("", r.exported()), "env", "env", c.pos, c.end)
	})
}

// withEnv runs body with an environment of its own.
func (r *run) withEnv(body func()) {
	outer := r.clone()
	body()
	outer.fs, outer.halted = r.st.fs, r.st.halted
	r.st = outer
}

func (r *run) hideEnv() {
	r.charge(1 + len(r.st.vars)/8)
	for name, v := range r.st.vars {
		v.exported = false
		r.st.vars[name] = v
	}
	r.st.exports = false
}

// unexportedGone leaves what a child inherits.
func (r *run) unexportedGone() {
	r.charge(1 + len(r.st.vars)/8)
	for name, v := range r.st.vars {
		if !v.exported {
			delete(r.st.vars, name)
		}
	}
	if !r.st.exports {
		r.st.sourced = taint{}
	}
}

func (r *run) printenv(c *cmdline) {
	_, names := options(c.rest(), "")
	var t taint
	if len(names) == 0 {
		t = r.exported()
	}
	for _, n := range names {
		t = t.plus(r.env(n.s))
	}
	r.emitAs(1, unknown("", t), "printenv", "printenv", c.pos, c.end)
}

func (r *run) sudo(c *cmdline) {
	args := c.rest()
	keep, user := false, "root"
	for len(args) > 0 && strings.HasPrefix(args[0].s, "-") {
		s := args[0].s
		args = args[1:]
		switch {
		case s == "--":
		case s == "-E" || strings.HasPrefix(s, "--preserve-env"):
			keep = true
			continue
		case len(s) == 2 && strings.IndexByte("ugpCrtTUDRh", s[1]) >= 0 && len(args) > 0:
			if s == "-u" {
				user = args[0].s
			}
			args = args[1:]
			continue
		case len(s) > 2 && s[1] != '-' && strings.Contains(s, "E"):
			keep = true
			continue
		case strings.HasPrefix(s, "--user="):
			user = s[len("--user="):]
			continue
		default:
			continue
		}
		break
	}
	as, args := assignments(args)
	r.withEnv(func() {
		if !keep && c.name == "sudo" {
			r.hideEnv()
		}
		delete(r.st.vars, "HOME")
		r.st.home = homeOf(user)
		for _, a := range as {
			a.exported = true
			r.assign(a)
		}
		if len(args) > 0 {
			r.invoke(&cmdline{args: args, pos: c.pos, end: c.end})
		}
	})
}

func (r *run) su(c *cmdline) {
	opts, operands := options(c.rest(), "csgGuw", "--command", "--shell", "--group", "--user")
	user := "root"
	if u, ok := lookupOption(opts, "-u", "--user"); ok {
		user = u.s
	} else {
		for _, o := range operands {
			if o.s != "-" {
				user = o.s
				break
			}
		}
	}
	r.withEnv(func() {
		delete(r.st.vars, "HOME")
		r.st.home = homeOf(user)
		if cmd, ok := lookupOption(opts, "-c", "--command"); ok {
			r.subshell(func() {
				r.st.xtrace = false
				r.eval(cmd)
			})
		} else if u, ok := lookupOption(opts, "-u"); ok && u.s != "" && len(operands) > 0 {
			r.invoke(&cmdline{args: operands, pos: c.pos, end: c.end})
		}
	})
}

func (r *run) xargs(c *cmdline) {
	args := c.rest()
	replace := ""
	for len(args) > 0 && strings.HasPrefix(args[0].s, "-") {
		s := args[0].s
		args = args[1:]
		switch {
		case s == "-I" && len(args) > 0:
			replace = args[0].s
			args = args[1:]
		case strings.HasPrefix(s, "-I"):
			replace = s[2:]
		case s == "-i":
			replace = "{}"
		case len(s) == 2 && strings.IndexByte("nPLdaEs", s[1]) >= 0 && len(args) > 0:
			args = args[1:]
		}
	}
	in := r.stdin()
	if len(args) == 0 {
		r.emit(1, in, "xargs", c.pos, c.end)
		return
	}
	var items []text
	for _, s := range split(in.s, func(b byte) bool { return isBlank(b) || b == 0 }) {
		items = append(items, in.with(s))
	}
	if len(items) == 0 && !in.taint.none() {
		items = append(items, unknown("", in.taint))
	}
	if replace == "" {
		words := append(slices.Clip(args), items...)
		r.invoke(&cmdline{args: words[:min(len(words), maxFields)], pos: c.pos, end: c.end})
		return
	}
	for _, item := range items[:min(len(items), maxItems)] {
		words := make([]text, len(args))
		for i, a := range args {
			words[i] = substituted(a, replace, item)
		}
		r.invoke(&cmdline{args: words, pos: c.pos, end: c.end})
	}
}

// substituted is a with item for each mark.
func substituted(a text, mark string, item text) text {
	if mark == "" || !strings.Contains(a.s, mark) {
		return a
	}
	a.taint = a.taint.plus(item.taint)
	if a.s = strings.ReplaceAll(a.s, mark, item.s); len(a.s) > maxText {
		a.s = hole("…")
	}
	return a
}

// find knows the secret files among what it walks.
func (r *run) find(c *cmdline) {
	args := c.rest()
	var roots []text
	for len(args) > 0 && !strings.HasPrefix(args[0].s, "-") && !args[0].is("(", "!") {
		roots = append(roots, args[0])
		args = args[1:]
	}
	if len(roots) == 0 {
		roots = []text{known(".")}
	}
	var names []string
	var paths []string
	dirs := false
	for i := 0; i+1 < len(args); i++ {
		switch args[i].s {
		case "-name", "-iname":
			names = append(names, args[i+1].s)
		case "-path", "-wholename", "-ipath":
			paths = append(paths, args[i+1].s)
		case "-type":
			dirs = dirs || args[i+1].s == "d"
		}
	}
	var found []text
	for _, root := range roots {
		for _, rootKey := range r.expandGlob(root) {
			for _, e := range r.secretsIn(rootKey) {
				key := rootKey
				if e.rel != "" {
					key = join(rootKey, e.rel)
				}
				// A directory that is named takes what is in it along.
				for k := key; ; k = path.Dir(k) {
					hit := len(names) == 0 && len(paths) == 0
					for _, n := range names {
						hit = hit || match(n, path.Base(k))
					}
					for _, p := range paths {
						hit = hit || match(p, k)
					}
					if _, in := below(k, rootKey); !in {
						break
					}
					if hit && (!dirs || k != key) {
						found = append(found, known(k))
						break
					}
					if k == rootKey || k == "/" || k == "." {
						break
					}
				}
			}
		}
	}
	ran := false
	for i := 0; i < len(args); i++ {
		switch args[i].s {
		case "-delete":
			for _, f := range found {
				r.remove(f, false, c.pos, c.end)
			}
			ran = true
		case "-exec", "-execdir", "-ok":
			j := i + 1
			for j < len(args) && !args[j].is(";", "+") {
				j++
			}
			ran = true
			for _, f := range append(found, text{}) {
				words := make([]text, 0, j-i)
				for _, a := range args[i+1 : j] {
					if f.s == "" {
						words = append(words, substituted(a, "{}", unknown("{}", taint{})))
					} else {
						words = append(words, substituted(a, "{}", f))
					}
				}
				if len(words) > 0 {
					r.invoke(&cmdline{args: words, pos: c.pos, end: c.end})
				}
			}
			i = j
		}
	}
	if !ran {
		out := text{}
		for _, f := range found {
			out = out.plus(f).plus(known("\n"))
		}
		r.emit(1, out.plus(unknown("find", taint{})), c.name, c.pos, c.end)
	}
}
