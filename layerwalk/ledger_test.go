package layerwalk

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
)

// TestFate compares the ledger with the plain way: a map of the final file
// system that is built layer by layer, as a runtime unpacks them.
func TestFate(t *testing.T) {
	names := []string{"a", "a/b", "a/b/c", "a/b/d", "a/e", "f", "f/g", "f/g/h"}
	kinds := []EntryType{TypeFile, TypeFile, TypeDir, TypeWhiteout, TypeOpaque, TypeSymlink}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var layers [][]Entry
		for range 5 {
			var l []Entry
			seen := map[string]bool{}
			for range 1 + r.IntN(4) {
				e := Entry{Name: names[r.IntN(len(names))], Type: kinds[r.IntN(len(kinds))]}
				if !seen[e.Name] && !clashes(l, e) {
					seen[e.Name] = true
					l = append(l, e)
				}
			}
			layers = append(layers, l)
		}
		var ledgers []*Ledger
		for _, l := range layers {
			led := &Ledger{}
			for i := range l {
				led.Add(&l[i])
			}
			led.Seal()
			ledgers = append(ledgers, led)
		}
		for i, l := range layers {
			for _, e := range l {
				if e.Type != TypeFile {
					continue
				}
				want := survives(layers, i, e.Name)
				fate, by := FateOf(e.Name, i, ledgers)
				if got := fmt.Sprintf("%d by %d", fate, by); got != want {
					t.Fatalf("seed %d, %s of layer %d: got %s, want %s\n%v", seed, e.Name, i, got, want, layers)
				}
			}
		}
	}
}

// clashes keeps a layer from holding a file and something below it, which no
// runtime would unpack.
func clashes(l []Entry, e Entry) bool {
	for _, o := range l {
		leaf := func(x Entry) bool { return x.Type == TypeFile || x.Type == TypeSymlink }
		if strings.HasPrefix(e.Name, o.Name+"/") && leaf(o) || strings.HasPrefix(o.Name, e.Name+"/") && leaf(e) {
			return true
		}
	}
	return false
}

// survives follows one file by the rules of the layer format, naively.
func survives(layers [][]Entry, i int, name string) string {
	for j := i + 1; j < len(layers); j++ {
		var over, gone, opaque bool
		for _, e := range layers[j] {
			for at := name; at != "."; at = path.Dir(at) {
				if e.Name != at {
					continue
				}
				switch {
				case e.Type == TypeWhiteout:
					gone = true
				case e.Type == TypeOpaque && at != name:
					opaque = true
				case at == name && e.Type != TypeOpaque, at != name && (e.Type == TypeFile || e.Type == TypeSymlink):
					over = true
				}
			}
		}
		// Which of several is named is a choice: the nearest cause first.
		own := ""
		for _, e := range layers[j] {
			if e.Name == name && e.Type == TypeWhiteout {
				own = "gone"
			}
			if e.Name == name && e.Type != TypeWhiteout && e.Type != TypeOpaque {
				own = "over"
			}
		}
		switch {
		case own == "over":
			return fmt.Sprintf("%d by %d", Overwritten, j)
		case own == "gone":
			return fmt.Sprintf("%d by %d", Deleted, j)
		case over || gone || opaque:
			return nearest(layers[j], name, j)
		}
	}
	return fmt.Sprintf("%d by %d", Present, 0)
}

func nearest(l []Entry, name string, j int) string {
	for at := path.Dir(name); at != "."; at = path.Dir(at) {
		for _, e := range l {
			if e.Name == at {
				switch e.Type {
				case TypeWhiteout:
					return fmt.Sprintf("%d by %d", Deleted, j)
				case TypeOpaque:
					return fmt.Sprintf("%d by %d", Hidden, j)
				case TypeFile, TypeSymlink:
					return fmt.Sprintf("%d by %d", Overwritten, j)
				}
			}
		}
	}
	return "?"
}

func TestFateOfTheWholeRoot(t *testing.T) {
	l := &Ledger{}
	l.Add(&Entry{Name: "", Type: TypeOpaque})
	l.Seal()
	if fate, by := FateOf("x", 0, []*Ledger{nil, l}); fate != Hidden || by != 1 {
		t.Errorf("a root made opaque hides all: got %d by %d", fate, by)
	}
}

// A large image has half a million paths: the ledger must hold them in a few
// megabytes.
func BenchmarkLedger(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		l := &Ledger{}
		for i := range 500_000 {
			l.Add(&Entry{Name: fmt.Sprintf("usr/lib/node_modules/package-%d/index.js", i)})
		}
		l.Seal()
		b.ReportMetric(float64(8*len(l.Paths)), "ledger-bytes")
	}
}
