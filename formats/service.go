package formats

import (
	"bytes"
	"strings"
)

// serviceForms are the configurations of servers.
func serviceForms() []form {
	ldap := inLines(" =", field{"bindpw", "ldap-bind-password"}, field{"rootpwmodpw", "ldap-bind-password"}, field{"ldap_default_authtok", "ldap-bind-password"}, field{"krb5_store_password", "ldap-bind-password"}, field{"sasl_secret", "ldap-bind-password"}, field{"tls_keypass", "ldap-bind-password"})
	return []form{
		{name: "grafana.ini", find: grafana},
		{name: "custom.ini", in: "grafana grafana/conf conf", find: grafana},
		{name: "defaults.ini", in: "grafana/conf", find: grafana},
		{name: "alertmanager.yml", find: prometheus},
		{name: "alertmanager.yaml", find: prometheus},
		{name: "prometheus.yml", find: prometheus},
		{name: "prometheus.yaml", find: prometheus},
		{name: "tomcat-users.xml", find: tomcatUsers},
		{name: "server.xml", find: inXML(field{"@keystorePass", "tomcat-keystore-password"}, field{"@truststorePass", "tomcat-keystore-password"}, field{"@certificateKeystorePassword", "tomcat-keystore-password"}, field{"@keyPass", "tomcat-keystore-password"}, field{"realm@connectionPassword", "ldap-bind-password"}, field{"Resource@password", "tomcat-keystore-password"}, field{"Connector@secret", "tomcat-keystore-password"}, field{"keyStore@password", "tomcat-keystore-password"}, field{"properties*@password", "tomcat-keystore-password"}, field{"user@password", "tomcat-user-password"})},
		{name: "context.xml", find: inXML(field{"Resource@password", "tomcat-keystore-password"})},
		{name: "*.xml", in: "catalina/localhost conf/catalina/localhost", find: inXML(field{"Resource@password", "tomcat-keystore-password"})},
		{name: "ldap.conf", find: ldap},
		{name: "nslcd.conf", find: ldap},
		{name: "pam_ldap.conf", find: ldap},
		{name: "libnss-ldap.conf", find: ldap},
		{name: "sssd.conf", find: ldap},
		{name: "*.conf", in: "sssd/conf.d", find: ldap},
		{name: "ldap.secret", find: wholeFile("ldap-bind-password", "rootbinddn", 3)},
		{name: "pam_ldap.secret", find: wholeFile("ldap-bind-password", "rootbinddn", 3)},
		{name: "slapd.conf", find: slapd},
		{name: "clients.conf", in: "raddb freeradius freeradius/** radius", find: inLines("=", field{"secret", "radius-shared-secret"})},
		{name: "proxy.conf", in: "raddb freeradius freeradius/** radius", find: inLines("=", field{"secret", "radius-shared-secret"})},
		{name: "radiusclient", in: "etc", find: inLines(" =", field{"secret", "radius-shared-secret"})},
		{name: "servers", in: "radiusclient radcli radiusclient-ng", find: secondField("radius-shared-secret", "secret")},
		{name: "pam_radius_auth.conf", find: secondField("radius-shared-secret", "secret")},
		{name: "snmpd.conf", find: snmp},
		{name: "snmptrapd.conf", find: snmp},
		{name: "snmp.conf", find: inLines(" ", field{"defCommunity", "snmp-community"}, field{"defAuthPassphrase", "snmp-user-password"}, field{"defPrivPassphrase", "snmp-user-password"}, field{"defPassphrase", "snmp-user-password"})},
		{name: "sasl_passwd", find: saslPasswd},
		{name: "passwd.client", find: eximClient},
		{name: "msmtprc", find: inLines(" =", field{"password", "smtp-password"})},
		{name: ".msmtprc", find: inLines(" =", field{"password", "smtp-password"})},
		{name: "config", in: "msmtp", find: inLines(" =", field{"password", "smtp-password"})},
		{name: "ssmtp.conf", find: inLines("=", field{"authpass", "smtp-password"})},
		{name: "revaliases", find: func(*doc) {}},
		{name: ".muttrc", find: inLines("=", field{"*_pass", "smtp-password"})},
		{name: "muttrc", find: inLines("=", field{"*_pass", "smtp-password"})},
		{name: ".mailrc", find: inLines("=", field{"smtp-auth-password", "smtp-password"}, field{"password-*", "smtp-password"})},
		{name: "mail.rc", find: inLines("=", field{"smtp-auth-password", "smtp-password"}, field{"password-*", "smtp-password"})},
		{name: ".fetchmailrc", find: fetchmail},
		{name: "fetchmailrc", find: fetchmail},
		{name: ".offlineimaprc", find: inLines("=:", field{"remotepass", "smtp-password"})},
		{name: ".mbsyncrc", find: inLines(" ", field{"pass", "smtp-password"})},
		{name: ".getmailrc", find: inLines("=", field{"password", "smtp-password"})},
		{name: "esmtprc", find: inLines(" =", field{"password", "smtp-password"})},
		{name: "dma.conf", find: func(*doc) {}},
		{name: "auth.conf", in: "dma", find: dmaAuth},
		{name: "dovecot-sql.conf.ext", find: func(*doc) {}},
		{name: "dovecot-ldap.conf.ext", find: inLines("=", field{"dnpass", "ldap-bind-password"})},
		{name: "*.cf", in: "postfix postfix/**", find: inLines("=", field{"password", "smtp-password"}, field{"bind_pw", "ldap-bind-password"})},
		{name: "sip.conf", find: inLines("=", field{"secret", "asterisk-secret"}, field{"remotesecret", "asterisk-secret"}, field{"md5secret", "asterisk-secret"})},
		{name: "iax.conf", find: inLines("=", field{"secret", "asterisk-secret"})},
		{name: "manager.conf", find: inLines("=", field{"secret", "asterisk-secret"})},
		{name: "ari.conf", find: inLines("=", field{"password", "asterisk-secret"})},
		{name: "pjsip.conf", find: inLines("=", field{"password", "asterisk-secret"})},
		{name: "*.conf", in: "asterisk asterisk/manager.d", find: inLines("=", field{"secret", "asterisk-secret"}, field{"password", "asterisk-secret"}, field{"dbpass", "asterisk-secret"})},
		{name: "voicemail.conf", find: func(*doc) {}},
		{name: "ejabberd.yml", find: inTree(field{"*password", "ejabberd-password"}, field{"secret", "ejabberd-password"})},
		{name: "prosody.cfg.lua", find: inCode(field{"password", "ejabberd-password"}, field{"component_secret", "ejabberd-password"}, field{"turn_external_secret", "ejabberd-password"})},
		{name: "turnserver.conf", find: turnserver},
		{name: "homeserver.yaml", find: inTree(field{"registration_shared_secret", "matrix-homeserver-secret"}, field{"macaroon_secret_key", "matrix-homeserver-secret"}, field{"form_secret", "matrix-homeserver-secret"}, field{"turn_shared_secret", "matrix-homeserver-secret"}, field{"args.password", "matrix-homeserver-secret"}, field{"smtp_pass", "matrix-homeserver-secret"})},
		{name: "definitions.json", find: rabbitDefinitions},
		{name: "load_definitions.json", find: rabbitDefinitions},
		{name: "rabbitmq.conf", find: inLines("=", field{"default_pass", "rabbitmq-password"}, field{"*.password", "rabbitmq-password"}, field{"*dn_lookup_bind.password", "rabbitmq-password"})},
		{name: "*.conf", in: "rabbitmq/conf.d", find: inLines("=", field{"default_pass", "rabbitmq-password"}, field{"*.password", "rabbitmq-password"})},
		{name: "rabbitmq.config", find: erlangPass},
		{name: "advanced.config", find: erlangPass},
		{name: ".erlang.cookie", find: wholeFile("erlang-cookie", "cookie", 4)},
		{name: "vm.args", find: inLines(" ", field{"-setcookie", "erlang-cookie"})},
		{name: "*.conf", in: "activemq", find: jaas},
		{name: "jaas.conf", find: jaas},
		{name: "*jaas.conf", find: jaas},
		{name: "*_jaas.config", find: jaas},
		{name: "*jaas*.conf", find: jaas},
		{name: "server.properties", find: kafka},
		{name: "client.properties", find: kafka},
		{name: "producer.properties", find: kafka},
		{name: "consumer.properties", find: kafka},
		{name: "connect-distributed.properties", find: kafka},
		{name: "kafka.properties", find: kafka},
		{name: "*.properties", in: "kafka kafka/config", find: kafka},
		{name: "users.properties", in: "activemq/** artemis/** conf etc karaf/**", find: brokerUsers},
		{name: "credentials.properties", find: inLines("=", field{"*password", "broker-user-password"})},
		{name: "jetty-realm.properties", find: jettyRealm},
		{name: "realm.properties", in: "jetty/** etc", find: jettyRealm},
		{name: "jmxremote.password", find: inLines(" ", field{"*", "broker-user-password"})},
		{name: "kibana.yml", find: inTree(field{"elasticsearch.password", "elastic-stack-password"}, field{"*.password", "elastic-stack-password"}, field{"*password", "elastic-stack-password"}, field{"*encryptionKey", "elastic-stack-password"}, field{"elasticsearch.serviceAccountToken", "elastic-stack-password"})},
		{name: "logstash.yml", find: inTree(field{"*.password", "elastic-stack-password"}, field{"password", "elastic-stack-password"})},
		{name: "elasticsearch.yml", find: inTree(field{"*.password", "elastic-stack-password"}, field{"*secure_password", "elastic-stack-password"})},
		{name: "*beat.yml", find: inTree(field{"output.*.password", "elastic-stack-password"}, field{"password", "elastic-stack-password"}, field{"*.password", "elastic-stack-password"}, field{"api_key", "elastic-stack-password"}, field{"*.api_key", "elastic-stack-password"})},
		{name: "opensearch*.yml", find: inTree(field{"*.password", "elastic-stack-password"}, field{"password", "elastic-stack-password"})},
		{name: "internal_users.yml", find: inTree(field{"hash", "htpasswd-hash"})},
		{name: "*.conf", in: "logstash/pipeline logstash/conf.d", find: inLines("=", field{"password", "elastic-stack-password"}, field{"api_key", "elastic-stack-password"})},
		{name: "elasticsearch.keystore", binary: true, find: keystore},
		{name: "*.hcl", find: hashicorp},
		{name: "*.json", in: "consul consul.d consul/config nomad.d vault/config", find: consulJSON},
		{name: "haproxy.cfg", find: haproxy},
		{name: "*.cfg", in: "haproxy haproxy/conf.d", find: haproxy},
		{name: "nginx.conf", find: nginx},
		{name: "*.conf", in: "nginx/** conf.d sites-enabled sites-available openresty/**", find: nginx},
		{name: "default", in: "nginx/sites-enabled nginx/sites-available", find: nginx},
		{name: "*", in: "nginx/snippets nginx/sites-enabled nginx/sites-available", find: nginx},
		{name: "squid.conf", find: squid},
		{name: "*.conf", in: "apache2/** httpd/** apache/**", find: apache},
		{name: ".htaccess", find: apache},
		{name: "httpd.conf", find: apache},
		{name: "traefik.toml", find: traefikUsers},
		{name: "traefik.yml", find: traefikUsers},
		{name: "caddyfile", find: caddy},
		{name: "supervisord.conf", find: inLines("=", field{"*http_server/password", "supervisord-password"}, field{"supervisorctl/password", "supervisord-password"})},
		{name: "*.conf", in: "supervisor", find: inLines("=", field{"*http_server/password", "supervisord-password"}, field{"supervisorctl/password", "supervisord-password"})},
		{name: "zoo.cfg", find: inLines("=", field{"*password", "tomcat-keystore-password"})},
		{name: "monit*rc", in: "etc monit etc/monit root", find: monit},
		{name: "standalone*.xml", in: "", find: wildfly},
		{name: "domain.xml", find: wildfly},
		{name: "mgmt-users.properties", find: inLines("=", field{"*", "htpasswd-hash"})},
		{name: "application-users.properties", find: inLines("=", field{"*", "htpasswd-hash"})},
		{name: "minio", in: "default", find: inLines("=", field{"MINIO_ROOT_PASSWORD", "minio-root-password"}, field{"MINIO_SECRET_KEY", "minio-root-password"})},
		{name: "config.json", in: ".minio .minio.sys/config", find: inTree(field{"credential.secretKey", "minio-root-password"})},
		{name: "*.conf", in: "zabbix zabbix/**", find: inLines("=", field{"DBPassword", "monitoring-db-password"}, field{"VaultToken", "monitoring-db-password"})},
		{name: "zabbix_server.conf", find: inLines("=", field{"DBPassword", "monitoring-db-password"})},
		{name: "zabbix_proxy.conf", find: inLines("=", field{"DBPassword", "monitoring-db-password"})},
		{name: "zabbix.conf.php", find: inCode(field{"PASSWORD", "monitoring-db-password"})},
		{name: "resource.cfg", find: nagiosResource},
		{name: "resources.ini", in: "icingaweb2", find: inLines("=", field{"password", "monitoring-db-password"})},
		{name: "ido-*.conf", in: "icinga2 icinga2/**", find: inLines("=", field{"password", "monitoring-db-password"})},
		{name: "*.conf", in: "icinga2 icinga2/**", find: inLines("=", field{"password", "monitoring-db-password"})},
		{name: "bacula-*.conf", in: "bacula etc", find: inLines("=", field{"password", "bacula-password"}, field{"dbpassword", "bacula-password"})},
		{name: "*.conf", in: "bacula bareos bareos/**", find: inLines("=", field{"password", "bacula-password"}, field{"dbpassword", "bacula-password"})},
		{name: "bconsole.conf", find: inLines("=", field{"password", "bacula-password"})},
	}
}

