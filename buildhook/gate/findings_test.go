package gate

import (
	"strings"
	"testing"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/buildhook/step"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

func configOf(image testimage.Image) []byte { return image.Build().Config.Data }

// checks lists what was found: check, where it rests, key.
func checks(rep *report.Check) string {
	var out []string
	for _, p := range rep.Problems {
		rests := ""
		for _, r := range p.Rests {
			rests += " " + string(r)
		}
		out = append(out, p.Check+rests)
	}
	return strings.Join(out, "\n")
}

func without(t *testing.T, s string, values ...string) {
	t.Helper()
	for _, v := range values {
		if strings.Contains(s, v) {
			t.Errorf("the report has the value:\n%s", strings.ReplaceAll(s, v, "<VALUE>"))
		}
	}
}

func TestConfigFindings(t *testing.T) {
	token, stripe, slack, gitlab := testimage.GitHubToken(120), testimage.StripeKey(121), testimage.SlackToken(122), testimage.GitLabToken(125)
	clean := configOf(testimage.Image{Env: []string{"PATH=/bin", "VERSION=1.2.3"}, Labels: map[string]string{"a": "b"}, Cmd: []string{"/bin/app"},
		Layers: []testimage.Layer{{CreatedBy: "RUN make"}}})
	for _, c := range []struct {
		name    string
		meta    map[string][]byte
		known   []string
		want    []string // in the text
		rests   []report.Rest
		nothing bool
	}{
		{name: "clean", meta: map[string][]byte{"containerimage.config": clean}, nothing: true},
		{name: "none", nothing: true},
		{name: "env", meta: map[string][]byte{"containerimage.config": configOf(testimage.Image{Env: []string{"GITHUB_TOKEN=" + token}})},
			want: []string{"in the config of the image, at config.Env[0]"}, rests: []report.Rest{report.RestConfig}},
		{name: "of a platform", meta: map[string][]byte{"containerimage.config/linux/amd64": configOf(testimage.Image{Env: []string{"A=b", "STRIPE=" + stripe}}), "containerimage.config/linux/arm64": clean},
			want: []string{"in the config of linux/amd64 of the image, at config.Env[1]"}, rests: []report.Rest{report.RestConfig}},
		{name: "label", meta: map[string][]byte{"containerimage.config": configOf(testimage.Image{Labels: map[string]string{"ci.slack": slack}})},
			want: []string{"config.Labels"}, rests: []report.Rest{report.RestConfig}},
		{name: "history", meta: map[string][]byte{"containerimage.config": configOf(testimage.Image{Layers: []testimage.Layer{{CreatedBy: "RUN |1 T=" + gitlab + " /bin/sh -c make"}}})},
			want: []string{"history[0]"}, rests: []report.Rest{report.RestHistory}},
		{name: "a known password", known: []string{testimage.Password(123)}, meta: map[string][]byte{"containerimage.config": configOf(testimage.Image{Env: []string{"X=" + testimage.Password(123)}})},
			want: []string{"a known one is in the config of the image, at config.Env[0]"}, rests: []report.Rest{report.RestConfig}},
		{name: "a known one in the command", known: []string{testimage.Password(123)}, meta: map[string][]byte{"containerimage.config": configOf(testimage.Image{Cmd: []string{"run", "--pw", testimage.Password(123)}})},
			want: []string{"config.Cmd"}, rests: []report.Rest{report.RestConfig}},
		{name: "the cache in the image", known: []string{testimage.Password(123)}, meta: map[string][]byte{"containerimage.inlinecache": []byte(`{"layers":[{"blob":"` + testimage.Password(123) + `"}]}`)},
			want: []string{"layers[0].blob"}, rests: []report.Rest{report.RestConfig}},
		{name: "metadata of another kind", meta: map[string][]byte{"com.example.note": []byte(token)},
			want: []string{"in the config of the image"}, rests: []report.Rest{report.RestConfig}},
		{name: "an answer to a question", meta: map[string][]byte{"result.json": []byte(`{"token":"` + token + `"}`), "result.txt": []byte(token)}, nothing: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := testGate(t, knows(c.known...))
			f := g.newFindings(buildOf(nil))
			f.config(t.Context(), c.meta)
			rep := f.report()
			s := reportText(t, rep)
			without(t, s, token, stripe, slack, gitlab, testimage.Password(123))
			if c.nothing {
				if len(rep.Problems) != 0 || len(rep.Gaps) != 0 || !rep.Complete {
					t.Errorf("got %s", s)
				}
				return
			}
			if len(rep.Problems) == 0 {
				t.Fatalf("nothing was found: %s", s)
			}
			for _, w := range c.want {
				if !strings.Contains(rep.Problems[0].Message, w) {
					t.Errorf("%q is not in %q", w, rep.Problems[0].Message)
				}
			}
			for i, r := range c.rests {
				if rep.Problems[0].Rests[i] != r {
					t.Errorf("it rests in %v", rep.Problems[0].Rests)
				}
			}
			if rep.Verdict(report.Threshold{Severity: report.SeverityLow})&report.Leaks == 0 || len(rep.Subject.Files) != 1 {
				t.Errorf("verdict %d, files %q", rep.Verdict(report.Threshold{Severity: report.SeverityLow}), rep.Subject.Files)
			}
		})
	}
}

