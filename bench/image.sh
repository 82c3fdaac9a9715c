#!/usr/bin/env bash
# Measures leakscan on whole images, beside a floor program that only
# decompresses and hashes the same layers on the same cores.
#
#   bench/image.sh [WORKDIR]      default: /var/tmp/leakscan-bench, kept for the next run
#
# The image is real: a Debian (debootstrap), a Python, a Node with the packages
# of a larger application, at least 1 GB together; once as one layer and once
# as several, with gzip, zstd and no compression. Needs: go, debootstrap, npm,
# root (for debootstrap), /usr/bin/time. RUNS sets how often each is run (3);
# the median is printed. Absolute times of a shared machine mean little: the
# ratios are of runs that alternate.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-/var/tmp/leakscan-bench}
runs=${RUNS:-3}
mkdir -p "$work/trees"

# The trees, each a layer.
if [ ! -e "$work/trees/debian.done" ]; then
	rm -rf "$work/trees/debian"
	debootstrap --variant=minbase --include=ca-certificates,curl,git,python3,perl stable "$work/trees/debian" >"$work/debootstrap.log" 2>&1
	touch "$work/trees/debian.done"
fi
if [ ! -e "$work/trees/python.done" ]; then
	rm -rf "$work/trees/python" && mkdir -p "$work/trees/python/usr/lib"
	cp -a "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" "$work/trees/python/usr/lib/"
	touch "$work/trees/python.done"
fi
if [ ! -e "$work/trees/node.done" ]; then
	rm -rf "$work/trees/node" && mkdir -p "$work/trees/node/app"
	(cd "$work/trees/node/app" && npm init -y >/dev/null && npm install --no-audit --no-fund --ignore-scripts \
		react react-dom typescript webpack @babel/core @babel/preset-env eslint jest lodash rxjs aws-sdk \
		@angular/core @angular/compiler @mui/material d3 three date-fns core-js moment \
		>"$work/npm.log" 2>&1)
	touch "$work/trees/node.done"
fi
if [ ! -e "$work/trees/go.done" ]; then
	rm -rf "$work/trees/go" && mkdir -p "$work/trees/go/usr/local"
	cp -a "$(go env GOROOT)" "$work/trees/go/usr/local/go"
	touch "$work/trees/go.done"
fi
trees=("$work"/trees/debian "$work"/trees/python "$work"/trees/node "$work"/trees/go)
total=$(du -sb "${trees[@]}" | awk '{s += $1} END {print s}')

go build -o "$work/bin/" ./cmd/leakscan ./bench/mkimage ./bench/floor
for codec in gzip zstd none; do
	for shape in many one; do
		dir=$work/images/$codec-$shape
		if [ ! -e "$dir/oci-layout" ]; then
			rm -rf "$dir"
			flag=; [ $shape = one ] && flag=-one
			"$work/bin/mkimage" -o "$dir" -codec $codec $flag "${trees[@]}"
		fi
	done
done

# run COMMAND...: prints "wall cpu rss" of one run.
run() {
	/usr/bin/time -o "$work/time" -f '%e %U %S %M' "$@" >"$work/out" 2>"$work/err" || [ $? -le 3 ]
	tail -n 1 "$work/time" | awk '{print $1, $2 + $3, $4}'
}
median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }

echo "leakscan $(git rev-parse --short HEAD 2>/dev/null || echo '?'), $(go version | cut -d' ' -f3), $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
echo "$(date -u +%F), $((total / 1000000)) MB of files, median of $runs runs, floor and leakscan in turn"
printf '%-10s %9s %9s %7s %9s %9s %7s %8s %9s\n' image wall floor ratio cpu floor ratio 'RSS MiB' findings
for codec in gzip zstd none; do
	for shape in many one; do
		dir=$work/images/$codec-$shape
		: >"$work/l"; : >"$work/f"
		run "$work/bin/floor" "$dir" >/dev/null # the page cache is warm for both
		for _ in $(seq "$runs"); do
			run "$work/bin/floor" "$dir" >>"$work/f"
			run "$work/bin/leakscan" -o json --fail-on never "oci-dir:$dir" >>"$work/l"
			if ! grep -q '"complete": true' "$work/out"; then echo "not complete: $dir"; exit 1; fi
		done
		lw=$(cut -d' ' -f1 "$work/l" | median); fw=$(cut -d' ' -f1 "$work/f" | median)
		lc=$(cut -d' ' -f2 "$work/l" | median); fc=$(cut -d' ' -f2 "$work/f" | median)
		rss=$(cut -d' ' -f3 "$work/l" | sort -n | tail -n 1)
		awk -v n="$codec-$shape" -v lw="$lw" -v fw="$fw" -v lc="$lc" -v fc="$fc" -v rss="$rss" -v found="$(grep -c '"rule":' "$work/out")" 'BEGIN {
			printf "%-10s %8.2fs %8.2fs %6.2fx %8.2fs %8.2fs %6.2fx %8.0f %9d\n", n, lw, fw, lw / fw, lc, fc, lc / fc, rss / 1024, found }'
	done
done
for i in 1 2 3 4 5; do run "$work/bin/leakscan" version; done | cut -d' ' -f1 | median | awk '{print "leakscan version: " $1 "s wall (resolution 0.01s)"}'
