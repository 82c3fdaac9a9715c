package formats

import (
	"bytes"
	"strings"
)

// Kind is what a value is that stands where a secret is expected.
type Kind int

// The kinds.
const (
	Literal     Kind = iota // it may be a secret
	Reference               // it says where the secret is, or is a template's gap
	Placeholder             // it stands for one, and can't be one
	Empty
)

// Classify says what the value of a key is. The key may be "".
func Classify(key string, value []byte) Kind {
	v := bytes.TrimSpace(value)
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		v = bytes.TrimSpace(v[1 : len(v)-1])
	}
	if len(v) == 0 {
		return Empty
	}
	if len(v) > 4096 { // keys and the like: no placeholder is so long
		return Literal
	}
	if isReference(v) {
		return Reference
	}
	if isPlaceholder(key, v) {
		return Placeholder
	}
	return Literal
}

// references are how values begin that point to a secret elsewhere.
var references = []string{
	"${", "$(", "$[", "$$", "$__", "$ENV{", "$env:", "$Env:", "{{", "{%", "<%", "<?", "#{", "%(", "@@", "ENC(", "ENC[", "DEC(", "CRYPT(", "!vault", "$ANSIBLE_VAULT", "{cipher}", "{vault}", "vault:", "vault://", "vault+",
	"op://", "ref+", "awssm://", "aws-sm:", "aws-ssm:", "awsps://", "arn:aws", "ssm:/", "ssm://", "sm://", "gcpsm://", "gcp-sm:", "gcp:secretmanager", "gsm:", "azkv://", "akv://", "azurekms://", "awskms://", "gcpkms://", "keyvault:",
	"keyring:", "keychain:", "secret://", "secretref:", "secretRef", "secretKeyRef", "valueFrom", "secrets.", "doppler://", "bws://", "infisical://", "pass://", "conjur:", "lookup(", "{lookup",
	"os.environ", "os.getenv", "environ[", "environ.get", "process.env", "System.getenv", "System.get_env", "System.fetch_env", "Environment.GetEnvironmentVariable", "getenv(", "env(", "env.", "env:", "env[", "ENV[", "ENV.fetch", "ENV(", "$_ENV", "$_SERVER", "%env(",
	"@Microsoft.KeyVault", "file:/", "file(", "file://", "/run/secrets/", "/var/run/secrets/", "/vault/secrets", "/mnt/secrets", "/etc/", "/path/to", "/run/credentials/", "/dev/",
	"!Ref", "!Sub", "!GetAtt", "!env", "!ENV", "!secret", "!encrypted", "!reference", "var.", "local.", "module.", "data.", "random_password.", "base64encode(", "jsondecode(", "config(", "settings.", "credentials(", "PKCS7,", "__file{", "<<", "SEC[", "-----BEGIN PKCS7", "-----BEGIN PGP MESSAGE",
	"opaque_ref:", "doppler:", "secretmanager:", "projects/",
}

// isReference reports whether v says where a secret is, and is none.
func isReference(v []byte) bool {
	for _, p := range references {
		if len(v) >= len(p) && v[0] == p[0] && string(v[:len(p)]) == p {
			return (p != "/etc/" || wordy(v[5:])) && (p != "/dev/" || wordy(v[5:])) && (p != "$$" || len(v) < 3 || v[2] == '(' || v[2] == '{' || isName(v[2:]))
		}
	}
	if gap(v, "${", "}") || gap(v, "$(", ")") || gap(v, "{{", "}}") || gap(v, "<%", "%>") || has(v, "%(") && bytes.HasSuffix(v, []byte(")s")) {
		return true
	}
	n := len(v)
	switch v[0] {
	case '$':
		if name, field, ok := bytes.Cut(v[1:], []byte("::")); ok && isName(name) && isName(field) {
			return true // OpenSSL's $section::name
		}
		if name, field, ok := bytes.Cut(v[1:], []byte("->")); ok && isName(name) && len(field) > 0 && (low(field[0]) >= 'a' && low(field[0]) <= 'z' || field[0] == '{' || field[0] == '[') {
			return true // a field, in Perl and PHP
		}
		return isName(v[1:]) && !mixedUp(v[1:]) || len(v) > 4 && v[1] == 'e' && has(v, "$env:")
	case '%':
		return n > 2 && v[n-1] == '%' && isName(v[1:n-1]) || n == 2 && has([]byte("svdqw"), string(v[1:]))
	case '@':
		return n > 2 && v[n-1] == '@' && wordy(v[1:n-1])
	case '{':
		return n > 2 && v[n-1] == '}' && wordy(v[1:n-1])
	case '`':
		return n > 1 && v[n-1] == '`'
	case '\\': // \"$name\", the quotes of which are part of the text
		return n > 4 && v[1] == '"' && string(v[n-2:]) == `\"` && isReference(v[2:n-2])
	case '*':
		return n > 1 && isName(v[1:]) && n < 40 && !mixedUp(v[1:]) // an alias in YAML
	}
	return false
}

