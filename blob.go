package leakscan

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// BlobResult is what one blob holds, whatever image it belongs to. It is a
// pure function of the blob's bytes, the rules and the engine, and can be
// stored: it has no secret in it.
type BlobResult struct {
	Summary  layerwalk.Summary   `json:"summary"`
	Matches  []BlobMatch         `json:"matches"`
	Gaps     []layerwalk.Problem `json:"gaps"`
	Ledger   *layerwalk.Ledger   `json:"ledger"` // what it does to the paths below
	Files    int64               `json:"files"`
	Entries  int64               `json:"entries"`
	Packed   int64               `json:"packed"`   // files that are compressed or archives, and were not unpacked to their end
	Unpacked int64               `json:"unpacked"` // that were
	Inside   int64               `json:"inside"`   // bytes that came out of both
	Publics  []BlobPublic        `json:"publics,omitempty"`
}

// BlobMatch is a secret in a blob.
type BlobMatch struct {
	Rule       string            `json:"rule"`
	Secret     string            `json:"secret"`  // identity, by the scanner's key: equal secrets have equal ones
	Short      uint32            `json:"short"`   // 24 bits of a plain hash, for fingerprints
	Redacted   string            `json:"preview"` //
	Key        string            `json:"key,omitempty"`
	Severity   report.Severity   `json:"severity"`
	Confidence report.Confidence `json:"confidence"`
	Info       string            `json:"info,omitempty"` // why it is of severity info
	Note       string            `json:"note,omitempty"`
	Public     string            `json:"public,omitempty"` // see detect.Match
	Place      report.Place      `json:"place"`
	Path       string            `json:"path"`
	Line       int               `json:"line,omitempty"`
	Column     int               `json:"column,omitempty"`
	Offset     int64             `json:"offset"`
	Encodings  []string          `json:"encodings,omitempty"`  // see report.Location
	Superseded bool              `json:"superseded,omitempty"` // a later entry of the same blob has the same path
	Inside     string            `json:"inside,omitempty"`     // the end of Path, if it is in an archive: see layerwalk.Inside
}

// File is the path of the file in the layer, which may be an archive.
func (m *BlobMatch) File() string { return strings.TrimSuffix(m.Path, m.Inside) }

// BlobPublic is a public key or certificate in a file of a blob.
type BlobPublic struct {
	detect.PublicKey
	Path string `json:"path"`
}

// Preview shows the secret redacted.
func (m BlobMatch) Preview() string { return m.Redacted }

// ScanBlob scans one blob.
func ScanBlob(ctx context.Context, b *layerwalk.Blob, s *detect.Scanner, o layerwalk.ReadOptions) *BlobResult {
	return scanBlob(ctx, b, s, o, nil, nil)
}

// Tap sees what is scanned: a file's path and its bytes; inside is the end of the
// path from where it is one in an archive, or "". What it returns is scanned in the
// place of the bytes, to its end; nil leaves the file out. It is also given the texts
// that are no files: names, link targets, headers, and the fields of documents, with
// their names. The files in an archive are given while the archive itself is read,
// by another goroutine.
type Tap func(place report.Place, path, inside string, r io.Reader) io.Reader

// ScanBlobTap is ScanBlob with somebody who looks on.
func ScanBlobTap(ctx context.Context, b *layerwalk.Blob, s *detect.Scanner, o layerwalk.ReadOptions, tap Tap) *BlobResult {
	return scanBlob(ctx, b, s, o, nil, tap)
}

func scanBlob(ctx context.Context, b *layerwalk.Blob, s *detect.Scanner, o layerwalk.ReadOptions, v *Vault, tap Tap) *BlobResult {
	w := &blobScan{ctx: ctx, scanner: s, vault: v, tap: tap, memory: o.Unpack, res: &BlobResult{Ledger: &layerwalk.Ledger{}}, at: map[string][]int{}}
	r := b.Read(ctx, o)
	w.walk(ctx, r)
	w.res.Summary = r.Summary()
	w.res.Ledger.Seal()
	return w.res
}

// maxBlobMatches bounds what a blob made to be found can take of memory.
const maxBlobMatches = 100_000

// maxBlobPublics bounds the public keys of a blob, and publicSize how much of a
// file is looked at for them.
const (
	maxBlobPublics = 10_000
	publicSize     = 64 << 10
)

