#!/usr/bin/env bash
# Tests the action: its scripts, run as a runner would; every workflow of the
# documentation with actionlint; and whole jobs with act, in host mode, if both
# are installed (go install github.com/rhysd/actionlint/cmd/actionlint@latest and
# github.com/nektos/act@latest). Needs no network.
#
#   action/test.sh [LEAKSCAN]      a binary to test with, else one is built
#
# ACTION_TEST=require: what is not installed is a failure.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
engine_pid='' engine='' gate_pid=''
# cleanup ends what the test has started, and removes what it has made.
cleanup() {
	[ -z "$gate_pid" ] || kill "$gate_pid" 2>/dev/null || true
	if [ -n "$engine_pid" ]; then
		kill "$engine_pid" 2>/dev/null || true
		wait "$engine_pid" 2>/dev/null || true
		rm -rf "$engine"
	fi
	rm -rf "$work"
}
trap cleanup EXIT
failures=0 checks=0

bin=${1-}
if [ -z "$bin" ]; then
	bin=$work/leakscan
	(cd "$root" && CGO_ENABLED=0 go build -o "$bin" ./cmd/leakscan)
fi
bin=$(cd "$(dirname "$bin")" && pwd)/$(basename "$bin")

fail() {
	failures=$((failures + 1))
	printf 'FAIL %s: %s\n' "$name" "$1"
}

# want compares: WHAT GOT WANTED.
want() {
	checks=$((checks + 1))
	[ "$2" = "$3" ] || fail "$1 is \"$2\", want \"$3\""
}

# has and hasnt look for a text in a file.
has() {
	checks=$((checks + 1))
	grep -qF -- "$2" "$1" || fail "$(basename "$1") has no \"$2\""
}
hasnt() {
	checks=$((checks + 1))
	! grep -qF -- "$2" "$1" || fail "$(basename "$1") has \"$2\""
}

# without runs what is skipped if a program is missing.
without() {
	if [ "${ACTION_TEST-}" = require ]; then
		name=$1
		fail "it is not installed"
	else
		echo "SKIP $1: it is not installed"
	fi
}

# value reads an output as the runner would: heredocs and NAME=VALUE lines.
value() {
	awk -v name="$1" '
		inside { if ($0 == end) { inside = 0 } else if (key == name) { out = out sep $0; sep = "\n" }; next }
		match($0, /<<ghadelimiter_/) { key = substr($0, 1, RSTART - 1); end = substr($0, RSTART + 2); inside = 1; if (key == name) { out = ""; sep = "" }; next }
		match($0, /=/) { if (substr($0, 1, RSTART - 1) == name) out = substr($0, RSTART + 1) }
		END { printf "%s", out }' "$GITHUB_OUTPUT"
}

# --- what is scanned

cd "$work"
"$bin" demo --save demo.tar >demo.txt 2>/dev/null
mkdir -p clean project/app
cat >clean/Dockerfile <<'X'
FROM scratch
COPY hello /hello
X
echo hello >clean/hello
cp -R "$root/testdata/demo/." project/app/
# A clean image: what docker save writes, of one layer.
(
	mkdir img && cd img
	mkdir fs && echo hello >fs/hello
	tar -C fs -cf layer.tar hello
	sum=$(sha256sum layer.tar | cut -c 1-64)
	printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created_by":"COPY hello /hello"}]}' "$sum" >config
	config=$(sha256sum config | cut -c 1-64)
	mv config "$config.json"
	printf '[{"Config":"%s.json","RepoTags":["clean:1"],"Layers":["layer.tar"]}]' "$config" >manifest.json
	tar -cf ../clean.tar manifest.json "$config.json" layer.tar
)
head -c 6000 demo.tar >cut.tar

# The secrets of the demo, as extract shows them.
"$bin" -o jsonl demo.tar 2>/dev/null | sed -n -E 's/.*"extract":"leakscan extract demo.tar ([^"]*)".*/\1/p' >places || true
{
	"$bin" extract demo.tar 2:/app/.env | sed -n 's/^AWS[A-Z_]* *= *//p'
	"$bin" extract demo.tar 3:/root/.npmrc | sed 's/.*_authToken=//'
	"$bin" extract demo.tar 'config:config.Env[1]' | sed 's/.*=//'
	"$bin" extract demo.tar 5:/app/config/deploy.yaml | sed -n 's/.*token: *//p'
	cut -d= -f2- project/app/.npmrc
	awk '{ print $6 }' project/app/.netrc
} | tr -d '"' | awk 'length($0) >= 12' >secrets
name=secrets
[ "$(wc -l <secrets)" -ge 5 ] || fail "the test does not know the secrets: $(wc -l <secrets)"

