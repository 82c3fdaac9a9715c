package check

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/leakscan/leakscan/buildhook/shellflow"
	"github.com/leakscan/leakscan/report"
)

// follow goes through the Dockerfile a second time, with what is in the files
// known, and follows the secrets.
func (c *checker) follow(ctx context.Context) error {
	e := c.evaluator()
	e.visit = func(in *instruction, st *state) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := in.stage
		if s != nil && c.o.Target != "" && !s.reached {
			return nil // not built
		}
		switch cmd := in.cmd.(type) {
		case *instructions.Stage:
			c.visitFrom(in, cmd, st, e)
		case *instructions.ArgCommand:
			// What the ARG sets is judged with the state after it.
			after := st.clone()
			if err := e.apply(in, after, e.global); err != nil {
				return err
			}
			c.visitArg(in, st, cmd.Args, func(k string) variable { return after.vars[k] })
		case *instructions.EnvCommand:
			c.visitEnv(in, st, e, cmd.Env)
		case *instructions.CopyCommand, *instructions.AddCommand:
			c.visitHeredocs(in, st, e)
			c.visitCopy(in, st, e)
		case *instructions.RunCommand:
			return c.visitRun(in, st, e)
		case *instructions.OnbuildCommand:
			if sub := c.d.trigger(in); sub != nil {
				if err := e.visit(sub, st.clone()); err != nil {
					return err
				}
			}
		default:
			c.visitConfig(in, st, e)
		}
		return nil
	}
	return e.run()
}

// visitFrom looks at the name of a base image.
func (c *checker) visitFrom(in *instruction, cmd *instructions.Stage, global *state, e *evaluator) {
	w, err := global.expand(e.lex, cmd.BaseName)
	if err != nil {
		return
	}
	f := &finding{id: idFromURL, in: in, rests: []report.Rest{report.RestProvenance}}
	if ls := c.secrets(w.labels); len(ls) > 0 {
		f.key, f.message = ls[0].name, fmt.Sprintf("the name of the base image has %s in it", ls[0].describe())
		c.add(f)
	} else if spans := urlPasswords(w.value); len(spans) > 0 {
		c.known(w.value[spans[0][0]:spans[0][1]])
		f.message = "the name of the base image has credentials in it"
		c.add(f)
	}
}

// visitHeredocs looks at the files that a COPY or ADD has written out.
func (c *checker) visitHeredocs(in *instruction, st *state, e *evaluator) {
	var sd *instructions.SourcesAndDest
	switch cmd := in.cmd.(type) {
	case *instructions.CopyCommand:
		sd = &cmd.SourcesAndDest
	case *instructions.AddCommand:
		sd = &cmd.SourcesAndDest
	}
	several := len(sd.SourceContents)+len(sd.SourcePaths) > 1 || strings.HasSuffix(sd.DestPath, "/")
	for i, content := range sd.SourceContents {
		dest := sd.DestPath
		if w, err := st.expand(e.lex, dest); err == nil {
			dest = w.value
		}
		if several {
			dest = path.Join(dest, content.Path)
		}
		dest = st.abs(dest)
		var body *text
		if i < len(in.body) {
			body = in.body[i].text
		}
		if content.Expand {
			if w, err := st.expand(e.raw, content.Data); err == nil {
				if ls := c.secrets(w.labels); len(ls) > 0 {
					c.add(c.inStage(&finding{id: idPersisted, in: in, key: ls[0].name, target: dest, severity: critical,
						message: fmt.Sprintf("the here-document has %s in it, and is written to %s", ls[0].describe(), dest),
						rests:   []report.Rest{report.RestLayer, report.RestHistory}}, false))
					st.keep(shellflow.File{Path: dest, Labels: w.labels})
				}
			}
		}
		if body == nil {
			continue
		}
		// What a file of that name would be searched for.
		for _, h := range credentials(dest, []byte(body.s), nil) {
			line, _ := c.d.src.position(body.offset(0))
			from := c.d.src.lineStart(line + h.line - 1)
			l := c.d.src.line(line + h.line - 1)
			f := &finding{id: idHeredoc, in: in, at: extent{from, from + len(l)}, key: h.key, target: dest, secret: h.secret, confidence: h.confidence,
				message: fmt.Sprintf("the here-document has a password or token, and is written to %s", dest),
				rests:   []report.Rest{report.RestLayer, report.RestHistory, report.RestProvenance}}
			v := string(h.secret.Reveal())
			if i := strings.Index(string(l), v); i >= 0 {
				f.value = extent{from + i, from + i + len(v)}
			}
			c.known(v)
			c.add(c.inStage(f, true))
		}
	}
}

