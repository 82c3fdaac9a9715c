package detect

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// maxTreeFile is the size of files that are left out: gitleaks takes seconds a
// megabyte.
const maxTreeFile = 300 << 10

// TestTree has both scanners look at files as they are: Go's own sources.
func TestTree(t *testing.T) {
	if testing.Short() {
		t.Skip("gitleaks is slow")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no go command: ", err)
	}
	sameInTree(t, filepath.Join(strings.TrimSpace(string(root)), "src"), 4<<20)
}

// TestTrees is TestTree for the directories that LEAKSCAN_TREES names. It takes
// minutes.
func TestTrees(t *testing.T) {
	trees := os.Getenv("LEAKSCAN_TREES")
	if trees == "" {
		t.Skip("LEAKSCAN_TREES names no directories")
	}
	for _, root := range filepath.SplitList(trees) {
		t.Run(filepath.Base(root), func(t *testing.T) { sameInTree(t, root, 10<<20) })
	}
}

// sameInTree compares what is found in so many bytes of the files of a tree, in
// an order of chance that is always the same.
func sameInTree(t *testing.T, root string, size int64) {
	var names []string
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })

	gl := oracle(t)
	whole := newScanner(t, Options{MaxDecode: -1})
	cut := newScanner(t, Options{MaxDecode: -1, limits: cutting(300)})
	whole.prepared.Do(whole.prepare)
	files, cuts, findings, bytesRead := 0, 0, 0, int64(0)
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || info.Size() > maxTreeFile || bytesRead+info.Size() > size {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// gitleaks leaves out some files by their names, whatever its rules
		// are. These endings are of interest to rules.
		path := "app/file.txt"
		if ext := filepath.Ext(name); slices.Contains([]string{".tf", ".hcl", ".yaml", ".yml", ".php"}, ext) {
			path = "app/file" + ext
		}
		bytesRead += int64(len(text))
		files++
		want := gl(path, text)
		findings += len(want)
		compare(t, name, want, ours(t, whole, path, text, bytes.NewReader(text)))
		late := false
		for _, r := range whole.rules {
			late = late || r.plan.gated && keywordIsLate(r, text)
		}
		if !late && short(text, want, cut.limits) {
			cuts++
			compare(t, name+", cut", want, ours(t, cut, path, text, iotest.HalfReader(bytes.NewReader(text))))
		}
	}
	t.Logf("%d files, %d of them cut, %d KB: %d findings", files, cuts, bytesRead>>10, findings)
	if files == 0 {
		t.Error("no files")
	}
}
