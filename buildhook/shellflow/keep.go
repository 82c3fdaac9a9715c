package shellflow

import (
	"slices"
	"strings"
)

// tool runs the commands of the table of tools.
func (r *run) tool(c *cmdline) bool {
	args := c.rest()
	if strings.HasPrefix(c.name, "python") && len(args) > 1 && args[0].s == "-m" && args[1].is("pip", "poetry", "uv", "hatch", "pdm", "twine") {
		r.deeper(func() { r.invoke(c.from(2)) })
		return true
	}
	switch c.name {
	case "curl":
		r.curl(c)
		return true
	case "crudini":
		if opts, operands := options(args, ""); hasOption(opts, "--set") && len(operands) > 0 {
			if t := taintOf(operands[1:]); !t.none() {
				r.write(r.key(operands[0]), true, c.part(t, "crudini --set"))
			}
			return true
		}
		return false
	case "hg":
		return r.hg(c)
	}
	for _, u := range undoing {
		if c.begins(u.words) {
			r.logout(c, u)
		}
	}
	if (c.name == "poetry" || c.name == "composer" || c.name == "bundle" || c.name == "go" || c.name == "gem" || c.name == "pdm" || c.name == "dvc") &&
		slices.ContainsFunc(args, func(t text) bool {
			return t.is("--unset", "-u", "--remove", "-r", "unset", "--delete") && c.name != "dvc" || t.is("--unset") || c.name == "pdm" && t.s == "-d"
		}) {
		r.undo(c.name, "")
		return true
	}
	for i := range tools {
		if t := &tools[i]; c.begins(t.words) {
			if r.keep(c, t) {
				return true
			}
		}
	}
	return false
}

// curl sends what it is given; with -v it prints it as well.
func (r *run) curl(c *cmdline) {
	verbose, all := false, false
	var sent taint
	args := c.rest()
	for i, a := range args {
		s := a.s
		switch {
		case s == "-v" || s == "--verbose" || len(s) > 2 && s[0] == '-' && s[1] != '-' && strings.Trim(s[1:], "vfsSLkgiO") == "" && strings.Contains(s, "v"):
			verbose = true
		case strings.HasPrefix(s, "--trace"):
			verbose, all = true, true
		}
		header := i > 0 && args[i-1].is("-H", "--header", "-u", "--user", "-b", "--cookie", "--oauth2-bearer", "-x", "--proxy", "-U", "--proxy-user")
		if header || strings.HasPrefix(s, "-H") || strings.HasPrefix(s, "-u") || strings.HasPrefix(s, "--header=") || strings.Contains(s, "://") {
			sent = sent.plus(a.taint)
		}
	}
	if all {
		sent = taintOf(args)
	}
	if verbose && !sent.none() {
		r.emit(2, unknown("", sent), "curl -v", c.pos, c.end)
	}
	r.external(c)
}

// keep puts what a tool is given into its file. It reports whether the row was
// the right one.
func (r *run) keep(c *cmdline, t *tool) bool {
	takes := slices.Concat(t.at, t.takes, t.secret, t.from)
	opts, operands := options(c.rest(), t.letters, takes...)
	has := func(names []string) bool {
		return hasOption(opts, names...) || slices.ContainsFunc(c.rest(), func(a text) bool { return slices.Contains(names, a.s) })
	}
	if len(t.needs) > 0 && !has(t.needs) {
		return false
	}
	if has(t.unless) {
		r.argument(c)
		r.inlineOptions(c)
		return true
	}
	operands = operands[min(strings.Count(t.words, " "), len(operands)):]
	if len(operands) > 0 && operands[0].s == "set" && t.keyed {
		operands = operands[1:]
	}
	if t.words == "conda config" || t.words == "gem sources" || t.words == "go env" {
		operands = nil
	}
	r.constants(c, t, opts, operands)

	what := taintOf(c.rest())
	switch {
	case t.stdin == "always", t.stdin != "" && has([]string{t.stdin}):
		what = what.plus(r.stdin().taint)
		if t.words == "debconf-set-selections" {
			r.debconf(c)
		} else {
			r.typed(c, t.words)
		}
	}
	for _, name := range t.from {
		if f, ok := lookupOption(opts, name); ok {
			what = what.plus(r.read(f))
		}
	}
	for _, name := range t.vars {
		what = what.plus(r.env(name))
	}
	if what.none() {
		return true
	}
	r.write(r.fileOf(t, c, opts, operands), true, c.part(what, t.words))
	return true
}

