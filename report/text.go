package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// This file holds every word of the text report. Its rules:
//
//   - Nothing from an image is written without Escape.
//   - What was not read is said in capitals, and never only by leaving it out.
//   - Digests, paths and instructions may be cut to fit; a command line, a
//     fingerprint and the verdict may not.
//   - Color adds to what the words say and never replaces a word.

// TextOptions says how [WriteText] writes. Its zero value is plain text, 100
// columns wide.
type TextOptions struct {
	// Color writes ANSI colors. Without it the output holds no escape byte.
	Color bool
	// Width is the number of columns to fit into; 0 means 100, and less than
	// 40 means 40.
	Width int
	// Reveal gives a finding's secret itself, to be shown beside its preview.
	// A false result shows the preview alone.
	Reveal func(f *Finding) (string, bool)
	// All shows findings of severity info too.
	All bool
	// Dockerfile is the one that the image was built from: an instruction that is
	// in it is shown there. nil: not known.
	Dockerfile *Dockerfile
	// Link gives the address of a rule's page, for terminals that know links (OSC
	// 8); "" or nil: none.
	Link func(rule string) string
}

const (
	defaultWidth = 100
	minWidth     = 40
	proseWidth   = 100 // prose is hard to read in longer lines

	maxFrames      = 20  // findings that are told in full
	maxRows        = 200 // that are told in a line each behind those
	maxAlso        = 10  // further locations of a finding
	maxGaps        = 20
	maxFramed      = 8 // lines of an instruction in a frame
	maxInstruction = 3 // lines of an instruction, where it is not in a table
	maxNames       = 3 // images named in the verdict

	labelWidth = 10 // "  where   "
	gapWidth   = 15 // "  interrupted  "
	barWidth   = 10
)

// WriteText writes a report for people; call [Report.Sort] first. A report that
// is clean and complete, and has no note, is one line.
func WriteText(w io.Writer, r *Report, o TextOptions) error {
	p := newPrinter(w, r, o)
	p.labels = imageLabels(r.Images)
	p.report()
	return p.w.Flush()
}

func newPrinter(w io.Writer, r *Report, o TextOptions) *printer {
	width := o.Width
	if width == 0 {
		width = defaultWidth
	}
	width = max(width, minWidth)
	return &printer{w: bufio.NewWriter(w), r: r, o: o, width: width, prose: min(width, proseWidth), dockerfile: o.Dockerfile.index()}
}

// printer lays out one report. Write errors stay in w until Flush.
type printer struct {
	w      *bufio.Writer
	r      *Report
	o      TextOptions
	width  int
	prose  int
	labels []string // of the images, escaped

	dockerfile *dockerfileLines
}

func (p *printer) report() {
	r := p.r
	shown := p.shown()
	if r.complete() && len(shown) == 0 && len(r.Notes) == 0 {
		p.verdict()
		return
	}
	for i := range r.Images {
		p.image(i)
	}
	if len(r.Images) > 0 {
		p.line("")
	}
	for _, f := range shown[:min(len(shown), maxFrames)] {
		p.finding(f)
		p.line("")
	}
	if len(shown) > maxFrames {
		p.table(shown[maxFrames:])
		p.line("")
	}
	if len(r.Gaps) > 0 {
		p.gaps()
		p.line("")
	}
	if len(r.Notes) > 0 {
		p.notes()
		p.line("")
	}
	for i := range r.Images {
		if p.concerned(i) {
			p.strip(i)
			p.line("")
		}
	}
	p.verdict()
}

// shown are the findings to be written.
func (p *printer) shown() []*Finding {
	var fs []*Finding
	for i := range p.r.Findings {
		if f := &p.r.Findings[i]; p.o.All || f.counts() {
			fs = append(fs, f)
		}
	}
	return fs
}

