package formats

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// Keys that are not in PEM, which a pattern finds anywhere.

// The rules of this file.
const (
	rulePuTTY     = "putty-private-key"
	ruleDER       = "der-private-key"
	ruleGPGAgent  = "gpg-agent-key"
	ruleGPGRing   = "gpg-secret-keyring"
	ruleJWK       = "jwk-private-key"
	ruleWireGuard = "wireguard-private-key"
	ruleOpenVPN   = "openvpn-static-key"
	ruleTor       = "tor-onion-key"
	ruleKeytab    = "kerberos-keytab"
	ruleTSIG      = "dns-tsig-key"
	ruleDNSSEC    = "dnssec-private-key"
	ruleMinisign  = "minisign-secret-key"
	ruleHostKey   = "ssh-host-key"
	ruleJKS       = "java-keystore"
	rulePKCS12    = "pkcs12-keystore"
	ruleXMLKey    = "xml-rsa-private-key"
	ruleEthereum  = "ethereum-keystore"
)

// keys adds the keys that the file is, or holds.
func keys(d *doc) {
	t := d.text
	switch {
	case len(t) == 0:
	case bytes.HasPrefix(t, []byte("PuTTY-User-Key-File-")):
		putty(d)
	case bytes.HasPrefix(t, []byte("== ed25519v1-secret: type0 ==\x00")) && len(t) >= 96:
		d.add(Hit{Rule: ruleTor, From: 32, To: 96})
	case len(t) > 8 && t[0] == 5 && t[1] == 2 && keytab(t):
		d.add(Hit{Rule: ruleKeytab, From: 0, To: len(t)})
	case bytes.HasPrefix(t, []byte{0xFE, 0xED, 0xFE, 0xED}) && jksHasKey(t), bytes.HasPrefix(t, []byte{0xCE, 0xCE, 0xCE, 0xCE}):
		d.add(Hit{Rule: ruleJKS, From: 0, To: len(t), Note: "its keys are protected by a password"})
	case t[0] == 0x30:
		der(d)
	case bytes.HasPrefix(t, []byte("untrusted comment: ")) || bytes.HasPrefix(t, []byte("Private-key-format: v1.")):
		minisign(d)
		dnssec(d)
	case t[0] == '(' && (bytes.HasPrefix(t, []byte("(11:private-key")) || bytes.HasPrefix(t, []byte("(21:protected-private-key")) || bytes.HasPrefix(t, []byte("(private-key")) || bytes.HasPrefix(t, []byte("(protected-private-key"))), bytes.HasPrefix(t, []byte("Key: (")), bytes.HasPrefix(t, []byte("Created: ")) && has(t[:min(len(t), 300)], "Key: ("):
		h := Hit{Rule: ruleGPGAgent, From: 0, To: len(t)}
		if has(t, "protected-private-key") {
			h.Note, h.Encrypted = "encrypted with a passphrase", true
		}
		d.add(h)
	case pgpSecret(t, true):
		d.add(Hit{Rule: ruleGPGRing, From: 0, To: len(t)})
	}
	if d.binary || len(t) == 0 {
		return
	}
	switch ext := d.base[strings.LastIndexByte(d.base, '.')+1:]; {
	case t[0] == '<':
		xmlKey(d)
	case t[0] == '{' || t[0] == '[' && ext != "conf" || ext == "json" || ext == "jwk" || ext == "jwks":
		jwk(d)
		ethereum(d)
	case ext == "conf" || ext == "key" || ext == "ovpn" || ext == "nsd" || ext == "knot" || ext == "cfg" || ext == "network" || ext == "netdev" || t[0] == '-' || t[0] == '#' || t[0] == '[' || t[0] == 'k':
		wireGuard(d)
		openVPN(d)
		tsig(d)
	}
}

// putty: a key of PuTTY, whose private lines follow their count.
func putty(d *doc) {
	t := d.text
	note := ""
	if enc := lineValue(t, "Encryption: "); len(enc) > 0 && !bytes.Equal(enc, []byte("none")) {
		note = "encrypted with a passphrase"
	}
	i := bytes.Index(t, []byte("Private-Lines: "))
	if i < 0 {
		return
	}
	nl := bytes.IndexByte(t[i:], '\n')
	if nl < 0 {
		return
	}
	from := i + nl + 1
	to := len(t)
	if k := bytes.Index(t[from:], []byte("Private-M")); k >= 0 {
		to = from + k
	}
	from, to = trimAll(t, from, to)
	if to-from >= 20 {
		d.add(Hit{Rule: rulePuTTY, From: from, To: to, Note: note, Encrypted: note != ""})
	}
}

