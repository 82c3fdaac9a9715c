package check

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/report"
)

// drivers reads a file that drives builds: what it builds, and which secrets
// it passes as build arguments.
//
// The three readers (compose.go, bake.go, workflow.go) have one thing in
// common: they take from the file what each build argument is given, and leave
// to argument whether that is a secret.
type drivers struct {
	src    *source
	dir    string // of the file
	getenv func(string) (string, bool)
	gap    func(kind report.GapKind, where, path, reason, hint string)

	// recognise says whether the rules see a secret in NAME=value; nil: only
	// names and URLs are looked at.
	recognise func(name, value string) bool

	builds []Invocation
	found  []*finding

	spent int             // steps of work, of maxDriverSteps
	told  map[string]bool // gaps and builds, so that none is told twice
	seen  map[place]*finding
}

// read reads the file as one of a kind.
func (d *drivers) read(kind driver) error {
	switch kind {
	case composeFile:
		return d.compose()
	case bakeFile:
		return d.bake()
	case workflowFile:
		return d.workflow()
	}
	return nil
}

// place is what makes a finding another one.
type place struct {
	id, key string
	at      extent
}

const (
	// maxDriver bounds a file that drives builds. Those of people have some
	// kilobytes; GitHub takes no workflow of more than 512 KiB.
	maxDriver = 4 << 20

	// maxDriverSteps bounds the work on one file: aliases, merges and
	// inheritance can make far more out of it than what stands in it.
	maxDriverSteps = 1 << 21

	// maxBuilds bounds the builds of one file.
	maxBuilds = 512
)

var errTooMuch = errors.New("it refers to itself so often that it would never be read to its end")

// spend counts work. It says whether there is some left.
func (d *drivers) spend(n int) bool {
	d.spent += n
	return d.spent < maxDriverSteps
}

// done is how a reader ends: with what was wrong, or with what was too much.
func (d *drivers) done(err error) error {
	if err == nil && !d.spend(0) {
		return errTooMuch
	}
	return err
}

// given is what a build argument is given, as far as a file says it.
type given struct {
	id      string // of the check
	name    string
	at      extent   // the argument in the file
	value   extent   // what is written out of its value; empty: nothing
	text    string   // its value, with what isn't known as it is written
	known   bool     // text is all of it
	secrets []string // what in it refers to secrets: "${NPM_TOKEN}", "secrets.NPM_TOKEN"
	masks   []string // what must not be shown, besides a text that is a secret
	of      string   // whose argument: "the service web"
	fix     string
}

// argument reports a build argument that is given a secret: one that refers to
// a secret, one whose value is recognised, and one that is called like a secret
// and isn't given something that denies it.
func (d *drivers) argument(g given) bool {
	f := &finding{id: g.id, key: g.name, at: g.at, known: g.masks, fix: g.fix, rests: []report.Rest{report.RestHistory, report.RestProvenance}}
	what := fmt.Sprintf("build argument %s of %s", g.name, g.of)
	spans := urlPasswords(g.text)
	for _, sp := range spans {
		f.known = append(f.known, g.text[sp[0]:sp[1]])
	}
	switch {
	case proxyVariable(g.name):
		if len(spans) == 0 && len(g.secrets) == 0 {
			return false
		}
		f.id, f.fix, f.rests = idProxy, "", []report.Rest{report.RestProvenance}
		f.message = what + " is a proxy URL with a password"
		f.value = g.value
	case len(g.secrets) > 0:
		f.message = fmt.Sprintf("%s is given a secret (%s)", what, strings.Join(g.secrets, ", "))
		if secretName(g.name) && g.known && !placeholder(g.text) {
			f.known, f.value = append(f.known, g.text), g.value
		}
	case len(spans) > 0:
		f.message = what + " is given a URL with a password"
		f.value = g.value
	case g.known && d.recognise != nil && d.recognise(g.name, g.text):
		f.message = what + " is given a secret that is written out in the file"
		f.known, f.value = append(f.known, g.text), g.value
	case !secretName(g.name):
		return false
	case !g.known:
		f.message = what + " is by its name given a secret"
	case placeholder(g.text):
		return false
	default:
		f.message = what + " is given a secret that is written out in the file"
		f.known, f.value = append(f.known, g.text), g.value
	}
	d.add(f)
	return true
}

// contextURL reports a context with credentials in its URL. It returns the
// text without them, so that nobody tells of them again.
func (d *drivers) contextURL(text string, at, value extent, secrets []string, of string) string {
	spans := urlPasswords(text)
	if len(spans) == 0 && (len(secrets) == 0 || !strings.Contains(text, "://")) {
		return text
	}
	f := &finding{id: idFromURL, key: "context", at: at, value: value, rests: []report.Rest{report.RestProvenance},
		message: fmt.Sprintf("a build context of %s is a URL with credentials", of)}
	for i := len(spans) - 1; i >= 0; i-- {
		f.known = append(f.known, text[spans[i][0]:spans[i][1]])
		from := strings.LastIndex(text[:spans[i][0]], "://") + len("://")
		text = text[:from] + strings.TrimPrefix(text[spans[i][1]:], "@")
	}
	d.add(f)
	return text
}

// add records a finding, once for a place: several builds can share what is
// written there.
func (d *drivers) add(f *finding) {
	n := len(d.src.data)
	clamp := func(e extent) extent {
		e.from = min(max(e.from, 0), n)
		return extent{e.from, min(max(e.to, e.from), n)}
	}
	f.at, f.value = d.src.shown(clamp(f.at)), clamp(f.value)
	f.known = slices.DeleteFunc(f.known, func(v string) bool { return v == "" })
	where := place{f.id, f.key, f.at}
	if g := d.seen[where]; g != nil {
		for _, v := range f.known {
			if !slices.Contains(g.known, v) {
				g.known = append(g.known, v)
			}
		}
		return
	}
	if d.seen == nil {
		d.seen = map[place]*finding{}
	}
	d.seen[where] = f
	d.found = append(d.found, f)
}

