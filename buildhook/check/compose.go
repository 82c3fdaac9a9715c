package check

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// compose reads a compose file: what the build sections of its services are.
// The environment of a service is that of a container, not of a build, and no
// business of this check.
func (d *drivers) compose() error {
	y, err := d.readYAML()
	if y == nil {
		return err
	}
	c := &composeReader{yamlFile: y, env: d.dotenv()}
	for _, root := range y.roots {
		c.read(root)
	}
	return d.done(cmp.Or(err, y.err))
}

type composeReader struct {
	*yamlFile
	env func(string) (string, bool) // the environment, and .env
}

// dotenv looks a variable up as compose does: in the environment, and then in
// the file .env beside the compose file.
func (d *drivers) dotenv() func(string) (string, bool) {
	vars := map[string]string{}
	if b, err := readFile(filepath.Join(d.dir, ".env"), maxDriver); err == nil {
		for line := range strings.Lines(string(b)) {
			k, v, ok := strings.Cut(strings.TrimSpace(line), "=")
			k = strings.TrimSpace(strings.TrimPrefix(k, "export "))
			v = strings.TrimSpace(v)
			if !ok || k == "" || strings.HasPrefix(k, "#") {
				continue
			}
			if n := len(v); n > 1 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
				v = v[1 : n-1]
			} else if i := strings.Index(v, " #"); i >= 0 {
				v = strings.TrimSpace(v[:i])
			}
			vars[k] = v
		}
	}
	return func(name string) (string, bool) {
		if v, ok := d.getenv(name); ok {
			return v, true
		}
		v, ok := vars[name]
		return v, ok
	}
}

func (c *composeReader) read(root *yaml.Node) {
	if inc := c.get(root, "include"); !isNull(inc) {
		c.d.skip("include", "it includes other compose files, which are not followed", "check each of them by itself")
	}
	list := c.entries(c.get(root, "services"))
	services := map[string]*yaml.Node{}
	for _, e := range list {
		services[e.key] = e.value
	}
	for _, e := range list {
		if b := c.buildOf(services, e.key, 0); b != nil {
			c.service(e.key, e.value, b)
		}
	}
}

// composeBuild is the build section of a service, with what it extends.
type composeBuild struct {
	fields   map[string]*yaml.Node
	args     []composeArg
	contexts []composeArg
	secrets  []*yaml.Node
	cacheTo  []*yaml.Node
}

// composeArg is KEY: value or KEY=value.
type composeArg struct {
	key  string
	node *yaml.Node // the scalar with the value; nil: there is none
	from int        // where the value begins in the scalar
	at   extent
}

// buildOf puts the build section of a service together. It is nil if there is
// none: the service runs an image that is built elsewhere.
func (c *composeReader) buildOf(services map[string]*yaml.Node, name string, depth int) *composeBuild {
	if depth > 16 || !c.spend(1) {
		return nil
	}
	service := services[name]
	var b *composeBuild
	if ext := c.get(service, "extends"); !isNull(ext) {
		base := ext
		if !isScalar(ext) {
			base = c.get(ext, "service")
			if file := c.get(ext, "file"); isScalar(file) {
				c.d.skip("service "+name, "it extends a service of another file, which is not followed", "check that file by itself")
				base = nil
			}
		}
		if isScalar(base) {
			b = c.buildOf(services, base.Value, depth+1)
		}
	}
	build := c.get(service, "build")
	if isNull(build) {
		return b
	}
	if b == nil {
		b = &composeBuild{}
	}
	fields := map[string]*yaml.Node{}
	for k, v := range b.fields {
		fields[k] = v
	}
	b.fields = fields
	if isScalar(build) {
		fields["context"] = build
		return b
	}
	for _, e := range c.entries(build) {
		switch e.key {
		case "args":
			b.args = merged(b.args, c.pairs(e.value))
		case "additional_contexts":
			b.contexts = merged(b.contexts, c.pairs(e.value))
		case "secrets":
			b.secrets = append(b.secrets, c.items(e.value)...)
		case "cache_to":
			b.cacheTo = append(b.cacheTo, c.items(e.value)...)
		case "x-bake":
			if isScalar(c.get(e.value, "cache-to")) {
				b.cacheTo = append(b.cacheTo, c.get(e.value, "cache-to"))
			}
			b.cacheTo = append(b.cacheTo, c.items(c.get(e.value, "cache-to"))...)
			b.secrets = append(b.secrets, c.items(c.get(e.value, "secret"))...)
			b.contexts = merged(b.contexts, c.pairs(c.get(e.value, "contexts")))
			fields["x-bake"] = e.value
		default:
			fields[e.key] = e.value
		}
	}
	return b
}

// merged is a list of arguments with another on top of it.
func merged(under, over []composeArg) []composeArg {
	at := map[string]int{}
	var out []composeArg
	for _, a := range append(under[:len(under):len(under)], over...) {
		if i, ok := at[a.key]; ok {
			out[i] = a
			continue
		}
		at[a.key] = len(out)
		out = append(out, a)
	}
	return out
}

