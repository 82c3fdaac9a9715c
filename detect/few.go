package detect

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/leakscan/leakscan/rules"
)

// A thousand rules take some 60 ms to make ready, which a program that looks at
// one Dockerfile should not have to wait for. Until they are, a small text is
// scanned with those rules only whose keyword it has: no other can match. What
// is encoded in it could have other keywords, so then all rules are needed.

// small is the state of that.
type small struct {
	done    atomic.Bool  // all rules are ready
	scans   atomic.Int32 // so many small scans were done without
	encoded atomic.Bool  // of a scanner for a few rules: its text had something encoded
}

const (
	smallText  = 64 << 10
	smallScans = 24 // beyond that, all rules would have been quicker
)

// scanFew scans a text with the few rules that can match in it, if that is to be
// preferred. It reports false, and has yielded nothing, if it isn't.
func (s *Scanner) scanFew(path string, text []byte, anyPath bool, yield func(Match, error) bool) bool {
	if s.set == nil || s.few.done.Load() || len(text) > smallText || s.few.scans.Add(1) > smallScans {
		return false
	}
	t, err := New(s.candidates(text), Options{Key: s.key, MaxDecode: s.maxDecode, MaxMatches: s.maxMatches, Now: s.now})
	if err != nil {
		return false
	}
	type result struct {
		m   Match
		err error
	}
	var results []result
	sc := t.scans.Get().(*scan)
	sc.anyPath = anyPath
	sc.run(path, nil, text, func(m Match, err error) bool {
		results = append(results, result{m, err})
		return true
	})
	if t.few.encoded.Load() {
		return false
	}
	for _, r := range results {
		if !yield(r.m, r.err) {
			break
		}
	}
	return true
}

// readFew is scanFew for what r gives, if it ends soon. Else it returns a reader
// of all of it.
func (s *Scanner) readFew(path string, r io.Reader, yield func(Match, error) bool) (all io.Reader, done bool) {
	if s.set == nil || s.few.done.Load() {
		return r, false
	}
	text := make([]byte, smallText+1)
	n, err := fill(r, text)
	text = text[:n]
	if errors.Is(err, io.EOF) && s.scanFew(path, text, false, yield) {
		return nil, true
	}
	if err != nil {
		return io.MultiReader(bytes.NewReader(text), failing{err}), false
	}
	return io.MultiReader(bytes.NewReader(text), r), false
}

// failing is a reader that ends with an error, or with io.EOF.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// candidates are the rules that can match in a text.
func (s *Scanner) candidates(text []byte) *rules.Set {
	lower := strings.ToLower(string(text))
	sub := &rules.Set{Allowlists: s.set.Allowlists}
	for i := range s.set.Rules {
		r := &s.set.Rules[i]
		if r.Parsed || len(r.Keywords) == 0 || slices.ContainsFunc(r.Keywords, func(k string) bool { return strings.Contains(lower, k) }) {
			sub.Rules = append(sub.Rules, *r)
		}
	}
	return sub
}
