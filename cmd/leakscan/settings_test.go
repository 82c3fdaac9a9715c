package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/leakscan/leakscan/ignore"
)

// The schema has exactly the keys that a file of settings may have.
func TestSettingsSchema(t *testing.T) {
	var f scanFlags
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.register(fs)
	fs.String("config", "", "")
	want := append(settingNames(fs), "rules", "ignore")
	slices.Sort(want)
	var schema struct {
		Properties map[string]struct {
			Description string
			Items       struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(settingsSchema), &schema); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, want) {
		t.Errorf("the schema has %q, the settings %q", got, want)
	}
	for name, p := range schema.Properties {
		if p.Description == "" {
			t.Errorf("%s is not described", name)
		}
	}
	keys := slices.Clone(ignore.Keys())
	slices.Sort(keys)
	if got := slices.Sorted(maps.Keys(schema.Properties["ignore"].Items.Properties)); !slices.Equal(got, keys) {
		t.Errorf("the schema has entries of %q, not %q", got, keys)
	}
}

// FuzzSettings: whatever the file is, it is read or refused.
func FuzzSettings(f *testing.F) {
	f.Add([]byte("fail-on: high\noutput: [text]\nignore:\n  - {rule: x, reason: y}\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("ignore: {a: b}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseSettings("f.yaml", text, []string{"fail-on", "output"})
		if err == nil && s == nil || err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%v, %v", s, err)
		}
	})
}
