package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

// writes counts what is written to a registry.
type writes struct {
	next http.Handler
	mu   sync.Mutex
	seen []string
}

func (w *writes) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.mu.Lock()
		w.seen = append(w.seen, r.Method+" "+r.URL.Path)
		w.mu.Unlock()
	}
	w.next.ServeHTTP(rw, r)
}

func (w *writes) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	w.seen = nil
	return s
}

// gated is what the gate's tests build with.
type gated struct {
	env      []string // DOCKER_HOST, BUILDX_BUILDER and the like
	store    *writes
	registry string
	dir      string
}

// leak is a kind of leak: a context that has it, and flags that it needs.
type leak struct {
	name       string
	dockerfile string
	files      map[string]string
	flags      []string
	env        []string
}

// needBuildx makes a configuration in which docker knows buildx.
func needBuildx(t *testing.T) (env []string) {
	t.Helper()
	buildx, err := find("buildx")
	if err != nil {
		lacking(t, "there is no buildx (go build -o DIR-IN-PATH tool in internal/e2e/buildkit makes it)")
	}
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "cli-plugins"), 0o755))
	must(t, os.Symlink(buildx, filepath.Join(dir, "cli-plugins", "docker-buildx")))
	return []string{"DOCKER_CONFIG=" + dir, "BUILDX_CONFIG=" + filepath.Join(t.TempDir(), "buildx")}
}

// leaks are the kinds of leak. token is found by the rules, known is a secret
// that only its value gives away.
func leaks(token, known string) []leak {
	secret := []string{"--secret", "id=pw,env=PW"}
	return []leak{
		{name: "copied file", dockerfile: "FROM scratch\nCOPY token /token\n", files: map[string]string{"token": token}},
		{name: "deleted later", dockerfile: base + "COPY token /token\nRUN rm /token\n", files: map[string]string{"token": token}},
		{name: "builder stage", dockerfile: base + "COPY token /token\nRUN echo done > /out\nFROM scratch\nCOPY --from=0 /out /out\n", files: map[string]string{"token": token}},
		{name: "ENV", dockerfile: "FROM scratch\nCOPY a /a\nENV GITHUB_TOKEN=" + token + "\n"},
		{name: "ARG", dockerfile: base + "ARG DB_PASSWORD\nRUN echo done > /out\n", flags: []string{"--build-arg", "DB_PASSWORD=" + known}},
		{name: "persisted mount", dockerfile: base + "RUN --mount=type=secret,id=pw cat /run/secrets/pw > /kept\n", flags: secret, env: []string{"PW=" + known}},
		{name: "known value in gzip", dockerfile: base + "RUN --mount=type=secret,id=pw gzip -c /run/secrets/pw > /kept.gz\n", flags: secret, env: []string{"PW=" + known}},
		{name: "token in an archive", dockerfile: "FROM scratch\nCOPY app.jar /opt/\n", files: map[string]string{"app.jar": string(testimage.Zip(zip.Deflate, testimage.File("app.properties", token)))}},
		{name: "known value in base64", dockerfile: base + "RUN --mount=type=secret,id=pw base64 /run/secrets/pw > /kept\n", flags: secret, env: []string{"PW=" + known}},
	}
}

// base is a stage with a shell.
const base = "FROM scratch\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\nENV PATH=/bin\nRUN busybox --install -s /bin\n"

// provenance is a leak that only builders with attestations have.
func provenance(known string) leak {
	return leak{name: "provenance", dockerfile: base + "ARG DB_PASSWORD\nRUN echo done > /out\nFROM scratch\nCOPY --from=0 /out /out\n",
		flags: []string{"--build-arg", "DB_PASSWORD=" + known, "--provenance=mode=max"}}
}

// context writes a build context.
func (l *leak) context(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		lacking(t, "there is no busybox: "+err.Error())
	}
	must(t, os.WriteFile(filepath.Join(dir, "busybox"), busybox, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("a"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(l.dockerfile), 0o644))
	for name, text := range l.files {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// entry is a way to build.
type entry struct {
	name    string
	command []string                                           // of leakscan
	flags   func(g *gated, name string) []string               // where the result goes
	made    func(t *testing.T, g *gated, name string) []string // what is there afterwards
	digest  func(t *testing.T, g *gated, name string) string
	bake    int // targets of a bake file; 0: a plain build
	attests bool
	pushes  bool // so that the provenance can be compared
}

func pushed(t *testing.T, g *gated, _ string) []string { return g.store.take() }

// registryDigest is the digest of the image's manifest, and its provenance but
// for what differs between two builds of the same: their times and names.
func registryDigest(t *testing.T, g *gated, name string) string {
	t.Helper()
	base := "http://" + g.registry + "/v2/" + name
	get := func(path string, into any) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, base+path, nil)
		must(t, err)
		req.Header.Set("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json")
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		defer res.Body.Close()
		must(t, json.NewDecoder(res.Body).Decode(into))
	}
	var index struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
		}
		Config struct{ Digest string }
	}
	get("/manifests/latest", &index)
	out := "no index: " + index.Config.Digest
	for _, m := range index.Manifests {
		if m.Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
			out = m.Digest
			continue
		}
		var manifest struct{ Layers []struct{ Digest string } }
		get("/manifests/"+m.Digest, &manifest)
		for _, l := range manifest.Layers {
			var statement map[string]any
			get("/blobs/"+l.Digest, &statement)
			out += "\n" + sameEachTime(t, statement)
		}
	}
	return out
}

