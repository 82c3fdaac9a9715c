package rules

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What gitleaks' rules do not say: a short title, how bad it is, how sure. For
// its own rules, all of it is derived from the ID, by the switches in this file.

// describe fills in what the file does not say. The switches know only the IDs
// of gitleaks' own rules.
func (r *Rule) describe(known bool) {
	r.Description = strings.TrimSpace(r.Description)
	if known {
		r.Title = title(r.ID)
		r.Severity = severity(r.ID)
	} else {
		r.Title = cmp.Or(title(strings.ReplaceAll(r.ID, "_", "-")), r.ID)
		const short = 60
		if d := strings.TrimSuffix(r.Description, "."); d != "" && utf8.RuneCountInString(d) <= short && !odd(d) {
			r.Title, r.Description = d, "" // a report need not say it twice
		}
		r.Severity = SeverityHigh
	}
	r.Confidence = confidence(r)
	for _, t := range r.Tags {
		r.rate(t)
	}
}

// rate lets a tag such as "severity:low" have its effect. What it returns is a
// mistake in it. Other tags have none.
func (r *Rule) rate(tag string) (mistake string) {
	key, level, _ := strings.Cut(tag, ":")
	level = strings.ToLower(strings.TrimSpace(level))
	switch strings.ToLower(key) {
	case "severity":
		switch s := Severity(level); s {
		case SeverityLow, SeverityMedium, SeverityHigh, SeverityCritical:
			r.Severity = s
		default:
			return fmt.Sprintf("tag %q: want severity:low, severity:medium, severity:high or severity:critical", tag)
		}
	case "confidence":
		switch c := Confidence(level); c {
		case ConfidenceLow, ConfidenceMedium, ConfidenceHigh:
			r.Confidence = c
		default:
			return fmt.Sprintf("tag %q: want confidence:low, confidence:medium or confidence:high", tag)
		}
	}
	return ""
}

// title makes "GitHub personal access token" of "github-pat".
func title(id string) string {
	switch id { // where the parts of the ID do not add up to a good name
	case "age-secret-key":
		return "age secret key"
	case "airtable-personnal-access-token":
		return "Airtable personal access token"
	case "aws-amazon-bedrock-api-key-long-lived":
		return "Amazon Bedrock API key (long-lived)"
	case "aws-amazon-bedrock-api-key-short-lived":
		return "Amazon Bedrock API key (short-lived)"
	case "cloudflare-origin-ca-key":
		return "Cloudflare Origin CA key"
	case "curl-auth-header":
		return "Authorization header in a curl command"
	case "curl-auth-user":
		return "User and password in a curl command"
	case "generic-api-key":
		return "Generic API key or password"
	case "github-app-token":
		return "GitHub App token"
	case "github-oauth":
		return "GitHub OAuth access token"
	case "gitlab-kubernetes-agent-token":
		return "GitLab agent for Kubernetes token"
	case "gitlab-pat-routable":
		return "GitLab personal access token (routable)"
	case "gitlab-runner-authentication-token-routable":
		return "GitLab runner authentication token (routable)"
	case "hashicorp-tf-api-token":
		return "HCP Terraform API token"
	case "hashicorp-tf-password":
		return "Password in Terraform code"
	case "heroku-api-key-v2":
		return "Heroku API key (HRKU)"
	case "jwt":
		return "JSON Web Token"
	case "jwt-base64":
		return "JSON Web Token in base64"
	case "kubernetes-secret-yaml":
		return "Kubernetes Secret manifest"
	case "nuget-config-password":
		return "NuGet configuration password"
	case "pkcs12-file":
		return "PKCS #12 key file"
	case "private-key":
		return "Private key"
	case "sidekiq-sensitive-url":
		return "Sidekiq URL with credentials"
	case "vault-batch-token":
		return "HashiCorp Vault batch token"
	case "vault-service-token":
		return "HashiCorp Vault service token"
	case "yandex-aws-access-token":
		return "Yandex Cloud access key (AWS-compatible)"
	}
	brand, rest := brand(id)
	words := strings.FieldsFunc(rest, func(r rune) bool { return r == '-' })
	for i, w := range words {
		words[i] = word(w)
	}
	return strings.TrimSpace(brand + " " + strings.Join(words, " "))
}

