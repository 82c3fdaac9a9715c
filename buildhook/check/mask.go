package check

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"

	"github.com/leakscan/leakscan/detect"
)

// Everything that is shown passes through here: a Dockerfile that holds a
// secret is quoted without it.

// minKnown is the length from which on a value is masked wherever it stands.
const minKnown = 5

// known keeps a value that must not be shown.
func (c *checker) known(v string) {
	for part := range strings.Lines(v) {
		part = strings.TrimSpace(part)
		if len(part) >= minKnown && !slices.Contains(c.values, part) && !placeholder(part) && !plainWord(part) {
			// The longest first: another may be a part of it.
			i, _ := slices.BinarySearchFunc(c.values, part, func(a, b string) int { return len(b) - len(a) })
			c.values = slices.Insert(c.values, i, part)
		}
	}
}

// plainWord is for passwords such as "postgres", which are also the names of
// images: they are masked where they were found, and not elsewhere.
func plainWord(v string) bool {
	return len(v) < 12 && strings.Trim(v, "abcdefghijklmnopqrstuvwxyz") == ""
}

// mask takes the secrets out of a text of one line or several.
func (c *checker) mask(t string) string {
	if t == "" {
		return ""
	}
	return hideRandom(c.maskName(t))
}

// maskName is mask for the names of files and variables, which stay as they
// are if no secret is known in them.
func (c *checker) maskName(t string) string {
	if t == "" {
		return ""
	}
	return c.scanner.Mask(c.hide(t))
}

// maskedSource is a source's text without its secrets, with the same lines.
func (c *checker) maskedSource(s *source) []byte {
	if s.masked != nil {
		return s.masked
	}
	type cut struct {
		extent
		shown string
	}
	var cuts []cut
	if c.cover != nil {
		for _, k := range c.cover(s.data) {
			cuts = append(cuts, cut{extent{k.From, k.To}, strings.ReplaceAll(k.Shown, "\n", " ")})
		}
	}
	texts := []*text{s.text()}
	if c.d != nil && s == c.d.src {
		texts = append(texts, c.d.joined())
	}
	for _, t := range texts {
		for m, err := range c.scanner.ScanBytes(s.name, []byte(t.s)) {
			if err != nil {
				break
			}
			if guess(&m) && placeholder(string(m.Secret.Reveal())) {
				continue // a variable, for instance
			}
			cuts = append(cuts, cut{t.extent(int(m.SecretOffset), int(m.SecretEnd)), m.Secret.Preview()})
		}
	}
	for _, f := range c.found {
		if f.src == s && f.value.to > f.value.from {
			cuts = append(cuts, cut{f.value, c.secret(string(s.data[f.value.from:f.value.to])).Preview()})
		}
	}
	if c.d != nil && s == c.d.src {
		for _, e := range c.hidden {
			cuts = append(cuts, cut{e, c.secret(string(s.data[e.from:e.to])).Preview()})
		}
	}
	slices.SortStableFunc(cuts, func(a, b cut) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	var b bytes.Buffer
	done := 0
	for _, k := range cuts {
		from, to := max(k.from, done), min(k.to, len(s.data))
		if to <= from {
			continue
		}
		b.Write(s.data[done:from])
		b.WriteString(k.shown)
		// The lines stay: a frame is told by their numbers.
		b.WriteString(strings.Repeat("\n…", bytes.Count(s.data[from:to], []byte("\n"))))
		done = to
	}
	b.Write(s.data[done:])
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		if c.d == nil { // nothing is known of it: what a name is followed by counts
			l = spaced.ReplaceAllStringFunc(l, c.hideSpaced)
		}
		lines[i] = hideRandom(c.hide(l))
	}
	s.masked = []byte(strings.Join(lines, "\n"))
	return s.masked
}

