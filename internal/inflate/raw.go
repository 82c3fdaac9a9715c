package inflate

import "bufio"

// Raw reads a bare DEFLATE stream (RFC 1951), as it stands in a zip. Errors and
// memory are those of [Reader].
type Raw struct {
	inf inflater
	out []byte // decoded, not yet given
	err error
}

// NewRaw makes a Raw of br. While it is read nobody else may read br; when it gave
// io.EOF, br is just behind the stream.
func NewRaw(br *bufio.Reader) *Raw {
	r := &Raw{}
	r.Reset(br)
	return r
}

// Reset makes r what NewRaw makes of br, but uses its memory again.
func (r *Raw) Reset(br *bufio.Reader) {
	r.inf.offset = 0
	r.inf.reset(br)
	r.out, r.err = nil, nil
}

// Read gives the next bytes, and io.EOF at the end of the stream.
func (r *Raw) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		r.out, r.err = r.inf.next()
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}
