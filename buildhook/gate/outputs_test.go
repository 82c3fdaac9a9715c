package gate

import (
	"testing"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// crafted is a definition with one exec over a local directory, whose mounts are
// as given, and a result that is its output of that index.
func crafted(t *testing.T, index int64, mounts ...*pb.Mount) *pb.Definition {
	t.Helper()
	d := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}}
	add := func(op *pb.Op) digest.Digest {
		b, err := op.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		d.Def = append(d.Def, b)
		return digest.FromBytes(b)
	}
	local := add(&pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{Identifier: "local://context"}}})
	exec := add(&pb.Op{Inputs: []*pb.Input{{Digest: string(local)}},
		Op: &pb.Op_Exec{Exec: &pb.ExecOp{Meta: &pb.Meta{Args: []string{"true"}}, Mounts: mounts}}})
	add(&pb.Op{Inputs: []*pb.Input{{Digest: string(exec), Index: index}}})
	return d
}

// BuildKit numbers the outputs of an exec by their order, whatever numbers its
// mounts have. A client that numbers them otherwise must not hide one.
func TestCraftedOutputs(t *testing.T) {
	bind := func(dest string, input, output int64) *pb.Mount {
		return &pb.Mount{Dest: dest, Input: input, Output: output, MountType: pb.MountType_BIND}
	}
	for _, tt := range []struct {
		name   string
		index  int64
		mounts []*pb.Mount
		want   []string // "exec index" or "local"
		fails  bool
	}{
		{"as everybody does", 0, []*pb.Mount{bind("/", 0, 0)}, []string{"local", "exec 0"}, false},
		{"another number", 0, []*pb.Mount{bind("/", 0, 7)}, []string{"local", "exec 0"}, false},
		{"swapped", 1, []*pb.Mount{bind("/", 0, 1), bind("/x", -1, 9)}, []string{"local", "exec 1"}, false},
		{"one that is not kept before it", 0, []*pb.Mount{bind("/", 0, -1), bind("/x", 0, 3)}, []string{"local", "exec 0"}, false},
		{"a cache with an input is the input", 1, []*pb.Mount{bind("/", -1, 0), {Dest: "/c", Input: 0, Output: 1, MountType: pb.MountType_CACHE}}, []string{"local"}, false},
		{"one that there is not", 5, []*pb.Mount{bind("/", 0, 0)}, nil, true},
		{"a cache without an input has none", 1, []*pb.Mount{bind("/", 0, 0), {Dest: "/c", Input: -1, Output: 1, MountType: pb.MountType_CACHE}}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGraph()
			v, err := g.add(crafted(t, tt.index, tt.mounts...))
			if err != nil {
				t.Fatal(err)
			}
			ws, err := g.writes([]vertex{v})
			if (err != nil) != tt.fails {
				t.Fatalf("the error is %v", err)
			}
			var got []string
			for _, w := range ws {
				name := "local"
				if _, ok := g.ops[w.digest].Op.(*pb.Op_Exec); ok {
					name = "exec " + string(rune('0'+w.index))
				}
				got = append(got, name)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("%q, want %q", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("%q, want %q", got, tt.want)
				}
			}
		})
	}
}
