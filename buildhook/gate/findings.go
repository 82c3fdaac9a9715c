package gate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/buildhook/step"
	"github.com/leakscan/leakscan/formats"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// findings collects what is found in one build, as problems of its Dockerfile.
type findings struct {
	g      *Gate
	b      *build
	known  *known.Set // the gate's values and the request's
	rep    *report.Check
	began  time.Time
	base   map[string]int // findings of base images that don't stop the build
	seen   map[string]bool
	packed int64 // archives that could not be looked into
}

func (g *Gate) newFindings(b *build) *findings {
	f := &findings{g: g, b: b, known: g.values(), began: time.Now(), base: map[string]int{}, seen: map[string]bool{}}
	f.rep = &report.Check{Schema: report.CheckSchemaID,
		Tool: report.Tool{Name: "leakscan", Version: g.o.Version, Rules: len(g.o.Rules.Rules), RulesDigest: g.o.Rules.Digest()}}
	return f
}

// knownID is the check of a secret whose value is known.
const knownID = "given-secret-kept"

// add records a problem once.
func (f *findings) add(p report.Problem) {
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Check, p.Span.File, fmt.Sprint(p.Span.Line), p.Target, p.Key, p.Secret.String(), p.Message}, "\x00")))
	p.Fingerprint = hex.EncodeToString(sum[:12])
	if f.seen[p.Fingerprint] {
		return
	}
	f.seen[p.Fingerprint] = true
	p.Message, p.Target, p.Key, p.Fix = f.mask(p.Message), f.mask(p.Target), f.mask(p.Key), f.mask(p.Fix)
	if p.Confidence == "" {
		p.Confidence = report.ConfidenceHigh
	}
	f.rep.Problems = append(f.rep.Problems, p)
}

// mask takes out whatever must not be shown.
func (f *findings) mask(s string) string {
	if s == "" {
		return ""
	}
	return f.g.scanner.Mask(string(f.known.Mask([]byte(s))))
}

// step takes over the report of the step.
func (f *findings) step(parts []written, rep *step.Report) error {
	for i := range parts {
		w, d := &parts[i], &rep.Dirs[i]
		for j := range d.Result.Gaps {
			gap := &d.Result.Gaps[j]
			f.rep.Gaps = append(f.rep.Gaps, report.Gap{Kind: report.GapKind(gap.Kind), Blob: f.mask(w.instruction()), Path: f.mask(gap.Path), Reason: f.mask(gap.Reason), Bytes: gap.Bytes, Hint: f.mask(gap.Hint)})
		}
		f.rep.Stats.ContextFiles += d.Result.Files
		f.rep.Stats.ContextBytes += d.Result.Summary.Bytes
		if !w.base {
			f.rep.Stats.Instructions++
			f.packed += d.Result.Packed
		}
		for j := range d.Result.Matches {
			f.match(w, d, &d.Result.Matches[j])
		}
		told := map[string]bool{}
		for _, k := range d.Known {
			if key := k.Name + "\x00" + k.Path; !told[key] {
				told[key] = true
				f.given(w, d, k)
			}
		}
	}
	return nil
}

// matched is a problem of the rule that a match is of.
func (f *findings) matched(m *leakscan.BlobMatch, target string) report.Problem {
	p := report.Problem{Check: m.Rule, Title: m.Rule, Rule: m.Rule, Severity: report.SeverityMedium, Key: m.Key, Target: target, Secret: report.PreviewOf(m)}
	if r := f.g.o.Rules.Rule(m.Rule); r != nil {
		p.Title, p.Severity, p.Confidence = r.Title, report.Severity(r.Severity), report.Confidence(r.Confidence)
	}
	p.Severity, p.Confidence = cmp.Or(m.Severity, p.Severity), cmp.Or(m.Confidence, p.Confidence)
	return p
}

// kept is a problem of a secret whose value is known.
func kept(name, target string) report.Problem {
	return report.Problem{Check: knownID, Title: "A secret that the build is given is kept", Severity: report.SeverityCritical, Key: name, Target: target}
}

