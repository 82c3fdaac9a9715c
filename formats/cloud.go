package formats

import (
	"bytes"
	"strings"
)

// cloudForms are the files of clouds and of the services that a developer has
// an account with.
func cloudForms() []form {
	return []form{
		{name: "credentials", in: ".aws", find: awsFile},
		{name: "config", in: ".aws", find: awsFile},
		{name: ".aws-credentials", find: awsFile},
		{name: "aws_credentials", find: awsFile},
		{name: "awscredentials", find: awsFile},
		{name: "credentials.csv", find: awsCSV},
		{name: "accesskeys.csv", find: awsCSV},
		{name: "*_accesskeys.csv", find: awsCSV},
		{name: "rootkey.csv", find: awsCSV},
		{name: "*.json", in: ".aws/cli/cache .aws/sso/cache", find: inTree(field{"Credentials.SecretAccessKey", "aws-credentials-file"}, field{"accessToken", "aws-sso-token"}, field{"refreshToken", "aws-sso-token"}, field{"clientSecret", "aws-sso-token"})},
		{name: ".passwd-s3fs", find: s3fs},
		{name: "passwd-s3fs", find: s3fs},
		{name: ".boto", find: boto},
		{name: "boto.cfg", find: boto},
		{name: ".s3cfg", find: inLines("=", field{"secret_key", "s3cfg-secret-key"}, field{"access_token", "s3cfg-secret-key"}, field{"gpg_passphrase", "s3cfg-secret-key"}, field{"cloudfront_secret", "s3cfg-secret-key"})},
		{name: "s3cfg", find: inLines("=", field{"secret_key", "s3cfg-secret-key"}, field{"access_token", "s3cfg-secret-key"}, field{"gpg_passphrase", "s3cfg-secret-key"})},
		{name: "config.json", in: ".mc mc", find: inTree(field{"secretKey", "s3cfg-secret-key"}, field{"sessionToken", "s3cfg-secret-key"})},
		{name: "application_default_credentials.json", find: gcpJSON},
		{name: "adc.json", find: gcpJSON},
		{name: "credentials.db", in: "gcloud", binary: true, find: gcpDatabase},
		{name: "access_tokens.db", in: "gcloud", binary: true, find: gcpDatabase},
		{name: ".boto", in: "gcloud/legacy_credentials/**", find: boto},
		{name: "client_secret*.json", find: googleClient},
		{name: "msal_token_cache.json", find: azureTokens},
		{name: "accesstokens.json", in: ".azure", find: azureTokens},
		{name: "msal_token_cache.bin", find: azureTokens},
		{name: "service_principal_entries.json", find: inTree(field{"client_secret", "azure-service-principal"}, field{"secret", "azure-service-principal"})},
		{name: "azureauth.json", find: inTree(field{"clientSecret", "azure-service-principal"})},
		{name: "azureprofile.json", find: inTree(field{"clientSecret", "azure-service-principal"})},
		{name: "azure.json", in: "kubernetes", find: inTree(field{"aadClientSecret", "azure-service-principal"})},
		{name: "config", in: ".oci", find: inLines("=", field{"pass_phrase", "oci-config-passphrase"}, field{"security_token", "oci-config-passphrase"})},
		{name: "*.tfstate", find: tfstate},
		{name: "*.tfstate.backup", find: tfstate},
		{name: "*.tfvars", find: tfvars("terraform-variable-secret")},
		{name: "*.pkrvars.hcl", find: tfvars("terraform-variable-secret")},
		{name: "*.tfvars.json", find: tfvarsJSON},
		{name: ".terraformrc", find: inLines("=", field{"token", "terraform-cli-token"})},
		{name: "terraform.rc", find: inLines("=", field{"token", "terraform-cli-token"})},
		{name: "credentials.tfrc.json", find: inTree(field{"token", "terraform-cli-token"})},
		{name: "credentials.json", in: ".pulumi", find: inTree(field{"accessTokens.*", "pulumi-access-token"}, field{"accounts.accessToken", "pulumi-access-token"})},
		{name: ".vault-token", find: wholeFile("vault-token-file", "token", 8)},
		{name: "vault-token", find: wholeFile("vault-token-file", "token", 8)},
		{name: "config.yaml", in: "doctl", find: inTree(field{"access-token", "doctl-access-token"}, field{"auth-contexts.*", "doctl-access-token"})},
		{name: "config.json", in: "netlify .netlify .config/netlify", find: inTree(field{"auth.token", "netlify-cli-token"}, field{"token", "netlify-cli-token"})},
		{name: "auth.json", in: "com.vercel.cli .vercel vercel", find: inTree(field{"token", "vercel-cli-token"})},
		{name: "config.yml", in: ".fly", find: inTree(field{"access_token", "fly-cli-token"})},
		{name: "default.toml", in: ".wrangler/config wrangler/config .wrangler", find: inLines("=", field{"oauth_token", "wrangler-token"}, field{"refresh_token", "wrangler-token"}, field{"api_token", "wrangler-token"})},
		{name: "config.toml", in: "stripe", find: inLines("=", field{"*_api_key", "stripe-cli-key"})},
		{name: "cli.yml", in: ".circleci", find: inTree(field{"token", "circleci-cli-token"})},
		{name: "config.yml", in: ".travis", find: inTree(field{"access_token", "travis-cli-token"})},
		{name: ".sentryclirc", find: inLines("=", field{"token", "sentry-cli-token"}, field{"api_key", "sentry-cli-token"}, field{"auth/token", "sentry-cli-token"})},
		{name: ".databrickscfg", find: inLines("=", field{"token", "databricks-config-token"}, field{"password", "databricks-config-token"}, field{"client_secret", "databricks-config-token"})},
		{name: "kaggle.json", find: inTree(field{"key", "kaggle-api-key-file"})},
		{name: "token", in: ".huggingface huggingface .cache/huggingface", find: wholeFile("huggingface-token-file", "token", 8)},
		{name: "stored_tokens", in: "huggingface", find: inLines("=", field{"hf_token", "huggingface-token-file"})},
		{name: "config", in: ".snowsql", find: inLines("=", field{"password", "snowflake-password"}, field{"private_key_passphrase", "snowflake-password"})},
		{name: "connections.toml", in: ".snowflake snowflake", find: inLines("=", field{"password", "snowflake-password"}, field{"token", "snowflake-password"})},
		{name: "config.toml", in: ".snowflake snowflake", find: inLines("=", field{"password", "snowflake-password"}, field{"token", "snowflake-password"})},
		{name: "profiles.yml", find: dbtProfiles},
		{name: "rclone.conf", find: rclone},
		{name: "config.json", in: ".config/configstore configstore", find: configstore},
		{name: "firebase-tools.json", find: configstore},
		{name: "*.json", in: "configstore", find: configstore},
		{name: "config.json", in: ".expo", find: configstore},
		{name: "state.json", in: ".expo", find: inTree(field{"sessionSecret", "saas-cli-token"})},
		{name: "config.json", in: ".wakatime", find: inTree(field{"api_key", "saas-cli-token"})},
		{name: ".wakatime.cfg", find: inLines("=", field{"api_key", "saas-cli-token"})},
		{name: "config.yml", in: "railway", find: inTree(field{"token", "saas-cli-token"})},
		{name: "config.json", in: ".railway .linode .cloudsmith heroku", find: inTree(field{"token", "saas-cli-token"}, field{"user.token", "saas-cli-token"}, field{"api_key", "saas-cli-token"})},
		{name: "credentials.ini", in: "cloudsmith .cloudsmith", find: inLines("=", field{"api_key", "saas-cli-token"})},
		{name: "linode-cli", in: ".config", find: inLines("=", field{"token", "saas-cli-token"})},
		{name: "cli.toml", in: "hcloud", find: inLines("=", field{"token", "hcloud-token"})},
		{name: "config.yaml", in: "scw", find: inTree(field{"secret_key", "scaleway-secret-key-file"})},
		{name: ".ovh.conf", find: inLines("=", field{"application_secret", "ovh-credentials"}, field{"consumer_key", "ovh-credentials"})},
		{name: "ovh.conf", find: inLines("=", field{"application_secret", "ovh-credentials"}, field{"consumer_key", "ovh-credentials"})},
		{name: "clouds.yaml", find: inTree(field{"auth.password", "openstack-password"}, field{"application_credential_secret", "openstack-password"})},
		{name: "secure.yaml", in: "openstack", find: inTree(field{"password", "openstack-password"}, field{"application_credential_secret", "openstack-password"})},
		{name: "*openrc.sh", find: inLines("=", field{"OS_PASSWORD", "openstack-password"}, field{"OS_APPLICATION_CREDENTIAL_SECRET", "openstack-password"})},
		{name: "*-openrc", in: "root", find: inLines("=", field{"OS_PASSWORD", "openstack-password"})},
	}
}

