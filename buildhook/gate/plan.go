package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// graph is the steps of a build, of all of its results, as BuildKit has them.
type graph struct {
	bytes map[digest.Digest][]byte
	ops   map[digest.Digest]*pb.Op
	meta  map[digest.Digest]*pb.OpMetadata
	spans map[digest.Digest][]span
	whole map[vertex]*pb.Definition // the results, as BuildKit has given them
	order []digest.Digest           // of the ops, as they came
}

// span is where a step stands in a Dockerfile.
type span struct {
	file        string
	data        []byte
	first, last int // lines
}

// vertex is one output of a step.
type vertex struct {
	digest digest.Digest
	index  int64
}

// written is what one step of the build has put on top of another: one output
// of an exec or of a file operation. Of a base it is the whole, and lower is
// nil.
type written struct {
	vertex
	lower *vertex // nil: nothing
	base  bool    // it is an image that was made before
	// copied is set if files were copied or made, and no command has run.
	copied bool
	name   string
	// builder is set if no result is built on it: others only copy from there.
	builder bool
	spans   []span
}

func newGraph() *graph {
	return &graph{bytes: map[digest.Digest][]byte{}, ops: map[digest.Digest]*pb.Op{}, meta: map[digest.Digest]*pb.OpMetadata{}, spans: map[digest.Digest][]span{}, whole: map[vertex]*pb.Definition{}}
}

// add takes over a definition. It returns its result.
func (g *graph) add(d *pb.Definition) (vertex, error) {
	var last digest.Digest
	for _, b := range d.Def {
		dg := digest.FromBytes(b)
		last = dg
		if g.ops[dg] != nil {
			continue
		}
		op := &pb.Op{}
		if err := op.UnmarshalVT(b); err != nil {
			return vertex{}, fmt.Errorf("reading a step of the build: %w", err)
		}
		g.bytes[dg], g.ops[dg] = b, op
		g.order = append(g.order, dg)
		if m := d.Metadata[string(dg)]; m != nil {
			g.meta[dg] = m
		}
		if d.Source != nil {
			if l := d.Source.Locations[string(dg)]; l != nil {
				g.spans[dg] = spansOf(d.Source.Infos, l)
			}
		}
	}
	op := g.ops[last]
	if op == nil || op.Op != nil || len(op.Inputs) != 1 {
		return vertex{}, fmt.Errorf("a result of the build has no end")
	}
	v := vertexOf(op.Inputs[0])
	g.whole[v] = d
	return v, nil
}

// withSource is the definition of a result with the places of its steps, for
// the frames of errors.
func (g *graph) withSource(v vertex) *pb.Definition { return g.whole[v] }

func vertexOf(in *pb.Input) vertex { return vertex{digest.Digest(in.Digest), in.Index} }

func spansOf(infos []*pb.SourceInfo, l *pb.Locations) (out []span) {
	for _, loc := range l.Locations {
		if int(loc.SourceIndex) >= len(infos) || loc.SourceIndex < 0 {
			continue
		}
		info := infos[loc.SourceIndex]
		for _, r := range loc.Ranges {
			if r.Start == nil || r.End == nil {
				continue
			}
			out = append(out, span{info.Filename, info.Data, int(r.Start.Line), int(r.End.Line)})
		}
	}
	return out
}

// writes lists what the steps that the results need have written, in an order
// that depends on the build alone: what is below first.
func (g *graph) writes(results []vertex) ([]written, error) {
	w := &walker{graph: g, needed: map[vertex]bool{}, whole: map[vertex]bool{}, done: map[digest.Digest]bool{}, covered: map[vertex]bool{}}
	for _, v := range results {
		w.whole[v] = true
		if err := w.visit(v); err != nil {
			return nil, err
		}
	}
	shipped := map[vertex]bool{}
	for _, v := range results {
		w.ship(v, shipped)
	}
	var out []written
	for _, dg := range w.order {
		ws, err := w.step(dg)
		if err != nil {
			return nil, err
		}
		for i := range ws {
			ws[i].builder = !shipped[ws[i].vertex]
		}
		out = append(out, ws...)
	}
	for v := range w.whole { // what was not looked at must not be taken for clean
		if !w.covered[v] {
			return nil, fmt.Errorf("an output of the step %s is not one that leakscan knows", w.name(v.digest, w.ops[v.digest]))
		}
	}
	return out, nil
}

// image says whether a source is an image that somebody has made before: what
// is in it is theirs. Other sources are the user's own files.
func image(identifier string) bool {
	return strings.HasPrefix(identifier, "docker-image://") || strings.HasPrefix(identifier, "oci-layout://")
}

// ship notes what a result is built on, itself among it.
func (w *walker) ship(v vertex, shipped map[vertex]bool) {
	for todo := []vertex{v}; len(todo) > 0; {
		v, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if !shipped[v] {
			shipped[v] = true
			todo = append(todo, w.below(w.ops[v.digest])...)
		}
	}
}

type walker struct {
	*graph
	needed map[vertex]bool // outputs that somebody uses
	whole  map[vertex]bool // those that are the files of a stage, or go into one
	done   map[digest.Digest]bool
	order  []digest.Digest

	covered map[vertex]bool // outputs that are looked at, here or where they come from
}

func (w *walker) visit(v vertex) error {
	w.needed[v] = true
	if w.done[v.digest] {
		return nil
	}
	w.done[v.digest] = true
	op := w.ops[v.digest]
	if op == nil {
		return fmt.Errorf("a step of the build is missing from its definition")
	}
	for _, in := range w.below(op) {
		w.whole[in] = true
	}
	for _, in := range op.Inputs {
		if err := w.visit(vertexOf(in)); err != nil {
			return err
		}
	}
	w.order = append(w.order, v.digest)
	return nil
}

