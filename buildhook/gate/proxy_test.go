package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client/llb"
	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/grpchijack"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/solver/pb"
	apicaps "github.com/moby/buildkit/util/apicaps/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/buildhook/step"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/report"
)

// fakeBuildKit plays BuildKit: a build ends when its result is returned.
type fakeBuildKit struct {
	controlapi.UnimplementedControlServer
	gwpb.UnimplementedLLBBridgeServer

	oldBuildKit bool // without diffs
	solve       func(*gwpb.SolveRequest) (*gwpb.SolveResponse, error)
	scanned     func(dir int) step.Dir // what the scan says of a directory; nil: nothing
	status      func(controlapi.Control_StatusServer) error
	session     func(net.Conn)

	mu       sync.Mutex
	builds   []*controlapi.SolveRequest
	solves   []*gwpb.SolveRequest
	returns  []*gwpb.ReturnRequest
	headers  []metadata.MD // of all calls
	scans    []*pb.Definition
	returned map[string]chan *gwpb.ReturnRequest
	ended    chan struct{} // a call of Status or Session has ended
}

func (f *fakeBuildKit) note(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	f.headers = append(f.headers, md)
	return strings.Join(md.Get(buildIDKey), ",")
}

func (f *fakeBuildKit) wait(ref string) chan *gwpb.ReturnRequest {
	if f.returned[ref] == nil {
		f.returned[ref] = make(chan *gwpb.ReturnRequest, 1)
	}
	return f.returned[ref]
}

func (f *fakeBuildKit) controlSolve(ctx context.Context, r *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	f.mu.Lock()
	f.note(ctx)
	f.builds = append(f.builds, r)
	done := f.wait(r.Ref)
	f.mu.Unlock()
	grpc.SetHeader(ctx, metadata.Pairs("from-upstream", "header"))
	grpc.SetTrailer(ctx, metadata.Pairs("from-upstream-too", "trailer"))
	select {
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	case ret := <-done:
		if ret.Error != nil {
			return nil, status.ErrorProto(ret.Error)
		}
		return &controlapi.SolveResponse{ExporterResponse: map[string]string{"digest": "sha256:1"}}, nil
	}
}

// control and bridge are two types because both services have a Solve.
type control struct {
	controlapi.UnimplementedControlServer
	*fakeBuildKit
}

func (c control) Solve(ctx context.Context, r *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	return c.controlSolve(ctx, r)
}

func (c control) DiskUsage(ctx context.Context, r *controlapi.DiskUsageRequest) (*controlapi.DiskUsageResponse, error) {
	c.mu.Lock()
	c.note(ctx)
	c.mu.Unlock()
	grpc.SetHeader(ctx, metadata.Pairs("from-upstream", "header"))
	grpc.SetTrailer(ctx, metadata.Pairs("from-upstream-too", "trailer"))
	if len(r.Filter) > 0 {
		return nil, status.Error(codes.NotFound, "no "+r.Filter[0])
	}
	return &controlapi.DiskUsageResponse{Record: []*controlapi.UsageRecord{{ID: "one"}}}, nil
}

func (c control) Info(context.Context, *controlapi.InfoRequest) (*controlapi.InfoResponse, error) {
	return nil, status.Error(codes.Unimplemented, "no info")
}

func (c control) Status(r *controlapi.StatusRequest, s controlapi.Control_StatusServer) error {
	if c.status == nil { // the gate itself asks
		return nil
	}
	defer func() { c.ended <- struct{}{} }()
	return c.status(s)
}

func (c control) Session(s controlapi.Control_SessionServer) error {
	if c.session != nil {
		conn, closed, _ := grpchijack.Hijack(s)
		c.session(conn)
		<-closed
		c.ended <- struct{}{}
		return nil
	}
	for { // the gate's own: nobody asks for its files
		if _, err := s.Recv(); err != nil {
			return nil
		}
	}
}

type bridge struct {
	gwpb.UnimplementedLLBBridgeServer
	*fakeBuildKit
}

func (b bridge) Ping(context.Context, *gwpb.PingRequest) (*gwpb.PongResponse, error) {
	return &gwpb.PongResponse{LLBCaps: []*apicaps.APICap{{ID: string(pb.CapDiffOp), Enabled: !b.oldBuildKit}}}, nil
}

