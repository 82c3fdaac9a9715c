package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/report"
)

// RunGenerator makes this process a generator of SBOMs for BuildKit
// (--attest type=sbom,generator=IMAGE), by the protocol of
// docs/attestations/sbom-protocol.md there: it scans the files of the result
// and of the stages beside it, and fails the build at a leak. What deleted files
// held it can't see. The document that it has to write says that leakscan has
// looked, and lists no packages.
func RunGenerator(ctx context.Context, o Options, getenv func(string) string) error {
	g, err := scanning(o)
	if err != nil {
		return err
	}
	refs := []string{"dir:" + getenv("BUILDKIT_SCAN_SOURCE")}
	if extras := getenv("BUILDKIT_SCAN_SOURCE_EXTRAS"); extras != "" {
		entries, err := os.ReadDir(extras)
		if err != nil {
			return err
		}
		for _, e := range entries {
			refs = append(refs, "dir:"+filepath.Join(extras, e.Name()))
		}
	}
	rep, err := leakscan.Scan(ctx, refs, leakscan.Options{Rules: g.o.Rules, Version: g.o.Version})
	if err != nil {
		return err
	}
	if g.stops(rep.Verdict(g.threshold())) {
		var text strings.Builder
		if err := report.WriteText(&text, rep, report.TextOptions{Width: 100}); err != nil {
			return err
		}
		return fmt.Errorf("nothing is exported\n\n%s", text.String())
	}
	document := map[string]any{
		"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
		"predicate": map[string]any{
			"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "leakscan",
			"documentNamespace": "https://github.com/leakscan/leakscan/spdx/" + g.o.Rules.Digest(),
			"creationInfo":      map[string]any{"created": "1970-01-01T00:00:00Z", "creators": []string{"Tool: leakscan-" + g.o.Version}},
			"comment":           "Scanned for secrets: none were found. This document lists no packages.",
			"packages":          []any{},
		},
	}
	b, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(getenv("BUILDKIT_SCAN_DESTINATION"), "leakscan.spdx.json"), b, 0o644)
}
