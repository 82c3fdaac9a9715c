package formats

import (
	"bytes"
	"strings"
)

// generalForms are extensions under which files of many forms are found.
func generalForms() []form {
	fs := []form{
		{name: "*.json", find: anyContent},
		{name: "*.yaml", find: anyContent},
		{name: "*.yml", find: anyContent},
		{name: "*.xml", in: "", find: anyXML},
		{name: "*.properties", find: func(*doc) {}},
		{name: "*.ini", find: func(*doc) {}},
		{name: "*.conf", find: func(*doc) {}},
		{name: "*.cfg", find: func(*doc) {}},
		{name: "*.toml", find: func(*doc) {}},
		{name: "*.config", find: func(*doc) {}},
		{name: "*.tf", find: func(*doc) {}},
		{name: "*.udl", find: func(*doc) {}},
		{name: "odbc.ini", find: func(*doc) {}},
	}
	for i := range fs {
		fs[i].any = true
	}
	return fs
}

// sniff reports whether a file whose name says nothing may be of a known form.
func sniff(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n\xef\xbb\xbf")
	if len(head) < 16 {
		return false
	}
	switch head[0] {
	case '{':
		return has(head, `"auths"`) || has(head, `"service_account"`) || has(head, `"kind"`) || has(head, `"terraform_version"`) || has(head, `"refresh_token"`)
	case 'a':
		return bytes.HasPrefix(head, []byte("apiVersion:"))
	case 'k':
		return bytes.HasPrefix(head, []byte("kind:"))
	case '-':
		return has(head, "\napiVersion:") || bytes.HasPrefix(head, []byte("---\napiVersion:")) || bytes.HasPrefix(head, []byte("-- MySQL dump")) || bytes.HasPrefix(head, []byte("-- MariaDB dump")) || bytes.HasPrefix(head, []byte("--\n-- PostgreSQL database"))
	case '#':
		return has(head, "\napiVersion:") || bytes.HasPrefix(head, []byte("#cloud-config"))
	case '[':
		return has(head, "aws_secret_access_key")
	}
	return false
}

// anyContent reads what the text shows to be of a known form.
func anyContent(d *doc) {
	t := d.text
	switch head := bytes.TrimLeft(t[:min(len(t), 64)], " \t\r\n\xef\xbb\xbf"); {
	case bytes.HasPrefix(head, []byte("-- ")) || bytes.HasPrefix(head, []byte("--\n")):
		sqlText(d)
		return
	case bytes.HasPrefix(head, []byte("#cloud-config")):
		cloudInit(d)
		return
	case bytes.HasPrefix(head, []byte("[")) && has(t, "aws_secret_access_key"):
		awsFile(d)
		return
	}
	isJSON := strings.HasSuffix(d.base, ".json") || len(t) > 0 && t[0] == '{'
	if isJSON && has(t, `"auths"`) && has(t, `"auth"`) {
		dockerConfig(d)
	}
	if has(t, "private_key") && has(t, "service_account") || isJSON && has(t, `"authorized_user"`) {
		gcpJSON(d)
	}
	if has(t, "kind") {
		if has(t, "current-context") || has(t, "client-key-data") || has(t, "kind: Config\n") {
			kubeconfig(d)
		}
		if has(t, "Secret") || has(t, "EncryptionConfig") || has(t, "kubeadm") {
			manifests(d)
		}
	}
	if isJSON {
		anyJSON(d)
		return
	}
	anyYAML(d)
}

// anyJSON knows forms whose files are called as one likes.
func anyJSON(d *doc) {
	t := d.text
	if has(t, `"TunnelSecret"`) {
		inTree(field{"TunnelSecret", "cloudflared-tunnel-secret"})(d)
	}
	if has(t, `"terraform_version"`) && !strings.HasSuffix(d.base, ".tfstate") {
		tfstate(d)
	}
	if has(t, `"realm"`) && has(t, `"clients"`) && has(t, `"clientId"`) {
		keycloakRealm(d)
	}
	if has(t, `"password_hash"`) && has(t, `"rabbit`) || has(t, `"rabbit_version"`) || has(t, `"rabbitmq_version"`) {
		rabbitDefinitions(d)
	}
	if has(t, `"activeDirectory`) && has(t, `"clientSecret"`) {
		inTree(field{"clientSecret", "azure-service-principal"})(d)
	}
	if has(t, `"installed"`) && has(t, `"client_secret"`) || has(t, `"web"`) && has(t, `"client_secret"`) && has(t, `"auth_uri"`) {
		googleClient(d)
	}
	if has(t, `"SecretAccessKey"`) {
		inTree(field{"SecretAccessKey", "aws-credentials-file"}, field{"SessionToken", "aws-credentials-file"})(d)
	}
}

// anyYAML knows forms whose files are called as one likes.
func anyYAML(d *doc) {
	t := d.text
	if has(t, "ansible_") && (has(t, "_pass") || has(t, "password")) {
		ansibleVars(d)
	}
	if has(t, "basic_auth:") || has(t, "smtp_auth_password") || has(t, "bearer_token:") || has(t, "slack_api_url") {
		prometheus(d)
	}
	if has(t, "basicAuth") && has(t, "users:") || has(t, "basicauth") && has(t, "users=") {
		traefikUsers(d)
	}
}

// anyXML knows forms whose files are called as one likes.
func anyXML(d *doc) {
	t := d.text
	if has(t, "<machineKey") || has(t, "<connectionStrings") {
		webConfig(d)
	}
	if has(t, "<server>") && has(t, "<password>") && has(t, "<settings") && d.base != "settings.xml" {
		mavenSettings(d)
	}
	if has(t, "<tomcat-users") && d.base != "tomcat-users.xml" {
		tomcatUsers(d)
	}
	if has(t, "com.cloudbees.plugins.credentials") && d.base != "credentials.xml" {
		jenkinsXML(d)
	}
}

// strewn reports whether URLs in the file at path are those of documentation.
func strewn(path []byte) bool {
	return bytes.Contains(path, []byte("share/doc/")) || bytes.Contains(path, []byte("share/man/"))
}
