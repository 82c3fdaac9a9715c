//go:build unix

package main

import (
	"net"
	"syscall"
)

// listenPrivate opens a unix socket that only this user can connect to, from
// its first moment on.
func listenPrivate(path string) (net.Listener, error) {
	defer syscall.Umask(syscall.Umask(0o177))
	return net.Listen("unix", path)
}
