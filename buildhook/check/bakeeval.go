package check

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// This file evaluates what stands in a bake file. HCL is a language in which a
// line can stand for a year of work and a terabyte of text, so nothing is
// evaluated that is not small; the rest has no value here.

const (
	maxHCL          = 1 << 20 // of a file
	maxHCLNesting   = 256     // brackets in brackets
	maxHCLOperators = 2048    // of one attribute, which are nested in the parser, too
	maxHCLValue     = 16 << 10
	maxHCLProduct   = 1 << 20 // sizes of a function's arguments, multiplied
)

// readHCL parses the file.
func (d *drivers) readHCL() (hcl.Body, error) {
	data := d.src.data
	if len(data) > maxHCL {
		return nil, fmt.Errorf("it is larger than 1 MB, and was not read")
	}
	if text := bytes.TrimLeft(data, "\xef\xbb\xbf \t\r\n"); len(text) > 0 && text[0] == '{' || strings.HasSuffix(strings.ToLower(d.src.name), ".json") {
		if line := deepBrackets(data); line > 0 {
			return nil, fmt.Errorf("line %d: it is nested too deeply", line)
		}
		f, diags := hcljson.Parse(data, d.src.name)
		if f == nil || f.Body == nil {
			return nil, hclError(diags)
		}
		if diags.HasErrors() {
			return f.Body, hclError(diags)
		}
		return f.Body, nil
	}
	tokens, _ := hclsyntax.LexConfig(data, d.src.name, hcl.InitialPos)
	depth, operators := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl,
			hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			depth--
		case hclsyntax.TokenNewline:
			if depth <= 1 {
				operators = 0
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenComma, hclsyntax.TokenComment, hclsyntax.TokenEqual:
		default:
			operators++
		}
		if depth > maxHCLNesting || operators > maxHCLOperators {
			return nil, fmt.Errorf("line %d: it is nested too deeply", t.Range.Start.Line)
		}
	}
	f, diags := hclsyntax.ParseConfig(data, d.src.name, hcl.InitialPos)
	if f == nil || f.Body == nil {
		return nil, hclError(diags)
	}
	if diags.HasErrors() {
		return f.Body, hclError(diags)
	}
	return f.Body, nil
}

// deepBrackets is the line in which JSON, or a template in a string of it, is
// nested too deeply; 0: it isn't.
func deepBrackets(data []byte) int {
	depth, operators, line := 0, 0, 1
	quoted := false
	for i, b := range data {
		switch b {
		case '\n':
			line++
		case '"':
			if i == 0 || data[i-1] != '\\' {
				quoted, operators = !quoted, 0
			}
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth = max(depth-1, 0)
		case '!', '-', '?', '+', '*', '/', '%', '&', '|', '=', '<', '>', '.':
			if quoted {
				operators++
			}
		}
		if depth > maxHCLNesting || operators > 16*maxHCLOperators {
			return line
		}
	}
	return 0
}

// bakeVariable is a variable of a bake file.
type bakeVariable struct {
	expr     hcl.Expression // its default; nil: none
	constant bool           // an attribute: the environment doesn't change it
	state    int            // 0: not evaluated, 1: being evaluated, 2: done
	value    cty.Value
}

// variable is the value that a variable has here: that of the environment, or
// its default. What has neither is not known: bake would take "" for it, which
// is not what it is for whoever sets it.
func (b *bakeReader) variable(name string) cty.Value {
	v := b.vars[name]
	if v == nil || v.state == 1 || !b.d.spend(1) {
		return cty.DynamicVal
	}
	if v.state == 2 {
		return v.value
	}
	v.state, v.value = 1, cty.DynamicVal
	if v.expr != nil {
		if x, known := b.eval(v.expr, nil); known && sizeOf(x, maxHCLValue) <= maxHCLValue {
			v.value = x
		}
	}
	if env, ok := b.d.getenv(name); ok && !v.constant && len(env) <= maxHCLValue {
		x := cty.StringVal(env)
		if t := v.value.Type(); t == cty.Bool || t == cty.Number {
			if y, err := convert.Convert(x, t); err == nil {
				x = y
			}
		}
		v.value = x
	}
	v.state = 2
	return v.value
}