// grafana's first secret_key is the same everywhere.
const grafanaDefault = "SW2YcwTIb9zpOOhoPsMm"

func grafana(d *doc) {
	for p := range d.pairs("=") {
		v := d.text[p.from:p.to]
		switch {
		case keyIs(p.key, "admin_password") && string(v) != "admin" || keyIs(p.key, "secret_key") && string(v) != grafanaDefault:
			d.pair("grafana-secret", p, "")
		case (keyIs(p.key, "password") || keyIs(p.key, "client_secret") || keyIs(p.key, "bind_password") || keyIs(p.key, "license_token")) && len(v) > 0 && v[0] != ';':
			d.pair("grafana-secret", p, "")
		}
	}
}

// prometheus reads Prometheus's and Alertmanager's files.
func prometheus(d *doc) {
	for n := range d.tree() {
		switch {
		case n.is("basic_auth.password"), n.is("bearer_token"), n.is("authorization.credentials"), n.is("oauth2.client_secret"):
			d.node("prometheus-secret", n, "")
		case n.is("smtp_auth_password"), n.is("auth_password"), n.is("smtp_auth_secret"), n.is("slack_api_url"), n.is("api_url") && n.under("slack_configs"), n.is("opsgenie_api_key"), n.is("victorops_api_key"), n.is("wechat_api_secret"), n.is("service_key"), n.is("routing_key") && n.under("pagerduty_configs"), n.is("api_key") && n.under("*_configs"), n.is("bot_token"), n.is("user_key") && n.under("pushover_configs"), n.is("token") && n.under("pushover_configs"), n.is("webhook_url"):
			d.node("alertmanager-secret", n, "")
		}
	}
}

