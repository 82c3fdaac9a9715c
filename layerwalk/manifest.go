package layerwalk

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The documents of an image. Only what a walk needs is read here; their every
// string is scanned by way of jsonEntries.
// https://github.com/opencontainers/image-spec/tree/main

const (
	maxManifest = 16 << 20  // registries stop at 4 MiB
	maxDocument = 16 << 20  // config
	maxDocTotal = 128 << 20 // all documents of one archive that must be kept
	maxLayers   = 10_000    // of all images of a source; runtimes stop at 127 an image, some at 500
	maxNested   = 8         // indexes within indexes
	maxImages   = 1_000     // images of a source
	maxVisits   = 20_000    // manifests that are read to find them
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	URLs        []string          `json:"urls"`
	Platform    *platform         `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        *descriptor       `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Manifests     []descriptor      `json:"manifests"` // of an index
	Annotations   map[string]string `json:"annotations"`
	FSLayers      []struct {        // of a Docker manifest of schema 1, top layer first
		BlobSum string `json:"blobSum"`
	} `json:"fsLayers"`
}

// History is an entry of a config's history.
type History struct {
	CreatedBy string `json:"created_by"`
	Comment   string `json:"comment"`
	Empty     bool   `json:"empty_layer"`
	Layer     int    `json:"-"` // index of the layer that it made; -1: none, or not known
}

