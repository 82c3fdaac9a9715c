#!/usr/bin/env bash
# Downloads and unpacks the archive that plan.sh chose, unless it is in the cache.
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lib.sh"

if [ -n "${PLAN_BIN-}" ]; then
	output bin "$PLAN_BIN"
	say "uses $(data "$PLAN_BIN"):"
	quiet "$PLAN_BIN" version </dev/null || die "bin-path: $PLAN_BIN does not run"
	exit 0
fi

: "${PLAN_DIR:?}" "${PLAN_ARCHIVE:?}" "${PLAN_SHA256:?}" "${PLAN_URL:?}"
archive=$PLAN_DIR/$PLAN_ARCHIVE
mkdir -p -- "$PLAN_DIR"
if [ -f "$archive" ] && [ "$(sha256 "$archive")" = "$PLAN_SHA256" ]; then
	say "$PLAN_ARCHIVE is in the cache"
else
	say "downloads $PLAN_URL"
	curl --proto '=https,file' --proto-redir '=https' --tlsv1.2 --fail --silent --show-error --location \
		--retry 3 --connect-timeout 20 --max-time 300 --output "$archive.part" -- "$PLAN_URL" ||
		die "$PLAN_URL can't be downloaded. Without a network, give a leakscan of your own as bin-path."
	got=$(sha256 "$archive.part")
	if [ "$got" != "$PLAN_SHA256" ]; then
		rm -f -- "$archive.part"
		die "$PLAN_URL has the SHA-256 $got and not $PLAN_SHA256: it is not what was released, and is not used"
	fi
	mv -f -- "$archive.part" "$archive"
fi

to=$(mktemp -d "${RUNNER_TEMP:?}/leakscan-bin.XXXXXX")
case $PLAN_ARCHIVE in
*.zip)
	unzip -q "$archive" -d "$to"
	bin=$to/leakscan.exe
	;;
*)
	tar -xzf "$archive" -C "$to"
	bin=$to/leakscan
	;;
esac
[ -f "$bin" ] || die "$PLAN_ARCHIVE has no leakscan in it"
chmod +x -- "$bin"
output bin "$bin"
quiet "$bin" version </dev/null || die "the leakscan of $PLAN_ARCHIVE does not run here"
