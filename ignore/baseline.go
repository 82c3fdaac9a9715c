package ignore

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/leakscan/leakscan/report"
)

// BaselineSchema names the version of the baseline's form. The number rises when
// a field changes its meaning or goes away.
const BaselineSchema = "leakscan.baseline/1"

// baseline is what was known on some day. Only the fingerprints count; the rest
// is for who reads the file, and its changes.
type baseline struct {
	Schema  string          `json:"schema"`
	Entries []baselineEntry `json:"entries"` // by path, rule, fingerprint
}

type baselineEntry struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	Path        string `json:"path"`
}

// WriteBaseline writes the locations of a report that count, as a baseline, and
// says of how many findings it has how many entries.
func WriteBaseline(w io.Writer, r *report.Report) (findings, entries int, err error) {
	b := baseline{Schema: BaselineSchema, Entries: []baselineEntry{}}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Severity == report.SeverityInfo {
			continue
		}
		findings++
		for _, l := range f.Locations {
			b.Entries = append(b.Entries, baselineEntry{l.Fingerprint, f.Rule, cmp.Or(report.Escape(l.Path), string(l.Place))})
		}
	}
	slices.SortFunc(b.Entries, func(a, b baselineEntry) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	b.Entries = slices.Compact(b.Entries)
	out, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return 0, 0, fmt.Errorf("encoding a baseline: %w", err)
	}
	_, err = w.Write(append(out, '\n'))
	return findings, len(b.Entries), err
}

// ReadBaseline reads a baseline, or a report in JSON, whose locations are taken
// for one.
func ReadBaseline(name string, text []byte) ([]Entry, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("%s is no baseline: %w", name, err)
	}
	switch head.Schema {
	case report.SchemaID:
		r, err := report.ReadJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return Baseline(name, r), nil
	case BaselineSchema:
		var b baseline
		if err := json.Unmarshal(text, &b); err != nil {
			return nil, fmt.Errorf("%s is no baseline: %w", name, err)
		}
		es := make([]Entry, 0, len(b.Entries))
		for _, e := range b.Entries {
			es = append(es, known(name, e.Fingerprint))
		}
		return es, nil
	}
	return nil, fmt.Errorf("%s: its schema is %q; this version reads %s and %s: make it anew with leakscan baseline", name, head.Schema, BaselineSchema, report.SchemaID)
}

// Diff is how two reports differ, finding by finding.
type Diff struct {
	New       []report.Finding `json:"new"`       // none of whose locations the old one has
	Moved     []report.Finding `json:"moved"`     // known, and in places where they were not
	Fixed     []report.Finding `json:"fixed"`     // none of whose locations the new one has
	Unchanged []report.Finding `json:"unchanged"` //
}

// Compare compares the findings of two reports by the fingerprints of their
// locations, which are the same after a rebuild.
func Compare(old, new *report.Report) Diff {
	has := func(r *report.Report) map[string]bool {
		m := map[string]bool{}
		for i := range r.Findings {
			for _, l := range r.Findings[i].Locations {
				m[l.Fingerprint] = true
			}
		}
		return m
	}
	before, after := has(old), has(new)
	d := Diff{New: []report.Finding{}, Moved: []report.Finding{}, Fixed: []report.Finding{}, Unchanged: []report.Finding{}}
	for _, f := range new.Findings {
		known := 0
		for _, l := range f.Locations {
			if before[l.Fingerprint] {
				known++
			}
		}
		switch known {
		case 0:
			d.New = append(d.New, f)
		case len(f.Locations):
			d.Unchanged = append(d.Unchanged, f)
		default:
			d.Moved = append(d.Moved, f)
		}
	}
	for _, f := range old.Findings {
		if !slices.ContainsFunc(f.Locations, func(l report.Location) bool { return after[l.Fingerprint] }) {
			d.Fixed = append(d.Fixed, f)
		}
	}
	return d
}
