package rules

import (
	"regexp"
	"strings"
	"testing"
)

// TestCatalog holds every rule of ours to its form, and to its own examples by
// its pattern alone; package detect and package leakscan do so through the
// engine and inside an image.
func TestCatalog(t *testing.T) {
	rs, err := Catalog()
	if err != nil {
		t.Fatal(err)
	}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	ids, titles := map[string]bool{}, map[string]string{}
	for i := range rs {
		r := &rs[i]
		t.Run(r.ID, func(t *testing.T) {
			if !kebab.MatchString(r.ID) || ids[r.ID] {
				t.Errorf("the ID is not kebab-case, or used twice")
			}
			ids[r.ID] = true
			if o := titles[r.Title]; o != "" {
				t.Errorf("%s has the same title", o)
			}
			titles[r.Title] = r.ID
			if r.Category == "" || r.Severity == "" || r.Confidence == "" {
				t.Errorf("category %q, severity %q, confidence %q", r.Category, r.Severity, r.Confidence)
			}
			if !r.Parsed && len(r.Misses) == 0 {
				t.Error("it has no misses")
			}
			if !strings.HasSuffix(r.About, ".") {
				t.Errorf("about is no sentence: %q", r.About)
			}
			if r.Parsed {
				return
			}
			if err := r.validate(); err != nil {
				t.Fatal(err)
			}
			re := regexp.MustCompile(r.Pattern)
			if re.NumSubexp() < 1 {
				t.Error("the pattern has no group")
			}
			for _, h := range r.Hits {
				text := h.Expand(r.ID)
				if !re.MatchString(text) {
					t.Errorf("%v is not matched: %s", h, text)
				}
				low := strings.ToLower(text)
				some := len(r.Keywords) == 0
				for _, k := range r.Keywords {
					some = some || strings.Contains(low, k)
				}
				if !some {
					t.Errorf("%v has none of the keywords %q", h, r.Keywords)
				}
			}
			for _, m := range r.Misses {
				if text := m.Expand(r.ID); !r.Random && r.MinEntropy == 0 && r.Valid == "" && r.Path == "" && re.MatchString(text) {
					t.Errorf("%v is matched: %s", m, text)
				}
			}
		})
	}
}

func TestExpand(t *testing.T) {
	a := Example{Text: "k=<hex:8> <hex:8:a>/<hex:8:a> pass<>word <b> <uuid> <uuid:1:u>"}
	one, two := a.Expand("x"), a.Expand("x")
	if one != two || one == a.Expand("y") {
		t.Errorf("not by the seed: %q, %q", one, two)
	}
	if m, _ := regexp.MatchString(`^k=[0-9a-f]{8} [0-9a-f]{8}/[0-9a-f]{8} password <b> [0-9a-f-]{36} [0-9a-f-]{36}$`, one); !m {
		t.Errorf("expanded to %q", one)
	}
	if p := strings.Split(strings.Fields(one)[1], "/"); p[0] != p[1] {
		t.Errorf("the named parts differ: %q", p)
	}
}
