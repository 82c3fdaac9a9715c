package shellflow

import (
	"path"
	"slices"
	"strings"
)

// cmdline is a command that is about to run: its words, expanded.
type cmdline struct {
	args     []text // the first is the command
	name     string // its base name
	pos, end int
}

func (c *cmdline) rest() []text { return c.args[1:] }

// from is the command that begins at word i of c.
func (c *cmdline) from(i int) *cmdline {
	return &cmdline{args: c.args[i:], pos: c.pos, end: c.end}
}

// part is secret bytes that the command puts somewhere.
func (c *cmdline) part(t taint, by string) part {
	return part{taint: t, by: by, pos: c.pos, end: c.end}
}

// option is one option of a command, with the value it takes.
type option struct {
	name  string // with its dashes
	value text
}

// options splits the words of a command in options and operands. letters are
// the short options that take a value, long the long ones, with their dashes:
// also those of tools that write -name.
func options(args []text, letters string, long ...string) (opts []option, operands []text) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		s := a.s
		if s == "--" {
			return opts, append(operands, args[i+1:]...)
		}
		if len(s) < 2 || s[0] != '-' {
			operands = append(operands, a)
			continue
		}
		name, value, glued := a.cut('=')
		takes := slices.Contains(long, name.s)
		switch {
		case glued && (takes || strings.HasPrefix(s, "--")):
			opts = append(opts, option{name.s, value})
		case takes:
			var v text
			if i+1 < len(args) {
				i++
				v = args[i]
			}
			opts = append(opts, option{s, v})
		case strings.HasPrefix(s, "--"):
			opts = append(opts, option{name: s, value: a.with("")})
		default:
			// A cluster of letters: -xvf file.
			for j := 1; j < len(s) && s[j] != holeOpen; j++ {
				o := option{name: "-" + s[j:j+1], value: a.with("")}
				if strings.IndexByte(letters, s[j]) >= 0 {
					if o.value = a.with(s[j+1:]); j+1 == len(s) && i+1 < len(args) {
						i++
						o.value = args[i]
					}
					opts = append(opts, o)
					break
				}
				opts = append(opts, o)
			}
		}
	}
	return opts, operands
}

// lookupOption is the value of the last of the options with one of the names.
func lookupOption(opts []option, names ...string) (text, bool) {
	for i := len(opts) - 1; i >= 0; i-- {
		if slices.Contains(names, opts[i].name) {
			return opts[i].value, true
		}
	}
	return text{}, false
}

func hasOption(opts []option, names ...string) bool {
	_, ok := lookupOption(opts, names...)
	return ok
}

// invoke runs a command: a function, a builtin, one that is modelled, or some
// external one.
func (r *run) invoke(c *cmdline) {
	r.charge(1)
	if r.stop != nil || len(c.args) == 0 {
		return
	}
	if c.args[0].allHole() && len(c.args) > 1 && !strings.HasPrefix(c.args[1].s, "-") && strings.HasPrefix(c.args[0].plain(), "$") && c.args[0].taint.none() {
		// $SUDO apt-get …
		r.deeper(func() { r.invoke(c.from(1)) })
		return
	}
	name := c.args[0].s
	if f := r.st.funcs[name]; f != nil {
		r.callFunction(f, c.rest())
		return
	}
	c.name = path.Base(plain(name))
	if r.builtin(c) {
		return
	}
	r.deeper(func() {
		switch {
		case r.wrapper(c):
		case r.coreutil(c):
		case r.keyMaker(c):
		case r.passwordTool(c):
		case r.fetcher(c):
		case c.name == "git":
			r.git(c)
		case r.tool(c):
		default:
			r.external(c)
		}
	})
}

// external is a command that nothing is known of. Its output holds no secret.
func (r *run) external(c *cmdline) {
	r.argument(c)
	r.inlineOptions(c)
	r.emit(1, unknown(plain(c.args[0].s), taint{}), c.name, c.pos, c.end)
}

// argument notes the secrets in the words of a command.
func (r *run) argument(c *cmdline) {
	if t := taintOf(c.rest()); len(t.labels) > 0 {
		r.flow(Flow{Kind: Argument, Labels: t.labels, By: c.name, Pos: c.pos, End: c.end})
	}
}

