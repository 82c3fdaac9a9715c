package leakscan

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/report"
)

// Trace is what the rules did in one file or field of an image.
type Trace struct {
	Place  report.Place
	Path   string
	Bytes  int64 // of the file; more than maxTrace of them were not traced
	Events []detect.Event
}

// maxTrace bounds what is kept of a file to be traced.
const maxTrace = 16 << 20

// Why says what each rule did in the files of the images that have a path, with
// or without a slash before it, in whatever layer; or in the fields of their
// documents, such as "config.Env[3]". No files: nothing has that path.
func Why(ctx context.Context, refs []string, path string, o Options) ([]Trace, error) {
	type kept struct {
		t    Trace
		text bytes.Buffer
	}
	var mu sync.Mutex
	var files []*kept
	want := strings.TrimPrefix(path, "/")
	o.Tap = func(place report.Place, name, _ string, r io.Reader) io.Reader {
		if strings.TrimPrefix(name, "/") != want || place != report.PlaceFile && place != report.PlaceConfig {
			return r
		}
		k := &kept{t: Trace{Place: place, Path: text(name)}}
		mu.Lock()
		files = append(files, k)
		mu.Unlock()
		return io.TeeReader(r, writer(func(p []byte) {
			k.t.Bytes += int64(len(p))
			k.text.Write(p[:min(len(p), max(0, maxTrace-k.text.Len()))])
		}))
	}
	rep, err := Scan(ctx, refs, o)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 && len(rep.Images) == 0 && len(rep.Gaps) > 0 {
		return nil, fmt.Errorf("%s: %s", rep.Gaps[0].Blob, rep.Gaps[0].Reason)
	}
	scanner, err := detect.For(o.Rules)
	if err != nil {
		return nil, err
	}
	var out []Trace
	for _, k := range files {
		p := want
		if k.t.Place == report.PlaceConfig {
			p = ""
		}
		k.t.Events = scanner.Trace(p, k.text.Bytes())
		out = append(out, k.t)
	}
	return out, nil
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }
