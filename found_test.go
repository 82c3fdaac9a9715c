package leakscan_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// Matches are told in one order, whatever the number of workers, and all of them.
func TestFound(t *testing.T) {
	file := write(t, testimage.DockerArchive(testimage.Leaky("demo:latest").Build()))
	var want []report.Match
	for _, workers := range []int{1, 2, 8} {
		var got []report.Match
		rep := scan(t, file, leakscan.Options{Workers: workers, Found: func(m report.Match) { got = append(got, m) }})
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d workers: got %v, want %v", workers, got, want)
		}
		var places, told []string
		for _, f := range rep.Findings {
			for _, l := range f.Locations {
				places = append(places, fmt.Sprint(f.Rule, f.Secret, l.Line, l.Column, l.Offset))
			}
		}
		for _, m := range got {
			told = append(told, fmt.Sprint(m.Rule, m.Secret, m.Line, m.Column, m.Offset))
			if !strings.HasPrefix(m.Blob, "sha256:") || m.Title == "" || m.Severity == "" {
				t.Errorf("half a match: %+v", m)
			}
		}
		slices.Sort(places)
		slices.Sort(told)
		if !slices.Equal(places, told) {
			t.Errorf("%d workers: told\n%s\nreported\n%s", workers, strings.Join(told, "\n"), strings.Join(places, "\n"))
		}
	}
}

// A directory has no digest.
func TestFoundInDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.env"), []byte("T="+testimage.GitHubToken(1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []report.Match
	scan(t, "dir:"+dir, leakscan.Options{Found: func(m report.Match) { got = append(got, m) }})
	if len(got) != 1 || got[0].Blob != "" || got[0].Rule != "github-pat" || got[0].Line != 1 {
		t.Errorf("got %+v", got)
	}
}

// A match is told while the rest of the image is still to come.
func TestFoundAsItComes(t *testing.T) {
	archive := testimage.Legacy(testimage.Leaky("demo:latest").Build())
	cut := bytes.Index(archive, []byte("manifest.json")) / 512 * 512 // its header: it comes last
	in, out := io.Pipe()
	found := make(chan report.Match, 1000)
	go func() {
		out.Write(archive[:cut])
		select {
		case m := <-found:
			found <- m
		case <-time.After(time.Minute):
			t.Error("nothing is told before the archive ends")
		}
		out.Write(archive[cut:])
		out.Close()
	}()
	rep := scan(t, "-", leakscan.Options{Open: layerwalk.Options{Stdin: in}, Found: func(m report.Match) { found <- m }})
	if !rep.Complete || len(rep.Findings) == 0 {
		t.Errorf("%d findings, gaps: %s", len(rep.Findings), gaps(rep))
	}
}
