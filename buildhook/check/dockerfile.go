package check

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// dockerfile is a Dockerfile as BuildKit's own parser reads it, with the place
// of everything that it says.
type dockerfile struct {
	src    *source
	escape rune
	meta   []*instruction // ARGs before the first FROM
	stages []*stage
	list   []*instruction  // all of them, once asked for
	fed    map[string]bool // see feeds
	whole  *text           // see joined
}

// stage is a build stage.
type stage struct {
	index  int
	name   string // "": it has none
	from   *instruction
	base   string // after expansion
	parent *stage // whose base it is; nil: an image or scratch
	ins    []*instruction

	exported bool   // part of the image: the target or a base of it
	reached  bool   // built at all
	state    *state // when the stage ends

	mountTargets []mountTarget // of secrets
}

// mountTarget is where a RUN mounts a secret.
type mountTarget struct {
	in       *instruction
	id, path string
}

// title is how a message calls the stage.
func (s *stage) title() string {
	if s.name != "" {
		return strconv.Quote(s.name)
	}
	return strconv.Itoa(s.index)
}

// instruction is one instruction.
type instruction struct {
	cmd      any // of package instructions: *Stage for FROM, else a Command
	name     string
	stage    *stage // nil before the first FROM
	first    int    // line
	last     int
	head     *text // without heredocs
	body     []heredoc
	comments []string
	onbuild  *instruction // the ONBUILD that it is part of
	json     bool
}

// heredoc is one of an instruction's.
type heredoc struct {
	name   string
	text   *text // its content
	chomp  bool
	expand bool
}

// extent is the place of the whole instruction.
func (in *instruction) extent(s *source) extent {
	from, to := s.lineStart(in.first), s.lineStart(in.last+1)
	body := s.data[from:to]
	return extent{from + len(body) - len(bytes.TrimLeft(body, " \t")), to - len(body) + len(bytes.TrimRight(body, "\r\n"))}
}

// syntaxError is what BuildKit has against a Dockerfile.
type syntaxError struct {
	err       error
	first, to int // lines; 0: not known
}

func (e *syntaxError) Error() string { return e.err.Error() }
func (e *syntaxError) Unwrap() error { return e.err }

func newSyntaxError(err error) *syntaxError {
	e := &syntaxError{err: err}
	var loc *parser.LocationError
	if errors.As(err, &loc) {
		for _, ranges := range loc.Locations {
			for _, r := range ranges {
				if e.first == 0 || r.Start.Line < e.first {
					e.first = r.Start.Line
				}
				e.to = max(e.to, r.End.Line, r.Start.Line)
			}
		}
	}
	return e
}

// parseDockerfile reads a Dockerfile. The error is a *syntaxError with
// BuildKit's words.
func parseDockerfile(src *source) (*dockerfile, error) {
	res, err := parser.Parse(bytes.NewReader(src.data))
	if err != nil {
		return nil, newSyntaxError(err)
	}
	lint := linter.New(&linter.Config{}) // says nothing; without one, a comment with check= panics
	stages, _, err := instructions.Parse(res.AST, lint)
	if err != nil {
		return nil, newSyntaxError(err)
	}
	if len(stages) == 0 {
		return nil, &syntaxError{err: errors.New("dockerfile contains no stages to build")}
	}
	d := &dockerfile{src: src, escape: res.EscapeToken}
	var st *stage
	for _, node := range res.AST.Children {
		// Once more, each for itself: instructions.Parse gives no way from a
		// command to its node.
		cmd, err := instructions.ParseInstructionWithLinter(node, lint)
		if err != nil {
			return nil, newSyntaxError(parser.WithLocation(err, node.Location()))
		}
		in := d.instruction(node, cmd)
		if from, ok := cmd.(*instructions.Stage); ok {
			st = &stage{index: len(d.stages), name: from.Name, from: in}
			d.stages = append(d.stages, st)
			in.stage = st
			continue
		}
		in.stage = st
		if st == nil {
			d.meta = append(d.meta, in)
		} else {
			st.ins = append(st.ins, in)
		}
	}
	return d, nil
}

func (d *dockerfile) instruction(node *parser.Node, cmd any) *instruction {
	in := &instruction{
		cmd: cmd, name: strings.ToUpper(node.Value), first: node.StartLine, last: max(node.EndLine, node.StartLine),
		comments: node.PrevComment, json: node.Attributes["json"],
	}
	var next int
	in.head, next = d.src.join(in.first, in.last, d.escape)
	for _, h := range node.Heredocs {
		from := d.src.lineStart(next)
		for ; next <= in.last; next++ {
			l := string(d.src.line(next))
			if h.Chomp {
				l = strings.TrimLeft(l, "\t")
			}
			if l == h.Name {
				next++
				break
			}
		}
		to := d.src.lineStart(next - 1)
		in.body = append(in.body, heredoc{name: h.Name, text: d.src.part(from, to), chomp: h.Chomp, expand: h.Expand})
	}
	return in
}

