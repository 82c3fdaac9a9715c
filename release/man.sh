#!/usr/bin/env bash
# Writes leakscan(1), made of what "leakscan --help" and that of each command
# say: release/man.sh LEAKSCAN VERSION DATE > leakscan.1
set -euo pipefail
bin=$1 version=$2 date=$3

# plain makes a text one that roff shows as it is.
plain() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\\([.']\\)/\\\\\\&\\1/"; }

# part writes the help of a command: its words.
part() {
	printf '.nf\n'
	"$bin" "$@" --help | plain
	printf '.fi\n'
}

printf '.TH LEAKSCAN 1 "%s" "leakscan %s" "User Commands"\n' "$date" "$version"
printf '.SH NAME\nleakscan \\- find the secrets that container images give away\n'
printf '.SH DESCRIPTION\n'
part
"$bin" --help | awk '/^Available Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' | while IFS= read -r command; do
	[ "$command" != help ] || continue
	printf '.SH "LEAKSCAN %s"\n' "$(printf %s "$command" | tr '[:lower:]' '[:upper:]')"
	part "$command"
done
