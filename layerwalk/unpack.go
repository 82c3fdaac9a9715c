package layerwalk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
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
	// unpackRatio, unpackFree and unpackPool bound what an archive of a size may
	// give, all that is in it together: so many times its size, and so many bytes
	// beside, which all archives of a blob have in common. Text compresses to a
	// tenth, with xz to a thirtieth; what gives more is a bomb, or full of zeros.
	unpackRatio = 200
	unpackFree  = 64 << 20
	unpackPool  = 1 << 30
	unpackMost  = 8 << 30
)

// Unpacker takes files apart, one after the other. The zero value works; it uses
// its memory again, and is not safe for concurrent use.
type Unpacker struct {
	// Memory is a budget of windows, other than that of the blobs: whoever holds a
	// part of one must not wait for more of it. nil: none.
	Memory *Memory

	ctx    context.Context
	outer  string // the name of the file
	left   int64  // bytes that it may still give
	bytes  int64  // that it gave
	spent  int64  // of unpackPool, by all files
	whole  bool
	over   bool // it would give more
	deep   bool // an archive in it was given as it is, for its depth
	levels [maxUnpackDepth]unpackLevel
}

// unpackLevel is what one archive in another needs.
type unpackLevel struct {
	in, plain *bufio.Reader // as stored, and unpacked
	member    *bufio.Reader // of a zip, as stored
	gzip      *inflate.Reader
	raw       *inflate.Raw
}

// Whole says that everything in the last file was read: nothing was damaged,
// encrypted, of an unknown method, or too much.
func (u *Unpacker) Whole() bool { return u.whole && !u.deep }

// Exceeded says that the last file was not read to its end because it gave too much.
func (u *Unpacker) Exceeded() bool { return u.over }

func (u *Unpacker) exceed() { u.whole, u.over = false, true }

// Bytes is how many bytes came out of the last file, what came out of archives in
// it included.
func (u *Unpacker) Bytes() int64 { return u.bytes }

// Files gives the files in a file of a name and a size in bytes (-1: not known),
// and those of archives in it, in their order. Their names are the file's own,
// [Inside] and the path in it. There are no errors: what can't be unpacked is left
// out, and Whole tells.
func (u *Unpacker) Files(ctx context.Context, name string, r io.Reader, size int64) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		u.ctx, u.outer, u.whole, u.over, u.deep, u.bytes = ctx, name, true, false, false, 0
		own := int64(unpackMost)
		if size >= 0 && size < unpackMost/unpackRatio {
			own = size * unpackRatio
		}
		free := max(min(unpackFree, unpackPool-u.spent), 0)
		u.left = own + free
		defer func() { u.spent += min(max(free-u.left, 0), free) }()
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
	if first, _ := in.Peek(blockSize); len(first) == blockSize && validHeader(first) { // a disk image may begin with zeros
		t := &tarReader{r: in, noWhiteouts: true}
		for e, err := range t.entries() {
			if err != nil {
				u.whole = false
				continue
			}
			e.Name = u.inside(name, e.Name)
			if e.Type == TypeHardlink {
				e.Linkname = u.inside(name, e.Linkname)
			}
			if !u.file(e, depth, yield) {
				return false
			}
		}
		if t.cut != nil {
			u.whole = false
		}
	} else if !u.file(&Entry{Name: u.inside(name, unpackedName(name)), Type: TypeFile, Size: -1, body: in}, depth, yield) {
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

// inside is the path of a member in an archive. One that nobody could use is cut to
// a hash; the name of the file in the layer stays as it is.
func (u *Unpacker) inside(archive, member string) string {
	p := archive + Inside + member
	if len(p)-len(u.outer) > maxPath/2 {
		h := sha256.Sum256([]byte(p))
		return u.outer + Inside + "…" + hex.EncodeToString(h[:16])
	}
	return p
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

// entryCost is what an entry counts for among the bytes that are unpacked: scanning
// its headers and its name costs about as much.
const entryCost = 512

// file yields a file that is in an archive, or what is in it.
func (u *Unpacker) file(e *Entry, depth int, yield func(*Entry) bool) bool {
	if u.left -= entryCost + int64(len(e.Name)); u.left <= 0 {
		u.exceed()
	}
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
		u.deep = true
		return yield(e)
	}
	header := *e // it is to what is in it what a directory is
	header.Type, header.Size, header.body = TypeDir, 0, nil
	if !yield(&header) {
		return false
	}
	// The archive in the layer is scanned as the bytes it is as well; this one only
	// if it can't be unpacked to its end.
	stored := &keeper{r: e.body}
	before := u.whole
	u.whole = true
	if !u.open(e.Name, stored, depth+1, yield) {
		return false
	}
	if u.whole {
		u.whole = before
		return true
	}
	return yield(&Entry{Name: e.Name, Type: TypeFile, Size: -1, body: stored.again(u.levels[depth+1].in)})
}

// keeper keeps the first bytes that are read through it.
type keeper struct {
	r    io.Reader
	kept []byte
	more bool // than were kept
}

// maxKept is how many: what is behind them is unpacked, or can still be read.
const maxKept = 256 << 10

func (k *keeper) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	m := min(n, maxKept-len(k.kept))
	k.kept = append(k.kept, p[:m]...)
	k.more = k.more || m < n
	return n, err
}

