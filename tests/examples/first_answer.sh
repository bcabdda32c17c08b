#!/bin/sh
# first_answer.sh PROGRAM PYTHON - the factors are those of the number, and there is a result for
# each range, though most were not searched.
. "$(dirname "$0")/expect.sh"

"$python" -c 'p, q = 10000019, 1799999999977; print(p * q, "=", p, "x", q)' >"$folder/wanted" || fail "python: exit status $?"
echo "4243 results: some ranges were never searched" >>"$folder/wanted"
expect --workers 1
expect --workers 2
expect --workers 7
finish
