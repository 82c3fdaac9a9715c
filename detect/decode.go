package detect

import (
	"bytes"
	"slices"
	"sort"
	"unicode/utf8"
)

// What is encoded is found decoded. Each round notes the segments of its text
// that decode to text; segments close to each other and what is around them
// make a region, in which they are replaced by what they decode to; and the
// region is scanned like a file, except that only those matches count that have
// a decoded byte. It may have encoded segments of its own.
//
// The tests for a segment are cheap, and made only where something is known to
// be: at the start of a long word or behind a separator in it (words.go), at a
// per cent sign, at a "\u00", where eight bytes in sixteen look like UTF-16.

// Encoding is a way in which text can be written as other text.
type Encoding string

// The encodings that are decoded.
const (
	Base64  Encoding = "base64"  // RFC 4648, sections 4 and 5, with or without padding and line breaks
	Hex     Encoding = "hex"     // two digits a byte
	Percent Encoding = "percent" // RFC 3986, section 2.1
	Unicode Encoding = "unicode" // \u0041, as in JSON and JavaScript
	UTF16LE Encoding = "utf-16le"
	UTF16BE Encoding = "utf-16be"
	UTF32LE Encoding = "utf-32le"
	UTF32BE Encoding = "utf-32be"
)

// whole reports whether it is of whole texts, and not of single characters in
// one.
func (e Encoding) whole() bool { return e != Percent && e != Unicode }

const (
	maxDecode    = 5         // encodings within each other
	leastDecoded = 12        // bytes of text: no rule's match is much shorter
	leastHex     = 32        // digits
	leastWide    = 12        // characters of UTF-16 or UTF-32
	maxSegment   = 128 << 10 // bytes of encoded text; what is longer is decoded in pieces
	pieceOverlap = 8 << 10   // bytes of encoded text that two pieces share
	around       = 200       // bytes of a region around its segments
	maxRegion    = 1 << 20   // bytes of its text
)

// segment is a part of the text, d[from:to], that decodes to text.
type segment struct {
	encoding Encoding
	from, to int
	text     span // in scan.decoded
	lines    bool // it goes over several
	at       span // in the region's text
}

// decoding is what a scan knows of the encoded text of a round.
type decoding struct {
	depth    int    // how many encodings the text was taken out of
	only     []span // depth > 0: the parts of the text that were decoded
	cutLeft  bool   // depth > 0: the text goes on before its start,
	cutRight bool   // and behind its end

	segments []segment
	decoded  []byte // the texts of segments
	region   []byte
	spans    []span
	regionTo int // where in d the last region's segments end

	// Offsets in the stream: what lies before was looked into. A word that is
	// longer than a segment goes on at next; 0: there is none.
	wordDone, wideDone, escapeDone, percentDone, next int64

	nextHex  bool // it is hex
	wideSeen int  // in d: UTF-16 that is the next round's was seen up to here

	seen []seen // what was found encoded behind the round's commit point
}

// seen is a finding that two pieces of a long text can have.
type seen struct {
	order  int
	secret int64 // SecretOffset
}

// near reports whether both are the same. Which byte of a wide character comes
// first may have been told differently.
func (s seen) near(o seen) bool {
	return s.order == o.order && s.secret-o.secret < 4 && o.secret-s.secret < 4
}

func (sc *scan) decodes() bool { return sc.decoding.depth < sc.s.maxDecode }

// mayDecode reports whether a segment that starts at d[from:] is this round's.
func (sc *scan) mayDecode(from, to int) bool {
	if from < sc.from || from >= sc.commit {
		return false
	}
	if sc.decoding.depth == 0 {
		return true
	}
	// All else was looked into where it stood before.
	only := sc.decoding.only
	i := sort.Search(len(only), func(i int) bool { return from < only[i].hi })
	return i < len(only) && only[i].lo < to
}

// segment adds what d[from:to] decodes to, which was appended to decoded
// behind start, if it is worth a look.
func (sc *scan) segment(e Encoding, from, to, start int) bool {
	c := &sc.decoding
	if len(c.decoded)-start < leastDecoded && e.whole() || len(c.decoded) == start {
		c.decoded = c.decoded[:start]
		return false
	}
	c.segments = append(c.segments, segment{encoding: e, from: from, to: to, text: span{start, len(c.decoded)}})
	return true
}

