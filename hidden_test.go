package leakscan_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// One token in every place of an image where bytes can lie. None of them may
// be quietly clean, from whichever source, and none may show the token.

// header is a tar header as no library would write it.
func header(name string, flag byte, size int, change func(b []byte)) []byte {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[124:], fmt.Sprintf("%011o\x00", size))
	b[156] = flag
	copy(b[257:], "ustar\x0000")
	if change != nil {
		change(b)
	}
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// block pads a body; fill is what stands in the padding.
func block(body, fill string) []byte {
	pad := make([]byte, -len(body)&511)
	copy(pad, fill)
	return append([]byte(body), pad...)
}

func paxRecord(key, value string) string {
	s := " " + key + "=" + value + "\n"
	n := len(s)
	for len(fmt.Sprint(n))+len(s) != n {
		n = len(fmt.Sprint(n)) + len(s)
	}
	return fmt.Sprint(n) + s
}

func pax(flag byte, records ...string) []byte {
	body := strings.Join(records, "")
	return append(header("PaxHeaders/x", flag, len(body), nil), block(body, "")...)
}

// withLayer is an image of one layer, of which the stored bytes are given.
func withLayer(plain, stored []byte) *testimage.Built {
	b := testimage.Image{Name: "a:b", Layers: []testimage.Layer{{CreatedBy: "COPY . .", Raw: stored}}}.Build()
	b.Config = testimage.NewBlob(b.Config.MediaType, bytes.ReplaceAll(b.Config.Data, []byte(b.DiffIDs[0]), []byte(testimage.Digest(plain))))
	b.DiffIDs[0], b.Plain[0] = testimage.Digest(plain), plain
	b.Seal(nil)
	return b
}

// everywhere scans an archive by name and from standard input.
func everywhere(t *testing.T, token string, archive []byte, wantFinding bool) {
	t.Helper()
	for source, rep := range map[string]*report.Report{"file": scan(t, write(t, archive), leakscan.Options{}), "stdin": scan(t, "-", stdin(archive))} {
		judge(t, source, token, rep, wantFinding)
	}
}

func judge(t *testing.T, source, token string, rep *report.Report, wantFinding bool) {
	t.Helper()
	if rep.Verdict(report.Threshold{}) == 0 {
		t.Errorf("%s: quietly clean", source)
	}
	if wantFinding && len(rep.Findings) == 0 {
		t.Errorf("%s: not found; gaps\n%s", source, gaps(rep))
	}
	var out bytes.Buffer
	if err := report.WriteJSON(&out, rep, report.JSONOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteText(&out, rep, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), token) {
		t.Errorf("%s: the secret is shown:\n%s", source, out.String())
	}
}

