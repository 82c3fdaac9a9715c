package detect

import (
	"strings"
	"testing"

	"github.com/leakscan/leakscan/rules"
)

// In a text with more secrets than a scan looks for, the rest is not shown.
func TestMaskBeyondTheLimit(t *testing.T) {
	set, err := rules.Gitleaks()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(set, Options{MaxMatches: 3})
	if err != nil {
		t.Fatal(err)
	}
	token := "gh" + "p_" + "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2"
	if got := s.Mask(strings.Repeat("x "+token+"\n", 5)); strings.Contains(got, token) {
		t.Errorf("shown: %q", strings.ReplaceAll(got, token, "(secret)"))
	}
}

// What is masked already is left as it is.
func TestMaskTwice(t *testing.T) {
	s, err := For(nil)
	if err != nil {
		t.Fatal(err)
	}
	once := s.Mask("RUN |1 GITLAB_TOKEN=" + "glp" + "at-" + "x7Kp2mQ9vR4tY8wZ3nB6" + " /bin/sh -c ./build.sh")
	if twice := s.Mask(once); twice != once || !strings.Contains(once, "…(") {
		t.Errorf("%q, then %q", once, twice)
	}
}
