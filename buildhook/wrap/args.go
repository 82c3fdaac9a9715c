package wrap

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"github.com/tonistiigi/go-csvvalue"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/buildhook/known"
)

// The flags of docker build and docker buildx build that have a value, and
// those that have none. Only what the check needs is looked at.
const (
	valued = `add-host allow annotation attest build-arg build-context builder cache-from cache-to call cgroup-parent cpu-period
		cpu-quota cpuset-cpus cpuset-mems iidfile isolation label memory-swap metadata-file network no-cache-filter platform
		policy progress secret security-opt shm-size ssh target ulimit print root invoke server-config`
	unvalued = `check compress detach disable-content-trust force-rm load no-cache pull push rm squash`
)

// Arguments are those of a build command.
type Arguments struct {
	check.Invocation
	Known []known.Value // the secrets in them, with their values
}

// ParseBuild reads the arguments of docker build, without "build" itself. What
// it can't read is no error: docker is asked next, and says it better.
func ParseBuild(args []string, getenv func(string) (string, bool)) (a Arguments, ok bool) {
	fs := pflag.NewFlagSet("build", pflag.ContinueOnError)
	fs.SetOutput(devNull{})
	lists := map[string]*[]string{}
	for _, n := range strings.Fields(valued) {
		lists[n] = fs.StringArray(n, nil, "")
	}
	for _, n := range strings.Fields(unvalued) {
		fs.Bool(n, false, "")
	}
	file := fs.StringP("file", "f", "", "")
	lists["output"] = fs.StringArrayP("output", "o", nil, "")
	lists["tag"] = fs.StringArrayP("tag", "t", nil, "")
	fs.StringP("memory", "m", "", "")
	fs.StringP("cpu-shares", "c", "", "")
	fs.BoolP("quiet", "q", false, "")
	fs.BoolP("debug", "D", false, "")
	provenance, sbom := fs.String("provenance", "", ""), fs.String("sbom", "", "")
	fs.Lookup("provenance").NoOptDefVal, fs.Lookup("sbom").NoOptDefVal = "true", "true"
	_ = sbom
	if err := fs.Parse(args); err != nil || fs.NArg() != 1 {
		return a, false
	}
	last := func(name string) string {
		if l := *lists[name]; len(l) > 0 {
			return l[len(l)-1]
		}
		return ""
	}
	a.Context, a.Dockerfile, a.Target, a.Platform = fs.Arg(0), *file, last("target"), last("platform")
	a.Args, a.Contexts = map[string]string{}, map[string]string{}
	if a.Context == "-" {
		return a, false // a context or a Dockerfile on the standard input, which docker is to read
	}
	if a.Dockerfile == "-" {
		return a, false
	}
	for _, s := range *lists["build-arg"] {
		name, value, given := strings.Cut(s, "=")
		if !given {
			value, given = getenv(name)
		}
		if !given {
			continue
		}
		a.Args[name] = value
		if check.IsSecret(name, value) {
			a.Known = append(a.Known, known.Value{Name: "the build argument " + name, Value: []byte(value)})
		}
	}
	a.Given = true
	for _, s := range *lists["secret"] {
		id, value := secret(s, getenv)
		if id == "" {
			continue
		}
		a.Secrets = append(a.Secrets, id)
		if len(value) > 0 {
			a.Known = append(a.Known, known.Value{Name: fmt.Sprintf("the secret %q", id), Value: value})
		}
	}
	for _, s := range *lists["build-context"] {
		if name, p, ok := strings.Cut(s, "="); ok {
			a.Contexts[name] = p
		}
	}
	for _, s := range *lists["cache-to"] {
		a.CacheMax = a.CacheMax || strings.Contains(s, "mode=max")
	}
	for _, s := range *lists["attest"] {
		a.ProvenanceMax = a.ProvenanceMax || strings.Contains(s, "type=provenance") && maxMode(s)
	}
	a.ProvenanceMax = a.ProvenanceMax || *provenance != "" && maxMode(*provenance)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY"} {
		for _, n := range []string{name, strings.ToLower(name)} {
			v, ok := getenv(n)
			if ok && check.IsSecret("", v) {
				if pw := check.URLPassword(v); pw != "" {
					a.Known = append(a.Known, known.Value{Name: "the password of " + n, Value: []byte(pw)})
				}
			}
		}
	}
	return a, true
}

// maxMode says whether a provenance is one with all details: BuildKit makes that
// of every mode but min, and of none.
func maxMode(s string) bool {
	return s != "false" && !strings.Contains(s, "mode=min") && !strings.Contains(s, "disabled=true")
}

// maxSecret is the size of the largest secret that BuildKit takes, in bytes.
const maxSecret = 500 << 10

// secret reads the value of a --secret flag, as buildx finds it.
func secret(s string, getenv func(string) (string, bool)) (id string, value []byte) {
	fields, err := csvvalue.Fields(s, nil)
	if err != nil {
		return "", nil
	}
	var file, env, kind string
	for _, f := range fields {
		k, v, _ := strings.Cut(f, "=")
		switch strings.ToLower(k) {
		case "type":
			kind = v
		case "id":
			id = v
		case "source", "src":
			file = v
		case "env":
			env = v
		}
	}
	switch {
	case env == "" && file == "": // the variable of that name, or else the file
		if _, ok := getenv(id); ok {
			env = id
		} else {
			file = id
		}
	case kind == "env" && env == "":
		env = file
	}
	if env != "" {
		v, _ := getenv(env)
		return id, []byte(v)
	}
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() || info.Size() > maxSecret {
		return id, nil // docker says what is wrong with it
	}
	value, _ = os.ReadFile(file)
	return id, value
}

type devNull struct{}

func (devNull) Write(p []byte) (int, error) { return len(p), nil }

// BakeFiles are the files that docker buildx bake reads: those of --file, or
// the usual ones that there are. What is no file of this machine is left out.
func BakeFiles(args []string) (files []string) {
	named := false
	for i, a := range args {
		name := ""
		switch {
		case (a == "-f" || a == "--file") && i+1 < len(args):
			name = args[i+1]
		case strings.HasPrefix(a, "--file="):
			name = a[len("--file="):]
		case strings.HasPrefix(a, "-f") && len(a) > 2 && a[1] != '-':
			name = a[2:]
		default:
			continue
		}
		named = true
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	if named {
		return files
	}
	for _, name := range []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "docker-bake.json", "docker-bake.hcl"} {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	return files
}
