package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	_ "embed" // for the style and the script
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"
)

// This file holds every word of the HTML report that is not in its script. Its
// rules, beside those of text.go:
//
//   - The verdict, the counts, the coverage and the gaps are in the page itself
//     and need no script. The findings are data, which the script shows.
//   - Every text of the report passes Escape first, and then html.EscapeString
//     or encoding/json. The script puts it into text nodes only.
//   - The page fetches nothing and runs nothing but its own script: its policy
//     names both by their digests.

// The style and the script of the page; strings, so that nobody can change them.
var (
	//go:embed html/report.css
	htmlStyle string
	//go:embed html/report.js
	htmlScript string
)

// HTMLOptions says how [WriteHTML] writes. Its zero value is what nearly
// everybody wants.
type HTMLOptions struct {
	// Threshold says which findings the verdict calls leaks.
	Threshold Threshold
	// All shows the findings that don't count from the start: those of severity
	// info and the suppressed ones. They are always in the file, behind a switch.
	All bool
}

const (
	maxHTMLGaps     = 1000 // gaps in the page
	maxHTMLNotes    = 1000
	maxHTMLOpen     = 3   // images whose layers are shown from the start
	maxHTMLUnscript = 200 // findings that are listed for readers without JavaScript

	htmlNoLayer = -1 // in the data: the layer of a place that is in none
)

// WriteHTML writes a report as one page for a browser, which needs no network
// and can be kept, mailed or attached to a build; call [Report.Sort] first. The
// same report gives the same bytes.
func WriteHTML(w io.Writer, r *Report, o HTMLOptions) error {
	h := &htmlPage{
		w:      bufio.NewWriter(w),
		r:      r.timeless(),
		o:      o,
		labels: imageLabels(r.Images),
		index:  map[string]int{},
	}
	h.page()
	if h.err != nil {
		return h.err
	}
	if err := h.w.Flush(); err != nil {
		return fmt.Errorf("writing the HTML report: %w", err)
	}
	return nil
}

// htmlPage lays out one page. Write errors stay in w until Flush, and the first
// error of encoding in err.
type htmlPage struct {
	w      *bufio.Writer
	r      *Report
	o      HTMLOptions
	labels []string // of the images, escaped
	err    error

	texts []string // what findings say in common; they name it by its index
	index map[string]int
}

// The data that the script reads. Every string is escaped. An int named after a
// text is its index in texts: most findings of a rule say the same.
type (
	htmlImage struct {
		Label  string      `json:"label"`
		Layers []htmlLayer `json:"layers"`
	}

	htmlLayer struct {
		Index       int    `json:"n"`
		Size        string `json:"size"`
		Share       int    `json:"share"` // of the biggest layer, in percent
		Read        bool   `json:"read"`
		Codec       string `json:"codec,omitempty"`
		Files       string `json:"files"`
		Instruction string `json:"instruction,omitempty"`
	}

	htmlFinding struct {
		ID          string         `json:"id"` // the fingerprint, and a number where another finding has it too
		Fingerprint string         `json:"fingerprint"`
		Rule        int            `json:"rule"`
		Title       int            `json:"title"`
		Description int            `json:"description"`
		Severity    int            `json:"severity"`
		Confidence  int            `json:"confidence"`
		Leak        bool           `json:"leak"`                 // it reaches the threshold, and counts
		Suppressed  bool           `json:"suppressed,omitempty"` // in all its locations
		Secret      string         `json:"secret"`
		Key         string         `json:"key,omitempty"`
		Info        int            `json:"info"`
		Note        int            `json:"note"`
		Fix         int            `json:"fix"`
		Revoke      int            `json:"revoke"`
		Locations   []htmlLocation `json:"locations"`
	}

	htmlLocation struct {
		Image       int    `json:"image"`
		Before      string `json:"before,omitempty"` // what is said before the path, and after it
		Path        string `json:"path,omitempty"`
		At          string `json:"at,omitempty"` // :line:column
		After       string `json:"after,omitempty"`
		Layer       int    `json:"layer"` // its index, 0: not known, -1: none
		Place       int    `json:"place"`
		DiffID      int    `json:"diffID"`
		Digest      int    `json:"digest"`
		Instruction int    `json:"instruction"`
		Fate        int    `json:"fate"`
		FateWords   int    `json:"fateWords"`
		FateSays    int    `json:"fateSays"`
		Fingerprint string `json:"fingerprint,omitempty"` // where it is not the finding's
		Extract     string `json:"extract,omitempty"`
		Suppressed  int    `json:"suppressed"` // who says so, and why
	}
)

