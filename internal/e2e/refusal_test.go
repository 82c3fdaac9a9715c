package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

// TestRegistryRefuses lets a registry answer with an error: for the manifest,
// when nothing can be scanned, and for a layer, when all else can.
func TestRegistryRefuses(t *testing.T) {
	img := threeLayers(nil)
	good := blobServer(img.Manifest, img.Blobs()...)
	for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
		refusing := func(part string) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, part) {
					refuse(w, status, "DENIED")
					return
				}
				good.ServeHTTP(w, r)
			})
		}
		said := fmt.Sprintf("answers %d %s", status, http.StatusText(status))
		t.Run(fmt.Sprint("manifest ", status), func(t *testing.T) {
			t.Parallel() // it waits between its tries
			ref := "registry:" + serve(t, refusing("/manifests/")) + "/damaged:1"
			res := run{}.leakscan(t, "-o", "json", ref)
			rep := res.report(t)
			if res.code != 2 || !strings.Contains(gaps(rep), said) || !strings.Contains(string(res.stderr), said) {
				t.Errorf("exit code %d, gaps:\n%s\nstderr: %s", res.code, gaps(rep), res.stderr)
			}
			if status != 400 && rep.Gaps[0].Hint == "" {
				t.Error("no hint of what to do")
			}
		})
		t.Run(fmt.Sprint("layer ", status), func(t *testing.T) {
			t.Parallel()
			d := damaged{gap: img.Layers[1].Digest, reason: said, finds: []string{findsFirst, findsThird}}
			host := serve(t, refusing("/blobs/"+img.Layers[1].Digest))
			d.verdict(t, run{}.leakscan(t, "-o", "json", "registry:"+host+"/damaged:1"))
		})
	}
	t.Run("at the door", func(t *testing.T) { // the ping of /v2/
		t.Parallel()
		host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE") }))
		res := run{}.leakscan(t, "registry:"+host+"/damaged:1")
		if res.code != 2 || !strings.Contains(string(res.stdout)+string(res.stderr), "503") {
			t.Errorf("exit code %d\n%s%s", res.code, res.stdout, res.stderr)
		}
	})
}

// TestRegistryBriefly answers the first requests with an error: they are made
// again.
func TestRegistryBriefly(t *testing.T) {
	img := threeLayers(nil)
	good := blobServer(img.Manifest, img.Blobs()...)
	first := make(chan int, 2)
	first <- http.StatusServiceUnavailable
	first <- http.StatusTooManyRequests
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, img.Layers[1].Digest) {
			select {
			case status := <-first:
				w.Header().Set("Retry-After", "0")
				refuse(w, status, "LATER")
				return
			default:
			}
		}
		good.ServeHTTP(w, r)
	}))
	res := run{}.leakscan(t, "-o", "json", "registry:"+host+"/damaged:1")
	if rep := res.report(t); res.code != 1 || !rep.Complete {
		t.Errorf("exit code %d, gaps:\n%s", res.code, gaps(rep))
	}
}

// TestRegistryBreaks cuts the connection in the middle of a layer.
func TestRegistryBreaks(t *testing.T) {
	img := threeLayers(nil)
	good := blobServer(img.Manifest, img.Blobs()...)
	digest := img.Layers[1].Digest
	t.Run("once", func(t *testing.T) { // resumed
		host := serve(t, cutting(good, digest, 1))
		res := run{}.leakscan(t, "-o", "json", "registry:"+host+"/damaged:1")
		if rep := res.report(t); res.code != 1 || !rep.Complete || len(rep.Findings) != 3 {
			t.Errorf("exit code %d, found %v, gaps:\n%s", res.code, rulesFound(rep), gaps(rep))
		}
	})
	t.Run("once, without ranges", func(t *testing.T) { // read again from its start
		host := serve(t, cutting(good, digest, 1, noRanges))
		res := run{}.leakscan(t, "-o", "json", "registry:"+host+"/damaged:1")
		if rep := res.report(t); res.code != 1 || !rep.Complete || len(rep.Findings) != 3 {
			t.Errorf("exit code %d, found %v, gaps:\n%s", res.code, rulesFound(rep), gaps(rep))
		}
	})
	t.Run("once, with ranges refused", func(t *testing.T) { // as go-containerregistry's registry does: read again, too
		host := serve(t, cutting(good, digest, 1, refusesRanges))
		res := run{}.leakscan(t, "-o", "json", "registry:"+host+"/damaged:1")
		if rep := res.report(t); res.code != 1 || !rep.Complete || len(rep.Findings) != 3 {
			t.Errorf("exit code %d, found %v, gaps:\n%s", res.code, rulesFound(rep), gaps(rep))
		}
	})
	t.Run("always", func(t *testing.T) {
		host := serve(t, cutting(good, digest, 100))
		d := damaged{gap: digest, finds: []string{findsFirst, findsSecond, findsThird}}
		d.verdict(t, run{}.leakscan(t, "-o", "json", "registry:"+host+"/damaged:1"))
	})
}

