package shellflow

import (
	"path"
	"slices"
	"strings"
)

// coreutil models the common commands that move bytes. Their arguments are no
// flows of their own: where the bytes go is.
func (r *run) coreutil(c *cmdline) bool {
	switch c.name {
	case "cat", "head", "tail", "tac", "sort", "uniq", "cut", "rev", "fold", "nl", "od", "xxd", "hexdump", "strings",
		"base64", "base32", "iconv", "column", "paste", "fmt", "expand", "shuf", "zcat", "bzcat", "xzcat", "less", "more", "pv",
		"uuencode", "gettext", "numfmt", "pr":
		r.filter(c)
	case "tr":
		r.output(c, r.mangle(r.stdin()))
	case "tee", "sponge":
		r.tee(c)
	case "sed", "gsed":
		r.sed(c)
	case "awk", "gawk", "mawk", "jq", "yq", "gojq", "envsubst", "perl":
		r.program(c)
	case "grep", "egrep", "fgrep", "zgrep", "rg":
		r.grep(c)
	case "cp", "mv", "install", "rsync", "scp":
		r.copy(c)
	case "ln":
		r.link(c)
	case "dd":
		r.dd(c)
	case "tar", "zip", "7z", "7za", "bsdtar":
		r.archive(c)
	case "gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd", "unzstd":
		r.compress(c)
	case "touch", "chmod", "chown", "chgrp", "sync", "sleep", "stat", "ls", "wc", "md5sum", "sha1sum", "sha256sum", "sha512sum",
		"sha224sum", "sha384sum", "b2sum", "cksum", "diff", "cmp", "file", "du", "df", "ssh-add", "readelf", "which", "setfacl", "chattr", "comm":
		r.emit(1, unknown(c.name, taint{}), c.name, c.pos, c.end)
	case "mkdir":
		_, dirs := options(c.rest(), "mZ", "--mode")
		for _, d := range dirs {
			if key := r.key(d); r.st.fs[key] == nil {
				r.st.fs[key] = &file{made: true}
			}
		}
	case "truncate":
		opts, files := options(c.rest(), "sr", "--size", "--reference")
		if size, ok := lookupOption(opts, "-s", "--size"); ok && size.s == "0" {
			for _, f := range files {
				r.write(r.key(f), false, c.part(taint{}, ""))
			}
		}
	case "rm", "unlink", "rmdir":
		r.rm(c)
	case "shred":
		// With -u or without: what stays is noise.
		_, files := options(c.rest(), "ns", "--iterations", "--size", "--random-source")
		for _, f := range files {
			r.remove(f, false, c.pos, c.end)
		}
	case "basename", "dirname", "realpath", "readlink":
		r.pathName(c)
	case "mktemp":
		r.emit(1, unknown("$(mktemp)", taint{}), c.name, c.pos, c.end)
	default:
		return false
	}
	return true
}

func (r *run) output(c *cmdline, t text) {
	r.emit(1, t, c.name, c.pos, c.end)
}

// mangle is what is left of a text when a command has changed it.
func (r *run) mangle(t text) text {
	if t.s == "" && t.taint.none() {
		return t
	}
	return text{s: hole("…"), taint: t.taint, foreign: t.foreign}
}

// echo is echo and printf.
func (r *run) echo(c *cmdline) {
	args := c.rest()
	if c.name == "echo" {
		escapes, newline := false, true
		for len(args) > 0 && args[0].is("-n", "-e", "-ne", "-en", "-E") {
			escapes = escapes || strings.Contains(args[0].s, "e")
			newline = newline && !strings.Contains(args[0].s, "n")
			args = args[1:]
		}
		t := joined(args)
		if escapes || strings.Contains(t.s, `\n`) {
			t.s = ansi(t.s)
		}
		if newline {
			t = t.plus(known("\n"))
		}
		r.urlConstants(args, "echo")
		r.output(c, t)
		return
	}
	if len(args) > 1 && args[0].s == "-v" {
		r.set(args[1].s, variable{text: r.printf(args[2:])})
		return
	}
	if len(args) > 0 && args[0].s == "--" {
		args = args[1:]
	}
	r.urlConstants(args, "printf")
	r.output(c, r.printf(args))
}

