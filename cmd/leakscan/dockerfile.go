package main

import (
	"os"
	"path/filepath"
	"strings"

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

// frameDockerfile lets findings be shown where their instruction stands, without
// the secrets that the scan has found and those that stand in the file.
func frameDockerfile(d *report.Dockerfile, set *rules.Set, found *leakscan.Vault) error {
	scanner, err := detect.For(set)
	if err != nil {
		return err
	}
	text := strings.Join(d.Lines, "\n")
	shown := found.Mask(string(check.Masked(scanner, d.Path, []byte(text))))[0]
	lines := strings.Split(shown, "\n")
	if len(lines) != len(d.Lines) {
		return nil // they would be others
	}
	hideSplit(lines, d.Lines, found)
	data := []byte(strings.Join(lines, "\n"))
	d.Frame = func(first, last int) string { return check.Frame(d.Path, data, first, last) }
	return nil
}

// hideSplit hides the lines of an instruction that have a secret together, and
// apart only pieces, which nothing masks.
func hideSplit(shown, lines []string, found *leakscan.Vault) {
	for i := 0; i < len(lines); i++ {
		var pieces []string
		first := i
		for ; i < len(lines); i++ {
			l := strings.TrimRight(lines[i], " \t\r")
			piece := strings.TrimRight(l, "\\`")
			pieces = append(pieces, piece)
			if piece == l {
				break
			}
		}
		if len(pieces) == 1 {
			continue
		}
		masked := found.Mask(append(pieces, strings.Join(pieces, ""))...)
		if masked[len(pieces)] != strings.Join(masked[:len(pieces)], "") {
			for k := first; k < first+len(pieces); k++ {
				shown[k] = "…"
			}
		}
	}
}