// visitRun follows the secrets that a RUN sees.
func (c *checker) visitRun(in *instruction, st *state, e *evaluator) error {
	mounts, err := e.mounts(in, st)
	if err != nil {
		return err
	}
	sc := in.script()
	c.dirs[in], c.homes[in] = st.dir, st.home()
	input := shellflow.Input{
		Script: sc.text.s, Exec: sc.exec, Vars: map[string]shellflow.Var{}, Files: slices.Clone(st.files),
		Dir: st.dir, Home: st.home(), User: st.user, SecretName: secretName, Placeholder: c.placeholder,
	}
	if sc.exec != nil {
		input.Script = ""
	}
	if len(st.shell) > 0 {
		input.Shell = strings.Join(st.shell, " ")
	}
	for k, v := range st.vars {
		input.Vars[k] = shellflow.Var{Value: v.value, Known: v.known, Labels: v.labels, Exported: true}
	}
	for _, m := range mounts {
		c.visitMount(in, st, sc, m, &input)
	}
	if in.onbuild != nil && in.onbuild.stage == in.stage {
		input.Files = nil
	}
	res := shellflow.Analyze(input)
	if res.Opaque != nil {
		c.opaque(in, sc, &input, res.Opaque)
	}
	if name := interpreter(in, sc); name != "" && res.Opaque == nil {
		c.opaque(in, sc, &input, fmt.Errorf("it is a program for %s", name))
	}
	written := map[string]bool{}
	for _, fl := range res.Flows {
		c.flow(in, st, sc, fl, written)
	}
	for _, k := range res.Constants {
		c.constant(in, sc, k)
	}
	for _, r := range res.Removed {
		c.removed(in, sc, st, r)
	}
	if res.Opaque == nil {
		st.files = nil
		for _, f := range res.Files {
			st.keep(f)
		}
	}
	return nil
}

// visitMount checks a mount and adds what it brings to the input.
func (c *checker) visitMount(in *instruction, st *state, sc script, m *instructions.Mount, input *shellflow.Input) {
	target := m.Target
	if target != "" {
		target = st.abs(target)
	}
	switch m.Type {
	case instructions.MountTypeSecret:
		id := m.CacheID
		if m.Source != "" {
			id = m.Source
		}
		if id == "" {
			id = path.Base(m.Target)
		}
		at := c.mountExtent(in, m, id)
		l := c.mountLabel(in, id, at)
		if m.Env != nil {
			input.Vars[*m.Env] = shellflow.Var{Labels: []shellflow.Label{l}, Exported: true}
		}
		if m.Env == nil || m.Target != "" {
			if target == "" {
				target = "/run/secrets/" + path.Base(id)
			}
			input.Mounts = append(input.Mounts, shellflow.Mount{Kind: shellflow.MountSecret, Target: target, Labels: []shellflow.Label{l}})
			in.stage.mountTargets = append(in.stage.mountTargets, mountTarget{in, id, target})
		}
		if !m.Required && !optional(sc, target, m.Env) && !c.optionalElsewhere(id, target, m.Env) {
			c.add(&finding{id: idNotRequired, in: in, at: at, key: id, message: fmt.Sprintf("if the build isn't given the secret %s, the step runs without it", id), mend: c.requiredMend(in, at, id)})
		}
		if u, _, _ := strings.Cut(st.user, ":"); m.Mode != nil && *m.Mode&0o004 != 0 && (u == "" || u == "root" || u == "0" || m.UID != nil) {
			c.add(&finding{id: idWideMode, in: in, at: at, key: id, message: fmt.Sprintf("the secret %s is mounted with mode %04o: every user and process of the step can read it", id, *m.Mode), mend: c.modeMend(in, at)})
		}
		if c.o.Given && in.stage.reached && !slices.Contains(c.o.Secrets, id) {
			sev := report.Severity("")
			if !m.Required {
				sev = low
			}
			c.add(&finding{id: idNotGiven, in: in, at: at, key: id, severity: sev, message: fmt.Sprintf("the step uses the secret %s, which the build isn't given", id)})
		}
	case instructions.MountTypeCache:
		input.Mounts = append(input.Mounts, shellflow.Mount{Kind: shellflow.MountCache, Target: target, ReadWrite: true})
	case instructions.MountTypeTmpfs:
		input.Mounts = append(input.Mounts, shellflow.Mount{Kind: shellflow.MountTmpfs, Target: target, ReadWrite: true})
	case instructions.MountTypeSSH:
		input.Mounts = append(input.Mounts, shellflow.Mount{Kind: shellflow.MountSSH, Target: target})
	case instructions.MountTypeBind:
		input.Mounts = append(input.Mounts, shellflow.Mount{Kind: shellflow.MountBind, Target: target, ReadWrite: !m.ReadOnly})
		if s := c.d.findFrom(m.From, in.stage.index); m.From != "" && s != nil && s.state != nil {
			src := path.Clean("/" + m.Source)
			for _, f := range s.state.files {
				if dest, ok := carried(f, src, target, false); ok {
					input.Files = append(input.Files, shellflow.File{Path: dest, Labels: f.Labels, Dir: f.Dir})
				}
			}
			return
		}
		cp := c.copies[in]
		if cp == nil || cp.from == nil {
			return
		}
		told := 0
		for i := range cp.taken {
			t := &cp.taken[i]
			h := cp.from.hot[t.File.Path]
			if h == nil || len(h.hits) == 0 || !under(t.Dest, target) {
				continue
			}
			if told++; told > maxFilesTold {
				break
			}
			w := h.worst()
			f := c.add(&finding{id: idBindMounted, in: in, key: t.File.Path, target: t.Dest, rule: w.rule, secret: w.secret, confidence: w.confidence,
				message: fmt.Sprintf("%s (%s) is bind-mounted at %s", t.File.Path, h.describe(), t.Dest), rests: []report.Rest{report.RestContext, report.RestBuildCache}})
			input.Files = append(input.Files, shellflow.File{Path: t.Dest, Labels: []shellflow.Label{c.newLabel(&label{kind: bindLabel, name: t.File.Path, in: in, find: f, hot: h})}})
		}
	}
}

