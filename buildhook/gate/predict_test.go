package gate

import (
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

func TestProvenanceMax(t *testing.T) {
	for _, c := range []struct {
		key, value string
		want       bool
		bug        string
	}{
		{"", "", false, ""},
		{"attest:sbom", "mode=max", false, ""},
		{"attest:provenance", "mode=max", true, ""},
		{"attest:provenance", "mode=max,inline-only=true", true, ""},
		{"attest:provenance", "builder-id=x,mode=max", true, ""},
		{"attest:provenance", "mode=min", false, ""},
		{"attest:provenance", "mode=min,inline-only=true", false, ""}, // buildx's own default
		{"attest:provenance", "disabled=true,mode=max", false, ""},
		{"attest:provenance", "disabled=true", false, ""},
		// BuildKit: frontend/attestations/parse.go, solver/llbsolver/provenance.go.
		{"attest:provenance", "", true, "without a mode it is max"},
		{"attest:provenance", "disabled=false", true, "without a mode it is max (buildx --provenance=true)"},
		{"attest:provenance", "mode=full", true, "full is max"},
		{"attest:Provenance", "mode=max", true, "the case of the type does not matter"},
		{"build-arg:BUILDKIT_ATTEST_PROVENANCE", "mode=max", true, "a build argument asks for it too"},
	} {
		attrs := map[string]string{"filename": "Dockerfile"}
		if c.key != "" {
			attrs[c.key] = c.value
		}
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			got := provenanceMax(attrs)
			if got != c.want && c.bug != "" {
				t.Error("provenanceMax: " + c.bug)
			}
			if got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestPredict(t *testing.T) {
	max := func(more ...string) map[string]string {
		m := map[string]string{"attest:provenance": "mode=max"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	pw := testimage.Password(110)
	for _, c := range []struct {
		name  string
		attrs map[string]string
		want  string // the checks
	}{
		{"nothing", nil, ""},
		{"plain arguments", max("build-arg:VERSION", "1.2.3", "build-arg:DEBUG", "true"), ""},
		{"a token by its value", max("build-arg:X", secretA), "build-arg-in-provenance"},
		{"a password by its name", max("build-arg:DB_PASSWORD", pw), "build-arg-in-provenance"},
		{"an empty one", max("build-arg:DB_PASSWORD", " "), ""},
		{"a placeholder", max("build-arg:DB_PASSWORD", "changeme"), ""},
		{"a known one", max("build-arg:X", secretB), "build-arg-in-provenance"},
		{"a URL with a password", max("build-arg:REPO", "https://user:"+pw+"@example.org/x"), "build-arg-in-provenance"},
		{"two", max("build-arg:A_TOKEN", secretA, "build-arg:B_TOKEN", pw), "build-arg-in-provenance build-arg-in-provenance"},
		{"mode=min", map[string]string{"attest:provenance": "mode=min", "build-arg:X": secretA}, ""},
		{"no provenance", map[string]string{"build-arg:X": secretA}, ""},
		{"an address with a password", map[string]string{"vcs:source": "https://user:" + pw + "@example.org/x.git"}, "credentials-in-provenance"},
		{"an address with a token", map[string]string{"vcs:source": "https://" + secretA + "@github.com/x/y"}, "credentials-in-provenance"},
		{"an address with a name", map[string]string{"vcs:source": "https://git@github.com/x/y", "vcs:revision": "abc"}, ""},
		{"an address with an empty password", map[string]string{"vcs:source": "https://git:@github.com/x/y"}, ""},
		{"an address of SSH", map[string]string{"vcs:source": "git@github.com:x/y.git"}, ""},
		{"a plain address", map[string]string{"vcs:source": "https://github.com/x/y"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := testGate(t, knows(secretB))
			rep := g.predict(buildOf(c.attrs))
			var got []string
			for _, p := range rep.Problems {
				got = append(got, p.Check)
				if p.Severity != report.SeverityCritical || p.Fix == "" || p.Fingerprint == "" || len(p.Rests) != 1 || p.Rests[0] != report.RestProvenance {
					t.Errorf("%+v", p)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, not %q", got, c.want)
			}
			if len(rep.Gaps) != 0 || !rep.Complete {
				t.Errorf("gaps: %v", rep.Gaps)
			}
			s := reportText(t, rep)
			for _, v := range []string{secretA, secretB, pw} {
				if strings.Contains(s, v) {
					t.Errorf("the report has the value:\n%s", strings.ReplaceAll(s, v, "<VALUE>"))
				}
			}
		})
	}
}

// TestPredictLearns: an argument is looked for in the image, too, whatever
// becomes of the provenance.
func TestPredictLearns(t *testing.T) {
	g := testGate(t, nil)
	g.predict(buildOf(map[string]string{"build-arg:NPM_TOKEN": secretB, "build-arg:VERSION": "release-2026-candidate-7"}))
	if hits := g.values().Find([]byte("x " + secretB)); len(hits) != 1 || hits[0].Name != "the build argument NPM_TOKEN" {
		t.Errorf("got %v", hits)
	}
	if len(g.values().Find([]byte("release-2026-candidate-7"))) != 0 {
		t.Error("a plain argument is taken for a secret")
	}
}

func TestHasPassword(t *testing.T) {
	pw := testimage.Password(111)
	for s, want := range map[string]bool{"": false, "%": false, "/local/path": false, "https://a:b@c": true, "ssh://git@github.com/x": false, "https://" + pw + "@c": true} {
		if got := hasPassword(s); got != want {
			t.Errorf("%d bytes: %v", len(s), got)
		}
	}
	// Git takes it, net/url doesn't.
	if !hasPassword("https://user:" + pw + "%zz@example.org/x.git") {
		t.Error("hasPassword misses credentials in an address that net/url refuses")
	}
}