// table writes findings in a line each: a reader of twenty frames has seen what
// there is to see.
func (p *printer) table(fs []*Finding) {
	p.line(p.paint(bold, fmt.Sprintf("and %s more", counted(len(fs), "finding"))))
	title := 0
	for _, f := range fs[:min(len(fs), maxRows)] {
		title = min(max(title, Columns(Escape(f.Title))), 32)
	}
	for i, f := range fs {
		if i == maxRows {
			p.line(fmt.Sprintf("  and %s more (-o json has all)", thousands(int64(len(fs)-maxRows))))
			return
		}
		severity := Escape(cmp.Or(string(f.Severity), "unrated"))
		where := ""
		if len(f.Locations) > 0 {
			where = whereWords(&f.Locations[0], max(p.width-14-title, 24))
		}
		p.line("  " + p.paint(severityStyle(f.Severity), severity) + Pad("", max(10-Columns(severity), 1)) + Pad(Truncate(Escape(f.Title), title), title) + "  " + where)
	}
}

// image writes what was scanned and where it came from.
func (p *printer) image(i int) {
	img := &p.r.Images[i]
	name := Escape(img.Reference)
	rest := ""
	if img.Platform != "" {
		rest = " (" + Escape(img.Platform) + ")"
	}
	rest += ", from " + sourceWords(img.Source)
	lines := wrap("image "+name+rest, p.prose-6)
	if strings.HasPrefix(lines[0], "image "+name) {
		lines[0] = "image " + p.paint(bold, name) + lines[0][len("image "+name):]
	}
	for n, l := range lines {
		p.line(Pad("", 6*min(n, 1)) + l)
	}
	if img.Name != "" && img.Name != img.Reference {
		p.line("      " + "named " + TruncateMiddle(Escape(img.Name), p.width-12))
	}
	if img.Digest != "" {
		p.line("      " + p.paint(dim, "manifest "+TruncateMiddle(Escape(img.Digest), p.width-15)))
	}
	if img.ConfigDigest != "" {
		p.line("      " + p.paint(dim, "config   "+TruncateMiddle(Escape(img.ConfigDigest), p.width-15)))
	}
	for _, a := range img.Source.Tried {
		for _, l := range wrap("asked first: "+Escape(a.Kind)+": "+Escape(a.Reason), p.prose-6) {
			p.line("      " + p.paint(dim, l))
		}
	}
}

func (p *printer) finding(f *Finding) {
	p.title(f)
	p.indented(wrap(Escape(f.Description), p.prose-labelWidth))
	if f.Info != "" {
		p.labelled("harmless", wrap(Escape(f.Info), p.prose-labelWidth)...)
	}
	if f.Inherited() {
		p.labelled("from", "the base image: mend it there, or build on another")
	}
	if f.Suppressed() {
		p.labelled("ignored", wrap(f.Locations[0].Suppressed.words(), p.prose-labelWidth)...)
	}
	if f.Note != "" {
		p.labelled("note", wrap(Escape(f.Note), p.prose-labelWidth)...)
	}
	if p.o.Reveal != nil {
		if v, ok := p.o.Reveal(f); ok {
			p.labelled("secret", Escape(v))
		}
	}
	id := f.Fingerprint
	if ls := f.counting(); len(ls) == 0 {
		p.labelled("where", "not recorded")
	} else {
		id = ls[0].Fingerprint
		p.first(&ls[0])
		p.also(ls[1:])
		if e := ls[0].Extract; e != "" {
			p.labelled("see it", escapeCommand(e)+" | less") // extract writes no secret to a terminal
		}
	}
	if f.Fix != "" {
		p.labelled("fix", wrap(Escape(f.Fix), p.prose-labelWidth)...)
	}
	if f.Revoke != "" {
		p.labelled("revoke", wrap(Escape(f.Revoke), p.prose-labelWidth)...)
	}
	if id != "" {
		p.labelled("id", p.paint(dim, Escape(id)))
	}
}

