// Package formats finds secrets in files whose form is known, by reading them
// and not by matching them: a password in a .netrc, a token in a kubeconfig, a
// hash in a shadow file. It knows as well what is no secret there: a reference,
// a placeholder, a locked account, an encrypted value.
//
// Nothing here trusts its input. Every reader takes time linear in the text,
// goes on where a file is broken, and gives offsets into the text as written.
package formats

import (
	"bytes"
	"slices"
	"strings"
)

// Hit is a secret in a file of a known form.
type Hit struct {
	Rule     string // ID of a rule of the catalog that is parsed
	From, To int    // text[From:To] is the secret as written; for binary or encoded forms, the bytes that hold it
	Value    []byte // the secret itself if it is not text[From:To], decoded or unquoted; else nil
	Key      string // the name or field it has there, never part of the secret
	Info     string // if not empty: why it is nothing to worry about
	Note     string // if not empty: something worth knowing, never part of the secret

	Encrypted bool // a passphrase protects it, which is not there
}

// maxHits bounds the hits of one file: more say nothing that these do not.
const maxHits = 2000

// maxInfos bounds those that are nothing to worry about.
const maxInfos = 200

// maxPath is how much of a path counts, from its end.
const maxPath = 512

// Find yields the secrets of the file at path, by rising From. The path is
// slash-separated without a leading slash, in any case; "" if it's unknown. text
// is the whole file, or its beginning.
func Find(path string, text []byte) []Hit {
	var buf [maxPath]byte
	p := lowered(buf[:0], path)
	d := &doc{path: string(p), text: text, binary: bytes.IndexByte(text[:min(len(text), 8192)], 0) >= 0}
	d.dir, d.base = split(d.path)
	known, special := false, false
	packaged := inPackage(d.path)
	for f := range formsOf(p) {
		if (f.binary || !d.binary) && !(f.any && packaged) {
			known, special = true, special || !f.any
			f.find(d)
		}
	}
	if !d.binary {
		if sniff(text[:min(len(text), 512)]) {
			known = true
			anyContent(d)
		}
		if known && !strewn(p) {
			d.addresses()
		}
	}
	d.more(special, packaged)
	return d.sorted()
}

// Wants reports whether Find can have an interest in the file at path, whose
// first bytes are head. It allocates next to nothing.
func Wants(path string, head []byte) bool {
	var buf [maxPath]byte
	p := lowered(buf[:0], path)
	packaged := inPackage(string(p))
	for f := range formsOf(p) {
		if !f.any || !packaged {
			return true
		}
	}
	return sniff(head) || wantsMore(p, head, packaged)
}

// doc is a file that is being read, and what was found in it so far.
type doc struct {
	path, dir, base string // in lower case
	text            []byte
	binary          bool
	nested          bool // it was in another file
	infos           int  // hits with Info
	steps           int  // that package shellflow may still take
	strings         bool // URLs and connection strings were looked for
	called          bool // spots are known
	spots           []spot
	hits            []Hit
}

// secret adds text[from:to] as it stands.
func (d *doc) secret(rule, key string, from, to int, note string) {
	d.decoded(rule, key, from, to, nil, note)
}

// InfoPlaceholder is the Info of a Hit that only holds the place of a secret.
const InfoPlaceholder = "a placeholder"

// decoded adds a secret that text[from:to] holds; value is nil if it's the text
// itself. What is no literal is no secret, and a placeholder is told as such.
func (d *doc) decoded(rule, key string, from, to int, value []byte, note string) {
	v := value
	if v == nil && from < to {
		v = d.text[from:to]
	}
	switch Classify(key, v) {
	case Reference, Empty:
	case Placeholder:
		d.add(Hit{Rule: rule, From: from, To: to, Value: value, Key: key, Note: note, Info: InfoPlaceholder})
	default:
		d.add(Hit{Rule: rule, From: from, To: to, Value: value, Key: key, Note: note})
	}
}

func (d *doc) add(h Hit) {
	if h.From < 0 || h.From >= h.To || h.To > len(d.text) || len(d.hits) >= maxHits+maxInfos {
		return
	}
	if h.Info != "" {
		if d.infos++; d.infos > maxInfos { // they must not take the place of others
			return
		}
	}
	h.Note = safeNote(h.Note)
	if h.Value != nil && bytes.Equal(h.Value, d.text[h.From:h.To]) {
		h.Value = nil
	}
	d.hits = append(d.hits, h)
}

// sorted gives the hits by their place. Of two that overlap the one that was
// found first stays: special readers run before general ones. Several secrets
// in the same encoded text all stay.
func (d *doc) sorted() []Hit {
	type ranked struct {
		Hit
		rank int
	}
	rs := make([]ranked, len(d.hits))
	for i, h := range d.hits {
		rs[i] = ranked{h, i}
	}
	slices.SortFunc(rs, func(a, b ranked) int {
		if a.From != b.From {
			return a.From - b.From
		}
		return a.rank - b.rank
	})
	out := rs[:0]
	for _, r := range rs {
		keep := true
		for len(out) > 0 {
			last := out[len(out)-1]
			if r.From >= last.To || together(last.Hit, r.Hit) {
				break
			}
			if last.rank < r.rank {
				keep = false
				break
			}
			out = out[:len(out)-1]
		}
		if keep {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil
	}
	hits := make([]Hit, 0, min(len(out), maxHits))
	for _, r := range out[:min(len(out), maxHits)] {
		hits = append(hits, r.Hit)
	}
	return hits
}

// together reports whether two hits at one place are two secrets.
func together(a, b Hit) bool {
	return a.From == b.From && a.To == b.To && a.Value != nil && b.Value != nil && !bytes.Equal(a.Value, b.Value)
}

// safeNote takes the user's name out of a note if it looks like a token, which
// some services have in its place.
func safeNote(note string) string {
	user, ok := strings.CutPrefix(note, "for user ")
	if !ok {
		return note
	}
	user, rest, at := strings.Cut(user, " at ")
	safe := len(user) <= 64 && !(len(user) >= 16 && tokenish([]byte(user)))
	for i := range len(user) {
		safe = safe && (isNamePart(user[i]) || strings.IndexByte("@+\\%$ :", user[i]) >= 0)
	}
	switch {
	case safe:
		return note
	case at:
		return "at " + rest
	}
	return ""
}

// lowered appends the end of the path in lower case, without a leading slash.
func lowered(buf []byte, path string) []byte {
	if len(path) > maxPath {
		path = path[len(path)-maxPath:]
	}
	if len(path) > 0 && path[0] == '/' {
		path = path[1:]
	}
	for i := range len(path) {
		buf = append(buf, low(path[i]))
	}
	for _, s := range [...]string{".bak", ".old", ".orig", ".save", ".backup", "~"} { // copies have the form of what they are copies of
		if n := len(buf) - len(s); n > 4 && string(buf[n:]) == s {
			return buf[:n]
		}
	}
	return buf
}

func low(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func split(path string) (dir, base string) {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i], path[i+1:]
		}
	}
	return "", path
}