// constants notes the secrets that are written out in the command.
func (r *run) constants(c *cmdline, t *tool, opts []option, operands []text) {
	for _, o := range opts {
		if slices.Contains(t.secret, o.name) {
			r.inline(o.value, t.words)
		}
	}
	for _, a := range c.rest() {
		r.urlConstant(a, t.words)
	}
	switch {
	case strings.HasPrefix(t.words, "bundle") && len(operands) > 1 && strings.Contains(operands[0].s, "."):
		// The key is the host: user:password, or a token.
		v := operands[len(operands)-1]
		if _, pw, ok := v.cut(':'); ok && !strings.Contains(v.s, "://") {
			v = pw
		}
		r.inline(v, t.words)
	case t.keyed:
		for i, o := range operands {
			if key, value, ok := o.cut('='); ok && r.secretKey(key.s) {
				r.inline(value, t.words)
				return
			} else if i > 0 && i == len(operands)-1 && r.secretKey(operands[i-1].s) || i > 1 && i == len(operands)-1 && r.secretKey(operands[0].s) {
				r.inline(o, t.words)
				return
			}
		}
	case t.last && len(operands) > 0:
		r.inline(operands[len(operands)-1], t.words)
	}
}

// secretKey reports whether the key of a setting says that its value is secret.
func (r *run) secretKey(key string) bool {
	low := strings.ToLower(plain(key))
	for _, w := range []string{"_auth", "authtoken", "token", "password", "secret", "http-basic", "http_basic", "oauth", "api_key", "apikey"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return r.secretName(plain(key))
}

// fileOf is the file a tool writes to.
func (r *run) fileOf(t *tool, c *cmdline, opts []option, operands []text) string {
	if f, ok := lookupOption(opts, t.at...); ok && f.s != "" {
		return r.key(f)
	}
	file := t.file
	chosen := false
	for _, s := range t.scopes {
		name, value, valued := strings.Cut(s.option, "=")
		switch {
		case s.key != "":
			chosen = len(operands) > 0 && (strings.HasPrefix(operands[0].s, s.key) || strings.HasSuffix(operands[0].s, "."+s.key))
		case valued:
			v, ok := lookupOption(opts, name)
			chosen = ok && v.s == value
		default:
			chosen = hasOption(opts, s.option) || slices.ContainsFunc(c.rest(), func(a text) bool { return a.s == s.option })
		}
		if chosen {
			file = s.file
			break
		}
	}
	if name, rel, _ := strings.Cut(t.env, "/"); !chosen && name != "" {
		if v, ok := r.st.vars[name]; ok && v.s != "" && v.taint.none() {
			return join(r.key(v.text), rel)
		}
	}
	if strings.HasPrefix(file, "~/.composer/") {
		if v, ok := r.st.vars["COMPOSER_HOME"]; ok && v.s != "" {
			return join(r.key(v.text), "auth.json")
		}
	}
	if rel, ok := strings.CutPrefix(file, "~/"); ok {
		return join(r.st.home, rel)
	}
	return join(r.st.cwd, file)
}

// hg keeps the URL of a clone.
func (r *run) hg(c *cmdline) bool {
	if !c.begins("hg clone") {
		return false
	}
	_, operands := options(c.rest(), "ruU")
	if len(operands) < 2 {
		return false
	}
	dir := cloneName(operands[1].s)
	if len(operands) > 2 {
		dir = operands[2].s
	}
	r.urlConstant(operands[1], "hg clone")
	r.write(join(join(r.st.cwd, dir), ".hg/hgrc"), true, c.part(operands[1].taint, "hg clone"))
	return true
}

// logout takes back what a login of the same host has kept: of another host's
// it takes nothing.
func (r *run) logout(c *cmdline, u undoes) {
	host := ""
	if strings.HasSuffix(u.words, "logout") && len(c.args) > len(strings.Fields(u.words)) {
		if last := c.args[len(c.args)-1]; last.known() && !strings.HasPrefix(last.s, "-") {
			host = last.s
		}
	}
	for _, key := range r.keys() {
		r.keepParts(key, func(p part) bool {
			if p.by != u.by && !strings.HasPrefix(p.by, u.by+" ") {
				return true
			}
			return host != "" && p.end <= len(r.in.Script) && p.pos < p.end && strings.Contains(r.in.Script[p.pos:p.end], ".") && !strings.Contains(r.in.Script[p.pos:p.end], host)
		})
	}
}
