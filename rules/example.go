package rules

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// Example is a text that a rule hits, or misses. Random parts are written as
// <class:length>, so that no scanner takes this repository for a leak:
//
//	GROQ_API_KEY=gsk_<alnum:52>
//
// A part may have a name, <alnum:52:a>, and then has the same characters
// wherever it is used in the text. Split words, as in pass<>word, are put
// together.
type Example struct {
	Path string // of the file that it is the content of; may be empty
	Text string
}

// alphabets are the classes of random parts in an [Example].
func alphabet(class string) string {
	const lower, upper, digit = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	switch class {
	case "lower":
		return lower
	case "upper":
		return upper
	case "digit":
		return digit
	case "hex":
		return digit + "abcdef"
	case "HEX":
		return digit + "ABCDEF"
	case "BECH32":
		return "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
	case "alpha":
		return lower + upper
	case "alnum":
		return digit + lower + upper
	case "loweralnum":
		return digit + lower
	case "upperalnum":
		return digit + upper
	case "base32":
		return upper + "234567"
	case "base64":
		return digit + lower + upper + "+/"
	case "base64url":
		return digit + lower + upper + "-_"
	}
	return ""
}

var placeholder = regexp.MustCompile(`<([A-Za-z0-9]*)(?::([0-9]+)(?::([a-z0-9]+))?)?>`)

// Expand returns the text with its random parts filled in, which depend on the
// seed alone. What is written as a part and is none stays as it is: `<b>`.
func (e Example) Expand(seed string) string {
	h := fnv.New64a()
	h.Write([]byte(seed))
	h.Write([]byte(e.Text))
	rnd := rand.New(rand.NewPCG(h.Sum64(), 1))
	named := map[string]string{}
	return placeholder.ReplaceAllStringFunc(e.Text, func(part string) string {
		m := placeholder.FindStringSubmatch(part)
		class, length, name := m[1], m[2], m[3]
		if v, ok := named[name]; ok && name != "" {
			return v
		}
		var v string
		switch {
		case part == "<>":
		case class == "uuid":
			x := Example{Text: "<hex:8>-<hex:4>-4<hex:3>-a<hex:3>-<hex:12>"}.Expand(strconv.FormatUint(rnd.Uint64(), 36))
			v = x
		case alphabet(class) == "" || length == "":
			return part
		default:
			n, _ := strconv.Atoi(length)
			v = random(rnd, alphabet(class), min(n, 1<<20))
		}
		if name != "" {
			named[name] = v
		}
		return v
	})
}

func random(rnd *rand.Rand, alphabet string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[rnd.IntN(len(alphabet))])
	}
	return b.String()
}

func (e Example) String() string {
	if e.Path == "" {
		return fmt.Sprintf("%q", e.Text)
	}
	return fmt.Sprintf("%s: %q", e.Path, e.Text)
}