// isText says which bytes are in text that is worth to be scanned: those of
// ASCII that can be shown, and blanks.
func isText(c byte) bool { return c >= ' ' && c < 0x7F || c == '\t' || c == '\n' || c == '\r' }

// encodedWord looks for base64 and hex in the word d[from:to].
func (sc *scan) encodedWord(from, to int) {
	c := &sc.decoding
	if from == sc.from && from > 0 && wordBytes[sc.d[from-1]] {
		// It began in a round before.
		if next := int(c.next - sc.base); c.next > 0 && next >= from && next < to {
			sc.pieceAt(next, to, c.nextHex)
		}
		return
	}
	if sc.base+int64(from) < c.wordDone {
		return
	}
	c.next = 0
	if !sc.mayDecode(from, to) {
		return
	}
	if from > 0 && sc.d[from-1] == '\\' && isEscape(sc.d[from]) {
		from++ // as in a JSON string of several lines
	}
	if sc.encodedFrom(from, to) {
		return
	}
	if c.depth > 0 {
		// A piece of a longer text may begin anywhere in a word.
		for i := from + 1; i < from+4; i++ {
			if sc.encodedFrom(i, to) {
				return
			}
		}
	}
	// Behind a separator, as in path/aGVsbG8… or 0x68656c6c6f….
	tries := 0
	for i := from; i < min(to-leastWord, from+64) && tries < 8; i++ {
		switch sc.d[i] {
		case '/', '+', '-', '_', 'x':
			if tries++; sc.encodedFrom(i+1, to) {
				return
			}
		}
	}
}

// isEscape reports whether c stands for a control character behind a backslash.
func isEscape(c byte) bool { return c == 'n' || c == 'r' || c == 't' || c == 'b' || c == 'f' }

// encodedFrom notes hex or base64 that begins at d[from:].
func (sc *scan) encodedFrom(from, to int) bool {
	if to-from < 16 {
		return false
	}
	// Most words are neither, as their first byte shows: in hex of text it is
	// text, and in base64, too, unless it is of a byte order mark or of UTF-32.
	a, b := sc.d[from], sc.d[from+1]
	if c, ok := hexByte(a, b); ok && mayBegin(c) && sc.hexAt(from, to) {
		return true
	}
	return mayBegin(base64Value[a]<<2|base64Value[b]>>4) && sc.base64At(from, to)
}

// mayBegin reports whether text, in any encoding of it, may begin with c.
func mayBegin(c byte) bool { return isText(c) || c == 0 || c >= 0xC2 }

// hexAt notes d[from:to], or as much of it as is hex, if it is text in hex.
func (sc *scan) hexAt(from, to int) bool {
	c, d := &sc.decoding, sc.d
	start, i := len(c.decoded), from
	for ; i+1 < to && i-from < maxSegment; i += 2 {
		b, ok := hexByte(d[i], d[i+1])
		if !ok {
			break
		}
		c.decoded = append(c.decoded, b)
		if n := len(c.decoded) - start; n == 4 && !looksLikeText(c.decoded[start:]) {
			break // most are digests
		}
	}
	if i-from < leastHex || !looksLikeText(c.decoded[start:]) {
		c.decoded = c.decoded[:start]
		return false
	}
	c.decoded = c.decoded[:start+textLength(c.decoded[start:])]
	c.wordDone = sc.base + int64(i)
	if !sc.segment(Hex, from, i, start) {
		return false
	}
	if i-from == maxSegment {
		sc.nextPiece(from, to, true)
	}
	return true
}

// nextPiece goes on with a word of which the segment from d[from:] was looked
// into, in this round or, if it starts there, in the next.
func (sc *scan) nextPiece(from, to int, isHex bool) {
	c := &sc.decoding
	next := from + maxSegment - pieceOverlap // multiples of four
	if next >= sc.commit {
		c.next, c.nextHex = sc.base+int64(next), isHex
	} else {
		sc.pieceAt(next, to, isHex)
	}
}

// pieceAt notes a piece of a word.
func (sc *scan) pieceAt(from, to int, isHex bool) {
	if isHex {
		sc.hexAt(from, to)
	} else {
		sc.base64At(from, to)
	}
}

