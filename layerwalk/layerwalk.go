// Package layerwalk reads container images: it yields every file of every
// layer, the files that later layers delete included, the config with its
// history, the manifests, and the attestations that an index attaches.
//
//	src, err := layerwalk.Open(ctx, "myapp:1.4", layerwalk.Options{})
//	for blob, err := range src.Blobs(ctx) {
//		r := blob.Read(ctx, layerwalk.ReadOptions{})
//		for entry, err := range r.Entries() {
//			... entry.Name, io.Copy(…, entry)
//		}
//		... r.Summary().Digest
//	}
//	for _, img := range src.Images() {
//		... img.Layers[k].Blob.ID, img.Layers[k].Instruction
//	}
//
// A blob is read once, however many images share it; what it means is said by
// the images. That order also serves a stream, such as the output of `docker
// save`, whose manifest comes last: nothing is put on disk, and nothing is
// read twice.
//
// What can't be read or verified is a [Problem]. It is yielded in the place of
// what it is about and never ends a walk.
package layerwalk

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// Kind is a kind of source; it is also the prefix that asks for it.
type Kind string

// The kinds of source.
const (
	Docker        Kind = "docker"
	Podman        Kind = "podman"
	Containerd    Kind = "containerd"
	Registry      Kind = "registry"
	DockerArchive Kind = "docker-archive"
	OCIArchive    Kind = "oci-archive"
	OCIDir        Kind = "oci-dir"
	Dir           Kind = "dir"
	File          Kind = "file"
)

// Kinds lists all kinds, in the order in which the help shows them.
func Kinds() []Kind {
	return []Kind{Docker, Podman, Containerd, Registry, DockerArchive, OCIArchive, OCIDir, Dir, File}
}

// Options say how a reference is opened. The zero value works.
type Options struct {
	// Platform is "os/arch" or "os/arch/variant"; "all"; or "" for linux on
	// the architecture of this machine, else the first that there is.
	Platform string
	// Insecure allows plain HTTP and unverified TLS to registries that are
	// not on this machine.
	Insecure bool
	// Stdin is what "-" reads; nil: os.Stdin.
	Stdin io.Reader
	// Getenv looks up the environment; nil: os.Getenv.
	Getenv func(string) string
	// Keychain gives registry credentials; nil: those of docker and podman.
	Keychain authn.Keychain
	// Transport talks to registries; nil: one with timeouts.
	Transport http.RoundTripper
	// UserAgent is sent to registries and daemons.
	UserAgent string
}

func (o Options) getenv(k string) string {
	if o.Getenv != nil {
		return o.Getenv(k)
	}
	return os.Getenv(k)
}

// Validate tells whether the options can work at all. Open does so too.
func (o Options) Validate() error {
	_, err := parsePlatform(o.Platform)
	return err
}

func (o Options) defaultPlatform() string { return "linux/" + runtime.GOARCH }

// Source is an opened reference: where it was found, its blobs and its images.
type Source struct {
	Ref    string    // as it was given
	Kind   Kind      // which source had it
	Detail string    // socket, host or path
	Tried  []Attempt // sources that were asked first

	// Sequential says that the blobs come in a stream: each must be read
	// before the next is asked for, and Images is complete only at the end.
	Sequential bool

	images   []*Image
	orphans  []*Blob
	problems []*Problem
	notes    []string
	blobs    []*Blob // of a source that is not sequential
	stream   func(ctx context.Context, yield func(*Blob, error) bool)
	closers  []io.Closer
}

// Image is one platform of one image.
type Image struct {
	Name         string // in an archive or a daemon; "" if the reference says it all
	Platform     string // os/arch[/variant] of the config
	Digest       string // of the manifest; "" if the source has none
	ConfigDigest string
	Manifest     *Blob   // nil if the source has none
	Indexes      []*Blob // the indexes that led to it, outermost first
	Config       *Blob   // nil if there is none
	Layers       []Layer
	History      []History
	Attestations []*Blob // the manifests and the statements attached to this image
	Problems     []*Problem
	Notes        []string
	Orphan       bool // no image, but the blobs of an archive that no image claims
}

// Layer is one layer of an image.
type Layer struct {
	Blob        *Blob
	DiffID      string // what the config says its content hashes to; "" if it does not
	Instruction string // the history entry that made it, as [Instruction] puts it; "" if not known
	Tar         bool   // it should be one: false for an artifact of another type
}

// Blobs yields every blob of the source once: the largest first, or as they
// come if the source is sequential. An error is a *Problem about the source.
func (s *Source) Blobs(ctx context.Context) iter.Seq2[*Blob, error] {
	return func(yield func(*Blob, error) bool) {
		if s.Sequential {
			s.stream(ctx, yield)
			return
		}
		for _, b := range s.blobs {
			if !yield(b, nil) {
				return
			}
		}
	}
}

