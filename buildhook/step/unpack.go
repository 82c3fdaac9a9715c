package step

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// maxUnpacked bounds what is read of a compressed file, in bytes.
const maxUnpacked = 256 << 20

// packings are the compressions that are looked into, by their first bytes.
var packings = []struct {
	magic string
	open  func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	}},
	{"\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r, 8<<20) }},
}

// AlsoUnpacked is a file's bytes as they are. If they are compressed (gzip,
// bzip2, zstd or xz), what they hold, up to 256 MiB of it, is given to scan
// beside, which is done when they end.
func AlsoUnpacked(r io.Reader, scan func(io.Reader)) io.Reader {
	br := bufio.NewReader(r)
	head, _ := br.Peek(6)
	for _, p := range packings {
		if !bytes.HasPrefix(head, []byte(p.magic)) {
			continue
		}
		pr, pw := io.Pipe()
		t := &tee{r: br, w: pw, done: make(chan struct{})}
		go func() {
			defer close(t.done)
			if u, err := p.open(pr); err == nil {
				scan(io.LimitReader(u, maxUnpacked))
			}
			io.Copy(io.Discard, pr) // so that nobody waits to write
		}()
		return t
	}
	return br
}

// tee copies what is read, and waits at the end for who reads the copy.
type tee struct {
	r    io.Reader
	w    *io.PipeWriter
	done chan struct{}
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 {
		t.w.Write(p[:n])
	}
	if err != nil {
		t.w.Close()
		<-t.done
	}
	return n, err
}