// scanMounts are where the mounts of a scan are; nil if it is another step.
func scanMounts(d *pb.Definition) (mounts []string) {
	for _, b := range d.GetDef() {
		op := &pb.Op{}
		if op.UnmarshalVT(b) == nil && slices.Contains(op.GetExec().GetMeta().GetArgs(), "build-step") {
			for _, m := range op.GetExec().Mounts {
				mounts = append(mounts, m.Dest)
			}
		}
	}
	return mounts
}

func (b bridge) Solve(ctx context.Context, r *gwpb.SolveRequest) (*gwpb.SolveResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note(ctx)
	if len(scanMounts(r.Definition)) > 0 {
		b.scans = append(b.scans, r.Definition)
		return refOf(fmt.Sprintf("scan%d", len(b.scans)-1), nil), nil
	}
	b.solves = append(b.solves, r)
	if b.solve == nil {
		return refOf("", nil), nil
	}
	return b.solve(r)
}

func (b bridge) ReadFile(_ context.Context, r *gwpb.ReadFileRequest) (*gwpb.ReadFileResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var i int
	if _, err := fmt.Sscanf(r.Ref, "scan%d", &i); err != nil || r.FilePath != step.File {
		return nil, status.Error(codes.NotFound, r.FilePath)
	}
	rep := step.Report{Schema: step.Schema}
	for _, m := range scanMounts(b.scans[i]) {
		if strings.HasPrefix(m, step.Src+"/") {
			d := step.Dir{}
			if b.scanned != nil {
				d = b.scanned(len(rep.Dirs))
			}
			d.Name = filepath.Base(m)
			if d.Result == nil {
				d.Result = &leakscan.BlobResult{}
			}
			rep.Dirs = append(rep.Dirs, d)
		}
	}
	data, err := json.Marshal(rep)
	if err != nil {
		return nil, err
	}
	data = data[min(len(data), int(r.Range.Offset)):]
	return &gwpb.ReadFileResponse{Data: data[:min(len(data), int(r.Range.Length))]}, nil
}

func (b bridge) Return(ctx context.Context, r *gwpb.ReturnRequest) (*gwpb.ReturnResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.returns = append(b.returns, r)
	b.wait(b.note(ctx)) <- r
	return &gwpb.ReturnResponse{}, nil
}

func refOf(id string, def *pb.Definition) *gwpb.SolveResponse {
	return &gwpb.SolveResponse{Result: &gwpb.Result{Result: &gwpb.Result_Ref{Ref: &gwpb.Ref{Id: id, Def: def}}}}
}

// rig is a BuildKit, a gate in front of it and a client.
type rig struct {
	t     *testing.T
	f     *fakeBuildKit
	g     *Gate
	conn  *grpc.ClientConn
	c     controlapi.ControlClient
	b     gwpb.LLBBridgeClient
	mu    sync.Mutex
	heard []*report.Check
}

func newRig(t *testing.T, f *fakeBuildKit, change func(*Options)) *rig {
	t.Helper()
	dir := t.TempDir()
	listen := func(name string) net.Listener {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	f.returned, f.ended = map[string]chan *gwpb.ReturnRequest{}, make(chan struct{}, 10)
	server := grpc.NewServer()
	controlapi.RegisterControlServer(server, control{fakeBuildKit: f})
	gwpb.RegisterLLBBridgeServer(server, bridge{fakeBuildKit: f})
	go server.Serve(listen("up"))
	t.Cleanup(server.Stop)
	r := &rig{t: t, f: f}
	r.g = testGate(t, func(o *Options) {
		up, err := BuildKit("unix://" + filepath.Join(dir, "up"))
		if err != nil {
			t.Fatal(err)
		}
		o.Upstream, o.Scanner = up, staticELF(t)
		o.Told = func(rep *report.Check) { r.mu.Lock(); defer r.mu.Unlock(); r.heard = append(r.heard, rep) }
		if change != nil {
			change(o)
		}
	})
	go r.g.Serve(listen("gate"))
	var err error
	r.conn, err = grpc.NewClient("unix:"+filepath.Join(dir, "gate"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.Close() })
	r.c, r.b = controlapi.NewControlClient(r.conn), gwpb.NewLLBBridgeClient(r.conn)
	return r
}

func bridgeCtx(ctx context.Context, ref string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, buildIDKey, ref)
}

