package known

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What would be found everywhere is not looked for: build arguments are as
// often "true" as they are tokens.

const commonWords = " true false enabled disabled default undefined production development staging testing release debug " +
	"changeme changeit password password1 passw0rd secret localhost example example.com username anonymous administrator " +
	"nonroot postgres postgresql mysql redis docker kubernetes linux/amd64 linux/arm64 linux/arm/v7 amd64 arm64 x86_64 aarch64 " +
	"yes no on off none null main master latest stable alpine bookworm bullseye ubuntu debian windows info warning error " +
	"test-password 12345678 123456789 1234567890 qwertyuiop 00000000-0000-0000-0000-000000000000 "

var (
	versionLike = regexp.MustCompile(`^[vV]?[0-9]+(\.[0-9]+)+([-+._][0-9A-Za-z]+)*$`)
	urlLike     = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://[^\s@?]*$`)
	pathLike    = regexp.MustCompile(`^(~|\.{0,2}|[A-Za-z]:|\$[A-Z_]+)[/\\][\w.,:~@+/\\ -]*$`)
	// us-east-1 and europe-west1-b: regions and zones of AWS and Google Cloud.
	regionLike = regexp.MustCompile(`^(us|eu|ap|sa|ca|me|af|il|mx|cn|europe|asia|australia|africa|northamerica|southamerica)(-[a-z]+)+-?[0-9]{1,2}(-?[a-z])?$`)
)

// trivial says why a value, without white space around it, isn't looked for;
// "" if it is.
func trivial(v []byte) string {
	switch {
	case len(v) < minLength:
		return "it is shorter than 8 bytes"
	case repeated(v):
		return "it is one character, repeated"
	case len(v) > headOf || bytes.ContainsAny(v, "\r\n"):
		return ""
	case strings.Contains(commonWords, " "+strings.ToLower(string(v))+" "):
		return "it is a common word"
	case len(v) < 10 && all(v, isDigit):
		return "it is a number of fewer than 10 digits"
	case len(v) < 12 && all(v, isLower):
		return "it is a word of fewer than 12 letters"
	case randomWord(v):
		return ""
	case versionLike.Match(v):
		return "it looks like a version number"
	case urlLike.Match(v):
		return "it looks like an address without a password"
	case pathLike.Match(v):
		return "it looks like a path"
	case regionLike.Match(v):
		return "it looks like the name of a region"
	}
	return ""
}

func repeated(v []byte) bool {
	_, n := utf8.DecodeRune(v)
	return bytes.Count(v, v[:n])*n == len(v)
}

// randomWord reports whether v has a word that nobody would write: then v is
// no plain path, address or version. A key in base64 may begin with a slash
// too, and an address may be a secret (a web hook).
func randomWord(v []byte) bool {
	for word := range bytes.FieldsFuncSeq(v, func(r rune) bool { return !isAlnum(r) }) {
		var digits, upper, lower int
		for _, c := range word {
			switch {
			case isDigit(rune(c)):
				digits++
			case isLower(rune(c)):
				lower++
			default:
				upper++
			}
		}
		if len(word) >= 12 && digits > 0 && upper+lower > 0 || len(word) >= 16 && upper > 2 && lower > 2 || digits >= 16 {
			return true
		}
	}
	return false
}

// wordy reports whether v is made of plain words and small numbers, such as
// service_account or us-east-1.
func wordy(v []byte) bool {
	for word := range bytes.FieldsFuncSeq(v, func(r rune) bool { return strings.ContainsRune(" -_./:@,", r) }) {
		digits := bytes.IndexFunc(word, isDigit) >= 0
		switch {
		case len(word) <= 4 && all(word, isAlnum): // v2, x86
		case len(word) <= 6 && all(word, isDigit):
		case len(word) <= 20 && !digits && (all(word, isLower) || all(word[1:], isLower) && isAlnum(rune(word[0]))):
		default:
			return false
		}
	}
	return true
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }
func isLower(r rune) bool { return r >= 'a' && r <= 'z' }
func isAlnum(r rune) bool { return isDigit(r) || isLower(r|0x20) }

func all(v []byte, is func(rune) bool) bool {
	for _, c := range v {
		if !is(rune(c)) {
			return false
		}
	}
	return true
}