// title writes the first line of a finding: how bad, what, and which rule.
func (p *printer) title(f *Finding) {
	severity := Escape(cmp.Or(string(f.Severity), "unrated"))
	preview := Escape(f.Secret.String())
	if f.Key != "" {
		preview = TruncateMiddle(Escape(f.Key), 40) + "=" + preview
	}
	rule := "[" + Escape(f.Rule) + "]"
	if f.Confidence != ConfidenceHigh && f.Confidence != "" {
		rule = "[" + Escape(f.Rule) + ", " + Escape(string(f.Confidence)) + " confidence]"
	}
	room := p.prose - labelWidth
	title := Escape(f.Title)
	begin := p.paint(severityStyle(f.Severity), severity) + Pad("", max(labelWidth-Columns(severity), 1))

	// The rule stands at the right edge. The preview follows the title, or goes
	// below it where that is too long for one line.
	space := room - Columns(title) - Columns(rule)
	shown := p.link(f.Rule, p.paint(dim, rule))
	if n := Columns(preview) + 2; n > 2 && n+2 <= space {
		p.line(begin + p.paint(bold, title) + "  " + preview + Pad("", space-n) + shown)
		return
	}
	if space >= 2 {
		p.line(begin + p.paint(bold, title) + Pad("", space) + shown)
		p.indented(wrap(preview, room))
		return
	}
	lines := wrap(title, room)
	p.line(begin + p.paint(bold, lines[0]))
	for _, l := range lines[1:] {
		p.line(Pad("", labelWidth) + p.paint(bold, l))
	}
	p.indented(wrap(preview, room))
	p.indented(wrap(rule, room))
}

// link makes a text one to the page of a rule.
func (p *printer) link(rule, text string) string {
	if p.o.Link == nil {
		return text
	}
	url := p.o.Link(rule)
	for _, c := range url {
		if c <= ' ' || c > '~' {
			return text
		}
	}
	if url == "" {
		return text
	}
	return "\x1b]8;;" + url + "\x1b\\" + text + "\x1b]8;;\x1b\\"
}

// first writes everything about a finding's first location.
func (p *printer) first(l *Location) {
	room := p.width - labelWidth
	p.labelled("where", p.whereLines(l, "", room)...)
	if ref := l.Layer; ref != nil {
		if ref.DiffID != "" {
			p.indented([]string{p.paint(dim, "diffID "+TruncateMiddle(Escape(ref.DiffID), room-7))})
		}
		if ref.Digest != "" && ref.Digest != ref.DiffID {
			p.indented([]string{p.paint(dim, "blob   "+TruncateMiddle(Escape(ref.Digest), room-7))})
		}
	}
	if in := l.instruction(); in != "" {
		if frame := p.dockerfile.framed(in); frame != "" {
			p.indented(frameLines(frame, room))
		} else {
			p.instruction(in)
		}
	}
	if s := fateSentence(l); s != "" {
		p.labelled("fate", wrap(s, p.prose-labelWidth)...)
	}
}

// instruction writes one as the image's history has it, cut to a few lines.
func (p *printer) instruction(in string) {
	room := p.width - labelWidth
	lines := wrap(Escape(in), room)
	if len(lines) > maxInstruction {
		lines = lines[:maxInstruction]
		last := &lines[maxInstruction-1]
		*last = head(*last, room-1) + "…"
	}
	p.indented(lines)
}

// also writes the further locations of a finding, a line or two each.
func (p *printer) also(ls []Location) {
	room := p.width - labelWidth
	for i := range ls {
		if i == maxAlso {
			p.labelled("also", fmt.Sprintf("and %s more (-o json has all)", thousands(int64(len(ls)-maxAlso))))
			return
		}
		fate := fateWords(&ls[i])
		if ls[i].Suppressed != nil {
			fate = strings.TrimPrefix(fate+", ignored "+ls[i].Suppressed.words(), ", ")
		}
		p.labelled("also", p.whereLines(&ls[i], fate, room)...)
	}
}

