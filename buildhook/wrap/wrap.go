// Package wrap runs a build command with a gate between it and BuildKit. The
// command is the user's own; its environment says where to build.
package wrap

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/leakscan/leakscan/buildhook/gate"
	"github.com/leakscan/leakscan/layerwalk"
)

// Options say what is run and what is in front of it.
type Options struct {
	Gate gate.Options // without the upstream
	Open layerwalk.Options

	Buildx []string // the command that runs buildx; nil: it is looked for
	Env    []string // "NAME=value", of the command
	Stdin  *os.File
	Stdout *os.File
	Stderr *os.File
}

// Run runs a command with every BuildKit that it can reach by the usual ways
// behind a gate: the engine of DOCKER_HOST or the current docker context, and
// the builder that buildx would choose. It gives the command's exit code. An
// error means that the command was not run, or not to its end.
func Run(ctx context.Context, argv []string, o Options) (code int, err error) {
	if len(argv) == 0 {
		return 0, errors.New("there is no command to run")
	}
	sweep(os.TempDir())
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", dirPrefix, os.Getpid())) // 0700: nobody else builds through it
	if err != nil {
		return 0, err
	}
	w := &wrapping{o: o, dir: dir, env: o.Env}
	defer w.close()
	argv = slices.Clone(argv)
	if flag := otherEngine(argv); flag != "" {
		return 0, fmt.Errorf("%s leads past the gate: choose the engine with DOCKER_HOST or DOCKER_CONTEXT before leakscan's command", flag)
	}
	if err := w.engine(ctx); err != nil {
		return 0, err
	}
	if err := w.builder(ctx, argv); err != nil {
		return 0, err
	}
	if len(w.gates) == 0 {
		return 0, fmt.Errorf("there is neither a Docker engine nor a buildx builder to build with: %w", w.noEngine)
	}
	return w.run(ctx, argv)
}

const dirPrefix = "leakscan-build-"

// sweep removes the directories of runs that were killed: their names have the
// process in them.
func sweep(temp string) {
	dirs, _ := filepath.Glob(filepath.Join(temp, dirPrefix+"*-*"))
	for _, dir := range dirs {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
		n, err := strconv.Atoi(pid)
		if err != nil || n <= 0 {
			continue
		}
		if p, err := os.FindProcess(n); err == nil && errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone) {
			os.RemoveAll(dir) // what is another user's stays
		}
	}
}

// wrapping is one run.
type wrapping struct {
	o        Options
	dir      string
	env      []string
	gates    []*gate.Gate
	noEngine error
	wg       sync.WaitGroup
	listen   []net.Listener
}

func (w *wrapping) close() {
	for _, l := range w.listen {
		l.Close()
	}
	for _, g := range w.gates {
		g.Close()
	}
	w.wg.Wait()
	os.RemoveAll(w.dir)
}

func (w *wrapping) set(name, value string) {
	w.env = slices.DeleteFunc(slices.Clone(w.env), func(e string) bool { return strings.HasPrefix(e, name+"=") })
	if value != "" {
		w.env = append(w.env, name+"="+value)
	}
}

func (w *wrapping) get(name string) string {
	for _, e := range slices.Backward(w.env) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// gate starts a gate on a socket of the given name.
func (w *wrapping) gate(up gate.Upstream, name string, serve func(*gate.Gate, net.Listener) error) (socket string, err error) {
	o := w.o.Gate
	o.Upstream = up
	g, err := gate.New(o)
	if err != nil {
		return "", err
	}
	w.gates = append(w.gates, g)
	socket = filepath.Join(w.dir, name)
	l, err := net.Listen("unix", socket)
	if err != nil {
		return "", err
	}
	w.listen = append(w.listen, l)
	w.wg.Go(func() { serve(g, l) }) // it ends with the listener
	return socket, nil
}

// engine puts a gate in front of the Docker engine, if one answers.
func (w *wrapping) engine(ctx context.Context) error {
	e, err := gate.NewEngine(w.o.Open)
	if err == nil {
		err = e.Ping(ctx)
	}
	if err != nil {
		w.noEngine = err
		return nil
	}
	socket, err := w.gate(e.Upstream(), "docker.sock", (*gate.Gate).ServeEngine)
	if err != nil {
		return err
	}
	w.set("DOCKER_HOST", "unix://"+socket)
	for _, name := range []string{"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"} {
		w.set(name, "")
	}
	return nil
}

// Buildx is the command that runs buildx: docker buildx, or buildx itself; nil
// if there is none.
func Buildx(ctx context.Context, env []string) []string {
	if docker, err := exec.LookPath("docker"); err == nil {
		c := exec.CommandContext(ctx, docker, "buildx", "version")
		c.Env = env
		if c.Run() == nil {
			return []string{docker, "buildx"}
		}
	}
	for _, name := range []string{"buildx", "docker-buildx"} {
		if p, err := exec.LookPath(name); err == nil {
			return []string{p}
		}
	}
	return nil
}

// buildx is the command that runs buildx, looked for once.
func (w *wrapping) buildx(ctx context.Context) []string {
	if w.o.Buildx == nil {
		w.o.Buildx = Buildx(ctx, w.o.Env)
	}
	return w.o.Buildx
}

// output runs a command of buildx's with the user's own environment.
func (w *wrapping) output(ctx context.Context, env []string, argv ...string) (string, error) {
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Env = env
	out, err := c.Output()
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		err = fmt.Errorf("%s: %s", strings.Join(argv, " "), strings.TrimSpace(string(ee.Stderr)))
	}
	return string(out), err
}