// eval evaluates an expression, if it is small and everything in it is known.
func (b *bakeReader) eval(e hcl.Expression, t *bakeTarget) (v cty.Value, known bool) {
	if e == nil || !b.d.spend(1) || !b.modest(e) {
		return cty.DynamicVal, false
	}
	ctx := &hcl.EvalContext{Functions: bakeFunctions, Variables: map[string]cty.Value{}}
	for _, tr := range e.Variables() {
		name := tr.RootName()
		if t != nil {
			if m, ok := t.matrix[name]; ok {
				ctx.Variables[name] = m
				continue
			}
		}
		ctx.Variables[name] = b.variable(name)
	}
	v, diags := e.Value(ctx)
	v, _ = v.UnmarkDeep()
	if diags.HasErrors() || v == cty.NilVal || !v.IsWhollyKnown() {
		return cty.DynamicVal, false
	}
	return v, true
}

// modest says whether an expression can be evaluated without fear.
func (b *bakeReader) modest(e hcl.Expression) bool {
	if len(e.Variables()) > 256 {
		return false
	}
	r := e.Range()
	length := r.End.Byte - r.Start.Byte
	n, ok := e.(hclsyntax.Expression)
	if !ok {
		raw := b.d.src.data[min(max(r.Start.Byte, 0), len(b.d.src.data)):min(max(r.End.Byte, r.Start.Byte, 0), len(b.d.src.data))]
		return !bytes.Contains(raw, []byte("for ")) && !bytes.Contains(raw, []byte("for\\"))
	}
	loops := 0
	hclsyntax.VisitAll(n, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n.(type) {
		case *hclsyntax.ForExpr, *hclsyntax.TemplateJoinExpr:
			loops++
		}
		return nil
	})
	return loops == 0 || loops == 1 && length < 4096 || loops == 2 && length < 512
}

// text is the value of an expression as a build argument gets it.
func (b *bakeReader) text(e hcl.Expression, t *bakeTarget) (string, bool) {
	v, known := b.eval(e, t)
	if !known || v.IsNull() {
		return "", known
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || v.IsNull() || !v.IsKnown() {
		return "", false
	}
	return v.AsString(), true
}

func (b *bakeReader) variableText(name string) (string, bool) {
	v := b.variable(name)
	if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
		return v.AsString(), true
	}
	return "", false
}

func (b *bakeReader) allConstant(names []string) bool {
	for _, n := range names {
		if v := b.vars[n]; v == nil || !v.constant {
			return false
		}
	}
	return true
}

// pairs lists a map with the places of its items. One that is computed is
// evaluated, and all of it is the place.
func (b *bakeReader) pairs(e hcl.Expression, t *bakeTarget) (out []bakeArg) {
	if e == nil {
		return nil
	}
	if kvs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		for _, kv := range kvs {
			if !b.d.spend(1) {
				return out
			}
			key := hcl.ExprAsKeyword(kv.Key)
			if key == "" {
				if key, _ = b.text(kv.Key, t); key == "" {
					continue
				}
			}
			at := b.extent(kv.Key.Range())
			at.to = max(at.to, b.extent(kv.Value.Range()).to)
			out = append(out, bakeArg{key, at, kv.Value, t})
		}
		return out
	}
	at := b.extent(e.Range())
	if call, ok := e.(*hclsyntax.FunctionCallExpr); ok && call.Name == "merge" {
		for _, a := range call.Args {
			out = append(out, b.pairs(a, t)...)
		}
		return out
	}
	v, known := b.eval(e, t)
	if !known || v.IsNull() || !(v.Type().IsObjectType() || v.Type().IsMapType()) {
		// Of what is in it only the variables are known.
		for _, name := range b.passed(e, t) {
			if secretName(name) {
				out = append(out, bakeArg{name, at, e, t})
			}
		}
		return out
	}
	for it := v.ElementIterator(); it.Next() && b.d.spend(1); {
		k, x := it.Element()
		out = append(out, bakeArg{k.AsString(), at, hcl.StaticExpr(x, e.Range()), t})
	}
	return out
}

// items lists a list. An item of one that is computed has the list's place.
func (b *bakeReader) items(e hcl.Expression, t *bakeTarget) (out []bakeArg) {
	if list, diags := hcl.ExprList(e); !diags.HasErrors() {
		for _, x := range list {
			out = append(out, bakeArg{"", b.extent(x.Range()), x, t})
		}
		return out
	}
	v, known := b.eval(e, t)
	if !known || v.IsNull() || !v.CanIterateElements() {
		return []bakeArg{{"", b.extent(e.Range()), e, t}}
	}
	for it := v.ElementIterator(); it.Next() && b.d.spend(1); {
		_, x := it.Element()
		out = append(out, bakeArg{"", b.extent(e.Range()), hcl.StaticExpr(x, e.Range()), t})
	}
	return out
}