type configFile struct {
	platform
	RootFS struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []History `json:"history"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

func (p platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	if s = strings.Trim(s, "/"); s == "" {
		return "unknown"
	}
	return s
}

// matches reports whether p is what want asks for. arm64 has one variant
// today, so an unsaid one is v8.
func (p platform) matches(want platform) bool {
	norm := func(v platform) platform {
		if v.Architecture == "arm64" && v.Variant == "" {
			v.Variant = "v8"
		}
		return v
	}
	p, want = norm(p), norm(want)
	return p.OS == want.OS && p.Architecture == want.Architecture && (want.Variant == "" || p.Variant == want.Variant)
}

// parsePlatform reads "os/arch[/variant]". "" and "all" give nil.
func parsePlatform(s string) (*platform, error) {
	if s == "" || s == "all" {
		return nil, nil
	}
	f := strings.Split(s, "/")
	if len(f) < 2 || len(f) > 3 || slices.Contains(f, "") {
		return nil, fmt.Errorf("platform %q: want os/arch or os/arch/variant, such as linux/arm64, or all", s)
	}
	p := &platform{OS: f[0], Architecture: f[1]}
	if len(f) == 3 {
		p.Variant = f[2]
	}
	return p, nil
}

// graph resolves descriptors into images. What differs between a registry, a
// layout and an archive is how a document is read and where a blob opens.
type graph struct {
	src  *Source
	o    Options
	read func(ctx context.Context, d descriptor, limit int64) ([]byte, error)
	blob func(d descriptor) *Blob
	// reach is called with every descriptor that the graph mentions, also
	// those of platforms that are not chosen; nil: they are not looked at.
	reach func(d descriptor)
	// have tells whether a manifest is there: a daemon's store and what it
	// saves list the platforms that were never pulled; nil: all are.
	have func(d descriptor) bool

	visits  int             // manifests read so far
	limited bool            // that has been said
	indexed map[string]bool // indexes by digest and name: each is gone through once
	built   map[string]*Image
	docs    []*Blob // every index that was read, for those that lead to no image
	layers  int     // of all images
}

// The annotations by which BuildKit attaches attestations to an image.
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
const (
	refType   = "vnd.docker.reference.type"
	refDigest = "vnd.docker.reference.digest"
)

// add resolves d, which the user named, into one or more images.
func (g *graph) add(ctx context.Context, d descriptor, name string) {
	g.node(ctx, d, name, nil, nil, 0)
	g.finish()
}

func (g *graph) problem(p *Problem) { g.src.problems = append(g.src.problems, p) }

func (g *graph) node(ctx context.Context, d descriptor, name string, indexes []*Blob, attached []descriptor, depth int) {
	if g.reach != nil {
		g.reach(d)
	}
	if !g.visit(d) {
		return
	}
	data, err := g.read(ctx, d, maxManifest)
	if err != nil {
		p := *asProblem(err, Missing, "the manifest can't be read")
		p.Blob = d.Digest
		g.problem(&p)
		return
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		g.problem(&Problem{Kind: Unreadable, Blob: d.Digest, Reason: fmt.Sprintf("the manifest is not valid JSON: %v", err), Err: err})
		return
	}
	self := bytesBlob(d.Digest, d.Digest, d.MediaType, data)
	if d.Size <= 0 {
		self.Size = -1
	} else {
		self.Size = d.Size
	}
	// A document of both forms is read as both: clients differ in which they
	// take it for.
	key := d.Digest + " " + name
	isIndex := len(m.Manifests) > 0 || strings.Contains(m.MediaType+d.MediaType, "manifest.list") || strings.Contains(m.MediaType+d.MediaType, "image.index")
	isImage := m.Config != nil || len(m.Layers) > 0 || len(m.FSLayers) > 0
	if isIndex {
		g.docs = append(g.docs, self)
		if len(attached) > 0 {
			g.stray(ctx, name, indexes, attached, "the index has attestations of an index")
		}
		switch {
		case depth >= maxNested:
			g.problem(&Problem{Kind: Limit, Blob: d.Digest, Reason: fmt.Sprintf("more than %d indexes within each other", maxNested)})
		case !g.indexed[key]:
			if g.indexed == nil {
				g.indexed = map[string]bool{}
			}
			g.indexed[key] = true
			g.index(ctx, m.Manifests, name, append(slices.Clip(indexes), self), depth)
		}
	}
	if isImage {
		if img := g.built[key]; img != nil { // listed again, perhaps with other attestations
			img.addIndexes(indexes)
			g.attestations(ctx, img, attached)
			return
		}
		img := g.image(ctx, d, &m, name, self, indexes, attached)
		if g.built == nil {
			g.built = map[string]*Image{}
		}
		g.built[key] = img
	}
	if !isIndex && !isImage {
		g.problem(&Problem{Kind: Unreadable, Blob: d.Digest, Reason: "it is neither an image manifest nor an index"})
	}
}

func (img *Image) addIndexes(indexes []*Blob) {
	for _, b := range indexes {
		if !slices.ContainsFunc(img.Indexes, func(o *Blob) bool { return o.Digest == b.Digest }) {
			img.Indexes = append(img.Indexes, b)
		}
	}
}

// stray makes an image of attestations that belong to none.
func (g *graph) stray(ctx context.Context, name string, indexes []*Blob, attached []descriptor, note string) {
	img := &Image{Name: name, Indexes: indexes, Notes: []string{note}}
	g.attestations(ctx, img, attached)
	g.src.images = append(g.src.images, img)
}

// finish sees that every index that was read is scanned with some image.
func (g *graph) finish() {
	of := map[string]bool{}
	for _, img := range g.src.images {
		for _, b := range img.Indexes {
			of[b.Digest] = true
		}
	}
	for _, b := range g.docs {
		if of[b.Digest] {
			continue
		}
		of[b.Digest] = true
		if len(g.src.images) == 0 {
			g.src.images = append(g.src.images, &Image{})
		}
		g.src.images[0].Indexes = append(g.src.images[0].Indexes, b)
	}
}

// visit counts the manifests that are read, so that indexes which list each
// other many times come to an end.
func (g *graph) visit(d descriptor) bool {
	if !validDigest.MatchString(d.Digest) {
		g.problem(&Problem{Kind: Unreadable, Blob: d.Digest, Reason: "it is no valid digest"})
		return false
	}
	g.visits++
	if g.visits >= maxVisits || len(g.src.images) >= maxImages {
		if g.limited {
			return false
		}
		g.limited = true
		g.problem(&Problem{Kind: Limit, Blob: d.Digest, Reason: fmt.Sprintf("more than %d images or %d manifests: the rest are not read", maxImages, maxVisits)})
		return false
	}
	return true
}

// index chooses among the manifests of an index, the last of indexes.
func (g *graph) index(ctx context.Context, all []descriptor, name string, indexes []*Blob, depth int) {
	self := indexes[len(indexes)-1]
	attached := map[string][]descriptor{}
	var candidates []descriptor
	for _, d := range all {
		if d.Annotations[refType] != "" {
			attached[d.Annotations[refDigest]] = append(attached[d.Annotations[refDigest]], d)
			continue
		}
		candidates = append(candidates, d)
	}
	chosen, others := g.choose(candidates, name)
	for _, d := range chosen {
		g.node(ctx, d, name, indexes, attached[d.Digest], depth+1)
		delete(attached, d.Digest)
	}
	if len(candidates) == 0 && len(all) == 0 {
		g.problem(&Problem{Kind: Missing, Blob: self.ID, Reason: "the index lists no manifests"})
	}
	// Attestations of nothing in this index still ship with it.
	listed := map[string]bool{}
	for _, d := range candidates {
		listed[d.Digest] = true
	}
	var stray []descriptor
	for _, d := range all {
		if d.Annotations[refType] != "" && !listed[d.Annotations[refDigest]] {
			stray = append(stray, d)
		}
	}
	if len(stray) > 0 {
		g.stray(ctx, name, indexes, stray, "the index has attestations of an image that it does not list")
	}
	if g.reach != nil {
		for _, d := range others {
			g.touch(ctx, d, depth+1)
			for _, a := range attached[d.Digest] {
				g.touch(ctx, a, depth+1)
			}
		}
	}
}

// choose picks by platform, and notes what it leaves.
func (g *graph) choose(candidates []descriptor, name string) (chosen, others []descriptor) {
	if g.o.Platform == "all" || len(candidates) == 0 {
		return candidates, nil
	}
	want, _ := parsePlatform(g.o.Platform)
	asked := want != nil
	var names []string
	if !asked {
		there := func(d descriptor) bool { return g.have(d) && (d.Platform == nil || d.Platform.OS != "unknown") }
		if g.have != nil && slices.ContainsFunc(candidates, there) {
			var left []descriptor
			for _, d := range candidates {
				if there(d) || d.Platform == nil {
					left = append(left, d)
					continue
				}
				others = append(others, d)
				names = append(names, d.Platform.String()+" (not in this source)")
			}
			candidates = left
		}
		want, _ = parsePlatform(g.o.defaultPlatform())
	}
	for _, d := range candidates {
		switch {
		case d.Platform == nil: // can't tell: never left out
			chosen = append(chosen, d)
		case d.Platform.matches(*want), !asked && len(candidates) == 1:
			chosen = append(chosen, d)
		default:
			others = append(others, d)
			names = append(names, d.Platform.String())
		}
	}
	of := ""
	if name != "" {
		of = " of " + name
	}
	if len(chosen) == 0 {
		if asked {
			g.problem(&Problem{Kind: Missing, Reason: fmt.Sprintf("no platform %s%s; there are %s", want, of, strings.Join(names, ", ")), Hint: "choose one of them with --platform, or all"})
			return nil, others
		}
		i := len(others) - len(candidates) // the first that is there
		g.src.notes = append(g.src.notes, fmt.Sprintf("no platform %s%s: %s was scanned in its place", want, of, names[i]))
		chosen = []descriptor{others[i]}
		others, names = slices.Delete(others, i, i+1), slices.Delete(names, i, i+1)
	}
	if len(names) > 0 {
		g.src.notes = append(g.src.notes, fmt.Sprintf("other platforms%s were not scanned: %s (--platform all scans every one)", of, strings.Join(names, ", ")))
	}
	return chosen, others
}

// touch marks what a descriptor leads to as belonging to an image.
func (g *graph) touch(ctx context.Context, d descriptor, depth int) {
	g.reach(d)
	if !g.visit(d) {
		return
	}
	data, err := g.read(ctx, d, maxManifest)
	var m manifest
	if err != nil || json.Unmarshal(data, &m) != nil || depth > maxNested {
		return
	}
	if m.Config != nil {
		g.reach(*m.Config)
	}
	for _, l := range m.Layers {
		g.reach(l)
	}
	for _, c := range m.Manifests {
		g.touch(ctx, c, depth+1)
	}
}

func (g *graph) image(ctx context.Context, d descriptor, m *manifest, name string, self *Blob, indexes []*Blob, attached []descriptor) *Image {
	img := &Image{Name: name, Digest: d.Digest, Manifest: self, Indexes: slices.Clone(indexes)}
	g.src.images = append(g.src.images, img)
	var cfg *configFile
	if m.Config != nil {
		if g.reach != nil {
			g.reach(*m.Config)
		}
		img.Config, img.ConfigDigest = g.blob(*m.Config), m.Config.Digest
		data, err := g.read(ctx, *m.Config, maxDocument)
		if err != nil {
			img.Problems = append(img.Problems, &Problem{Kind: Missing, Blob: m.Config.Digest, Reason: fmt.Sprintf("the config can't be read: %v", err), Err: err})
		} else {
			// The bytes that were parsed are the bytes that are scanned.
			b := bytesBlob(img.Config.ID, m.Config.Digest, m.Config.MediaType, data)
			b.Size = m.Config.Size
			img.Config = b
			if isImageConfig(m.Config.MediaType) {
				cfg = img.parseConfig(data)
			}
		}
	}
	layers := m.Layers
	if len(m.FSLayers) > 0 && len(layers) == 0 {
		img.Notes = append(img.Notes, "a Docker manifest of schema 1: it has no config, so no history and no diffIDs to verify")
		seen := map[string]bool{}
		for _, l := range slices.Backward(m.FSLayers) {
			if !seen[l.BlobSum] {
				seen[l.BlobSum] = true
				layers = append(layers, descriptor{Digest: l.BlobSum, Size: -1, MediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip"})
			}
		}
	}
	if left := maxLayers - g.layers; len(layers) > left {
		img.Problems = append(img.Problems, &Problem{Kind: Limit, Blob: d.Digest, Reason: fmt.Sprintf("more than %d layers: only the first %d of this image are read", maxLayers, left)})
		layers = layers[:left]
	}
	g.layers += len(layers)
	for _, l := range layers {
		if g.reach != nil {
			g.reach(l)
		}
		img.Layers = append(img.Layers, Layer{Blob: g.blob(l), Tar: cfg != nil || len(m.FSLayers) > 0 || strings.Contains(l.MediaType, "tar")})
	}
	img.join(cfg)
	g.attestations(ctx, img, attached)
	if want, _ := parsePlatform(g.o.Platform); want != nil && cfg != nil && cfg.OS != "" && !cfg.platform.matches(*want) {
		img.Problems = append(img.Problems, &Problem{Kind: Missing, Blob: d.Digest, Reason: fmt.Sprintf("it is for %s, not for %s as asked: it was scanned all the same", cfg.platform, want)})
	}
	return img
}

// isImageConfig tells a container's config from that of an artifact.
func isImageConfig(mediaType string) bool {
	switch mediaType {
	case "", "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json", "application/octet-stream":
		return true
	}
	return false
}

// attestations reads the attestation manifests, whose layers are statements.
func (g *graph) attestations(ctx context.Context, img *Image, attached []descriptor) {
	for _, d := range attached {
		if g.reach != nil {
			g.reach(d)
		}
		data, err := g.read(ctx, d, maxManifest)
		var m manifest
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			img.Problems = append(img.Problems, &Problem{Kind: Missing, Blob: d.Digest, Reason: fmt.Sprintf("the attestation manifest can't be read: %v", err), Err: err})
			continue
		}
		b := bytesBlob(d.Digest, d.Digest, d.MediaType, data)
		b.Size = d.Size
		img.Attestations = append(img.Attestations, b)
		if m.Config != nil {
			m.Layers = append(m.Layers, *m.Config)
		}
		for _, l := range m.Layers {
			if g.reach != nil {
				g.reach(l)
			}
			img.Attestations = append(img.Attestations, g.blob(l))
		}
	}
}

// parseConfig reads the config and notes what is wrong with it.
func (img *Image) parseConfig(data []byte) *configFile {
	var c configFile
	if err := json.Unmarshal(data, &c); err != nil {
		img.Problems = append(img.Problems, &Problem{Kind: Unreadable, Blob: img.ConfigDigest, Reason: fmt.Sprintf("the config is not valid: %v", err), Err: err,
			Hint: "the layers were scanned, but their history and diffIDs are not known"})
		return nil
	}
	if c.OS+c.Architecture != "" {
		img.Platform = c.platform.String()
	}
	return &c
}

// join gives each layer its diffID and the history entry that made it.
func (img *Image) join(c *configFile) {
	if c == nil {
		return
	}
	n := len(img.Layers)
	if len(c.RootFS.DiffIDs) == n {
		for i := range img.Layers {
			img.Layers[i].DiffID = c.RootFS.DiffIDs[i]
		}
	} else if n > 0 || len(c.RootFS.DiffIDs) > 0 {
		img.Problems = append(img.Problems, &Problem{Kind: Unverified, Blob: img.ConfigDigest,
			Reason: fmt.Sprintf("the config lists %d diffIDs for %d layers: the layers can't be checked against it", len(c.RootFS.DiffIDs), n)})
	}
	img.History = c.History
	var made []int // entries that made a layer
	for i := range img.History {
		img.History[i].Layer = -1
		if !img.History[i].Empty {
			made = append(made, i)
		}
	}
	first := 0
	switch {
	case n == 0:
		return
	case len(made) == 0:
		img.Notes = append(img.Notes, "the history does not say which instructions made the layers (a squashed image, or one that no Dockerfile built)")
		return
	case len(made) > n:
		img.Notes = append(img.Notes, fmt.Sprintf("the history has %d instructions for %d layers: which made which is not known", len(made), n))
		return
	case len(made) < n:
		// What a Dockerfile adds comes last; what lacks a history is below it.
		first = n - len(made)
		img.Notes = append(img.Notes, fmt.Sprintf("the history has %d instructions for %d layers: they are taken to be those of the last %d", len(made), n, len(made)))
	}
	for k, i := range made {
		img.History[i].Layer = first + k
		img.Layers[first+k].Instruction = Instruction(img.History[i].CreatedBy)
	}
}

var (
	nop   = regexp.MustCompile(`^/bin/sh -c #\(nop\)\s+`)
	shell = regexp.MustCompile(`^(\|\d+ .*?)?/bin/sh -c `)
)

// Instruction turns a history entry's created_by into what stood in the
// Dockerfile, as near as can be told: the classic builder wraps it in a shell
// command, BuildKit marks it with a comment.
func Instruction(createdBy string) string {
	s := strings.TrimSpace(createdBy)
	if m := nop.FindString(s); m != "" {
		return strings.TrimSpace(s[len(m):])
	}
	s = strings.TrimSpace(strings.TrimSuffix(s, "# buildkit"))
	if strings.HasPrefix(s, "RUN ") {
		return s
	}
	if m := shell.FindString(s); m != "" {
		return "RUN " + strings.TrimPrefix(s, "/bin/sh -c ")
	}
	return s
}
