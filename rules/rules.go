// Package rules says what a secret looks like: rules as data.
//
// A [Rule] is a pattern with the conditions under which a match of it counts,
// and the words a report needs to talk about it. This package runs nothing:
// package detect does. [Default] gives the rules of gitleaks, in the order of
// its file, with titles, severities and confidences of our own. [Load] reads
// those of a user, in gitleaks' TOML.
package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// Severity says how much harm the secret can do in the wrong hands, if it is
// real and still valid.
type Severity string

// The severities, least first.
const (
	SeverityInfo     Severity = "info"     // nothing to worry about; never a rule's, but a match's that is known to be harmless
	SeverityLow      Severity = "low"      // mostly public identifiers
	SeverityMedium   Severity = "medium"   // depends on what it opens
	SeverityHigh     Severity = "high"     // one provider's token
	SeverityCritical Severity = "critical" // opens an account that opens others: cloud, forge, vault, payments, publishing
)

// Confidence says how likely a match of the rule is a secret at all.
type Confidence string

// The confidences, least first.
const (
	ConfidenceLow    Confidence = "low"    // a name that suggests a secret, and a random-looking value
	ConfidenceMedium Confidence = "medium" // a brand's name, and a value of the right shape
	ConfidenceHigh   Confidence = "high"   // a prefix or a shape that little else has
)

// Rule describes one kind of secret. The conditions hold in the order of the
// fields: path, keyword, pattern, entropy, allowlists.
type Rule struct {
	ID          string     `json:"id"` // kebab-case, unique in a Set, never reused
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Severity    Severity   `json:"severity"`
	Confidence  Confidence `json:"confidence"`

	// Path is an RE2 pattern that the file's path must match; "" matches any.
	Path string `json:"path,omitempty"`

	// Keywords are lower-case; one of them must occur somewhere in the
	// lower-cased text (strings.ToLower). None: the pattern alone decides.
	Keywords []string `json:"keywords,omitempty"`

	// Pattern is the RE2 pattern of a match; "" for a rule about paths only.
	Pattern string `json:"pattern,omitempty"`

	// SecretGroup is the group of Pattern that is the secret. 0: the first
	// group that matched something, or the whole match if none did.
	SecretGroup int `json:"secretGroup,omitempty"`

	// MinEntropy is in Shannon bits a character. The secret must have more
	// than this; 0: not checked.
	MinEntropy float64 `json:"minEntropy,omitempty"`

	// Allowlists take a match back: any one of them suffices.
	Allowlists []Allowlist `json:"allowlists,omitempty"`

	// Required are other rules of the set: each of them must match near a
	// match of this one, or in the same file, for it to count.
	Required []Required `json:"required,omitempty"`

	// SkipReport keeps what the rule finds out of the report: it is there
	// for the rules that require it.
	SkipReport bool `json:"skipReport,omitempty"`

	Tags []string `json:"tags,omitempty"`

	// Fix says how to mend the cause; may be empty.
	Fix string `json:"fix,omitempty"`

	// Parsed says that the secret is found by reading files of a known form,
	// in package formats, and not by a pattern.
	Parsed bool `json:"parsed,omitempty"`

	// Class says which of several rules that see the same text is believed.
	Class Class `json:"class,omitempty"`

	// Random asks that the secret looks random, by the model of package
	// detect: neither words nor an identifier.
	Random bool `json:"random,omitempty"`

	// Valid names a check of the secret's own structure, such as
	// "github-crc32"; package detect has them. What fails it is told as info.
	Valid string `json:"valid,omitempty"`

	About    string    `json:"about,omitempty"`    // what it is, and what it opens
	Leaks    string    `json:"leaks,omitempty"`    // how it gets into images
	Revoke   string    `json:"revoke,omitempty"`   // how to make it worthless, with an address
	Docs     string    `json:"docs,omitempty"`     // address of the provider's documentation of the format
	Category string    `json:"category,omitempty"` // "ai", "cloud", …; see catalog
	Hits     []Example `json:"-"`                  // texts in which it is found
	Misses   []Example `json:"-"`                  // texts in which it is not
}

// Class is how much a rule knows about what it finds.
type Class string

// The classes, the best first. A finding gives way to one of a better class
// that has a byte in common with it.
const (
	ClassSpecific Class = ""        // a provider's own format, or a file of a known form
	ClassContext  Class = "context" // the place says that it is a secret, its form does not
	ClassGeneric  Class = "generic" // the name of what it is assigned to suggests it
)

// Rank orders classes, the best first.
func (c Class) Rank() int {
	switch c {
	case ClassSpecific:
		return 0
	case ClassContext:
		return 1
	}
	return 2
}

// Required names a rule that another one needs. It is matched as if it had no
// Required of its own. Without a distance, anywhere in the file will do.
type Required struct {
	RuleID        string `json:"ruleId"`
	WithinLines   *int   `json:"withinLines,omitempty"`   // at most so many lines between the starts of the two matches
	WithinColumns *int   `json:"withinColumns,omitempty"` // and so many columns
}

// Target is the text that an [Allowlist]'s patterns look at.
type Target string

