package layerwalk

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// This is a tar reader of our own because archive/tar gives up for good where
// a scanner must go on: at a damaged header, at a PAX header over 1 MiB, at a
// hard link that has a body; it ends at the end marker, behind which bytes can
// hide; and it gives the holes of a sparse file as zeros, of which a small
// layer can hold terabytes. On archives that it does read, the two agree:
// FuzzTar compares them.
//
// Formats: https://www.gnu.org/software/tar/manual/html_node/Standard.html and
// POSIX.1-2001 pax. All sizes are in bytes, blocks are 512.

const (
	blockSize = 512
	// maxHeader bounds what a PAX header or a GNU long name may take in
	// memory. Linux limits a path to 4 KiB and an xattr to 64 KiB.
	maxHeader = 4 << 20
	// maxSparse bounds the segments of one sparse file (16 bytes each).
	maxSparse = 1 << 18
	// maxHeaders bounds all headers of one entry together.
	maxHeaders = 4 * maxHeader
	// maxSize keeps sums of sizes and offsets within 64 bits.
	maxSize = 1 << 60
)

// isTar reports whether b, the first block of something, is a tar header. A
// block of zeros, an empty archive, counts.
func isTar(b []byte) bool {
	if len(b) < blockSize {
		return false
	}
	return allZero(b[:blockSize]) || validHeader(b[:blockSize])
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// validHeader checks the header's checksum, in both the unsigned form of
// POSIX and the signed one of old tars.
func validHeader(b []byte) bool {
	want, err := octal(b[148:156])
	if err != nil {
		return false
	}
	var u, s int64
	for i, c := range b[:blockSize] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		u += int64(c)
		s += int64(int8(c))
	}
	return want == u || want == s
}

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func octal(b []byte) (int64, error) {
	s := strings.Trim(cstring(bytes.TrimLeft(b, " \x00")), " ")
	if s == "" {
		return 0, nil
	}
	return strconv.ParseInt(s, 8, 64)
}

// number reads a numeric field: octal, or base 256 if the top bit is set.
func number(b []byte) (int64, error) {
	if b[0]&0x80 == 0 {
		return octal(b)
	}
	if b[0]&0x40 != 0 {
		return 0, errors.New("negative number")
	}
	n := int64(b[0] & 0x3f)
	for _, c := range b[1:] {
		n = n<<8 | int64(c)
		if n > maxSize {
			return 0, errors.New("number out of range")
		}
	}
	return n, nil
}

type tarReader struct {
	r      *bufio.Reader // at least blockSize
	off    int64         // of the next byte of r
	err    error         // what ended the stream, if not io.EOF
	cut    *Problem      // the stream ended well, but inside an entry
	closed bool          // the end marker was reached
	pad    []byte        // what stood in place of zeros behind the last body
	header []byte        // the headers of the next entry so far

	noWhiteouts bool // names that begin with .wh. mean nothing: no layer
}

// entries yields all that is in the archive. What is wrong with it comes as a
// *Problem in between, and the iteration goes on: damaged stretches are
// yielded as TypeUnparsed. At the end t.err holds what ended the stream too
// early, if something did; an error that reading a body gave is the same one.
func (t *tarReader) entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for {
			e, err := t.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				if !yield(nil, err) {
					return
				}
			}
			if e == nil {
				if t.err != nil {
					return
				}
				continue
			}
			if !yield(e, nil) {
				return
			}
			// The body knows how to skip its own rest and padding.
			if e.body != nil {
				if _, err := io.Copy(io.Discard, e.body); err != nil && t.err == nil {
					t.err = err
				}
			}
			if t.err != nil {
				return
			}
		}
	}
}

// fail notes what ended the stream.
func (t *tarReader) fail(err error) {
	if t.err == nil && err != io.EOF {
		t.err = err
	}
}

// block reads the next block. At the end of the stream it gives what there is.
func (t *tarReader) block(b *[blockSize]byte) (int, error) {
	n, err := io.ReadFull(t.r, b[:])
	t.off += int64(n)
	return n, err
}

