package detect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pelletier/go-toml/v2"
	gitleaksconfig "github.com/zricethezav/gitleaks/v8/config"
	gitleaks "github.com/zricethezav/gitleaks/v8/detect"

	"github.com/leakscan/leakscan/rules"
)

const compositeRules = `
[[rules]]
id = "pair"
regex = '''pair=(\w{6,})'''
[[rules.required]]
id = "user"
withinLines = 2

[[rules]]
id = "both"
regex = '''both=(\w{6,})'''
[[rules.required]]
id = "user"
[[rules.required]]
id = "host"
withinLines = 3
withinColumns = 10

[[rules]]
id = "user"
regex = '''user=(\w{3,})'''
skipReport = true

[[rules]]
id = "host"
regex = '''host=(\w{3,})'''
keywords = ["nowhere"]

[[rules]]
id = "plain"
regex = '''plain=(\w{6,})'''

[[rules]]
id = "with-file"
regex = '''file=(\w{6,})'''
[[rules.required]]
id = "name"

[[rules]]
id = "name"
path = '''\.conf$'''
`

// TestComposite compares rules that require others with gitleaks.
func TestComposite(t *testing.T) {
	set, err := rules.Parse("composite.toml", []byte(compositeRules), rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var vc gitleaksconfig.ViperConfig
	if err := toml.Unmarshal([]byte(compositeRules), &vc); err != nil {
		t.Fatal(err)
	}
	config, err := vc.Translate()
	if err != nil {
		t.Fatal(err)
	}
	gl := gitleaks.NewDetector(config)
	var scanners []*Scanner
	for _, o := range []Options{{}, {limits: tiny(7)}, {limits: tiny(100)}} {
		s, err := New(set, o)
		if err != nil {
			t.Fatal(err)
		}
		scanners = append(scanners, s)
	}
	g := rand.New(rand.NewPCG(1, 2))
	total := 0
	for round := range 300 {
		var b bytes.Buffer
		b.WriteString("\n") // gitleaks counts the columns of the first line in another way
		for range g.IntN(30) {
			forms := []string{"pair=abcdef%d", "both=abcdef%d", "user=abc%d", "host=abc%d", "plain=abcdef%d", "file=abcdef%d"}
			switch k := g.IntN(9); {
			case k < len(forms):
				fmt.Fprintf(&b, forms[k], g.IntN(9))
			case k == len(forms):
				b.WriteString(strings.Repeat(" ", g.IntN(9)))
			}
			b.WriteString([]string{"\n", "\n", " "}[g.IntN(3)])
		}
		b.WriteString("\n")
		path := []string{"a.conf", "a.txt"}[g.IntN(2)]
		var want []found
		//lint:ignore SA1019 Detect takes no other type until v9
		for _, f := range gl.Detect(gitleaks.Fragment{Raw: b.String(), FilePath: path}) {
			want = append(want, found{f.RuleID, f.Match, f.Secret, f.StartLine})
		}
		total += len(want)
		for k, s := range scanners {
			got := ours(t, s, path, b.Bytes(), iotest.HalfReader(bytes.NewReader(b.Bytes())))
			compare(t, fmt.Sprintf("round %d, scanner %d, %q", round, k, b.String()), want, got)
		}
		if t.Failed() {
			return
		}
	}
	if total < 500 {
		t.Errorf("only %d findings", total)
	}
}
