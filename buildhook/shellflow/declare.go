package shellflow

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// declare is export, local and their kin where the parser knows them.
func (r *run) declare(c *syntax.DeclClause) {
	pos, end := r.at(c)
	d := declaration{r: r, variant: c.Variant.Value}
	var all taint
	prints := true
	for _, a := range c.Args {
		switch {
		case a.Name == nil:
			for _, w := range r.words([]*syntax.Word{a.Value}) {
				if strings.HasPrefix(w.s, "-") || strings.HasPrefix(w.s, "+") {
					d.option(w.s)
					continue
				}
				prints = false
				all = all.plus(w.taint)
				d.word(w)
			}
		case a.Naked:
			prints = false
			d.name(a.Name.Value)
		default:
			prints = false
			v := r.assignment(a)
			all = all.plus(v.value.taint)
			d.assign(v)
		}
	}
	r.traceAt(all, pos, end)
	if prints && !d.functions {
		r.emitAs(1, unknown("", d.printed()), d.variant, d.variant, pos, end)
	}
}

// declareWords is the same for words: where the shell's grammar has no
// declarations, or after command.
func (r *run) declareWords(variant string, c *cmdline, args []text) {
	d := declaration{r: r, variant: variant}
	prints := true
	for _, w := range args {
		if strings.HasPrefix(w.s, "-") || strings.HasPrefix(w.s, "+") {
			d.option(w.s)
			continue
		}
		prints = false
		d.word(w)
	}
	if prints && !d.functions {
		r.emitAs(1, unknown("", d.printed()), variant, variant, c.pos, c.end)
	}
}

// declaration is one of them at work.
type declaration struct {
	r         *run
	variant   string
	export    bool
	unexport  bool
	global    bool
	functions bool
}

func (d *declaration) option(s string) {
	switch {
	case s[0] == '+':
		d.unexport = strings.Contains(s, "x")
	case d.variant == "export":
		d.unexport = strings.Contains(s, "n")
	default:
		d.export = d.export || strings.Contains(s, "x")
		d.global = d.global || strings.Contains(s, "g")
	}
	d.functions = d.functions || strings.ContainsAny(s, "fF")
}

func (d *declaration) exports() bool { return (d.export || d.variant == "export") && !d.unexport }

func (d *declaration) scope(name string) {
	if d.variant != "export" && d.variant != "readonly" && !d.global {
		d.r.local(name)
	}
}

func (d *declaration) name(name string) {
	d.scope(name)
	v, ok := d.r.st.vars[name]
	if !ok {
		if !d.exports() {
			return
		}
		v.text, _ = d.r.lookup(name)
	}
	if d.exports() {
		v.exported = true
	}
	if d.unexport {
		v.exported = false
	}
	d.r.st.vars[name] = v
}

func (d *declaration) assign(a assignment) {
	d.scope(a.name)
	a.exported = d.exports()
	d.r.assign(a)
}

// word is an argument that is only known once it is expanded: NAME=value, or
// all of $(cat file).
func (d *declaration) word(w text) {
	name, value, ok := w.cut('=')
	switch {
	case ok && name.known() && syntax.ValidName(name.s):
		d.assign(assignment{name: name.s, value: value})
	case !ok && w.known() && syntax.ValidName(w.s):
		d.name(w.s)
	case !w.taint.none():
		d.r.st.sourced = d.r.st.sourced.plus(w.taint)
		if d.exports() {
			d.r.st.exports = true
		}
	}
}

func (d *declaration) printed() taint {
	if d.variant == "export" || d.export {
		return d.r.exported()
	}
	if d.variant == "local" || d.variant == "readonly" {
		return taint{}
	}
	return d.r.allVars()
}
