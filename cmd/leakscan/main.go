// Leakscan finds the secrets that container images give away, and says where
// they are, what became of them and how to mend it. See leakscan --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leakscan/leakscan/report"
)

// The exit codes that are not simply a report.Verdict.
const (
	exitIncomplete = int(report.Incomplete)
	exitUsage      = 64 // EX_USAGE of sysexits.h
	exitSignal     = 128
)

func main() { os.Exit(run(os.Args[1:])) }

// app is one run of the command.
type app struct {
	stdin          io.Reader
	stdout, stderr *os.File
	getenv         func(string) string
	environ        func() []string
	code           int
	settings       *settings         // of a scan; nil: there is no file of them
	origins        map[string]origin // of the flags that a variable or the settings have set
	args           []string          // of the command
	signal         atomic.Int32      // that ended it; 0: none
}

func run(args []string) int {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, environ: os.Environ, origins: map[string]origin{}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer a.catch(cancel)()
	root := a.rootCommand()
	if args = a.asPlugin(args); len(args) == 1 && args[0] == "docker-cli-plugin-metadata" {
		if err := a.pluginMetadata(); err != nil {
			a.complain(err)
			return exitIncomplete
		}
		return 0
	}
	if len(args) == 0 && a.getenv("BUILDKIT_SESSION_ID")+a.getenv("BUILDKIT_SCAN_DESTINATION") != "" {
		return a.insideBuildKit(ctx)
	}
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errReaderGone) {
			a.complain(err)
		}
		var u *usageError
		switch {
		case errors.As(err, &u):
			a.code = exitUsage
		case a.code == 0:
			a.code = exitIncomplete
		}
	}
	if s := a.signal.Load(); s != 0 {
		return exitSignal + int(s)
	}
	return a.code
}

// asPlugin takes away the word with which docker calls its plugin: docker
// leakscan build runs docker-leakscan leakscan build.
func (a *app) asPlugin(args []string) []string {
	if len(args) == 0 || args[0] != "leakscan" || !strings.HasPrefix(filepath.Base(os.Args[0]), pluginName) {
		return args
	}
	args = args[1:]
	if len(args) > 0 && args[0] == "prune" { // docker builder prune, by way of the alias
		return append([]string{"buildx"}, args...)
	}
	return args
}

// catch ends the work at the first SIGINT or SIGTERM, so that what was found
// is still reported, and the process at the second, if that is not the first
// once more: timeout(1) signals its child and then the child's group.
func (a *app) catch(cancel func()) (stop func()) {
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(ch, syscall.SIGHUP)
	}
	// A closed pipe is an error of writing, and must not keep other reports from
	// being written. (Ignoring it would go over to the commands that are run.)
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	go func() {
		var first time.Time
		for s := range ch {
			n, _ := s.(syscall.Signal)
			if a.signal.CompareAndSwap(0, int32(n)) {
				first = time.Now()
				cancel()
			} else if time.Since(first) > time.Second {
				os.Exit(exitSignal + int(n))
			}
		}
	}()
	return func() { signal.Stop(pipe); signal.Stop(ch); close(ch) }
}

// complain writes an error to the standard error, made safe for a terminal.
func (a *app) complain(err error) {
	lines := strings.Split(err.Error(), "\n")
	for i, l := range lines {
		lines[i] = report.Escape(l)
	}
	fmt.Fprintf(a.stderr, "leakscan: %s\n", strings.Join(lines, "\n  "))
}

// put writes to the standard output.
func (a *app) put(text []byte) error {
	_, err := a.stdout.Write(text)
	return cannotPut(err)
}

// errReaderGone is that nobody reads the standard output any more, as with head:
// the exit status tells it, and nothing else does.
var errReaderGone = errors.New("nobody reads the standard output")

