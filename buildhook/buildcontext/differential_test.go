package buildcontext

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
	fscopy "github.com/tonistiigi/fsutil/copy"
	"github.com/tonistiigi/fsutil/types"
)

// The differential tests build with BuildKit's own parts: its frontend turns
// the COPY into a file operation, its client's filter makes the tree that is
// sent, and its worker's copy (docopy below) copies. What they do is the truth.

// sent is what fsutil sends of dir.
func sent(dir, ignore string, follow []string) ([]*types.Stat, error) {
	var patterns []string
	if ignore != "" {
		var err error
		if patterns, err = ignorefile.ReadAll(strings.NewReader(ignore)); err != nil {
			return nil, err
		}
	}
	fsys, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	if fsys, err = fsutil.NewFilterFS(fsys, &fsutil.FilterOpt{ExcludePatterns: patterns, FollowPaths: follow}); err != nil {
		return nil, err
	}
	var out []*types.Stat
	err = fsys.Walk(context.Background(), "/", func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		out = append(out, fi.Sys().(*types.Stat))
		return nil
	})
	return out, err
}

// receive puts what was sent on disk. A file holds its own path.
func receive(t *testing.T, list []*types.Stat, dir string) {
	t.Helper()
	for _, st := range list {
		p := filepath.Join(dir, st.Path)
		var err error
		switch m := os.FileMode(st.Mode); {
		case m.IsDir():
			err = os.Mkdir(p, 0o755)
		case m&os.ModeSymlink != 0:
			err = os.Symlink(st.Linkname, p)
		default:
			err = os.WriteFile(p, []byte(st.Path), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// cleanPath and docopy are those of solver/llbsolver/file/backend.go, without
// owners, times and unpacking.
func cleanPath(s string) string {
	s2 := filepath.Join("/", s)
	if strings.HasSuffix(s, "/.") {
		if s2 != "/" {
			s2 += "/"
		}
		s2 += "."
	} else if strings.HasSuffix(s, "/") && s2 != "/" {
		s2 += "/"
	}
	return s2
}

func docopy(src, dest string, a *pb.FileActionCopy) error {
	srcPath, destPath := cleanPath(a.Src), cleanPath(a.Dest)
	m := []string{srcPath}
	if a.AllowWildcard {
		var err error
		if m, err = fscopy.ResolveWildcards(src, srcPath, a.FollowSymlink); err != nil {
			return err
		}
		if len(m) == 0 && !a.AllowEmptyWildcard {
			return fmt.Errorf("%s not found", srcPath)
		}
	}
	for _, s := range m {
		if err := fscopy.Copy(context.Background(), src, s, dest, destPath, func(ci *fscopy.CopyInfo) {
			ci.IncludePatterns = a.IncludePatterns
			ci.ExcludePatterns = a.ExcludePatterns
			ci.CopyDirContents = a.DirCopyContents
			ci.FollowLinks = a.FollowSymlink
			ci.AlwaysReplaceExistingDestPaths = a.AlwaysReplaceExistingDestPaths
		}); err != nil {
			return err
		}
	}
	return nil
}

// lower gives the copy actions of a Dockerfile with this one COPY, and the
// paths that BuildKit asks the client for.
func lower(cp Copy) (actions []*pb.FileActionCopy, follow []string, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "FROM scratch\nWORKDIR %s\nCOPY ", cp.WorkDir)
	if cp.Parents {
		b.WriteString("--parents ")
	}
	for _, e := range cp.Excludes {
		b.WriteString("--exclude=" + e + " ")
	}
	args, err := json.Marshal(append(slices.Clone(cp.Sources), cp.Dest))
	if err != nil {
		return nil, nil, err
	}
	b.Write(args)
	res, err := dockerfile2llb.Dockerfile2LLB(context.Background(), []byte(b.String()), dockerfile2llb.ConvertOpt{})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", b.String(), err)
	}
	def, err := res.State.Marshal(context.Background())
	if err != nil {
		return nil, nil, err
	}
	for _, dt := range def.ToPB().Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return nil, nil, err
		}
		if f := op.GetFile(); f != nil {
			for _, a := range f.Actions {
				if c := a.GetCopy(); c != nil {
					actions = append(actions, c)
				}
			}
		}
		if s := op.GetSource(); s != nil && s.Attrs["local.followpaths"] != "" {
			if err := json.Unmarshal([]byte(s.Attrs["local.followpaths"]), &follow); err != nil {
				return nil, nil, err
			}
		}
	}
	return actions, follow, nil
}