// mountLabel is the label of a secret that is mounted: one for each RUN.
func (c *checker) mountLabel(in *instruction, id string, at extent) shellflow.Label {
	for i, l := range c.labels {
		if l.kind == mountLabel && l.in == in && l.name == id {
			return shellflow.Label(i)
		}
	}
	return c.newLabel(&label{kind: mountLabel, name: id, in: in, at: at})
}

// mountExtent finds the --mount flag of a secret.
func (c *checker) mountExtent(in *instruction, m *instructions.Mount, id string) extent {
	for at := 0; ; {
		i := strings.Index(in.head.s[at:], "--mount=")
		if i < 0 {
			return in.extent(c.d.src)
		}
		i += at
		end := i + len(in.head.s[i:])
		if j := strings.IndexAny(in.head.s[i:], " \t"); j >= 0 {
			end = i + j
		}
		flag := in.head.s[i:end]
		if strings.Contains(flag, string(m.Type)) && (strings.Contains(flag, id) || m.Target != "" && strings.Contains(flag, m.Target)) {
			return in.head.extent(i, end)
		}
		at = end
	}
}

// optionalElsewhere says whether another step that mounts the secret looks
// whether it is there: then the build is meant to work without it.
func (c *checker) optionalElsewhere(id, target string, env *string) bool {
	return slices.ContainsFunc(c.d.all(), func(in *instruction) bool {
		return in.name == "RUN" && mountsID(in.head.s, id) && optional(in.script(), target, env)
	})
}

// optional says whether a script looks whether it was given the secret.
func optional(sc script, target string, env *string) bool {
	s := sc.text.s
	for _, test := range []string{"-f ", "-s ", "-e ", "-r "} {
		for _, q := range []string{"", `"`, "'"} {
			if target != "" && strings.Contains(s, test+q+target) {
				return true
			}
		}
	}
	if env != nil {
		for _, form := range []string{`-n "$` + *env, `-z "$` + *env, `-n $` + *env, `-n "${` + *env, `-z "${` + *env, "${" + *env + ":", "${" + *env + "-", "${" + *env + "+"} {
			if strings.Contains(s, form) {
				return true
			}
		}
	}
	return false
}

var interpreterForm = regexp.MustCompile(`(?:^|[\s;&|(/])(python[\d.]*|node|perl|ruby|php|Rscript|lua|deno|bun)\s[^|;&\n]*(?:<<|-c\s|-e\s|-r\s|-p\s|--eval)`)

