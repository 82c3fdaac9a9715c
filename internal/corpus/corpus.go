// Package corpus reads the labelled secrets of testdata/secrets, and makes an
// image of them. Every secret is made up when it is asked for.
//
// A file has entries:
//
//	=== + kind | path/in/image
//	text with ⟦secrets⟧ that must be found
//	=== - kind | path/in/image
//	text in which nothing may be found
//
// @env, @history and @label in place of a path are a variable, a history entry
// and a label of the image. Random parts are those of rules.Example, and the
// ones of generate.
package corpus

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/rules"
)

// Entry is a text with secrets, or without.
type Entry struct {
	Family  string // the file that it is in
	Kind    string
	Path    string
	Secrets []Span // none: a negative
	Text    string
	Line    int // in its file
}

// Positive reports whether there is something to find.
func (e *Entry) Positive() bool { return len(e.Secrets) > 0 }

// Span is a part of an entry's text.
type Span struct{ From, To int }

const (
	open  = "⟦"
	close = "⟧"
)

// Load reads all files of a directory.
func Load(dir fs.FS) ([]Entry, error) {
	names, err := fs.Glob(dir, "*.txt")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []Entry
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		es, err := parse(strings.TrimSuffix(path.Base(name), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, es...)
	}
	return all, nil
}

func parse(family, text string) (es []Entry, err error) {
	var e *Entry
	positive := false
	finish := func() error {
		if e == nil {
			return nil
		}
		if err := e.expand(positive); err != nil {
			return fmt.Errorf("line %d: %w", e.Line, err)
		}
		if positive != e.Positive() {
			return fmt.Errorf("line %d: %s: a positive has marks, and a negative none", e.Line, e.Kind)
		}
		es = append(es, *e)
		return nil
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		head, ok := strings.CutPrefix(line, "=== ")
		if !ok || len(head) < 2 || head[0] != '+' && head[0] != '-' {
			if e != nil {
				e.Text += line
			}
			continue
		}
		if err := finish(); err != nil {
			return nil, err
		}
		kind, p, ok := strings.Cut(strings.TrimSpace(head[1:]), " | ")
		if !ok {
			return nil, fmt.Errorf("line %d: want === + kind | path", n)
		}
		positive = head[0] == '+'
		e = &Entry{Family: family, Kind: strings.TrimSpace(kind), Path: strings.TrimSpace(p), Line: n}
	}
	return es, finish()
}

// expand fills in the random parts, and takes the marks out.
func (e *Entry) expand(positive bool) error {
	seed := fmt.Sprintf("%s/%s/%s/%d", e.Family, e.Kind, e.Path, e.Line)
	text, err := generate(e.Text, seed, positive)
	if err != nil {
		return err
	}
	text = rules.Example{Text: text}.Expand(seed)
	if strings.HasPrefix(e.Path, "@") {
		text = strings.TrimRight(text, "\n")
	}
	var b strings.Builder
	for {
		i := strings.Index(text, open)
		if i < 0 {
			break
		}
		k := strings.Index(text[i:], close)
		if k < 0 {
			return fmt.Errorf("%s: a mark is not closed", e.Kind)
		}
		b.WriteString(text[:i])
		from := b.Len()
		b.WriteString(text[i+len(open) : i+k])
		e.Secrets = append(e.Secrets, Span{from, b.Len()})
		text = text[i+k+len(close):]
	}
	b.WriteString(text)
	e.Text = b.String()
	return nil
}

// Image makes an image in which each entry is at a place of its own, and says
// for a place of a report which entry it is: the layer from 1 for a file, or
// the path in the config.
func Image(es []Entry) (testimage.Image, func(layer int, place string) *Entry) {
	img := testimage.Image{Name: "corpus:latest", Labels: map[string]string{}}
	at := map[string]*Entry{}
	byLayer := []*Entry{}
	for i := range es {
		e := &es[i]
		switch e.Path {
		case "@env":
			at[fmt.Sprintf("config.Env[%d]", len(img.Env))] = e
			img.Env = append(img.Env, e.Text)
		case "@label":
			key, value, _ := strings.Cut(e.Text, "=")
			key = fmt.Sprintf("%s.x%d", key, i)
			at[fmt.Sprintf("config.Labels[%q]", key)] = e
			img.Labels[key] = value
		case "@history":
			at[fmt.Sprintf("history[%d].created_by", len(img.Layers))] = e
			img.Layers = append(img.Layers, testimage.Layer{CreatedBy: e.Text, Empty: true})
		default:
			byLayer = append(byLayer, e)
			img.Layers = append(img.Layers, testimage.Layer{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File(strings.TrimPrefix(e.Path, "/"), e.Text)}})
		}
	}
	return img, func(layer int, place string) *Entry {
		if layer > 0 && layer <= len(byLayer) {
			return byLayer[layer-1]
		}
		return at[place]
	}
}