// printf formats: %s exactly, anything else as a hole.
func (r *run) printf(args []text) text {
	if len(args) == 0 {
		return text{}
	}
	t := args[0].with("")
	t.taint = taintOf(args)
	format, args := args[0], args[1:]
	if !strings.Contains(format.s, "%") || len(args) == 0 {
		t.s = ansi(strings.ReplaceAll(format.s, "%%", "%"))
		return t
	}
	var b strings.Builder
	for turn := 0; turn == 0 || len(args) > 0 && turn < maxItems; turn++ {
		verbs := 0
		s := format.s
		for i := 0; i < len(s); i++ {
			if s[i] != '%' || i+1 == len(s) {
				b.WriteByte(s[i])
				continue
			}
			i++
			if s[i] == '%' {
				b.WriteByte('%')
				continue
			}
			verbs++
			var a text
			if len(args) > 0 {
				a, args = args[0], args[1:]
			}
			t.foreign = t.foreign || a.foreign
			if s[i] == 's' || s[i] == 'b' || s[i] == 'd' {
				b.WriteString(a.s)
				continue
			}
			b.WriteString(hole("%"))
			for i < len(s) && !(s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z') {
				i++
			}
		}
		if verbs == 0 || b.Len() > maxText {
			break
		}
	}
	if t.s = ansi(b.String()); len(t.s) > maxText {
		t.s = hole("…")
	}
	return t
}

// filterValues is the letters of options that take a value.
func filterValues(name string) string {
	switch name {
	case "head", "tail":
		return "nc"
	case "sort":
		return "ktSoT"
	case "cut":
		return "dfcb"
	case "base64", "base32", "fold":
		return "w"
	case "xxd":
		return "cglso"
	case "od":
		return "AjNtw"
	case "iconv":
		return "fto"
	case "uniq":
		return "fsw"
	case "paste", "column":
		return "dst"
	case "grep", "egrep", "fgrep", "zgrep", "rg":
		return "efmABC"
	}
	return ""
}

// content is the files a command reads: its input if there are none.
func (r *run) content(files []text) text {
	if len(files) == 0 {
		return r.stdin()
	}
	t := unknown("…", taint{})
	for i, f := range files {
		if f.s == "-" || f.s == "/dev/stdin" {
			in := r.stdin()
			if len(files) == 1 {
				return in
			}
			t.taint = t.taint.plus(in.taint)
			continue
		}
		t.taint = t.taint.plus(r.read(f))
		if i > maxItems {
			break
		}
	}
	return t
}

func (r *run) filter(c *cmdline) {
	opts, files := options(c.rest(), filterValues(c.name))
	t := r.content(files)
	if c.name != "cat" && c.name != "tac" {
		if t.known() && (c.name == "base64" || c.name == "xxd") && hasOption(opts, "-d", "--decode", "-r") && t.taint.none() {
			// A secret that is only wrapped up is for the scanner of bytes.
			t = text{s: hole("…")}
		}
		t = r.mangle(t)
	}
	if out, ok := lookupOption(opts, "-o"); ok && (c.name == "sort" || c.name == "iconv") {
		r.write(r.key(out), false, c.part(t.taint, c.name))
		return
	}
	r.output(c, t)
}

func (r *run) tee(c *cmdline) {
	opts, files := options(c.rest(), "")
	in := r.stdin()
	app := hasOption(opts, "-a", "--append")
	for _, f := range files {
		if f.is("/dev/stderr", "/dev/stdout", "/dev/tty") {
			r.emit(2, in, c.name, c.pos, c.end)
			continue
		}
		for _, key := range r.expandGlob(f) {
			r.writeTo(key, app, c.part(in.taint, c.name))
			r.constant(key, in, c.pos, c.end)
		}
	}
	if c.name == "tee" {
		r.output(c, in)
	}
}