// interpreter returns the program that a script hands a program of its own to,
// as a here-document or an argument.
func interpreter(in *instruction, sc script) string {
	s := sc.text.s
	if sc.exec != nil {
		s = strings.Join(sc.exec, " ")
	}
	if m := interpreterForm.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// opaque tells of a RUN that was not understood, if it had to do with secrets.
func (c *checker) opaque(in *instruction, sc script, input *shellflow.Input, reason error) {
	var names []string
	for k, v := range input.Vars {
		if len(v.Labels) > 0 && strings.Contains(sc.text.s, k) {
			names = append(names, k)
		}
	}
	for _, m := range input.Mounts {
		if m.Kind == shellflow.MountSecret && (sc.shebang != "" || strings.Contains(sc.text.s, path.Base(m.Target))) {
			names = append(names, m.Target)
		}
	}
	for _, f := range input.Files {
		if strings.Contains(sc.text.s, f.Path) || strings.Contains(sc.text.s, path.Base(f.Path)) {
			names = append(names, f.Path)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if sc.shebang != "" {
		reason = fmt.Errorf("it is a program for %s", strings.TrimPrefix(sc.shebang, "#!"))
	}
	c.gapAt(report.GapUnreadable, c.d.src, in.first,
		fmt.Sprintf("what this RUN does with %s was not followed: %v", strings.Join(names[:min(len(names), 5)], ", "), reason), "")
}

// indexTools are the programs whose package index is a URL.
var indexTools = wordSet(`pip pip3 pipx uv poetry pdm pipenv conda mamba npm pnpm yarn gem bundle go cargo composer dotnet nuget helm apt apt-get apk dnf yum python python3`)

// flow makes a finding of what a script does with a secret.
func (c *checker) flow(in *instruction, st *state, sc script, fl shellflow.Flow, written map[string]bool) {
	f := &finding{in: in, target: fl.Path}
	if sc.exec == nil && fl.End > fl.Pos {
		f.at = sc.text.extent(fl.Pos, fl.End)
	}
	var l *label
	for _, x := range fl.Labels {
		// A value says more than the file that it came in.
		if cand := c.labels[x]; l == nil || (l.kind == fileLabel) && cand.kind != fileLabel {
			l = cand
		}
	}
	if l != nil {
		f.key = l.name
		if l.kind == mountLabel {
			f.mounted = l.name
		}
		if l.in != nil && l.in != in {
			f.also = append(f.also, also{c.d.src, l.in.extent(c.d.src), l.describe() + " comes from here"})
		}
		if l.hot != nil {
			if w := l.hot.worst(); w != nil {
				f.rule, f.secret = w.rule, w.secret
			}
		}
	}
	where := fl.Path
	if where == "" {
		where = "a file"
	}
	layer := []report.Rest{report.RestLayer, report.RestBuildCache}
	switch fl.Kind {
	case shellflow.Written, shellflow.GitRemote:
		if l != nil && l.kind == fileLabel && fl.Kind == shellflow.Written {
			return // the COPY that brought it is told
		}
		if written[fl.Path+"\x00"+f.key] {
			return
		}
		written[fl.Path+"\x00"+f.key] = true
		f.rests = layer
		tool, _, _ := strings.Cut(fl.By, " ")
		switch {
		case fl.Kind == shellflow.GitRemote:
			f.id = idGitCredentials
			f.message = fmt.Sprintf("%s keeps the URL with its credentials in %s", fl.By, where)
			if l != nil {
				f.message = fmt.Sprintf("%s keeps the URL, with %s in it, in %s", fl.By, l.describe(), where)
			}
		case dumpsEnvironment(sc, fl):
			f.id = idEnvDumped
			f.message = fmt.Sprintf("%s writes the environment, with %s in it, to %s", fl.By, describe(l), where)
		case strings.Contains(fl.By, " ") && !strings.HasPrefix(fl.By, "sed") || savesCredentials(tool):
			f.id = idSavedByTool
			f.message = fmt.Sprintf("%s writes %s to %s", fl.By, describe(l), where)
		case l != nil && l.kind == mountLabel && c.throughDirectory(in, sc, l):
			f.id = idMountTargetCopied
			f.message = fmt.Sprintf("%s takes the directory that %s is in, and so the secret itself, to %s", fl.By, l.describe(), where)
		default:
			f.id = idPersisted
			f.message = fmt.Sprintf("%s is written to %s (by %s), and stays in the layer", describe(l), where, fl.By)
		}
		c.add(c.inStage(f, false))
	case shellflow.Cached:
		if l != nil && l.kind == fileLabel {
			return
		}
		f.id, f.rests = idCacheMount, []report.Rest{report.RestCacheMount}
		f.message = fmt.Sprintf("%s is written to %s, in a cache mount", describe(l), where)
		c.add(f)
	case shellflow.Logged:
		f.id, f.rests = idLogged, []report.Rest{report.RestLog}
		f.message = fmt.Sprintf("%s is printed (by %s)", describe(l), fl.By)
		c.add(f)
	case shellflow.Hashed:
		if l != nil && l.kind == mountLabel {
			f.id, f.rests = idStale, layer
			f.message = fmt.Sprintf("%s stores a hash of %s: when the secret changes, the step stays cached, with the old one", fl.By, l.describe())
			c.add(f)
			return
		}
		f.id, f.rests = idPassword, append(layer, report.RestHistory)
		f.message = fmt.Sprintf("%s sets a password, the same in every container of the image", fl.By)
		if l != nil {
			f.message = fmt.Sprintf("%s sets a password, %s: the same in every container of the image", fl.By, l.describe())
		}
		if l == nil && sc.exec == nil && fl.End > fl.Pos {
			c.hidePassword(f, sc.text.s[fl.Pos:fl.End])
		}
		if v := strings.TrimSpace(fl.Value); v != "" && l == nil {
			c.given(sc, v)
			f.secret = c.secret(v)
		}
		c.add(c.inStage(f, false))
	case shellflow.Generated:
		f.id, f.rests = idKeyGenerated, layer
		f.message = fmt.Sprintf("%s makes a private key, which stays in %s", fl.By, where)
		c.add(c.inStage(f, false))
	case shellflow.Fetched:
		f.id, f.rests = idFetched, layer
		f.message = fmt.Sprintf("what %s prints is written to %s, and stays in the layer", fl.By, where)
		if fl.Path == "" {
			f.id, f.rests = idLogged, []report.Rest{report.RestLog}
			f.message = fmt.Sprintf("%s prints a secret into the build's log", fl.By)
			c.add(f)
			return
		}
		c.add(c.inStage(f, false))
	case shellflow.Argument:
		c.argument(f, fl, sc, l)
	case shellflow.Inline:
		c.inline(f, fl, sc)
	}
}

var environmentDump = regexp.MustCompile(`^\W*(env|printenv|export( -p)?|set|declare( -p| -x)?)\s*([|>]|$)`)

// dumpsEnvironment says whether it is the environment that is written, also
// through a filter.
func dumpsEnvironment(sc script, fl shellflow.Flow) bool {
	switch fl.By {
	case "env", "printenv", "export", "export -p", "set", "declare", "declare -p", "declare -x":
		return true
	}
	if sc.exec != nil {
		return false
	}
	// From where the list of commands that it is in starts.
	start := strings.LastIndexAny(sc.text.s[:fl.Pos], ";&\n({") + 1
	return environmentDump.MatchString(strings.TrimSpace(sc.text.s[start:fl.End]))
}

// throughDirectory says whether a script copies a mounted secret without
// naming it: by the directory that it is in.
func (c *checker) throughDirectory(in *instruction, sc script, l *label) bool {
	for _, m := range in.stage.mountTargets {
		if m.in == in && m.id == l.name {
			return sc.exec == nil && !strings.Contains(sc.text.s, path.Base(m.path))
		}
	}
	return false
}

func describe(l *label) string {
	if l == nil {
		return "a secret"
	}
	return l.describe()
}

// passwordForms are where the commands that set a password have it.
var passwordForms = []*regexp.Regexp{
	regexp.MustCompile(`[\w.\-]+:([^'"\s|:]+)`),
	regexp.MustCompile(`(?:-p|--password)[= ]\s*['"]?([^'"\s|]+)`),
	regexp.MustCompile(`-\w*b\w*\s.*\s['"]?([^'"\s|]+)['"]?\s*$`),
	regexp.MustCompile(`(?:echo|printf)\s+(?:-\w+\s+)*['"]?([^'"|]+)['"]?\s*\|`),
}

// hidePassword keeps what may be the password in a command from being shown.
func (c *checker) hidePassword(f *finding, s string) {
	for _, form := range passwordForms {
		if m := form.FindStringSubmatchIndex(s); m != nil && f.value == (extent{}) {
			f.value = extent{f.at.from + m[2], f.at.from + m[3]}
			if strings.ContainsRune(s[:m[3]], '\n') || f.at.to-f.at.from != len(s) {
				f.value = f.at // over several lines: nothing of it is shown
			}
			f.secret = c.secret(s[m[2]:m[3]])
		}
	}
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\n\"':|<>;&()", r) }) {
		if !strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "/") && !strings.HasPrefix(w, "$") {
			c.known(w)
		}
	}
}

