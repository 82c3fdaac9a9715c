package gate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	controlapi "github.com/moby/buildkit/api/services/control"
	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/leakscan/leakscan/report"
)

// build is one Control/Solve, and what has been seen of it.
type build struct {
	ref string
	req *controlapi.SolveRequest

	progress *progress

	mu   sync.Mutex
	defs map[string]*pb.Definition // of the references that BuildKit has given out, by their ids
}

func (g *Gate) build(id string) *build {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.builds[id]
}

// controlSolve is the call that lasts as long as the build.
func (g *Gate) controlSolve(ctx context.Context, in []byte, call caller) ([]byte, error) {
	var req controlapi.SolveRequest
	if err := proto.Unmarshal(in, &req); err != nil {
		return nil, refusal("reading what is to be built: %v", err)
	}
	if req.Ref == "" {
		return nil, refusal("the build has no name (an old client?)")
	}
	b := &build{ref: req.Ref, req: &req, progress: newProgress(), defs: map[string]*pb.Definition{}}
	g.mu.Lock()
	if g.builds[req.Ref] != nil {
		g.mu.Unlock()
		return nil, refusal("there is a build %s already", req.Ref)
	}
	g.builds[req.Ref] = b
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.builds, req.Ref)
		g.mu.Unlock()
	}()
	watching, stop := context.WithCancel(metadata.NewOutgoingContext(context.WithoutCancel(ctx), nil))
	defer stop()
	if rep := g.predict(b); rep.Verdict(g.threshold())&report.Leaks != 0 {
		g.tell(rep)
		return nil, stopped(rep)
	}
	g.watch(watching, b)
	if req.Frontend == "" && req.Definition == nil {
		return call(ctx, in) // the client does the rest itself, and ends with LLBBridge/Return
	}
	return g.direct(ctx, b, call)
}

// direct builds what the client has left to BuildKit as a whole: there would be
// no call of LLBBridge/Return to wait for. The gate takes the part of a client
// that builds by itself, which gives the same result.
func (g *Gate) direct(ctx context.Context, b *build, call caller) ([]byte, error) {
	req := proto.Clone(b.req).(*controlapi.SolveRequest)
	req.Frontend, req.Definition, req.FrontendInputs = "", nil, nil
	in, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		err := g.drive(b.bridgeContext(ctx), b)
		if err != nil {
			cancel()
		}
		failed <- err
	}()
	out, err := call(ctx, in)
	if err != nil {
		cancel()
		if derr := <-failed; derr != nil && status.Code(err) == codes.Canceled {
			return nil, derr
		}
	}
	return out, err
}

func (b *build) bridgeContext(ctx context.Context) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.Pairs(buildIDKey, b.ref))
}

// drive solves, scans, and returns the result.
func (g *Gate) drive(ctx context.Context, b *build) error {
	bridge := gwpb.NewLLBBridgeClient(g.up)
	r := b.req
	solve := &gwpb.SolveRequest{Definition: r.Definition, Frontend: r.Frontend, FrontendOpt: r.FrontendAttrs, FrontendInputs: r.FrontendInputs,
		AllowResultReturn: true, AllowResultArrayRef: true, Evaluate: true}
	for _, c := range r.GetCache().GetImports() {
		solve.CacheImports = append(solve.CacheImports, &gwpb.CacheOptionsEntry{Type: c.Type, Attrs: c.Attrs})
	}
	ret := &gwpb.ReturnRequest{}
	res, err := bridge.Solve(ctx, solve)
	if err == nil {
		b.remember(res.Result)
		ret.Result = bare(res.Result)
		err = g.judge(ctx, b, ret.Result)
	}
	if err != nil {
		ret.Result, ret.Error = nil, status.Convert(err).Proto()
	}
	_, rerr := bridge.Return(ctx, ret)
	return rerr // an error that was returned is what Control/Solve ends with
}

// bare is a result without the definitions of its references, which BuildKit
// has.
func bare(r *gwpb.Result) *gwpb.Result {
	r = proto.Clone(r).(*gwpb.Result)
	for _, ref := range references(r) {
		ref.Def = nil
	}
	return r
}

// bridgeSolve notes which references BuildKit gives out. It asks for them in
// the form that has their definitions, and answers in the one that was asked
// for.
func (g *Gate) bridgeSolve(ctx context.Context, id string, in []byte, call caller) ([]byte, error) {
	b := g.build(id)
	if b == nil {
		return nil, refusal("a step of a build that has not gone through the gate")
	}
	var req gwpb.SolveRequest
	if err := proto.Unmarshal(in, &req); err != nil {
		return nil, refusal("reading a step of the build: %v", err)
	}
	result, array := req.AllowResultReturn, req.AllowResultArrayRef
	if !result || !array || req.Final {
		// Final would make it the result without LLBBridge/Return.
		req.AllowResultReturn, req.AllowResultArrayRef, req.Final = true, true, false
		var err error
		if in, err = proto.Marshal(&req); err != nil {
			return nil, err
		}
	}
	out, err := call(ctx, in)
	if err != nil {
		return nil, err
	}
	var resp gwpb.SolveResponse
	if err := proto.Unmarshal(out, &resp); err != nil {
		return nil, refusal("reading BuildKit's answer: %v", err)
	}
	b.remember(resp.Result)
	if result && array {
		return out, nil
	}
	resp.Ref = ""
	if !result {
		resp.Ref = resp.Result.GetRef().GetId()
	}
	if !array {
		switch r := resp.Result.GetResult().(type) {
		case *gwpb.Result_Ref:
			resp.Result.Result = &gwpb.Result_RefDeprecated{RefDeprecated: r.Ref.GetId()}
		case *gwpb.Result_Refs:
			ids := map[string]string{}
			for k, ref := range r.Refs.GetRefs() {
				ids[k] = ref.GetId()
			}
			resp.Result.Result = &gwpb.Result_RefsDeprecated{RefsDeprecated: &gwpb.RefMapDeprecated{Refs: ids}}
		}
	}
	return proto.Marshal(&resp)
}

