package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/leakscan/leakscan/buildhook/buildcontext"
	"github.com/leakscan/leakscan/buildhook/shellflow"
	"github.com/leakscan/leakscan/report"
)

// buildContext is a build context with what is known of its files.
type buildContext struct {
	*buildcontext.Context
	name  string // of a named context; "": the main one
	dir   string
	files []*buildcontext.File // nil: not walked yet
	tree  *buildcontext.Tree
	hot   map[string]*contents // what was scanned and has something
}

// ignoreName is the ignore file that a line is to be added to.
func (b *buildContext) ignoreName() string {
	return cmp.Or(b.IgnoreFile(), "a new .dockerignore")
}

// copied is what a COPY, an ADD or a bind mount takes of a context.
type copied struct {
	from      *buildContext
	taken     []buildcontext.Taken
	unmatched []buildcontext.Unmatched
	sources   []word
	dest      string
	dir       string              // that a relative dest is relative to
	mount     *instructions.Mount // nil: a COPY or an ADD
}

// remote says whether a context is no directory of this machine.
func remote(dir string) bool {
	for _, p := range []string{"http://", "https://", "git://", "ssh://", "git@", "github.com/", "docker-image://", "oci-layout://", "target:", "gs://", "s3://"} {
		if strings.HasPrefix(dir, p) {
			return true
		}
	}
	return false
}

// openContexts opens the main context and the named ones that are
// directories. They are walked when an instruction first asks for them.
func (c *checker) openContexts() error {
	o := &c.o
	open := func(name, dir string) (*buildContext, error) {
		dockerfile := o.Dockerfile
		if name != "" || o.Inline != nil || dockerfile == "-" {
			dockerfile = ""
		} else if dockerfile == "" {
			dockerfile = filepath.Join(dir, "Dockerfile")
		}
		b, err := buildcontext.Open(dir, buildcontext.Options{Dockerfile: dockerfile})
		if err != nil {
			return nil, err
		}
		return &buildContext{Context: b, name: name, dir: dir, hot: map[string]*contents{}}, nil
	}
	if o.Context != "" {
		c.rep.Subject.Context = o.Context
		if !remote(o.Context) {
			b, err := open("", o.Context)
			if err != nil {
				return err
			}
			c.main = b
		}
	}
	for name, dir := range o.Contexts {
		if remote(dir) {
			continue
		}
		b, err := open(name, dir)
		if err != nil {
			c.closeContexts()
			return fmt.Errorf("the build context %s: %w", name, err)
		}
		c.contexts[name] = b
	}
	return nil
}

func (c *checker) closeContexts() {
	if c.main != nil {
		c.main.Close()
	}
	for _, b := range c.contexts {
		b.Close()
	}
	clear(c.contexts)
}

// evaluator makes one for a pass over the Dockerfile.
func (c *checker) evaluator() *evaluator {
	args := map[string]string{}
	for k, v := range c.o.Args {
		args[k] = v
	}
	for _, k := range c.o.ArgNames {
		if v, ok := c.o.Getenv(k); ok {
			args[k] = v
		}
	}
	return &evaluator{d: c.d, o: &c.o, args: args, secretValue: c.secretValue}
}