// lineValue returns what follows a name at the start of a line.
func lineValue(t []byte, name string) []byte {
	for from, to := range lines(t) {
		if bytes.HasPrefix(t[from:to], []byte(name)) {
			return bytes.TrimSpace(t[from+len(name) : to])
		}
	}
	return nil
}

func trimAll(t []byte, from, to int) (int, int) {
	for from < to && (blank(t[from]) || t[from] == '\n') {
		from++
	}
	for to > from && (blank(t[to-1]) || t[to-1] == '\n') {
		to--
	}
	return from, to
}

// keytab checks the first entry of a keytab of MIT's form: its size, the number
// of components, and names that are text.
func keytab(t []byte) bool {
	if len(t) < 20 {
		return false
	}
	size := int(int32(binary.BigEndian.Uint32(t[2:])))
	n := int(binary.BigEndian.Uint16(t[6:]))
	realm := int(binary.BigEndian.Uint16(t[8:]))
	if size < 10 || size > len(t)-6 || n < 1 || n > 8 || realm < 1 || realm > 200 || 10+realm > len(t) {
		return false
	}
	for _, c := range t[10 : 10+realm] {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// jksHasKey reports whether a keystore of Java's own form has a private key: its
// first entry's tag is 1. One that begins with certificates is a truststore,
// in all likelihood; it may have keys behind them.
func jksHasKey(t []byte) bool {
	return len(t) > 16 && binary.BigEndian.Uint32(t[8:]) > 0 && binary.BigEndian.Uint32(t[12:]) == 1
}

// der is for a key, or keys with certificates, in binary ASN.1.
func der(d *doc) {
	t := d.text
	if len(t) < 40 || len(t) > 1<<16 {
		return
	}
	n := asn1Len(t)
	if n < 40 || n > len(t) {
		return
	}
	b := t[:n]
	// The cheap question first: a key begins with a small version number.
	head := b[min(len(b), hdrLen(t)):]
	if len(head) < 5 || head[0] != 2 && head[0] != 0x30 {
		return
	}
	switch {
	case isPKCS8(b), isPKCS1(b), isEC(b):
		d.add(Hit{Rule: ruleDER, From: 0, To: n})
	case head[0] == 2 && head[1] == 1 && head[2] == 3 && has(b, "\x2a\x86\x48\x86\xf7\x0d\x01\x07"):
		if strings.HasSuffix(d.base, ".p12") || strings.HasSuffix(d.base, ".pfx") {
			return // the path tells already
		}
		d.add(Hit{Rule: rulePKCS12, From: 0, To: n, Note: "its keys are protected by a password"})
	case head[0] == 0x30 && has(b[:min(len(b), 64)], "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"): // PBES2: an encrypted PKCS #8
		d.add(Hit{Rule: ruleDER, From: 0, To: n, Note: "encrypted with a passphrase", Encrypted: true})
	}
}

func isPKCS8(b []byte) bool { _, err := x509.ParsePKCS8PrivateKey(b); return err == nil }
func isPKCS1(b []byte) bool { _, err := x509.ParsePKCS1PrivateKey(b); return err == nil }
func isEC(b []byte) bool    { _, err := x509.ParseECPrivateKey(b); return err == nil }

// asn1Len is the length of the value at the start of t, with its header.
func asn1Len(t []byte) int {
	if len(t) < 4 {
		return 0
	}
	switch n := int(t[1]); {
	case n < 0x80:
		return n + 2
	case n == 0x81:
		return int(t[2]) + 3
	case n == 0x82:
		return int(t[2])<<8 + int(t[3]) + 4
	}
	return 0
}

func hdrLen(t []byte) int {
	if t[1] < 0x80 {
		return 2
	}
	return 2 + int(t[1]&0x7f)
}

// pgpSecret reports whether a file begins with a secret-key packet of OpenPGP
// (RFC 9580, 4.2): tag 5 or 7, a version, and a time since 1995. whole: it is all
// of the file, so it has the whole packet.
func pgpSecret(t []byte, whole bool) bool {
	if len(t) < 32 {
		return false
	}
	i := 0
	switch c := t[0]; {
	case c == 0x94 || c == 0x9c: // old form, one byte of length
		i = 2
	case c == 0x95 || c == 0x9d:
		i = 3
		if n := int(binary.BigEndian.Uint16(t[1:])); whole && n > len(t) {
			return false
		}
	case c == 0xc5 || c == 0xc7:
		i = 2
		if t[1] >= 192 && t[1] < 224 {
			i = 3
		} else if t[1] >= 224 {
			return false
		}
	default:
		return false
	}
	version, made, algorithm := t[i], binary.BigEndian.Uint32(t[i+1:]), t[i+5]
	return (version == 4 || version == 6) && made > 788918400 && made < 4102444800 && (algorithm <= 3 && algorithm > 0 || algorithm >= 16 && algorithm <= 28)
}

// minisign and signify: a comment, then the base64 of a key that says how it
// was made.
func minisign(d *doc) {
	t := d.text
	first := t
	if i := bytes.IndexByte(t, '\n'); i >= 0 {
		first = t[:i]
	}
	if !bytes.HasPrefix(first, []byte("untrusted comment: ")) || !has(first, "secret key") {
		return
	}
	from, to := trimAll(t, len(first), len(t))
	if i := bytes.IndexByte(t[from:to], '\n'); i >= 0 {
		to = from + i
	}
	raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(t[from:to])))
	if err != nil || len(raw) < 100 || raw[0] != 'E' {
		return
	}
	note := "encrypted with a passphrase"
	if len(raw) >= 8 && (bytes.Equal(raw[2:4], []byte{0, 0}) || len(raw) == 104 && bytes.Equal(raw[4:8], make([]byte, 4))) {
		note = ""
	}
	d.add(Hit{Rule: ruleMinisign, From: from, To: to, Note: note, Encrypted: note != ""})
}