// TestConfigOnce: the same in two platforms is two findings, in one place one.
func TestConfigOnce(t *testing.T) {
	cfg := configOf(testimage.Image{Env: []string{"GITHUB_TOKEN=" + testimage.GitHubToken(126)}})
	g := testGate(t, nil)
	f := g.newFindings(buildOf(nil))
	r := map[string][]byte{"containerimage.config/linux/amd64": cfg, "containerimage.config/linux/arm64": cfg}
	f.config(t.Context(), r)
	n := len(f.rep.Problems)
	f.config(t.Context(), r)
	if n != 2 || len(f.rep.Problems) != n {
		t.Errorf("%d problems, then %d", n, len(f.rep.Problems))
	}
}

func TestConfigTwoInOneText(t *testing.T) {
	g := testGate(t, func(o *Options) {
		knowsAs("first", testimage.Password(127))(o)
		o.Known = append(o.Known, o.Known[0])
		o.Known[1].Name, o.Known[1].Value = "second", []byte(testimage.Password(128))
	})
	f := g.newFindings(buildOf(nil))
	f.config(t.Context(), map[string][]byte{"containerimage.config": configOf(testimage.Image{Cmd: []string{testimage.Password(127) + " " + testimage.Password(128)}})})
	s := reportText(t, f.report())
	without(t, s, testimage.Password(127), testimage.Password(128))
	if !strings.Contains(s, "first is in") || !strings.Contains(s, "second is in") {
		t.Error("findings.config tells only the first known secret of a text (break in the loop over hits)")
	}
}

// stepReport is the report of a step over one directory.
func stepReport(d step.Dir) *step.Report {
	if d.Result == nil {
		d.Result = &leakscan.BlobResult{}
	}
	return &step.Report{Schema: step.Schema, Dirs: []step.Dir{d}}
}

func TestBaseFindings(t *testing.T) {
	match := leakscan.BlobMatch{Rule: "github-pat", Redacted: "ghp_…", Path: "etc/token", Line: 3, Place: report.PlaceFile}
	base := []written{{base: true, name: anImage}}
	for _, c := range []struct {
		failOn report.Severity
		found  int
	}{{report.SeverityLow, 1}, {"", 0}, {report.SeverityCritical, -1}, {"never", 0}} {
		t.Run(string(c.failOn), func(t *testing.T) {
			g := testGate(t, func(o *Options) { o.FailOnBase = c.failOn })
			rule := g.o.Rules.Rule(match.Rule)
			if rule == nil {
				t.Fatal("there is no such rule")
			}
			if c.found < 0 { // it depends on the rule
				c.found = 0
				if report.Severity(rule.Severity).Rank() >= c.failOn.Rank() {
					c.found = 1
				}
			}
			f := g.newFindings(buildOf(nil))
			if err := f.step(base, stepReport(step.Dir{Result: &leakscan.BlobResult{Matches: []leakscan.BlobMatch{match}, Files: 2}})); err != nil {
				t.Fatal(err)
			}
			rep := f.report()
			if len(rep.Problems) != c.found {
				t.Fatalf("%d problems and not %d", len(rep.Problems), c.found)
			}
			if c.found == 0 {
				if len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0].Text, ": 1 findings in what others have made") {
					t.Errorf("notes: %v", rep.Notes)
				}
				if rep.Verdict(report.Threshold{Severity: report.SeverityLow}) != 0 {
					t.Error("the build is stopped")
				}
			} else if m := rep.Problems[0].Message; !strings.Contains(m, "in /etc/token, line 3; it comes with "+anImage) {
				t.Errorf("message: %s", m)
			}
			if rep.Stats.ContextFiles != 2 || rep.Stats.Instructions != 0 {
				t.Errorf("stats: %+v", rep.Stats)
			}
		})
	}

	// A secret of this very build is never the base's own business.
	g := testGate(t, func(o *Options) { o.FailOnBase = "never" })
	f := g.newFindings(buildOf(nil))
	if err := f.step(base, stepReport(step.Dir{Known: []step.Known{{Path: "a", Name: "the secret", Form: "base64"}, {Path: "a", Name: "the secret", Form: "plain"}}})); err != nil {
		t.Fatal(err)
	}
	if rep := f.report(); len(rep.Problems) != 1 || rep.Problems[0].Check != knownID || !strings.Contains(rep.Problems[0].Message, "the secret is in /a, as base64; it comes with") {
		t.Errorf("got %+v", rep.Problems)
	}
}

