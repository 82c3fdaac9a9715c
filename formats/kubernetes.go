package formats

import (
	"bytes"
	"strings"
)

// kubernetesForms are the files of clusters.
func kubernetesForms() []form {
	return []form{
		{name: "config", in: ".kube", find: kubeconfig},
		{name: "kubeconfig", find: kubeconfig},
		{name: ".kubeconfig", find: kubeconfig},
		{name: "*.kubeconfig", find: kubeconfig},
		{name: "*kubeconfig*", in: "kubernetes kubelet root .kube", find: kubeconfig},
		{name: "*.conf", in: "etc/kubernetes", find: kubeconfig},
		{name: "k3s.yaml", find: kubeconfig},
		{name: "rke2.yaml", find: kubeconfig},
		{name: "kubeconfig.yaml", find: kubeconfig},
		{name: "kubeconfig.yml", find: kubeconfig},
		{name: "token", in: "secrets/kubernetes.io/serviceaccount kubernetes.io/serviceaccount", find: wholeFile("k8s-service-account-token", "token", 20)},
		{name: "token", in: "secrets/eks.amazonaws.com/serviceaccount", find: wholeFile("k8s-service-account-token", "token", 20)},
		{name: "node-token", in: "rancher/k3s/server k3s/server server", find: wholeFile("k8s-join-token", "token", 8)},
		{name: "token", in: "rancher/k3s/server k3s/server rke2/server", find: wholeFile("k8s-join-token", "token", 8)},
		{name: "config.yaml", in: "rancher/k3s rancher/rke2", find: inTree(field{"token", "k8s-join-token"}, field{"agent-token", "k8s-join-token"})},
		{name: "known_tokens.csv", find: staticTokens},
		{name: "tokens.csv", find: staticTokens},
		{name: "token.csv", find: staticTokens},
		{name: "token_auth.csv", find: staticTokens},
		{name: "token-auth.csv", find: staticTokens},
		{name: "basic_auth.csv", find: staticTokens},
		{name: "values*.yaml", find: helmValues},
		{name: "values*.yml", find: helmValues},
		{name: "*values.yaml", find: helmValues},
		{name: "secrets.yaml", find: helmValues},
		{name: "config", in: ".talos", find: inTree(field{"contexts.*.key", "talos-config-key"})},
		{name: "talosconfig", find: inTree(field{"contexts.*.key", "talos-config-key"})},
	}
}

// kubeconfig reads users. What runs a program for its token has no secret.
func kubeconfig(d *doc) {
	if !has(d.text, "users") {
		return
	}
	for n := range d.tree() {
		if !n.under("users") {
			continue
		}
		switch {
		case n.is("user.token"):
			d.node("kubeconfig-token", n, "")
		case n.is("user.password"):
			d.node("kubeconfig-token", n, "")
		case n.is("user.client-key-data"):
			v := d.text[n.from:n.to]
			if Classify("client-key-data", v) != Literal || len(v) < 40 {
				continue
			}
			dec := decode64(v)
			d.decoded("kubeconfig-client-key", "client-key-data", n.from, n.to, dec, "")
		case n.is("auth-provider.config.id-token"), n.is("auth-provider.config.refresh-token"), n.is("auth-provider.config.access-token"), n.is("auth-provider.config.client-secret"):
			d.node("kubeconfig-token", n, "")
		}
	}
}

// k8sObject is what the first look at a manifest finds of an object.
type k8sObject struct{ kind, typ string }

// manifests reads objects of every kind that holds secrets.
func manifests(d *doc) {
	objects := map[int]k8sObject{}
	some := false
	for n := range d.tree() {
		o := objects[n.obj]
		switch {
		case n.key == nil:
			continue
		case string(n.key) == "kind":
			switch k := string(d.text[n.from:n.to]); k {
			case "Secret", "Config", "EncryptionConfiguration", "EncryptionConfig", "InitConfiguration", "JoinConfiguration", "SealedSecret", "ConfigMap", "Deployment":
				o.kind, some = k, true
			default:
				continue
			}
		case string(n.key) == "type":
			o.typ = string(d.text[n.from:n.to])
		default:
			continue
		}
		if len(objects) < 10000 || objects[n.obj] != (k8sObject{}) {
			objects[n.obj] = o
		}
	}
	if !some {
		return
	}
	for n := range d.tree() {
		d.manifestNode(n, objects)
	}
}

func (d *doc) manifestNode(n *node, objects map[int]k8sObject) {
	top := k8sObject{}
	for i := range n.up {
		if o, ok := objects[n.up[i].id]; ok && o.kind != "" {
			top = o
		}
	}
	if len(n.up) == 0 || top.kind == "" {
		top = objects[n.obj]
	}
	if top.kind == "" {
		top = objects[0]
	}
	switch top.kind {
	case "Secret":
		if o := objects[n.parent()]; o.kind == "Secret" && len(n.up) > 0 {
			switch string(n.up[len(n.up)-1].key) {
			case "data":
				d.secretData(n, o.typ)
			case "stringData":
				d.stringData(n, o.typ)
			}
		}
		if string(n.key) == "kubectl.kubernetes.io/last-applied-configuration" && n.under("annotations") {
			d.lastApplied(n)
		}
	case "EncryptionConfiguration", "EncryptionConfig":
		if n.is("keys.secret") {
			d.node("kubernetes-encryption-key", n, "")
		}
	case "InitConfiguration", "JoinConfiguration":
		if n.is("certificateKey") || n.is("token") || n.is("tlsBootstrapToken") {
			if v := d.text[n.from:n.to]; !has(v, "abcdef.0123456789abcdef") && !has(v, "/") {
				d.node("k8s-join-token", n, "")
			}
		}
	}
}

