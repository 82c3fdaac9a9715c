package layerwalk

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/leakscan/leakscan/internal/testimage"
)

// packedFiles are what is in the archives.
var packedFiles = []testimage.Entry{
	testimage.File("a.txt", "the first"), testimage.File("dir/", ""), testimage.File("dir/b.properties", "token=of\nthe second\n"), testimage.File("empty", ""),
	testimage.File("dir/c", strings.Repeat("many of them\n", 20_000)),
}

// sizedZip makes a zip with the sizes in the headers before the data, as most
// tools do, and not behind it, as [testimage.Zip] does.
func sizedZip(t testing.TB, method uint16, files ...testimage.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.Name, Method: method}
		if strings.HasSuffix(f.Name, "/") {
			h.Method = zip.Store
		}
		one := testimage.Zip(h.Method, testimage.File("x", f.Body)) // tells the compressed bytes
		r, err := zip.NewReader(bytes.NewReader(one), int64(len(one)))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := r.File[0].OpenRaw()
		if err != nil {
			t.Fatal(err)
		}
		h.CRC32, h.CompressedSize64, h.UncompressedSize64 = r.File[0].CRC32, r.File[0].CompressedSize64, r.File[0].UncompressedSize64
		rw, err := w.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(rw, raw); err != nil {
			t.Fatal(err)
		}
	}
	w.SetComment("the end")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpacked gives "name: contents" of all files in a file.
func unpacked(u *Unpacker, name string, data []byte) (all []string) {
	for e := range u.Files(context.Background(), name, bytes.NewReader(data), int64(len(data))) {
		text, err := io.ReadAll(e)
		if err != nil {
			text = fmt.Appendf(text, " %v", err)
		}
		if e.Type == TypeFile {
			all = append(all, e.Name+": "+string(text))
		}
	}
	return all
}

