package check

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"mvdan.cc/sh/v3/syntax"

	"github.com/leakscan/leakscan/buildhook/buildcontext"
)

// toolsOf are the programs that read a file of credentials, by what
// credentialFile says the file is for.
func toolsOf(what string) *regexp.Regexp {
	tools := ""
	switch what {
	case "npm":
		tools = "npm|npx|yarn|pnpm|bun|node-gyp"
	case "curl and git":
		tools = "git|curl|pip3?|go|uv|poetry|wget|cargo"
	case "pip":
		tools = "pip3?|twine|poetry|uv|python3?|flit|hatch"
	case "git":
		tools = "git|go|pip3?|npm|yarn|composer|bundle|cargo"
	case "ssh":
		tools = "git|ssh|scp|rsync|composer|npm|yarn|go|pip3?|bundle|cargo|poetry|uv"
	case "docker":
		tools = "docker|skopeo|crane|buildah|podman|oras|helm"
	case "kubectl":
		tools = "kubectl|helm|kustomize"
	case "aws":
		tools = "aws|terraform|packer|s3cmd"
	case "Google Cloud":
		tools = "gcloud|gsutil|bq|terraform"
	case "composer":
		tools = "composer|php"
	case "maven":
		tools = `mvn|\./mvnw`
	case "gem":
		tools = "gem|bundle"
	case "cargo":
		tools = "cargo"
	case "terraform":
		tools = "terraform|tofu"
	default:
		return nil
	}
	return regexp.MustCompile(`(^|[\s;&|(=])(` + tools + `)\s`)
}

// copyMend mounts a copied file in place of copying it.
func (c *checker) copyMend(in *instruction, t *buildcontext.Taken, cp *copied, line string) mend {
	file, dest := t.File.Path, t.Dest
	swept, source, unpacked := t.Swept, t.Source, t.Unpacked
	return func(x *fixer) string {
		switch {
		case in.onbuild != nil:
			return "it is part of an ONBUILD"
		case cp.from != x.c.main:
			return "it comes from another context"
		case unpacked:
			return "it is inside of an archive"
		case swept && x.kept[line]:
			return "the file is still copied by name"
		case swept:
			return x.ignoreAndMount(in, file, dest, line)
		}
		why := x.replaceCopy(in, file, dest, source)
		if why != "" {
			x.keep(line)
		}
		return why
	}
}

// nameMend is copyMend for a file that is not there now.
func (c *checker) nameMend(in *instruction, name string) mend {
	cp := c.copies[in]
	if cp == nil || in.onbuild != nil {
		return nil
	}
	return func(x *fixer) string {
		for i, w := range cp.sources {
			if w.value == name {
				dest := in.dest(cp, name)
				return x.replaceCopy(in, path.Clean(name), dest, i)
			}
		}
		return "its source was not found in the text"
	}
}

// dest is where a COPY puts a file of its own name.
func (in *instruction) dest(cp *copied, name string) string {
	d := cp.dest
	if !path.IsAbs(d) {
		d = path.Join(cp.dir, d)
	}
	if strings.HasSuffix(cp.dest, "/") || cp.dest == "." || len(cp.sources) > 1 {
		d = path.Join(d, path.Base(name))
	}
	return path.Clean(d)
}

func (x *fixer) keep(line string) {
	if line != "" {
		x.kept[line] = true
	}
}

// ignoreAndMount names a file in the ignore file, and mounts it where a step
// needs it.
func (x *fixer) ignoreAndMount(in *instruction, file, dest, line string) string {
	if line == "" || x.c.main == nil {
		return "the build context is not known"
	}
	for _, other := range x.d.all() { // a bind mount or a COPY by name would fail
		cp := x.c.copies[other]
		if cp == nil || cp.from != x.c.main || x.dropped[other] {
			continue
		}
		for i := range cp.taken {
			if t := &cp.taken[i]; t.File.Path == file && !t.Swept && !x.sourceDropped(other, t.Source) {
				return fmt.Sprintf("line %d takes the file by name", other.first)
			}
		}
	}
	users, _, why := x.users(in, file, dest)
	if why != "" {
		return why
	}
	if why := x.mountFile(users, file, dest); why != "" {
		return why
	}
	if !slices.Contains(x.ignore, line) {
		x.ignore = append(x.ignore, line)
	}
	return ""
}

