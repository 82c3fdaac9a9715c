package shellflow

import (
	"slices"
	"strings"
)

// hashed is the taint of the hash of a password: the labels are what it is of.
func (c *cmdline) hashed(password text, by string) taint {
	o := origin{kind: Hashed, by: by, labels: password.taint.labels, pos: c.pos, end: c.end}
	if password.known() && password.taint.none() {
		o.value = password.s
	}
	return taint{origins: []origin{o}}
}

// password reports whether there is something in a text whose hash matters.
func (r *run) password(t text) bool {
	return len(t.taint.labels) > 0 || t.known() && t.taint.none() && strings.Trim(t.s, "*!x \t") != ""
}

// passwordTool runs the commands that store a password as its hash.
func (r *run) passwordTool(c *cmdline) bool {
	args := c.rest()
	shadow := func(password text, by string) {
		if slices.ContainsFunc(password.taint.origins, func(o origin) bool { return o.kind == Hashed }) {
			r.write("/etc/shadow", true, c.part(password.taint, by))
		}
		if r.password(password) {
			r.write("/etc/shadow", true, c.part(c.hashed(password, by), by))
		}
	}
	switch c.name {
	case "chpasswd":
		in := r.stdin()
		if len(in.taint.labels) > 0 || len(in.taint.origins) > 0 || !in.known() {
			if !in.taint.none() {
				shadow(in, c.name)
			}
			return true
		}
		for _, line := range strings.Split(in.s, "\n") {
			if _, password, ok := strings.Cut(line, ":"); ok && r.password(known(password)) {
				shadow(known(password), c.name)
				return true
			}
		}
	case "passwd":
		opts, _ := options(args, "nxwi")
		if !hasOption(opts, "-d", "-l", "-u", "-e", "-S", "--delete", "--lock", "--unlock", "--status") {
			if in := r.stdin(); in.s != "" {
				shadow(in, "passwd")
			}
		}
	case "useradd", "usermod", "adduser", "groupadd":
		opts, _ := options(args, "pbcdegGksuUh", "--password", "--comment", "--gecos", "--shell", "--home", "--uid", "--gid")
		if p, ok := lookupOption(opts, "-p", "--password"); ok {
			shadow(p, c.name+" -p")
		}
	case "htpasswd":
		opts, operands := options(args, "C")
		in := r.stdin()
		var password text
		switch {
		case hasOption(opts, "-b") && len(operands) > 0:
			password = operands[len(operands)-1]
		case hasOption(opts, "-i"):
			password = in
		default:
			return true
		}
		if !r.password(password) {
			return true
		}
		t := c.hashed(password, "htpasswd")
		if hasOption(opts, "-n") || len(operands) == 0 {
			r.output(c, text{s: hole("…"), taint: t})
			return true
		}
		r.write(r.key(operands[0]), !hasOption(opts, "-c"), c.part(t, "htpasswd"))
	case "mkpasswd", "slappasswd", "grub-mkpasswd-pbkdf2":
		opts, operands := options(args, "mSRsPh", "--method", "--salt", "--rounds")
		password := r.stdin()
		if s, ok := lookupOption(opts, "-s"); ok && c.name == "slappasswd" {
			password = s
		} else if len(operands) > 0 {
			password = operands[0]
		} else if s, ok := lookupOption(opts, "-s"); ok && s.s != "" && c.name == "mkpasswd" {
			password = r.stdin()
		}
		r.printHash(c, password, c.name)
	case "caddy":
		if len(args) == 0 || !args[0].is("hash-password") {
			return false
		}
		opts, _ := options(args[1:], "pa", "--plaintext", "--algorithm", "-plaintext")
		p, _ := lookupOption(opts, "-p", "--plaintext", "-plaintext")
		r.printHash(c, p, "caddy hash-password")
	default:
		return false
	}
	return true
}

func (r *run) printHash(c *cmdline, password text, by string) {
	t := text{s: hole("…")}
	if password.s != "" && r.password(password) {
		t.taint = c.hashed(password, by)
	}
	r.output(c, t)
}

func (r *run) opensslPasswd(c *cmdline) {
	_, operands := options(c.args[2:], "", "-salt", "-in")
	password := r.stdin()
	if len(operands) > 0 {
		password = operands[len(operands)-1]
	}
	r.printHash(c, password, "openssl passwd")
}
