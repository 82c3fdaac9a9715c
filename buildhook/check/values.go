package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/leakscan/leakscan/buildhook/shellflow"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// This file judges names and values: ARG, ENV and what else goes into the
// image's config, and what the rules see in the text of the Dockerfile.

// recognise returns the first secret that the rules see in NAME=value.
func (c *checker) recognise(name, value string) *detect.Match {
	if len(value) < 8 {
		return nil
	}
	for m, err := range c.scanner.ScanBytes("", []byte(name+"="+value+"\n")) {
		if err != nil {
			return nil
		}
		if m.Severity != rules.SeverityInfo && (!guess(&m) || secretName(name) && !placeholder(value)) {
			return &m
		}
	}
	return nil
}

// guess reports whether only a name and the look of a value are behind a match.
func guess(m *detect.Match) bool {
	return m.Confidence == rules.ConfidenceLow || m.Rule.Class == rules.ClassGeneric
}

// secretValue labels a variable that is set: it is a secret if its name says
// so and its value does not deny it, or if its value is one.
func (c *checker) secretValue(in *instruction, name, value string, known bool, inherited []shellflow.Label) []shellflow.Label {
	inherited = slices.DeleteFunc(slices.Clone(inherited), func(l shellflow.Label) bool {
		return known && c.labels[l].value != "" && !strings.Contains(value, c.labels[l].value) // ${TOKEN:+yes}
	})
	is := false
	switch {
	case proxyVariable(name):
		is = known && len(urlPasswords(value)) > 0
	case known && c.recognise(name, value) != nil:
		is = true
	case known && len(urlPasswords(value)) > 0:
		is = true
	case in.name == "ARG" && secretURLs[strings.ToLower(name)]:
		is = !known || asksForValue(value)
	case secretName(name), in.name == "ARG" && c.d.feeds()[name]:
		if in.name == "ENV" && !known {
			return inherited // what an ARG or the base image sets is told there, or not known
		}
		is = !known || !placeholder(value) || in.name == "ARG" && asksForValue(value)
	}
	if !is || len(inherited) > 0 && in.name == "ENV" {
		return inherited
	}
	for i, l := range c.labels {
		// The same ARG again, or one that is inherited from before the first FROM.
		if l.in == in && l.name == name {
			return union(inherited, []shellflow.Label{shellflow.Label(i)})
		}
	}
	l := &label{kind: argLabel, name: name, in: in, value: value}
	if in.name == "ENV" {
		l.kind = envLabel
	}
	if known && value != "" {
		c.known(value)
		for _, sp := range urlPasswords(value) {
			c.known(value[sp[0]:sp[1]])
		}
	}
	return union(inherited, []shellflow.Label{c.newLabel(l)})
}

func proxyVariable(name string) bool {
	switch strings.ToUpper(name) {
	case "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY":
		return true
	}
	return false
}

// secrets returns the labels' secrets that are values, not files.
func (c *checker) secrets(ls []shellflow.Label) (out []*label) {
	for _, l := range ls {
		if lab := c.labels[l]; lab.kind == argLabel || lab.kind == envLabel {
			out = append(out, lab)
		}
	}
	return out
}

// secret makes a value one that can only be shown as a preview.
func (c *checker) secret(value string) detect.Secret {
	return detect.NewSecret("leakscan-check", []byte(value), []byte("leakscan"))
}

