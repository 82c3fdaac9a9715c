package formats

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// Forms in which a name and its value are only a blank apart, or in which the
// value stands inside of a reference, as its default.

// spacedNames are words behind which a password stands.
var spacedNames = wordSet(`password passwd auth_pass auth-password passphrase secret psk community-string pin authpassword bindpw masterauth requirepass`)

// spacedNamesOf adds the values behind such words: auth_pass 1234 of keepalived,
// neighbor 10.0.0.1 password x of a router.
func spacedNamesOf(d *doc) {
	dot := strings.LastIndexByte(d.base, '.')
	if dot < 0 || !strings.Contains(" conf cfg cnf config rc ", " "+d.base[dot+1:]+" ") {
		return
	}
	for from, to := range lines(d.text) {
		line := d.text[from:to]
		if len(line) > 400 || !mayName(line) && !bytes.Contains(line, []byte("SQLConnectInfo")) || commented(d.text, min(from+len(line), len(d.text))) {
			continue
		}
		at, previous := 0, ""
		for n := 0; at < len(line); n++ {
			for at < len(line) && blank(line[at]) {
				at++
			}
			end := at
			for end < len(line) && !blank(line[end]) {
				end++
			}
			word := line[at:end]
			if previous != "" && (spacedNames[previous] || n == 3 && bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("SQLConnectInfo"))) {
				f, e := from+at, from+end
				for e > f && (d.text[e-1] == ';' || d.text[e-1] == '"' || d.text[e-1] == '\'') {
					e--
				}
				for f < e && (d.text[f] == '"' || d.text[f] == '\'') {
					f++
				}
				if v := d.text[f:e]; len(v) >= 6 && mixedValue(v) && !bytes.ContainsAny(v, "=<>(){}[]/") {
					d.secret(ruleSetting, previous, f, e, "")
				}
			}
			previous = strings.ToLower(string(word))
			if n == 2 && bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("SQLConnectInfo")) {
				previous = "sqlconnectinfo"
			}
			at = end
		}
	}
}

// dockerEnv: ENV NAME value, without an equals sign.
func dockerEnv(d *doc) {
	if !strings.HasPrefix(d.base, "dockerfile") && !strings.HasSuffix(d.base, ".dockerfile") {
		return
	}
	for from, to := range lines(d.text) {
		parts := bytes.Fields(d.text[from:to])
		if len(parts) != 3 || !foldEq(parts[0], "env") || !SecretName(string(parts[1])) || !credible(string(parts[1]), parts[2], lineStyle, false) {
			continue
		}
		at := from + bytes.LastIndex(d.text[from:to], parts[2])
		d.secret(ruleSetting, string(parts[1]), at, at+len(parts[2]), "")
	}
}

// mixedValue reports whether a value has a digit and a letter, or letters of
// both cases: it's no word of the settings' own language.
func mixedValue(v []byte) bool {
	var digit, lower, upper bool
	for _, c := range v {
		digit = digit || c >= '0' && c <= '9'
		lower = lower || c >= 'a' && c <= 'z'
		upper = upper || c >= 'A' && c <= 'Z'
	}
	return digit && (lower || upper) || lower && upper && len(v) > 9
}

