// Package report is what a scan says: findings, gaps and the verdict that
// follows from them, and the formats they are written in.
//
// A report holds no secret. The one field that shows something of a secret is
// a [Preview], which can only be made from a value that redacts itself. What
// was not read is part of the report as a [Gap], so that "no findings" and
// "nothing was looked at" can't be mistaken for each other.
//
// A report of the same input is the same, byte for byte, however many workers
// made it: it holds no time and no duration in its JSON form.
package report

import (
	"cmp"
	"encoding/json"
	"time"
)

// SchemaID names the version of the JSON form; schema.json describes it. The
// number rises when a field changes its meaning or goes away, not when one is
// added.
const SchemaID = "leakscan.report/1"

// Report is the result of scanning one or more images. See the package
// comment for what it promises.
type Report struct {
	Schema   string    `json:"schema"`
	Tool     Tool      `json:"tool"`
	Complete bool      `json:"complete"` // every byte was read, verified and scanned: Gaps is empty
	Images   []Image   `json:"images"`
	Findings []Finding `json:"findings"` // most severe first; see [Report.Sort]
	Gaps     []Gap     `json:"gaps"`
	Notes    []Note    `json:"notes"`
	Stats    Stats     `json:"stats"`
}

// Tool says what made the report.
type Tool struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	Rules       int    `json:"rules"`       // how many rules ran
	RulesDigest string `json:"rulesDigest"` // sha256 of the rule set
}

// Image is one scanned image: one platform of one reference.
type Image struct {
	Reference    string  `json:"reference"`          // as the user wrote it
	Name         string  `json:"name,omitempty"`     // the name inside the archive or daemon, where it differs
	Source       Source  `json:"source"`             // where it was read from
	Platform     string  `json:"platform,omitempty"` // os/arch[/variant], from the config
	Digest       string  `json:"digest,omitempty"`   // of the manifest; empty where the source has none
	ConfigDigest string  `json:"configDigest,omitempty"`
	Layers       []Layer `json:"layers"` // lowest first
}

// Source is the place an image was read from.
type Source struct {
	Kind   string    `json:"kind"`            // docker, podman, containerd, registry, docker-archive, oci-archive, oci-dir, dir, file
	Detail string    `json:"detail"`          // the socket, host or path
	Tried  []Attempt `json:"tried,omitempty"` // sources that were asked first and had nothing
}

// Attempt is a source that was asked for an image and could not give it.
type Attempt struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// Layer is one layer of an image, for the strip at the end of the text report.
type Layer struct {
	Index       int    `json:"index"`                 // 1 is the lowest
	Digest      string `json:"digest,omitempty"`      // of the blob as stored
	DiffID      string `json:"diffID,omitempty"`      // of the blob decompressed
	Codec       string `json:"codec,omitempty"`       // none, gzip, zstd, bzip2, xz; empty: not read
	Size        int64  `json:"size"`                  // bytes as stored
	Bytes       int64  `json:"bytes"`                 // bytes decompressed
	Files       int64  `json:"files"`                 // regular files
	Instruction string `json:"instruction,omitempty"` // the history entry that made it
	Findings    int    `json:"findings"`              // findings with a location in this layer
	Base        bool   `json:"base,omitempty"`        // it is one of the base image's
}

// Finding is one secret. The same secret in many places is one finding with
// many locations.
type Finding struct {
	Rule        string     `json:"rule"`  // the rule's ID
	Title       string     `json:"title"` // a few words: "GitHub personal access token"
	Description string     `json:"description"`
	Severity    Severity   `json:"severity"`
	Confidence  Confidence `json:"confidence"`
	Secret      Preview    `json:"secret"`           // redacted
	Key         string     `json:"key,omitempty"`    // the name it is assigned to, where there is one: AWS_SECRET_ACCESS_KEY
	Fingerprint string     `json:"fingerprint"`      // of the first location: rule + path + truncated hash of the secret; survives a rebuild
	Info        string     `json:"info,omitempty"`   // why it is of severity info: "a placeholder"
	Note        string     `json:"note,omitempty"`   // what else is known: "it expires on 2027-01-31"
	Fix         string     `json:"fix"`              // what to do about it, in one or two sentences
	Revoke      string     `json:"revoke,omitempty"` // how to make it worthless
	Locations   []Location `json:"locations"`        // at least one
}

