package step

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
)

// states are a state of the files and the one that it was made from. A storage
// driver that copies all files for each layer, such as vfs, leaves nothing but
// their contents to compare; and with others a file is another one when its
// mode or its times have changed.
type states struct{ upper, lower *os.Root } // a link must not lead out of them

func openStates(upper, lower string) (*states, error) {
	u, err := os.OpenRoot(upper)
	if err != nil {
		return nil, err
	}
	l, err := os.OpenRoot(lower)
	if err != nil {
		u.Close()
		return nil, err
	}
	return &states{u, l}, nil
}

func (s *states) close() {
	s.upper.Close()
	s.lower.Close()
}

// both are what the two have of a path; ok is false if one has nothing.
func (s *states) both(path string) (upper, lower os.FileInfo, ok bool) {
	path = filepath.FromSlash(path)
	upper, err := s.upper.Lstat(path)
	if err != nil {
		return nil, nil, false
	}
	lower, err = s.lower.Lstat(path)
	return upper, lower, err == nil
}

// same says whether a file has the same bytes in both.
func (s *states) same(path string) bool {
	u, l, ok := s.both(path)
	if !ok || !u.Mode().IsRegular() || !l.Mode().IsRegular() || u.Size() != l.Size() {
		return false
	}
	a, err := s.upper.Open(filepath.FromSlash(path))
	if err != nil {
		return false
	}
	defer a.Close()
	b, err := s.lower.Open(filepath.FromSlash(path))
	if err != nil {
		return false
	}
	defer b.Close()
	return equalBytes(a, b)
}

func equalBytes(a, b io.Reader) bool {
	p, q := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(a, p)
		m, other := io.ReadFull(b, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return false
		}
		if err != nil || other != nil {
			return ended(err) && ended(other)
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// named says whether both have something of a name.
func (s *states) named(path string) bool {
	_, _, ok := s.both(path)
	return ok
}

// linked says whether a link leads to the same place in both.
func (s *states) linked(path string) bool {
	u, err := s.upper.Readlink(filepath.FromSlash(path))
	if err != nil {
		return false
	}
	l, err := s.lower.Readlink(filepath.FromSlash(path))
	return err == nil && u == l
}
