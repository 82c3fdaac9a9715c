// Package testimage builds container images in memory: for the tests, and for
// leakscan demo. An [Image] is data; what is made of it is a [Built], which
// can be written as every kind of archive that the world has.
package testimage

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Entry is an entry of a layer. Without a Type it is a regular file, or a
// directory if the name ends in a slash.
type Entry struct {
	Name, Body, Link string
	Type             byte // of archive/tar
	PAX              map[string]string
}

// File is a regular file.
func File(name, body string) Entry { return Entry{Name: name, Body: body} }

// Symlink is a symbolic link.
func Symlink(name, target string) Entry {
	return Entry{Name: name, Link: target, Type: tar.TypeSymlink}
}

// Hardlink is a hard link.
func Hardlink(name, target string) Entry { return Entry{Name: name, Link: target, Type: tar.TypeLink} }

// Whiteout deletes a path of the layers below.
func Whiteout(name string) Entry {
	dir, base := filepath.Split(name)
	return Entry{Name: dir + ".wh." + base}
}

// Opaque hides what the layers below have in a directory.
func Opaque(dir string) Entry { return Entry{Name: dir + "/.wh..wh..opq"} }

// Tar makes an uncompressed layer.
func Tar(entries ...Entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.Name, Linkname: e.Link, Typeflag: e.Type, Mode: 0o644, Size: int64(len(e.Body)), PAXRecords: e.PAX}
		if e.Type == 0 {
			h.Typeflag = tar.TypeReg
			if strings.HasSuffix(e.Name, "/") {
				h.Typeflag, h.Mode = tar.TypeDir, 0o755
			}
		}
		if len(e.PAX) > 0 {
			h.Format = tar.FormatPAX
		}
		must(w.WriteHeader(h))
		_, err := w.Write([]byte(e.Body))
		must(err)
	}
	must(w.Close())
	return b.Bytes()
}

func must(err error) {
	if err != nil {
		panic(err) // the test's own data is wrong
	}
}

// Gzip compresses data, split into so many members.
func Gzip(data []byte, members int) []byte {
	var b bytes.Buffer
	for i := range members {
		lo, hi := len(data)*i/members, len(data)*(i+1)/members
		w := gzip.NewWriter(&b)
		_, err := w.Write(data[lo:hi])
		must(err)
		must(w.Close())
	}
	return b.Bytes()
}

// Zstd compresses data in two frames, with a skippable frame before them and
// one between, as seekable formats have.
func Zstd(data []byte) []byte {
	w, err := zstd.NewWriter(nil)
	must(err)
	defer w.Close()
	skip := append([]byte{0x51, 0x2a, 0x4d, 0x18, 5, 0, 0, 0}, "hello"...)
	out := slices.Clone(skip)
	out = append(out, w.EncodeAll(data[:len(data)/2], nil)...)
	out = append(out, skip...)
	return append(out, w.EncodeAll(data[len(data)/2:], nil)...)
}

// Zip makes a zip whose members have their sizes behind them, as Go and Java write
// it. The method is one of archive/zip.
func Zip(method uint16, entries ...Entry) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		m, err := w.CreateHeader(&zip.FileHeader{Name: e.Name, Method: method})
		must(err)
		_, err = m.Write([]byte(e.Body))
		must(err)
	}
	must(w.Close())
	return b.Bytes()
}

// Deb makes a Debian package of its members: an ar archive.
func Deb(members ...Entry) []byte {
	b := []byte("!<arch>\n")
	for _, m := range append([]Entry{File("debian-binary", "2.0\n")}, members...) {
		b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m.Name, 0, 0, 0, "100644", len(m.Body), m.Body)
		if len(m.Body)%2 == 1 {
			b = append(b, '\n')
		}
	}
	return b
}