func sameEachTime(t *testing.T, v any) string {
	t.Helper()
	var strip func(v any)
	strip = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			for _, k := range []string{"startedOn", "finishedOn", "buildStartedOn", "buildFinishedOn", "invocationId", "invocationID", "buildInvocationID", "digest", "subject", "local-sessionid:context", "digestMapping"} {
				delete(x, k)
			}
			for _, y := range x {
				strip(y)
			}
		case []any:
			for _, y := range x {
				strip(y)
			}
		}
	}
	strip(v)
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func (g *gated) file(name string) string { return filepath.Join(g.dir, name+".tar") }

func fileMade(t *testing.T, g *gated, name string) []string {
	if _, err := os.Stat(g.file(name)); err != nil {
		return nil
	}
	return []string{g.file(name)}
}

func fileDigest(t *testing.T, g *gated, name string) string {
	t.Helper()
	index := command(t, nil, "tar", "-xOf", g.file(name), "index.json")
	m := regexp.MustCompile(`"digest":"(sha256:[0-9a-f]+)"`).FindSubmatch(index)
	if m == nil {
		t.Fatalf("no digest in %s", index)
	}
	return string(m[1])
}

// images are those of the engine but the scanner's.
func images(t *testing.T, g *gated, _ string) []string {
	t.Helper()
	return strings.Fields(string(command(t, g.env, "docker", "images", "-q", "--no-trunc")))
}

func imageDigest(t *testing.T, g *gated, name string) string {
	t.Helper()
	return strings.TrimSpace(string(command(t, g.env, "docker", "inspect", "--format", "{{.Id}}", name)))
}

func pushFlags(g *gated, name string) []string {
	return []string{"--push", "-t", g.registry + "/" + name}
}

// build runs leakscan, or the command as it would be without it.
func (g *gated) build(t *testing.T, e *entry, l *leak, name string, through bool) (*result, error) {
	t.Helper()
	dir := l.context(t)
	args := slices.Clone(e.command)
	flags := append(slices.Clone(l.flags), e.flags(g, name)...)
	r := run{env: append(slices.Clone(g.env), l.env...), dir: dir}
	if e.bake > 0 {
		must(t, os.WriteFile(filepath.Join(dir, "docker-bake.hcl"), []byte(g.bakeFile(e, l, name)), 0o644))
		flags = []string{"--push"}
	} else {
		flags = append(flags, ".")
	}
	if !through {
		words := append([]string{"docker"}, append(args, flags...)...)
		out, err := tryIn(dir, r.env, words...)
		return &result{stdout: out}, err
	}
	return r.leakscan(t, append(append(args, "--leakscan-check=off"), flags...)...), nil
}

// bakeFile has a clean target for all but the last.
func (g *gated) bakeFile(e *entry, l *leak, name string) string {
	var b strings.Builder
	var names []string
	for i := range e.bake {
		n := fmt.Sprintf("t%d", i)
		names = append(names, fmt.Sprintf("%q", n))
		fmt.Fprintf(&b, "target %q {\n  tags = [%q]\n", n, fmt.Sprintf("%s/%s-%d", g.registry, name, i))
		if i < e.bake-1 {
			b.WriteString("  dockerfile-inline = \"FROM scratch\\nCOPY a /a\\n\"\n}\n")
			continue
		}
		for j := 0; j < len(l.flags); j++ {
			switch f := l.flags[j]; f {
			case "--secret":
				j++
				fmt.Fprintf(&b, "  secret = [%q]\n", l.flags[j])
			case "--build-arg":
				j++
				k, v, _ := strings.Cut(l.flags[j], "=")
				fmt.Fprintf(&b, "  args = { %s = %q }\n", k, v)
			case "--provenance=mode=max":
				b.WriteString("  attest = [\"type=provenance,mode=max\"]\n")
			}
		}
		b.WriteString("}\n")
	}
	return fmt.Sprintf("group \"default\" { targets = [%s] }\n%s", strings.Join(names, ", "), b.String())
}

