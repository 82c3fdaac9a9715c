package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

// A frame shows the lines of an instruction, and no secret: neither one that the
// rules see, nor one that only the scan of the image knows, nor the pieces of one.
func TestFrameDockerfile(t *testing.T) {
	dir := t.TempDir()
	token := testimage.GitHubToken(1)
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("token: "+token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	found := &leakscan.Vault{}
	if _, err := leakscan.Scan(t.Context(), []string{"dir:" + dir}, leakscan.Options{Secrets: found}); err != nil {
		t.Fatal(err)
	}
	d := &report.Dockerfile{Path: "Dockerfile", Lines: []string{
		"FROM scratch",
		"ENV A=" + token,
		"ENV B=" + testimage.StripeKey(4),
		"ENV C=" + token[:15] + "\\",
		token[15:],
		"RUN make \\",
		"  install",
	}}
	if err := frameDockerfile(d, nil, found); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		first, last int
		want        string
	}{
		{2, 2, "   2 | >>> ENV A=ghp_…"},
		{3, 3, "   3 | >>> ENV B=sk_l…"},
		{4, 5, "   4 | >>> …\n   5 | >>> …\n"}, // neither line is a secret, both are
		{6, 7, "   7 | >>>   install"},
	} {
		got := d.Frame(tt.first, tt.last)
		if !strings.Contains(got, tt.want) {
			t.Errorf("lines %d to %d: got\n%swant %q", tt.first, tt.last, got, tt.want)
		}
		for _, s := range []string{token, testimage.StripeKey(4), token[:15], token[15:]} {
			if strings.Contains(got, s) {
				t.Errorf("lines %d to %d show a secret, or a piece of one", tt.first, tt.last)
			}
		}
	}
}
