package report

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// What CI systems show: GitHub's annotations, a summary in Markdown, GitLab's
// security report, JUnit.

// annotations is how many of a kind GitHub shows of a step.
const annotations = 10

// writeGitHub writes workflow commands, the worst findings first
// (https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions).
func writeGitHub(w io.Writer, r *Report, o Options) error {
	b := bufio.NewWriter(w)
	count := map[string]int{}
	entries := r.entries(o)
	slices.SortStableFunc(entries, func(a, b entry) int { return b2i(b.fails(o.Threshold)) - b2i(a.fails(o.Threshold)) })
	left := 0
	say := func(kind, props, text string) {
		if count[kind]++; count[kind] > annotations {
			left++
			return
		}
		fmt.Fprintf(b, "::%s %s::%s\n", kind, props, commandText(text))
	}
	for i := range r.Gaps[:min(len(r.Gaps), annotations/2)] { // first, so that none of them hides behind findings
		say("error", "title="+commandProperty("not scanned"), gapMessage(&r.Gaps[i]))
	}
	left += max(0, len(r.Gaps)-annotations/2)
	if !r.Complete && len(r.Gaps) == 0 {
		say("error", "title="+commandProperty("not scanned"), "the scan did not reach its end")
	}
	for k := range entries {
		e := &entries[k]
		if e.suppressed() != nil {
			continue
		}
		kind := "notice"
		if e.fails(o.Threshold) {
			kind = "error"
		} else if e.Severity.Rank() > 1 {
			kind = "warning"
		}
		props := "title=" + commandProperty(fmt.Sprintf("%s (%s)", Escape(e.Title), e.Severity))
		if n := o.lines.line(e.first().instruction()); n > 0 {
			props = fmt.Sprintf("file=%s,line=%d,%s", commandProperty(o.lines.path), n, props)
		}
		say(kind, props, e.name+": "+e.message()+" "+e.advice())
	}
	if left > 0 {
		fmt.Fprintf(b, "::notice title=leakscan::%s\n", commandText(fmt.Sprintf("%s more: GitHub shows %d of a kind; the summary and the report have all", counted(left, "annotation"), annotations)))
	}
	return b.Flush()
}

