package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

// TestDockerContext finds the daemon by the docker context, as docker does.
func TestDockerContext(t *testing.T) {
	e := needDocker(t)
	smallImage(t, e)
	config := t.TempDir()
	id := sha256.Sum256([]byte("e2e"))
	meta := filepath.Join(config, "contexts", "meta", hex.EncodeToString(id[:]))
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(meta, "meta.json"):     fmt.Sprintf(`{"Name":"e2e","Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, e.host()),
		filepath.Join(config, "config.json"): `{"currentContext":"e2e"}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"DOCKER_HOST=", "DOCKER_CONFIG=" + config}
	command(t, env, "docker", "image", "inspect", "lse-small:1") // docker agrees
	res := run{env: env}.leakscan(t, "-o", "json", "lse-small:1")
	rep := res.report(t)
	if res.code != 1 || !rep.Complete || len(rep.Images) != 1 || rep.Images[0].Source.Kind != "docker" || rep.Images[0].Source.Detail != e.host() {
		t.Errorf("exit code %d, images %+v, gaps:\n%s", res.code, rep.Images, gaps(rep))
	}
}

// smallImage loads an image of a few files into the daemon.
func smallImage(t *testing.T, e *engine) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "small.tar")
	if err := os.WriteFile(file, testimage.Legacy(smallBuilt()), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, []string{"DOCKER_HOST=" + e.host()}, "docker", "load", "-i", file)
}

func smallBuilt() *testimage.Built {
	return testimage.Image{Name: "lse-small:1", Layers: []testimage.Layer{
		{CreatedBy: "COPY env /env # buildkit", Entries: []testimage.Entry{testimage.File("env", "GITHUB_TOKEN="+secretInDamage+"\n")}},
	}}.Build()
}

// TestOrder asks for images without a prefix.
func TestOrder(t *testing.T) {
	e := needDocker(t)
	smallImage(t, e)
	env := []string{"DOCKER_HOST=" + e.host()}
	if p, err := podmanEnv(); err == nil {
		env = append(env, p...) // a storage that is empty, or has others
	}
	host := serve(t, newStore())
	local, remote := host+"/lse/both:1", host+"/lse/remote:1"
	for _, ref := range []string{local, remote} {
		command(t, env, "docker", "tag", "lse-small:1", ref)
		command(t, env, "docker", "push", ref)
	}
	command(t, env, "docker", "rmi", remote)

	t.Run("daemon first", func(t *testing.T) {
		rep := run{env: env}.leakscan(t, "-o", "json", local).report(t)
		if s := rep.Images[0].Source; s.Kind != "docker" || len(s.Tried) != 0 {
			t.Errorf("source %+v, want docker at once", s)
		}
	})
	t.Run("registry last", func(t *testing.T) {
		res := run{env: env}.leakscan(t, "-o", "json", remote)
		rep := res.report(t)
		if res.code != 1 || !rep.Complete || rep.Images[0].Source.Kind != "registry" {
			t.Fatalf("exit code %d, source %+v, gaps:\n%s", res.code, rep.Images[0].Source, gaps(rep))
		}
		var kinds []string
		for _, a := range rep.Images[0].Source.Tried {
			kinds = append(kinds, a.Kind)
			if a.Reason == "" {
				t.Errorf("%s without a reason", a.Kind)
			}
		}
		if got := strings.Join(kinds, " "); got != "docker podman containerd" {
			t.Errorf("tried %q", got)
		}
		text := run{env: env}.leakscan(t, remote)
		for _, w := range []string{"docker", "podman", "containerd", "registry"} {
			if !strings.Contains(string(text.stdout), w) {
				t.Errorf("the text report does not name %s:\n%s", w, text.stdout)
			}
		}
	})
	t.Run("nowhere", func(t *testing.T) {
		res := run{env: env}.leakscan(t, "-o", "json", host+"/lse/none:1")
		rep := res.report(t)
		if res.code != 2 || rep.Complete || len(rep.Gaps) != 1 {
			t.Errorf("exit code %d, complete %v, gaps:\n%s", res.code, rep.Complete, gaps(rep))
		}
		text := run{env: env}.leakscan(t, host+"/lse/none:1")
		if text.code != 2 {
			t.Errorf("exit code %d", text.code)
		}
		for _, kind := range []string{"docker", "podman", "containerd", "registry"} {
			if !strings.Contains(gaps(rep), kind+": ") || !strings.Contains(string(res.stderr), kind+": ") {
				t.Errorf("%s is not among what was tried:\n%s\nstderr: %s", kind, gaps(rep), res.stderr)
			}
			if !regexp.MustCompile(`(?m)^\s*` + kind + `[: ]`).Match(text.stdout) {
				t.Errorf("%s is not in the text:\n%s%s", kind, text.stdout, text.stderr)
			}
		}
	})
}
