package formats

import (
	"bytes"
	"slices"
	"strings"
)

// What is looked for in files of no form of their own: keys, commands, and
// literals by their name.

// wantsMore is Wants for those. It must be cheap. In a package's tree only keys
// are looked for.
func wantsMore(p, head []byte, packaged bool) bool {
	switch {
	case len(p) == 0 || wantsKey(p, head):
		return true
	case packaged:
		base := p[bytes.LastIndexByte(p, '/')+1:]
		return mayHoldKey(base[bytes.LastIndexByte(base, '.')+1:], head) || bytes.HasPrefix(base, []byte("ssh_host_"))
	}
	return bytes.IndexByte(head, 0) < 0
}

// mayHoldKey reports whether a text may hold a key in the middle of it, by its
// extension and how it begins; see keys.
func mayHoldKey(ext, head []byte) bool {
	switch string(ext) {
	case "json", "jwk", "jwks", "conf", "key", "ovpn", "nsd", "knot", "cfg", "network", "netdev":
		return true
	}
	return len(head) > 0 && bytes.IndexByte([]byte("<{[-#k"), head[0]) >= 0
}

// wantsKey reports whether a file may be a key, by how it begins.
func wantsKey(p, head []byte) bool {
	if len(head) < 16 {
		return false
	}
	switch head[0] {
	case 'P':
		return bytes.HasPrefix(head, []byte("PuTTY-User-Key-File-")) || bytes.HasPrefix(head, []byte("Private-key-format:"))
	case '=':
		return bytes.HasPrefix(head, []byte("== ed25519v1-secret"))
	case 'u':
		return bytes.HasPrefix(head, []byte("untrusted comment: "))
	case '(':
		return bytes.HasPrefix(head, []byte("(1")) || bytes.HasPrefix(head, []byte("(2")) || bytes.HasPrefix(head, []byte("(pr"))
	case 'K', 'C':
		return bytes.HasPrefix(head, []byte("Key: (")) || bytes.HasPrefix(head, []byte("Created: "))
	case 5:
		return head[1] == 2
	case 0xFE:
		return head[1] == 0xED && head[2] == 0xFE
	case 0xCE:
		return head[1] == 0xCE && head[2] == 0xCE
	case 0x30:
		return head[1] == 0x82 || head[1] == 0x81 || head[1] < 0x80
	case 0x94, 0x95, 0x9c, 0x9d, 0xc5, 0xc7:
		return pgpSecret(append(head[:len(head):len(head)], make([]byte, 32)...), false)
	case '-':
		return bytes.Contains(p, []byte("ssh_host_")) || bytes.HasPrefix(head, []byte("-----BEGIN OpenVPN"))
	case '#':
		return bytes.HasPrefix(head, []byte("#\n# 2048 bit OpenVPN"))
	case 'k':
		return bytes.HasPrefix(head, []byte("key \""))
	case '{':
		return bytes.Contains(head, []byte(`"kty"`)) || bytes.Contains(head, []byte(`"ciphertext"`))
	case '[':
		return bytes.HasPrefix(head, []byte("[Interface]"))
	}
	return false
}

// more adds what is found without a form. Literals by their name are of no
// interest in a file of a special form, whose reader knows what is a secret.
func (d *doc) more(special, packaged bool) {
	hostKey(d)
	keys(d)
	if d.binary {
		return
	}
	if !packaged {
		// What others have published is full of examples and of names alone.
		if d.path == "" || isScript(d.path, d.base, d.text[:min(len(d.text), 512)]) {
			commands(d)
			pipes(d)
		}
		tools(d)
		if d.path == "" {
			buildArgs(d)
		}
		histories(d)
		switch {
		case !special:
			assignments(d)
			spacedNamesOf(d)
			dockerEnv(d)
		case len(d.hits) == 0:
			// Its reader found nothing: then only what is beyond doubt.
			assignments(d)
			d.hits = slices.DeleteFunc(d.hits, func(h Hit) bool { return h.Info != "" || !looksReal(h.Key, d.text[h.From:h.To]) })
		}
		defaults(d)
		table(d)
		plist(d)
		if strings.Contains(d.path, "radius") {
			radiusUsers(d)
		}
		debconf(d)
		authenticator(d)
		signingKey(d)
		if !d.strings {
			d.addresses()
		}
		if styleOf(d.path, d.base) == codeStyle {
			calls(d)
		}
		if !special {
			bareFile(d)
		}
		svnAuth(d)
	}
}

// addresses adds passwords in URLs and in connection strings.
func (d *doc) addresses() {
	d.strings = true
	d.hits = append(d.hits, URLs(d.text)...)
	code := styleOf(d.path, d.base) == codeStyle
	for _, h := range ConnectionStrings(d.text) {
		if !code || inString(d.text, h.From) { // else the arguments of a call look the same
			d.hits = append(d.hits, h)
		}
	}
	redisStrings(d)
	goDSN(d)
}

// inString reports whether t[at:] is inside of a string literal that begins on
// its line.
func inString(t []byte, at int) bool {
	line := lineBefore(t, at)
	return bytes.Count(line, []byte{'"'})%2 == 1 || bytes.Count(line, []byte{'\''})%2 == 1 || bytes.Count(line, []byte{'`'})%2 == 1
}