// put writes markup. Its arguments are numbers and texts that have passed
// Escape, and are safe in an element and in a quoted attribute.
func (h *htmlPage) put(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = html.EscapeString(s)
		}
	}
	fmt.Fprintf(h.w, format, args...)
}

// raw writes what is part of the program.
func (h *htmlPage) raw(s string) { h.w.WriteString(s) }

// policyDigest is how a content security policy names an inline text.
func policyDigest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func htmlPolicy() string {
	return "default-src 'none'; style-src " + policyDigest(htmlStyle) + "; script-src " + policyDigest(htmlScript) +
		"; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func (h *htmlPage) page() {
	class, words := h.verdict()
	h.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	// The policy stands before all that it is to hold for.
	h.raw(`<meta http-equiv="Content-Security-Policy" content="` + htmlPolicy() + "\">\n")
	h.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n")
	h.put("<title>leakscan: %s</title>\n", words)
	h.raw("<style>" + htmlStyle + "</style>\n</head>\n<body>\n")
	h.raw("<a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n<div class=\"page\">\n")
	h.header()
	h.raw("<main>\n")
	h.banner(class, words)
	h.counts()
	h.gaps()
	h.notes()
	h.images()
	h.findings()
	h.raw("</main>\n")
	h.footer()
	h.raw("</div>\n<script type=\"application/json\" id=\"data\">")
	h.data()
	h.raw("</script>\n<script>" + htmlScript + "</script>\n</body>\n</html>\n")
}

func (h *htmlPage) header() {
	h.raw("<header class=\"top\">\n<p class=\"brand\">leakscan <span>report</span></p>\n")
	subject := "no image"
	if n := len(h.labels); n > 0 {
		names, more := h.labels[:min(n, maxNames)], ""
		if n > maxNames {
			more = " and " + thousands(int64(n-maxNames)) + " more"
		}
		subject = strings.Join(names, ", ") + more
	}
	h.put("<p class=\"subject\">%s</p>\n<nav aria-label=\"On this page\">", subject)
	h.raw("<a href=\"#findings\">findings</a>")
	if len(h.r.Images) > 0 {
		h.raw(" <a href=\"#images\">layers</a>")
	}
	if len(h.r.Gaps) > 0 {
		h.raw(" <a href=\"#gaps\">not read</a>")
	}
	h.raw("</nav>\n</header>\n")
}

// verdict says the verdict in few words, and the class that it is painted in.
func (h *htmlPage) verdict() (class, words string) {
	v := h.r.Verdict(h.o.Threshold)
	rated := len(h.r.ratings())
	switch {
	case v == Leaks|Incomplete:
		return "leaks", "leaks found, and the scan is INCOMPLETE"
	case v == Leaks:
		return "leaks", "leaks found"
	case v == Incomplete && len(h.r.Images) == 0:
		return "incomplete", "INCOMPLETE: no image was read"
	case v == Incomplete:
		return "incomplete", "INCOMPLETE: no leak in what was read"
	case len(h.r.Images) == 0:
		return "incomplete", "nothing was scanned"
	case rated > 0:
		return "clean", "no leaks: no finding reaches the threshold"
	}
	if n := h.r.suppressed(); n > 0 {
		return "clean", "clean: no secrets that count, and " + thousands(int64(n)) + " that your own files take back"
	}
	return "clean", "clean: no secrets found"
}

