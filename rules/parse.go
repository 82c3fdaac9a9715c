package rules

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// maxFile is how large a file of rules may be.
	maxFile = 4 << 20

	// maxExtend is how many [extend]s follow each other. gitleaks leaves out
	// the ones after that without a word.
	maxExtend = 2
)

// Options are the settings of [Parse]. The zero value works.
type Options struct {
	// ReadFile reads a file that [extend] names. nil: such an [extend] is a
	// mistake in the file.
	ReadFile func(name string) ([]byte, error)

	// Gitleaks lets useDefault mean gitleaks' own rules, as they are.
	Gitleaks bool
}

// Load reads the rules in a file. See [Parse].
func Load(name string) (*Set, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, fmt.Errorf("the rules in %s: %w", name, err)
	}
	return Parse(name, text, Options{ReadFile: readFile})
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err == nil {
			return text, nil
		}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // the caller names the file
	}
	return nil, err
}

// Parse reads rules in the TOML of gitleaks v8.30.1. The name is for errors.
//
// Without [extend], the file's rules are all there are. With useDefault they
// join those of [Default], whose global path allowlist stays out; those of the
// file itself, and of files that it extends by path, count. As in gitleaks, a
// path is looked for from the working directory, two [extend]s may follow
// each other, a rule that has the ID of an extended one is laid over it, and
// rules that extend others are ordered by ID.
//
// gitleaks drops some things without a word. Here they do what the file says:
//
//   - targetRules of an extended file;
//   - required and skipReport of a rule that is laid over another one;
//   - required rules that are in an extended file.
//
// Or they are mistakes: a second rule with an ID, an unknown key, a third
// [extend], extend.url (nothing is fetched), the name of a rule that is not
// there. So are values that can't be meant: of another type, negative, a
// pattern that the empty text matches, a file without rules.
//
// The file's title, description and minVersion are read and ignored. So are
// commits, as a file in an image has none: an allowlist that needs one never
// applies.
//
// A tag such as "severity:low" or "confidence:medium" sets a rule's Severity or
// Confidence. Other rules than gitleaks' own are of high severity without one,
// and named by their description, if it is short, or their ID.
//
// A mistake gives a [ParseError], which has all of them.
func Parse(name string, text []byte, o Options) (*Set, error) {
	p := &parser{o: o}
	builtin := p.defaults
	if o.Gitleaks {
		builtin = p.gitleaks
	}
	base, err := builtin()
	if err != nil {
		return nil, err
	}
	p.base = base
	b := p.file(name, text, nil)
	if len(p.problems) == 0 { // else what seems to be missing may be what was not understood
		p.link(name, b)
	}
	if len(p.problems) > 0 {
		return nil, &ParseError{Problems: inOrder(p.problems)}
	}
	return p.set(b), nil
}

// inOrder sorts problems by line, and leaves the files in their order.
func inOrder(ps []Problem) []Problem {
	files := map[string]int{}
	for _, p := range ps {
		if _, ok := files[p.File]; !ok {
			files[p.File] = len(files)
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line))
	})
	return ps
}

// parser is one call of Parse.
type parser struct {
	o        Options
	base     *bundle // the built-in rules
	amended  map[string]*amendment
	known    map[string]bool // the IDs in it
	problems []Problem
}

// bundle is what a file gives, with what it extends.
type bundle struct {
	rules      []draft
	allowlists []Allowlist
	targeted   []targeted
	disabled   []string // rules that were there, and were taken out
}

// draft is a rule and where it stands.
type draft struct {
	Rule
	file      *file // nil: built in
	path      string
	described bool // it says all about itself
}

// targeted is a global allowlist for some rules.
type targeted struct {
	Allowlist
	rules   []string
	applies bool // false: it never can, but its rules must be there
	file    *file
	path    string // of the list of rules
}

func (b *bundle) rule(id string) *draft {
	for i := range b.rules {
		if b.rules[i].ID == id {
			return &b.rules[i]
		}
	}
	return nil
}

