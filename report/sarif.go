package report

import (
	"fmt"
	"io"
	"net/url"
	"strings"
)

// SARIF 2.1.0 (OASIS), as GitHub's code scanning takes it: relative URIs, a run
// an image with a category of its own, at most 5,000 results a run
// (https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning).

const (
	sarifResults = 5000 // a run; GitHub leaves out what is beyond
	sarifRelated = 10   // further locations of a result
	sarifRuns    = 20   // of a file
)

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Automation  sarifID           `json:"automationDetails"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
		Properties  map[string]any    `json:"properties,omitempty"`
	}
	sarifID struct {
		ID string `json:"id"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		Version         string      `json:"version"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		InformationURI  string      `json:"informationUri"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string         `json:"id"`
		Name          string         `json:"name"`
		Short         sarifText      `json:"shortDescription"`
		Full          sarifText      `json:"fullDescription"`
		Help          sarifText      `json:"help"`
		HelpURI       string         `json:"helpUri,omitempty"`
		Configuration sarifLevel     `json:"defaultConfiguration"`
		Properties    map[string]any `json:"properties"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties"`
	}
	sarifLocation struct {
		ID       *int           `json:"id,omitempty"`
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"` // GitHub shows nothing without one
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification,omitempty"`
	}
)

func writeSARIF(w io.Writer, r *Report, o Options) error {
	log := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{}}
	entries := r.entries(o)
	names := imageLabels(r.Images)
	for i := range r.Images {
		if i == sarifRuns {
			last := &log.Runs[len(log.Runs)-1].Invocations[0]
			last.Successful = false
			last.Notifications = append(last.Notifications, sarifNotification{"error", sarifText{Text: fmt.Sprintf("%d more images are left out: GitHub takes %d runs a file", len(r.Images)-i, sarifRuns)}})
			break
		}
		log.Runs = append(log.Runs, r.sarifRun(i, names[i], entries, o))
	}
	if len(r.Images) == 0 {
		log.Runs = append(log.Runs, r.sarifRun(-1, "", nil, o))
	}
	return writeJSON(w, log, "the report as SARIF")
}

func (r *Report) sarifRun(image int, name string, entries []entry, o Options) sarifRun {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: r.Tool.Name, Version: r.Tool.Version, InformationURI: "https://github.com/leakscan/leakscan", Rules: []sarifRule{}}},
		Automation: sarifID{"leakscan/" + strings.ReplaceAll(name, "/", "-") + "/"},
		Results:    []sarifResult{}, ColumnKind: "utf16CodeUnits",
	}
	inv := sarifInvocation{Successful: r.complete()}
	for _, g := range r.Gaps {
		if g.Image == nil || *g.Image == image {
			inv.Notifications = append(inv.Notifications, sarifNotification{"error", sarifText{Text: gapMessage(&g)}})
		}
	}
	index := map[string]int{}
	left := 0
	for k := range entries {
		e := &entries[k]
		if e.image != image {
			continue
		}
		if len(run.Results) == sarifResults {
			left++
			continue
		}
		i, ok := index[e.Rule]
		if !ok {
			i = len(run.Tool.Driver.Rules)
			index[e.Rule] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(e.Finding, o))
		}
		run.Results = append(run.Results, r.sarifResult(e, i, name, o))
	}
	if left > 0 {
		inv.Notifications = append(inv.Notifications, sarifNotification{"warning", sarifText{Text: fmt.Sprintf("%s more are left out: GitHub takes %s a run; leakscan -o json has all", counted(left, "finding"), thousands(sarifResults))}})
	}
	run.Invocations = []sarifInvocation{inv}
	if image >= 0 {
		img := &r.Images[image]
		run.Properties = map[string]any{"image": Escape(img.Reference), "platform": Escape(img.Platform), "digest": Escape(img.Digest)}
	}
	return run
}

// gapMessage is a gap in a sentence.
func gapMessage(g *Gap) string {
	s := Escape(g.Reason)
	var tried []string
	for _, t := range g.Tried {
		tried = append(tried, Escape(t.Kind)+": "+Escape(t.Reason))
	}
	if tried != nil {
		s += " (" + strings.Join(tried, "; ") + ")"
	}
	for _, t := range []string{g.Path, g.Blob} {
		if t != "" {
			s = Escape(t) + ": " + s
		}
	}
	if g.Hint != "" {
		s += "; " + Escape(g.Hint)
	}
	return "not read or not verified (" + string(g.Kind) + "): " + s
}

