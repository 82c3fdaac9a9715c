package gate

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/tonistiigi/go-csvvalue"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// predict says what the request alone shows: a secret that BuildKit itself will
// write into what it exports, whatever the steps do.
func (g *Gate) predict(b *build) *report.Check {
	f := g.newFindings(b)
	attrs := b.req.GetFrontendAttrs()
	max := provenanceMax(attrs)
	for k, v := range attrs {
		if name, ok := strings.CutPrefix(k, "build-arg:"); ok {
			g.learnArg(name, v)
		}
	}
	f.known = g.values()
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		v := attrs[k]
		name, isArg := strings.CutPrefix(k, "build-arg:")
		switch {
		case isArg && max && g.isSecret(name, v):
			f.add(report.Problem{Check: "build-arg-in-provenance", Title: "A build argument with a secret is written into the provenance", Severity: report.SeverityCritical, Key: name,
				Message: fmt.Sprintf("the build argument %s holds a secret, and the provenance that this build makes (mode=max) has the values of all build arguments", name),
				Rests:   []report.Rest{report.RestProvenance}, Span: report.Span{File: "the command line"},
				Fix: fmt.Sprintf("Pass it with --secret id=%s,env=%s and mount it: RUN --mount=type=secret,id=%s,env=%s.", strings.ToLower(name), name, strings.ToLower(name), name)})
		case !isArg && withProvenance(attrs) && (len(f.known.Find([]byte(v))) > 0 || g.recognised(k+"="+v)):
			f.add(report.Problem{Check: "secret-in-provenance", Title: "An argument of the build has a secret in it", Severity: report.SeverityCritical, Key: k,
				Message: fmt.Sprintf("%s has a secret in it, and is written into the provenance of every mode", k),
				Rests:   []report.Rest{report.RestProvenance}, Span: report.Span{File: "the command line"}, Fix: "Take it out, or build without a provenance: --provenance=false."})
		case k == "vcs:source" && hasPassword(v):
			f.add(report.Problem{Check: "credentials-in-provenance", Title: "The address of the source has credentials in it", Severity: report.SeverityCritical, Key: k,
				Message: "the address of the Git remote has a password or token in it, and is written into the provenance of every mode",
				Rests:   []report.Rest{report.RestProvenance}, Span: report.Span{File: "the command line"},
				Fix: "Take the credentials out of the remote: git remote set-url origin https://HOST/PATH, and use a credential helper."})
		}
	}
	for _, e := range exporters(b.req) {
		for _, k := range slices.Sorted(maps.Keys(e)) {
			if !strings.HasPrefix(k, "annotation") {
				continue
			}
			if v := e[k]; g.recognised(k+"="+v) || len(f.known.Find([]byte(v))) > 0 {
				f.add(report.Problem{Check: "secret-in-annotation", Title: "An annotation of the image has a secret in it", Severity: report.SeverityCritical, Key: k,
					Message: fmt.Sprintf("the %s has a secret in it, and is written into the manifest", k),
					Rests:   []report.Rest{report.RestConfig}, Span: report.Span{File: "the command line"}, Fix: "Take the annotation away."})
			}
		}
	}
	return f.report()
}

// learnArg notes the value of a build argument, if it is a secret.
func (g *Gate) learnArg(name, value string) {
	if g.isSecret(name, value) {
		g.learn(known.Value{Name: "the build argument " + name, Value: []byte(value)})
	}
}

// exporters are the attributes of what a build is exported to, also in the
// forms of older clients.
func exporters(r *controlapi.SolveRequest) (out []map[string]string) {
	for _, e := range r.GetExporters() {
		out = append(out, e.GetAttrs())
	}
	if a := r.GetExporterAttrsDeprecated(); len(a) > 0 {
		out = append(out, a)
	}
	return out
}

