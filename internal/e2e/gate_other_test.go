package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/leakscan/leakscan/internal/testimage"
)

// serveGate runs leakscan gate until the end of the test.
func serveGate(t *testing.T, env []string, upstream string, flags ...string) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "gate.sock")
	cmd := run{env: env}.command(context.Background(), append([]string{"gate", "--listen", "unix://" + socket, "--upstream", upstream}, flags...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if _, err := os.Stat(socket); err == nil {
			t.Error("the gate leaves its socket behind")
		}
	})
	if err := until("the gate", 20*time.Second, func() bool { _, err := os.Stat(socket); return err == nil }); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	info, err := os.Stat(socket)
	must(t, err)
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the gate's socket has mode %v", info.Mode())
	}
	return socket
}

// A client that leaves the frontend to BuildKit never returns a result by
// itself: the gate does so in its place.
func TestGateDirect(t *testing.T) {
	e := needBuildkit(t)
	socket := serveGate(t, nil, e.host())
	for _, l := range leaks(testimage.GitHubToken(8101), "correct horse "+testimage.NPMToken(8102)[10:24]) {
		dir, out := l.context(t), filepath.Join(t.TempDir(), "out.tar")
		args := []string{"--addr", "unix://" + socket, "build", "--progress=plain", "--frontend=dockerfile.v0", "--local", "context=" + dir, "--local", "dockerfile=" + dir, "--output", "type=oci,dest=" + out}
		for i := 0; i < len(l.flags); i += 2 {
			if l.flags[i] == "--build-arg" {
				args = append(args, "--opt", "build-arg:"+l.flags[i+1])
			} else {
				args = append(args, l.flags[i:i+2]...)
			}
		}
		text, err := try(l.env, "buildctl", args...)
		if err == nil || !strings.Contains(err.Error(), "leakscan: nothing is exported") {
			t.Errorf("%s: %s %v", l.name, text, err)
		}
		if info, err := os.Stat(out); err == nil && info.Size() > 0 {
			t.Errorf("%s: there is a file of %d bytes", l.name, info.Size())
		}
	}
	clean := leak{dockerfile: base + "COPY a /a\n"}
	dir := clean.context(t)
	var digests []string
	for _, addr := range []string{"unix://" + socket, e.host()} {
		out := filepath.Join(t.TempDir(), "out.tar")
		command(t, []string{"SOURCE_DATE_EPOCH=1700000000"}, "buildctl", "--addr", addr, "build", "--frontend=dockerfile.v0", "--local", "context="+dir, "--local", "dockerfile="+dir,
			"--opt", "build-arg:SOURCE_DATE_EPOCH=1700000000", "--output", "type=oci,dest="+out)
		g := &gated{dir: filepath.Dir(out)}
		digests = append(digests, fileDigest(t, g, "out"))
	}
	if digests[0] != digests[1] {
		t.Errorf("the clean image has the digest %s, without the gate %s", digests[0], digests[1])
	}
	// What is wrong with a build is said as it would be without the gate.
	broken := leak{dockerfile: base + "RUN no-such-program\n"}
	dir = broken.context(t)
	_, err := try(nil, "buildctl", "--addr", "unix://"+socket, "build", "--frontend=dockerfile.v0", "--local", "context="+dir, "--local", "dockerfile="+dir)
	if err == nil || strings.Contains(err.Error(), "leakscan:") || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("a broken build ends with %v", err)
	}
}

