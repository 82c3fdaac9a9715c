package detect

import (
	"bytes"
	"maps"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/leakscan/leakscan/rules"
)

// rule is a rules.Rule made ready. What is costly to make is made when it is
// first needed: most scans need a dozen of 222 patterns.
type rule struct {
	*rules.Rule
	generic    bool // gives way to others on its line
	dotted     bool // a keyword has an i, which İ is in lower case
	needs      []need
	required   bool // by another rule
	path       *pathPattern
	pattern    func() *regexp.Regexp
	resume     func() *regexp.Regexp // see scan.search
	allowlists []*allowlist
	tree       *syntax.Regexp // nil: about the path alone
	matcher    func() *matcher
	plan       plan // made of it by Scanner.prepare
}

func newRule(r *rules.Rule) (*rule, error) {
	c := &rule{Rule: r, generic: r.Class == rules.ClassGeneric || strings.Contains(strings.ToLower(r.ID), "generic")}
	c.dotted = slices.ContainsFunc(r.Keywords, func(k string) bool { return strings.Contains(k, "i") })
	if r.Path != "" {
		p, err := newPathPattern(r.Path)
		if err != nil {
			return nil, err
		}
		c.path = p
	}
	if r.Pattern != "" {
		// What parses also compiles, so this is the only place that can fail.
		tree, err := syntax.Parse(r.Pattern, syntax.Perl)
		if err != nil {
			return nil, err
		}
		c.tree = tree
		c.pattern = lazy(r.Pattern)
		c.matcher = sync.OnceValue(func() *matcher {
			prefix := 0
			if c.plan.prefix != nil {
				prefix = c.plan.prefix.parts
			}
			return newMatcher(tree, prefix, c.plan.rest)
		})
		c.resume = lazy(`\A(?s:.)(?s:.*?)(` + r.Pattern + `)`)
	}
	for i := range r.Allowlists {
		a, err := newAllowlist(&r.Allowlists[i])
		if err != nil {
			return nil, err
		}
		c.allowlists = append(c.allowlists, a)
	}
	return c, nil
}

func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// pathPattern is a pattern for paths. Every file is asked for, so most are told
// by a string that the pattern can't match without.
type pathPattern struct {
	pattern func() *regexp.Regexp
	needs   []finder // one of them; nil: nothing is known
}

func newPathPattern(pattern string) (*pathPattern, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	p := &pathPattern{pattern: lazy(pattern)}
	for _, seq := range sequences(tree) {
		sets, ok := rarestString(seq)
		if !ok {
			p.needs = nil
			break
		}
		p.needs = append(p.needs, newFinder(sets))
	}
	return p, nil
}

func (p *pathPattern) matches(path string) bool {
	if p.needs != nil {
		var buf [256]byte
		text := append(buf[:0], path...)
		if !slices.ContainsFunc(p.needs, func(f finder) bool { return f.in(text) }) {
			return false
		}
	}
	return p.pattern().MatchString(path)
}

// applies reports whether the rule looks at the file at all.
func (r *rule) applies(path string, anyPath bool) bool {
	if r.path != nil && !anyPath && !r.path.matches(path) {
		return false
	}
	for _, a := range r.allowlists {
		if a.passesFile(path) {
			return false
		}
	}
	return true
}

// secretOf returns where in a trimmed match the secret is. The pattern runs
// again, on the match alone: that is how gitleaks finds the groups, and where a
// pattern looks at what is around it, the groups come out differently.
func (r *rule) secretOf(match []byte) (from, to int) {
	var g []int
	var buf [8]int
	if m := r.matcher(); m != nil {
		g = m.find(match, buf[:])
	}
	if g == nil {
		g = r.pattern().FindSubmatchIndex(match)
	}
	if len(g) < 4 {
		return 0, len(match)
	}
	if n := r.SecretGroup; n > 0 {
		if 2*n+1 >= len(g) || g[2*n] < 0 {
			return 0, 0
		}
		return g[2*n], g[2*n+1]
	}
	for i := 2; i < len(g); i += 2 {
		if g[i] >= 0 && g[i] < g[i+1] {
			return g[i], g[i+1]
		}
	}
	return 0, len(match)
}

// allowlist is a rules.Allowlist made ready.
type allowlist struct {
	*rules.Allowlist
	patterns []func() screened // not joined: alone, each keeps its literal prefix
	paths    []*pathPattern
	stops    func() stopWords
}

