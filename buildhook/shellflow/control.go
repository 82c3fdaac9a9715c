package shellflow

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// isTest reports whether a command only asks.
func isTest(s *syntax.Stmt) bool {
	switch c := s.Cmd.(type) {
	case *syntax.TestClause:
		return true
	case *syntax.CallExpr:
		return len(c.Args) > 0 && (c.Args[0].Lit() == "[" || c.Args[0].Lit() == "test" || c.Args[0].Lit() == "[[")
	}
	return false
}

// asksExistence reports whether a condition asks if there is something to do:
// a file, a value.
func (r *run) asksExistence(cond []*syntax.Stmt) bool {
	if len(cond) == 0 || !isTest(cond[len(cond)-1]) || cond[len(cond)-1].Negated {
		return false
	}
	for _, w := range strings.Fields(r.shown(cond[len(cond)-1])) {
		switch w {
		case "-f", "-e", "-d", "-s", "-n", "-r", "-w", "-L", "-h", "-v":
			return true
		case "!", "-z":
			return false
		}
	}
	return false
}

func (r *run) ifClause(c *syntax.IfClause) {
	r.stmts(c.Cond)
	if r.st.halted != 0 {
		return
	}
	outer := r.cond
	cond := ""
	if len(c.Cond) > 0 {
		cond = r.shown(c.Cond[len(c.Cond)-1])
	}
	rule := removalSameCond
	if r.asksExistence(c.Cond) {
		rule = removalCounts
	}
	base := r.clone()
	r.cond = cond
	r.stmts(c.Then)
	yes := r.st
	r.st = base
	r.st = r.clone()
	r.cond = "! " + cond
	switch {
	case c.Else == nil:
	case len(c.Else.Cond) == 0:
		r.stmts(c.Else.Then)
	default:
		r.ifClause(c.Else)
	}
	r.cond = cond
	if yes.halted != 0 && r.st.halted != 0 {
		r.st = yes
	} else {
		r.st = r.join(base, yes, r.st, rule, removalSameCond)
	}
	r.cond = outer
}

// loop runs a body a few times.
func (r *run) loop(n int, body func(i int)) {
	for i := range n {
		if r.stop != nil || r.st.halted != 0 {
			return
		}
		r.push(loopFrame)
		body(i)
		r.pop()
	}
}

const maxItems = 48

func (r *run) forClause(c *syntax.ForClause) {
	it, ok := c.Loop.(*syntax.WordIter)
	if !ok {
		if l, ok := c.Loop.(*syntax.CStyleLoop); ok {
			r.arithm(l.Init)
			r.arithm(l.Cond)
			r.arithm(l.Post)
		}
		r.loop(2, func(int) { r.stmts(c.Do) })
		return
	}
	items := r.st.params
	if it.InPos.IsValid() {
		items = nil
		for _, t := range r.words(it.Items) {
			items = append(items, r.globbed(t)...)
		}
	}
	if len(items) > maxItems {
		items = append(items[:maxItems:maxItems], unknown("$"+it.Name.Value, taintOf(items[maxItems:])))
	}
	name := it.Name.Value
	r.loop(len(items), func(i int) {
		t := items[i]
		r.trace(t.taint, it)
		r.set(name, variable{text: t})
		r.stmts(c.Do)
	})
}

// globbed is the names that a word stands for.
func (r *run) globbed(t text) []text {
	if !t.glob {
		return []text{t}
	}
	keys := r.expandGlob(t)
	if len(keys) == 1 && keys[0] == r.key(t) {
		return []text{t}
	}
	out := make([]text, len(keys))
	for i, k := range keys {
		out[i] = t.with(k)
		out[i].glob = false
	}
	return out
}

func (r *run) caseClause(c *syntax.CaseClause) {
	word := r.word(c.Word)
	r.trace(word.taint, c.Word)
	outer := r.cond
	defer func() { r.cond = outer }()
	base := r.clone()
	var ends []*state
	all := false // every value has its branch
	sure := word.known()
	for _, item := range c.Items {
		hit := false
		for _, w := range item.Patterns {
			p := r.word(w)
			if p.is("*") {
				all = true
			}
			sure = sure && p.known()
			r.charge(len(p.s) * len(word.s) >> 10)
			hit = hit || sure && match(p.s, word.s)
		}
		if sure && !hit {
			continue
		}
		if len(ends) > 0 || !sure {
			r.st = base
			r.st = r.clone()
		}
		r.cond = r.shown(c.Word) + " is " + r.shown(item.Patterns[0])
		r.stmts(item.Stmts)
		ends = append(ends, r.st)
		if sure && hit {
			return
		}
	}
	if !all {
		ends = append(ends, base)
	}
	r.st = ends[0]
	for _, s := range ends[1:] {
		r.st = r.join(base, r.st, s, removalSameCond, removalSameCond)
	}
}

func (r *run) define(c *syntax.FuncDecl) {
	if c.Name == nil {
		return
	}
	r.charge(1 + len(r.st.funcs)/4)
	funcs := make(map[string]*function, len(r.st.funcs)+1)
	for k, f := range r.st.funcs {
		funcs[k] = f
	}
	funcs[c.Name.Value] = &function{body: c.Body, src: r.src}
	r.st.funcs = funcs
}

// deeper guards what can call itself.
func (r *run) deeper(body func()) {
	if r.calls >= maxCalls {
		return
	}
	r.calls++
	body()
	r.calls--
}

func (r *run) callFunction(f *function, args []text) {
	r.deeper(func() {
		src, params := r.src, r.st.params
		r.src = f.src
		r.st.params = args
		r.locals = append(r.locals, map[string]variable{})
		r.push(functionFrame)
		r.stmt(f.body)
		r.pop()
		local := r.locals[len(r.locals)-1]
		r.locals = r.locals[:len(r.locals)-1]
		for name, v := range local {
			if v.end < 0 {
				delete(r.st.vars, name)
			} else {
				r.st.vars[name] = v
			}
		}
		r.st.params = params
		r.src = src
	})
}

// local remembers a variable that comes back when the function ends.
func (r *run) local(name string) {
	if len(r.locals) == 0 {
		return
	}
	l := r.locals[len(r.locals)-1]
	if _, ok := l[name]; ok {
		return
	}
	v, ok := r.st.vars[name]
	if !ok {
		v.end = -1
	}
	l[name] = v
}
