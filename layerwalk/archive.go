package layerwalk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// An archive is a tar that holds images: what `docker save` wrote before
// version 25 (<id>/layer.tar and manifest.json), what it writes since
// (blobs/sha256/… with both manifest.json and an OCI index), an OCI layout in
// a tar, and the like of podman, skopeo, buildx and crane.
//
// A file that is not compressed is read at random, so that its blobs can be
// read in parallel. Anything else is a stream: documents are kept, all else
// goes past once, and what it was is known at the end.
type archive struct {
	src     *Source
	o       Options
	members map[string]member
	docs    map[string][]byte // of a stream: the members that look like JSON
	kept    int64
	file    *os.File // of an archive at random
	seen    map[string]bool
}

type member struct {
	typ    EntryType
	off    int64 // of the contents in the file
	size   int64
	target string // of a link: the member it leads to
}

// archiveMember matches the names of members by which an archive of images
// can be told from any other tar, before its manifest has been seen.
var archiveMember = regexp.MustCompile(`^(blobs|blobs/.*|oci-layout|index\.json|manifest\.json|repositories|(sha256:)?[0-9a-f]{64}(\.json|\.tar|\.tar\.gz|/|/json|/VERSION|/layer\.tar)?|[0-9a-f]{12,64}\.tar\.gz)$`)

// repeated matches what `docker save` adds for engines of before 2016: it
// repeats the config and is no part of any image.
var repeated = regexp.MustCompile(`^(repositories|[0-9a-f]{64}/(json|VERSION)|oci-layout|manifest\.json|index\.json)$`)

// looksLikeArchive looks at the first names of a tar.
func looksLikeArchive(head []byte) bool {
	t := &tarReader{r: bufio.NewReader(bytes.NewReader(head))}
	for e, err := range t.entries() {
		if err != nil {
			return false
		}
		if !archiveMember.MatchString(e.Name) {
			return false
		}
		if e.Type == TypeFile {
			return true
		}
	}
	return false
}

// openArchive opens a file as the kind of archive that was asked for, or, for
// "", as whatever it is: an archive of images, a tar of files, a plain file.
func openArchive(kind Kind) func(context.Context, string, Options) (*Source, error) {
	return func(ctx context.Context, name string, o Options) (*Source, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, errors.New(pathReason(err))
		}
		src, err := archiveFromFile(ctx, f, name, kind, o)
		if err != nil {
			f.Close()
			return nil, err
		}
		return src, nil
	}
}

func archiveFromFile(ctx context.Context, f *os.File, name string, kind Kind, o Options) (*Source, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fmt.Errorf("it is a directory, not an archive")
	}
	if !st.Mode().IsRegular() { // a pipe: <(docker save …)
		return archiveFromStream(ctx, f, name, kind, o, f)
	}
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if sniff(head[:n]) != None {
		return archiveFromStream(ctx, f, name, kind, o, f)
	}
	if !isTar(head[:n]) {
		if kind == "" && n > 0 && !archiveName(name) {
			return fileSource(f, name)
		}
		return nil, notArchive(head[:n])
	}
	src := &Source{Kind: kind, Detail: name, closers: []io.Closer{f}}
	a := &archive{src: src, o: o, file: f, members: map[string]member{}, seen: map[string]bool{}}
	if err := a.scan(st.Size()); err != nil {
		src.problems = append(src.problems, err)
	}
	if kind == "" && len(a.members) == 0 && allZero(head[:n]) {
		return nil, &hintError{errors.New(emptyArchive), archiveHint}
	}
	if kind == "" && !a.hasManifest() && !looksLikeArchive(firstBlocks(f)) {
		return fileSource(f, name) // a root file system, as docker export writes it
	}
	a.resolve(ctx)
	src.collect()
	return src, nil
}

func notArchive(head []byte) error {
	what := "it is no tar archive"
	if len(head) == 0 {
		what = "it is empty"
	} else if f := foreign(head); f != "" {
		what = "it is " + f + ", not a tar archive"
	}
	return &hintError{errors.New(what), archiveHint}
}

const emptyArchive = "it is a tar archive with nothing in it"

const archiveHint = "An archive is what docker save, podman save, skopeo copy or buildx -o type=oci write; file: scans any single file."

// archiveName reports whether a file is named as archives are: one that is none is
// what is left of a save that failed, and not a file to be scanned as it is.
func archiveName(name string) bool {
	name = strings.ToLower(filepath.Base(name))
	if strings.HasSuffix(name, ".tar") || strings.HasSuffix(name, ".tgz") {
		return true
	}
	return strings.HasSuffix(strings.TrimSuffix(name, path.Ext(name)), ".tar") // .tar.gz, .tar.zst
}

