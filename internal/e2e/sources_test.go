package e2e

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leakscan/leakscan/report"
)

// source is a way to reach the image.
type source struct {
	name string
	run  run
	ref  string
	kind string // as the report should call it
	pipe []string
}

// scan scans the image over a source, checks all that is known about it, and
// gives the findings in the form in which all sources must agree.
func (s *source) scan(t *testing.T, img *built) string {
	t.Helper()
	if len(s.pipe) > 0 {
		s.run.stdin = pipeFrom(t, s.run.env, s.pipe...)
	}
	text := filepath.Join(t.TempDir(), "report.txt")
	res := s.run.leakscan(t, "-o", "json", "-o", "text="+text, s.ref)
	rep := res.report(t)
	if res.code != 1 || !rep.Complete || len(rep.Gaps) > 0 {
		t.Errorf("exit code %d, complete %v, gaps:\n%s", res.code, rep.Complete, gaps(rep))
	}
	data, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	noSecrets(t, data)
	if len(rep.Images) != 1 || len(rep.Images[0].Layers) != 10 {
		t.Fatalf("%d images; the first is to have 10 layers", len(rep.Images))
	}
	if i := rep.Images[0]; i.Reference != s.ref || i.Source.Kind != s.kind {
		t.Errorf("reference %q from %q, want %q from %q", i.Reference, i.Source.Kind, s.ref, s.kind)
	}
	check(t, rep, img.want)
	return common(t, rep)
}

// pipeFrom starts a command whose output the scanner reads.
func pipeFrom(t *testing.T, env []string, words ...string) *os.File {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Env = environ(env...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { r.Close(); cmd.Wait() })
	return r
}

