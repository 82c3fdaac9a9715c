package leakscan

import (
	"fmt"
	"slices"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/layerwalk"
)

// publicKey is a public key of an image.
type publicKey struct {
	image int    // index into Report.Images
	id    string // see detect.PublicKey
}

// partner is what a private key belongs to: a certificate, a public key.
type partner struct {
	detect.PublicKey
	path string
}

// addPublics notes the public keys of a layer: the first certificate and the
// first bare key of each.
func (j *imageJoin) addPublics(r *BlobResult) {
	for _, p := range r.Publics {
		k := publicKey{j.index, p.ID}
		all := j.scan.publics[k]
		if slices.ContainsFunc(all, func(q partner) bool { return q.Kind == p.Kind }) {
			continue
		}
		path := p.Path
		if r.Summary.Format == layerwalk.FormatTar {
			path = "/" + path
		}
		j.scan.publics[k] = append(all, partner{p.PublicKey, path})
	}
}

// withPartner adds to the note on a private key what it belongs to; a
// certificate says more than a public key.
func (s *scan) withPartner(note string, k publicKey) string {
	all := s.publics[k]
	if len(all) == 0 {
		return note
	}
	p := all[0]
	for _, q := range all {
		if q.Kind == "certificate" {
			p = q
		}
	}
	text := fmt.Sprintf("the %s that belongs to it is in a layer of the image, too: %s", p.Kind, s.masking(p.path))
	if p.Name != "" {
		text += fmt.Sprintf(" (for %s)", s.masking(p.Name))
	}
	if note != "" {
		return note + "; " + text
	}
	return text
}
