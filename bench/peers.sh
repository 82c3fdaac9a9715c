#!/usr/bin/env bash
# Compares leakscan with other scanners: which of them find one known secret, in
# one kind of place after the other, and which say so when they can't read an
# image. Prints Markdown.
#
#   bench/peers.sh [-w] [WORKDIR]   default: /var/tmp/leakscan-bench
#
# -w also writes what is printed to bench/results/peers.md. bench/peers makes the
# images, without any engine; SEED (1) chooses the secrets. The scanners are those
# on PATH, or named by LEAKSCAN (default: built from here), GITLEAKS, TRUFFLEHOG,
# TRIVY and SECRETLINT; what is not there is left out, and said. None may use the
# network. What each of them said is kept in WORKDIR/peers/said. Needs: go.
set -euo pipefail
write=
if [ "${1:-}" = -w ]; then
	write=yes
	shift
fi
work=$(realpath -m -- "${1:-/var/tmp/leakscan-bench}")/peers
repo=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$work/bin" && rm -rf "$work/said" && mkdir "$work/said"
cd "$repo"
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
if [ -n "$(git status --porcelain --untracked-files=no 2>/dev/null)" ]; then commit+=-dirty; fi
go build -o "$work/bin/" ./bench/peers
declare -A tool=() version=([leakscan]=$commit)
if [ -n "${LEAKSCAN:-}" ]; then
	tool[leakscan]=$(realpath -- "$LEAKSCAN")
	version[leakscan]="as LEAKSCAN names it: $("$LEAKSCAN" version | sed -n 1p)"
else
	CGO_ENABLED=0 go build -o "$work/bin/" ./cmd/leakscan
	tool[leakscan]=$work/bin/leakscan
fi
for name in gitleaks trufflehog trivy secretlint; do
	var=${name^^}
	path=${!var:-$(command -v "$name" || true)}
	if [ -n "$path" ] && [ -x "$path" ]; then
		tool[$name]=$(realpath -- "$path")
	else
		echo "$name: not found, left out" >&2
	fi
done
"$work/bin/peers" -seed "${SEED:-1}" "$work"
cd "$work" # no settings of a user's project apply here
unset GITLEAKS_CONFIG GITLEAKS_CONFIG_TOML
export TRIVY_SKIP_VERSION_CHECK=true TRIVY_DISABLE_TELEMETRY=true NO_COLOR=1
export HOME=$work/home LC_ALL=C
mkdir -p "$HOME"

# What is run: the scanner, then its arguments. IMAGE is the archive; FILES what
# lies in it, unpacked layer by layer, with the config and other documents.
declare -A command=(
	[leakscan]='leakscan -o text -o json=report IMAGE'
	[gitleaks]='gitleaks dir --no-banner --max-archive-depth 8 --exit-code 1 --report-format json --report-path report IMAGE'
	[trufflehog]='trufflehog docker --image file://IMAGE --no-verification --no-update --fail --json'
	[trivy]='trivy image --input IMAGE --scanners secret --image-config-scanners secret --exit-code 1 --offline-scan --cache-dir cache --format json --output report'
	[gitleaks-files]='gitleaks dir --no-banner --max-archive-depth 8 --exit-code 1 --report-format json --report-path report FILES'
	[secretlint-files]='secretlint --secretlintrcJSON {"rules":[{"id":"@secretlint/secretlint-rule-preset-recommend"}]} FILES/**/*'
)
# What stands in what it writes, once a finding (trufflehog finds other things in
# a program, and shows what it finds: there it is the secret itself), and what is
# in its log when it could not read something.
declare -A finding=(
	[leakscan]='"rule":' [gitleaks]='"RuleID":' [trufflehog]=SECRET [trivy]='"RuleID":'
	[gitleaks-files]='"RuleID":' [secretlint-files]=' error  '
)
declare -A trouble=(
	[leakscan]='^INCOMPLETE' [gitleaks]=' (ERR|FTL) ' [trufflehog]='"level":"error' [trivy]='(ERROR|FATAL)'
	[gitleaks-files]=' (ERR|FTL) ' [secretlint-files]='^Error'
)
scanners=() absent=()

