package buildcontext

import (
	"context"
	"errors"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/patternmatcher"
)

// A Copy is a COPY or ADD from the build context.
type Copy struct {
	Sources      []string // as in COPY or ADD after expansion; patterns allowed
	Dest         string   // as written, after expansion
	WorkDir      string   // absolute directory of the stage, for a relative Dest
	Excludes     []string // --exclude
	Parents      bool     // --parents
	Add          bool     // ADD: local archives are unpacked, remote sources are not of the context
	KeepArchives bool     // ADD --unpack=false

	// IsDir says whether the image so far has a directory at an absolute
	// path: a file that is copied to a Dest without a slash at the end goes
	// into it. nil, where that is not known: only / and WorkDir are there, and
	// the file takes the place of Dest.
	IsDir func(p string) bool
}

// Taken is one entry of the context that a Copy takes.
type Taken struct {
	File     *File  // of a source that is a symbolic link: what it points to
	Dest     string // absolute path in the image; the directory, if Unpacked
	Source   int    // index in Sources
	Swept    bool   // it came as part of a directory or through a wildcard, not by its own name
	Unpacked bool   // ADD takes it as an archive
}

// Unmatched is a source that fits nothing in the walked files. BuildKit fails
// the build, or copies nothing if the source has wildcards.
type Unmatched struct {
	Source int
	// Path is what is on disk where the source points to, "" if there is
	// nothing. Ignored says that it is the ignore file that leaves it out, by
	// Pattern on Line.
	Path    string
	Ignored bool
	Pattern string
	Line    int
	Err     error // why nothing can fit: a malformed pattern, a loop of links; or nil
}

// Select says what cp takes of files, all that a Walk gave. For many Copies,
// make a Tree.
func (c *Context) Select(ctx context.Context, cp Copy, files []*File) ([]Taken, []Unmatched) {
	return c.Tree(files).Select(ctx, cp)
}

// Select says what cp takes, in the order in which BuildKit takes it: where
// two land on one Dest, the later takes the place of the earlier. It ends
// early, with what it has, when ctx is done.
//
// BuildKit asks its client only for the paths that all COPYs together name
// (FollowPaths), and misses some that links lead to; it then fails, or copies
// less. Select takes them: another COPY may be what brings them in.
func (t *Tree) Select(ctx context.Context, cp Copy) ([]Taken, []Unmatched) {
	s := &selection{t: t, ctx: ctx, cp: cp}
	s.dest, s.destIsDir = destination(cp)
	if len(cp.Excludes) > 0 {
		if s.exclude, s.err = patternmatcher.New(cp.Excludes); s.err == nil {
			s.err = compiles(s.exclude)
		}
	}
	for i, src := range cp.Sources {
		if ctx.Err() != nil {
			break
		}
		if cp.Add && Remote(src) {
			continue
		}
		s.source(i, src)
	}
	return s.taken, s.unmatched
}

// Remote says whether ADD fetches src from the network: a URL, or a git
// reference that no local path looks like.
func Remote(src string) bool {
	if strings.HasPrefix(src, "http://") || strings.HasPrefix(src, "https://") {
		return true
	}
	ref, _, err := dfgitutil.ParseGitRef(src)
	return err == nil && ref != nil && !ref.IndistinguishableFromLocal
}

// destination is the absolute path that cp copies to, and whether there is a
// directory, or will be.
func destination(cp Copy) (string, bool) {
	workdir := path.Join("/", filepath.ToSlash(cp.WorkDir))
	dest := filepath.ToSlash(cp.Dest)
	isDir := dest == "" || dest == "." || strings.HasSuffix(dest, "/") || strings.HasSuffix(dest, "/.")
	if path.IsAbs(dest) {
		dest = path.Clean(dest)
	} else {
		dest = path.Join(workdir, dest)
	}
	switch {
	case isDir, dest == "/", dest == workdir, strings.HasPrefix(workdir, dest+"/"):
		isDir = true
	case cp.IsDir != nil:
		isDir = cp.IsDir(dest)
	}
	return dest, isDir
}

// compiles says whether every pattern does, at a bearable cost: some are found
// to be bad only when they are used.
func compiles(pm *patternmatcher.PatternMatcher) error {
	if len(pm.Patterns()) == 0 {
		return nil
	}
	start, err := startInfo()
	if err != nil {
		return err
	}
	for _, p := range pm.Patterns() {
		if err := tooCostly(p.String()); err != nil {
			return err
		}
		if _, _, err := newRule(p.String(), start); err != nil {
			return err
		}
	}
	return nil
}

// A selection is one Select. Its steps are those of BuildKit's worker: docopy
// of solver/llbsolver/file, and fsutil/copy.
type selection struct {
	t         *Tree
	ctx       context.Context
	cp        Copy
	dest      string
	destIsDir bool
	exclude   *patternmatcher.PatternMatcher
	err       error // of the excludes

	taken     []Taken
	unmatched []Unmatched

	// of the source at hand
	index   int
	wild    bool   // it was found by wildcards
	named   string // with --parents: the one path that is asked for by name
	below   bool   // something in the source was taken
	include *patternmatcher.PatternMatcher
	pending []pendingDir
	steps   int
}

// A pendingDir is a directory on the way down, which is only copied once
// something in it is.
type pendingDir struct {
	n    *node
	dest string
	done bool
}

