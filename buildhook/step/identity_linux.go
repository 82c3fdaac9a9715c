package step

import (
	"io/fs"
	"syscall"
)

// identity is what a file is, on one filesystem: with overlayfs the file of a
// lower layer has the inode and the times that it has there.
type identity struct {
	inode     uint64
	size      int64
	sec, nsec int64 // of the last change of the inode
	mtime     int64
}

func identify(info fs.FileInfo) (identity, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{st.Ino, info.Size(), int64(st.Ctim.Sec), int64(st.Ctim.Nsec), info.ModTime().UnixNano()}, true
}
