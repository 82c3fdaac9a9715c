package check

import "github.com/leakscan/leakscan/report"

// drivers reads a file that drives builds: what it builds, and which secrets
// it passes as build arguments.
type drivers struct {
	src    *source
	dir    string // of the file
	getenv func(string) (string, bool)
	gap    func(kind report.GapKind, where, path, reason, hint string)

	builds []Invocation
	found  []*finding
}

func (d *drivers) compose() error  { return nil }
func (d *drivers) bake() error     { return nil }
func (d *drivers) workflow() error { return nil }
