package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// What other programs read: CSV, gitleaks' JSON, an in-toto statement.

// writeCSV writes a row for each location (RFC 4180). A cell that a spreadsheet
// would take for a formula begins with an apostrophe.
func writeCSV(w io.Writer, r *Report, o Options) error {
	c := csv.NewWriter(w)
	row := func(cells ...string) error {
		for i, s := range cells {
			if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
				cells[i] = "'" + s
			}
		}
		return c.Write(cells)
	}
	err := row("image", "severity", "confidence", "rule", "title", "preview", "place", "path", "line", "column", "layer", "layer_digest", "fate", "fate_layer", "instruction", "suppressed_by", "fingerprint")
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	entries := r.entries(o)
	for k := range entries {
		e := &entries[k]
		for i := range e.locations {
			l := &e.locations[i]
			layer, dig := "", ""
			if l.Layer != nil {
				layer, dig = number(l.Layer.Index), cmp.Or(l.Layer.Digest, l.Layer.DiffID)
			}
			by := ""
			if l.Suppressed != nil {
				by = l.Suppressed.By
			}
			if err == nil {
				err = row(e.name, string(e.Severity), string(e.Confidence), Escape(e.Rule), Escape(e.Title), Escape(e.Secret.String()), string(l.Place), Escape(l.Path),
					number(l.Line), number(l.Column), layer, Escape(dig), string(l.Fate), number(l.FateLayer), Escape(l.instruction()), Escape(by), Escape(l.Fingerprint))
			}
		}
	}
	c.Flush()
	return cmp.Or(err, c.Error())
}

// gitleaksFinding has the fields of gitleaks' own reports (report.Finding of
// gitleaks v8), for programs that read those.
type gitleaksFinding struct {
	RuleID      string   `json:"RuleID"`
	Description string   `json:"Description"`
	StartLine   int      `json:"StartLine"`
	EndLine     int      `json:"EndLine"`
	StartColumn int      `json:"StartColumn"`
	EndColumn   int      `json:"EndColumn"`
	Match       string   `json:"Match"`
	Secret      string   `json:"Secret"`
	File        string   `json:"File"`
	SymlinkFile string   `json:"SymlinkFile"`
	Commit      string   `json:"Commit"`
	Entropy     float32  `json:"Entropy"`
	Author      string   `json:"Author"`
	Email       string   `json:"Email"`
	Date        string   `json:"Date"`
	Message     string   `json:"Message"`
	Tags        []string `json:"Tags"`
	Fingerprint string   `json:"Fingerprint"`
}

// writeGitleaks writes what gitleaks dir would, redacted; Commit is the layer's
// digest, as gitleaks' is what the file is in.
func writeGitleaks(w io.Writer, r *Report, o Options) error {
	out := []gitleaksFinding{}
	entries := r.entries(o)
	for k := range entries {
		e := &entries[k]
		for i := range e.locations {
			l := &e.locations[i]
			if l.Suppressed != nil {
				continue
			}
			g := gitleaksFinding{
				RuleID: e.Rule, Description: e.Title, StartLine: l.Line, EndLine: l.Line, StartColumn: l.Column, EndColumn: l.Column,
				Match: e.Secret.String(), Secret: e.Secret.String(), File: cmp.Or(l.Path, string(l.Place)), Message: l.instruction(), Tags: []string{string(e.Severity), string(l.Fate)},
			}
			if l.Layer != nil {
				g.Commit = cmp.Or(l.Layer.Digest, l.Layer.DiffID)
			}
			if o.Reveal != nil {
				if v, ok := o.Reveal(e.Finding); ok {
					g.Secret, g.Match = v, v
				}
			}
			g.Fingerprint = fmt.Sprintf("%s:%s:%d", g.File, g.RuleID, g.StartLine)
			if g.Commit != "" {
				g.Fingerprint = g.Commit + ":" + g.Fingerprint
			}
			out = append(out, g)
		}
	}
	return writeJSON(w, out, "the report as gitleaks'")
}

type (
	intotoStatement struct {
		Type          string          `json:"_type"`
		Subject       []intotoSubject `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     intotoResult    `json:"predicate"`
	}
	intotoSubject struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	}
	intotoResult struct {
		Result        string          `json:"result"`
		Configuration []intotoSubject `json:"configuration"`
		Passed        []string        `json:"passedTests"`
		Warned        []string        `json:"warnedTests"`
		Failed        []string        `json:"failedTests"`
	}
)

// writeInToto writes an in-toto Statement v1 with a test-result predicate
// (https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md),
// not signed. An image without a digest can't be a subject.
func writeInToto(w io.Writer, r *Report, o Options) error {
	out := intotoStatement{
		Type: "https://in-toto.io/Statement/v1", PredicateType: "https://in-toto.io/attestation/test-result/v0.1", Subject: []intotoSubject{},
		Predicate: intotoResult{Result: "PASSED", Configuration: []intotoSubject{}, Passed: []string{}, Warned: []string{}, Failed: []string{}},
	}
	sum := func(d string) map[string]string {
		alg, hex, ok := strings.Cut(d, ":")
		if !ok || hex == "" {
			return nil
		}
		return map[string]string{alg: hex}
	}
	for i, name := range imageLabels(r.Images) {
		img := &r.Images[i]
		digest := sum(cmp.Or(img.Digest, img.ConfigDigest))
		if digest == nil {
			return fmt.Errorf("%s has no digest, which an in-toto statement must name", name)
		}
		out.Subject = append(out.Subject, intotoSubject{name, digest})
	}
	if len(out.Subject) == 0 {
		return fmt.Errorf("no image was scanned, and an in-toto statement is about one")
	}
	if d := sum(r.Tool.RulesDigest); d != nil {
		out.Predicate.Configuration = append(out.Predicate.Configuration, intotoSubject{"leakscan rules", d})
	}
	fails, warns := map[string]bool{}, map[string]bool{}
	entries := r.entries(o)
	for k := range entries {
		if e := &entries[k]; e.fails(o.Threshold) {
			fails[Escape(e.Rule)] = true
		} else if e.Severity != SeverityInfo && e.suppressed() == nil {
			warns[Escape(e.Rule)] = true
		}
	}
	for k := range fails {
		delete(warns, k)
	}
	p := &out.Predicate
	p.Failed, p.Warned = notNil(slices.Sorted(maps.Keys(fails))), notNil(slices.Sorted(maps.Keys(warns)))
	if r.complete() {
		p.Passed = []string{"everything-was-scanned"}
	} else {
		p.Failed = append(p.Failed, "everything-was-scanned")
	}
	switch {
	case len(p.Failed) > 0:
		p.Result = "FAILED"
	case len(p.Warned) > 0:
		p.Result = "WARNED"
	}
	return writeJSON(w, out, "the report as an in-toto statement")
}
