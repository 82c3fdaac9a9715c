package gate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/known"
)

func knowsAs(name, value string) func(*Options) {
	return func(o *Options) { o.Known = []known.Value{{Name: name, Value: []byte(value)}} }
}

// finds says under which names a text is found by fingerprints.
func finds(t *testing.T, prints []byte, text string) string {
	t.Helper()
	p, err := known.Parse(prints)
	if err != nil {
		t.Fatal(err)
	}
	sc := p.Scan(strings.NewReader(text))
	for b := make([]byte, 999); ; {
		if _, err := sc.Read(b); err != nil {
			break
		}
	}
	var names []string
	for _, h := range sc.Hits() {
		names = append(names, h.Name)
	}
	return strings.Join(names, ", ")
}

// TestSeen: a value is found in the builds after its rotation too.
func TestSeen(t *testing.T) {
	dir := t.TempDir()
	build := func(name, value string) []byte {
		g := testGate(t, func(o *Options) { knowsAs(name, value)(o); o.State = dir })
		b, err := g.prints()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	build(`the secret "npm"`, secretA)
	info, err := os.Stat(filepath.Join(dir, seenFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	b := build(`the secret "npm"`, secretB)
	if got := finds(t, b, secretA+" "+secretB); got != `an earlier value of the secret "npm", the secret "npm"` {
		t.Errorf("found %s", got)
	}
	// A build that is not given it has no later value.
	if b, err := testGate(t, func(o *Options) { o.State = dir }).prints(); err != nil || finds(t, b, secretA) != `what an earlier build was given as the secret "npm"` {
		t.Errorf("%v, found %s", err, finds(t, b, secretA))
	}
	// One of a registry is another one each time.
	build("a token for a registry", secretA+"x")
	stored, err := os.ReadFile(filepath.Join(dir, seenFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := finds(t, stored, secretA+"x"); got != `the secret "npm"` {
		t.Errorf("found %s", got)
	}
	if strings.Contains(string(stored), secretA) {
		t.Error("the value is in the file")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".seen-*")); len(left) != 0 {
		t.Errorf("left behind: %s", left)
	}

	// Without a key of the user's nothing is kept.
	other := t.TempDir()
	g := testGate(t, func(o *Options) { knowsAs(`the secret "npm"`, secretA)(o); o.Key, o.State = nil, other })
	if _, err := g.prints(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(other); len(left) != 0 {
		t.Errorf("kept: %v", left)
	}
	if err := os.WriteFile(filepath.Join(dir, seenFile), []byte("noise"), 0o600); err != nil {
		t.Fatal(err)
	}
	g = testGate(t, func(o *Options) { o.State = dir })
	if _, err := g.prints(); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("a broken file: %v", err)
	}
}

// TestSeenOfSession: BuildKit asks the client for the secret of a step that is
// not cached before the gate does, by a name that says nothing.
func TestSeenOfSession(t *testing.T) {
	g := testGate(t, nil)
	g.learn(known.Value{Name: "a secret of the build", Value: []byte(secretA)})
	g.learn(known.Value{Name: `the secret "npm"`, Value: []byte(secretA)})
	if g.lasting().Empty() {
		t.Error("Gate.learn keeps the first name of a value: what sessionCall learned as \"a secret of the build\" is not lasting, and not remembered for the builds after a rotation")
	}
}

func TestLearn(t *testing.T) {
	g := testGate(t, knows(secretA))
	before := g.values()
	g.learn()
	g.learn(known.Value{Name: "again", Value: []byte(secretA)})
	if g.values() != before {
		t.Error("learning nothing is no change")
	}
	g.learn(known.Value{Name: "b", Value: []byte(secretB)})
	if got := string(g.values().Mask([]byte(secretA + " " + secretB))); got != "••• •••" {
		t.Errorf("got %q", got)
	}
}