// Cpio makes a cpio in the new ASCII form. An entry with a Link is a symbolic one.
func Cpio(entries ...Entry) []byte {
	var b []byte
	pad := func() {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	for i, e := range append(entries, File("TRAILER!!!", "")) {
		mode := 0o100644
		switch {
		case e.Link != "":
			mode, e.Body = 0o120777, e.Link
		case strings.HasSuffix(e.Name, "/"):
			mode, e.Name = 0o040755, strings.TrimSuffix(e.Name, "/")
		}
		b = fmt.Appendf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", i, mode, 0, 0, 1, 0, len(e.Body), 0, 0, 0, 0, len(e.Name)+1, 0, e.Name)
		pad()
		b = append(b, e.Body...)
		pad()
	}
	return b
}

// RPM makes an RPM package of its payload, which is compressed.
func RPM(payload []byte) []byte {
	b := append([]byte("\xed\xab\xee\xdb\x03\x00"), make([]byte, 90)...)
	for _, data := range []int{5, 7} {
		b = append(b, "\x8e\xad\xe8\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00"...)
		b = append(b, byte(data))
		b = append(b, make([]byte, 2*16+data)...)
		if data == 5 {
			b = append(b, 0, 0, 0) // the signatures are padded to 8
		}
	}
	return append(b, payload...)
}

// Zlib compresses, as git does its objects.
func Zlib(data []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := w.Write(data)
	must(err)
	must(w.Close())
	return b.Bytes()
}

// Pack makes a pack of git's, with blobs.
func Pack(blobs ...[]byte) []byte {
	b := append([]byte("PACK\x00\x00\x00\x02\x00\x00\x00"), byte(len(blobs)))
	for _, blob := range blobs {
		c, size := byte(3<<4|len(blob)&15), len(blob)>>4
		for ; size > 0; size >>= 7 {
			b = append(b, c|0x80)
			c = byte(size & 0x7f)
		}
		b = append(append(b, c), Zlib(blob)...)
	}
	return append(b, make([]byte, 20)...)
}

// Digest is the sha256 of data.
func Digest(data []byte) string {
	h := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(h[:])
}

// Layer is a layer with the instruction that made it.
type Layer struct {
	CreatedBy string
	Entries   []Entry
	Raw       []byte // in place of Entries: the blob as it is stored
	Empty     bool   // no layer, only a history entry
}

// Image is what a build would make.
type Image struct {
	Name      string // repo:tag
	Arch      string // "": amd64
	Layers    []Layer
	Env       []string
	Labels    map[string]string
	Cmd       []string
	Compress  string         // gzip (the default), zstd, none
	NoHistory bool           // as squashed images have it
	Extra     map[string]any // further fields of the config
}

// Blob is content with its descriptor.
type Blob struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    map[string]string `json:"platform,omitempty"`
	Data        []byte            `json:"-"`
}

// NewBlob describes data.
func NewBlob(mediaType string, data []byte) Blob {
	return Blob{MediaType: mediaType, Digest: Digest(data), Size: int64(len(data)), Data: data}
}

// Built is an image with all its blobs.
type Built struct {
	Name     string
	Manifest Blob
	Config   Blob
	Layers   []Blob
	DiffIDs  []string
	Plain    [][]byte // the layers decompressed
}

// Build makes the blobs.
func (img Image) Build() *Built {
	b := &Built{Name: img.Name}
	arch := img.Arch
	if arch == "" {
		arch = "amd64"
	}
	var history []map[string]any
	for _, l := range img.Layers {
		h := map[string]any{"created": "2026-01-02T03:04:05Z", "created_by": l.CreatedBy}
		if l.Empty {
			h["empty_layer"] = true
			history = append(history, h)
			continue
		}
		history = append(history, h)
		plain := Tar(l.Entries...)
		stored, mediaType := plain, "application/vnd.oci.image.layer.v1.tar"
		switch {
		case l.Raw != nil:
			stored, mediaType = l.Raw, mediaType+"+gzip"
		case img.Compress == "zstd":
			stored, mediaType = Zstd(plain), mediaType+"+zstd"
		case img.Compress != "none":
			stored, mediaType = Gzip(plain, 1), mediaType+"+gzip"
		}
		b.Plain = append(b.Plain, plain)
		b.DiffIDs = append(b.DiffIDs, Digest(plain))
		b.Layers = append(b.Layers, NewBlob(mediaType, stored))
	}
	cfg := map[string]any{
		"architecture": arch, "os": "linux", "created": "2026-01-02T03:04:05Z",
		"config": map[string]any{"Env": img.Env, "Labels": img.Labels, "Cmd": img.Cmd},
		"rootfs": map[string]any{"type": "layers", "diff_ids": b.DiffIDs},
	}
	if !img.NoHistory {
		cfg["history"] = history
	}
	for k, v := range img.Extra {
		cfg[k] = v
	}
	b.Config = NewBlob("application/vnd.oci.image.config.v1+json", JSON(cfg))
	b.Seal(nil)
	return b
}

// Seal makes the manifest anew, after the config or the layers were changed.
func (b *Built) Seal(annotations map[string]string) {
	m := map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": b.Config, "layers": b.Layers}
	if annotations != nil {
		m["annotations"] = annotations
	}
	b.Manifest = NewBlob("application/vnd.oci.image.manifest.v1+json", JSON(m))
}

