// Package ignore takes findings back that the user knows about: by entries of
// an ignore file or of the settings, by a baseline, by gitleaks' ignore file.
//
// Only files that the user names, or that lie in the user's own directory, are
// read; never anything of an image or of a tree that is scanned, which could
// hide its own secrets so. What is taken back stays in the report, with who said
// so and why, and is counted. An entry that has expired, or that fits nothing,
// is told.
package ignore

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// Entry says which locations do not count. It has a Fingerprint, or a Rule and
// perhaps a Path and an Image, which are globs: * is anything but a slash, **
// anything, ? a character.
type Entry struct {
	Fingerprint string // of a location
	Rule        string
	Path        string // in the image, with or without the leading slash
	Image       string // the reference as it was given; a name inside an archive is of who made that

	Reason string // needed
	Owner  string
	Until  string // 2006-01-02: the last day on which it counts; "": forever

	From  string // where it stands, as in .leakscanignore:3
	Quiet bool   // it is no news that it fits nothing: an entry of a baseline

	line   int    // of gitleaks' entries: the line of the finding; 0: any
	commit string // and the digest of the layer; "": any
}

// Keys are the names of an entry's fields, in files.
func Keys() []string {
	return []string{"fingerprint", "rule", "path", "image", "reason", "owner", "until"}
}

// Set gives an entry's field its value.
func (e *Entry) Set(key, value string) error {
	field := map[string]*string{"fingerprint": &e.Fingerprint, "rule": &e.Rule, "path": &e.Path, "image": &e.Image, "reason": &e.Reason, "owner": &e.Owner, "until": &e.Until}[key]
	switch {
	case field == nil:
		// The file may be another one by mistake: what is in it is not shown.
		if near := rules.Nearest(key, Keys()); near != "" {
			return fmt.Errorf("an entry has no such key; did you mean %s?", near)
		}
		return fmt.Errorf("an entry has no such key: there are %s", strings.Join(Keys(), ", "))
	case *field != "":
		return fmt.Errorf("%s is given twice", key)
	case value == "":
		return fmt.Errorf("%s has no value", key)
	}
	*field = value
	return nil
}

// Pair writes a field of an entry as an ignore file has it.
func Pair(key, value string) string {
	if strings.ContainsAny(value, " \t#\"") {
		value = strconv.Quote(value)
	}
	return key + "=" + value
}

// YAML writes a field of an entry as the settings have it.
func YAML(key, value string) string {
	if strings.ContainsAny(value, "*\"#:") {
		value = strconv.Quote(value)
	}
	return key + ": " + value
}

// Check says what is wrong with an entry; field writes what it advises.
func (e *Entry) Check(field func(key, value string) string) error {
	switch {
	case e.Fingerprint == "" && e.Rule == "":
		return fmt.Errorf("it has no fingerprint and no rule: give one, as a finding shows them; %s is every rule", field("rule", "*"))
	case e.Fingerprint != "" && e.Rule+e.Path+e.Image != "":
		return fmt.Errorf("it has a fingerprint, which says all: leave rule, path and image out")
	case e.Reason == "":
		return fmt.Errorf("it has no reason: say why it does not count, as in %s", field("reason", "revoked in March"))
	}
	if e.Until != "" {
		if _, err := time.Parse(time.DateOnly, e.Until); err != nil {
			return fmt.Errorf("until is no day: want one like 2027-01-31")
		}
	}
	return nil
}

// Parse reads an ignore file: an entry a line, blank lines and those that start
// with # apart. An entry is a fingerprint, or key=value pairs with blanks
// between them; a value with blanks is quoted. The errors name the file and the
// line; all of them are returned, joined.
func Parse(name string, text []byte) ([]Entry, error) {
	var es []Entry
	var errs []string
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		from := fmt.Sprintf("%s:%d", name, n)
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		words, err := fields(line)
		if err == nil && len(words) == 0 {
			continue
		}
		e := Entry{From: from}
		for i, w := range words {
			key, value, ok := strings.Cut(w, "=")
			if !ok && i == 0 {
				key, value = "fingerprint", w
			} else if !ok {
				err = fmt.Errorf("word %d is no key=value", i+1)
			}
			if err == nil {
				err = e.Set(key, value)
			}
		}
		if err == nil {
			err = e.Check(Pair)
		}
		if err != nil {
			errs = append(errs, fmt.Sprintf("%s: %v", from, err))
			continue
		}
		es = append(es, e)
	}
	if errs != nil {
		return nil, fmt.Errorf("%s", strings.Join(errs, "\n"))
	}
	return es, nil
}

