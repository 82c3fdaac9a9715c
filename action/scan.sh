#!/usr/bin/env bash
# Checks and scans what the inputs name, writes all reports and outputs, and ends
# with 0 whatever was found: gate.sh fails for it, after the reports are uploaded.
set -euo pipefail
lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=action/lib.sh
. "$lib/lib.sh"

findings=0 new=0
json='' check_json='' sarif='' html=''

# finish writes the outputs, for an exit status of leakscan.
finish() {
	local code=$1 verdict
	case $code in
	0) verdict=clean ;;
	1) verdict=leaks ;;
	3) verdict=leaks+incomplete ;;
	*) verdict=incomplete ;;
	esac
	output findings "$findings"
	output new-findings "$new"
	output verdict "${2:-$verdict}"
	output exit-code "$code"
	output json-file "$json"
	output check-file "$check_json"
	output sarif-file "$sarif"
	output html-file "$html"
	exit 0
}

# wrong ends the step for an input that makes no sense.
wrong() {
	annotate error "$1"
	finish 64
}

# join adds one exit status to another: leaks and gaps add up, all else is worse.
join() {
	if [ "$1" -gt 3 ]; then echo "$1"; elif [ "$2" -gt 3 ]; then echo "$2"; else echo $(($1 | $2)); fi
}

# switch reads an input that is true or false: NAME VALUE DEFAULT.
switch() {
	case ${2:-$3} in
	true | false) ;;
	*) wrong "$1: \"$2\" is neither true nor false" ;;
	esac
}