// common is what must be the same for every source: the findings, without
//   - layer.digest, which is that of the bytes as they are stored: compressed in
//     a registry or a layout, by whoever put them there, and not in docker save;
//   - extract, the command, which names the reference.
//
// The image itself (reference, source, name, manifest) is left out.
func common(t *testing.T, rep *report.Report) string {
	t.Helper()
	type layer struct {
		DiffID, Instruction string
		Bytes, Files        int64
		Findings            int
	}
	var layers []layer
	for _, l := range rep.Images[0].Layers {
		layers = append(layers, layer{l.DiffID, l.Instruction, l.Bytes, l.Files, l.Findings})
	}
	for i := range rep.Findings {
		for j := range rep.Findings[i].Locations {
			l := &rep.Findings[i].Locations[j]
			l.Extract = ""
			if l.Layer != nil {
				l.Layer.Digest = ""
			}
		}
	}
	data, err := json.MarshalIndent([]any{rep.Findings, layers, rep.Images[0].ConfigDigest, rep.Images[0].Platform}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// extract runs the commands that a report gives, as a user would: in a shell.
// Each must show the secret.
func (s *source) extract(t *testing.T, img *built) {
	t.Helper()
	if len(s.pipe) > 0 {
		s.run.stdin = pipeFrom(t, s.run.env, s.pipe...)
	}
	rep := s.run.leakscan(t, "-o", "json", s.ref).report(t)
	dir := t.TempDir()
	if err := os.Symlink(img.saved, filepath.Join(dir, "IMAGE.tar")); err != nil { // what < IMAGE.tar means
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range rep.Findings {
		for _, l := range f.Locations {
			i := slices.IndexFunc(img.want, func(w want) bool { return w.rule == f.Rule && w.path == l.Path && w.place == l.Place })
			if i < 0 || l.Extract == "" {
				t.Errorf("%s in %s: no extract command", f.Rule, l.Path)
				continue
			}
			if seen[l.Extract] {
				continue
			}
			seen[l.Extract] = true
			cmd := exec.CommandContext(t.Context(), "sh", "-c", l.Extract)
			cmd.Env, cmd.Dir = environ(s.run.env...), dir
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil || !strings.Contains(string(out), img.want[i].secret) {
				t.Errorf("%s: %v, %d bytes without the secret; %s", l.Extract, err, len(out), stderr.String())
			}
		}
	}
}

// TestSources scans one image over every source, and wants the same of each.
func TestSources(t *testing.T) {
	for _, builder := range []string{"buildkit", "classic"} {
		t.Run(builder, func(t *testing.T) {
			img := needImage(t, builder)
			d := needDocker(t)
			docker := "DOCKER_HOST=" + d.host()
			saved := source{name: "save", ref: img.saved, kind: "docker-archive"}
			want := saved.scan(t, img)
			if t.Failed() {
				return // the others would only repeat it
			}
			list := []source{
				saved,
				{name: "docker-archive with prefix", ref: "docker-archive:" + img.saved, kind: "docker-archive"},
				{name: "docker", run: run{env: []string{docker}}, ref: img.name, kind: "docker"},
				{name: "stdin", run: run{env: []string{docker}}, ref: "-", kind: "docker-archive", pipe: []string{"docker", "save", img.name}},
				{name: "gzipped stdin", run: run{env: []string{docker}}, ref: "-", kind: "docker-archive", pipe: []string{"sh", "-c", "docker save " + img.name + " | gzip -1"}},
				{name: "gzipped save", ref: gzipped(t, img.saved), kind: "docker-archive"},
			}
			list = append(list, registrySources(t, img, docker)...)
			list = append(list, layoutSources(t, img)...)
			for _, s := range list {
				t.Run(s.name, func(t *testing.T) { s.agrees(t, img, want) })
				if builder == "classic" {
					continue
				}
				// The commands are the same for both builders' images.
				t.Run(s.name+", extract", func(t *testing.T) { s.extract(t, img) })
			}
			t.Run("podman", func(t *testing.T) {
				s := podmanSource(t, img)
				s.agrees(t, img, want)
				if builder == "buildkit" {
					s.extract(t, img)
				}
			})
			t.Run("podman service", func(t *testing.T) {
				s := podmanSource(t, img)
				e, err := podmanService()
				if err != nil {
					lacking(t, "podman system service does not run: "+err.Error())
				}
				s.run.env = append(s.run.env, "CONTAINER_HOST="+e.host())
				s.agrees(t, img, want)
			})
			t.Run("containerd", func(t *testing.T) {
				s := containerdSource(t, img)
				s.agrees(t, img, want)
				s.extract(t, img)
			})
		})
	}
}

// TestTwoImages scans one archive of both images, which share a layer.
func TestTwoImages(t *testing.T) {
	images := []*built{needImage(t, "buildkit"), needImage(t, "classic")}
	saved := filepath.Join(t.TempDir(), "both.tar")
	command(t, []string{"DOCKER_HOST=" + needDocker(t).host()}, "docker", "save", "-o", saved, images[0].name, images[1].name)
	for _, s := range []source{{ref: saved}, {ref: "-", pipe: []string{"cat", saved}}} {
		both := &built{saved: saved, want: slices.Concat(images[0].want, images[1].want)}
		if len(s.pipe) > 0 {
			s.run.stdin = pipeFrom(t, nil, s.pipe...)
		}
		res := s.run.leakscan(t, "-o", "json", s.ref)
		rep := res.report(t)
		if res.code != 1 || !rep.Complete || len(rep.Images) != 2 {
			t.Fatalf("%s: exit code %d, %d images, gaps:\n%s", s.ref, res.code, len(rep.Images), gaps(rep))
		}
		for i, img := range rep.Images {
			k := slices.IndexFunc(images, func(b *built) bool { return strings.HasSuffix(img.Name, b.name) })
			if k < 0 {
				t.Fatalf("an image is named %q", img.Name)
			}
			one := *rep // what is said of this image
			one.Findings = nil
			for _, f := range rep.Findings {
				f.Locations = slices.DeleteFunc(slices.Clone(f.Locations), func(l report.Location) bool { return l.Image != i })
				one.Findings = append(one.Findings, f)
			}
			check(t, &one, images[k].want)
		}
		s.extract(t, both)
	}
}

func (s *source) agrees(t *testing.T, img *built, want string) {
	t.Helper()
	if got := s.scan(t, img); got != want {
		t.Errorf("the findings differ from those of docker save:\n%s", firstDifference(got, want))
	}
}

// firstDifference shows two texts from where they part.
func firstDifference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-200)
	return "here:  …" + a[from:min(len(a), i+200)] + "…\nthere: …" + b[from:min(len(b), i+200)] + "…"
}

func gzipped(t *testing.T, file string) string {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	name := filepath.Join(t.TempDir(), "image.tar.gz")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	z, _ := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if _, err := io.Copy(z, in); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// registrySources pushes the image with docker, once to a registry for
// everybody and once with credentials.
func registrySources(t *testing.T, img *built, docker string) []source {
	t.Helper()
	store := newStore()
	var list []source
	for _, r := range []struct{ name, host string }{
		{"registry", serve(t, store)},
		{"registry with basic auth", serve(t, basicAuth(store))},
	} {
		env := []string{docker}
		if strings.Contains(r.name, "auth") {
			env = append(env, dockerConfig(t, r.host, user, password))
		}
		ref := r.host + "/lse/app:1.0"
		command(t, env, "docker", "tag", img.name, ref)
		command(t, env, "docker", "push", ref)
		command(t, env, "docker", "rmi", ref) // else the daemon would have it
		digest := manifestDigest(t, serve(t, store), "lse/app", "1.0")
		list = append(list,
			source{name: r.name, run: run{env: env}, ref: "registry:" + ref, kind: "registry"},
			source{name: r.name + " by digest", run: run{env: env}, ref: r.host + "/lse/app@" + digest, kind: "registry"})
	}
	return list
}

// layoutSources makes OCI layouts and archives.
func layoutSources(t *testing.T, img *built) []source {
	t.Helper()
	var list []source
	for _, codec := range []string{"gzip", "zstd"} {
		dir := filepath.Join(t.TempDir(), codec)
		layoutOf(t, img.saved, "", codec, dir)
		archiveOf(t, dir, dir+".tar")
		list = append(list, source{name: "OCI layout, " + codec, ref: dir, kind: "oci-dir"},
			source{name: "OCI archive, " + codec, ref: dir + ".tar", kind: "oci-archive"})
	}
	return list
}

var podmanLoad sync.Mutex

func podmanSource(t *testing.T, img *built) source {
	t.Helper()
	env := needPodman(t)
	podmanLoad.Lock()
	defer podmanLoad.Unlock()
	if _, err := try(env, "podman", "image", "exists", img.name); err != nil {
		command(t, env, "podman", "load", "-i", img.saved)
	}
	return source{name: "podman", run: run{env: env}, ref: "podman:" + img.name, kind: "podman"}
}

func containerdSource(t *testing.T, img *built) source {
	t.Helper()
	e := needContainerd(t)
	dir := filepath.Join(t.TempDir(), "oci")
	layoutOf(t, img.saved, "docker.io/library/"+img.name, "gzip", dir)
	archiveOf(t, dir, dir+".tar")
	command(t, nil, "ctr", "--address", e.socket, "--namespace", "lse", "images", "import", "--no-unpack", dir+".tar")
	return source{name: "containerd", run: run{env: []string{"CONTAINERD_ADDRESS=" + e.socket, "CONTAINERD_NAMESPACE=lse"}}, ref: "containerd:" + img.name, kind: "containerd"}
}
