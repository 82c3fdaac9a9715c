package detect

import (
	"regexp"
	"regexp/syntax"
	"sync"
)

// Package regexp runs a pattern of up to 500 instructions by backtracking, and
// a longer one on a machine that is many times slower. What makes patterns long
// are counted repeats: [\w.=-]{10,150} has some 300 instructions. But the upper
// bound of a repeat of one class means something only where the text has more
// characters of the class in a row. In a window that has not, the pattern
// without the bound matches the same, and it is short.

// backtrackLimit is regexp's own bound. If it changes, only time is lost.
const backtrackLimit = 500

// relaxMax is the longest text for which runs are counted.
const relaxMax = 1 << 10

// relaxed is a pattern without some of its upper bounds.
type relaxed struct {
	pattern *regexp.Regexp
	bounds  []runBound
}

// runBound is a bound that was taken out: it holds of itself where no run of
// bytes in set is longer than max. In bytes, runs are at least as long as in
// characters.
type runBound struct {
	set byteSet
	max int
}

// relax gives the relaxed form of a pattern; nil where there is nothing to gain.
func relax(pattern string) *relaxed {
	size := func(re *syntax.Regexp) int {
		prog, err := syntax.Compile(re.Simplify())
		if err != nil {
			return 0
		}
		return len(prog.Inst)
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || size(tree) <= backtrackLimit {
		return nil
	}
	var r relaxed
	r.loosen(tree)
	if len(r.bounds) == 0 || size(tree) > backtrackLimit {
		return nil
	}
	if r.pattern, err = regexp.Compile(tree.String()); err != nil {
		return nil
	}
	return &r
}

// leastBound is the smallest upper bound that is worth a count of runs.
const leastBound = 24

func (r *relaxed) loosen(re *syntax.Regexp) {
	if re.Op == syntax.OpRepeat && re.Max >= leastBound {
		switch leaf := re.Sub[0]; leaf.Op {
		case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			b := runBound{max: re.Max}
			b.set.collect(leaf, false)
			r.bounds = append(r.bounds, b)
			re.Max = -1
		}
	}
	for _, sub := range re.Sub {
		r.loosen(sub)
	}
}

// fits reports whether the pattern matches in d what the original does.
func (r *relaxed) fits(d []byte) bool {
	if len(d) > relaxMax {
		return false
	}
	for i := range r.bounds {
		b := &r.bounds[i]
		run := 0
		for _, c := range d {
			if !b.set[c] {
				run = 0
			} else if run++; run > b.max {
				return false
			}
		}
	}
	return true
}

// on gives the pattern to run on d: the short form, if that comes to the same.
func (r *rule) on(d []byte) *regexp.Regexp {
	if x := r.relaxed(); x != nil && x.fits(d) {
		return x.pattern
	}
	return r.pattern()
}

func lazyRelax(pattern string) func() *relaxed {
	return sync.OnceValue(func() *relaxed { return relax(pattern) })
}