# nosecret looks for them in all that a run has written.
nosecret() {
	checks=$((checks + 1))
	while IFS= read -r s; do
		if grep -rqF -- "$s" "$@"; then fail "a secret is in $(grep -rlF -- "$s" "$@" | head -n 1)"; fi
	done <"$work/secrets"
}

# --- the scripts, as a runner runs them

# begin NAME makes the surroundings of a job.
begin() {
	name=$1
	job=$work/jobs/$1
	mkdir -p "$job/temp" "$job/ws"
	export GITHUB_OUTPUT=$job/output GITHUB_STEP_SUMMARY=$job/summary GITHUB_ENV=$job/env RUNNER_TEMP=$job/temp GITHUB_WORKSPACE=$job/ws RUNNER_OS=Linux RUNNER_ARCH=X64
	: >"$GITHUB_OUTPUT"
	: >"$GITHUB_STEP_SUMMARY"
	: >"$GITHUB_ENV"
	cd "$job/ws"
}

# scan [NAME=VALUE]... runs the scan and the verdict; the scan never fails.
scan() {
	local code=0
	env BIN="$bin" "$@" bash "$root/action/scan.sh" >"$job/log" 2>&1 || code=$?
	want "the scan's exit status" "$code" 0
	gate=0
	VERDICT=$(value verdict) EXIT_CODE=$(value exit-code) FINDINGS=$(value findings) NEW_FINDINGS=$(value new-findings) \
		bash "$root/action/gate.sh" >"$job/gate" 2>&1 || gate=$?
}

# told VERDICT CODE FINDINGS NEW compares the outputs and the gate.
told() {
	want verdict "$(value verdict)" "$1"
	want exit-code "$(value exit-code)" "$2"
	want findings "$(value findings)" "$3"
	want new-findings "$(value new-findings)" "$4"
	want "the gate's exit status" "$gate" "$2"
	nosecret "$job"
}

begin leaky
cp "$work/demo.tar" .
scan IN_INPUT=demo.tar
rm demo.tar
told leaks 1 8 8
has "$(value json-file)" '"schema": "leakscan.report/1"'
has "$(value sarif-file)" '"version": "2.1.0"'
has "$(value html-file)" 'Content-Security-Policy'
has "$GITHUB_STEP_SUMMARY" '| **critical** | Stripe access token'
has "$job/log" '::error title=Stripe access token'
has "$job/gate" '::error title=leakscan::It leaks: 8 findings.'

begin clean
scan IN_INPUT="$work/clean.tar"
told clean 0 0 0
has "$GITHUB_STEP_SUMMARY" '✅'
hasnt "$job/log" '::error'

begin quiet
scan IN_INPUT="$work/demo.tar" IN_SUMMARY=false IN_ANNOTATIONS=false IN_FAIL_ON=never
told clean 0 8 8
want summary "$(cat "$GITHUB_STEP_SUMMARY")" ""
hasnt "$job/log" '::error'

begin threshold
scan IN_INPUT="$work/demo.tar" IN_FAIL_ON=critical IN_MIN_CONFIDENCE=high
told leaks 1 8 8
scan IN_INPUT="$work/demo.tar" IN_FAIL_ON=dire
told incomplete 64 0 0
has "$job/gate" 'wrong usage'

begin cut
scan IN_INPUT="$work/cut.tar"
told leaks+incomplete 3 5 5
has "$job/gate" 'not everything could be read'
scan IN_INPUT="$work/cut.tar" IN_FAIL_ON=never
told incomplete 2 5 5

begin missing
scan IN_INPUT=nowhere.tar
told incomplete 2 0 0

begin baseline
"$bin" baseline "$work/demo.tar" -o base.json 2>/dev/null
scan IN_INPUT="$work/demo.tar" IN_BASELINE=base.json
told clean 0 8 0
scan IN_INPUT="$work/demo.tar" IN_BASELINE_IMAGE="$work/demo.tar"
told clean 0 8 0
scan IN_INPUT="$work/demo.tar" IN_BASELINE_IMAGE="$work/clean.tar"
told leaks 1 8 8
scan IN_INPUT="$work/demo.tar" IN_BASELINE_IMAGE="$work/nowhere.tar" IN_FAIL_ON=never
told incomplete 2 8 8
scan IN_INPUT="$work/demo.tar" IN_BASELINE_IMAGE="$work/demo.tar" IN_BASELINE=base.json
told incomplete 64 0 0