// openStdin reads "-".
func openStdin(ctx context.Context, _ string, o Options) (*Source, error) {
	in := o.Stdin
	if in == nil {
		in = os.Stdin
	}
	return archiveFromStream(ctx, in, "standard input", "", o, nil)
}

// archiveFromStream reads an archive that can be read only once.
func archiveFromStream(ctx context.Context, in io.Reader, name string, kind Kind, o Options, closer io.Closer) (*Source, error) {
	br := bufio.NewReaderSize(&ctxReader{ctx: ctx, r: in}, 64<<10)
	head, err := br.Peek(512)
	if len(head) == 0 {
		if err != nil && err != io.EOF {
			return nil, err
		}
		return nil, notArchive(nil)
	}
	src := &Source{Kind: kind, Detail: name, Sequential: true}
	if closer != nil {
		src.closers = append(src.closers, closer)
	}
	if codec := sniff(head); codec != None {
		dec, release, err := decompress(ctx, br, codec, nil, &stray{})
		if err != nil {
			return nil, err
		}
		src.closers = append(src.closers, closerFunc(release))
		br = bufio.NewReaderSize(dec, 256<<10)
		head, err = br.Peek(512)
		if len(head) == 0 && err != nil && err != io.EOF {
			return nil, err
		}
	}
	if !isTar(head) {
		if kind == "" && len(head) > 0 && src.Detail != "standard input" && !archiveName(name) {
			src.stream = oneBlob(src, br, name, true) // a compressed file
			src.Kind = File
			return src, nil
		}
		return nil, notArchive(head)
	}
	head, _ = br.Peek(64 << 10)
	if kind == "" && len(head) < 64<<10 && allZero(head) {
		return nil, &hintError{errors.New(emptyArchive), archiveHint}
	}
	if kind == "" && !looksLikeArchive(head) {
		src.Kind = File
		src.stream = oneBlob(src, br, name, false)
		return src, nil
	}
	a := &archive{src: src, o: o, members: map[string]member{}, docs: map[string][]byte{}, seen: map[string]bool{}}
	src.stream = func(ctx context.Context, yield func(*Blob, error) bool) { a.stream(ctx, br, yield) }
	return src, nil
}

// oneBlob is a stream that is itself the only layer.
func oneBlob(src *Source, r io.Reader, name string, plain bool) func(context.Context, func(*Blob, error) bool) {
	return func(ctx context.Context, yield func(*Blob, error) bool) {
		b := onceBlob(filepath.Base(name), r, -1)
		b.plain = plain
		b.rootfs = !plain
		src.images = []*Image{{Layers: []Layer{{Blob: b, Tar: !plain}}}}
		yield(b, nil)
	}
}

// onceBlob is a blob that can be opened once, now.
func onceBlob(id string, r io.Reader, size int64) *Blob {
	return &Blob{ID: id, Size: size, open: func(context.Context) (io.ReadCloser, error) {
		if r == nil {
			return nil, errors.New("the stream has gone past it")
		}
		rc := io.NopCloser(r)
		r = nil
		return rc, nil
	}}
}

type closerFunc func()

func (f closerFunc) Close() error { f(); return nil }

// ctxReader ends when its context does, also in the middle of a read of a pipe
// that nobody writes to: the reading is done by a goroutine, which such a read
// leaves behind.
type ctxReader struct {
	ctx  context.Context
	r    io.Reader
	next chan []byte // asks for a read
	got  chan ctxRead
	buf  []byte
	rest []byte
	err  error
}