// wholeFile is the reader of a file that is the secret.
func wholeFile(rule, key string, atLeast int) func(*doc) {
	return func(d *doc) {
		from, to := 0, len(d.text)
		for from < to && (blank(d.text[from]) || d.text[from] == '\n') {
			from++
		}
		for to > from && (blank(d.text[to-1]) || d.text[to-1] == '\n') {
			to--
		}
		if to-from >= atLeast && to-from <= 16384 && bytes.IndexByte(d.text[from:to], '\n') < 0 {
			d.secret(rule, key, from, to, "")
		}
	}
}

// awsFile reads the profiles of ~/.aws. An access key's ID is told only if its
// secret isn't there.
func awsFile(d *doc) {
	n := len(d.hits)
	var ids []pair
	for p := range d.pairs("=") {
		switch {
		case keyIs(p.key, "aws_secret_access_key"), keyIs(p.key, "aws_secret_key"), keyIs(p.key, "aws_session_token"), keyIs(p.key, "aws_security_token"):
			d.awsKey(p)
		case keyIs(p.key, "aws_access_key_id") && len(ids) < 100:
			ids = append(ids, p)
		}
	}
	if len(d.hits) > n {
		return
	}
	for _, p := range ids {
		d.pair("aws-access-key-id-alone", p, "")
	}
}