// fields splits a line at blanks, but for those in double quotes, and leaves a
// comment out.
func fields(line string) (words []string, err error) {
	var w strings.Builder
	started, quoted := false, false
	end := func() {
		if started {
			words = append(words, w.String())
		}
		w.Reset()
		started = false
	}
	line = strings.TrimRight(line, "\r\n")
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted, started = !quoted, true
		case c == '\\' && quoted && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\'):
			i++
			w.WriteByte(line[i])
		case !quoted && (c == ' ' || c == '\t'):
			end()
		case !quoted && c == '#' && !started:
			return words, nil
		default:
			w.WriteByte(c)
			started = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	end()
	return words, nil
}

// Gitleaks reads gitleaks' own ignore file (.gitleaksignore): file:rule:line, or
// commit:file:rule:line, whose commit is a layer's digest here. Lines of other
// forms are skipped, as gitleaks does.
func Gitleaks(name string, text []byte) (es []Entry) {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		parts := strings.Split(strings.TrimSpace(line), ":")
		if len(parts) < 3 || strings.HasPrefix(parts[0], "#") {
			continue
		}
		commit := strings.Join(parts[:len(parts)-3], ":")
		parts = parts[len(parts)-3:]
		e := Entry{Rule: literally(parts[1]), Path: literally(parts[0]), Reason: "an entry of " + name, From: fmt.Sprintf("%s:%d", name, n), Quiet: true, commit: commit}
		var err error
		if e.line, err = strconv.Atoi(parts[2]); err == nil && e.line > 0 && e.Path != "" && e.Rule != "" {
			es = append(es, e)
		}
	}
	return es
}

