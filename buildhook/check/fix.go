package check

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"mvdan.cc/sh/v3/syntax"

	"github.com/leakscan/leakscan/report"
)

// A mend does to a Dockerfile what a problem asks for. It returns why it
// can't, or "". A mend that refuses has changed nothing.
type mend func(x *fixer) (refusal string)

// Fix is what mends the problems of a build.
type Fix struct {
	Files   []FixedFile
	Secrets []GivenSecret // that the build needs from now on
	SSH     bool          // the build needs --ssh default
	Mended  int           // problems
	Refused []Refusal
}

// FixedFile is a file that changes. Old is nil if it is new.
type FixedFile struct {
	Name     string // as shown
	path     string
	Old, New []byte

	// The same with the secrets that stand in them taken out, line for line:
	// for a diff that is shown.
	OldShown, NewShown []byte
}

// GivenSecret is a secret that a build is given: from a variable or a file.
type GivenSecret struct {
	ID, Env, File string
}

// Flag is the flag of docker build that gives it.
func (g GivenSecret) Flag() string {
	if g.Env != "" {
		return "--secret id=" + g.ID + ",env=" + g.Env
	}
	return "--secret id=" + g.ID + ",src=" + g.File
}

// Refusal is a problem that is not mended.
type Refusal struct {
	Check string
	Span  report.Span
	Why   string
}

// Write puts the files in their places.
func (f *Fix) Write() error {
	for _, file := range f.Files { // all of them, before the first is written
		if info, err := os.Lstat(file.path); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no regular file, and what it leads to is not changed: correct it by hand", file.Name)
		}
	}
	for _, file := range f.Files {
		mode := os.FileMode(0o644)
		if info, err := os.Stat(file.path); err == nil {
			mode = info.Mode().Perm()
		}
		if err := os.WriteFile(file.path, file.New, mode); err != nil {
			return err
		}
	}
	return nil
}

// Mend checks what a path names, as [Paths] does, and says how to mend it. It
// changes nothing: [Fix.Write] does.
func Mend(ctx context.Context, p string, o Options) (*Fix, *report.Check, error) {
	c, err := newChecker(o)
	if err != nil {
		return nil, nil, err
	}
	var fix *Fix
	c.mended = func(x *fixer) error {
		if fix != nil {
			return fmt.Errorf("%s builds several images: mend their Dockerfiles one at a time", p)
		}
		fix, err = x.fix()
		return err
	}
	if err := c.path(ctx, p); err != nil {
		return nil, nil, err
	}
	if fix == nil {
		fix = &Fix{}
	}
	return fix, c.report(), nil
}

// fixer collects the changes to one Dockerfile and its ignore file.
type fixer struct {
	c       *checker
	d       *dockerfile
	edits   []edit
	ignore  []string
	mounts  map[*instruction][]string // to be added
	dropped map[*instruction]bool
	secrets []GivenSecret
	ssh     bool
	kept    map[string]bool // files of the context that an instruction still copies
}

type edit struct {
	extent
	text string
}

func (c *checker) fixer() *fixer {
	return &fixer{c: c, d: c.d, mounts: map[*instruction][]string{}, dropped: map[*instruction]bool{}, kept: map[string]bool{}}
}

// try runs a mend, and takes back what it did if it refuses.
func (x *fixer) try(m mend) string {
	saved := *x
	saved.edits, saved.ignore, saved.secrets = slices.Clone(x.edits), slices.Clone(x.ignore), slices.Clone(x.secrets)
	saved.mounts, saved.dropped = map[*instruction][]string{}, map[*instruction]bool{}
	for k, v := range x.mounts {
		saved.mounts[k] = slices.Clone(v)
	}
	for k, v := range x.dropped {
		saved.dropped[k] = v
	}
	why := m(x)
	if why != "" {
		*x = saved
	}
	return why
}

// mendable says whether --fix mends the finding; if it refuses, the finding's
// advice says why.
func (c *checker) mendable(f *finding) bool { return f.mend != nil && f.refusal == "" }

// judgeMends finds out which findings can be mended, all of them together.
func (c *checker) judgeMends() *fixer {
	x := c.fixer()
	var order []*finding
	for _, f := range c.found {
		if f.mend != nil && (f.in == nil || c.d == nil || f.src == c.d.src) {
			order = append(order, f)
		}
	}
	// What is copied by name first: what it keeps must not be ignored.
	rank := func(f *finding) int {
		switch f.id {
		case idSweptInSecret, idGitDirCopied, idDockerignore, idBuilderCopied:
			return 1
		case idBetweenStages: // what mends where it comes from mends it too
			return 2
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b *finding) int { return rank(a) - rank(b) })
	for _, f := range order {
		f.refusal = x.try(f.mend)
	}
	return x
}

