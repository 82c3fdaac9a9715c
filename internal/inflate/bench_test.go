//go:build unix

package inflate

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	kgzip "github.com/klauspost/compress/gzip"
)

// benchData is the gzip file that the environment names in
// LEAKSCAN_BENCH_GZ, or about 48 MiB of Go sources and the go command.
var benchData = sync.OnceValues(func() ([]byte, error) {
	if name := os.Getenv("LEAKSCAN_BENCH_GZ"); name != "" {
		return os.ReadFile(name)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	goroot := strings.TrimSpace(string(root))
	var raw bytes.Buffer
	filepath.WalkDir(filepath.Join(goroot, "src"), func(name string, e fs.DirEntry, err error) error {
		if err != nil || raw.Len() > 32<<20 {
			return fs.SkipAll
		}
		if strings.HasSuffix(name, ".go") {
			b, _ := os.ReadFile(name)
			raw.Write(b)
		}
		return nil
	})
	b, _ := os.ReadFile(filepath.Join(goroot, "bin", "go"))
	raw.Write(b[:min(len(b), 16<<20)])
	var z bytes.Buffer
	w, _ := stdgzip.NewWriterLevel(&z, 6)
	w.Write(raw.Bytes())
	err = w.Close()
	return z.Bytes(), err
})

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkGzip gives MB/s of output, also by CPU time: other processes
// disturb that less. To compare, run it several times in turns.
func BenchmarkGzip(b *testing.B) {
	data, err := benchData()
	if err != nil {
		b.Fatal(err)
	}
	src := bytes.NewReader(nil)
	br := bufio.NewReaderSize(src, 64<<10)
	buf := make([]byte, 256<<10)
	run := func(name string, open func() (io.Reader, error)) {
		b.Run(name, func(b *testing.B) {
			total := int64(0)
			start := cpuTime()
			for b.Loop() {
				src.Reset(data)
				br.Reset(src)
				r, err := open()
				if err != nil {
					b.Fatal(err)
				}
				n := int64(0)
				for err == nil {
					var m int
					m, err = r.Read(buf)
					n += int64(m)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
				b.SetBytes(n)
				total += n
			}
			b.ReportMetric(float64(total)/1e6/(cpuTime()-start).Seconds(), "cpu-MB/s")
		})
	}
	run("ours", func() (io.Reader, error) { return NewReader(br) })
	run("klauspost", func() (io.Reader, error) { return kgzip.NewReader(br) })
	run("stdlib", func() (io.Reader, error) { return stdgzip.NewReader(br) })
}