// dnssec: a key as dnssec-keygen writes it.
func dnssec(d *doc) {
	t := d.text
	if !bytes.HasPrefix(t, []byte("Private-key-format:")) {
		return
	}
	for from, to := range lines(t) {
		for _, name := range []string{"PrivateKey: ", "PrivateExponent: ", "Key: "} {
			if bytes.HasPrefix(t[from:to], []byte(name)) && to-from-len(name) >= 16 {
				d.secret(ruleDNSSEC, strings.TrimSuffix(name, ": "), from+len(name), to, "")
				return
			}
		}
	}
}

// jwk: a JSON Web Key with a private part: "d" of RSA, EC and OKP, "k" of oct.
func jwk(d *doc) {
	t := d.text
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte(`"kty"`))
		if i < 0 {
			return
		}
		i += at
		at = i + 5
		open := bytes.LastIndexByte(t[max(0, i-4096):i], '{')
		if open < 0 {
			continue
		}
		open += max(0, i-4096)
		end := bytes.IndexByte(t[i:min(len(t), i+8192)], '}')
		if end < 0 {
			continue
		}
		end += i
		kty := jsonField(t, open, end, "kty")
		name := "d"
		if bytes.EqualFold(kty.in(t), []byte("oct")) {
			name = "k"
		}
		if v := jsonField(t, open, end, name); v.to-v.from >= 16 {
			d.secret(ruleJWK, name, v.from, v.to, "")
		}
		at = end
	}
}

type extent struct{ from, to int }

func (e extent) in(t []byte) []byte { return t[e.from:e.to] }

// jsonField finds the string of a field in an object that has no others in it.
func jsonField(t []byte, from, to int, name string) extent {
	quoted := []byte(`"` + name + `"`)
	for at := from; ; {
		i := bytes.Index(t[at:to], quoted)
		if i < 0 {
			return extent{}
		}
		i += at + len(quoted)
		at = i
		for i < to && (blank(t[i]) || t[i] == '\n') {
			i++
		}
		if i >= to || t[i] != ':' {
			continue
		}
		for i++; i < to && (blank(t[i]) || t[i] == '\n'); i++ {
		}
		if i >= to || t[i] != '"' {
			continue
		}
		end := bytes.IndexByte(t[i+1:to], '"')
		if end < 0 {
			return extent{}
		}
		return extent{i + 1, i + 1 + end}
	}
}