// below lists the inputs whose files go into an output as a whole: what a step
// starts from, and what is merged.
func (w *walker) below(op *pb.Op) (out []vertex) {
	input := func(i int64) {
		if i >= 0 && int(i) < len(op.Inputs) {
			out = append(out, vertexOf(op.Inputs[i]))
		}
	}
	switch o := op.Op.(type) {
	case *pb.Op_Exec:
		for _, out := range outputs(o.Exec) {
			input(out.mount.Input)
		}
	case *pb.Op_File:
		for _, a := range o.File.Actions {
			input(a.Input)
		}
	case *pb.Op_Merge:
		for _, m := range o.Merge.Inputs {
			input(m.Input)
		}
	case *pb.Op_Diff:
		if o.Diff.Upper != nil {
			input(o.Diff.Upper.Input)
		}
	}
	return out
}

// output is one result of an exec.
type output struct {
	mount *pb.Mount
	same  bool // it is the mount's input, unchanged
}

// outputs lists the results of an exec as BuildKit numbers them: by their order,
// whatever number a mount gives itself (PrepareMounts in BuildKit's package
// frontend/gateway/container).
func outputs(o *pb.ExecOp) (out []output) {
	for _, m := range o.GetMounts() {
		if m.Output < 0 {
			continue
		}
		switch {
		case m.MountType == pb.MountType_BIND:
			out = append(out, output{m, m.Readonly && m.Input >= 0 && m.Dest != pb.RootMount})
		case m.MountType == pb.MountType_CACHE && m.Input >= 0:
			out = append(out, output{m, true})
		}
	}
	return out
}

// step lists what one step has written.
func (w *walker) step(dg digest.Digest) (out []written, err error) {
	op := w.ops[dg]
	add := func(index int64, lower *vertex, base bool) {
		w.covered[vertex{dg, index}] = true
		if v := (vertex{dg, index}); w.needed[v] {
			out = append(out, written{vertex: v, lower: lower, base: base, name: w.name(dg, op), spans: w.spans[dg]})
		}
	}
	switch o := op.Op.(type) {
	case *pb.Op_Source:
		if w.whole[vertex{dg, 0}] {
			add(0, nil, image(o.Source.Identifier))
		}
	case *pb.Op_Exec:
		for i, out := range outputs(o.Exec) {
			var lower *vertex
			if m := out.mount; m.Input >= 0 && int(m.Input) < len(op.Inputs) {
				v := vertexOf(op.Inputs[m.Input])
				lower = &v
			}
			if w.covered[vertex{dg, int64(i)}] = true; !out.same {
				add(int64(i), lower, false)
			}
		}
	case *pb.Op_File:
		for i, a := range o.File.Actions {
			if a.Output < 0 {
				continue
			}
			in := a.Input
			for steps := 0; int(in) >= len(op.Inputs); steps++ { // what an earlier action made
				j := int(in) - len(op.Inputs)
				if j >= i || steps > len(o.File.Actions) {
					return nil, fmt.Errorf("the file operation %s refers to itself", w.name(dg, op))
				}
				in = o.File.Actions[j].Input
			}
			var lower *vertex
			if in >= 0 {
				v := vertexOf(op.Inputs[in])
				lower = &v
			}
			add(a.Output, lower, false)
		}
		for i := range out {
			out[i].copied = true
		}
	case *pb.Op_Merge, *pb.Op_Diff: // what they put together is looked at where it was written
		w.covered[vertex{dg, 0}] = true
	default:
		return nil, fmt.Errorf("the step %s is of a kind that leakscan does not know (%T)", w.name(dg, op), op.Op)
	}
	return out, nil
}

// name is what BuildKit's progress calls a step.
func (g *graph) name(dg digest.Digest, op *pb.Op) string {
	if m := g.meta[dg]; m != nil {
		if n := m.Description["llb.customname"]; n != "" {
			return n
		}
	}
	switch o := op.Op.(type) {
	case *pb.Op_Source:
		return o.Source.Identifier
	case *pb.Op_Exec:
		return strings.Join(o.Exec.GetMeta().GetArgs(), " ")
	case *pb.Op_File:
		return "file operation"
	}
	return dg.String()
}

// definition is the part of the graph that ends in v.
func (g *graph) definition(v vertex) *pb.Definition {
	out := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}}
	seen := map[digest.Digest]bool{}
	var add func(dg digest.Digest)
	add = func(dg digest.Digest) {
		if seen[dg] {
			return
		}
		seen[dg] = true
		for _, in := range g.ops[dg].Inputs {
			add(digest.Digest(in.Digest))
		}
		out.Def = append(out.Def, g.bytes[dg])
		if m := g.meta[dg]; m != nil {
			out.Metadata[string(dg)] = m
		}
	}
	add(v.digest)
	end, err := (&pb.Op{Inputs: []*pb.Input{{Digest: string(v.digest), Index: v.index}}}).MarshalVT()
	if err != nil {
		panic(err) // it has no message that could be too large
	}
	out.Def = append(out.Def, end)
	out.Metadata[string(digest.FromBytes(end))] = &pb.OpMetadata{}
	return out
}

// instruction is a step's name as people know it: "[build 3/5] COPY . ." is
// told as it stands in the Dockerfile.
func (w *written) instruction() string {
	return strings.Join(strings.Fields(w.name), " ")
}

// place is the first line of the step in its Dockerfile; 0: not known.
func (w *written) place() (file string, line int) {
	if len(w.spans) == 0 {
		return "", 0
	}
	s := firstOf(w.spans)
	return s.file, s.first
}

// firstOf is the span that begins first.
func firstOf(spans []span) span {
	return slices.MinFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
}