// tomcatUsers reads users with their passwords.
func tomcatUsers(d *doc) {
	for e := range d.elems() {
		if !keyIs(e.name, "user") {
			continue
		}
		name := d.attr(e, "username") + d.attr(e, "name")
		for _, a := range e.attrs {
			if keyIs(a.name, "password") {
				d.xmlText("tomcat-user-password", "password", a.from, a.to, "for user "+name)
			}
		}
	}
}

// turnserver reads coturn's secrets; a user is name:key.
func turnserver(d *doc) {
	for p := range d.pairs("=") {
		switch {
		case keyIs(p.key, "static-auth-secret"), keyIs(p.key, "cli-password") && !p.commented:
			d.pair("turn-secret", p, "")
		case keyIs(p.key, "user") && !p.commented:
			if i := bytes.IndexByte(d.text[p.from:p.to], ':'); i > 0 && p.from+i+1 < p.to {
				p.from += i + 1
				d.pair("turn-secret", p, "")
			}
		}
	}
}

// slapd reads rootpw, credentials of replication and the like.
func slapd(d *doc) {
	for p := range d.pairs(" ") {
		v := d.text[p.from:p.to]
		switch {
		case keyIs(p.key, "rootpw") && len(v) > 0 && v[0] == '{':
			d.pair("ldap-entry-hash", p, "")
		case keyIs(p.key, "rootpw"):
			d.pair("ldap-bind-password", p, "of the directory's root")
		}
		if p.commented {
			continue
		}
		line := d.text[p.line:p.to]
		if i := bytes.Index(line, []byte("credentials=")); i >= 0 {
			f, t, q := value(d.text, p.line+i+12, p.to)
			if !q {
				for e := f; e < t; e++ {
					if blank(d.text[e]) {
						t = e
					}
				}
			}
			d.secret("ldap-bind-password", "credentials", f, t, "")
		}
	}
}

