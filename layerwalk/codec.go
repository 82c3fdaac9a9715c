package layerwalk

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/leakscan/leakscan/internal/inflate"
	"github.com/therootcompany/xz"
	"golang.org/x/sync/semaphore"
)

// Codec is how a blob is compressed.
type Codec string

// The codecs that can be read.
const (
	None  Codec = "none"
	Gzip  Codec = "gzip"
	Zstd  Codec = "zstd"
	Bzip2 Codec = "bzip2"
	XZ    Codec = "xz"
)

// sniff tells the codec by the first bytes of a blob, never by its media type
// or name, which are often wrong and can be chosen by an attacker.
func sniff(b []byte) Codec {
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}): // RFC 1952
		return Gzip
	case bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878
		return Zstd
	case len(b) >= 4 && b[0]&0xf0 == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18: // RFC 8878, skippable frame
		return Zstd
	case bytes.HasPrefix(b, []byte("BZh")) && len(b) >= 10 && (bytes.Equal(b[4:10], []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}) || bytes.Equal(b[4:10], []byte{0x17, 0x72, 0x45, 0x38, 0x50, 0x90})):
		return Bzip2
	case bytes.HasPrefix(b, []byte{0xfd, '7', 'z', 'X', 'Z', 0}): // xz file format 1.2.0
		return XZ
	}
	return None
}

// foreign names compressions that can be recognised but not read, for the
// error. "" if b looks like none of them.
func foreign(b []byte) string {
	for _, f := range []struct{ magic, name string }{
		{"\x04\x22\x4d\x18", "lz4"},
		{"\x02\x21\x4c\x18", "lz4 (legacy)"},
		{"\x89LZO\x00\r\n\x1a\n", "lzop"},
		{"\x1f\x9d", "compress (.Z)"},
		{"\x5d\x00\x00", "lzma"},
		{"LZIP", "lzip"},
		{"\xff\x06\x00\x00sNaPpY", "snappy"},
		{"PK\x03\x04", "zip"},
		{"7z\xbc\xaf\x27\x1c", "7z"},
		{"hsqs", "squashfs"},
	} {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return f.name
		}
	}
	return ""
}

const (
	// maxWindow is the largest zstd window and xz dictionary that is
	// accepted: what `zstd --long=27` writes and `zstd -d` reads without being
	// asked to.
	maxWindow = 128 << 20
	// freeWindow is what every decoder may take without asking: zstd's
	// levels up to 19 stay within it.
	freeWindow = 8 << 20
)

// Memory is a budget of decompression windows that the blobs read at the same
// time share: ten layers with windows of 128 MiB wait for each other.
type Memory struct{ sem *semaphore.Weighted }

// NewMemory makes a budget for windows over 8 MiB; smaller ones are free. Less
// than 128 MiB counts as 128 MiB, which one blob can ask for.
func NewMemory(bytes int64) *Memory {
	return &Memory{semaphore.NewWeighted(max(bytes, maxWindow))}
}

func (m *Memory) take(ctx context.Context, n int64) (release func(), err error) {
	if m == nil || n <= freeWindow {
		return func() {}, nil
	}
	n = min(n, maxWindow)
	if err := m.sem.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { m.sem.Release(n) }, nil
}

// decompress reads br as codec. The reader reads br to its very end, so that
// its digest is that of the whole blob. close frees what it holds.
// beside gets what decompresses to nothing.
func decompress(ctx context.Context, br *bufio.Reader, codec Codec, mem *Memory, beside *stray) (r io.Reader, close func(), err error) {
	switch codec {
	case None:
		return br, func() {}, nil
	case Gzip:
		z, err := newGzip(br, beside)
		if err != nil {
			return nil, nil, codecProblem(codec, err)
		}
		return &codecReader{codec: codec, r: z, src: br}, func() {}, nil
	case Bzip2:
		return &codecReader{codec: codec, r: bzip2.NewReader(br), src: br}, func() {}, nil
	case XZ:
		release, err := mem.take(ctx, xzWindow(br))
		if err != nil {
			return nil, nil, err
		}
		z, err := xz.NewReader(br, maxWindow)
		if err != nil {
			release()
			return nil, nil, codecProblem(codec, err)
		}
		return &codecReader{codec: codec, r: z, src: br}, release, nil
	case Zstd:
		release, err := mem.take(ctx, zstdWindow(br))
		if err != nil {
			return nil, nil, err
		}
		z, err := zstd.NewReader(&zstdFrames{r: br, stray: beside},
			zstd.WithDecoderConcurrency(1), // one goroutine a layer uses less CPU than the pipelined form
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow),
			zstd.WithDecoderMaxMemory(maxWindow*2))
		if err != nil {
			release()
			return nil, nil, codecProblem(codec, err)
		}
		return &codecReader{codec: codec, r: z, src: br}, func() { z.Close(); release() }, nil
	}
	return nil, nil, &Problem{Kind: Unreadable, Reason: "unknown codec " + string(codec)}
}

