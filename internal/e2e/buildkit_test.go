package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

// buildkitd is BuildKit's own daemon, of the module internal/e2e/buildkit.
var buildkitd = sync.OnceValues(func() (*engine, error) {
	if _, err := find("buildctl"); err != nil {
		return nil, err
	}
	return start("buildkitd", func(e *engine) []string {
		os.WriteFile(e.dir+"/buildkitd.toml", nil, 0o600) // not this machine's
		return []string{"--config", e.dir + "/buildkitd.toml", "--addr", e.host(), "--root", e.dir + "/root",
			"--containerd-worker=false", "--oci-worker=true", "--oci-worker-net=host"}
	}, func(e *engine) error {
		_, err := try(nil, "buildctl", "--addr", e.host(), "debug", "workers")
		return err
	})
})

func needBuildkit(t *testing.T) *engine {
	t.Helper()
	e, err := buildkitd()
	if err != nil {
		lacking(t, "buildkitd does not run (go build -o DIR-IN-PATH tool in internal/e2e/buildkit makes it): "+err.Error())
	}
	return e
}

// project is a build context with a base image that has what its Dockerfile
// runs: a busybox, and scripts in the place of the real tools.
type project struct {
	dir, base string
	bases     []string // names that stand for the base image
	env       []string
}

// build builds a project into OCI layouts: the image with its provenance, and
// the exported cache, both as much as there can be.
func (p *project) build(t *testing.T, e *engine, name string, flags ...string) (image, cache string) {
	t.Helper()
	image, cache = filepath.Join(t.TempDir(), name+"-image"), filepath.Join(t.TempDir(), name+"-cache")
	args := []string{"--addr", e.host(), "build", "--progress=plain", "--no-cache", "--frontend=dockerfile.v0",
		"--local", "context=" + p.dir, "--local", "dockerfile=" + p.dir, "--local", "base=" + p.base,
		"--opt", "attest:provenance=mode=max", "--output", "type=oci,tar=false,dest=" + image, "--export-cache", "type=local,mode=max,dest=" + cache}
	for _, b := range p.bases {
		args = append(args, "--opt", "context:"+b+"=local:base")
	}
	command(t, p.env, "buildctl", append(args, flags...)...)
	return image, cache
}

// scripts stand for the tools of the demo: each fails without its credentials,
// so that a build which passes has had them.
var scripts = map[string]string{
	"npm": `#!/bin/sh
set -e
test -n "$NPM_TOKEN"
case "$1" in
ci) grep -q _authToken= .npmrc; mkdir -p node_modules/left-pad; echo "module.exports = 1" > node_modules/left-pad/index.js;;
run) mkdir -p dist; echo built > dist/server.js;;
esac
`,
	"curl": `#!/bin/sh
set -e
case "$*" in *"Bearer gl"*) ;; *) echo "401 Unauthorized" >&2; exit 1;; esac
while [ $# -gt 0 ]; do if [ "$1" = -o ]; then echo model > "$2"; fi; shift; done
`,
	"git": `#!/bin/sh
set -e
grep -q password "$HOME/.netrc"
mkdir settings; echo "a: 1" > settings/settings.yaml
`,
}