func (b *bundle) ids() []string {
	ids := make([]string, len(b.rules))
	for i := range b.rules {
		ids[i] = b.rules[i].ID
	}
	return ids
}

// fault notes a mistake at a place in a file.
func (p *parser) fault(f *file, path, rule, what, hint string) {
	pr := Problem{File: f.name, Rule: rule, What: what, Hint: hint}
	if f.index != nil {
		pr.Line = f.index.line(path)
	}
	p.problems = append(p.problems, pr)
}

// file reads one file and what it extends. It returns nil if the file can't be
// made sense of at all. The chain is the files that extend this one.
func (p *parser) file(name string, text []byte, chain []string) *bundle {
	f := &file{name: name}
	if len(text) > maxFile {
		p.fault(f, "", "", fmt.Sprintf("it has more than %d MiB", maxFile>>20), "")
		return nil
	}
	problems, ok := f.read(text)
	p.problems = append(p.problems, problems...)
	if !ok {
		return nil
	}
	for _, r := range f.index.respelt {
		p.problems = append(p.problems, Problem{File: name, Line: r.line, What: r.path + " is there in another spelling already", Hint: "upper and lower case are the same to gitleaks, which would use one of them"})
	}
	b := p.convert(f)
	p.extend(f, b, append(chain, name))
	return b
}

// convert turns the rules and allowlists of a decoded file into ours.
func (p *parser) convert(f *file) *bundle {
	b := &bundle{}
	lines := map[string]int{}
	for i := range f.config.Rules {
		r := p.rule(f, i)
		d := draft{Rule: r, file: f, path: element("rules", i)}
		if r.ID != "" && f.index != nil {
			if first, ok := lines[r.ID]; ok {
				p.fault(f, d.path+".id", r.ID, fmt.Sprintf("the ID is used twice, first on line %d", first), "")
				continue
			}
			lines[r.ID] = f.index.line(d.path + ".id")
		}
		b.rules = append(b.rules, d)
	}
	lists, path := f.config.Allowlists, "allowlists"
	if f.config.AllowList != nil {
		if len(lists) > 0 {
			p.fault(f, "allowlist", "", "[allowlist] and [[allowlists]] don't go together", "[allowlist] is the older spelling: make it one of the [[allowlists]]")
		}
		lists, path = []tomlGlobalAllowlist{*f.config.AllowList}, "allowlist"
	}
	for i := range lists {
		at := path
		if path == "allowlists" {
			at = element(path, i)
		}
		a, ok := p.allowlist(f, at, "", &lists[i].tomlAllowlist)
		switch targets := lists[i].TargetRules; {
		case len(targets) > 0:
			b.targeted = append(b.targeted, targeted{a, targets, ok, f, join(at, "targetRules")})
		case ok:
			b.allowlists = append(b.allowlists, a)
		}
	}
	return b
}

