package report

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Options are the settings of the formats. Each takes what it has a use for; the
// zero value works.
type Options struct {
	// Threshold decides what is a failure, where a format knows failures.
	Threshold Threshold
	// All writes findings of severity info, too.
	All bool
	// Reveal gives a finding's secret itself; of json, text and gitleaks only.
	Reveal func(f *Finding) (string, bool)
	// Color, Width and Link are those of [TextOptions].
	Color bool
	Width int
	Link  func(rule string) string
	// Rule gives the page of a rule, for formats that carry it. nil: none.
	Rule func(id string) (RulePage, bool)
	// Dockerfile is the one that the image was built from: findings whose
	// instruction is in it are told at its line. nil: not known.
	Dockerfile *Dockerfile
	// Started and Ended are when the scan ran, in the form 2006-01-02T15:04:05, for
	// the format that wants to know (gitlab). "": 1970.
	Started, Ended string

	lines *dockerfileLines // of Dockerfile, made by Write
}

// RulePage is what is told about a rule, in Markdown and in plain text.
type RulePage struct {
	Title, About   string
	Text, Markdown string
	Docs           string // a URL; "": none
	Severity       Severity
	Confidence     Confidence
}

// Formats are the names of all formats, the usual ones first.
func Formats() []string {
	return []string{"text", "json", "jsonl", "sarif", "html", "markdown", "github", "gitlab", "junit", "csv", "gitleaks", "in-toto"}
}

// Write writes a report in one of [Formats]; call [Report.Sort] first.
func Write(w io.Writer, r *Report, format string, o Options) error {
	o.lines = o.Dockerfile.index()
	switch format {
	case "text":
		return WriteText(w, r, TextOptions{Color: o.Color, Width: o.Width, Reveal: o.Reveal, All: o.All, Link: o.Link, Dockerfile: o.Dockerfile})
	case "json":
		return WriteJSON(w, r, JSONOptions{Reveal: o.Reveal})
	case "jsonl":
		return NewLines(w, r.Tool).Finish(r, o.Threshold)
	case "sarif":
		return writeSARIF(w, r, o)
	case "html":
		return WriteHTML(w, r, HTMLOptions{Threshold: o.Threshold, All: o.All})
	case "markdown":
		return writeMarkdown(w, r, o)
	case "github":
		return writeGitHub(w, r, o)
	case "gitlab":
		return writeGitLab(w, r, o)
	case "junit":
		return writeJUnit(w, r, o)
	case "csv":
		return writeCSV(w, r, o)
	case "gitleaks":
		return writeGitleaks(w, r, o)
	case "in-toto":
		return writeInToto(w, r, o)
	}
	return fmt.Errorf("there is no format %q", format)
}

// Dockerfile is a Dockerfile whose lines findings are told at.
type Dockerfile struct {
	Path  string // relative to the repository, with slashes
	Lines []string
	// Frame shows lines, from 1, with those around them, and no secret; "": they
	// can't be shown. nil: none can. The text report has it.
	Frame func(first, last int) string
}

// dockerfileLines are the instructions of a Dockerfile, ready to be compared: a
// report asks for the same few again and again.
type dockerfileLines struct {
	path         string
	frame        func(first, last int) string
	instructions []dockerfileLine
}

type dockerfileLine struct {
	first, last int    // its lines, from 1
	text        string // see normalInstruction
}

// index reads the instructions; of nil there are none.
func (d *Dockerfile) index() *dockerfileLines {
	x := &dockerfileLines{}
	if d == nil {
		return x
	}
	x.path, x.frame = d.Path, d.Frame
	for i := 0; i < len(d.Lines); i++ {
		first := i
		text := strings.TrimSpace(d.Lines[i])
		if text == "" || text[0] == '#' {
			continue
		}
		for strings.HasSuffix(text, "\\") && i+1 < len(d.Lines) {
			i++
			if next := strings.TrimSpace(d.Lines[i]); !strings.HasPrefix(next, "#") {
				text = strings.TrimSuffix(text, "\\") + next
			} else {
				text = strings.TrimSuffix(text, "\\") + "\\"
			}
		}
		x.instructions = append(x.instructions, dockerfileLine{first + 1, i + 1, normalInstruction(text)})
	}
	return x
}

// line returns the line, from 1, of an instruction as an image's history has
// it; 0: it is in none.
func (x *dockerfileLines) line(instruction string) int { return x.find(instruction).first }

// framed shows an instruction where it stands; "": it is in no line, or can't be
// shown.
func (x *dockerfileLines) framed(instruction string) string {
	l := x.find(instruction)
	if l.first == 0 || x.frame == nil {
		return ""
	}
	return x.frame(l.first, min(l.last, l.first+maxFramed-1))
}

// find looks an instruction up: it is only taken if it is the only one that fits.
func (x *dockerfileLines) find(instruction string) (found dockerfileLine) {
	if len(x.instructions) == 0 || instruction == "" {
		return found
	}
	want := normalInstruction(instruction)
	for _, l := range x.instructions {
		if !sameInstruction(l.text, want) {
			continue
		}
		if found.first > 0 {
			return dockerfileLine{}
		}
		found = l
	}
	return found
}

