# shellcheck shell=bash
# What the scripts of the action share. They run with bash 3.2 (macOS) and later,
# and with Git's bash on Windows, and need no jq.

# say prints a line of the action's own to the log.
say() { printf 'leakscan: %s\n' "$*"; }

# data escapes a text for a workflow command.
data() {
	local s=$1
	s=${s//'%'/%25}
	s=${s//$'\r'/%0D}
	s=${s//$'\n'/%0A}
	printf '%s' "$s"
}

# annotate prints an annotation of the job: KIND (error, warning, notice) TEXT.
annotate() { printf '::%s title=leakscan::%s\n' "$1" "$(data "$2")"; }

# die ends the script with an error of the job.
die() {
	annotate error "$1"
	exit "${2:-1}"
}

# random prints 32 hexadecimal digits.
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# output sets an output of the step: NAME VALUE. A value of several lines can't
# set another, since nobody knows the delimiter.
output() {
	local delimiter
	delimiter=ghadelimiter_$(random)
	printf '%s<<%s\n%s\n%s\n' "$1" "$delimiter" "$2" "$delimiter" >>"$GITHUB_OUTPUT"
}

# trim prints a text without the blanks, tabs and line ends around it.
trim() {
	local s=$1
	s=${s#"${s%%[![:space:]]*}"}
	s=${s%"${s##*[![:space:]]}"}
	printf '%s' "$s"
}

# absolute reports whether a path is.
absolute() {
	case $1 in
	/* | \\* | [A-Za-z]:[/\\]*) return 0 ;;
	esac
	return 1
}

# here makes a path one that nothing takes for a flag or for a name.
here() {
	if absolute "$1"; then printf '%s' "$1"; else printf './%s' "${1#./}"; fi
}

# sha256 prints the sum of a file.
sha256() {
	if command -v sha256sum >/dev/null 2>&1; then
		sha256sum <"$1" | cut -c 1-64
	else
		shasum -a 256 <"$1" | cut -c 1-64
	fi
}

# quiet runs a command whose output is shown, but can't give commands to the
# runner.
quiet() {
	local token status=0
	token=$(random)
	printf '::stop-commands::%s\n' "$token"
	"$@" || status=$?
	printf '\n::%s::\n' "$token"
	return "$status"
}
