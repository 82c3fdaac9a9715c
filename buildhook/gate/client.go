package gate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/leakscan/leakscan/buildhook/known"
)

// A build client serves BuildKit: files of the context, secrets, credentials.
// The connection for that, its session, goes through the gate too, which so
// knows the secrets that a build is given, whatever the tool is that gives
// them. It asks for those that a cached step does not ask for.

const (
	sessionMethod = "/moby.buildkit.v1.Control/Session"
	sessionID     = "x-docker-expose-session-uuid"
)

// clientSession is the session of one build client.
type clientSession struct {
	conn *grpc.ClientConn // to the client
	done chan struct{}
	once sync.Once
}

func (c *clientSession) end() { c.once.Do(func() { close(c.done) }) }

// serveSession passes a session on, call by call, until one side ends it.
func (g *Gate) serveSession(ctx context.Context, id string, client, buildkit net.Conn) error {
	s := &clientSession{done: make(chan struct{})}
	conns := make(chan net.Conn, 1)
	conns <- &notifying{client, s.end}
	var err error
	s.conn, err = newClient("session", func(context.Context) (net.Conn, error) {
		select {
		case c := <-conns:
			return c, nil
		default:
			return nil, errors.New("the session has ended")
		}
	})
	if err != nil {
		return err
	}
	defer s.conn.Close()
	s.conn.Connect()
	server := newServer(func(_ any, down grpc.ServerStream) error { return g.sessionCall(s, down) })
	l := newConns()
	go server.Serve(l)
	defer server.Stop()
	defer l.Close()
	if id != "" {
		g.mu.Lock()
		g.sessions[id] = s
		g.mu.Unlock()
		defer func() {
			g.mu.Lock()
			delete(g.sessions, id)
			g.mu.Unlock()
		}()
	}
	l.add(&notifying{buildkit, s.end})
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	return nil
}

// sessionCall passes on a call of BuildKit's to the client.
func (g *Gate) sessionCall(s *clientSession, down grpc.ServerStream) error {
	method, ok := grpc.MethodFromServerStream(down)
	if !ok {
		return errors.New("a call without a name")
	}
	md, _ := metadata.FromIncomingContext(down.Context())
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(down.Context(), passedOn(md)))
	defer cancel()
	var change func([]byte) []byte
	switch method {
	case secrets.Secrets_GetSecret_FullMethodName:
		return g.secretCall(ctx, s, down)
	case auth.Auth_Credentials_FullMethodName:
		change = func(b []byte) []byte {
			var m auth.CredentialsResponse
			if b != nil && proto.Unmarshal(b, &m) == nil && m.Secret != "" {
				g.learn(known.Value{Name: "a password for a registry", Value: []byte(m.Secret)})
			}
			return b
		}
	case auth.Auth_FetchToken_FullMethodName:
		change = func(b []byte) []byte {
			var m auth.FetchTokenResponse
			if b != nil && proto.Unmarshal(b, &m) == nil && m.Token != "" {
				g.learn(known.Value{Name: "a token for a registry", Value: []byte(m.Token)})
			}
			return b
		}
	}
	return forward(ctx, cancel, s.conn, down, method, change)
}

// secretCall passes on the call for a secret, and notes its value.
func (g *Gate) secretCall(ctx context.Context, s *clientSession, down grpc.ServerStream) error {
	var in message
	if err := down.RecvMsg(&in); err != nil {
		return err
	}
	question := in.take()
	var out message
	if err := s.conn.Invoke(ctx, secrets.Secrets_GetSecret_FullMethodName, messageOf(question), &out, grpc.ForceCodecV2(rawCodec{})); err != nil {
		return err
	}
	answer := out.take()
	var q secrets.GetSecretRequest
	var a secrets.GetSecretResponse
	if proto.Unmarshal(question, &q) == nil && proto.Unmarshal(answer, &a) == nil && len(a.Data) > 0 {
		g.learn(known.Value{Name: fmt.Sprintf("the secret %q", q.ID), Value: a.Data})
	}
	return down.SendMsg(messageOf(answer))
}

// learnSecrets asks the client for the secrets that the steps of a build use.
func (g *Gate) learnSecrets(ctx context.Context, b *build, gr *graph) {
	g.mu.Lock()
	s := g.sessions[b.req.GetSession()]
	g.mu.Unlock()
	if s == nil {
		return // a client that gives none
	}
	for _, id := range gr.secretIDs() {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		in, err := proto.Marshal(&secrets.GetSecretRequest{ID: id})
		if err == nil {
			var out message
			var m secrets.GetSecretResponse
			if err = s.conn.Invoke(ctx, secrets.Secrets_GetSecret_FullMethodName, messageOf(in), &out, grpc.ForceCodecV2(rawCodec{})); err == nil && proto.Unmarshal(out.take(), &m) == nil && len(m.Data) > 0 {
				g.learn(known.Value{Name: fmt.Sprintf("the secret %q", id), Value: m.Data})
			}
		}
		cancel() // one that isn't there is an optional one, or the build has failed
	}
}

