package detect

import (
	"bytes"
	"math"
)

// Whether a value looks random: like a token, and not like words, an
// identifier, a path or a version. Shannon's entropy, which others use, sees how
// often characters are used, and not in which order. How well this does is
// printed by bench/train -eval.

// BigramClasses is the number of classes of characters that the model knows.
const BigramClasses = 69

// BigramClass is the class of a character.
func BigramClass(c byte) int {
	switch {
	case c >= 'a' && c <= 'z':
		return int(c - 'a')
	case c >= 'A' && c <= 'Z':
		return 26 + int(c-'A')
	case c >= '0' && c <= '9':
		return 52 + int(c-'0')
	}
	switch c {
	case '-':
		return 62
	case '_':
		return 63
	case '+':
		return 64
	case '/':
		return 65
	case '=':
		return 66
	case '.':
		return 67
	}
	return 68
}

// randomness compares two guesses about how a text came about, in bits a
// character: drawn at random from the alphabet that it seems to be of, or
// written by a person. Above 0 the first is more likely.
func randomness(text []byte) float64 {
	if len(text) < 2 {
		return 0
	}
	var lower, upper, digit, other, beyondHex bool
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
			beyondHex = beyondHex || c > 'f'
		case c >= 'A' && c <= 'Z':
			upper = true
			beyondHex = beyondHex || c > 'F'
		case c >= '0' && c <= '9':
			digit = true
		default:
			other = true
		}
	}
	size := 0.0
	if !beyondHex && !(lower && upper) && !other {
		size = 16
	} else {
		if lower {
			size += 26
		}
		if upper {
			size += 26
		}
		if digit {
			size += 10
		}
		if other {
			size += 2
		}
	}
	written := 0
	for i := 1; i < len(text); i++ {
		written += int(bigrams[BigramClass(text[i-1])*BigramClasses+BigramClass(text[i])])
	}
	return float64(written)/8/float64(len(text)-1) - math.Log2(size)
}

// LooksRandom reports whether text is more likely drawn at random than written
// by a person. Of less than 8 characters nothing can be said; of few, it wants
// to be surer.
func LooksRandom(text []byte) bool {
	if len(text) < 8 || knownShape(text) {
		return false
	}
	return randomness(text) > 0.2+4/float64(len(text))
}

// isNumber reports whether text is digits alone, of which nothing can be said.
func isNumber(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// knownShape reports whether text is random without being secret: an address,
// the digest of a lock file, a public key, a picture.
func knownShape(text []byte) bool {
	for _, p := range [...]string{"sha256-", "sha384-", "sha512-", "sha1-", "sha256:", "sha512:", "MIIBIjAN", "MIICIjAN", "MFkwEwYHKoZIzj0CAQ", "MCowBQYDK2VwAyEA", "AAAAB3NzaC1yc2E", "AAAAC3NzaC1lZDI1NTE5", "AAAAE2VjZHNh", "iVBORw0KGgo", "R0lGOD", "/9j/4", "PHN2Zy", "UEsDB", "d09GR", "AAEAAAA", "pk.eyJ"} {
		if bytes.HasPrefix(text, []byte(p)) {
			return true
		}
	}
	return len(text) == 42 && bytes.HasPrefix(text, []byte("0x")) // an account of Ethereum
}
