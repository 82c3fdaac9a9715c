package gate

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"time"
)

// BuildKit is a buildkitd at an address: unix:///path or tcp://host:port.
func BuildKit(addr string) (Upstream, error) {
	network, at, ok := strings.Cut(addr, "://")
	switch {
	case ok && (network == "unix" || network == "tcp"):
	case ok && network == "docker-container":
		return Command(nil, "docker", "exec", "-i", at, "buildctl", "dial-stdio"), nil
	default:
		return Upstream{}, fmt.Errorf("%s is no address of BuildKit that leakscan knows: unix:///PATH, tcp://HOST:PORT or docker-container://NAME", addr)
	}
	d := &net.Dialer{Timeout: 20 * time.Second}
	return Upstream{Dial: func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, network, at) }}, nil
}

// Command is a BuildKit that a command connects its input and output to. A nil
// env is that of this process.
func Command(env []string, argv ...string) Upstream {
	return Upstream{Dial: func(context.Context) (net.Conn, error) {
		c := exec.Command(argv[0], argv[1:]...)
		c.Env = env
		in, err := c.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := c.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := c.Start(); err != nil {
			return nil, err
		}
		return &upgraded{&process{Reader: out, in: in, c: c}}, nil
	}}
}

// process is a command as a connection.
type process struct {
	io.Reader
	in io.WriteCloser
	c  *exec.Cmd
}

func (p *process) Write(b []byte) (int, error) { return p.in.Write(b) }

func (p *process) Close() error {
	p.in.Close()
	t := time.AfterFunc(5*time.Second, func() { p.c.Process.Kill() })
	defer t.Stop()
	return p.c.Wait()
}
