//go:build ignore

// Pack puts files into an archive whose bytes depend on nothing but their names
// and contents: the order is that of the names, the time is SOURCE_DATE_EPOCH,
// the owner is root. release.sh calls it:
//
//	go run release/pack.go ARCHIVE.tar.gz|ARCHIVE.zip DIR
//
// Each file below DIR gets the name that it has there; leakscan and leakscan.exe are
// programs.
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pack ARCHIVE DIR")
		os.Exit(64)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(archive, dir string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	when := time.Unix(seconds, 0).UTC()
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	var add func(name string, mode fs.FileMode, body []byte) error
	var closers []func() error
	if strings.HasSuffix(archive, ".zip") {
		z := zip.NewWriter(out)
		closers = append(closers, z.Close)
		add = func(name string, mode fs.FileMode, body []byte) error {
			h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: when}
			h.SetMode(mode)
			w, err := z.CreateHeader(h)
			if err != nil {
				return err
			}
			_, err = w.Write(body)
			return err
		}
	} else {
		g, err := gzip.NewWriterLevel(out, gzip.BestCompression)
		if err != nil {
			return err
		}
		t := tar.NewWriter(g)
		closers = append(closers, t.Close, g.Close)
		add = func(name string, mode fs.FileMode, body []byte) error {
			h := &tar.Header{Name: name, Mode: int64(mode.Perm()), Size: int64(len(body)), ModTime: when, Typeflag: tar.TypeReg, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}
			if err := t.WriteHeader(h); err != nil {
				return err
			}
			_, err := t.Write(body)
			return err
		}
	}
	// WalkDir goes in the order of the names.
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if name == "leakscan" || name == "leakscan.exe" {
			mode = 0o755
		}
		return add(filepath.ToSlash(name), mode, body)
	})
	for _, c := range closers {
		if cerr := c(); err == nil {
			err = cerr
		}
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}