// literally is a glob for a text as it is.
func literally(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`).Replace(s)
}

// Baseline makes an entry of each location of a report.
func Baseline(name string, r *report.Report) (es []Entry) {
	seen := map[string]bool{}
	for i := range r.Findings {
		for _, l := range r.Findings[i].Locations {
			if !seen[l.Fingerprint] {
				seen[l.Fingerprint] = true
				es = append(es, known(name, l.Fingerprint))
			}
		}
	}
	return es
}

// known is the entry for a location of the baseline in a file.
func known(file, fingerprint string) Entry {
	return Entry{Fingerprint: fingerprint, Reason: "it is in the baseline", From: file, Quiet: true}
}

// Apply marks the locations that do not count, and notes the entries that have
// expired or fit nothing. now is the day on which it is asked, ids are the rules
// that there are.
func Apply(r *report.Report, es []Entry, now time.Time, ids []string) {
	byFingerprint := map[string]*Entry{}
	var matchers []*matcher
	day := now.Format(time.DateOnly)
	used := map[*Entry]bool{}
	for i := range es {
		e := &es[i]
		if e.Until != "" && e.Until < day {
			r.Notes = append(r.Notes, report.Note{Text: fmt.Sprintf("%s: the entry for %s has expired on %s and counts no more: renew it or take it out", e.From, e.what(), e.Until)})
			used[e] = true
			continue
		}
		if e.Fingerprint != "" {
			if byFingerprint[e.Fingerprint] == nil {
				byFingerprint[e.Fingerprint] = e
			}
			continue
		}
		matchers = append(matchers, newMatcher(e))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		for k := range f.Locations {
			l := &f.Locations[k]
			e := byFingerprint[l.Fingerprint]
			for n := 0; e == nil && inConfig(l) && n < len(f.Locations); n++ {
				// ENV, ARG and LABEL put a value into the config and its history at
				// once, and only one of the two is told with its fingerprint.
				if o := &f.Locations[n]; o.Image == l.Image && inConfig(o) {
					e = byFingerprint[o.Fingerprint]
				}
			}
			if e != nil {
				used[e] = true
			}
			for _, m := range matchers {
				if m.fits(r, f, l) {
					used[m.Entry] = true
					if e == nil {
						e = m.Entry
					}
				}
			}
			if e != nil {
				l.Suppressed = &report.Suppression{By: e.From, Reason: e.Reason, Owner: e.Owner, Until: e.Until}
			}
		}
	}
	for _, m := range matchers {
		// An entry for other images is not idle.
		if m.image != nil && !slices.ContainsFunc(r.Images, func(img report.Image) bool { return m.image.MatchString(img.Reference) }) {
			used[m.Entry] = true
		}
	}
	for i := range es {
		e := &es[i]
		if used[e] || e.Quiet {
			continue
		}
		mistake := e.mistake(ids)
		if mistake == "" && r.Complete {
			mistake = "take it out"
		}
		if mistake != "" {
			r.Notes = append(r.Notes, report.Note{Text: fmt.Sprintf("%s: the entry for %s fits no finding: %s", e.From, e.what(), mistake)})
		}
	}
	r.Sort()
}

// fingerprintForm is that of report.Location.Fingerprint.
var fingerprintForm = regexp.MustCompile(`^[0-9a-f]{24}$`)

// mistake is why an entry can't fit anything; "": it can.
func (e *Entry) mistake(ids []string) string {
	switch {
	case e.Fingerprint != "" && !fingerprintForm.MatchString(e.Fingerprint):
		return "it is malformed: a fingerprint has 24 characters, 0-9 and a-f, and is the last line of a finding"
	case e.Fingerprint != "":
		return ""
	}
	if rule := glob(e.Rule); slices.ContainsFunc(ids, rule.MatchString) {
		return ""
	}
	if near := rules.Nearest(e.Rule, ids); near != "" {
		return fmt.Sprintf("there is no rule %s; did you mean %s?", e.Rule, near)
	}
	return "there is no such rule"
}

// what is an entry in a few words.
func (e *Entry) what() string {
	if e.Fingerprint != "" {
		return e.Fingerprint
	}
	s := "rule " + e.Rule
	if e.Path != "" {
		s += " in " + e.Path
	}
	return s
}

type matcher struct {
	*Entry
	rule, path, image *regexp.Regexp // nil: anything
}

func newMatcher(e *Entry) *matcher {
	m := &matcher{Entry: e, rule: glob(e.Rule)}
	if e.Path != "" {
		m.path = glob(strings.TrimPrefix(e.Path, "/"))
	}
	if e.Image != "" {
		m.image = glob(e.Image)
	}
	return m
}

func (m *matcher) fits(r *report.Report, f *report.Finding, l *report.Location) bool {
	if !m.rule.MatchString(f.Rule) || m.line > 0 && m.line != l.Line {
		return false
	}
	if m.path != nil && !m.path.MatchString(strings.TrimPrefix(l.Path, "/")) {
		return false
	}
	if m.image != nil {
		return m.image.MatchString(r.Images[l.Image].Reference)
	}
	if m.commit != "" {
		return l.Layer != nil && (l.Layer.Digest == m.commit || l.Layer.DiffID == m.commit)
	}
	return true
}

func inConfig(l *report.Location) bool {
	return l.Place == report.PlaceConfig || l.Place == report.PlaceHistory
}

// glob makes a pattern that all of a text must match.
func glob(g string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(g); i++ {
		switch c := g[i]; {
		case c == '\\' && i+1 < len(g):
			i++
			b.WriteString(regexp.QuoteMeta(g[i : i+1]))
		case strings.HasPrefix(g[i:], "**/"):
			b.WriteString(`(?:.*/)?`)
			i += 2
		case strings.HasPrefix(g[i:], "**"):
			b.WriteString(`.*`)
			i++
		case c == '*':
			b.WriteString(`[^/]*`)
		case c == '?':
			b.WriteString(`[^/]`)
		default:
			j := i + 1
			for j < len(g) && g[j] >= 0x80 {
				j++
			}
			b.WriteString(regexp.QuoteMeta(g[i:j]))
			i = j - 1
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil { // a byte that is no UTF-8
		return regexp.MustCompile(`\A\z.`)
	}
	return re
}
