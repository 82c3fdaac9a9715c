// Mkimage packs directories into an OCI layout for bench/image.sh: a layer
// for each directory, compressed with gzip, zstd or not at all, or all of them
// in one layer. It streams: the layers are larger than memory should be.
//
// As docker does, it adds a manifest.json, so that the same files in a tar are
// what `docker save` writes, for those who read nothing else.
//
//	go run ./bench/mkimage -o OUT -codec gzip|zstd|none [-one] DIR...
package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

func main() {
	log.SetFlags(0)
	out := flag.String("o", "", "the layout's `directory`")
	codec := flag.String("codec", "gzip", "gzip, zstd or none")
	one := flag.Bool("one", false, "pack all directories into one layer")
	flag.Parse()
	blobs := filepath.Join(*out, "blobs", "sha256")
	check(os.MkdirAll(blobs, 0o755))
	groups := [][]string{}
	for _, d := range flag.Args() {
		groups = append(groups, []string{d})
	}
	if *one {
		groups = [][]string{flag.Args()}
	}
	var layers []descriptor
	var diffIDs []string
	var history []map[string]string
	for _, g := range groups {
		d, diffID := layer(blobs, *codec, g)
		layers, diffIDs = append(layers, d), append(diffIDs, diffID)
		history = append(history, map[string]string{"created_by": "COPY " + strings.Join(g, " ") + " /"})
	}
	config := document(blobs, "application/vnd.oci.image.config.v1+json", map[string]any{
		"os": "linux", "architecture": "amd64", "config": map[string]any{}, "history": history, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}})
	manifest := document(blobs, "application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers})
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}})
	check(err)
	check(os.WriteFile(filepath.Join(*out, "index.json"), index, 0o644))
	blob := func(d descriptor) string { return "blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:") }
	var layerFiles []string
	for _, d := range layers {
		layerFiles = append(layerFiles, blob(d))
	}
	saved, err := json.Marshal([]map[string]any{{"Config": blob(config), "RepoTags": []string{"bench:latest"}, "Layers": layerFiles}})
	check(err)
	check(os.WriteFile(filepath.Join(*out, "manifest.json"), saved, 0o644))
	check(os.WriteFile(filepath.Join(*out, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func document(dir, mediaType string, v any) descriptor {
	data, err := json.Marshal(v)
	check(err)
	h := sha256.Sum256(data)
	name := hex.EncodeToString(h[:])
	check(os.WriteFile(filepath.Join(dir, name), data, 0o644))
	return descriptor{mediaType, "sha256:" + name, int64(len(data))}
}

// layer writes one layer, as docker would compress it.
func layer(dir, codec string, from []string) (descriptor, string) {
	f, err := os.CreateTemp(dir, "layer")
	check(err)
	stored, plain := sha256.New(), sha256.New()
	var size counter
	sink := io.MultiWriter(f, stored, &size)
	var w io.WriteCloser = nopCloser{sink}
	mediaType := "application/vnd.oci.image.layer.v1.tar"
	switch codec {
	case "gzip":
		w = gzip.NewWriter(sink)
		mediaType += "+gzip"
	case "zstd":
		w, err = zstd.NewWriter(sink)
		check(err)
		mediaType += "+zstd"
	}
	tw := tar.NewWriter(io.MultiWriter(w, plain))
	for _, d := range from {
		pack(tw, d)
	}
	check(tw.Close())
	check(w.Close())
	check(f.Close())
	digest := sum(stored)
	check(os.Rename(f.Name(), filepath.Join(dir, strings.TrimPrefix(digest, "sha256:"))))
	return descriptor{mediaType, digest, int64(size)}, sum(plain)
}

func pack(tw *tar.Writer, root string) {
	check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode()&fs.ModeSocket != 0 {
			return err
		}
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(p); err != nil {
				return err
			}
		}
		h, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil || rel == "." {
			return err
		}
		h.Name = filepath.ToSlash(rel)
		if d.IsDir() {
			h.Name += "/"
		}
		if err := tw.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(tw, f); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return nil
	}))
}

func sum(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
