package ignore

import (
	"strings"
	"testing"
	"time"

	"github.com/leakscan/leakscan/report"
)

func sample() *report.Report {
	at := func(path, fp string, line int) report.Location {
		return report.Location{Place: report.PlaceFile, Path: path, Line: line, Fingerprint: fp, Fate: report.FatePresent}
	}
	r := &report.Report{Complete: true, Images: []report.Image{{Reference: "registry.example/team/app:1.4", Name: "team/evil"}}, Findings: []report.Finding{
		{Rule: "github-pat", Severity: report.SeverityHigh, Confidence: report.ConfidenceHigh, Locations: []report.Location{at("/app/.env", "aa", 3), at("/app/old/.env", "ab", 3)}},
		{Rule: "private-key", Severity: report.SeverityHigh, Confidence: report.ConfidenceHigh, Locations: []report.Location{at("/app/tests/a/key.pem", "bb", 1)}},
	}}
	r.Sort()
	return r
}

func TestApply(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, file string
		suppressed string // fingerprints
		verdict    report.Verdict
		notes      string // a part of them; "": none
	}{
		{"nothing", "# nothing\n\n", "", report.Leaks, ""},
		{"a fingerprint", "aa reason=revoked", "aa", report.Leaks, ""},
		{"all of them", "aa reason=x\nab reason=x\nbb reason=x\n", "aa ab bb", 0, ""},
		{"a rule and a path", `rule=private-key path=/app/tests/** reason="made for tests" owner=@team until=2027-01-01`, "bb", report.Leaks, ""},
		{"a path without slash", `rule=* path=app/*/.env reason=x`, "ab", report.Leaks, ""},
		{"every rule", `rule=* reason=x`, "aa ab bb", 0, ""},
		{"a star is no slash", `rule=* path=/app/* reason=x`, "aa", report.Leaks, ""},
		{"an image", `rule=* image=registry.example/** reason=x`, "aa ab bb", 0, ""},
		{"another image", `rule=* image=other:* reason=x`, "", report.Leaks, ""},
		{"a name inside of the archive", `rule=* image=team/evil reason=x`, "", report.Leaks, ""},
		{"expired", `rule=* reason=x until=2026-11-21`, "", report.Leaks, "expired on 2026-11-21"},
		{"the last day", `rule=* reason=x until=2026-11-22`, "aa ab bb", 0, ""},
		{"unused", `0123456789abcdef01234567 reason=x`, "", report.Leaks, "i:1: the entry for 0123456789abcdef01234567 fits no finding: take it out"},
		{"a cut fingerprint", `0123456789 reason=x`, "", report.Leaks, "i:1: the entry for 0123456789 fits no finding: it is malformed: a fingerprint has 24 characters"},
		{"an unused rule", `rule=private-key-* reason=x`, "", report.Leaks, "fits no finding: take it out"},
		{"a misspelt rule", `rule=privat-key path=/x reason=x`, "", report.Leaks, "i:1: the entry for rule privat-key in /x fits no finding: there is no rule privat-key; did you mean private-key?"},
		{"no rule", `rule=nothing-like-it reason=x`, "", report.Leaks, "fits no finding: there is no such rule"},
	} {
		es, err := Parse("i", []byte(c.file))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := sample()
		Apply(r, es, now, []string{"github-pat", "private-key", "private-key-two"})
		var got, notes []string
		for _, f := range r.Findings {
			for _, l := range f.Locations {
				if l.Suppressed != nil {
					got = append(got, l.Fingerprint)
				}
			}
		}
		for _, n := range r.Notes {
			notes = append(notes, n.Text)
		}
		if s := strings.Join(got, " "); s != c.suppressed {
			t.Errorf("%s: suppressed %q, want %q", c.name, s, c.suppressed)
		}
		if v := r.Verdict(report.Threshold{}); v != c.verdict {
			t.Errorf("%s: verdict %d, want %d", c.name, v, c.verdict)
		}
		if s := strings.Join(notes, "\n"); c.notes == "" && s != "" || !strings.Contains(s, c.notes) {
			t.Errorf("%s: notes %q, want %q", c.name, s, c.notes)
		}
	}
}

