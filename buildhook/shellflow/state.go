package shellflow

import (
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// variable is a variable of the script.
type variable struct {
	text
	list     []text // of an array
	exported bool
}

// state is what a command can change.
type state struct {
	vars      map[string]variable
	funcs     map[string]*function // replaced, never changed
	fs        files
	cwd       string // a key
	home      string
	params    []text // $1 and on
	in        [4]*text
	out       [10]*sink
	xtrace    bool
	allexport bool
	sourced   taint // of a file that set variables nobody knows the names of
	exports   bool  // and it was sourced under set -a
	trap      []*syntax.Stmt
	trapText  *text
	halted    int // the number of the frame that exit, return or break leaves; 0: none
}

type function struct {
	body *syntax.Stmt
	src  source
}

// source is the text that positions are in.
type source struct {
	script   string // what the nodes' offsets are in
	at       int    // the offset of script in Input.Script
	fixed    bool   // script is no part of Input.Script: all of it is at from..to
	from, to int
	lang     syntax.LangVariant
}

// frame is what exit, return or break ends.
type frame struct {
	kind  frameKind
	saved []*state // the states that left it early
	in    [4]*text // the streams outside of it
	out   [10]*sink
}

type frameKind int

const (
	shellFrame frameKind = iota
	functionFrame
	loopFrame
)

// run is one analysis.
type run struct {
	in       *Input
	st       *state
	src      source
	frames   []frame
	flows    []Flow
	removals map[string]Removal
	cond     string // the condition of the branch we are in
	locals   []map[string]variable
	after    []after // process substitutions that read
	pipes    int     // how many process substitutions there were
	traced   taint   // what set -x has logged
	texts    []Constant
	steps    int
	most     int // steps
	calls    int
	stop     error
}

// after is a >(…) that runs when its command has written to it.
type after struct {
	key   string
	stmts []*syntax.Stmt
}

func newRun(in *Input) *run {
	in.Mounts = slices.Clone(in.Mounts)
	for i := range in.Mounts {
		if m := &in.Mounts[i]; m.Target != "" {
			m.Target = join(join("/", in.Dir), m.Target)
		}
	}
	st := &state{
		vars:  make(map[string]variable, len(in.Vars)+8),
		fs:    make(files, len(in.Files)+8),
		cwd:   "/",
		home:  in.Home,
		funcs: map[string]*function{},
	}
	if in.Dir != "" {
		st.cwd = join("/", in.Dir)
	}
	if v := in.Vars["HOME"]; st.home == "" && v.Known && len(v.Labels) == 0 && strings.HasPrefix(v.Value, "/") {
		st.home = clean(unmarked(v.Value))
	}
	if st.home == "" {
		st.home = homeOf(in.User)
	}
	for name, v := range in.Vars {
		t := unknown("$"+name, labelled(v.Labels))
		// The value of a secret is never looked at: nothing of it can end up in a path.
		if v.Known && len(v.Labels) == 0 && len(v.Value) <= maxText {
			t = known(unmarked(v.Value))
		}
		t.foreign = true
		st.vars[name] = variable{text: t, exported: v.Exported}
	}
	for _, f := range in.Files {
		st.fs[clean(f.Path)] = &file{given: true, tree: f.Dir, parts: []part{{taint: labelled(f.Labels), given: true}}}
	}
	log := &sink{kind: toLog}
	st.out[1], st.out[2] = log, log
	most := maxSteps
	if in.MaxSteps > 0 {
		most = min(most, in.MaxSteps)
	}
	return &run{in: in, st: st, most: most, removals: map[string]Removal{}}
}

func homeOf(user string) string {
	user, _, _ = strings.Cut(user, ":")
	if user == "" || user == "root" || user == "0" {
		return "/root"
	}
	return "/home/" + path.Base(user)
}

// charge pays for n steps of work.
func (r *run) charge(n int) {
	if r.steps += n; r.steps > r.most && r.stop == nil {
		r.stop = ErrTooLong
	}
}

// clone is a copy that can go its own way.
func (r *run) clone() *state {
	r.charge(1 + (len(r.st.vars)+len(r.st.fs))/8)
	s := *r.st
	s.vars = maps.Clone(s.vars)
	s.fs = maps.Clone(s.fs)
	return &s
}

// removal tells whether a branch that removes a file does so for good.
type removal int

const (
	removalCounts removal = iota // the branch runs when there is something to remove
	removalSameCond
	removalNever // it runs when something failed
)

// join is the state after one of two branches that began at base. b's removals
// count as rule says, and a's likewise.
func (r *run) join(base, a, b *state, ruleA, ruleB removal) *state {
	switch {
	case b.halted != 0:
		return a
	case a.halted != 0:
		return b
	}
	r.charge(1 + (len(a.vars)+len(a.fs)+len(b.fs))/8)
	s := *a
	s.fs = make(files, len(a.fs))
	for k, f := range a.fs {
		if g := b.fs[k]; g != nil {
			s.fs[k] = f.both(g)
		} else if !r.gone(f, base.fs[k], ruleB) {
			s.fs[k] = f
		}
	}
	for k, g := range b.fs {
		if a.fs[k] == nil && !r.gone(g, base.fs[k], ruleA) {
			s.fs[k] = g
		}
	}
	s.vars = make(map[string]variable, len(a.vars))
	for k, v := range a.vars {
		if w, ok := b.vars[k]; ok {
			v = v.both(w, k)
		}
		s.vars[k] = v
	}
	for k, w := range b.vars {
		if _, ok := a.vars[k]; !ok {
			s.vars[k] = w
		}
	}
	if len(b.funcs) > len(a.funcs) {
		s.funcs = b.funcs
	}
	if a.cwd != b.cwd {
		s.cwd = hole("$PWD")
	}
	s.xtrace = a.xtrace || b.xtrace
	s.allexport = a.allexport || b.allexport
	s.exports = a.exports || b.exports
	s.sourced = a.sourced.plus(b.sourced)
	if a.trap == nil && a.trapText == nil {
		s.trap, s.trapText = b.trap, b.trapText
	}
	return &s
}

// gone reports whether f, which only the other branch still has, was removed.
func (r *run) gone(f, before *file, rule removal) bool {
	if f != before {
		return false // written in the branch that has it
	}
	switch rule {
	case removalCounts:
		return true
	case removalSameCond:
		return f.cond != "" && f.cond == r.cond
	}
	return false
}

// both is a variable that is v in one branch and w in another.
func (v variable) both(w variable, name string) variable {
	t := v.taint.plus(w.taint)
	if v.s != w.s {
		v.s = hole("$" + name)
		v.glob = false
		v.foreign = v.foreign || w.foreign
	}
	v.taint = t
	v.exported = v.exported || w.exported
	if len(v.list) == 0 {
		v.list = w.list
	}
	return v
}

// push and pop surround what exit, return or break leaves.
func (r *run) push(kind frameKind) {
	r.frames = append(r.frames, frame{kind: kind, in: r.st.in, out: r.st.out})
}

func (r *run) pop() {
	f := r.frames[len(r.frames)-1]
	r.frames = r.frames[:len(r.frames)-1]
	if r.st.halted > len(r.frames) {
		r.st.halted = 0
		if len(f.saved) > 0 {
			r.st = f.saved[0]
			r.st.in, r.st.out = f.in, f.out
			f.saved = f.saved[1:]
		}
	}
	for _, s := range f.saved {
		s.in, s.out = f.in, f.out
		r.st = r.join(s, r.st, s, removalNever, removalNever)
	}
}

const maxSaved = 32

// halt ends the nearest frame of a kind. A failure isn't kept: no layer comes
// of it.
func (r *run) halt(kind frameKind, failed bool) {
	for i := len(r.frames) - 1; i >= 0; i-- {
		f := &r.frames[i]
		if f.kind == shellFrame && kind != shellFrame {
			return
		}
		if f.kind != kind {
			continue
		}
		if !failed && len(f.saved) < maxSaved {
			f.saved = append(f.saved, r.clone())
		}
		r.st.halted = i + 1
		return
	}
}

// set assigns to a variable.
func (r *run) set(name string, v variable) {
	if len(r.st.vars) > 4096 {
		r.charge(64)
	}
	old := r.st.vars[name]
	v.exported = v.exported || old.exported || r.st.allexport
	v.pos, v.end, v.glob = 0, 0, false
	if v.allHole() && !strings.HasPrefix(v.plain(), "$") || strings.HasPrefix(v.plain(), "$(") && v.allHole() {
		v.s = hole("$" + name)
	}
	r.st.vars[name] = v
	switch name {
	case "HOME":
		if v.known() && strings.HasPrefix(v.s, "/") {
			r.st.home = clean(v.s)
		}
	}
}

// exported is what the environment of a command carries.
func (r *run) exported() taint {
	r.charge(1 + len(r.st.vars)/8)
	var t taint
	for _, name := range slices.Sorted(maps.Keys(r.st.vars)) {
		if v := r.st.vars[name]; v.exported {
			t = t.plus(v.taint)
		}
	}
	if r.st.exports {
		t = t.plus(r.st.sourced)
	}
	return t
}

// allVars is what a bare set prints.
func (r *run) allVars() taint {
	r.charge(1 + len(r.st.vars)/8)
	t := r.st.sourced
	for _, name := range slices.Sorted(maps.Keys(r.st.vars)) {
		t = t.plus(r.st.vars[name].taint)
	}
	return t
}

// env is what a command that reads a variable of its environment gets.
func (r *run) env(name string) taint {
	if v, ok := r.st.vars[name]; ok && v.exported {
		return v.taint
	}
	if r.st.exports {
		return r.st.sourced
	}
	return taint{}
}
