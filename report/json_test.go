package report

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func toJSON(t *testing.T, r *Report, o JSONOptions) string {
	t.Helper()
	var b strings.Builder
	if err := WriteJSON(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSONGolden(t *testing.T) {
	golden(t, "report.json", []byte(toJSON(t, sample(), JSONOptions{})))
	golden(t, "empty.json", []byte(toJSON(t, &Report{}, JSONOptions{})))
}

func TestJSONRoundTrip(t *testing.T) {
	for _, r := range []*Report{sample(), cleanSample()} {
		want := toJSON(t, r, JSONOptions{})
		back, err := ReadJSON(strings.NewReader(want))
		if err != nil {
			t.Fatal(err)
		}
		if got := toJSON(t, back, JSONOptions{}); got != want {
			t.Errorf("the report differs when it is read back and written again:\n%s", got)
		}
	}
	// Whatever the string, it comes back as it was; only bytes that are not
	// UTF-8 can't.
	r := cleanSample()
	for _, tt := range escapes {
		r.Notes = append(r.Notes, Note{Text: strings.ToValidUTF8(tt.in, "?")})
	}
	out := toJSON(t, r, JSONOptions{})
	inert(t, "JSON", out)
	back, err := ReadJSON(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Notes, r.Notes) {
		t.Errorf("got  %#v\nwant %#v", back.Notes, r.Notes)
	}
}

func FuzzJSON(f *testing.F) {
	for _, tt := range escapes {
		f.Add(tt.in)
	}
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, s string) {
		out := toJSON(t, &Report{Notes: []Note{{Text: s}}}, JSONOptions{})
		inert(t, "JSON", out)
		back, err := ReadJSON(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := back.Notes[0].Text, string([]rune(s)); got != want { // bytes that are not UTF-8 become U+FFFD
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestJSONDoesNotClaimToBeComplete(t *testing.T) {
	r := cleanSample()
	r.Gaps = make([]Gap, 1)
	if out := toJSON(t, r, JSONOptions{}); !strings.Contains(out, `"complete": false`) {
		t.Errorf("complete with a gap:\n%s", out)
	}
	if !r.Complete || r.Images[0].Layers == nil {
		t.Error("WriteJSON changed the report")
	}
}

func TestJSONReveal(t *testing.T) {
	r := sample()
	plain := toJSON(t, r, JSONOptions{})
	out := toJSON(t, r, JSONOptions{Reveal: func(f *Finding) (string, bool) {
		return "</secret>\x1b" + f.Rule, f.Rule != "npm-token"
	}})
	if strings.Contains(plain, "secretValue") {
		t.Error("secretValue without Reveal")
	}
	if n := strings.Count(out, `"secretValue": "</secret>\u001b`); n != len(r.Findings)-1 {
		t.Errorf("%d secrets in\n%s", n, out)
	}
	validate(t, out, true)
	if _, err := ReadJSON(strings.NewReader(out)); err != nil {
		t.Error(err)
	}
}

func TestReadJSONRefuses(t *testing.T) {
	good := toJSON(t, cleanSample(), JSONOptions{})
	for _, bad := range []string{
		"", "{}", "null", "[]", good[:len(good)/2], good + "{}",
		strings.Replace(good, SchemaID, "leakscan.report/\x1b", 1),
		strings.Replace(good, SchemaID, "leakscan.report/2", 1),
		strings.Replace(good, `"images": [`, `"images": 1, "x": [`, 1),
	} {
		if _, err := ReadJSON(strings.NewReader(bad)); err == nil {
			t.Errorf("no error for %.60q", bad)
		} else {
			inert(t, "error", err.Error())
		}
	}
	if _, err := ReadJSON(strings.NewReader(strings.Replace(good, `"tool": {`, `"later": 1, "tool": {`, 1))); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
}

func compiled(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, report string, want bool) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(report))
	if err != nil {
		t.Fatal(err)
	}
	switch err := compiled(t, Schema()).Validate(doc); {
	case want && err != nil:
		t.Errorf("refused: %v", err)
	case !want && err == nil:
		t.Error("not refused")
	}
}

func TestSchema(t *testing.T) {
	full := toJSON(t, sample(), JSONOptions{})
	validate(t, full, true)
	validate(t, toJSON(t, cleanSample(), JSONOptions{}), true)
	validate(t, toJSON(t, &Report{}, JSONOptions{}), true)

	for _, damage := range []struct{ name, old, new string }{
		{"unknown place", `"place": "history"`, `"place": "elsewhere"`},
		{"unknown fate", `"fate": "deleted"`, `"fate": "gone"`},
		{"unknown severity", `"severity": "critical"`, `"severity": "dire"`},
		{"unknown confidence", `"confidence": "high"`, `"confidence": ""`},
		{"unknown kind of gap", `"kind": "limit"`, `"kind": "other"`},
		{"other schema", SchemaID, "leakscan.report/2"},
		{"no schema", `"schema": "` + SchemaID + `",`, ""},
		{"no gaps", `"gaps": [`, `"gapz": [`},
		{"null for a list", `"layers": []`, `"layers": null`},
		{"wrong type", `"files": 12345`, `"files": "12345"`},
		{"fraction", `"files": 12345`, `"files": 0.5`},
		{"negative", `"files": 12345`, `"files": -1`},
		{"unknown field", `"complete": false`, `"complete": false, "extra": 1`},
		{"unknown field deep down", `"codec": "zstd"`, `"codec": "zstd", "extra": 1`},
		{"complete in spite of gaps", `"complete": false`, `"complete": true`},
	} {
		t.Run(damage.name, func(t *testing.T) {
			damaged := strings.Replace(full, damage.old, damage.new, 1)
			if damaged == full {
				t.Fatalf("%q is not in the sample", damage.old)
			}
			validate(t, damaged, false)
		})
	}
	r := cleanSample()
	r.Findings = []Finding{{Severity: SeverityLow, Confidence: ConfidenceLow}}
	validate(t, toJSON(t, r, JSONOptions{}), false) // a finding without a location
}

// node is the part of JSON Schema that ours uses.
type node struct {
	Ref                  string          `json:"$ref"`
	Type                 string          `json:"type"`
	Const                any             `json:"const"`
	Enum                 []string        `json:"enum"`
	Items                *node           `json:"items"`
	Required             []string        `json:"required"`
	Properties           map[string]node `json:"properties"`
	AdditionalProperties *bool           `json:"additionalProperties"`
	Defs                 map[string]node `json:"$defs"`
}

// The schema and the Go types agree, field by field and in both directions.
func TestSchemaAgreesWithTheModel(t *testing.T) {
	var root node
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	if root.Properties["schema"].Const != SchemaID {
		t.Errorf("schema: const is %v, not %s", root.Properties["schema"].Const, SchemaID)
	}
	seen := map[string]bool{}
	var object func(typ reflect.Type, n node)
	var value func(where string, typ reflect.Type, n node)
	object = func(typ reflect.Type, n node) {
		if n.Type != "object" || n.AdditionalProperties == nil || *n.AdditionalProperties {
			t.Errorf("%s: not a closed object", typ.Name())
		}
		names, required := map[string]bool{}, []string{}
		for _, f := range reflect.VisibleFields(typ) {
			name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || name == "-" {
				continue
			}
			names[name] = true
			if opts != "omitempty" {
				required = append(required, name)
			}
			p, ok := n.Properties[name]
			if !ok {
				t.Errorf("%s.%s: %q is not in the schema", typ.Name(), f.Name, name)
				continue
			}
			value(typ.Name()+"."+f.Name, f.Type, p)
		}
		for name := range n.Properties {
			if !names[name] {
				t.Errorf("%s: %q is only in the schema", typ.Name(), name)
			}
		}
		got := slices.Sorted(slices.Values(n.Required))
		slices.Sort(required)
		if !slices.Equal(got, required) {
			t.Errorf("%s: the schema requires %v, the model writes %v", typ.Name(), got, required)
		}
	}
	value = func(where string, typ reflect.Type, n node) {
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		typeName := typ.Name()
		if typ == reflect.TypeFor[jsonFinding]() {
			typeName = "Finding"
		}
		want := ""
		switch {
		case typ == reflect.TypeFor[Preview](), typ == reflect.TypeFor[string]():
			want = "string"
		case typ.Kind() == reflect.Struct, typ.Kind() == reflect.String:
			name := strings.ToLower(typeName[:1]) + typeName[1:]
			def, ok := root.Defs[name]
			if n.Ref != "#/$defs/"+name || !ok {
				t.Errorf("%s: refers to %q, want %q", where, n.Ref, name)
				return
			}
			if !seen[name] {
				seen[name] = true
				if typ.Kind() == reflect.Struct {
					object(typ, def)
				} else if got, want := def.Enum, constants(t, typeName); def.Type != "string" || !slices.Equal(got, want) {
					t.Errorf("%s: the schema has %v, the model %v", typeName, got, want)
				}
			}
			return
		case typ.Kind() == reflect.Slice:
			want = "array"
			if n.Items == nil {
				t.Errorf("%s: no items", where)
			} else {
				value(where, typ.Elem(), *n.Items)
			}
		case typ.Kind() == reflect.Bool:
			want = "boolean"
		case typ.Kind() == reflect.Int, typ.Kind() == reflect.Int64:
			want = "integer"
		}
		if n.Type != want || want == "" {
			t.Errorf("%s: is %q in the schema, want %q for %s", where, n.Type, want, typ)
		}
	}
	object(reflect.TypeFor[jsonReport](), root)
	for name := range root.Defs {
		if !seen[name] {
			t.Errorf("$defs/%s is not used", name)
		}
	}
}

// constants lists the constants of a type in report.go, in its order.
func constants(t *testing.T, typ string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "report.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
			v, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
		}
		return true
	})
	return values
}

// What is written has the fields of Report, in its order.
func TestJSONFormMirrorsReport(t *testing.T) {
	form, model := reflect.TypeFor[jsonReport](), reflect.TypeFor[Report]()
	if form.NumField() != model.NumField() {
		t.Fatalf("%d fields, want %d", form.NumField(), model.NumField())
	}
	for i := range model.NumField() {
		if f, m := form.Field(i), model.Field(i); f.Name != m.Name || f.Tag != m.Tag {
			t.Errorf("field %d is %s %s, want %s %s", i, f.Name, f.Tag, m.Name, m.Tag)
		}
	}
	// A value that is not zero in each field reaches the file.
	r := sample()
	for i := range model.NumField() {
		if name := model.Field(i).Name; name != "Complete" && reflect.ValueOf(*r).Field(i).IsZero() {
			t.Errorf("the sample has no %s", name)
		}
	}
	back, err := ReadJSON(strings.NewReader(toJSON(t, cleanSample(), JSONOptions{})))
	if err != nil || !back.Complete {
		t.Errorf("complete is lost: %v", err)
	}
}
