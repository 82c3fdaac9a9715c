#!/usr/bin/env bash
# The verdict: the only step that fails for what was found.
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lib.sh"

code=${EXIT_CODE-}
[[ $code =~ ^[0-9]{1,3}$ ]] || code=2
[ "$code" -le 255 ] || code=2
found=${NEW_FINDINGS:-0}
what="$found finding$([ "$found" = 1 ] || printf s)"
if [ "${FINDINGS:-$found}" != "$found" ]; then
	what="$what that count, of $FINDINGS"
fi
case ${VERDICT-} in
clean)
	if [ "$code" -eq 0 ]; then
		say "passes: $what, none that fails"
		exit 0
	fi
	;;
served) [ "$code" -ne 0 ] || exit 0 ;;
leaks) annotate error "It leaks: $what. The reports say where, and how to mend it." ;;
leaks+incomplete) annotate error "It leaks: $what; and not everything could be read. The reports say where, and how to mend it." ;;
*)
	if [ "$code" -eq 64 ]; then
		annotate error "Nothing was scanned: wrong usage, see the log."
	else
		annotate error "Not everything could be read, so nobody knows whether it is clean ($what so far). The reports list every gap."
	fi
	;;
esac
[ "$code" -ne 0 ] || code=2
exit "$code"
