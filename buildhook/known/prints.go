package known

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Prints is fingerprints of values: of each spelling its length, 32-bit hashes
// of its first bytes, which are quick to look for, and 128 bits of HMAC-SHA-256
// of all of it, which decide.
//
// What they give away. No value can be computed from them: a hash maps at least
// 2^56 inputs to 2^32. But they have the keys that they were made with, or
// nothing could be looked for with them. So whoever has them can test guesses:
// of a whole value; of its first 15 bytes, and then, a few at a time, of the
// next; of the first 7 if it has fewer than 16 bytes. A random token of 20
// characters or more can't be guessed so, if no more than 6 of the first 15
// are known; a password that people think of can, and so can a random one of
// fewer than 16 characters, by who spends 2^42 tries and more. Keep them as you keep a
// password's hash.
//
// This is why a hash is of as many bytes as the spelling has, up to 31. Were
// it of 8 bytes always, then the 8 bytes of hexadecimal would be 4 of the
// value, found in 2^24 tries; base32 would give the fifth byte, base64 the
// sixth, plain text the rest, and the reversed text the last 8: a token of 12
// characters in seconds.
type Prints struct {
	keys    keys
	names   []string
	entries []entry // sorted
	first   table
	index   [windows]index
	longest int
}

// entry is the fingerprint of a spelling.
type entry struct {
	anchors [stride]uint32 // the top halves of the hashes at its first and second byte
	length  uint32
	mac     [16]byte
	name    uint16
	form    form
}

func (e *entry) compare(f *entry) int {
	return cmp.Or(cmp.Compare(e.length, f.length), bytes.Compare(e.mac[:], f.mac[:]), cmp.Compare(e.name, f.name),
		cmp.Compare(e.form, f.form), slices.Compare(e.anchors[:], f.anchors[:]))
}

// index finds the entries of one window by their anchors.
type index struct {
	anchors []anchor // sorted
	starts  []uint32 // of the anchors that have the same top bits
	shift   uint
}

type anchor struct {
	hash   uint32
	entry  uint32
	second uint8 // 1 if it is that of the second byte
}

func (x *index) build() {
	if len(x.anchors) == 0 {
		return
	}
	slices.SortFunc(x.anchors, func(a, b anchor) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.entry, b.entry)) })
	bits := uint(3) // more than there are anchors: most lookups end here
	for 1<<bits < 8*len(x.anchors) {
		bits++
	}
	x.shift = 32 - bits
	x.starts = make([]uint32, 1<<bits+1)
	for _, a := range x.anchors {
		x.starts[a.hash>>x.shift+1]++
	}
	for i := 1; i < len(x.starts); i++ {
		x.starts[i] += x.starts[i-1]
	}
}

// table is a set of hashes, by their top 16 bits, with a bit for each window.
// A bitmap would be smaller, but costs two more instructions at each position;
// with 2^14 bytes, two keys in PEM make every second branch a miss.
type table [1 << 16]uint8

func (t *table) set(h uint64, window int)      { t[h>>48] |= 1 << window }
func (t *table) has(h uint64, window int) bool { return t[h>>48]>>window&1 != 0 }

func newPrints(key []byte, spellings []spelling) *Prints {
	p := &Prints{keys: newKeys(key)}
	for _, s := range spellings {
		p.names = append(p.names, s.name)
	}
	slices.Sort(p.names)
	p.names = slices.Compact(p.names)
	mac := hmac.New(sha256.New, p.keys.mac[:])
	var sum [sha256.Size]byte
	for _, s := range spellings {
		name, _ := slices.BinarySearch(p.names, s.name)
		e := entry{length: uint32(len(s.text)), name: uint16(name), form: s.form}
		var text [stride + 32]byte // hashes read a byte more than counts
		copy(text[:], s.text)
		for k := range e.anchors {
			e.anchors[k] = uint32(p.keys.hash(windowOf(e.length), text[k:]) >> 32)
		}
		mac.Reset()
		mac.Write(s.text)
		copy(e.mac[:], mac.Sum(sum[:0]))
		p.entries = append(p.entries, e)
	}
	slices.SortFunc(p.entries, func(a, b entry) int { return a.compare(&b) })
	p.prepare()
	return p
}

// prepare makes the indexes.
func (p *Prints) prepare() {
	for i := range p.entries {
		e := &p.entries[i]
		p.longest = max(p.longest, int(e.length))
		w := windowOf(e.length)
		for k, h := range e.anchors {
			p.first.set(uint64(h)<<32, w)
			p.index[w].anchors = append(p.index[w].anchors, anchor{h, uint32(i), uint8(k)})
		}
	}
	for w := range p.index {
		p.index[w].build()
	}
}

