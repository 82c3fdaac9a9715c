package corpus

import (
	"context"
	"os"
	"testing"
)

// TestQuality holds what leakscan finds in the labelled corpus, inside of an
// image, to the quality that it promises. bench/quality.sh prints it by family.
func TestQuality(t *testing.T) {
	es, err := Load(os.DirFS("../../testdata/secrets"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Measure(context.Background(), es)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d secrets, %s found, %s at the gate; %d negatives, %s false", s.Secrets, Percent(s.Found, s.Secrets), Percent(s.Gated, s.Secrets), s.Negatives, Percent(s.False, s.Negatives))
	if s.Secrets < 600 || s.Negatives < 400 {
		t.Errorf("the corpus has %d secrets and %d negatives: want 600 and 400", s.Secrets, s.Negatives)
	}
	if 100*s.Found < 97*s.Secrets {
		t.Errorf("recall is %s: want 97%%\n%v", Percent(s.Found, s.Secrets), s.Missed)
	}
	if 100*s.False > 2*s.Negatives {
		t.Errorf("%s of the negatives reach the gate: want 2%%\n%v", Percent(s.False, s.Negatives), s.Wrong)
	}
}

func TestParse(t *testing.T) {
	es, err := parse("f", "a comment\n=== + pair | app/.env\nA=⟦<alnum:8:x>⟧\nB=⟦<ghp>⟧ <alnum:8:x>\n=== - none | @env\nA=${B}\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(es) != 2 || len(es[0].Secrets) != 2 || es[1].Positive() || es[1].Text != "A=${B}" || es[0].Line != 2 {
		t.Fatalf("%+v", es)
	}
	first := es[0].Secrets[0]
	if v := es[0].Text[first.From:first.To]; len(v) != 8 || es[0].Text[len(es[0].Text)-9:len(es[0].Text)-1] != v {
		t.Errorf("%q: named parts differ", es[0].Text)
	}
	for _, bad := range []string{"=== + a | b\nno mark\n", "=== - a | b\n⟦mark⟧\n", "=== + a | b\n⟦open\n", "=== + a\nx\n", "=== + a | b\n⟦<b64:x⟧\n"} {
		if _, err := parse("f", bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	text := "<rsapem> <ecpem> <ed25519pem> <opensshpem> <cert> <jwt> <npm> <crypt6> <b64:a:<alnum:4>>"
	one, err := generate(text, "s", true)
	if err != nil {
		t.Fatal(err)
	}
	two, _ := generate(text, "s", true)
	three, _ := generate(text, "s", false)
	if one != two || one == three {
		t.Error("the same seed must give the same secrets, and positives others than negatives")
	}
}