// brand splits the name of the provider off an ID.
func brand(id string) (name, rest string) {
	for _, two := range [...]struct{ prefix, name string }{
		{"azure-ad-", "Azure AD"},
		{"cisco-meraki-", "Cisco Meraki"},
		{"clickhouse-cloud-", "ClickHouse Cloud"},
		{"defined-networking-", "Defined Networking"},
		{"microsoft-teams-", "Microsoft Teams"},
		{"new-relic-", "New Relic"},
		{"octopus-deploy-", "Octopus Deploy"},
	} {
		if rest, ok := strings.CutPrefix(id, two.prefix); ok {
			return two.name, rest
		}
	}
	first, rest, _ := strings.Cut(id, "-")
	switch first {
	case "1password":
		return "1Password", rest
	case "aws":
		return "AWS", rest
	case "clickhouse":
		return "ClickHouse", rest
	case "cloudflare":
		return "Cloudflare", rest
	case "digitalocean":
		return "DigitalOcean", rest
	case "droneci":
		return "Drone CI", rest
	case "easypost":
		return "EasyPost", rest
	case "flyio":
		return "Fly.io", rest
	case "frameio":
		return "Frame.io", rest
	case "freshbooks":
		return "FreshBooks", rest
	case "gcp":
		return "Google Cloud", rest
	case "github":
		return "GitHub", rest
	case "gitlab":
		return "GitLab", rest
	case "gocardless":
		return "GoCardless", rest
	case "hashicorp":
		return "HashiCorp", rest
	case "hubspot":
		return "HubSpot", rest
	case "huggingface":
		return "Hugging Face", rest
	case "intra42":
		return "Intra 42", rest
	case "jfrog":
		return "JFrog", rest
	case "kucoin":
		return "KuCoin", rest
	case "launchdarkly":
		return "LaunchDarkly", rest
	case "linkedin":
		return "LinkedIn", rest
	case "maxmind":
		return "MaxMind", rest
	case "messagebird":
		return "MessageBird", rest
	case "npm":
		return "npm", rest
	case "nytimes":
		return "New York Times", rest
	case "openai":
		return "OpenAI", rest
	case "openshift":
		return "OpenShift", rest
	case "planetscale":
		return "PlanetScale", rest
	case "privateai":
		return "Private AI", rest
	case "pypi":
		return "PyPI", rest
	case "rapidapi":
		return "RapidAPI", rest
	case "readme":
		return "ReadMe", rest
	case "rubygems":
		return "RubyGems", rest
	case "sendgrid":
		return "SendGrid", rest
	case "settlemint":
		return "SettleMint", rest
	case "sonar":
		return "SonarQube", rest
	case "sumologic":
		return "Sumo Logic", rest
	case "travisci":
		return "Travis CI", rest
	}
	if first == "" {
		return "", rest
	}
	r, n := utf8.DecodeRuneInString(first)
	return string(unicode.ToUpper(r)) + first[n:], rest
}

// word spells one of the words behind the brand.
func word(w string) string {
	switch w {
	case "api", "id", "jwt", "url", "scim", "ca", "yaml":
		return strings.ToUpper(w)
	case "cicd":
		return "CI/CD"
	case "oauth":
		return "OAuth"
	case "org":
		return "organization"
	case "pat":
		return "personal access token"
	case "ptt":
		return "pipeline trigger token"
	case "pub":
		return "public"
	case "rrt":
		return "runner registration token"
	}
	return w
}

// severity is a judgement about what the secret opens, most telling first.
func severity(id string) Severity {
	switch id {
	// Identifiers that are public, or nearly.
	case "flutterwave-public-key", "lob-pub-api-key", "mailgun-pub-key", "mapbox-api-token",
		"new-relic-browser-api-token", "new-relic-user-api-id", "sendbird-access-id", "sumologic-access-id":
		return SeverityLow

	// What it opens is not known from the text, or is little.
	case "generic-api-key", "jwt", "jwt-base64", "curl-auth-header", "curl-auth-user", "pkcs12-file",
		"alibaba-access-key-id", "easypost-test-api-token", "flutterwave-encryption-key",
		"gitlab-feature-flag-client-token", "microsoft-teams-webhook", "slack-webhook-url":
		return SeverityMedium

	case "private-key", "age-secret-key",
		// clouds, and what holds other secrets
		"alibaba-secret-key", "azure-ad-client-secret", "doppler-api-token", "flyio-access-token",
		"kubernetes-secret-yaml", "openshift-user-token", "pulumi-api-token", "scalingo-api-token",
		// identity
		"authress-service-client-access-key", "okta-access-token",
		// source and packages
		"bitbucket-client-secret", "clojars-api-token", "npm-access-token", "nuget-config-password",
		"pypi-upload-token", "rubygems-api-token",
		// money
		"bittrex-access-key", "bittrex-secret-key", "coinbase-access-token", "gocardless-api-token",
		"kraken-access-token", "kucoin-access-token", "kucoin-secret-key", "plaid-api-token", "plaid-secret-key",
		"square-access-token", "stripe-access-token":
		return SeverityCritical
	}
	if strings.HasSuffix(id, "-client-id") {
		return SeverityLow
	}
	first, _, _ := strings.Cut(id, "-")
	switch first {
	case "1password", "artifactory", "aws", "cloudflare", "digitalocean", "gcp", "github", "gitlab",
		"hashicorp", "heroku", "jfrog", "vault", "yandex":
		return SeverityCritical
	}
	return SeverityHigh
}

// assignment is in every pattern that gitleaks generates from "a brand's name,
// an operator, a value": the operator.
const assignment = `(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)`

func confidence(r *Rule) Confidence {
	switch r.ID {
	case "generic-api-key":
		return ConfidenceLow
	case "curl-auth-header", "curl-auth-user", "facebook-access-token", "freemius-secret-key", "jwt", "jwt-base64",
		"kubernetes-secret-yaml", "nuget-config-password", "pkcs12-file",
		"sourcegraph-access-token", // also any 40 hex digits, where the file says "sourcegraph"
		"twilio-api-key",           // SK and 32 hex digits, unanchored
		"vault-service-token":      // also s. and 24 letters or digits
		return ConfidenceMedium
	}
	if r.Pattern == "" || strings.Contains(r.Pattern, assignment) {
		return ConfidenceMedium
	}
	return ConfidenceHigh
}
