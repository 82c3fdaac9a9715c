package detect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Every form of a private key has the ID of every form of its public one.
func TestPublicKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for name, k := range map[string]crypto.Signer{"rsa": rsaKey, "ec": ecKey, "ed25519": edKey} {
		private := map[string][]byte{}
		public := map[string][]byte{}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		private["PKCS #8"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
		for form, passphrase := range map[string]string{"OpenSSH": "", "OpenSSH, encrypted": "correct horse"} {
			b, err := ssh.MarshalPrivateKey(k, "somebody@host")
			if passphrase != "" {
				b, err = ssh.MarshalPrivateKeyWithPassphrase(k, "somebody@host", []byte(passphrase))
			}
			if err != nil {
				t.Fatal(err)
			}
			private[form] = pem.EncodeToMemory(b)
		}
		switch k := k.(type) {
		case *rsa.PrivateKey:
			private["PKCS #1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
			public["PKCS #1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&k.PublicKey)})
		case *ecdsa.PrivateKey:
			b, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			private["SEC 1"] = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: b})
		}
		cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop.example.com"}}
		der, err := x509.CreateCertificate(rand.Reader, cert, cert, k.Public(), k)
		if err != nil {
			t.Fatal(err)
		}
		public["certificate in DER"] = der
		public["certificate"] = append([]byte("subject=CN\n"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		spki, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		public["SPKI"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
		sk, err := ssh.NewPublicKey(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		public["authorized_keys"] = append([]byte("# mine\nno-pty,command=\"ls\" "), ssh.MarshalAuthorizedKey(sk)...)

		id := publicID(spki)
		if other := seen[id]; other != "" {
			t.Errorf("%s and %s have one ID", name, other)
		}
		seen[id] = name
		for form, text := range private {
			if got := publicOfPEM(text); got != id {
				t.Errorf("%s, private, %s: %q, want %q", name, form, got, id)
			}
		}
		for form, text := range public {
			keys := PublicKeys(text)
			if len(keys) != 1 || keys[0].ID != id {
				t.Errorf("%s, public, %s: %+v, want %q", name, form, keys, id)
			}
			if len(keys) == 1 && keys[0].Kind == "certificate" && keys[0].Name != "shop.example.com" {
				t.Errorf("%s, %s: for %q", name, form, keys[0].Name)
			}
		}
	}
}

// FuzzPublicKeys: no text makes it fail or gives more than it may.
func FuzzPublicKeys(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("\x30\x82\x00\x04abcd"))
	f.Add([]byte("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ== x\n"))
	f.Add([]byte("openssh-key-v1\x00\x00\x00\x00\x04none\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n := len(PublicKeys(text)); n > maxPublicKeys {
			t.Errorf("%d keys", n)
		}
		publicOfPEM(text)
		publicOf(text)
		publicOfOpenSSH(append([]byte("openssh-key-v1\x00"), text...))
	})
}
