package formats

import (
	"bytes"
	"strings"
)

// frameworkForms are the configurations of applications.
func frameworkForms() []form {
	return []form{
		{name: "master.key", in: "config", find: railsKey},
		{name: "*.key", in: "config/credentials", find: railsKey},
		{name: "secrets.yml", in: "config", find: railsSecrets},
		{name: "secret_token.rb", find: inCode(field{"secret_key_base", "rails-secret-key-base-file"}, field{"secret_token", "rails-secret-key-base-file"})},
		{name: "database.yml", find: inTree(field{"password", "rails-database-password"})},
		{name: "mongoid.yml", find: inTree(field{"password", "rails-database-password"})},
		{name: "application.yml", in: "config", find: inTree(field{"*secret_key_base", "rails-secret-key-base-file"})},
		{name: "settings.py", find: django},
		{name: "*.py", in: "settings", find: django},
		{name: "local_settings.py", find: django},
		{name: "settings_*.py", in: "", find: django},
		{name: "config.py", find: django},
		{name: "*_config.py", in: "", find: django},
		{name: "*_settings.py", in: "", find: django},
		{name: "app.py", find: flask},
		{name: "wsgi.py", find: flask},
		{name: ".env", any: true, find: dotenv},
		{name: ".env.local", any: true, find: dotenv},
		{name: ".env.production", any: true, find: dotenv},
		{name: ".env.prod", any: true, find: dotenv},
		{name: ".env.staging", any: true, find: dotenv},
		{name: ".env.development", any: true, find: dotenv},
		{name: ".env.dev", any: true, find: dotenv},
		{name: ".env.test", any: true, find: dotenv},
		{name: ".env.docker", any: true, find: dotenv},
		{name: "*.env", any: true, find: dotenv},
		{name: "*.decrypt.private.php", find: symfonyKey},
		{name: "parameters.yml", find: inTree(field{"secret", "symfony-secret"}, field{"*_password", "symfony-secret"}, field{"*_secret", "symfony-secret"})},
		{name: "parameters.php", find: inCode(field{"database_password", "php-app-config-secret"}, field{"mailer_password", "php-app-config-secret"}, field{"secret", "php-app-config-secret"}, field{"cookie_key", "php-app-config-secret"}, field{"cookie_iv", "php-app-config-secret"}, field{"new_cookie_key", "php-app-config-secret"})},
		{name: "wp-config*.php", in: "", find: wordpress},
		{name: "configuration.php", find: joomla},
		{name: "settings*.php", in: "", find: drupal},
		{name: "env.php", find: inCode(field{"password", "php-app-config-secret"}, field{"key", "php-app-config-secret"})},
		{name: "local.xml", in: "app/etc", find: inXML(field{"password", "php-app-config-secret"}, field{"key", "php-app-config-secret"})},
		{name: "config.inc.php", find: phpMyAdmin},
		{name: "localsettings.php", find: inCode(field{"wgDBpassword", "php-app-config-secret"}, field{"wgSecretKey", "php-app-config-secret"})},
		{name: "config.php", find: phpConfig},
		{name: "local.php", find: phpConfig},
		{name: "database.php", find: phpConfig},
		{name: "db.php", find: phpConfig},
		{name: "settings.inc.php", find: phpConfig},
		{name: "config-db.php", find: inCode(field{"dbpass", "php-app-config-secret"})},
		{name: "web.config", find: webConfig},
		{name: "machine.config", find: webConfig},
		{name: "app.config", find: webConfig},
		{name: "*.config", find: webConfig},
		{name: "appsettings*.json", in: "", find: appsettings},
		{name: "secrets.json", in: "", find: appsettings},
		{name: "local.settings.json", find: appsettings},
		{name: "application*.properties", in: "", find: springProperties},
		{name: "bootstrap*.properties", in: "", find: springProperties},
		{name: "application*.yml", in: "", find: springYAML},
		{name: "application*.yaml", in: "", find: springYAML},
		{name: "bootstrap*.yml", in: "", find: springYAML},
		{name: "hibernate.cfg.xml", find: hibernate},
		{name: "hibernate.properties", find: springProperties},
		{name: "persistence.xml", find: hibernate},
		{name: "database.properties", find: springProperties},
		{name: "jdbc.properties", find: springProperties},
		{name: "db.properties", find: springProperties},
		{name: "flyway.conf", find: springProperties},
		{name: "liquibase.properties", find: springProperties},
		{name: "application.conf", find: play},
		{name: "production.conf", find: play},
		{name: "*.exs", in: "config", find: phoenix},
		{name: "prod.secret.exs", find: phoenix},
		{name: "runtime.exs", find: phoenix},
		{name: "releases.exs", find: phoenix},
		{name: "config.production.json", find: inTree(field{"password", "node-app-config-secret"}, field{"auth.pass", "node-app-config-secret"})},
		{name: "config.json", in: "mattermost mattermost/config", find: inTree(field{"AtRestEncryptKey", "mattermost-config-secret"}, field{"PublicLinkSalt", "mattermost-config-secret"}, field{"SMTPPassword", "mattermost-config-secret"}, field{"AmazonS3SecretAccessKey", "mattermost-config-secret"}, field{"BindPassword", "mattermost-config-secret"}, field{"Secret", "mattermost-config-secret"})},
		{name: "config.json", in: "config", find: sequelize},
		{name: "gitlab-secrets.json", find: gitlabSecrets},
		{name: "secrets.yml", in: "gitlab gitlab-rails/etc", find: railsSecrets},
		{name: "gitlab.rb", find: gitlabRB},
		{name: "initial_root_password", in: "gitlab", find: inLines(":", field{"password", "gitlab-config-secret"})},
		{name: "config.toml", in: "gitlab-runner .gitlab-runner", find: gitlabRunner},
		{name: "sonar.properties", find: inLines("=", field{"sonar.jdbc.password", "sonarqube-secret"}, field{"ldap.bindPassword", "sonarqube-secret"}, field{"sonar.auth.jwtBase64Hs256Secret", "sonarqube-secret"}, field{"*.password", "sonarqube-secret"})},
		{name: "sonar-project.properties", find: inLines("=", field{"sonar.login", "sonarqube-secret"}, field{"sonar.token", "sonarqube-secret"}, field{"sonar.password", "sonarqube-secret"})},
		{name: "admin.password", in: "nexus-data", find: wholeFile("nexus-admin-password", "password", 4)},
		{name: "airflow.cfg", find: airflow},
		{name: "superset_config.py", find: django},
		{name: "jupyter_server_config.json", find: jupyter},
		{name: "jupyter_notebook_config.json", find: jupyter},
		{name: "jupyter_server_config.py", find: jupyterPy},
		{name: "jupyter_notebook_config.py", find: jupyterPy},
		{name: "jupyter_lab_config.py", find: jupyterPy},
		{name: "jupyterhub_config.py", find: jupyterPy},
		{name: "jupyterhub_cookie_secret", find: wholeFile("jupyter-token", "cookie", 16)},
		{name: "keycloak.conf", find: inLines("=", field{"db-password", "keycloak-secret"}, field{"https-key-store-password", "keycloak-secret"}, field{"*-password", "keycloak-secret"})},
		{name: "keycloak.json", find: inTree(field{"credentials.secret", "keycloak-secret"})},
		{name: "odoo.conf", find: inLines("=", field{"admin_passwd", "odoo-password"}, field{"db_password", "odoo-password"}, field{"smtp_password", "odoo-password"})},
		{name: ".odoorc", find: inLines("=", field{"admin_passwd", "odoo-password"}, field{"db_password", "odoo-password"})},
		{name: "openerp-server.conf", find: inLines("=", field{"admin_passwd", "odoo-password"}, field{"db_password", "odoo-password"})},
		{name: "app.ini", find: gitea},
		{name: "credentials.xml", find: jenkinsXML},
		{name: "config.xml", in: "users/** jenkins_home .jenkins jobs/**", find: jenkinsXML},
		{name: "*.xml", in: "jenkins_home .jenkins var/lib/jenkins", find: jenkinsXML},
		{name: "master.key", in: "secrets", find: wholeFile("jenkins-master-key", "master.key", 32)},
		{name: "hudson.util.secret", binary: true, find: jenkinsSecret},
		{name: "initialadminpassword", in: "secrets", find: wholeFile("jenkins-admin-password", "initialAdminPassword", 8)},
		{name: "jenkins.yaml", find: jenkinsCasC},
		{name: "jenkins.yml", find: jenkinsCasC},
		{name: "*.yaml", in: "casc_configs casc jenkins/casc jenkins/casc_configs", find: jenkinsCasC},
	}
}

