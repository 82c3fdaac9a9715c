package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/report"
)

// progress shows on the standard error what is being read: on a terminal as a
// block of lines, one for each layer at work, that is drawn over and gone at
// the end; plain as a line when a layer begins and when it is done.
type progress struct {
	mu     sync.Mutex
	w      io.Writer
	tty    bool
	width  int
	active []*activeBlob // in the order in which they began
	done   int
	bytes  int64
	lines  int // drawn
	quit   chan struct{}
	ended  chan struct{}
}

type activeBlob struct {
	id          string
	size, bytes int64
}

func newProgress(mode string, stderr *os.File) (*progress, error) {
	p := &progress{w: stderr, width: 80}
	switch mode {
	case "quiet":
		return nil, nil
	case "auto":
		if !isTerminal(stderr) {
			return nil, nil
		}
		p.tty = true
	case "tty":
		p.tty = true
	case "plain":
	default:
		return nil, usage(unknownProgress, mode)
	}
	if w, _, err := term.GetSize(int(stderr.Fd())); err == nil && w > 20 {
		p.width = w
	}
	if p.tty {
		p.quit, p.ended = make(chan struct{}), make(chan struct{})
		go p.draw()
	}
	return p, nil
}

// update gives the function that the scan tells of its steps; nil for nobody.
func (p *progress) update() func(leakscan.Progress) {
	if p == nil {
		return nil
	}
	return func(s leakscan.Progress) {
		p.mu.Lock()
		defer p.mu.Unlock()
		i := slices.IndexFunc(p.active, func(b *activeBlob) bool { return b.id == s.Blob })
		switch s.Kind {
		case leakscan.BlobStarted:
			p.active = append(p.active, &activeBlob{id: s.Blob, size: s.Bytes})
			p.plain("reading %s%s", s.Blob, ofSize(s.Bytes))
		case leakscan.BlobRead:
			p.bytes += s.Bytes
			if i >= 0 {
				p.active[i].bytes += s.Bytes
			}
		case leakscan.BlobDone:
			p.done++
			if i >= 0 {
				p.plain("read    %s, %s", s.Blob, report.Size(p.active[i].bytes))
				p.active = slices.Delete(p.active, i, i+1)
			}
		}
	}
}

func ofSize(n int64) string {
	if n < 0 {
		return ""
	}
	return ", " + report.Size(n)
}

func (p *progress) plain(format string, args ...any) {
	if !p.tty {
		fmt.Fprintln(p.w, report.Escape(fmt.Sprintf(format, args...)))
	}
}

func (p *progress) draw() {
	defer close(p.ended)
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			p.mu.Lock()
			p.redraw(p.text())
			p.mu.Unlock()
		case <-p.quit:
			p.mu.Lock()
			p.redraw(nil)
			p.mu.Unlock()
			return
		}
	}
}

// text makes the lines of the block.
func (p *progress) text() []string {
	lines := []string{fmt.Sprintf("%d blobs read, %s", p.done, report.Size(p.bytes))}
	for _, b := range p.active {
		if b.bytes == 0 && b.size < 1<<20 {
			continue // documents would only flicker
		}
		line := "  " + report.TruncateMiddle(report.Escape(b.id), 30) + "  " + report.Size(b.bytes)
		if b.size > 0 {
			const cells = 20
			n := int(min(b.bytes*cells/b.size, cells))
			line += " of " + report.Size(b.size) + "  [" + strings.Repeat("#", n) + strings.Repeat(".", cells-n) + "]"
		}
		lines = append(lines, report.Truncate(line, p.width-1))
	}
	return lines
}

// redraw writes the lines over the ones that stand there.
func (p *progress) redraw(lines []string) {
	var b strings.Builder
	if p.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", p.lines)
	}
	b.WriteString("\x1b[J") // to the end of the screen
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	p.lines = len(lines)
	io.WriteString(p.w, b.String())
}

// stop takes the block off the screen.
func (p *progress) stop() {
	if p == nil || !p.tty {
		return
	}
	close(p.quit)
	<-p.ended
}
