package detect

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/leakscan/leakscan/rules"
)

// What a secret says about itself, without asking anybody: checksums, dates,
// structure. A check that fails makes a match info, never nothing: the check
// may be wrong, or the provider's format may have changed.

// finger is what a check says. The zero value: nothing.
type finger struct {
	info     string         // why it can't be a secret that opens anything
	note     string         // worth knowing
	severity rules.Severity // in place of the rule's; "": the same
}

const rightChecksum = "its checksum is right"

const badChecksum = "its checksum does not match: it was never issued"

// checks are the values of rules.Rule.Valid. now is for what expires.
func check(name string, secret []byte, now time.Time) finger {
	switch name {
	case "github-crc32", "npm-crc32":
		return checkBase62(secret)
	case "gitlab-routable":
		return checkGitlab(secret)
	case "jwt":
		return checkJWT(secret, now)
	case "nkey":
		return checkNkey(secret)
	case "age":
		return checkAge(secret)
	case "pem":
		return checkPEM(secret)
	case "stripe-mode":
		return checkMode(secret)
	case "aws-key-id":
		return checkAWS(secret)
	}
	return finger{}
}

// Checks are the names that rules.Rule.Valid may have.
func Checks() []string {
	return []string{"github-crc32", "npm-crc32", "gitlab-routable", "jwt", "nkey", "age", "pem", "stripe-mode", "aws-key-id"}
}

// checkBase62: a prefix and an underscore, 30 random characters, 6 of their
// CRC-32 in base 62 (GitHub since 2021, npm after it).
func checkBase62(secret []byte) finger {
	body := secret[bytes.LastIndexByte(secret, '_')+1:]
	if len(body) != 36 {
		return finger{} // of another form
	}
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE(body[:30])
	var want [6]byte
	for i := len(want) - 1; i >= 0; i-- {
		want[i] = digits[sum%62]
		sum /= 62
	}
	if !bytes.Equal(want[:], body[30:]) {
		return finger{info: badChecksum}
	}
	return finger{note: rightChecksum}
}

// checkGitlab: a routable token ends with a CRC-32 of all before, in seven
// digits of base 36, after a payload, its version and its length.
func checkGitlab(secret []byte) finger {
	if bytes.Count(secret, []byte(".")) < 1 || len(secret) < 40 {
		return finger{}
	}
	body, sum := secret[:len(secret)-7], secret[len(secret)-7:]
	want := strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 36)
	if strings.Repeat("0", 7-len(want))+want != string(sum) {
		return finger{info: badChecksum}
	}
	return finger{note: rightChecksum}
}

// checkJWT reads a JSON Web Token (RFC 7519).
func checkJWT(secret []byte, now time.Time) finger {
	parts := bytes.Split(secret, []byte("."))
	if len(parts) < 2 {
		return finger{}
	}
	part := func(b []byte, v any) bool {
		text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(string(b), "="))
		return err == nil && json.Unmarshal(text, v) == nil
	}
	var header struct {
		Alg, Typ string
		Enc      string
	}
	var claims struct {
		Exp  json.Number
		Iss  any
		Role any
		Sub  any
	}
	if !part(parts[0], &header) {
		return finger{info: "it is no JSON Web Token: its header can't be decoded"}
	}
	if header.Enc != "" || !part(parts[1], &claims) {
		return finger{} // encrypted, or claims of another form
	}
	if claims.Role == "anon" {
		return finger{info: "a key of the role anon, which is meant to be public"}
	}
	if len(parts) > 2 && len(parts[2]) == 0 {
		return finger{info: "it has no signature"}
	}
	f := finger{}
	if claims.Role == "service_role" {
		f = finger{note: "of the role service_role, which passes every policy", severity: rules.SeverityCritical}
	}
	if exp, err := claims.Exp.Float64(); err == nil && exp > 0 && exp < 1e11 {
		at := time.Unix(int64(exp), 0).UTC()
		if at.Before(now) {
			return finger{info: "it expired on " + at.Format(time.DateOnly)}
		}
		f.note = strings.TrimPrefix(f.note+"; it expires on "+at.Format(time.DateOnly), "; ")
	}
	return f
}