// replaceCopy takes a source out of a COPY, and mounts the file for the steps
// that need it.
func (x *fixer) replaceCopy(in *instruction, file, dest string, source int) string {
	users, removed, why := x.users(in, file, dest)
	if why != "" {
		return why
	}
	what := credentialFile(file)
	switch {
	case len(users) == 0:
		return "no later step uses the file: if the program needs it, mount it when the container runs, else delete the " + in.name
	case what == "the program" && removed == nil:
		return "the program may read it when it runs: give it to the container, and drop the " + in.name
	case what == "" && removed == nil:
		return "it may be needed when the container runs: if not, drop the " + in.name + " and mount the file for the steps that read it"
	}
	for _, s := range x.d.stages {
		for _, other := range s.ins {
			if c, ok := other.cmd.(*instructions.CopyCommand); ok && c.From != "" && x.d.findFrom(c.From, s.index) == in.stage {
				if cp := x.c.copies[other]; cp != nil && slices.ContainsFunc(cp.sources, func(w word) bool { return path.Clean("/"+w.value) == dest }) {
					return fmt.Sprintf("line %d copies it on", other.first)
				}
			}
		}
	}
	if why := x.dropSource(in, source); why != "" {
		return why
	}
	return x.mountFile(users, file, dest)
}

// user is a RUN that needs a file, and the user that it runs as.
type user struct {
	in   *instruction
	name string
}

// users returns the RUNs after an instruction that need a file that it brings,
// and the one that removes it again. What they do to the file itself, such as
// chmod and rm, is taken out of them.
func (x *fixer) users(in *instruction, file, dest string) (users []user, removed *instruction, why string) {
	what := credentialFile(file)
	tools := toolsOf(what)
	if x.sameName(in, file) {
		return nil, nil, "the build takes several files of its name"
	}
	for _, s := range x.d.stages {
		if s != in.stage && !descends(s, in.stage) {
			continue
		}
		after := s != in.stage
		name := ""
		for _, other := range s.ins {
			if u, ok := other.cmd.(*instructions.UserCommand); ok {
				name = u.User
			}
			if other == in {
				after = true
				continue
			}
			if !after || other.name != "RUN" || x.dropped[other] {
				continue
			}
			sc := other.script()
			home := x.c.homes[other]
			m := newFileMention(sc.text.s, dest, x.c.dirs[other], home)
			if !m.any && (tools == nil || sc.exec == nil && !tools.MatchString(" "+sc.text.s+" ")) {
				continue
			}
			if m.any {
				if sc.exec != nil {
					return nil, nil, fmt.Sprintf("line %d names it in the exec form", other.first)
				}
				if m.edits {
					return nil, nil, fmt.Sprintf("line %d changes it in its place, which a mounted file can't be", other.first)
				}
				if m.opaque {
					return nil, nil, fmt.Sprintf("what line %d does with it was not understood", other.first)
				}
				if m.moves {
					return nil, nil, fmt.Sprintf("line %d copies or moves it", other.first)
				}
				for _, e := range m.cuts {
					x.edits = append(x.edits, edit{sc.text.extent(e.from, e.to), ""})
				}
				if m.removes && removed == nil {
					removed = other
				}
				if m.empty {
					x.dropped[other] = true
					continue
				}
				if !m.reads && (tools == nil || !tools.MatchString(" "+sc.text.s+" ")) {
					continue
				}
			}
			users = append(users, user{other, name})
			if removed == other {
				return users, removed, ""
			}
		}
	}
	return users, removed, ""
}

// sameName says whether a build takes several files of the same name, which a
// script may mean by it.
func (x *fixer) sameName(in *instruction, file string) bool {
	for _, other := range x.d.all() {
		cp := x.c.copies[other]
		if cp == nil || cp.from != x.c.main {
			continue
		}
		for i := range cp.taken {
			t := &cp.taken[i]
			if !t.Swept && t.File.Path != file && path.Base(t.File.Path) == path.Base(file) && cp.from.hot[t.File.Path] != nil {
				return true
			}
		}
	}
	return false
}

// hasFlag says whether a call has a short option, alone or among others.
func hasFlag(call *syntax.CallExpr, letter string) bool {
	for _, a := range call.Args[1:] {
		s, ok := literalWord(a, "")
		if ok && strings.HasPrefix(s, "-") && !strings.HasPrefix(s, "--") && strings.Contains(s, letter) || ok && strings.HasPrefix(s, "--in-place") {
			return true
		}
	}
	return false
}

