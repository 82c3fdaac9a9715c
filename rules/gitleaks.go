package rules

import (
	"fmt"
	"slices"

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
	p := &parser{}
	b, err := p.defaults()
	if err != nil {
		return nil, err
	}
	return p.set(b), nil
}

// defaults reads gitleaks' own file, which need not be checked.
func (p *parser) defaults() (*bundle, error) {
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
