package main

import (
	_ "embed" // for the schema
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/leakscan/leakscan/ignore"
	"github.com/leakscan/leakscan/rules"
)

// The settings of a project: .leakscan.yaml, whose keys are the flags of a scan.
// A flag beats a variable, a variable the settings.

const (
	settingsName = ".leakscan.yaml"
	ignoreName   = ".leakscanignore"
	gitleaksName = ".gitleaksignore"
)

//go:embed settings-schema.json
var settingsSchema string

// settings are what a file of settings says.
type settings struct {
	file   string
	values map[string][]string // by the flag's name
	lines  map[string]int
	ignore []ignore.Entry
}

// notSettings are flags that a file may not set: it would show secrets, or read
// itself.
var notSettings = [...]string{"help", "config", "show-secrets"}

// parseSettings reads a file of settings; known are the names of the flags.
func parseSettings(name string, text []byte, known []string) (*settings, error) {
	s := &settings{file: name, values: map[string][]string{}, lines: map[string]int{}}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) == 0 {
		return s, nil // an empty file
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf(settingsNoMap, name)
	}
	var errs []error
	fail := func(n *yaml.Node, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s:%d: %s", name, n.Line, fmt.Sprintf(format, args...)))
	}
	known = append(slices.Clone(known), "rules", "ignore")
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		k := key.Value
		switch {
		case !slices.Contains(known, k):
			msg := fmt.Sprintf(settingsUnknown, k)
			if near := rules.Nearest(strings.ReplaceAll(k, "_", "-"), known); near != "" {
				msg += fmt.Sprintf(didYouMean, near)
			}
			fail(key, "%s", msg)
		case s.lines[k] > 0:
			fail(key, settingsTwice, k, s.lines[k])
		case k == "ignore":
			s.lines[k] = key.Line
			s.entries(value, fail)
		default:
			s.lines[k] = key.Line
			switch {
			case value.Kind == yaml.ScalarNode:
				s.values[k] = []string{value.Value}
			case value.Kind == yaml.SequenceNode && !slices.ContainsFunc(value.Content, func(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode }):
				for _, n := range value.Content {
					s.values[k] = append(s.values[k], n.Value)
				}
			default:
				fail(value, settingsNoValue, k)
			}
		}
	}
	return s, errors.Join(errs...)
}

// entries reads the entries of ignore:.
func (s *settings) entries(list *yaml.Node, fail func(*yaml.Node, string, ...any)) {
	if list.Kind != yaml.SequenceNode {
		fail(list, settingsNoList)
		return
	}
	for _, n := range list.Content {
		if n.Kind != yaml.MappingNode {
			fail(n, settingsNoList)
			continue
		}
		e := ignore.Entry{From: fmt.Sprintf("%s:%d", s.file, n.Line)}
		ok := true
		for i := 0; i+1 < len(n.Content); i += 2 {
			if err := e.Set(n.Content[i].Value, n.Content[i+1].Value); err != nil {
				fail(n.Content[i], "%v", err)
				ok = false
			}
		}
		if err := e.Check(); ok && err != nil {
			fail(n, "%v", err)
			ok = false
		}
		if ok {
			s.ignore = append(s.ignore, e)
		}
	}
}

// findUp looks for a file in the working directory and those above it, up to
// the root of its git repository or, outside of one, in the working directory
// alone. "": there is none.
func findUp(name string) string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	first := dir
	inGit := false
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, ".git")); err == nil {
			inGit = true
		}
		if inGit || d == filepath.Dir(d) {
			break
		}
	}
	for {
		file := filepath.Join(dir, name)
		if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() {
			if rel, err := filepath.Rel(first, file); err == nil {
				return rel
			}
			return file
		}
		_, err := os.Stat(filepath.Join(dir, ".git"))
		if err == nil || !inGit || dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// settingsFile is the file of settings that is in force: that of --config, the
// project's, the user's.
func (a *app) settingsFile(config string) string {
	if ext := strings.ToLower(filepath.Ext(config)); ext == ".yaml" || ext == ".yml" {
		return config
	}
	if file := findUp(settingsName); file != "" {
		return file
	}
	dir := a.getenv("XDG_CONFIG_HOME")
	if dir == "" {
		if home := a.getenv("HOME"); home != "" {
			dir = filepath.Join(home, ".config")
		}
	}
	if dir == "" {
		return ""
	}
	file := filepath.Join(dir, "leakscan", "config.yaml")
	if st, err := os.Stat(file); err != nil || !st.Mode().IsRegular() {
		return ""
	}
	return file
}

// settingNames are the flags that a file may set.
func settingNames(fs *pflag.FlagSet) (names []string) {
	fs.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(notSettings[:], f.Name) {
			names = append(names, f.Name)
		}
	})
	return names
}

