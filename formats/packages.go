package formats

import (
	"bytes"
	"strings"
)

// packageForms are the files of package managers, registries and forges.
func packageForms() []form {
	return []form{
		{name: "config.json", in: ".docker docker kaniko/.docker .kaniko registry helm/registry", find: dockerConfig},
		{name: ".dockercfg", find: dockerConfig},
		{name: "dockercfg", find: dockerConfig},
		{name: ".dockerconfigjson", find: dockerConfig},
		{name: "auth.json", in: "containers run/containers/** .config/containers containers/** docker", find: dockerConfig},
		{name: "auth.json", in: "", find: composerAuth},
		{name: "config.json", in: ".config/containers", find: dockerConfig},
		{name: ".netrc", find: netrc("netrc-password")},
		{name: "_netrc", find: netrc("netrc-password")},
		{name: "netrc", find: netrc("netrc-password")},
		{name: "auth.conf", in: "apt", find: netrc("apt-auth-password")},
		{name: "*.conf", in: "apt/auth.conf.d", find: netrc("apt-auth-password")},
		{name: "*", in: "apt/auth.conf.d", find: netrc("apt-auth-password")},
		{name: "sources.list", find: urlsAs("credential-url")},
		{name: "*.list", in: "sources.list.d", find: urlsAs("credential-url")},
		{name: "*.sources", in: "sources.list.d", find: urlsAs("credential-url")},
		{name: "repositories", in: "apk", find: urlsAs("credential-url")},
		{name: ".git-credentials", find: urlsAs("git-credentials")},
		{name: "git-credentials", find: urlsAs("git-credentials")},
		{name: "credentials", in: "git", find: urlsAs("git-credentials")},
		{name: "config", in: ".git", find: gitConfig},
		{name: "config", in: ".git/modules/**", find: gitConfig},
		{name: ".gitconfig", find: gitConfig},
		{name: "gitconfig", find: gitConfig},
		{name: ".gitmodules", find: urlsAs("git-credentials")},
		{name: "config", in: ".config/git", find: gitConfig},
		{name: "fetch_head", in: ".git", find: urlsAs("git-credentials")},
		{name: "packed-refs", in: ".git", find: urlsAs("git-credentials")},
		{name: ".npmrc", find: npmrc},
		{name: "npmrc", find: npmrc},
		{name: ".pnpmrc", find: npmrc},
		{name: "rc", in: "pnpm", find: npmrc},
		{name: "auth.ini", in: "pnpm", find: npmrc},
		{name: ".yarnrc.yml", find: inTree(field{"npmAuthToken", "yarnrc-auth"}, field{"npmAuthIdent", "yarnrc-auth"})},
		{name: ".yarnrc", find: yarnrc},
		{name: "bunfig.toml", find: inLines("=", field{"token", "npmrc-auth"}, field{"password", "npmrc-auth"})},
		{name: ".bunfig.toml", find: inLines("=", field{"token", "npmrc-auth"}, field{"password", "npmrc-auth"})},
		{name: "pip.conf", find: urlsAs("pip-index-credentials")},
		{name: ".piprc", find: urlsAs("pip-index-credentials")},
		{name: "pip.ini", find: urlsAs("pip-index-credentials")},
		{name: "requirements*.txt", find: urlsAs("pip-index-credentials")},
		{name: "constraints*.txt", find: urlsAs("pip-index-credentials")},
		{name: "pipfile", find: urlsAs("pip-index-credentials")},
		{name: "pipfile.lock", find: urlsAs("pip-index-credentials")},
		{name: "uv.toml", find: urlsAs("pip-index-credentials")},
		{name: "pyproject.toml", find: urlsAs("pip-index-credentials")},
		{name: "poetry.toml", find: urlsAs("pip-index-credentials")},
		{name: "uv.lock", find: urlsAs("pip-index-credentials")},
		{name: "poetry.lock", find: urlsAs("pip-index-credentials")},
		{name: "setup.cfg", find: urlsAs("pip-index-credentials")},
		{name: ".pydistutils.cfg", find: urlsAs("pip-index-credentials")},
		{name: "auth.toml", in: "pypoetry", find: inLines("=", field{"password", "pip-index-credentials"}, field{"pypi-token*/*", "pypirc-password"}, field{"pypi-token.*", "pypirc-password"})},
		{name: "credentials.toml", in: "uv uv/credentials", find: inLines("=", field{"password", "pip-index-credentials"}, field{"token", "pip-index-credentials"})},
		{name: ".pypirc", find: inLines("=:", field{"password", "pypirc-password"})},
		{name: ".condarc", find: urlsAs("conda-channel-credentials")},
		{name: "condarc", find: urlsAs("conda-channel-credentials")},
		{name: "settings.xml", find: mavenSettings},
		{name: "settings-security.xml", find: mavenMaster},
		{name: "gradle.properties", find: gradleProperties},
		{name: "init.gradle", find: inGradle},
		{name: "build.gradle", find: inGradle},
		{name: "settings.gradle", find: inGradle},
		{name: "*.gradle", in: "init.d", find: inGradle},
		{name: "*.kts", find: inGradle},
		{name: "composer.json", find: urlsAs("composer-auth")},
		{name: "nuget.config", find: nuget},
		{name: "packages.config", in: "nuget", find: nuget},
		{name: "credentials", in: ".gem gem", find: gemKeys},
		{name: "config", in: ".bundle", find: bundleConfig},
		{name: "gemfile", find: urlsAs("bundle-config-credentials")},
		{name: "gemfile.lock", find: urlsAs("bundle-config-credentials")},
		{name: ".gemrc", find: urlsAs("bundle-config-credentials")},
		{name: "credentials", in: ".cargo cargo usr/local/cargo", find: inLines("=", field{"token", "cargo-registry-token"}, field{"secret-key", "cargo-registry-token"})},
		{name: "credentials.toml", in: ".cargo cargo usr/local/cargo", find: inLines("=", field{"token", "cargo-registry-token"}, field{"secret-key", "cargo-registry-token"})},
		{name: "config.toml", in: ".cargo", find: inLines("=", field{"token", "cargo-registry-token"})},
		{name: "*.repo", in: "yum.repos.d zypp/repos.d", find: inLines("=", field{"password", "yum-repo-password"}, field{"proxy_password", "yum-repo-password"})},
		{name: "yum.conf", find: inLines("=", field{"proxy_password", "yum-repo-password"}, field{"password", "yum-repo-password"})},
		{name: "dnf.conf", find: inLines("=", field{"proxy_password", "yum-repo-password"}, field{"password", "yum-repo-password"})},
		{name: "*", in: "zypp/credentials.d", find: inLines("=", field{"password", "yum-repo-password"})},
		{name: "hex.config", find: hexConfig},
		{name: "repositories.yaml", in: "helm .helm helm/repository repository", find: inTree(field{"repositories.password", "helm-repository-password"})},
		{name: "hosts.yml", in: "gh .config/gh", find: inTree(field{"oauth_token", "github-cli-token"})},
		{name: "hub", in: ".config", find: inTree(field{"oauth_token", "github-cli-token"})},
		{name: "config.yml", in: "glab-cli glab", find: inTree(field{"token", "gitlab-cli-token"}, field{"job_token", "gitlab-cli-token"})},
		{name: ".python-gitlab.cfg", find: inLines("=:", field{"private_token", "gitlab-cli-token"}, field{"oauth_token", "gitlab-cli-token"}, field{"job_token", "gitlab-cli-token"})},
		{name: "config.yml", in: "tea", find: inTree(field{"logins.token", "gitea-cli-token"})},
		{name: ".credentials", in: ".sbt .ivy2 sbt/** ivy2", find: inLines("=", field{"password", "sbt-credentials"})},
		{name: "*.credentials", in: ".sbt .ivy2", find: inLines("=", field{"password", "sbt-credentials"})},
		{name: "ivysettings.xml", find: inXML(field{"credentials@passwd", "sbt-credentials"})},
		{name: ".pause", find: inLines(" ", field{"password", "cpan-pause-password"})},
		{name: "upload_config.lua", in: ".luarocks", find: inCode(field{"key", "luarocks-api-key-file"}, field{"api_key", "luarocks-api-key-file"})},
		{name: "jfrog-cli.conf*", in: ".jfrog", find: jfrog},
		{name: "jfrog-cli.conf", find: jfrog},
		{name: "pubspec-credentials.json", find: inTree(field{"accessToken", "pub-credentials"}, field{"refreshToken", "pub-credentials"})},
		{name: "credentials.json", in: ".pub-cache dart", find: inTree(field{"accessToken", "pub-credentials"}, field{"refreshToken", "pub-credentials"})},
		{name: "pub-tokens.json", find: inTree(field{"token", "pub-credentials"})},
	}
}

