package leakscan_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/leakscan/leakscan"

// mayImport is the import table of docs/design.md: which packages that are not
// of the standard library each of ours may import, outside of its tests.
// Names of ours are relative to the module; a name ending in /... covers what
// is below it.
var mayImport = map[string][]string{
	"rules":            {},
	"report":           {},
	"ignore":           {"rules", "report"},
	"detect":           {"rules", "formats", "golang.org/x/crypto/ssh"},
	"formats":          {"buildhook/shellflow"},
	"bench/train":      {"detect"},
	"rules/newrule":    {"rules"},
	"bench/quality":    {"detect", "internal/corpus", "report", "rules"},
	"internal/inflate": {},
	"release":          {},
	"layerwalk": {
		"internal/inflate",
		"github.com/google/go-containerregistry/...", "github.com/klauspost/compress/...", "github.com/therootcompany/xz",
		"github.com/containerd/containerd/api/...", "google.golang.org/grpc/...", "golang.org/x/sync/...",
	},
	"buildhook/buildcontext": {"github.com/klauspost/compress/...", "github.com/therootcompany/xz", "github.com/moby/buildkit/frontend/...", "github.com/moby/patternmatcher/...", "github.com/tonistiigi/fsutil/...", "golang.org/x/sys/..."},
	"buildhook/shellflow":    {"mvdan.cc/sh/v3/..."},
	"buildhook/check": {
		"rules", "detect", "formats", "layerwalk", "report", "buildhook/buildcontext", "buildhook/shellflow",
		"github.com/moby/buildkit/...", "github.com/opencontainers/go-digest", "github.com/opencontainers/image-spec/...", "mvdan.cc/sh/v3/...",
		"github.com/hashicorp/hcl/v2/...", "github.com/zclconf/go-cty/...", "go.yaml.in/yaml/v4", "golang.org/x/sync/...", "golang.org/x/tools/txtar",
	},
	"buildhook/known": {},
	"buildhook/step":  {"", "rules", "detect", "layerwalk", "report", "buildhook/known", "golang.org/x/sync/..."},
	"buildhook/gate": {
		"", "rules", "detect", "formats", "layerwalk", "report", "buildhook/known", "buildhook/step", "buildhook/check",
		"github.com/moby/buildkit/...", "github.com/opencontainers/go-digest", "github.com/tonistiigi/fsutil/...", "github.com/tonistiigi/go-csvvalue", "github.com/google/go-containerregistry/...",
		"google.golang.org/grpc/...", "google.golang.org/protobuf/...", "golang.org/x/sync/...",
	},
	"buildhook/wrap": {
		"layerwalk", "buildhook/known", "buildhook/gate", "buildhook/check",
		"github.com/spf13/pflag", "github.com/tonistiigi/go-csvvalue",
	},
	"":                   {"rules", "detect", "layerwalk", "report", "golang.org/x/sync/..."},
	"cmd/leakscan":       {"", "ignore", "go.yaml.in/yaml/v4", "rules", "detect", "layerwalk", "report", "buildhook/check", "buildhook/gate", "buildhook/step", "buildhook/wrap", "internal/testimage", "github.com/spf13/...", "github.com/tonistiigi/go-csvvalue", "github.com/rogpeppe/go-internal/diff", "golang.org/x/term"},
	"internal/testimage": {"github.com/klauspost/compress/..."},
	"internal/corpus":    {"", "internal/testimage", "layerwalk", "report", "rules"},
	"internal/e2e":       {},
	"bench/mkimage":      {"github.com/klauspost/compress/..."},
	"bench/floor":        {"github.com/klauspost/compress/...", "golang.org/x/sync/..."},
	"bench/peers":        {"internal/testimage", "github.com/klauspost/compress/..."},
}

