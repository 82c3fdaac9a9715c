package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/ignore"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// scanFlags are the flags of a scan.
type scanFlags struct {
	outputs       []string
	failOn        string
	minConfidence string
	all           bool
	show          string
	progress      string
	color         string
	workers       int
	maxBytes      int64
	noUnpack      bool
	config        string // of scan only
	base          string
	failOnBase    string
	baseline      string
	ignoreFile    string
	dockerfile    string
	openFlags
}

// openFlags say how an image is found.
type openFlags struct {
	platform string
	insecure bool
}

func (f *openFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.platform, "platform", "", "`os/arch[/variant]` to read of an image for several, or all (default: this machine's)")
	fs.BoolVar(&f.insecure, "insecure", false, "allow plain HTTP and unverified TLS to registries")
}

func (f *openFlags) options(a *app) (layerwalk.Options, error) {
	o := layerwalk.Options{Platform: f.platform, Insecure: f.insecure, Stdin: a.stdin, Getenv: a.getenv}
	if err := o.Validate(); err != nil {
		return o, usage("%s", a.from("platform", err.Error()))
	}
	return o, nil
}

func (f *scanFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&f.outputs, "output", "o", nil, "write a report as `FORMAT[=FILE]`; repeatable: "+strings.Join(report.Formats(), ", ")+" (default text)")
	fs.StringVar(&f.failOn, "fail-on", "medium", "exit with 1 for findings of this `severity` and above: low, medium, high, critical, never")
	fs.StringVar(&f.minConfidence, "min-confidence", "medium", "and of this `confidence` and above: low, medium, high")
	fs.BoolVar(&f.all, "all", false, "show what is known to be harmless, too: placeholders, published examples, the tests of packages")
	fs.StringVar(&f.base, "base", "", "the `IMAGE` that it was built from: what comes from there is told as such, behind one's own")
	fs.StringVar(&f.failOnBase, "fail-on-base", "", "with --base: the `severity` from which on what comes from there fails (default: that of --fail-on)")
	fs.StringVar(&f.baseline, "baseline", "", "take back what is in `FILE`, made by leakscan baseline, or a report in JSON")
	fs.StringVar(&f.ignoreFile, "ignore-file", "", "take back what `FILE` lists (default: .leakscanignore here or above, up to the git root)")
	fs.StringVar(&f.dockerfile, "dockerfile", "", "the `FILE` that the image was built from: findings are shown, and told, at its lines")
	fs.StringVar(&f.show, "show-secrets", "", "show the secrets in clear, on a terminal only; =force: wherever the report goes")
	fs.Lookup("show-secrets").NoOptDefVal = "terminal"
	fs.StringVar(&f.progress, "progress", "auto", "show what is being read, on the standard error, as docker build does: auto, plain, tty, rawjson, quiet")
	fs.StringVar(&f.color, "color", "auto", "color the text report: auto, always, never")
	fs.IntVar(&f.workers, "workers", 0, "layers to read at the same time (default: one for each core)")
	fs.Int64Var(&f.maxBytes, "max-layer-bytes", layerwalk.DefaultMaxBytes, "stop reading a layer that gives more than so many `bytes` when decompressed")
	fs.BoolVar(&f.noUnpack, "no-unpack", false, noUnpackUsage)
	f.openFlags.register(fs)
}

func (a *app) scanCommand() *cobra.Command {
	var f scanFlags
	var version bool
	c := &cobra.Command{
		Use: "leakscan IMAGE...", Short: scanShort, Long: scanLong, Example: scanExample, Annotations: map[string]string{usesSettings: "yes"},
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if version {
				return a.version()
			}
			if len(args) == 0 {
				return misused(c, noImage)
			}
			return a.report(c.Context(), &f, func(o leakscan.Options) (*report.Report, error) {
				rep, err := leakscan.Scan(c.Context(), args, o)
				if err == nil {
					takenForImage(c, args, rep)
				}
				return rep, err
			})
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.config, "config", "", configUsage)
	c.Flags().BoolVar(&version, "version", false, "show the version, as leakscan version does")
	return c
}

// output is one report to be written.
type output struct {
	format string
	file   string // "": the standard output
	temp   *os.File
	lines  *report.Lines // of jsonl, which is written as it comes
}

