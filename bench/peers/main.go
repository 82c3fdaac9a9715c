// Peers makes the images of bench/peers.sh: each has one secret, made up as it
// runs, in one kind of place; two have none. It writes OUT/images/NAME.tar, what
// is in them when they are unpacked in the usual way to OUT/unpacked/NAME, the
// secret (a line of it is enough to know it by) to OUT/secrets/NAME, and
// OUT/list: name, group and place, separated by tabs.
//
//	go run ./bench/peers [-seed N] OUT
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	ti "github.com/leakscan/leakscan/internal/testimage"
)

// slot is where the compiled program has its secret: this program is the one
// that the image is given, with a token in the place of the 40 bytes between the
// zeros, as C puts around its strings. (Go puts nothing there, so that a pattern
// that wants the end of a word would find nothing.)
const slot = "\x00slot-for-a-token-slot-for-a-token-slot-4\x00"

// What every image has: nothing that looks like a secret.
var (
	rootfs = ti.Layer{CreatedBy: "/bin/sh -c #(nop) ADD file:2b1d6c0e9b7f4f0a in / ", Entries: []ti.Entry{
		ti.File("etc/", ""), ti.File("etc/os-release", "NAME=\"bench\"\nID=bench\n"), ti.File("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
	}}
	baseCmd = ti.Layer{CreatedBy: `CMD ["/bin/sh"]`, Empty: true}
	app     = ti.Layer{CreatedBy: "COPY app /app # buildkit", Entries: []ti.Entry{
		ti.File("app/", ""), ti.File("app/README.md", "A program.\n"), ti.File("app/settings.yaml", "port: 8080\nworkers: 4\n"),
	}}
	appCmd = ti.Layer{CreatedBy: `CMD ["/app/server"]`, Empty: true}
)

// image is the common image with layers before its last instruction.
func image(layers ...ti.Layer) ti.Image {
	all := append([]ti.Layer{rootfs, baseCmd, app}, layers...)
	return ti.Image{Name: "bench:latest", Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}, Cmd: []string{"/app/server"}, Compress: "none", Layers: append(all, appCmd)}
}

func files(entries ...ti.Entry) ti.Layer {
	return ti.Layer{CreatedBy: "COPY . /app # buildkit", Entries: entries}
}

func file(name, body string) ti.Layer { return files(ti.File(name, body)) }

