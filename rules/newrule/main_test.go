package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/leakscan/leakscan/rules"
)

func TestNewRule(t *testing.T) {
	for _, r := range []rule{
		{category: "ai", id: "acme-test-key", title: "Acme key", severity: "high", prefix: "acme_", class: "alnum", length: 40},
		{category: "saas", id: "acme-test-key", title: "Acme key", severity: "high", names: "acme_key,acme_token", class: "hex", length: 32},
	} {
		dir := t.TempDir()
		if err := r.add(dir); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, r.category+".toml"))
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Category string
			Rules    []struct {
				ID, Title, Pattern, Value string
				Hits, Misses              []string
			}
		}
		if err := toml.Unmarshal(text, &f); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if len(f.Rules) != 1 || f.Category != r.category || len(f.Rules[0].Hits) != 2 || len(f.Rules[0].Misses) != 2 {
			t.Fatalf("%+v", f)
		}
		pattern := f.Rules[0].Pattern + f.Rules[0].Value
		re := regexp.MustCompile(pattern)
		for _, h := range f.Rules[0].Hits {
			if hit := (rules.Example{Text: h}).Expand("x"); !re.MatchString(hit) {
				t.Errorf("%s does not match %s", pattern, hit)
			}
		}
		if miss := (rules.Example{Text: f.Rules[0].Misses[0]}).Expand("x"); re.MatchString(miss) {
			t.Errorf("%s matches %s", pattern, miss)
		}
	}
	for _, bad := range []rule{
		{category: "ai", id: "Bad_ID", title: "x", prefix: "a", class: "hex", length: 3},
		{category: "ai", id: "github-pat", title: "x", prefix: "a", class: "hex", length: 3},
		{category: "ai", id: "x-y", title: "x", prefix: "a", names: "b", class: "hex", length: 3},
		{category: "ai", id: "x-y", title: "x", prefix: "a", class: "what", length: 3},
	} {
		if err := bad.add(t.TempDir()); err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