// baseDir writes the base image's files.
func baseDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		lacking(t, "there is no busybox: "+err.Error())
	}
	for _, d := range []string{"bin", "etc", "root", "tmp", "usr/bin", "run"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(dir, "bin/busybox"), busybox, 0o755))
	for _, c := range []string{"sh", "rm", "mkdir", "echo", "cat", "cp", "test", "grep", "sha256sum", "ls", "tee", "chmod", "env", "printenv", "sed", "mv", "[", "find"} {
		must(t, os.Symlink("busybox", filepath.Join(dir, "bin", c)))
	}
	must(t, os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644))
	for name, text := range scripts {
		must(t, os.WriteFile(filepath.Join(dir, "usr/bin", name), []byte(text), 0o755))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestCheckFix builds the demo project as it is and as leakscan check --fix
// mends it, and looks for its secrets in all that the builds make.
func TestCheckFix(t *testing.T) {
	e := needBuildkit(t)
	secrets := map[string]string{
		"made-up-token-of-the-demo": testimage.NPMToken(7001),
		"made-up-password":          testimage.GitHubToken(7002), // a token as a password
		"winter-is-coming":          testimage.StripeKey(7003),
		"NPM_TOKEN":                 testimage.NPMToken(7004),
		"MODEL_TOKEN":               testimage.GitLabToken(7005),
		"license":                   testimage.SlackToken(7006),
	}
	p := &project{dir: filepath.Join(t.TempDir(), "demo"), base: baseDir(t), bases: []string{"node:22-alpine"}}
	must(t, os.CopyFS(p.dir, os.DirFS("../../testdata/demo")))
	for _, f := range []string{".npmrc", ".netrc", ".env"} {
		b, err := os.ReadFile(filepath.Join(p.dir, f))
		must(t, err)
		for from, to := range secrets {
			b = bytes.ReplaceAll(b, []byte(from), []byte(to))
		}
		must(t, os.WriteFile(filepath.Join(p.dir, f), b, 0o600))
	}
	license := filepath.Join(t.TempDir(), "license")
	must(t, os.WriteFile(license, []byte(secrets["license"]), 0o600))
	p.env = []string{"NPM_TOKEN=" + secrets["NPM_TOKEN"], "MODEL_TOKEN=" + secrets["MODEL_TOKEN"]}
	given := []string{"--secret", "id=license,src=" + license}

	// As it is: the secrets are where the check says.
	image, cache := p.build(t, e, "before", append(given, "--opt", "build-arg:NPM_TOKEN="+secrets["NPM_TOKEN"], "--opt", "build-arg:MODEL_TOKEN="+secrets["MODEL_TOKEN"])...)
	before := files(t, image)
	for name, v := range secrets {
		if n := occurrences(t, v, image, cache); (n == 0) != (name == "license") {
			t.Errorf("as it is, %s is in %d blobs", name, n)
		}
	}
	if res := (run{}).leakscan(t, "-o", "json", image); res.code&1 == 0 {
		t.Errorf("leakscan finds nothing in the image as it is:\n%s", res.stdout)
	}
	r := run{dir: p.dir, env: p.env}
	res := r.leakscan(t, "check", "-o", "json")
	var rep report.Check
	must(t, json.Unmarshal(res.stdout, &rep))
	if res.code != 1 || len(rep.Problems) < 10 || !rep.Complete {
		t.Errorf("the check ends with %d: %s", res.code, res.stdout)
	}
	noneOf(t, secrets, res.stdout, res.stderr)

	// Mended.
	res = r.leakscan(t, "check", "--fix", "--diff")
	noneOf(t, secrets, res.stdout, res.stderr)
	res = r.leakscan(t, "check", "--fix")
	noneOf(t, secrets, res.stdout, res.stderr)
	if res.code != 0 {
		t.Fatalf("check --fix ends with %d:\n%s", res.code, res.stdout)
	}
	for _, m := range regexp.MustCompile(`--secret (\S+)`).FindAllStringSubmatch(firstBuild(t, res.stdout), -1) {
		if strings.HasSuffix(m[1], "src=FILE") {
			continue // given above
		}
		given = append(given, "--secret", strings.Replace(m[1], "src=", "src="+p.dir+"/", 1))
	}
	mended, err := os.ReadFile(filepath.Join(p.dir, "Dockerfile"))
	must(t, err)
	if again := r.leakscan(t, "check", "--fix"); !bytes.Contains(again.stdout, []byte("Nothing is mended.")) {
		t.Errorf("the fix is not done with:\n%s", again.stdout)
	}
	image, cache = p.build(t, e, "after", given...)
	for name, v := range secrets {
		if n := occurrences(t, v, image, cache); n != 0 {
			t.Errorf("mended, %s is in %d blobs; the Dockerfile is\n%s", name, n, mended)
		}
	}
	for _, dir := range []string{image, cache} {
		if res := (run{}).leakscan(t, "-o", "json", dir); len(rulesFound(res.report(t))) > 0 || res.code&1 != 0 {
			t.Errorf("leakscan ends with %d and finds %v in %s", res.code, rulesFound(res.report(t)), filepath.Base(dir))
		}
	}
	// The same files, without those with secrets.
	after := files(t, image)
	for _, gone := range []string{"app/.env", "app/.npmrc", "app/.netrc"} {
		if _, ok := before[gone]; !ok {
			t.Errorf("%s was not in the image as it is", gone)
		}
		delete(before, gone)
	}
	for _, changed := range []string{"app/Dockerfile", "app/.dockerignore"} { // the context's own
		delete(before, changed)
		delete(after, changed)
	}
	if !maps.Equal(before, after) {
		t.Errorf("the images differ:\nbefore %v\nafter  %v", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
}

// firstBuild is the docker build command that --fix prints.
func firstBuild(t *testing.T, out []byte) string {
	t.Helper()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "docker build ") {
			return line
		}
	}
	t.Fatalf("no docker build in\n%s", out)
	return ""
}

func noneOf(t *testing.T, secrets map[string]string, outs ...[]byte) {
	t.Helper()
	for name, v := range secrets {
		for _, out := range outs {
			if bytes.Contains(out, []byte(v)) {
				t.Errorf("the output shows %s:\n%s", name, out)
			}
		}
	}
}

// occurrences counts the blobs of OCI layouts that have a value in them,
// decompressed, plain or as base64.
func occurrences(t *testing.T, value string, layouts ...string) (n int) {
	t.Helper()
	for _, dir := range layouts {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if z, zerr := gzip.NewReader(bytes.NewReader(b)); zerr == nil {
				if b, err = io.ReadAll(z); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
			if bytes.Contains(b, []byte(value)) || slices.ContainsFunc(base64Forms(value), func(f string) bool { return bytes.Contains(b, []byte(f)) }) {
				n++
			}
			return nil
		})
		must(t, err)
	}
	return n
}

// files lists the files of an image's final filesystem with their contents.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	path, err := layout.FromPath(dir)
	must(t, err)
	index, err := path.ImageIndex()
	must(t, err)
	m, err := index.IndexManifest()
	must(t, err)
	if len(m.Manifests) == 1 && m.Manifests[0].MediaType.IsIndex() {
		index, err = index.ImageIndex(m.Manifests[0].Digest)
		must(t, err)
		m, err = index.IndexManifest()
		must(t, err)
	}
	image, err := index.Image(m.Manifests[0].Digest)
	must(t, err)
	out := map[string]string{}
	r := mutate.Extract(image)
	defer r.Close()
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return out
		}
		must(t, err)
		if h.Typeflag != tar.TypeDir {
			b, err := io.ReadAll(tr)
			must(t, err)
			out[strings.TrimPrefix(h.Name, "/")] = fmt.Sprintf("%c %o %s %s", h.Typeflag, h.Mode, h.Linkname, b)
		}
	}
}

// base64Forms are the middles of a value's three encodings.
func base64Forms(v string) (forms []string) {
	for shift := range 3 {
		e := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + v))
		forms = append(forms, e[4:len(e)-4])
	}
	return forms
}
