package buildcontext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

const (
	// maxWork bounds what matching may cost in one walk: for each entry looked
	// at, ignored or not, the weight of the ignore file by the length of the
	// path. Ten thousand simple patterns over 50,000 files are just in it.
	maxWork = 2_000_000_000
	// maxDirEntries bounds the names of one directory, which are sorted in
	// memory.
	maxDirEntries = 4_000_000
)

// A File is one entry of the build context.
type File struct {
	Path string      // slash-separated, relative to the context
	Mode fs.FileMode // with type bits
	Size int64       // of what is not a directory
	Link string      // target of a symbolic link
}

var errStop = errors.New("stop")

// Walk gives every entry that BuildKit would send if a COPY took all of the
// context: directories, files, symbolic links, which are never followed, and
// all else. The order is that of filepath.WalkDir: a directory before what is
// in it, and names in lexical order. What is wrong with one entry comes in its
// place as an *EntryError, and the walk goes on. Any other error ends it.
//
// The ignore file is applied by fsutil's own filter, the one that BuildKit's
// client uses.
func (c *Context) Walk(ctx context.Context) iter.Seq2[*File, error] {
	return func(yield func(*File, error) bool) {
		w := &walker{c: c, yield: yield}
		opt := &fsutil.FilterOpt{}
		if c.ignore != nil {
			opt.ExcludePatterns = c.ignore.patterns
		}
		filter, err := fsutil.NewFilterFS(w, opt)
		if err == nil {
			err = filter.Walk(ctx, "/", w.file)
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

// A walker stands on both sides of fsutil's filter: it is the file system that
// the filter walks, and takes what the filter lets through. fsutil's own file
// system will not do: it reads the extended attributes of each file, and when
// a file vanishes, it skips the rest of its directory without a word.
type walker struct {
	c     *Context
	yield func(*File, error) bool
	given int
	work  int64
}

// file takes an entry that passed the filter.
func (w *walker) file(_ string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	fi, err := d.Info()
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*types.Stat)
	if !ok {
		return fmt.Errorf("%s: fsutil gave no stat", d.Name())
	}
	if w.given++; w.given > w.c.max {
		return &LimitError{What: "entries", Limit: int64(w.c.max), Hint: "leave out what the build does not need in .dockerignore, or raise the limit"}
	}
	f := &File{Path: filepath.ToSlash(st.Path), Mode: fs.FileMode(st.Mode), Size: st.Size, Link: st.Linkname}
	if !w.yield(f, nil) {
		return errStop
	}
	return nil
}

// fault reports one entry.
func (w *walker) fault(rel string, err error) error {
	if !w.yield(nil, &EntryError{Path: filepath.ToSlash(rel), Err: err}) {
		return errStop
	}
	return nil
}

// Open is part of fsutil.FS. Nothing is read through it.
func (w *walker) Open(string) (io.ReadCloser, error) { return nil, errors.ErrUnsupported }

// Walk is part of fsutil.FS.
func (w *walker) Walk(ctx context.Context, _ string, fn fs.WalkDirFunc) error {
	return w.dir(ctx, nil, fn)
}

// dir walks what is in a directory, nil for the context itself.
func (w *walker) dir(ctx context.Context, d *entry, fn fs.WalkDirFunc) error {
	rel := "."
	if d != nil {
		rel = d.rel
	}
	list, listErr := readDir(filepath.Join(w.c.dir, rel))
	if le := (*LimitError)(nil); errors.As(listErr, &le) {
		return le
	}
	for _, item := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &entry{DirEntry: item, dir: w.c.dir, rel: item.Name()}
		if d != nil {
			e.rel = d.rel + string(filepath.Separator) + item.Name()
		}
		w.work++
		if w.c.ignore != nil {
			w.work += w.c.ignore.weight * int64(1+len(e.rel)/64)
		}
		if w.work > maxWork {
			return &LimitError{What: "steps to match the ignore file's patterns", Limit: maxWork, Hint: "use fewer wildcards in it"}
		}
		err := fn(e.rel, e, nil)
		var bad *entry
		switch {
		case err == nil && e.IsDir():
			if err := w.dir(ctx, e, fn); err != nil {
				return err
			}
		case err == nil, err == fs.SkipDir:
		case errors.As(err, &bad):
			// It may be a parent that is sent for the sake of this entry.
			if !bad.told {
				bad.told = true
				if err := w.fault(bad.rel, bad.err); err != nil {
					return err
				}
			}
		default:
			return err
		}
	}
	if listErr == nil {
		return nil
	}
	// The filter gives the error back, unless the directory is ignored and
	// only the permission is missing: that stops no build. It comes last,
	// because with it the filter forgets what it knows of the directory.
	if d != nil {
		if err := fn(rel, d, &readError{listErr}); err == nil || err == fs.SkipDir {
			return nil
		}
	}
	return w.fault(rel, listErr)
}

// A readError hides from the filter that a directory has vanished, which it
// would take as a reason to skip it, but not that a permission is missing.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Is(target error) bool {
	return target == fs.ErrPermission && errors.Is(e.err, target)
}

// readDir is os.ReadDir with a bound. It gives what it could read along with
// the error.
func readDir(name string) ([]fs.DirEntry, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []fs.DirEntry
	for {
		part, err := f.ReadDir(8192)
		list = append(list, part...)
		if len(list) > maxDirEntries {
			return nil, &LimitError{What: "entries in the directory " + name, Limit: maxDirEntries, Hint: "leave it out in .dockerignore"}
		}
		if err != nil || len(part) == 0 {
			slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
			if err == io.EOF {
				err = nil
			}
			return list, err
		}
	}
}

// An entry is what the filter sees of a file. It is looked at only when the
// filter asks, because most of what is ignored is never looked at. It is also
// the error that the filter hands back when that failed.
type entry struct {
	fs.DirEntry
	dir, rel string
	stat     *types.Stat
	err      error
	told     bool
}

func (e *entry) Error() string { return e.rel + ": " + e.err.Error() }

func (e *entry) Info() (fs.FileInfo, error) {
	if e.stat == nil && e.err == nil {
		if e.stat, e.err = e.look(); e.err != nil {
			e.stat = nil
		}
	}
	if e.err != nil {
		return nil, e
	}
	return &fsutil.StatInfo{Stat: e.stat}, nil
}

func (e *entry) look() (*types.Stat, error) {
	fi, err := e.DirEntry.Info()
	if err != nil {
		return nil, err
	}
	if fi.Mode().Type() != e.Type() {
		return nil, errors.New("it changed while it was looked at")
	}
	st := &types.Stat{Path: e.rel, Mode: uint32(fi.Mode())}
	if fi.IsDir() {
		return st, nil
	}
	st.Size = fi.Size()
	if fi.Mode()&fs.ModeSymlink != 0 {
		st.Linkname, err = os.Readlink(filepath.Join(e.dir, e.rel))
	}
	return st, err
}
