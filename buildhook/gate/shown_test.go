package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/internal/testimage"
)

// hides gives a gate what the check has found.
func hides(values ...string) func(*Options) {
	return func(o *Options) {
		for _, v := range values {
			o.Hidden = append(o.Hidden, detect.NewSecret("x", []byte(v), []byte("k")))
		}
	}
}

// TestLines: whatever the chunks, no secret is shown, and nothing else is lost.
func TestLines(t *testing.T) {
	token, pw := testimage.GitHubToken(160), testimage.Password(161)
	g := testGate(t, hides(pw, "Zw3!k"))
	shown := "ghp_…(40 characters)"
	red := func(s string) string { return "\x1b[91m" + s + "\x1b[0m" }
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "a\nb c\r\n\n d", "a\nb c\r\n\n d"},
		{"a token", "GITHUB_TOKEN=" + token + "\nmore", "GITHUB_TOKEN=" + shown + "\nmore"},
		{"at the end", "x " + token, "x " + shown},
		{"two", token + " " + token + "\r" + token, shown + " " + shown + "\r" + shown},
		{"what the check has found", "pw " + pw + " Zw3!k xZw3!k Zw3!kx\n", "pw ••• ••• xZw3!k Zw3!kx\n"},
		{"in red", red(token+"\n") + "x", red(shown+"\n") + "x"},
		{"in pieces, in red", red("A="+token[:9]) + red(token[9:30]) + red(token[30:]+" b\n") + "x", "\x1b[91mA=" + shown + "\x1b[0m\x1b[91m\x1b[0m\x1b[91m b\n\x1b[0mx"},
		{"long", strings.Repeat("word ", maxLine/4) + token + " end", strings.Repeat("word ", maxLine/4) + shown + " end"},
		{"a long word", strings.Repeat("=", 3*maxLine) + "\n" + token, strings.Repeat("=", 3*maxLine) + "\n" + shown},
	} {
		for _, size := range []int{1, 2, 3, 7, 16, 100, 1 << 20} {
			if size < 100 && len(c.text) > maxLine {
				continue
			}
			p := g.newPrintout()
			var b strings.Builder
			for at := 0; at < len(c.text); at += size {
				b.Write(p.Write([]byte(c.text[at:min(at+size, len(c.text))])))
			}
			b.Write(p.Flush())
			if got := b.String(); got != c.want {
				t.Errorf("%s, by %d bytes:\n%.300q, not\n%.300q", c.name, size, got, c.want)
			}
		}
	}
}

// TestProgressBars: what grows in a line is seen as it grows.
func TestProgressBars(t *testing.T) {
	p := testGate(t, hides("nothing of it")).newPrintout()
	for _, c := range []struct{ write, want string }{
		{"Loading", ""}, {" ", "Loading "}, {".", "."}, {"..", ".."}, {".\n", ".\n"},
		{"\r 10% [=>  ]", "\r 10% [=>  ]"}, {"\r 20% [==> ]", "\r 20% [==> ]"},
		{"\r 30% of 5MB", "\r 30% of "}, {"\r 40% of 5MB", "5MB\r 40% of "}, {"\n", "5MB\n"},
		{"\x1b[32m.", "\x1b[32m."}, {"\x1b[0m", "\x1b[0m"}, {"one two", "one "},
	} {
		if got := string(p.Write([]byte(c.write))); got != c.want {
			t.Errorf("%q: %q, not %q", c.write, got, c.want)
		}
	}
	if got := string(p.Flush()); got != "two" {
		t.Errorf("at the end %q", got)
	}
}

