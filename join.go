package leakscan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// The join gives the results of blobs their meaning: which layer of which
// image they are, which instruction made it, and what became of each path.

// notOpened notes a reference that no source could give.
func (s *scan) notOpened(ctx context.Context, ref string, err error) {
	g := report.Gap{Kind: report.GapMissing, Blob: text(ref), Reason: text(err.Error())}
	var e *layerwalk.OpenError
	if errors.As(err, &e) {
		g.Hint = e.Hint
		g.Reason = "no source has it"
		if len(e.Tried) == 1 {
			g.Reason = "it can't be opened"
		}
		for _, t := range e.Tried {
			g.Tried = append(g.Tried, report.Attempt{Kind: string(t.Kind), Reason: text(t.Reason)})
		}
	}
	if ctx.Err() != nil {
		g = report.Gap{Kind: report.GapInterrupted, Blob: text(ref), Reason: "the scan was stopped before it was opened"}
	}
	s.rep.Gaps = append(s.rep.Gaps, g)
}

// imageJoin is the join of one image.
type imageJoin struct {
	*scan
	src     *layerwalk.Source
	img     *layerwalk.Image
	results map[string]*BlobResult
	index   int                        // into Report.Images
	said    map[string]*layerwalk.Blob // blobs whose gaps are in the report, over all images of the source
	many    bool                       // the source has several images
}

func (s *scan) join(ctx context.Context, src *layerwalk.Source, results map[string]*BlobResult) {
	images := src.Images()
	for _, p := range src.Problems() {
		s.rep.Gaps = append(s.rep.Gaps, gapOf(nil, "", p))
	}
	for _, n := range src.Notes() {
		s.rep.Notes = append(s.rep.Notes, report.Note{Text: text(n)})
	}
	if len(images) == 0 && len(src.Problems()) == 0 {
		reason := "no image was found in it"
		kind := report.GapMissing
		if ctx.Err() != nil {
			reason, kind = "the scan was stopped before its end", report.GapInterrupted
		}
		s.rep.Gaps = append(s.rep.Gaps, report.Gap{Kind: kind, Blob: text(src.Ref), Reason: reason})
	}
	said := map[string]*layerwalk.Blob{}
	counted := map[string]bool{}
	for _, img := range images {
		j := &imageJoin{scan: s, src: src, img: img, results: results, index: len(s.rep.Images), said: said, many: len(images) > 1}
		j.image(ctx)
	}
	for _, img := range images {
		for _, b := range blobsOf(img) {
			if r := results[b.ID]; r != nil && !counted[b.ID] {
				counted[b.ID] = true
				s.rep.Stats.Blobs++
				s.rep.Stats.BlobBytes += r.Summary.Size
				s.rep.Stats.Bytes += r.Summary.Bytes
				s.rep.Stats.Files += r.Files
				s.rep.Stats.Entries += r.Entries
				s.rep.Stats.Packed += r.Packed
			}
		}
	}
}

func blobsOf(img *layerwalk.Image) []*layerwalk.Blob {
	var all []*layerwalk.Blob
	for _, b := range slices.Concat(img.Indexes, []*layerwalk.Blob{img.Manifest, img.Config}) {
		if b != nil {
			all = append(all, b)
		}
	}
	for _, l := range img.Layers {
		all = append(all, l.Blob)
	}
	return append(all, img.Attestations...)
}

func gapOf(image *int, blob string, p *layerwalk.Problem) report.Gap {
	if p.Blob != "" {
		blob = p.Blob
	}
	return report.Gap{Image: image, Kind: report.GapKind(p.Kind), Blob: text(blob), Path: text(p.Path), Reason: text(p.Reason), Bytes: p.Bytes, Hint: p.Hint}
}

func (j *imageJoin) gap(blob string, p *layerwalk.Problem) {
	i := j.index
	j.rep.Gaps = append(j.rep.Gaps, gapOf(&i, blob, p))
}

