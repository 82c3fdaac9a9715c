package inflate

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	kflate "github.com/klauspost/compress/flate"
)

// Decoders that are used again and again: so that resetting them is tested,
// and as making them takes longer than what they are to do.
var used struct {
	buffers map[int]*bufio.Reader
	out     []byte
	read    [256 << 10]byte
	raw     Raw
	gzip    Reader
	std     io.ReadCloser
}

// buffered gives a bufio.Reader with a buffer of size bytes.
func buffered(r io.Reader, size int) *bufio.Reader {
	if used.buffers == nil {
		used.buffers = map[int]*bufio.Reader{}
	}
	br := used.buffers[size]
	if br == nil {
		br = bufio.NewReaderSize(r, size)
		used.buffers[size] = br
	}
	br.Reset(r)
	return br
}

// outcome is all that there is to be seen of a decoder.
type outcome struct {
	out  []byte
	kind string // of the error
	used int    // stored bytes; -1 if it failed
}

// kindOf tells errors apart as far as both decoders do.
func kindOf(err error) string {
	var ours *CorruptError
	var theirs flate.CorruptInputError
	switch {
	case err == nil || err == io.EOF:
		return "none"
	case err == io.ErrUnexpectedEOF:
		return "breaks off"
	case errors.As(err, &ours), errors.As(err, &theirs):
		return "corrupt"
	}
	return err.Error()
}

func (o outcome) check(t testing.TB, what string, want outcome) {
	t.Helper()
	if o.kind != want.kind || o.used != want.used || !bytes.Equal(o.out, want.out) {
		n := 0
		for n < len(o.out) && n < len(want.out) && o.out[n] == want.out[n] {
			n++
		}
		t.Fatalf("%s: got %d bytes, error %q, %d used; want %d bytes, error %q, %d used; equal up to %d",
			what, len(o.out), o.kind, o.used, len(want.out), want.kind, want.used, n)
	}
}

// readAll reads r by reads of size bytes.
func readAll(r io.Reader, size int) ([]byte, error) {
	out := used.out[:0]
	for {
		n, err := r.Read(used.read[:size])
		out = append(out, used.read[:n]...)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			used.out = out[:0]
			return bytes.Clone(out), err
		}
	}
}

func stdRaw(data []byte) outcome {
	src := bytes.NewReader(data)
	if used.std == nil {
		used.std = flate.NewReader(src)
	}
	used.std.(flate.Resetter).Reset(src, nil)
	out, err := readAll(used.std, 64<<10)
	o := outcome{out, kindOf(err), -1}
	if err == nil {
		o.used = len(data) - src.Len()
	}
	return o
}

// way is how a stream is read.
type way struct {
	buffer, read int
	wrap         func(io.Reader) io.Reader
}

func (w way) String() string {
	return fmt.Sprintf("buffer %d, reads of %d, wrapped %v", w.buffer, w.read, w.wrap != nil)
}

var ways = []way{
	{64 << 10, 256 << 10, nil},
	{16, 1000, nil},
	{27, 100, iotest.HalfReader},
	{100, 7, iotest.OneByteReader},
	{4096, 1, iotest.DataErrReader},
	{37, 32 << 10, iotest.DataErrReader},
}

func ourRaw(data []byte, w way) outcome {
	src := bytes.NewReader(data)
	var r io.Reader = src
	if w.wrap != nil {
		r = w.wrap(r)
	}
	br := buffered(r, w.buffer)
	used.raw.Reset(br)
	out, err := readAll(&used.raw, w.read)
	o := outcome{out, kindOf(err), -1}
	if err == nil {
		rest, _ := io.ReadAll(br)
		o.used = len(data) - len(rest)
	}
	return o
}

// sameRaw holds the inflater to compress/flate.
func sameRaw(t testing.TB, what string, data []byte, ways ...way) outcome {
	t.Helper()
	want := stdRaw(data)
	for _, w := range ways {
		ourRaw(data, w).check(t, what+", "+w.String(), want)
	}
	return want
}

// bitWriter writes bits, first bit lowest.
type bitWriter struct {
	b []byte
	n uint
}

