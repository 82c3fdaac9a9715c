package detect

import "bytes"

// keyReach is how far before a secret its name may start.
const keyReach = 128

// keyName returns the start and end, in d, of the identifier that the secret at
// d[secret:] is assigned to, or 0, 0.
//
//	AWS_SECRET_ACCESS_KEY=…   apiToken: "…"   "token" => '…'   password := `…`
func keyName(d []byte, secret int) (from, to int) {
	low := max(0, secret-keyReach)
	if nl := bytes.LastIndexByte(d[low:secret], '\n'); nl >= 0 {
		low += nl + 1
	}
	skip := func(i int, set string) int {
		for i > low && bytes.IndexByte([]byte(set), d[i-1]) >= 0 {
			i--
		}
		return i
	}
	i := skip(secret, " \t'\"`\\")
	op := skip(i, "=:>|?")
	if op == i {
		return 0, 0
	}
	to = skip(op, " \t'\"`\\]")
	from = to
	for from > low && isNameByte(d[from-1]) {
		from--
	}
	if from > 0 && from == low && isNameByte(d[from-1]) {
		return 0, 0 // longer than we look back
	}
	if !humanName(d[from:to]) {
		return 0, 0
	}
	return from, to
}

func isNameByte(c byte) bool {
	return isAlnum(c) || c == '_' || c == '.' || c == '-'
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// humanName reports whether name looks like something that a person wrote, and
// not like a token that happens to stand before an operator. It would rather
// lose a name than show a secret.
func humanName(name []byte) bool {
	if len(name) == 0 || len(name) > 64 || !(name[0] == '_' || name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z') {
		return false
	}
	for part := range bytes.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == '.' || r == '-' }) {
		digits, humps, inner := 0, 0, false
		for i, c := range part {
			switch {
			case c >= '0' && c <= '9':
				digits++
			case i > 0 && part[i-1] >= '0' && part[i-1] <= '9':
				inner = true // a digit, then a letter
			case i > 0 && c < 'a' && part[i-1] >= 'a':
				humps++
			}
		}
		switch {
		case len(part) > 24,
			digits > 3 || digits > 1 && digits*2 > len(part),
			inner && len(part) > 12,
			humps > 1 && humps*3 > len(part):
			return false
		}
	}
	return true
}
