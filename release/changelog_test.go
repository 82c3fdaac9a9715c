package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Two releases, one after the other: the newest comes first, and no change is told
// twice.
func TestChangelog(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	run := func(args ...string) (string, error) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(dir, "release/changelog.sh")}, args...)...).CombinedOutput()
		return string(out), err
	}
	write("release/changelog.sh", read("changelog.sh"))
	write("CHANGELOG.md", "# Changes\n\nAbout it.\n")
	write("release/changes/b.md", "\nSecond & \\1, with\nmore of it.\n")
	write("release/changes/a.md", "First.\n")
	if out, err := run(); err != nil || out != "- First.\n- Second & \\1, with\n  more of it.\n" {
		t.Fatalf("%v: %q", err, out)
	}
	for _, args := range [][]string{{"1.0"}, {"1.0", "2026-12-31"}, {"1.0.0", "today"}} {
		if out, err := run(args...); err == nil {
			t.Errorf("%v is taken: %s", args, out)
		}
	}
	if out, err := run("1.0.0", "2026-12-31"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := run("1.0.1", "2027-01-31"); err == nil {
		t.Errorf("a release without a change: %s", out)
	}
	write("release/changes/c.md", "Third.\n")
	if out, err := run("1.1.0", "2027-01-31"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "# Changes\n\nAbout it.\n\n## 1.1.0 (2027-01-31)\n\n- Third.\n\n## 1.0.0 (2026-12-31)\n\n- First.\n- Second & \\1, with\n  more of it.\n"
	if got := read(filepath.Join(dir, "CHANGELOG.md")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "release/changes")); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// What is not released yet can be made a section of.
func TestChanges(t *testing.T) {
	if files, err := filepath.Glob("changes/*.md"); err != nil || len(files) == 0 {
		t.Skip("all changes are released")
	}
	out, err := exec.CommandContext(t.Context(), "bash", "changelog.sh").CombinedOutput()
	if err != nil || strings.Count("\n"+string(out), "\n- ") == 0 {
		t.Errorf("%v: %s", err, out)
	}
}
