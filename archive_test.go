package leakscan_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// zipOf makes a zip of names and contents.
func zipOf(method uint16, files ...string) string {
	var entries []testimage.Entry
	for i := 0; i < len(files); i += 2 {
		entries = append(entries, testimage.File(files[i], files[i+1]))
	}
	return string(testimage.Zip(method, entries...))
}

// archives is an image with secrets in archives, each of which has a fate.
func archives(t *testing.T) testimage.Image {
	t.Helper()
	jar := zipOf(zip.Deflate, "META-INF/", "", "BOOT-INF/classes/application.properties", "a=b\nspring.token="+testimage.GitHubToken(1)+"\n",
		"BOOT-INF/lib/in.jar", zipOf(zip.Deflate, "x.env", "T="+testimage.GitHubToken(2)))
	return testimage.Image{Name: "archives:1", Layers: []testimage.Layer{
		{CreatedBy: "COPY app /", Entries: []testimage.Entry{
			testimage.File("opt/app.jar", jar),
			testimage.File("root/backup.log.gz", string(testimage.Gzip([]byte("first line\ntoken: "+testimage.GitHubToken(3)+"\n"), 1))),
			testimage.File("root/stored.zip", zipOf(zip.Store, "a", "T="+testimage.GitHubToken(4))),
			testimage.File("root/odd.gz", "\x1f\x8b"+" T="+testimage.GitHubToken(5)),
		}},
		{CreatedBy: "RUN rm", Entries: []testimage.Entry{testimage.Whiteout("root/backup.log.gz")}},
	}}
}

func TestArchivesInLayers(t *testing.T) {
	file := write(t, testimage.DockerArchive(archives(t).Build()))
	var first []string
	for _, workers := range []int{1, 4} {
		rep := scan(t, file, leakscan.Options{Workers: workers})
		if !rep.Complete || rep.Stats.Unpacked != 3 || rep.Stats.Packed != 1 || rep.Stats.Inside < 100 {
			t.Errorf("gaps: %s, stats %+v", gaps(rep), rep.Stats)
		}
		got := lines(rep)
		slices.Sort(got)
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("%d workers: got\n%s", workers, strings.Join(got, "\n"))
		}
	}
	for _, want := range []string{
		"| file /opt/app.jar!/BOOT-INF/classes/application.properties:2:14 @17 | present by 0 |",
		"| file /opt/app.jar!/BOOT-INF/lib/in.jar!/x.env:1:3 @2 | present by 0 |",
		"| file /root/backup.log.gz!/backup.log:2:8 @18 | deleted by 2 |",
		"| file /root/stored.zip!/a:1:3 @2 | present by 0 |",
		"| file /root/odd.gz:1:6 @5 | present by 0 |",
	} {
		if !slices.ContainsFunc(first, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s is not in\n%s", want, strings.Join(first, "\n"))
		}
	}
	if len(first) != 5 {
		t.Errorf("%d locations", len(first))
	}

	rep := scan(t, file, leakscan.Options{NoUnpack: true})
	if rep.Stats.Packed != 4 || rep.Stats.Unpacked != 0 || len(rep.Findings) != 2 {
		t.Errorf("without unpacking: %v, stats %+v", lines(rep), rep.Stats)
	}
}

// A zip behind a script, a Debian package, and what can't be unpacked.
func TestArchiveForms(t *testing.T) {
	token := "T=" + testimage.GitHubToken(1)
	file := write(t, testimage.DockerArchive(testimage.Image{Name: "forms:1", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{
		testimage.File("bin/app.pex", "#!/usr/bin/env python3\n"+zipOf(zip.Deflate, "__main__.py", "", "conf.py", token)),
		testimage.File("bin/run.sh", "#!/bin/sh\n"+strings.Repeat("# and so on\n", 5000)+token+"\n"),
		testimage.File("bin/short.sh", "#!"),
		testimage.File("a.deb", string(testimage.Deb(testimage.File("data.tar.gz", string(testimage.Gzip(testimage.Tar(testimage.File("./etc/a.conf", token)), 1)))))),
		testimage.File("a.rpm", "\xed\xab\xee\xdb\x03\x00 and so on"),
		testimage.File("lib.a", "!<arch>\n/ and so on"),
	}}}}.Build()))
	rep := scan(t, file, leakscan.Options{})
	if !rep.Complete || rep.Stats.Unpacked != 2 || rep.Stats.Packed != 1 || rep.Stats.Files != 6 {
		t.Errorf("gaps: %s, stats %+v", gaps(rep), rep.Stats)
	}
	got := lines(rep)
	for _, want := range []string{"/bin/app.pex!/conf.py:1:3 ", "/bin/run.sh:5002:3 ", "/a.deb!/data.tar.gz!/etc/a.conf:1:3 "} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s is not in\n%s", want, strings.Join(got, "\n"))
		}
	}
	for _, path := range []string{"1:/bin/app.pex!/conf.py", "1:/a.deb!/data.tar.gz!/etc/a.conf"} {
		var out strings.Builder
		if err := leakscan.Extract(t.Context(), file, path, layerwalk.Options{}, &out); err != nil || out.String() != token {
			t.Errorf("%s: extracted %d bytes, %v", path, out.Len(), err)
		}
	}
}

