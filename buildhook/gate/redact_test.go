package gate

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/leakscan/leakscan/buildhook/known"
	"github.com/leakscan/leakscan/internal/testimage"
)

var (
	secretA = testimage.GitHubToken(101)
	secretB = testimage.NPMToken(102)
)

func through(t *testing.T, r *redactor, m *controlapi.StatusResponse) *controlapi.StatusResponse {
	t.Helper()
	var in []byte
	if m != nil {
		var err error
		if in, err = proto.Marshal(m); err != nil {
			t.Fatal(err)
		}
	}
	b := r.message(in)
	out := &controlapi.StatusResponse{}
	if err := proto.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func logOf(vertex string, stream int64, msg string) *controlapi.VertexLog {
	return &controlapi.VertexLog{Vertex: vertex, Stream: stream, Msg: []byte(msg), Timestamp: timestamppb.New(zeroTime)}
}

// printed puts the logs of one output together.
func printed(vertex string, stream int64, ms ...*controlapi.StatusResponse) string {
	var b strings.Builder
	for _, m := range ms {
		for _, l := range m.Logs {
			if l.Vertex == vertex && l.Stream == stream {
				b.Write(l.Msg)
			}
		}
	}
	return b.String()
}

func TestRedactNothing(t *testing.T) {
	r := testGate(t, nil).newRedactor()
	in := &controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, "a line\nand 50% [===>  ]")}, Vertexes: []*controlapi.Vertex{{Digest: "v", Name: "[1/2] RUN make VERSION=1.2.3 TARGET=release"}},
		Statuses: []*controlapi.VertexStatus{{ID: "extracting sha256:" + strings.Repeat("0123456789abcdef", 4), Vertex: "v"}}}
	if out := through(t, r, in); !proto.Equal(out, in) {
		t.Errorf("it has become %v", out)
	}
	if r.message(nil) != nil {
		t.Error("there was something at the end")
	}
	if r.message([]byte("\xff\xff")) != nil {
		t.Error("what can't be read was passed on")
	}
}

func TestRedactLogs(t *testing.T) {
	text := "token: " + secretA + "\n" + secretB + " and the end\n"
	want := "token: •••\n••• and the end\n"
	for size := 1; size < len(text); size += 5 {
		r := testGate(t, knows(secretA, secretB)).newRedactor()
		var ms []*controlapi.StatusResponse
		for at := 0; at < len(text); at += size {
			part := text[at:min(len(text), at+size)]
			// The other output and the other step must not come in between.
			ms = append(ms, through(t, r, &controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, part), logOf("v", 2, "stderr\n"), logOf("w", 1, part)}}))
		}
		for _, m := range ms {
			for _, l := range m.Logs {
				if len(l.Msg) == 0 {
					t.Error("an empty line of a log was passed on")
				}
			}
		}
		ms = append(ms, through(t, r, &controlapi.StatusResponse{Vertexes: []*controlapi.Vertex{{Digest: "v", Completed: timestamppb.Now()}}}))
		if got := printed("v", 1, ms...); got != want {
			t.Errorf("in parts of %d bytes: %q", size, got)
		}
		if got := printed("w", 1, append(ms, through(t, r, nil))...); got != want {
			t.Errorf("in parts of %d bytes, at the end: %q", size, got)
		}
		if got := printed("v", 2, ms...); strings.Trim(got, "stder\n") != "" {
			t.Errorf("stderr has become %q", got)
		}
	}
}

// TestRedactFlush: what is held back comes when the step is done, or at the
// very end, and once.
func TestRedactFlush(t *testing.T) {
	half := secretA[:20]
	r := testGate(t, knows(secretA)).newRedactor()
	a := through(t, r, &controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, "x "+half), logOf("w", 2, half)}})
	if printed("v", 1, a) != "x " || printed("w", 2, a) != "" {
		t.Errorf("too early: %v", a.Logs)
	}
	started := through(t, r, &controlapi.StatusResponse{Vertexes: []*controlapi.Vertex{{Digest: "v", Started: timestamppb.Now()}}})
	if len(started.Logs) != 0 {
		t.Error("flushed at the start")
	}
	done := through(t, r, &controlapi.StatusResponse{Vertexes: []*controlapi.Vertex{{Digest: "v", Completed: timestamppb.Now()}}})
	if printed("v", 1, done) != half || printed("w", 2, done) != "" {
		t.Errorf("at completion: %v", done.Logs)
	}
	rest := through(t, r, nil)
	if printed("w", 2, rest) != half || printed("v", 1, rest) != "" {
		t.Errorf("at the end: %v", rest.Logs)
	}
	if r.message(nil) != nil {
		t.Error("twice")
	}
}

