package known

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
)

// keys are derived from the user's key, and can't be traced back to it.
type keys struct {
	stored         [keysSize]byte // what the others are made from
	odd            uint64
	k1, k2, k3, k4 uint64
	mac            [32]byte
}

func newKeys(key []byte) keys {
	var b [keysSize]byte
	for i, use := range []string{"leakscan known hash", "leakscan known mac"} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(use))
		h.Sum(b[32*i : 32*i])
	}
	return storedKeys(b)
}

func storedKeys(b [keysSize]byte) keys {
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	k := keys{stored: b, odd: u(0) | 1, k1: u(0), k2: u(1), k3: u(2), k4: u(3)}
	copy(k.mac[:], b[32:])
	return k
}

// windows are how many bytes a hash is of. A spelling has the largest with
// which two places fit into it: its first byte, and its second. So only every
// second position needs to be hashed.
const (
	window7  = iota // spellings of 8 to 15 bytes
	window15        // to 31
	window31
	windows
)

// stride is the distance of the positions that are hashed.
const stride = 2

func windowOf(length uint32) int {
	switch {
	case length < 16:
		return window7
	case length < 32:
		return window15
	}
	return window31
}

// The hashes. Only the top 32 bits of one are kept: a product with an odd
// number can be undone, its top 32 bits can't, as 2^24 and more inputs have the
// same. The larger windows multiply one half with the other and not each with
// a number, so that the halves can't be guessed one by one.

// hash7 reads 8 bytes, and shifts the last one out.
func (k *keys) hash7(b []byte) uint64 { return load(b) << 8 * k.odd }

func (k *keys) hash15(b []byte) uint64 { return (load(b) ^ k.k1) * (load(b[7:]) ^ k.k2) }

func (k *keys) hash31(b []byte) uint64 { return k.join(k.hash15(b), k.hash15(b[16:])) }

// join makes the hash of 31 bytes from those of 15.
func (k *keys) join(a, b uint64) uint64 { return (a ^ k.k3) * (b>>32 ^ k.k4) }

func (k *keys) hash(window int, b []byte) uint64 {
	switch window {
	case window7:
		return k.hash7(b)
	case window15:
		return k.hash15(b)
	}
	return k.hash31(b)
}