func (h *htmlPage) banner(class, words string) {
	icons := map[string]string{
		"leaks":      `<path d="M12 2 1.5 21h21L12 2Z"/><path class="in" d="M12 9v6M12 17.4v.8"/>`,
		"incomplete": `<circle cx="12" cy="12" r="10.5"/><path class="in" d="M9.2 9.2a2.9 2.9 0 1 1 4.2 2.7c-.9.5-1.4 1-1.4 2.1M12 17.2v.8"/>`,
		"clean":      `<circle cx="12" cy="12" r="10.5"/><path class="in" d="m7.3 12.4 3.2 3.2 6.2-6.8"/>`,
	}
	h.raw("<section class=\"verdict " + class + "\" aria-labelledby=\"verdict\">\n")
	h.raw(`<svg viewBox="0 0 24 24" width="40" height="40" aria-hidden="true">` + icons[class] + "</svg>\n<div>\n")
	h.put("<h1 id=\"verdict\">%s</h1>\n", strings.ToUpper(words[:1])+words[1:])
	// Those that don't count are told below, with a switch in place of an option.
	rated := *h.r
	rated.Findings = nil
	leaks := 0
	for i := range h.r.Findings {
		f := &h.r.Findings[i]
		if f.counts() {
			rated.Findings = append(rated.Findings, Finding{Severity: f.Severity})
		}
		if h.leak(f) {
			leaks++
		}
	}
	h.put("<p>%s</p>\n", rated.Summary())
	if len(rated.Findings) > 0 {
		h.put("<p class=\"dim\">%s</p>\n", h.thresholdWords(leaks))
	}
	h.raw("</div>\n</section>\n")
}

// leak goes by what [Report.Verdict] does.
func (h *htmlPage) leak(f *Finding) bool {
	return h.o.Threshold.leak(f)
}

func (h *htmlPage) thresholdWords(leaks int) string {
	t := h.o.Threshold
	if t.Severity == "never" {
		return "The threshold is never: no finding counts as a leak."
	}
	are := " are."
	if leaks == 1 {
		are = " is."
	}
	return "A leak is a finding of at least " + Escape(string(cmp.Or(t.Severity, SeverityMedium))) + " severity and " +
		Escape(string(cmp.Or(t.Confidence, ConfidenceMedium))) + " confidence: " + thousands(int64(leaks)) + are
}

// counts writes the findings by severity, and what was read.
func (h *htmlPage) counts() {
	const suppressed = "suppressed"
	bySeverity := map[Severity]int64{}
	for i := range h.r.Findings {
		s := h.r.Findings[i].Severity
		switch {
		case h.r.Findings[i].Suppressed():
			s = suppressed
		case s.Rank() == 0:
			s = ""
		}
		bySeverity[s]++
	}
	h.raw("<section class=\"tiles\" aria-label=\"Findings by severity\">\n<dl>\n")
	for _, s := range []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow, "", SeverityInfo, suppressed} {
		n, class, word := bySeverity[s], string(s), string(s)
		switch s {
		case "":
			class, word = "unrated", "unrated"
		case SeverityInfo:
			word = "harmless"
		}
		if n == 0 && (s == "" || s == SeverityInfo || s == suppressed) {
			continue
		}
		zero := ""
		if n == 0 {
			zero = " zero"
		}
		h.put("<div class=\"tile %s\"><dt>%s</dt><dd>%s</dd></div>\n", class+zero, word, thousands(n))
	}
	h.raw("</dl>\n</section>\n<section class=\"card\" aria-labelledby=\"coverage\">\n<h2 id=\"coverage\">What was read</h2>\n<dl class=\"facts\">\n")
	st := &h.r.Stats
	h.fact("images", thousands(int64(st.Images)))
	h.fact("layers", thousands(int64(st.Layers)))
	h.fact("files", thousands(st.Files))
	h.fact("bytes", Size(st.Bytes))
	h.fact("stored", Size(st.BlobBytes)+" in "+counted(st.Blobs, "blob"))
	h.fact("places", thousands(int64(st.Locations)))
	notRead := "nothing"
	switch b := h.r.unread(); {
	case len(h.r.Gaps) > 0 && b > 0:
		notRead = counted(len(h.r.Gaps), "gap") + ", at least " + Size(b)
	case len(h.r.Gaps) > 0:
		notRead = counted(len(h.r.Gaps), "gap")
	case !h.r.complete():
		notRead = "the scan did not reach its end"
	}
	class := ""
	if !h.r.complete() {
		class = "bad"
	}
	h.put("<div class=\"%s\"><dt>not read</dt><dd>%s</dd></div>\n</dl>\n", class, notRead)
	if n := st.Packed; n > 0 {
		h.put("<p class=\"dim\">%s inside the layers %s scanned as %s, not unpacked.</p>\n", thousands(n)+plural(n, " archive"), wasWere(n), itThey(n))
	}
	h.raw("</section>\n")
}

func (h *htmlPage) fact(name, value string) {
	h.put("<div><dt>%s</dt><dd>%s</dd></div>\n", name, value)
}

