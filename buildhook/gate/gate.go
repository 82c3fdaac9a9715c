// Package gate stands between a build tool and BuildKit, and keeps a result
// with secrets in it from being exported.
//
// It is a proxy (proxy.go) for BuildKit's gRPC API, and for the Docker API that
// carries it (engine.go). All passes through untouched but for the one call
// with which a client gives its result to be exported, LLBBridge/Return: before
// it is passed on, the result is scanned inside the same build (scan.go,
// package step), and with a leak in it an error is passed on in its place.
// Whatever can't be looked at is not let through.
package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// Options of a gate. Upstream is needed; all else has a useful zero value.
type Options struct {
	Upstream Upstream
	Rules    *rules.Set // nil: rules.Default
	RuleFile []byte     // the text that Rules was read from, for the scan in the build; nil: the default ones
	Version  string     // of leakscan

	// Known are the secrets of the invocation, with their values.
	Known []known.Value
	// Hidden are secrets that were found before the build, in its Dockerfile or
	// context: they are taken out of what the build shows, and not looked for.
	Hidden []detect.Secret
	// Key is the user's own, of 32 bytes: what the scanner has found is kept in
	// BuildKit's cache under a name that nobody without it can make up. nil: a
	// random one, and nothing is cached.
	Key []byte

	// State is a directory of the user's in which fingerprints of the secrets of
	// earlier builds are kept, with Key; "": they are not.
	State string

	// Scanner is the file of the leakscan binary for Linux that runs in the
	// build; "": this program's.
	Scanner string

	// FailOn is the severity from which on a leak stops a build; "": medium.
	FailOn report.Severity
	// MinConfidence is how sure a finding must be to stop a build; "": medium.
	MinConfidence report.Confidence
	// FailOnBase is the same for what the rules find in what is others' work:
	// base images, and the trees of package managers; "" and "never": it is told,
	// and stops nothing. A secret of the build's own stops it anywhere.
	FailOnBase report.Severity
	// Attest attaches an attestation to clean images, by which their digest is
	// another one.
	Attest bool
	// LetThrough lets a build through that could not be scanned. It is told.
	LetThrough bool
	// NoUnpack leaves archives as they are: see leakscan.Options.
	NoUnpack bool

	// Told is called with the result of every scan, from several goroutines;
	// nil: nobody.
	Told func(*report.Check)
}

// Upstream is how BuildKit is reached.
type Upstream struct {
	// Dial opens a connection for gRPC.
	Dial func(ctx context.Context) (net.Conn, error)
	// Engine is set if BuildKit is part of an engine with Docker's API.
	Engine *Engine
}

// Gate is a gate in front of one BuildKit.
type Gate struct {
	o       Options
	up      *grpc.ClientConn
	scanner *detect.Scanner
	server  *grpc.Server

	mu       sync.Mutex
	builds   map[string]*build         // by the ref of Control/Solve
	sessions map[string]*clientSession // of clients, by their ids
	given    []known.Value             // Options.Known, and what the builds were given
	known    *known.Set                // of these
	masks    *known.Set                // of these and of Options.Hidden; for what is shown
	words    [][]byte                  // of Options.Hidden

	session *scanSession

	seenMu sync.Mutex // around the file of earlier values

	programOnce sync.Once
	prog        *program
	programErr  error
}

// New makes a gate. It talks to nobody yet.
func New(o Options) (*Gate, error) {
	if o.Upstream.Dial == nil {
		return nil, errors.New("the gate has no BuildKit behind it")
	}
	g, err := scanning(o)
	if err != nil {
		return nil, err
	}
	g.up, err = newClient("buildkit", o.Upstream.Dial)
	if err != nil {
		return nil, fmt.Errorf("connecting to BuildKit: %w", err)
	}
	g.session = newScanSession(g)
	g.server = newServer(g.handle)
	return g, nil
}

// scanning makes what a gate scans with, and connects it to nothing.
func scanning(o Options) (*Gate, error) {
	if o.Rules == nil {
		set, err := rules.Default()
		if err != nil {
			return nil, err
		}
		o.Rules = set
	}
	o.FailOn = cmp.Or(o.FailOn, report.SeverityMedium)
	o.MinConfidence = cmp.Or(o.MinConfidence, report.ConfidenceMedium)
	o.FailOnBase = cmp.Or(o.FailOnBase, "never")
	o.Version = cmp.Or(o.Version, "dev")
	if o.Key == nil {
		o.State = "" // fingerprints of another key are of no use
	}
	key, err := saltOf(o.Key)
	if err != nil {
		return nil, err
	}
	o.Key = key
	scanner, err := detect.For(o.Rules)
	if err != nil {
		return nil, err
	}
	g := &Gate{o: o, scanner: scanner, given: o.Known, words: wordsOf(o.Hidden), builds: map[string]*build{}, sessions: map[string]*clientSession{}}
	g.settle()
	return g, nil
}

// Serve takes the connections of build clients that speak gRPC, until the
// listener is closed.
func (g *Gate) Serve(l net.Listener) error {
	if err := g.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// values are the secrets that are known by now.
func (g *Gate) values() *known.Set {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known
}

// learn adds secrets that a build is given.
func (g *Gate) learn(values ...known.Value) {
	g.mu.Lock()
	defer g.mu.Unlock()
	changed := false
	for _, v := range values {
		i := slices.IndexFunc(g.given, func(o known.Value) bool { return bytes.Equal(o.Value, v.Value) })
		switch {
		case i < 0:
			g.given, changed = append(slices.Clip(g.given), v), true
		case !strings.HasPrefix(g.given[i].Name, "the ") && strings.HasPrefix(v.Name, "the "):
			g.given = slices.Clone(g.given)
			g.given[i].Name, changed = v.Name, true // a better name
		}
	}
	if changed {
		g.settle()
	}
}

// settle makes the sets of what is known. The lock is held.
func (g *Gate) settle() {
	g.known = known.New(g.o.Key, g.given)
	g.masks = g.known
	if len(g.o.Hidden) > 0 {
		all := slices.Clone(g.given)
		for _, s := range g.o.Hidden {
			all = append(all, known.Value{Name: "what the check has found", Value: s.Reveal()})
		}
		g.masks = known.New(g.o.Key, all)
	}
}

// shown is what must not be shown, as far as it is known by now.
func (g *Gate) shown() *known.Set {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.masks
}

// Close ends all that goes through the gate. Builds that are not done fail.
func (g *Gate) Close() error {
	g.server.Stop()
	g.session.close()
	if e := g.o.Upstream.Engine; e != nil {
		e.removeScanner()
	}
	err := g.up.Close()
	g.values().Wipe()
	g.shown().Wipe()
	return err
}

// threshold is what stops a build.
func (g *Gate) threshold() report.Threshold {
	return report.Threshold{Severity: g.o.FailOn, Confidence: g.o.MinConfidence}
}
