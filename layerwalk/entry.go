package layerwalk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"
)

// EntryType says what an [Entry] is.
type EntryType uint8

// The types of entry. The first seven are those of tar.
const (
	TypeFile     EntryType = iota // a regular file, or a type that tar does not know
	TypeDir                       // a directory
	TypeSymlink                   // Linkname is where it points
	TypeHardlink                  // Linkname is the entry whose contents it shares
	TypeDevice                    // a device, FIFO or socket
	TypeWhiteout                  // deletes Name in the layers below
	TypeOpaque                    // hides all that the layers below have in the directory Name
	TypeHeader                    // headers or records that belong to no single entry
	TypeField                     // a string in a JSON document: Name is its path in it
	TypeUnparsed                  // bytes of a layer that no entry accounts for
	TypeBlob                      // the whole of a blob that is neither tar nor JSON
)

// Entry is one thing in a blob that can hold a secret: a file of a layer, a
// string of the config. It is valid until the next step of the iteration.
// Reading it gives its contents; what is left unread is skipped.
type Entry struct {
	Name     string    // path in the image without a leading slash, "." and ".." resolved; for TypeField the path in the document
	Type     EntryType //
	Linkname string    // as it stands in the entry: for TypeHardlink cleaned like Name
	Size     int64     // bytes that Read will give; -1: not known
	Header   []byte    // all of its headers as they stand: PAX records, owners, and whatever hides in them
	Records  []Record  // for TypeHeader: texts beside the data of a compressed stream
	Sparse   []Segment // where the bytes belong, if the file has holes; nil: it has none
	RealSize int64     // with the holes, if Sparse is set
	Prefix   string    // for TypeField: "name=" of a string that is a member of an object: context for rules, not part of the contents

	body io.Reader
}

// Record is one text beside the data of a compressed stream.
type Record struct{ Key, Value string }

// Segment is a run of data in a sparse file.
type Segment struct{ Offset, Length int64 }

// Read gives the contents. Holes of a sparse file are left out: a layer of a
// few bytes can declare terabytes of them.
func (e *Entry) Read(p []byte) (int, error) {
	if e.body == nil {
		return 0, io.EOF
	}
	return e.body.Read(p)
}

// Offset turns an offset in what Read gives into an offset in the file with
// its holes.
func (e *Entry) Offset(read int64) int64 {
	for _, s := range e.Sparse {
		if read < s.Length {
			return s.Offset + read
		}
		read -= s.Length
	}
	return read
}

// The names of the OCI layer format and of AUFS before it.
// https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	whiteoutMeta   = ".wh..wh." // AUFS' own files: they delete nothing
)

// whiteout reads the whiteout conventions out of a cleaned name. It gives the
// path that is meant and the type, or ok=false if the name is an ordinary one.
func whiteout(name string) (target string, t EntryType, ok bool) {
	dir, base := path.Split(name)
	switch {
	case !strings.HasPrefix(base, whiteoutPrefix):
		return "", 0, false
	case base == whiteoutOpaque:
		return strings.TrimSuffix(dir, "/"), TypeOpaque, true
	case strings.HasPrefix(base, whiteoutMeta), base == whiteoutPrefix:
		return "", 0, false
	}
	return dir + base[len(whiteoutPrefix):], TypeWhiteout, true
}

// CleanPath gives the one spelling of a path in an image that this package
// uses: no leading or trailing slash, no "." or "..", as a runtime that
// unpacks below a root would see it. One that no system could unpack, because
// it is longer than 8 KiB, is cut to a beginning and a hash.
func CleanPath(name string) string {
	return shortPath(strings.TrimPrefix(path.Clean("/"+name), "/"))
}

// maxPath bounds the paths that are kept: Linux stops at 4 KiB, but a header
// can hold megabytes.
const maxPath = 8 << 10

func shortPath(name string) string {
	if len(name) <= maxPath {
		return name
	}
	h := sha256.Sum256([]byte(name))
	return strings.ToValidUTF8(name[:256], "") + "…" + hex.EncodeToString(h[:16])
}

// Text makes a string of an image valid UTF-8, with the bytes that are not as
// \xNN, so that two names that differ stay different.
func Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