func (h *htmlPage) gaps() {
	if len(h.r.Gaps) == 0 {
		return
	}
	h.put("<section class=\"card gaps\" aria-labelledby=\"gaps\">\n<h2 id=\"gaps\">NOT READ <span>%s; secrets may hide there</span></h2>\n<ul>\n", counted(len(h.r.Gaps), "gap"))
	for i := range h.r.Gaps {
		if i == maxHTMLGaps {
			h.put("<li>and %s more (-o json has all)</li>\n", thousands(int64(len(h.r.Gaps)-maxHTMLGaps)))
			break
		}
		h.gap(&h.r.Gaps[i])
	}
	h.raw("</ul>\n</section>\n")
}

func (h *htmlPage) gap(g *Gap) {
	h.put("<li><span class=\"kind\">%s</span><div>\n<p>%s", Escape(cmp.Or(string(g.Kind), "gap")), Escape(g.Reason))
	if g.Bytes > 0 {
		h.put(" <span class=\"dim\">(%s)</span>", Size(g.Bytes))
	}
	h.raw("</p>\n")
	if g.Path != "" {
		h.put("<p class=\"mono\">%s</p>\n", Escape(g.Path))
	}
	if g.Blob != "" {
		h.put("<p class=\"mono dim\">%s</p>\n", Escape(g.Blob))
	}
	if g.Image != nil && len(h.r.Images) != 1 {
		h.put("<p class=\"dim\">of %s</p>\n", h.label(*g.Image))
	}
	for _, t := range g.Tried {
		h.put("<p class=\"dim\">%s: %s</p>\n", Escape(t.Kind), Escape(t.Reason))
	}
	if g.Frame != "" {
		h.raw("<pre>")
		for _, l := range frameLines(g.Frame, 1<<30) {
			h.put("%s\n", l)
		}
		h.raw("</pre>\n")
	}
	if g.Hint != "" {
		// A hint may hold a command to type, so nothing in it is doubled.
		h.put("<p class=\"hint\">hint: %s</p>\n", escapeCommand(g.Hint))
	}
	h.raw("</div></li>\n")
}

func (h *htmlPage) notes() {
	if len(h.r.Notes) == 0 {
		return
	}
	h.raw("<section class=\"card\" aria-labelledby=\"notes\">\n<h2 id=\"notes\">Notes</h2>\n<ul class=\"notes\">\n")
	for i := range h.r.Notes {
		if i == maxHTMLNotes {
			h.put("<li>and %s more (-o json has all)</li>\n", thousands(int64(len(h.r.Notes)-maxHTMLNotes)))
			break
		}
		n := &h.r.Notes[i]
		h.raw("<li>")
		if n.Image != nil && len(h.r.Images) != 1 {
			h.put("<span class=\"dim\">%s:</span> ", h.label(*n.Image))
		}
		h.put("%s</li>\n", Escape(n.Text))
	}
	h.raw("</ul>\n</section>\n")
}

// images writes what was scanned. The script adds the layers.
func (h *htmlPage) images() {
	if len(h.r.Images) == 0 {
		return
	}
	concerned := map[int]bool{}
	for i := range h.r.Findings {
		for k := range h.r.Findings[i].Locations {
			concerned[h.r.Findings[i].Locations[k].Image] = true
		}
	}
	for i := range h.r.Gaps {
		if g := h.r.Gaps[i].Image; g != nil {
			concerned[*g] = true
		}
	}
	h.raw("<section class=\"card images\" aria-labelledby=\"images\">\n<h2 id=\"images\">Images and layers</h2>\n")
	open := 0
	for i := range h.r.Images {
		img := &h.r.Images[i]
		attr := ""
		if open < maxHTMLOpen && (concerned[i] || len(h.r.Images) == 1) {
			attr = " open"
			open++
		}
		h.put("<details class=\"image\" data-image=\"%d\"", i)
		name := Escape(img.Reference)
		if img.Platform != "" {
			name += " (" + Escape(img.Platform) + ")"
		}
		h.raw(attr + ">\n")
		h.put("<summary><strong>%s</strong> <span class=\"dim\">from %s; %s</span></summary>\n", name, sourceWords(img.Source), counted(len(img.Layers), "layer"))
		h.raw("<dl class=\"ids\">\n")
		if img.Name != "" && img.Name != img.Reference {
			h.fact("named", Escape(img.Name))
		}
		if img.Digest != "" {
			h.fact("manifest", Escape(img.Digest))
		}
		if img.ConfigDigest != "" {
			h.fact("config", Escape(img.ConfigDigest))
		}
		for _, a := range img.Source.Tried {
			h.fact("asked first", Escape(a.Kind)+": "+Escape(a.Reason))
		}
		h.raw("</dl>\n</details>\n")
	}
	h.raw("</section>\n")
}

