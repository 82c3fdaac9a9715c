package check

import (
	"fmt"
	"strings"
)

// Snippets says how a build is given the secrets that its Dockerfile mounts:
// for docker build, compose, bake and GitHub Actions.
func (f *Fix) Snippets() string {
	var b strings.Builder
	b.WriteString("\nBuild it with\n\n    docker build")
	for _, s := range f.Secrets {
		b.WriteString(" " + s.Flag())
	}
	if f.SSH {
		b.WriteString(" --ssh default")
	}
	b.WriteString(" .\n\nor in compose.yaml\n\n    services:\n      app:\n        build:\n          context: .\n")
	if f.SSH {
		b.WriteString("          ssh: [default]\n")
	}
	if len(f.Secrets) > 0 {
		b.WriteString("          secrets: [")
		for i, s := range f.Secrets {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(s.ID)
		}
		b.WriteString("]\n    secrets:\n")
		for _, s := range f.Secrets {
			if s.Env != "" {
				fmt.Fprintf(&b, "      %s:\n        environment: %s\n", s.ID, s.Env)
			} else {
				fmt.Fprintf(&b, "      %s:\n        file: %s\n", s.ID, s.File)
			}
		}
	}
	b.WriteString("\nor in docker-bake.hcl\n\n    target \"app\" {\n")
	if len(f.Secrets) > 0 {
		b.WriteString("      secret = [")
		for i, s := range f.Secrets {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%q", strings.TrimPrefix(s.Flag(), "--secret "))
		}
		b.WriteString("]\n")
	}
	if f.SSH {
		b.WriteString("      ssh = [\"default\"]\n")
	}
	b.WriteString("    }\n\nor in a workflow\n\n    - uses: docker/build-push-action@v6\n      with:\n")
	if f.SSH {
		b.WriteString("        ssh: default=${{ env.SSH_AUTH_SOCK }}\n")
	}
	for _, form := range []struct {
		key  string
		line func(GivenSecret) string
	}{
		{"secrets", func(s GivenSecret) string {
			if s.Env == "" {
				return ""
			}
			return s.ID + "=${{ secrets." + s.Env + " }}"
		}},
		{"secret-files", func(s GivenSecret) string {
			if s.Env != "" {
				return ""
			}
			return s.ID + "=" + s.File
		}},
	} {
		var lines []string
		for _, s := range f.Secrets {
			if l := form.line(s); l != "" {
				lines = append(lines, "          "+l+"\n")
			}
		}
		if len(lines) > 0 {
			b.WriteString("        " + form.key + ": |\n" + strings.Join(lines, ""))
		}
	}
	return b.String()
}
