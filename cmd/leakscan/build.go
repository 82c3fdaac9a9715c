package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/buildhook/gate"
	"github.com/leakscan/leakscan/buildhook/step"
	"github.com/leakscan/leakscan/buildhook/wrap"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// gateFlags are leakscan's own flags of a build. In front of a command they
// have the names below; among the arguments of docker build each begins with
// --leakscan-, so that the others can be passed on untouched.
type gateFlags struct {
	prefix     string // of their names
	failOn     string
	confidence string
	failOnBase string
	onError    string
	check      string
	config     string
	scanner    string
	attest     bool
	noUnpack   bool
}

func (f *gateFlags) register(fs *pflag.FlagSet, prefix string) {
	f.prefix = prefix
	fs.StringVar(&f.failOn, prefix+"fail-on", "medium", "stop a build with leaks of this `severity` and above: low, medium, high, critical, never")
	fs.StringVar(&f.confidence, prefix+"min-confidence", "medium", "and of this `confidence` and above: low, medium, high")
	fs.StringVar(&f.failOnBase, prefix+"fail-on-base", "never", "the same for what others have made: base images, and the trees of package managers")
	fs.StringVar(&f.onError, prefix+"on-error", "stop", "a build that can't be scanned: stop or warn")
	fs.StringVar(&f.check, prefix+"check", "stop", "check the Dockerfile first: stop (at problems that are high or critical), warn or off")
	fs.StringVar(&f.config, prefix+"config", "", configUsage)
	fs.BoolVar(&f.noUnpack, prefix+"no-unpack", false, noUnpackUsage)
	fs.BoolVar(&f.attest, prefix+"attest", false, "attach an attestation (in-toto test-result) to clean images")
	fs.StringVar(&f.scanner, prefix+"scanner", "", "the leakscan for Linux that scans in the build (default: this one)")
}

// options are the flags as the gate has them.
func (f *gateFlags) options(a *app) (gate.Options, error) {
	o := gate.Options{Version: leakscan.Version(), Scanner: f.scanner, Attest: f.attest, NoUnpack: f.noUnpack, FailOn: report.Severity(f.failOn), FailOnBase: report.Severity(f.failOnBase)}
	threshold, err := a.thresholdOf(f.prefix, f.failOn, f.confidence)
	if err != nil {
		return o, err
	}
	o.MinConfidence = threshold.Confidence
	if o.FailOnBase != "never" && o.FailOnBase.Rank() < 1 {
		return o, usage(unknownLevel, a.named(f.prefix+"fail-on-base"), o.FailOnBase)
	}
	switch f.onError {
	case "stop":
	case "warn":
		o.LetThrough = true
	default:
		return o, usage(unknownOnError, a.named(f.prefix+"on-error"), f.onError)
	}
	if !slices.Contains([]string{"stop", "warn", "off"}, f.check) {
		return o, usage(unknownCheck, a.named(f.prefix+"check"), f.check)
	}
	if o.Rules, err = loadRules(f.config); err != nil {
		return o, err
	}
	if f.config != "" {
		if o.RuleFile, err = os.ReadFile(f.config); err != nil {
			return o, err
		}
	}
	o.Key, o.State = a.userKey()
	var mu sync.Mutex
	o.Told = func(rep *report.Check) { // a leak is told by the build itself
		mu.Lock()
		defer mu.Unlock()
		if rep.Verdict(threshold) == 0 || o.LetThrough {
			for _, g := range rep.Gaps {
				fmt.Fprintln(a.stderr, "leakscan: "+report.Escape(g.Reason))
			}
			for _, n := range rep.Notes {
				fmt.Fprintln(a.stderr, "leakscan: "+report.Escape(n.Text))
			}
		}
	}
	return o, nil
}

// userKey is the user's own key, and the state directory that it is in. nil:
// there is none, and none can be made.
func (a *app) userKey() (key []byte, state string) {
	dir := a.getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	state = filepath.Join(dir, "leakscan")
	key, err := gate.UserKey(state)
	if err != nil {
		a.complain(fmt.Errorf(noKey, err))
	}
	return key, state
}

// ownFlags takes leakscan's flags out of the arguments of another command.
func (a *app) ownFlags(args []string, f *gateFlags) (rest []string, err error) {
	fs := pflag.NewFlagSet("leakscan", pflag.ContinueOnError)
	f.register(fs, "leakscan-")
	var own []string
	for i := 0; i < len(args); i++ {
		s := args[i]
		if s == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		if !strings.HasPrefix(s, "--leakscan-") {
			rest = append(rest, s)
			continue
		}
		own = append(own, s)
		if f := fs.Lookup(s[2:]); f != nil && f.NoOptDefVal != "" {
			continue // it has no value of its own
		}
		if !strings.Contains(s, "=") && i+1 < len(args) {
			i++
			own = append(own, args[i])
		}
	}
	if err := fs.Parse(own); err != nil {
		return nil, usage("%s", badFlag(fs, err))
	}
	return rest, a.fromEnv(fs)
}

