#!/usr/bin/env bash
# Builds a release into dist/: the commit that is checked out, for all systems, as
# archives with checksums.txt. The same commit and the same Go give the same
# bytes, wherever it is built.
#
#   ./release.sh                       all targets
#   ./release.sh --verify              builds twice, in two directories and with two
#                                      caches, and compares the bytes
#   ./release.sh --targets linux/amd64,darwin/arm64
#
# What is not committed is not built. The version is that of the tag of the
# commit; without one, dist/ has a snapshot.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

targets=linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64
verify=false
while [ $# -gt 0 ]; do
	case $1 in
	--verify) verify=true ;;
	--targets) targets=${2:?--targets wants a list} && shift ;;
	-h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" && exit 0 ;;
	*) echo "release.sh: $1 is no argument of this script; see --help" >&2 && exit 64 ;;
	esac
	shift
done

commit=$(git -C "$root" rev-parse HEAD)
tag=$(git -C "$root" describe --tags --exact-match --match 'v[0-9]*' "$commit" 2>/dev/null || true)
version=${tag#v}
version=${version:-0.0.0-${commit:0:12}}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct "$commit")}
export SOURCE_DATE_EPOCH
# Nothing of the surroundings decides what is built.
export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT='' GOTOOLCHAIN=local TZ=UTC LC_ALL=C
unset GOOS GOARCH
day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d 2>/dev/null || date -u -r "$SOURCE_DATE_EPOCH" +%Y-%m-%d)

if [ -n "$(git -C "$root" status --porcelain)" ]; then
	echo "release.sh: note: what is not committed is not in it" >&2
fi
if [ -z "$tag" ]; then
	echo "release.sh: note: $commit has no tag: a snapshot, $version" >&2
fi

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# build makes a release in a directory: SOURCE DIST. SOURCE is made of the commit.
build() {
	local source=$1 dist=$2 target os arch stage exe host
	git clone -q --no-hardlinks "$root" "$source"
	git -C "$source" -c advice.detachedHead=false checkout -q "$commit"
	mkdir -p "$dist"
	cd "$source"
	# Completions and the manual are what the command itself says.
	mkdir -p "$source.extra/completions" "$source.extra/man"
	host=$source.host
	go build -trimpath -buildvcs=true -ldflags '-s -w -buildid=' -o "$host" ./cmd/leakscan
	"$host" completion bash >"$source.extra/completions/leakscan.bash"
	"$host" completion zsh >"$source.extra/completions/_leakscan"
	"$host" completion fish >"$source.extra/completions/leakscan.fish"
	bash "$root/release/man.sh" "$host" "$version" "$day" >"$source.extra/man/leakscan.1"
	for target in ${targets//,/ }; do
		os=${target%/*} arch=${target#*/}
		stage=$source.stage/$os-$arch exe=''
		[ "$os" != windows ] || exe=.exe
		mkdir -p "$stage"
		GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=true -ldflags '-s -w -buildid=' -o "$stage/leakscan$exe" ./cmd/leakscan
		cp LICENSE README.md "$stage/"
		[ ! -f CHANGELOG.md ] || cp CHANGELOG.md "$stage/"
		cp -R "$source.extra/." "$stage/"
		local ending=tar.gz
		[ "$os" != windows ] || ending=zip
		go run "$root/release/pack.go" "$dist/leakscan_${version}_${os}_$arch.$ending" "$stage"
		echo "leakscan_${version}_${os}_$arch.$ending"
	done
	cd "$dist"
	if command -v sha256sum >/dev/null; then
		sha256sum -- leakscan_* >checksums.txt
	else
		shasum -a 256 -- leakscan_* >checksums.txt
	fi
}

(build "$work/one" "$work/dist")
if $verify; then
	echo "once more, elsewhere, and without a cache"
	(GOCACHE=$work/cache && export GOCACHE && build "$work/two/of another name" "$work/dist2")
	if ! diff -r "$work/dist" "$work/dist2"; then
		echo "release.sh: two builds of $commit differ" >&2
		exit 1
	fi
	echo "both are the same, byte for byte"
fi
rm -rf "$root/dist"
mkdir "$root/dist"
cp "$work/dist/"* "$root/dist/"
echo "dist/ has leakscan $version"