func TestHiddenInTar(t *testing.T) {
	token := testimage.GitHubToken(77)
	sec := "token=" + token + "\n"
	end := make([]byte, 1024)
	file := func(change func(b []byte)) []byte { return header("f", '0', 0, change) }
	long := func(s string) []byte { return append(header("L", 'L', len(s), nil), block(s, "")...) }
	comment := paxRecord("comment", "hi")
	for name, parts := range map[string][][]byte{
		"a file":                       {header("f", '0', len(sec), nil), block(sec, "")},
		"the padding of a body":        {header("f", '0', 3, nil), block("abc", sec)},
		"the padding of a PAX body":    {header("x", 'x', len(comment), nil), block(comment, sec), file(nil)},
		"both paddings":                {header("x", 'x', len(comment), nil), block(comment, sec), header("f", '0', 3, nil), block("abc", "junk")},
		"owner and group":              {file(func(b []byte) { copy(b[265:], token) })},
		"the tail of a header":         {file(func(b []byte) { copy(b[445:], sec) })},
		"a GNU header":                 {file(func(b []byte) { copy(b[257:], "ustar  \x00"); copy(b[345:], sec) })},
		"a V7 header":                  {file(func(b []byte) { clear(b[257:]); copy(b[300:], sec) })},
		"the link name of a file":      {file(func(b []byte) { copy(b[157:], sec) })},
		"a name behind its end":        {header("f\x00"+token, '0', 0, nil)},
		"a long name behind its end":   {long("f\x00" + sec), file(nil)},
		"a long name that is not used": {long(token), long("ok"), file(nil)},
		"hdrcharset":                   {pax('x', paxRecord("hdrcharset", token)), file(nil)},
		"mtime":                        {pax('x', paxRecord("mtime", token)), file(nil)},
		"an extended attribute":        {pax('x', paxRecord("SCHILY.xattr.user.k", token)), file(nil)},
		"a path that is overridden":    {pax('x', paxRecord("path", token), paxRecord("path", "clean")), file(nil)},
		"a global path":                {pax('g', paxRecord("path", token)), file(nil)},
		"PAX before a global header":   {pax('x', paxRecord("SCHILY.xattr.user.k", token)), pax('g', comment), file(nil)},
		"PAX without an entry":         {pax('x', paxRecord("SCHILY.xattr.user.k", token))},
		"a sparse name of a dir":       {pax('x', paxRecord("GNU.sparse.name", token)), header("f", '5', 0, nil)},
		"behind the end marker":        {file(nil), end, []byte(sec), make([]byte, 512)},
		"the name of a PAX header":     {header(token, 'x', len(comment), nil), block(comment, ""), file(nil)},
		"a device with a body":         {header("f", '3', len(sec), nil), block(sec, "")},
		"a hard link with a body":      {header("f", '1', len(sec), nil), block(sec, "")},
		"a volume header":              {header("f", 'V', len(sec), nil), block(sec, "")},
		"a whiteout with a body":       {header(".wh.f", '0', len(sec), nil), block(sec, "")},
		"the name of a whiteout":       {header("d/.wh."+token, '0', 0, nil)},
		"the name of a directory":      {header("d/"+token+"/", '5', 0, nil)},
		"a sparse map's padding": {pax('x', paxRecord("GNU.sparse.major", "1"), paxRecord("GNU.sparse.minor", "0"), paxRecord("GNU.sparse.name", "f"), paxRecord("GNU.sparse.realsize", "0")),
			header("f", '0', 512, nil), block("0\n", sec)},
		"a file named by it with a damaged sparse map": {pax('x', paxRecord("GNU.sparse.major", "1"), paxRecord("GNU.sparse.minor", "0"), paxRecord("GNU.sparse.name", token), paxRecord("GNU.sparse.realsize", "0")),
			header("f", '0', 512, nil), block("zz\n", "")},
	} {
		t.Run(name, func(t *testing.T) {
			plain := append(bytes.Join(parts, nil), end...)
			everywhere(t, token, testimage.DockerArchive(withLayer(plain, testimage.Gzip(plain, 1))), true)
		})
	}
}

func TestHiddenInCompression(t *testing.T) {
	token := testimage.GitHubToken(77)
	sec := "token=" + token + "\n"
	plain := testimage.Tar(testimage.File("a", "nothing"))
	gz, zst := testimage.Gzip(plain, 1), testimage.Zstd(plain)
	flagged := func(flag byte, extra []byte) []byte {
		b := bytes.Clone(gz)
		b[3] |= flag
		return bytes.Join([][]byte{b[:10], extra, b[10:]}, nil)
	}
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(sec)))
	for name, stored := range map[string][]byte{
		"gzip comment":         flagged(0x10, []byte(sec+"\x00")),
		"gzip extra field":     flagged(0x04, append([]byte{byte(len(sec)), 0}, sec...)),
		"zstd skippable frame": bytes.Join([][]byte{zst, {0x50, 0x2a, 0x4d, 0x18}, size, []byte(sec)}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, token, testimage.DockerArchive(withLayer(plain, stored)), true)
		})
	}
	for name, stored := range map[string][]byte{
		"behind gzip":               append(bytes.Clone(gz), sec...),
		"behind gzip and its zeros": append(append(bytes.Clone(gz), make([]byte, 700)...), sec...),
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, token, testimage.DockerArchive(withLayer(plain, stored)), false)
		})
	}
}

