package gate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

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
	f.config(ctx, r)
	f.sources(b)
	if len(results) > 0 {
		if err := g.evaluate(ctx, b, gr, results); err != nil {
			return nil, &buildError{err}
		}
		writes, err := gr.writes(results)
		if err != nil {
			return nil, err
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
		for _, part := range [][]written{base, own} {
			if len(part) == 0 {
				continue
			}
			rep, err := g.run(ctx, b, gr, part, results)
			if err != nil {
				return nil, err
			}
			if err := f.step(part, rep); err != nil {
				return nil, err
			}
		}
	}
	return f.report(), nil
}

// buildError is an error of the user's own build.
type buildError struct{ error }

func (e *buildError) Unwrap() error { return e.error }

// evaluate has BuildKit run the user's build, so that what is wrong with it is
// not taken for a failure of the scan.
func (g *Gate) evaluate(ctx context.Context, b *build, gr *graph, results []vertex) error {
	bridge := gwpb.NewLLBBridgeClient(g.up)
	group, ctx := errgroup.WithContext(b.bridgeContext(ctx))
	for _, v := range results {
		group.Go(func() error {
			_, err := bridge.Solve(ctx, &gwpb.SolveRequest{Definition: gr.withSource(v), AllowResultReturn: true, AllowResultArrayRef: true, Evaluate: true})
			return err
		})
	}
	return group.Wait()
}

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
		if len(def.Def) == 0 {
			continue // scratch
		}
		v, err := gr.add(def)
		if err != nil {
			return nil, nil, err
		}
		if !slices.Contains(results, v) {
			results = append(results, v)
		}
	}
	return gr, results, nil
}

// run runs the step over what some instructions have written, and reads its
// report.
func (g *Gate) run(ctx context.Context, b *build, gr *graph, parts []written, results []vertex) (*step.Report, error) {
	ctx = b.bridgeContext(ctx)
	bridge := gwpb.NewLLBBridgeClient(g.up)
	caps, err := bridge.Ping(ctx, &gwpb.PingRequest{})
	if err != nil {
		return nil, fmt.Errorf("asking BuildKit what it can do: %w", err)
	}
	diffs := slices.ContainsFunc(caps.LLBCaps, func(c *apicaps.APICap) bool { return c.ID == string(pb.CapDiffOp) && c.Enabled })

	var binary llb.State
	if e := g.o.Upstream.Engine; e != nil && !diffs {
		// BuildKit of an older engine takes nothing from a second session.
		binary, err = e.scannerImage(ctx, g)
	} else {
		binary, err = g.session.binary(ctx)
	}
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
	prog, err := g.program()
	if err != nil {
		return nil, err
	}
	args := append(slices.Clone(prog.args), "build-step")
	if !diffs {
		args = append(args, "--dedupe")
	}
	run := binary.Run(llb.Args(args), llb.Network(pb.NetMode_NONE), llb.AddEnv("CACHE_NAME", g.cacheName()),
		llb.AddEnv("GOTRACEBACK", "none"), llb.WithCustomName(fmt.Sprintf("[leakscan] scan what %s", whatOf(parts))))
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
			st = llb.Diff(lst, st, llb.WithCustomName("[leakscan] what it has written"))
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
	res, err := bridge.Solve(ctx, &gwpb.SolveRequest{Definition: def.ToPB(), AllowResultReturn: true, AllowResultArrayRef: true, Evaluate: true})
	if err != nil {
		return nil, fmt.Errorf("scanning in the build: %w", err)
	}
	data, err := readFile(ctx, bridge, res.Result.GetRef().GetId(), step.File)
	if err != nil {
		return nil, err
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

// dirName is the name of a mount, so that names sort as numbers do.
func dirName(i int) string { return fmt.Sprintf("%05d", i) }

func whatOf(parts []written) string {
	if parts[0].base {
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

// readFile reads a file of a reference, in parts that fit into a message.
func readFile(ctx context.Context, bridge gwpb.LLBBridgeClient, ref, name string) (data []byte, err error) {
	const part = 4 << 20
	for len(data) < maxReport {
		res, err := bridge.ReadFile(ctx, &gwpb.ReadFileRequest{Ref: ref, FilePath: name, Range: &gwpb.FileRange{Offset: int64(len(data)), Length: part}})
		if err != nil {
			return nil, fmt.Errorf("reading the scan's report: %w", err)
		}
		data = append(data, res.Data...)
		if len(res.Data) < part {
			return data, nil
		}
	}
	return nil, fmt.Errorf("the scan's report is larger than %s", report.Size(maxReport))
}

// sortedKeys of the metadata, so that a report is the same each time.
func sortedKeys(m map[string][]byte) []string { return slices.Sorted(maps.Keys(m)) }
