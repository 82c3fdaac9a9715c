package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
)

// TestDeterminism wants the same bytes of every run, however many workers.
func TestDeterminism(t *testing.T) {
	img := needImage(t, "buildkit")
	dir := filepath.Join(t.TempDir(), "oci")
	layoutOf(t, img.saved, "", "zstd", dir)
	for _, ref := range []string{img.saved, dir} {
		var first []byte
		for i := range 20 {
			res := run{}.leakscan(t, "-o", "json", "--workers", fmt.Sprint(i%8+1), ref)
			if first == nil {
				first = res.stdout
				check(t, res.report(t), img.want)
			}
			if res.code != 1 || !bytes.Equal(res.stdout, first) {
				t.Fatalf("run %d of %s: exit code %d, and another report:\n%s", i+1, ref, res.code, firstDifference(string(res.stdout), string(first)))
			}
		}
	}
}
