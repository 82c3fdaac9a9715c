package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// loadRules reads the file of --config. nil: there is none.
func loadRules(file string) (*rules.Set, error) {
	if file == "" {
		return nil, nil
	}
	set, err := rules.Load(file)
	if err != nil {
		return nil, &usageError{err}
	}
	return set, nil
}

// orBuiltin is a set that was loaded; of nil, the built-in one.
func orBuiltin(set *rules.Set) (*rules.Set, error) {
	if set != nil {
		return set, nil
	}
	return rules.Default()
}

// ruleIDs are the IDs of a set's rules; nil: the built-in ones.
func ruleIDs(set *rules.Set) (ids []string, err error) {
	if set, err = orBuiltin(set); err != nil {
		return nil, err
	}
	for i := range set.Rules {
		ids = append(ids, set.Rules[i].ID)
	}
	return ids, nil
}

// rulesNote tells the reader of a report by which rules it came about.
func rulesNote(file string, set *rules.Set) string {
	note := fmt.Sprintf(rulesOf, file, countOf(set.Rules))
	if slices.ContainsFunc(set.Allowlists, func(a rules.Allowlist) bool { return len(a.Paths) > 0 }) {
		note += pathsAllowed
	}
	return note
}

func (a *app) rulesCommand() *cobra.Command {
	var config, format string
	var verbose bool
	c := &cobra.Command{
		Use: "rules [ID...]", Short: rulesShort, Long: rulesLong, Example: rulesExample,
		RunE: func(_ *cobra.Command, ids []string) error {
			if format != "text" && format != "json" {
				return usage(unknownFormat, a.named("format"), format, "text, json")
			}
			set, err := loadRules(config)
			if err == nil {
				set, err = orBuiltin(set)
			}
			if err != nil {
				return err
			}
			return a.listRules(set, ids, format, verbose)
		},
	}
	// Not --output: LEAKSCAN_OUTPUT is about reports, and may name a file.
	c.Flags().StringVarP(&format, "format", "o", "text", "write the rules as `FORMAT`, text or json")
	c.Flags().StringVar(&config, "config", "", configUsage)
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "say how each rule runs, and why")
	return c
}

func (a *app) listRules(set *rules.Set, ids []string, format string, verbose bool) error {
	scanner, err := detect.For(set)
	if err != nil {
		return err
	}
	l := &listing{set: set, short: len(ids) == 0 && !verbose, full: len(ids) > 0, width: 100}
	if l.how, err = choose(scanner.Explain(), set, ids); err != nil {
		return err
	}
	if width, _, err := term.GetSize(int(a.stdout.Fd())); err == nil {
		l.width = max(min(l.width, width), 60)
	}
	if format == "json" {
		err = l.json()
	} else {
		l.text()
	}
	if err != nil {
		return err
	}
	return a.put(l.out.Bytes())
}

// explainRule shows the page of a rule.
func (a *app) explainRule(r *rules.Rule) error {
	l := &listing{width: 100}
	p := r.Page()
	fmt.Fprintf(&l.out, "%s (%s, %s confidence)\n%s\n\n", report.Escape(r.ID), r.Severity, r.Confidence, report.Escape(r.Title))
	l.field(labelText, p.About)
	l.field(labelLeaks, p.Leaks)
	l.field(labelRevoke, p.Revoke)
	l.field(labelFix, p.Fix)
	l.field(labelDocs, p.Docs)
	l.examples(labelFinds, p.Finds)
	l.examples(labelPasses, p.Passes)
	fmt.Fprintf(&l.out, "\n"+howRuleRuns+"\n", r.ID)
	return a.put(l.out.Bytes())
}

// examples writes texts of several lines behind a label.
func (l *listing) examples(label string, texts []string) {
	for _, t := range texts {
		for line := range strings.Lines(t) {
			l.lines(label, report.Escape(strings.TrimRight(line, "\n")))
			label = ""
		}
	}
}