// match is a secret that the rules see in a file.
func (f *findings) match(w *written, d *step.Dir, m *leakscan.BlobMatch) {
	p := f.matched(m, absolute(m.Path))
	if m.Severity == report.SeverityInfo {
		return
	}
	if others := w.base || packaged(m.Path); others && (f.g.o.FailOnBase == "never" || p.Severity.Rank() < f.g.o.FailOnBase.Rank()) {
		f.base[w.instruction()]++
		return
	}
	where := absolute(m.Path)
	if m.Line > 0 {
		where += fmt.Sprintf(", line %d", m.Line)
	}
	p.Message = fmt.Sprintf("%s in %s", p.Title, where)
	f.place(&p, w, d, m.File(), m.Inside)
	f.add(p)
}

// packaged reports whether a file is others' work: package managers put
// private keys of tests and examples there by the hundred.
func packaged(p string) bool {
	others, _ := formats.Packaged(p)
	return others
}

// given is a secret whose value is known, in a file.
func (f *findings) given(w *written, d *step.Dir, k step.Known) {
	p := kept(k.Name, absolute(k.Path))
	p.Message = fmt.Sprintf("%s is in %s", k.Name, absolute(k.Path))
	if k.Form != "plain" {
		p.Message += fmt.Sprintf(", as %s", k.Form)
	}
	old, past := strings.HasPrefix(k.Name, earlier), strings.HasPrefix(k.Name, givenBefore)
	if past {
		p.Title = "A secret that an earlier build was given is kept"
	}
	switch {
	case w.copied: // out of the context, or of another stage: place says what to do
	case old:
		p.Fix = "The step is cached with what the secret was before it was changed: build it again (--no-cache), and write the secret to no file."
	case past:
		p.Fix = "The step writes it, or is cached with it: write the secret to no file, and build it again (--no-cache)."
	default:
		p.Fix = "The step copies a secret that it is given into a file: use it from where it is mounted, or in the environment of the one command, and write it nowhere."
	}
	f.place(&p, w, d, k.File(), k.Inside)
	f.add(p)
}

// place says which instruction it was, and what became of the file, or of the
// archive that has it inside.
func (f *findings) place(p *report.Problem, w *written, d *step.Dir, file, inside string) {
	p.Rests = []report.Rest{report.RestLayer, report.RestBuildCache}
	switch finals := d.Kept[file]; {
	case w.base:
		p.Message += fmt.Sprintf("; it comes with %s", w.instruction())
		p.Fix = "Build on an image without it, and tell whoever makes this one."
	case len(finals) == 0 && w.builder:
		p.Message += "; no image of this build has it, but the builder's cache does"
		p.Rests = []report.Rest{report.RestBuildCache}
	case len(finals) == 0:
		p.Message += "; a later step removes it, but its layer can still be downloaded"
	}
	if len(w.spans) == 0 && !w.base {
		p.Message += fmt.Sprintf("; written by %s", w.instruction())
	}
	if shown := f.mask(file + inside); p.Fix == "" && shown != file+inside { // an id made of it could be the secret in other letters
		p.Fix = "Revoke it, if it was ever exported. Its very name is a secret: call the file otherwise, and mount it for the step that needs it."
	}
	if p.Fix == "" && inside != "" && strings.Contains("/"+file, "/.git/") {
		p.Fix = "Revoke it, if it was ever exported or pushed: it is in the history. Name .git in .dockerignore, or clone and remove .git in one RUN."
	}
	if p.Fix == "" && inside != "" {
		p.Fix = fmt.Sprintf("Revoke it, if it was ever exported. Make %s without it: what is in an archive, everyone who has the image can read.", absolute(file))
	}
	if p.Fix == "" {
		p.Fix = fmt.Sprintf("Revoke it, if it was ever exported. Don't copy it: mount it for the step that needs it, with RUN --mount=type=secret,id=%s,target=%s,required=true. leakscan check says how.", check.SecretID(file), absolute(file))
	}
	f.frame(p, w.spans)
}

// frame puts the lines of the Dockerfile to a problem.
func (f *findings) frame(p *report.Problem, spans []span) {
	if len(spans) == 0 {
		return
	}
	s := firstOf(spans)
	p.Span = report.Span{File: s.file, Line: s.first, EndLine: s.last}
	if s.first < 1 || s.last < s.first || len(s.data) == 0 {
		return
	}
	p.Frame = check.Frame(s.file, check.Masked(f.g.scanner, s.file, s.data, f.g.cover), s.first, min(s.last, s.first+11))
}