func TestUnpack(t *testing.T) {
	want := func(archive string) (all []string) {
		for _, f := range packedFiles {
			if !strings.HasSuffix(f.Name, "/") {
				all = append(all, archive+Inside+f.Name+": "+f.Body)
			}
		}
		return all
	}
	plain := []byte("password = of somebody\n")
	jar := testimage.Zip(zip.Deflate, packedFiles...)
	tgz := testimage.Gzip(testimage.Tar(packedFiles...), 1)
	var u Unpacker // the same for all: nothing of one file is left in the next
	for _, tt := range []struct {
		name  string
		data  []byte
		want  []string
		whole bool
	}{
		{"d/a.tar.gz", tgz, want("d/a.tar.gz"), true},
		{"a.tar.zst", testimage.Zstd(testimage.Tar(packedFiles...)), want("a.tar.zst"), true},
		{"a.jar", jar, want("a.jar"), true},
		{"a.zip", sizedZip(t, zip.Deflate, packedFiles...), want("a.zip"), true},
		{"stored.zip", sizedZip(t, zip.Store, packedFiles...), want("stored.zip"), true},
		{"unsized.zip", testimage.Zip(zip.Store, packedFiles...), want("unsized.zip"), true},
		{"x.conf.gz", testimage.Gzip(plain, 1), []string{"x.conf.gz!/x.conf: " + string(plain)}, true},
		{"noname", testimage.Gzip(plain, 1), []string{"noname!/noname: " + string(plain)}, true},
		{"two.gz", slices.Concat(testimage.Gzip(plain, 1), testimage.Gzip(plain, 1)), []string{"two.gz!/two: " + string(plain) + string(plain)}, true},
		{"outer.zip", sizedZip(t, zip.Store, testimage.File("in.jar", string(jar)), testimage.File("z", "last")), append(want("outer.zip!/in.jar"), "outer.zip!/z: last"), true},
		{"outer.tgz", testimage.Gzip(testimage.Tar(testimage.File("a.tgz", string(tgz)), testimage.File("a.jar", string(jar)), testimage.File("z", "last")), 1),
			slices.Concat(want("outer.tgz!/a.tgz"), want("outer.tgz!/a.jar"), []string{"outer.tgz!/z: last"}), true},
		{"start", slices.Concat([]byte("#!/usr/bin/env python3\n"), jar), want("start"), true},
		{"boot.jar", slices.Concat([]byte("#!/bin/bash\n"), bytes.Repeat([]byte("# PK\x03\x04 is none\n"), 500), jar), want("boot.jar"), true},
		{"outer.tgz", testimage.Gzip(testimage.Tar(testimage.File("pex", "#!/bin/sh\n"+string(jar)), testimage.File("sh", "#!/bin/sh\nexit\n"), testimage.File("long.sh", "#!/bin/sh\n"+strings.Repeat("exit\n", 20_000))), 1),
			append(want("outer.tgz!/pex"), "outer.tgz!/sh: #!/bin/sh\nexit\n", "outer.tgz!/long.sh: #!/bin/sh\n"+strings.Repeat("exit\n", 20_000)), true},
		{"a.deb", testimage.Deb(testimage.File("control.tar.zst", string(testimage.Zstd(testimage.Tar(testimage.File("./control", "Package: a\n"))))), testimage.File("data.tar.gz/", string(tgz)), testimage.File("_odd", "x")),
			slices.Concat([]string{"a.deb!/debian-binary: 2.0\n", "a.deb!/control.tar.zst!/control: Package: a\n"}, want("a.deb!/data.tar.gz"), []string{"a.deb!/_odd: x"}), true},
		{"a.rpm", testimage.RPM(testimage.Zstd(testimage.Cpio(packedFiles...))), want("a.rpm"), true},
		{"initrd.gz", testimage.Gzip(testimage.Cpio(packedFiles...), 1), want("initrd.gz"), true},
		{"links.gz", testimage.Gzip(testimage.Cpio(testimage.Symlink("l", "a/b/c"), testimage.File("a", "12345")), 1), []string{"links.gz!/a: 12345"}, true},
		{"in.rpm", testimage.RPM(testimage.Gzip(testimage.Cpio(testimage.File("x.jar", string(jar)), testimage.File("z", "last")), 1)), append(want("in.rpm!/x.jar"), "in.rpm!/z: last"), true},
		{"ab/cdef", testimage.Zlib([]byte("blob 4\x00text")), []string{"ab/cdef!/blob: text"}, true},
		{"a.zlib", testimage.Zlib([]byte("blob x\x00text")), []string{"a.zlib!/a.zlib: blob x\x00text"}, true},
		{"a.pack", testimage.Pack([]byte("one"), jar), append([]string{"a.pack!/blob@12: one"}, want(fmt.Sprintf("a.pack!/blob@%d", 12+1+len(testimage.Zlib([]byte("one")))))...), true},

		{"cut.zlib", testimage.Zlib(plain)[:12], nil, false},
		{"bad.zlib", []byte("x\x9c\x05nothing like it"), nil, false},
		{"cut.pack", testimage.Pack(plain)[:40], nil, false},
		{"short.pack", testimage.Pack()[:9], nil, false},
		{"odd.pack", append(testimage.Pack()[:12:12], "\x30nothing"...), nil, false},
		{"more.pack", append(testimage.Pack(plain), "and more"...), nil, false},
		{"cut.rpm", testimage.RPM(nil), nil, false},
		{"cut2.rpm", testimage.RPM(testimage.Gzip(testimage.Cpio(packedFiles...), 1))[:150], nil, false},
		{"cut3.rpm", testimage.RPM(testimage.Gzip(testimage.Cpio(packedFiles...)[:400], 1)), nil, false},
		{"lzma.rpm", testimage.RPM([]byte("]\x00\x00\x80\x00 and so on")), nil, false},
		{"odd.cpio.gz", testimage.Gzip([]byte(strings.Replace(string(testimage.Cpio(packedFiles[:1]...)), "00000001", "0000000g", 1)), 1), nil, false},
		{"cut.deb", testimage.Deb(testimage.File("data.tar.gz", string(tgz)))[:len(tgz)], nil, false},
		{"cut-header.deb", testimage.Deb()[:30], nil, false},
		{"odd.deb", []byte("!<arch>\ndebian-binary   0           0     0     100644  -1        `\n"), nil, false},
		{"odd-end.deb", []byte("!<arch>\ndebian-binary   0           0     0     100644  4         xx2.0\n"), nil, false},
		{"cut.jar", jar[:len(jar)/4], nil, false},
		{"cut.gz", tgz[:len(tgz)/2], nil, false},
		{"bad.gz", []byte("\x1f\x8bnothing like it"), nil, false},
		{"none.zip", []byte("PK\x03\x04"), nil, false},
	} {
		got := unpacked(&u, tt.name, tt.data)
		if u.Whole() != tt.whole {
			t.Errorf("%s: whole is %v", tt.name, u.Whole())
		}
		if tt.whole && !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %.300q, want %.300q", tt.name, got, tt.want)
		}
	}
}

