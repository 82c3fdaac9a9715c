package gate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/client/llb"
	gwpb "github.com/moby/buildkit/frontend/gateway/pb"

	"github.com/leakscan/leakscan/report"
)

// testResult is the predicate type of an attestation that an image has passed a
// test: https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
const testResult = "https://in-toto.io/attestation/test-result/v0.1"

// platforms is where BuildKit's frontends say which platforms a result has.
const platforms = "refs.platforms"

// attest adds to a clean result that leakscan has looked at it. BuildKit makes
// the manifest's digest its subject.
func (g *Gate) attest(ctx context.Context, b *build, r *gwpb.Result, rep *report.Check) error {
	var p struct{ Platforms []struct{ ID string } }
	if err := json.Unmarshal(r.GetMetadata()[platforms], &p); err != nil || len(p.Platforms) == 0 {
		return nil // nothing that could have one: an answer, or files without an image
	}
	predicate, err := json.Marshal(map[string]any{
		"result":        "PASSED",
		"configuration": []any{map[string]any{"name": "leakscan rules", "digest": map[string]string{"sha256": g.o.Rules.Digest()}}},
		"passedTests":   []string{"no secrets in layers", "no secrets in the config and history", "no secrets of the build kept"},
		"scanner":       map[string]any{"name": "leakscan", "version": g.o.Version, "files": rep.Stats.ContextFiles, "instructions": rep.Stats.Instructions},
	})
	if err != nil {
		return err
	}
	const file = "leakscan.json"
	def, err := llb.Scratch().File(llb.Mkfile("/"+file, 0o644, predicate), llb.WithCustomName("[leakscan] attest")).Marshal(ctx)
	if err != nil {
		return err
	}
	res, err := gwpb.NewLLBBridgeClient(g.up).Solve(b.bridgeContext(ctx), &gwpb.SolveRequest{Definition: def.ToPB(), AllowResultReturn: true, AllowResultArrayRef: true, Evaluate: true})
	if err != nil {
		return fmt.Errorf("attaching the attestation: %w", err)
	}
	if r.Attestations == nil {
		r.Attestations = map[string]*gwpb.Attestations{}
	}
	for _, p := range p.Platforms {
		a := r.Attestations[p.ID]
		if a == nil {
			a = &gwpb.Attestations{}
			r.Attestations[p.ID] = a
		}
		a.Attestation = append(a.Attestation, &gwpb.Attestation{Kind: gwpb.AttestationKind_InToto, Path: file, InTotoPredicateType: testResult,
			Ref:            &gwpb.Ref{Id: res.Result.GetRef().GetId()},
			InTotoSubjects: []*gwpb.InTotoSubject{{Kind: gwpb.InTotoSubjectKind_Self}}})
	}
	return nil
}
