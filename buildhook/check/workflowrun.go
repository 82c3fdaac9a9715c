package check

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
	"mvdan.cc/sh/v3/syntax"
)

// maxRun bounds a script. GitHub takes no expression, and so no script with
// one, of more than 21000 characters.
const maxRun = 64 << 10

// buildArgFlag finds the flag in a text that is no command of its own.
var buildArgFlag = regexp.MustCompile(`--build-arg(?:=|\s+)["']?([A-Za-z_]\w*(?:=(?:\$\{\{.*?\}\}|[^\s"'$]|\$)*)?)`)

// runScript is the script of a step.
type runScript struct {
	w      *workflowReader
	in     scope
	of     string
	source string // as it is written
	text   *text
	exprs  [][2]int
	vars   map[string]value // set by the script
	dir    string
	lost   string // what the working directory depends on, if it isn't known
}

// script checks a script: it looks for the commands that build images.
func (w *workflowReader) script(n *yaml.Node, in scope, of string) {
	source := n.Value
	if !strings.Contains(source, "build") && !strings.Contains(source, "bud") && !strings.Contains(source, "bake") {
		return
	}
	t, _ := w.text(n)
	r := &runScript{w: w, in: in, of: of, source: source, text: t, exprs: expressionSpans(source), vars: map[string]value{}}
	if !w.spend(len(source) / 16) {
		return
	}
	if len(source) > maxRun {
		r.skip("its script is too long to be read")
		return
	}
	dir := w.value(in.dir, in)
	r.dir = dir.text
	if !dir.known {
		r.lost = strings.Join(dir.unknown, ", ")
	}
	// An expression is put into the script as text, before any shell sees it.
	// Here it is a word of the same length.
	b := []byte(source)
	for _, sp := range r.exprs {
		for i := sp[0]; i < sp[1]; i++ {
			b[i] = 'x'
		}
	}
	shell, _, _ := strings.Cut(strings.TrimSpace(in.shell), " ")
	switch path.Base(shell) {
	case ".", "bash", "sh", "dash", "zsh", "ksh":
	case "pwsh", "powershell":
		powershell(b)
	default:
		if strings.Contains(source, "docker") || strings.Contains(source, "podman") || strings.Contains(source, "buildah") {
			r.skip("its script is for " + shell + ", and was not followed")
		}
		return
	}
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(string(b)), "")
	if err != nil {
		r.loose(source, 0)
		if looksLikeBuild.MatchString(source) {
			r.skip("its script can't be read as one for a shell, and was not followed")
		}
		return
	}
	r.walk(f)
}

var looksLikeBuild = regexp.MustCompile(`\b(?:docker|podman|nerdctl|buildah)\b.*\b(?:build|bud|bake)\b`)

// powershell makes what it has in common with a shell look like one: lines that
// go on, and variables of the environment. No byte moves.
func powershell(b []byte) {
	for i := range b {
		if b[i] == '`' && i+1 < len(b) && (b[i+1] == '\n' || b[i+1] == '\r') {
			b[i] = '\\'
			if b[i+1] == '\r' {
				b[i], b[i+1] = ' ', '\\'
			}
		}
		if i+5 < len(b) && strings.EqualFold(string(b[i:i+5]), "$env:") {
			copy(b[i:], `""""$`) // empty strings, inside of quotes as well
		}
	}
}

func (r *runScript) skip(reason string) {
	r.w.d.skip(strings.TrimPrefix(r.of, "the "), reason, "check what it builds by itself")
}

// walk goes through the commands in the order in which they stand.
func (r *runScript) walk(f *syntax.File) {
	type place struct{ dir, lost string }
	var nodes []syntax.Node
	var places []place
	syntax.Walk(f, func(n syntax.Node) bool {
		if n == nil {
			last := nodes[len(nodes)-1]
			nodes = nodes[:len(nodes)-1]
			if _, ok := last.(*syntax.Subshell); ok {
				p := places[len(places)-1]
				r.dir, r.lost = p.dir, p.lost
				places = places[:len(places)-1]
			}
			return true
		}
		if !r.w.spend(1) {
			return false
		}
		switch n := n.(type) {
		case *syntax.Subshell:
			places = append(places, place{r.dir, r.lost})
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				r.assign(n.Assigns)
			} else {
				r.call(n)
			}
		case *syntax.DeclClause:
			r.assign(n.Args)
		}
		nodes = append(nodes, n)
		return true
	})
}