// normalInstruction takes out what a builder adds to an instruction, flags, and
// how it is spaced.
func normalInstruction(s string) string {
	s = strings.TrimSuffix(strings.TrimSpace(s), "# buildkit")
	if i := strings.Index(s, "#(nop)"); i >= 0 {
		s = s[i+len("#(nop)"):]
	}
	words := strings.Fields(s)
	if len(words) == 0 {
		return ""
	}
	words[0] = strings.ToUpper(words[0])
	if words[0] == "RUN" && len(words) > 1 && strings.HasPrefix(words[1], "|") {
		if i := slices.Index(words, "/bin/sh"); i > 0 { // RUN |1 A=b /bin/sh -c …
			words = append(words[:1], words[i:]...)
		}
	}
	if len(words) > 2 && words[0] == "RUN" && words[1] == "/bin/sh" && words[2] == "-c" {
		words = append(words[:1], words[3:]...)
	}
	kept := words[:1]
	for i, w := range words[1:] {
		if strings.HasPrefix(w, "--") && i+1 == len(kept) {
			continue
		}
		kept = append(kept, w)
	}
	return strings.Join(kept, " ")
}

// legacyCopy is what the builder before BuildKit writes of a COPY: the hash of what
// it took, and where that went.
var legacyCopy = regexp.MustCompile(`^(?:dir|file|multi):[0-9a-f]+ in (\S+)$`)

// sameInstruction compares two: values are masked in what a report has, and ENV
// and LABEL have = or a blank between a name and its value.
func sameInstruction(a, b string) bool {
	if a == b {
		return true
	}
	ka, ra, _ := strings.Cut(a, " ")
	kb, rb, _ := strings.Cut(b, " ")
	if ka != kb || ka == "RUN" {
		return false
	}
	switch ka {
	case "ENV", "LABEL", "ARG":
		name := func(s string) string { n, _, _ := strings.Cut(s, "="); n, _, _ = strings.Cut(n, " "); return n }
		return name(ra) != "" && name(ra) == name(rb)
	case "COPY", "ADD":
		// BuildKit writes the destination with a slash, the sources as they are.
		trim := func(s string) string { return strings.ReplaceAll(strings.TrimSuffix(s, "/"), "\"", "") }
		if m := legacyCopy.FindStringSubmatch(rb); m != nil {
			return trim(ra[strings.LastIndexByte(ra, ' ')+1:]) == trim(m[1])
		}
		return trim(ra) == trim(rb)
	}
	return false
}

// entry is a finding as most formats list it: with those of its locations that
// are in one image, and are not suppressed unless all are.
type entry struct {
	*Finding
	image     int
	name      string     // of the image; see imageLabels
	locations []Location // at least one
}

func (e *entry) first() *Location { return &e.locations[0] }

// entries gives the findings image by image.
func (r *Report) entries(o Options) (all []entry) {
	names := imageLabels(r.Images)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Severity == SeverityInfo && !o.All {
			continue
		}
		by := map[int]int{}
		from := len(all)
		for _, l := range f.Locations {
			k, ok := by[l.Image]
			if !ok {
				k = len(all)
				by[l.Image] = k
				e := entry{Finding: f, image: l.Image}
				if l.Image >= 0 && l.Image < len(names) {
					e.name = names[l.Image]
				}
				all = append(all, e)
			}
			all[k].locations = append(all[k].locations, l)
		}
		for k := from; k < len(all); k++ {
			countingFirst(all[k].locations)
		}
	}
	return all
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// suppressed reports whether none of the locations counts.
func (e *entry) suppressed() *Suppression { return e.locations[0].Suppressed }

// fails reports whether it is what a gate stops for.
func (e *entry) fails(t Threshold) bool {
	return e.suppressed() == nil && t.leak(e.Finding)
}

// where is a location in words, without the image.
func (l *Location) where() string {
	s := Escape(l.Path)
	switch {
	case l.Place == PlaceUnparsed:
		s = "bytes of the layer that no file accounts for"
	case s == "":
		s = string(l.Place)
	}
	if l.Line > 0 && l.Place == PlaceFile {
		s += fmt.Sprintf(":%d:%d", l.Line, l.Column)
	}
	if l.Layer != nil && l.Layer.Index > 0 {
		s += fmt.Sprintf(" in layer %d of %d", l.Layer.Index, l.Layer.Of)
	}
	return s
}

// message is a finding in one sentence or two.
func (e *entry) message() string {
	l := e.first()
	s := fmt.Sprintf("%s (%s): %s", Escape(e.Title), Escape(e.Secret.String()), l.where())
	if fate := fateSentence(l); fate != "" {
		s += ", " + fate
	}
	if n := len(e.locations) - 1; n > 0 {
		s += fmt.Sprintf("; and in %s more", counted(n, "place"))
	}
	return s + "."
}

// advice is what to do about it.
func (e *entry) advice() string {
	s := Escape(e.Fix)
	if e.Revoke != "" {
		s = strings.TrimSpace(s + " To revoke it: " + Escape(e.Revoke))
	}
	return s
}