// fix puts the changes together.
func (x *fixer) fix() (*Fix, error) {
	out := &Fix{Secrets: x.secrets, SSH: x.ssh}
	for _, f := range x.c.found {
		switch {
		case f.mend == nil:
		case f.refusal == "":
			out.Mended++
		default:
			out.Refused = append(out.Refused, Refusal{Check: f.id, Span: f.src.span(f.at), Why: f.refusal})
		}
	}
	if x.d == nil || out.Mended == 0 {
		return out, nil
	}
	text, err := x.apply()
	if err != nil {
		return nil, err
	}
	src := x.d.src
	if !bytes.Equal(text, src.data) {
		if _, err := parseDockerfile(newSource(src.name, text)); err != nil {
			return nil, fmt.Errorf("the corrected Dockerfile would not parse, nothing is changed: %w", err)
		}
		if err := x.builds(text); err != nil {
			return nil, err
		}
		if x.c.o.Inline != nil || x.c.o.Dockerfile == "-" {
			return nil, fmt.Errorf("the Dockerfile is no file of its own: it can't be corrected in its place; copy it to a file")
		}
		f := FixedFile{Name: src.name, path: x.c.dockerfilePath, Old: src.data, New: text}
		f.OldShown, f.NewShown = x.c.shown(src, text)
		out.Files = append(out.Files, f)
	}
	if len(x.ignore) > 0 {
		f, err := x.ignoreFile()
		if err != nil {
			return nil, err
		}
		if f != nil {
			out.Files = append(out.Files, *f)
		}
	}
	return out, nil
}

// builds asks whether BuildKit takes the new text as it takes the old one.
func (x *fixer) builds(text []byte) error {
	o := x.c.o
	o.Inline, o.Context, o.Dockerfile, o.Contexts = text, "", "", nil
	rep, err := Run(context.Background(), o)
	if err != nil {
		return err
	}
	for _, g := range rep.Gaps {
		if strings.HasPrefix(g.Reason, "BuildKit refuses it") {
			return fmt.Errorf("the corrected Dockerfile would not build, nothing is changed: %s", g.Reason)
		}
	}
	return nil
}

// ignoreFile adds lines to the ignore file that counts.
func (x *fixer) ignoreFile() (*FixedFile, error) {
	b := x.c.main
	name := b.IgnoreFile()
	p := filepath.Join(b.dir, filepath.FromSlash(name))
	var old []byte
	if name == "" {
		p = filepath.Join(b.dir, ".dockerignore")
	} else {
		var err error
		if old, err = readFile(p, maxDockerfile); err != nil {
			return nil, err
		}
	}
	text := slices.Clone(old)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	end := "\n"
	if bytes.Contains(old, []byte("\r\n")) {
		end = "\r\n"
	}
	for _, l := range x.ignore {
		text = append(text, l+end...)
	}
	return &FixedFile{Name: x.c.display(p), path: p, Old: old, New: text, OldShown: old, NewShown: text}, nil
}

// apply makes the new text of the Dockerfile.
func (x *fixer) apply() ([]byte, error) {
	src := x.d.src
	for in := range x.dropped {
		x.edits = append(x.edits, edit{extent{src.lineStart(in.first), src.lineStart(in.last + 1)}, ""})
	}
	for in, flags := range x.mounts {
		if x.dropped[in] {
			continue
		}
		at := in.head.offset(0) + len(in.name)
		x.edits = append(x.edits, edit{extent{at, at}, " --mount=" + strings.Join(flags, " --mount=")})
	}
	slices.SortStableFunc(x.edits, func(a, b edit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return b.to - a.to
	})
	var out []byte
	done := 0
	for _, e := range x.edits {
		if e.from < done { // inside of what is gone
			if e.to > done && e.text == "" {
				done = e.to
			}
			continue
		}
		out = append(out, src.data[done:e.from]...)
		out = append(out, e.text...)
		done = e.to
	}
	return append(out, src.data[done:]...), nil
}

// mount adds a mount to a RUN.
func (x *fixer) mount(in *instruction, flag string) {
	if !slices.Contains(x.mounts[in], flag) {
		x.mounts[in] = append(x.mounts[in], flag)
	}
}

