package formats

import "testing"

// TestClean has files that look like they had secrets, and have none.
func TestClean(t *testing.T) {
	for _, c := range []struct{ path, text string }{
		{"etc/redis/redis.conf", "# IMPORTANT NOTE: starting with Redis 6 \"requirepass\" is just a compatibility\n# requirepass foobared\n# user alice on +@all -DEBUG ~* >somepassword\n# masterauth <master-password>\n# ACL file: user alice on >p1pp0"},
		{"etc/shadow", "root:!:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n_apt:*:19000:0:99999:7:::\nsshd:!:19000::::::\napp:!!:19000:0:99999:7:::\nlp:x:19000:0:99999:7:::\nnobody:*NP*:19000::::::\n"},
		{"etc/grafana/grafana.ini", ";admin_user = admin\n;admin_password = admin\n;secret_key = SW2YcwTIb9zpOOhoPsMm\n# If the password contains # or ; you have to wrap it with triple quotes. Ex \"\"\"#password;\"\"\"\n;password =\n;client_secret = some_secret\n;bind_password = 'grafana'\n"},
		{"etc/mysql/my.cnf", "[client]\n# password = your_password\nport=3306\n[mysqld]\n#wsrep_sst_auth=root:pa$$wd\n"},
		{"etc/postfix/main.cf", "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\nsmtp_sasl_auth_enable = yes\n#relayhost = [gateway.my.domain]\n"},
		{"app/docker-compose.yml", "services:\n  db:\n    image: postgres\n    environment:\n      DATABASE_URL: postgres://${DB_USER}:${DB_PASSWORD}@db:5432/app\n      OTHER: postgres://$U:$P@db/app\n      URL2: mysql://root:${MYSQL_ROOT_PASSWORD:?err}@db/app\n"},
		{"app/config.yaml", "a: https://user:pass@example.com\nb: http://username:password@proxy.example.com:8080\nc: https://<user>:<password>@host\nd: postgres://USER:PASSWORD@HOST:PORT/NAME\ne: amqp://guest:xxxxx@mq\nf: redis://:password@localhost:6379/0\ng: https://git:{token}@github.com\nh: https://x-access-token:${{ secrets.GITHUB_TOKEN }}@github.com/a/b\n"},
		{"app/package.json", `{"name":"a@1","repository":{"url":"git+https://github.com/a/b.git"},"author":"A <a@b.c> (https://a.io)","dependencies":{"@a/b":"npm:@c/d@1"}}`},
		{"app/x.json", `{"time":"http://a:80/b@c","x":"http://host:8080/path?mail=a@b.c"}`},
		{"app/openapi.yaml", "components:\n  schemas:\n    User:\n      properties:\n        password:\n          type: string\n          example: hunter2\n"},
		{"app/k8s/d.yaml", "apiVersion: v1\nkind: Deployment\nspec:\n  env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: db\n        key: password\n"},
		{"app/k8s/cm.yaml", "apiVersion: v1\nkind: ConfigMap\ndata:\n  password.policy: strong\n  kind: Secret-ish\n"},
		{"app/k8s/rbac.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nrules:\n- apiGroups: ['']\n  resources: [secrets]\n  verbs: [get]\n---\nkind: Secret\napiVersion: v1\nmetadata:\n  name: x\n  labels: {app: a}\ndata: {}\n"},
		{"app/templates/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ include \"a.fullname\" . }}\ndata:\n  {{- if .Values.password }}\n  password: {{ .Values.password | b64enc | quote }}\n  {{- end }}\nstringData:\n  url: \"postgres://{{ .Values.user }}:{{ .Values.pw }}@db\"\n"},
		{"app/secret.enc.yaml", "apiVersion: v1\nkind: Secret\nstringData:\n    password: ENC[AES256_GCM,data:abc=,iv:def=,tag:g==,type:str]\nsops:\n    kms: []\n    mac: ENC[AES256_GCM,data:x]\n"},
		{"app/crd.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n  names:\n    kind: SealedSecret\n"},
		{"root/.docker/config.json", `{"auths":{"ghcr.io":{}},"credsStore":"osxkeychain","HttpHeaders":{"User-Agent":"Docker"},"detachKeys":"ctrl-e"}`},
		{"root/.kube/config", "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t\n    server: https://a\nusers:\n- name: a\n  user:\n    auth-provider:\n      name: gcp\n      config: {cmd-path: gcloud}\n"},
		{"app/settings.py", "SECRET_KEY = os.environ.get('SECRET_KEY', 'unsafe-default')\nSECRET_KEY = env.str(\"SECRET_KEY\")\nSECRET_KEY = get_random_secret_key()\nDATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'PASSWORD': os.environ[\"PW\"]}}\nSECRET_KEY = f\"{x}\"\nSECRET_KEY = ''\n"},
		{"app/config/secrets.yml", "shared:\n  api_key: <%= ENV['API_KEY'] %>\nproduction:\n  secret_key_base: <%= ENV[\"SECRET_KEY_BASE\"] %>\n"},
		{"app/config/database.yml", "default: &default\n  adapter: postgresql\n  password: <%= ENV.fetch('DB_PASSWORD') { '' } %>\n  url: <%= ENV['DATABASE_URL'] %>\n  # The password associated with the postgres role (username).\n  #password:\n"},
		{"app/wp-config.php", "<?php\ndefine( 'DB_NAME', 'database_name_here' );\ndefine( 'DB_PASSWORD', 'password_here' );\ndefine( 'AUTH_KEY',         'put your unique phrase here' );\ndefine( 'DB_PASSWORD', getenv('X') ?: '' );\n"},
		{"app/web.config", `<configuration><appSettings><add key="PasswordFormat" value="Hashed"/><add key="TokenLifetime" value="3600"/></appSettings><connectionStrings><add name="a" connectionString="Data Source=(LocalDb)\x;Integrated Security=SSPI"/></connectionStrings><runtime><assemblyIdentity publicKeyToken="30ad4fe6b2a6aeed"/></runtime></configuration>`},
		{"app/appsettings.json", `{"ConnectionStrings":{"A":"Server=(localdb)\\mssqllocaldb;Database=a;Trusted_Connection=True","B":"Server=a;Password={0};User Id={1}"},"Jwt":{"Issuer":"a","Key":""},"ApiKeyHeader":"X-Api-Key","PasswordOptions":{"RequiredLength":8}}`},
		{"app/application.yml", "spring:\n  datasource:\n    password: ${DB_PASSWORD:secret}\n  security:\n    oauth2:\n      client:\n        registration:\n          a:\n            client-secret: ${CLIENT_SECRET}\n"},
		{"app/terraform.tfvars", "db_password = \"\"\nsecret_name = \"prod/db\"\nkms_key_id = \"alias/x\"\nenable_token = true\n"},
		{"app/main.tf", "variable \"password\" {\n  sensitive = true\n}\nresource \"aws_db_instance\" \"a\" {\n  password = var.db_password\n}\n"},
		{"app/group_vars/all.yml", "db_password: \"{{ vault_db_password }}\"\napi_token: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n          66386439653236336462626566653063336164663966303231363934653561363964363833\nansible_become_pass: \"{{ lookup('env', 'X') }}\"\n"},
		{"app/.npmrc", "registry=https://registry.npmjs.org/\n//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n# _auth=<base64 of user:password>\n; //r/:_authToken=xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx\nalways-auth=true\n"},
		{"root/.aws/credentials", "[default]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n[b]\naws_access_key_id = YOUR_ACCESS_KEY\naws_secret_access_key = YOUR_SECRET_KEY\n"},
		{"root/.pypirc", "[distutils]\nindex-servers = pypi\n[pypi]\nusername = __token__\npassword = pypi-...\n"},
		{"root/.netrc", "# machine github.com login x password y\nmachine github.com\n  login <user>\n  password <token>\n"},
		{"x.sql", "CREATE TABLE users (id int, password varchar(255) NOT NULL DEFAULT '', token text);\nINSERT INTO users VALUES (1, 'password', 'x');\n-- CREATE USER a IDENTIFIED BY '<password>';\nUPDATE users SET password = 'x' WHERE 1;\nALTER USER a PASSWORD NULL;\nCREATE ROLE a WITH PASSWORD '$PASSWORD';\n"},
		{"etc/NetworkManager/system-connections/a.nmconnection", "[wifi]\nssid=a\n[wifi-security]\nkey-mgmt=wpa-psk\npsk-flags=1\nwep-key-type=0\n"},
		{"etc/openldap/ldap.conf", "BASE dc=example,dc=com\nURI ldap://ldap.example.com\nTLS_CACERT /etc/ssl/ca.pem\n#bindpw secret\n"},
		{"etc/nginx/nginx.conf", "# proxy_set_header Authorization \"Basic dXNlcjpodW50ZXIy\";\nproxy_set_header Authorization $auth;\nauth_basic_user_file /etc/nginx/.htpasswd;\n"},
		{"etc/haproxy/haproxy.cfg", "stats auth \"${U}:${P}\"\n# user a insecure-password b7Kq2\n"},
		{"opt/kafka/config/server.properties", "#listener.security=x\nssl.keystore.password=\nssl.key.password=${env:X}\n"},
		{"opt/x/users.properties", "title=List of users\npassword=Password\n"},
		{"app/lang/de/config.php", "<?php return ['password' => 'Kennwort', 'secret' => 'Geheimnis'];"},
		{"home/a/.gradle/gradle.properties", "org.gradle.daemon=true\nRELEASE_STORE_PASSWORD=${PW}\nsystemProp.https.proxyPassword=\n"},
		{"usr/share/doc/x/examples/wpa_supplicant.conf", "network={\n psk=\"very secret passphrase\"\n}\n"},
		{"app/vault.hcl", "storage \"consul\" {\n  address = \"127.0.0.1:8500\"\n  path = \"vault/\"\n}\nseal \"awskms\" {\n kms_key_id = \"19ec80b0-dfdd-4d97-8164-c6examplekey\"\n}\n"},
		{"app/realm.json", `{"realm":"a","clients":[{"clientId":"b","secret":"**********","attributes":{"client.secret.creation.time":"1"}}]}`},
		{"app/key.json", `{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nYOUR_KEY\n-----END PRIVATE KEY-----\n"}`},
		{"app/x.yaml", "basic_auth:\n  username: a\n  password_file: /etc/pw\nbearer_token: <secret>\n"},
		{"app/cloud.cfg", "system_info:\n  default_user:\n    name: debian\n    lock_passwd: True\n    sudo: ['ALL=(ALL) NOPASSWD:ALL']\nssh_pwauth: false\n"},
		{"root/.git-credentials", ""},
		{"app/.git/config", "[core]\n\trepositoryformatversion = 0\n[remote \"origin\"]\n\turl = ssh://git@github.com:22/a/b.git\n[credential]\n\thelper = store\n"},
		{"etc/fstab", "//nas/x /mnt cifs credentials=/etc/cifs,uid=1000 0 0\n# //nas/x /mnt cifs username=user,password=pass 0 0\n"},
		{"var/lib/jenkins/secrets/master.key", "\n"},
	} {
		for _, h := range Find(c.path, []byte(c.text)) {
			if _, fixture := Packaged(c.path); h.Info == "" && !fixture { // package detect tells it as info
				t.Errorf("%s: %s %s=%q", c.path, h.Rule, h.Key, c.text[h.From:h.To])
			}
		}
	}
}

