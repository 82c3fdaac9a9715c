package shellflow

import (
	"regexp"
	"slices"
	"strings"
)

// placeholder tells whether a constant is no real value.
func (r *run) placeholder(s string) bool {
	return strings.TrimSpace(s) == "" || r.in.Placeholder != nil && r.in.Placeholder(s)
}

func (r *run) secretName(name string) bool {
	return r.in.SecretName != nil && r.in.SecretName(name)
}

// real reports whether t is a constant of the script that could be a secret.
func (r *run) real(t text) bool {
	return t.known() && !t.foreign && t.taint.none() && !r.placeholder(t.s)
}

// inline notes a constant that stands where a password stands.
func (r *run) inline(t text, by string) bool {
	if !r.real(t) {
		return false
	}
	r.flow(Flow{Kind: Inline, By: by, Pos: t.pos, End: t.end, Value: t.s})
	return true
}

// constantFor is inline for a value with a name: of a variable, of an option.
func (r *run) constantFor(name string, t text, by string) bool {
	if !r.secretName(name) {
		return false
	}
	if key := t.s; strings.HasPrefix(key, "/run/secrets/") || r.mountOf(key) != nil {
		return false // the place of a secret, not a secret
	}
	return r.inline(t, by)
}

// urlConstants looks for user:password@ in words.
func (r *run) urlConstants(ts []text, by string) {
	for _, t := range ts {
		r.urlConstant(t, by)
	}
}

// tokenLength is from which length on a user name alone is a token of a host.
// The URLs that Bitbucket and Azure DevOps offer to clone have the name of the
// user or organisation in them.
func tokenLength(host string) int {
	switch host {
	case "github.com", "gitlab.com", "npm.pkg.github.com":
		return 10
	case "bitbucket.org", "dev.azure.com", "pkgs.dev.azure.com":
		return 20
	}
	return maxText
}

// urlConstant looks for a password in the user part of a URL.
func (r *run) urlConstant(t text, by string) bool {
	s := t.s
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			return false
		}
		s = s[i+3:]
		userinfo, host, ok := cutUserinfo(s)
		if !ok || t.foreign {
			continue
		}
		user, password, has := strings.Cut(userinfo, ":")
		if password == "x-oauth-basic" || password == "" { // the token is the user
			has, password = false, ""
		}
		switch {
		case strings.ContainsAny(userinfo, "\x01${}<>") || strings.Contains(userinfo, "%s"):
		case has:
			if !r.placeholder(password) {
				r.flow(Flow{Kind: Inline, By: by, Pos: t.pos, End: t.end, Value: password})
				return true
			}
		case (len(user) >= tokenLength(host) || strings.Contains(userinfo, ":x-oauth-basic")) && (strings.ContainsAny(user, "0123456789") || len(userinfo) > len(user)+1) && !r.placeholder(user):
			r.flow(Flow{Kind: Inline, By: by, Pos: t.pos, End: t.end, Value: user})
			return true
		}
	}
}

// cutUserinfo splits what follows :// in the user and the host.
func cutUserinfo(s string) (userinfo, host string, ok bool) {
	if i := strings.IndexAny(s, "/?# \t\n\"'"); i >= 0 {
		s = s[:i]
	}
	i := strings.LastIndexByte(s, '@')
	if i <= 0 {
		return "", "", false
	}
	host, _, _ = strings.Cut(s[i+1:], ":")
	return s[:i], host, host != ""
}

// hasUserinfo reports whether a URL, with holes or without, has a user part.
func hasUserinfo(s string) bool {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return false
	}
	in := false
	for i := range len(rest) {
		switch rest[i] {
		case holeOpen:
			in = true
		case holeClose:
			in = false
		case '@':
			if !in {
				return i > 0
			}
		case '/', '?', '#':
			if !in {
				return false
			}
		}
	}
	return false
}

// passwordOption is where a command takes a password as an argument.
type passwordOption struct {
	command string   // its words: "docker login"
	options []string // "-p": also glued on, "-psecret", if glued is set
	glued   bool     // and then only so
	user    bool     // the value is user:password
	scheme  string   // the value is a password only after this: openssl's pass:
}

