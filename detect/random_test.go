package detect

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/leakscan/leakscan/rules"
)

// Rules that nobody wrote: the default ones have a few forms only, and a user
// may bring any.

// rounds is how many rounds a random test takes: LEAKSCAN_ROUNDS times as many,
// if that is set.
func rounds(t testing.TB, full, short int) int {
	t.Helper()
	n := full
	if testing.Short() {
		n = short
	}
	if s := os.Getenv("LEAKSCAN_ROUNDS"); s != "" {
		k, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		n *= k
	}
	return n
}

var (
	randomWords   = []string{"key", "tok", "ab", "abc", "sk-", "xo", "kk", "a", "s", "--", "_k", "1a", ".", "é", "ſ", "\u212A", "世", "pass", "=", "\n"}
	randomClasses = []string{
		`[a-c]`, `[a-z0-9]`, `\w`, `\d`, `\s`, `\S`, `.`, `(?s:.)`, `[\w.-]`, `[^a]`, `[^"'\s]`, `[a-f0-9]`, `[é-ü]`, `[a-zé]`, `[^é]`, `\pL`, `[ks]`, `[=:,]`, `[ \t]`, `[abcks_-]`,
	}
)

// randomPattern makes a pattern of any form; it may not compile.
func (g *generator) randomPattern() string {
	switch g.IntN(5) {
	case 0: // as half of the default rules are
		return g.assignPattern()
	case 1: // as the other half are
		return pick(g, `\b`, ``, `\b`, `(?i)\b`, `(?i)`) + g.maybeGroup(pick(g, randomWords...)+pick(g, randomWords...)+g.randomTree(2)) +
			pick(g, ``, `\b`, `(?:['"\s;]|\\[nr]|$)`, `(?:\s|$)`, `\B`, `$`)
	}
	return pick(g, ``, ``, `(?i)`, `(?s)`, `(?m)`, `(?is)`, `(?U)`) + g.randomTree(4)
}

func (g *generator) assignPattern() string {
	lazyClass := func() string {
		return fmt.Sprintf(`%s{0,%d}?`, pick(g, `[\w.-]`, `[\w.-]`, `[a-c]`, `\w`, `[ks]`), 1+g.IntN(12))
	}
	words := pick(g, randomWords...)
	for range g.IntN(3) {
		words += "|" + pick(g, randomWords...) + pick(g, "", "", g.randomTree(1))
	}
	name := "(?:" + words + ")"
	if g.IntN(2) == 0 {
		name = "(?i:" + lazyClass() + name + ")"
	}
	value := fmt.Sprintf("(%s{%d,%d})", pick(g, `[a-z0-9]`, `\w`, `[\w=-]`, `[a-f0-9]`, `\S`), 1+g.IntN(4), 4+g.IntN(4))
	switch g.IntN(4) {
	case 0:
		value = "(" + g.randomTree(2) + ")"
	case 1:
		value = pick(g, `(\w{3,})`, `([a-z]{2,}?)`, `((?:[a-f]{2}-?){2,5})`, `(\S+)`)
	}
	p := pick(g, ``, `(?i)`, `\b`) + lazyClass() + name + pick(g, ``, `(?:[ \t\w.-]{0,20})`, `\s?`) + pick(g, ``, `[\s'"]{0,3}`, `\s{0,2}`) +
		pick(g, `(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)`, `(?:=|:)`, `=`, ``) + pick(g, `[\x60'"\s=]{0,5}`, `\s*`, ``, `"?`) + value +
		pick(g, `(?:[\x60'"\s;]|\\[nr]|$)`, ``, `\b`, `(?:;|$)`)
	return g.maybeGroup(p)
}

func (g *generator) maybeGroup(p string) string {
	switch g.IntN(6) {
	case 0, 1:
		return "(" + p + ")"
	case 2: // a group over the first half
		if k := g.IntN(len(p) + 1); g.IntN(2) == 0 {
			if q := "(" + p[:k] + ")" + p[k:]; compiles(q) {
				return q
			}
		}
	}
	return p
}

func compiles(p string) bool {
	_, err := regexp.Compile(p)
	return err == nil
}

func (g *generator) randomTree(depth int) string {
	if depth == 0 || g.IntN(8) == 0 {
		switch g.IntN(9) {
		case 0, 1, 2:
			return pick(g, randomClasses...) + g.randomRepeat()
		case 3:
			return pick(g, `\b`, `\B`, `^`, `$`, `\A`, `\z`, `\b`)
		}
		return regexp.QuoteMeta(pick(g, randomWords...))
	}
	sub := func() string { return g.randomTree(depth - 1 - g.IntN(2)*min(1, depth-1)) }
	switch g.IntN(8) {
	case 0, 1, 2, 3:
		s := sub()
		for range 1 + g.IntN(3) {
			s += sub()
		}
		return s
	case 4:
		s := sub()
		for range 1 + g.IntN(3) {
			s += "|" + sub()
		}
		return pick(g, "(?:", "(", "(?i:") + s + ")"
	case 5:
		return pick(g, "(?:", "(", "(?i:", "(?-s:", "(?m:") + sub() + ")" + g.randomRepeat()
	case 6:
		return pick(g, randomClasses...) + g.randomRepeat() + sub()
	default:
		return "(" + sub() + ")"
	}
}

