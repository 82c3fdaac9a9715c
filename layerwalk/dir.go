package layerwalk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// openDir reads a plain directory as one layer. Symbolic links are not
// followed: their targets are read where they lie, if that is in the
// directory.
func openDir(_ context.Context, dir string, _ Options) (*Source, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, errors.New(pathReason(err))
	}
	if !st.IsDir() {
		return nil, &hintError{errors.New("it is not a directory"), "file: scans a single file."}
	}
	src := &Source{Kind: Dir, Detail: dir}
	b := NewDir(dir)
	src.images = []*Image{{Layers: []Layer{{Blob: b}}}}
	src.collect()
	return src, nil
}

func walkDir(ctx context.Context, dir string, yield func(*Entry, error) bool) {
	unreadable := func(name string, err error) *Problem {
		return &Problem{Kind: Unreadable, Path: name, Reason: err.Error(), Err: err}
	}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			yield(nil, &Problem{Kind: Interrupted, Reason: "the scan was stopped before its end", Err: ctx.Err()})
			return fs.SkipAll
		}
		rel, rerr := filepath.Rel(dir, p)
		if rerr != nil {
			rel = p
		}
		name := CleanPath(filepath.ToSlash(rel))
		if err != nil {
			if !yield(nil, unreadable(name, err)) {
				return fs.SkipAll
			}
			return nil
		}
		e := &Entry{Name: name}
		switch t := d.Type(); {
		case t.IsDir():
			e.Type = TypeDir
		case t&fs.ModeSymlink != 0:
			e.Type = TypeSymlink
			if e.Linkname, err = os.Readlink(p); err != nil {
				if !yield(nil, unreadable(name, err)) {
					return fs.SkipAll
				}
			}
		case t.IsRegular():
			f, err := os.Open(p)
			if err != nil {
				if !yield(nil, unreadable(name, err)) {
					return fs.SkipAll
				}
				return nil
			}
			defer f.Close()
			if st, err := f.Stat(); err == nil {
				e.Size = st.Size()
			}
			if e.Size == 0 {
				e.Size = -1 // files of /proc say so, and have contents
			}
			body := &fileBody{r: f}
			e.body = body
			if !yield(e, nil) {
				return fs.SkipAll
			}
			if body.err != nil && !yield(nil, unreadable(name, body.err)) {
				return fs.SkipAll
			}
			return nil
		default:
			e.Type = TypeDevice
		}
		if !yield(e, nil) {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		yield(nil, unreadable("", err))
	}
}

// fileBody remembers the error that reading a file gave.
type fileBody struct {
	r   io.Reader
	err error
}

func (b *fileBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// openFile reads a single file as one layer: a tar, compressed or not, by its
// entries, anything else as it is (decompressed, if it is compressed).
func openFile(_ context.Context, name string, _ Options) (*Source, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.New(pathReason(err))
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = &hintError{errors.New("it is a directory"), "dir: scans a directory."}
	}
	if err == nil && !st.Mode().IsRegular() {
		src := &Source{Kind: File, Detail: name, Sequential: true, closers: []io.Closer{f}}
		src.stream = oneBlob(src, bufio.NewReader(f), name, true)
		return src, nil
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return fileSource(f, name)
}

func fileSource(f *os.File, name string) (*Source, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	src := &Source{Kind: File, Detail: name, closers: []io.Closer{f}}
	b := &Blob{ID: filepath.Base(name), Size: st.Size(), plain: true, open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(f, 0, st.Size())), nil
	}}
	src.images = []*Image{{Layers: []Layer{{Blob: b}}}}
	src.collect()
	return src, nil
}
