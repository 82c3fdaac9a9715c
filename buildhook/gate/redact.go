package gate

import (
	"fmt"

	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/protobuf/proto"

	"github.com/leakscan/leakscan/buildhook/known"
)

// redactor masks the known values in a build's progress: names of steps, and
// what they print.
type redactor struct {
	g    *Gate
	logs map[string]*log
}

// log is one output of a step. What may be the start of a value is held back
// until it is known not to be one.
type log struct {
	*known.Stream
	values *known.Set
	last   *controlapi.VertexLog
}

func (g *Gate) newRedactor() *redactor { return &redactor{g: g, logs: map[string]*log{}} }

// message gives a Status message as the client is to see it; nil asks for what
// is held back at the end.
func (r *redactor) message(b []byte) []byte {
	if b == nil {
		return r.rest()
	}
	values := r.g.values()
	if values.Empty() && len(r.logs) == 0 {
		return b
	}
	text := func(s string) string { return string(values.Mask([]byte(s))) }
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
		v.Name, v.Error = text(v.Name), text(v.Error)
		if v.ProgressGroup != nil {
			v.ProgressGroup.Name = text(v.ProgressGroup.Name)
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
		w.Short = values.Mask(w.Short)
		for i := range w.Detail {
			w.Detail[i] = values.Mask(w.Detail[i])
		}
		if w.Info != nil {
			w.Info.Data = values.Mask(w.Info.Data)
		}
	}
	out, err := proto.Marshal(&m)
	if err != nil {
		return nil
	}
	return out
}

func logKey(vertex string, stream int64) string { return fmt.Sprintf("%s %d", vertex, stream) }

func (r *redactor) log(l *controlapi.VertexLog) *log {
	k, values := logKey(l.Vertex, l.Stream), r.g.values()
	switch s := r.logs[k]; {
	case s == nil:
		r.logs[k] = &log{Stream: values.Stream(), values: values}
	case s.values != values: // more has become known
		l.Msg = append(s.Flush(), l.Msg...)
		s.Stream, s.values = values.Stream(), values
	}
	return r.logs[k]
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
