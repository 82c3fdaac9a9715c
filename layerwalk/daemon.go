package layerwalk

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// endpoint is where an engine with Docker's API listens.
type endpoint struct {
	host string // unix:///…, tcp://…, ssh://…, npipe://…
	tls  string // directory with ca.pem, cert.pem and key.pem; "": no TLS
	skip bool   // TLS without verification
	from string // what said so, for errors
}

// dockerEndpoint finds the daemon as the docker command does: DOCKER_HOST,
// else DOCKER_CONTEXT, else the current context of config.json, else the
// default socket.
func dockerEndpoint(o Options) (endpoint, error) {
	dir := o.getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(home(o), ".docker")
	}
	if h := o.getenv("DOCKER_HOST"); h != "" {
		e := endpoint{host: h, from: "DOCKER_HOST"}
		if o.getenv("DOCKER_TLS_VERIFY") != "" || o.getenv("DOCKER_TLS") != "" {
			e.tls, e.skip = o.getenv("DOCKER_CERT_PATH"), o.getenv("DOCKER_TLS_VERIFY") == ""
			if e.tls == "" {
				e.tls = dir
			}
		}
		return e, nil
	}
	current := o.getenv("DOCKER_CONTEXT")
	if current == "" {
		var cfg struct {
			CurrentContext string `json:"currentContext"`
		}
		if data, err := os.ReadFile(filepath.Join(dir, "config.json")); err == nil {
			json.Unmarshal(data, &cfg) // a broken one is docker's to complain about
		}
		current = cfg.CurrentContext
	}
	if current == "" || current == "default" {
		if runtime.GOOS == "windows" {
			return endpoint{host: "npipe:////./pipe/docker_engine"}, nil
		}
		return endpoint{host: "unix:///var/run/docker.sock"}, nil
	}
	id := sha256.Sum256([]byte(current))
	hexID := hex.EncodeToString(id[:])
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "contexts", "meta", hexID, "meta.json"))
	if err == nil {
		err = json.Unmarshal(data, &meta)
	}
	if err != nil {
		return endpoint{}, &hintError{fmt.Errorf("the docker context %q can't be read: %w", current, err), "See docker context ls."}
	}
	ep := meta.Endpoints["docker"]
	e := endpoint{host: ep.Host, skip: ep.SkipTLSVerify, from: "the docker context " + current}
	if tlsDir := filepath.Join(dir, "contexts", "tls", hexID, "docker"); isDir(tlsDir) {
		e.tls = tlsDir
	}
	return e, nil
}

// DockerAPI gives an HTTP client for the daemon that the docker command would talk
// to, and the base of its URLs.
func DockerAPI(o Options) (*http.Client, string, error) {
	e, err := dockerEndpoint(o)
	if err != nil {
		return nil, "", err
	}
	return e.client()
}

// podmanEndpoint finds podman's service, which speaks Docker's API as well.
func podmanEndpoint(o Options) (endpoint, error) {
	if h := o.getenv("CONTAINER_HOST"); h != "" {
		return endpoint{host: h, from: "CONTAINER_HOST"}, nil
	}
	var paths []string
	if d := o.getenv("XDG_RUNTIME_DIR"); d != "" {
		paths = append(paths, filepath.Join(d, "podman", "podman.sock"))
	}
	paths = append(paths, "/run/podman/podman.sock")
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return endpoint{host: "unix://" + p}, nil
		}
	}
	return endpoint{}, fmt.Errorf("no socket at %s", strings.Join(paths, " or "))
}

func home(o Options) string {
	if h := o.getenv("HOME"); h != "" {
		return h
	}
	h, _ := os.UserHomeDir()
	return h
}

func isDir(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}

// client gives an HTTP client for the endpoint and the base of its URLs.
func (e endpoint) client() (*http.Client, string, error) {
	u, err := url.Parse(e.host)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", e.host, err)
	}
	t := &http.Transport{DisableCompression: true}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	base := "http://engine"
	switch u.Scheme {
	case "unix":
		path := strings.TrimPrefix(e.host, "unix://")
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
	case "tcp", "http", "https":
		base = "http://" + u.Host
		if e.tls != "" || u.Scheme == "https" {
			base = "https://" + u.Host
			if t.TLSClientConfig, err = e.tlsConfig(); err != nil {
				return nil, "", err
			}
		}
		t.DialContext = dialer.DialContext
	case "ssh":
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSSH(u) }
	default:
		return nil, "", fmt.Errorf("%s: leakscan can't speak %s; docker save IMAGE | leakscan - works everywhere", e.host, u.Scheme)
	}
	return &http.Client{Transport: t}, base, nil
}