type blobScan struct {
	ctx      context.Context
	memory   *layerwalk.Memory // of archives in the blob; nil: they are not unpacked
	unpacker layerwalk.Unpacker
	scanner  *detect.Scanner
	vault    *Vault
	tap      Tap    // nil: none
	outer    string // of files in an archive: the path of that
	res      *BlobResult
	at       map[string][]int // matches in the file of a path, to be superseded or linked to
	full     bool
	head     headReader
	public   firstBytes
}

// inArchive reports whether it is an archive in the blob that is scanned, which has
// no ledger.
func (w *blobScan) inArchive() bool { return w.res.Ledger == nil }

// inside is the end of a path, from where it is one in the archive that is scanned.
func (w *blobScan) inside(path string) string {
	if !w.inArchive() {
		return ""
	}
	return strings.TrimPrefix(path, w.outer)
}

// firstBytes keeps the first publicSize bytes that are written to it.
type firstBytes struct{ b []byte }

func (f *firstBytes) Write(p []byte) (int, error) {
	f.b = append(f.b, p[:min(len(p), publicSize-len(f.b))]...)
	return len(p), nil
}

func (w *blobScan) walk(ctx context.Context, r *layerwalk.Reader) {
	var cur string
	defer w.recovered(&cur)
	for e, err := range r.Entries() {
		if err != nil {
			var p *layerwalk.Problem
			errors.As(err, &p)
			w.gap(p)
			continue
		}
		if ctx.Err() != nil {
			w.gap(&layerwalk.Problem{Kind: layerwalk.Interrupted, Reason: "the scan was stopped before its end"})
			return
		}
		cur = e.Name
		w.entry(e)
	}
}

// recovered, deferred, makes a panic a gap: an image must not be able to end the
// scan of the others.
func (w *blobScan) recovered(cur *string) {
	if v := recover(); v != nil {
		w.gap(&layerwalk.Problem{Kind: layerwalk.Unreadable, Path: text(*cur), Reason: fmt.Sprintf("leakscan failed on it: %v", v), Hint: "this is a bug in leakscan: please report it"})
	}
}

func (w *blobScan) gap(p *layerwalk.Problem) {
	const most = 1000
	if len(w.res.Gaps) == most {
		w.res.Gaps = append(w.res.Gaps, layerwalk.Problem{Kind: layerwalk.Limit, Reason: fmt.Sprintf("more than %d problems: the rest are not listed", most)})
	}
	if len(w.res.Gaps) > most {
		return
	}
	q := *p
	q.Err = nil
	q.Path = text(q.Path)
	w.res.Gaps = append(w.res.Gaps, q)
}

// entry scans all of an entry that can hold a secret.
func (w *blobScan) entry(e *layerwalk.Entry) {
	if !w.inArchive() { // where nothing has a fate of its own
		w.res.Ledger.Add(e)
	}
	place := report.PlaceFile
	switch e.Type {
	case layerwalk.TypeField:
		w.field(e)
		return
	case layerwalk.TypeUnparsed:
		place = report.PlaceUnparsed
	case layerwalk.TypeHeader:
		for _, r := range e.Records {
			w.short(report.PlaceHeader, e.Name, []byte(r.Key+"="+r.Value))
		}
		w.header(e, len(w.res.Matches))
		return
	case layerwalk.TypeBlob:
		w.res.Files++
	default:
		w.res.Entries++
		before := len(w.res.Matches)
		w.name(e)
		switch e.Type {
		case layerwalk.TypeFile:
			w.supersede(e.Name)
			w.res.Files++
		case layerwalk.TypeWhiteout, layerwalk.TypeOpaque: // they act on the layers below only
			place = report.PlaceUnparsed
		case layerwalk.TypeSymlink:
			w.supersede(e.Name)
			w.short(report.PlaceLinkTarget, e.Name, []byte(e.Linkname))
		case layerwalk.TypeHardlink:
			w.supersede(e.Name)
			w.link(e)
		case layerwalk.TypeDevice:
			w.supersede(e.Name)
		}
		w.header(e, before)
	}
	if e.Size == 0 {
		// Rules about paths alone still apply.
		w.scan(place, e, bytes.NewReader(nil))
		return
	}
	w.head.reset(e)
	if w.tap != nil {
		if w.head.r = w.tap(place, e.Name, w.inside(e.Name), e); w.head.r == nil {
			return
		}
	}
	if place == report.PlaceFile && w.memory != nil && layerwalk.Packed(w.head.peek()) {
		w.archive(e)
		return
	}
	r := io.Reader(&w.head)
	public := place == report.PlaceFile && detect.MayHavePublicKey(e.Name)
	if public {
		w.public.b = w.public.b[:0]
		r = io.TeeReader(r, &w.public)
	}
	w.scan(place, e, r)
	if public {
		w.publics(e.Name)
	}
	if w.tap != nil {
		io.Copy(io.Discard, &w.head) // errors of reading are the walker's to report
	}
	if place == report.PlaceFile && w.head.packed() {
		w.res.Packed++
	}
}

