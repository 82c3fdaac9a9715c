package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// Examples are texts that the rule hits and misses. Where it has none of its own,
// as those of gitleaks have none, they are made of its pattern: what fits it, its
// random parts as in [Example], and the same with the longest of them too short.
func (r *Rule) Examples() (hits, misses []Example) {
	if len(r.Hits) > 0 {
		return r.Hits, r.Misses
	}
	hit, miss := r.sketch()
	if hit.Text+hit.Path != "" {
		hits = append(hits, hit)
	}
	if miss.Text+miss.Path != "" {
		misses = append(misses, miss)
	}
	return hits, misses
}

// sketch makes examples of the rule's pattern and path. An empty one: it can't.
func (r *Rule) sketch() (hit, miss Example) {
	path := ""
	if r.Path != "" {
		p := sketch{pattern: r.Path, name: true}
		p.write(p.tree())
		path = p.text(-1)
		if strings.HasPrefix(path, ".") {
			path = "file" + path
		}
		if re, err := regexp.Compile(r.Path); err != nil || !re.MatchString(path) {
			return hit, miss
		}
	}
	if r.Pattern == "" {
		return Example{Path: path}, Example{Path: path + ".txt"}
	}
	re, err := regexp.Compile(r.Pattern)
	if err != nil {
		return hit, miss
	}
	s := sketch{pattern: r.Pattern, random: r.MinEntropy > 0 || r.Random}
	s.write(s.tree())
	low := strings.ToLower(s.text(-1))
	if len(r.Keywords) > 0 && !slices.ContainsFunc(r.Keywords, func(k string) bool { return strings.Contains(low, k) }) {
		s.parts = slices.Insert(s.parts, 0, sketched{literal: r.Keywords[0] + ": "})
	}
	hit = Example{Path: path, Text: s.text(-1)}
	if !re.MatchString(hit.Expand(r.ID)) {
		return Example{}, miss
	}
	longest := -1
	for i, p := range s.parts {
		if p.class != "" && (longest < 0 || p.least > s.parts[longest].least) {
			longest = i
		}
	}
	if longest >= 0 {
		if m := (Example{Path: path, Text: s.text(longest)}); !re.MatchString(m.Expand(r.ID)) {
			miss = m
		}
	}
	return hit, miss
}

// sketch is a text that a pattern matches, in the making: the shortest, with the
// first of alternatives.
type sketch struct {
	pattern string
	name    bool // it is a path, which has no random parts
	random  bool // what the pattern matches must look random: not too short
	parts   []sketched
}

// sketched is a literal, or a random part of some length.
type sketched struct {
	literal, class string
	length, least  int // least that the pattern wants
}

// randomEnough is how long a part is at least that must look random, where the
// pattern lets it.
const randomEnough = 32

func (s *sketch) tree() *syntax.Regexp {
	re, err := syntax.Parse(s.pattern, syntax.Perl)
	if err != nil {
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	}
	return re
}

// text is the sketch as an [Example] has it; short is a part to make too short.
func (s *sketch) text(short int) string {
	var b strings.Builder
	for i, p := range s.parts {
		n := p.length
		if i == short {
			n = p.least - 1
		}
		switch {
		case p.class == "":
			b.WriteString(p.literal)
		case n > 0:
			fmt.Fprintf(&b, "<%s:%d>", p.class, n)
		}
	}
	return b.String()
}

func (s *sketch) write(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		text := string(re.Rune)
		if re.Flags&syntax.FoldCase != 0 {
			text = strings.ToLower(text)
			if i := strings.Index(strings.ToLower(s.pattern), text); i >= 0 && i+len(text) <= len(s.pattern) {
				text = s.pattern[i : i+len(text)] // as its author wrote it
			}
		}
		s.parts = append(s.parts, sketched{literal: text})
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		s.class(re, 1, 1)
	case syntax.OpPlus:
		s.repeat(re.Sub[0], 1, -1)
	case syntax.OpRepeat:
		s.repeat(re.Sub[0], re.Min, re.Max)
	case syntax.OpCapture:
		s.write(re.Sub[0])
	case syntax.OpConcat:
		for i, sub := range re.Sub {
			if i > 0 && i+1 < len(re.Sub) && between(re.Sub[i-1], sub, re.Sub[i+1]) {
				s.parts = append(s.parts, sketched{literal: " "})
			}
			s.write(sub)
		}
	case syntax.OpAlternate:
		i := max(slices.IndexFunc(re.Sub, empty), 0)
		s.write(re.Sub[i])
	}
}

// between reports whether a blank that a pattern leaves out had better stand
// there: between words.
func between(before, re, after *syntax.Regexp) bool {
	if re.Op == syntax.OpRepeat && re.Min > 0 || re.Op != syntax.OpRepeat && re.Op != syntax.OpStar || before.Op != syntax.OpLiteral || after.Op != syntax.OpLiteral {
		return false
	}
	letter := func(c rune) bool { return c == '"' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }
	return has(re.Sub[0], ' ') && letter(before.Rune[len(before.Rune)-1]) && letter(after.Rune[0])
}

// has reports whether a class has a character.
func has(re *syntax.Regexp, c rune) bool {
	if re.Op == syntax.OpAnyChar || re.Op == syntax.OpAnyCharNotNL {
		return c != '\n'
	}
	for i := 0; re.Op == syntax.OpCharClass && i < len(re.Rune); i += 2 {
		if re.Rune[i] <= c && c <= re.Rune[i+1] {
			return true
		}
	}
	return false
}

// empty reports whether a pattern matches nothing at some place.
func empty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpStar, syntax.OpQuest, syntax.OpEndText, syntax.OpEndLine, syntax.OpWordBoundary:
		return true
	}
	return false
}

func (s *sketch) repeat(re *syntax.Regexp, least, most int) {
	switch re.Op {
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		if least > 0 {
			s.class(re, least, most)
		}
	default:
		for range least {
			s.write(re)
		}
	}
}

// class writes characters of a class: random ones, if it has all of an alphabet.
func (s *sketch) class(re *syntax.Regexp, least, most int) {
	in := func(c rune) bool { return has(re, c) }
	out := func(c rune) bool { return !in(c) }
	switch {
	case s.name && most < 0 && in('e') && in('f') && in('i') && in('l'):
		s.parts = append(s.parts, sketched{literal: "file"})
		return
	case re.Op != syntax.OpCharClass && least == 1 && most == 1:
		s.parts = append(s.parts, sketched{literal: "."}) // what was meant, mostly
		return
	}
	for _, name := range []string{"alnum", "loweralnum", "upperalnum", "base32", "hex", "HEX", "BECH32", "alpha", "lower", "upper", "digit"} {
		if s.name || strings.ContainsFunc(alphabet(name), out) {
			continue
		}
		n := least
		if s.random && least > 4 && n < randomEnough {
			n = randomEnough
			if most >= 0 {
				n = min(n, most)
			}
		}
		s.parts = append(s.parts, sketched{class: name, length: n, least: least})
		return
	}
	const some = "=: '\"-_/.|%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\n\t!#$&()*+,;<>?@[\\]^`{}~"
	if i := strings.IndexFunc(some, in); i >= 0 {
		s.parts = append(s.parts, sketched{literal: strings.Repeat(some[i:i+1], least)})
	}
}