// snmp reads communities, but public, and users.
func snmp(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		word := ""
		n := 0
		for f, t := range fieldsOf(d.text, at, to) {
			w := d.text[f:t]
			if n == 0 {
				word = strings.ToLower(string(w[:min(len(w), 32)]))
				if commented || word != "rocommunity" && word != "rwcommunity" && word != "rocommunity6" && word != "rwcommunity6" && word != "createuser" && word != "com2sec" && word != "authcommunity" && word != "trapcommunity" {
					break
				}
			}
			switch {
			case n == 1 && strings.Contains(word, "ocommunity") || n == 1 && word != "createuser" && strings.Contains(word, "community") && word != "authcommunity", word == "com2sec" && n == 3, word == "authcommunity" && n == 2:
				if s := string(w); s != "public" && s != "private" && s != "COMMUNITY" && s != "secret" {
					d.secret("snmp-community", word, f, t, "")
				}
			case word == "createuser" && (n == 3 || n == 5):
				vf, vt, q := value(d.text, f, to)
				if !q {
					vf, vt = f, t
				}
				d.secret("snmp-user-password", word, vf, vt, "")
			}
			if n++; n > 6 {
				break
			}
		}
	}
}

// saslPasswd reads Postfix's host user:password.
func saslPasswd(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		n, host := 0, ""
		for f, t := range fieldsOf(d.text, at, to) {
			if n == 0 {
				host = string(d.text[f:t])
			}
			if n == 1 {
				if i := bytes.IndexByte(d.text[f:t], ':'); i > 0 {
					p := pair{key: []byte("password"), from: f + i + 1, to: to, commented: commented}
					d.pair("smtp-password", p, "for user "+string(d.text[f:f+i])+" at "+host)
				}
				break
			}
			n++
		}
	}
}

