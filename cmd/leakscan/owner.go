//go:build !windows

package main

import (
	"os"
	"syscall"
)

// foreign reports whether a file belongs to neither the user nor root: one that
// somebody else has put there, in a directory that all may write to.
func foreign(file string) bool {
	st, err := os.Lstat(file)
	if err != nil {
		return false // reading it says why
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && sys.Uid != 0 && int(sys.Uid) != os.Geteuid()
}