func TestStepFindings(t *testing.T) {
	v := testimage.Password(130)
	data := []byte("FROM x\nENV PW=" + v + "\nRUN deploy " + v + "\n")
	spans := []span{{"Dockerfile", data, 3, 3}}
	match := leakscan.BlobMatch{Rule: "no-such-rule", Redacted: "x…", Path: "app/f", Place: report.PlaceFile}
	for _, c := range []struct {
		name string
		w    written
		kept map[string][]string
		want string
	}{
		{"still there", written{name: "RUN deploy " + v, spans: spans}, map[string][]string{match.Path: {"00000"}}, "no-such-rule in /app/f"},
		{"removed", written{name: "RUN deploy " + v, spans: spans}, nil, "no-such-rule in /app/f; a later step removes it, but its layer can still be downloaded"},
		{"of a builder", written{name: "RUN deploy " + v, spans: spans, builder: true}, nil, "; no image of this build has it, but the builder's cache does"},
		{"of nowhere", written{name: "RUN deploy\n  " + v}, map[string][]string{match.Path: {"00000"}}, "; written by RUN deploy •••"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := testGate(t, knows(v))
			f := g.newFindings(buildOf(nil))
			err := f.step([]written{c.w}, stepReport(step.Dir{Kept: c.kept, Result: &leakscan.BlobResult{Matches: []leakscan.BlobMatch{match},
				Gaps: []layerwalk.Problem{{Kind: layerwalk.Unreadable, Path: "x " + v, Reason: "why " + v, Hint: "hint " + v}}}}))
			if err != nil {
				t.Fatal(err)
			}
			rep := f.report()
			s := reportText(t, rep)
			without(t, s, v)
			if len(rep.Problems) != 1 || !strings.HasSuffix(rep.Problems[0].Message, c.want) {
				t.Errorf("got %+v", rep.Problems)
			}
			if len(rep.Gaps) != 1 || rep.Complete || rep.Verdict(report.Threshold{})&report.Incomplete == 0 || rep.Gaps[0].Reason != "why •••" {
				t.Errorf("gaps: %v", rep.Gaps)
			}
			if c.w.spans != nil {
				p := rep.Problems[0]
				if p.Span.File != "Dockerfile" || p.Span.Line != 3 || !strings.Contains(p.Frame, ">>> RUN deploy") {
					t.Errorf("span %+v, frame:\n%s", p.Span, p.Frame)
				}
			}
			if rep.Stats.Instructions != 1 {
				t.Errorf("stats: %+v", rep.Stats)
			}
		})
	}
}

// TestFixOfGiven: what to do about a secret whose value is known depends on how
// it came there.
func TestFixOfGiven(t *testing.T) {
	for _, c := range []struct {
		w           written
		known, want string
	}{
		{written{name: "RUN x"}, `the secret "npm"`, "use it from where it is mounted"},
		{written{name: "RUN x"}, earlier + `the secret "npm"`, "before it was changed: build it again (--no-cache)"},
		{written{name: "RUN x"}, givenBefore + `the secret "npm"`, "The step writes it, or is cached with it"},
		{written{name: "COPY . .", copied: true}, `the secret "npm"`, "Don't copy it: mount it"},
		{written{name: "COPY . .", copied: true}, earlier + `the secret "npm"`, "Don't copy it: mount it"},
		{written{name: "COPY . .", copied: true}, givenBefore + `the secret "npm"`, "Don't copy it: mount it"},
	} {
		f := testGate(t, nil).newFindings(buildOf(nil))
		f.given(&c.w, &step.Dir{}, step.Known{Path: "app/.npmrc", Name: c.known, Form: "plain"})
		p := f.rep.Problems[0]
		if !strings.Contains(p.Fix, c.want) || strings.Contains(p.Title, "earlier build") != strings.HasPrefix(c.known, givenBefore) || !strings.HasPrefix(p.Message, c.known+" is in /app/.npmrc") {
			t.Errorf("%s, %s: %s: %s: %s", c.w.name, c.known, p.Title, p.Message, p.Fix)
		}
	}
}

