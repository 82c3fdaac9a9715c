package layerwalk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/leakscan/leakscan/internal/inflate"
)

// An archive that lies in a layer, such as a jar or a backup, hides what is in it
// from whoever looks at its bytes. Here it is taken apart as it is read: gzip,
// bzip2, xz, zstd; tar in one of these; zip, of which the headers before each
// member are believed, and not the directory at its end, which a stream has not
// got yet.

// Inside is what stands between the path of an archive and that of a file in it,
// as in the URLs of Java: app.jar!/application.properties.
const Inside = "!/"

// PackedHead is how many first bytes [Packed] wants to see.
const PackedHead = 10

// Packed reports whether a file that begins so is one that [Unpack] can read.
func Packed(head []byte) bool {
	return sniff(head) != None || isZip(head)
}

func isZip(head []byte) bool { return bytes.HasPrefix(head, []byte("PK\x03\x04")) }

const (
	// maxUnpackDepth is how deep archives in archives are read.
	maxUnpackDepth = 4
	// unpackRatio and unpackFree bound what an archive of a size may give, all that
	// is in it together. Text compresses to a tenth, with xz to a thirtieth; what
	// gives more is of no interest, or a bomb.
	unpackRatio = 200
	unpackFree  = 64 << 20
	unpackMost  = 8 << 30
)

// Unpacker takes files apart, one after the other. The zero value works; it uses
// its memory again, and is not safe for concurrent use.
type Unpacker struct {
	// Memory is a budget of windows, other than that of the blobs: whoever holds a
	// part of one must not wait for more of it. nil: none.
	Memory *Memory

	ctx    context.Context
	left   int64 // bytes that the file may still give
	bytes  int64 // that it gave
	whole  bool
	levels [maxUnpackDepth]unpackLevel
}

// unpackLevel is what one archive in another needs.
type unpackLevel struct {
	in, plain *bufio.Reader // as stored, and unpacked
	gzip      *inflate.Reader
	raw       *inflate.Raw
}

// Whole says that everything in the last file was read: nothing was damaged,
// encrypted, of an unknown method, or too much.
func (u *Unpacker) Whole() bool { return u.whole }

// Bytes is how many bytes came out of the last file, what came out of archives in
// it included.
func (u *Unpacker) Bytes() int64 { return u.bytes }

// Files gives the files in a file of a name and a size in bytes (-1: not known),
// and those of archives in it, in their order. Their names are the file's own,
// [Inside] and the path in it. There are no errors: what can't be unpacked is left
// out, and Whole tells.
func (u *Unpacker) Files(ctx context.Context, name string, r io.Reader, size int64) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		u.ctx, u.whole, u.left, u.bytes = ctx, true, unpackMost, 0
		if size >= 0 && size < (unpackMost-unpackFree)/unpackRatio {
			u.left = unpackFree + size*unpackRatio
		}
		u.open(name, r, 0, yield)
	}
}

// buffered gives one of the buffers of a level for a reader.
func buffered(b **bufio.Reader, r io.Reader) *bufio.Reader {
	if *b == nil {
		*b = bufio.NewReaderSize(r, 32<<10)
	} else {
		(*b).Reset(r)
	}
	return *b
}

// open unpacks a file; false: the consumer has had enough.
func (u *Unpacker) open(name string, r io.Reader, depth int, yield func(*Entry) bool) bool {
	l := &u.levels[depth]
	br := buffered(&l.in, r)
	head, _ := br.Peek(PackedHead)
	if isZip(head) {
		return u.zip(name, br, depth, yield)
	}
	var beside stray
	dec, release, err := u.decompress(br, sniff(head), depth, &beside)
	if err != nil {
		u.whole = false
		return true
	}
	defer release()
	in := buffered(&l.plain, &unpackReader{u: u, r: dec})
	if first, _ := in.Peek(blockSize); isTar(first) {
		t := &tarReader{r: in, noWhiteouts: true}
		for e, err := range t.entries() {
			if err != nil {
				u.whole = false
				continue
			}
			e.Name = name + Inside + e.Name
			if !u.file(e, depth, yield) {
				return false
			}
		}
		if t.cut != nil {
			u.whole = false
		}
	} else if !u.file(&Entry{Name: name + Inside + unpackedName(name), Type: TypeFile, Size: -1, body: in}, depth, yield) {
		return false
	}
	io.Copy(io.Discard, in) // its reader notes what goes wrong
	if len(beside.records) > 0 && !yield(&Entry{Name: name, Type: TypeHeader, Records: beside.records}) {
		return false
	}
	if beside.lost > 0 || beside.cut {
		u.whole = false
	}
	return true
}