// TestUnpackNothingLost: what is in an archive beside its members is given, or it is
// said that not all was.
func TestUnpackNothingLost(t *testing.T) {
	const marker = "here it is"
	m := []byte(marker)
	mz, mgz := testimage.Zip(zip.Deflate, testimage.File("m", marker)), testimage.Gzip(m, 1)
	zlib, tar, cpio, zipped := testimage.Zlib([]byte("hello")), testimage.Tar(packedFiles[0]), testimage.Cpio(packedFiles[0]), testimage.Zip(zip.Deflate, packedFiles[0])
	join := slices.Concat[[]byte]
	short := sizedZip(t, zip.Deflate, testimage.File("a", "text"))
	at := bytes.Index(short, []byte("a\x2a\x49")) + 1 // its deflate stream
	long := join(short[:at], short[at:])
	if i := binary.LittleEndian.Uint32(long[18:]); at > 1 {
		binary.LittleEndian.PutUint32(long[18:], i+uint32(len(m)))
		long = join(long[:at+int(i)], m, long[at+int(i):])
	} else {
		t.Fatal("no deflate stream")
	}
	for name, data := range map[string][]byte{
		"behind zlib":             join(zlib, m),
		"behind an empty zlib":    join([]byte("x^\x03\x00\x00\x00\x00\x01\n"), m),
		"zlib behind zlib":        join(zlib, testimage.Zlib(m)),
		"behind a pack":           join(testimage.Pack(), m),
		"behind a deflate stream": long,
		"more objects":            func() []byte { p := testimage.Pack([]byte("one"), m); p[11] = 1; return p }(),
		"zip behind a zip":        join(zipped, mz),
		"gzip behind a zip":       join(zipped, mgz),
		"tar behind a tar":        testimage.Gzip(join(tar, testimage.Tar(testimage.File("m.gz", string(mgz)))), 1),
		"gzip behind a tar":       join(tar, mgz),
		"gzip behind a cpio":      testimage.Gzip(join(cpio, mgz), 1),
		"another cpio":            testimage.Gzip(append([]byte("070707"), mgz...), 1),
		"the header of an rpm": func() []byte {
			p := testimage.RPM(testimage.Gzip(cpio, 1))
			copy(p[96+16+32:], "here ")
			copy(p[96+16+40+16+20:], m)
			return p
		}(),
		"a directory with data": testimage.Zip(zip.Deflate, testimage.File("d/", ""), testimage.File("m", marker)),
		"zip in parts":          join([]byte("PK00"), mz),
		"jmod":                  join([]byte("JM\x01\x00"), mz),
	} {
		for _, nested := range []bool{false, true} {
			if nested {
				data = testimage.Gzip(testimage.Tar(testimage.File("in", string(data))), 1)
			}
			var u Unpacker
			found := false
			for e := range u.Files(t.Context(), "x", bytes.NewReader(data), int64(len(data))) {
				text, _ := io.ReadAll(e)
				found = found || bytes.Contains(text, m)
			}
			if !found && u.Whole() {
				t.Errorf("%s, nested %v: it is lost", name, nested)
			}
		}
	}
}

// What a member of a zip can be beside usual.
func TestUnpackOddZips(t *testing.T) {
	good := sizedZip(t, zip.Deflate, testimage.File("a", "first"), testimage.File("b", "second"))
	second := bytes.LastIndex(good[:bytes.Index(good, []byte("PK\x01\x02"))], []byte("PK\x03\x04"))
	change := func(change func(z []byte)) []byte {
		z := bytes.Clone(good)
		change(z)
		return z
	}
	var u Unpacker
	for name, tt := range map[string]struct {
		data []byte
		want string // of those that are read
	}{
		"encrypted":      {change(func(z []byte) { z[6] |= zipEncrypted }), "b"},
		"another method": {change(func(z []byte) { z[8] = 14 }), "b"},
		"damaged data":   {change(func(z []byte) { z[31], z[32] = 0xff, 0xff }), "b"},
		"damaged header": {change(func(z []byte) { z[second] = 'x' }), "a"},
		"huge size":      {change(func(z []byte) { copy(z[18:], "\xfe\xff\xff\xff") }), "a"},
		"no data":        {change(func(z []byte) { copy(z[18:], "\x00\x00\x00\x00") }), ""},
	} {
		got := unpacked(&u, "x.zip", tt.data)
		for _, name := range strings.Fields(tt.want) {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "x.zip!/"+name+": ") }) {
				t.Errorf("%s: %s is not there: %q", name, name, got)
			}
		}
		if u.Whole() {
			t.Errorf("%s: it is said to be whole: %q", name, got)
		}
	}
}