// inStage lowers a finding's severity if its stage is not shipped. A literal
// is in the Dockerfile itself, and so in the provenance.
func (c *checker) inStage(f *finding, literal bool) *finding {
	s := f.stage
	if s == nil && f.in != nil {
		s = f.in.stage
	}
	if s == nil || s.exported || c.o.CacheMax {
		return f
	}
	chk, _ := Find(f.id)
	if f.severity == "" {
		f.severity = chk.Severity
	}
	if literal {
		f.severity = lower(f.severity, 1)
	} else {
		f.severity = lower(f.severity, 2)
	}
	f.rests = slices.DeleteFunc(slices.Clone(f.rests), func(r report.Rest) bool {
		return r == report.RestLayer || r == report.RestConfig || r == report.RestHistory
	})
	if !slices.Contains(f.rests, report.RestBuildCache) {
		f.rests = append(f.rests, report.RestBuildCache)
	}
	if literal && !slices.Contains(f.rests, report.RestProvenance) {
		f.rests = append(f.rests, report.RestProvenance)
	}
	f.message = strings.Replace(f.message, "in the config of the image, and in the environment of every container", "in the environment of a stage", 1)
	f.message += fmt.Sprintf(" (in the stage %s, which is not shipped)", s.title())
	return f
}

// visitArg says which arguments of an ARG are secrets. The state is that before it.
func (c *checker) visitArg(in *instruction, st *state, kvs []instructions.KeyValuePairOptional, after func(string) variable) {
	for _, kv := range kvs {
		v := after(kv.Key)
		at := in.extent(c.d.src)
		var value extent
		if i := in.head.word(kv.Key, len("ARG")); i >= 0 {
			at = in.head.extent(i, i+len(kv.Key))
			if kv.Value != nil {
				if j := strings.Index(in.head.s[i:], *kv.Value); j > 0 && *kv.Value != "" {
					value = in.head.extent(i+j, i+j+len(*kv.Value))
					at.to = value.to
				}
			}
		}
		labels := c.secrets(v.labels)
		if proxyVariable(kv.Key) {
			if kv.Value != nil && len(urlPasswords(*kv.Value)) > 0 {
				c.add(&finding{id: idProxy, in: in, at: at, key: kv.Key, value: value, message: fmt.Sprintf("ARG %s has a password in its URL", kv.Key),
					rests: []report.Rest{report.RestProvenance, report.RestHistory}})
			}
			continue
		}
		if len(labels) == 0 {
			continue
		}
		if kv.Value != nil {
			if notAValue(strings.Trim(*kv.Value, `"'`)) {
				value = extent{}
			}
			c.rawly(*kv.Value)
		}
		own := labels[len(labels)-1]
		if kv.Value != nil && own.in == in && !strings.Contains(*kv.Value, "$") && own.name == kv.Key && v.value == own.value && !placeholder(own.value) && !asksForValue(own.value) && own.value == strings.Trim(*kv.Value, `"'`) {
			f := &finding{id: idArgDefault, in: in, at: at, key: kv.Key, value: value, message: fmt.Sprintf("ARG %s has a default that looks like a secret: docker history shows it, or what --build-arg gives in its place", kv.Key),
				rests: []report.Rest{report.RestHistory, report.RestProvenance}}
			c.literal(f, kv.Key, own.value)
			own.find = c.add(c.inStage(f, true))
			continue
		}
		if slices.ContainsFunc(labels, func(l *label) bool { return l.find != nil && l.find.id == idArgDefault && l.in != in }) {
			continue // its default, before the first FROM, is told
		}
		if in.stage == nil {
			continue // where a stage declares it again, that is told
		}
		if slices.Contains(st.args, kv.Key) {
			continue
		}
		f := &finding{id: idArgHistory, in: in, at: at, key: kv.Key, value: value,
			message: fmt.Sprintf("docker history shows the value of %s, at the ARG and at every RUN after it", kv.Key),
			rests:   []report.Rest{report.RestHistory, report.RestProvenance, report.RestBuildCache}}
		if !in.stage.exported && !c.o.CacheMax {
			f.id = idArgProvenance
			f.message = fmt.Sprintf("the stage %s is not shipped, but the value of %s is kept in the provenance (mode=max), in the build's record and in the cache", in.stage.title(), kv.Key)
			if c.o.ProvenanceMax {
				f.severity = high
				f.message = fmt.Sprintf("the stage %s is not shipped, but this build makes a provenance with mode=max, which has the value of %s and is pushed with the image", in.stage.title(), kv.Key)
			}
			f.rests = []report.Rest{report.RestProvenance, report.RestBuildCache}
		}
		if !secretName(kv.Key) {
			f.message = strings.Replace(f.message, kv.Key, kv.Key+", which is a secret by what it is used for,", 1)
		}
		id := secretID(kv.Key)
		f.fix = fmt.Sprintf("Take the ARG away, mount the secret where it is used, with RUN --mount=type=secret,id=%s,env=%s,required=true, and build with --secret id=%s,env=%s in place of --build-arg.", id, kv.Key, id, kv.Key)
		f.mend = c.argMend(in, kv.Key)
		own.find = c.add(f)
	}
}

