package check

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/tools/txtar"

	"github.com/leakscan/leakscan/buildhook/shellflow"
)

// dockerfiles are those of the corpus, and of the pages.
func dockerfiles(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, glob := range []string{"../../testdata/dockerfile/*.txtar", "pages/*.txtar"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range txtar.Parse(b).Files {
				if strings.Contains(strings.ToLower(filepath.Base(e.Name)), "dockerfile") && !strings.Contains(e.Name, "ignore") {
					out[filepath.Base(f)+":"+e.Name] = e.Data
				}
			}
		}
	}
	return out
}

// TestJoin compares our joining of lines with the parser's.
func TestJoin(t *testing.T) {
	n := 0
	for name, data := range dockerfiles(t) {
		res, err := parser.Parse(bytes.NewReader(data))
		if err != nil {
			continue
		}
		src := newSource(name, data)
		for _, node := range res.AST.Children {
			got, _ := src.join(node.StartLine, node.EndLine, res.EscapeToken)
			if got.s != node.Original {
				t.Errorf("%s:%d: got\n%q, want\n%q", name, node.StartLine, got.s, node.Original)
			}
			for i := range got.s {
				if at := got.offset(i); at >= len(data) || data[at] != got.s[i] {
					t.Fatalf("%s:%d: byte %d is not at %d", name, node.StartLine, i, at)
				}
			}
			n++
		}
	}
	for seed := range uint64(3000) {
		data := randomLines(seed)
		res, err := parser.Parse(bytes.NewReader(data))
		if err != nil {
			continue
		}
		src := newSource("random", data)
		for _, node := range res.AST.Children {
			if len(node.Heredocs) > 0 {
				continue
			}
			got, _ := src.join(node.StartLine, node.EndLine, res.EscapeToken)
			if got.s != node.Original {
				t.Fatalf("seed %d: %q\ngot  %q\nwant %q", seed, data, got.s, node.Original)
			}
			n++
		}
	}
	if n < 1000 {
		t.Errorf("only %d instructions were compared", n)
	}
}

// randomLines writes lines with all that can be wrong with them.
func randomLines(seed uint64) []byte {
	g := rand.New(rand.NewPCG(seed, 7))
	var b strings.Builder
	if g.IntN(8) == 0 {
		b.WriteString("\xef\xbb\xbf")
	}
	if g.IntN(4) == 0 {
		b.WriteString("# escape=`\n")
	}
	pieces := []string{"RUN a", "  b", "\tc", "# x", " # y", "", " ", `\`, "`", ` \ `, "` ", "ENV A=b", "ARG x", "FROM y", "\"q", "é", "LABEL a=b c=d"}
	for range 2 + g.IntN(8) {
		for range 1 + g.IntN(3) {
			b.WriteString(pieces[g.IntN(len(pieces))])
		}
		b.WriteString([]string{"\n", "\n", "\r\n", "\\\n", "`\n"}[g.IntN(5)])
	}
	return []byte(b.String())
}

// TestEvaluation compares the environment that we give a RUN, and what COPY
// takes, with what BuildKit's conversion makes of the Dockerfile.
func TestEvaluation(t *testing.T) {
	all := dockerfiles(t)
	for seed := range uint64(400) {
		all[fmt.Sprintf("random %d", seed)] = randomDockerfile(seed)
	}
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		data := all[name]
		args := map[string]string{"GIVEN": "given value", "A": "from outside"}
		src := newSource(name, data)
		d, err := parseDockerfile(src)
		if err != nil {
			continue
		}
		o := &Options{}
		o.Platform = "linux/amd64"
		e := &evaluator{d: d, o: o, args: args, secretValue: func(_ *instruction, _, _ string, _ bool, l []shellflow.Label) []shellflow.Label { return l }}
		envs := map[int][]string{} // of RUNs, by line
		dirs := map[int]string{}
		e.visit = func(in *instruction, st *state) error {
			if _, ok := in.cmd.(*instructions.RunCommand); ok && in.onbuild == nil {
				var env []string
				for k, v := range st.vars {
					if v.known {
						env = append(env, k+"="+v.value)
					}
				}
				slices.Sort(env)
				envs[in.first] = env
				dirs[in.first] = st.dir
			}
			return nil
		}
		if err := e.run(); err != nil {
			continue
		}
		for _, s := range d.stages {
			compared += compareEnv(t, name, data, s, args, envs, dirs)
		}
	}
	if compared < 200 {
		t.Errorf("only %d RUNs were compared", compared)
	}
}