// buildCommands are those that stand in front of another program.
func (a *app) buildCommands() []*cobra.Command {
	build := &cobra.Command{
		Use: "build [ARGUMENT OF docker build]...", Short: buildShort, Long: buildLong, Example: buildExample,
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			if asksForHelp(args) {
				return c.Help()
			}
			return a.build(c.Context(), args)
		},
	}
	buildx := &cobra.Command{
		Use: "buildx [ARGUMENT OF docker buildx]...", Short: buildxShort, Long: buildxLong, Example: buildxExample,
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			if asksForHelp(args) && len(args) == 1 {
				return c.Help()
			}
			return a.buildx(c.Context(), args)
		},
	}
	var f gateFlags
	run := &cobra.Command{
		Use: "run [FLAG]... -- COMMAND [ARGUMENT]...", Short: runShort, Long: runLong, Example: runExample,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused(c, noCommand)
			}
			return a.wrap(c.Context(), &f, nil, args, nil, nil)
		},
	}
	run.Flags().SetInterspersed(false)
	f.register(run.Flags(), "")
	hide(run.Flags(), "check") // there is no Dockerfile to be seen
	return []*cobra.Command{build, buildx, run, a.gateCommand(), a.stepCommand()}
}

func hide(fs *pflag.FlagSet, name string) { fs.Lookup(name).Hidden = true }

func asksForHelp(args []string) bool {
	return len(args) > 0 && (args[0] == "--help" || args[0] == "-h")
}

// build is leakscan build.
func (a *app) build(ctx context.Context, args []string) error {
	var f gateFlags
	args, err := a.ownFlags(args, &f)
	if err != nil {
		return err
	}
	buildx := wrap.Buildx(ctx, a.environ())
	command := slices.Clone(buildx)
	if command == nil {
		docker, err := exec.LookPath("docker")
		if err != nil {
			return usage(noDocker)
		}
		command = []string{docker}
	}
	return a.checked(ctx, &f, buildx, append(append(command, "build"), args...), args)
}

// buildx is leakscan buildx.
func (a *app) buildx(ctx context.Context, args []string) error {
	var f gateFlags
	args, err := a.ownFlags(args, &f)
	if err != nil {
		return err
	}
	buildx := wrap.Buildx(ctx, a.environ())
	if buildx == nil {
		return usage(noBuildx)
	}
	argv := append(slices.Clone(buildx), args...)
	for i, s := range args {
		if s == "build" || s == "b" {
			return a.checked(ctx, &f, buildx, argv, args[i+1:])
		}
		if s == "bake" || s == "f" {
			if files := wrap.BakeFiles(args[i+1:]); len(files) > 0 {
				hidden, goOn, err := a.checkFirst(&f, func(o check.Options) (*report.Check, error) { return check.Paths(ctx, files, o) })
				if err != nil || !goOn {
					return err
				}
				return a.wrap(ctx, &f, buildx, argv, nil, hidden)
			}
		}
		if !strings.HasPrefix(s, "-") {
			break
		}
	}
	return a.wrap(ctx, &f, buildx, argv, nil, nil)
}

// checked reads what is to be built before it is.
func (a *app) checked(ctx context.Context, f *gateFlags, buildx, argv, args []string) error {
	b, ok := wrap.ParseBuild(args, os.LookupEnv)
	if !ok {
		return a.wrap(ctx, f, buildx, argv, nil, nil)
	}
	hidden, goOn, err := a.checkFirst(f, func(o check.Options) (*report.Check, error) {
		o.Invocation = b.Invocation
		return check.Run(ctx, o)
	})
	if err != nil || !goOn {
		return err
	}
	return a.wrap(ctx, f, buildx, argv, &b, hidden)
}

// checkFirst checks what is to be built, and says whether to go on,
// and what of it must not be shown.
func (a *app) checkFirst(f *gateFlags, run func(check.Options) (*report.Check, error)) (hidden []detect.Secret, goOn bool, err error) {
	if f.check != "stop" && f.check != "warn" {
		return nil, true, nil // off, or a mistake that is told when the gate is made
	}
	set, err := loadRules(f.config)
	if err != nil {
		return nil, false, err
	}
	home, _ := os.UserHomeDir()
	rep, err := run(check.Options{Rules: set, Version: leakscan.Version(), Home: home, Getenv: os.LookupEnv, NoUnpack: f.noUnpack, Learn: func(s detect.Secret) { hidden = append(hidden, s) }})
	if err != nil || len(rep.Problems) == 0 {
		return hidden, true, nil // what can't be read is docker's to complain about
	}
	if err := report.WriteCheckText(a.stderr, rep, report.TextOptions{Color: isTerminal(a.stderr) && a.getenv("NO_COLOR") == ""}); err != nil {
		return nil, false, err
	}
	fmt.Fprintln(a.stderr)
	if f.check == "stop" && rep.Verdict(report.Threshold{Severity: report.SeverityHigh, Confidence: report.ConfidenceLow})&report.Leaks != 0 {
		fmt.Fprintln(a.stderr, checkStopped)
		a.code = int(report.Leaks)
		return nil, false, nil
	}
	return hidden, true, nil
}

