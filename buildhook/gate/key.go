package gate

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// UserKey is the key of a user, for [Options.Key]: the file "key" in a
// directory, which is made with mode 0600 where there is none.
func UserKey(dir string) ([]byte, error) {
	name := filepath.Join(dir, "key")
	key, err := os.ReadFile(name)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%s has %d bytes and not 32: remove it, and a new one is made", name, len(key))
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key = make([]byte, 32)
	rand.Read(key)
	// Written whole under another name: two builds may begin at once.
	f, err := os.CreateTemp(dir, ".key-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(key); err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Link(f.Name(), name) // not over one that is there by now
	}
	if errors.Is(err, os.ErrExist) {
		return os.ReadFile(name)
	}
	return key, err
}
