package rules

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// All that gitleaks knows in its TOML. go-toml does not care how keys are
// capitalised, and neither does gitleaks. What is only decoded here so that it
// is no unknown key: titles, minVersion and, all but, commits.
type (
	tomlConfig struct {
		Title       string
		Description string
		MinVersion  string
		Extend      tomlExtend
		Rules       []tomlRule
		AllowList   *tomlGlobalAllowlist // older spelling
		Allowlists  []tomlGlobalAllowlist
	}
	tomlExtend struct {
		Path          string
		URL           string
		UseDefault    bool
		DisabledRules []string
	}
	tomlRule struct {
		ID          string
		Description string
		Path        string
		Regex       string
		SecretGroup int
		Entropy     float64
		Keywords    []string
		Tags        []string
		AllowList   *tomlAllowlist // older spelling
		Allowlists  []tomlAllowlist
		Required    []tomlRequired
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
	}
	tomlGlobalAllowlist struct {
		TargetRules []string
		tomlAllowlist
	}
	tomlRequired struct {
		ID            string
		WithinLines   *int
		WithinColumns *int
	}
)

// keysOf returns the keys of the table that has this name, as gitleaks'
// documentation spells them.
func keysOf(table string) []string {
	allowlist := []string{"description", "condition", "commits", "paths", "regexTarget", "regexes", "stopwords"}
	switch table {
	case "":
		return []string{"title", "description", "minVersion", "extend", "rules", "allowlists", "allowlist"}
	case "extend":
		return []string{"path", "url", "useDefault", "disabledRules"}
	case "rules":
		return []string{"id", "description", "path", "regex", "secretGroup", "entropy", "keywords", "tags", "allowlists", "allowlist", "required", "skipReport"}
	case "rules.allowlists", "rules.allowlist":
		return allowlist
	case "allowlists", "allowlist":
		return append(allowlist, "targetRules")
	case "rules.required":
		return []string{"id", "withinLines", "withinColumns"}
	}
	return nil
}

// wanted says what a key must be, by its path.
func wanted(path string) string {
	table, key := "", path
	if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
		table, key = path[:dot], path[dot+1:]
	}
	switch key {
	case "extend":
		return "a table, [extend]"
	case "rules", "allowlists", "required":
		return "tables, [[" + path + "]]"
	case "allowlist":
		return "a table, [" + path + "]; newer files have [[" + path + "s]]"
	case "secretgroup", "withinlines", "withincolumns":
		return "a whole number"
	case "entropy":
		return "a number"
	case "skipreport", "usedefault":
		return "true or false"
	case "keywords", "tags", "commits", "regexes", "stopwords", "targetrules", "disabledrules":
		return `a list of strings, such as ["a", "b"]`
	case "paths":
		return `a list of strings, such as ['\.md$']`
	}
	if slices.ContainsFunc(keysOf(table), func(k string) bool { return strings.EqualFold(k, key) }) {
		return "a string"
	}
	return ""
}

// file is one file of rules while it is read.
type file struct {
	name    string
	config  tomlConfig
	index   *index // nil: a file that is known to be right
	unknown bool   // it has unknown keys, so what is missing may be there
}

// decode reads the text into f.config, of which it fills what it can. The
// error is go-toml's.
func (f *file) decode(text []byte, strict bool) error {
	if !strict {
		return toml.Unmarshal(text, &f.config)
	}
	return toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&f.config)
}

// read decodes a file of a user. It reports false if the problems are such that
// the rest of it can't be judged.
func (f *file) read(text []byte) ([]Problem, bool) {
	err := f.decode(text, true)
	f.index = newIndex(text) // up to where the syntax is wrong
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case err == nil:
		return nil, true
	case errors.As(err, &unknown):
		f.unknown = true
		var ps []Problem
		for i := range unknown.Errors {
			e := &unknown.Errors[i]
			ps = append(ps, f.problem(e, unknownKey(e.Key())))
		}
		return ps, true
	case errors.As(err, &wrong):
		return []Problem{f.problem(wrong, Problem{What: wrongType(wrong)})}, false
	}
	return []Problem{{File: f.name, What: strings.TrimPrefix(err.Error(), "toml: ")}}, false
}

// wrongType says what a value should be, where go-toml's words are about our
// types. What it says about syntax stays.
func wrongType(e *toml.DecodeError) string {
	what := strings.TrimPrefix(e.Error(), "toml: ")
	_, kind, isType := strings.Cut(what, "cannot decode TOML ")
	key := e.Key()
	want := wanted(strings.ToLower(strings.Join(key, ".")))
	if want == "" || !isType && !strings.HasPrefix(what, "cannot store ") {
		return what
	}
	what = fmt.Sprintf("%s: want %s", key[len(key)-1], want)
	if kind, _, _ = strings.Cut(kind, " into "); kind != "" {
		what += ", not " + article(kind)
	}
	return what
}

// problem completes a problem by where an error of go-toml is.
func (f *file) problem(e *toml.DecodeError, p Problem) Problem {
	p.File = f.name
	p.Line, _ = e.Position()
	if k := e.Key(); f.index == nil || len(k) == 0 || !strings.EqualFold(k[0], "rules") {
		return p
	}
	// The last rule that starts above it.
	for i := range f.config.Rules {
		if l, ok := f.index.lines[element("rules", i)]; !ok || l > p.Line {
			break
		}
		p.Rule = f.ruleName(i)
	}
	return p
}

// ruleName is the ID of a rule or, in want of one, its place in the file.
func (f *file) ruleName(i int) string {
	if id := strings.TrimSpace(f.config.Rules[i].ID); id != "" {
		return id
	}
	return fmt.Sprintf("number %d", i+1)
}

func unknownKey(key toml.Key) Problem {
	last := len(key) - 1
	name, table := key[last], strings.ToLower(strings.Join(key[:last], "."))
	p := Problem{What: fmt.Sprintf("unknown key %q", name), Hint: didYouMean(name, keysOf(table))}
	if p.Hint != "" {
		return p
	}
	// What comes after [rules.allowlist] belongs to it, wherever it was meant
	// to go: that mistake is easily made.
	for _, other := range []string{"rules", "allowlists", "extend", "rules.required", ""} {
		if i := slices.IndexFunc(keysOf(other), func(k string) bool { return strings.EqualFold(k, name) }); i >= 0 {
			where := "in [[" + other + "]], not in [[" + table + "]]"
			switch {
			case other == "":
				where = "at the top of the file, before the first table"
			case other == "extend":
				where = "in [extend]"
			case table == "":
				where = "in [[" + other + "]]"
			}
			p.Hint = keysOf(other)[i] + " goes " + where
			break
		}
	}
	return p
}

func article(noun string) string {
	if noun != "" && strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
