package formats

import (
	"bytes"
	"crypto/aes"
	"strings"
)

// databaseForms are the files of databases: clients, servers, dumps.
func databaseForms() []form {
	options := inLines("=", field{"client*/password", "mysql-client-password"}, field{"mysql*/password", "mysql-client-password"}, field{"mysqldump/password", "mysql-client-password"}, field{"mysqladmin/password", "mysql-client-password"}, field{"mariadb*/password", "mysql-client-password"}, field{"mysqld/master-password", "mysql-client-password"}, field{"*/password", "mysql-client-password"})
	mysql := func(d *doc) {
		options(d)
		galera(d)
	}
	return []form{
		{name: ".my.cnf", find: mysql},
		{name: "my.cnf", find: mysql},
		{name: "debian.cnf", find: mysql},
		{name: "*.cnf", in: "mysql mysql/conf.d mysql/mysql.conf.d mysql/mariadb.conf.d my.cnf.d root", find: mysql},
		{name: ".mylogin.cnf", binary: true, find: mylogin},
		{name: ".mysql_history", find: sqlText},
		{name: ".psql_history", find: sqlText},
		{name: ".mariadb_history", find: sqlText},
		{name: ".pgpass", find: pgpass},
		{name: "pgpass", find: pgpass},
		{name: "pgpass.conf", find: pgpass},
		{name: "pg_service.conf", find: inLines("=", field{"password", "pg-service-password"})},
		{name: ".pg_service.conf", find: inLines("=", field{"password", "pg-service-password"})},
		{name: "userlist.txt", find: userlist},
		{name: "pgbouncer.ini", find: urlsAs("credential-url")},
		{name: "recovery.conf", find: func(*doc) {}}, // its connection string is read anyway
		{name: "postgresql.auto.conf", find: func(*doc) {}},
		{name: "pool_passwd", find: userHash("sql-password-hash")},
		{name: "redis*.conf", find: redisConf},
		{name: "*.conf", in: "redis valkey", find: redisConf},
		{name: "valkey*.conf", find: redisConf},
		{name: "sentinel*.conf", find: redisConf},
		{name: "users.acl", find: redisConf},
		{name: "mongod.conf", find: inTree(field{"*password", "mongodb-password"})},
		{name: "mongodb-keyfile", find: mongoKey},
		{name: "mongo-keyfile", find: mongoKey},
		{name: "keyfile", in: "mongo mongodb mongod data/db", find: mongoKey},
		{name: "mongodb.key", find: mongoKey},
		{name: "*.js", in: "docker-entrypoint-initdb.d", find: mongoJS},
		{name: ".mongorc.js", find: mongoJS},
		{name: "mongo-init.js", find: mongoJS},
		{name: "init-mongo.js", find: mongoJS},
		{name: "*.sql", find: sqlText},
		{name: "*.ddl", find: sqlText},
		{name: "*.dump", find: sqlText},
		{name: "*.sh", in: "docker-entrypoint-initdb.d", find: sqlText},
		{name: "cqlshrc", find: inLines("=", field{"password", "cqlshrc-password"})},
		{name: "credentials", in: ".cassandra cassandra", find: inLines("=", field{"password", "cqlshrc-password"})},
		{name: "users.xml", in: "clickhouse-server clickhouse-server/** clickhouse", find: clickhouse},
		{name: "*.xml", in: "clickhouse-server/users.d clickhouse-server/config.d clickhouse-client clickhouse-server", find: clickhouse},
		{name: "influxdb.conf", find: inLines("=", field{"shared-secret", "influxdb-secret"}, field{"*password", "influxdb-secret"}, field{"internal-shared-secret", "influxdb-secret"})},
		{name: "telegraf.conf", find: inLines("=", field{"token", "influxdb-secret"}, field{"password", "influxdb-secret"})},
		{name: "*.conf", in: "telegraf.d", find: inLines("=", field{"token", "influxdb-secret"}, field{"password", "influxdb-secret"})},
		{name: "configs", in: "influxdbv2 .influxdbv2", find: inLines("=", field{"token", "influxdb-secret"})},
		{name: "*.ldif", find: ldif},
	}
}

// galera reads user:password of the transfers of a cluster.
func galera(d *doc) {
	for p := range d.pairs("=") {
		if i := bytes.IndexByte(d.text[p.from:p.to], ':'); keyIs(p.key, "wsrep_sst_auth") && i >= 0 && p.from+i+1 < p.to {
			p.from += i + 1
			d.pair("mysql-client-password", p, "")
		}
	}
}