// secretIDs lists the secrets that the steps are given, in the order of the
// definitions.
func (g *graph) secretIDs() (ids []string) {
	seen := map[string]bool{}
	add := func(id string) {
		if id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, dg := range g.order {
		if o, ok := g.ops[dg].Op.(*pb.Op_Exec); ok {
			for _, m := range o.Exec.Mounts {
				add(m.GetSecretOpt().GetID())
			}
			for _, e := range o.Exec.Secretenv {
				add(e.GetID())
			}
		}
	}
	return ids
}

// controlSession is the session of a client that speaks gRPC: the bytes of
// another connection, in messages.
func (g *Gate) controlSession(ctx context.Context, down grpc.ServerStream, md metadata.MD) error {
	// The stream ends with its context: CloseSend may not be called beside a
	// SendMsg, and that may wait for a BuildKit that reads no more.
	ctx, end := context.WithCancel(ctx)
	defer end()
	up, err := g.up.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, sessionMethod, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		return err
	}
	var id string
	if ids := md.Get(sessionID); len(ids) == 1 {
		id = ids[0]
	}
	return g.serveSession(ctx, id, &streamConn{stream: down}, &streamConn{stream: up, close: func() error { end(); return nil }})
}

// streamConn is a stream of BytesMessages as a connection. A build context
// passes through it: the bytes are copied once each way.
type streamConn struct {
	stream interface {
		SendMsg(any) error
		RecvMsg(any) error
	}
	close func() error
	data  mem.BufferSlice // of the last message
	rest  *mem.Reader     // what is to be read of it; nil: nothing
	upgraded
}

// bytesTag is the tag of BytesMessage's only field: number 1, length-delimited.
const bytesTag = 1<<3 | 2

func (c *streamConn) Read(p []byte) (int, error) {
	for c.rest == nil || c.rest.Remaining() == 0 {
		if c.rest != nil {
			c.rest.Close()
			c.data.Free()
			c.rest, c.data = nil, nil
		}
		var m message
		if err := c.stream.RecvMsg(&m); err != nil {
			return 0, io.EOF
		}
		c.data, c.rest = m.data, m.data.Reader()
		if c.rest.Remaining() == 0 {
			continue // an empty message
		}
		tag, err := c.rest.ReadByte()
		if err != nil || tag != bytesTag {
			return 0, errors.New("a message of the session is none")
		}
		n, err := binary.ReadUvarint(c.rest)
		if err != nil || n != uint64(c.rest.Remaining()) {
			return 0, errors.New("a message of the session has another length")
		}
	}
	return c.rest.Read(p)
}

func (c *streamConn) Write(p []byte) (int, error) {
	const most = 1 << 20 // a message has a bound
	pool := mem.DefaultBufferPool()
	for sent := 0; sent < len(p); {
		part := p[sent:min(len(p), sent+most)]
		buf := pool.Get(1 + binary.MaxVarintLen64 + len(part))
		(*buf)[0] = bytesTag
		n := 1 + binary.PutUvarint((*buf)[1:], uint64(len(part)))
		n += copy((*buf)[n:], part)
		*buf = (*buf)[:n]
		if err := c.stream.SendMsg(&message{mem.BufferSlice{mem.NewBuffer(buf, pool)}}); err != nil {
			return sent, err
		}
		sent += len(part)
	}
	return len(p), nil
}

func (c *streamConn) Close() error {
	if c.close != nil {
		return c.close()
	}
	return nil
}

// notifying is a connection that says when it has ended.
type notifying struct {
	net.Conn
	end func()
}

func (n *notifying) Read(p []byte) (int, error) {
	k, err := n.Conn.Read(p)
	if err != nil {
		n.end()
	}
	return k, err
}

func (n *notifying) Close() error {
	n.end()
	return n.Conn.Close()
}

// engineSession is the session of a client of Docker's API.
func (g *Gate) engineSession(w http.ResponseWriter, r *http.Request) {
	e := g.o.Upstream.Engine
	meta := map[string][]string{}
	for k, v := range r.Header {
		if strings.HasPrefix(k, "X-Docker-") {
			meta[k] = v
		}
	}
	up, err := e.upgrade(r.Context(), r.URL.Path, r.Header.Get("Upgrade"), meta)
	if err != nil {
		refuseHTTP(w, http.StatusBadGateway, err.Error())
		return
	}
	defer up.Close()
	down, err := hijack(w, r.Header.Get("Upgrade"))
	if err != nil {
		refuseHTTP(w, http.StatusInternalServerError, err.Error())
		return
	}
	defer down.Close()
	g.serveSession(context.Background(), r.Header.Get(sessionID), down, up)
}

// hijack answers a request for an upgrade, and takes its connection.
func hijack(w http.ResponseWriter, proto string) (net.Conn, error) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return nil, errors.New("the connection can't be taken over")
	}
	c, rw, err := h.Hijack()
	if err != nil {
		return nil, err
	}
	io.WriteString(rw, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: "+proto+"\r\n\r\n")
	if err := rw.Flush(); err != nil {
		c.Close()
		return nil, err
	}
	return &buffered{Conn: c, r: rw.Reader}, nil
}
