package layerwalk

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/leakscan/leakscan/internal/inflate"
)

// The signatures and sizes of zip: PKWARE's APPNOTE.TXT, 4.3.
const (
	zipLocal      = "PK\x03\x04"
	zipDescriptor = "PK\x07\x08"
	zipLocalSize  = 30

	zipEncrypted  = 1 << 0
	zipDescribed  = 1 << 3 // sizes follow the data
	zipStored     = 0
	zipDeflated   = 8
	zip64Extra    = 1
	zip64Unstated = 1<<32 - 1
)

// zipStart is where in the first bytes of a file a zip begins: at once or, as that
// of an executable jar, a pex or a zipapp, behind a script. -1: nowhere.
func zipStart(head []byte) int {
	if bytes.HasPrefix(head, []byte(zipLocal)) {
		return 0
	}
	for _, before := range []string{"PK00", zipDescriptor, "JM\x01\x00"} { // of zips in parts, and of jmod
		if bytes.HasPrefix(head, []byte(before+zipLocal)) {
			return len(before)
		}
	}
	if !IsScript(head) {
		return -1
	}
	head = head[:min(len(head), ScriptHead)]
	for at := 0; ; at++ {
		i := bytes.Index(head[at:], []byte(zipLocal))
		if at += i; i < 0 || at+zipLocalSize > len(head) {
			return -1
		}
		// A version that there is, one of the methods, and a name.
		le := binary.LittleEndian
		if h := head[at:]; h[4] <= 63 && le.Uint16(h[8:]) < 100 && le.Uint16(h[26:]) > 0 {
			return at
		}
	}
}

// zip unpacks the members of a zip as they come: by the headers before them, and
// not by the directory at its end, which a stream has not got yet.
func (u *Unpacker) zip(name string, br *bufio.Reader, depth int, yield func(*Entry) bool) bool {
	le := binary.LittleEndian
	for {
		sig, _ := br.Peek(4)
		if string(sig) != zipLocal {
			// The directory follows, which names the members once more; whoever reads
			// the file itself has seen it.
			end := &zipEnd{br: br}
			if depth > 0 && !yield(&Entry{Name: name, Type: TypeUnparsed, Size: -1, body: end}) {
				return false
			}
			io.Copy(io.Discard, end)
			if sig, _ := br.Peek(4); string(sig) == zipLocal { // another one
				continue
			}
			rest, _ := io.Copy(io.Discard, br)
			if rest > 0 || !end.whole {
				u.whole = false
			}
			return true
		}
		header := make([]byte, zipLocalSize)
		if _, err := io.ReadFull(br, header); err != nil {
			u.whole = false
			return true
		}
		flags, method := le.Uint16(header[6:]), le.Uint16(header[8:])
		size, plain := int64(le.Uint32(header[18:])), int64(le.Uint32(header[22:]))
		named := int(le.Uint16(header[26:]))
		texts := make([]byte, named+int(le.Uint16(header[28:])))
		if _, err := io.ReadFull(br, texts); err != nil {
			u.whole = false
			return true
		}
		member, extra := texts[:named], texts[named:]
		wide := size == zip64Unstated || plain == zip64Unstated
		if wide {
			if size, wide = zip64Size(extra, size, plain); !wide {
				u.whole = false
				return true
			}
		}
		described := flags&zipDescribed != 0
		known := !described || size > 0
		e := &Entry{Name: u.inside(name, CleanPath(string(member))), Type: TypeFile, Size: -1, Header: texts}
		if bytes.HasSuffix(member, []byte("/")) && size == 0 && !described {
			e.Type = TypeDir
		}
		readable := flags&zipEncrypted == 0
		l := &u.levels[depth]
		var body io.Reader
		stored := io.LimitReader(br, size)
		switch {
		case readable && method == zipDeflated && described: // it knows its own end
			body = l.inflate(br)
		case readable && method == zipDeflated && size > 0:
			body = l.inflate(buffered(&l.member, stored))
		case readable && method == zipStored && described && size == 0:
			body = &zipUnsized{br: br}
		case known: // it is scanned as it is, also if it is encrypted
			body = stored
			u.whole = u.whole && readable && (method == zipStored || size == 0)
		default: // where it ends only its own decompressor could tell
			u.whole = false
			return true
		}
		limited := &unpackReader{u: u, r: body}
		if e.body = limited; known && size == 0 {
			e.Size = 0
		}
		if !u.file(e, depth, yield) {
			return false
		}
		io.Copy(io.Discard, limited)
		switch {
		case u.left <= 0, limited.broken && described:
			return true // where the next one begins is not known
		case !described:
			rest, _ := io.Copy(io.Discard, stored)
			if l.member != nil && readable && method == zipDeflated {
				rest += int64(l.member.Buffered())
			}
			u.whole = u.whole && rest == 0 // of what was no part of it
		case method == zipStored && size == 0: // its reader has read it
		case !zipSkipDescriptor(br):
			u.whole = false
			return true
		}
	}
}

