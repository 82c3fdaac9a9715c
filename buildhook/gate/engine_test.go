package gate

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
)

const builtID = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// fakeEngine plays Docker's API: it notes what it is asked, and has one image.
type fakeEngine struct {
	image  []byte // docker save; nil: there is none
	output string // of POST /build
	before string // GET /images/json; "": nothing
	about  string // more of what it says of the image

	mu    sync.Mutex
	asked []string // method and URL, without those of reading the image
	body  string   // of the last request
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p := r.URL.Path
	if i := strings.Index(p[1:], "/"); strings.HasPrefix(p, "/v1.") && i > 0 {
		p = p[i+1:]
	}
	reading := strings.HasPrefix(p, "/images/") && r.Method == http.MethodGet
	f.mu.Lock()
	if !reading || r.Header.Get("X-Client") != "" {
		f.asked, f.body = append(f.asked, r.Method+" "+r.URL.String()), string(body)
	}
	f.mu.Unlock()
	switch {
	case p == "/images/json":
		io.WriteString(w, cmp.Or(f.before, "[]"))
	case reading && f.image == nil && strings.HasSuffix(p, "/get"):
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"No such image"}`)
	case p == "/images/get":
		w.Write(f.image)
	case reading:
		io.WriteString(w, `{"Id":"`+builtID+`","Os":"linux","Architecture":"amd64"`+f.about+`}`)
	case p == "/build":
		w.Header().Set("Api-Version", "1.47")
		io.WriteString(w, f.output)
	case p == "/commit":
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"Id":"`+builtID+`"}`)
	case r.Method == http.MethodDelete:
	case strings.HasSuffix(p, "/exec"), strings.HasSuffix(p, "/tag"):
		w.WriteHeader(http.StatusCreated)
	default:
		w.Header().Set("X-Engine", "yes")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "engine: "+string(body))
	}
}

func imageOf(env ...string) []byte {
	return testimage.DockerArchive(testimage.Image{Name: "x:latest", Env: env, Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "nothing\n")}}}}.Build())
}