// given keeps a password in a script from being shown, also a plain word.
func (c *checker) given(sc script, v string) {
	for line := range strings.Lines(v) {
		if line = strings.TrimSpace(line); len(line) < 3 {
			continue
		}
		c.known(line)
		if sc.exec != nil {
			continue
		}
		for at := 0; ; {
			i := strings.Index(sc.text.s[at:], line)
			if i < 0 {
				break
			}
			at += i + len(line)
			c.hidden = append(c.hidden, sc.text.extent(at-len(line), at))
		}
	}
}

// savesCredentials says whether a program that writes a secret does so into a
// configuration of its own.
func savesCredentials(tool string) bool {
	switch tool {
	case "cp", "mv", "tee", "install", "ln", "dd", "rsync", "scp", "tar", "zip", "gzip", "sed", "awk", "cat", "echo", "printf", "envsubst", "base64", "openssl", "jq", "yq", "curl", "wget", "touch", "sponge", "patch":
		return false
	}
	return tool != "" && !strings.ContainsAny(tool, "<>|&")
}

// argument is a build argument on the command line of a program.
func (c *checker) argument(f *finding, fl shellflow.Flow, sc script, l *label) {
	if l == nil || l.kind != argLabel && l.kind != envLabel {
		return // a mounted secret is where it belongs
	}
	tool, _, _ := strings.Cut(fl.By, " ")
	f.rests = []report.Rest{report.RestHistory, report.RestProvenance, report.RestLog}
	around := ""
	if sc.exec == nil {
		around = sc.text.s[fl.Pos:fl.End]
	} else {
		around = strings.Join(sc.exec, " ")
	}
	switch {
	case tool == "curl" || tool == "wget" || tool == "http" || tool == "https" || tool == "aria2c":
		f.id = idDownloadArg
		f.message = fmt.Sprintf("%s is given %s: the step is shown in the log with its value, and the history has it", tool, l.describe())
	case indexTools[tool] && strings.Contains(around, "://") && strings.Contains(around, "@"):
		f.id = idIndexURL
		f.message = fmt.Sprintf("%s is given an index with %s in its URL: the step is shown in the log with its value, and the history has it", tool, l.describe())
	default:
		return
	}
	f.mend = c.argMend(l.in, l.name)
	c.add(c.inStage(f, false))
}

