package formats

import (
	"strings"
	"sync"
)

// Words that call for a closer look: a tool's name, a call. Each has at least
// four bytes. They are found in any case.

// wordIndex finds the words of a list in a text, all of them in one pass.
type wordIndex struct {
	words   []string
	buckets [256][]uint16  // words, by what table says; the first is empty
	table   [1 << 12]uint8 // by the hash of four bytes of a text
}

// spot is a place of a word in a text.
type spot struct{ word, at int }

const wordBytes = 4 // that are looked up

func newWordIndex(words []string) *wordIndex {
	x := &wordIndex{words: make([]string, len(words))}
	buckets := 1
	for i, w := range words {
		x.words[i] = strings.ToLower(w)
		b := &x.table[x.hash([]byte(w))]
		if *b == 0 {
			*b = uint8(buckets)
			buckets = min(buckets+1, len(x.buckets)-1) // the last may be shared
		}
		x.buckets[*b] = append(x.buckets[*b], uint16(i))
	}
	return x
}

// hash is of the first four bytes, whatever their case.
func (x *wordIndex) hash(b []byte) uint32 {
	_ = b[3]
	return ((uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24) | 0x20202020) * 0x9E3779B1 >> (32 - 12)
}

// in returns where the words are in t, by rising place.
func (x *wordIndex) in(t []byte) []spot {
	var spots []spot
	for i := 0; i+wordBytes <= len(t); i++ {
		b := x.table[x.hash(t[i:i+wordBytes:i+wordBytes])]
		if b == 0 {
			continue
		}
		for _, w := range x.buckets[b] {
			if has := x.words[w]; len(t)-i >= len(has) && foldEq(t[i:i+len(has)], has) {
				spots = append(spots, spot{int(w), i})
			}
		}
	}
	return spots
}

// callWords are the words of toolPatterns, then those of logins.
type callWords struct {
	index    *wordIndex
	patterns []int // of a word of toolPatterns, which
}

var wordsOfCalls = sync.OnceValue(func() callWords {
	var c callWords
	var words []string
	for i, p := range toolPatterns() {
		for _, w := range p.words {
			words, c.patterns = append(words, w), append(c.patterns, i)
		}
	}
	for _, l := range logins {
		words = append(words, l.name)
	}
	c.index = newWordIndex(words)
	return c
})

// calls are the places of tools and of calls in the text.
func (d *doc) calls() []spot {
	if !d.called {
		d.called, d.spots = true, wordsOfCalls().index.in(d.text)
	}
	return d.spots
}

// windowsAround gives the text around places, which rise: so many bytes before
// and behind them and on to the ends of lines or, in long ones, of words, merged
// where they meet.
func windowsAround(t []byte, places []int, before, behind int) (windows [][2]int) {
	for _, at := range places {
		lo := max(0, at-before)
		lo -= len(lineBefore(t, lo))
		hi := min(len(t), at+behind)
		for end := min(len(t), hi+1024); hi < end && t[hi] != '\n'; {
			hi++
		}
		for end := min(len(t), hi+256); hi < end && t[hi] > ' '; {
			hi++
		}
		if n := len(windows); n > 0 && windows[n-1][1] >= lo {
			windows[n-1][1] = max(hi, windows[n-1][1])
			continue
		}
		windows = append(windows, [2]int{lo, hi})
	}
	return windows
}
