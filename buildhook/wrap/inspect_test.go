package wrap

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/gate"
	"github.com/leakscan/leakscan/layerwalk"
)

const inspectDocker = `Name:          default
Driver:        docker
Last Activity: 2026-01-02 03:04:05 +0000 UTC

Nodes:
Name:             default
Endpoint:         default
Status:           running
BuildKit version: v0.33.1
Platforms:        linux/amd64, linux/386
Labels:
 org.mobyproject.buildkit.worker.snapshotter: overlayfs
GC Policy rule#0:
 All:           false
 Filters:       type==source.local
 Keep Duration: 48h0m0s
`

const inspectTwo = `Name:          two
Driver:        docker-container
Last Activity: 2026-01-02 03:04:05 +0000 UTC

Nodes:
Name:                  two0
Endpoint:              unix:///var/run/docker.sock
Driver Options:        network="host" image="moby/buildkit:v0.33.1"
Status:                running
BuildKit daemon flags: --allow-insecure-entitlement=network.host
Labels:
 Name: not-a-node
 Endpoint: nowhere

Name:     two1
Endpoint: "tcp://10.0.0.2:2376"
Status:   inactive
`

const inspectRemote = "Name:   far\r\nDriver: remote\r\n\r\nNodes:\r\nName:     far0\r\nEndpoint: tcp://buildkitd:1234\r\nError:    failed to list workers: Unavailable: connection error\r\n"

func TestParseInspect(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "  []",
		"ERROR: no such builder\n": "  []",
		inspectDocker:              "default docker [{default default []}]",
		inspectTwo:                 "two docker-container [{two0 unix:///var/run/docker.sock [network=host image=moby/buildkit:v0.33.1]} {two1 tcp://10.0.0.2:2376 []}]",
		inspectRemote:              "far remote [{far0 tcp://buildkitd:1234 []}]",
		"Nodes:\nEndpoint: x\n":    "  []",
	} {
		b := parseInspect(text)
		if got := fmt.Sprint(b.name, " ", b.driver, " ", b.nodes); got != want {
			t.Errorf("%.20q: %s, not %s", text, got, want)
		}
	}
}

func TestBuilderOf(t *testing.T) {
	for _, c := range []struct {
		argv, name, set string
		at              int
	}{
		{"docker build .", "", "", -1},
		{"docker buildx build --builder b .", "b", "docker buildx build --builder new .", 4},
		{"docker buildx build --builder=b .", "b", "docker buildx build --builder=new .", 3},
		{"docker buildx --builder b build .", "b", "docker buildx --builder new build .", 3},
		{"docker buildx build --builder= .", "", "docker buildx build --builder=new .", 3},
		{"docker buildx build --builder", "", "", -1},
		{"docker build -- --builder b", "", "", -1},
		{"docker build --builders b .", "", "", -1},
		{"", "", "", -1},
	} {
		argv := strings.Fields(c.argv)
		at, name := builderOf(argv)
		if at != c.at || name != c.name {
			t.Errorf("%s: %d %q, not %d %q", c.argv, at, name, c.at, c.name)
			continue
		}
		if at >= 0 {
			setBuilder(argv, at, "new")
			if got := strings.Join(argv, " "); got != c.set {
				t.Errorf("%s: %s", c.argv, got)
			}
		}
	}
}

// TestBuilderTwice: of a flag that is given twice, the last counts.
func TestBuilderTwice(t *testing.T) {
	argv := strings.Fields("docker buildx build --builder a --builder=b .")
	at, name := builderOf(argv)
	if name != "b" || at != 5 {
		t.Errorf("builderOf gives the first --builder (%s); docker takes the last, which goes past the gate", name)
	}
}

func TestEnvironment(t *testing.T) {
	shared := []string{"A=1", "A=2", "AB=3", "B=4"}
	w := &wrapping{env: shared}
	if w.get("A") != "2" || w.get("AB") != "3" || w.get("C") != "" {
		t.Error("the last of a name counts")
	}
	w.set("A", "5")
	w.set("B", "")
	if got := strings.Join(w.env, " "); got != "AB=3 A=5" {
		t.Errorf("got %s", got)
	}
	if got := strings.Join(shared, " "); got != "A=1 A=2 AB=3 B=4" {
		t.Errorf("the caller's has become %s", got)
	}
}

func TestSameNode(t *testing.T) {
	read := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, nodeID))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	home := t.TempDir()
	for _, c := range []struct{ env, user string }{
		{"HOME=" + home, filepath.Join(home, ".docker", "buildx")},
		{"DOCKER_CONFIG=" + filepath.Join(home, "d"), filepath.Join(home, "d", "buildx")},
		{"BUILDX_CONFIG=" + filepath.Join(home, "b"), filepath.Join(home, "b")},
	} {
		w := &wrapping{env: []string{c.env}}
		one, two := filepath.Join(t.TempDir(), "x"), filepath.Join(t.TempDir(), "x")
		if err := w.sameNode(one); err != nil {
			t.Fatal(err)
		}
		if err := w.sameNode(two); err != nil {
			t.Fatal(err)
		}
		if id := read(one); len(id) != 16 || id != read(two) || id != read(c.user) {
			t.Errorf("%s: %s, %s and %s", c.env, id, read(two), read(c.user))
		}
	}
}

