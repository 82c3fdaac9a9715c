# shellcheck shell=bash
# Mode gate: starts "leakscan gate" in front of docker, and leads the steps that
# follow to it. It runs until the runner ends the job's processes.

# serve starts it: FAIL-ON MIN-CONFIDENCE CONFIG.
serve() {
	local dir sock log pid i args
	[ "${RUNNER_OS:-Linux}" != Windows ] || wrong "mode gate needs a runner with a docker of its own, on Linux"
	: "${GITHUB_ENV:?}"
	dir=$(mktemp -d "$RUNNER_TEMP/leakscan-gate.XXXXXX")
	sock=$dir/docker.sock
	if [ "${#sock}" -gt 100 ]; then # a socket's name can't be longer
		dir=$(mktemp -d /tmp/leakscan-gate.XXXXXX)
		sock=$dir/docker.sock
	fi
	log=$dir/gate.log
	args=(gate "--listen=unix://$sock" --upstream=docker)
	[ -z "$1" ] || args+=("--fail-on=$1")
	[ -z "$2" ] || args+=("--min-confidence=$2")
	[ -z "$3" ] || args+=("--config=$3")
	# The runner ends it with the job, as every process that a step leaves behind.
	nohup "$BIN" "${args[@]}" </dev/null >"$log" 2>&1 &
	pid=$!
	printf '%s\n' "$pid" >"$dir/pid"
	for ((i = 0; i < 300; i++)); do
		[ ! -S "$sock" ] || break
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	if [ ! -S "$sock" ]; then
		quiet cat -- "$log" || true
		kill "$pid" 2>/dev/null || true
		annotate error "The gate does not start: see the log. Nothing that is built is scanned."
		finish 2
	fi
	printf 'DOCKER_HOST=unix://%s\n' "$sock" >>"$GITHUB_ENV"
	say "stands in front of docker until the job ends; DOCKER_HOST=unix://$sock"
}