// hexByte is the byte of two digits.
func hexByte(a, b byte) (c byte, ok bool) {
	hi, lo := hexValue(a), hexValue(b)
	return hi<<4 | lo, hi < 16 && lo < 16
}

// hexValue is the value of a digit, or more than 15.
func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xFF
}

// looksLikeText reports whether b starts as text does: in ASCII, or in UTF-16 of
// it, with or without a byte order mark.
func looksLikeText(b []byte) bool {
	for _, mark := range [...]string{"\xEF\xBB\xBF", "\xFF\xFE", "\xFE\xFF"} {
		b = bytes.TrimPrefix(b, []byte(mark))
	}
	b = b[:min(len(b), 12)]
next:
	for _, form := range [...]struct{ width, at int }{{2, 0}, {2, 1}, {4, 0}, {4, 3}} {
		for i, c := range b {
			if i%form.width == form.at && !isText(c) || i%form.width != form.at && c != 0 {
				continue next
			}
		}
		return true
	}
	// Of text in another language, or with fields that end with a zero, most of
	// twelve bytes can be something else; but few things look like UTF-8.
	zeros := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == 0:
			if zeros++; zeros > 2 {
				return false
			}
		case r == utf8.RuneError && utf8.FullRune(b[i:]), r < utf8.RuneSelf && !isText(b[i]):
			return false
		}
		i += n
	}
	return true
}

// textLength returns how much of b, which looks like text, is text. Zeros may be
// of UTF-16.
func textLength(b []byte) int {
	if i := slices.IndexFunc(b, func(c byte) bool { return c < 0x80 && c != 0 && !isText(c) }); i >= 0 {
		return i
	}
	return len(b)
}

// base64At notes d[from:to], and the lines after it that go on with it, if that
// is text in base64.
func (sc *scan) base64At(from, to int) bool {
	c, d := &sc.decoding, sc.d
	if to-from < 16 {
		return false
	}
	// Most words are none, as three bytes show, or twelve. The first may be of
	// a byte order mark or of UTF-32.
	var head [12]byte
	putBase64(head[:], d[from:])
	if a, b := head[0], head[1]; !mayBegin(a) || a < utf8.RuneSelf && a != 0 && !isText(b) && b != 0 && b < 0xC2 {
		return false
	}
	for i := 3; i < len(head); i += 3 {
		putBase64(head[i:], d[from+i/3*4:])
	}
	if !looksLikeText(head[:]) {
		return false
	}
	start, end := len(c.decoded), from
	var bits uint32
	n := 0
	add := func(from, to int) (on bool) {
		for i := from; i < to; i++ {
			bits = bits<<6 | uint32(base64Value[d[i]])
			if n++; n%4 == 0 {
				c.decoded = append(c.decoded, byte(bits>>16), byte(bits>>8), byte(bits))
			}
			if end = i + 1; n%64 == 0 && !sc.goesOn(start) {
				return false // it ends as something else
			}
		}
		return true
	}
	last := min(to, from+maxSegment)
	on := add(from, last)
	again := 0 // the line at which the next piece begins, if there is one
	for line := last - from; on && last == to && line >= 40 && n < maxSegment; {
		next := nextLine(d, end)
		to := wordEnd(d, next)
		if to == next || to-next > line || next == end {
			break
		}
		if n >= maxSegment-pieceOverlap && n%4 == 0 && again == 0 {
			again = next
		}
		if on = add(next, to); to-next < line {
			break // the last one
		}
	}
	switch n % 4 {
	case 2:
		c.decoded = append(c.decoded, byte(bits>>4))
	case 3:
		c.decoded = append(c.decoded, byte(bits>>10), byte(bits>>2))
	}
	c.decoded = c.decoded[:start+textLength(c.decoded[start:])]
	for pad := 0; pad < 2 && end < len(d) && d[end] == '='; pad++ {
		end++
	}
	c.wordDone = max(c.wordDone, sc.base+int64(end))
	if !sc.segment(Base64, from, end, start) {
		return false
	}
	c.segments[len(c.segments)-1].lines = end > to+2
	switch {
	case on && last < to:
		sc.nextPiece(from, to, false)
	case on && n >= maxSegment && again >= sc.commit:
		c.wordDone = sc.base + int64(again)
	case on && n >= maxSegment && again > 0:
		sc.base64At(again, wordEnd(d, again))
	}
	return true
}

