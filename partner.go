package leakscan

import (
	"fmt"
	"slices"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/layerwalk"
)

// partner is what a private key belongs to: a certificate, a public key.
type partner struct {
	detect.PublicKey
	path string
}

// addPublics notes the public keys of a layer, in the order of their places.
func (j *imageJoin) addPublics(r *BlobResult) {
	for _, p := range r.Publics {
		if j.scan.publics == nil {
			j.scan.publics = map[string][]partner{}
		}
		path := p.Path
		if r.Summary.Format == layerwalk.FormatTar {
			path = "/" + path
		}
		q := partner{p.PublicKey, path}
		if all := j.scan.publics[p.ID]; !slices.Contains(all, q) {
			j.scan.publics[p.ID] = append(all, q)
		}
	}
}

// withPartner adds to the note on a private key what it belongs to; a
// certificate says more than a public key.
func (s *scan) withPartner(note, id string) string {
	all := s.publics[id]
	if len(all) == 0 {
		return note
	}
	p := all[0]
	for _, q := range all {
		if p.Kind != q.Kind && q.Kind == "certificate" {
			p = q
			break
		}
	}
	text := fmt.Sprintf("the %s that belongs to it is in the image: %s", p.Kind, s.masking(p.path))
	if p.Name != "" {
		text += fmt.Sprintf(" (for %s)", s.masking(p.Name))
	}
	if note != "" {
		return note + "; " + text
	}
	return text
}