type ctxRead struct {
	n   int
	err error
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if c.next == nil {
		c.next, c.got, c.buf = make(chan []byte, 1), make(chan ctxRead, 1), make([]byte, 256<<10)
		go func() {
			for b := range c.next {
				n, err := c.r.Read(b)
				c.got <- ctxRead{n, err}
			}
		}()
	}
	if len(c.rest) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		c.next <- c.buf
		select {
		case g := <-c.got:
			c.rest, c.err = c.buf[:g.n], g.err
		case <-c.ctx.Done():
			c.err = c.ctx.Err()
		}
		if c.err != nil {
			close(c.next)
			if len(c.rest) == 0 {
				return 0, c.err
			}
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// scan indexes the members of a file without reading their contents.
func (a *archive) scan(size int64) *Problem {
	br := bufio.NewReaderSize(nil, 4<<10)
	for off := int64(0); off < size; {
		br.Reset(io.NewSectionReader(a.file, off, size-off))
		t := &tarReader{r: br, noWhiteouts: true}
		e, err := t.next()
		if err == io.EOF && t.closed {
			return nil
		}
		if err == io.EOF {
			break
		}
		if err != nil || e == nil {
			return &Problem{Kind: Unreadable, Blob: a.src.Detail, Reason: fmt.Sprintf("the archive is damaged at byte %d: %v", off, err), Bytes: size - off,
				Hint: "write the archive again; what comes before the damage was scanned"}
		}
		if e.Type == TypeUnparsed || e.Type == TypeHeader { // behind the end marker, or in front of it
			a.note(&Entry{Name: fmt.Sprintf("(bytes at %d)", off), Type: TypeFile, Size: size - off}, off)
			return nil
		}
		body := off + t.off
		next := body
		if e.body != nil {
			next += (e.Size + blockSize - 1) &^ (blockSize - 1)
		}
		a.note(e, body)
		if e.Size > size-body {
			return &Problem{Kind: Truncated, Blob: e.Name, Reason: fmt.Sprintf("the archive ends %d bytes before the end of it", body+e.Size-size), Bytes: body + e.Size - size}
		}
		off = next
	}
	return a.unclosed()
}

// unclosed is the problem of an archive that ends well, but without an end
// marker: it was cut between two members. Every writer of archives makes one;
// layers may lack it, but they have digests.
func (a *archive) unclosed() *Problem {
	return &Problem{Kind: Truncated, Blob: a.src.Detail, Reason: "the archive has no end marker: it was cut off", Hint: "write the archive again"}
}

func (a *archive) note(e *Entry, off int64) {
	m := member{typ: e.Type, off: off, size: e.Size}
	switch e.Type {
	case TypeSymlink:
		m.target = CleanPath(path.Join(path.Dir(e.Name), e.Linkname))
	case TypeHardlink:
		m.target = e.Linkname
	case TypeFile:
	default:
		return
	}
	if _, ok := a.members[e.Name]; ok {
		a.src.problems = append(a.src.problems, &Problem{Kind: Unreadable, Blob: e.Name, Reason: "the archive has two members of this name: only the last was read"})
	}
	if len(a.members) == maxMembers {
		a.src.problems = append(a.src.problems, &Problem{Kind: Limit, Blob: a.src.Detail, Reason: fmt.Sprintf("the archive has more than %d members: the rest are not read", maxMembers)})
	}
	if len(a.members) <= maxMembers {
		a.members[e.Name] = m
	}
}

// maxMembers bounds the members of an archive that are kept in mind.
const maxMembers = 100_000

// find follows links: old docker save writes a layer that stands in two images
// once, and a symbolic link to it.
func (a *archive) find(name string) (string, member, bool) {
	for range 10 {
		m, ok := a.members[name]
		if !ok {
			return name, m, false
		}
		if m.typ == TypeFile {
			return name, m, true
		}
		name = m.target
	}
	return name, member{}, false
}

// hasManifest reports whether a file has a manifest that is one.
func (a *archive) hasManifest() bool {
	for _, name := range []string{"manifest.json", "index.json"} {
		if _, m, ok := a.find(name); ok {
			head := make([]byte, min(m.size, 4<<10))
			if n, _ := a.file.ReadAt(head, m.off); archiveManifest(name, head[:n]) {
				return true
			}
		}
	}
	return false
}

// firstBlocks is the beginning of a file.
func firstBlocks(f *os.File) []byte {
	head := make([]byte, 64<<10)
	n, _ := f.ReadAt(head, 0) // an error shows when it is read
	return head[:n]
}

// stream goes through an archive once. Documents are kept.
func (a *archive) stream(ctx context.Context, br *bufio.Reader, yield func(*Blob, error) bool) {
	t := &tarReader{r: br, noWhiteouts: true}
	for e, err := range t.entries() {
		if err != nil {
			p := asProblem(err, Unreadable, "the archive is damaged")
			a.src.problems = append(a.src.problems, &Problem{Kind: p.Kind, Blob: a.src.Detail, Reason: p.Reason})
			continue
		}
		if e.Type == TypeUnparsed {
			e.Name, e.Type = fmt.Sprintf("(bytes at %d)", t.off), TypeFile
		}
		a.note(e, 0)
		if e.Type != TypeFile {
			continue
		}
		body := bufio.NewReaderSize(e, 64<<10)
		head, _ := body.Peek(512)
		b := onceBlob(e.Name, body, max(e.Size, -1))
		b.Digest = digestOfName(e.Name)
		if isJSON(head) && !isTar(head) && e.Size >= 0 && e.Size <= maxDocument && a.kept+e.Size <= maxDocTotal {
			data, err := io.ReadAll(body)
			if err != nil {
				break // t.err says it
			}
			a.kept += e.Size
			a.docs[e.Name] = data
			b = bytesBlob(e.Name, b.Digest, "", data)
		}
		if repeated.MatchString(e.Name) && e.Name != "index.json" {
			continue
		}
		if !yield(b, nil) {
			return
		}
	}
	if ctx.Err() != nil {
		a.src.problems = append(a.src.problems, &Problem{Kind: Interrupted, Blob: a.src.Detail, Reason: "the scan was stopped before its end", Err: ctx.Err()})
	} else if t.err != nil {
		p := asProblem(t.err, Truncated, "the archive can't be read to its end")
		if t.cut != nil {
			p = t.cut
		}
		a.src.problems = append(a.src.problems, &Problem{Kind: p.Kind, Blob: a.src.Detail, Reason: p.Reason, Hint: p.Hint, Bytes: p.Bytes, Err: t.err})
	}
	if ctx.Err() == nil && t.err == nil && !t.closed {
		a.src.problems = append(a.src.problems, a.unclosed())
	}
	a.resolve(context.WithoutCancel(ctx))
}

// digestOfName gives the digest that a member of an OCI layout has by its
// name; "" for others.
func digestOfName(name string) string {
	f := strings.Split(name, "/")
	if len(f) == 3 && f[0] == "blobs" {
		return f[1] + ":" + f[2]
	}
	return ""
}

func nameOfDigest(digest string) string {
	return "blobs/" + strings.Replace(digest, ":", "/", 1)
}

// read gives a document that is a member.
func (a *archive) read(name string, limit int64) ([]byte, error) {
	real, m, ok := a.find(name)
	if !ok {
		return nil, &Problem{Kind: Missing, Blob: name, Reason: "it is not in the archive"}
	}
	a.seen[real] = true
	if m.size > limit {
		return nil, &Problem{Kind: Limit, Blob: name, Reason: fmt.Sprintf("it has %d bytes; a document may have %d", m.size, limit)}
	}
	if a.file == nil {
		data, ok := a.docs[real]
		if !ok {
			return nil, &Problem{Kind: Unreadable, Blob: name, Reason: "it is no JSON document"}
		}
		return data, nil
	}
	data := make([]byte, m.size)
	if _, err := a.file.ReadAt(data, m.off); err != nil {
		return nil, &Problem{Kind: Truncated, Blob: name, Reason: fmt.Sprintf("it can't be read: %v", err), Err: err}
	}
	return data, nil
}

// blob gives a member as a blob.
func (a *archive) blob(name, digest, mediaType string, size int64) *Blob {
	real, m, ok := a.find(name)
	a.seen[real] = true
	b := &Blob{ID: real, Digest: digest, Size: size, MediaType: mediaType}
	switch {
	case !ok:
		b.open = func(context.Context) (io.ReadCloser, error) {
			return nil, &Problem{Kind: Missing, Reason: "it is not in the archive", Bytes: max(size, 0)}
		}
	case a.docs[real] != nil:
		b.open = bytesBlob("", "", "", a.docs[real]).open
	case a.file == nil:
		b.open = func(context.Context) (io.ReadCloser, error) {
			return nil, errors.New("the stream has gone past it")
		}
	default:
		if b.Size < 0 {
			b.Size = m.size
		}
		b.open = func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(a.file, m.off, m.size)), nil
		}
	}
	return b
}

