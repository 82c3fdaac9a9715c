package detect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
)

// example is a text that gitleaks' authors test a rule with.
type example struct {
	Rule, Path, Text string
	Positive         bool
}

// examplesMain prints the examples. gitleaks has them in the functions that
// make its rules, as what these pass to a function that validates; that
// function is replaced.
const examplesUtils = `package utils

import (
	"encoding/json"
	"os"

	"github.com/zricethezav/gitleaks/v8/config"
)

var out = json.NewEncoder(os.Stdout)

type example struct {
	Rule, Path, Text string
	Positive         bool
}

func Validate(r config.Rule, tps, fps []string) *config.Rule {
	for _, s := range tps {
		out.Encode(example{r.RuleID, "", s, true})
	}
	for _, s := range fps {
		out.Encode(example{r.RuleID, "", s, false})
	}
	return &r
}

func ValidateWithPaths(r config.Rule, tps, fps map[string]string) *config.Rule {
	for path, s := range tps {
		out.Encode(example{r.RuleID, path, s, true})
	}
	for path, s := range fps {
		out.Encode(example{r.RuleID, path, s, false})
	}
	return &r
}
`

const examplesSecrets = `
var gen = &generator{Rand: rand.New(rand.NewPCG(1, 1))}

// NewSecret is made without the package that gitleaks makes it with.
func NewSecret(pattern string) string { return gen.pattern(pattern) }
`

// examples builds and runs a program of gitleaks' rules' sources, as they are
// in the module cache. Nothing of them is in this repository.
func examples(t *testing.T) (out []example) {
	t.Helper()
	goTool := func(dir string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		b, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
		}
		return b
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("gitleaks' examples need the go command: ", err)
	}
	const module = "github.com/zricethezav/gitleaks/v8"
	src := filepath.Join(strings.TrimSpace(string(goTool(".", "list", "-m", "-f", "{{.Dir}}", module))), "cmd", "generate", "config")
	root := filepath.Dir(strings.TrimSpace(string(goTool(".", "env", "GOMOD"))))

	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	get := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	put("go.mod", get(filepath.Join(root, "go.mod")))
	put("go.sum", get(filepath.Join(root, "go.sum")))
	// In a module with our requirements, of which it needs no other.
	own := regexp.MustCompile(`(?m)^module (\S+)`).FindStringSubmatch(get(filepath.Join(root, "go.mod")))[1]
	local := strings.NewReplacer(module+"/cmd/generate/config/utils", own+"/utils", module+"/cmd/generate/secrets", own+"/secrets")
	put("utils/validate.go", examplesUtils)
	for _, name := range []string{"generate.go", "patterns.go"} {
		put("utils/"+name, get(filepath.Join(src, "utils", name)))
	}
	put("secrets/secrets.go", strings.Replace(get("generate_test.go"), "package detect", "package secrets", 1)+examplesSecrets)
	sources, err := filepath.Glob(filepath.Join(src, "rules", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var main strings.Builder
	fmt.Fprintf(&main, "package main\n\nimport %q\n\nfunc main() {\n", own+"/rules")
	maker := regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(\) \*config\.Rule`)
	for _, name := range sources {
		text := local.Replace(get(name))
		put("rules/"+filepath.Base(name), text)
		for _, m := range maker.FindAllStringSubmatch(text, -1) {
			fmt.Fprintf(&main, "\trules.%s()\n", m[1])
		}
	}
	put("main.go", main.String()+"}\n")

	lines := bufio.NewScanner(bytes.NewReader(goTool(dir, "run", ".")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e example
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestExamples has both scanners look at all that gitleaks' authors test their
// rules with: one by one, and many in a file.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	all := examples(t)
	gl := oracle(t)
	whole := newScanner(t, Options{MaxDecode: -1})
	cut := newScanner(t, Options{MaxDecode: -1, limits: cutting(17)})
	ids := map[string]bool{}
	positives, found := 0, 0
	// A text with many findings takes gitleaks long: of those that differ only
	// in how a secret stands there, one in some goes into the files.
	slow := os.Getenv("LEAKSCAN_SLOW") != ""
	files := make([][]byte, 16)
	for i, e := range all {
		ids[e.Rule] = true
		text := []byte(e.Text)
		want := gl(e.Path, text)
		if e.Positive {
			positives++
			for _, f := range want {
				if f.rule == e.Rule {
					found++
					break
				}
			}
		}
		compare(t, fmt.Sprintf("%s, example %.200q", e.Rule, e.Text), want, ours(t, whole, e.Path, text, bytes.NewReader(text)))
		if k := i / 7 % len(files); i%7 == 0 || !e.Positive || slow {
			files[k] = append(append(files[k], text...), '\n')
		}
	}
	if slow { // a minute or two
		files = append(files, bytes.Join(files, nil))
	}
	findings, cuts := 0, 0
	whole.prepared.Do(whole.prepare)
	var keywords string // that must come first where it is cut: see the package comment
	for _, r := range whole.rules {
		if r.plan.gated {
			keywords += strings.Join(r.Keywords, " ") + "\n"
		}
	}
	for i, text := range files {
		text = append([]byte(keywords), text...)
		want := gl("", text)
		findings += len(want)
		what := fmt.Sprintf("joined file %d", i)
		compare(t, what, want, ours(t, whole, "", text, bytes.NewReader(text)))
		if short(text, want, cut.limits) {
			cuts++
			compare(t, what+", cut", want, ours(t, cut, "", text, iotest.HalfReader(bytes.NewReader(text))))
		}
	}
	t.Logf("joined in %d files, %d of them cut: %d findings", len(files), cuts, findings)
	t.Logf("%d examples of %d rules, %d positive; gitleaks with all its rules finds %d of these as theirs", len(all), len(ids), positives, found)
	if len(ids) < 215 || len(all) < 5000 || found < positives*8/10 {
		t.Error("that shows too little")
	}
}
