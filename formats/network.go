package formats

import (
	"bytes"
	"strings"
)

// networkForms are the files of networks, file systems and installations.
func networkForms() []form {
	return []form{
		{name: "chap-secrets", find: pppSecrets},
		{name: "pap-secrets", find: pppSecrets},
		{name: "ipsec.secrets", find: ipsec},
		{name: "*.secrets", in: "ipsec.d etc", find: ipsec},
		{name: "swanctl.conf", find: inLines("=", field{"secret", "ipsec-secret"})},
		{name: "*.conf", in: "swanctl/conf.d", find: inLines("=", field{"secret", "ipsec-secret"})},
		{name: "racoon.conf", find: func(*doc) {}},
		{name: "psk.txt", in: "racoon", find: secondField("ipsec-secret", "psk")},
		{name: "hostapd*.conf", find: inLines("=", field{"wpa_passphrase", "wifi-passphrase"}, field{"wpa_psk", "wifi-passphrase"}, field{"auth_server_shared_secret", "radius-shared-secret"}, field{"acct_server_shared_secret", "radius-shared-secret"}, field{"sae_password", "wifi-passphrase"}, field{"wep_key0", "wifi-passphrase"}, field{"wep_key1", "wifi-passphrase"}, field{"wep_key2", "wifi-passphrase"}, field{"wep_key3", "wifi-passphrase"})},
		{name: "wpa_supplicant*.conf", find: inLines("=", field{"psk", "wifi-passphrase"}, field{"password", "wifi-passphrase"}, field{"sae_password", "wifi-passphrase"}, field{"wep_key*", "wifi-passphrase"}, field{"private_key_passwd", "wifi-passphrase"})},
		{name: "*.nmconnection", find: inLines("=", field{"psk", "wifi-passphrase"}, field{"password", "networkmanager-password"}, field{"wep-key0", "wifi-passphrase"}, field{"private-key-password", "networkmanager-password"}, field{"pin", "networkmanager-password"}, field{"vpn-secrets/*", "networkmanager-password"}, field{"leap-password", "networkmanager-password"})},
		{name: "*", in: "networkmanager/system-connections", find: inLines("=", field{"psk", "wifi-passphrase"}, field{"password", "networkmanager-password"}, field{"wep-key0", "wifi-passphrase"}, field{"private-key-password", "networkmanager-password"}, field{"vpn-secrets/*", "networkmanager-password"})},
		{name: "*.psk", in: "iwd", find: inLines("=", field{"passphrase", "wifi-passphrase"}, field{"presharedkey", "wifi-passphrase"})},
		{name: "*.yaml", in: "netplan", find: inTree(field{"access-points.*.password", "wifi-passphrase"}, field{"password", "wifi-passphrase"}, field{"auth.password", "wifi-passphrase"}, field{"client-key-password", "wifi-passphrase"})},
		{name: "interfaces", in: "network", find: inLines(" ", field{"wpa-psk", "wifi-passphrase"}, field{"wireless-key", "wifi-passphrase"})},
		{name: "fstab", find: fstab},
		{name: "auto.*", in: "etc", find: fstab},
		{name: "*.mount", in: "systemd/system", find: fstab},
		{name: ".smbcredentials", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: "smbcredentials", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: ".cifscredentials", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: "cifs-credentials", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: ".credentials", in: "root", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: ".smbclient", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: "*", in: "samba/credentials etc/cifs-credentials etc/smbcredentials", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: ".cifs", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: ".credentials", in: "samba", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: "creds", in: "samba cifs", find: inLines("=", field{"password", "cifs-credentials"})},
		{name: "secrets", in: "davfs2 .davfs2", find: davfs},
		{name: "*.ovpn", find: openvpn},
		{name: "*.conf", in: "openvpn openvpn/client openvpn/server", find: openvpn},
		{name: "auth.txt", in: "openvpn openvpn/client", find: openvpnAuth},
		{name: "pass.txt", in: "openvpn openvpn/client", find: openvpnAuth},
		{name: "*.auth", in: "openvpn openvpn/client", find: openvpnAuth},
		{name: "login.conf", in: "openvpn openvpn/client", find: openvpnAuth},
		{name: "rsyncd.secrets", find: colonPair("rsync-password")},
		{name: ".rsyncpass", find: wholeFile("rsync-password", "password", 4)},
		{name: "user-data", find: cloudInit},
		{name: "user-data.*", in: "cloud nocloud", find: cloudInit},
		{name: "user-data.txt", find: cloudInit},
		{name: "user_data.yaml", find: cloudInit},
		{name: "user-data.yaml", find: cloudInit},
		{name: "user-data.yml", find: cloudInit},
		{name: "autoinstall.yaml", find: cloudInit},
		{name: "cloud-config.yaml", find: cloudInit},
		{name: "cloud-config.yml", find: cloudInit},
		{name: "cloud.cfg", find: cloudInit},
		{name: "*.cfg", in: "cloud/cloud.cfg.d", find: cloudInit},
		{name: "vendor-data", find: cloudInit},
		{name: "*.ks", find: kickstart},
		{name: "ks.cfg", find: kickstart},
		{name: "kickstart.cfg", find: kickstart},
		{name: "anaconda-ks.cfg", find: kickstart},
		{name: "original-ks.cfg", find: kickstart},
		{name: "preseed.cfg", find: preseed},
		{name: "*.seed", find: preseed},
		{name: "*preseed*.cfg", find: preseed},
		{name: "*.preseed", find: preseed},
		{name: "autounattend.xml", find: unattend},
		{name: "unattend.xml", find: unattend},
		{name: "hosts", find: ansibleInventory},
		{name: "inventory", find: ansibleInventory},
		{name: "*.ini", in: "inventory inventories/** ansible", find: ansibleInventory},
		{name: "hosts.ini", find: ansibleInventory},
		{name: "inventory.ini", find: ansibleInventory},
		{name: "*.yml", in: "group_vars/** host_vars/** inventory inventories/** roles/**", find: ansibleVars},
		{name: "*.yaml", in: "group_vars/** host_vars/** inventory inventories/** roles/**", find: ansibleVars},
		{name: "*", in: "group_vars host_vars", find: ansibleVars},
		{name: ".vault_pass", find: vaultPass},
		{name: ".vault_pass.txt", find: vaultPass},
		{name: "vault_pass.txt", find: vaultPass},
		{name: "vault_pass", find: vaultPass},
		{name: "vault_password", find: vaultPass},
		{name: "vault_password.txt", find: vaultPass},
		{name: ".vault_password", find: vaultPass},
		{name: ".vault-password", find: vaultPass},
		{name: ".vault-pass", find: vaultPass},
		{name: ".ansible_vault_pass", find: vaultPass},
		{name: ".ansible-vault-pass", find: vaultPass},
		{name: "vault-password-file", find: vaultPass},
		{name: ".vaultpass", find: vaultPass},
		{name: "encrypted_data_bag_secret", find: wholeFile("chef-data-bag-secret", "secret", 16)},
		{name: "data_bag_secret", find: wholeFile("chef-data-bag-secret", "secret", 16)},
		{name: "vagrantfile", find: vagrant},
		{name: "*.sls", find: saltPillar},
		{name: "*.yaml", in: "hieradata/** hiera/** puppet/data/** puppetlabs/**", find: hiera},
		{name: "*.eyaml", find: hiera},
	}
}

