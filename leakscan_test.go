package leakscan_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

func scan(t *testing.T, ref string, o leakscan.Options) *report.Report {
	t.Helper()
	rep, err := leakscan.Scan(context.Background(), []string{ref}, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func stdin(data []byte) leakscan.Options {
	return leakscan.Options{Open: layerwalk.Options{Stdin: bytes.NewReader(data)}}
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// lines gives a line for each location, without what depends on the source:
// the digest of a layer as stored, and the command with the reference in it.
func lines(rep *report.Report) []string {
	var out []string
	for _, f := range rep.Findings {
		for _, l := range f.Locations {
			s := fmt.Sprintf("%s %s %s=%s | %s %s:%d:%d @%d | %s by %d | %s", f.Severity, f.Rule, f.Key, f.Secret, l.Place, l.Path, l.Line, l.Column, l.Offset, l.Fate, l.FateLayer, l.Fingerprint)
			if l.Layer != nil {
				s += fmt.Sprintf(" | layer %d of %d %s", l.Layer.Index, l.Layer.Of, l.Layer.DiffID)
			}
			out = append(out, s+" | "+l.Instruction)
		}
	}
	return out
}

func gaps(rep *report.Report) string {
	var s []string
	for _, g := range rep.Gaps {
		s = append(s, fmt.Sprintf("%s %s %s: %s", g.Kind, g.Blob, g.Path, g.Reason))
	}
	return strings.Join(s, "\n")
}

// TestEverySource scans one image in every form it can have.
func TestEverySource(t *testing.T) {
	leaky := testimage.Leaky("demo:latest")
	built := leaky.Build()
	zstd, plain := leaky, leaky
	zstd.Compress, plain.Compress = "zstd", "none"
	zs, pl := zstd.Build(), plain.Build()

	ociDir := func(b *testimage.Built) string {
		dir := t.TempDir()
		if err := testimage.OCIDir(dir, testimage.Index(b.Manifest), b.Blobs()...); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	docker, legacy := testimage.DockerArchive(built), testimage.Legacy(built)
	oci := testimage.OCIArchive(testimage.Index(built.Manifest), built.Blobs()...)
	want := lines(scan(t, ociDir(built), leakscan.Options{}))
	if len(want) != 10 {
		t.Fatalf("%d locations:\n%s", len(want), strings.Join(want, "\n"))
	}
	for _, c := range []struct {
		name, ref, kind string
		stdin           []byte
	}{
		{"docker-archive", write(t, docker), "docker-archive", nil},
		{"docker-archive with prefix", "docker-archive:" + write(t, docker), "docker-archive", nil},
		{"docker-archive, gzip", write(t, testimage.Gzip(docker, 3)), "docker-archive", nil},
		{"docker-archive, zstd", write(t, testimage.Zstd(docker)), "docker-archive", nil},
		{"legacy", write(t, legacy), "docker-archive", nil},
		{"legacy, gzip", write(t, testimage.Gzip(legacy, 1)), "docker-archive", nil},
		{"oci-archive", write(t, oci), "oci-archive", nil},
		{"oci-archive with prefix", "oci-archive:" + write(t, oci), "oci-archive", nil},
		{"oci-dir", "oci-dir:" + ociDir(built), "oci-dir", nil},
		{"oci-dir, zstd layers", ociDir(zs), "oci-dir", nil},
		{"oci-dir, plain layers", ociDir(pl), "oci-dir", nil},
		{"stdin docker", "-", "docker-archive", docker},
		{"stdin legacy", "-", "docker-archive", legacy},
		{"stdin oci", "-", "oci-archive", oci},
		{"stdin gzip", "-", "docker-archive", testimage.Gzip(docker, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep := scan(t, c.ref, stdin(c.stdin))
			if got := lines(rep); !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if !rep.Complete || rep.Verdict(report.Threshold{}) != report.Leaks {
				t.Errorf("complete %v, verdict %d, gaps\n%s", rep.Complete, rep.Verdict(report.Threshold{}), gaps(rep))
			}
			if k := rep.Images[0].Source.Kind; k != c.kind {
				t.Errorf("source %s, want %s", k, c.kind)
			}
			if c.stdin == nil {
				checkExtract(t, rep, c.ref)
			}
		})
	}
}

// checkExtract takes every secret out of the image where its location says.
func checkExtract(t *testing.T, rep *report.Report, ref string) {
	t.Helper()
	for _, f := range rep.Findings {
		for _, l := range f.Locations {
			words := strings.SplitN(strings.Replace(l.Extract, " --platform linux/amd64", "", 1), " ", 4)
			if len(words) != 4 || words[1] != "extract" {
				t.Errorf("extract command %q", l.Extract)
				continue
			}
			target := strings.Trim(words[3], "'")
			var b bytes.Buffer
			if err := leakscan.Extract(context.Background(), ref, target, layerwalk.Options{}, &b); err != nil {
				t.Errorf("%s: %v", l.Extract, err)
				continue
			}
			prefix, _, _ := strings.Cut(f.Secret.String(), "…")
			if slices.Equal(l.Encodings, []string{"base64"}) && l.Offset < int64(b.Len()) {
				// The offset is that of the four characters that the secret begins in.
				text, err := base64.StdEncoding.DecodeString(b.String()[l.Offset:])
				if err != nil || !strings.Contains(string(text[:len(prefix)+2]), prefix) {
					t.Errorf("%s gives %q (%v) at %d", l.Extract, text, err, l.Offset)
				}
				continue
			}
			if int64(b.Len()) < l.Offset || !strings.HasPrefix(strings.TrimPrefix(b.String()[l.Offset:], "-----BEGIN "), strings.Split(prefix, " (")[0]) {
				t.Errorf("%s gives %d bytes without the secret at %d", l.Extract, b.Len(), l.Offset)
			}
		}
	}
}

// Equal input gives an equal report, byte for byte, with any number of workers.
func TestWorkers(t *testing.T) {
	b := testimage.Leaky("x").Build()
	ref := write(t, testimage.OCIArchive(testimage.Index(b.Manifest), b.Blobs()...))
	var first []byte
	for i := range 40 {
		var buf bytes.Buffer
		if err := report.WriteJSON(&buf, scan(t, ref, leakscan.Options{Workers: 1 + i%8}), report.JSONOptions{}); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = buf.Bytes()
		} else if !bytes.Equal(first, buf.Bytes()) {
			t.Fatalf("run %d differs", i)
		}
	}
}

// No output may hold a secret, wherever it was found and wherever else it
// stands.
func TestNothingLeaks(t *testing.T) {
	token, aws := testimage.GitHubToken(11), testimage.AWSKeyID(12)
	img := testimage.Image{
		Name: "x:" + "tag", Env: []string{"T=" + token, "OTHER=see " + aws},
		Labels: map[string]string{"l": token, token: "as a name"},
		Layers: []testimage.Layer{
			{CreatedBy: "RUN echo " + token + " | login # " + aws, Entries: []testimage.Entry{
				testimage.File("dir/"+token+"/f", "x"), testimage.Symlink("link", "/p/"+token),
				{Name: "pax", Body: "y", PAX: map[string]string{"SCHILY.xattr.user.t": token}},
				testimage.File("f", aws+" "+token),
			}},
		},
	}
	rep := scan(t, "-", stdin(testimage.DockerArchive(img.Build())))
	places := map[report.Place]bool{}
	for _, f := range rep.Findings {
		for _, l := range f.Locations {
			places[l.Place] = true
		}
	}
	for _, p := range []report.Place{report.PlaceConfig, report.PlaceHistory, report.PlaceFile, report.PlaceFileName, report.PlaceLinkTarget, report.PlaceHeader} {
		if !places[p] {
			t.Errorf("nothing found in %s", p)
		}
	}
	var out bytes.Buffer
	if err := report.WriteJSON(&out, rep, report.JSONOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, color := range []bool{true, false} {
		if err := report.WriteText(&out, rep, report.TextOptions{Color: color}); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(stored)
	fmt.Fprintf(&out, "%v %+v %#v", rep, rep, rep)
	for _, secret := range []string{token, aws} {
		if i := strings.Index(out.String(), secret); i >= 0 {
			t.Errorf("%s… is in the output: …%s", secret[:4], strings.ReplaceAll(out.String()[max(0, i-200):i], secret, "(secret)"))
		}
	}
}

func TestBlobResultHoldsNoSecret(t *testing.T) {
	token := testimage.GitHubToken(13)
	data := testimage.Tar(testimage.File("a", token))
	name := write(t, data)
	var vault leakscan.Vault
	rep := scan(t, "file:"+name, leakscan.Options{Secrets: &vault})
	if len(rep.Findings) != 1 {
		t.Fatal(lines(rep), gaps(rep))
	}
	if s, ok := vault.Reveal(&rep.Findings[0]); !ok || s != token {
		t.Error("the vault does not give it to those who ask")
	}
}

// TestFates has one file for each way in which a path can end.
func TestFates(t *testing.T) {
	f := testimage.File
	var seed uint64
	secret := func(name string) testimage.Entry { seed++; return f(name, testimage.GitHubToken(seed)) }
	img := testimage.Image{Layers: []testimage.Layer{
		{CreatedBy: "COPY one", Entries: []testimage.Entry{
			secret("stays"), secret("deleted"), secret("overwritten"), secret("d/deleted-with-dir"), secret("o/hidden"), secret("r/replaced"), secret("twice"), f("twice", "again"),
			secret("linked"), testimage.Hardlink("other-name", "linked"), secret("./odd/../odd/./name"),
		}},
		{CreatedBy: "RUN two", Entries: []testimage.Entry{
			testimage.Whiteout("deleted"), f("overwritten", ""), testimage.Whiteout("d"), testimage.Opaque("o"), f("r", "a file now"), testimage.Whiteout("linked"),
			secret("deleted"), // made again
		}},
		{CreatedBy: "RUN three", Entries: []testimage.Entry{testimage.Whiteout("odd/name")}},
	}}
	rep := scan(t, "-", stdin(testimage.Legacy(img.Build())))
	got := map[string]string{}
	for _, fi := range rep.Findings {
		for _, l := range fi.Locations {
			got[fmt.Sprintf("%d:%s", l.Layer.Index, l.Path)] = fmt.Sprintf("%s by %d", l.Fate, l.FateLayer)
		}
	}
	want := map[string]string{
		"1:/stays": "present by 0", "1:/deleted": "overwritten by 2", "1:/overwritten": "overwritten by 2", "1:/d/deleted-with-dir": "deleted by 2", "1:/o/hidden": "opaque by 2",
		"1:/r/replaced": "overwritten by 2", "1:/twice": "overwritten by 1", "1:/linked": "deleted by 2", "1:/other-name": "present by 0", "1:/odd/name": "deleted by 3", "2:/deleted": "present by 0",
	}
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %q, want %q", k, got[k], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}

// TestAttestations has a secret in a build argument of the provenance, and one
// in the Dockerfile that it holds in base64.
func TestAttestations(t *testing.T) {
	b := testimage.Image{Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "b")}}}}.Build()
	statement := testimage.JSON(map[string]any{
		"_type": "https://in-toto.io/Statement/v1",
		"predicate": map[string]any{
			"args":   map[string]any{"build-arg:GITHUB_TOKEN": testimage.GitHubToken(1)},
			"source": map[string]any{"data": base64.StdEncoding.EncodeToString([]byte("FROM scratch\nENV KEY=" + testimage.AWSKeyID(2) + "\n"))},
		},
	})
	manifest, extra := testimage.Attestation(b.Manifest, statement)
	img := b.Manifest
	img.Platform = map[string]string{"os": "linux", "architecture": "amd64"}
	other := img
	other.Platform = map[string]string{"os": "linux", "architecture": "s390x"}
	index := testimage.Index(img, other, manifest)
	root := testimage.Index(index)
	dir := t.TempDir()
	if err := testimage.OCIDir(dir, root, append(append(b.Blobs(), extra...), manifest, index)...); err != nil {
		t.Fatal(err)
	}
	rep := scan(t, dir, leakscan.Options{Open: layerwalk.Options{Platform: "linux/amd64"}})
	got := strings.Join(lines(rep), "\n")
	for _, want := range []string{
		"github-pat GITHUB_TOKEN=ghp_…(40 characters) | attestation predicate.args[\"build-arg:GITHUB_TOKEN\"]:1:1",
		"aws-access-token KEY=AKIA…(20 characters) | attestation predicate.source.data:1:29",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s\n%s", want, got, gaps(rep))
		}
	}
	if len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0].Text, "linux/s390x") {
		t.Errorf("the other platform is not noted: %v", rep.Notes)
	}
	if !rep.Complete {
		t.Error(gaps(rep))
	}
	checkExtract(t, rep, dir)
}