func (j *imageJoin) image(ctx context.Context) {
	img := j.img
	ri := report.Image{Reference: text(j.src.Ref), Name: text(img.Name), Platform: text(img.Platform), Digest: text(img.Digest), ConfigDigest: text(img.ConfigDigest),
		Source: report.Source{Kind: string(j.src.Kind), Detail: text(j.src.Detail)}}
	if ri.Name == ri.Reference {
		ri.Name = ""
	}
	for _, t := range j.src.Tried {
		ri.Source.Tried = append(ri.Source.Tried, report.Attempt{Kind: string(t.Kind), Reason: text(t.Reason)})
	}
	for _, p := range img.Problems {
		j.gap("", p)
	}
	for _, n := range img.Notes {
		i := j.index
		j.rep.Notes = append(j.rep.Notes, report.Note{Image: &i, Text: text(n)})
	}
	ledgers := make([]*layerwalk.Ledger, len(img.Layers))
	for k, l := range img.Layers {
		rl := report.Layer{Index: k + 1, Digest: l.Blob.Digest, DiffID: l.DiffID, Size: max(0, l.Blob.Size)}
		if r := j.blob(ctx, l.Blob); r != nil {
			ledgers[k] = r.Ledger
			j.verify(k, &l, r)
			rl.Codec, rl.Size, rl.Bytes, rl.Files = string(r.Summary.Codec), r.Summary.Size, r.Summary.Bytes, r.Files
			if rl.Digest == "" {
				rl.Digest = r.Summary.Digest
			}
			if rl.DiffID == "" && r.Summary.Whole {
				rl.DiffID = r.Summary.DiffID
			}
		}
		ri.Layers = append(ri.Layers, rl)
	}
	if img.Orphan { // they lie beside each other, not on top
		ledgers = nil
	}
	j.rep.Images = append(j.rep.Images, ri)
	j.rep.Stats.Layers += len(img.Layers)
	for k := range img.Layers {
		k, text := k, img.Layers[k].Instruction
		j.pending = append(j.pending, func() { j.rep.Images[j.index].Layers[k].Instruction = j.masking(text) })
	}

	for i, b := range img.Indexes {
		name := "index"
		if i < len(img.Indexes)-1 {
			name = b.Digest
		}
		j.document(ctx, b, report.PlaceAnnotation, j.documentTarget(name, b))
	}
	if img.Manifest != nil {
		j.document(ctx, img.Manifest, report.PlaceAnnotation, j.documentTarget("manifest", img.Manifest))
	}
	if img.Config != nil {
		j.document(ctx, img.Config, report.PlaceConfig, j.documentTarget("config", img.Config))
	}
	for _, a := range img.Attestations {
		j.document(ctx, a, report.PlaceAttestation, a.Digest)
	}
	for k, l := range img.Layers {
		if r := j.results[l.Blob.ID]; r != nil {
			j.layer(k, l, r, ledgers)
		}
	}
}

// blob gives the result of a blob and sees that its gaps are told, once.
func (j *imageJoin) blob(ctx context.Context, b *layerwalk.Blob) *BlobResult {
	r := j.results[b.ID]
	name := b.Digest
	if name == "" {
		name = b.ID
	}
	if first := j.said[b.ID]; first != nil {
		if r != nil && (first.Size != b.Size || first.Digest != b.Digest) { // two descriptors that disagree
			for _, p := range b.Verify(r.Summary) {
				j.gap(name, p)
			}
		}
		return r
	}
	j.said[b.ID] = b
	if r == nil {
		p := &layerwalk.Problem{Kind: layerwalk.Missing, Reason: "it is not in the archive", Bytes: max(0, b.Size)}
		if ctx.Err() != nil {
			p = &layerwalk.Problem{Kind: layerwalk.Interrupted, Reason: "the scan was stopped before it was read", Bytes: max(0, b.Size)}
		}
		j.gap(name, p)
		return nil
	}
	for i := range r.Gaps {
		j.gap(name, &r.Gaps[i])
	}
	if j.src.Sequential && len(r.Gaps) == 0 { // what it should be was not known when it went past
		for _, p := range b.Verify(r.Summary) {
			j.gap(name, p)
		}
	}
	return r
}