// builder puts gates in front of the nodes of the buildx builder, if it isn't
// the engine's own, and makes a builder of the gates for this run.
func (w *wrapping) builder(ctx context.Context, argv []string) error {
	bx := w.buildx(ctx)
	if bx == nil {
		return nil
	}
	at, name := builderOf(argv)
	if name == "" {
		name = w.get("BUILDX_BUILDER")
	}
	inspect := append(slices.Clone(bx), "inspect")
	if name != "" {
		inspect = append(inspect, name)
	}
	text, err := w.output(ctx, w.o.Env, inspect...)
	if err != nil {
		if w.noEngine == nil && name == "" {
			return nil // the engine it is
		}
		return fmt.Errorf("asking buildx for its builder: %w", err)
	}
	b := parseInspect(text)
	if b.driver == "docker" {
		w.set("BUILDX_BUILDER", "default") // by DOCKER_HOST
		if at >= 0 {
			setBuilder(argv, at, "default")
		}
		return nil
	}
	made := "leakscan"
	config := filepath.Join(w.dir, "buildx")
	if err := w.sameNode(config); err != nil {
		return err
	}
	w.set("BUILDX_CONFIG", config)
	w.set("BUILDX_BUILDER", made)
	for i, n := range b.nodes {
		up, err := w.upstream(ctx, b, n)
		if err != nil {
			return err
		}
		socket, err := w.gate(up, fmt.Sprintf("node%d.sock", i), (*gate.Gate).Serve)
		if err != nil {
			return err
		}
		create := append(slices.Clone(bx), "create", "--name", made, "--driver", "remote")
		for _, o := range n.options {
			key, _, _ := strings.Cut(o, "=")
			switch {
			case key == "default-load":
				create = append(create, "--driver-opt", o)
			case b.driver == "remote":
				return fmt.Errorf("leakscan can't stand in front of the builder %s: its driver option %s is not known to it", b.name, key)
			}
		}
		if i > 0 {
			create = append(create, "--append")
		}
		if _, err := w.output(ctx, w.env, append(create, "unix://"+socket)...); err != nil {
			return fmt.Errorf("making a builder of the gate: %w", err)
		}
	}
	if at >= 0 {
		setBuilder(argv, at, made)
	}
	return nil
}

// nodeID is the file by which buildx knows its machine again. It is part of the
// name under which BuildKit keeps the files of a build context, so that of
// those that have not changed nothing is sent.
const nodeID = ".buildNodeID"

// sameNode gives a configuration of buildx the identity of the user's own. Like
// buildx it makes one where there is none.
func (w *wrapping) sameNode(config string) error {
	user := w.get("BUILDX_CONFIG")
	if user == "" {
		docker := w.get("DOCKER_CONFIG")
		if docker == "" {
			docker = filepath.Join(w.get("HOME"), ".docker")
		}
		user = filepath.Join(docker, "buildx")
	}
	if err := os.MkdirAll(config, 0o700); err != nil {
		return err
	}
	id, err := os.ReadFile(filepath.Join(user, nodeID))
	if err != nil {
		id = make([]byte, 8)
		rand.Read(id)
		id = []byte(hex.EncodeToString(id))
		if err := os.MkdirAll(user, 0o755); err == nil {
			os.WriteFile(filepath.Join(user, nodeID), id, 0o600) // else it is another one the next time
		}
	}
	return os.WriteFile(filepath.Join(config, nodeID), id, 0o600)
}

// upstream reaches a node of a builder.
func (w *wrapping) upstream(ctx context.Context, b inspected, n node) (gate.Upstream, error) {
	switch b.driver {
	case "remote":
		return gate.BuildKit(n.endpoint)
	case "docker-container":
		if docker, err := exec.LookPath("docker"); err == nil {
			// It need not run yet.
			if bx := w.buildx(ctx); bx != nil {
				if _, err := w.output(ctx, w.o.Env, append(slices.Clone(bx), "inspect", "--bootstrap", b.name)...); err != nil {
					return gate.Upstream{}, err
				}
			}
			return gate.Command(w.o.Env, docker, "exec", "-i", "buildx_buildkit_"+n.name, "buildctl", "dial-stdio"), nil
		}
	}
	return gate.Upstream{}, fmt.Errorf("leakscan can't stand in front of the builder %s: its driver is %s; build with one whose driver is docker, docker-container or remote (docker buildx ls)", b.name, b.driver)
}

// run runs the command itself.
func (w *wrapping) run(ctx context.Context, argv []string) (int, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, err
	}
	c := exec.CommandContext(ctx, path, argv[1:]...)
	c.Env = append(slices.Clone(w.env), "LEAKSCAN_INSIDE=1")
	c.Stdin, c.Stdout, c.Stderr = w.o.Stdin, w.o.Stdout, w.o.Stderr
	// A terminal signals it as well; what else ends us ends it in the same way.
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 20 * time.Second
	err = c.Run()
	var ee *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &ee) && ee.ExitCode() >= 0:
		return ee.ExitCode(), nil
	case errors.As(err, &ee):
		if s, ok := ee.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return 128 + int(s.Signal()), nil
		}
	}
	return 0, fmt.Errorf("running %s: %w", argv[0], err)
}