// The legacy builder, BuildKit by way of POST /build, push, save and commit.
func TestGateEngine(t *testing.T) {
	g := gatedDocker(t)
	store := &writes{next: newStore()}
	registry := serve(t, store)
	token, known := testimage.GitHubToken(8201), "correct horse "+testimage.NPMToken(8202)[10:24]
	sock := serveGate(t, g.env, "docker")
	env := slices.Clip(append(g.env, "DOCKER_HOST=unix://"+sock))

	builders := map[string][]string{"legacy": {"docker", "DOCKER_BUILDKIT=0"}}
	if old := "/usr/bin/docker"; executable(old) {
		builders["POST /build with BuildKit"] = []string{old, "DOCKER_BUILDKIT=1", "DOCKER_CONFIG=" + t.TempDir()}
	}
	for name, b := range builders {
		env := slices.Clip(append(env, b[1:]...))
		for _, l := range leaks(token, known) {
			if len(l.flags) > 0 && l.flags[0] == "--secret" && name == "legacy" || l.name == "builder stage" {
				continue // not known to it; nothing of such a stage is in the image
			}
			dir := l.context(t)
			args := append([]string{b[0], "build", "--network=none", "-t", "leaky-classic"}, append(l.flags, ".")...)
			out, err := tryIn(dir, append(env, l.env...), args...)
			if err == nil || !strings.Contains(err.Error()+string(out), "leakscan:") {
				t.Errorf("%s, %s: %s %v", name, l.name, out, err)
			}
			if _, err := try(g.env, "docker", "inspect", "leaky-classic"); err == nil {
				t.Errorf("%s, %s: there is an image", name, l.name)
				command(t, g.env, "docker", "rmi", "-f", "leaky-classic")
			}
		}
		clean := leak{dockerfile: base + "COPY a /a\n"}
		if out, err := tryIn(clean.context(t), env, b[0], "build", "--network=none", "-t", "clean-classic", "."); err != nil {
			t.Errorf("%s: a clean build: %s %v", name, out, err)
		}
		command(t, g.env, "docker", "inspect", "clean-classic")
	}

	// An image that was made elsewhere.
	leaky := leaks(token, known)[0]
	if _, err := tryIn(leaky.context(t), g.env, "docker", "buildx", "build", "--network=none", "-t", registry+"/leaky", "--load", "."); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "saved.tar")
	for _, args := range [][]string{{"push", registry + "/leaky"}, {"save", "-o", file, registry + "/leaky"}} {
		out, err := try(env, "docker", args...)
		if err == nil || !strings.Contains(err.Error(), "stays here") {
			t.Errorf("docker %s: %s %v", args[0], out, err)
		}
	}
	if w := store.take(); len(w) > 0 {
		t.Errorf("docker push has written %q", w)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("docker save has written a file")
	}
	command(t, g.env, "docker", "tag", "clean-classic", registry+"/clean")
	command(t, env, "docker", "push", registry+"/clean")
	if w := store.take(); len(w) == 0 {
		t.Error("a clean image was not pushed")
	}
	command(t, env, "docker", "save", "-o", file, registry+"/clean")

	// A container that has got a secret.
	id := strings.TrimSpace(string(command(t, g.env, "docker", "create", registry+"/leaky", "x")))
	if out, err := try(env, "docker", "commit", id, "leaky-commit"); err == nil || !strings.Contains(err.Error(), "leakscan:") {
		t.Errorf("docker commit: %s %v", out, err)
	}
	if out, err := try(g.env, "docker", "inspect", "leaky-commit"); err == nil {
		t.Errorf("docker commit has left an image: %s", out)
	}
}