// railsKey reads the key of an encrypted credentials file.
func railsKey(d *doc) {
	v := bytes.TrimSpace(d.text)
	if (len(v) == 32 || len(v) == 64) && isHex(v) {
		wholeFile("rails-master-key-file", "key", 32)(d)
	}
}

// railsSecrets reads secrets.yml; those of development and test are no secret.
func railsSecrets(d *doc) {
	for n := range d.tree() {
		if !n.is("secret_key_base") && !n.is("db_key_base") && !n.is("otp_key_base") && !n.is("encrypted_settings_key_base") && !n.is("secret_token") && !(n.key != nil && isSecretName(n.key) && n.under("production")) {
			continue
		}
		k := Classify(n.name(), d.text[n.from:n.to])
		if (n.under("development") || n.under("test")) && k == Literal {
			d.add(Hit{Rule: "rails-secret-key-base-file", From: n.from, To: n.to, Key: n.name(), Info: "of development or test only"})
			continue
		}
		d.node("rails-secret-key-base-file", n, "")
	}
}

// django reads the settings of Django, Flask and Superset.
func django(d *doc) {
	for p := range d.literals() {
		v := d.text[p.from:p.to]
		switch {
		case keyIs(p.key, "SECRET_KEY"), keyIs(p.key, "SECRET_KEY_FALLBACKS"), keyIs(p.key, "JWT_SECRET_KEY"), keyIs(p.key, "SECURITY_PASSWORD_SALT"), keyIs(p.key, "WTF_CSRF_SECRET_KEY"), keyIs(p.key, "PREVIOUS_SECRET_KEY"), keyIs(p.key, "GUEST_TOKEN_JWT_SECRET"):
			d.secretKey(p, v)
		case string(p.key) == "PASSWORD" && (has(d.text, "DATABASES") || has(d.text, "ENGINE")):
			d.pair("django-database-password", p, "")
		case string(p.key) == "EMAIL_HOST_PASSWORD", string(p.key) == "MAIL_PASSWORD", string(p.key) == "AWS_SECRET_ACCESS_KEY", strings.HasPrefix(string(p.key), "SOCIAL_AUTH_") && strings.HasSuffix(string(p.key), "_SECRET"):
			d.pair("django-secret-setting", p, "")
		}
	}
}