// whereLines says where a location is, and what follows from that, in one line
// if it fits, else in two: the place, its path cut if need be, and the rest.
func (p *printer) whereLines(l *Location, fate string, room int) []string {
	of := ""
	if len(p.r.Images) != 1 {
		of = "of " + TruncateMiddle(p.imageLabel(l.Image), room-3)
	}
	place := whereWords(l, 1<<30)
	if of == "" && fate == "" {
		return wrap(whereWords(l, room), room)
	}
	rest := of
	switch {
	case of == "":
		rest, place = fate, place+", "
	case fate == "":
		place += " "
	default:
		rest, place = of+", "+fate, place+" "
	}
	if Columns(place)+Columns(rest) <= room {
		return []string{place + rest}
	}
	return append(wrap(whereWords(l, room), room), wrap(rest, room)...)
}

// whereWords says where a location is, its path cut so that all fits into room
// columns.
func whereWords(l *Location, room int) string {
	before, path, after := "", Escape(l.Path), ""
	switch l.Place {
	case PlaceFile:
		if l.Line == 0 {
			after = fmt.Sprintf(" at byte %d", l.Offset)
		}
	case PlaceFileName:
		before = "the name of "
	case PlaceLinkTarget:
		before = "the link target of "
	case PlaceHeader:
		before = "a header (PAX record or attribute) of "
	case PlaceUnparsed:
		before = "bytes that belong to no file, "
		after = fmt.Sprintf(" at byte %d", l.Offset)
		if path == "" {
			before, after = "bytes that belong to no file", fmt.Sprintf(", at byte %d", l.Offset)
		}
	case PlaceConfig, PlaceHistory:
		after = " in the image config"
	case PlaceAnnotation:
		after = " of the manifest"
	case PlaceAttestation:
		after = " of an attestation"
	default:
		before = Escape(string(l.Place)) + " "
	}
	if l.Line > 0 {
		// A line number belongs right behind the path, where editors look.
		position := fmt.Sprintf(":%d", l.Line)
		if l.Column > 0 {
			position += fmt.Sprintf(":%d", l.Column)
		}
		after = position + after
	}
	if len(l.Encodings) > 0 {
		after += " (" + Escape(strings.Join(l.Encodings, " of ")) + ")"
	}
	if l.Layer != nil {
		layer := "a layer of unknown position"
		switch {
		case l.Layer.Index > 0 && l.Layer.Of > 0:
			layer = fmt.Sprintf("layer %d of %d", l.Layer.Index, l.Layer.Of)
		case l.Layer.Index > 0:
			layer = fmt.Sprintf("layer %d", l.Layer.Index)
		}
		if l.Place.rank() == PlaceFile.rank() {
			after += " in " + layer
		} else {
			after += " (" + layer + ")" // a history entry and the layer that it made
		}
	}
	left := room - Columns(before) - Columns(after)
	return before + TruncateMiddle(path, max(left, 16)) + after
}

// instruction is what put the secret there.
func (l *Location) instruction() string {
	if l.Instruction == "" && l.Layer != nil {
		return l.Layer.Instruction
	}
	return l.Instruction
}

// fateSentence says what a location's fate means for whoever can pull the image.
func fateSentence(l *Location) string {
	switch l.Place {
	case PlaceConfig, PlaceHistory:
		return "shipped with the image: anyone who can pull it can read it"
	case PlaceAnnotation, PlaceAttestation:
		return "published with the image: anyone who can pull it can read it"
	case PlaceUnparsed:
		return "in no file, but anyone who can pull the image can download it"
	}
	const still = ", but still downloadable by anyone who can pull the image"
	switch l.Fate {
	case FatePresent:
		if l.Layer == nil {
			return "" // a file or directory that is no image: nothing to say beyond its path
		}
		return "in the final image: anyone who can pull or run it can read it"
	case FateOverwritten, FateDeleted, FateOpaque:
		return fateWords(l) + still
	case FateUnknown:
		return "in a blob that belongs to no image that could be read: whoever has the archive or layout has it"
	}
	return "not known; take it that anyone who can pull the image can read it"
}