// What was there before a build is not the build's to delete, though the build
// ends with the very same image.
func TestGateKeepsImages(t *testing.T) {
	g := gatedDocker(t)
	token := testimage.GitHubToken(8801)
	all := func() []string {
		ids := strings.Fields(string(command(t, g.env, "docker", "images", "-aq", "--no-trunc")))
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	builders := map[string][]string{"legacy": {"docker", "DOCKER_BUILDKIT=0", "DOCKER_CONFIG=" + t.TempDir()}}
	if old := "/usr/bin/docker"; executable(old) {
		builders["POST /build with BuildKit"] = []string{old, "DOCKER_BUILDKIT=1", "DOCKER_CONFIG=" + t.TempDir()}
	}
	sock := serveGate(t, g.env, "docker")
	for name, b := range builders {
		env := slices.Clip(append(slices.Clip(g.env), b[1:]...))
		gated := slices.Clip(append(slices.Clip(env), "DOCKER_HOST=unix://"+sock))
		short := leak{dockerfile: "FROM scratch\nLABEL of=\"" + name + "\"\nCOPY a /a\n"}
		dir := short.context(t)
		build := func(env []string, args ...string) (string, error) {
			out, err := tryIn(dir, env, append([]string{b[0], "build", "--network=none"}, append(args, ".")...)...)
			if err != nil {
				return string(out) + err.Error(), err
			}
			return string(out), nil
		}
		// An image without a name, on top of which the leak is built.
		out, err := build(env, "-q")
		if err != nil {
			t.Fatal(out)
		}
		below := strings.TrimSpace(out)
		must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(short.dockerfile+"ENV GITHUB_TOKEN="+token+"\nLABEL more=1\n"), 0o644))
		before := all()
		if out, err := build(gated, "-t", "other:tag"); err == nil || !strings.Contains(out, "the image is deleted") {
			t.Errorf("%s: a new image: %s", name, out)
		}
		if now := all(); !slices.Equal(now, before) || !slices.Contains(now, below) {
			t.Errorf("%s: there are now %q, before there were %q with %s", name, now, before, below)
		}
		// The user's own image, by the same steps.
		for _, tag := range []string{"mine:1", "other:tag"} {
			if out, err := build(env, "-t", tag); err != nil {
				t.Fatal(out)
			}
		}
		id, before := imageDigest(t, g, "mine:1"), all()
		command(t, g.env, "docker", "tag", below, "moved:tag")
		for _, tag := range []string{"moved:tag", "new:tag", "mine:1"} {
			if out, err := build(gated, "-t", tag); err == nil || !strings.Contains(out, "it was there before this build") || !strings.Contains(out, "mine:1") || strings.Contains(out, "the image is deleted") {
				t.Errorf("%s: %s", name, out)
			}
		}
		if now := all(); !slices.Equal(now, before) {
			t.Errorf("%s: there are now %q, before there were %q", name, now, before)
		}
		for tag, want := range map[string]string{"mine:1": id, "other:tag": id, "moved:tag": below} {
			if out, err := try(g.env, "docker", "inspect", "--format", "{{.Id}}", tag); err != nil || strings.TrimSpace(string(out)) != want {
				t.Errorf("%s: %s is %s, not %s (%v)", name, tag, out, want, err)
			}
		}
		if _, err := try(g.env, "docker", "inspect", "new:tag"); err == nil {
			t.Errorf("%s: the leak has the name new:tag", name)
		}
		command(t, g.env, "docker", "rmi", "-f", id)
	}
}

// What a step has written is told once, and of that step, also where the engine
// has no diffs and copies every file for every step.
func TestGateTellsOnce(t *testing.T) {
	token, npm, named := testimage.GitHubToken(8861), testimage.NPMToken(8862), testimage.GitHubToken(8863)
	l := leak{dockerfile: base + "COPY a .npmrc .env /app/\nRUN chmod 600 /app/.env\nRUN echo " + "more > /app/more; cp /app/.env /app/copied\nRUN rm /app/.npmrc\nRUN ln -s /nowhere/" + named + " /app/link\nRUN touch /app/.env\n" +
		"FROM scratch\nCOPY .npmrc /app/\nCOPY a /a\n",
		files: map[string]string{".npmrc": "//registry.npmjs.org/:_authToken=" + npm + "\n", ".env": "GITHUB_TOKEN=" + token + "\n"}}
	l.dockerfile = strings.Replace(l.dockerfile, "FROM scratch\nCOPY .npmrc", "FROM scratch\nCOPY --from=0 /app/more /more\nCOPY .npmrc", 1)
	for name, engine := range map[string]func() (*engine, error){"overlay": dockerd, "vfs": vfsDocker} {
		t.Run(name, func(t *testing.T) {
			e, err := engine()
			if err != nil {
				lacking(t, "dockerd does not run: "+err.Error())
			}
			home := t.TempDir()
			env := slices.Clip(append(needBuildx(t), "DOCKER_HOST="+e.host(), "XDG_STATE_HOME="+home))
			dir := l.context(t)
			res := run{dir: dir, env: env}.leakscan(t, "build", "--leakscan-check=off", "--network=none", "--progress=plain", "-t", "once", ".")
			out := string(res.stderr)
			_, out, _ = strings.Cut(out, "leakscan: nothing is exported")
			out, _, _ = strings.Cut(out, " problems (") // and then again
			if n := strings.Count(out, "CRITICAL: "); res.code == 0 || n != 5 {
				t.Errorf("it ends with %d, and tells of %d", res.code, n)
			}
			for _, innocent := range []string{">>> RUN chmod", ">>> RUN rm", ">>> RUN touch", ">>> COPY a /a"} {
				if strings.Contains(out, innocent) {
					t.Errorf("%s is blamed:\n%s", innocent, out)
				}
			}
			for _, w := range []string{">>> COPY a .npmrc", ">>> RUN echo", ">>> RUN ln", ">>> COPY .npmrc"} {
				if !strings.Contains(out, w) {
					t.Errorf("%s is not blamed:\n%s", w, out)
				}
			}
		})
	}
}