// fromSettings gives every flag that is set neither on the command line nor by a
// variable the value of the settings.
func (a *app) fromSettings(fs *pflag.FlagSet) error {
	config := fs.Lookup("config")
	if config == nil || fs.Lookup("ignore-file") == nil {
		return nil // not a scan
	}
	file := a.settingsFile(config.Value.String())
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return usage(settingsNotRead, file, reason(err))
	}
	s, err := parseSettings(file, text, settingNames(fs))
	if err != nil {
		return &usageError{err}
	}
	if config.Value.String() == file {
		config.Value.Set("") // it named the settings, and not the rules
	}
	for name, values := range s.values {
		f := fs.Lookup(name)
		if name == "rules" {
			f = config
			if len(values) == 1 && !filepath.IsAbs(values[0]) {
				values[0] = filepath.Join(filepath.Dir(file), values[0])
			}
		}
		if f.Changed && (name != "rules" || config.Value.String() != "") {
			continue
		}
		if f.Value.Type() != "stringArray" && len(values) != 1 {
			return usage("%s:%d: %s", file, s.lines[name], fmt.Sprintf(settingsNoValue, name))
		}
		for _, v := range values {
			if err := fs.Set(f.Name, v); err != nil {
				return usage("%s:%d: %q is no value for %s, which is of type %s", file, s.lines[name], v, name, f.Value.Type())
			}
		}
	}
	a.settings = s
	return nil
}

// reason is what went wrong, without the name of the file.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// ignored reads all entries that take findings back.
func (a *app) ignored(f *scanFlags) ([]ignore.Entry, error) {
	var es []ignore.Entry
	if a.settings != nil {
		es = append(es, a.settings.ignore...)
	}
	file := f.ignoreFile
	if file == "" {
		file = findUp(ignoreName)
	}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, usage(settingsNotRead, file, reason(err))
		}
		more, err := ignore.Parse(file, text)
		if err != nil {
			return nil, &usageError{err}
		}
		es = append(es, more...)
	}
	if file := findUp(gitleaksName); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, usage(settingsNotRead, file, reason(err))
		}
		es = append(es, ignore.Gitleaks(file, text)...)
	}
	if f.baseline != "" {
		text, err := os.ReadFile(f.baseline)
		if err != nil {
			return nil, usage(settingsNotRead, f.baseline, reason(err))
		}
		more, err := ignore.ReadBaseline(f.baseline, text)
		if err != nil {
			return nil, &usageError{err}
		}
		es = append(es, more...)
	}
	return es, nil
}

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: configShort, Long: configLong, Args: cobra.NoArgs}
	var f scanFlags
	show := &cobra.Command{
		Use: "show", Short: configShowShort, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			file := configNone
			if a.settings != nil {
				file = a.settings.file
			}
			fmt.Fprintf(a.stdout, "# %s\n", file)
			c.Flags().VisitAll(func(fl *pflag.Flag) {
				name := fl.Name
				if name == "config" {
					name = "rules"
				} else if slices.Contains(notSettings[:], name) {
					return
				}
				from := "default"
				switch {
				case a.settings != nil && a.settings.lines[name] > 0 && fl.Changed && !a.fromOutside[fl.Name]:
					from = fmt.Sprintf("%s:%d", a.settings.file, a.settings.lines[name])
				case a.fromOutside[fl.Name] && a.getenv(variable(fl)) != "":
					from = variable(fl)
				case fl.Changed:
					from = "--" + fl.Name
				}
				value := fl.Value.String()
				if value == "" {
					value = `""`
				}
				fmt.Fprintf(a.stdout, "%s: %s  # %s\n", name, value, from)
			})
			es, err := a.ignored(&f)
			if err != nil {
				return err
			}
			for _, e := range es {
				what := e.Fingerprint
				if what == "" {
					what = strings.TrimSpace("rule " + e.Rule + " " + e.Path)
				}
				fmt.Fprintf(a.stdout, "# ignored: %s (%s: %s)\n", what, e.From, e.Reason)
			}
			return nil
		},
	}
	f.register(show.Flags())
	show.Flags().StringVar(&f.config, "config", "", configUsage)
	schema := &cobra.Command{
		Use: "schema", Short: configSchemaShort, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.WriteString(settingsSchema)
			return err
		},
	}
	c.AddCommand(show, schema)
	return c
}