// mylogin decodes what mysql_config_editor writes: the key is in the file.
func mylogin(d *doc) {
	t := d.text
	if len(t) < 28 || t[0]|t[1]|t[2]|t[3] != 0 {
		return
	}
	var key [16]byte
	for i, c := range t[4:24] {
		key[i%16] ^= c
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return
	}
	user, host := "", ""
	for i := 24; i+4 <= len(t); {
		n := int(t[i]) | int(t[i+1])<<8 | int(t[i+2])<<16 | int(t[i+3])<<24
		i += 4
		if n <= 0 || n%16 != 0 || n > len(t)-i || n > 4096 {
			return
		}
		plain := make([]byte, n)
		for b := 0; b < n; b += 16 {
			block.Decrypt(plain[b:b+16], t[i+b:i+b+16])
		}
		if pad := int(plain[n-1]); pad > 0 && pad <= 16 {
			plain = plain[:n-pad]
		}
		p := pair{}
		if line := bytes.TrimSpace(plain); len(line) > 0 && line[0] == '[' {
			user, host = "", ""
		} else if splitPair(plain, 0, len(plain), "=", &p) {
			v := plain[p.from:p.to]
			switch string(p.key) {
			case "user":
				user = string(v)
			case "host":
				host = string(v)
			case "password":
				d.decoded("mysql-client-password", "password", i, i+n, v, forUser(user, host))
			}
		}
		i += n
	}
}

// pgpass reads host:port:database:user:password.
func pgpass(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		var cut [4]int
		n := 0
		for i := at; i < to && n < 4; i++ {
			if d.text[i] == '\\' {
				i++
			} else if d.text[i] == ':' {
				cut[n] = i
				n++
			}
		}
		if n < 4 || cut[3]+1 >= to {
			continue
		}
		user, host := string(d.text[cut[2]+1:cut[3]]), string(d.text[at:cut[0]])
		if commented && (host == "hostname" || strings.Contains(host, " ")) {
			continue
		}
		p := pair{key: []byte("password"), from: cut[3] + 1, to: to, commented: commented, quoted: true}
		d.pair("pgpass-password", p, forUser(user, host))
	}
}

// userlist reads pgbouncer's "user" "password".
func userlist(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if at >= to || d.text[at] != '"' {
			continue
		}
		uf, ut, _ := value(d.text, at, to)
		pf, pt, ok := value(d.text, min(ut+1, to), to)
		if !ok || pf >= pt || commented && !looksReal("", d.text[pf:pt]) {
			continue
		}
		rule := "pgbouncer-userlist-password"
		if isSQLHash(d.text[pf:pt]) {
			rule = "sql-password-hash"
		}
		d.secret(rule, "password", pf, pt, "for user "+string(d.text[uf:ut]))
	}
}

// userHash reads user:hash.
func userHash(rule string) func(*doc) {
	return func(d *doc) {
		for from, to := range lines(d.text) {
			i := bytes.IndexByte(d.text[from:to], ':')
			if i > 0 && to-from-i > 8 && d.text[from] != '#' {
				d.secret(rule, "hash", from+i+1, to, "for user "+string(d.text[from:from+i]))
			}
		}
	}
}

// redisConf reads requirepass, masterauth and the passwords of users.
func redisConf(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		word, user, n := "", "", 0
		for f, t := range fieldsOf(d.text, at, to) {
			w := d.text[f:t]
			switch {
			case n == 0:
				word = strings.ToLower(string(w[:min(len(w), 32)]))
			case word == "requirepass" && n == 1, word == "masterauth" && n == 1, word == "primaryauth" && n == 1, word == "tls-key-file-pass" && n == 1, word == "sentinel" && user == "auth-pass" && n == 3, word == "sentinel" && user == "sentinel-pass" && n == 2:
				vf, vt, q := value(d.text, f, to)
				if !q {
					vt = t
				}
				d.pair("redis-password", pair{key: []byte(word), from: vf, to: vt, commented: commented, quoted: true}, "")
			case n == 1 && (word == "user" || word == "sentinel"):
				user = string(w)
			case word == "user" && w[0] == '>' && len(w) > 1:
				d.pair("redis-password", pair{key: []byte("user"), from: f + 1, to: t, commented: commented, quoted: true}, "for user "+user)
			case word == "user" && w[0] == '#' && len(w) == 65 && !commented:
				d.secret("sql-password-hash", "user", f+1, t, "for user "+user)
			}
			if n++; n > 40 || n == 1 && word != "user" && word != "sentinel" && word != "requirepass" && word != "masterauth" && word != "primaryauth" && word != "tls-key-file-pass" {
				break
			}
		}
	}
}