func (p *parser) rule(f *file, i int) Rule {
	t, path := &f.config.Rules[i], element("rules", i)
	name := f.ruleName(i)
	fault := func(key, what, hint string) { p.fault(f, join(path, key), name, what, hint) }
	switch {
	case strings.TrimSpace(t.ID) == "" && f.unknown:
	case strings.TrimSpace(t.ID) == "":
		fault("id", "it has no id", "")
	case odd(t.ID):
		fault("id", "the id has characters that can't be seen", "")
	}
	r := Rule{
		ID:          t.ID,
		Description: t.Description,
		Path:        t.Path,
		Pattern:     t.Regex,
		SecretGroup: t.SecretGroup,
		MinEntropy:  t.Entropy,
		Tags:        t.Tags,
		SkipReport:  t.SkipReport,
	}
	if f.index != nil {
		p.pattern(f, join(path, "regex"), name, "regex", r.Pattern)
		p.pattern(f, join(path, "path"), name, "path", r.Path)
	}
	if r.SecretGroup < 0 {
		fault("secretGroup", fmt.Sprintf("secretGroup %d is negative", r.SecretGroup), "")
	}
	if !(r.MinEntropy >= 0) || math.IsInf(r.MinEntropy, 0) {
		fault("entropy", fmt.Sprintf("entropy %v: want 0 or more bits a character", r.MinEntropy), "")
	}
	for n, k := range t.Keywords {
		if k == "" {
			fault(element("keywords", n), "a keyword is empty", "without keywords, the rule looks at every file")
			continue
		}
		if k = strings.ToLower(k); !slices.Contains(r.Keywords, k) {
			r.Keywords = append(r.Keywords, k)
		}
	}
	for n, tag := range t.Tags {
		if what := (&Rule{}).rate(tag); what != "" {
			fault(element("tags", n), what, "")
		}
	}
	for n, q := range t.Required {
		at := element("required", n)
		switch {
		case q.ID == "":
			fault(at, "a required rule has no id", "")
			continue
		case q.ID == r.ID:
			fault(at, "it requires itself", "")
		}
		if q.WithinLines != nil && *q.WithinLines < 0 {
			fault(join(at, "withinLines"), fmt.Sprintf("withinLines %d is negative", *q.WithinLines), "")
		}
		if q.WithinColumns != nil && *q.WithinColumns < 0 {
			fault(join(at, "withinColumns"), fmt.Sprintf("withinColumns %d is negative", *q.WithinColumns), "")
		}
		r.Required = append(r.Required, Required{RuleID: q.ID, WithinLines: q.WithinLines, WithinColumns: q.WithinColumns})
	}
	lists, key := t.Allowlists, "allowlists"
	if t.AllowList != nil {
		if len(lists) > 0 {
			fault("allowlist", "[rules.allowlist] and [[rules.allowlists]] don't go together", "[rules.allowlist] is the older spelling: make it one of the [[rules.allowlists]]")
		}
		lists, key = []tomlAllowlist{*t.AllowList}, "allowlist"
	}
	for n := range lists {
		at := join(path, key)
		if key == "allowlists" {
			at = element(at, n)
		}
		if a, ok := p.allowlist(f, at, name, &lists[n]); ok {
			r.Allowlists = append(r.Allowlists, a)
		}
	}
	return r
}

// pattern checks the pattern of a rule.
func (p *parser) pattern(f *file, path, rule, key, pattern string) {
	if pattern == "" {
		return
	}
	re, err := compile(pattern)
	if err != nil {
		what, hint := inPattern(err)
		p.fault(f, path, rule, key+": "+what, hint)
	} else if key == "regex" && re.MatchString("") {
		p.fault(f, path, rule, key+": "+quote(pattern)+" also matches the empty text, so it would match everywhere", "")
	}
}

// allowlist reports false for a list that can never apply here: one that asks
// for a commit, since a file in an image has none.
func (p *parser) allowlist(f *file, path, rule string, t *tomlAllowlist) (Allowlist, bool) {
	fault := func(key, what, hint string) {
		p.fault(f, join(path, key), rule, "allowlist: "+what, hint)
	}
	a := Allowlist{Description: t.Description, Patterns: t.Regexes, Paths: t.Paths}
	switch strings.ToUpper(t.Condition) {
	case "", "OR", "||":
	case "AND", "&&":
		a.RequireAll = true
	default:
		fault("condition", fmt.Sprintf("unknown condition %q", t.Condition), "there are OR, which goes without saying, and AND")
	}
	switch t.RegexTarget {
	case "", "secret":
	case "match":
		a.Target = TargetMatch
	case "line":
		a.Target = TargetLine
	default:
		hint := didYouMean(t.RegexTarget, []string{"match", "line", "secret"})
		fault("regexTarget", fmt.Sprintf("unknown regexTarget %q", t.RegexTarget), cmp.Or(hint, "there are secret, which goes without saying, match and line"))
	}
	if f.index != nil {
		for _, l := range [...]struct {
			key      string
			patterns []string
		}{{"regexes", t.Regexes}, {"paths", t.Paths}} {
			for n, s := range l.patterns {
				if s == "" {
					fault(element(l.key, n), l.key+": an empty pattern fits everything", "")
				} else if _, err := compile(s); err != nil {
					what, hint := inPattern(err)
					fault(element(l.key, n), l.key+": "+what, hint)
				}
			}
		}
	}
	for n, w := range t.StopWords {
		if w == "" {
			fault(element("stopwords", n), "stopwords: an empty word is in everything", "")
			continue
		}
		a.StopWords = append(a.StopWords, strings.ToLower(w))
	}
	slices.Sort(a.StopWords)
	a.StopWords = slices.Compact(a.StopWords)
	n := len(a.Patterns) + len(t.StopWords) + len(a.Paths)
	if n+len(t.Commits) == 0 && !f.unknown {
		fault("", "it is empty", "give it regexes, paths or stopwords")
	}
	return a, n > 0 && !(len(t.Commits) > 0 && a.RequireAll)
}

