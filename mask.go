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
		mask(&img.Reference, &img.Name, &img.Source.Detail, &img.Platform, &img.Digest, &img.ConfigDigest)
		for k := range img.Source.Tried {
			mask(&img.Source.Tried[k].Reason)
		}
		for k := range img.Layers {
			mask(&img.Layers[k].Digest, &img.Layers[k].DiffID)
		}
	}
	for i := range s.rep.Findings {
		f := &s.rep.Findings[i]
		mask(&f.Key)
		for k := range f.Locations {
			if l := f.Locations[k].Layer; l != nil {
				mask(&l.Digest, &l.DiffID)
			}
		}
	}
	for i := range s.rep.Gaps {
		g := &s.rep.Gaps[i]
		mask(&g.Blob, &g.Path, &g.Reason, &g.Hint)
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
	known   *strings.Replacer
}

func newMasker(s *detect.Scanner, v *Vault) *masker {
	var pairs []string
	for _, sec := range v.values() {
		pairs = append(pairs, string(sec.Reveal()), sec.Preview())
	}
	return &masker{scanner: s, known: strings.NewReplacer(pairs...)}
}

// mask takes out the secrets that were found anywhere, those that the rules
// see in the text itself, and the passwords of URLs. Digests stay.
func (m *masker) mask(text string) string {
	if len(text) < minMask || digestForm.MatchString(text) {
		return text
	}
	return hidePasswords(m.scanner.Mask(m.known.Replace(text)))
}

// hidePasswords takes the user and password out of URLs, and of references
// that were meant as URLs. In name:tag@sha256:… there is none.
func hidePasswords(text string) string {
	return userinfo.ReplaceAllStringFunc(text, func(m string) string {
		if tail := m[strings.LastIndexByte(m, '@')+1:]; strings.HasPrefix(tail, "sha256") || strings.HasPrefix(tail, "sha512") {
			return m
		}
		start := strings.LastIndexByte(m[:strings.LastIndexByte(m, '@')], '/') + 1
		return m[:start] + "…" + m[strings.LastIndexByte(m, '@'):]
	})
}

var (
	digestForm = regexp.MustCompile(`^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$`)
	userinfo   = regexp.MustCompile(`(?:[a-z]://|^)[^/@\s]+:[^/@\s]*@[0-9A-Za-z]*`)
)