// mongoKey reads a key file of a replica set: base64, 6 to 1024 characters.
func mongoKey(d *doc) {
	v := bytes.TrimSpace(d.text)
	if len(v) < 16 || len(v) > 1100 || decode64(bytes.TrimPrefix(v, []byte("- "))) == nil {
		return
	}
	from := bytes.Index(d.text, v)
	d.secret("mongodb-keyfile", "keyFile", from, from+len(v), "")
}

func mongoJS(d *doc) {
	for p := range d.literals() {
		if keyIs(p.key, "pwd") || keyIs(p.key, "password") {
			d.pair("mongodb-password", p, "")
		}
	}
	for i := 0; ; { // db.auth("user", "password")
		j := bytes.Index(d.text[i:], []byte(".auth("))
		if j < 0 {
			return
		}
		i += j + 6
		end := min(len(d.text), i+256)
		if k := bytes.IndexByte(d.text[i:end], '\n'); k >= 0 {
			end = i + k
		}
		_, t, q := value(d.text, i, end)
		if !q {
			continue
		}
		c := t + 1
		for c < end && (blank(d.text[c]) || d.text[c] == ',') {
			c++
		}
		if f, t, q := value(d.text, c, end); q {
			d.secret("mongodb-password", "auth", f, t, "")
		}
	}
}

// sqlText reads the passwords of CREATE USER and the like.
func sqlText(d *doc) {
	t := d.text
	for i := 0; i < len(t); i++ {
		switch low(t[i]) {
		case 'i':
			if wordAt(t, i, "identified") {
				i = d.identified(i + 10)
			}
		case 'p':
			if wordAt(t, i, "password") {
				i = d.sqlPassword(i)
			}
		}
	}
}

// wordAt reports whether text[i:] begins with the word, in any case.
func wordAt(t []byte, i int, w string) bool {
	return len(t)-i >= len(w) && foldEq(t[i:i+len(w)], w) && (i == 0 || !isWord(t[i-1])) && (i+len(w) == len(t) || !isWord(t[i+len(w)]))
}

func skipSpace(t []byte, i int) int {
	for i < len(t) && (blank(t[i]) || t[i] == '\n') {
		i++
	}
	return i
}

// identified reads BY 'x', BY PASSWORD '*x', WITH plugin AS '*x'.
func (d *doc) identified(i int) int {
	t := d.text
	hash := false
	for range 6 {
		i = skipSpace(t, i)
		switch {
		case wordAt(t, i, "by"):
			i += 2
		case wordAt(t, i, "with"):
			i += 4
		case wordAt(t, i, "as"):
			i, hash = i+2, true
		case wordAt(t, i, "using"):
			i, hash = i+5, true
		case wordAt(t, i, "password"):
			i += 8
		case wordAt(t, i, "values"):
			i, hash = i+6, true
		case i < len(t) && t[i] == '(':
			i++
		case i < len(t) && (t[i] == '\'' || t[i] == '"'):
			from, to, next := sqlString(t, i)
			if j := skipSpace(t, next); to-from < 40 && (wordAt(t, j, "as") || wordAt(t, j, "by")) { // a plugin in quotes
				i = next
				continue
			}
			d.sqlValue(from, to, hash)
			return next
		case i < len(t) && isWord(t[i]):
			w := i
			for i < len(t) && isWord(t[i]) {
				i++
			}
			if i-w > 40 {
				return i
			}
		default:
			return i
		}
	}
	return i
}

