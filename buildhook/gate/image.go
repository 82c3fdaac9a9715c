package gate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/report"
)

// scanImage scans an image of the engine, from outside. The text is empty if
// there is nothing to keep it for.
func (g *Gate) scanImage(ctx context.Context, image string) (string, error) {
	open := g.o.Upstream.Engine.Open
	values := g.values()
	var mu sync.Mutex
	found := map[hit]bool{}
	o := leakscan.Options{Open: open, Rules: g.o.Rules, Version: g.o.Version, NoUnpack: g.o.NoUnpack}
	stored, err := g.prints()
	if err != nil {
		return "", err
	}
	if stored != nil {
		prints, err := known.Parse(stored)
		if err != nil {
			return "", err
		}
		o.Tap = func(_ report.Place, path, _ string, r io.Reader) io.Reader {
			return &ended{Scan: prints.Scan(r), end: func(hits []known.Hit) {
				mu.Lock()
				defer mu.Unlock()
				for _, h := range hits {
					found[hit{h.Name, path}] = true
				}
			}}
		}
	}
	rep, err := leakscan.Scan(ctx, []string{"docker:" + image}, o)
	if err != nil {
		return "", err
	}
	if !rep.Complete && rep.Verdict(g.threshold())&report.Leaks == 0 {
		return "", fmt.Errorf("%s", rep.Summary())
	}
	var text strings.Builder
	for _, h := range slices.SortedFunc(maps.Keys(found), func(a, b hit) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.path, b.path)) }) {
		fmt.Fprintf(&text, "CRITICAL: %s - %s is in %s\n", knownID, h.name, report.Escape(string(values.Mask([]byte(h.path)))))
	}
	if rep.Verdict(g.threshold())&report.Leaks != 0 {
		if err := report.WriteText(&text, rep, report.TextOptions{Width: 100}); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// hit is a known secret in a file of an image.
type hit struct{ name, path string }

// ended is a scan that tells what it has found when its file ends.
type ended struct {
	*known.Scan
	end func([]known.Hit)
}

func (e *ended) Read(p []byte) (int, error) {
	n, err := e.Scan.Read(p)
	if err != nil && e.end != nil {
		if hits := e.Hits(); len(hits) > 0 {
			e.end(hits)
		}
		e.end = nil
	}
	return n, err
}