// pppSecrets reads client server secret addresses.
func pppSecrets(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		user := ""
		for n := 0; n < 3 && at < to; n++ {
			for at < to && blank(d.text[at]) {
				at++
			}
			if at >= to {
				break
			}
			f, t, q := value(d.text, at, to)
			next := t + 1
			if !q {
				for t = f; t < to && !blank(d.text[t]); t++ {
				}
				next = t
			}
			if n == 0 {
				user = string(d.text[f:t])
			}
			if n == 2 && string(d.text[f:t]) != "*" && string(d.text[f:t]) != "-" && !commented {
				d.secret("ppp-secret", "secret", f, t, "for "+user)
			}
			at = next
		}
	}
}

// ipsec reads PSK, EAP and XAUTH lines.
func ipsec(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		line := d.text[at:to]
		for _, k := range [...]string{"PSK", "EAP", "XAUTH", "NTLM"} {
			i := bytes.Index(line, []byte(k))
			if i < 0 || i > 0 && !blank(line[i-1]) && line[i-1] != ':' || !has(line[:i], ":") {
				continue
			}
			f, t, q := value(d.text, at+i+len(k), to)
			if q || t-f > 2 && d.text[f] == '0' && (d.text[f+1] == 's' || d.text[f+1] == 'x') {
				d.pair("ipsec-secret", pair{key: []byte(k), from: f, to: t, commented: commented, quoted: true}, "")
			}
			break
		}
	}
}

