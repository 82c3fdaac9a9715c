package leakscan

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
)

// Archives that lie in a blob: what is in them is scanned as well.

// archive scans a file twice: as the bytes it is, and, beside that, what is packed
// in it.
func (w *blobScan) archive(e *layerwalk.Entry) {
	before := len(w.res.Matches)
	in := &blobScan{ctx: w.ctx, scanner: w.scanner, vault: w.vault, tap: w.tap, outer: e.Name, res: &BlobResult{}, at: map[string][]int{}}
	w.unpacker.Memory = w.memory
	pr, pw := io.Pipe()
	defer pw.Close() // also if this panics, so that the reader ends
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer io.Copy(io.Discard, pr) // so that the writer does not wait
		in.files(w.unpacker.Files(w.ctx, e.Name, pr, e.Size))
	}()
	r := io.TeeReader(&w.head, pw)
	w.scan(report.PlaceFile, e, r)
	_, err := io.Copy(io.Discard, r) // errors of reading are the walker's to report
	pw.CloseWithError(err)
	<-done
	if w.unpacker.Whole() && err == nil && in.res.Packed == 0 {
		w.res.Unpacked++
	} else {
		w.res.Packed++
	}
	if w.unpacker.Exceeded() {
		w.gap(&layerwalk.Problem{Kind: layerwalk.Limit, Path: e.Name, Reason: fmt.Sprintf("unpacking it was ended after %d bytes: it gives too much for its size", w.unpacker.Bytes()),
			Hint: "--no-unpack, of leakscan build --leakscan-no-unpack, leaves archives as they are"})
	}
	w.res.Inside += w.unpacker.Bytes()
	if w.unpacker.Whole() && w.unpacker.Plain() && err == nil {
		// All of its bytes were scanned as what they are, with the paths that they have.
		w.res.Matches = w.res.Matches[:before]
	}
	w.merge(e, in.res, before)
}

// files scans the files in an archive.
func (w *blobScan) files(all iter.Seq[*layerwalk.Entry]) {
	var cur string
	defer w.recovered(&cur)
	for e := range all {
		cur = e.Name
		w.entry(e)
	}
}

// merge adds what was found in an archive to what was found in its bytes since
// match number before: a file that is stored in it as it is was seen twice.
func (w *blobScan) merge(e *layerwalk.Entry, in *BlobResult, before int) {
	outer := text(e.Name) // "" of a blob that is itself an archive
	twice := map[[2]string]bool{}
	for i := range in.Matches {
		twice[[2]string{in.Matches[i].Rule, in.Matches[i].Secret}] = true
	}
	w.res.Matches = append(w.res.Matches[:before], slices.DeleteFunc(w.res.Matches[before:], func(m BlobMatch) bool {
		return twice[[2]string{m.Rule, m.Secret}]
	})...)
	delete(w.at, e.Name)
	for i := before; i < len(w.res.Matches); i++ {
		w.at[e.Name] = append(w.at[e.Name], i)
	}
	for _, m := range in.Matches {
		if !w.room() {
			return
		}
		m.Inside, m.Superseded = strings.TrimPrefix(m.Path, outer), false // an archive has both
		w.at[e.Name] = append(w.at[e.Name], len(w.res.Matches))
		w.res.Matches = append(w.res.Matches, m)
	}
	for i := range in.Gaps {
		w.gap(&in.Gaps[i])
	}
	w.res.Publics = append(w.res.Publics, in.Publics[:min(len(in.Publics), maxBlobPublics-len(w.res.Publics))]...)
}