// TestDamage breaks an image in every way. What is not broken is still found,
// and nothing is quietly clean.
func TestDamage(t *testing.T) {
	lz4 := append([]byte{0x04, 0x22, 0x4d, 0x18}, make([]byte, 100)...)
	for _, c := range []struct {
		name   string
		damage func(b *testimage.Built) []testimage.Blob
		gap    string
		found  int // of the three secrets
	}{
		{"nothing", func(b *testimage.Built) []testimage.Blob { return b.Blobs() }, "", 3},
		{"missing layer", func(b *testimage.Built) []testimage.Blob { return slices.Delete(b.Blobs(), 1, 2) }, "missing %s : it is not in the layout: no such file or directory", 2},
		{"truncated layer", func(b *testimage.Built) []testimage.Blob {
			b.Layers[0].Data = b.Layers[0].Data[:len(b.Layers[0].Data)-20]
			return b.Blobs()
		}, "truncated %s : the gzip data breaks off", 3},
		{"wrong digest", func(b *testimage.Built) []testimage.Blob {
			b.Layers[0].Data = testimage.Gzip(testimage.Tar(testimage.File("x", testimage.GitHubToken(1)), testimage.File("more", "")), 1)
			return b.Blobs()
		}, "unverified %s : its content hashes to", 3},
		{"wrong diffID", func(b *testimage.Built) []testimage.Blob {
			b.Config = testimage.NewBlob(b.Config.MediaType, bytes.Replace(b.Config.Data, []byte(b.DiffIDs[0]), []byte(testimage.Digest(nil)), 1))
			b.Seal(nil)
			return b.Blobs()
		}, "unverified %s : layer 1 decompresses to", 3},
		{"config that is no JSON", func(b *testimage.Built) []testimage.Blob {
			b.Config = testimage.NewBlob(b.Config.MediaType, []byte("{ not JSON "+testimage.StripeKey(3)))
			b.Seal(nil)
			return b.Blobs()
		}, "the config is not valid", 3},
		{"missing config", func(b *testimage.Built) []testimage.Blob { return b.Blobs()[1:] }, "the config can't be read", 2},
		{"unknown codec", func(b *testimage.Built) []testimage.Blob {
			b.Layers[0] = testimage.NewBlob(b.Layers[0].MediaType, lz4)
			b.Seal(nil)
			return b.Blobs()
		}, "layer 1 is compressed with lz4, which can't be read", 2},
		{"no tar", func(b *testimage.Built) []testimage.Blob {
			b.Layers[0] = testimage.NewBlob(b.Layers[0].MediaType, []byte("text "+testimage.GitHubToken(1)))
			b.Seal(nil)
			return b.Blobs()
		}, "layer 1 is no tar", 3},
		{"tar that breaks off", func(b *testimage.Built) []testimage.Blob {
			plain := testimage.Tar(testimage.File("x", testimage.GitHubToken(1)+strings.Repeat("-", 3000)))
			b.Layers[0] = testimage.NewBlob(b.Layers[0].MediaType, testimage.Gzip(plain[:1200], 1))
			b.Seal(nil)
			return b.Blobs()
		}, "truncated %s : the tar ends", 3},
		{"missing manifest", func(b *testimage.Built) []testimage.Blob { return b.Blobs()[:len(b.Blobs())-1] }, "missing sha256:", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := testimage.Image{Env: []string{"K=" + testimage.StripeKey(3)}, Layers: []testimage.Layer{
				{CreatedBy: "COPY x", Entries: []testimage.Entry{testimage.File("x", testimage.GitHubToken(1))}},
				{CreatedBy: "COPY y", Entries: []testimage.Entry{testimage.File("y", testimage.AWSKeyID(2))}},
			}}.Build()
			blobs := c.damage(b)
			dir := t.TempDir()
			if err := testimage.OCIDir(dir, testimage.Index(b.Manifest), blobs...); err != nil {
				t.Fatal(err)
			}
			rep := scan(t, dir, leakscan.Options{})
			if len(rep.Findings) != c.found {
				t.Errorf("found %d of %d:\n%s", len(rep.Findings), c.found, strings.Join(lines(rep), "\n"))
			}
			if c.gap == "" {
				if !rep.Complete {
					t.Error(gaps(rep))
				}
				return
			}
			want := strings.Replace(c.gap, "%s", b.Layers[0].Digest, 1)
			if !strings.Contains(gaps(rep), want) {
				t.Errorf("gaps\n%s\nwant %s", gaps(rep), want)
			}
			if rep.Complete || rep.Verdict(report.Threshold{})&report.Incomplete == 0 {
				t.Error("it claims to be complete")
			}
		})
	}
}

