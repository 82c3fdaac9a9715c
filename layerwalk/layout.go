package layerwalk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The names that an index.json gives its images.
const (
	refName       = "org.opencontainers.image.ref.name"
	containerName = "io.containerd.image.name"
)

// layoutIndex resolves the index.json of an OCI layout. Manifests of one name
// are the platforms of one image; those without name and platform are images
// of their own.
func layoutIndex(ctx context.Context, g *graph, data []byte) {
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		g.problem(&Problem{Kind: Unreadable, Blob: "index.json", Reason: fmt.Sprintf("it is not valid JSON: %v", err), Err: err})
		return
	}
	if len(m.Manifests) == 0 {
		g.problem(&Problem{Kind: Missing, Blob: "index.json", Reason: "it lists no manifests"})
		return
	}
	self := bytesBlob("index.json", sha256Digest(data), m.MediaType, data)
	groups := map[string][]descriptor{}
	var order []string
	for i, d := range m.Manifests {
		name := d.Annotations[containerName]
		if name == "" {
			name = d.Annotations[refName]
		}
		key := name
		if d.Platform == nil && d.Annotations[refType] == "" {
			key = fmt.Sprintf("%s\x00%d", name, i)
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], d)
	}
	for _, key := range order {
		name, _, alone := strings.Cut(key, "\x00")
		if alone {
			g.node(ctx, groups[key][0], name, []*Blob{self}, nil, 0)
			continue
		}
		g.index(ctx, groups[key], name, []*Blob{self}, 0)
	}
	g.docs = append(g.docs, self)
	g.finish()
}

// validDigest keeps a digest from naming a file outside of the layout.
var validDigest = regexp.MustCompile(`^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$`)

// openOCIDir opens an OCI layout directory.
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md
func openOCIDir(ctx context.Context, dir string, o Options) (*Source, error) {
	read := func(name string, limit int64) ([]byte, error) {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, &Problem{Kind: Missing, Blob: name, Reason: pathReason(err), Err: err}
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, limit+1))
		if err == nil && int64(len(data)) > limit {
			err = &Problem{Kind: Limit, Blob: name, Reason: fmt.Sprintf("it has more than %d bytes", limit)}
		}
		return data, err
	}
	index, err := read("index.json", maxManifest)
	if err != nil {
		return nil, &hintError{fmt.Errorf("index.json: %w", errors.Unwrap(err)), "An OCI layout is what skopeo copy … oci:DIR or buildx -o type=oci,tar=false write; dir: scans a plain directory."}
	}
	src := &Source{Kind: OCIDir, Detail: dir}
	claimed := map[string]bool{}
	file := func(d descriptor) (string, error) {
		if !validDigest.MatchString(d.Digest) {
			return "", &Problem{Kind: Unreadable, Blob: d.Digest, Reason: "it is no valid digest"}
		}
		return filepath.FromSlash(nameOfDigest(d.Digest)), nil
	}
	g := &graph{src: src, o: o,
		read: func(_ context.Context, d descriptor, limit int64) ([]byte, error) {
			name, err := file(d)
			if err != nil {
				return nil, err
			}
			return read(name, limit)
		},
		blob: func(d descriptor) *Blob {
			return &Blob{ID: d.Digest, Digest: d.Digest, Size: d.Size, MediaType: d.MediaType, open: func(context.Context) (io.ReadCloser, error) {
				name, err := file(d)
				if err != nil {
					return nil, err
				}
				f, err := os.Open(filepath.Join(dir, name))
				if err != nil {
					return nil, &Problem{Kind: Missing, Reason: "it is not in the layout: " + pathReason(err), Bytes: max(0, d.Size), Err: err}
				}
				return f, nil
			}}
		},
		have: func(d descriptor) bool {
			name, err := file(d)
			if err == nil {
				_, err = os.Stat(filepath.Join(dir, name))
			}
			return err == nil
		},
		reach: func(d descriptor) { claimed[d.Digest] = true },
	}
	layoutIndex(ctx, g, index)
	// Blobs that no image claims are given away with the layout all the same.
	files, err := filepath.Glob(filepath.Join(dir, "blobs", "*", "*"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		digest := filepath.Base(filepath.Dir(f)) + ":" + filepath.Base(f)
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() && !claimed[digest] && validDigest.MatchString(digest) {
			src.orphans = append(src.orphans, g.blob(descriptor{Digest: digest, Size: st.Size()}))
		}
	}
	src.collect()
	return src, nil
}
