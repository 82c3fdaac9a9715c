#!/usr/bin/env bash
# Measures what leakscan build costs, beside the same builds without it: an
# unchanged rebuild, a build that adds 262 MB in 10 steps, and the upload of a
# context of 1 GB.
#
#   bench/build.sh [WORKDIR]   default: /var/tmp/leakscan-bench, kept for the next run
#
# Needs: go, root, runc, /usr/bin/time, and buildkitd, buildctl and buildx on the PATH (go
# build -o DIR tool in internal/e2e/buildkit makes them). RUNS sets how often
# each is run, in turn (5); the medians are printed.
set -euo pipefail
work=$(realpath -m -- "${1:-/var/tmp/leakscan-bench}")
cd "$(dirname "$0")/.."
runs=${RUNS:-5}
mkdir -p "$work"
CGO_ENABLED=0 go build -o "$work/bin/" ./cmd/leakscan

dir=$(mktemp -d)
: >"$dir/buildkitd.toml"
export BUILDX_CONFIG=$dir/buildx BUILDX_BUILDER=up XDG_STATE_HOME=$dir/state LEAKSCAN_CHECK=off
unset DOCKER_HOST
sock=unix://$dir/buildkitd.sock
buildkitd --config "$dir/buildkitd.toml" --addr "$sock" --root "$dir/root" --containerd-worker=false --oci-worker=true >"$dir/log" 2>&1 &
daemon=$!
trap 'kill $daemon; wait $daemon 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 100); do buildctl --addr "$sock" debug workers >/dev/null 2>&1 && break; sleep 0.1; done
buildx create --name up --driver remote "$sock" >/dev/null

# Ten files of words, 26.2 MB each; and 1,000 of random bytes, 1 MB each.
steps=$work/steps
if [ ! -e "$steps/done" ]; then
	mkdir -p "$steps/context"
	cp /bin/busybox "$steps/context/"
	{ echo 'FROM scratch'; echo 'COPY busybox /bin/busybox'; for i in 0 1 2 3 4 5 6 7 8 9; do echo "COPY part$i /data/part$i"; done; } >"$steps/context/Dockerfile"
	for i in 0 1 2 3 4 5 6 7 8 9; do
		awk -v seed="$i" 'BEGIN {srand(seed); for (n = 0; n < 26200000; n += length(l) + 1) {l = ""; for (w = 0; w < 12; w++) {s = ""; for (k = int(rand() * 8) + 2; k > 0; k--) s = s sprintf("%c", 97 + int(rand() * 26)); l = l s " "} print l}}' >"$steps/context/part$i"
	done
	mkdir -p "$steps/large"
	for i in $(seq 1000); do head -c 1000000 /dev/urandom >"$steps/large/$i"; done
	printf 'FROM scratch\nCOPY . /\n' >"$steps/large/Dockerfile"
	touch "$steps/done"
fi

wall() { /usr/bin/time -o "$dir/time" -f '%e' "$@" >"$dir/out" 2>&1 || { cat "$dir/out" >&2; return 1; }; cat "$dir/time"; }
median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }
# upload COMMAND...: the seconds that BuildKit says the context took.
upload() {
	buildctl --addr "$sock" prune --all >/dev/null
	"$@" build --progress=plain --no-cache -o type=cacheonly "$steps/large" 2>&1 | sed -nE 's/.*transferring context: 1\.[0-9]+GB ([0-9.]+)s done/\1/p' | tail -n 1
}
row() { awk -v n="$1" -v a="$(median <"$dir/a")" -v b="$(median <"$dir/b")" 'BEGIN {printf "%-34s %8.2fs %8.2fs %+7.2fs %6.2fx\n", n, a, b, b - a, b / a}'; : >"$dir/a"; : >"$dir/b"; }

echo "leakscan $(git rev-parse --short HEAD), $(go version | cut -d' ' -f3), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg) before; median of $runs runs, in turn"
printf '%-34s %9s %9s %8s %7s\n' build without leakscan more ratio
l=$work/bin/leakscan
out=type=oci,dest=$dir/out.tar
for _ in $(seq "$runs"); do
	wall buildx build --no-cache -o "$out" "$steps/context" >>"$dir/a"
	wall "$l" build --no-cache -o "$out" "$steps/context" >>"$dir/b"
done
row '262 MB in 10 steps'
for _ in $(seq "$runs"); do
	wall buildx build -o type=image,name=x "$steps/context" >>"$dir/a"
	wall "$l" build -o type=image,name=x "$steps/context" >>"$dir/b"
done
row 'unchanged rebuild'
for _ in $(seq "$runs"); do
	upload buildx >>"$dir/a"
	upload "$l" >>"$dir/b"
done
row 'upload of a context of 1 GB'