// fateWords is the fate in a few words, for a list. It is empty where the place
// has said all.
func fateWords(l *Location) string {
	switch l.Place {
	case PlaceConfig, PlaceHistory, PlaceAnnotation, PlaceAttestation, PlaceUnparsed:
		return ""
	}
	by := "in a later layer"
	switch {
	case l.FateLayer > 0 && l.FateLayer == l.layerIndex():
		by = "later in the same layer"
	case l.FateLayer > 0:
		by = fmt.Sprintf("in layer %d", l.FateLayer)
	}
	switch l.Fate {
	case FatePresent:
		if l.Layer == nil {
			return ""
		}
		return "in the final image"
	case FateOverwritten:
		return "overwritten " + by
	case FateDeleted:
		return "deleted " + by
	case FateOpaque:
		return "hidden " + by + " (opaque directory)"
	}
	return "fate not known"
}

// gaps writes what was not read, not verified or not scanned.
func (p *printer) gaps() {
	p.line(p.paint(alarm, "NOT READ") + "  " + counted(len(p.r.Gaps), "gap") + "; secrets may hide there")
	for i := range p.r.Gaps {
		if i == maxGaps {
			p.line(fmt.Sprintf("  and %s more (-o json has all)", thousands(int64(len(p.r.Gaps)-maxGaps))))
			return
		}
		p.gap(&p.r.Gaps[i])
	}
}

func (p *printer) gap(g *Gap) {
	room := p.width - gapWidth
	kind := Escape(cmp.Or(string(g.Kind), "gap"))
	var about []string
	if g.Image != nil && len(p.r.Images) != 1 {
		about = append(about, "of "+TruncateMiddle(p.imageLabel(*g.Image), room-3))
	}
	if g.Bytes > 0 {
		about = append(about, Size(g.Bytes))
	}
	var lines []string
	if g.Path != "" {
		lines = append(lines, TruncateMiddle(Escape(g.Path), room))
	}
	blob, after := Escape(g.Blob), strings.Join(about, ", ")
	if g.Frame != "" {
		blob = "" // its first line
	}
	switch {
	case blob == "" && after == "":
	case Columns(blob)+1+Columns(after) <= room:
		lines = append(lines, strings.TrimSpace(blob+" "+after))
	default:
		lines = append(lines, TruncateMiddle(blob, room))
		lines = append(lines, wrap(after, room)...)
	}
	lines = append(lines, wrap(Escape(g.Reason), room)...)
	widest := 0
	for _, t := range g.Tried {
		widest = max(widest, Columns(Escape(t.Kind)))
	}
	for _, t := range g.Tried {
		for n, l := range wrap(Escape(t.Reason), room-widest-2) {
			kind := ""
			if n == 0 {
				kind = Escape(t.Kind)
			}
			lines = append(lines, Pad(kind, widest+2)+l)
		}
	}
	if g.Frame != "" {
		lines = append(lines, frameLines(g.Frame, room)...)
	}
	if g.Hint != "" {
		// A hint may hold a command to type, so nothing in it is doubled.
		lines = append(lines, wrap("hint: "+escapeCommand(g.Hint), room)...)
	}
	label := "  " + p.paint(yellow, kind) + Pad("", max(gapWidth-2-Columns(kind), 1))
	for n, l := range lines {
		if n > 0 {
			label = Pad("", gapWidth)
		}
		p.line(label + l)
	}
}

func (p *printer) notes() {
	for i := range p.r.Notes {
		n := &p.r.Notes[i]
		text := Escape(n.Text)
		if n.Image != nil && len(p.r.Images) != 1 {
			text = TruncateMiddle(p.imageLabel(*n.Image), 40) + ": " + text
		}
		for k, l := range wrap(text, p.prose-labelWidth) {
			label := Pad("", labelWidth)
			if k == 0 {
				label = Pad("note", labelWidth)
			}
			p.line(label + l)
		}
	}
}

// concerned says whether a finding or a gap names the image: the layers of the
// others are of no interest.
func (p *printer) concerned(image int) bool {
	if len(p.r.Images[image].Layers) == 0 {
		return false
	}
	for i := range p.r.Findings {
		for k := range p.r.Findings[i].Locations {
			if p.r.Findings[i].Locations[k].Image == image {
				return true
			}
		}
	}
	for i := range p.r.Gaps {
		if g := p.r.Gaps[i].Image; g != nil && *g == image {
			return true
		}
	}
	return false
}

