package check

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/leakscan/leakscan/buildhook/shellflow"
)

// The evaluation of variables follows BuildKit's dockerfile2llb, and a test
// compares the two. Ours also knows for every value which secrets went into
// it, and goes through stages that the target doesn't need.

// variable is the value of an ARG or ENV.
type variable struct {
	value  string
	known  bool // false: an ARG without a value, which the build's caller may give one
	arg    bool // set by ARG, and not by ENV since
	labels []shellflow.Label
}

// state is what an instruction finds when it runs.
type state struct {
	vars  map[string]variable
	env   map[string]variable // of the image's config: what ENV set
	args  []string            // in scope, as declared
	dir   string
	user  string
	shell []string
	base  bool // there is a base image whose environment is not known

	files []shellflow.File // with secrets in them
}

func (st *state) clone() *state {
	c := *st
	c.vars, c.env = maps.Clone(st.vars), maps.Clone(st.env)
	c.args = slices.Clone(st.args)
	c.files = slices.Clone(st.files)
	return &c
}

// maxKept bounds the files with secrets that a stage is known to have: those
// beyond it are told where they come from, and are not followed further.
const maxKept = 5000

// keep notes that the stage has a file with secrets in it. The list is sorted
// by path, and a path is in it once, whatever is copied over it.
func (st *state) keep(f shellflow.File) {
	i, found := slices.BinarySearchFunc(st.files, f, func(a, b shellflow.File) int { return cmp.Compare(a.Path, b.Path) })
	if found {
		was := st.files[i]
		was.Labels, was.Dir = union(was.Labels, f.Labels), was.Dir || f.Dir
		st.files = slices.Clone(st.files) // a stage that is built on this one may share it
		st.files[i] = was
		return
	}
	if len(st.files) < maxKept {
		st.files = slices.Insert(slices.Clip(st.files), i, f)
	}
}

// Get and Keys make a state the environment of BuildKit's lexer.
func (st *state) Get(name string) (string, bool) {
	v, ok := st.vars[name]
	return v.value, ok && v.known
}