func walkAll(t testing.TB, c *Context) []*File {
	t.Helper()
	var files []*File
	for f, err := range c.Walk(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

func rounds(n int) int {
	if testing.Short() {
		return n / 20
	}
	return n
}

// fastDir is a directory in memory where there is one: the trees are small
// and many.
func fastDir(t *testing.T) string {
	if d, err := os.MkdirTemp("/dev/shm", "buildcontext"); err == nil {
		t.Cleanup(func() { os.RemoveAll(d) })
		return d
	}
	return t.TempDir()
}

func TestWalkIsWhatBuildKitSends(t *testing.T) {
	base := fastDir(t)
	for seed := range rounds(4000) {
		g := gen{rand.New(rand.NewPCG(uint64(seed), 1))}
		dir := filepath.Join(base, fmt.Sprint(seed))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		paths := g.tree(t, dir)
		ignore := g.ignore(paths)
		os.WriteFile(filepath.Join(dir, ".dockerignore"), []byte(ignore), 0o644)
		want, err := sent(dir, ignore, nil)
		c, oerr := Open(dir, Options{})
		if err != nil || oerr != nil {
			if err == nil || oerr == nil {
				t.Errorf("seed %d: fsutil: %v, Open: %v\n%s", seed, err, oerr, ignore)
			}
			os.RemoveAll(dir)
			continue
		}
		var w, got []string
		for _, st := range want {
			w = append(w, fmt.Sprintf("%s %v %d %s", st.Path, os.FileMode(st.Mode), st.Size, st.Linkname))
		}
		gone := map[string]bool{}
		for _, f := range walkAll(t, c) {
			gone[f.Path] = true
			got = append(got, fmt.Sprintf("%s %v %d %s", f.Path, f.Mode&^os.ModeSocket, f.Size, f.Link))
		}
		if !slices.Equal(w, got) {
			t.Fatalf("seed %d: ignore file\n%s\nfsutil: %q\nWalk:   %q", seed, ignore, w, got)
		}
		// Ignored agrees with what was sent, but for the directories that are
		// sent for the sake of what is in them.
		filepath.WalkDir(dir, func(p string, d fs.DirEntry, _ error) error {
			rel, _ := filepath.Rel(dir, p)
			if rel == "." {
				return nil
			}
			ignored, pattern, line := c.Ignored(rel)
			if ignored == gone[rel] && !(ignored && d.IsDir()) {
				t.Errorf("seed %d: Ignored(%q) = %v by %q, sent %v\n%s", seed, rel, ignored, pattern, gone[rel], ignore)
			}
			if ignored {
				if l := strings.Split(ignore, "\n")[line-1]; !strings.Contains(path.Clean(strings.TrimSpace(l)), strings.TrimPrefix(pattern, "/")) {
					t.Errorf("seed %d: pattern %q is not on line %d %q", seed, pattern, line, l)
				}
			}
			// The line that leaves it out does.
			line2 := c.IgnoreLine(rel)
			ig, err := parseIgnoreFile("x", []byte(ignore+"\n"+line2))
			if err != nil {
				t.Fatal(err)
			}
			if ok, _, _ := (&Context{ignore: ig}).Ignored(rel); !ok {
				t.Errorf("IgnoreLine(%q) = %q does not leave it out", rel, line2)
			}
			return nil
		})
		c.Close()
		os.RemoveAll(dir)
	}
}

// conflict is an error for what lands on one another in the image. Select
// does not look for that.
func conflict(err error) bool {
	for _, s := range []string{"cannot copy to non-directory", "cannot replace to directory", "not a directory", "file exists"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// built is what is in an image directory: path -> "dir", "link TARGET" or the
// path of the file's source.
func built(t *testing.T, dir string) map[string]string {
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel := "/" + strings.TrimPrefix(p, dir+"/")
		switch {
		case d.IsDir():
			m[rel] = "dir"
		case d.Type()&fs.ModeSymlink != 0:
			l, _ := os.Readlink(p)
			m[rel] = "link " + l
		default:
			b, _ := os.ReadFile(p)
			m[rel] = string(b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func image(t *testing.T, dir string, cp Copy) {
	for _, d := range []string{"exist", cp.WorkDir} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSelectIsWhatBuildKitCopies(t *testing.T) {
	base := fastDir(t)
	var same, failed, conflicts, followBug int
	for seed := range rounds(6000) {
		g := gen{rand.New(rand.NewPCG(uint64(seed), 2))}
		dir := filepath.Join(base, fmt.Sprint(seed))
		src := filepath.Join(dir, "src")
		if err := os.MkdirAll(src, 0o755); err != nil {
			t.Fatal(err)
		}
		paths := g.tree(t, src)
		ignore := ""
		if g.IntN(2) == 0 {
			ignore = g.ignore(paths)
		}
		os.WriteFile(filepath.Join(dir, "Dockerfile.dockerignore"), []byte(ignore), 0o644)
		c, err := Open(src, Options{Dockerfile: filepath.Join(dir, "Dockerfile")})
		if err != nil {
			os.RemoveAll(dir)
			continue // malformed patterns are compared above
		}
		files := walkAll(t, c)
		cp := g.copy(paths)
		cp.IsDir = func(p string) bool { return p == "/exist" }
		taken, unmatched := c.Select(context.Background(), cp, files)
		c.Close()

		actions, follow, err := lower(cp)
		if err != nil {
			t.Logf("seed %d: %v", seed, err)
			os.RemoveAll(dir)
			continue
		}
		if len(actions) != len(cp.Sources) {
			t.Fatalf("seed %d: %d actions for %q", seed, len(actions), cp.Sources)
		}
		describe := fmt.Sprintf("seed %d: COPY %+v\nignore %q\ntree %q\ntaken %s\nunmatched %+v", seed, cp, ignore, list(files), show(taken), unmatched)
		verdict := func(follow []string, n int) (string, string) {
			recv, img := filepath.Join(dir, fmt.Sprint("recv", n)), filepath.Join(dir, fmt.Sprint("img", n))
			os.Mkdir(recv, 0o755)
			image(t, img, cp)
			stats, err := sent(src, ignore, follow)
			if err != nil {
				t.Fatal(err)
			}
			receive(t, stats, recv)
			errored := false
			for i, a := range actions {
				err := docopy(recv, img, a)
				if err != nil && conflict(err) {
					return "conflict", ""
				}
				missing := slices.ContainsFunc(unmatched, func(u Unmatched) bool { return u.Source == i })
				if err != nil && !missing {
					return "differs", fmt.Sprintf("source %d: BuildKit says %v", i, err)
				}
				errored = errored || err != nil
			}
			if errored {
				return "failed", ""
			}
			return compare(cp, taken, built(t, img))
		}
		v, why := verdict(follow, 0)
		if v == "differs" {
			// See TestFollowPathsLosesLinks.
			if v2, why2 := verdict(nil, 1); v2 != "differs" {
				v = "follow"
			} else {
				why = why2
			}
		}
		switch v {
		case "same":
			same++
		case "failed":
			failed++
		case "conflict":
			conflicts++
		case "follow":
			followBug++
			t.Logf("only without FollowPaths: %s\n%s", why, describe)
		default:
			t.Fatalf("%s\n%s", describe, why)
		}
		os.RemoveAll(dir)
	}
	t.Logf("%d the same, %d where both find nothing to copy, %d conflicts, %d where FollowPaths loses something", same, failed, conflicts, followBug)
	if !testing.Short() && (same < 3000 || followBug > 200) {
		t.Error("the random cases are not those that they should be")
	}
}

func list(files []*File) (out []string) {
	for _, f := range files {
		p := f.Path
		if f.Link != "" {
			p += " -> " + f.Link
		}
		out = append(out, p)
	}
	return out
}

func show(taken []Taken) string {
	var b bytes.Buffer
	for _, tk := range taken {
		fmt.Fprintf(&b, "  %s => %s (source %d, swept %v, unpacked %v)\n", tk.File.Path, tk.Dest, tk.Source, tk.Swept, tk.Unpacked)
	}
	return "\n" + b.String()
}

// compare holds what Select said against what is in the image.
func compare(cp Copy, taken []Taken, img map[string]string) (string, string) {
	want := map[string]string{}
	for _, tk := range taken {
		switch {
		case tk.File.Mode.IsDir():
			want[tk.Dest] = "dir"
		case tk.File.Mode&fs.ModeSymlink != 0:
			want[tk.Dest] = "link " + tk.File.Link
		default:
			want[tk.Dest] = tk.File.Path
		}
	}
	var errs []error
	for p, w := range want {
		if p != "/" && img[p] != w {
			errs = append(errs, fmt.Errorf("%s: Select %q, BuildKit %q", p, w, img[p]))
		}
	}
	dest, _ := destination(cp)
	for p, b := range img {
		if _, ok := want[p]; ok {
			continue
		}
		if b == "dir" && (p == dest || strings.HasPrefix(dest, p+"/") || p == "/exist" || p == cp.WorkDir || strings.HasPrefix(cp.WorkDir, p+"/")) {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: Select nothing, BuildKit %q", p, b))
	}
	if err := errors.Join(errs...); err != nil {
		return "differs", err.Error()
	}
	return "same", ""
}

// What BuildKit asks its client for (FollowPaths) lacks files that Select
// gives: through a link that an earlier path went through already, and where
// a link's target looks like a pattern. BuildKit fails such a build.
func TestFollowPathsLosesLinks(t *testing.T) {
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "real"), 0o755)
	os.WriteFile(filepath.Join(dir, "real/a"), nil, 0o644)
	os.WriteFile(filepath.Join(dir, "real/b"), nil, 0o644)
	os.Symlink("real", filepath.Join(dir, "link"))
	stats, err := sent(dir, "", []string{"link/a", "link/b"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, st := range stats {
		got = append(got, st.Path)
	}
	if want := []string{"link", "real", "real/a"}; !slices.Equal(got, want) {
		t.Errorf("FollowPaths sent %q; when it sends real/b too, the note in Select can go", got)
	}
}
