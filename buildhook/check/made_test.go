package check_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
)

// made are the secrets of the corpus: made up, and in their providers' forms.
// They are put together here, so that no scanner cries over the files.
var made = map[string]string{
	"github":       testimage.Checksummed("ghp_", letters("github", 30)),
	"github2":      testimage.Checksummed("ghp_", letters("github2", 30)),
	"github-head":  testimage.Checksummed("ghp_", letters("github", 30))[:20],
	"github-tail":  testimage.Checksummed("ghp_", letters("github", 30))[20:],
	"github-fine":  "github_" + "pat_" + letters("fine", 82),
	"gitlab":       "glpat-" + letters("gitlab", 20),
	"npm":          testimage.Checksummed("npm_", strings.ToLower(letters("npm", 30))),
	"pypi":         "pypi-" + "AgEIcHlwaS5vcmc" + letters("pypi", 60),
	"aws-id":       "AKIA" + base32("aws", 16),
	"aws-secret":   letters("aws secret", 40),
	"slack":        "xoxb-" + digits("slack", 12) + "-" + digits("slack2", 12) + "-" + letters("slack3", 24),
	"slack-hook":   "https://hooks.slack.com/services/T" + base32("t", 8) + "/B" + base32("b", 10) + "/" + letters("hook", 24),
	"stripe":       "sk_" + "live_" + letters("stripe", 24),
	"sendgrid":     "SG." + letters("sg", 22) + "." + letters("sg2", 43),
	"google":       "AI" + "za" + letters("google", 35),
	"openai":       "sk-proj-" + letters("o1", 74) + "T3BlbkFJ" + letters("o2", 74),
	"heroku":       "HRKU-AA" + letters("heroku", 58),
	"digitalocean": "dop_v1_" + hexed("do", 64),
	"doppler":      "dp.pt." + letters("doppler", 43),
	"jwt": "ey" + "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"1234567890","name":"leakscan","iat":1516239022}`)) +
		"." + letters("jwt", 43),
	"password":    "Tr0ub4dor&3x" + letters("password", 4),
	"password2":   "c0rrecth0rse" + letters("password2", 8),
	"hex40":       hexed("hex", 40),
	"random32":    letters("random", 32),
	"docker-auth": base64.StdEncoding.EncodeToString([]byte("robot$ci:" + letters("docker", 24))),
	"rsa-key":     pemBlock("RSA PRIVATE KEY", "rsa"),
	"ec-key":      pemBlock("EC PRIVATE KEY", "ec"),
	"pkcs8-key":   pemBlock("PRIVATE KEY", "pkcs8"),
	"ssh-key":     pemBlock("OPENSSH PRIVATE KEY", "ssh"),
	"certificate": pemBlock("CERTIFICATE", "cert"),
	"ssh-public":  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + letters("pub", 43) + " someone@host",
	"gcp-json": `{"type": "service_account", "project_id": "demo", "private_key_id": "` + hexed("gcp", 40) + `", "private_key": "` +
		strings.ReplaceAll(pemBlock("PRIVATE KEY", "gcp"), "\n", `\n`) + `\n", "client_email": "ci@demo.iam.gserviceaccount.com"}`,
}

var placeholderForm = regexp.MustCompile(`%\{([a-z0-9-]+)\}`)

// expand puts the made-up secrets in the place of their names.
func expand(t testing.TB, s string) string {
	return placeholderForm.ReplaceAllStringFunc(s, func(m string) string {
		v, ok := made[m[2:len(m)-1]]
		if !ok {
			t.Fatalf("%s stands for nothing", m)
		}
		return v
	})
}

// random gives bytes that are always the same for a seed.
func random(seed string, n int) []byte {
	var out []byte
	sum := sha256.Sum256([]byte(seed))
	for len(out) < n {
		out = append(out, sum[:]...)
		sum = sha256.Sum256(sum[:])
	}
	return out[:n]
}

func from(alphabet, seed string, n int) string {
	b := random(seed, n)
	for i, c := range b {
		b[i] = alphabet[int(c)%len(alphabet)]
	}
	return string(b)
}

func letters(seed string, n int) string {
	return from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", seed, n)
}
func digits(seed string, n int) string { return from("123456789", seed, n) }
func base32(seed string, n int) string { return from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", seed, n) }
func hexed(seed string, n int) string  { return hex.EncodeToString(random(seed, n/2)) }

func pemBlock(kind, seed string) string {
	body := base64.StdEncoding.EncodeToString(random(seed, 360))
	var b strings.Builder
	b.WriteString("-----BEGIN " + kind + "-----\n")
	for ; len(body) > 64; body = body[64:] {
		b.WriteString(body[:64] + "\n")
	}
	b.WriteString(body + "\n-----END " + kind + "-----")
	return b.String()
}
