package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Page is what a rule says to people: the source of `leakscan explain`, of
// docs/rules and of the help in reports.
type Page struct {
	About  string // what it is, and what it opens
	Leaks  string // how it gets into images
	Revoke string // how to make it worthless
	Fix    string // how to keep it out
	Docs   string // an address; may be empty
	Finds  []string
	Passes []string
}

// Page returns the rule's page. What the rule doesn't say is said in general.
func (r *Rule) Page() Page {
	p := Page{
		About:  cmp.Or(r.About, r.Description, r.Title+"."),
		Leaks:  cmp.Or(r.Leaks, "ENV or ARG in a Dockerfile, a .env or settings file that COPY takes along, or a literal in a command of a RUN."),
		Revoke: cmp.Or(r.Revoke, "Where it was issued: delete it there, make a new one, and look at what the old one was used for."),
		Fix:    cmp.Or(r.Fix, "Give it to the container when it starts, or to the one build step that needs it, with RUN --mount=type=secret. A new tag does not unpublish the old layer."),
		Docs:   r.Docs,
	}
	hits, misses := r.Examples()
	for _, e := range hits {
		p.Finds = append(p.Finds, e.Shown())
	}
	for _, e := range misses {
		p.Passes = append(p.Passes, e.shown(true))
	}
	return p
}

// Shown is the example with its random parts as "…", for people.
func (e Example) Shown() string { return e.shown(false) }

// shown is Shown; with how many characters the random parts have, if that is
// what makes the difference.
func (e Example) shown(lengths bool) string {
	if e.Text == "" {
		return e.Path // its name is all
	}
	text := placeholder.ReplaceAllStringFunc(e.Text, func(part string) string {
		m := placeholder.FindStringSubmatch(part)
		switch {
		case part == "<>":
			return ""
		case alphabet(m[1]) != "" && m[2] == "1" && lengths:
			return "…(1 character)"
		case alphabet(m[1]) != "" && m[2] != "" && lengths:
			return "…(" + m[2] + " characters)"
		case m[1] == "uuid", alphabet(m[1]) != "" && m[2] != "":
			return "…"
		}
		return part
	})
	for strings.Contains(text, "……") { // of two alphabets
		text = strings.ReplaceAll(text, "……", "…")
	}
	if strings.HasPrefix(text, "@") && !strings.ContainsAny(text, " \n") {
		text = "(binary)"
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return '·'
		}
		return r
	}, strings.TrimRight(text, "\n"))
	if e.Path != "" {
		return e.Path + ":\n" + clean
	}
	return clean
}

// Markdown writes the pages of the rules of one category as one document.
func Markdown(category string, rs []Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Rules: %s\n\nMade from the rules by `go test ./rules -update`. `leakscan explain RULE` shows the same.\n\n", category)
	for i := range rs {
		r := &rs[i]
		fmt.Fprintf(&b, "- [%s](#%s): %s\n", r.ID, r.ID, r.Title)
	}
	for i := range rs {
		r := &rs[i]
		p := r.Page()
		fmt.Fprintf(&b, "\n## %s\n\n**%s** · severity %s · confidence %s\n\n%s\n\n", r.ID, r.Title, r.Severity, r.Confidence, p.About)
		fmt.Fprintf(&b, "- **How it gets into images:** %s\n- **Revoke it:** %s\n- **Keep it out:** %s\n", p.Leaks, p.Revoke, p.Fix)
		if p.Docs != "" {
			fmt.Fprintf(&b, "- **Documentation:** <%s>\n", p.Docs)
		}
		fence := func(what string, examples []string) {
			if len(examples) > 0 {
				fmt.Fprintf(&b, "\n%s\n\n~~~text\n%s\n~~~\n", what, strings.Join(examples, "\n\n"))
			}
		}
		fence("Found:", p.Finds)
		fence("Not found:", p.Passes)
	}
	return b.String()
}

// Categories groups the set's rules by their category, sorted; rules without one
// are in "other".
func (s *Set) Categories() (names []string, rs map[string][]Rule) {
	rs = map[string][]Rule{}
	for _, r := range s.Rules {
		c := cmp.Or(r.Category, "other")
		rs[c] = append(rs[c], r)
	}
	for c := range rs {
		names = append(names, c)
		slices.SortFunc(rs[c], func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	}
	slices.Sort(names)
	return names, rs
}
