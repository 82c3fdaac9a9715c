package main

import (
	"encoding/hex"
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
	frameDockerfile(d, nil, found)
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

// A secret may stand in the Dockerfile in pieces, each of which says too much.
func TestFramePieces(t *testing.T) {
	digits := hex.EncodeToString([]byte(testimage.Password(1) + testimage.Password(2) + testimage.Password(3)))[:64]
	token := "dop_" + "v1_" + digits
	a, b := token[:20], token[20:]
	h := hex.EncodeToString([]byte(token))
	for _, tt := range []struct{ name, image, lines, never string }{
		{"a comment between", token, "FROM scratch\nENV CFG=" + a + "\\\n# a comment\n" + b + "\nRUN x", b},
		{"a comment behind a tab", token, "FROM scratch\nENV CFG=" + a + "\\\n\t# a comment\n" + b + "\nRUN x", b},
		{"an empty line between", token, "FROM scratch\nENV CFG=" + a + "\\\n\n" + b + "\nRUN x", b},
		{"put together", token, "FROM scratch\nARG P=dop_v1_\nENV CFG=${P}" + digits, digits},
		{"quoted in part", token, "FROM scratch\nENV CFG=\"dop_v1_\"" + digits, digits},
		{"of a stage that is not in the image", testimage.GitHubToken(1), "FROM a AS b\nRUN curl -H x:" + a + "\\\n" + b + "\nFROM scratch\nENV CFG=1", b},
		{"hex", token, "FROM scratch\nRUN echo " + h[:60] + "\\\n" + h[60:] + " | xxd -r -p", h[60:]},
		{"escape=`", token, "# escape=`\nFROM scratch\nENV CFG=" + a + "`\n" + b, b},
		{"crlf", token, "FROM scratch\r\nENV CFG=" + a + "\\\r\n# c\r\n" + b + "\r\n", b},
		{"crlf, comment first", token, "FROM scratch\r\nENV CFG=" + a + "\\ \r\n" + b + "\r\n", b},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.env"), []byte("TOKEN="+tt.image+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		found := &leakscan.Vault{}
		if _, err := leakscan.Scan(t.Context(), []string{"dir:" + dir}, leakscan.Options{Secrets: found}); err != nil {
			t.Fatal(err)
		}
		d := &report.Dockerfile{Path: "Dockerfile", Lines: strings.Split(tt.lines, "\n")}
		frameDockerfile(d, nil, found)
		for i := range d.Lines {
			if d.Frame != nil && strings.Contains(d.Frame(i+1, i+1), tt.never) {
				t.Errorf("%s: line %d shows a piece of a secret", tt.name, i+1)
				break
			}
		}
	}
}