func (s *selection) source(i int, src string) {
	s.index, s.include, s.named, s.below = i, nil, "", false
	before := len(s.taken)
	full, err := src, s.err
	if s.cp.Parents {
		// "a/./b": the directories of b are kept, those of a are not.
		base, pattern, ok := strings.Cut(src, "/./")
		if !ok {
			base, pattern = "/", src
		}
		if !path.IsAbs(pattern) {
			pattern = path.Join("/", pattern)
		}
		full, src = path.Join("/", base, pattern), base
		pattern = strings.TrimPrefix(pattern, "/")
		if s.include, err = patternmatcher.New([]string{pattern}); err == nil {
			err = compiles(s.include)
		}
		if s.err != nil {
			err = s.err
		}
		if !hasWildcards(base) && !hasWildcards(pattern) {
			s.named = path.Clean(pattern)
		}
	}
	found := false
	if err == nil {
		found, err = s.find(path.Join("/", src))
	}
	if s.cp.Parents && !s.below {
		found = false // of the base no more than the directory itself
		s.taken = s.taken[:before]
	}
	if !found && s.ctx.Err() == nil {
		u := Unmatched{Source: i, Err: err}
		s.t.c.onDisk(path.Join("/", full), &u)
		s.unmatched = append(s.unmatched, u)
	}
}

// find takes all that the absolute path or pattern src stands for.
func (s *selection) find(src string) (bool, error) {
	if len(src) > maxPath {
		return false, syscall.ENAMETOOLONG
	}
	base, pattern := splitWildcards(src)
	s.wild = pattern != ""
	if !s.wild {
		return s.one(base)
	}
	n, err := s.t.resolve(base)
	if err != nil {
		return false, notAbsent(err)
	}
	matches := glob(n, pattern)
	all := len(matches) > 0
	for _, m := range matches {
		if !m.isLink() {
			err = errors.Join(err, s.put(m, m.name))
			continue
		}
		// The names above the wildcard are those that the links led to.
		ok, oerr := s.one(m.path())
		if all = all && ok; oerr != nil && err == nil {
			err = oerr
		}
	}
	return all, err
}

// path is the node's absolute path.
func (n *node) path() string {
	if n.file == nil {
		return "/"
	}
	return path.Join("/", n.file.Path)
}

// notAbsent drops the error that says no more than that there is nothing.
func notAbsent(err error) error {
	if notFound(err) {
		return nil
	}
	return err
}

// one takes a single source. If it is a link, it is what it points to that is
// copied, under the link's name.
func (s *selection) one(p string) (bool, error) {
	n, err := s.t.resolve(p)
	if err != nil {
		return false, notAbsent(err)
	}
	return true, s.put(n, path.Base(p))
}

// put takes n under a name.
func (s *selection) put(n *node, name string) error {
	if s.cp.Add && !s.cp.KeepArchives && n.file != nil && n.file.Mode.IsRegular() && s.t.c.isArchive(n.path()) {
		s.destIsDir = true
		s.taken = append(s.taken, Taken{File: n.file, Dest: s.dest, Source: s.index, Swept: s.wild, Unpacked: true})
		return nil
	}
	dest := s.dest
	if n.isDir() {
		s.destIsDir = true // it is the contents that are copied
	} else if s.destIsDir {
		dest = path.Join(dest, name)
	}
	s.pending = s.pending[:0]
	return s.copy(n, "", dest, patternmatcher.MatchInfo{}, patternmatcher.MatchInfo{})
}

func (s *selection) take(n *node, rel, dest string) {
	if n.file == nil {
		return // the context itself
	}
	s.below = s.below || rel != "" || !n.isDir()
	swept := s.wild || rel != ""
	if s.include != nil {
		swept = s.named == "" || rel != s.named
	}
	s.taken = append(s.taken, Taken{File: n.file, Dest: dest, Source: s.index, Swept: swept})
}

// copy takes n, which is at rel in the source, and what is in it. The source
// itself, where rel is "", is beyond include and exclude patterns.
func (s *selection) copy(n *node, rel, dest string, inParent, exParent patternmatcher.MatchInfo) error {
	if s.steps++; s.steps%1024 == 0 && s.ctx.Err() != nil {
		return nil
	}
	include, excluded := true, false
	var in, ex patternmatcher.MatchInfo
	var err error
	if rel != "" && s.include != nil {
		if include, in, err = s.include.MatchesUsingParentResults(rel, inParent); err != nil {
			return err
		}
	}
	if rel != "" && s.exclude != nil {
		if excluded, ex, err = s.exclude.MatchesUsingParentResults(rel, exParent); err != nil {
			return err
		}
		include = include && !excluded
	}
	if include {
		for i := range s.pending {
			if p := &s.pending[i]; !p.done {
				p.done = true
				s.take(p.n, ".", p.dest)
			}
		}
		s.take(n, rel, dest)
	}
	if !n.isDir() || excluded && !s.exclude.Exclusions() {
		return nil
	}
	s.pending = append(s.pending, pendingDir{n, dest, include})
	if !strings.HasSuffix(dest, "/") {
		dest += "/"
	}
	if rel != "" {
		rel += "/"
	}
	for _, c := range n.list {
		at := dest + c.name
		// Mostly it is one string: nothing to allocate twice.
		sub := c.name
		if rel != "" {
			sub = at[len(at)-len(rel)-len(c.name):]
		}
		if err := s.copy(c, sub, at, in, ex); err != nil {
			return err
		}
	}
	s.pending = s.pending[:len(s.pending)-1]
	return nil
}
