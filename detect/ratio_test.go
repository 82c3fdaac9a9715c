//go:build linux

package detect

import (
	"bytes"
	"crypto/sha256"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	gitleaks "github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"

	"github.com/leakscan/leakscan/rules"
)

const (
	corpusSize = 150 << 20 // at most, of each kind
	batchSize  = 4 << 20   // hashed, then scanned
	sampleSize = 4 << 20   // of each corpus, for gitleaks: it does some MB in ten seconds
	pieceSize  = 512 << 10 // of one file in the sample, so that it is not a single binary
)

// corpusFile is a file of a corpus, not read yet if data is nil.
type corpusFile struct {
	path string
	name string // in an image
	size int64
	data []byte
}

// BenchmarkRatio measures one thread on real files of three kinds, with
// gitleaks' rules and decoding. It prints
//
//   - MB/cpu-s: MB a second of that thread's CPU time;
//   - of-sha256: that as a share of what SHA-256 of the same bytes reaches, in
//     turn with it. Wanted: binaries 0.7, javascript 0.35, source 0.45;
//   - x-gitleaks: how many times gitleaks' CPU time is ours, both on a sample
//     of the corpus: 4 MiB in files picked at random, of each at most the first
//     512 KiB. Wanted: binaries 20, javascript and source 100;
//   - all-rules-x: how many times that time it takes with all of leakscan's
//     rules, formats included, on the same bytes, in turn. Wanted: 1.1;
//   - gitleaks-skips-%: what of the sample gitleaks would not have looked at,
//     see gitleaksTime.
//
// Of these the ratios are what another machine, or this one when it is busy,
// can be held to.
//
// LEAKSCAN_BENCH is the absolute path of a directory with files like those of
// images: bench/image.sh leaves one in WORKDIR/trees. Without it the files are
// those of Go itself, among which there is no JavaScript to speak of.
func BenchmarkRatio(b *testing.B) {
	dir := os.Getenv("LEAKSCAN_BENCH")
	roots := []string{dir}
	if dir == "" {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			b.Fatal(err)
		}
		dir = strings.TrimSpace(string(out))
		roots = []string{filepath.Join(dir, "src"), filepath.Join(dir, "bin"), filepath.Join(dir, "pkg", "tool")}
	}
	files := corpora(b, roots)
	s := newScanner(b, Options{})
	compileAll(s) // start-up is BenchmarkNew's
	set, err := rules.Default()
	if err != nil {
		b.Fatal(err)
	}
	all, err := New(set, Options{})
	if err != nil {
		b.Fatal(err)
	}
	compileAll(all)
	for _, kind := range []string{"binaries", "javascript", "source"} {
		b.Run(kind, func(b *testing.B) {
			if kind == "javascript" && os.Getenv("LEAKSCAN_BENCH") == "" {
				skipLoudly(b, "set LEAKSCAN_BENCH to the trees that bench/image.sh makes (WORKDIR/trees)")
			}
			fs, total := load(b, files[kind])
			if total == 0 {
				skipLoudly(b, "no such files in "+dir)
			}
			benchmarkRatio(b, s, all, fs, total)
		})
	}
}

func benchmarkRatio(b *testing.B, s, all *Scanner, fs []corpusFile, total int64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	batches := batch(fs)
	var scanning, scanningAll, hashing time.Duration
	for b.Loop() {
		for _, fs := range batches {
			t := threadTime()
			for _, f := range fs {
				sha256.Sum256(f.data)
			}
			hashing += threadTime() - t
			scanning += scanTime(b, s, fs)
			scanningAll += scanTime(b, all, fs)
		}
	}

	// gitleaks comes once, whatever b.N is, and between two of ours.
	const passes = 5
	some, size := sample(fs)
	var ours time.Duration
	for range passes {
		ours += scanTime(b, s, some)
	}
	theirs, skipped := gitleaksTime(b, some)
	for range passes {
		ours += scanTime(b, s, some)
	}
	ours /= 2 * passes

	b.ReportMetric(0, "ns/op") // of everything above; means nothing
	b.ReportMetric(float64(total)/1e6*float64(b.N)/scanning.Seconds(), "MB/cpu-s")
	b.ReportMetric(hashing.Seconds()/scanning.Seconds(), "of-sha256")
	b.ReportMetric(scanningAll.Seconds()/scanning.Seconds(), "all-rules-x")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x-gitleaks")
	b.ReportMetric(100*float64(skipped)/float64(size), "gitleaks-skips-%")
	b.Logf("%.0f MB in %d files; gitleaks: %.1f MB in %d files, %.2f MB a second",
		float64(total)/1e6, len(fs), float64(size)/1e6, len(some), float64(size)/1e6/theirs.Seconds())
}