// withoutBuildx is a PATH that leads to no buildx.
func withoutBuildx() string {
	return "PATH=" + strings.Join(slices.DeleteFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool {
		return executable(filepath.Join(dir, "buildx")) || executable(filepath.Join(dir, "docker-buildx"))
	}), ":")
}

// What the check has told and let through is not shown by the build: its steps
// quote the Dockerfile, and a command may print what it has.
func TestGateHidesOutput(t *testing.T) {
	token, printed, failed := testimage.GitHubToken(8851), testimage.GitHubToken(8852), testimage.GitHubToken(8853)
	password, short := "Tr0ub4dor-"+testimage.NPMToken(8854)[10:18], "Zw3!k"
	file := "quiet-horse-" + testimage.NPMToken(8855)[10:18] // by its name in a file
	l := leak{dockerfile: base + "ARG N=1\nENV GITHUB_TOKEN=" + token + "\nENV DB_PASSWORD=" + password + "\nENV PIN_PASSWORD=" + short + "\nENV POSTGRES_PASSWORD=postgres\nCOPY .env /app/.env\n" +
		"RUN echo in-one: $GITHUB_TOKEN $DB_PASSWORD $PIN_PASSWORD; cat /app/.env; echo the postgres server\n" +
		"RUN for c in GITHUB_TOKEN= " + printed[:7] + " " + printed[7:20] + " " + printed[20:] + "; do busybox printf $c; busybox usleep 150000; done; echo; echo all-told\n" +
		"RUN for c in " + printed[:20] + " " + printed[20:] + "; do busybox printf $c >&2; busybox usleep 150000; done; echo >&2\n" +
		"RUN echo $N; test " + failed + " = x\n",
		files: map[string]string{".env": "DB_PASSWORD=" + file + "\n"}}
	color := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	check := func(t *testing.T, res *result, want ...string) {
		t.Helper()
		out := string(color.ReplaceAll(append(slices.Clip(res.stdout), res.stderr...), nil))
		for name, v := range map[string]string{"the token": token, "what is printed": printed, "what fails": failed, "the password": password, "a short one": short, "a word": "=postgres", "of a file": file} {
			if i := strings.Index(out, v); i >= 0 {
				t.Errorf("%s is shown: …%s…", name, out[max(0, i-150):min(len(out), i+len(v)+20)])
			}
		}
		for _, w := range append(want, "in-one: ", "all-told", "GITHUB_TOKEN=") {
			if !strings.Contains(out, w) {
				t.Errorf("there is no %s in\n%s", w, out)
			}
		}
	}
	t.Run("legacy", func(t *testing.T) {
		g := gatedDocker(t)
		r := run{env: append(slices.Clip(g.env), "DOCKER_BUILDKIT=0", "DOCKER_CONFIG="+t.TempDir(), withoutBuildx()), dir: l.context(t)}
		check(t, r.leakscan(t, "build", "--leakscan-check=warn", "--network=none", "-t", "hidden", "."), "the postgres server", "Step 7/", "ENV GITHUB_TOKEN=•••", "returned a non-zero code")
	})
	t.Run("POST /build with BuildKit", func(t *testing.T) {
		old := "/usr/bin/docker"
		if !executable(old) {
			lacking(t, "there is no docker without buildx")
		}
		g := gatedDocker(t)
		r := run{env: append(slices.Clip(g.env), "DOCKER_BUILDKIT=1", "DOCKER_CONFIG="+t.TempDir(), "PATH="+filepath.Dir(old)+":/bin"), dir: l.context(t)}
		check(t, r.leakscan(t, "build", "--leakscan-check=warn", "--network=none", "--no-cache", "--progress=plain", "-t", "hidden", "."), "the postgres server", "RUN echo")
	})
	t.Run("dockerd", func(t *testing.T) {
		g := gatedDocker(t)
		r := run{env: g.env, dir: l.context(t)}
		check(t, r.leakscan(t, "build", "--leakscan-check=warn", "--network=none", "--no-cache", "--progress=plain", "-t", "hidden", "."), "the postgres server", "RUN echo", ">>> RUN echo")
	})
	t.Run("buildkitd", func(t *testing.T) {
		g := gatedBuildkit(t)
		r := run{env: g.env, dir: l.context(t)}
		for _, p := range []string{"plain", "rawjson"} {
			check(t, r.leakscan(t, "build", "--leakscan-check=warn", "--no-cache", "--progress="+p, "--push", "-t", g.registry+"/hidden", "."), "the postgres server", "RUN echo")
		}
	})
	t.Run("terminal", func(t *testing.T) {
		g := gatedBuildkit(t)
		script, err := find("script")
		if err != nil {
			lacking(t, err.Error())
		}
		out, _ := tryIn(l.context(t), append(slices.Clip(g.env), "TERM=xterm"), script, "-qec", "leakscan build --leakscan-check=warn --no-cache --push -t "+g.registry+"/hidden .", "/dev/null")
		check(t, &result{stdout: out})
	})
}