// uniqueID is the id for a secret: one that no other secret has, of the build as
// it is or as it will be.
func (x *fixer) uniqueID(name string, g GivenSecret) string {
	taken := func(id string) bool {
		if slices.ContainsFunc(x.secrets, func(o GivenSecret) bool { return o.ID == id && (o.Env != g.Env || o.File != g.File) }) {
			return true
		}
		for _, in := range x.d.all() { // it may be another one that has the name already
			if in.name == "RUN" && mountsID(in.head.s, id) && !strings.Contains(in.head.s, "env="+name) {
				return true
			}
		}
		return false
	}
	id := secretID(name)
	if !taken(id) {
		return id
	}
	if long := secretID(strings.ReplaceAll(strings.Trim(name, "./"), "/", "_")); long != id && !taken(long) {
		return long
	}
	for i := 2; ; i++ {
		if next := fmt.Sprintf("%s_%d", id, i); !taken(next) {
			return next
		}
	}
}

// mountsID says whether a RUN mounts a secret of this id.
func mountsID(head, id string) bool {
	for _, flag := range strings.Fields(head) {
		if !strings.HasPrefix(flag, "--mount=") {
			continue
		}
		for _, field := range strings.Split(strings.TrimPrefix(flag, "--mount="), ",") {
			if field == "id="+id || field == "source="+id || field == "src="+id {
				return true
			}
		}
	}
	return false
}

// need notes a secret of which it is not known where the user has it.
func (x *fixer) need(id string) {
	if !slices.ContainsFunc(x.secrets, func(g GivenSecret) bool { return g.ID == id }) {
		x.secrets = append(x.secrets, GivenSecret{ID: id, File: "FILE"})
	}
}

func (x *fixer) give(g GivenSecret) {
	if !slices.Contains(x.secrets, g) {
		x.secrets = append(x.secrets, g)
	}
}

// ignoreMend adds lines to the ignore file.
func ignoreMend(lines ...string) mend {
	return func(x *fixer) string {
		if x.c.main == nil {
			return "the build context is not known"
		}
		for _, l := range lines {
			if x.kept[l] {
				return l + " is still copied by name"
			}
			if l == ".git" || strings.HasSuffix(l, "/.git") {
				if in := x.runsGit(); in != nil {
					return fmt.Sprintf("line %d runs git, or something that may, which needs it", in.first)
				}
			}
			if in := x.startsWith(path.Base(l)); in != nil {
				return fmt.Sprintf("line %d reads %s when the container runs: give it to the container, and drop the file from the image", in.first, path.Base(l))
			}
			if !slices.Contains(x.ignore, l) {
				x.ignore = append(x.ignore, l)
			}
		}
		return ""
	}
}

var gitCommand = regexp.MustCompile(`(^|[\s;&|(])git\s+(-C\s+\S+\s+)?(describe|rev-parse|rev-list|log|status|submodule|diff|show|tag|branch|checkout|archive|ls-files|fetch|pull)\b|(^|[\s;&|(])(make|gmake|setuptools[-_]scm|hatch)\s|(^|[\s;&|(])\./[\w./\-]+`)

// startsWith returns the instruction for a container's start that names a file.
func (x *fixer) startsWith(name string) *instruction {
	for _, in := range x.d.all() {
		switch in.name {
		case "CMD", "ENTRYPOINT", "HEALTHCHECK":
			if strings.Contains(in.head.s, name) {
				return in
			}
		}
	}
	return nil
}

// runsGit returns a RUN that asks git about the working tree.
func (x *fixer) runsGit() *instruction {
	for _, in := range x.d.all() {
		if in.name == "RUN" {
			if sc := in.script(); gitCommand.MatchString(sc.text.s + " ") {
				return in
			}
		}
	}
	return nil
}

// looksForItself finds scripts that ask whether something is there, or go on
// when it isn't.
var looksForItself = regexp.MustCompile(`\|\|\s*(true|:|echo)|2>\s*/dev/null|\[\s+(!\s+)?-[fsernz]\s|\btest\s+(!\s+)?-[fsernz]\s`)

// requiredMend makes a secret mount required.
func (c *checker) requiredMend(in *instruction, at extent, id string) mend {
	return func(x *fixer) string {
		if looksForItself.MatchString(in.script().text.s) {
			return "the step may be meant to work without it: it looks whether something is there, or goes on after a failure"
		}
		flag := string(x.d.src.data[at.from:at.to])
		if !strings.HasPrefix(flag, "--mount=") {
			return "its flag was not found in the text"
		}
		x.need(id)
		for _, off := range []string{",required=false", ",required=0"} {
			if i := strings.Index(flag, off); i >= 0 {
				x.edits = append(x.edits, edit{extent{at.from + i, at.from + i + len(off)}, ",required=true"})
				return ""
			}
		}
		if strings.HasSuffix(flag, `"`) {
			return "its flag is quoted"
		}
		x.edits = append(x.edits, edit{extent{at.to, at.to}, ",required=true"})
		return ""
	}
}