begin typo
scan IN_INPUT="$work/demo.tar" IN_FAIL_ON=hgih
told incomplete 64 0 0
has "$job/log" '::error title=leakscan::There is no whole report (exit status 64): --fail-on "hgih"'

begin refused-base
cp "$work/demo.tar" demo.tar
scan IN_INPUT=./demo.tar IN_BASE=demo.tar
told incomplete 64 0 0
want sarif-file "$(value sarif-file)" ''

begin base
scan IN_INPUT="$work/demo.tar" IN_BASE="$work/demo.tar"
told leaks 1 8 8
scan IN_INPUT="$work/demo.tar" IN_BASE="$work/demo.tar" IN_FAIL_ON_BASE=never
told clean 0 8 8
scan IN_INPUT="$work/demo.tar" IN_BASE="$work/clean.tar" IN_FAIL_ON_BASE=never
told leaks 1 8 8
scan IN_INPUT="$work/demo.tar" IN_FAIL_ON_BASE=never
told incomplete 64 0 0

begin ignore
echo 'rule=npm-access-token reason="revoked in March"' >some.ignore
scan IN_INPUT="$work/demo.tar" IN_IGNORE_FILE=some.ignore
told leaks 1 8 7
has "$job/gate" '7 findings that count, of 8'

begin rules
printf '[[rules]]\nid = "acme"\nregex = "acme_[a-z]{30}"\nkeywords = ["acme_"]\n' >acme.toml
scan IN_INPUT="$work/demo.tar" IN_CONFIG=acme.toml
told clean 0 0 0

begin files
scan IN_INPUT="$work/demo.tar" IN_FORMAT=csv IN_OUTPUT=out/report.csv IN_SARIF_FILE='out dir/r.sarif'
told leaks 1 8 8
has out/report.csv 'stripe-access-token'
want sarif-file "$(value sarif-file)" 'out dir/r.sarif'
has 'out dir/r.sarif' '"2.1.0"'

begin lines
scan IN_INPUT="$work/demo.tar" IN_SARIF_FILE=$'r.sarif\nverdict=clean\nexit-code=0'
told leaks 1 8 8
want sarif-file "$(value sarif-file)" $'r.sarif\nverdict=clean\nexit-code=0'

begin directory
mkdir tree
cp "$work/project/app/.npmrc" tree/
scan IN_PATH=tree
want "findings in a directory" "$([ "$(value findings)" -ge 1 ] && echo some)" some
nosecret "$job/log" "$job/summary" "$job/temp"

begin check
cp -R "$work/project/app" .
scan IN_MODE=check IN_DOCKERFILE=app/Dockerfile
want verdict "$(value verdict)" leaks
want findings "$(value findings)" "$(grep -c '^      "check": "' "$(value json-file)")"
want sarif-file "$(value sarif-file)" ""
has "$job/log" '::error file=app/Dockerfile,line=17,title='
has "$GITHUB_STEP_SUMMARY" 'app/Dockerfile:17'
rm -r app # it has the secrets
nosecret "$job"
cp "$work/clean/"* .
scan IN_MODE=check
told clean 0 0 0
scan IN_MODE=check IN_DOCKERFILE=nowhere
told incomplete 64 0 0
scan IN_MODE=check IN_IMAGE=x
told incomplete 64 0 0

begin both
cp "$work/clean/"* .
scan IN_DOCKERFILE=Dockerfile IN_INPUT="$work/demo.tar"
told leaks 1 8 8
has "$(value check-file)" '"schema": "leakscan.check/1"'
has "$GITHUB_STEP_SUMMARY" 'no problems in the Dockerfile'
printf 'FROM scratch\nENV STRIPE_API_KEY=x\n' >Dockerfile
scan IN_DOCKERFILE=Dockerfile IN_INPUT="$work/demo.tar"
has "$job/log" '::error file=Dockerfile,line=2,title=Stripe access token'
has "$(value sarif-file)" '"uri": "Dockerfile"'
scan IN_DOCKERFILE=Dockerfile IN_CONTEXT=. IN_FAIL_ON=never
told clean 0 "$(value findings)" "$(value findings)"

