package e2e

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

// The secrets of the image, one for each way to leak. They are made when the
// tests run: none is in this source.
var (
	inEnv         = testimage.StripeKey(1001)
	inArg         = testimage.GitLabToken(1002)
	inLabel       = testimage.SlackToken(1003)
	inDeleted     = testimage.NPMToken(1010)
	inOverwritten = testimage.GitHubToken(1011)
	inOpaque      = testimage.PrivateKey(1020)
	inLarge       = testimage.AWSKeyID(1040)
	inStaying     = testimage.GitHubToken(1041)
)

// allSecrets lists what no output may show. Of the private key that is each of
// its lines.
func allSecrets() []string {
	all := []string{inEnv, inArg, inLabel, inDeleted, inOverwritten, inLarge, inStaying, secretInDamage, secretInFirst, secretInThird, secretInMemory}
	for line := range strings.Lines(inOpaque) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
			all = append(all, line)
		}
	}
	return all
}

const (
	largeSize   = 100 << 20
	largeOffset = 60 << 20
)

// dockerfile has ENV, ARG, LABEL and every way for a file to end. Its base is
// layer 1; the comments number the others.
func dockerfile() string {
	return strings.Join([]string{
		"FROM lse-base:1",
		"ENV STRIPE_API_KEY=" + inEnv,
		"ARG GITLAB_TOKEN",
		"RUN echo built > /built",                  // 2
		"COPY npmrc /root/.npmrc",                  // 3: deleted in 8
		"COPY deploy.yaml /app/config/deploy.yaml", // 4: overwritten in 9
		"COPY tls /app/tls",                        // 5: hidden by an opaque directory in 10
		"COPY large.bin /data/large.bin",           // 6
		"COPY env /app/.env",                       // 7
		"RUN rm /root/.npmrc",                      // 8
		"COPY clean.yaml /app/config/deploy.yaml",  // 9
		"RUN rm -rf /app/tls && mkdir /app/tls && echo x > /app/tls/new", // 10
		"LABEL ci.slack.token=" + inLabel,
		`CMD ["/bin/sh"]`, "",
	}, "\n")
}

// buildContext writes the build context and gives the line of the secret in
// the large file.
func buildContext(dir string) (line int, err error) {
	files := map[string]string{
		"Dockerfile":     dockerfile(),
		"npmrc":          "//registry.npmjs.org/:_authToken=" + inDeleted + "\n",
		"deploy.yaml":    "github:\n  user: ci\n  token: " + inOverwritten + "\n",
		"clean.yaml":     "github:\n  user: ci\n",
		"tls/server.key": inOpaque,
		"tls/server.crt": "none\n",
		"env":            "# settings\nLOG_LEVEL=info\nGITHUB_TOKEN=" + inStaying + "\n",
	}
	if err := os.MkdirAll(filepath.Join(dir, "tls"), 0o755); err != nil {
		return 0, err
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			return 0, err
		}
	}
	f, err := os.Create(filepath.Join(dir, "large.bin"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	noise := rand.NewChaCha8([32]byte{42})
	block := make([]byte, 1<<20)
	line = 1
	for off := 0; off < largeSize; off += len(block) {
		noise.Read(block)
		if off == largeOffset {
			copy(block, "\nAWS_ACCESS_KEY_ID="+inLarge+"\n")
			line++
		}
		if off < largeOffset {
			line += bytes.Count(block, []byte("\n"))
		}
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
	}
	return line, nil
}

// rootfs writes the base: a busybox.
func rootfs(name string) error {
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return err
	}
	entries := []testimage.Entry{{Name: "bin/busybox", Body: string(busybox)}}
	for _, d := range []string{"bin/", "etc/", "root/", "tmp/", "proc/", "sys/", "dev/"} {
		entries = append(entries, testimage.File(d, ""))
	}
	for _, c := range []string{"sh", "rm", "mkdir", "echo", "cat"} {
		entries = append(entries, testimage.Symlink("bin/"+c, "busybox"))
	}
	data := testimage.Tar(entries...)
	// testimage makes no file executable.
	var out bytes.Buffer
	r, w := tar.NewReader(bytes.NewReader(data)), tar.NewWriter(&out)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		h.Mode = 0o755
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(w, r); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, out.Bytes(), 0o644)
}