// findings writes the place where the script shows the findings, and for a
// reader without one what they are.
func (h *htmlPage) findings() {
	h.raw("<section id=\"findings\" aria-labelledby=\"findings-title\" tabindex=\"-1\">\n<h2 id=\"findings-title\">Findings</h2>\n" +
		"<div id=\"controls\" role=\"search\" aria-label=\"Filter the findings\" hidden></div>\n" +
		"<p id=\"count\" role=\"status\" aria-live=\"polite\"></p>\n<div id=\"list\" role=\"feed\" aria-labelledby=\"findings-title\"></div>\n" +
		"<noscript>\n<p>Without JavaScript there are no filters and no details here; leakscan's text report has those.</p>\n<ul class=\"plain\">\n")
	shown := 0
	for i := range h.r.Findings {
		f := &h.r.Findings[i]
		if !f.counts() && !h.o.All {
			continue
		}
		if shown++; shown > maxHTMLUnscript {
			continue
		}
		h.put("<li><b>%s</b> %s <code>%s</code>", Escape(cmp.Or(string(f.Severity), "unrated")), Escape(f.Title), previewWords(f))
		if len(f.Locations) > 0 {
			h.put(" %s", whereWords(&f.Locations[0], 1<<30))
			if n := len(f.Locations) - 1; n > 0 {
				h.put(", and %s", counted(n, "further place"))
			}
		}
		h.raw("</li>\n")
	}
	if n := shown - maxHTMLUnscript; n > 0 {
		h.put("<li>and %s more (-o json has all)</li>\n", thousands(int64(n)))
	}
	if shown == 0 {
		h.raw("<li>no findings</li>\n")
	}
	h.raw("</ul>\n</noscript>\n</section>\n")
}

func (h *htmlPage) footer() {
	t := &h.r.Tool
	h.put("<footer>\n<p>%s %s, %s", Escape(t.Name), Escape(t.Version), counted(t.Rules, "rule"))
	if t.RulesDigest != "" {
		h.put(" <span class=\"mono\">%s</span>", Escape(t.RulesDigest))
	}
	h.raw("</p>\n<p>This page holds no secret, only redacted previews. It fetches nothing.</p>\n</footer>\n")
}

// data writes what the script shows, a line for each finding, so that a diff of
// two reports can be read.
func (h *htmlPage) data() {
	h.raw("{\"all\":" + strconv.FormatBool(h.o.All) + ",\n\"images\":[")
	for i := range h.r.Images {
		h.value(i, h.image(i))
	}
	h.raw("],\n\"findings\":[")
	h.text("") // index 0: nothing to say
	used := map[string]int{}
	for i := range h.r.Findings {
		h.value(i, h.finding(&h.r.Findings[i], used))
	}
	h.raw("],\n\"texts\":[")
	for i, s := range h.texts {
		h.value(i, s)
	}
	h.raw("]}\n")
}

// value writes the i-th element of a list. encoding/json leaves no <, > or &
// as it is, so nothing in it can end the script element or open a comment.
func (h *htmlPage) value(i int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		if h.err == nil {
			h.err = fmt.Errorf("encoding the data of the HTML report: %w", err)
		}
		return
	}
	if i > 0 {
		h.raw(",")
	}
	h.raw("\n")
	h.w.Write(b)
}

// text gives the index of a text that has passed Escape.
func (h *htmlPage) text(s string) int {
	i, ok := h.index[s]
	if !ok {
		i = len(h.texts)
		h.texts = append(h.texts, s)
		h.index[s] = i
	}
	return i
}

func (h *htmlPage) label(image int) string {
	if image < 0 || image >= len(h.labels) {
		return "an image that is not listed"
	}
	return h.labels[image]
}