// inline is a password that is written out.
func (c *checker) inline(f *finding, fl shellflow.Flow, sc script) {
	f.id, f.confidence = idInline, report.ConfidenceMedium
	f.rests = []report.Rest{report.RestHistory, report.RestProvenance, report.RestLog}
	f.message = fmt.Sprintf("%s is given a password or token that is written out", fl.By)
	if name, ok := strings.CutSuffix(fl.By, "="); ok {
		f.message = fmt.Sprintf("%s is set to a password or token that is written out", name)
	}
	around := c.inlineValue(f, fl, sc)
	tool, _, _ := strings.Cut(fl.By, " ")
	if indexTools[tool] && strings.Contains(around, "://") {
		f.id, f.message = idIndexURL, fmt.Sprintf("%s is given an index with a password in its URL", tool)
	}
	if strings.HasPrefix(fl.By, "git") && strings.Contains(around, "://") {
		f.message = fmt.Sprintf("%s is given a URL with a password or token in it", fl.By)
	}
	c.inHeredoc(f)
	c.add(c.inStage(f, true))
}

// inHeredoc gives a finding in a here-document to the check of those.
func (c *checker) inHeredoc(f *finding) {
	for _, h := range f.in.body {
		if len(h.text.s) > 0 && f.at.from >= h.text.offset(0) && f.at.from <= h.text.offset(len(h.text.s)-1) {
			f.id = idHeredoc
		}
	}
}