// publics notes the public keys of a file that was read.
func (w *blobScan) publics(path string) {
	for _, k := range detect.PublicKeys(w.public.b) {
		if len(w.res.Publics) < maxBlobPublics {
			k.Name = text(k.Name)
			w.res.Publics = append(w.res.Publics, BlobPublic{k, text(path)})
		}
	}
}

func (w *blobScan) scan(place report.Place, e *layerwalk.Entry, r io.Reader) {
	for m, err := range w.scanner.Scan(e.Name, r) {
		if err != nil {
			w.failed(e, err)
			return
		}
		m.SecretOffset = e.Offset(m.SecretOffset)
		if !w.add(place, e.Name, &m) {
			return
		}
		if place == report.PlaceFile {
			w.at[e.Name] = append(w.at[e.Name], len(w.res.Matches)-1)
		}
	}
}

// failed notes why a scan ended. Errors of reading are the walker's to report.
func (w *blobScan) failed(e *layerwalk.Entry, err error) {
	var limit *detect.LimitError
	if errors.As(err, &limit) {
		w.gap(&layerwalk.Problem{Kind: layerwalk.Limit, Path: e.Name, Reason: fmt.Sprintf("more than %d secrets in it: what follows byte %d was not scanned", limit.Matches, limit.Offset), Bytes: max(0, e.Size-limit.Offset)})
	}
}

// field scans a string of a document. Its name is context for the rules, but
// no part of it.
func (w *blobScan) field(e *layerwalk.Entry) {
	if len(e.Prefix)+int(e.Size) < 8 {
		return // no rule matches so little, and documents of numbers have millions
	}
	r := io.Reader(e)
	prefix := int64(len(e.Prefix))
	if w.tap != nil {
		if r = w.tap(report.PlaceConfig, e.Name, "", e); r == nil {
			return
		}
	}
	if prefix > 0 {
		r = io.MultiReader(strings.NewReader(e.Prefix), r)
	}
	for m, err := range w.scanner.Scan("", r) {
		if err != nil {
			w.failed(e, err)
			return
		}
		if m.Line == 1 {
			m.Column = max(1, m.Column-int(prefix))
		}
		m.SecretOffset = max(0, m.SecretOffset-prefix)
		if !w.add(report.PlaceConfig, e.Name, &m) { // the join knows which document it is
			return
		}
	}
}

// short scans a text of a line, such as a name.
func (w *blobScan) short(place report.Place, path string, text []byte) {
	if len(text) < 8 {
		return
	}
	if w.tap != nil {
		if r := w.tap(place, path, w.inside(path), bytes.NewReader(text)); r != nil {
			io.Copy(io.Discard, r)
		}
	}
	for m, err := range w.scanner.ScanBytes("", text) {
		if err != nil {
			return
		}
		m.Line, m.Column = 0, 0
		if !w.add(place, path, &m) {
			return
		}
	}
}

func (w *blobScan) name(e *layerwalk.Entry) {
	place := report.PlaceFileName
	if e.Type == layerwalk.TypeWhiteout || e.Type == layerwalk.TypeOpaque {
		place = report.PlaceHeader // there is no such file, but its name ships
	}
	name := e.Name
	if i := strings.LastIndex(name, layerwalk.Inside); i >= 0 && w.inArchive() {
		name = name[i:] // that of the archive has been scanned
	}
	w.short(place, e.Name, []byte(name))
}

// header scans the headers of an entry as they stand. What has been found in
// its name or link target since match number before is left out.
func (w *blobScan) header(e *layerwalk.Entry, before int) {
	from := len(w.res.Matches)
	w.short(report.PlaceHeader, e.Name, e.Header)
	found, kept := w.res.Matches[before:from], w.res.Matches[:from]
	for _, m := range w.res.Matches[from:] {
		if !slices.ContainsFunc(found, func(o BlobMatch) bool { return o.Rule == m.Rule && o.Secret == m.Secret }) {
			kept = append(kept, m)
		}
	}
	w.res.Matches = kept
}

// supersede marks what an earlier entry of the same path held.
func (w *blobScan) supersede(path string) {
	for _, i := range w.at[path] {
		w.res.Matches[i].Superseded = true
	}
	delete(w.at, path)
}

