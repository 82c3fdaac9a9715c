package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

// The images that are damaged have a secret in the first, the second and the
// third layer. The second is the one that suffers; the secret in it stands
// before the damage.
var (
	secretInDamage = testimage.GitHubToken(1051)
	secretInFirst  = testimage.NPMToken(1052)
	secretInThird  = testimage.StripeKey(1053)
)

// threeLayers builds the image. raw, if given, makes the second layer of its
// plain tar.
func threeLayers(raw func(plain []byte) []byte) *testimage.Built {
	noise := make([]byte, 0, 300_000) // does not compress to nothing, so that a cut leaves something
	for i := range uint64(5000) {
		noise = append(noise, testimage.Password(i)+"\n"...)
	}
	second := []testimage.Entry{
		testimage.File("app/first.env", "GITHUB_TOKEN="+secretInDamage+"\n"),
		testimage.File("app/noise", string(noise)),
		testimage.File("app/last", "the end\n"),
	}
	layers := []testimage.Layer{
		{CreatedBy: "COPY .npmrc /root/.npmrc # buildkit", Entries: []testimage.Entry{testimage.File("root/.npmrc", "//registry.npmjs.org/:_authToken="+secretInFirst+"\n")}},
		{CreatedBy: "COPY app /app # buildkit", Entries: second},
		{CreatedBy: "COPY env /etc/env # buildkit", Entries: []testimage.Entry{testimage.File("etc/env", "STRIPE_API_KEY="+secretInThird+"\n")}},
	}
	if raw != nil {
		layers[1].Raw = raw(testimage.Tar(second...))
	}
	return testimage.Image{Name: "damaged:1", Layers: layers}.Build()
}

const (
	findsFirst  = "npm-access-token"
	findsSecond = "github-pat"
	findsThird  = "stripe-access-token"
)

// damaged is an image, what is wrong with it and what must be said.
type damaged struct {
	name   string
	blobs  []testimage.Blob // as they are stored: Data need not be what Digest says
	index  testimage.Blob
	root   testimage.Blob // what a registry gives for the tag
	gap    string         // the blob that a gap must name
	reason string         // a part of its reason
	finds  []string       // what must be found all the same
}

// code is the exit code.
func (d *damaged) code() int {
	if len(d.finds) > 0 {
		return int(report.Leaks | report.Incomplete)
	}
	return int(report.Incomplete)
}

