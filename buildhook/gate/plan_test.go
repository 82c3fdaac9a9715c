package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client/llb"
	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

func marshal(t testing.TB, st llb.State) *pb.Definition {
	t.Helper()
	def, err := st.Marshal(context.Background(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}
	return def.ToPB()
}

// planned is what a gate makes of states: their graph, their ends, and what
// their steps have written.
func planned(t testing.TB, states ...llb.State) (*graph, []vertex, []written) {
	t.Helper()
	gr := newGraph()
	var ends []vertex
	for _, st := range states {
		v, err := gr.add(marshal(t, st))
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, v)
	}
	ws, err := gr.writes(ends)
	if err != nil {
		t.Fatal(err)
	}
	return gr, ends, ws
}

// told writes down what was written, a line each: name, output, what it is put
// on, and its marks.
func told(ws []written) string {
	names := map[vertex]string{}
	var out strings.Builder
	for _, w := range ws {
		names[w.vertex] = fmt.Sprintf("%s:%d", w.instruction(), w.index)
		fmt.Fprintf(&out, "%s", names[w.vertex])
		switch {
		case w.lower == nil:
		case names[*w.lower] == "":
			out.WriteString(" on ?")
		default:
			fmt.Fprintf(&out, " on %s", names[*w.lower])
		}
		if w.base {
			out.WriteString(" base")
		}
		if w.builder {
			out.WriteString(" builder")
		}
		out.WriteString("\n")
	}
	return out.String()
}

func stepName(n string) llb.ConstraintsOpt { return llb.WithCustomName(n) }

const anImage = "docker-image://docker.io/library/x:latest"

func TestWrites(t *testing.T) {
	base := llb.Image("x")
	run := func(st llb.State, name string, o ...llb.RunOption) llb.ExecState {
		return st.Run(append([]llb.RunOption{llb.Args([]string{"cmd", name}), stepName(name)}, o...)...)
	}
	secret := llb.AddSecret("/run/s", llb.SecretID("npm"))
	for _, c := range []struct {
		name  string
		state llb.State
		want  string
	}{
		{"an image as it is", base, anImage + ":0 base\n"},
		{"a local directory as it is", llb.Local("ctx", stepName("the context")), "the context:0\n"},
		{"run", run(base, "a").Root(), anImage + ":0 base\na:0 on " + anImage + ":0\n"},
		{"run without a name", base.Run(llb.Args([]string{"echo", "1"})).Root(), anImage + ":0 base\necho 1:0 on " + anImage + ":0\n"},
		{"on nothing", run(llb.Scratch(), "a").Root(), "a:0\n"},
		{"a cache, a secret, tmpfs and a readonly mount are not kept", run(base, "a", secret,
			llb.AddMount("/cache", llb.Scratch(), llb.AsPersistentCacheDir("c", llb.CacheMountShared)),
			llb.AddMount("/tmp", llb.Scratch(), llb.Tmpfs()),
			llb.AddMount("/ro", llb.Local("ctx", stepName("the context")), llb.Readonly)).Root(), anImage + ":0 base\na:0 on " + anImage + ":0\n"},
		{"a second output that nobody uses", func() llb.State {
			e := run(base, "a")
			e.AddMount("/out", llb.Scratch())
			return e.Root()
		}(), anImage + ":0 base\na:0 on " + anImage + ":0\n"},
		{"a second output that is the result, on a root that isn't", func() llb.State {
			return run(base, "a").AddMount("/out", llb.Scratch())
		}(), anImage + ":0 base\na:1\n"},
		{"a chain of actions", llb.Scratch().File(llb.Mkdir("/d", 0o755).Mkfile("/d/f", 0o600, []byte("x")).Rm("/d/f"), stepName("files")), "files:0\n"},
		{"a chain of actions without a name", llb.Scratch().File(llb.Mkdir("/d", 0o755)), "file operation:0\n"},
		{"a copy from the context", base.File(llb.Copy(llb.Local("ctx"), "/", "/").Mkdir("/e", 0o700), stepName("copy")), anImage + ":0 base\ncopy:0 on " + anImage + ":0\n"},
		{"a copy from a stage", llb.Scratch().File(llb.Copy(run(base, "stage").Root(), "/a", "/a"), stepName("copy")),
			anImage + ":0 base builder\nstage:0 on " + anImage + ":0 builder\ncopy:0\n"},
		{"a mount of a stage", run(base, "a", llb.AddMount("/from", run(llb.Scratch(), "stage").Root(), llb.Readonly)).Root(),
			anImage + ":0 base\nstage:0 builder\na:0 on " + anImage + ":0\n"},
		{"two branches merged", llb.Merge([]llb.State{run(base, "a").Root(), llb.Scratch().File(llb.Mkdir("/m", 0o755), stepName("b"))}),
			anImage + ":0 base\na:0 on " + anImage + ":0\nb:0\n"},
		{"merged with a difference", llb.Merge([]llb.State{base, llb.Diff(base, run(base, "a").Root())}),
			anImage + ":0 base\na:0 on " + anImage + ":0\n"},
		{"a stage that is both copied from and built on", func() llb.State {
			stage := run(base, "stage").Root()
			return stage.File(llb.Copy(stage, "/a", "/b"), stepName("copy"))
		}(), anImage + ":0 base\nstage:0 on " + anImage + ":0\ncopy:0 on stage:0\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, ws := planned(t, c.state); told(ws) != c.want {
				t.Errorf("got\n%swant\n%s", told(ws), c.want)
			}
		})
	}
}