// link gives the name of a hard link what its target holds: it stays when the
// target is deleted.
func (w *blobScan) link(e *layerwalk.Entry) {
	for _, i := range w.at[e.Linkname] {
		if !w.room() {
			return
		}
		m := w.res.Matches[i]
		m.Path = text(e.Name) + m.Inside
		w.res.Matches = append(w.res.Matches, m)
		w.at[e.Name] = append(w.at[e.Name], len(w.res.Matches)-1)
	}
}

// room reports whether one more match can be kept.
func (w *blobScan) room() bool {
	if len(w.res.Matches) < maxBlobMatches {
		return true
	}
	if !w.full {
		w.full = true
		w.gap(&layerwalk.Problem{Kind: layerwalk.Limit, Reason: fmt.Sprintf("more than %d secrets in it: the rest are not listed", maxBlobMatches)})
	}
	return false
}

func (w *blobScan) add(place report.Place, path string, m *detect.Match) bool {
	if !w.room() {
		return false
	}
	id := m.Secret.ID()
	b := BlobMatch{Rule: m.Rule.ID, Secret: hex.EncodeToString(id[:]), Short: m.Secret.Short(), Redacted: m.Secret.Preview(), Key: m.Key,
		Severity: report.Severity(m.Severity), Confidence: report.Confidence(m.Confidence), Info: m.Info, Note: m.Note, Public: m.Public,
		Place: place, Path: text(path), Line: m.Line, Column: m.Column, Offset: m.SecretOffset}
	for _, e := range m.Encodings {
		b.Encodings = append(b.Encodings, string(e))
	}
	if m.Info != detect.InfoPlaceholder { // such as "password", which may be in every text
		w.vault.add(b.Rule, b.Secret, m.Secret)
	}
	w.res.Matches = append(w.res.Matches, b)
	return true
}

// text is [layerwalk.Text], which all texts of an image pass on their way into
// a report.
func text(s string) string { return layerwalk.Text(s) }

// headReader knows the first bytes of what it reads.
type headReader struct {
	r      io.Reader
	head   []byte // as many as layerwalk.Packed wants to see; empty until they are asked for
	served int    // of those, that were read
	err    error
}

// reset is for another file.
func (h *headReader) reset(r io.Reader) {
	if h.head == nil {
		h.head = make([]byte, 0, layerwalk.ScriptHead)
	}
	*h = headReader{r: r, head: h.head[:0]}
}

func (h *headReader) Read(p []byte) (int, error) {
	h.peek()
	n := copy(p, h.head[h.served:])
	if h.served += n; h.err != nil || n == len(p) {
		if h.served == len(h.head) {
			return n, h.err
		}
		return n, nil
	}
	m, err := h.r.Read(p[n:])
	return n + m, err
}

// peek gives the first bytes; they can still be read.
func (h *headReader) peek() []byte {
	h.fill(layerwalk.PackedHead)
	if layerwalk.IsScript(h.head) {
		h.fill(layerwalk.ScriptHead)
	}
	return h.head
}

func (h *headReader) fill(size int) {
	for len(h.head) < size && h.err == nil {
		var n int
		n, h.err = h.r.Read(h.head[len(h.head):size])
		h.head = h.head[:len(h.head)+n]
	}
}

// packed reports whether the bytes are those of a compressed file or an archive
// that compresses, whose contents can't be seen from outside. Besides those that
// are unpacked: 7z, rar, lz4, lzop, lzip, lzma, compress, cab, xar, squashfs, cpio,
// Chrome's extensions, and bzip2 that is none.
func (h *headReader) packed() bool {
	head := h.peek()
	if layerwalk.Packed(head) {
		return true
	}
	for _, magic := range []string{"7z\xbc\xaf\x27\x1c", "Rar!\x1a\x07", "\x04\x22\x4d\x18", "\x02\x21\x4c\x18", "\x89LZO\x00\r\n", "LZIP\x01", "\x1f\x9d",
		"MSCF\x00\x00\x00\x00", "xar!\x00", "hsqs", "07070", "\xc7\x71", "\x71\xc7", "Cr24", "BZh"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	// lzma: properties, a dictionary, and a size, which may be open.
	return len(head) >= 13 && head[0] == 0x5d && head[1] == 0 && head[2] == 0 && (bytes.Equal(head[5:13], bytes.Repeat([]byte{0xff}, 8)) || head[11] == 0 && head[12] == 0)
}