// extended is what the headers before an entry said about it.
type extended struct {
	longName, longLink string // of GNU: they win
	name, link         string // of PAX
	size               int64  // -1: not said
	sparse             paxSparse
}

type paxSparse struct {
	version  string // major.minor; "": not said, as 0.0 and 0.1 do
	name     string
	realSize int64
	segments []Segment
	pending  int64 // 0.0: an offset that waits for its numbytes
	bad      bool
}

// used reports whether the records are of a version that is known; others are
// as if they were not there.
func (s *paxSparse) used() bool {
	switch s.version {
	case "0.0", "0.1", "1.0":
		return true
	case "":
		return len(s.segments) > 0 || s.bad
	}
	return false
}

// next gives the next entry; or a *Problem, alone or with an entry that holds
// the bytes it is about; or io.EOF.
func (t *tarReader) next() (*Entry, error) {
	if t.pad != nil {
		e := &Entry{Type: TypeUnparsed, Size: int64(len(t.pad)), body: bytes.NewReader(t.pad)}
		t.pad = nil
		return e, nil
	}
	ext := extended{size: -1}
	t.header = t.header[:0]
	for {
		start := t.off
		var b [blockSize]byte
		n, err := t.block(&b)
		if n < blockSize {
			if err != io.EOF && err != io.ErrUnexpectedEOF {
				t.fail(err)
			}
			if n == 0 {
				return t.leftover()
			}
			// A last piece that is no block.
			if allZero(b[:n]) {
				return nil, io.EOF
			}
			return t.unparsed(slices.Concat(t.header, b[:n]), false), &Problem{Kind: Truncated, Reason: fmt.Sprintf("the tar ends inside a header, at byte %d", start)}
		}
		if allZero(b[:]) {
			t.closed = true
			if len(t.header) > 0 { // of an entry that does not come; this block is not needed again
				return t.leftover()
			}
			return t.end()
		}
		t.header = append(t.header, b[:]...)
		if !validHeader(b[:]) {
			return t.unparsed(t.header, true), &Problem{Kind: Unreadable, Reason: fmt.Sprintf("damaged tar header at byte %d: what follows was scanned as it is, up to the next good header", start)}
		}
		size, err := number(b[124:136])
		if err != nil || size < 0 {
			return t.unparsed(t.header, true), &Problem{Kind: Unreadable, Reason: fmt.Sprintf("tar header at byte %d has no valid size: what follows was scanned as it is, up to the next good header", start)}
		}
		name := cstring(b[:100])
		gnu := string(b[257:265]) == "ustar  \x00"
		if !gnu && string(b[257:263]) == "ustar\x00" {
			prefix := b[345:500]
			if string(b[508:512]) == "tar\x00" { // star: a shorter prefix, then times
				prefix = b[345:476]
			}
			if p := cstring(prefix); p != "" {
				name = p + "/" + name
			}
		}
		switch flag := b[156]; flag {
		case 'x', 'g', 'L', 'K':
			if size > maxHeader || len(t.header) > maxHeaders {
				// Not a header that anything could use; its bytes are scanned.
				e := &Entry{Name: CleanPath(name), Type: TypeUnparsed, Size: size, Header: t.header}
				e.body = t.body(size)
				return e, &Problem{Kind: Limit, Reason: fmt.Sprintf("tar extended header of %d bytes at byte %d was scanned, but not used", size, start), Path: CleanPath(name)}
			}
			data, err := io.ReadAll(t.body(size))
			t.header = append(t.header, data...)
			if err != nil || int64(len(data)) < size {
				t.cut = nil // this says it
				e := &Entry{Type: TypeUnparsed, Size: int64(len(t.header)), body: bytes.NewReader(t.header)}
				return e, &Problem{Kind: Truncated, Reason: fmt.Sprintf("the tar ends inside an extended header, at byte %d", t.off)}
			}
			if t.pad != nil {
				t.header, t.pad = append(t.header, t.pad...), nil
			}
			switch flag {
			case 'L':
				ext.longName = cstring(data)
			case 'K':
				ext.longLink = cstring(data)
			case 'x', 'g':
				// A second header takes the place of the first. A global one
				// applies to nothing that a runtime unpacks, but in
				// archive/tar, which they use, it ends what came before it.
				x := extended{size: -1, longName: ext.longName, longLink: ext.longLink}
				if flag == 'g' {
					x.longName, x.longLink = "", ""
				}
				err := x.parse(data)
				if ext = x; flag == 'g' {
					ext = extended{size: -1}
				}
				if err != nil {
					e := &Entry{Name: CleanPath(name), Type: TypeUnparsed, Size: int64(len(t.header)), body: bytes.NewReader(t.header)}
					return e, &Problem{Kind: Unreadable, Reason: fmt.Sprintf("PAX header at byte %d: %v", start, err)}
				}
			}
			continue
		}
		return t.entry(&b, name, size, gnu, &ext)
	}
}

