package check

import "strings"

// expansion is a value of a compose file with its variables expanded.
type expansion struct {
	value     string
	known     bool     // every variable has a value
	variables bool     // there are some
	secrets   []string // those that are called like secrets, as "${NAME}"
	passed    []string // all whose values are part of this one
	unset     []string
	masks     []string // values that are not to be shown
}

// expandCompose expands $NAME, ${NAME}, and ${NAME:-word} with its kin, as the
// compose specification has it. What has no value stays as it is written.
func expandCompose(s string, env func(string) (string, bool)) expansion {
	x := expansion{known: true}
	var b strings.Builder
	x.expand(&b, s, env, 0)
	x.value = b.String()
	return x
}

const maxComposeNesting = 16

func (x *expansion) expand(b *strings.Builder, s string, env func(string) (string, bool), depth int) {
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			return
		}
		b.WriteString(s[:i])
		s = s[i:]
		if s[1] == '$' {
			b.WriteByte('$')
			s = s[2:]
			continue
		}
		name, op, word, n := composeVariable(s)
		if n < 0 || depth > maxComposeNesting {
			b.WriteString(s) // which compose refuses, or nobody wrote
			x.known = false
			return
		}
		if n == 0 {
			b.WriteByte('$')
			s = s[1:]
			continue
		}
		x.variable(b, s[:n], name, op, word, env, depth)
		s = s[n:]
	}
}

// variable expands one.
func (x *expansion) variable(b *strings.Builder, text, name, op, word string, env func(string) (string, bool), depth int) {
	x.variables = true
	v, set := env(name)
	use := set && (v != "" || !strings.HasPrefix(op, ":"))
	sub := expansion{known: true}
	var w strings.Builder
	if op != "" && !strings.HasSuffix(op, "?") {
		sub.expand(&w, word, env, depth+1)
	}
	x.secrets = append(x.secrets, sub.secrets...)
	x.masks = append(x.masks, sub.masks...)
	if strings.HasSuffix(op, "+") {
		// The word, and not the variable's value.
		x.passed = append(x.passed, sub.passed...)
		if use {
			b.WriteString(w.String())
			x.known = x.known && sub.known
		}
		return
	}
	ref := "${" + name + "}"
	x.passed = append(append(x.passed, ref), sub.passed...)
	if secretName(name) {
		x.secrets = append(x.secrets, ref)
		if set && !placeholder(v) {
			x.masks = append(x.masks, v)
		}
		if lit := w.String(); lit != "" && len(sub.passed) == 0 && !placeholder(lit) {
			x.masks = append(x.masks, lit)
		}
	}
	switch {
	case use:
		b.WriteString(v)
	case strings.HasSuffix(op, "-"):
		b.WriteString(w.String())
		x.known = x.known && sub.known
		x.unset = append(x.unset, sub.unset...)
	default:
		b.WriteString(ref)
		x.known = false
		x.unset = append(x.unset, ref)
	}
}

// composeVariable takes the variable that s begins with apart. n is its length,
// 0 if it is none, and negative if it doesn't end.
func composeVariable(s string) (name, op, word string, n int) {
	body := s[1:]
	braced := body[0] == '{'
	if braced {
		body = body[1:]
	}
	end := 0
	for end < len(body) && wordByte(body[end]) {
		end++
	}
	if end == 0 || '0' <= body[0] && body[0] <= '9' {
		return "", "", "", 0
	}
	name = body[:end]
	if !braced {
		return name, "", "", 1 + end
	}
	rest := body[end:]
	for _, o := range []string{":-", ":?", ":+", "-", "?", "+"} {
		if strings.HasPrefix(rest, o) {
			op = o
			break
		}
	}
	if op == "" && !strings.HasPrefix(rest, "}") {
		if rest == "" {
			return "", "", "", -1
		}
		return "", "", "", 0
	}
	open := 1
	stop := -1
	for i := 0; i < len(rest); i++ {
		switch {
		case strings.HasPrefix(rest[i:], "${"):
			open++
		case rest[i] == '}':
			open--
		}
		if open == 0 {
			stop = i
			break
		}
	}
	if stop < 0 {
		return "", "", "", -1
	}
	return name, op, rest[len(op):stop], 2 + end + stop + 1
}