// goesOn reports whether the last bytes of what was decoded behind start are
// text, too.
func (sc *scan) goesOn(start int) bool {
	text := sc.decoding.decoded[start:]
	return textLength(text[max(0, len(text)-48):]) == min(len(text), 48)
}

func putBase64(to, from []byte) {
	v := uint32(base64Value[from[0]])<<18 | uint32(base64Value[from[1]])<<12 | uint32(base64Value[from[2]])<<6 | uint32(base64Value[from[3]])
	to[0], to[1], to[2] = byte(v>>16), byte(v>>8), byte(v)
}

// nextLine returns where the text of the next line begins if a line ends at
// d[at:], and at if none does.
func nextLine(d []byte, at int) int {
	i := at
	switch rest := d[at:]; {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		i += 2
	case bytes.HasPrefix(rest, []byte("\n")):
		i++
	case bytes.HasPrefix(rest, []byte(`\r\n`)): // escaped, in a string
		i += 4
	case bytes.HasPrefix(rest, []byte(`\n`)):
		i += 2
	default:
		return at
	}
	for ; i < len(d) && (d[i] == ' ' || d[i] == '\t'); i++ {
	}
	return i
}

// percents notes the per cent signs in d[from:to] that stand for text.
func (sc *scan) percents(from, to int) {
	c, d := &sc.decoding, sc.d
	for i := max(from, int(c.percentDone-sc.base)); i < to; i++ {
		k := bytes.IndexByte(d[i:to], '%')
		if k < 0 || i+k >= sc.commit {
			return // what starts behind it is the next round's
		}
		i += k
		start, at := len(c.decoded), i
		for i+2 < len(d) && d[i] == '%' {
			b, ok := hexByte(d[i+1], d[i+2])
			if !ok || !isText(b) {
				break
			}
			c.decoded = append(c.decoded, b)
			i += 3
		}
		if i > at {
			if !sc.mayDecode(at, i) || !sc.segment(Percent, at, i, start) {
				c.decoded = c.decoded[:start]
			}
			c.percentDone = sc.base + int64(i)
			if i+3 > len(d) && !sc.end {
				c.percentDone -= pieceOverlap / 3 * 3 // it may go on behind the buffer
			}
			i--
		}
	}
}

// unicodeAt notes the \u escapes at d[at:], if they stand for text.
func (sc *scan) unicodeAt(at int) {
	c, d := &sc.decoding, sc.d
	if at >= sc.commit || sc.base+int64(at) < c.escapeDone {
		return
	}
	start, i := len(c.decoded), at
	for i+6 <= len(d) && d[i] == '\\' && d[i+1]|0x20 == 'u' && d[i+2] == '0' && d[i+3] == '0' {
		b, ok := hexByte(d[i+4], d[i+5])
		if !ok || !isText(b) {
			break
		}
		c.decoded = append(c.decoded, b)
		i += 6
	}
	c.escapeDone = sc.base + int64(i)
	if i+6 > len(d) && !sc.end {
		c.escapeDone -= pieceOverlap / 6 * 6 // it may go on behind the buffer
	}
	if i == at || !sc.mayDecode(at, i) || !sc.segment(Unicode, at, i, start) {
		c.decoded = c.decoded[:start]
	}
}

