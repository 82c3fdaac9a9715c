package shellflow

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// lookup is the value of a parameter; ok is false for one nobody has set.
func (r *run) lookup(name string) (t text, ok bool) {
	if v, ok := r.st.vars[name]; ok {
		t = v.text
		t.pos, t.end = 0, 0
		if len(v.list) > 0 {
			t = v.list[0]
			for _, e := range v.list[1:] {
				t.taint = t.taint.plus(e.taint)
			}
		}
		return t, true
	}
	switch name {
	case "HOME":
		return known(r.st.home), true
	case "PWD":
		return text{s: r.st.cwd}, true
	case "@", "*":
		for i, p := range r.st.params {
			if i > 0 {
				t = t.plus(known(" "))
			}
			t = t.plus(p)
		}
		return t, true
	case "?", "$", "!", "#", "-", "0", "_", "IFS", "PATH", "UID", "EUID", "RANDOM", "SECONDS", "LINENO",
		"HOSTNAME", "OLDPWD", "SHELL", "TERM", "LANG", "OPTARG", "OPTIND", "BASH_SOURCE", "FUNCNAME":
		return unknown("$"+name, taint{}), true
	case "USER", "LOGNAME":
		if r.in.User == "" {
			return known("root"), true
		}
		return unknown("$"+name, taint{}), true
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n >= 1 && n <= len(r.st.params) {
			return r.st.params[n-1], true
		}
		return unknown("$"+name, taint{}), n < 1
	}
	return unknown("$"+name, r.st.sourced), false
}

// param expands $x and ${x…}.
func (r *run) param(p *syntax.ParamExp) text {
	if p.Param == nil {
		if p.NestedParam != nil {
			return r.part(p.NestedParam)
		}
		return unknown(r.shown(p), taint{})
	}
	name := p.Param.Value
	if p.Length || p.Width || p.IsSet || p.Names != 0 {
		return unknown(r.shown(p), taint{})
	}
	t, set := r.lookup(name)
	if p.Excl {
		if !t.known() {
			return unknown(r.shown(p), t.taint)
		}
		t, set = r.lookup(t.s)
	}
	if p.Index != nil {
		t = r.element(p, name, t)
	}
	switch {
	case p.Exp != nil:
		return r.expansion(p, name, t, set)
	case p.Slice != nil:
		return r.mangled(p, t)
	case p.Repl != nil:
		from, to := r.word(p.Repl.Orig), r.word(p.Repl.With)
		t.taint = t.taint.plus(to.taint)
		if t.known() && from.known() && to.known() && from.s != "" && !strings.ContainsAny(from.s, "*?[#%") {
			n := 1
			if p.Repl.All {
				n = -1
			}
			if s := strings.Replace(t.s, from.s, to.s, n); len(s) <= maxText {
				return t.with(s)
			}
		}
		return r.mangled(p, t)
	}
	return t
}

// mangled is some part of t.
func (r *run) mangled(p *syntax.ParamExp, t text) text {
	return t.with(hole(r.shown(p)))
}

func (r *run) element(p *syntax.ParamExp, name string, all text) text {
	list := r.st.vars[name].list
	w, ok := p.Index.(*syntax.Word)
	if !ok || len(list) == 0 {
		return all
	}
	if n, err := strconv.Atoi(w.Lit()); err == nil && n >= 0 && n < len(list) {
		return list[n]
	}
	return r.mangled(p, all)
}

func (r *run) expansion(p *syntax.ParamExp, name string, t text, set bool) text {
	word := func() text { return r.word(p.Exp.Word) }
	switch p.Exp.Op {
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
		// Not the value: what stands for there being one.
		w := word()
		if set && (!t.known() || t.s != "") {
			return w
		}
		return unknown(r.shown(p), w.taint)
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
		if set && t.known() && t.s != "" {
			return t
		}
		w := word()
		switch {
		case !set:
			w.taint = w.taint.plus(t.taint)
			if !t.taint.none() {
				w.s = hole(r.shown(p))
			}
		case t.known():
		default:
			w = unknown("$"+name, t.taint.plus(w.taint))
			w.foreign = t.foreign
		}
		if p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull {
			r.set(name, variable{text: w})
		}
		return w
	case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		word()
		return t
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
		w := word()
		if t.known() && w.known() && len(t.s) < 512 {
			r.charge(len(t.s) * len(t.s) * len(w.s) >> 10)
			return t.with(trimPattern(t.s, w.s, p.Exp.Op))
		}
		return r.mangled(p, t)
	case syntax.UpperAll:
		if t.known() && p.Exp.Word == nil {
			return t.with(strings.ToUpper(t.s))
		}
	case syntax.LowerAll:
		if t.known() && p.Exp.Word == nil {
			return t.with(strings.ToLower(t.s))
		}
	}
	if p.Exp.Word != nil {
		word()
	}
	return r.mangled(p, t)
}

// trimPattern is ${s#pattern} and its kin.
func trimPattern(s, pattern string, op syntax.ParExpOperator) string {
	n := len(s)
	for i := range n + 1 {
		switch op {
		case syntax.RemSmallPrefix:
			if match(pattern, s[:i]) {
				return s[i:]
			}
		case syntax.RemLargePrefix:
			if match(pattern, s[:n-i]) {
				return s[n-i:]
			}
		case syntax.RemSmallSuffix:
			if match(pattern, s[n-i:]) {
				return s[:n-i]
			}
		case syntax.RemLargeSuffix:
			if match(pattern, s[i:]) {
				return s[:i]
			}
		}
	}
	return s
}

// assignment is a name=value that has been expanded.
type assignment struct {
	name     string
	value    text
	list     []text
	app      bool
	exported bool
}

func (r *run) assignment(a *syntax.Assign) assignment {
	out := assignment{app: a.Append}
	if a.Name != nil {
		out.name = a.Name.Value
	}
	if a.Array != nil {
		for _, e := range a.Array.Elems {
			if e.Value != nil {
				out.list = append(out.list, r.words([]*syntax.Word{e.Value})...)
			}
		}
		out.value = unknown("$"+out.name, taintOf(out.list))
	} else {
		out.value = r.word(a.Value)
	}
	out.value.pos, out.value.end = r.at(a)
	if a.Index != nil {
		// One element of an array: what the others are stays.
		old := r.st.vars[out.name]
		out.list = append(old.list[:len(old.list):len(old.list)], out.value)
		out.value = unknown("$"+out.name, out.value.taint.plus(old.taint))
		out.app = false
	}
	return out
}

// assign sets a variable as the script does, where a constant may be a secret.
func (r *run) assign(a assignment) {
	if a.name == "" {
		return
	}
	v := variable{text: a.value, list: a.list, exported: a.exported}
	if r.constantFor(a.name, a.value, a.name+"=") {
		v.foreign = true
	} else {
		r.urlConstant(a.value, a.name+"=")
	}
	if a.app {
		old := r.st.vars[a.name]
		if len(a.list) > 0 {
			v.list = append(old.list[:len(old.list):len(old.list)], a.list...)
			v.taint = v.taint.plus(old.taint)
		} else {
			v.text = old.plus(v.text)
		}
	}
	if len(v.list) > maxFields {
		v.list = v.list[:maxFields]
	}
	r.set(a.name, v)
}
