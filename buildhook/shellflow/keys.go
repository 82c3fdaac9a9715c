package shellflow

import (
	"slices"
	"strings"
)

// generated is the taint of a secret that a command makes.
func (c *cmdline) generated(by string) taint {
	return taint{origins: []origin{{kind: Generated, by: by, pos: c.pos, end: c.end}}}
}

// makes puts a generated secret into a file, or prints it if there is none.
func (r *run) makes(c *cmdline, by string, file text) {
	if file.s == "" || file.s == "-" || file.s == "/dev/stdout" {
		r.output(c, text{s: hole("…"), taint: c.generated(by)})
		return
	}
	r.write(r.key(file), false, c.part(c.generated(by), by))
}

// keyMaker runs the commands that generate private keys.
func (r *run) keyMaker(c *cmdline) bool {
	args := c.rest()
	switch c.name {
	case "ssh-keygen":
		r.sshKeygen(c)
	case "openssl":
		r.openssl(c)
	case "gpg", "gpg2":
		r.gpg(c)
	case "keytool":
		r.inlineOptions(c)
		if !slices.ContainsFunc(args, func(t text) bool { return t.is("-genkeypair", "-genkey", "-genseckey") }) {
			r.argument(c)
			return true
		}
		opts, _ := options(args, "", "-keystore", "-alias", "-storepass", "-keypass", "-dname", "-keyalg", "-keysize", "-validity", "-ext", "-storetype")
		file, ok := lookupOption(opts, "-keystore")
		if !ok {
			file = known(r.st.home + "/.keystore")
		}
		r.makes(c, "keytool -genkeypair", file)
	case "wg":
		if len(args) == 0 || !args[0].is("genkey", "genpsk") {
			return false
		}
		r.makes(c, "wg "+args[0].s, text{})
	case "dropbearkey":
		opts, _ := options(args, "tfsC")
		if f, ok := lookupOption(opts, "-f"); ok && !hasOption(opts, "-y") {
			r.makes(c, "dropbearkey", f)
		}
	case "rndc-confgen":
		opts, _ := options(args, "bcknprstu", "-A")
		if f, ok := lookupOption(opts, "-c"); ok {
			r.makes(c, "rndc-confgen", f)
		} else if hasOption(opts, "-a") {
			r.makes(c, "rndc-confgen", known("/etc/bind/rndc.key"))
		}
	case "age-keygen":
		opts, _ := options(args, "o", "--output")
		if !hasOption(opts, "-y") {
			f, _ := lookupOption(opts, "-o", "--output")
			r.makes(c, "age-keygen", f)
		}
	case "certtool":
		opts, _ := options(args, "p", "--outfile", "--load-privkey", "--template", "--bits")
		if hasOption(opts, "-p", "--generate-privkey") {
			f, _ := lookupOption(opts, "--outfile")
			r.makes(c, "certtool", f)
		}
	case "cfssl":
		if len(args) > 0 && args[0].is("gencert", "genkey", "selfsign") {
			r.makes(c, "cfssl "+args[0].s, text{})
		}
	case "cfssljson":
		opts, operands := options(args, "f", "-bare", "-f")
		base, ok := lookupOption(opts, "-bare")
		if !ok && len(operands) > 0 {
			base, ok = operands[0], true
		}
		if ok {
			r.write(r.key(base.with(base.s+"-key.pem")), false, c.part(r.stdin().taint, "cfssljson"))
		}
	case "make-ssl-cert":
		file := known("/etc/ssl/private/ssl-cert-snakeoil.key")
		if _, operands := options(args, ""); len(operands) > 1 && !operands[0].is("generate-default-snakeoil") {
			file = operands[1]
		}
		r.makes(c, "make-ssl-cert", file)
	case "mkcert":
		opts, operands := options(args, "", "-key-file", "-cert-file", "-p12-file")
		if len(operands) == 0 {
			return true
		}
		f, ok := lookupOption(opts, "-key-file")
		if !ok {
			f = operands[0].with(operands[0].s + "-key.pem")
		}
		r.makes(c, "mkcert", f)
	case "cosign":
		if len(args) == 0 || !args[0].is("generate-key-pair") {
			return false
		}
		r.makes(c, "cosign generate-key-pair", known("cosign.key"))
	default:
		return false
	}
	return true
}

func (r *run) sshKeygen(c *cmdline) {
	opts, _ := options(c.rest(), "fbtCNPFRVImnsOEaSDGMTWYwZzrJjK")
	for _, o := range opts {
		if strings.Contains("-y -l -F -R -H -i -e -p -c -s -L -B -D -K -Q -r -k -M -Y -G -T -U", o.name) {
			if o.name == "-y" {
				r.output(c, text{s: hole("…")})
			}
			r.argument(c)
			return
		}
	}
	if pass, ok := lookupOption(opts, "-N"); ok && len(pass.taint.labels) > 0 {
		r.argument(c)
	}
	if hasOption(opts, "-A") {
		prefix := ""
		if f, ok := lookupOption(opts, "-f"); ok {
			prefix = f.s
		}
		for _, kind := range []string{"rsa", "ecdsa", "ed25519"} {
			r.makes(c, "ssh-keygen -A", known(prefix+"/etc/ssh/ssh_host_"+kind+"_key"))
		}
		return
	}
	file, ok := lookupOption(opts, "-f")
	if !ok {
		kind := "ed25519"
		if t, ok := lookupOption(opts, "-t"); ok {
			kind = t.plain()
		}
		file = known(r.st.home + "/.ssh/id_" + kind)
	}
	r.makes(c, "ssh-keygen", file)
}

