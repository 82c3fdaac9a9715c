package gate

import (
	"testing"
	"time"
)

// TestRan: a client that solves and returns at once may be ahead of the call
// that follows the progress of its build: what is said later still counts.
func TestRan(t *testing.T) {
	const one, two = "sha256:1", "sha256:2"
	steps := []written{{vertex: vertex{digest: one}}, {vertex: vertex{digest: two}}}
	for _, c := range []struct {
		name string
		said map[string]bool // by the digest: whether it was cached
		ends bool
		want bool
	}{
		{"all cached", map[string]bool{one: true, two: true}, false, false},
		{"one has run", map[string]bool{one: true, two: false}, false, true},
		{"nothing said of one", map[string]bool{one: true}, true, true},
		{"nothing said", nil, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &build{progress: newProgress()}
			got := make(chan bool)
			go func() { got <- b.ran(t.Context(), steps) }()
			time.Sleep(time.Millisecond) // more often than not, it waits already
			b.progress.note(func() {
				for d, cached := range c.said {
					b.progress.done[d] = cached
				}
				b.progress.ended = c.ends
			})
			if ran := <-got; ran != c.want {
				t.Errorf("%t", ran)
			}
		})
	}
}