// TestGate builds every kind of leak in every way, and a clean image: the
// former leaves nothing behind, the latter is what it would be without a gate.
func TestGate(t *testing.T) {
	token := testimage.GitHubToken(8001)
	known := "correct horse " + testimage.NPMToken(8002)[10:24] // what no rule knows
	clean := leak{name: "clean", dockerfile: base + "COPY a /a\nRUN --mount=type=secret,id=pw test \"$(cat /run/secrets/pw)\" && echo done > /out\nENV LANG=C\n",
		flags: []string{"--secret", "id=pw,env=PW"}, env: []string{"PW=" + known, "SOURCE_DATE_EPOCH=1700000000"}}

	cell := map[bool]int{}
	for _, s := range []struct {
		name    string
		engine  func(t *testing.T) *gated
		entries []entry
	}{
		{"buildkitd", gatedBuildkit, []entry{
			{name: "build --push", command: []string{"buildx", "build"}, flags: pushFlags, made: pushed, digest: registryDigest, attests: true, pushes: true},
			{name: "build -o type=oci", command: []string{"buildx", "build"}, made: fileMade, digest: fileDigest, attests: true,
				flags: func(g *gated, name string) []string { return []string{"-o", "type=oci,dest=" + g.file(name)} }},
			{name: "bake, 3 targets", command: []string{"buildx", "bake"}, flags: func(*gated, string) []string { return nil }, made: pushed, digest: registryDigest, bake: 3, attests: true, pushes: true},
		}},
		{"dockerd", gatedDocker, []entry{
			{name: "docker build", command: []string{"build"}, made: images, digest: imageDigest,
				flags: func(g *gated, name string) []string { return []string{"--network=none", "-t", name} }},
			{name: "docker buildx build --load", command: []string{"buildx", "build"}, made: images, digest: imageDigest,
				flags: func(g *gated, name string) []string { return []string{"--network=none", "--load", "-t", name} }},
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			g := s.engine(t)
			for i := range s.entries {
				e := &s.entries[i]
				t.Run(e.name, func(t *testing.T) {
					all := leaks(token, known)
					if e.attests {
						all = append(all, provenance(known))
					}
					before := e.made(t, g, "")
					for j, l := range all {
						name := fmt.Sprintf("leaky%d-%d", i, j)
						res, _ := g.build(t, e, &l, name, true)
						ok := res.code != 0
						if !ok || !bytes.Contains(res.stderr, []byte("leakscan: nothing is exported")) {
							ok = false
							t.Errorf("%s: it ends with %d:\n%s%s", l.name, res.code, res.stdout, res.stderr)
						}
						made := e.made(t, g, name)
						if e.bake > 0 { // the clean targets are pushed
							made = slices.DeleteFunc(made, func(s string) bool { return !strings.Contains(s, fmt.Sprintf("/%s-%d/", name, e.bake-1)) })
						}
						if len(made) > len(before) {
							ok = false
							t.Errorf("%s: there is %q", l.name, made)
						}
						for _, out := range [][]byte{res.stdout, res.stderr} {
							for _, v := range []string{token, known, base64.StdEncoding.EncodeToString([]byte(known))} {
								if bytes.Contains(out, []byte(v)) {
									ok = false
									t.Errorf("%s: a secret is shown:\n%s", l.name, out)
								}
							}
						}
						cell[ok]++
					}
					clean := clean
					if e.pushes {
						clean.flags = append(slices.Clone(clean.flags), "--provenance=mode=max")
					}
					res, _ := g.build(t, e, &clean, "clean", true)
					if res.code != 0 {
						t.Fatalf("a clean build ends with %d:\n%s%s", res.code, res.stdout, res.stderr)
					}
					name := "clean"
					if e.bake > 0 {
						name = fmt.Sprintf("clean-%d", e.bake-1)
					}
					got := e.digest(t, g, name)
					if _, err := g.build(t, e, &clean, "clean", false); err != nil {
						t.Fatal(err)
					}
					if want := e.digest(t, g, name); got != want || want == "" {
						t.Errorf("the clean image has the digest %s, without the gate %s", got, want)
					}
				})
			}
		})
	}
	t.Logf("%d of %d leaks were stopped", cell[true], cell[true]+cell[false])
}

func tryIn(dir string, env []string, argv ...string) ([]byte, error) {
	return try(append(slices.Clip(env), "PWD="+dir), "env", append([]string{"-C", dir}, argv...)...)
}

// gatedBuildkit is buildx with a remote builder.
func gatedBuildkit(t *testing.T) *gated {
	e := needBuildkit(t)
	g := &gated{env: needBuildx(t), store: &writes{next: newStore()}, dir: t.TempDir()}
	g.registry = serve(t, g.store)
	command(t, g.env, "docker", "buildx", "create", "--name", "up", "--driver", "remote", e.host())
	g.env = slices.Clip(append(g.env, "BUILDX_BUILDER=up"))
	return g
}

// gatedDocker is docker with an engine's own BuildKit.
func gatedDocker(t *testing.T) *gated {
	e, err := dockerd()
	if err != nil {
		lacking(t, "dockerd does not run: "+err.Error())
	}
	return &gated{env: slices.Clip(append(needBuildx(t), "DOCKER_HOST="+e.host())), dir: t.TempDir()}
}