// wide notes the UTF-16 or UTF-32 around d[at:at+8], where every other byte is
// zero.
func (sc *scan) wide(at int) {
	c, d := &sc.decoding, sc.d
	if sc.base+int64(at) < c.wideDone || at < c.wideSeen {
		return
	}
	first, width := at, 2 // a character's ASCII byte, and its size
	if d[at] == 0 && (d[at+1]|d[at+5] != 0 || d[at+3]|d[at+7] != 0) {
		first++
	}
	switch a, b := d[first] != 0 && d[first+4] != 0, d[first+2] != 0 && d[first+6] != 0; {
	case a && b:
	case a && d[first+2]|d[first+6] == 0:
		width = 4
	case b && d[first]|d[first+4] == 0:
		first, width = first+2, 4
	default:
		return
	}
	// between reports whether text stands at d[i:], and zeros between it and
	// the next character.
	between := func(i int) bool {
		if i < 0 || i+width >= len(d) || !isText(d[i]) || !isText(d[i+width]) {
			return false
		}
		for k := 1; k < width; k++ {
			if d[i+k] != 0 {
				return false
			}
		}
		return true
	}
	lo, last := first, first
	for low := max(sc.from, int(c.wideDone-sc.base)-pieceOverlap); lo-width >= low && between(lo-width); {
		lo -= width
	}
	for last-lo < 2*maxSegment && between(last) {
		last += width
	}
	if lo >= sc.commit {
		c.wideSeen = last + width
		return
	}
	c.wideDone = sc.base + int64(last+width)
	from, to := lo, min(last+width, len(d))
	if n := (last-lo)/width + 1; n < leastWide || !sc.mayDecode(lo, to) {
		return
	}
	start := len(c.decoded)
	for i := lo; i <= last; i += width {
		c.decoded = append(c.decoded, d[i])
	}
	// Which of a character's bytes comes first shows at the ends only, if at
	// all: then one more ASCII character was taken in there.
	e, big := UTF16LE, UTF16BE
	if width == 4 {
		e, big = UTF32LE, UTF32BE
	}
	if zeros := make([]byte, width-1); bytes.HasSuffix(d[:lo], zeros) && !bytes.HasPrefix(d[last+1:], zeros) {
		e = big
		from, to = lo-width+1, last+1
	}
	sc.segment(e, from, to, start)
}

// looksWide reports whether x has ASCII at every other or every fourth byte,
// and zeros in between.
func looksWide(x uint64) bool {
	return x != 0 && (x&0xFF00FF00FF00FF00 == 0 || x&0x00FF00FF00FF00FF == 0)
}

// decode scans the round's segments for what rules match in what they decode
// to.
func (sc *scan) decode() {
	c := &sc.decoding
	if len(c.segments) == 0 {
		c.decoded, c.seen = c.decoded[:0], c.seen[:0]
		return
	}
	sc.s.few.encoded.Store(true)
	slices.SortStableFunc(c.segments, func(a, b segment) int { return a.from - b.from })
	segments := c.segments[:0]
	for _, s := range c.segments {
		if n := len(segments); n == 0 || s.to > segments[n-1].to || s.encoding != segments[n-1].encoding {
			segments = append(segments, s) // else it is inside of another
		}
	}
	c.regionTo = 0
	child := sc.s.scans.Get().(*scan)
	defer sc.s.scans.Put(child)
	for len(segments) > 0 {
		// One region, of segments that do not overlap.
		n, size := 1, 0
		for ; n < len(segments); n++ {
			s, gap := &segments[n], segments[n].from-segments[n-1].to
			if size += gap + s.text.hi - s.text.lo; gap < 0 || gap > 2*around || size > maxRegion {
				break
			}
		}
		sc.decodeRegion(child, segments[:n])
		segments = segments[n:]
	}
	c.segments, c.decoded = c.segments[:0], c.decoded[:0]
	c.seen = c.seen[:0]
	for _, f := range sc.found {
		if f.Encodings != nil && f.SecretOffset >= sc.base+int64(sc.commit) {
			c.seen = append(c.seen, seen{f.order, f.SecretOffset})
		}
	}
}

