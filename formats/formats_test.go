package formats

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leakscan/leakscan/rules"
)

func catalog(t testing.TB) map[string]*rules.Rule {
	t.Helper()
	rs, err := rules.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	parsed := map[string]*rules.Rule{}
	for i := range rs {
		if rs[i].Parsed {
			parsed[rs[i].ID] = &rs[i]
		}
	}
	return parsed
}

// check holds what Find gives to its promises.
func check(t testing.TB, path string, text []byte, hits []Hit) {
	t.Helper()
	if len(hits) > maxHits {
		t.Errorf("%s: %d hits", path, len(hits))
	}
	at := 0
	for _, h := range hits {
		if h.Rule == "" || h.From < 0 || h.From >= h.To || h.To > len(text) || h.From < at {
			t.Fatalf("%s: %s at %d-%d of %d, after one at %d", path, h.Rule, h.From, h.To, len(text), at)
		}
		at = h.From
	}
}

// TestCatalog holds every rule that is parsed to its examples.
func TestCatalog(t *testing.T) {
	for id, r := range catalog(t) {
		t.Run(id, func(t *testing.T) {
			for _, ex := range r.Hits {
				text := []byte(ex.Expand(id))
				if made, ok := binaries()[string(text)]; ok {
					text = made
				}
				if !Wants(ex.Path, text[:min(len(text), 512)]) {
					t.Errorf("%s is not wanted", ex.Path)
				}
				hits := Find(ex.Path, text)
				check(t, ex.Path, text, hits)
				found := false
				for _, h := range hits {
					found = found || h.Rule == id && h.Info == ""
				}
				if !found {
					t.Errorf("%s: not found in %s\ngot %+v", ex.Path, text, hits)
				}
			}
			for _, ex := range r.Misses {
				text := []byte(ex.Expand(id))
				if made, ok := binaries()[string(text)]; ok {
					text = made
				}
				hits := Find(ex.Path, text)
				check(t, ex.Path, text, hits)
				for _, h := range hits {
					if h.Info == "" {
						t.Errorf("%s: %s found %q in %s", ex.Path, h.Rule, text[h.From:h.To], text)
					}
				}
			}
		})
	}
}

// TestRuleIDs: every rule that the code names is in the catalog, and is said
// to be parsed; and every one of the catalog is named in the code.
func TestRuleIDs(t *testing.T) {
	parsed := catalog(t)
	var code []byte
	files, _ := filepath.Glob("*.go")
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		code = append(code, b...)
	}
	for id := range parsed {
		if !bytes.Contains(code, []byte(`"`+id+`"`)) {
			t.Errorf("%s is in the catalog, and nothing finds it", id)
		}
	}
	for _, id := range idsIn(string(code)) {
		if parsed[id] == nil {
			t.Errorf("%s is found, and is not in the catalog", id)
		}
	}
}

// idsIn finds the rule IDs in source code by where they stand.
func idsIn(code string) []string {
	var ids []string
	seen := map[string]bool{}
	add := func(id string) {
		if !seen[id] && id != "" {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, before := range []string{`Rule: "`, `d.secret("`, `d.decoded("`, `d.node("`, `d.pair("`, `d.hash("`, `d.xmlText("`, `rule := "`, `rule = "`, `authHeader("`, `wholeFile("`, `netrc("`, `urlsAs("`, `tfvars("`, `userHash("`, `colonPair("`, `d.url(at+i, "`} {
		for rest := code; ; {
			_, after, ok := strings.Cut(rest, before)
			if !ok {
				break
			}
			id, _, _ := strings.Cut(after, `"`)
			add(id)
			rest = after
		}
	}
	for rest := code; ; {
		_, after, ok := strings.Cut(rest, `field{"`)
		if !ok {
			return ids
		}
		in, _, _ := strings.Cut(after, `"}`)
		if i := strings.LastIndex(in, `", "`); i >= 0 {
			add(in[i+4:])
		}
		rest = after
	}
}

func FuzzFind(f *testing.F) {
	for _, r := range catalog(f) {
		for _, ex := range append(r.Hits, r.Misses...) {
			f.Add(ex.Path, []byte(ex.Expand(r.ID)))
		}
	}
	f.Fuzz(func(t *testing.T, path string, text []byte) {
		hits := Find(path, text)
		check(t, path, text, hits)
		Wants(path, text[:min(len(text), 512)])
		check(t, "", text, URLs(text))
		ConnectionStrings(text)
	})
}

// TestLinear gives every form texts that are made to cost much.
func TestLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	paths := map[string]bool{"": true, "x.json": true, "x.yaml": true, "x.sql": true, "x.xml": true}
	for _, r := range catalog(t) {
		for _, ex := range r.Hits {
			paths[ex.Path] = true
		}
	}
	worst := time.Duration(0)
	for _, unit := range []string{"://", "a://b:c@d ", "{", "[", "- ", "-", "\"", "'", "password=", "server=password=", "<a ", "<", "a: {\n", "a: |\n", " ", "\n", "::", "\\", "$", "identified by ", "create user password ", "kind: Secret\n", "login password ", "<!--", "{\"kind\":\"Secret\",\"data\":", "a: ", "x='", "define(", "=", "password: ", "ansible_password=", "PSK \"", ".auth(", "default_pass"} {
		text := []byte(strings.Repeat(unit, 1<<17/len(unit)))
		for p := range paths {
			start := time.Now()
			check(t, p, text, Find(p, text))
			took := time.Since(start)
			if took > worst {
				worst = took
				t.Logf("%q of %q: %v", p, unit, took)
			}
			if took > time.Second {
				t.Errorf("%q of %q takes %v", p, unit, took)
			}
		}
	}
}

// TestTrees looks for false positives in this machine's own files.
func TestTrees(t *testing.T) {
	roots := strings.Fields(os.Getenv("LEAKSCAN_TREES"))
	if testing.Short() || len(roots) == 0 {
		t.Skip("LEAKSCAN_TREES names no directories")
	}
	if len(roots) == 1 && roots[0] == "mod" {
		out, err := exec.Command("go", "env", "GOMODCACHE").Output()
		if err != nil {
			t.Fatal(err)
		}
		roots = []string{strings.TrimSpace(string(out))}
	}
	files, wanted, infos := 0, 0, map[string]int{}
	for _, root := range roots {
		filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return nil
			}
			if i, err := e.Info(); err != nil || i.Size() > 1<<20 {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			files++
			if !Wants(path, text[:min(len(text), 512)]) {
				return nil
			}
			wanted++
			hits := Find(path, text)
			check(t, path, text, hits)
			for _, h := range hits {
				if h.Info == "" {
					t.Errorf("%s: %s %s=%.60q", path, h.Rule, h.Key, text[h.From:h.To])
				} else {
					infos[h.Rule+": "+h.Info]++
				}
			}
			return nil
		})
	}
	t.Logf("%d files, %d of them read; as info: %v", files, wanted, infos)
}