// TestFixInArchive: a file in an archive can't be mounted in its place, and what
// becomes of it is what becomes of the archive.
func TestFixInArchive(t *testing.T) {
	g := testGate(t, nil)
	d := &step.Dir{Kept: map[string][]string{"app.jar": {"00000"}}}
	for _, p := range []report.Problem{
		func() report.Problem {
			f := g.newFindings(buildOf(nil))
			f.match(&written{name: "COPY x"}, d, &leakscan.BlobMatch{Rule: "no-such-rule", Path: "app.jar!/x.env", Inside: "!/x.env", Line: 3})
			return f.rep.Problems[0]
		}(),
		func() report.Problem {
			f := g.newFindings(buildOf(nil))
			f.given(&written{name: "COPY x", copied: true}, d, step.Known{Path: "app.jar!/x.env", Inside: "!/x.env", Name: "the secret", Form: "plain"})
			return f.rep.Problems[0]
		}(),
	} {
		if !strings.Contains(p.Message, "/app.jar!/x.env") || strings.Contains(p.Message, "removes it") || p.Target != "/app.jar!/x.env" {
			t.Errorf("%s: %s", p.Target, p.Message)
		}
		if !strings.Contains(p.Fix, "Make /app.jar without it") || strings.Contains(p.Fix, "--mount") {
			t.Error(p.Fix)
		}
	}
}

// TestFixOfSecretPath: what to do about it names the path, which may have the
// secret in it; so may the ID that is made of the path, in lower case.
func TestFixOfSecretPath(t *testing.T) {
	v := testimage.Password(131)
	g := testGate(t, knows(v))
	f := g.newFindings(buildOf(nil))
	f.match(&written{name: "RUN x"}, &step.Dir{}, &leakscan.BlobMatch{Rule: "no-such-rule", Path: "app/" + v})
	p := f.rep.Problems[0]
	without(t, p.Message+p.Target+p.Key, v)
	if strings.Contains(strings.ToLower(p.Fix), strings.ToLower(v)) {
		t.Error("findings.place puts the path and the ID made of it into Problem.Fix, which findings.add does not mask")
	}
}

func TestFrame(t *testing.T) {
	g := testGate(t, nil)
	f := g.newFindings(buildOf(nil))
	for _, s := range []span{{"D", nil, 1, 1}, {"D", []byte("FROM x\n"), 0, 0}, {"D", []byte("FROM x\n"), 3, 2}, {"D", []byte("FROM x\n"), 90, 99}, {"D", []byte("FROM x\r\nRUN a\r\n"), 2, 1 << 30}} {
		var p report.Problem
		f.frame(&p, []span{s, {"E", nil, 1 << 30, 1 << 30}})
		if p.Span.File != "D" || p.Span.Line != s.first || strings.Contains(p.Frame, "\r") {
			t.Errorf("%+v: %+v, %q", s, p.Span, p.Frame)
		}
	}
	var p report.Problem
	f.frame(&p, nil)
	if p.Span.File != "" {
		t.Error("a step of nowhere has a place")
	}
}

// TestSeverityOfRules: what is found has the name and severity that its rule
// gives it.
func TestSeverityOfRules(t *testing.T) {
	g := testGate(t, nil)
	f := g.newFindings(buildOf(nil))
	w := written{name: "RUN x"}
	f.match(&w, &step.Dir{}, &leakscan.BlobMatch{Rule: "github-pat", Path: "a"})
	rule := g.o.Rules.Rule("github-pat")
	if p := f.rep.Problems[0]; p.Title != rule.Title || string(p.Severity) != string(rule.Severity) || p.Fix == "" {
		t.Errorf("got %+v", p)
	}
	if n := strings.Count(checks(f.rep), "github-pat"); n != 1 {
		t.Errorf("found %d times", n)
	}
}
