//go:build linux

package buildcontext

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"golang.org/x/sys/unix"
)

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"file": ""})
	for _, tt := range []struct{ dir, want string }{
		{"none", "none does not exist: give the directory"},
		{"file", "file is not a directory: give the directory"},
	} {
		if _, err := Open(filepath.Join(dir, tt.dir), Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.dir, err, tt.want)
		}
	}
	for _, tt := range []struct{ ignore, want string }{
		{"a\n\n# x\n[\n", `.dockerignore:4: the pattern "[" cannot be used (syntax error in pattern): mend it`},
		{"a\n!\n", `.dockerignore:2: the pattern "!"`},
		{"\n[z-a]\n", `.dockerignore:2: the pattern "[z-a]"`},
		{"a\\", `.dockerignore:1: the pattern "a\\"`},
		{"\xff\xfea\x00\n\x00", ".dockerignore:1: there is a NUL byte, so its patterns match nothing: save the file as UTF-8"},
		{"a\n" + strings.Repeat("b", 5000), ".dockerignore:2: the pattern is longer than 4096 bytes"},
		{"a\n" + strings.Repeat("*a", 40), ".dockerignore:2: the pattern has more than 32 stars"},
		{"a\n*" + strings.Repeat("[a-z]{900}", 2), ".dockerignore:2: the braces of the pattern repeat for too long"},
		{strings.Repeat("*[a-z]{900}\n", 200), ".dockerignore:112: the braces of the pattern repeat for too long"},
		{"a\n#" + strings.Repeat("b", 70000), ".dockerignore:2: the line is longer than 65535 bytes"},
		{strings.Repeat("b\n", 600000), "the ignore file .dockerignore is larger than 1048576 bytes"},
	} {
		d := t.TempDir()
		write(t, d, map[string]string{".dockerignore": tt.ignore})
		c, err := Open(d, Options{})
		if err == nil {
			c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.20q: %v, want %q", tt.ignore, err, tt.want)
		}
	}
	pipe := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(pipe, ".dockerignore"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(pipe, Options{}); err == nil || !strings.Contains(err.Error(), ".dockerignore cannot be read (not a regular file)") {
		t.Errorf("a pipe as ignore file: %v", err)
	}
}

func TestIgnoreFileThatCounts(t *testing.T) {
	for _, tt := range []struct {
		name, dockerfile string
		tree             map[string]string
		want             string
	}{
		{"none", "ctx/Dockerfile", nil, ""},
		{"the context's", "ctx/Dockerfile", map[string]string{"ctx/.dockerignore": ""}, ".dockerignore"},
		{"the Dockerfile's wins", "ctx/Dockerfile", map[string]string{"ctx/.dockerignore": "", "ctx/Dockerfile.dockerignore": ""}, "Dockerfile.dockerignore"},
		{"not from stdin", "", map[string]string{"ctx/.dockerignore": "", "ctx/Dockerfile.dockerignore": ""}, ".dockerignore"},
		{"by its name", "ctx/sub/x.df", map[string]string{"ctx/.dockerignore": "", "ctx/sub/x.df.dockerignore": "", "ctx/x.df.dockerignore": ""}, "sub/x.df.dockerignore"},
		{"outside", "out/Dockerfile", map[string]string{"ctx/.dockerignore": "", "out/Dockerfile.dockerignore": "", "out/.dockerignore": ""}, "DIR/out/Dockerfile.dockerignore"},
		{"outside without", "out/Dockerfile", map[string]string{"ctx/.dockerignore": "", "out/.dockerignore": ""}, ".dockerignore"},
		{"lower case", "ctx/Dockerfile", map[string]string{"ctx/dockerfile": "", "ctx/dockerfile.dockerignore": "", "ctx/Dockerfile.dockerignore": ""}, "dockerfile.dockerignore"},
		{"a directory is none", "ctx/Dockerfile", map[string]string{"ctx/.dockerignore/": ""}, ""},
		{"a directory, then the context's", "ctx/Dockerfile", map[string]string{"ctx/Dockerfile.dockerignore/": "", "ctx/.dockerignore": ""}, ".dockerignore"},
		{"a link", "ctx/Dockerfile", map[string]string{"ctx/.dockerignore": "-> sub/ig", "ctx/sub/ig": "x"}, ".dockerignore"},
		{"a link out is none", "ctx/Dockerfile", map[string]string{"ctx/.dockerignore": "-> ../ig", "ig": "x"}, ""},
		{"no such Dockerfile", "nope/Dockerfile", map[string]string{"ctx/.dockerignore": ""}, ".dockerignore"},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"ctx/": ""})
		write(t, dir, tt.tree)
		o := Options{}
		if tt.dockerfile != "" {
			o.Dockerfile = filepath.Join(dir, tt.dockerfile)
		}
		c, err := Open(filepath.Join(dir, "ctx"), o)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got, want := c.IgnoreFile(), strings.ReplaceAll(tt.want, "DIR", dir); got != want {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
		c.Close()
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"ctx/df.dockerignore": "x"})
	t.Chdir(filepath.Join(dir, "ctx"))
	if c, err := Open(".", Options{Dockerfile: "df"}); err != nil || c.IgnoreFile() != "df.dockerignore" {
		t.Errorf("relative: %v", err)
	} else {
		c.Close()
	}
}