// begin starts a build as a client does that solves by itself.
func (r *rig) begin(ref string) chan error {
	r.t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := r.c.Solve(r.t.Context(), &controlapi.SolveRequest{Ref: ref})
		done <- err
	}()
	for range 2000 {
		if r.g.build(ref) != nil {
			return done
		}
		time.Sleep(time.Millisecond)
	}
	r.t.Fatal("the build was not begun")
	return nil
}

// build solves and returns what was solved.
func (r *rig) build(ref string, meta map[string][]byte) error {
	r.t.Helper()
	done := r.begin(ref)
	ctx := bridgeCtx(r.t.Context(), ref)
	res, err := r.b.Solve(ctx, &gwpb.SolveRequest{AllowResultReturn: true, AllowResultArrayRef: true})
	if err != nil {
		r.t.Fatal(err)
	}
	res.Result.Metadata = meta
	if _, err := r.b.Return(ctx, &gwpb.ReturnRequest{Result: res.Result}); err != nil {
		r.t.Fatal(err)
	}
	return <-done
}

func wantCode(t *testing.T, err error, code codes.Code, parts ...string) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("the error is %v, not %v", err, code)
	}
	for _, p := range parts {
		if !strings.Contains(fmt.Sprint(err), p) {
			t.Errorf("%q is not in %v", p, err)
		}
	}
}

func TestReturnClean(t *testing.T) {
	r := newRig(t, &fakeBuildKit{}, nil)
	meta := map[string][]byte{"containerimage.config": configOf(testimage.Image{Env: []string{"A=b"}})}
	if err := r.build("b1", meta); err != nil {
		t.Fatal(err)
	}
	want := &gwpb.ReturnRequest{Result: &gwpb.Result{Result: &gwpb.Result_Ref{Ref: &gwpb.Ref{}}, Metadata: meta}}
	if len(r.f.returns) != 1 || !proto.Equal(r.f.returns[0], want) {
		t.Errorf("BuildKit got %v", r.f.returns)
	}
	if len(r.heard) != 1 || len(r.heard[0].Problems) != 0 {
		t.Errorf("told: %v", r.heard)
	}
	if r.g.build("b1") != nil {
		t.Error("a build that is over is kept")
	}
}

func TestReturnLeak(t *testing.T) {
	pw := testimage.Password(140)
	r := newRig(t, &fakeBuildKit{}, knows(pw))
	err := r.build("b1", map[string][]byte{"containerimage.config/linux/amd64": configOf(testimage.Image{Env: []string{"X=" + pw}})})
	wantCode(t, err, codes.FailedPrecondition, "leakscan: nothing is exported", knownID, "config.Env[0]")
	without(t, err.Error(), pw)
	if len(r.f.returns) != 1 || r.f.returns[0].Error == nil || r.f.returns[0].Result != nil {
		t.Errorf("BuildKit got %v", r.f.returns)
	}
	without(t, r.f.returns[0].String(), pw)
	if len(r.heard) != 1 || len(r.heard[0].Problems) == 0 {
		t.Errorf("told: %v", r.heard)
	}

	// Below what stops a build, it passes.
	r = newRig(t, &fakeBuildKit{}, func(o *Options) { knows(pw)(o); o.FailOn = "never" })
	if err := r.build("b1", map[string][]byte{"containerimage.config": configOf(testimage.Image{Env: []string{"X=" + pw}})}); err != nil {
		t.Error(err)
	}
}

func TestReturnError(t *testing.T) {
	r := newRig(t, &fakeBuildKit{}, nil)
	done := r.begin("b1")
	if _, err := r.b.Return(bridgeCtx(t.Context(), "b1"), &gwpb.ReturnRequest{Error: status.New(codes.DataLoss, "my own").Proto()}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, <-done, codes.DataLoss, "my own")
}

