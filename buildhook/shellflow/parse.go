package shellflow

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// The bounds of one script.
const (
	maxScript  = 1 << 20
	maxNesting = 1000
	maxOpeners = 20_000 // what could nest, counted before anything recurses
	maxSteps   = 200_000
	maxCalls   = 24 // functions, eval and sh -c within each other
)

var (
	// ErrTooLong is the opaque error of a script that takes too many steps.
	ErrTooLong = errors.New("the script is too long to follow")
	// ErrTooDeep is the opaque error of a script that nests too deeply.
	ErrTooDeep = errors.New("the script nests too deeply to follow")
)

// ShellError is the opaque error of a script for something that is no shell.
type ShellError struct{ Shell string }

func (e *ShellError) Error() string {
	return fmt.Sprintf("%q is not a shell that can be followed", e.Shell)
}

// InternalError is a mistake of this package, caught.
type InternalError struct {
	Value any
	Stack string
}

func (e *InternalError) Error() string { return fmt.Sprintf("shellflow: internal error: %v", e.Value) }

// shell is what a command line such as "/bin/bash -ex" asks for.
type shell struct {
	lang   syntax.LangVariant
	xtrace bool
}

func shellOf(words []string) (shell, error) {
	var sh shell
	if len(words) > 0 && path.Base(words[0]) == "env" {
		words = words[1:]
		for len(words) > 0 && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=")) {
			words = words[1:]
		}
	}
	if len(words) > 1 && path.Base(words[0]) == "busybox" {
		words = words[1:]
	}
	if len(words) == 0 {
		sh.lang = syntax.LangPOSIX
		return sh, nil
	}
	lang, ok := shellLang(words[0])
	if !ok {
		return sh, &ShellError{words[0]}
	}
	sh.lang = lang
	for i, w := range words[1:] {
		if strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.Contains(w, "x") || w == "xtrace" && words[i] == "-o" {
			sh.xtrace = true
		}
	}
	return sh, nil
}

func shellLang(name string) (syntax.LangVariant, bool) {
	switch path.Base(strings.TrimPrefix(name, "-")) {
	case "sh", "dash", "ash", "busybox":
		return syntax.LangPOSIX, true
	case "bash", "rbash":
		return syntax.LangBash, true
	case "mksh", "ksh", "ksh93", "lksh", "pdksh", "oksh":
		return syntax.LangMirBSDKorn, true
	case "zsh":
		return syntax.LangZsh, true
	}
	return 0, false
}

// shebang is the words of the #! line of a script.
func shebang(script string) ([]string, bool) {
	line, ok := strings.CutPrefix(script, "#!")
	if !ok {
		return nil, false
	}
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	return words, len(words) > 0
}

// nestingWords are the words that open something in which they can stand again.
var nestingWords = []string{"if", "then", "else", "elif", "while", "until", "for", "select", "case", "do", "time", "coproc", "function"}

// tooDeep bounds how deep the parser can recurse on src. Whether something is
// quoted it doesn't know, so it counts everything that could nest.
func tooDeep(src string) bool {
	n, from := 0, -1
	for i := range len(src) {
		b := src[i]
		switch b {
		case '(', '{', '[', '`', '?', '=', '|', '&', '!', '~', '"', '+':
			n++
		case '*', '-':
			// A power, and a chain of signs.
			if i > 0 && src[i-1] == b || i > 1 && src[i-2] == b && src[i-1] == ' ' {
				n++
			}
		}
		letter := 'a' <= b && b <= 'z'
		if letter && from < 0 {
			from = i
		} else if !letter && from >= 0 {
			if i-from <= 8 && slices.Contains(nestingWords, src[from:i]) {
				n++
			}
			from = -1
		}
	}
	return n > maxOpeners
}

// parse reads src as lang, and as bash if it isn't that: /bin/sh is bash in
// many images.
func parse(src string, lang syntax.LangVariant) (*syntax.File, error) {
	if len(src) > maxScript || tooDeep(src) {
		return nil, ErrTooDeep
	}
	f, err := syntax.NewParser(syntax.Variant(lang)).Parse(strings.NewReader(src), "")
	if err != nil && lang != syntax.LangBash {
		if g, err2 := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(src), ""); err2 == nil {
			f, err = g, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	if depth(f) > maxNesting {
		return nil, ErrTooDeep
	}
	return f, nil
}

// depth is how deep the nodes of f nest. A chain of && is flat: it is walked
// without recursion.
func depth(f *syntax.File) int {
	deepest := 0
	var level []int
	d := 0
	syntax.Walk(f, func(n syntax.Node) bool {
		if n == nil {
			d -= level[len(level)-1]
			level = level[:len(level)-1]
			return true
		}
		step := 0
		switch n := n.(type) {
		case *syntax.Stmt:
			// The left side of a chain is no deeper than the chain.
			if b, ok := n.Cmd.(*syntax.BinaryCmd); !ok || b.X == nil {
				step = 1
			}
		case *syntax.Word, *syntax.BinaryArithm, *syntax.ParenArithm, *syntax.UnaryArithm, *syntax.IfClause,
			syntax.TestExpr:
			step = 1
		}
		level = append(level, step)
		d += step
		deepest = max(deepest, d)
		return true
	})
	return deepest
}