func TestBadEntries(t *testing.T) {
	for file, want := range map[string]string{
		"aa":                             "f:1: it has no reason",
		"\npath=/x reason=y":             "f:2: it has no fingerprint and no rule: give one, as a finding shows them; rule=* is every rule",
		"rule=a reson=x":                 "no such key; did you mean reason?",
		"S3cret Passw0rd":                "f:1: word 2 is no key=value",
		"aa rule=b reason=x":             "which says all",
		"aa reason=x until=tomorrow":     "no day",
		"aa reason=x reason=y":           "given twice",
		`aa reason="x`:                   "quote is not closed",
		"aa reason=x more":               `word 3 is no key=value`,
		"aa reason=":                     "no value",
		"aa\nbb reason=x\ncc reason=x z": "f:1: it has no reason: say why it does not count, as in reason=\"revoked in March\"\nf:3:",
	} {
		if _, err := Parse("f", []byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}

func TestGitleaks(t *testing.T) {
	es := Gitleaks(".gitleaksignore", []byte("# x\n/app/.env:github-pat:3\nsha256:0123:app/tests/a/key.pem:private-key:1\nx:y:1junk\nx:y:0\nnonsense\n"))
	r := sample()
	Apply(r, es, time.Now(), nil)
	if len(es) != 2 || r.Findings[0].Locations[0].Suppressed == nil || r.Findings[0].Locations[1].Suppressed != nil || r.Findings[1].Suppressed() || len(r.Notes) != 0 {
		t.Errorf("%+v %+v", es, r.Findings)
	}
}

func TestBaseline(t *testing.T) {
	r := sample()
	Apply(r, Baseline("base.json", sample()), time.Now(), nil)
	if r.Verdict(report.Threshold{}) != 0 || r.Findings[0].Locations[0].Suppressed.By != "base.json" {
		t.Errorf("%+v", r.Findings)
	}
}

// FuzzParse: whatever the file is, what it gives can be applied.
func FuzzParse(f *testing.F) {
	f.Add([]byte("aa reason=x\nrule=* path=/a/**/b? image=*:1 reason=\"a \\\" b\" until=2027-01-01 # y"))
	f.Add([]byte("a:b:3\nx:y:z:1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		es, err := Parse("f", text)
		if err == nil {
			Apply(sample(), es, time.Now(), nil)
		}
		Apply(sample(), Gitleaks("g", text), time.Now(), nil)
	})
}

func TestBaselineFile(t *testing.T) {
	var b strings.Builder
	if findings, entries, err := WriteBaseline(&b, sample()); err != nil || findings != 2 || entries != 3 {
		t.Fatalf("%d findings, %d entries, %v", findings, entries, err)
	}
	es, err := ReadBaseline("b.json", []byte(b.String()))
	if err != nil || len(es) != 3 {
		t.Fatalf("%v, %d entries of\n%s", err, len(es), b.String())
	}
	r := sample()
	Apply(r, es, time.Now(), nil)
	if r.Verdict(report.Threshold{}) != 0 {
		t.Error("it takes nothing back")
	}
	b.Reset()
	if err := report.WriteJSON(&b, sample(), report.JSONOptions{}); err != nil {
		t.Fatal(err)
	}
	if es, err := ReadBaseline("r.json", []byte(b.String())); err != nil || len(es) != 3 {
		t.Errorf("a report: %v, %d entries", err, len(es))
	}
	for text, want := range map[string]string{"{": "is no baseline", `{"schema":"leakscan.baseline/9"}`: `its schema is "leakscan.baseline/9"`, "[]": "is no baseline"} {
		if _, err := ReadBaseline("b", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCompare(t *testing.T) {
	old, new := sample(), sample()
	new.Findings[0].Locations[1].Fingerprint = "ac" // moved
	new.Findings[1].Locations[0].Fingerprint = "bc" // new, and the old one fixed
	d := Compare(old, new)
	if len(d.New) != 1 || d.New[0].Rule != "private-key" || len(d.Fixed) != 1 || len(d.Moved) != 1 || d.Moved[0].Rule != "github-pat" || len(d.Unchanged) != 0 {
		t.Errorf("%+v", d)
	}
	if d := Compare(old, sample()); len(d.Unchanged) != 2 || len(d.New)+len(d.Fixed)+len(d.Moved) != 0 {
		t.Errorf("the same: %+v", d)
	}
}

// ENV puts a value into the config and into its history: an entry for either is
// one for both, and for nothing else.
func TestTwinsOfTheConfig(t *testing.T) {
	r := &report.Report{Complete: true, Images: []report.Image{{Reference: "x"}}, Findings: []report.Finding{{Rule: "r", Severity: report.SeverityHigh, Locations: []report.Location{
		{Place: report.PlaceConfig, Path: "config.Env[0]", Fingerprint: "aa"}, {Place: report.PlaceHistory, Path: "history[0]", Fingerprint: "bb"}, {Place: report.PlaceFile, Path: "/x", Fingerprint: "cc"},
	}}}}
	Apply(r, []Entry{{Fingerprint: "aa", Reason: "x", From: "f:1"}}, time.Now(), nil)
	for _, l := range r.Findings[0].Locations {
		if (l.Suppressed != nil) != (l.Fingerprint != "cc") {
			t.Errorf("%+v", l)
		}
	}
}
