package detect

import (
	"bytes"

	"github.com/leakscan/leakscan/formats"
	"github.com/leakscan/leakscan/rules"
)

// headSize is how much of a file package formats is shown to say if it wants it.
const headSize = 512

// parsing reports whether there are rules of package formats.
func (s *Scanner) parsing() bool { return len(s.parsed) > 0 }

// parse has package formats look at the file, of which it sees what is in the
// buffer: a file of more than about 1 MiB is no configuration.
func (sc *scan) parse() {
	if !sc.s.parsing() || !formats.Wants(sc.path, sc.d[:min(len(sc.d), headSize)]) {
		return
	}
	for _, h := range formats.Find(sc.path, sc.d) {
		i, ok := sc.s.parsed[h.Rule]
		if !ok || h.From < 0 || h.To > len(sc.d) || h.From >= h.To {
			continue
		}
		sc.keep(i, &h)
	}
}

// keep makes a finding of what package formats has found by rule i.
func (sc *scan) keep(i int, h *formats.Hit) {
	r := sc.s.rules[i]
	value := h.Value
	if value == nil {
		value = sc.d[h.From:h.To]
	}
	if !r.applies(sc.path, sc.anyPath) {
		return
	}
	line := func() []byte { return sc.line(h.From, h.To) }
	for _, as := range [][]*allowlist{sc.s.global, r.allowlists} {
		for _, a := range as {
			if a.allows(sc.path, value, sc.d[h.From:h.To], line) {
				if sc.trace != nil {
					sc.drop(i, h.From, h.To, "an allowlist lets it pass")
				}
				return
			}
		}
	}
	v := sc.rate(r, value)
	why := h.Info
	if why == "" && (bytes.Contains(value, []byte("EXAMPLE")) || bytes.Contains(value, []byte("-example-"))) {
		why = "made up: it has EXAMPLE in it"
	}
	if why != "" && v.info == "" {
		v.info = why
		sc.ratePlace(&v, r)
	}
	if h.Note != "" {
		v.note = h.Note
	}
	if h.Encrypted && v.info == "" {
		v.severity = rules.SeverityLow
	}
	sec := NewSecret(r.ID, value, sc.s.key)
	from, to := sc.base+int64(h.From), sc.base+int64(h.To)
	sc.parsed = append(sc.parsed, finding{
		Match: Match{
			Rule: r.Rule, Severity: v.severity, Confidence: v.confidence, Info: v.info, Note: v.note,
			Offset: from, End: to, SecretOffset: from, SecretEnd: to,
			Key: h.Key, Entropy: entropy(value), Secret: sec,
		},
		order: i, start: from, secret: sec.value(), silent: r.SkipReport,
	})
}

// takeParsed moves what starts in this round to found.
func (sc *scan) takeParsed() {
	commit, n := sc.base+int64(sc.commit), 0
	for n < len(sc.parsed) && (sc.parsed[n].start < commit || sc.end) {
		n++
	}
	sc.found = append(sc.found, sc.parsed[:n]...)
	sc.parsed = append(sc.parsed[:0], sc.parsed[n:]...)
}
