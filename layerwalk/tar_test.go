package layerwalk

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

// walked is what a walk gave, in a form to be compared.
type walked struct {
	entries  []string
	problems []string
	err      error
}

func walkTar(data []byte) walked {
	var w walked
	t := &tarReader{r: bufio.NewReader(bytes.NewReader(data))}
	for e, err := range t.entries() {
		if err != nil {
			w.problems = append(w.problems, err.Error())
			continue
		}
		body, _ := io.ReadAll(e)
		w.entries = append(w.entries, describe(e, body))
	}
	w.err = t.err
	if t.cut != nil {
		w.problems = append(w.problems, t.cut.Error())
	}
	return w
}

func describe(e *Entry, body []byte) string {
	s := fmt.Sprintf("%s %s", [...]string{"file", "dir", "symlink", "hardlink", "device", "whiteout", "opaque", "header", "field", "unparsed", "blob"}[e.Type], e.Name)
	if e.Linkname != "" {
		s += " -> " + e.Linkname
	}
	for _, r := range e.Records {
		s += fmt.Sprintf(" {%s=%s}", r.Key, r.Value)
	}
	for _, word := range []string{"SCHILY.xattr.user.token=v", "a-long-name-of-an-owner"} {
		if bytes.Contains(e.Header, []byte(word)) {
			s += " {" + word + "}"
		}
	}
	if e.Sparse != nil {
		s += fmt.Sprintf(" sparse%v/%d", e.Sparse, e.RealSize)
	}
	if len(body) > 40 {
		return s + fmt.Sprintf(" (%d bytes)", len(body))
	}
	if len(body) > 0 {
		s += fmt.Sprintf(" %q", body)
	}
	return s
}

func checkTar(t *testing.T, data []byte, entries, problems []string) {
	t.Helper()
	w := walkTar(data)
	if !slices.Equal(w.entries, entries) {
		t.Errorf("entries\n got %q\nwant %q", w.entries, entries)
	}
	if len(w.problems) != len(problems) {
		t.Fatalf("problems\n got %q\nwant %q", w.problems, problems)
	}
	for i, p := range problems {
		if !strings.Contains(w.problems[i], p) {
			t.Errorf("problem %d: got %q, want %q in it", i, w.problems[i], p)
		}
	}
}

func TestTarEntries(t *testing.T) {
	long := strings.Repeat("d/", 150) + "file"
	data := testimage.Tar(
		testimage.File("./a/../b/", ""),
		testimage.File("/abs", "x"),
		testimage.File(long, "long name by PAX"),
		testimage.Symlink("link", "../../etc/passwd"),
		testimage.Hardlink("hard", "./abs"),
		testimage.Whiteout("dir/gone"),
		testimage.Opaque("dir/sub"),
		testimage.File("dir/.wh..wh.plnk", ""),
		testimage.Entry{Name: "x", Body: "y", PAX: map[string]string{"SCHILY.xattr.user.token": "v"}},
		testimage.Entry{Name: "null", Type: tar.TypeChar},
	)
	checkTar(t, data, []string{
		"dir b", `file abs "x"`, "file " + long + ` "long name by PAX"`, "symlink link -> ../../etc/passwd", "hardlink hard -> abs",
		"whiteout dir/gone", "opaque dir/sub", "file dir/.wh..wh.plnk", `file x {SCHILY.xattr.user.token=v} "y"`, "device null",
	}, nil)
}

