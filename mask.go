package leakscan

import (
	"regexp"
	"strings"

	"github.com/leakscan/leakscan/detect"
)

// The text around a finding can hold the secret too: the instruction, the
// path, the reason of a gap. All of it passes through here, once all secrets
// of the scan are known.

// masking gives a text without secrets. It must be called when all secrets of
// the scan are known.
func (s *scan) masking(t string) string {
	if m, ok := s.masked[t]; ok {
		return m
	}
	if s.mask == nil {
		s.mask = newMasker(s.scanner, s.secrets)
	}
	m := s.mask.mask(text(t))
	s.masked[t] = m
	return m
}

// maskAll takes the secrets out of all other texts of the report that come
// from an image, a registry or the command line.
func (s *scan) maskAll() {
	mask := func(texts ...*string) {
		for _, t := range texts {
			*t = s.masking(*t)
		}
	}
	for i := range s.rep.Images {
		img := &s.rep.Images[i]
		img.Reference = s.maskRef(img.Reference)
		mask(&img.Name, &img.Source.Detail, &img.Platform, &img.Digest, &img.ConfigDigest)
		for k := range img.Source.Tried {
			mask(&img.Source.Tried[k].Reason)
		}
		for k := range img.Layers {
			mask(&img.Layers[k].Digest, &img.Layers[k].DiffID)
		}
	}
	for i := range s.rep.Findings {
		f := &s.rep.Findings[i]
		mask(&f.Key, &f.Note, &f.Info)
		for k := range f.Locations {
			if l := f.Locations[k].Layer; l != nil {
				mask(&l.Digest, &l.DiffID)
			}
		}
	}
	for i := range s.rep.Gaps {
		g := &s.rep.Gaps[i]
		g.Blob = s.maskRef(g.Blob)
		mask(&g.Path, &g.Reason, &g.Hint)
		for k := range g.Tried {
			mask(&g.Tried[k].Reason)
		}
	}
	for i := range s.rep.Notes {
		mask(&s.rep.Notes[i].Text)
	}
}

// masker replaces the secrets of a scan in texts that are to be shown.
type masker struct {
	scanner *detect.Scanner
	known   map[[minMask]byte][]knownSecret // by their first bytes, the longest first
}

type knownSecret struct {
	value   string
	preview string
}

func newMasker(s *detect.Scanner, v *Vault) *masker {
	m := &masker{scanner: s, known: map[[minMask]byte][]knownSecret{}}
	for _, sec := range v.values() {
		value := string(sec.Reveal())
		head := [minMask]byte([]byte(value[:minMask]))
		m.known[head] = append(m.known[head], knownSecret{value, sec.Preview()})
	}
	return m
}

// mask takes out the secrets that were found anywhere, those that the rules
// see in the text itself, and the passwords of URLs. Digests stay.
func (m *masker) mask(text string) string {
	if len(text) < minMask || digestForm.MatchString(text) {
		return text
	}
	var b strings.Builder
	at := 0
	for _, d := range digestIn.FindAllStringIndex(text, -1) { // digests say nothing, and must stay right
		b.WriteString(m.scanner.Mask(m.replace(text[at:d[0]])))
		b.WriteString(text[d[0]:d[1]])
		at = d[1]
	}
	b.WriteString(m.scanner.Mask(m.replace(text[at:])))
	return hidePasswords(b.String(), urlUser)
}

// replace takes out the secrets that were found anywhere.
func (m *masker) replace(text string) string {
	all := m.cover(text)
	if len(all) == 0 {
		return text
	}
	var b strings.Builder
	done := 0
	for _, c := range all {
		b.WriteString(text[done:c.From])
		b.WriteString(c.Shown)
		done = c.To
	}
	b.WriteString(text[done:])
	return b.String()
}

// cover finds the secrets that were found anywhere.
func (m *masker) cover(text string) []detect.Covered {
	var all []detect.Covered
	for i := 0; i+minMask <= len(text); i++ {
		for _, k := range m.known[[minMask]byte([]byte(text[i:i+minMask]))] {
			if strings.HasPrefix(text[i:], k.value) {
				all = append(all, detect.Covered{From: i, To: i + len(k.value), Shown: k.preview})
				i += len(k.value) - 1
				break
			}
		}
	}
	return all
}

// maskRef is masking for a reference, which may have been meant as a URL.
func (s *scan) maskRef(ref string) string { return hidePasswords(s.masking(ref), refUser) }

// hidePasswords takes the user and password out of URLs and references. In
// name:tag@sha256:… there is none.
func hidePasswords(text string, form *regexp.Regexp) string {
	return form.ReplaceAllStringFunc(text, func(m string) string {
		if tail := m[strings.LastIndexByte(m, '@')+1:]; strings.HasPrefix(tail, "sha256") || strings.HasPrefix(tail, "sha512") {
			return m
		}
		start := strings.LastIndexByte(m[:strings.LastIndexByte(m, '@')], '/') + 1
		return m[:start] + "…" + m[strings.LastIndexByte(m, '@'):]
	})
}

var (
	digestForm = regexp.MustCompile(`^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$`)
	digestIn   = regexp.MustCompile(`sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})`)
	urlUser    = regexp.MustCompile(`[a-z]://[^/@\s]+:[^/@\s]*@[0-9A-Za-z]*`)
	refUser    = regexp.MustCompile(`^[^/@\s]+:[^/@\s]*@[0-9A-Za-z]*`)
)