// commandText and commandProperty escape as GitHub's own toolkit does.
func commandText(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func commandProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// markdownRows is how many findings a summary lists: GitHub takes 1 MiB of it,
// and 65,536 characters of a comment.
const markdownRows = 100

func writeMarkdown(w io.Writer, r *Report, o Options) error {
	b := bufio.NewWriter(w)
	entries := r.entries(o)
	mark := "✅"
	switch v := r.Verdict(o.Threshold); {
	case v&Leaks != 0:
		mark = "❌"
	case v != 0:
		mark = "⚠️"
	}
	fmt.Fprintf(b, "## %s leakscan: %s\n\n", mark, markdown(r.timeless().Summary()))
	if len(entries) > 0 {
		fmt.Fprint(b, "| | Secret | Where | What became of it |\n|---|---|---|---|\n")
	}
	for k := range entries[:min(len(entries), markdownRows)] {
		e := &entries[k]
		l := e.first()
		severity := string(e.Severity)
		if s := e.suppressed(); s != nil {
			severity = "~~" + severity + "~~"
		}
		more := ""
		if n := o.lines.line(l.instruction()); n > 0 {
			more = "<br>" + code(fmt.Sprintf("%s:%d", Escape(o.lines.path), n))
		}
		if n := len(e.locations) - 1; n > 0 {
			more += fmt.Sprintf("<br>and in %s more", counted(n, "place"))
		}
		fmt.Fprintf(b, "| **%s** | %s<br>%s | %s<br>%s%s | %s |\n", severity, markdown(Escape(e.Title)), code(Escape(e.Secret.String())), code(l.where()), markdown(e.name), more, markdown(fateSentence(l)))
	}
	if n := len(entries) - markdownRows; n > 0 {
		fmt.Fprintf(b, "\n%s more are in the report.\n", counted(n, "finding"))
	}
	advised := map[string]bool{}
	for k := range entries[:min(len(entries), markdownRows)] {
		e := &entries[k]
		if advised[e.Rule] || e.suppressed() != nil {
			continue
		}
		if len(advised) == 0 {
			fmt.Fprint(b, "\n### What to do\n\n")
		}
		advised[e.Rule] = true
		advice := markdown(e.advice())
		if !strings.HasSuffix(advice, ".") {
			advice += "."
		}
		fmt.Fprintf(b, "- **%s** (%s): %s", markdown(Escape(e.Title)), span("leakscan explain "+Escape(e.Rule)), advice)
		if x := e.first().Extract; x != "" {
			fmt.Fprintf(b, " See it: %s.", span(escapeCommand(x)))
		}
		if fp := e.first().Fingerprint; fp != "" {
			fmt.Fprintf(b, " Fingerprint: %s.", span(Escape(fp)))
		}
		fmt.Fprintln(b)
	}
	if len(advised) > 0 {
		fmt.Fprint(b, "\nA new tag does not unpublish a layer: whoever has pulled the image has the secret.\n")
	}
	if len(r.Gaps) > 0 {
		fmt.Fprintf(b, "\n### Not scanned\n\n")
		for i := range r.Gaps[:min(len(r.Gaps), maxGaps)] {
			fmt.Fprintf(b, "- %s\n", markdown(gapMessage(&r.Gaps[i])))
		}
		if n := len(r.Gaps) - maxGaps; n > 0 {
			fmt.Fprintf(b, "- and %d more\n", n)
		}
	}
	return b.Flush()
}

// timeless is the report without how long it took: equal scans are to give equal
// texts.
func (r *Report) timeless() *Report {
	c := *r
	c.Stats.Elapsed = 0
	return &c
}

// plainURL is an address that Markdown makes a link of as it is.
var plainURL = regexp.MustCompile(`https://[A-Za-z0-9./_~%?=#-]*[A-Za-z0-9/_~]`)

// markdown makes a text that is none: characters that mean something in
// Markdown or HTML are escaped, but in an address.
func markdown(s string) string {
	if at := plainURL.FindStringIndex(s); at != nil {
		return markdown(s[:at[0]]) + s[at[0]:at[1]] + markdown(s[at[1]:])
	}
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '\\', '`', '*', '_', '[', ']', '|', '~', '!', '#', '@':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code is a code span in a table.
func code(s string) string { return strings.ReplaceAll(span(s), "|", "\\|") }

// span is a text in a code span.
func span(s string) string {
	ticks := "`"
	for strings.Contains(s, ticks) {
		ticks += "`"
	}
	pad := ""
	if len(ticks) > 1 {
		pad = " "
	}
	return ticks + pad + s + pad + ticks
}

type (
	gitlabReport struct {
		Version         string                `json:"version"`
		Schema          string                `json:"schema"`
		Vulnerabilities []gitlabVulnerability `json:"vulnerabilities"`
		Scan            gitlabScan            `json:"scan"`
	}
	gitlabVulnerability struct {
		ID          string             `json:"id"`
		Name        string             `json:"name"`
		Description string             `json:"description"`
		Severity    string             `json:"severity"`
		Solution    string             `json:"solution,omitempty"`
		Location    gitlabLocation     `json:"location"`
		Identifiers []gitlabIdentifier `json:"identifiers"`
	}
	gitlabLocation struct {
		File   string       `json:"file"`
		Start  int          `json:"start_line,omitempty"`
		Commit gitlabCommit `json:"commit"`
	}
	gitlabCommit struct {
		SHA string `json:"sha"`
	}
	gitlabIdentifier struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	gitlabScan struct {
		Analyzer gitlabTool      `json:"analyzer"`
		Scanner  gitlabTool      `json:"scanner"`
		Type     string          `json:"type"`
		Start    string          `json:"start_time"`
		End      string          `json:"end_time"`
		Status   string          `json:"status"`
		Messages []gitlabMessage `json:"messages,omitempty"`
	}
	gitlabTool struct {
		ID      string       `json:"id"`
		Name    string       `json:"name"`
		URL     string       `json:"url"`
		Version string       `json:"version"`
		Vendor  gitlabVendor `json:"vendor"`
	}
	gitlabVendor struct {
		Name string `json:"name"`
	}
	gitlabMessage struct {
		Level string `json:"level"`
		Value string `json:"value"`
	}
)

// gitlabSchema is the version of GitLab's security report schemas that
// writeGitLab writes (https://gitlab.com/gitlab-org/security-products/security-report-schemas).
const gitlabSchema = "15.2.1"

func writeGitLab(w io.Writer, r *Report, o Options) error {
	epoch := "1970-01-01T00:00:00"
	tool := gitlabTool{ID: "leakscan", Name: "leakscan", URL: "https://github.com/leakscan/leakscan", Version: cmp.Or(r.Tool.Version, "0"), Vendor: gitlabVendor{"leakscan"}}
	out := gitlabReport{
		Version: gitlabSchema, Vulnerabilities: []gitlabVulnerability{},
		Schema: "https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v" + gitlabSchema + "/dist/secret-detection-report-format.json",
		Scan:   gitlabScan{Analyzer: tool, Scanner: tool, Type: "secret_detection", Start: cmp.Or(o.Started, epoch), End: cmp.Or(o.Ended, epoch), Status: "success"},
	}
	if !r.complete() {
		out.Scan.Status = "failure"
	}
	for i := range r.Gaps {
		out.Scan.Messages = append(out.Scan.Messages, gitlabMessage{"warn", gapMessage(&r.Gaps[i])}) // info, warn or fatal
	}
	entries := r.entries(o)
	for k := range entries {
		e := &entries[k]
		if e.suppressed() != nil {
			continue
		}
		l := e.first()
		v := gitlabVulnerability{
			ID: fmt.Sprintf("%s:%d", Escape(l.Fingerprint), e.image), Name: atMost(255, Escape(e.Title)),
			Description: atMost(1<<20, e.name+": "+e.message()), Solution: atMost(7000, e.advice()),
			Severity:    map[Severity]string{SeverityCritical: "Critical", SeverityHigh: "High", SeverityMedium: "Medium", SeverityLow: "Low", SeverityInfo: "Info"}[e.Severity],
			Location:    gitlabLocation{File: relativeURI(l.Path), Start: l.Line, Commit: gitlabCommit{"0000000"}},
			Identifiers: []gitlabIdentifier{{"leakscan_rule_id", "leakscan rule " + Escape(e.Rule), Escape(e.Rule)}},
		}
		if n := o.lines.line(l.instruction()); n > 0 {
			v.Location.File, v.Location.Start = relativeURI(o.lines.path), n
		}
		if v.Severity == "" {
			v.Severity = "Unknown"
		}
		out.Vulnerabilities = append(out.Vulnerabilities, v)
	}
	return writeJSON(w, out, "the report for GitLab")
}

// atMost cuts a text to so many characters.
func atMost(n int, s string) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Failure *junitResult `xml:"failure"`
		Error   *junitResult `xml:"error"`
		Skipped *junitSkip   `xml:"skipped"`
	}
	junitResult struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkip struct {
		Message string `xml:"message,attr"`
	}
)

