package report

import "testing"

func TestVerdict(t *testing.T) {
	one := func(s Severity) []Finding { return []Finding{{Severity: s, Confidence: ConfidenceHigh}} }
	for _, tt := range []struct {
		name   string
		r      Report
		failOn Severity
		want   Verdict
	}{
		{"clean", Report{Complete: true}, "", 0},
		{"zero value", Report{}, "", Incomplete},
		{"gap in spite of complete", Report{Complete: true, Gaps: make([]Gap, 1)}, "", Incomplete},
		{"low", Report{Complete: true, Findings: one(SeverityLow)}, "", 0},
		{"low asked for", Report{Complete: true, Findings: one(SeverityLow)}, "low", Leaks},
		{"medium", Report{Complete: true, Findings: one(SeverityMedium)}, "", Leaks},
		{"info", Report{Complete: true, Findings: one(SeverityInfo)}, "low", 0},
		{"not sure", Report{Complete: true, Findings: []Finding{{Severity: SeverityCritical, Confidence: ConfidenceLow}}}, "", 0},
		{"sure enough", Report{Complete: true, Findings: []Finding{{Severity: SeverityCritical, Confidence: ConfidenceMedium}}}, "", Leaks},
		{"below the bar", Report{Complete: true, Findings: one(SeverityMedium)}, SeverityHigh, 0},
		{"at the bar", Report{Complete: true, Findings: one(SeverityHigh)}, SeverityHigh, Leaks},
		{"above the bar", Report{Complete: true, Findings: one(SeverityCritical)}, SeverityHigh, Leaks},
		{"never", Report{Complete: true, Findings: one(SeverityCritical)}, "never", 0},
		{"never, but incomplete", Report{Findings: one(SeverityCritical)}, "never", Incomplete},
		{"both", Report{Findings: one(SeverityCritical)}, "", Leaks | Incomplete},
		{"unknown severity", Report{Complete: true, Findings: one("")}, SeverityCritical, Leaks},
		{"unknown bar", Report{Complete: true, Findings: one(SeverityLow)}, "hihg", Leaks},
	} {
		if got := tt.r.Verdict(Threshold{Severity: tt.failOn}); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}
