#!/bin/sh
# gcd.sh PROGRAM PYTHON - each printed pair has the greatest common divisor that is printed beside
# it.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
import math

pairs = ((12, 18), (17, 5), (0, 9), (0, 0), (1071, 462), (123456789, 987654321), (2971215073, 4807526976),
         (6469693230, 7420738134810), (2**64 - 1, 2 * (2**64 - 1) // 3))
for a, b in pairs:
    print("gcd(%d, %d) = %d" % (a, b, math.gcd(a, b)))
END
expect_by_workers
finish
