package corpus

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// Score is how a scan of the corpus came out.
type Score struct {
	Secrets, Found      int // of the positives: marked secrets, and those found
	Gated               int // of those found: at the default threshold
	Negatives, False    int // negatives, and those in which something reaches the default threshold
	FalseLow            int // negatives in which something is found below it
	Missed, Wrong, Weak []string
	ByFamily            map[string]*Score
	names               []string
}

// Families are those of ByFamily, sorted.
func (s *Score) Families() []string { return s.names }

// Measure scans an image of the entries, and compares.
func Measure(ctx context.Context, es []Entry) (*Score, error) {
	img, entryAt := Image(es)
	data := testimage.DockerArchive(img.Build())
	rep, err := leakscan.Scan(ctx, []string{"-"}, leakscan.Options{Open: layerwalk.Options{Stdin: bytes.NewReader(data)}})
	if err != nil {
		return nil, err
	}
	if !rep.Complete {
		return nil, fmt.Errorf("the scan is not complete: %v", rep.Gaps)
	}
	type hit struct {
		f *report.Finding
		l *report.Location
	}
	hits := map[*Entry][]hit{}
	for i := range rep.Findings {
		f := &rep.Findings[i]
		for k := range f.Locations {
			l := &f.Locations[k]
			layer := 0
			if l.Layer != nil && l.Place == report.PlaceFile {
				layer = l.Layer.Index
			}
			if l.Layer != nil && layer == 0 && l.Place != report.PlaceHistory && l.Place != report.PlaceConfig {
				continue // a header, a name
			}
			if e := entryAt(layer, l.Path); e != nil {
				hits[e] = append(hits[e], hit{f, l})
			}
		}
	}
	total := &Score{ByFamily: map[string]*Score{}}
	for i := range es {
		e := &es[i]
		s := total.ByFamily[e.Family]
		if s == nil {
			s = &Score{}
			total.ByFamily[e.Family] = s
			total.names = append(total.names, e.Family)
		}
		where := fmt.Sprintf("%s:%d %s (%s)", e.Family, e.Line, e.Kind, e.Path)
		if !e.Positive() {
			var gate, low []string
			for _, h := range hits[e] {
				what := fmt.Sprintf("%s at %d", h.f.Rule, h.l.Line)
				switch {
				case report.Threshold{}.Reached(h.f.Severity, h.f.Confidence):
					gate = append(gate, what)
				case h.f.Severity != report.SeverityInfo:
					low = append(low, what)
				}
			}
			s.Negatives++
			if len(gate) > 0 {
				s.False++
				s.Wrong = append(s.Wrong, where+": "+strings.Join(gate, ", "))
			} else if len(low) > 0 {
				s.FalseLow++
			}
			continue
		}
		for _, sp := range e.Secrets {
			s.Secrets++
			found, gated := false, false
			for _, h := range hits[e] {
				if h.f.Severity == report.SeverityInfo || !near(int(h.l.Offset), sp, e.Text) {
					continue
				}
				found = true
				gated = gated || report.Threshold{}.Reached(h.f.Severity, h.f.Confidence)
			}
			switch {
			case !found:
				s.Missed = append(s.Missed, where+about(hits[e], func(h hit) string { return h.f.Rule + " " + string(h.f.Severity) + " " + h.f.Info }))
			case !gated:
				s.Weak = append(s.Weak, where)
			}
			if found {
				s.Found++
			}
			if gated {
				s.Gated++
			}
		}
	}
	slices.Sort(total.names)
	for _, n := range total.names {
		total.add(total.ByFamily[n])
	}
	return total, nil
}

func about[T any](hs []T, say func(T) string) string {
	var out []string
	for _, h := range hs {
		out = append(out, say(h))
	}
	if len(out) == 0 {
		return ""
	}
	return " [" + strings.Join(out, ", ") + "]"
}

// near reports whether a finding at an offset is of a secret: it may begin a
// little before it, as a pair does whose password is marked.
func near(at int, s Span, text string) bool {
	return at < s.To && (at >= s.From-64 || !strings.Contains(text[max(0, at):s.From], "\n"))
}

func (s *Score) add(o *Score) {
	s.Secrets += o.Secrets
	s.Found += o.Found
	s.Gated += o.Gated
	s.Negatives += o.Negatives
	s.False += o.False
	s.FalseLow += o.FalseLow
	s.Missed = append(s.Missed, o.Missed...)
	s.Wrong = append(s.Wrong, o.Wrong...)
	s.Weak = append(s.Weak, o.Weak...)
}

// Percent is a share for people.
func Percent(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(of))
}
