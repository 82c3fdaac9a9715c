package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it with -update and git diff. Got:\n%s", file, got)
	}
}

func text(t *testing.T, r *Report, o TextOptions) string {
	t.Helper()
	var b strings.Builder
	if err := WriteText(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextGolden(t *testing.T) {
	golden(t, "text-80.txt", []byte(text(t, sample(), TextOptions{Width: 80})))
	golden(t, "text-120.txt", []byte(text(t, sample(), TextOptions{Width: 120})))
	// Escapes are spelled out, so that the file can be read and compared.
	color := text(t, sample(), TextOptions{Color: true})
	golden(t, "text-color.txt", []byte(strings.ReplaceAll(color, "\x1b", `\x1b`)))
	golden(t, "text-clean.txt", []byte(text(t, cleanSample(), TextOptions{})))
}

// A golden file is read in terminals and in CI logs, like the reports that it
// stands for.
func TestGoldenFilesAreInert(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 5 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		inert(t, file, string(b))
	}
}

var ciCommand = regexp.MustCompile(`(?m)^ *::[A-Za-z]|##[A-Za-z]*\[`)

func inert(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%s: not UTF-8", what)
	}
	for i, r := range s {
		if r != '\n' && !printable(r) {
			t.Errorf("%s: %U at byte %d", what, r, i)
		}
	}
	if m := ciCommand.FindString(s); m != "" {
		t.Errorf("%s: holds the CI command %q", what, m)
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColorChangesNoWord(t *testing.T) {
	for _, r := range []*Report{sample(), cleanSample(), {}} {
		plain := text(t, r, TextOptions{})
		color := text(t, r, TextOptions{Color: true})
		if got := sgr.ReplaceAllString(color, ""); got != plain {
			t.Errorf("without its colors:\n%s\nplain:\n%s", got, plain)
		}
		inert(t, "plain text", plain)
	}
}

func TestTextFitsWidth(t *testing.T) {
	r := sample()
	address := "https://docs.example.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens"
	r.Findings[0].Revoke = "Delete it at " + address + " and make another."
	for _, width := range []int{0, 1, 40, 64, 80, 100, 120, 200} {
		want := max(width, minWidth)
		if width == 0 {
			want = defaultWidth
		}
		lines := strings.Split(text(t, r, TextOptions{Width: width}), "\n")
		if !strings.Contains(strings.Join(lines, "\n"), address) {
			t.Errorf("width %d: the address is broken", width)
		}
		for i, l := range lines {
			if i >= len(lines)-2 || strings.HasPrefix(l, "  see it") || strings.HasPrefix(l, "  id ") {
				continue // never cut
			}
			if words := strings.Fields(l); strings.HasSuffix(l, " "+address) && (len(words) == 1 || len(words) == 2 && words[0] == "revoke") {
				continue // an address is on a line of its own, and whole
			}
			if n := Columns(l); n > want {
				t.Errorf("width %d: %d columns: %s", width, n, l)
			}
			if strings.TrimRight(l, " ") != l {
				t.Errorf("width %d: spaces at the end of %q", width, l)
			}
		}
	}
}

// What a person will paste or put into an ignore file must be whole.
func TestTextNeverCutsCommands(t *testing.T) {
	r := sample()
	out := text(t, r, TextOptions{Width: 40})
	for _, f := range r.Findings {
		if e := f.Locations[0].Extract; e != "" && !strings.Contains(out, "  see it  "+e+" | less\n") {
			t.Errorf("the command is not whole: %s", e)
		}
		if !strings.Contains(out, "  id      "+Escape(f.Fingerprint)+"\n") {
			t.Errorf("the fingerprint is not whole: %s", f.Fingerprint)
		}
	}
}

func TestTextReveal(t *testing.T) {
	r := sample()
	out := text(t, r, TextOptions{Reveal: func(f *Finding) (string, bool) {
		return "top\x1bsecret\nline two", f.Rule == "github-pat"
	}})
	if n := strings.Count(out, "  secret  top\\x1bsecret\\nline two\n"); n != 1 {
		t.Errorf("the secret shows %d times:\n%s", n, out)
	}
	inert(t, "revealed", out)
}

func TestCleanIsOneLine(t *testing.T) {
	r := cleanSample()
	if out := text(t, r, TextOptions{Width: 40}); strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "no secrets found in myapp:1.5") {
		t.Errorf("got:\n%s", out)
	}
	r.Notes = []Note{{Text: "one thing"}}
	if out := text(t, r, TextOptions{}); !strings.Contains(out, "\nnote      one thing\n") || !strings.HasSuffix(out, "\n"+r.Summary()+"\n") {
		t.Errorf("with a note:\n%s", out)
	}
}

func TestSummary(t *testing.T) {
	const image = "myapp:1.5 (linux/amd64), from the docker daemon at unix:///var/run/docker.sock"
	finding := func(s Severity) Finding { return Finding{Severity: s} }
	for _, tt := range []struct {
		name   string
		change func(r *Report)
		want   string
	}{
		{"clean", func(r *Report) {},
			"no secrets found in " + image + ": 9 layers, 1.2 GB in 12,345 files read; not read: nothing"},
		{"time", func(r *Report) { r.Stats.Elapsed = 3260 * time.Millisecond },
			"no secrets found in " + image + ": 9 layers, 1.2 GB in 12,345 files read in 3.2s; not read: nothing"},
		{"one of everything", func(r *Report) { r.Stats = Stats{Layers: 1, Bytes: 1, Files: 1, Packed: 1} },
			"no secrets found in " + image + ": 1 layer, 1 B in 1 file read; not read: nothing; 1 archive inside the layers was scanned as it is, not unpacked"},
		{"packed", func(r *Report) { r.Stats.Packed = 1234 },
			"no secrets found in " + image + ": 9 layers, 1.2 GB in 12,345 files read; not read: nothing; 1,234 archives inside the layers were scanned as they are, not unpacked"},
		{"one finding", func(r *Report) { r.Findings = []Finding{finding(SeverityHigh)} },
			"1 finding (1 high) in 9 layers; 1.2 GB in 12,345 files read; not read: nothing"},
		{"findings", func(r *Report) {
			r.Findings = []Finding{finding(SeverityHigh), finding("odd"), finding(SeverityCritical), finding(SeverityHigh)}
		},
			"4 findings (1 critical, 2 high, 1 unrated) in 9 layers; 1.2 GB in 12,345 files read; not read: nothing"},
		{"gap", func(r *Report) { r.Gaps = make([]Gap, 1) },
			"INCOMPLETE: 1 gap; no secrets found in what was read of " + image + ": 9 layers, 1.2 GB in 12,345 files read"},
		{"gaps of known size", func(r *Report) { r.Gaps = []Gap{{Bytes: 1_500_000}, {}, {Bytes: 500_000}} },
			"INCOMPLETE: 3 gaps, at least 2.0 MB not read; no secrets found in what was read of " + image + ": 9 layers, 1.2 GB in 12,345 files read"},
		{"gap and findings", func(r *Report) {
			r.Complete = false
			r.Gaps = make([]Gap, 2)
			r.Findings = []Finding{finding(SeverityLow)}
		},
			"INCOMPLETE: 2 gaps; 1 finding (1 low) in what was read: 9 layers, 1.2 GB in 12,345 files read"},
		{"incomplete without a gap", func(r *Report) { r.Complete = false },
			"INCOMPLETE: the scan did not reach its end; no secrets found in what was read of " + image + ": 9 layers, 1.2 GB in 12,345 files read"},
		{"no image", func(r *Report) { r.Images = nil },
			"nothing was scanned: there was no image"},
		{"images", func(r *Report) {
			r.Images = []Image{{Reference: "a"}, {Reference: "b", Platform: "linux/amd64"}, {Reference: "b", Platform: "linux/arm64"}, {Reference: "c"}, {Reference: "d"}}
		},
			"no secrets found in a, b (linux/amd64), b (linux/arm64) and 2 more: 9 layers of 5 images, 1.2 GB in 12,345 files read; not read: nothing"},
		{"hostile", func(r *Report) {
			r.Images[0] = Image{Reference: "a\x1b[0m\n", Source: Source{Kind: "\x1bk", Detail: "\r"}}
		},
			`no secrets found in a\x1b[0m\n, from \x1bk \r: 9 layers, 1.2 GB in 12,345 files read; not read: nothing`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := cleanSample()
			tt.change(r)
			got := r.Summary()
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if v := r.Verdict(Threshold{}); (v&Incomplete != 0) != strings.HasPrefix(got, "INCOMPLETE: ") {
				t.Errorf("the verdict is %d, but the words are %s", v, got)
			}
			if out := text(t, r, TextOptions{}); !strings.HasSuffix("\n"+out, "\n"+got+"\n") {
				t.Errorf("the text does not end in the verdict:\n%s", out)
			}
		})
	}
}