// dockerConfig reads the credentials of registries.
func dockerConfig(d *doc) {
	for n := range d.tree() {
		if !n.under("auths") && d.base != ".dockercfg" && d.base != "dockercfg" {
			continue
		}
		reg := ""
		if len(n.up) > 0 {
			reg = string(n.up[len(n.up)-1].key)
		}
		d.dockerAuth(n.from, n.to, string(n.key), d.plain(n), reg)
	}
}

// dockerAuth adds what the field of one registry holds, at text[from:to].
func (d *doc) dockerAuth(from, to int, key string, v []byte, registry string) {
	const rule = "docker-registry-auth"
	switch key {
	case "auth":
		user, pass, ok := userPass(v)
		if !ok {
			if Classify(key, v) == Literal && len(v) > 8 && decode64(v) == nil {
				d.decoded(rule, key, from, to, v, "for "+registry)
			}
			return
		}
		d.userPassword(rule, key, from, to, string(user), bytes.TrimRight(pass, "\x00"), "for user "+string(user)+" at "+registry)
	case "identitytoken", "registrytoken", "password":
		d.decoded(rule, key, from, to, v, "for "+registry)
	}
}

// userPassword adds a password that was decoded with its user.
func (d *doc) userPassword(rule, key string, from, to int, user string, pass []byte, note string) {
	if k := Classify("password", pass); k == Placeholder || k == Literal && dummyPair(user, pass) {
		d.add(Hit{Rule: rule, From: from, To: to, Value: pass, Key: key, Note: note, Info: InfoPlaceholder})
		return
	}
	d.decoded(rule, key, from, to, pass, note)
}

