package wrap

import (
	"path/filepath"
	"strings"
)

// inspected is what buildx inspect says of a builder.
type inspected struct {
	name, driver string
	nodes        []node
}

type node struct {
	name, endpoint string
	options        []string // of the driver: NAME=VALUE
}

// parseInspect reads the output of buildx inspect: "Name: value" lines, those
// of the nodes after a line "Nodes:".
func parseInspect(text string) (b inspected) {
	inNodes := false
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !ok {
			continue
		}
		value = strings.Trim(value, " \t\"")
		switch {
		case key == "Nodes":
			inNodes = true
		case !inNodes && key == "Name":
			b.name = value
		case !inNodes && key == "Driver":
			b.driver = value
		case inNodes && key == "Name":
			b.nodes = append(b.nodes, node{name: value})
		case inNodes && key == "Driver Options" && len(b.nodes) > 0:
			for _, o := range strings.Fields(value) {
				b.nodes[len(b.nodes)-1].options = append(b.nodes[len(b.nodes)-1].options, strings.ReplaceAll(o, `"`, ""))
			}
		case inNodes && key == "Endpoint" && len(b.nodes) > 0:
			b.nodes[len(b.nodes)-1].endpoint = value
		}
	}
	return b
}

// builderOf finds --builder in a command line, the last if there are several:
// the index of the word with its value, or -1, and the value.
func builderOf(argv []string) (at int, name string) {
	at = -1
	for i, a := range argv {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, "--builder="); ok {
			at, name = i, v
		}
		if a == "--builder" && i+1 < len(argv) {
			at, name = i+1, argv[i+1]
		}
	}
	return at, name
}

func setBuilder(argv []string, at int, name string) {
	if strings.HasPrefix(argv[at], "--builder=") {
		name = "--builder=" + name
	}
	argv[at] = name
}

// otherEngine finds the flags with which docker leaves the environment's engine
// for another one; "" if there is none.
func otherEngine(argv []string) string {
	if len(argv) == 0 || strings.TrimSuffix(filepath.Base(argv[0]), ".exe") != "docker" {
		return ""
	}
	for _, a := range argv[1:] {
		if !strings.HasPrefix(a, "-") {
			break // a command: its flags are others
		}
		name, _, _ := strings.Cut(a, "=")
		if name == "--context" || name == "--host" || strings.HasPrefix(a, "-H") || strings.HasPrefix(a, "-c") {
			return name
		}
	}
	return ""
}
