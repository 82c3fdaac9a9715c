package e2e

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/leakscan/leakscan/internal/testimage"
)

const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// layoutWriter writes an OCI layout; large layers go through it as streams.
type layoutWriter struct {
	t   *testing.T
	dir string
}

func newLayout(t *testing.T, dir string) *layoutWriter {
	w := &layoutWriter{t, dir}
	w.must(os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755))
	return w
}

func (w *layoutWriter) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// path is where a blob lies.
func (w *layoutWriter) path(digest string) string {
	return filepath.Join(w.dir, "blobs/sha256", digest[len("sha256:"):])
}

// blob writes what fill gives it, and describes it.
func (w *layoutWriter) blob(mediaType string, fill func(io.Writer) error) testimage.Blob {
	w.t.Helper()
	f, err := os.CreateTemp(w.dir, "blob")
	w.must(err)
	defer f.Close()
	h := sha256.New()
	b := bufio.NewWriterSize(f, 1<<20)
	w.must(fill(io.MultiWriter(b, h)))
	w.must(b.Flush())
	st, err := f.Stat()
	w.must(err)
	d := testimage.Blob{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(h.Sum(nil)), Size: st.Size()}
	w.must(os.Rename(f.Name(), w.path(d.Digest)))
	return d
}

func (w *layoutWriter) bytes(mediaType string, data []byte) testimage.Blob {
	return w.blob(mediaType, func(out io.Writer) error { _, err := out.Write(data); return err })
}

// layer writes a layer with a codec, and gives its diffID too.
func (w *layoutWriter) layer(codec string, fill func(io.Writer) error) (b testimage.Blob, diffID string) {
	mediaType := ociLayer
	if codec != "none" {
		mediaType += "+" + codec
	}
	plain := sha256.New()
	b = w.blob(mediaType, func(out io.Writer) error {
		c, err := compressor(codec, out)
		if err != nil {
			return err
		}
		if err := fill(io.MultiWriter(c, plain)); err != nil {
			return err
		}
		return c.Close()
	})
	return b, "sha256:" + hex.EncodeToString(plain.Sum(nil))
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func compressor(codec string, out io.Writer) (io.WriteCloser, error) {
	switch codec {
	case "gzip":
		return gzip.NewWriterLevel(out, gzip.BestSpeed)
	case "zstd":
		return zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	}
	return nopCloser{out}, nil
}

// finish writes the manifest and the index.
func (w *layoutWriter) finish(name string, config testimage.Blob, layers []testimage.Blob) (digest string) {
	w.t.Helper()
	m := w.bytes(ociManifest, testimage.JSON(map[string]any{"schemaVersion": 2, "mediaType": ociManifest, "config": config, "layers": layers}))
	if name != "" {
		m.Annotations = map[string]string{"io.containerd.image.name": name}
	}
	w.must(os.WriteFile(filepath.Join(w.dir, "index.json"), testimage.Index(m).Data, 0o644))
	w.must(os.WriteFile(filepath.Join(w.dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
	return m.Digest
}

// layoutOf makes an OCI layout of a saved image.
func layoutOf(t *testing.T, saved, name, codec, dir string) {
	t.Helper()
	w := newLayout(t, dir)
	img, err := tarball.ImageFromPath(saved, nil)
	w.must(err)
	config, err := img.RawConfigFile()
	w.must(err)
	layers, err := img.Layers()
	w.must(err)
	var blobs []testimage.Blob
	for _, l := range layers {
		b, diffID := w.layer(codec, func(out io.Writer) error {
			r, err := l.Uncompressed()
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(out, r)
			return err
		})
		if want, err := l.DiffID(); err != nil || want.String() != diffID {
			t.Fatalf("the saved layer is %s, not %s (%v)", diffID, want, err)
		}
		blobs = append(blobs, b)
	}
	w.finish(name, w.bytes(ociConfig, config), blobs)
}

// archiveOf makes a tar of a directory.
func archiveOf(t *testing.T, dir, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
