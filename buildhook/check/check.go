// Package check reads what drives a build, before anything is built, and says
// which secrets will end up in what it makes: in a layer, the config, the
// history, the provenance, the cache or the log; and how to mount them instead.
//
// It reads a Dockerfile with BuildKit's own parser (dockerfile.go), follows its
// variables as BuildKit does (eval.go), asks package buildcontext which files
// each COPY takes and package detect what is in them (contents.go, copy.go),
// and package shellflow what a RUN does with the secrets that it sees (run.go).
// What it looks for is data: catalog.go, with a page for each check.
//
// Names count for little: a variable called NPM_TOKEN is taken for a secret,
// but a file that was read is judged by what is in it.
package check

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/leakscan/leakscan/buildhook/shellflow"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// Options say what is built and how it is read. Of its zero value, the
// Dockerfile in the working directory is checked.
type Options struct {
	Invocation
	Rules   *rules.Set      // nil: rules.Default
	Scanner *detect.Scanner // of these rules; nil: a new one
	Version string          // of leakscan, for the report
	Workers int             // files read at the same time; 0: one for each core

	NoUnpack bool // archives in the context are left as they are: see leakscan.Options

	Stdin  io.Reader                   // for a Dockerfile "-"
	Getenv func(string) (string, bool) // the environment; nil: an empty one
	// Learn is told what was found and must not be shown, wherever it stands;
	// nil: nobody.
	Learn func(detect.Secret)
	Home  string // the user's home directory, which is no build context; "": not known
}

// Invocation is how an image is built: what docker build is told.
type Invocation struct {
	Context    string // directory, or URL of a remote one; "": no context
	Dockerfile string // path; "": Dockerfile in Context; "-": Options.Stdin
	Inline     []byte // the Dockerfile itself, as compose and bake can hold it
	Target     string // stage; "": the last, and every other that none builds on
	Platform   string // os/arch; "": linux on this machine's

	Args     map[string]string // --build-arg, with values
	ArgNames []string          // --build-arg without one: taken from the environment
	Secrets  []string          // ids of --secret
	Given    bool              // Secrets is all that the build is given
	Contexts map[string]string // --build-context

	CacheMax      bool // --cache-to with mode=max: builder stages are exported too
	ProvenanceMax bool // --provenance mode=max

	Origin string // what builds it: "service web of compose.yaml"; "": the command line
}

// checker is one check of one Dockerfile, or of a file that drives builds.
type checker struct {
	o       Options    // with the invocation that is being checked
	base    Invocation // the caller's
	scanner *detect.Scanner
	rep     *report.Check
	began   time.Time

	d      *dockerfile
	srcs   []*source
	found  []*finding
	labels []*label
	values []string                      // secrets that are known, to be masked
	hidden []extent                      // of the Dockerfile: words that are passwords only there
	cover  func([]byte) []detect.Covered // what else must not be shown; nil: nothing
	notes  []string
	frames []gapFrame

	unpack   *layerwalk.Memory        // of archives in the context; nil: they are left as they are
	main     *buildContext            // nil: none was read
	contexts map[string]*buildContext // named ones that were read
	copies   map[*instruction]*copied
	dirs     map[*instruction]string // working directories of RUNs
	homes    map[*instruction]string // home directories

	limited        bool // there are more findings than are kept
	ignoreTold     bool // that there is no ignore file
	dockerfilePath string
	mended         func(*fixer) error // called when a build was checked; nil: nothing to mend
}

// gapFrame is where a gap of the report is.
type gapFrame struct {
	gap int // its index
	src *source
	at  extent
}

// label is a secret that is followed.
type label struct {
	kind   labelKind
	name   string // of the variable, the secret's id, the path in the context
	in     *instruction
	at     extent
	value  string // where it is known
	find   *finding
	hot    *contents
	gitDir bool
	mend   mend // of a .git directory
}

type labelKind int

const (
	argLabel labelKind = iota
	envLabel
	mountLabel
	fileLabel
	bindLabel
)

// finding is a report.Problem in the making.
type finding struct {
	id         string
	src        *source
	at         extent
	in         *instruction
	stage      *stage
	severity   report.Severity // "": the check's
	confidence report.Confidence
	message    string
	also       []also
	rests      []report.Rest
	rule       string
	secret     detect.Secret
	value      extent // of the secret in src, to be masked; empty: none
	key        string
	target     string
	fix        string
	mend       mend     // what --fix does; nil: nothing
	refusal    string   // why it does not
	mounted    string   // id of the mounted secret that it is about
	known      []string // values to mask, of a driver's finding
	plain      bool     // found by the rules in the text, whatever stands there
}