// builtin runs the commands of the shell itself.
func (r *run) builtin(c *cmdline) bool {
	args := c.rest()
	switch c.name {
	case ":", "true", "false", "[", "[[", "test", "umask", "ulimit", "hash", "alias", "unalias", "shopt",
		"wait", "kill", "jobs", "bg", "fg", "disown", "times", "type", "let", "getopts", "complete", "bind", "help":
	case "cd", "pushd":
		r.cd(args)
	case "popd":
		r.st.cwd = hole("$OLDPWD")
	case "pwd":
		r.emit(1, text{s: r.st.cwd + "\n"}, c.name, c.pos, c.end)
	case "export", "readonly", "local", "declare", "typeset":
		r.declareWords(c.name, c, args)
	case "unset":
		for _, a := range args {
			if !strings.HasPrefix(a.s, "-") {
				delete(r.st.vars, a.s)
				r.st.vars[a.s] = variable{}
			}
		}
	case "set":
		r.setOptions(c, args)
	case "shift":
		if len(r.st.params) > 0 {
			r.st.params = r.st.params[1:]
		}
	case "eval":
		t := joined(args)
		t.pos, t.end = c.pos, c.end
		if len(args) == 1 {
			t.pos, t.end = args[0].pos, args[0].end
		}
		r.eval(t)
	case ".", "source":
		r.sourceFile(c, args)
	case "read":
		r.readVars(args)
	case "mapfile", "readarray":
		if n := len(args); n > 0 && !strings.HasPrefix(args[n-1].s, "-") {
			in := r.stdin()
			v := unknown("$"+args[n-1].s, in.taint)
			r.set(args[n-1].s, variable{text: v, list: []text{v}})
		}
	case "trap":
		r.setTrap(args)
	case "exit":
		failed := len(args) > 0 && args[0].known() && args[0].s != "0"
		r.halt(shellFrame, failed)
	case "return":
		r.halt(functionFrame, false)
	case "break", "continue":
		r.halt(loopFrame, false)
	case "printf", "echo":
		r.echo(c)
	case "compgen":
		if len(args) > 0 && args[0].is("-v", "-e") {
			r.emit(1, unknown("", taint{}), c.name, c.pos, c.end)
		}
	case "command", "builtin":
		for len(args) > 0 && strings.HasPrefix(args[0].s, "-") {
			if args[0].is("-v", "-V") {
				return true
			}
			args = args[1:]
		}
		if len(args) > 0 {
			r.deeper(func() { r.invoke(&cmdline{args: args, pos: c.pos, end: c.end}) })
		}
	case "exec":
		for len(args) > 0 && strings.HasPrefix(args[0].s, "-") {
			if args[0].s == "-a" && len(args) > 1 {
				args = args[1:]
			}
			args = args[1:]
		}
		if len(args) > 0 {
			r.deeper(func() { r.invoke(&cmdline{args: args, pos: c.pos, end: c.end}) })
			if r.st.halted == 0 {
				r.halt(shellFrame, false)
			}
		}
	default:
		return false
	}
	return true
}

// joined is the arguments with spaces between them.
func joined(args []text) text {
	var t text
	for i, a := range args {
		if i > 0 {
			t = t.plus(known(" "))
		}
		t = t.plus(a)
	}
	if len(args) > 0 {
		t.pos, t.end = args[0].pos, args[len(args)-1].end
	}
	return t
}

func (r *run) cd(args []text) {
	for len(args) > 0 && len(args[0].s) > 1 && args[0].s[0] == '-' {
		args = args[1:]
	}
	switch {
	case len(args) == 0:
		r.st.cwd = r.st.home
	case args[0].s == "-":
		r.st.cwd = hole("$OLDPWD")
	default:
		r.st.cwd = r.key(args[0])
	}
}

func (r *run) sourceFile(c *cmdline, args []text) {
	if len(args) == 0 {
		return
	}
	var t taint
	if args[0].is("/dev/stdin") {
		t = r.stdin().taint
	} else {
		t = r.read(args[0])
	}
	if t.none() {
		return
	}
	r.st.sourced = r.st.sourced.plus(t)
	if r.st.allexport {
		r.st.exports = true
	}
	r.traceAt(t, c.pos, c.end)
}