func (d *doc) secretKey(p pair, v []byte) {
	const rule = "django-secret-key-file"
	if bytes.HasPrefix(v, []byte("django-insecure-")) {
		d.add(Hit{Rule: rule, From: p.from, To: p.to, Key: string(p.key), Info: "Django marks it as insecure: for development only"})
		return
	}
	if bytes.HasPrefix(v, []byte("CHANGE_ME")) || string(v) == "dev" || bytes.ContainsAny(v, "{}<>") && has(v, " ") {
		d.add(Hit{Rule: rule, From: p.from, To: p.to, Key: string(p.key), Info: InfoPlaceholder})
		return
	}
	if len(v) >= 6 {
		d.pair(rule, p, "")
	}
}

// flask reads app.secret_key and app.config['SECRET_KEY'].
func flask(d *doc) {
	for p := range d.literals() {
		if string(p.key) == "secret_key" || string(p.key) == "SECRET_KEY" || string(p.key) == "JWT_SECRET_KEY" {
			d.secretKey(p, d.text[p.from:p.to])
		}
	}
}

// dotenv reads the keys of frameworks alone; what else is in a .env is for
// others to find.
func dotenv(d *doc) {
	for p := range d.pairs("=") {
		switch v := d.text[p.from:p.to]; {
		case keyIs(p.key, "APP_KEY") && bytes.HasPrefix(v, []byte("base64:")) && len(v) > 30, keyIs(p.key, "APP_PREVIOUS_KEYS") && bytes.HasPrefix(v, []byte("base64:")):
			d.pair("laravel-app-key-file", p, "")
		case keyIs(p.key, "APP_SECRET") && len(v) >= 16:
			d.pair("symfony-secret", p, "")
		}
	}
}

