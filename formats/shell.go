package formats

import (
	"bytes"
	"strings"

	"github.com/leakscan/leakscan/buildhook/shellflow"
)

// Passwords in commands: in scripts, histories of shells and images, units,
// crontabs. Package shellflow knows where which command takes a password.

// ruleCommand is the rule of what is found here.
const ruleCommand = "password-in-command"

// commandHints: without one of them a line has no command that is given a
// password. In lower case.
var commandHints = []string{
	"curl", "wget", "http", "sshpass", "mysql", "mariadb", "psql", "pgpassword", "passw", "passwd", "mongo", "redis-cli", "docker", "podman", "buildah", "skopeo", "crane", "helm", "kubectl", "oc login", "login", "token", "secret",
	"openssl", "7z", "zip", "unrar", "gpg", "keytool", "jarsigner", "ldap", "smbclient", "mount", "rsync", "ftp", "sqlplus", "sqlcmd", "bcp ", "isql", "git ", "npm ", "yarn ", "pip", "twine", "gem ", "bundle", "composer", "nuget", "dotnet", "mvn", "aws ", "az ", "gcloud", "vault ", "consul", "htpasswd", "useradd", "usermod", "chpasswd", "authorization", "api_key", "apikey", "api-key", "-storepass", "rabbitmqctl", "influx", "cqlsh", "clickhouse", "snmp", "ansible", "sudo -s", "expect", "autoexpect", "spawn", "xfreerdp", "rdesktop", "vncpasswd", "restic", "borg", "rclone", "s3cmd", "heroku", "ngrok", "cloudflared", "net use", "net user", "cmdkey", "psexec", "plink", "pscp",
}

const (
	maxCommand  = 8 << 10 // of a line that is looked at
	maxCommands = 5000    // of a file

	maxLineSteps  = 20_000 // of package shellflow, for a line
	maxShellSteps = 400_000
)

// isScript says whether a file holds commands, by its path in lower case or its
// first bytes.
func isScript(path, base string, head []byte) bool {
	if bytes.HasPrefix(head, []byte("#!")) {
		line := head
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		return has(line, "sh") && !has(line, "python")
	}
	switch base {
	case "dockerfile", "containerfile", "makefile", "gnumakefile", "crontab", "justfile", "procfile", ".profile", "profile", ".bashrc", "bashrc", ".zshrc", ".bash_profile", ".bash_login", ".zshenv", ".envrc", "jenkinsfile", "rc.local":
		return true
	}
	if strings.HasSuffix(base, "_history") || strings.HasSuffix(base, ".history") {
		return true
	}
	if dot := strings.LastIndexByte(base, '.'); dot >= 0 {
		switch base[dot+1:] {
		case "sh", "bash", "zsh", "ksh", "service", "timer", "dockerfile", "mk", "cron", "bat", "cmd", "ps1", "envrc":
			return true
		case "yml", "yaml":
			return strings.Contains(path, ".github/workflows") || strings.Contains(base, "gitlab-ci") || strings.Contains(base, "compose") || strings.Contains(path, ".circleci") || strings.HasPrefix(base, ".travis") || strings.Contains(base, "pipelines") || strings.Contains(base, "buildspec") || strings.Contains(base, "cloudbuild") || strings.HasPrefix(base, ".drone")
		}
	}
	if strings.HasSuffix(base, "_history.txt") || strings.Contains(path, "supervisor") {
		return true
	}
	return strings.Contains(path, "etc/cron") || strings.Contains(path, "cron/crontabs") || strings.Contains(path, "etc/init.d/") || strings.Contains(path, "etc/profile.d/")
}

// commands adds the passwords that the text's commands are given. Lines are
// looked at one by one, with those they go on with: a script that is broken
// somewhere, and a history, have no other unit.
func commands(d *doc) {
	t, n := d.text, 0
	d.steps = maxShellSteps
	for from := 0; from < len(t); {
		to := commandEnd(t, from)
		if to-from <= maxCommand && to-from > 5 && hinted(t[from:to]) {
			if n++; n > maxCommands || d.steps <= 0 {
				return
			}
			d.command(from, to)
		}
		from = to + 1
	}
}

// commandEnd is the end of the command at t[from:], lines that end in a
// backslash joined, and here-documents with what reads them.
func commandEnd(t []byte, from int) int {
	for to := from; ; {
		nl := bytes.IndexByte(t[to:], '\n')
		if nl < 0 {
			return len(t)
		}
		to += nl
		k := to
		for k > from && (t[k-1] == '\r' || t[k-1] == ' ') {
			k--
		}
		if k == from || t[k-1] != '\\' && t[k-1] != '`' {
			return hereEnd(t, from, to)
		}
		to++
	}
}

// hereEnd moves the end of a command that reads a here-document behind it.
func hereEnd(t []byte, from, to int) int {
	line := t[from:to]
	i := bytes.Index(line, []byte("<<"))
	if i >= 0 && !hinted(line) {
		return to
	}
	if i < 0 || bytes.HasPrefix(line[i:], []byte("<<<")) {
		return to
	}
	word := bytes.TrimLeft(line[i+2:], "-")
	word = bytes.TrimLeft(word, " ")
	word = bytes.Trim(word, "'\"\\")
	n := 0
	for n < len(word) && (isNamePart(word[n])) {
		n++
	}
	if n == 0 {
		return to
	}
	for at := to + 1; at < len(t) && at-from < maxCommand; {
		end := bytes.IndexByte(t[at:], '\n')
		if end < 0 {
			end = len(t) - at
		}
		if bytes.Equal(bytes.TrimSpace(t[at:at+end]), word[:n]) {
			return at + end
		}
		at += end + 1
	}
	return to
}

