package layerwalk

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
)

// A Debian package is an ar archive (deb(5), ar(5)): of a member with the version of
// the format, and of compressed tars.
const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
)

func isDeb(head []byte) bool { return bytes.HasPrefix(head, []byte(arMagic+"de")) } // debian-binary

// deb unpacks the members of a Debian package.
func (u *Unpacker) deb(name string, br *bufio.Reader, depth int, yield func(*Entry) bool) bool {
	br.Discard(len(arMagic))
	for {
		header := make([]byte, arHeaderSize)
		switch _, err := io.ReadFull(br, header); err {
		case nil:
		case io.EOF:
			return true
		default:
			u.whole = false
			return true
		}
		size, err := strconv.ParseInt(string(bytes.TrimRight(header[48:58], " ")), 10, 64)
		if err != nil || size < 0 || string(header[58:]) != "`\n" {
			u.whole = false
			return true
		}
		member := string(bytes.TrimRight(header[:16], " /"))
		stored := &io.LimitedReader{R: br, N: size}
		limited := &unpackReader{u: u, r: stored}
		if !u.file(&Entry{Name: u.inside(name, CleanPath(member)), Type: TypeFile, Size: size, Header: header[:16], body: limited}, depth, yield) {
			return false
		}
		if io.Copy(io.Discard, limited); stored.N > 0 { // it breaks off, or gives too much
			u.whole = false
			return true
		}
		if size%2 == 1 {
			br.Discard(1)
		}
	}
}
