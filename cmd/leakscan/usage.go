package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// usageError is a mistake in how the command was called.
type usageError struct{ error }

func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// misused is a usageError with the way to the help of a command.
func misused(c *cobra.Command, msg string) error {
	return usage("%s\n%s", msg, fmt.Sprintf(seeHelp, c.CommandPath()))
}

// suggesting adds to a message the name that may have been meant; "": none.
func suggesting(msg, near string) string {
	if near != "" {
		msg += fmt.Sprintf(didYouMean, near)
	}
	return msg
}

// badFlag is what is wrong with flags, with the one that may have been meant.
func badFlag(fs *pflag.FlagSet, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err.Error()
	}
	var names []string
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	// -fail-on is taken for shorthands.
	near := rules.Nearest(cmp.Or(unknown.GetSpecifiedShortnames(), unknown.GetSpecifiedName()), names)
	if near != "" {
		near = "--" + near
	}
	return suggesting(err.Error(), near)
}

// takenForImage adds to the report of a scan that its first argument, of which
// there is no image, may have been meant for a command.
func takenForImage(c *cobra.Command, args []string, rep *report.Report) {
	word := args[0]
	i := slices.IndexFunc(rep.Gaps, func(g report.Gap) bool { return g.Image == nil && g.Blob == word && g.Tried != nil })
	if i < 0 || strings.ContainsAny(word, "/:.@") {
		return
	}
	more := ""
	if near := rules.Nearest(word, commandsOf(c)); word == "scan" {
		image := "IMAGE"
		// A name is told as the report tells it, which may have masked it.
		if len(args) > 1 && slices.ContainsFunc(rep.Images, func(img report.Image) bool { return img.Reference == args[1] }) {
			image = args[1]
		}
		more = fmt.Sprintf(noCommandScan, image)
	} else if near != "" && near != word {
		more = suggesting(fmt.Sprintf(noSuchCommand, word), near)
	}
	if more != "" {
		rep.Gaps[i].Reason += fmt.Sprintf(andThereIs, more)
	}
}

// nameOf is a command without the name of the program.
func nameOf(c *cobra.Command) string {
	_, name, _ := strings.Cut(c.CommandPath(), " ")
	return name
}

// takesNone is for commands that take no arguments.
func takesNone(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misused(c, fmt.Sprintf(takesNoArgument, nameOf(c), args[0]))
	}
	return nil
}

// takes is for commands that take n arguments, or more than n if that is negative;
// words say which.
func takes(n int, words string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if n >= 0 && len(args) != n || len(args) < -n {
			return misused(c, words)
		}
		return nil
	}
}

// group makes a command that has others only one that can be called: it shows its
// help, or says that there is no such command.
func group(c *cobra.Command) {
	c.DisableFlagsInUseLine = true
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return noSuchCommandOf(c, args[0])
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

// noSuchCommandOf says that a command has no such one of its own.
func noSuchCommandOf(c *cobra.Command, name string) error {
	return misused(c, suggesting(fmt.Sprintf(noSuchCommand, strings.TrimSpace(nameOf(c)+" "+name)), rules.Nearest(name, commandsOf(c))))
}

// commandsOf are the names of a command's own commands.
func commandsOf(c *cobra.Command) (names []string) {
	for _, s := range c.Commands() {
		if !s.Hidden {
			names = append(names, s.Name())
		}
	}
	return names
}

// ownWords gives the commands that cobra adds our words for wrong usage.
func ownWords(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			group(c)
			for _, shell := range c.Commands() {
				shell.Args = takesNone
			}
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				if of, rest, err := root.Find(args); err == nil && len(rest) > 0 {
					return noSuchCommandOf(of, rest[0])
				}
				return nil
			}
		}
	}
}