// A bomb gives what its size allows, at all levels together, and no more.
func TestUnpackBomb(t *testing.T) {
	bomb := testimage.Gzip(make([]byte, 100<<20), 1) // 0.1 MB
	for range maxUnpackDepth {
		var u Unpacker
		n := int64(0)
		for e := range u.Files(t.Context(), "bomb", bytes.NewReader(bomb), int64(len(bomb))) {
			m, _ := io.Copy(io.Discard, e)
			n += m
		}
		// What is read ahead at each level may go beyond it.
		if most := unpackFree + int64(len(bomb))*unpackRatio + maxUnpackDepth*64<<10; n > most || u.Bytes() > most || u.Whole() {
			t.Errorf("%d bytes, %d with those between, of %d; whole is %v", n, u.Bytes(), most, u.Whole())
		}
		bomb = sizedZip(t, zip.Deflate, testimage.File("a", string(bomb)), testimage.File("b", string(bomb)))
	}
}

// All files of a blob have what they may give beside their size in common.
func TestUnpackPool(t *testing.T) {
	bomb := testimage.Zstd(make([]byte, 100<<20))
	var u Unpacker
	total := int64(0)
	for range 30 {
		for e := range u.Files(t.Context(), "bomb", bytes.NewReader(bomb), int64(len(bomb))) {
			io.Copy(io.Discard, e)
		}
		if total += u.Bytes(); !u.Exceeded() {
			t.Fatal("a bomb is read to its end")
		}
	}
	if most := int64(unpackPool + 30*(len(bomb)*unpackRatio+maxUnpackDepth*64<<10)); total > most || total < unpackPool/2 {
		t.Errorf("%d bytes, at most %d", total, most)
	}
}

// What is in an archive and looks like one, and is none, is given as it is; so is
// what can't be unpacked to its end.
func TestUnpackNestedBroken(t *testing.T) {
	text := "token: of somebody\n"
	jar := sizedZip(t, zip.Deflate, testimage.File("a", text), testimage.File("b", text))
	for name, data := range map[string][]byte{
		"gz":       []byte("\x1f\x8b " + text),
		"zip":      []byte("PK\x03\x04" + text),
		"trailing": append(testimage.Gzip([]byte("a"), 1), text...),
		"zstd":     []byte("\x28\xb5\x2f\xfd" + text),
		"large":    append(testimage.Gzip([]byte("a"), 1), strings.Repeat(text, 2*maxKept/len(text))...),
	} {
		var u Unpacker
		got := unpacked(&u, "x.tgz", testimage.Gzip(testimage.Tar(testimage.File(name, string(data)), testimage.File("in.jar", string(jar))), 1))
		if u.Whole() || !slices.ContainsFunc(got, func(s string) bool {
			return strings.HasPrefix(s, "x.tgz!/"+name+": ") && strings.Contains(s, text)
		}) || !slices.Contains(got, "x.tgz!/in.jar!/b: "+text) {
			t.Errorf("%s: whole is %v, got %.300q", name, u.Whole(), got)
		}
	}
	var u Unpacker
	if got := unpacked(&u, "x.tgz", testimage.Gzip(testimage.Tar(testimage.File("cut.jar", string(jar[:len(jar)-150]))), 1)); len(got) == 0 {
		t.Errorf("whole is %v, got %.300q", u.Whole(), got)
	}
}

// Names in names do not grow without end.
func TestUnpackLongNames(t *testing.T) {
	name := strings.Repeat("n", 4000)
	data := []byte("text")
	for range 3 {
		data = sizedZip(t, zip.Deflate, testimage.File(name, string(data)))
	}
	var u Unpacker
	for e := range u.Files(t.Context(), "outer", bytes.NewReader(data), int64(len(data))) {
		if len(e.Name) > maxPath || !strings.HasPrefix(e.Name, "outer!/") {
			t.Errorf("a name of %d bytes: %.100s", len(e.Name), e.Name)
		}
	}
}

// A disk image begins with zeros, and is no tar that ends at once.
func TestUnpackZeros(t *testing.T) {
	data := string(make([]byte, 1024)) + "text"
	var u Unpacker
	if got := unpacked(&u, "disk.img.gz", testimage.Gzip([]byte(data), 1)); len(got) != 1 || got[0] != "disk.img.gz!/disk.img: "+data {
		t.Errorf("got %q", got)
	}
}

