package check_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// The corpus is in testdata/dockerfile, a txtar archive for each case: a
// Dockerfile and its context. The comment in front of the files says what the
// case is about; lines of it that start with "option:" are flags.
//
// A line "#~ ID [ID…]" in any file says which checks must find something in
// the next line that is not such a line, and is not part of the file itself.
// A problem that is expected nowhere, or in another line, fails the test. One
// that stands in no file is expected by "problem: ID" in the comment, a gap by
// "gap: words of its reason", a note by "note: words".
//
// %{name} stands for a made-up secret in its provider's form: see made.

// expectation is a check that must find something in a line.
type expectation struct {
	file string
	line int
	id   string
}

type corpusCase struct {
	name    string
	files   map[string][]byte
	want    []expectation
	gaps    []string
	notes   []string
	options []string
	dirs    []string
}

func readCase(t testing.TB, file string) *corpusCase {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parseCase(t, strings.TrimSuffix(filepath.Base(file), ".txtar"), data)
}

func parseCase(t testing.TB, name string, data []byte) *corpusCase {
	t.Helper()
	a := txtar.Parse(data)
	c := &corpusCase{name: name, files: map[string][]byte{}}
	for line := range strings.Lines(string(a.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "option":
			c.options = append(c.options, expand(t, value))
		case "problem":
			c.want = append(c.want, expectation{id: value})
		case "gap":
			c.gaps = append(c.gaps, value)
		case "note":
			c.notes = append(c.notes, value)
		case "dir":
			c.dirs = append(c.dirs, value)
		}
	}
	for _, f := range a.Files {
		var out bytes.Buffer
		var ids []string
		n := 0
		for line := range bytes.Lines(f.Data) {
			if rest, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("#~")); ok {
				ids = append(ids, strings.Fields(string(rest))...)
				continue
			}
			n++
			for _, id := range ids {
				c.want = append(c.want, expectation{f.Name, n, id})
			}
			ids = nil
			expanded := expand(t, string(line))
			out.WriteString(expanded)
			n += strings.Count(expanded, "\n") - strings.Count(string(line), "\n") // a PEM block has several
		}
		if len(ids) > 0 {
			t.Fatalf("%s: %s ends with #~ %v", name, f.Name, ids)
		}
		c.files[f.Name] = out.Bytes()
	}
	return c
}

// write puts the case's files into a directory.
func (c *corpusCase) write(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range c.dirs {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range c.files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var scanner = sync.OnceValues(func() (*detect.Scanner, error) {
	set, err := rules.Default()
	if err != nil {
		return nil, err
	}
	return detect.New(set, detect.Options{})
})

// shared is one scanner for all cases: to make one takes longer than a case.
func shared(t testing.TB) *detect.Scanner {
	t.Helper()
	s, err := scanner()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// optionsFor are the options that the case asks for.
func (c *corpusCase) optionsFor(t testing.TB, dir string) check.Options {
	o, _ := c.parseOptions(t, dir)
	return o
}

func (c *corpusCase) parseOptions(t testing.TB, dir string) (check.Options, string) {
	t.Helper()
	o := check.Options{Workers: 2, Scanner: shared(t)}
	o.Context = dir
	o.Args = map[string]string{}
	o.Contexts = map[string]string{}
	subject := dir
	for _, opt := range c.options {
		flag, value, _ := strings.Cut(opt, " ")
		switch flag {
		case "-f":
			o.Dockerfile = filepath.Join(dir, value)
		case "--target":
			o.Target = value
		case "--platform":
			o.Platform = value
		case "--build-arg":
			k, v, ok := strings.Cut(value, "=")
			if ok {
				o.Args[k] = v
			} else {
				o.ArgNames = append(o.ArgNames, k)
			}
		case "--secret":
			o.Given = true
			for f := range strings.SplitSeq(value, ",") {
				if id, ok := strings.CutPrefix(f, "id="); ok {
					o.Secrets = append(o.Secrets, id)
				}
			}
		case "--no-secrets":
			o.Given = true
		case "--build-context":
			k, v, _ := strings.Cut(value, "=")
			if !strings.Contains(v, "://") {
				v = filepath.Join(dir, v)
			}
			o.Contexts[k] = v
		case "--cache-max":
			o.CacheMax = true
		case "--provenance-max":
			o.ProvenanceMax = true
		case "--home":
			o.Home = filepath.Join(dir, value)
		case "--context":
			o.Context = value
			if !strings.Contains(value, "://") && value != "" {
				o.Context = filepath.Join(dir, value)
			}
		case "--driver":
			subject = filepath.Join(dir, value)
		default:
			t.Fatalf("%s: unknown option %q", c.name, opt)
		}
	}
	return o, subject
}

// check runs the check as the command would.
func (c *corpusCase) check(t testing.TB, dir string) *report.Check {
	t.Helper()
	o, subject := c.parseOptions(t, dir)
	t.Chdir(dir)
	var rep *report.Check
	var err error
	if subject != dir {
		o.Context = ""
		rep, err = check.Paths(context.Background(), []string{subject}, o)
	} else {
		rep, err = check.Run(context.Background(), o)
	}
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return rep
}

func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("../../testdata/dockerfile/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 150 {
		t.Errorf("the corpus has %d cases, want at least 150", len(files))
	}
	clean := 0
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			c := readCase(t, f)
			if len(c.want) == 0 {
				clean++
			}
			c.judge(t)
		})
	}
	if clean*5 < len(files)*2 {
		t.Errorf("%d of %d cases are clean, want about half", clean, len(files))
	}
}