// An archive that is cut off loses its manifest, which comes last: what came
// before is found all the same.
func TestCutArchive(t *testing.T) {
	data := testimage.Legacy(testimage.Leaky("x").Build())
	cut := data[:bytes.Index(data, []byte("manifest.json"))-100]
	for _, rep := range []*report.Report{scan(t, "-", stdin(cut)), scan(t, write(t, cut), leakscan.Options{})} {
		if rep.Complete || len(rep.Findings) != 8 {
			t.Errorf("complete %v, %d findings\n%s", rep.Complete, len(rep.Findings), gaps(rep))
		}
	}
}

// A blob that no image of the archive claims is given away with it.
func TestOrphans(t *testing.T) {
	b := testimage.Image{Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "b")}}}}.Build()
	hidden := testimage.NewBlob("", testimage.Gzip(testimage.Tar(testimage.File("h", testimage.GitHubToken(1))), 1))
	data := testimage.OCIArchive(testimage.Index(b.Manifest), append(b.Blobs(), hidden)...)
	for name, rep := range map[string]*report.Report{"stream": scan(t, "-", stdin(data)), "file": scan(t, write(t, data), leakscan.Options{})} {
		if len(rep.Findings) != 1 || len(rep.Images) != 2 {
			t.Errorf("%s: %d images, %v, %s", name, len(rep.Images), lines(rep), gaps(rep))
		}
	}
}

