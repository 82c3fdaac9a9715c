package shellflow

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// script interprets Input.Script.
func (r *run) script() error {
	sh, err := shellOf(strings.Fields(r.in.Shell))
	if err != nil {
		return err
	}
	script := unmarked(r.in.Script)
	if words, ok := shebang(script); ok {
		if sh, err = shellOf(words); err != nil {
			return err
		}
	}
	f, err := parse(script, sh.lang)
	if err != nil {
		return err
	}
	r.src = source{script: script, lang: sh.lang}
	r.st.xtrace = sh.xtrace
	r.shell(func() { r.stmts(f.Stmts) })
	return nil
}

// unmarked is s without the bytes that mark holes. Offsets stay what they are.
func unmarked(s string) string {
	if plain(s) == s {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if c == holeOpen || c == holeClose {
			b[i] = '_'
		}
	}
	return string(b)
}

// exec interprets the exec form.
func (r *run) exec(argv []string) {
	r.src = source{fixed: true, lang: syntax.LangPOSIX}
	args := make([]text, len(argv))
	for i, a := range argv {
		args[i] = known(unmarked(a))
	}
	r.shell(func() { r.command(args) })
}

// shell runs what one shell runs, and the trap it leaves.
func (r *run) shell(body func()) {
	r.push(shellFrame)
	body()
	r.pop()
	if trap, txt := r.st.trap, r.st.trapText; trap != nil || txt != nil {
		r.st.trap, r.st.trapText = nil, nil
		r.push(shellFrame)
		if txt != nil {
			r.eval(*txt)
		} else {
			r.stmts(trap)
		}
		r.pop()
	}
}

// subshell runs body so that only files outlive it.
func (r *run) subshell(body func()) {
	outer := r.clone()
	r.st.trap, r.st.trapText = nil, nil
	locals := r.locals
	r.locals = nil
	r.shell(body)
	r.locals = locals
	outer.fs = r.st.fs
	r.st = outer
}

// at is where in Input.Script a node is.
func (r *run) at(n syntax.Node) (pos, end int) {
	return r.span(int(n.Pos().Offset()), int(n.End().Offset()))
}

func (r *run) span(pos, end int) (int, int) {
	if r.src.fixed {
		return r.src.from, r.src.to
	}
	pos, end = pos+r.src.at, end+r.src.at
	n := len(r.in.Script)
	pos = min(pos, n)
	return pos, max(pos, min(end, n))
}

// shown is a node as the script has it.
func (r *run) shown(n syntax.Node) string {
	pos, end := int(n.Pos().Offset()), int(n.End().Offset())
	if pos > end || end > len(r.src.script) {
		return "…"
	}
	return r.src.script[pos:end]
}

func (r *run) stmts(list []*syntax.Stmt) {
	for _, s := range list {
		if r.st.halted != 0 || r.stop != nil {
			return
		}
		r.stmt(s)
	}
}

// operand is one command of a chain, and what stands before it.
type operand struct {
	op   syntax.BinCmdOperator
	stmt *syntax.Stmt
}

// chain is the commands of a && b || c, or those of a | b | c.
func chain(s *syntax.Stmt, pipe bool) []operand {
	var rev []operand
	for {
		b, ok := s.Cmd.(*syntax.BinaryCmd)
		if !ok || (b.Op == syntax.Pipe || b.Op == syntax.PipeAll) != pipe || len(rev) > 0 && (len(s.Redirs) > 0 || s.Negated) {
			break
		}
		rev = append(rev, operand{b.Op, b.Y})
		s = b.X
	}
	rev = append(rev, operand{stmt: s})
	for i, j := 0, len(rev)-1; i < j; i, j = i+1, j-1 {
		rev[i], rev[j] = rev[j], rev[i]
	}
	return rev
}

