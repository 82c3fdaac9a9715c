package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tonistiigi/go-csvvalue"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// checkFlags are the flags of a check. Those of docker build have its names
// and meanings.
type checkFlags struct {
	file       string
	target     string
	platform   string
	args       []string
	secrets    []string
	ssh        []string
	contexts   []string
	cacheTo    []string
	provenance string
	attest     []string

	fix  bool
	diff bool

	outputs  []string
	failOn   string
	color    string
	config   string
	workers  int
	noUnpack bool
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use: "check [DIR|FILE|-]...", Short: checkShort, Long: checkLong, Example: checkExample,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error { return a.check(c.Context(), &f, args) },
	}
	fs := c.Flags()
	fs.StringVarP(&f.file, "file", "f", "", "the Dockerfile (default: DIR/Dockerfile)")
	fs.StringVar(&f.target, "target", "", "the stage that is built (default: every one that no other needs)")
	fs.StringVar(&f.platform, "platform", "", "`os/arch[/variant]` that is built for")
	fs.StringArrayVar(&f.args, "build-arg", nil, "a build argument, `NAME[=VALUE]`, as docker build has it")
	fs.StringArrayVar(&f.secrets, "secret", nil, "a secret that the build is given, `id=ID[,…]`; its value is not read")
	fs.StringArrayVar(&f.ssh, "ssh", nil, "an SSH agent that the build is given; not used")
	fs.StringArrayVar(&f.contexts, "build-context", nil, "a further build context, `NAME=PATH`")
	fs.StringArrayVar(&f.cacheTo, "cache-to", nil, "where the build exports its cache; with mode=max stages that are not shipped count in full")
	fs.StringVar(&f.provenance, "provenance", "", "the provenance that the build makes, `mode=max` for instance")
	fs.StringArrayVar(&f.attest, "attest", nil, "the attestations that the build makes, as docker build has it")
	fs.BoolVar(&f.fix, "fix", false, "write the corrected Dockerfile and .dockerignore, where that is safe")
	fs.BoolVar(&f.diff, "diff", false, "with --fix: show what would change, and write nothing")
	fs.StringArrayVarP(&f.outputs, "output", "o", nil, "write a report as `FORMAT[=FILE]`, text or json; repeatable (default text)")
	fs.StringVar(&f.failOn, "fail-on", "low", "exit with 1 for problems of this `severity` and above: low, medium, high, critical, never")
	fs.StringVar(&f.color, "color", "auto", "color the text report: auto, always, never")
	fs.StringVar(&f.config, "config", "", configUsage)
	fs.BoolVar(&f.noUnpack, "no-unpack", false, "don't look into archives in the context, such as jars")
	fs.IntVar(&f.workers, "workers", 0, "files to read at the same time (default: one for each core)")
	return c
}

// check checks what the arguments name, and mends it if asked to.
// threshold is that of a check, whose problems are all worth a look.
func (f *checkFlags) threshold() report.Threshold {
	return report.Threshold{Severity: report.Severity(f.failOn), Confidence: report.ConfidenceLow}
}

func (a *app) check(ctx context.Context, f *checkFlags, args []string) error {
	failOn := report.Severity(f.failOn)
	switch {
	case failOn != "never" && failOn.Rank() < 1:
		return usage(unknownLevel, a.named("fail-on"), f.failOn)
	case !slices.Contains([]string{"", "auto", "always", "never"}, f.color):
		return usage(unknownColor, a.named("color"), f.color)
	case f.workers < 0:
		return usage(badWorkers, a.named("workers"), f.workers)
	case f.diff && !f.fix:
		f.fix = true
	}
	set, err := loadRules(f.config)
	if err != nil {
		return err
	}
	inv, err := f.invocation()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	home, _ := os.UserHomeDir()
	o := check.Options{
		Invocation: inv, Rules: set, Version: leakscan.Version(), Workers: f.workers, Stdin: a.stdin, Home: home,
		Getenv: os.LookupEnv, NoUnpack: f.noUnpack,
	}
	if f.fix {
		return a.fix(ctx, f, args, o)
	}
	outs, err := a.outputs(f.outputs, checkFormats[:])
	if err != nil {
		return err
	}
	defer abandon(outs)
	rep, err := check.Paths(ctx, args, o)
	if err != nil {
		return &usageError{err}
	}
	if set != nil {
		rep.Notes = append(rep.Notes, report.Note{Text: rulesNote(f.config, set)})
	}
	a.code = int(rep.Verdict(f.threshold()))
	for _, out := range outs {
		if err := a.render(out, f.color, checkRendering(rep)); err != nil {
			a.code |= exitIncomplete
			return err
		}
	}
	if outs[0].file != "" || outs[0].format != "text" {
		fmt.Fprintln(a.stderr, rep.Summary())
	}
	return nil
}

