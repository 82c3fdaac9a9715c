package detect

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"
)

// made up at run time, so that no scanner finds it here
func fakePAT() string { return "gh" + "p_" + strings.Repeat("aB3dE6gH9k", 4)[:36] }

// leaks reports whether more of the secret is in text than a preview shows.
func leaks(text, secret string) bool {
	for i := 0; i+6 <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+6]) || strings.Contains(text, fmt.Sprintf("%x", secret[i:i+6])) ||
			strings.Contains(text, fmt.Sprint([]byte(secret[i : i+6]))[1:20]) {
			return true
		}
	}
	return false
}

// However a Secret is printed, and however deep it is buried, its value must
// not come out.
func TestSecretNeverPrints(t *testing.T) {
	value := fakePAT()
	s := NewSecret("github-pat", []byte(value), []byte("key"))
	type inner struct {
		Open   Secret
		hidden Secret
		ptr    *Secret
	}
	m := Match{Secret: s, Key: "GH_TOKEN"}
	things := map[string]any{
		"secret": s, "pointer": &s, "match": m, "match pointer": &m, "slice": []Secret{s}, "map": map[string]Secret{"k": s},
		"unexported": inner{s, s, &s}, "unexported pointer": &inner{s, s, &s}, "interface": []any{s, &s, m},
		"finding": struct{ a, b any }{s, m},
	}
	for name, v := range things {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %c %U %t %p %b %o %e %f %g %w %T %10.3v %#x % x %+q %-80s") {
			if out := fmt.Sprintf(verb, v); leaks(out, value) {
				t.Errorf("%s with %s: leaks", name, verb)
			}
		}
		if out, _ := json.Marshal(v); leaks(string(out), value) {
			t.Errorf("%s as JSON: leaks", name)
		}
		if out, _ := xml.Marshal(v); leaks(string(out), value) {
			t.Errorf("%s as XML: leaks", name)
		}
		var buf bytes.Buffer
		gob.NewEncoder(&buf).Encode(v) // may fail, must not leak
		for _, h := range []slog.Handler{slog.NewTextHandler(&buf, nil), slog.NewJSONHandler(&buf, nil)} {
			slog.New(h).Info("found", "it", v)
			slog.New(h).With("it", v).WithGroup("g").Info("found", slog.Any("x", v))
		}
		template.Must(template.New("").Parse("{{.}} {{printf `%#v` .}} {{js .}}")).Execute(&buf, v)
		if leaks(buf.String(), value) {
			t.Errorf("%s in gob, slog or template: leaks", name)
		}
	}
	if !bytes.Equal(s.Reveal(), []byte(value)) {
		t.Error("Reveal does not")
	}
	s.Reveal()[0] = 'X'
	if s.Reveal()[0] != 'g' {
		t.Error("Reveal hands out its own bytes")
	}
	if !leaks("x "+value, value) || !leaks(fmt.Sprint([]byte(value)), value) {
		t.Error("this test could not fail")
	}
}

func TestPreview(t *testing.T) {
	pem := func(label string) string {
		return "-----BEGIN " + label + "-----\nMIIB\n-----END " + label + "-----"
	}
	for _, tt := range []struct{ value, want string }{
		{"", ""},
		{"hunter22", "…(8 characters)"},
		{"elevenchars", "…(11 characters)"},
		{"twelve chars", "tw…(12 characters)"},
		{"nineteen characters", "ni…(19 characters)"},
		{"twenty characters ok", "twen…(20 characters)"},
		{fakePAT(), "ghp_…(40 characters)"},
		{"\x00\x1b[31m" + strings.Repeat("x", 30), "..[3…(36 characters)"},
		{strings.Repeat("é", 20), "....…(20 characters)"},
		{pem("RSA PRIVATE KEY"), "RSA PRIVATE KEY (66 characters)"},
		{pem("PGP PRIVATE KEY BLOCK"), "PGP PRIVATE KEY BLOCK (78 characters)"},
		{pem("HUNTER2 PRIVATE KEY"), "PRIVATE KEY (74 characters)"},
	} {
		s := NewSecret("r", []byte(tt.value), nil)
		if got := s.Preview(); got != tt.want {
			t.Errorf("preview %q, want %q", got, tt.want)
		}
		if tt.value != "" && !strings.HasPrefix(tt.value, "-----") {
			head, _, _ := strings.Cut(s.Preview(), "…")
			if len(head)*5 > len(tt.value) {
				t.Errorf("%q shows more than a fifth", s.Preview())
			}
		}
	}
	if (Secret{}).Preview() != "" || len((Secret{}).Reveal()) != 0 {
		t.Error("the zero value is not empty")
	}
}

func TestSecretIdentity(t *testing.T) {
	a := NewSecret("rule", []byte("value"), []byte("key"))
	same := NewSecret("rule", []byte("value"), []byte("key"))
	if a.ID() != same.ID() || a.Short() != same.Short() || a.Short()>>24 != 0 {
		t.Error("the same secret is not the same")
	}
	other := NewSecret("rule", []byte("value"), []byte("another key"))
	if other.ID() == a.ID() || other.Short() != a.Short() {
		t.Error("the key must change the ID, and only it")
	}
	for _, s := range []Secret{NewSecret("rule2", []byte("value"), []byte("key")), NewSecret("rule", []byte("value2"), []byte("key"))} {
		if s.ID() == a.ID() || s.Short() == a.Short() {
			t.Error("different secrets are the same")
		}
	}
	buf := []byte("value")
	b := NewSecret("rule", buf, nil)
	copy(buf, "XXXXX")
	if string(b.Reveal()) != "value" {
		t.Error("the secret aliases the buffer")
	}
}
