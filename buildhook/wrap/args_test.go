package wrap

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

func env(vars map[string]string) func(string) (string, bool) {
	return func(n string) (string, bool) { v, ok := vars[n]; return v, ok }
}

func TestParseBuild(t *testing.T) {
	none := env(nil)
	for _, c := range []struct {
		args string
		want string // context, Dockerfile, target, platform; "": it is left to docker
	}{
		{".", ". - - -"},
		{"", ""},
		{"a b", ""},
		{"-", ""},
		{"-f - .", ""},
		{"--file=- .", ""},
		{"- -f D", ""},
		{"--nonsense .", ""},
		{"-Z .", ""},
		{"--tag", ""},
		{"-t x .", ". - - -"},
		{"-tx .", ". - - -"},
		{"--tag x --tag=y -t z .", ". - - -"},
		{"-f D .", ". D - -"},
		{"-fD .", ". D - -"},
		{"--file D dir", "dir D - -"},
		{"--file=D --file=E dir", "dir E - -"},
		{"dir -f D", "dir D - -"},
		{"--target s .", ". - s -"},
		{"--target=s --target t .", ". - t -"},
		{"--platform linux/arm64 .", ". - - linux/arm64"},
		{"-q .", ". - - -"},
		{"-qt x .", ". - - -"},
		{"-D --pull --no-cache --load --rm=false --push=true --compress .", ". - - -"},
		{"--pull=false .", ". - - -"},
		{"--pull false .", ""}, // a flag of docker's without a value: false is the context
		{"-o type=local,dest=x --output y .", ". - - -"},
		{"-m 1g -c 5 --memory-swap 1 --cpu-period 1 --cpu-quota 1 --cpuset-cpus 0 --cpuset-mems 0 --shm-size 1 --ulimit a=1 .", ". - - -"},
		{"--add-host a:1 --allow network.host --annotation a=b --attest type=sbom --builder b --call check --cgroup-parent c --iidfile i --isolation i --label a=b --metadata-file m --network n --no-cache-filter s --policy p --progress plain --security-opt s --ssh default --cache-from f .", ". - - -"},
		{"--check .", ". - - -"},
		{"--sbom=true --provenance=false .", ". - - -"},
		{"--sbom --provenance .", ". - - -"},
		{"-- .", ". - - -"},
		{"-- -f", "-f - - -"},
		{"https://example.org/x.git#main", "https://example.org/x.git#main - - -"},
	} {
		a, ok := ParseBuild(strings.Fields(c.args), none)
		got := ""
		if ok {
			or := func(s string) string {
				if s == "" {
					return "-"
				}
				return s
			}
			got = strings.Join([]string{or(a.Context), or(a.Dockerfile), or(a.Target), or(a.Platform)}, " ")
			if !a.Given || len(a.Known) != 0 {
				t.Errorf("%s: given %v, known %v", c.args, a.Given, a.Known)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, not %q", c.args, got, c.want)
		}
	}
}

func TestParseBuildFlags(t *testing.T) {
	for _, c := range []struct {
		args                 []string
		cacheMax, provenance bool
		bug                  string
	}{
		{[]string{"."}, false, false, ""},
		{[]string{"--cache-to", "type=registry,ref=x,mode=max", "."}, true, false, ""},
		{[]string{"--cache-to=type=inline", "--cache-to=type=local,dest=x,mode=max", "."}, true, false, ""},
		{[]string{"--cache-to=type=registry,ref=x", "."}, false, false, ""},
		{[]string{"--provenance=mode=max", "."}, false, true, ""},
		{[]string{"--provenance=mode=min", "."}, false, false, ""},
		{[]string{"--provenance=false", "."}, false, false, ""},
		{[]string{"--attest", "type=provenance,mode=max", "."}, false, true, ""},
		{[]string{"--attest=type=sbom", "--attest=type=provenance,mode=min", "."}, false, false, ""},
		// BuildKit: without a mode it is max (solver/llbsolver/provenance.go).
		{[]string{"--provenance=true", "."}, false, true, "--provenance=true is mode=max"},
		{[]string{"--attest=type=provenance", "."}, false, true, "type=provenance without a mode is mode=max"},
	} {
		a, ok := ParseBuild(c.args, env(nil))
		if c.bug != "" && ok && a.ProvenanceMax != c.provenance {
			t.Error("ParseBuild: " + c.bug)
			continue
		}
		if !ok || a.CacheMax != c.cacheMax || a.ProvenanceMax != c.provenance {
			t.Errorf("%q: %v, cache %v, provenance %v", c.args, ok, a.CacheMax, a.ProvenanceMax)
		}
	}
	a, ok := ParseBuild([]string{"--build-context", "a=../x", "--build-context=b=docker-image://y", "--build-context", "nonsense", "."}, env(nil))
	if !ok || !maps.Equal(a.Contexts, map[string]string{"a": "../x", "b": "docker-image://y"}) {
		t.Errorf("contexts: %v", a.Contexts)
	}
}

// knownOf lists the secrets of arguments, by name and value.
func knownOf(a Arguments) []string {
	var out []string
	for _, v := range a.Known {
		out = append(out, v.Name+"="+string(v.Value))
	}
	return out
}

func TestBuildArgs(t *testing.T) {
	pw, token := testimage.Password(1), testimage.GitHubToken(2)
	a, ok := ParseBuild([]string{"--build-arg", "VERSION=1", "--build-arg=EMPTY=", "--build-arg", "DB_PASSWORD=" + pw, "--build-arg", "NPM_TOKEN", "--build-arg", "NOT_SET_TOKEN",
		"--build-arg", "REPO=https://me:" + pw + "@example.org/x", "--build-arg", "EQ=a=b", "."}, env(map[string]string{"NPM_TOKEN": token}))
	if !ok || !maps.Equal(a.Args, map[string]string{"VERSION": "1", "EMPTY": "", "DB_PASSWORD": pw, "NPM_TOKEN": token, "REPO": "https://me:" + pw + "@example.org/x", "EQ": "a=b"}) {
		t.Errorf("%d arguments", len(a.Args))
	}
	if want := []string{"the build argument DB_PASSWORD=" + pw, "the build argument NPM_TOKEN=" + token, "the build argument REPO=https://me:" + pw + "@example.org/x"}; !slices.Equal(knownOf(a), want) {
		t.Errorf("%v are known", a.Known)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", a.Known, a.Known, a.Known), pw) {
		t.Error("a value can be printed")
	}
}

func TestSecrets(t *testing.T) {
	pw := testimage.Password(3)
	dir := t.TempDir()
	file := filepath.Join(dir, "s")
	if err := os.WriteFile(file, []byte(pw+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxSecret+1), 0o600); err != nil {
		t.Fatal(err)
	}
	comma := filepath.Join(dir, "a,b")
	if err := os.WriteFile(comma, []byte("with a comma"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := os.WriteFile("byid", []byte("by its id"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("both", []byte("the file"), 0o600); err != nil {
		t.Fatal(err)
	}
	vars := env(map[string]string{"TOK": "of TOK", "both": "the variable", "npm": "of npm", "EMPTY": ""})
	for _, c := range []struct {
		flag, id, value string
		bug             string
	}{
		{flag: "id=npm,env=TOK", id: "npm", value: "of TOK"},
		{flag: "id=a,src=" + file, id: "a", value: pw + "\n"},
		{flag: "id=a,source=" + file, id: "a", value: pw + "\n"},
		{flag: "src=" + file + ",id=a", id: "a", value: pw + "\n"},
		{flag: "ID=a,SRC=" + file, id: "a", value: pw + "\n"},
		{flag: "type=file,id=a,src=" + file, id: "a", value: pw + "\n"},
		{flag: "type=env,id=a,env=TOK", id: "a", value: "of TOK"},
		{flag: "type=env,id=a,src=TOK", id: "a", value: "of TOK"},
		{flag: "type=env,id=npm", id: "npm", value: "of npm"},
		{flag: "id=npm", id: "npm", value: "of npm"},
		{flag: "id=byid", id: "byid", value: "by its id"},
		{flag: "id=both", id: "both", value: "the variable"},
		{flag: "type=file,id=byid", id: "byid", value: "by its id"},
		{flag: `id=a,"src=` + comma + `"`, id: "a", value: "with a comma"},
		{flag: "id=a,env=EMPTY", id: "a"},
		{flag: "id=a,env=NOT_SET", id: "a"},
		{flag: "id=none", id: "none"},
		{flag: "id=a,src=" + filepath.Join(dir, "missing"), id: "a"},
		{flag: "id=a,src=" + dir, id: "a"},
		{flag: "id=a,src=" + large, id: "a"},
		{flag: "env=TOK"},
		{flag: `"broken`},
		{flag: ""},
		// As buildx does it: the type is forgotten once the flag is read.
		{flag: "type=file,id=both", id: "both", value: "the variable", bug: "buildx takes the variable that has the ID's name before the file, whatever the type"},
		{flag: "type=env,id=byid", id: "byid", value: "by its id", bug: "without such a variable, buildx reads the file that has the ID's name"},
	} {
		a, ok := ParseBuild([]string{"--secret", c.flag, "."}, vars)
		if !ok {
			t.Errorf("%s: not read", c.flag)
			continue
		}
		id, value := strings.Join(a.Secrets, " "), ""
		if len(a.Known) > 0 {
			value = string(a.Known[0].Value)
			if a.Known[0].Name != fmt.Sprintf("the secret %q", c.id) {
				t.Errorf("%s: it is named %s", c.flag, a.Known[0].Name)
			}
		}
		if c.bug != "" && value != c.value {
			t.Error("wrap.secret: " + c.flag + ": " + c.bug)
			continue
		}
		if id != c.id || value != c.value {
			t.Errorf("%s: %q has %d bytes, not %q with %d", c.flag, id, len(value), c.id, len(c.value))
		}
	}
	a, ok := ParseBuild([]string{"--secret=id=npm,env=TOK", "--secret", "id=a,src=" + file, "--secret=id=none", "."}, vars)
	if !ok || !slices.Equal(a.Secrets, []string{"npm", "a", "none"}) || len(a.Known) != 2 {
		t.Errorf("secrets %q, known %v", a.Secrets, a.Known)
	}
}

func TestProxies(t *testing.T) {
	pw := testimage.Password(4)
	vars := map[string]string{"HTTP_PROXY": "http://me:" + pw + "@proxy:3128", "https_proxy": "http://me:" + pw + "x@proxy:3128", "FTP_PROXY": "http://proxy", "ALL_PROXY": "", "NO_PROXY": "a,b"}
	a, ok := ParseBuild([]string{"."}, env(vars))
	if want := []string{"the password of HTTP_PROXY=" + pw, "the password of https_proxy=" + pw + "x"}; !ok || !slices.Equal(knownOf(a), want) {
		t.Errorf("%v are known", a.Known)
	}
}

func FuzzParseBuild(f *testing.F) {
	f.Add("--secret\nid=a,env=B\n-f\nx\n.")
	f.Add("--build-arg\nA_TOKEN\n--provenance\n.")
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "src") || strings.Contains(s, "id") {
			s = strings.ReplaceAll(s, "/", "") // no files but those of here
		}
		a, ok := ParseBuild(strings.Split(s, "\n"), func(string) (string, bool) { return "some-value", true })
		if ok && (a.Context == "-" || a.Dockerfile == "-") {
			t.Errorf("%q is docker's to read", s)
		}
	})
}

func TestBakeFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"compose.yaml", "docker-bake.hcl", "other.hcl"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ args, want string }{
		{"", "compose.yaml docker-bake.hcl"},
		{"--push web", "compose.yaml docker-bake.hcl"},
		{"-f other.hcl", "other.hcl"},
		{"--file other.hcl --file=docker-bake.hcl", "other.hcl docker-bake.hcl"},
		{"-fother.hcl", "other.hcl"},
		{"-f cwd://there-is-none.hcl", ""},
		{"-f -", ""},
	} {
		if got := strings.Join(BakeFiles(strings.Fields(tt.args)), " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.args, got, tt.want)
		}
	}
}