// TestCredentials scans with none and with the wrong ones.
func TestCredentials(t *testing.T) {
	img := threeLayers(nil)
	host := serve(t, basicAuth(blobServer(img.Manifest, img.Blobs()...)))
	ref := "registry:" + host + "/damaged:1"
	const wrong = "not the password"
	for name, env := range map[string]string{"none": "DOCKER_CONFIG=" + t.TempDir(), "wrong": dockerConfig(t, host, user, wrong)} {
		t.Run(name, func(t *testing.T) {
			res := run{env: []string{env}}.leakscan(t, "-o", "json", ref)
			all := string(res.stdout) + string(res.stderr)
			if res.code != 2 || !strings.Contains(all, "401") || !strings.Contains(all, "docker login") || strings.Contains(all, wrong) {
				t.Errorf("exit code %d\n%s", res.code, all)
			}
		})
	}
	t.Run("right", func(t *testing.T) {
		res := run{env: []string{dockerConfig(t, host, user, password)}}.leakscan(t, "-o", "json", ref)
		if rep := res.report(t); res.code != 1 || !rep.Complete {
			t.Errorf("exit code %d, gaps:\n%s", res.code, gaps(rep))
		}
	})
	t.Run("podman's", func(t *testing.T) { // REGISTRY_AUTH_FILE
		file := strings.TrimPrefix(dockerConfig(t, host, user, password), "DOCKER_CONFIG=") + "/config.json"
		res := run{env: []string{"REGISTRY_AUTH_FILE=" + file}}.leakscan(t, "-o", "json", ref)
		if rep := res.report(t); res.code != 1 || !rep.Complete {
			t.Errorf("exit code %d, gaps:\n%s", res.code, gaps(rep))
		}
	})
}

// TestNotThere asks for what is not there.
func TestNotThere(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.tar")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	notOCI := filepath.Join(dir, "plain")
	if err := os.MkdirAll(notOCI, 0o755); err != nil {
		t.Fatal(err)
	}
	badIndex := filepath.Join(dir, "bad-index")
	if err := os.MkdirAll(badIndex, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(badIndex, "index.json"), []byte("no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, ref, says string
	}{
		{"no daemon", "docker:app:1", "no daemon at unix://" + workDir},
		{"no podman service", "podman:app:1", "no daemon at unix://" + workDir},
		{"no containerd", "containerd:app:1", "no socket at " + workDir},
		{"bad reference", "registry:UPPER CASE", "no valid reference"},
		{"bad reference without prefix", "app::1@@", "no valid reference"},
		{"no registry", "registry:127.0.0.1:1/app:1", "127.0.0.1:1 can't be reached"},
		{"no file", "./no/such.tar", "no such file"},
		{"no file with prefix", "docker-archive:" + dir + "/none", "no such file"},
		{"empty archive", "docker-archive:" + empty, "it is empty"},
		{"directory that is no layout", "oci-dir:" + notOCI, "index.json"},
		{"index that is no JSON", badIndex, "not valid JSON"},
		{"empty reference", "docker:", "empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, format := range []string{"json", "text"} {
				res := run{}.leakscan(t, "-o", format, c.ref)
				all := string(res.stdout) + string(res.stderr)
				if res.code != 2 || !strings.Contains(all, c.says) {
					t.Errorf("exit code %d, and it does not say %q:\n%s", res.code, c.says, all)
				}
			}
		})
	}
	t.Run("no such image", func(t *testing.T) {
		e := needDocker(t)
		res := run{env: []string{"DOCKER_HOST=" + e.host()}}.leakscan(t, "docker:lse-none:1")
		if all := string(res.stdout) + string(res.stderr); res.code != 2 || !strings.Contains(strings.ToLower(all), "no such image") {
			t.Errorf("exit code %d\n%s", res.code, all)
		}
	})
	t.Run("all else is scanned", func(t *testing.T) {
		file := filepath.Join(dir, "image.tar")
		if err := os.WriteFile(file, testimage.Legacy(threeLayers(nil)), 0o600); err != nil {
			t.Fatal(err)
		}
		res := run{}.leakscan(t, "-o", "json", "docker:app:1", file)
		if rep := res.report(t); res.code != 3 || len(rep.Findings) != 3 || len(rep.Gaps) != 1 {
			t.Errorf("exit code %d, found %v, gaps:\n%s", res.code, rulesFound(rep), gaps(rep))
		}
	})
}
