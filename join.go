package leakscan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
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
				s.rep.Stats.Unpacked += r.Unpacked
				s.rep.Stats.Inside += r.Inside
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
		j.pending = append(j.pending, func() { j.rep.Images[j.index].Layers[k].Instruction = j.masking(img.Layers[k].Instruction) })
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
			j.addPublics(r)
			j.layer(k, l, r, ledgers)
		}
	}
}

// blob gives the result of a blob and sees that its gaps are told, once.
func (j *imageJoin) blob(ctx context.Context, b *layerwalk.Blob) *BlobResult {
	r := j.results[b.ID]
	name := cmp.Or(b.Digest, b.ID)
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
	name := cmp.Or(l.Blob.Digest, l.Blob.ID)
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
		loc := report.Location{Image: j.index, Place: m.Place, Path: m.Path, Line: m.Line, Column: m.Column, Offset: m.Offset, Encodings: m.Encodings, Fate: report.FatePresent}
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
		case (m.Place != report.PlaceUnparsed || m.Inside != "") && ledgers != nil:
			e, ok := ends[m.File()]
			if !ok {
				e.fate, e.by = layerwalk.FateOf(m.File(), k, ledgers)
				ends[m.File()] = e
			}
			if e.fate != layerwalk.Present {
				loc.Fate, loc.FateLayer = fates[e.fate], e.by+1
			}
		}
		if m.File() == "" && r.Summary.Format == layerwalk.FormatRaw {
			loc.Path = text(l.Blob.ID) + loc.Path
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
		loc := report.Location{Image: j.index, Place: place, Path: m.Path, Line: m.Line, Column: m.Column, Offset: m.Offset, Encodings: m.Encodings, Fate: report.FatePresent}
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