func (g *generator) randomRepeat() string {
	lo := g.IntN(4)
	r := pick(g, "", "?", "*", "+", fmt.Sprintf("{%d}", lo), fmt.Sprintf("{%d,}", lo), fmt.Sprintf("{%d,%d}", lo, lo+g.IntN(6)),
		fmt.Sprintf("{%d}", 12+g.IntN(10)), fmt.Sprintf("{0,%d}", 20+g.IntN(40)))
	if r != "" && g.IntN(3) == 0 {
		r += "?"
	}
	return r
}

// randomText makes a text of what the patterns match, of parts of it, and of
// what their words are.
func (g *generator) randomText(patterns []string, parts int) []byte {
	var b bytes.Buffer
	for range parts {
		n := b.Len()
		switch g.IntN(12) {
		case 0:
			b.WriteString(pick(g, "\xff", "\xc5", "\xe2\x84", "世", "é", "ſ", "\u212A", "\u0130", "\x00"))
		case 1, 2:
			b.WriteString(pick(g, randomWords...))
		case 3, 4:
			b.WriteString(pick(g, " ", "\n", "=", "'", "\"", ";", "-", ":=", " = '", "\t", "a", "k", "s", "0"))
		case 5:
			b.WriteString(strings.Repeat(pick(g, "a", "k", "0", " ", "key", "ab", "-", "é"), g.IntN(30)))
		default:
			text := g.pattern(pick(g, patterns...))
			switch g.IntN(5) {
			case 0: // its start
				text = text[:g.IntN(len(text)+1)]
			case 1: // its end
				text = text[g.IntN(len(text)+1):]
			case 2: // something is in it
				at := g.IntN(len(text) + 1)
				text = text[:at] + pick(g, " ", "a", "k", "\n", "é", "ſ", "=", "-") + text[at:]
			}
			b.WriteString(text)
		}
		if b.Len() > 3000 {
			b.Truncate(n)
		}
	}
	return b.Bytes()
}

// randomRules are one to three rules that New takes.
func (g *generator) randomRules() rules.Set {
	var set rules.Set
	for n := 1 + g.IntN(3); len(set.Rules) < n; {
		r := rules.Rule{ID: pick(g, "", "", "generic-") + fmt.Sprintf("r%d", len(set.Rules)), Pattern: g.randomPattern()}
		tree, err := syntax.Parse(r.Pattern, syntax.Perl)
		if err != nil || !compiles(r.Pattern) || tree.Op == syntax.OpNoMatch || measure(tree, nil).min == 0 {
			continue
		}
		re := regexp.MustCompile(r.Pattern)
		if g.IntN(4) == 0 {
			r.SecretGroup = g.IntN(re.NumSubexp() + 1)
		}
		if g.IntN(6) == 0 {
			r.MinEntropy = float64(g.IntN(30)) / 10
		}
		if g.IntN(3) == 0 {
			r.Keywords = append(r.Keywords, pick(g, "key", "tok", "ab", "abc", "sk-", "kk", "a", "s", "é", "zqx", "zqx"))
		}
		if g.IntN(6) == 0 {
			a := rules.Allowlist{Target: pick(g, rules.TargetSecret, rules.TargetMatch, rules.TargetLine), RequireAll: g.IntN(3) == 0}
			if g.IntN(2) == 0 {
				a.StopWords = append(a.StopWords, pick(g, "ab", "a", "key"))
			}
			if len(a.StopWords) == 0 || g.IntN(2) == 0 {
				a.Patterns = append(a.Patterns, pick(g, `a`, `^a`, `k$`, `key`, `\bs`, `^.a`, `\d$`))
			}
			r.Allowlists = append(r.Allowlists, a)
		}
		set.Rules = append(set.Rules, r)
	}
	return set
}

// ruleCase is a set of rules with the scanners for it.
type ruleCase struct {
	set   rules.Set
	plain *Scanner
	cut   map[int]*Scanner
	path  string
	cuts  int // texts that went through a scanner in more than one round
}

