package formats

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
)

// binaries are the examples that are no text, by the names that the catalog has
// for them.
func binaries() map[string][]byte {
	scalar := bytes.Repeat([]byte{0x42}, 32)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	jks := func(tag byte) []byte {
		return append([]byte{0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, tag, 0, 4}, "mykey and its contents, whatever they are"...)
	}
	pgp := func(tag byte) []byte {
		return append([]byte{tag, 0, 0x20, 4, 0x60, 0, 0, 0, 1}, bytes.Repeat([]byte{0x5a}, 64)...)
	}
	p12 := append([]byte{0x30, 0x82, 0, 0x60, 2, 1, 3, 0x30, 0x59, 6, 9}, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"...)
	p12 = append(p12, bytes.Repeat([]byte{1}, 0x64-len(p12))...)
	return map[string][]byte{
		"@der": der, "@jks": jks(1), "@jks-trust": jks(2), "@pgp": pgp(0x95), "@pgp-public": pgp(0x99), "@p12": p12,
	}
}