// resolve finds the images, once the members are known.
func (a *archive) resolve(ctx context.Context) {
	_, _, oci := a.find("index.json")
	_, _, docker := a.find("manifest.json")
	names := map[string]string{} // config member -> repo tags
	var entries []dockerManifest
	if docker {
		data, err := a.read("manifest.json", maxManifest)
		if err == nil {
			err = json.Unmarshal(data, &entries)
		}
		if err != nil {
			a.src.problems = append(a.src.problems, &Problem{Kind: Unreadable, Blob: "manifest.json", Reason: fmt.Sprintf("it can't be read: %v", err), Err: err})
		}
		for _, e := range entries {
			real, _, _ := a.find(CleanPath(e.Config))
			names[real] = strings.Trim(names[real]+", "+strings.Join(e.RepoTags, ", "), ", ")
		}
	}
	if oci {
		a.layout(ctx)
	}
	if a.src.Kind == "" || a.src.Kind == DockerArchive || a.src.Kind == OCIArchive {
		a.src.Kind = DockerArchive
		if oci && !docker {
			a.src.Kind = OCIArchive
		}
	}
	known := map[string]bool{} // configs of the index, and with their layers those of manifest.json
	built := map[string]bool{} // configs of manifest.json
	for _, img := range a.src.images {
		if img.Config != nil {
			known[img.Config.ID] = true
			if n := names[img.Config.ID]; n != "" {
				img.Name = n
			}
		}
	}
	for _, e := range entries {
		real, _, _ := a.find(CleanPath(e.Config))
		// One that the index has for another platform is left out only if
		// that was asked for.
		key := real + " " + strings.Join(e.Layers, " ")
		if !known[real] && !known[key] && (a.o.Platform == "" || !a.seen[real] || built[real]) {
			known[key], built[real] = true, true
			a.dockerImage(e)
		}
	}
	if !oci && !docker && a.src.Kind != File {
		a.src.problems = append(a.src.problems, &Problem{Kind: Missing, Blob: a.src.Detail, Reason: "the archive has no manifest.json and no index.json",
			Hint: "its blobs were scanned all the same, but which layer of which image they are is not known"})
	}
	for _, name := range slices.Sorted(maps.Keys(a.members)) {
		if m := a.members[name]; m.typ == TypeFile && !a.seen[name] && !repeated.MatchString(name) {
			b := a.blob(name, digestOfName(name), "", -1)
			if m.size > 0 {
				b.Size = m.size
			}
			a.src.orphans = append(a.src.orphans, b)
		}
	}
}