// TestSharedSteps: two platforms or attestations need the same steps once, and
// what one result is built on isn't a builder's.
func TestSharedSteps(t *testing.T) {
	stage := llb.Scratch().File(llb.Mkdir("/s", 0o755), stepName("stage"))
	one := llb.Scratch().File(llb.Copy(stage, "/", "/"), stepName("one"))
	_, _, ws := planned(t, one)
	if want := "stage:0 builder\none:0\n"; told(ws) != want {
		t.Errorf("got\n%swant\n%s", told(ws), want)
	}
	_, _, ws = planned(t, one, stage)
	if want := "stage:0\none:0\n"; told(ws) != want {
		t.Errorf("got\n%swant\n%s", told(ws), want)
	}
}

// wide is a state with many inputs everywhere that a map could be behind.
func wide() llb.State {
	var merged []llb.State
	for i := range 6 {
		e := llb.Image(fmt.Sprintf("img%d", i)).Run(llb.Args([]string{"run", fmt.Sprint(i)}), llb.AddEnv("N", fmt.Sprint(i)))
		for j := range 3 {
			e.AddMount(fmt.Sprintf("/m%d", j), llb.Scratch().File(llb.Mkdir(fmt.Sprintf("/%d-%d", i, j), 0o755)), llb.Readonly)
		}
		merged = append(merged, e.Root(), e.AddMount("/out", llb.Scratch()))
	}
	return llb.Merge(merged)
}

func TestOrder(t *testing.T) {
	def := marshal(t, wide())
	var want string
	for i := range 50 {
		gr := newGraph()
		v, err := gr.add(def.CloneVT())
		if err != nil {
			t.Fatal(err)
		}
		ws, err := gr.writes([]vertex{v})
		if err != nil {
			t.Fatal(err)
		}
		if got := told(ws); i == 0 {
			want = got
		} else if got != want {
			t.Fatalf("the order is another one the next time:\n%s\nand\n%s", want, got)
		}
		place := map[vertex]int{}
		for k, w := range ws {
			place[w.vertex] = k
			if w.lower == nil {
				continue
			}
			if at, ok := place[*w.lower]; !ok || at >= k {
				t.Fatalf("%s comes before what it is on", w.instruction())
			}
		}
	}
}

