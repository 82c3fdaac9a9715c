// Command newrule adds a rule to the catalog, with texts that it hits and
// misses, which are its tests:
//
//	go run ./rules/newrule -category ai -id acme-api-key -title "Acme API key" -prefix acme_ -class alnum -length 40
//	go run ./rules/newrule -category saas -id acme-api-key -title "Acme API key" -names acme_key,acme_token -class hex -length 32
//
// What it writes works as it stands, but for what only a person knows: about,
// revoke and docs. The test of the catalog fails until those are filled in.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/leakscan/leakscan/rules"
)

type rule struct {
	category, id, title, severity string
	prefix, names, class          string
	length                        int
}

func main() {
	var r rule
	flag.StringVar(&r.category, "category", "", "the file of rules/catalog, without .toml")
	flag.StringVar(&r.id, "id", "", "kebab-case, such as acme-api-key")
	flag.StringVar(&r.title, "title", "", "a few words, such as \"Acme API key\"")
	flag.StringVar(&r.severity, "severity", "high", "low, medium, high or critical")
	flag.StringVar(&r.prefix, "prefix", "", "what every token begins with")
	flag.StringVar(&r.names, "names", "", "or the names that it is assigned to, with commas between")
	flag.StringVar(&r.class, "class", "alnum", "the characters behind the prefix: alnum, hex, base64url, upperalnum, … (see rules/example.go)")
	flag.IntVar(&r.length, "length", 0, "and how many of them")
	flag.Parse()
	if err := r.add("rules/catalog"); err != nil {
		fmt.Fprintln(os.Stderr, "newrule:", err)
		os.Exit(1)
	}
}

// classes are the character classes of patterns for those of examples.
func classOf(name string) string {
	switch name {
	case "lower":
		return "[a-z]"
	case "upper":
		return "[A-Z]"
	case "digit":
		return "[0-9]"
	case "hex":
		return "[0-9a-f]"
	case "alpha":
		return "[A-Za-z]"
	case "alnum":
		return "[A-Za-z0-9]"
	case "loweralnum":
		return "[a-z0-9]"
	case "upperalnum":
		return "[A-Z0-9]"
	case "base32":
		return "[A-Z2-7]"
	case "base64":
		return "[A-Za-z0-9+/]"
	case "base64url":
		return "[A-Za-z0-9_-]"
	}
	return ""
}

func (r *rule) check() error {
	switch {
	case !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(r.id):
		return fmt.Errorf("-id %q: want kebab-case", r.id)
	case r.title == "" || r.category == "":
		return errors.New("-title and -category are wanted")
	case classOf(r.class) == "" || r.length < 1:
		return fmt.Errorf("-class %q, -length %d: want a class of rules/example.go and a length", r.class, r.length)
	case (r.prefix == "") == (r.names == ""):
		return errors.New("want either -prefix or -names")
	}
	set, err := rules.Default()
	if err != nil {
		return err
	}
	if set.Rule(r.id) != nil {
		return fmt.Errorf("-id %s: there is such a rule", r.id)
	}
	return nil
}

// text is the rule in TOML.
func (r *rule) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	token := fmt.Sprintf("%s<%s:%d>", r.prefix, r.class, r.length)
	short := fmt.Sprintf("%s<%s:%d>", r.prefix, r.class, max(1, r.length/2))
	name := strings.ToUpper(strings.ReplaceAll(r.id, "-", "_"))
	line("\n[[rules]]\nid = %q\ntitle = %q\nseverity = %q", r.id, r.title, r.severity)
	line("about = \"\" # what it is, and what whoever has it can do: a sentence with a full stop")
	line("revoke = \"\" # the page on which it is revoked\ndocs = \"\" # the provider's documentation of its form")
	if r.prefix != "" {
		line("pattern = '''\\b(%s%s{%d})(?:[^A-Za-z0-9_-]|$)'''", regexp.QuoteMeta(r.prefix), classOf(r.class), r.length)
		line("keywords = [%q]", strings.ToLower(r.prefix))
	} else {
		names := strings.Split(r.names, ",")
		name = strings.ToUpper(names[0])
		line("names = [%s]\nvalue = '''%s{%d}'''\nrandom = true", `"`+strings.Join(names, `", "`)+`"`, classOf(r.class), r.length)
	}
	line("hits = [%q, '  %s: \"%s\"']", name+"="+token, strings.ToLower(name), token)
	line("misses = [%q, \"%s=your_key_here\"]", name+"="+short, name)
	return b.String()
}

func (r *rule) add(dir string) error {
	if err := r.check(); err != nil {
		return err
	}
	file := filepath.Join(dir, r.category+".toml")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, os.ErrNotExist) {
		if f, err = os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err == nil {
			_, err = fmt.Fprintf(f, "category = %q\n", r.category)
		}
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(r.text()); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Printf("%s is at the end of %s.\nFill in about, revoke and docs, then: go test ./rules -update && go test ./rules ./detect\n", r.id, file)
	return nil
}