func load(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// head is for streams, and never stored.
func (k *keys) head(b []byte) uint64 { return load(b) * k.odd }

// A matcher looks for the entries of p. It is for one goroutine.
type matcher struct {
	p     *Prints
	mac   hash.Hash
	sum   []byte
	h     [block + 8]uint64 // of the 15 bytes at each hashed position of a block
	found []found
}

// found is an entry that may be here: its anchor is.
type found struct {
	at int
	e  *entry
}

// block is how many hashes are made at a time. They fit into a level 1 cache.
const block = 1024

func newMatcher(p *Prints) *matcher {
	return &matcher{p: p, found: make([]found, 0, 64)}
}

// run calls hit for every entry that begins at b[from:to], by rising
// positions, until it returns false.
func (m *matcher) run(b []byte, from, to int, hit func(at int, e *entry) bool) {
	if m.p.Empty() {
		return
	}
	for g := from; g <= to && g < len(b); {
		m.found = m.found[:0]
		n := min(block, (to-g)/stride, (len(b)-g-32)/stride) &^ 7
		if n > 0 {
			m.anchors(b, g, n)
		} else { // the end, where windows do not fit any more
			n = 1
			var pad [48]byte
			copy(pad[:], b[g:])
			for w := range windows {
				m.lookup(g, w, m.p.keys.hash(w, pad[:]))
			}
		}
		slices.SortFunc(m.found, func(a, b found) int { return cmp.Compare(a.at, b.at) }) // there are few
		for _, f := range m.found {
			if f.at >= from && f.at < to && int(f.e.length) <= len(b)-f.at && m.is(b[f.at:][:f.e.length], f.e) && !hit(f.at, f.e) {
				return
			}
		}
		g += n * stride
	}
}

// lookup puts into found the entries with this hash at b[g:].
func (m *matcher) lookup(g, window int, h uint64) {
	if !m.p.first.has(h, window) {
		return
	}
	x, anchor := &m.p.index[window], uint32(h>>32)
	s := anchor >> x.shift
	for _, a := range x.anchors[x.starts[s]:x.starts[s+1]] {
		if a.hash == anchor {
			m.found = append(m.found, found{g - int(a.second), &m.p.entries[a.entry]})
		}
	}
}

// anchors looks up n positions from b[g:] on. n is a multiple of 8, and b goes
// on for 32 bytes. The loops are written for the compiler: few bounds checks,
// one branch for 8 positions.
func (m *matcher) anchors(b []byte, g, n int) {
	k, t, x := &m.p.keys, &m.p.first, &m.p.index
	b = b[g:]
	small, middle, large := x[window7].anchors != nil, x[window15].anchors != nil, x[window31].anchors != nil
	if small {
		odd := k.odd
		for i := 0; i < n; i += 8 {
			s := b[2*i : 2*i+24 : 2*i+24]
			if (t[load(s[0:8])<<8*odd>>48]|t[load(s[2:10])<<8*odd>>48]|t[load(s[4:12])<<8*odd>>48]|t[load(s[6:14])<<8*odd>>48]|
				t[load(s[8:16])<<8*odd>>48]|t[load(s[10:18])<<8*odd>>48]|t[load(s[12:20])<<8*odd>>48]|t[load(s[14:22])<<8*odd>>48])&(1<<window7) != 0 {
				for j := range 8 {
					m.lookup(g+2*(i+j), window7, k.hash7(s[2*j:]))
				}
			}
		}
	}
	if middle || large {
		k1, k2 := k.k1, k.k2
		for i := 0; i < n+8; i += 8 {
			s, h := b[2*i:2*i+32:2*i+32], m.h[i:i+8:i+8]
			h0 := (load(s[0:8]) ^ k1) * (load(s[7:15]) ^ k2)
			h1 := (load(s[2:10]) ^ k1) * (load(s[9:17]) ^ k2)
			h2 := (load(s[4:12]) ^ k1) * (load(s[11:19]) ^ k2)
			h3 := (load(s[6:14]) ^ k1) * (load(s[13:21]) ^ k2)
			h4 := (load(s[8:16]) ^ k1) * (load(s[15:23]) ^ k2)
			h5 := (load(s[10:18]) ^ k1) * (load(s[17:25]) ^ k2)
			h6 := (load(s[12:20]) ^ k1) * (load(s[19:27]) ^ k2)
			h7 := (load(s[14:22]) ^ k1) * (load(s[21:29]) ^ k2)
			h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7] = h0, h1, h2, h3, h4, h5, h6, h7
			if (t[h0>>48]|t[h1>>48]|t[h2>>48]|t[h3>>48]|t[h4>>48]|t[h5>>48]|t[h6>>48]|t[h7>>48])&(1<<window15) != 0 && i < n {
				for j, h := range h {
					m.lookup(g+2*(i+j), window15, h)
				}
			}
		}
	}
	if large {
		k3, k4 := k.k3, k.k4
		for i := 0; i < n; i += 8 {
			h := m.h[i : i+16 : i+16]
			if (t[(h[0]^k3)*(h[8]>>32^k4)>>48]|t[(h[1]^k3)*(h[9]>>32^k4)>>48]|
				t[(h[2]^k3)*(h[10]>>32^k4)>>48]|t[(h[3]^k3)*(h[11]>>32^k4)>>48]|
				t[(h[4]^k3)*(h[12]>>32^k4)>>48]|t[(h[5]^k3)*(h[13]>>32^k4)>>48]|
				t[(h[6]^k3)*(h[14]>>32^k4)>>48]|t[(h[7]^k3)*(h[15]>>32^k4)>>48])&(1<<window31) != 0 {
				for j := range 8 {
					m.lookup(g+2*(i+j), window31, k.join(h[j], h[j+8]))
				}
			}
		}
	}
}

// is reports whether b is the spelling of e.
func (m *matcher) is(b []byte, e *entry) bool {
	if m.mac == nil {
		m.mac = hmac.New(sha256.New, m.p.keys.mac[:])
	}
	m.mac.Reset()
	m.mac.Write(b)
	m.sum = m.mac.Sum(m.sum[:0])
	return string(m.sum[:len(e.mac)]) == string(e.mac[:])
}
