#!/bin/sh
# factorials.sh PROGRAM PYTHON - 1! to 100! in order, in all digits, by no more processes than there
# are workers.
. "$(dirname "$0")/expect.sh"

"$python" -c 'import math; [print("%d! = %d" % (n, math.factorial(n))) for n in range(1, 101)]' >"$folder/wanted" ||
	fail "python: exit status $?"
for workers in 1 2 5; do
	run_well --workers $workers
	sed 's/ (pid [1-9][0-9]*)$//' "$folder/out" >"$folder/digits"
	cmp -s "$folder/wanted" "$folder/digits" || fail "--workers $workers: $(diff "$folder/wanted" "$folder/digits")"
	pids=$(sed -n 's/.* (pid \([1-9][0-9]*\))$/\1/p' "$folder/out")
	[ "$(echo "$pids" | wc -l)" -eq 100 ] || fail "--workers $workers: a line has no pid"
	[ "$(echo "$pids" | sort -u | wc -l)" -le $workers ] || fail "--workers $workers: more pids than workers"
done
finish