// writeJUnit writes a suite an image: a case for each finding, which fails if
// it is a leak, and one for each gap; or one that passes.
func writeJUnit(w io.Writer, r *Report, o Options) error {
	out := junitSuites{Name: "leakscan"}
	entries := r.entries(o)
	unread := func(s *junitSuite, message, kind string) {
		s.Cases = append(s.Cases, junitCase{Name: "everything is scanned", Class: "leakscan.gap", Error: &junitResult{message, kind, ""}})
		s.Errors++
	}
	suite := func(name string, image int) {
		s := junitSuite{Name: name}
		for k := range entries {
			e := &entries[k]
			if e.image != image {
				continue
			}
			c := junitCase{Name: Escape(e.Title) + ": " + e.first().where(), Class: "leakscan." + Escape(e.Rule)}
			switch sup := e.suppressed(); {
			case sup != nil:
				c.Skipped = &junitSkip{"suppressed " + sup.words()}
				s.Skipped++
			case e.fails(o.Threshold):
				c.Failure = &junitResult{e.message(), string(e.Severity), e.advice()}
				s.Failures++
			}
			s.Cases = append(s.Cases, c)
		}
		for i := range r.Gaps {
			g := &r.Gaps[i]
			if g.Image == nil && image == -1 || g.Image != nil && *g.Image == image {
				unread(&s, gapMessage(g), string(g.Kind))
			}
		}
		if image == -1 && !r.Complete && len(r.Gaps) == 0 {
			unread(&s, "the scan did not reach its end", string(GapInterrupted))
		}
		if len(s.Cases) == 0 && image >= 0 {
			s.Cases = []junitCase{{Name: "no secret is found", Class: "leakscan"}}
		}
		if s.Tests = len(s.Cases); s.Tests > 0 {
			out.Suites = append(out.Suites, s)
			out.Tests, out.Failures, out.Errors = out.Tests+s.Tests, out.Failures+s.Failures, out.Errors+s.Errors
		}
	}
	for i, name := range imageLabels(r.Images) {
		suite(name, i)
	}
	suite("leakscan", -1)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("encoding the report as JUnit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}
