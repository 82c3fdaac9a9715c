package detect

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/rules"
)

// TestFew compares the scan with a few rules to that with all, over the
// examples of every rule.
func TestFew(t *testing.T) {
	set, err := rules.Default()
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("a key of the test's own")
	all, err := New(set, Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"", "nothing at all", "t = " + base64.StdEncoding.EncodeToString([]byte("GITHUB_TOKEN="+testimage.GitHubToken(3)+" and more"))}
	step := 1
	if testing.Short() {
		step = 9
	}
	for i := 0; i < len(set.Rules); i += step {
		for _, e := range set.Rules[i].Hits {
			texts = append(texts, e.Expand(set.Rules[i].ID))
		}
	}
	say := func(m Match, err error) string {
		return fmt.Sprint(m.Rule.ID, m.Offset, m.SecretOffset, m.SecretEnd, m.Line, m.Column, m.Key, m.Severity, m.Confidence, m.Info, m.Note, m.Encodings, m.Secret.ID(), err)
	}
	lazy, err := New(set, Options{Key: key, lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		var want, got []string
		for m, err := range all.ScanBytes("app/x.txt", []byte(text)) {
			want = append(want, say(m, err))
		}
		lazy.few.scans.Store(0)
		ok := lazy.scanFew("app/x.txt", []byte(text), false, func(m Match, err error) bool {
			got = append(got, say(m, err))
			return true
		})
		if ok && fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%.80q:\n%v\nand not\n%v", text, got, want)
		}
		if lazy.few.done.Load() {
			t.Fatal("all rules were made ready")
		}
	}
	if _, err := New(set, Options{}); err != nil {
		t.Fatal(err) // what prepare would panic for
	}
}
