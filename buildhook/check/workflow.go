package check

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// workflow reads a GitHub workflow, or an action: the steps that build images,
// by an action or in a script. Paths are those of the repository's checkout.
func (d *drivers) workflow() error {
	y, err := d.readYAML()
	if y == nil {
		return err
	}
	w := &workflowReader{yamlFile: y, root: d.repository()}
	for _, root := range y.roots {
		w.read(root)
	}
	return d.done(cmp.Or(err, y.err))
}

type workflowReader struct {
	*yamlFile
	root string // of the repository
}

// repository is the directory that holds the .github directory of the file. An
// action that is in none is its own repository.
func (d *drivers) repository() string {
	abs, err := filepath.Abs(d.dir)
	if err != nil {
		return d.dir
	}
	up := ""
	for dir := abs; ; {
		parent := filepath.Dir(dir)
		if filepath.Base(dir) == ".github" {
			return filepath.Join(d.dir, up, "..")
		}
		if parent == dir {
			return d.dir
		}
		dir, up = parent, filepath.Join(up, "..")
	}
}

// scope is what is set around a step: the environment of the workflow, the job
// and the step, and the defaults of scripts.
type scope struct {
	env   map[string]value
	dir   string // working-directory of scripts
	shell string
	job   string
}

func (w *workflowReader) read(root *yaml.Node) {
	top := w.inner(scope{}, root)
	for _, e := range w.entries(w.get(root, "jobs")) {
		job := w.inner(top, e.value)
		job.job = e.key
		if strings.Contains(strings.ToLower(strings.Join(w.words(w.get(e.value, "runs-on")), " ")), "windows") && job.shell == "" {
			job.shell = "pwsh"
		}
		if uses := w.get(e.value, "uses"); isScalar(uses) {
			w.buildArgInputs(e.value, job, "the job "+e.key)
		}
		w.steps(w.get(e.value, "steps"), job)
	}
	runs := w.get(root, "runs")
	w.steps(w.get(runs, "steps"), top)
	if image := w.get(runs, "image"); isScalar(image) && !strings.Contains(image.Value, "://") {
		w.d.build(w.d.dir, true, Invocation{Dockerfile: image.Value, Given: true, Origin: "action " + w.d.src.name})
	}
}

// inner is the scope inside of a workflow or a job.
func (w *workflowReader) inner(outer scope, n *yaml.Node) scope {
	in := w.withEnv(outer, w.get(n, "env"))
	run := w.get(w.get(n, "defaults"), "run")
	if dir := w.get(run, "working-directory"); isScalar(dir) {
		in.dir = dir.Value
	}
	if shell := w.get(run, "shell"); isScalar(shell) {
		in.shell = shell.Value
	}
	return in
}

func (w *workflowReader) withEnv(outer scope, env *yaml.Node) scope {
	in := outer
	in.env = map[string]value{}
	if !w.spend(len(outer.env)) {
		return in
	}
	for k, v := range outer.env {
		in.env[k] = v
	}
	for _, e := range w.entries(env) {
		if isScalar(e.value) {
			in.env[e.key] = w.value(e.value.Value, outer)
		} else {
			in.env[e.key] = value{known: isNull(e.value)}
		}
	}
	return in
}

func (w *workflowReader) steps(n *yaml.Node, job scope) {
	for i, step := range w.items(n) {
		in := w.withEnv(job, w.get(step, "env"))
		name := fmt.Sprintf("the step %d", i+1)
		for _, key := range []string{"name", "id", "uses"} {
			if v := w.get(step, key); isScalar(v) {
				line, _, _ := strings.Cut(strings.TrimSpace(v.Value), "\n")
				name = "the step " + line[:min(len(line), 80)]
				break
			}
		}
		if job.job != "" {
			name += " of the job " + job.job
		}
		if run := w.get(step, "run"); isScalar(run) {
			if v := w.get(step, "working-directory"); isScalar(v) {
				in.dir = v.Value
			}
			if v := w.get(step, "shell"); isScalar(v) {
				in.shell = v.Value
			}
			w.script(run, in, name)
		}
		if uses := w.get(step, "uses"); isScalar(uses) {
			w.action(uses.Value, step, in, name)
		}
	}
}