// strip writes the layers of an image as a table, lowest first.
func (p *printer) strip(image int) {
	layers := p.r.Images[image].Layers
	p.line("layers of " + p.paint(bold, TruncateMiddle(p.imageLabel(image), p.width-10)))
	p.line(p.paint(dim, "   #        size   secrets"))
	biggest := int64(0)
	for i := range layers {
		biggest = max(biggest, layers[i].Size)
	}
	const fixed = 4 + 2 + 10 + 2 + 8 + 2 + barWidth + 2
	for i := range layers {
		l := &layers[i]
		found, style := "-", dim
		switch {
		case l.Findings > 0:
			found, style = thousands(int64(l.Findings)), red
		case l.Codec == "":
			found, style = "NOT READ", alarm
		}
		b := bar(l.Size, biggest)
		p.line(fmt.Sprintf("%4d  %10s  ", l.Index, Size(l.Size)) +
			Pad("", 8-Columns(found)) + p.paint(style, found) + "  " +
			p.paint(dim, b) + Pad("", barWidth-Columns(b)) + "  " +
			Truncate(strings.Join(strings.Fields(Escape(l.Instruction)), " "), p.width-fixed))
	}
}

// verdict writes the last line, which is never wrapped: a reader of logs finds
// it with one grep.
func (p *printer) verdict() {
	head, rest := p.r.summary()
	style := green
	switch {
	case !p.r.complete():
		style = alarm
	case len(p.r.ratings()) > 0:
		style = severityStyle(worstSeverity(p.r.ratings()))
	case len(p.r.Images) == 0:
		style = bold
	}
	p.line(p.paint(style, head) + rest)
}

// Summary is the verdict in one line of plain text, safe to print: what was
// found, in how much, and what was not read. It is the last line of the text
// report.
func (r *Report) Summary() string {
	head, rest := r.summary()
	return head + rest
}

// summary gives the verdict and what follows it.
func (r *Report) summary() (head, rest string) {
	layers := counted(r.Stats.Layers, "layer")
	if len(r.Images) > 1 {
		layers += " of " + counted(len(r.Images), "image")
	}
	volume := Size(r.Stats.Bytes) + " in " + thousands(r.Stats.Files) + plural(r.Stats.Files, " file") + " read"
	if r.Stats.Elapsed > 0 {
		volume += " in " + elapsed(r.Stats.Elapsed)
	}
	found := "no secrets found"
	ratings := r.ratings()
	if n := len(ratings); n > 0 {
		found = counted(n, "finding") + " (" + countSeverities(ratings) + ")"
	}
	packed := ""
	suppressed := r.suppressed()
	if n := len(r.Findings) - len(ratings) - suppressed; n > 0 {
		packed = "; " + counted(n, "finding") + " known to be harmless (--all)"
	}
	if suppressed > 0 {
		packed += "; " + counted(suppressed, "finding") + " suppressed by your own files (--all)"
	}
	if n := r.Stats.Packed; n > 0 {
		packed += "; " + thousands(n) + plural(n, " archive") + " inside the layers " + wasWere(n) + " scanned as " + itThey(n) + ", not unpacked"
	}
	switch {
	case !r.complete():
		head = "INCOMPLETE: the scan did not reach its end"
		if n := len(r.Gaps); n > 0 {
			head = "INCOMPLETE: " + counted(n, "gap")
			if b := r.unread(); b > 0 {
				head += ", at least " + Size(b) + " not read"
			}
		}
		if len(r.Images) == 0 && len(ratings) == 0 {
			return head, "; no image was read"
		}
		rest = "; " + found + " in what was read"
		if len(ratings) == 0 && len(r.Images) > 0 {
			rest += " of " + r.imageWords()
		}
		return head, rest + ": " + layers + ", " + volume + packed
	case len(ratings) > 0:
		return found, " in " + layers + "; " + volume + "; not read: nothing" + packed
	case len(r.Images) == 0:
		return "nothing was scanned", ": there was no image"
	}
	return found, " in " + r.imageWords() + ": " + layers + ", " + volume + "; not read: nothing" + packed
}

