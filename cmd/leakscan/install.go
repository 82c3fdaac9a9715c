package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// pluginName is what docker calls the program of docker leakscan.
const pluginName = "docker-leakscan"

func (a *app) installCommands() []*cobra.Command {
	var dockerBuild bool
	install := &cobra.Command{
		Use: "install", Short: installShort, Long: installLong, Example: installExample, Args: takesNone,
		RunE: func(*cobra.Command, []string) error { return a.install(dockerBuild) },
	}
	install.Flags().BoolVar(&dockerBuild, "docker-build", false, "make docker build itself go through leakscan")
	uninstall := &cobra.Command{
		Use: "uninstall", Short: uninstallShort, Long: uninstallLong, Args: takesNone,
		RunE: func(*cobra.Command, []string) error { return a.uninstall() },
	}
	return []*cobra.Command{install, uninstall}
}

// dockerDir is the directory of docker's configuration.
func (a *app) dockerDir() (string, error) {
	if dir := a.getenv("DOCKER_CONFIG"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".docker"), nil
}

func (a *app) install(dockerBuild bool) error {
	dir, err := a.dockerDir()
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	plugin := filepath.Join(dir, "cli-plugins", pluginName)
	if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
		return err
	}
	if info, err := os.Lstat(plugin); err == nil {
		if info.Mode().Type() != os.ModeSymlink {
			return usage(pluginThere, plugin)
		}
		if err := os.Remove(plugin); err != nil {
			return err
		}
	}
	if err := os.Symlink(exe, plugin); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, installedPlugin, plugin)
	if !dockerBuild {
		return nil
	}
	config := filepath.Join(dir, "config.json")
	changed, err := editConfig(config, func(aliases map[string]string) error {
		if was := aliases["builder"]; was != "" && was != "leakscan" {
			return usage(aliasThere, config, was)
		}
		aliases["builder"] = "leakscan"
		return nil
	})
	if err == nil && changed {
		fmt.Fprintf(a.stdout, installedAlias, config, config+backupSuffix)
	}
	return err
}

func (a *app) uninstall() error {
	dir, err := a.dockerDir()
	if err != nil {
		return err
	}
	plugin, config := filepath.Join(dir, "cli-plugins", pluginName), filepath.Join(dir, "config.json")
	done := false
	// First the alias: with it and no plugin, docker build would fail.
	if _, err := os.Stat(config); err == nil {
		changed, err := editConfig(config, func(aliases map[string]string) error {
			if aliases["builder"] == "leakscan" {
				delete(aliases, "builder")
			}
			return nil
		})
		if err != nil {
			return err
		}
		if changed {
			done = true
			fmt.Fprintf(a.stdout, uninstalledAlias, config, config+backupSuffix)
		}
	}
	if info, err := os.Lstat(plugin); err == nil && info.Mode().Type() == os.ModeSymlink {
		if err := os.Remove(plugin); err != nil {
			return err
		}
		done = true
		fmt.Fprintf(a.stdout, uninstalledPlugin, plugin)
	}
	if !done {
		fmt.Fprint(a.stdout, nothingInstalled)
	}
	return nil
}

// backupSuffix is of the copy of config.json as it was.
const backupSuffix = ".before-leakscan"

// editConfig changes the aliases in docker's config.json. All else in it stays
// as it is, but for the order and the white space that docker gives it too. It
// is replaced in one step, and a copy of the old one is kept.
func editConfig(name string, edit func(aliases map[string]string) error) (changed bool, err error) {
	old, err := os.ReadFile(name)
	mode := os.FileMode(0o600)
	switch info, serr := os.Stat(name); {
	case errors.Is(err, os.ErrNotExist):
		old = nil
	case err != nil:
		return false, err
	case serr == nil:
		mode = info.Mode().Perm()
	}
	fields := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(old)) > 0 {
		if err := json.Unmarshal(old, &fields); err != nil {
			return false, fmt.Errorf(badConfig, name, err)
		}
	}
	aliases := map[string]string{}
	if raw := fields["aliases"]; raw != nil {
		if err := json.Unmarshal(raw, &aliases); err != nil {
			return false, fmt.Errorf(badConfig, name, err)
		}
	}
	before := len(aliases)
	was := aliases["builder"]
	if err := edit(aliases); err != nil {
		return false, err
	}
	if len(aliases) == before && aliases["builder"] == was {
		return false, nil
	}
	delete(fields, "aliases")
	if len(aliases) > 0 {
		if fields["aliases"], err = json.Marshal(aliases); err != nil {
			return false, err
		}
	}
	text, err := json.MarshalIndent(fields, "", "\t")
	if err != nil {
		return false, err
	}
	if old != nil {
		if err := os.WriteFile(name+backupSuffix, old, mode); err != nil {
			return false, err
		}
	}
	// Where it is a link, what it leads to is replaced.
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".config-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Chmod(mode)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return false, err
	}
	return true, os.Rename(f.Name(), name)
}