// trigger reads what an ONBUILD says, as an instruction of its own.
func (d *dockerfile) trigger(in *instruction) *instruction {
	c, ok := in.cmd.(*instructions.OnbuildCommand)
	if !ok {
		return nil
	}
	res, err := parser.Parse(strings.NewReader(c.Expression))
	if err != nil || len(res.AST.Children) != 1 {
		return nil
	}
	cmd, err := instructions.ParseCommand(res.AST.Children[0])
	if err != nil {
		return nil
	}
	sub := *in
	sub.cmd, sub.onbuild, sub.name = cmd, in, strings.ToUpper(res.AST.Children[0].Value)
	sub.json = res.AST.Children[0].Attributes["json"]
	if at := strings.Index(in.head.s, sub.name); at > 0 {
		sub.head = in.head.slice(at, len(in.head.s))
	}
	return &sub
}

// script is what a RUN hands to a shell, or to no shell: how BuildKit's
// dispatchRun puts it together.
type script struct {
	text *text
	exec []string // the arguments; nil: text goes to a shell
	// shebang is the first line of a heredoc that brings its own interpreter.
	shebang string
}

func (in *instruction) script() script {
	c, ok := in.cmd.(*instructions.RunCommand)
	if !ok || len(c.CmdLine) == 0 {
		return script{text: &text{}}
	}
	if !c.PrependShell {
		return script{text: in.head, exec: c.CmdLine}
	}
	head := in.head.tail(c.CmdLine[0])
	if len(in.body) == 0 {
		return script{text: head}
	}
	if h := parser.MustParseHeredoc(c.CmdLine[0]); h != nil {
		t := in.body[0].text
		if in.body[0].chomp {
			t = t.chomped()
		}
		sc := script{text: t}
		if strings.HasPrefix(t.s, "#!") {
			sc.shebang, _, _ = strings.Cut(t.s, "\n")
		}
		return sc
	}
	var t textBuilder
	t.append(head, 0, len(head.s))
	for _, h := range in.body {
		t.add("\n", h.text.offset(0))
		t.append(h.text, 0, len(h.text.s))
		t.add(h.name, h.text.offset(max(len(h.text.s)-1, 0)))
	}
	return script{text: t.text()}
}

// tail returns the end of the text that equals s, with its places.
func (t *text) tail(s string) *text {
	trimmed := strings.TrimRight(t.s, " \t\r\n\v\f")
	if at := len(trimmed) - len(s); at >= 0 && trimmed[at:] == s {
		return t.slice(at, len(trimmed))
	}
	if at := strings.LastIndex(t.s, s); at >= 0 {
		return t.slice(at, at+len(s))
	}
	return &text{s, []part{{0, t.offset(0)}}}
}

// chomped is the text without the tabs that its lines begin with.
func (t *text) chomped() *text {
	var out textBuilder
	at := 0
	for line := range strings.SplitAfterSeq(t.s, "\n") {
		tabs := len(line) - len(strings.TrimLeft(line, "\t"))
		out.append(t, at+tabs, at+len(line))
		at += len(line)
	}
	return out.text()
}

// continued is the text as a shell reads it outside of quotes, which takes a
// backslash at the end of a line, and the end of it, for nothing.
func (t *text) continued() *text {
	var out textBuilder
	for at := 0; ; {
		i := strings.Index(t.s[at:], "\\\n")
		if i < 0 {
			out.append(t, at, len(t.s))
			return out.text()
		}
		out.append(t, at, at+i)
		at += i + 2
	}
}

// joined is what BuildKit, and then a shell, puts together from several lines, one
// instruction or here-document after the other.
func (d *dockerfile) joined() *text {
	if d.whole != nil {
		return d.whole
	}
	var out textBuilder
	add := func(t *text) {
		if len(t.parts) > 1 {
			out.append(t, 0, len(t.s))
			out.add("\n\n", t.offset(len(t.s)-1))
		}
	}
	for _, in := range d.all() {
		add(in.head)
		run := in
		if sub := d.trigger(in); sub != nil {
			run = sub
		}
		cmd, ok := run.cmd.(*instructions.RunCommand)
		if !ok {
			continue
		}
		script := len(cmd.CmdLine) > 0 && cmd.PrependShell && parser.MustParseHeredoc(cmd.CmdLine[0]) != nil
		for _, h := range in.body {
			if h.expand || script {
				add(h.text.continued())
			}
		}
	}
	d.whole = out.text()
	return d.whole
}

// describe names an instruction with its line.
func (in *instruction) describe() string {
	return fmt.Sprintf("%s in line %d", in.name, in.first)
}

var reference = regexp.MustCompile(`^"?\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))"?$`)

// feeds are the variables that a variable with the name of a secret is set
// from, and nothing else: ENV DISCORD_TOKEN=$DISCORD.
func (d *dockerfile) feeds() map[string]bool {
	if d.fed != nil {
		return d.fed
	}
	d.fed = map[string]bool{}
	note := func(key, value string) {
		if m := reference.FindStringSubmatch(value); m != nil && secretName(key) {
			d.fed[m[1]+m[2]] = true
		}
	}
	for _, in := range d.all() {
		switch cmd := in.cmd.(type) {
		case *instructions.EnvCommand:
			for _, kv := range cmd.Env {
				note(kv.Key, kv.Value)
			}
		case *instructions.ArgCommand:
			for _, kv := range cmd.Args {
				if kv.Value != nil {
					note(kv.Key, *kv.Value)
				}
			}
		}
	}
	return d.fed
}
