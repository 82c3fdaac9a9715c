package formats

import (
	"bytes"
	"strings"
)

// Settings and source code: a literal that is assigned to something whose name
// says that it is a secret. No form of the value is asked for, so the name, the
// value and the place have to make up for it.

// The rules of this file.
const (
	ruleSetting = "password-in-settings" // .env, YAML, JSON, …
	ruleSource  = "password-in-source"   // a quoted literal in a program
)

// style is how a kind of file writes values down.
type style int

const (
	noStyle   style = iota
	lineStyle       // NAME=value up to the end of the line
	yamlStyle       // name: value
	jsonStyle       // "name": "value"
	xmlStyle        // <name>value</name>, name="value"
	codeStyle       // name = "value": only quoted
	tomlStyle       // name = "value", of settings
)

// styleOf says how the file at a path, in lower case, writes values down.
func styleOf(path, base string) style {
	if path == "" {
		return lineStyle
	}
	if strings.HasPrefix(base, ".env") || base == "env" || strings.HasSuffix(base, ".env") || strings.HasPrefix(base, "environment") {
		return lineStyle
	}
	if strings.HasPrefix(base, "dockerfile.") || strings.HasPrefix(base, "containerfile.") {
		return lineStyle
	}
	if strings.HasPrefix(base, "docker-compose") || strings.HasPrefix(base, "compose.") {
		return yamlStyle
	}
	dot := strings.LastIndexByte(base, '.')
	if dot < 0 {
		switch base {
		case "dockerfile", "containerfile", "makefile", "profile", "bashrc", "zshrc", "credentials", "secrets", "config":
			return lineStyle
		case "jenkinsfile", "vagrantfile", "rakefile", "fastfile", "gemfile":
			return codeStyle
		}
		return noStyle
	}
	switch base[dot+1:] {
	case "ini", "conf", "cnf", "cfg", "config", "properties", "props", "rc", "profile", "bashrc", "zshrc", "bash_profile", "zprofile", "service", "dockerfile", "containerfile", "local", "sample", "dist", "mk", "secret", "secrets", "creds", "txt", "md", "adoc":
		return lineStyle
	case "yml", "yaml":
		return yamlStyle
	case "json", "json5", "jsonc", "ipynb", "tfstate", "har":
		return jsonStyle
	case "xml", "plist", "xcconfig", "csproj", "pubxml", "settings", "resx":
		return xmlStyle
	case "toml", "tfvars", "hcl", "tf":
		return tomlStyle
	case "py", "js", "mjs", "cjs", "ts", "tsx", "jsx", "rb", "php", "phtml", "java", "go", "cs", "vb", "sh", "bash", "zsh", "ksh", "fish", "pl", "pm", "lua", "kt", "kts", "scala", "swift", "groovy", "gradle", "ps1", "psm1", "bat", "cmd", "sql", "r", "dart", "ex", "exs", "erl", "clj", "c", "cc", "cpp", "h", "hpp", "m", "mm", "rs", "vue", "svelte", "html", "htm", "jsp", "asp", "aspx", "cshtml", "erb", "tcl", "awk", "f90", "jl", "nim", "hs", "ml", "coffee", "elm", "zig", "pas", "d", "v", "sol":
		return codeStyle
	}
	return noStyle
}

// assignments adds the literals that are assigned to names of secrets.
func assignments(d *doc) {
	st := styleOf(d.path, d.base)
	if st == noStyle || translated(d.path, st) {
		return
	}
	t := d.text
	if st == yamlStyle && Sealed(t) {
		return
	}
	operators := "=:>"
	if st == codeStyle {
		operators = "=:>,("
	}
	var isOperator [256]bool
	for _, c := range []byte(operators) {
		isOperator[c] = true
	}
	for i := 0; i < len(t); i++ {
		if isOperator[t[i]] && (st != codeStyle || quoteAhead(t, i)) {
			i = d.assignment(st, i)
		}
	}
}

// quoteAhead reports whether a string or a list may begin behind the operator at
// t[at], as both assignedValue and list see it. In a program most of what is
// assigned is neither.
func quoteAhead(t []byte, at int) bool {
	i := at + 1
	for i < len(t) && i-at <= 40 && (t[i] == ' ' || t[i] == '\t' || t[i] == '=' || t[i] == '>') {
		i++
	}
	for i < len(t) && strings.IndexByte("@bur\\", t[i]) >= 0 {
		i++
	}
	return i < len(t) && (t[i] == '"' || t[i] == '\'' || t[i] == '`' || t[i] == '[')
}

