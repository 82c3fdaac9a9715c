package inflate

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// member is what there is to be seen of a member.
type member struct {
	outcome
	header Header
}

func kindOfGzip(err error) string {
	if err == stdgzip.ErrHeader || err == stdgzip.ErrChecksum {
		return "corrupt"
	}
	if err == io.EOF {
		return "nothing there"
	}
	return kindOf(err)
}

var usedGzip stdgzip.Reader

// stdMembers reads members until one fails or none is left.
func stdMembers(data []byte) (m []member) {
	src := bytes.NewReader(data)
	z := &usedGzip
	for {
		if err := z.Reset(src); err != nil {
			return append(m, member{outcome: outcome{nil, kindOfGzip(err), -1}})
		}
		z.Multistream(false)
		out, err := readAll(z, 64<<10)
		o := outcome{out, kindOfGzip(err), -1}
		if err == nil {
			o.used = len(data) - src.Len()
		}
		m = append(m, member{o, Header{z.Name, z.Comment, z.Extra}})
		if err != nil {
			return m
		}
	}
}

func ourMembers(data []byte, w way) (m []member) {
	src := bytes.NewReader(data)
	var r io.Reader = src
	if w.wrap != nil {
		r = w.wrap(r)
	}
	read := 0
	br := buffered(readFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		read += n
		return n, err
	}), w.buffer)
	z := &used.gzip
	err := z.Reset(br)
	for {
		if err != nil {
			return append(m, member{outcome: outcome{nil, kindOfGzip(err), -1}})
		}
		var out []byte
		out, err = readAll(z, w.read)
		o := outcome{out, kindOfGzip(err), -1}
		if err == nil {
			o.used = read - br.Buffered()
		}
		m = append(m, member{o, z.Header()})
		if err != nil {
			return m
		}
		err = z.Next()
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// sameGzip holds Reader to compress/gzip.
func sameGzip(t testing.TB, what string, data []byte, ways ...way) []member {
	t.Helper()
	want := stdMembers(data)
	for _, w := range ways {
		got := ourMembers(data, w)
		if len(got) != len(want) {
			t.Fatalf("%s, %v: %d members, want %d", what, w, len(got), len(want))
		}
		for i, g := range got {
			g.check(t, fmt.Sprintf("%s, %v, member %d", what, w, i), want[i].outcome)
			if h := want[i].header; g.header.Name != h.Name || g.header.Comment != h.Comment || !bytes.Equal(g.header.Extra, h.Extra) {
				t.Fatalf("%s, %v, member %d: header %q, want %q", what, w, i, g.header, h)
			}
		}
	}
	return want
}

// wrapGzip makes a member of any header bytes behind the flags, and a stream.
func wrapGzip(flags byte, header string, raw, data []byte) []byte {
	b := append([]byte{0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3}, header...)
	if flags&flagHeaderCRC != 0 {
		b = binary.LittleEndian.AppendUint16(b, uint16(crc32.ChecksumIEEE(b)))
	}
	b = append(b, raw...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(data))
	return binary.LittleEndian.AppendUint32(b, uint32(len(data)))
}

func gzips(t testing.TB) []stream {
	data := samples(t)["source"][:2000]
	raw := deflate(t, data, 6)
	plain := wrapGzip(0, "", raw, data)
	text := func(n int) string { return string(bytes.Repeat([]byte{'n'}, n)) + "\x00" }
	change := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 0x40
		return b
	}
	all := wrapGzip(0x1e, "\x03\x00abcname\x00comment \xe4\xff\x00", raw, data)
	var many []byte
	for i := range 50 {
		many = append(many, wrapGzip(flagExtra, "\x01\x00"+string(rune('a'+i%20)), deflate(t, data[:i], 1+i%9), data[:i])...)
	}
	const ok, bad, cut = "none", "corrupt", "breaks off"
	return []stream{
		{"nothing", nil, "nothing there"},
		{"plain", plain, ok},
		{"empty", wrapGzip(0, "", []byte{3, 0}, nil), ok},
		{"everything", all, ok},
		{"reserved flags", wrapGzip(0xe1, "", raw, data), ok},
		{"name of 511", wrapGzip(flagName, text(511), raw, data), ok},
		{"name of 512", wrapGzip(flagName, text(512), raw, data), bad},
		{"comment of 511", wrapGzip(flagComment, text(511), raw, data), ok},
		{"comment of 512", wrapGzip(flagComment, text(512), raw, data), bad},
		{"name without end", wrapGzip(flagName, "abc", []byte{1}, nil)[:13], cut},
		{"empty texts", wrapGzip(0x1e, "\x00\x00\x00\x00", raw, data), ok},
		{"long extra field", wrapGzip(flagExtra, "\xff\xff"+text(65534), raw, data), ok},
		{"extra field cut", wrapGzip(flagExtra, "\xff\xff"+text(1000), nil, nil), cut},
		{"magic 1", change(plain, 0), bad},
		{"magic 2", change(plain, 1), bad},
		{"method", change(plain, 2), bad},
		{"header checksum", change(all, 4), bad},
		{"checksum", change(plain, -8), bad},
		{"length", change(plain, -1), bad},
		{"data", change(plain, 300), ""},
		{"two", append(bytes.Clone(plain), all...), ok},
		{"many", many, ok},
		{"zeros behind", append(bytes.Clone(plain), make([]byte, 20)...), ok},
		{"a byte behind", append(bytes.Clone(plain), 0x1f), ok},
	}
}

