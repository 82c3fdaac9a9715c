package rules

import (
	"slices"
	"strings"
	"testing"
)

// Every rule has an example of what it finds, and one of what it passes.
func TestExamples(t *testing.T) {
	set := builtin(t)
	for i := range set.Rules {
		r := &set.Rules[i]
		hits, misses := r.Examples()
		if len(hits) == 0 || len(misses) == 0 {
			t.Errorf("%s: examples of %d hits and %d misses", r.ID, len(hits), len(misses))
			continue
		}
		if len(r.Hits) > 0 {
			continue // TestCatalog
		}
		low := strings.ToLower(hits[0].Expand(r.ID))
		if r.Pattern != "" && len(r.Keywords) > 0 && !slices.ContainsFunc(r.Keywords, func(k string) bool { return strings.Contains(low, k) }) {
			t.Errorf("%s: %v has none of the keywords %q", r.ID, hits[0], r.Keywords)
		}
	}
}

func TestSketch(t *testing.T) {
	for _, tt := range []struct{ pattern, path, hit, miss string }{
		{`\b(ghp_[0-9a-zA-Z]{36})(?:[\x60'"\s;]|\\[nr]|$)`, "", "ghp_<alnum:36>", "ghp_<alnum:35>"},
		{`(?i)[\w.-]{0,50}?(?:Adobe|Acrobat)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=)([a-f0-9]{32})`, "", "Adobe=<hex:32>", "Adobe=<hex:31>"},
		{`BEGIN[ A-Z]{0,9}KEY(?:A[A-Z]|BCD)`, "", "BEGIN KEYA<upper:1>", "BEGIN KEYA"},
		{`a-[0-9]+.b-[0-9]+`, "", "a-<digit:1>.b-<digit:1>", "a-.b-<digit:1>"},
		{`x[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}`, "", "x<BECH32:58>", "x<BECH32:57>"},
		{`(\d{15}[|%])`, "", "<digit:15>|", "<digit:14>|"},
		{"", `(?i)(?:^|/)[^/]+\.p12$`, "file.p12:", "file.p12.txt:"},
		{`k=[a-z]{5}`, `\.php$`, "file.php:k=<lower:5>", "file.php:k=<lower:4>"},
		{`(?i)x[`, "", "", ""},
		{`a$b`, "", "", ""},
	} {
		r := &Rule{ID: "r", Pattern: tt.pattern, Path: tt.path}
		show := func(es []Example) (s string) {
			for _, e := range es {
				if s += e.Text; e.Path != "" {
					s = e.Path + ":" + s
				}
			}
			return s
		}
		hits, misses := r.Examples()
		if hit, miss := show(hits), show(misses); hit != tt.hit || miss != tt.miss {
			t.Errorf("%s %s: %q and %q, want %q and %q", tt.pattern, tt.path, hit, miss, tt.hit, tt.miss)
		}
	}
	r := &Rule{ID: "r", Pattern: `k=[a-z]{10,150}`, MinEntropy: 3.5}
	if hits, misses := r.Examples(); hits[0].Text != "k=<lower:32>" || misses[0].Text != "k=<lower:9>" {
		t.Errorf("what must be random: %v, %v", hits, misses)
	}
}