// checkNkey: base 32 with a CRC-16 (XMODEM) of all before in its last two
// bytes, least first (github.com/nats-io/nkeys).
func checkNkey(secret []byte) finger {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(secret))
	if err != nil || len(raw) < 4 {
		return finger{}
	}
	body, sum := raw[:len(raw)-2], binary.LittleEndian.Uint16(raw[len(raw)-2:])
	crc := uint16(0)
	for _, b := range body {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	if crc != sum {
		return finger{info: badChecksum}
	}
	return finger{note: rightChecksum}
}

// checkAge: bech32 (BIP 173).
func checkAge(secret []byte) finger {
	const digits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	text := strings.ToLower(string(secret))
	hrp, data, ok := strings.Cut(text, "1")
	if !ok || len(data) < 6 {
		return finger{}
	}
	sum := uint32(1)
	add := func(v byte) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 != 0 {
				sum ^= g
			}
		}
	}
	for i := range len(hrp) {
		add(hrp[i] >> 5)
	}
	add(0)
	for i := range len(hrp) {
		add(hrp[i] & 31)
	}
	for i := range len(data) {
		v := strings.IndexByte(digits, data[i])
		if v < 0 {
			return finger{}
		}
		add(byte(v))
	}
	if sum != 1 {
		return finger{info: badChecksum}
	}
	return finger{note: rightChecksum}
}

// checkMode: Stripe's keys say whether they move money.
func checkMode(secret []byte) finger {
	if bytes.Contains(secret, []byte("_test_")) {
		return finger{note: "a key of the test mode: it moves no money", severity: rules.SeverityLow}
	}
	return finger{}
}

// checkAWS: a key ID made since 2019 has the account's number in it, behind
// its prefix, in base 32, shifted by 7 bits.
func checkAWS(secret []byte) finger {
	if bytes.HasSuffix(secret, []byte("EXAMPLE")) {
		return finger{info: "an example of AWS' documentation"}
	}
	if len(secret) != 20 || secret[4] < 'Q' && secret[4] >= 'A' {
		return finger{} // of before 2019
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(secret[4:]))
	if err != nil || len(raw) < 6 {
		return finger{}
	}
	var n uint64
	for _, b := range raw[:6] {
		n = n<<8 | uint64(b)
	}
	account := n & 0x7fffffffff80 >> 7
	if account >= 1e12 {
		return finger{}
	}
	return finger{note: fmt.Sprintf("of the AWS account %012d", account)}
}

