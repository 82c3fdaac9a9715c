#!/usr/bin/env bash
# Measures leakscan check: on a large build context, beside leakscan's own scan
# of the same directory (the engine's speed), and on a Dockerfile alone.
#
#   bench/check.sh [WORKDIR]   default: /var/tmp/leakscan-bench, kept for the next run
#
# The context is Go's own tree and the modules of this machine's cache: about
# 100,000 files and 2 GB. Needs: go, /usr/bin/time. RUNS sets how often each is
# run, in turn (5); the median is printed, and the ratios of a pair.
set -euo pipefail
work=$(realpath -m -- "${1:-/var/tmp/leakscan-bench}")
cd "$(dirname "$0")/.."
runs=${RUNS:-5}
ctx=$work/context
if [ ! -e "$work/context.done" ]; then
	rm -rf "$ctx" && mkdir -p "$ctx"
	go mod download
	cp -a "$(go env GOROOT)" "$ctx/go"
	cp -a "$(go env GOMODCACHE)" "$ctx/mod"
	chmod -R u+w "$ctx"
	touch "$work/context.done"
fi
go build -o "$work/bin/" ./cmd/leakscan
printf 'FROM scratch\nCOPY . /\n' >"$work/all.Dockerfile"

# wall COMMAND...: seconds of one run.
wall() {
	/usr/bin/time -o "$work/time" -f '%e' "$@" >"$work/out" 2>"$work/err" || [ $? -le 3 ]
	tail -n 1 "$work/time"
}
median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }

echo "leakscan $(git rev-parse --short HEAD), $(go version | cut -d' ' -f3), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg) before"
echo "context: $(find "$ctx" -type f | wc -l) files, $(du -sm "$ctx" | cut -f1) MB; median of $runs runs, in turn"
wall "$work/bin/leakscan" -o json "dir:$ctx" >/dev/null # the page cache is warm for both
: >"$work/c"; : >"$work/d"; : >"$work/r"
for _ in $(seq "$runs"); do
	c=$(wall "$work/bin/leakscan" check -f "$work/all.Dockerfile" -o json "$ctx")
	d=$(wall "$work/bin/leakscan" -o json "dir:$ctx")
	echo "$c" >>"$work/c"; echo "$d" >>"$work/d"
	awk -v c="$c" -v d="$d" 'BEGIN {print c / d}' >>"$work/r"
done
echo "leakscan check $(median <"$work/c")s, leakscan dir: $(median <"$work/d")s, ratio $(median <"$work/r")"
: >"$work/c"
for _ in $(seq 20); do wall "$work/bin/leakscan" check - <testdata/demo/Dockerfile >>"$work/c"; done
echo "a Dockerfile alone, start and end of the process included: $(median <"$work/c")s (20 runs, resolution 0.01s)"
