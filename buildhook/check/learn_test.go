package check

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/internal/testimage"
)

// TestLearn: who asks is told the values that were found, but not words that are
// also the names of something.
func TestLearn(t *testing.T) {
	dir, token, pw, file := t.TempDir(), testimage.GitHubToken(1), testimage.Password(2), testimage.NPMToken(3)
	for name, text := range map[string]string{
		"Dockerfile": "FROM scratch\nENV GITHUB_TOKEN=" + token + "\nENV DB_PASSWORD=" + pw + "\nENV POSTGRES_PASSWORD=postgres\nENV API_TOKEN=changeme\nCOPY .npmrc /\n",
		".npmrc":     "//registry.npmjs.org/:_authToken=" + file + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var learnt []string
	if _, err := Run(t.Context(), Options{Invocation: Invocation{Context: dir}, Learn: func(s detect.Secret) { learnt = append(learnt, string(s.Reveal())) }}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(learnt)
	learnt = slices.Compact(learnt)
	want := []string{token, pw, file}
	slices.Sort(want)
	if !slices.Equal(learnt, want) {
		t.Errorf("%d values were learnt, not %d", len(learnt), len(want))
		for _, v := range learnt {
			if !slices.Contains(want, v) {
				t.Errorf("one of %d bytes is none: %s", len(v), detect.NewSecret("x", []byte(v), nil))
			}
		}
	}
}