// symfonyKey reads the PHP file with the key that opens Symfony's vault.
func symfonyKey(d *doc) {
	i := bytes.Index(d.text, []byte("return "))
	if i < 0 {
		return
	}
	if f, t, q := value(d.text, i+7, len(d.text)); q && t-f >= 32 {
		d.secret("symfony-decrypt-key", "key", f, t, "")
	}
}

// wordpress reads wp-config.php.
func wordpress(d *doc) {
	for p := range d.literals() {
		v := d.text[p.from:p.to]
		switch k := string(p.key); k {
		case "DB_PASSWORD", "FTP_PASS", "SMTP_PASS", "WP_REDIS_PASSWORD":
			if string(v) != "password_here" {
				d.pair("wordpress-db-password", p, "")
			}
		case "AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_KEY", "AUTH_SALT", "SECURE_AUTH_SALT", "LOGGED_IN_SALT", "NONCE_SALT", "WP_CACHE_KEY_SALT":
			switch {
			case has(v, "put your unique phrase here"):
			case len(v) == 64 && !repeats(v): // of all characters, so that a template's may be among them
				d.add(Hit{Rule: "wordpress-auth-key", From: p.from, To: p.to, Key: k})
			case len(v) >= 16:
				d.pair("wordpress-auth-key", p, "")
			}
		}
	}
}

func joomla(d *doc) {
	if !has(d.text, "JConfig") {
		phpConfig(d)
		return
	}
	inCode(field{"password", "php-app-config-secret"}, field{"secret", "php-app-config-secret"}, field{"smtppass", "php-app-config-secret"}, field{"ftp_pass", "php-app-config-secret"}, field{"redis_server_auth", "php-app-config-secret"})(d)
}

// drupal reads settings.php; other applications have one, too.
func drupal(d *doc) {
	for p := range d.literals() {
		v := d.text[p.from:p.to]
		if p.commented && has(v, "sqlite") {
			continue
		}
		if keyIs(p.key, "password") || keyIs(p.key, "hash_salt") || keyIs(p.key, "drupal_hash_salt") {
			d.pair("php-app-config-secret", p, "")
		}
	}
}

func phpMyAdmin(d *doc) {
	for p := range d.literals() {
		if keyIs(p.key, "blowfish_secret") || keyIs(p.key, "password") || keyIs(p.key, "controlpass") || keyIs(p.key, "db_password") || keyIs(p.key, "des_key") || keyIs(p.key, "smtp_pass") {
			d.pair("php-app-config-secret", p, "")
		}
	}
}