// nestedDocker reads a docker config that is encoded in text[from:to].
func (d *doc) nestedDocker(from, to int, config []byte) bool {
	in := &doc{text: config, base: "config.json"}
	if !has(config, `"auths"`) {
		in.base = ".dockercfg"
	}
	dockerConfig(in)
	for _, h := range in.hits {
		if h.Value == nil {
			h.Value = config[h.From:h.To]
		}
		h.From, h.To = from, to
		d.add(h)
	}
	return len(in.hits) > 0
}

// urlsAs reads URLs, under the name of the file's own rule.
func urlsAs(rule string) func(*doc) {
	return func(d *doc) {
		for _, h := range URLs(d.text) {
			h.Rule = rule
			d.add(h)
		}
	}
}

// netrc reads machine, login and password, on one line or on several.
func netrc(rule string) func(*doc) {
	return func(d *doc) {
		var machine, login, want string
		for from, to := range lines(d.text) {
			from, commented := trimComment(d.text, from, to)
			if want == "macdef" {
				if from < to {
					continue
				}
				want = ""
			}
			for f, t := range fieldsOf(d.text, from, to) {
				w := string(d.text[f:min(t, f+300)])
				switch want {
				case "machine":
					machine, login, want = w, "", ""
					continue
				case "login", "account":
					login, want = w, ""
					continue
				case "password", "passwd":
					want = ""
					f, t, quoted := value(d.text, f, t)
					p := pair{key: []byte("password"), from: f, to: t, commented: commented, quoted: quoted}
					if f < t {
						d.pair(rule, p, forUser(login, machine))
					}
					continue
				}
				switch w {
				case "machine", "login", "account", "password", "passwd", "macdef":
					want = w
				case "default":
					machine = "any"
				default:
					if commented { // words
						want = ""
					}
				}
			}
		}
	}
}