// writeTo is write, for a path that may be /dev/null.
func (r *run) writeTo(key string, app bool, p part) {
	if key != "/dev/null" {
		r.write(key, app, p)
	}
}

// grep prints lines, unless it only tells or counts.
func (r *run) grep(c *cmdline) {
	opts, operands := options(c.rest(), filterValues(c.name), "--regexp", "--file", "--max-count", "--include", "--exclude")
	if !hasOption(opts, "-e", "-f", "--regexp", "--file") && len(operands) > 0 {
		operands = operands[1:]
	}
	if hasOption(opts, "-q", "--quiet", "--silent", "-c", "--count", "-l", "--files-with-matches", "-L") {
		return
	}
	t := r.content(operands)
	if hasOption(opts, "-r", "-R", "--recursive") {
		for _, f := range operands {
			for _, e := range r.secretsIn(r.key(f)) {
				t.taint = t.taint.plus(e.taint)
			}
		}
	}
	r.output(c, r.mangle(t))
}

// sed prints the files with what its script puts in, or edits them in place.
func (r *run) sed(c *cmdline) {
	opts, files := sedOptions(c.rest())
	var script text
	given := false
	for _, o := range opts {
		switch o.name {
		case "-e", "--expression":
			script, given = script.plus(o.value), true
		case "-f", "--file":
			script, given = script.plus(unknown("…", r.read(o.value))), true
		}
	}
	if !given && len(files) > 0 {
		script, files = files[0], files[1:]
	}
	inPlace := slices.ContainsFunc(opts, func(o option) bool { return o.name == "-i" || o.name == "--in-place" })
	if !inPlace {
		t := r.content(files)
		t.taint = t.taint.plus(script.taint)
		r.output(c, r.mangle(t))
		return
	}
	for _, f := range files {
		for _, key := range r.expandGlob(f) {
			switch {
			case !script.taint.none():
				r.write(key, true, c.part(script.taint, "sed -i"))
			case dropsSecretLines(script.s):
				r.drop(r.resolve(key), c.pos, c.end)
			}
		}
	}
}

// sedOptions knows that -i takes a suffix only if it is glued on.
func sedOptions(args []text) ([]option, []text) {
	var out []text
	var opts []option
	for _, a := range args {
		if strings.HasPrefix(a.s, "-i") || strings.HasPrefix(a.s, "--in-place") {
			opts = append(opts, option{name: "-i"})
			continue
		}
		if len(a.s) > 2 && a.s[0] == '-' && a.s[1] != '-' && strings.Contains(a.s, "i") && strings.Trim(a.s[1:], "inrEszu") == "" {
			opts = append(opts, option{name: "-i"})
			continue
		}
		out = append(out, a)
	}
	o, files := options(out, "efl", "--expression", "--file", "--line-length")
	return append(opts, o...), files
}

// dropsSecretLines reports whether a sed script is /…token…/d.
func dropsSecretLines(script string) bool {
	if !strings.HasPrefix(script, "/") || !strings.HasSuffix(script, "/d") {
		return false
	}
	script = strings.ToLower(script)
	for _, w := range []string{"token", "auth", "pass", "secret", "key", "credential", "machine"} {
		if strings.Contains(script, w) {
			return true
		}
	}
	return false
}

