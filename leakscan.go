// Package leakscan finds the secrets that container images give away: in
// every layer, in files that a later layer deleted or overwrote, in the config
// and its history, in manifests and attestations.
//
//	rep, err := leakscan.Scan(ctx, []string{"myapp:1.4"}, leakscan.Options{})
//	if err != nil { … }                     // the options are wrong
//	if rep.Verdict(report.Threshold{}) != 0 { … }           // leaks, or something was not read
//	report.WriteText(os.Stdout, rep, report.TextOptions{})
//
// It is where the parts meet. Package layerwalk reads images, package detect
// finds secrets in bytes, package rules says what a secret looks like, and
// package report is what comes out. The way from one to the other has two
// steps: [ScanBlob] reads one blob and knows nothing of images; the join then
// gives each match its layer, its instruction and its fate.
package leakscan

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// Options say how to scan. The zero value works.
type Options struct {
	Open     layerwalk.Options  // how references are opened
	Rules    *rules.Set         // nil: rules.Default
	Workers  int                // blobs read at the same time; 0: one for each core
	MaxBytes int64              // cap on one blob, decompressed, in bytes; 0: layerwalk.DefaultMaxBytes
	NoUnpack bool               // archives that lie in a layer are scanned as the bytes they are only
	Progress func(Progress)     // told what is being read, from several goroutines; nil: nobody
	Found    func(report.Match) // told of each match when its blob is read, in the order of the blobs, one at a time; nil: nobody
	Secrets  *Vault             // keeps what was found, to be shown; nil: thrown away with the scan
	Tap      Tap                // looks on; called from several goroutines; nil: nobody
	Version  string             // of the tool, for the report; "": the module's
}

// Progress is a step of a scan. Its texts have no secret that the rules see in
// them; what else the image has is not known yet.
type Progress struct {
	Kind  ProgressKind
	Ref   string // the image
	Blob  string // its ID
	Bytes int64  // stored bytes: of the blob for BlobStarted (-1: not known), just read for BlobRead
}

// ProgressKind says what a [Progress] is about.
type ProgressKind int

// The steps.
const (
	ImageOpened ProgressKind = iota
	BlobStarted
	BlobRead
	BlobDone
)

// Scan opens the references and scans what they lead to. What goes wrong on
// the way is in the report, as gaps: also a reference that could not be opened
// at all. The error is for options that can't work. If the context ends, the
// report holds what was found until then and is marked as incomplete.
func Scan(ctx context.Context, refs []string, o Options) (*report.Report, error) {
	s, err := newScan(o)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		src, err := layerwalk.Open(ctx, ref, s.o.Open)
		if err != nil {
			s.notOpened(ctx, ref, err)
			continue
		}
		s.progress(Progress{Kind: ImageOpened, Ref: s.shown(ref)})
		s.source(ctx, src)
		src.Close()
	}
	return s.report(), nil
}

// ScanSource scans a source that is open already. The caller closes it.
func ScanSource(ctx context.Context, src *layerwalk.Source, o Options) (*report.Report, error) {
	s, err := newScan(o)
	if err != nil {
		return nil, err
	}
	s.source(ctx, src)
	return s.report(), nil
}

// scan is one call of Scan.
type scan struct {
	o       Options
	scanner *detect.Scanner
	secrets *Vault
	started time.Time
	rep     *report.Report

	findings  map[string]*report.Finding // by rule and secret
	order     []string                   // their keys as they came
	masked    map[string]string          // texts whose secrets are masked
	pending   []func()                   // texts to mask when all secrets are known
	mask      *masker
	locations int

	publics map[publicKey][]partner
	paired  map[*report.Finding]bool // that have asked for their partner
}

func newScan(o Options) (*scan, error) {
	if err := o.Open.Validate(); err != nil {
		return nil, err
	}
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	scanner, err := detect.For(o.Rules)
	if err != nil {
		return nil, err
	}
	s := &scan{o: o, scanner: scanner, secrets: o.Secrets, started: time.Now(), findings: map[string]*report.Finding{}, masked: map[string]string{},
		publics: map[publicKey][]partner{}, paired: map[*report.Finding]bool{}}
	if s.secrets == nil {
		s.secrets = &Vault{}
	}
	s.rep = &report.Report{Schema: report.SchemaID, Tool: tool(o)}
	return s, nil
}

// Tool is what a report says of the scanner that made it.
func Tool(o Options) (report.Tool, error) {
	if err := o.setDefaults(); err != nil {
		return report.Tool{}, err
	}
	return tool(o), nil
}

func tool(o Options) report.Tool {
	return report.Tool{Name: "leakscan", Version: o.Version, Rules: len(o.Rules.Rules), RulesDigest: o.Rules.Digest()}
}

