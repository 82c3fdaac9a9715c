// Command quality measures what leakscan finds: recall and precision on the
// corpus of testdata/secrets, and findings a GB in trees that are given. See
// quality.sh.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/corpus"
	"github.com/leakscan/leakscan/report"
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

// tree scans a directory as if it were the root of an image.
func tree(dir string, verbose bool) error {
	rep, err := leakscan.Scan(context.Background(), []string{"dir:" + dir}, leakscan.Options{})
	if err != nil {
		return err
	}
	var gate, high, below, info int
	for i := range rep.Findings {
		f := &rep.Findings[i]
		switch {
		case f.Severity == report.SeverityInfo:
			info++
		case report.Threshold{}.Reached(f.Severity, f.Confidence):
			gate++
			if f.Severity.Rank() >= report.SeverityHigh.Rank() {
				high++
			}
			if verbose {
				fmt.Printf("%s %s %s:%d %s\n", f.Severity, f.Rule, f.Locations[0].Path, f.Locations[0].Line, f.Secret)
			}
		default:
			below++
		}
	}
	gb := float64(rep.Stats.Bytes) / 1e9
	fmt.Printf("%-40s %8.2f %8d %10.1f %8d %8d %8d\n", dir, gb, gate, float64(gate)/gb, high, below, info)
	return nil
}
