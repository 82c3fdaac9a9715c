package report

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func TestSortIsTheSameFromAnyOrder(t *testing.T) {
	want := sample()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		got := sample()
		for i := range got.Findings {
			shuffle(rnd, got.Findings[i].Locations)
		}
		shuffle(rnd, got.Findings)
		shuffle(rnd, got.Gaps)
		shuffle(rnd, got.Notes)
		got.Sort()
		if !reflect.DeepEqual(got, want) {
			t.Fatal("the order depends on the order before")
		}
	}
}

func shuffle[T any](rnd *rand.Rand, s []T) {
	rnd.Shuffle(len(s), func(i, k int) { s[i], s[k] = s[k], s[i] })
}

func TestSortOrder(t *testing.T) {
	at := func(image int, place Place, layer int, path string, line int) Location {
		l := Location{Image: image, Place: place, Path: path, Line: line}
		if layer > 0 {
			l.Layer = &LayerRef{Index: layer}
		}
		return l
	}
	locations := []Location{
		at(0, PlaceConfig, 0, "Env[9]", 0),
		at(0, PlaceHistory, 3, "history[0].created_by", 0),
		at(0, PlaceFile, 1, "z", 9),
		at(0, PlaceFileName, 2, "a", 0),
		at(0, PlaceFile, 2, "a", 2),
		at(0, PlaceFile, 2, "a", 10),
		at(0, PlaceUnparsed, 2, "b", 0),
		at(0, PlaceFile, 10, "a", 1),
		at(0, PlaceAnnotation, 0, "a", 0),
		at(0, PlaceAttestation, 0, "a", 0),
		at(1, PlaceConfig, 0, "Env[0]", 0),
	}
	var r Report
	for _, l := range locations {
		r.Findings = append(r.Findings, Finding{Severity: SeverityHigh, Locations: []Location{l}})
	}
	r.Findings = append(r.Findings, Finding{Severity: SeverityHigh}) // no location: last of its severity
	critical := Finding{Severity: SeverityCritical, Locations: locations[10:]}
	odd := Finding{Severity: "odd", Locations: locations[:1]}
	r.Findings = append(append([]Finding{critical}, r.Findings...), odd)
	want := slices.Clone(r.Findings)
	slices.Reverse(r.Findings)
	r.Sort()
	if !reflect.DeepEqual(r.Findings, want) {
		t.Errorf("got  %v\nwant %v", r.Findings, want)
	}

	r.Gaps = []Gap{{Image: index(1), Blob: "a"}, {Image: index(0), Blob: "b"}, {Image: index(0), Blob: "a", Path: "x"}, {Blob: "z"}}
	r.Notes = []Note{{Image: index(0), Text: "a"}, {Text: "z"}, {Text: "b"}}
	r.Sort()
	if r.Gaps[0].Blob != "z" || r.Gaps[1].Path != "x" || r.Gaps[2].Blob != "b" || r.Notes[0].Text != "b" || r.Notes[2].Text != "a" {
		t.Errorf("gaps %v, notes %v", r.Gaps, r.Notes)
	}
}

func TestSortKeepsTheFingerprintOfTheFirstLocation(t *testing.T) {
	r := Report{Findings: []Finding{{Fingerprint: "late", Locations: []Location{{Path: "b", Fingerprint: "late"}, {Path: "a", Fingerprint: "early"}}}}}
	r.Sort()
	if got := r.Findings[0].Fingerprint; got != "early" {
		t.Errorf("got %s", got)
	}
}

// Every field counts: two elements that differ anywhere never compare equal. A
// field added to the model fails here until it is compared.
func TestSortIsTotal(t *testing.T) {
	total(t, compareFindings)
	total(t, compareLocations)
	total(t, compareLayerRefs)
	total(t, compareGaps)
	total(t, compareNotes)
}

func total[T any](t *testing.T, compare func(a, b T) int) {
	t.Helper()
	var zero T
	typ := reflect.TypeFor[T]()
	for i := range typ.NumField() {
		var other T
		switch f := reflect.ValueOf(&other).Elem().Field(i); {
		case f.Type() == reflect.TypeFor[Preview]():
			f.Set(reflect.ValueOf(Preview{"x"}))
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		case f.Kind() == reflect.String:
			f.SetString("x")
		case f.CanInt():
			f.SetInt(1)
		case f.Kind() == reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		case f.Kind() == reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		default:
			t.Fatalf("%s.%s: no sample for %s", typ.Name(), typ.Field(i).Name, f.Type())
		}
		ab, ba := compare(zero, other), compare(other, zero)
		if ab == 0 || ab != -ba {
			t.Errorf("%s.%s: compares as %d and %d", typ.Name(), typ.Field(i).Name, ab, ba)
		}
		if compare(other, other) != 0 {
			t.Errorf("%s.%s: differs from itself", typ.Name(), typ.Field(i).Name)
		}
	}
}