var passwordOptions = []passwordOption{
	{command: "curl", options: []string{"-u", "--user", "-U", "--proxy-user"}, user: true},
	{command: "curl", options: []string{"--oauth2-bearer", "--pass", "--proxy-pass"}},
	{command: "wget", options: []string{"--password", "--http-password", "--ftp-password", "--proxy-password", "--http-passwd", "--proxy-passwd"}},
	{command: "http", options: []string{"-a", "--auth"}, user: true},
	{command: "https", options: []string{"-a", "--auth"}, user: true},
	{command: "mysql", options: []string{"-p"}, glued: true},
	{command: "mysqladmin", options: []string{"-p"}, glued: true},
	{command: "mysqldump", options: []string{"-p"}, glued: true},
	{command: "mariadb", options: []string{"-p"}, glued: true},
	{command: "mariadb-admin", options: []string{"-p"}, glued: true},
	{command: "mysql", options: []string{"--password"}},
	{command: "mysqladmin", options: []string{"--password"}},
	{command: "mysqldump", options: []string{"--password"}},
	{command: "mariadb", options: []string{"--password"}},
	{command: "sshpass", options: []string{"-p"}},
	{command: "redis-cli", options: []string{"-a", "--pass"}},
	{command: "mongo", options: []string{"-p", "--password"}},
	{command: "mongosh", options: []string{"-p", "--password"}},
	{command: "ldapadd", options: []string{"-w"}},
	{command: "ldapmodify", options: []string{"-w"}},
	{command: "ldapsearch", options: []string{"-w"}},
	{command: "smbclient", options: []string{"--password"}},
	{command: "7z", options: []string{"-p"}, glued: true},
	{command: "7za", options: []string{"-p"}, glued: true},
	{command: "openssl", options: []string{"-k", "-K"}},
	{command: "openssl", options: []string{"-pass", "-passin", "-passout", "-password"}, scheme: "pass:"},
	{command: "zip", options: []string{"-P", "--password"}},
	{command: "unzip", options: []string{"-P"}},
	{command: "keytool", options: []string{"-storepass", "-keypass", "-deststorepass", "-srcstorepass", "-new"}},
	{command: "twine upload", options: []string{"-p", "--password"}},
	{command: "npm publish", options: []string{"--_authToken", "--//registry.npmjs.org/:_authToken"}},
	{command: "poetry publish", options: []string{"-p", "--password"}},
	{command: "helm pull", options: []string{"--password"}},
	{command: "helm install", options: []string{"--password"}},
	{command: "helm upgrade", options: []string{"--password"}},
	{command: "skopeo copy", options: []string{"--src-creds", "--dest-creds", "--creds"}, user: true},
	{command: "psexec", options: []string{"-p"}},
	{command: "subscription-manager register", options: []string{"--password"}},
	{command: "unrar", options: []string{"-p"}, glued: true},
	{command: "x11vnc", options: []string{"-storepasswd", "-passwd"}},
	{command: "svn", options: []string{"--password"}},
	{command: "oc login", options: []string{"--token", "-p", "--password"}},
}

// inlineOptions looks for constants where the command takes a password, for
// headers that carry one, and for URLs with one.
func (r *run) inlineOptions(c *cmdline) {
	args := c.rest()
	r.statements(c)
	for i := range passwordOptions {
		if p := &passwordOptions[i]; p.of(c) {
			r.passwordsIn(p, args, c.name)
		}
	}
	for i, a := range args {
		r.urlConstant(a, c.name)
		name, value, glued := a.cut('=')
		switch {
		case (a.is("-H", "--header") || strings.HasPrefix(a.s, "--header=")) && !glued && i+1 < len(args):
			r.header(args[i+1], c.name+" -H")
		case name.is("--header") && glued:
			r.header(value, c.name+" -H")
		case strings.HasPrefix(a.s, "-H") && len(a.s) > 2:
			r.header(a.with(a.s[2:]), c.name+" -H")
		case strings.HasPrefix(name.s, "--") && glued:
			r.optionConstant(c, name, value)
		case strings.HasPrefix(a.s, "--") && i+1 < len(args) && !strings.HasPrefix(args[i+1].s, "-"):
			r.optionConstant(c, a, args[i+1])
		}
	}
}

// optionConstant is constantFor for the value of an option such as --api-key.
func (r *run) optionConstant(c *cmdline, name, value text) {
	n := strings.ReplaceAll(strings.TrimLeft(name.plain(), "-"), "-", "_")
	if n == "secret" {
		return // of docker build, gcloud and their kin: the name of one
	}
	for _, about := range []string{"file", "path", "id", "name", "env", "stdin", "ttl", "type", "policy", "dir", "url"} {
		if strings.HasSuffix(n, "_"+about) {
			return
		}
	}
	r.constantFor(n, value, c.name+" "+name.plain())
}