// damages makes all of them.
func damages() []damaged {
	all := []string{findsFirst, findsSecond, findsThird}
	others := []string{findsFirst, findsThird}
	var list []damaged
	add := func(name string, img *testimage.Built, gap, reason string, finds []string, change func(blobs []testimage.Blob) []testimage.Blob) {
		blobs := img.Blobs()
		if change != nil {
			blobs = change(blobs)
		}
		list = append(list, damaged{name: name, blobs: blobs, index: testimage.Index(img.Manifest), root: img.Manifest, gap: gap, reason: reason, finds: finds})
	}
	// stored changes the bytes of a blob, and not what the manifest says of it.
	stored := func(digest string, change func([]byte) []byte) func([]testimage.Blob) []testimage.Blob {
		return func(blobs []testimage.Blob) []testimage.Blob {
			for i := range blobs {
				if blobs[i].Digest == digest {
					blobs[i].Data = change(slices.Clone(blobs[i].Data))
				}
			}
			return blobs
		}
	}
	without := func(digest string) func([]testimage.Blob) []testimage.Blob {
		return func(blobs []testimage.Blob) []testimage.Blob {
			return slices.DeleteFunc(blobs, func(b testimage.Blob) bool { return b.Digest == digest })
		}
	}
	half := func(b []byte) []byte { return b[:len(b)/2] }
	plain := threeLayers(nil)
	// layer names the one that is damaged.
	layer := func(b *testimage.Built) string { return b.Layers[1].Digest }

	add("truncated layer", plain, layer(plain), "", all, stored(layer(plain), half))
	add("wrong digest", plain, layer(plain), "hashes to", all, stored(layer(plain), func(b []byte) []byte {
		b[4]++ // the time in the header of gzip: the contents stay as they are
		return b
	}))
	add("longer than it should be", plain, layer(plain), "", all, stored(layer(plain), func(b []byte) []byte { return append(b, make([]byte, 512)...) }))
	add("bits flipped in the middle", plain, layer(plain), "", all, stored(layer(plain), func(b []byte) []byte {
		for i := range 64 {
			b[len(b)/2+i] ^= 0x55
		}
		return b
	}))
	add("missing layer", plain, layer(plain), "", others, without(layer(plain)))
	add("missing config", plain, plain.Config.Digest, "", all, without(plain.Config.Digest))
	// Without a manifest the blobs belong to no image, and are scanned even so.
	add("missing manifest", plain, plain.Manifest.Digest, "", all, without(plain.Manifest.Digest))
	add("manifest cut short", plain, plain.Manifest.Digest, "", all, stored(plain.Manifest.Digest, half))

	cut := threeLayers(func(tar []byte) []byte { return half(testimage.Gzip(tar, 1)) })
	add("gzip that breaks off", cut, layer(cut), "breaks off", all, nil)
	zcut := threeLayers(func(tar []byte) []byte { return half(testimage.Zstd(tar)) })
	add("zstd that breaks off", zcut, layer(zcut), "", others, nil)
	tarcut := threeLayers(half)
	add("tar that breaks off", tarcut, layer(tarcut), "", all, nil)
	gztar := threeLayers(func(tar []byte) []byte { return testimage.Gzip(half(tar), 1) })
	add("tar in gzip that breaks off", gztar, layer(gztar), "", all, nil)
	lz4 := threeLayers(func(tar []byte) []byte { return append([]byte("\x04\x22\x4d\x18\x64\x40\xa7"), make([]byte, 4000)...) })
	add("lz4", lz4, layer(lz4), "lz4", others, nil)
	garbage := threeLayers(func(tar []byte) []byte { return bytes.Repeat([]byte("no tar at all, "), 1000) })
	add("no tar", garbage, layer(garbage), "no tar", others, nil)
	header := threeLayers(func(tar []byte) []byte {
		i := bytes.Index(tar, []byte("app/noise"))
		tar = slices.Clone(tar)
		copy(tar[i:], "xpp/noise") // so that the checksum is wrong
		return testimage.Gzip(tar, 1)
	})
	add("tar header with a wrong checksum", header, layer(header), "", all, nil)

	for name, config := range map[string]string{"config that is no JSON": "this is no JSON", "config cut short": `{"architecture":"amd64","config":{"Env":["A=b"`, "config of another kind": `["a","list"]`} {
		img := threeLayers(nil)
		img.Config = testimage.NewBlob(ociConfig, []byte(config))
		img.Seal(nil)
		add(name, img, img.Config.Digest, "", all, nil)
	}
	diff := threeLayers(nil)
	diff.Config = testimage.NewBlob(ociConfig, bytes.ReplaceAll(diff.Config.Data, []byte(diff.DiffIDs[1]), []byte(testimage.Digest(nil))))
	diff.Seal(nil)
	add("wrong diffID", diff, layer(diff), "decompresses to", all, nil)
	size := threeLayers(nil)
	size.Layers[1].Size += 7
	size.Seal(nil)
	add("wrong size", size, layer(size), "bytes", all, nil)
	bad := threeLayers(nil)
	bad.Layers[1].Digest = "sha256:../../../etc/passwd"
	bad.Seal(nil)
	add("digest that is a path", bad, bad.Layers[1].Digest, "", others, nil)
	return list
}

// verdict checks what a scan said of a damaged image.
func (d *damaged) verdict(t *testing.T, res *result) {
	t.Helper()
	rep := res.report(t)
	if res.code != d.code() || rep.Complete {
		t.Errorf("exit code %d, want %d; complete %v", res.code, d.code(), rep.Complete)
	}
	for _, rule := range d.finds {
		if !slices.Contains(rulesFound(rep), rule) {
			t.Errorf("%s was not found", rule)
		}
	}
	named := slices.ContainsFunc(rep.Gaps, func(g report.Gap) bool {
		return (g.Blob == d.gap || g.Blob == "blobs/"+strings.Replace(d.gap, ":", "/", 1)) && strings.Contains(g.Reason, d.reason) && g.Reason != ""
	})
	if !named {
		t.Errorf("no gap names %s with %q", d.gap, d.reason)
	}
	if t.Failed() {
		t.Logf("found %v; gaps:\n%s\nstderr: %s", rulesFound(rep), gaps(rep), res.stderr)
	}
}

// TestDamage scans damaged images over every way that can damage them.
func TestDamage(t *testing.T) {
	for _, d := range damages() {
		t.Run(d.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Run("oci-dir", func(t *testing.T) {
				layout := filepath.Join(dir, "oci")
				if err := testimage.OCIDir(layout, d.index, sane(d.blobs)...); err != nil {
					t.Fatal(err)
				}
				d.verdict(t, run{}.leakscan(t, "-o", "json", layout))
				if text := (run{}).leakscan(t, layout); text.code != d.code() || !strings.Contains(string(text.stdout), short(d.gap)) {
					t.Errorf("exit code %d, or the text does not name %s:\n%s", text.code, d.gap, text.stdout)
				}
			})
			archive := filepath.Join(dir, "oci.tar")
			if err := os.WriteFile(archive, testimage.OCIArchive(d.index, sane(d.blobs)...), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Run("oci-archive", func(t *testing.T) { d.verdict(t, run{}.leakscan(t, "-o", "json", archive)) })
			t.Run("stdin", func(t *testing.T) {
				in, err := os.Open(archive)
				if err != nil {
					t.Fatal(err)
				}
				defer in.Close()
				d.verdict(t, run{stdin: in}.leakscan(t, "-o", "json", "-"))
			})
			if d.gap == d.root.Digest {
				return // a registry without the manifest has no image: TestRegistryRefuses
			}
			t.Run("registry", func(t *testing.T) {
				host := serve(t, blobServer(d.root, d.blobs...))
				d.verdict(t, run{}.leakscan(t, "-o", "json", "registry:"+host+"/damaged:1"))
			})
		})
	}
}

