package check

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// allowance is a comment that takes findings back: "leakscan:allow RULE reason"
// before or inside of an instruction, or BuildKit's "check=skip=…" of the
// equivalent rule, before the instruction or at the top of the file.
type allowance struct {
	src  *source
	line int
	in   *instruction // nil: the whole file
	id   string       // of a check; "" with docker set
	why  string
	skip *linter.Config // of a check= comment
}

const allowMark = "leakscan:allow"

// allow takes back what comments allow, and says so.
func (c *checker) allow() {
	var all []allowance
	for _, s := range c.srcs {
		all = append(all, c.allowances(s)...)
	}
	if len(all) == 0 {
		return
	}
	used := map[int]int{}
	c.found = slices.DeleteFunc(c.found, func(f *finding) bool {
		for i, a := range all {
			if a.covers(f) {
				used[i]++
				return true
			}
		}
		return false
	})
	for i, a := range all {
		switch {
		case a.skip != nil:
			if used[i] > 0 {
				c.note("%s:%d: check=skip takes back %s", a.src.name, a.line, findings(used[i]))
			}
		case used[i] > 0:
			c.note("%s:%d: %s takes back %s: %s", a.src.name, a.line, a.id, findings(used[i]), a.why)
		default:
			c.note("%s:%d: %s %s has nothing to allow", a.src.name, a.line, allowMark, a.id)
		}
	}
}

func findings(n int) string {
	if n == 1 {
		return "one finding"
	}
	return strconv.Itoa(n) + " findings"
}

func (a *allowance) covers(f *finding) bool {
	if f.src != a.src {
		return false
	}
	if a.in != nil && f.in != a.in && (f.in == nil || f.in.onbuild != a.in) {
		return false
	}
	if a.skip == nil {
		return f.id == a.id && (a.in != nil || f.in == nil && f.line() >= a.line && f.line() <= a.line+1)
	}
	chk, _ := Find(f.id)
	if chk.Docker == "" {
		return false
	}
	return a.skip.SkipAll || slices.Contains(a.skip.SkipRules, chk.Docker)
}

func (f *finding) line() int {
	n, _ := f.src.position(f.at.from)
	return n
}

// allowances reads the comments of a file.
func (c *checker) allowances(s *source) (out []allowance) {
	isDockerfile := c.d != nil && s == c.d.src
	if isDockerfile {
		if v, _, ranges, ok := parser.ParseDirective("check", s.data); ok {
			if conf, err := linter.ParseLintOptions(v); err == nil && len(ranges) > 0 {
				out = append(out, allowance{src: s, line: ranges[0].Start.Line, skip: conf})
			}
		}
	}
	if !bytes.Contains(s.data, []byte(allowMark)) && !bytes.Contains(s.data, []byte("check=")) {
		return out
	}
	for n := 1; n <= len(s.lines); n++ {
		l := string(s.line(n))
		_, comment, ok := strings.Cut(l, "#")
		if !ok {
			continue
		}
		comment = strings.TrimSpace(comment)
		var in *instruction
		if isDockerfile {
			if in = c.after(s, n); in == nil {
				continue
			}
			if !strings.HasPrefix(strings.TrimSpace(l), "#") && (in.first > n || n > in.last || len(in.body) == 0) {
				continue // no comment, but a # in a command
			}
		}
		if rest, ok := strings.CutPrefix(comment, allowMark); ok {
			id, why, _ := strings.Cut(strings.TrimSpace(rest), " ")
			why = strings.TrimSpace(why)
			if _, ok := Find(id); !ok {
				c.note("%s:%d: %s names %q, which is no check", s.name, n, allowMark, id)
				continue
			}
			if why == "" {
				c.note("%s:%d: %s %s has no effect without a reason behind it", s.name, n, allowMark, id)
				continue
			}
			out = append(out, allowance{src: s, line: n, in: in, id: id, why: why})
			continue
		}
		if v, ok := strings.CutPrefix(comment, "check="); ok && in != nil && slices.Contains(in.comments, comment) {
			v, _, _ := strings.Cut(v, " ")
			if conf, err := linter.ParseLintOptions(v); err == nil {
				out = append(out, allowance{src: s, line: n, in: in, skip: conf})
			}
		}
	}
	return out
}

// after returns the instruction that a comment in a line is about: the one it
// is in, or the next.
func (c *checker) after(s *source, line int) *instruction {
	for _, in := range c.d.all() {
		if line <= in.last {
			if in.first > line {
				// Comments and empty lines only in between.
				for n := line + 1; n < in.first; n++ {
					if t := bytes.TrimSpace(s.line(n)); len(t) > 0 && t[0] != '#' {
						return nil
					}
				}
			}
			return in
		}
	}
	return nil
}
