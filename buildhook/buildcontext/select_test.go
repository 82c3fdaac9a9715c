package buildcontext

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

const (
	tarBz2 = "QlpoOTFBWSZTWUeKZlQAAG97gMmAAADAAH2AABDmKB4gCAggAFRWQmTEyPUwZT1BJFA0aNGIAfTgOhB7ahCI9SgSjjggQwMaOJ2ETdDSn53QoxHAmhppdnpZfL0AAxn4u5IpwoSCPFMyoA=="
	tarXz  = "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4Cf/AFxdADSZCANbREhhpMIC8lIv5QbHWEIz6KROVnDL7pTscNwnk3+8pQEXh7kLZm+9GR/k/XgZAPA6HKsm6Y22XYSPc/1uBeU8c0O9LyzAKR1A68bICRyMy8ZSN5b+tvkAAMQUvcPsbkTnAAF4gFAAAABB5M9escRn+wIAAAAABFla"
)

// write makes a tree: a name that ends with a slash is a directory, "-> x" a
// symbolic link, all else the contents of a file.
func write(t testing.TB, dir string, tree map[string]string) {
	t.Helper()
	for name, body := range tree {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(body, "-> "); ok {
			err = os.Symlink(target, p)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(p, 0o755)
		} else {
			err = os.WriteFile(p, []byte(body), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func open(t testing.TB, tree map[string]string, o Options) *Context {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, tree)
	c, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestSelect(t *testing.T) {
	tree := map[string]string{
		"app/main.go": "1", "app/.env": "2", "app/sub/key.pem": "3", "app/sub/link": "-> key.pem",
		"id_rsa": "4", "a.txt": "5", "b.txt": "6", "link": "-> app/.env", "dirlink": "-> app/sub",
		"out": "-> /etc/passwd", "up": "-> ../../../../id_rsa", "loop": "-> loop", "dangling": "-> none",
		"we[i]rd": "7", "secret/key": "8", "empty/": "", ".dockerignore": "secret\n!secret/none\n*.log\n", "x.log": "9",
	}
	c := open(t, tree, Options{})
	files := walkAll(t, c)
	exist := func(p string) bool { return p == "/usr/bin" }
	for _, tt := range []struct {
		name      string
		cp        Copy
		want      string // "source>dest", "*" before what was swept
		unmatched string
	}{
		{"file to a file", Copy{Sources: []string{"a.txt"}, Dest: "/x"}, "a.txt>/x", ""},
		{"file into a directory", Copy{Sources: []string{"a.txt"}, Dest: "/x/"}, "a.txt>/x/a.txt", ""},
		{"file into a known directory", Copy{Sources: []string{"a.txt"}, Dest: "/usr/bin", IsDir: exist}, "a.txt>/usr/bin/a.txt", ""},
		{"file to the workdir", Copy{Sources: []string{"a.txt"}, Dest: ".", WorkDir: "/w"}, "a.txt>/w/a.txt", ""},
		{"above the workdir", Copy{Sources: []string{"a.txt"}, Dest: "..", WorkDir: "/w/v"}, "a.txt>/w/a.txt", ""},
		{"relative", Copy{Sources: []string{"a.txt"}, Dest: "d/e", WorkDir: "/w"}, "a.txt>/w/d/e", ""},
		{"contents of a directory", Copy{Sources: []string{"app/sub"}, Dest: "/x"}, "app/sub>/x *app/sub/key.pem>/x/key.pem *app/sub/link>/x/link", ""},
		{"directory, then file", Copy{Sources: []string{"app/sub", "a.txt"}, Dest: "/x/"}, "app/sub>/x *app/sub/key.pem>/x/key.pem *app/sub/link>/x/link a.txt>/x/a.txt", ""},
		{"leading slash", Copy{Sources: []string{"/a.txt"}, Dest: "/x"}, "a.txt>/x", ""},
		{"confined", Copy{Sources: []string{"../../a.txt"}, Dest: "/x"}, "a.txt>/x", ""},
		{"wildcard", Copy{Sources: []string{"?.txt"}, Dest: "/x/"}, "*a.txt>/x/a.txt *b.txt>/x/b.txt", ""},
		{"no globstar", Copy{Sources: []string{"**/key.pem"}, Dest: "/x/"}, "", "0:"},
		{"wildcard directory", Copy{Sources: []string{"app/s*/*.pem"}, Dest: "/x/"}, "*app/sub/key.pem>/x/key.pem", ""},
		{"class with a slash", Copy{Sources: []string{"app[^x]main.go"}, Dest: "/x"}, "*app/main.go>/x", ""},
		{"escaped in the name", Copy{Sources: []string{"we[[]i]rd"}, Dest: "/x"}, "*we[i]rd>/x", ""},
		{"a link is followed", Copy{Sources: []string{"link"}, Dest: "/x/"}, "app/.env>/x/link", ""},
		{"through wildcards too", Copy{Sources: []string{"lin?"}, Dest: "/x/"}, "*app/.env>/x/link", ""},
		{"through a directory link", Copy{Sources: []string{"dirlink/key.pem"}, Dest: "/x/"}, "app/sub/key.pem>/x/key.pem", ""},
		{"link confined", Copy{Sources: []string{"up"}, Dest: "/x/"}, "id_rsa>/x/up", ""},
		{"link out", Copy{Sources: []string{"out"}, Dest: "/x/"}, "", "0:out"},
		{"dangling", Copy{Sources: []string{"dangling"}, Dest: "/x/"}, "", "0:dangling"},
		{"loop", Copy{Sources: []string{"loop", "a.txt"}, Dest: "/x/"}, "a.txt>/x/a.txt", "0:loop!too many symbolic links"},
		{"ignored", Copy{Sources: []string{"secret/key"}, Dest: "/x"}, "", "0:secret/key ignored by secret:1"},
		{"ignored by wildcard", Copy{Sources: []string{"x.*"}, Dest: "/x"}, "", "0:x.log ignored by *.log:3"},
		{"nothing", Copy{Sources: []string{"nope"}, Dest: "/x"}, "", "0:"},
		{"empty directory", Copy{Sources: []string{"empty"}, Dest: "/x"}, "empty>/x", ""},
		{"exclude in a directory", Copy{Sources: []string{"app"}, Dest: "/x", Excludes: []string{"sub", "*.go"}}, "app>/x *app/.env>/x/.env", ""},
		{"exclude is relative to the source", Copy{Sources: []string{"app"}, Dest: "/x", Excludes: []string{"app/sub", "app/.env"}}, "app>/x *app/.env>/x/.env *app/main.go>/x/main.go *app/sub>/x/sub *app/sub/key.pem>/x/sub/key.pem *app/sub/link>/x/sub/link", ""},
		{"exclude brings the parent of an exception", Copy{Sources: []string{"app"}, Dest: "/x", Excludes: []string{"*", "!sub/key.pem"}}, "app>/x *app/sub>/x/sub *app/sub/key.pem>/x/sub/key.pem", ""},
		{"exclude does not touch the source itself", Copy{Sources: []string{"a.txt", "b.*"}, Dest: "/x/", Excludes: []string{"*.txt"}}, "a.txt>/x/a.txt *b.txt>/x/b.txt", ""},
		{"bad exclude", Copy{Sources: []string{"a.txt"}, Dest: "/x/", Excludes: []string{"["}}, "", "0:a.txt!syntax error in pattern"},
		{"costly exclude", Copy{Sources: []string{"a.txt"}, Dest: "/x/", Excludes: []string{strings.Repeat("*a", 40)}}, "", "0:a.txt!the pattern has more than 32 stars, which takes too long to match: use fewer"},
		{"parents", Copy{Sources: []string{"app/sub/key.pem"}, Dest: "/x/", Parents: true}, "*app>/x/app *app/sub>/x/app/sub app/sub/key.pem>/x/app/sub/key.pem", ""},
		{"parents with a pivot", Copy{Sources: []string{"app/./sub/key.pem"}, Dest: "/x/", Parents: true}, "*app>/x *app/sub>/x/sub app/sub/key.pem>/x/sub/key.pem", ""},
		{"parents with a globstar", Copy{Sources: []string{"**/*.pem"}, Dest: "/x/", Parents: true}, "*app>/x/app *app/sub>/x/app/sub *app/sub/key.pem>/x/app/sub/key.pem", ""},
		{"parents keep links", Copy{Sources: []string{"link"}, Dest: "/x/", Parents: true}, "link>/x/link", ""},
		{"parents of all is nothing", Copy{Sources: []string{"."}, Dest: "/x/", Parents: true}, "", "0:."},
		{"parents and exclude", Copy{Sources: []string{"app"}, Dest: "/x/", Parents: true, Excludes: []string{"app/sub"}}, "app>/x/app *app/.env>/x/app/.env *app/main.go>/x/app/main.go", ""},
		{"remote", Copy{Sources: []string{"https://example.com/a", "git@github.com:a/b.git", "a.txt"}, Dest: "/x/", Add: true}, "a.txt>/x/a.txt", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			taken, unmatched := c.Select(context.Background(), tt.cp, files)
			var got, un []string
			for _, tk := range taken {
				s := tk.File.Path + ">" + tk.Dest
				if tk.Swept {
					s = "*" + s
				}
				got = append(got, s)
			}
			for _, u := range unmatched {
				s := fmt.Sprintf("%d:%s", u.Source, u.Path)
				if u.Ignored {
					s += fmt.Sprintf(" ignored by %s:%d", u.Pattern, u.Line)
				}
				if u.Err != nil {
					s += "!" + u.Err.Error()
				}
				un = append(un, s)
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("took %s\nwant %s", g, tt.want)
			}
			if u := strings.Join(un, " "); u != tt.unmatched {
				t.Errorf("unmatched %q, want %q", u, tt.unmatched)
			}
		})
	}
}

func TestSelectAll(t *testing.T) {
	c := open(t, map[string]string{"Dockerfile": "", ".dockerignore": "# nothing\n", "a/b": ""}, Options{})
	taken, un := c.Select(context.Background(), Copy{Sources: []string{"."}, Dest: "."}, walkAll(t, c))
	if got := show(taken); len(taken) != 4 || len(un) != 0 || !strings.Contains(got, "Dockerfile => /Dockerfile") || !strings.Contains(got, ".dockerignore => ") {
		t.Errorf("COPY . . took %s, unmatched %v", got, un)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if taken, un := c.Select(ctx, Copy{Sources: []string{"a", "nope"}, Dest: "/"}, walkAll(t, c)); len(taken)+len(un) != 0 {
		t.Errorf("a stopped Select gave %v, %v", taken, un)
	}
}

func TestSelectAnyOrder(t *testing.T) {
	c := open(t, nil, Options{})
	files := []*File{{Path: "z"}, nil, {Path: "d/e/f"}, {Path: "b"}, {Path: "d", Mode: fs.ModeDir}, {Path: "b"}, {Path: "/a"}}
	taken, _ := c.Select(context.Background(), Copy{Sources: []string{"."}, Dest: "/"}, files)
	var got []string
	for _, tk := range taken {
		got = append(got, tk.Dest)
	}
	if want := []string{"/a", "/b", "/d", "/d/e", "/d/e/f", "/z"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func tarOf(t testing.TB) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "id_rsa", Size: 3, Mode: 0o600})
	io.WriteString(w, "key")
	w.Close()
	return b.Bytes()
}

func TestAddUnpacks(t *testing.T) {
	plain := tarOf(t)
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	zw.Write(plain)
	zw.Close()
	ze, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zst := ze.EncodeAll(plain, nil)
	bz, _ := base64.StdEncoding.DecodeString(tarBz2)
	xz, _ := base64.StdEncoding.DecodeString(tarXz)
	var notTar bytes.Buffer
	zw = gzip.NewWriter(&notTar)
	io.WriteString(zw, "just text")
	zw.Close()
	c := open(t, map[string]string{
		"plain": string(plain), "gz.txt": gz.String(), "bz": string(bz), "xz": string(xz), "zst": string(zst),
		"skippable": "\x50\x2A\x4D\x18\x04\x00\x00\x00abcd" + string(zst),
		"text.tar":  "not an archive", "text.gz": notTar.String(), "zeros.tar": string(make([]byte, 2048)), "empty.tar": "",
		"cut.gz": gz.String()[:12], "dir/inner.tar": string(plain), "link.tar": "-> plain",
	}, Options{})
	tree := c.Tree(walkAll(t, c))
	for name, want := range map[string]bool{
		"plain": true, "gz.txt": true, "bz": true, "xz": true, "zst": true, "skippable": true, "link.tar": true,
		"text.tar": false, "text.gz": false, "zeros.tar": false, "empty.tar": false, "cut.gz": false,
	} {
		taken, un := tree.Select(context.Background(), Copy{Sources: []string{name}, Dest: "/x", Add: true})
		if len(taken) != 1 || len(un) != 0 || taken[0].Unpacked != want || taken[0].Dest != "/x" {
			t.Errorf("ADD %s /x: %s, unpacked should be %v", name, show(taken), want)
		}
	}
	for _, cp := range []Copy{
		{Sources: []string{"plain"}, Dest: "/x/"},
		{Sources: []string{"plain"}, Dest: "/x/", Add: true, KeepArchives: true},
	} {
		if taken, _ := tree.Select(context.Background(), cp); len(taken) != 1 || taken[0].Unpacked || taken[0].Dest != "/x/plain" {
			t.Errorf("%+v: %s", cp, show(taken))
		}
	}
	taken, _ := tree.Select(context.Background(), Copy{Sources: []string{"dir", "gz.t*", "text.tar"}, Dest: "/x/", Add: true})
	if got, want := show(taken), `
  dir => /x (source 0, swept false, unpacked false)
  dir/inner.tar => /x/inner.tar (source 0, swept true, unpacked false)
  gz.txt => /x (source 1, swept true, unpacked true)
  text.tar => /x/text.tar (source 2, swept false, unpacked false)
`; got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

func FuzzSelect(f *testing.F) {
	f.Add("a/*\n!a/b", "a/./b", "/x/", "*.c", true, false)
	f.Add("", "[^a]/\\", "", "!", false, true)
	dir := f.TempDir()
	write(f, dir, map[string]string{"a/b": "", "a/c/d": "", "l": "-> a", "a/m": "-> ../l/m", "x.txt": "", "b c": ""})
	f.Fuzz(func(t *testing.T, ignore, src, dest, exclude string, parents, add bool) {
		ig, err := parseIgnoreFile(".dockerignore", []byte(ignore))
		if err != nil {
			return
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		c := &Context{dir: dir, root: root, ignore: ig, max: 100}
		files := walkAll(t, c)
		taken, _ := c.Select(context.Background(), Copy{Sources: []string{src, "."}, Dest: dest, Excludes: []string{exclude}, Parents: parents, Add: add}, files)
		for _, tk := range taken {
			if !strings.HasPrefix(tk.Dest, "/") || filepath.Clean(tk.Dest) != tk.Dest {
				t.Errorf("Dest %q", tk.Dest)
			}
		}
	})
}