// engineRig is an engine, a gate in front of it and a client.
func engineRig(t *testing.T, f http.Handler, change func(*Options)) (*http.Client, *Gate) {
	t.Helper()
	dir := t.TempDir()
	listen := func(name string) net.Listener {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if f != nil {
		server := httptest.NewUnstartedServer(f)
		server.Listener.Close()
		server.Listener = listen("engine")
		server.Start()
		t.Cleanup(server.Close)
	}
	e, err := NewEngine(layerwalk.Options{Platform: "linux/amd64", Getenv: func(n string) string {
		if n == "DOCKER_HOST" {
			return "unix://" + filepath.Join(dir, "engine")
		}
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}
	g := testGate(t, func(o *Options) {
		o.Upstream = e.Upstream()
		if change != nil {
			change(o)
		}
	})
	l := listen("gate")
	served := make(chan error, 1)
	go func() { served <- g.ServeEngine(l) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-served; err != nil {
			t.Errorf("serving ends with %v", err)
		}
	})
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", l.Addr().String())
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}, g
}

func do(t *testing.T, c *http.Client, method, p, body string) (code int, text string, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://docker"+p, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Client", "yes")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func TestEnginePassThrough(t *testing.T) {
	f := &fakeEngine{}
	c, g := engineRig(t, f, nil)
	for _, p := range []string{"/_ping", "/v1.47/containers/json?all=1", "/build/prune?a=b", "/v1.47/build/cancel", "/images/a%2Fb/json?x=1", "/v1.47/version"} {
		code, body, header := do(t, c, http.MethodPost, p, "hello")
		if code != http.StatusTeapot || body != "engine: hello" || header.Get("X-Engine") != "yes" {
			t.Errorf("%s: %d %q", p, code, body)
		}
		if got := f.asked[len(f.asked)-1]; got != "POST "+p {
			t.Errorf("%s: the engine was asked %s", p, got)
		}
	}
	if err := g.o.Upstream.Engine.Ping(t.Context()); err == nil {
		t.Error("an answer of 418 is none")
	}
	if err := testGate(t, nil).ServeEngine(nil); err == nil {
		t.Error("there is no engine")
	}
}

func TestEngineGone(t *testing.T) {
	c, g := engineRig(t, nil, nil)
	for _, p := range []string{"/version", "/v1.47/build", "/session"} {
		code, body, _ := do(t, c, http.MethodPost, p, "")
		var m struct{ Message string }
		if err := json.Unmarshal([]byte(body), &m); err != nil || code != http.StatusBadGateway || !strings.HasPrefix(m.Message, "leakscan: ") {
			t.Errorf("%s: %d %q", p, code, body)
		}
	}
	if code, body, _ := do(t, c, http.MethodPost, "/commit?container=x", ""); code < 500 || !strings.Contains(body, "leakscan: ") {
		t.Errorf("commit: %d %q", code, body)
	}
	if err := g.o.Upstream.Engine.Ping(t.Context()); err == nil {
		t.Error("it answers")
	}
	if _, err := g.o.Upstream.Dial(t.Context()); err == nil {
		t.Error("it can be reached")
	}
}

func TestGuardExec(t *testing.T) {
	f := &fakeEngine{}
	c, _ := engineRig(t, f, nil)
	for body, want := range map[string]int{
		`{"Cmd":["buildctl","dial-stdio"]}`:                 http.StatusForbidden,
		`{"cmd":["buildctl","--addr","x","dial-stdio"]}`:    http.StatusForbidden,
		`{"AttachStdin":true,"Cmd":["sh","-c","ls"]}`:       http.StatusCreated,
		`{"Cmd":["buildctl","debug","workers"],"Env":null}`: http.StatusCreated,
		`not json`: http.StatusCreated, // the engine's to refuse
	} {
		f.asked = nil
		code, text, _ := do(t, c, http.MethodPost, "/v1.47/containers/buildx_buildkit_x0/exec", body)
		if code != want || (len(f.asked) == 0) != (want == http.StatusForbidden) {
			t.Errorf("%s: %d %s", body, code, text)
		}
		if want == http.StatusCreated && f.body != body {
			t.Errorf("%s has become %s", body, f.body)
		}
	}
}

func TestBuildOutputs(t *testing.T) {
	f := &fakeEngine{output: `{"error":"no"}` + "\n"}
	c, _ := engineRig(t, f, nil)
	for outputs, want := range map[string]int{`[{"Type":"local","Attrs":{"dest":"x"}}]`: http.StatusForbidden, "x": http.StatusForbidden, "": 200, "[]": 200, "null": 200} {
		f.asked = nil
		code, body, _ := do(t, c, http.MethodPost, "/v1.47/build?version=2&outputs="+url.QueryEscape(outputs), "")
		if code != want || (len(f.asked) == 0) != (want != 200) {
			t.Errorf("%q: %d %s", outputs, code, body)
		}
	}
	// Of a build's own path, only POST builds.
	if code, _, _ := do(t, c, http.MethodGet, "/build?outputs=x", ""); code != 200 {
		t.Errorf("GET: %d", code)
	}
}

// TestClassicBuild: an image gets its names when it is clean.
func TestClassicBuild(t *testing.T) {
	pw := testimage.Password(150)
	line := func(v any) string { b, _ := json.Marshal(v); return string(b) + "\n" }
	aux := line(map[string]any{"aux": map[string]string{"ID": builtID}})
	args := url.QueryEscape(`{"DB_PASSWORD":"` + pw + `","N":null}`)
	for _, c := range []struct {
		name, output string
		image        []byte
		tagged       bool
		want         string
	}{
		{"clean", line(map[string]string{"stream": "Step 1/1 : FROM x " + pw + "\n"}) + aux, imageOf("A=b"), true, "Successfully tagged x:1"},
		{"clean, the older way", line(map[string]string{"stream": builtID + "\n"}), imageOf("A=b"), true, "Successfully tagged x:1"},
		{"leak", aux, imageOf("GH_TOKEN=" + testimage.GitHubToken(151)), false, "the image is deleted"},
		{"an argument", aux, imageOf("X=" + pw), false, knownID},
		{"can't be scanned", aux, nil, false, "could not be scanned, so it is deleted"},
		{"failed", line(map[string]string{"error": "it failed"}) + aux, imageOf("A=b"), false, "it failed"},
		{"no ID", line(map[string]string{"stream": "done\n"}), imageOf("A=b"), false, "has not said which image"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeEngine{image: c.image, output: c.output}
			cl, _ := engineRig(t, f, nil)
			code, body, header := do(t, cl, http.MethodPost, "/v1.47/build?t=x:1&t=reg.example:5000/y&dockerfile=D&buildargs="+args, "the context")
			if code != 200 || !strings.Contains(body, c.want) || header.Get("Api-Version") != "1.47" {
				t.Errorf("%d %s", code, body)
			}
			without(t, body, pw, testimage.GitHubToken(151))
			q, err := url.Parse(strings.TrimPrefix(f.asked[0], "POST "))
			if err != nil || q.Query().Has("t") || q.Query().Get("dockerfile") != "D" || !q.Query().Has("buildargs") || q.Path != "/v1.47/build" {
				t.Errorf("the engine was asked %s", strings.ReplaceAll(f.asked[0], pw, "<VALUE>"))
			}
			rest := strings.Join(f.asked[1:], "\n")
			id := url.PathEscape(builtID)
			if want := "POST /images/" + id + "/tag?repo=x&tag=1\nPOST /images/" + id + "/tag?repo=reg.example%3A5000%2Fy"; c.tagged && rest != want {
				t.Errorf("then it was asked\n%s", rest)
			}
			deleted := !c.tagged && c.name != "failed" && c.name != "no ID"
			if strings.Contains(rest, "/tag?") != c.tagged || (rest == "DELETE /images/"+id+"?noprune=1") != deleted {
				t.Errorf("then it was asked\n%s", rest)
			}
			for l := bufio.NewScanner(strings.NewReader(body)); l.Scan(); {
				if !json.Valid(l.Bytes()) {
					t.Errorf("not JSON: %s", l.Bytes())
				}
			}
		})
	}
}