var modeOption = regexp.MustCompile(`\bmode=[0-7]+`)

// modeMend lets only the owner of a secret mount read it.
func (c *checker) modeMend(_ *instruction, at extent) mend {
	return func(x *fixer) string {
		m := modeOption.FindIndex(x.d.src.data[at.from:at.to])
		if m == nil {
			return "its mode was not found in the text"
		}
		x.edits = append(x.edits, edit{extent{at.from + m[0], at.from + m[1]}, "mode=0400"})
		return ""
	}
}

// secretEnvVersion is the first version of the Dockerfile frontend that knows
// --mount=type=secret,env=: docker/dockerfile 1.10.
const secretEnvVersion = 10

var frontendVersion = regexp.MustCompile(`^(?:docker\.io/)?docker/dockerfile:1\.(\d+)`)

// oldFrontend returns the frontend that the Dockerfile asks for, if it is too
// old for secrets in variables.
func (d *dockerfile) oldFrontend() string {
	syntax, _, _, ok := parser.DetectSyntax(d.src.data)
	if !ok {
		return ""
	}
	m := frontendVersion.FindStringSubmatch(syntax)
	if m == nil {
		if strings.Contains(syntax, "dockerfile:1-labs") || strings.HasSuffix(syntax, "dockerfile:1") || strings.HasSuffix(syntax, "dockerfile") || strings.HasSuffix(syntax, ":latest") || strings.HasSuffix(syntax, ":labs") {
			return ""
		}
		return syntax
	}
	if n, err := strconv.Atoi(m[1]); err == nil && n >= secretEnvVersion {
		return ""
	}
	return syntax
}

// argMend puts a secret mount in the place of an ARG.
func (c *checker) argMend(in *instruction, name string) mend {
	if in == nil || in.name != "ARG" || in.stage == nil {
		return nil
	}
	return func(x *fixer) string { return x.arg(in, name) }
}

// variableIn says whether a text has $NAME or ${NAME…}.
func variableIn(s, name string) bool {
	for at := 0; ; {
		i := strings.Index(s[at:], "$")
		if i < 0 {
			return false
		}
		at += i + 1
		rest := strings.TrimPrefix(s[at:], "{")
		rest = strings.TrimPrefix(rest, "#")
		if after, ok := strings.CutPrefix(rest, name); ok && (after == "" || !wordByte(after[0])) {
			return true
		}
	}
}

// inert are the programs that read no variable of a user's own.
var inert = wordSet(`apt apt-get apt-cache apk dnf yum microdnf zypper pacman mkdir rm rmdir cp mv ln chmod chown chgrp touch echo printf cat cd
	set unset export true false test [ sed grep tar gzip gunzip unzip xz find xargs tee id useradd adduser groupadd addgroup usermod ldconfig
	update-ca-certificates locale-gen dpkg dpkg-reconfigure sleep sync install wget curl ls pwd which command hash strip sha256sum cut tr sort uname git`)

// maybeReads says whether a step may read a variable of its own accord: if it
// runs anything but programs that don't.
func maybeReads(sc script) bool {
	if sc.exec != nil {
		return len(sc.exec) > 0 && !inert[path.Base(sc.exec[0])]
	}
	if sc.shebang != "" {
		return true
	}
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(sc.text.s), "")
	if err != nil {
		return true
	}
	reads := false
	syntax.Walk(f, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok && len(c.Args) > 0 {
			word, ok := literalWord(c.Args[0], "/root")
			reads = reads || !ok || !inert[path.Base(word)]
		}
		return !reads
	})
	return reads
}

