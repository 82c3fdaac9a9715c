package gate

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// classic masks the answer to POST /build, which is messages of JSON: what the
// legacy builder prints, or the progress of BuildKit.
type classic struct {
	g        *Gate
	printed  *printout
	progress *redactor
}

func (g *Gate) newClassic() *classic {
	return &classic{g: g, printed: g.newPrintout(), progress: g.newRedactor()}
}

// traceID is that of a message with the progress of BuildKit.
const traceID = "moby.buildkit.trace"

// stepLine is the line with which the legacy builder begins an instruction.
var stepLine = regexp.MustCompile(`^Step \d+/\d+ : `)

// message gives a line of the answer as it is to be shown, which can be none, or
// several.
func (c *classic) message(line []byte) []byte {
	var m map[string]json.RawMessage
	if json.Unmarshal(line, &m) != nil {
		return append(c.held(), c.g.hide(string(line))...)
	}
	var stream, id string
	var aux []byte
	switch {
	case json.Unmarshal(m["stream"], &stream) == nil && stream != "":
		shown := stream
		if n := len(stepLine.FindString(stream)); n > 0 {
			shown = stream[:n] + c.g.hideStep(stream[n:])
		}
		if shown = string(c.printed.Write([]byte(shown))); shown == "" {
			return nil // the next one has it
		}
		return changed(line, m, "stream", stream, shown)
	case json.Unmarshal(m["id"], &id) == nil && id == traceID && json.Unmarshal(m["aux"], &aux) == nil:
		if aux = c.progress.message(aux); aux == nil {
			return nil
		}
		return jsonLine(map[string]any{"id": traceID, "aux": aux})
	case m["aux"] != nil:
		return append(c.held(), line...)
	}
	out := c.held()
	var all map[string]any
	if json.Unmarshal(line, &all) != nil {
		return out
	}
	hidden := false
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case string:
			shown := c.g.hideStep(v)
			hidden = hidden || shown != v
			return shown
		case map[string]any:
			for k := range v {
				v[k] = walk(v[k])
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		}
		return v
	}
	if walk(all); hidden {
		line = jsonLine(all)
	}
	return append(out, line...)
}

// held gives what was held back of a line that is not complete.
func (c *classic) held() []byte {
	rest := c.printed.Flush()
	if len(rest) == 0 {
		return nil
	}
	return jsonLine(map[string]any{"stream": string(rest)})
}

// end gives what is held back at the end.
func (c *classic) end() []byte {
	out := c.held()
	if rest := c.progress.message(nil); rest != nil {
		out = append(out, jsonLine(map[string]any{"id": traceID, "aux": rest})...)
	}
	return out
}

// changed is a message with another text in it.
func changed(line []byte, m map[string]json.RawMessage, key, was, is string) []byte {
	if was == is {
		return line
	}
	m[key] = json.RawMessage(bytes.TrimSpace(jsonLine(is)))
	return jsonLine(m)
}

// jsonLine is a value as a line of JSON.
func jsonLine(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil
	}
	return []byte(b.String())
}
