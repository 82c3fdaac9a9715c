package gate

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io"
	gofs "io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/step"
)

// staticELF writes a static program without code.
func staticELF(t *testing.T) string {
	t.Helper()
	h := make([]byte, 64)
	copy(h, elf.ELFMAG)
	h[elf.EI_CLASS], h[elf.EI_DATA], h[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	h[16], h[18], h[20] = byte(elf.ET_EXEC), byte(elf.EM_X86_64), byte(elf.EV_CURRENT)
	h[52], h[54], h[58] = 64, 56, 64 // of the header, of a program's and of a section's
	name := filepath.Join(t.TempDir(), "static")
	if err := os.WriteFile(name, h, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestStaticProgram(t *testing.T) {
	file := staticELF(t)
	p, err := newProgram(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.files) != 1 || p.files[path.Base(step.Binary)] != file || strings.Join(p.args, " ") != step.Binary || len(p.digest) != 64 {
		t.Errorf("got %+v", p)
	}
	again, err := newProgram(file)
	if err != nil || again.digest != p.digest {
		t.Errorf("another digest: %v", err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("x")
	f.Close()
	if again, err = newProgram(file); err != nil || again.digest == p.digest {
		t.Errorf("another file has the same digest: %v", err)
	}
	layer(t, p)
}

func TestDynamicProgram(t *testing.T) {
	const ls = "/bin/ls"
	f, err := elf.Open(ls)
	if err != nil || runtime.GOOS != "linux" {
		t.Skip(err)
	}
	needed, _ := f.ImportedLibraries()
	f.Close()
	if len(needed) == 0 {
		t.Skip("it is a static one")
	}
	p, err := newProgram(ls)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.args) != 4 || !strings.HasPrefix(p.args[0], "/"+libraries+"/ld") || p.args[1] != "--library-path" || p.args[3] != step.Binary {
		t.Errorf("args: %q", p.args)
	}
	for _, lib := range append(needed, path.Base(p.args[0])) {
		if file := p.files[libraries+"/"+lib]; file == "" {
			t.Errorf("%s is not there", lib)
		} else if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	layer(t, p)

	// It runs with nothing but these files.
	dir := t.TempDir()
	for name, file := range p.files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{filepath.Join(dir, p.args[0]), "--inhibit-cache", "--library-path", filepath.Join(dir, libraries), filepath.Join(dir, step.Binary), dir}
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), libraries) {
		t.Errorf("%s: %v", out, err)
	}
}

// layer checks that all of a program comes into the tar of a layer, and into a
// directory as BuildKit's session has it.
func layer(t *testing.T, p *program) {
	t.Helper()
	var b bytes.Buffer
	if err := p.writeTar(&b); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(p.files[h.Name])
		if err != nil || info.Size() != h.Size || h.Mode != 0o755 {
			t.Errorf("%s: %v, mode %o", h.Name, err, h.Mode)
		}
		found[h.Name] = true
	}
	if len(found) != len(p.files) {
		t.Errorf("%d files in the tar, not %d", len(found), len(p.files))
	}

	tr := tree(p.files)
	last := ""
	err := tr.Walk(context.Background(), "", func(name string, d gofs.DirEntry, err error) error {
		if err != nil || name <= last {
			t.Errorf("%s after %s, %v", name, last, err)
		}
		last = name
		if d.IsDir() {
			return nil
		}
		delete(found, name)
		r, err := tr.Open(name)
		if err != nil {
			return err
		}
		return r.Close()
	})
	if err != nil || len(found) != 0 {
		t.Errorf("%v, not walked: %v", err, found)
	}
	if _, err := tr.Open("/etc/passwd"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of this machine: %v", err)
	}
	if _, err := tr.Open("../../etc/passwd"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of this machine: %v", err)
	}
}

func TestNoProgram(t *testing.T) {
	text := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{text, filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		if _, err := newProgram(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
		g := testGate(t, func(o *Options) { o.Scanner = file })
		for range 2 {
			if _, err := g.program(); err == nil {
				t.Error("it is taken for a program")
			}
		}
	}
	if findLibrary("libleakscan-is-not-there.so.9") != "" {
		t.Error("a library out of nothing")
	}
	if runtime.GOOS == "linux" {
		if _, err := testGate(t, nil).program(); err != nil {
			t.Errorf("this very program: %v", err)
		}
	}
}
