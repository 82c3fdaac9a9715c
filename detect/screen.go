package detect

import (
	"regexp/syntax"
	"slices"
)

// screen has strings of which every match of a pattern contains one: it tells
// at once of most texts that there is no match in them. The pattern of gitleaks'
// generic rule that takes matches back has a hundred alternatives, which package
// regexp tries at every place.
type screen struct {
	index [1 << 10]uint16 // by the hash of two bytes of a text
	lists [][][]*byteSet  // the strings that can begin so; the first is empty
}

// minScreen is how long the strings are at least.
const minScreen = 2

// newScreen returns nil if nothing is known of the pattern.
func newScreen(tree *syntax.Regexp) *screen {
	s := &screen{lists: [][][]*byteSet{nil}}
	if !s.addAll(tree) {
		return nil
	}
	return s
}

// addAll adds the strings of a pattern, each of its alternatives for itself.
func (s *screen) addAll(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpAlternate:
		return !slices.ContainsFunc(tree.Sub, func(sub *syntax.Regexp) bool { return !s.addAll(sub) })
	case syntax.OpCapture:
		return s.addAll(tree.Sub[0])
	}
	for _, seq := range sequences(tree) {
		sets, best := []*byteSet(nil), rare
		for i := range seq {
			from, cost := stringFrom(seq, i), 1.0
			for k := range from {
				cost *= seq[i+k].frequency
			}
			if len(from) >= minScreen && cost < best {
				sets, best = from, cost
			}
		}
		if sets == nil {
			return false
		}
		s.add(sets)
	}
	return true
}

func (s *screen) hash(a, b byte) uint32 { return (uint32(a) | uint32(b)<<8) * 0x9E3779B1 >> (32 - 10) }

func (s *screen) add(sets []*byteSet) {
	done := map[uint32]bool{}
	for a := range sets[0] {
		for b := range sets[1] {
			h := s.hash(byte(a), byte(b))
			if !sets[0][a] || !sets[1][b] || done[h] {
				continue
			}
			done[h] = true
			if s.index[h] == 0 {
				s.index[h] = uint16(len(s.lists))
				s.lists = append(s.lists, nil)
			}
			s.lists[s.index[h]] = append(s.lists[s.index[h]], sets)
		}
	}
}

// passes reports whether the pattern may match in the text.
func (s *screen) passes(text []byte) bool {
	if s == nil || hasFolds(text) {
		return true
	}
	for i := 0; i+1 < len(text); i++ {
		for _, sets := range s.lists[s.index[s.hash(text[i], text[i+1])]] {
			if startsWith(text[i:], sets) {
				return true
			}
		}
	}
	return false
}