// leftover gives the headers of an entry that never came, at the end.
func (t *tarReader) leftover() (*Entry, error) {
	if len(t.header) == 0 {
		return nil, io.EOF
	}
	return &Entry{Type: TypeHeader, Header: t.header}, nil
}

// entry makes the entry of a header that is no extension.
func (t *tarReader) entry(b *[blockSize]byte, name string, size int64, gnu bool, ext *extended) (*Entry, error) {
	name = cmp.Or(ext.longName, ext.name, name)
	if ext.size >= 0 {
		size = ext.size
	}
	link := cmp.Or(ext.longLink, ext.link, cstring(b[157:257]))
	if size > maxSize {
		size = maxSize // more than any stream has: it ends before
	}
	e := &Entry{Linkname: shortPath(link), Header: t.header, Size: size}
	hasBody := true
	switch b[156] {
	case '1':
		e.Type, hasBody = TypeHardlink, false
		e.Linkname = CleanPath(link)
	case '2':
		e.Type, hasBody = TypeSymlink, false
	case '3', '4', '6':
		e.Type, hasBody = TypeDevice, false
	case '5':
		e.Type, hasBody = TypeDir, false
	default:
		e.Type = TypeFile
		if strings.HasSuffix(name, "/") && b[156] == 0 { // V7 had no type for directories
			e.Type, hasBody = TypeDir, false
		}
	}
	if !hasBody && size > 0 {
		// Most writers that put a size here put no body. Some do: if no
		// header follows, but one does behind a body, it is one.
		if p, _ := t.r.Peek(blockSize); !isTar(p) && !allZero(p) {
			hasBody = true
		}
	}
	var problem error
	body := io.Reader(nil)
	if hasBody {
		body = t.body(size)
	} else {
		e.Size = 0
	}
	if ext.sparse.used() && ext.sparse.name != "" {
		name = ext.sparse.name
	}
	switch {
	case b[156] == 'S' && gnu:
		segs, err := t.gnuSparse(b)
		if err != nil {
			problem = &Problem{Kind: Unreadable, Path: CleanPath(name), Reason: fmt.Sprintf("sparse map: %v", err)}
		}
		e.Sparse, e.Header = segs, t.header
		e.RealSize, _ = number(b[483:495])
		body = t.body(size) // behind the sparse headers
	case ext.sparse.used() && hasBody:
		s := &ext.sparse
		e.RealSize = s.realSize
		if s.version == "1.0" {
			br := bufio.NewReaderSize(body, blockSize)
			segs, used, rest, err := sparseMap1(br)
			t.header = append(t.header, rest...)
			e.Header = t.header
			if err != nil {
				problem = &Problem{Kind: Unreadable, Path: CleanPath(name), Reason: fmt.Sprintf("sparse map: %v", err)}
			} else {
				e.Size = size - used
			}
			s.segments, body = segs, br
		} else if s.bad {
			problem = &Problem{Kind: Unreadable, Path: CleanPath(name), Reason: "sparse map in the PAX header is damaged"}
		}
		e.Sparse = s.segments
	}
	e.Name = CleanPath(name)
	e.body = body
	if target, typ, ok := whiteout(e.Name); ok && !t.noWhiteouts {
		e.Name, e.Type = target, typ
	}
	if problem != nil {
		// The contents are still there to be read, so both are yielded.
		return e, problem
	}
	return e, nil
}

