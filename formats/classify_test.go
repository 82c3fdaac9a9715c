package formats

import "testing"

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		key, value string
		want       Kind
	}{
		{"password", "", Empty}, {"password", "  ", Empty}, {"password", `""`, Empty}, {"password", "''", Empty},
		{"password", "${DB_PASSWORD}", Reference}, {"password", "$DB_PASSWORD", Reference}, {"password", "$db_password", Reference},
		{"password", "$(cat /run/secrets/x)", Reference}, {"password", "`cat x`", Reference}, {"password", "{{ .Values.password }}", Reference},
		{"password", "{{password}}", Reference}, {"password", "<%= ENV['X'] %>", Reference}, {"password", "%DB_PASSWORD%", Reference},
		{"password", "%(db_password)s", Reference}, {"password", "ENC(AbCdEf12)", Reference}, {"password", "ENC[PKCS7,MIIB]", Reference},
		{"password", "ENC[AES256_GCM,data:x,iv:y]", Reference}, {"password", "!vault |", Reference}, {"password", "$ANSIBLE_VAULT;1.1;AES256", Reference},
		{"password", "{cipher}0a1b2c", Reference}, {"password", "vault:secret/data/x#y", Reference}, {"password", "op://vault/item/field", Reference},
		{"password", "ref+vault://a/b", Reference}, {"password", "arn:aws:secretsmanager:eu:1:secret:x", Reference}, {"password", "ssm:/prod/db", Reference},
		{"password", "os.environ['X']", Reference}, {"password", "os.getenv('X')", Reference}, {"password", "process.env.DB_PASSWORD", Reference},
		{"password", `System.getenv("X")`, Reference}, {"password", "env('X')", Reference}, {"password", "@Microsoft.KeyVault(SecretUri=https://a)", Reference},
		{"password", "file:/etc/x", Reference}, {"password", "file:///run/x", Reference}, {"password", "/run/secrets/db", Reference}, {"password", "/var/run/secrets/db", Reference},
		{"password", "%env(APP_SECRET)%", Reference}, {"password", "#{Password}#", Reference}, {"password", "@DB_PASSWORD@", Reference}, {"password", "@db.password@", Reference},
		{"password", "{password}", Reference}, {"password", "%s", Reference}, {"password", "prefix-${X}", Reference}, {"password", "secrets.TOKEN", Reference},
		{"password", "!Ref DbPassword", Reference}, {"password", "var.db_password", Reference}, {"password", "$__file{/x}", Reference}, {"password", "$ENV{X}", Reference},
		{"password", "*db_password", Reference}, {"password", "/etc/secrets/pw", Reference}, {"password", "ENV['X']", Reference}, {"password", "ENV.fetch('X')", Reference},
		{"password", "gcp:secretmanager:x", Reference}, {"password", "awskms://x", Reference}, {"password", "keyring:x", Reference}, {"password", "$env:PW", Reference},
		{"password", "${{ secrets.TOKEN }}", Reference}, {"password", "{{ env_var('X') }}", Reference}, {"password", "{vault}abc", Reference},
		{"password", "changeme", Placeholder}, {"password", "CHANGE_ME", Placeholder}, {"password", "change-me", Placeholder}, {"password", "changeit", Placeholder}, {"password", "ChangeMe!", Placeholder},
		{"password", "your-password-here", Placeholder}, {"password", "<password>", Placeholder}, {"password", "[password]", Placeholder}, {"password", "xxxx", Placeholder},
		{"password", "xxxxxxxxxxxx", Placeholder}, {"password", "****", Placeholder}, {"password", "…", Placeholder}, {"password", "...", Placeholder}, {"password", "example", Placeholder},
		{"password", "dummy", Placeholder}, {"password", "test123", Placeholder}, {"password", "password", Placeholder}, {"db_password", "password", Placeholder}, {"secret", "secret", Placeholder},
		{"_authToken", "token", Placeholder}, {"passwd", "passwd", Placeholder}, {"password", "todo", Placeholder}, {"password", "none", Placeholder}, {"password", "null", Placeholder},
		{"password", "true", Placeholder}, {"password", "False", Placeholder}, {"password", "redacted", Placeholder}, {"password", "[REDACTED]", Placeholder}, {"password", "REPLACE_ME", Placeholder},
		{"password", "insert-token-here", Placeholder}, {"password", "aaaaaaaa", Placeholder}, {"password", "00000000", Placeholder}, {"id", "AKIAIOSFODNN7EXAMPLE", Placeholder},
		{"key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Placeholder}, {"password", "1234567890", Placeholder}, {"password", "abcdefghij", Placeholder},
		{"key", "0123456789abcdef", Placeholder}, {"key", "0123456789abcdef0123456789abcdef", Placeholder}, {"key", "deadbeefdeadbeefdeadbeef", Placeholder},
		{"password", "__PASSWORD__", Placeholder}, {"token", "sk-...", Placeholder}, {"token", "ghp_xxxxxxxxxxxx", Placeholder}, {"password", "put your unique phrase here", Placeholder},
		{"password", "hunter2", Literal}, {"password", "Summer2024!", Literal}, {"password", "postgres", Literal}, {"password", "admin123", Literal}, {"password", "root", Literal},
		{"password", "s3cret", Literal}, {"password", "$Passw0rd1", Literal}, {"password", "pa$$word1", Literal}, {"hash", "$2y$05$DxRBsGSy61vZsBgNVxwUh.UtZmlg3wZH", Literal},
		{"hash", "$apr1$abcdefgh$0123456789012345678901", Literal}, {"password", "correct horse battery staple", Literal}, {"password", "p@ss:word/1", Literal}, {"password", "12345678", Literal},
		{"password", "a#b%c^d&e", Literal}, {"password", "/8fJk2+qW", Literal}, {"password", "letmein", Literal}, {"password", "qwerty", Literal}, {"user", "password1", Literal},
	} {
		if got := Classify(c.key, []byte(c.value)); got != c.want {
			t.Errorf("%s=%s: %d, want %d", c.key, c.value, got, c.want)
		}
	}
}