// TestResultsOrder: the steps' place in the scan's definition is part of its
// place in BuildKit's cache, so that it must not depend on a map.
func TestResultsOrder(t *testing.T) {
	refs := map[string]*gwpb.Ref{}
	b := &build{defs: map[string]*pb.Definition{}}
	for i := range 5 {
		id := fmt.Sprintf("ref%d", i)
		refs[fmt.Sprintf("linux/%d", i)] = &gwpb.Ref{Id: id}
		b.defs[id] = marshal(t, llb.Scratch().File(llb.Mkdir(fmt.Sprintf("/%d", i), 0o755)))
	}
	r := &gwpb.Result{Result: &gwpb.Result_Refs{Refs: &gwpb.RefMap{Refs: refs}},
		Attestations: map[string]*gwpb.Attestations{}}
	for i := range 5 {
		id := fmt.Sprintf("att%d", i)
		b.defs[id] = marshal(t, llb.Scratch().File(llb.Mkdir(fmt.Sprintf("/att%d", i), 0o755)))
		r.Attestations[fmt.Sprintf("linux/%d", i)] = &gwpb.Attestations{Attestation: []*gwpb.Attestation{{Ref: &gwpb.Ref{Id: id}}}}
	}
	var first []vertex
	for range 50 {
		_, ends, err := b.graph(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(ends) != 10 {
			t.Fatalf("%d results and not 10", len(ends))
		}
		if first == nil {
			first = ends
		} else if !slices.Equal(first, ends) {
			t.Error("build.graph: the order of the results is that of the map of references, so that the same build of several platforms is scanned anew each time")
		}
	}
}

func TestBuildGraph(t *testing.T) {
	b := &build{defs: map[string]*pb.Definition{"scratch": {}, "a": marshal(t, llb.Scratch().File(llb.Mkdir("/a", 0o755))), "bad": {Def: [][]byte{{0xff}}}}}
	ref := func(id string) *gwpb.Result { return &gwpb.Result{Result: &gwpb.Result_Ref{Ref: &gwpb.Ref{Id: id}}} }
	for id, n := range map[string]int{"": 0, "scratch": 0, "a": 1} {
		if _, ends, err := b.graph(ref(id)); err != nil || len(ends) != n {
			t.Errorf("%q: %d results, %v", id, len(ends), err)
		}
	}
	for _, id := range []string{"never heard of", "bad"} {
		if _, _, err := b.graph(ref(id)); err == nil {
			t.Errorf("%q: no error", id)
		}
	}
	deprecated := &gwpb.Result{Result: &gwpb.Result_RefsDeprecated{RefsDeprecated: &gwpb.RefMapDeprecated{Refs: map[string]string{"1": "a", "2": "a"}}}}
	if _, ends, err := b.graph(deprecated); err != nil || len(ends) != 1 {
		t.Errorf("the same twice: %d results, %v", len(ends), err)
	}
	if _, ends, err := b.graph(nil); err != nil || len(ends) != 0 {
		t.Errorf("no result: %d results, %v", len(ends), err)
	}
}

func TestSecretIDs(t *testing.T) {
	st := llb.Image("x").Run(llb.Args([]string{"a"}), llb.AddSecret("/run/a", llb.SecretID("first")), llb.AddSecret("TOKEN", llb.SecretID("second"), llb.SecretAsEnv(true))).
		Run(llb.Args([]string{"b"}), llb.AddSecret("/run/b", llb.SecretID("first")), llb.AddSecret("/run/c", llb.SecretID("third"))).Root()
	gr, _, _ := planned(t, st)
	if got := strings.Join(gr.secretIDs(), " "); got != "first second third" {
		t.Errorf("got %s", got)
	}
	gr, _, _ = planned(t, llb.Image("x"))
	if got := gr.secretIDs(); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

// TestDefinition: every output is a definition of its own, that BuildKit's
// client takes up, and that means the same.
func TestDefinition(t *testing.T) {
	gr, ends, ws := planned(t, wide())
	for _, w := range ws {
		def := gr.definition(w.vertex)
		op, err := llb.NewDefinitionOp(def)
		if err != nil {
			t.Fatalf("%s: %v", w.instruction(), err)
		}
		again := newGraph()
		v, err := again.add(marshal(t, llb.NewState(op)))
		if err != nil {
			t.Fatalf("%s: %v", w.instruction(), err)
		}
		if v != w.vertex {
			t.Errorf("%s: is %v, was %v", w.instruction(), v, w.vertex)
		}
		if again.name(v.digest, again.ops[v.digest]) != w.name {
			t.Errorf("%s has lost its name", w.instruction())
		}
		for dg := range again.ops {
			if gr.ops[dg] == nil && again.ops[dg].Op != nil {
				t.Errorf("%s: a step has come in", w.instruction())
			}
		}
	}
	if def := gr.definition(ends[0]); len(def.Def) != len(gr.ops) {
		t.Errorf("of %d steps, %d are left", len(gr.ops), len(def.Def))
	}
	if gr.withSource(ends[0]) == nil {
		t.Error("the result as it was given is not there")
	}
}

func TestSpans(t *testing.T) {
	data := []byte("FROM x\nRUN a \\\n  b\nRUN c\n")
	sm := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", data)
	at := func(first, last int32) llb.ConstraintsOpt {
		return sm.Location([]*pb.Range{{Start: &pb.Position{Line: first}, End: &pb.Position{Line: last}}})
	}
	st := llb.Image("x", at(1, 1)).Run(llb.Args([]string{"a"}), at(2, 3)).Run(llb.Args([]string{"c"}), at(4, 4), at(1, 1)).Root()
	_, _, ws := planned(t, st)
	for i, want := range []string{"Dockerfile:1", "Dockerfile:2", "Dockerfile:1"} {
		file, line := ws[i].place()
		if got := fmt.Sprintf("%s:%d", file, line); got != want {
			t.Errorf("%s: at %s, not %s", ws[i].instruction(), got, want)
		}
	}
	if s := ws[1].spans[0]; s.last != 3 || string(s.data) != string(data) {
		t.Errorf("the span is %d to %d", s.first, s.last)
	}
	if file, line := (&written{}).place(); file != "" || line != 0 {
		t.Error("a step of nowhere has a place")
	}

	infos := []*pb.SourceInfo{{Filename: "D"}}
	odd := &pb.Locations{Locations: []*pb.Location{
		{SourceIndex: -1, Ranges: []*pb.Range{{Start: &pb.Position{}, End: &pb.Position{}}}},
		{SourceIndex: 1, Ranges: []*pb.Range{{Start: &pb.Position{}, End: &pb.Position{}}}},
		{Ranges: []*pb.Range{{}, {Start: &pb.Position{Line: 1}}, {End: &pb.Position{Line: 1}}}}}}
	if got := spansOf(infos, odd); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// rawDefinition makes a definition of steps as they stand, each with the ones that it
// names by their index.
func rawDefinition(t testing.TB, ops ...*pb.Op) *pb.Definition {
	t.Helper()
	d := &pb.Definition{}
	for _, op := range ops {
		b, err := op.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		d.Def = append(d.Def, b)
	}
	return d
}

func idOf(t testing.TB, op *pb.Op) string {
	b, err := op.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return string(digest.FromBytes(b))
}

func endOf(t testing.TB, op *pb.Op) *pb.Op { return &pb.Op{Inputs: []*pb.Input{{Digest: idOf(t, op)}}} }

func fileOp(actions ...*pb.FileAction) *pb.Op {
	return &pb.Op{Op: &pb.Op_File{File: &pb.FileOp{Actions: actions}}}
}

func TestBadGraphs(t *testing.T) {
	image := &pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{Identifier: "docker-image://x"}}}
	action := func(in, out int64) *pb.FileAction {
		return &pb.FileAction{Input: in, SecondaryInput: -1, Output: out, Action: &pb.FileAction_Mkdir{Mkdir: &pb.FileActionMkDir{Path: "/a"}}}
	}
	itself, cycle, ahead := fileOp(action(0, 0)), fileOp(action(1, -1), action(0, 0)), fileOp(action(1, 0), action(-1, -1))
	unknown, build, noKind := &pb.Op{}, &pb.Op{Op: &pb.Op_Build{Build: &pb.BuildOp{}}}, &pb.Op{Inputs: []*pb.Input{{Digest: idOf(t, image)}, {Digest: idOf(t, image)}}}
	missing := &pb.Op{Inputs: []*pb.Input{{Digest: idOf(t, image)}}, Op: &pb.Op_Exec{Exec: &pb.ExecOp{Meta: &pb.Meta{Args: []string{"a"}}, Mounts: []*pb.Mount{{Dest: "/"}}}}}
	for _, c := range []struct {
		name, want string
		def        *pb.Definition
	}{
		{"nothing", "no end", &pb.Definition{}},
		{"no end", "no end", rawDefinition(t, image)},
		{"an end that isn't the last", "no end", rawDefinition(t, image, endOf(t, image), image)},
		{"an end with two inputs", "no end", rawDefinition(t, image, noKind)},
		{"an end without inputs", "no end", rawDefinition(t, image, unknown)},
		{"noise", "reading a step", &pb.Definition{Def: [][]byte{[]byte("\xff\xff\xff")}}},
		{"a missing step", "missing", rawDefinition(t, endOf(t, image))},
		{"a missing step below", "missing", rawDefinition(t, missing, endOf(t, missing))},
		{"a file action on itself", "refers to itself", rawDefinition(t, itself, endOf(t, itself))},
		{"file actions in a circle", "refers to itself", rawDefinition(t, cycle, endOf(t, cycle))},
		{"a file action on a later one", "refers to itself", rawDefinition(t, ahead, endOf(t, ahead))},
		{"a build", "does not know", rawDefinition(t, build, endOf(t, build))},
		{"a step of no kind", "does not know", rawDefinition(t, image, noKind, endOf(t, noKind))},
	} {
		t.Run(c.name, func(t *testing.T) {
			gr := newGraph()
			v, err := gr.add(c.def)
			if err == nil {
				_, err = gr.writes([]vertex{v})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, not %q", err, c.want)
			}
		})
	}
}

// TestChainedOutputs: actions that give something out in the middle of a chain
// are all on what the chain began with.
func TestChainedOutputs(t *testing.T) {
	image := &pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{Identifier: "docker-image://x"}}}
	files := fileOp(
		&pb.FileAction{Input: 0, SecondaryInput: -1, Output: 0}, &pb.FileAction{Input: 1, SecondaryInput: -1, Output: -1},
		&pb.FileAction{Input: 2, SecondaryInput: -1, Output: 1}, &pb.FileAction{Input: -1, SecondaryInput: -1, Output: 2})
	files.Inputs = []*pb.Input{{Digest: idOf(t, image)}}
	gr := newGraph()
	if _, err := gr.add(rawDefinition(t, image, files, endOf(t, files))); err != nil {
		t.Fatal(err)
	}
	var ends []vertex
	for i := range int64(3) {
		ends = append(ends, vertex{digest.Digest(idOf(t, files)), i})
	}
	ws, err := gr.writes(ends)
	if err != nil {
		t.Fatal(err)
	}
	want := "docker-image://x:0 base\nfile operation:0 on docker-image://x:0\nfile operation:1 on docker-image://x:0\nfile operation:2\n"
	if told(ws) != want {
		t.Errorf("got\n%swant\n%s", told(ws), want)
	}
}