// extend lays the rules of a file over those that its [extend] names.
func (p *parser) extend(f *file, over *bundle, chain []string) {
	e := &f.config.Extend
	fault := func(key, what, hint string) { p.fault(f, join("extend", key), "", "extend: "+what, hint) }
	var base *bundle
	switch {
	case e.URL != "":
		fault("url", "a url is refused", "leakscan fetches no rules: save them as a file, and name it with path")
		return
	case e.Path != "" && e.UseDefault:
		fault("path", "path and useDefault don't go together", "let the file that path names extend the default")
		return
	case (e.Path != "" || e.UseDefault) && len(chain) > maxExtend:
		fault("", fmt.Sprintf("there are %d before it already", maxExtend), "gitleaks would leave this one out: put the rules into fewer files")
		return
	case e.UseDefault:
		base = p.base
	case e.Path != "":
		if slices.ContainsFunc(chain, func(name string) bool { return filepath.Clean(name) == filepath.Clean(e.Path) }) {
			fault("path", fmt.Sprintf("%s extends itself", e.Path), "")
			return
		}
		if p.o.ReadFile == nil {
			fault("path", fmt.Sprintf("%s: other files can't be read here", e.Path), "")
			return
		}
		text, err := p.o.ReadFile(e.Path)
		if err != nil {
			hint := ""
			if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(e.Path) {
				hint = "it is looked for from the working directory"
			}
			fault("path", fmt.Sprintf("%s: %v", e.Path, err), hint)
			return
		}
		if base = p.file(e.Path, text, chain); base == nil {
			return
		}
	default:
		if len(e.DisabledRules) > 0 {
			fault("disabledRules", "there are no rules to disable", "useDefault = true extends the built-in ones")
		}
		return
	}
	for i, id := range e.DisabledRules {
		if base.rule(id) == nil && !slices.Contains(base.disabled, id) {
			fault(element("disabledRules", i), fmt.Sprintf("disabledRules: no rule %s is extended", plain(id)), didYouMean(id, base.ids()))
		}
	}
	over.disabled = append(over.disabled, base.disabled...)
	for _, d := range base.rules {
		if slices.Contains(e.DisabledRules, d.ID) {
			over.disabled = append(over.disabled, d.ID)
		} else if o := over.rule(d.ID); o != nil {
			o.Rule = merge(d.Rule, o.Rule)
		} else {
			over.rules = append(over.rules, d)
		}
	}
	slices.SortStableFunc(over.rules, func(a, b draft) int { return strings.Compare(a.ID, b.ID) })
	over.allowlists = append(over.allowlists, base.allowlists...)
	over.targeted = append(base.targeted, over.targeted...)
}