// verify checks what only the image knows about a layer.
func (j *imageJoin) verify(k int, l *layerwalk.Layer, r *BlobResult) {
	name := l.Blob.Digest
	if name == "" {
		name = l.Blob.ID
	}
	if l.DiffID != "" && r.Summary.Whole && r.Summary.DiffID != l.DiffID {
		reason := fmt.Sprintf("layer %d decompresses to %s, the config says %s", k+1, r.Summary.DiffID, l.DiffID)
		if !strings.HasPrefix(l.DiffID, "sha256:") {
			reason = fmt.Sprintf("the diffID %s of layer %d can't be checked: only sha256 is known", l.DiffID, k+1)
		}
		j.gap(name, &layerwalk.Problem{Kind: layerwalk.Unverified, Reason: reason})
	}
	if l.Tar && (r.Summary.Format == layerwalk.FormatRaw || r.Summary.Format == layerwalk.FormatJSON) {
		reason := fmt.Sprintf("layer %d is no tar, and of no compression that can be read: it was scanned as it is", k+1)
		if r.Summary.Foreign != "" {
			reason = fmt.Sprintf("layer %d is compressed with %s, which can't be read: it was scanned as it is", k+1, r.Summary.Foreign)
		}
		j.gap(name, &layerwalk.Problem{Kind: layerwalk.Unreadable, Reason: reason, Bytes: r.Summary.Size, Hint: "build or convert the image with gzip or zstd layers"})
	}
}

// layer adds the matches of a layer.
func (j *imageJoin) layer(k int, l layerwalk.Layer, r *BlobResult, ledgers []*layerwalk.Ledger) {
	type end struct {
		fate layerwalk.Fate
		by   int
	}
	ends := map[string]end{} // a path can have many matches
	for i := range r.Matches {
		m := &r.Matches[i]
		loc := report.Location{Image: j.index, Place: m.Place, Path: m.Path, Line: m.Line, Column: m.Column, Offset: m.Offset, Fate: report.FatePresent}
		rl := &j.rep.Images[j.index].Layers[k]
		if r.Summary.Format != layerwalk.FormatDir {
			loc.Layer = &report.LayerRef{Index: k + 1, Of: len(j.img.Layers), Digest: rl.Digest, DiffID: rl.DiffID}
		}
		if r.Summary.Format == layerwalk.FormatTar && loc.Path != "" {
			loc.Path = "/" + loc.Path
		}
		if r.Summary.Format == layerwalk.FormatJSON {
			loc.Place = report.PlaceFile // a layer that is a document, as artifacts have
		}
		switch {
		case j.img.Orphan:
			loc.Fate = report.FateUnknown
		case m.Superseded:
			loc.Fate, loc.FateLayer = report.FateOverwritten, k+1
		case m.Place != report.PlaceUnparsed && ledgers != nil:
			e, ok := ends[m.Path]
			if !ok {
				e.fate, e.by = layerwalk.FateOf(m.Path, k, ledgers)
				ends[m.Path] = e
			}
			if e.fate != layerwalk.Present {
				loc.Fate, loc.FateLayer = fates[e.fate], e.by+1
			}
		}
		if loc.Path == "" && r.Summary.Format == layerwalk.FormatRaw {
			loc.Path = text(l.Blob.ID)
		}
		j.finding(m, loc, l.Instruction, j.layerTarget(k, l, m))
	}
}

var fates = [...]report.Fate{
	layerwalk.Present:     report.FatePresent,
	layerwalk.Overwritten: report.FateOverwritten,
	layerwalk.Deleted:     report.FateDeleted,
	layerwalk.Hidden:      report.FateOpaque,
}

// document adds the matches of a config, manifest or statement.
func (j *imageJoin) document(ctx context.Context, b *layerwalk.Blob, place report.Place, target string) {
	r := j.blob(ctx, b)
	if r == nil {
		return
	}
	for i := range r.Matches {
		m := &r.Matches[i]
		loc := report.Location{Image: j.index, Place: place, Path: m.Path, Line: m.Line, Column: m.Column, Offset: m.Offset, Fate: report.FatePresent}
		instruction := ""
		if place == report.PlaceConfig {
			var h int
			if n, _ := fmt.Sscanf(m.Path, "history[%d]", &h); n == 1 {
				loc.Place = report.PlaceHistory
				if h < len(j.img.History) {
					instruction = layerwalk.Instruction(j.img.History[h].CreatedBy)
					if k := j.img.History[h].Layer; k >= 0 {
						rl := j.rep.Images[j.index].Layers[k]
						loc.Layer = &report.LayerRef{Index: k + 1, Of: len(j.img.Layers), Digest: rl.Digest, DiffID: rl.DiffID}
					}
				}
			} else {
				instruction = j.configInstruction(m)
			}
		}
		t := target
		if m.Place == report.PlaceConfig && m.Path != "" {
			t += ":" + m.Path
		}
		j.finding(m, loc, instruction, t)
	}
}

