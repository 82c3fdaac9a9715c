package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/report"
)

// fix corrects what the arguments name, and says what is left.
func (a *app) fix(ctx context.Context, f *checkFlags, args []string, o check.Options) error {
	if len(args) != 1 {
		return usage(fixOne)
	}
	fix, before, err := check.Mend(ctx, args[0], o)
	if err != nil {
		return &usageError{err}
	}
	if f.diff {
		for _, file := range fix.Files {
			old := file.Name
			if file.Old == nil {
				old = "/dev/null"
			}
			a.print(escapeLines(string(diff.Diff(old, file.OldShown, file.Name, file.NewShown))))
		}
		a.advise(fix)
		a.code = int(before.Verdict(f.threshold()))
		return nil
	}
	if err := fix.Write(); err != nil {
		return err
	}
	for _, file := range fix.Files {
		verb := fixChanged
		if file.Old == nil {
			verb = fixWritten
		}
		a.print(fmt.Sprintf(verb, report.Escape(file.Name)))
	}
	a.advise(fix)
	after, err := check.Paths(ctx, args, o)
	if err != nil {
		return &usageError{err}
	}
	a.code = int(after.Verdict(f.threshold()))
	outs, err := a.outputs(f.outputs, checkFormats[:])
	if err != nil {
		return err
	}
	defer abandon(outs)
	for _, out := range outs {
		if err := a.render(out, f.color, checkRendering(after)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) print(s string) { fmt.Fprint(a.stdout, s) }

// escapeLines makes lines safe for a terminal.
func escapeLines(s string) string {
	var b strings.Builder
	for l := range strings.Lines(s) {
		body, nl := strings.CutSuffix(l, "\n")
		b.WriteString(report.Escape(strings.ReplaceAll(body, "\t", "    ")))
		if nl {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// advise says how to build what was mended, and what was not mended.
func (a *app) advise(fix *check.Fix) {
	if fix.Mended == 0 {
		a.print(fixNothing)
	} else {
		a.print(fmt.Sprintf(fixMended, counted(fix.Mended, "problem")))
	}
	for _, r := range fix.Refused {
		a.print(fmt.Sprintf(fixRefused, report.Escape(r.Span.File), r.Span.Line, r.Check, report.Escape(r.Why)))
	}
	if len(fix.Secrets) > 0 || fix.SSH {
		a.print(fix.Snippets())
	}
	a.print("\n")
}