// The limits of scanners that cut are so small that texts are longer. A chunk
// must be longer than what runeStart goes back.
func newRuleCase(t testing.TB, set rules.Set, chunks ...int) *ruleCase {
	t.Helper()
	c := &ruleCase{path: "a.txt", set: set, plain: newRules(t, Options{MaxDecode: -1}, set), cut: map[int]*Scanner{}}
	for _, n := range chunks {
		c.cut[n] = newRules(t, Options{MaxDecode: -1, limits: limits{chunk: n, maxMatch: 150, line: 100, stretch: 150}}, set)
	}
	return c
}

// differs says how what the engine finds in the text is not what the reference
// finds; "" if it is.
func (c *ruleCase) differs(t testing.TB, text []byte) string {
	want := reference(c.plain, c.path, text)
	check := func(name string, s *Scanner) string {
		got := ours(t, s, c.path, text, iotest.HalfReader(bytes.NewReader(text)))
		for i := range got {
			got[i].line = 0
		}
		missed, extra := diff(want, got)
		if len(missed)+len(extra) == 0 {
			return ""
		}
		if slices.ContainsFunc(slices.Concat(want, got), func(f found) bool { return f.match == "" }) {
			return "" // nothing but newlines, which are trimmed off: no rule is like that
		}
		if s != c.plain && slices.ContainsFunc(got, func(f found) bool { return len(f.match)+16 > s.limits.maxMatch }) {
			return "" // it was cut
		}
		return fmt.Sprintf("%s: missed %.300q, extra %.300q", name, missed, extra)
	}
	if d := check("whole", c.plain); d != "" {
		return d
	}
	for n, s := range c.cut {
		if !c.withinLimits(text, s.limits) {
			continue
		}
		if d := check(fmt.Sprintf("chunks of %d", n), s); d != "" {
			return d
		}
		if s.limits.size > 0 && len(text) > s.limits.size {
			c.cuts++
		}
	}
	return ""
}

// withinLimits reports whether a scanner with such limits should find the same
// as one with none: see the package comment.
func (c *ruleCase) withinLimits(text []byte, l limits) bool {
	if c.keywordIsLate(text) {
		return false
	}
	for _, r := range c.plain.rules {
		if r.plan.length.wide >= infinite && r.hasKeyword(text) {
			for _, loc := range r.pattern().FindAllIndex(text, -1) {
				if loc[1]-loc[0]+16 > l.maxMatch {
					return false
				}
			}
		}
		if r.generic || len(r.allowlists) > 0 {
			for line := range bytes.SplitSeq(text, newline) {
				if len(line) >= l.line {
					return false
				}
			}
		}
	}
	return true
}

// keywordIsLate reports whether a rule's keyword comes behind a match, where a
// scanner that cuts need not see it in time: see the package comment.
func (c *ruleCase) keywordIsLate(text []byte) bool {
	return slices.ContainsFunc(c.plain.rules, func(r *rule) bool { return keywordIsLate(r, text) })
}

func keywordIsLate(r *rule, text []byte) bool {
	if len(r.Keywords) == 0 {
		return false
	}
	lower := strings.ToLower(string(text))
	first := len(text)
	for _, k := range r.Keywords {
		if i := strings.Index(lower, k); i >= 0 {
			first = min(first, i+len(k))
		}
	}
	for _, loc := range r.pattern().FindAllIndex(text, -1) {
		if r.hasKeyword(bytes.Trim(text[loc[0]:loc[1]], "\n")) {
			continue
		}
		// Before it is early enough, if the prefilter is told of keywords. It
		// is not where a match has to have one; but a match can have it with ſ
		// for s, and then it is not one to strings.ToLower.
		if !r.plan.gated || first > loc[0] {
			return true
		}
	}
	return false
}

// shrink drops what it can from a text that fails.
func shrink(text []byte, fails func([]byte) bool) []byte {
	for n := len(text) / 2; n > 0; n /= 2 {
		for at := 0; at+n <= len(text); {
			if shorter := slices.Delete(bytes.Clone(text), at, at+n); fails(shorter) {
				text = shorter
			} else {
				at += n
			}
		}
	}
	return text
}

// report tells of a failure as briefly as it can be shown.
func (c *ruleCase) report(t testing.TB, seed uint64, text []byte) {
	t.Helper()
	for i := range c.set.Rules { // one rule is better than three
		one := newRuleCase(t, rules.Set{Rules: c.set.Rules[i : i+1]}, slices.Collect(maps.Keys(c.cut))...)
		if one.differs(t, text) != "" {
			c = one
			break
		}
	}
	text = shrink(text, func(b []byte) bool { return c.differs(t, b) != "" })
	t.Errorf("seed %d\nrules %+v\ntext %q\n%s", seed, c.set.Rules, text, c.differs(t, text))
}

