package gate

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/report"
)

var zeroTime time.Time

// nowhere is a BuildKit that can't be reached.
var nowhere = Upstream{Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("there is no BuildKit") }}

// testGate is a gate in front of nothing, unless the options say otherwise.
func testGate(t testing.TB, change func(*Options)) *Gate {
	t.Helper()
	o := Options{Upstream: nowhere, Key: bytes.Repeat([]byte{7}, 32)}
	if change != nil {
		change(&o)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// knows gives a gate a secret.
func knows(values ...string) func(*Options) {
	return func(o *Options) {
		for _, v := range values {
			o.Known = append(o.Known, known.Value{Name: "a known one", Value: []byte(v)})
		}
	}
}

func buildOf(attrs map[string]string) *build {
	return &build{ref: "b", req: &controlapi.SolveRequest{Ref: "b", FrontendAttrs: attrs}}
}

// reportText is a report as people see it.
func reportText(t testing.TB, rep *report.Check) string {
	t.Helper()
	var b strings.Builder
	if err := report.WriteCheckText(&b, rep, report.TextOptions{Width: 100}); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteCheckJSON(&b, rep); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestNew(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a gate without a BuildKit")
	}
	if _, err := New(Options{Upstream: nowhere, Key: []byte("short")}); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a short key: %v", err)
	}
	a, b := testGate(t, func(o *Options) { o.Key = nil }), testGate(t, func(o *Options) { o.Key = nil })
	if a.cacheName() == b.cacheName() {
		t.Error("without a key, a cache has an answer for somebody else")
	}
	c, d := testGate(t, nil), testGate(t, nil)
	if c.cacheName() != d.cacheName() || len(c.cacheName()) != 32 {
		t.Errorf("with one key: %s and %s", c.cacheName(), d.cacheName())
	}
	if c.o.FailOn != report.SeverityMedium || c.o.FailOnBase != "never" {
		t.Errorf("the zero values are %s and %s", c.o.FailOn, c.o.FailOnBase)
	}
	if b, err := c.prints(); b != nil || err != nil {
		t.Errorf("fingerprints of nothing: %d bytes, %v", len(b), err)
	}
	if b, err := testGate(t, knows(secretA)).prints(); b == nil || err != nil {
		t.Errorf("no fingerprints: %v", err)
	}
}

func TestBuildKitAddress(t *testing.T) {
	for addr, ok := range map[string]bool{"unix:///run/x.sock": true, "tcp://127.0.0.1:1": true, "docker-container://x": true, "": false, "/run/x.sock": false, "http://x": false, "ssh://x": false} {
		up, err := BuildKit(addr)
		if (err == nil) != ok || ok && up.Dial == nil {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

// TestCommand: a BuildKit that is behind a command's input and output.
func TestCommand(t *testing.T) {
	c, err := Command(nil, "cat").Dial(t.Context())
	if err != nil {
		t.Skip(err)
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := c.Read(b); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v", b, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Command(nil, "/nothing/here").Dial(t.Context()); err == nil {
		t.Error("a command that isn't there was run")
	}
}
