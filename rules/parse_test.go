package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	gitleaks "github.com/zricethezav/gitleaks/v8/config"
)

// parse reads a file that can extend the others.
func parse(text string, others map[string]string) (*Set, error) {
	return Parse("acme.toml", []byte(text), Options{ReadFile: func(name string) ([]byte, error) {
		if text, ok := others[name]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}})
}

func mustParse(t *testing.T, text string, others map[string]string) *Set {
	t.Helper()
	s, err := parse(text, others)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	return s
}

func TestParse(t *testing.T) {
	s := mustParse(t, `
Title = "Acme's rules"
minVERSION = "v8.25.0"

[[rules]]
id = "acme-token"
DESCRIPTION = "Acme token."
regex = 'acme_([0-9a-f]{8})'
secretgroup = 1
entropy = 2
keywords = ["ACME_", "acme_"]
tags = ["internal", "Severity:low", "confidence:medium"]
path = '\.env$'
[rules.allowlist]
commits = ["abc"]
condition = "AND"
regexes = ["x"]
[[rules.required]]
id = "ACME_HOST"
withinLines = 3

[[rules]]
ID = "ACME_HOST"
description = "A host of Acme. Found together with a token, it says where the token opens a door, so look there."
regex = 'acme[.]example'
skipReport = true

[[rules]]
id = "key-file"
path = '(?i)\.key$'
allowlists = [{ paths = ['^/usr/share/'], description = "samples" }, { commits = ["abc"] }]

[[allowlists]]
targetRules = ["acme-token", "key-file"]
stopwords = ["Sample", "sample"]
[[allowlists]]
condition = "&&"
regexTarget = "line"
regexes = ["not a secret"]
paths = ["^/doc/"]
`, nil)
	want := &Set{
		Rules: []Rule{{
			ID: "acme-token", Title: "Acme token", Severity: SeverityLow, Confidence: ConfidenceMedium,
			Path: `\.env$`, Pattern: "acme_([0-9a-f]{8})", SecretGroup: 1, MinEntropy: 2, Keywords: []string{"acme_"},
			Tags:       []string{"internal", "Severity:low", "confidence:medium"},
			Required:   []Required{{RuleID: "ACME_HOST", WithinLines: ptr(3)}},
			Allowlists: []Allowlist{{StopWords: []string{"sample"}}},
		}, {
			ID: "ACME_HOST", Title: "ACME HOST", Severity: SeverityHigh, Confidence: ConfidenceHigh,
			Description: "A host of Acme. Found together with a token, it says where the token opens a door, so look there.",
			Pattern:     "acme[.]example", SkipReport: true,
		}, {
			ID: "key-file", Title: "Key file", Severity: SeverityHigh, Confidence: ConfidenceMedium, Path: `(?i)\.key$`,
			Allowlists: []Allowlist{{Description: "samples", Paths: []string{"^/usr/share/"}}, {StopWords: []string{"sample"}}},
		}},
		Allowlists: []Allowlist{{Target: TargetLine, RequireAll: true, Patterns: []string{"not a secret"}, Paths: []string{"^/doc/"}}},
	}
	if got, want := asJSON(t, s), asJSON(t, want); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestExtendDefault(t *testing.T) {
	def := builtin(t)
	s := mustParse(t, `
[extend]
useDefault = true
disabledRules = ["jwt-base64"]
[[rules]]
id = "jwt"
tags = ["severity:low"]
[[rules.allowlists]]
paths = ["/fixtures/"]
[[rules]]
id = "acme-token"
regex = 'acme_[0-9a-f]{8}'
[allowlist]
paths = ["^/mirror/"]
`, nil)
	if len(s.Rules) != len(def.Rules) || s.Rule("jwt-base64") != nil || s.Rule("acme-token") == nil {
		t.Errorf("%d rules", len(s.Rules))
	}
	if r, d := s.Rule("jwt"), def.Rule("jwt"); r.Pattern != d.Pattern || r.Title != d.Title || r.Severity != SeverityLow || len(r.Allowlists) != len(d.Allowlists)+1 {
		t.Errorf("jwt: %+v", r)
	}
	// The file's own path allowlist counts, that of gitleaks does not.
	var paths []string
	for _, a := range s.Allowlists {
		paths = append(paths, a.Paths...)
	}
	if !reflect.DeepEqual(paths, []string{"^/mirror/"}) || len(s.Allowlists) != len(def.Allowlists)+1 {
		t.Errorf("global allowlists: paths %q of %d", paths, len(s.Allowlists))
	}
	if def.Digest() != builtin(t).Digest() {
		t.Error("the default rules changed")
	}
}

func TestDescribe(t *testing.T) {
	for _, tt := range []struct{ id, description, title, rest string }{
		{"acme-api-token", "", "Acme API token", ""},
		{"acme_api_token", " Token for the API of Acme. ", "Token for the API of Acme", ""},
		{"über-pat", strings.Repeat("x", 61), "Über personal access token", strings.Repeat("x", 61)},
		{"-", "two\nlines", "-", "two\nlines"},
		{"github-pat", "Ours.", "GitHub personal access token", "Ours."}, // gitleaks' IDs keep their titles
	} {
		s := mustParse(t, fmt.Sprintf("[[rules]]\nid = %q\ndescription = %q\nregex = 'x'\n", tt.id, tt.description), nil)
		if r := s.Rules[0]; r.Title != tt.title || r.Description != tt.rest {
			t.Errorf("%s: title %q, description %q", tt.id, r.Title, r.Description)
		}
	}
}

// What gitleaks drops, and what its order of checks refuses.
func TestExtendPath(t *testing.T) {
	s := mustParse(t, `
[extend]
path = "base.toml"
disabledRules = ["old"]
[[rules]]
id = "token"
skipReport = true
[[rules.required]]
id = "host"
[[rules]]
id = "other"
regex = "other"
`, map[string]string{"base.toml": `
[[rules]]
id = "token"
regex = "tok_(1|2)"
[[rules]]
id = "host"
regex = "acme"
[[rules]]
id = "old"
regex = "old"
[[allowlists]]
targetRules = ["token", "old"]
stopwords = ["sample"]
`})
	r := s.Rule("token")
	if len(s.Rules) != 3 || r.Pattern != "tok_(1|2)" || !r.SkipReport || len(r.Required) != 1 || len(r.Allowlists) != 1 {
		t.Errorf("%s", asJSON(t, s))
	}
}

func TestParseErrors(t *testing.T) {
	rule := func(lines string) string { return "[[rules]]\nid = 'acme-token'\nregex = 'acme_([0-9]+)'\n" + lines }
	regex := func(p string) string { return "[[rules]]\nid = 'x'\nregex = '''" + p + "'''\n" }
	for _, tt := range []struct{ text, want string }{
		// TOML
		{"[[rules\n", "acme.toml:1: expected ']]' to close array table name"},
		{rule("entropy = \n"), "acme.toml:4: unexpected character U+000A at start of value"},
		{rule("id = 'y'\n"), "acme.toml:4: key id is already defined"},
		{"\xff = 1", "acme.toml:1: "},
		// keys
		{rule("secretgroop = 1\n"), `acme.toml:4: rule acme-token: unknown key "secretgroop"; did you mean secretGroup?`},
		{rule("[rules.allowlist]\nregexs = []\n"), `acme.toml:5: rule acme-token: unknown key "regexs"; did you mean regexes?`},
		{rule("[[rules.allowlists]]\nregexes = ['a']\nentropy = 3\n"), `acme.toml:6: rule acme-token: unknown key "entropy"; entropy goes in [[rules]], not in [[rules.allowlists]]`},
		{rule("[[rules.allowlists]]\nregexes = ['a']\ntargetRules = ['a']\n"), `acme.toml:6: rule acme-token: unknown key "targetRules"; targetRules goes in [[allowlists]], not in [[rules.allowlists]]`},
		{"useDefault = true\n", `acme.toml:1: unknown key "useDefault"; useDefault goes in [extend]`},
		{rule("verify = true\n"), `acme.toml:4: rule acme-token: unknown key "verify"`},
		{rule("") + "[[rule]]\nid = 'y'\n", `acme.toml:4: unknown key "rule"; did you mean rules?`},
		{rule("ID = 'y'\n"), "acme.toml:4: rules[0].id is there in another spelling already; upper and lower case are the same to gitleaks, which would use one of them"},
		{rule("") + "[Rules.allowlist]\npaths = ['a']\n", "acme.toml:4: rules is there in another spelling already"},
		// types
		{rule("entropy = '3.5'\n"), "acme.toml:4: rule acme-token: entropy: want a number, not a string"},
		{rule("secretGroup = 1.5\n"), "acme.toml:4: rule acme-token: secretGroup: want a whole number, not a float"},
		{rule("keywords = 'acme'\n"), `acme.toml:4: rule acme-token: keywords: want a list of strings, such as ["a", "b"], not a string`},
		{rule("keywords = [\n'acme',\n1]\n"), `acme.toml:6: rule acme-token: keywords: want a list of strings, such as ["a", "b"], not an integer`},
		{rule("skipReport = 'yes'\n"), "acme.toml:4: rule acme-token: skipReport: want true or false, not a string"},
		{"[[rules]]\nid = 7\n", "acme.toml:2: rule number 1: id: want a string, not an integer"},
		{"rules = 'x'\n", "acme.toml:1: rules: want tables, [[rules]], not a string"},
		{"[rules]\nid = 'x'\nentropy = -1\n", "acme.toml:3: rule x: entropy -1: want"}, // one table is read as the only one of a list
		{rule("[[rules.allowlist]]\npaths = ['a']\n"), "acme.toml:4: rule acme-token: allowlist: want a table, [rules.allowlist]; newer files have [[rules.allowlists]]"},
		{"[[extend]]\nuseDefault = true\n", "acme.toml:1: extend: want a table, [extend]"},
		// rules
		{"[[rules]]\nregex = 'a'\n", "acme.toml:1: rule number 1: it has no id"},
		{"[[rules]]\nid = ' '\nregex = 'a'\n", "acme.toml:2: rule number 1: it has no id"},
		{"[[rules]]\nid = \"a\\u001b[2J\"\nregex = 'a'\n", `acme.toml:2: rule "a\x1b[2J": the id has characters that can't be seen`},
		{rule("") + rule(""), "acme.toml:5: rule acme-token: the ID is used twice, first on line 2"},
		{"[[rules]]\nid = 'jwt'\n", "acme.toml:1: rule jwt: it has neither a regex nor a path"},
		{"[extend]\nuseDefault = true\n[[rules]]\nid = 'github-pta'\n", "acme.toml:3: rule github-pta: it has neither a regex nor a path; did you mean github-pat?"},
		{rule("secretGroup = 2\n"), "acme.toml:4: rule acme-token: secretGroup 2: the regex has one group"},
		{rule("secretGroup = -1\n"), "acme.toml:4: rule acme-token: secretGroup -1 is negative"},
		{"[extend]\nuseDefault = true\n[[rules]]\nid = 'jwt'\nregex = 'ey(.)(.)'\nsecretGroup = 3\n", "acme.toml:6: rule jwt: secretGroup 3: the regex has 2 groups"},
		{"[extend]\nuseDefault = true\n[[rules]]\nid = 'age-secret-key'\nsecretGroup = 3\n", "acme.toml:5: rule age-secret-key: secretGroup 3: the regex has no groups"},
		{rule("entropy = -1\n"), "acme.toml:4: rule acme-token: entropy -1: want 0 or more bits a character"},
		{rule("entropy = nan\n"), "acme.toml:4: rule acme-token: entropy NaN: want 0 or more bits a character"},
		{rule("entropy = inf\n"), "acme.toml:4: rule acme-token: entropy +Inf: want 0 or more bits a character"},
		{rule("keywords = ['a',\n'']\n"), "acme.toml:5: rule acme-token: a keyword is empty; without keywords, the rule looks at every file"},
		{rule("tags = ['severity:blocker']\n"), `acme.toml:4: rule acme-token: tag "severity:blocker": want severity:low, severity:medium, severity:high or severity:critical`},
		{rule("tags = ['Confidence: sure']\n"), `acme.toml:4: rule acme-token: tag "Confidence: sure": want confidence:low, confidence:medium or confidence:high`},
		// patterns
		{regex(`a(?=b)`), "acme.toml:3: rule x: regex: RE2 has no lookahead, such as `(?=`; match what follows too and make the secret a group; what must not follow goes into an allowlist"},
		{regex(`(?<!a)b`), "acme.toml:3: rule x: regex: RE2 has no lookbehind, such as `(?<!`; match what comes before too and make the secret a group; what must not be there goes into an allowlist"},
		{regex(`(a)\1`), "acme.toml:3: rule x: regex: RE2 has no backreferences, such as `\\1`; write out what is repeated"},
		{regex(`a++`), "acme.toml:3: rule x: regex: RE2 has no possessive quantifiers, such as `++`; leave out the second +"},
		{regex(`(?>a)`), "acme.toml:3: rule x: regex: RE2 has no atomic groups, such as `(?>`; use (?:…)"},
		{regex(`(?x) a`), "acme.toml:3: rule x: regex: RE2 has no flag x, such as `(?x`; write the pattern without spaces and comments"},
		{regex(`a\Z`), "acme.toml:3: rule x: regex: unknown escape `\\Z`; use \\z for the end of the text"},
		{regex(`a{1001}`), "acme.toml:3: rule x: regex: repeated too often: `{1001}`; counts go up to 1000, those within each other multiplied"},
		{regex(`a(b`), "acme.toml:3: rule x: regex: missing closing ): `a(b`"},
		{regex(`\Qa`), `acme.toml:3: rule x: regex: it does not end: a \Q without its \E, or groups nested too deep`},
		{regex(strings.Repeat("(", 998) + "a" + strings.Repeat(")", 998)), `acme.toml:3: rule x: regex: it does not end: a \Q without its \E, or groups nested too deep`},
		{regex(`a*`), "acme.toml:3: rule x: regex: `a*` also matches the empty text, so it would match everywhere"},
		{"[[rules]]\nid = 'x'\npath = '['\n", "acme.toml:3: rule x: path: missing closing ]: `[`"},
		// allowlists
		{rule("[[rules.allowlists]]\ncondition = 'XOR'\npaths = ['a']\n"), `acme.toml:5: rule acme-token: allowlist: unknown condition "XOR"; there are OR, which goes without saying, and AND`},
		{rule("[[rules.allowlists]]\nregexTarget = 'lines'\npaths = ['a']\n"), `acme.toml:5: rule acme-token: allowlist: unknown regexTarget "lines"; did you mean line?`},
		{rule("") + "[allowlist]\nregexTarget = 'lin'\npaths = ['a']\n", `acme.toml:5: allowlist: unknown regexTarget "lin"; did you mean line?`},
		{rule("[[rules.allowlists]]\nregexTarget = 'commit'\npaths = ['a']\n"), `acme.toml:5: rule acme-token: allowlist: unknown regexTarget "commit"; there are secret, which goes without saying, match and line`},
		{rule("[[rules.allowlists]]\ndescription = 'x'\n"), "acme.toml:4: rule acme-token: allowlist: it is empty; give it regexes, paths or stopwords"},
		{rule("[[rules.allowlists]]\nregexes = [\n'a',\n\n'(?=b)']\n"), "acme.toml:8: rule acme-token: allowlist: regexes: RE2 has no lookahead, such as `(?=`; match what follows too"},
		{rule("") + "[[allowlists]]\npaths = ['*.md']\n", "acme.toml:5: allowlist: paths: missing argument to repetition operator: `*`"},
		{rule("") + "[[allowlists]]\nregexes = ['']\n", "acme.toml:5: allowlist: regexes: an empty pattern fits everything"},
		{rule("") + "[[allowlists]]\nstopwords = ['']\n", "acme.toml:5: allowlist: stopwords: an empty word is in everything"},
		{rule("[rules.allowlist]\npaths = ['a']\n[[rules.allowlists]]\npaths = ['a']\n"), "acme.toml:4: rule acme-token: [rules.allowlist] and [[rules.allowlists]] don't go together"},
		{rule("") + "[allowlist]\npaths = ['a']\n[[allowlists]]\npaths = ['a']\n", "acme.toml:4: [allowlist] and [[allowlists]] don't go together"},
		{rule("") + "[[allowlists]]\ntargetRules = ['acme-tokn']\npaths = ['a']\n", "acme.toml:5: allowlist: targetRules: there is no rule acme-tokn; did you mean acme-token?"},
		{rule("") + "[[allowlists]]\ntargetRules = ['nothing']\ncommits = ['a']\n", "acme.toml:5: allowlist: targetRules: there is no rule nothing"},
		// rules made of rules
		{rule("[[rules.required]]\nid = 'acme-hst'\n") + "[[rules]]\nid = 'acme-host'\nregex = 'a'\n", "acme.toml:4: rule acme-token: it requires acme-hst, and there is no such rule; did you mean acme-host?"},
		{rule("[[rules.required]]\nid = 'acme-token'\n"), "acme.toml:4: rule acme-token: it requires itself"},
		{rule("[[rules.required]]\nwithinLines = 3\n"), "acme.toml:4: rule acme-token: a required rule has no id"},
		{rule("[[rules.required]]\nid = 'y'\nwithinLines = -3\n"), "acme.toml:6: rule acme-token: withinLines -3 is negative"},
		{rule("[[rules.required]]\nid = 'y'\nwithinColumn = 3\n"), `acme.toml:6: rule acme-token: unknown key "withinColumn"; did you mean withinColumns?`},
		{rule("[[rules.required]]\nid = 'jwt'\n[extend]\nuseDefault = true\ndisabledRules = ['jwt']\n"), "acme.toml:4: rule acme-token: it requires jwt, and there is no such rule; disabledRules takes it out: use skipReport in its place"},
		{rule("skipReport = true\n"), "acme.toml: all rules have skipReport, so it would find nothing; [extend] useDefault = true adds the built-in ones"},
		{"", "acme.toml: there are no rules in it, so it would find nothing; [extend] useDefault = true adds the built-in ones"},
		// extend
		{"[extend]\nurl = 'https://acme.example/rules.toml'\n", "acme.toml:2: extend: a url is refused; leakscan fetches no rules: save them as a file, and name it with path"},
		{"[extend]\nuseDefault = true\npath = 'base.toml'\n", "acme.toml:3: extend: path and useDefault don't go together; let the file that path names extend the default"},
		{"[extend]\nuseDefault = true\ndisabledRules = [\n'jwt',\n'jwt-base46']\n", "acme.toml:5: extend: disabledRules: no rule jwt-base46 is extended; did you mean jwt-base64?"},
		{"[extend]\ndisabledRules = ['jwt']\n", "acme.toml:2: extend: there are no rules to disable; useDefault = true extends the built-in ones"},
		{"[extend]\npath = 'nowhere.toml'\n", "acme.toml:2: extend: nowhere.toml: file does not exist; it is looked for from the working directory"},
		{"[extend]\npath = './acme.toml'\n", "acme.toml:2: extend: ./acme.toml extends itself"},
		{"[extend]\npath = 'loop.toml'\n", "loop.toml:2: extend: acme.toml extends itself"},
		{"[extend]\npath = 'three.toml'\n", "two.toml:1: extend: there are 2 before it already; gitleaks would leave this one out: put the rules into fewer files"},
		{"[extend]\npath = 'wrong.toml'\n", "wrong.toml:2: rule w: unknown key \"regx\"; did you mean regex?"},
	} {
		others := map[string]string{
			"base.toml": rule(""), "loop.toml": "[extend]\npath = 'acme.toml'\n",
			"three.toml": "[extend]\npath = 'two.toml'\n", "two.toml": "[extend]\npath = 'one.toml'\n", "one.toml": "[extend]\nuseDefault = true\n",
			"wrong.toml": "[[rules]]\nregx = 'a'\nid = 'w'\n",
		}
		_, err := parse(tt.text, others)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("%s\n got %v\nwant %s", tt.text, err, tt.want)
			continue
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		if !strings.HasPrefix(first, tt.want) {
			t.Errorf("%s\n got %s\nwant %s", tt.text, err, tt.want)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	_, err := parse(`
[[rules]]
id = "a"
regex = "("
entropy = -1
keyword = ["a"]
[[allowlists]]
paths = ["["]
`, nil)
	want := "acme.toml:4: rule a: regex: missing closing ): `(`\n" +
		"acme.toml:5: rule a: entropy -1: want 0 or more bits a character\n" +
		"acme.toml:6: rule a: unknown key \"keyword\"; did you mean keywords?\n" +
		"acme.toml:8: allowlist: paths: missing closing ]: `[`"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = parse("[[rules]]\nid = 'a'\nregex = 'a'\ntags = ["+strings.Repeat("'severity:x',", 13)+"]\n", nil)
	if err == nil || !strings.HasSuffix(err.Error(), "\nand 3 more") {
		t.Errorf("got\n%v", err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("base.toml", "[[rules]]\nid='a'\nregex='a'\n")
	write("top.toml", "[extend]\npath='base.toml'\n[[rules]]\nid='b'\nregex='b'\n")
	write("large.toml", strings.Repeat("#\n", maxFile/2)+"#")
	if s, err := Load("top.toml"); err != nil || len(s.Rules) != 2 {
		t.Errorf("%v, %v", s, err)
	}
	for name, want := range map[string]string{
		"nowhere.toml": "the rules in nowhere.toml: no such file or directory",
		".":            "the rules in .: is a directory",
		"large.toml":   "large.toml: it has more than 4 MiB",
	} {
		if _, err := Load(name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if _, err := Parse("x", []byte("[extend]\npath = 'base.toml'\n"), Options{}); err == nil || !strings.Contains(err.Error(), "can't be read here") {
		t.Errorf("without ReadFile: %v", err)
	}
}

// TestLikeGitleaks compares what comes of a file with what gitleaks' own code
// makes of it. It counts the files it has extended in a package variable, so
// that each case needs a process of its own.
func TestLikeGitleaks(t *testing.T) {
	if text := os.Getenv("RULES_TEST_FILE"); text != "" {
		printGitleaks(t, text)
		return
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"one.toml": "[extend]\npath = 'two.toml'\ndisabledRules = ['gone']\n" + `
[[rules]]
id = "both"
description = "Both, one."
entropy = 3
keywords = ["One"]
tags = ["one"]
[[rules.allowlists]]
regexes = ["one"]
[[rules]]
id = "aaa"
path = "aaa"
[allowlist]
paths = ["one"]
`,
		"two.toml": "[[rules]]\nid = 'gone'\nregex = 'gone'\n" + `
[[rules]]
id = "both"
description = "Both, two."
regex = "b(o)th"
path = "two"
secretGroup = 1
entropy = 2
keywords = ["two"]
tags = ["two"]
[rules.allowlist]
stopwords = ["TWO"]
[[allowlists]]
regexes = ["two"]
regexTarget = "match"
`,
		"default.toml": "[extend]\nuseDefault = true\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"alone": "[[rules]]\nid = 'b'\nregex = 'b'\n[[rules]]\nid = 'a'\nregex = '(a)'\nsecretGroup = 1\nkeywords = ['A']\n",
		"targets": `
[[rules]]
id = "a"
regex = "a"
[[rules.allowlists]]
paths = ["x"]
[[rules]]
id = "b"
regex = "b"
[[rules.required]]
id = "a"
withinLines = 2
withinColumns = 30
[[rules]]
id = "c"
path = "c"
skipReport = true
[[allowlists]]
targetRules = ["a", "c"]
condition = "and"
regexes = ["x"]
paths = ["y"]
`,
		"default":      "[extend]\nuseDefault = true\ndisabledRules = ['jwt', 'private-key']\n[[rules]]\nid = 'github-pat'\nregex = 'x'\n[[rules]]\nid = 'x'\npath = 'x'\n",
		"path":         "[extend]\npath = 'two.toml'\n[[rules]]\nid = 'both'\nregex = 'bo(t)(h)'\nsecretGroup = 2\n",
		"two paths":    "[extend]\npath = 'one.toml'\n[[rules]]\nid = 'both'\npath = 'p'\nkeywords = ['p']\n[[allowlists]]\nstopwords = ['w']\n[[allowlists]]\ntargetRules = ['aaa']\nstopwords = ['w']\n",
		"path default": "[extend]\npath = 'default.toml'\ndisabledRules = ['jwt']\n[[rules]]\nid = 'jwt-base64'\nentropy = 1\n",
		"spellings":    "[Extend]\nUseDefault = true\n[[Rules]]\nId = 'x'\nRegex = '(x)'\nSECRETGROUP = 1\n[Rules.AllowList]\nStopWords = ['x']\n",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestLikeGitleaks$")
			cmd.Env = append(os.Environ(), "RULES_TEST_FILE="+text)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			_, theirs, _ := strings.Cut(string(out), marker)
			theirs, _, _ = strings.Cut(theirs, marker)
			s, err := Parse(name, []byte(text), Options{ReadFile: readFile, Gitleaks: true})
			if err != nil {
				t.Fatal(err)
			}
			if ours := asJSON(t, comparable(s)); ours != theirs {
				t.Errorf("they have\n%s\nwe have\n%s", theirs, ours)
			}
		})
	}
}

const marker = "\n=====\n"

// comparable leaves of a set what gitleaks has too.
func comparable(s *Set) *Set {
	c := &Set{Allowlists: bare(s.Allowlists)}
	for _, r := range s.Rules {
		c.Rules = append(c.Rules, Rule{
			ID: r.ID, Path: r.Path, Pattern: r.Pattern, SecretGroup: r.SecretGroup, MinEntropy: r.MinEntropy,
			Keywords: r.Keywords, Tags: r.Tags, Required: r.Required, SkipReport: r.SkipReport, Allowlists: bare(r.Allowlists),
		})
	}
	return c
}

func bare(as []Allowlist) []Allowlist {
	var out []Allowlist
	for _, a := range as {
		a.Description = ""
		out = append(out, a)
	}
	return out
}

// printGitleaks writes what gitleaks' code makes of a file, as a Set.
func printGitleaks(t *testing.T, text string) {
	var vc gitleaks.ViperConfig
	if err := toml.Unmarshal([]byte(text), &vc); err != nil {
		t.Fatal(err)
	}
	c, err := vc.Translate()
	if err != nil {
		t.Fatal(err)
	}
	allowlists := func(as []*gitleaks.Allowlist) (out []Allowlist) {
		for _, a := range as {
			t := tomlAllowlist{RegexTarget: a.RegexTarget, Condition: a.MatchCondition.String(), StopWords: a.StopWords, Commits: a.Commits}
			for _, re := range a.Regexes {
				t.Regexes = append(t.Regexes, re.String())
			}
			for _, re := range a.Paths {
				t.Paths = append(t.Paths, re.String())
			}
			if o, ok := new(parser).allowlist(&file{}, "", "", &t); ok {
				out = append(out, o)
			}
		}
		return out
	}
	s := &Set{Allowlists: allowlists(c.Allowlists)}
	for i := range s.Allowlists { // see Default
		if len(s.Allowlists[i].Paths) > 10 {
			s.Allowlists[i].Paths = nil
		}
	}
	for _, r := range c.GetOrderedRules() {
		o := Rule{ID: r.RuleID, SecretGroup: r.SecretGroup, MinEntropy: r.Entropy, Keywords: r.Keywords, Tags: r.Tags, SkipReport: r.SkipReport, Allowlists: allowlists(r.Allowlists)}
		if r.Regex != nil {
			o.Pattern = r.Regex.String()
		}
		if r.Path != nil {
			o.Path = r.Path.String()
		}
		for _, q := range r.RequiredRules {
			o.Required = append(o.Required, Required{RuleID: q.RuleID, WithinLines: q.WithinLines, WithinColumns: q.WithinColumns})
		}
		s.Rules = append(s.Rules, o)
	}
	fmt.Print(marker, asJSON(t, s), marker)
}

// TestREADME reads the example in README.md.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "```toml\n")
	text, _, _ = strings.Cut(text, "```\n")
	s := mustParse(t, text, nil)
	if r := s.Rule("acme-badge-token"); r == nil || r.Severity != SeverityCritical || r.Title != "Acme badge token" || len(r.Allowlists) != 1 {
		t.Errorf("%+v", r)
	}
	if len(s.Rules) != len(builtin(t).Rules) {
		t.Errorf("%d rules", len(s.Rules))
	}
}

func TestDidYouMean(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"regx", "did you mean regex?"},
		{"REGEX", "did you mean regex?"},
		{"rgeex", "did you mean regex?"},
		{"keywrods", "did you mean keywords?"},
		{"x", ""},
		{"", ""},
		{"something-else", ""},
		{strings.Repeat("x", 1<<20), ""},
	} {
		if got := didYouMean(tt.name, []string{"keywords", "regex", "path"}); got != tt.want {
			t.Errorf("%.20q: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// FuzzParse: nothing panics, and what is read without an error is valid.
func FuzzParse(f *testing.F) {
	f.Add("[extend]\nuseDefault = true\ndisabledRules = ['jwt']\n[[rules]]\nid = 'jwt'\nsecretGroup = 1\n")
	f.Add("[[rules]]\nid = 'a'\nregex = '(a)\\Qb'\nentropy = 1e1\nkeywords = ['A']\ntags = ['severity:low']\n[[rules.required]]\nid = 'b'\nwithinLines = 1\n[[rules]]\nid = 'b'\npath = 'x'\n")
	f.Add("rules = [{id = 'a', regex = 'b', allowlists = [{stopwords = ['A'], condition = 'AND'}]}]\nallowlists = [{targetRules = ['a'], paths = ['b']}]\n")
	f.Add("[allowlist]\npaths = ['a']\n[[rules]]\nid = 'ÿ_-'\nregex = 'a'\n[rules.allowlist]\ncommits = ['a']\n")
	f.Add("rules.id = 1")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("fuzz", []byte(text), Options{})
		if err != nil {
			if err.Error() == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		s.Digest()
		for i := range s.Rules {
			if r := &s.Rules[i]; r.Title == "" || r.Severity == "" || r.Confidence == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}
