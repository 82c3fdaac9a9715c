package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// Match is a secret in a blob, told as soon as that is read: nobody knows yet what
// layers of which images it is, nor whether a text of the image, such as a path,
// has a secret that is only known later. So it has none.
type Match struct {
	Rule       string     `json:"rule"`
	Title      string     `json:"title"`
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	Secret     Preview    `json:"secret"`
	Blob       string     `json:"blob,omitempty"` // its digest, as stored; "": it has none, or was not read to its end
	Place      Place      `json:"place"`
	Line       int        `json:"line,omitempty"`
	Column     int        `json:"column,omitempty"`
	Offset     int64      `json:"offset"` // in bytes, in the file
}

// Lines writes a report as lines of JSON while it comes to be: one at the start, a
// line for each match as it is found, one for each image, finding, gap and note
// when the scan is done, and one at the end that says how it went: without it the
// file is not whole. An error is told by Finish.
type Lines struct {
	w     *bufio.Writer
	tool  Tool
	begun bool
	err   error
}

// NewLines writes nothing yet: the first line comes with the first match, or at the
// end.
func NewLines(w io.Writer, t Tool) *Lines {
	return &Lines{w: bufio.NewWriterSize(w, 64<<10), tool: t}
}

// Match writes a match; it can be read at once.
func (l *Lines) Match(m Match) {
	l.write("match", m)
	l.flush()
}

// Finish writes all that is known at the end; call [Report.Sort] first.
func (l *Lines) Finish(r *Report, t Threshold) error {
	for i := range r.Images {
		l.write("image", r.Images[i])
	}
	for i := range r.Findings {
		l.write("finding", r.Findings[i])
	}
	for i := range r.Gaps {
		l.write("gap", r.Gaps[i])
	}
	for i := range r.Notes {
		l.write("note", r.Notes[i])
	}
	l.write("end", struct {
		Complete bool  `json:"complete"`
		ExitCode int   `json:"exitCode"`
		Findings int   `json:"findings"`
		Stats    Stats `json:"stats"`
	}{r.complete(), int(r.Verdict(t)), len(r.Findings), r.Stats})
	l.flush()
	return l.err
}

func (l *Lines) write(kind string, v any) {
	if !l.begun {
		l.begun = true
		l.write("start", struct {
			Schema string `json:"schema"`
			Tool   Tool   `json:"tool"`
		}{SchemaID, l.tool})
	}
	if l.err != nil {
		return
	}
	raw, err := json.Marshal(v)
	if err != nil {
		l.err = fmt.Errorf("encoding a line of the report: %w", err)
		return
	}
	out := fmt.Appendf(nil, `{"type":%q`, kind)
	if rest := raw[1:]; len(rest) > 1 {
		out = append(append(out, ','), rest...)
	} else {
		out = append(out, '}')
	}
	_, l.err = l.w.Write(append(inertJSON(out), '\n'))
}

func (l *Lines) flush() {
	if l.err == nil {
		l.err = l.w.Flush()
	}
}
