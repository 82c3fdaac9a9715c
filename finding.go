package leakscan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// What a finding says beside where it lies: its name, how to see it, how to
// mend it.

// maxLocations bounds the locations of a report: a layer full of secrets can be
// listed as often as a manifest is long.
const maxLocations = 100_000

// finding adds a location to the finding of its secret.
func (j *imageJoin) finding(m *BlobMatch, loc report.Location, instruction, target string) {
	key := m.Rule + "\x00" + m.Secret
	f := j.findings[key]
	if j.locations++; j.locations > maxLocations {
		return // told at the end
	}
	if f == nil {
		r := j.o.Rules.Rule(m.Rule)
		if r == nil {
			r = &rules.Rule{ID: m.Rule, Title: m.Rule}
		}
		f = &report.Finding{Rule: r.ID, Title: r.Title, Description: cmp.Or(r.About, r.Description), Severity: m.Severity, Confidence: m.Confidence, Info: m.Info, Note: m.Note,
			Secret: report.PreviewOf(m), Fix: r.Fix, Revoke: r.Revoke}
		j.findings[key] = f
		j.order = append(j.order, key)
	}
	f.Key = cmp.Or(f.Key, m.Key)
	worst(f, m)
	loc.Fingerprint = fingerprint(m.Rule, string(loc.Place), lasting(m), m.Short)
	j.secrets.name(m.Rule, m.Secret, loc.Fingerprint)
	if m.Public != "" && !j.paired[f] {
		j.paired[f] = true
		j.pending = append(j.pending, func() {
			if f.Info == "" {
				f.Note = j.withPartner(f.Note, publicKey{loc.Image, m.Public})
			}
		})
	}
	i := len(f.Locations)
	f.Locations = append(f.Locations, loc)
	j.pending = append(j.pending, func() {
		l := &f.Locations[i]
		l.Path = j.masking(l.Path)
		// A command must not show a secret: without the path it takes out the
		// whole layer, which holds it too.
		whole := target
		if t, err := parseTarget(target); err == nil {
			t.path = ""
			whole = t.String()
		}
		for _, t := range []string{target, whole} {
			if c := j.extractCommand(t); l.Extract == "" && j.maskRef(c) == c && j.maskRef(j.src.Ref) == j.src.Ref {
				l.Extract = c
			}
		}
		l.Instruction = j.masking(instruction)
		if l.Layer != nil {
			l.Layer.Instruction = l.Instruction
		}
	})
}

// worst lets a finding count as much as the worst of its locations: a secret
// that is in a package's tests and in the user's own file, too, is the user's.
func worst(f *report.Finding, m *BlobMatch) {
	if m.Severity.Rank() > f.Severity.Rank() {
		f.Severity, f.Info, f.Note = m.Severity, m.Info, m.Note
	}
	if m.Confidence.Rank() > f.Confidence.Rank() {
		f.Confidence = m.Confidence
	}
}

// fingerprint names a secret at a place, the same after a rebuild: no layer
// and no line is in it. Of the secret there are 24 bits, too few to confirm a
// guess; the hash around them only gives it one length.
func fingerprint(rule, place, path string, short uint32) string {
	h := sha256.Sum256(fmt.Appendf(nil, "leakscan/1\x00%s\x00%s\x00%s\x00%06x", rule, place, path, short))
	return hex.EncodeToString(h[:12])
}

// packFile is a pack of git's, and what follows.
var packFile = regexp.MustCompile(`(^|/)(objects/pack)/pack-[^/]*\.pack!/.*$`)

// lasting is the path of a match as it is after a rebuild: git calls a pack by what is
// in it, and packs its objects anew.
func lasting(m *BlobMatch) string {
	if m.Inside == "" {
		return m.Path
	}
	return packFile.ReplaceAllString(m.Path, "$1$2")
}

// layerTarget names an entry for extract: by the number of its layer, or by
// the digest where a number could mean several.
func (j *imageJoin) layerTarget(k int, l layerwalk.Layer, m *BlobMatch) string {
	layer := fmt.Sprint(k + 1)
	if j.many {
		rl := j.rep.Images[j.index].Layers[k]
		layer = rl.Digest
		if layer == "" {
			layer = rl.DiffID
		}
	}
	if m.Path == "" || m.Place == report.PlaceUnparsed || m.Place == report.PlaceHeader || m.Place == report.PlaceFileName {
		return layer // it is in no file's contents, but in the layer's own bytes
	}
	if j.results[l.Blob.ID].Summary.Format == layerwalk.FormatTar {
		return layer + ":/" + m.Path
	}
	return layer + ":" + m.Path
}

// documentTarget names a document in the same way.
func (j *imageJoin) documentTarget(name string, b *layerwalk.Blob) string {
	if j.many && b.Digest != "" {
		return b.Digest
	}
	return name
}

func (j *imageJoin) extractCommand(target string) string {
	words := []string{"leakscan", "extract"}
	if p := j.o.Open.Platform; p != "" {
		if p == "all" {
			p = j.img.Platform
		}
		words = append(words, "--platform", p)
	}
	if j.o.Open.Insecure {
		words = append(words, "--insecure")
	}
	words = append(words, j.src.Ref, target)
	for i, w := range words {
		words[i] = shellQuote(w)
	}
	s := strings.Join(words, " ")
	if j.src.Ref == "-" {
		s += " < IMAGE.tar"
	}
	return s
}

// shellQuote makes one word for a POSIX shell; for bash, where a control
// character asks for it.
func shellQuote(s string) string {
	plain := s != ""
	control := false
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/.:-_@%+=,", r)) {
			plain = false
		}
		if r < ' ' || r == 0x7f {
			control = true
		}
	}
	switch {
	case plain:
		return s
	case !control:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(s) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// fix says what to do, by where the first location lies.
func fix(f *report.Finding, source report.Source) string {
	if f.Fix != "" {
		return f.Fix
	}
	if source.Kind == string(layerwalk.Dir) || source.Kind == string(layerwalk.File) {
		return "Revoke it, if anyone else can have seen it, and take it out of the file. Before this becomes part of an image, keep it out of the build context with .dockerignore."
	}
	places := func(p ...report.Place) bool {
		return slices.ContainsFunc(f.Locations, func(l report.Location) bool { return slices.Contains(p, l.Place) })
	}
	revoke := "Revoke it: whoever could pull the image has it."
	switch f.Locations[0].Place {
	case report.PlaceConfig:
		return revoke + " Don't set it with ENV, ARG or LABEL: pass it when the container starts, or to a build step with RUN --mount=type=secret,env=NAME."
	case report.PlaceHistory:
		return revoke + " The command line of a RUN, with its build arguments, is kept in the history: use RUN --mount=type=secret in place of ARG or a literal."
	case report.PlaceAnnotation:
		return revoke + " Take it out of the annotations of the build."
	case report.PlaceAttestation:
		return revoke + " Provenance records build arguments and the Dockerfile: pass secrets with --secret and RUN --mount=type=secret, not with --build-arg."
	}
	if f.Locations[0].Fate != report.FatePresent && !places(report.PlaceConfig) {
		return revoke + " Removing or replacing the file in a later instruction leaves it in the layer: don't copy it, mount it for the step that needs it with RUN --mount=type=secret."
	}
	return revoke + " Keep the file out of the build context with .dockerignore, or mount it for the step that needs it with RUN --mount=type=secret."
}