func TestRandomRules(t *testing.T) {
	sets, texts := rounds(t, 2200, 150), 4
	cases, matches, cuts, failed := 0, 0, 0, 0
	for seed := range uint64(sets) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), wide: seed%4 == 0, long: seed%16 == 0}
		set := g.randomRules()
		c := newRuleCase(t, set, pick(g, 3, 5, 7, 30), pick(g, 16, 64, 300))
		var patterns []string
		for _, r := range set.Rules {
			patterns = append(patterns, r.Pattern)
		}
		for range texts {
			text := g.randomText(patterns, 1+g.IntN(pick(g, 12, 100)))
			if g.IntN(2) == 0 {
				text = append([]byte("zqx "), text...)
			}
			cases++
			matches += len(reference(c.plain, "a.txt", text))
			if c.differs(t, text) != "" {
				c.report(t, seed, text)
				if failed++; failed == 10 {
					t.Fatal("enough")
				}
				break
			}
		}
		cuts += c.cuts
	}
	t.Logf("%d rule sets, %d texts, %d matches, cut %d times", sets, cases, matches, cuts)
	if matches < 2*cases || cuts < cases/20 {
		t.Errorf("%d matches in %d texts, cut %d times: that shows too little", matches, cases, cuts)
	}
}

// anchored is what package regexp matches at text[at:], which starts a character.
func anchored(t testing.TB, pattern string, text []byte, at int) []int {
	t.Helper()
	n, open := utf8.RuneCount(text[:at]), ""
	for ; n > 900; n -= 900 {
		open += `(?s:.{900})`
	}
	re, err := regexp.Compile(fmt.Sprintf(`\A%s(?s:.{%d})(%s)`, open, n, pattern))
	if err != nil {
		t.Fatal(err)
	}
	m := re.FindSubmatchIndex(text)
	if m == nil {
		return nil
	}
	return m[2:]
}

// The matcher finds at each place what package regexp finds, or says that it
// is not sure.
func TestMatcher(t *testing.T) {
	patterns := rounds(t, 6000, 400)
	var asked, given, sure, failed int
	for seed := range uint64(patterns) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 2)), wide: seed%8 == 0}
		p := g.randomPattern()
		tree, err := syntax.Parse(p, syntax.Perl)
		if err != nil || !compiles(p) {
			continue
		}
		m := newMatcher(tree, 0, 0)
		given++
		if m == nil {
			continue
		}
		re := regexp.MustCompile(p)
		for range 3 {
			text := g.randomText([]string{p}, 1+g.IntN(4))
			if len(text) > 700 {
				continue
			}
			run := func(at int) []int {
				groups := make([]int, 2*m.groups)
				for i := range groups {
					groups[i] = -1
				}
				r := match{d: text, begin: true, end: true, groups: groups}
				groups[0], groups[1] = at, r.run(m.start, at)
				return groups
			}
			try := func(what string, at int, want []int) bool {
				asked++
				got := run(at)
				if got[1] == unsure {
					return true
				}
				sure++
				if got[1] == noMatch && want == nil || reflect.DeepEqual(got, want) {
					return true
				}
				failed++
				t.Errorf("%s: pattern %q, text %q at %d: %v, want %v", what, p, text, at, got, want)
				return false
			}
			leftmost, ok := re.FindSubmatchIndex(text), true
			for at, n := 0, 0; at <= len(text) && ok; at += max(n, 1) {
				_, n = utf8.DecodeRune(text[at:])
				if leftmost != nil && at == leftmost[0] {
					ok = try("leftmost", at, leftmost)
					break
				}
				ok = try("before the leftmost", at, nil)
			}
			for range 3 {
				at := g.IntN(len(text) + 1)
				if utf8.Valid(text) && (at == len(text) || utf8.RuneStart(text[at])) && ok {
					ok = try("anchored", at, anchored(t, p, text, at))
				}
			}
			if failed > 10 {
				t.Fatal("enough")
			}
		}
	}
	t.Logf("%d patterns, %d places, %d answers", given, asked, sure)
	if sure < asked/2 || asked < 20*given {
		t.Errorf("%d answers at %d places of %d patterns: that shows too little", sure, asked, given)
	}
}

// FuzzRules is TestRandomRules without an end, and with texts of the fuzzer's.
func FuzzRules(f *testing.F) {
	for i, text := range []string{"", "abc", "key=abc", "\n\xffkey", "ſk\u212A"} {
		f.Add([]byte(text), uint64(i))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		if len(text) > 1000 {
			return
		}
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 3)), wide: seed%4 == 0, long: seed%16 == 0}
		set := g.randomRules()
		var patterns []string
		for _, r := range set.Rules {
			patterns = append(patterns, r.Pattern)
		}
		c := newRuleCase(t, set, pick(g, 3, 5, 40))
		for range 3 {
			made := g.randomText(patterns, 1+g.IntN(6))
			made = slices.Insert(made, g.IntN(len(made)+1), text...)
			if c.differs(t, made) != "" {
				c.report(t, seed, made)
				return
			}
		}
	})
}