// merge lays a rule over another one with its ID: what it has replaces what is
// below or, where there can be several, is added to it.
func merge(below, above Rule) Rule {
	r := below
	r.Description = cmp.Or(above.Description, below.Description)
	r.Path = cmp.Or(above.Path, below.Path)
	r.Pattern = cmp.Or(above.Pattern, below.Pattern)
	r.SecretGroup = cmp.Or(above.SecretGroup, below.SecretGroup)
	r.MinEntropy = cmp.Or(above.MinEntropy, below.MinEntropy)
	r.Tags = slices.Concat(below.Tags, above.Tags)
	r.Allowlists = slices.Concat(below.Allowlists, above.Allowlists)
	r.Keywords = slices.Clone(below.Keywords)
	for _, k := range above.Keywords {
		if !slices.Contains(r.Keywords, k) {
			r.Keywords = append(r.Keywords, k)
		}
	}
	if len(above.Required) > 0 {
		r.Required = above.Required
	}
	r.SkipReport = above.SkipReport || below.SkipReport
	return r
}

// link checks what can only be checked when all rules are there, and gives the
// rules their targeted allowlists.
func (p *parser) link(name string, b *bundle) {
	reports := false
	for i := range b.rules {
		d := &b.rules[i]
		reports = reports || !d.SkipReport
		if d.file == nil {
			continue
		}
		fault := func(key, what, hint string) { p.fault(d.file, join(d.path, key), d.ID, what, hint) }
		if d.Pattern == "" && d.Path == "" {
			hint := ""
			if !p.known[d.ID] {
				hint = didYouMean(d.ID, slices.Sorted(slices.Values(p.base.ids())))
			}
			fault("", "it has neither a regex nor a path", hint)
		} else if re, err := compile(d.Pattern); err == nil && d.SecretGroup > re.NumSubexp() {
			fault("secretGroup", fmt.Sprintf("secretGroup %d: the regex has %s", d.SecretGroup, groups(re.NumSubexp())), "")
		}
		for n, q := range d.Required {
			if b.rule(q.RuleID) != nil {
				continue
			}
			hint := didYouMean(q.RuleID, b.ids())
			if slices.Contains(b.disabled, q.RuleID) {
				hint = "disabledRules takes it out: use skipReport in its place"
			}
			fault(element("required", n), fmt.Sprintf("it requires %s, and there is no such rule", plain(q.RuleID)), hint)
		}
	}
	if !reports {
		what := "there are no rules in it, so it would find nothing"
		if len(b.rules) > 0 {
			what = "all rules have skipReport, so it would find nothing"
		}
		p.problems = append(p.problems, Problem{File: name, What: what, Hint: "[extend] useDefault = true adds the built-in ones"})
	}
	for _, t := range b.targeted {
		for n, id := range t.rules {
			r := b.rule(id)
			if r == nil {
				if !slices.Contains(b.disabled, id) {
					p.fault(t.file, element(t.path, n), "", fmt.Sprintf("allowlist: targetRules: there is no rule %s", plain(id)), didYouMean(id, b.ids()))
				}
				continue
			}
			if t.applies {
				r.Allowlists = append(slices.Clip(r.Allowlists), t.Allowlist)
			}
		}
	}
}

func groups(n int) string {
	switch n {
	case 0:
		return "no groups"
	case 1:
		return "one group"
	}
	return fmt.Sprintf("%d groups", n)
}

// set makes the rules of a bundle ready for use.
func (p *parser) set(b *bundle) *Set {
	s := &Set{Rules: make([]Rule, 0, len(b.rules)), Allowlists: b.allowlists}
	for i := range b.rules {
		r := b.rules[i].Rule
		if !b.rules[i].described {
			r.describe(p.known[r.ID])
		}
		if p.amended != nil && p.known[r.ID] && !b.rules[i].described && strings.Contains(r.Pattern, assignment) {
			r.Random = true // of what is assigned to a name, words are no token
		}
		if a := p.amended[r.ID]; a != nil {
			a.apply(&r)
		}
		s.Rules = append(s.Rules, r)
	}
	return s
}
