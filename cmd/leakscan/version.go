package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/rules"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: versionShort, Args: takesNone,
		RunE: func(*cobra.Command, []string) error { return a.version() },
	}
}

func (a *app) version() error {
	fmt.Fprintf(a.stdout, "leakscan %s\n", leakscan.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		build := map[string]string{}
		for _, s := range info.Settings {
			build[s.Key] = s.Value
		}
		if rev := build["vcs.revision"]; rev != "" {
			if build["vcs.modified"] == "true" {
				rev += ", modified"
			}
			fmt.Fprintf(a.stdout, "commit   %s\n", rev)
		}
	}
	fmt.Fprintf(a.stdout, "built    %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	set, err := rules.Default()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "rules    %d, %s\n", len(set.Rules), set.Digest())
	return nil
}