// setDefaults sets what is not set.
func (o *Options) setDefaults() error {
	if o.Rules == nil {
		set, err := rules.Default()
		if err != nil {
			return fmt.Errorf("the built-in rules: %w", err)
		}
		o.Rules = set
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Version == "" {
		o.Version = Version()
	}
	if o.Open.UserAgent == "" {
		o.Open.UserAgent = "leakscan/" + o.Version
	}
	return nil
}

// Version is the version of the module, as the build recorded it; "devel" for
// a build from a checkout.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		mods := append(info.Deps, &info.Main)
		for _, m := range mods {
			if m.Path == "github.com/leakscan/leakscan" && m.Version != "" && m.Version != "(devel)" {
				return m.Version
			}
		}
	}
	return "devel"
}

func (s *scan) progress(p Progress) {
	if s.o.Progress != nil {
		s.o.Progress(p)
	}
}

// shown is a reference or a name as progress may tell it.
func (s *scan) shown(text string) string {
	if s.o.Progress == nil || digestForm.MatchString(text) {
		return text
	}
	return hidePasswords(s.scanner.Mask(text), refUser)
}

// source scans the blobs of a source and joins them with its images.
func (s *scan) source(ctx context.Context, src *layerwalk.Source) {
	memory, unpack := layerwalk.NewMemory(0), layerwalk.NewMemory(0)
	if s.o.NoUnpack {
		unpack = nil
	}
	results := map[string]*BlobResult{}
	var mu sync.Mutex
	var told []*BlobResult // in the order of the blobs; nil: not read yet
	next := 0              // of told, to be told
	ref := s.shown(src.Ref)
	one := func(b *layerwalk.Blob, place int) {
		id := s.shown(b.ID)
		ro := layerwalk.ReadOptions{Memory: memory, Unpack: unpack, MaxBytes: s.o.MaxBytes}
		if s.o.Progress != nil {
			ro.Progress = func(n int64) { s.progress(Progress{Kind: BlobRead, Ref: ref, Blob: id, Bytes: n}) }
		}
		s.progress(Progress{Kind: BlobStarted, Ref: ref, Blob: id, Bytes: b.Size})
		res := scanBlob(ctx, b, s.scanner, ro, s.secrets, s.o.Tap)
		s.progress(Progress{Kind: BlobDone, Ref: ref, Blob: id})
		mu.Lock()
		results[b.ID] = res
		if told[place] = res; s.o.Found != nil {
			for ; next < len(told) && told[next] != nil; next++ {
				s.tell(told[next])
			}
		}
		mu.Unlock()
	}
	another := func() int {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, nil)
		return len(told) - 1
	}
	if src.Sequential {
		for b := range src.Blobs(ctx) {
			one(b, another())
		}
	} else {
		var g errgroup.Group
		g.SetLimit(s.o.Workers)
		for b := range src.Blobs(ctx) {
			if ctx.Err() != nil {
				break // the join sees which are missing
			}
			place := another()
			g.Go(func() error { one(b, place); return nil })
		}
		g.Wait() // nobody gives it an error
	}
	s.join(ctx, src, results)
}

// tell tells the matches of a blob.
func (s *scan) tell(r *BlobResult) {
	for i := range r.Matches {
		m := &r.Matches[i]
		out := report.Match{Rule: m.Rule, Title: m.Rule, Severity: m.Severity, Confidence: m.Confidence, Secret: report.PreviewOf(m), Blob: r.Summary.Digest,
			Place: m.Place, Line: m.Line, Column: m.Column, Offset: m.Offset}
		if rule := s.o.Rules.Rule(m.Rule); rule != nil {
			out.Title = rule.Title
		}
		s.o.Found(out)
	}
}

// report finishes the report.
func (s *scan) report() *report.Report {
	for _, f := range s.pending {
		f()
	}
	s.pending = nil
	r := s.rep
	for _, k := range s.order {
		r.Findings = append(r.Findings, *s.findings[k])
	}
	if s.locations > maxLocations {
		r.Gaps = append(r.Gaps, report.Gap{Kind: report.GapLimit, Reason: fmt.Sprintf("there are %d places with secrets: only the first %d are listed", s.locations, maxLocations)})
	}
	s.maskAll()
	r.Sort()
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Fix = fix(f, r.Images[f.Locations[0].Image].Source)
		r.Stats.Locations += len(f.Locations)
	}
	s.countByLayer()
	r.Complete = len(r.Gaps) == 0
	r.Stats.Images = len(r.Images)
	r.Stats.Elapsed = time.Since(s.started)
	return r
}

// countByLayer fills in how many findings each layer has.
func (s *scan) countByLayer() {
	for _, f := range s.rep.Findings {
		if f.Severity == report.SeverityInfo {
			continue
		}
		seen := map[[2]int]bool{}
		for _, l := range f.Locations {
			k := [2]int{l.Image, 0}
			if img := &s.rep.Images[l.Image]; l.Layer != nil {
				k[1] = l.Layer.Index
			} else if img.Source.Kind == string(layerwalk.Dir) && len(img.Layers) == 1 {
				k[1] = 1 // a directory, which is told as none
			}
			if k[1] > 0 && !seen[k] {
				seen[k] = true
				s.rep.Images[k[0]].Layers[k[1]-1].Findings++
			}
		}
	}
}
