package formats

import (
	"strings"
	"testing"

	"github.com/leakscan/leakscan/rules"
)

func TestOwn(t *testing.T) {
	rs, err := rules.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if !r.Parsed || r.Category != "general" && r.Category != "keys" {
			continue
		}
		for _, h := range r.Hits {
			text := h.Expand(r.ID)
			if strings.HasPrefix(text, "@") {
				continue
			}
			found := false
			for _, x := range Find(h.Path, []byte(text)) {
				if x.Rule == r.ID && x.Info == "" {
					found = true
				}
			}
			if !found || !Wants(h.Path, []byte(text)[:min(len(text), 512)]) {
				t.Errorf("%s: %s %q: %v", r.ID, h.Path, text, Find(h.Path, []byte(text)))
			}
		}
		for _, h := range r.Misses {
			text := h.Expand(r.ID)
			for _, x := range Find(h.Path, []byte(text)) {
				if x.Info == "" {
					t.Errorf("%s: %s %q: %s %q", r.ID, h.Path, text, x.Rule, text[x.From:x.To])
				}
			}
		}
	}
}