func (w *bitWriter) put(v uint32, n uint) *bitWriter {
	for i := range n {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
	return w
}

// code writes a Huffman code word, highest bit first.
func (w *bitWriter) code(v uint32, n uint) *bitWriter {
	return w.put(bits.Reverse32(v)>>(32-n), n)
}

// fixedLit writes a symbol in the fixed code.
func (w *bitWriter) fixedLit(sym int) *bitWriter {
	s := uint32(sym)
	switch {
	case s < 144:
		return w.code(0x30+s, 8)
	case s < 256:
		return w.code(0x190+s-144, 9)
	case s < 280:
		return w.code(s-256, 7)
	}
	return w.code(0xc0+s-280, 8)
}

// dynamic writes the header of a dynamic block with these lengths; every code
// length has a word of four bits.
func (w *bitWriter) dynamic(last uint32, lit, dist []uint8) *bitWriter {
	w.put(last, 1).put(2, 2)
	w.put(uint32(len(lit)-257), 5).put(uint32(len(dist)-1), 5).put(15, 4)
	for i := range 19 {
		if i < 3 {
			w.put(0, 3) // 16 to 18
		} else {
			w.put(4, 3)
		}
	}
	for _, n := range append(append([]uint8{}, lit...), dist...) {
		w.code(uint32(n), 4)
	}
	return w
}

// lens gives n code lengths, of which some are set: symbol, length, ...
func lens(n int, set ...int) []uint8 {
	l := make([]uint8, n)
	for i := 0; i < len(set); i += 2 {
		l[set[i]] = uint8(set[i+1])
	}
	return l
}

// zeros writes a run of n zeros: a literal and matches, in the fixed code.
func zeros(last uint32, n int) *bitWriter {
	w := new(bitWriter).put(last, 1).put(1, 2).fixedLit(0)
	for n--; n >= 258+3 || n == 258; n -= 258 {
		w.fixedLit(285).code(0, 5)
	}
	for ; n > 0; n-- {
		w.fixedLit(0)
	}
	return w
}

type stream struct {
	name string
	data []byte
	kind string
}

// streams are streams that show what must be accepted and what must not.
func streams() []stream {
	var s []stream
	add := func(name, kind string, w *bitWriter) { s = append(s, stream{name, w.b, kind}) }
	nw := func() *bitWriter { return new(bitWriter) }
	fx := func() *bitWriter { return nw().put(1, 1).put(1, 2) }
	const ok, bad, cut = "none", "corrupt", "breaks off"

	add("nothing", cut, nw())
	add("reserved type", bad, nw().put(1, 1).put(3, 2))
	add("fixed, empty", ok, fx().fixedLit(256))
	add("fixed, empty, with rubbish bits", ok, fx().fixedLit(256).put(0x3f, 6).put(0xdeadbeef, 32))
	add("fixed", ok, fx().fixedLit('a').fixedLit(200).fixedLit(256))
	add("fixed, overlap 1", ok, fx().fixedLit('a').fixedLit(285).code(0, 5).fixedLit(256))
	for d := 1; d <= 20; d++ {
		for _, l := range []int{257, 260, 264, 284, 285} {
			w := fx()
			for i := range d {
				w.fixedLit('a' + i)
			}
			w.fixedLit(l)
			if l == 284 {
				w.put(31, 5) // 258, as it may be written too
			}
			i := 0
			for i+1 < len(distBase) && int(distBase[i+1]) <= d {
				i++
			}
			w.code(uint32(i), 5).put(uint32(d)-uint32(distBase[i]), uint(distExtra[i]))
			add(fmt.Sprintf("fixed, distance %d, length code %d", d, l), ok, w.fixedLit(256))
		}
	}
	for _, sym := range []int{286, 287} {
		add(fmt.Sprintf("fixed, symbol %d", sym), bad, fx().fixedLit('a').fixedLit(sym).put(0, 32))
	}
	for _, sym := range []uint32{30, 31} {
		add(fmt.Sprintf("fixed, distance symbol %d", sym), bad, fx().fixedLit('a').fixedLit(257).code(sym, 5).put(0, 32))
	}
	add("distance too far", bad, fx().fixedLit('a').fixedLit(257).code(1, 5).fixedLit(256))
	add("distance too far at the beginning", bad, fx().fixedLit(257).code(0, 5).fixedLit(256))
	add("distance too far, more behind", bad, fx().fixedLit('a').fixedLit(257).code(1, 5).fixedLit(256).put(0, 32).put(0, 32).put(0, 32).put(0, 32).put(0, 32))
	for _, n := range []int{32767, 32768, 32769, 65536, outLimit - 1, outLimit, outLimit + 32768} {
		kind := ok
		if n < 32768 {
			kind = bad
		}
		w := zeros(1, n-1)
		w.fixedLit('x')
		add(fmt.Sprintf("distance 32768 after %d", n), kind, w.fixedLit(285).code(29, 5).put(8191, 13).fixedLit('y').fixedLit(256))
	}
	for n := outLimit - 260; n <= outLimit+3; n += 29 {
		add(fmt.Sprintf("match over the end of the buffer, after %d", n), ok,
			zeros(1, n).fixedLit('x').fixedLit('y').fixedLit('z').fixedLit(285).code(2, 5).fixedLit(285).code(29, 5).put(8191, 13).fixedLit(256))
	}

	stored := func(last uint32, b string) *bitWriter {
		w := nw().put(last, 1).put(0, 7)
		w.put(uint32(len(b)), 16).put(^uint32(len(b)), 16)
		for i := range len(b) {
			w.put(uint32(b[i]), 8)
		}
		return w
	}
	add("stored, empty", ok, stored(1, ""))
	add("stored", ok, stored(1, "hello"))
	add("stored, the longest", ok, stored(1, strings.Repeat("0123456789abcde", 65535/15)))
	add("stored, mismatch", bad, nw().put(1, 8).put(5, 16).put(5, 16).put(0, 40))
	add("stored, not the last", cut, stored(0, "hello"))
	w := stored(0, "hello")
	w.put(0, 1).put(1, 2).fixedLit(257).code(2, 5).fixedLit(256).put(0, 1).put(0, 2)
	for w.n%8 != 0 {
		w.put(1, 1) // padding is not looked at
	}
	w.put(0xffff0000, 32).put(1, 3)
	for w.n%8 != 0 {
		w.put(0, 1)
	}
	add("stored, fixed, empty stored, stored", ok, w.put(2, 16).put(^uint32(2), 16).put('h', 8).put('i', 8))

	// Two literals and the end, one distance.
	lit := lens(257, 'a', 1, 'b', 2, 256, 2)
	one := lens(1)
	add("dynamic", ok, nw().dynamic(1, lit, one).code(0, 1).code(2, 2).code(3, 2))
	add("dynamic, two blocks", ok, nw().dynamic(0, lit, one).code(0, 1).code(2, 2).code(3, 2).dynamic(1, lit, one).code(2, 2).code(3, 2))
	add("dynamic, only the end, one bit", ok, nw().dynamic(1, lens(257, 256, 1), one).code(0, 1))
	add("dynamic, only the end, the other bit", bad, nw().dynamic(1, lens(257, 256, 1), one).code(1, 1).put(0, 32))
	add("dynamic, only the end, two bits", bad, nw().dynamic(1, lens(257, 256, 2), one).code(0, 2))
	add("dynamic, only a literal, one bit", cut, nw().dynamic(1, lens(257, 'a', 1), one).code(0, 1).put(0, 64))
	add("dynamic, only a literal, then the other bit", bad, nw().dynamic(1, lens(257, 'a', 1), one).code(0, 1).put(0, 9).put(1, 1).put(0, 64))
	add("dynamic, no literal", bad, nw().dynamic(1, lens(257), one).put(0, 64))
	add("dynamic, no literal, nothing behind", bad, nw().dynamic(1, lens(257), one))
	add("dynamic, no end", cut, nw().dynamic(1, lens(257, 'a', 1, 'b', 1), one).put(0x55, 8))
	add("dynamic, over-subscribed literals", bad, nw().dynamic(1, lens(257, 'a', 1, 'b', 1, 256, 1), one).put(0, 64))
	add("dynamic, over-subscribed literals, a little", bad, nw().dynamic(1, lens(257, 'a', 1, 'b', 1, 256, 15), one).put(0, 64))
	add("dynamic, incomplete literals", bad, nw().dynamic(1, lens(257, 'a', 1, 256, 2), one).put(0, 64))
	add("dynamic, incomplete literals, a little", bad, nw().dynamic(1, lens(257, 'a', 1, 'b', 2, 'c', 3, 256, 4), one).put(0, 64))

	match := lens(258, 'a', 1, 256, 2, 257, 2) // a, end, length 3
	useDist := func(dist []uint8) *bitWriter {
		return nw().dynamic(1, match, dist).code(0, 1).code(3, 2)
	}
	add("dynamic, one distance", ok, useDist(lens(1, 0, 1)).code(0, 1).code(2, 2))
	add("dynamic, one distance, the other bit", bad, useDist(lens(1, 0, 1)).code(1, 1).code(2, 2).put(0, 128).put(0, 32))
	add("dynamic, one distance, the other bit, nothing behind", bad, useDist(lens(1, 0, 1)).code(1, 1))
	add("dynamic, one distance of two bits", bad, useDist(lens(1, 0, 2)).code(0, 2).code(2, 2))
	add("dynamic, no distance", bad, useDist(lens(1)).code(2, 2))
	add("dynamic, no distance, more behind", bad, useDist(lens(1)).code(2, 2).put(0, 128).put(0, 32))
	add("dynamic, two distances", ok, useDist(lens(2, 0, 1, 1, 1)).code(0, 1).code(2, 2))
	add("dynamic, three distances, incomplete", bad, useDist(lens(3, 0, 2, 1, 2, 2, 2)).code(0, 2).code(2, 2))
	add("dynamic, three distances, over-subscribed", bad, useDist(lens(3, 0, 1, 1, 1, 2, 1)).code(0, 1).code(2, 2))
	add("dynamic, 30 distances", ok, nw().dynamic(1, match, func() []uint8 {
		l := lens(30)
		for i := range l {
			l[i] = 5
		}
		l[28], l[29] = 4, 4
		return l
	}()).code(0, 1).code(3, 2).code(4, 5).code(2, 2))
	for _, n := range []uint32{0, 29, 30, 31} {
		for hdist := range uint32(2) {
			w := nw().put(1, 1).put(2, 2)
			if hdist == 1 {
				w.put(0, 5).put(n, 5)
			} else {
				w.put(n, 5).put(0, 5)
			}
			add(fmt.Sprintf("dynamic, %d as HLIT or HDIST (%d)", n, hdist), "", w.put(0, 4).put(0, 32))
		}
	}
	// Code length codes: the lengths of 16, 17, 18, 0.
	pre := func(a, b, c, d uint32) *bitWriter {
		return nw().put(1, 1).put(2, 2).put(0, 10).put(0, 4).put(a, 3).put(b, 3).put(c, 3).put(d, 3)
	}
	add("code lengths, none", bad, pre(0, 0, 0, 0).put(0, 64))
	add("code lengths, none, nothing behind", bad, pre(0, 0, 0, 0))
	add("code lengths, one", cut, pre(0, 0, 0, 1).put(0, 64))
	add("code lengths, one, the other bit", bad, pre(0, 0, 0, 1).put(0xff, 64))
	add("code lengths, one of two bits", bad, pre(0, 0, 0, 2).put(0, 64))
	add("code lengths, over-subscribed", bad, pre(1, 1, 1, 0).put(0, 64))
	add("code lengths, incomplete", bad, pre(2, 2, 2, 0).put(0, 64))
	add("code lengths, repeat at the beginning", bad, pre(1, 0, 1, 0).put(0, 64))
	add("code lengths, repeated over the end", bad, pre(1, 0, 1, 0).code(1, 1).put(127, 7).code(1, 1).put(127, 7).put(0, 64))
	add("code lengths, repeated to the end: no code", bad, pre(1, 0, 1, 0).code(1, 1).put(127, 7).code(1, 1).put(258-138-11, 7).put(0, 64))
	add("code lengths, one too many", bad, pre(1, 0, 1, 0).code(1, 1).put(127, 7).code(1, 1).put(259-138-11, 7).put(0, 64))

	// A code with words of every length: subtables.
	long := lens(286)
	for i := range 15 {
		long[i+1] = uint8(i + 1)
	}
	long[256] = 15
	w = nw().dynamic(1, long, lens(1))
	for n := uint(1); n <= 15; n++ {
		w.code(1<<n-2, n)
	}
	w.code(1<<14-2, 14).code(1<<15-2, 15).code(1<<15-2, 15).code(1<<13-2, 13)
	add("dynamic, words of 1 to 15 bits", ok, w.code(1<<15-1, 15))
	wide := lens(286)
	for i := range wide {
		wide[i] = 9
	}
	for i := range 512 - 286 {
		wide[i] = 8
	}
	add("dynamic, all symbols", ok, nw().dynamic(1, wide, lens(30, 0, 1, 1, 1)).code(7, 8).code(8, 8).code(511, 9).code(1, 1).code(482, 9))
	longDist := lens(30)
	for i := range 15 {
		longDist[i] = uint8(i + 1)
	}
	longDist[15] = 15
	w = nw().dynamic(1, match, longDist)
	for range 300 {
		w.code(0, 1)
	}
	for n := uint(1); n <= 15; n++ {
		w.code(3, 2).code(1<<n-2, n).put(0, uint(distExtra[n-1]))
	}
	add("dynamic, distances of 1 to 15 bits", ok, w.code(3, 2).code(1<<15-1, 15).put(1, 6).code(2, 2).put(0, 160))
	return s
}

func TestStreams(t *testing.T) {
	for _, s := range streams() {
		want := sameRaw(t, s.name, s.data, ways...)
		if s.kind != "" && want.kind != s.kind {
			t.Errorf("%s: compress/flate says %q; the test expects %q", s.name, want.kind, s.kind)
		}
		sameRaw(t, s.name+" and more", append(s.data[:len(s.data):len(s.data)], bytes.Repeat([]byte{0xa5}, 40)...), ways...)
	}
}

func TestTruncated(t *testing.T) {
	for _, s := range streams() {
		if len(s.data) > 2000 {
			continue
		}
		step := 1 + len(stdRaw(s.data).out)/5000
		for n := 0; n < len(s.data); n += step {
			sameRaw(t, fmt.Sprintf("%s, cut to %d", s.name, n), s.data[:n], ways[:3]...)
		}
	}
	for name, data := range samples(t) {
		data = data[:min(len(data), 700)]
		for _, level := range []int{1, 6, -2} {
			z := deflate(t, data, level)
			for n := range z {
				sameRaw(t, fmt.Sprintf("%s, level %d, cut to %d", name, level, n), z[:n], ways[n%3])
			}
		}
	}
}

// samples are data of several kinds.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 140_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	few := make([]byte, 50_000)
	for i := range few {
		few[i] = "abcd"[rnd.IntN(4)]
	}
	skewed := make([]byte, 100_000) // literals of very different lengths
	for i := range skewed {
		skewed[i] = byte(min(bits.LeadingZeros32(rnd.Uint32())*8+rnd.IntN(3), 255))
	}
	var far []byte // repeats 32 KiB back, and nearer and farther
	for len(far) < 200_000 {
		if d := 32768 + rnd.IntN(5) - 2; len(far) > d && rnd.IntN(3) > 0 {
			at := len(far) - d
			far = append(far, far[at:at+3+rnd.IntN(600)]...)
		} else {
			far = append(far, noise[rnd.IntN(1000):][:rnd.IntN(300)]...)
		}
	}
	var near []byte // short periods
	for len(near) < 100_000 {
		p := 1 + rnd.IntN(20)
		at := rnd.IntN(len(noise) - p)
		near = append(near, bytes.Repeat(noise[at:at+p], 1+rnd.IntN(60))...)
	}
	m := map[string][]byte{
		"nothing": {}, "a byte": {'x'}, "zeros": make([]byte, 300_000), "noise": noise, "few": few,
		"skewed": skewed, "far": far, "near": near,
		"mixed": bytes.Join([][]byte{few[:30000], noise[:50000], skewed[:50000], make([]byte, 50000), far[:50000]}, nil),
	}
	src, err := os.ReadFile("inflate_test.go")
	if err != nil {
		t.Fatal(err)
	}
	m["source"] = append(src, src...)
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m["program"] = exe[:min(len(exe), 250_000)]
	return m
}

