package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// This file knows the commands that build images, and their flags.

// buildCommand says whether words are a command that builds, and where its
// arguments begin.
func buildCommand(words []string) (start int, tool string) {
	i := 0
	skipFlags := func(valued ...string) {
		for i < len(words) && strings.HasPrefix(words[i], "-") {
			if slices.Contains(valued, words[i]) {
				i++
			}
			i++
		}
	}
	for i < len(words) && slices.Contains([]string{"sudo", "time", "command", "exec", "env", "nice", "nohup"}, words[i]) {
		i++
		skipFlags("-u", "-g")
		for i < len(words) && strings.Contains(words[i], "=") {
			i++
		}
	}
	if i >= len(words) {
		return 0, ""
	}
	name := path.Base(words[i])
	i++
	next := func() string {
		skipFlags("--context", "-c", "--config", "--host", "-H", "--log-level", "-l", "--builder", "-f", "--file", "-p", "--project-name", "--profile",
			"--env-file", "--project-directory", "--root", "--storage-driver", "--namespace", "-n", "--connection")
		if i >= len(words) {
			return ""
		}
		i++
		return words[i-1]
	}
	switch name {
	case "docker", "podman", "nerdctl", "finch":
		w := next()
		if w == "buildx" || w == "image" || w == "builder" {
			w = next()
		}
		switch w {
		case "build", "b":
			return i, "build"
		case "bake":
			return i, "bake"
		case "compose":
			name = "docker-compose"
		default:
			return 0, ""
		}
	case "buildah":
		if w := next(); w == "bud" || w == "build" || w == "build-using-dockerfile" {
			return i, "build"
		}
		return 0, ""
	}
	if name == "docker-compose" || name == "podman-compose" {
		w := next()
		if w == "build" || (w == "up" || w == "run" || w == "create") && slices.Contains(words[i:], "--build") {
			return i, "compose"
		}
	}
	return 0, ""
}

// flags that stand alone; all others of docker build, podman build and buildah
// bud take a value. It is read only.
var buildSwitches = wordSet(`--no-cache --pull --push --load --quiet -q --rm --force-rm --squash --compress --debug -D --check --disable-content-trust --layers
	--tls-verify --all-platforms --help --skip-unused-stages --squash-all --omit-history --identity-label --inherit-labels --rewrite-timestamp
	--save-stages --stdin --no-hosts --no-hostname --pull-always --pull-never --http-proxy`)

// build records what a command builds.
func (r *runScript) build(args []*syntax.Word, words []string, start int, passed []input) {
	inv := Invocation{Origin: strings.TrimPrefix(r.of, "the ") + " of " + r.w.d.src.name, Given: true}
	for _, p := range passed {
		inv.pass(p.given, p.secret)
	}
	var positional []value
	lost := ""
	need := func(v value) string {
		if !v.known && lost == "" {
			lost = strings.Join(append(v.unknown, ""), " ")
		}
		return v.text
	}
	for i := 0; i < len(args); i++ {
		v := r.word(args[i])
		if !strings.HasPrefix(v.text, "-") || v.text == "-" {
			if !v.known && strings.HasPrefix(v.text, "$") && len(args) > i+1 {
				inv.Given = false // flags, most likely
				continue
			}
			positional = append(positional, v)
			continue
		}
		flag, val, has := strings.Cut(v.text, "=")
		if !strings.HasPrefix(flag, "--") && len(flag) > 2 {
			// -tNAME, -qt NAME
			if i := strings.IndexAny(flag, "tfo"); i > 0 && i+1 < len(flag) {
				flag, val, has = "-"+flag[i:i+1], v.text[i+1:], true
			} else {
				flag = "-" + flag[len(flag)-1:]
			}
		}
		if buildSwitches[flag] {
			continue
		}
		if has {
			v.text = val
		} else {
			if i++; i == len(args) {
				break
			}
			v = r.word(args[i])
		}
		switch flag {
		case "-f", "--file":
			inv.Dockerfile = need(v)
		case "--target":
			inv.Target = need(v)
		case "--secret":
			id := option(v.text, "id")
			if id == "" || strings.Contains(id, "$") {
				inv.Given = false
			}
			inv.Secrets = append(inv.Secrets, id)
		case "--build-context":
			name, dir, _ := strings.Cut(v.text, "=")
			at := r.text.extent(int(args[i].Pos().Offset()), int(args[i].End().Offset()))
			dir = r.w.d.contextURL(dir, at, at, v.secrets, r.of)
			if v.known {
				inv.context(name, dir)
			}
		case "--cache-to":
			inv.CacheMax = inv.CacheMax || option(v.text, "mode") == "max"
		case "--provenance":
			inv.ProvenanceMax = inv.ProvenanceMax || provenanceMax(v.text)
		case "--attest":
			inv.ProvenanceMax = inv.ProvenanceMax || option(v.text, "type") == "provenance" && provenanceMax(v.text)
		case "--platform":
			if v.known {
				inv.Platform = firstPlatform(v.text)
			}
		}
	}
	if len(positional) > 0 {
		last := positional[len(positional)-1]
		inv.Context = r.w.d.contextURL(need(last), r.text.extent(int(args[0].Pos().Offset()), int(args[len(args)-1].End().Offset())), extent{}, last.secrets, r.of)
	} else if !inv.Given {
		lost = "its context"
	}
	if lost == "" && r.lost != "" {
		lost = r.lost
	}
	if lost != "" {
		r.skip(fmt.Sprintf("what it builds depends on what has no value here (%s)", strings.TrimSpace(lost)))
		return
	}
	r.w.d.build(below(r.w.root, r.dir), true, inv)
}