func TestIgnored(t *testing.T) {
	ignore := "\xef\xbb\xbf# comment\r\n  secret  \r\n\r\n/rooted\n!secret/keep\n**/*.pem\nnode\n!node/a/b\n #notcomment\n!**/public.pem\na/../gone/\nd?r/[xy]\n\\!bang\nb\xffd\n"
	ig, err := parseIgnoreFile("i", []byte(ignore))
	if err != nil {
		t.Fatal(err)
	}
	c := &Context{ignore: ig}
	for _, tt := range []struct {
		path, pattern string
		line          int
	}{
		{"secret", "secret", 2}, {"secret/x/y", "secret", 2}, {"secret/keep", "", 0}, {"secret/keep/x", "", 0}, {"x/secret", "", 0},
		{"rooted", "rooted", 4}, {"/rooted/x", "rooted", 4}, {"a/b/c.pem", "**/*.pem", 6}, {"c.pem", "**/*.pem", 6},
		{"a/public.pem", "", 0}, {"node/a/b/c", "", 0}, {"node/a/c", "node", 7}, {"node/a", "node", 7}, {"#notcomment", "#notcomment", 9},
		{"gone/x", "gone", 11}, {"dir/x", "d?r/[xy]", 12}, {"dir/z", "", 0}, {"!bang", `\!bang`, 13}, {"b\xffd", "", 0}, {"b\uFFFDd", "b\uFFFDd", 14},
		{".", "", 0}, {"", "", 0}, {"..", "", 0}, {"secret/keep/a.pem", "**/*.pem", 6},
	} {
		ok, pattern, line := c.Ignored(tt.path)
		if ok != (tt.line > 0) || pattern != tt.pattern || line != tt.line {
			t.Errorf("Ignored(%q) = %v %q %d, want %q %d", tt.path, ok, pattern, line, tt.pattern, tt.line)
		}
	}
}

func TestIgnoreLine(t *testing.T) {
	c := &Context{}
	for name, want := range map[string]string{
		"a/b.txt": "a/b.txt", "#x": `\#x`, "!x": `\!x`, "a!b#": "a!b#", "*": `\*`, "a[1]?": `a\[1\]\?`, `a\b`: `a\\b`, " x ": "[ ]x[ ]",
		"a b": "a b", "a\nb": "a?b", "b\xff\xfe": "b??", "\ufeffx": "?x", "a^b*": `a\^b\*`, "{a|b}": `\{a\|b\}`, "/a": "a", ".": "**", "a\r": "a[\r]", "\u00a0x": "[\u00a0]x",
	} {
		got := c.IgnoreLine(name)
		if got != want {
			t.Errorf("IgnoreLine(%q) = %q, want %q", name, got, want)
		}
	}
}