var defaultOf = regexp.MustCompile(`\$\{\w+:?[-+=?]([^}]*)\}`)

// rawly keeps a value from being shown as it is written: with its quotes,
// escapes, and dollar signs that expand to others.
func (c *checker) rawly(v string) {
	v = strings.Trim(v, `"'`)
	for _, m := range defaultOf.FindAllStringSubmatch(v, -1) {
		c.known(m[1])
	}
	if !notAValue(v) && !defaultOf.MatchString(v) {
		c.known(v)
	}
}

// literal fills in what is known of a value that is written out.
func (c *checker) literal(f *finding, key, value string) {
	c.known(value)
	f.secret = c.secret(value)
	if m := c.recognise(key, value); m != nil {
		f.rule, f.secret = m.Rule.ID, m.Secret
		f.severity, f.confidence = report.Severity(m.Severity), report.Confidence(m.Confidence)
		if guess(m) {
			f.severity = "" // the name says more
			f.confidence = report.ConfidenceMedium
		}
		return
	}
	f.confidence = report.ConfidenceMedium
	switch {
	case weak(value):
		f.severity = medium
	case strings.Trim(value, "abcdefghijklmnopqrstuvwxyz-_ ") == "":
		f.severity = high // words: a passphrase, or the name of something
	}
}

// weak is for passwords that everybody knows. They are leaks all the same.
func weak(value string) bool {
	switch strings.ToLower(value) {
	case "password", "postgres", "root", "admin", "mysql", "secret", "guest", "user", "rabbitmq", "redis", "mongo", "minio", "minioadmin", "passw0rd", "password123", "toor", "letmein", "docker", "vagrant":
		return true
	}
	return len(value) < 8
}

// visitEnv says which variables of an ENV are secrets.
func (c *checker) visitEnv(in *instruction, st *state, e *evaluator, kvs instructions.KeyValuePairs) {
	for _, kv := range kvs {
		w, err := st.expand(e.lex, kv.Value)
		if err != nil {
			continue
		}
		at, value := c.pair(in, kv.Key, kv.Value)
		f := &finding{in: in, at: at, key: kv.Key, value: value, rests: []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}}
		if proxyVariable(kv.Key) {
			if len(urlPasswords(w.value)) > 0 {
				f.id, f.message = idProxy, fmt.Sprintf("ENV %s has a password in its URL, for every container of the image", kv.Key)
				c.add(c.inStage(f, true))
			}
			continue
		}
		labels := c.secrets(c.secretValue(in, kv.Key, w.value, !w.unknown || w.value != "", w.labels))
		if len(labels) == 0 {
			continue
		}
		c.rawly(kv.Value)
		if own := labels[len(labels)-1]; own.in == in && own.name == kv.Key {
			if w.unknown && w.value == "" {
				continue // set from a variable that nobody sets
			}
			f.id, f.message = idEnvLiteral, fmt.Sprintf("ENV %s is in the config of the image, and in the environment of every container", kv.Key)
			c.literal(f, kv.Key, w.value)
			own.find = c.add(c.inStage(f, true))
			continue
		}
		l := labels[0]
		if reference.MatchString(kv.Value) {
			f.value = extent{} // the name of a variable
		}
		f.id, f.message = idEnvFromArg, fmt.Sprintf("ENV %s keeps %s in the config of the image, and in the environment of every container", kv.Key, l.describe())
		if l.in != nil {
			f.also = append(f.also, also{c.d.src, l.in.extent(c.d.src), l.describe() + " is set here"})
		}
		c.add(c.inStage(f, false))
	}
}

