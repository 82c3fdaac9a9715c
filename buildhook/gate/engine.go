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
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/buildkit/client/llb"

	"github.com/leakscan/leakscan/buildhook/step"
	"github.com/leakscan/leakscan/layerwalk"
)

// Engine is an engine with Docker's API, in which BuildKit lives.
type Engine struct {
	Client *http.Client // reaches it
	Base   string       // of its URLs: "http://engine"
	Open   layerwalk.Options

	mu    sync.Mutex
	image string // the scanner's, once it is there
}

// NewEngine is the engine that the docker command would talk to.
func NewEngine(o layerwalk.Options) (*Engine, error) {
	c, base, err := layerwalk.DockerAPI(o)
	if err != nil {
		return nil, err
	}
	return &Engine{Client: c, Base: base, Open: o}, nil
}

// Upstream is the BuildKit of the engine.
func (e *Engine) Upstream() Upstream {
	return Upstream{Engine: e, Dial: func(ctx context.Context) (net.Conn, error) { return e.upgrade(ctx, "/grpc", "h2c", nil) }}
}

// Ping asks whether the engine answers.
func (e *Engine) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := e.call(ctx, http.MethodGet, "/_ping", nil, "")
	return err
}

func (e *Engine) dialSession(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
	return e.upgrade(ctx, "/session", proto, meta)
}

// upgrade turns a request into a connection.
func (e *Engine) upgrade(ctx context.Context, p, proto string, meta map[string][]string) (net.Conn, error) {
	// The connection outlives the call that asks for it.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, e.Base+p, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range meta {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", proto)
	res, err := e.Client.Do(req)
	if err != nil {
		return nil, err
	}
	rw, ok := res.Body.(io.ReadWriteCloser)
	if res.StatusCode != http.StatusSwitchingProtocols || !ok {
		res.Body.Close()
		return nil, fmt.Errorf("the engine does not switch to %s at %s: %s", proto, p, res.Status)
	}
	return &upgraded{ReadWriteCloser: rw}, nil
}

// upgraded is a connection that was a request.
type upgraded struct{ io.ReadWriteCloser }

func (*upgraded) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "engine", Net: "unix"} }
func (*upgraded) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "engine", Net: "unix"} }
func (*upgraded) SetDeadline(time.Time) error      { return nil }
func (*upgraded) SetReadDeadline(time.Time) error  { return nil }
func (*upgraded) SetWriteDeadline(time.Time) error { return nil }

// call makes a request that has a small answer.
func (e *Engine) call(ctx context.Context, method, p string, body io.Reader, contentType string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.Base+p, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := e.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err == nil && res.StatusCode >= 400 {
		var msg struct{ Message string }
		if json.Unmarshal(out, &msg) != nil || msg.Message == "" {
			msg.Message = res.Status
		}
		err = &apiError{res.StatusCode, fmt.Sprintf("%s %s: %s", method, strings.SplitN(p, "?", 2)[0], msg.Message)}
	}
	return out, err
}

