package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/leakscan/leakscan/buildhook/buildcontext"
	"github.com/leakscan/leakscan/report"
)

// Paths checks what each of the paths names: a directory with a Dockerfile, a
// Dockerfile, "-", or a file that drives builds. The result is one report.
func Paths(ctx context.Context, paths []string, o Options) (*report.Check, error) {
	c, err := newChecker(o)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		if err := c.path(ctx, p); err != nil {
			return nil, err
		}
	}
	return c.report(), nil
}

// path checks what one path names.
func (c *checker) path(ctx context.Context, p string) error {
	inv := c.base
	switch {
	case p == "-":
		inv.Dockerfile, inv.Context = "-", ""
		return c.build(ctx, inv)
	case remote(p):
		inv.Context = p
		return c.build(ctx, inv)
	}
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no such file or directory: %s", p)
	case err != nil:
		return fmt.Errorf("%s can't be read: %w", p, buildcontext.Reason(err))
	}
	if info.IsDir() {
		inv.Context = p
		return c.build(ctx, inv)
	}
	if kind := driverKind(p); kind != noDriver {
		return c.drive(ctx, kind, p)
	}
	if inv.Dockerfile != "" {
		return fmt.Errorf("%s is no directory, and -f names a Dockerfile already: give the directory of the build context", p)
	}
	inv.Dockerfile, inv.Context = p, filepath.Dir(p)
	return c.build(ctx, inv)
}

// driver is a kind of file that drives builds.
type driver int

const (
	noDriver driver = iota
	composeFile
	bakeFile
	workflowFile
)

// driverKind tells a file that drives builds by its name and, where that says
// nothing, by what it begins with.
func driverKind(name string) driver {
	base := strings.ToLower(filepath.Base(name))
	slashed := filepath.ToSlash(name)
	if abs, err := filepath.Abs(name); err == nil {
		slashed = filepath.ToSlash(abs)
	}
	yml := strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml")
	switch {
	case strings.HasSuffix(base, ".hcl"):
		return bakeFile
	case strings.HasSuffix(base, ".json"):
		return bakeFile
	case yml && strings.Contains(slashed, "/.github/workflows/"), yml && (base == "action.yml" || base == "action.yaml"):
		return workflowFile
	case yml && strings.Contains(base, "compose"):
		return composeFile
	case yml:
		b, err := readFile(name, maxDockerfile)
		if err != nil {
			return noDriver
		}
		if hasLine(b, "services:") {
			return composeFile
		}
		if hasLine(b, "jobs:") || hasLine(b, "runs:") {
			return workflowFile
		}
	}
	return noDriver
}

func hasLine(b []byte, start string) bool {
	return bytes.HasPrefix(b, []byte(start)) || bytes.Contains(b, []byte("\n"+start))
}

// drive checks a file that drives builds, and what it builds.
func (c *checker) drive(ctx context.Context, kind driver, name string) error {
	b, err := readFile(name, maxDockerfile)
	if err != nil {
		return err
	}
	src := newSource(c.display(name), b)
	c.addSource(src)
	c.d = nil
	d := &drivers{src: src, dir: filepath.Dir(name), getenv: c.o.Getenv, gap: c.gap,
		recognise: func(n, v string) bool { return c.recognise(n, v) != nil }}
	if err := d.read(kind); err != nil {
		c.gap(report.GapUnreadable, src.name, "", err.Error(), "correct it and check again; only what stands in the text was looked at")
	}
	for _, f := range d.found {
		f.src = src
		for _, v := range f.known {
			c.known(v)
		}
		c.found = append(c.found, f)
	}
	for _, inv := range d.builds {
		if err := ctx.Err(); err != nil {
			return err
		}
		inv.CacheMax = inv.CacheMax || c.base.CacheMax
		inv.ProvenanceMax = inv.ProvenanceMax || c.base.ProvenanceMax
		if err := c.build(ctx, inv); err != nil {
			c.gap(report.GapMissing, src.name, inv.Origin, err.Error(), "")
		}
	}
	return nil
}