func main() {
	log.SetFlags(0)
	seed := flag.Uint64("seed", 1, "another number, other secrets")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: peers [-seed N] OUT")
	}
	o := &out{dir: flag.Arg(0)}
	for _, d := range []string{"images", "unpacked", "secrets"} {
		check(os.RemoveAll(filepath.Join(o.dir, d)))
		check(os.MkdirAll(filepath.Join(o.dir, d), 0o755))
	}
	token := ti.GitHubToken(*seed)
	settings := "github:\n  token: " + token + "\n"
	leaky := file("app/deploy.yaml", settings)

	// The secrets themselves: every scanner should know them.
	o.old("clean", "control", "no secret at all", image().Build(), none)
	o.old("tempting", "control", "no secret: a placeholder, a variable, the hashes of a commit and of a package", image(files(
		ti.File("app/HELP.md", "Set GITHUB_TOKEN to a token of yours, such as `ghp_xxxxxxxxxxxxxxxxxxxx`.\n"),
		ti.File("app/github.yaml", "github:\n  token: ${GITHUB_TOKEN}\n  commit: 9fceb02d0ae598e95dc970b74767f19372d61af8\n"),
		ti.File("app/package-lock.json", `{"packages": {"node_modules/left-pad": {"version": "1.3.0", "integrity": "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA=="}}}`+"\n"),
	)).Build(), none)
	o.old("pat", "control", "a GitHub token in a file", image(leaky).Build(), token)
	id, key := ti.AWSKeyID(*seed), ti.AWSSecretKey(*seed)
	o.old("aws", "control", "an AWS key pair in a file", image(file("app/aws.env", "AWS_ACCESS_KEY_ID="+id+"\nAWS_SECRET_ACCESS_KEY="+key+"\n")).Build(), id+"\n"+key)
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE" + " KEY", Bytes: x509.MarshalPKCS1PrivateKey(pair)}))
	o.old("rsa", "control", "an RSA private key in a file", image(file("app/server.key", private)).Build(), strings.Split(private, "\n")[5])

	// The same file in the forms that an image is stored in.
	b := image(leaky).Build()
	o.write("docker25", "form", "`docker save` of Docker 25 and later", saved(b), b, nil, token)
	b = pack(image(leaky).Build(), "zstd")
	o.write("zstd", "form", "the same with zstd layers", saved(b), b, nil, token)
	b = pack(image(leaky).Build(), "gzip")
	o.write("gzip", "form", "the same with gzip layers (containerd's image store)", saved(b), b, nil, token)
	o.write("oci", "form", "OCI archive, gzip (buildx `--output type=oci`)", ti.OCIArchive(ti.Index(b.Manifest), b.Blobs()...), b, nil, token)

	// Places in the image.
	o.old("deleted", "place", "a file that a later layer deletes", image(leaky, ti.Layer{CreatedBy: "RUN /bin/sh -c rm /app/deploy.yaml # buildkit", Entries: []ti.Entry{ti.Whiteout("app/deploy.yaml")}}).Build(), token)
	base := image()
	base.Layers = []ti.Layer{rootfs, leaky, baseCmd, app, appCmd}
	o.old("base", "place", "a file of the base image", base.Build(), token)
	env := image(ti.Layer{CreatedBy: "ENV GITHUB_TOKEN=" + token, Empty: true})
	env.Env = append(env.Env, "GITHUB_TOKEN="+token)
	o.old("env", "place", "`ENV`", env.Build(), token)
	squashed := image()
	squashed.Env, squashed.NoHistory = env.Env, true
	o.old("env-only", "place", "`ENV`, without a history (squashed, or not made by a Dockerfile)", squashed.Build(), token)
	o.old("history", "place", "the history: `ARG` and `RUN`", image(ti.Layer{CreatedBy: "RUN |1 GITHUB_TOKEN=" + token + " /bin/sh -c ./build.sh # buildkit", Entries: []ti.Entry{ti.File("app/done", "done\n")}}).Build(), token)
	b = image().Build()
	b.Seal(map[string]string{"com.example.build.token": token})
	o.write("annotation", "place", "an annotation of the manifest (Docker 25's form)", saved(b), b, []ti.Blob{b.Manifest}, token)
	b = image().Build()
	statement := ti.JSON(map[string]any{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v1",
		"subject": []any{map[string]any{"name": "bench", "digest": map[string]string{"sha256": strings.TrimPrefix(b.Manifest.Digest, "sha256:")}}},
		"predicate": map[string]any{"buildDefinition": map[string]any{"externalParameters": map[string]any{
			"request": map[string]any{"frontend": "dockerfile.v0", "args": map[string]string{"build-arg:GITHUB_TOKEN": token}}}}}})
	attestation, blobs := ti.Attestation(b.Manifest, statement)
	o.write("provenance", "place", "a build argument in the provenance, `mode=max` (Docker 25's form)", saved(b, append(blobs, attestation)...), b, []ti.Blob{blobs[1]}, token)

	// Places in a file.
	o.old("base64", "file", "base64, in a Secret of Kubernetes", image(file("app/secret.yaml",
		"apiVersion: v1\nkind: Secret\nmetadata:\n  name: github\ndata:\n  token: "+base64.StdEncoding.EncodeToString([]byte(token))+"\n")).Build(), token)
	self, err := os.Executable()
	check(err)
	program, err := os.ReadFile(self)
	check(err)
	if !bytes.Contains(program, []byte(slot)) {
		log.Fatal("the slot is not in the program")
	}
	o.old("program", "file", "a compiled program", image(file("app/server", string(bytes.ReplaceAll(program, []byte(slot), []byte("\x00"+token+"\x00"))))).Build(), token)
	o.old("node_modules", "file", "a file in `node_modules`", image(file("app/node_modules/client/lib/client.js", "const token = '"+token+"';\nmodule.exports = () => token;\n")).Build(), token)
	o.old("targz", "file", "in a `.tar.gz` in a layer", image(file("app/backup.tar.gz", string(ti.Gzip(ti.Tar(ti.File("deploy.yaml", settings)), 1)))).Build(), token)
	o.old("jar", "file", "in a `.jar` in a layer", image(file("app/app.jar", string(ti.Zip(zip.Deflate, ti.File("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n"), ti.File("application.properties", "github.token="+token+"\n"))))).Build(), token)

	// Places that unpacking makes no use of.
	o.old("pax", "hidden", "a PAX header", image(files(ti.Entry{Name: "app/x", Body: "x\n", PAX: map[string]string{"SCHILY.xattr.user.token": token}})).Build(), token)
	o.old("behind", "hidden", "behind the end marker of a layer's tar", behind(settings), token)

	// What can't be read whole: here "clean" is the wrong answer.
	long := words(20000)
	b = ti.Image{Name: "bench:latest", Layers: []ti.Layer{rootfs, files(ti.File("app/log", long), ti.File("app/deploy.yaml", settings))}}.Build()
	b.Plain[1] = b.Plain[1][:len(b.Plain[1])/2]
	o.write("truncated", "damaged", "a layer is cut in half, the secret is gone", ti.Legacy(b), nil, nil, token)
	b = image(files(ti.File("app/x", "x\n"), ti.File("app/log", "started\n"), ti.File("app/deploy.yaml", settings))).Build()
	whole := ti.Legacy(b)
	bad := bytes.Replace(whole, []byte("app/log\x00"), []byte("app/lug\x00"), 1)
	o.write("header", "damaged", "a bit of a tar header in a layer has flipped, the secret is behind it", bad, nil, nil, token)
	b = image(leaky, file("app/log", long)).Build()
	whole = ti.Legacy(b)
	o.write("cut", "damaged", "the archive is cut short, the secret is before the cut", whole[:len(whole)-len(long)/2], nil, nil, token)

	check(os.WriteFile(filepath.Join(o.dir, "list"), []byte(o.list.String()), 0o644))
}

