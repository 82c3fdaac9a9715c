package layerwalk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"strings"
)

// DefaultMaxBytes is how much one blob may give when it is decompressed: well
// over the largest real layers, far under what a bomb gives.
const DefaultMaxBytes = 256 << 30

// Blob is one run of bytes of an image: a layer, the config, a manifest, an
// attestation.
type Blob struct {
	ID        string // unique in its source: the digest, or the name in the archive
	Digest    string // what its content should hash to; "" if nothing says
	Size      int64  // what its size should be, in bytes as stored; -1 if nothing says
	MediaType string // as the manifest has it; never believed, only reported

	open func(context.Context) (io.ReadCloser, error)
	walk func(context.Context, func(*Entry, error) bool) // in place of open: a directory

	rootfs bool // a stream that was taken for a tar of files by its first names
	plain  bool // a user's file: JSON in it is text like any other
}

// NewBlob is a blob of bytes that are at hand: a document that no image has
// yet, for instance.
func NewBlob(id string, data []byte) *Blob {
	return &Blob{ID: id, Size: int64(len(data)), open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// NewDir is a directory as a blob: one layer.
func NewDir(dir string) *Blob {
	return &Blob{ID: dir, Size: -1, walk: func(ctx context.Context, yield func(*Entry, error) bool) { walkDir(ctx, dir, yield) }}
}

// ReadOptions tune how a blob is read. The zero value works.
type ReadOptions struct {
	Memory   *Memory       // shared budget of large decompression windows; nil: none
	Unpack   *Memory       // the same, for archives that lie in the blob; nil: they are not unpacked
	MaxBytes int64         // cap on the decompressed size; 0: DefaultMaxBytes
	Progress func(n int64) // called with every run of stored bytes that was read; from another goroutine
}

// Format is what a decompressed blob turned out to be.
type Format string

// The formats.
const (
	FormatEmpty Format = "empty" // no bytes at all
	FormatTar   Format = "tar"
	FormatJSON  Format = "json"
	FormatRaw   Format = "raw" // anything else: one entry of type TypeBlob
	FormatDir   Format = "dir" // not a blob: a directory on disk
)

// Summary is what is known of a blob when it has been read to its end.
type Summary struct {
	Digest  string `json:"digest,omitempty"` // of the bytes as stored: what they are, not what they should be
	DiffID  string `json:"diffID,omitempty"` // of the bytes decompressed
	Size    int64  `json:"size"`             // bytes as stored
	Bytes   int64  `json:"bytes"`            // bytes decompressed
	Codec   Codec  `json:"codec,omitempty"`
	Format  Format `json:"format,omitempty"`
	Foreign string `json:"foreign,omitempty"` // for FormatRaw: the compression or archive it looks like
	Whole   bool   `json:"whole"`             // it was decompressed to its end, so that DiffID can be believed
}

// Reader walks one blob once. It is not safe for concurrent use.
type Reader struct {
	blob *Blob
	ctx  context.Context
	o    ReadOptions
	sum  Summary
}

// Read prepares to walk the blob; Entries opens it.
func (b *Blob) Read(ctx context.Context, o ReadOptions) *Reader {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	return &Reader{blob: b, ctx: ctx, o: o}
}

// Summary is complete once Entries has run to its end.
func (r *Reader) Summary() Summary { return r.sum }

// Open gives the blob's bytes as they are stored, unverified.
func (b *Blob) Open(ctx context.Context) (io.ReadCloser, error) {
	if b.open == nil {
		return nil, fmt.Errorf("%s is no blob", b.ID)
	}
	return b.open(ctx)
}

// Content gives the blob's bytes decompressed, unverified.
func (b *Blob) Content(ctx context.Context) (io.ReadCloser, error) {
	src, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(src, 128<<10)
	head, _ := br.Peek(32)
	dec, release, err := decompress(ctx, br, sniff(head), nil, &stray{})
	if err != nil {
		src.Close()
		return nil, err
	}
	return &content{dec, func() error { release(); return src.Close() }}, nil
}

type content struct {
	io.Reader
	close func() error
}

func (c *content) Close() error { return c.close() }

// Entries walks the blob. An error is always a *Problem; the iteration goes on
// after it, and reads the blob to its end however damaged it is, so that its
// digest is known. Breaking off leaves the rest unread and unverified.
func (r *Reader) Entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		if r.blob.walk != nil {
			r.sum = Summary{Format: FormatDir, Codec: None, Whole: true}
			r.blob.walk(r.ctx, func(e *Entry, err error) bool {
				if e != nil && e.Type == TypeFile && e.Size > 0 {
					r.sum.Bytes += e.Size
					r.sum.Size += e.Size
				}
				return yield(e, err)
			})
			return
		}
		r.stored(yield)
	}
}

