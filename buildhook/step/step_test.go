package step

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

// root is the root of a step. Files are given by their paths in it.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, Src), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, Out), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, body := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t *testing.T, o Options) (*Report, string) {
	t.Helper()
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(o.Root, Out, File))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	rep := &Report{}
	if err := d.Decode(rep); err != nil {
		t.Fatal(err)
	}
	return rep, string(b)
}

// found lists what was found: directory, path, rule or name.
func found(rep *Report) []string {
	var out []string
	for _, d := range rep.Dirs {
		for _, m := range d.Result.Matches {
			out = append(out, d.Name+" "+m.Path+" "+m.Rule)
		}
		for _, k := range d.Known {
			out = append(out, d.Name+" "+k.Path+" "+k.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func prints(values ...string) string {
	var list []known.Value
	for i, v := range values {
		list = append(list, known.Value{Name: fmt.Sprintf("secret %d", i), Value: []byte(v)})
	}
	return string(known.New(bytes.Repeat([]byte{3}, 32), list).Prints())
}

func TestRun(t *testing.T) {
	token, pw, clean := testimage.GitHubToken(1), testimage.Password(2), "nothing to see\n"
	dir := root(t, map[string]string{
		Src + "/00000/app/.env":       "GITHUB_TOKEN=" + token + "\n",
		Src + "/00000/app/readme":     clean,
		Src + "/00001/root/pw":        "x" + pw + "\n",
		Src + "/00001/root/pw.json":   `{"pw":"` + pw + `"}`,
		Src + "/00002/clean":          clean,
		Src + "/a file, no directory": "GITHUB_TOKEN=" + token + "\n",
		Final + "/00000/app/.env":     "GITHUB_TOKEN=" + token + "\n",
		Final + "/00001/root/pw":      "x",
		Final + "/00001/app/.env":     "",
		Prints:                        prints(pw, "never used in it 42"),
	})
	rep, text := run(t, Options{Root: dir, Version: "1.2"})
	if rep.Schema != Schema || rep.Version != "1.2" || len(rep.Dirs) != 3 {
		t.Fatalf("schema %s, version %s, %d directories", rep.Schema, rep.Version, len(rep.Dirs))
	}
	equal(t, found(rep), "00000 app/.env github-pat", "00001 root/pw secret 0", "00001 root/pw.json password-in-settings", "00001 root/pw.json secret 0")
	for i, want := range []string{"map[app/.env:[00000 00001]]", "map[root/pw:[00001] root/pw.json:[]]", "map[]"} {
		if got := fmt.Sprint(rep.Dirs[i].Kept); got != want {
			t.Errorf("%s: kept %s, not %s", rep.Dirs[i].Name, got, want)
		}
		if rep.Dirs[i].Result.Ledger != nil || len(rep.Dirs[i].Result.Gaps) != 0 || rep.Dirs[i].Name != fmt.Sprintf("%05d", i) {
			t.Errorf("%+v", rep.Dirs[i])
		}
	}
	if k := rep.Dirs[1].Known[0]; k.Form != "plain" || k.Offset != 1 || k.Path != "root/pw" || k.Place != "file" {
		t.Errorf("%+v", k)
	}
	if rep.Dirs[0].Result.Files != 2 {
		t.Errorf("%d files", rep.Dirs[0].Result.Files)
	}
	for _, v := range []string{token, pw} {
		if strings.Contains(text, v) {
			t.Error("the report has the value")
		}
	}
	if _, again := run(t, Options{Root: dir, Version: "1.2"}); stable(again) != stable(text) {
		t.Error("the second report is another one")
	}
}

// stable is a report without what is keyed anew by every run.
func stable(text string) string {
	var v struct {
		Dirs []struct {
			Result struct {
				Matches []struct{ Rule, Path, Preview string }
				Files   int
			}
			Known []Known
			Kept  map[string][]string
		}
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}

func TestRunNothing(t *testing.T) {
	rep, _ := run(t, Options{Root: root(t, nil)})
	if len(rep.Dirs) != 0 {
		t.Errorf("%d directories", len(rep.Dirs))
	}
	rep, _ = run(t, Options{Root: root(t, map[string]string{Src + "/00000/a": "GH=" + testimage.GitHubToken(1)})})
	if len(rep.Dirs[0].Kept) != 0 || len(rep.Dirs[0].Result.Matches) != 1 {
		t.Errorf("without results: %+v", rep.Dirs[0])
	}
}

// TestNames: names and link targets are texts, too.
func TestNames(t *testing.T) {
	pw := testimage.Password(5)
	dir := root(t, map[string]string{Prints: prints(pw), Src + "/00000/x": ""})
	if err := os.Symlink("/nowhere/"+pw, filepath.Join(dir, Src, "00000", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, Src, "00000", "name-"+pw), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rep, _ := run(t, Options{Root: dir})
	places := map[string]bool{}
	for _, k := range rep.Dirs[0].Known {
		places[string(k.Place)] = true
	}
	if len(places) < 2 {
		t.Errorf("found in %v", places)
	}
}

func TestMany(t *testing.T) {
	pw := testimage.Password(6)
	dir := root(t, map[string]string{Prints: prints(pw), Src + "/00000/a": strings.Repeat(pw+"\n", 700), Src + "/00000/b": strings.Repeat(pw+"\n", 700)})
	rep, _ := run(t, Options{Root: dir})
	if n := len(rep.Dirs[0].Known); n != maxKnown {
		t.Errorf("%d places", n)
	}
}

// TestDedupe: of whole states, what was there before is scanned where it comes
// first.
func TestDedupe(t *testing.T) {
	token, other := "A="+testimage.GitHubToken(7)+"\n", "A="+testimage.GitHubToken(8)+"\n"
	dir := root(t, map[string]string{Src + "/00000/same": token, Src + "/00000/changed": token, Src + "/00001/changed": other, Src + "/00001/copied": token})
	at := func(p string) string { return filepath.Join(dir, Src, p) }
	if err := os.Link(at("00000/same"), at("00001/same")); err != nil {
		t.Skip(err)
	}
	if err := os.MkdirAll(at("00002"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"same", "changed", "copied"} {
		if err := os.Link(at("00001/"+n), at("00002/"+n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := identify(stat(t, at("00000/same"))); !ok {
		t.Skip("files have no identity here")
	}
	want := []string{"00000 changed github-pat", "00000 same github-pat", "00001 changed github-pat", "00001 copied github-pat"}
	for range 5 {
		rep, _ := run(t, Options{Root: dir, Dedupe: true})
		equal(t, found(rep), want...)
	}
	rep, _ := run(t, Options{Root: dir})
	equal(t, found(rep), append(want, "00001 same github-pat", "00002 changed github-pat", "00002 copied github-pat", "00002 same github-pat")...)
}

// TestLower: of whole states that are copies, what is the same in the state below
// is told there.
func TestLower(t *testing.T) {
	token, other, pw := "A="+testimage.GitHubToken(7)+"\n", "A="+testimage.GitHubToken(8)+"\n", testimage.Password(9)
	dir := root(t, map[string]string{
		Src + "/00000/etc/same": token, Src + "/00000/etc/changed": token, Src + "/00000/etc/pw": pw, Src + "/00000/" + testimage.GitHubToken(10): "",
		Src + "/00001/etc/same": token, Src + "/00001/etc/changed": other, Src + "/00001/etc/pw": pw, Src + "/00001/" + testimage.GitHubToken(10): "", Src + "/00001/moved": token,
		Src + "/00002/etc/same": token, Src + "/00002/etc/changed": token, // of another stage
		Src + "/00003/etc/same": token + "x", Src + "/00003/etc/changed": other, Src + "/00003/moved/x": token,
		Prints: prints(pw),
	})
	for d, target := range map[string]string{"00000": "a", "00001": "a", "00003": "b"} {
		if err := os.Symlink("/"+target+"/"+testimage.GitHubToken(11), filepath.Join(dir, Src, d, "link")); err != nil {
			t.Skip(err)
		}
	}
	for _, d := range []string{"00000", "00003"} { // it leads out of the one below
		if err := os.Symlink(filepath.Join(dir, Src, "00003", "etc", "same"), filepath.Join(dir, Src, d, "out")); err != nil {
			t.Skip(err)
		}
	}
	want := []string{"00000 etc/changed github-pat", "00000 etc/pw secret 0", "00000 etc/same github-pat", "00000 link github-pat", "00000 " + "NAME github-pat",
		"00001 etc/changed github-pat", "00001 moved github-pat",
		"00002 etc/changed github-pat", "00002 etc/same github-pat",
		"00003 etc/same github-pat", "00003 link github-pat", "00003 moved/x github-pat"}
	rep, _ := run(t, Options{Root: dir, Dedupe: true, Lower: []int{-1, 0, -1, 1}})
	got := found(rep)
	for i := range got {
		if f := strings.Fields(got[i]); strings.HasPrefix(f[1], "ghp_") {
			got[i] = f[0] + " NAME " + f[2]
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	equal(t, got, want...)
	for _, lower := range [][]int{{-1}, {-1, 0, 0, 0, 0}} {
		if err := Run(t.Context(), Options{Root: dir, Dedupe: true, Lower: lower}); err == nil {
			t.Errorf("%v: no error", lower)
		}
	}
	// What lies above is no state below.
	rep, _ = run(t, Options{Root: dir, Dedupe: true, Lower: []int{1, 3, 7, -5}})
	if n := len(found(rep)); n <= len(want) {
		t.Errorf("%d found", n)
	}
}

// TestArchives: files in archives are files. What is known is looked for in them,
// and told once.
func TestArchives(t *testing.T) {
	token, pw := "A="+testimage.GitHubToken(7)+"\n", testimage.Password(9)
	inner := testimage.Zip(zip.Deflate, testimage.File("a.env", token), testimage.File("b.txt", pw))
	jar := string(testimage.Zip(zip.Deflate, testimage.File("clean", "nothing"), testimage.File("lib/inner.jar", string(inner)), testimage.File("c.txt", pw)))
	dir := root(t, map[string]string{
		Src + "/00000/app.jar":      jar,
		Src + "/00000/app.jar!/x":   pw, // no part of it
		Src + "/00000/b.tar.gz":     string(testimage.Gzip(testimage.Tar(testimage.File("d/pw", pw)), 1)),
		Src + "/00000/c.gz":         string(testimage.Gzip([]byte("x"+pw), 1)),
		Src + "/00000/e.zip":        string(testimage.Zip(zip.Store, testimage.File("f", pw), testimage.File("g", token))),
		Src + "/00000/z":            pw,
		Src + "/00001/app.jar":      jar,
		Src + "/00001/app.jar!/x":   pw, // the same as below
		Src + "/00001/app.jar!/y":   pw,
		Src + "/00001/other.jar":    jar,
		Final + "/00000/app.jar":    jar,
		Final + "/00000/app.jar!/x": pw,
		Prints:                      prints(pw),
	})
	want := []string{
		"00000 app.jar!/c.txt secret 0", "00000 app.jar!/lib/inner.jar!/a.env github-pat", "00000 app.jar!/lib/inner.jar!/b.txt secret 0", "00000 app.jar!/x secret 0",
		"00000 b.tar.gz!/d/pw secret 0", "00000 c.gz!/c secret 0", "00000 e.zip!/f secret 0", "00000 e.zip!/g github-pat", "00000 z secret 0",
		"00001 app.jar!/y secret 0", "00001 other.jar!/c.txt secret 0", "00001 other.jar!/lib/inner.jar!/a.env github-pat", "00001 other.jar!/lib/inner.jar!/b.txt secret 0",
	}
	for _, n := range []int{1, 2} {
		rep, _ := run(t, Options{Root: dir, Dedupe: true, Lower: []int{-1, 0}})
		equal(t, found(rep), want...)
		if got, want := fmt.Sprint(rep.Dirs[0].Kept["app.jar"], rep.Dirs[0].Kept["e.zip"], rep.Dirs[0].Kept["app.jar!/x"]), "[00000] [] [00000]"; got != want {
			t.Errorf("run %d: kept %s, not %s", n, got, want)
		}
		for _, k := range rep.Dirs[0].Known {
			if k.Path == "b.tar.gz!/d/pw" && (k.File() != "b.tar.gz" || k.Offset != 0) || k.Path == "z" && k.File() != "z" {
				t.Errorf("%+v is in %s", k, k.File())
			}
		}
	}
	rep, _ := run(t, Options{Root: dir, NoUnpack: true})
	equal(t, found(rep), "00000 app.jar!/x secret 0", "00000 e.zip github-pat", "00000 e.zip secret 0", "00000 z secret 0",
		"00001 app.jar!/x secret 0", "00001 app.jar!/y secret 0")
}

func TestEqualBytes(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for _, c := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "", false}, {long, long, true}, {long, long + "y", false}, {long + "y", long + "y", true}, {long + "y", long + "z", false}, {long + long, long + long, true}} {
		if got := equalBytes(strings.NewReader(c.a), strings.NewReader(c.b)); got != c.want {
			t.Errorf("%d and %d bytes: %v", len(c.a), len(c.b), got)
		}
	}
}

func stat(t *testing.T, name string) os.FileInfo {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestBadInput(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"fingerprints":          {Prints: "noise"},
		"cut fingerprints":      {Prints: prints("some value 123")[:40]},
		"empty fingerprints":    {Prints: ""},
		"rules":                 {Config: "[[[ not TOML"},
		"fingerprints, no file": {Prints + "/dir": ""},
	} {
		dir := root(t, files)
		if err := Run(t.Context(), Options{Root: dir}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(filepath.Join(dir, Out, File)); err == nil {
			t.Errorf("%s: there is a report", name)
		}
	}
	if err := Run(t.Context(), Options{Root: t.TempDir()}); err == nil {
		t.Error("without a source: no error")
	}
	dir := root(t, map[string]string{Src + "/00000/a": "x"})
	if err := os.RemoveAll(filepath.Join(dir, Out)); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Options{Root: dir}); err == nil {
		t.Error("nowhere to write to: no error")
	}
}

func TestOwnRules(t *testing.T) {
	dir := root(t, map[string]string{Src + "/00000/a": "word ZZTOP-1234567 word\nA=" + testimage.GitHubToken(1) + "\n",
		Config: "title = \"own\"\n[[rules]]\nid = \"own-rule\"\ndescription = \"own\"\nregex = '''ZZTOP-[0-9]{7}'''\n"})
	rep, _ := run(t, Options{Root: dir})
	equal(t, found(rep), "00000 a own-rule")
}

// TestUnreadable: what can't be read is a gap.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := root(t, map[string]string{Src + "/00000/a": "x"})
	if err := os.Chmod(filepath.Join(dir, Src, "00000", "a"), 0); err != nil {
		t.Fatal(err)
	}
	if rep, _ := run(t, Options{Root: dir}); len(rep.Dirs[0].Result.Gaps) != 1 {
		t.Errorf("gaps: %v", rep.Dirs[0].Result.Gaps)
	}
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := root(t, map[string]string{Src + "/00000/a": "x"})
	for _, dedupe := range []bool{false, true} {
		if err := Run(ctx, Options{Root: dir, Dedupe: dedupe}); err == nil {
			t.Error("a report of half of it")
		}
	}
}

// TestKeptByLink: a directory of the result may be a symbolic link, which is
// not to be followed out of it.
func TestKeptByLink(t *testing.T) {
	dir := root(t, map[string]string{Src + "/00000/app/.env": "A=" + testimage.GitHubToken(1), Final + "/00000/x": ""})
	if err := os.Symlink(filepath.Join(dir, Src, "00000", "app"), filepath.Join(dir, Final, "00000", "app")); err != nil {
		t.Fatal(err)
	}
	rep, _ := run(t, Options{Root: dir})
	if got := fmt.Sprint(rep.Dirs[0].Kept); got != "map[app/.env:[]]" {
		t.Errorf("kept follows a symbolic link of the result out of it: %s", got)
	}
}

// TestBesideAnArchive: the name in a gzip is looked at while the file that has it is
// read; that is not at its end then.
func TestBesideAnArchive(t *testing.T) {
	pw := testimage.Password(9)
	set, err := known.Parse([]byte(prints(pw)))
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{prints: set}
	outer := w.tap(report.PlaceFile, "x.gz", "", strings.NewReader("behind it: "+pw))
	for _, text := range []string{"a name", "another"} {
		io.Copy(io.Discard, w.tap(report.PlaceHeader, "x.gz", "", strings.NewReader(text)))
	}
	io.Copy(io.Discard, w.tap(report.PlaceFile, "x.gz!/x", "!/x", strings.NewReader("clean")))
	io.Copy(io.Discard, outer)
	io.Copy(io.Discard, w.tap(report.PlaceFile, "y", "", strings.NewReader("clean")))
	if k := w.known(); len(k) != 1 || k[0].Path != "x.gz" {
		t.Errorf("%+v", k)
	}
}
