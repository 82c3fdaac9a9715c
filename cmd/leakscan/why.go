package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/report"
)

func (a *app) whyCommand() *cobra.Command {
	var f openFlags
	var config string
	c := &cobra.Command{
		Use: "why IMAGE PATH[:LINE]", Short: whyShort, Long: whyLong, Example: whyExample,
		Args: takes(2, whyWants),
		RunE: func(c *cobra.Command, args []string) error {
			open, err := f.options(a)
			if err != nil {
				return err
			}
			o := leakscan.Options{Open: open}
			if o.Rules, err = loadRules(config); err != nil {
				return err
			}
			path, line := splitLine(args[1])
			traces, err := leakscan.Why(c.Context(), args[:1], path, o)
			if err != nil {
				return &usageError{err}
			}
			if len(traces) == 0 {
				return usage(whyNoFile, args[0], path)
			}
			for i := range traces {
				a.why(&traces[i], line)
			}
			return nil
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&config, "config", "", configUsage)
	return c
}

// splitLine takes the line off PATH:LINE. 0: all lines.
func splitLine(s string) (path string, line int) {
	if i := strings.LastIndexByte(s, ':'); i > 0 {
		if n, err := strconv.Atoi(s[i+1:]); err == nil && n > 0 {
			return s[:i], n
		}
	}
	return s, 0
}

// why writes what the rules did in a file.
func (a *app) why(t *leakscan.Trace, line int) {
	fmt.Fprintf(a.stdout, whyFile+"\n", report.Escape(t.Path), report.Size(t.Bytes))
	n := 0
	done := map[[2]string]bool{} // a rule that came to something was tried
	for _, e := range t.Events {
		if e.What != detect.Tried {
			done[[2]string{e.Rule, strconv.Itoa(e.Line)}] = true
		}
	}
	for _, e := range t.Events {
		if line > 0 && e.Line != line && e.Line != 0 || e.What == detect.Tried && done[[2]string{e.Rule, strconv.Itoa(e.Line)}] {
			continue
		}
		n++
		where := whyAnywhere
		if e.Line > 0 {
			where = fmt.Sprintf(whyLine, e.Line)
		}
		words := []string{report.Pad(where, 10), report.Pad(string(e.What), 8), report.Pad(report.Escape(e.Rule), 34)}
		for _, s := range []string{e.Seen, e.Why} {
			if s != "" {
				words = append(words, report.Escape(s))
			}
		}
		fmt.Fprintln(a.stdout, "  "+strings.TrimRight(strings.Join(words, " "), " "))
	}
	if n == 0 {
		fmt.Fprintln(a.stdout, "  "+whyNothing)
	}
}