func (r *Reader) stored(yield func(*Entry, error) bool) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	src, err := r.blob.open(ctx)
	if err != nil {
		yield(nil, r.cause(asProblem(err, Missing, "it can't be opened")))
		return
	}
	var in io.Reader = src
	if r.blob.Size >= 0 {
		// A registry could go on for ever; what is a little too long is read,
		// scanned and then refused.
		most := 2*min(r.blob.Size, 1<<50) + 64<<20
		in = &limitReader{src, most, &Problem{Kind: Limit, Reason: fmt.Sprintf("it is much longer than it should be: reading was ended after %d bytes", most)}}
	}
	stored := newHashReader(in, r.blob.Digest, r.o.Progress)
	br := bufio.NewReaderSize(stored, 128<<10)
	head, _ := br.Peek(32)
	r.sum.Codec = sniff(head)
	var beside stray
	dec, release, err := decompress(ctx, br, r.sum.Codec, r.o.Memory, &beside)
	if err != nil {
		// Still drained and verified below; dec gives the error at once.
		e := err
		dec, release = readerFunc(func([]byte) (int, error) { return 0, e }), func() {}
	}
	bomb := &Problem{Kind: Limit, Reason: fmt.Sprintf("it gives more than %d bytes when decompressed", r.o.MaxBytes), Hint: "raise --max-layer-bytes if this is no bomb"}
	var diff *hashReader
	plain := io.Reader(&limitReader{dec, r.o.MaxBytes, bomb})
	if r.sum.Codec != None {
		diff = newHashReader(plain, "", nil)
		plain = diff
	}
	ahead := newReadAhead(ctx, plain, br)
	defer func() { // in this order: the goroutine uses what is closed
		cancel()
		ahead.close()
		release()
		src.Close()
	}()

	if !r.content(bufio.NewReaderSize(ahead, 64<<10), yield) {
		return
	}
	// Whatever the format's reader left is read too, to the end.
	if _, err := io.Copy(io.Discard, ahead); err != nil && !errors.Is(err, ahead.err) {
		yield(nil, r.cause(asProblem(err, Unreadable, "it can't be read")))
		return
	}
	if !beside.yield(yield) {
		return
	}
	r.sum.Size = stored.n
	r.sum.Digest = stored.digest()
	if diff == nil {
		r.sum.DiffID, r.sum.Bytes = stored.sha256(), stored.n
	} else {
		r.sum.DiffID, r.sum.Bytes = diff.sha256(), diff.n
	}
	r.sum.Whole = ahead.err == nil
	if ahead.err != nil {
		p := *r.cause(asProblem(ahead.err, Unreadable, "it can't be read"))
		if p.Bytes == 0 {
			p.Bytes = ahead.drained
		}
		if !yield(nil, &p) {
			return
		}
	}
	r.verify(ahead.err == nil || ahead.sourceErr == nil, yield)
}

// cause turns what is really an interruption into one.
func (r *Reader) cause(p *Problem) *Problem {
	if r.ctx.Err() != nil && (errors.Is(p, context.Canceled) || errors.Is(p, context.DeadlineExceeded) || p.Kind == Missing || p.Kind == Truncated) {
		return &Problem{Kind: Interrupted, Reason: "the scan was stopped before its end", Err: r.ctx.Err()}
	}
	return p
}