// awsKey adds a secret key or a session's token, if it has the form of one.
func (d *doc) awsKey(p pair) {
	const rule = "aws-credentials-file"
	if v := d.text[p.from:p.to]; len(v) < 16 && !p.commented && Classify(string(p.key), v) == Literal {
		d.add(Hit{Rule: rule, From: p.from, To: p.to, Key: string(p.key), Info: "too short for a key"})
		return
	}
	note := ""
	if len(p.section) > 0 {
		note = "of profile " + strings.TrimPrefix(string(p.section), "profile ")
	}
	d.pair(rule, p, note)
}

// awsCSV reads what the console gives for download.
func awsCSV(d *doc) {
	head, _, _ := bytes.Cut(d.text, []byte("\n"))
	if !has(head, "Secret") && !has(head, "AWSSecretKey") && !bytes.HasPrefix(d.text, []byte("AWSAccessKeyId=")) {
		return
	}
	col := -1
	for i, h := range bytes.Split(bytes.TrimSpace(head), []byte(",")) {
		if keyIs(h, "*Secret access key*") {
			col = i
		}
	}
	first := true
	for from, to := range lines(d.text) {
		if p := (pair{}); splitPair(d.text, from, to, "=", &p) && keyIs(p.key, "AWSSecretKey") {
			d.pair("aws-credentials-file", p, "")
		}
		if first || col < 0 {
			first = false
			continue
		}
		i := 0
		for f := from; f <= to; {
			e := f
			for e < to && d.text[e] != ',' {
				e++
			}
			if i == col {
				vf, vt, _ := value(d.text, f, e)
				d.secret("aws-credentials-file", "Secret access key", vf, vt, "")
			}
			i++
			f = e + 1
		}
	}
}

// s3fs reads [bucket:]key:secret.
func s3fs(d *doc) {
	for from, to := range lines(d.text) {
		from, to = trim(d.text, from, to)
		if i := bytes.LastIndexByte(d.text[from:to], ':'); i > 0 && d.text[from] != '#' {
			d.secret("aws-credentials-file", "secret", from+i+1, to, "")
		}
	}
}

