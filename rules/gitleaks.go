package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	gitleaks "github.com/zricethezav/gitleaks/v8/config"
)

// Default returns the rules that gitleaks ships, in the order of its file.
//
// Two things of gitleaks' configuration are left out on purpose:
//
//   - Its global path allowlist, which passes over node_modules, lock files,
//     Python's site-packages, pictures and much else. In an image that is
//     where other people's code put a secret, and a scanner that skips it
//     says "clean" about bytes that it has not read.
//   - Its comment `gitleaks:allow`, which package detect does not know: text
//     inside an image must not be able to switch the scanner off.
//
// Allowlists of single rules are kept, those with paths too, because they are
// narrow. Three rules have one: generic-api-key passes over licence and source
// lines in Yocto recipes (path AND line must fit), and github-pat and
// github-app-token pass over the README of @octokit/auth-token, which shows
// sample tokens (the path alone decides).
func Default() (*Set, error) {
	s, err := parseGitleaks(gitleaks.DefaultConfig)
	if err != nil {
		return nil, fmt.Errorf("gitleaks' default rules: %w", err)
	}
	for i := range s.Allowlists {
		s.Allowlists[i].Paths = nil
	}
	s.Allowlists = slices.DeleteFunc(s.Allowlists, func(a Allowlist) bool {
		return len(a.Patterns)+len(a.StopWords) == 0
	})
	return s, nil
}

// The parts of gitleaks' TOML that we read. What we do not support is named
// too, so that it can be refused: a rule that is silently half understood
// would be worse than an error.
type (
	tomlConfig struct {
		Extend     map[string]any
		Rules      []tomlRule
		AllowList  *tomlAllowlist // older spelling
		Allowlists []tomlAllowlist
	}
	tomlRule struct {
		ID          string
		Description string
		Path        string
		Regex       string
		SecretGroup int
		Entropy     float64
		Keywords    []string
		AllowList   *tomlAllowlist // older spelling
		Allowlists  []tomlAllowlist
		Required    []map[string]any
		SkipReport  bool
	}
	tomlAllowlist struct {
		Description string
		Condition   string
		Commits     []string
		Paths       []string
		RegexTarget string
		Regexes     []string
		StopWords   []string
		TargetRules []string
	}
)

func parseGitleaks(text string) (*Set, error) {
	var c tomlConfig
	if err := toml.Unmarshal([]byte(text), &c); err != nil {
		return nil, err
	}
	if len(c.Extend) > 0 {
		return nil, fmt.Errorf("[extend] is not supported")
	}
	s := &Set{Rules: make([]Rule, 0, len(c.Rules))}
	for i := range c.Rules {
		r, err := c.Rules[i].rule()
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", c.Rules[i].ID, err)
		}
		s.Rules = append(s.Rules, r)
	}
	if c.AllowList != nil {
		c.Allowlists = append(c.Allowlists, *c.AllowList)
	}
	for i := range c.Allowlists {
		ta := &c.Allowlists[i]
		a, ok, err := ta.allowlist()
		if err != nil {
			return nil, fmt.Errorf("allowlist %d: %w", i+1, err)
		}
		if !ok {
			continue
		}
		if len(ta.TargetRules) == 0 {
			s.Allowlists = append(s.Allowlists, a)
			continue
		}
		for _, id := range ta.TargetRules {
			r := s.Rule(id)
			if r == nil {
				return nil, fmt.Errorf("allowlist %d: no rule %q", i+1, id)
			}
			r.Allowlists = append(r.Allowlists, a)
		}
	}
	return s, nil
}

func (t *tomlRule) rule() (Rule, error) {
	if len(t.Required) > 0 || t.SkipReport {
		return Rule{}, fmt.Errorf("rules made of other rules are not supported")
	}
	r := Rule{
		ID:          t.ID,
		Description: t.Description,
		Path:        t.Path,
		Pattern:     t.Regex,
		SecretGroup: t.SecretGroup,
		MinEntropy:  t.Entropy,
	}
	for _, k := range t.Keywords {
		r.Keywords = append(r.Keywords, strings.ToLower(k))
	}
	if t.AllowList != nil {
		t.Allowlists = append(t.Allowlists, *t.AllowList)
	}
	for i := range t.Allowlists {
		a, ok, err := t.Allowlists[i].allowlist()
		if err != nil {
			return Rule{}, fmt.Errorf("allowlist %d: %w", i+1, err)
		}
		if ok {
			r.Allowlists = append(r.Allowlists, a)
		}
	}
	r.Title = title(r.ID)
	r.Severity = severity(r.ID)
	r.Confidence = confidence(&r)
	return r, nil
}

// allowlist reports false for a list that can never apply here: one that asks
// for a commit, since a file in an image has none.
func (t *tomlAllowlist) allowlist() (Allowlist, bool, error) {
	a := Allowlist{Description: t.Description, Patterns: t.Regexes, Paths: t.Paths}
	switch strings.ToUpper(t.Condition) {
	case "", "OR", "||":
	case "AND", "&&":
		a.RequireAll = true
	default:
		return a, false, fmt.Errorf("unknown condition %q", t.Condition)
	}
	switch t.RegexTarget {
	case "", "secret":
	case "match":
		a.Target = TargetMatch
	case "line":
		a.Target = TargetLine
	default:
		return a, false, fmt.Errorf("unknown regexTarget %q", t.RegexTarget)
	}
	for _, w := range t.StopWords {
		a.StopWords = append(a.StopWords, strings.ToLower(w))
	}
	slices.Sort(a.StopWords)
	a.StopWords = slices.Compact(a.StopWords)
	if len(t.Commits) > 0 && a.RequireAll {
		return a, false, nil
	}
	return a, len(a.Patterns)+len(a.StopWords)+len(a.Paths) > 0, nil
}