// secondField returns a reader of lines whose second field is the secret.
func secondField(rule, key string) func(*doc) {
	return func(d *doc) {
		for from, to := range lines(d.text) {
			at, commented := trimComment(d.text, from, to)
			n := 0
			for f, t := range fieldsOf(d.text, at, to) {
				if n == 1 {
					d.pair(rule, pair{key: []byte(key), from: f, to: t, commented: commented}, "")
					break
				}
				n++
			}
		}
	}
}

// fstab reads password= in the options of a mount.
func fstab(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		line := d.text[at:to]
		for _, k := range [...]string{"password=", "pass=", "passwd="} {
			i := bytes.Index(line, []byte(k))
			if i <= 0 || isWord(line[i-1]) || !has(line, "cifs") && !has(line, "smb") && !has(line, "davfs") && !has(line, "user") && !has(line, "//") {
				continue
			}
			f := at + i + len(k)
			t := f
			for t < to && d.text[t] != ',' && !blank(d.text[t]) && d.text[t] != '"' {
				t++
			}
			if f < t {
				d.pair("cifs-credentials", pair{key: []byte(k[:len(k)-1]), from: f, to: t, commented: commented}, "")
			}
			break
		}
	}
}

// openvpn reads a user and password in line.
func openvpn(d *doc) {
	const begin = "<auth-user-pass>"
	i := bytes.Index(d.text, []byte(begin))
	if i < 0 {
		return
	}
	i += len(begin)
	if n := bytes.Index(d.text[i:], []byte("</auth-user-pass>")); n > 0 {
		d.twoLines(i, i+n)
	}
}

func openvpnAuth(d *doc) { d.twoLines(0, len(d.text)) }

// twoLines reads a user and, on the next line, a password.
func (d *doc) twoLines(from, to int) {
	user := ""
	for f, t := range lines(d.text[from:to]) {
		f, t := trim(d.text, from+f, from+t)
		switch {
		case f == t:
		case user == "":
			user = string(d.text[f:min(t, f+64)])
		default:
			d.secret("openvpn-password", "auth-user-pass", f, t, "for user "+user)
			return
		}
	}
}

// davfs reads URL user password.
func davfs(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		n, user := 0, ""
		for f, t := range fieldsOf(d.text, at, to) {
			if n == 1 {
				user = string(d.text[f:t])
			}
			if n == 2 && !commented {
				f, t, _ = value(d.text, f, t)
				d.secret("cifs-credentials", "password", f, t, "for user "+user)
			}
			if n++; n > 2 {
				break
			}
		}
	}
}

// colonPair reads user:password lines.
func colonPair(rule string) func(*doc) {
	return func(d *doc) {
		for from, to := range lines(d.text) {
			at, commented := trimComment(d.text, from, to)
			if i := bytes.IndexByte(d.text[at:to], ':'); i > 0 && !has(d.text[at:at+i], " ") {
				p := pair{key: []byte("password"), from: at + i + 1, to: to, commented: commented, quoted: true}
				if p.from < p.to {
					d.pair(rule, p, "for user "+string(d.text[at:at+i]))
				}
			}
		}
	}
}

// accountValue adds a password of an account to be made: a hash, or in clear.
func (d *doc) accountValue(key string, from, to int, value []byte, note string) {
	v := value
	if v == nil {
		v = d.text[from:to]
	}
	if len(v) > 0 && (v[0] == '$' && isCrypt(v) || v[0] == '!' || v[0] == '*') {
		if isCrypt(v) && !elided(v) {
			d.add(Hit{Rule: "install-account-hash", From: from, To: to, Value: value, Key: key, Note: note})
		}
		return
	}
	d.decoded("install-account-password", key, from, to, value, note)
}