// tags lists the images of a repository.
func (e *Engine) tags(ctx context.Context, repository string) ([]string, error) {
	filter, err := json.Marshal(map[string][]string{"reference": {repository}})
	if err != nil {
		return nil, err
	}
	out, err := e.call(ctx, http.MethodGet, "/images/json?"+url.Values{"filters": {string(filter)}}.Encode(), nil, "")
	if err != nil {
		return nil, err
	}
	var images []struct {
		ID       string `json:"Id"`
		RepoTags []string
	}
	if err := json.Unmarshal(out, &images); err != nil {
		return nil, err
	}
	var all []string
	for _, i := range images {
		all = append(all, cmp.Or(i.ID, strings.Join(i.RepoTags, " ")))
	}
	if len(all) == 0 {
		all = []string{repository} // which the engine says is not there
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// apiError is an answer of the engine's that is an error.
type apiError struct {
	code int
	text string
}

func (e *apiError) Error() string { return e.text }

// scannerImage is a state with the scanner in it, for a BuildKit that takes
// nothing from the gate's own session: an image of the engine.
func (e *Engine) scannerImage(ctx context.Context, g *Gate) (llb.State, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.image == "" {
		p, err := g.program()
		if err != nil {
			return llb.State{}, err
		}
		tag := "leakscan-scanner:" + p.digest[:16]
		if _, err := e.call(ctx, http.MethodGet, "/images/"+tag+"/json", nil, ""); err != nil {
			if err := e.loadScanner(ctx, p, tag); err != nil {
				return llb.State{}, fmt.Errorf("giving the engine the scanner: %w", err)
			}
		}
		e.image = tag
	}
	return llb.Image("docker.io/library/"+e.image, llb.ResolveModePreferLocal, llb.WithCustomName("[leakscan] load the scanner")), nil
}

func (e *Engine) loadScanner(ctx context.Context, p *program, tag string) error {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		pr, pw := io.Pipe()
		go func() { pw.CloseWithError(p.writeTar(pw)) }()
		return pr, nil
	})
	if err != nil {
		return err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return err
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture = "linux", e.architecture(ctx)
	cfg.Config = v1.Config{Entrypoint: []string{step.Binary}}
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		return err
	}
	ref, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(tarball.Write(ref, img, pw)) }()
	defer pr.Close()
	_, err = e.call(ctx, http.MethodPost, "/images/load?quiet=1", pr, "application/x-tar")
	return err
}

// architecture is the engine's, as images name it.
func (e *Engine) architecture(ctx context.Context) string {
	var v struct{ Arch string }
	if b, err := e.call(ctx, http.MethodGet, "/version", nil, ""); err == nil {
		json.Unmarshal(b, &v)
	}
	return v.Arch
}

// writeTar writes the program as the tar of a layer.
func (p *program) writeTar(w io.Writer) error {
	tw := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		info, err := os.Stat(p.files[name])
		if err != nil {
			return err
		}
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: info.Size(), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		if err := copyInto(tw, p.files[name]); err != nil {
			return err
		}
	}
	return tw.Close()
}

// removeScanner takes the image away again.
func (e *Engine) removeScanner() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.image != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		e.call(ctx, http.MethodDelete, "/images/"+e.image, nil, "") // it is small, and does no harm
		e.image = ""
	}
}

var apiVersion = regexp.MustCompile(`^/v[0-9.]+/`)

// ServeEngine takes the connections of clients that speak Docker's API, until
// the listener is closed. What makes or sends images goes through the gate, all
// else passes.
func (g *Gate) ServeEngine(l net.Listener) error {
	e := g.o.Upstream.Engine
	if e == nil {
		return errors.New("there is no engine behind this gate")
	}
	target, err := url.Parse(e.Base)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		Transport:     e.Client.Transport,
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			refuseHTTP(w, http.StatusBadGateway, "the engine can't be reached: "+err.Error())
		},
	}
	conns := newConns()
	defer conns.Close()
	go g.server.Serve(conns)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.Path
		if v := apiVersion.FindString(p); v != "" {
			p = p[len(v)-1:]
		}
		switch {
		case p == "/grpc":
			c, err := hijack(w, "h2c")
			if err != nil {
				refuseHTTP(w, http.StatusInternalServerError, err.Error())
				return
			}
			conns.add(c)
		case p == "/session":
			g.engineSession(w, r)
		case p == "/build" && r.Method == http.MethodPost:
			g.classicBuild(w, r)
		case p == "/commit" && r.Method == http.MethodPost:
			g.commit(w, r)
		case strings.HasPrefix(p, "/images/") && strings.HasSuffix(p, "/push") && r.Method == http.MethodPost:
			image := strings.TrimSuffix(strings.TrimPrefix(p, "/images/"), "/push")
			if tag := r.URL.Query().Get("tag"); tag != "" {
				g.guarded(w, r, proxy, image+":"+tag)
				return
			}
			all, err := e.tags(r.Context(), image) // without a tag, docker pushes all of them
			if err != nil {
				refuseHTTP(w, http.StatusForbidden, fmt.Sprintf("%s stays here, its tags can't be listed: %v", image, err))
				return
			}
			g.guarded(w, r, proxy, all...)
		case strings.HasPrefix(p, "/images/") && strings.HasSuffix(p, "/get") && p != "/images/get":
			g.guarded(w, r, proxy, strings.TrimSuffix(strings.TrimPrefix(p, "/images/"), "/get"))
		case strings.HasPrefix(p, "/containers/") && strings.HasSuffix(p, "/exec") && r.Method == http.MethodPost:
			g.guardExec(w, r, proxy)
		case p == "/images/get":
			g.guarded(w, r, proxy, r.URL.Query()["names"]...)
		default:
			proxy.ServeHTTP(w, r)
		}
	}), ReadHeaderTimeout: time.Minute}
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// refuseHTTP answers as the engine would.
func refuseHTTP(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]string{"message": "leakscan: " + message})
}