// pair finds a name and its value in an instruction.
func (c *checker) pair(in *instruction, key, value string) (at, val extent) {
	at = in.extent(c.d.src)
	i := in.head.word(key, len(in.name))
	if i < 0 {
		return at, val
	}
	at = in.head.extent(i, i+len(key))
	if v := strings.Trim(value, `"'`); v != "" {
		if j := strings.Index(in.head.s[i+len(key):], v); j >= 0 {
			val = in.head.extent(i+len(key)+j, i+len(key)+j+len(v))
			at.to = max(at.to, val.to)
		}
	}
	return at, val
}

// visitConfig looks at the instructions whose words are kept in the config.
func (c *checker) visitConfig(in *instruction, st *state, e *evaluator) {
	id := idConfig
	var words []string
	switch cmd := in.cmd.(type) {
	case *instructions.LabelCommand:
		id = idLabel
		for _, kv := range cmd.Labels {
			words = append(words, kv.Key, kv.Value)
			k := strings.Trim(kv.Key, `"'`)
			w, err := st.expand(e.lex, kv.Value)
			if err == nil && secretName(k) && !w.unknown && !placeholder(w.value) && len(w.labels) == 0 {
				at, value := c.pair(in, kv.Key, kv.Value)
				f := &finding{id: id, in: in, at: at, key: k, value: value, message: fmt.Sprintf("LABEL %s is in the config of the image", k),
					rests: []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}}
				c.literal(f, k, w.value)
				c.add(c.inStage(f, true))
			}
		}
	case *instructions.UserCommand:
		words = []string{cmd.User}
	case *instructions.WorkdirCommand:
		words = []string{cmd.Path}
	case *instructions.VolumeCommand:
		words = cmd.Volumes
	case *instructions.StopSignalCommand:
		words = []string{cmd.Signal}
	case *instructions.ExposeCommand:
		words = cmd.Ports
	case *instructions.CmdCommand:
		c.runtimeCommand(in, st, idCommand, cmd.CmdLine, cmd.PrependShell)
		return
	case *instructions.EntrypointCommand:
		c.runtimeCommand(in, st, idCommand, cmd.CmdLine, cmd.PrependShell)
		return
	case *instructions.HealthCheckCommand:
		if cmd.Health != nil && len(cmd.Health.Test) > 1 {
			c.runtimeCommand(in, st, idHealthcheck, cmd.Health.Test[1:], cmd.Health.Test[0] == "CMD-SHELL")
		}
		return
	}
	for _, s := range words {
		w, err := st.expand(e.lex, s)
		if err != nil {
			continue
		}
		if ls := c.secrets(w.labels); len(ls) > 0 {
			c.add(c.inStage(&finding{id: id, in: in, key: ls[0].name,
				message: fmt.Sprintf("%s keeps %s in the config of the image", in.name, ls[0].describe()),
				rests:   []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}}, false))
		}
	}
}