func sarifRuleOf(f *Finding, o Options) sarifRule {
	page := RulePage{Title: f.Title, About: f.Description, Severity: f.Severity, Confidence: f.Confidence}
	if o.Rule != nil {
		if p, ok := o.Rule(f.Rule); ok {
			page = p
		}
	}
	title := Escape(page.Title)
	about := Escape(page.About)
	if about == "" {
		about = title
	}
	help := sarifText{Text: page.Text, Markdown: page.Markdown}
	if help.Text == "" {
		help.Text = strings.TrimSpace(about + " " + Escape(f.Fix))
	}
	rule := sarifRule{
		ID: Escape(f.Rule), Name: ruleName(f.Rule), Short: sarifText{Text: title}, Full: sarifText{Text: about}, Help: help,
		Configuration: sarifLevel{sarifLevelOf(page.Severity)},
		Properties: map[string]any{
			"security-severity": securitySeverity(page.Severity),
			"precision":         precision(page.Confidence),
			"tags":              []string{"security", "secret", "external/cwe/cwe-798"},
		},
	}
	if u, err := url.Parse(page.Docs); err == nil && u.Scheme == "https" {
		rule.HelpURI = page.Docs
	}
	return rule
}

// ruleName is a rule's ID in the form that SARIF wants a name in.
func ruleName(id string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(id, func(r rune) bool { return !(r < 0x80 && (isLetter(byte(r)) || r >= '0' && r <= '9')) }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	if b.Len() == 0 {
		return "Rule"
	}
	return b.String()
}

func sarifLevelOf(s Severity) string {
	switch s {
	case SeverityMedium:
		return "warning"
	case SeverityLow, SeverityInfo:
		return "note"
	}
	return "error"
}

// securitySeverity is GitHub's number for a severity: over 9.0 is critical, over
// 7.0 high, over 4.0 medium.
func securitySeverity(s Severity) string {
	switch s {
	case SeverityHigh:
		return "8.0"
	case SeverityMedium:
		return "5.5"
	case SeverityLow:
		return "3.0"
	case SeverityInfo:
		return "0.0"
	}
	return "9.5"
}

func precision(c Confidence) string {
	switch c {
	case ConfidenceMedium:
		return "high"
	case ConfidenceLow:
		return "medium"
	}
	return "very-high"
}

func (r *Report) sarifResult(e *entry, rule int, image string, o Options) sarifResult {
	l := e.first()
	text := e.message()
	if a := e.advice(); a != "" {
		text += " " + a
	}
	res := sarifResult{
		RuleID: Escape(e.Rule), RuleIndex: rule, Level: sarifLevelOf(e.Severity), Message: sarifText{Text: text},
		Fingerprints: map[string]string{"leakscan/v1": Escape(l.Fingerprint), "primaryLocationLineHash": Escape(l.Fingerprint) + ":1"},
		Properties: map[string]any{
			"severity": string(e.Severity), "confidence": string(e.Confidence), "preview": Escape(e.Secret.String()), "fate": string(l.Fate), "place": string(l.Place),
			"security-severity": securitySeverity(e.Severity),
		},
	}
	if n := o.lines.line(l.instruction()); n > 0 {
		res.Locations = []sarifLocation{{Physical: sarifPhysical{sarifArtifact{relativeURI(o.lines.path)}, sarifRegion{n}}, Logical: logical(image, l)}}
		res.Related = append(res.Related, inImage(image, l, 1))
	} else {
		at := inImage(image, l, 0)
		at.ID, at.Message = nil, nil
		res.Locations = []sarifLocation{at}
	}
	for i := range e.locations[1:] {
		if len(res.Related) == sarifRelated {
			break
		}
		res.Related = append(res.Related, inImage(image, &e.locations[1+i], len(res.Related)+1))
	}
	if s := e.suppressed(); s != nil {
		res.Suppressions = []sarifSuppression{{"external", strings.TrimSpace(Escape(s.Reason) + " (" + Escape(s.By) + ")")}}
	}
	return res
}

func logical(image string, l *Location) []sarifLogical {
	return []sarifLogical{{Name: image + ": " + l.where(), Kind: "resource"}}
}

// inImage is a location in the image itself, by the path that the file has there.
func inImage(image string, l *Location, id int) sarifLocation {
	path := strings.TrimPrefix(l.Path, "/")
	if path == "" {
		path = string(l.Place)
	}
	return sarifLocation{ID: &id, Physical: sarifPhysical{sarifArtifact{relativeURI(path)}, sarifRegion{max(1, l.Line)}}, Logical: logical(image, l), Message: &sarifText{Text: l.where()}}
}

// relativeURI writes a path as a relative reference (RFC 3986): no scheme, no
// root, nothing that leaves the directory.
func relativeURI(path string) string {
	var parts []string
	for p := range strings.SplitSeq(path, "/") {
		if p != "" && p != "." && p != ".." {
			parts = append(parts, strings.ReplaceAll(url.PathEscape(p), ":", "%3A"))
		}
	}
	if len(parts) == 0 {
		return "image"
	}
	return strings.Join(parts, "/")
}
