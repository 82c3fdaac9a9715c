package layerwalk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/google/go-containerregistry/pkg/name"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// openContainerd reads an image out of containerd's content store, blob by
// blob, over its API: the client library would bring a runtime along.
func openContainerd(ctx context.Context, ref string, o Options) (*Source, error) {
	socket := o.getenv("CONTAINERD_ADDRESS")
	if socket == "" {
		socket = "/run/containerd/containerd.sock"
	}
	socket = strings.TrimPrefix(socket, "unix://")
	namespace := o.getenv("CONTAINERD_NAMESPACE")
	if namespace == "" {
		namespace = "default"
	}
	if _, err := os.Stat(socket); err != nil {
		return nil, fmt.Errorf("no socket at %s", socket)
	}
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(o.UserAgent))
	if err != nil {
		return nil, err
	}
	c := &containerd{content: contentapi.NewContentClient(conn), namespace: namespace}
	images := imagesapi.NewImagesClient(conn)
	// containerd keeps full names: alpine is docker.io/library/alpine:latest.
	names := []string{ref}
	if r, err := name.ParseReference(ref, name.WeakValidation); err == nil {
		full := strings.Replace(r.Name(), "index.docker.io/", "docker.io/", 1)
		if full != ref {
			names = append(names, full)
		}
	}
	var found *imagesapi.Image
	for _, n := range names {
		var resp *imagesapi.GetImageResponse
		if resp, err = images.Get(c.with(ctx), &imagesapi.GetImageRequest{Name: n}); err == nil {
			found = resp.Image
			break
		}
	}
	if found == nil {
		conn.Close()
		if status.Code(err) == codes.NotFound {
			return nil, &hintError{fmt.Errorf("no such image in the namespace %s of %s", namespace, socket), "CONTAINERD_NAMESPACE chooses another namespace: docker uses moby, Kubernetes k8s.io."}
		}
		return nil, fmt.Errorf("%s: %s", socket, status.Convert(err).Message())
	}
	src := &Source{Kind: Containerd, Detail: fmt.Sprintf("%s, namespace %s", socket, namespace), closers: []io.Closer{conn}}
	g := &graph{src: src, o: o,
		read: func(ctx context.Context, d descriptor, limit int64) ([]byte, error) {
			rc, err := c.open(ctx, d)
			if err != nil {
				return nil, err
			}
			defer rc.Close()
			data, err := io.ReadAll(io.LimitReader(rc, limit+1))
			if err == nil && int64(len(data)) > limit {
				err = &Problem{Kind: Limit, Blob: d.Digest, Reason: fmt.Sprintf("it has more than %d bytes", limit)}
			}
			return data, err
		},
		have: func(d descriptor) bool {
			_, err := c.content.Info(c.with(ctx), &contentapi.InfoRequest{Digest: d.Digest})
			return err == nil
		},
		blob: func(d descriptor) *Blob {
			return &Blob{ID: d.Digest, Digest: d.Digest, Size: d.Size, MediaType: d.MediaType,
				open: func(ctx context.Context) (io.ReadCloser, error) { return c.open(ctx, d) }}
		},
	}
	t := found.GetTarget()
	g.add(ctx, descriptor{MediaType: t.GetMediaType(), Digest: t.GetDigest(), Size: t.GetSize(), Annotations: t.GetAnnotations()}, "")
	src.collect()
	return src, nil
}

type containerd struct {
	content   contentapi.ContentClient
	namespace string
}

func (c *containerd) with(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "containerd-namespace", c.namespace)
}

func (c *containerd) open(ctx context.Context, d descriptor) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(c.with(ctx))
	stream, err := c.content.Read(ctx, &contentapi.ReadContentRequest{Digest: d.Digest})
	if err != nil {
		cancel()
		return nil, err
	}
	b := &containerdBody{stream: stream, cancel: cancel}
	// A stream gives its error with the first message.
	if err := b.next(); err != nil && err != io.EOF {
		cancel()
		if status.Code(err) == codes.NotFound {
			return nil, &Problem{Kind: Missing, Reason: "containerd does not keep it", Bytes: max(0, d.Size), Err: err,
				Hint: "it discards what it has unpacked, or never pulled this platform; scan the image in its registry"}
		}
		return nil, errors.New(status.Convert(err).Message())
	}
	return b, nil
}

type containerdBody struct {
	stream contentapi.Content_ReadClient
	cancel context.CancelFunc
	rest   []byte
	err    error
}

func (b *containerdBody) next() error {
	m, err := b.stream.Recv()
	if err != nil {
		b.err = err
		return err
	}
	b.rest = m.GetData()
	return nil
}

func (b *containerdBody) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *containerdBody) Close() error { b.cancel(); return nil }