// end is reached at the first block of zeros. What follows should be zeros to
// the end of the stream; no runtime unpacks anything else, but it can be read.
func (t *tarReader) end() (*Entry, error) {
	var b [blockSize]byte
	for {
		n, err := t.block(&b)
		if !allZero(b[:n]) {
			return t.unparsed(b[:n], false), nil
		}
		if err != nil {
			if err != io.EOF && err != io.ErrUnexpectedEOF {
				t.fail(err)
			}
			return nil, io.EOF
		}
	}
}

// unparsed makes an entry of the bytes first and all that follow: up to the
// next good header if resync is set, else to the end.
func (t *tarReader) unparsed(first []byte, resync bool) *Entry {
	u := &unparsedBody{t: t, resync: resync, buf: bytes.Clone(first)}
	return &Entry{Type: TypeUnparsed, Size: -1, body: u}
}

type unparsedBody struct {
	t      *tarReader
	resync bool
	buf    []byte
	done   bool
}

func (u *unparsedBody) Read(p []byte) (int, error) {
	if len(u.buf) == 0 {
		if u.done {
			return 0, io.EOF
		}
		if u.resync {
			// Only a header that names its format is trusted here: in
			// eight bytes of checksum, damage can look like anything.
			if h, _ := u.t.r.Peek(blockSize); len(h) == blockSize && string(h[257:262]) == "ustar" && validHeader(h) {
				u.done = true
				return 0, io.EOF
			}
		}
		var b [blockSize]byte
		n, err := u.t.block(&b)
		if err != nil {
			u.done = true
			if err != io.EOF && err != io.ErrUnexpectedEOF {
				u.t.fail(err)
			}
			if n == 0 {
				return 0, io.EOF
			}
		}
		u.buf = append(u.buf[:0], b[:n]...)
	}
	n := copy(p, u.buf)
	u.buf = u.buf[n:]
	return n, nil
}

// body reads size bytes and the padding behind them.
func (t *tarReader) body(size int64) io.Reader {
	return &tarBody{t: t, left: size, pad: -size & (blockSize - 1)}
}

type tarBody struct {
	t         *tarReader
	left, pad int64
}

func (b *tarBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		// Damage in padding is no damage. Only the end of the stream is
		// looked at: some writers leave the last padding out.
		if b.pad > 0 {
			p, err := b.t.r.Peek(int(b.pad))
			if !allZero(p) {
				b.t.pad = bytes.Clone(p)
			}
			b.t.r.Discard(len(p))
			b.t.off += int64(len(p))
			b.pad = 0
			if err != nil {
				b.t.fail(err)
			}
		}
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.t.r.Read(p)
	b.left -= int64(n)
	b.t.off += int64(n)
	if err != nil && b.left > 0 {
		b.pad = 0
		if err == io.EOF {
			b.t.cut = &Problem{Kind: Truncated, Reason: fmt.Sprintf("the tar ends %d bytes before the end of a file", b.left), Bytes: b.left}
			err = io.ErrUnexpectedEOF
		}
		b.t.fail(err)
		b.left = 0
		return n, err
	}
	return n, nil
}

// parse reads PAX records: "length key=value\n" each, where the length counts
// itself.
func (x *extended) parse(data []byte) error {
	for len(data) > 0 {
		sp := bytes.IndexByte(data, ' ')
		if sp <= 0 || sp > 10 {
			return errors.New("a record has no length")
		}
		n, err := strconv.Atoi(string(data[:sp]))
		if err != nil || n <= sp+1 || n > len(data) || data[n-1] != '\n' {
			return errors.New("a record has a wrong length")
		}
		key, value, ok := strings.Cut(string(data[sp+1:n-1]), "=")
		if !ok {
			return errors.New("a record has no '='")
		}
		data = data[n:]
		switch key {
		case "path":
			x.name = value
		case "linkpath":
			x.link = value
		case "size":
			if x.size, err = strconv.ParseInt(value, 10, 64); err != nil || x.size < 0 {
				return errors.New("size is no number")
			}
		default:
			x.sparse.record(key, value)
		}
	}
	return nil
}