// cannotPut is what an error of writing to the standard output comes to.
func cannotPut(err error) error {
	switch {
	case errors.Is(err, syscall.EPIPE):
		return errReaderGone
	case err != nil:
		return fmt.Errorf(cannotWrite, "the standard output", err)
	}
	return nil
}

// putter is the standard output for those that write other things as well.
type putter struct{ f *os.File }

func (p putter) Write(text []byte) (int, error) {
	n, err := p.f.Write(text)
	return n, cannotPut(err)
}

// flagsOnly are flags that no variable sets.
var flagsOnly = [...]string{"help", "version"}

// fromEnv gives every flag that was not set on the command line the value of
// its variable: LEAKSCAN_FAIL_ON for --fail-on. An empty one counts as unset.
func (a *app) fromEnv(fs *pflag.FlagSet) error {
	var first error
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed || slices.Contains(flagsOnly[:], f.Name) || first != nil {
			return
		}
		key := variable(f)
		value := a.getenv(key)
		if value == "" {
			return
		}
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			if err := fs.Set(f.Name, v); err != nil {
				first = usage("%s=%q is no value for --%s, which is of type %s", key, value, f.Name, f.Value.Type())
			}
		}
		a.origins[f.Name] = origin{where: key}
	})
	return first
}

func (a *app) rootCommand() *cobra.Command {
	root := a.scanCommand()
	root.AddCommand(a.checkCommand(), a.explainCommand(), a.extractCommand(), a.rulesCommand(), a.whyCommand(), a.demoCommand(), a.versionCommand(), a.baselineCommand(), a.diffCommand(), a.configCommand())
	root.AddCommand(a.buildCommands()...)
	root.AddCommand(a.installCommands()...)
	ownWords(root)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return misused(c, badFlag(c.Flags(), err))
	})
	root.PersistentPreRunE = func(c *cobra.Command, args []string) error {
		if c == root && c.Flags().Changed("version") {
			return nil // whatever is set
		}
		a.args = args
		a.warnOfVariables(root)
		if err := a.fromEnv(c.Flags()); err != nil {
			return err
		}
		return a.fromSettings(c)
	}
	return root
}

// origin is where a flag that is not on the command line has its value from.
type origin struct {
	where string // a variable, or a file and a line
	file  bool
}

// named is a flag as a message about its value calls it: by where that is from.
func (a *app) named(flag string) string {
	switch o := a.origins[flag]; {
	case o.file:
		return o.where + ": " + flag
	case o.where != "":
		return o.where
	case flag == "output" || flag == "format":
		return "-o"
	}
	return "--" + flag
}

// from is a message about a flag, behind where its value is from if that is not the
// command line.
func (a *app) from(flag, msg string) string {
	if o := a.origins[flag]; o.where != "" {
		return o.where + ": " + msg
	}
	return msg
}

// warnOfVariables tells of LEAKSCAN_ variables that no command has a flag for:
// one that is misspelt would be ignored without a word.
func (a *app) warnOfVariables(root *cobra.Command) {
	known := map[string]bool{"LEAKSCAN_E2E": true, "LEAKSCAN_BENCH": true, "LEAKSCAN_CHROMIUM": true, "LEAKSCAN_SARIF": true, // of the tests
		"LEAKSCAN_INSIDE": true} // set for what runs behind a gate
	for _, c := range append(root.Commands(), root) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known[variable(f)] = !slices.Contains(flagsOnly[:], f.Name) })
	}
	for _, v := range a.environ() {
		if key, value, _ := strings.Cut(v, "="); value != "" && strings.HasPrefix(key, "LEAKSCAN_") && !known[key] {
			a.complain(fmt.Errorf(unknownVariable, key))
		}
	}
}

// variable is the name of the environment variable that sets a flag:
// LEAKSCAN_FAIL_ON for --fail-on, and for --leakscan-fail-on of a build.
func variable(f *pflag.Flag) string {
	return "LEAKSCAN_" + strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(f.Name, "leakscan-"), "-", "_"))
}