// Masked is a Dockerfile without what the rules take for a secret in it, and
// without what cover says of a text (nil: nothing more); it has the same lines. An
// instruction of several lines is looked at as a builder puts it together, too:
// its lines may have pieces of a secret, of which none is one.
func Masked(s *detect.Scanner, name string, data []byte, cover func([]byte) []detect.Covered) []byte {
	masked := func(lines []string) []string {
		c := &checker{scanner: s, cover: cover}
		return strings.Split(string(c.maskedSource(newSource(name, []byte(strings.Join(lines, "\n"))))), "\n")
	}
	lines := strings.Split(string(data), "\n")
	shown := masked(lines)
	of, joined := putTogether(lines, lines)
	_, pieces := putTogether(lines, shown)
	whole := masked(joined)
	for i, k := range of {
		if whole[k] != pieces[k] {
			shown[i] = "…"
		}
	}
	return []byte(strings.Join(shown, "\n"))
}

// putTogether gives the instructions of a Dockerfile, whether it can be parsed or
// not, from what is shown of its lines: of says of each line which it is of.
// Comments and empty lines between are left out, as a builder leaves them out.
func putTogether(lines, shown []string) (of []int, joined []string) {
	open := false
	var one []string // of the lines of an instruction
	for i, l := range lines {
		if !open {
			if i > 0 {
				joined = append(joined, strings.Join(one, ""))
			}
			one = one[:0]
		}
		k := len(joined)
		of = append(of, k)
		t := strings.TrimSpace(l)
		comment := t == "" || t[0] == '#'
		if open && comment {
			continue
		}
		one = append(one, strings.TrimRight(strings.TrimRight(shown[i], " \t\r"), "\\`"))
		open = !comment && strings.TrimRight(t, "\\`") != t
	}
	return of, append(joined, strings.Join(one, ""))
}

// MaskedLine is a text that quotes an instruction, such as the name of a step,
// without the values of what has a secret's name, and the passwords in URLs.
// What the rules see is left to the caller.
func MaskedLine(text string) string {
	c := &checker{}
	return c.hide(spaced.ReplaceAllStringFunc(text, c.hideSpaced))
}

// hideSpaced takes the value out of an instruction in the old form, if its name
// is that of a secret.
func (c *checker) hideSpaced(m string) string {
	f := strings.Fields(m)
	if len(f) != 3 || !secretName(f[1]) || notAValue(f[2]) || masked.MatchString(f[2]) {
		return m
	}
	return f[0] + " " + f[1] + " " + c.secret(f[2]).Preview()
}

// hide takes out the values that are known, and the passwords in URLs.
func (c *checker) hide(t string) string {
	for _, v := range c.values {
		if strings.Contains(t, v) {
			t = strings.ReplaceAll(t, v, c.secret(v).Preview())
		}
	}
	t = userinfo.ReplaceAllStringFunc(t, func(m string) string {
		i := strings.Index(m, "//") + 2
		user, password, has := strings.Cut(m[i:len(m)-1], ":")
		switch {
		case has && (password == "" || password == "x-oauth-basic" || password == "x-access-token") && !notAValue(user):
			user = "…"
		case has && !notAValue(password):
			password = "…"
		case !has && len(user) >= 16 && !notAValue(user):
			user = "…"
		default:
			return m
		}
		if has {
			user += ":" + password
		}
		return m[:i] + user + "@"
	})
	t = userAtHost.ReplaceAllString(t, "${1}…${3}")
	t = complaint.ReplaceAllString(t, "${1}…}")
	return assigned.ReplaceAllStringFunc(t, func(m string) string {
		i := strings.IndexAny(m, "=:")
		if i < 0 || !secretName(m[:i]) {
			return m
		}
		v := strings.Trim(m[i+1:], `"'`)
		if masked.MatchString(v) || notAValue(v) || placeholder(v) && !strings.HasPrefix(v, "$") || pathLike(v) || exampleCredential(v) || m[i] == ':' && strings.HasPrefix(v, "//") {
			return m
		}
		return m[:i+1] + c.secret(v).Preview()
	})
}

