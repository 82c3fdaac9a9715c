package leakscan_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

// A private key is told with the certificate that belongs to it, in whatever
// layer that is; one whose public key is nowhere is not.
func TestPartner(t *testing.T) {
	pair := func(host string) (key, cert string) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		b, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, DNSNames: []string{host}}
		der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	key, cert := pair("shop.example.com")
	alone, _ := pair("other.example.com")
	img := testimage.Image{Name: "demo:latest", Layers: []testimage.Layer{
		{Entries: []testimage.Entry{testimage.File("etc/tls/site.key", key), testimage.File("srv/alone.key", alone)}, CreatedBy: "COPY . /"},
		{Entries: []testimage.Entry{testimage.File("etc/tls/site.crt", cert)}, CreatedBy: "COPY certs /etc/tls"},
	}}
	rep := scan(t, "-", stdin(testimage.Legacy(img.Build())))
	notes := map[string]string{}
	for _, f := range rep.Findings {
		notes[f.Locations[0].Path] = f.Note
	}
	if n := notes["/etc/tls/site.key"]; !strings.Contains(n, "certificate") || !strings.Contains(n, "/etc/tls/site.crt (for shop.example.com)") {
		t.Errorf("%q", n)
	}
	if n, ok := notes["/srv/alone.key"]; !ok || n != "" {
		t.Errorf("alone: %q, %v", n, ok)
	}
}
