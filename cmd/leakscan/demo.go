package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// demoSecrets is how many secrets testimage.Leaky has.
const demoSecrets = 8

func (a *app) demoCommand() *cobra.Command {
	var f scanFlags
	var save string
	c := &cobra.Command{
		Use: "demo", Short: demoShort, Long: demoLong, Args: takesNone,
		RunE: func(c *cobra.Command, _ []string) error {
			image := testimage.DockerArchive(testimage.Leaky("demo:latest").Build())
			name := "demo.tar"
			if save != "" {
				if err := os.WriteFile(save, image, 0o600); err != nil {
					return usage(cannotWrite, save, err)
				}
				name = save
			}
			found := 0
			err := a.report(c.Context(), &f, func(o leakscan.Options) (*report.Report, error) {
				o.Open.Stdin = bytes.NewReader(image)
				src, err := layerwalk.Open(c.Context(), "-", o.Open)
				if err != nil {
					return nil, err
				}
				defer src.Close()
				src.Ref, src.Detail = name, "in memory"
				rep, err := leakscan.ScanSource(c.Context(), src, o)
				if err != nil {
					return nil, err
				}
				found = len(rep.Findings)
				if save == "" {
					rep.Notes = append(rep.Notes, report.Note{Text: demoNote})
				}
				return rep, nil
			})
			if err != nil {
				return err
			}
			a.code = 0
			if found != demoSecrets {
				a.code = exitIncomplete
				return fmt.Errorf(demoMissed, found, demoSecrets)
			}
			if save != "" {
				fmt.Fprintf(a.stderr, demoSaved, save)
			}
			return nil
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&save, "save", "", "also write the image to `FILE`, as docker save would")
	return c
}