begin summary
scan IN_INPUT="$work/demo.tar"
head -c 1048000 /dev/zero | tr '\0' 'x' >"$GITHUB_STEP_SUMMARY"
scan IN_INPUT="$work/demo.tar"
want "a summary within 1 MiB" "$([ "$(wc -c <"$GITHUB_STEP_SUMMARY")" -le 1048576 ] && echo yes)" yes

# A leakscan that dies, or says less than it should, is never clean.
begin broken
printf '#!/bin/sh\nexit 0\n' >"$job/none"
printf '#!/bin/sh\nkill -9 $$\n' >"$job/killed"
# shellcheck disable=SC2016 # it is a script
printf '#!/bin/sh\n"%s" "$@"\nexit 0\n' "$bin" >"$job/liar"
chmod +x "$job/none" "$job/killed" "$job/liar"
scan BIN="$job/none" IN_INPUT="$work/demo.tar"
told incomplete 2 0 0
scan BIN="$job/killed" IN_INPUT="$work/demo.tar"
told incomplete 137 0 0
scan BIN="$job/liar" IN_INPUT="$work/demo.tar"
told incomplete 2 8 8
want "a verdict without outputs" "$(env -u VERDICT -u EXIT_CODE bash "$root/action/gate.sh" >/dev/null 2>&1 || echo $?)" 2
want "a clean verdict of another status" "$(VERDICT=clean EXIT_CODE=1 bash "$root/action/gate.sh" >/dev/null 2>&1 || echo $?)" 1

# Wrong inputs are told, and nothing is scanned.
begin wrong
scan IN_IMAGE=
told incomplete 64 0 0
scan IN_IMAGE=- IN_SUMMARY=true
told incomplete 64 0 0
scan IN_INPUT=-
told incomplete 64 0 0
scan IN_INPUT="$work/demo.tar" IN_SUMMARY=yes
told incomplete 64 0 0
scan IN_INPUT="$work/demo.tar" IN_MODE=fast
told incomplete 64 0 0
scan IN_INPUT="$work/demo.tar" IN_FORMAT='csv=x'
told incomplete 64 0 0
echo >'myapp:1.4'
scan IN_IMAGE=myapp:1.4
told incomplete 64 0 0
has "$job/log" 'docker:myapp:1.4'

