package check_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/report"
)

var update = flag.Bool("update", false, "write the pages in docs/checks anew")

// TestPages holds every page to what it says: the bad example is found by its
// check, and nothing is found in the good one.
func TestPages(t *testing.T) {
	all := check.Checks()
	if len(all) < 35 {
		t.Errorf("there are %d checks, want at least 35", len(all))
	}
	var index strings.Builder
	index.WriteString("# The checks of leakscan check\n\nMade by `go test ./buildhook/check -run Pages -update` from buildhook/check/pages; `leakscan explain ID` shows the same.\n\n| check | severity | |\n|---|---|---|\n")
	docs, err := filepath.Abs("../../docs/checks")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		index.WriteString("| [" + c.ID + "](" + c.ID + ".md) | " + string(c.Severity) + " | " + c.Title + " |\n")
		t.Run(c.ID, func(t *testing.T) {
			p, err := check.ReadPage(c.ID)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Text) < 100 || len(p.Bad) == 0 || len(p.Good) == 0 {
				t.Error("the page says too little")
			}
			bad, good := checkExample(t, p.Bad), checkExample(t, p.Good)
			if !slices.ContainsFunc(bad.Problems, func(b report.Problem) bool { return b.Check == c.ID }) {
				t.Errorf("the bad example is not found: %v %v", ids(bad), bad.Gaps)
			}
			if len(good.Problems) > 0 {
				t.Errorf("the good example has %v: %s", ids(good), good.Problems[0].Message)
			}
			golden(t, filepath.Join(docs, c.ID+".md"), p.Markdown())
		})
	}
	golden(t, filepath.Join(docs, "README.md"), index.String())
	pages, err := filepath.Glob("pages/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) != len(all) {
		t.Errorf("there are %d pages for %d checks", len(pages), len(all))
	}
}

func ids(rep *report.Check) (out []string) {
	for _, p := range rep.Problems {
		out = append(out, p.Check)
	}
	return out
}

// checkExample runs the check on an example: its Dockerfile, or the file that
// drives the build, with the flags of the command that it has.
func checkExample(t *testing.T, files map[string]string) *report.Check {
	t.Helper()
	c := &corpusCase{name: "example", files: map[string][]byte{}}
	for name, text := range files {
		if name == "command" {
			words := strings.Fields(text)
			for i, w := range words {
				switch w {
				case "--build-arg", "--build-context", "--secret", "--target":
					c.options = append(c.options, w+" "+words[i+1])
				}
			}
			continue
		}
		if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".hcl") {
			c.options = append(c.options, "--driver "+name)
		}
		c.files[name] = []byte(expand(t, text))
	}
	return c.check(t, c.write(t))
}

func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(file)
	if err != nil || string(old) != text {
		t.Errorf("%s is not what the page says (%v): go test ./buildhook/check -run Pages -update", file, err)
	}
}

func TestExplainUnknown(t *testing.T) {
	if _, err := check.ReadPage("no-such-check"); err == nil {
		t.Error("a page of a check that is none")
	}
}