// cloudInit reads passwords of users, and lists for chpasswd.
func cloudInit(d *doc) {
	name := ""
	for n := range d.tree() {
		switch {
		case n.is("users.name") || n.is("identity.username"):
			name = string(d.text[n.from:n.to])
		case n.is(".password"), n.is("users.passwd"), n.is("users.plain_text_passwd"), n.is("users.hashed_passwd"), n.is("identity.password"), n.is("chpasswd.users.password"), n.is("user.password"), n.is("system_info.default_user.passwd"), n.is("system_info.default_user.plain_text_passwd"):
			v := d.text[n.from:n.to]
			if string(v) == "RANDOM" || string(v) == "R" {
				continue
			}
			d.accountValue(n.name(), n.from, n.to, d.value(n), forUser(name, ""))
		case n.is("chpasswd.list"):
			d.chpasswd(n.from, n.to)
		}
	}
}

// chpasswd reads user:password lines in text[from:to].
func (d *doc) chpasswd(from, to int) {
	for f, t := range lines(d.text[from:to]) {
		f, t := trim(d.text, from+f, from+t)
		i := bytes.IndexByte(d.text[f:t], ':')
		if i <= 0 || f+i+1 >= t {
			continue
		}
		v := d.text[f+i+1 : t]
		if string(v) == "RANDOM" || string(v) == "R" {
			continue
		}
		d.accountValue("list", f+i+1, t, nil, "for user "+string(d.text[f:f+i]))
	}
}

// kickstart reads rootpw, user --password= and the like.
func kickstart(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented {
			continue
		}
		word, n := "", 0
		for f, t := range fieldsOf(d.text, at, to) {
			w := d.text[f:t]
			if n == 0 {
				word = string(w[:min(len(w), 32)])
			}
			opt := ""
			for _, o := range [...]string{"--password=", "--passphrase=", "--joinpassword=", "--bootloader-password=", "--auth-key=", "--activationkey="} {
				if bytes.HasPrefix(w, []byte(o)) {
					opt = o
				}
			}
			switch {
			case opt != "":
				vf, vt, _ := value(d.text, f+len(opt), t)
				d.accountValue(strings.Trim(opt, "-="), vf, vt, nil, "")
			case word == "rootpw" && n > 0 && w[0] != '-':
				vf, vt, q := value(d.text, f, to)
				if !q {
					vf, vt = f, t
				}
				d.accountValue("rootpw", vf, vt, nil, "for user root")
				n = 99
			}
			if n++; n > 32 || word == "" {
				break
			}
		}
	}
}

// preseed reads the answers that are passwords.
func preseed(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented {
			continue
		}
		key, n := "", 0
		for f, t := range fieldsOf(d.text, at, to) {
			if n == 1 {
				key = string(d.text[f:t])
			}
			if n == 3 {
				if strings.Contains(key, "password") && !strings.HasSuffix(key, "password-again") && !strings.Contains(key, "allow-password") || strings.HasSuffix(key, "passphrase") {
					if s := string(d.text[f:t]); s != "true" && s != "false" && s != "insecure" && s != "r00tme" {
						d.accountValue(key, f, to, nil, "")
					} else if s == "insecure" || s == "r00tme" {
						d.add(Hit{Rule: "install-account-password", From: f, To: t, Key: key, Info: InfoPlaceholder})
					}
				}
				break
			}
			n++
		}
	}
}