// Location is one place where a secret lies.
type Location struct {
	Image       int       `json:"image"` // index into Report.Images
	Place       Place     `json:"place"`
	Path        string    `json:"path"`                  // path in the layer, or the field: "Env[3]", "history[7].created_by"
	Line        int       `json:"line,omitempty"`        // from 1; 0 where lines mean nothing
	Column      int       `json:"column,omitempty"`      // from 1, in bytes
	Offset      int64     `json:"offset"`                // of the secret in the file or field, in bytes
	Encodings   []string  `json:"encodings,omitempty"`   // what it has to be decoded from, the outermost first: base64, hex, percent, …; line, column and offset are those of the encoded text
	Layer       *LayerRef `json:"layer,omitempty"`       // nil for places that are in no layer
	Instruction string    `json:"instruction,omitempty"` // the history entry that put it there, also where that made no layer: ENV, LABEL
	Fate        Fate      `json:"fate"`
	FateLayer   int       `json:"fateLayer,omitempty"` // index of the layer that deleted, overwrote or hid it
	Fingerprint string    `json:"fingerprint"`
	Extract     string    `json:"extract,omitempty"` // the command that shows it

	Base       bool         `json:"base,omitempty"`       // it is of the base image; see [Report.MarkBase]
	Suppressed *Suppression `json:"suppressed,omitempty"` // nil: it counts
}

// LayerRef says which layer of an image, in a location.
type LayerRef struct {
	Index       int    `json:"index"` // from 1, the lowest; 0: not known
	Of          int    `json:"of"`    // how many layers the image has
	Digest      string `json:"digest,omitempty"`
	DiffID      string `json:"diffID,omitempty"`
	Instruction string `json:"instruction,omitempty"`
}

// Place is the kind of place a secret lies in.
type Place string

// The places of an image.
const (
	PlaceFile        Place = "file"        // the contents of a file in a layer
	PlaceFileName    Place = "file-name"   // the name of an entry
	PlaceLinkTarget  Place = "link-target" // the target of a symbolic or hard link
	PlaceHeader      Place = "header"      // a PAX record or extended attribute of an entry
	PlaceUnparsed    Place = "unparsed"    // layer bytes that no entry accounts for
	PlaceConfig      Place = "config"      // the image config, history apart
	PlaceHistory     Place = "history"     // a history entry of the config
	PlaceAnnotation  Place = "annotation"  // the manifest or index, annotations and all
	PlaceAttestation Place = "attestation" // provenance or SBOM attached to the image
)

// Fate is what became of a location in the layers above.
type Fate string

// The fates. Whatever the fate, the bytes can be downloaded.
const (
	FatePresent     Fate = "present"     // visible in the final image
	FateOverwritten Fate = "overwritten" // a later layer (or a later entry) has another file there
	FateDeleted     Fate = "deleted"     // a whiteout in a later layer removes it
	FateOpaque      Fate = "opaque"      // an opaque directory in a later layer hides it
	FateUnknown     Fate = "unknown"     // the blob belongs to no image that could be read
)

// Gap is something that was not read, not verified or not scanned.
type Gap struct {
	Image  *int      `json:"image,omitempty"` // index into Report.Images, where it belongs to one
	Kind   GapKind   `json:"kind"`
	Blob   string    `json:"blob,omitempty"` // digest, or name in the archive
	Path   string    `json:"path,omitempty"` // entry in the blob
	Reason string    `json:"reason"`
	Tried  []Attempt `json:"tried,omitempty"` // for an image that could not be opened: what each source said
	Bytes  int64     `json:"bytes,omitempty"` // how many bytes were not read, where known
	Hint   string    `json:"hint,omitempty"`  // what to do about it
	Frame  string    `json:"frame,omitempty"` // the lines that it is about, in BuildKit's form, without secrets
}

// GapKind classes gaps.
type GapKind string

// The kinds of gap.
const (
	GapMissing     GapKind = "missing"     // a blob or file could not be had at all
	GapUnreadable  GapKind = "unreadable"  // it was had, but can't be decoded
	GapTruncated   GapKind = "truncated"   // it ends before its end
	GapUnverified  GapKind = "unverified"  // digest, size or diffID differ, or can't be computed
	GapLimit       GapKind = "limit"       // a cap of ours was reached
	GapInterrupted GapKind = "interrupted" // the scan was stopped
)

// Note is something a reader should know that leaves nothing unread.
type Note struct {
	Image *int   `json:"image,omitempty"`
	Text  string `json:"text"`
}