// decompress is the function of that name, with less to allocate for the most
// common codec, and no budget for archives in archives.
func (u *Unpacker) decompress(br *bufio.Reader, codec Codec, depth int, beside *stray) (io.Reader, func(), error) {
	if codec != Gzip {
		if depth > 0 && (codec == Zstd && zstdWindow(br) > freeWindow || codec == XZ && xzWindow(br) > freeWindow) {
			return nil, nil, errors.New("its window would have to be waited for while another is held")
		}
		return decompress(u.ctx, br, codec, u.Memory, beside)
	}
	l := &u.levels[depth]
	var err error
	if l.gzip == nil {
		l.gzip, err = inflate.NewReader(br)
	} else {
		err = l.gzip.Reset(br)
	}
	if err != nil {
		return nil, nil, err
	}
	g := &gzipReader{l.gzip, br, beside}
	g.member()
	return &codecReader{codec: codec, r: g, src: br}, func() {}, nil
}

// file yields a file that is in an archive, or what is in it.
func (u *Unpacker) file(e *Entry, depth int, yield func(*Entry) bool) bool {
	if e.Type != TypeFile || e.Size == 0 || e.body == nil {
		return yield(e)
	}
	var head [PackedHead]byte
	n, err := io.ReadFull(e.body, head[:])
	rest := e.body
	if err != nil {
		rest = bytes.NewReader(nil)
	}
	e.body = io.MultiReader(bytes.NewReader(head[:n]), rest)
	if !Packed(head[:n]) {
		return yield(e)
	}
	if depth+1 >= maxUnpackDepth {
		u.whole = false
		return yield(e)
	}
	header := *e // it is to what is in it what a directory is
	header.Type, header.Size, header.body = TypeDir, 0, nil
	return yield(&header) && u.open(e.Name, e.body, depth+1, yield)
}

// unpackedName is the name of what is in a compressed file, without its directory.
func unpackedName(name string) string {
	base := path.Base(name)
	for _, end := range []struct{ packed, plain string }{{".gz", ""}, {".bz2", ""}, {".xz", ""}, {".zst", ""}, {".tgz", ".tar"}, {".svgz", ".svg"}} {
		if plain, ok := strings.CutSuffix(base, end.packed); ok && plain != "" {
			return plain + end.plain
		}
	}
	return base
}

// unpackReader counts what is unpacked, and ends it where it is too much or
// damaged: that is no error for whoever scans it.
type unpackReader struct {
	u *Unpacker
	r io.Reader

	broken bool // it ended so
}

func (r *unpackReader) Read(p []byte) (int, error) {
	if r.u.left <= 0 || r.u.ctx.Err() != nil {
		r.u.whole, r.broken = false, true
	}
	if r.broken {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.u.left)])
	r.u.left -= int64(n)
	r.u.bytes += int64(n)
	if err != nil && err != io.EOF {
		r.u.whole, r.broken = false, true
		err = io.EOF
	}
	return n, err
}

// The signatures and sizes of zip: PKWARE's APPNOTE.TXT, 4.3.
const (
	zipLocal      = "PK\x03\x04"
	zipDescriptor = "PK\x07\x08"
	zipLocalSize  = 30

	zipEncrypted  = 1 << 0
	zipDescribed  = 1 << 3 // sizes follow the data
	zipStored     = 0
	zipDeflated   = 8
	zip64Extra    = 1
	zip64Unstated = 1<<32 - 1
)

