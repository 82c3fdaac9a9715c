package detect

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// benchText is some MB of one kind of text. Real files differ: see BenchmarkRatio.
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
}

func BenchmarkPrefilter(b *testing.B) {
	s := newScanner(b, Options{})
	s.prepared.Do(s.prepare)
	for _, kind := range hosts {
		text := benchText(b, kind)
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.filter.find(text, 0, len(text), new(places), func(*places) {})
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

// BenchmarkNew is what a process pays before it has scanned anything; wanted:
// 25 ms. What most scans never need is compiled when they do: all has that too.
func BenchmarkNew(b *testing.B) {
	start := func(b *testing.B) *Scanner {
		s, err := New(defaultRules(b), Options{}) // with the reading of the rules
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	b.Run("first-scan", func(b *testing.B) {
		for b.Loop() {
			for range start(b).Scan("etc/motd", strings.NewReader("hello\n")) {
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			compileAll(start(b))
		}
	})
}

// compileAll compiles what is otherwise compiled at its first use.
func compileAll(s *Scanner) {
	s.prepared.Do(s.prepare)
	lists := slices.Clone(s.global)
	for _, r := range s.rules {
		lists = append(lists, r.allowlists...)
		if r.path != nil {
			r.path.pattern()
		}
		if r.pattern != nil {
			r.pattern()
			r.matcher()
			r.resume()
		}
	}
	for _, a := range lists {
		for _, pattern := range a.patterns {
			pattern()
		}
		for _, path := range a.paths {
			path.pattern()
		}
		a.stops()
	}
}
