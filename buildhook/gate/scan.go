package gate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client/llb"
	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	apicaps "github.com/moby/buildkit/util/apicaps/pb"

	"golang.org/x/sync/errgroup"

	"github.com/leakscan/leakscan/buildhook/step"
	"github.com/leakscan/leakscan/report"
)

// scan looks at a result in its own build: what its steps have written, its
// config, and what is known of the request. An error means that something was
// not looked at.
func (g *Gate) scan(ctx context.Context, b *build, r *gwpb.Result) (*report.Check, error) {
	gr, results, err := b.graph(r)
	if err != nil {
		return nil, err
	}
	g.learnSecrets(ctx, b, gr)
	f := g.newFindings(b)
	f.config(ctx, r.GetMetadata())
	f.sources(b)
	in := &bridgeBuild{bridge: gwpb.NewLLBBridgeClient(g.up), b: b}
	if err := g.scanSteps(ctx, in, f, gr, results); err != nil {
		return nil, err
	}
	return f.report(), nil
}

// insideBuild is the build that a scan is part of.
type insideBuild interface {
	// diffs says whether its BuildKit can tell what a step has written.
	diffs(ctx context.Context) (bool, error)
	// evaluate has it do what a definition says.
	evaluate(ctx context.Context, def *pb.Definition) error
	// read does so, and reads a file of the result.
	read(ctx context.Context, def *pb.Definition, file string) ([]byte, error)
	// ran says whether a step of the build has run in it, and was not found in
	// BuildKit's cache; of a step that nothing is known of it says so too.
	ran(ctx context.Context, steps []written) bool
	// binary is a state with the scanner in it, and the words that run it.
	binary(ctx context.Context, g *Gate, diffs bool) (llb.State, []string, error)
}

// bridgeBuild is a build that goes through the gate.
type bridgeBuild struct {
	bridge gwpb.LLBBridgeClient
	b      *build
}

func (in *bridgeBuild) diffs(ctx context.Context) (bool, error) {
	caps, err := in.bridge.Ping(in.b.bridgeContext(ctx), &gwpb.PingRequest{})
	if err != nil {
		return false, fmt.Errorf("asking BuildKit what it can do: %w", err)
	}
	return slices.ContainsFunc(caps.LLBCaps, func(c *apicaps.APICap) bool { return c.ID == string(pb.CapDiffOp) && c.Enabled }), nil
}

func (in *bridgeBuild) evaluate(ctx context.Context, def *pb.Definition) error {
	_, err := in.bridge.Solve(in.b.bridgeContext(ctx), &gwpb.SolveRequest{Definition: def, AllowResultReturn: true, AllowResultArrayRef: true, Evaluate: true})
	return err
}

func (in *bridgeBuild) read(ctx context.Context, def *pb.Definition, file string) ([]byte, error) {
	ctx = in.b.bridgeContext(ctx)
	res, err := in.bridge.Solve(ctx, &gwpb.SolveRequest{Definition: def, AllowResultReturn: true, AllowResultArrayRef: true, Evaluate: true})
	if err != nil {
		return nil, err
	}
	return inParts(func(offset, length int) ([]byte, error) {
		part, err := in.bridge.ReadFile(ctx, &gwpb.ReadFileRequest{Ref: res.Result.GetRef().GetId(), FilePath: file, Range: &gwpb.FileRange{Offset: int64(offset), Length: int64(length)}})
		return part.GetData(), err
	})
}

func (in *bridgeBuild) ran(ctx context.Context, steps []written) bool { return in.b.ran(ctx, steps) }

func (in *bridgeBuild) binary(ctx context.Context, g *Gate, diffs bool) (llb.State, []string, error) {
	p, err := g.program()
	if err != nil {
		return llb.State{}, nil, err
	}
	var st llb.State
	if e := g.o.Upstream.Engine; e != nil && !diffs {
		// BuildKit of an older engine takes nothing from a second session.
		st, err = e.scannerImage(ctx, g)
	} else {
		st, err = g.session.binary(ctx)
	}
	return st, p.args, err
}

