package check

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/leakscan/leakscan/formats"
)

// secretName says whether a variable, argument or option of this name holds a
// secret.
func secretName(name string) bool { return formats.SecretName(name) }

// IsSecret says whether a variable of this name and value holds a secret, as the
// checks of ARG and ENV see it: by a name that says so and a value that does
// not deny it, or by a password in a URL.
func IsSecret(name, value string) bool {
	if len(urlPasswords(value)) > 0 {
		return true
	}
	return !proxyVariable(name) && secretName(name) && !placeholder(value)
}

func wordSet(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// secretURLs have a password in them, when they are passed to a build.
var secretURLs = wordSet(`database_url database_uri db_url mongodb_uri mongodb_url mongo_uri mongo_url postgres_url postgresql_url
	mysql_url sqlalchemy_database_uri`)

// placeholder says whether a value is one that nobody could use: empty, a
// reference to another variable, a path or a URL without a password, a plain
// number, or a word that asks to be replaced.
func placeholder(value string) bool {
	v := strings.Trim(value, `"' `)
	l := strings.ToLower(v)
	if strings.Contains(v, "://") {
		return urlWithoutPassword(v)
	}
	switch {
	case v == "", len(v) < 3 && l != "":
		return true
	case strings.HasPrefix(v, "$"), strings.HasPrefix(v, "%") && strings.HasSuffix(v, "%"), strings.Contains(v, "{{"):
		return true
	case strings.HasPrefix(v, "<") && strings.HasSuffix(v, ">"), strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]"):
		return true
	case strings.Trim(v, "*") == "", strings.Trim(l, "x") == "", strings.Trim(v, ".") == "", strings.Trim(v, "0-") == "", strings.Trim(v, "-_#") == "":
		return true
	case placeholderWords[strings.Trim(l, "!._-")]:
		return true
	case nameOfSecret.MatchString(v) && secretName(v): // DISCORD_BOT_TOKEN, where the token should be
		return true
	case strings.Trim(v, "0123456789") == "" && len(v) < 4:
		return true
	}
	for _, p := range []string{"change", "replace", "please", "if_you", "if-you", "your-", "your_", "my-", "insert", "todo", "fixme", "placeholder", "example", "dummy", "not-", "not_", "fake", "enter-", "set-me", "build-time", "buildtime", "override"} {
		if strings.HasPrefix(l, p) && len(l) < 40 {
			return true
		}
	}
	for _, p := range []string{"dummy", "placeholder", "changeme", "change_me", "change-me", "not-a-secret", "notasecret", "replaceme", "replace_me", "your_token", "your-token", "example"} {
		if strings.Contains(l, p) && len(l) < 64 {
			return true
		}
	}
	return pathLike(v)
}

var nameOfSecret = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)+$`)

// asksForValue says whether a default is there to be replaced by the caller.
func asksForValue(v string) bool {
	l := strings.ToLower(strings.Trim(v, `"' `))
	switch l {
	case "none", "null", "nil", "unset", "undefined", "empty", "n/a", "na", "required", "local", "xxx":
		return true
	}
	if l == "" || strings.HasPrefix(l, "<") && strings.HasSuffix(l, ">") {
		return true
	}
	for _, p := range []string{"change", "replace", "your-", "your_", "insert", "set-me", "set_me", "setme", "todo", "fixme", "enter-", "override"} {
		if strings.HasPrefix(l, p) {
			return true
		}
	}
	return false
}

var placeholderWords = wordSet(`true false yes no on off none null nil undefined unset empty default auto required optional
	todo tbd na n/a xxx foo bar baz foobar test testing tests dev placeholder dummy fake example sample redacted hidden masked
	unused ignored disabled enabled changeit noop nothing here value somevalue`)

// pathLike says whether the value names a file, by its form.
func pathLike(v string) bool {
	switch strings.ToLower(path.Ext(v)) {
	case ".key", ".pem", ".crt", ".cer", ".json", ".yml", ".yaml", ".toml", ".txt", ".env", ".conf", ".pub", ".jks", ".p12", ".pfx", ".sh", ".py":
		return !strings.ContainsAny(v, " :@$")
	}
	if !strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "./") && !strings.HasPrefix(v, "../") && !strings.HasPrefix(v, "~/") {
		return false
	}
	// Base64 can start with a slash, but has no small words between slashes.
	return strings.HasPrefix(v, ".") || strings.HasPrefix(v, "~") || !strings.ContainsAny(v, "+=") && (strings.Count(v, "/") > 1 || len(v) < 20)
}

func urlWithoutPassword(v string) bool {
	if !strings.Contains(v, "://") {
		return false
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" {
		return false
	}
	_, has := u.User.Password()
	return !has
}

// urlPassword returns where the password, or a token that stands alone, of a
// URL's user part begins and ends in text; there may be several. What is still
// a variable is none.
func urlPasswords(text string) (spans [][2]int) {
	for at := 0; ; {
		i := strings.Index(text[at:], "://")
		if i < 0 {
			return spans
		}
		start := at + i + 3
		at = start
		end := start
		for end < len(text) && !strings.ContainsRune(" \t\n\"'`/\\<>|;()", rune(text[end])) {
			end++
		}
		user := text[start:end]
		cut := strings.LastIndexByte(user, '@')
		if cut <= 0 || cut == len(user)-1 {
			continue
		}
		user = user[:cut]
		from := 0
		if c := strings.IndexByte(user, ':'); c >= 0 {
			if user[c+1:] == "x-oauth-basic" || user[c+1:] == "" {
				user = user[:c]
			} else {
				from = c + 1
			}
		} else if len(user) < 16 {
			continue // a user without a password
		}
		v := user[from:]
		if strings.ContainsAny(v, "$%{") && !strings.Contains(v, "%4") || placeholder(v) || exampleCredential(v) {
			continue
		}
		spans = append(spans, [2]int{start + from, start + from + len(v)})
	}
}

// exampleCredential is for words that stand for a password in a description.
func exampleCredential(v string) bool {
	switch strings.ToLower(strings.Trim(v, "[]<>*.")) {
	case "password", "pass", "pwd", "passwd", "token", "secret", "user", "username":
		return true
	}
	return false
}

// URLPassword is the first password, or token, in the URLs of a text; "" if
// there is none.
func URLPassword(text string) string {
	for _, sp := range urlPasswords(text) {
		return text[sp[0]:sp[1]]
	}
	return ""
}