// complete is what [Report.Verdict] goes by: a gap counts whatever the field says.
func (r *Report) complete() bool { return r.Complete && len(r.Gaps) == 0 }

// ratings are the severities of the findings that count: they are neither known
// to be harmless nor suppressed.
func (r *Report) ratings() []Severity {
	var out []Severity
	for i := range r.Findings {
		if f := &r.Findings[i]; f.counts() {
			out = append(out, f.Severity)
		}
	}
	return out
}

// countSeverities says how many there are of each, the worst first.
func countSeverities(all []Severity) string {
	var parts []string
	rated := 0
	for _, s := range []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow} {
		n := 0
		for _, x := range all {
			if x == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, thousands(int64(n))+" "+string(s))
		}
		rated += n
	}
	if n := len(all) - rated; n > 0 {
		parts = append(parts, thousands(int64(n))+" unrated")
	}
	return strings.Join(parts, ", ")
}

func worstSeverity(all []Severity) (worst Severity) {
	for _, s := range all {
		if s.Rank() > worst.Rank() {
			worst = s
		}
	}
	return worst
}

// unread is how many bytes are known not to have been read.
func (r *Report) unread() int64 {
	total := int64(0)
	for i := range r.Gaps {
		if sum := total + max(r.Gaps[i].Bytes, 0); sum >= total {
			total = sum
		}
	}
	return total
}

// imageWords names the images: one with its source, more by their names.
func (r *Report) imageWords() string {
	if len(r.Images) == 1 {
		img := &r.Images[0]
		s := Escape(img.Reference)
		if img.Platform != "" {
			s += " (" + Escape(img.Platform) + ")"
		}
		return s + ", from " + sourceWords(img.Source)
	}
	names := imageLabels(r.Images)
	more := ""
	if n := len(names) - maxNames; n > 0 {
		names, more = names[:maxNames], " and "+thousands(int64(n))+" more"
	}
	return strings.Join(names, ", ") + more
}

// sourceWords names the place that an image was read from.
func sourceWords(s Source) string {
	words := map[string]string{ // how the kind is said, and what leads to its detail
		"docker":         "the docker daemon at ",
		"podman":         "podman at ",
		"containerd":     "containerd at ",
		"registry":       "the registry ",
		"docker-archive": "the docker archive ",
		"oci-archive":    "the OCI archive ",
		"oci-dir":        "the OCI layout ",
		"dir":            "the directory ",
		"file":           "the file ",
	}[s.Kind]
	if words == "" {
		words = Escape(cmp.Or(s.Kind, "an unknown source")) + " "
	}
	if s.Detail == "" {
		return strings.TrimSuffix(strings.TrimSuffix(words, " "), " at")
	}
	return words + Escape(s.Detail)
}

// imageLabels gives each image the shortest name that tells it from the others,
// escaped: its reference, and where others have the same, its platform, its name
// inside the source, and its number, until that is enough.
func imageLabels(images []Image) []string {
	labels := make([]string, len(images))
	for i := range images {
		labels[i] = Escape(images[i].Reference)
	}
	parenthesized := func(s string) string {
		if s == "" {
			return ""
		}
		return " (" + Escape(s) + ")"
	}
	qualify(labels, func(i int) string { return parenthesized(images[i].Platform) })
	qualify(labels, func(i int) string { return parenthesized(images[i].Name) })
	qualify(labels, func(i int) string { return " #" + strconv.Itoa(i+1) })
	return labels
}

// qualify adds to each label that is not the only one of its kind.
func qualify(labels []string, suffix func(i int) string) {
	count := map[string]int{}
	for _, l := range labels {
		count[l]++
	}
	for i, l := range labels {
		if count[l] > 1 {
			labels[i] += suffix(i)
		}
	}
}

func (p *printer) imageLabel(i int) string {
	if i < 0 || i >= len(p.labels) {
		return "an image that is not listed"
	}
	return p.labels[i]
}