func boto(d *doc) {
	for p := range d.pairs("=") {
		switch {
		case keyIs(p.key, "aws_secret_access_key"), keyIs(p.key, "gs_secret_access_key"), keyIs(p.key, "gs_oauth2_refresh_token"), keyIs(p.key, "client_secret"), keyIs(p.key, "proxy_pass"), keyIs(p.key, "gs_service_key_file_password"):
			d.pair("boto-config-secret", p, "")
		}
	}
}

// gcpJSON reads the credentials of a user or of a service account.
func gcpJSON(d *doc) {
	email := ""
	for n := range d.tree() {
		switch {
		case n.is("client_email"):
			email = string(d.text[n.from:n.to])
		case n.is("private_key"):
			if v := d.plain(n); has(v, "PRIVATE KEY-----") && len(v) > 200 {
				d.decoded("gcp-service-account-key", "private_key", n.from, n.to, v, forUser(email, ""))
			}
		case (n.is("refresh_token") || n.is("client_secret")) && n.to-n.from < 14:
			// Too short for what Google gives: a test's.
		case n.is("refresh_token"):
			d.node("gcloud-user-credentials", n, "")
		case n.is("client_secret"):
			// gcloud's own client's is public.
			if !has(d.text[n.from:n.to], "d-FL95Q19q7MQmFpd7hHD0Ty") {
				d.node("gcloud-user-credentials", n, "")
			}
		}
	}
}

// googleClient reads the secret of an OAuth client.
func googleClient(d *doc) {
	for n := range d.tree() {
		if n.is("client_secret") && n.to-n.from >= 14 {
			d.node("google-oauth-client-secret-file", n, "")
		}
	}
}

// gcpDatabase looks for the JSON of credentials inside an SQLite file.
func gcpDatabase(d *doc) {
	for _, key := range [...]string{`"refresh_token": "`, `"refresh_token":"`, `"private_key": "`, "ya29."} {
		for i := 0; ; {
			j := bytes.Index(d.text[i:], []byte(key))
			if j < 0 {
				break
			}
			from := i + j + len(key)
			if key == "ya29." {
				from = i + j
			}
			to := from
			for to < len(d.text) && to-from < 4096 && d.text[to] > ' ' && d.text[to] < 0x7f && d.text[to] != '"' && (key != "ya29." || isWord(d.text[to]) || d.text[to] == '-' || d.text[to] == '.') {
				to++
			}
			if to-from > 20 {
				d.secret("gcloud-user-credentials", strings.Trim(strings.TrimRight(key, ` :"`), `"`), from, to, "")
			}
			i = max(to, i+j+len(key))
		}
	}
}

// azureTokens reads the caches of Azure's CLI.
func azureTokens(d *doc) {
	for n := range d.tree() {
		if n.is("accessToken") || n.is("refreshToken") || n.is("secret") && (n.under("RefreshToken") || n.under("AccessToken")) || n.is("servicePrincipalSecret") {
			d.node("azure-token-cache", n, "")
		}
	}
}

// secretNames are the last words of attributes that are secret.
var secretNames = []string{"*password", "*passwd", "*secret", "*secret_key", "*secretkey", "*token", "*private_key", "*private_key_pem", "*private_key_openssh", "*access_key", "*access_key_secret", "*api_key", "*apikey", "*connection_string", "*passphrase", "*client_secret", "*primary_key", "*secondary_key", "*auth_token", "*master_password", "*admin_password", "*sas_token", "*shared_key", "*preshared_key", "*credentials_json", "*secret_access_key", "*secret_id", "*pwd", "*encryption_key", "*signing_key", "*license_key", "*webhook_url"}

func isSecretName(key []byte) bool {
	for _, s := range secretNames {
		if keyIs(key, s) {
			return true
		}
	}
	return false
}

