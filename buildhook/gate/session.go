package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	gofs "io/fs"
	"maps"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/grpchijack"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// scanSession is the gate's own session with BuildKit: over it the step gets
// the leakscan binary, so that no image is needed. It is opened by the first
// build, and kept for the others.
type scanSession struct {
	g *Gate

	mu    sync.Mutex
	s     *session.Session
	ended chan struct{}
}

func newScanSession(g *Gate) *scanSession { return &scanSession{g: g} }

// localName is what the step's binary is called in the session.
const localName = "leakscan-scanner"

// binary is a state with the binary in it.
func (s *scanSession) binary(ctx context.Context) (llb.State, error) {
	p, err := s.g.program()
	if err != nil {
		return llb.State{}, err
	}
	id, err := s.open(ctx, p)
	if err != nil {
		return llb.State{}, err
	}
	// By itself it would be asked for file by file, for each build.
	local := llb.Local(localName, llb.SessionID(id), llb.SharedKeyHint(localName+"-"+p.digest), llb.WithCustomName("[leakscan] load the scanner"))
	return llb.Scratch().File(llb.Copy(local, "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true}), llb.WithCustomName("[leakscan] install the scanner")), nil
}

// open gives the id of the running session.
func (s *scanSession) open(ctx context.Context, p *program) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s != nil {
		select {
		case <-s.ended: // BuildKit was restarted, for instance
			s.s = nil
		default:
			return s.s.ID(), nil
		}
	}
	sess, err := session.NewSession(context.WithoutCancel(ctx), "leakscan")
	if err != nil {
		return "", fmt.Errorf("opening a session: %w", err)
	}
	sess.Allow(filesync.NewFSSyncProvider(filesync.StaticDirSource{localName: tree(p.files)}))
	dial := grpchijack.Dialer(controlapi.NewControlClient(s.g.up))
	if e := s.g.o.Upstream.Engine; e != nil {
		dial = e.dialSession
	}
	// Whether it runs shows only when it ends.
	s.s, s.ended = sess, make(chan struct{})
	connected := make(chan error, 1)
	ended := s.ended
	go func() {
		defer close(ended)
		sess.Run(context.Background(), func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			c, err := dial(ctx, proto, meta)
			connected <- err
			return c, err
		})
	}()
	select {
	case err = <-connected:
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(30 * time.Second):
		err = errors.New("BuildKit does not answer")
	}
	if err != nil {
		sess.Close()
		s.s = nil
		return "", fmt.Errorf("opening a session: %w", err)
	}
	return sess.ID(), nil
}

func (s *scanSession) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s != nil {
		s.s.Close()
		s.s = nil
	}
}

// saltOf gives a key: the user's, or a new one.
func saltOf(key []byte) ([]byte, error) {
	switch len(key) {
	case 32:
		return key, nil
	case 0:
		key = make([]byte, 32)
		rand.Read(key)
		return key, nil
	}
	return nil, fmt.Errorf("the key of the gate has %d bytes and not 32", len(key))
}

// tree is a directory of a few files of this machine, all of them root's and
// executable: as fsutil walks one.
type tree map[string]string // name to file

func (t tree) Open(name string) (io.ReadCloser, error) {
	file, ok := t[strings.TrimPrefix(path.Clean("/"+name), "/")]
	if !ok {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	return os.Open(file)
}

func (t tree) Walk(ctx context.Context, _ string, fn gofs.WalkDirFunc) error {
	stats := map[string]*fstypes.Stat{}
	for name, file := range t {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		stats[name] = &fstypes.Stat{Path: name, Mode: 0o755, Size: info.Size(), ModTime: info.ModTime().UnixNano()}
		if dir := path.Dir(name); dir != "." {
			stats[dir] = &fstypes.Stat{Path: dir, Mode: uint32(gofs.ModeDir) | 0o755, ModTime: 1}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		if err := fn(name, &fsutil.DirEntryInfo{Stat: stats[name]}, nil); err != nil {
			return err
		}
	}
	return nil
}