func (r *run) stmt(s *syntax.Stmt) {
	r.charge(1)
	if r.stop != nil || s == nil {
		return
	}
	in, out := r.st.in, r.st.out
	keep := false
	pending := len(r.after)
	if c, ok := s.Cmd.(*syntax.CallExpr); ok {
		keep = r.call(c, s)
	} else {
		for _, rd := range s.Redirs {
			r.redirect(rd, s)
		}
		r.compound(s.Cmd, s)
	}
	if !keep {
		r.st.in, r.st.out = in, out
	}
	r.finish(pending)
}

// finish runs the >(…) of a command that has ended.
func (r *run) finish(from int) {
	for len(r.after) > from {
		a := r.after[len(r.after)-1]
		r.after = r.after[:len(r.after)-1]
		var t taint
		if f := r.st.fs[a.key]; f != nil {
			t = f.taint()
		}
		r.subshell(func() {
			in := unknown("", t)
			r.st.in[0] = &in
			r.stmts(a.stmts)
		})
	}
}

func (r *run) compound(c syntax.Command, s *syntax.Stmt) {
	switch c := c.(type) {
	case *syntax.BinaryCmd:
		if c.Op == syntax.Pipe || c.Op == syntax.PipeAll {
			r.pipeline(chain(s, true))
		} else {
			r.logic(chain(s, false))
		}
	case *syntax.Block:
		r.stmts(c.Stmts)
	case *syntax.Subshell:
		r.subshell(func() { r.stmts(c.Stmts) })
	case *syntax.IfClause:
		r.ifClause(c)
	case *syntax.WhileClause:
		r.stmts(c.Cond)
		r.loop(2, func(int) {
			r.stmts(c.Do)
			r.stmts(c.Cond)
		})
	case *syntax.ForClause:
		r.forClause(c)
	case *syntax.CaseClause:
		r.caseClause(c)
	case *syntax.FuncDecl:
		r.define(c)
	case *syntax.DeclClause:
		r.declare(c)
	case *syntax.TestClause:
		var words []text
		r.testWords(c.X, &words)
		r.trace(taintOf(words), c)
	case *syntax.TimeClause:
		if c.Stmt != nil {
			r.stmt(c.Stmt)
		}
	case *syntax.CoprocClause:
		r.subshell(func() {
			r.st.out[1] = nil
			r.stmt(c.Stmt)
		})
	case *syntax.ArithmCmd:
		r.arithm(c.X)
	case *syntax.LetClause:
		for _, x := range c.Exprs {
			r.arithm(x)
		}
	}
}

func (r *run) pipeline(cmds []operand) {
	var in *text
	for i, c := range cmds {
		if r.stop != nil {
			return
		}
		r.subshell(func() {
			if i > 0 {
				r.st.in[0] = in
			}
			if i == len(cmds)-1 {
				r.stmt(c.stmt)
				return
			}
			buf := &text{}
			r.st.out[1] = &sink{kind: toText, buf: buf}
			if cmds[i+1].op == syntax.PipeAll {
				r.st.out[2] = r.st.out[1]
			}
			r.stmt(c.stmt)
			in = buf
		})
	}
}

// logic is a && b || c.
func (r *run) logic(cmds []operand) {
	r.stmt(cmds[0].stmt)
	for i, c := range cmds[1:] {
		if r.stop != nil || r.st.halted != 0 {
			return
		}
		left := cmds[i].stmt
		base := r.clone()
		cond := r.cond
		test := isTest(left)
		if test {
			r.cond = r.shown(left)
		}
		r.stmt(c.stmt)
		r.cond = cond
		switch {
		case r.st.halted != 0:
			r.st = base
		case c.op == syntax.OrStmt:
			rule := removalNever
			if test {
				rule = removalCounts
			}
			r.st = r.join(base, base, r.st, removalNever, rule)
		}
	}
}

