package corpus

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// TestEveryRule puts every example of every rule of ours into an image, a layer
// each, and scans it: what a rule says that it hits is found there by it, and
// what it says that it misses is not. A rule may leave a text to one that knows
// more about it, but something must be found.
func TestEveryRule(t *testing.T) {
	own, err := rules.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	type example struct {
		rule string
		hit  bool
		text string
		path string
	}
	var es []example
	img := testimage.Image{Name: "examples:latest"}
	add := func(r *rules.Rule, e rules.Example, hit bool) {
		text := e.Expand(r.ID)
		if strings.HasPrefix(text, "@") {
			return // binary: package formats has it
		}
		path := e.Path
		if path == "" {
			path = "app/example"
			if r.Parsed {
				path += ".sh" // a history entry, which is a command
			}
		}
		es = append(es, example{r.ID, hit, text, path})
		img.Layers = append(img.Layers, testimage.Layer{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File(path, text)}})
	}
	for i := range own {
		for _, h := range own[i].Hits {
			add(&own[i], h, true)
		}
		for _, m := range own[i].Misses {
			add(&own[i], m, false)
		}
	}
	data := testimage.DockerArchive(img.Build())
	rep, err := leakscan.Scan(context.Background(), []string{"-"}, leakscan.Options{Open: layerwalk.Options{Stdin: bytes.NewReader(data)}})
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Complete {
		t.Fatalf("gaps: %v", rep.Gaps)
	}
	found := make([]map[string]report.Severity, len(es))
	for i := range rep.Findings {
		f := &rep.Findings[i]
		for k := range f.Locations {
			if l := f.Locations[k].Layer; l != nil && f.Locations[k].Place == report.PlaceFile {
				if found[l.Index-1] == nil {
					found[l.Index-1] = map[string]report.Severity{}
				}
				found[l.Index-1][f.Rule] = f.Severity
			}
		}
	}
	hits, left := 0, 0
	for i, e := range es {
		severity, ok := found[i][e.rule]
		switch {
		case e.hit && !ok && len(found[i]) == 0:
			t.Errorf("%s: nothing is found in %s: %.200q", e.rule, e.path, e.text)
		case e.hit && !ok:
			left++
			t.Logf("%s leaves %s to %v", e.rule, e.path, found[i])
		case e.hit:
			hits++
		case ok && severity != report.SeverityInfo && !weak(rep, e.rule, i+1):
			t.Errorf("%s: found in what it says that it misses, %s: %.200q", e.rule, e.path, e.text)
		}
	}
	t.Logf("%d rules, %d examples: %d hits by their rule, %d by one that knows more", len(own), len(es), hits, left)
	if left*20 > hits {
		t.Errorf("%d of %d hits are left to other rules: then these are of no use", left, hits+left)
	}
}

// weak reports whether a rule's finding in a layer is of low confidence, and so
// below every gate.
func weak(rep *report.Report, rule string, layer int) bool {
	for i := range rep.Findings {
		f := &rep.Findings[i]
		for k := range f.Locations {
			if l := f.Locations[k].Layer; f.Rule == rule && l != nil && l.Index == layer {
				return f.Confidence == report.ConfidenceLow
			}
		}
	}
	return false
}