// prose reports whether a file is a text for people, in which most of what looks
// like a setting is an example.
func prose(base string) bool {
	return strings.HasSuffix(base, ".md") || strings.HasSuffix(base, ".adoc")
}

// continued finds a value that doesn't stand behind its name: a block scalar or
// the next line of YAML, behind an anchor, behind a backslash, in CDATA.
func continued(t []byte, st style, from, to, next int) (f, e, n int) {
	v := t[from:to]
	switch {
	case st == xmlStyle && bytes.HasPrefix(t[from:], []byte("<![CDATA[")):
		f = from + len("<![CDATA[")
		if k := bytes.Index(t[f:min(len(t), f+maxValue)], []byte("]]>")); k > 0 {
			return f, f + k, f + k
		}
	case st == yamlStyle && len(v) > 1 && v[0] == '&':
		if k := bytes.IndexByte(v, ' '); k > 0 {
			f, e, _, n = assignedValue(t, st, from+k)
			return f, e, n
		}
	case st == yamlStyle && (len(v) == 0 || v[0] == '|' || v[0] == '>' || string(v) == "-" || string(v) == "+") || st == lineStyle && string(v) == "\\":
		i := max(next, to)
		for i < len(t) && t[i] != '\n' {
			i++
		}
		start := i + 1
		for i = start; i < len(t) && (t[i] == ' ' || t[i] == '\t'); i++ {
		}
		if i == start || i >= len(t) || t[i] == '-' && st == yamlStyle {
			return 0, 0, 0 // not deeper than its name
		}
		f, e, _, n = assignedValue(t, st, i-1)
		if st == yamlStyle && bytes.Contains(t[f:e], []byte(": ")) {
			return 0, 0, 0 // a mapping
		}
		return f, e, n
	}
	return 0, 0, 0
}

// barePassword reports whether a name that is too short to mean much, such as
// pwd, stands for a password: in settings it does, where a shell has other uses
// for it.
func barePassword(key string, st style, base string) bool {
	switch strings.ToLower(key) {
	case "pwd", "pass", "pw":
	default:
		return false
	}
	switch st {
	case jsonStyle, yamlStyle, xmlStyle, tomlStyle, codeStyle:
		return true
	}
	dot := strings.LastIndexByte(base, '.')
	return dot > 0 && strings.Contains(" ini conf cnf cfg config properties dsn udl ", " "+base[dot+1:]+" ")
}

// list looks at the strings of an array that is the value of a name, as in
// "unseal_keys": ["…", "…"]. It returns where to go on, or 0: there is none.
func (d *doc) list(st style, key string, at int) int {
	t := d.text
	i := at + 1
	for i < len(t) && i-at < 40 && (t[i] == ' ' || t[i] == '\t') {
		i++
	}
	if i >= len(t) || t[i] != '[' || st == lineStyle {
		return 0
	}
	rule := ruleSetting
	if st == codeStyle {
		rule = ruleSource
	}
	for n := 0; n < 32; n++ {
		for i++; i < len(t) && (t[i] <= ' ' || t[i] == ','); i++ {
		}
		if i >= len(t) || t[i] != '"' && t[i] != '\'' {
			return i
		}
		end := bytes.IndexByte(t[i+1:min(len(t), i+1+maxValue)], t[i])
		if end < 0 {
			return i
		}
		if v := t[i+1 : i+1+end]; len(v) >= 16 && credible(key, v, st, true) {
			d.secret(rule, key, i+1, i+1+end, "")
		}
		i += end + 1
	}
	return i
}

// Sealed reports whether all manifests of a file are of kinds that have a reader
// of their own, or whose values are encrypted.
func Sealed(t []byte) bool {
	if !has(t[:min(len(t), 1<<16)], "kind:") {
		return false
	}
	sealed := false
	for n := 0; len(t) > 0 && n < 1000; n++ {
		part := t
		if i := bytes.Index(t, []byte("\n---")); i >= 0 {
			part, t = t[:i], t[i+4:]
		} else {
			t = nil
		}
		if !has(part[:min(len(part), 4096)], "kind:") {
			continue
		}
		if !sealedKind(part[:min(len(part), 4096)]) {
			return false
		}
		sealed = true
	}
	return sealed
}

