package known

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// form is how a value is spelled. Prints store it: a number keeps its meaning.
type form uint8

const (
	plain form = iota
	inBase64
	inBase32
	inHex
	inURL
	inJSON
	inShell
	inXML
	reversed
	joined
	escaped
	crlf
	lf
	wrapped
	base64Wrapped
	inUTF16
	forms // how many there are

	formPart  form = 0x40
	formStart form = 0x80
)

var formNames = [forms]string{"plain", "base64", "base32", "hex", "url", "json", "shell", "xml", "reversed",
	"lines joined", "lines escaped", "crlf", "lf", "wrapped", "base64 wrapped", "utf-16"}

func (f form) kind() form  { return f & 0xc0 }
func (f form) valid() bool { return f&0x3f < forms && f.kind() != 0xc0 }

func (f form) String() string {
	name := formNames[f&0x3f]
	switch f.kind() {
	case formPart:
		return "part, " + name
	case formStart:
		return "start, " + name
	}
	return name
}

// spell gives the spellings of v, each in memory of its own, which is the
// taker's. They can be equal to each other; the first one says it best.
func spell(v []byte) iter.Seq2[form, []byte] {
	return func(yield func(form, []byte) bool) {
		more := true
		give := func(f form, t []byte) { more = more && yield(f, t) }
		text := string(v)
		lines := bytes.ContainsAny(v, "\r\n")

		give(plain, bytes.Clone(v))
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for before := range 3 {
				t := aligned(v, before, 6, func(b []byte) []byte { return enc.AppendEncode(nil, b) })
				by76, by64 := wrap(t, 76), wrap(t, 64)
				give(inBase64, t)
				if before == 0 { // base64(1) breaks lines at 76 columns, openssl's at 64
					give(base64Wrapped, by76)
					give(base64Wrapped, by64)
				}
			}
		}
		enc32 := base32.StdEncoding.WithPadding(base32.NoPadding)
		for before := range 5 {
			give(inBase32, aligned(v, before, 5, func(b []byte) []byte { return enc32.AppendEncode(nil, b) }))
		}
		low := hex.AppendEncode(nil, v)
		up := bytes.ToUpper(low)
		give(inHex, low)
		give(inHex, up)
		give(inURL, []byte(url.QueryEscape(text)))
		give(inURL, []byte(url.PathEscape(text)))
		if utf8.Valid(v) { // else these lose bytes, and would be found where the value is not
			give(inJSON, jsonText(text, true))
			give(inJSON, jsonText(text, false))
			var b bytes.Buffer
			if xml.EscapeText(&b, v) == nil && !strings.Contains(b.String(), "\uFFFD") {
				give(inXML, b.Bytes())
			}
			give(inXML, []byte(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)))
			give(inXML, []byte(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(text)))
			give(inUTF16, utf16LE(text))
		}
		give(inShell, bytes.ReplaceAll(v, []byte("'"), []byte(`'\''`)))
		give(inShell, []byte(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(text)))
		back := bytes.Clone(v)
		slices.Reverse(back)
		give(reversed, back)
		switch {
		case lines:
			unix := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
			give(lf, []byte(unix))
			give(joined, []byte(strings.ReplaceAll(unix, "\n", "")))
			give(escaped, []byte(strings.ReplaceAll(unix, "\n", `\n`)))
			give(crlf, []byte(strings.ReplaceAll(unix, "\n", "\r\n")))
		default:
			give(wrapped, wrap(v, 64))
		}
	}
}

// aligned encodes v as if before bytes stood in front of it, and returns the
// characters, of bits each, that come from v alone.
func aligned(v []byte, before, bits int, encode func([]byte) []byte) []byte {
	b := make([]byte, before, before+len(v))
	b = append(b, v...)
	t := encode(b)
	clear(b)
	from, to := (before*8+bits-1)/bits, len(b)*8/bits
	return t[min(from, to):to]
}

func jsonText(s string, html bool) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	if enc.Encode(s) != nil {
		return nil
	}
	t := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return t[1 : len(t)-1]
}

func utf16LE(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func wrap(v []byte, columns int) []byte {
	b := make([]byte, 0, len(v)+len(v)/columns)
	for len(v) > columns {
		b = append(b, v[:columns]...)
		b = append(b, '\n')
		v = v[columns:]
	}
	return append(b, v...)
}

// skipRun cuts a long repetition at the beginning of a spelling down to 7
// bytes. A value that begins with 40 zeros or spaces would have to be verified
// at every byte of every run of zeros or spaces; what comes behind it is as
// telling.
func skipRun(t []byte) []byte {
	for _, period := range []int{1, 2, 3, 4, 6, 8, 12} {
		n := period
		for n < len(t) && t[n] == t[n-period] {
			n++
		}
		if n >= 24 && n < len(t) {
			clear(t[:n-7])
			return t[n-7:]
		}
	}
	return t
}