// The targets. The zero value is TargetSecret.
const (
	TargetSecret Target = ""
	TargetMatch  Target = "match" // all that the rule's pattern matched
	TargetLine   Target = "line"  // the line, or lines, the match is in
)

// Allowlist names matches that are no secrets.
//
// Without RequireAll a match is allowed when any pattern, stop word or path
// applies. With it, each of the three kinds that has entries must apply.
type Allowlist struct {
	Description string   `json:"description,omitempty"`
	Target      Target   `json:"target,omitempty"` // what Patterns look at
	RequireAll  bool     `json:"requireAll,omitempty"`
	Patterns    []string `json:"patterns,omitempty"`  // RE2
	StopWords   []string `json:"stopWords,omitempty"` // lower-case; looked for in the lower-cased secret
	Paths       []string `json:"paths,omitempty"`     // RE2, on the file's path
}

// Set is the rules of one scan, in a fixed order.
type Set struct {
	Rules      []Rule      `json:"rules"`
	Allowlists []Allowlist `json:"allowlists,omitempty"` // apply to every rule
}

// Rule returns the rule with the given ID, or nil.
func (s *Set) Rule(id string) *Rule {
	for i := range s.Rules {
		if s.Rules[i].ID == id {
			return &s.Rules[i]
		}
	}
	return nil
}

// Nearest returns the ID that is most like one that the set does not have, for
// a question such as "did you mean …?"; "" if none is like it.
func (s *Set) Nearest(id string) string {
	ids := make([]string, len(s.Rules))
	for i := range s.Rules {
		ids[i] = s.Rules[i].ID
	}
	return Nearest(id, ids)
}

// Digest names the set by its content: two sets with the same digest find the
// same things and say the same about them.
func (s *Set) Digest() string {
	// Struct fields marshal in the order of their declaration and there is
	// no map in a Set, so this is canonical. It can't fail: only strings,
	// finite numbers and slices of them.
	b, err := json.Marshal(s)
	if err != nil {
		panic("rules: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Validate reports the first thing in the set that could not run: a missing or
// repeated ID, a pattern that does not compile, a group or a required rule that
// is not there, an upper-case keyword. It compiles every pattern, so it takes
// some 20 ms for a large set; it is for rules that a program has made. Those
// that Load gives are valid.
func (s *Set) Validate() error {
	seen := make(map[string]bool, len(s.Rules))
	for i := range s.Rules {
		id := s.Rules[i].ID
		if id == "" {
			return fmt.Errorf("rule %d has no ID", i+1)
		}
		if seen[id] {
			return fmt.Errorf("rule %s: the ID is used twice", id)
		}
		seen[id] = true
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		if err := r.validate(); err != nil {
			return fmt.Errorf("rule %s: %w", r.ID, err)
		}
		for _, q := range r.Required {
			if !seen[q.RuleID] {
				return fmt.Errorf("rule %s: it requires %q, and there is no such rule", r.ID, q.RuleID)
			}
		}
	}
	return validateAllowlists(s.Allowlists)
}

func (r *Rule) validate() error {
	if r.Pattern == "" && r.Path == "" && !r.Parsed {
		return fmt.Errorf("has neither a pattern nor a path")
	}
	re, err := compile(r.Pattern)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if r.SecretGroup < 0 || r.SecretGroup > re.NumSubexp() {
		return fmt.Errorf("secret group %d: the pattern has %d", r.SecretGroup, re.NumSubexp())
	}
	if _, err := compile(r.Path); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if !(r.MinEntropy >= 0) || math.IsInf(r.MinEntropy, 0) {
		return fmt.Errorf("entropy %v: want 0 or more", r.MinEntropy)
	}
	for _, k := range r.Keywords {
		if k == "" || k != strings.ToLower(k) {
			return fmt.Errorf("keyword %q is empty or not in lower case", k)
		}
	}
	for _, q := range r.Required {
		if q.WithinLines != nil && *q.WithinLines < 0 || q.WithinColumns != nil && *q.WithinColumns < 0 {
			return fmt.Errorf("required rule %s: a distance is negative", q.RuleID)
		}
	}
	return validateAllowlists(r.Allowlists)
}

func validateAllowlists(as []Allowlist) error {
	for i := range as {
		a := &as[i]
		if len(a.Patterns)+len(a.StopWords)+len(a.Paths) == 0 {
			return fmt.Errorf("allowlist %d is empty", i+1)
		}
		switch a.Target {
		case TargetSecret, TargetMatch, TargetLine:
		default:
			return fmt.Errorf("allowlist %d: unknown target %q", i+1, a.Target)
		}
		for _, p := range a.Patterns {
			if _, err := compile(p); err != nil {
				return fmt.Errorf("allowlist %d: %w", i+1, err)
			}
		}
		for _, p := range a.Paths {
			if _, err := compile(p); err != nil {
				return fmt.Errorf("allowlist %d, path: %w", i+1, err)
			}
		}
		for _, w := range a.StopWords {
			if w == "" || w != strings.ToLower(w) {
				return fmt.Errorf("allowlist %d: stop word %q is empty or not in lower case", i+1, w)
			}
		}
	}
	return nil
}
