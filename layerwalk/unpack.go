package layerwalk

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/leakscan/leakscan/internal/inflate"
)

// An archive that lies in a layer, such as a jar or a backup, hides what is in it
// from whoever looks at its bytes. Here it is taken apart as it is read: gzip,
// bzip2, xz, zstd; zlib, which is git's objects; tar, and cpio in
// one of these; deb and rpm; git's packs; zip, also behind a script that starts it.

// Inside is what stands between the path of an archive and that of a file in it,
// as in the URLs of Java: app.jar!/application.properties.
const Inside = "!/"

// How many first bytes [Packed] wants to see: of any file, and of one that begins
// as a script does, behind which there may be a zip.
const (
	PackedHead = blockSize
	ScriptHead = unpackBuffer
)

// Packed reports whether a file that begins so is one that an [Unpacker] can read.
func Packed(head []byte) bool {
	return sniff(head) != None || isDeb(head) || isRPM(head) || isPack(head) || isZlib(head) || beginsTar(head) || zipStart(head) >= 0
}

// beginsTar is isTar for files: a disk image may begin with zeros.
func beginsTar(head []byte) bool { return len(head) >= blockSize && validHeader(head[:blockSize]) }

// IsScript reports whether a file that begins so is a script.
func IsScript(head []byte) bool { return bytes.HasPrefix(head, []byte("#!")) }

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

	unpackBuffer = 32 << 10 // bytes, of a reader
)

// Unpacker takes files apart, one after the other. The zero value works; it uses
// its memory again, and is not safe for concurrent use.
type Unpacker struct {
	// Memory is a budget of windows, other than that of the blobs: whoever holds a
	// part of one must not wait for more of it. nil: none.
	Memory *Memory
	// Free is how many bytes an archive may give beside what fits its size; 0: 64 MiB.
	Free int64

	ctx    context.Context
	outer  string // the name of the file
	left   int64  // bytes that it may still give
	bytes  int64  // that it gave
	spent  int64  // of unpackPool, by all files
	whole  bool
	over   bool // it would give more
	plain  bool // it is a tar as it stands
	deep   bool // an archive in it was given as it is, for its depth
	held   bool // a part of Memory is
	levels [maxUnpackDepth]unpackLevel
}

// unpackLevel is what one archive in another needs.
type unpackLevel struct {
	in, plain *bufio.Reader // as stored, and unpacked
	member    *bufio.Reader // of a zip, as stored
	gzip      *inflate.Reader
	raw       *inflate.Raw
	head      []byte // of a file in it
	source    counted
}

// counted counts the bytes that are read of an archive.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// begin reads the first bytes of a file, as many as [Packed] wants to see. The next
// one takes their place.
func (l *unpackLevel) begin(r io.Reader) (head []byte, err error) {
	if l.head == nil {
		l.head = make([]byte, ScriptHead)
	}
	n, err := io.ReadFull(r, l.head[:PackedHead])
	if err == nil && IsScript(l.head) {
		var more int
		more, err = io.ReadFull(r, l.head[n:])
		n += more
	}
	return l.head[:n], err
}

// Whole says that everything in the last file was read: nothing was damaged,
// encrypted, of an unknown method, or too much.
func (u *Unpacker) Whole() bool { return u.whole && !u.deep }

// Plain says that the last file was a tar that nothing compresses: all that is in it
// was given, if Whole.
func (u *Unpacker) Plain() bool { return u.plain }

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
		u.ctx, u.outer, u.whole, u.over, u.deep, u.plain, u.bytes = ctx, name, true, false, false, false, 0
		own := int64(unpackMost)
		if size >= 0 && size < unpackMost/unpackRatio {
			own = size * unpackRatio
		}
		free := max(min(cmp.Or(u.Free, unpackFree), unpackPool-u.spent), 0)
		u.left = own + free
		defer func() { u.spent += min(max(free-u.left, 0), free) }()
		u.open(name, r, 0, yield)
	}
}

// buffered gives one of the buffers of a level for a reader.
func buffered(b **bufio.Reader, r io.Reader) *bufio.Reader {
	if *b == nil {
		*b = bufio.NewReaderSize(r, unpackBuffer)
	} else {
		(*b).Reset(r)
	}
	return *b
}

// open unpacks a file; false: the consumer has had enough.
func (u *Unpacker) open(name string, r io.Reader, depth int, yield func(*Entry) bool) bool {
	l := &u.levels[depth]
	l.source = counted{r: r}
	br := buffered(&l.in, &l.source)
	head, _ := br.Peek(PackedHead)
	if IsScript(head) {
		head, _ = br.Peek(ScriptHead)
	}
	if isDeb(head) {
		return u.deb(name, br, depth, yield)
	}
	if isPack(head) {
		return u.pack(name, br, depth, yield)
	}
	if at := zipStart(head); at >= 0 {
		br.Discard(at)
		return u.zip(name, br, depth, yield)
	}
	if isRPM(head) {
		whole, more := u.rpm(name, br, yield)
		if !more {
			return false
		}
		if head, _ = br.Peek(PackedHead); !whole || sniff(head) == None { // lzma, in old ones
			u.whole = false
			return true
		}
	}
	var beside stray
	codec, zlib := sniff(head), isZlib(head) // which is overwritten when more is read
	dec, release, err := u.decompress(br, codec, zlib, depth, &beside)
	if err != nil {
		u.whole = false
		return true
	}
	defer release()
	in := buffered(&l.plain, &unpackReader{u: u, r: dec})
	if first, _ := in.Peek(cpioHeaderSize); len(first) == cpioHeaderSize && isCpio(first) {
		if !u.cpio(name, in, depth, yield) {
			return false
		}
	} else if first, _ := in.Peek(blockSize); beginsTar(first) {
		u.plain = depth == 0 && codec == None
		t := &tarReader{r: in, noWhiteouts: true}
		for e, err := range t.entries() {
			if err != nil {
				u.whole = false
				continue
			}
			if e.Type == TypeUnparsed { // behind its end, for instance, where another may begin
				u.whole = false
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
	} else {
		if otherCpio(first) {
			u.whole = false
		}
		member := unpackedName(name)
		if zlib {
			member = cmp.Or(gitObject(in), member)
		}
		if !u.file(&Entry{Name: u.inside(name, member), Type: TypeFile, Size: -1, body: in}, depth, yield) {
			return false
		}
	}
	io.Copy(io.Discard, in) // its reader notes what goes wrong
	if zlib {
		br.Discard(zlibChecksum)
		if _, err := br.Peek(1); err == nil { // something follows
			u.whole = false
		}
	}
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
// common codec, and one window of the budget at a time.
func (u *Unpacker) decompress(br *bufio.Reader, codec Codec, zlib bool, depth int, beside *stray) (io.Reader, func(), error) {
	if codec == None && zlib && skipZlib(br) {
		return u.levels[depth].inflate(br), func() {}, nil
	}
	if codec != Gzip {
		wide := codec == Zstd && zstdWindow(br) > freeWindow || codec == XZ && xzWindow(br) > freeWindow
		if wide && u.held {
			return nil, nil, errors.New("its window would have to be waited for while another is held")
		}
		r, release, err := decompress(u.ctx, br, codec, u.Memory, beside)
		if err != nil || !wide {
			return r, release, err
		}
		u.held = true
		return r, func() { release(); u.held = false }, nil
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
	head, err := u.levels[depth].begin(e.body)
	rest := e.body
	if err != nil {
		rest = bytes.NewReader(nil)
	}
	e.body = io.MultiReader(bytes.NewReader(head), rest)
	if !Packed(head) {
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
