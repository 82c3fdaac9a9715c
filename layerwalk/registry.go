package layerwalk

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Manifests and blobs are fetched by hand, over the authenticated transport of
// go-containerregistry: its own readers can't resume, hide a wrong digest in
// the last error and read a config without a bound.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md
type registry struct {
	client *http.Client
	repo   name.Repository
	agent  string
}

const (
	registryTries = 3
	// registryReopens bounds how often one blob is resumed.
	registryReopens = 50
	// stallTimeout is how long a registry may send nothing. Slow is fine.
	stallTimeout = 60 * time.Second
)

var manifestTypes = strings.Join([]string{
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5",
	"application/json;q=0.4",
}, ", ")

func openRegistry(ctx context.Context, ref string, o Options) (*Source, error) {
	opts := []name.Option{name.WeakValidation}
	if o.Insecure {
		opts = append(opts, name.Insecure)
	}
	r, err := name.ParseReference(ref, opts...)
	if err != nil {
		if strings.Contains(ref, "@") { // which may have a password before it
			return nil, errors.New("it is no valid reference")
		}
		return nil, fmt.Errorf("it is no valid reference: %w", err)
	}
	host := r.Context().RegistryStr()
	keychain := o.Keychain
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	auth, err := authn.Resolve(ctx, keychain, r.Context())
	if err != nil {
		return nil, fmt.Errorf("the credentials for %s can't be read: %w", host, err)
	}
	base := o.Transport
	if base == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = stallTimeout
		t.DisableCompression = true // a blob's digest is that of the bytes as they come
		if o.Insecure {
			t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		}
		base = t
	}
	rt, err := transport.NewWithContext(ctx, r.Context().Registry, auth, base, []string{r.Context().Scope(transport.PullScope)})
	if err != nil {
		return nil, registryError(host, err)
	}
	reg := &registry{client: &http.Client{Transport: rt}, repo: r.Context(), agent: o.UserAgent}
	src := &Source{Kind: Registry, Detail: host}
	// The root is fetched now, so that a missing image is an error, not a gap.
	data, mediaType, err := reg.document(ctx, "manifests", r.Identifier(), maxManifest)
	if err != nil {
		return nil, registryError(host, err)
	}
	root := descriptor{MediaType: mediaType, Digest: sha256Digest(data), Size: int64(len(data))}
	if d, ok := r.(name.Digest); ok {
		root.Digest = d.DigestStr()
	}
	g := &graph{src: src, o: o,
		read: func(ctx context.Context, d descriptor, limit int64) ([]byte, error) {
			if d.Digest == root.Digest {
				return data, nil
			}
			if !validDigest.MatchString(d.Digest) { // it goes into a URL
				return nil, &Problem{Kind: Unreadable, Reason: "it is no valid digest"}
			}
			kind := "blobs"
			if isManifest(d.MediaType) {
				kind = "manifests"
			}
			data, _, err := reg.document(ctx, kind, d.Digest, limit)
			if err != nil {
				return nil, registryError(host, err)
			}
			return data, nil
		},
		blob: reg.blob,
	}
	g.add(ctx, root, "")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	src.collect()
	return src, nil
}

func isManifest(mediaType string) bool {
	return strings.Contains(mediaType, "manifest") || strings.Contains(mediaType, "image.index")
}

func sha256Digest(data []byte) string {
	h := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(h[:])
}

