package shellflow

import (
	"slices"
	"strings"
)

// fetch is a command that prints secrets.
type fetch struct {
	words string   // the command and its operands, in this order
	needs []string // one of these options
	out   []string // options that name a file for the output
}

var fetches = []fetch{
	{words: "vault kv get"},
	{words: "vault read"},
	{words: "aws secretsmanager get-secret-value"},
	{words: "aws secretsmanager batch-get-secret-value"},
	{words: "aws ssm get-parameter", needs: []string{"--with-decryption"}},
	{words: "aws ssm get-parameters", needs: []string{"--with-decryption"}},
	{words: "aws ssm get-parameters-by-path", needs: []string{"--with-decryption"}},
	{words: "aws kms decrypt"},
	{words: "aws ecr get-login-password"},
	{words: "aws codeartifact get-authorization-token"},
	{words: "aws sts assume-role"},
	{words: "gcloud secrets versions access", out: []string{"--out-file"}},
	{words: "gcloud auth print-access-token"},
	{words: "gcloud auth print-identity-token"},
	{words: "gcloud kms decrypt", out: []string{"--plaintext-file"}},
	{words: "az keyvault secret show"},
	{words: "az keyvault secret download", out: []string{"--file", "-f"}},
	{words: "az account get-access-token"},
	{words: "op read", out: []string{"-o", "--out-file"}},
	{words: "op item get"},
	{words: "op inject", out: []string{"-o", "--out-file"}},
	{words: "op document get", out: []string{"-o", "--out-file", "--output"}},
	{words: "doppler secrets"},
	{words: "infisical secrets"},
	{words: "infisical export"},
	{words: "chamber export", out: []string{"-o", "--output-file"}},
	{words: "chamber read"},
	{words: "chamber env"},
	{words: "conjur variable get"},
	{words: "conjur variable value"},
	{words: "kubectl get secret", needs: []string{"-o", "--output", "--template"}},
	{words: "kubectl get secrets", needs: []string{"-o", "--output", "--template"}},
	{words: "oc get secret", needs: []string{"-o", "--output", "--template"}},
	{words: "bw get"},
	{words: "bw list items"},
	{words: "pass show"},
	{words: "gopass show"},
	{words: "berglas access"},
	{words: "gh auth token"},
	{words: "ansible-vault view"},
	{words: "ansible-vault decrypt", out: []string{"--output"}},
	{words: "sops decrypt", out: []string{"--output"}},
	{words: "sops", needs: []string{"-d", "--decrypt"}, out: []string{"--output"}},
	{words: "age", needs: []string{"-d", "--decrypt"}, out: []string{"-o", "--output"}},
	{words: "lpass show"},
	{words: "keyring get"},
	{words: "secret-tool lookup"},
}

// fetched is the taint of what such a command prints.
func fetched(c *cmdline, by string) taint {
	return taint{origins: []origin{{kind: Fetched, by: by, pos: c.pos, end: c.end}}}
}

// runners run a command after -- with secrets in its environment.
var runners = []string{"doppler run", "op run", "infisical run", "chamber exec", "aws-vault exec", "envconsul", "teller run", "vault-env"}

// fetcher runs the commands that print secrets, and those that run others with
// them.
func (r *run) fetcher(c *cmdline) bool {
	for _, w := range runners {
		if c.begins(w) {
			i := slices.IndexFunc(c.args, func(t text) bool { return t.s == "--" })
			if i < 0 || i+1 >= len(c.args) {
				return false
			}
			r.invoke(c.from(i + 1))
			return true
		}
	}
	for i := range fetches {
		f := &fetches[i]
		if !c.begins(f.words) {
			continue
		}
		opts, operands := options(c.rest(), "ofn", f.out...)
		if len(f.needs) > 0 && !hasOption(opts, f.needs...) {
			continue
		}
		r.argument(c)
		t := fetched(c, f.words)
		out, ok := lookupOption(opts, f.out...)
		switch {
		case ok && out.s != "-" && out.s != "":
			r.writeTo(r.key(out), false, c.part(t, f.words))
		case f.words == "ansible-vault decrypt" && !ok || strings.HasPrefix(f.words, "sops") && hasOption(opts, "-i", "--in-place"):
			// In place.
			if n := len(operands); n > 0 {
				r.write(r.key(operands[n-1]), true, c.part(t, f.words))
			}
		default:
			r.output(c, text{s: hole("…"), taint: t})
		}
		return true
	}
	return false
}

// begins reports whether the command and its first operands are these words.
// Options may stand between them, and what may be an option's value.
func (c *cmdline) begins(words string) bool {
	first, rest, _ := strings.Cut(words, " ")
	if c.name != first {
		return false
	}
	option := false
	for _, a := range c.rest() {
		if rest == "" {
			return true
		}
		if strings.HasPrefix(a.s, "-") {
			option = !strings.Contains(a.s, "=")
			continue
		}
		w, tail, _ := strings.Cut(rest, " ")
		if a.s == w {
			rest = tail
		} else if !option {
			return false
		}
		option = false
	}
	return rest == ""
}