// choose returns what concerns the rules with these IDs, in their order; all of
// it if there are none.
func choose(all []detect.Explanation, set *rules.Set, ids []string) ([]detect.Explanation, error) {
	if len(ids) == 0 {
		return all, nil
	}
	var chosen []detect.Explanation
	for _, id := range ids {
		i := slices.IndexFunc(all, func(e detect.Explanation) bool { return e.Rule.ID == id })
		if i < 0 {
			return nil, usage("%s", suggesting(fmt.Sprintf(noSuchRule, id), set.Nearest(id)))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// listing writes rules for people or programs.
type listing struct {
	out   bytes.Buffer
	set   *rules.Set
	how   []detect.Explanation // of the rules to show
	short bool                 // as a table
	full  bool                 // all that the rules say, not only how they run
	width int
}

// json writes the rules as they are, with how they run unless they are many
// and nobody asked.
func (l *listing) json() error {
	type run struct {
		Path        string   `json:"path"`
		Why         string   `json:"why"`
		Literals    []string `json:"literals"`
		MinLength   int      `json:"minLength"`
		MaxLength   int      `json:"maxLength"`
		KeywordGate bool     `json:"keywordGate"`
	}
	type rule struct {
		*rules.Rule
		Run *run `json:"run,omitempty"`
	}
	doc := struct {
		Digest     string            `json:"digest"` // of the whole set
		Rules      []rule            `json:"rules"`
		Allowlists []rules.Allowlist `json:"allowlists"` // for every rule
	}{l.set.Digest(), []rule{}, append([]rules.Allowlist{}, l.set.Allowlists...)}
	for _, e := range l.how {
		r := rule{Rule: e.Rule}
		if !l.short {
			r.Run = &run{e.Path, e.Why, append([]string{}, e.Literals...), e.MinLength, e.MaxLength, e.KeywordGate}
		}
		doc.Rules = append(doc.Rules, r)
	}
	enc := json.NewEncoder(&l.out)
	enc.SetEscapeHTML(false) // patterns are full of < and >
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func (l *listing) text() {
	switch {
	case l.short:
		l.table()
		l.out.WriteString("\n")
		l.summary()
	case l.full:
		for i, e := range l.how {
			if i > 0 {
				l.out.WriteString("\n")
			}
			l.heading(e.Rule)
			l.definition(e.Rule)
			l.run(&e)
		}
	default:
		for _, e := range l.how {
			l.heading(e.Rule)
			l.run(&e)
			l.out.WriteString("\n")
		}
		l.summary()
	}
}

func (l *listing) table() {
	id, severity, confidence := len(headID), len(headSeverity), len(headConfidence)
	for _, e := range l.how {
		id = max(id, report.Columns(report.Escape(e.Rule.ID)))
	}
	id = min(id, l.width/2)
	row := func(cells ...string) {
		line := report.Pad(report.TruncateMiddle(cells[0], id), id) + "  " + report.Pad(cells[1], severity) + "  " + report.Pad(cells[2], confidence) + "  " + cells[3]
		l.out.WriteString(report.Truncate(line, l.width) + "\n")
	}
	row(headID, headSeverity, headConfidence, headTitle)
	for _, e := range l.how {
		row(report.Escape(e.Rule.ID), string(e.Rule.Severity), string(e.Rule.Confidence), report.Escape(e.Rule.Title))
	}
}

// summary counts what was listed.
func (l *listing) summary() {
	var parts []string
	for _, s := range []rules.Severity{rules.SeverityCritical, rules.SeverityHigh, rules.SeverityMedium, rules.SeverityLow} {
		n := 0
		for _, e := range l.how {
			if e.Rule.Severity == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	line := countOf(l.set.Rules) + ": " + strings.Join(parts, ", ")
	if n := len(l.set.Allowlists); n > 0 {
		line += "; " + fmt.Sprintf(allowlistCount, counted(n, "allowlist"))
	}
	l.out.WriteString(line + "\n")
}

func (l *listing) heading(r *rules.Rule) {
	l.out.WriteString(report.Escape(r.ID) + "\n")
	l.field(labelTitle, r.Title)
	l.field(labelRating, fmt.Sprintf(ratingWords, r.Severity, r.Confidence))
}

// definition writes what the rule says.
func (l *listing) definition(r *rules.Rule) {
	l.field(labelText, r.Description)
	l.pattern(labelPath, "", r.Path)
	l.pattern(labelPattern, "", r.Pattern)
	switch {
	case r.SecretGroup > 0:
		l.field(labelSecret, fmt.Sprintf(secretGroup, r.SecretGroup))
	case r.Pattern != "" && regexp.MustCompile(r.Pattern).NumSubexp() > 0: // detect.New has compiled it
		l.field(labelSecret, secretFirst)
	case r.Pattern != "":
		l.field(labelSecret, secretMatch)
	}
	if r.MinEntropy > 0 {
		l.field(labelEntropy, fmt.Sprintf(entropyWords, r.MinEntropy))
	}
	l.field(labelKeywords, strings.Join(r.Keywords, ", "))
	for _, q := range r.Required {
		l.field(labelRequired, requirement(q))
	}
	if r.SkipReport {
		l.field(labelReport, notReported)
	}
	l.field(labelTags, strings.Join(r.Tags, ", "))
	for i := range r.Allowlists {
		l.allowlist(&r.Allowlists[i])
	}
}

func requirement(q rules.Required) string {
	var near []string
	if q.WithinLines != nil {
		near = append(near, counted(*q.WithinLines, "line"))
	}
	if q.WithinColumns != nil {
		near = append(near, counted(*q.WithinColumns, "column"))
	}
	if len(near) == 0 {
		return fmt.Sprintf(anyWhere, q.RuleID)
	}
	return fmt.Sprintf(withinWords, q.RuleID, strings.Join(near, " and "))
}

func (l *listing) allowlist(a *rules.Allowlist) {
	head := anyOf
	if a.RequireAll {
		head = allOf
	}
	if a.Description != "" {
		head += ": " + a.Description
	}
	l.field(labelAllowed, head)
	target := targetSecret
	switch a.Target {
	case rules.TargetMatch:
		target = targetMatch
	case rules.TargetLine:
		target = targetLine
	}
	for _, p := range a.Patterns {
		l.pattern("", fmt.Sprintf(fitsPattern, target), p)
	}
	for _, p := range a.Paths {
		l.pattern("", fmt.Sprintf(fitsPattern, targetPath), p)
	}
	if n := len(a.StopWords); n > 0 {
		const some = 20
		words := strings.Join(a.StopWords[:min(n, some)], ", ")
		if n > some {
			words += ", …"
		}
		l.field("", fmt.Sprintf(hasStopWords, counted(n, "word"))+words)
	}
}

// run writes how the rule runs.
func (l *listing) run(e *detect.Explanation) {
	how := howItRuns(e.Path)
	if e.Why != "" {
		how += ". " + e.Why
	}
	l.field(labelRuns, how)
	l.field(labelLiterals, strings.Join(e.Literals, ", "))
	switch {
	case e.MaxLength < 0:
		l.field(labelMatch, fmt.Sprintf(matchAtLeast, counted(e.MinLength, "byte")))
	case e.MaxLength == e.MinLength && e.MaxLength > 0:
		l.field(labelMatch, fmt.Sprintf(matchExactly, counted(e.MinLength, "byte")))
	case e.MaxLength > 0:
		l.field(labelMatch, fmt.Sprintf(matchBetween, e.MinLength, counted(e.MaxLength, "byte")))
	}
	if e.KeywordGate {
		l.field(labelGate, fmt.Sprintf(keywordsApart, strings.Join(e.Rule.Keywords, ", ")))
	}
}

// labelWidth is how far what follows a label is indented.
const labelWidth = 12

// field writes prose behind a label, broken at spaces; nothing if it is empty. An
// address is never broken.
func (l *listing) field(label, text string) {
	line := ""
	write := func() {
		if report.IsAddress(line) { // and nothing else: it has no blank if it is too long
			l.out.WriteString("  " + report.Pad(label, labelWidth-2) + line + "\n")
		} else {
			l.lines(label, line)
		}
		label = ""
	}
	for word := range strings.FieldsSeq(report.Escape(text)) {
		switch {
		case line == "":
			line = word
		case report.Columns(line)+1+report.Columns(word) <= l.width-labelWidth:
			line += " " + word
		default:
			write()
			line = word
		}
	}
	write()
}

// pattern is field for a pattern, which may be broken anywhere. What can't be
// seen in it is written in a way that means the same in a pattern.
func (l *listing) pattern(label, words, pattern string) {
	var b strings.Builder
	for _, r := range pattern {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%x}`, r)
		}
	}
	if b.Len() > 0 {
		l.lines(label, words+b.String())
	}
}

// lines writes escaped text, broken where a line is full.
func (l *listing) lines(label, text string) {
	for room := l.width - labelWidth; text != ""; label = "" {
		line := text
		if report.Columns(text) > room {
			line = strings.TrimSuffix(report.Truncate(text, room), "…")
		}
		l.out.WriteString("  " + report.Pad(label, labelWidth-2) + line + "\n")
		text = text[len(line):]
	}
}

func countOf(rs []rules.Rule) string { return counted(len(rs), "rule") }

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
