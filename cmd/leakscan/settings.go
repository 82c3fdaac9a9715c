package main

import (
	"bytes"
	_ "embed" // for the schema
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/leakscan/leakscan/ignore"
	"github.com/leakscan/leakscan/report"
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
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) == 0 {
		return s, nil // an empty file
	}
	if second := dec.Decode(new(yaml.Node)); !errors.Is(second, io.EOF) {
		return nil, fmt.Errorf(settingsTwoDocuments, name)
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
		key, value := top.Content[i], resolved(top.Content[i+1])
		k := key.Value
		switch {
		case !slices.Contains(known, k):
			fail(key, "%s", suggesting(fmt.Sprintf(settingsUnknown, k), rules.Nearest(strings.ReplaceAll(k, "_", "-"), known)))
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
			case value.Kind == yaml.SequenceNode && !slices.ContainsFunc(value.Content, func(n *yaml.Node) bool { return resolved(n).Kind != yaml.ScalarNode }):
				for _, n := range value.Content {
					s.values[k] = append(s.values[k], resolved(n).Value)
				}
			default:
				fail(value, settingsNoValue, k)
			}
		}
	}
	return s, errors.Join(errs...)
}

// resolved is what an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// entries reads the entries of ignore:.
func (s *settings) entries(list *yaml.Node, fail func(*yaml.Node, string, ...any)) {
	if list.Kind != yaml.SequenceNode {
		fail(list, settingsNoList)
		return
	}
	for _, n := range list.Content {
		if n = resolved(n); n.Kind != yaml.MappingNode {
			fail(n, settingsNoList)
			continue
		}
		e := ignore.Entry{From: fmt.Sprintf("%s:%d", s.file, n.Line)}
		ok := true
		for i := 0; i+1 < len(n.Content); i += 2 {
			value := resolved(n.Content[i+1])
			if value.Kind != yaml.ScalarNode {
				fail(value, settingsNoValue, n.Content[i].Value)
				ok = false
			} else if err := e.Set(n.Content[i].Value, value.Value); err != nil {
				fail(n.Content[i], "%v", err)
				ok = false
			}
		}
		if err := e.Check(ignore.YAML); ok && err != nil {
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
	root := gitRoot(dir)
	for d := dir; ; d = filepath.Dir(d) {
		file := filepath.Join(d, name)
		if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() {
			if rel, err := filepath.Rel(dir, file); err == nil {
				return rel
			}
			return file
		}
		if d == root {
			return ""
		}
	}
}

// gitRoot is the root of the git repository that a directory is in; outside of
// one, the directory itself.
func gitRoot(dir string) string {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}

// discovered looks for a file of the project with findUp, and leaves out what is
// not the user's own: a file of somebody else's, and one that lies in a tree that
// is to be scanned, which could hide its own secrets so. It says so.
func (a *app) discovered(name, flag string) string {
	file := findUp(name)
	switch {
	case file == "":
	case foreign(file):
		a.complain(fmt.Errorf(notYours, file, flag, file))
		return ""
	case a.isScanned(file):
		a.complain(fmt.Errorf(inTheTree, file, flag, file))
		return ""
	}
	return file
}

// isScanned reports whether a file lies in a directory that is an argument.
func (a *app) isScanned(file string) bool {
	real := func(path string) string {
		if p, err := filepath.EvalSymlinks(path); err == nil {
			path = p
		}
		if p, err := filepath.Abs(path); err == nil {
			path = p
		}
		return path
	}
	at := real(file)
	for _, arg := range a.args {
		for _, prefix := range []string{"dir:", "oci-dir:", "file:"} {
			arg = strings.TrimPrefix(arg, prefix)
		}
		if st, err := os.Stat(arg); err != nil || !st.IsDir() {
			continue
		}
		if rel, err := filepath.Rel(real(arg), at); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// settingsFile is the file of settings that is in force: that of --config, the
// project's, the user's. project: it was found in the project.
func (a *app) settingsFile(config string) (file string, project bool) {
	if ext := strings.ToLower(filepath.Ext(config)); ext == ".yaml" || ext == ".yml" {
		return config, false
	}
	if file := a.discovered(settingsName, "--config"); file != "" {
		return file, true
	}
	return a.userSettings(), false
}

func (a *app) userSettings() string {
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

// usesSettings marks a command that the settings are for.
const usesSettings = "settings"

// fromSettings gives every flag that is set neither on the command line nor by a
// variable the value of the settings, where the command has it.
func (a *app) fromSettings(c *cobra.Command) error {
	fs := c.Flags()
	config := fs.Lookup("config")
	if c.Annotations[usesSettings] == "" || config == nil {
		return nil
	}
	file, project := a.settingsFile(config.Value.String())
	if file == "" {
		return nil
	}
	text, err := readSmall(file)
	if err != nil {
		return err
	}
	var all scanFlags // the keys are those of a scan, whatever the command has of them
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	all.register(known)
	s, err := parseSettings(file, text, settingNames(known))
	if err != nil {
		return &usageError{err}
	}
	if config.Value.String() == file {
		config.Value.Set("") // it named the settings, and not the rules
	}
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		values := s.values[name]
		f, ofScan := fs.Lookup(name), known.Lookup(name)
		if name == "rules" {
			f, ofScan = config, config
		}
		if f == nil || f.Value.Type() != ofScan.Value.Type() {
			continue // it is of a scan
		}
		if project && name == "insecure" {
			return usage("%s:%d: %s", file, s.lines[name], settingsInsecure)
		}
		for i, v := range values {
			if values[i], err = beside(file, name, v, project); err != nil {
				return usage("%s:%d: %v", file, s.lines[name], err)
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
				return usage("%s:%d: this is no value for %s, which is of type %s", file, s.lines[name], name, f.Value.Type())
			}
		}
		a.origins[f.Name] = origin{where: fmt.Sprintf("%s:%d", file, s.lines[name]), file: true}
	}
	a.settings = s
	return nil
}

// beside resolves the files that a setting names against the directory of the
// settings. Settings that were found, and not named, may write below it only.
func beside(file, name, value string, project bool) (string, error) {
	path, format := value, ""
	switch name {
	case "baseline", "ignore-file", "dockerfile", "rules":
	case "output":
		var ok bool
		if format, path, ok = strings.Cut(value, "="); !ok || path == "" || path == "-" {
			return value, nil
		}
		format += "="
		if project && !filepath.IsLocal(path) {
			return "", errors.New(settingsOutside)
		}
	default:
		return value, nil
	}
	if filepath.IsAbs(path) {
		return value, nil
	}
	return format + filepath.Join(filepath.Dir(file), path), nil
}

// maxSmall bounds files of settings and of entries.
const maxSmall = 4 << 20

// readSmall reads such a file.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usage(settingsNotRead, name, reason(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	switch {
	case err != nil:
		return nil, usage(settingsNotRead, name, reason(err))
	case len(text) > maxSmall:
		return nil, usage(settingsNotRead, name, "it has more than "+report.Size(maxSmall))
	}
	return text, nil
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
		file = a.discovered(ignoreName, "--ignore-file")
	}
	if file != "" {
		text, err := readSmall(file)
		if err != nil {
			return nil, err
		}
		more, err := ignore.Parse(file, text)
		if err != nil {
			return nil, &usageError{err}
		}
		es = append(es, more...)
	}
	if file := a.discovered(gitleaksName, "--ignore-file"); file != "" {
		text, err := readSmall(file)
		if err != nil {
			return nil, err
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
	c := &cobra.Command{Use: "config", Short: configShort, Long: configLong}
	group(c)
	var f scanFlags
	show := &cobra.Command{
		Use: "show", Short: configShowShort, Args: takesNone, Annotations: map[string]string{usesSettings: "yes"},
		RunE: func(c *cobra.Command, _ []string) error {
			file := configNone
			if a.settings != nil {
				file = a.settings.file
			}
			var b bytes.Buffer
			fmt.Fprintf(&b, "# %s\n", report.Escape(file))
			c.Flags().VisitAll(func(fl *pflag.Flag) {
				name := fl.Name
				if name == "config" {
					name = "rules"
				} else if slices.Contains(notSettings[:], name) {
					return
				}
				from := "default"
				switch o := a.origins[fl.Name]; {
				case o.where != "":
					from = o.where
				case fl.Changed:
					from = "--" + fl.Name
				}
				value := fl.Value.String()
				if value == "" {
					value = `""`
				}
				fmt.Fprintf(&b, "%s: %s  # %s\n", name, report.Escape(value), report.Escape(from))
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
				fmt.Fprintf(&b, "# ignored: %s (%s: %s)\n", report.Escape(what), report.Escape(e.From), report.Escape(e.Reason))
			}
			return a.put(b.Bytes())
		},
	}
	f.register(show.Flags())
	show.Flags().StringVar(&f.config, "config", "", configUsage)
	schema := &cobra.Command{
		Use: "schema", Short: configSchemaShort, Args: takesNone,
		RunE: func(*cobra.Command, []string) error {
			return a.put([]byte(settingsSchema))
		},
	}
	c.AddCommand(show, schema)
	return c
}