func TestCommit(t *testing.T) {
	for _, c := range []struct {
		name   string
		image  []byte
		query  string
		code   int
		second string // what the engine is asked then
	}{
		{"clean", imageOf("A=b"), "container=c&repo=x&tag=1&comment=hi", http.StatusCreated, "POST /images/" + url.PathEscape(builtID) + "/tag?repo=x&tag=1"},
		{"no tag", imageOf("A=b"), "container=c&repo=x", http.StatusCreated, "POST /images/" + url.PathEscape(builtID) + "/tag?repo=x"},
		{"no name", imageOf("A=b"), "container=c", http.StatusCreated, ""},
		{"leak", imageOf("GH_TOKEN=" + testimage.GitHubToken(151)), "container=c&repo=x&tag=1", http.StatusForbidden, "DELETE /images/" + url.PathEscape(builtID) + "?noprune=1"},
		{"can't be scanned", nil, "container=c&repo=x&tag=1", http.StatusForbidden, "DELETE /images/" + url.PathEscape(builtID) + "?noprune=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeEngine{image: c.image}
			cl, _ := engineRig(t, f, nil)
			code, body, _ := do(t, cl, http.MethodPost, "/v1.47/commit?"+c.query, `{"Env":["A=b"]}`)
			if code != c.code || code == http.StatusCreated && !strings.Contains(body, builtID) {
				t.Errorf("%d %s", code, body)
			}
			without(t, body, testimage.GitHubToken(151))
			u, _ := url.Parse(strings.TrimPrefix(f.asked[0], "POST "))
			if q := u.Query(); q.Has("repo") || q.Has("tag") || q.Get("container") != "c" {
				t.Errorf("the engine was asked %s", f.asked[0])
			}
			if rest := strings.Join(f.asked[1:], "\n"); rest != c.second {
				t.Errorf("then it was asked %s", rest)
			}
		})
	}
}

