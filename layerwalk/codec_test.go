package layerwalk

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/leakscan/leakscan/internal/testimage"
)

// compress runs a command of the system, to read what others write.
func compress(t *testing.T, data []byte, name string, args ...string) []byte {
	t.Helper()
	c := exec.Command(name, args...)
	c.Stdin = bytes.NewReader(data)
	out, err := c.Output()
	if err != nil {
		t.Skipf("%s: %v", name, err)
	}
	return out
}

func sample(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(16)) + 'a'
	}
	return b
}

// read walks a blob to its end.
func read(b *Blob, o ReadOptions) (entries []string, problems []*Problem, sum Summary) {
	r := b.Read(context.Background(), o)
	for e, err := range r.Entries() {
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) {
				panic(err)
			}
			problems = append(problems, p)
			continue
		}
		body, _ := io.ReadAll(e)
		entries = append(entries, describe(e, body))
	}
	return entries, problems, r.Summary()
}

func TestCodecs(t *testing.T) {
	plain := testimage.Tar(testimage.File("big", string(sample(3<<20))), testimage.File("small", "s"))
	for _, c := range []struct {
		name  string
		codec Codec
		data  func(t *testing.T) []byte
	}{
		{"none", None, func(*testing.T) []byte { return plain }},
		{"gzip", Gzip, func(*testing.T) []byte { return testimage.Gzip(plain, 1) }},
		{"gzip of several members", Gzip, func(*testing.T) []byte { return testimage.Gzip(plain, 7) }},
		{"gzip padded with zeros", Gzip, func(*testing.T) []byte { return append(testimage.Gzip(plain, 2), make([]byte, 700)...) }},
		{"zstd with skippable frames", Zstd, func(*testing.T) []byte { return testimage.Zstd(plain) }},
		{"zstd --long", Zstd, func(t *testing.T) []byte { return compress(t, plain, "zstd", "--long=27", "-c") }},
		{"bzip2", Bzip2, func(t *testing.T) []byte { return compress(t, plain, "bzip2", "-c") }},
		{"xz", XZ, func(t *testing.T) []byte { return compress(t, plain, "xz", "-c") }},
		{"xz with a small block", XZ, func(t *testing.T) []byte { return compress(t, plain, "xz", "-c", "--block-size=65536") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			stored := c.data(t)
			entries, problems, sum := read(bytesBlob("x", testimage.Digest(stored), "", stored), ReadOptions{Memory: NewMemory(0)})
			if len(problems) > 0 {
				t.Fatal(problems[0])
			}
			if len(entries) < 2 || entries[0] != "file big (3145728 bytes)" {
				t.Errorf("entries %q", entries)
			}
			want := Summary{Digest: testimage.Digest(stored), DiffID: testimage.Digest(plain), Size: int64(len(stored)), Bytes: int64(len(plain)), Codec: c.codec, Format: FormatTar, Whole: true}
			if sum != want {
				t.Errorf("summary\n got %+v\nwant %+v", sum, want)
			}
		})
	}
}

// What a compressed stream holds beside its data is scanned too.
func TestBesideTheData(t *testing.T) {
	plain := testimage.Tar(testimage.File("a", "b"))
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Name, w.Comment, w.Extra = "the name", "the comment", []byte("the extra")
	w.Write(plain)
	w.Close()
	for want, data := range map[string][]byte{
		"header  {gzip name=the name} {gzip comment=the comment} {gzip extra field=the extra}": gz.Bytes(),
		"header  {zstd skippable frame=hello} {zstd skippable frame=hello}":                    testimage.Zstd(plain),
	} {
		entries, problems, sum := read(bytesBlob("x", "", "", data), ReadOptions{})
		if len(problems) > 0 || len(entries) != 2 || entries[1] != want || sum.DiffID != testimage.Digest(plain) {
			t.Errorf("%q, %q, want %s", entries, problems, want)
		}
	}
	huge := append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0x60, 0}, make([]byte, 6<<20)...)
	if _, problems, _ := read(bytesBlob("x", "", "", append(huge, testimage.Zstd(plain)...)), ReadOptions{}); len(problems) != 1 || problems[0].Kind != Limit {
		t.Errorf("a skippable frame of 6 MiB: %q", problems)
	}
}