func TestRedactTexts(t *testing.T) {
	r := testGate(t, knows(secretA)).newRedactor()
	in := &controlapi.StatusResponse{
		Vertexes: []*controlapi.Vertex{{Digest: "v", Name: "RUN login " + secretA, Error: secretA + " failed"}, {Digest: "w", Name: "RUN ls"}},
		Statuses: []*controlapi.VertexStatus{{ID: "id " + secretA, Name: "fetch " + secretA, Vertex: "v"}},
		Warnings: []*controlapi.VertexWarning{{Vertex: "v", Short: []byte("s " + secretA), Detail: [][]byte{[]byte("clean"), []byte(secretA)}, Info: &pb.SourceInfo{Data: []byte("ENV A=" + secretA)}},
			{Vertex: "w", Short: []byte("no info")}}}
	out := through(t, r, in)
	b, err := proto.Marshal(out)
	if err != nil || bytes.Contains(b, []byte(secretA)) {
		t.Error("the secret is there")
	}
	want := &controlapi.StatusResponse{
		Vertexes: []*controlapi.Vertex{{Digest: "v", Name: "RUN login •••", Error: "••• failed"}, {Digest: "w", Name: "RUN ls"}},
		Statuses: []*controlapi.VertexStatus{{ID: "id •••", Name: "fetch •••", Vertex: "v"}},
		Warnings: []*controlapi.VertexWarning{{Vertex: "v", Short: []byte("s •••"), Detail: [][]byte{[]byte("clean"), []byte("•••")}, Info: &pb.SourceInfo{Data: []byte("ENV A=•••")}},
			{Vertex: "w", Short: []byte("no info")}}}
	if !proto.Equal(out, want) {
		t.Errorf("got %v", out)
	}
}

// TestRedactPieces: a value in pieces is in none of the lines that are shown.
func TestRedactPieces(t *testing.T) {
	g := testGate(t, knows(secretA))
	half := len(secretA) / 2
	info := &pb.SourceInfo{Filename: "Dockerfile", Data: []byte("FROM scratch\nENV A=" + secretA[:half] + "\\\n# a comment\n" + secretA[half:] + "\nRUN make \\\n  all")}
	g.hideSource(info)
	if want := "FROM scratch\n…\n…\n…\nRUN make \\\n  all"; string(info.Data) != want {
		t.Errorf("got %q, want %q", info.Data, want)
	}
}

// TestRedactGroups: dockerfile2llb names the group of a COPY --link by the
// command, with its variables put in.
func TestRedactGroups(t *testing.T) {
	r := testGate(t, knows(secretA)).newRedactor()
	out := through(t, r, &controlapi.StatusResponse{Vertexes: []*controlapi.Vertex{{Digest: "v", ProgressGroup: &pb.ProgressGroup{Id: "1", Name: "COPY " + secretA}}}})
	if strings.Contains(out.Vertexes[0].ProgressGroup.Name, secretA) {
		t.Error("redactor.message does not mask Vertex.ProgressGroup.Name")
	}
}

// TestRedactLearned: a value that becomes known while the build runs.
func TestRedactLearned(t *testing.T) {
	g := testGate(t, nil)
	r := g.newRedactor()
	if out := through(t, r, &controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, "start\n")}}); printed("v", 1, out) != "start\n" {
		t.Errorf("got %v", out)
	}
	g.learn(known.Value{Name: "x", Value: []byte(secretA)})
	out := through(t, r, &controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, secretA+"\n")}})
	if got := printed("v", 1, out, through(t, r, nil)); got != "•••\n" {
		t.Errorf("got %q", got)
	}
	// With another secret the stream of a step is already under way.
	g.learn(known.Value{Name: "y", Value: []byte(secretB)})
	out = through(t, r, &controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, "first\n")}})
	g.learn(known.Value{Name: "z", Value: []byte(testimage.SlackToken(9))})
	late := through(t, r, &controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, testimage.SlackToken(9)+"\n")}})
	if got := printed("v", 1, out, late, through(t, r, nil)); got != "first\n•••\n" {
		t.Error("redactor.log keeps the values of the time when the step first printed: one that is learned later is shown in its log")
	}
}

func TestMaskedErrors(t *testing.T) {
	g := testGate(t, knows(secretA))
	if g.masked(nil) != nil {
		t.Error("an error out of nothing")
	}
	plain := errors.New("nothing to see")
	if g.masked(plain) != plain {
		t.Error("an error of another kind was changed")
	}
	detail, harmless := &controlapi.Vertex{Name: secretA}, &controlapi.Vertex{Name: "harmless"}
	for _, c := range []struct {
		details []protoadapt.MessageV1
		left    int
	}{{nil, 0}, {[]protoadapt.MessageV1{harmless}, 1}, {[]protoadapt.MessageV1{harmless, detail}, 1}} {
		in, err := status.New(codes.NotFound, "RUN "+secretA).WithDetails(c.details...)
		if err != nil {
			t.Fatal(err)
		}
		st := status.Convert(g.masked(in.Err()))
		if st.Code() != codes.NotFound || st.Message() != "RUN •••" || len(st.Proto().Details) != c.left {
			t.Errorf("got %v", st)
		}
	}
}