var (
	// userinfo is the user part of a URL, whatever its password is made of.
	userinfo = regexp.MustCompile(`//[^\s/@"'<>]+@`)
	// userAtHost is the same without a scheme, which a reference to an image
	// can't have.
	userAtHost = regexp.MustCompile(`\b([\w.+\-]+:)([^\s@/:"']{5,})(@[\w\-]+\.[\w.\-]+)`)
	// complaint is ${NAME:?text} whose text is no sentence.
	complaint = regexp.MustCompile(`(\$\{\w+:?\?)([^\s}]{8,})\}`)
	// assigned is what stands behind a name: of a variable, an argument, a key.
	assigned = regexp.MustCompile(`[A-Za-z_][\w.\-]*[=:](?:"[^"\n]*"|'[^'\n]*'|[^\s"',;)&|]+)`)
	// masked is what [detect.Secret.Preview] shows in the place of a value, to its
	// first blank, or what package known puts there.
	masked = regexp.MustCompile(`^(?:•••|[ -~]{0,4}…\([0-9]{1,9}(?: characters\))?)$`)
	// variable is the mere name of one, in the ways in which it is written.
	bare = regexp.MustCompile(`^(?:\$\{?[A-Za-z_][\w]*\}?|\$\{\{[^}]*\}\}|\$\([^)]*\)|%[A-Za-z_]+%|<[^>]*>|\$[0-9@*])+$`)
)

// notAValue says whether a text is nothing but names of variables.
func notAValue(s string) bool {
	return s == "" || bare.MatchString(s)
}

// spaced is an instruction in the old form: ENV NAME value.
var spaced = regexp.MustCompile(`(?i)\b(?:ENV|ARG|LABEL)\s+[A-Za-z_][\w.\-]*\s+\S+`)

var longWord = regexp.MustCompile(`[0-9A-Za-z+_!#%&*^~?]{12,}`)

// hideRandom is for what nothing has recognised: a word with capitals, small
// letters and digits mixed may be a password, and is not shown. A frame can do
// without it.
func hideRandom(s string) string {
	return longWord.ReplaceAllStringFunc(s, func(w string) string {
		upper, lowerCase, digit, changes := false, false, false, 0
		class := 0
		for _, r := range w {
			k := 0
			switch {
			case 'A' <= r && r <= 'Z':
				upper, k = true, 1
			case 'a' <= r && r <= 'z':
				lowerCase, k = true, 2
			case '0' <= r && r <= '9':
				digit, k = true, 3
			}
			if k != class {
				changes++
			}
			class = k
		}
		if !upper || !lowerCase || !digit || changes < 6 {
			return w
		}
		return "…(" + strconv.Itoa(len(w)) + " characters)"
	})
}

// shown masks a source and its new text, so that a line that stays looks the
// same in both.
func (c *checker) shown(s *source, text []byte) (old, changed []byte) {
	old = c.maskedSource(s)
	masked := strings.Split(string(old), "\n")
	same := map[string]string{}
	for i, l := range strings.Split(string(s.data), "\n") {
		if m, ok := same[l]; i < len(masked) && (!ok || m == l) { // what hides more
			same[l] = masked[i]
		}
	}
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if m, ok := same[l]; ok {
			lines[i] = m
		} else {
			lines[i] = c.mask(l)
		}
	}
	return old, []byte(strings.Join(lines, "\n"))
}

// maxFrame is how many lines of a file are shown.
const maxFrame = 12

// frame shows the lines of a finding, in BuildKit's own form.
func (c *checker) frame(s *source, e extent) string {
	if len(s.data) == 0 || e.to <= e.from {
		return ""
	}
	first, _ := s.position(e.from)
	last, _ := s.position(max(e.to-1, e.from))
	last = min(last, first+maxFrame)
	return Frame(s.name, c.maskedSource(s), first, last)
}

// Frame shows lines of a file, from 1, as BuildKit does in its own errors, with
// those around them. The data is shown as it is: see [Masked].
func Frame(name string, data []byte, first, last int) string {
	var b bytes.Buffer
	src := errdefs.Source{
		Info:   &pb.SourceInfo{Filename: name, Data: data},
		Ranges: []*pb.Range{{Start: &pb.Position{Line: int32(first)}, End: &pb.Position{Line: int32(last)}}},
	}
	if err := src.Print(&b); err != nil {
		return ""
	}
	return strings.ReplaceAll(b.String(), "\r", "")
}