// gap reports whether a template's gap is in v. Random characters may open one,
// but seldom with a letter after it and its end.
func gap(v []byte, open, end string) bool {
	_, in, ok := bytes.Cut(v, []byte(open))
	if !ok || len(in) == 0 {
		return false
	}
	c := low(in[0])
	return has(in, end) && (c >= 'a' && c <= 'z' || c == ' ' || c == '_' || c == '.' || c == '<' || c == '=' || c == '-' || c == '?' || c == '!')
}

// isName reports whether v is an identifier.
func isName(v []byte) bool {
	for i, c := range v {
		if !(low(c) >= 'a' && low(c) <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return len(v) > 0
}

// wordy reports whether v is a path or a dotted name.
func wordy(v []byte) bool {
	for _, c := range v {
		if !(low(c) >= 'a' && low(c) <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '/') {
			return false
		}
	}
	return len(v) > 0
}

// mixedUp reports whether a name is unlike a variable's: $Passw0rd is a password.
func mixedUp(v []byte) bool {
	var upper, lower, digit bool
	for _, c := range v {
		upper = upper || c >= 'A' && c <= 'Z'
		lower = lower || c >= 'a' && c <= 'z'
		digit = digit || c >= '0' && c <= '9'
	}
	return upper && lower && digit
}

// placeholders are whole values, in lower case and without - _ . and space.
var placeholders = map[string]bool{
	"changeme": true, "changethis": true, "changeit": true, "changemenow": true, "changemeplease": true, "pleasechange": true, "pleasechangeme": true, "replaceme": true, "replacethis": true, "tobereplaced": true, "setme": true, "fillme": true, "fillmein": true, "editme": true, "updateme": true,
	"example": true, "dummy": true, "fake": true, "sample": true, "test123": true, "radpass": true, "todo": true, "tbd": true, "fixme": true, "none": true, "null": true, "nil": true, "nul": true, "na": true, "n/a": true, "true": true, "false": true, "yes": true, "no": true, "on": true, "off": true,
	"redacted": true, "removed": true, "hidden": true, "masked": true, "censored": true, "sanitized": true, "stripped": true, "omitted": true, "filtered": true, "encrypted": true, "unset": true, "undefined": true, "unused": true, "empty": true, "ignored": true, "blank": true, "disabled": true,
	"foo": true, "bar": true, "baz": true, "foobar": true, "foobared": true, "foobaz": true, "barbaz": true, "qux": true, "hoge": true, "string": true, "str": true, "value": true, "text": true, "somepassword": true, "somesecret": true, "sometoken": true, "samplepassword": true,
	"yourpassword": true, "yoursecret": true, "yourtoken": true, "yourkey": true, "yourapikey": true, "mypassword": true, "passwordhere": true, "thepassword": true, "verysecret": true, "notasecret": true, "notsecret": true, "notused": true, "placeholder": true, "prompt": true, "ask": true, "default": true, "required": true, "optional": true,
	"username:password": true, "user:pass": true, "user:password": true, "keyboardcat": true, "deadbeef": true, "passwordgoeshere": true, "thisisasecret": true, "supersecret": false, "anonymous": true, "pass:insta": true, "sw2ycwtib9zpoohopsmm": true, // OpenSSL's and Grafana's defaults
	"anonymous@": true,
}

// names are the words by which a secret is called, in the same form.
var names = map[string]bool{"password": true, "passwd": true, "pass": true, "pwd": true, "passphrase": true, "secret": true, "token": true, "key": true, "passwort": true, "pw": true, "authtoken": true, "apikey": true, "accesskey": true, "secretkey": true, "credentials": true, "psk": true, "passwordhash": true, "hash": true, "encryptedpassword": true, "clientsecret": true, "accesstoken": true}

// marks make a value a placeholder wherever they are in it, in lower case.
var marks = []string{"example", "placeholder", "changeme", "change_me", "change-me", "change me", "change_this", "change-this", "changethis", "replaceme", "replace_me", "replace-me", "replace_with", "replace-with", "replace with", "replace_this",
	"put your", "put-your", "put_your", "enter your", "enter-your", "enter_your", "insert your", "insert-your", "insert_your", "your_", "your-", "your password", "your secret", "your token", "your key", "yourpass", "yourtoken", "yoursecret", "yourkey", "yourapikey", "goes-here", "goes_here", "goes here",
	"not-a-real", "not_a_real", "notareal", "not-real", "not-a-secret", "not_a_secret", "notasecret", "must-be-changed", "must_be_changed", "to-be-changed", "dummy", "redacted", "xxxxx", "*****", "...", "…", "•", "fake-", "fake_", "fakepass", "faketoken", "fakesecret", "fakekey", "<password", "<secret", "<token", "sample-", "sample_",
	"fixme", "todo:", "lorem ipsum"}

// isPlaceholder reports whether v can't be a secret, for all the key says.
func isPlaceholder(key string, v []byte) bool {
	n := len(v)
	if n == 1 || bytes.Count(v, v[:1]) == n {
		return true
	}
	if v[0] == '<' && v[n-1] == '>' || v[0] == '[' && v[n-1] == ']' || v[0] == '(' && v[n-1] == ')' {
		return true
	}
	if n > 4 && string(v[:2]) == "__" && string(v[n-2:]) == "__" {
		return true
	}
	var buf, nbuf [256]byte
	if n > len(buf) {
		return repeats(v)
	}
	lower, norm := buf[:0], nbuf[:0]
	for _, c := range v {
		c = low(c)
		lower = append(lower, c)
		if c != '-' && c != '_' && c != ' ' && c != '.' && c != '!' {
			norm = append(norm, c)
		}
	}
	if len(norm) == 0 || placeholders[string(norm)] || ownName(key, norm) || sequence(lower) || repeats(lower) {
		return true
	}
	if bytes.Count(norm, []byte("x")) == len(norm) || bytes.Count(norm, []byte("*")) == len(norm) || bytes.Count(norm, []byte("0")) == len(norm) {
		return true
	}
	for _, m := range marks {
		if bytes.Contains(lower, []byte(m)) {
			return true
		}
	}
	return bytes.HasPrefix(lower, []byte("testing123")) || bytes.HasPrefix(lower, []byte("insert-")) || bytes.HasPrefix(lower, []byte("insert_")) || bytes.HasSuffix(lower, []byte("-here")) || bytes.HasSuffix(lower, []byte("_here")) || bytes.HasSuffix(lower, []byte(" here")) ||
		bytes.HasPrefix(lower, []byte("my-")) && names[string(norm[2:])] || bytes.HasPrefix(lower, []byte("some-")) && names[string(norm[4:])]
}

// ownName reports whether the value is what the key is called.
func ownName(key string, norm []byte) bool {
	var buf [64]byte
	k := buf[:0]
	for i := range min(len(key), len(buf)) {
		if c := low(key[i]); c != '-' && c != '_' && c != ' ' && c != '.' {
			k = append(k, c)
		}
	}
	if len(norm) >= 3 && bytes.HasSuffix(k, norm) {
		return true
	}
	if !names[string(norm)] {
		return false
	}
	for i := range k {
		if names[string(k[i:])] {
			return true
		}
	}
	return false
}

// sequence reports whether v is as on a keyboard or in the alphabet: 1234567890.
func sequence(v []byte) bool {
	if len(v) < 6 {
		return false
	}
	letters := false
	for i, c := range v {
		letters = letters || c >= 'a' && c <= 'z'
		if i == 0 {
			continue
		}
		p := v[i-1]
		if c != p+1 && !(p == '9' && (c == '0' || c == 'a')) && !(p == 'f' && c == '0') && !(p == 'z' && c == '0') && !(c == 'a' && p == 'z') && !(p == '0' && c == '1') {
			return false
		}
	}
	return letters || len(v) >= 10
}

// repeats reports whether a long value is a short one again and again.
func repeats(v []byte) bool {
	if len(v) < 16 {
		return false
	}
	for period := 1; period <= min(16, len(v)/2); period++ {
		if bytes.Equal(v[period:], v[:len(v)-period]) {
			return true
		}
	}
	return false
}

// looksReal reports whether a value is so unlike words and defaults that it counts
// even where it's commented out.
func looksReal(key string, v []byte) bool {
	if len(v) < 10 || Classify(key, v) != Literal || bytes.ContainsAny(v, " \t<>/\\(){}") {
		return false
	}
	var digit, upper, lower, other int
	var seen [256]bool
	distinct := 0
	for _, c := range v {
		switch {
		case c >= '0' && c <= '9':
			digit++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= 'a' && c <= 'z':
			lower++
		default:
			other++
		}
		if !seen[c] {
			seen[c] = true
			distinct++
		}
	}
	kinds := 0
	for _, n := range []int{digit, upper, lower, other} {
		if n > 0 {
			kinds++
		}
	}
	return distinct >= 7 && digit > 0 && upper+lower > 0 && (kinds >= 3 || len(v) >= 20)
}

func has(v []byte, s string) bool { return bytes.Contains(v, []byte(s)) }

// foldEq is strings.EqualFold for ASCII, without a conversion.
func foldEq(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range len(s) {
		if low(b[i]) != low(s[i]) {
			return false
		}
	}
	return true
}

// keyIs reports whether a key has the name, in any case; a star at the start or
// the end of the name stands for anything.
func keyIs(key []byte, name string) bool {
	if rest, ok := strings.CutPrefix(name, "*"); ok {
		if mid, ok := strings.CutSuffix(rest, "*"); ok {
			for i := 0; i+len(mid) <= len(key); i++ {
				if foldEq(key[i:i+len(mid)], mid) {
					return true
				}
			}
			return false
		}
		return len(key) >= len(rest) && foldEq(key[len(key)-len(rest):], rest)
	}
	if pre, ok := strings.CutSuffix(name, "*"); ok {
		return len(key) >= len(pre) && foldEq(key[:len(pre)], pre)
	}
	return foldEq(key, name)
}