// assign keeps what the script sets.
func (r *runScript) assign(as []*syntax.Assign) {
	for _, a := range as {
		if a.Name == nil {
			continue
		}
		name := a.Name.Value
		switch {
		case a.Array != nil:
			var words []*syntax.Word
			for _, e := range a.Array.Elems {
				if e.Value != nil {
					words = append(words, e.Value)
				}
			}
			r.buildArgs(words)
			r.vars[name] = value{}
		case a.Value != nil:
			v := r.word(a.Value)
			if from := int(a.Value.Pos().Offset()); strings.Contains(v.text, "--build-arg") {
				r.loose(r.source[from:a.Value.End().Offset()], from)
				v.secrets = nil
			}
			if _, again := r.vars[name]; again || a.Append {
				v.known = false
				v.secrets = both(v.secrets, r.vars[name].secrets)
			}
			r.vars[name] = v
		case !a.Naked:
			r.vars[name] = value{known: true}
		}
	}
}

// loose reports build arguments in a text that is no command.
func (r *runScript) loose(s string, from int) {
	for _, m := range buildArgFlag.FindAllStringSubmatchIndex(s, 256) {
		arg := s[m[2]:m[3]]
		at := r.text.extent(from+m[0], from+m[1])
		name, rest, ok := strings.Cut(arg, "=")
		v := r.variable(name)
		if ok {
			v = r.w.value(rest, r.in)
			for _, ref := range shellVariable.FindAllStringSubmatch(rest, 64) {
				v.known = false
				v.secrets = both(v.secrets, r.variable(ref[1]).secrets)
			}
		}
		r.given(name, v, at, extent{})
	}
}

