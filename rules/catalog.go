package rules

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Our own rules are the files of catalog/, in TOML: a table [[rules]] each,
// with the fields of tomlEntry.
//
//go:embed catalog
var catalog embed.FS

// tomlEntry is a rule of the catalog.
type tomlEntry struct {
	ID, Title, About, Leaks, Revoke, Docs string
	Severity                              Severity
	Confidence                            Confidence

	// Either Pattern, in RE2, whose first group is the secret. Or Names and
	// Value: the secret is assigned to something whose name has one of Names (RE2,
	// case is ignored), and has the form of Value. Or Parsed: package formats
	// finds it.
	Pattern  string
	Names    []string
	Value    string
	Parsed   bool
	Keywords []string // one occurs in every match, in lower case; not needed with Names

	Path       string
	MinEntropy float64
	Random     bool
	Valid      string
	Class      Class

	Hits, Misses []string
	Hit, Miss    []Example // with a path
}

// assigned is the pattern of a secret that is assigned to a name: a name
// around the words, an operator, quotes, the value, and something that ends it.
func assigned(names []string, value string) string {
	return `(?i)[\w.-]{0,50}?(?:` + strings.Join(names, "|") + `)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}((?-i:` + value + `))(?:[\x60'"\s;,<]|\\[nr]|$)`
}

func (t *tomlEntry) rule(category string) (Rule, error) {
	r := Rule{ID: t.ID, Title: t.Title, Severity: t.Severity, Confidence: t.Confidence, Path: t.Path, Keywords: t.Keywords, Pattern: t.Pattern,
		MinEntropy: t.MinEntropy, Parsed: t.Parsed, Class: t.Class, Random: t.Random, Valid: t.Valid,
		About: t.About, Leaks: t.Leaks, Revoke: t.Revoke, Docs: t.Docs, Category: category}
	if len(t.Names) > 0 {
		if t.Pattern != "" || t.Value == "" {
			return r, errors.New("names want a value, and no pattern")
		}
		r.Pattern = assigned(t.Names, t.Value)
		r.Confidence = cmp.Or(r.Confidence, ConfidenceMedium)
		if len(r.Keywords) == 0 {
			for _, n := range t.Names {
				if strings.ContainsAny(n, `\[](){}?*+.|^$`) {
					return r, fmt.Errorf("the name %s is a pattern: give keywords, too", n)
				}
				r.Keywords = append(r.Keywords, strings.ToLower(n))
			}
		}
	}
	r.Confidence = cmp.Or(r.Confidence, ConfidenceHigh)
	for _, h := range t.Hits {
		r.Hits = append(r.Hits, Example{Text: h})
	}
	for _, m := range t.Misses {
		r.Misses = append(r.Misses, Example{Text: m})
	}
	r.Hits = append(r.Hits, t.Hit...)
	r.Misses = append(r.Misses, t.Miss...)
	if r.Title == "" || r.About == "" || r.Severity == "" || len(r.Hits) == 0 {
		return r, errors.New("it wants a title, about, a severity and hits")
	}
	return r, nil
}

// Catalog returns our own rules, by file and in the order of each.
func Catalog() ([]Rule, error) {
	files, err := fs.Glob(catalog, "catalog/*.toml")
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all []Rule
	for _, name := range files {
		text, err := catalog.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var f struct {
			Category string
			Rules    []tomlEntry
		}
		d := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			var missing *toml.StrictMissingError
			if errors.As(err, &missing) {
				return nil, fmt.Errorf("rules/%s: %s", name, missing.String())
			}
			return nil, fmt.Errorf("rules/%s: %w", name, err)
		}
		for i := range f.Rules {
			r, err := f.Rules[i].rule(f.Category)
			if err != nil {
				return nil, fmt.Errorf("rules/%s: %s: %w", name, f.Rules[i].ID, err)
			}
			all = append(all, r)
		}
	}
	return all, nil
}