func (e endpoint) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: e.skip}
	if e.tls == "" {
		return c, nil
	}
	if ca, err := os.ReadFile(filepath.Join(e.tls, "ca.pem")); err == nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("%s: no certificate in it", filepath.Join(e.tls, "ca.pem"))
		}
	}
	cert, key := filepath.Join(e.tls, "cert.pem"), filepath.Join(e.tls, "key.pem")
	if _, err := os.Stat(cert); err == nil {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("the client certificate for %s: %w", e.host, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// dialSSH reaches a daemon as the docker command does: by running it on the
// other side, with ssh from the PATH and the user's own configuration.
func dialSSH(u *url.URL) (net.Conn, error) {
	var args []string
	if u.User != nil {
		args = append(args, "-l", u.User.Username())
	}
	if p := u.Port(); p != "" {
		args = append(args, "-p", p)
	}
	args = append(args, "--", u.Hostname(), "docker", "system", "dial-stdio")
	cmd := exec.Command("ssh", args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &pipeConn{cmd: cmd, in: in, out: out}, nil
}

// pipeConn makes a connection of a command's standard input and output.
type pipeConn struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

func (c *pipeConn) Read(p []byte) (int, error)  { return c.out.Read(p) }
func (c *pipeConn) Write(p []byte) (int, error) { return c.in.Write(p) }
func (c *pipeConn) Close() error {
	c.in.Close()
	c.cmd.Process.Kill()
	return c.cmd.Wait()
}
func (c *pipeConn) LocalAddr() net.Addr              { return pipeAddr{} }
func (c *pipeConn) RemoteAddr() net.Addr             { return pipeAddr{} }
func (c *pipeConn) SetDeadline(time.Time) error      { return nil }
func (c *pipeConn) SetReadDeadline(time.Time) error  { return nil }
func (c *pipeConn) SetWriteDeadline(time.Time) error { return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "ssh" }
func (pipeAddr) String() string  { return "ssh" }

func openDocker(ctx context.Context, ref string, o Options) (*Source, error) {
	e, err := dockerEndpoint(o)
	if err != nil {
		return nil, err
	}
	return openEngine(ctx, Docker, e, ref, o)
}

func openPodman(ctx context.Context, ref string, o Options) (*Source, error) {
	e, err := podmanEndpoint(o)
	if err == nil {
		return openEngine(ctx, Podman, e, ref, o)
	}
	if _, lerr := exec.LookPath("podman"); lerr != nil {
		return nil, fmt.Errorf("%w, and no podman command", err)
	}
	return podmanSave(ctx, ref, o)
}

// openEngine reads an image out of an engine with Docker's API, as docker save
// does: one stream.
func openEngine(ctx context.Context, kind Kind, e endpoint, ref string, o Options) (*Source, error) {
	client, base, err := e.client()
	if err != nil {
		return nil, err
	}
	get := func(path string) (*http.Response, error) {
		// Without a version in the path the engine takes its own.
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		if err != nil {
			return nil, err
		}
		if o.UserAgent != "" {
			req.Header.Set("User-Agent", o.UserAgent)
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, engineError(e, err)
		}
		if resp.StatusCode != http.StatusOK {
			defer resp.Body.Close()
			var m struct{ Message string }
			data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
			if json.Unmarshal(data, &m) != nil || m.Message == "" {
				m.Message = resp.Status
			}
			if resp.StatusCode == http.StatusNotFound {
				return nil, errors.New("no such image") // the engine says it twice, with the name
			}
			return nil, errors.New(m.Message)
		}
		return resp, nil
	}
	resp, err := get("/images/" + pathEscape(ref) + "/json")
	if err != nil {
		return nil, err
	}
	var info struct {
		ID           string `json:"Id"`
		Architecture string
		Os           string
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(&info)
	resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("%s: the answer about the image can't be read: %w", e.host, err)
	}
	have := platform{OS: info.Os, Architecture: info.Architecture}
	if want, _ := parsePlatform(o.Platform); want != nil && info.Os != "" && !(platform{OS: want.OS, Architecture: want.Architecture}).matches(have) {
		return nil, fmt.Errorf("it has the image for %s, not for %s", have, want)
	}
	resp, err = get("/images/get?names=" + url.QueryEscape(ref))
	if err != nil {
		return nil, err
	}
	src, err := archiveFromStream(ctx, resp.Body, e.host, kind, o, resp.Body)
	if err != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: what it sends is no image: %w", e.host, err)
	}
	return src, nil
}

// pathEscape keeps the slashes and colons of a reference, which the engine's
// router wants as they are.
func pathEscape(ref string) string { return (&url.URL{Path: ref}).EscapedPath() }

func engineError(e endpoint, err error) error {
	var op *net.OpError
	if !errors.As(err, &op) {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return fmt.Errorf("%s: %w", e.host, err)
	}
	text := op.Err.Error()
	var se *os.SyscallError
	if errors.As(op.Err, &se) {
		text = se.Err.Error()
	}
	if os.IsPermission(op.Err) {
		return &hintError{fmt.Errorf("no permission for %s", e.host), "Add yourself to the docker group, or use sudo; a registry or docker save | leakscan - needs neither."}
	}
	from := ""
	if e.from != "" {
		from = " (from " + e.from + ")"
	}
	return fmt.Errorf("no daemon at %s%s: %s", e.host, from, text)
}

// podmanSave runs podman where it has no service: the usual case, since it
// needs none.
func podmanSave(ctx context.Context, ref string, o Options) (*Source, error) {
	if strings.HasPrefix(ref, "-") {
		return nil, errors.New("it is no valid reference")
	}
	exists := exec.CommandContext(ctx, "podman", "image", "exists", ref)
	if err := exists.Run(); err != nil {
		return nil, errors.New("no such image in podman's storage")
	}
	cmd := exec.CommandContext(ctx, "podman", "image", "save", "--quiet", "--format", "docker-archive", ref)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var stderr limitedBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	wait := closerFunc(func() { cmd.Process.Kill(); cmd.Wait() })
	br := bufio.NewReader(out)
	if _, err := br.Peek(1); err != nil {
		cmd.Wait()
		return nil, fmt.Errorf("podman image save: %s", stderr.firstLine())
	}
	src, err := archiveFromStream(ctx, br, "podman image save", Podman, o, wait)
	if err != nil {
		wait()
	}
	return src, err
}

// limitedBuffer keeps the first 4 KiB that a command complains.
type limitedBuffer struct{ b []byte }

func (l *limitedBuffer) Write(p []byte) (int, error) {
	l.b = append(l.b, p[:min(len(p), 4096-len(l.b))]...)
	return len(p), nil
}

func (l *limitedBuffer) firstLine() string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(l.b)), "\n")
	if s == "" {
		s = "it gave nothing"
	}
	return s
}