// inlineValue finds the constant of a flow in its script, and keeps it from
// being shown. It returns the word that the constant is in.
func (c *checker) inlineValue(f *finding, fl shellflow.Flow, sc script) (around string) {
	c.known(fl.Value)
	f.secret = c.secret(fl.Value)
	if sc.exec != nil {
		if i := strings.Index(f.in.head.s, fl.Value); i >= 0 && fl.Value != "" {
			f.at = f.in.head.extent(i, i+len(fl.Value))
			f.value = f.at
		}
		return strings.Join(sc.exec, " ")
	}
	around = sc.text.s[fl.Pos:fl.End]
	f.value = f.at // nothing of the word is shown if the value isn't found in it
	i := valueIn(around, fl)
	if i < 0 {
		return around
	}
	f.value = sc.text.extent(fl.Pos+i, fl.Pos+i+len(fl.Value))
	if strings.Contains(around, "\n") {
		// In a here-document or a script of several lines: the line that it is in.
		from := strings.LastIndexByte(around[:i], '\n') + 1
		to := len(around)
		if n := strings.IndexByte(around[i:], '\n'); n >= 0 {
			to = i + n
		}
		around = around[from:to]
		f.at = sc.text.extent(fl.Pos+from, fl.Pos+to)
	}
	return around
}

// valueIn finds the constant in the word that it comes from: after the name of
// its variable, if it has one.
func valueIn(around string, fl shellflow.Flow) int {
	if fl.Value == "" {
		return -1
	}
	if name, ok := strings.CutSuffix(fl.By, "="); ok {
		if i := strings.Index(around, name+"="); i >= 0 {
			if j := strings.Index(around[i:], fl.Value); j >= 0 {
				return i + j
			}
		}
	}
	return strings.LastIndex(around, fl.Value)
}

// constant looks into a file that a script writes word by word.
func (c *checker) constant(in *instruction, sc script, k shellflow.Constant) {
	for _, h := range credentials(k.Path, []byte(k.Text), nil) {
		v := string(h.secret.Reveal())
		f := &finding{id: idInline, in: in, key: h.key, target: k.Path, secret: h.secret, confidence: h.confidence,
			message: fmt.Sprintf("a password or token is written out, and goes into %s", k.Path),
			rests:   []report.Rest{report.RestLayer, report.RestHistory, report.RestProvenance}}
		c.known(v)
		if sc.exec == nil {
			i := strings.Index(sc.text.s[k.Pos:], v)
			if i < 0 {
				f.at = sc.text.extent(k.Pos, k.End)
				f.value = f.at
			} else {
				f.value = sc.text.extent(k.Pos+i, k.Pos+i+len(v))
				f.at = f.value
			}
		}
		if slices.ContainsFunc(c.found, func(g *finding) bool {
			return g.src == c.d.src && g.value.from < f.value.to && f.value.from < g.value.to
		}) {
			continue // the rules know its form
		}
		c.inHeredoc(f)
		c.add(c.inStage(f, true))
	}
}

// removed tells that a file with a secret is removed by a later RUN.
func (c *checker) removed(in *instruction, sc script, st *state, r shellflow.Removal) {
	for _, f := range st.files {
		if f.Path != r.Path {
			continue
		}
		for _, x := range f.Labels {
			l := c.labels[x]
			if l.in == in || l.kind == bindLabel {
				continue
			}
			at := in.extent(c.d.src)
			if sc.exec == nil && r.End > r.Pos {
				at = sc.text.extent(r.Pos, r.End)
			}
			for _, g := range c.found {
				if g.stage == nil || g.in == nil || g.target != r.Path || g.in == in {
					continue
				}
				switch g.id {
				case idCopiedSecret, idSweptInSecret, idSSHKeyCopied, idPersisted, idSavedByTool, idCopiedThenRemoved, idBuilderCopied:
				default:
					continue
				}
				if slices.ContainsFunc(g.also, func(a also) bool { return a.at == at }) {
					continue
				}
				if g.id == idCopiedSecret || g.id == idSweptInSecret {
					g.id = idCopiedThenRemoved
				}
				g.message += fmt.Sprintf("; it is removed in line %d, but its layer keeps it", in.first)
				g.also = append(g.also, also{c.d.src, at, "removed here, in a later layer"})
				if g.fix != "" {
					g.fix += fmt.Sprintf(" Then nothing is left to be removed in line %d.", in.first)
				}
			}
			break
		}
	}
}