// Empty reports whether nothing is looked for.
func (p *Prints) Empty() bool { return len(p.entries) == 0 }

// The stored form: magic and version, keys, names, entries, and 8 bytes of
// SHA-256 of all that, against damage. Numbers are little-endian.
const (
	magic     = "leakscan known 1"
	keysSize  = 64
	entrySize = 4*stride + 4 + 16 + 2 + 1
	sumSize   = 8
	maxPrints = 16 << 20 // bytes; 200 values of 64 parts each have 12 MB
)

func (p *Prints) marshal() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, len(magic)+keysSize+len(p.names)*16+len(p.entries)*entrySize+16)
	b = append(b, magic...)
	b = append(b, p.keys.stored[:]...)
	b = le.AppendUint16(b, uint16(len(p.names)))
	for _, name := range p.names {
		b = le.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
	}
	b = le.AppendUint32(b, uint32(len(p.entries)))
	for i := range p.entries {
		e := &p.entries[i]
		for _, h := range e.anchors {
			b = le.AppendUint32(b, h)
		}
		b = le.AppendUint32(b, e.length)
		b = append(b, e.mac[:]...)
		b = le.AppendUint16(b, e.name)
		b = append(b, byte(e.form))
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:sumSize]...)
}

// Parse reads what [Set.Prints] wrote.
func Parse(b []byte) (*Prints, error) {
	le := binary.LittleEndian
	switch {
	case len(b) > maxPrints:
		return nil, fmt.Errorf("known: fingerprints of %d bytes, more than %d", len(b), maxPrints)
	case !bytes.HasPrefix(b, []byte(magic[:len(magic)-1])):
		return nil, errors.New("known: these are no fingerprints")
	case !bytes.HasPrefix(b, []byte(magic)):
		return nil, errors.New("known: fingerprints of another version")
	case len(b) < len(magic)+sumSize:
		return nil, errors.New("known: fingerprints are cut short")
	}
	sum := sha256.Sum256(b[:len(b)-sumSize])
	if !bytes.Equal(sum[:sumSize], b[len(b)-sumSize:]) {
		return nil, errors.New("known: the checksum of the fingerprints is wrong: they are cut short or damaged")
	}

	rest, short := b[len(magic):len(b)-sumSize], false
	take := func(n int) []byte {
		if n > len(rest) {
			rest, short = nil, true
			return make([]byte, min(n, keysSize)) // of zeros
		}
		t := rest[:n]
		rest = rest[n:]
		return t
	}
	p := new(Prints)
	p.keys = storedKeys([keysSize]byte(take(keysSize)))
	for range le.Uint16(take(2)) {
		n := int(le.Uint16(take(2)))
		if n > maxName {
			return nil, fmt.Errorf("known: a name in the fingerprints has %d bytes, more than %d", n, maxName)
		}
		name := string(take(n))
		if short {
			break
		}
		if !utf8.ValidString(name) {
			return nil, errors.New("known: a name in the fingerprints is no UTF-8")
		}
		if k := len(p.names); k > 0 && strings.Compare(p.names[k-1], name) >= 0 {
			return nil, errors.New("known: the names in the fingerprints are out of order")
		}
		p.names = append(p.names, name)
	}
	n := int(le.Uint32(take(4)))
	switch {
	case short || n > len(rest)/entrySize:
		return nil, errors.New("known: fingerprints are cut short")
	case n*entrySize < len(rest):
		return nil, errors.New("known: there is something behind the fingerprints")
	}
	p.entries = make([]entry, n)
	for i := range p.entries {
		e := &p.entries[i]
		for k := range e.anchors {
			e.anchors[k] = le.Uint32(take(4))
		}
		e.length = le.Uint32(take(4))
		copy(e.mac[:], take(16))
		e.name, e.form = le.Uint16(take(2)), form(take(1)[0])
		switch {
		case e.length < minLength || e.length > maxLength:
			return nil, fmt.Errorf("known: a fingerprint of a spelling of %d bytes", e.length)
		case int(e.name) >= len(p.names):
			return nil, errors.New("known: a fingerprint without a name")
		case !e.form.valid():
			return nil, fmt.Errorf("known: a fingerprint of the unknown form %d", e.form)
		case i > 0 && p.entries[i-1].compare(e) >= 0:
			return nil, errors.New("known: the fingerprints are out of order")
		}
	}
	p.prepare()
	return p, nil
}