// report checks the flags, scans, writes what was asked for and sets the exit
// code.
func (a *app) report(ctx context.Context, f *scanFlags, scan func(leakscan.Options) (*report.Report, error)) error {
	threshold, err := a.thresholdOf("", f.failOn, f.minConfidence)
	if err != nil {
		return err
	}
	open, err := f.options(a)
	if err != nil {
		return err
	}
	if f.failOnBase != "" {
		if threshold.Base = report.Severity(f.failOnBase); threshold.Base != "never" && threshold.Base.Rank() < 1 {
			return usage(unknownLevel, a.named("fail-on-base"), f.failOnBase)
		}
	}
	switch {
	case f.failOnBase != "" && f.base == "":
		return usage(baseNotNamed)
	case f.workers < 0:
		return usage(badWorkers, a.named("workers"), f.workers)
	case f.maxBytes <= 0:
		return usage(badBytes, a.named("max-layer-bytes"), f.maxBytes)
	case !slices.Contains([]string{"", "terminal", "force"}, f.show):
		return usage(unknownShow, a.named("show-secrets"), f.show)
	case !slices.Contains([]string{"auto", "always", "never"}, f.color):
		return usage(unknownColor, a.named("color"), f.color)
	}
	set, err := loadRules(f.config)
	if err != nil {
		return err
	}
	ignored, err := a.ignored(f)
	if err != nil {
		return err
	}
	dockerfile, err := readDockerfile(f.dockerfile)
	if err != nil {
		return err
	}
	outs, err := a.outputs(f.outputs, report.Formats())
	if err != nil {
		return err
	}
	defer abandon(outs)
	stdoutTTY := isTerminal(a.stdout)
	if f.show == "terminal" && (!stdoutTTY || outs[0].file != "") {
		return usage(showNeedsTTY)
	}
	o := leakscan.Options{Open: open, Rules: set, Workers: f.workers, MaxBytes: f.maxBytes, NoUnpack: f.noUnpack}
	if f.show != "" || dockerfile != nil {
		o.Secrets = &leakscan.Vault{}
	}
	if f.progress == "auto" && slices.ContainsFunc(outs, func(out *output) bool { return out.format == "jsonl" && isTerminal(out.sink(a)) }) {
		f.progress = "quiet" // it would draw over the lines
	}
	show, err := newProgress(f.progress, a.named("progress"), a.stderr)
	if err != nil {
		return err
	}
	o.Progress = show.update()
	if o.Found, err = a.found(outs, o); err != nil {
		show.stop(err)
		return err
	}
	started := time.Now()
	rep, err := scan(o)
	show.stop(ctx.Err())
	if err != nil {
		return &usageError{err}
	}
	if f.base != "" {
		bo := o
		bo.Secrets, bo.Progress, bo.Found = nil, nil, nil
		base, err := leakscan.Scan(ctx, []string{f.base}, bo)
		if err != nil {
			return &usageError{err}
		}
		rep.MarkBase(base)
		for _, g := range base.Gaps {
			rep.Notes = append(rep.Notes, report.Note{Text: fmt.Sprintf(baseGap, f.base, g.Reason)})
		}
	}
	if dockerfile != nil {
		frameDockerfile(dockerfile, set, o.Secrets)
	}
	ids, err := ruleIDs(set)
	if err != nil {
		return err
	}
	ignore.Apply(rep, ignored, started, ids)
	if set != nil {
		rep.Notes = append(rep.Notes, report.Note{Text: rulesNote(f.config, set)})
	}
	a.code = int(rep.Verdict(threshold))
	ro := report.Options{Threshold: threshold, All: f.all, Rule: rulePages(o.Rules), Dockerfile: dockerfile, Started: clock(started), Ended: clock(time.Now())}
	var failed []error
	for _, out := range slices.Backward(outs) { // files first: whoever reads the standard output may stop
		ro.Reveal = nil
		if f.show == "force" || f.show == "terminal" && out.file == "" {
			ro.Reveal = o.Secrets.Reveal
		}
		if err := a.write(out, rep, f.color, ro); err != nil {
			a.code |= exitIncomplete
			if !errors.Is(err, errReaderGone) {
				failed = append(failed, err)
			}
		}
	}
	if outs[0].file != "" || outs[0].format != "text" {
		fmt.Fprintln(a.stderr, rep.Summary())
		if len(rep.Images) == 0 { // nothing could be opened: say why where it is seen
			for _, g := range rep.Gaps {
				err := fmt.Errorf("%s: %s", g.Blob, g.Reason)
				for _, t := range g.Tried {
					err = fmt.Errorf("%w\n%s: %s", err, t.Kind, t.Reason)
				}
				a.complain(err)
			}
		}
	}
	if a.signal.Load() != 0 {
		fmt.Fprintln(a.stderr, "leakscan: "+interrupted)
	}
	return errors.Join(failed...)
}

