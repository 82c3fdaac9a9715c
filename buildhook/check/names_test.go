package check

import (
	"os"
	"strings"
	"testing"
)

// The names that real Dockerfiles give their secrets, and names that look
// like it. Docker's own check catches 8 of such 32 and flags 9 of such 16.
func TestSecretNames(t *testing.T) {
	secret := []string{
		"NPM_TOKEN", "GITHUB_TOKEN", "GH_PAT", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DB_PASSWORD", "MYSQL_ROOT_PASSWORD", "PGPASSWORD",
		"POSTGRES_PASSWORD", "REDIS_PASS", "SECRET_KEY_BASE", "DJANGO_SECRET_KEY", "JWT_SIGNING_KEY", "RAILS_MASTER_KEY", "API_KEY", "OPENAI_API_KEY",
		"STRIPE_SECRET_KEY", "TWILIO_AUTH_TOKEN", "SLACK_WEBHOOK_URL", "SSH_PRIVATE_KEY", "DEPLOY_KEY", "DOCKER_AUTH_CONFIG", "COMPOSER_AUTH", "NUGET_API_KEY",
		"AZURE_CLIENT_SECRET", "AZURE_STORAGE_CONNECTION_STRING", "SONAR_TOKEN", "VAULT_TOKEN", "HF_TOKEN", "ARTIFACTORY_PASSWORD", "encryptionKey", "sshPassphrase",
	}
	harmless := []string{
		"AUTH_URL", "TOKEN_URL", "SORT_KEY", "GPG_KEY", "GPG_KEYS", "PUBLIC_KEY", "SSH_PUBLIC_KEY", "PASSWORD_FILE", "POSTGRES_PASSWORD_FILE", "SECRET_NAME",
		"SECRETS_DIR", "TOKENIZERS_PARALLELISM", "MAX_TOKENS", "TOKEN_EXPIRY", "PASSWORD_MIN_LENGTH", "CACHE_KEY", "PRIMARY_KEY", "KEYRING_DIR", "KEYBOARD_LAYOUT", "AUTHOR",
		"COMPASS_VERSION", "OAUTH_CALLBACK_URL", "NEXT_PUBLIC_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "SSH_KNOWN_HOSTS", "ENABLE_TOKEN_AUTH", "VAULT_ADDR", "API_KEY_HEADER", "BYPASS_CACHE", "PASSENGER_APP_ENV",
	}
	missed, flagged := 0, 0
	for _, n := range secret {
		if !secretName(n) {
			missed++
			t.Logf("%s is missed", n)
		}
	}
	for _, n := range harmless {
		if secretName(n) {
			flagged++
			t.Logf("%s is flagged", n)
		}
	}
	if missed > 2 {
		t.Errorf("%d of %d secret names are missed, want at most 2", missed, len(secret))
	}
	if flagged > 1 {
		t.Errorf("%d of %d harmless names are flagged, want at most 1", flagged, len(harmless))
	}
}

// What was learned from the names of a stranger stays learned.
func TestStrangersNames(t *testing.T) {
	b, err := os.ReadFile("testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	count, wrong := map[string]int{}, map[string]int{}
	for line := range strings.Lines(string(b)) {
		kind, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || kind == "#" {
			continue
		}
		count[kind]++
		if secretName(name) != (kind == "T") {
			wrong[kind]++
			t.Logf("%s %s", kind, name)
		}
	}
	if count["T"] < 60 || count["H"] < 60 || wrong["T"] > 1 || wrong["H"] > 0 {
		t.Errorf("%d of %d secret names are missed, %d of %d harmless ones flagged", wrong["T"], count["T"], wrong["H"], count["H"])
	}
}

func TestPlaceholder(t *testing.T) {
	for v, want := range map[string]bool{
		"": true, "changeme": true, "<your token>": true, "${TOKEN}": true, "xxxx": true, "/run/secrets/db": true, "https://example.org/oauth": true, "true": true, "dummy": true,
		"hunter2xyz": false, "postgres": false, "p4ssw0rd": false, "https://user:pa55w0rdpa55@example.org": false, "c2VjcmV0IHZhbHVl": false, "12345678": false,
	} {
		if got := placeholder(v); got != want {
			t.Errorf("placeholder(%q) is %v", v, got)
		}
	}
}