// zip unpacks the members of a zip as they come.
func (u *Unpacker) zip(name string, br *bufio.Reader, depth int, yield func(*Entry) bool) bool {
	le := binary.LittleEndian
	for {
		sig, _ := br.Peek(4)
		if string(sig) != zipLocal {
			// The directory follows, which names the members once more.
			if !bytes.HasPrefix(sig, []byte("PK")) {
				u.whole = false
			}
			if depth == 0 {
				return true // whoever reads the file itself has seen it
			}
			return yield(&Entry{Name: name, Type: TypeUnparsed, Size: -1, body: br})
		}
		header := make([]byte, zipLocalSize)
		if _, err := io.ReadFull(br, header); err != nil {
			u.whole = false
			return true
		}
		flags, method := le.Uint16(header[6:]), le.Uint16(header[8:])
		size, plain := int64(le.Uint32(header[18:])), int64(le.Uint32(header[22:]))
		named := int(le.Uint16(header[26:]))
		texts := make([]byte, named+int(le.Uint16(header[28:])))
		if _, err := io.ReadFull(br, texts); err != nil {
			u.whole = false
			return true
		}
		member, extra := texts[:named], texts[named:]
		wide := size == zip64Unstated || plain == zip64Unstated
		if wide {
			if size, wide = zip64Size(extra, size, plain); !wide {
				u.whole = false
				return true
			}
		}
		described := flags&zipDescribed != 0
		known := !described || size > 0
		e := &Entry{Name: name + Inside + CleanPath(string(member)), Type: TypeFile, Size: -1, Header: texts}
		if bytes.HasSuffix(member, []byte("/")) {
			e.Type = TypeDir
		}
		readable := flags&zipEncrypted == 0
		var body *unpackReader
		switch {
		case readable && method == zipDeflated: // it knows its own end
			body = &unpackReader{u: u, r: u.levels[depth].inflate(br)}
		case known: // it is scanned as it is, also if it is encrypted
			body = &unpackReader{u: u, r: io.LimitReader(br, size)}
			u.whole = u.whole && readable && method == zipStored
		default: // where it ends only its own decompressor could tell
			u.whole = false
			return true
		}
		if e.body = body; known && size == 0 {
			e.Size = 0
		}
		if !u.file(e, depth, yield) {
			return false
		}
		if io.Copy(io.Discard, body); body.broken {
			return true // where the next one begins is not known
		}
		if described && !zipSkipDescriptor(br) {
			u.whole = false
			return true
		}
	}
}

// inflate gives the decompressor of a level.
func (l *unpackLevel) inflate(br *bufio.Reader) io.Reader {
	if l.raw == nil {
		l.raw = inflate.NewRaw(br)
	} else {
		l.raw.Reset(br)
	}
	return l.raw
}

// zipSkipDescriptor skips what follows the data of a member whose sizes its header
// does not state: a checksum and two sizes, of 4 bytes each or of 8, with a
// signature or without. What it is shows in what follows.
func zipSkipDescriptor(br *bufio.Reader) bool {
	b, _ := br.Peek(4 + 4 + 16 + 2)
	for _, n := range []int{4 + 12, 4 + 20, 12, 20} {
		signed := bytes.HasPrefix(b, []byte(zipDescriptor))
		if signed != (n == 16 || n == 24) {
			continue
		}
		if len(b) >= n+2 && string(b[n:n+2]) == "PK" {
			br.Discard(n)
			return true
		}
	}
	return false
}

// zip64Size finds the size of the data in the extra fields: those sizes stand there
// that the header does not state, first that of the contents.
func zip64Size(extra []byte, size, plain int64) (int64, bool) {
	le := binary.LittleEndian
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		extra = extra[4:]
		if n > len(extra) {
			return 0, false
		}
		if id == zip64Extra {
			f := extra[:n]
			if plain == zip64Unstated && len(f) >= 8 {
				f = f[8:]
			}
			if size != zip64Unstated {
				return size, true
			}
			if len(f) < 8 {
				return 0, false
			}
			wide := int64(le.Uint64(f))
			return wide, wide >= 0
		}
		extra = extra[n:]
	}
	return 0, false
}
