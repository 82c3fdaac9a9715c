package report

import (
	"bufio"
	"bytes"
	_ "embed" // for the schema
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// schema is a string so that nobody can change it.
//
//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 2020-12) of what [WriteJSON] writes.
func Schema() []byte { return []byte(schema) }

// JSONOptions says how [WriteJSON] writes. Its zero value is what nearly
// everybody wants.
type JSONOptions struct {
	// Reveal gives a finding's secret itself, to be written as "secretValue".
	// A false result leaves the field out. The report can't hold the secret,
	// so whoever asks for this has to bring it along. Bytes of it that are not
	// UTF-8 are written as U+FFFD.
	Reveal func(f *Finding) (string, bool)
}

// jsonReport is Report with findings that can carry a revealed secret, and in
// the same order of fields; a test holds the two together.
type jsonReport struct {
	Schema   string        `json:"schema"`
	Tool     Tool          `json:"tool"`
	Complete bool          `json:"complete"`
	Images   []Image       `json:"images"`
	Findings []jsonFinding `json:"findings"`
	Gaps     []Gap         `json:"gaps"`
	Notes    []Note        `json:"notes"`
	Stats    Stats         `json:"stats"`
}

type jsonFinding struct {
	Finding
	SecretValue *string `json:"secretValue,omitempty"`
}

// WriteJSON writes a report as indented JSON, in the form that [Schema]
// describes. The same report gives the same bytes; call [Report.Sort] first.
//
// The file does nothing in a terminal or a CI log: what [Escape] would make
// visible is written as \uXXXX, which a JSON parser reads back as it was.
//
// A report that has gaps is written as not complete, whatever it says itself.
func WriteJSON(w io.Writer, r *Report, o JSONOptions) error {
	out := jsonReport{
		Schema:   SchemaID,
		Tool:     r.Tool,
		Complete: r.Complete && len(r.Gaps) == 0,
		Images:   make([]Image, len(r.Images)),
		Findings: []jsonFinding{}, // written one by one
		Gaps:     notNil(r.Gaps),
		Notes:    notNil(r.Notes),
		Stats:    r.Stats,
	}
	for i, img := range r.Images {
		img.Layers = notNil(img.Layers)
		out.Images[i] = img
	}
	frame, err := encodeJSON(out, "", "the report")
	if err != nil {
		return err
	}
	// A line feed is never part of a string, so this is the member itself.
	head, tail, _ := bytes.Cut(frame, []byte("\n  \"findings\": []"))
	b := bufio.NewWriter(w)
	b.Write(head)
	b.WriteString("\n  \"findings\": [")
	for i := range r.Findings {
		f := jsonFinding{Finding: r.Findings[i]}
		f.Locations = notNil(f.Locations)
		if o.Reveal != nil {
			if v, ok := o.Reveal(&r.Findings[i]); ok {
				f.SecretValue = &v
			}
		}
		text, err := encodeJSON(f, "    ", "a finding of the report")
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		b.Write(bytes.TrimSuffix(text, []byte("\n")))
	}
	if len(r.Findings) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteByte(']')
	b.Write(tail)
	return b.Flush()
}

// WriteValue writes a value as indented JSON that does nothing in a terminal or a
// CI log; what is its name in an error.
func WriteValue(w io.Writer, v any, what string) error { return writeJSON(w, v, what) }

// writeJSON encodes a value, indented, so that nothing in it acts on a terminal.
func writeJSON(w io.Writer, v any, what string) error {
	text, err := encodeJSON(v, "", what)
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// encodeJSON gives a value as writeJSON writes it, its further lines behind a prefix.
func encodeJSON(v any, prefix, what string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", what, err)
	}
	return inertJSON(buf.Bytes()), nil
}

// notNil makes a nil slice an empty one, which JSON shows as [] and not null.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// inertJSON replaces what is not printable in encoded JSON by \uXXXX. Such
// runes stand only in strings, and there encoding/json has already escaped the
// ASCII control characters, so a line feed is always one of the layout.
func inertJSON(in []byte) []byte {
	out := make([]byte, 0, len(in)+len(in)/16)
	for i := 0; i < len(in); {
		c := in[i]
		if c < utf8.RuneSelf && c != 0x7f {
			out = append(out, c)
			i++
			if c == '#' && logCommandAt(in, i-1) {
				out = append(out, `\u0023`...)
				i++
			}
			continue
		}
		r, n := utf8.DecodeRune(in[i:])
		i += n
		switch {
		case printable(r) && r != utf8.RuneError: // which encoding/json escapes where it stands for a bad byte
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = appendUnicode(appendUnicode(out, hi), lo)
		default:
			out = appendUnicode(out, r)
		}
	}
	return out
}

// logCommandAt is logCommand without a copy of the rest of the report.
func logCommandAt(b []byte, i int) bool {
	end := i
	for end < len(b) && (b[end] == '#' && end < i+2 || isLetter(b[end])) {
		end++
	}
	return logCommand(string(b[i:min(end+1, len(b))]))
}

func appendUnicode(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// ReadJSON reads back what [WriteJSON] wrote. It refuses other versions of the
// form and ignores fields that it doesn't know, because a later version of the
// same form may have added some. A revealed secret is such a field.
func ReadJSON(rd io.Reader) (*Report, error) {
	dec := json.NewDecoder(rd)
	var r Report
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("reading a report: %w", err)
	}
	if r.Schema != SchemaID {
		return nil, fmt.Errorf("reading a report: its schema is %q, this version reads %q", r.Schema, SchemaID)
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if len(f.Locations) == 0 {
			return nil, fmt.Errorf("reading a report: finding %d has no location", i+1)
		}
		for _, l := range f.Locations {
			if l.Image < 0 || l.Image >= len(r.Images) {
				return nil, fmt.Errorf("reading a report: finding %d is in image %d of %d", i+1, l.Image+1, len(r.Images))
			}
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading a report: something follows its end")
	}
	return &r, nil
}