func sealedKind(head []byte) bool {
	for _, kind := range []string{"kind: Secret", "kind: SealedSecret", "kind: ExternalSecret", "kind: InitConfiguration", "kind: JoinConfiguration", "kind: Config", "kind: EncryptionConfiguration", "kind: CustomResourceDefinition"} {
		if i := bytes.Index(head, []byte(kind)); i >= 0 && (i+len(kind) == len(head) || head[i+len(kind)] <= ' ') {
			return true
		}
	}
	return false
}

// translated reports whether a file holds the words of a user interface.
func translated(path string, st style) bool {
	if st == lineStyle && !strings.HasSuffix(path, ".properties") || st == codeStyle && !strings.HasSuffix(path, ".php") && !strings.HasSuffix(path, ".js") && !strings.HasSuffix(path, ".ts") {
		return false
	}
	for _, s := range []string{"/locale/", "/locales/", "/i18n/", "/lang/", "/langs/", "/languages/", "/translations/", "/l10n/", "/messages_", "/messages.", "/nls/"} {
		if strings.Contains("/"+path, s) {
			return true
		}
	}
	return false
}

// assignment looks at an operator at t[at], and returns where to go on.
func (d *doc) assignment(st style, at int) int {
	t := d.text
	op := t[at]
	if op == '>' && st != xmlStyle && !(at > 0 && t[at-1] == '=') {
		return at
	}
	// The name ends before the operator, and what may stand between them.
	end := at
	for end > 0 && at-end < 8 && strings.IndexByte(" \t\"'`]=:?\\", t[end-1]) >= 0 {
		end--
	}
	from := end
	for from > 0 && end-from < 64 && isNamePart(t[from-1]) {
		from--
	}
	var key string
	if st == tomlStyle && foldEq(t[from:end], "default") {
		if key = variableBefore(t, from); key == "" {
			return at
		}
	} else if st == codeStyle && op == '=' && typeNames[strings.ToLower(string(t[from:end]))] {
		// name: str = "…"
		k := from
		for k > 0 && (t[k-1] == ' ' || t[k-1] == ':') {
			k--
		}
		f := k
		for f > 0 && k-f < 64 && isNamePart(t[f-1]) {
			f--
		}
		if k == from || f == k || !mayName(t[f:k]) {
			return at
		}
		key = string(t[f:k])
	} else if foldEq(t[from:end], "value") && st != codeStyle {
		if key = namedBefore(t, from); key == "" {
			return at
		}
	} else if end-from < 2 || !mayName(t[from:end]) || from > 1 && t[from-1] == '{' && t[from-2] == '$' { // ${NAME:?…}
		return at
	}
	if key == "" {
		key = string(bytes.Trim(t[from:end], ".-"))
	}
	quotedKey := end < at && from > 0 && (t[from-1] == '"' || t[from-1] == '\'')
	switch op {
	case ',': // define('DB_PASSWORD', 'x'), put("password", "x")
		if !quotedKey {
			return at
		}
	case '(': // setPassword("x")
		key = key[strings.LastIndexByte(key, '.')+1:]
		if !(len(key) > 3 && strings.EqualFold(key[:3], "set")) {
			return at
		}
		key = key[3:]
	case '>':
		if st == xmlStyle && !xmlTag(t, from, end, at) && !xmlNamed(t, from, end, at) {
			return at
		}
	case ':':
		if st == lineStyle && !quotedKey && !spaced(t, at) {
			return at
		}
	}
	if !SecretName(key) && !barePassword(key, st, d.base) {
		return at
	}
	if op == ':' || op == '=' {
		if next := d.list(st, key, at); next > 0 {
			return next
		}
	}
	vf, vt, quoted, next := assignedValue(t, st, at+1)
	if vt-vf <= 3 || t[vf] == '&' || t[vf] == '<' {
		if f, e, n := continued(t, st, vf, vt, next); e > f {
			vf, vt, next = f, e, n
		}
	}
	if vf >= vt {
		return max(at, next)
	}
	rule := ruleSetting
	if st == codeStyle {
		rule = ruleSource
		if !quoted {
			return at
		}
	}
	if v := t[vf:vt]; credible(key, v, st, quoted) && (!commented(t, from) && !prose(d.base) || looksReal(key, v)) {
		d.secret(rule, key, vf, vt, "")
	}
	return max(at, next-1)
}

