package e2e

import (
	"archive/tar"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

var secretInMemory = testimage.GitLabToken(1071)

const (
	maxMemory = 256 << 20
	layerSize = 720 << 20 // three of them are over 2 GB
)

// TestMemory scans more than 2 GB, in one layer of each codec.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes and reads more than 2 GB")
	}
	dir := filepath.Join(t.TempDir(), "oci")
	w := newLayout(t, dir)
	var layers []testimage.Blob
	var diffIDs []string
	for i, codec := range []string{"gzip", "zstd", "none"} {
		b, diffID := w.layer(codec, func(out io.Writer) error { return largeLayer(out, i) })
		layers, diffIDs = append(layers, b), append(diffIDs, diffID)
	}
	config := w.bytes(ociConfig, testimage.JSON(map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}}))
	w.finish("", config, layers)
	for _, workers := range []string{"1", "8"} {
		res := run{}.leakscan(t, "-o", "json", "--workers", workers, dir)
		rep := res.report(t)
		t.Logf("%s workers: %d MB in %v, at most %d MiB of memory", workers, rep.Stats.Bytes/1e6, res.wall, res.maxRSS>>20)
		if res.code != 1 || !rep.Complete || len(rep.Findings) != 1 || len(rep.Findings[0].Locations) != 3 {
			t.Errorf("exit code %d, found %v, gaps:\n%s", res.code, rulesFound(rep), gaps(rep))
		}
		if rep.Stats.Bytes < 2e9 {
			t.Errorf("only %d bytes", rep.Stats.Bytes)
		}
		if res.maxRSS > maxMemory {
			t.Errorf("%d MiB of memory, more than %d", res.maxRSS>>20, maxMemory>>20)
		}
	}
}

// largeLayer writes a tar of a file of half the size and many small ones, the
// last with a secret. Half of each byte is noise.
func largeLayer(out io.Writer, seed int) error {
	w := tar.NewWriter(out)
	noise := rand.NewChaCha8([32]byte{byte(seed)})
	raw := make([]byte, 32<<10)
	text := make([]byte, 2*len(raw))
	add := func(name string, blocks int) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(blocks * len(text))}); err != nil {
			return err
		}
		for range blocks {
			noise.Read(raw)
			hex.Encode(text, raw)
			for i := 79; i < len(text); i += 80 {
				text[i] = '\n'
			}
			if _, err := w.Write(text); err != nil {
				return err
			}
		}
		return nil
	}
	half := layerSize / 2 / len(text)
	if err := add("large", half); err != nil {
		return err
	}
	for i := range half {
		if err := add(fmt.Sprintf("small/%d", i), 1); err != nil {
			return err
		}
	}
	secret := "GITLAB_TOKEN=" + secretInMemory + "\n"
	if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("env%d", seed), Mode: 0o644, Size: int64(len(secret))}); err != nil {
		return err
	}
	if _, err := io.WriteString(w, secret); err != nil {
		return err
	}
	return w.Close()
}
