package formats

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// Tools that package shellflow does not know, and lines that are no shell: a
// pattern each, whose group is the password. They are run around
// the words before them, of which every match has one, in any case.
var toolPatterns = sync.OnceValue(func() []toolPattern {
	const word = `(?:'([^'\n]{4,100})'|"([^"\n$]{4,100})"|([^\s'"$<>|;&]{4,100}))`
	var ps []toolPattern
	for _, t := range [][2]string{
		{"sqlcmd", `\bsqlcmd\b[^\n]{0,200}?\s-P\s*` + word},
		{"bcp ", `\bbcp\b[^\n]{0,200}?\s-P\s*` + word},
		{"isql", `\bisql\b[^\n]{0,200}?\s-P\s*` + word},
		{"sqlplus", `\bsqlplus\b[^\n]{0,60}?\s["']?[A-Za-z0-9_]{1,40}/([^\s/@"'$]{4,60})@`},
		{"sqlldr", `\bsqlldr\b[^\n]{0,60}?[\s=]["']?[A-Za-z0-9_]{1,40}/([^\s/@"'$]{4,60})@`},
		{"smbclient", `\bsmbclient\b[^\n]{0,200}?\s-U\s*["']?[^\s%"']{1,60}%([^\s"'$]{4,60})`},
		{"rpcclient", `\brpcclient\b[^\n]{0,200}?\s-U\s*["']?[^\s%"']{1,60}%([^\s"'$]{4,60})`},
		{"lftp", `\blftp\b[^\n]{0,200}?\s-u\s*["']?[^\s,"']{1,60},([^\s"'$]{4,60})`},
		{"ncftp", `\bncftp(?:put|get|ls|batch)?\b[^\n]{0,200}?\s-p\s*` + word},
		{"htpasswd", `\bhtpasswd\s+(?:-[A-Za-z]{1,6}\s+){0,4}-[A-Za-z]{0,5}b[A-Za-z]{0,5}\s+(?:\S{1,200}\s+)?\S{1,60}\s+` + word + `(?:\s|$)`},
		{"requirepass", `--requirepass\s+` + word},
		{"masterauth", `--masterauth\s+` + word},
		{"http-basic", `\bhttp-basic\.\S{3,100}\s+\S{1,60}\s+` + word},
		{"bundle", `\bbundle\s+config\s+(?:set\s+)?(?:--\w{4,8}\s+)?[a-z0-9.-]{4,60}\.[a-z]{2,10}\s+["']?[^\s:"']{1,60}:([^\s"'$]{4,100})`},
		{"secret_access_key|aws_session_token", `\bconfigure\s+set\s+(?:\S{1,40}\.)?(?:aws_secret_access_key|aws_session_token|secret_access_key)\s+` + word},
		{"add-authtoken|ngrok", `\b(?:add-)?authtoken\s+([A-Za-z0-9_]{20,60})`},
		{"suseconnect", `\bSUSEConnect\b[^\n]{0,200}?\s(?:-r|--regcode)\s*=?` + word},
		{"attach", `\bpro\s+attach\s+(?:--[a-z-]{4,20}\s+)?([A-Za-z0-9]{24,40})\b`},
		{"attach", `\bua\s+attach\s+([A-Za-z0-9]{24,40})\b`},
		{"mysqladmin", `\bmysqladmin\b[^\n]{0,200}?\spassword\s+` + word},
		{"net us|net  us|net\tus", `(?i)\bnet\s+use\s+\S{1,60}\s+\\\\\S{3,200}\s+(?:/user:\S{1,60}\s+)?([^\s/*"'%]{4,60})`},
		{"net us|net  us|net\tus", `(?i)\bnet\s+user\s+\S{1,60}\s+([^\s/*"'%]{4,60})`},
		{"cmdkey", `(?i)\bcmdkey\b[^\n]{0,200}?/pass:` + word},
		{"convertto-securestring", `(?i)ConvertTo-SecureString\s+(?:-String\s+)?["']([^"'\n$]{4,100})["']`},
		{"storepassword=", `(?i)-Djavax\.net\.ssl\.(?:key|trust)StorePassword=([^\s"'$]{4,100})`},
		{"storepass|keypass", `-(?:src|dest)?(?:store|key)pass(?::\w+)?\s+` + word},
		{"connect-viserver", `(?i)connect-viserver\b[^\n]{0,200}?\s-password\s+` + word},
		{"psexec", `(?i)\bpsexec(?:64)?(?:\.exe)?\s[^\n]{0,200}?\s-p\s+` + word},
		{"unseal", `\boperator\s+unseal\s+([A-Za-z0-9+/]{40,48}=?)`},
		{"--pass|--token|--api-key|--secret|--auth-token", `--(?:password|passwd|pass|token|api-key|secret|auth-token)[= ]` + word},
		{"pscredential", `(?i)new-object\s+\S{0,60}PSCredential[^\n]{0,100}ConvertTo-SecureString\s+["']([^"'\n$]{4,100})["']`},
	} {
		ps = append(ps, toolPattern{strings.Split(t[0], "|"), regexp.MustCompile(t[1])})
	}
	return ps
})