func TestUnknownBuild(t *testing.T) {
	r := newRig(t, &fakeBuildKit{}, nil)
	ctx := t.Context()
	for _, c := range []context.Context{ctx, bridgeCtx(ctx, "nobody"), bridgeCtx(ctx, ""), bridgeCtx(bridgeCtx(ctx, "a"), "b")} {
		_, err := r.b.Return(c, &gwpb.ReturnRequest{Result: &gwpb.Result{}})
		wantCode(t, err, codes.FailedPrecondition, "has not gone through the gate")
		_, err = r.b.Solve(c, &gwpb.SolveRequest{Final: true})
		wantCode(t, err, codes.FailedPrecondition, "has not gone through the gate")
	}
	if len(r.f.returns) != 0 || len(r.f.solves) != 0 {
		t.Error("it was passed on")
	}
	_, err := r.c.Solve(ctx, &controlapi.SolveRequest{})
	wantCode(t, err, codes.FailedPrecondition, "no name")
	r.begin("b1")
	_, err = r.c.Solve(ctx, &controlapi.SolveRequest{Ref: "b1"})
	wantCode(t, err, codes.FailedPrecondition, "already")

	// A reference that BuildKit has not given out in this build.
	done := r.begin("b2")
	if _, err := r.b.Return(bridgeCtx(ctx, "b2"), &gwpb.ReturnRequest{Result: refOf("elsewhere", nil).Result}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, <-done, codes.FailedPrecondition, "could not be scanned", "nothing is exported")
	if n := len(r.f.returns); n != 1 || r.f.returns[0].Result != nil {
		t.Error("the result was passed on")
	}
}

func TestNoise(t *testing.T) {
	r := newRig(t, &fakeBuildKit{}, nil)
	for _, method := range []string{controlSolve, bridgeSolve, bridgeReturn} {
		ctx := t.Context()
		if method != controlSolve {
			r.begin(method)
			ctx = bridgeCtx(ctx, method)
		}
		var out message
		err := r.conn.Invoke(ctx, method, messageOf([]byte("\xff\xff\xff")), &out, grpc.ForceCodecV2(rawCodec{}))
		wantCode(t, err, codes.FailedPrecondition, "leakscan: reading")
	}
}

// TestPredicted: what the request shows is refused before anything is built.
func TestPredicted(t *testing.T) {
	r := newRig(t, &fakeBuildKit{}, nil)
	_, err := r.c.Solve(t.Context(), &controlapi.SolveRequest{Ref: "b1", FrontendAttrs: map[string]string{"attest:provenance": "mode=max", "build-arg:T": secretA}})
	wantCode(t, err, codes.FailedPrecondition, "build-arg-in-provenance")
	without(t, err.Error(), secretA)
	if len(r.f.builds) != 0 || r.g.build("b1") != nil {
		t.Error("the build was begun")
	}
}

