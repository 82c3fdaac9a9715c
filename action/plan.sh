#!/usr/bin/env bash
# Says what has to be installed: nothing with bin-path, else an archive whose
# SHA-256 is in checksums.txt.
set -euo pipefail
dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=action/lib.sh
. "$dir/lib.sh"

bin=$(trim "${IN_BIN_PATH-}")
if [ -n "$bin" ]; then
	bin=$(here "$bin")
	if [ ! -f "$bin" ] || [ ! -x "$bin" ]; then die "bin-path: $bin is no program"; fi
	absolute "$bin" || bin=$PWD/${bin#./}
	output bin "$bin"
	output cache false
	exit 0
fi

case ${RUNNER_OS:-$(uname -s)} in
Linux) os=linux ;;
macOS | Darwin) os=darwin ;;
Windows | MINGW* | MSYS*) os=windows ;;
*) die "there is no leakscan for ${RUNNER_OS:-$(uname -s)}: build one, and give its path as bin-path" ;;
esac
case ${RUNNER_ARCH:-$(uname -m)} in
X64 | x86_64 | amd64) arch=amd64 ;;
ARM64 | aarch64 | arm64) arch=arm64 ;;
*) die "there is no leakscan for ${RUNNER_ARCH:-$(uname -m)}: build one, and give its path as bin-path" ;;
esac
ending=tar.gz
[ "$os" != windows ] || ending=zip

table=$dir/checksums.txt
version=$(trim "${IN_VERSION-}")
version=${version#v}
if [ -z "$version" ] || [ "$version" = latest ]; then
	version=$(sed -n -E 's/^[0-9a-f]{64}  leakscan_([0-9][0-9A-Za-z.+-]*)_[a-z]+_[a-z0-9]+\.(tar\.gz|zip)$/\1/p' "$table" | head -n 1)
	wanted=${version:-of this action}
else
	wanted=$version
	[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+([.+-][0-9A-Za-z.+-]+)?$ ]] || die "version: $version is no version such as 1.2.0"
fi
archive=leakscan_${version}_${os}_$arch.$ending
sum=$(awk -v name="$archive" '$2 == name && length($1) == 64 { print $1; exit }' "$table")
if [ -z "$sum" ]; then
	die "the version $wanted for $os/$arch is not in this action's table of SHA-256 sums, so it is not installed. Take a release of the action that has it, or give a leakscan of your own as bin-path: go install github.com/leakscan/leakscan/cmd/leakscan@${version:+v}${version:-latest} puts one into \$(go env GOPATH)/bin."
fi

output archive "$archive"
output sha256 "$sum"
output url "${ACTION_DOWNLOAD_URL:-https://github.com/leakscan/leakscan/releases/download}/v$version/$archive"
output dir "${RUNNER_TEMP:?}/leakscan-download"
output key "leakscan-$archive-$sum"
output cache true