// configInstruction looks in the history for the instruction that put a field
// into the config: ENV KEY=…, LABEL key=…, and the like.
func (j *imageJoin) configInstruction(m *BlobMatch) string {
	var keyword string
	for _, c := range []struct{ field, keyword string }{
		{"config.Env[", "ENV "}, {"config.Labels", "LABEL "}, {"config.Cmd", "CMD "}, {"config.Entrypoint", "ENTRYPOINT "}, {"config.Healthcheck", "HEALTHCHECK "},
		{"config.OnBuild", "ONBUILD "}, {"config.User", "USER "}, {"config.WorkingDir", "WORKDIR "}, {"config.Volumes", "VOLUME "}, {"config.Shell", "SHELL "}, {"author", "MAINTAINER "},
	} {
		if strings.HasPrefix(m.Path, c.field) {
			keyword = c.keyword
		}
	}
	if keyword == "" {
		return ""
	}
	found := ""
	for _, h := range j.img.History {
		in := layerwalk.Instruction(h.CreatedBy)
		if strings.HasPrefix(in, keyword) && (m.Key == "" || keyword != "ENV " && keyword != "LABEL " || strings.Contains(in, m.Key)) {
			found = in // the last one counts
		}
	}
	return found
}

// maxLocations bounds the locations of a report: a layer full of secrets can be
// listed as often as a manifest is long.
const maxLocations = 200_000

// maskAll takes the secrets out of all other texts of the report that come
// from an image, a registry or the command line.
func (s *scan) maskAll() {
	mask := func(texts ...*string) {
		for _, t := range texts {
			*t = s.masking(*t)
		}
	}
	for i := range s.rep.Images {
		img := &s.rep.Images[i]
		mask(&img.Reference, &img.Name, &img.Source.Detail, &img.Platform, &img.Digest, &img.ConfigDigest)
		for k := range img.Source.Tried {
			mask(&img.Source.Tried[k].Reason)
		}
		for k := range img.Layers {
			mask(&img.Layers[k].Digest, &img.Layers[k].DiffID)
		}
	}
	for i := range s.rep.Findings {
		f := &s.rep.Findings[i]
		mask(&f.Key)
		for k := range f.Locations {
			if l := f.Locations[k].Layer; l != nil {
				mask(&l.Digest, &l.DiffID)
			}
		}
	}
	for i := range s.rep.Gaps {
		g := &s.rep.Gaps[i]
		mask(&g.Blob, &g.Path, &g.Reason, &g.Hint)
		for k := range g.Tried {
			mask(&g.Tried[k].Reason)
		}
	}
	for i := range s.rep.Notes {
		mask(&s.rep.Notes[i].Text)
	}
}

// finding adds a location to the finding of its secret.
func (j *imageJoin) finding(m *BlobMatch, loc report.Location, instruction, target string) {
	key := m.Rule + "\x00" + m.Secret
	f := j.findings[key]
	if j.locations++; j.locations > maxLocations {
		return // told at the end
	}
	if f == nil {
		r := j.o.Rules.Rule(m.Rule)
		if r == nil {
			r = &rules.Rule{ID: m.Rule, Title: m.Rule}
		}
		f = &report.Finding{Rule: r.ID, Title: r.Title, Description: r.Description, Severity: report.Severity(r.Severity), Confidence: report.Confidence(r.Confidence),
			Secret: report.PreviewOf(m), Fix: r.Fix}
		j.findings[key] = f
		j.order = append(j.order, key)
	}
	if f.Key == "" {
		f.Key = m.Key
	}
	loc.Fingerprint = fingerprint(m.Rule, string(loc.Place), m.Path, m.Short)
	j.secrets.name(m.Rule, m.Secret, loc.Fingerprint)
	i := len(f.Locations)
	f.Locations = append(f.Locations, loc)
	j.pending = append(j.pending, func() {
		l := &f.Locations[i]
		l.Path = j.masking(l.Path)
		if c := j.extractCommand(target); j.masking(c) == c {
			l.Extract = c // else it would show a secret
		}
		l.Instruction = j.masking(instruction)
		if l.Layer != nil {
			l.Layer.Instruction = l.Instruction
		}
	})
}

