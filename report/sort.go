package report

import (
	"cmp"
	"slices"
)

// Sort puts a report into its one order, so that equal scans give equal bytes
// however their workers raced:
//
//   - findings: one's own before those of the base image; most severe first, then
//     by first location, rule and fingerprint;
//   - locations in a finding: by image; within an image the config, its
//     history, the layers from the lowest up, the manifest's annotations, the
//     attestations; within those by path, line, column and offset;
//   - gaps: by image, those of no image first, then blob, path and kind;
//   - notes: by image, those of no image first, then text.
//
// Whatever still ties is ordered by the fields that are left, so only equal
// elements compare equal. Images keep their order, because locations, gaps and
// notes refer to them by index.
//
// A finding's fingerprint is that of its first location. Sort keeps it so where
// the order of the locations changes.
func (r *Report) Sort() {
	for i := range r.Findings {
		f := &r.Findings[i]
		slices.SortFunc(f.Locations, compareLocations)
		if len(f.Locations) > 0 && f.Locations[0].Fingerprint != "" {
			f.Fingerprint = f.Locations[0].Fingerprint
		}
	}
	slices.SortFunc(r.Findings, compareFindings)
	slices.SortFunc(r.Gaps, compareGaps)
	slices.SortFunc(r.Notes, compareNotes)
}

func compareFindings(a, b Finding) int {
	if c := b2i(a.Inherited()) - b2i(b.Inherited()); c != 0 {
		return c
	}
	if c := cmp.Compare(b.Severity.Rank(), a.Severity.Rank()); c != 0 {
		return c
	}
	if c := compareFirst(a.Locations, b.Locations); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Fingerprint, b.Fingerprint),
		cmp.Compare(a.Severity, b.Severity), // differ here only where both are unknown
		cmp.Compare(a.Title, b.Title),
		cmp.Compare(a.Description, b.Description),
		cmp.Compare(a.Confidence, b.Confidence),
		cmp.Compare(a.Secret.text, b.Secret.text),
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Info, b.Info),
		cmp.Compare(a.Note, b.Note),
		cmp.Compare(a.Fix, b.Fix),
		cmp.Compare(a.Revoke, b.Revoke),
		slices.CompareFunc(a.Locations, b.Locations, compareLocations),
	)
}

// compareFirst compares first locations; a finding that has none comes last.
func compareFirst(a, b []Location) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(min(len(b), 1), min(len(a), 1))
	}
	return compareLocations(a[0], b[0])
}

func compareLocations(a, b Location) int {
	return cmp.Or(
		cmp.Compare(a.Image, b.Image),
		cmp.Compare(a.Place.rank(), b.Place.rank()),
		cmp.Compare(a.layerIndex(), b.layerIndex()),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Offset, b.Offset),
		slices.Compare(a.Encodings, b.Encodings),
		cmp.Compare(a.Place, b.Place),
		cmp.Compare(a.Fate, b.Fate),
		cmp.Compare(a.FateLayer, b.FateLayer),
		cmp.Compare(a.Fingerprint, b.Fingerprint),
		cmp.Compare(a.Extract, b.Extract),
		cmp.Compare(b2i(a.Base), b2i(b.Base)),
		comparePointers(a.Suppressed, b.Suppressed, compareSuppressions),
		comparePointers(a.Layer, b.Layer, compareLayerRefs),
		cmp.Compare(a.Instruction, b.Instruction),
	)
}

func compareSuppressions(a, b Suppression) int {
	return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Until, b.Until))
}

func compareLayerRefs(a, b LayerRef) int {
	return cmp.Or(
		cmp.Compare(a.Index, b.Index),
		cmp.Compare(a.Of, b.Of),
		cmp.Compare(a.Digest, b.Digest),
		cmp.Compare(a.DiffID, b.DiffID),
		cmp.Compare(a.Instruction, b.Instruction),
	)
}

func compareGaps(a, b Gap) int {
	return cmp.Or(
		comparePointers(a.Image, b.Image, cmp.Compare),
		cmp.Compare(a.Blob, b.Blob),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Bytes, b.Bytes),
		cmp.Compare(a.Hint, b.Hint),
		cmp.Compare(a.Frame, b.Frame),
		slices.CompareFunc(a.Tried, b.Tried, func(a, b Attempt) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reason, b.Reason))
		}),
	)
}

func compareNotes(a, b Note) int {
	return cmp.Or(
		comparePointers(a.Image, b.Image, cmp.Compare),
		cmp.Compare(a.Text, b.Text),
	)
}

// comparePointers compares what a and b point to; nil comes first.
func comparePointers[T any](a, b *T, compare func(T, T) int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return compare(*a, *b)
}

// rank orders places as [Report.Sort] says. All places in a layer rank the
// same, so that a layer's locations stay together.
func (p Place) rank() int {
	switch p {
	case PlaceConfig:
		return 1
	case PlaceHistory:
		return 2
	case PlaceFile, PlaceFileName, PlaceLinkTarget, PlaceHeader, PlaceUnparsed:
		return 3
	case PlaceAnnotation:
		return 4
	case PlaceAttestation:
		return 5
	}
	return 6
}

// layerIndex is the layer's index, or 0 where there is none.
func (l *Location) layerIndex() int {
	if l.Layer == nil {
		return 0
	}
	return l.Layer.Index
}