// TestHiddenInEncodings has the token encoded: in a file, in ENV, in the command
// that made the layer. Neither form may be shown.
func TestHiddenInEncodings(t *testing.T) {
	token := testimage.GitHubToken(77)
	utf16 := func(s string) string { return strings.Join(strings.Split(s, ""), "\x00") + "\x00" }
	percent := func(s string) (out string) {
		for i := range len(s) {
			out += fmt.Sprintf("%%%02x", s[i])
		}
		return out
	}
	for name, encode := range map[string]func(string) string{
		"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64 of base64": func(s string) string {
			s = base64.StdEncoding.EncodeToString([]byte(s))
			return base64.RawURLEncoding.EncodeToString([]byte(s))
		},
		"hex":              func(s string) string { return hex.EncodeToString([]byte(s)) },
		"percent":          percent,
		"UTF-16 in base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(utf16(s))) },
	} {
		t.Run(name, func(t *testing.T) {
			encoded := encode("token=" + token)
			for place, image := range map[string]testimage.Image{
				"a file":  {Layers: []testimage.Layer{{CreatedBy: "COPY . .", Entries: []testimage.Entry{testimage.File("etc/app.conf", "data = \""+encoded+"\"\n")}}}},
				"ENV":     {Layers: []testimage.Layer{{CreatedBy: "COPY . .", Entries: []testimage.Entry{testimage.File("a", "x")}}}, Env: []string{"DATA=" + encoded}},
				"history": {Layers: []testimage.Layer{{CreatedBy: "RUN echo " + encoded + " | decode > f", Entries: []testimage.Entry{testimage.File("a", "x")}}}},
			} {
				image.Name = "a:b"
				archive := testimage.DockerArchive(image.Build())
				everywhere(t, token, archive, true)
				rep := scan(t, write(t, archive), leakscan.Options{})
				for _, f := range rep.Findings {
					for _, l := range f.Locations {
						if len(l.Encodings) == 0 {
							t.Errorf("%s: %s at %s is not said to be encoded", place, f.Rule, l.Path)
						}
					}
				}
				judge(t, place, encoded, rep, true)
			}
		})
	}
	t.Run("UTF-16 in a file", func(t *testing.T) {
		image := testimage.Image{Name: "a:b", Layers: []testimage.Layer{{CreatedBy: "COPY . .", Entries: []testimage.Entry{testimage.File("app.ini", "\xFF\xFE"+utf16("token="+token+"\r\n"))}}}}
		everywhere(t, token, testimage.DockerArchive(image.Build()), true)
	})
}

