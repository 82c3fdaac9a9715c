package testimage

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
)

// The secrets here are made up when they are asked for, so that no scanner
// finds any in the source. They have the form of real ones; nobody issued
// them. The same seed gives the same secret.

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	alnum  = upper + lower + digits
	base32 = upper + "234567"
)

func random(seed uint64, alphabet string, n int) string {
	r := rand.New(rand.NewPCG(seed, 0x6c65616b7363616e))
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// Checksummed puts together a token that ends with the CRC-32 of its body, in
// six digits of base 62, as GitHub's and npm's do.
func Checksummed(prefix, body string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE([]byte(body))
	var end [6]byte
	for i := len(end) - 1; i >= 0; i-- {
		end[i] = digits[sum%62]
		sum /= 62
	}
	return prefix + body + string(end[:])
}

// AWSKeyID is an access key ID of AWS.
func AWSKeyID(seed uint64) string { return "AK" + "IA" + random(seed, base32, 16) }

// AWSSecretKey is the secret half of an access key of AWS.
func AWSSecretKey(seed uint64) string { return random(seed, alnum+"+/", 40) }

// GitHubToken is a classic personal access token of GitHub.
func GitHubToken(seed uint64) string { return Checksummed("gh"+"p_", random(seed, alnum, 30)) }

// StripeKey is a live secret key of Stripe.
func StripeKey(seed uint64) string { return "sk_" + "live_" + random(seed, alnum, 24) }

// NPMToken is an access token of npm.
func NPMToken(seed uint64) string { return Checksummed("np"+"m_", random(seed, lower+digits, 30)) }

// SlackToken is a bot token of Slack.
func SlackToken(seed uint64) string {
	return "xo" + "xb-" + random(seed, digits, 12) + "-" + random(seed+1, digits, 12) + "-" + random(seed+2, alnum, 24)
}

// GitLabToken is a personal access token of GitLab.
func GitLabToken(seed uint64) string { return "glp" + "at-" + random(seed, alnum, 20) }

// Password is a random password, which only its context gives away.
func Password(seed uint64) string { return random(seed, alnum, 24) }

// PrivateKey has the frame of a PEM private key, and noise in it.
func PrivateKey(seed uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-----BEGIN %s KEY-----\n", "RSA PRIVATE")
	for i := range uint64(12) {
		b.WriteString(random(seed+i, alnum+"+/", 64) + "\n")
	}
	fmt.Fprintf(&b, "-----END %s KEY-----\n", "RSA PRIVATE")
	return b.String()
}
