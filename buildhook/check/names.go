package check

import (
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode"
)

// secretName says whether a variable, argument or option of this name holds a
// secret: NPM_TOKEN, dbPassword, but not TOKEN_URL, SORT_KEY, PASSWORD_FILE.
//
// A name is a list of words. Its last word says what kind of thing it is: a
// URL or a length is no secret, whatever it is the URL or the length of. Else
// it is one if a word of it means secret, or if it is a key of a kind that
// opens something.
func secretName(name string) bool {
	ws := nameWords(name)
	if len(ws) == 0 {
		return false
	}
	joined := strings.Join(ws, "_")
	if secretNames[joined] {
		return true
	}
	if harmlessNames[joined] {
		return false
	}
	for _, w := range ws[:min(len(ws), 2)] {
		if w == "public" || w == "publishable" || w == "enable" || w == "disable" || w == "use" || w == "has" || w == "require" ||
			w == "requires" || w == "skip" || w == "allow" || w == "with" || w == "without" || w == "no" || w == "max" || w == "min" || w == "num" {
			return false
		}
	}
	if n := len(ws) - 1; ws[0] == "bundle" && ws[min(1, n)] != "build" && strings.Contains(name, "__") && topDomains[ws[n]] {
		return true // Bundler's user and password for a host: BUNDLE_GEMS__EXAMPLE__COM
	}
	last := ws[len(ws)-1]
	// NAME_BASE64, NAME_B64, NAME_JSON, NAME_2 and the like are still the thing.
	for len(ws) > 1 && (sameThing[last] || strings.Trim(last, "0123456789") == "") {
		ws = ws[:len(ws)-1]
		last = ws[len(ws)-1]
	}
	if last == "salt" && len(ws) > 1 || last == "pepper" {
		return true
	}
	if aboutSecrets[last] {
		return last == "url" && len(ws) > 1 && (ws[len(ws)-2] == "webhook" || ws[len(ws)-2] == "hook")
	}
	for i, w := range ws {
		if secretWords[w] && !(w == "public" || i+1 < len(ws) && notBefore[ws[i+1]]) {
			return true
		}
		for _, end := range []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "accesskey", "secretkey"} {
			if len(w) > len(end) && strings.HasSuffix(w, end) {
				return true
			}
		}
		if (w == "key" || w == "keys") && i > 0 && openingKeys[ws[i-1]] {
			return true
		}
	}
	return false
}

// IsSecret says whether a variable of this name and value holds a secret, as the
// checks of ARG and ENV see it: by a name that says so and a value that does
// not deny it, or by a password in a URL.
func IsSecret(name, value string) bool {
	if len(urlPasswords(value)) > 0 {
		return true
	}
	return !proxyVariable(name) && secretName(name) && !placeholder(value)
}

// nameWords splits a name at separators, and where lower case turns to upper:
// "aws.secretAccessKey" is aws, secret, access, key.
func nameWords(name string) []string {
	var ws []string
	var w []rune
	flush := func() {
		if len(w) > 0 {
			ws = append(ws, strings.ToLower(string(w)))
			w = w[:0]
		}
	}
	rs := []rune(name)
	for i, r := range rs {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(rs[i-1]) || unicode.IsDigit(rs[i-1]) || i+1 < len(rs) && unicode.IsUpper(rs[i-1]) && unicode.IsLower(rs[i+1])):
			flush()
		}
		w = append(w, r)
	}
	flush()
	return ws
}