// eval interprets a text as a script of this shell.
func (r *run) eval(t text) {
	script := t.plain()
	r.charge(1 + len(script)/32)
	if strings.TrimSpace(script) == "" || r.stop != nil {
		return
	}
	r.deeper(func() {
		f, err := parse(script, r.src.lang)
		if err != nil {
			return
		}
		src := r.src
		r.src = source{script: script, lang: src.lang, fixed: true, from: t.pos, to: t.end}
		if !src.fixed && t.end <= len(r.in.Script) && t.pos >= 0 && t.end-t.pos == len(script)+2 &&
			r.in.Script[t.pos+1:t.end-1] == script {
			// One quoted word: what is in it has places of its own.
			r.src = source{script: script, lang: src.lang, at: t.pos + 1}
		}
		r.stmts(f.Stmts)
		r.src = src
	})
}

// testWords expands the words of [[ … ]].
func (r *run) testWords(x syntax.TestExpr, out *[]text) {
	switch x := x.(type) {
	case *syntax.Word:
		*out = append(*out, r.word(x))
	case *syntax.BinaryTest:
		r.testWords(x.X, out)
		r.testWords(x.Y, out)
	case *syntax.UnaryTest:
		r.testWords(x.X, out)
	case *syntax.ParenTest:
		r.testWords(x.X, out)
	}
}

// arithm runs the commands in an arithmetic expression. A number isn't a secret.
func (r *run) arithm(x syntax.ArithmExpr) {
	r.charge(1)
	switch x := x.(type) {
	case *syntax.Word:
		r.word(x)
	case *syntax.BinaryArithm:
		r.arithm(x.X)
		r.arithm(x.Y)
	case *syntax.UnaryArithm:
		r.arithm(x.X)
	case *syntax.ParenArithm:
		r.arithm(x.X)
	}
}

// trace is what set -x prints.
func (r *run) trace(t taint, n syntax.Node) {
	if !r.st.xtrace || t.none() {
		return
	}
	pos, end := r.at(n)
	r.traceAt(t, pos, end)
}

func (r *run) traceAt(t taint, pos, end int) {
	if !r.st.xtrace || t.none() {
		return
	}
	if all := r.traced.plus(t); all.equal(r.traced) {
		return
	} else if s := r.st.out[2]; s != nil && s.kind == toLog {
		r.traced = all
	}
	r.emit(2, unknown("", t), "set -x", pos, end)
}

// call is a simple command. It reports whether its redirections stay: those of
// an exec without a command.
func (r *run) call(c *syntax.CallExpr, s *syntax.Stmt) (keep bool) {
	pos, end := r.at(c)
	args := r.words(c.Args)
	var assigned []assignment
	for _, a := range c.Assigns {
		assigned = append(assigned, r.assignment(a))
	}
	t := taintOf(args)
	for _, a := range assigned {
		t = t.plus(a.value.taint)
	}
	r.traceAt(t, pos, end)
	for _, rd := range s.Redirs {
		r.redirect(rd, s)
	}
	if len(args) == 0 {
		for _, a := range assigned {
			r.assign(a)
		}
		return false
	}
	if args[0].is("exec") && len(args) == 1 {
		return true
	}
	r.prefixed(assigned, func() { r.invoke(&cmdline{args: args, pos: pos, end: end}) })
	return false
}

// prefixed runs body with variables that are only for it.
func (r *run) prefixed(assigned []assignment, body func()) {
	if len(assigned) == 0 {
		body()
		return
	}
	saved := make(map[string]variable, len(assigned))
	home := r.st.home
	for _, a := range assigned {
		if v, ok := r.st.vars[a.name]; ok {
			saved[a.name] = v
		}
		a.exported = true
		r.assign(a)
	}
	body()
	for _, a := range assigned {
		if v, ok := saved[a.name]; ok {
			r.st.vars[a.name] = v
		} else {
			delete(r.st.vars, a.name)
		}
	}
	r.st.home = home
}

// command runs words that come from elsewhere than a statement.
func (r *run) command(args []text) {
	if len(args) == 0 {
		return
	}
	pos, end := args[0].pos, args[len(args)-1].end
	r.invoke(&cmdline{args: args, pos: pos, end: max(pos, end)})
}
