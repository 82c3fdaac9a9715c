package browser

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/report"
)

// redacted is a preview as a test writes it.
type redacted string

func (r redacted) Preview() string { return string(r) }

const (
	sampleLayers = 12
	sampleRules  = 11
)

// sampleRule is the rule of the i-th finding. A rule may have the name of a
// severity.
func sampleRule(i int) string {
	if i%sampleRules == sampleRules-1 {
		return "info"
	}
	return fmt.Sprintf("rule-%d", i%sampleRules)
}

// sample is a report with findings of every severity, confidence, fate and
// state, over two images; the numbers of their properties have few common
// factors, so that every filter leaves a set of its own.
func sample(n int) *report.Report {
	r := &report.Report{
		Schema: report.SchemaID,
		Tool:   report.Tool{Name: "leakscan", Version: "0.1.0", Rules: 212, RulesDigest: "sha256:" + strings.Repeat("ab", 32)},
		Gaps:   []report.Gap{{Kind: report.GapMissing, Blob: "sha256:" + strings.Repeat("cd", 32), Reason: "the blob is gone", Bytes: 1e6, Hint: "pull it again", Frame: "   1 | FROM scratch\n   2 | >>> COPY . /"}},
		Notes:  []report.Note{{Text: "the history is shorter than the list of layers"}},
		Stats:  report.Stats{Images: 2, Layers: 2 * sampleLayers, Blobs: 20, Bytes: 1_234_567_890, Files: 12_345, Packed: 3},
	}
	digest := func(i int) string { return fmt.Sprintf("sha256:%064x", i) }
	instruction := func(layer int) string { return fmt.Sprintf("RUN /bin/sh -c make step-%d # buildkit", layer) }
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		img := report.Image{Reference: "myapp:1.5", Name: "docker.io/library/myapp:1.5", Platform: platform, Digest: digest(1), ConfigDigest: digest(2),
			Source: report.Source{Kind: "docker", Detail: "unix:///var/run/docker.sock", Tried: []report.Attempt{{Kind: "podman", Reason: "no socket"}}}}
		for i := 1; i <= sampleLayers; i++ {
			l := report.Layer{Index: i, Digest: digest(i), Codec: "gzip", Size: int64(i) * 1_000_003, Bytes: int64(i) * 3e6, Files: int64(i) * 41, Instruction: instruction(i)}
			if i == sampleLayers {
				l.Codec = "" // it was not read
			}
			img.Layers = append(img.Layers, l)
		}
		r.Images = append(r.Images, img)
	}

	severities := []report.Severity{report.SeverityMedium, report.SeverityHigh, report.SeverityLow, report.SeverityInfo, report.SeverityCritical, "", report.SeverityHigh}
	confidences := []report.Confidence{report.ConfidenceHigh, report.ConfidenceMedium, report.ConfidenceLow}
	fates := []report.Fate{report.FatePresent, report.FateDeleted, report.FateOverwritten, report.FateOpaque, report.FateUnknown}
	for i := range n {
		f := report.Finding{
			Rule: sampleRule(i), Title: fmt.Sprintf("Access token of service %d", i%sampleRules), Description: "Whoever has it can act as its owner.",
			Severity: severities[i%len(severities)], Confidence: confidences[i/5%3], Key: fmt.Sprintf("SERVICE_%d_TOKEN", i%13),
			Secret: report.PreviewOf(redacted(fmt.Sprintf("tok_%02x…(40 characters)", i%256))),
			Fix:    "Rotate it, and mount it with RUN --mount=type=secret.", Revoke: "Revoke it in the console of the service.",
		}
		if f.Severity == report.SeverityInfo {
			f.Info = "a published example"
		}
		if i%19 == 0 {
			f.Note = "it expires on 2027-01-31"
		}
		places := 1 + i%3
		if i == 8 {
			places = 30
		}
		for k := range places {
			layer := 1 + (i+k)%sampleLayers
			l := report.Location{
				Image: (i + k) % 2, Place: report.PlaceFile, Path: fmt.Sprintf("srv/Module-%d/settings-%d.yaml", i, k), Line: 1 + i%400, Column: 12, Offset: int64(i),
				Fate: fates[(i+2*k)%5], FateLayer: min(layer+1, sampleLayers), Fingerprint: fmt.Sprintf("%024x", i+k*n+1),
				Layer: &report.LayerRef{Index: layer, Of: sampleLayers, Digest: digest(layer), DiffID: digest(layer + 100), Instruction: instruction(layer)},
			}
			if i%23 == 5 {
				l.Place, l.Layer, l.FateLayer, l.Fate = report.PlaceConfig, nil, 0, report.FatePresent
				l.Path, l.Instruction = fmt.Sprintf("config.Env[%d]", i+k), fmt.Sprintf("ENV SERVICE_TOKEN_%d=…", i)
			} else {
				l.Extract = fmt.Sprintf("leakscan extract myapp:1.5 %d:/%s", layer, l.Path)
			}
			if i%17 == 3 {
				l.Suppressed = &report.Suppression{By: fmt.Sprintf(".leakscanignore:%d", i), Reason: "a test account"}
			}
			f.Locations = append(f.Locations, l)
			r.Stats.Locations++
		}
		f.Fingerprint = f.Locations[0].Fingerprint
		r.Findings = append(r.Findings, f)
	}
	r.Sort()
	return r
}