type also struct {
	src  *source
	at   extent
	text string
}

// Run checks one build: its Dockerfile and its context.
//
// It fails only if there is nothing to check: no Dockerfile, or options that
// make no sense. What could not be read or understood is a gap of the report.
func Run(ctx context.Context, o Options) (*report.Check, error) {
	c, err := newChecker(o)
	if err != nil {
		return nil, err
	}
	if err := c.build(ctx, o.Invocation); err != nil {
		return nil, err
	}
	return c.report(), nil
}

func newChecker(o Options) (*checker, error) {
	set := o.Rules
	if set == nil {
		var err error
		if set, err = rules.Default(); err != nil {
			return nil, err
		}
	}
	scanner := o.Scanner
	if scanner == nil {
		var err error
		if scanner, err = detect.For(set); err != nil {
			return nil, err
		}
	}
	if o.Getenv == nil {
		o.Getenv = func(string) (string, bool) { return "", false }
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	c := &checker{o: o, base: o.Invocation, scanner: scanner, began: time.Now(), contexts: map[string]*buildContext{}}
	if !o.NoUnpack {
		c.unpack = layerwalk.NewMemory(0)
	}
	c.rep = &report.Check{
		Schema:   report.CheckSchemaID,
		Tool:     report.Tool{Name: "leakscan", Version: cmp.Or(o.Version, "dev"), Rules: len(set.Rules), RulesDigest: set.Digest()},
		Complete: true,
	}
	return c, nil
}

// build checks one invocation.
func (c *checker) build(ctx context.Context, inv Invocation) error {
	c.o.Invocation = inv
	c.hidden = nil
	c.main, c.d, c.copies = nil, nil, map[*instruction]*copied{}
	c.ignoreTold = false
	c.dirs, c.homes = map[*instruction]string{}, map[*instruction]string{}
	if remote(inv.Context) && inv.Dockerfile == "" && inv.Inline == nil {
		c.rep.Subject.Context = inv.Context
		c.checkInvocation()
		c.gap(report.GapMissing, inv.Context, "", "a remote build context: neither its Dockerfile nor its files were read", "check a checkout of it")
		return nil
	}
	src, err := c.readDockerfile()
	if err != nil {
		return err
	}
	c.addSource(src)
	c.checkInvocation()
	if err := c.openContexts(); err != nil {
		return err
	}
	defer c.closeContexts()
	d, err := parseDockerfile(src)
	if err != nil {
		c.refused(src, err)
		c.scanText(src)
		return nil
	}
	c.d = d
	c.rep.Stats.Dockerfiles++
	c.rep.Stats.Stages += len(d.stages)
	for _, s := range d.stages {
		c.rep.Stats.Instructions += len(s.ins) + 1
	}
	c.rep.Stats.Instructions += len(d.meta)
	if n := len(d.all()); n > maxInstructions {
		c.gap(report.GapLimit, src.name, "", fmt.Sprintf("it has %d instructions; more than %d are not followed, only what stands in the text was looked at", n, maxInstructions), "")
		c.scanText(src)
		return nil
	}
	if err := c.plan(); err != nil {
		c.refused(src, err)
		c.scanText(src)
		return nil
	}
	if err := c.selectFiles(ctx); err != nil {
		return err
	}
	c.scanText(src)
	if err := c.follow(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		c.refused(src, err)
	}
	c.finish()
	c.verify(ctx, src)
	x := c.judgeMends()
	if c.mended != nil {
		return c.mended(x)
	}
	return nil
}

// readDockerfile finds and reads the Dockerfile.
func (c *checker) readDockerfile() (*source, error) {
	o := &c.o
	if o.Inline != nil {
		return newSource(cmp.Or(o.Origin, "Dockerfile"), o.Inline), nil
	}
	if o.Dockerfile == "-" {
		if o.Stdin == nil {
			return nil, fmt.Errorf("the Dockerfile is to come from the standard input, and there is none")
		}
		b, err := io.ReadAll(io.LimitReader(o.Stdin, maxDockerfile+1))
		if err != nil {
			return nil, fmt.Errorf("reading the Dockerfile from the standard input: %w", err)
		}
		if len(b) > maxDockerfile {
			return nil, fmt.Errorf("the Dockerfile on the standard input is larger than %s", report.Size(maxDockerfile))
		}
		return newSource("-", b), nil
	}
	name := o.Dockerfile
	if name == "" {
		if o.Context == "" {
			name = "Dockerfile"
		} else {
			name = filepath.Join(o.Context, "Dockerfile")
		}
	}
	c.dockerfilePath = name
	b, err := readFile(name, maxDockerfile)
	if os.IsNotExist(err) && o.Dockerfile == "" && o.Context != "" {
		// As docker build does.
		if lower, lowerErr := readFile(filepath.Join(o.Context, "dockerfile"), maxDockerfile); lowerErr == nil {
			c.dockerfilePath = filepath.Join(o.Context, "dockerfile")
			return newSource(c.display(filepath.Join(o.Context, "dockerfile")), lower), nil
		}
		return nil, fmt.Errorf("%s has no Dockerfile; name it with -f FILE", o.Context)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the Dockerfile: %w", err)
	}
	return newSource(c.display(name), b), nil
}

// maxDockerfile bounds what is read of a file that drives a build. BuildKit
// itself takes no Dockerfile of more than 16 MiB (a gRPC message).
const maxDockerfile = 16 << 20

// maxInstructions bounds the work on one Dockerfile: what is known of the
// variables and files is carried from each instruction to the next.
const maxInstructions = 2000

// readFile reads a regular file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name) // before it is opened: that of a FIFO would wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		kind := "no regular file"
		if info.IsDir() {
			kind = "a directory"
		}
		return nil, fmt.Errorf("%s is %s", name, kind)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s is larger than %s", name, report.Size(limit))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// display is how a path is shown: relative to the working directory if it is
// below it, with slashes.
func (c *checker) display(name string) string {
	abs, err := filepath.Abs(name)
	if err != nil {
		return filepath.ToSlash(name)
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, abs); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return filepath.ToSlash(filepath.Clean(name))
}

func (c *checker) addSource(s *source) {
	c.srcs = append(c.srcs, s)
	if !slices.Contains(c.rep.Subject.Files, s.name) {
		c.rep.Subject.Files = append(c.rep.Subject.Files, s.name)
	}
}

// refused records that BuildKit would not build this.
func (c *checker) refused(src *source, err error) {
	for _, m := range complaint.FindAllSubmatch(src.data, -1) {
		c.known(string(m[2])) // the error has it without its braces
	}
	first := 0
	if e, ok := err.(*syntaxError); ok {
		first = e.first
	}
	c.gapAt(report.GapUnreadable, src, first, "BuildKit refuses it: "+err.Error(), "correct it and check again; only what stands in the text was looked at")
}

func (c *checker) gap(kind report.GapKind, where, path, reason, hint string) {
	c.rep.Gaps = append(c.rep.Gaps, report.Gap{Kind: kind, Blob: where, Path: path, Reason: reason, Hint: hint})
}

// gapAt is a gap at a line of a source, 0 if it isn't known. Its frame is made
// when everything that must not be shown is known.
func (c *checker) gapAt(kind report.GapKind, src *source, line int, reason, hint string) {
	where := src.name
	if line > 0 {
		where = fmt.Sprintf("%s:%d", where, line)
		from := src.lineStart(line)
		c.frames = append(c.frames, gapFrame{len(c.rep.Gaps), src, extent{from, from + max(len(src.line(line)), 1)}})
	}
	c.gap(kind, where, "", reason, hint)
}

func (c *checker) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

// add records a finding.
func (c *checker) add(f *finding) *finding {
	if f.src == nil {
		f.src = c.d.src
	}
	if f.in != nil && f.at == (extent{}) {
		f.at = f.in.extent(f.src)
	}
	if f.in != nil && f.stage == nil {
		f.stage = f.in.stage
	}
	if f.in != nil && f.in.onbuild != nil && f.in.onbuild.stage == f.in.stage && f.id != idGitDirCopied {
		f.message = "in every image that is built on this one: " + f.message
		f.id = idOnbuild
	}
	for _, g := range c.found {
		if g.id == f.id && g.src == f.src && g.at == f.at && g.key == f.key && g.target == f.target {
			return g
		}
	}
	if len(c.found) == maxFound {
		c.limited = true
		return f
	}
	c.found = append(c.found, f)
	return f
}

// maxFound bounds the findings of a check: a hostile file can have more than
// anybody would read.
const maxFound = 2000

func (c *checker) newLabel(l *label) shellflow.Label {
	c.labels = append(c.labels, l)
	return shellflow.Label(len(c.labels) - 1)
}

// report puts the result together.
func (c *checker) report() *report.Check {
	r := c.rep
	if c.limited {
		c.gap(report.GapLimit, "", "", fmt.Sprintf("there are more than %d problems: the rest are not listed", maxFound), "")
	}
	c.allow()
	for _, f := range c.found {
		r.Problems = append(r.Problems, c.problem(f))
	}
	for _, n := range c.notes {
		r.Notes = append(r.Notes, report.Note{Text: c.mask(n)})
	}
	for i := range r.Gaps {
		g := &r.Gaps[i]
		g.Reason, g.Path, g.Blob, g.Hint = c.mask(g.Reason), c.maskName(g.Path), c.maskName(g.Blob), c.mask(g.Hint)
	}
	for _, f := range c.frames {
		r.Gaps[f.gap].Frame = c.frame(f.src, f.at)
	}
	for i, f := range r.Subject.Files {
		r.Subject.Files[i] = c.maskName(f)
	}
	r.Subject.Context = c.maskName(r.Subject.Context)
	r.Subject.Target = c.maskName(r.Subject.Target)
	if c.o.Learn != nil {
		for _, v := range c.values {
			c.o.Learn(c.secret(v))
		}
		for _, f := range c.found {
			if v := strings.TrimSpace(string(f.secret.Reveal())); len(v) >= minKnown && f.confidence != report.ConfidenceLow && !placeholder(v) && !plainWord(v) {
				c.o.Learn(f.secret)
			}
		}
	}
	r.Complete = len(r.Gaps) == 0
	r.Sort()
	r.Stats.Elapsed = time.Since(c.began)
	return r
}

func (c *checker) problem(f *finding) report.Problem {
	chk, _ := Find(f.id)
	p := report.Problem{
		Check: chk.ID, Title: chk.Title, Message: c.mask(f.message), Page: pageURL(chk.ID),
		Severity:   cmp.Or(f.severity, chk.Severity),
		Confidence: cmp.Or(f.confidence, report.ConfidenceHigh),
		Span:       f.src.span(f.at),
		Rests:      f.rests,
		Rule:       f.rule,
		Key:        c.maskName(f.key),
		Target:     c.maskName(f.target),
		Fix:        c.mask(advice(f, chk)),
		Fixable:    c.mendable(f),
	}
	if p.Rests == nil {
		p.Rests = []report.Rest{}
	}
	if f.secret.Preview() != "" {
		p.Secret = report.PreviewOf(f.secret)
	}
	for _, a := range f.also {
		p.Also = append(p.Also, report.Remark{Span: a.src.span(a.at), Text: c.mask(a.text)})
	}
	p.Span.File = c.maskName(p.Span.File)
	p.Frame = c.frame(f.src, f.at)
	sum := sha256.Sum256([]byte(strings.Join([]string{f.id, p.Span.File, p.Key, p.Target, f.rule, c.mask(f.text())}, "\x00")))
	p.Fingerprint = hex.EncodeToString(sum[:12])
	return p
}

// advice is what to do about a finding.
func advice(f *finding, chk Check) string {
	a := cmp.Or(f.fix, f.filled(chk.Fix))
	if f.mend != nil && f.refusal != "" {
		a += " Not by --fix: " + f.refusal + "."
	}
	return a
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// filled puts the names of this finding into the advice of its check.
func (f *finding) filled(fix string) string {
	switch {
	case f.mounted != "":
		return strings.ReplaceAll(fix, "id=…", "id="+f.mounted)
	case variableName.MatchString(f.key):
		return strings.NewReplacer("id=…", "id="+secretID(f.key), "env=NAME", "env="+f.key).Replace(fix)
	case f.key != "" && strings.HasPrefix(f.target, "/"):
		return strings.NewReplacer("id=…", "id="+secretID(f.key), "target=…", "target="+f.target, "src=FILE", "src="+f.key).Replace(fix)
	}
	return fix
}

// text is what the finding's instruction says, without its place.
func (f *finding) text() string {
	if f.in != nil && f.in.head != nil {
		return strings.Join(strings.Fields(f.in.head.s), " ")
	}
	return ""
}

func (s *source) span(e extent) report.Span {
	sp := report.Span{File: s.name}
	if len(s.data) == 0 || e.to <= e.from {
		return sp
	}
	sp.Line, sp.Column = s.position(e.from)
	sp.EndLine, sp.EndColumn = s.position(e.to)
	return sp
}

// lower is a severity so many steps down.
func lower(s report.Severity, steps int) report.Severity {
	all := []report.Severity{low, medium, high, critical}
	return all[max(slices.Index(all, s)-steps, 0)]
}