func deflate(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	w.Close()
	return z.Bytes()
}

func TestLevels(t *testing.T) {
	for name, data := range samples(t) {
		for level := -2; level <= 9; level++ {
			z := deflate(t, data, level)
			w := ways[(level+2)%len(ways)]
			want := sameRaw(t, fmt.Sprintf("%s, level %d", name, level), append(z, "rest"...), ways[0], w)
			if !bytes.Equal(want.out, data) {
				t.Fatal("compress/flate gives other data")
			}
			if (level+len(name))%2 == 0 {
				continue
			}
			var k bytes.Buffer
			kw, err := kflate.NewWriter(&k, level)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(data); i += 100_000 {
				kw.Write(data[i:min(i+100_000, len(data))])
				if level%4 < 2 {
					kw.Flush()
				}
			}
			kw.Close()
			sameRaw(t, fmt.Sprintf("%s, klauspost level %d", name, level), k.Bytes(), ways[0], w)
		}
	}
}

// TestDamaged changes valid streams in many ways.
func TestDamaged(t *testing.T) {
	rounds := 70
	if testing.Short() {
		rounds = 30
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	var streamsOf [][]byte
	for _, s := range streams() {
		if len(s.data) < 1000 {
			streamsOf = append(streamsOf, s.data)
		}
	}
	for _, name := range []string{"source", "program", "few", "skewed", "near", "mixed", "far"} {
		data := samples(t)[name]
		for _, n := range []int{200, 5000, 60_000} {
			for _, level := range []int{-2, 1, 6, 9} {
				z := deflate(t, data[:min(n, len(data))], level)
				streamsOf = append(streamsOf, z, z, z)
			}
		}
	}
	for i, s := range streamsOf {
		for range max(2, rounds*500/(len(s)+500)) {
			z := append(mutate(rnd, s), make([]byte, rnd.IntN(2)*30)...)
			sameRaw(t, fmt.Sprintf("stream %d, %x", i, z[:min(len(z), 200)]), z, ways[0], ways[rnd.IntN(3)])
		}
	}
}

// mutate changes a stream a little.
func mutate(rnd *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + rnd.IntN(3) {
		if len(b) == 0 {
			return []byte{byte(rnd.Uint32())}
		}
		i := rnd.IntN(len(b))
		if rnd.IntN(2) == 0 {
			i = rnd.IntN(min(len(b), 100)) // where the codes are
		}
		switch rnd.IntN(6) {
		case 0, 1, 2:
			b[i] ^= 1 << rnd.IntN(8)
		case 3:
			b[i] = byte(rnd.Uint32())
		case 4:
			b = append(b[:i], b[i+1:]...)
		case 5:
			b = append(b[:i], append([]byte{byte(rnd.Uint32())}, b[i:]...)...)
		}
	}
	return b
}

// TestReadErrors holds that errors of the underlying reader come through, and
// no sooner than the data before them are given.
func TestReadErrors(t *testing.T) {
	broken := errors.New("broken")
	data := samples(t)["source"][:20_000]
	z := deflate(t, data, 6)
	for n := 0; n < len(z); n += 7 {
		want, werr := readAll(flate.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(z[:n]), iotest.ErrReader(broken)))), 4096)
		got, err := readAll(NewRaw(bufio.NewReaderSize(io.MultiReader(bytes.NewReader(z[:n]), iotest.ErrReader(broken)), 16+n%300)), 1+n%5000)
		if err != broken || werr != broken || !bytes.Equal(got, want) {
			t.Fatalf("cut at %d: %v, %v; %d bytes, want %d", n, err, werr, len(got), len(want))
		}
	}
	// Nothing is asked of the reader behind the end.
	for n := range 40 {
		z := append(deflate(t, data, 1+n%9), make([]byte, n)...)
		br := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(z), iotest.ErrReader(broken)), 16+n*50)
		got, err := readAll(NewRaw(br), 1000)
		rest, rerr := io.ReadAll(br)
		if err != nil || !bytes.Equal(got, data) || len(rest) != n || rerr != broken {
			t.Fatalf("%v, %v; %d bytes, %d behind them", err, rerr, len(got), len(rest))
		}
	}
}