func TestDamagedBlobs(t *testing.T) {
	plain := testimage.Tar(testimage.File("first", "1"), testimage.File("big", string(sample(2<<20))), testimage.File("last", "9"))
	gz, zst := testimage.Gzip(plain, 1), testimage.Zstd(plain)
	flip := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 0x55; return b }
	big, err := zstd.NewWriter(nil, zstd.WithWindowSize(256<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	var window bytes.Buffer
	big.Reset(&window)
	big.Write(plain)
	big.Flush()
	big.Close()
	for _, c := range []struct {
		name   string
		blob   *Blob
		o      ReadOptions
		first  bool // the first entry is read all the same
		kind   ProblemKind
		reason string
		whole  bool
	}{
		{name: "wrong digest", blob: bytesBlob("x", testimage.Digest(nil), "", gz), first: true, kind: Unverified, reason: "its content hashes to sha256:", whole: true},
		{name: "unknown digest algorithm", blob: bytesBlob("x", "md5:d41d8cd98f00b204e9800998ecf8427e", "", gz), first: true, kind: Unverified, reason: "only sha256 and sha512 are known", whole: true},
		{name: "too short", blob: &Blob{ID: "x", Size: int64(len(gz)) + 5, open: bytesBlob("", "", "", gz).open}, first: true, kind: Truncated, reason: "but should have", whole: true},
		{name: "gzip breaks off", blob: bytesBlob("x", "", "", gz[:len(gz)/2]), first: true, kind: Truncated, reason: "the gzip data breaks off"},
		{name: "gzip with a wrong checksum", blob: bytesBlob("x", "", "", flip(gz, len(gz)-6)), first: true, kind: Unreadable, reason: "gzip: invalid checksum"},
		{name: "gzip damaged in the middle", blob: bytesBlob("x", "", "", flip(gz, len(gz)/2)), first: true, kind: Unreadable, reason: "damaged gzip data"},
		{name: "gzip followed by something", blob: bytesBlob("x", "", "", append(bytes.Clone(gz), "extra"...)), first: true, kind: Unreadable, reason: "bytes that are not gzip follow"},
		{name: "zstd breaks off", blob: bytesBlob("x", "", "", zst[:len(zst)-9]), first: true, kind: Truncated, reason: "the zstd data breaks off"},
		{name: "zstd window of 256 MiB", blob: bytesBlob("x", "", "", window.Bytes()), kind: Limit, reason: "zstd window is over 128 MiB"},
		{name: "a bomb", blob: bytesBlob("x", "", "", gz), o: ReadOptions{MaxBytes: 1 << 20}, first: true, kind: Limit, reason: "more than 1048576 bytes"},
		{name: "can't be opened", blob: &Blob{ID: "x", Size: -1, open: func(context.Context) (io.ReadCloser, error) { return nil, errors.New("gone") }}, kind: Missing, reason: "it can't be opened: gone"},
		{name: "the source fails", blob: &Blob{ID: "x", Size: -1, open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(gz[:len(gz)/2]), readerFunc(func([]byte) (int, error) { return 0, errors.New("connection lost") }))), nil
		}}, first: true, kind: Unreadable, reason: "connection lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, problems, sum := read(c.blob, c.o)
			if got := len(entries) > 0 && entries[0] == `file first "1"`; got != c.first {
				t.Errorf("entries %q", entries)
			}
			found := false
			for _, p := range problems {
				found = found || p.Kind == c.kind && strings.Contains(p.Reason, c.reason)
			}
			if !found {
				t.Errorf("problems %q, want %s: %s", problems, c.kind, c.reason)
			}
			if sum.Whole != c.whole {
				t.Errorf("whole is %v", sum.Whole)
			}
		})
	}
}