// What fails while a build is gated: nothing is exported, nothing hangs.
func TestGateFaults(t *testing.T) {
	g := gatedBuildkit(t)
	clean := leak{dockerfile: base + "RUN sleep 5; echo done > /out\n"}
	build := func(t *testing.T, ctx context.Context, flags ...string) *exec.Cmd {
		cmd := run{env: g.env, dir: clean.context(t)}.command(ctx, append([]string{"build", "--leakscan-check=off", "--no-cache", "--push", "-t", g.registry + "/faulty"}, append(flags, ".")...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		return cmd
	}
	t.Run("killed", func(t *testing.T) {
		cmd := build(t, context.Background())
		must(t, cmd.Start())
		time.Sleep(2 * time.Second)
		must(t, cmd.Process.Kill()) // the gate alone: docker goes on, and finds nobody
		cmd.Wait()
		time.Sleep(6 * time.Second)
		if w := g.store.take(); len(w) > 0 {
			t.Errorf("it has written %q", w)
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	})
	t.Run("interrupted", func(t *testing.T) {
		cmd := build(t, context.Background())
		must(t, cmd.Start())
		time.Sleep(2 * time.Second)
		must(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Error("it does not end")
			cmd.Process.Kill()
		}
		if w := g.store.take(); len(w) > 0 {
			t.Errorf("it has written %q", w)
		}
	})
	t.Run("BuildKit is gone", func(t *testing.T) {
		l, stop := relay(t, needBuildkit(t).socket)
		command(t, g.env, "docker", "buildx", "create", "--name", "mortal", "--driver", "remote", "unix://"+l)
		cmd := build(t, context.Background(), "--builder", "mortal")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		must(t, cmd.Start())
		time.Sleep(2 * time.Second)
		stop()
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("it succeeds:\n%s", stderr.Bytes())
			}
		case <-time.After(60 * time.Second):
			t.Error("it does not end")
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		if w := g.store.take(); len(w) > 0 {
			t.Errorf("it has written %q", w)
		}
	})
	t.Run("no scanner", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "scanner")
		must(t, os.WriteFile(file, []byte("#!/bin/sh\nexit 0\n"), 0o755))
		clean := leak{dockerfile: base + "COPY a /a\n"}
		r := run{env: g.env, dir: clean.context(t)}
		res := r.leakscan(t, "build", "--leakscan-scanner="+file, "--push", "-t", g.registry+"/unscanned", ".")
		if w := g.store.take(); res.code == 0 || len(w) > 0 || !bytes.Contains(res.stderr, []byte("could not be scanned, so nothing is exported")) {
			t.Errorf("it ends with %d, and has written %q:\n%s", res.code, w, res.stderr)
		}
		res = r.leakscan(t, "build", "--leakscan-on-error=warn", "--leakscan-scanner="+file, "--push", "-t", g.registry+"/unscanned", ".")
		if w := g.store.take(); res.code != 0 || len(w) == 0 || !bytes.Contains(res.stderr, []byte("is let through as asked")) {
			t.Errorf("let through, it ends with %d, and has written %q:\n%s", res.code, w, res.stderr)
		}
	})
	t.Run("two at once", func(t *testing.T) {
		socket := serveGate(t, nil, strings.TrimPrefix(needBuildkit(t).host(), ""))
		command(t, g.env, "docker", "buildx", "create", "--name", "gated", "--driver", "remote", "unix://"+socket)
		leaky := leaks(testimage.GitHubToken(8301), "x")[0]
		errs := make(chan error, 2)
		for name, l := range map[string]leak{"one": leaky, "two": {dockerfile: base + "COPY a /a\n"}} {
			dir := l.context(t)
			go func() {
				_, err := tryIn(dir, g.env, "docker", "buildx", "build", "--builder", "gated", "--push", "-t", g.registry+"/"+name, ".")
				if (err != nil) == (name == "one") {
					err = nil
				} else {
					err = &exec.Error{Name: name, Err: os.ErrInvalid}
				}
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		for _, w := range g.store.take() {
			if strings.Contains(w, "/one/") {
				t.Errorf("it has written %s", w)
			}
		}
	})
	t.Run("questions", func(t *testing.T) {
		dir := clean.context(t)
		for _, args := range [][]string{{"--call=targets"}, {"--call=outline"}, {"--check"}} {
			res := run{env: g.env, dir: dir}.leakscan(t, append([]string{"buildx", "build", "--leakscan-check=off"}, append(args, ".")...)...)
			if res.code != 0 {
				t.Errorf("%s ends with %d:\n%s%s", args, res.code, res.stdout, res.stderr)
			}
		}
	})
	t.Run("platforms", func(t *testing.T) {
		for name, l := range map[string]leak{"leaky": leaks(testimage.GitHubToken(8302), "x")[0], "clean": {dockerfile: "FROM scratch\nCOPY a /a\n"}} {
			res := run{env: g.env, dir: l.context(t)}.leakscan(t, "build", "--leakscan-check=off", "--platform=linux/amd64,linux/arm64", "--push", "-t", g.registry+"/"+name, ".")
			if w := g.store.take(); (res.code == 0) != (name == "clean") || (len(w) > 0) != (name == "clean") {
				t.Errorf("%s ends with %d, and has written %q:\n%s", name, res.code, w, res.stderr)
			}
		}
	})
}

// A cached step ships what a secret was before it was changed.
func TestGateRotation(t *testing.T) {
	g := gatedBuildkit(t)
	old, changed := "correct horse "+testimage.NPMToken(8401)[10:24], "battery staple "+testimage.NPMToken(8402)[10:24]
	l := leak{dockerfile: base + "RUN --mount=type=secret,id=pw tr a-z b-za < /run/secrets/pw > /kept; cp /run/secrets/pw /tmp-pw\n", flags: []string{"--secret", "id=pw,env=PW"}}
	dir := l.context(t)
	for i, value := range []string{old, changed} {
		res := run{dir: dir, env: append(slices.Clip(g.env), "PW="+value)}.leakscan(t, "build", "--leakscan-check=off", "--secret", "id=pw,env=PW", "--push", "-t", g.registry+"/rotated", ".")
		if w := g.store.take(); res.code == 0 || len(w) > 0 {
			t.Fatalf("it ends with %d and has written %q", res.code, w)
		}
		if i == 1 && !bytes.Contains(res.stderr, []byte(`n earlier value of the secret "pw" is in /tmp-pw`)) {
			t.Errorf("the earlier value is not told:\n%s", res.stderr)
		}
		for _, v := range []string{old, changed} {
			if bytes.Contains(res.stderr, []byte(v)) {
				t.Errorf("a value is shown:\n%s", res.stderr)
			}
		}
	}
}

// What one build is given as a secret, and the next one copies: no cached step
// has it, and nothing is old about it.
func TestGateSeenBefore(t *testing.T) {
	g := gatedBuildkit(t)
	env := slices.Clip(append(slices.Clip(g.env), "XDG_STATE_HOME="+t.TempDir()))
	value := "correct horse " + testimage.NPMToken(8411)[10:24]
	l := leak{dockerfile: base + "RUN --mount=type=secret,id=pw,target=/pw test -s /pw\n", files: map[string]string{"pw.txt": value}}
	dir := l.context(t)
	r := run{dir: dir, env: env}
	if res := r.leakscan(t, "build", "--leakscan-check=off", "--secret", "id=pw,src=pw.txt", "--push", "-t", g.registry+"/seen", "."); res.code != 0 {
		t.Fatalf("it ends with %d:\n%s", res.code, res.stderr)
	}
	must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(base+"COPY . /app\n"), 0o644))
	res := r.leakscan(t, "build", "--leakscan-check=off", "--push", "-t", g.registry+"/seen", ".")
	out := strings.Join(strings.Fields(string(res.stderr)), " ")
	if res.code == 0 || !strings.Contains(out, `hat an earlier build was given as the secret "pw" is in /app/pw.txt`) || !strings.Contains(out, "Don't copy it") || strings.Contains(out, "arlier value") || strings.Contains(out, "no-cache") {
		t.Errorf("it ends with %d:\n%s", res.code, res.stderr)
	}
}