// thresholdOf reads --fail-on and --min-confidence, whose names have the prefix.
func (a *app) thresholdOf(prefix, failOn, confidence string) (report.Threshold, error) {
	t := report.Threshold{Severity: report.Severity(failOn), Confidence: report.Confidence(confidence)}
	if t.Severity != "never" && t.Severity.Rank() < 1 {
		return t, usage(unknownLevel, a.named(prefix+"fail-on"), failOn)
	}
	if t.Confidence.Rank() < 1 {
		return t, usage(unknownConfidence, a.named(prefix+"min-confidence"), confidence)
	}
	return t, nil
}

// outputs reads the -o flags. The one for the standard output, if there is
// one, comes first. Files are opened now, so that a long scan does not end
// with an error that could have been told before it.
func (a *app) outputs(specs, formats []string) ([]*output, error) {
	if len(specs) == 0 {
		specs = []string{"text"}
	}
	var std *output
	var outs []*output
	for _, s := range specs {
		format, file, _ := strings.Cut(s, "=")
		if !slices.Contains(formats, format) {
			return nil, usage("%s", suggesting(fmt.Sprintf(unknownFormat, a.named("output"), format, strings.Join(formats, ", ")), rules.Nearest(format, formats)))
		}
		o := &output{format: format, file: file}
		if file == "" || file == "-" {
			o.file = ""
			if std != nil {
				return nil, usage("%s", a.from("output", fmt.Sprintf(twoOnStdout, std.format, format, format)))
			}
			std = o
			continue
		}
		for _, other := range outs {
			if sameFile(other.file, file) {
				return nil, usage("%s", a.from("output", fmt.Sprintf(twoInFile, other.format, format, file)))
			}
		}
		outs = append(outs, o)
	}
	for i, o := range outs {
		if err := o.open(); err != nil {
			abandon(outs[:i])
			return nil, usage(cannotWrite, o.file, err)
		}
	}
	if std != nil {
		outs = slices.Insert(outs, 0, std)
	}
	return outs, nil
}

// sameFile reports whether two names lead to the same regular file, or would.
func sameFile(a, b string) bool {
	sa, erra := os.Stat(a)
	sb, errb := os.Stat(b)
	if erra == nil && errb == nil {
		return os.SameFile(sa, sb) && sa.Mode().IsRegular()
	}
	fa, erra := filepath.Abs(a)
	fb, errb := filepath.Abs(b)
	return erra == nil && errb == nil && fa == fb
}

// sink is where it is written.
func (o *output) sink(a *app) *os.File {
	if o.temp != nil {
		return o.temp
	}
	return a.stdout
}

// open makes the file that will become the report. A pipe or a device, such as
// /dev/stderr, is written directly.
func (o *output) open() (err error) {
	if st, serr := os.Stat(o.file); serr == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return fmt.Errorf("it is a directory")
		}
		o.temp, err = os.OpenFile(o.file, os.O_WRONLY, 0)
		return err
	}
	o.temp, err = os.CreateTemp(filepath.Dir(o.file), ".leakscan-*") // mode 0600
	if err != nil {
		err = reason(err) // without the name that it would have had for a while
	}
	return err
}

// commit gives a file that was written whole its name.
func (o *output) commit() error {
	if o.temp == nil || o.temp.Name() == o.file {
		return nil
	}
	err := o.temp.Close()
	if err == nil {
		err = os.Rename(o.temp.Name(), o.file)
	}
	if err == nil {
		o.temp = nil
	}
	return err
}

