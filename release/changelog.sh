#!/usr/bin/env bash
# Makes a section of CHANGELOG.md of the files in release/changes, one a change.
#
#   release/changelog.sh                      prints what is not released yet
#   release/changelog.sh 1.2.0 2026-12-31     puts it into CHANGELOG.md, as the
#                                             newest, and takes the files away
#
# A change is a file of its own, NAME.md, whose text is one item of the list: so
# two changes are never in conflict.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

items() {
	local f
	for f in release/changes/*.md; do
		if ! grep -q '[^[:space:]]' "$f" 2>/dev/null; then
			echo "changelog.sh: $f is empty, or there is none" >&2
			return 1
		fi
		sed '/^[[:space:]]*$/d' "$f" | sed -e '1s/^/- /' -e '2,$s/^/  /'
	done
}

case $# in
0) items ;;
2)
	[[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ && $2 =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] || {
		echo "changelog.sh: want a version such as 1.2.0 and a day such as 2026-12-31" >&2
		exit 64
	}
	text=$(items)
	section=$(printf '## %s (%s)\n\n%s\n' "$1" "$2" "$text")
	new=$(mktemp CHANGELOG.XXXXXX)
	trap 'rm -f "$new"' EXIT
	# Before the newest section there is; without one, at the end.
	section=$section awk '
		/^## / && !done { print ENVIRON["section"] "\n"; done = 1 }
		{ print }
		END { if (!done) print "\n" ENVIRON["section"] }' CHANGELOG.md >"$new"
	chmod 644 "$new"
	mv -f "$new" CHANGELOG.md
	rm -- release/changes/*.md
	;;
*)
	sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" >&2
	exit 64
	;;
esac