// skip tells of a build that can't be checked.
func (d *drivers) skip(of, reason, hint string) {
	if d.first("gap", of, reason) {
		d.gap(report.GapMissing, d.src.name, of, reason, hint)
	}
}

// first says whether this is told for the first time.
func (d *drivers) first(what ...any) bool {
	if d.told == nil {
		d.told = map[string]bool{}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", what))
	key := string(sum[:])
	if d.told[key] {
		return false
	}
	d.told[key] = true
	return true
}

// build records an invocation, unless there is the same one already. Paths are
// relative to root; the Dockerfile's is relative to the context, as compose and
// bake take it, or to root, too, as docker build -f does.
func (d *drivers) build(root string, fileOfRoot bool, inv Invocation) {
	if inv.Context == "-" || remote(inv.Context) || strings.Contains(inv.Context, "://") {
		d.skip(inv.Origin, "the build context is remote, and is not fetched", "check a checkout of it")
		return
	}
	inv.Context = below(root, cmp.Or(inv.Context, "."))
	switch {
	case inv.Inline != nil:
		inv.Dockerfile = ""
	case inv.Dockerfile == "-" || remote(inv.Dockerfile):
		d.skip(inv.Origin, "the Dockerfile is remote or comes from a pipe, and is not read", "check the Dockerfile by itself")
		return
	case inv.Dockerfile != "" && fileOfRoot:
		inv.Dockerfile = below(root, inv.Dockerfile)
	case inv.Dockerfile == "Dockerfile", inv.Dockerfile == "./Dockerfile":
		inv.Dockerfile = "" // the default, which may be in lower case
	case inv.Dockerfile != "":
		inv.Dockerfile = below(inv.Context, inv.Dockerfile)
	}
	for name, dir := range inv.Contexts {
		switch {
		case strings.Contains(dir, "://"):
		case strings.HasPrefix(dir, "target:"), strings.HasPrefix(dir, "service:"):
			delete(inv.Contexts, name) // another image of the same file
		case !remote(dir):
			inv.Contexts[name] = below(root, dir)
		}
	}
	slices.Sort(inv.ArgNames)
	inv.ArgNames = slices.Compact(inv.ArgNames)
	slices.Sort(inv.Secrets)
	inv.Secrets = slices.Compact(inv.Secrets)
	maps.DeleteFunc(inv.Args, func(k, v string) bool { return proxyVariable(k) && len(urlPasswords(v)) > 0 }) // told on their line
	size := len(inv.Inline)
	for _, v := range inv.Args {
		size += len(v)
	}
	if !d.spend(1 + size/16) {
		return
	}
	other := inv
	other.Origin = ""
	switch {
	case !d.first("build", fmt.Sprintf("%#v", other)):
	case len(d.builds) < maxBuilds:
		d.builds = append(d.builds, inv)
	case d.first("too many builds"):
		d.gap(report.GapLimit, d.src.name, "", fmt.Sprintf("it describes more than %d builds, and the rest of them was not checked", maxBuilds), "")
	}
}

// below joins a path as the tools do: an absolute one stays.
func below(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

// pass adds a build argument to an invocation. The value of a secret is left
// out: whoever follows the Dockerfile takes it for one by its name then, which
// an empty variable of this machine would deny.
func (inv *Invocation) pass(g given, secret bool) {
	if secret || !g.known {
		inv.ArgNames = append(inv.ArgNames, g.name)
		return
	}
	if inv.Args == nil {
		inv.Args = map[string]string{}
	}
	inv.Args[g.name] = g.text
}

// context adds a named build context to an invocation.
func (inv *Invocation) context(name, dir string) {
	if inv.Contexts == nil {
		inv.Contexts = map[string]string{}
	}
	inv.Contexts[name] = dir
}

// option finds a key in the attributes that a flag such as --cache-to or
// --secret takes: "type=registry,mode=max".
func option(list, key string) string {
	for field := range strings.SplitSeq(list, ",") {
		k, v, _ := strings.Cut(strings.Trim(strings.TrimSpace(field), `"`), "=")
		if strings.EqualFold(strings.TrimSpace(k), key) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// provenanceMax says whether a --provenance asks for all of it. BuildKit's own
// default, where no mode is named, is max.
func provenanceMax(v string) bool {
	switch v = strings.TrimSpace(v); {
	case v == "", strings.EqualFold(v, "false"), strings.Contains(v, "mode=min"), strings.Contains(v, "disabled=true"):
		return false
	}
	return true
}

// firstPlatform is the first of a list, as a flag takes it.
func firstPlatform(list string) string {
	p, _, _ := strings.Cut(strings.TrimSpace(list), ",")
	p = strings.TrimSpace(p)
	if p == "local" || strings.ContainsAny(p, "$ ") {
		return ""
	}
	return p
}

// tooLarge refuses a file that nobody wrote for a tool.
func (d *drivers) tooLarge() error {
	if len(d.src.data) > maxDriver {
		return fmt.Errorf("it is larger than %s, and was not read", report.Size(maxDriver))
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// runFix is the other half of each advice: how the step gets the secret.
func runFix(name string) string {
	return fmt.Sprintf("RUN --mount=type=secret,id=%s,env=%s in the Dockerfile", secretID(name), name)
}
