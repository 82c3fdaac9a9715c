package rules

import (
	_ "embed"
	"encoding/hex"
	"strings"
	"sync"
)

// published.txt: 64 bits of SHA-256 of values that everybody has, and what
// they are. Of a key in PEM it is that of the base64 without line ends.
//
//go:embed published.txt
var publishedFile string

// Published maps 64 bits of SHA-256 of a secret that is published, in
// documentation or as the key of a test, to what it is. It must not be changed.
var Published = sync.OnceValue(func() map[[8]byte]string {
	m := map[[8]byte]string{}
	for line := range strings.Lines(publishedFile) {
		digest, what, ok := strings.Cut(strings.TrimSpace(line), " ")
		if b, err := hex.DecodeString(digest); ok && err == nil && len(b) == 8 {
			m[[8]byte(b)] = what
		}
	}
	return m
})
