package corpus

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/rules"
)

// generate replaces the parts that random characters don't make: tokens with a
// checksum, keys, hashes, and base64 of a text, <b64:TEXT>.
func generate(text, seed string, positive bool) (string, error) {
	for {
		i := strings.Index(text, "<b64:")
		if i < 0 {
			break
		}
		end, depth := -1, 0
		for k := i; k < len(text); k++ {
			if text[k] == '<' {
				depth++
			} else if text[k] == '>' {
				if depth--; depth == 0 {
					end = k
					break
				}
			}
		}
		if end < 0 {
			return "", fmt.Errorf("a <b64: is not closed")
		}
		inner, err := generate(text[i+len("<b64:"):end], seed, positive)
		if err != nil {
			return "", err
		}
		inner = rules.Example{Text: inner}.Expand(seed)
		text = text[:i] + base64.StdEncoding.EncodeToString([]byte(inner)) + text[end+1:]
	}
	n := 0
	for _, g := range generators(positive) {
		for strings.Contains(text, g.part) {
			n++
			v := rules.Example{Text: g.make(fmt.Sprintf("%s/%d", seed, n))}.Expand(fmt.Sprintf("%s/%d", seed, n))
			text = strings.Replace(text, g.part, v, 1)
		}
	}
	return text, nil
}

type generator struct {
	part string
	make func(seed string) string
}

func generators(positive bool) []generator {
	// A secret that is in a package's tests and in a file of the user's is the
	// user's: so the keys of positives and negatives are different ones.
	pool := uint64(1)
	if positive {
		pool = 2
	}
	fixed := func(f func(uint64) string) func(string) string { return func(string) string { return f(pool) } }
	return []generator{
		{"<ghp>", func(s string) string {
			return testimage.Checksummed("gh"+"p_", rules.Example{Text: "<alnum:30>"}.Expand(s))
		}},
		{"<npm>", func(s string) string {
			return testimage.Checksummed("np"+"m_", rules.Example{Text: "<alnum:30>"}.Expand(s))
		}},
		{"<jwt>", func(s string) string {
			enc := base64.RawURLEncoding.EncodeToString
			claims := rules.Example{Text: `{"sub":"<digit:10>","iss":"https://auth.corp.io","iat":1750000000,"exp":1940000000}`}.Expand(s)
			return enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc([]byte(claims)) + ".<base64url:43>"
		}},
		{"<crypt6>", func(string) string { return "$6$<alnum:16>$<alnum:86>" }},
		{"<bcrypt>", func(string) string { return "$2y$10$<alnum:53>" }},
		{"<apr1>", func(string) string { return "$apr1$<alnum:8>$<alnum:22>" }},
		{"<rsapem>", fixed(rsaPEM)},
		{"<ecpem>", fixed(ecPEM)},
		{"<ed25519pem>", fixed(edPEM)},
		{"<opensshpem>", fixed(opensshPEM)},
		{"<encpem>", func(string) string {
			return frame("ENCRYPTED PRI"+"VATE KEY", strings.Repeat("<base64:64>\n", 12))
		}},
		{"<cert>", fixed(certPEM)},
	}
}

// source is a deterministic source of random bytes.
func source(seed uint64) *rand.ChaCha8 {
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	return rand.NewChaCha8(s)
}

func frame(label, body string) string {
	return "-----BEGIN " + label + "-----\n" + body + "-----END " + label + "-----"
}

func block(label string, der []byte) string {
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})))
}

var rsaKeys = [3]func() *rsa.PrivateKey{nil, sync.OnceValue(func() *rsa.PrivateKey { return makeRSA(1) }), sync.OnceValue(func() *rsa.PrivateKey { return makeRSA(2) })}

// makeRSA makes a key from a seed. crypto/rsa doesn't make the same key twice.
func makeRSA(seed uint64) *rsa.PrivateKey {
	r := rand.New(source(seed))
	prime := func() *big.Int {
		for {
			b := make([]byte, 128)
			for i := range b {
				b[i] = byte(r.UintN(256))
			}
			b[0] |= 0xC0
			b[127] |= 1
			if p := new(big.Int).SetBytes(b); p.ProbablyPrime(20) {
				return p
			}
		}
	}
	e := big.NewInt(65537)
	for {
		p, q := prime(), prime()
		one := big.NewInt(1)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil {
			continue
		}
		k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: d, Primes: []*big.Int{p, q}}
		k.Precompute()
		return k
	}
}

func rsaPEM(pool uint64) string {
	return block("RSA PRI"+"VATE KEY", x509.MarshalPKCS1PrivateKey(rsaKeys[pool]()))
}

func ecPEM(pool uint64) string {
	var b [32]byte
	source(10 + pool).Read(b[:])
	b[0] &= 0x7f
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b[:])
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		panic(err)
	}
	return block("EC PRI"+"VATE KEY", der)
}

func edKey(pool uint64) ed25519.PrivateKey {
	var b [32]byte
	source(20 + pool).Read(b[:])
	return ed25519.NewKeyFromSeed(b[:])
}

func edPEM(pool uint64) string {
	der, err := x509.MarshalPKCS8PrivateKey(edKey(pool))
	if err != nil {
		panic(err)
	}
	return block("PRI"+"VATE KEY", der)
}

// opensshPEM is a key as ssh-keygen writes it (OpenSSH's PROTOCOL.key).
func opensshPEM(pool uint64) string {
	str := func(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }
	pub := edKey(pool).Public().(ed25519.PublicKey)
	public := append(str([]byte("ssh-ed25519")), str(pub)...)
	private := []byte{1, 2, 3, 4, 1, 2, 3, 4}
	private = append(private, public...)
	private = append(private, str(edKey(pool))...)
	private = append(private, str([]byte("deploy@ci"))...)
	for i := byte(1); len(private)%8 != 0; i++ {
		private = append(private, i)
	}
	raw := []byte("openssh-key-v1\x00")
	raw = append(raw, str([]byte("none"))...)
	raw = append(raw, str([]byte("none"))...)
	raw = append(raw, str(nil)...)
	raw = binary.BigEndian.AppendUint32(raw, 1)
	raw = append(raw, str(public)...)
	raw = append(raw, str(private)...)
	return block("OPENSSH PRI"+"VATE KEY", raw)
}

func certPEM(pool uint64) string {
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app.corp.io"},
		NotBefore: time.Unix(1750000000, 0), NotAfter: time.Unix(1900000000, 0)}
	der, err := x509.CreateCertificate(source(4), t, t, edKey(pool).Public(), edKey(pool))
	if err != nil {
		panic(err)
	}
	return block("CERTIFICATE", der)
}
