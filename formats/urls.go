package formats

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// URLs finds the credentials in URLs, in any text: scheme://user:password@host,
// and a token alone before the host.
func URLs(text []byte) []Hit {
	d := doc{text: text}
	for at := 0; at < len(text); {
		i := bytes.Index(text[at:], []byte("://"))
		if i < 0 {
			break
		}
		d.url(at+i, "credential-url")
		at += i + 3
	}
	return d.hits
}

// maxUserinfo bounds what may stand before the host.
const maxUserinfo = 1024

// url looks at the URL whose :// is at text[i:].
func (d *doc) url(i int, rule string) {
	t := d.text
	s := i
	for s > 0 && i-s < 32 && isScheme(t[s-1]) {
		s--
	}
	if i-s < 2 || !isWord(t[s]) {
		return
	}
	from := i + 3
	at, colon := -1, -1
	end := from
scan:
	for ; end < len(t) && end-from < maxUserinfo; end++ {
		switch c := t[end]; {
		case c == '@':
			at = end
		case c == ':' && colon < 0:
			colon = end
		case c == '{' && end > from && t[end-1] == '$' || c == '{' && end+1 < len(t) && t[end+1] == '{':
			j := bytes.IndexByte(t[end:min(len(t), end+200)], '}')
			if j < 0 {
				return
			}
			end += j
		case c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == '/' || c == '\\' || c == ',' && at > 0:
			break scan
		case (c == '?' || c == '#') && at > 0:
			break scan
		}
	}
	if at < 0 || at == from {
		return
	}
	host := hostOf(t, at+1)
	if host == "" {
		return
	}
	if colon < 0 || colon > at {
		d.urlToken(from, at, string(t[s:i]), host, rule)
		return
	}
	d.urlPassword(string(t[from:colon]), colon+1, at, host, rule)
}

func isScheme(c byte) bool {
	return low(c) >= 'a' && low(c) <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'
}

// hostOf is the host at text[i:], without its port; "" if there's none.
func hostOf(text []byte, i int) string {
	end := i
	for end < len(text) && end-i < 256 && (isScheme(text[end]) || text[end] == '_' || text[end] == '[' || text[end] == ']' || text[end] == ':' && end > i && text[i] == '[') {
		end++
	}
	if end == i {
		if i < len(text) && (text[i] == '$' || text[i] == '%' || text[i] == '{' || text[i] == '<' || text[i] == '(') {
			return "?" // a host from a variable; the password may be real for all that
		}
		return ""
	}
	return string(text[i:end])
}

// exampleHost reports whether a host is kept for documentation: example.com.
// Below it, and at hosts that are called so, a value without a digit or capital
// is taken for part of the example.
func exampleHost(host string, v []byte) bool {
	h := strings.ToLower(host)
	if h == "example" || strings.HasPrefix(h, "example.") || strings.HasPrefix(h, "www.example.") {
		return true
	}
	if bytes.ContainsAny(v, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return false
	}
	for _, s := range [...]string{"example.com", "example.org", "example.net", "example.edu", "domain.com", "domain.tld", "yourdomain.com", "mydomain.com", "company.com", "foo.com", "bar.com", "foo.bar", "acme.com", "somehost", "yourhost", "your-host", "myhost", "hostname", "evil.com", "site.com", "test.com", "server.tld", "host", "foo", "bar", "h", "a", "b", "x", "host.com", "host.tld", "proxy.com"} {
		if strings.HasSuffix(h, s) && (len(h) == len(s) || h[len(h)-len(s)-1] == '.') {
			return true
		}
	}
	return strings.HasSuffix(h, ".example") || strings.HasSuffix(h, ".invalid") || strings.HasPrefix(h, "your-") || strings.HasPrefix(h, "your_")
}

// urlPassword adds the password text[from:to].
func (d *doc) urlPassword(user string, from, to int, host, rule string) {
	if from == to && user != "" { // https://TOKEN:@host
		d.urlToken(from-1-len(user), from-1, "https", host, rule)
		return
	}
	v := d.text[from:to]
	if from >= to || (user == "" || user == "x") && bytes.IndexByte(v, ':') >= 0 || v[0] == '@' || !printable(v) {
		return
	}
	// A colon of a port or of a time, with an @ later on: no URL.
	if bytes.ContainsAny(v, "()|;[]{}^") && (v[0] == '(' || v[0] == '[' || v[0] == '{' || v[0] == '|' || v[0] == '^') {
		if Classify("password", v) == Literal {
			return
		}
	}
	h := Hit{Rule: rule, From: from, To: to, Key: "password", Note: "for user " + user + " at " + host}
	if user == "" {
		h.Note = "at " + host
	}
	if host == "?" {
		h.Note = "for user " + user
	}
	if inComment(d.text, from) && !looksReal("password", v) {
		return // an example of the file's own documentation
	}
	if un := unpercent(v); len(un) != len(v) {
		h.Value = un
	}
	if string(v) == "x-oauth-basic" || len(user) >= 20 && tokenish([]byte(user)) && dummyPassword(string(v)) { // then the user is the token
		d.urlToken(from-1-len(user), from-1, "https", host, rule)
		return
	}
	k := Classify("password", v)
	switch {
	case k == Reference || k == Empty:
		return
	case k == Placeholder, dummyPair(user, v), user != "" && user[0] == '[' && v[len(v)-1] == ']':
		h.Info = InfoPlaceholder
	case exampleHost(host, v):
		h.Info = "a host of an example"
	}
	d.add(h)
}