// plan goes through the Dockerfile a first time: it finds out how the stages
// hang together, and what the instructions take of the contexts.
func (c *checker) plan() error {
	e := c.evaluator()
	e.secretValue = func(_ *instruction, _, _ string, _ bool, inherited []shellflow.Label) []shellflow.Label {
		return inherited
	}
	used := map[*stage]bool{}
	deps := map[*stage][]*stage{}
	depend := func(s, on *stage) {
		if on != nil {
			used[on] = true
			deps[s] = append(deps[s], on)
		}
	}
	e.visit = func(in *instruction, st *state) error {
		switch cmd := in.cmd.(type) {
		case *instructions.Stage:
			depend(in.stage, in.stage.parent)
		case *instructions.CopyCommand:
			if cmd.From != "" {
				depend(in.stage, c.d.findFrom(cmd.From, in.stage.index))
			}
			return c.planCopy(e, in, st, cmd.From, cmd.SourcesAndDest, cmd.ExcludePatterns, cmd.Parents, false)
		case *instructions.AddCommand:
			return c.planCopy(e, in, st, "", cmd.SourcesAndDest, cmd.ExcludePatterns, false, cmd.Unpack == nil || *cmd.Unpack)
		case *instructions.RunCommand:
			mounts, err := e.mounts(in, st)
			if err != nil {
				return err
			}
			for _, m := range mounts {
				if m.From != "" {
					depend(in.stage, c.d.findFrom(m.From, in.stage.index))
				}
			}
			return c.planMounts(in, st, mounts)
		}
		return nil
	}
	if err := e.run(); err != nil {
		return err
	}
	// What is shipped: the target and what it is based on. Without a target
	// every stage that no other needs may be one.
	var targets []*stage
	if t := c.o.Target; t != "" {
		s := c.d.findFrom(t, len(c.d.stages))
		if s == nil {
			return &syntaxError{err: fmt.Errorf("target stage %q could not be found", t)}
		}
		targets = []*stage{s}
	} else {
		for i, s := range c.d.stages {
			if !used[s] || i == len(c.d.stages)-1 {
				targets = append(targets, s)
			}
		}
	}
	var reach func(s *stage)
	reach = func(s *stage) {
		if s == nil || s.reached {
			return
		}
		s.reached = true
		for _, on := range deps[s] {
			reach(on)
		}
	}
	for _, t := range targets {
		reach(t)
		for s := t; s != nil; s = s.parent {
			s.exported = true
		}
	}
	return nil
}

// contextOf returns the context that --from names, or the main one. named is
// set if it is neither a stage nor the main context.
func (c *checker) contextOf(from string, s *stage) (b *buildContext, other bool) {
	if from == "" {
		return c.main, false
	}
	if c.d.findFrom(from, s.index) != nil {
		return nil, true
	}
	b = c.contexts[from]
	return b, b == nil
}

func (c *checker) planCopy(e *evaluator, in *instruction, st *state, from string, sd instructions.SourcesAndDest, excludes []string, parents, add bool) error {
	if in.onbuild != nil && in.onbuild.stage == in.stage {
		return nil // the context is that of another build
	}
	cp := &copied{dir: st.dir}
	for _, s := range sd.SourcePaths {
		w, err := st.expand(e.lex, s)
		if err != nil {
			return &syntaxError{err: err, first: in.first, to: in.last}
		}
		cp.sources = append(cp.sources, w)
	}
	w, err := st.expand(e.lex, sd.DestPath)
	if err != nil {
		return &syntaxError{err: err, first: in.first, to: in.last}
	}
	cp.dest = w.value
	c.copies[in] = cp
	b, other := c.contextOf(from, in.stage)
	if b == nil {
		if !other && c.o.Context != "" && len(sd.SourcePaths) > 0 {
			c.gap(report.GapMissing, c.o.Context, "", "a remote build context: the files that COPY takes of it were not read", "check a checkout of it")
		}
		return nil
	}
	cp.from = b
	sel := buildcontext.Copy{Dest: cp.dest, WorkDir: st.dir, Excludes: excludes, Parents: parents, Add: add}
	for _, w := range cp.sources {
		if len(w.args) > 0 && !(add && isURL(w.value)) {
			c.gapAt(report.GapMissing, c.d.src, in.first,
				fmt.Sprintf("what %s takes depends on %s, which has no value here", in.name, strings.Join(w.args, ", ")), "give it with --build-arg "+w.args[0]+"=…")
		}
		v := w.value
		if add && (isURL(v) || strings.HasPrefix(v, "git@")) {
			v = "\x00" // matches nothing, and keeps the numbers of the others
		}
		sel.Sources = append(sel.Sources, v)
	}
	if len(sel.Sources) == 0 {
		return nil
	}
	if err := c.walk(b); err != nil {
		return err
	}
	cp.taken, cp.unmatched = b.tree.Select(context.Background(), sel)
	return nil
}

