#!/bin/sh
# cluster_factorials.sh PROGRAM PYTHON KIND MPIRUN - 1! to 200! in order, in all digits, by any
# number of ranks.
. "$(dirname "$0")/expect.sh"
. "$(dirname "$0")/cluster.sh"

"$python" -c 'import math; [print("%d! = %d" % (n, math.factorial(n))) for n in range(1, 201)]' >"$folder/wanted" ||
	fail "python: exit status $?"
for ranks in 0 1 2 3; do
	run_ranks $ranks --workers 2
	cmp -s "$folder/wanted" "$folder/out" || fail "$ranks ranks: $(diff "$folder/wanted" "$folder/out")"
done
finish
