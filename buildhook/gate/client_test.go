package gate

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/iotest"

	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

// pipeStream is one direction of a stream of messages, in memory.
type pipeStream struct {
	ch  chan []byte
	err error // of SendMsg
}

func (p *pipeStream) SendMsg(v any) error {
	if p.err != nil {
		return p.err
	}
	p.ch <- v.(*message).take()
	return nil
}

func (p *pipeStream) RecvMsg(v any) error {
	b, ok := <-p.ch
	if !ok {
		return io.EOF
	}
	v.(*message).data = mem.BufferSlice{mem.SliceBuffer(b)}
	return nil
}

func TestStreamConn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sent := make([]byte, 3<<20+17)
	for i := range sent {
		sent[i] = byte(r.Uint32())
	}
	for _, c := range []struct {
		name  string
		write func() int // bytes at a time
		read  func(io.Reader) io.Reader
	}{
		{"at once", func() int { return len(sent) }, func(r io.Reader) io.Reader { return r }},
		{"in odd sizes", func() int { return r.IntN(70_000) }, func(r io.Reader) io.Reader { return r }},
		{"read by halves", func() int { return 99_999 }, iotest.HalfReader},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &pipeStream{ch: make(chan []byte, 4)}
			go func() {
				defer close(s.ch)
				w := &streamConn{stream: s}
				for left := sent; len(left) > 0; {
					n := min(c.write(), len(left))
					if k, err := w.Write(left[:n]); err != nil || k != n {
						t.Errorf("%d of %d bytes written: %v", k, n, err)
						return
					}
					left = left[n:]
				}
			}()
			got, err := io.ReadAll(c.read(&streamConn{stream: s}))
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes have come, of %d: %v", len(got), len(sent), err)
			}
		})
	}
}

func TestStreamConnSmallReads(t *testing.T) {
	s := &pipeStream{ch: make(chan []byte, 9)}
	w, r := &streamConn{stream: s}, &streamConn{stream: s}
	for _, part := range []string{"one", "", "two three"} {
		b, err := (&controlapi.BytesMessage{Data: []byte(part)}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		s.ch <- b
	}
	if n, err := w.Write(nil); n != 0 || err != nil {
		t.Errorf("writing nothing: %d, %v", n, err)
	}
	close(s.ch)
	if err := iotest.TestReader(r, []byte("onetwo three")); err != nil {
		t.Error(err)
	}
}

func TestStreamConnMessages(t *testing.T) {
	s := &pipeStream{ch: make(chan []byte, 9)}
	if n, err := (&streamConn{stream: s}).Write(make([]byte, 5<<19)); n != 5<<19 || err != nil {
		t.Fatal(n, err)
	}
	for _, want := range []int{1 << 20, 1 << 20, 1 << 19} {
		var m controlapi.BytesMessage
		if err := m.UnmarshalVT(<-s.ch); err != nil || len(m.Data) != want {
			t.Errorf("a message of %d bytes and not %d: %v", len(m.Data), want, err)
		}
	}

	for _, noise := range []string{"\xff", "\x0a", "\x0a\x05ab", "\x0a\x01ab", "\x12\x01a", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		s.ch <- []byte(noise)
		if _, err := (&streamConn{stream: s}).Read(make([]byte, 9)); err == nil || errors.Is(err, io.EOF) && noise != "\x0a" {
			t.Errorf("%q: %v", noise, err)
		}
	}
	s.err = errors.New("gone")
	if n, err := (&streamConn{stream: s}).Write([]byte("x")); n != 0 || err != s.err {
		t.Errorf("%d, %v", n, err)
	}
	closed := 0
	c := &streamConn{stream: s, close: func() error { closed++; return nil }}
	if c.Close() != nil || closed != 1 || (&streamConn{stream: s}).Close() != nil {
		t.Error("it does not close")
	}
	if c.LocalAddr() == nil || c.RemoteAddr() == nil || c.SetDeadline(zeroTime) != nil || c.SetReadDeadline(zeroTime) != nil || c.SetWriteDeadline(zeroTime) != nil {
		t.Error("it is no connection")
	}
}

func TestPassedOn(t *testing.T) {
	in := metadata.Pairs("content-type", "application/grpc", "user-agent", "x", ":authority", "a", "grpc-timeout", "1S", "grpc-accept-encoding", "gzip",
		"traceparent", "00-1", buildIDKey, "b", sessionID, "s", "many", "1", "many", "2", "data-bin", "\x00\xff")
	want := metadata.Pairs("traceparent", "00-1", buildIDKey, "b", sessionID, "s", "many", "1", "many", "2", "data-bin", "\x00\xff")
	if got := passedOn(in); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := passedOn(nil); got == nil || len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestRawCodec(t *testing.T) {
	var c rawCodec
	if c.Name() != "proto" {
		t.Error("another name would be another content type")
	}
	for _, parts := range [][]string{nil, {""}, {"a"}, {"ab", "", "cde"}} {
		var in mem.BufferSlice
		want := ""
		for _, p := range parts {
			in = append(in, mem.SliceBuffer(p))
			want += p
		}
		var m message
		if err := c.Unmarshal(in, &m); err != nil {
			t.Fatal(err)
		}
		out, err := c.Marshal(&m)
		if err != nil || string(out.Materialize()) != want {
			t.Errorf("%q is %q: %v", want, out.Materialize(), err)
		}
		if got := m.take(); string(got) != want || m.data != nil {
			t.Errorf("%q is %q", want, got)
		}
	}
	if got := messageOf([]byte("x")).take(); string(got) != "x" {
		t.Errorf("got %q", got)
	}
	if _, err := c.Marshal("x"); err == nil {
		t.Error("a string was sent")
	}
	if err := c.Unmarshal(nil, new(string)); err == nil {
		t.Error("a string was received")
	}
}

// TestNotifying: whichever end goes first, the session is told once.
func TestNotifying(t *testing.T) {
	ended := 0
	c := &notifying{Conn: &streamConn{stream: &pipeStream{ch: make(chan []byte, 1)}}, end: func() { ended++ }}
	if c.Close() != nil || ended != 1 {
		t.Errorf("ended %d times", ended)
	}
	s := &pipeStream{ch: make(chan []byte)}
	close(s.ch)
	c = &notifying{Conn: &streamConn{stream: s}, end: func() { ended++ }}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF || ended != 2 {
		t.Errorf("%v, ended %d times", err, ended)
	}
	cs := &clientSession{done: make(chan struct{})}
	cs.end()
	cs.end()
	<-cs.done
}
