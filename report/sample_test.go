package report

import (
	"fmt"
	"strings"
	"time"
)

// redacted stands for detect.Secret: a value that knows its own preview.
type redacted string

func (r redacted) Preview() string { return string(r) }

func digest(n int) string {
	return "sha256:" + strings.Repeat(fmt.Sprintf("%02x%02x%02x%02x", 17*n%256, 31*n%256, 73*n%256, 151*n%256), 8)
}

func index(n int) *int { return &n }

// hostile is what an attacker would call a file: it clears the screen, forges a
// line, turns the reading direction, closes a script and commands a CI system.
const hostile = "app/\x1b[2J\x1b]0;owned\a\r\nno secrets found\u202egnp.\u2066\u200bx\u2028</script>&##[add-mask]x\x80\xff\U000e0041 \\x41"

// sample is a report with everything in it, in no order.
func sample() *Report {
	ref := func(index int) *LayerRef {
		return &LayerRef{Index: index, Of: 4, Digest: digest(index), DiffID: digest(index + 10), Instruction: fmt.Sprintf("COPY step%d /app # buildkit", index)}
	}
	long := "usr/local/share/" + strings.Repeat("very-long-directory-name/", 12) + "credentials.json"
	r := &Report{
		Schema: SchemaID,
		Tool:   Tool{Name: "leakscan", Version: "0.1.0", Rules: 212, RulesDigest: digest(99)},
		Images: []Image{
			{
				Reference: "myapp:1.4", Name: "docker.io/library/myapp:1.4", Platform: "linux/amd64",
				Source: Source{Kind: "docker", Detail: "unix:///var/run/docker.sock", Tried: []Attempt{
					{"podman", "no socket at /run/user/1000/podman/podman.sock"},
				}},
				Digest: digest(50), ConfigDigest: digest(51),
				Layers: []Layer{
					{1, digest(1), digest(11), "gzip", 29_126_484, 74_801_152, 3391, "ADD rootfs.tar.xz / # buildkit", 0, false},
					{2, digest(2), digest(12), "zstd", 1_203, 4_096, 2, "COPY .env credentials.json /app/ # buildkit", 4, false},
					{3, digest(3), digest(13), "gzip", 312, 1_024, 0, "RUN /bin/sh -c set -eux; rm /app/.env; apt-get update && apt-get install -y --no-install-recommends curl ca-certificates # buildkit", 1, false},
					{4, digest(4), "", "", 912_034_112, 0, 0, "COPY --from=build /out \t/out\n::error::forged # buildkit", 0, false},
				},
			},
			{
				Reference: "myapp:1.4", Platform: "linux/arm64",
				Source: Source{Kind: "registry", Detail: "ghcr.io"}, Digest: digest(60), ConfigDigest: digest(61),
				Layers: []Layer{
					{1, digest(1), digest(1), "none", 1_000_000, 1_000_000, 12, "", 1, false},
				},
			},
			{
				Reference: "./evil\x1b[31m.tar", Source: Source{Kind: "oci-archive", Detail: "./evil\x1b[31m.tar", Tried: []Attempt{{"docker", "no such image:\n::error::forged"}}},
				Layers: []Layer{},
			},
		},
		Findings: []Finding{
			{
				Rule: "generic-api-key", Title: "API key", Description: "Something that looks like a key is assigned to a name that says so.",
				Severity: SeverityMedium, Confidence: ConfidenceLow, Secret: PreviewOf(redacted("8f3a…(40 characters)")), Key: "SERVICE_\x1bTOKEN",
				Fix: "Rotate it, and mount it with RUN --mount=type=secret.",
				Locations: []Location{
					{Image: 1, Place: PlaceAttestation, Path: "predicate.buildDefinition.externalParameters.request.args[\"build-arg:TOKEN\"]", Offset: 9, Fate: FatePresent, Fingerprint: "generic-api-key:attestation:01"},
					{Image: 1, Place: PlaceAnnotation, Path: "annotations[\"org.example.\u202etoken\"]", Fate: FatePresent, Fingerprint: "generic-api-key:annotation:01"},
				},
			},
			{
				Rule: "aws-access-token", Title: "AWS access token", Severity: SeverityCritical, Confidence: ConfidenceHigh,
				Description: "An AWS access key ID with its secret key. Whoever has the pair can act as the user or role that it belongs to, until it is revoked.",
				Secret:      PreviewOf(redacted("AKIA…(20 characters)")), Key: "AWS_ACCESS_KEY_ID",
				Fix: "Revoke the key in IAM and look through CloudTrail for its use. Then mount it: RUN --mount=type=secret,id=aws,target=/root/.aws/credentials.",
				Locations: []Location{
					{Image: 0, Place: PlaceHistory, Path: "history[7].created_by", Offset: 44, Fate: FatePresent, Fingerprint: "aws-access-token:history:aa", Extract: "leakscan extract myapp:1.4 history:7"},
					{Image: 0, Place: PlaceFile, Path: "/app/.env", Line: 3, Column: 11, Offset: 61, Layer: ref(2), Fate: FateDeleted, FateLayer: 3, Fingerprint: "aws-access-token:/app/.env:aa", Extract: "leakscan extract myapp:1.4 2:/app/.env"},
					{Image: 0, Place: PlaceConfig, Path: "Env[3]", Offset: 18, Fate: FatePresent, Fingerprint: "aws-access-token:Env:aa", Extract: "leakscan extract myapp:1.4 config:Env[3]"},
					{Image: 1, Place: PlaceFile, Path: "/app/.env", Line: 3, Column: 11, Offset: 61, Layer: &LayerRef{Index: 1, Of: 1, Digest: digest(1), DiffID: digest(1)}, Fate: FatePresent, Fingerprint: "aws-access-token:/app/.env:aa"},
				},
			},
			{
				Rule: "gcp-service-account", Title: "Google Cloud service account key", Severity: SeverityHigh, Confidence: ConfidenceHigh,
				Description: "A private key of a service account.", Secret: PreviewOf(redacted("-----BEGIN PRIVATE KEY-----…(1704 characters)")),
				Fix: "Delete the key.",
				Locations: []Location{
					{Image: 0, Place: PlaceFile, Path: long, Line: 5, Column: 20, Offset: 301, Layer: ref(2), Fate: FateOverwritten, FateLayer: 3, Fingerprint: "gcp-service-account:long:bb", Extract: "leakscan extract myapp:1.4 2:/" + long},
				},
			},
			{
				Rule: "github-pat", Title: "GitHub personal access token", Severity: SeverityHigh, Confidence: ConfidenceMedium,
				Description: "It opens \x1b[1mevery\x1b[0m repository of its owner.", Secret: PreviewOf(redacted("ghp_…(40 characters)")), Fix: "Revoke it.",
				Locations: []Location{
					{Image: 0, Place: PlaceFile, Path: hostile, Offset: 1_048_576, Layer: &LayerRef{Of: 4, DiffID: digest(12), Instruction: "RUN <<EOF\nmake\n::stop-commands::x\nEOF"}, Fate: FateOpaque, FateLayer: 3, Fingerprint: "github-pat:hostile:cc", Extract: `leakscan extract myapp:1.4 $'2:/app/\x1b[2J'`},
					{Image: 0, Place: PlaceFileName, Path: "app/token-ghp_…", Layer: ref(2), Fate: FatePresent, Fingerprint: "github-pat:name:cc"},
					{Image: 0, Place: PlaceLinkTarget, Path: "app/link", Layer: ref(2), Fate: FateOverwritten, Fingerprint: "github-pat:link:cc"},
					{Image: 0, Place: PlaceHeader, Path: "app/attr", Layer: ref(2), Fate: FateDeleted, FateLayer: 2, Fingerprint: "github-pat:header:cc"},
					{Image: 0, Place: PlaceUnparsed, Path: "", Offset: 4_000, Layer: ref(3), Fate: FatePresent, Fingerprint: "github-pat:unparsed:cc"},
				},
			},
			{
				Rule: "npm-token", Title: "npm token", Severity: SeverityLow, Confidence: ConfidenceHigh,
				Description: "It publishes packages.", Secret: PreviewOf(redacted("npm_…(40 characters)")), Fix: "Revoke it.",
			},
		},
		Gaps: []Gap{
			{Kind: GapInterrupted, Reason: "interrupted"},
			{Image: index(0), Kind: GapLimit, Blob: digest(2), Path: "app/" + hostile, Reason: "more than 64 nested directories", Hint: `leakscan --max-depth 0 'a\nb'`},
			{Image: index(2), Kind: GapTruncated, Blob: "blobs/sha256/aa", Reason: "unexpected EOF after 12 of 4096 bytes\x1b[0m", Bytes: 4_084},
			{Image: index(0), Kind: GapMissing, Blob: digest(4), Reason: "the registry answered 404 Not Found for this blob, and no other source has it", Bytes: 912_034_112, Hint: "pull the image again, or name another source with --source"},
			{Image: index(0), Kind: GapUnverified, Blob: digest(3), Reason: "its bytes have another digest"},
			{Image: index(0), Kind: GapUnreadable, Blob: digest(3), Path: "app/data.zst", Reason: "zstd: the window is too large"},
		},
		Notes: []Note{
			{Text: "The rule set is newer than this version of leakscan."},
			{Image: index(1), Text: "The manifest has a foreign layer that was fetched from \x1b]8;;http://evil\aelsewhere\x1b]8;;\a, which most clients do as well."},
		},
		Stats: Stats{Images: 3, Layers: 5, Blobs: 4, BlobBytes: 941_162_111, Bytes: 1_234_567_890, Files: 12_345, Entries: 13_000, Packed: 4, Locations: 26, Elapsed: 3210 * time.Millisecond},
	}
	// One finding in more places than the text report lists.
	for i := range 14 {
		r.Findings[4].Locations = append(r.Findings[4].Locations, Location{
			Image: 0, Place: PlaceFile, Path: fmt.Sprintf("srv/node_modules/%s/.npmrc", strings.Repeat("p", 1+i*9)), Line: 1, Column: 42, Offset: 41, Layer: ref(1), Fate: FatePresent,
			Fingerprint: fmt.Sprintf("npm-token:%02d", i),
		})
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Fingerprint == "" {
			f.Fingerprint = f.Locations[0].Fingerprint
		}
	}
	r.Sort()
	return r
}

// cleanSample is a complete report of one image without a finding.
func cleanSample() *Report {
	return &Report{
		Schema:   SchemaID,
		Tool:     Tool{Name: "leakscan", Version: "0.1.0", Rules: 212, RulesDigest: digest(99)},
		Complete: true,
		Images: []Image{{
			Reference: "myapp:1.5", Platform: "linux/amd64", Digest: digest(1),
			Source: Source{Kind: "docker", Detail: "unix:///var/run/docker.sock"},
			Layers: []Layer{{Index: 1, Codec: "gzip", Size: 1000, Bytes: 3000, Files: 1}},
		}},
		Stats: Stats{Images: 1, Layers: 9, Blobs: 9, Bytes: 1_234_567_890, Files: 12_345},
	}
}