func (c *checker) planMounts(in *instruction, st *state, mounts []*instructions.Mount) error {
	if in.onbuild != nil && in.onbuild.stage == in.stage {
		return nil
	}
	for _, m := range mounts {
		if m.Type != instructions.MountTypeBind {
			continue
		}
		b, _ := c.contextOf(m.From, in.stage)
		if b == nil {
			continue
		}
		if err := c.walk(b); err != nil {
			return err
		}
		target := st.abs(m.Target)
		source := strings.TrimPrefix(path.Clean("/"+m.Source), "/")
		cp := &copied{from: b, dest: target, mount: m, sources: []word{{value: m.Source}}}
		for _, f := range b.files {
			switch {
			case source == "":
				cp.taken = append(cp.taken, buildcontext.Taken{File: f, Dest: path.Join(target, f.Path), Swept: true})
			case f.Path == source:
				cp.taken = append(cp.taken, buildcontext.Taken{File: f, Dest: target})
			case strings.HasPrefix(f.Path, source+"/"):
				cp.taken = append(cp.taken, buildcontext.Taken{File: f, Dest: path.Join(target, f.Path[len(source):]), Swept: true})
			}
		}
		if old := c.copies[in]; old != nil { // several mounts of one RUN
			old.taken = append(old.taken, cp.taken...)
			continue
		}
		c.copies[in] = cp
	}
	return nil
}

// walk lists the files of a context.
func (c *checker) walk(b *buildContext) error {
	if b.files != nil {
		return nil
	}
	b.files = []*buildcontext.File{}
	for f, err := range b.Walk(context.Background()) {
		if err != nil {
			var entry *buildcontext.EntryError
			if errors.As(err, &entry) {
				c.gap(report.GapUnreadable, b.dir, entry.Path, entry.Err.Error(), "make it readable, or name it in .dockerignore")
				continue
			}
			c.gap(report.GapLimit, b.dir, "", err.Error(), "name what the build does not need in .dockerignore")
			break
		}
		b.files = append(b.files, f)
	}
	b.tree = b.Tree(b.files)
	return nil
}

// selectFiles scans the files that any instruction takes.
func (c *checker) selectFiles(ctx context.Context) error {
	want := map[*buildContext]map[string]*buildcontext.File{}
	for _, cp := range c.copies {
		for i := range cp.taken {
			f := cp.taken[i].File
			if !f.Mode.IsRegular() {
				continue
			}
			m := want[cp.from]
			if m == nil {
				m = map[string]*buildcontext.File{}
				want[cp.from] = m
			}
			m[f.Path] = f
		}
	}
	for b, m := range want {
		files := make([]*buildcontext.File, 0, len(m))
		for _, f := range m {
			files = append(files, f)
		}
		slices.SortFunc(files, func(a, b *buildcontext.File) int { // the largest first: the cores finish together
			return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path))
		})
		if err := c.scanFiles(ctx, b, files); err != nil {
			return err
		}
		var partly []string
		for _, p := range slices.Sorted(maps.Keys(b.hot)) {
			switch h := b.hot[p]; {
			case h.err != nil:
				c.gap(report.GapUnreadable, b.dir, p, h.err.Error(), "make it readable, or name it in .dockerignore")
			case h.exceeded > 0:
				c.gap(report.GapLimit, b.dir, p, fmt.Sprintf("unpacking it was ended after %d bytes: it gives too much for its size", h.exceeded), "--no-unpack leaves archives as they are")
			case h.partly:
				partly = append(partly, p)
			}
		}
		if n := len(partly); n > 0 {
			const most = 5
			list := strings.Join(partly[:min(n, most)], ", ")
			if n > most {
				list += fmt.Sprintf(", and %d more", n-most)
			}
			c.note("archives in %s that were scanned as the bytes they are, and not, or not wholly, unpacked: %s", b.dir, list)
		}
	}
	return nil
}