// docker leakscan, and docker build by way of it.
func TestGatePlugin(t *testing.T) {
	g := gatedDocker(t)
	var config string
	for _, e := range g.env {
		if v, ok := strings.CutPrefix(e, "DOCKER_CONFIG="); ok {
			config = filepath.Join(v, "config.json")
		}
	}
	must(t, os.WriteFile(config, []byte(`{"auths":{"r.example":{"auth":"eDp5"}}}`), 0o640))
	r := run{env: g.env}
	if res := r.leakscan(t, "install", "--docker-build"); res.code != 0 {
		t.Fatalf("%s%s", res.stdout, res.stderr)
	}
	if out := command(t, g.env, "docker", "leakscan", "version"); !bytes.Contains(out, []byte("leakscan")) {
		t.Errorf("docker leakscan version: %s", out)
	}
	leaky := leaks(testimage.GitHubToken(8501), "x")[0]
	for _, args := range [][]string{{"docker", "leakscan", "build"}, {"docker", "build"}} {
		out, err := tryIn(leaky.context(t), append(slices.Clip(g.env), "LEAKSCAN_CHECK=off"), append(args, "--network=none", "-t", "leaky-plugin", ".")...)
		if err == nil || !strings.Contains(err.Error(), "leakscan: nothing is exported") {
			t.Errorf("%s: %s %v", args, out, err)
		}
		if out, err := try(g.env, "docker", "inspect", "leaky-plugin"); err == nil {
			t.Errorf("%s: there is an image: %s", args, out)
		}
	}
	clean := leak{dockerfile: base + "COPY a /a\n"}
	if out, err := tryIn(clean.context(t), g.env, "docker", "build", "--network=none", "-t", "clean-plugin", "."); err != nil {
		t.Errorf("a clean build: %s %v", out, err)
	}
	command(t, g.env, "docker", "inspect", "clean-plugin")
	if res := r.leakscan(t, "uninstall"); res.code != 0 {
		t.Fatalf("%s%s", res.stdout, res.stderr)
	}
	b, err := os.ReadFile(config)
	must(t, err)
	var fields struct {
		Auths   map[string]any
		Aliases map[string]string
	}
	must(t, json.Unmarshal(b, &fields))
	if len(fields.Auths) != 1 || len(fields.Aliases) != 0 {
		t.Errorf("config.json is %s", b)
	}
	if info, err := os.Stat(config); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("config.json has mode %v", info.Mode())
	}
	if _, err := try(g.env, "docker", "leakscan", "version"); err == nil {
		t.Error("docker leakscan is still there")
	}
}