// masking gives a text without secrets. It must be called when all secrets of
// the scan are known.
func (s *scan) masking(t string) string {
	if m, ok := s.masked[t]; ok {
		return m
	}
	if s.mask == nil {
		s.mask = newMasker(s.scanner, s.secrets)
	}
	m := s.mask.mask(text(t))
	s.masked[t] = m
	return m
}

// fingerprint names a secret at a place, the same after a rebuild: no layer
// and no line is in it. Of the secret there are 24 bits, too few to confirm a
// guess; the hash around them only gives it one length.
func fingerprint(rule, place, path string, short uint32) string {
	h := sha256.Sum256(fmt.Appendf(nil, "leakscan/1\x00%s\x00%s\x00%s\x00%06x", rule, place, path, short))
	return hex.EncodeToString(h[:12])
}

// layerTarget names an entry for extract: by the number of its layer, or by
// the digest where a number could mean several.
func (j *imageJoin) layerTarget(k int, l layerwalk.Layer, m *BlobMatch) string {
	layer := fmt.Sprint(k + 1)
	if j.many {
		rl := j.rep.Images[j.index].Layers[k]
		layer = rl.Digest
		if layer == "" {
			layer = rl.DiffID
		}
	}
	if m.Path == "" || m.Place == report.PlaceUnparsed || m.Place == report.PlaceHeader || m.Place == report.PlaceFileName {
		return layer // it is in no file's contents, but in the layer's own bytes
	}
	if j.results[l.Blob.ID].Summary.Format == layerwalk.FormatTar {
		return layer + ":/" + m.Path
	}
	return layer + ":" + m.Path
}

// documentTarget names a document in the same way.
func (j *imageJoin) documentTarget(name string, b *layerwalk.Blob) string {
	if j.many && b.Digest != "" {
		return b.Digest
	}
	return name
}

func (j *imageJoin) extractCommand(target string) string {
	words := []string{"leakscan", "extract"}
	if p := j.o.Open.Platform; p != "" {
		if p == "all" {
			p = j.img.Platform
		}
		words = append(words, "--platform", p)
	}
	if j.o.Open.Insecure {
		words = append(words, "--insecure")
	}
	words = append(words, j.src.Ref, target)
	for i, w := range words {
		words[i] = shellQuote(w)
	}
	s := strings.Join(words, " ")
	if j.src.Ref == "-" {
		s += " < IMAGE.tar"
	}
	return s
}

// shellQuote makes one word for a POSIX shell; for bash, where a control
// character asks for it.
func shellQuote(s string) string {
	plain := s != ""
	control := false
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/.:-_@%+=,", r)) {
			plain = false
		}
		if r < ' ' || r == 0x7f {
			control = true
		}
	}
	switch {
	case plain:
		return s
	case !control:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(s) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// fix says what to do, by where the first location lies.
func fix(f *report.Finding) string {
	if f.Fix != "" {
		return f.Fix
	}
	places := func(p ...report.Place) bool {
		return slices.ContainsFunc(f.Locations, func(l report.Location) bool { return slices.Contains(p, l.Place) })
	}
	revoke := "Revoke it: whoever could pull the image has it."
	switch f.Locations[0].Place {
	case report.PlaceConfig:
		return revoke + " Don't set it with ENV, ARG or LABEL: pass it when the container starts, or to a build step with RUN --mount=type=secret,env=NAME."
	case report.PlaceHistory:
		return revoke + " The command line of a RUN, with its build arguments, is kept in the history: use RUN --mount=type=secret in place of ARG or a literal."
	case report.PlaceAnnotation:
		return revoke + " Take it out of the annotations of the build."
	case report.PlaceAttestation:
		return revoke + " Provenance records build arguments and the Dockerfile: pass secrets with --secret and RUN --mount=type=secret, not with --build-arg."
	}
	if f.Locations[0].Fate != report.FatePresent && !places(report.PlaceConfig) {
		return revoke + " Removing or replacing the file in a later instruction leaves it in the layer: don't copy it, mount it for the step that needs it with RUN --mount=type=secret."
	}
	return revoke + " Keep the file out of the build context with .dockerignore, or mount it for the step that needs it with RUN --mount=type=secret."
}