func TestForms(t *testing.T) {
	def := marshal(t, llb.Scratch().File(llb.Mkdir("/a", 0o755)))
	for _, c := range []struct {
		name          string
		many          bool
		result, array bool
		final         bool
		check         func(*gwpb.SolveResponse) bool
	}{
		{"today's", false, true, true, false, func(s *gwpb.SolveResponse) bool {
			return s.Ref == "" && s.Result.GetRef().GetId() == "r1" && s.Result.GetRef().Def != nil
		}},
		{"today's, final", false, true, true, true, func(s *gwpb.SolveResponse) bool { return s.Result.GetRef().GetId() == "r1" }},
		{"an id", false, true, false, false, func(s *gwpb.SolveResponse) bool { return s.Result.GetRefDeprecated() == "r1" }},
		{"ids", true, true, false, false, func(s *gwpb.SolveResponse) bool {
			return maps.Equal(s.Result.GetRefsDeprecated().GetRefs(), map[string]string{"p1": "r1", "p2": "r2"})
		}},
		{"only an id", false, false, false, false, func(s *gwpb.SolveResponse) bool { return s.Ref == "r1" && s.Result.GetRef() == nil }},
		{"an id beside today's", false, false, true, true, func(s *gwpb.SolveResponse) bool { return s.Ref == "r1" && s.Result.GetRef().GetId() == "r1" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, &fakeBuildKit{solve: func(*gwpb.SolveRequest) (*gwpb.SolveResponse, error) {
				if !c.many {
					return refOf("r1", def), nil
				}
				return &gwpb.SolveResponse{Result: &gwpb.Result{Result: &gwpb.Result_Refs{Refs: &gwpb.RefMap{Refs: map[string]*gwpb.Ref{"p1": {Id: "r1", Def: def}, "p2": {Id: "r2", Def: def}}}}}}, nil
			}}, nil)
			done := r.begin("b")
			ctx := bridgeCtx(t.Context(), "b")
			got, err := r.b.Solve(ctx, &gwpb.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: map[string]string{"a": "b"}, AllowResultReturn: c.result, AllowResultArrayRef: c.array, Final: c.final, ExporterAttr: []byte("{}")})
			if err != nil || !c.check(got) {
				t.Errorf("%v, %v", got, err)
			}
			sent := r.f.solves[0]
			if !sent.AllowResultReturn || !sent.AllowResultArrayRef {
				t.Error("BuildKit was not asked for definitions")
			}
			if sent.Frontend != "dockerfile.v0" || sent.FrontendOpt["a"] != "b" {
				t.Error("something is lost")
			}
			if sent.Final {
				t.Error("it would be the result without LLBBridge/Return")
			}
			// What was given out can be returned in every form.
			if _, err := r.b.Return(ctx, &gwpb.ReturnRequest{Result: &gwpb.Result{Result: &gwpb.Result_RefDeprecated{RefDeprecated: "r1"}}}); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestScanned: the steps of a result are scanned in the build, and what the
// scan says is what counts.
func TestScanned(t *testing.T) {
	v := testimage.Password(141)
	def := marshal(t, llb.Image("x").Run(llb.Args([]string{"deploy", v})).Root())
	solve := func(*gwpb.SolveRequest) (*gwpb.SolveResponse, error) { return refOf("r1", def), nil }
	t.Run("clean", func(t *testing.T) {
		r := newRig(t, &fakeBuildKit{solve: solve}, nil)
		if err := r.build("b", nil); err != nil {
			t.Fatal(err)
		}
		if len(r.f.scans) != 2 {
			t.Fatalf("%d scans, not one of the base and one of the step", len(r.f.scans))
		}
		for _, d := range r.f.scans {
			if got := scanMounts(d); !slices.Contains(got, "/src/00000") || !slices.Contains(got, "/final/00000") || !slices.Contains(got, "/out") {
				t.Errorf("mounts: %q", got)
			}
		}
		if n := len(r.heard); n != 1 || !r.heard[0].Complete {
			t.Errorf("told: %d", n)
		}
		// Once more, it is the very same: BuildKit has it in its cache.
		if err := r.build("b2", nil); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if !slices.EqualFunc(r.f.scans[i].Def, r.f.scans[i+2].Def, bytes.Equal) {
				t.Error("the second scan is another step")
			}
		}
	})
	t.Run("leak", func(t *testing.T) {
		r := newRig(t, &fakeBuildKit{solve: solve, scanned: func(int) step.Dir {
			return step.Dir{Known: []step.Known{{Path: "root/f", Name: "a known one", Form: "base64"}}}
		}}, knows(v))
		err := r.build("b", nil)
		wantCode(t, err, codes.FailedPrecondition, "known one is in /root/f, as base64")
		without(t, err.Error(), v)
		for _, d := range r.f.scans {
			if b, _ := d.MarshalVT(); strings.Count(string(b), v) > strings.Count(fmt.Sprintf("%s", def.Def), v) {
				t.Error("the scan is given the value")
			}
		}
	})
	t.Run("gap", func(t *testing.T) {
		scanned := func(int) step.Dir {
			var res leakscan.BlobResult
			if err := json.Unmarshal([]byte(`{"gaps":[{"Kind":"unreadable","Reason":"it was not read"}]}`), &res); err != nil {
				t.Fatal(err)
			}
			return step.Dir{Result: &res}
		}
		r := newRig(t, &fakeBuildKit{solve: solve, scanned: scanned}, nil)
		wantCode(t, r.build("b", nil), codes.FailedPrecondition)
		r = newRig(t, &fakeBuildKit{solve: solve, scanned: scanned}, func(o *Options) { o.LetThrough = true })
		if err := r.build("b", nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("the build's own error", func(t *testing.T) {
		r := newRig(t, &fakeBuildKit{solve: func(r *gwpb.SolveRequest) (*gwpb.SolveResponse, error) {
			if r.Evaluate {
				return nil, status.Error(codes.Aborted, "RUN deploy "+v+" failed")
			}
			return solve(r)
		}}, knows(v))
		err := r.build("b", nil)
		wantCode(t, err, codes.Aborted, "RUN deploy ••• failed")
		if len(r.heard) != 0 || len(r.f.scans) != 0 {
			t.Error("it was scanned")
		}
	})
	t.Run("no scanner", func(t *testing.T) {
		broken := func(o *Options) { o.Scanner = filepath.Join(t.TempDir(), "missing") }
		r := newRig(t, &fakeBuildKit{solve: solve}, broken)
		wantCode(t, r.build("b", nil), codes.FailedPrecondition, "could not be scanned")
		r = newRig(t, &fakeBuildKit{solve: solve}, func(o *Options) { broken(o); o.LetThrough = true })
		if err := r.build("b", nil); err != nil {
			t.Error(err)
		}
		if len(r.heard) != 1 || len(r.heard[0].Gaps) != 1 {
			t.Errorf("told: %v", r.heard)
		}
	})
	t.Run("a step of another kind", func(t *testing.T) {
		op := &pb.Op{Op: &pb.Op_Build{Build: &pb.BuildOp{}}}
		odd := rawDefinition(t, op, endOf(t, op))
		r := newRig(t, &fakeBuildKit{solve: func(*gwpb.SolveRequest) (*gwpb.SolveResponse, error) { return refOf("r1", odd), nil }}, nil)
		wantCode(t, r.build("b", nil), codes.FailedPrecondition, "could not be scanned", "does not know")
	})
}

// TestWholeStates: a BuildKit without diffs gives whole states, and what of
// them was there before is only known where both are scanned together.
func TestWholeStates(t *testing.T) {
	def := marshal(t, llb.Image("x").Run(llb.Args([]string{"a"})).Root())
	r := newRig(t, &fakeBuildKit{oldBuildKit: true, solve: func(*gwpb.SolveRequest) (*gwpb.SolveResponse, error) { return refOf("r1", def), nil }}, nil)
	if err := r.build("b", nil); err != nil {
		t.Fatal(err)
	}
	last := r.f.scans[len(r.f.scans)-1]
	if got := scanMounts(last); !slices.Contains(got, "/src/00001") {
		t.Errorf("Gate.scanSteps: without diffs the steps are scanned without their base (%q), whose findings then count as theirs, above FailOnBase or not", got)
	}
}

// TestDirect: a build that the client leaves to BuildKit as a whole.
func TestDirect(t *testing.T) {
	pw := testimage.Password(142)
	for _, c := range []struct {
		name string
		env  string
		code codes.Code
	}{{"clean", "A=b", codes.OK}, {"leak", "A=" + pw, codes.FailedPrecondition}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, &fakeBuildKit{solve: func(*gwpb.SolveRequest) (*gwpb.SolveResponse, error) {
				res := refOf("", nil)
				res.Result.Metadata = map[string][]byte{"containerimage.config": configOf(testimage.Image{Env: []string{c.env}})}
				return res, nil
			}}, knows(pw))
			_, err := r.c.Solve(t.Context(), &controlapi.SolveRequest{Ref: "b", Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"target": "x"}, Session: "s",
				Cache: &controlapi.CacheOptions{Imports: []*controlapi.CacheOptionsEntry{{Type: "registry", Attrs: map[string]string{"ref": "r"}}}}})
			wantCode(t, err, c.code)
			without(t, fmt.Sprint(err), pw)
			if b := r.f.builds[0]; b.Frontend != "" || b.Session != "s" || b.FrontendAttrs["target"] != "x" {
				t.Errorf("BuildKit was asked for %v", b)
			}
			if s := r.f.solves[0]; s.Frontend != "dockerfile.v0" || s.FrontendOpt["target"] != "x" || len(s.CacheImports) != 1 {
				t.Errorf("it was asked to solve %v", s)
			}
			if ret := r.f.returns[0]; (ret.Error != nil) != (c.code != codes.OK) || (ret.Result != nil) != (c.code == codes.OK) {
				t.Errorf("returned: %v", ret)
			}
		})
	}
	t.Run("an error of the frontend", func(t *testing.T) {
		r := newRig(t, &fakeBuildKit{solve: func(*gwpb.SolveRequest) (*gwpb.SolveResponse, error) {
			return nil, status.Error(codes.InvalidArgument, "line 1: unknown instruction")
		}}, nil)
		_, err := r.c.Solve(t.Context(), &controlapi.SolveRequest{Ref: "b", Frontend: "dockerfile.v0"})
		wantCode(t, err, codes.InvalidArgument, "unknown instruction")
	})
}