// Images gives the images of the source, and last, if there are any, the
// blobs that belong to none as an image of their own. For a sequential source
// it must be called after Blobs.
func (s *Source) Images() []*Image {
	images := s.images
	if len(s.orphans) > 0 {
		o := &Image{Name: "(blobs that belong to no image)", Orphan: true}
		for _, b := range s.orphans {
			o.Layers = append(o.Layers, Layer{Blob: b})
		}
		images = append(slices.Clip(images), o)
	}
	return images
}

// Problems gives what is wrong with the source as a whole.
func (s *Source) Problems() []*Problem { return s.problems }

// Notes gives what a reader should know about the source, such as platforms
// that were not chosen.
func (s *Source) Notes() []string { return s.notes }

// Close frees what the source holds.
func (s *Source) Close() error {
	var first error
	for _, c := range s.closers {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.closers = nil
	return first
}

// collect makes the list of blobs from the images, each once, largest first.
func (s *Source) collect() {
	seen := map[string]bool{}
	add := func(b *Blob) {
		if b != nil && !seen[b.ID] {
			seen[b.ID] = true
			s.blobs = append(s.blobs, b)
		}
	}
	for _, img := range s.images {
		for _, b := range img.Indexes {
			add(b)
		}
		add(img.Manifest)
		add(img.Config)
		for _, l := range img.Layers {
			add(l.Blob)
		}
		for _, a := range img.Attestations {
			add(a)
		}
	}
	for _, b := range s.orphans {
		add(b)
	}
	slices.SortStableFunc(s.blobs, func(a, b *Blob) int {
		switch {
		case a.Size > b.Size:
			return -1
		case a.Size < b.Size:
			return 1
		}
		return 0
	})
}

// SplitRef takes the prefix off a reference: "docker:alpine" gives Docker and
// "alpine". Without a known prefix the kind is "".
func SplitRef(ref string) (Kind, string) {
	for _, k := range Kinds() {
		if rest, ok := strings.CutPrefix(ref, string(k)+":"); ok {
			return k, rest
		}
	}
	return "", ref
}

// Open finds a reference. With a prefix only that source is asked; "-" is
// standard input; else a file or directory of that name, then docker, podman,
// containerd and the registry. If none has it, the error is an *OpenError that
// lists what each of them said.
func Open(ctx context.Context, ref string, o Options) (*Source, error) {
	kind, rest := SplitRef(ref)
	if rest == "" {
		return nil, &OpenError{Ref: ref, Tried: []Attempt{{Kind: kind, Reason: "the reference is empty"}}}
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	type opener struct {
		kind Kind
		open func(context.Context, string, Options) (*Source, error)
	}
	daemons := []opener{{Docker, openDocker}, {Podman, openPodman}, {Containerd, openContainerd}, {Registry, openRegistry}}
	var try []opener
	switch {
	case ref == "-":
		try = []opener{{"stdin", openStdin}}
	case kind == DockerArchive, kind == OCIArchive:
		try = []opener{{kind, openArchive(kind)}}
	case kind == OCIDir:
		try = []opener{{kind, openOCIDir}}
	case kind == Dir:
		try = []opener{{kind, openDir}}
	case kind == File:
		try = []opener{{kind, openFile}}
	case kind != "":
		i := slices.IndexFunc(daemons, func(o opener) bool { return o.kind == kind })
		try = daemons[i : i+1]
	default:
		if st, err := os.Stat(rest); err == nil {
			try = []opener{{File, openArchive("")}}
			if st.IsDir() {
				try = []opener{{Dir, openDir}}
				if _, err := os.Stat(filepath.Join(rest, "index.json")); err == nil {
					try = []opener{{OCIDir, openOCIDir}}
				}
			}
		} else if looksLikePath(rest) {
			return nil, &OpenError{Ref: ref, Tried: []Attempt{{Kind: File, Reason: pathReason(err), Err: err}}}
		} else {
			try = daemons
		}
	}
	e := &OpenError{Ref: ref}
	for _, t := range try {
		src, err := t.open(ctx, rest, o)
		if err == nil {
			src.Ref, src.Tried = ref, e.Tried
			return src, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", ref, ctx.Err())
		}
		a := Attempt{Kind: t.kind, Reason: err.Error(), Err: err}
		if h, ok := err.(*hintError); ok {
			a.Reason, e.Hint = h.Error(), h.hint
		}
		e.Tried = append(e.Tried, a)
	}
	return nil, e
}

// looksLikePath tells what can only be meant as a file: it must not be looked
// for on the network when it does not exist.
func looksLikePath(ref string) bool {
	return strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../") || filepath.IsAbs(ref) ||
		strings.HasPrefix(ref, "~") || strings.HasSuffix(ref, ".tar") || strings.HasSuffix(ref, ".tar.gz") || strings.HasSuffix(ref, ".tgz")
}

func pathReason(err error) string {
	if os.IsNotExist(err) {
		return "no such file or directory"
	}
	return err.Error()
}

// hintError is an error that knows what the user can do.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