// Keys lists the variables that have a value.
func (st *state) Keys() []string {
	var keys []string
	for k, v := range st.vars {
		if v.known {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// word is an expanded word.
type word struct {
	value   string
	labels  []shellflow.Label // of the variables in it
	args    []string          // ARGs in it that have no value
	unknown bool              // something in it has no value that is known here
}

// maxValue bounds what a word expands to: ENV A=$A$A, sixty times, would be an
// exabyte. No process can be started with more.
const maxValue = 128 << 10

// expand replaces the variables in a word, with BuildKit's own lexer.
func (st *state) expand(lex *shell.Lex, s string) (word, error) {
	if !strings.ContainsAny(s, "$\\\"'`") {
		return word{value: s}, nil
	}
	res, err := lex.ProcessWordWithMatches(s, st)
	if err != nil {
		return word{value: s}, err
	}
	if len(res.Result) > maxValue {
		return word{}, fmt.Errorf("a variable's value grows beyond %d bytes", maxValue)
	}
	w := word{value: res.Result}
	for _, names := range []map[string]struct{}{res.Matched, res.Unmatched} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			v, ok := st.vars[name]
			w.labels = union(w.labels, v.labels)
			if ok && !v.known {
				w.args = append(w.args, name)
				w.unknown = true
			}
			if !ok && st.base {
				w.unknown = true
			}
		}
	}
	return w, nil
}

func union(a, b []shellflow.Label) []shellflow.Label {
	if len(b) == 0 {
		return a
	}
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// platformArgs are the ARGs that every build has.
func platformArgs(o *Options, target string) map[string]variable {
	platform := o.Platform
	if platform == "" {
		platform = "linux/" + runtime.GOARCH
	}
	system, arch, _ := strings.Cut(platform, "/")
	arch, variant, _ := strings.Cut(arch, "/")
	if target == "" {
		target = "default"
	}
	vars := map[string]variable{}
	for _, kv := range [][2]string{
		{"BUILDPLATFORM", "linux/" + runtime.GOARCH}, {"BUILDOS", "linux"}, {"BUILDOSVERSION", ""}, {"BUILDARCH", runtime.GOARCH}, {"BUILDVARIANT", ""},
		{"TARGETPLATFORM", platform}, {"TARGETOS", system}, {"TARGETOSVERSION", ""}, {"TARGETARCH", arch}, {"TARGETVARIANT", variant},
		{"TARGETSTAGE", target},
	} {
		vars[kv[0]] = variable{value: kv[1], known: true, arg: true}
	}
	return vars
}

// evaluator goes through a Dockerfile's instructions in BuildKit's order.
type evaluator struct {
	d      *dockerfile
	o      *Options
	lex    *shell.Lex
	raw    *shell.Lex // for here-documents, whose quotes stay
	global *state
	args   map[string]string // --build-arg

	// secretValue gives the labels of a variable that is set: by its name and
	// value, or because it is one of the caller's secrets.
	secretValue func(in *instruction, name, value string, known bool, inherited []shellflow.Label) []shellflow.Label
	// visit is called for every instruction, with the state before it.
	visit func(in *instruction, st *state) error
}

// run evaluates all stages. It fails where BuildKit would.
func (e *evaluator) run() error {
	e.lex = shell.NewLex(e.d.escape)
	e.raw = shell.NewLex('\\')
	e.raw.SkipProcessQuotes = true
	target := e.o.Target
	if target == "" {
		target = e.d.stages[len(e.d.stages)-1].name
	}
	global := &state{vars: platformArgs(e.o, target)}
	e.global = global
	for _, in := range e.d.meta {
		if err := e.visit(in, global); err != nil {
			return err
		}
		if c, ok := in.cmd.(*instructions.ArgCommand); ok {
			for _, kv := range c.Args {
				if err := e.setArg(in, kv, global, nil); err != nil {
					return err
				}
			}
		}
	}
	for _, s := range e.d.stages {
		if err := e.stage(s, global); err != nil {
			return err
		}
	}
	return nil
}

func (e *evaluator) stage(s *stage, global *state) error {
	from := s.from.cmd.(*instructions.Stage)
	base, err := global.expand(e.lex, from.BaseName)
	if err != nil {
		return &syntaxError{err: err, first: s.from.first, to: s.from.last}
	}
	s.base = base.value
	st := &state{vars: map[string]variable{}, env: map[string]variable{}, dir: "/", base: s.base != "scratch"}
	s.parent = nil
	if p := e.d.find(s.base, s.index); p != nil {
		s.parent = p
		st = p.state.clone()       // ARGs included
		maps.Copy(st.vars, st.env) // but what ENV set comes first again
	}
	s.state = st
	if err := e.visit(s.from, global); err != nil {
		return err
	}
	ins := s.ins
	if s.parent != nil {
		var triggers []*instruction
		for _, in := range s.parent.ins {
			if t := e.d.trigger(in); t != nil {
				t.stage = s
				triggers = append(triggers, t)
			}
		}
		ins = append(triggers, ins...)
	}
	for _, in := range ins {
		if err := e.visit(in, st); err != nil {
			return err
		}
		if err := e.apply(in, st, global); err != nil {
			return err
		}
	}
	return nil
}

// find returns the stage before the index of that name or number.
func (d *dockerfile) find(name string, before int) *stage {
	if name == "" {
		return nil
	}
	for i := before - 1; i >= 0; i-- {
		if s := d.stages[i]; s.name != "" && strings.EqualFold(s.name, name) {
			return s
		}
	}
	return nil
}

// findFrom is find for --from, which may also be a number.
func (d *dockerfile) findFrom(name string, before int) *stage {
	if i, err := strconv.Atoi(name); err == nil {
		if i >= 0 && i < before {
			return d.stages[i]
		}
		return nil
	}
	return d.find(name, before)
}

// apply does to the state what the instruction does.
func (e *evaluator) apply(in *instruction, st, global *state) error {
	fail := func(err error) error { return &syntaxError{err: err, first: in.first, to: in.last} }
	switch c := in.cmd.(type) {
	case *instructions.ArgCommand:
		for _, kv := range c.Args {
			if err := e.setArg(in, kv, st, global); err != nil {
				return err
			}
		}
	case *instructions.EnvCommand:
		// All values of one ENV see the environment before it.
		set := make([]variable, len(c.Env))
		keys := make([]string, len(c.Env))
		for i, kv := range c.Env {
			k, err := st.expand(e.lex, kv.Key)
			if err != nil {
				return fail(err)
			}
			w, err := st.expand(e.lex, kv.Value)
			if err != nil {
				return fail(err)
			}
			keys[i] = k.value
			set[i] = variable{value: w.value, known: true, labels: w.labels}
			set[i].labels = e.secretValue(in, k.value, w.value, !w.unknown || w.value != "", w.labels)
		}
		for i, k := range keys {
			st.vars[k], st.env[k] = set[i], set[i]
		}
	case *instructions.WorkdirCommand:
		w, err := st.expand(e.lex, c.Path)
		if err != nil {
			return fail(err)
		}
		if path.IsAbs(w.value) {
			st.dir = path.Clean(w.value)
		} else {
			st.dir = path.Join("/", st.dir, w.value)
		}
	case *instructions.UserCommand:
		w, err := st.expand(e.lex, c.User)
		if err != nil {
			return fail(err)
		}
		st.user = w.value
	case *instructions.ShellCommand:
		st.shell = c.Shell
	}
	return nil
}

func (e *evaluator) setArg(in *instruction, kv instructions.KeyValuePairOptional, st, global *state) error {
	v := variable{arg: true}
	given, ok := e.args[kv.Key]
	switch {
	case ok:
		v.value, v.known = given, true
	case kv.Value != nil:
		w, err := st.expand(e.lex, *kv.Value)
		if err != nil {
			return &syntaxError{err: err, first: in.first, to: in.last}
		}
		v.value, v.known, v.labels = w.value, true, w.labels
	case global != nil:
		if g, ok := global.vars[kv.Key]; ok {
			v.value, v.known, v.labels = g.value, g.known, g.labels
		}
	}
	v.labels = e.secretValue(in, kv.Key, v.value, v.known, v.labels)
	if old, ok := st.vars[kv.Key]; ok && !v.known {
		// An ARG without a value leaves an ENV of its name as it is.
		old.labels = union(old.labels, v.labels)
		v = old
	}
	st.vars[kv.Key] = v
	st.args = append(st.args, kv.Key)
	return nil
}

// mounts gives the mounts of a RUN with their variables expanded.
func (e *evaluator) mounts(in *instruction, st *state) ([]*instructions.Mount, error) {
	c := in.cmd.(*instructions.RunCommand)
	// GetMounts gives nothing before Expand was called.
	if err := c.Expand(func(s string) (string, error) {
		w, err := st.expand(e.lex, s)
		return w.value, err
	}); err != nil {
		return nil, &syntaxError{err: fmt.Errorf("%w", err), first: in.first, to: in.last}
	}
	return instructions.GetMounts(c), nil
}

// home is the home directory of the state's user.
func (st *state) home() string {
	if v, ok := st.vars["HOME"]; ok && v.known && path.IsAbs(v.value) {
		return v.value
	}
	user, _, _ := strings.Cut(st.user, ":")
	if user == "" || user == "root" || user == "0" || strings.Trim(user, "0123456789") == "" {
		return "/root"
	}
	return "/home/" + user
}

// abs makes a path in the image absolute.
func (st *state) abs(p string) string {
	if !path.IsAbs(p) {
		p = path.Join(st.dir, p)
	}
	return path.Clean("/" + p)
}

// under says whether the path is the directory or below it.
func under(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}