// phpConfig reads the configuration of PHP applications by usual names.
func phpConfig(d *doc) {
	if !has(d.text, "<?") || strings.Contains(d.dir, "lang") || strings.Contains(d.dir, "i18n") || strings.Contains(d.dir, "locale") || strings.Contains(d.dir, "translation") {
		return
	}
	for p := range d.literals() {
		for _, k := range [...]string{"password", "dbpass", "db_pass", "dbpassword", "db_password", "dbpasswd", "db_passwd", "passwordsalt", "secret", "encryption_key", "crypt_key", "db_pwd", "smtp_pass", "mail_smtppassword", "secret_key", "hash_salt"} {
			if keyIs(p.key, k) && !bytes.ContainsAny(d.text[p.from:p.to], "|:") {
				d.pair("php-app-config-secret", p, "")
			}
		}
	}
}

// webConfig reads machine keys and settings of ASP.NET. Connection strings are
// read anyway.
func webConfig(d *doc) {
	if !has(d.text, "machineKey") && !has(d.text, "appSettings") && !has(d.text, "network") && !has(d.text, "identity") {
		return
	}
	for e := range d.elems() {
		for _, a := range e.attrs {
			v := d.text[a.from:a.to]
			switch {
			case keyIs(e.name, "machineKey") && (keyIs(a.name, "validationKey") || keyIs(a.name, "decryptionKey")):
				if !has(v, "AutoGenerate") && len(v) >= 16 {
					d.xmlText("aspnet-machine-key", string(a.name), a.from, a.to, "")
				}
			case keyIs(e.name, "add") && e.in("appSettings") && keyIs(a.name, "value"):
				if key := d.attr(e, "key"); isSecretName([]byte(key)) && !has(v, ";") {
					d.xmlText("appsettings-secret", key, a.from, a.to, "")
				}
			case (keyIs(e.name, "network") || keyIs(e.name, "identity") || keyIs(e.name, "processModel")) && keyIs(a.name, "password"):
				if string(v) != "AutoGenerate" {
					d.xmlText("appsettings-secret", "password", a.from, a.to, "")
				}
			}
		}
	}
}

// appsettings reads what is secret by its name.
func appsettings(d *doc) {
	for n := range d.tree() {
		if n.key == nil || n.quote == 0 || n.from >= n.to {
			continue
		}
		k := n.key
		if i := bytes.LastIndexByte(k, ':'); i >= 0 {
			k = k[i+1:]
		}
		v := d.text[n.from:n.to]
		if !isSecretName(k) && !keyIs(k, "*Key") || keyIs(k, "*PublicKey*") || keyIs(k, "*CancellationToken") || n.under("Logging") {
			continue
		}
		if keyIs(k, "*Key") && !isSecretName(k) && !(keyIs(k, "Key") && n.under("*jwt*") || keyIs(k, "*JwtKey") || looksReal(string(k), v)) {
			continue
		}
		if bytes.ContainsAny(v, ";") && has(v, "=") { // a connection string
			continue
		}
		d.node("appsettings-secret", n, "")
	}
}

func springProperties(d *doc) {
	for p := range d.pairs("=:") {
		if isSpringSecret(p.key) {
			d.pair("spring-config-secret", p, "")
		}
	}
}

// isSpringSecret reports whether the last word of a property is a secret's.
func isSpringSecret(key []byte) bool {
	for _, k := range [...]string{"*password", "*passwd", "*.secret", "*-secret", "*Secret", "*secret-key", "*secretKey", "*secret_key", "*access-key-secret", "*.token", "*api-key", "*apiKey", "*.pass", "*private-key", "*.apikey", "*encrypt.key", "*passphrase", "*client-secret", "*jwt.key", "*accessKeySecret", "secret"} {
		if keyIs(key, k) && !keyIs(key, "*public*") {
			return true
		}
	}
	return false
}

func springYAML(d *doc) {
	for n := range d.tree() {
		if n.key == nil || n.quote == '|' {
			continue
		}
		k := n.key
		if isSpringSecret(k) || keyIs(k, "secret") || keyIs(k, "token") || keyIs(k, "key") && n.is("encrypt.key") {
			d.node("spring-config-secret", n, "")
		}
	}
}