// JSON encodes v, which can be encoded.
func JSON(v any) []byte {
	data, err := json.Marshal(v)
	must(err)
	return data
}

// Index makes an index of manifests.
func Index(manifests ...Blob) Blob {
	return NewBlob("application/vnd.oci.image.index.v1+json", JSON(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}))
}

// Attestation makes the attestation manifest of an image as BuildKit attaches
// it, with its statement; extra are the blobs it consists of.
func Attestation(subject Blob, statement []byte) (manifest Blob, extra []Blob) {
	layer := NewBlob("application/vnd.in-toto+json", statement)
	layer.Annotations = map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}
	config := NewBlob("application/vnd.oci.image.config.v1+json", []byte(`{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":["`+layer.Digest+`"]}}`))
	manifest = NewBlob("application/vnd.oci.image.manifest.v1+json", JSON(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []Blob{layer}}))
	manifest.Platform = map[string]string{"os": "unknown", "architecture": "unknown"}
	manifest.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject.Digest}
	return manifest, []Blob{config, layer}
}

// Blobs are all blobs of the image, the manifest last.
func (b *Built) Blobs() []Blob { return append(append([]Blob{b.Config}, b.Layers...), b.Manifest) }

// Legacy writes docker save's form of before version 25: a directory a layer,
// where a layer that occurs again is a symbolic link.
func Legacy(images ...*Built) []byte {
	var entries []Entry
	var manifest []map[string]any
	seen := map[string]string{}
	for n, b := range images {
		var layers []string
		for i, plain := range b.Plain {
			id := strings.TrimPrefix(Digest(fmt.Appendf(nil, "%d/%d/%s", n, i, b.DiffIDs[i])), "sha256:")
			name := id + "/layer.tar"
			entries = append(entries, File(id+"/", ""), File(id+"/VERSION", "1.0"), File(id+"/json", "{}"))
			if first, ok := seen[b.DiffIDs[i]]; ok {
				entries = append(entries, Symlink(name, "../"+first))
			} else {
				seen[b.DiffIDs[i]] = name
				entries = append(entries, File(name, string(plain)))
			}
			layers = append(layers, name)
		}
		config := strings.TrimPrefix(b.Config.Digest, "sha256:") + ".json"
		entries = append(entries, File(config, string(b.Config.Data)))
		manifest = append(manifest, map[string]any{"Config": config, "RepoTags": []string{b.Name}, "Layers": layers})
	}
	entries = append(entries, File("manifest.json", string(JSON(manifest))), File("repositories", "{}"))
	return Tar(entries...)
}

func blobName(b Blob) string { return "blobs/" + strings.Replace(b.Digest, ":", "/", 1) }

// DockerArchive writes docker save's form since version 25: blobs by digest,
// with both manifests.
func DockerArchive(images ...*Built) []byte {
	var roots, blobs []Blob
	var manifest []map[string]any
	for _, b := range images {
		m := b.Manifest
		m.Annotations = map[string]string{"io.containerd.image.name": b.Name}
		roots = append(roots, m)
		blobs = append(blobs, b.Blobs()...)
		var layers []string
		for _, l := range b.Layers {
			layers = append(layers, blobName(l))
		}
		manifest = append(manifest, map[string]any{"Config": blobName(b.Config), "RepoTags": []string{b.Name}, "Layers": layers})
	}
	entries := layout(Index(roots...), blobs)
	return Tar(append(entries, File("manifest.json", string(JSON(manifest))))...)
}

func layout(index Blob, blobs []Blob) []Entry {
	var entries []Entry
	slices.SortFunc(blobs, func(a, b Blob) int { return strings.Compare(a.Digest, b.Digest) })
	blobs = slices.CompactFunc(blobs, func(a, b Blob) bool { return a.Digest == b.Digest })
	for _, b := range blobs {
		entries = append(entries, File(blobName(b), string(b.Data)))
	}
	return append(entries, File("index.json", string(index.Data)), File("oci-layout", `{"imageLayoutVersion":"1.0.0"}`))
}

// OCIArchive writes an OCI layout as a tar.
func OCIArchive(index Blob, blobs ...Blob) []byte { return Tar(layout(index, blobs)...) }

// OCIDir writes an OCI layout into a directory.
func OCIDir(dir string, index Blob, blobs ...Blob) error {
	for _, e := range layout(index, blobs) {
		p := filepath.Join(dir, e.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(e.Body), 0o644); err != nil {
			return err
		}
	}
	return nil
}
