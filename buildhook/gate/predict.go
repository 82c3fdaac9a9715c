package gate

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/report"
)

// predict says what the request alone shows: a secret that BuildKit itself will
// write into what it exports, whatever the steps do.
func (g *Gate) predict(b *build) *report.Check {
	f := g.newFindings(b)
	attrs := b.req.GetFrontendAttrs()
	max := provenanceMax(attrs)
	for k, v := range attrs {
		if name, ok := strings.CutPrefix(k, "build-arg:"); ok && g.isSecret(name, v) {
			g.learn(known.Value{Name: "the build argument " + name, Value: []byte(v)})
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
		case k == "vcs:source" && hasPassword(v):
			f.add(report.Problem{Check: "credentials-in-provenance", Title: "The address of the source has credentials in it", Severity: report.SeverityCritical, Key: k,
				Message: "the address of the Git remote has a password or token in it, and is written into the provenance of every mode",
				Rests:   []report.Rest{report.RestProvenance}, Span: report.Span{File: "the command line"},
				Fix: "Take the credentials out of the remote: git remote set-url origin https://HOST/PATH, and use a credential helper."})
		}
	}
	return f.report()
}

// provenanceMax says whether the build makes a provenance that has the values
// of build arguments.
func provenanceMax(attrs map[string]string) bool {
	v, ok := attrs["attest:provenance"]
	return ok && strings.Contains(v, "mode=max") && !strings.Contains(v, "disabled=true")
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
	for _, err := range g.scanner.ScanBytes("", []byte(text)) {
		return err == nil
	}
	return false
}

func hasPassword(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		return false
	}
	pw, has := u.User.Password()
	return has && pw != "" || len(u.User.Username()) >= 20
}