// Archives in archives are read to a depth, and the innermost is given as it is.
func TestUnpackDepth(t *testing.T) {
	data, name := []byte("secret"), "x"
	for range maxUnpackDepth {
		data, name = testimage.Gzip(data, 1), name+".gz"
	}
	var u Unpacker
	if got := unpacked(&u, name, data); len(got) != 1 || !strings.HasSuffix(got[0], "!/x: secret") || !u.Whole() {
		t.Errorf("got %q, whole is %v", got, u.Whole())
	}
	if got := unpacked(&u, name+".gz", testimage.Gzip(data, 1)); len(got) != 1 || strings.Contains(got[0], "secret") || u.Whole() {
		t.Errorf("got %q, whole is %v", got, u.Whole())
	}
}

// Whoever has had enough gets no more.
func TestUnpackBreak(t *testing.T) {
	for _, data := range [][]byte{testimage.Zip(zip.Deflate, packedFiles...), testimage.Gzip(testimage.Tar(packedFiles...), 1)} {
		var u Unpacker
		for range 2 {
			for range u.Files(t.Context(), "x", bytes.NewReader(data), -1) {
				break
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var u Unpacker
	for e := range u.Files(ctx, "x.gz", bytes.NewReader(testimage.Gzip([]byte("some text"), 1)), -1) {
		if text, _ := io.ReadAll(e); len(text) > 0 {
			t.Errorf("%q of a scan that was stopped", text)
		}
	}
	if u.Whole() {
		t.Error("it is said to be whole")
	}
}

// FuzzUnpack holds a zip to what archive/zip reads of it, where that reads all of
// it, and anything else to its bounds.
func FuzzUnpack(f *testing.F) {
	f.Add(sizedZip(f, zip.Deflate, packedFiles[:3]...))
	f.Add(testimage.Zip(zip.Deflate, packedFiles[:3]...))
	f.Add(sizedZip(f, zip.Store, packedFiles[:3]...))
	f.Add(testimage.Gzip(testimage.Tar(packedFiles[:3]...), 1))
	f.Add(testimage.Zstd([]byte("text")))
	f.Add(testimage.Deb(testimage.File("data.tar.gz", string(testimage.Gzip(testimage.Tar(packedFiles[:3]...), 1)))))
	f.Add(testimage.RPM(testimage.Gzip(testimage.Cpio(packedFiles[:3]...), 1)))
	f.Add(testimage.Zlib([]byte("blob 4\x00text")))
	f.Add(testimage.Pack([]byte("text"), []byte("more")))
	f.Add(append([]byte("#!/bin/sh\n"), testimage.Zip(zip.Deflate, packedFiles[:3]...)...))
	f.Add(sizedZip(f, zip.Store, testimage.File("a.gz", string(testimage.Gzip([]byte("text"), 1)))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !Packed(data[:min(len(data), ScriptHead)]) {
			return
		}
		var u Unpacker
		got := unpacked(&u, "x", data)
		whole := u.Whole()
		if most := unpackFree + int64(len(data))*unpackRatio + maxUnpackDepth*64<<10; u.Bytes() > most {
			t.Errorf("%d bytes of %d", u.Bytes(), len(data))
		}
		// The same in the smallest pieces, and with memory that was used.
		again := []string(nil)
		for e := range u.Files(t.Context(), "x", iotest.OneByteReader(bytes.NewReader(data)), int64(len(data))) {
			text, _ := io.ReadAll(e)
			if e.Type == TypeFile {
				again = append(again, e.Name+": "+string(text))
			}
		}
		if !slices.Equal(got, again) || whole != u.Whole() {
			t.Errorf("in pieces %.300q and whole %v, at once %.300q and %v", again, u.Whole(), got, whole)
		}
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil || !whole || zipStart(data) < 0 {
			return
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				return
			}
			text, err := io.ReadAll(io.LimitReader(r, 1<<20))
			if err != nil || strings.HasSuffix(f.Name, "/") || Packed(text) {
				continue
			}
			name := "x" + Inside + CleanPath(f.Name) + ": "
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, name) }) {
				continue // the directory can name what no header names, or what lies in another member
			}
			// Headers and directory may disagree about the size, and about the method:
			// then it is given as it is stored.
			fits := func(want string) bool {
				return slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) || strings.HasPrefix(want, s) })
			}
			raw, err := f.OpenRaw()
			if err != nil {
				return
			}
			stored, _ := io.ReadAll(io.LimitReader(raw, 1<<20))
			if want := name + string(text); !fits(want) && !fits(name+string(stored)) {
				t.Errorf("archive/zip has %.200q, got %.300q", want, got)
			}
		}
	})
}
