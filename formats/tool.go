package formats

import (
	"bytes"
	"strings"
)

// toolForms are the files of programs that people work with.
func toolForms() []form {
	return []form{
		{name: ".restic-password", find: wholeFile("backup-passphrase", "password", 3)},
		{name: "restic-password", find: wholeFile("backup-passphrase", "password", 3)},
		{name: "restic_password", find: wholeFile("backup-passphrase", "password", 3)},
		{name: ".restic_password", find: wholeFile("backup-passphrase", "password", 3)},
		{name: "restic-pw.txt", find: wholeFile("backup-passphrase", "password", 3)},
		{name: "password.txt", in: "restic etc/restic", find: wholeFile("backup-passphrase", "password", 3)},
		{name: "password", in: "restic etc/restic .restic", find: wholeFile("backup-passphrase", "password", 3)},
		{name: ".borg-passphrase", find: wholeFile("backup-passphrase", "passphrase", 3)},
		{name: "borg-passphrase", find: wholeFile("backup-passphrase", "passphrase", 3)},
		{name: "config.yaml", in: "borgmatic .config/borgmatic borgmatic.d", find: inTree(field{"encryption_passphrase", "backup-passphrase"}, field{"password", "backup-passphrase"})},
		{name: "borgmatic*.yaml", find: inTree(field{"encryption_passphrase", "backup-passphrase"})},
		{name: "*", in: "etc/borg .config/borg", find: inLines("=", field{"BORG_PASSPHRASE", "backup-passphrase"})},
		{name: "conf", in: ".duply/**", find: inLines("=", field{"GPG_PW", "backup-passphrase"}, field{"TARGET_PASS", "backup-passphrase"})},
		{name: "*", in: "etc/duplicity .duplicity", find: inLines("=", field{"PASSPHRASE", "backup-passphrase"})},
		{name: "cert.pem", in: ".cloudflared cloudflared", find: cloudflaredCert},
		{name: "tailscaled.state", find: tailscale},
		{name: "ngrok.yml", find: inTree(field{"authtoken", "ngrok-config-authtoken"}, field{"api_key", "ngrok-config-authtoken"})},
		{name: "ngrok.yaml", find: inTree(field{"authtoken", "ngrok-config-authtoken"}, field{"api_key", "ngrok-config-authtoken"})},
		{name: "frpc.ini", find: inLines("=", field{"token", "frp-token"}, field{"sk", "frp-token"}, field{"*_pwd", "frp-token"})},
		{name: "frps.ini", find: inLines("=", field{"token", "frp-token"}, field{"dashboard_pwd", "frp-token"})},
		{name: "frpc.toml", find: inLines("=", field{"auth.token", "frp-token"}, field{"secretKey", "frp-token"}, field{"*.password", "frp-token"}, field{"token", "frp-token"})},
		{name: "frps.toml", find: inLines("=", field{"auth.token", "frp-token"}, field{"*.password", "frp-token"}, field{"token", "frp-token"})},
		{name: "teleport.yaml", find: teleport},
		{name: "sitemanager.xml", find: filezilla},
		{name: "recentservers.xml", find: filezilla},
		{name: "filezilla.xml", find: filezilla},
		{name: "winscp.ini", find: winscp},
		{name: "*.remmina", find: inLines("=", field{"password", "remote-desktop-password"}, field{"ssh_password", "remote-desktop-password"}, field{"ssh_tunnel_password", "remote-desktop-password"}, field{"ssh_passphrase", "remote-desktop-password"})},
		{name: "*.rdp", find: inLines(":", field{"password 51", "remote-desktop-password"})},
		{name: "passwd", in: ".vnc tigervnc .config/tigervnc", binary: true, find: vncPasswd},
		{name: "vncpasswd", binary: true, find: vncPasswd},
		{name: ".vncpasswd", binary: true, find: vncPasswd},
		{name: "sftp-config.json", find: inTree(field{"password", "editor-deploy-password"}, field{"ssh_key_passphrase", "editor-deploy-password"})},
		{name: "sftp.json", in: ".vscode", find: inTree(field{"password", "editor-deploy-password"}, field{"passphrase", "editor-deploy-password"})},
		{name: ".ftpconfig", find: inTree(field{"pass", "editor-deploy-password"}, field{"passphrase", "editor-deploy-password"})},
		{name: ".remote-sync.json", find: inTree(field{"password", "editor-deploy-password"})},
		{name: "deployment.config.json", find: inTree(field{"password", "editor-deploy-password"})},
		{name: "webservers.xml", in: ".idea", find: inXML(field{"fileTransfer@password", "editor-deploy-password"})},
		{name: ".lftprc", find: func(*doc) {}},
		{name: "bookmarks", in: "lftp", find: func(*doc) {}},
		{name: ".curlrc", find: curlrc},
		{name: "_curlrc", find: curlrc},
		{name: ".wgetrc", find: inLines("=", field{"password", "curlrc-password"}, field{"http_password", "curlrc-password"}, field{"ftp_password", "curlrc-password"}, field{"proxy_password", "curlrc-password"})},
		{name: "wgetrc", find: inLines("=", field{"password", "curlrc-password"}, field{"http_password", "curlrc-password"}, field{"ftp_password", "curlrc-password"}, field{"proxy_password", "curlrc-password"})},
		{name: "config", in: ".irssi", find: inCode(field{"password", "chat-client-password"}, field{"sasl_password", "chat-client-password"}, field{"autosendcmd", "chat-client-password"})},
		{name: "accounts.xml", in: ".purple", find: inXML(field{"account/password", "chat-client-password"})},
		{name: "irc.conf", in: "weechat .weechat", find: inLines("=", field{"*.sasl_password", "chat-client-password"}, field{"*.password", "chat-client-password"})},
		{name: "proxychains.conf", find: proxychains},
		{name: "proxychains4.conf", find: proxychains},
		{name: "settings.json", in: "transmission-daemon", find: inTree(field{"rpc-password", "supervisord-password"})},
		{name: "tsocks.conf", find: inLines("=", field{"default_pass", "curlrc-password"})},
	}
}

