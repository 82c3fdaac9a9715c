package formats

import (
	"bytes"
	"strings"
)

// Passwords that stand at a place of their own: an argument of a call, a part
// of a driver's address, all of a file.

// redisStrings: host:6380,password=…,ssl=True of StackExchange.Redis.
func redisStrings(d *doc) {
	t := d.text
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte(",password="))
		if i < 0 {
			return
		}
		from := at + i + len(",password=")
		to := from
		for to < len(t) && to-from < maxValue && t[to] > ' ' && strings.IndexByte(",\"'<;", t[to]) < 0 {
			to++
		}
		if to > from && hostBefore(t, from-len(",password=")) && !bytes.ContainsAny(t[from:to], "()[]{}") {
			d.secret("connection-string", "password", from, to, "")
		}
		at = to
	}
}

// hostBefore reports whether host:port stands before t[at:], options between.
func hostBefore(t []byte, at int) bool {
	lo := max(0, at-300)
	near := t[lo:at]
	if i := bytes.LastIndexAny(near, "\"'` \n<>("); i >= 0 {
		near = near[i+1:]
	}
	host, _, _ := bytes.Cut(near, []byte(","))
	_, port, ok := bytes.Cut(host, []byte(":"))
	return ok && len(port) >= 2 && len(port) <= 5 && bytes.IndexFunc(port, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// goDSN: user:password@tcp(host:3306)/name, as Go's MySQL driver has it.
func goDSN(d *doc) {
	t := d.text
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte("@tcp("))
		if i < 0 {
			return
		}
		end := at + i
		at = end + 5
		s := end
		for s > 0 && end-s < 200 && t[s-1] > ' ' && strings.IndexByte("\"'`=>,;(", t[s-1]) < 0 {
			s--
		}
		colon := bytes.IndexByte(t[s:end], ':')
		if colon < 1 || colon+1 >= end-s {
			continue
		}
		user, v := string(t[s:s+colon]), t[s+colon+1:end]
		if dummyPair(user, v) {
			continue
		}
		d.secret("connection-string", "password", s+colon+1, end, "for user "+user)
	}
}

// logins are calls that are given a password, and which argument it is, from 0.
var logins = []struct {
	name string
	arg  int
}{
	{"new PDO(", 2}, {"mysqli_connect(", 2}, {"new mysqli(", 2}, {"mysql_connect(", 2}, {"mysql_pconnect(", 2}, {"ftp_login(", 2}, {"ssh2_auth_password(", 2}, {"imap_open(", 2},
	{"DriverManager.getConnection(", 2}, {"HTTPBasicAuth(", 1}, {"smtp.login(", 1}, {"server.login(", 1}, {"ftp.login(", 1}, {"imap.login(", 1}, {"mail.login(", 1}, {"session.login(", 1},
	{"auth=(", 1}, {"BasicAuth(", 1}, {"basic_auth(", 1}, {"SetBasicAuth(", 1}, {"setBasicAuth(", 1}, {"DBI->connect(", 2}, {"createAccount(", 1}, {"NetworkCredential(", 1}, {"DirectoryEntry(", 2}, {"PlainAuth(", 2}, {"UsernamePasswordCredentials(", 1}, {"PasswordAuthentication(", 1},
	{"create_engine_url(", 2}, {"new Sequelize(", 2}, {"cx_Oracle.connect(", 1}, {"oracledb.connect(", 1}, {"pymysql.connect(", 2}, {"MySQLdb.connect(", 2},
}

// calls adds the literals that calls are given as passwords.
func calls(d *doc) {
	t, tools := d.text, len(wordsOfCalls().patterns)
	for _, s := range d.calls() {
		if s.word < tools {
			continue
		}
		l := logins[s.word-tools]
		if string(t[s.at:s.at+len(l.name)]) != l.name {
			continue // case counts
		}
		if s.at > 0 && l.name[0] >= 'a' && isNamePart(t[s.at-1]) && t[s.at-1] != '.' {
			continue
		}
		at := s.at + len(l.name)
		if from, to, ok := argument(t, at, l.arg); ok {
			if v := t[from:to]; len(v) >= 4 && !bytes.ContainsAny(v, " \n") && !isPathLike(v) && !typeNames[strings.ToLower(string(v))] && !dummyPair("", v) && !commented(t, at) {
				d.secret(ruleSource, "password", from, to, "")
			}
		}
	}
}

// argument finds the n-th argument of a call whose arguments begin at t[at:], if
// it is a string.
func argument(t []byte, at, n int) (from, to int, ok bool) {
	depth := 0
	for i := at; i < len(t) && i-at < 1000; i++ {
		switch c := t[i]; c {
		case '"', '\'', '`':
			end := i + 1
			for end < len(t) && end-i <= maxValue && t[end] != c && t[end] != '\n' {
				if t[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(t) || t[end] != c {
				return 0, 0, false
			}
			if n == 0 && depth == 0 {
				rest := bytes.TrimLeft(t[end+1:min(len(t), end+20)], " \t\r\n")
				if len(rest) > 0 && (rest[0] == ',' || rest[0] == ')') { // and nothing is put to it
					return i + 1, end, true
				}
				return 0, 0, false
			}
			i = end
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth < 0 {
				return 0, 0, false
			}
		case ',':
			if depth == 0 {
				n--
			}
		}
		if n < 0 {
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// bareFile is for a file that is called db_password or api-token.txt and has
// nothing but one value in it.
func bareFile(d *doc) {
	if len(d.text) > 1024 || len(d.text) < 6 || d.base == "" {
		return
	}
	name := d.base
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		switch name[dot+1:] {
		case "psk", "txt", "secret", "key", "pass", "pwd", "password", "token", "dat", "value", "prod", "production":
			name = name[:dot]
		default:
			return
		}
	}
	name = strings.TrimLeft(name, ".")
	if strings.HasSuffix(d.base, ".psk") || strings.HasSuffix(d.base, ".pwd") || strings.HasSuffix(d.base, ".password") {
		name = "password"
	}
	bare := name == "password" || name == "passwd" || name == "pass" || name == "token" || name == "secret" || name == "passphrase" || name == "pwd" || name == "secret_id" || name == "secret-id" || name == "apikey"
	if !bare && !SecretName(name) || d.path == "etc/passwd" {
		return
	}
	from, to := trimAll(d.text, 0, len(d.text))
	v := d.text[from:to]
	if len(v) < 6 || bytes.ContainsAny(v, " \t\n") || !printable(v) || isPathLike(v) || typeNames[strings.ToLower(string(v))] || bytes.Contains(v, []byte("://")) || !isASCIIText(v) {
		return
	}
	d.secret(ruleSetting, name, from, to, "")
}

func isASCIIText(v []byte) bool {
	for _, c := range v {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// svnAuth: what Subversion keeps of a login, in lines of K length, key, V
// length, value.
func svnAuth(d *doc) {
	if !strings.Contains(d.dir, "auth/svn.simple") {
		return
	}
	t := d.text
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte("\npassword\nV "))
		if i < 0 {
			return
		}
		at += i + len("\npassword\nV ")
		nl := bytes.IndexByte(t[at:], '\n')
		if nl < 0 {
			return
		}
		from := at + nl + 1
		end := bytes.IndexByte(t[from:], '\n')
		if end < 0 {
			end = len(t) - from
		}
		d.secret(ruleSetting, "password", from, from+end, "")
		at = from
	}
}
