package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/ignore"
	"github.com/leakscan/leakscan/report"
)

// baselineCommand writes what an image has today, to be taken back tomorrow.
func (a *app) baselineCommand() *cobra.Command {
	var f openFlags
	var file, config string
	var noUnpack bool
	c := &cobra.Command{
		Use: "baseline IMAGE... -o FILE", Short: baselineShort, Long: baselineLong, Example: baselineExample,
		Args: takes(-1, baselineWants), Annotations: map[string]string{usesSettings: "yes"},
		RunE: func(c *cobra.Command, args []string) error {
			set, err := loadRules(config)
			if err != nil {
				return err
			}
			open, err := f.options(a)
			if err != nil {
				return err
			}
			out := &output{file: file}
			if file != "" && file != "-" {
				if err := out.open(); err != nil {
					return usage(cannotWrite, file, err)
				}
				defer out.abandon()
			}
			rep, err := leakscan.Scan(c.Context(), args, leakscan.Options{Open: open, Rules: set, NoUnpack: noUnpack})
			if err != nil {
				return &usageError{err}
			}
			if len(rep.Gaps) > 0 {
				fmt.Fprintln(a.stderr, rep.Summary())
				a.code = exitIncomplete
				return errors.New(baselineIncomplete)
			}
			findings, entries := 0, 0
			if err := a.render(out, "never", func(w io.Writer, _ string, _ bool, _ int) (err error) {
				findings, entries, err = ignore.WriteBaseline(w, rep)
				return err
			}); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, baselineWritten, counted(findings, "finding"), counted(entries, "place"))
			return nil
		},
	}
	f.register(c.Flags())
	c.Flags().StringVarP(&file, "output", "o", "", "write the baseline to `FILE` (default: the standard output)")
	c.Flags().StringVar(&config, "config", "", configUsage)
	c.Flags().BoolVar(&noUnpack, "no-unpack", false, noUnpackUsage)
	return c
}

// diffCommand compares two images or reports.
func (a *app) diffCommand() *cobra.Command {
	var f openFlags
	var format, failOn, confidence, config string
	var noUnpack bool
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: diffShort, Long: diffLong, Example: diffExample,
		Args: takes(2, diffWants), Annotations: map[string]string{usesSettings: "yes"},
		RunE: func(c *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usage(unknownFormat, a.named("format"), format, "text, json")
			}
			threshold, err := a.thresholdOf("", failOn, confidence)
			if err != nil {
				return err
			}
			set, err := loadRules(config)
			if err != nil {
				return err
			}
			open, err := f.options(a)
			if err != nil {
				return err
			}
			o := leakscan.Options{Open: open, Rules: set, NoUnpack: noUnpack}
			old, err := a.reportOf(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			cur, err := a.reportOf(c.Context(), args[1], o)
			if err != nil {
				return err
			}
			d := ignore.Compare(old, cur)
			for _, fi := range append(append([]report.Finding(nil), d.New...), d.Moved...) {
				if threshold.Reached(fi.Severity, fi.Confidence) && !fi.Suppressed() {
					a.code |= int(report.Leaks)
				}
			}
			a.code |= int((old.Verdict(threshold) | cur.Verdict(threshold)) & report.Incomplete)
			var b bytes.Buffer
			if format == "json" {
				if err := report.WriteValue(&b, d, "the difference"); err != nil {
					return err
				}
				return a.put(b.Bytes())
			}
			for _, part := range []struct {
				sign string
				fs   []report.Finding
			}{{"+", d.New}, {">", d.Moved}, {"-", d.Fixed}} {
				for _, fi := range part.fs {
					if fi.Severity == report.SeverityInfo {
						continue
					}
					l := fi.Locations[0]
					fmt.Fprintf(&b, "%s %s %s  %s  %s\n", part.sign, report.Pad(report.Escape(string(fi.Severity)), 8), report.Escape(fi.Title), report.Escape(fi.Secret.String()), report.Escape(l.Path))
				}
			}
			fmt.Fprintf(&b, diffSummary, counting(d.New), counting(d.Moved), counting(d.Fixed), counting(d.Unchanged))
			for _, r := range []*report.Report{old, cur} {
				if len(r.Gaps) > 0 {
					fmt.Fprintln(&b, r.Summary())
				}
			}
			return a.put(b.Bytes())
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&config, "config", "", configUsage)
	c.Flags().BoolVar(&noUnpack, "no-unpack", false, noUnpackUsage)
	c.Flags().StringVarP(&format, "format", "o", "text", "write as `FORMAT`, text or json")
	c.Flags().StringVar(&failOn, "fail-on", "medium", "exit with 1 for new findings of this `severity` and above: low, medium, high, critical, never")
	c.Flags().StringVar(&confidence, "min-confidence", "medium", "and of this `confidence` and above: low, medium, high")
	return c
}

// counting leaves out what is known to be harmless.
func counting(fs []report.Finding) (n int) {
	for i := range fs {
		if fs[i].Severity != report.SeverityInfo {
			n++
		}
	}
	return n
}

// reportOf reads a report, or scans an image.
func (a *app) reportOf(ctx context.Context, arg string, o leakscan.Options) (*report.Report, error) {
	if file, err := os.Open(arg); err == nil {
		defer file.Close()
		head := make([]byte, 1)
		if n, _ := file.Read(head); n == 1 && head[0] == '{' {
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
			r, err := report.ReadJSON(file)
			if err != nil {
				return nil, usage("%s: %v", arg, err)
			}
			return r, nil
		}
	}
	r, err := leakscan.Scan(ctx, []string{arg}, o)
	if err != nil {
		return nil, &usageError{err}
	}
	if len(r.Images) == 0 {
		for _, g := range r.Gaps {
			a.complain(fmt.Errorf("%s: %s", g.Blob, g.Reason))
		}
	}
	return r, nil
}