// sqlString reads the string in quotes at text[i:].
func sqlString(t []byte, i int) (from, to, next int) {
	end := i + 1
	for end < len(t) && t[end] != t[i] && t[end] != '\n' && end-i < 1024 {
		if t[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(t))
	return i + 1, end, min(end+1, len(t))
}

// sqlPassword reads PASSWORD 'x' of PostgreSQL, PASSWORD('x') and SET PASSWORD
// … = 'x' of MySQL, PASSWORD = 'x' of SQL Server. It must be in a statement
// about users.
func (d *doc) sqlPassword(at int) int {
	t := d.text
	i := skipSpace(t, at+8)
	set := false
	if wordAt(t, i, "for") { // SET PASSWORD FOR 'a'@'b' =
		j := bytes.IndexAny(t[i:min(len(t), i+200)], "=;\n")
		if j < 0 || t[i+j] != '=' {
			return i
		}
		i, set = i+j, true
	}
	if i < len(t) && t[i] == '=' {
		i = skipSpace(t, i+1)
	}
	if wordAt(t, i, "password") {
		i = skipSpace(t, i+8)
	}
	if i < len(t) && t[i] == '(' {
		i = skipSpace(t, i+1)
	}
	if i < len(t) && (t[i] == 'N' || t[i] == 'E') {
		i++
	}
	if i >= len(t) || t[i] != '\'' {
		return at + 7
	}
	if s := statement(t, at); !set && !s {
		return at + 7
	}
	from, to, next := sqlString(t, i)
	d.sqlValue(from, to, false)
	return next - 1
}

// statement reports whether what is before text[at] is about a user or a role.
func statement(t []byte, at int) bool {
	s := t[max(0, at-300):at]
	if i := bytes.LastIndexByte(s, ';'); i >= 0 {
		s = s[i:]
	}
	for i := range s {
		if (i == 0 || !isWord(s[i-1])) && (low(s[i]) == 'u' && (wordAt(s, i, "user")) || low(s[i]) == 'r' && wordAt(s, i, "role") || low(s[i]) == 'l' && wordAt(s, i, "login") || low(s[i]) == 's' && wordAt(s, i, "set") || low(s[i]) == 'm' && wordAt(s, i, "mapping")) {
			for _, w := range [...]string{"create", "alter", "set", "grant", "CREATE", "ALTER", "SET", "GRANT", "Create", "Alter"} {
				if has(s, w) {
					return true
				}
			}
		}
	}
	return false
}

// sqlValue adds a password, or a hash of one.
func (d *doc) sqlValue(from, to int, hash bool) {
	if from >= to {
		return
	}
	v := d.text[from:to]
	if v[0] == ':' && isName(v[1:]) || v[0] == '$' || v[0] == '%' || v[0] == '\\' || bytes.ContainsAny(v, "\n") {
		return
	}
	if hash || isSQLHash(v) {
		if len(v) > 15 {
			d.secret("sql-password-hash", "password", from, to, "")
		}
		return
	}
	d.secret("sql-user-password", "password", from, to, "")
}

// isSQLHash reports whether v is a hash as databases write it.
func isSQLHash(v []byte) bool {
	return len(v) == 35 && string(v[:3]) == "md5" || bytes.HasPrefix(v, []byte("SCRAM-SHA-256$")) || len(v) == 41 && v[0] == '*' || bytes.HasPrefix(v, []byte("0x0")) && len(v) > 40 || bytes.HasPrefix(v, []byte("$A$005$")) || bytes.HasPrefix(v, []byte("S:")) && len(v) > 40
}

// clickhouse reads the users of ClickHouse.
func clickhouse(d *doc) {
	for e := range d.elems() {
		if keyIs(e.name, "password") || keyIs(e.name, "secret") && e.in("remote_servers") || keyIs(e.name, "secret_access_key") {
			d.xmlText("clickhouse-password", string(e.name), e.from, e.to, "")
		} else if keyIs(e.name, "password_sha256_hex") || keyIs(e.name, "password_double_sha1_hex") {
			if e.to-e.from >= 40 && !has(d.text[e.from:e.to], "e3b0c44298fc1c14") {
				d.xmlText("sql-password-hash", string(e.name), e.from, e.to, "")
			}
		}
	}
}

// ldif reads userPassword: in clear, or ::base64.
func ldif(d *doc) {
	for from, to := range lines(d.text) {
		if to-from < 14 {
			continue
		}
		line := d.text[from:to]
		i := bytes.IndexByte(line, ':')
		if i <= 0 || !keyIs(line[:i], "userPassword") && !keyIs(line[:i], "olcRootPW") && !keyIs(line[:i], "unicodePwd") && !keyIs(line[:i], "sambaNTPassword") {
			continue
		}
		var dec []byte
		f := from + i + 1
		if f < to && d.text[f] == ':' {
			f++
			dec = decode64(d.text[f:to])
		}
		f, t := trim(d.text, f, to)
		v := d.text[f:t]
		if dec != nil {
			v = dec
		}
		rule := "ldap-bind-password"
		if len(v) > 0 && v[0] == '{' || keyIs(line[:i], "sambaNTPassword") {
			rule = "ldap-entry-hash"
		}
		d.decoded(rule, string(line[:i]), f, t, dec, "")
	}
}