// opensslValues are the options of openssl's commands that take a value.
var opensslValues = []string{"-in", "-out", "-keyout", "-newkey", "-key", "-inkey", "-name", "-subj", "-config", "-days",
	"-passin", "-passout", "-pass", "-k", "-K", "-iv", "-algorithm", "-pkeyopt", "-extensions", "-reqexts", "-addext",
	"-salt", "-certfile", "-CAfile", "-CA", "-CAkey", "-CAserial", "-extfile", "-set_serial", "-curve", "-rand", "-outform", "-inform", "-md", "-S"}

func (r *run) openssl(c *cmdline) {
	args := c.rest()
	if len(args) == 0 {
		return
	}
	sub := args[0].s
	values := opensslValues
	if sub == "passwd" || sub == "enc" {
		values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "-salt" && sub == "enc" })
	}
	opts, _ := options(args[1:], "", values...)
	// Its options are words with one dash: no clusters.
	has := func(name string) bool { return slices.ContainsFunc(args, func(t text) bool { return t.s == name }) }
	out, _ := lookupOption(opts, "-out")
	by := "openssl " + sub
	r.inlineOptions(c)
	switch sub {
	case "genrsa", "genpkey", "rand", "gendsa":
		if !has("-genparam") {
			r.makes(c, by, out)
		}
	case "ecparam", "dsaparam":
		if has("-genkey") {
			r.makes(c, by, out)
		}
	case "req":
		if _, ok := lookupOption(opts, "-newkey"); ok || has("-x509") && !has("-key") || has("-new") && !has("-key") {
			key, ok := lookupOption(opts, "-keyout")
			if !ok {
				key = known("privkey.pem")
			}
			r.write(r.key(key), false, c.part(c.generated(by), by))
		}
	case "passwd":
		r.opensslPasswd(c)
		return
	case "enc", "base64", "rsa", "pkey", "pkcs8", "pkcs12", "ec", "dsa", "cms", "smime", "aes-256-cbc", "storeutl":
		if has("-pubout") || has("-nokeys") || has("-noout") {
			return
		}
		in := r.stdin()
		for _, o := range []string{"-in", "-inkey"} {
			if f, ok := lookupOption(opts, o); ok {
				in = unknown("…", in.taint.plus(r.read(f)))
			}
		}
		r.argument(c)
		if t := taintOf(args); has("-d") && len(t.labels) > 0 {
			// The secret is the key, and what it opens is one too.
			in.taint = in.taint.plus(fetched(c, "openssl enc -d"))
		}
		if out.s != "" {
			r.write(r.key(out), false, c.part(in.taint, by))
			return
		}
		r.output(c, r.mangle(in))
		return
	}
	r.argument(c)
}

func (r *run) gpg(c *cmdline) {
	args := c.rest()
	opts, files := options(args, "ourN", "--output", "--homedir", "--passphrase", "--batch-file", "--pinentry-mode", "--keyserver",
		"--recv-keys", "--passphrase-file", "--recipient", "--local-user", "--passphrase-fd", "--keyring", "--status-fd")
	home, ok := lookupOption(opts, "--homedir")
	if !ok {
		if home, ok = r.lookup("GNUPGHOME"); !ok {
			home = known(r.st.home + "/.gnupg")
		}
	}
	if p, ok := lookupOption(opts, "--passphrase"); ok {
		r.inline(p, "gpg --passphrase")
	}
	r.argument(c)
	store := home.with(home.s + "/private-keys-v1.d")
	switch {
	case hasOption(opts, "--gen-key", "--generate-key", "--full-generate-key", "--full-gen-key", "--quick-generate-key", "--quick-gen-key"):
		r.write(r.key(store), true, c.part(c.generated("gpg --generate-key"), "gpg --generate-key"))
	case hasOption(opts, "--import"):
		if t := r.content(files).taint; !t.none() {
			r.write(r.key(store), true, c.part(t, "gpg --import"))
		}
	case hasOption(opts, "--dearmor", "--enarmor", "--export-secret-keys", "--sign", "--clearsign", "-a"):
		in := r.content(files)
		if hasOption(opts, "--export-secret-keys") {
			in = unknown("…", r.readKey(r.key(store)))
		} else if !hasOption(opts, "--dearmor", "--enarmor") {
			return
		}
		r.decrypted(c, opts, in.taint, "gpg")
	case hasOption(opts, "-d", "--decrypt"):
		if n := len(files); n > 0 && (strings.HasSuffix(files[n-1].s, ".asc") || strings.HasSuffix(files[n-1].s, ".sig")) {
			return // a signed text, which is checked and printed by the same option
		}
		r.decrypted(c, opts, fetched(c, "gpg --decrypt"), "gpg --decrypt")
	}
}

// decrypted writes what gpg prints to its output.
func (r *run) decrypted(c *cmdline, opts []option, t taint, by string) {
	if out, ok := lookupOption(opts, "-o", "--output"); ok && out.s != "-" {
		r.writeTo(r.key(out), false, c.part(t, by))
		return
	}
	r.output(c, text{s: hole("…"), taint: t})
}
