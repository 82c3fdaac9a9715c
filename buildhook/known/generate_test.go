package known

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// generator makes the secrets of the tests, so that none is in the source.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 0))}
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g *generator) of(letters string, n int) string {
	set, b := []rune(letters), make([]rune, n)
	for i := range b {
		b[i] = set[g.IntN(len(set))]
	}
	return string(b)
}

// token has a digit and letters, so that it is never a plain word.
func (g *generator) token(n int) string {
	return "7" + g.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", n-2) + "k"
}

// odd has characters that the spellings escape.
func (g *generator) odd(n int) string {
	return "q7" + g.of("abcXYZ0189'\"\\$`&<>+/=%é ~!#", n-4) + "Z9"
}

func (g *generator) pem(label string, n int) []byte {
	text := base64.StdEncoding.EncodeToString(g.bytes(n))
	var b strings.Builder
	b.WriteString("-----BEGIN " + label + "-----\n")
	for len(text) > 64 {
		b.WriteString(text[:64] + "\n")
		text = text[64:]
	}
	b.WriteString(text + "\n-----END " + label + "-----\n")
	return []byte(b.String())
}