// eximClient reads host:user:password.
func eximClient(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		parts := bytes.SplitN(d.text[at:to], []byte(":"), 3)
		if len(parts) == 3 && !has(parts[0], " ") {
			p := pair{key: []byte("password"), from: at + len(parts[0]) + len(parts[1]) + 2, to: to, commented: commented}
			d.pair("smtp-password", p, "for user "+string(parts[1])+" at "+string(parts[0]))
		}
	}
}

// dmaAuth reads user|host:password.
func dmaAuth(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		bar := bytes.IndexByte(d.text[at:to], '|')
		if bar < 0 || commented {
			continue
		}
		if i := bytes.IndexByte(d.text[at+bar:to], ':'); i > 0 {
			d.secret("smtp-password", "password", at+bar+i+1, to, "for user "+string(d.text[at:at+bar]))
		}
	}
}

// fetchmail reads … password "x" anywhere in a line.
func fetchmail(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		want := false
		for f, t := range fieldsOf(d.text, at, to) {
			if want {
				vf, vt, q := value(d.text, f, to)
				if !q {
					vf, vt = f, t
				}
				d.pair("smtp-password", pair{key: []byte("password"), from: vf, to: vt, commented: commented, quoted: true}, "")
				break
			}
			w := d.text[f:t]
			want = string(w) == "password" || string(w) == "pass"
		}
	}
}

// rabbitDefinitions reads users of an export.
func rabbitDefinitions(d *doc) {
	if !has(d.text, `"users"`) {
		return
	}
	for n := range d.tree() {
		switch {
		case n.is("users.password_hash"):
			d.node("rabbitmq-password-hash", n, "")
		case n.is("users.password"):
			d.node("rabbitmq-password", n, "")
		}
	}
}

// erlangPass reads {default_pass, <<"x">>}.
func erlangPass(d *doc) {
	for i := 0; ; {
		j := bytes.Index(d.text[i:], []byte("default_pass"))
		if j < 0 {
			return
		}
		i += j + 12
		rest := d.text[i:min(len(d.text), i+200)]
		q := bytes.IndexByte(rest, '"')
		if q < 0 || q > 12 {
			continue
		}
		if e := bytes.IndexByte(rest[q+1:], '"'); e > 0 && string(rest[q+1:q+1+e]) != "guest" {
			d.secret("rabbitmq-password", "default_pass", i+q+1, i+q+1+e, "")
		}
	}
}

