package detect

import (
	"fmt"
	"strings"

	"github.com/leakscan/leakscan/rules"
)

// Explanation says how a rule runs, and why.
type Explanation struct {
	Rule *rules.Rule

	// Path is "template", "literal", "window", "run", "whole" or "path only".
	Path     string
	Why      string   // one or two sentences
	Literals []string // readable, such as `ghp_` or `[Aa]pi`

	MinLength, MaxLength int  // of a match, in bytes; MaxLength -1: unbounded
	KeywordGate          bool // the keyword must be seen apart from the pattern
}

// Explain says how each rule runs, in the order of the set.
func (s *Scanner) Explain() []Explanation {
	s.prepared.Do(s.prepare)
	es := make([]Explanation, 0, len(s.rules))
	for _, r := range s.rules {
		es = append(es, r.explain())
	}
	return es
}

func (r *rule) explain() Explanation {
	e := Explanation{Rule: r.Rule}
	if r.Pattern == "" {
		e.Path, e.Why = "path only", "It has no pattern for contents."
		return e
	}
	p := &r.plan
	e.MinLength, e.MaxLength, e.KeywordGate = p.length.min, p.length.max, p.gated
	if p.length.max >= infinite {
		e.MaxLength = -1
	}
	words, backs := 0, 0
	for i := range p.literals {
		l := &p.literals[i]
		if text := l.String(); len(e.Literals) == 0 || e.Literals[len(e.Literals)-1] != text {
			e.Literals = append(e.Literals, text)
		}
		if l.word > 0 {
			words++
		}
		if l.back != nil {
			backs++
		}
	}
	switch {
	case p.run != nil:
		e.Path = "run"
		e.Why = fmt.Sprintf("Nothing shorter than %d characters of one class in a row is sure to be in a match.", p.run.n)
		return e
	case p.literals == nil:
		e.Path = "whole"
		e.Why = "No string is sure to be in a match, so the pattern runs over every file"
		if len(r.Keywords) > 0 {
			e.Why += " that has one of the keywords"
		}
		e.Why += "."
		return e
	case !p.starts || r.matcher() == nil:
		e.Path = "window"
		switch {
		case p.later != nil:
			e.Why = "A match may be long, so its window must hold what comes later in it, too."
		case r.matcher() == nil:
			e.Why = "The pattern has parts that leakscan's own matcher does not know."
		default:
			e.Why = "The literals do not tell where a match starts."
		}
	case p.assign != nil:
		e.Path = "template"
		e.Why = "It starts at its name, if an operator and enough characters of a value follow."
	default:
		e.Path = "literal"
		e.Why = "The literals tell where a match starts."
	}
	switch {
	case p.named:
		e.Why += fmt.Sprintf(" It is looked for before words of %d characters and more.", leastWord)
	case words > 0:
		e.Why += fmt.Sprintf(" They are looked for in words of %d characters and more.", leastWord)
	case backs > 0:
		e.Why += fmt.Sprintf(" A match starts up to %d bytes before them.", backReach)
	}
	return e
}

// String writes the literal in the form of a pattern.
func (l *literal) String() string {
	var b strings.Builder
	for i := 0; i < len(l.sets); {
		n := 1
		for i+n < len(l.sets) && *l.sets[i+n] == *l.sets[i] {
			n++
		}
		text := l.sets[i].String()
		if n > 2 {
			text += fmt.Sprintf("{%d}", n)
		} else if n == 2 {
			text += text
		}
		b.WriteString(text)
		i += n
	}
	return b.String()
}

// String writes the set as a class of ASCII, or as its one character.
func (b *byteSet) String() string {
	show := func(c int) string {
		switch {
		case c == '\n':
			return `\n`
		case c == '\r':
			return `\r`
		case c == '\t':
			return `\t`
		case c < ' ' || c > '~':
			return fmt.Sprintf(`\x%02X`, c)
		case strings.ContainsRune(`\.+*?()|[]{}^$-`, rune(c)):
			return `\` + string(rune(c))
		}
		return string(rune(c))
	}
	var s strings.Builder
	n := 0
	for c := 0; c < 256; c++ {
		if !b[c] {
			continue
		}
		to := c
		for to+1 < 256 && b[to+1] {
			to++
		}
		switch to - c {
		case 0:
			s.WriteString(show(c))
		case 1:
			s.WriteString(show(c) + show(to))
		default:
			s.WriteString(show(c) + "-" + show(to))
		}
		n += to - c + 1
		c = to
	}
	if n == 1 {
		return s.String()
	}
	return "[" + s.String() + "]"
}