var shellVariable = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)`)

// variable is what a variable holds here.
func (r *runScript) variable(name string) value {
	v, ok := r.vars[name]
	if !ok {
		v, ok = r.in.env[name]
	}
	if !ok {
		v = value{unknown: []string{"$" + name}}
	}
	if len(v.secrets) == 0 && secretName(name) && (!v.known || !placeholder(v.text)) {
		v.secrets = []string{"$" + name}
		if v.known {
			v.masks = append(v.masks, v.text)
		}
	}
	return v
}

// word is what a word stands for.
func (r *runScript) word(w *syntax.Word) value {
	v := value{known: true}
	var b strings.Builder
	literal := func(from, to uint) {
		one := r.w.value(strings.ReplaceAll(r.source[min(from, uint(len(r.source))):min(to, uint(len(r.source)))], "\\\n", ""), r.in)
		v.join(one, &b)
	}
	var parts func([]syntax.WordPart)
	parts = func(ps []syntax.WordPart) {
		for _, p := range ps {
			switch p := p.(type) {
			case *syntax.Lit:
				literal(p.Pos().Offset(), p.End().Offset())
			case *syntax.SglQuoted:
				literal(p.Left.Offset()+1, p.Right.Offset())
			case *syntax.DblQuoted:
				parts(p.Parts)
			case *syntax.ParamExp:
				r.parameter(p, &v, &b)
			default:
				v.known = false
				v.unknown = append(v.unknown, "$(…)")
				// What a command prints can be what it is given.
				syntax.Walk(p, func(n syntax.Node) bool {
					if e, ok := n.(*syntax.ParamExp); ok && e.Param != nil && !e.Length {
						v.secrets = both(v.secrets, r.variable(e.Param.Value).secrets)
					}
					return true
				})
				from, to := int(p.Pos().Offset()), int(p.End().Offset())
				for _, sp := range r.exprs {
					if from <= sp[0] && sp[1] <= to {
						v.secrets = both(v.secrets, r.w.value(r.source[sp[0]:sp[1]], r.in).secrets)
					}
				}
			}
		}
	}
	parts(w.Parts)
	v.text = b.String()
	return v
}

// join appends one value to another.
func (v *value) join(one value, b *strings.Builder) {
	b.WriteString(one.text)
	v.known = v.known && one.known
	v.expressions = v.expressions || one.expressions
	v.secrets = both(v.secrets, one.secrets)
	v.masks = append(v.masks, one.masks...)
	if len(v.unknown) < 8 {
		v.unknown = append(v.unknown, one.unknown...)
	}
}

// parameter adds an expanded variable.
func (r *runScript) parameter(p *syntax.ParamExp, v *value, b *strings.Builder) {
	if p.Param == nil || p.Length {
		v.known = false
		return
	}
	one := r.variable(p.Param.Value)
	if p.Exp != nil && (p.Exp.Op == syntax.AlternateUnset || p.Exp.Op == syntax.AlternateUnsetOrNull) {
		one = value{}
	}
	if p.Exp != nil && p.Exp.Word != nil {
		one.secrets = both(one.secrets, r.word(p.Exp.Word).secrets)
	}
	one.expressions = true
	if p.Exp != nil || p.Slice != nil || p.Repl != nil || p.Index != nil || p.Excl {
		one.known = false
	}
	if !one.known {
		one.text = r.source[p.Pos().Offset():p.End().Offset()]
		one.unknown = []string{one.text}
	}
	v.join(one, b)
}

// given judges a build argument.
func (r *runScript) given(name string, v value, at, where extent) input {
	g := given{id: idCIBuildArg, name: name, at: at, of: r.of, fix: ciFix(name), text: v.text, known: v.known, secrets: v.secrets, masks: v.masks}
	if !v.expressions {
		g.value = where
	} else if !v.known && len(v.secrets) == 0 && v.public() {
		g.text, g.known = "", true
		r.w.d.argument(g)
		g.known = false
		return input{g, false}
	}
	return input{g, r.w.d.argument(g)}
}

// buildArgs reports the build arguments among words.
func (r *runScript) buildArgs(words []*syntax.Word) (out []input) {
	for i, w := range words {
		v := r.word(w)
		arg, ok := strings.CutPrefix(v.text, "--build-arg")
		if !ok || arg != "" && arg[0] != '=' {
			continue
		}
		first := w
		if arg == "" {
			if i+1 == len(words) {
				break
			}
			w = words[i+1]
			v = r.word(w)
			arg = v.text
		} else {
			arg = arg[1:]
		}
		from, to := int(w.Pos().Offset()), int(w.End().Offset())
		at := r.text.extent(int(first.Pos().Offset()), to)
		name, rest, set := strings.Cut(arg, "=")
		if name == "" || strings.ContainsAny(name, "$ ") {
			continue // of a loop or a function
		}
		if !set {
			out = append(out, r.given(name, r.variable(name), at, extent{}))
			continue
		}
		where := at
		if j := strings.IndexByte(r.source[from:to], '='); j >= 0 && w != first {
			where = r.text.extent(from+j+1, to)
		} else if j := strings.LastIndex(r.source[from:to], name+"="); j >= 0 {
			where = r.text.extent(from+j+len(name)+1, to)
		}
		v.text = rest
		out = append(out, r.given(name, v, at, where))
	}
	return out
}

// call checks a command.
func (r *runScript) call(c *syntax.CallExpr) {
	old := map[string]value{}
	for _, a := range c.Assigns {
		if a.Name != nil {
			old[a.Name.Value] = r.vars[a.Name.Value]
			if _, was := r.vars[a.Name.Value]; !was {
				delete(old, a.Name.Value)
				defer delete(r.vars, a.Name.Value)
			}
		}
	}
	r.assign(c.Assigns)
	defer func() {
		for k, v := range old {
			r.vars[k] = v
		}
	}()
	var words []string
	for _, w := range c.Args {
		words = append(words, r.word(w).text)
	}
	switch words[0] {
	case "echo", "printf", "cat":
		return
	case "cd", "pushd":
		r.chdir(c.Args)
		return
	case "popd":
		r.lost = "popd"
		return
	}
	passed := r.buildArgs(c.Args)
	start, tool := buildCommand(words)
	switch tool {
	case "build":
		r.build(c.Args[start:], words, start, passed)
	case "bake", "compose":
		r.bakeSets(c.Args)
		r.skip(fmt.Sprintf("what the %s file of this step says was not checked with it", tool))
	}
}

// bakeSets reports docker buildx bake --set TARGET.args.NAME=value.
func (r *runScript) bakeSets(words []*syntax.Word) {
	for _, w := range words {
		v := r.word(w)
		target, arg, ok := strings.Cut(v.text, ".args.")
		name, rest, set := strings.Cut(arg, "=")
		if ok && set && !strings.ContainsAny(target, " ") {
			v.text = rest
			at := r.text.extent(int(w.Pos().Offset()), int(w.End().Offset()))
			r.given(name, v, at, at)
		}
	}
}

func (r *runScript) chdir(args []*syntax.Word) {
	if len(args) != 2 {
		r.lost = "cd"
		return
	}
	v := r.word(args[1])
	if !v.known || v.text == "-" || strings.HasPrefix(v.text, "~") {
		r.lost = v.text
		return
	}
	if path.IsAbs(v.text) {
		r.lost, r.dir = "", v.text
		return
	}
	r.dir = path.Join(r.dir, v.text)
}