// TestWeak: weak passwords where something really asks for them are found.
func TestWeak(t *testing.T) {
	for _, c := range []struct{ path, text, rule string }{
		{"app/.npmrc", "//r.io/:_authToken=hunter2", "npmrc-auth"},
		{"app/.npmrc", "  //r.io/:_password=aHVudGVyMg==", "npmrc-auth"},
		{"app/x.properties", "url=jdbc:oracle:thin:scott/tiger7@//h:1521/x", "connection-string"},
		{"opt/x/a.conf", "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: Kq2mZ9vRt7abc}\n", "kubeconfig-token"},
		{"s.yaml", "kind: Secret\nmetadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {\"kind\":\"Secret\",\"data\":{\"a\":\"aHVudGVyMg==\"}}\n", "k8s-secret-value"},
		{"root/.pgpass", "localhost:5432:*:postgres:postgres", "pgpass-password"},
		{"root/.my.cnf", "[client]\nuser=root\npassword=root", "mysql-client-password"},
		{"app/config.yaml", "url: postgres://postgres:postgres@db/app", "credential-url"},
		{"app/config.yaml", "url: mongodb://admin:admin123@mongo.example.com/app", "credential-url"},
		{"app/config.yaml", "url: redis://:hunter2@localhost/0", "credential-url"},
		{"app/application.properties", "spring.datasource.password=Summer2024!", "spring-config-secret"},
		{"etc/redis/redis.conf", "requirepass hunter2", "redis-password"},
		{"etc/shadow", "root:$1$abcdefgh$0123456789012345678901:19000:0:99999:7:::", "shadow-hash"},
		{"etc/shadow", "root::19000:0:99999:7:::", "shadow-empty-password"},
		{"etc/shadow", "root:$7$CU..../....abcdefgh$abcdefghijklmnopqrstuvwxyz0123456789ABCDEF:19000:0:99999:7:::", "shadow-hash"},
		{"root/.netrc", "machine db.example.com login admin password hunter2", "netrc-password"},
		{"app/.git/config", "[remote \"origin\"]\nurl = https://gh" + "p_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX:x-oauth-basic@github.com/a/b", "git-credentials"},
		{"app/.git/config", "[remote \"origin\"]\nurl = https://gh" + "p_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX@github.com/a/b", "git-credentials"},
		{"s.yaml", "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: eyJhdXRocyI6eyJyIjp7ImF1dGgiOiJZVHBvZFc1MFpYSXkifX19\n", "docker-registry-auth"},
		{"s.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  data:\n    a: aHVudGVyMg==\n  kind: Secret\n", "k8s-secret-value"},
		{"kubeconfig.txt", "apiVersion: v1\nkind: Config\ncurrent-context: a\nusers:\n- name: a\n  user:\n    token: abc7Kq2mZ9\n", "kubeconfig-token"},
		{"backup", "-- MySQL dump 10.13\nCREATE USER 'a'@'%' IDENTIFIED BY 'hunter2';", "sql-user-password"},
		{"app/.npmrc", "# //registry.npmjs.org/:_authToken=npm_aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0", "npmrc-auth"},
		{"etc/wpa_supplicant/wpa_supplicant.conf", "network={\n\tssid=\"a\"\n\tpsk=\"summer house\"\n}", "wifi-passphrase"},
		{"app/config.json", `{"auths": {"r": {"username": "a", "password": "hunter2"}, "auth": "x"}}`, "docker-registry-auth"},
		{"opt/tomcat/conf/server.xml", "<Server><Connector keystorePass='hunter2'\n port='1'/></Server>", "tomcat-keystore-password"},
		{"etc/app.conf", "dsn=Driver={ODBC Driver 17};Server=a;Uid=sa;Pwd=hunter2;", "connection-string"},
	} {
		found := false
		hits := Find(c.path, []byte(c.text))
		for _, h := range hits {
			found = found || h.Rule == c.rule && h.Info == ""
		}
		if !found {
			t.Errorf("%s: %q: no %s in %+v", c.path, c.text, c.rule, hits)
		}
		if !Wants(c.path, []byte(c.text)) {
			t.Errorf("%s is not wanted", c.path)
		}
	}
}

// TestMylogin decodes a .mylogin.cnf, which is made here: the key is random
// bytes of the file itself.
func TestMylogin(t *testing.T) {
	text := makeMylogin("[client]\n", "user = \"app\"\n", "password = \"hunter2\"\n", "host = \"db\"\n")
	hits := Find("root/.mylogin.cnf", text)
	if len(hits) != 1 || string(hits[0].Value) != "hunter2" || hits[0].Rule != "mysql-client-password" {
		t.Errorf("got %+v", hits)
	}
}
