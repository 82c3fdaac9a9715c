package detect

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"path"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A private key is worth more to who finds it if what it is for lies beside it:
// a certificate names the hosts, a line of authorized_keys the machine. The two
// are told to belong together by the public key, which is in both.

// PublicKey is a public key or certificate in a file.
type PublicKey struct {
	ID   string // 64 bits of SHA-256 of its SubjectPublicKeyInfo (RFC 5280), in hex; see Match.Public
	Kind string // "certificate" or "public key"
	Name string // whom a certificate is for; "": not known. As untrusted as all that is in a file
}

// MayHavePublicKey reports whether the file at a path is one of those in which
// public keys lie, by its name.
func MayHavePublicKey(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".crt", ".cer", ".cert", ".pem", ".pub", ".der":
		return true
	}
	base := path.Base(name)
	return base == "authorized_keys" || base == "authorized_keys2"
}

// maxPublicKeys bounds those of one file. Bundles of authorities have some
// hundred, none of which belongs to a key in the image.
const maxPublicKeys = 8

const (
	maxName    = 253      // of a host (RFC 1035)
	maxPrivate = 16 << 10 // bytes in DER: RSA of 16,384 bits has 9,300, and larger ones take seconds to read
)

// PublicKeys finds the public keys and certificates in a file: in PEM, in DER,
// as OpenSSH writes them. It gives the first eight.
func PublicKeys(text []byte) (keys []PublicKey) {
	add := func(kind, name, id string) {
		if id != "" && len(keys) < maxPublicKeys {
			keys = append(keys, PublicKey{id, kind, name})
		}
	}
	certificate := func(der []byte) {
		if c, err := x509.ParseCertificate(der); err == nil {
			name := c.Subject.CommonName
			if len(c.DNSNames) > 0 {
				name = c.DNSNames[0]
			}
			if len(name) > maxName {
				name = ""
			}
			add("certificate", name, publicID(c.RawSubjectPublicKeyInfo))
		}
	}
	if len(text) > 2 && text[0] == 0x30 {
		certificate(text[:min(len(text), max(2, derLength(text)))])
	}
	for rest := text; len(keys) < maxPublicKeys; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		switch b.Type {
		case "CERTIFICATE", "TRUSTED CERTIFICATE":
			certificate(b.Bytes)
		case "PUBLIC KEY":
			add("public key", "", publicID(b.Bytes))
		case "RSA PUBLIC KEY":
			if k, err := x509.ParsePKCS1PublicKey(b.Bytes); err == nil {
				add("public key", "", keyID(k))
			}
		}
	}
	for line := range bytes.Lines(text) {
		if len(keys) == maxPublicKeys {
			break
		}
		for _, kind := range []string{"ssh-rsa AAAA", "ssh-ed25519 AAAA", "ecdsa-sha2-nistp"} {
			if i := bytes.Index(line, []byte(kind)); i >= 0 {
				if k, _, _, _, err := ssh.ParseAuthorizedKey(bytes.TrimSpace(line[i:])); err == nil {
					add("public key", "", sshID(k))
				}
			}
		}
	}
	return keys
}

// publicID is the identity of a SubjectPublicKeyInfo.
func publicID(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:8])
}

// keyID is publicID of a key; "": it isn't known how to write it.
func keyID(k crypto.PublicKey) string {
	spki, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		return ""
	}
	return publicID(spki)
}

func sshID(k ssh.PublicKey) string {
	if c, ok := k.(ssh.CryptoPublicKey); ok {
		return keyID(c.CryptoPublicKey())
	}
	return ""
}

// publicOf returns the identity of a private key's public key; "": it isn't
// known. der is PKCS #1, PKCS #8 or SEC 1.
func publicOf(der []byte) string {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if p, ok := k.(interface{ Public() crypto.PublicKey }); ok {
			return keyID(p.Public())
		}
		return ""
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return keyID(k.Public())
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return keyID((*ecdsa.PrivateKey).Public(k))
	}
	return ""
}

// publicOfOpenSSH is publicOf for OpenSSH's own format (PROTOCOL.key), which has
// the public key in the clear, whether the private one is encrypted or not.
func publicOfOpenSSH(der []byte) string {
	rest := der[len("openssh-key-v1\x00"):]
	field := func() (b []byte) {
		if len(rest) < 4 {
			return nil
		}
		n := binary.BigEndian.Uint32(rest)
		if rest = rest[4:]; uint64(n) > uint64(len(rest)) {
			return nil
		}
		b, rest = rest[:n], rest[n:]
		return b
	}
	for range 3 { // cipher, KDF and its options
		if field() == nil {
			return ""
		}
	}
	if len(rest) < 4 {
		return ""
	}
	rest = rest[4:] // how many keys there are: one
	k, err := ssh.ParsePublicKey(field())
	if err != nil {
		return ""
	}
	return sshID(k)
}

// publicOfPEM is publicOf for a key as it stands in a text.
func publicOfPEM(secret []byte) string {
	_, rest, _ := bytes.Cut(secret, []byte("-----"))
	_, rest, _ = bytes.Cut(rest, []byte("-----"))
	body, _, _ := bytes.Cut(rest, []byte("-----"))
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(compactPEM(body)), "="))
	switch {
	case err != nil || len(der) > maxPrivate:
		return ""
	case bytes.HasPrefix(der, []byte("openssh-key-v1\x00")):
		return publicOfOpenSSH(der)
	}
	return publicOf(der)
}