// Damage of every kind: what can be read is read, and all bytes come by.
func TestTarDamage(t *testing.T) {
	a, b := testimage.File("a", "AAAA"), testimage.File("b", "BBBB")
	one := testimage.Tar(a)[:1024] // header and body
	two := testimage.Tar(b)
	huge := bigPAX(5 << 20)

	damaged := slices.Concat(one, testimage.Tar(testimage.File("m", "MIDDLE"))[:1024], two)
	damaged[1024+3] ^= 0xff // in the name: the checksum no longer fits

	linkBody := testimage.Tar(testimage.Hardlink("l", "a"))[:512]
	copy(linkBody[124:136], "00000000006\x00")
	fixChecksum(linkBody)
	body := make([]byte, 512)
	copy(body, "SECRET")

	unparsed := bytes.Clone(damaged[1024:2048])
	for _, c := range []struct {
		name     string
		data     []byte
		entries  []string
		problems []string
	}{
		{"empty", nil, nil, nil},
		{"only zeros", make([]byte, 1024), nil, nil},
		{"no end marker", slices.Concat(one, two[:1024]), []string{`file a "AAAA"`, `file b "BBBB"`}, nil},
		{"damaged header", damaged, []string{`file a "AAAA"`, fmt.Sprintf("unparsed  (%d bytes)", len(unparsed)), `file b "BBBB"`}, []string{"damaged tar header at byte 1024"}},
		{"breaks off in a body", one[:512+2], []string{`file a "AA"`}, []string{"ends 2 bytes before the end of a file"}},
		{"breaks off in a header", append(bytes.Clone(one), "xyz"...), []string{`file a "AAAA"`, `unparsed  "xyz"`}, []string{"ends inside a header, at byte 1024"}},
		{"behind the end marker", slices.Concat(one, make([]byte, 1024), []byte("HIDDEN")), []string{`file a "AAAA"`, `unparsed  "HIDDEN"`}, nil},
		{"PAX over the limit", huge, []string{"unparsed PaxHeaders.0/p (5242880 bytes)", `file p "q"`}, []string{"extended header of 5242880 bytes"}},
		{"hard link with a body", slices.Concat(linkBody, body, two), []string{`hardlink l -> a "SECRET"`, `file b "BBBB"`}, nil},
		{"hard link with a size and no body", slices.Concat(linkBody, two), []string{"hardlink l -> a", `file b "BBBB"`}, nil},
		{"bytes in the padding", slices.Concat(one[:512+4], []byte("PAD"), make([]byte, 512-7), two), []string{`file a "AAAA"`, fmt.Sprintf("unparsed  (%d bytes)", 508), `file b "BBBB"`}, nil},
		{"a long owner", owned(), []string{`file a {a-long-name-of-an-owner} "AAAA"`}, nil},
		{"padding left out at the end", one[:512+4], []string{`file a "AAAA"`}, nil},
		{"PAX record with a wrong length", badPAX(), []string{"unparsed PaxHeaders.0/p (522 bytes)", `file p "q"`}, []string{"PAX header at byte 0: a record has a wrong length"}},
	} {
		t.Run(c.name, func(t *testing.T) { checkTar(t, c.data, c.entries, c.problems) })
	}
}

func owned() []byte {
	data := testimage.Tar(testimage.File("a", "AAAA"))
	copy(data[265:297], "a-long-name-of-an-owner")
	fixChecksum(data[:512])
	return data
}

// rawPAX is an entry p with these bytes as its PAX header.
func rawPAX(records []byte) []byte {
	data := testimage.Tar(testimage.Entry{Name: "p", Body: "q", PAX: map[string]string{"comment": "c"}})
	head, rest := data[:512], data[1024:]
	copy(head[124:136], fmt.Sprintf("%011o\x00", len(records)))
	fixChecksum(head)
	return slices.Concat(head, records, make([]byte, -len(records)&511), rest)
}

func badPAX() []byte { return rawPAX([]byte("99 path=x\n")) }

func bigPAX(n int) []byte { return rawPAX(bytes.Repeat([]byte("c"), n)) }