// verify compares what was read with what should have been.
func (r *Reader) verify(complete bool, yield func(*Entry, error) bool) {
	if !complete {
		return // that the end is missing has been said
	}
	for _, p := range r.blob.Verify(r.sum) {
		if !yield(nil, p) {
			return
		}
	}
}

// Verify compares what was read of a blob with what it should be. Reading a
// blob does so too; but one of a stream may be read before it is known what it
// should be.
func (b *Blob) Verify(got Summary) (problems []*Problem) {
	if b.Size >= 0 && got.Size != b.Size {
		kind := Unverified
		if got.Size < b.Size {
			kind = Truncated
		}
		problems = append(problems, &Problem{Kind: kind, Reason: fmt.Sprintf("it has %d bytes, but should have %d", got.Size, b.Size), Bytes: max(0, b.Size-got.Size)})
	}
	if b.Digest != "" && b.Digest != got.Digest {
		reason := fmt.Sprintf("its content hashes to %s, not to %s", got.Digest, b.Digest)
		if alg, _, _ := strings.Cut(b.Digest, ":"); alg != "sha256" && alg != "sha512" {
			reason = fmt.Sprintf("its digest %s can't be checked: only sha256 and sha512 are known", b.Digest)
		}
		problems = append(problems, &Problem{Kind: Unverified, Reason: reason})
	}
	return problems
}

// content yields the entries of the decompressed blob. It reports false if the
// consumer has had enough.
func (r *Reader) content(br *bufio.Reader, yield func(*Entry, error) bool) bool {
	head, _ := br.Peek(blockSize)
	switch {
	case len(head) == 0:
		r.sum.Format = FormatEmpty
		return true
	case isTar(head):
		r.sum.Format = FormatTar
		t := &tarReader{r: br}
		manifest := false
		for e, err := range t.entries() {
			if r.blob.rootfs && e != nil && e.Type == TypeFile && !manifest {
				manifest = e.isManifest()
			}
			if !yield(e, err) {
				return false
			}
		}
		if manifest && r.blob.rootfs && !yield(nil, &Problem{Kind: Unreadable, Reason: "it was read as a tar of files, but looks like an archive of images that begins in an unusual way: what is compressed in it was not read",
			Hint: "save it to a file and scan that"}) {
			return false
		}
		if t.cut != nil {
			return yield(nil, t.cut)
		}
		return true // other errors are the stream's own, and said by the caller
	case isJSON(head) && !r.blob.plain:
		r.sum.Format = FormatJSON
		for e, err := range jsonEntries(br, maxJSON) {
			if !yield(e, err) {
				return false
			}
		}
		return true
	}
	r.sum.Format, r.sum.Foreign = FormatRaw, foreign(head)
	return yield(&Entry{Type: TypeBlob, Size: -1, body: br}, nil)
}

// isManifest reports whether a member looks like the manifest of an archive of
// images. It does not read it.
func (e *Entry) isManifest() bool {
	if e.Name != "manifest.json" && e.Name != "index.json" {
		return false
	}
	br := bufio.NewReaderSize(e.body, 4<<10)
	e.body = br
	head, _ := br.Peek(4 << 10)
	return archiveManifest(e.Name, head)
}

// archiveManifest tells the manifests of archives from other files of their
// names, which are common at the root of web sites.
func archiveManifest(name string, head []byte) bool {
	if name == "index.json" {
		return bytes.Contains(head, []byte(`"manifests"`))
	}
	return bytes.Contains(head, []byte(`"Layers"`)) || bytes.Contains(head, []byte(`"Config"`))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// hashReader counts and hashes what passes through it.
type hashReader struct {
	r        io.Reader
	h256     hash.Hash
	h512     hash.Hash // only where a digest asks for it
	n        int64
	progress func(int64)
}

func newHashReader(r io.Reader, want string, progress func(int64)) *hashReader {
	h := &hashReader{r: r, h256: sha256.New(), progress: progress}
	if strings.HasPrefix(want, "sha512:") {
		h.h512 = sha512.New()
	}
	return h
}

func (h *hashReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.h256.Write(p[:n])
	if h.h512 != nil {
		h.h512.Write(p[:n])
	}
	h.n += int64(n)
	if h.progress != nil && n > 0 {
		h.progress(int64(n))
	}
	return n, err
}

func (h *hashReader) sha256() string { return "sha256:" + hex.EncodeToString(h.h256.Sum(nil)) }

// digest gives the hash in the algorithm that was asked for, if it is known.
func (h *hashReader) digest() string {
	if h.h512 != nil {
		return "sha512:" + hex.EncodeToString(h.h512.Sum(nil))
	}
	return h.sha256()
}

// limitReader ends with a problem where its limit is passed.
type limitReader struct {
	r    io.Reader
	left int64
	over *Problem
}

func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, l.over
	}
	return n, err
}