// maxFilesTold bounds the findings of one instruction.
const maxFilesTold = 50

// visitCopy says which secrets a COPY or ADD takes, and lets the state know.
func (c *checker) visitCopy(in *instruction, st *state, e *evaluator) {
	cp := c.copies[in]
	var from string
	if cmd, ok := in.cmd.(*instructions.CopyCommand); ok {
		from = cmd.From
	}
	c.copyURLs(in, st, e)
	if s := c.d.findFrom(from, in.stage.index); from != "" && s != nil {
		if cp != nil {
			c.copyFromStage(in, st, s, cp)
		}
		return
	}
	if cp == nil || cp.from == nil {
		c.copyByName(in, cp, from)
		return
	}
	told, gitDir, wide := 0, false, false
	for i := range cp.taken {
		t := &cp.taken[i]
		if t.Swept && wideSource(cp.sources, t.Source) {
			wide = true
		}
		if p := gitDirOf(t.File.Path); p != "" && !gitDir && !strings.HasPrefix(t.File.Path, p+"/hooks/") {
			if t.File.Path == p+"/HEAD" || t.File.Path == p+"/config" {
				gitDir = true
				c.copiedGitDir(in, st, t, p, cp)
			}
		}
		h := cp.from.hot[t.File.Path]
		if h == nil || len(h.hits) == 0 && h.store == "" {
			continue
		}
		if told++; told > maxFilesTold {
			continue
		}
		c.copiedFile(in, st, t, h, cp)
	}
	if told > maxFilesTold {
		c.note("%s takes %d files with secrets; the first %d are listed", in.describe(), told, maxFilesTold)
	}
	if wide && !c.ignoreTold && cp.from == c.main && cp.from.IgnoreFile() == "" && c.tempting(cp.from) {
		c.ignoreTold = true
		c.add(&finding{id: idDockerignore, in: in, key: "", confidence: report.ConfidenceHigh,
			message: fmt.Sprintf("%s takes the whole of %s, which has no .dockerignore, but has %s", in.name, c.o.Context, c.temptation(cp.from)),
			rests:   []report.Rest{report.RestContext, report.RestBuildCache}, mend: ignoreMend(".git", ".env")})
	}
	for _, u := range cp.unmatched {
		c.missing(in, cp, u)
	}
}

// missing is a source that is not in the context. BuildKit would fail there:
// the file is made before the build, by something that has not run here.
func (c *checker) missing(in *instruction, cp *copied, u buildcontext.Unmatched) {
	w := cp.sources[u.Source]
	what := missingCredential(w.value)
	if what == "" {
		what = missingCredential(cp.dest)
	}
	switch {
	case u.Ignored:
		c.gapAt(report.GapMissing, c.d.src, in.first, fmt.Sprintf("%s is not in the context, because %s leaves it out in line %d: BuildKit will not build this", w.value, cp.from.IgnoreFile(), u.Line), "")
	case isURL(w.value), w.unknown, u.Path != "":
	case what != "":
		c.copiedName(in, w.value, what)
	case u.Err != nil:
		c.gapAt(report.GapMissing, c.d.src, in.first, fmt.Sprintf("%s of %s: %v", in.name, w.value, u.Err), "")
	case !strings.ContainsAny(w.value, "*?["):
		c.gapAt(report.GapMissing, c.d.src, in.first, fmt.Sprintf("%s is not in the context, so what %s takes was not read", w.value, in.name),
			"make it and check again, or scan the image: leakscan IMAGE")
	}
}

// tempting says whether a context has what nobody wants in an image.
func (c *checker) tempting(b *buildContext) bool { return c.temptation(b) != "" }

func (c *checker) temptation(b *buildContext) string {
	for _, f := range b.files {
		if gitDirOf(f.Path) != "" {
			return "a .git directory"
		}
		if f.Mode.IsRegular() && credentialFile(f.Path) != "" {
			return f.Path
		}
	}
	return ""
}