// line writes a line. Spaces at its end go away, so that a diff stays quiet.
func (p *printer) line(s string) {
	p.w.WriteString(strings.TrimRight(s, " "))
	p.w.WriteByte('\n')
}

// labelled writes lines behind a label.
func (p *printer) labelled(label string, lines ...string) {
	for i, l := range lines {
		if i > 0 {
			p.line(Pad("", labelWidth) + l)
			continue
		}
		p.line("  " + p.paint(dim, label) + Pad("", labelWidth-2-len(label)) + l)
	}
}

func (p *printer) indented(lines []string) {
	for _, l := range lines {
		if l != "" {
			p.line(Pad("", labelWidth) + l)
		}
	}
}

// The styles are what stands between ESC [ and m.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	alarm  = "1;31"
)

func severityStyle(s Severity) string {
	switch s {
	case SeverityCritical:
		return alarm
	case SeverityHigh:
		return red
	case SeverityMedium:
		return yellow
	}
	return blue
}

func (p *printer) paint(style, s string) string {
	if !p.o.Color || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// maxAddress bounds the addresses that are not broken: who has a longer one in an
// image does not get a line as long.
const maxAddress = 300

// IsAddress reports whether a word is a URL, which is of use only as a whole and so
// is not broken over two lines, however long.
func IsAddress(word string) bool {
	word = strings.TrimLeft(word, `(<"'`)
	return len(word) <= maxAddress && (strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://"))
}

// wrap breaks escaped text at spaces into lines of at most cols columns, and a
// word only where it is longer than a line and no address. It gives at least one
// line.
//
// What fits is left as it is, runs of spaces and all.
func wrap(s string, cols int) []string {
	s = strings.Trim(s, " ")
	if Columns(s) <= cols && !lineCommand(s) {
		return []string{s}
	}
	var lines []string
	line, used := "", 0
	flush := func() {
		if lineCommand(line) { // see Escape: a break must not make a command either
			line = `\x3a` + line[1:]
		}
		lines = append(lines, line)
		line, used = "", 0
	}
	for _, word := range strings.Fields(s) {
		n := Columns(word)
		if used > 0 && used+1+n > cols {
			flush()
		}
		for n > cols && !IsAddress(word) {
			part := head(word, cols)
			if part == "" {
				break
			}
			line = part
			flush()
			word = word[len(part):]
			n -= Columns(part)
		}
		if used > 0 {
			line += " "
			used++
		}
		line += word
		used += n
	}
	if used > 0 || len(lines) == 0 {
		flush()
	}
	return lines
}

// bar draws n beside the biggest in eighths of a column; what is not empty
// shows at least one.
func bar(n, biggest int64) string {
	if n <= 0 || biggest <= 0 {
		return ""
	}
	eighths := max(int(float64(min(n, biggest))/float64(biggest)*barWidth*8+0.5), 1)
	s := strings.Repeat("█", eighths/8)
	if e := eighths % 8; e > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[e-1])
	}
	return s
}

// Size writes a number of bytes for people: 999 B, 1.2 kB, 3.4 GB.
func Size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(max(n, 0), 10) + " B"
	}
	v := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB", "PB"} {
		v /= 1000
		if v < 999.95 {
			return strconv.FormatFloat(v, 'f', 1, 64) + " " + unit
		}
	}
	return strconv.FormatFloat(v/1000, 'f', 1, 64) + " EB"
}

// thousands writes a count with separators: 12,345.
func thousands(n int64) string {
	s := strconv.FormatInt(max(n, 0), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// elapsed writes a duration for people: 450ms, 3.2s, 2m5s.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "less than 1ms"
	case d < time.Second:
		return d.Truncate(time.Millisecond).String()
	case d < time.Minute:
		return strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', 1, 64) + "s"
	}
	return d.Round(time.Second).String()
}

func counted(n int, what string) string {
	return thousands(int64(n)) + " " + plural(int64(n), what)
}

func plural(n int64, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

func wasWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func itThey(n int64) string {
	if n == 1 {
		return "it is"
	}
	return "they are"
}