func checkRendering(rep *report.Check) rendering {
	return func(w io.Writer, format string, color bool, width int) error {
		if format == "json" {
			return report.WriteCheckJSON(w, rep)
		}
		return report.WriteCheckText(w, rep, report.TextOptions{Color: color, Width: width})
	}
}

// checkFormats are those of a check.
var checkFormats = [...]string{"text", "json"}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.\-]*$`)

// invocation is what the flags say of the build.
func (f *checkFlags) invocation() (check.Invocation, error) {
	inv := check.Invocation{
		Dockerfile: f.file, Target: f.target, Platform: f.platform,
		Args: map[string]string{}, Contexts: map[string]string{},
	}
	for _, s := range f.args {
		name, value, given := strings.Cut(s, "=")
		switch {
		case !variableName.MatchString(name): // it may be a value, and is not repeated
			return inv, usage(badBuildArg)
		case given:
			inv.Args[name] = value
		default:
			inv.ArgNames = append(inv.ArgNames, name)
		}
	}
	for _, s := range f.secrets {
		id := ""
		fields, err := csvvalue.Fields(s, nil)
		if err != nil {
			return inv, usage(badSecret, s)
		}
		for _, field := range fields {
			if key, value, _ := strings.Cut(field, "="); strings.EqualFold(key, "id") {
				id = value
			}
		}
		if id == "" {
			return inv, usage(badSecret, s)
		}
		inv.Secrets = append(inv.Secrets, id)
		inv.Given = true
	}
	for _, s := range f.contexts {
		name, path, ok := strings.Cut(s, "=")
		if !ok || name == "" || path == "" {
			return inv, usage(badContext, s)
		}
		inv.Contexts[name] = path
	}
	for _, s := range f.cacheTo {
		inv.CacheMax = inv.CacheMax || hasField(s, "mode", "max")
	}
	for _, s := range append(slices.Clone(f.attest), "type=provenance,"+f.provenance) {
		inv.ProvenanceMax = inv.ProvenanceMax || hasField(s, "type", "provenance") && hasField(s, "mode", "max")
	}
	return inv, nil
}

// hasField looks into a value such as type=registry,mode=max.
func hasField(s, key, value string) bool {
	fields, err := csvvalue.Fields(s, nil)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(fields, func(f string) bool {
		k, v, _ := strings.Cut(f, "=")
		return strings.EqualFold(k, key) && strings.EqualFold(v, value)
	})
}

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "explain [ID...]", Short: explainShort, Long: explainLong, Example: explainExample,
		RunE: func(_ *cobra.Command, ids []string) error {
			if len(ids) == 0 {
				a.listChecks()
				return nil
			}
			for i, id := range ids {
				if i > 0 {
					fmt.Fprintln(a.stdout)
				}
				if err := a.explain(id); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) listChecks() {
	for _, c := range check.Checks() {
		fmt.Fprintf(a.stdout, "%s  %s  %s\n", report.Pad(c.ID, 28), report.Pad(string(c.Severity), 8), c.Title)
	}
}

// explain shows the page of a check, or what there is to say of a rule.
func (a *app) explain(id string) error {
	if _, ok := check.Find(id); !ok {
		set, err := rules.Default()
		if err != nil {
			return err
		}
		if r := set.Rule(id); r != nil {
			return a.explainRule(r)
		}
		return usage("%s", suggesting(fmt.Sprintf(noSuchCheck, id), set.Nearest(id)))
	}
	p, err := check.ReadPage(id)
	if err != nil {
		return err
	}
	return a.put([]byte(p.Terminal()))
}