func wideSource(sources []word, i int) bool {
	if i >= len(sources) {
		return false
	}
	s := path.Clean("/" + sources[i].value)
	return s == "/" || s == "/*" || s == "/**"
}

// gitDirOf returns the .git directory that the path is in, or "".
func gitDirOf(p string) string {
	if p == ".git" || strings.HasPrefix(p, ".git/") {
		return ".git"
	}
	if i := strings.Index(p, "/.git/"); i >= 0 {
		return p[:i+5]
	}
	return ""
}

// copiedFile is a file with a secret that lands in the stage.
func (c *checker) copiedFile(in *instruction, st *state, t *buildcontext.Taken, h *contents, cp *copied) {
	s := in.stage
	f := &finding{in: in, target: t.Dest, key: t.File.Path}
	how := "copies"
	switch {
	case t.Unpacked:
		how = "unpacks"
	case t.Swept:
		how = "takes along"
	}
	where := t.File.Path
	if cp.from.name != "" {
		where += " of the context " + cp.from.name
	}
	f.message = fmt.Sprintf("%s %s %s (%s) to %s", in.name, how, where, h.describe(), t.Dest)
	if w := h.worst(); w != nil {
		f.rule, f.secret, f.confidence = w.rule, w.secret, w.confidence
		f.severity = w.severity
	} else {
		f.severity, f.confidence = medium, report.ConfidenceMedium
	}
	switch {
	case h.sshKey:
		f.id = idSSHKeyCopied
	case t.Swept:
		f.id = idSweptInSecret
	default:
		f.id = idCopiedSecret
	}
	f.rests = []report.Rest{report.RestLayer, report.RestBuildCache}
	if !s.exported && !c.o.CacheMax {
		f.id, f.severity = idBuilderCopied, low
		f.rests = []report.Rest{report.RestBuildCache}
		f.message += fmt.Sprintf(", in the stage %s, which is not shipped", s.title())
	}
	line := ""
	if cp.from == c.main {
		line = cp.from.IgnoreLine(t.File.Path)
	}
	if h.archive {
		f.fix = fmt.Sprintf("Make %s without it: what is in an archive, everyone who has the image can read.", t.File.Path)
		if t.Swept && line != "" {
			f.fix += fmt.Sprintf(" Or leave it out, if no step needs it: add the line %q to %s.", line, cp.from.ignoreName())
		}
	} else {
		f.fix = c.copyFix(t, h, cp, line)
		f.mend = c.copyMend(in, t, cp, line)
	}
	f = c.add(f)
	st.keep(shellflow.File{Path: t.Dest, Labels: []shellflow.Label{c.newLabel(&label{kind: fileLabel, name: t.File.Path, in: in, find: f, hot: h})}})
}

// copyFix says what to do about a file with secrets that is copied; "": what the
// check's own page says.
func (c *checker) copyFix(t *buildcontext.Taken, h *contents, cp *copied, line string) string {
	id := secretID(t.File.Path)
	switch base := path.Base(t.File.Path); {
	case t.Swept && line != "" && (base == "Dockerfile" || base == "Containerfile"):
		return fmt.Sprintf("Take the secret out of the %s; no image needs that anyway: add the line %q to %s.", base, line, cp.from.ignoreName())
	case t.Swept && line != "":
		return fmt.Sprintf("Add the line %q to %s. If a step needs the file, mount it there, with RUN --mount=type=secret,id=%s,target=%s,required=true, and build with --secret id=%s,src=%s.", line, cp.from.ignoreName(), id, t.Dest, id, t.File.Path)
	case t.Swept, t.Unpacked, h.sshKey: // of a key, the check's own says it better
		return ""
	}
	return fmt.Sprintf("Don't copy it: mount it for the step that needs it, with RUN --mount=type=secret,id=%s,target=%s,required=true, and build with --secret id=%s,src=%s.", id, t.Dest, id, t.File.Path)
}