func (h *htmlPage) image(i int) htmlImage {
	layers := h.r.Images[i].Layers
	out := htmlImage{Label: h.labels[i], Layers: make([]htmlLayer, len(layers))}
	biggest := int64(1)
	for k := range layers {
		biggest = max(biggest, layers[k].Size)
	}
	for k := range layers {
		l := &layers[k]
		out.Layers[k] = htmlLayer{
			Index: l.Index, Size: Size(l.Size), Share: int(float64(max(l.Size, 0)) / float64(biggest) * 100),
			Read: l.Codec != "", Codec: Escape(l.Codec), Files: thousands(l.Files) + plural(l.Files, " file"),
			Instruction: strings.Join(strings.Fields(Escape(l.Instruction)), " "),
		}
	}
	return out
}

// previewWords is what may be shown of a secret, with the name it is assigned to.
func previewWords(f *Finding) string {
	if f.Key == "" {
		return Escape(f.Secret.String())
	}
	return Escape(f.Key) + "=" + Escape(f.Secret.String())
}

func (h *htmlPage) finding(f *Finding, used map[string]int) htmlFinding {
	severity := "unrated"
	if f.Severity.Rank() != 0 {
		severity = string(f.Severity)
	}
	out := htmlFinding{
		ID: Escape(f.Fingerprint), Fingerprint: Escape(f.Fingerprint), Rule: h.text(Escape(f.Rule)), Title: h.text(Escape(f.Title)),
		Description: h.text(Escape(f.Description)), Severity: h.text(severity),
		Confidence: h.text(Escape(cmp.Or(string(f.Confidence), "unrated"))), Leak: h.leak(f), Suppressed: f.Suppressed(),
		Secret: Escape(f.Secret.String()), Key: Escape(f.Key), Info: h.text(Escape(f.Info)), Note: h.text(Escape(f.Note)),
		Fix: h.text(Escape(f.Fix)), Revoke: h.text(Escape(f.Revoke)), Locations: make([]htmlLocation, len(f.Locations)),
	}
	// A fingerprint has few bits of the secret, so two findings may share one.
	if out.ID == "" {
		out.ID = "finding"
	}
	used[out.ID]++
	for n := used[out.ID]; n > 1; n++ {
		id := out.ID + "~" + strconv.Itoa(n)
		if used[id] == 0 {
			used[id], used[out.ID] = 1, n
			out.ID = id
			break
		}
	}
	for i := range f.Locations {
		out.Locations[i] = h.location(&f.Locations[i], f.Fingerprint)
	}
	return out
}

func (h *htmlPage) location(l *Location, fingerprint string) htmlLocation {
	fate := l.Fate
	switch fate {
	case FatePresent, FateDeleted, FateOverwritten, FateOpaque:
	default:
		fate = FateUnknown
	}
	out := htmlLocation{
		Image: l.Image, Layer: htmlNoLayer, Place: h.text(Escape(string(l.Place))), Instruction: h.text(Escape(l.instruction())), Fate: h.text(string(fate)),
		FateWords: h.text(fateWords(l)), FateSays: h.text(fateSentence(l)), Extract: escapeCommand(l.Extract),
	}
	if s := l.Suppressed; s != nil {
		out.Suppressed = h.text("suppressed " + s.words())
	}
	out.Before, out.Path, out.At, out.After = whereParts(l)
	if l.Layer != nil {
		out.Layer, out.DiffID = max(l.Layer.Index, 0), h.text(Escape(l.Layer.DiffID))
		if l.Layer.Digest != l.Layer.DiffID {
			out.Digest = h.text(Escape(l.Layer.Digest))
		}
	}
	if l.Fingerprint != fingerprint {
		out.Fingerprint = Escape(l.Fingerprint)
	}
	return out
}

// whereParts are the parts of whereWords: what is said before the path, the
// path, the line and column, and the rest.
func whereParts(l *Location) (before, path, at, after string) {
	if l.Path == "" {
		return whereWords(l, 1<<30), "", "", ""
	}
	// A rune that Escape makes visible stands for the path, and nothing else
	// in the words can.
	const mark = "\ue000"
	marked := *l
	marked.Path = mark
	before, after, _ = strings.Cut(whereWords(&marked, 1<<30), Escape(mark))
	if l.Line > 0 {
		at = ":" + strconv.Itoa(l.Line)
		if l.Column > 0 {
			at += ":" + strconv.Itoa(l.Column)
		}
		after = strings.TrimPrefix(after, at)
	}
	return before, Escape(l.Path), at, after
}
