// Package step is the part of the gate that runs inside a build: the leakscan
// binary, as a step of BuildKit's without network, over the files that each
// instruction of the user's build has written. Its report is a file that the
// gate reads back.
package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// Where things are in the step. A directory of Src is what one instruction has
// written, one of Final a result as it is at the end.
const (
	Binary = "/leakscan"
	Src    = "/src"
	Final  = "/final"
	Prints = "/leakscan-config/known"
	Config = "/leakscan-config/rules.toml"
	Out    = "/out"
	File   = "report.json" // in Out
)

// Schema names the form of a [Report].
const Schema = "leakscan.step/1"

// Report is what the step has found. There is no secret in it.
type Report struct {
	Schema  string `json:"schema"`
	Version string `json:"version"`
	Dirs    []Dir  `json:"dirs"` // in the order of their names
}

// Dir is a directory of Src.
type Dir struct {
	Name   string               `json:"name"`
	Result *leakscan.BlobResult `json:"result"`
	Known  []Known              `json:"known,omitempty"`

	// Kept tells for each file with a match, or with an archive that has one, in
	// which directories of Final there still is such a file.
	Kept map[string][]string `json:"kept,omitempty"`
}

// Known is a place of a secret whose value is known.
type Known struct {
	Place  report.Place `json:"place"`
	Path   string       `json:"path"`
	Inside string       `json:"inside,omitempty"` // the end of Path, if it is in an archive: see layerwalk.Inside
	Name   string       `json:"name"`             // of the secret
	Form   string       `json:"form"`             // its spelling
	Offset int64        `json:"offset"`
}

// File is the path of the file, or of the archive that it is in.
func (k *Known) File() string { return strings.TrimSuffix(k.Path, k.Inside) }

// Options of a step. Root is the directory that the paths above are in: "/",
// but for tests.
type Options struct {
	Root    string
	Version string
	Dedupe  bool // the directories are whole states: a file that several of them share is scanned in the first
	// Lower is, with Dedupe, of each directory the index of the one that it was
	// made from, and -1 if it was made from none of them: what is the same there
	// is not told again. nil: not known.
	Lower []int
	// NoUnpack leaves archives as they are: see leakscan.Options.
	NoUnpack bool
}

