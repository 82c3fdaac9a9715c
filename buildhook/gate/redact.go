package gate

import (
	"fmt"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/protobuf/proto"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/buildhook/known"
)

// redactor masks what must not be shown in a build's progress: names of steps,
// and what they print.
type redactor struct {
	g      *Gate
	logs   map[string]*log
	values *known.Set        // by which names were masked
	names  map[string]string // of steps, which come again and again
}

// log is one output of a step.
type log struct {
	*printout
	last *controlapi.VertexLog
}

func (g *Gate) newRedactor() *redactor { return &redactor{g: g, logs: map[string]*log{}} }

// name masks the name of a step.
func (r *redactor) name(s string) string {
	if values := r.g.shown(); r.values != values {
		r.values, r.names = values, map[string]string{}
	}
	if _, ok := r.names[s]; !ok {
		r.names[s] = r.g.hideStep(s)
	}
	return r.names[s]
}

// message gives a Status message as the client is to see it; nil asks for what
// is held back at the end.
func (r *redactor) message(b []byte) []byte {
	if b == nil {
		return r.rest()
	}
	text := r.g.hide
	var m controlapi.StatusResponse
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil // nobody could have shown it either
	}
	logs := m.Logs[:0]
	for _, l := range m.Logs {
		s := r.log(l)
		s.last = l
		if l.Msg = s.Write(l.Msg); len(l.Msg) > 0 {
			logs = append(logs, l)
		}
	}
	m.Logs = logs
	for _, v := range m.Vertexes {
		v.Name, v.Error = r.name(v.Name), text(v.Error)
		if v.ProgressGroup != nil {
			v.ProgressGroup.Name = r.name(v.ProgressGroup.Name)
		}
		if v.Completed == nil {
			continue
		}
		for stream := range int64(3) {
			if l := r.flush(v.Digest, stream); l != nil {
				m.Logs = append(m.Logs, l)
			}
		}
	}
	for _, s := range m.Statuses {
		s.ID, s.Name = text(s.ID), text(s.Name)
	}
	for _, w := range m.Warnings {
		w.Short = []byte(text(string(w.Short)))
		for i := range w.Detail {
			w.Detail[i] = []byte(text(string(w.Detail[i])))
		}
		r.g.hideSource(w.Info)
	}
	out, err := proto.Marshal(&m)
	if err != nil {
		return nil
	}
	return out
}

func logKey(vertex string, stream int64) string { return fmt.Sprintf("%s %d", vertex, stream) }

func (r *redactor) log(l *controlapi.VertexLog) *log {
	k := logKey(l.Vertex, l.Stream)
	if r.logs[k] == nil {
		r.logs[k] = &log{printout: r.g.newPrintout()}
	}
	return r.logs[k]
}

// hideSource masks a Dockerfile of which lines will be shown. They stay the
// lines that they are.
func (g *Gate) hideSource(info *pb.SourceInfo) {
	if info != nil && len(info.Data) > 0 {
		info.Data = check.Masked(g.scanner, info.Filename, info.Data, g.cover)
	}
}

// flush gives what is held back of an output.
func (r *redactor) flush(vertex string, stream int64) *controlapi.VertexLog {
	k := logKey(vertex, stream)
	s := r.logs[k]
	if s == nil {
		return nil
	}
	delete(r.logs, k)
	rest := s.Flush()
	if len(rest) == 0 {
		return nil
	}
	l := proto.Clone(s.last).(*controlapi.VertexLog)
	l.Msg = rest
	return l
}

func (r *redactor) rest() []byte {
	var m controlapi.StatusResponse
	for _, s := range r.logs {
		if l := r.flush(s.last.Vertex, s.last.Stream); l != nil {
			m.Logs = append(m.Logs, l)
		}
	}
	if len(m.Logs) == 0 {
		return nil
	}
	out, err := proto.Marshal(&m)
	if err != nil {
		return nil
	}
	return out
}
