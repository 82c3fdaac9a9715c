package check

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakscan/leakscan/report"
)

// readDriver has a text read as a compose, bake or workflow file in a directory.
func readDriver(kind driver, dir, name, text string, env map[string]string) (*drivers, []string, error) {
	var gaps []string
	d := &drivers{src: newSource(name, []byte(text)), dir: dir,
		getenv: func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		gap: func(_ report.GapKind, where, path, reason, hint string) {
			gaps = append(gaps, strings.Join([]string{where, path, reason, hint}, "|"))
		}}
	err := d.read(kind)
	return d, gaps, err
}

// places says where findings are: "3:9 NPM_TOKEN: text".
func places(d *drivers) (out []string) {
	for _, f := range d.found {
		line, column := d.src.position(f.at.from)
		out = append(out, fmt.Sprintf("%d:%d %s", line, column, d.src.data[f.at.from:f.at.to]))
	}
	return out
}

func TestComposeInterpolation(t *testing.T) {
	env := map[string]string{"A": "a", "EMPTY": "", "NPM_TOKEN": "tok-from-env"}
	for _, c := range []struct {
		in, want string
		known    bool
		secrets  string
	}{
		{"plain", "plain", true, ""},
		{"$A-${A}", "a-a", true, ""},
		{"$$A", "$A", true, ""},
		{"$${A}", "${A}", true, ""},
		{"100$", "100$", true, ""},
		{"$ $1 ${", "$ $1 ${", true, ""},
		{"${X}", "${X}", false, ""},
		{"${X:-b}", "b", true, ""},
		{"${X-b}", "b", true, ""},
		{"${EMPTY-b}", "", true, ""},
		{"${EMPTY:-b}", "b", true, ""},
		{"${EMPTY:+b}", "", true, ""},
		{"${A:+b}", "b", true, ""},
		{"${EMPTY+b}", "b", true, ""},
		{"${X:?needed}", "${X}", false, ""},
		{"${A?needed}", "a", true, ""},
		{"${X:-${Y:-z}}!", "z!", true, ""},
		{"${X:-${Y}}", "${Y}", false, ""},
		{"${NPM_TOKEN}", "tok-from-env", true, "${NPM_TOKEN}"},
		{"${DB_PASSWORD:-}", "", true, "${DB_PASSWORD}"},
		{"${X:-$GH_TOKEN}", "${GH_TOKEN}", false, "${GH_TOKEN}"},
		{"${NPM_TOKEN:+yes}", "yes", true, ""},
		{"${NPM_TOKEN:+$API_KEY}", "${API_KEY}", false, "${API_KEY}"},
		{"${A!x}", "${A!x}", true, ""},
	} {
		x := expandCompose(c.in, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
		if x.value != c.want || x.known != c.known || strings.Join(x.secrets, " ") != c.secrets {
			t.Errorf("%q is %q %v %v, want %q %v %s", c.in, x.value, x.known, x.secrets, c.want, c.known, c.secrets)
		}
	}
	began := time.Now()
	for _, open := range []string{"${A:-", "${A!", "${A", "${", "$A", "$"} {
		for _, end := range []string{"", "}"} {
			deep := strings.Repeat(open, 100000) + strings.Repeat(end, 100000)
			if x := expandCompose(deep, func(string) (string, bool) { return "", false }); x.value == "" {
				t.Errorf("%s: what is nested too deeply is gone", open)
			}
		}
	}
	if took := time.Since(began); took > 3*time.Minute {
		t.Errorf("it took %s", took)
	}
}

func TestDriverPlaces(t *testing.T) {
	for _, c := range []struct {
		name string
		kind driver
		text string
		want []string
	}{
		{"map", composeFile, "services:\n  a:\n    build:\n      args:\n        NPM_TOKEN: ${NPM_TOKEN} # x\n", []string{"5:9 NPM_TOKEN: ${NPM_TOKEN}"}},
		{"quoted", composeFile, "services: {a: {build: {args: {'NPM_TOKEN': \"${NPM_TOKEN}\", B: c}}}}\n", []string{"1:31 'NPM_TOKEN': \"${NPM_TOKEN}\""}},
		{"list", composeFile, "services:\n  a:\n    build:\n      args:\n      -   \"NPM_TOKEN=${NPM_TOKEN}\"\n", []string{"5:11 \"NPM_TOKEN=${NPM_TOKEN}\""}},
		{"no value", composeFile, "services:\n  a:\n    build:\n      args:\n        NPM_TOKEN:\n        B: c\n", []string{"5:9 NPM_TOKEN:"}},
		{"anchor", composeFile, "x: &t ${NPM_TOKEN}\ny: &m\n  API_KEY: !!str &k 'hunter2xyz'\nservices:\n  a:\n    build:\n      args: {<<: *m, T: *t}\n", []string{"7:22 T: *t}", "3:3 API_KEY: !!str &k 'hunter2xyz'"}},
		{"not ASCII", composeFile, "services:\n  ä: {build: {args: {ü: é, NPM_TOKEN: '${NPM_TOKEN}'}}}\n", []string{"2:31 NPM_TOKEN: '${NPM_TOKEN}'"}},
		{"CRLF and BOM", composeFile, "\ufeffservices:\r\n  a:\r\n    build:\r\n      args:\r\n        NPM_TOKEN: ${NPM_TOKEN}\r\n", []string{"5:9 NPM_TOKEN: ${NPM_TOKEN}"}},
		{"second document", composeFile, "a: b\n---\nservices:\n  a:\n    build:\n      args: [NPM_TOKEN]\n", []string{"6:14 NPM_TOKEN"}},
		{"bake", bakeFile, "target \"a\" {\n  args = { A = \"1\", NPM_TOKEN = NPM_TOKEN }\n}\n", []string{"2:21 NPM_TOKEN = NPM_TOKEN"}},
		{"bake JSON", bakeFile, "{\"target\": {\"a\": {\"args\": {\n  \"ä\": \"ö\", \"NPM_TOKEN\": \"${NPM_TOKEN}\"}}}}", []string{"2:15 \"NPM_TOKEN\": \"${NPM_TOKEN}\""}},
		{"literal", workflowFile, "jobs:\n a:\n  steps:\n  - uses: docker/build-push-action@v6\n    with:\n      build-args: |\n        A=1\n\n        T=${{ secrets.T }}\n      push: true\n", []string{"9:9 T=${{ secrets.T }}"}},
		{"folded", workflowFile, "jobs:\n a:\n  steps:\n  - uses: docker/build-push-action@v6\n    with:\n      build-args: >-\n        T=${{ secrets.T }}\n", []string{"7:9 T=${{ secrets.T }}"}},
		{"escaped", workflowFile, "jobs:\n a:\n  steps:\n  - uses: docker/build-push-action@v6\n    with:\n      build-args: \"A=1\\n\\x54=${{ secrets.T }}\\u000AB=2\"\n", []string{"6:25 \\x54=${{ secrets.T }}"}},
		{"plain in two lines", workflowFile, "jobs:\n a:\n  steps:\n  - run: docker build\n      --build-arg A=1\n      --build-arg T=${{ secrets.T }} .\n", []string{"6:7 --build-arg T=${{ secrets.T }}"}},
		{"script", workflowFile, "jobs:\n a:\n  steps:\n  - run: |\n      docker build \\\n        --build-arg 'T=${{ secrets.T }}' .\n", []string{"6:9 --build-arg 'T=${{ secrets.T }}'"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _, err := readDriver(c.kind, t.TempDir(), "x", c.text, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := places(d); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%q, want\n%q", got, c.want)
			}
		})
	}
}

// A literal is masked, and in no message.
func TestDriverValues(t *testing.T) {
	for _, c := range []struct {
		kind driver
		text string
	}{
		{composeFile, "services:\n  a:\n    build:\n      args:\n        API_KEY: hunter2xyz\n"},
		{composeFile, "services:\n  a:\n    build:\n      args: ['API_KEY=hunter2xyz']\n"},
		{composeFile, "services:\n  a:\n    build:\n      args: ['X=${API_KEY:-hunter2xyz}']\n"},
		{composeFile, "services:\n  a:\n    build:\n      args:\n        DB: mysql://u:hunter2xyz@h/d\n"},
		{bakeFile, "target \"a\" {\n  args = { API_KEY = \"hunter2xyz\" }\n}\n"},
		{bakeFile, "variable \"API_KEY\" { default = \"hunter2xyz\" }\ntarget \"a\" {\n  args = { X = \"-${API_KEY}\" }\n}\n"},
		{workflowFile, "jobs: {a: {steps: [{uses: docker/build-push-action@v6, with: {build-args: 'API_KEY=hunter2xyz'}}]}}\n"},
		{workflowFile, "env: {API_KEY: hunter2xyz}\njobs: {a: {steps: [{run: 'docker build --build-arg API_KEY .'}]}}\n"},
		{workflowFile, "jobs: {a: {steps: [{run: 'API_KEY=hunter2xyz; docker build --build-arg X=$API_KEY .'}]}}\n"},
	} {
		d, gaps, err := readDriver(c.kind, ".", "x", c.text, nil)
		if err != nil || len(d.found) != 1 {
			t.Errorf("%s: %d findings, %v", c.text, len(d.found), err)
			continue
		}
		f := d.found[0]
		if strings.Contains(f.message+f.fix+strings.Join(gaps, ""), "hunter2xyz") {
			t.Errorf("%s: the value is in the message %q", c.text, f.message)
		}
		if !slices.Contains(f.known, "hunter2xyz") {
			t.Errorf("%s: the value is not masked: %q", c.text, f.known)
		}
	}
}

func TestWorkflowExpressions(t *testing.T) {
	w := &workflowReader{yamlFile: &yamlFile{d: &drivers{dir: "."}}, root: "."}
	in := scope{env: map[string]value{"T": {secrets: []string{"secrets.T"}}, "V": {text: "1", known: true}, "API_KEY": {text: "changeme", known: true}}}
	for text, want := range map[string]string{
		"${{ secrets.A }}":                          "secrets.A",
		"${{ secrets['A'] }}":                       "secrets.A",
		"${{secrets.a}}-${{ github.token }}":        "secrets.a github.token",
		"${{ toJSON(secrets) }}":                    "secrets",
		"${{ format('{0}', secrets.A) }}":           "secrets.A",
		"${{ env.T }}":                              "env.T",
		"${{ env.V }}":                              "",
		"${{ env.API_KEY }}":                        "",
		"${{ env.NPM_TOKEN }}":                      "env.NPM_TOKEN",
		"${{ inputs.npm-token }}":                   "inputs.npm-token",
		"${{ github.event.inputs.npm_token }}":      "github.event.inputs.npm_token",
		"${{ steps.x.outputs.token }}":              "steps.x.outputs.token",
		"${{ needs.x.outputs.version }}":            "",
		"${{ 'secrets.A' }}":                        "",
		"${{ secrets.A != '' }}":                    "",
		"${{ !secrets.A }}":                         "",
		"${{ secrets.A && 'yes' || 'no' }}":         "",
		"${{ inputs.x && secrets.A || secrets.B }}": "secrets.A secrets.B",
		"${{ contains(secrets.A, 'x') }}":           "",
		"${{ github.sha }}-${{ vars.VERSION }}":     "",
		"${{ 'it''s }}' }}${{ secrets.A }}":         "secrets.A",
		"${{ secrets.A":                             "",
	} {
		if got := strings.Join(w.value(text, in).secrets, " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestDriverBuilds(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		kind driver
		text string
		want []Invocation
	}{
		{"compose", composeFile, "services:\n  web:\n    build:\n      context: app\n      dockerfile: d/Web\n      target: t\n      platforms: [linux/arm64]\n      args: [A=1, B, NPM_TOKEN]\n" +
			"      secrets: [a, {source: s, target: b}]\n      additional_contexts: {x: y, s: 'service:web'}\n      cache_to: ['type=registry,mode=max']\n      provenance: mode=max\n",
			[]Invocation{{Context: dir + "/app", Dockerfile: dir + "/app/d/Web", Target: "t", Platform: "linux/arm64", Args: map[string]string{"A": "1"}, ArgNames: []string{"B", "NPM_TOKEN"},
				Secrets: []string{"a", "b", "s"}, Given: true, Contexts: map[string]string{"x": dir + "/y"}, CacheMax: true, ProvenanceMax: true, Origin: "service web of x"}}},
		{"the same twice", composeFile, "services:\n  a: {build: .}\n  b: {build: {context: ./}}\n", []Invocation{{Context: dir, Given: true, Origin: "service a of x"}}},
		{"bake", bakeFile, "variable \"V\" { default = \"2\" }\ntarget \"base\" {\n args = { A = 1, B = \"b\" }\n target = \"t\"\n}\ntarget \"web\" {\n inherits = [\"base\"]\n context = \"app\"\n dockerfile = \"d/Web\"\n" +
			" args = { B = \"v${V}\", C = null, E = NOWHERE }\n secret = [\"type=file,id=a\", { id = \"b\" }]\n cache-to = [{ type = \"gha\", mode = \"max\" }]\n attest = [\"type=provenance,mode=max\"]\n platforms = [\"linux/arm64\", \"linux/amd64\"]\n}\n",
			[]Invocation{{Context: dir + "/app", Dockerfile: dir + "/app/d/Web", Target: "t", Platform: "linux/arm64", Args: map[string]string{"A": "1", "B": "v2"}, ArgNames: []string{"E"},
				Secrets: []string{"a", "b"}, Given: true, CacheMax: true, ProvenanceMax: true, Origin: "target web of x"}}},
		{"action", workflowFile, "jobs: {a: {steps: [{name: n, uses: 'docker/build-push-action@v6', with: {context: app, file: d/Web, target: t, platforms: 'linux/arm64,linux/amd64', " +
			"secrets: 'a=${{ secrets.A }}', secret-files: 'b=./b', build-contexts: 'x=y', cache-to: 'type=gha,mode=max', provenance: mode=max, build-args: 'A=1'}}]}}\n",
			[]Invocation{{Context: dir + "/app", Dockerfile: dir + "/d/Web", Target: "t", Platform: "linux/arm64", Args: map[string]string{"A": "1"}, Secrets: []string{"GIT_AUTH_TOKEN", "a", "b"}, Given: true,
				Contexts: map[string]string{"x": dir + "/y"}, CacheMax: true, ProvenanceMax: true, Origin: "step n of the job a of x"}}},
		{"command", workflowFile, "env: {V: '3'}\njobs: {a: {steps: [{name: n, run: 'cd w && docker buildx build -qt x -f d/Web --target=t --platform linux/arm64 --secret id=a,env=A --build-arg A=1 --build-arg V " +
			"--build-arg G=$G --build-context x=../y --cache-to type=gha,mode=max --provenance=mode=max --no-cache app'}]}}\n",
			[]Invocation{{Context: dir + "/w/app", Dockerfile: dir + "/w/d/Web", Target: "t", Platform: "linux/arm64", Args: map[string]string{"A": "1", "V": "3"}, ArgNames: []string{"G"}, Secrets: []string{"a"}, Given: true,
				Contexts: map[string]string{"x": dir + "/y"}, CacheMax: true, ProvenanceMax: true, Origin: "step n of the job a of x"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, gaps, err := readDriver(c.kind, dir, "x", c.text, nil)
			if err != nil || len(gaps) > 0 {
				t.Fatal(err, gaps)
			}
			if !reflect.DeepEqual(d.builds, c.want) {
				t.Errorf("got\n%+v, want\n%+v", d.builds, c.want)
			}
		})
	}
}

// What is broken or hostile ends in an error that names the line, and soon.
func TestDriverHostile(t *testing.T) {
	bomb := "a0: &a0 [x]\n"
	for i := range 40 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	merges := "m0: &m0 {NPM_TOKEN: }\n"
	for i := range 60 {
		merges += fmt.Sprintf("m%d: &m%d {<<: [%s]}\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*m%d, ", i), 10), ", "))
	}
	vars := ""
	for i := range 40 {
		vars += fmt.Sprintf("variable \"a%d\" { default = \"%s\" }\n", i, strings.Repeat(fmt.Sprintf("${a%d}", i+1), 50))
	}
	inline, heirs := "", ""
	for i := range 2000 {
		inline += fmt.Sprintf("  s%d: {build: {dockerfile_inline: *x}}\n", i)
		heirs += fmt.Sprintf("target \"a%d\" { inherits = [\"_a\"] }\n", i)
	}
	services := ""
	for i := range 2000 {
		services += fmt.Sprintf("  s%d: {build: {args: *x}}\n", i)
	}
	many := "x: &x\n" + strings.Repeat("  - A=${T}\n", 100000) + "services:\n" + services
	for _, c := range []struct {
		name string
		kind driver
		text string
		want string // in the error; "": none is needed
	}{
		{"tab", composeFile, "services:\n  a:\n\tbuild: .\n", "line 3"},
		{"UTF-8", composeFile, "services:\n  a: \xff\n", "line 2 is not UTF-8"},
		{"UTF-16", workflowFile, "\xff\xfea\x00", "UTF-16"},
		{"unclosed", workflowFile, "jobs:\n  a: [\n", "line"},
		{"twice", workflowFile, "jobs:\n  a: 1\n  a: 2\n", "line 3"},
		{"nested", composeFile, strings.Repeat("[", 1<<20), "depth"},
		{"nested maps", workflowFile, strings.Repeat("{a: ", 1<<20), "depth"},
		{"large", composeFile, strings.Repeat("a: b\n", 2<<20), "larger"},
		{"large bake", bakeFile, strings.Repeat("a = 1\n", 2<<20), "larger"},
		{"alias bomb", composeFile, bomb + "services: {a: {build: {args: *a40}}}\n", ""},
		{"merge bomb", composeFile, merges + "services: {a: {build: {args: *m60}}}\n", "refers to itself"},
		{"many services", composeFile, many, "refers to itself"},
		{"one Dockerfile often", composeFile, "x: &x " + strings.Repeat("x", 1<<20) + "\nservices:\n" + inline, "refers to itself"},
		{"one value often", bakeFile, "target \"_a\" { args = { A = \"" + strings.Repeat("x", 1<<19) + "\" } }\n" + heirs, "refers to itself"},
		{"one script often", workflowFile, "x: &x \"docker build . #" + strings.Repeat("x", 60000) + "\"\njobs: {a: {steps: [" + strings.Repeat("{run: *x},", 10000) + "]}}\n", "refers to itself"},
		{"itself", composeFile, "services: &s {a: &a {build: {args: *a, <<: *s}, extends: a}}\n", ""},
		{"HCL brackets", bakeFile, "a = " + strings.Repeat("(", 100000), "line 1"},
		{"HCL templates", bakeFile, "a = " + strings.Repeat("\"${", 100000), "line 1"},
		{"HCL signs", bakeFile, "a = " + strings.Repeat("!", 100000) + "x\n", "line 1"},
		{"HCL sums", bakeFile, "a = 1" + strings.Repeat("+1", 100000) + "\n", "line 1"},
		{"HCL doubling", bakeFile, vars + "target \"a\" { args = { A = a0 } }\n", ""},
		{"HCL loops", bakeFile, "target \"a\" { args = { A = join(\"\", [for a in L : [for b in L : [for c in L : [for d in L : \"x\"]]]]) } }\nL = [" + strings.Repeat("1,", 5000) + "]\n", ""},
		{"HCL replace", bakeFile, "A = \"" + strings.Repeat("a", 400000) + "\"\ntarget \"a\" { args = { A = replace(\"" + strings.Repeat("a", 200000) + "\", \"a\", \"" + strings.Repeat("b", 200000) + "\") } }\n", ""},
		{"HCL inherits", bakeFile, "target \"a\" { inherits = [\"b\"] }\ntarget \"b\" { inherits = [\"a\", \"b\"] }\n", ""},
		{"HCL matrix", bakeFile, "L = [" + strings.Repeat("1,", 5000) + "]\ntarget \"a\" {\n matrix = { a = L, b = L, c = L }\n}\n", ""},
		{"HCL variables", bakeFile, "a = b\nb = a\ntarget \"a\" { args = { A = a } }\n", ""},
		{"JSON brackets", bakeFile, strings.Repeat("[", 500000), "line 1"},
		{"JSON", bakeFile, "{\n\"target\": }", "line 2"},
		{"script", workflowFile, "jobs: {a: {steps: [{run: 'docker build " + strings.Repeat("$(", 30000) + "'}]}}\n", ""},
		{"long script", workflowFile, "jobs: {a: {steps: [{run: 'docker build " + strings.Repeat("x", 100000) + "'}]}}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			_, _, err := readDriver(c.kind, t.TempDir(), "x", c.text, nil)
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
			if took := time.Since(began); took > 3*time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// seeds are the driver files of the corpus.
func seeds(f *testing.F, kind driver) {
	files, err := filepath.Glob("../../testdata/dockerfile/driver-*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(b), "\n-- ")
		path, rest, _ := strings.Cut(rest, " --\n")
		body, _, _ := strings.Cut(rest, "\n-- ")
		if strings.Contains(head, path) && driverKind(path) == kind {
			f.Add(body)
		}
	}
}

func fuzzDriver(f *testing.F, kind driver) {
	seeds(f, kind)
	f.Fuzz(func(t *testing.T, text string) {
		read := func() string {
			d, gaps, err := readDriver(kind, "nowhere", "x", text, map[string]string{"A": "1", "NPM_TOKEN": "t"})
			for _, g := range d.found {
				for _, e := range []extent{g.at, g.value} {
					if e.from < 0 || e.to < e.from || e.to > len(text) {
						t.Fatalf("%v is not in the file", e)
					}
				}
				if g.message == "" || g.at.to == g.at.from {
					t.Fatalf("%+v says nothing", g)
				}
			}
			out := fmt.Sprintln(gaps, err, places(d))
			for _, b := range d.builds {
				out += fmt.Sprintf("%#v\n", b)
			}
			return out
		}
		if a, b := read(), read(); a != b {
			t.Fatalf("first\n%s, then\n%s", a, b)
		}
	})
}

func FuzzCompose(f *testing.F)  { fuzzDriver(f, composeFile) }
func FuzzBake(f *testing.F)     { fuzzDriver(f, bakeFile) }
func FuzzWorkflow(f *testing.F) { fuzzDriver(f, workflowFile) }