func (x *fixer) arg(in *instruction, name string) string {
	c := in.cmd.(*instructions.ArgCommand)
	if in.onbuild != nil {
		return "it is part of an ONBUILD"
	}
	for _, kv := range c.Args {
		if kv.Key == name && kv.Value != nil && *kv.Value != "" {
			return "the ARG has a default value"
		}
	}
	var users, candidates []*instruction
	runs := 0
	for _, s := range x.d.stages {
		if s != in.stage && !descends(s, in.stage) {
			continue
		}
		if s != in.stage && variableIn(s.base, name) {
			return "a FROM uses it"
		}
		after := s != in.stage
		for _, other := range s.ins {
			if other == in {
				after = true
				continue
			}
			if !after {
				continue
			}
			all := other.head.s
			for _, h := range other.body {
				all += "\n" + h.text.s
			}
			uses := variableIn(all, name)
			if other.name != "RUN" {
				if uses {
					return fmt.Sprintf("line %d uses it in %s, where a mounted secret can't be", other.first, other.name)
				}
				if other.name == "ARG" && slices.ContainsFunc(argsOf(other), func(kv instructions.KeyValuePairOptional) bool { return kv.Key == name }) && s != in.stage {
					break
				}
				continue
			}
			if i := strings.Index(all, "--mount="); i >= 0 && variableIn(strings.SplitN(all[i:], " ", 2)[0], name) {
				return fmt.Sprintf("line %d uses it in a mount", other.first)
			}
			runs++
			if uses || mentions(all, name) {
				users = append(users, other)
			} else if maybeReads(other.script()) {
				candidates = append(candidates, other)
			}
		}
	}
	if old := x.d.oldFrontend(); old != "" {
		return "the frontend " + old + " has no --mount=type=secret,env=: use docker/dockerfile:1.10 or later"
	}
	users = append(users, candidates...) // these read the environment of their own accord
	if len(users) == 0 && runs > 0 {
		return "no step is seen to use it, but one may by way of a script: if none does, drop the ARG"
	}
	id := x.uniqueID(name, GivenSecret{Env: name})
	required := ",required=true"
	for _, u := range users {
		if sc := u.script(); sc.exec == nil && optional(sc, "", &name) {
			required = "" // it asks whether it was given one
		}
	}
	for _, u := range users {
		if strings.Contains(u.head.s, "env="+name) {
			continue
		}
		x.mount(u, "type=secret,id="+id+",env="+name+required)
	}
	x.dropArg(in, name)
	for _, other := range in.stage.ins { // declared again
		if other != in && slices.ContainsFunc(argsOf(other), func(kv instructions.KeyValuePairOptional) bool { return kv.Key == name }) {
			x.dropArg(other, name)
		}
	}
	for _, meta := range x.d.meta {
		for _, kv := range argsOf(meta) {
			if kv.Key == name && (kv.Value == nil || *kv.Value == "") && !x.usedInFrom(name) {
				x.dropArg(meta, name)
			}
		}
	}
	if len(users) > 0 {
		x.give(GivenSecret{ID: id, Env: name})
	}
	return ""
}

// mentions says whether a script names a variable without a $: printenv NAME,
// os.environ["NAME"].
func mentions(s, name string) bool {
	t := text{s: s}
	return t.word(name, 0) >= 0
}

func (x *fixer) usedInFrom(name string) bool {
	for _, s := range x.d.stages {
		if variableIn(s.from.head.s, name) {
			return true
		}
	}
	return slices.ContainsFunc(x.d.meta, func(in *instruction) bool { return variableIn(in.head.s, name) })
}

// descends says whether a stage is based on another.
func descends(s, on *stage) bool {
	for p := s.parent; p != nil; p = p.parent {
		if p == on {
			return true
		}
	}
	return false
}

// dropArg takes a name out of an ARG, or the ARG away.
func (x *fixer) dropArg(in *instruction, name string) {
	c := in.cmd.(*instructions.ArgCommand)
	left := 0
	for _, kv := range c.Args {
		if kv.Key != name && !x.argDropped(in, kv.Key) {
			left++
		}
	}
	if left == 0 {
		x.dropped[in] = true
		return
	}
	i := in.head.word(name, len(in.name))
	if i < 0 {
		return
	}
	from := i
	for from > 0 && (in.head.s[from-1] == ' ' || in.head.s[from-1] == '\t') {
		from--
	}
	to := i + len(name)
	for to < len(in.head.s) && in.head.s[to] != ' ' && in.head.s[to] != '\t' {
		to++
	}
	x.edits = append(x.edits, edit{extent{in.head.offset(from), in.head.offset(to-1) + 1}, ""})
}

func (x *fixer) argDropped(in *instruction, name string) bool {
	i := in.head.word(name, len(in.name))
	if i < 0 {
		return false
	}
	at := in.head.offset(i)
	return slices.ContainsFunc(x.edits, func(e edit) bool { return e.text == "" && e.from <= at && at < e.to })
}

// SecretID is the id that a secret from a variable or a file of this name is
// given.
func SecretID(name string) string { return secretID(name) }

// secretID is the id that a secret of this name is given.
func secretID(name string) string {
	id := strings.ToLower(strings.TrimLeft(path.Base(name), "._"))
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, id)
}