// again gives what was read once more, and then the rest; in reads from k.
func (k *keeper) again(in io.Reader) io.Reader {
	first := bytes.NewReader(k.kept)
	if k.more {
		return io.MultiReader(first, in)
	}
	return io.MultiReader(first, k.r)
}

// unpackedName is the name of what is in a compressed file, without its directory.
func unpackedName(name string) string {
	base := path.Base(name)
	if base == "." || base == "/" {
		return "data"
	}
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
	if r.u.left <= 0 {
		r.u.exceed()
		r.broken = true
	}
	if r.u.ctx.Err() != nil {
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
		e := &Entry{Name: u.inside(name, CleanPath(string(member))), Type: TypeFile, Size: -1, Header: texts}
		if bytes.HasSuffix(member, []byte("/")) {
			e.Type = TypeDir
		}
		readable := flags&zipEncrypted == 0
		l := &u.levels[depth]
		var body io.Reader
		stored := io.LimitReader(br, size)
		switch {
		case readable && method == zipDeflated && described: // it knows its own end
			body = l.inflate(br)
		case readable && method == zipDeflated && size > 0:
			body = l.inflate(buffered(&l.member, stored))
		case readable && method == zipStored && described && size == 0:
			body = &zipUnsized{br: br}
		case known: // it is scanned as it is, also if it is encrypted
			body = stored
			u.whole = u.whole && readable && (method == zipStored || size == 0)
		default: // where it ends only its own decompressor could tell
			u.whole = false
			return true
		}
		limited := &unpackReader{u: u, r: body}
		if e.body = limited; known && size == 0 {
			e.Size = 0
		}
		if !u.file(e, depth, yield) {
			return false
		}
		io.Copy(io.Discard, limited)
		switch {
		case u.left <= 0, limited.broken && described:
			return true // where the next one begins is not known
		case !described:
			io.Copy(io.Discard, stored)
		case method == zipStored && size == 0: // its reader has read it
		case !zipSkipDescriptor(br):
			u.whole = false
			return true
		}
	}
}

// zipUnsized reads a stored member of which only what follows it tells the size: it
// ends where a descriptor with a signature has the checksum and the size of what
// was read so far.
type zipUnsized struct {
	br   *bufio.Reader
	n    uint64
	crc  uint32
	done bool
}

func (z *zipUnsized) Read(p []byte) (int, error) {
	if z.done || len(p) == 0 {
		return 0, io.EOF
	}
	b, err := z.br.Peek(min(len(p), 4<<10) + 26)
	i := bytes.Index(b, []byte(zipDescriptor))
	if i == 0 {
		le := binary.LittleEndian
		for _, n := range []int{16, 24} { // with sizes of 4 bytes, or of 8
			if len(b) < n+2 || string(b[n:n+2]) != "PK" || le.Uint32(b[4:]) != z.crc || n == 24 && le.Uint64(b[8:]) != z.n || n == 16 && uint64(le.Uint32(b[8:])) != z.n {
				continue
			}
			z.br.Discard(n)
			z.done = true
			return 0, io.EOF
		}
		i = 1 + max(bytes.Index(b[1:], []byte(zipDescriptor)), -1) // not this one
		if i == 0 {
			i = len(b)
		}
	}
	if i < 0 {
		i = len(b)
	}
	if i == len(b) && err == nil {
		i -= len(zipDescriptor) - 1 // a signature may begin there
	}
	if i == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, b[:i])
	z.crc = crc32.Update(z.crc, crc32.IEEETable, p[:n])
	z.n += uint64(n)
	z.br.Discard(n)
	return n, nil
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