// built is the image as one of the two builders made it.
type built struct {
	name   string // in the daemon
	saved  string // file that docker save wrote
	config []byte
	want   []want
}

var builders = map[string]func() (*built, error){
	"buildkit": sync.OnceValues(func() (*built, error) { return build("buildkit", "1") }),
	"classic":  sync.OnceValues(func() (*built, error) { return build("classic", "0") }),
}

// needImage gives the image of one builder.
func needImage(t *testing.T, builder string) *built {
	t.Helper()
	needDocker(t)
	b, err := builders[builder]()
	if err != nil {
		lacking(t, fmt.Sprintf("the builder %s does not work: %v", builder, err))
	}
	return b
}

// buildDir is the build context, which both builders share.
var buildDir = sync.OnceValues(func() (dirAndLine, error) {
	d := dirAndLine{dir: filepath.Join(workDir, "context")}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return d, err
	}
	var err error
	d.line, err = buildContext(d.dir)
	return d, err
})

type dirAndLine struct {
	dir  string
	line int
}

func build(builder, buildkit string) (*built, error) {
	e, err := dockerd()
	if err != nil {
		return nil, err
	}
	host := "DOCKER_HOST=" + e.host()
	base := filepath.Join(workDir, "base.tar")
	if err := rootfs(base); err != nil {
		return nil, fmt.Errorf("the base wants busybox-static: %w", err)
	}
	if _, err := try([]string{host}, "docker", "import", base, "lse-base:1"); err != nil {
		return nil, err
	}
	context, err := buildDir()
	if err != nil {
		return nil, err
	}
	b := &built{name: "lse-app:" + builder, saved: filepath.Join(workDir, builder+".tar")}
	// A docker command without its buildx plugin can't use BuildKit; an older
	// one, which brings it along, may stand behind it in the PATH.
	var errs []error
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		docker := filepath.Join(dir, "docker")
		if !executable(docker) {
			continue
		}
		_, err := try([]string{host, "DOCKER_BUILDKIT=" + buildkit, "BUILDX_NO_DEFAULT_ATTESTATIONS=1"}, docker, "build", "--network=none", "--build-arg", "GITLAB_TOKEN="+inArg, "-t", b.name, context.dir)
		if err == nil {
			errs = nil
			break
		}
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if _, err := try([]string{host}, "docker", "save", "-o", b.saved, b.name); err != nil {
		return nil, err
	}
	if b.config, err = savedConfig(b.saved); err != nil {
		return nil, err
	}
	b.want = wanted(b.config, context.line)
	return b, nil
}

// savedConfig reads the config out of what docker save wrote.
func savedConfig(name string) ([]byte, error) {
	var m []struct{ Config string }
	data, err := member(name, func(n string) bool { return n == "manifest.json" })
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return nil, err
	}
	return member(name, func(n string) bool { return n == m[0].Config })
}

// member reads a member of a tar file.
func member(name string, is func(string) bool) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for r := tar.NewReader(bufio.NewReader(f)); ; {
		h, err := r.Next()
		if err != nil {
			return nil, err
		}
		if is(h.Name) {
			return io.ReadAll(r)
		}
	}
}

// want is a location as it should be reported.
type want struct {
	rule, secret string // secret: what the extract command must show
	place        report.Place
	path         string
	line         int
	layer        int            // 0: none
	instruction  *regexp.Regexp // of the location
	fate         report.Fate
	fateLayer    int
}

