//go:build !linux

package step

import "io/fs"

type identity struct{ _ int }

// The step runs in BuildKit, on Linux: elsewhere every file is scanned.
func identify(fs.FileInfo) (identity, bool) { return identity{}, false }