// What lies in git's history is found, and has the same fingerprint when git packs
// it anew.
func TestArchiveGit(t *testing.T) {
	var fingerprints []string
	for _, tt := range []struct {
		name  string
		blobs []string
	}{{"pack-1a.pack", []string{"T=" + testimage.GitHubToken(1)}}, {"pack-2b.pack", []string{"more", "T=" + testimage.GitHubToken(1)}}} {
		var blobs [][]byte
		for _, b := range tt.blobs {
			blobs = append(blobs, []byte(b))
		}
		file := write(t, testimage.DockerArchive(testimage.Image{Name: "git:1", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{
			testimage.File("app/.git/objects/pack/"+tt.name, string(testimage.Pack(blobs...))),
			testimage.File("app/.git/objects/ab/cdef", string(testimage.Zlib([]byte("commit 44\x00T="+testimage.GitHubToken(2))))),
		}}}}.Build()))
		rep := scan(t, file, leakscan.Options{})
		if len(rep.Findings) != 2 || !rep.Complete || rep.Stats.Unpacked != 2 {
			t.Fatalf("%q, gaps: %s", lines(rep), gaps(rep))
		}
		for _, f := range rep.Findings {
			if l := f.Locations[0]; strings.Contains(l.Path, "/pack/"+tt.name+"!/blob@") {
				fingerprints = append(fingerprints, l.Fingerprint)
			} else if l.Path != "/app/.git/objects/ab/cdef!/commit" {
				t.Error(l.Path)
			}
		}
	}
	if len(fingerprints) != 2 || fingerprints[0] != fingerprints[1] {
		t.Errorf("fingerprints: %q", fingerprints)
	}
}

// What a path says is said once, an archive has the fate of the file, whatever is
// found in it, and a link to it keeps it.
func TestArchiveFates(t *testing.T) {
	token := testimage.GitHubToken(1)
	members := []string{"../y", "T=" + testimage.GitHubToken(2), "y", "T=" + testimage.GitHubToken(3)}
	for i := range 50 {
		members = append(members, fmt.Sprintf("f%d", i), "")
	}
	commented := func() string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		w.SetComment("T=" + testimage.GitHubToken(4))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return zipOf(zip.Deflate, "first", "", "in.zip", zipOf(zip.Deflate, "a", "b")[:0]+"PK\x03\x04"+b.String())
	}
	file := write(t, testimage.DockerArchive(testimage.Image{Name: "fates:1", Layers: []testimage.Layer{
		{CreatedBy: "COPY", Entries: []testimage.Entry{
			testimage.File(token+".jar", zipOf(zip.Deflate, members...)),
			testimage.File("commented.zip", commented()),
			testimage.File("a.gz", string(testimage.Gzip([]byte("T="+testimage.GitHubToken(5)), 1))),
			testimage.Hardlink("b.gz", "a.gz"),
		}},
		{CreatedBy: "RUN rm", Entries: []testimage.Entry{testimage.Whiteout("a.gz"), testimage.Whiteout("commented.zip")}},
	}}.Build()))
	rep := scan(t, file, leakscan.Options{})
	got := map[string]int{}
	for _, f := range rep.Findings {
		for _, l := range f.Locations {
			path := l.Path
			if i := strings.Index(path, ".jar"); i >= 0 {
				path = path[i:]
			}
			got[fmt.Sprintf("%s %s %s", l.Place, path, l.Fate)]++
		}
	}
	want := map[string]int{
		"file-name .jar present": 1, "file .jar!/y present": 2, "file /a.gz!/a deleted": 1, "file /b.gz!/a present": 1, "file /commented.zip!/in.zip deleted": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var out strings.Builder
	if err := leakscan.Extract(t.Context(), file, "1:/b.gz!/a", layerwalk.Options{}, &out); err != nil || out.String() != "T="+testimage.GitHubToken(5) {
		t.Errorf("extracted %d bytes, %v", out.Len(), err)
	}
}