const none = "no secret"

// out is the directory that is written.
type out struct {
	dir  string
	list strings.Builder
}

// old writes an image as docker save did before version 25, which every
// scanner reads.
func (o *out) old(name, group, place string, b *ti.Built, secret string) {
	o.write(name, group, place, ti.Legacy(b), b, nil, secret)
}

// write writes an image; without b there is nothing that could be unpacked.
func (o *out) write(name, group, place string, archive []byte, b *ti.Built, documents []ti.Blob, secret string) {
	fmt.Fprintf(&o.list, "%s\t%s\t%s\n", name, group, place)
	check(os.WriteFile(filepath.Join(o.dir, "images", name+".tar"), archive, 0o644))
	check(os.WriteFile(filepath.Join(o.dir, "secrets", name), []byte(secret+"\n"), 0o644))
	if b == nil {
		return
	}
	dir := filepath.Join(o.dir, "unpacked", name)
	check(os.MkdirAll(dir, 0o755))
	for i, d := range append([]ti.Blob{b.Config}, documents...) {
		check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("document%d.json", i)), d.Data, 0o644))
	}
	for i, layer := range b.Plain {
		r := tar.NewReader(bytes.NewReader(layer))
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			check(err)
			p := filepath.Join(dir, fmt.Sprintf("layer%d", i), filepath.FromSlash(h.Name))
			if h.Typeflag == tar.TypeDir {
				check(os.MkdirAll(p, 0o755))
				continue
			}
			body, err := io.ReadAll(r)
			check(err)
			check(os.MkdirAll(filepath.Dir(p), 0o755))
			check(os.WriteFile(p, body, 0o644))
		}
	}
}

// pack compresses the layers of an image, zstd in one frame, as BuildKit does.
func pack(b *ti.Built, codec string) *ti.Built {
	for i, plain := range b.Plain {
		data := ti.Gzip(plain, 1)
		if codec == "zstd" {
			w, err := zstd.NewWriter(nil)
			check(err)
			data = w.EncodeAll(plain, nil)
		}
		b.Layers[i] = ti.NewBlob("application/vnd.oci.image.layer.v1.tar+"+codec, data)
	}
	b.Seal(nil)
	return b
}

// saved is docker save's form since version 25, with further blobs that the
// index names last.
func saved(b *ti.Built, more ...ti.Blob) []byte {
	m := b.Manifest
	m.Annotations = map[string]string{"io.containerd.image.name": "docker.io/library/" + b.Name}
	index := []ti.Blob{m}
	if len(more) > 0 {
		index = append(index, more[len(more)-1])
	}
	path := func(b ti.Blob) string { return "blobs/" + strings.Replace(b.Digest, ":", "/", 1) }
	var layers []string
	for _, l := range b.Layers {
		layers = append(layers, path(l))
	}
	var entries []ti.Entry
	for _, blob := range append(b.Blobs(), more...) {
		entries = append(entries, ti.File(path(blob), string(blob.Data)))
	}
	return ti.Tar(append(entries, ti.File("index.json", string(ti.Index(index...).Data)),
		ti.File("manifest.json", string(ti.JSON([]map[string]any{{"Config": path(b.Config), "RepoTags": []string{b.Name}, "Layers": layers}}))),
		ti.File("oci-layout", `{"imageLayoutVersion":"1.0.0"}`))...)
}

// behind is an image with text behind the end marker of its last layer.
func behind(text string) *ti.Built {
	b := image(file("app/x", "x\n")).Build()
	last := len(b.Plain) - 1
	was := b.DiffIDs[last]
	b.Plain[last] = append(b.Plain[last], text+strings.Repeat("\x00", 512-len(text))...)
	b.DiffIDs[last] = ti.Digest(b.Plain[last])
	b.Layers[last] = ti.NewBlob(b.Layers[last].MediaType, b.Plain[last])
	b.Config = ti.NewBlob(b.Config.MediaType, bytes.ReplaceAll(b.Config.Data, []byte(was), []byte(b.DiffIDs[last])))
	b.Seal(nil)
	return b
}

// words is a log of so many lines, which are not all the same.
func words(lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "request %d took %d ms\n", i*7919%100003, i*i%997)
	}
	return b.String()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