// TestClassicOutput: the messages of POST /build.
func TestClassicOutput(t *testing.T) {
	token := testimage.GitHubToken(162)
	g := testGate(t, hides("Zw3!k"))
	line := func(v any) []byte { b, _ := json.Marshal(v); return append(b, "\r\n"...) }
	stream := func(s string) []byte { return line(map[string]string{"stream": s}) }
	trace, err := proto.Marshal(&controlapi.StatusResponse{Vertexes: []*controlapi.Vertex{{Digest: "v", Name: "RUN x " + token}}, Logs: []*controlapi.VertexLog{logOf("v", 1, token)}})
	if err != nil {
		t.Fatal(err)
	}
	c := g.newClassic()
	var streams, rest strings.Builder
	read := func(b []byte) {
		for l := range strings.Lines(string(b)) {
			var m struct {
				Stream, Error string
				ID            string
				Aux           json.RawMessage
				ErrorDetail   struct{ Message string }
			}
			if err := json.Unmarshal([]byte(l), &m); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
			streams.WriteString(m.Stream)
			if m.ID == traceID {
				var b []byte
				var s controlapi.StatusResponse
				if json.Unmarshal(m.Aux, &b) != nil || proto.Unmarshal(b, &s) != nil {
					t.Fatalf("no trace: %s", l)
				}
				for _, v := range s.Vertexes {
					rest.WriteString(v.Name + "|")
				}
				for _, l := range s.Logs {
					rest.Write(append(l.Msg, '|'))
				}
			} else if m.Aux != nil {
				rest.Write(append(m.Aux, '|'))
			}
			rest.WriteString(m.Error + m.ErrorDetail.Message)
		}
	}
	same := stream("Step 1/9 : FROM scratch\n")
	if got := c.message(same); string(got) != string(same) {
		t.Errorf("%s has become %s", same, got)
	}
	for _, b := range [][]byte{stream("Step 2/9 : ENV GITHUB_TOKEN=" + token + "\n"), stream("Step 3/9 : ENV PIN_PASSWORD postgres\n"), stream("Step 4/9 : ENV POSTGRES_PASSWORD=postgres\n"), stream("\n"),
		stream(token[:10]), stream(token[10:]), stream(" Zw3!k\n"), stream("held"), line(map[string]any{"aux": map[string]string{"ID": builtID}}),
		line(map[string]any{"id": traceID, "aux": trace}), line(map[string]any{"error": "of " + token, "errorDetail": map[string]any{"message": "of " + token, "code": 1}})} {
		read(c.message(b))
	}
	read(c.end())
	without(t, streams.String()+rest.String(), token, "Zw3!k", "postgres")
	if want := "Step 2/9 : ENV GITHUB_TOKEN=ghp_…(40 characters)\nStep 3/9 : ENV PIN_PASSWORD …(8 characters)\nStep 4/9 : ENV POSTGRES_PASSWORD=…(8 characters)\n\nghp_…(40 characters) •••\nheld"; streams.String() != want {
		t.Errorf("%q, not\n%q", streams.String(), want)
	}
	if want := `{"ID":"` + builtID + `"}|RUN x ghp_…(40 characters)|of ghp_…(40 characters)of ghp_…(40 characters)ghp_…(40 characters)|`; rest.String() != want {
		t.Errorf("%q, not\n%q", rest.String(), want)
	}
}

// TestMaskedSource: the lines of a Dockerfile that an error shows stay its
// lines.
func TestMaskedSource(t *testing.T) {
	token := testimage.GitHubToken(163)
	g := testGate(t, hides("Zw3!k"))
	data := "FROM x\nENV T=" + token + "\nRUN echo Zw3!k && false\n"
	detail, err := json.Marshal(&errdefs.Source{Info: &pb.SourceInfo{Filename: "Dockerfile", Data: []byte(data)}, Ranges: []*pb.Range{{Start: &pb.Position{Line: 3}, End: &pb.Position{Line: 3}}}})
	if err != nil {
		t.Fatal(err)
	}
	in := status.New(codes.Unknown, "process \"echo Zw3!k\" did not complete").Proto()
	in.Details = []*anypb.Any{{TypeUrl: "github.com/moby/buildkit/errdefs.Source+json", Value: detail}, {TypeUrl: "x", Value: []byte(`{"args":["` + token + `"]}`)}, {TypeUrl: "y", Value: []byte("{}")}}
	st := status.Convert(g.masked(status.FromProto(in).Err()))
	if st.Message() != "process \"echo •••\" did not complete" || len(st.Proto().Details) != 2 {
		t.Fatalf("%v", st)
	}
	var src errdefs.Source
	if err := json.Unmarshal(st.Proto().Details[0].Value, &src); err != nil || string(src.Info.Data) != "FROM x\nENV T=ghp_…(40 characters)\nRUN echo ••• && false\n" || src.Ranges[0].Start.Line != 3 {
		t.Errorf("%v %s", err, src.Info.GetData())
	}
	if err := errors.New("x"); g.masked(err) != err {
		t.Error("an error of another kind was changed")
	}
	if got := fmt.Sprint(g.masked(status.Error(codes.Unknown, "plain"))); !strings.HasSuffix(got, "= plain") {
		t.Error(got)
	}
}