// dummyPassword reports whether a password stands where a service wants none,
// as its user is a token.
func dummyPassword(v string) bool {
	switch strings.ToLower(v) {
	case "x", "unused", "dummy", "none", "ignored", "pass", "password", "api_token", "token", "null":
		return true
	}
	return false
}

// inComment reports whether the line of text[at] is commented out.
func inComment(text []byte, at int) bool {
	s := at
	for s > 0 && at-s < maxUserinfo && text[s-1] != '\n' {
		s--
	}
	_, commented := trimComment(text, s, at)
	return commented
}

// dummyPair reports whether user and password are as documentation has them.
func dummyPair(user string, pass []byte) bool {
	u, p := string(bytes.ToLower([]byte(user))), string(bytes.ToLower(pass))
	switch p {
	case "pass", "password", "passwd", "pwd", "pw", "p", "secret", "token", "passw0rd!", "p4ss", "userpass", "userpassword", "user_password", "mypass", "my_password", "dbpass", "dbpassword", "db_password":
		return p != "secret" || u == "user" || u == "username" || u == "foo"
	case "bar", "baz", "b", "bb", "bbb":
		return true
	}
	return u == "test" && p == "test" || (u == "user" || u == "username" || u == "usr") && (p == u || p == "123" || p == "1234" || p == "test")
}

