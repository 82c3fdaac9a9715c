package rules

import (
	"math"
	"regexp"
	"strings"
	"testing"
)

func defaults(t testing.TB) *Set {
	t.Helper()
	s, err := Gitleaks()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func builtin(t testing.TB) *Set {
	t.Helper()
	s, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGitleaks(t *testing.T) {
	s := defaults(t)
	if len(s.Rules) != 222 {
		t.Errorf("%d rules, want 222", len(s.Rules))
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	titles := map[string]string{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if !kebab.MatchString(r.ID) {
			t.Errorf("%s: not kebab-case", r.ID)
		}
		if s.Rule(r.ID) != r {
			t.Errorf("%s: Rule finds another one", r.ID)
		}
		if r.Description == "" || r.Title == "" || strings.Contains(r.Title, "  ") || strings.Contains(r.Title, "-key") {
			t.Errorf("%s: title %q, description %q", r.ID, r.Title, r.Description)
		}
		if other, ok := titles[r.Title]; ok {
			t.Errorf("%s and %s: both are %q", r.ID, other, r.Title)
		}
		titles[r.Title] = r.ID
		switch r.Severity {
		case SeverityLow, SeverityMedium, SeverityHigh, SeverityCritical:
		default:
			t.Errorf("%s: severity %q", r.ID, r.Severity)
		}
		switch r.Confidence {
		case ConfidenceLow, ConfidenceMedium, ConfidenceHigh:
		default:
			t.Errorf("%s: confidence %q", r.ID, r.Confidence)
		}
		if r.Pattern != "" && len(r.Keywords) == 0 {
			t.Errorf("%s: no keyword", r.ID)
		}
	}
	if s.Rule("no-such-rule") != nil {
		t.Error("found a rule that is not there")
	}
}

func TestMetadata(t *testing.T) {
	s := defaults(t)
	for _, tt := range []struct {
		id, title string
		sev       Severity
		conf      Confidence
	}{
		{"aws-access-token", "AWS access token", SeverityCritical, ConfidenceHigh},
		{"github-pat", "GitHub personal access token", SeverityCritical, ConfidenceHigh},
		{"gitlab-cicd-job-token", "GitLab CI/CD job token", SeverityCritical, ConfidenceHigh},
		{"azure-ad-client-secret", "Azure AD client secret", SeverityCritical, ConfidenceHigh},
		{"private-key", "Private key", SeverityCritical, ConfidenceHigh},
		{"stripe-access-token", "Stripe access token", SeverityCritical, ConfidenceHigh},
		{"openai-api-key", "OpenAI API key", SeverityHigh, ConfidenceHigh},
		{"datadog-access-token", "Datadog access token", SeverityHigh, ConfidenceMedium},
		{"generic-api-key", "Generic API key or password", SeverityMedium, ConfidenceLow},
		{"pkcs12-file", "PKCS #12 key file", SeverityMedium, ConfidenceMedium},
		{"discord-client-id", "Discord client ID", SeverityLow, ConfidenceMedium},
		{"lob-pub-api-key", "Lob public API key", SeverityLow, ConfidenceMedium},
	} {
		r := s.Rule(tt.id)
		if r == nil {
			t.Errorf("%s: no such rule", tt.id)
			continue
		}
		if r.Title != tt.title || r.Severity != tt.sev || r.Confidence != tt.conf {
			t.Errorf("%s: %q %s %s, want %q %s %s", tt.id, r.Title, r.Severity, r.Confidence, tt.title, tt.sev, tt.conf)
		}
	}
}

// The allowlists are where a scanner goes quiet, so what is kept of them is
// pinned here.
func TestAllowlists(t *testing.T) {
	s := defaults(t)
	for _, a := range s.Allowlists {
		if len(a.Paths) > 0 {
			t.Errorf("a global path allowlist got in: %q", a.Paths)
		}
	}
	if len(s.Allowlists) != 1 || len(s.Allowlists[0].Patterns) == 0 || len(s.Allowlists[0].StopWords) == 0 {
		t.Errorf("global allowlists: %+v", s.Allowlists)
	}
	withPath := map[string]bool{} // rule -> RequireAll
	for _, r := range s.Rules {
		for _, a := range r.Allowlists {
			if len(a.Paths) > 0 {
				withPath[r.ID] = a.RequireAll
			}
		}
	}
	want := map[string]bool{"generic-api-key": true, "github-app-token": false, "github-pat": false}
	for id, all := range want {
		if got, ok := withPath[id]; !ok || got != all {
			t.Errorf("%s: path allowlist %v, RequireAll %v; want RequireAll %v", id, ok, got, all)
		}
	}
	if len(withPath) != len(want) {
		t.Errorf("rules with a path allowlist: %v", withPath)
	}
}

func TestDigest(t *testing.T) {
	a, b := defaults(t), defaults(t)
	if !strings.HasPrefix(a.Digest(), "sha256:") || len(a.Digest()) != len("sha256:")+64 {
		t.Errorf("digest %q", a.Digest())
	}
	if a.Digest() != b.Digest() {
		t.Error("two loads of the same rules differ")
	}
	b.Rules[7].MinEntropy += 0.1
	if a.Digest() == b.Digest() {
		t.Error("a changed threshold does not change the digest")
	}
}

func TestValidate(t *testing.T) {
	for name, s := range map[string]Set{
		"no ID":       {Rules: []Rule{{Pattern: "a"}}},
		"twice":       {Rules: []Rule{{ID: "a", Pattern: "a"}, {ID: "a", Pattern: "a"}}},
		"nothing":     {Rules: []Rule{{ID: "a"}}},
		"pattern":     {Rules: []Rule{{ID: "a", Pattern: "("}}},
		"path":        {Rules: []Rule{{ID: "a", Path: "("}}},
		"group":       {Rules: []Rule{{ID: "a", Pattern: "(a)", SecretGroup: 2}}},
		"entropy":     {Rules: []Rule{{ID: "a", Pattern: "a", MinEntropy: math.NaN()}}},
		"no end":      {Rules: []Rule{{ID: "a", Pattern: `\Qa`}}},
		"required":    {Rules: []Rule{{ID: "a", Pattern: "a", Required: []Required{{RuleID: "b"}}}}},
		"distance":    {Rules: []Rule{{ID: "a", Pattern: "a", Required: []Required{{RuleID: "a", WithinLines: ptr(-1)}}}}},
		"keyword":     {Rules: []Rule{{ID: "a", Pattern: "a", Keywords: []string{"A"}}}},
		"allowlist":   {Rules: []Rule{{ID: "a", Pattern: "a", Allowlists: []Allowlist{{}}}}},
		"global list": {Allowlists: []Allowlist{{Patterns: []string{"("}}}},
	} {
		if s.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func ptr(n int) *int { return &n }

func BenchmarkDefault(b *testing.B) {
	for b.Loop() {
		defaults(b)
	}
}

// TestBuiltin holds the whole of the built-in rules together: gitleaks' and
// ours, which must not collide, and what is amended must be there.
func TestBuiltin(t *testing.T) {
	s, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	titles := map[string]string{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if o := titles[r.Title]; o != "" {
			t.Errorf("%s and %s have the same title", r.ID, o)
		}
		titles[r.Title] = r.ID
	}
	theirs, am := defaults(t), 0
	as, err := amendments()
	if err != nil {
		t.Fatal(err)
	}
	for id, a := range as {
		am++
		if theirs.Rule(id) == nil {
			t.Errorf("%s is amended, and is no rule of gitleaks'", id)
		}
		if (s.Rule(id) == nil) != (a.Dropped != "") {
			t.Errorf("%s: there %v, dropped %q", id, s.Rule(id) != nil, a.Dropped)
		}
	}
	own, err := Catalog()
	if err != nil {
		t.Fatal(err)
	}
	for i := range own {
		if theirs.Rule(own[i].ID) != nil {
			t.Errorf("%s is the ID of one of gitleaks' rules", own[i].ID)
		}
	}
}