// Run scans, and writes the report to Out. An error means that there is none.
func Run(ctx context.Context, o Options) error {
	root := func(p string) string { return filepath.Join(o.Root, p) }
	set, err := ruleSet(root(Config))
	if err != nil {
		return err
	}
	scanner, err := detect.For(set)
	if err != nil {
		return err
	}
	prints := &known.Prints{}
	if b, err := os.ReadFile(root(Prints)); err == nil {
		if prints, err = known.Parse(b); err != nil {
			return fmt.Errorf("reading %s: %w", Prints, err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	names, err := subdirs(root(Src))
	if err != nil {
		return err
	}
	finals, err := subdirs(root(Final))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if o.Lower != nil && len(o.Lower) != len(names) {
		return fmt.Errorf("there are %d directories, and %d below them", len(names), len(o.Lower))
	}
	rep := Report{Schema: Schema, Version: o.Version, Dirs: make([]Dir, len(names))}
	var seen *shared
	if o.Dedupe {
		seen = &shared{files: map[identity]bool{}}
	}
	var read layerwalk.ReadOptions
	if !o.NoUnpack {
		read.Unpack = layerwalk.NewMemory(0)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		scan := func() error {
			d := &rep.Dirs[i]
			d.Name = name
			dir := root(filepath.Join(Src, name))
			w := &watcher{dir: dir, prints: prints, seen: seen}
			if i < len(o.Lower) && o.Lower[i] >= 0 && o.Lower[i] < i {
				below, err := openStates(dir, root(filepath.Join(Src, names[o.Lower[i]])))
				if err != nil {
					return err
				}
				defer below.close()
				w.below = below
			}
			d.Result = leakscan.ScanBlobTap(ctx, layerwalk.NewDir(dir), scanner, read, w.tap)
			d.Result.Ledger = nil // large, and nobody asks
			d.Result.Matches = slices.DeleteFunc(d.Result.Matches, func(m leakscan.BlobMatch) bool { return w.old(m.Place, m.Path) })
			d.Known = w.known()
			d.Kept = kept(d, func(final string) string { return root(filepath.Join(Final, final)) }, finals)
			return ctx.Err()
		}
		if seen != nil { // which of two is the first must not depend on the time
			if err := scan(); err != nil {
				return err
			}
			continue
		}
		g.Go(scan)
	}
	if err := g.Wait(); err != nil {
		return err
	}
	b, err := json.Marshal(rep)
	if err != nil {
		return err
	}
	return os.WriteFile(root(filepath.Join(Out, File)), b, 0o644)
}

func ruleSet(config string) (*rules.Set, error) {
	if _, err := os.Stat(config); errors.Is(err, os.ErrNotExist) {
		return rules.Default()
	}
	set, err := rules.Load(config)
	if err != nil {
		return nil, fmt.Errorf("reading the rules: %w", err)
	}
	return set, nil
}

func subdirs(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// kept says which files with matches are still there at the end.
func kept(d *Dir, dir func(final string) string, finals []string) map[string][]string {
	out := map[string][]string{}
	note := func(p string) {
		if _, done := out[p]; done || p == "" || len(finals) == 0 {
			return
		}
		out[p] = nil
		for _, f := range finals {
			root, err := os.OpenRoot(dir(f)) // a link must not lead out of it
			if err != nil {
				continue
			}
			if _, err := root.Lstat(filepath.FromSlash(strings.TrimPrefix(path.Clean("/"+p), "/"))); err == nil {
				out[p] = append(out[p], f)
			}
			root.Close()
		}
	}
	for _, m := range d.Result.Matches {
		note(m.File())
	}
	for _, k := range d.Known {
		note(k.File())
	}
	return out
}

// watcher looks for known values in what passes by: the files of a directory one
// after the other and, beside each that is an archive, those in it.
type watcher struct {
	dir    string
	prints *known.Prints
	seen   *shared // nil: every file is scanned
	below  *states // nil: nothing is

	mu    sync.Mutex
	file  string // the last one that is in no archive
	scans []*watched
}

// watched is a scan for known values of a file or of another text.
type watched struct {
	*known.Scan
	place  report.Place
	path   string
	inside string // the end of path, if it is in an archive
	within bool   // it is read while an archive is
}

func (w *watcher) tap(place report.Place, path, inside string, r io.Reader) io.Reader {
	if inside == "" && (place == report.PlaceFile && (w.seen != nil && w.seen.before(filepath.Join(w.dir, filepath.FromSlash(path))) || w.below != nil && w.below.same(path)) || w.old(place, path)) {
		return nil
	}
	if w.prints.Empty() {
		return r
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if inside == "" && place == report.PlaceFile {
		w.file = path
	}
	// What an archive has beside its files has its own path.
	s := &watched{w.prints.Scan(r), place, path, inside, inside != "" || place != report.PlaceFile && path == w.file}
	// What was read before is at its end, but for the archive that this is in. If
	// nothing was found in it, it is forgotten: there is one for every file.
	n := len(w.scans)
	for n > 0 && (!s.within || w.scans[n-1].within) && len(w.scans[n-1].Hits()) == 0 {
		n--
	}
	w.scans = append(w.scans[:n], s)
	return s
}

// old says whether a name, or the target of a link, was there in the state below.
func (w *watcher) old(place report.Place, path string) bool {
	switch {
	case w.below == nil:
	case place == report.PlaceFileName:
		return w.below.named(path)
	case place == report.PlaceLinkTarget:
		return w.below.linked(path)
	}
	return false
}

// maxKnown bounds the places of known values in one directory.
const maxKnown = 1000

func (w *watcher) known() (out []Known) {
	for _, s := range w.scans {
		for _, h := range s.Hits() {
			if len(out) < maxKnown {
				out = append(out, Known{Place: s.place, Path: layerwalk.Text(s.path), Inside: layerwalk.Text(s.inside), Name: h.Name, Form: h.Form, Offset: h.Offset})
			}
		}
	}
	// What is stored in an archive as it is was seen in its bytes, too.
	twice := map[[2]string]bool{}
	for _, k := range out {
		if k.Inside != "" {
			twice[[2]string{k.Name, k.File()}] = true
		}
	}
	return slices.Clip(slices.DeleteFunc(out, func(k Known) bool { return k.Inside == "" && twice[[2]string{k.Name, k.Path}] }))
}

// shared remembers the files of the states below.
type shared struct {
	mu    sync.Mutex
	files map[identity]bool
}

// before reports whether the very file was there in a state below. The time of
// its last change can't be set by who writes it.
func (s *shared) before(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	id, ok := identify(info)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files[id] {
		return true
	}
	s.files[id] = true
	return false
}
