package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// goldenFormats are those whose golden files are made here; text, json and html
// have tests of their own.
var goldenFormats = [...]string{"jsonl", "sarif", "markdown", "github", "gitlab", "junit", "csv", "gitleaks"}

func rendered(t *testing.T, r *Report, format string, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r, format, o); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

func sampleOptions() Options {
	return Options{
		Rule: func(id string) (RulePage, bool) {
			return RulePage{Title: "Title of " + id, About: "About it.", Text: "Help.", Markdown: "**Help.**", Docs: "https://example.com/" + id, Severity: SeverityHigh, Confidence: ConfidenceHigh}, id != "npm-token"
		},
		Dockerfile: &Dockerfile{Path: "docker/Dockerfile", Lines: []string{"FROM scratch", "COPY step1 \\", "  /app", "COPY step2 /app/"}},
		Started:    "2026-11-22T10:00:00", Ended: "2026-11-22T10:00:01",
	}
}

// suppressedSample has locations that do not count.
func suppressedSample() *Report {
	r := sample()
	s := &Suppression{By: ".leakscanignore:3", Reason: "revoked \x1b[2J| <b>", Owner: "@team", Until: "2027-01-01"}
	f := &r.Findings[1]
	for i := range f.Locations {
		f.Locations[i].Suppressed = s
	}
	return r
}

func TestFormatsGolden(t *testing.T) {
	for _, format := range goldenFormats {
		out := rendered(t, suppressedSample(), format, sampleOptions())
		if format == "github" { // the file itself is to command nothing
			out = regexp.MustCompile(`(?m)^::`).ReplaceAllString(out, `\x3a:`)
		}
		golden(t, "format-"+format+".txt", []byte(out))
	}
	r := sample()
	r.Images = r.Images[:2]
	golden(t, "format-in-toto.txt", []byte(rendered(t, r, "in-toto", sampleOptions())))
}

// Every format is one of Formats, writes something of every report, and takes
// the zero options.
func TestEveryFormat(t *testing.T) {
	for _, format := range Formats() {
		for name, r := range map[string]*Report{"sample": sample(), "suppressed": suppressedSample(), "clean": cleanSample()} {
			if format == "in-toto" && name != "clean" {
				r.Images = r.Images[:2]
			}
			out := rendered(t, r, format, Options{})
			if strings.TrimSpace(out) == "" && !(format == "github" && name == "clean") {
				t.Errorf("%s of the %s report is empty", format, name)
			}
			if out != rendered(t, r, format, Options{}) {
				t.Errorf("%s of the %s report is not the same twice", format, name)
			}
		}
	}
	if err := Write(io.Discard, sample(), "yaml", Options{}); err == nil {
		t.Error("a format that is none")
	}
	if err := Write(io.Discard, &Report{}, "in-toto", Options{}); err == nil {
		t.Error("a statement about nothing")
	}
}