// What is too much for its size is a gap.
func TestArchiveBomb(t *testing.T) {
	bomb := testimage.Zstd(make([]byte, 200<<20))
	file := write(t, testimage.DockerArchive(testimage.Image{Name: "bomb:1", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("bomb.zst", string(bomb))}}}}.Build()))
	rep := scan(t, file, leakscan.Options{})
	if rep.Complete || !strings.Contains(gaps(rep), "it gives too much for its size") {
		t.Errorf("gaps: %s", gaps(rep))
	}
	if rep = scan(t, file, leakscan.Options{NoUnpack: true}); !rep.Complete {
		t.Errorf("gaps without unpacking: %s", gaps(rep))
	}
}

// A file that is itself an archive is one in its own name.
func TestArchiveItself(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.jar")
	if err := os.WriteFile(file, []byte(zipOf(zip.Deflate, "a.env", "T="+testimage.GitHubToken(1))), 0o600); err != nil {
		t.Fatal(err)
	}
	rep := scan(t, "file:"+file, leakscan.Options{})
	if len(rep.Findings) != 1 || rep.Findings[0].Locations[0].Path != "app.jar!/a.env" || !strings.HasSuffix(rep.Findings[0].Locations[0].Extract, " '1:!/a.env'") {
		t.Errorf("got %v", lines(rep))
	}
	var out strings.Builder
	if err := leakscan.Extract(t.Context(), "file:"+file, "1:!/a.env", layerwalk.Options{}, &out); err != nil || out.String() != "T="+testimage.GitHubToken(1) {
		t.Errorf("extracted %d bytes, %v", out.Len(), err)
	}
}

// The command of a finding in an archive takes out what is in the archive.
func TestExtractInside(t *testing.T) {
	file := write(t, testimage.DockerArchive(archives(t).Build()))
	rep := scan(t, file, leakscan.Options{})
	n := 0
	for _, f := range rep.Findings {
		l := f.Locations[0]
		what := l.Extract[strings.LastIndexByte(l.Extract, ' ')+1:]
		var out strings.Builder
		if err := leakscan.Extract(t.Context(), file, strings.Trim(what, "'"), layerwalk.Options{}, &out); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if strings.Contains(l.Path, layerwalk.Inside) && strings.Contains(out.String(), "gh"+"p_") && l.Place == report.PlaceFile {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d secrets came out of archives, want 4", n)
	}
	for what, want := range map[string]string{"1:/opt/app.jar!/none": "there is no", "1:/opt/app.jar!/META-INF": "there is no", "1:/root/odd.gz!/odd": "could not be unpacked"} {
		if err := leakscan.Extract(t.Context(), file, what, layerwalk.Options{}, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestArchivePlainTar: what lies in a tar is told once, as what it is: a hash in a
// lock file is no secret because a tar is around it.
func TestArchivePlainTar(t *testing.T) {
	lock := "golang.org/x/a v1.0.0 h1:" + base64.StdEncoding.EncodeToString([]byte(testimage.Password(1)+"12345678")) + "\n"
	settings := "access_token = " + testimage.Password(2) + "\n"
	members := []testimage.Entry{testimage.File("go.sum", lock), testimage.File("fixtures/package-lock.json", settings), testimage.File("a.env", "T="+testimage.GitHubToken(1))}
	rules := func(entries ...testimage.Entry) (all []string) {
		file := write(t, testimage.DockerArchive(testimage.Image{Name: "tar:1", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: entries}}}.Build()))
		for _, f := range scan(t, file, leakscan.Options{}).Findings {
			all = append(all, fmt.Sprint(f.Rule, len(f.Locations)))
		}
		slices.Sort(all)
		return all
	}
	want, got := rules(members...), rules(testimage.File("x.tar", string(testimage.Tar(members...))))
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("in a tar %q, as files %q", got, want)
	}
}