// TestExecWithoutMeta: BuildKit refuses such a step, but it comes after the
// gate has read the client's definition.
func TestExecWithoutMeta(t *testing.T) {
	op := &pb.Op{Op: &pb.Op_Exec{Exec: &pb.ExecOp{Mounts: []*pb.Mount{{Input: -1, Dest: "/"}}}}}
	gr := newGraph()
	v, err := gr.add(rawDefinition(t, op, endOf(t, op)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("graph.name panics at an exec without Meta: %v", p)
		}
	}()
	gr.writes([]vertex{v})
}

func FuzzGraph(f *testing.F) {
	for _, st := range []llb.State{llb.Image("x"), wide(), llb.Diff(llb.Image("x"), llb.Scratch().File(llb.Mkdir("/a", 0o755).Mkfile("/b", 0o600, nil)))} {
		b, err := marshal(f, st).MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	loop := fileOp(&pb.FileAction{Input: 1, Output: -1}, &pb.FileAction{Input: 0, Output: 0})
	b, err := rawDefinition(f, loop, endOf(f, loop)).MarshalVT()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &pb.Definition{}
		if d.UnmarshalVT(b) != nil || len(b) > 1<<16 {
			return
		}
		for _, step := range d.Def {
			op := &pb.Op{}
			if op.UnmarshalVT(step) == nil && op.GetExec() != nil && op.GetExec().Meta == nil {
				return // TestExecWithoutMeta
			}
		}
		began := time.Now()
		gr := newGraph()
		v, err := gr.add(d)
		if err != nil {
			return
		}
		gr.secretIDs()
		ws, err := gr.writes([]vertex{v})
		if err != nil {
			return
		}
		for i := range ws {
			gr.definition(ws[i].vertex)
			ws[i].place()
			if ws[i].lower != nil {
				gr.definition(*ws[i].lower)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%d bytes took %s", len(b), took)
		}
	})
}