// decodeRegion is decode for the segments of one region.
func (sc *scan) decodeRegion(child *scan, segments []segment) {
	c := &sc.decoding
	lo := max(0, segments[0].from-around)
	hi := min(len(sc.d), segments[len(segments)-1].to+around)
	text, spans := c.region[:0], c.spans[:0]
	at := lo
	for i := range segments {
		s := &segments[i]
		text = append(text, sc.d[at:s.from]...)
		if s.encoding.whole() && s.from > 0 && wordBytes[sc.d[s.from-1]] {
			text = append(text, "\n\n"...) // it is a piece, or behind a separator
		}
		s.at.lo = len(text)
		text = append(text, c.decoded[s.text.lo:s.text.hi]...)
		if s.encoding.whole() {
			// A whole text: what comes after it is not of it, nor is it one
			// more line of what is encoded in it.
			text = append(text, "\n\n"...)
		}
		s.at.hi = len(text)
		spans = append(spans, s.at)
		at = s.to
	}
	text = append(text, sc.d[at:hi]...)
	c.region, c.spans = text, spans

	defer child.forget()
	child.path, child.anyPath = sc.path, sc.anyPath
	child.d, child.end, child.commit = text, true, len(text)
	child.decoding.depth, child.decoding.only = c.depth+1, spans
	child.decoding.cutLeft, child.decoding.cutRight = lo > 0 || c.cutLeft, hi < len(sc.d) || c.cutRight
	for _, i := range sc.used {
		if sc.rules[i].keyword {
			child.state(i).keyword = true
		}
	}
	child.round()
	for i := range child.found {
		f := &child.found[i]
		if child.cut >= 0 && f.start >= child.cut {
			break
		}
		if child.decoding.cutLeft && f.start < context || child.decoding.cutRight && f.End > int64(len(text)-context) || child.givesWay(f) {
			continue // its text may go on outside
		}
		s := touched(segments, int(f.SecretOffset), len(f.secret))
		if s == nil {
			s = touched(segments, int(f.Offset), int(f.End-f.Offset))
		}
		if s == nil {
			continue
		}
		g := *f
		g.Encodings = append([]Encoding{s.encoding}, f.Encodings...)
		offset := func(at int64) int64 { return sc.base + int64(sc.encodedAt(segments, lo, int(at))) }
		g.Offset, g.End = offset(f.Offset), offset(f.End)
		g.SecretOffset = offset(f.SecretOffset)
		g.SecretEnd = sc.base + int64(sc.encodedEnd(segments, lo, int(f.SecretEnd)))
		g.start = g.Offset
		if again := (seen{g.order, g.SecretOffset}); slices.ContainsFunc(c.seen, again.near) ||
			segments[0].from < c.regionTo && slices.ContainsFunc(sc.found, func(o finding) bool {
				return o.Encodings != nil && again.near(seen{o.order, o.SecretOffset})
			}) {
			continue // two pieces of one text
		}
		sc.found = append(sc.found, g)
	}
	c.regionTo = max(c.regionTo, segments[len(segments)-1].to)
	if child.cut >= 0 {
		if at := sc.base + int64(segments[0].from); sc.cut < 0 || at < sc.cut {
			sc.cut = at
		}
	}
}

// touched returns the first of the segments that has a byte of the region's
// text[at:at+n].
func touched(segments []segment, at, n int) *segment {
	i := sort.Search(len(segments), func(i int) bool { return at < segments[i].at.hi })
	if i == len(segments) || segments[i].at.lo >= at+n {
		return nil
	}
	return &segments[i]
}

// encodedAt returns where in d the region's text[at:] comes from, if the region
// begins at d[lo:].
func (sc *scan) encodedAt(segments []segment, lo, at int) int {
	i := sort.Search(len(segments), func(i int) bool { return at < segments[i].at.hi })
	if i < len(segments) && at >= segments[i].at.lo {
		return sc.encodedIn(&segments[i], at-segments[i].at.lo)
	}
	if i > 0 {
		s := &segments[i-1]
		return min(s.to+at-s.at.hi, len(sc.d))
	}
	return min(lo+at, len(sc.d))
}

// encodedEnd is encodedAt for an end: all that has a part of the byte before it
// is in front of it.
func (sc *scan) encodedEnd(segments []segment, lo, end int) int {
	s := touched(segments, end-1, 1)
	switch {
	case end == 0 || s == nil:
		return sc.encodedAt(segments, lo, end)
	case s.encoding == Base64:
		return sc.encodedIn(s, ((end-1-s.at.lo)/3+1)*3)
	}
	return sc.encodedIn(s, end-s.at.lo)
}

// encodedIn returns where in d the segment's byte n is encoded.
func (sc *scan) encodedIn(s *segment, n int) int {
	at := s.from
	switch s.encoding {
	case Hex, UTF16LE, UTF16BE:
		at += 2 * n
	case UTF32LE, UTF32BE:
		at += 4 * n
	case Percent:
		at += 3 * n
	case Unicode:
		at += 6 * n
	case Base64:
		if !s.lines {
			return min(at+n/3*4, s.to)
		}
		for k := n / 3 * 4; at < s.to; at++ {
			if wordBytes[sc.d[at]] {
				if k == 0 {
					break
				}
				k--
			}
		}
	}
	return min(at, s.to)
}