# tool_version NAME PATH: as it tells it, else as Go's linker knows it.
tool_version() {
	local v
	case $1 in
	gitleaks) v=$("$2" version 2>&1 </dev/null || true) ;;
	*) v=$("$2" --version 2>&1 </dev/null || true) ;;
	esac
	v=$(grep -oE 'v?[0-9]+\.[0-9]+\.[0-9]+[^ ]*' <<<"$v" | sed -n 1p || true)
	[ -n "$v" ] || v=$(go version -m "$2" 2>/dev/null | awk '$1 == "mod" {print $3}')
	echo "${v:-of an unknown version}"
}

for name in gitleaks trufflehog trivy secretlint; do
	if [ -n "${tool[$name]:-}" ]; then version[$name]=$(tool_version "$name" "${tool[$name]}"); else absent+=("$name"); fi
done
for s in leakscan gitleaks trufflehog trivy gitleaks-files secretlint-files; do
	if [ -n "${tool[${s%-files}]:-}" ]; then scanners+=("$s"); fi
done

# scan SCANNER NAME: runs one on one image. Sets cell, what the table says; told,
# whether its user knows that something was not read; and hit and clear, whether
# it found something, and showed the secret itself.
scan() {
	local words=() w status=0 n=0 said=said/$2.$1
	cell=- told='' hit='' clear=''
	if [[ $1 == *-files && ! -d unpacked/$2 ]]; then return; fi
	read -ra words <<<"${command[$1]}"
	words[0]=${tool[${1%-files}]}
	for w in "${!words[@]}"; do
		words[w]=${words[w]//IMAGE/images/$2.tar}
		words[w]=${words[w]//FILES/unpacked/$2}
	done
	rm -rf report cache
	nice timeout -k 10 300 "${words[@]}" >"$said.out" 2>"$said.err" </dev/null || status=$?
	if [ -e report ]; then mv report "$said.report"; fi
	if [ "${finding[$1]}" = SECRET ] && [ "$(<"secrets/$2")" != 'no secret' ]; then
		n=$(grep -cFf "secrets/$2" "$said.out" || true)
	else
		n=$(cat "$said".* | grep -cE "${finding[$1]/SECRET/\"SourceMetadata\":}" || true)
	fi
	if grep -qE "${trouble[$1]}" "$said.out" "$said.err"; then told=yes; fi
	if [ "$n" -gt 0 ]; then
		hit=yes
		cell="found${told:+, and says what it could not read}"
		if cat "$said".* | grep -qFf "secrets/$2"; then clear=yes; fi
	elif [ "$status" != 0 ]; then
		told=yes cell='says that it could not read it'
	elif [ -n "$told" ]; then
		told='' cell='an error in its log, but success'
	else
		cell='**said clean**'
	fi
	if [ "$2" = clean ] || [ "$2" = tempting ]; then
		[ "$cell" != '**said clean**' ] || cell=clean
		[ -z "$hit" ] || cell='**a false alarm**'
	fi
	cell+=" ($status)"
}

row() {
	printf '| %s |' "$1"
	shift
	printf ' %s |' "$@"
	echo
}

measure() {
	local groups=(control form place file hidden damaged) s g name group place cells list=()
	local -A title=([control]='The secrets alone' [form]='The form of the archive' [place]='The place in the image' [file]='The place in a file'
		[hidden]='What unpacking makes no use of' [damaged]='What is damaged')
	local -A count=() of=() shown=() hits=()
	for g in "${groups[@]}"; do
		list+=("$(row "**${title[$g]}**" "${scanners[@]/*/ }")")
		while IFS=$'\t' read -r name group place; do
			[ "$group" = "$g" ] || continue
			cells=()
			of[$g]=$((${of[$g]:-0} + 1))
			for s in "${scanners[@]}"; do
				scan "$s" "$name"
				cells+=("$cell")
				if [ "$name" = clean ] || [ "$name" = tempting ]; then
					if [ -z "$hit" ]; then count[$s.$g]=$((${count[$s.$g]:-0} + 1)); fi
					continue
				fi
				if [ -n "$hit" ]; then hits[$s]=$((${hits[$s]:-0} + 1)); fi
				if [ -n "$clear" ]; then shown[$s]=$((${shown[$s]:-0} + 1)); fi
				if [ "$g" = damaged ]; then hit=$told; fi
				if [ -n "$hit" ]; then count[$s.$g]=$((${count[$s.$g]:-0} + 1)); fi
			done
			list+=("$(row "$place" "${cells[@]}")")
		done <list
	done

	cat <<-END
		# leakscan and other scanners

		Made by \`bench/peers.sh -w\`, $(date -u +%F), on $(uname -s) $(uname -m). Each image has one secret in one kind of place (the first two
		have none); seed ${SEED:-1}. It is a map of places, not a measure of rules: the secret is nearly always the same GitHub token.

	END
	for name in leakscan gitleaks trufflehog trivy secretlint; do
		if [ -n "${version[$name]:-}" ]; then echo "- $name ${version[$name]}"; else echo "- $name: not found, left out"; fi
	done
	echo
	row '' "${scanners[@]/-files/ (unpacked)}"
	row --- "${scanners[@]/*/---}"
	for g in "${groups[@]}"; do
		cells=()
		for s in "${scanners[@]}"; do
			if [[ $s == *-files && $g == damaged ]]; then cells+=(-); else cells+=("${count[$s.$g]:-0} of ${of[$g]}"); fi
		done
		row "${title[$g]}$([ "$g" != control ] || echo ': found, and no false alarm')$([ "$g" != damaged ] || echo ': told')" "${cells[@]}"
	done
	cells=()
	for s in "${scanners[@]}"; do cells+=("${shown[$s]:-0} of ${hits[$s]:-0}"); done
	row 'Findings that show the secret itself' "${cells[@]}"
	cat <<-'END'

		## Every image

		In brackets the exit status. Where nothing else is said the image is in the form of `docker save` before Docker 25, with uncompressed
		layers: each of these scanners reads that, so that what is missed is the place, not the form.

	END
	row '' "${scanners[@]/-files/ (unpacked)}"
	row --- "${scanners[@]/*/---}"
	printf '%s\n' "${list[@]}"
	cat <<-'END'

		"Said clean": nothing found, exit status 0, no error in the log. "Found": any finding, for there is nothing else to find; of trufflehog, the
		secret itself. "Unpacked": somebody has taken the layers apart with tar, each into a directory of its own, beside the config and the other
		documents; "-": tar could not have.

		## The commands

		What their documentation has for an image, without the network. IMAGE is the archive, FILES the unpacked directory; trivy's cache is empty at
		first, `TRIVY_SKIP_VERSION_CHECK` and `TRIVY_DISABLE_TELEMETRY` are set.

		```sh
	END
	for s in "${scanners[@]}"; do echo "${command[$s]}"; done
	cat <<-'END'
		```

		gitleaks and secretlint read files, and don't claim to read images; gitleaks reads archives among the files. Its `--redact` keeps secrets out of its
		report. trivy masks what it finds, but its JSON has the config as it is, with `ENV` and the history; it reads an OCI layout as a directory, not as
		an archive. trufflehog's verification, with the network, would drop a false alarm, and asks the provider for that.
	END
	if [ ${#absent[@]} -gt 0 ]; then printf '\nNot measured, because not there: %s.\n' "${absent[*]}"; fi
}

if [ -z "$write" ]; then
	measure
	exit
fi
measure | tee results # a run that fails leaves no file behind
mv results "$repo/bench/results/peers.md"
echo "written to bench/results/peers.md"
