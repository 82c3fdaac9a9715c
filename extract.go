package leakscan

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/leakscan/leakscan/layerwalk"
)

// maxCapture bounds what Extract keeps in memory for a stream, of which it is
// known only at the end which layer was asked for.
const maxCapture = 256 << 20

// target names something in an image: BLOB or BLOB:PATH.
type target struct {
	layer  int    // from 1; 0: not by number
	doc    string // config, manifest, index
	digest string // of a blob, as stored or decompressed; may be cut short
	path   string // of an entry, or a field of a document; "": the whole blob
}

var targetForm = regexp.MustCompile(`(?s)^(?:(\d+)|(config|manifest|index)|(sha(?:256|512):[0-9a-f]{6,}))(?::(.*))?$`)

func parseTarget(s string) (target, error) {
	m := targetForm.FindStringSubmatch(s)
	if m == nil {
		return target{}, fmt.Errorf("%q is no place in an image: want LAYER:PATH, where LAYER is a number from 1 or a digest, or config, manifest or index", s)
	}
	t := target{doc: m[2], digest: m[3], path: m[4]}
	if m[1] != "" {
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 1 {
			return target{}, fmt.Errorf("%q: layers are counted from 1", s)
		}
		t.layer = n
	}
	return t, nil
}

// Extract writes one file, field, layer or document of an image to w: what a
// finding's extract command names. what is "LAYER:PATH", "LAYER",
// "config[:FIELD]", "manifest[:FIELD]", "index[:FIELD]" or "DIGEST[:PATH]",
// LAYER a number from 1 or a digest. PATH may lead into an archive, as in
// "2:/opt/app.jar!/config.yaml". A file that stands in the layer several
// times is written as often. Without a path a layer is written decompressed.
func Extract(ctx context.Context, ref, what string, o layerwalk.Options, w io.Writer) error {
	if _, err := parseTarget(what); err != nil { // before anything is fetched
		return err
	}
	src, err := layerwalk.Open(ctx, ref, o)
	if err != nil {
		return err
	}
	defer src.Close()
	return ExtractFrom(ctx, src, what, w)
}

func (t target) String() string {
	s := t.doc + t.digest
	if t.layer > 0 {
		s = strconv.Itoa(t.layer)
	}
	if t.path != "" {
		s += ":" + t.path
	}
	return s
}

// ExtractFrom is Extract for a source that is open already.
func ExtractFrom(ctx context.Context, src *layerwalk.Source, what string, w io.Writer) error {
	t, err := parseTarget(what)
	if err != nil {
		return err
	}
	var held map[string]*capture
	if src.Sequential {
		held = capturePath(ctx, src, t)
	}
	b, err := findBlob(src, t)
	if err != nil {
		return err
	}
	c := held[b.ID]
	if t.path == "" {
		if c != nil && src.Sequential && t.doc == "" {
			return fmt.Errorf("%s: a stream can't give a whole layer: save it to a file first", src.Ref)
		}
		rc, err := b.Content(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", blobWords(src, t, b), err)
		}
		defer rc.Close()
		if _, err := io.Copy(w, rc); err != nil {
			return fmt.Errorf("%s: %w", blobWords(src, t, b), err)
		}
		return nil
	}
	if c == nil {
		c = &capture{w: w}
		walkPath(ctx, b, t.path, c)
		if c.found == 0 && c.link != "" {
			link := c.link
			c = &capture{w: w}
			walkPath(ctx, b, link, c)
		}
	} else if c.err == nil {
		if _, err := c.buf.WriteTo(w); err != nil {
			return err
		}
	}
	switch {
	case c.err != nil:
		return fmt.Errorf("%s: %s: %w", blobWords(src, t, b), t.path, c.err)
	case c.found > 0:
		return nil
	case c.link != "":
		return fmt.Errorf("%q is a hard link to %q: extract that", t.path, c.link)
	}
	return fmt.Errorf("there is no %s in %s%s", t.path, blobWords(src, t, b), elsewhere(ctx, src, t, b, held))
}