// A report that was read from a file can hold anything; it must not panic.
func TestTextOfNonsense(t *testing.T) {
	r := &Report{
		Images:   []Image{{Layers: []Layer{{Size: -1, Index: -1, Findings: -1}}}, {}},
		Findings: []Finding{{}, {Locations: []Location{{Image: -1, Place: "?\x1b", Layer: &LayerRef{}}, {Image: 9, Offset: -1}}}},
		Gaps:     []Gap{{}, {Image: index(-7), Bytes: -1}, {Image: index(7), Bytes: 1 << 62}, {Bytes: 1 << 62}, {Bytes: 1 << 62}},
		Notes:    []Note{{Image: index(7)}},
		Stats:    Stats{Bytes: -1, Files: -1 << 63, Elapsed: -1},
	}
	r.Sort()
	inert(t, "nonsense", text(t, r, TextOptions{Width: -5}))
}

func TestTextCaps(t *testing.T) {
	r := cleanSample()
	r.Findings = []Finding{{Rule: "r", Locations: make([]Location, 2000)}}
	r.Gaps = make([]Gap, 1021)
	out := text(t, r, TextOptions{})
	if strings.Count(out, "\n  also ") != maxAlso+1 || !strings.Contains(out, "\n  also    and 1,989 more (-o json has all)\n") {
		t.Errorf("locations are not capped:\n%s", out)
	}
	if !strings.Contains(out, "\n  and 1,001 more (-o json has all)\n") || !strings.Contains(out, "INCOMPLETE: 1,021 gaps") {
		t.Errorf("gaps are not capped:\n%s", out)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrors(t *testing.T) {
	if err := WriteText(brokenWriter{}, sample(), TextOptions{}); err == nil {
		t.Error("WriteText: no error")
	}
	if err := WriteJSON(brokenWriter{}, sample(), JSONOptions{}); err == nil {
		t.Error("WriteJSON: no error")
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "0 B", 0: "0 B", 999: "999 B", 1000: "1.0 kB", 1234: "1.2 kB", 999_949: "999.9 kB", 999_951: "1.0 MB",
		1_234_567_890: "1.2 GB", 1 << 62: "4.6 EB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		1: "less than 1ms", 450_600 * time.Microsecond: "450ms", 3260 * time.Millisecond: "3.2s", 59_990 * time.Millisecond: "59.9s", 125 * time.Second: "2m5s",
	} {
		if got := elapsed(d); got != want {
			t.Errorf("elapsed(%d) = %q, want %q", d, got, want)
		}
	}
	for _, tt := range []struct {
		n, biggest int64
		want       string
	}{{0, 10, ""}, {1, 1_000_000, "▏"}, {5, 10, "█████"}, {10, 10, "██████████"}, {20, 10, "██████████"}, {1, 0, ""}, {33, 100, "███▎"}} {
		if got := bar(tt.n, tt.biggest); got != tt.want {
			t.Errorf("bar(%d, %d) = %q, want %q", tt.n, tt.biggest, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		in   string
		cols int
		want string
	}{
		{"", 10, ""},
		{"one two three", 7, "one two|three"},
		{"a  b", 10, "a  b"},
		{"abcdefghij", 4, "abcd|efgh|ij"},
		{"ab abcdefghij k", 4, "ab|abcd|efgh|ij k"},
		{`abc\x1bdef`, 5, `abc|\x1bd|ef`},
		{"日本語テキスト", 5, "日本|語テ|キス|ト"},
		{"x ::error::y", 10, `x|\x3a:error::y`},
		{"see https://example.com/a-long-way now", 10, "see|https://example.com/a-long-way|now"},
		{"(http://example.com/a-long-way)", 10, "(http://example.com/a-long-way)"},
		{"a://b https://" + strings.Repeat("x", 300), 200, "a://b|https://" + strings.Repeat("x", 192) + "|" + strings.Repeat("x", 108)},
		{"xxxx::error::y", 4, `xxxx|\x3a:er|ror:|:y`},
	} {
		if got := strings.Join(wrap(tt.in, tt.cols), "|"); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.in, tt.cols, got, tt.want)
		}
	}
}

// Whichever field an attacker gets to write, nothing of it acts on the reader.
func TestEveryStringIsEscaped(t *testing.T) {
	for _, evil := range []string{hostile, "::error::x", "x ::error::x", strings.Repeat("x", 120) + "::error::x", "##vso[task.setvariable]x", "\n::add-mask::a"} {
		r := sample()
		poison(reflect.ValueOf(r).Elem(), evil)
		for i := range r.Findings {
			r.Findings[i].Secret = PreviewOf(redacted(evil))
		}
		for _, width := range []int{40, 80, 120} {
			out := text(t, r, TextOptions{Width: width, Reveal: func(*Finding) (string, bool) { return evil, true }})
			inert(t, "text", out)
		}
		inert(t, "summary", r.Summary())
		inert(t, "JSON", toJSON(t, r, JSONOptions{Reveal: func(*Finding) (string, bool) { return evil, true }}))
	}
}

// poison sets every string that can be set in v.
func poison(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), s)
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), s)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), s)
		}
	}
}

