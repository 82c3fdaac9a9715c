package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

// TestSignal stops a scan while a layer is still coming in.
func TestSignal(t *testing.T) {
	img := threeLayers(nil)
	for _, s := range []struct {
		name string
		sig  syscall.Signal
		code int
	}{{"SIGINT", syscall.SIGINT, 130}, {"SIGTERM", syscall.SIGTERM, 143}} {
		t.Run("registry, "+s.name, func(t *testing.T) {
			t.Parallel()
			// The second layer comes to its half and no further.
			stuck := img.Layers[1]
			host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, stuck.Digest) {
					w.Write(stuck.Data[:len(stuck.Data)/2])
					w.(http.Flusher).Flush()
					<-r.Context().Done()
					return
				}
				blobServer(img.Manifest, img.Blobs()...).ServeHTTP(w, r)
			}))
			rep := interrupt(t, run{}, s.sig, s.code, img.Layers[2].Digest, "registry:"+host+"/damaged:1")
			if got := rulesFound(rep); len(got) == 0 || !strings.Contains(gaps(rep), stuck.Digest) {
				t.Errorf("found %v; gaps:\n%s", got, gaps(rep))
			}
		})
		t.Run("stdin, "+s.name, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			data := testimage.Legacy(img)
			// The first layer arrives, and most of the second.
			go w.Write(data[:bytes.Index(data, img.Plain[1])+100_000])
			rep := interrupt(t, run{stdin: r}, s.sig, s.code, "layer.tar", "-")
			if got := rulesFound(rep); len(got) == 0 {
				t.Errorf("nothing was found in what came before; gaps:\n%s", gaps(rep))
			}
		})
	}
}

// TestSignalEarly stops a scan of which not even the kind is known: standard
// input has begun and does not go on.
func TestSignalEarly(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.Write(testimage.Legacy(threeLayers(nil))[:700]); err != nil {
		t.Fatal(err)
	}
	cmd := run{stdin: r}.command(t.Context(), "-o", "json", "-")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = until("leakscan reads its input", time.Minute, func() bool {
		n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
		return err != nil || n == 0
	})
	if err != nil {
		t.Error(err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	stopped(t, cmd, &stdout, nil, 143)
}

// interrupt starts a scan, waits until it has read a blob, sends a signal and
// checks what is left behind.
func interrupt(t *testing.T, r run, sig syscall.Signal, code int, read string, ref string) *report.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := r.command(ctx, "-o", "json", "--progress", "plain", ref)
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sent := false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		stderr.WriteString(lines.Text() + "\n")
		if l := lines.Text(); !sent && strings.HasSuffix(l, " done") && strings.Contains(l, read) {
			sent = true
			cmd.Process.Signal(sig)
		}
	}
	return stopped(t, cmd, &stdout, stderr.Bytes(), code)
}

// stopped checks what an interrupted scan leaves behind.
func stopped(t *testing.T, cmd *exec.Cmd, stdout *bytes.Buffer, stderr []byte, code int) *report.Report {
	t.Helper()
	cmd.Wait()
	res := &result{code: cmd.ProcessState.ExitCode(), stdout: stdout.Bytes(), stderr: stderr}
	res.sane(t)
	if !json.Valid(res.stdout) {
		t.Fatalf("no valid JSON; exit code %d\nstdout: %s\nstderr: %s", res.code, res.stdout, res.stderr)
	}
	rep := res.report(t)
	if res.code != code || rep.Complete || len(rep.Gaps) == 0 {
		t.Errorf("exit code %d, want %d; complete %v; gaps:\n%s", res.code, code, rep.Complete, gaps(rep))
	}
	interrupted := false
	for _, g := range rep.Gaps {
		interrupted = interrupted || g.Kind == report.GapInterrupted
	}
	if !interrupted {
		t.Errorf("no gap says that the scan was interrupted:\n%s", gaps(rep))
	}
	return rep
}
