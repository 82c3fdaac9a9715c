package buildcontext

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const ignore20 = "node_modules\n**/*.log\n**/*.pyc\n.git\ndist\n*.md\n!README.md\n**/.env\n**/.env.*\ntmp\n**/__pycache__\n**/*.swp\ncoverage\n**/*.test\nvendor/**/testdata\nbuild\n.cache\n**/.DS_Store\n*.iml\n.idea\n"

// many is 50,000 files in 1,000 directories.
func many(b *testing.B, ignore string) *Context {
	tree := map[string]string{".dockerignore": ignore}
	for i := range 50_000 {
		tree[fmt.Sprintf("pkg%02d/sub%02d/file%02d.go", i%50, i/50%20, i/1000)] = ""
	}
	return open(b, tree, Options{})
}

func BenchmarkWalk(b *testing.B) {
	for name, ignore := range map[string]string{"none": "", "20patterns": ignore20, "1000patterns": strings.Repeat("some/dir/*.log\n", 1000)} {
		b.Run(name, func(b *testing.B) {
			c := many(b, ignore)
			for b.Loop() {
				if n := len(walkAll(b, c)); n < 50_000 {
					b.Fatal(n)
				}
			}
		})
	}
}

// BenchmarkSelect is 20 COPYs of 50,000 files.
func BenchmarkSelect(b *testing.B) {
	c := many(b, ignore20)
	files := walkAll(b, c)
	for name, cp := range map[string]Copy{
		"all":      {Sources: []string{"."}, Dest: "/src/"},
		"exclude":  {Sources: []string{"."}, Dest: "/src/", Excludes: []string{"**/*.md", "pkg01"}},
		"wildcard": {Sources: []string{"*/*/file0?.go"}, Dest: "/src/"},
		"class":    {Sources: []string{"[p]kg*/*/file0?.go"}, Dest: "/src/"},
		"parents":  {Sources: []string{"**/file01.go"}, Dest: "/src/", Parents: true},
		"one":      {Sources: []string{"pkg00/sub00/file00.go"}, Dest: "/src/"},
		"missing":  {Sources: []string{"nope*"}, Dest: "/src/"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				t := c.Tree(files)
				for range 20 {
					t.Select(context.Background(), cp)
				}
			}
		})
	}
	b.Run("withoutTree", func(b *testing.B) {
		for b.Loop() {
			for range 20 {
				c.Select(context.Background(), Copy{Sources: []string{"pkg00"}, Dest: "/"}, files)
			}
		}
	})
}

func TestManyCopiesAreFast(t *testing.T) {
	var files []*File
	for i := range 50_000 {
		files = append(files, &File{Path: fmt.Sprintf("pkg%02d/sub%02d/file%02d.go", i%50, i/50%20, i/1000)})
	}
	c := open(t, nil, Options{})
	start := time.Now()
	tree := c.Tree(files)
	for range 20 {
		if taken, _ := tree.Select(context.Background(), Copy{Sources: []string{"."}, Dest: filepath.Join("/", "src")}); len(taken) < 50_000 {
			t.Fatal(len(taken))
		}
	}
	if took := time.Since(start); took > 3*time.Minute { // it hangs
		t.Errorf("20 COPYs of 50,000 files took %v", took)
	}
}
