package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

var secretInMemory = testimage.GitLabToken(1071)

const (
	maxMemory = 256 << 20
	layerSize = 720 << 20 // three of them are over 2 GB

	manySecrets   = 120_000   // more than a report lists
	listedSecrets = 100_000   // as it is
	maxManyMemory = 700 << 20 // 450 MiB was measured, for 400,000 as well
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

// TestManyFindings scans more secrets than a report lists: what is listed is, the
// rest is told as a gap, and memory is bounded.
func TestManyFindings(t *testing.T) {
	if testing.Short() {
		t.Skip("it finds 120,000 secrets, twice")
	}
	file := filepath.Join(t.TempDir(), "rootfs.tar")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(out)
	for i := range uint64(manySecrets) {
		body := "token: " + testimage.GitHubToken(i) + "\n"
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("srv/app/module-%d/config.yaml", i), Mode: 0o644, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, body)
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"jsonl", "json"} {
		res := run{}.leakscan(t, "-o", format, file)
		t.Logf("%s: %d bytes in %v, at most %d MiB of memory", format, len(res.stdout), res.wall, res.maxRSS>>20)
		if res.code != 3 {
			t.Errorf("%s: exit code %d", format, res.code)
		}
		if res.maxRSS > maxManyMemory {
			t.Errorf("%s: %d MiB of memory, more than %d", format, res.maxRSS>>20, maxManyMemory>>20)
		}
		if format == "jsonl" {
			matches, findings := bytes.Count(res.stdout, []byte("\n{\"type\":\"match\"")), bytes.Count(res.stdout, []byte("\n{\"type\":\"finding\""))
			if matches != listedSecrets || findings != listedSecrets || !bytes.Contains(res.stdout, []byte("more than 100000 secrets in it")) {
				t.Errorf("%d matches, %d findings; it ends with %.600s", matches, findings, res.stdout[max(0, len(res.stdout)-600):])
			}
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