// jaas reads password="x" and user_name="x" of login modules.
func jaas(d *doc) {
	for p := range d.pairs("=") {
		if keyIs(p.key, "password") || keyIs(p.key, "user_*") || keyIs(p.key, "keyStorePassword") || keyIs(p.key, "bindPassword") || keyIs(p.key, "bindCredential") {
			d.pair("jaas-password", p, "")
		} else {
			d.jaasLine(p.from, p.to)
		}
	}
}

// jaasLine reads the options of a module on one line.
func (d *doc) jaasLine(from, to int) {
	for i := from; i < to; {
		j := bytes.Index(d.text[i:to], []byte("password="))
		if j < 0 {
			return
		}
		i += j + 9
		f := i
		if f < to && d.text[f] == '\\' { // in JSON, or in a quoted string
			f++
		}
		if vf, vt, q := value(d.text, f, min(to, f+512)); q {
			for vt > vf && d.text[vt-1] == '\\' {
				vt--
			}
			d.secret("jaas-password", "password", vf, vt, "")
			i = vt
		}
	}
}

// kafka reads passwords of stores, and JAAS in sasl.jaas.config.
func kafka(d *doc) {
	for p := range d.pairs("=") {
		switch {
		case keyIs(p.key, "*sasl.jaas.config"):
			if !p.commented || looksReal("", d.text[p.from:p.to]) {
				end := p.to
				if i := bytes.IndexByte(d.text[p.from:], '\n'); i >= 0 {
					end = p.from + i
				}
				d.jaasLine(p.from, end)
			}
		case keyIs(p.key, "*ssl.keystore.password"), keyIs(p.key, "*ssl.key.password"), keyIs(p.key, "*ssl.truststore.password"):
			d.pair("kafka-store-password", p, "")
		}
	}
}

// brokerUsers reads user=password; what has blanks is words for people.
func brokerUsers(d *doc) {
	for p := range d.pairs("=") {
		if v := d.text[p.from:p.to]; !p.commented && !has(v, " ") && !bytes.HasPrefix(v, []byte("_g_")) {
			d.pair("broker-user-password", p, "for user "+string(p.key))
		}
	}
}

// jettyRealm reads user: password, role.
func jettyRealm(d *doc) {
	for p := range d.pairs(":") {
		f, t := p.from, p.to
		for i := f; i < t; i++ {
			if d.text[i] == ',' {
				t = i
			}
		}
		v := d.text[f:t]
		rule := "broker-user-password"
		if bytes.HasPrefix(v, []byte("MD5:")) || bytes.HasPrefix(v, []byte("CRYPT:")) {
			rule = "htpasswd-hash"
		}
		d.pair(rule, pair{key: []byte("password"), from: f, to: t, commented: p.commented, quoted: true}, "for user "+string(p.key))
	}
}

// keystore reads the header of Elasticsearch's keystore, which says whether it
// has a password; without one it's encrypted with an empty one.
func keystore(d *doc) {
	const codec = "elasticsearch.keystore"
	i := bytes.Index(d.text[:min(len(d.text), 64)], []byte(codec))
	flag := i + len(codec) + 4 // after the version
	if i < 0 || flag >= len(d.text) {
		return
	}
	h := Hit{Rule: "elasticsearch-keystore", From: i, To: len(d.text), Key: "keystore", Note: "it has no password of its own: anyone opens it"}
	if d.text[flag] != 0 {
		h.Note, h.Info = "", "encrypted with a password"
	}
	d.add(h)
}