// namedBefore returns the name of a pair such as
//
//   - name: DB_PASSWORD
//     value: …
//
// whose value stands at t[at:]; "" if there is none.
func namedBefore(t []byte, at int) string {
	near := t[max(0, at-160):at]
	i := bytes.LastIndex(near, []byte("name"))
	if k := bytes.LastIndex(near, []byte("key")); k > i {
		i = k
	}
	if i < 0 {
		return ""
	}
	rest := bytes.TrimLeft(near[i+3:], "e\"': \t=")
	n := 0
	for n < len(rest) && isNamePart(rest[n]) {
		n++
	}
	if n < 3 || bytes.Count(rest[n:], []byte("\n")) > 2 || !mayName(rest[:n]) {
		return ""
	}
	return string(rest[:n])
}

// variableBefore returns the name of the variable of Terraform in whose block
// t[at:] is.
func variableBefore(t []byte, at int) string {
	near := t[max(0, at-300):at]
	i := bytes.LastIndex(near, []byte("variable \""))
	if i < 0 || bytes.Contains(near[i:], []byte("\n}")) {
		return ""
	}
	name := near[i+len("variable \""):]
	if k := bytes.IndexByte(name, '"'); k > 0 && mayName(name[:k]) {
		return string(name[:k])
	}
	return ""
}

// lineBefore returns what is on the line of t[at:] before it; 1024 bytes at most.
func lineBefore(t []byte, at int) []byte {
	lo := max(0, at-1024)
	return t[lo+bytes.LastIndexByte(t[lo:at], '\n')+1 : at]
}

// commented reports whether what is at t[at:] is behind the sign of a comment on
// its line: samples are full of defaults there.
func commented(t []byte, at int) bool {
	line := bytes.TrimLeft(lineBefore(t, at), " \t")
	return len(line) > 0 && (line[0] == '#' || line[0] == ';' || bytes.HasPrefix(line, []byte("//")) || bytes.HasPrefix(line, []byte("* ")) || bytes.HasPrefix(line, []byte("--")) || bytes.Contains(line, []byte("<!--")))
}

// spaced reports whether the operator stands before a blank, as in YAML.
func spaced(t []byte, at int) bool { return at+1 < len(t) && (t[at+1] == ' ' || t[at+1] == '"') }

