package gate

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/buildhook/step"
)

// program is the scanner as it runs in a build: the leakscan binary, and what
// its file needs of this machine if it isn't a static one, which go install
// makes only without a C compiler.
type program struct {
	files  map[string]string // name in the step, without the slash, to file on this machine
	args   []string          // to run it
	digest string            // of all of it, in hex
}

// libraries is where the loader and the libraries are in the step.
const libraries = "leakscan-lib"

func newProgram(file string) (*program, error) {
	p := &program{files: map[string]string{path.Base(step.Binary): file}, args: []string{step.Binary}}
	loader, err := p.libraries(file)
	if err != nil {
		return nil, err
	}
	if loader != "" {
		p.args = []string{"/" + libraries + "/" + filepath.Base(loader), "--library-path", "/" + libraries, step.Binary}
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		fmt.Fprintf(h, "%s\x00", name)
		if err := copyInto(h, p.files[name]); err != nil {
			return nil, err
		}
	}
	p.digest = hex.EncodeToString(h.Sum(nil))
	return p, nil
}

func copyInto(w io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}

// libraries adds what an ELF file is linked with. It returns its loader; ""
// for a static one.
func (p *program) libraries(file string) (loader string, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", fmt.Errorf("%s can't scan in a build, it is no program for Linux: %w", file, err)
	}
	defer f.Close()
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP {
			b, err := io.ReadAll(io.LimitReader(s.Open(), 4096))
			if err != nil {
				return "", err
			}
			loader = strings.TrimRight(string(b), "\x00")
		}
	}
	needed, err := f.ImportedLibraries()
	if err != nil || loader == "" && len(needed) == 0 {
		return "", nil
	}
	if loader != "" {
		p.files[libraries+"/"+filepath.Base(loader)] = loader
	}
	for _, lib := range needed {
		name := libraries + "/" + lib
		if p.files[name] != "" {
			continue
		}
		found := findLibrary(lib)
		if found == "" {
			return "", fmt.Errorf("%s needs %s, which is not found: build leakscan with CGO_ENABLED=0", file, lib)
		}
		p.files[name] = found
		if _, err := p.libraries(found); err != nil {
			return "", err
		}
	}
	return loader, nil
}

func findLibrary(name string) string {
	for _, pattern := range []string{"/lib64/", "/usr/lib64/", "/lib/", "/usr/lib/", "/lib/*-linux-gnu*/", "/usr/lib/*-linux-gnu*/", "/lib/*-linux-musl*/"} {
		if found, _ := filepath.Glob(pattern + name); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// scannerFile is the file of the binary for the step.
func (g *Gate) scannerFile() (string, error) {
	if g.o.Scanner != "" {
		return g.o.Scanner, nil
	}
	if runtime.GOOS != "linux" {
		return "", errors.New("this leakscan is not for Linux and can't run in the build: name one that is with --leakscan-scanner FILE")
	}
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding leakscan's own file: %w", err)
	}
	return exe, nil
}

// program is the scanner, read once.
func (g *Gate) program() (*program, error) {
	g.programOnce.Do(func() {
		var file string
		if file, g.programErr = g.scannerFile(); g.programErr == nil {
			g.prog, g.programErr = newProgram(file)
		}
	})
	return g.prog, g.programErr
}
