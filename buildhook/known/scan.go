package known

import (
	"cmp"
	"io"
	"slices"
	"strings"
)

// maxHits is how many hits a [Scan] keeps; what comes behind them isn't looked
// at any more.
const maxHits = 1000

// Scan is a reader that looks for values in what is read through it.
type Scan struct {
	p    *Prints
	r    io.Reader
	m    *matcher
	hit  func(at int, e *entry) bool
	c    collector
	buf  []byte // what was read from base on
	base int64  // where the first position lies that was not looked at
}

// Scan returns a reader that passes r's bytes through unchanged, and looks for
// the values on the way.
func (p *Prints) Scan(r io.Reader) *Scan {
	return &Scan{p: p, r: r, c: collector{prints: p, limit: maxHits}}
}

// Read reads from the reader below.
func (sc *Scan) Read(p []byte) (int, error) {
	n, err := sc.r.Read(p)
	if !sc.p.Empty() && !sc.c.full() {
		sc.feed(p[:n])
	}
	return n, err
}

// feed looks at a position once as many bytes as the longest spelling has are
// there from it on.
func (sc *Scan) feed(b []byte) {
	if sc.buf == nil && len(b) > 0 {
		sc.m = newMatcher(sc.p)
		sc.hit = func(at int, e *entry) bool { return sc.c.add(sc.base+int64(at), e) }
		sc.buf = make([]byte, 0, sc.p.longest+max(sc.p.longest, 64<<10))
	}
	for len(b) > 0 {
		n := min(len(b), cap(sc.buf)-len(sc.buf))
		sc.buf = append(sc.buf, b[:n]...)
		b = b[n:]
		if len(sc.buf) == cap(sc.buf) {
			done := len(sc.buf) - sc.p.longest + 1
			sc.m.run(sc.buf, 0, done, sc.hit)
			sc.buf = sc.buf[:copy(sc.buf, sc.buf[done:])]
			sc.base += int64(done)
		}
	}
}

// Hits returns the hits in what has been read, by rising Offset, as
// [Set.Find] does; at most 1,000.
func (sc *Scan) Hits() []Hit {
	c := collector{prints: sc.p, limit: maxHits, list: slices.Clone(sc.c.list), last: slices.Clone(sc.c.last)}
	if len(sc.buf) > 0 {
		sc.m.run(sc.buf, 0, len(sc.buf), func(at int, e *entry) bool { return c.add(sc.base+int64(at), e) })
	}
	return c.sorted()
}

// collector makes hits of matches, which come by rising offsets.
type collector struct {
	prints *Prints
	limit  int
	list   []match
	last   []int // of each name, the index in list of its last match, and 1
}

type match struct {
	at int64
	e  *entry
}

func (c *collector) full() bool { return len(c.list) >= c.limit }

// add returns false if there are enough.
func (c *collector) add(at int64, e *entry) bool {
	if c.last == nil {
		c.last = make([]int, len(c.prints.names))
	}
	if i := c.last[e.name] - 1; i >= 0 && at < c.list[i].at+int64(c.list[i].e.length) {
		if e.length > c.list[i].e.length {
			c.list[i] = match{at, e}
		}
		return true
	}
	if c.full() {
		return false
	}
	c.list = append(c.list, match{at, e})
	c.last[e.name] = len(c.list)
	return !c.full()
}

func (c *collector) sorted() []Hit {
	hits := make([]Hit, 0, len(c.list))
	for _, m := range c.list {
		hits = append(hits, Hit{c.prints.names[m.e.name], m.e.form.String(), m.at, int(m.e.length)})
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), strings.Compare(a.Name, b.Name))
	})
	return hits
}
