package detect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/leakscan/leakscan/rules"
)

// What every rule owes, whatever its form: its secret is found wherever in a
// file it is, and however the stream is cut. "Found" is what package regexp
// makes of the whole text; that this is what gitleaks finds, TestSameAsGitleaks
// shows.

// contract is how a rule's secret stands in a text. Encoded forms go here.
var contract = []struct {
	name string
	text func(g *generator, r *rules.Rule) string
	step int // not 0: it is cut at every so many bytes
}{
	{"at the start", func(g *generator, r *rules.Rule) string { return g.pattern(r.Pattern) + "\nrest\n" }, 0},
	{"at the end", func(g *generator, r *rules.Rule) string { return "some text\n" + g.pattern(r.Pattern) }, 0},
	{"alone", func(g *generator, r *rules.Rule) string { return g.pattern(r.Pattern) }, 0},
	{"on an edge", func(g *generator, r *rules.Rule) string {
		return "some text\n" + g.pattern(r.Pattern) + "\nmore text\n"
	}, 1},
	{"in quotes", func(g *generator, r *rules.Rule) string {
		return `{"a":"b","c":"` + g.pattern(r.Pattern) + `","d":"e"}` + "\n"
	}, 0},
	{"back to back", func(g *generator, r *rules.Rule) string {
		s := g.pattern(r.Pattern)
		return s + s + g.pattern(r.Pattern) + "\n" + g.pattern(r.Pattern)
	}, 0},
	{"two on a line", func(g *generator, r *rules.Rule) string {
		return "x " + g.pattern(r.Pattern) + " " + g.pattern(r.Pattern) + " y\n"
	}, 7},
	{"as long as it can be", func(g *generator, r *rules.Rule) string {
		h := *g
		h.most, h.long = true, true
		return "x\n" + h.pattern(r.Pattern) + "\ny\n"
	}, 7},
	{"as short as it can be", func(g *generator, r *rules.Rule) string {
		h := *g
		h.least = true
		return "x\n" + h.pattern(r.Pattern) + "\ny\n"
	}, 0},
	{"with letters that only fold to ASCII", func(g *generator, r *rules.Rule) string {
		h := *g
		h.wide = true
		return "x " + h.pattern(r.Pattern) + "\n" + h.pattern(r.Pattern) + " y\n"
	}, 0},
}

func TestContract(t *testing.T) {
	whole := newScanner(t, Options{MaxDecode: -1})
	whole.prepared.Do(whole.prepare)
	tries := rounds(t, 2, 1)
	type edge struct {
		s      *Scanner
		filler int // so that an edge is where it ends
	}
	var every, some []edge
	for _, n := range []int{7, 64, 1000} {
		s := newScanner(t, Options{MaxDecode: -1, limits: cutting(n)})
		s.prepared.Do(s.prepare)
		some = append(some, edge{s, s.limits.back})
	}
	// The first chunk ends behind what is kept and the chunk: no secret is
	// longer than what is looked at behind it.
	every = append(every, edge{some[0].s, some[0].s.limits.back + 7})
	shown := map[string]bool{}
	cuts := 0
	for i, r := range whole.rules {
		if r.Pattern == "" || testing.Short() && i%10 > 0 {
			continue
		}
		path := pathFor(r.Rule)
		for k, form := range contract {
			for try := range tries {
				g := &generator{Rand: rand.New(rand.NewPCG(uint64(i), uint64(100*k+try)))}
				text := []byte(form.text(g, r.Rule))
				check := func(what string, s *Scanner, want []found, text []byte, filler int) {
					t.Helper()
					got := ours(t, s, path, text, iotest.HalfReader(bytes.NewReader(text)))
					for i := range got {
						got[i].line = 0
					}
					compare(t, fmt.Sprintf("%s %s, %s, behind %d bytes: %.300q", r.ID, form.name, what, filler, bytes.TrimRight(text[filler:], "\n")), want, got)
				}
				want := reference(whole, path, text)
				check("whole", whole, want, text, 0)
				if r.plan.gated { // by a keyword that is somewhere else
					text = slices.Concat([]byte(strings.Join(r.Keywords, " ")+"\n"), text)
					want = reference(whole, path, text)
					check("whole", whole, want, text, 0)
				}
				for _, f := range want {
					if f.rule == r.ID {
						shown[r.ID+" "+form.name] = true
					}
				}
				if slices.ContainsFunc(want, func(f found) bool { return len(f.match)+16 > 1<<10 }) {
					continue
				}
				// In front goes what no rule sees, and behind, if that is not
				// the end of the file.
				pad := func(n int, size int) []byte {
					b := append(bytes.Repeat([]byte(".\n"), n/2+1)[:n-1], '\n')
					b = append(b, text...)
					if strings.HasSuffix(string(text), "\n") {
						b = append(b, bytes.Repeat([]byte("\n"), max(0, size+n-len(b)))...)
					}
					return b
				}
				if keywordIsLate(r, text) {
					continue
				}
				want = reference(whole, path, pad(10, 0))
				for _, e := range some {
					n := e.filler + g.IntN(1+e.s.limits.chunk)
					check("cut", e.s, want, pad(n, e.s.limits.size), n)
				}
				if form.step == 0 || try > 0 {
					continue
				}
				for _, e := range every {
					for off := 0; off < min(len(text), e.filler-1); off += form.step {
						check("cut", e.s, want, pad(e.filler-off, e.s.limits.size+2*len(text)), e.filler-off)
						cuts++
					}
				}
			}
			if t.Failed() {
				break
			}
		}
	}
	missing := 0
	for i, r := range whole.rules {
		for _, form := range contract {
			if r.Pattern != "" && !shown[r.ID+" "+form.name] && !(testing.Short() && i%10 > 0) {
				missing++
				t.Logf("%s %s: it is no finding", r.ID, form.name)
			}
		}
	}
	t.Logf("%d rules' forms shown, %d not; an edge in %d places", len(shown), missing, cuts)
	if missing > len(shown)/20 {
		t.Error("that shows too little")
	}
}