// sane leaves out a blob whose name is no file name.
func sane(blobs []testimage.Blob) []testimage.Blob {
	return slices.DeleteFunc(slices.Clone(blobs), func(b testimage.Blob) bool { return strings.Contains(b.Digest, "..") })
}

// short is enough of a digest to know it by.
func short(digest string) string { return digest[:min(len(digest), 19)] }

// blobServer is a registry of one image, which gives what it has, damaged or
// not. root is the manifest of every tag.
func blobServer(root testimage.Blob, blobs ...testimage.Blob) http.Handler {
	byDigest := map[string]testimage.Blob{}
	for _, b := range blobs {
		byDigest[b.Digest] = b
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		dir, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/damaged/"), "/")
		if dir == "manifests" && !strings.Contains(id, ":") {
			id = root.Digest
		}
		b, ok := byDigest[id]
		if !ok {
			refuse(w, http.StatusNotFound, "BLOB_UNKNOWN")
			return
		}
		w.Header().Set("Content-Type", b.MediaType)
		w.Header().Set("Content-Length", fmt.Sprint(len(b.Data)))
		w.Write(b.Data)
	})
}

// cleanImage has no secret.
func cleanImage() *testimage.Built {
	return testimage.Image{Name: "clean:1", Layers: []testimage.Layer{
		{CreatedBy: "COPY a /a # buildkit", Entries: []testimage.Entry{testimage.File("a", "nothing\n")}},
	}}.Build()
}

// TestUndamaged is the control: without damage there is no gap, and without a
// secret the exit code is 0.
func TestUndamaged(t *testing.T) {
	clean := cleanImage()
	for _, c := range []struct {
		img  *testimage.Built
		code int
	}{{threeLayers(nil), 1}, {clean, 0}} {
		dir := t.TempDir()
		layout, archive := filepath.Join(dir, "oci"), filepath.Join(dir, "oci.tar")
		if err := testimage.OCIDir(layout, testimage.Index(c.img.Manifest), c.img.Blobs()...); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(archive, testimage.OCIArchive(testimage.Index(c.img.Manifest), c.img.Blobs()...), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		host := serve(t, blobServer(c.img.Manifest, c.img.Blobs()...))
		for _, ref := range []string{layout, archive, "-", "registry:" + host + "/damaged:1"} {
			res := run{stdin: in}.leakscan(t, "-o", "json", ref)
			if rep := res.report(t); res.code != c.code || !rep.Complete || len(rep.Gaps) > 0 {
				t.Errorf("%s: exit code %d, want %d; gaps:\n%s", ref, res.code, c.code, gaps(rep))
			}
		}
	}
}

// TestDamagedArchives cuts what docker save writes, at many places.
func TestDamagedArchives(t *testing.T) {
	img := threeLayers(nil)
	legacy, modern := testimage.Legacy(img), testimage.DockerArchive(img)
	last := bytes.LastIndex(modern, []byte("manifest.json")) // the header of the last member
	clean := testimage.DockerArchive(cleanImage())
	for _, c := range []struct {
		name  string
		data  []byte
		leaks bool // a layer with a secret comes before the cut
	}{
		{"legacy, 5%", legacy[:len(legacy)*5/100], false},
		{"legacy, 40%", legacy[:len(legacy)*40/100], true},
		{"legacy, 97%", legacy[:len(legacy)*97/100], true},
		{"legacy, in gzip", testimage.Gzip(legacy, 1)[:60_000], true},
		{"legacy, whole in gzip that is cut", cutEnd(testimage.Gzip(legacy, 1), 6), true},
		{"docker 25, 40%", modern[:len(modern)*40/100], true},
		{"docker 25, inside the last header", modern[:last+100], true},
		// What remains is a layout without a fault, but the archive is not
		// whole: it lacks its last member and the end marker.
		{"docker 25, before the last member", modern[:last], true},
		{"docker 25 without a secret, before the last member", clean[:bytes.LastIndex(clean, []byte("manifest.json"))], false},
		{"docker 25, in the padding before the last member", modern[:last-1024-40], true},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "image.tar")
			if err := os.WriteFile(file, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			for _, ref := range []string{file, "-"} {
				res := run{stdin: in}.leakscan(t, "-o", "json", ref)
				rep := res.report(t)
				if res.code != 2 && res.code != 3 || rep.Complete || len(rep.Gaps) == 0 || c.leaks && res.code != 3 {
					t.Errorf("%s: exit code %d, complete %v, gaps:\n%s", ref, res.code, rep.Complete, gaps(rep))
				}
			}
		})
	}
}

func cutEnd(b []byte, n int) []byte { return b[:len(b)-n] }
