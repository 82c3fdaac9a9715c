package buildcontext

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const (
	maxIgnoreFile = 1 << 20
	maxPattern    = maxPath
	maxStars      = 32   // in one pattern: each multiplies what matching costs
	maxRepeats    = 1000 // in one pattern, and a hundred times that in all
)

// An ignoreFile is the ignore file that counts, and its patterns.
type ignoreFile struct {
	name     string
	patterns []string // as BuildKit's client hands them to fsutil
	rules    []rule   // one for each pattern that patternmatcher keeps
	weight   int64    // what it costs to match one short path, in units of about 50 ns

	// The walk leaves out an ignored directory without looking into it if no
	// exception can be in there. It can only tell that if all are plain paths.
	plainExceptions bool
	exceptions      []string

	mu sync.Mutex // a pattern is compiled when it is first used
}

// A rule is one pattern of the ignore file.
type rule struct {
	text    string // without the "!"
	line    int
	except  bool
	matcher *patternmatcher.PatternMatcher
	start   patternmatcher.MatchInfo
}

// findIgnoreFile looks where BuildKit and buildx do: the Dockerfile's own
// ignore file lies beside it, wherever that is, even if it is empty; only
// without it the .dockerignore of the context counts.
func (c *Context) findIgnoreFile(dockerfile string) (*ignoreFile, error) {
	if dockerfile != "" {
		dir, base := filepath.Split(dockerfile)
		if dir == "" {
			dir = "."
		}
		if root, err := os.OpenRoot(dir); err == nil {
			defer root.Close()
			if base == "Dockerfile" && !exists(root, base) && exists(root, "dockerfile") {
				base = "dockerfile" // buildx takes this one instead
			}
			ig, err := readIgnoreFile(root, base+".dockerignore", c.nameOf(dir, base+".dockerignore"))
			if ig != nil || err != nil {
				return ig, err
			}
		}
	}
	return readIgnoreFile(c.root, ".dockerignore", ".dockerignore")
}

func exists(root *os.Root, name string) bool {
	_, err := root.Lstat(name)
	return err == nil
}

// nameOf is the file's path in the context, or the path it was found at.
func (c *Context) nameOf(dir, base string) string {
	if d, err := filepath.EvalSymlinks(dir); err == nil {
		if d, err = filepath.Abs(d); err == nil {
			if rel, err := filepath.Rel(c.dir, filepath.Join(d, base)); err == nil && filepath.IsLocal(rel) {
				return filepath.ToSlash(rel)
			}
		}
	}
	return filepath.Join(dir, base)
}

// readIgnoreFile gives nil for a file that BuildKit does without: one that is
// missing, is a directory, or is a link to nothing in its root.
func readIgnoreFile(root *os.Root, base, name string) (*ignoreFile, error) {
	f, st, err := openRegular(root, base)
	switch {
	case err == nil:
	case notFound(err), errors.Is(err, errTooManyLinks), st != nil && st.IsDir():
		return nil, nil
	default:
		return nil, fmt.Errorf("the ignore file %s cannot be read (%s), so it is not known what the build sends: mend or remove it: %w", name, Reason(err), err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIgnoreFile+1))
	if err != nil {
		return nil, fmt.Errorf("the ignore file %s cannot be read (%s), so it is not known what the build sends: mend or remove it: %w", name, Reason(err), err)
	}
	return parseIgnoreFile(name, data)
}

func parseIgnoreFile(name string, data []byte) (*ignoreFile, error) {
	if len(data) > maxIgnoreFile {
		return nil, fmt.Errorf("the ignore file %s is larger than %d bytes: use fewer, wider patterns", name, maxIgnoreFile)
	}
	lines, err := patternLines(name, data)
	if err != nil {
		return nil, err
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the ignore file %s: %w", name, err)
	}
	if len(patterns) != len(lines) {
		return nil, fmt.Errorf("the ignore file %s has %d patterns on %d lines: this is a bug in leakscan", name, len(patterns), len(lines))
	}
	ig := &ignoreFile{name: name, patterns: patterns, plainExceptions: true, rules: make([]rule, 0, len(lines))}
	start, err := startInfo()
	if err != nil {
		return nil, err
	}
	for i, p := range patterns {
		if !utf8.ValidString(p) {
			// The frontend looks at it as it is, but it reaches the builder
			// as JSON, which cannot hold such bytes.
			if _, err := patternmatcher.New([]string{p}); err != nil {
				return nil, badPattern(name, lines[i], p, err)
			}
			p = string([]rune(p))
			patterns[i] = p
		}
		r, ok, err := newRule(p, start)
		if err != nil {
			return nil, badPattern(name, lines[i], p, err)
		}
		if !ok {
			continue
		}
		r.line = lines[i]
		ig.add(r)
	}
	return ig, nil
}