func trimComment(text []byte, from, to int) (int, bool) {
	from, to = trim(text, from, to)
	return uncomment(text, from, to)
}

func forUser(user, host string) string {
	switch {
	case user != "" && host != "":
		return "for user " + user + " at " + host
	case user != "":
		return "for user " + user
	case host != "":
		return "at " + host
	}
	return ""
}

// gitConfig reads URLs and headers of a configuration of git.
func gitConfig(d *doc) {
	urlsAs("git-credentials")(d)
	for p := range d.pairs("=") {
		v := d.text[p.from:p.to]
		if keyIs(p.key, "*extraheader") {
			d.authHeader("git-credentials", string(p.key), p.from, p.to)
		} else if (keyIs(p.key, "token") || keyIs(p.key, "password") || keyIs(p.key, "oauth-token") || keyIs(p.key, "oauthtoken")) && len(v) > 7 {
			d.pair("git-credentials", p, "")
		}
	}
}

// authHeader adds what an Authorization header in text[from:to] holds.
func (d *doc) authHeader(rule, key string, from, to int) bool {
	v := d.text[from:to]
	for _, scheme := range [...]string{"basic ", "bearer ", "token "} {
		for i := 0; i+len(scheme) <= len(v); i++ {
			if low(v[i]) != scheme[0] || !foldEq(v[i:i+len(scheme)], scheme) {
				continue
			}
			f, t := trim(d.text, from+i+len(scheme), to)
			for e := f; e < t; e++ {
				if c := d.text[e]; c == '"' || c == '\'' || c == ';' || blank(c) {
					t = e
				}
			}
			if f >= t {
				return false
			}
			if scheme == "basic " {
				if user, pass, ok := userPass(d.text[f:t]); ok && isText(pass) {
					d.userPassword(rule, key, f, t, string(user), pass, forUser(string(user), ""))
				}
				return true
			}
			if t-f >= 8 {
				d.secret(rule, key, f, t, "")
			}
			return true
		}
	}
	return false
}

// npmrc reads the keys of registries, with the registry before them or not.
func npmrc(d *doc) {
	const rule = "npmrc-auth"
	for p := range d.pairs("=") {
		if bytes.HasPrefix(bytes.TrimLeft(d.text[p.line:p.from], " \t"), []byte("//")) {
			p.commented = false // //registry/:key is no comment here
		}
		key := p.key
		where := ""
		if i := bytes.LastIndexByte(key, ':'); i > 0 {
			where, key = "at "+strings.Trim(string(key[:i]), "/"), key[i+1:]
		}
		if p.commented && !keyIs(key, "_*") && !keyIs(key, "*authToken") {
			continue
		}
		d.npmKey(rule, p, string(key), where)
	}
}

func (d *doc) npmKey(rule string, p pair, key, where string) {
	v := d.text[p.from:p.to]
	if p.commented && !looksReal(key, v) {
		return
	}
	switch strings.ToLower(key) {
	case "_authtoken", "authtoken", "_otp":
		d.secret(rule, key, p.from, p.to, where)
	case "_auth":
		if user, pass, ok := userPass(v); ok && Classify(key, v) == Literal {
			d.userPassword(rule, key, p.from, p.to, string(user), pass, forUser(string(user), strings.TrimPrefix(where, "at ")))
		} else {
			d.secret(rule, key, p.from, p.to, where)
		}
	case "_password":
		dec := decode64(v)
		if !isText(dec) || Classify(key, v) != Literal {
			dec = nil
		}
		d.decoded(rule, key, p.from, p.to, dec, where)
	case "proxy", "https-proxy", "registry": // URLs are read anyway
	}
}

