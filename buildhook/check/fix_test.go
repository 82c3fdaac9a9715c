package check_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/report"
)

// TestFixCorpus mends every case of the corpus: what is said to be mended is
// gone, nothing is there that was not before, and mending again changes nothing.
func TestFixCorpus(t *testing.T) {
	files, err := filepath.Glob("../../testdata/dockerfile/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	mended := 0
	for _, f := range files {
		c := readCase(t, f)
		if slices.ContainsFunc(c.options, func(o string) bool { return strings.HasPrefix(o, "--driver") || strings.HasPrefix(o, "--context") }) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			dir := c.write(t)
			o := c.optionsFor(t, dir)
			t.Chdir(dir)
			fix, before, err := check.Mend(context.Background(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			fixable := 0
			for _, p := range before.Problems {
				if p.Fixable {
					fixable++
				}
			}
			if len(fix.Files) == 0 {
				if fix.Mended > 0 {
					t.Errorf("%d problems are mended without a change", fix.Mended)
				}
				return
			}
			mended++
			if err := fix.Write(); err != nil {
				t.Fatal(err)
			}
			again, after, err := check.Mend(context.Background(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := os.ReadFile(filepath.Join(dir, "Dockerfile"))
			if len(again.Files) > 0 {
				t.Errorf("mending again changes it once more:\n%s\nto\n%s", text, again.Files[0].New)
			}
			for _, p := range after.Problems {
				same := func(b report.Problem) bool { return b.Check == p.Check && b.Key == p.Key }
				switch i := slices.IndexFunc(before.Problems, same); {
				case i < 0 && p.Check == "secret-not-given": // the caller has to change, too
				case i < 0 && followsFrom(before.Problems, p):
				case i < 0:
					t.Errorf("the fix brings %s: %s\n%s", p.Check, p.Message, text)
				case before.Problems[i].Fixable && !slices.ContainsFunc(before.Problems, func(b report.Problem) bool { return same(b) && !b.Fixable }):
					t.Errorf("%s was said to be mended: %s\n%s", p.Check, p.Message, text)
				}
			}
			for _, g := range after.Gaps {
				if !slices.ContainsFunc(before.Gaps, func(b report.Gap) bool { return b.Reason == g.Reason }) && !strings.Contains(g.Reason, "was not followed") {
					t.Errorf("the fix brings a gap: %s\n%s", g.Reason, text)
				}
			}
		})
	}
	if mended < 40 {
		t.Errorf("only %d cases have something to mend", mended)
	}
}

// followsFrom says whether a problem is an old one in its new form: a secret
// that was a build argument and is a mounted one now.
func followsFrom(before []report.Problem, p report.Problem) bool {
	return slices.ContainsFunc(before, func(b report.Problem) bool {
		// What sets a password from a build argument does it from a secret then.
		return (b.Check == p.Check || b.Check == "password-baked-in" && p.Check == "stale-secret") && strings.EqualFold(b.Key, p.Key)
	})
}