// threadTime is the CPU time of this thread, which neighbours on the machine
// change less than the clock on the wall. Garbage is collected by other
// threads, so that is in nobody's time; gitleaks makes more of it.
//
// getrusage's RUSAGE_THREAD has the same sum, but moves only with the kernel's
// ticks of up to 4 ms, which is longer than it takes to hash a batch.
func threadTime() time.Duration {
	const threadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID; package syscall has neither
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		panic(errno)
	}
	return time.Duration(ts.Nano())
}

func scanTime(b testing.TB, s *Scanner, fs []corpusFile) time.Duration {
	t := threadTime()
	for _, f := range fs {
		for _, err := range s.Scan(f.name, bytes.NewReader(f.data)) {
			if err != nil {
				b.Fatalf("%s: %v", f.path, err)
			}
		}
	}
	return threadTime() - t
}

// gitleaksTime is what gitleaks takes for fs with the settings that its command
// has by default: its own rules, five levels of decoding, pieces of 100 kB. No
// path is given, as DetectReader takes none, so its path allowlist, which has
// node_modules and the like, spares it nothing.
//
// It does not look into files that begin like a format of MIME type
// application/..., such as ELF. As the question is what looking costs, those
// get a newline in front; skipped is the number of their bytes.
func gitleaksTime(b *testing.B, fs []corpusFile) (took time.Duration, skipped int64) {
	logging.Logger = logging.Logger.Output(io.Discard)
	d, err := gitleaks.NewDetectorDefaultConfig()
	if err != nil {
		b.Fatal(err)
	}
	d.MaxDecodeDepth = 5 // the flag's default; the library's is 0
	// detect reports whether gitleaks has looked at the text.
	detect := func(text []byte) (time.Duration, bool) {
		before := d.TotalBytes.Load()
		t := threadTime()
		//lint:ignore SA1019 it is what programs that embed gitleaks call
		if _, err := d.DetectReader(bytes.NewReader(text), 100); err != nil {
			b.Fatal(err)
		}
		return threadTime() - t, d.TotalBytes.Load() > before
	}
	for _, f := range fs {
		t, looked := detect(f.data)
		if !looked {
			skipped += int64(len(f.data))
			if t, looked = detect(slices.Concat(newline, f.data)); !looked {
				b.Fatalf("gitleaks does not look at %s", f.path)
			}
		}
		took += t
	}
	return took, skipped
}

// corpora lists the files below roots by kind.
func corpora(b testing.TB, roots []string) map[string][]corpusFile {
	files := map[string][]corpusFile{}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			info, err := d.Info()
			if err != nil || info.Size() == 0 {
				return err
			}
			if kind := kindOf(path); kind != "" {
				files[kind] = append(files[kind], corpusFile{path: path, name: imagePath(path), size: info.Size()})
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return files
}

// imagePath is the path that a file has in an image: below trees/NAME, or as it
// is.
func imagePath(path string) string {
	if _, rest, ok := strings.Cut(path, "/trees/"); ok {
		_, path, _ = strings.Cut(rest, "/")
	}
	return strings.TrimPrefix(path, "/")
}

// kindOf returns the corpus that a file belongs to; "": none.
func kindOf(path string) string {
	switch filepath.Ext(path) {
	case ".js", ".mjs", ".cjs":
		return "javascript"
	case ".go", ".py", ".c", ".h":
		return "source"
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var head [4]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:]) != "\x7fELF" {
		return ""
	}
	return "binaries"
}

// load reads as many of the files as a corpus may have, in an order that is
// random but the same every time, so that the first of them stand for all.
func load(b testing.TB, files []corpusFile) (fs []corpusFile, total int64) {
	files = slices.Clone(files)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	for _, f := range files {
		if total+f.size > corpusSize {
			continue
		}
		data, err := os.ReadFile(f.path)
		if err != nil {
			b.Fatal(err)
		}
		f.data = data
		fs = append(fs, f)
		total += int64(len(data))
	}
	return fs, total
}

func batch(fs []corpusFile) (batches [][]corpusFile) {
	from, size := 0, 0
	for i, f := range fs {
		if size += len(f.data); size >= batchSize || i == len(fs)-1 {
			batches = append(batches, fs[from:i+1])
			from, size = i+1, 0
		}
	}
	return batches
}

func sample(fs []corpusFile) (some []corpusFile, size int64) {
	for _, f := range fs {
		if size >= sampleSize {
			break
		}
		f.data = f.data[:min(len(f.data), pieceSize)]
		some = append(some, f)
		size += int64(len(f.data))
	}
	return some, size
}

// skipLoudly is b.Skip, which without -v says nothing.
func skipLoudly(b *testing.B, why string) {
	os.Stderr.WriteString(b.Name() + " SKIPPED: " + why + "\n")
	b.SkipNow()
}