// yarnrc reads yarn's first form: key value.
func yarnrc(d *doc) {
	for p := range d.pairs(" ") {
		if keyIs(p.key, "*_authToken") || keyIs(p.key, "*_password") || keyIs(p.key, "*_auth") {
			d.pair("yarnrc-auth", p, "")
		}
	}
	npmrc(d)
}

// mavenSettings reads servers and proxies. {…} is encrypted.
func mavenSettings(d *doc) {
	user := ""
	for e := range d.elems() {
		if !e.in("settings") && !e.in("server") && !e.in("proxy") {
			continue
		}
		switch {
		case keyIs(e.name, "username"), keyIs(e.name, "id"):
			user = string(d.text[e.from:e.to])
		case keyIs(e.name, "password"), keyIs(e.name, "passphrase"), keyIs(e.name, "*.password"), keyIs(e.name, "*.passphrase"), e.in("configuration") && keyIs(e.name, "value") && has(d.text[e.from:e.to], "Bearer "):
			v := d.text[e.from:e.to]
			if len(v) > 20 && v[0] == '{' && v[len(v)-1] == '}' {
				continue
			}
			d.xmlText("maven-settings-password", string(e.name), e.from, e.to, forUser(user, ""))
		}
	}
}

// mavenMaster reads the key that the passwords of settings.xml are encrypted
// with; it's itself encrypted, with a password that is public.
func mavenMaster(d *doc) {
	for e := range d.elems() {
		if keyIs(e.name, "master") && e.to-e.from > 8 && Classify("master", d.text[e.from:e.to]) == Literal || keyIs(e.name, "master") && e.from < e.to && d.text[e.from] == '{' && e.to-e.from > 20 {
			d.add(Hit{Rule: "maven-master-password", From: e.from, To: e.to, Key: "master", Note: "encrypted with a password that every Maven knows"})
		}
	}
}

// gradleProperties reads names that end in what is secret.
func gradleProperties(d *doc) {
	for p := range d.pairs("=:") {
		for _, k := range [...]string{"*password", "*passwd", "*token", "*secret", "*apikey", "*api.key", "*api_key", "*secretkey", "*accesskey", "*.key.secret", "*passphrase", "signingkey", "signinginmemorykey"} {
			if keyIs(p.key, k) && !keyIs(p.key, "org.gradle.*") {
				d.pair("gradle-properties-secret", p, "")
				break
			}
		}
	}
}

// inGradle reads password "x" and password = "x" of credentials.
func inGradle(d *doc) {
	if !has(d.text, "credentials") {
		return
	}
	for from, to := range lines(d.text) {
		from, to = trim(d.text, from, to)
		if to-from < 12 || to-from > 500 {
			continue
		}
		rest := d.text[from:to]
		key := ""
		for _, k := range [...]string{"password", "setPassword", "value", "keyPassword", "storePassword"} {
			if bytes.HasPrefix(rest, []byte(k)) && !isWord(rest[len(k)]) {
				key = k
			}
		}
		if key == "" || key == "value" && !has(d.text, "HttpHeaderCredentials") {
			continue
		}
		i := len(key)
		for i < len(rest) && (blank(rest[i]) || rest[i] == '=' || rest[i] == '(') {
			i++
		}
		if i < len(rest) && (rest[i] == '"' || rest[i] == '\'') {
			if f, t, q := value(d.text, from+i, to); q && !has(d.text[f:t], "$") {
				d.secret("gradle-properties-secret", key, f, t, "")
			}
		}
	}
}

// composerAuth reads every kind that composer knows.
func composerAuth(d *doc) {
	if has(d.text, `"auths"`) {
		dockerConfig(d)
		return
	}
	for n := range d.tree() {
		switch {
		case n.is("http-basic.*.password"), n.is("github-oauth.*"), n.is("gitlab-oauth.*"), n.is("gitlab-oauth.*.token"), n.is("gitlab-token.*"), n.is("gitlab-token.*.token"), n.is("bearer.*"), n.is("bitbucket-oauth.*.consumer-secret"), n.is("bitbucket-oauth.*.access-token"), n.is("forgejo-token.*.token"):
			d.node("composer-auth", n, "")
		}
	}
}