// hashicorp reads the HCL of Vault, Consul and Nomad.
func hashicorp(d *doc) {
	if strings.HasSuffix(d.base, ".pkrvars.hcl") || strings.Contains(d.base, "terragrunt") || strings.HasPrefix(d.base, "docker-bake") || d.base == ".terraform.lock.hcl" {
		return
	}
	for p := range d.pairs("=") {
		if !p.quoted {
			continue
		}
		switch {
		case keyIs(p.key, "encrypt"):
			d.pair("gossip-encryption-key", p, "")
		case keyIs(p.key, "token"), keyIs(p.key, "initial_management"), keyIs(p.key, "master"), keyIs(p.key, "agent"), keyIs(p.key, "agent_master"), keyIs(p.key, "default") && has(d.text, "acl") && looksReal("", d.text[p.from:p.to]), keyIs(p.key, "agent_recovery"), keyIs(p.key, "replication"):
			if len(d.text[p.from:p.to]) >= 16 {
				d.pair("hashicorp-config-token", p, "")
			}
		case keyIs(p.key, "secret_key"), keyIs(p.key, "client_secret"), keyIs(p.key, "account_key"), keyIs(p.key, "secret_id"):
			d.pair("hashicorp-config-token", p, "")
		}
	}
}

// consulJSON is hashicorp for configurations in JSON.
func consulJSON(d *doc) {
	for n := range d.tree() {
		switch {
		case n.is("encrypt"):
			d.node("gossip-encryption-key", n, "")
		case n.is("tokens.*"), n.is("acl_master_token"), n.is("acl_token"), n.is("acl_agent_token"), n.is("acl_agent_master_token"), n.is("acl_replication_token"), n.is("vault.token"), n.is("consul.token"):
			d.node("hashicorp-config-token", n, "")
		}
	}
}

// haproxy reads users and the account of the statistics.
func haproxy(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented {
			continue
		}
		prev, first, second := "", "", ""
		n := 0
		for f, t := range fieldsOf(d.text, at, to) {
			w := d.text[f:t]
			switch {
			case first == "user" && prev == "insecure-password":
				d.secret("haproxy-password", prev, f, t, "for user "+second)
			case first == "user" && prev == "password":
				d.hash("htpasswd-hash", f, t, "of user "+second, w)
			case first == "stats" && prev == "auth":
				if i := bytes.IndexByte(w, ':'); i > 0 {
					d.secret("haproxy-password", "auth", f+i+1, t, "for user "+string(w[:i]))
				}
			}
			prev = string(w[:min(len(w), 64)])
			if n == 0 {
				first = prev
			} else if n == 1 {
				second = prev
			}
			if n++; n > 32 || first != "user" && first != "stats" {
				break
			}
		}
		if has(d.text[at:to], "uthorization") {
			d.authHeader("basic-auth-header", "Authorization", at, to)
		}
	}
}

// nginx reads headers that are set for what's behind it.
func nginx(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		line := d.text[at:to]
		if commented || !has(line, "uthorization") && !has(line, "X-Api-Key") {
			continue
		}
		if bytes.HasPrefix(line, []byte("proxy_set_header")) || bytes.HasPrefix(line, []byte("fastcgi_param")) || bytes.HasPrefix(line, []byte("grpc_set_header")) || bytes.HasPrefix(line, []byte("uwsgi_param")) || bytes.HasPrefix(line, []byte("more_set_input_headers")) {
			d.authHeader("basic-auth-header", "Authorization", at, to)
		} else if strings.Contains(d.path, "apache") || strings.Contains(d.path, "httpd") {
			apacheLine(d, at, to)
		}
	}
}

// apache reads passwords of directories and databases, and headers.
func apache(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if !commented {
			apacheLine(d, at, to)
		}
	}
}

func apacheLine(d *doc, at, to int) {
	p := pair{}
	if !splitPair(d.text, at, to, " ", &p) {
		return
	}
	switch {
	case keyIs(p.key, "AuthLDAPBindPassword"), keyIs(p.key, "OIDCClientSecret"), keyIs(p.key, "OIDCCryptoPassphrase"), keyIs(p.key, "SSLProxyMachineCertificatePassphrase"), keyIs(p.key, "AuthzLDAPBindPassword"), keyIs(p.key, "SessionCryptoPassphrase"):
		if v := d.text[p.from:p.to]; !bytes.HasPrefix(v, []byte("exec:")) {
			d.pair("apache-config-secret", p, "")
		}
	case keyIs(p.key, "RequestHeader"):
		d.authHeader("basic-auth-header", "Authorization", p.from, p.to)
	case keyIs(p.key, "SetEnv"):
		if q := (pair{}); splitPair(d.text, p.from, p.to, " ", &q) && isSecretName(q.key) {
			d.pair("apache-config-secret", q, "")
		}
	}
}

