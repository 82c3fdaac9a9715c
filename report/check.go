package report

import (
	"cmp"
	_ "embed" // for the schema
	"slices"
	"time"
)

// CheckSchemaID names the version of the JSON form of a [Check];
// check-schema.json describes it.
const CheckSchemaID = "leakscan.check/1"

// Check is what is wrong with the files that drive a build: where a secret
// will end up in what the build makes. Like a [Report] it holds no secret, and
// says what was not read.
type Check struct {
	Schema   string     `json:"schema"`
	Tool     Tool       `json:"tool"`
	Complete bool       `json:"complete"` // everything was read and understood: Gaps is empty
	Subject  Subject    `json:"subject"`
	Problems []Problem  `json:"problems"` // in the order of the files; see [Check.Sort]
	Gaps     []Gap      `json:"gaps"`
	Notes    []Note     `json:"notes"`
	Stats    CheckStats `json:"stats"`
}

// Subject is what was checked.
type Subject struct {
	Files   []string `json:"files"`             // that were read as such: the Dockerfile, compose files, workflows
	Context string   `json:"context,omitempty"` // the directory of the build context; empty: none was read
	Target  string   `json:"target,omitempty"`  // the stage that is built; empty: the last one
}

// Problem is one way in which a build gives a secret away.
type Problem struct {
	Check       string     `json:"check"` // the check's ID
	Title       string     `json:"title"`
	Message     string     `json:"message"` // what happens here, in one or two sentences
	Severity    Severity   `json:"severity"`
	Confidence  Confidence `json:"confidence"`
	Page        string     `json:"page"`             // where the check is explained
	Span        Span       `json:"span"`             // what to look at and to change
	Also        []Remark   `json:"also,omitempty"`   // other places that have to do with it
	Rests       []Rest     `json:"rests"`            // where the secret ends up
	Rule        string     `json:"rule,omitempty"`   // of package rules, where the value was recognised
	Secret      Preview    `json:"secret,omitzero"`  // redacted; empty where only a name is known
	Key         string     `json:"key,omitempty"`    // the name it goes by: NPM_TOKEN
	Target      string     `json:"target,omitempty"` // the path in the image, or the secret's ID
	Frame       string     `json:"frame,omitempty"`  // the lines of the file, secrets taken out
	Fix         string     `json:"fix"`              // what to do about it
	Fixable     bool       `json:"fixable"`          // leakscan check --fix does it
	Fingerprint string     `json:"fingerprint"`      // of check, file, name and path; survives moving lines
}

// Span is a part of a file. Lines and columns count from 1, columns in bytes;
// the end is behind the last byte. Line 0: the file as a whole.
type Span struct {
	File      string `json:"file"` // relative to the working directory where it is below it; slashes
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"endLine,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
}

// Remark is another place that a problem has to do with.
type Remark struct {
	Span Span   `json:"span"`
	Text string `json:"text"`
}

// Rest is where a secret comes to rest.
type Rest string

// The resting places, the most public first.
const (
	RestLayer      Rest = "layer"       // a layer of the image
	RestConfig     Rest = "config"      // the image's config: environment, labels, command
	RestHistory    Rest = "history"     // the image's history
	RestProvenance Rest = "provenance"  // the provenance attestation, complete with mode=max
	RestBuildCache Rest = "build cache" // the builder's cache, and what is exported of it
	RestCacheMount Rest = "cache mount" // a cache mount, which later builds can read
	RestLog        Rest = "log"         // what the build prints
	RestContext    Rest = "context"     // what is sent to the builder
)

// CheckStats counts what was read.
type CheckStats struct {
	Dockerfiles  int   `json:"dockerfiles"`
	Stages       int   `json:"stages"`
	Instructions int   `json:"instructions"`
	ContextFiles int64 `json:"contextFiles"` // regular files of the context that the build takes
	ContextBytes int64 `json:"contextBytes"` // bytes of them

	Elapsed time.Duration `json:"-"`
}

// Verdict is that of [Report.Verdict].
func (c *Check) Verdict(t Threshold) Verdict {
	r := Report{Complete: c.Complete, Gaps: c.Gaps}
	for i := range c.Problems {
		r.Findings = append(r.Findings, Finding{Severity: c.Problems[i].Severity, Confidence: c.Problems[i].Confidence})
	}
	return r.Verdict(t)
}

// Sort puts a check into its one order: problems by file, as Subject lists
// them, line, column and check; gaps and notes as in a [Report].
func (c *Check) Sort() {
	rank := func(file string) int {
		if i := slices.Index(c.Subject.Files, file); i >= 0 {
			return i
		}
		return len(c.Subject.Files)
	}
	slices.SortStableFunc(c.Problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(rank(a.Span.File), rank(b.Span.File)),
			cmp.Compare(a.Span.File, b.Span.File),
			cmp.Compare(a.Span.Line, b.Span.Line),
			cmp.Compare(a.Span.Column, b.Span.Column),
			cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
			cmp.Compare(a.Check, b.Check),
			cmp.Compare(a.Key, b.Key),
			cmp.Compare(a.Target, b.Target),
			cmp.Compare(a.Message, b.Message),
		)
	})
	slices.SortFunc(c.Gaps, compareGaps)
	slices.SortFunc(c.Notes, compareNotes)
}

// checkSchema is a string so that nobody can change it.
//
//go:embed check-schema.json
var checkSchema string

// CheckSchema is the JSON Schema (draft 2020-12) of what [WriteCheckJSON] writes.
func CheckSchema() []byte { return []byte(checkSchema) }
