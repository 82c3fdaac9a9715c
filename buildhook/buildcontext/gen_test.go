package buildcontext

import (
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// A gen makes the random cases of the differential tests.
type gen struct{ *rand.Rand }

func pick[T any](g gen, list ...T) T { return list[g.IntN(len(list))] }

func (g gen) name() string {
	return pick(g, "a", "b", "c", "d", "a.txt", "b.txt", "c.md", ".env", "x y", "ab", "b+c", "é", "#h", "A", "a|b", "b{1}")
}

func (g gen) path() string {
	p := g.name()
	for range g.IntN(3) {
		p += "/" + g.name()
	}
	return p
}

// tree makes a random tree and gives its paths.
func (g gen) tree(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	for range 6 + g.IntN(14) {
		p := g.path()
		full := filepath.Join(dir, p)
		if os.MkdirAll(filepath.Dir(full), 0o755) != nil {
			continue
		}
		var err error
		switch g.IntN(8) {
		case 0:
			err = os.MkdirAll(full, 0o755)
		case 1, 2:
			target := pick(g, g.path(), "/"+g.path(), "../"+g.path(), "../../..", ".", "..", "/", g.name()+"/../"+g.name(), g.name())
			if len(paths) > 0 && g.IntN(2) == 0 {
				target = pick(g, "/", strings.Repeat("../", strings.Count(p, "/"))) + pick(g, paths...)
			}
			err = os.Symlink(target, full)
		default:
			err = os.WriteFile(full, []byte(p), 0o644)
		}
		if err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

func (g gen) pattern(paths []string) string {
	p := g.path()
	if len(paths) > 0 && g.IntN(3) > 0 {
		p = pick(g, paths...)
	}
	parts := strings.Split(p, "/")
	for i := range parts {
		switch g.IntN(9) {
		case 0:
			parts[i] = "*"
		case 1:
			parts[i] = string([]rune(parts[i])[:1]) + "*"
		case 2:
			parts[i] = "*" + path.Ext(parts[i])
		case 3:
			parts[i] = pick(g, "?", "[a-c]*", "[^a]*", "**", "a?txt", "*.[tm]*", "[^x]")
		}
	}
	return strings.Join(parts, "/")
}

func (g gen) ignore(paths []string) string {
	var b strings.Builder
	for range g.IntN(6) {
		p := g.pattern(paths)
		p = pick(g, "", "", "", "!", "!", "/", "!/", "**/", "!**/", "./", "# ", " ") + p + pick(g, "", "", "", "/", "/**", "/*", "  ", "\r")
		b.WriteString(p + "\n")
	}
	return b.String()
}

func (g gen) copy(paths []string) Copy {
	cp := Copy{
		WorkDir: pick(g, "/", "/work", "/work/dir"),
		Dest:    pick(g, ".", "./", "/", "/x", "/x/", "x", "x/", "/x/y", "x/.", "/exist", "/exist/sub", "..", "../z", "", "/x/../y/"),
		Parents: g.IntN(3) == 0,
	}
	if cp.Dest == "" {
		cp.Dest = "./"
	}
	n := 1
	if g.IntN(4) == 0 {
		n = 1 + g.IntN(3)
	}
	if n > 1 && !strings.HasSuffix(cp.Dest, "/") {
		cp.Dest += "/"
	}
	for range n {
		s := pick(g, ".", "/", "*", "..", g.path(), g.pattern(paths), g.pattern(paths))
		if len(paths) > 0 && g.IntN(2) == 0 {
			s = pick(g, paths...)
			if g.IntN(3) == 0 {
				s = path.Dir(s)
			}
			if g.IntN(4) == 0 {
				s += "/" + g.name()
			}
		}
		if g.IntN(6) == 0 {
			s = pick(g, "/", "./", "../", "b/../") + s + pick(g, "", "/", "/.")
		}
		if cp.Parents && g.IntN(2) == 0 {
			s = strings.Replace(s, "/", "/./", 1)
		}
		cp.Sources = append(cp.Sources, s)
	}
	for range max(0, g.IntN(5)-2) {
		// A flag ends at a space, and BuildKit's parser takes the bytes of
		// its value for Latin-1: --exclude never matches "é".
		e := strings.NewReplacer(" ", "?", "é", "?").Replace(pick(g, "", "", "!", "**/") + g.pattern(paths))
		cp.Excludes = append(cp.Excludes, e)
	}
	return cp
}