// cloudflaredCert reads the token of an account in cloudflared's cert.pem.
func cloudflaredCert(d *doc) {
	const begin, end = "-----BEGIN ARGO TUNNEL TOKEN-----", "-----END ARGO TUNNEL TOKEN-----"
	i := bytes.Index(d.text, []byte(begin))
	if i < 0 {
		return
	}
	i += len(begin)
	if n := bytes.Index(d.text[i:], []byte(end)); n > 40 {
		from, to := i, i+n
		for from < to && d.text[from] <= ' ' {
			from++
		}
		for to > from && d.text[to-1] <= ' ' {
			to--
		}
		d.secret("cloudflared-tunnel-secret", "ARGO TUNNEL TOKEN", from, to, "")
	}
}

// tailscale reads the keys of a node: JSON whose values are base64 of JSON.
func tailscale(d *doc) {
	for n := range d.tree() {
		if !n.is("_machinekey") && !n.is("profile-*") {
			continue
		}
		dec := decode64(d.text[n.from:n.to])
		if bytes.HasPrefix(dec, []byte("privkey:")) && len(dec) > 40 {
			d.decoded("tailscale-state-key", n.name(), n.from, n.to, dec, "")
			continue
		}
		for _, k := range [...]string{`"PrivateNodeKey":"`, `"NetworkLockKey":"nlpriv:`} {
			i := bytes.Index(dec, []byte(k))
			if i < 0 {
				continue
			}
			v := dec[i+len(k):]
			if e := bytes.IndexByte(v, '"'); e > 20 {
				d.decoded("tailscale-state-key", strings.Trim(k[:strings.IndexByte(k, ':')], `"`), n.from, n.to, v[:e], "")
			}
		}
	}
}

// teleport reads tokens by which nodes join.
func teleport(d *doc) {
	for n := range d.tree() {
		switch {
		case n.is("auth_token"), n.is("join_params.token_name"):
			if v := d.text[n.from:n.to]; len(v) >= 16 && v[0] != '/' {
				d.node("teleport-join-token-file", n, "")
			}
		case n.is("auth_service.tokens"):
			if i := bytes.LastIndexByte(d.text[n.from:n.to], ':'); i > 0 && i+1 < n.to-n.from && d.text[n.from+i+1] != '/' {
				d.secret("teleport-join-token-file", "tokens", n.from+i+1, n.to, "")
			}
		}
	}
}

// filezilla reads sites; passwords are in base64, or encrypted by a master
// password.
func filezilla(d *doc) {
	host := ""
	for e := range d.elems() {
		switch {
		case keyIs(e.name, "Host"):
			host = string(d.text[e.from:e.to])
		case keyIs(e.name, "Pass") && e.from < e.to:
			switch d.attr(e, "encoding") {
			case "base64":
				if dec := decode64(d.text[e.from:e.to]); isText(dec) {
					d.decoded("filezilla-password", "Pass", e.from, e.to, dec, forUser("", host))
				}
			case "crypt":
				d.add(Hit{Rule: "filezilla-password", From: e.from, To: e.to, Key: "Pass", Info: "encrypted with a master password"})
			default:
				d.xmlText("filezilla-password", "Pass", e.from, e.to, forUser("", host))
			}
		}
	}
}

// winscp reads sessions; a password is only obscured, by user and host.
func winscp(d *doc) {
	for p := range d.pairs("=") {
		if keyIs(p.key, "Password") || keyIs(p.key, "ProxyPassword") || keyIs(p.key, "ProxyPasswordEnc") {
			if v := d.text[p.from:p.to]; len(v) >= 20 && isHex(v) {
				d.pair("winscp-password", p, "obscured: user and host, which are beside it, open it")
			}
		}
	}
}

// vncPasswd tells of a password that is encrypted with a key that is public.
func vncPasswd(d *doc) {
	if n := len(d.text); n == 8 || n == 16 || n == 24 {
		d.add(Hit{Rule: "vnc-password", From: 0, To: n, Key: "passwd", Note: "encrypted with a key that every VNC knows"})
	}
}

// curlrc reads user = "name:password" and headers.
func curlrc(d *doc) {
	for p := range d.pairs("=: ") {
		key := bytes.TrimLeft(p.key, "-")
		v := d.text[p.from:p.to]
		switch {
		case keyIs(key, "user") || keyIs(key, "u") || keyIs(key, "proxy-user"):
			if i := bytes.IndexByte(v, ':'); i > 0 && i+1 < len(v) {
				p.key, p.from = []byte("password"), p.from+i+1
				d.pair("curlrc-password", p, "for user "+string(v[:i]))
			}
		case keyIs(key, "header") || keyIs(key, "h"):
			d.authHeader("curlrc-password", "header", p.from, p.to)
		case keyIs(key, "oauth2-bearer") || keyIs(key, "pass"):
			d.pair("curlrc-password", p, "")
		}
	}
}

// proxychains reads type host port user password.
func proxychains(d *doc) {
	for from, to := range lines(d.text) {
		at, commented := trimComment(d.text, from, to)
		if commented {
			continue
		}
		n := 0
		for f, t := range fieldsOf(d.text, at, to) {
			if n == 0 {
				if w := string(d.text[f:min(t, f+8)]); w != "socks5" && w != "http" && w != "socks4" {
					break
				}
			}
			if n == 4 {
				d.secret("curlrc-password", "password", f, t, "")
				break
			}
			n++
		}
	}
}