// sources looks at the Dockerfiles themselves, which a provenance with mode=max
// has as a whole: comments too.
func (f *findings) sources(b *build) {
	if !provenanceMax(b.req.GetFrontendAttrs()) {
		return
	}
	type text struct{ name, data string }
	seen := map[text]bool{}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, def := range b.defs {
		for _, info := range def.GetSource().GetInfos() {
			t := text{info.Filename, string(info.Data)}
			if seen[t] {
				continue
			}
			seen[t] = true
			told := func(p report.Problem, offset int) {
				line := strings.Count(t.data[:min(offset, len(t.data))], "\n") + 1
				p.Rests = []report.Rest{report.RestProvenance}
				p.Message += fmt.Sprintf(" in line %d of %s, which the provenance of this build (mode=max) has as a whole", line, t.name)
				p.Fix = "Take it out of the Dockerfile, comments included; or build with --provenance=mode=min."
				f.frame(&p, []span{{t.name, info.Data, line, line}})
				f.add(p)
			}
			for m, err := range f.g.scanner.ScanBytes(t.name, info.Data) {
				if err != nil {
					f.rep.Gaps = append(f.rep.Gaps, report.Gap{Kind: report.GapLimit, Blob: f.mask(t.name), Reason: f.mask(err.Error())})
					break
				}
				if m.Confidence == rules.ConfidenceLow || m.Rule.Class == rules.ClassGeneric || m.Severity == rules.SeverityInfo {
					continue // a variable's name and value: what of it is a secret is in the config
				}
				told(report.Problem{Check: m.Rule.ID, Title: m.Rule.Title, Rule: m.Rule.ID, Severity: report.Severity(m.Severity), Confidence: report.Confidence(m.Confidence), Key: m.Key,
					Secret: report.PreviewOf(m.Secret), Message: m.Rule.Title}, int(m.SecretOffset))
			}
			for _, h := range byName(f.known.Find(info.Data)) {
				p := kept(h.Name, "")
				p.Message = h.Name + " is"
				told(p, int(h.Offset))
			}
		}
	}
}

// provenanceMax says whether the build makes a provenance that has the values
// of build arguments: BuildKit takes any mode but min for max, none among them.
func provenanceMax(attrs map[string]string) bool {
	for k, v := range attrs {
		if !strings.EqualFold(k, "attest:provenance") && k != "build-arg:BUILDKIT_ATTEST_PROVENANCE" {
			continue
		}
		mode, disabled := "", false
		fields, err := csvvalue.Fields(v, nil)
		if err != nil {
			return true
		}
		for _, f := range fields {
			key, value, _ := strings.Cut(f, "=")
			switch strings.ToLower(strings.TrimSpace(key)) {
			case "mode":
				mode = strings.TrimSpace(value)
			case "disabled":
				disabled, _ = strconv.ParseBool(value)
			}
		}
		if !disabled && mode != "min" {
			return true
		}
	}
	return false
}

// withProvenance says whether the build makes any provenance.
func withProvenance(attrs map[string]string) bool {
	for k, v := range attrs {
		if strings.EqualFold(k, "attest:provenance") && !disabled(v) {
			return true
		}
	}
	return false
}

// lateSBOM says whether BuildKit will make an SBOM after the result is
// returned, of which nothing has been seen then.
func lateSBOM(attrs map[string]string, attached int) bool {
	for k, v := range attrs {
		if strings.EqualFold(k, "attest:sbom") && !disabled(v) && attached == 0 {
			return true
		}
	}
	return false
}

func disabled(v string) bool {
	fields, err := csvvalue.Fields(v, nil)
	if err != nil {
		return false
	}
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		if off, _ := strconv.ParseBool(value); strings.EqualFold(key, "disabled") && off {
			return true
		}
	}
	return false
}

// isSecret says whether an argument holds a secret: by its value, or by its
// name.
func (g *Gate) isSecret(name, value string) bool {
	if strings.TrimSpace(value) == "" {
		return false
	}
	return check.IsSecret(name, value) || len(g.values().Find([]byte(value))) > 0 || g.recognised(name+"="+value)
}

func (g *Gate) recognised(text string) bool {
	for m, err := range g.scanner.ScanBytes("", []byte(text)) {
		if err == nil && m.Severity != rules.SeverityInfo && m.Rule.Class != rules.ClassGeneric {
			return true
		}
	}
	return false
}

// userAt is the user part of an address that net/url may refuse.
var userAt = regexp.MustCompile(`//[^/@\s]*:[^/@\s]+@`)

func hasPassword(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return userAt.MatchString(s)
	}
	if u.User == nil {
		return false
	}
	pw, has := u.User.Password()
	return has && pw != "" || len(u.User.Username()) >= 20
}