// tfstate reads the attributes that are secret by their name, and the outputs
// and attributes that are marked as sensitive.
func tfstate(d *doc) {
	if !has(d.text, `"terraform_version"`) && !has(d.text, `"lineage"`) && !has(d.text, `"serial"`) {
		return
	}
	sensitive := map[int]bool{}
	for n := range d.tree() {
		if n.is("outputs.*.sensitive") && string(d.text[n.from:n.to]) == "true" {
			sensitive[n.obj] = true
		}
	}
	typ := ""
	for n := range d.tree() {
		if n.is("resources.type") {
			typ = string(d.text[n.from:n.to])
		}
		switch {
		case n.under("outputs") && (n.is("outputs.*.value") && sensitive[n.obj] || n.is("value.*") && sensitive[n.parent()]):
			d.node("terraform-state-secret", n, "")
		case n.under("outputs") && len(n.up) > 1 && n.is("value") && isSecretName(n.up[len(n.up)-1].key):
			d.node("terraform-state-secret", n, "")
		case n.under("backend") && n.under("config") && isSecretName(n.key) && n.quote == '"':
			d.node("terraform-state-secret", n, "of the backend")
		case n.under("attributes") && (isSecretName(n.key) && !keyIs(n.key, "*public*") || n.key != nil && n.is("attributes.result") && typ == "random_password" || typ == "aws_secretsmanager_secret_version" && n.is("secret_string") || typ == "aws_ssm_parameter" && n.is("attributes.value") && has(d.text, "SecureString")):
			if n.quote == '"' {
				note := ""
				if typ != "" {
					note = "of a " + typ
				}
				d.node("terraform-state-secret", n, note)
			}
		}
	}
}

// tfvars reads variables whose names are those of secrets.
func tfvars(rule string) func(*doc) {
	return func(d *doc) {
		for p := range d.pairs("=:") {
			if p.quoted && isSecretName(p.key) && !bytes.ContainsAny(p.key, " (") {
				d.pair(rule, p, "")
			}
		}
	}
}

func tfvarsJSON(d *doc) {
	for n := range d.tree() {
		if isSecretName(n.key) && n.quote != 0 {
			d.node("terraform-variable-secret", n, "")
		}
	}
}

// dbtProfiles reads the outputs of profiles.yml; other tools have a file of
// that name, too.
func dbtProfiles(d *doc) {
	for n := range d.tree() {
		if n.under("outputs") && (n.is("password") || n.is("pass") || n.is("token") || n.is("client_secret") || n.is("private_key_passphrase") || n.is("private_key")) {
			d.node("dbt-profile-password", n, "")
		}
	}
}

// rclone reads remotes: a password is obscured there, with a key that is public.
func rclone(d *doc) {
	if has(d.text, "RCLONE_ENCRYPT_V0") {
		return
	}
	for p := range d.pairs("=") {
		switch string(p.key) {
		case "pass", "password", "password2", "bearer_token_command":
			d.pair("rclone-config-secret", p, "obscured with a key that every rclone knows, of remote "+string(p.section))
		case "secret_access_key", "client_secret", "token", "key", "sas_url", "account_key", "bearer_token", "service_account_credentials", "access_token", "refresh_token", "api_key", "application_credential_secret":
			if string(p.key) == "token" && has(d.text[p.from:p.to], "{") {
				d.rcloneToken(p)
				continue
			}
			d.pair("rclone-config-secret", p, "of remote "+string(p.section))
		}
	}
}

func (d *doc) rcloneToken(p pair) {
	for _, k := range [...]string{`"refresh_token":"`, `"access_token":"`} {
		if i := bytes.Index(d.text[p.from:p.to], []byte(k)); i >= 0 {
			from := p.from + i + len(k)
			if n := bytes.IndexByte(d.text[from:p.to], '"'); n > 0 {
				d.secret("rclone-config-secret", k[1:len(k)-3], from, from+n, "of remote "+string(p.section))
			}
		}
	}
}

// configstore reads what Node's CLIs keep.
func configstore(d *doc) {
	for n := range d.tree() {
		if n.is("refresh_token") || n.is("tokens.access_token") || n.is("accessToken") || n.is("sessionSecret") || n.is("apiKey") || n.is("api") && d.base == "snyk.json" {
			d.node("saas-cli-token", n, "")
		}
	}
}