func TestHeaders(t *testing.T) {
	r := newRig(t, &fakeBuildKit{}, knows(secretA))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-mine", "one", "x-mine", "two", "x-bin", "\x00\x01")
	var header, trailer metadata.MD
	res, err := r.c.DiskUsage(ctx, &controlapi.DiskUsageRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil || len(res.Record) != 1 || res.Record[0].ID != "one" {
		t.Fatalf("%v, %v", res, err)
	}
	got := r.f.headers[0]
	if !slices.Equal(got.Get("x-mine"), []string{"one", "two"}) || !slices.Equal(got.Get("x-bin"), []string{"\x00\x01"}) {
		t.Errorf("BuildKit got the headers %v", got)
	}
	if !slices.Equal(header.Get("from-upstream"), []string{"header"}) || !slices.Equal(trailer.Get("from-upstream-too"), []string{"trailer"}) {
		t.Errorf("the client got %v and %v", header, trailer)
	}
	if _, err := r.c.DiskUsage(ctx, &controlapi.DiskUsageRequest{Filter: []string{secretA}}, grpc.Trailer(&trailer)); status.Code(err) != codes.NotFound || status.Convert(err).Message() != "no •••" {
		t.Error("another error")
	}
	_, err = r.c.Info(ctx, &controlapi.InfoRequest{})
	wantCode(t, err, codes.Unimplemented, "no info")
	var out message
	err = r.conn.Invoke(ctx, "/some.Service/Method", messageOf(nil), &out, grpc.ForceCodecV2(rawCodec{}))
	wantCode(t, err, codes.Unimplemented)

	// The calls that the gate looks at pass them too.
	mine := func() (n int) { // calls with headers of this test's own; what begin starts has none, and comes when it comes
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		for _, md := range r.f.headers {
			if slices.Equal(md.Get("x-mine"), []string{"one", "two"}) {
				n++
			}
		}
		return n
	}
	done := r.begin("b")
	before := mine()
	_, err = r.b.Return(bridgeCtx(ctx, "b"), &gwpb.ReturnRequest{Result: &gwpb.Result{}})
	if n := mine() - before; err != nil || n != 1 {
		t.Errorf("%d calls with the headers, %v", n, err)
	}
	<-done
	_, err = r.c.Solve(ctx, &controlapi.SolveRequest{Ref: "b3", Frontend: "f"}, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil || !slices.Equal(header.Get("from-upstream"), []string{"header"}) || !slices.Equal(trailer.Get("from-upstream-too"), []string{"trailer"}) {
		t.Errorf("%v: the client got %v and %v", err, header, trailer)
	}
}

func TestStatusThroughGate(t *testing.T) {
	r := newRig(t, &fakeBuildKit{status: func(s controlapi.Control_StatusServer) error {
		for _, part := range []string{"a " + secretA[:9], secretA[9:] + "\n", secretA[:5]} {
			if err := s.Send(&controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, part)}}); err != nil {
				return err
			}
		}
		return status.Error(codes.ResourceExhausted, "full of "+secretA)
	}}, knows(secretA))
	s, err := r.c.Status(t.Context(), &controlapi.StatusRequest{Ref: "b"})
	if err != nil {
		t.Fatal(err)
	}
	var ms []*controlapi.StatusResponse
	for {
		var m *controlapi.StatusResponse
		if m, err = s.Recv(); err != nil {
			break
		}
		ms = append(ms, m)
	}
	if got := printed("v", 1, ms...); got != "a •••\n"+secretA[:5] {
		t.Errorf("%d bytes were printed", len(got))
	}
	wantCode(t, err, codes.ResourceExhausted, "full of •••")
}