// wrap runs a command behind the gate. buildx is the command of that name, if it
// was looked for.
func (a *app) wrap(ctx context.Context, f *gateFlags, buildx, argv []string, b *wrap.Arguments, hidden []detect.Secret) error {
	o, err := f.options(a)
	if err != nil {
		return err
	}
	if b != nil {
		o.Known = b.Known
	}
	o.Hidden = hidden
	stdin, _ := a.stdin.(*os.File)
	a.code, err = wrap.Run(ctx, argv, wrap.Options{Gate: o, Buildx: buildx, Env: a.environ(), Stdin: stdin, Stdout: a.stdout, Stderr: a.stderr})
	return err
}

// gateCommand serves a gate for others.
func (a *app) gateCommand() *cobra.Command {
	var f gateFlags
	var listen, upstream string
	c := &cobra.Command{
		Use: "gate --listen unix://PATH --upstream ADDRESS", Short: gateShort, Long: gateLong, Example: gateExample,
		Args: takesNone,
		RunE: func(c *cobra.Command, _ []string) error { return a.gate(c.Context(), &f, listen, upstream) },
	}
	f.register(c.Flags(), "")
	hide(c.Flags(), "check")
	c.Flags().StringVar(&listen, "listen", "", "where to serve: `unix://PATH`, or tcp://127.0.0.1:PORT")
	c.Flags().StringVar(&upstream, "upstream", "", "what is behind it: `docker` (the engine that docker would talk to), or BuildKit at unix://PATH or tcp://HOST:PORT")
	return c
}

func (a *app) gate(ctx context.Context, f *gateFlags, listen, upstream string) error {
	o, err := f.options(a)
	if err != nil {
		return err
	}
	serve := (*gate.Gate).Serve
	if upstream == "docker" {
		var e *gate.Engine
		if e, err = gate.NewEngine(layerwalk.Options{}); err == nil {
			o.Upstream, serve = e.Upstream(), (*gate.Gate).ServeEngine
			err = e.Ping(ctx)
		}
	} else {
		o.Upstream, err = gate.BuildKit(upstream)
	}
	if err != nil {
		return usage(badUpstream, upstream, err)
	}
	g, err := gate.New(o)
	if err != nil {
		return err
	}
	defer g.Close()
	l, err := a.listen(listen)
	if err != nil {
		return usage(badListen, listen, err)
	}
	fmt.Fprintf(a.stderr, gateServes, listen, upstream)
	done := make(chan error, 1)
	go func() { done <- serve(g, l) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		l.Close()
		err = nil
	}
	return err
}

// listen opens a socket that others on this machine can't use unless their
// user may.
func (a *app) listen(addr string) (net.Listener, error) {
	network, at, _ := strings.Cut(addr, "://")
	switch network {
	case "unix":
		if info, err := os.Lstat(at); err == nil {
			if info.Mode().Type() != os.ModeSocket {
				return nil, fmt.Errorf("%s is there already, and no socket", at)
			}
			if c, err := net.Dial("unix", at); err == nil {
				c.Close()
				return nil, fmt.Errorf("somebody serves there already")
			}
			os.Remove(at) // of one that was killed
		}
		return listenPrivate(at)
	case "tcp":
		host, _, err := net.SplitHostPort(at)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("want an address of this machine alone, as 127.0.0.1:1234: whoever reaches a gate can build")
		}
		return net.Listen("tcp", at)
	}
	return nil, fmt.Errorf("want unix://PATH or tcp://127.0.0.1:PORT")
}

// stepCommand is what runs inside a build.
func (a *app) stepCommand() *cobra.Command {
	o := step.Options{Root: "/", Version: leakscan.Version()}
	c := &cobra.Command{
		Use: "build-step", Hidden: true, Args: takesNone,
		RunE: func(c *cobra.Command, _ []string) error { return step.Run(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.Dedupe, "dedupe", false, "")
	c.Flags().BoolVar(&o.NoUnpack, "no-unpack", false, "")
	c.Flags().IntSliceVar(&o.Lower, "lower", nil, "")
	return c
}

// pluginMetadata is what the docker command asks its plugins for.
func (a *app) pluginMetadata() error {
	return json.NewEncoder(a.stdout).Encode(map[string]string{
		"SchemaVersion": "0.1.0", "Vendor": "leakscan", "Version": leakscan.Version(), "ShortDescription": rootShort, "URL": "https://github.com/leakscan/leakscan"})
}

// insideBuildKit is leakscan as BuildKit runs its image: a frontend, or a
// generator of SBOMs.
func (a *app) insideBuildKit(ctx context.Context) int {
	o := gate.Options{Version: leakscan.Version(), FailOn: report.Severity(a.getenv("LEAKSCAN_FAIL_ON"))}
	var err error
	if a.getenv("BUILDKIT_SCAN_DESTINATION") != "" {
		err = gate.RunGenerator(ctx, o, a.getenv)
	} else {
		err = gate.RunFrontend(ctx, o)
	}
	if err != nil {
		a.complain(err)
		return 1
	}
	return 0
}