// blobWords is a blob as people name it: layer 5 of 6, the config.
func blobWords(src *layerwalk.Source, t target, b *layerwalk.Blob) string {
	if t.doc != "" {
		return "the " + t.doc
	}
	if img := onlyImage(src); img != nil {
		n := t.layer // another may have the same bytes
		if n == 0 {
			n = 1 + slices.IndexFunc(img.Layers, func(l layerwalk.Layer) bool { return l.Blob.ID == b.ID })
		}
		if n > 0 {
			return fmt.Sprintf("layer %d of %d", n, len(img.Layers))
		}
	}
	return cmp.Or(t.digest, b.ID)
}

// onlyImage is the image of a source that has one; nil: it has more.
func onlyImage(src *layerwalk.Source) *layerwalk.Image {
	images := withoutOrphans(src.Images())
	if len(images) != 1 {
		return nil
	}
	return images[0]
}

// withoutOrphans leaves out what belongs to no image, if there is one.
func withoutOrphans(images []*layerwalk.Image) []*layerwalk.Image {
	return slices.DeleteFunc(slices.Clone(images), func(i *layerwalk.Image) bool { return i.Orphan && len(images) > 1 })
}

// elsewhere says which other layers have the path, in which a blob has nothing.
func elsewhere(ctx context.Context, src *layerwalk.Source, t target, b *layerwalk.Blob, held map[string]*capture) string {
	img := onlyImage(src)
	if img == nil || t.doc != "" {
		return ""
	}
	var found []string
	for k, l := range img.Layers {
		c := held[l.Blob.ID]
		if c == nil && !src.Sequential {
			c = &capture{w: io.Discard}
			if l.Blob.ID != b.ID {
				walkPath(ctx, l.Blob, t.path, c)
			}
		}
		if c != nil && (c.found > 0 || c.link != "") {
			found = append(found, strconv.Itoa(k+1))
		}
	}
	switch n := len(found); n {
	case 0:
		return ""
	case 1:
		return "; it is in layer " + found[0]
	default:
		return "; it is in the layers " + strings.Join(found[:n-1], ", ") + " and " + found[n-1]
	}
}

// capture is the contents of the entries of one path in one blob.
type capture struct {
	w     io.Writer // nil: buf
	buf   bytes.Buffer
	limit *int64 // what may still be buffered, over all blobs
	found int
	link  string
	err   error
}

func (c *capture) Write(p []byte) (int, error) {
	if c.w != nil {
		return c.w.Write(p)
	}
	if *c.limit -= int64(len(p)); *c.limit < 0 {
		c.buf = bytes.Buffer{}
		return 0, errors.New("it is too large to be taken out of a stream: save the image to a file first")
	}
	return c.buf.Write(p)
}

// capturePath goes through a stream and keeps what every blob has at the path:
// which of them is meant is known at its end.
func capturePath(ctx context.Context, src *layerwalk.Source, t target) map[string]*capture {
	held := map[string]*capture{}
	limit := int64(maxCapture)
	for b := range src.Blobs(ctx) {
		c := &capture{limit: &limit}
		if t.doc != "" || t.path == "" {
			held[b.ID] = c
			continue
		}
		walkPath(ctx, b, t.path, c)
		held[b.ID] = c
	}
	if t.doc != "" { // documents are in memory
		return nil
	}
	return held
}

