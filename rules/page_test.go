package rules

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/rules anew")

// TestPages holds docs/rules to the rules.
func TestPages(t *testing.T) {
	dir := filepath.Join("..", "docs", "rules")
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names, rs := builtin(t).Categories()
	want := map[string]string{}
	total := 0
	var index strings.Builder
	for _, c := range names {
		want[c+".md"] = Markdown(c, rs[c])
		fmt.Fprintf(&index, "- [%s](%s.md): %d rules\n", c, c, len(rs[c]))
		total += len(rs[c])
	}
	want["README.md"] = fmt.Sprintf("# The rules\n\n%d rules in %d categories. `leakscan rules` lists them, `leakscan explain RULE` explains one.\nMade by `go test ./rules -update`; a new rule is made with `go run ./rules/newrule`.\n\n%s", total, len(names), index.String())
	for name, text := range want {
		file := filepath.Join(dir, name)
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != text {
			t.Errorf("%s is not what the rules say: go test ./rules -update", file)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range files {
		if _, ok := want[filepath.Base(f)]; !ok {
			t.Errorf("%s belongs to no category", f)
		}
	}
}

func TestShown(t *testing.T) {
	for _, tt := range []struct {
		e    Example
		want string
	}{
		{Example{Text: "K=gsk_<alnum:52>\n"}, "K=gsk_…"},
		{Example{Path: "a/b", Text: "pass<>word <b> <uuid>"}, "a/b:\npassword <b> …"},
		{Example{Text: "@der"}, "(binary)"},
		{Example{Text: "a\x00b"}, "a·b"},
	} {
		if got := (Example{Text: "a_<hex:5>"}).shown(true); got != "a_…(5 characters)" {
			t.Errorf("with lengths: %q", got)
		}
		if got := tt.e.Shown(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.e, got, tt.want)
		}
	}
}
