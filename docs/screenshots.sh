#!/usr/bin/env bash
# Makes the pictures of docs/img: the HTML report of leakscan demo, in a browser
# (LEAKSCAN_CHROMIUM, default chromium), and the text report as a terminal shows
# it. Needs: go, a Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
browser=${LEAKSCAN_CHROMIUM:-chromium}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go run ./cmd/leakscan demo -o html="$dir/report.html" 2>/dev/null
go run ./cmd/leakscan demo --color always >"$dir/text.ansi"

# The terminal's colors, as far as the report uses them.
{
	printf '<!doctype html><meta charset=utf-8><style>body{margin:0;background:#16181d;color:#d6d9df;font:14px/1.35 "DejaVu Sans Mono",monospace;padding:20px}pre{margin:0}.b{font-weight:bold}.d{opacity:.6}.c31{color:#ff6b6b}.c33{color:#e5c07b}.c32{color:#7bd88f}.c35{color:#d68cff}.c36{color:#66d9ef}</style><pre>'
	head -n "${LINES_SHOWN:-46}" "$dir/text.ansi" | sed -e 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' |
		sed -E -e 's/\x1b\[0?m/<\/span>/g' -e 's/\x1b\[1;([0-9]+)m/<span class="b c\1">/g' -e 's/\x1b\[1m/<span class=b>/g' -e 's/\x1b\[2m/<span class=d>/g' -e 's/\x1b\[([0-9]+)m/<span class="c\1">/g' -e 's/\x1b\[[0-9;]*m/<span>/g'
	printf '</pre>'
} >"$dir/text.html"

shot() { # NAME WIDTH HEIGHT FILE FLAGS...
	local name=$1 size=$2,$3 file=$4
	shift 4
	"$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync --hide-scrollbars \
		--user-data-dir="$dir/profile" --window-size="$size" --virtual-time-budget=3000 "$@" --screenshot="docs/img/$name.png" "file://$file" 2>/dev/null
}
shot report-light 1280 1400 "$dir/report.html"
shot report-dark 1280 1400 "$dir/report.html" --blink-settings=preferredColorScheme=0
shot text 1000 880 "$dir/text.html"
ls -l docs/img