// pairs lists a mapping, or a list of KEY=value.
func (c *composeReader) pairs(n *yaml.Node) []composeArg {
	var out []composeArg
	for _, e := range c.entries(n) {
		a := composeArg{key: e.key, at: c.extent(e)}
		if isScalar(e.value) {
			a.node = e.value
		} else if !isNull(e.value) {
			continue // no build argument
		}
		out = append(out, a)
	}
	for _, item := range c.items(n) {
		if !isScalar(item) {
			continue
		}
		k, _, ok := strings.Cut(item.Value, "=")
		a := composeArg{key: k, at: c.whole(item)}
		if ok {
			a.node, a.from = item, len(k)+1
		}
		out = append(out, a)
	}
	return out
}

// service checks the arguments of a service, and records its build.
func (c *composeReader) service(name string, service *yaml.Node, b *composeBuild) {
	of := "the service " + name
	inv := Invocation{Origin: fmt.Sprintf("service %s of %s", name, c.d.src.name), Given: true}
	ok := true
	field := func(key string) string {
		n := b.fields[key]
		if !isScalar(n) {
			return ""
		}
		x := c.expand(n.Value)
		if !x.known && (key == "context" || key == "dockerfile" || key == "target") {
			c.d.skip("service "+name, fmt.Sprintf("its %s depends on a variable that has no value here (%s)", key, strings.Join(x.unset, ", ")), "set it in the environment or in .env")
			ok = false
		}
		return x.value
	}
	for _, a := range b.args {
		g := given{id: idComposeBuildArg, name: a.key, at: a.at, of: of,
			fix: fmt.Sprintf("Take it out of args, add %s to build.secrets, with a top-level secrets: %s: environment: %s, and use %s.",
				secretID(a.key), secretID(a.key), a.key, runFix(a.key))}
		if a.node == nil {
			g.text, g.known = c.env(a.key)
			if secretName(a.key) {
				g.secrets = []string{a.key + " of the environment"}
			}
		} else {
			c.value(&g, a)
		}
		inv.pass(g, c.d.argument(g))
	}
	if n := b.fields["context"]; isScalar(n) {
		x := c.expand(n.Value)
		field("context")
		inv.Context = c.d.contextURL(x.value, c.whole(n), c.whole(n), x.secrets, of)
	}
	for _, a := range b.contexts {
		if a.node == nil {
			continue
		}
		x := c.expand(a.node.Value[a.from:])
		if dir := c.d.contextURL(x.value, a.at, a.at, x.secrets, of); x.known {
			inv.context(a.key, dir)
		}
	}
	inv.Dockerfile, inv.Target = field("dockerfile"), field("target")
	if n := b.fields["dockerfile_inline"]; isScalar(n) {
		inv.Inline = []byte(c.expand(n.Value).value)
	}
	for _, s := range b.secrets {
		inv.Secrets = append(inv.Secrets, c.secretIDs(s)...)
	}
	for _, n := range b.cacheTo {
		inv.CacheMax = inv.CacheMax || strings.EqualFold(option(c.expand(strings.Join(c.words(n), "")).value, "mode"), "max")
	}
	if n := b.fields["provenance"]; isScalar(n) {
		inv.ProvenanceMax = provenanceMax(c.expand(n.Value).value)
	}
	platforms := append(c.words(b.fields["platforms"]), c.words(c.get(service, "platform"))...)
	if len(platforms) > 0 {
		inv.Platform = firstPlatform(c.expand(platforms[0]).value)
	}
	if ok && c.spend(1) {
		c.d.build(c.d.dir, false, inv)
	}
}

// value takes apart what an argument is given.
func (c *composeReader) value(g *given, a composeArg) {
	raw := a.node.Value[a.from:]
	x := c.expand(raw)
	g.text, g.known, g.secrets, g.masks = x.value, x.known, x.secrets, x.masks
	if !x.variables {
		t, _ := c.text(a.node)
		g.value = t.extent(a.from, len(a.node.Value))
		return
	}
	if secretName(a.key) && len(x.secrets) == 0 && len(x.passed) > 0 {
		g.secrets = x.passed // by the argument's name
	}
}

// secretIDs are the IDs that a secret of a build can be mounted by. Compose
// takes the target, where there is one, and bake the source.
func (c *composeReader) secretIDs(n *yaml.Node) (ids []string) {
	if isScalar(n) {
		return []string{cmp.Or(option(n.Value, "id"), c.expand(n.Value).value)}
	}
	for _, key := range []string{"source", "target", "id"} {
		if v := c.get(n, key); isScalar(v) {
			ids = append(ids, c.expand(v.Value).value)
		}
	}
	return ids
}

// expand is expandCompose, as long as there is work left.
func (c *composeReader) expand(s string) expansion {
	if !c.spend(1 + len(s)/64) {
		return expansion{value: s}
	}
	return expandCompose(s, c.env)
}
