package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/rules"
)

func TestListing(t *testing.T) {
	set := &rules.Set{Rules: []rules.Rule{
		{ID: "acme-token", Title: "Acme token", Severity: "high", Confidence: "medium", Keywords: []string{"acme", "badge"}, Pattern: "(?s)[0-9]{8}\u202e\n" + strings.Repeat("x", 60)},
		{ID: "acme-key", Title: "Acme key\x1b[2J", Severity: "low", Confidence: "high", Pattern: "a", Tags: []string{`a\n`}},
		{ID: "acme-file", Title: "Acme file", Severity: "low", Confidence: "high", Path: `\.acme$`},
	}}
	l := &listing{set: set, width: 60, how: []detect.Explanation{
		{Rule: &set.Rules[0], Path: "whole", Why: "Its pattern has no literal, so every byte must be looked at.", MinLength: 70, MaxLength: 70, KeywordGate: true},
		{Rule: &set.Rules[1], Path: "window", Literals: []string{"acmekey_", "[Aa][Cc]"}, MinLength: 1, MaxLength: -1},
		{Rule: &set.Rules[2], Path: "path only"},
	}}
	l.text()
	want := `acme-token
  title     Acme token
  rating    high, medium confidence
  runs      over the whole text. Its pattern has no literal,
            so every byte must be looked at.
  match     70 bytes long
  needs     the file must have one of these, in the match or
            elsewhere: acme, badge

acme-key
  title     Acme key\x1b[2J
  rating    low, high confidence
  runs      in a window around each of its literals
  literals  acmekey_, [Aa][Cc]
  match     1 byte long, or longer

acme-file
  title     Acme file
  rating    low, high confidence
  runs      on the path of a file alone

3 rules: 1 high, 2 low
`
	if got := l.out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	l.out.Reset()
	l.definition(&set.Rules[0])
	want = `  pattern   (?s)[0-9]{8}\x{202e}\x{a}xxxxxxxxxxxxxxxxxxxxxx
            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
  secret    all of the match
  keywords  acme, badge
`
	if got := l.out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Every built-in rule's link leads to its page.
func TestRuleLinks(t *testing.T) {
	set, err := rules.Default()
	if err != nil {
		t.Fatal(err)
	}
	linked := 0
	for i := range set.Rules {
		link := ruleLink(set.Rules[i].ID)
		page, anchor, _ := strings.Cut(strings.TrimPrefix(link, "https://github.com/leakscan/leakscan/blob/main/"), "#")
		if link == "" {
			continue
		}
		linked++
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(page)))
		if err != nil || !strings.Contains(string(text), "\n## "+anchor+"\n") {
			t.Errorf("%s leads nowhere: %v", link, err)
		}
	}
	if linked < 1000 {
		t.Errorf("%d of %d rules are linked", linked, len(set.Rules))
	}
}