func isNamePart(c byte) bool {
	return low(c) >= 'a' && low(c) <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// mayName is a cheap question: can SecretName say yes?
func mayName(name []byte) bool {
	for i := 0; i+1 < len(name); i++ {
		var w string
		switch low(name[i]) {
		case 'p':
			w = "pass|pwd|pw|passphrase|privatekey|pat|private|pepper"
		case 's':
			w = "secret|salt|sign|storage"
		case 't':
			w = "token"
		case 'k':
			w = "key"
		case 'c':
			w = "cred|connection"
		case 'a':
			w = "auth|apikey"
		case 'd':
			w = "dsn"
		case 'b':
			w = "bearer"
		case 'w':
			w = "webhook"
		default:
			continue
		}
		for word := range strings.SplitSeq(w, "|") {
			if len(name)-i >= len(word) && foldEq(name[i:i+len(word)], word) {
				return true
			}
		}
	}
	return false
}

// xmlTag reports whether t[from:end] is the name of the element whose start tag
// ends at t[at].
func xmlTag(t []byte, from, end, at int) bool {
	return end == at && from > 0 && t[from-1] == '<'
}

// xmlNamed reports whether t[from:end] is the name in a start tag that ends at
// t[at]: <param name="password">.
func xmlNamed(t []byte, from, end, at int) bool {
	if end+1 != at || from < 6 || t[from-1] != t[end] {
		return false
	}
	before := t[max(0, from-6) : from-1]
	return bytes.HasSuffix(before, []byte("name=")) || bytes.HasSuffix(before, []byte("key="))
}

const maxValue = 512

// assignedValue finds the value behind an operator: t[from:to], whether it was quoted,
// and where what follows begins.
func assignedValue(t []byte, st style, at int) (from, to int, quoted bool, next int) {
	i := at
	for i < len(t) && i-at < 40 && (t[i] == ' ' || t[i] == '\t' || t[i] == '=' || t[i] == '>' && st != xmlStyle) {
		i++
	}
	// @"x" of C#, b"x" and u"x" of Python, and \" in a string of JSON.
	for i+1 < len(t) && (t[i] == '@' || t[i] == 'b' || t[i] == 'u' || t[i] == 'r' || t[i] == '\\') && (t[i+1] == '"' || t[i+1] == '\'') {
		i++
	}
	if i >= len(t) {
		return 0, 0, false, i
	}
	if q := t[i]; q == '"' || q == '\'' || q == '`' && st == codeStyle && i > 0 && t[i-1] != '=' {
		for k := i + 1; k < len(t) && k-i <= maxValue; k++ {
			switch {
			case t[k] == '\n':
				return 0, 0, false, k
			case t[k] == '\\' && k+1 < len(t) && t[k+1] != q:
				k++
			case t[k] == '\\' && k+1 < len(t): // an escaped quote ends what began with one
				if i > 0 && t[i-1] == '\\' {
					return i + 1, k, true, k + 2
				}
				k++
			case t[k] == q:
				return i + 1, k, true, k + 1
			}
		}
		return 0, 0, false, i + 1
	}
	stop := "\n\r"
	switch st {
	case xmlStyle:
		stop = "<\n\r"
	case jsonStyle:
		stop = ",}] \t\n\r"
	case yamlStyle:
		stop = ",}\n\r"
		if !inFlow(t, at) {
			stop = "\n\r"
		}
	case codeStyle:
		stop = " \t\n\r;,)"
	case tomlStyle:
		stop = " \t\n\r,#"
	}
	k := i
	for k < len(t) && k-i <= maxValue && strings.IndexByte(stop, t[k]) < 0 {
		if t[k] == '#' && k > i && (t[k-1] == ' ' || t[k-1] == '\t') {
			break // a comment
		}
		k++
	}
	next = k
	for k > i && (t[k-1] == ' ' || t[k-1] == '\t' || t[k-1] == ';') {
		k--
	}
	if k-i > maxValue {
		return 0, 0, false, next
	}
	return i, k, false, next
}

// inFlow reports whether a value of YAML is inside of braces on its line.
func inFlow(t []byte, at int) bool {
	line := lineBefore(t, at)
	return bytes.Count(line, []byte("{")) > bytes.Count(line, []byte("}"))
}

// credible reports whether a value can be what its name promises, and nothing
// that only has the name of it.
func credible(key string, v []byte, st style, quoted bool) bool {
	if len(v) < 4 || Classify(key, v) == Reference {
		return false
	}
	if len(v) == 42 && bytes.HasPrefix(v, []byte("0x")) {
		return false // an account of Ethereum
	}
	if v[0] == '{' || v[0] == '[' || v[0] == '?' && bytes.HasPrefix(v, []byte("?err")) {
		return false // more than a value
	}
	if bytes.HasPrefix(v, []byte("pk.eyJ")) {
		return false // a public token of Mapbox
	}
	if st == codeStyle && (v[0] == '#' || v[0] == '.' || v[0] == '/') {
		return false // a selector, a path
	}
	if bytes.Contains(v, []byte("://")) {
		return false // a password in it is a rule of its own
	}
	password := isPassword(key)
	words, digits, symbols := 0, 0, 0
	var lower, upper bool
	for i, c := range v {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case c == ' ':
			words++
		case c < ' ' || c == 0x7f:
			return false
		case c == '.' && i > 0 && i < len(v)-1, c == '_', c == '-', c == '/':
		default:
			symbols++
		}
	}
	if words > 0 && !(quoted && password && words < 6 && (digits+symbols > 1 || digits > 0 && (st == lineStyle || st == tomlStyle))) {
		return false // a sentence
	}
	if bytes.ContainsAny(v, "(){}[]<>|") && st != lineStyle && (!password || bytes.Contains(v, []byte("()")) || isCall(v)) {
		return false
	}
	if digits == len(v) {
		return password && len(v) >= 4 && st != jsonStyle && (quoted || st == lineStyle || st == yamlStyle) || password && quoted
	}
	if isPathLike(v) || typeNames[strings.ToLower(string(v))] || SecretName(string(v)) && symbols == 0 && digits < 3 || isVersion(v) {
		return false
	}
	mixed := digits > 0 && (lower || upper) || lower && upper && !camel(v) || symbols > 0
	if st == codeStyle {
		if !password {
			return mixed && digits > 1 && len(v) >= 10 && symbols < 3
		}
		return len(v) >= 5 && (mixed || len(v) >= 6 && lower && !bytes.ContainsAny(v, "._-/"))
	}
	if password {
		return true
	}
	// A token or a key has some length, and is no word.
	return len(v) >= 8 && mixed && (digits > 0 || symbols > 0)
}