// layout resolves the OCI half of an archive.
func (a *archive) layout(ctx context.Context) {
	data, err := a.read("index.json", maxManifest)
	if err != nil {
		a.src.problems = append(a.src.problems, asProblem(err, Unreadable, "index.json"))
		return
	}
	g := &graph{src: a.src, o: a.o,
		read: func(_ context.Context, d descriptor, limit int64) ([]byte, error) {
			return a.read(nameOfDigest(d.Digest), limit)
		},
		blob: func(d descriptor) *Blob { return a.blob(nameOfDigest(d.Digest), d.Digest, d.MediaType, d.Size) },
		have: func(d descriptor) bool { _, _, ok := a.find(nameOfDigest(d.Digest)); return ok },
		reach: func(d descriptor) {
			if real, _, ok := a.find(nameOfDigest(d.Digest)); ok {
				a.seen[real] = true
			}
		},
	}
	layoutIndex(ctx, g, data)
	// Documents keep the names of their members as IDs: that is what they were
	// scanned under.
	for _, img := range a.src.images {
		for _, b := range slices.Concat(img.Indexes, []*Blob{img.Manifest}, img.Attestations) {
			if b != nil && b.ID != "index.json" {
				if real, _, ok := a.find(nameOfDigest(b.Digest)); ok {
					b.ID = real
				}
			}
		}
	}
}

// dockerManifest is an entry of docker save's manifest.json.
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (a *archive) dockerImage(e dockerManifest) {
	img := &Image{Name: strings.Join(e.RepoTags, ", ")}
	a.src.images = append(a.src.images, img)
	name := CleanPath(e.Config)
	img.Config = a.blob(name, digestOfName(name), "", -1)
	img.ConfigDigest = img.Config.Digest
	if h := strings.TrimPrefix(strings.TrimSuffix(path.Base(name), ".json"), "sha256:"); len(h) == 64 {
		img.ConfigDigest = "sha256:" + h
		img.Config.Digest = img.ConfigDigest
	}
	var cfg *configFile
	data, err := a.read(name, maxDocument)
	if err != nil {
		p := asProblem(err, Missing, "the config can't be read")
		if p.Kind == Unreadable {
			p = &Problem{Kind: Unreadable, Reason: "the config is no JSON document"}
		}
		img.Problems = append(img.Problems, &Problem{Kind: p.Kind, Blob: name, Reason: p.Reason})
	} else {
		cfg = img.parseConfig(data)
	}
	for _, l := range e.Layers {
		l = CleanPath(l)
		if len(img.Layers) == maxLayers {
			img.Problems = append(img.Problems, &Problem{Kind: Limit, Blob: "manifest.json", Reason: fmt.Sprintf("%d layers: only the first %d are read", len(e.Layers), maxLayers)})
			break
		}
		img.Layers = append(img.Layers, Layer{Blob: a.blob(l, digestOfName(l), "", -1), Tar: true})
	}
	img.join(cfg)
}
