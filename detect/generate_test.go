package detect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"strings"
	"unicode"
)

// generator makes texts that a pattern matches, from the pattern itself, so
// that no test has to hold a secret that some other scanner would cry over.
type generator struct {
	*rand.Rand
	long  bool // unbounded repeats go on for a while
	wide  bool // letters may become those that only fold to ASCII
	most  bool // repeats go on as long as they can
	least bool // and as short
	calm  bool // few words of a host are keywords
}

// pick returns one of the choices.
func pick[T any](g *generator, choices ...T) T { return choices[g.IntN(len(choices))] }

func (g *generator) pattern(p string) string {
	tree, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		panic(err)
	}
	var b strings.Builder
	g.write(&b, tree)
	return b.String()
}

func (g *generator) write(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 {
				for range g.IntN(4) {
					if f := unicode.SimpleFold(r); f < 0x80 || g.wide {
						r = f
					} else {
						r = unicode.SimpleFold(f)
					}
				}
			}
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		b.WriteRune(g.class(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		if g.IntN(2) == 0 {
			b.WriteByte('.') // what most authors of an unescaped dot meant
		} else {
			b.WriteByte(byte(' ' + g.IntN('~'-' ')))
		}
	case syntax.OpCapture:
		g.write(b, re.Sub[0])
	case syntax.OpStar:
		g.repeat(b, re.Sub[0], 0, -1)
	case syntax.OpPlus:
		g.repeat(b, re.Sub[0], 1, -1)
	case syntax.OpQuest:
		g.repeat(b, re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		g.repeat(b, re.Sub[0], re.Min, re.Max)
	case syntax.OpConcat:
		for _, s := range re.Sub {
			g.write(b, s)
		}
	case syntax.OpAlternate:
		g.write(b, re.Sub[g.IntN(len(re.Sub))])
	}
}

func (g *generator) class(ranges []rune) rune {
	ascii := 0
	for i := 0; i < len(ranges) && ranges[i] < 0x80; i += 2 {
		ascii += int(min(ranges[i+1], 0x7f)-ranges[i]) + 1
	}
	if ascii == 0 || g.wide && g.IntN(12) == 0 {
		i := g.IntN(len(ranges)/2) * 2
		return ranges[i] + rune(g.IntN(min(40, int(ranges[i+1]-ranges[i])+1)))
	}
	for {
		k := g.IntN(ascii)
		for i := 0; i < len(ranges); i += 2 {
			n := int(min(ranges[i+1], 0x7f)-ranges[i]) + 1
			if k < n {
				r := ranges[i] + rune(k)
				if r < ' ' && r != '\n' && r != '\t' && r != '\r' && g.IntN(50) > 0 {
					break // seldom a control character
				}
				return r
			}
			k -= n
		}
	}
}

func (g *generator) repeat(b *strings.Builder, sub *syntax.Regexp, lo, hi int) {
	n := lo
	switch {
	case g.least:
	case g.most && hi >= 0:
		n = hi
	case hi < 0 && g.long:
		n += g.IntN(400)
	case hi < 0:
		n += g.IntN(12)
	case g.IntN(3) == 0:
		n = hi
	case g.IntN(2) == 0:
		n += g.IntN(hi - lo + 1)
	}
	for range n {
		g.write(b, sub)
	}
}

// host makes some 4 KB of a kind of text that secrets are found in.
func (g *generator) host(kind string) []byte {
	var b bytes.Buffer
	word := func() string {
		if g.wide && g.IntN(20) == 0 {
			return "ſecret"
		}
		if g.calm && g.IntN(100) > 0 {
			return [...]string{"function", "return", "the", "of", "element", "index", "width", "options", "this", "length"}[g.IntN(10)]
		}
		return [...]string{"key", "token", "password", "secret", "api", "value", "auth", "name", "curl", "data", "eyebrow",
			"session", "AKIA", "ghp", "the", "of", "import", "const", "twitter", "jira", "https://example.com/", "tokens"}[g.IntN(22)]
	}
	for b.Len() < 4096 {
		switch kind {
		case "text", "crlf":
			for range 1 + g.IntN(9) {
				fmt.Fprintf(&b, "%s ", word())
			}
			if kind == "crlf" {
				b.WriteByte('\r')
			}
			b.WriteByte('\n')
		case "js":
			fmt.Fprintf(&b, "const %s = {%s: '%s', %s: %d};\n", word(), word(), word(), word(), g.IntN(1e9))
		case "minified":
			fmt.Fprintf(&b, "%s:function(e,t){return %s(%d,\"%s\")},%s=", word()[:1], word(), g.IntN(1e6), word(), word())
		case "bundle": // minified, by a tool that breaks lines
			fmt.Fprintf(&b, "%s=function(e,t){return %s(%d,\"%s\")};", word()[:1], word(), g.IntN(1e6), word())
			if g.IntN(10) == 0 {
				b.WriteByte('\n')
			}
		case "binary":
			for range 64 {
				b.WriteByte(byte(g.IntN(256)))
			}
			b.WriteString(word())
			if g.IntN(8) == 0 {
				b.WriteByte('\n')
			}
		case "unicode":
			for range 1 + g.IntN(9) {
				fmt.Fprintf(&b, "%s%s%s ", pick(g, "密钥", "“", "é", "naïve", "Ключ", "ключ:", "’", "…", "\U0001F511", "\xff", "\xe5\xaf", "\u00a0", ""),
					word(), pick(g, "＝", "”", "：", "ü", "\xc3", "\u200b", "=“", ""))
			}
			b.WriteByte('\n')
		}
	}
	b.WriteByte('\n') // see the package comment: gitleaks' last line
	return b.Bytes()
}

var hosts = []string{"text", "js", "minified", "binary", "crlf", "bundle", "unicode"}