// judge runs the case and compares.
func (c *corpusCase) judge(t *testing.T) {
	t.Helper()
	dir := c.write(t)
	rep := c.check(t, dir)
	var got []expectation
	for _, p := range rep.Problems {
		e := expectation{p.Span.File, p.Span.Line, p.Check}
		if p.Span.Line == 0 {
			e.file = ""
		}
		if !slices.Contains(got, e) {
			got = append(got, e)
		}
	}
	for _, e := range got {
		if !slices.Contains(c.want, e) {
			t.Errorf("%s:%d: %s is not expected: %s", e.file, e.line, e.id, messageOf(rep, e))
		}
	}
	for _, e := range c.want {
		if !slices.Contains(got, e) {
			t.Errorf("%s:%d: %s is missing", e.file, e.line, e.id)
		}
	}
	for _, g := range rep.Gaps {
		if !slices.ContainsFunc(c.gaps, func(w string) bool { return strings.Contains(g.Reason, w) }) {
			t.Errorf("unexpected gap: %s %s %s", g.Blob, g.Path, g.Reason)
		}
	}
	for _, w := range c.gaps {
		if !slices.ContainsFunc(rep.Gaps, func(g report.Gap) bool { return strings.Contains(g.Reason, w) }) {
			t.Errorf("no gap says %q", w)
		}
	}
	for _, w := range c.notes {
		if !slices.ContainsFunc(rep.Notes, func(n report.Note) bool { return strings.Contains(n.Text, w) }) {
			t.Errorf("no note says %q: %v", w, rep.Notes)
		}
	}
	if rep.Complete != (len(rep.Gaps) == 0) {
		t.Error("complete is wrong")
	}
	noSecretIn(t, rep)
}

func messageOf(rep *report.Check, e expectation) string {
	for _, p := range rep.Problems {
		if p.Check == e.id && p.Span.Line == e.line {
			return p.Message
		}
	}
	return ""
}

// noSecretIn fails if a made-up secret is in any text of the report.
func noSecretIn(t *testing.T, rep *report.Check) {
	t.Helper()
	text := fmt.Sprintf("%+v", rep)
	for name, v := range made {
		for line := range strings.Lines(v) {
			if l := strings.TrimSpace(line); len(l) >= 12 && !strings.HasPrefix(l, "-----") && strings.Contains(text, l) {
				t.Errorf("the report shows %%{%s}", name)
			}
		}
	}
}
