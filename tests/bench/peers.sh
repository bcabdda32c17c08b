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
	*) answer=$("$program" nonsense 2 1 1 1) || answer="exit status $?" ;;
	esac
	if [ "$answer" != "fail $program does not know the case nonsense" ]; then
		echo "FAILED: $program: $answer"
		failed=$((failed + 1))
	fi
done
exit $((failed > 0))