func fixChecksum(h []byte) {
	copy(h[148:156], "        ")
	var sum int
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// What GNU tar writes of sparse files, in all its formats: the data, not the
// holes, and the place of each byte.
func TestTarSparse(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("no tar command")
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(30) { // more segments than a header holds
		if _, err := f.WriteAt(fmt.Appendf(nil, "DATA%02d", i), i<<20); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	f.Close()
	os.WriteFile(filepath.Join(dir, "z"), []byte("after"), 0o644)
	for _, format := range [][]string{{"--format=gnu"}, {"--format=pax", "--sparse-version=0.0"}, {"--format=pax", "--sparse-version=0.1"}, {"--format=pax", "--sparse-version=1.0"}} {
		t.Run(strings.Join(format, " "), func(t *testing.T) {
			data, err := exec.Command("tar", append(append([]string{"-C", dir, "-S", "-c"}, format...), "sparse", "z")...).Output()
			if err != nil {
				t.Skip("this tar can't:", err)
			}
			r := &tarReader{r: bufio.NewReader(bytes.NewReader(data))}
			var names []string
			for e, err := range r.entries() {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, e.Name)
				body, err := io.ReadAll(e)
				if err != nil {
					t.Fatal(err)
				}
				if e.Name != "sparse" {
					continue
				}
				if e.RealSize != 1<<30 || len(body) > 1<<20 || int64(len(body)) != e.Size {
					t.Errorf("real size %d, %d bytes, size %d", e.RealSize, len(body), e.Size)
				}
				for i := range int64(30) {
					at := bytes.Index(body, fmt.Appendf(nil, "DATA%02d", i))
					if at < 0 || e.Offset(int64(at)) != i<<20 {
						t.Errorf("DATA%02d at %d, in the file at %d", i, at, e.Offset(int64(at)))
					}
				}
			}
			if !slices.Equal(names, []string{"sparse", "z"}) {
				t.Errorf("entries %q", names)
			}
		})
	}
}

// FuzzTar compares with archive/tar on all that archive/tar can read, and
// checks on everything else that every byte is accounted for without a panic.
func FuzzTar(f *testing.F) {
	f.Add(testimage.Tar(testimage.File("a/b", "hello"), testimage.Symlink("l", "t"), testimage.Hardlink("h", "a/b"), testimage.Whiteout("a/c")))
	f.Add(testimage.Tar(testimage.Entry{Name: strings.Repeat("n", 300), Body: "x", PAX: map[string]string{"SCHILY.xattr.a": "b"}}))
	f.Add(badPAX())
	pax := func(s string) []byte { return rawPAX([]byte(s))[:1024] }
	f.Add(slices.Concat(pax("22 GNU.sparse.name=x\n"), testimage.Tar(testimage.File("p", "q"))))
	f.Add(slices.Concat(pax("10 path=x\n"), pax("14 linkpath=y\n"), testimage.Tar(testimage.File("p", "q"))))
	f.Add(slices.Concat(pax("10 path=x\n"), testimage.Tar(testimage.File("p", "q"))))
	f.Add(testimage.Tar(testimage.File("a", "b"))[:700])
	f.Fuzz(func(t *testing.T, data []byte) {
		got := walkTar(data)
		var want []string
		r := tar.NewReader(bytes.NewReader(data))
		for {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return // ours may go on
			}
			for k := range h.PAXRecords {
				if strings.HasPrefix(k, "GNU.sparse.") {
					return // given with its holes
				}
			}
			if h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeXGlobalHeader {
				return
			}
			body, err := io.ReadAll(io.LimitReader(r, 1<<20))
			if err != nil {
				return
			}
			e := &Entry{Name: CleanPath(h.Name)}
			switch h.Typeflag {
			case tar.TypeDir:
				e.Type = TypeDir
			case tar.TypeSymlink:
				e.Type = TypeSymlink
			case tar.TypeLink:
				e.Type = TypeHardlink
			case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
				e.Type = TypeDevice
			}
			if target, typ, ok := whiteout(e.Name); ok {
				e.Name, e.Type = target, typ
			}
			want = append(want, describe(e, body))
		}
		// Names and bodies must be the same; ours may know more at the end,
		// and gives link targets and records, which are taken off here.
		r2 := &tarReader{r: bufio.NewReader(bytes.NewReader(data))}
		var plain []string
		for e, err := range r2.entries() {
			var p *Problem
			if err != nil {
				if !errors.As(err, &p) {
					t.Fatalf("an error that is no problem: %v", err)
				}
				continue
			}
			body, _ := io.ReadAll(e)
			if e.Type == TypeUnparsed || e.Type == TypeHeader {
				continue
			}
			if e.Type != TypeFile {
				body = nil
			}
			if e.Type == TypeFile && len(body) > 1<<20 {
				body = body[:1<<20]
			}
			plain = append(plain, describe(&Entry{Name: e.Name, Type: e.Type}, body))
		}
		for i, w := range want {
			if i >= len(plain) || plain[i] != w {
				t.Fatalf("entry %d: archive/tar has %q, ours\n%q\nproblems %q", i, w, plain, got.problems)
			}
		}
	})
}
