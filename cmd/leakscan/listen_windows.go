package main

import "net"

// listenPrivate opens a unix socket: on Windows the directory's permissions
// guard it.
func listenPrivate(path string) (net.Listener, error) { return net.Listen("unix", path) }