func (r *run) readVars(args []text) {
	in := r.stdin()
	_, names := options(args, "abdinNptuk")
	for i := range args {
		if args[i].is("-u") && i+1 < len(args) && len(args[i+1].s) == 1 && args[i+1].s[0] >= '0' && args[i+1].s[0] <= '3' {
			if t := r.st.in[args[i+1].s[0]-'0']; t != nil {
				in = *t
			}
		}
		if args[i].is("-a") && i+1 < len(args) {
			names = append(names, args[i+1])
		}
	}
	if len(names) == 0 {
		names = []text{known("REPLY")}
	}
	for _, n := range names {
		v := unknown("$"+n.s, in.taint)
		v.foreign = true
		if len(names) == 1 && in.known() && strings.Count(in.s, "\n") <= 1 {
			v.s = strings.TrimSpace(in.s)
			v.foreign = in.foreign
		}
		r.set(n.s, variable{text: v})
	}
}

func (r *run) setOptions(c *cmdline, args []text) {
	if len(args) == 0 {
		r.emitAs(1, unknown("", r.allVars()), "set", "set", c.pos, c.end)
		return
	}
	for i := 0; i < len(args); i++ {
		s := args[i].s
		on := strings.HasPrefix(s, "-")
		switch {
		case s == "--":
			r.st.params = args[i+1:]
			return
		case s == "-" || len(s) < 2 || !on && s[0] != '+':
			r.st.params = args[i:]
			return
		}
		if strings.Contains(s, "x") {
			r.st.xtrace = on
		}
		if strings.Contains(s, "a") {
			r.st.allexport = on
		}
		if strings.HasSuffix(s, "o") && i+1 < len(args) {
			i++
			switch args[i].s {
			case "xtrace":
				r.st.xtrace = on
			case "allexport":
				r.st.allexport = on
			}
		}
	}
}

func (r *run) setTrap(args []text) {
	if len(args) > 0 && args[0].s == "--" {
		args = args[1:]
	}
	if len(args) < 2 {
		return
	}
	for _, sig := range args[1:] {
		if sig.is("EXIT", "0") {
			if args[0].s == "-" || args[0].s == "" {
				r.st.trapText = nil
				return
			}
			t := args[0]
			r.st.trapText = &t
		}
	}
}

// runShell is sh -c and bash file.
func (r *run) runShell(c *cmdline) {
	args := c.rest()
	xtrace, command := false, false
	i := 0
	for ; i < len(args); i++ {
		s := args[i].s
		if len(s) < 2 || s[0] != '-' && s[0] != '+' {
			break
		}
		if strings.HasPrefix(s, "--") {
			if s == "--rcfile" || s == "--init-file" {
				i++
			}
			continue
		}
		xtrace = xtrace || s[0] == '-' && strings.Contains(s, "x")
		command = command || strings.Contains(s, "c")
		if strings.HasSuffix(s, "o") || strings.HasSuffix(s, "O") {
			i++
			xtrace = xtrace || i < len(args) && args[i].s == "xtrace"
		}
	}
	args = args[min(i, len(args)):]
	lang, _ := shellLang(c.name)
	inner := func(t text, params []text) {
		r.subshell(func() {
			r.st.xtrace = xtrace
			r.st.allexport = false
			r.st.params = params
			if t.taint.none() {
				// Nothing was expanded before: a new shell has what is exported.
				r.unexportedGone()
			}
			src := r.src
			r.src.lang = lang
			r.eval(t)
			r.src = src
		})
	}
	switch {
	case command && len(args) > 0:
		inner(args[0], args[min(2, len(args)):])
	case command:
	case len(args) == 0 || args[0].is("-s", "-", "/dev/stdin"):
		if in := r.stdin(); in.known() || strings.Contains(in.s, "\n") {
			inner(in, nil)
		}
	default:
		// A script of the image: its arguments are all that is known.
		r.argument(&cmdline{args: args, name: path.Base(args[0].plain()), pos: c.pos, end: c.end})
		r.emit(1, unknown("", taint{}), c.name, c.pos, c.end)
	}
}