// scanSteps scans what the steps of a build have written.
func (g *Gate) scanSteps(ctx context.Context, in insideBuild, f *findings, gr *graph, results []vertex) error {
	if len(results) == 0 {
		return nil
	}
	// First what the user wants, so that what is wrong with it is not taken for
	// a failure of the scan.
	group, gctx := errgroup.WithContext(ctx)
	for _, v := range results {
		group.Go(func() error { return in.evaluate(gctx, gr.withSource(v)) })
	}
	if err := group.Wait(); err != nil {
		return &buildError{err}
	}
	writes, err := gr.writes(results)
	if err != nil {
		return err
	}
	// What the base images bring changes seldom, and is cached by itself.
	var base, own []written
	for _, w := range writes {
		if w.base {
			base = append(base, w)
		} else {
			own = append(own, w)
		}
	}
	diffs, err := in.diffs(ctx)
	if err != nil {
		return err
	}
	parts := [][]written{base, own}
	if !diffs { // whole states, each file in the lowest that has it
		parts = [][]written{append(base, own...)}
	}
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		// BuildKit names what it has cached by how it is made, and not by what is
		// in it: when a step has run again, what was found before counts no more.
		again := in.ran(ctx, part)
		rep, err := g.run(ctx, in, diffs, again, gr, part, results)
		if err != nil {
			return err
		}
		if err := f.step(part, rep); err != nil {
			return err
		}
	}
	return nil
}

// buildError is an error of the user's own build.
type buildError struct{ error }

func (e *buildError) Unwrap() error { return e.error }

// graph puts the definitions of a result's references together.
func (b *build) graph(r *gwpb.Result) (*graph, []vertex, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	gr := newGraph()
	var results []vertex
	for _, ref := range references(r) {
		if ref.GetId() == "" {
			continue // no files: scratch, or the answer to a question
		}
		def := b.defs[ref.Id]
		if def == nil {
			return nil, nil, fmt.Errorf("BuildKit has not said how a part of the result was made")
		}
		if err := gr.result(def, &results); err != nil {
			return nil, nil, err
		}
	}
	return gr, results, nil
}

// result adds the definition of a result.
func (g *graph) result(def *pb.Definition, results *[]vertex) error {
	if def == nil || len(def.Def) == 0 {
		return nil // scratch
	}
	v, err := g.add(def)
	if err != nil {
		return err
	}
	if !slices.Contains(*results, v) {
		*results = append(*results, v)
	}
	return nil
}