func badPattern(name string, line int, p string, err error) error {
	return fmt.Errorf("%s:%d: the pattern %q cannot be used (%w): mend it, or put a backslash before each of * ? [ \\ that is meant as it is", name, line, p, err)
}

// patternLines gives the line of each pattern of an ignore file, counted from
// 1, by the same rule by which ignorefile skips lines.
func patternLines(name string, data []byte) ([]int, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if i := bytes.IndexByte(data, 0); i >= 0 {
		n := 1 + bytes.Count(data[:i], []byte("\n"))
		return nil, fmt.Errorf("%s:%d: there is a NUL byte, so its patterns match nothing: save the file as UTF-8, it may be UTF-16", name, n)
	}
	var lines []int
	n, all := 0, 0
	for line := range bytes.Lines(data) {
		n++
		if len(line) >= bufio.MaxScanTokenSize {
			return nil, fmt.Errorf("%s:%d: the line is longer than %d bytes, and BuildKit reads none so long: shorten it", name, n, bufio.MaxScanTokenSize-1)
		}
		if line[0] == '#' {
			continue
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := tooCostly(string(line)); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if all += repeats(string(line)); all > 100*maxRepeats {
			return nil, fmt.Errorf("%s:%d: %w", name, n, errRepeats)
		}
		lines = append(lines, n)
	}
	return lines, nil
}

var errRepeats = errors.New("the braces of the pattern repeat for too long, and do not do what they do in a shell: put a backslash before each")

// tooCostly refuses a pattern that no path needs and that takes long to
// match, or much memory to compile.
func tooCostly(p string) error {
	switch {
	case len(p) > maxPattern:
		return fmt.Errorf("the pattern is longer than %d bytes, and no path is: shorten it", maxPattern)
	case stars(p) > maxStars:
		return fmt.Errorf("the pattern has more than %d stars, which takes too long to match: use fewer", maxStars)
	case repeats(p) > maxRepeats:
		return errRepeats
	}
	return nil
}

// stars counts those that are not meant as they are.
func stars(p string) (n int) {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '*':
			n++
		}
	}
	return n
}

// repeats adds up the numbers after opening braces. patternmatcher does not
// quote them, so that in a pattern with wildcards "a{900}" is 900 times an a.
func repeats(p string) (sum int) {
	for i := 0; i < len(p); i++ {
		if p[i] == '\\' {
			i++ // the next is quoted
			continue
		}
		if p[i] != '{' {
			continue
		}
		n, most := 0, 0
		for _, d := range p[i+1:] {
			if d >= '0' && d <= '9' && n < 1e6 {
				n = n*10 + int(d-'0')
				most = max(most, n)
			} else if d == ',' {
				n = 0
			} else {
				break
			}
		}
		sum += most
	}
	return sum
}

// startInfo is what makes patternmatcher match a path by itself: told that
// the parent directory was looked at, it does not look at the parents.
func startInfo() (patternmatcher.MatchInfo, error) {
	pm, err := patternmatcher.New([]string{"**", "!x"})
	if err != nil {
		return patternmatcher.MatchInfo{}, err
	}
	_, info, err := pm.MatchesUsingParentResults("y", patternmatcher.MatchInfo{})
	return info, err
}

