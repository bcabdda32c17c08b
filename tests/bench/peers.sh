#!/bin/sh
# peers.sh PYTHON PROGRAM... - each program of a peer says that it does not know a case, in words
# that sheaf-bench reports.
set -eu

python=$1
shift
failed=0

for program; do
	case $program in
	*/measure | */report.py) continue ;; # what lies beside the peers
	*.py) answer=$("$python" -I "$program" nonsense 2 1 1 1) || answer="exit status $?" ;;
	*.R | *.mjs)
		language=Rscript
		case $program in *.mjs) language=node ;; esac
		command -v $language >/dev/null || continue # as sheaf-bench does
		answer=$($language "$program" nonsense 2 1 1 1) || answer="exit status $?"
		;;
	*) answer=$("$program" nonsense 2 1 1 1) || answer="exit status $?" ;;
	esac
	case $answer in
	"fail $program does not know the case nonsense" | "fail ${program##*/} does not know the case nonsense") ;;
	"skip "*) ;; # what the language has not got
	*)
		echo "FAILED: $program: $answer"
		failed=$((failed + 1))
		;;
	esac
done
exit $((failed > 0))