// nuget reads the keys of package sources.
func nuget(d *doc) {
	const rule = "nuget-config-password-file"
	for e := range d.elems() {
		if !keyIs(e.name, "add") {
			continue
		}
		key := d.attr(e, "key")
		for _, a := range e.attrs {
			if !keyIs(a.name, "value") || a.from >= a.to {
				continue
			}
			switch strings.ToLower(key) {
			case "cleartextpassword":
				d.xmlText(rule, key, a.from, a.to, "")
			case "password":
				if e.in("packageSourceCredentials") && Classify(key, d.text[a.from:a.to]) == Literal {
					d.add(Hit{Rule: rule, From: a.from, To: a.to, Key: key, Info: "encrypted for one user of one Windows machine"})
				}
			case "http_proxy.password":
				d.add(Hit{Rule: rule, From: a.from, To: a.to, Key: key, Info: "encrypted for one user of one Windows machine"})
			default:
				if e.in("apikeys") {
					d.xmlText(rule, key, a.from, a.to, "")
				}
			}
		}
	}
}

// bundleConfig reads BUNDLE_GEMS__EXAMPLE__COM: "user:password".
func bundleConfig(d *doc) {
	for p := range d.pairs(":") {
		v := d.text[p.from:p.to]
		if !keyIs(p.key, "BUNDLE_*") || has(v, "://") || p.commented {
			continue
		}
		host := bytes.TrimPrefix(p.key, []byte("BUNDLE_"))
		if i := bytes.IndexByte(v, ':'); i > 0 && i+1 < len(v) && has(host, "__") {
			d.secret("bundle-config-credentials", string(p.key), p.from+i+1, p.to, "for user "+string(v[:i]))
		} else if has(host, "__") && (looksReal("", v) || keyIs(host, "*github__com") || keyIs(host, "*contribsys__com")) || keyIs(host, "*_KEY") && looksReal("", v) {
			d.pair("bundle-config-credentials", p, "")
		}
	}
}

// gemKeys reads :name: key.
func gemKeys(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if i := bytes.LastIndex(d.text[at:to], []byte(": ")); i > 0 {
			f, t, q := value(d.text, at+i+1, to)
			if f < t {
				d.pair("rubygems-api-key", pair{key: bytes.TrimLeft(d.text[at:at+i], ":"), from: f, to: t, commented: commented, quoted: q}, "")
			}
		}
	}
}

// hexConfig reads the Erlang terms of hex.config: {api_key,<<"…">>}.
func hexConfig(d *doc) {
	for _, name := range [...]string{"api_key", "write_key", "read_key", "auth_key", "'$write_key'", "'$read_key'", "'$encrypted_key'"} {
		for i := 0; ; {
			j := bytes.Index(d.text[i:], []byte(name))
			if j < 0 {
				break
			}
			i += j + len(name)
			q := bytes.IndexByte(d.text[i:min(len(d.text), i+16)], '"')
			if q < 0 {
				continue
			}
			end := bytes.IndexByte(d.text[i+q+1:min(len(d.text), i+2000)], '"')
			if end > 8 {
				d.secret("hex-config-key", strings.Trim(name, "'$"), i+q+1, i+q+1+end, "")
			}
		}
	}
}

// jfrog reads the servers of JFrog's CLI.
func jfrog(d *doc) {
	if has(d.text, `"enc": true`) || has(d.text, `"enc":true`) {
		return
	}
	for n := range d.tree() {
		if n.is("password") || n.is("accessToken") || n.is("refreshToken") || n.is("apiKey") || n.is("artifactoryRefreshToken") || n.is("sshPassphrase") {
			d.node("jfrog-cli-credentials", n, "")
		}
	}
}
