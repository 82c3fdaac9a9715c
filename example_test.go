package leakscan_test

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/leakscan/leakscan"
	"github.com/leakscan/leakscan/internal/testimage"
	"github.com/leakscan/leakscan/layerwalk"
	"github.com/leakscan/leakscan/report"
	"github.com/leakscan/leakscan/rules"
)

// Scan an image, here one that comes on the standard input, and write a report.
func ExampleScan() {
	image := testimage.DockerArchive(testimage.Leaky("demo:latest").Build())
	rep, err := leakscan.Scan(context.Background(), []string{"-"}, leakscan.Options{Open: layerwalk.Options{Stdin: bytes.NewReader(image)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range rep.Findings[:3] {
		fmt.Println(f.Severity, f.Title, f.Locations[0].Path)
	}
	fmt.Println("leaks:", rep.Verdict(report.Threshold{})&report.Leaks != 0)
	// Output:
	// critical Stripe access token config.Env[1]
	// critical GitLab personal access token history[4].created_by
	// critical AWS secret access key, or of another S3 store /app/.env
	// leaks: true
}

// A source of one's own is opened first, and scanned then.
func ExampleScanSource() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(dir+"/.env", []byte("DB_PASSWORD="+testimage.Password(1)+"\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	src, err := layerwalk.Open(context.Background(), "dir:"+dir, layerwalk.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	rep, err := leakscan.ScanSource(context.Background(), src, leakscan.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f := rep.Findings[0]
	fmt.Println(f.Rule, f.Key, f.Locations[0].Line, rep.Complete)
	// Output: password-in-settings DB_PASSWORD 1 true
}

// A rule of one's own, beside those that are built in.
func ExampleOptions_rules() {
	builtin, err := rules.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	set := &rules.Set{Allowlists: builtin.Allowlists, Rules: append([]rules.Rule{{
		ID: "acme-token", Title: "Token of Acme", Pattern: `\bacme_([a-z0-9]{24})\b`, Keywords: []string{"acme_"},
		Severity: rules.SeverityHigh, Confidence: rules.ConfidenceHigh, Fix: "Rotate it in Acme's console.",
	}}, builtin.Rules...)}
	image := testimage.Image{Layers: []testimage.Layer{{Entries: []testimage.Entry{testimage.File("app/x", "key acme"+"_k3j9x2m7q5w8r1t6y4u0p3a7 end")}}}}
	rep, err := leakscan.Scan(context.Background(), []string{"-"}, leakscan.Options{Rules: set, Open: layerwalk.Options{Stdin: bytes.NewReader(testimage.Legacy(image.Build()))}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rep.Findings[0].Title, rep.Findings[0].Secret, rep.Findings[0].Locations[0].Path)
	// Output: Token of Acme k3j9…(24 characters) /app/x
}
