package detect

import (
	"strings"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/rules"
)

// TestRating holds single decisions about what counts, and how much. Most were
// wrong once.
func TestRating(t *testing.T) {
	s, err := For(nil)
	if err != nil {
		t.Fatal(err)
	}
	ghp := testimage.GitHubToken(7)
	bad := ghp[:len(ghp)-6] + "000000"
	for _, c := range []struct {
		name, path, text string
		want             string // the worst finding: severity confidence, or "" for none that isn't info
	}{
		{"a password that begins with true", "app/.env", "DB_PASSWORD=True" + "North!2024\n", "medium medium"},
		{"and one that ends in null", "root/.netrc", "machine git.corp.io login ci password Pass" + "99null\n", "high high"},
		{"a token", "app/settings.py", "T = '" + ghp + "'\n", "critical high"},
		{"its checksum is right, in a package", "usr/lib/python3/dist-packages/app/tests/x.py", "T = '" + ghp + "'\n", "critical high"},
		{"a checksum that fails", "app/settings.py", "x = '" + bad + "'\n", ""},
		{"where a password stands it is one", "root/.pgpass", "db:5432:app:app:" + bad + "-x\n", "high high"},
		{"the user's own tests", "app/tests/conf.py", "API_TOKEN = '" + testimage.Password(3) + "'\n", "medium medium"},
		{"a package's tests", "app/node_modules/x/test/a.js", "const token = '" + testimage.Password(4) + "'\n", ""},
		{"a placeholder", "app/.env", "DB_PASSWORD=change" + "me\n", ""},
		{"an example of AWS", "app/.env", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY\n", ""},
		{"a manifest beside a sealed one", "app/all.yaml", "apiVersion: apps/v1\nkind: Deployment\nspec:\n  env:\n  - name: DB_PASSWORD\n    value: Fd92" + "mP1qZr\n---\napiVersion: v1\nkind: Secret\nstringData:\n  a: ${X}\n", "medium medium"},
		{"a path with lang in it", "srv/lang/.env", "DB_PASSWORD=tea-pot-" + "kettle9\n", "medium medium"},
		{"an argument of a function", "app/x.py", "psycopg2.connect(host=h,user=u,password=pw)\n", ""},
		{"a placeholder as user and password", "app/x.py", "u = 'postgres://user:" + "password@db/x'\n", ""},
	} {
		best, bestRank := "", 0
		for m, err := range s.ScanBytes(c.path, []byte(c.text)) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Severity == rules.SeverityInfo {
				continue
			}
			if rank := strings.Index("low medium high critical", string(m.Severity)) + 1; rank > bestRank {
				best, bestRank = string(m.Severity)+" "+string(m.Confidence), rank
			}
		}
		if best != c.want {
			t.Errorf("%s: %q, want %q", c.name, best, c.want)
		}
	}
}

// TestNotes: what is said of a finding is no part of a secret.
func TestNotes(t *testing.T) {
	s, err := For(nil)
	if err != nil {
		t.Fatal(err)
	}
	token := testimage.Password(9) + "1a"
	for _, text := range []string{
		"u = https://" + token + ":unused@api.corp.io/v1\n",
		"u = https://" + token + ":Kd92mP1qZr@api.corp.io/v1\n",
		"dsn: '" + token + ",root:Kd92mP1qZ@tcp(db:3306)/x'\n",
	} {
		for m, err := range s.ScanBytes("app/config.yml", []byte(text)) {
			if err != nil {
				t.Fatal(err)
			}
			for _, shown := range []string{m.Note, m.Info, m.Key} {
				if strings.Contains(shown, token[:12]) {
					t.Errorf("%s: shows %q", m.Rule.ID, shown)
				}
			}
		}
		for _, e := range s.Trace("app/config.yml", []byte(text)) {
			if strings.Contains(e.Why+e.Seen, token[:12]) {
				t.Errorf("%s: the trace shows %q %q", e.Rule, e.Why, e.Seen)
			}
		}
	}
}

func TestChecks(t *testing.T) {
	s, err := For(nil)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"": true}
	for _, c := range Checks() {
		known[c] = true
	}
	for _, e := range s.Explain() {
		if !known[e.Rule.Valid] {
			t.Errorf("%s: there is no check %q", e.Rule.ID, e.Rule.Valid)
		}
	}
	// Published vectors: GitHub's own example of its format, BIP 173's age keys
	// and nkeys are made in other tests by their algorithms.
	if f := checkBase62([]byte("gh" + "p_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17")); f.note != rightChecksum {
		t.Errorf("%+v", f)
	}
	for _, b := range []string{"", "x", "_", "glpat-", "a.b", "-----BEGIN", "-----BEGIN X-----", "AKIA", "1", "age1", ".", "..", "eyJ.eyJ."} {
		for _, c := range Checks() {
			check(c, []byte(b), s.now) // no panic
		}
	}
}
