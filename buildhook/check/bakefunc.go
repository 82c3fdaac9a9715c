package check

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// sizeOf is about how large a value is, counted up to a limit.
func sizeOf(v cty.Value, limit int) int {
	n := 1
	switch {
	case !v.IsKnown() || v.IsNull():
	case v.Type() == cty.String:
		n += len(v.AsString())
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next() && n <= limit; {
			k, x := it.Element()
			n += sizeOf(k, limit-n) + sizeOf(x, limit-n)
		}
	}
	return n
}

// bakeFunctions are those of HCL's own that bake files use. It is read only.
var bakeFunctions = map[string]function.Function{
	"and": stdlib.AndFunc, "not": stdlib.NotFunc, "or": stdlib.OrFunc, "equal": stdlib.EqualFunc, "notequal": stdlib.NotEqualFunc,
	"add": stdlib.AddFunc, "subtract": stdlib.SubtractFunc, "greaterthan": stdlib.GreaterThanFunc, "lessthan": stdlib.LessThanFunc,
	"lower": modestly(stdlib.LowerFunc), "upper": modestly(stdlib.UpperFunc), "title": modestly(stdlib.TitleFunc), "trimspace": modestly(stdlib.TrimSpaceFunc),
	"trim": modestly(stdlib.TrimFunc), "trimprefix": modestly(stdlib.TrimPrefixFunc), "trimsuffix": modestly(stdlib.TrimSuffixFunc),
	"replace": modestly(stdlib.ReplaceFunc), "substr": modestly(stdlib.SubstrFunc), "split": modestly(stdlib.SplitFunc), "join": modestly(stdlib.JoinFunc),
	"concat": modestly(stdlib.ConcatFunc), "merge": modestly(stdlib.MergeFunc), "keys": modestly(stdlib.KeysFunc), "values": modestly(stdlib.ValuesFunc),
	"lookup": modestly(stdlib.LookupFunc), "element": modestly(stdlib.ElementFunc), "length": modestly(stdlib.LengthFunc), "strlen": modestly(stdlib.StrlenFunc),
	"contains": modestly(stdlib.ContainsFunc), "coalesce": modestly(stdlib.CoalesceFunc), "distinct": modestly(stdlib.DistinctFunc),
	"compact": modestly(stdlib.CompactFunc), "flatten": modestly(stdlib.FlattenFunc),
}

// modestly is a function that doesn't know its result where that could be
// large.
func modestly(f function.Function) function.Function {
	free := function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true}
	small := func(args []cty.Value) bool {
		product := 1
		for _, a := range args {
			if product *= sizeOf(a, maxHCLProduct); product > maxHCLProduct {
				return false
			}
		}
		return true
	}
	// Calls within functions check their arguments' types no more: convert
	// them as the evaluator would.
	typed := func(args []cty.Value) ([]cty.Value, error) {
		out := slices.Clone(args)
		params := f.Params()
		for i, a := range args {
			p := f.VarParam()
			if i < len(params) {
				p = &params[i]
			}
			if p == nil {
				return nil, fmt.Errorf("too many arguments")
			}
			v, err := convert.Convert(a, p.Type)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		if len(args) < len(params) {
			return nil, fmt.Errorf("too few arguments")
		}
		return out, nil
	}
	return function.New(&function.Spec{
		VarParam: &free,
		Type: func(args []cty.Value) (cty.Type, error) {
			if !small(args) {
				return cty.DynamicPseudoType, nil
			}
			args, err := typed(args)
			if err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
			if !small(args) {
				return cty.UnknownVal(ret), nil
			}
			args, err := typed(args)
			if err != nil {
				return cty.UnknownVal(ret), err
			}
			return f.Call(args)
		},
	})
}
