package check_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

// TestArchives: what is copied in an archive is copied.
func TestArchives(t *testing.T) {
	token, key := "forge: "+testimage.GitHubToken(1)+"\n", pemBlock("RSA PRIVATE KEY", "rsa")
	inner := testimage.Zip(zip.Deflate, testimage.File("conf/app.yaml", token))
	dir := t.TempDir()
	for name, body := range map[string]string{
		"Dockerfile":   "FROM scratch\nCOPY app.jar stored.zip clean.jar /opt/\nADD files.tar.gz /opt/\nCOPY damaged.zip key.zip /opt/\nCOPY more /opt/more\n",
		"app.jar":      string(testimage.Zip(zip.Deflate, testimage.File("readme", "nothing"), testimage.File("lib/inner.jar", string(inner)))),
		"stored.zip":   string(testimage.Zip(zip.Store, testimage.File("a.yaml", "\n\n"+token))),
		"clean.jar":    string(testimage.Zip(zip.Deflate, testimage.File("a.yaml", "forge: none\n"))),
		"files.tar.gz": string(testimage.Gzip(testimage.Tar(testimage.File("etc/a.yaml", token)), 1)),
		"damaged.zip":  string(testimage.Zip(zip.Deflate, testimage.File("a.yaml", token), testimage.File("b", strings.Repeat("b", 1000)))[:120]),
		"key.zip":      string(testimage.Zip(zip.Deflate, testimage.File(".ssh/id_rsa", key))),
		"more/app.jar": string(inner),
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := check.Options{Scanner: shared(t)}
	o.Context = dir
	rep, err := check.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{ // the start of the message, and of the fix
		"COPY copies app.jar (forge, GitHub personal access token, in lib/inner.jar!/conf/app.yaml, line 1) to /opt/app.jar": "Make app.jar without it",
		"COPY copies stored.zip (forge, GitHub personal access token, in a.yaml, line 3) to /opt/stored.zip":                 "Make stored.zip without it",
		"ADD unpacks files.tar.gz (forge, GitHub personal access token, in etc/a.yaml, line 1) to /opt":                      "Make files.tar.gz without it",
		"COPY copies damaged.zip (forge, GitHub personal access token, in a.yaml, line 1) to /opt/damaged.zip":               "Make damaged.zip without it",
		"COPY copies key.zip (Private key, in .ssh/id_rsa, line 1) to /opt/key.zip":                                          "Make key.zip without it",
		"COPY takes along more/app.jar (forge, GitHub personal access token, in conf/app.yaml, line 1) to /opt/more/app.jar": `Make more/app.jar without it: what is in an archive, everyone who has the image can read. Or leave it out, if no step needs it: add the line "more/app.jar" to`,
	}
	for _, p := range rep.Problems {
		if p.Check == "no-dockerignore" {
			continue
		}
		fix, ok := want[p.Message]
		if !ok || !strings.HasPrefix(p.Fix, fix) || strings.Contains(p.Fix, "--mount") || p.Fixable {
			t.Errorf("%s: %s; %s", p.Check, p.Message, p.Fix)
		}
		delete(want, p.Message)
	}
	for m := range want {
		t.Errorf("nothing says: %s", m)
	}
	if len(rep.Gaps) > 0 || len(rep.Notes) != 1 || !strings.HasPrefix(rep.Notes[0].Text, "archives in ") || !strings.HasSuffix(rep.Notes[0].Text, "unpacked: damaged.zip") {
		t.Errorf("%+v %+v", rep.Gaps, rep.Notes)
	}
	o.NoUnpack = true
	if rep, err = check.Run(t.Context(), o); err != nil || len(rep.Problems) != 1 || !strings.HasPrefix(rep.Problems[0].Message, "COPY copies stored.zip (forge, GitHub personal access token, line ") {
		t.Errorf("%+v, %v", rep.Problems, err)
	}
}

// TestArchiveBomb: an archive that gives too much is a gap, and what was found in it
// stays.
func TestArchiveBomb(t *testing.T) {
	dir := t.TempDir()
	bomb := testimage.Zip(zip.Deflate, testimage.File("a.yaml", "forge: "+testimage.GitHubToken(1)+"\n"), testimage.File("b", strings.Repeat("\x00", 100<<20)))
	for name, body := range map[string]string{"Dockerfile": "FROM scratch\nCOPY bomb.zip /\n", "bomb.zip": string(bomb)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := check.Options{Scanner: shared(t)}
	o.Context = dir
	rep, err := check.Run(t.Context(), o)
	if err != nil || len(rep.Problems) != 1 || len(rep.Gaps) != 1 || rep.Gaps[0].Kind != report.GapLimit || !strings.Contains(rep.Gaps[0].Reason, "too much for its size") {
		t.Errorf("%+v, %v", rep, err)
	}
}

// TestArchiveCorners: secrets beside the files of an archive, in a member that is not
// the first with hits, and archives that can't be looked into.
func TestArchiveCorners(t *testing.T) {
	token := testimage.GitHubToken(1)
	url := "https://u:" + token + "@example.com/"
	many := ""
	for i := range 150 {
		many += fmt.Sprintf("A%d_PASSWORD=%s\n", i, testimage.Password(uint64(i)))
	}
	var commented bytes.Buffer
	z := gzip.NewWriter(&commented)
	z.Comment = token
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	nested := "T=" + token
	for range 6 {
		nested = string(testimage.Zip(zip.Deflate, testimage.File("in.zip", nested)))
	}
	encrypted := testimage.Zip(zip.Deflate, testimage.File("a", token))
	encrypted[6] |= 1
	for _, tt := range []struct{ name, body, want string }{
		{"link.tgz", string(testimage.Gzip(testimage.Tar(testimage.Symlink("l", url)), 1)), "in l, line 1"},
		{"comment.zip", string(testimage.Zip(zip.Deflate, testimage.File("i.gz", commented.String()))), "in i.gz, line 1"},
		{"plain.tar", string(testimage.Tar(testimage.File("i.zip", string(testimage.Zip(zip.Deflate, testimage.File("a.yaml", "forge: "+token)))))), "in i.zip!/a.yaml, line 1"},
		{"many.jar", string(testimage.Zip(zip.Deflate, testimage.File(".env", many), testimage.File("id_rsa", pemBlock("RSA PRIVATE KEY", "rsa")))), "(Private key, in id_rsa, line 1, and "},
		{"store.jar", string(testimage.Zip(zip.Deflate, testimage.File("k.jks", "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01"+strings.Repeat("k", 200)))), "key store"},
		{"deep.zip", nested, "note"},
		{"encrypted.zip", string(encrypted), "note"},
	} {
		dir := t.TempDir()
		for name, body := range map[string]string{"Dockerfile": "FROM scratch\nCOPY " + tt.name + " /\n", tt.name: tt.body} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		o := check.Options{Scanner: shared(t)}
		o.Context = dir
		rep, err := check.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case tt.want == "note":
			if len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0].Text, tt.name) {
				t.Errorf("%s: %+v %+v", tt.name, rep.Problems, rep.Notes)
			}
		case len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0].Message, tt.want) || len(rep.Gaps)+len(rep.Notes) > 0:
			t.Errorf("%s: %+v %+v %+v", tt.name, rep.Problems, rep.Gaps, rep.Notes)
		}
	}
}