// isPassword reports whether the last words of a name say that a person chose
// the value.
func isPassword(key string) bool {
	l := strings.ToLower(key)
	for _, w := range []string{"pass", "pwd", "passwd", "passphrase", "pw", "passwort"} {
		if strings.Contains(l, w) {
			return true
		}
	}
	return false
}

func isCall(v []byte) bool {
	i := bytes.IndexByte(v, '(')
	return i > 0 && isNamePart(v[i-1])
}

func isPathLike(v []byte) bool {
	if bytes.HasPrefix(v, []byte("/")) || bytes.HasPrefix(v, []byte("./")) || bytes.HasPrefix(v, []byte("~/")) || bytes.HasPrefix(v, []byte("../")) || bytes.HasPrefix(v, []byte("C:\\")) {
		return wordy(bytes.ReplaceAll(v[1:], []byte("~"), nil)) || bytes.Count(v, []byte("/")) > 1 && !bytes.ContainsAny(v, "+=")
	}
	for _, ext := range []string{".key", ".pem", ".crt", ".cer", ".json", ".yml", ".yaml", ".toml", ".txt", ".env", ".conf", ".pub", ".jks", ".p12", ".pfx", ".sh", ".py", ".js", ".html", ".php", ".com", ".org", ".net", ".io"} {
		if len(v) > len(ext) && foldEq(v[len(v)-len(ext):], ext) {
			return true
		}
	}
	// a.dotted.name, as of a setting or a message
	parts := bytes.Split(v, []byte("."))
	if len(parts) < 3 {
		return false
	}
	for _, p := range parts {
		if !isName(p) || mixedUp(p) {
			return false
		}
	}
	return true
}

// isVersion is for 1.2.3, v1, 2024-01-31.
func isVersion(v []byte) bool {
	digits := 0
	for _, c := range v {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' || c == '-' || c == ':' || c == '/':
		default:
			return len(v) < 4 && (v[0] == 'v' || v[0] == 'V')
		}
	}
	return digits > 0
}

// camel reports whether upper case only begins words: passwordField, UserToken.
func camel(v []byte) bool {
	run := 0
	for i, c := range v {
		up := c >= 'A' && c <= 'Z'
		if up && i > 0 && v[i-1] >= 'a' && v[i-1] <= 'z' && run == 1 {
			return false
		}
		if up {
			run = 0
		}
		run++
	}
	return true
}

// typeNames stand where a schema or a signature has a type or a hint.
var typeNames = map[string]bool{"files": true, "compat": true, "sss": true, "warn": true, "error": true, "string": true, "str": true, "text": true, "integer": true, "int": true, "boolean": true, "bool": true, "object": true, "array": true, "bytes": true, "varchar": true, "char": true, "secretstr": true, "plain": true, "basic": true, "bearer": true, "digest": true, "none": true, "ldap": true, "md5": true, "sha1": true, "sha256": true, "sha512": true, "bcrypt": true, "hidden": true, "input": true, "field": true, "optional": true, "required": true, "function": true, "undefined": true, "current-password": true, "new-password": true, "off": true, "self": true, "this": true, "oauth2": true, "apikey": true, "header": true, "cookie": true, "env": true, "file": true, "vault": true, "never": true, "always": true, "prompt": true, "cert-manager": true, "inherit": true, "opaque": true, "username": true, "user": true, "email": true, "kubernetes": true, "external": true, "manual": true, "auto": true, "default": true, "any": true, "enabled": true, "disabled": true}