// zstdWindow gives the window of the first frame that is no skippable one, as
// far as it can be seen. Frames after it may ask for more; they rarely differ.
func zstdWindow(br *bufio.Reader) int64 {
	b, _ := br.Peek(br.Size())
	for len(b) > 0 {
		var h zstd.Header
		if err := h.Decode(b); err != nil {
			return maxWindow // can't tell: assume the worst
		}
		if !h.Skippable {
			if h.SingleSegment {
				return int64(min(h.FrameContentSize, maxWindow))
			}
			return int64(min(h.WindowSize, maxWindow))
		}
		n := h.HeaderSize + int(h.SkippableSize)
		if n > len(b) {
			return maxWindow
		}
		b = b[n:]
	}
	return 0
}

// xzWindow gives the dictionary size of the first block, whose header may state its
// sizes, as xz -T writes it. LZMA2 encodes it in one byte (xz file format 1.2.0, 3.1
// and 5.3.1); anything unusual counts as the most.
func xzWindow(br *bufio.Reader) int64 {
	b, _ := br.Peek(12 + 2 + 2*binary.MaxVarintLen64 + 3) // stream header; block header: size, flags, two sizes, a filter
	if len(b) < 12+2 || b[13]&0x3f != 0 {                 // one filter
		return maxWindow
	}
	flags, b := b[13], b[14:]
	for _, stated := range []byte{0x40, 0x80} {
		if flags&stated != 0 {
			_, n := binary.Uvarint(b)
			if n <= 0 {
				return maxWindow
			}
			b = b[n:]
		}
	}
	if len(b) < 3 || b[0] != 0x21 || b[1] != 1 || b[2] >= 40 {
		return maxWindow
	}
	return min((2|int64(b[2]&1))<<(b[2]/2+11), maxWindow)
}

// gzipReader reads all members of a gzip stream. It walks from member to
// member itself, because the library reads ten bytes of what follows before it
// says that they are no member.
type gzipReader struct {
	z      *inflate.Reader
	src    *bufio.Reader
	beside *stray
}

func newGzip(src *bufio.Reader, beside *stray) (*gzipReader, error) {
	z, err := inflate.NewReader(src)
	if err != nil {
		return nil, err
	}
	g := &gzipReader{z, src, beside}
	g.member()
	return g, nil
}

// member begins a member, whose header has been read.
func (g *gzipReader) member() {
	g.beside.add("gzip name", []byte(g.z.Header().Name))
	g.beside.add("gzip comment", []byte(g.z.Header().Comment))
	g.beside.add("gzip extra field", g.z.Header().Extra)
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for {
		n, err := g.z.Read(p)
		if err != io.EOF || n > 0 {
			if err == io.EOF {
				err = nil // it says so again
			}
			return n, err
		}
		b, err := g.src.Peek(2)
		if len(b) == 0 || b[0] == 0 { // the end, or the padding with zeros that gzip(1) ignores too
			for err == nil && b[0] == 0 {
				g.src.Discard(1)
				b, err = g.src.Peek(1)
			}
			if err != nil {
				return 0, err
			}
		}
		if sniff(b) != Gzip {
			return 0, errTrailing
		}
		if err := g.z.Next(); err != nil {
			return 0, err
		}
		g.member()
	}
}

var errTrailing = errors.New("other bytes follow it")

// codecReader turns the errors of a decompressor into problems, and sees to it
// that nothing is left behind the compressed data.
type codecReader struct {
	codec Codec
	r     io.Reader
	src   *bufio.Reader
	err   error
}

func (c *codecReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	if err == io.EOF {
		if _, perr := c.src.Peek(1); perr == nil {
			err = errTrailing
		} else if perr != io.EOF {
			err = perr
		}
	}
	if err != nil && err != io.EOF {
		err = codecProblem(c.codec, err)
	}
	c.err = err
	return n, err
}

// codecProblem says what a decompressor's error means. Errors of the source
// come through as they are.
func codecProblem(c Codec, err error) error {
	var p *Problem
	switch {
	case errors.As(err, &p), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), err == io.EOF, errors.Is(err, xz.ErrBuf):
		return &Problem{Kind: Truncated, Reason: fmt.Sprintf("the %s data breaks off", c), Err: err}
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, xz.ErrMemlimit):
		return &Problem{Kind: Limit, Reason: fmt.Sprintf("its %s window is over %d MiB", c, maxWindow>>20), Err: err}
	case err == errTrailing:
		return &Problem{Kind: Unreadable, Reason: fmt.Sprintf("bytes that are not %s follow the %s data", c, c), Err: err}
	}
	return &Problem{Kind: Unreadable, Reason: fmt.Sprintf("damaged %s data: %v", c, err), Err: err}
}