// An address in Markdown stays one, and nothing else does.
func TestMarkdownAddress(t *testing.T) {
	for in, want := range map[string]string{
		"https://www.npmjs.com/settings/~/tokens":  "https://www.npmjs.com/settings/~/tokens",
		"~x~ see https://a.b/_c_ and *that*":       `\~x\~ see https://a.b/_c_ and \*that\*`,
		"https://a.b/<script>[x](https://c.d)`|**": `https://a.b/&lt;script&gt;\[x\](https://c.d)` + "\\`" + `\|\*\*`,
		"http://a_b_c": `http://a\_b\_c`,
	} {
		if got := markdown(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// The name of an image is escaped once.
func TestImageNameIsEscapedOnce(t *testing.T) {
	r := sample()
	r.Images[0].Reference = "a\x1bb"
	for format, twice := range map[string]string{
		"text": `a\\x1bb`, "junit": `a\\x1bb`, "csv": `a\\x1bb`,
		"markdown": `a\\\\x1bb`, "sarif": `a\\\\x1bb`, "gitlab": `a\\\\x1bb`, "jsonl": `a\\\\x1bb`, // these double the one
	} {
		if strings.Contains(rendered(t, r, format, sampleOptions()), twice) {
			t.Errorf("%s escapes it twice", format)
		}
	}
}

// An instruction is shown in the Dockerfile that it is from, if it is in one.
func TestTextDockerfile(t *testing.T) {
	var asked [][2]int
	d := sampleOptions().Dockerfile
	d.Frame = func(first, last int) string {
		asked = append(asked, [2]int{first, last})
		return "Dockerfile:2\n-----\n   2 | >>> COPY \x1b[2J\t" + strings.Repeat("x", 200) + "\n-----\n"
	}
	out := text(t, sample(), TextOptions{Width: 80, Dockerfile: d})
	inert(t, "text", out)
	if want := "\n          Dockerfile:2\n          -----\n             2 | >>> COPY \\x1b[2J    xxx"; strings.Count(out, want) != len(asked) || len(asked) == 0 {
		t.Errorf("%q is not there %d times:\n%s", want, len(asked), out)
	}
	if !slices.Contains(asked, [2]int{2, 3}) || slices.Contains(asked, [2]int{1, 1}) {
		t.Errorf("asked for the lines %v", asked)
	}
	d.Frame = func(int, int) string { return "" }
	if got, want := text(t, sample(), TextOptions{Dockerfile: d}), text(t, sample(), TextOptions{}); got != want {
		t.Errorf("a Dockerfile that can't be shown changes the report:\n%s", got)
	}
}

// Nothing of a hostile image acts on what reads a report: terminals, CI logs,
// spreadsheets, browsers.
func TestFormatsAreInert(t *testing.T) {
	r := suppressedSample()
	r.Findings[0].Title = "=cmd|' /C calc'!A0\r\n::stop-commands::x\x1b[2J\u202e</script>`|`"
	r.Findings[0].Rule = "@SUM(1)`|\n::error::x"
	r.Findings[0].Fix = "\n::set-output name=x::y\n%0A::error::z"
	for _, format := range goldenFormats {
		out := rendered(t, r, format, sampleOptions())
		for n, line := range strings.Split(out, "\n") {
			for _, c := range line {
				if c < ' ' && c != '\t' || c == 0x7f || c >= 0x80 && !printable(c) && c != '\uFEFF' {
					t.Errorf("%s, line %d: %U in %.200q", format, n+1, c, line)
					break
				}
			}
			command := strings.HasPrefix(strings.TrimLeft(line, " \t"), "::")
			if command && (format != "github" || !regexp.MustCompile(`^::(error|warning|notice) (file=docker/Dockerfile,line=[0-9]+,)?title=[^:,]*::`).MatchString(line)) {
				t.Errorf("%s, line %d is a command: %.200q", format, n+1, line)
			}
		}
	}
	rows, err := csv.NewReader(strings.NewReader(rendered(t, r, "csv", Options{}))).ReadAll()
	if err != nil || len(rows) < 10 {
		t.Fatalf("csv: %d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("csv: a formula: %q", cell)
			}
		}
	}
	md := regexp.MustCompile("`+[^`]*`+").ReplaceAllString(rendered(t, r, "markdown", Options{}), "") // code is shown as it is
	if strings.Contains(md, "<script") || strings.Contains(md, "</script") || strings.Contains(md, "<b>") {
		t.Errorf("markdown has markup of the image:\n%s", md)
	}
}

// The formats can be read back by what is usual for them.
func TestFormatsParse(t *testing.T) {
	r := suppressedSample()
	for _, format := range []string{"sarif", "gitlab", "gitleaks", "json"} {
		var v any
		if err := json.Unmarshal([]byte(rendered(t, r, format, sampleOptions())), &v); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	for n, line := range strings.Split(strings.TrimSpace(rendered(t, r, "jsonl", Options{})), "\n") {
		var v struct{ Type string }
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.Type == "" {
			t.Errorf("jsonl, line %d: %v: %.100s", n+1, err, line)
		}
	}
	var suites junitSuites
	if err := xml.Unmarshal([]byte(rendered(t, r, "junit", Options{})), &suites); err != nil {
		t.Fatal(err)
	}
	failures, errs, skipped, cases := 0, 0, 0, 0
	for _, s := range suites.Suites {
		for _, c := range s.Cases {
			cases++
			if c.Failure != nil {
				failures++
			}
			if c.Error != nil {
				errs++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
	}
	if failures != suites.Failures || errs != suites.Errors || cases != suites.Tests || skipped == 0 || errs != len(r.Gaps) {
		t.Errorf("junit: %d failures, %d errors, %d skipped, %d cases; it says %d, %d, %d", failures, errs, skipped, cases, suites.Failures, suites.Errors, suites.Tests)
	}
}

// SARIF keeps to what GitHub takes: relative URIs, a category a run, rules by
// index, at most 5,000 results.
func TestSARIF(t *testing.T) {
	r := suppressedSample()
	for len(r.Findings) < 6000 {
		r.Findings = append(r.Findings, r.Findings[0])
	}
	var log sarifLog
	if err := json.Unmarshal([]byte(rendered(t, r, "sarif", sampleOptions())), &log); err != nil {
		t.Fatal(err)
	}
	categories := map[string]bool{}
	lines, suppressed := 0, 0
	for _, run := range log.Runs {
		if categories[run.Automation.ID] {
			t.Errorf("two runs of the category %s", run.Automation.ID)
		}
		categories[run.Automation.ID] = true
		if len(run.Results) > sarifResults {
			t.Errorf("%d results", len(run.Results))
		}
		for _, res := range run.Results {
			if run.Tool.Driver.Rules[res.RuleIndex].ID != res.RuleID {
				t.Errorf("rule %d is not %s", res.RuleIndex, res.RuleID)
			}
			for _, l := range append(res.Locations, res.Related...) {
				u := l.Physical.Artifact.URI
				if u == "" || strings.HasPrefix(u, "/") || strings.Contains(u, ":") || strings.Contains(u, "..") || strings.ContainsAny(u, " <>\"") {
					t.Errorf("URI %q", u)
				}
				if u == "docker/Dockerfile" {
					lines++
				}
			}
			suppressed += len(res.Suppressions)
		}
	}
	if len(log.Runs) != len(r.Images) || lines == 0 || suppressed == 0 {
		t.Errorf("%d runs, %d results at a line of the Dockerfile, %d suppressed", len(log.Runs), lines, suppressed)
	}
}

func TestDockerfileLine(t *testing.T) {
	d := &Dockerfile{Lines: strings.Split(`# syntax=docker/dockerfile:1
FROM debian
ENV A=1 \
    TOKEN=abc
RUN --mount=type=cache,target=/x set -eux; \
  # a comment
  make
COPY --chown=1 . /app
copy x /y
RUN make twice
RUN make twice
LABEL token=x`, "\n")}
	for instruction, want := range map[string]int{
		"ENV A=1 TOKEN=…(3 characters)":                     3,
		"RUN /bin/sh -c set -eux;   make # buildkit":        5,
		"RUN |1 V=2 /bin/sh -c set -eux;   make # buildkit": 5,
		"COPY . /app # buildkit":                            8,
		"COPY x /y # buildkit":                              9,
		"RUN /bin/sh -c make twice # buildkit":              0, // which of the two?
		"/bin/sh -c #(nop)  LABEL token=y":                  12,
		"/bin/sh -c #(nop) COPY dir:0a1b2c in /app ":        8,
		"/bin/sh -c #(nop) COPY file:0a1b2c in /else ":      0,
		"RUN something else":                                0,
		"":                                                  0,
	} {
		if got := d.index().line(instruction); got != want {
			t.Errorf("%s: line %d, want %d", instruction, got, want)
		}
	}
}

// schemaSamples are reports for schemas: usual ones, nothing, and too much.
func schemaSamples() map[string]*Report {
	long := suppressedSample()
	long.Findings[0].Title = strings.Repeat("tï", 200)
	long.Findings[0].Fix = strings.Repeat("fix ", 3000)
	long.Findings[0].Locations[0].Path = strings.Repeat("/p", 1<<20)
	long.Gaps = append(long.Gaps, Gap{})
	return map[string]*Report{"sample": sample(), "suppressed": suppressedSample(), "clean": cleanSample(), "empty": {}, "long": long}
}

// GitLab refuses a report that its schema does not fit. testdata/gitlab.schema.json
// has what that asks for; the original can't be had by CI.
func TestGitLabSchema(t *testing.T) {
	text, err := os.ReadFile("testdata/gitlab.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	schema := compiled(t, text)
	for name, r := range schemaSamples() {
		for _, o := range []Options{{}, sampleOptions()} {
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(rendered(t, r, "gitlab", o)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// testdata/junit.xsd is to Jenkins' junit-10.xsd what gitlab.schema.json is to
// GitLab's schema.
func TestJUnitSchema(t *testing.T) {
	tool, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("LEAKSCAN_E2E") == "require" {
			t.Fatal(err)
		}
		t.Skip("there is no xmllint (libxml2-utils): JUnit is not validated")
	}
	for name, r := range schemaSamples() {
		file := filepath.Join(t.TempDir(), name+".xml")
		if err := os.WriteFile(file, []byte(rendered(t, r, "junit", sampleOptions())), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), tool, "--huge", "--noout", "--nonet", "--schema", "testdata/junit.xsd", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%.2000s", name, err, out)
		}
	}
}

// TestSARIFValidator asks Microsoft's validator, with the rules that GitHub
// asks for, where LEAKSCAN_SARIF names it (sarif-multitool, from npm).
func TestSARIFValidator(t *testing.T) {
	tool := os.Getenv("LEAKSCAN_SARIF")
	if tool == "" {
		if os.Getenv("LEAKSCAN_E2E") == "require" {
			t.Fatal("LEAKSCAN_SARIF is not set")
		}
		t.Skip("LEAKSCAN_SARIF is not set: SARIF is not validated")
	}
	for name, r := range map[string]*Report{"sample": suppressedSample(), "clean": cleanSample()} {
		file := filepath.Join(t.TempDir(), name+".sarif")
		if err := os.WriteFile(file, []byte(rendered(t, r, "sarif", sampleOptions())), 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(tool, "validate", file, "--rule-kind", "Sarif;Ghas")
		cmd.Env = append(os.Environ(), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Analysis completed successfully") || strings.Contains(string(out), ": error ") || strings.Contains(string(out), ": warning ") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// BenchmarkWrite is what a report of 20,000 findings costs in each format.
func BenchmarkWrite(b *testing.B) {
	r := sample()
	for len(r.Findings) < 20_000 {
		r.Findings = append(r.Findings, r.Findings[:min(5, 20_000-len(r.Findings))]...)
	}
	r.Images = r.Images[:2]
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if err := Write(io.Discard, r, format, sampleOptions()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