// Stats counts what was read.
type Stats struct {
	Images    int   `json:"images"`
	Layers    int   `json:"layers"`    // over all images, shared ones counted once an image
	Blobs     int   `json:"blobs"`     // distinct blobs that were read
	BlobBytes int64 `json:"blobBytes"` // their size as stored
	Bytes     int64 `json:"bytes"`     // their size decompressed
	Files     int64 `json:"files"`     // regular files in them
	Entries   int64 `json:"entries"`   // all entries in them
	Packed    int64 `json:"packed"`    // files that are archives or compressed, and could not be unpacked to their end: scanned as they are
	Unpacked  int64 `json:"unpacked"`  // that were unpacked to their end
	Inside    int64 `json:"inside"`    // bytes that came out of both
	Locations int   `json:"locations"`

	Elapsed time.Duration `json:"-"` // not in the JSON form, so that equal scans give equal bytes
}

// Severity is what the secret would open.
type Severity string

// The severities, lowest first.
const (
	SeverityInfo     Severity = "info" // known to be harmless: a placeholder, an example; never a leak
	SeverityLow      Severity = "low"
	SeverityMedium   Severity = "medium"
	SeverityHigh     Severity = "high"
	SeverityCritical Severity = "critical"
)

// Rank orders severities: 1 for low to 4 for critical, -1 for info, 0 for
// anything else.
func (s Severity) Rank() int {
	switch s {
	case SeverityInfo:
		return -1
	case SeverityLow:
		return 1
	case SeverityMedium:
		return 2
	case SeverityHigh:
		return 3
	case SeverityCritical:
		return 4
	}
	return 0
}

// Confidence is how sure the rule is that it is a secret at all.
type Confidence string

// The confidences, lowest first.
const (
	ConfidenceLow    Confidence = "low"
	ConfidenceMedium Confidence = "medium"
	ConfidenceHigh   Confidence = "high"
)

// Rank orders confidences: 1 for low to 3 for high, 0 for anything else.
func (c Confidence) Rank() int {
	switch c {
	case ConfidenceLow:
		return 1
	case ConfidenceMedium:
		return 2
	case ConfidenceHigh:
		return 3
	}
	return 0
}

// Threshold says from what on a finding is a leak: what a gate stops for. The
// zero value is what a careful person would want to stop for: medium and
// medium.
type Threshold struct {
	Severity   Severity   // "": medium; "never": nothing is
	Confidence Confidence // "": medium
	Base       Severity   // in place of Severity for what is all of the base image; "": the same
}

// leak reports whether a finding is one: see Reached. What is suppressed is none.
func (t Threshold) leak(f *Finding) bool {
	if t.Base != "" && f.Inherited() {
		t.Severity = t.Base
	}
	return !f.Suppressed() && t.Reached(f.Severity, f.Confidence)
}

// Reached reports whether a finding of this severity and confidence is a leak.
// One that is not rated might be the worst, and is.
func (t Threshold) Reached(s Severity, c Confidence) bool {
	if t.Severity == "never" || s == SeverityInfo {
		return false
	}
	severity, confidence := s.Rank(), c.Rank()
	return (severity == 0 || severity >= cmp.Or(t.Severity, SeverityMedium).Rank()) &&
		(confidence == 0 || confidence >= cmp.Or(t.Confidence, ConfidenceMedium).Rank())
}

// Preview is what may be shown of a secret. Its zero value shows nothing.
type Preview struct{ text string }

// PreviewOf asks a secret for its own redacted form. Only a type that knows
// how to redact itself has a Preview method, so a string can't become one by
// mistake.
func PreviewOf(secret interface{ Preview() string }) Preview {
	return Preview{secret.Preview()}
}

func (p Preview) String() string { return p.text }

// MarshalJSON writes the redacted text as a JSON string.
func (p Preview) MarshalJSON() ([]byte, error) { return json.Marshal(p.text) }

// UnmarshalJSON reads the redacted text back.
func (p *Preview) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &p.text) }

// Verdict is the outcome of a scan as bits; its value is the exit code.
type Verdict int

// The bits of a verdict. 0 means clean and complete.
const (
	Leaks      Verdict = 1
	Incomplete Verdict = 2
)

// Verdict says whether a finding reaches the threshold, and whether something
// was left unread.
func (r *Report) Verdict(t Threshold) Verdict {
	var v Verdict
	if !r.Complete || len(r.Gaps) > 0 {
		v |= Incomplete
	}
	for i := range r.Findings {
		if t.leak(&r.Findings[i]) {
			return v | Leaks
		}
	}
	return v
}
