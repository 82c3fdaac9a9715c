package layerwalk

import (
	"errors"
	"fmt"
	"io"
)

// ProblemKind classes what can go wrong with a part of an image.
type ProblemKind string

// The kinds of problem.
const (
	Missing     ProblemKind = "missing"     // it could not be had at all
	Unreadable  ProblemKind = "unreadable"  // it was had, but can't be decoded
	Truncated   ProblemKind = "truncated"   // it ends before its end
	Unverified  ProblemKind = "unverified"  // digest, size or diffID differ
	Limit       ProblemKind = "limit"       // a cap of ours was reached
	Interrupted ProblemKind = "interrupted" // the context was cancelled
)

// Problem is something that was not read or not verified. It never ends a
// walk by itself: all else is still read.
type Problem struct {
	Kind   ProblemKind
	Blob   string // digest, or name in the archive; empty: the blob at hand
	Path   string // entry in the blob, if it is about one
	Reason string // one line
	Bytes  int64  // how many bytes were not read, where known
	Hint   string // what to do about it
	Err    error  // the cause, if there is one to unwrap
}

func (p *Problem) Error() string {
	s := p.Reason
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Blob != "" {
		s = p.Blob + ": " + s
	}
	return s
}

func (p *Problem) Unwrap() error { return p.Err }

// asProblem makes a problem of any error.
func asProblem(err error, kind ProblemKind, doing string) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &Problem{Kind: Truncated, Reason: "it breaks off before its end", Err: err}
	}
	return &Problem{Kind: kind, Reason: fmt.Sprintf("%s: %v", doing, err), Err: err}
}

// OpenError is a reference that no source could give. Its text lists every
// source that was tried, with its reason.
type OpenError struct {
	Ref   string
	Tried []Attempt
	Hint  string
}

// Attempt is one source that was asked.
type Attempt struct {
	Kind   Kind
	Reason string
	Err    error
}

func (e *OpenError) Error() string {
	if len(e.Tried) == 1 {
		s := fmt.Sprintf("%s: %s: %s", e.Ref, e.Tried[0].Kind, e.Tried[0].Reason)
		if e.Hint != "" {
			s += "\n" + e.Hint
		}
		return s
	}
	s := fmt.Sprintf("%s: no source has it:", e.Ref)
	for _, t := range e.Tried {
		s += fmt.Sprintf("\n  %-14s %s", t.Kind, t.Reason)
	}
	if e.Hint != "" {
		s += "\n" + e.Hint
	}
	return s
}

// Unwrap gives the causes.
func (e *OpenError) Unwrap() []error {
	var errs []error
	for _, t := range e.Tried {
		if t.Err != nil {
			errs = append(errs, t.Err)
		}
	}
	return errs
}