// program is the languages of one line: what is in their program or their input
// may be in their output.
func (r *run) program(c *cmdline) {
	args := c.rest()
	switch c.name {
	case "envsubst":
		in := r.stdin()
		t := in.taint
		_, names := options(args, "")
		switch {
		case len(names) > 0:
			t = t.plus(r.envNamed(names[0].s))
		case in.known():
			t = t.plus(r.envNamed(in.s))
		default:
			t = t.plus(r.exported())
		}
		r.output(c, text{s: hole("…"), taint: t})
		return
	case "perl":
		r.argument(c)
		opts, files := options(args, "eEIMmF")
		if slices.ContainsFunc(opts, func(o option) bool { return o.name == "-i" }) {
			for _, f := range files {
				r.write(r.key(f), true, c.part(taintOf(args), "perl -i"))
			}
		}
		return
	}
	opts, operands := options(args, programValues(c.name), "--arg", "--argjson", "--rawfile", "--slurpfile", "--from-file", "--args", "--file")
	t := taintOf(args)
	inPlace := hasOption(opts, "-i", "--inplace", "--in-place") && c.name != "jq"
	for i := 0; i < len(args); i++ {
		// --arg name value: both are operands but no files.
		if args[i].is("--arg", "--argjson", "--rawfile", "--slurpfile") && i+2 < len(args) {
			value := args[i+2]
			if strings.HasSuffix(args[i].s, "file") {
				t = t.plus(r.read(value))
			}
			operands = slices.DeleteFunc(slices.Clone(operands), func(o text) bool { return o.pos == value.pos && o.s == value.s })
		}
	}
	if c.name == "yq" && len(operands) > 0 && operands[0].is("eval", "e", "eval-all", "ea") {
		operands = operands[1:]
	}
	if len(operands) > 0 && !hasOption(opts, "-f", "--from-file", "--file") {
		operands = operands[1:]
	}
	if script := taintOf(args); inPlace {
		for _, f := range operands {
			r.write(r.key(f), true, c.part(script, c.name+" -i"))
		}
		return
	}
	if hasOption(opts, "-n", "--null-input") {
		r.output(c, text{s: hole("…"), taint: t})
		return
	}
	in := r.content(operands)
	in.taint = in.taint.plus(t)
	for _, a := range args {
		if strings.Contains(a.s, "ENVIRON[") || strings.Contains(a.s, "$ENV.") || strings.Contains(a.s, "env.") || strings.Contains(a.s, "strenv(") {
			in.taint = in.taint.plus(r.envNamed(a.s))
		}
	}
	r.output(c, text{s: hole("…"), taint: in.taint})
}

func programValues(name string) string {
	switch name {
	case "awk", "gawk", "mawk":
		return "vFf"
	case "yq":
		return "opI"
	}
	return "fL"
}

// envNamed is what the exported variables hold whose names are in a text.
func (r *run) envNamed(s string) taint {
	r.charge(1 + len(s)/64)
	var t taint
	for from := 0; from < len(s); {
		i := from
		for i < len(s) && (s[i] == '_' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || i > from && s[i] >= '0' && s[i] <= '9') {
			i++
		}
		if i > from {
			if v, ok := r.st.vars[s[from:i]]; ok && v.exported {
				t = t.plus(v.taint)
			}
		}
		from = i + 1
	}
	return t
}

func (r *run) rm(c *cmdline) {
	opts, files := options(c.rest(), "")
	deep := hasOption(opts, "-r", "-R", "--recursive", "-d", "--dir") || c.name == "rmdir"
	for _, f := range files {
		if c.name == "rmdir" {
			if e := r.st.fs[r.key(f)]; e == nil || !e.made || len(e.parts) > 0 {
				continue
			}
			deep = false
		}
		r.remove(f, deep, c.pos, c.end)
	}
}

func (r *run) pathName(c *cmdline) {
	_, operands := options(c.rest(), "s", "--suffix", "--relative-to")
	if len(operands) == 0 || !operands[0].known() {
		t := unknown("$("+c.name+")", taint{})
		if len(operands) > 0 && operands[0].taint.none() && c.name == "realpath" {
			t = operands[0]
		}
		r.output(c, t)
		return
	}
	s := operands[0].s
	switch c.name {
	case "basename":
		s = path.Base(s)
		if len(operands) > 1 {
			s = strings.TrimSuffix(s, operands[1].s)
		}
	case "dirname":
		s = path.Dir(s)
	default:
		s = r.resolve(r.key(operands[0]))
	}
	r.output(c, operands[0].with(s))
}