// action checks a step that uses an action.
func (w *workflowReader) action(uses string, step *yaml.Node, in scope, of string) {
	passed := w.buildArgInputs(step, in, of)
	repo, _, _ := strings.Cut(strings.ToLower(uses), "@")
	with := w.get(step, "with")
	switch name := path.Base(repo); {
	case name == "build-push-action":
		w.buildPush(with, in, of, passed)
	case name == "buildah-build":
		w.buildah(with, in, of, passed)
	case name == "bake-action":
		w.d.skip(strings.TrimPrefix(of, "the "), "what the bake file of this step says was not checked with it", "check the bake file by itself")
	}
}

// input is a build argument, and whether it is a secret.
type input struct {
	given
	secret bool
}

// buildArgInputs reports what an action or a reusable workflow is given as
// build arguments, by whatever name its input goes.
func (w *workflowReader) buildArgInputs(step *yaml.Node, in scope, of string) (out []input) {
	for _, e := range w.entries(w.get(step, "with")) {
		if !isScalar(e.value) {
			continue
		}
		switch key := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(e.key)); key {
		case "buildargs", "dockerbuildargs", "dockerbuildarg", "buildarg":
			w.lines(e.value, func(line string, at extent, t *text, from int) {
				if strings.HasPrefix(line, "${{") {
					// The whole of it comes from elsewhere.
					v := w.value(line, in)
					w.d.argument(given{id: idCIBuildArg, name: e.key, at: at, of: of, fix: ciFix("NAME"), text: v.text, known: v.known, secrets: v.secrets, masks: v.masks})
					return
				}
				out = append(out, w.buildArg(line, at, t, from, in, of))
			})
		case "set":
			// docker/bake-action: TARGET.args.NAME=value.
			w.lines(e.value, func(line string, at extent, t *text, from int) {
				if i := strings.Index(line, ".args."); i >= 0 && i < strings.IndexByte(line, '=') {
					w.buildArg(line[i+6:], at, t, from+i+6, in, of)
				}
			})
		case "extraargs", "buildextraargs", "buildoptions", "buildflags":
			w.lines(e.value, func(line string, at extent, t *text, from int) {
				for _, f := range buildArgFlag.FindAllStringSubmatchIndex(line, 256) {
					sub := line[f[2]:f[3]]
					w.buildArg(sub, t.extent(from+f[0], from+f[1]), t, from+f[2], in, of)
				}
			})
		}
	}
	return out
}

// lines goes through the lines of an input that is a list.
func (w *workflowReader) lines(n *yaml.Node, f func(line string, at extent, t *text, from int)) {
	t, _ := w.text(n)
	from := 0
	for line := range strings.Lines(n.Value) {
		if !w.spend(1) {
			return
		}
		s := strings.TrimLeft(line, " \t\"")
		start := from + len(line) - len(s)
		s = strings.TrimRight(s, " \t\r\n\",")
		if s != "" {
			f(s, t.extent(start, start+len(s)), t, start)
		}
		from += len(line)
	}
}

// buildArg judges NAME=value, or NAME alone for one of the environment.
func (w *workflowReader) buildArg(arg string, at extent, t *text, from int, in scope, of string) input {
	name, text, ok := strings.Cut(arg, "=")
	g := given{id: idCIBuildArg, name: name, at: at, of: of, fix: ciFix(name)}
	if !ok {
		v, set := in.env[name]
		g.text, g.known, g.secrets, g.masks = v.text, set && v.known, v.secrets, v.masks
		if len(g.secrets) == 0 && secretName(name) && !g.known {
			g.secrets = []string{name + " of the environment"}
		}
	} else {
		v := w.value(text, in)
		g.text, g.known, g.secrets, g.masks = v.text, v.known, v.secrets, v.masks
		if !v.expressions {
			g.value = t.extent(from+len(name)+1, from+len(arg))
		} else if len(g.secrets) == 0 && secretName(name) && v.public() {
			g.known, g.text = true, "" // a commit or a run number, whatever the name says
			return input{g, w.d.argument(g)}
		}
	}
	return input{g, w.d.argument(g)}
}

func ciFix(name string) string {
	return fmt.Sprintf("Take it out of the build arguments, give it with the input secrets: %s=${{ secrets.%s }} (or, in a script, --secret id=%s,env=%s), and use %s.",
		secretID(name), strings.ToUpper(name), secretID(name), name, runFix(name))
}

