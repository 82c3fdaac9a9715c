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

// keyPair makes a private key and the certificate for it, in PEM.
func keyPair(t *testing.T, host string) (key, cert string) {
	t.Helper()
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

// A private key is told with the certificate that belongs to it, in whatever
// layer that is; one whose public key is nowhere is not.
func TestPartner(t *testing.T) {
	key, cert := keyPair(t, "shop.example.com")
	alone, _ := keyPair(t, "other.example.com")
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

// The certificate is one of the same image, and it is named whichever of the
// key's places comes first.
func TestPartnerOfTheSameImage(t *testing.T) {
	key, cert := keyPair(t, "shop.example.com")
	fixture := testimage.File("usr/lib/python3/dist-packages/x/tests/a.pem", key)
	own := []testimage.Entry{testimage.File("etc/tls/a.pem", key), testimage.File("etc/tls/a.crt", cert)}
	for name, c := range map[string]struct {
		images []testimage.Image
		want   bool
	}{
		"another image": {[]testimage.Image{
			{Name: "a:1", Layers: []testimage.Layer{{Entries: []testimage.Entry{testimage.File("etc/tls/a.pem", key)}}}},
			{Name: "b:1", Layers: []testimage.Layer{{Entries: []testimage.Entry{testimage.File("etc/tls/b.crt", cert)}}}},
		}, false},
		"a fixture first": {[]testimage.Image{{Name: "a:1", Layers: []testimage.Layer{{Entries: []testimage.Entry{fixture}}, {Entries: own}}}}, true},
		"a fixture last":  {[]testimage.Image{{Name: "a:1", Layers: []testimage.Layer{{Entries: own}, {Entries: []testimage.Entry{fixture}}}}}, true},
	} {
		var built []*testimage.Built
		for i := range c.images {
			built = append(built, c.images[i].Build())
		}
		rep := scan(t, "-", stdin(testimage.Legacy(built...)))
		if len(rep.Findings) != 1 || strings.Contains(rep.Findings[0].Note, "certificate") != c.want {
			t.Errorf("%s: %+v", name, rep.Findings)
		}
	}
}
