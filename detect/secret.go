package detect

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"unicode/utf8"
)

// Secret is a value that was found, and that must not be shown.
//
// Whatever prints or encodes a Secret gets its [Secret.Preview]; only
// [Secret.Reveal] gives the value. The bytes are held in a closure, because
// package fmt does not call the methods of a value in an unexported field: it
// would walk into a plain []byte, but it can't walk into a function.
//
// The zero value is an empty secret.
type Secret struct {
	reveal func() []byte
	id     [16]byte
	short  uint32
}

// NewSecret returns a secret with a copy of value. The rule's ID is part of
// its identity, and key is the HMAC key of [Secret.ID].
func NewSecret(ruleID string, value, key []byte) Secret {
	text := make([]byte, 0, len(ruleID)+1+len(value))
	text = append(text, ruleID...)
	text = append(text, 0)
	text = append(text, value...)

	var s Secret
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	copy(s.id[:], mac.Sum(nil))
	sum := sha256.Sum256(text)
	s.short = uint32(sum[0])<<16 | uint32(sum[1])<<8 | uint32(sum[2])

	own := text[len(ruleID)+1:]
	s.reveal = func() []byte { return own }
	return s
}

// newPathSecret is the secret of a rule about paths only: the value is empty,
// and its identity is the path's.
func newPathSecret(ruleID, path string, key []byte) Secret {
	s := NewSecret(ruleID, []byte(path), key)
	s.reveal = nil
	return s
}

// Reveal returns a copy of the value. It is the only way to it.
func (s Secret) Reveal() []byte { return bytes.Clone(s.value()) }

func (s Secret) value() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// ID identifies the secret among others found with the same key: the same
// value found by the same rule has the same ID. Without the key it says
// nothing about the value.
func (s Secret) ID() [16]byte { return s.id }

// Short is 24 bits of a plain hash over the rule and the value, for
// fingerprints that must stay the same from run to run. It is too short to
// confirm a guessed password: among 2^40 guesses, 65,536 fit.
func (s Secret) Short() uint32 { return s.short }

// Preview returns what may be shown of the secret: its length, and its first
// bytes where that is at most a fifth of it. A PEM block shows its kind.
func (s Secret) Preview() string {
	v := s.value()
	if len(v) == 0 {
		return ""
	}
	size := " (" + strconv.Itoa(utf8.RuneCount(v)) + " characters)"
	if kind := pemKind(v); kind != "" {
		return kind + size
	}
	head := 4
	switch {
	case len(v) < 12:
		head = 0
	case len(v) < 20:
		head = 2
	}
	b := make([]byte, 0, 4+len("…")+len(size))
	for _, c := range v[:head] {
		if c < ' ' || c > '~' {
			c = '.'
		}
		b = append(b, c)
	}
	return string(b) + "…" + size[1:]
}

// pemKind returns the label of a PEM block. The words before PRIVATE KEY are
// shown only if they are known: the place holds whatever somebody wrote there.
func pemKind(v []byte) string {
	rest, ok := bytes.CutPrefix(v, []byte("-----BEGIN "))
	if !ok {
		return ""
	}
	label, _, ok := bytes.Cut(rest, []byte("-----"))
	if !ok {
		return ""
	}
	switch string(label) {
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY",
		"OPENSSH PRIVATE KEY", "ANY PRIVATE KEY", "SSH2 ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK":
		return string(label)
	}
	return "PRIVATE KEY"
}

// String returns the preview.
func (s Secret) String() string { return s.Preview() }

// GoString returns the preview, quoted.
func (s Secret) GoString() string { return strconv.Quote(s.Preview()) }

// Format writes the preview, whatever the verb and its flags.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.Preview()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = strconv.Quote(text)
	}
	io.WriteString(f, text)
}

// MarshalText returns the preview.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Preview()), nil }

// MarshalJSON returns the preview as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.Preview()) }

// LogValue returns the preview.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Preview()) }