func absolute(p string) string { return "/" + strings.TrimPrefix(p, "/") }

// config looks at the configs of the result's images: environment, labels,
// commands, history.
func (f *findings) config(ctx context.Context, metadata map[string][]byte) {
	for _, key := range slices.Sorted(maps.Keys(metadata)) { // the same each time
		data := metadata[key]
		if strings.HasPrefix(key, "result.") {
			continue // the answer to a question, which nobody exports
		}
		name := "config"
		if _, platform, ok := strings.Cut(key, "/"); ok {
			name += " of " + platform
		}
		var texts []watchedText
		res := leakscan.ScanBlobTap(ctx, layerwalk.NewBlob(key, data), f.g.scanner, layerwalk.ReadOptions{}, func(_ report.Place, path, _ string, r io.Reader) io.Reader {
			t := watchedText{path: path, text: &bytes.Buffer{}}
			texts = append(texts, t)
			return io.TeeReader(r, t.text)
		})
		for i := range res.Gaps {
			f.rep.Gaps = append(f.rep.Gaps, report.Gap{Kind: report.GapKind(res.Gaps[i].Kind), Blob: name, Reason: f.mask(res.Gaps[i].Reason)})
		}
		for i := range res.Matches {
			m := &res.Matches[i]
			if m.Severity == report.SeverityInfo {
				continue
			}
			p := f.matched(m, m.Path)
			p.Message = fmt.Sprintf("%s in the %s of the image, at %s", p.Title, name, m.Path)
			f.configPlace(&p, m.Path)
			f.add(p)
		}
		for _, t := range texts {
			for _, h := range byName(f.known.Find(t.text.Bytes())) {
				p := kept(h.Name, t.path)
				p.Message = fmt.Sprintf("%s is in the %s of the image, at %s", h.Name, name, t.path)
				f.configPlace(&p, t.path)
				f.add(p)
			}
		}
	}
}

// byName keeps the first hit of each secret.
func byName(hits []known.Hit) []known.Hit {
	seen := map[string]bool{}
	return slices.DeleteFunc(hits, func(h known.Hit) bool {
		was := seen[h.Name]
		seen[h.Name] = true
		return was
	})
}

type watchedText struct {
	path string
	text *bytes.Buffer
}

func (f *findings) configPlace(p *report.Problem, path string) {
	p.Rests = []report.Rest{report.RestConfig}
	p.Fix = "Take the ENV or LABEL away: pass the value when the container starts."
	if strings.Contains(path, "istory") {
		p.Rests = []report.Rest{report.RestHistory}
		p.Fix = "Take it out of the command: mount it, with RUN --mount=type=secret,id=NAME,env=NAME. Every ARG of a stage is in the history of the RUNs after it."
	}
	p.Span.File = "the image's config"
}

// report puts the result together.
func (f *findings) report() *report.Check {
	r := f.rep
	for _, name := range slices.Sorted(maps.Keys(f.base)) {
		r.Notes = append(r.Notes, report.Note{Text: fmt.Sprintf("%s: %d findings in what others have made, which do not stop a build (--leakscan-fail-on-base): leakscan IMAGE shows them", f.mask(name), f.base[name])})
	}
	if f.packed > 0 {
		r.Notes = append(r.Notes, report.Note{Text: fmt.Sprintf("archives in what this build has written that were scanned as the bytes they are, and not, or not wholly, unpacked: %d", f.packed)})
	}
	for _, u := range f.known.Unsearched() {
		r.Notes = append(r.Notes, report.Note{Text: fmt.Sprintf("%s was not searched for: %s", u.Name, u.Why)})
	}
	for _, p := range r.Problems {
		if p.Span.File != "" && !slices.Contains(r.Subject.Files, p.Span.File) {
			r.Subject.Files = append(r.Subject.Files, p.Span.File)
		}
	}
	r.Complete = len(r.Gaps) == 0
	r.Sort()
	r.Stats.Elapsed = time.Since(f.began)
	return r
}