func hibernate(d *doc) {
	for e := range d.elems() {
		name := d.attr(e, "name")
		if !keyIs(e.name, "property") || !strings.HasSuffix(name, "password") {
			continue
		}
		d.xmlText("spring-config-secret", name, e.from, e.to, "")
		for _, a := range e.attrs {
			if keyIs(a.name, "value") {
				d.xmlText("spring-config-secret", name, a.from, a.to, "")
			}
		}
	}
}

// play reads the secret of Play, and passwords of its databases.
func play(d *doc) {
	for p := range d.pairs("=:") {
		if keyIs(p.key, "play.http.secret.key") || keyIs(p.key, "application.secret") || keyIs(p.key, "play.crypto.secret") || keyIs(p.key, "*.password") || keyIs(p.key, "secret.key") {
			if v := d.text[p.from:p.to]; p.quoted || len(v) >= 16 {
				d.pair("play-secret-key", p, "")
			}
		}
	}
}

// phoenix reads the secrets of Elixir's configurations.
func phoenix(d *doc) {
	for p := range d.literals() {
		if keyIs(p.key, "secret_key_base") || keyIs(p.key, "signing_salt") && false || keyIs(p.key, "password") || keyIs(p.key, "secret_key") {
			if dev := d.base == "dev.exs" || d.base == "test.exs"; dev && Classify(string(p.key), d.text[p.from:p.to]) == Literal {
				d.add(Hit{Rule: "phoenix-secret-key-base-file", From: p.from, To: p.to, Key: string(p.key), Info: "of development or test only"})
				continue
			}
			d.pair("phoenix-secret-key-base-file", p, "")
		}
	}
}

// sequelize reads config/config.json: development, test, production.
func sequelize(d *doc) {
	if has(d.text, `"dialect"`) {
		inTree(field{"password", "node-app-config-secret"})(d)
	}
}

func gitlabSecrets(d *doc) {
	for n := range d.tree() {
		if n.quote != 0 && !has(d.text[n.from:n.to], "CERTIFICATE") && n.to-n.from >= 16 && !has(d.text[n.from:n.to], "BEGIN") {
			d.node("gitlab-secrets-key", n, "")
		}
	}
}

// gitlabRB reads passwords and tokens of gitlab.rb.
func gitlabRB(d *doc) {
	for p := range d.literals() {
		if keyIs(p.key, "*password") || keyIs(p.key, "*_secret") || keyIs(p.key, "app_secret") || keyIs(p.key, "*registration_token") || keyIs(p.key, "*secret_access_key") || keyIs(p.key, "*_token") {
			d.pair("gitlab-config-secret", p, "")
		}
	}
}

func gitlabRunner(d *doc) {
	for p := range d.pairs("=") {
		if keyIs(p.key, "token") || keyIs(p.key, "SecretKey") || keyIs(p.key, "AccountKey") {
			d.pair("gitlab-runner-token-file", p, "")
		}
	}
}

// airflow reads its keys; connections are read anyway.
func airflow(d *doc) {
	for p := range d.pairs("=") {
		v := d.text[p.from:p.to]
		if (keyIs(p.key, "fernet_key") || keyIs(p.key, "secret_key") || keyIs(p.key, "smtp_password") || keyIs(p.key, "jwt_secret") || keyIs(p.key, "*password")) && string(v) != "temporary_key" && string(v) != "airflow" {
			d.pair("airflow-config-secret", p, "")
		}
	}
}

func jupyter(d *doc) {
	for n := range d.tree() {
		switch {
		case n.is("password"), n.is("hashed_password"):
			d.node("jupyter-password-hash", n, "")
		case n.is("token"), n.is("cookie_secret"):
			d.node("jupyter-token", n, "")
		}
	}
}

