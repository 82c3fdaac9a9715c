#!/usr/bin/env bash
# Measures what leakscan finds: recall and precision on the labelled corpus of
# testdata/secrets, scanned inside of an image, and findings a GB in trees of
# real packages, in which nothing is secret: npm's, Go's modules, Debian's.
#
#   bench/quality.sh [-w] [WORKDIR]  default: /var/tmp/leakscan-bench, kept for the next run
#
# -w also writes what is printed to bench/results/quality-DATE-COMMIT.txt. -v as
# the first argument lists what was missed, and what was found wrongly. Needs:
# go, npm; Debian's tree is this machine's /usr.
set -euo pipefail
verbose=
write=
while [ $# -gt 0 ]; do
	case $1 in
	-w) write=yes ;;
	-v) verbose=-v ;;
	*) break ;;
	esac
	shift
done
work=$(realpath -m -- "${1:-/var/tmp/leakscan-bench}")
cd "$(dirname "$0")/.."
mkdir -p "$work/quality"

npm=$work/quality/npm
if [ ! -e "$npm.done" ]; then
	mkdir -p "$npm/app"
	(cd "$npm/app" && npm init -y >/dev/null
		for p in react react-dom typescript webpack @babel/core @babel/preset-env eslint jest lodash rxjs aws-sdk @angular/core d3 three \
			date-fns core-js moment express mongoose passport jsonwebtoken next vue stripe twilio googleapis pg mysql2 redis axios node-forge sshpk; do
			npm install --no-audit --no-fund --ignore-scripts "$p" >>"$work/quality/npm.log" 2>&1 || echo "no $p: see $work/quality/npm.log" >&2
		done)
	touch "$npm.done"
fi
run() {
	printf 'leakscan %s, %s\n\n' "$(git rev-parse --short HEAD)" "$(go version | cut -d' ' -f3-)"
	# The trees are read as they are in an image: with these paths.
	go run ./bench/quality ${verbose:+-v} "$npm" "go/pkg/mod=$(go env GOMODCACHE)" "usr=/usr"
}
if [ -n "$write" ]; then
	run | tee "bench/results/quality-$(date +%F)-$(git rev-parse --short HEAD).txt"
else
	run
fi