# named refuses the name of an image that is the name of a file as well, so that
# nothing in the checked out tree is scanned in the place of the image.
named() {
	case $2 in
	- | '') wrong "$1: an image has to have a name" ;;
	./* | ../* | /*) ;;
	*) if [ -e "$2" ]; then wrong "$1: there is a file $2 here. Give it as input or path; or say where the image is, as in docker:$2 or registry:$2"; fi ;;
	esac
}

: "${GITHUB_OUTPUT:?}" "${RUNNER_TEMP:?}" "${BIN:?}"
mode=${IN_MODE:-scan}
dockerfile=$(trim "${IN_DOCKERFILE-}")
input=$(trim "${IN_INPUT-}")
path=$(trim "${IN_PATH-}")
context=$(trim "${IN_CONTEXT-}")
target=$(trim "${IN_TARGET-}")
fail_on=$(trim "${IN_FAIL_ON-}")
min_confidence=$(trim "${IN_MIN_CONFIDENCE-}")
config=$(trim "${IN_CONFIG-}")
baseline=$(trim "${IN_BASELINE-}")
baseline_image=$(trim "${IN_BASELINE_IMAGE-}")
base=$(trim "${IN_BASE-}")
fail_on_base=$(trim "${IN_FAIL_ON_BASE-}")
ignore_file=$(trim "${IN_IGNORE_FILE-}")
platform=$(trim "${IN_PLATFORM-}")
format=$(trim "${IN_FORMAT-}")
report=$(trim "${IN_OUTPUT-}")
sarif_file=$(trim "${IN_SARIF_FILE-}")
switch summary "${IN_SUMMARY-}" true
switch annotations "${IN_ANNOTATIONS-}" true
switch upload-sarif "${IN_UPLOAD_SARIF-}" false

targets=()
while IFS= read -r line; do
	line=$(trim "$line")
	[ -n "$line" ] || continue
	named image "$line"
	targets+=("$line")
done <<<"${IN_IMAGE-}"
if [ -n "$input" ]; then
	case $input in
	docker-archive:* | oci-archive:* | oci-dir:*) targets+=("$input") ;;
	-) wrong "input: there is no standard input here" ;;
	*) targets+=("$(here "$input")") ;;
	esac
fi
[ -z "$path" ] || targets+=("dir:$(here "$path")")

case $mode in
scan)
	if [ ${#targets[@]} -eq 0 ] && [ -z "$dockerfile" ]; then
		wrong "there is nothing to scan: give image, input, path or dockerfile"
	fi
	;;
check)
	if [ ${#targets[@]} -gt 0 ]; then
		wrong "mode check reads a Dockerfile, and no image: take image, input and path out, or the mode"
	fi
	if [ -n "$sarif_file$format$base$fail_on_base$baseline$baseline_image$ignore_file" ]; then
		annotate warning "mode check has no use for sarif-file, format, base, fail-on-base, baseline, baseline-image and ignore-file"
	fi
	: "${dockerfile:=Dockerfile}"
	;;
gate)
	if [ ${#targets[@]} -gt 0 ] || [ -n "$dockerfile" ]; then
		wrong "mode gate scans what later steps build: take image, input, path and dockerfile out"
	fi
	# shellcheck source=action/serve.sh
	. "$lib/serve.sh"
	serve "$fail_on" "$min_confidence" "$config"
	finish 0 served
	;;
*) wrong "mode: \"$mode\" is none of scan, check, gate" ;;
esac
if [ -n "$baseline_image" ] && [ -n "$baseline" ]; then
	wrong "baseline and baseline-image say the same in two ways: take one of them out"
fi
[ -z "$base" ] || named base "$base"
[ -z "$baseline_image" ] || named baseline-image "$baseline_image"
if [ ${#targets[@]} -eq 0 ] && [ "$mode" = scan ] && [ -n "$base$fail_on_base$baseline$baseline_image" ]; then
	annotate warning "base, fail-on-base, baseline and baseline-image are about images, and none is scanned"
fi
if [ -n "$report" ] && [ -z "$format" ]; then
	format=text
fi
if [ -n "$format" ] && ! [[ $format =~ ^[a-z-]+$ ]]; then
	wrong "format: \"$format\" is no format"
fi

out=$(mktemp -d "$RUNNER_TEMP/leakscan.XXXXXX")
status=0

# run is a command whose standard error is kept, too, for the reason of a failure.
# shellcheck disable=SC2317 # quiet calls it
run() {
	{
		"$@" 2>&1 >&3 | tee "$out/stderr" >&2
		return "${PIPESTATUS[0]}"
	} 3>&1
}

# reason prints why leakscan failed, in its own words.
reason() { sed -n 's/^leakscan: //p' "$out/stderr" | head -n 1; }

# summarize adds a file to the summary of the job, as far as GitHub takes it.
summarize() {
	local room size limit=1048576
	if [ "${IN_SUMMARY:-true}" != true ] || [ -z "${GITHUB_STEP_SUMMARY-}" ] || [ ! -s "$1" ]; then
		return 0
	fi
	size=0
	[ ! -f "$GITHUB_STEP_SUMMARY" ] || size=$(wc -c <"$GITHUB_STEP_SUMMARY")
	room=$((limit - size - 512))
	if [ "$(wc -c <"$1")" -le "$room" ]; then
		cat -- "$1" >>"$GITHUB_STEP_SUMMARY"
		printf '\n' >>"$GITHUB_STEP_SUMMARY"
	elif [ "$room" -gt 0 ]; then # whole lines only, so that no table and no character is cut
		LC_ALL=C awk -v room="$room" '{ room -= length($0) + 1; if (room < 0) exit; print }' "$1" >>"$GITHUB_STEP_SUMMARY"
		printf '\n\n*The report goes on: a summary may have 1 MiB. The files of the job have all of it.*\n' >>"$GITHUB_STEP_SUMMARY"
	fi
}

# annotations prints those of a file, and nothing else that may be in it.
annotations() {
	if [ "${IN_ANNOTATIONS:-true}" = true ] && [ -s "$1" ]; then
		grep -E '^::(error|warning|notice) ' "$1" || true
	fi
}

if [ -n "$dockerfile" ]; then
	check_json=$out/check.json
	args=("--output=text" "--output=json=$check_json")
	[ -z "$fail_on" ] || args+=("--fail-on=$fail_on")
	[ -z "$config" ] || args+=("--config=$config")
	[ -z "$target" ] || args+=("--target=$target")
	# Of several platforms none is the one that is built for.
	[ -z "$platform" ] || [ "$platform" = all ] || args+=("--platform=$platform")
	if [ -n "$context" ]; then
		args+=("--file=$dockerfile" -- "$(here "$context")")
	else
		args+=(-- "$(here "$dockerfile")")
	fi
	printf '::group::leakscan check\n'
	code=0
	quiet "$BIN" check "${args[@]}" </dev/null || code=$?
	printf '::endgroup::\n'
	if [ -s "$check_json" ]; then
		root=${GITHUB_WORKSPACE:-$PWD}
		findings=$(awk -v as=count -f "$lib/check.awk" "$check_json")
		new=$findings
		awk -v as=github -v root="$root" -f "$lib/check.awk" "$check_json" >"$out/check.github"
		awk -v as=markdown -v root="$root" -f "$lib/check.awk" "$check_json" >"$out/check.md"
		annotations "$out/check.github"
		summarize "$out/check.md"
	else
		check_json=''
		[ "$code" -gt 1 ] || code=2
		annotate error "The Dockerfile could not be checked (exit status $code): see the log."
	fi
	status=$(join "$status" "$code")
	json=$check_json
fi

if [ ${#targets[@]} -gt 0 ]; then
	json=$out/report.json
	html=$out/report.html
	sarif=${sarif_file:-$out/report.sarif}
	lines=$out/report.jsonl
	args=("--output=json=$json" "--output=jsonl=$lines" "--output=sarif=$sarif" "--output=html=$html"
		"--output=markdown=$out/report.md" "--output=github=$out/report.github" --progress=plain)
	if [ -n "$report" ]; then
		mkdir -p -- "$(dirname -- "$report")"
		args+=("--output=text" "--output=$format=$report")
	else
		args+=("--output=${format:-text}")
	fi
	mkdir -p -- "$(dirname -- "$sarif")"
	[ -z "$fail_on" ] || args+=("--fail-on=$fail_on")
	[ -z "$min_confidence" ] || args+=("--min-confidence=$min_confidence")
	[ -z "$config" ] || args+=("--config=$config")
	[ -z "$ignore_file" ] || args+=("--ignore-file=$ignore_file")
	[ -z "$platform" ] || args+=("--platform=$platform")
	[ -z "$dockerfile" ] || args+=("--dockerfile=$dockerfile")
	[ -z "$fail_on_base" ] || args+=("--fail-on-base=$fail_on_base")
	[ -z "$base" ] || args+=("--base=$base")
	if [ -n "$baseline_image" ]; then
		baseline=$out/baseline.json
		more=()
		[ -z "$config" ] || more+=("--config=$config")
		[ -z "$platform" ] || more+=("--platform=$platform")
		printf '::group::leakscan baseline\n'
		code=0
		quiet "$BIN" baseline "--output=$baseline" ${more[@]+"${more[@]}"} -- "$baseline_image" </dev/null || code=$?
		printf '::endgroup::\n'
		if [ "$code" -ne 0 ] || [ ! -s "$baseline" ]; then
			annotate error "The baseline image could not be read: everything counts as new."
			baseline=''
			[ "$code" -gt 1 ] || code=2
			status=$(join "$status" "$code")
		fi
	fi
	[ -z "$baseline" ] || args+=("--baseline=$baseline")
	printf '::group::leakscan\n'
	code=0
	quiet run "$BIN" "${args[@]}" -- "${targets[@]}" </dev/null || code=$?
	printf '::endgroup::\n'
	# The last line of the report says that it is whole, and how it went; without
	# it, or with another exit status, nothing is clean.
	end=''
	[ ! -s "$lines" ] || end=$(tail -n 1 "$lines")
	told='^\{"type":"end","complete":(true|false),"exitCode":([0-9]+),'
	if [[ $end =~ $told ]]; then
		[ "${BASH_REMATCH[2]}" -eq "$code" ] || code=$(join "$code" 2)
		read -r n k < <(LC_ALL=C awk '
			/^\{"type":"finding",/ && !/"severity":"info","confidence":/ {
				n++
				all = gsub(/\{"image":[0-9]+,"place":"/, "&")
				if (all > gsub(/"suppressed":\{"by":"/, "&")) counts++
			}
			END { print n + 0, counts + 0 }' "$lines")
		findings=$((findings + n))
		new=$((new + k))
		annotations "$out/report.github"
		summarize "$out/report.md"
	else
		json=$check_json sarif='' html=''
		[ "$code" -gt 1 ] || code=2
		annotate error "There is no whole report (exit status $code): $(reason) See the log."
	fi
	status=$(join "$status" "$code")
fi
finish "$status"