func TestHiddenInDocuments(t *testing.T) {
	token := testimage.GitHubToken(77)
	config := func(v map[string]any) map[string]any { return map[string]any{"config": v} }
	for name, extra := range map[string]map[string]any{
		"a volume":              config(map[string]any{"Volumes": map[string]any{"/v/" + token: map[string]any{}}}),
		"a key of null":         config(map[string]any{"Labels": map[string]any{token: nil}}),
		"a key of true":         config(map[string]any{"X": map[string]any{token: true}}),
		"a key of nothing":      config(map[string]any{"Labels": map[string]any{token: ""}}),
		"a key of a string":     config(map[string]any{"Labels": map[string]any{token: "abc"}}),
		"a key of a list":       config(map[string]any{"Labels": map[string]any{token: []string{}}}),
		"the architecture":      {"architecture": token},
		"the operating system":  {"os": token},
		"an exposed port":       config(map[string]any{"ExposedPorts": map[string]any{token: map[string]any{}}}),
		"the author":            {"author": token},
		"a health check":        config(map[string]any{"Healthcheck": map[string]any{"Test": []string{"CMD", "check", token}}}),
		"ONBUILD":               config(map[string]any{"OnBuild": []string{"RUN login " + token}}),
		"the user":              config(map[string]any{"User": token}),
		"the working directory": config(map[string]any{"WorkingDir": "/" + token}),
		"an unknown field":      {"x": []any{map[string]any{"y": token}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := testimage.Image{Name: "a:b", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "x")}}}, Extra: extra}.Build()
			everywhere(t, token, testimage.DockerArchive(b), true)
		})
	}
	good := testimage.Image{Name: "a:b", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "x")}}}}
	t.Run("annotations", func(t *testing.T) {
		b := good.Build()
		m := b.Manifest
		m.Annotations = map[string]string{"note": token}
		dir := t.TempDir()
		if err := testimage.OCIDir(dir, testimage.Index(m), b.Blobs()...); err != nil {
			t.Fatal(err)
		}
		judge(t, "oci-dir", token, scan(t, dir, leakscan.Options{}), true)
		everywhere(t, token, testimage.OCIArchive(testimage.Index(m), b.Blobs()...), true)
	})
	t.Run("a blob of no image", func(t *testing.T) {
		b := good.Build()
		dir := t.TempDir()
		blobs := append(b.Blobs(), testimage.NewBlob("", []byte(token)))
		if err := testimage.OCIDir(dir, testimage.Index(b.Manifest), blobs...); err != nil {
			t.Fatal(err)
		}
		judge(t, "oci-dir", token, scan(t, dir, leakscan.Options{}), true)
		everywhere(t, token, testimage.OCIArchive(testimage.Index(b.Manifest), blobs...), true)
	})
	t.Run("digests and names", func(t *testing.T) {
		b := good.Build()
		b.Layers[0].Digest = "sha256:" + token
		b.Seal(nil)
		everywhere(t, token, testimage.DockerArchive(b), false)
		b = good.Build()
		b.Name = "a:" + token
		archive := testimage.DockerArchive(b)
		judge(t, "name", token, scan(t, write(t, append(archive, "x"...)), leakscan.Options{}), false)
	})
	t.Run("another platform", func(t *testing.T) {
		a, b := good.Build(), testimage.Image{Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("b", token)}}}}.Build()
		for name, platforms := range map[string][2]map[string]string{
			"one without a platform first": {nil, {"os": "linux", "architecture": "amd64"}},
			"two of the same platform":     {{"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "amd64"}},
		} {
			am, bm := a.Manifest, b.Manifest
			am.Platform, bm.Platform = platforms[0], platforms[1]
			inner := testimage.Index(am, bm)
			rep := scan(t, write(t, testimage.OCIArchive(testimage.Index(inner), append(append(a.Blobs(), b.Blobs()...), inner)...)), leakscan.Options{Open: layerwalk.Options{Platform: "linux/amd64"}})
			judge(t, name, token, rep, true)
		}
	})
}

func TestHiddenInArchives(t *testing.T) {
	token := testimage.GitHubToken(77)
	good := testimage.Image{Name: "a:b", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "x")}}}}.Build()
	evil := testimage.Image{Name: "a:evil", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("secret", token)}}}}.Build()
	id := strings.Repeat("ab", 32)
	configName := strings.TrimPrefix(good.Config.Digest, "sha256:") + ".json"
	layer := func(b *testimage.Built) testimage.Entry { return testimage.File(id+"/layer.tar", string(b.Plain[0])) }
	config := testimage.File(configName, string(good.Config.Data))
	manifest := testimage.File("manifest.json", `[{"Config":"`+configName+`","RepoTags":["a:b"],"Layers":["`+id+`/layer.tar"]}]`)
	archive := testimage.DockerArchive(good)

	short := testimage.Image{Name: "a:b", Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "x")}}}}.Build()
	short.Layers[0].Size += 5
	short.Seal(nil)

	endless := header("oci-layout", '0', 0, func(b []byte) { copy(b[124:136], "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\x00") })
	for name, c := range map[string]struct {
		data  []byte
		found bool
	}{
		"behind the archive":              {append(bytes.Clone(archive), "token="+token...), true},
		"a second archive behind it":      {append(bytes.Clone(archive), testimage.Legacy(evil)...), true},
		"a member of the same name first": {testimage.Tar(layer(evil), layer(good), config, manifest), false},
		"a member with a whiteout's name": {testimage.Tar(layer(good), testimage.File("blobs/.wh.x", token), config, manifest), true},
		"a config that does not match":    {testimage.Tar(layer(good), manifest, testimage.File(configName, config.Body+" ")), false},
		"a member of endless size":        {append(bytes.Clone(archive[:len(archive)-1024]), endless...), false},
		"a wrong size in the manifest":    {testimage.DockerArchive(short), false},
		"cut between two members":         {archive[:bytes.LastIndex(archive, []byte("manifest.json"))], false},
		"cut in the end marker's place":   {bytes.TrimRight(archive, "\x00"), false},
	} {
		t.Run(name, func(t *testing.T) { everywhere(t, token, c.data, c.found) })
	}
	t.Run("an archive that does not look like one", func(t *testing.T) {
		data := testimage.Tar(testimage.File("config.json", string(evil.Config.Data)), testimage.File("layer.tar.gz", string(testimage.Gzip(evil.Plain[0], 1))),
			testimage.File("manifest.json", `[{"Config":"config.json","RepoTags":["a:b"],"Layers":["layer.tar.gz"]}]`))
		judge(t, "file", token, scan(t, write(t, data), leakscan.Options{}), true)
		judge(t, "stdin", token, scan(t, "-", stdin(data)), false)
	})
}

