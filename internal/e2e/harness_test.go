package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leakscan/leakscan/report"
)

var (
	workDir string // of all tests; short, since sockets lie in it
	binDir  string // holds the leakscan binary, for PATH
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == guardArg {
		guardMain(os.Args[2:])
		return
	}
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if workDir, err = os.MkdirTemp("", "lse"); err == nil {
		// Also when a panic, a timeout or a kill ends this process, the guard
		// removes the directory.
		err = startGuard(workDir, nil)
	}
	if err == nil {
		binDir = filepath.Join(workDir, "bin")
		build := exec.Command("go", "build", "-buildvcs=false", "-o", binDir+"/", "github.com/leakscan/leakscan/cmd/leakscan")
		var out []byte
		if out, err = build.CombinedOutput(); err != nil {
			err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	} else {
		code = m.Run()
	}
	if err := stopGuards(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	if len(skipped.tests) > 0 {
		fmt.Fprintf(os.Stderr, "\ne2e: NOT TESTED on this machine:\n  %s\n\n", strings.Join(skipped.tests, "\n  "))
	}
	return code
}

// readSources opens every source file of the module. The tests run a binary, so
// go test does not know what they depend on, and would show old results from
// its cache; but it takes note of the files that are opened while tests run.
var readSources = sync.OnceValue(func() error {
	root := filepath.Join("..", "..")
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") || strings.HasPrefix(d.Name(), "go.") {
			_, err = os.ReadFile(path)
		}
		return err
	})
})

var skipped struct {
	sync.Mutex
	tests []string
}

// lacking skips a test for want of something, so that it can't be overlooked;
// in CI, which sets LEAKSCAN_E2E=require, it fails.
func lacking(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("LEAKSCAN_E2E") == "require" {
		t.Fatalf("LEAKSCAN_E2E=require, but %s", why)
	}
	skipped.Lock()
	skipped.tests = append(skipped.tests, t.Name()+": "+why)
	skipped.Unlock()
	t.Skip("SKIPPED: " + why)
}

// environ is the environment of a command: nothing of the user's own engines
// and credentials, and what a test adds. The last value of a name counts; an
// empty one takes it away.
func environ(extra ...string) []string {
	values := map[string]string{}
	for _, e := range append([]string{
		"PATH=" + binDir + ":" + os.Getenv("PATH") + ":/usr/sbin:/sbin",
		"HOME=" + filepath.Join(workDir, "home"), "TMPDIR=" + workDir, "LC_ALL=C",
		"DOCKER_HOST=unix://" + filepath.Join(workDir, "no.sock"),
		"CONTAINER_HOST=unix://" + filepath.Join(workDir, "no.sock"),
		"CONTAINERD_ADDRESS=" + filepath.Join(workDir, "no.sock"),
		"XDG_RUNTIME_DIR=" + filepath.Join(workDir, "home"),
	}, extra...) {
		name, value, _ := strings.Cut(e, "=")
		if values[name] = value; value == "" {
			delete(values, name)
		}
	}
	var env []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, name+"="+values[name])
	}
	return env
}

// result is one run of leakscan.
type result struct {
	code           int
	stdout, stderr []byte
	maxRSS         int64 // bytes
	wall           time.Duration
}

// run is how leakscan is started.
type run struct {
	env   []string
	dir   string
	stdin *os.File
}

// maxRun is far more than any run takes: it ends one that hangs.
const maxRun = 3 * time.Minute

// leakscan runs the binary.
func (r run) leakscan(t *testing.T, args ...string) *result {
	t.Helper()
	if err := readSources(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	cmd := r.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("leakscan %q: %v\n%s", args, err, stderr.Bytes())
	}
	res := &result{code: cmd.ProcessState.ExitCode(), stdout: stdout.Bytes(), stderr: stderr.Bytes(), wall: time.Since(start)}
	res.maxRSS = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	res.sane(t)
	return res
}

func (r run) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(binDir, "leakscan"), args...)
	cmd.Env, cmd.Dir = environ(r.env...), r.dir
	if r.stdin != nil {
		cmd.Stdin = r.stdin
	}
	return cmd
}

// sane checks what must hold for every run, whatever its input.
func (res *result) sane(t *testing.T) {
	t.Helper()
	for _, out := range [][]byte{res.stdout, res.stderr} {
		for _, w := range []string{"panic:", "goroutine ", "runtime error", "this is a bug in leakscan"} {
			if bytes.Contains(out, []byte(w)) {
				t.Errorf("the output holds %q:\n%s", w, out)
			}
		}
		noSecrets(t, out)
	}
}

// noSecrets fails if an output shows a secret of the images of these tests.
func noSecrets(t *testing.T, out []byte) {
	t.Helper()
	for _, s := range allSecrets() {
		if i := bytes.Index(out, []byte(s)); i >= 0 {
			t.Errorf("the output shows a secret in clear: …%s…", out[max(0, i-60):min(len(out), i+len(s)+20)])
		}
	}
}

// report reads the JSON report on the standard output.
func (res *result) report(t *testing.T) *report.Report {
	t.Helper()
	var rep report.Report
	if err := json.Unmarshal(res.stdout, &rep); err != nil {
		t.Fatalf("the output is no JSON report: %v\nstdout: %s\nstderr: %s", err, res.stdout, res.stderr)
	}
	return &rep
}

// gaps lists the gaps of a report for messages and comparisons.
func gaps(rep *report.Report) string {
	var lines []string
	for _, g := range rep.Gaps {
		line := fmt.Sprintf("%s %s %s: %s (%d bytes)", g.Kind, g.Blob, g.Path, g.Reason, g.Bytes)
		for _, a := range g.Tried {
			line += fmt.Sprintf("; %s: %s", a.Kind, a.Reason)
		}
		lines = append(lines, strings.TrimSpace(line+" "+g.Hint))
	}
	return strings.Join(lines, "\n")
}

// rulesFound lists the rules of the findings of a report, sorted.
func rulesFound(rep *report.Report) []string {
	var ids []string
	for _, f := range rep.Findings {
		ids = append(ids, f.Rule)
	}
	slices.Sort(ids)
	return ids
}

// command runs a tool of the test's own, which must succeed.
func command(t testing.TB, env []string, name string, args ...string) []byte {
	t.Helper()
	out, err := try(env, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try(env []string, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = environ(env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out, nil
}

// until polls a condition.
func until(what string, limit time.Duration, done func() bool) error {
	for end := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within %v", what, limit)
		}
	}
	return nil
}