func TestGzip(t *testing.T) {
	for _, s := range gzips(t) {
		m := sameGzip(t, s.name, s.data, ways...)
		if s.kind != "" && m[0].kind != s.kind {
			t.Errorf("%s: compress/gzip says %q; the test expects %q", s.name, m[0].kind, s.kind)
		}
		if len(s.data) < 3000 {
			for n := 0; n < len(s.data); n++ {
				if n > 50 && n < len(s.data)-50 {
					n += 6
				}
				sameGzip(t, fmt.Sprintf("%s, cut to %d", s.name, n), s.data[:n], ways[n%2])
			}
		}
	}
}

func TestGzipMembers(t *testing.T) {
	var all []byte
	n := 0
	for _, data := range samples(t) {
		for level := range 2 {
			var z bytes.Buffer
			w, _ := stdgzip.NewWriterLevel(&z, 6*level)
			w.Name = fmt.Sprintf("name \u00e4 %d", n)
			w.Extra = make([]byte, n)
			w.Write(data)
			w.Close()
			all = append(all, z.Bytes()...)
			n++
		}
	}
	m := sameGzip(t, "all", all, ways[:3]...)
	if len(m) != n+1 || m[n].kind != "nothing there" {
		t.Fatalf("%d members, want %d", len(m)-1, n)
	}
}

func TestGzipDamaged(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, s := range gzips(t) {
		for range 100 {
			z := mutate(rnd, s.data)
			sameGzip(t, fmt.Sprintf("%s, %x", s.name, z[:min(len(z), 100)]), z, ways[rnd.IntN(2)])
		}
	}
}

func TestGzipReadErrors(t *testing.T) {
	broken := errors.New("broken")
	for _, s := range gzips(t) {
		if s.kind != "none" || len(s.data) > 3000 {
			continue
		}
		for n := range s.data {
			br := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(s.data[:n]), iotest.ErrReader(broken)), 16+n)
			z := &used.gzip
			err := z.Reset(br)
			for err == nil {
				if _, err = readAll(z, 1000); err == nil {
					err = z.Next()
				}
			}
			if s.name == "zeros behind" && kindOf(err) == "corrupt" {
				continue
			}
			if err != broken {
				t.Fatalf("%s, cut at %d: %v", s.name, n, err)
			}
			if _, again := z.Read(make([]byte, 1)); again != broken {
				t.Fatal("the error does not stay")
			}
		}
	}
}

// TestNoAllocs holds that members are read without allocations.
func TestNoAllocs(t *testing.T) {
	data := samples(t)["mixed"]
	one := wrapGzip(0, "", deflate(t, data, 6), data)
	src := bytes.NewReader(nil)
	br := bufio.NewReader(src)
	src.Reset(one)
	z, err := NewReader(br)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5000)
	n := testing.AllocsPerRun(10, func() {
		for err == nil {
			_, err = z.Read(buf)
		}
		if err != io.EOF {
			t.Fatal(err)
		}
		src.Reset(one)
		br.Reset(src)
		err = z.Next()
	})
	if n != 0 {
		t.Errorf("%v allocations a member", n)
	}
}

func TestReadNothing(t *testing.T) {
	z, err := NewReader(bufio.NewReader(bytes.NewReader(wrapGzip(0, "", []byte{3, 0}, nil))))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := z.Read(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for range 2 {
		if n, err := z.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%d, %v", n, err)
		}
	}
	if err := z.Next(); err != io.EOF {
		t.Errorf("%v", err)
	}
}

func FuzzGzip(f *testing.F) {
	for _, s := range gzips(f) {
		if len(s.data) < 4000 {
			f.Add(s.data, uint8(len(s.data)))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, w uint8) {
		sameGzip(t, "fuzz", data, ways[0], ways[int(w)%len(ways)])
	})
}
