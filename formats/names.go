package formats

import (
	"strings"
	"unicode"
)

// SecretName says whether a variable, argument or option of this name holds a
// secret: NPM_TOKEN, dbPassword, but not TOKEN_URL, SORT_KEY, PASSWORD_FILE.
//
// A name is a list of words. Its last word says what kind of thing it is: a
// URL or a length is no secret, whatever it is the URL or the length of. Else
// it is one if a word of it means secret, or if it is a key of a kind that
// opens something.
func SecretName(name string) bool {
	ws := nameWords(name)
	if len(ws) == 0 {
		return false
	}
	joined := strings.Join(ws, "_")
	if wholeSecretNames[joined] {
		return true
	}
	if wholeHarmlessNames[joined] {
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
	aboutSecrets = wordSet(`encryption url uri urls endpoint host hostname port server addr address domain file files filename path paths dir
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

	// wholeSecretNames hold a secret though no word of theirs says so.
	wholeSecretNames = wordSet(`docker_auth_config composer_auth npm_auth npm_config_auth npm_auth_token secret_key_base kubeconfig_data kube_config_data
		database_dsn id_rsa id_ed25519 ssh_private connection_string db_connection_string redis_auth basic_auth http_auth
		storage_connection_string azure_storage_connection_string mongo_connection_string aws_secret_access_key registry_auth
		webhook_url slack_webhook discord_webhook teams_webhook git_credentials pgpassword mysql_pwd encryption_salt
		service_account_json gcp_sa_key google_credentials google_application_credentials_json gcp_credentials_json
		bundle_github_com bundle_rubygems_pkg_github_com requirepass masterauth userpass storepass keypass srcstorepass
		deststorepass rootpw adminpw bindpw rediscli_auth neo4_j_auth rabbitmq_erlang_cookie erlang_cookie vault_dev_root_token_id
		vss_nuget_external_feed_endpoints pat slack_hook sshpass`)

	// wholeHarmlessNames hold none though a word of theirs says so.
	wholeHarmlessNames = wordSet(`application_server_key hashed_secret load_credential load_credential_encrypted import_credential set_credential gpg_key gpg_keys sort_key cache_key primary_key foreign_key partition_key hash_key range_key public_key site_key
		recaptcha_site_key host_key ssh_host_key ssh_known_hosts google_application_credentials aws_access_key_id aws_shared_credentials_file
		tokenizers_parallelism max_tokens pass compass token_count secret_dummy secret_key_base_dummy apt_key release_key repo_key key
		signing_key_url oauth git_askpass ssh_askpass sudo_askpass askpass debian_frontend credential_helper gpg_signing_key git_signing_key
		app_name license_key_file mysql_random_root_password mariadb_random_root_password pw pwd oldpwd stop_token eos_token bos_token pad_token unk_token token_type csrf xsrf
		csrf_token_name csrf_cookie password_hash password_hashers secret_server`)
)