// checkPEM looks into a private key in PEM.
func checkPEM(secret []byte) finger {
	const mark = "-----"
	_, rest, ok := bytes.Cut(secret, []byte(mark))
	if !ok {
		return finger{}
	}
	label, rest, ok := bytes.Cut(rest, []byte(mark))
	if !ok {
		return finger{}
	}
	body, _, closed := bytes.Cut(rest, []byte(mark+"END"))
	if !closed {
		body, _, _ = bytes.Cut(rest, []byte(mark)) // END may be cut, or written otherwise
	}
	encrypted := bytes.Contains(label, []byte("ENCRYPTED")) || bytes.Contains(body, []byte("Proc-Type: 4,ENCRYPTED")) || bytes.Contains(body, []byte("DEK-Info:"))
	if i := bytes.LastIndex(body, []byte(": ")); i >= 0 { // headers, of which there are few
		if nl := bytes.IndexByte(body[i:], '\n'); nl >= 0 {
			body = body[i+nl:]
		}
	}
	if bytes.Contains(body, []byte("...")) || bytes.Contains(body, []byte("…")) || bytes.Contains(body, []byte("xxxxxxxx")) || bytes.Contains(body, []byte("XXXXXXXX")) {
		return finger{info: "what is between its marks is left out"}
	}
	if bytes.Contains(label, []byte("PGP")) {
		if len(body) < 100 {
			return finger{info: "there is no key between its marks"}
		}
		return finger{}
	}
	compact := compactPEM(body)
	if len(compact) < 40 {
		return finger{info: "there is no key between its marks"}
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(compact), "="))
	if err != nil {
		if len(compact) >= 400 && mostlyBase64(compact) {
			return finger{} // lines put together in a way that isn't known here
		}
		if len(compact)%4 == 1 || bytes.IndexFunc(compact, func(r rune) bool { return !isAlnum(byte(r)) && r != '+' && r != '/' && r != '=' }) >= 0 {
			return finger{info: "what is between its marks is no key: it can't be decoded"}
		}
		return finger{}
	}
	switch {
	case encrypted:
		return finger{note: "encrypted with a passphrase", severity: rules.SeverityLow}
	case bytes.HasPrefix(der, []byte("openssh-key-v1\x00")):
		return checkOpenSSH(der)
	case len(der) > 4 && der[0] == 0x30:
		if n := derLength(der); n > len(der)+2 {
			return finger{info: fmt.Sprintf("it is cut short: %d of %d bytes", len(der), n)}
		}
	}
	return finger{}
}

// mostlyBase64 reports whether four fifths of a text are characters of base64.
func mostlyBase64(b []byte) bool {
	n := 0
	for _, c := range b {
		if isAlnum(c) || c == '+' || c == '/' || c == '=' {
			n++
		}
	}
	return n*5 >= len(b)*4
}

// compactPEM takes line ends out, also those that are written as \n, and what
// stands around lines in source code.
func compactPEM(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		switch c := body[i]; c {
		case '\\':
			if i+1 < len(body) && (body[i+1] == 'n' || body[i+1] == 'r' || body[i+1] == 't') {
				i++
			}
		case ' ', '\t', '\r', '\n', '"', '\'', ',', '`', '|', '>', '#', '*':
		case '+': // of base64, or between two strings
			if k := bytes.TrimLeft(body[i+1:], " \t\r\n"); len(k) > 0 && (k[0] == '"' || k[0] == '\'') {
				continue
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

// derLength is the length of an ASN.1 value with its header.
func derLength(der []byte) int {
	n := int(der[1])
	if n < 0x80 {
		return n + 2
	}
	k := n & 0x7f
	if k > 3 || len(der) < 2+k {
		return 0
	}
	n = 0
	for _, b := range der[2 : 2+k] {
		n = n<<8 | int(b)
	}
	return n + 2 + k
}

// checkOpenSSH tells an encrypted key of OpenSSH's own format by its cipher.
func checkOpenSSH(der []byte) finger {
	b := der[len("openssh-key-v1\x00"):]
	if len(b) < 4 {
		return finger{info: "it is cut short"}
	}
	n := int(binary.BigEndian.Uint32(b))
	if n < 0 || n > len(b)-4 || n > 64 {
		return finger{}
	}
	if cipher := string(b[4 : 4+n]); cipher != "none" {
		return finger{note: "encrypted with a passphrase", severity: rules.SeverityLow}
	}
	return finger{}
}

// published reports whether the secret is one that everybody has: from a
// documentation, or a key of a well-known test.
func published(secret []byte) (string, bool) {
	text := bytes.TrimSpace(secret)
	if bytes.HasPrefix(text, []byte("-----BEGIN")) {
		if _, rest, ok := bytes.Cut(text[len("-----BEGIN"):], []byte("-----")); ok {
			body, _, _ := bytes.Cut(rest, []byte("-----"))
			text = compactPEM(body)
		}
	}
	sum := sha256.Sum256(text)
	what, ok := rules.Published()[[8]byte(sum[:8])]
	return what, ok
}
