package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/gateway/grpcclient"
	"github.com/moby/buildkit/solver/pb"

	"github.com/leakscan/leakscan/buildhook/step"
)

// RunFrontend makes this process a frontend of BuildKit's: that of Dockerfiles,
// of this version of BuildKit, whose result is scanned before it is given back.
// It is for places where no wrapper can run: an image of leakscan in "# syntax="
// or the build argument BUILDKIT_SYNTAX. The values of a build's secrets are not
// known there.
func RunFrontend(ctx context.Context, o Options) error {
	return grpcclient.RunFromEnvironment(ctx, func(ctx context.Context, c client.Client) (*client.Result, error) {
		g, err := scanning(o)
		if err != nil {
			return nil, err
		}
		return g.frontend(ctx, c)
	})
}

// frontend builds and scans.
func (g *Gate) frontend(ctx context.Context, c client.Client) (*client.Result, error) {
	rec := &recorder{Client: c, defs: map[client.Reference]*pb.Definition{}}
	res, err := builder.Build(ctx, rec)
	if err != nil {
		return nil, err
	}
	opts := c.BuildOpts().Opts
	b := &build{req: &controlapi.SolveRequest{FrontendAttrs: opts}, defs: map[string]*pb.Definition{}}
	for i, d := range rec.all {
		b.defs[fmt.Sprint(i)] = d
	}
	// Nothing that has a value is known but the arguments, and to them the
	// frontend has no exporter to hold.
	predicted := g.predict(b)
	f := g.newFindings(b)
	f.rep.Problems = append(f.rep.Problems, predicted.Problems...)
	f.config(ctx, res.Metadata)
	f.sources(b)
	gr := newGraph()
	var results []vertex
	err = res.EachRef(func(r client.Reference) error {
		if r == nil {
			return nil
		}
		def := rec.of(r)
		if def == nil {
			return errors.New("a part of the result is of unknown making")
		}
		return gr.result(def, &results)
	})
	if err == nil {
		err = g.scanSteps(ctx, &frontendBuild{c: c, image: opts["source"]}, f, gr, results)
	}
	var own *buildError
	switch {
	case errors.As(err, &own):
		return nil, own.error
	case err != nil && !g.o.LetThrough:
		return nil, notScanned(err)
	case err != nil:
		return res, nil
	}
	rep := f.report()
	if g.stops(rep.Verdict(g.threshold())) {
		return nil, stopped(rep)
	}
	return res, nil
}

// recorder notes how the references of a build were made.
type recorder struct {
	client.Client
	mu   sync.Mutex
	defs map[client.Reference]*pb.Definition
	all  []*pb.Definition
}

func (r *recorder) Solve(ctx context.Context, req client.SolveRequest) (*client.Result, error) {
	res, err := r.Client.Solve(ctx, req)
	if err != nil || req.Definition == nil {
		return res, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, req.Definition)
	res.EachRef(func(ref client.Reference) error {
		if ref != nil {
			r.defs[ref] = req.Definition
		}
		return nil
	})
	return res, nil
}

func (r *recorder) of(ref client.Reference) *pb.Definition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.defs[ref]
}

// frontendBuild is the build that a frontend is part of.
type frontendBuild struct {
	c     client.Client
	image string // of the frontend itself
}

func (in *frontendBuild) diffs(context.Context) (bool, error) {
	caps := in.c.BuildOpts().LLBCaps
	return caps.Supports(pb.CapDiffOp) == nil, nil
}

func (in *frontendBuild) evaluate(ctx context.Context, def *pb.Definition) error {
	_, err := in.c.Solve(ctx, client.SolveRequest{Definition: def, Evaluate: true})
	return err
}

func (in *frontendBuild) read(ctx context.Context, def *pb.Definition, file string) ([]byte, error) {
	res, err := in.c.Solve(ctx, client.SolveRequest{Definition: def, Evaluate: true})
	if err != nil {
		return nil, err
	}
	ref, err := res.SingleRef()
	if err != nil {
		return nil, err
	}
	return inParts(func(offset, length int) ([]byte, error) {
		return ref.ReadFile(ctx, client.ReadRequest{Filename: file, Range: &client.FileRange{Offset: offset, Length: length}})
	})
}

// ran is not known to a frontend, which has no view of the build's progress.
func (in *frontendBuild) ran(context.Context, []written) bool { return true }

// binary is in the image that the frontend runs from.
func (in *frontendBuild) binary(context.Context, *Gate, bool) (llb.State, []string, error) {
	if in.image == "" {
		return llb.State{}, nil, errors.New("BuildKit has not said from which image this frontend runs")
	}
	return llb.Image(in.image, llb.WithCustomName("[leakscan] load the scanner")), []string{step.Binary}, nil
}