// defaultValue matches a reference with a default, ${NAME:-x} or ${NAME:x}, and
// settingBefore what it is assigned to.
var (
	defaultValue  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\$\{([A-Za-z0-9_.]{2,60}):-?([^\s{}"'$]{6,100})\}`) })
	settingBefore = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([A-Za-z0-9_.-]{3,60})["']?\s*[:=]\s*["']?$`) })
)

// defaults adds defaults that look like real passwords.
func defaults(d *doc) {
	t := d.text
	for at := 0; ; at += 2 {
		i := bytes.Index(t[at:], []byte("${"))
		if i < 0 {
			return
		}
		at += i
		if at == 0 || strings.IndexByte(" \t\r\n\f\v\"':=", t[at-1]) < 0 {
			continue
		}
		m := defaultValue().FindSubmatchIndex(t[at:min(len(t), at+200)])
		if m == nil {
			continue
		}
		lo := max(0, at-240)
		k := settingBefore().FindSubmatch(t[lo:at])
		if k == nil {
			continue
		}
		key, v := string(k[1]), t[at+m[4]:at+m[5]]
		if (SecretName(key) || SecretName(string(t[at+m[2]:at+m[3]]))) && looksReal(key, v) && !isPathLike(v) {
			d.secret(ruleSetting, key, at+m[4], at+m[5], "the default of a variable")
		}
	}
}

// radiusUsers: name Cleartext-Password := "x".
func radiusUsers(d *doc) {
	for at := 0; ; {
		i := bytes.Index(d.text[at:], []byte("Cleartext-Password"))
		if i < 0 {
			return
		}
		at += i + len("Cleartext-Password")
		rest := d.text[at:min(len(d.text), at+40)]
		q := bytes.IndexByte(rest, '"')
		if q < 0 || bytes.IndexByte(rest[:q], '\n') >= 0 || commented(d.text, at) {
			continue
		}
		end := bytes.IndexByte(d.text[at+q+1:], '"')
		if end > 0 && end < 200 {
			d.secret(ruleSetting, "Cleartext-Password", at+q+1, at+q+1+end, "")
		}
	}
}

// debconf: answers to questions for passwords, as dpkg keeps them.
func debconf(d *doc) {
	if d.base != "passwords.dat" {
		return
	}
	for from, to := range lines(d.text) {
		if v, ok := bytes.CutPrefix(d.text[from:to], []byte("Value: ")); ok && len(v) > 3 {
			d.secret(ruleSetting, "Value", to-len(v), to, "")
		}
	}
}

// authenticator: the secret of a second factor, and its codes for emergencies.
func authenticator(d *doc) {
	if d.base != ".google_authenticator" {
		return
	}
	for from, to := range lines(d.text) {
		if v := d.text[from:to]; from == 0 && len(v) >= 16 || from > 0 && len(v) == 8 && bytes.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' }) < 0 {
			d.secret(ruleSetting, "totp", from, to, "")
		}
	}
}

// signingKey: a key of Synapse, ed25519 NAME KEY.
func signingKey(d *doc) {
	if !strings.HasSuffix(d.base, "signing.key") {
		return
	}
	for from, to := range lines(d.text) {
		if parts := bytes.Fields(d.text[from:to]); len(parts) == 3 && string(parts[0]) == "ed25519" && len(parts[2]) == 43 {
			d.secret(ruleSetting, "ed25519", to-43, to, "")
		}
	}
}

// piped matches a literal that is piped into a command that asks for a password.
var piped = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:echo|printf)\s+(?:-[ne]+\s+)?(?:'([^'\n]{4,100})'|"([^"\n$]{4,100})"|([^\s'"|$;&]{4,100}))\s*\|\s*(?:sudo\s+(?:-\S+\s+)*-\S*S|cryptsetup|kinit|smbpasswd|vncpasswd|gpg|openssl|su\s|passwd|pdbedit|ansible-vault|restic)`)
})

// pipes adds them.
func pipes(d *doc) {
	if !bytes.Contains(d.text, []byte("|")) || !bytes.Contains(d.text, []byte("echo")) && !bytes.Contains(d.text, []byte("printf")) {
		return
	}
	for _, m := range piped().FindAllSubmatchIndex(d.text, 200) {
		from, to := firstGroup(m) // one of them always matches
		for to-from > 2 && d.text[to-2] == '\\' && d.text[to-1] == 'n' {
			to -= 2
		}
		if v := d.text[from:to]; !bytes.Contains(v, []byte(" ")) {
			d.secret(ruleCommand, "", from, to, "")
		}
	}
}

// table: a list of users with a column for passwords, in CSV or with tabs.
func table(d *doc) {
	if !strings.HasSuffix(d.base, ".csv") && !strings.HasSuffix(d.base, ".tsv") {
		return
	}
	column, sep, rows := -1, byte(','), 0
	for from, to := range lines(d.text) {
		line := d.text[from:to]
		if from == 0 || column < 0 {
			if rows++; rows > 3 {
				return
			}
			for _, c := range []byte(",;\t") {
				if bytes.IndexByte(line, c) >= 0 {
					sep = c
				}
			}
			for i, name := range bytes.Split(line, []byte{sep}) {
				n := strings.Trim(string(name), "\"' \ufeff")
				if SecretName(n) || barePassword(n, jsonStyle, "") {
					column = i
				}
			}
			continue
		}
		f := from
		for i, field := range bytes.Split(line, []byte{sep}) {
			if i == column {
				v := bytes.Trim(field, "\"' ")
				at := f + bytes.Index(field, v)
				if len(v) >= 6 && mixedValue(v) && len(d.hits) < maxHits {
					d.secret(ruleSetting, "", at, at+len(v), "")
				}
				break
			}
			f += len(field) + 1
		}
	}
}

// plist: <key>ApiSecret</key><string>…</string>.
func plist(d *doc) {
	t := d.text
	if !strings.HasSuffix(d.base, ".plist") {
		return
	}
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte("</key>"))
		if i < 0 {
			return
		}
		end := at + i
		at = end + len("</key>")
		open := bytes.LastIndexByte(t[max(0, end-80):end], '>')
		if open < 0 {
			continue
		}
		key := string(t[max(0, end-80)+open+1 : end])
		rest := bytes.TrimLeft(t[at:min(len(t), at+maxValue)], " \t\r\n")
		v, ok := bytes.CutPrefix(rest, []byte("<string>"))
		close := bytes.IndexByte(v, '<')
		if !ok || close < 4 || !SecretName(key) || !credible(key, v[:close], xmlStyle, true) {
			continue
		}
		from := at + bytes.Index(t[at:], v[:close])
		d.secret(ruleSetting, key, from, from+close, "")
	}
}