// walkPath writes the contents of the entries with a path to c.
func walkPath(ctx context.Context, b *layerwalk.Blob, path string, c *capture) {
	r := b.Read(ctx, layerwalk.ReadOptions{})
	clean := layerwalk.CleanPath(path)
	for e, err := range r.Entries() {
		if err != nil {
			var p *layerwalk.Problem
			if errors.As(err, &p) && p.Kind != layerwalk.Unverified && c.found == 0 {
				c.err = err // kept if the path does not turn up after it
			}
			continue
		}
		if inside, ok := strings.CutPrefix(clean, text(e.Name)+layerwalk.Inside); ok {
			switch e.Type {
			case layerwalk.TypeFile, layerwalk.TypeBlob:
				extractInside(ctx, e, clean, c)
				continue
			case layerwalk.TypeHardlink:
				c.link = e.Linkname + layerwalk.Inside + inside
				continue
			}
		}
		if e.Name != path && text(e.Name) != path && e.Name != clean && text(e.Name) != clean {
			continue
		}
		switch e.Type {
		case layerwalk.TypeDir, layerwalk.TypeDevice, layerwalk.TypeOpaque, layerwalk.TypeHeader:
			continue
		case layerwalk.TypeHardlink:
			if e.Size == 0 {
				c.link = e.Linkname
				continue
			}
		case layerwalk.TypeSymlink:
			_, c.err = io.WriteString(c, e.Linkname)
			c.found++
			continue
		case layerwalk.TypeWhiteout:
			if e.Size == 0 {
				continue
			}
		}
		c.found++
		if c.err = writeEntry(c, e); c.err != nil {
			return
		}
	}
}

// extractInside writes the files of a path in an archive.
func extractInside(ctx context.Context, e *layerwalk.Entry, path string, c *capture) {
	var u layerwalk.Unpacker
	for f := range u.Files(ctx, e.Name, e, e.Size) {
		if text(f.Name) != path {
			continue
		}
		switch f.Type {
		case layerwalk.TypeSymlink:
			_, c.err = io.WriteString(c, f.Linkname)
			c.found++
			continue
		case layerwalk.TypeFile:
		default:
			continue
		}
		c.found++
		if c.err = writeEntry(c, f); c.err != nil {
			return
		}
	}
	if c.found == 0 && !u.Whole() {
		c.err = errors.New("it could not be unpacked to its end")
	}
}

// writeEntry writes the contents of an entry, a sparse file with its holes.
func writeEntry(w io.Writer, e *layerwalk.Entry) error {
	if e.Sparse == nil {
		_, err := io.Copy(w, e)
		return err
	}
	at := int64(0)
	for _, s := range e.Sparse {
		if err := zeros(w, s.Offset-at); err != nil {
			return err
		}
		n, err := io.CopyN(w, e, s.Length)
		if err != nil {
			return err
		}
		at = max(at, s.Offset) + n
	}
	return zeros(w, e.RealSize-at)
}

func zeros(w io.Writer, n int64) error {
	var block [32 << 10]byte
	for n > 0 {
		m, err := w.Write(block[:min(n, int64(len(block)))])
		if err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}

// findBlob finds what a target names among the images of a source.
func findBlob(src *layerwalk.Source, t target) (*layerwalk.Blob, error) {
	images := src.Images()
	if len(images) == 0 {
		for _, p := range src.Problems() {
			return nil, fmt.Errorf("%s: %w", src.Ref, p)
		}
		return nil, fmt.Errorf("%s: no image was found in it", src.Ref)
	}
	if t.digest != "" {
		for _, img := range images {
			for _, l := range img.Layers {
				if l.DiffID != "" && strings.HasPrefix(l.DiffID, t.digest) {
					return l.Blob, nil
				}
			}
			for _, b := range blobsOf(img) {
				if strings.HasPrefix(b.Digest, t.digest) {
					return b, nil
				}
			}
		}
		return nil, fmt.Errorf("%s has no blob %s", src.Ref, t.digest)
	}
	images = withoutOrphans(images)
	if len(images) > 1 {
		return nil, fmt.Errorf("%s holds %d images: name the layer by its digest, or choose one with --platform", src.Ref, len(images))
	}
	img := images[0]
	var b *layerwalk.Blob
	switch {
	case t.layer > len(img.Layers):
		return nil, fmt.Errorf("%s has %d layers, so none with number %d", src.Ref, len(img.Layers), t.layer)
	case t.layer > 0:
		return img.Layers[t.layer-1].Blob, nil
	case t.doc == "config":
		b = img.Config
	case t.doc == "manifest":
		b = img.Manifest
	case t.doc == "index" && len(img.Indexes) > 0:
		b = img.Indexes[len(img.Indexes)-1]
	}
	if b == nil {
		return nil, fmt.Errorf("%s has no %s", src.Ref, t.doc)
	}
	return b, nil
}
