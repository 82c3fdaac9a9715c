// Floor does the least that any scanner of images must do: it reads the layers
// of an OCI layout, largest first, as many at a time as there are cores,
// decompresses them with klauspost/compress and takes the SHA-256 of the
// bytes as stored and as decompressed. bench/image.sh compares leakscan to it.
package main

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	dir := filepath.Join(flag.Arg(0), "blobs", "sha256")
	files, err := os.ReadDir(dir)
	if err != nil {
		log.Fatal(err)
	}
	size := func(f os.DirEntry) int64 {
		i, err := f.Info()
		if err != nil {
			log.Fatal(err)
		}
		return i.Size()
	}
	slices.SortFunc(files, func(a, b os.DirEntry) int { return cmp.Compare(size(b), size(a)) })
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range files {
		g.Go(func() error { return read(filepath.Join(dir, f.Name())) })
	}
	if err := g.Wait(); err != nil {
		log.Fatal(err)
	}
}

func read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	stored, plain := sha256.New(), sha256.New()
	br := bufio.NewReaderSize(io.TeeReader(f, stored), 128<<10)
	head, _ := br.Peek(4)
	var r io.Reader
	switch {
	case len(head) == 4 && head[0] == 0x1f && head[1] == 0x8b:
		if r, err = gzip.NewReader(br); err != nil {
			return err
		}
	case string(head) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	default: // stored as it is: one hash is both
		_, err = io.Copy(io.Discard, br)
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{plain}, struct{ io.Reader }{r}, make([]byte, 256<<10))
	if err != nil {
		return fmt.Errorf("%s at byte %d: %w", name, n, err)
	}
	return nil
}
