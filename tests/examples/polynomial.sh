#!/bin/sh
# polynomial.sh PROGRAM PYTHON - the values of 2 x^3 - 3 x^2 + 5.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
for x in range(-2, 6):
    print("p(%d) = %d" % (x, 2 * x ** 3 - 3 * x ** 2 + 5))
END
expect_by_workers
finish
