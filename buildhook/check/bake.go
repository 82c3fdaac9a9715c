package check

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// bake reads a file for docker buildx bake, in HCL or JSON: what its targets
// are built from and with, after inheritance.
//
// Bake takes paths relative to the directory that it is called in. That is
// mostly the file's; where nothing is found there, the working directory.
func (d *drivers) bake() error {
	if bytes.Contains(d.src.data, []byte(`"services"`)) && !bytes.Contains(d.src.data, []byte("target")) {
		return d.compose() // bake takes that, too
	}
	body, err := d.readHCL()
	if body == nil {
		return err
	}
	b := &bakeReader{d: d, vars: map[string]*bakeVariable{}, targets: map[string]*bakeTarget{}, err: err}
	b.read(body)
	b.expandMatrices()
	for _, name := range b.order {
		b.findings(b.targets[name])
	}
	for _, name := range b.order {
		if b.built(name) {
			b.invoke(b.targets[name])
		}
	}
	return d.done(b.err)
}

type bakeReader struct {
	d       *drivers
	vars    map[string]*bakeVariable
	targets map[string]*bakeTarget
	order   []string // names of targets
	blocks  []*bakeTarget
	grouped map[string]bool // targets that a group names
	basis   map[string]bool // targets that others inherit
	err     error
}

// bakeTarget is a target, for one combination of its matrix.
type bakeTarget struct {
	name   string
	attrs  map[string]hcl.Expression
	matrix map[string]cty.Value
	whole  *bakeTarget // with what it inherits; nil: not put together yet
	args   []bakeArg
	ctxs   []bakeArg
	lists  map[string][]bakeArg // secret, cache-to, attest, platforms: values
}

// bakeArg is NAME = expression, and for a list only an expression.
type bakeArg struct {
	name string
	at   extent
	expr hcl.Expression
	in   *bakeTarget // whose variables it sees
}

func (b *bakeReader) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

var bakeBlocks = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "target", LabelNames: []string{"name"}},
	{Type: "group", LabelNames: []string{"name"}},
	{Type: "variable", LabelNames: []string{"name"}},
}}

var bakeAttributes = attributeSchema("args", "contexts", "context", "dockerfile", "dockerfile-inline", "target", "secret", "inherits",
	"cache-to", "attest", "platforms", "matrix", "name", "targets", "default")

func attributeSchema(names ...string) *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, n := range names {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: n})
	}
	return s
}

func (b *bakeReader) read(body hcl.Body) {
	content, rest, diags := body.PartialContent(bakeBlocks)
	if diags.HasErrors() {
		b.fail(hclError(diags))
	}
	// Attributes beside the blocks are variables, too.
	if attrs, _ := rest.JustAttributes(); attrs != nil {
		for _, name := range slices.Sorted(maps.Keys(attrs)) {
			b.vars[name] = &bakeVariable{expr: attrs[name].Expr, constant: true}
		}
	}
	var groups []map[string]hcl.Expression
	for _, block := range content.Blocks {
		inner, _, diags := block.Body.PartialContent(bakeAttributes)
		if diags.HasErrors() {
			b.fail(hclError(diags))
		}
		attrs := map[string]hcl.Expression{}
		for name, a := range inner.Attributes {
			attrs[name] = a.Expr
		}
		name := block.Labels[0]
		switch block.Type {
		case "variable":
			b.vars[name] = &bakeVariable{expr: attrs["default"]}
		case "group":
			groups = append(groups, attrs)
		case "target":
			b.blocks = append(b.blocks, &bakeTarget{name: name, attrs: attrs})
		}
	}
	b.grouped, b.basis = map[string]bool{}, map[string]bool{}
	for _, g := range groups {
		for _, t := range b.strings(g["targets"], nil) {
			b.grouped[t] = true
		}
	}
}

// maxMatrix bounds the targets that one block stands for.
const maxMatrix = 64