// references lists those of a result: its files, and what is attached to it.
func references(r *gwpb.Result) (refs []*gwpb.Ref) {
	switch x := r.GetResult().(type) {
	case *gwpb.Result_Ref:
		refs = append(refs, x.Ref)
	case *gwpb.Result_Refs:
		for _, k := range slices.Sorted(maps.Keys(x.Refs.GetRefs())) { // the same each time
			refs = append(refs, x.Refs.GetRefs()[k])
		}
	case *gwpb.Result_RefDeprecated:
		refs = append(refs, &gwpb.Ref{Id: x.RefDeprecated})
	case *gwpb.Result_RefsDeprecated:
		for _, k := range slices.Sorted(maps.Keys(x.RefsDeprecated.GetRefs())) {
			refs = append(refs, &gwpb.Ref{Id: x.RefsDeprecated.GetRefs()[k]})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.GetAttestations())) {
		for _, x := range r.GetAttestations()[k].GetAttestation() {
			if x.GetRef() != nil {
				refs = append(refs, x.Ref)
			}
		}
	}
	return refs
}

func (b *build) remember(r *gwpb.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ref := range references(r) {
		if ref.GetId() != "" && ref.Def != nil {
			b.defs[ref.Id] = ref.Def
		}
	}
}

// bridgeReturn is the gate itself.
func (g *Gate) bridgeReturn(ctx context.Context, id string, in []byte, call caller) ([]byte, error) {
	b := g.build(id)
	if b == nil {
		return nil, refusal("a result of a build that has not gone through the gate")
	}
	var req gwpb.ReturnRequest
	if err := proto.Unmarshal(in, &req); err != nil {
		return nil, refusal("reading the build's result: %v", err)
	}
	if req.Error != nil {
		return call(ctx, in)
	}
	if err := g.judge(ctx, b, req.Result); err != nil {
		in, merr := proto.Marshal(&gwpb.ReturnRequest{Error: status.Convert(err).Proto()})
		if merr != nil {
			return nil, merr
		}
		return call(ctx, in)
	}
	if g.o.Attest {
		var err error
		if in, err = proto.Marshal(&req); err != nil {
			return nil, err
		}
	}
	return call(ctx, in)
}

// judge scans a result. An error says why it must not be exported.
func (g *Gate) judge(ctx context.Context, b *build, r *gwpb.Result) error {
	if lateSBOM(b.req.GetFrontendAttrs(), len(r.GetAttestations())) && len(references(r)) > 0 && references(r)[0].GetId() != "" {
		return refusal("BuildKit would make an SBOM of this result when it is too late to look at it: build without --sbom, or with the Dockerfile frontend")
	}
	rep, err := g.scan(ctx, b, r)
	var own *buildError
	if errors.As(err, &own) {
		return own.error
	}
	if err != nil {
		if ctx.Err() != nil {
			return status.FromContextError(ctx.Err()).Err()
		}
		if g.o.LetThrough {
			g.tell(&report.Check{Gaps: []report.Gap{{Kind: report.GapUnreadable, Reason: "the build could not be scanned, and is let through as asked: " + err.Error()}}})
			return nil
		}
		return notScanned(err)
	}
	g.tell(rep)
	v := rep.Verdict(g.threshold())
	if g.stops(v) {
		return stopped(rep)
	}
	if g.o.Attest && v == 0 {
		if err := g.attest(ctx, b, r, rep); err != nil {
			return refusal("%v", err)
		}
	}
	return nil
}

// stops says whether a verdict keeps a result from being exported.
func (g *Gate) stops(v report.Verdict) bool {
	return v&report.Leaks != 0 || v&report.Incomplete != 0 && !g.o.LetThrough
}

// notScanned is the refusal of a result that could not be looked at.
func notScanned(err error) error {
	return refusal("the build could not be scanned, so nothing is exported: %v", err)
}

func (g *Gate) tell(rep *report.Check) {
	if g.o.Told != nil {
		g.o.Told(rep)
	}
}

// refusal is an error for what the gate does not let through.
func refusal(format string, args ...any) error {
	return status.Error(codes.FailedPrecondition, "leakscan: "+fmt.Sprintf(format, args...))
}

// maxTold bounds the problems in an error: a step can write thousands of files.
const maxTold = 20

// stopped is the error that a build with a leak ends with: the whole report, in
// plain text.
func stopped(rep *report.Check) error {
	var text strings.Builder
	if n := len(rep.Problems); n > maxTold {
		short := *rep
		short.Problems = slices.Clone(rep.Problems)
		slices.SortStableFunc(short.Problems, func(a, b report.Problem) int { return b.Severity.Rank() - a.Severity.Rank() })
		short.Problems = short.Problems[:maxTold]
		short.Notes = append(slices.Clone(rep.Notes), report.Note{Text: fmt.Sprintf("there are %d problems: the %d worst are shown", n, maxTold)})
		rep = &short
	}
	if err := report.WriteCheckText(&text, rep, report.TextOptions{Width: 100}); err != nil {
		return errors.Join(refusal("secrets were found"), err)
	}
	return status.Error(codes.FailedPrecondition, "leakscan: nothing is exported\n\n"+text.String())
}
