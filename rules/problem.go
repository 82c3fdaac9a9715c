package rules

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one mistake in a file of rules.
type Problem struct {
	File string
	Line int    // 0: no line in particular
	Rule string // the ID of the rule it is in; "": it is in none
	What string
	Hint string // how to mend it; may be empty
}

// String has all of it on one line: "acme.toml:7: rule acme-key: regex: …".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		b.WriteString(":" + strconv.Itoa(p.Line))
	}
	b.WriteString(": ")
	if p.Rule != "" {
		b.WriteString("rule " + plain(p.Rule) + ": ")
	}
	b.WriteString(p.What)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// ParseError is everything that is wrong with a file of rules and the files
// that it extends.
type ParseError struct {
	Problems []Problem // at least one
}

// maxProblems is how many an error spells out.
const maxProblems = 10

func (e *ParseError) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i == maxProblems {
			fmt.Fprintf(&b, "\nand %d more", len(e.Problems)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// plain quotes an ID that would do things to a terminal.
func plain(id string) string {
	if odd(id) {
		return strconv.Quote(id)
	}
	return id
}

// odd reports whether a text has characters that can't be seen.
func odd(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// compile compiles a pattern as package detect will: alone, and as a group of a
// longer one.
func compile(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	if _, err := regexp.Compile(`(?s:.*?)((` + pattern + `))`); err != nil {
		return nil, errNoGroup
	}
	return re, nil
}

// errNoGroup is about patterns such as `\Qabc`, which swallow what follows.
var errNoGroup = errors.New(`it does not end: a \Q without its \E, or groups nested too deep`)

// inPattern says what is wrong with a pattern that does not compile, and what
// to do about it. Most are written for an engine that backtracks.
func inPattern(err error) (what, hint string) {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err.Error(), ""
	}
	starts := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(e.Expr, p) {
				e.Expr = p
				return true
			}
		}
		return false
	}
	no := func(what string) string { return "RE2 has no " + what + ", such as " + quote(e.Expr) }
	switch {
	case starts("(?=", "(?!"):
		return no("lookahead"), "match what follows too and make the secret a group; what must not follow goes into an allowlist"
	case starts("(?<=", "(?<!"):
		return no("lookbehind"), "match what comes before too and make the secret a group; what must not be there goes into an allowlist"
	case starts("(?>"):
		return no("atomic groups"), "use (?:…)"
	case starts("(?#"):
		return no("comments"), "use a comment of TOML"
	case starts("(?x"):
		return no("flag x"), "write the pattern without spaces and comments"
	case starts("(?R", "(?0", "(?1", "(?&", "(?P>"):
		return no("recursion"), ""
	case starts("(?("):
		return no("conditions"), "use an alternative: a|b"
	case starts("(?|"):
		return no("branch reset"), "use (?:…)"
	case e.Code == syntax.ErrInvalidEscape && (starts(`\k`, `\g`) || len(e.Expr) == 2 && '1' <= e.Expr[1] && e.Expr[1] <= '9'):
		return no("backreferences"), "write out what is repeated"
	case e.Code == syntax.ErrInvalidEscape:
		return "unknown escape " + quote(e.Expr), instead(e.Expr)
	case e.Code == syntax.ErrInvalidRepeatOp && strings.HasSuffix(e.Expr, "+"):
		return no("possessive quantifiers"), "leave out the second +"
	case e.Code == syntax.ErrInvalidRepeatSize:
		return "repeated too often: " + quote(e.Expr), "counts go up to 1000, those within each other multiplied"
	}
	what = string(e.Code)
	if e.Expr != "" {
		what += ": " + quote(e.Expr)
	}
	return what, ""
}

// instead names what RE2 has for an escape that it does not have.
func instead(escape string) string {
	switch escape {
	case `\Z`:
		return `use \z for the end of the text`
	case `\h`:
		return `use [ \t]`
	case `\R`:
		return `use \r?\n`
	case `\e`:
		return `use \x1b`
	case `\u`:
		return `use \x{…}`
	}
	return ""
}

// quote quotes as Go's own errors about patterns do, and cuts what is long.
func quote(expr string) string {
	if r := []rune(expr); len(r) > 40 {
		expr = string(r[:39]) + "…"
	}
	return "`" + expr + "`"
}

// didYouMean asks about the name that is most like the one that is not there.
func didYouMean(name string, names []string) string {
	if n := Nearest(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

// Nearest returns the name that is most like the one that is not there; "" if
// none is like it.
func Nearest(name string, names []string) string {
	if len(name) > 100 {
		return "" // no typing error
	}
	best, least := "", max(len(name)/3, 1)+1
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n), least); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete, replace or swap with the next
// one to make b of a; counts from limit on are all given as limit.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	// Three rows of the table suffice: the one being filled, the last and,
	// for swaps, the one before it.
	var before, last, row = make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