// Whatever bytes a blob has, reading it ends, does not panic, and hashes all
// of them.
func FuzzBlob(f *testing.F) {
	plain := testimage.Tar(testimage.File("a", "hello"), testimage.File("b", strings.Repeat("x", 3000)))
	f.Add(plain)
	f.Add(testimage.Gzip(plain, 2))
	f.Add(testimage.Zstd(plain))
	f.Add([]byte(`{"config":{"Env":["A=b"],"Cmd":["a","b"]},"x":[1,2.5,null,true]} trailing`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, problems, sum := read(bytesBlob("x", testimage.Digest(data), "", data), ReadOptions{MaxBytes: 1 << 20, Memory: NewMemory(0)})
		if sum.Size != int64(len(data)) || sum.Digest != testimage.Digest(data) {
			t.Errorf("read %d bytes of %d, digest %s", sum.Size, len(data), sum.Digest)
		}
		for _, p := range problems {
			if p.Kind == Unverified {
				t.Error(p)
			}
		}
	})
}

func TestSHA512(t *testing.T) {
	data := []byte("x")
	const want = "sha512:a4abd4448c49562d828115d13a1fccea927f52b4d5459297f8b43e42da89238bc13626e43dcb38ddb082488927ec904fb42057443983e88585179d50551afe62"
	if _, problems, sum := read(bytesBlob("x", want, "", data), ReadOptions{}); len(problems) > 0 || sum.Digest != want {
		t.Errorf("%q, digest %s", problems, sum.Digest)
	}
}

// TestXZWindow: what the header of the first block says of the dictionary, also if
// it has sizes in front of that.
func TestXZWindow(t *testing.T) {
	plain := bytes.Repeat([]byte("some text\n"), 1000)
	for _, tt := range []struct {
		args []string
		want int64
	}{
		{[]string{"-0"}, 256 << 10},
		{[]string{"-6"}, 8 << 20},
		{[]string{"-9"}, 64 << 20},
		{[]string{"-6", "-T2"}, 8 << 20},
		{[]string{"-9", "-T2"}, 64 << 20},
		{[]string{"--x86", "--lzma2=dict=1MiB"}, maxWindow}, // two filters
	} {
		packed := compress(t, plain, "xz", append(tt.args, "-c")...)
		if got := xzWindow(bufio.NewReader(bytes.NewReader(packed))); got != tt.want {
			t.Errorf("xz %v: %d, want %d", tt.args, got, tt.want)
		}
		for i := range 30 { // cut off, it is no smaller
			if got := xzWindow(bufio.NewReader(bytes.NewReader(packed[:i]))); got < tt.want {
				t.Errorf("xz %v, %d bytes: %d", tt.args, i, got)
			}
		}
	}
}

// TestUnpackWindows: archives in archives may have large windows, one at a time.
func TestUnpackWindows(t *testing.T) {
	wide := func(data []byte) []byte { return compress(t, data, "xz", "-9", "-T2", "-c") }
	plain := []byte("some text\n")
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"one", testimage.Zip(zip.Store, testimage.File("a.xz", string(wide(plain)))), "[x!/a.xz!/a: some text\n]"},
		{"one after another", testimage.Deb(testimage.File("a.xz", string(wide(plain))), testimage.File("b.xz", string(wide(plain)))), "[x!/debian-binary: 2.0\n x!/a.xz!/a: some text\n x!/b.xz!/b: some text\n]"},
		{"one in another", wide(wide(plain)), fmt.Sprintf("[x!/x: %s]", wide(plain))},
	} {
		u := Unpacker{Memory: NewMemory(0)}
		if got := fmt.Sprint(unpacked(&u, "x", tt.data)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if whole := tt.name != "one in another"; u.Whole() != whole {
			t.Errorf("%s: whole is %v", tt.name, u.Whole())
		}
	}
}