// record takes a record of GNU's sparse formats 0.0, 0.1 and 1.0.
// https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html
func (s *paxSparse) record(key, value string) {
	field, ok := strings.CutPrefix(key, "GNU.sparse.")
	if !ok {
		return
	}
	if field == "name" {
		s.name = value
		return
	}
	if field == "major" || field == "minor" {
		major, minor, _ := strings.Cut(s.version, ".")
		if field == "major" {
			major = value
		} else {
			minor = value
		}
		s.version = major + "." + minor
		return
	}
	if field == "map" {
		f := strings.Split(value, ",")
		if len(f)%2 != 0 || len(f)/2 > maxSparse {
			s.bad = value != ""
			return
		}
		s.segments = nil
		for i := 0; i < len(f); i += 2 {
			o, err1 := strconv.ParseInt(f[i], 10, 64)
			n, err2 := strconv.ParseInt(f[i+1], 10, 64)
			s.add(o, n, err1 != nil || err2 != nil)
		}
		return
	}
	n, err := strconv.ParseInt(value, 10, 64)
	switch field {
	case "size", "realsize":
		s.realSize = n
	case "numblocks":
	case "offset":
		s.pending = n
	case "numbytes":
		s.add(s.pending, n, err != nil)
	default:
		return
	}
	if err != nil {
		s.bad = true
	}
}

func (s *paxSparse) add(off, n int64, bad bool) {
	if bad || off < 0 || n < 0 || len(s.segments) >= maxSparse {
		s.bad = true
		return
	}
	s.segments = append(s.segments, Segment{off, n})
}

// sparseMap1 reads the map of format 1.0, which stands in front of the data:
// decimal numbers, a line each, padded to a block. It gives the bytes it used,
// and those of the padding.
func sparseMap1(r *bufio.Reader) (segs []Segment, used int64, rest []byte, err error) {
	line := func() (int64, error) {
		var n int64
		for i := 0; ; i++ {
			c, err := r.ReadByte()
			if err != nil {
				return 0, err
			}
			used++
			if c == '\n' && i > 0 {
				return n, nil
			}
			if c < '0' || c > '9' || i > 17 {
				return 0, errors.New("not a number")
			}
			n = n*10 + int64(c-'0')
		}
	}
	count, err := line()
	if err != nil {
		return nil, used, nil, err
	}
	if count > maxSparse {
		return nil, used, nil, fmt.Errorf("%d segments", count)
	}
	for range count {
		o, err := line()
		if err != nil {
			return segs, used, nil, err
		}
		n, err := line()
		if err != nil {
			return segs, used, nil, err
		}
		segs = append(segs, Segment{o, n})
	}
	rest = make([]byte, -used&(blockSize-1))
	n, err := io.ReadFull(r, rest)
	return segs, used + int64(n), rest[:n], err
}

// gnuSparse reads the map of the old GNU format: four segments in the header,
// 21 in each block that may follow it.
func (t *tarReader) gnuSparse(b *[blockSize]byte) ([]Segment, error) {
	var segs []Segment
	take := func(f []byte) error {
		for ; len(f) >= 24; f = f[24:] {
			if f[0] == 0 {
				return nil
			}
			o, err := number(f[:12])
			if err != nil {
				return err
			}
			n, err := number(f[12:24])
			if err != nil {
				return err
			}
			if o < 0 || n < 0 || len(segs) >= maxSparse {
				return errors.New("a segment is out of range")
			}
			segs = append(segs, Segment{o, n})
		}
		return nil
	}
	err := take(b[386:482])
	for more := b[482] != 0; more; {
		var x [blockSize]byte
		n, rerr := t.block(&x)
		t.header = append(t.header, x[:n]...)
		if n < blockSize {
			t.fail(rerr)
			return segs, errors.New("it breaks off")
		}
		if len(t.header) > maxHeaders {
			return segs, errors.New("it is too long")
		}
		if err == nil {
			err = take(x[:504])
		}
		more = x[504] != 0
	}
	return segs, err
}
