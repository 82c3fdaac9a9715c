package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A guard is this test binary once more, as the parent of an engine. It ends
// the engine and removes its directory when its standard input closes, which
// happens however the tests end: also with a panic, a timeout or a kill.
const guardArg = "e2e-guard"

var guards []*guard

type guard struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// startGuard starts a guard for a directory and a command, if there is one.
// What the command says is in log of the directory.
func startGuard(dir string, env []string, command ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(self, append([]string{guardArg, dir}, command...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log // go test waits for whoever holds its own
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	guards = append(guards, &guard{cmd, pipe})
	return nil
}

// stopGuards ends the engines, the last one first.
func stopGuards() error {
	var first error
	for _, g := range slices.Backward(guards) {
		g.pipe.Close()
		if err := g.cmd.Wait(); err != nil && first == nil {
			first = fmt.Errorf("%s: %w", strings.Join(g.cmd.Args[1:], " "), err)
		}
	}
	guards = nil
	return first
}

func guardMain(args []string) {
	// Handled and dropped, not ignored: the child must not inherit it.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	dir, command := args[0], args[1:]
	closed := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(closed) }()
	if len(command) > 0 {
		// The guard of the directory around this one waits for it.
		if parent, err := os.Open(filepath.Dir(dir)); err == nil {
			syscall.Flock(int(parent.Fd()), syscall.LOCK_SH)
			defer parent.Close()
		}
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		ended := make(chan struct{})
		go func() {
			cmd.Wait()
			os.WriteFile(filepath.Join(dir, "ended"), nil, 0o600) // start stops waiting for it
			close(ended)
		}()
		<-closed
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(15 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
	}
	<-closed
	if self, err := os.Open(dir); err == nil {
		syscall.Flock(int(self.Fd()), syscall.LOCK_EX)
		defer self.Close()
	}
	unmount(dir)
	if err := os.RemoveAll(dir); err != nil {
		os.Exit(1)
	}
}

// unmount takes away what an engine left mounted below a directory, the
// innermost first.
func unmount(dir string) {
	data, _ := os.ReadFile("/proc/self/mounts")
	for _, line := range slices.Backward(strings.Split(string(data), "\n")) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			syscall.Unmount(f[1], syscall.MNT_DETACH)
		}
	}
}