// get asks for a manifest or a blob from byte off on. It tries again where
// that can help.
func (r *registry) get(ctx context.Context, kind, id string, off int64) (*http.Response, error) {
	url := fmt.Sprintf("%s://%s/v2/%s/%s/%s", r.repo.Scheme(), r.repo.RegistryStr(), r.repo.RepositoryStr(), kind, id)
	for try := 1; ; try++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept-Encoding", "identity")
		if kind == "manifests" {
			req.Header.Set("Accept", manifestTypes)
		}
		if r.agent != "" {
			req.Header.Set("User-Agent", r.agent)
		}
		if off > 0 {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", off))
		}
		resp, err := r.client.Do(req)
		var wait time.Duration
		if err == nil {
			err = transport.CheckError(resp, http.StatusOK, http.StatusPartialContent)
			if err == nil {
				return resp, nil
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode < 500 {
				return nil, err
			}
			if s, aerr := strconv.Atoi(resp.Header.Get("Retry-After")); aerr == nil {
				wait = min(time.Duration(s)*time.Second, 30*time.Second)
			}
		}
		if try == registryTries || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-time.After(max(wait, time.Duration(try*try)*500*time.Millisecond)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// document fetches something small and whole.
func (r *registry) document(ctx context.Context, kind, id string, limit int64) (data []byte, mediaType string, err error) {
	resp, err := r.get(ctx, kind, id, 0)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	data, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &Problem{Kind: Limit, Reason: fmt.Sprintf("it has more than %d bytes", limit)}
	}
	return data, resp.Header.Get("Content-Type"), err
}

func (r *registry) blob(d descriptor) *Blob {
	size := d.Size
	if size <= 0 && size != -1 {
		size = 0
	}
	return &Blob{ID: d.Digest, Digest: d.Digest, Size: size, MediaType: d.MediaType, open: func(ctx context.Context) (io.ReadCloser, error) {
		if !validDigest.MatchString(d.Digest) {
			return nil, &Problem{Kind: Unreadable, Reason: "it is no valid digest"}
		}
		b := &registryBody{ctx: ctx, r: r, d: d, size: size}
		if err := b.open(); err != nil {
			p := registryProblem(r.repo.RegistryStr(), err)
			p.Bytes = max(0, d.Size)
			if len(d.URLs) > 0 {
				p.Reason += "; it is a foreign layer, kept at " + d.URLs[0]
			}
			return nil, p
		}
		return b, nil
	}}
}

// registryBody reads a blob. When the connection breaks or stalls it goes on
// from where it was.
type registryBody struct {
	ctx    context.Context
	r      *registry
	d      descriptor
	size   int64
	off    int64
	tries  int // without a byte
	opened int // in all
	body   io.ReadCloser
	stop   context.CancelFunc
	stall  *time.Timer
}

func (b *registryBody) open() error {
	ctx, cancel := context.WithCancel(b.ctx)
	resp, err := b.r.get(ctx, "blobs", b.d.Digest, b.off)
	var te *transport.Error
	if b.off > 0 && errors.As(err, &te) && te.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		resp, err = b.r.get(ctx, "blobs", b.d.Digest, 0) // it knows no ranges, and says so
	}
	if err != nil {
		cancel()
		return err
	}
	if resp.StatusCode == http.StatusPartialContent && !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", b.off)) {
		resp.Body.Close() // not from where it was asked to
		if resp, err = b.r.get(ctx, "blobs", b.d.Digest, 0); err != nil {
			cancel()
			return err
		}
	}
	b.body, b.stop = resp.Body, cancel
	b.stall = time.AfterFunc(stallTimeout, cancel)
	if resp.StatusCode == http.StatusOK && b.off > 0 { // it knows no ranges
		if _, err := io.CopyN(io.Discard, readerFunc(b.read), b.off); err != nil {
			b.Close()
			return err
		}
	}
	return nil
}

func (b *registryBody) Read(p []byte) (int, error) {
	for {
		n, err := b.read(p)
		b.off += int64(n)
		if n > 0 {
			b.tries = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if err == io.EOF && (b.size < 0 || b.off >= b.size) {
			return 0, io.EOF
		}
		if b.ctx.Err() != nil {
			return 0, b.ctx.Err()
		}
		b.opened++
		if b.tries++; b.tries >= registryTries || b.opened >= registryReopens {
			if err == io.EOF {
				return 0, io.EOF // shorter than the manifest says, which the verification reports
			}
			return 0, registryProblem(b.r.repo.RegistryStr(), err)
		}
		b.Close()
		for err := b.open(); err != nil; err = b.open() {
			b.opened++
			if b.tries++; b.tries >= registryTries || b.opened >= registryReopens || b.ctx.Err() != nil {
				return 0, registryProblem(b.r.repo.RegistryStr(), err)
			}
		}
	}
}

// read reads from the connection, unless it stalls.
func (b *registryBody) read(p []byte) (int, error) {
	b.stall.Reset(stallTimeout)
	defer b.stall.Stop()
	return b.body.Read(p)
}

func (b *registryBody) Close() error {
	b.stop()
	b.stall.Stop()
	return b.body.Close()
}

func registryProblem(host string, err error) *Problem {
	e := registryError(host, err)
	p := &Problem{Kind: Missing, Reason: e.Error(), Err: err}
	var h *hintError
	if errors.As(e, &h) {
		p.Hint = h.hint
	}
	return p
}

// registryError says what a registry's answer means and what can be done.
func registryError(host string, err error) error {
	var te *transport.Error
	if errors.As(err, &te) {
		text := fmt.Sprintf("%s answers %d %s", host, te.StatusCode, http.StatusText(te.StatusCode))
		if len(te.Errors) > 0 && te.Errors[0].Message != "" {
			text += " (" + te.Errors[0].Message + ")"
		}
		switch te.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return &hintError{errors.New(text), fmt.Sprintf("Log in with docker login %s, or check that the account may pull; registries also answer so when there is no such repository.", host)}
		case http.StatusNotFound:
			return &hintError{errors.New(text), "Check the name and the tag."}
		case http.StatusTooManyRequests:
			return &hintError{errors.New(text), fmt.Sprintf("Wait, or log in with docker login %s for a higher limit.", host)}
		}
		if te.StatusCode >= 500 {
			return &hintError{errors.New(text), "The registry is at fault; try again later."}
		}
		return errors.New(text)
	}
	var ne net.Error
	if errors.As(err, &ne) {
		text := err.Error()
		if i := strings.LastIndex(text, `": `); i >= 0 { // without the URL, which may hold a token
			text = text[i+3:]
		}
		hint := fmt.Sprintf("Check that %s can be reached from here.", host)
		if strings.Contains(text, "HTTP response to HTTPS client") || strings.Contains(text, "certificate") {
			hint = "If you trust the network in between, --insecure allows plain HTTP and unverified TLS."
		}
		return &hintError{fmt.Errorf("%s can't be reached: %s", host, text), hint}
	}
	return err
}
