package detect

import (
	"bytes"
	"cmp"

	"github.com/leakscan/leakscan/formats"
	"github.com/leakscan/leakscan/rules"
)

// rating is how much a match counts: what its rule says, and what is known
// about this very match.
type rating struct {
	severity   rules.Severity
	confidence rules.Confidence
	info       string // why it is of severity info; "": it isn't
	note       string
}

// InfoPlaceholder is the Info of a match that only holds the place of a secret.
const InfoPlaceholder = formats.InfoPlaceholder

// rate judges a secret that rule r found in the file.
func (sc *scan) rate(r *rule, secret []byte) rating {
	v := rating{severity: r.Severity, confidence: r.Confidence}
	if r.Valid != "" {
		f := check(r.Valid, secret, sc.s.now)
		v.info, v.note = f.info, f.note
		if f.severity != "" {
			v.severity = f.severity
		}
	}
	if what, ok := published(secret); ok {
		v.info = what
	}
	placeholder := v.info == "" && r.Pattern != "" && formats.Classify("", secret) == formats.Placeholder
	if placeholder && !shaped(secret) {
		v.info = InfoPlaceholder
	}
	if v.info == "" && r.Pattern != "" && r.Valid != "pem" {
		switch {
		case bytes.Contains(secret, []byte("EXAMPLE")) || bytes.Contains(secret, []byte("example")):
			v.info = "made up: it has EXAMPLE in it"
		case counts(secret), placeholder, r.Random && !LooksRandom(secret) && !isNumber(secret):
			v.confidence = rules.ConfidenceLow
			v.note = cmp.Or(v.note, "probably made up: it counts, or is no random token")
		}
	}
	sc.ratePlace(&v, r)
	return v
}

// ratePlace takes into account where it lies. A path alone never hides: what
// is in a package's tests is told as info, and what a weak rule sees in a
// package is less sure.
func (sc *scan) ratePlace(v *rating, r *rule) {
	if v.note == rightChecksum && v.info == "" {
		return // it was issued, wherever it lies
	}
	packaged, fixture := sc.packaged()
	switch {
	case !packaged:
	case fixture && v.info == "":
		v.info = "in the tests or the documentation of a package"
	case r.Class == rules.ClassGeneric && v.info == "":
		v.info = "in a package of others, and only a name suggests it"
	case r.Class == rules.ClassContext && !r.Parsed, !r.Parsed && (r.Pattern == "" || formats.Source(sc.path)):
		// As public as the package, and not of who uses it.
		v.confidence = rules.ConfidenceLow
		if v.severity == rules.SeverityCritical || v.severity == rules.SeverityHigh {
			v.severity = rules.SeverityMedium
		}
	case v.confidence == rules.ConfidenceHigh && v.severity != rules.SeverityCritical:
		v.confidence = rules.ConfidenceMedium
	}
	if v.info != "" {
		v.severity = rules.SeverityInfo
	}
}

// packaged is formats.Packaged of the file, asked for once.
func (sc *scan) packaged() (packaged, fixture bool) {
	if sc.placed == unknown {
		sc.placed = no
		if sc.inPackage, sc.inFixture = formats.Packaged(sc.path); sc.inPackage {
			sc.placed = yes
		}
	}
	return sc.inPackage, sc.inFixture
}

// counts reports whether a value was typed and not issued: it has a run of
// characters that count (1234567, abcdefg), or one of xxxxxx or 000000. Of
// random tokens of 40 letters and digits one in a million has such a run.
func counts(secret []byte) bool {
	up, same := 1, 1
	for i := 1; i < len(secret); i++ {
		a, b := secret[i-1], secret[i]
		switch {
		case b == a+1 && isAlnum(b) && isAlnum(a), a == '9' && b == '0':
			up++
		default:
			up = 1
		}
		if a == b && (a|0x20 == 'x' || a == '0' || a == '*' || a == '.') {
			same++
		} else {
			same = 1
		}
		if up >= 7 || same >= 6 {
			return true
		}
	}
	return false
}

// shaped reports whether a value has the form of a token, for all that it looks
// like: letters and digits, several of each, and hardly anything else.
func shaped(secret []byte) bool {
	if len(secret) < 16 || len(secret) > 200 || knownShape(secret) {
		return false
	}
	digits, letters, other := 0, 0, 0
	for _, c := range secret {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case isAlnum(c):
			letters++
		default:
			other++
		}
	}
	return digits >= 4 && letters >= 3 && other*8 <= len(secret)
}
