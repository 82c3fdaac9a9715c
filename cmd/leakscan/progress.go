package main

import (
	"context"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/opencontainers/go-digest"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/report"
)

// progress shows on the standard error what is being read, in the look that
// docker build has: each image is a step, and each of its blobs a line in it, as
// those of a base image are when BuildKit pulls it.
type progress struct {
	mu     sync.Mutex
	image  *client.Vertex // the one at work
	images int
	blobs  map[string]*client.VertexStatus // of that image; Timestamp is when it was last told

	status chan *client.SolveStatus
	ended  chan struct{}
}

// What is told: of an image with thousands of blobs the first, and the large ones,
// since a display shows at its end all that it was ever told.
const (
	toldAlways = 100
	toldLarge  = 1 << 20
)

// tellEvery is how often the bytes of a blob are told: more often than a display
// is drawn has no use.
const tellEvery = 100 * time.Millisecond

// newProgress makes one; name is what the flag is called in messages.
func newProgress(mode, name string, stderr *os.File) (*progress, error) {
	switch progressui.DisplayMode(mode) {
	case progressui.QuietMode:
		return nil, nil
	case progressui.AutoMode:
		if !isTerminal(stderr) {
			return nil, nil
		}
	case progressui.TtyMode, progressui.PlainMode, progressui.RawJSONMode:
	default:
		return nil, usage(unknownProgress, name, mode)
	}
	display, err := progressui.NewDisplay(stderr, progressui.DisplayMode(mode), progressui.WithPhase(progressPhase))
	if err != nil {
		return nil, usage(noTerminal, name, mode)
	}
	p := &progress{status: make(chan *client.SolveStatus, 64), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		display.UpdateFrom(context.Background(), p.status) // until stop; it fails for its context only
	}()
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
		now := time.Now()
		if p.image == nil || s.Kind == leakscan.ImageOpened {
			p.complete(now)
			p.images++
			p.image = &client.Vertex{
				Digest: digest.FromString(strconv.Itoa(p.images) + " " + s.Ref), Name: progressStep + " " + report.Escape(s.Ref), Started: &now,
			}
			p.blobs = map[string]*client.VertexStatus{}
			p.tellImage()
		}
		b := p.blobs[s.Blob]
		switch s.Kind {
		case leakscan.BlobStarted:
			if len(p.blobs) >= toldAlways && s.Bytes < toldLarge {
				return
			}
			b = &client.VertexStatus{ID: report.Escape(s.Blob), Vertex: p.image.Digest, Total: max(s.Bytes, 0), Started: &now}
			p.blobs[s.Blob] = b
		case leakscan.BlobRead:
			if b == nil {
				return
			}
			b.Current += s.Bytes
			if now.Sub(b.Timestamp) < tellEvery {
				return
			}
		case leakscan.BlobDone:
			if b != nil {
				b.Completed = &now
			}
		}
		if b != nil {
			b.Timestamp = now
			p.tell(b)
		}
	}
}

// tell sends a copy of a blob: what is sent belongs to the display.
func (p *progress) tell(b *client.VertexStatus) {
	blob := *b
	p.status <- &client.SolveStatus{Statuses: []*client.VertexStatus{&blob}}
}

// tellImage is tell for the image that is at work.
func (p *progress) tellImage() {
	image := *p.image
	p.status <- &client.SolveStatus{Vertexes: []*client.Vertex{&image}}
}

// complete ends the step of the image that is at work.
func (p *progress) complete(now time.Time) {
	if p.image != nil {
		p.image.Completed = &now
		p.tellImage()
		p.image = nil
	}
}

// stop ends the display; err says why it is not at its end.
func (p *progress) stop(err error) {
	if p == nil {
		return
	}
	p.mu.Lock()
	if p.image != nil && err != nil {
		p.image.Error = err.Error()
	}
	p.complete(time.Now())
	p.mu.Unlock()
	close(p.status)
	<-p.ended
}