// TestNotMade: what the build has not made is not deleted, and neither is what
// may be somebody else's.
func TestNotMade(t *testing.T) {
	leaky, id := imageOf("GH_TOKEN="+testimage.GitHubToken(151)), "/images/"+url.PathEscape(builtID)
	below := "sha256:" + strings.Repeat("f", 64)
	for _, c := range []struct {
		name, before, about, want string
		asked                     string
	}{
		{"it was there", `[{"Id":"sha256:1"},{"Id":"` + builtID + `"}]`, `,"RepoTags":["mine:1","mine:2"]`, "it is left, since it was there before this build: mine:1, mine:2", ""},
		{"it was there without a name", `[{"Id":"` + builtID + `"}]`, `,"RepoTags":["<none>:<none>"]`, "it is left, since it was there before this build\n", ""},
		{"an engine that leaves sha256: out", `[{"Id":"` + builtID[7:] + `"}]`, "", "it is left, since it was there before this build\n", ""},
		{"it has got a name", "", `,"RepoTags":["mine:1"]`, "it is left, since it has got a name meanwhile: mine:1", ""},
		{"not known", `[{"Id":"sha256:1"},`, "", "whether it was there before this build is not known", ""},
		{"not even a list", `{"Id":"sha256:1"}`, "", "whether it was there before this build is not known", ""},
		{"what it was made on was there", `[{"Id":"` + below + `"}]`, `,"Parent":"` + below + `"`, "the image is deleted", "DELETE " + id + "?noprune=1"},
		{"what it was made on was not", `[]`, `,"Parent":"` + below + `"`, "the image is deleted", "DELETE " + id + "?noprune=1\nDELETE /images/" + url.PathEscape(below) + "?noprune=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeEngine{image: leaky, before: c.before, about: c.about, output: `{"aux":{"ID":"` + builtID + `"}}` + "\n"}
			cl, _ := engineRig(t, f, nil)
			_, body, _ := do(t, cl, http.MethodPost, "/v1.47/build?t=x:1", "")
			var m struct{ Error string }
			if err := json.Unmarshal([]byte(body[strings.Index(body, "\n")+1:]), &m); err != nil || !strings.Contains(m.Error, c.want) || strings.Contains(m.Error, "is deleted") != (c.asked != "") {
				t.Errorf("%s", body)
			}
			if rest := strings.Join(f.asked[1:], "\n"); rest != c.asked {
				t.Errorf("the engine was asked\n%s", rest)
			}
			f.asked = nil
			if _, body, _ := do(t, cl, http.MethodPost, "/v1.47/commit?container=x&repo=x", ""); strings.Contains(body, "is deleted") != (c.asked != "") {
				t.Errorf("commit: %s", body)
			}
		})
	}
}

// TestGuarded: what leaves the engine is scanned first.
func TestGuarded(t *testing.T) {
	requests := []string{"POST /v1.47/images/x/push?tag=1", "GET /images/x/get", "GET /v1.47/images/get?names=x&names=y"}
	for _, c := range []struct {
		name   string
		image  []byte
		change func(*Options)
		passes bool
		want   string
	}{
		{"clean", imageOf("A=b"), nil, true, ""},
		{"leak", imageOf("GH_TOKEN=" + testimage.GitHubToken(151)), nil, false, "stays here"},
		{"leak below what stops it", imageOf("GH_TOKEN=" + testimage.GitHubToken(151)), func(o *Options) { o.FailOn = "never" }, true, ""},
		{"known", imageOf("X=" + testimage.Password(152)), knows(testimage.Password(152)), false, "a known one is in config.Env[0]"},
		{"can't be scanned", nil, nil, false, "could not be scanned"},
		{"let through", nil, func(o *Options) { o.LetThrough = true }, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeEngine{image: c.image}
			cl, _ := engineRig(t, f, c.change)
			for i, r := range requests {
				f.asked = nil
				method, p, _ := strings.Cut(r, " ")
				code, body, _ := do(t, cl, method, p, "")
				if passed := len(f.asked) == 1 && f.asked[0] == r; passed != c.passes || !c.passes && (code != http.StatusForbidden || !strings.Contains(body, c.want)) {
					t.Errorf("%s: %d, asked %q, %.300s", r, code, f.asked, body)
				}
				if i > 0 {
					continue
				}
				without(t, body, testimage.GitHubToken(151), testimage.Password(152))
			}
		})
	}
}

