package layerwalk

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// Ledger is what one layer does to the paths of the layers below it. It holds
// eight bytes a path: a hash in place of the name, so that the 500,000 paths
// of a large image take 4 MB.
type Ledger struct {
	// Sorted hashes of paths, by what the layer has there. In Paths the
	// lowest bit is not of the hash: it is 1 for a directory.
	Paths  []uint64 `json:"paths,omitempty"`
	Gone   []uint64 `json:"gone,omitempty"`   // whiteouts
	Opaque []uint64 `json:"opaque,omitempty"` // opaque directories
}

// pathHash is 64 bits of SHA-256: an image can't be made so that two of its
// paths collide on purpose, which would give a deleted file the fate of another.
// It is taken of the name as reports have it.
func pathHash(name string) uint64 {
	h := sha256.Sum256([]byte(Text(name)))
	return binary.BigEndian.Uint64(h[:8]) &^ 1
}

// Add notes an entry.
func (l *Ledger) Add(e *Entry) {
	switch e.Type {
	case TypeWhiteout:
		l.Gone = append(l.Gone, pathHash(e.Name))
	case TypeOpaque:
		l.Opaque = append(l.Opaque, pathHash(e.Name))
	case TypeDir:
		l.Paths = append(l.Paths, pathHash(e.Name)|1)
	case TypeFile, TypeSymlink, TypeHardlink, TypeDevice:
		l.Paths = append(l.Paths, pathHash(e.Name))
	}
}

// Seal sorts the ledger. It must be called once, after the last Add and before
// the first question.
func (l *Ledger) Seal() {
	for _, s := range []*[]uint64{&l.Paths, &l.Gone, &l.Opaque} {
		slices.Sort(*s)
		*s = slices.Clip(slices.Compact(*s))
	}
}

func has(s []uint64, h uint64) bool {
	_, ok := slices.BinarySearch(s, h)
	return ok
}

// Fate is what became of a path in the layers above the one that holds it.
type Fate uint8

// The fates.
const (
	Present     Fate = iota // it is in the final image
	Overwritten             // another entry stands in its place
	Deleted                 // a whiteout removes it or a directory above it
	Hidden                  // an opaque directory hides it
)

// FateOf follows the path name of layer upwards. ledgers has one ledger for
// each layer, lowest first; nil for a layer that could not be read, which is
// taken to do nothing. by is the index of the layer that ended it.
func FateOf(name string, layer int, ledgers []*Ledger) (fate Fate, by int) {
	if layer+1 >= len(ledgers) {
		return Present, 0
	}
	// The hashes of the path and of all directories above it, outermost last.
	self := pathHash(name)
	var above []uint64
	for dir := name; dir != ""; {
		i := strings.LastIndexByte(dir, '/')
		dir = dir[:max(i, 0)]
		above = append(above, pathHash(dir))
	}
	for j := layer + 1; j < len(ledgers); j++ {
		l := ledgers[j]
		if l == nil {
			continue
		}
		if has(l.Paths, self) || has(l.Paths, self|1) {
			return Overwritten, j // whether or not a whiteout made room for it
		}
		if has(l.Gone, self) {
			return Deleted, j
		}
		for _, h := range above {
			switch {
			case has(l.Gone, h):
				return Deleted, j
			case has(l.Opaque, h):
				return Hidden, j
			case has(l.Paths, h): // a file or link now stands where a directory was
				return Overwritten, j
			}
		}
	}
	return Present, 0
}
