package gate

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestUserKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	key, err := UserKey(dir)
	if err != nil || len(key) != 32 || bytes.Equal(key, make([]byte, 32)) {
		t.Fatalf("%d bytes, %v", len(key), err)
	}
	info, err := os.Stat(filepath.Join(dir, "key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}
	again, err := UserKey(dir)
	if err != nil || !bytes.Equal(key, again) {
		t.Errorf("another one the second time: %v", err)
	}
	other, err := UserKey(t.TempDir())
	if err != nil || bytes.Equal(key, other) {
		t.Errorf("the same in another directory: %v", err)
	}
}

func TestUserKeyAtOnce(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "new")
		keys := make([][]byte, 8)
		var wg sync.WaitGroup
		for i := range keys {
			wg.Go(func() {
				var err error
				if keys[i], err = UserKey(dir); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, k := range keys {
			if !bytes.Equal(k, keys[0]) || len(k) != 32 {
				t.Fatal("two have different keys")
			}
		}
		if files, _ := os.ReadDir(dir); len(files) != 1 {
			t.Errorf("left behind: %v", files)
		}
	}
}

func TestUserKeyBad(t *testing.T) {
	for _, size := range []int{0, 31, 33} {
		dir := t.TempDir()
		name := filepath.Join(dir, "key")
		if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := UserKey(dir); err == nil || key != nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := UserKey(filepath.Join(file, "dir")); err == nil {
		t.Error("a directory in a file")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "key"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := UserKey(dir); err == nil {
		t.Error("a directory for a key")
	}
}
