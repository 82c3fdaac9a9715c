// Package e2e holds tests only: they run the leakscan command against real
// engines (dockerd, podman, containerd), a loopback registry and damaged
// images.
//
//	go test ./internal/e2e                          # skips, loudly, what has no engine here
//	LEAKSCAN_E2E=require go test ./internal/e2e     # fails instead: for CI
//	go test -short ./internal/e2e                   # without the 2 GB image
//
// The engines want root, and Debian's packages docker.io, podman, containerd
// and busybox-static. Each has its own state in a temporary directory, and
// listens on a socket in it.
package e2e