// expandMatrices makes a target of each combination of a matrix. Blocks of the
// same name are one target.
func (b *bakeReader) expandMatrices() {
	for _, t := range b.blocks {
		for _, values := range b.combinations(t) {
			one := &bakeTarget{name: t.name, attrs: t.attrs, matrix: values}
			if e, ok := t.attrs["name"]; ok {
				name, known := b.text(e, one)
				if !known {
					name = t.name + " (matrix)"
				}
				one.name = name
			}
			one.args = b.pairs(one.attrs["args"], one)
			one.ctxs = b.pairs(one.attrs["contexts"], one)
			one.lists = map[string][]bakeArg{}
			for _, key := range []string{"secret", "cache-to", "attest", "platforms"} {
				if e, ok := one.attrs[key]; ok {
					one.lists[key] = b.items(e, one)
				}
			}
			for _, name := range b.strings(one.attrs["inherits"], one) {
				b.basis[name] = true
			}
			old, ok := b.targets[one.name]
			if !ok {
				b.order = append(b.order, one.name)
				b.targets[one.name] = one
				continue
			}
			b.targets[one.name] = b.over(old, one)
		}
	}
}

// combinations lists the values of a matrix. Without one, there is one empty
// combination.
func (b *bakeReader) combinations(t *bakeTarget) []map[string]cty.Value {
	out := []map[string]cty.Value{nil}
	e, ok := t.attrs["matrix"]
	if !ok {
		return out
	}
	pairs := b.pairs(e, nil)
	slices.SortFunc(pairs, func(a, b bakeArg) int { return strings.Compare(a.name, b.name) })
	for _, p := range pairs {
		v, known := b.eval(p.expr, nil)
		if !known || !v.CanIterateElements() {
			v = cty.TupleVal([]cty.Value{cty.DynamicVal})
		}
		var next []map[string]cty.Value
		for _, m := range out {
			for it := v.ElementIterator(); it.Next(); {
				_, one := it.Element()
				if len(next) == maxMatrix {
					b.d.skip("target "+t.name, fmt.Sprintf("its matrix has more than %d combinations, and the rest was not looked at", maxMatrix), "")
					break
				}
				n := map[string]cty.Value{p.name: one}
				for k, v := range m {
					n[k] = v
				}
				next = append(next, n)
			}
		}
		out = next
	}
	return out
}

// over is a target with another on top of it.
func (b *bakeReader) over(under, t *bakeTarget) *bakeTarget {
	out := &bakeTarget{name: t.name, attrs: map[string]hcl.Expression{}, matrix: map[string]cty.Value{}, lists: map[string][]bakeArg{}}
	for _, from := range []*bakeTarget{under, t} {
		for k, v := range from.attrs {
			out.attrs[k] = v
		}
		for k, v := range from.matrix {
			out.matrix[k] = v
		}
		for k, v := range from.lists {
			out.lists[k] = v
		}
	}
	b.d.spend(len(under.args) + len(t.args) + len(under.ctxs) + len(t.ctxs))
	out.args = overArgs(under.args, t.args)
	out.ctxs = overArgs(under.ctxs, t.ctxs)
	return out
}

func overArgs(under, over []bakeArg) []bakeArg {
	at := map[string]int{}
	var out []bakeArg
	for _, a := range append(under[:len(under):len(under)], over...) {
		if i, ok := at[a.name]; ok {
			out[i] = a
			continue
		}
		at[a.name] = len(out)
		out = append(out, a)
	}
	return out
}

// inherited puts a target together with those that it inherits. A later one of
// them wins, and the target itself over all.
func (b *bakeReader) inherited(t *bakeTarget, depth int) *bakeTarget {
	if t.whole != nil {
		return t.whole
	}
	t.whole = t // for one that inherits itself
	if depth > 64 || !b.d.spend(1) {
		return t
	}
	base := &bakeTarget{}
	for _, name := range b.strings(t.attrs["inherits"], t) {
		if p := b.targets[name]; p != nil && p != t && b.d.spend(1) {
			base = b.over(base, b.inherited(p, depth+1))
		}
	}
	whole := b.over(base, t)
	whole.whole = whole
	t.whole = whole
	return whole
}

// built says whether a target is built for itself. One that only others
// inherit is a collection of settings.
func (b *bakeReader) built(name string) bool {
	if name == "default" || b.grouped[name] {
		return true
	}
	return !b.basis[name] && !strings.HasPrefix(name, "_")
}

// findings reports the secrets among a target's own arguments.
func (b *bakeReader) findings(t *bakeTarget) {
	for _, a := range t.args {
		b.d.argument(b.given(a, t.name))
	}
}

