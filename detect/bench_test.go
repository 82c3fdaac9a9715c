package detect

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
)

// benchText is some MB of one kind of text. Real files differ: see LEAKSCAN_BENCH.
func benchText(b *testing.B, kind string) []byte {
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2)), calm: true}
	var text []byte
	for len(text) < 4<<20 {
		text = append(text, g.host(kind)...)
	}
	return text
}

func BenchmarkScan(b *testing.B) {
	s := newScanner(b, Options{})
	run := func(name string, text []byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = 0
				for range s.Scan("file", bytes.NewReader(text)) {
					n++
				}
			}
			b.ReportMetric(float64(n), "matches")
		})
	}
	for _, kind := range hosts {
		run(kind, benchText(b, kind))
	}
	// LEAKSCAN_BENCH names a real file, which made-up text can't stand for.
	if name := os.Getenv("LEAKSCAN_BENCH"); name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		run("file", text)
	}
}

func BenchmarkPrefilter(b *testing.B) {
	s := newScanner(b, Options{})
	s.prepared.Do(s.prepare)
	for _, kind := range hosts {
		text := benchText(b, kind)
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.filter.find(text, 0, len(text), func(*places) {})
			}
		})
	}
}

func BenchmarkSmallFile(b *testing.B) {
	s := newScanner(b, Options{})
	text := benchText(b, "text")[:1000]
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for range s.Scan("etc/hosts", bytes.NewReader(text)) {
		}
	}
}

func BenchmarkNew(b *testing.B) {
	set := defaultRules(b)
	for b.Loop() {
		s, err := New(set, Options{})
		if err != nil {
			b.Fatal(err)
		}
		s.prepared.Do(s.prepare)
	}
}
