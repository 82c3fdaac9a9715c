package shellflow

import (
	"strconv"

	"mvdan.cc/sh/v3/syntax"
)

// sink is where a stream goes. A nil one is closed.
type sink struct {
	kind     sinkKind
	key      string // of the file
	by       string
	pos, end int
	buf      *text
}

type sinkKind int

const (
	toLog sinkKind = iota
	toFile
	toText // into a pipe, or a substitution
)

// stdin is what the current command can read.
func (r *run) stdin() text {
	if t := r.st.in[0]; t != nil {
		return *t
	}
	return text{}
}

// emit is output on a stream. by is the command, for the log; and for a file
// where the command says more than the redirection, see emitAs.
func (r *run) emit(fd int, t text, by string, pos, end int) {
	r.emitAs(fd, t, by, "", pos, end)
}

func (r *run) emitAs(fd int, t text, by, fileBy string, pos, end int) {
	s := r.st.out[fd]
	if s == nil {
		return
	}
	switch s.kind {
	case toText:
		*s.buf = s.buf.plus(t)
		s.buf.foreign = s.buf.foreign || t.foreign
	case toFile:
		p := part{taint: t.taint, by: s.by, pos: s.pos, end: s.end}
		if fileBy != "" {
			p.by = fileBy
		}
		r.write(s.key, true, p)
		r.constant(s.key, t, s.pos, s.end)
	case toLog:
		if len(t.taint.labels) > 0 {
			r.flow(Flow{Kind: Logged, Labels: t.taint.labels, By: by, Pos: pos, End: end})
		}
		for _, o := range t.taint.origins {
			if o.kind == Fetched {
				r.flow(Flow{Kind: Fetched, By: o.by, Pos: o.pos, End: o.end})
			}
		}
	}
}

// redirect opens one redirection of a statement.
func (r *run) redirect(rd *syntax.Redirect, s *syntax.Stmt) {
	r.charge(1)
	out := rd.Op != syntax.RdrIn && rd.Op != syntax.DplIn && rd.Op != syntax.Hdoc && rd.Op != syntax.DashHdoc && rd.Op != syntax.WordHdoc
	fd := 0
	if out {
		fd = 1
	}
	if rd.N != nil {
		n, err := strconv.Atoi(rd.N.Value)
		if err != nil || n < 0 || n >= len(r.st.out) {
			n = 9
		}
		fd = n
	}
	switch rd.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		var t text
		if rd.Hdoc != nil {
			t = r.heredoc(rd)
		}
		r.input(fd, t)
		return
	case syntax.WordHdoc:
		r.input(fd, r.word(rd.Word).plus(known("\n")))
		return
	}
	name := r.word(rd.Word)
	switch rd.Op {
	case syntax.RdrIn:
		t := unknown("", r.read(name))
		t.foreign = true
		r.input(fd, t)
	case syntax.RdrInOut:
		r.input(fd, unknown("", r.read(name)))
	case syntax.DplIn:
		if n, err := strconv.Atoi(name.s); err == nil && n >= 0 && n < len(r.st.in) {
			if t := r.st.in[n]; t != nil {
				r.input(fd, *t)
			}
		}
	case syntax.DplOut:
		if n, err := strconv.Atoi(name.s); err == nil {
			if n >= 0 && n < len(r.st.out) {
				r.st.out[fd] = r.st.out[n]
			}
		} else if name.s == "-" {
			r.st.out[fd] = nil
		} else {
			r.open(fd, name, rd, s, false)
			r.st.out[2] = r.st.out[1]
		}
	case syntax.RdrAll, syntax.AppAll, syntax.RdrAllClob, syntax.AppAllClob:
		r.open(1, name, rd, s, rd.Op == syntax.AppAll || rd.Op == syntax.AppAllClob)
		r.st.out[2] = r.st.out[1]
	default:
		r.open(fd, name, rd, s, rd.Op == syntax.AppOut || rd.Op == syntax.AppClob)
	}
}

func (r *run) input(fd int, t text) {
	if fd < len(r.st.in) {
		r.st.in[fd] = &t
	}
}

// open points a stream at a file.
func (r *run) open(fd int, name text, rd *syntax.Redirect, s *syntax.Stmt, app bool) {
	pos, end := r.at(rd)
	if call, ok := s.Cmd.(*syntax.CallExpr); ok {
		// The statement, without the text of its here-document.
		a, b := r.at(call)
		pos, end = min(pos, a), max(end, b)
	}
	r.openFile(fd, name, rd.Op.String(), pos, end, app)
}

func (r *run) openFile(fd int, name text, by string, pos, end int, app bool) {
	switch name.s {
	case "/dev/null":
		r.st.out[fd] = nil
		return
	case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		r.st.out[fd] = r.st.out[1]
		return
	case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2":
		r.st.out[fd] = r.st.out[2]
		return
	case "/dev/tty", "/dev/console", "/proc/1/fd/1", "/proc/1/fd/2":
		r.st.out[fd] = &sink{kind: toLog}
		return
	}
	key := r.key(name)
	if !app {
		r.write(key, false, part{pos: pos, end: end})
	}
	r.st.out[fd] = &sink{kind: toFile, key: key, by: by, pos: pos, end: end}
}

// heredoc is the text of a here-document. That of a quoted word has no
// expansions, which the parser knows.
func (r *run) heredoc(rd *syntax.Redirect) text {
	quoted := false
	for _, p := range rd.Word.Parts {
		if l, ok := p.(*syntax.Lit); !ok || containsByte(l.Value, '\\') {
			quoted = true
		}
	}
	var f fields
	if quoted {
		for _, p := range rd.Hdoc.Parts {
			if l, ok := p.(*syntax.Lit); ok {
				f.add(known(l.Value))
			}
		}
	} else {
		r.quoted(&f, rd.Hdoc.Parts)
	}
	f.end()
	var t text
	for _, u := range f.out {
		t = t.plus(u)
	}
	if len(rd.Hdoc.Parts) > 0 {
		t.pos, t.end = r.at(rd.Hdoc)
	}
	if !t.known() || len(t.s) < maxText {
		r.urlConstant(t, "<<")
	}
	return t
}

func containsByte(s string, b byte) bool {
	for i := range len(s) {
		if s[i] == b {
			return true
		}
	}
	return false
}
