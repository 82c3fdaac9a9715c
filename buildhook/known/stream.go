package known

import (
	"bytes"
	"sort"
)

// Stream masks a stream that comes in chunks. What it gives, put together, is
// what [Set.Mask] makes of the whole. It is for one goroutine.
type Stream struct {
	s       *Set
	m       *matcher
	buf     []byte // what was not given yet
	covered int    // how many bytes of buf are of a hit whose mark was given
	masked  bool   // whether there was a hit
}

// Stream returns a masker for one stream.
func (s *Set) Stream() *Stream { return &Stream{s: s, m: newMatcher(s.prints)} }

// Write takes a chunk and returns what can be shown now: all but what may be
// the start of a value.
func (t *Stream) Write(chunk []byte) []byte {
	if t.s.Empty() {
		return bytes.Clone(chunk)
	}
	t.buf = append(t.buf, chunk...)
	return t.emit(t.undecided())
}

// Flush returns the rest. The stream can be used on, for the next text.
func (t *Stream) Flush() []byte {
	out := t.emit(len(t.buf))
	t.buf, t.covered = nil, 0
	return out
}

// emit returns the first n bytes of buf, with marks, and forgets them.
func (t *Stream) emit(n int) []byte {
	if n == 0 {
		return nil
	}
	var out []byte
	shown := t.covered // up to where buf was given, or is of a hit
	t.m.run(t.buf, 0, n, func(at int, e *entry) bool {
		t.masked = true
		if at >= shown {
			out = append(out, t.buf[shown:at]...)
			out = append(out, mark...)
		}
		shown = max(shown, at+int(e.length))
		return true
	})
	if shown < n {
		out = append(out, t.buf[shown:n]...)
	}
	t.covered = max(0, shown-n)
	t.buf = append(make([]byte, 0, len(t.buf)-n), t.buf[n:]...)
	return out
}

// undecided returns the first position of buf from which on all of it is the
// start of a spelling that has more bytes.
func (t *Stream) undecided() int {
	b := t.buf
	from := max(0, len(b)-t.s.prints.longest+1)
	if t.s.wiped {
		return from // could be any
	}
	for i := from; i < len(b); i++ {
		if len(b)-i >= 8 && !t.s.heads.has(t.s.prints.keys.head(b[i:]), 0) {
			continue
		}
		if t.s.starts(b[i:]) {
			return i
		}
	}
	return len(b)
}

// starts reports whether a spelling starts with b and has more bytes.
func (s *Set) starts(b []byte) bool {
	// Those that start with b and are longer stand behind b itself.
	i := sort.Search(len(s.spellings), func(i int) bool { return bytes.Compare(s.spellings[i].text, b) > 0 })
	return i < len(s.spellings) && bytes.HasPrefix(s.spellings[i].text, b)
}