// run runs the step over what some instructions have written, and reads its
// report.
func (g *Gate) run(ctx context.Context, in insideBuild, diffs, again bool, gr *graph, parts []written, results []vertex) (*step.Report, error) {
	binary, args, err := in.binary(ctx, g, diffs)
	if err != nil {
		return nil, err
	}
	prints, err := g.prints()
	if err != nil {
		return nil, err
	}
	for _, file := range []struct {
		path string
		data []byte
	}{{step.Prints, prints}, {step.Config, g.o.RuleFile}} {
		if p, data := file.path, file.data; len(data) > 0 {
			binary = binary.File(llb.Mkdir(path.Dir(p), 0o700, llb.WithParents(true)).Mkfile(p, 0o600, data), llb.WithCustomName("[leakscan] configure the scanner"))
		}
	}
	args = append(slices.Clone(args), "build-step")
	if !diffs {
		args = append(args, "--dedupe", "--lower="+lowers(parts))
	}
	if g.o.NoUnpack {
		args = append(args, "--no-unpack")
	}
	fresh := llb.WithCustomName("[leakscan] what it has written")
	var ignore []llb.RunOption
	diffOpts := []llb.ConstraintsOpt{fresh}
	if again {
		ignore, diffOpts = append(ignore, llb.IgnoreCache), append(diffOpts, llb.IgnoreCache)
	}
	run := binary.Run(append(ignore, llb.Args(args), llb.Network(pb.NetMode_NONE), llb.AddEnv("CACHE_NAME", g.cacheName()),
		llb.AddEnv("GOTRACEBACK", "none"), llb.WithCustomName(fmt.Sprintf("[leakscan] scan what %s", whatOf(parts))))...)
	for i := range parts {
		st, err := gr.state(parts[i].vertex)
		if err != nil {
			return nil, err
		}
		if low := parts[i].lower; low != nil && diffs {
			lst, err := gr.state(*low)
			if err != nil {
				return nil, err
			}
			st = llb.Diff(lst, st, diffOpts...)
		}
		run.AddMount(path.Join(step.Src, dirName(i)), st, llb.Readonly)
	}
	for i, v := range results {
		st, err := gr.state(v)
		if err != nil {
			return nil, err
		}
		run.AddMount(path.Join(step.Final, dirName(i)), st, llb.Readonly)
	}
	def, err := run.AddMount(step.Out, llb.Scratch()).Marshal(ctx)
	if err != nil {
		return nil, fmt.Errorf("putting the scan together: %w", err)
	}
	data, err := in.read(ctx, def.ToPB(), step.File)
	if err != nil {
		return nil, fmt.Errorf("scanning in the build: %w", err)
	}
	rep := &step.Report{}
	if err := json.Unmarshal(data, rep); err != nil {
		return nil, fmt.Errorf("reading the scan's report: %w", err)
	}
	if rep.Schema != step.Schema || len(rep.Dirs) != len(parts) {
		return nil, fmt.Errorf("the scan's report is not one of this leakscan: it has %d parts, not %d", len(rep.Dirs), len(parts))
	}
	for i, d := range rep.Dirs {
		if d.Name != dirName(i) || d.Result == nil {
			return nil, fmt.Errorf("the scan's report is not one of this leakscan: its part %d is not there", i)
		}
	}
	return rep, nil
}

// lowers lists of each part which of them it was made from, -1 for none.
func lowers(parts []written) string {
	at := map[vertex]int{}
	var list []string
	for i, w := range parts {
		lower := -1
		if w.lower != nil {
			if j, ok := at[*w.lower]; ok {
				lower = j
			}
		}
		at[w.vertex] = i
		list = append(list, strconv.Itoa(lower))
	}
	return strings.Join(list, ",")
}

// dirName is the name of a mount, so that names sort as numbers do.
func dirName(i int) string { return fmt.Sprintf("%05d", i) }

func whatOf(parts []written) string {
	if parts[len(parts)-1].base {
		return "comes from elsewhere"
	}
	if len(parts) == 1 {
		return "one step has written"
	}
	return fmt.Sprintf("%d steps have written", len(parts))
}

// state is a part of the user's build.
func (gr *graph) state(v vertex) (llb.State, error) {
	op, err := llb.NewDefinitionOp(gr.definition(v))
	if err != nil {
		return llb.State{}, fmt.Errorf("taking up a step of the build: %w", err)
	}
	return llb.NewState(op), nil
}

// cacheName makes the step's place in BuildKit's cache one that only this user
// can name: a cache that is imported can't have an answer for it.
func (g *Gate) cacheName() string {
	m := hmac.New(sha256.New, g.o.Key)
	m.Write([]byte("leakscan step 1"))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// maxReport bounds the report of a step, in bytes.
const maxReport = 256 << 20

// inParts reads a file in parts that fit into a message.
func inParts(read func(offset, length int) ([]byte, error)) (data []byte, err error) {
	const part = 4 << 20
	for len(data) < maxReport {
		b, err := read(len(data), part)
		if err != nil {
			return nil, fmt.Errorf("reading the scan's report: %w", err)
		}
		data = append(data, b...)
		if len(b) < part {
			return data, nil
		}
	}
	return nil, fmt.Errorf("the scan's report is larger than %s", report.Size(maxReport))
}