# Hostile inputs: nothing of them is run, and none sets an output or gives a
# command to the runner.
begin hostile
# shellcheck disable=SC2016 # they are not meant to be expanded
for evil in \
	'$(touch pwned)' '`touch pwned`' '";touch pwned;"' "';touch pwned;'" '--help' '--show-secrets=force' '-o=json=pwned' \
	$'x\nverdict=clean' $'x\n::stop-commands::abc\n::set-output name=verdict::clean' \
	$'a\r::warning::pwned' 'a%0A::warning::pwned' '*' '~' 'a b' $'ghadelimiter_\nverdict<<EOF\nclean\nEOF' '../../etc/passwd%00' $'\x1b[31mred'; do
	for key in IMAGE INPUT PATH DOCKERFILE CONTEXT TARGET FAIL_ON MIN_CONFIDENCE CONFIG BASELINE BASE IGNORE_FILE PLATFORM FORMAT MODE; do
		: >"$GITHUB_OUTPUT"
		: >"$GITHUB_STEP_SUMMARY"
		: >"$GITHUB_ENV"
		extra=()
		case $key in
		IMAGE) evil2="registry:127.0.0.1:1/$evil" ;;
		CONTEXT | TARGET) evil2=$evil extra=(IN_DOCKERFILE=Dockerfile) ;;
		FAIL_ON | MIN_CONFIDENCE | CONFIG | BASELINE | BASE | IGNORE_FILE | PLATFORM | FORMAT | MODE) evil2=$evil extra=(IN_INPUT="$work/demo.tar") ;;
		*) evil2=$evil ;;
		esac
		[ "$key" != PLATFORM ] || extra=(IN_INPUT="$work/clean.tar")
		case $key:$evil in IMAGE:*|BASE:*) extra+=(DOCKER_HOST=unix:///nowhere CONTAINERD_ADDRESS=/nowhere);; esac
		case $key:$evil in BASE:[^-]*) evil2="registry:127.0.0.1:1/$evil";; esac
		name="hostile $key=$(printf %q "$evil")"
		scan ${extra[@]+"${extra[@]}"} "IN_$key=$evil2"
		[ "$gate" -ne 0 ] || fail "the gate passes"
		if [ "$(value verdict)" = clean ]; then fail "the verdict is clean"; fi
		if [ -e pwned ]; then fail "it is run" && rm -f pwned; fi
		[ ! -s "$GITHUB_ENV" ] || fail "it sets a variable"
		# No command of its own reaches the runner outside of a stop-commands.
		if awk '/^::stop-commands::/ && !stop { stop = "::" substr($0, 18) "::"; next } stop { if ($0 == stop) stop = ""; next }
			/^::(group|endgroup)::|^::endgroup::|^::(error|warning|notice) (title|file)=/ { next } /^::|\r::|\033/ { bad = 1 } END { exit !bad }' "$job/log"; then
			fail "a command reaches the runner: $(grep -n '^::' "$job/log" | head -3)"
		fi
		nosecret "$job/log" "$job/summary" "$job/output"
		rm -rf "$job/temp"/*
	done
done

# --- the installation

# install VERSION runs the plan and the installation, as action.yml wires them.
install() {
	: >"$GITHUB_OUTPUT"
	code=0
	IN_VERSION=$1 IN_BIN_PATH=${2-} ACTION_DOWNLOAD_URL=${url-} bash "$job/action/plan.sh" >"$job/log" 2>&1 || code=$?
	[ "$code" -eq 0 ] || return 0
	cached=$(value cache)
	PLAN_BIN=$(value bin) PLAN_DIR=$(value dir) PLAN_ARCHIVE=$(value archive) PLAN_SHA256=$(value sha256) PLAN_URL=$(value url) \
		bash "$job/action/install.sh" >>"$job/log" 2>&1 || code=$?
}

begin install
cp -R "$root/action" "$job/action"
mkdir -p "$job/release/v1.2.3" "$job/release/v1.2.4"
cp "$bin" "$job/release/leakscan"
tar -C "$job/release" -czf "$job/release/v1.2.3/leakscan_1.2.3_linux_amd64.tar.gz" leakscan
echo other >"$job/release/v1.2.4/leakscan_1.2.4_linux_amd64.tar.gz"
rm "$job/release/leakscan"
sum=$(sha256sum "$job/release/v1.2.3/leakscan_1.2.3_linux_amd64.tar.gz" | cut -c 1-64)
printf '%s  leakscan_1.2.4_linux_amd64.tar.gz\n%s  leakscan_1.2.3_linux_amd64.tar.gz\n' "$sum" "$sum" >>"$job/action/checksums.txt"
url=file://$job/release
install v1.2.3
want "installing 1.2.3" "$code" 0
want cached "$cached" true
has "$job/log" 'downloads file://'
want "what is installed runs" "$("$(value bin)" version | head -n 1 | cut -d ' ' -f 1)" leakscan
install 1.2.3
want "from the cache" "$code" 0
has "$job/log" 'is in the cache'
echo poison >"$RUNNER_TEMP/leakscan-download/leakscan_1.2.3_linux_amd64.tar.gz"
install 1.2.3
want "a poisoned cache" "$code" 0
has "$job/log" 'downloads file://'
install 1.2.4
want "another sum" "$code" 1
has "$job/log" 'it is not what was released'
install ''
want "the newest is the first of the table" "$code" 1
has "$job/log" 'leakscan_1.2.4_linux'
install 9.9.9
want "a version without a sum" "$code" 1
has "$job/log" 'bin-path: go install github.com/leakscan/leakscan/cmd/leakscan@v9.9.9'
install $'1.2.3\n::warning::x'
want "a hostile version" "$code" 1
want "commands in the log" "$(grep -c '^::warning' "$job/log")" 0
RUNNER_ARCH=S390X
install 1.2.3
want "an architecture that there is not" "$code" 1
has "$job/log" 'bin-path'
RUNNER_ARCH=X64
url=file://$job/nowhere
rm -rf "$RUNNER_TEMP/leakscan-download"
install 1.2.3
want "without a network" "$code" 1
has "$job/log" 'bin-path'
install '' "$bin"
want "bin-path" "$code" 0
want "no cache with bin-path" "$cached" false
install '' "$job/nowhere"
want "bin-path that is not there" "$code" 1
cp "$root/action/checksums.txt" "$job/action/checksums.txt"

# --- mode gate, in front of a docker engine of the test's own

if command -v dockerd >/dev/null && command -v docker >/dev/null && [ "$(id -u)" -eq 0 ]; then
	begin gate
	engine=$(mktemp -d /tmp/leakscan-engine.XXXXXX) # a socket's name has to be short
	echo '{}' >"$engine/none.json"
	dockerd --host "unix://$engine/sock" --data-root "$engine/data" --exec-root "$engine/exec" --pidfile "$engine/pid" \
		--config-file "$engine/none.json" --bridge=none --iptables=false --ip6tables=false >"$engine/log" 2>&1 &
	engine_pid=$!
	for ((i = 0; i < 100; i++)); do
		! DOCKER_HOST=unix://$engine/sock docker version >/dev/null 2>&1 || break
		sleep 0.2
	done
	mkdir leaky
	printf 'FROM scratch\nCOPY npmrc /root/npmrc\n' >leaky/Dockerfile
	"$bin" extract "$work/demo.tar" 3:/root/.npmrc >leaky/npmrc
	scan IN_MODE=gate DOCKER_HOST="unix://$engine/sock"
	want verdict "$(value verdict)" served
	want "the gate's exit status" "$gate" 0
	gated=$(sed -n 's/^DOCKER_HOST=//p' "$GITHUB_ENV")
	# build NAME DIR prints the exit status of a build with the legacy builder, which
	# needs no buildx.
	build() {
		local code=0
		DOCKER_HOST=$gated DOCKER_BUILDKIT=0 docker build -t "$1" "$2" >"$job/$1.log" 2>&1 || code=$?
		echo "$code"
	}
	want "a clean build" "$(build clean "$work/clean")" 0
	want "a leaky build fails" "$([ "$(build leaky leaky)" -ne 0 ] && echo yes)" yes
	has "$job/leaky.log" 'npm access token'
	want "what is there" "$(DOCKER_HOST=unix://$engine/sock docker images --format '{{.Repository}}')" clean
	rm -r leaky # it has the secret
	nosecret "$job"
	gate_pid=$(cat "$(dirname "${gated#unix://}")/pid")
	want "the gate runs" "$(kill "$gate_pid" && echo yes)" yes
	gate_pid=''
	kill "$engine_pid" 2>/dev/null || true
	wait "$engine_pid" 2>/dev/null || true
	rm -rf "$engine"
	engine_pid=''
	: >"$GITHUB_ENV"
	name="gate without docker"
	scan IN_MODE=gate DOCKER_HOST="unix://$job/nowhere"
	want "the gate's exit status" "$([ "$gate" -ne 0 ] && echo fails)" fails
	want "the environment" "$(cat "$GITHUB_ENV")" ""
	scan IN_MODE=gate IN_IMAGE=x
	told incomplete 64 0 0
else
	without dockerd
fi

# --- the commands of the documentation

# Every sh block runs as it stands, line by line in one shell, in a directory with
# the demo project; those that begin with "# needs" are for engines and registries.
for doc in "$root"/docs/*.md; do
	name=$(basename "$doc")
	dir=$work/docs/$name
	mkdir -p "$dir/bin" "$dir/ws"
	ln -s "$bin" "$dir/bin/leakscan"
	awk -v dir="$dir" '
		/^```sh$/ { inside = 1; n++; skip = 0; next }
		/^```$/ { inside = 0; next }
		inside && /^# needs / { skip = 1 }
		inside && !skip { print > (dir "/commands") }' "$doc"
	[ -f "$dir/commands" ] || continue
	cp -R "$work/project/app/." "$dir/ws/"
	# A command that does not exist, or is used wrongly, is a mistake; leaks are not.
	(
		cd "$dir/ws"
		{
			# shellcheck disable=SC2016 # expanded by the shell that runs it
			echo 'trap '\''s=$?; [ $s -le 3 ] || echo "status $s: $BASH_COMMAND" >>'"$dir"'/wrong'\'' DEBUG'
			cat "$dir/commands"
			echo :
		} >"$dir/script"
		PATH=$dir/bin:$PATH bash "$dir/script" >"$dir/log" 2>&1 </dev/null || true
	)
	checks=$((checks + 1))
	[ ! -s "$dir/wrong" ] || fail "$(cat "$dir/wrong"): $(grep '^leakscan: ' "$dir/log" | head -n 3)"
	nosecret_but_extract=$(grep -c 'leakscan extract' "$dir/commands" || true)
	[ "$nosecret_but_extract" -gt 0 ] || nosecret "$dir/log"
done
# Links within the documentation lead somewhere.
name=links
while IFS=: read -r doc link; do
	checks=$((checks + 1))
	link=${link%%#*}
	[ -z "$link" ] || [ -e "$(dirname "$doc")/$link" ] || fail "$doc: there is no $link"
done < <(grep -oE '\]\([^)]+\)' "$root"/docs/*.md | sed -E 's/\]\((.*)\)$/\1/' | grep -v ':https\{0,1\}:')

# --- shellcheck, actionlint, act

cd "$root"
if command -v shellcheck >/dev/null; then
	name=shellcheck
	shellcheck -x action/*.sh release.sh release/*.sh || fail "see above"
else
	without shellcheck
fi

# Every YAML block of the documentation that is a workflow, and the examples.
mkdir -p "$work/flows/.github/workflows"
cp docs/examples/*.yml "$work/flows/.github/workflows/"
for doc in README.md docs/*.md; do
	awk -v base="$work/flows/.github/workflows/$(basename "$doc" .md)" '
		/^```ya?ml$/ { inside = 1; text = ""; next }
		/^```$/ && inside { inside = 0; if (text ~ /\njobs:/ && text ~ /(^|\n)on:/) { file = base "-" ++n ".yml"; printf "%s", text > file; close(file) }; next }
		inside { text = text $0 "\n" }' "$doc"
done
name=workflows
checks=$((checks + 1))
[ "$(find "$work/flows" -name '*.yml' | wc -l)" -ge 5 ] || fail "there are no workflows in the documentation"
if command -v actionlint >/dev/null; then
	name=actionlint
	(cd "$work/flows" && actionlint -no-color .github/workflows/*.yml) || fail "see above"
else
	without actionlint
fi

if command -v act >/dev/null; then
	# A repository that uses the action as ./, with the leakscan under test; what the
	# network would give is an empty action here, and is not to be called.
	jobs=$work/act
	mkdir -p "$jobs/.github/workflows" "$work/stub"
	cp -R action action.yml "$jobs/"
	cp "$work/demo.tar" "$work/clean.tar" "$jobs/"
	cp -R "$work/project/app" "$jobs/app"
	# shellcheck disable=SC2016 # the runner expands it
	printf 'name: stub\ndescription: stub\nruns:\n  using: composite\n  steps:\n    - shell: bash\n      run: echo "STUB CALLED for $GITHUB_ACTION_REPOSITORY"\n' >"$work/stub/action.yml"
	mkdir -p "$work/stub/upload-sarif"
	cp "$work/stub/action.yml" "$work/stub/upload-sarif/"
	cat >"$jobs/.github/workflows/test.yml" <<X
on: push
jobs:
  clean:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
      - uses: ./
        id: leakscan
        with:
          input: clean.tar
          bin-path: $bin
      - env:
          VERDICT: \${{ steps.leakscan.outputs.verdict }}
          FINDINGS: \${{ steps.leakscan.outputs.findings }}
        run: echo "TOLD \$VERDICT \$FINDINGS"
  leaky:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
      - uses: ./
        id: leakscan
        with:
          input: demo.tar
          bin-path: $bin
          upload-sarif: true
      - if: always()
        env:
          VERDICT: \${{ steps.leakscan.outputs.verdict }}
          FINDINGS: \${{ steps.leakscan.outputs.findings }}
          JSON: \${{ steps.leakscan.outputs.json-file }}
        run: |
          echo "TOLD \$VERDICT \$FINDINGS"
          test -s "\$JSON"
  dockerfile:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
      - uses: ./
        with:
          mode: check
          dockerfile: app/Dockerfile
          bin-path: $bin
X
	(cd "$jobs" && git init -q && git -c user.name=t -c user.email=t@example.org commit -q --allow-empty -m t)
	# run JOB prints the exit status of act; its log is in act-JOB.
	run() {
		local code=0
		(cd "$jobs" && env -u GITHUB_OUTPUT -u GITHUB_STEP_SUMMARY -u GITHUB_ENV -u GITHUB_WORKSPACE -u RUNNER_TEMP -u DOCKER_HOST \
			act push -j "$1" -P ubuntu-latest=-self-hosted --pull=false --action-offline-mode --container-daemon-socket - \
			--local-repository "actions/cache@v5=$work/stub" --local-repository "github/codeql-action@v4=$work/stub" \
			>"$work/act-$1" 2>&1) || code=$?
		echo "$code"
	}
	name=act-clean
	want "act's exit status" "$(run clean)" 0
	has "$work/act-clean" 'TOLD clean 0'
	hasnt "$work/act-clean" 'STUB CALLED'
	name=act-leaky
	want "act's exit status" "$(run leaky)" 1
	has "$work/act-leaky" 'TOLD leaks 8'
	has "$work/act-leaky" 'STUB CALLED'
	has "$work/act-leaky" 'It leaks: 8 findings'
	name=act-dockerfile
	want "act's exit status" "$(run dockerfile)" 1
	has "$work/act-dockerfile" 'app/Dockerfile'

	# The documented workflows, as they stand: the action comes from the checkout, and
	# leakscan from a release that is a file here, by way of the table of sums. Where
	# one builds an image, demo.tar is in its place.
	cp -R "$jobs/action" "$jobs/action.yml" "$work/stub/"
	mkdir -p "$work/release/v1.0.0" "$work/pack" "$work/using"
	mv "$work/stub/action" "$work/stub/action.yml" "$work/using/"
	cp "$work/stub/upload-sarif/action.yml" "$work/stub/"
	cp "$bin" "$work/pack/leakscan"
	machine=amd64
	[ "$(uname -m)" = x86_64 ] || machine=arm64
	archive=leakscan_1.0.0_linux_$machine.tar.gz
	tar -C "$work/pack" -czf "$work/release/v1.0.0/$archive" leakscan
	(cd "$work/release/v1.0.0" && sha256sum "$archive") >>"$work/using/action/checksums.txt"
	# documented NAME FILE WANTED [SED] runs one of them; the project is $project.
	documented() {
		local code=0
		name="documented $1"
		rm -rf "$work/doc"
		mkdir -p "$work/doc/.github/workflows"
		cp -R "$project/." "$work/doc/"
		cp "$work/demo.tar" "$work/clean.tar" "$work/doc/"
		sed -E -e "${4-}" "$2" >"$work/doc/.github/workflows/flow.yml"
		(cd "$work/doc" && git init -q -b main && git -c user.name=t -c user.email=t@example.org commit -q --allow-empty -m t
			env -u GITHUB_OUTPUT -u GITHUB_STEP_SUMMARY -u GITHUB_ENV -u GITHUB_WORKSPACE -u RUNNER_TEMP -u DOCKER_HOST \
				act "${event:-push}" -P ubuntu-latest=-self-hosted --pull=false --action-offline-mode --container-daemon-socket - \
				--env "ACTION_DOWNLOAD_URL=file://$work/release" --local-repository "leakscan/leakscan@v1=$work/using" \
				--local-repository "actions/cache@v5=$work/stub" --local-repository "github/codeql-action@v4=$work/stub" \
				--local-repository "actions/upload-artifact@v6=$work/stub" --local-repository "docker/login-action@v3=$work/stub" \
				>"$work/act-$1" 2>&1) || code=$?
		want "act's exit status" "$code" "$3"
		if [ "$3" -eq 0 ]; then has "$work/act-$1" 'Job succeeded'; else has "$work/act-$1" 'title=leakscan::It leaks'; fi
	}
	demo='s/docker build -t [^ ]+ \.( && docker save.*)?$/true/; s/image: docker:.*/input: demo.tar/; s/input: image.tar/input: demo.tar/'
	flows=$work/flows/.github/workflows
	project=$work/project/app
	event=pull_request documented check-leaky docs/examples/check.yml 1
	documented scan docs/examples/scan.yml 1 "$demo"
	has "$work/act-scan" 'It leaks'
	event=pull_request documented new docs/examples/new-only.yml 1 "$demo; s/baseline-image: .*/baseline-image: .\/clean.tar/"
	event=pull_request documented known docs/examples/new-only.yml 0 "$demo; s/baseline-image: .*/baseline-image: .\/demo.tar/"
	documented ci-1 "$flows/ci-1.yml" 1 "$demo"
	mkdir -p "$work/project/app/build"
	cp "$work/project/app/Dockerfile" "$work/project/app/build/"
	event=pull_request documented ci-2 "$flows/ci-2.yml" 1
	documented ci-3 "$flows/ci-3.yml" 0 "$demo"
	has "$work/act-ci-3" 'leaks, 8'
	project=$work/clean
	event=pull_request documented check-clean docs/examples/check.yml 0
	documented scan-clean docs/examples/scan.yml 0 "s/demo.tar/clean.tar/; ${demo//demo.tar/clean.tar}"
	nosecret "$work"/act-*
	if [ "$failures" -gt 0 ] && [ -n "${ACTION_TEST_KEEP-}" ]; then cp "$work"/act-* "$ACTION_TEST_KEEP/"; fi
else
	without act
fi

echo "$checks checks, $failures failures"
[ "$failures" -eq 0 ]