// TestFlush holds that what a writer flushed is given before more is asked
// for.
func TestFlush(t *testing.T) {
	pr, pw := io.Pipe()
	defer pr.Close()
	texts := []string{"one", "two", "three"}
	go func() {
		w, _ := flate.NewWriter(pw, 6)
		for _, s := range texts {
			w.Write([]byte(s))
			w.Flush()
		}
		// Nothing more comes, and the end neither.
	}()
	r := NewRaw(bufio.NewReader(pr))
	for _, s := range texts {
		b := make([]byte, len(s))
		if _, err := io.ReadFull(r, b); err != nil || string(b) != s {
			t.Fatalf("%q, %v", b, err)
		}
	}
}

func TestCorruptError(t *testing.T) {
	data := append(deflate(t, samples(t)["source"][:5000], 6), make([]byte, 20)...)
	data[0] |= 6 // the reserved type
	_, err := readAll(NewRaw(bufio.NewReader(bytes.NewReader(data))), 100)
	var c *CorruptError
	if !errors.As(err, &c) || c.Offset != 1 || !strings.Contains(c.Error(), "reserved") || !strings.Contains(c.Error(), "offset 1") {
		t.Errorf("%#v", err)
	}
}

func FuzzInflate(f *testing.F) {
	for _, s := range streams() {
		if len(s.data) < 4000 {
			f.Add(s.data, uint8(len(s.data)))
		}
	}
	data := samples(f)["source"][:3000]
	for level := -2; level <= 9; level++ {
		f.Add(deflate(f, data, level), uint8(level+2))
	}
	f.Fuzz(func(t *testing.T, data []byte, w uint8) {
		sameRaw(t, "fuzz", data, ways[0], ways[int(w)%len(ways)])
	})
}