// squid reads the passwords of its manager and of parents.
func squid(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented {
			continue
		}
		line := d.text[at:to]
		if bytes.HasPrefix(line, []byte("cachemgr_passwd ")) {
			for f, t := range fieldsOf(d.text, at+16, to) {
				if s := string(d.text[f:t]); s != "disable" && s != "none" {
					d.secret("squid-password", "cachemgr_passwd", f, t, "")
				}
				break
			}
		}
		if bytes.HasPrefix(line, []byte("cache_peer ")) {
			if i := bytes.Index(line, []byte("login=")); i > 0 {
				f := at + i + 6
				t := f
				for t < to && !blank(d.text[t]) {
					t++
				}
				if c := bytes.IndexByte(d.text[f:t], ':'); c > 0 && string(d.text[f+c+1:t]) != "PASSTHRU" {
					d.secret("squid-password", "login", f+c+1, t, "for user "+string(d.text[f:f+c]))
				}
			}
		}
	}
}

// traefikUsers reads user:hash in lists of users.
func traefikUsers(d *doc) {
	if !has(d.text, "asicAuth") && !has(d.text, "asicauth") {
		return
	}
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented {
			continue
		}
		for i := at; i < to; {
			j := bytes.Index(d.text[i:to], []byte(":$"))
			if j < 0 {
				break
			}
			f := i + j + 1
			t := f
			for t < to && d.text[t] != '"' && d.text[t] != '\'' && d.text[t] != ',' && !blank(d.text[t]) {
				t++
			}
			v := bytes.ReplaceAll(d.text[f:t], []byte("$$"), []byte("$"))
			if isCrypt(v) && !elided(v) {
				d.add(Hit{Rule: "htpasswd-hash", From: f, To: t, Value: v, Key: "users"})
			}
			i = t
		}
	}
}

// caddy reads user hash lines of basic_auth.
func caddy(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented {
			continue
		}
		user, n := "", 0
		for f, t := range fieldsOf(d.text, at, to) {
			w := d.text[f:t]
			if n == 0 {
				user = string(w)
			}
			if n == 1 {
				if isCrypt(w) {
					d.hash("htpasswd-hash", f, t, "of user "+user, w)
				} else if dec := decode64(w); bytes.HasPrefix(dec, []byte("$2")) && isCrypt(dec) {
					d.decoded("htpasswd-hash", "basic_auth", f, t, dec, "of user "+user)
				}
				break
			}
			n++
		}
		if has(d.text[at:to], "uthorization") {
			d.authHeader("basic-auth-header", "Authorization", at, to)
		}
	}
}

// monit reads allow user:password.
func monit(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented || !bytes.HasPrefix(d.text[at:to], []byte("allow ")) {
			continue
		}
		for f, t := range fieldsOf(d.text, at+6, to) {
			if i := bytes.IndexByte(d.text[f:t], ':'); i > 0 && string(d.text[f:t]) != "admin:monit" && !isNumber(d.text[f:f+1]) {
				vf, vt, _ := value(d.text, f+i+1, t)
				d.secret("supervisord-password", "allow", vf, vt, "for user "+string(d.text[f:f+i]))
			}
			break
		}
	}
}

// wildfly reads the passwords of data sources, stores and connections.
func wildfly(d *doc) {
	if !has(d.text, "jboss") && !has(d.text, "wildfly") {
		return
	}
	for e := range d.elems() {
		if keyIs(e.name, "password") && e.in("security") {
			d.xmlText("wildfly-password", "password", e.from, e.to, "")
		}
		for _, a := range e.attrs {
			if keyIs(a.name, "password") || keyIs(a.name, "clear-text") || keyIs(a.name, "keystore-password") || keyIs(a.name, "key-password") || keyIs(a.name, "search-credential") {
				v := d.text[a.from:a.to]
				if !bytes.HasPrefix(v, []byte("MASK-")) && !bytes.HasPrefix(v, []byte("VAULT::")) {
					d.xmlText("wildfly-password", string(a.name), a.from, a.to, "")
				}
			}
		}
	}
}

// nagiosResource reads macros: only those that are no paths.
func nagiosResource(d *doc) {
	for p := range d.pairs("=") {
		v := d.text[p.from:p.to]
		if keyIs(p.key, "$USER*") && len(v) > 3 && v[0] != '/' && !p.commented && looksReal("", v) {
			d.pair("monitoring-db-password", p, "")
		}
	}
}