// strings are the known texts of a list.
func (b *bakeReader) strings(e hcl.Expression, t *bakeTarget) (out []string) {
	if e == nil {
		return nil
	}
	for _, item := range b.items(e, t) {
		if v, known := b.text(item.expr, t); known {
			out = append(out, v)
		}
	}
	return out
}

// option is an attribute of an item such as "id=npm,env=NPM_TOKEN", or of the
// same as an object.
func (b *bakeReader) option(item bakeArg, key string) (string, bool) {
	v, known := b.eval(item.expr, item.in)
	if !known {
		// The rest of an object can still be known.
		for _, p := range b.staticPairs(item) {
			if p.name == key {
				return b.text(p.expr, item.in)
			}
		}
		return "", false
	}
	switch {
	case v.IsNull():
		return "", true
	case v.Type() == cty.String:
		return option(v.AsString(), key), true
	case v.Type().IsObjectType() && v.Type().HasAttribute(key):
		v = v.GetAttr(key)
	case v.Type().IsMapType() && v.HasIndex(cty.StringVal(key)).True():
		v = v.Index(cty.StringVal(key))
	default:
		return "", true
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || v.IsNull() {
		return "", false
	}
	return v.AsString(), true
}

func (b *bakeReader) staticPairs(item bakeArg) []bakeArg {
	if _, diags := hcl.ExprMap(item.expr); diags.HasErrors() {
		return nil
	}
	return b.pairs(item.expr, item.in)
}

// names are the variables of an expression.
func (b *bakeReader) names(e hcl.Expression) (out []string) {
	for _, tr := range e.Variables() {
		if n := tr.RootName(); !slices.Contains(out, n) && len(out) < 64 {
			out = append(out, n)
		}
	}
	return out
}

// passed are the variables whose values can be in that of the expression; those
// of conditions and comparisons are not. A name that is only set from others
// stands for them, too.
func (b *bakeReader) passed(e hcl.Expression, t *bakeTarget) []string {
	var out []string
	visited := map[string]bool{}
	var walk func(e hcl.Expression, depth int)
	name := func(n string, depth int) {
		if visited[n] || len(out) > 64 || !b.d.spend(1) {
			return
		}
		visited[n] = true
		if t != nil {
			if _, ok := t.matrix[n]; ok {
				return
			}
		}
		out = append(out, n)
		if v := b.vars[n]; v != nil && v.expr != nil && depth < 16 && !secretName(n) {
			walk(v.expr, depth+1)
		}
	}
	walk = func(e hcl.Expression, depth int) {
		if !b.d.spend(1) || depth > 4*maxHCLNesting {
			return
		}
		switch x := e.(type) {
		case *hclsyntax.ConditionalExpr:
			walk(x.TrueResult, depth+1)
			walk(x.FalseResult, depth+1)
		case *hclsyntax.ParenthesesExpr:
			walk(x.Expression, depth+1)
		case *hclsyntax.TemplateExpr:
			for _, p := range x.Parts {
				walk(p, depth+1)
			}
		case *hclsyntax.TemplateWrapExpr:
			walk(x.Wrapped, depth+1)
		case *hclsyntax.UnaryOpExpr, *hclsyntax.BinaryOpExpr: // numbers and truths
		case *hclsyntax.FunctionCallExpr:
			if slices.Contains([]string{"equal", "notequal", "length", "strlen", "contains", "not", "and", "or", "sha1", "sha256", "sha512", "md5", "bcrypt"}, x.Name) {
				return
			}
			for _, a := range x.Args {
				walk(a, depth+1)
			}
		default:
			for _, tr := range e.Variables() {
				name(tr.RootName(), depth)
			}
		}
	}
	walk(e, 0)
	return out
}

func (b *bakeReader) extent(r hcl.Range) extent {
	n := len(b.d.src.data)
	e := extent{min(max(r.Start.Byte, 0), n), min(max(r.End.Byte, 0), n)}
	e.to = max(e.from, e.to)
	return e
}