func (c *checker) copiedGitDir(in *instruction, st *state, t *buildcontext.Taken, dir string, cp *copied) {
	dest := path.Dir(t.Dest)
	l := &label{kind: fileLabel, name: dir, in: in, gitDir: true}
	if cp.from == c.main {
		l.mend = ignoreMend(dir)
	}
	if in.stage.exported {
		f := &finding{id: idGitDirCopied, in: in, key: dir, target: dest,
			message: fmt.Sprintf("%s takes %s to %s: every version of every file, and the remote's URL", in.name, dir, dest),
			rests:   []report.Rest{report.RestLayer}, fix: fmt.Sprintf("Add the line %q to %s.", dir, cp.from.ignoreName())}
		f.mend = l.mend
		l.find = c.add(f)
	}
	st.keep(shellflow.File{Path: dest, Dir: true, Labels: []shellflow.Label{c.newLabel(l)}})
}

// copiedName is a file that was not there to be read, and whose name says
// what it is.
func (c *checker) copiedName(in *instruction, name, what string) {
	f := &finding{id: idCredentialFile, in: in, key: path.Clean(name), confidence: report.ConfidenceMedium,
		message: fmt.Sprintf("%s copies %s, which usually holds credentials (%s); it is not in the context now, so leakscan has not looked inside", in.name, name, what),
		rests:   []report.Rest{report.RestLayer, report.RestBuildCache}}
	if !in.stage.exported && !c.o.CacheMax {
		f.severity, f.rests = low, []report.Rest{report.RestBuildCache}
	}
	f.mend = c.nameMend(in, name)
	c.add(f)
}

// copyByName judges sources by their names, where no context was read.
func (c *checker) copyByName(in *instruction, cp *copied, from string) {
	var sources []string
	if cp != nil {
		for _, w := range cp.sources {
			sources = append(sources, w.value)
		}
	} else {
		switch cmd := in.cmd.(type) {
		case *instructions.CopyCommand:
			sources = cmd.SourcePaths
		case *instructions.AddCommand:
			sources = cmd.SourcePaths
		}
	}
	for _, s := range sources {
		if what := credentialFile(s); what != "" && !isURL(s) {
			c.copiedName(in, s, what)
		}
	}
}

// copyFromStage carries the secrets in another stage's files over.
func (c *checker) copyFromStage(in *instruction, st *state, s *stage, cp *copied) {
	if s.state == nil {
		return
	}
	several := len(cp.sources) > 1 || strings.HasSuffix(cp.dest, "/")
	for _, w := range cp.sources {
		src := path.Clean("/" + w.value)
		known := slices.ContainsFunc(s.state.files, func(f shellflow.File) bool { return f.Path == src })
		if what := credentialFile(src); what != "" && !known && s.state.base && in.stage.exported {
			c.add(&finding{id: idCredentialFile, in: in, key: src, confidence: report.ConfidenceMedium, rests: []report.Rest{report.RestLayer},
				message: fmt.Sprintf("%s takes %s of the stage %s, which usually holds credentials (%s); what is in it is not known here", in.name, src, s.title(), what)})
		}
	}
	told := 0
	for _, f := range s.state.files {
		for _, w := range cp.sources {
			src := path.Clean("/" + w.value)
			dest, ok := carried(f, src, st.abs(cp.dest), several)
			if !ok {
				continue
			}
			out := shellflow.File{Path: dest, Dir: f.Dir, Labels: f.Labels}
			st.keep(out)
			for _, l := range f.Labels {
				if told++; told > maxFilesTold {
					break
				}
				c.carriedOver(in, s, f.Path, dest, c.labels[l])
			}
			break
		}
	}
}

