package leakscan_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// Shapes of indexes, manifests and names that are legal, odd or hostile: all
// that they lead to is read.

func small(entries ...testimage.Entry) *testimage.Built {
	return testimage.Image{Name: "a:b", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: entries}}}.Build()
}

func layoutDir(t *testing.T, root testimage.Blob, blobs ...testimage.Blob) string {
	t.Helper()
	dir := t.TempDir()
	if err := testimage.OCIDir(dir, root, blobs...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// One image in two indexes, of which the second attaches an attestation.
func TestImageListedTwice(t *testing.T) {
	b := small(testimage.File("a", "x"))
	m := b.Manifest
	m.Platform = map[string]string{"os": "linux", "architecture": "amd64"}
	attestation, extra := testimage.Attestation(b.Manifest, testimage.JSON(map[string]any{"arg": testimage.GitHubToken(1)}))
	noted := m
	noted.Annotations = map[string]string{"note": testimage.AWSKeyID(2)}
	one, two := testimage.Index(m), testimage.Index(noted, attestation)
	root := testimage.Index(one, two)
	blobs := append(append(b.Blobs(), extra...), attestation, one, two)
	for _, platform := range []string{"", "all"} {
		o := leakscan.Options{Open: layerwalk.Options{Platform: platform}}
		rep := scan(t, layoutDir(t, root, blobs...), o)
		if len(rep.Findings) != 2 || !rep.Complete {
			t.Errorf("platform %q: %s\n%s", platform, strings.Join(lines(rep), "\n"), gaps(rep))
		}
		for _, f := range rep.Findings {
			if p := f.Locations[0].Place; p != report.PlaceAttestation && p != report.PlaceAnnotation {
				t.Errorf("%s is in %s: it was found as a stray blob only", f.Rule, p)
			}
		}
	}
}

// A manifest that is an index as well.
func TestManifestOfBothForms(t *testing.T) {
	b, other := small(testimage.File("a", testimage.GitHubToken(1))), small(testimage.File("b", testimage.AWSKeyID(2)))
	both := testimage.NewBlob("", testimage.JSON(map[string]any{"schemaVersion": 2, "config": b.Config, "layers": b.Layers, "manifests": []testimage.Blob{other.Manifest}}))
	rep := scan(t, layoutDir(t, testimage.Index(both), append(append(b.Blobs(), other.Blobs()...), both)...), leakscan.Options{})
	if len(rep.Findings) != 2 || rep.Findings[0].Locations[0].Fate != report.FatePresent || rep.Findings[1].Locations[0].Fate != report.FatePresent {
		t.Errorf("%s\n%s", strings.Join(lines(rep), "\n"), gaps(rep))
	}
}

// The manifest of the only real platform is missing; what is there has none.
func TestOnlyUnknownPlatformIsThere(t *testing.T) {
	b, other := small(testimage.File("a", "x")), small(testimage.File("b", "y"))
	bm, om := b.Manifest, other.Manifest
	bm.Platform = map[string]string{"os": "linux", "architecture": "amd64"}
	om.Platform = map[string]string{"os": "unknown", "architecture": "unknown"}
	index := testimage.Index(bm, om)
	rep := scan(t, layoutDir(t, testimage.Index(index), append(other.Blobs(), index)...), leakscan.Options{Open: layerwalk.Options{}})
	if rep.Complete {
		t.Errorf("complete, with %+v", rep.Images)
	}
}

func TestWrongPlatform(t *testing.T) {
	b := small(testimage.File("a", testimage.GitHubToken(1)))
	rep := scan(t, layoutDir(t, testimage.Index(b.Manifest), b.Blobs()...), leakscan.Options{Open: layerwalk.Options{Platform: "linux/arm64"}})
	if rep.Verdict(report.Threshold{}) != 3 || !strings.Contains(gaps(rep), "it is for linux/amd64, not for linux/arm64") {
		t.Errorf("verdict %d, %s", rep.Verdict(report.Threshold{}), gaps(rep))
	}
}

func TestHugeDescriptorSize(t *testing.T) {
	b := small(testimage.File("a", testimage.GitHubToken(1)+strings.Repeat("x", 1<<20)))
	b.Layers[0].Size = 9e18
	b.Seal(nil)
	rep := scan(t, layoutDir(t, testimage.Index(b.Manifest), b.Blobs()...), leakscan.Options{})
	if len(rep.Findings) != 1 || rep.Complete || strings.Contains(gaps(rep), " -") {
		t.Errorf("%v\n%s", lines(rep), gaps(rep))
	}
}

// The fate of a name that is not UTF-8.
func TestFateOfLatin1(t *testing.T) {
	b := testimage.Image{Layers: []testimage.Layer{
		{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("caf\xe9.env", testimage.GitHubToken(1))}},
		{CreatedBy: "RUN rm", Entries: []testimage.Entry{testimage.Whiteout("caf\xe9.env")}},
	}}.Build()
	rep := scan(t, "-", stdin(testimage.Legacy(b)))
	if len(rep.Findings) != 1 || rep.Findings[0].Locations[0].Fate != report.FateDeleted || rep.Findings[0].Locations[0].Path != `/caf\xe9.env` {
		t.Error(lines(rep))
	}
}

// Two tags of one config with other layers are two images; a tar of files may
// have a manifest.json of its own.
func TestManifestsOfArchives(t *testing.T) {
	b := small(testimage.File("a", "x"))
	evil := testimage.Tar(testimage.File("b", testimage.GitHubToken(1)))
	data := testimage.Tar(testimage.File("c.json", string(b.Config.Data)), testimage.File("1.tar", string(b.Plain[0])), testimage.File("2.tar", string(evil)),
		testimage.File("manifest.json", `[{"Config":"c.json","RepoTags":["a:1"],"Layers":["1.tar"]},{"Config":"c.json","RepoTags":["a:2"],"Layers":["2.tar"]}]`))
	rep := scan(t, write(t, data), leakscan.Options{})
	if len(rep.Images) != 2 || len(rep.Findings) != 1 || rep.Findings[0].Locations[0].Fate != report.FatePresent {
		t.Errorf("%d images, %s", len(rep.Images), strings.Join(lines(rep), "\n"))
	}

	site := testimage.Tar(testimage.File("www/", ""), testimage.File("manifest.json", `{"name":"site","key":"`+testimage.GitHubToken(2)+`"}`), testimage.File("index.json", `{}`))
	for name, rep := range map[string]*report.Report{"file": scan(t, write(t, site), leakscan.Options{}), "stdin": scan(t, "-", stdin(site))} {
		if len(rep.Findings) != 1 || !rep.Complete {
			t.Errorf("%s: %v\n%s", name, lines(rep), gaps(rep))
		}
	}
}

// Masking takes out passwords and secrets, and nothing else.
func TestMaskingLeavesPathsAndDigests(t *testing.T) {
	dir := t.TempDir()
	names := []string{"foo:bar@2x.env", "baz:qux@2x.env"}
	for i, n := range names {
		os.WriteFile(filepath.Join(dir, n), []byte(testimage.GitHubToken(uint64(i))), 0o644)
	}
	rep := scan(t, "dir:"+dir, leakscan.Options{})
	got := strings.Join(lines(rep), "\n")
	for _, n := range names {
		if !strings.Contains(got, "file "+n+":1:1") {
			t.Errorf("no %s in\n%s", n, got)
		}
	}
	// A digest that a rule takes for a key, somewhere in the image.
	b := small(testimage.File("a", "x"))
	img := testimage.Image{Name: "a:b", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "x")}}, {CreatedBy: "COPY", Entries: []testimage.Entry{
		testimage.File("k", "api_key="+strings.TrimPrefix(b.Layers[0].Digest, "sha256:")+"\n")}}}}.Build()
	var out bytes.Buffer
	if err := report.WriteJSON(&out, scan(t, "-", stdin(testimage.DockerArchive(img))), report.JSONOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), b.Layers[0].Digest) {
		t.Error("the digest of a layer is masked")
	}
	rep = scan(t, "registry:user:hunter2pass@127.0.0.1:1/x", leakscan.Options{})
	out.Reset()
	report.WriteJSON(&out, rep, report.JSONOptions{})
	if strings.Contains(out.String(), "hunter2pass") {
		t.Errorf("the password of a reference is shown:\n%s", out.String())
	}
}