// fileMayImport widens the table for single files.
var fileMayImport = map[string][]string{
	"rules/gitleaks.go": {"github.com/zricethezav/gitleaks/v8/config", "github.com/pelletier/go-toml/v2"},
	"rules/toml.go":     {"github.com/pelletier/go-toml/v2"},
	// The display of docker build itself: one of our own would only look like it.
	"cmd/leakscan/progress.go": {"github.com/moby/buildkit/client", "github.com/moby/buildkit/util/progress/progressui", "github.com/opencontainers/go-digest"},
	"rules/catalog.go":         {"github.com/pelletier/go-toml/v2"},
	"rules/lines.go":           {"github.com/pelletier/go-toml/v2/unstable"},
}

// sources parses every file of the module that is no test.
func sources(t *testing.T, each func(path, pkg string, f *ast.File, fset *token.FileSet)) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		if pkg == "." {
			pkg = ""
		}
		each(filepath.ToSlash(path), pkg, f, fset)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	sources(t, func(path, pkg string, f *ast.File, _ *token.FileSet) {
		seen[pkg] = true
		table, ok := mayImport[pkg]
		if !ok {
			t.Errorf("%s: the package %q is not in the import table", path, pkg)
			return
		}
		allowed := append(slices.Clone(table), fileMayImport[path]...)
		for _, imp := range f.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
				continue // the standard library
			}
			if name == module {
				name = ""
			} else {
				name = strings.TrimPrefix(name, module+"/")
			}
			if !slices.ContainsFunc(allowed, func(a string) bool {
				base, tree := strings.CutSuffix(a, "/...")
				return name == base || tree && strings.HasPrefix(name, base+"/")
			}) {
				t.Errorf("%s imports %q, which the import table does not allow", path, name)
			}
		}
	})
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("the import table has %q, which does not exist", pkg)
		}
	}
}

// TestBans holds libraries to what docs/design.md forbids them: init, os.Exit,
// a logger, printing, and package variables that code changes.
func TestBans(t *testing.T) {
	sources(t, func(path, pkg string, f *ast.File, fset *token.FileSet) {
		if strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "bench/") || pkg == "rules/newrule" || pkg == "release" {
			return
		}
		vars := map[string]bool{}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: init()", path)
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					for _, s := range d.Specs {
						for _, n := range s.(*ast.ValueSpec).Names {
							vars[n.Name] = true
						}
					}
				}
			}
		}
		for _, imp := range f.Imports {
			if name, _ := strconv.Unquote(imp.Path.Value); name == "log" || name == "unsafe" {
				t.Errorf("%s imports %s", path, name)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if !ok {
					break
				}
				switch name := x.Name + "." + n.Sel.Name; name {
				case "os.Exit", "fmt.Print", "fmt.Println", "fmt.Printf", "slog.Info", "slog.Warn", "slog.Error", "slog.Debug", "os.Stdout", "os.Stderr":
					t.Errorf("%s: %s", fset.Position(n.Pos()), name)
				}
			case *ast.AssignStmt:
				for _, l := range n.Lhs {
					if id, ok := l.(*ast.Ident); ok && n.Tok == token.ASSIGN && vars[id.Name] && !shadowed(f, id) {
						t.Errorf("%s: the package variable %s is assigned to", fset.Position(n.Pos()), id.Name)
					}
				}
			}
			return true
		})
	})
}

// shadowed reports whether a function around id declares a variable of its
// name. It is generous: a name used both ways in one function passes.
func shadowed(f *ast.File, id *ast.Ident) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		fn, ok := n.(*ast.FuncDecl)
		if !ok || id.Pos() < fn.Pos() || id.Pos() > fn.End() {
			return true
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok == token.DEFINE {
					for _, l := range n.Lhs {
						if d, ok := l.(*ast.Ident); ok && d.Name == id.Name {
							found = true
						}
					}
				}
			case *ast.ValueSpec:
				for _, d := range n.Names {
					found = found || d.Name == id.Name
				}
			case *ast.Field:
				for _, d := range n.Names {
					found = found || d.Name == id.Name
				}
			}
			return true
		})
		return false
	})
	return found
}