// readAhead runs the decompressor and both hashes in a goroutine of its own, a
// few chunks in front of the consumer, so that on two cores one large layer is
// decompressed and scanned at the same time. Chunks are handed over by channel only here,
// in pieces of 256 KiB; as a plain io.Reader it costs the consumer nothing to
// use.
type readAhead struct {
	full, free chan []byte
	done       chan struct{} // the goroutine has ended
	cur, rest  []byte

	// Valid once full is closed.
	err       error // what ended the decompressed stream, if not its end
	sourceErr error // what ended the stored stream, if not its end
	drained   int64 // stored bytes that were read but could not be decompressed
}

const (
	aheadChunk  = 256 << 10
	aheadChunks = 4
)

func newReadAhead(ctx context.Context, dec io.Reader, src *bufio.Reader) *readAhead {
	a := &readAhead{full: make(chan []byte, aheadChunks), free: make(chan []byte, aheadChunks), done: make(chan struct{})}
	for range aheadChunks {
		a.free <- nil // allocated when first used: most blobs are small
	}
	go a.run(ctx, dec, src)
	return a
}

func (a *readAhead) run(ctx context.Context, dec io.Reader, src *bufio.Reader) {
	defer close(a.done)
	defer close(a.full)
	defer func() {
		// The decompressors are not ours, and their input is an attacker's.
		if v := recover(); v != nil {
			a.err = &Problem{Kind: Unreadable, Reason: fmt.Sprintf("the decompressor failed: %v", v)}
			a.sourceErr = a.err
		}
	}()
	for {
		var buf []byte
		select {
		case buf = <-a.free:
		case <-ctx.Done():
			a.err, a.sourceErr = ctx.Err(), ctx.Err()
			return
		}
		if buf == nil {
			buf = make([]byte, aheadChunk)
		}
		n, err := readFull(dec, buf)
		if n > 0 {
			select {
			case a.full <- buf[:n]:
			case <-ctx.Done():
				a.err, a.sourceErr = ctx.Err(), ctx.Err()
				return
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			a.err = err
			break
		}
	}
	if ctx.Err() != nil {
		a.err, a.sourceErr = ctx.Err(), ctx.Err()
		return
	}
	// The stored bytes are read to their end whatever happened, for the digest.
	var err error
	a.drained, err = io.Copy(io.Discard, src)
	if err != nil {
		a.sourceErr = err
		if a.err == nil {
			a.err = err
		}
	}
}

// readFull fills buf if it can. It gives io.EOF only with the last bytes or
// none, and any other error with the bytes before it.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

func (a *readAhead) Read(p []byte) (int, error) {
	if len(a.rest) == 0 {
		if a.cur != nil {
			a.free <- a.cur[:cap(a.cur)]
			a.cur = nil
		}
		buf, ok := <-a.full
		if !ok {
			if a.err != nil {
				return 0, a.err
			}
			return 0, io.EOF
		}
		a.cur, a.rest = buf, buf
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// close waits for the goroutine to end. The context must have been cancelled,
// or the stream drained.
func (a *readAhead) close() {
	for range a.full { // let it write what it is about to
	}
	<-a.done
}

// bytesBlob is a blob that is in memory already.
func bytesBlob(id, digest, mediaType string, data []byte) *Blob {
	return &Blob{ID: id, Digest: digest, Size: int64(len(data)), MediaType: mediaType,
		open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}