// runtimeCommand looks for passwords in a command that is run later.
func (c *checker) runtimeCommand(in *instruction, st *state, id string, cmd []string, shell bool) {
	input := shellflow.Input{Dir: st.dir, User: st.user, SecretName: secretName, Placeholder: c.placeholder}
	sc := script{exec: cmd}
	t := in.head
	if shell {
		input.Script = strings.Join(cmd, " ")
		t = in.head.tail(input.Script)
		sc = script{text: t}
	} else {
		input.Exec = cmd
		c.options(in, id, cmd)
	}
	for _, fl := range shellflow.Analyze(input).Flows {
		if fl.Kind != shellflow.Inline {
			continue
		}
		f := &finding{id: id, in: in, key: "", message: fmt.Sprintf("%s has the password or token of %s written out", in.name, fl.By),
			confidence: report.ConfidenceMedium, rests: []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}}
		if fl.End > fl.Pos {
			f.at = t.extent(fl.Pos, fl.End)
		}
		c.inlineValue(f, fl, sc)
		c.add(c.inStage(f, true))
	}
}

// options looks for passwords behind options whose name says that they are:
// --requirepass VALUE, --password=VALUE.
func (c *checker) options(in *instruction, id string, args []string) {
	for i, a := range args {
		name, value, ok := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if !strings.HasPrefix(a, "-") || !secretName(name) {
			continue
		}
		if !ok && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			value = args[i+1]
		}
		if c.placeholder(value) || strings.Contains(value, "$") {
			continue
		}
		f := &finding{id: id, in: in, key: name, message: fmt.Sprintf("%s has a password or token written out, behind --%s", in.name, name),
			confidence: report.ConfidenceMedium, rests: []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}}
		if j := strings.Index(in.head.s, value); j >= 0 {
			f.at = in.head.extent(j, j+len(value))
			f.value = f.at
		}
		c.literal(f, name, value)
		c.add(c.inStage(f, true))
	}
}

// placeholder is for package shellflow.
func (c *checker) placeholder(v string) bool { return placeholder(v) || exampleCredential(v) }

// scanText runs the rules over the text of a file, and gives what they find
// to the check that it belongs to. Instructions of several lines are looked at
// as BuildKit puts them together, too.
func (c *checker) scanText(src *source) {
	var crossing []crossed
	if c.d != nil && src == c.d.src {
		t := c.d.joined()
		for m, err := range c.scanner.ScanBytes(src.name, []byte(t.s)) {
			if err != nil {
				c.gap(report.GapLimit, src.name, "", err.Error(), "")
				break
			}
			from, to := int(m.SecretOffset), int(m.SecretEnd)
			if t.crosses(from, to) && c.matched(src, &m, t.extent(from, to)) {
				crossing = append(crossing, crossed{t.extent(from, to), report.Severity(m.Severity)})
				c.pieces(t, from, to)
			}
		}
	}
	for m, err := range c.scanner.ScanBytes(src.name, src.data) {
		if err != nil {
			c.gap(report.GapLimit, src.name, "", err.Error(), "")
			return
		}
		value := extent{int(m.SecretOffset), int(m.SecretEnd)}
		if slices.ContainsFunc(crossing, func(k crossed) bool {
			return k.from < value.to && value.from < k.to && k.severity.Rank() >= report.Severity(m.Severity).Rank()
		}) {
			continue // a piece of it
		}
		c.matched(src, &m, value)
	}
}

// crossed is where a secret stands that is in several lines.
type crossed struct {
	extent
	severity report.Severity
}

// minPiece is from how many bytes on a piece of a secret is one.
const minPiece = 8

// pieces keeps the parts of a secret that stands in several lines: of which each may
// be shown by itself.
func (c *checker) pieces(t *text, from, to int) {
	for _, p := range t.slice(from, to).lines() {
		if len(p) >= minPiece {
			c.known(p)
		}
	}
}