// compareEnv converts one stage with BuildKit, and compares its RUNs.
func compareEnv(t *testing.T, name string, data []byte, s *stage, args map[string]string, envs map[int][]string, dirs map[int]string) (n int) {
	t.Helper()
	target := s.name
	if target == "" {
		target = fmt.Sprint(s.index)
	}
	sm := llb.NewSourceMap(nil, name, "Dockerfile", data)
	caps := pb.Caps.CapSet(pb.Caps.All())
	given := map[string]string{}
	for k, v := range args {
		given[k] = v
	}
	p := linuxAMD64()
	res, err := dockerfile2llb.Dockerfile2LLB(context.Background(), data, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{BuildArgs: given, Target: target}, MetaResolver: noImages{}, SourceMap: sm, LLBCaps: &caps, TargetPlatform: &p,
	})
	if err != nil {
		return 0
	}
	def, err := res.State.Marshal(context.Background())
	if err != nil {
		return 0
	}
	if def.Source == nil {
		return 0
	}
	vertices := map[string]*pb.Op{}
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(dt); err != nil {
			t.Fatal(err)
		}
		vertices[digestOf(dt)] = &op
	}
	for dgst, locs := range def.Source.Locations {
		op := vertices[dgst]
		if op == nil || op.GetExec() == nil || len(locs.Locations) == 0 || len(locs.Locations[0].Ranges) == 0 {
			continue
		}
		line := int(locs.Locations[0].Ranges[0].Start.Line)
		want, ok := envs[line]
		if !ok {
			continue // a trigger of an ONBUILD, told with the line of FROM
		}
		var got []string
		for _, kv := range op.GetExec().Meta.Env {
			if !strings.HasPrefix(kv, "PATH=") {
				got = append(got, kv)
			}
		}
		slices.Sort(got)
		want = slices.DeleteFunc(slices.Clone(want), func(kv string) bool { return strings.HasPrefix(kv, "PATH=") })
		if !slices.Equal(got, want) {
			t.Errorf("%s:%d: BuildKit runs it with\n%q, we with\n%q", name, line, got, want)
		}
		if dir := op.GetExec().Meta.Cwd; dir != dirs[line] {
			t.Errorf("%s:%d: BuildKit runs it in %s, we in %s", name, line, dir, dirs[line])
		}
		n++
	}
	return n
}

// randomDockerfile writes one with all ways to set and use variables.
func randomDockerfile(seed uint64) []byte {
	g := rand.New(rand.NewPCG(seed, 11))
	names := []string{"A", "B", "C", "GIVEN", "TARGETARCH"}
	name := func() string { return names[g.IntN(len(names))] }
	value := func() string {
		return []string{"x", "$" + name(), "${" + name() + "}", "${" + name() + ":-d}", "${" + name() + ":+p}", "a-$" + name() + "-b", `"q $` + name() + `"`, `'s $` + name() + `'`, `\$` + name(), ""}[g.IntN(10)]
	}
	var b strings.Builder
	for range g.IntN(3) {
		fmt.Fprintf(&b, "ARG %s=%s\n", name(), value())
	}
	for s := range 1 + g.IntN(3) {
		base := []string{"busybox", "scratch"}[g.IntN(2)]
		if s > 0 && g.IntN(2) == 0 {
			base = fmt.Sprintf("s%d", g.IntN(s))
		}
		fmt.Fprintf(&b, "FROM %s AS s%d\n", base, s)
		for range 1 + g.IntN(8) {
			switch g.IntN(7) {
			case 0:
				fmt.Fprintf(&b, "ARG %s\n", name())
			case 1:
				fmt.Fprintf(&b, "ARG %s=%s\n", name(), value())
			case 2:
				fmt.Fprintf(&b, "ENV %s=%s\n", name(), value())
			case 3:
				fmt.Fprintf(&b, "ENV %s=%s %s=%s\n", name(), value(), name(), value())
			case 4:
				fmt.Fprintf(&b, "WORKDIR %s\n", []string{"/w", "sub", "$" + name() + "/d", "/"}[g.IntN(4)])
			default:
				fmt.Fprintf(&b, "RUN echo %d\n", g.IntN(1000))
			}
		}
	}
	return []byte(b.String())
}

func linuxAMD64() ocispecs.Platform { return ocispecs.Platform{OS: "linux", Architecture: "amd64"} }

func digestOf(dt []byte) string { return digest.FromBytes(dt).String() }
