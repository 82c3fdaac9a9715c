package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The words of a check, for people: in the shape of docker build --check, with
// what leakscan knows beyond it. The rules of text.go hold.

// WriteCheckText writes a check for people; call [Check.Sort] first. One that
// is clean and complete, and has no note, is one line.
func WriteCheckText(w io.Writer, c *Check, o TextOptions) error {
	p := newPrinter(w, &Report{Gaps: c.Gaps, Notes: c.Notes}, o)
	for i := range c.Problems {
		p.problem(&c.Problems[i])
		p.line("")
	}
	if len(c.Gaps) > 0 {
		p.gaps()
		p.line("")
	}
	if len(c.Notes) > 0 {
		p.notes()
		p.line("")
	}
	head, rest := c.summary()
	style := green
	switch {
	case !c.complete():
		style = alarm
	case len(c.Problems) > 0:
		style = severityStyle(worstSeverity(c.ratings()))
	}
	p.line(p.paint(style, head) + rest)
	if len(c.Problems) > 0 {
		if n := c.fixable(); n > 0 {
			p.line(fmt.Sprintf("leakscan check --fix mends %s; --diff shows how. leakscan explain ID says more.", ofAll(n, len(c.Problems))))
		} else {
			p.line("leakscan explain ID says more about a check.")
		}
	}
	return p.w.Flush()
}

func ofAll(n, of int) string {
	switch {
	case n == of && n == 1:
		return "it"
	case n == of:
		return "all of them"
	}
	return fmt.Sprintf("%s of the %s", thousands(int64(n)), thousands(int64(of)))
}

// problem writes one problem: what docker build --check would, and then where
// the secret ends up and how to mend it.
func (p *printer) problem(b *Problem) {
	p.line(p.paint(severityStyle(b.Severity), strings.ToUpper(Escape(string(b.Severity)))) + ": " + p.paint(bold, Escape(b.Check)) + page(b.Page))
	for _, l := range wrap(sentence(Escape(cmp.Or(b.Message, b.Title))), p.prose) {
		p.line(l)
	}
	p.line("")
	if b.Frame != "" {
		for _, l := range frameLines(b.Frame, p.width) {
			p.line(l)
		}
	} else {
		p.line(Escape(b.Span.File))
	}
	if len(b.Rests) > 0 {
		p.labelled("ends in", wrap(rests(b.Rests), p.prose-labelWidth)...)
	}
	if s := b.Secret.String(); s != "" {
		if b.Rule != "" {
			s += "  [" + b.Rule + "]"
		}
		p.labelled("secret", Truncate(Escape(s), p.prose-labelWidth))
	}
	for i, a := range b.Also {
		if i == maxAlso {
			p.labelled("also", fmt.Sprintf("and %s more (-o json has all)", thousands(int64(len(b.Also)-maxAlso))))
			break
		}
		where := Escape(a.Span.File)
		if a.Span.Line > 0 {
			where += fmt.Sprintf(":%d", a.Span.Line)
		}
		p.labelled("also", wrap(where+"  "+Escape(a.Text), p.prose-labelWidth)...)
	}
	p.labelled("fix", wrap(Escape(b.Fix), p.prose-labelWidth)...)
}

func page(url string) string {
	if url == "" {
		return ""
	}
	return " - " + Escape(url)
}

// sentence makes a text begin with a capital, if it begins with a word of the
// language: the names of programs and files are left as they are.
func sentence(s string) string {
	first, _, _ := strings.Cut(s, " ")
	switch first {
	case "a", "an", "the", "in", "if", "what", "it":
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// frameLines are the lines of a frame, none wider than width columns.
func frameLines(frame string, width int) (out []string) {
	for l := range strings.Lines(strings.TrimRight(frame, "\n")) {
		out = append(out, Truncate(Escape(strings.TrimRight(strings.ReplaceAll(l, "\t", "    "), "\n")), width))
	}
	return out
}

func rests(rs []Rest) string {
	words := make([]string, len(rs))
	for i, r := range rs {
		switch r {
		case RestLayer:
			words[i] = "a layer of the image"
		case RestConfig:
			words[i] = "the image's config"
		case RestHistory:
			words[i] = "the image's history"
		case RestProvenance:
			words[i] = "the provenance (mode=max)"
		case RestBuildCache:
			words[i] = "the build cache"
		case RestCacheMount:
			words[i] = "a cache mount, for later builds"
		case RestLog:
			words[i] = "the build's log"
		case RestContext:
			words[i] = "what is sent to the builder"
		default:
			words[i] = Escape(string(r))
		}
	}
	return strings.Join(words, ", ")
}

func (c *Check) complete() bool { return c.Complete && len(c.Gaps) == 0 }

func (c *Check) fixable() (n int) {
	for i := range c.Problems {
		if c.Problems[i].Fixable {
			n++
		}
	}
	return n
}

// ratings are the severities of the problems.
func (c *Check) ratings() []Severity {
	out := make([]Severity, len(c.Problems))
	for i := range c.Problems {
		out[i] = c.Problems[i].Severity
	}
	return out
}

// Summary is one line: the verdict, what was found, in how much, and what was
// not read.
func (c *Check) Summary() string {
	head, rest := c.summary()
	return head + rest
}

func (c *Check) summary() (head, rest string) {
	what := "nothing"
	if n := len(c.Subject.Files); n > 0 {
		what = Escape(c.Subject.Files[0])
		if n > 1 {
			what = counted(n, "file")
		}
	}
	what += ", " + counted(c.Stats.Instructions, "instruction")
	if c.Subject.Context != "" {
		what += ", " + thousands(c.Stats.ContextFiles) + plural(c.Stats.ContextFiles, " file") + " of the context (" + Size(c.Stats.ContextBytes) + ")"
	}
	if c.Stats.Elapsed > 0 {
		what += " in " + elapsed(c.Stats.Elapsed)
	}
	found := "no problems found"
	if n := len(c.Problems); n > 0 {
		found = counted(n, "problem") + " (" + countSeverities(c.ratings()) + ")"
	}
	if !c.complete() {
		return "INCOMPLETE: " + counted(len(c.Gaps), "gap"), "; " + found + " in what was read: " + what
	}
	if len(c.Problems) > 0 {
		return found, " in " + what + "; not read: nothing"
	}
	return "clean: " + found, " in " + what + "; not read: nothing"
}

// WriteCheckJSON writes a check as indented JSON, in the form that
// [CheckSchema] describes. What [WriteJSON] says of its output holds.
func WriteCheckJSON(w io.Writer, c *Check) error {
	out := *c
	out.Schema = CheckSchemaID
	out.Complete = c.complete()
	out.Subject.Files = notNil(out.Subject.Files)
	out.Problems = slices.Clone(notNil(out.Problems))
	for i := range out.Problems {
		out.Problems[i].Rests = notNil(out.Problems[i].Rests)
	}
	out.Gaps, out.Notes = notNil(out.Gaps), notNil(out.Notes)
	return writeJSON(w, out, "the check")
}
