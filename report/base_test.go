package report

import "testing"

func TestMarkBase(t *testing.T) {
	image := func(diffIDs ...string) Image {
		img := Image{Reference: "x"}
		for i, d := range diffIDs {
			img.Layers = append(img.Layers, Layer{Index: i + 1, DiffID: d})
		}
		return img
	}
	at := func(layer int, diffID, fp string) Location {
		l := Location{Place: PlaceFile, Path: "/" + fp, Fingerprint: fp, Fate: FatePresent}
		if layer == 0 {
			l.Place = PlaceConfig
			return l
		}
		l.Layer = &LayerRef{Index: layer, Of: 2, DiffID: diffID}
		return l
	}
	finding := func(s Severity, ls ...Location) Finding {
		return Finding{Rule: "r", Severity: s, Confidence: ConfidenceHigh, Fingerprint: ls[0].Fingerprint, Locations: ls}
	}
	base := &Report{Complete: true, Images: []Image{image("a")}, Findings: []Finding{finding(SeverityCritical, at(1, "a", "base-file")), finding(SeverityHigh, at(0, "", "base-env"))}}
	r := &Report{Complete: true, Images: []Image{image("a", "b")}, Findings: []Finding{
		finding(SeverityCritical, at(1, "a", "base-file")), finding(SeverityHigh, at(0, "", "base-env")),
		finding(SeverityHigh, at(1, "a", "both"), at(2, "b", "both-own")), finding(SeverityLow, at(2, "b", "own")), finding(SeverityMedium, at(0, "", "own-env")),
	}}
	r.MarkBase(base)
	var order string
	for i := range r.Findings {
		f := &r.Findings[i]
		order += f.Fingerprint
		if f.Inherited() {
			order += "*"
		}
		order += " "
	}
	if want := "both own-env own base-file* base-env* "; order != want {
		t.Errorf("%q, want %q", order, want)
	}
	if !r.Images[0].Layers[0].Base || r.Images[0].Layers[1].Base {
		t.Error("the layers")
	}
	for _, c := range []struct {
		t    Threshold
		want Verdict
	}{
		{Threshold{}, Leaks}, {Threshold{Severity: "never", Base: SeverityHigh}, Leaks}, {Threshold{Severity: SeverityCritical, Base: "never"}, 0}, {Threshold{Severity: SeverityCritical}, Leaks},
	} {
		if v := r.Verdict(c.t); v != c.want {
			t.Errorf("%+v: %d, want %d", c.t, v, c.want)
		}
	}
}