// TestCancel: a client that goes away ends its calls at BuildKit, and the other
// way round.
func TestCancel(t *testing.T) {
	r := newRig(t, &fakeBuildKit{status: func(s controlapi.Control_StatusServer) error {
		s.Send(&controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, "x")}})
		<-s.Context().Done()
		return s.Context().Err()
	}}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := r.c.Status(ctx, &controlapi.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-r.f.ended:
	case <-time.After(5 * time.Second):
		t.Error("BuildKit was not told")
	}

	ctx, cancel = context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := r.c.Solve(ctx, &controlapi.SolveRequest{Ref: "b"})
		done <- err
	}()
	for range 2000 {
		if r.g.build("b") != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	wantCode(t, <-done, codes.Canceled)
	for range 2000 {
		if r.g.build("b") == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if r.g.build("b") != nil {
		t.Error("a build that was given up is kept")
	}
}

func TestUpstreamGone(t *testing.T) {
	g := testGate(t, nil)
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "gate"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	conn, err := grpc.NewClient("unix:"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = controlapi.NewControlClient(conn).Info(t.Context(), &controlapi.InfoRequest{})
	wantCode(t, err, codes.Unavailable, "there is no BuildKit")
	_, err = controlapi.NewControlClient(conn).Solve(t.Context(), &controlapi.SolveRequest{Ref: "b"})
	wantCode(t, err, codes.Unavailable, "there is no BuildKit")
	l.Close()
	if err := <-served; err != nil {
		t.Errorf("serving ends with %v", err)
	}
}

// TestSession: BuildKit asks the client for a secret through the gate, which
// knows it then.
func TestSession(t *testing.T) {
	v := testimage.Password(143)
	got := askSecrets(t, map[string]string{"pw": v}, "pw", "none")
	if got.answers[0] != v+"OK" || got.answers[1] != "NotFound" {
		t.Errorf("BuildKit got %q", strings.ReplaceAll(fmt.Sprint(got.answers), v, "<VALUE>"))
	}
	if len(got.g.values().Find([]byte(v))) != 1 {
		t.Error("the gate has not learned it")
	}
}

// TestEmptySecret: an answer without a field is a message of no bytes, and an
// answer all the same. So is that about a registry without credentials.
func TestEmptySecret(t *testing.T) {
	if got := askSecrets(t, map[string]string{"empty": ""}, "empty"); got.answers[0] != "OK" {
		t.Errorf("BuildKit got %q", got.answers[0])
	}
}

// TestEmptyStatus: the same, where nil also means the end.
func TestEmptyStatus(t *testing.T) {
	r := newRig(t, &fakeBuildKit{status: func(s controlapi.Control_StatusServer) error {
		s.Send(&controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, secretA[:20])}})
		s.Send(&controlapi.StatusResponse{})
		return s.Send(&controlapi.StatusResponse{Logs: []*controlapi.VertexLog{logOf("v", 1, secretA[20:])}})
	}}, knows(secretA))
	s, err := r.c.Status(t.Context(), &controlapi.StatusRequest{Ref: "b"})
	if err != nil {
		t.Fatal(err)
	}
	var ms []*controlapi.StatusResponse
	for {
		m, err := s.Recv()
		if err != nil {
			break
		}
		ms = append(ms, m)
	}
	if printed("v", 1, ms...) != "•••" {
		t.Error("forward: an empty Status message in between is taken for the end, and what is held back of a value is shown")
	}
}