func printable(v []byte) bool {
	for _, c := range v {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// urlToken adds a token that stands alone before the host.
func (d *doc) urlToken(from, to int, scheme, host, rule string) {
	v := d.text[from:to]
	if scheme == "ssh" || scheme == "git+ssh" || scheme == "sftp" || len(v) < 20 || bytes.Contains([]byte(host), []byte("sentry")) || !tokenish(v) {
		return
	}
	if Classify("token", v) != Literal {
		return
	}
	d.add(Hit{Rule: rule, From: from, To: to, Key: "token", Note: "at " + host})
}

// tokenish reports whether v is one run of letters and digits, with both.
func tokenish(v []byte) bool {
	digit, letter := false, false
	for _, c := range v {
		switch {
		case c >= '0' && c <= '9':
			digit = true
		case isWord(c) || c == '-' || c == '.' || c == '=':
			letter = true
		default:
			return false
		}
	}
	return digit && letter
}

// unpercent decodes %40 and the like.
func unpercent(v []byte) []byte {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '%' && i+2 < len(v) {
			if r, ok := hex4([]byte{'0', '0', v[i+1], v[i+2]}); ok {
				out = append(out, byte(r))
				i += 2
				continue
			}
		}
		out = append(out, v[i])
	}
	return out
}

// connectionKeys are the names of secrets in connection strings.
var connectionKeys = []string{"password", "pwd", "accountkey", "sharedaccesskey", "passwd"}

// connectionMarks are other parts of connection strings; one of them must be
// in the same string.
var connectionMarks = []string{"server=", "data source=", "datasource=", "host=", "user id=", "userid=", "uid=", "user=", "username=", "initial catalog=", "database=", "dbname=", "accountname=", "endpoint=", "sharedaccesskeyname=", "jdbc:", "dsn=", "driver=", "hostname=", "addr=", "address=", "defaultendpointsprotocol="}

// maxConnection bounds how far the parts of a connection string are looked for.
const maxConnection = 400

// ConnectionStrings finds the passwords and keys in JDBC URLs and in the
// connection strings of ADO, ODBC, libpq and Azure, in any text.
func ConnectionStrings(text []byte) []Hit {
	d := doc{text: text}
	d.oracle()
	last, same := 0, 0 // the name before, and how many are in the same string
	for at := 0; at < len(text); {
		i := bytes.IndexByte(text[at:], '=')
		if i < 0 {
			break
		}
		i += at
		at = i + 1
		e := i
		for e > 0 && text[e-1] == ' ' && i-e < 4 {
			e--
		}
		for _, k := range connectionKeys {
			if e >= len(k) && low(text[e-1]) == k[len(k)-1] && foldEq(text[e-len(k):e], k) {
				if bytes.ContainsAny(text[last:e], "\"'\n<>`") {
					same = 0
				}
				last = e
				if same++; same <= 8 { // no string has more, but one that is made to cost much
					d.connection(e-len(k), i+1)
				}
				break
			}
		}
	}
	return d.sorted()
}

// oracle finds jdbc:oracle:thin:user/password@host.
func (d *doc) oracle() {
	const prefix = "jdbc:oracle:"
	for at := 0; ; {
		i := bytes.Index(d.text[at:], []byte(prefix))
		if i < 0 {
			return
		}
		at += i + len(prefix)
		slash := 0
		for j := at; j < len(d.text) && j-at < 128 && d.text[j] > ' ' && !ends(d.text[j]); j++ {
			switch c := d.text[j]; {
			case c == '/' && slash == 0:
				slash = j
			case c == '@':
				if slash > 0 && slash+1 < j {
					d.secret("connection-string", "password", slash+1, j, "")
				}
				j = len(d.text)
			}
		}
	}
}

// connection looks at the password whose name begins at key and whose value,
// at from.
func (d *doc) connection(key, from int) {
	t := d.text
	s := key
	for s > 0 && key-s < maxConnection && !ends(t[s-1]) {
		s--
	}
	end := from
	for end < len(t) && end-from < maxConnection && !ends(t[end]) {
		end++
	}
	before, rest := bytes.TrimRight(t[s:key], " "), t[from:end]
	if len(before) > 0 && isWord(before[len(before)-1]) && len(before) == key-s || bytes.HasSuffix(before, []byte("-")) {
		return // a part of a longer name
	}
	sep := byte(' ')
	switch {
	case bytes.HasSuffix(before, []byte(";")), len(before) == 0 && bytes.IndexByte(rest, ';') >= 0:
		sep = ';'
	case bytes.HasSuffix(before, []byte("&")), bytes.HasSuffix(before, []byte("?")), bytes.HasSuffix(before, []byte("&amp;")):
		sep = '&'
		if !has(t[s:key], "jdbc:") {
			return // of other URLs, the query is no place of a known form
		}
	case len(before) > 0 && before[len(before)-1] == '(':
		return
	}
	if bytes.HasSuffix(before, []byte("&amp;")) {
		sep = '&'
	}
	if !marked(t[s:key], sep) && !marked(rest, sep) {
		return
	}
	to := from
	for to < end && t[to] != sep && !(sep == '&' && t[to] == ';') && !(sep == ' ' && t[to] == ';') {
		to++
	}
	from, to = trim(t, from, to)
	v := t[from:to]
	if len(v) == 0 || len(v) > 200 || v[0] == '%' && len(v) == 2 || v[0] == '$' && Classify("password", v) == Reference || bytes.ContainsAny(v, "{}") && Classify("password", v) != Literal {
		return
	}
	if inComment(t, key) && !looksReal("password", v) {
		return
	}
	if v[0] == '\\' || v[0] == '(' || v[0] == '[' || v[0] == '{' || v[0] == '+' || v[0] == '=' {
		return
	}
	d.secret("connection-string", string(bytes.TrimSpace(t[key:from-1])), from, to, "")
}

func ends(c byte) bool {
	return c == '"' || c == '\'' || c == '\n' || c == '\r' || c == '<' || c == '>' || c == '`' || c == 0
}

// marked reports whether s has another part of a connection string.
func marked(s []byte, sep byte) bool {
	var buf [maxConnection]byte
	lower := buf[:0]
	for _, c := range s[:min(len(s), maxConnection)] {
		if c == ' ' && len(lower) > 0 && lower[len(lower)-1] == '=' {
			continue
		}
		if c == '=' {
			lower = bytes.TrimRight(lower, " ")
		}
		lower = append(lower, low(c))
	}
	for _, m := range connectionMarks {
		if i := bytes.Index(lower, []byte(m)); i >= 0 && (i == 0 || !isWord(lower[i-1]) && lower[i-1] != '-') {
			return true
		}
	}
	return false
}

// userPass decodes base64 of "user:password".
func userPass(v []byte) (user, pass []byte, ok bool) {
	dec := decode64(v)
	user, pass, ok = bytes.Cut(dec, []byte(":"))
	return user, pass, ok && len(pass) > 0
}

// decode64 decodes base64 in either alphabet, with or without padding; nil if
// it is none.
func decode64(v []byte) []byte {
	v = bytes.TrimRight(bytes.TrimSpace(v), "=")
	if len(v) < 2 {
		return nil
	}
	if bytes.ContainsAny(v, "\n\r \t") {
		v = bytes.Join(bytes.Fields(v), nil)
	}
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(v, "-_") {
		enc = base64.RawURLEncoding
	}
	out := make([]byte, enc.DecodedLen(len(v)))
	n, err := enc.Decode(out, v)
	if err != nil {
		return nil
	}
	return out[:n]
}

// isText reports whether v can be shown.
func isText(v []byte) bool {
	for _, c := range v {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return len(v) > 0
}