// screened is a pattern that runs on what passes the screen.
type screened struct {
	screen *screen
	*regexp.Regexp
}

func newAllowlist(a *rules.Allowlist) (*allowlist, error) {
	c := &allowlist{Allowlist: a}
	for _, p := range a.Patterns {
		tree, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			return nil, err
		}
		c.patterns = append(c.patterns, sync.OnceValue(func() screened { return screened{newScreen(tree), regexp.MustCompile(p)} }))
	}
	for _, p := range a.Paths {
		re, err := newPathPattern(p)
		if err != nil {
			return nil, err
		}
		c.paths = append(c.paths, re)
	}
	c.stops = sync.OnceValue(func() stopWords { return newStopWords(a.StopWords) })
	return c, nil
}

func (a *allowlist) pathFits(path string) bool {
	if path == "" {
		return false
	}
	for _, re := range a.paths {
		if re.matches(path) {
			return true
		}
	}
	return false
}

// passesFile reports whether the list lets the whole file pass, whatever is in it.
func (a *allowlist) passesFile(path string) bool {
	if a.RequireAll && len(a.Patterns)+len(a.StopWords) > 0 {
		return false
	}
	return a.pathFits(path)
}

// allows reports whether the list takes a match back. The line is asked for
// only when it is needed, because it may be long.
func (a *allowlist) allows(path string, secret, match []byte, line func() []byte) bool {
	pattern := func() bool {
		text := secret
		switch a.Target {
		case rules.TargetMatch:
			text = match
		case rules.TargetLine:
			text = line()
		}
		if len(text) == 0 {
			return false
		}
		for _, re := range a.patterns {
			if re := re(); re.screen.passes(text) && re.Match(text) {
				return true
			}
		}
		return false
	}
	if !a.RequireAll {
		return len(a.StopWords) > 0 && a.stops().in(secret) || pattern()
	}
	return (len(a.paths) == 0 || a.pathFits(path)) &&
		(len(a.StopWords) == 0 || a.stops().in(secret)) &&
		(len(a.patterns) == 0 || pattern())
}

// stopWords finds any of some thousand words in a short text: by the first
// three bytes, as few words start at a given place.
type stopWords struct {
	short []string // of less than three bytes
	byKey map[[3]byte][]string
}

func newStopWords(words []string) stopWords {
	s := stopWords{byKey: make(map[[3]byte][]string, len(words))}
	for _, w := range words {
		if len(w) < 3 {
			s.short = append(s.short, w)
			continue
		}
		k := [3]byte([]byte(w[:3]))
		s.byKey[k] = append(s.byKey[k], w)
	}
	return s
}

func (s stopWords) in(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	lower := strings.ToLower(string(text))
	for _, w := range s.short {
		if strings.Contains(lower, w) {
			return true
		}
	}
	for i := 0; i+3 <= len(lower); i++ {
		for _, w := range s.byKey[[3]byte{lower[i], lower[i+1], lower[i+2]}] {
			if strings.HasPrefix(lower[i:], w) {
				return true
			}
		}
	}
	return false
}

// entropy is Shannon's, as gitleaks has it: it counts characters and divides by
// bytes.
func entropy(text []byte) float64 {
	if len(text) == 0 {
		return 0
	}
	var ascii [utf8.RuneSelf]int
	var other map[rune]int
	for b := text; len(b) > 0; {
		if b[0] < utf8.RuneSelf {
			ascii[b[0]]++
			b = b[1:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		if other == nil {
			other = make(map[rune]int)
		}
		other[r]++
		b = b[n:]
	}
	h, inv := 0.0, 1/float64(len(text))
	add := func(n int) {
		if n > 0 {
			f := float64(n) * inv
			h -= f * math.Log2(f)
		}
	}
	for _, n := range ascii {
		add(n)
	}
	for _, n := range slices.Sorted(maps.Values(other)) { // in order: sums of floats depend on it
		add(n)
	}
	return h
}

// hasKeyword reports whether the text has one of the rule's keywords.
func (r *rule) hasKeyword(text []byte) bool {
	if len(r.Keywords) == 0 {
		return true
	}
	lower := []byte(strings.ToLower(string(text)))
	for _, k := range r.Keywords {
		if bytes.Contains(lower, []byte(k)) {
			return true
		}
	}
	return false
}

func isASCII(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
}
