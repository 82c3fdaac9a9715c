//go:build linux

package detect

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// corpus is the files of one kind.
type corpusFile struct {
	name string
	data []byte
}

func loadTar(tb testing.TB, name string) (fs []corpusFile, total int64) {
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	tr := tar.NewReader(f)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return fs, total
		}
		if err != nil {
			tb.Fatal(err)
		}
		d, _ := io.ReadAll(tr)
		fs = append(fs, corpusFile{h.Name, d})
		total += int64(len(d))
	}
}

// threadTime is the CPU time of this thread, which neighbours on the machine
// change less than the clock on the wall.
func threadTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(1, &u) // RUSAGE_THREAD
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkRatio(b *testing.B) {
	dir := os.Getenv("LEAKSCAN_BENCH")
	names, _ := filepath.Glob(filepath.Join(dir, "*.tar"))
	s := newScanner(b, Options{})
	for _, name := range names {
		b.Run(strings.TrimSuffix(filepath.Base(name), ".tar"), func(b *testing.B) {
			fs, total := loadTar(b, name)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			scan, hash := time.Duration(1<<62), time.Duration(1<<62)
			n := 0
			for b.Loop() {
				t := threadTime()
				for _, f := range fs {
					sha256.Sum256(f.data)
				}
				hash = min(hash, threadTime()-t)
				n = 0
				t = threadTime()
				for _, f := range fs {
					for range s.Scan(f.name, bytes.NewReader(f.data)) {
						n++
					}
				}
				scan = min(scan, threadTime()-t)
			}
			b.SetBytes(total)
			b.ReportMetric(float64(total)/1e6/scan.Seconds(), "cpuMB/s")
			b.ReportMetric(float64(total)/1e6/hash.Seconds(), "sha256MB/s")
			b.ReportMetric(hash.Seconds()/scan.Seconds(), "ratio")
			b.ReportMetric(float64(n), "matches")
		})
	}
}
