#!/bin/sh
# two_programs.sh PROGRAM PYTHON - two programs share a pool, and both run its tasks.
. "$(dirname "$0")/expect.sh"

cat >"$folder/wanted" <<-END
	the second program: the sum of 100000 numbers is 4999950000
	the first program: 400 squares are right, and the second program has run some of them
END
run
[ $status -eq 0 ] || fail "exit status $status, $(cat "$folder/err")"
sort -r "$folder/out" | cmp -s "$folder/wanted" - || fail "$(cat "$folder/out")"
finish