// matched takes what a rule has found in the text of a file, and says whether it is
// one of those that are told.
func (c *checker) matched(src *source, m *detect.Match, value extent) bool {
	if m.Rule.ID == "password-in-command" {
		return false // package shellflow sees them, with what the variables are
	}
	if m.Severity == rules.SeverityInfo || guess(m) && (m.Key == "" || !secretName(m.Key) || placeholder(string(m.Secret.Reveal()))) {
		return false
	}
	if strings.Contains(m.Rule.ID, "curl-auth") && strings.Contains(string(src.data[value.from:min(value.to, len(src.data))]), "$") {
		return false
	}
	in := c.at(src, value.from)
	f := &finding{plain: true, id: idDockerfile, src: src, at: value, value: value, in: in, key: m.Key, rule: m.Rule.ID, secret: m.Secret,
		severity: report.Severity(m.Severity), confidence: report.Confidence(m.Confidence),
		message: fmt.Sprintf("%s: a comment is part of the provenance too", m.Rule.Title), rests: []report.Rest{report.RestProvenance}}
	if guess(m) {
		f.severity = ""
	}
	if v := string(m.Secret.Reveal()); len(m.Encodings) == 0 {
		c.known(v)
	}
	if in != nil && guess(m) && (in.name == "ENV" || in.name == "ARG" || in.name == "LABEL") {
		return true // judged by name and value, which a pattern may take for another's
	}
	if in != nil && !c.comment(src, value.from) {
		c.place(f, in, m.Rule.Title)
	}
	c.add(f)
	return true
}

// place gives a secret in the text to the check of its instruction.
func (c *checker) place(f *finding, in *instruction, title string) {
	f.rests = []report.Rest{report.RestHistory, report.RestProvenance}
	f.message = fmt.Sprintf("%s, written out in %s", title, in.name)
	for _, h := range in.body {
		if f.at.from >= h.text.offset(0) && len(h.text.s) > 0 && f.at.from <= h.text.offset(len(h.text.s)-1) {
			f.id = idHeredoc
			f.message = fmt.Sprintf("%s, written out in a here-document of %s", title, in.name)
			if in.name != "RUN" {
				f.rests = []report.Rest{report.RestLayer, report.RestHistory, report.RestProvenance}
			}
			c.inStage(f, true)
			return
		}
	}
	switch in.name {
	case "ARG":
		f.id = idArgDefault
	case "ENV":
		f.id, f.rests = idEnvLiteral, []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}
	case "LABEL":
		f.id, f.rests = idLabel, []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}
	case "CMD", "ENTRYPOINT":
		f.id, f.rests = idCommand, []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}
	case "HEALTHCHECK":
		f.id, f.rests = idHealthcheck, []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}
	case "ONBUILD":
		f.id, f.rests = idOnbuild, []report.Rest{report.RestConfig, report.RestHistory, report.RestProvenance}
	case "ADD", "COPY":
		f.id = idAddURL
		if in.name == "COPY" {
			f.id = idConfig
		}
	case "FROM":
		f.id, f.rests = idFromURL, []report.Rest{report.RestProvenance}
	case "RUN":
		f.id = idInline
	default:
		f.id = idConfig
	}
	c.inStage(f, true)
}

// at returns the instruction that an offset is in, or nil.
func (c *checker) at(src *source, offset int) *instruction {
	if c.d == nil || src != c.d.src {
		return nil
	}
	line, _ := src.position(offset)
	for _, in := range c.d.all() {
		if in.first <= line && line <= in.last {
			return in
		}
	}
	return nil
}

// all lists the instructions in the order of the file.
func (d *dockerfile) all() []*instruction {
	if d.list == nil {
		d.list = append(d.list, d.meta...)
		for _, s := range d.stages {
			d.list = append(d.list, s.from)
			d.list = append(d.list, s.ins...)
		}
	}
	return d.list
}

// comment says whether the line of an offset is a comment of the Dockerfile.
func (c *checker) comment(src *source, offset int) bool {
	line, _ := src.position(offset)
	if !strings.HasPrefix(strings.TrimSpace(string(src.line(line))), "#") {
		return false
	}
	in := c.at(src, offset)
	if in == nil {
		return true
	}
	for _, h := range in.body { // in a heredoc it is the shell's or the file's
		if offset >= h.text.offset(0) {
			return false
		}
	}
	return true
}
