package known

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"testing"
)

func itoa(i int) string { return fmt.Sprint(i) }

func show(hits []Hit, i int) string {
	if i < len(hits) {
		return fmt.Sprintf("%+v of %d", hits[i], len(hits))
	}
	return fmt.Sprintf("only %d", len(hits))
}

// FuzzParse: no panic, and what is read is written the same. The checksum is
// mended, or nothing would come past it.
func FuzzParse(f *testing.F) {
	g := newGenerator(20)
	for range 5 {
		s := New(g.bytes(32), append(g.values()[:1], Value{"token", []byte(g.token(40))}))
		f.Add(s.Prints())
	}
	f.Add(New(nil, nil).Prints())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > sumSize {
			sum := sha256.Sum256(b[:len(b)-sumSize])
			b = slices.Concat(b[:len(b)-sumSize], sum[:sumSize])
		}
		p, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.marshal(), b) {
			t.Fatal("what was read is written in another way")
		}
		sc := p.Scan(bytes.NewReader(b))
		io.Copy(io.Discard, sc)
		sc.Hits()
	})
}

// FuzzStream: two values and a text, cut at all places that cuts names.
func FuzzStream(f *testing.F) {
	g := newGenerator(21)
	a, b := g.token(12), g.odd(20)
	f.Add([]byte(a), []byte(b), []byte("x"+a+a[:5]+b+" "+a+a), []byte{3, 1, 9})
	f.Add([]byte("abababab1"), []byte("babababa1\nz"), []byte("abababababab1babababa1\nab"), []byte{1})
	f.Add([]byte(a+"\n"+b), []byte(a), []byte(a+"\n"+b+a+"\r\n"+b), []byte{20, 1, 1})
	f.Fuzz(func(t *testing.T, a, b, text, cuts []byte) {
		if len(a)+len(b) > 4<<10 || len(text) > 16<<10 {
			return
		}
		s := New([]byte("key"), []Value{{"a", a}, {"b", b}})
		var sizes []int
		for n, i := len(text), 0; n > 0; i++ {
			k := n
			if i < len(cuts) {
				k = min(n, 1+int(cuts[i]))
			}
			sizes, n = append(sizes, k), n-k
		}
		checkStream(t, s, text, sizes)
		if got, want := s.Find(text), naive(s, text); !slices.Equal(got, want) {
			t.Fatal(differ(got, want))
		}
	})
}