func severityOf(f *report.Finding) string {
	if f.Severity == "" {
		return "unrated"
	}
	return string(f.Severity)
}

func harmless(f *report.Finding) bool { return f.Severity == report.SeverityInfo }

func counts(f *report.Finding) bool { return !harmless(f) && !f.Suppressed() }

// layerOf is how the page names the layer of a place.
func layerOf(l *report.Location) string {
	layer := -1
	if l.Layer != nil {
		layer = l.Layer.Index
	}
	return fmt.Sprintf("%d.%d", l.Image, layer)
}

// filter is a choice of findings, as a reader makes it in the page. What is
// empty leaves all.
type filter struct {
	words                      []string
	severity, confidence, rule []string
	fate, image, layer         []string
	aside                      bool // those that don't count are shown too
}

func one(allowed []string, v string) bool { return len(allowed) == 0 || slices.Contains(allowed, v) }

func (w filter) takes(f *report.Finding) bool {
	if !w.aside && !counts(f) || !one(w.severity, severityOf(f)) || !one(w.confidence, string(f.Confidence)) || !one(w.rule, f.Rule) {
		return false
	}
	if !slices.ContainsFunc(f.Locations, func(l report.Location) bool {
		return one(w.fate, string(l.Fate)) && one(w.image, fmt.Sprint(l.Image)) && one(w.layer, layerOf(&l))
	}) {
		return false
	}
	text := []string{f.Title, f.Rule, severityOf(f), f.Key + "=" + f.Secret.String(), f.Info, f.Note, f.Fingerprint}
	for i := range f.Locations {
		l := &f.Locations[i]
		text = append(text, fmt.Sprintf("%s:%d:%d", l.Path, l.Line, l.Column), l.Instruction, l.Fingerprint)
		if l.Layer != nil {
			text = append(text, l.Layer.Instruction)
		}
	}
	all := strings.ToLower(strings.Join(text, "\n"))
	return !slices.ContainsFunc(w.words, func(word string) bool { return !strings.Contains(all, strings.ToLower(word)) })
}

// of gives the IDs of the findings that it leaves, in the order of the report.
func (w filter) of(r *report.Report) []string {
	ids := []string{}
	for i := range r.Findings {
		if w.takes(&r.Findings[i]) {
			ids = append(ids, r.Findings[i].Fingerprint)
		}
	}
	return ids
}

// count is what the page says above the list.
func (w filter) count(r *report.Report) string {
	harm, suppressed := 0, 0
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Suppressed() {
			suppressed++
		} else if harmless(f) {
			harm++
		}
	}
	all, n := len(r.Findings), len(w.of(r))
	hidden := ""
	if !w.aside {
		all -= harm + suppressed
		hidden = fmt.Sprintf("; %s known to be harmless and %s suppressed are hidden", thousands(harm), thousands(suppressed))
	}
	if n == all {
		return thousands(n) + " findings" + hidden
	}
	return thousands(n) + " of " + thousands(all) + " findings" + hidden
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