// carried says where a labelled file ends up if src is copied to dest.
func carried(f shellflow.File, src, dest string, several bool) (string, bool) {
	switch {
	case strings.ContainsAny(src, "*?["):
		dir := path.Dir(src)
		rel, ok := strings.CutPrefix(f.Path, strings.TrimSuffix(dir, "/")+"/")
		if !ok || strings.ContainsAny(dir, "*?[") {
			return "", false
		}
		first, _, _ := strings.Cut(rel, "/")
		if ok, _ := path.Match(path.Base(src), first); !ok {
			return "", false
		}
		if rel == first {
			return path.Join(dest, first), true
		}
		return path.Join(dest, strings.TrimPrefix(rel, first+"/")), true
	case f.Path == src:
		if several && !f.Dir {
			return path.Join(dest, path.Base(src)), true
		}
		return dest, true
	case under(f.Path, src):
		return path.Join(dest, strings.TrimPrefix(f.Path, src)), true
	case f.Dir && under(src, f.Path): // a part of a tree that has secrets somewhere
		return dest, true
	}
	return "", false
}

func (c *checker) carriedOver(in *instruction, s *stage, from, dest string, l *label) {
	if !in.stage.exported {
		return
	}
	if l.gitDir {
		c.add(&finding{id: idGitDirCopied, in: in, key: from, target: dest, rests: []report.Rest{report.RestLayer},
			message: fmt.Sprintf("%s takes %s of the stage %s to %s: every version of every file, and the remote's URL", in.name, from, s.title(), dest),
			fix:     "Add .git to .dockerignore, or remove it in the stage, or copy only what the image needs.", mend: l.mend})
		return
	}
	f := &finding{id: idBetweenStages, in: in, key: l.name, target: dest, rests: []report.Rest{report.RestLayer},
		message: fmt.Sprintf("%s takes %s of the stage %s, which has %s, to %s", in.name, from, s.title(), l.describe(), dest)}
	if l.hot != nil {
		if w := l.hot.worst(); w != nil {
			f.severity, f.rule, f.secret, f.confidence = w.severity, w.rule, w.secret, w.confidence
		}
	}
	if l.in != nil {
		f.also = append(f.also, also{c.d.src, l.in.extent(c.d.src), "it comes from here"})
	}
	for _, g := range c.found {
		if g.stage == s && g.key == l.name && g.in != l.in && (g.target == from || strings.HasPrefix(g.target, strings.TrimSuffix(from, "/")+"/")) {
			f.also = append(f.also, also{g.src, g.at, "written here"})
			break
		}
	}
	if l.find != nil {
		f.mend = l.find.mend // where it comes from
	}
	c.add(f)
}

// describe says what secret it is.
func (l *label) describe() string {
	switch l.kind {
	case argLabel:
		return "the build argument " + l.name
	case envLabel:
		return "the variable " + l.name
	case mountLabel:
		return fmt.Sprintf("the mounted secret %q", l.name)
	case bindLabel:
		return "the bind-mounted file " + l.name
	}
	if l.hot != nil {
		return l.name + " (" + l.hot.describe() + ")"
	}
	return l.name
}

// copyURLs looks at what ADD fetches.
func (c *checker) copyURLs(in *instruction, st *state, e *evaluator) {
	cmd, ok := in.cmd.(*instructions.AddCommand)
	if !ok {
		return
	}
	for _, s := range cmd.SourcePaths {
		if !isURL(s) {
			continue
		}
		at := in.head.word(s, 0)
		ext := in.extent(c.d.src)
		if at >= 0 {
			ext = in.head.extent(at, at+len(s))
		}
		f := &finding{id: idAddURL, in: in, at: ext, key: "", rests: []report.Rest{report.RestHistory, report.RestProvenance, report.RestLog}}
		if spans := urlPasswords(s); len(spans) > 0 {
			f.message = "the URL has a user's password or a token in it"
			if at >= 0 {
				f.value = in.head.extent(at+spans[0][0], at+spans[0][1])
			}
			c.known(s[spans[0][0]:spans[0][1]])
			f.secret = c.secret(s[spans[0][0]:spans[0][1]])
			c.add(c.inStage(f, true))
		} else if w, err := st.expand(e.lex, s); err == nil {
			if ls := c.secrets(w.labels); len(ls) > 0 {
				f.message = fmt.Sprintf("the URL has %s in it", ls[0].describe())
				f.key = ls[0].name
				c.add(c.inStage(f, false))
			}
		}
	}
}