// buffered is a connection of which some has been read.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// connections is a listener for connections that came in otherwise.
type connections struct {
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
}

func newConns() *connections {
	return &connections{ch: make(chan net.Conn), done: make(chan struct{})}
}

func (l *connections) add(c net.Conn) {
	select {
	case l.ch <- c:
	case <-l.done:
		c.Close()
	}
}

func (l *connections) Accept() (net.Conn, error) {
	select {
	case c := <-l.ch:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *connections) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (*connections) Addr() net.Addr { return &net.UnixAddr{Name: "gate", Net: "unix"} }

// guarded lets a request for images through if they have no leak.
func (g *Gate) guarded(w http.ResponseWriter, r *http.Request, next http.Handler, images ...string) {
	for _, image := range images {
		text, err := g.scanImage(r.Context(), image)
		switch {
		case err != nil && !g.o.LetThrough:
			refuseHTTP(w, http.StatusForbidden, fmt.Sprintf("%s could not be scanned, so it stays here: %v", image, err))
			return
		case text != "":
			refuseHTTP(w, http.StatusForbidden, fmt.Sprintf("%s stays here\n\n%s", image, text))
			return
		}
	}
	next.ServeHTTP(w, r)
}

// guardExec refuses what would be a way around: a connection to a BuildKit that
// runs in a container of the engine.
func (g *Gate) guardExec(w http.ResponseWriter, r *http.Request, next http.Handler) {
	const most = 1 << 20
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err == nil && len(body) > most {
		err = errors.New("the request is too large to be looked at")
	}
	if err != nil {
		refuseHTTP(w, http.StatusBadRequest, err.Error())
		return
	}
	var exec struct{ Cmd []string }
	if json.Unmarshal(body, &exec) == nil && slices.Contains(exec.Cmd, "dial-stdio") {
		refuseHTTP(w, http.StatusForbidden, "this reaches a BuildKit in a container, past the gate: choose it with --builder in front of leakscan's command, or with BUILDX_BUILDER")
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	next.ServeHTTP(w, r)
}

// commit makes an image of a container, and gives it its name when it is clean.
func (g *Gate) commit(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	repo, tag := q.Get("repo"), q.Get("tag")
	q.Del("repo")
	q.Del("tag")
	e := g.o.Upstream.Engine
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		refuseHTTP(w, http.StatusBadRequest, err.Error())
		return
	}
	before, _ := e.images(r.Context()) // nil: not known
	out, err := e.call(r.Context(), http.MethodPost, r.URL.Path+"?"+q.Encode(), bytes.NewReader(body), r.Header.Get("Content-Type"))
	var made struct{ ID string }
	if err == nil {
		err = json.Unmarshal(out, &made)
	}
	if err != nil {
		code := http.StatusInternalServerError
		var answer *apiError
		if errors.As(err, &answer) {
			code = answer.code
		}
		refuseHTTP(w, code, err.Error())
		return
	}
	var tags []string
	if repo != "" {
		tags = []string{repo}
		if tag != "" {
			tags[0] += ":" + tag
		}
	}
	if err := g.keepOrDelete(r.Context(), made.ID, tags, before); err != nil {
		refuseHTTP(w, http.StatusForbidden, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	w.Write(out)
}

// keepOrDelete scans an image that has no name yet. A clean one gets its names,
// another is deleted, if it was not among the images before.
func (g *Gate) keepOrDelete(ctx context.Context, id string, tags []string, before map[string]bool) error {
	e := g.o.Upstream.Engine
	ctx = context.WithoutCancel(ctx) // who made it may be gone, and it must not stay
	text, err := g.scanImage(ctx, id)
	if err != nil && g.o.LetThrough {
		err = nil
	}
	if err != nil || text != "" {
		left, derr := e.takeAway(ctx, id, before)
		switch {
		case err != nil && left != "":
			err = fmt.Errorf("the image could not be scanned, so this build gives it no name; %s: %w", left, err)
		case err != nil:
			err = fmt.Errorf("the image could not be scanned, so it is deleted: %w", err)
		case left != "":
			err = fmt.Errorf("this build gives the image no name; %s\n\n%s", left, text)
		default:
			err = fmt.Errorf("the image is deleted\n\n%s", text)
		}
		if derr != nil {
			err = fmt.Errorf("%w\nDeleting it failed: %v", err, derr)
		}
		return err
	}
	for _, t := range tags {
		repo, tag := t, ""
		if i := strings.LastIndexByte(t, ':'); i > strings.LastIndexByte(t, '/') {
			repo, tag = t[:i], t[i+1:]
		}
		v := url.Values{"repo": {repo}}
		if tag != "" {
			v.Set("tag", tag)
		}
		if _, err := e.call(ctx, http.MethodPost, "/images/"+url.PathEscape(id)+"/tag?"+v.Encode(), nil, ""); err != nil {
			return err
		}
	}
	return nil
}

var imageID = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// classicBuild is POST /build: the legacy builder, and BuildKit by way of an
// older docker command. The image is built without a name, scanned in the
// engine, and named when it is clean.
func (g *Gate) classicBuild(w http.ResponseWriter, r *http.Request) {
	e := g.o.Upstream.Engine
	q := r.URL.Query()
	tags := q["t"]
	q.Del("t")
	if o := q.Get("outputs"); o != "" && o != "[]" && o != "null" {
		refuseHTTP(w, http.StatusForbidden, "this docker command builds through POST /build, where only images can be scanned: use docker buildx build, or leave out --output")
		return
	}
	var args map[string]*string
	if err := json.Unmarshal([]byte(q.Get("buildargs")), &args); err == nil {
		for name, v := range args {
			if v != nil {
				g.learnArg(name, *v)
			}
		}
	}
	before, _ := e.images(r.Context()) // nil: not known
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, e.Base+r.URL.Path+"?"+q.Encode(), r.Body)
	if err != nil {
		refuseHTTP(w, http.StatusBadRequest, err.Error())
		return
	}
	req.Header = r.Header.Clone()
	req.ContentLength, req.TransferEncoding = r.ContentLength, r.TransferEncoding
	res, err := e.Client.Do(req)
	if err != nil {
		refuseHTTP(w, http.StatusBadGateway, err.Error())
		return
	}
	defer res.Body.Close()
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(res.StatusCode)
	flush := func() {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
	id, failed := "", res.StatusCode != http.StatusOK
	lines, shown := bufio.NewReader(res.Body), g.newClassic()
	for {
		line, err := lines.ReadBytes('\n')
		var m struct {
			Error  string
			Stream string
			Aux    struct{ ID string }
		}
		if json.Unmarshal(line, &m) == nil {
			failed = failed || m.Error != ""
			if imageID.MatchString(m.Aux.ID) {
				id = m.Aux.ID
			} else if s := strings.TrimSpace(m.Stream); imageID.MatchString(s) && len(s) == len("sha256:")+64 {
				id = s
			}
		}
		w.Write(shown.message(line))
		flush()
		if err != nil {
			break
		}
	}
	w.Write(shown.end())
	if failed {
		return
	}
	if id == "" {
		err = errors.New("the engine has not said which image it has built: it has no name, and docker image prune removes it")
	} else {
		err = g.keepOrDelete(r.Context(), id, tags, before)
	}
	if err != nil {
		json.NewEncoder(w).Encode(map[string]any{"errorDetail": map[string]string{"message": "leakscan: " + err.Error()}, "error": "leakscan: " + err.Error()})
		return
	}
	for _, t := range tags {
		json.NewEncoder(w).Encode(map[string]string{"stream": "Successfully tagged " + t + "\n"})
	}
}
