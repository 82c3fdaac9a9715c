package main

import (
	"github.com/spf13/cobra"

	"github.com/leakscan/leakscan"
)

func (a *app) extractCommand() *cobra.Command {
	var f openFlags
	var file string
	var force bool
	c := &cobra.Command{
		Use: "extract IMAGE WHERE", Short: extractShort, Long: extractLong, Example: extractExample,
		Args: takes(2, wantTwo),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := f.options(a)
			if err != nil {
				return err
			}
			if file == "" {
				if isTerminal(a.stdout) && !force {
					return usage(terminalRefused)
				}
				if err := leakscan.Extract(c.Context(), args[0], args[1], o, putter{a.stdout}); err != nil {
					a.code = exitIncomplete
					return err
				}
				return nil
			}
			out := &output{file: file}
			if err := out.open(); err != nil {
				return usage(cannotWrite, file, err)
			}
			defer out.abandon()
			err = leakscan.Extract(c.Context(), args[0], args[1], o, out.temp)
			if err == nil {
				err = out.commit()
			}
			if err != nil {
				a.code = exitIncomplete
			}
			return err
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "write to `FILE`, readable by you only, in place of the standard output")
	c.Flags().BoolVar(&force, "force", false, "write to a terminal too")
	f.register(c.Flags())
	return c
}
