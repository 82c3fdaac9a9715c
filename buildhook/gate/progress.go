package gate

import (
	"context"
	"sync"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
)

// progress is what BuildKit says of the steps of a build.
type progress struct {
	mu    sync.Mutex
	done  map[string]bool // by the digest: whether it was cached
	news  chan struct{}   // closed, and replaced, when there is some
	ended bool
}

func newProgress() *progress {
	return &progress{done: map[string]bool{}, news: make(chan struct{})}
}

// watch follows the progress of a build until it ends.
func (g *Gate) watch(ctx context.Context, b *build) {
	p := b.progress
	go func() {
		defer p.note(func() { p.ended = true })
		stream, err := controlapi.NewControlClient(g.up).Status(ctx, &controlapi.StatusRequest{Ref: b.ref})
		if err != nil {
			return
		}
		for {
			m, err := stream.Recv()
			if err != nil {
				return
			}
			p.note(func() {
				for _, v := range m.Vertexes {
					if v.Completed != nil {
						// One that has run stays so, whatever is said of it later.
						cached, was := p.done[v.Digest]
						p.done[v.Digest] = v.Cached && (!was || cached)
					}
				}
			})
		}
	}()
}

func (p *progress) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.news)
	p.news = make(chan struct{})
}

// progressDelay is how long the news of a step that is done may be under way.
const progressDelay = 300 * time.Millisecond

// ran says whether one of the steps was run in this build, and not found in the
// cache. A step of which nothing is said counts as one that was.
func (b *build) ran(ctx context.Context, steps []written) bool {
	p := b.progress
	deadline := time.NewTimer(progressDelay)
	defer deadline.Stop()
	for {
		p.mu.Lock()
		unknown, news, ended := false, p.news, p.ended
		for i := range steps {
			cached, known := p.done[string(steps[i].digest)]
			if known && !cached {
				p.mu.Unlock()
				return true
			}
			unknown = unknown || !known
		}
		p.mu.Unlock()
		if !unknown || ended {
			return unknown
		}
		select {
		case <-news:
		case <-deadline.C:
			return true
		case <-ctx.Done():
			return true
		}
	}
}
