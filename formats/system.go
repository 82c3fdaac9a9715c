package formats

import (
	"bytes"
	"strings"
)

// systemForms are the files with the accounts of a machine.
func systemForms() []form {
	return []form{
		{name: "shadow", in: "etc", find: shadow},
		{name: "shadow-", in: "etc", find: shadow},
		{name: "shadow.bak", find: shadow},
		{name: "shadow~", find: shadow},
		{name: "shadow", find: shadow},
		{name: "gshadow", find: shadow},
		{name: "gshadow-", find: shadow},
		{name: "master.passwd", find: shadow},
		{name: "passwd", in: "etc", find: passwd},
		{name: "passwd-", in: "etc", find: passwd},
		{name: "opasswd", in: "security", find: opasswd},
		{name: ".htpasswd", find: htpasswd},
		{name: "htpasswd", find: htpasswd},
		{name: "*.htpasswd", find: htpasswd},
		{name: "*htpasswd", in: "apache2 httpd nginx etc conf auth registry lighttpd squid", find: htpasswd},
		{name: "*", in: "etc/htpasswd", find: htpasswd},
		{name: "passwd", in: "mosquitto squid nagios nagios4 svn apache2 httpd nginx subversion proftpd vsftpd lighttpd", find: htpasswd},
		{name: "passwords", in: "mosquitto squid apache2 nginx squid3", find: htpasswd},
		{name: "pwfile", in: "mosquitto mosquitto/config", find: htpasswd},
		{name: "password.txt", in: "mosquitto mosquitto/config", find: htpasswd},
		{name: "passwd_file", in: "mosquitto", find: htpasswd},
		{name: "ftpd.passwd", find: htpasswd},
		{name: "htpasswd.users", find: htpasswd},
		{name: "users", in: "dovecot", find: htpasswd},
		{name: "passwd", in: "dovecot dovecot/private", find: htpasswd},
		{name: "passwd", in: "svn subversion conf", find: inLines("=", field{"users/*", "svn-password"})},
		{name: ".htdigest", find: htdigest},
		{name: "htdigest", find: htdigest},
		{name: "*.htdigest", find: htdigest},
		{name: "smbpasswd", find: smbpasswd},
		{name: "grub.cfg", find: grub},
		{name: "*", in: "etc/grub.d", find: grub},
		{name: "user.cfg", in: "grub grub2 boot/grub2", find: grub},
	}
}

// isCrypt reports whether v is a hash that crypt(3) makes.
func isCrypt(v []byte) bool {
	if len(v) < 13 {
		return false
	}
	if v[0] == '$' {
		parts := bytes.Count(v, []byte("$"))
		for _, p := range [...]string{"$1$", "$2a$", "$2b$", "$2y$", "$2x$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$md5", "$sha1$", "$3$", "$apr1$", "$argon2", "$pbkdf2", "$scrypt$"} {
			if bytes.HasPrefix(v, []byte(p)) {
				return parts >= 3 && len(v) >= 20 || p == "$7$" && len(v) > 30
			}
		}
		return false
	}
	if v[0] == '_' && len(v) == 20 || len(v) == 13 {
		for _, c := range v {
			if !isWord(c) && c != '.' && c != '/' {
				return false
			}
		}
		return true
	}
	return false
}

// elided reports whether a hash is one of documentation.
func elided(v []byte) bool {
	return bytes.HasSuffix(v, []byte("...")) || has(v, "…") || has(v, "xxxxx") || has(v, "XXXXX") || has(v, "example")
}

// shadow reads the second field of every line: locked, empty, or a hash.
func shadow(d *doc) {
	group := strings.HasPrefix(d.base, "gshadow")
	for from, to := range lines(d.text) {
		i := bytes.IndexByte(d.text[from:to], ':')
		if i <= 0 {
			continue
		}
		user := d.text[from : from+i]
		f := from + i + 1
		j := bytes.IndexByte(d.text[f:to], ':')
		if j < 0 || bytes.Count(d.text[f:to], []byte(":")) < 2 || !accountName(user) {
			continue
		}
		v := d.text[f : f+j]
		switch {
		case j == 0 && !group && bytes.Count(d.text[from:to], []byte(":")) == 8:
			d.add(Hit{Rule: "shadow-empty-password", From: from, To: to, Key: "password", Note: "user " + string(user) + " has no password"})
		case j > 0:
			d.hash("shadow-hash", f, f+j, "of user "+string(user), v)
		}
	}
}

// accountName reports whether v is the name of an account.
func accountName(v []byte) bool {
	for _, c := range v {
		if !isWord(c) && c != '-' && c != '.' && c != '$' && c != '@' && c != '+' {
			return false
		}
	}
	return len(v) > 0 && len(v) <= 64
}

// hash adds a crypt hash; one with a ! before it is of a locked account, and can
// be cracked all the same.
func (d *doc) hash(rule string, from, to int, note string, v []byte) {
	locked := bytes.TrimLeft(v, "!")
	from += len(v) - len(locked)
	if !isCrypt(locked) {
		return
	}
	h := Hit{Rule: rule, From: from, To: to, Key: "password", Note: note}
	if len(locked) < len(v) {
		h.Note += ", which is locked"
	}
	if elided(locked) {
		h.Info = InfoPlaceholder
	}
	d.add(h)
}