// isURL says whether ADD fetches it.
func isURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "git://") || strings.HasPrefix(s, "ssh://") || strings.HasPrefix(s, "git@")
}

// checkInvocation looks at how the build is called.
func (c *checker) checkInvocation() {
	o := &c.o
	for _, k := range append(slices.Clone(o.ArgNames), slices.Sorted(maps.Keys(o.Args))...) {
		v, given := o.Args[k]
		if !given {
			v, given = o.Getenv(k)
		}
		if proxyVariable(k) {
			if spans := urlPasswords(v); len(spans) > 0 {
				c.known(v[spans[0][0]:spans[0][1]])
				c.addOutside(&finding{id: idProxy, key: k, message: fmt.Sprintf("--build-arg %s has a password in its URL", k), rests: []report.Rest{report.RestProvenance}})
			}
			continue
		}
		rule := ""
		if given {
			if h := c.recognise(k, v); h != nil {
				rule = h.Rule.ID
			}
		}
		if rule == "" && (!secretName(k) || given && placeholder(v)) {
			continue
		}
		if given {
			c.known(v)
		}
		if o.Origin != "" {
			continue // whoever made the invocation tells
		}
		c.addOutside(&finding{id: idInvocationBuildArg, key: k, rule: rule, message: fmt.Sprintf("--build-arg %s gives the build a secret", k),
			fix:   fmt.Sprintf("Pass it with --secret id=%s,env=%s, and use it in RUN --mount=type=secret,id=%s,env=%s.", secretID(k), k, secretID(k), k),
			rests: []report.Rest{report.RestProvenance, report.RestHistory}})
	}
	c.wide("", o.Context)
	for _, name := range slices.Sorted(maps.Keys(o.Contexts)) {
		dir := o.Contexts[name]
		c.wide(name, dir)
		if spans := urlPasswords(dir); len(spans) > 0 {
			c.known(dir[spans[0][0]:spans[0][1]])
			c.addOutside(&finding{id: idFromURL, key: name, message: fmt.Sprintf("the URL of the build context %s has credentials in it", name), rests: []report.Rest{report.RestProvenance}})
		}
	}
	if spans := urlPasswords(o.Context); len(spans) > 0 {
		c.known(o.Context[spans[0][0]:spans[0][1]])
		c.addOutside(&finding{id: idFromURL, key: "context", message: "the URL of the build context has credentials in it", rests: []report.Rest{report.RestProvenance}})
	}
}

// wide tells of a context that is far more than a project.
func (c *checker) wide(name, dir string) {
	if dir == "" || remote(dir) {
		return
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	what := ""
	switch base := filepath.Base(abs); {
	case abs == string(filepath.Separator):
		what = "the whole disk"
	case c.o.Home != "" && sameDir(abs, c.o.Home):
		what = "your home directory"
	case base == ".ssh" || base == ".aws" || base == ".gnupg" || base == ".docker" || base == ".kube" || base == ".azure" || base == "gcloud" && strings.Contains(abs, ".config"):
		what = "a directory of credentials"
	default:
		return
	}
	which := "the build context"
	if name != "" {
		which += " " + name
	}
	c.addOutside(&finding{id: idWideContext, key: name, target: dir, message: fmt.Sprintf("%s is %s", which, what), rests: []report.Rest{report.RestContext, report.RestBuildCache}})
}

func sameDir(a, b string) bool {
	ia, err := os.Stat(a)
	if err != nil {
		return false
	}
	ib, err := os.Stat(b)
	return err == nil && os.SameFile(ia, ib)
}

// addOutside adds a finding that stands in no file.
func (c *checker) addOutside(f *finding) {
	f.src = &source{name: cmp.Or(c.o.Origin, commandLine), lines: []int{0}}
	for _, g := range c.found {
		if g.id == f.id && g.src.name == f.src.name && g.key == f.key {
			return
		}
	}
	c.found = append(c.found, f)
}

// commandLine stands for a file where a finding is about how the build is called.
const commandLine = "(command line)"