func TestUpstreamOfNode(t *testing.T) {
	w := &wrapping{}
	if up, err := w.upstream(t.Context(), inspected{driver: "remote"}, node{endpoint: "tcp://x:1"}); err != nil || up.Dial == nil {
		t.Error(err)
	}
	for _, driver := range []string{"kubernetes", "cloud", ""} {
		if _, err := w.upstream(t.Context(), inspected{name: "k", driver: driver}, node{}); err == nil || !strings.Contains(err.Error(), "can't stand in front of the builder k") {
			t.Errorf("%s: %v", driver, err)
		}
	}
	if _, err := w.upstream(t.Context(), inspected{driver: "remote"}, node{endpoint: "ssh://x"}); err == nil {
		t.Error("an address that nothing can be reached by")
	}
}

// TestRunCommand: the command is the user's own, and so is its exit code.
func TestRunCommand(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := &wrapping{o: Options{Stdout: out}, env: []string{"MINE=yes", "PATH=" + os.Getenv("PATH")}}
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, `echo "$MINE $LEAKSCAN_INSIDE"`: 0} {
		if code, err := w.run(t.Context(), []string{"sh", "-c", script}); err != nil || code != want {
			t.Errorf("%s: %d, %v", script, code, err)
		}
	}
	if b, err := os.ReadFile(out.Name()); err != nil || string(b) != "yes 1\n" {
		t.Errorf("it wrote %q, %v", b, err)
	}
	if _, err := w.run(t.Context(), []string{"leakscan-no-such-command"}); err == nil {
		t.Error("a command that isn't there was run")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, err := w.run(ctx, []string{"sleep", "60"}); err == nil && code == 0 {
		t.Error("it was run to its end")
	}
	if _, err := Run(t.Context(), nil, Options{}); err == nil {
		t.Error("no command is a command")
	}
}

// TestNothingToBuildWith: a command is not run where nothing stands before what
// it would build with.
func TestNothingToBuildWith(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	mark := filepath.Join(dir, "ran")
	if err := os.WriteFile(filepath.Join(dir, "cmd"), []byte("#!/bin/sh\n: > "+mark+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	o := Options{Open: layerwalk.Options{Getenv: func(n string) string {
		if n == "DOCKER_HOST" {
			return "unix://" + filepath.Join(dir, "no.sock")
		}
		return ""
	}}}
	_, err := Run(t.Context(), []string{"cmd"}, o)
	if err == nil || !strings.Contains(err.Error(), "neither a Docker engine nor a buildx builder") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the command was run")
	}
}

// buildxOf puts a buildx in place of the user's that says what a builder is,
// and writes down what it is asked.
func buildxOf(t *testing.T, inspect string) (dir string, asked func() []string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(inspect), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho \"$@\" >> " + dir + "/asked\ncase \"$1\" in inspect) /bin/cat " + dir + "/text;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "buildx"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return dir, func() []string {
		b, _ := os.ReadFile(filepath.Join(dir, "asked"))
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
}

func wrapped(t *testing.T, env ...string) *wrapping {
	dir, err := os.MkdirTemp("", "leakscan-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	w := &wrapping{o: Options{Env: env, Gate: gate.Options{Key: make([]byte, 32)}}, env: slices.Clone(env), dir: dir}
	t.Cleanup(w.close)
	return w
}

func TestBuilderRemote(t *testing.T) {
	dir, asked := buildxOf(t, "Name: far\nDriver: remote\nNodes:\nName: far0\nEndpoint: tcp://a:1\nName: far1\nEndpoint: tcp://b:1\n")
	w := wrapped(t, "HOME="+dir)
	argv := []string{"docker", "buildx", "build", "--builder", "far", "."}
	if err := w.builder(t.Context(), argv); err != nil {
		t.Fatal(err)
	}
	if argv[4] != "leakscan" || w.get("BUILDX_BUILDER") != "leakscan" || len(w.gates) != 2 {
		t.Errorf("%q, %q, %d gates", argv, w.env, len(w.gates))
	}
	want := []string{"inspect far", "create --name leakscan --driver remote unix://" + w.dir + "/node0.sock", "create --name leakscan --driver remote --append unix://" + w.dir + "/node1.sock"}
	if got := asked(); !slices.Equal(got, want) {
		t.Errorf("buildx was asked %q", got)
	}
	for _, s := range []string{"node0.sock", "node1.sock", filepath.Join("buildx", nodeID)} {
		if _, err := os.Stat(filepath.Join(w.dir, s)); err != nil {
			t.Error(err)
		}
	}
}

func TestBuilderOfEngine(t *testing.T) {
	_, asked := buildxOf(t, inspectDocker)
	w := wrapped(t, "BUILDX_BUILDER=mine")
	argv := []string{"docker", "buildx", "build", "--builder=x", "."}
	if err := w.builder(t.Context(), argv); err != nil {
		t.Fatal(err)
	}
	if argv[3] != "--builder=default" || w.get("BUILDX_BUILDER") != "default" || len(w.gates) != 0 || asked()[0] != "inspect x" {
		t.Errorf("%q, %q, %q", argv, w.env, asked())
	}
	w = wrapped(t, "BUILDX_BUILDER=mine")
	if err := w.builder(t.Context(), []string{"docker", "build", "."}); err != nil || asked()[1] != "inspect mine" {
		t.Errorf("%v, %q", err, asked())
	}
}

func TestBuilderUnreachable(t *testing.T) {
	buildxOf(t, "Name: k\nDriver: kubernetes\nNodes:\nName: k0\nEndpoint: kubernetes:///k\n")
	w := wrapped(t, "HOME="+t.TempDir())
	if err := w.builder(t.Context(), []string{"docker", "build", "."}); err == nil || !strings.Contains(err.Error(), "driver is kubernetes") {
		t.Errorf("got %v", err)
	}
}