// wanted lists every location. Those in the config are looked up in it: the
// builders differ in what they repeat there.
func wanted(config []byte, largeLine int) []want {
	// The classic builder has a hash in the place of what was copied.
	copied := func(to string) *regexp.Regexp {
		return regexp.MustCompile(`^COPY \S+( in)? ` + regexp.QuoteMeta(to) + `\s*$`)
	}
	file := report.PlaceFile
	list := []want{
		{"npm-access-token", inDeleted, file, "/root/.npmrc", 1, 3, copied("/root/.npmrc"), report.FateDeleted, 8},
		{"github-pat", inOverwritten, file, "/app/config/deploy.yaml", 3, 4, copied("/app/config/deploy.yaml"), report.FateOverwritten, 9},
		{"private-key", strings.TrimSpace(inOpaque), file, "/app/tls/server.key", 1, 5, copied("/app/tls"), report.FateOpaque, 10},
		{"aws-access-token", inLarge, file, "/data/large.bin", largeLine, 6, copied("/data/large.bin"), report.FatePresent, 0},
		{"github-pat", inStaying, file, "/app/.env", 3, 7, copied("/app/.env"), report.FatePresent, 0},
	}
	var doc struct {
		History []struct {
			CreatedBy string `json:"created_by"`
			Empty     bool   `json:"empty_layer"`
		}
	}
	var all any
	if json.Unmarshal(config, &doc) != nil || json.Unmarshal(config, &all) != nil {
		panic("the builder made a config that is no JSON")
	}
	layerOf := make([]int, len(doc.History))
	n := 0
	for i, h := range doc.History {
		if !h.Empty {
			n++
			layerOf[i] = n
		}
	}
	for _, s := range []struct{ rule, secret, keyword string }{
		{"stripe-access-token", inEnv, "ENV"}, {"gitlab-pat", inArg, "RUN"}, {"slack-bot-token", inLabel, "LABEL"},
	} {
		for path, text := range jsonStrings("", all) {
			if !strings.Contains(text, s.secret) {
				continue
			}
			w := want{rule: s.rule, secret: s.secret, place: report.PlaceConfig, path: path, line: 1, fate: report.FatePresent,
				instruction: regexp.MustCompile("^" + s.keyword + " ")}
			var i int
			if k, _ := fmt.Sscanf(path, "history[%d]", &i); k == 1 {
				w.place, w.layer = report.PlaceHistory, layerOf[i]
			} else if strings.HasPrefix(path, "container_config.") {
				w.instruction = regexp.MustCompile("") // of the builder's last container: no instruction
			}
			list = append(list, w)
		}
	}
	return list
}

// jsonStrings gives the strings of a document by their paths as reports have
// them. Commands are one string.
func jsonStrings(path string, v any) map[string]string {
	all := map[string]string{}
	add := func(p string, v any) {
		for k, s := range jsonStrings(p, v) {
			all[k] = s
		}
	}
	switch v := v.(type) {
	case string:
		all[path] = v
	case []any:
		if strings.HasSuffix(path, "Cmd") {
			all[path] = fmt.Sprint(v...)
			break
		}
		for i, e := range v {
			add(fmt.Sprintf("%s[%d]", path, i), e)
		}
	case map[string]any:
		for k, e := range v {
			switch {
			case strings.Contains(k, "."):
				k = fmt.Sprintf("%s[%q]", path, k)
			case path != "":
				k = path + "." + k
			}
			add(k, e)
		}
	}
	return all
}

// check compares the findings of a report with what was planted: everything
// is there, where it should be, and nothing else.
func check(t *testing.T, rep *report.Report, list []want) {
	t.Helper()
	type found struct {
		rule string
		loc  report.Location
	}
	var rest []found
	for _, f := range rep.Findings {
		for _, l := range f.Locations {
			rest = append(rest, found{f.Rule, l})
		}
	}
	for _, w := range list {
		i := slices.IndexFunc(rest, func(f found) bool {
			return f.rule == w.rule && f.loc.Place == w.place && f.loc.Path == w.path && f.loc.Line == w.line
		})
		if i < 0 {
			t.Errorf("not found: %s in %s %s, line %d", w.rule, w.place, w.path, w.line)
			continue
		}
		l := rest[i].loc
		rest = slices.Delete(rest, i, i+1)
		index := 0
		if l.Layer != nil {
			index = l.Layer.Index
			if l.Layer.Of != 10 || l.Layer.Instruction != l.Instruction {
				t.Errorf("%s: layer %+v of 10, instruction %q", w.path, l.Layer, l.Instruction)
			}
		}
		if index != w.layer {
			t.Errorf("%s: in layer %d, not in %d", w.path, index, w.layer)
		}
		if !w.instruction.MatchString(l.Instruction) {
			t.Errorf("%s: made by %q, want %s", w.path, l.Instruction, w.instruction)
		}
		if l.Fate != w.fate || l.FateLayer != w.fateLayer {
			t.Errorf("%s: %s in layer %d, want %s in layer %d", w.path, l.Fate, l.FateLayer, w.fate, w.fateLayer)
		}
	}
	for _, f := range rest {
		t.Errorf("found, but not planted: %s in %s %s, line %d", f.rule, f.loc.Place, f.loc.Path, f.loc.Line)
	}
}