// What is suppressed is shown when it is asked for, with who said so.
func TestSuppressedText(t *testing.T) {
	if out := text(t, suppressedSample(), TextOptions{}); !strings.Contains(out, "1 finding suppressed by your own files (--all)") || strings.Contains(out, "ignored") {
		t.Error(out)
	}
	if out := text(t, suppressedSample(), TextOptions{All: true}); !strings.Contains(out, "  ignored by .leakscanignore:3, until 2027-01-01, owner @team: revoked \\x1b[2J| <b>") {
		t.Error(out)
	}
}

// Behind twenty findings a line each is enough, and none is left out of the
// count.
func TestManyFindings(t *testing.T) {
	r := sample()
	for len(r.Findings) < 250 {
		r.Findings = append(r.Findings, r.Findings[len(r.Findings)%5])
	}
	out := text(t, r, TextOptions{Width: 100})
	if n := strings.Count(out, "\n  fix "); n > maxFrames {
		t.Errorf("%d frames", n)
	}
	for _, want := range []string{"and 230 findings more\n", "  and 30 more (-o json has all)\n", "250 findings ("} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	for _, l := range strings.Split(out, "\n") {
		if Columns(l) > 100 && strings.HasPrefix(l, "  critical") {
			t.Errorf("%d columns: %s", Columns(l), l)
		}
	}
}

// A rule is a link where links are known; nothing of an image gets into it.
func TestLinks(t *testing.T) {
	out := text(t, sample(), TextOptions{Color: true, Link: func(rule string) string {
		if rule == "aws-access-token" {
			return "https://example.com/" + rule
		}
		return "https://example.com/\x1b\\evil"
	}})
	if n := strings.Count(out, "\x1b]8;;https://example.com/aws-access-token\x1b\\"); n != 1 {
		t.Errorf("%d links", n)
	}
	if strings.Count(out, "\x1b]8;;") != 2 || strings.Contains(out, "evil") && strings.Contains(out, "\x1b\\evil") {
		t.Error("a link that is none")
	}
}
