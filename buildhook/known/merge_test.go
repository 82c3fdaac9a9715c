package known

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestJoin(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	prints := func(name, value string) *Prints {
		p, err := Parse(New(key, []Value{{Name: name, Value: []byte(value)}}).Prints())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	now, before := strings.Repeat("new", 3)+"-4711-xyz", strings.Repeat("old", 3)+"-4711-xyz"
	joined := prints("pw", now).Join(prints("pw", now), nil).Join(prints("pw", before), func(s string) string { return "an earlier " + s })
	again, err := Parse(joined.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Prints{joined, again} {
		for value, want := range map[string]string{now: "pw", before: "an earlier pw", "neither of them at all": ""} {
			s := p.Scan(strings.NewReader("x " + value + " y"))
			io.Copy(io.Discard, s)
			got := ""
			for _, h := range s.Hits() {
				got = h.Name
			}
			if got != want || len(s.Hits()) > 1 {
				t.Errorf("%s is found as %q, want %q: %v", value, got, want, s.Hits())
			}
		}
	}
	other, err := Parse(New(bytes.Repeat([]byte{8}, 32), []Value{{Name: "pw", Value: []byte(before)}}).Prints())
	if err != nil {
		t.Fatal(err)
	}
	if p := prints("pw", now); p.Join(other, nil) != p {
		t.Error("fingerprints of another key are joined")
	}
}