// Where no wrapper can run: leakscan's image as a frontend, and as a generator
// of SBOMs.
func TestGateImage(t *testing.T) {
	g := gatedBuildkit(t)
	dir := t.TempDir()
	for _, f := range []string{"Dockerfile", ".dockerignore"} {
		b, err := os.ReadFile("../../" + f)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, f), b, 0o644))
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "leakscan"), "github.com/leakscan/leakscan/cmd/leakscan")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	image := g.registry + "/leakscan"
	if out, err := tryIn(dir, g.env, "docker", "buildx", "build", "--push", "-t", image, "."); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	g.store.take()
	token := testimage.GitHubToken(8601)
	for _, tt := range []struct {
		name  string
		flags []string
		leaks []leak
	}{
		{"frontend", []string{"--build-arg", "BUILDKIT_SYNTAX=" + image}, leaks(token, "x")[:4]},
		{"generator", []string{"--attest", "type=sbom,generator=" + image}, leaks(token, "x")[:1]},
	} {
		for _, l := range append(tt.leaks, leak{name: "clean", dockerfile: base + "COPY a /a\n"}) {
			out, err := tryIn(l.context(t), g.env, append([]string{"docker", "buildx", "build", "--push", "-t", g.registry + "/by-image"}, append(tt.flags, ".")...)...)
			w := g.store.take()
			if l.name == "clean" {
				if err != nil || len(w) == 0 {
					t.Errorf("%s: a clean build: %s %v", tt.name, out, err)
				}
				continue
			}
			if err == nil || len(w) > 0 || !strings.Contains(err.Error(), "nothing is exported") || strings.Contains(err.Error(), token) {
				t.Errorf("%s, %s: it has written %q: %s %v", tt.name, l.name, w, out, err)
			}
		}
	}
}

