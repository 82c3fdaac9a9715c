package check

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// value is a text of a workflow, with what its expressions refer to.
type value struct {
	text        string // what isn't known stays as it is written
	known       bool
	expressions bool
	secrets     []string // "secrets.NPM_TOKEN"
	unknown     []string // the expressions that have no value here
	masks       []string
}

// public says whether all that isn't known is what GitHub says of a run, such
// as the commit.
func (v value) public() bool {
	return len(v.unknown) > 0 && !slices.ContainsFunc(v.unknown, func(e string) bool {
		e = strings.TrimSpace(strings.TrimPrefix(e, "${{"))
		return !strings.HasPrefix(e, "github.") && !strings.HasPrefix(e, "runner.") && !strings.HasPrefix(e, "hashFiles(") || strings.HasPrefix(e, "github.event.")
	})
}

// both is one list and what another has besides.
func both(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) && len(a) < 8 {
			a = append(a[:len(a):len(a)], s)
		}
	}
	return a
}

// expressionSpans are where ${{ … }} stand in a text.
func expressionSpans(s string) (spans [][2]int) {
	for at := 0; ; {
		i := strings.Index(s[at:], "${{")
		if i < 0 {
			return spans
		}
		from := at + i
		end, quoted := -1, false
		for j := from + 3; j < len(s); j++ {
			if s[j] == '\'' {
				quoted = !quoted
			}
			if !quoted && strings.HasPrefix(s[j:], "}}") {
				end = j + 2
				break
			}
		}
		if end < 0 {
			return spans
		}
		spans = append(spans, [2]int{from, end})
		at = end
	}
}

// value takes a text apart.
func (w *workflowReader) value(s string, in scope) value {
	v := value{known: true}
	if !w.spend(len(s) / 64) {
		return value{text: s}
	}
	var b strings.Builder
	at := 0
	for _, sp := range expressionSpans(s) {
		if !w.spend(1) {
			break
		}
		b.WriteString(s[at:sp[0]])
		at = sp[1]
		one := w.expression(s[sp[0]+3:sp[1]-2], in)
		v.expressions = true
		v.secrets = both(v.secrets, one.secrets)
		v.masks = append(v.masks, one.masks...)
		if one.known {
			b.WriteString(one.text)
			continue
		}
		v.known = false
		b.WriteString(s[sp[0]:sp[1]])
		if len(v.unknown) < 8 {
			v.unknown = append(v.unknown, s[sp[0]:sp[1]])
		}
	}
	b.WriteString(s[at:])
	v.text = b.String()
	return v
}

var (
	expressionPath = regexp.MustCompile(`'(?:[^']|\'\')*'|[A-Za-z_][\w-]*(?:\s*\.\s*(?:[\w-]+|\*)|\s*\[\s*'[^']*'\s*\])*`)
	pathStep       = regexp.MustCompile(`[\w-]+|\*`)
	truthFunction  = regexp.MustCompile(`(?i)\b(?:contains|startsWith|endsWith|hashFiles)\([^()]*\)`)
)

// expression says which secrets can be the value of an expression: not those
// that it only compares or asks for.
func (w *workflowReader) expression(e string, in scope) value {
	var v value
	e = truthFunction.ReplaceAllStringFunc(e, func(s string) string { return strings.Repeat(" ", len(s)) })
	for _, m := range expressionPath.FindAllStringIndex(e, 256) {
		word := e[m[0]:m[1]]
		if word[0] == '\'' {
			continue
		}
		before, after := strings.TrimSpace(e[:m[0]]), strings.TrimSpace(e[m[1]:])
		if strings.HasSuffix(before, "!") || strings.HasSuffix(before, "==") || strings.HasSuffix(before, "!=") ||
			strings.HasPrefix(after, "==") || strings.HasPrefix(after, "!=") || strings.HasPrefix(after, "&&") || strings.HasPrefix(after, "(") {
			continue
		}
		steps := pathStep.FindAllString(word, 16)
		ref := strings.Join(steps, ".")
		last := steps[len(steps)-1]
		secret := false
		switch strings.ToLower(steps[0]) {
		case "secrets":
			secret = true
		case "github":
			secret = len(steps) == 2 && strings.EqualFold(last, "token") || len(steps) > 3 && steps[1] == "event" && steps[2] == "inputs" && secretName(last)
		case "env":
			if len(steps) != 2 {
				continue
			}
			set, ok := in.env[last]
			switch {
			case ok && len(set.secrets) > 0:
				secret = true
			case ok && set.known:
				secret = secretName(last) && !placeholder(set.text)
				if secret {
					v.masks = append(v.masks, set.text)
				}
				if strings.TrimSpace(e) == word {
					v.text, v.known = set.text, true
				}
			default:
				secret = secretName(last)
			}
		case "inputs", "vars", "steps", "needs", "matrix", "jobs":
			secret = len(steps) > 1 && secretName(last)
		}
		if secret && !slices.Contains(v.secrets, ref) {
			v.secrets = append(v.secrets, ref)
		}
	}
	switch strings.TrimSpace(e) {
	case "github.workspace":
		v.text, v.known = ".", true
	case "github.action_path":
		if rel, err := relative(w.root, w.d.dir); err == nil {
			v.text, v.known = rel, true
		}
	}
	return v
}

// relative is a path in a repository.
func relative(root, dir string) (string, error) {
	rel, err := filepath.Rel(root, dir)
	return filepath.ToSlash(rel), err
}
