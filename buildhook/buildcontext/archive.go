package buildcontext

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

const (
	// maxHeader bounds what is unpacked before the first header of a tar.
	maxHeader = 16 << 20
	// maxWindow bounds the memory that a frame of zstd or xz may ask for.
	maxWindow = 128 << 20
)

// isArchive says whether ADD would unpack the file at an absolute path in the
// context: BuildKit asks whether the first header of a tar can be read, after
// decompression by magic bytes. The name plays no part.
func (c *Context) isArchive(p string) bool {
	f, err := c.OpenFile(p)
	if err != nil {
		return false // BuildKit copies it, too
	}
	defer f.Close()
	return startsTar(f)
}

func startsTar(r io.Reader) bool {
	br := bufio.NewReader(r)
	head, err := br.Peek(10)
	if err != nil && err != io.EOF {
		return false
	}
	r = br
	switch {
	case bytes.HasPrefix(head, []byte("BZh")):
		r = bzip2.NewReader(br)
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B, 0x08}):
		if r, err = gzip.NewReader(br); err != nil {
			return false
		}
	case bytes.HasPrefix(head, []byte{0xFD, '7', 'z', 'X', 'Z', 0}):
		if r, err = xz.NewReader(br, maxWindow); err != nil {
			return false
		}
	case bytes.HasPrefix(head, []byte{0x28, 0xB5, 0x2F, 0xFD}),
		len(head) >= 8 && head[0]&0xF0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2A, 0x4D, 0x18}):
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return false
		}
		defer z.Close()
		r = z
	}
	lr := &io.LimitedReader{R: r, N: maxHeader}
	_, err = tar.NewReader(lr).Next()
	// One that goes on and on with long names and extended headers is a tar.
	return err == nil || lr.N == 0
}