type toolPattern struct {
	words []string // a match has one of them, in any case
	re    *regexp.Regexp
}

// tools adds what those patterns find.
func tools(d *doc) {
	places := make(map[int][]int)
	c := wordsOfCalls()
	for _, s := range d.calls() {
		if s.word < len(c.patterns) {
			p := c.patterns[s.word]
			places[p] = append(places[p], s.at)
		}
	}
	for i, p := range toolPatterns() {
		for _, w := range windowsAround(d.text, places[i], toolReach, toolReach) {
			d.tool(p.re, w[0], w[1])
		}
	}
}

// toolReach is how far a match goes before and behind its word. What is without
// a bound in the patterns is blanks.
const toolReach = 512

// tool adds what a pattern finds in text[lo:hi].
func (d *doc) tool(re *regexp.Regexp, lo, hi int) {
	for _, m := range re.FindAllSubmatchIndex(d.text[lo:hi], 200) {
		from, to := firstGroup(m)
		if from < 0 {
			continue
		}
		from, to = lo+from, lo+to
		if v := d.text[from:to]; v[0] != '-' && v[0] != '$' && v[0] != '%' && v[0] != '{' && !isPathLike(v) && !typeNames[strings.ToLower(string(v))] && !commented(d.text, lo+m[0]+1) && !namesSecret(d.text[lo:from], v) {
			d.secret(ruleCommand, "password", from, to, "")
		}
	}
}

// namesSecret reports whether a value says which secret is meant, and is none:
// docker build --secret id=npmrc,src=.npmrc, docker service create --secret NAME.
func namesSecret(before, v []byte) bool {
	key, _, ok := bytes.Cut(v, []byte("="))
	if ok {
		switch string(key) {
		case "id", "type", "source", "src", "env", "target":
			return true
		}
	}
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	if !bytes.HasSuffix(bytes.TrimRight(line, "= "), []byte("--secret")) {
		return false
	}
	for _, tool := range []string{"docker", "podman", "buildah", "nerdctl"} {
		if bytes.Contains(line, []byte(tool)) {
			return true
		}
	}
	return false
}

// firstGroup returns where the first group that matched is; -1: none did.
func firstGroup(m []int) (from, to int) {
	for g := 2; g < len(m); g += 2 {
		if m[g] >= 0 {
			return m[g], m[g+1]
		}
	}
	return -1, -1
}

// buildArgs adds the arguments in RUN |2 A=b C=d /bin/sh -c …, as the history
// of an image has them.
func buildArgs(d *doc) {
	i := bytes.Index(d.text, []byte("RUN |"))
	if i < 0 || i > 40 {
		return
	}
	at := i + len("RUN |")
	for at < len(d.text) && d.text[at] != ' ' {
		at++
	}
	for {
		for at < len(d.text) && d.text[at] == ' ' {
			at++
		}
		eq := at
		for eq < len(d.text) && (isNamePart(d.text[eq])) {
			eq++
		}
		if eq == at || eq >= len(d.text) || d.text[eq] != '=' {
			return
		}
		end := eq + 1
		for end < len(d.text) && d.text[end] != ' ' {
			end++
		}
		if name := string(d.text[at:eq]); SecretName(name) && credible(name, d.text[eq+1:end], lineStyle, false) {
			d.secret(ruleCommand, name, eq+1, end, "a build argument")
		}
		at = end
	}
}

// histories of tools that have a form of their own.
func histories(d *doc) {
	switch d.base {
	case ".python_history":
		calls(d)
	case ".rediscli_history":
		for from, to := range lines(d.text) {
			if line := d.text[from:to]; len(line) > 9 && foldEq(line[:5], "auth ") {
				f := from + 5
				if k := bytes.LastIndexByte(line, ' '); k > 5 {
					f = from + k + 1
				}
				d.secret(ruleCommand, "AUTH", f, to, "")
			}
		}
	case ".mysql_history":
		mysqlHistory(d)
	}
	if strings.HasSuffix(d.base, ".exp") {
		expect(d)
	}
}

// mysqlHistory: blanks are written as \040.
func mysqlHistory(d *doc) {
	t := d.text
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte(`BY\040'`))
		if i < 0 {
			return
		}
		from := at + i + len(`BY\040'`)
		end := bytes.IndexByte(t[from:], '\'')
		if end < 0 || end > 200 {
			return
		}
		d.secret(ruleCommand, "password", from, from+end, "")
		at = from + end
	}
}

// expect: what a script sends when it is asked for a password.
func expect(d *doc) {
	asked := false
	for from, to := range lines(d.text) {
		line := d.text[from:to]
		lower := bytes.ToLower(line)
		if bytes.Contains(lower, []byte("expect")) {
			asked = bytes.Contains(lower, []byte("assword")) || bytes.Contains(lower, []byte("passphrase"))
		}
		i := bytes.Index(line, []byte("send "))
		if i < 0 || !asked {
			continue
		}
		q := bytes.IndexByte(line[i:], '"')
		if q < 0 {
			continue
		}
		s := from + i + q + 1
		end := bytes.IndexAny(d.text[s:to], "\"\\")
		if end > 3 {
			d.secret(ruleCommand, "send", s, s+end, "")
		}
		asked = false
	}
}
