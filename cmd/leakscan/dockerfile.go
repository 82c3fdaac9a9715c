package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// readDockerfile reads the one that findings are told at; nil: none is named.
func readDockerfile(name string) (*report.Dockerfile, error) {
	if name == "" {
		return nil, nil
	}
	text, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	path, err := inRepository(name)
	if err != nil {
		return nil, err
	}
	return &report.Dockerfile{Path: path, Lines: strings.Split(string(text), "\n")}, nil
}

// inRepository is the path of a file in its git repository or, outside of one, in
// the working directory: how those who read a report name it.
func inRepository(name string) (string, error) {
	file, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	root := gitRoot(dir)
	rel, err := filepath.Rel(root, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", usage(dockerfileOutside, name, root)
	}
	return filepath.ToSlash(rel), nil
}

// maxFramed bounds the Dockerfiles that are shown.
const maxFramed = 256 << 10

// frameDockerfile lets findings be shown where their instruction stands. The
// Dockerfile is masked when the first one is.
func frameDockerfile(d *report.Dockerfile, set *rules.Set, found *leakscan.Vault) {
	masked := sync.OnceValue(func() []byte { return maskedDockerfile(d, set, found) })
	d.Frame = func(first, last int) string {
		data := masked()
		if data == nil {
			return ""
		}
		return check.Frame(d.Path, data, first, last)
	}
}

// maskedDockerfile is a Dockerfile without the secrets that the scan has found and
// those that stand in it; nil: it can't be shown.
func maskedDockerfile(d *report.Dockerfile, set *rules.Set, found *leakscan.Vault) []byte {
	scanner, err := detect.For(set)
	if err != nil || len(strings.Join(d.Lines, "\n")) > maxFramed {
		return nil
	}
	lines := strings.Split(string(check.Masked(scanner, d.Path, []byte(strings.Join(d.Lines, "\n")), found.Cover)), "\n")
	for i, shares := range found.Shares(lines) {
		if shares {
			lines[i] = "…"
		}
	}
	return []byte(strings.Join(lines, "\n"))
}