// mountFile mounts a file as a secret for steps; an SSH key as an agent.
func (x *fixer) mountFile(users []user, file, dest string) string {
	if credentialFile(file) == "ssh" && len(users) > 0 {
		for _, u := range users {
			if m := newFileMention(u.in.script().text.s, dest, x.c.dirs[u.in], x.c.homes[u.in]); m.reads {
				return fmt.Sprintf("line %d names the key: use the agent's, or mount it as a secret", u.in.first)
			}
			x.mount(u.in, "type=ssh,required=true")
		}
		x.ssh = true
		return ""
	}
	if strings.ContainsAny(dest, " \t,\"'\\$=") || strings.ContainsAny(file, " \t,\"") {
		return "its path has characters that a mount's flag can't"
	}
	id := x.uniqueID(file, GivenSecret{File: file})
	for _, u := range users {
		flag := "type=secret,id=" + id + ",target=" + dest + ",required=true"
		switch who, _, _ := strings.Cut(u.name, ":"); {
		case who == "" || who == "root" || who == "0":
		case who != "" && strings.Trim(who, "0123456789") == "":
			flag += ",uid=" + who
		case who == "node":
			flag += ",uid=1000" // of the official images
		default:
			return fmt.Sprintf("line %d runs as %s, whose number isn't known: mount it with uid=…", u.in.first, who)
		}
		x.mount(u.in, flag)
	}
	if len(users) > 0 {
		x.give(GivenSecret{ID: id, File: file})
	}
	return ""
}

// dropSource takes a source out of a COPY or ADD, or all of it away.
func (x *fixer) dropSource(in *instruction, source int) string {
	cp := x.c.copies[in]
	left := 0
	for i := range cp.sources {
		if i != source && !x.sourceDropped(in, i) {
			left++
		}
	}
	if left == 0 && len(in.body) == 0 {
		x.dropped[in] = true
		return ""
	}
	if in.json {
		return "the " + in.name + " has the JSON form and other sources"
	}
	e, ok := in.sourceExtent(cp, source)
	if !ok {
		return "its source was not found in the text"
	}
	x.edits = append(x.edits, edit{in.head.extent(e.from, e.to), ""})
	return ""
}

func (x *fixer) sourceDropped(in *instruction, source int) bool {
	cp := x.c.copies[in]
	if x.dropped[in] || cp == nil {
		return true
	}
	e, ok := in.sourceExtent(cp, source)
	if !ok {
		return false
	}
	at := in.head.offset(e.from)
	return slices.ContainsFunc(x.edits, func(d edit) bool { return d.text == "" && d.from <= at && at < d.to })
}

// sourceExtent finds a source, with the blank before it, in an instruction.
func (in *instruction) sourceExtent(cp *copied, source int) (extent, bool) {
	var sources []string
	switch c := in.cmd.(type) {
	case *instructions.CopyCommand:
		sources = c.SourcePaths
	case *instructions.AddCommand:
		sources = c.SourcePaths
	}
	if source >= len(sources) {
		return extent{}, false
	}
	at := len(in.name)
	for i := 0; i <= source; i++ {
		j := strings.Index(in.head.s[at:], " "+sources[i]+" ")
		if j < 0 {
			return extent{}, false
		}
		if i == source {
			return extent{at + j, at + j + 1 + len(sources[i])}, true
		}
		at += j + 1 + len(sources[i])
	}
	return extent{}, false
}

// fileMention is what a script does with a file.
type fileMention struct {
	any     bool
	reads   bool // names it in a command that stays
	removes bool
	moves   bool // copies it elsewhere
	opaque  bool
	edits   bool // in its place
	empty   bool // nothing is left when the cuts are made
	cuts    []extent
}

