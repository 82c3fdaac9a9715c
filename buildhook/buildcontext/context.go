// Package buildcontext is a build context on disk: the files that BuildKit
// would send, and which of them a COPY takes.
package buildcontext

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// DefaultMaxFiles bounds a walk when Options does not.
const DefaultMaxFiles = 1_000_000

// Options says how a context is opened. The zero value reads .dockerignore.
type Options struct {
	// Dockerfile is the path of the Dockerfile, "" if it comes from stdin.
	// An ignore file of its own, <name>.dockerignore beside it, wins over the
	// context's .dockerignore.
	Dockerfile string
	// MaxFiles is how many entries a walk gives before it ends with a
	// LimitError. 0: DefaultMaxFiles.
	MaxFiles int
}

// A Context is an open build context. It is safe for concurrent use.
type Context struct {
	dir    string // symlinks resolved, as BuildKit's client does
	root   *os.Root
	max    int
	ignore *ignoreFile // nil: none
}

// An EntryError is what is wrong with one entry of the context, or with a
// directory's list of entries. The walk goes on after it. BuildKit's would
// not: the build fails there.
type EntryError struct {
	Path string // slash-separated, relative to the context; ".": the context itself
	Err  error
}

func (e *EntryError) Error() string { return fmt.Sprintf("%s: %s", e.Path, Reason(e.Err)) }
func (e *EntryError) Unwrap() error { return e.Err }

// A LimitError ends a walk that would go on for too long.
type LimitError struct {
	What  string // what there is too much of
	Limit int64
	Hint  string // what to do
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the build context: more than %d %s: %s", e.Limit, e.What, e.Hint)
}

// Open opens the build context dir and reads the ignore file that counts for
// it.
func Open(dir string, o Options) (*Context, error) {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the build context %s does not exist: give the directory that the build is started with: %w", dir, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("the build context %s: %s: %w", dir, Reason(err), err)
	}
	st, err := os.Stat(resolved)
	if err != nil {
		return nil, fmt.Errorf("the build context %s: %s: %w", dir, Reason(err), err)
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("the build context %s is not a directory: give the directory that the build is started with", dir)
	}
	if resolved, err = filepath.Abs(resolved); err != nil {
		return nil, fmt.Errorf("the build context %s: %w", dir, err)
	}
	root, err := os.OpenRoot(resolved)
	if err != nil {
		return nil, fmt.Errorf("the build context %s: %s: %w", dir, Reason(err), err)
	}
	c := &Context{dir: resolved, root: root, max: o.MaxFiles}
	if c.max <= 0 {
		c.max = DefaultMaxFiles
	}
	if c.ignore, err = c.findIgnoreFile(o.Dockerfile); err != nil {
		root.Close()
		return nil, err
	}
	return c, nil
}

// Close releases the directory.
func (c *Context) Close() error { return c.root.Close() }

// OpenFile opens a regular file of the context for reading, whether or not it
// is ignored. Symbolic links are resolved as BuildKit resolves a COPY's
// source, with the context as the root: none leads out of it.
func (c *Context) OpenFile(name string) (io.ReadCloser, error) {
	f, _, err := openRegular(c.root, name)
	if err != nil {
		return nil, &EntryError{Path: name, Err: err}
	}
	return f, nil
}

var errNotRegular = errors.New("not a regular file")

// openRegular opens name below root, which is resolved first. The type is
// asked before, so that no device is ever opened, and after, in case that it
// was changed meanwhile.
func openRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	if strings.ContainsRune(name, 0) {
		return nil, nil, fs.ErrInvalid
	}
	p, err := rootPath(path.Join("/", filepath.ToSlash(name)), diskLink(root))
	if err != nil {
		return nil, nil, err
	}
	p = relative(p)
	st, err := root.Lstat(p)
	if err != nil {
		return nil, nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, st, errNotRegular
	}
	f, err := root.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, st, err
	}
	if st, err = f.Stat(); err == nil && !st.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, st, err
	}
	return f, st, nil
}

// relative turns an absolute path in the context into one that os.Root takes.
func relative(p string) string {
	if p = strings.TrimPrefix(p, "/"); p == "" {
		return "."
	}
	return p
}

// notFound also holds for a path that goes through something that is no
// directory.
func notFound(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Reason is an error without the operation and the path, which the words
// around it name already.
func Reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// OpenWalked opens a regular file that Walk gave. It asks less than OpenFile:
// no directory on the way to it is a link, or os.Root refuses what leads out.
func (c *Context) OpenWalked(f *File) (io.ReadCloser, error) {
	if !f.Mode.IsRegular() {
		return nil, &EntryError{Path: f.Path, Err: errNotRegular}
	}
	r, err := c.root.OpenFile(f.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, &EntryError{Path: f.Path, Err: err}
	}
	if st, err := r.Stat(); err != nil || !st.Mode().IsRegular() {
		r.Close()
		if err == nil {
			err = errNotRegular
		}
		return nil, &EntryError{Path: f.Path, Err: err}
	}
	return r, nil
}
