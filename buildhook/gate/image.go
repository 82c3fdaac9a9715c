package gate

import (
	"context"
	"fmt"
	"io"
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
	var scans []watched
	o := leakscan.Options{Open: open, Rules: g.o.Rules, Version: g.o.Version}
	if !values.Empty() {
		prints, err := known.Parse(values.Prints())
		if err != nil {
			return "", err
		}
		o.Tap = func(_ report.Place, path string, r io.Reader) io.Reader {
			s := prints.Scan(r)
			mu.Lock()
			defer mu.Unlock()
			scans = append(scans, watched{path, s})
			return s
		}
	}
	rep, err := leakscan.Scan(ctx, []string{"docker:" + image}, o)
	if err != nil {
		return "", err
	}
	if !rep.Complete && rep.Verdict(g.o.FailOn)&report.Leaks == 0 {
		return "", fmt.Errorf("%s", rep.Summary())
	}
	var text strings.Builder
	for _, s := range scans {
		for _, h := range s.Hits() {
			fmt.Fprintf(&text, "CRITICAL: %s - %s is in %s\n", knownID, h.Name, report.Escape(string(values.Mask([]byte(s.path)))))
			break
		}
	}
	if rep.Verdict(g.o.FailOn)&report.Leaks != 0 {
		if err := report.WriteText(&text, rep, report.TextOptions{Width: 100}); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

type watched struct {
	path string
	*known.Scan
}
