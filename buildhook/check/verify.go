package check

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// finish puts the findings of one build in order: of two that tell the same,
// the one stays that says more.
func (c *checker) finish() {
	structural := slices.DeleteFunc(slices.Clone(c.found), func(f *finding) bool { return f.plain })
	c.found = slices.DeleteFunc(c.found, func(f *finding) bool {
		if !f.plain {
			return false
		}
		return slices.ContainsFunc(structural, func(g *finding) bool {
			if g.src != f.src || !overlap(f.value, g.value) {
				return false
			}
			if g.rule == "" {
				g.rule, g.secret, g.confidence = f.rule, f.secret, f.confidence
			}
			return true
		})
	})
	// The same constant may be told by its place and as the URL it is in.
	c.found = slices.DeleteFunc(c.found, func(f *finding) bool {
		return f.id == idInline && slices.ContainsFunc(c.found, func(g *finding) bool {
			return g != f && g.src == f.src && (g.id == idGitCredentials || g.id == idPassword) && g.in == f.in && overlap(g.at, f.at)
		})
	})
}

func overlap(a, b extent) bool { return a.from < b.to && b.from < a.to }

// verify asks BuildKit's own conversion whether it would build this. Our
// evaluation is more forgiving, and a Dockerfile that can't be built is not
// one that was found clean.
func (c *checker) verify(ctx context.Context, src *source) {
	args := map[string]string{}
	for k, v := range c.o.Args {
		args[k] = v
	}
	opt := dockerfile2llb.ConvertOpt{
		Config:       dockerui.Config{BuildArgs: args, Target: c.o.Target},
		MetaResolver: noImages{},
		AllStages:    c.o.Target == "",
		SourceMap:    llb.NewSourceMap(nil, src.name, "Dockerfile", src.data),
	}
	opt.SourceMap.Definition = &llb.Definition{} // which is read without asking whether it is there
	caps := pb.Caps.CapSet(pb.Caps.All())
	opt.LLBCaps = &caps
	res, err := dockerfile2llb.DockerfileLint(ctx, src.data, opt)
	switch {
	case err != nil:
		c.refused(src, fmt.Errorf("%w", err))
	case res.Error != nil:
		msg := res.Error.Message
		if slices.ContainsFunc(c.argsWithoutValue(), func(string) bool {
			return strings.Contains(msg, "blank") || strings.Contains(msg, "invalid reference format") || strings.Contains(msg, "failed to parse") || strings.Contains(msg, "empty platform")
		}) {
			return // what the caller gives decides
		}
		e := &syntaxError{err: fmt.Errorf("%s", msg)}
		for _, r := range res.Error.Location.Ranges {
			if n := int(r.Start.Line); n > 0 && (e.first == 0 || n < e.first) {
				e.first, e.to = n, int(r.End.Line)
			}
		}
		c.refused(src, e)
	}
}

// argsWithoutValue are the ARGs that only the caller of the build gives one.
func (c *checker) argsWithoutValue() (names []string) {
	for _, in := range c.d.meta {
		for _, kv := range argsOf(in) {
			if _, ok := c.o.Args[kv.Key]; !ok && kv.Value == nil {
				names = append(names, kv.Key)
			}
		}
	}
	return names
}

// noImages stands for the registry: every image is there, and empty.
type noImages struct{}

// ResolveImageConfig gives the config of an image with nothing in it.
func (noImages) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	p := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		p = *opt.ImageOpt.Platform
	}
	b, err := json.Marshal(ocispecs.Image{
		Platform: p,
		RootFS:   ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("")}},
	})
	return ref, "", b, err
}

func argsOf(in *instruction) []instructions.KeyValuePairOptional {
	if c, ok := in.cmd.(*instructions.ArgCommand); ok {
		return c.Args
	}
	return nil
}