// An attestation that the image was scanned, for its digest.
func TestGateAttest(t *testing.T) {
	g := gatedBuildkit(t)
	clean := leak{dockerfile: "FROM scratch\nCOPY a /a\n"}
	r := run{env: g.env, dir: clean.context(t)}
	if res := r.leakscan(t, "build", "--leakscan-attest", "--push", "-t", g.registry+"/attested", "."); res.code != 0 {
		t.Fatalf("it ends with %d:\n%s", res.code, res.stderr)
	}
	all := registryDigest(t, g, "attested")
	if !strings.Contains(all, `"predicateType":"https://in-toto.io/attestation/test-result/v0.1"`) || !strings.Contains(all, `"result":"PASSED"`) {
		t.Errorf("there is no such attestation: %s", all)
	}
}

// relay is a socket that leads to another one, until it is stopped.
func relay(t *testing.T, to string) (socket string, stop func()) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "relay.sock")
	l, err := net.Listen("unix", socket)
	must(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	go func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("unix", to)
			if err != nil {
				down.Close()
				continue
			}
			mu.Lock()
			conns = append(conns, down, up)
			mu.Unlock()
			go io.Copy(up, down)
			go io.Copy(down, up)
		}
	}()
	stop = func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	}
	t.Cleanup(stop)
	return socket, stop
}

// A scan that is still in the cache, of a step that is not: it was of other
// files.
func TestGateStaleScan(t *testing.T) {
	e := needBuildkit(t)
	g := gatedBuildkit(t)
	var content atomic.Value
	content.Store("clean")
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, content.Load().(string)) }))
	l := leak{dockerfile: base + "RUN wget -q -O /conf http://" + host + "/of-the-stale-scan\n"}
	r := run{dir: l.context(t), env: g.env}
	build := func() *result {
		return r.leakscan(t, "build", "--leakscan-check=off", "--push", "-t", g.registry+"/stale", ".")
	}
	if res := build(); res.code != 0 {
		t.Fatalf("it ends with %d:\n%s", res.code, res.stderr)
	}
	g.store.take()
	for _, what := range []string{"what it has written", "of-the-stale-scan"} {
		command(t, nil, "buildctl", "--addr", e.host(), "prune", "--all", "--filter", `description~="`+what+`"`)
	}
	content.Store(testimage.GitHubToken(8701))
	res := build()
	if w := g.store.take(); res.code == 0 || len(w) > 0 || !bytes.Contains(res.stderr, []byte("leakscan: nothing is exported")) {
		t.Errorf("it ends with %d and has written %q:\n%s", res.code, w, res.stderr)
	}
}