// TestOffsets: where there is no Value, the text at the offsets is the secret.
func TestOffsets(t *testing.T) {
	for _, c := range []struct{ path, text, rule, want string }{
		{".npmrc", `//r.io/:_authToken="npm7Kq2mZ9vRt"`, "npmrc-auth", "npm7Kq2mZ9vRt"},
		{".npmrc", "//r.io/:_authToken = npm7Kq2mZ9vRt  \r\n", "npmrc-auth", "npm7Kq2mZ9vRt"},
		{".npmrc", "//r.io/:_password=aEo3a1EybVp0OXY=", "npmrc-auth", "hJ7kQ2mZt9v"},
		{".my.cnf", "[client]\npassword='it''s'", "mysql-client-password", "it"},
		{".my.cnf", "[client]\npassword=\"a\\\"b7Kq\"", "mysql-client-password", `a"b7Kq`},
		{".netrc", "machine a login b password c7Kq2#x", "netrc-password", "c7Kq2#x"},
		{".kube/config", "kind: Config\nusers:\n- user:\n    token: 'a''b7Kq2'\n", "kubeconfig-token", "a'b7Kq2"},
		{"etc/a.conf", "x = postgres://u:p%40ss7@h/d", "credential-url", "p@ss7"},
		{"etc/a.conf", "x = postgres://u:p@ss7@h/d", "credential-url", "p@ss7"},
		{"etc/a.conf", `x = "mysql://u:hunter2@h/d"`, "credential-url", "hunter2"},
		{"etc/a.conf", `x = "Server=h;User Id=u;Password=hunter2;Encrypt=true"`, "connection-string", "hunter2"},
		{"etc/a.conf", `x = 'host=h user=u password=hunter2 dbname=d'`, "connection-string", "hunter2"},
		{"app/a.json", `{"auths":{"r":{"auth":"YTpiOmM3S3E="}}}`, "docker-registry-auth", "b:c7Kq"},
		{"etc/shadow", "root:$1$abcdefgh$0123456789012345678901:1:0:99999:7:::", "shadow-hash", "$1$abcdefgh$0123456789012345678901"},
		{"root/.m2/settings.xml", "<settings><server><password>a&amp;b7</password></server></settings>", "maven-settings-password", "a&b7"},
		{"root/.m2/settings.xml", "<settings><server><password>\n  hunter2\n</password></server></settings>", "maven-settings-password", "hunter2"},
		{"root/.m2/settings.xml", "<settings><server><password><![CDATA[a<b7]]></password></server></settings>", "maven-settings-password", "a<b7"},
		{"s.yaml", "kind: Secret\nstringData:\n  a: |\n    hunter2\n", "k8s-secret-value", "hunter2"},
		{"s.yaml", "kind: Secret\ndata:\n  a: aHVudGVyMg==\n", "k8s-secret-value", "hunter2"},
		{"s.yaml", "kind: Secret\ndata: {a: aHVudGVyMg==}\n", "k8s-secret-value", "hunter2"},
		{"s.yaml", "kind: Secret\ndata:\n  a: aHVudGVyMg== # weak\n", "k8s-secret-value", "hunter2"},
		{"s.yaml", "kind: Secret\nmetadata: {name: x}\nstringData:\n  a: \"x\\ny7\"\n", "k8s-secret-value", "x\ny7"},
		{"s.json", `{"kind":"Secret","stringData":{"a":"x\u0041y7"}}`, "k8s-secret-value", "xAy7"},
		{"wp-config.php", `<?php define( "DB_PASSWORD", "a'b7" );`, "wordpress-db-password", "a'b7"},
		{"etc/redis/redis.conf", "requirepass \"hunter2\"", "redis-password", "hunter2"},
		{"etc/redis/users.acl", "user a on >hunter2 >other7 ~*", "redis-password", "hunter2"},
		{"x.sql", "CREATE USER 'a'@'%' IDENTIFIED WITH caching_sha2_password BY 'hunter2';", "sql-user-password", "hunter2"},
		{"x.sql", "create user a with login encrypted password 'hunter2' valid until 'x';", "sql-user-password", "hunter2"},
		{"etc/ppp/chap-secrets", `a "*" "hunter2" *`, "ppp-secret", "hunter2"},
		{"settings.py", `SECRET_KEY = b'x7Kq2mZ9vRt'`, "django-secret-key-file", "x7Kq2mZ9vRt"},
		{"app/application.yml", "a:\n  b:\n    password: hunter2   # weak\n", "spring-config-secret", "hunter2"},
		{"app/application.properties", "a.password = hunter2\n", "spring-config-secret", "hunter2"},
		{"app/application.properties", "a.password: hunter2\n", "spring-config-secret", "hunter2"},
		{"APP/.KUBE/CONFIG", "users:\n- user:\n    token: hunter2\n", "kubeconfig-token", "hunter2"},
	} {
		found := false
		hits := Find(c.path, []byte(c.text))
		for _, h := range hits {
			got := c.text[h.From:h.To]
			if h.Value != nil {
				got = string(h.Value)
			}
			found = found || h.Rule == c.rule && got == c.want && h.Info == ""
		}
		if !found {
			t.Errorf("%s: %q: want %s %q, got %+v", c.path, c.text, c.rule, c.want, hits)
		}
	}
}

func TestWantsAllocates(t *testing.T) {
	head := []byte("#!/bin/sh\necho hello, and more of it\n")
	if n := testing.AllocsPerRun(100, func() { Wants("usr/lib/x86_64-linux-gnu/libc.so.6", head); Wants("root/.aws/credentials", head) }); n > 4 { // with -race; else 3
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWants(b *testing.B) {
	head := []byte("#!/bin/sh\necho hello, and more of it\n")
	for b.Loop() {
		Wants("usr/lib/x86_64-linux-gnu/libc.so.6", head)
	}
}
