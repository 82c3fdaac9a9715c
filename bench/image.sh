#!/usr/bin/env bash
# Measures leakscan on whole images, beside a floor program that only
# decompresses and hashes the same layers on the same cores, and beside those of
# trivy, trufflehog and gitleaks that are on PATH; then runs the benchmarks of
# package detect on the same files.
#
#   bench/image.sh [-w] [WORKDIR] default: /var/tmp/leakscan-bench, kept for the next run
#
# -w also writes what is printed to bench/results/DATE-COMMIT.txt.
#
# The image is real: a Debian (debootstrap), a Python, a Node with the packages
# of a larger application, at least 1 GB together; once as one layer and once
# as several, with gzip, zstd and no compression. Needs: go, debootstrap, npm,
# root (for debootstrap), /usr/bin/time. RUNS sets how often each is run (3);
# the median is printed. The others are run once, for PEER_SECONDS (3600) at
# most. Absolute times of a shared machine mean little: the ratios are of runs
# that alternate.
set -euo pipefail
write=
if [ "${1:-}" = -w ]; then
	write=yes
	shift
fi
work=$(realpath -m -- "${1:-/var/tmp/leakscan-bench}")
cd "$(dirname "$0")/.."
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
		if [ ! -e "$dir/oci-layout" ] || [ ! -e "$dir/manifest.json" ]; then
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

# peer NAME NEEDLE NOTE COMMAND...: a row for one run of another scanner. NEEDLE
# is in its report, which is $work/report or what it prints, once a finding.
# Whatever becomes of it, the script goes on.
peer() {
	local name=$1 needle=$2 note=$3 status=0
	shift 3
	rm -f "$work/report"
	/usr/bin/time -o "$work/time" -f '%e %U %S %M' timeout -k 10 "$seconds" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	# trufflehog exits with 0 when it could not read the image.
	if [ "$status" = 0 ] && grep -qE 'error (processing|getting) (image|layer)' "$work/err"; then status='0 and errors'; fi
	case $status in
	0) ;;
	124 | 137) echo "$name: not done after $seconds s"; return ;;
	*) echo "$name: failed with $status: $(tail -n 1 "$work/err" | cut -c 1-300)"; return ;;
	esac
	[ -e "$work/report" ] || mv "$work/out" "$work/report"
	tail -n 1 "$work/time" | awk -v n="$name" -v lw="$peerwall" -v lc="$peercpu" -v found="$(grep -oF "$needle" "$work/report" | wc -l)" '{
		cpu = $2 + $3
		printf "%-10s %8.2fs %8.2fs %6.2fx %8.2fs %8.2fs %6.2fx %8.0f %9d\n", n, $1, lw, $1 / lw, cpu, lc, cpu / lc, $4 / 1024, found }'
	echo "           $note"
}
# version COMMAND...: the first line of what it says.
version() { timeout 10 "$@" 2>&1 </dev/null | sed -n 1p || true; }

# The others, each on the form it takes: what they print is not the same work.
# None may use the network, and trivy may not know the layers from an earlier run.
peers() {
	local dir=$work/images/$peerimage
	echo
	if ! command -v trivy trufflehog gitleaks >/dev/null; then
		echo "other scanners: none of trivy, trufflehog and gitleaks is on PATH"
		return
	fi
	echo "other scanners on $peerimage, one run each; the ratios are to leakscan"
	printf '%-10s %9s %9s %7s %9s %9s %7s %8s %9s\n' scanner wall leakscan ratio cpu leakscan ratio 'RSS MiB' findings
	if command -v trivy >/dev/null; then
		rm -rf "$work/trivy"
		peer trivy '"RuleID":' "$(version trivy --version); skips binaries but .pyc, what is in usr/lib, usr/share, usr/include and usr/local/go, tests, examples, *.md" \
			env TRIVY_SKIP_VERSION_CHECK=true TRIVY_DISABLE_TELEMETRY=true \
			trivy image --no-progress --cache-dir "$work/trivy" --timeout "${seconds}s" --scanners secret --offline-scan \
			--format json --output "$work/report" --input "$dir"
		rm -rf "$work/trivy"
	fi
	if command -v trufflehog >/dev/null; then
		tar -cf "$work/image.tar" -C "$dir" manifest.json blobs &&
			peer trufflehog '"SourceMetadata":' "$(version trufflehog --version); skips files above 50 MB; verifies nothing here" \
				trufflehog docker --image "file://$work/image.tar" --no-verification --no-update --json
		rm -f "$work/image.tar"
	fi
	if command -v gitleaks >/dev/null; then
		peer gitleaks '"RuleID":' "$(version gitleaks version); reads no image: has the unpacked trees; skips ELF and archives, node_modules, lib/python3" \
			gitleaks dir --no-banner --log-level error --exit-code 0 --report-format json --report-path "$work/report" "$work/trees"
	fi
}

measure() {
	echo "leakscan $commit, $(go version | cut -d' ' -f3), $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | sed -n 1p), load $(cut -d' ' -f1 /proc/loadavg) before"
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
			if [ "$codec-$shape" = "$peerimage" ]; then peerwall=$lw; peercpu=$lc; fi
		done
	done
	for i in 1 2 3 4 5; do run "$work/bin/leakscan" version; done | cut -d' ' -f1 | median | awk '{print "leakscan version: " $1 "s wall (resolution 0.01s)"}'
	peers
	echo
	echo "one thread on files of the same trees (detect/ratio_test.go says what the columns are)"
	LEAKSCAN_BENCH=$work/trees go test -run '^$' -bench '^Benchmark(New|Ratio)$' ./detect | sed -nE '/^(Benchmark|    )/p'
}

peerimage=gzip-many # trufflehog reads no other compression
seconds=${PEER_SECONDS:-3600}
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
if [ -n "$(git status --porcelain --untracked-files=no 2>/dev/null)" ]; then commit+=-dirty; fi
if [ -z "$write" ]; then
	measure
	exit
fi
measure | tee "$work/results" # a run that fails leaves no file behind
file=bench/results/$(date -u +%F)-$commit.txt
mv "$work/results" "$file"
echo "written to $file"
