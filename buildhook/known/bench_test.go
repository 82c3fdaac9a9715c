package known

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func BenchmarkScan(b *testing.B) {
	g := newGenerator(1)
	random := g.bytes(8 << 20)
	text := []byte(strings.Repeat("The quick brown fox = jumps(over, the lazy dog); // 0123456789\n", 8<<20/63))
	zeros := make([]byte, 8<<20)
	key := g.bytes(32)
	token := func(n int) Value { return Value{"token", []byte(g.token(n))} }
	sets := []struct {
		name   string
		values []Value
	}{
		{"one token", []Value{token(40)}},
		{"five tokens", []Value{token(20), token(24), token(36), token(40), token(64)}},
		{"short", []Value{token(12), token(20), token(40)}},
		{"PEM", []Value{{"pem", g.pem("RSA PRIVATE KEY", 1600)}, token(40)}},
	}
	for _, set := range sets {
		p, err := Parse(New(key, set.values).Prints())
		if err != nil {
			b.Fatal(err)
		}
		for _, data := range []struct {
			name string
			b    []byte
		}{{"random", random}, {"text", text}, {"zeros", zeros}} {
			b.Run(set.name+"/"+data.name, func(b *testing.B) {
				b.SetBytes(int64(len(data.b)))
				b.ReportMetric(float64(len(p.entries)), "spellings")
				buf := make([]byte, 32<<10)
				for b.Loop() {
					sc := p.Scan(bytes.NewReader(data.b))
					if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{sc}, buf); err != nil {
						b.Fatal(err)
					}
					if n := len(sc.Hits()); n > 0 {
						b.Fatal(n)
					}
				}
			})
		}
	}
}
