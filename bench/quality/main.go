// Command quality measures what leakscan finds: recall and precision on the
// corpus of testdata/secrets, and findings a GB in trees that are given. See
// quality.sh.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/internal/corpus"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

func main() {
	verbose := flag.Bool("v", false, "list what was missed, and what was found in negatives")
	dir := flag.String("corpus", "testdata/secrets", "the corpus")
	flag.Parse()
	if err := run(*dir, flag.Args(), *verbose); err != nil {
		log.Fatal(err)
	}
}

func run(dir string, trees []string, verbose bool) error {
	es, err := corpus.Load(os.DirFS(dir))
	if err != nil {
		return err
	}
	s, err := corpus.Measure(context.Background(), es)
	if err != nil {
		return err
	}
	fmt.Printf("%-16s %8s %8s %8s %10s %8s %8s\n", "corpus", "secrets", "found", "at gate", "negatives", "false", "below")
	row := func(name string, s *corpus.Score) {
		fmt.Printf("%-16s %8d %8s %8s %10d %8s %8s\n", name, s.Secrets, corpus.Percent(s.Found, s.Secrets), corpus.Percent(s.Gated, s.Secrets), s.Negatives, corpus.Percent(s.False, s.Negatives), corpus.Percent(s.FalseLow, s.Negatives))
	}
	for _, n := range s.Families() {
		row(n, s.ByFamily[n])
	}
	row("all", s)
	if verbose {
		for _, m := range s.Missed {
			fmt.Println("missed:", m)
		}
		for _, m := range s.Weak {
			fmt.Println("below the gate:", m)
		}
		for _, m := range s.Wrong {
			fmt.Println("false:", m)
		}
	}
	if len(trees) > 0 {
		fmt.Printf("\n%-40s %8s %8s %10s %8s %8s %8s\n", "tree", "GB", "at gate", "a GB", "high", "below", "info")
	}
	for _, t := range trees {
		if err := tree(t, verbose); err != nil {
			return err
		}
	}
	return nil
}

// tree scans the files of a directory, "PATH=DIR", as they are in an image that
// has them at PATH. A secret that is in many places is one finding.
func tree(arg string, verbose bool) error {
	at, dir, ok := strings.Cut(arg, "=")
	if !ok {
		at, dir = "", arg
	}
	scanner, err := detect.For(nil)
	if err != nil {
		return err
	}
	worst := map[[16]byte]detect.Match{}
	where := map[[16]byte]string{}
	var bytes int64
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // what can't be read isn't counted
		}
		f, err := os.Open(file)
		if err != nil {
			return nil
		}
		defer f.Close()
		if st, err := f.Stat(); err == nil {
			bytes += st.Size()
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		for m, err := range scanner.Scan(path.Join(at, filepath.ToSlash(rel)), f) {
			if err != nil {
				continue
			}
			id := m.Secret.ID()
			if old, ok := worst[id]; !ok || rank(m) > rank(old) {
				worst[id], where[id] = m, fmt.Sprintf("%s:%d", file, m.Line)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var gate, high, below, info int
	for id, m := range worst {
		switch {
		case m.Severity == rules.SeverityInfo:
			info++
		case report.Threshold{}.Reached(report.Severity(m.Severity), report.Confidence(m.Confidence)):
			gate++
			if report.Severity(m.Severity).Rank() >= report.SeverityHigh.Rank() {
				high++
			}
			if verbose {
				fmt.Printf("%s %s %s %s\n", m.Severity, m.Rule.ID, where[id], m.Secret)
			}
		default:
			below++
		}
	}
	gb := float64(bytes) / 1e9
	fmt.Printf("%-40s %8.2f %8d %10.1f %8d %8d %8d\n", dir, gb, gate, float64(gate)/gb, high, below, info)
	return nil
}

// rank orders what is known of a secret at several places.
func rank(m detect.Match) int {
	return 10*report.Severity(m.Severity).Rank() + report.Confidence(m.Confidence).Rank()
}
