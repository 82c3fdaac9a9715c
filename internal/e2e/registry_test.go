package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A registry of the tests: one store, as many fronts as wanted, each a server
// on the loopback.

func newStore() http.Handler { return registry.New(registry.Logger(log.New(io.Discard, "", 0))) }

// serve puts a handler on the loopback and gives its host.
func serve(t *testing.T, h http.Handler) (host string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return strings.TrimPrefix(s.URL, "http://")
}

const user, password = "ci", "of the tests"

// basicAuth lets only the user of the tests in.
func basicAuth(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="tests"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// dockerConfig makes a DOCKER_CONFIG with credentials for a registry.
func dockerConfig(t *testing.T, host, user, password string) (env string) {
	t.Helper()
	dir := t.TempDir()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "DOCKER_CONFIG=" + dir
}

// refuse answers with an error as the distribution spec has it.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"made by the test"}]}`, code)
}

// manifestDigest asks a registry what a tag stands for.
func manifestDigest(t *testing.T, host, repo, tag string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodHead, "http://"+host+"/v2/"+repo+"/manifests/"+tag, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	d := resp.Header.Get("Docker-Content-Digest")
	if resp.StatusCode != http.StatusOK || d == "" {
		t.Fatalf("%s/%s:%s: %s", host, repo, tag, resp.Status)
	}
	return d
}

// answer gives the whole answer of a handler.
func answer(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	clone := r.Clone(r.Context())
	clone.Header.Del("Range")
	h.ServeHTTP(rec, clone)
	return rec
}

// Ways of a registry to have no ranges.
const (
	noRanges      = "gives all"
	refusesRanges = "answers 416"
)

// cutting breaks the connection in the middle of the first so many answers
// for a blob. It serves ranges from any byte to the end, as registries do and
// the store can't, unless it is told to behave as one that knows none.
func cutting(next http.Handler, digest string, times int, how ...string) http.Handler {
	left := make(chan struct{}, times)
	for range times {
		left <- struct{}{}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/blobs/"+digest) {
			next.ServeHTTP(w, r)
			return
		}
		body := answer(next, r).Body.Bytes()
		select {
		case <-left:
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Write(body[:len(body)/2])
			panic(http.ErrAbortHandler) // closes the connection
		default:
			if slices.Contains(how, refusesRanges) && r.Header.Get("Range") != "" {
				refuse(w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UNKNOWN")
				return
			}
			if slices.Contains(how, noRanges) {
				r.Header.Del("Range")
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}
	})
}