// newFileMention reads a script. Commands that only remove the file, or change
// its mode or owner, are cut: they fail on a mounted file, and are not needed.
func newFileMention(script, dest, dir, home string) (m fileMention) {
	if !strings.Contains(script, path.Base(dest)) && !strings.Contains(script, path.Dir(dest)) {
		return m
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if err != nil {
		m.any = strings.Contains(script, path.Base(dest))
		m.opaque = m.any
		return m
	}
	is := func(w *syntax.Word) bool {
		s, ok := literalWord(w, home)
		if !ok {
			return false
		}
		if !path.IsAbs(s) {
			s = path.Join("/", dir, s)
		}
		return path.Clean(s) == dest
	}
	total, cut := 0, 0
	for _, stmt := range file.Stmts {
		parts := chain(stmt, nil)
		gone := make([]bool, len(parts))
		for i, p := range parts {
			total++
			call := plainCall(p)
			var named []*syntax.Word
			syntax.Walk(p, func(n syntax.Node) bool {
				if w, ok := n.(*syntax.Word); ok && is(w) {
					named = append(named, w)
				}
				return true
			})
			if len(named) == 0 {
				continue
			}
			m.any = true
			if call == nil {
				m.reads, m.opaque = true, true // in an if, a subshell, after ||: it may be removed there
				continue
			}
			cmd, _ := literalWord(call.Args[0], home)
			var paths, others int
			for _, a := range call.Args[1:] {
				if is(a) {
					paths++
				} else if s, ok := literalWord(a, home); !ok || !strings.HasPrefix(s, "-") {
					others++
				}
			}
			switch path.Base(cmd) {
			case "rm", "shred", "unlink":
				m.removes = true
				if len(m.cuts) > 0 && others > 0 { // what is left of it is not known here
					m.opaque = true
					continue
				}
				if others > 0 {
					for k, a := range call.Args[1:] {
						if is(a) {
							m.cuts = append(m.cuts, extent{int(call.Args[k].End().Offset()), int(a.End().Offset())})
						}
					}
					continue
				}
				gone[i] = true
			case "chmod", "chown", "chgrp":
				if others > 1 {
					m.opaque = true
					continue
				}
				gone[i] = true
			case "cp", "mv", "install", "ln", "tar", "rsync":
				m.moves = true
			case "ssh-add":
				gone[i] = true
			case "sed", "perl", "truncate", "tee", "sponge", "dos2unix", "patch":
				m.reads, m.edits = true, m.edits || path.Base(cmd) != "sed" && path.Base(cmd) != "perl" || hasFlag(call, "i")
			default:
				m.reads = true
			}
		}
		for i, p := range parts {
			if !gone[i] {
				continue
			}
			cut++
			from, to := int(p.Pos().Offset()), int(p.End().Offset())
			before := -1
			for k := i - 1; k >= 0; k-- {
				if !gone[k] {
					before = k
					break
				}
			}
			switch {
			case before >= 0:
				from = int(parts[before].End().Offset())
			case i+1 < len(parts):
				to = int(parts[i+1].Pos().Offset())
			default:
				for to < len(script) && strings.IndexByte(" \t;\n", script[to]) >= 0 {
					to++
				}
			}
			m.cuts = append(m.cuts, extent{from, to})
		}
	}
	m.empty = total > 0 && cut == total
	return m
}

// chain takes a && b && c apart.
func chain(s *syntax.Stmt, parts []*syntax.Stmt) []*syntax.Stmt {
	if b, ok := s.Cmd.(*syntax.BinaryCmd); ok && b.Op == syntax.AndStmt && len(s.Redirs) == 0 && !s.Negated && !s.Background {
		return chain(b.Y, chain(b.X, parts))
	}
	return append(parts, s)
}

// plainCall returns the one simple command of a statement; of "x || true", x.
func plainCall(s *syntax.Stmt) *syntax.CallExpr {
	if b, ok := s.Cmd.(*syntax.BinaryCmd); ok && b.Op == syntax.OrStmt {
		if y, ok := b.Y.Cmd.(*syntax.CallExpr); ok && len(y.Args) == 1 {
			if w := y.Args[0].Lit(); w == "true" || w == ":" {
				return plainCall(b.X)
			}
		}
		return nil
	}
	call, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 || len(s.Redirs) > 0 {
		return nil
	}
	return call
}

// literalWord is the text of a word without variables, with ~ and $HOME
// replaced.
func literalWord(w *syntax.Word, home string) (string, bool) {
	var b strings.Builder
	var add func(parts []syntax.WordPart, first bool) bool
	add = func(parts []syntax.WordPart, first bool) bool {
		for i, p := range parts {
			switch p := p.(type) {
			case *syntax.Lit:
				v := p.Value
				if first && i == 0 && (v == "~" || strings.HasPrefix(v, "~/")) {
					v = home + v[1:]
				}
				b.WriteString(v)
			case *syntax.SglQuoted:
				b.WriteString(p.Value)
			case *syntax.DblQuoted:
				if !add(p.Parts, false) {
					return false
				}
			case *syntax.ParamExp:
				if p.Param == nil || p.Param.Value != "HOME" || p.Exp != nil || p.Repl != nil {
					return false
				}
				b.WriteString(home)
			default:
				return false
			}
		}
		return true
	}
	ok := add(w.Parts, true)
	return b.String(), ok
}