// unattend reads passwords of Windows installations: base64 of UTF-16.
func unattend(d *doc) {
	for e := range d.elems() {
		if !keyIs(e.name, "Value") || len(e.up) == 0 {
			continue
		}
		in := e.up[len(e.up)-1]
		if !keyIs(in, "*Password") || string(d.text[e.from:e.to]) == "*SENSITIVE*DATA*DELETED*" {
			continue
		}
		dec := decode64(d.text[e.from:e.to])
		if len(dec) > 2 && len(dec)%2 == 0 && dec[1] == 0 {
			var v []byte
			for i := 0; i < len(dec); i += 2 {
				v = append(v, dec[i])
			}
			v = bytes.TrimSuffix(bytes.TrimSuffix(v, []byte("AdministratorPassword")), []byte("Password"))
			if len(v) > 0 {
				d.decoded("install-account-password", string(in), e.from, e.to, v, "")
			}
			continue
		}
		d.xmlText("install-account-password", string(in), e.from, e.to, "")
	}
}

// ansibleNames are the variables by which Ansible logs in.
var ansibleNames = []string{"ansible_password", "ansible_become_pass", "ansible_become_password", "ansible_ssh_pass", "ansible_ssh_password", "ansible_sudo_pass", "ansible_su_pass", "ansible_httpapi_pass", "ansible_httpapi_password", "ansible_winrm_password", "ansible_enable_password"}

// ansibleInventory reads variables after hosts, and on lines of their own.
func ansibleInventory(d *doc) {
	if !has(d.text, "ansible_") {
		return
	}
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		for _, name := range ansibleNames {
			i := bytes.Index(d.text[at:to], []byte(name))
			if i < 0 {
				continue
			}
			f := at + i + len(name)
			for f < to && (blank(d.text[f]) || d.text[f] == ':') {
				f++
			}
			if f < to && d.text[f] == '=' {
				f++
			} else if f == at+i+len(name) {
				continue
			}
			for f < to && blank(d.text[f]) {
				f++
			}
			vf, vt, q := value(d.text, f, to)
			if !q {
				for vt = vf; vt < to && !blank(d.text[vt]); vt++ {
				}
			}
			if vf < vt {
				d.pair("ansible-password", pair{key: []byte(name), from: vf, to: vt, commented: commented, quoted: q}, "")
			}
		}
	}
}

// ansibleVars reads variables in YAML: Ansible's own, and others whose names
// are those of secrets.
func ansibleVars(d *doc) {
	if bytes.HasPrefix(d.text, []byte("$ANSIBLE_VAULT")) {
		return
	}
	vars := strings.Contains(d.path, "group_vars/") || strings.Contains(d.path, "host_vars/")
	for n := range d.tree() {
		own := false
		for _, name := range ansibleNames {
			own = own || n.key != nil && keyIs(n.key, name)
		}
		if own || vars && n.key != nil && n.quote != '|' && isSecretName(n.key) && !has(d.text[n.from:n.to], "/") && n.to-n.from > 3 {
			d.node("ansible-password", n, "")
		}
	}
}

// vaultPass reads a file with the password of Ansible's vault; a program that
// prints it is none.
func vaultPass(d *doc) {
	if !bytes.HasPrefix(d.text, []byte("#!")) && !bytes.HasPrefix(d.text, []byte("$ANSIBLE_VAULT")) {
		wholeFile("ansible-vault-password", "password", 3)(d)
	}
}

// vagrant reads the passwords by which Vagrant logs in; vagrant is the one of
// every box.
func vagrant(d *doc) {
	for p := range d.literals() {
		if (keyIs(p.key, "password") || keyIs(p.key, "smb_password")) && string(d.text[p.from:p.to]) != "vagrant" {
			d.pair("vagrant-password", p, "")
		}
	}
}

// saltPillar reads the values of pillars whose keys are those of secrets.
func saltPillar(d *doc) {
	if !strings.Contains(d.path, "pillar") || bytes.HasPrefix(d.text, []byte("#!yaml|gpg")) || has(d.text, "|gpg") {
		return
	}
	d.secretKeys("config-management-secret")
}

func hiera(d *doc) { d.secretKeys("config-management-secret") }

// secretKeys adds the values whose keys are those of secrets.
func (d *doc) secretKeys(rule string) {
	for n := range d.tree() {
		i := bytes.LastIndexByte(n.key, ':')
		if n.key != nil && n.quote != '|' && isSecretName(n.key[i+1:]) && n.to-n.from > 3 {
			d.node(rule, n, "")
		}
	}
}
