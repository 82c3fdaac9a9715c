package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"leakscan": main})
}

// TestScripts runs the command as it is used: see testdata/script. `go test
// ./cmd/leakscan -update` rewrites the outputs that the scripts compare.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("..", "..", "testdata", "script"),
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			// No daemon of this machine must answer for a test.
			e.Setenv("DOCKER_HOST", "unix://"+e.WorkDir+"/no-docker.sock")
			e.Setenv("CONTAINER_HOST", "unix://"+e.WorkDir+"/no-podman.sock")
			e.Setenv("CONTAINERD_ADDRESS", e.WorkDir+"/no-containerd.sock")
			if err := os.CopyFS(filepath.Join(e.WorkDir, "demo"), os.DirFS(filepath.Join("..", "..", "testdata", "demo"))); err != nil {
				return err
			}
			leaky := testimage.Leaky("demo:latest").Build()
			clean := testimage.Image{Name: "clean:1", Layers: []testimage.Layer{{CreatedBy: "COPY a /a", Entries: []testimage.Entry{testimage.File("a", "b")}}}}.Build()
			legacy := testimage.Legacy(leaky)
			hostile := testimage.Image{Name: "hostile:1", Layers: []testimage.Layer{{CreatedBy: "COPY \x1b]0;title\a \u202e::stop-commands::x", Entries: []testimage.Entry{
				testimage.File("a\x1b[2J\r\n::error::b\u202e/\xff.env", "T="+testimage.GitHubToken(1)),
			}}}}.Build()
			acme := testimage.Image{Name: "acme:1", Layers: []testimage.Layer{{CreatedBy: "COPY app /app", Entries: []testimage.Entry{
				testimage.File("app/settings.ini", "badge = "+acmeToken(7)+"\nforge: "+testimage.GitHubToken(1)+"\n"),
				testimage.File("app/fixtures/settings.ini", "badge = "+acmeToken(8)+"\n"),
				testimage.File("app/server.acmekey", "\x00\x01"),
			}}}}.Build()
			jar := testimage.Image{Name: "jar:1", Layers: []testimage.Layer{{CreatedBy: "COPY app.jar /opt/", Entries: []testimage.Entry{
				testimage.File("opt/app.jar", string(testimage.Zip(zip.Deflate, testimage.File("app.properties", "T="+testimage.GitHubToken(1))))),
			}}}}.Build()
			for name, data := range map[string][]byte{
				"jar.tar": testimage.DockerArchive(jar), "leaky.tar": testimage.DockerArchive(leaky), "github-token": []byte(testimage.GitHubToken(1)), "legacy.tar": legacy, "clean.tar": testimage.DockerArchive(clean),
				"hostile.tar": testimage.DockerArchive(hostile), "acme.tar": testimage.DockerArchive(acme), "cut.tar": legacy[:bytes.Index(legacy, []byte("manifest.json"))-100],
			} {
				if err := os.WriteFile(filepath.Join(e.WorkDir, name), data, 0o644); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// noraw FILE...: no secret of the images is in the files, and no
			// control character. Negated: some secret is.
			"noraw": func(ts *testscript.TestScript, neg bool, args []string) {
				for _, a := range args {
					text := ts.ReadFile(a)
					found := ""
					for _, s := range []string{testimage.AWSKeyID(1), testimage.GitHubToken(1), testimage.GitHubToken(2), testimage.NPMToken(3), testimage.StripeKey(4), testimage.SlackToken(5), testimage.GitLabToken(6), acmeToken(7), acmeToken(8)} {
						if strings.Contains(text, s) {
							found = s[:4]
						}
					}
					if (found != "") != neg {
						ts.Fatalf("%s: secret in clear: %q", a, found)
					}
					if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r == '\u202e' }); i >= 0 && !neg {
						ts.Fatalf("%s: control character %q at byte %d", a, text[i], i)
					}
				}
			},
			// schema FILE...: the files validate against the JSON schema.
			"schema": func(ts *testscript.TestScript, neg bool, args []string) {
				for _, a := range args {
					doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(a)))
					ts.Check(err)
					text := report.Schema()
					if m, ok := doc.(map[string]any); ok && m["schema"] == report.CheckSchemaID {
						text = report.CheckSchema()
					}
					schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
					ts.Check(err)
					c := jsonschema.NewCompiler()
					ts.Check(c.AddResource("schema.json", schema))
					s, err := c.Compile("schema.json")
					ts.Check(err)
					if err := s.Validate(doc); (err != nil) != neg {
						ts.Fatalf("%s: %v", a, err)
					}
				}
			},
			// status CODE COMMAND...: the command exits with this code.
			"status": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: status CODE COMMAND [ARG...]")
				}
				err := ts.Exec(args[1], args[2:]...)
				got := "0"
				if err != nil {
					got = strings.TrimPrefix(err.Error(), "exit status ")
				}
				if got != args[0] {
					ts.Fatalf("exit status %s, want %s", got, args[0])
				}
			},
		},
	})
}

// acmeToken is of a kind that only the rules in config.txtar know.
func acmeToken(seed uint64) string { return "acme" + "_" + testimage.Password(seed) }