// secretData decodes a value of a Secret. What isn't text, and certificates,
// are left to others.
func (d *doc) secretData(n *node, typ string) {
	v := d.text[n.from:n.to]
	if k := Classify("", v); k == Reference || k == Empty || n.quote == '|' && has(v, "{{") {
		return
	}
	dec := decode64(v)
	if dec == nil {
		return
	}
	key := n.name()
	if (key == ".dockerconfigjson" || key == ".dockercfg") && d.nestedDocker(n.from, n.to, dec) {
		return
	}
	d.secretValue(key, n.from, n.to, dec, typ)
}

func (d *doc) stringData(n *node, typ string) {
	v := d.plain(n)
	key := n.name()
	if (key == ".dockerconfigjson" || key == ".dockercfg") && d.nestedDocker(n.from, n.to, v) {
		return
	}
	d.secretValue(key, n.from, n.to, d.value(n), typ)
}

// notSecret are the keys of Secrets whose values are names and addresses.
var notSecret = map[string]bool{"username": true, "user": true, "host": true, "hostname": true, "port": true, "database": true, "dbname": true, "db_name": true, "url": false, "ca.crt": true, "tls.crt": true, "namespace": true, "ca.pem": true, "cert.pem": true, "region": true, "email": true, "endpoint": true, "server": true, "name": true, "known_hosts": true, "issuer": true, "token-id": true, "usage-bootstrap-signing": true, "usage-bootstrap-authentication": true, "auth-extra-groups": true, "description": true, "expiration": true, "bucket": true, "client-id": true, "client_id": true, "clientid": true, "db_user": true, "db_host": true, "db_port": true, "mysql-user": true, "postgres_user": true, "postgres_db": true, "mysql_user": true, "mysql_database": true, "aws_access_key_id": true, "aws_region": true, "aws_default_region": true, "access_key_id": true, "type": true, "project": true, "tls-ca": true, "admin-user": true, "adminuser": true, "account": true, "login": true, "scope": true, "org": true, "cert": true, "certificate": true, "root.crt": true, "tenant_id": true, "tenant-id": true}

// secretValue adds a value of a Secret.
func (d *doc) secretValue(key string, from, to int, v []byte, typ string) {
	rule := "k8s-secret-value"
	lower := strings.ToLower(key)
	plain := v
	if v == nil {
		plain = d.text[from:to]
	}
	switch {
	case notSecret[lower] || strings.HasSuffix(lower, ".crt") || strings.HasSuffix(lower, "_username") || strings.HasSuffix(lower, "-username") || strings.HasSuffix(lower, "_user") || strings.HasSuffix(lower, "_host") || strings.HasSuffix(lower, "_port") || strings.HasSuffix(lower, ".pub"):
		return
	case bytes.HasPrefix(bytes.TrimSpace(plain), []byte("-----BEGIN CERTIFICATE")) && !has(plain, "PRIVATE KEY"):
		return
	case !isText(plain) && v != nil && len(v) < 8:
		return
	case typ == "kubernetes.io/service-account-token":
		if key != "token" {
			return
		}
		rule = "k8s-service-account-token"
	case typ == "bootstrap.kubernetes.io/token":
		rule = "k8s-join-token"
	}
	if isNumber(plain) && len(plain) < 6 {
		return
	}
	d.decoded(rule, key, from, to, v, "")
}

func isNumber(v []byte) bool {
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(v) > 0
}

// lastApplied reads the copy of a Secret that kubectl keeps in an annotation.
func (d *doc) lastApplied(n *node) {
	v := d.plain(n)
	if !has(v, `"data"`) && !has(v, `"stringData"`) {
		return
	}
	in := &doc{text: v, base: "x.json"}
	in.nested = true
	if d.nested {
		return
	}
	manifests(in)
	for _, h := range in.hits {
		if h.Value == nil {
			h.Value = v[h.From:h.To]
		}
		h.From, h.To = n.from, n.to
		d.add(h)
	}
}

// staticTokens reads token,user,uid.
func staticTokens(d *doc) {
	for from, to := range lines(d.text) {
		i := bytes.IndexByte(d.text[from:to], ',')
		if i < 4 || bytes.Count(d.text[from:to], []byte(",")) < 2 || d.text[from] == '#' || keyIs(d.text[from:from+i], "token") || keyIs(d.text[from:from+i], "password") {
			continue
		}
		user, _, _ := bytes.Cut(d.text[from+i+1:to], []byte(","))
		f, t, _ := value(d.text, from, from+i)
		d.secret("kubernetes-static-token", "token", f, t, "for user "+string(user))
	}
}

// helmValues reads the values of charts whose keys are those of secrets.
func helmValues(d *doc) {
	if has(d.text, "sops:") && has(d.text, "ENC[") || bytes.HasPrefix(d.text, []byte("apiVersion:")) || has(d.text, "\napiVersion:") || bytes.HasPrefix(d.text, []byte("kind:")) {
		return
	}
	for n := range d.tree() {
		if n.key == nil || !isSecretName(n.key) || n.quote == '|' {
			continue
		}
		v := d.text[n.from:n.to]
		if keyIs(n.key, "existing*") || keyIs(n.key, "use*") || keyIs(n.key, "*imagePullSecret") || bytes.ContainsAny(v, " /") && n.quote == 0 || len(v) < 4 {
			continue
		}
		// The name of a Secret, rather than a secret: my-release-postgresql
		if !keyIs(n.key, "*password") && !keyIs(n.key, "*passwd") && wordy(v) && bytes.Equal(v, bytes.ToLower(v)) && !bytes.ContainsAny(v, "0123456789") {
			continue
		}
		d.node("helm-values-secret", n, "")
	}
}