// zipEnd reads what follows the members: the records of the directory, by their
// lengths (APPNOTE.TXT, 4.3.11 to 4.3.16).
type zipEnd struct {
	br    *bufio.Reader
	left  int64 // of a record
	whole bool  // the last record was there
}

func (z *zipEnd) Read(p []byte) (int, error) {
	if z.left == 0 {
		le := binary.LittleEndian
		h, _ := z.br.Peek(46)
		if len(h) < 6 || string(h[:2]) != "PK" {
			return 0, io.EOF
		}
		switch sig := string(h[2:4]); {
		case sig == "\x01\x02" && len(h) == 46: // a member
			z.left = 46 + int64(le.Uint16(h[28:])) + int64(le.Uint16(h[30:])) + int64(le.Uint16(h[32:]))
		case sig == "\x06\x06" && len(h) >= 12: // the end, of zip64
			z.left = 12 + int64(min(le.Uint64(h[4:]), 1<<40))
		case sig == "\x06\x07": // where that is
			z.left = 20
		case sig == "\x05\x05": // a signature
			z.left = 6 + int64(le.Uint16(h[4:]))
		case sig == "\x05\x06" && len(h) >= 22: // the end
			z.left, z.whole = 22+int64(le.Uint16(h[20:])), true
		default:
			return 0, io.EOF
		}
	}
	n, err := z.br.Read(p[:min(int64(len(p)), z.left)])
	z.left -= int64(n)
	if err != nil && z.left > 0 {
		z.whole = false
	}
	return n, err
}

// zipUnsized reads a stored member of which only what follows it tells the size: it
// ends where a descriptor with a signature has the checksum and the size of what
// was read so far.
type zipUnsized struct {
	br   *bufio.Reader
	n    uint64
	crc  uint32
	done bool
}

func (z *zipUnsized) Read(p []byte) (int, error) {
	if z.done || len(p) == 0 {
		return 0, io.EOF
	}
	b, err := z.br.Peek(min(len(p), 4<<10) + 26)
	i := bytes.Index(b, []byte(zipDescriptor))
	if i == 0 {
		le := binary.LittleEndian
		for _, n := range []int{16, 24} { // with sizes of 4 bytes, or of 8
			if len(b) < n+2 || string(b[n:n+2]) != "PK" || le.Uint32(b[4:]) != z.crc || n == 24 && le.Uint64(b[8:]) != z.n || n == 16 && uint64(le.Uint32(b[8:])) != z.n {
				continue
			}
			z.br.Discard(n)
			z.done = true
			return 0, io.EOF
		}
		i = 1 + max(bytes.Index(b[1:], []byte(zipDescriptor)), -1) // not this one
		if i == 0 {
			i = len(b)
		}
	}
	if i < 0 {
		i = len(b)
	}
	if i == len(b) && err == nil {
		i -= len(zipDescriptor) - 1 // a signature may begin there
	}
	if i == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, b[:i])
	z.crc = crc32.Update(z.crc, crc32.IEEETable, p[:n])
	z.n += uint64(n)
	z.br.Discard(n)
	return n, nil
}

// inflate gives the decompressor of a level.
func (l *unpackLevel) inflate(br *bufio.Reader) io.Reader {
	if l.raw == nil {
		l.raw = inflate.NewRaw(br)
	} else {
		l.raw.Reset(br)
	}
	return l.raw
}

// zipSkipDescriptor skips what follows the data of a member whose sizes its header
// does not state: a checksum and two sizes, of 4 bytes each or of 8, with a
// signature or without. What it is shows in what follows.
func zipSkipDescriptor(br *bufio.Reader) bool {
	b, _ := br.Peek(4 + 4 + 16 + 2)
	for _, n := range []int{4 + 12, 4 + 20, 12, 20} {
		signed := bytes.HasPrefix(b, []byte(zipDescriptor))
		if signed != (n == 16 || n == 24) {
			continue
		}
		if len(b) >= n+2 && string(b[n:n+2]) == "PK" {
			br.Discard(n)
			return true
		}
	}
	return false
}

// zip64Size finds the size of the data in the extra fields: those sizes stand there
// that the header does not state, first that of the contents.
func zip64Size(extra []byte, size, plain int64) (int64, bool) {
	le := binary.LittleEndian
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		extra = extra[4:]
		if n > len(extra) {
			return 0, false
		}
		if id == zip64Extra {
			f := extra[:n]
			if plain == zip64Unstated && len(f) >= 8 {
				f = f[8:]
			}
			if size != zip64Unstated {
				return size, true
			}
			if len(f) < 8 {
				return 0, false
			}
			wide := int64(le.Uint64(f))
			return wide, wide >= 0
		}
		extra = extra[n:]
	}
	return 0, false
}