// Whatever the name, the line leaves it out and not its neighbours.
func FuzzIgnoreLine(f *testing.F) {
	for _, s := range []string{"a/b", "#", "!!", " \t", "[a]", `\`, "^", "a\nb", "\xff", "$.+()|{}", "**", "a/ b", " |", "*{2}", "0{2000", `\{9999}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = relative(filepath.Join("/", name))
		if name == "." || strings.ContainsRune(name, 0) || len(name) > 200 {
			return
		}
		line := (&Context{}).IgnoreLine(name)
		for _, before := range []string{"", "x\n!*\n"} {
			ig, err := parseIgnoreFile("i", []byte(before+line+"\n"))
			if strings.Count(line, "*") > maxStars {
				return
			}
			if err != nil {
				t.Fatalf("%q: %q: %v", name, line, err)
			}
			c := &Context{ignore: ig}
			if ok, _, _ := c.Ignored(name); !ok {
				t.Errorf("%q does not leave out %q", line, name)
			}
			if ok, _, _ := c.Ignored(name + "/below"); !ok {
				t.Errorf("%q does not leave out what is in %q", line, name)
			}
			if ok, _, _ := c.Ignored(name + "x"); ok {
				t.Errorf("%q leaves out %q", line, name+"x")
			}
		}
	})
}

// The reader agrees with BuildKit's, and Ignored with its matcher.
func FuzzIgnoreFile(f *testing.F) {
	f.Add("a\n!b\r\n# c\n", "a/b")
	f.Add("\xef\xbb\xbf#\n\n /\n!\n**/**\n[^]", "x")
	f.Add("/ /\n!!x\n!**", "!x")
	f.Fuzz(func(t *testing.T, data, name string) {
		ig, err := parseIgnoreFile("i", []byte(data))
		if err != nil {
			return
		}
		patterns, err := ignorefile.ReadAll(strings.NewReader(data))
		if err != nil {
			t.Fatalf("ignorefile: %v", err)
		}
		pm, err := patternmatcher.New(patterns)
		if err != nil {
			t.Fatalf("patternmatcher: %v", err)
		}
		if len(pm.Patterns()) != len(ig.rules) {
			t.Fatalf("%d patterns, %d rules", len(pm.Patterns()), len(ig.rules))
		}
		lines := bytes.Split([]byte(data), []byte("\n"))
		for i, r := range ig.rules {
			if i > 0 && r.line <= ig.rules[i-1].line || r.line > len(lines) {
				t.Fatalf("rule %d on line %d", i, r.line)
			}
		}
		name = relative(filepath.Join("/", name))
		if name == "." || len(name) > maxPath {
			return
		}
		c := &Context{ignore: ig}
		got, pattern, _ := c.Ignored(name)
		if slices.Equal(patterns, ig.patterns) {
			want, err := chain(pm, name)
			if err == nil && got != want {
				t.Errorf("Ignored(%q) = %v by %q, patternmatcher %v", name, got, pattern, want)
			}
		}
	})
}

// chain matches from the top down, as the walk does.
func chain(pm *patternmatcher.PatternMatcher, name string) (m bool, err error) {
	var info patternmatcher.MatchInfo
	for i := range len(name) + 1 {
		if i == len(name) || name[i] == '/' {
			if m, info, err = pm.MatchesUsingParentResults(name[:i], info); err != nil {
				return false, err
			}
		}
	}
	return m, nil
}