func jupyterPy(d *doc) {
	for p := range d.literals() {
		v := d.text[p.from:p.to]
		switch {
		case keyIs(p.key, "password") || keyIs(p.key, "hashed_password"):
			if bytes.HasPrefix(v, []byte("argon2:")) || bytes.HasPrefix(v, []byte("sha")) || bytes.HasPrefix(v, []byte("type:")) {
				if len(v) > 30 {
					d.pair("jupyter-password-hash", p, "")
				}
			} else {
				d.pair("jupyter-token", p, "")
			}
		case keyIs(p.key, "token"), keyIs(p.key, "cookie_secret"), keyIs(p.key, "client_secret"), keyIs(p.key, "auth_token"), keyIs(p.key, "api_token"):
			d.pair("jupyter-token", p, "")
		}
	}
}

// gitea reads app.ini.
func gitea(d *doc) {
	for p := range d.pairs("=") {
		if keyIs(p.key, "SECRET_KEY") || keyIs(p.key, "INTERNAL_TOKEN") || keyIs(p.key, "JWT_SECRET") || keyIs(p.key, "LFS_JWT_SECRET") || keyIs(p.key, "PASSWD") {
			d.pair("gitea-config-secret", p, "")
		}
	}
}

// keycloakRealm reads the clients, users and keys of an exported realm.
func keycloakRealm(d *doc) {
	for n := range d.tree() {
		switch {
		case n.is("clients.secret"), n.is("users.credentials.value"), n.is("config.clientSecret"), n.is("config.bindCredential"), n.is("config.privateKey"), n.is("smtpServer.password"):
			if d.text[n.from] != '*' && !n.under("protocolMappers") {
				d.node("keycloak-secret", n, "")
			}
		}
	}
}

// jenkinsXML reads secrets that Jenkins has encrypted with the key that is
// beside them, and hashes of passwords.
func jenkinsXML(d *doc) {
	for e := range d.elems() {
		v := d.text[e.from:e.to]
		switch {
		case e.from >= e.to:
		case keyIs(e.name, "passwordHash"):
			if i := bytes.IndexByte(v, ':'); i > 0 && len(v) > 20 && isCrypt(v[i+1:]) {
				d.xmlText("htpasswd-hash", "passwordHash", e.from, e.to, "")
			}
		case keyIs(e.name, "password"), keyIs(e.name, "secret"), keyIs(e.name, "privateKey"), keyIs(e.name, "passphrase"), keyIs(e.name, "apiToken"), keyIs(e.name, "secretKey"), keyIs(e.name, "secretBytes"), keyIs(e.name, "clientSecret"), keyIs(e.name, "bindPassword"), keyIs(e.name, "managerPasswordSecret"):
			if len(v) > 2 && v[0] == '{' && v[len(v)-1] == '}' {
				d.add(Hit{Rule: "jenkins-credentials", From: e.from, To: e.to, Key: string(e.name), Note: "encrypted: secrets/master.key and secrets/hudson.util.Secret open it", Encrypted: true})
			} else if !bytes.HasPrefix(v, []byte("-----BEGIN")) {
				d.xmlText("jenkins-credentials", string(e.name), e.from, e.to, "")
			}
		}
	}
}

func jenkinsSecret(d *doc) {
	if n := len(d.text); n >= 32 && n <= 4096 {
		d.add(Hit{Rule: "jenkins-master-key", From: 0, To: n, Key: "hudson.util.Secret", Note: "with secrets/master.key it opens credentials.xml"})
	}
}

// jenkinsCasC reads the configuration as code.
func jenkinsCasC(d *doc) {
	for n := range d.tree() {
		if n.key != nil && (keyIs(n.key, "password") || keyIs(n.key, "secret") || keyIs(n.key, "passphrase") || keyIs(n.key, "secretKey") || keyIs(n.key, "privateKey") && n.quote != '|' || keyIs(n.key, "clientSecret") || keyIs(n.key, "managerPasswordSecret") || keyIs(n.key, "apiToken")) {
			d.node("jenkins-credentials", n, "")
		}
	}
}