// wireGuard: keys of an interface, and those it shares with peers, in 44
// characters of base64.
func wireGuard(d *doc) {
	if !has(d.text, "[Interface]") && !has(d.text, "[WireGuard") && !has(d.text, "wireguard") {
		return
	}
	for from, to := range lines(d.text) {
		line := d.text[from:to]
		eq := bytes.IndexByte(line, '=')
		if eq < 0 {
			continue
		}
		key := string(bytes.TrimSpace(line[:eq]))
		if !strings.EqualFold(key, "PrivateKey") && !strings.EqualFold(key, "PresharedKey") && !strings.EqualFold(key, "private-key") {
			continue
		}
		f, t := trim(d.text, from+eq+1, to)
		if raw, err := base64.StdEncoding.DecodeString(string(d.text[f:t])); err == nil && len(raw) == 32 {
			d.secret(ruleWireGuard, key, f, t, "")
		}
	}
}

// openVPN: a static key, alone or inside of a profile.
func openVPN(d *doc) {
	const begin, end = "-----BEGIN OpenVPN Static key V1-----", "-----END OpenVPN Static key V1-----"
	t := d.text
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte(begin))
		if i < 0 {
			return
		}
		from := at + i + len(begin)
		k := bytes.Index(t[from:], []byte(end))
		if k < 0 {
			return
		}
		to := from + k
		at = to
		hexed := bytes.Join(bytes.Fields(t[from:to]), nil)
		if raw, err := hex.DecodeString(string(hexed)); err == nil && len(raw) >= 64 {
			f, e := trimAll(t, from, to)
			d.add(Hit{Rule: ruleOpenVPN, From: f, To: e})
		}
	}
}

// tsig: key "name" { algorithm hmac-sha256; secret "…"; } of BIND, Knot, NSD.
func tsig(d *doc) {
	t := d.text
	if !has(t, "hmac-") {
		return
	}
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte("secret"))
		if i < 0 {
			return
		}
		from := at + i + len("secret")
		at = from
		for from < len(t) && (blank(t[from]) || t[from] == ':' || t[from] == '"') {
			from++
		}
		to := from
		for to < len(t) && (isNamePart(t[to]) && t[to] != '.' || t[to] == '+' || t[to] == '/' || t[to] == '=') {
			to++
		}
		near := t[max(0, from-300):min(len(t), to+300)]
		if to-from < 16 || !has(near, "hmac-") || !has(near, "key") {
			continue
		}
		if raw, err := base64.StdEncoding.DecodeString(string(t[from:to])); err == nil && len(raw) >= 10 {
			d.secret(ruleTSIG, "secret", from, to, "")
		}
		at = to
	}
}

// ethereum: a wallet of the Web3 Secret Storage form.
func ethereum(d *doc) {
	t := d.text
	if len(t) > 4096 || !has(t, `"ciphertext"`) || !has(t, `"kdfparams"`) {
		return
	}
	if v := jsonField(t, 0, len(t), "ciphertext"); v.to-v.from >= 32 {
		d.secret(ruleEthereum, "ciphertext", v.from, v.to, "encrypted with a password")
	}
}

// xmlKey: an RSA key as .NET writes it, whose private exponent is <D>.
func xmlKey(d *doc) {
	t := d.text
	i := bytes.Index(t, []byte("<RSAKeyValue>"))
	if i < 0 {
		return
	}
	from := bytes.Index(t[i:], []byte("<D>"))
	to := bytes.Index(t[i:], []byte("</D>"))
	if from >= 0 && to > from+20 {
		d.secret(ruleXMLKey, "D", i+from+3, i+to, "")
	}
}

// hostKey names the private key of an SSH server: made when the image was, it
// is the same for every container.
func hostKey(d *doc) {
	if !strings.HasPrefix(d.base, "ssh_host_") || !strings.HasSuffix(d.base, "_key") {
		return
	}
	t := d.text
	i := bytes.Index(t, []byte("PRIVATE KEY-----"))
	if i < 0 {
		return
	}
	from := max(0, bytes.LastIndex(t[:i], []byte("-----BEGIN")))
	to := len(t)
	if k := bytes.LastIndex(t, []byte("PRIVATE KEY-----")); k > i {
		to = k + len("PRIVATE KEY-----")
	}
	if to-from > 100 {
		d.add(Hit{Rule: ruleHostKey, From: from, To: to, Note: fmt.Sprintf("the key of the server itself (%s): every container of this image has the same", d.base)})
	}
}