// newRule makes the rule of one pattern, if patternmatcher keeps it. It is
// written as an exception to everything, so that a pattern that itself begins
// with "!" needs no care.
func newRule(p string, start patternmatcher.MatchInfo) (rule, bool, error) {
	pm, err := patternmatcher.New([]string{p})
	if err != nil || len(pm.Patterns()) == 0 {
		return rule{}, false, err
	}
	r := rule{text: pm.Patterns()[0].String(), except: pm.Patterns()[0].Exclusion(), start: start}
	if r.matcher, err = patternmatcher.New([]string{"**", "!" + r.text}); err != nil {
		return rule{}, false, err
	}
	_, err = r.match("x") // compiles it
	return r, true, err
}

func (r *rule) match(p string) (bool, error) {
	all, _, err := r.matcher.MatchesUsingParentResults(p, r.start)
	return err == nil && !all, err
}

func (ig *ignoreFile) add(r rule) {
	ig.rules = append(ig.rules, r)
	ig.weight++
	if strings.ContainsAny(r.text, `*?[]\`) {
		n := int64(stars(r.text))
		ig.weight += 1 + n*n + int64(repeats(r.text))
	}
	if r.except {
		p := strings.TrimSuffix(strings.TrimSuffix(r.text, "/**"), "/*")
		ig.exceptions = append(ig.exceptions, p+"/")
		if strings.ContainsAny(p, `*[]?^\`) {
			ig.plainExceptions = false
		}
	}
}

// prunes says whether the walk does not even look into an ignored directory.
func (ig *ignoreFile) prunes(dir string) bool {
	if !ig.plainExceptions {
		return false
	}
	for _, e := range ig.exceptions {
		if strings.HasPrefix(e, dir+"/") {
			return false
		}
	}
	return true
}

// IgnoreFile is the path of the ignore file that counts, relative to the
// context, or as it was found if it lies outside. "": there is none.
func (c *Context) IgnoreFile() string {
	if c.ignore == nil {
		return ""
	}
	return c.ignore.name
}

// Ignored says whether the ignore file leaves path out, and by which pattern
// on which line. A directory that is ignored is still sent, without the rest
// of it, if an exception brings back something in it.
func (c *Context) Ignored(name string) (ignored bool, pattern string, line int) {
	name = relative(path.Join("/", filepath.ToSlash(name)))
	if c.ignore == nil || name == "." || len(name) > maxPath {
		return false, "", 0
	}
	ig := c.ignore
	ig.mu.Lock()
	defer ig.mu.Unlock()
	// This is patternmatcher's MatchesUsingParentResults from the top down, as
	// the walk calls it, but it remembers which pattern decided.
	matched := make([]bool, len(ig.rules)) // by the path so far, or a parent of it
	for end := 0; end < len(name); {
		next := strings.IndexByte(name[end+1:], '/')
		if end = end + 1 + next; next < 0 {
			end = len(name)
		}
		by := -1
		for i := range ig.rules {
			r := &ig.rules[i]
			if !matched[i] && r.except == (by >= 0) {
				matched[i], _ = r.match(name[:end])
			}
			if !matched[i] {
				continue
			}
			if by = i; r.except {
				by = -1
			}
		}
		if by >= 0 && (end == len(name) || ig.prunes(name[:end])) {
			return true, ig.rules[by].text, ig.rules[by].line
		}
	}
	return false, "", 0
}

// IgnoreLine is the line that, added at the end of the ignore file, leaves
// path out, and if it is a directory all that is in it. What no line can say
// (a newline, bytes that are not UTF-8) becomes a "?".
func (c *Context) IgnoreLine(name string) string {
	name = relative(path.Join("/", filepath.ToSlash(name)))
	if name == "." {
		return "**"
	}
	var b strings.Builder
	for i, r := range name {
		size := utf8.RuneLen(r)
		first, last := i == 0, i+size >= len(name)
		switch {
		case r == utf8.RuneError, r == '\n', r == '\uFEFF' && first:
			b.WriteByte('?')
		case unicode.IsSpace(r) && (first || last):
			// A class, because the ends of a line are trimmed.
			b.WriteByte('[')
			b.WriteRune(r)
			b.WriteByte(']')
		// patternmatcher forgets to quote ^ { | } in its regular expressions.
		case strings.ContainsRune(`*?[]\^{|}`, r), first && (r == '!' || r == '#'):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