func TestSeveralImages(t *testing.T) {
	shared := testimage.Layer{CreatedBy: "COPY shared", Entries: []testimage.Entry{testimage.File("s", testimage.GitHubToken(1))}}
	one := testimage.Image{Name: "one:1", Layers: []testimage.Layer{shared}}.Build()
	two := testimage.Image{Name: "two:2", Layers: []testimage.Layer{shared, {CreatedBy: "RUN rm s", Entries: []testimage.Entry{testimage.Whiteout("s")}}}}.Build()
	for _, data := range [][]byte{testimage.Legacy(one, two), testimage.DockerArchive(one, two)} {
		rep := scan(t, "-", stdin(data))
		if len(rep.Images) != 2 || len(rep.Findings) != 1 || len(rep.Findings[0].Locations) != 2 {
			t.Fatalf("%d images, %v, %s", len(rep.Images), lines(rep), gaps(rep))
		}
		l := rep.Findings[0].Locations
		if l[0].Fate != report.FatePresent || l[1].Fate != report.FateDeleted {
			t.Errorf("fates %s and %s", l[0].Fate, l[1].Fate)
		}
		if l[0].Fingerprint != l[1].Fingerprint {
			t.Error("the fingerprint depends on the image")
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	rep, err := leakscan.Scan(ctx, []string{write(t, testimage.Legacy(testimage.Leaky("x").Build()))}, leakscan.Options{})
	if err != nil || rep.Complete || rep.Verdict(report.Threshold{})&report.Incomplete == 0 {
		t.Errorf("%v, complete %v", err, rep.Complete)
	}
}

// A file as large as a disk image, with a secret across every edge that a
// window could have.
func TestLargeFile(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcde\n"), 700_000)
	var want []string
	for i := range 40 {
		token := testimage.GitHubToken(uint64(100 + i))
		at := (i+1)<<18 - 20 - i
		copy(body[at:], " "+token+" ")
		want = append(want, fmt.Sprint(at+1))
	}
	rep := scan(t, "-", stdin(testimage.Legacy(testimage.Image{Layers: []testimage.Layer{{Entries: []testimage.Entry{testimage.File("big", string(body))}}}}.Build())))
	var got []string
	for _, f := range rep.Findings {
		for _, l := range f.Locations {
			line := bytes.Count(body[:l.Offset], []byte("\n")) + 1
			if l.Line != line {
				t.Errorf("offset %d is in line %d, not %d", l.Offset, line, l.Line)
			}
			got = append(got, fmt.Sprint(l.Offset))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found %d of %d\n%v\n%v", len(got), len(want), got, want)
	}
}

func TestPlainFiles(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "sub"), 0o755)
	os.WriteFile(filepath.Join(dir, "sub", "conf.json"), []byte("{\n \"k\": \""+testimage.GitHubToken(1)+"\"\n}"), 0o644)
	os.Symlink("/etc/passwd", filepath.Join(dir, "link"))
	for ref, want := range map[string]string{"dir:" + dir: "sub/conf.json:2:8", dir: "sub/conf.json:2:8", "file:" + dir + "/sub/conf.json": "conf.json:2:8", dir + "/sub/conf.json": "conf.json:2:8"} {
		rep := scan(t, ref, leakscan.Options{})
		if got := strings.Join(lines(rep), "\n"); !strings.Contains(got, "file "+want+" ") || !rep.Complete {
			t.Errorf("%s: %s\n%s", ref, got, gaps(rep))
		}
	}
}

// TestPlatforms has an index of two platforms, of which one may be missing, as
// in what an engine saves that pulled one of them.
func TestPlatforms(t *testing.T) {
	build := func(arch string, seed uint64) *testimage.Built {
		return testimage.Image{Arch: arch, Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File(arch, testimage.GitHubToken(seed))}}}}.Build()
	}
	one, two := build("riscv64", 1), build("s390x", 2)
	om, tm := one.Manifest, two.Manifest
	om.Platform = map[string]string{"os": "linux", "architecture": "riscv64"}
	tm.Platform = map[string]string{"os": "linux", "architecture": "s390x"}
	index := testimage.Index(om, tm)
	both := append(append(one.Blobs(), two.Blobs()...), index)
	for _, c := range []struct {
		name, platform string
		blobs          []testimage.Blob
		found          string // paths
		note           string
		verdict        report.Verdict
	}{
		{"neither is ours", "", both, "/riscv64", "linux/riscv64 was scanned in its place", 1},
		{"asked for", "linux/s390x", both, "/s390x", "other platforms were not scanned: linux/riscv64", 1},
		{"all", "all", both, "/riscv64 /s390x", "", 1},
		{"not there", "linux/amd64", both, "", "", 2},
		{"only the second was pulled", "", append(two.Blobs(), index), "/s390x", "linux/riscv64 (not in this source)", 1},
		{"all, one was not pulled", "all", append(two.Blobs(), index), "/s390x", "", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := testimage.OCIDir(dir, testimage.Index(index), c.blobs...); err != nil {
				t.Fatal(err)
			}
			archive := testimage.OCIArchive(testimage.Index(index), c.blobs...)
			for ref, in := range map[string][]byte{dir: nil, write(t, archive): nil, "-": archive} {
				o := stdin(in)
				o.Open.Platform = c.platform
				rep := scan(t, ref, o)
				var paths, notes []string
				for _, f := range rep.Findings {
					for _, l := range f.Locations {
						paths = append(paths, l.Path)
					}
				}
				for _, n := range rep.Notes {
					notes = append(notes, n.Text)
				}
				slices.Sort(paths)
				if got := strings.Join(paths, " "); got != c.found || rep.Verdict(report.Threshold{}) != c.verdict || !strings.Contains(strings.Join(notes, "; "), c.note) {
					t.Errorf("%s: found %q, verdict %d, notes %q, gaps %s", ref, got, rep.Verdict(report.Threshold{}), notes, gaps(rep))
				}
			}
		})
	}
}