func (p *passwordOption) of(c *cmdline) bool {
	first, rest, _ := strings.Cut(p.command, " ")
	return first == c.name && (rest == "" || slices.ContainsFunc(c.rest(), func(t text) bool { return t.s == rest }))
}

func (r *run) passwordsIn(p *passwordOption, args []text, name string) {
	for i, a := range args {
		for _, o := range p.options {
			var v text
			switch {
			case strings.HasPrefix(o, "--") && strings.HasPrefix(a.s, o+"="):
				v = a.with(a.s[len(o)+1:])
			case p.glued:
				if !strings.HasPrefix(a.s, o) || strings.HasPrefix(a.s, "--") {
					continue
				}
				v = a.with(a.s[len(o):])
			case a.s == o:
				if i+1 == len(args) {
					continue
				}
				v = args[i+1]
			case len(o) == 2 && name != "openssl" && len(a.s) > 2 && strings.HasPrefix(a.s, o): // openssl has words with one dash
				v = a.with(a.s[2:])
			case len(o) == 2 && name == "curl" && len(a.s) > 2 && a.s[0] == '-' && a.s[1] != '-' && strings.HasSuffix(a.s, o[1:]) && i+1 < len(args) &&
				strings.Trim(a.s[1:len(a.s)-1], "sSfLkgivO") == "":
				v = args[i+1] // -fsSLu user:pass
			default:
				continue
			}
			if p.scheme != "" {
				s, ok := strings.CutPrefix(v.s, p.scheme)
				if !ok {
					continue
				}
				v = v.with(s)
			}
			if p.user {
				_, password, ok := v.cut(':')
				if !ok {
					continue
				}
				v = password
			}
			r.inline(v, name+" "+o)
		}
	}
}

// header looks for the constant of an Authorization header and its kin.
func (r *run) header(t text, by string) {
	name, value, ok := t.cut(':')
	if !ok {
		return
	}
	value.s = strings.TrimSpace(value.s)
	scheme, rest, has := strings.Cut(value.s, " ")
	switch n := strings.ToLower(name.s); {
	case n == "authorization" || n == "proxy-authorization":
		if has {
			value.s = rest
		} else if strings.EqualFold(scheme, "bearer") {
			return
		}
		r.inline(value, by)
	case n == "private-token" || n == "job-token" || n == "x-api-key" || n == "x-vault-token" || n == "x-jfrog-art-api" || r.secretName(strings.ReplaceAll(n, "-", "_")):
		r.inline(value, by)
	}
}

// sqlPassword is where SQL has a password: PostgreSQL's and MySQL's, and that
// of SQL Server.
var sqlPassword = regexp.MustCompile(`(?i)\b(?:identified\s+(?:with\s+\S+\s+)?(?:by|as)|(?:encrypted\s+)?password)(?:\s*=\s*|\s*\(\s*|\s+)N?'([^']+)'`)

// sqlClients read statements from their arguments and from their input.
var sqlClients = []string{"psql", "mysql", "mariadb", "mysqld", "mariadbd", "sqlcmd", "sqlplus", "cockroach", "clickhouse-client", "sqlite3", "postgres"}

// given is the input of a command, at the command if it has no place of its own.
func (r *run) given(c *cmdline) text {
	in := r.stdin()
	if in.end == 0 {
		in.pos, in.end = c.pos, c.end
	}
	return in
}

// statements looks for passwords in what a client of a database is told.
func (r *run) statements(c *cmdline) {
	if !slices.Contains(sqlClients, c.name) {
		return
	}
	for _, t := range append([]text{r.given(c)}, c.rest()...) {
		if t.foreign || !t.taint.none() {
			continue
		}
		for _, m := range sqlPassword.FindAllStringSubmatch(t.s, maxItems) {
			r.inline(t.with(m[1]), c.name)
		}
	}
}

// typed is the constant that a tool is given on its input: one word, as a
// password is.
func (r *run) typed(c *cmdline, by string) {
	in := r.given(c)
	in.s = strings.TrimRight(in.s, "\r\n")
	if len(in.s) < 6 || strings.ContainsAny(in.s, " \t\n") {
		return
	}
	r.inline(in, by)
}

// debconfPassword is the answer to a question for a password, in the form of
// debconf-set-selections(1): package, question, type, value.
var debconfPassword = regexp.MustCompile(`(?m)^\s*\S+\s+\S+\s+password\s+(\S+)`)

func (r *run) debconf(c *cmdline) {
	in := r.given(c)
	for _, m := range debconfPassword.FindAllStringSubmatch(in.s, maxItems) {
		r.inline(in.with(m[1]), "debconf-set-selections")
	}
}