func TestOpenFile(t *testing.T) {
	out := t.TempDir()
	write(t, out, map[string]string{"key": "out"})
	c := open(t, map[string]string{
		"a": "A", "dir/b": "B", "link": "-> dir/b", "abs": "-> /dir/b", "up": "-> ../../a", "dlink": "-> dir", "dir/out": "-> " + out + "/key",
		"loop": "-> loop2", "loop2": "-> loop", ".dockerignore": "a",
	}, Options{})
	syscall.Mkfifo(filepath.Join(c.dir, "pipe"), 0o600)
	for name, want := range map[string]string{"a": "A", "/a": "A", "../a": "A", "link": "B", "abs": "B", "up": "A", "dlink/b": "B"} {
		f, err := c.OpenFile(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, _ := io.ReadAll(f)
		f.Close()
		if string(b) != want {
			t.Errorf("%s: %q, want %q", name, b, want)
		}
	}
	for _, name := range []string{"dir", "dir/out", "loop", "pipe", "none", "a/b", "", "a\x00b"} {
		var ee *EntryError
		if f, err := c.OpenFile(name); !errors.As(err, &ee) {
			t.Errorf("%q: %v", name, err)
			if err == nil {
				f.Close()
			}
		}
	}
}

func walk(t testing.TB, c *Context) (out []string) {
	t.Helper()
	for f, err := range c.Walk(context.Background()) {
		if err != nil {
			out = append(out, "! "+err.Error())
			continue
		}
		out = append(out, f.Path)
	}
	return out
}

func TestWalkOddEntries(t *testing.T) {
	c := open(t, map[string]string{"new\nline": "", "bad\xff\xfe": "", strings.Repeat("n", 255): "", "loop": "-> .", "out": "-> /", "a/b": "", "a.txt": ""}, Options{})
	if err := syscall.Mkfifo(filepath.Join(c.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(c.dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := []string{"a", "a/b", "a.txt", "bad\xff\xfe", "loop", "new\nline", strings.Repeat("n", 255), "out", "pipe", "sock"}
	if got := walk(t, c); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, f := range walkAll(t, c) {
		if want, ok := map[string]fs.FileMode{"a": fs.ModeDir, "a/b": 0, "loop": fs.ModeSymlink, "pipe": fs.ModeNamedPipe, "sock": fs.ModeSocket}[f.Path]; ok && f.Mode.Type() != want {
			t.Errorf("%s: %v", f.Path, f.Mode)
		}
		if f.Path == "out" && f.Link != "/" {
			t.Errorf("out -> %q", f.Link)
		}
	}
	for range c.Walk(context.Background()) {
		break
	}
	taken, _ := c.Select(context.Background(), Copy{Sources: []string{"pipe", "loop", "out"}, Dest: "/x/", Add: true}, walkAll(t, c))
	if len(taken) == 0 || taken[0].File.Path != "pipe" || taken[0].Unpacked {
		t.Errorf("took %s", show(taken))
	}
}

// A directory deeper than a path may be long is a fault, not the end.
func TestWalkDeep(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"z": ""})
	name := strings.Repeat("d", 200)
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 25 {
		if err := unix.Mkdirat(fd, name, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		unix.Close(fd)
		if err != nil {
			t.Fatal(err)
		}
		fd = next
	}
	unix.Close(fd)
	c, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := walk(t, c)
	if len(got) < 20 || got[len(got)-1] != "z" || !strings.HasSuffix(got[len(got)-2], "file name too long") {
		t.Errorf("%d entries, the last: %.60q", len(got), got[max(0, len(got)-3):])
	}
}

// As root nothing is unreadable, so this thread gives up the right for a
// while.
func TestWalkFaults(t *testing.T) {
	dir := t.TempDir()
	for p := dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		os.Chmod(p, 0o755)
	}
	write(t, dir, map[string]string{"a": "", "closed/x": "", "ignored/x": "", "kept/in": "", "unlisted/x": "", "z": "", ".dockerignore": "ignored\nkept\n!kept/in\n!*.none"})
	c, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	os.Chmod(filepath.Join(dir, "closed"), 0)
	os.Chmod(filepath.Join(dir, "ignored"), 0)
	os.Chmod(filepath.Join(dir, "unlisted"), 0o444) // lists, but what is in it cannot be looked at
	defer func() {
		for _, d := range []string{"closed", "ignored", "unlisted"} {
			os.Chmod(filepath.Join(dir, d), 0o755)
		}
	}()
	if os.Geteuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Skipf("SKIPPED: unreadable directories are not tested: setfsuid: %v", err)
		}
		defer unix.Setfsuid(0)
	}
	got := walk(t, c)
	want := []string{".dockerignore", "a", "closed", "! closed: permission denied", "kept", "kept/in", "unlisted", "! unlisted/x: permission denied", "z"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWalkVanished(t *testing.T) {
	c := open(t, map[string]string{"a": "", "b": "", "c/x": "", "d": "", "e": "", ".dockerignore": "q*"}, Options{})
	var got []string
	for f, err := range c.Walk(context.Background()) {
		if err != nil {
			var ee *EntryError
			if !errors.As(err, &ee) {
				t.Fatal(err)
			}
			got = append(got, "! "+ee.Path)
			continue
		}
		got = append(got, f.Path)
		switch f.Path {
		case "a":
			os.Remove(filepath.Join(c.dir, "b"))
			os.Remove(filepath.Join(c.dir, "d"))
			os.Mkdir(filepath.Join(c.dir, "d"), 0o755)
		case "c":
			os.RemoveAll(filepath.Join(c.dir, "c"))
		}
	}
	if want := []string{".dockerignore", "a", "! b", "c", "! c", "! d", "e"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	os.RemoveAll(c.dir)
	if got := walk(t, c); !slices.Equal(got, []string{"! .: no such file or directory"}) {
		t.Errorf("without its directory: %q", got)
	}
}

func TestWalkLimits(t *testing.T) {
	tree := map[string]string{".dockerignore": "x*"}
	for i := range 20 {
		tree[fmt.Sprint("f", i)] = ""
		tree[fmt.Sprint("x", i)] = ""
	}
	for limit, fine := range map[int]bool{21: true, 20: false} {
		c := open(t, tree, Options{MaxFiles: limit})
		n := 0
		var last error
		for _, err := range c.Walk(context.Background()) {
			if last = err; err == nil {
				n++
			}
		}
		var le *LimitError
		if n != limit || errors.As(last, &le) == fine {
			t.Errorf("limit %d: %d entries, %v", limit, n, last)
		}
	}
	dear := open(t, tree, Options{})
	dear.ignore.weight = maxWork / 30
	for _, err := range dear.Walk(context.Background()) {
		var le *LimitError
		if err != nil && (!errors.As(err, &le) || le.Limit != maxWork) {
			t.Errorf("costly patterns: %v", err)
		}
	}
	c := open(t, tree, Options{})
	ctx, stop := context.WithCancel(context.Background())
	stop()
	for f, err := range c.Walk(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v after the end", f, err)
		}
	}
}

// No ignore file makes one path take long. The walk adds up what they take.
func TestHostilePatterns(t *testing.T) {
	long := strings.Repeat("abcdefgh/", 6) + "x"
	for name, ignore := range map[string]string{
		"lines":    strings.Repeat("some/dir/*.log\n", 10000),
		"stars":    strings.Repeat(strings.Repeat("*a", 31)+"\n", 10000),
		"globstar": strings.Repeat(strings.Repeat("**/", 15)+"x\n", 10000),
		"tripled":  strings.Repeat("***\n", 10) + strings.Repeat("***/***/***/a***\n", 5000),
		"classes":  strings.Repeat("["+strings.Repeat("a-z", 1000)+"]*\n", 300),
		"braces":   strings.Repeat("?[a-z]{900}\n", 111),
		"optional": strings.Repeat(strings.Repeat("?", 4000)+"\n", 200),
		"except":   strings.Repeat("*\n!*/"+strings.Repeat("*a", 10)+"\n", 10000),
	} {
		start := time.Now()
		ig, err := parseIgnoreFile("i", []byte(ignore))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		parsed := time.Since(start)
		c := &Context{ignore: ig}
		c.Ignored("z/z") // compiles
		start = time.Now()
		c.Ignored(long)
		took := time.Since(start)
		t.Logf("%-9s %6d patterns, parsed in %v, a path of %d bytes and %d directories in %v, weight %d: at most %d entries", name, len(ig.rules), parsed, len(long), strings.Count(long, "/"), took, ig.weight, maxWork/ig.weight)
		if parsed > 3*time.Minute || took > 3*time.Minute {
			t.Errorf("%s: parsed in %v, matched in %v", name, parsed, took)
		}
	}
}