// passwd finds hashes where an x belongs, and accounts without a password.
func passwd(d *doc) {
	for from, to := range lines(d.text) {
		line := d.text[from:to]
		if bytes.Count(line, []byte(":")) != 6 || line[0] == '#' {
			continue
		}
		i := bytes.IndexByte(line, ':')
		j := bytes.IndexByte(line[i+1:], ':')
		if v := line[i+1 : i+1+j]; j > 2 {
			d.hash("shadow-hash", from+i+1, from+i+1+j, "of user "+string(line[:i]), v)
		} else if j == 0 && i > 0 && line[0] != '+' && line[0] != '-' {
			shell := line[bytes.LastIndexByte(line, ':')+1:]
			if !has(shell, "nologin") && !has(shell, "false") {
				d.add(Hit{Rule: "shadow-empty-password", From: from, To: to, Key: "password", Note: "user " + string(line[:i]) + " has no password"})
			}
		}
	}
}

// opasswd reads the old passwords that pam keeps: user:uid:n:hash,hash.
func opasswd(d *doc) {
	for from, to := range lines(d.text) {
		i := bytes.LastIndexByte(d.text[from:to], ':')
		if i < 0 {
			continue
		}
		user, _, _ := bytes.Cut(d.text[from:to], []byte(":"))
		for f := from + i + 1; f < to; {
			e := f
			for e < to && d.text[e] != ',' {
				e++
			}
			d.hash("shadow-hash", f, e, "an old password of user "+string(user), d.text[f:e])
			f = e + 1
		}
	}
}

// htpasswd reads user:hash, and user:password of servers that take it in clear.
func htpasswd(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		i := bytes.IndexByte(d.text[at:to], ':')
		if i <= 0 || commented || !accountName(d.text[at:at+i]) {
			continue
		}
		f, t := at+i+1, to
		if j := bytes.IndexByte(d.text[f:t], ':'); j >= 0 {
			t = f + j
		}
		_, t = trim(d.text, f, t)
		d.userHash(f, t, "of user "+string(d.text[at:at+i]))
	}
}

// userHash adds a hash of a web server's user.
func (d *doc) userHash(from, to int, note string) {
	v := d.text[from:to]
	scheme := v
	if len(v) > 0 && v[0] == '{' {
		if i := bytes.IndexByte(v, '}'); i > 0 {
			if foldEq(v[1:i], "plain") || foldEq(v[1:i], "cleartext") {
				d.secret("htpasswd-hash", "password", from+i+1, to, note+", in clear")
				return
			}
			scheme = v[i+1:]
			if len(scheme) >= 13 && !elided(v) {
				d.add(Hit{Rule: "htpasswd-hash", From: from, To: to, Key: "password", Note: note})
			}
			return
		}
	}
	if !isCrypt(scheme) && !bytes.HasPrefix(v, []byte("$7$")) && !(bytes.HasPrefix(v, []byte("$6$")) && len(v) > 40) {
		return
	}
	h := Hit{Rule: "htpasswd-hash", From: from, To: to, Key: "password", Note: note}
	if elided(v) {
		h.Info = InfoPlaceholder
	}
	d.add(h)
}

// htdigest reads user:realm:md5.
func htdigest(d *doc) {
	for from, to := range lines(d.text) {
		i := bytes.LastIndexByte(d.text[from:to], ':')
		if i > 0 && to-from-i-1 >= 32 && bytes.Count(d.text[from:to], []byte(":")) == 2 && isHex(d.text[from+i+1:to]) {
			user, _, _ := bytes.Cut(d.text[from:to], []byte(":"))
			d.secret("htpasswd-hash", "digest", from+i+1, to, "of user "+string(user))
		}
	}
}

func isHex(v []byte) bool {
	for _, c := range v {
		if c := low(c); !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return len(v) > 0
}

// smbpasswd reads user:uid:lm:nt:…
func smbpasswd(d *doc) {
	for from, to := range lines(d.text) {
		parts := bytes.SplitN(d.text[from:to], []byte(":"), 5)
		if len(parts) < 5 || len(parts[3]) != 32 || !isHex(parts[3]) {
			continue
		}
		at := from + len(parts[0]) + len(parts[1]) + len(parts[2]) + 3
		d.secret("smbpasswd-hash", "nt", at, at+32, "of user "+string(parts[0])+"; an NT hash logs in as it is")
	}
}

// grub reads password and password_pbkdf2.
func grub(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented {
			continue
		}
		n, word, user := 0, "", ""
		for f, t := range fieldsOf(d.text, at, to) {
			w := d.text[f:t]
			switch {
			case n == 0:
				word = string(w[:min(len(w), 32)])
			case n == 1:
				user = string(w)
			case n == 2 && (word == "password" || word == "password_pbkdf2") && w[0] != '$':
				d.secret("grub-password", word, f, t, "for user "+user)
			}
			if n == 0 && bytes.HasPrefix(w, []byte("GRUB2_PASSWORD=grub.pbkdf2")) {
				d.secret("grub-password", "GRUB2_PASSWORD", f+15, t, "")
			}
			if n++; n > 2 || word != "password" && word != "password_pbkdf2" {
				break
			}
		}
	}
}