type asked struct {
	answers []string
	g       *Gate
}

// askSecrets has BuildKit ask a client with these secrets for some, each
// answer with its code.
func askSecrets(t *testing.T, have map[string]string, ids ...string) asked {
	t.Helper()
	got := make(chan string, len(ids))
	r := newRig(t, &fakeBuildKit{session: func(c net.Conn) {
		conn, err := grpc.NewClient("passthrough:///s", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return c, nil }))
		if err != nil {
			t.Error(err)
			close(got)
			return
		}
		for _, id := range ids {
			res, err := secrets.NewSecretsClient(conn).GetSecret(context.Background(), &secrets.GetSecretRequest{ID: id})
			got <- string(res.GetData()) + status.Code(err).String()
		}
		conn.Close()
	}}, nil)
	s, err := session.NewSession(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var sources []secretsprovider.Source
	for id, v := range have {
		t.Setenv("LEAKSCAN_TEST_"+id, v)
		sources = append(sources, secretsprovider.Source{ID: id, Env: "LEAKSCAN_TEST_" + id})
	}
	store, err := secretsprovider.NewStore(sources)
	if err != nil {
		t.Fatal(err)
	}
	s.Allow(secretsprovider.NewSecretProvider(store))
	go s.Run(t.Context(), grpchijack.Dialer(r.c))
	a := asked{g: r.g}
	for range ids {
		a.answers = append(a.answers, <-got)
	}
	s.Close() // the client is the one who ends it
	select {
	case <-r.f.ended:
	case <-time.After(5 * time.Second):
		t.Error("the session does not end")
	}
	return a
}