func wordSet(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// The tables are read only.
var (
	secretWords = wordSet(`password passwd passphrase passwort pwd pass pw secret secrets token tokens credential credentials
		cred creds apikey pat bearer otp totp privatekey secretkey accesskey authtoken accesstoken dockerconfigjson netrc npmrc pypirc`)

	// openingKeys are the words before "key" that make it one that opens something.
	openingKeys = wordSet(`api secret private access encryption encrypt decryption signing sign deploy deployment master account
		storage ssh rsa dsa ecdsa ed25519 pem license licence auth client service session hmac aes cipher app application admin
		write root shared tls ssl jwt consumer subscription functions function host bot webhook integration ingest ingestion
		org user personal server machine agent publish push project team ci registry sa crypto db database vault unseal recovery
		backup keystore fernet cookie sendgrid mailgun stripe datadog dd openai anthropic algolia newrelic sentry`)

	topDomains = wordSet(`com net org io dev`)

	// aboutSecrets are last words of things that are about a secret, not one.
	aboutSecrets = wordSet(`url uri urls endpoint host hostname port server addr address domain file files filename path paths dir
		directory folder location mount target volume id ids name names type kind version length len size count limit limits max
		min ttl expiry expiration expires lifetime timeout duration age interval rotation rotate policy policies provider
		providers backend store manager engine algorithm alg algo method mode format prefix suffix header headers field fields
		column index regex pattern enabled enable disabled required optional allowed issuer audience aud scope scopes username
		user email region arn hash sha256 sha512 sha1 md5 checksum digest fingerprint fingerprints hint label template example
		sample placeholder env var variable validation validator strength complexity reset budget window encoding encoder
		tokenizer bits rounds iterations cost salt_rounds pub public ring keyring level flag cmd command script helper source
		cache ref reference key_id keyid server_url model config_path`)

	// notBefore are words that, right behind a word for a secret, make it an adjective.
	notBefore = wordSet(`manager store less through word wordless reset policy rotation mount`)

	// sameThing are last words that only say in which form the thing is.
	sameThing = wordSet(`base64 b64 json yaml pem der hex raw value string text content contents data plain plaintext encoded dev
		prod production staging test testing ci build old new current default primary secondary rw ro read write local remote arg in`)

	// secretNames hold a secret though no word of theirs says so.
	secretNames = wordSet(`docker_auth_config composer_auth npm_auth npm_config_auth npm_auth_token secret_key_base kubeconfig_data kube_config_data
		database_dsn id_rsa id_ed25519 ssh_private connection_string db_connection_string redis_auth basic_auth http_auth
		storage_connection_string azure_storage_connection_string mongo_connection_string aws_secret_access_key registry_auth
		webhook_url slack_webhook discord_webhook teams_webhook git_credentials pgpassword mysql_pwd encryption_salt
		service_account_json gcp_sa_key google_credentials google_application_credentials_json gcp_credentials_json
		bundle_github_com bundle_rubygems_pkg_github_com requirepass masterauth userpass storepass keypass srcstorepass
		deststorepass rootpw adminpw bindpw rediscli_auth neo4_j_auth rabbitmq_erlang_cookie erlang_cookie vault_dev_root_token_id
		vss_nuget_external_feed_endpoints pat slack_hook`)

	// secretURLs have a password in them, when they are passed to a build.
	secretURLs = wordSet(`database_url database_uri db_url mongodb_uri mongodb_url mongo_uri mongo_url postgres_url postgresql_url
		mysql_url sqlalchemy_database_uri`)

	// harmlessNames hold none though a word of theirs says so.
	harmlessNames = wordSet(`gpg_key gpg_keys sort_key cache_key primary_key foreign_key partition_key hash_key range_key public_key site_key
		recaptcha_site_key host_key ssh_host_key ssh_known_hosts google_application_credentials aws_access_key_id aws_shared_credentials_file
		tokenizers_parallelism max_tokens pass compass token_count secret_dummy secret_key_base_dummy apt_key release_key repo_key key
		signing_key_url oauth git_askpass ssh_askpass sudo_askpass askpass debian_frontend credential_helper gpg_signing_key git_signing_key
		app_name license_key_file mysql_random_root_password mariadb_random_root_password pw pwd oldpwd stop_token eos_token bos_token pad_token unk_token token_type csrf xsrf
		csrf_token_name csrf_cookie password_hash password_hashers secret_server`)
)

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