// given is what an argument of a target is given.
func (b *bakeReader) given(a bakeArg, target string) given {
	g := given{id: idBakeBuildArg, name: a.name, at: a.at, of: "the target " + target,
		fix: fmt.Sprintf("Take it out of args, write secret = [\"id=%s,env=%s\"] in the target, and use %s.", secretID(a.name), a.name, runFix(a.name))}
	g.text, g.known = b.text(a.expr, a.in)
	named := b.passed(a.expr, a.in)
	for _, name := range named {
		if secretName(name) {
			g.secrets = append(g.secrets, name)
			if v, ok := b.variableText(name); ok && !placeholder(v) {
				g.masks = append(g.masks, v)
			}
		}
	}
	if len(named) > 0 && len(g.secrets) == 0 && secretName(a.name) && !(g.known && b.allConstant(named) && placeholder(g.text)) {
		g.secrets = named // by the argument's name
	}
	if len(named) == 0 {
		g.value = b.extent(a.expr.Range())
	}
	return g
}

// invoke records the build of a target.
func (b *bakeReader) invoke(t *bakeTarget) {
	t = b.inherited(t, 0)
	if !b.d.spend(len(t.args) + len(t.ctxs)) {
		return
	}
	of := "the target " + t.name
	inv := Invocation{Origin: fmt.Sprintf("target %s of %s", t.name, b.d.src.name), Given: true}
	ok := true
	field := func(key string) (string, hcl.Expression) {
		e := t.attrs[key]
		if e == nil {
			return "", nil
		}
		v, known := b.text(e, t)
		if !known {
			b.d.skip("target "+t.name, fmt.Sprintf("its %s depends on what has no value here (%s)", key, strings.Join(b.names(e), ", ")), "set the variable in the environment, or give it a default")
			ok = false
		}
		return v, e
	}
	for _, a := range t.args {
		g := b.given(a, t.name)
		if v, known := b.eval(a.expr, a.in); known && v.IsNull() {
			continue // bake leaves it out
		}
		inv.pass(g, len(g.secrets) > 0 || !g.known)
	}
	if v, e := field("context"); e != nil {
		at := b.extent(e.Range())
		inv.Context = strings.TrimPrefix(b.d.contextURL(v, at, at, b.secretNames(e, t), of), "cwd://")
	}
	for _, a := range t.ctxs {
		if v, known := b.text(a.expr, a.in); known {
			inv.context(a.name, strings.TrimPrefix(b.d.contextURL(v, a.at, a.at, b.secretNames(a.expr, a.in), of), "cwd://"))
		}
	}
	inv.Dockerfile, _ = field("dockerfile")
	inv.Target, _ = field("target")
	if e := t.attrs["dockerfile-inline"]; e != nil {
		v, _ := field("dockerfile-inline")
		inv.Inline = []byte(v)
	}
	for _, item := range t.lists["secret"] {
		id, known := b.option(item, "id")
		if !known {
			inv.Given = false
			continue
		}
		inv.Secrets = append(inv.Secrets, id)
	}
	for _, item := range t.lists["cache-to"] {
		mode, _ := b.option(item, "mode")
		inv.CacheMax = inv.CacheMax || strings.EqualFold(mode, "max")
	}
	for _, item := range t.lists["attest"] {
		kind, _ := b.option(item, "type")
		mode, _ := b.option(item, "mode")
		off, _ := b.option(item, "disabled")
		inv.ProvenanceMax = inv.ProvenanceMax || kind == "provenance" && mode != "min" && off != "true"
	}
	if list := t.lists["platforms"]; len(list) > 0 {
		v, known := b.text(list[0].expr, list[0].in)
		if known {
			inv.Platform = firstPlatform(v)
		}
	}
	if ok {
		b.d.build(b.root(inv), false, inv)
	}
}

// root is the directory that paths are relative to: see bake.
func (b *bakeReader) root(inv Invocation) string {
	name := inv.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	if inv.Inline == nil && !exists(below(below(b.d.dir, inv.Context), name)) && exists(below(below(".", inv.Context), name)) {
		return "."
	}
	return b.d.dir
}

// secretNames are the variables with secrets in an expression.
func (b *bakeReader) secretNames(e hcl.Expression, t *bakeTarget) (out []string) {
	for _, name := range b.passed(e, t) {
		if secretName(name) {
			out = append(out, name)
		}
	}
	return out
}

// hclError says the first thing that is wrong with a file, and in which line.
func hclError(diags hcl.Diagnostics) error {
	for _, g := range diags {
		if g.Severity != hcl.DiagError {
			continue
		}
		if g.Subject != nil {
			return fmt.Errorf("line %d: %s", g.Subject.Start.Line, g.Summary)
		}
		return errors.New(g.Summary)
	}
	return errors.New("it can't be read")
}
