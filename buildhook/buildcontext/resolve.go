package buildcontext

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
)

var errTooManyLinks = errors.New("too many symbolic links")

// maxLinks is how many links continuity's fs.RootPath, BuildKit's resolver,
// goes through before it calls them a loop.
const maxLinks = 255

// maxPath is longer than any path that the kernel takes.
const maxPath = 4096

// A linkFunc says where the symbolic link at an absolute path points to, and
// whether there is one. What does not exist is no link, and no error.
type linkFunc func(p string) (target string, link bool, err error)

// rootPath resolves every symbolic link of the absolute path p, with the
// context as the root directory. It takes the same steps as continuity's
// fs.RootPath, because they show: the ".." of a link's target is taken
// lexically, so that "dir/../x" does not depend on what dir is.
func rootPath(p string, link linkFunc) (string, error) {
	links := 0
	for {
		if len(p) > maxPath {
			return "", syscall.ENAMETOOLONG
		}
		before := links
		next, err := followOnce(p, link, &links)
		if err != nil {
			return "", err
		}
		p = next
		if links == before {
			if next = path.Join("/", p); next == p {
				return p, nil
			}
			p = next
		}
	}
}

// followOnce replaces each link on the way to p by its target, once.
func followOnce(p string, link linkFunc, links *int) (string, error) {
	for len(p) > 1 && p[len(p)-1] == '/' {
		p = p[:len(p)-1]
	}
	if p == "/" || p == "" {
		return "/", nil
	}
	dir, file := path.Split(p)
	dir, err := followOnce(dir, link, links)
	if err != nil {
		return "", err
	}
	if *links > maxLinks {
		return "", errTooManyLinks
	}
	p = path.Join("/", dir, file)
	if p == "/" {
		return p, nil
	}
	target, ok, err := link(p)
	if err != nil {
		return "", err
	}
	if !ok {
		return p, nil
	}
	*links++
	if path.IsAbs(target) {
		return target, nil
	}
	return path.Join("/", dir, target), nil
}

// diskLink reads the links on disk. What os.Root refuses, because it leads
// out of the context, does not exist for BuildKit.
func diskLink(root *os.Root) linkFunc {
	return func(p string) (string, bool, error) {
		st, err := root.Lstat(relative(p))
		if err != nil {
			if errors.Is(err, fs.ErrPermission) || !errors.Is(err, fs.ErrNotExist) && !escapes(err) {
				return "", false, err
			}
			return "", false, nil
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			return "", false, nil
		}
		target, err := root.Readlink(relative(p))
		return target, err == nil, err
	}
}

// escapes tells os.Root's own refusal, an error that it does not export, from
// what the system says.
func escapes(err error) bool {
	var pe *fs.PathError
	return errors.As(err, &pe) && pe.Err.Error() == "path escapes from parent"
}
