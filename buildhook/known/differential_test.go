package known

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"
	"testing"
)

// naive is Find without fingerprints.
func naive(s *Set, b []byte) []Hit {
	var all []Hit
	for _, sp := range s.spellings {
		for from := 0; ; {
			i := bytes.Index(b[from:], sp.text)
			if i < 0 {
				break
			}
			all = append(all, Hit{sp.name, sp.form.String(), int64(from + i), len(sp.text)})
			from += i + 1
		}
	}
	slices.SortStableFunc(all, func(a, b Hit) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length))
	})
	var hits []Hit
	for _, h := range all {
		if k := len(hits) - 1; k >= 0 && hits[k].Name == h.Name && h.Offset < hits[k].Offset+int64(hits[k].Length) {
			if h.Length > hits[k].Length {
				hits[k] = h
			}
			continue
		}
		hits = append(hits, h)
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(a.Offset, b.Offset), strings.Compare(a.Name, b.Name)) })
	return hits
}

// values are secrets of all kinds, named at random.
func (g *generator) values() []Value {
	var list []Value
	for range 1 + g.IntN(6) {
		var v []byte
		switch g.IntN(7) {
		case 0:
			v = []byte(g.token(8 + g.IntN(60)))
		case 1:
			v = []byte(g.odd(8 + g.IntN(40)))
		case 2:
			v = g.bytes(8 + g.IntN(100))
		case 3:
			v = g.pem("PRIVATE KEY", 60+g.IntN(2000))
		case 4:
			v = []byte("user=" + g.token(12) + "\npassword: " + g.odd(20) + "\r\n")
		case 5: // overlaps itself
			v = []byte(strings.Repeat(g.token(3), 3+g.IntN(20)) + g.of("ab", g.IntN(3)))
		case 6:
			v = []byte(g.of("ab", 16))
		}
		list = append(list, Value{g.of("abc", 1), v})
	}
	return list
}

// text has spellings of the values, whole and in pieces, at random places.
func (g *generator) text(s *Set, size int) []byte {
	var b []byte
	for len(b) < size {
		switch n := g.IntN(400); {
		case n < 200:
			b = append(b, g.bytes(g.IntN(1+size/8))...)
		case n < 250:
			b = append(b, g.of("ab \n", g.IntN(60))...)
		case n < 260:
			b = append(b, make([]byte, g.IntN(1000))...)
		case len(s.spellings) > 0:
			t := s.spellings[g.IntN(len(s.spellings))].text
			from, to := 0, len(t)
			if g.IntN(3) == 0 {
				from = g.IntN(to)
			}
			if g.IntN(3) == 0 {
				to = from + g.IntN(to-from)
			}
			b = append(b, t[from:to]...)
		}
	}
	return b
}

// chunks cuts n bytes at random places.
func (g *generator) chunks(n int) []int {
	var list []int
	for most := 1 << g.IntN(18); n > 0; {
		k := min(n, 1+g.IntN(most))
		list, n = append(list, k), n-k
	}
	return list
}

type chunked struct {
	b     []byte
	sizes []int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.sizes) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:c.sizes[0]])
	c.b = c.b[n:]
	if c.sizes[0] -= n; c.sizes[0] == 0 {
		c.sizes = c.sizes[1:]
	}
	return n, nil
}

func TestDifferential(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 20
	}
	total := 0
	for seed := range rounds {
		g := newGenerator(uint64(1000 + seed))
		s := New(g.bytes(32), g.values())
		b := g.text(s, 1<<g.IntN(18))
		want := naive(s, b)
		total += len(want)
		if got := s.Find(b); !slices.Equal(got, want) {
			t.Fatalf("seed %d: Find: %s", seed, differ(got, want))
		}
		sc := prints(t, s).Scan(&chunked{b, g.chunks(len(b))})
		if through, err := io.ReadAll(sc); err != nil || !bytes.Equal(through, b) {
			t.Fatalf("seed %d: the bytes did not come through: %v", seed, err)
		}
		if got := sc.Hits(); !slices.Equal(got, want[:min(len(want), maxHits)]) {
			t.Fatalf("seed %d: Scan: %s", seed, differ(got, want))
		}
	}
	t.Logf("%d hits", total)
}

func differ(got, want []Hit) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return strings.Join([]string{"at " + itoa(i), "got " + show(got, i), "want " + show(want, i)}, ", ")
		}
	}
	return "equal"
}

func TestStream(t *testing.T) {
	for seed := range 150 {
		g := newGenerator(uint64(5000 + seed))
		s := New(g.bytes(32), g.values())
		b := g.text(s, 1<<g.IntN(14))
		checkStream(t, s, b, g.chunks(len(b)))
	}
}

func checkStream(t *testing.T, s *Set, b []byte, sizes []int) {
	t.Helper()
	want, whole := s.Mask(bytes.Clone(b)), b
	if m := maskNaive(s, b); !bytes.Equal(want, m) {
		t.Fatalf("Mask gives %q, not %q", want, m)
	}
	st := s.Stream()
	var got []byte
	for _, n := range sizes {
		chunk := bytes.Clone(b[:n])
		got = append(got, st.Write(chunk)...)
		clear(chunk) // it is the caller's again
		b = b[n:]
		seen := whole[:len(whole)-len(b)]
		for held := len(st.buf); held > 0 && st.covered == 0; {
			if !slices.ContainsFunc(s.spellings, func(sp spelling) bool {
				return len(sp.text) > held && bytes.HasPrefix(sp.text, seen[len(seen)-held:])
			}) {
				t.Fatalf("%d bytes are held back for nothing", held)
			}
			break
		}
	}
	got = append(got, st.Flush()...)
	if !bytes.Equal(got, want) {
		t.Fatalf("in chunks of %v: %q, not %q", sizes, got, want)
	}
}

// maskNaive marks every byte of every spelling.
func maskNaive(s *Set, b []byte) []byte {
	end := make([]int, len(b)+1) // of the longest spelling from here
	for _, sp := range s.spellings {
		for i := range b {
			if bytes.HasPrefix(b[i:], sp.text) {
				end[i] = max(end[i], i+len(sp.text))
			}
		}
	}
	var out []byte
	covered := 0
	for i, c := range b {
		if end[i] > 0 && i >= covered {
			out = append(out, mark...)
		}
		covered = max(covered, end[i])
		if i >= covered {
			out = append(out, c)
		}
	}
	return out
}