// reader reads the constant inputs of a step.
type inputReader struct {
	w    *workflowReader
	with map[string]*yaml.Node
	in   scope
	of   string
	bad  bool // something that matters has no value here
}

func (w *workflowReader) inputs(with *yaml.Node, in scope, of string) *inputReader {
	r := &inputReader{w: w, with: map[string]*yaml.Node{}, in: in, of: of}
	for _, e := range w.entries(with) {
		if isScalar(e.value) {
			r.with[e.key] = e.value
		}
	}
	return r
}

// must is an input without which the build isn't known.
func (r *inputReader) must(key string) string {
	n := r.with[key]
	if n == nil {
		return ""
	}
	text := strings.ReplaceAll(n.Value, "{{defaultContext}}", ".")
	text = strings.TrimPrefix(strings.TrimSpace(text), ".:")
	v := r.w.value(text, r.in)
	if !v.known {
		r.bad = true
		r.w.d.skip(strings.TrimPrefix(r.of, "the "), fmt.Sprintf("its %s depends on what has no value here (%s)", key, strings.Join(v.unknown, ", ")), "check what it builds by itself")
	}
	return strings.TrimSpace(v.text)
}

// list is the lines of an input, as they are written.
func (r *inputReader) list(key string) (out []string) {
	if n := r.with[key]; n != nil {
		r.w.lines(n, func(line string, _ extent, _ *text, _ int) { out = append(out, line) })
	}
	return out
}

// buildPush records what docker/build-push-action builds.
func (w *workflowReader) buildPush(with *yaml.Node, in scope, of string, passed []input) {
	r := w.inputs(with, in, of)
	inv := Invocation{Origin: strings.TrimPrefix(of, "the ") + " of " + w.d.src.name, Given: true, Secrets: []string{"GIT_AUTH_TOKEN"}}
	for _, p := range passed {
		inv.pass(p.given, p.secret)
	}
	if n := r.with["context"]; n != nil {
		v := w.value(n.Value, in)
		w.d.contextURL(v.text, w.whole(n), w.whole(n), v.secrets, of)
	}
	inv.Context, inv.Dockerfile, inv.Target = r.must("context"), r.must("file"), r.must("target")
	for _, key := range []string{"secrets", "secret-envs", "secret-files"} {
		for _, line := range r.list(key) {
			if id, _, ok := strings.Cut(line, "="); ok && !strings.ContainsAny(id, " ${") {
				inv.Secrets = append(inv.Secrets, id)
			} else if ok {
				inv.Given = false
			}
		}
	}
	if n := r.with["build-contexts"]; n != nil {
		w.lines(n, func(line string, at extent, _ *text, _ int) {
			name, dir, _ := strings.Cut(line, "=")
			v := w.value(dir, in)
			dir = w.d.contextURL(v.text, at, at, v.secrets, of)
			if v.known {
				inv.context(name, dir)
			}
		})
	}
	for _, line := range r.list("cache-to") {
		inv.CacheMax = inv.CacheMax || strings.EqualFold(option(line, "mode"), "max")
	}
	if n := r.with["provenance"]; n != nil {
		inv.ProvenanceMax = provenanceMax(n.Value)
	}
	if p := r.list("platforms"); len(p) > 0 {
		inv.Platform = firstPlatform(p[0])
	}
	if !r.bad {
		w.d.build(w.root, true, inv)
	}
}

// buildah records what redhat-actions/buildah-build builds.
func (w *workflowReader) buildah(with *yaml.Node, in scope, of string, passed []input) {
	r := w.inputs(with, in, of)
	files := slices.Concat(r.list("containerfiles"), r.list("dockerfiles"))
	context := r.must("context")
	for _, file := range files {
		inv := Invocation{Origin: strings.TrimPrefix(of, "the ") + " of " + w.d.src.name, Context: context}
		v := w.value(file, in)
		if !v.known {
			w.d.skip(strings.TrimPrefix(of, "the "), fmt.Sprintf("its containerfiles depend on what has no value here (%s)", strings.Join(v.unknown, ", ")), "check what it builds by itself")
			continue
		}
		inv.Dockerfile = v.text
		for _, p := range passed {
			inv.pass(p.given, p.secret)
		}
		if !r.bad {
			w.d.build(w.root, true, inv)
		}
	}
}