// TestBombs has inputs of a few kilobytes that ask for gigabytes.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	t.Run("indexes within indexes", func(t *testing.T) {
		b := testimage.Image{Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", "x")}}}}.Build()
		blobs, level := b.Blobs(), b.Manifest
		for i := range 7 {
			var list []testimage.Blob
			for k := range 12 {
				l := level
				l.Platform = map[string]string{"os": "linux", "architecture": fmt.Sprint("a", i, k)}
				list = append(list, l)
			}
			level = testimage.Index(list...)
			blobs = append(blobs, level)
		}
		if err := testimage.OCIDir(dir, testimage.Index(level), blobs...); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{"", "all"} {
			if rep := scan(t, dir, leakscan.Options{Open: layerwalk.Options{Platform: p}}); len(rep.Images) > 10 {
				t.Errorf("%d images", len(rep.Images))
			}
		}
	})
	t.Run("paths of megabytes", func(t *testing.T) {
		var layer bytes.Buffer
		for i := range 40 {
			name := strings.Repeat(fmt.Sprint(i, "/"), 1<<19)
			layer.Write(pax('x', paxRecord("path", name)))
			layer.Write(header("f", '0', 40, nil))
			layer.Write(block(testimage.GitHubToken(uint64(i)), ""))
		}
		layer.Write(make([]byte, 1024))
		rep := scan(t, "-", stdin(testimage.DockerArchive(withLayer(layer.Bytes(), testimage.Gzip(layer.Bytes(), 1)))))
		if len(rep.Findings) != 40 {
			t.Errorf("%d findings, %s", len(rep.Findings), gaps(rep))
		}
		for _, f := range rep.Findings {
			if len(f.Locations[0].Path) > 1000 {
				t.Errorf("a path of %d bytes", len(f.Locations[0].Path))
			}
		}
	})
	t.Run("a layer listed often", func(t *testing.T) {
		var body strings.Builder
		for i := range 3000 {
			body.WriteString(testimage.GitHubToken(uint64(i)) + "\n")
		}
		b := testimage.Image{Layers: []testimage.Layer{{CreatedBy: "COPY", Entries: []testimage.Entry{testimage.File("a", body.String())}}}}.Build()
		for range 200 {
			b.Layers = append(b.Layers, b.Layers[0])
		}
		b.Seal(nil)
		d := filepath.Join(dir, "often")
		if err := testimage.OCIDir(d, testimage.Index(b.Manifest), b.Blobs()...); err != nil {
			t.Fatal(err)
		}
		rep := scan(t, d, leakscan.Options{})
		if rep.Complete || rep.Stats.Locations > 100_000 {
			t.Errorf("%d locations, complete %v", rep.Stats.Locations, rep.Complete)
		}
	})
	t.Run("a layer that is one JSON string", func(t *testing.T) {
		layer := append([]byte(`{"a":"`), bytes.Repeat([]byte("a"), 100<<20)...)
		layer = append(layer, testimage.GitHubToken(1)+`"}`...)
		rep := scan(t, "-", stdin(testimage.DockerArchive(withLayer(layer, testimage.Gzip(layer, 1)))))
		if rep.Complete || len(rep.Findings) != 0 && len(rep.Findings) != 1 {
			t.Errorf("complete %v, %v", rep.Complete, lines(rep))
		}
	})
}
