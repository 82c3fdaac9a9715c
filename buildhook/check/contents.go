package check

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/leakscan/leakscan/buildhook/buildcontext"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// contents is what a file of a build context has in it.
type contents struct {
	file   *buildcontext.File
	hits   []hit
	sshKey bool
	store  string // what kind of encrypted or binary key store it is; "": none
	err    error  // why it was not read, or not to its end

	more     int   // hits that are not kept
	archive  bool  // it was looked into
	partly   bool  // but not into all of it
	exceeded int64 // bytes after which that was ended; 0: it was not
}

// hit is a secret in a file.
type hit struct {
	rule       string
	title      string
	severity   report.Severity
	confidence report.Confidence
	key        string
	line       int
	inside     string // the end of its path, if it is in an archive: see layerwalk.Inside
	secret     detect.Secret
}

// maxHits is how many secrets of one file, or of a member of an archive, are looked
// at, and how many are kept: one is reason enough.
const maxHits = 100

// scanFiles looks into files, each of them once, with several workers. What
// it gives does not depend on their number.
func (c *checker) scanFiles(ctx context.Context, b *buildContext, files []*buildcontext.File) error {
	var g errgroup.Group
	g.SetLimit(c.o.Workers)
	var mu sync.Mutex
	// What all archives may give together, beside what fits their sizes, in equal
	// parts: who is first must not count.
	free := min(max(archivesFree/int64(len(files)+1), 1<<20), 64<<20)
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			h, n := c.scanFile(ctx, b, f, free)
			mu.Lock()
			defer mu.Unlock()
			c.rep.Stats.ContextFiles++
			c.rep.Stats.ContextBytes += n
			if len(h.hits) > 0 || h.store != "" || h.err != nil || h.partly {
				b.hot[f.Path] = h
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// archivesFree is what the archives of a context may give, in bytes: see
// layerwalk.Unpacker.
const archivesFree = 1 << 30

func (c *checker) scanFile(ctx context.Context, b *buildContext, f *buildcontext.File, free int64) (h *contents, n int64) {
	h = &contents{file: f}
	r, err := b.OpenWalked(f)
	if err != nil {
		h.err = err
		return h, 0
	}
	defer r.Close()
	count := &counter{r: r}
	head := c.scanContents(h, f.Path, "", count, make([]byte, min(f.Size+1, headSize)))
	h.store = keyStore(f.Path, head)
	// A .git directory is told as such, whatever is in its history.
	if h.err == nil && c.unpack != nil && layerwalk.Packed(head) && gitDirOf(f.Path) == "" {
		c.scanInside(ctx, h, b, free)
	}
	return h, count.n
}

// headSize is how much of a file's start is for the parsers of single formats, in
// bytes; all of it is for the rules.
const headSize = 64 << 10

// scanContents scans a file, or a member of an archive. It fills head with its
// start, and returns that.
func (c *checker) scanContents(h *contents, name, inside string, r io.Reader, head []byte) []byte {
	m, err := io.ReadFull(r, head)
	head = head[:m]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		h.err = err
		return head
	}
	var hits []hit
	for match, err := range c.scanner.Scan(name, io.MultiReader(bytes.NewReader(head), r)) {
		if err != nil {
			var limit *detect.LimitError
			if !errors.As(err, &limit) {
				h.err = err
			}
			break
		}
		if !worthTelling(name, &match) || match.Rule.Confidence == rules.ConfidenceLow && encrypted(head) {
			continue
		}
		if strings.HasPrefix(match.Rule.ID, "private-key") && inside == "" {
			h.sshKey = h.sshKey || sshKeyFile(name, head)
		}
		hits = append(hits, hitOf(&match))
		if len(hits) == maxHits {
			break
		}
	}
	if !binary(head) {
		hits = append(hits, credentials(name, head, hits)...)
	}
	h.add(inside, hits)
	return head
}

func hitOf(m *detect.Match) hit {
	return hit{rule: m.Rule.ID, title: m.Rule.Title, severity: report.Severity(m.Rule.Severity), confidence: report.Confidence(m.Rule.Confidence),
		key: m.Key, line: m.Line, secret: m.Secret}
}

// add keeps hits; of too many, the worst.
func (h *contents) add(inside string, hits []hit) {
	for i := range hits {
		hits[i].inside = inside
	}
	h.hits = append(h.hits, hits...)
	if len(h.hits) > 2*maxHits {
		slices.SortStableFunc(h.hits, func(a, b hit) int { return b.severity.Rank() - a.severity.Rank() })
		h.more += len(h.hits) - maxHits
		h.hits = slices.Delete(h.hits, maxHits, len(h.hits))
	}
}

// scanInside looks into a file that is an archive.
func (c *checker) scanInside(ctx context.Context, h *contents, b *buildContext, free int64) {
	r, err := b.OpenWalked(h.file)
	if err != nil {
		h.err = err
		return
	}
	defer r.Close()
	h.archive = true
	in := &contents{file: h.file}
	u := layerwalk.Unpacker{Memory: c.unpack, Free: free}
	head := make([]byte, headSize)
	for e := range u.Files(ctx, h.file.Path, r, h.file.Size) {
		inside := strings.TrimPrefix(e.Name, h.file.Path)
		if start := c.scanContents(in, e.Name, inside, e, head); inside != "" {
			in.store = cmp.Or(in.store, keyStore(e.Name, start))
		}
		for _, record := range e.Records {
			c.scanShort(in, inside, record.Value)
		}
		c.scanShort(in, inside, e.Linkname)
		c.scanShort(in, inside, string(e.Header))
	}
	h.partly = !u.Whole()
	if u.Exceeded() {
		h.exceeded = u.Bytes()
	}
	h.store, h.err = cmp.Or(h.store, in.store), in.err
	// What is stored as it is was seen in the bytes of the archive, too; of a tar, all.
	if u.Plain() && u.Whole() {
		h.hits, h.more = nil, 0
	}
	h.hits = slices.DeleteFunc(h.hits, func(o hit) bool {
		return slices.ContainsFunc(in.hits, func(m hit) bool { return m.rule == o.rule && m.secret.ID() == o.secret.ID() })
	})
	h.hits, h.more = append(h.hits, in.hits...), h.more+in.more
}

// scanShort scans a text beside the contents of files: a link's target, a comment.
func (c *checker) scanShort(h *contents, inside, text string) {
	if len(text) < 8 {
		return
	}
	for m, err := range c.scanner.ScanBytes("", []byte(text)) {
		if err == nil && worthTelling("", &m) {
			h.add(inside, []hit{hitOf(&m)})
		}
	}
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func binary(b []byte) bool { return bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 }

// worthTelling leaves out guesses: a random-looking value counts in a file
// that holds settings, under the name of a secret. An image scan reports the
// others, with their confidence.
func worthTelling(name string, m *detect.Match) bool {
	if m.Severity == rules.SeverityInfo {
		return false
	}
	if !guess(m) {
		return !(strings.Contains(m.Rule.ID, "curl-auth") && exampleFile(name))
	}
	return settingsFile(name) && !exampleFile(name) && m.Key != "" && secretName(m.Key) && !placeholder(string(m.Secret.Reveal()))
}

// encrypted says whether a file keeps its secrets encrypted, as SealedSecrets,
// sops and ansible-vault do.
func encrypted(head []byte) bool {
	for _, mark := range []string{"kind: SealedSecret", "ENC[AES256_GCM", "$ANSIBLE_VAULT"} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	return false
}

var settingsEndings = wordSet(`.env .yml .yaml .json .toml .ini .cfg .conf .config .properties .xml .tfvars .tfstate .netrc .npmrc .pypirc
	.sh .bash .envrc .ps1 .settings .plist .hcl .auto.tfvars .credentials .secrets .secret .txt .key .token .pgpass`)

func settingsFile(name string) bool {
	base := strings.ToLower(path.Base(name))
	for _, lock := range []string{"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "composer.lock", "packages.lock.json"} {
		if base == lock {
			return false
		}
	}
	if strings.Contains("/"+name, "/node_modules/") {
		return false
	}
	return strings.HasPrefix(base, ".env") || strings.HasPrefix(base, ".") && path.Ext(base) == base || settingsEndings[path.Ext(base)] || !strings.Contains(base, ".")
}

// exampleFile says whether a file shows what another one looks like.
func exampleFile(name string) bool {
	base := strings.ToLower(path.Base(name))
	for _, w := range []string{"example", "sample", "template", "dist", "default", "defaults", "tmpl", "tpl", "schema", "spec"} {
		if strings.HasSuffix(base, "."+w) || strings.HasSuffix(base, "-"+w) || strings.HasSuffix(base, "_"+w) || strings.Contains(base, "."+w+".") || strings.HasPrefix(base, w+".") || strings.HasPrefix(base, w+"-") {
			return true
		}
	}
	return false
}

func sshKeyFile(name string, head []byte) bool {
	base := path.Base(name)
	return bytes.Contains(head, []byte("-----BEGIN OPENSSH PRIVATE")) || strings.HasPrefix(base, "id_") || strings.Contains("/"+name, "/.ssh/")
}

// credentialFile says whether a file of this name holds credentials as a rule:
// what such a file is for, or "".
func credentialFile(name string) string {
	name = strings.TrimPrefix(path.Clean(strings.ToLower("/"+name)), "/")
	base := path.Base(name)
	if exampleFile(name) || strings.HasSuffix(base, ".pub") {
		return ""
	}
	switch base {
	case ".npmrc", ".yarnrc.yml":
		return "npm"
	case ".netrc", "_netrc":
		return "curl and git"
	case ".pypirc":
		return "pip"
	case ".git-credentials":
		return "git"
	case ".pgpass", ".my.cnf", ".mylogin.cnf":
		return "a database"
	case ".dockerconfigjson", ".dockercfg":
		return "docker"
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", "deploy_key", "identity":
		return "ssh"
	case ".env", ".envrc", ".env.local", ".env.production", ".env.prod", ".env.staging", ".env.development", ".env.production.local", ".env.development.local":
		return "the program"
	case "kubeconfig":
		return "kubectl"
	case "credentials.json", "service-account.json", "service_account.json", "serviceaccount.json", "gcp-key.json", "gcloud-key.json", "client_secret.json", "application_default_credentials.json":
		return "Google Cloud"
	case "master.key", "production.key", "credentials.yml.enc.key":
		return "Rails"
	case "auth.json":
		return "composer"
	case "terraform.tfstate", "terraform.tfvars", ".terraformrc", "terraform.rc":
		return "terraform"
	case "secrets.yml", "secrets.yaml", "secrets.json", "secrets.env", "secrets.toml":
		return "the program"
	case "settings-security.xml", ".htpasswd", ".vault-token", ".vault_pass", "vault_pass.txt", ".boto", ".s3cfg", ".netlify", ".pypirc.local":
		return strings.TrimPrefix(base, ".")
	}
	for suffix, what := range map[string]string{
		".aws/credentials": "aws", ".docker/config.json": "docker", ".kube/config": "kubectl", ".gem/credentials": "gem", ".cargo/credentials": "cargo",
		".cargo/credentials.toml": "cargo", ".m2/settings.xml": "maven", ".config/gh/hosts.yml": "gh", ".composer/auth.json": "composer",
		".azure/accesstokens.json": "azure", ".config/gcloud/application_default_credentials.json": "Google Cloud",
	} {
		if name == suffix || strings.HasSuffix(name, "/"+suffix) {
			return what
		}
	}
	return ""
}

// missingCredential is credentialFile for a path that is not there: the name
// is all there is to go by, and may be that of a directory.
func missingCredential(name string) string {
	if what := credentialFile(name); what != "" || name == "" || exampleFile(name) {
		return what
	}
	base := strings.ToLower(path.Base(name))
	switch base {
	case ".aws":
		return "aws"
	case ".ssh":
		return "ssh"
	case ".kube":
		return "kubectl"
	case ".docker":
		return "docker"
	case ".gnupg":
		return "gpg"
	case "serviceaccountkey.json":
		return "Google Cloud"
	}
	switch {
	case strings.HasSuffix(base, "_key.json"), strings.HasSuffix(base, "-key.json"):
		return "Google Cloud"
	case strings.HasSuffix(base, ".kdbx"), strings.HasSuffix(base, ".p12"), strings.HasSuffix(base, ".pfx"):
		return "a key store"
	case strings.HasSuffix(base, ".key"), strings.Contains(base, "privatekey"), strings.Contains(base, "private_key"), strings.Contains(base, "private-key"):
		if !strings.Contains(base, "pub") {
			return "a private key"
		}
	}
	return ""
}

// keyStore tells a file that holds private keys in a form that can't be
// looked into.
func keyStore(name string, head []byte) string {
	switch ext := strings.ToLower(path.Ext(name)); {
	case bytes.HasPrefix(head, []byte{0xfe, 0xed, 0xfe, 0xed}):
		if bytes.Contains(bytes.ToLower([]byte(path.Base(name))), []byte("cacerts")) || strings.Contains(strings.ToLower(path.Base(name)), "trust") {
			return ""
		}
		return "a Java key store"
	case (ext == ".p12" || ext == ".pfx") && len(head) > 4 && head[0] == 0x30:
		return "a PKCS #12 key store"
	case bytes.HasPrefix(head, []byte{0x03, 0xd9, 0xa2, 0x9a}):
		return "a KeePass database"
	case bytes.HasPrefix(head, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----")):
		return "" // the rules know it
	case bytes.HasPrefix(head, []byte("$ANSIBLE_VAULT")):
		return ""
	}
	return ""
}

// assignment finds what files of settings assign: NAME=value, NAME: value,
// "name": "value", machine … password value.
var (
	assignment = regexp.MustCompile(`^\s*(?:export\s+|set\s+)?["']?([A-Za-z_][\w.\-]*)["']?\s*[=:]\s*["']?([^"'\s#,;]+)["']?`)
	authLine   = regexp.MustCompile(`(?:^|:)(_authToken|_auth|_password|npmAuthToken)\s*[=:]\s*["']?([^"'\s]+)`)
	netrcWord  = regexp.MustCompile(`(?:^|\s)(password)\s+(\S+)`)
	dockerAuth = regexp.MustCompile(`"(auth|identitytoken|registrytoken)"\s*:\s*"([A-Za-z0-9+/=._\-]{8,})"`)
)

// credentials finds what the rules don't: values without a form of their own,
// such as passwords, in files of which it is known how they hold them.
func credentials(name string, head []byte, known []hit) (out []hit) {
	base := strings.ToLower(path.Base(name))
	if exampleFile(name) {
		return nil
	}
	var form *regexp.Regexp
	named := false // the name must be that of a secret
	switch {
	case base == ".npmrc" || base == "npmrc" || base == ".yarnrc.yml" || base == ".yarnrc":
		form = authLine
	case base == ".netrc" || base == "_netrc" || base == "netrc":
		form = netrcWord
	case base == ".dockercfg" || base == ".dockerconfigjson" || strings.HasSuffix("/"+strings.ToLower(name), "/.docker/config.json"):
		form = dockerAuth
	case base == ".env" || strings.HasPrefix(base, ".env.") || base == ".envrc" || strings.HasSuffix(base, ".env") ||
		base == ".pypirc" || base == "pip.conf" || base == ".my.cnf" || base == "auth.toml" ||
		strings.HasPrefix(base, "secrets.") || strings.HasPrefix(base, "application") && path.Ext(base) == ".properties" || base == "credentials" && strings.Contains(name, ".aws/") || strings.HasSuffix(base, ".tfvars"):
		form, named = assignment, true
	case base == ".git-credentials" || base == ".pgpass":
	case base == "config" && strings.HasSuffix(path.Dir("/"+name), "/.git"):
	default:
		return nil
	}
	found := func(line int, key string, value string) {
		for i := range known {
			if known[i].line == line {
				return
			}
		}
		out = append(out, hit{
			rule: "", title: "password or token", severity: report.SeverityHigh, confidence: report.ConfidenceMedium,
			key: key, line: line, secret: detect.NewSecret("leakscan-credential", []byte(value), []byte("leakscan")),
		})
	}
	sc := bufio.NewScanner(bytes.NewReader(head))
	sc.Buffer(nil, len(head)+1)
	for n := 1; sc.Scan(); n++ {
		l := sc.Text()
		if t := strings.TrimSpace(l); strings.HasPrefix(t, "#") || strings.HasPrefix(t, ";") || strings.HasPrefix(t, "//") && !strings.Contains(t, ":_") {
			continue
		}
		for _, sp := range urlPasswords(l) {
			found(n, "", l[sp[0]:sp[1]])
		}
		if base == ".pgpass" {
			if f := strings.Split(l, ":"); len(f) >= 5 && !placeholder(f[4]) {
				found(n, f[3], strings.Join(f[4:], ":"))
			}
		}
		if form == nil {
			continue
		}
		if m := form.FindStringSubmatch(l); m != nil && !placeholder(m[2]) && (!named || secretName(m[1]) || base == ".pypirc" && m[1] == "password") {
			found(n, m[1], m[2])
		}
	}
	return out
}

// worst is the hit that a finding tells: the most severe, then the first.
func (h *contents) worst() *hit {
	if len(h.hits) == 0 {
		return nil
	}
	best := slices.MaxFunc(h.hits, func(a, b hit) int {
		if r := a.severity.Rank() - b.severity.Rank(); r != 0 {
			return r
		}
		return b.line - a.line
	})
	return &best
}

// describe says what is in the file, without its value.
func (h *contents) describe() string {
	w := h.worst()
	if w == nil {
		return h.store
	}
	what := w.title
	if w.key != "" {
		what = w.key + ", " + what
	}
	s := fmt.Sprintf("%s, line %d", what, max(w.line, 1))
	if w.inside != "" {
		s = fmt.Sprintf("%s, in %s, line %d", what, strings.TrimPrefix(w.inside, layerwalk.Inside), max(w.line, 1))
	}
	if n := len(h.hits) + h.more - 1; n > 0 {
		s += fmt.Sprintf(", and %d more", n)
	}
	return s
}