// TestPushAll: without a tag the engine pushes all that it has of a repository
// (docker push --all-tags), and each of them must be looked at.
func TestPushAll(t *testing.T) {
	var mu sync.Mutex
	var scanned []string
	clean, leaky := imageOf("A=b"), imageOf("GH_TOKEN="+testimage.GitHubToken(151))
	pushed := false
	c, _ := engineRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL.Path, "/push"):
			pushed = true
		case r.URL.Path == "/images/json":
			io.WriteString(w, `[{"Id":"sha256:1","RepoTags":["x:latest"]},{"Id":"sha256:2","RepoTags":["x:old"]}]`)
		case strings.HasSuffix(r.URL.Path, "/images/get"):
			scanned = append(scanned, r.URL.Query().Get("names"))
			if n := r.URL.Query().Get("names"); strings.HasSuffix(n, ":old") || n == "sha256:2" {
				w.Write(leaky)
				return
			}
			w.Write(clean)
		default:
			io.WriteString(w, `{"Id":"`+builtID+`","Os":"linux","Architecture":"amd64"}`)
		}
	}), nil)
	do(t, c, http.MethodPost, "/v1.47/images/x/push", "")
	if pushed {
		t.Errorf("ServeEngine: a push without a tag is of all tags, and only %q was scanned", scanned)
	}
}

// TestOddVersions: Docker's router takes /v{version:[0-9.]+}.
func TestOddVersions(t *testing.T) {
	for _, p := range []string{"/v1.44.0/build", "/v1./build", "/v.1/build"} {
		f := &fakeEngine{output: "{}\n"}
		c, _ := engineRig(t, f, nil)
		do(t, c, http.MethodPost, p+"?t=x&outputs=local", "")
		if len(f.asked) > 0 {
			t.Errorf("ServeEngine: %s is passed on as it is: the engine takes all of [0-9.]+ for a version", p)
		}
	}
}

func TestEngineErrors(t *testing.T) {
	answer := func(code int, body string) *Engine {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return &Engine{Client: s.Client(), Base: s.URL}
	}
	for _, c := range []struct {
		code       int
		body, want string
	}{{200, "fine", ""}, {404, `{"message":"no such thing"}`, "GET /x: no such thing"}, {500, "<html>", "GET /x: 500 Internal Server Error"}} {
		_, err := answer(c.code, c.body).call(t.Context(), http.MethodGet, "/x?secret=1", nil, "")
		if fmt.Sprint(err) != c.want && (err != nil || c.want != "") {
			t.Errorf("%d: %v", c.code, err)
		}
	}
	if _, err := answer(200, "").upgrade(t.Context(), "/grpc", "h2c", nil); err == nil || !strings.Contains(err.Error(), "does not switch to h2c") {
		t.Errorf("got %v", err)
	}
	if got := answer(200, `{"Arch":"arm64"}`).architecture(t.Context()); got != "arm64" {
		t.Errorf("got %s", got)
	}
}

// TestLoadScanner: an older engine gets the scanner as an image, which goes
// when the gate does.
func TestLoadScanner(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	var loaded []byte
	_, g := engineRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		switch {
		case r.URL.Path == "/images/load":
			loaded, _ = io.ReadAll(r.Body)
		case r.URL.Path == "/version":
			io.WriteString(w, `{"Arch":"riscv64"}`)
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusNotFound)
		}
	}), func(o *Options) { o.Scanner = staticELF(t) })
	e := g.o.Upstream.Engine
	for range 2 {
		if _, err := e.scannerImage(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	names, arch := "", false
	for r := tar.NewReader(bytes.NewReader(loaded)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r)
		names += h.Name + " "
		arch = arch || bytes.Contains(b, []byte(`"riscv64"`))
	}
	if !strings.Contains(names, "manifest.json") || !arch {
		t.Errorf("loaded: %s, of the engine's architecture: %v", names, arch)
	}
	image := e.image
	e.removeScanner()
	e.removeScanner()
	want := "GET /images/" + image + "/json, GET /version, POST /images/load, DELETE /images/" + image
	if got := strings.Join(asked, ", "); got != want {
		t.Errorf("the engine was asked %s", got)
	}
}
