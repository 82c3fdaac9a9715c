package report

// MarkBase marks what of a report comes from a base image, by a scan of that:
// the layers that both have, and what the base has at the same place with the
// same secret.
func (r *Report) MarkBase(base *Report) {
	layers, places := map[string]bool{}, map[string]bool{}
	for i := range base.Images {
		for _, l := range base.Images[i].Layers {
			if l.DiffID != "" {
				layers[l.DiffID] = true
			}
		}
	}
	for i := range base.Findings {
		for _, l := range base.Findings[i].Locations {
			if l.Layer == nil {
				places[l.Fingerprint] = true
			}
		}
	}
	for i := range r.Images {
		for k := range r.Images[i].Layers {
			l := &r.Images[i].Layers[k]
			l.Base = layers[l.DiffID]
		}
	}
	for i := range r.Findings {
		for k := range r.Findings[i].Locations {
			l := &r.Findings[i].Locations[k]
			l.Base = l.Layer == nil && places[l.Fingerprint] || l.Layer != nil && layers[l.Layer.DiffID]
		}
	}
	r.Sort()
}

// Inherited reports whether all of a finding's locations are of the base image.
func (f *Finding) Inherited() bool {
	for i := range f.Locations {
		if !f.Locations[i].Base {
			return false
		}
	}
	return len(f.Locations) > 0
}