func hinted(line []byte) bool {
	var buf [512]byte
	for len(line) > 0 {
		part := line[:min(len(line), len(buf))]
		lower := buf[:0]
		for _, c := range part {
			lower = append(lower, low(c))
		}
		for _, h := range commandHints {
			if bytes.Contains(lower, []byte(h)) {
				return true
			}
		}
		if len(line) <= len(buf) {
			return false
		}
		line = line[len(buf)-32:] // a hint may lie across
	}
	return false
}

// command looks at t[from:to].
func (d *doc) command(from, to int) {
	from += commandStart(d.text[from:to])
	script := strings.TrimRight(string(d.text[from:to]), " \t\r\n\\&|;")
	if strings.TrimSpace(script) == "" {
		return
	}
	exec := execForm(script)
	in := shellflow.Input{MaxSteps: min(d.steps, maxLineSteps), Script: script, SecretName: SecretName, Placeholder: func(v string) bool { return Classify("password", []byte(v)) != Literal }}
	if exec != nil {
		in.Script, in.Exec = "", exec
	}
	res := shellflow.Analyze(in)
	d.steps -= res.Steps
	for _, f := range res.Flows {
		if len(f.Value) < 8 && strings.Trim(f.Value, "0123456789") == "" && !strings.Contains(strings.ToLower(f.By), "pass") {
			continue // a number of seconds, a port
		}
		if strings.Contains(f.Value, " ") && !strings.ContainsAny(f.Value, "0123456789!$%&*+=?") {
			continue // words: of a prompt, or of a command
		}
		if f.Value == "" || f.Kind != shellflow.Inline && f.Kind != shellflow.Hashed {
			continue
		}
		rule, key := ruleCommand, ""
		if name, ok := strings.CutSuffix(f.By, "="); ok { // a variable that is set, for this command or all that follow
			if rule, key = ruleSource, name; !credible(name, []byte(f.Value), tomlStyle, true) {
				continue
			}
		}
		d.inCommand(rule, key, from, script, &f)
	}
}

// inCommand adds a constant that shellflow has found, at its place in the text.
func (d *doc) inCommand(rule, key string, from int, script string, f *shellflow.Flow) {
	lo, hi := 0, len(script)
	if f.End > f.Pos && f.End <= len(script) {
		lo, hi = f.Pos, f.End
	}
	i := strings.Index(script[lo:hi], f.Value)
	if i < 0 { // it is piped in, from another command of the line
		if i = strings.Index(script, f.Value); i >= 0 {
			lo, hi = 0, len(script)
		}
	}
	if i < 0 { // quoted otherwise than it reads
		d.decoded(rule, key, from+lo, from+hi, []byte(f.Value), "")
		return
	}
	d.secret(rule, key, from+lo+i, from+lo+i+len(f.Value), "")
}

// commandStart is how much stands before the command proper: an instruction, an
// item of a list, an operator that joins it to the line before, the times of a
// crontab, what a history of zsh keeps.
func commandStart(line []byte) int {
	n := 0
	for again := true; again; {
		again = false
		rest := line[n:]
		trimmed := bytes.TrimLeft(rest, " \t@-")
		if len(trimmed) < len(rest) {
			n += len(rest) - len(trimmed)
			again = true
			continue
		}
		for _, p := range []string{"created_by=", "Cmd=", "Entrypoint=", "OnBuild=", "command=", "RUN ", "CMD ", "ENTRYPOINT ", "SHELL ", "&&", "||", "|", ";", "then ", "do ", "else ", "ExecStart=", "ExecStartPre=", "ExecStartPost=", "ExecStop=", "command:", "run:", "script:", "$ ", "# ", "/bin/sh -c ", "sh -c "} {
			if bytes.HasPrefix(rest, []byte(p)) {
				n += len(p)
				again = true
				break
			}
		}
		if !again && len(rest) > 2 && rest[0] == '|' && rest[1] >= '0' && rest[1] <= '9' { // RUN |2 A=b C=d /bin/sh -c …
			if i := bytes.Index(rest, []byte("/bin/sh -c ")); i >= 0 {
				n += i
				again = true
			}
		}
		if !again && len(rest) > 3 && rest[0] == ':' && rest[1] == ' ' { // : 1700000000:0;command
			if i := bytes.IndexByte(rest, ';'); i > 0 && i < 20 {
				n += i + 1
				again = true
			}
		}
	}
	return n + cronTimes(line[n:])
}

// cronTimes is the length of five fields of a crontab, and a user's name behind
// them where the rest would be no command otherwise.
func cronTimes(line []byte) int {
	n := 0
	for range 5 {
		k := n
		for k < len(line) && (line[k] >= '0' && line[k] <= '9' || strings.IndexByte("*/,-", line[k]) >= 0) {
			k++
		}
		if k == n || k >= len(line) || line[k] != ' ' && line[k] != '\t' {
			return 0
		}
		for k < len(line) && (line[k] == ' ' || line[k] == '\t') {
			k++
		}
		n = k
	}
	if rest := line[n:]; bytes.HasPrefix(rest, []byte("root ")) {
		n += len("root ")
	}
	return n
}

// execForm reads ["curl", "-u", "a:b"], as Dockerfiles and compose files have
// commands.
func execForm(script string) []string {
	if !strings.HasPrefix(script, "[\"") || !strings.HasSuffix(script, "\"]") {
		return nil
	}
	var words []string
	for _, w := range strings.Split(script[1:len(script)-1], ",") {
		w = strings.TrimSpace(w)
		if len(w) < 2 || w[0] != '"' || w[len(w)-1] != '"' {
			return nil
		}
		words = append(words, w[1:len(w)-1])
	}
	return words
}
