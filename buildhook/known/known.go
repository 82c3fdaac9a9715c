// Package known finds secrets whose values are known, in every spelling.
//
// A [Set] has the values and is for our own process: it finds and masks them
// in configs and logs. What [Set.Prints] gives has keyed fingerprints instead
// of values, and is for a place that must not get the values, such as a step
// of a build: [Parse] it there, and let a layer go through [Prints.Scan]. Both
// find the same, because a Set searches by its own fingerprints.
package known

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a Set. BuildKit takes secrets of up to 500 KiB (MaxSecretSize,
// session/secrets/secrets.go).
const (
	maxValues = 200
	maxParts  = 64       // of a value
	maxWhole  = 1 << 20  // bytes: of a value, and of all values together, that are looked for as a whole
	headOf    = 4 << 10  // bytes: what is looked for of a value beyond maxWhole
	maxName   = 1 << 10  // bytes; what is longer is cut
	minLength = 8        // bytes: of a spelling
	maxLength = 16 << 20 // bytes: of a spelling; JSON makes 6 of 1
	mark      = "•••"
)

// Value is a secret whose value is known.
type Value struct {
	Name  string // for people: the secret "npm". Several values may have one name
	Value []byte `json:"-"`
}

// Format writes the name only, whatever the verb.
func (v Value) Format(f fmt.State, _ rune) { io.WriteString(f, v.Name) }

// Unsearched is a value that is not looked for, or not as a whole.
type Unsearched struct{ Name, Why string }

// Hit is a place where a value was found.
type Hit struct {
	Name string
	// Form is the spelling: "plain", "base64", "base32", "hex", "url", "json",
	// "shell", "xml", "reversed", "lines joined", "lines escaped", "crlf", "lf",
	// "wrapped", "base64 wrapped" or "utf-16". Before it stands "part, " if it is
	// a part of the value, such as the token in an .npmrc, or "start, " for a
	// value that is too long to be looked for as a whole.
	Form   string
	Offset int64 // bytes
	Length int   // bytes. With base64 and base32, of the characters that do not depend on neighbours
}

// Set is values to be looked for. Its methods may be called at the same time,
// but for [Set.Wipe].
type Set struct {
	prints     *Prints
	spellings  []spelling // sorted by their bytes; kept for streams
	heads      *table     // of the first 8 bytes of spellings
	unsearched []Unsearched
	wiped      bool
}

// Format writes how many spellings there are, whatever the verb: package fmt
// would show the values.
func (s *Set) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%d spellings", len(s.prints.entries))
}

// spelling is one way to write a value, or a part of one.
type spelling struct {
	text []byte
	form form
	name string
}

// New returns a set of the values, which it copies. The key is 32 random bytes
// of the user; fingerprints made with the same key can be compared.
//
// A value is looked for without the white space around it: whatever has the
// value with it also has it without, in each of the spellings.
func New(key []byte, values []Value) *Set {
	values = slices.Clone(values)
	for i := range values {
		values[i].Name = cutName(values[i].Name)
	}
	// The order decides which spelling or value gives way, and must not be the caller's.
	slices.SortFunc(values, func(a, b Value) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), bytes.Compare(a.Value, b.Value))
	})
	values = slices.CompactFunc(values, func(a, b Value) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })

	s := &Set{heads: new(table)}
	seen := map[string]bool{} // name, NUL, text
	add := func(name string, kind form, text []byte) {
		for form, t := range spell(text) {
			t = skipRun(t)
			id := name + "\x00" + string(t)
			if len(t) < minLength || len(t) > maxLength || seen[id] {
				continue
			}
			seen[id] = true
			s.spellings = append(s.spellings, spelling{t, form | kind, name})
		}
	}
	searched, size := 0, 0
	for _, v := range values {
		text := bytes.TrimSpace(v.Value)
		why := trivial(text)
		if why == "" && searched == maxValues {
			why = fmt.Sprintf("there are more than %d values", maxValues)
		}
		if why != "" {
			s.unsearched = append(s.unsearched, Unsearched{v.Name, why})
			continue
		}
		searched++
		if size+len(text) <= maxWhole {
			size += len(text)
			add(v.Name, 0, text)
		} else {
			s.unsearched = append(s.unsearched, Unsearched{v.Name, fmt.Sprintf("it is too long: only its first %d KiB and its parts are looked for", headOf>>10)})
			if head := bytes.TrimSpace(text[:min(len(text), headOf)]); trivial(head) == "" {
				add(v.Name, formStart, head)
			}
		}
		list, more := parts(text)
		if more {
			s.unsearched = append(s.unsearched, Unsearched{v.Name, fmt.Sprintf("it has more than %d parts: of the others, only the value as a whole is looked for", maxParts)})
		}
		for _, part := range list {
			add(v.Name, formPart, part)
		}
	}
	slices.SortFunc(s.spellings, func(a, b spelling) int {
		return cmp.Or(bytes.Compare(a.text, b.text), strings.Compare(a.name, b.name))
	})
	s.prints = newPrints(key, s.spellings)
	for _, sp := range s.spellings {
		s.heads.set(s.prints.keys.head(sp.text), 0)
	}
	return s
}

func cutName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) <= maxName {
		return name
	}
	n := maxName
	for !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// Unsearched tells which values are not looked for, and why: they are too
// short or too common, and would be found everywhere.
func (s *Set) Unsearched() []Unsearched { return slices.Clone(s.unsearched) }

// Empty reports whether nothing is looked for.
func (s *Set) Empty() bool { return s.prints.Empty() }

// Find returns the hits in b, by rising Offset. Of hits of one name that
// overlap, the longest is given.
func (s *Set) Find(b []byte) []Hit {
	c := collector{prints: s.prints, limit: math.MaxInt}
	m := newMatcher(s.prints)
	m.run(b, 0, len(b), func(at int, e *entry) bool { return c.add(int64(at), e) })
	return c.sorted()
}

// Mask returns b with ••• in the place of every hit, and b itself if there is
// none.
func (s *Set) Mask(b []byte) []byte {
	t := s.Stream()
	t.buf = b
	out := t.emit(len(b))
	if !t.masked {
		return b
	}
	return out
}

// Prints returns fingerprints of the values, for [Parse]. They are the same
// for the same key and values. See [Prints] for what they give away.
func (s *Set) Prints() []byte { return s.prints.marshal() }

// Wipe zeroes the values in all spellings. What is found stays the same, but a
// [Stream] holds back more from then on. Copies that were made on the way, as
// by the encoders of the standard library, are garbage until the runtime uses
// their memory again.
func (s *Set) Wipe() {
	for i := range s.spellings {
		clear(s.spellings[i].text)
	}
	s.spellings, s.wiped = nil, true
}