// abandon removes one that was not.
func (o *output) abandon() {
	if o.temp != nil {
		o.temp.Close()
		if o.temp.Name() != o.file {
			os.Remove(o.temp.Name())
		}
		o.temp = nil
	}
}

func abandon(outs []*output) {
	for _, o := range outs {
		o.abandon()
	}
}

// rendering is a result that can be written: in the format of the output.
type rendering func(w io.Writer, format string, color bool, width int) error

// found begins the outputs that are written as it comes, and gives what tells them
// of a match; nil: there are none.
func (a *app) found(outs []*output, o leakscan.Options) (func(report.Match), error) {
	var all []*report.Lines
	for _, out := range outs {
		if out.format != "jsonl" {
			continue
		}
		tool, err := leakscan.Tool(o)
		if err != nil {
			return nil, err
		}
		out.lines = report.NewLines(out.sink(a), tool)
		all = append(all, out.lines)
	}
	if all == nil {
		return nil, nil
	}
	return func(m report.Match) {
		for _, l := range all {
			l.Match(m)
		}
	}, nil
}

// write renders the report and puts it in its place.
func (a *app) write(o *output, rep *report.Report, color string, ro report.Options) error {
	return a.render(o, color, func(w io.Writer, format string, color bool, width int) error {
		if o.lines != nil {
			return o.lines.Finish(rep, ro.Threshold)
		}
		ro.Color, ro.Width, ro.Link = color, width, nil
		if color && o.temp == nil && a.knowsLinks() {
			ro.Link = ruleLink
		}
		return report.Write(w, rep, format, ro)
	})
}

// knowsLinks reports whether the terminal is one of those that are known to make
// links of OSC 8.
func (a *app) knowsLinks() bool {
	if !isTerminal(a.stdout) || a.getenv("TERM") == "dumb" {
		return false
	}
	for _, key := range []string{"VTE_VERSION", "WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "WEZTERM_PANE", "ITERM_SESSION_ID", "ALACRITTY_WINDOW_ID", "GHOSTTY_RESOURCES_DIR"} {
		if a.getenv(key) != "" {
			return true
		}
	}
	return a.getenv("TERM_PROGRAM") == "vscode"
}

// ruleLink is the address of a built-in rule's page.
func ruleLink(id string) string {
	set, err := rules.Default()
	if err != nil {
		return ""
	}
	if r := set.Rule(id); r != nil && r.Category != "" {
		return "https://github.com/leakscan/leakscan/blob/main/docs/rules/" + r.Category + ".md#" + r.ID
	}
	return ""
}

// clock is a time as reports have it.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

// rulePages gives the pages of rules, for formats that carry them.
func rulePages(set *rules.Set) func(string) (report.RulePage, bool) {
	return func(id string) (report.RulePage, bool) {
		s, err := orBuiltin(set)
		if err != nil {
			return report.RulePage{}, false
		}
		r := s.Rule(id)
		if r == nil {
			return report.RulePage{}, false
		}
		p := report.RulePage{Title: r.Title, About: cmp.Or(r.About, r.Description), Docs: r.Docs, Severity: report.Severity(r.Severity), Confidence: report.Confidence(r.Confidence)}
		page := r.Page()
		p.Text = fmt.Sprintf(ruleHelpText, page.About, page.Leaks, page.Revoke, page.Fix)
		p.Markdown = fmt.Sprintf(ruleHelpMarkdown, page.About, page.Leaks, page.Revoke, page.Fix, r.ID)
		return p, true
	}
}

// render writes a result where it belongs; a file is whole, or is not there.
func (a *app) render(o *output, color string, r rendering) error {
	tty := o.temp == nil && isTerminal(a.stdout)
	b := bufio.NewWriterSize(o.sink(a), 64<<10)
	width := 0
	if tty {
		if columns, _, werr := term.GetSize(int(a.stdout.Fd())); werr == nil {
			width = columns
		}
	}
	err := r(b, o.format, color == "always" || color == "auto" && tty && a.getenv("NO_COLOR") == "", width)
	if err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = o.commit()
	}
	switch {
	case err != nil && o.temp == nil:
		return cannotPut(err)
	case err != nil:
		return fmt.Errorf(cannotWrite, o.file, err)
	}
	return nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
