package rules

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"sync"

	"github.com/pelletier/go-toml/v2"
	gitleaks "github.com/zricethezav/gitleaks/v8/config"
)

// Default returns the built-in rules: those of gitleaks, changed as
// gitleaks.toml says, and our own. It is always the same set, which must not be
// changed.
func Default() (*Set, error) { return builtinSet() }

var builtinSet = sync.OnceValues(func() (*Set, error) {
	p := &parser{}
	b, err := p.defaults()
	if err != nil {
		return nil, err
	}
	return p.set(b), nil
})

// Gitleaks returns the rules that gitleaks ships, in the order of its file.
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
func Gitleaks() (*Set, error) {
	p := &parser{}
	b, err := p.gitleaks()
	if err != nil {
		return nil, err
	}
	return p.set(b), nil
}

// defaults are the built-in rules.
func (p *parser) defaults() (*bundle, error) {
	b, err := p.gitleaks()
	if err != nil {
		return nil, err
	}
	// Their pattern for true, false and null fits every secret that begins with
	// one, or ends in one: an alternation without a group.
	for i := range b.allowlists {
		for k, pattern := range b.allowlists[i].Patterns {
			if pattern == `(?i)^true|false|null$` {
				b.allowlists[i].Patterns[k] = `(?i)^(?:true|false|null)$`
			}
		}
	}
	if p.amended, err = amendments(); err != nil {
		return nil, err
	}
	b.rules = slices.DeleteFunc(b.rules, func(d draft) bool {
		a := p.amended[d.ID]
		if a != nil && a.Dropped != "" {
			b.disabled = append(b.disabled, d.ID)
			return true
		}
		return false
	})
	own, err := Catalog()
	if err != nil {
		return nil, err
	}
	for i := range own {
		b.rules = append(b.rules, draft{Rule: own[i], described: true})
		p.known[own[i].ID] = true
	}
	return b, nil
}

// amendment is what we say about a rule of gitleaks' beyond what its file says:
// a table [[rules]] of gitleaks.toml.
type amendment struct {
	ID, Title, About, Leaks, Revoke, Docs, Category string
	Severity                                        Severity
	Confidence                                      Confidence
	Class                                           Class
	Valid                                           string
	Random                                          bool   // in place of the rule's entropy
	Dropped                                         string // why the rule is left out
}

//go:embed gitleaks.toml
var amendmentsFile []byte

func amendments() (map[string]*amendment, error) {
	var f struct{ Rules []amendment }
	if err := toml.NewDecoder(bytes.NewReader(amendmentsFile)).DisallowUnknownFields().Decode(&f); err != nil {
		return nil, fmt.Errorf("rules/gitleaks.toml: %w", err)
	}
	m := make(map[string]*amendment, len(f.Rules))
	for i := range f.Rules {
		m[f.Rules[i].ID] = &f.Rules[i]
	}
	return m, nil
}

// apply lays the amendment over the rule, when it is described.
func (a *amendment) apply(r *Rule) {
	r.Title = cmp.Or(a.Title, r.Title)
	r.About, r.Leaks, r.Revoke, r.Docs, r.Category = a.About, a.Leaks, a.Revoke, a.Docs, a.Category
	r.Severity = cmp.Or(a.Severity, r.Severity)
	r.Confidence = cmp.Or(a.Confidence, r.Confidence)
	r.Class, r.Valid = a.Class, a.Valid
	if a.Random {
		r.Random, r.MinEntropy = true, 0
	}
}

// gitleaks reads gitleaks' own file, which need not be checked.
func (p *parser) gitleaks() (*bundle, error) {
	f := &file{name: "gitleaks' default rules"}
	if err := f.decode([]byte(gitleaks.DefaultConfig), false); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	b := p.convert(f)
	if len(p.problems) > 0 {
		return nil, &ParseError{Problems: p.problems}
	}
	p.known = make(map[string]bool, len(b.rules))
	for i := range b.rules {
		b.rules[i].file = nil
		p.known[b.rules[i].ID] = true
	}
	for i := range b.allowlists {
		b.allowlists[i].Paths = nil
	}
	b.allowlists = slices.DeleteFunc(b.allowlists, func(a Allowlist) bool {
		return len(a.Patterns)+len(a.StopWords) == 0
	})
	return b, nil
}
