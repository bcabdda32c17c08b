#!/bin/sh
# grid_loop.sh PROGRAM PYTHON - each result stands in the row and the column of its two parameters.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
from decimal import Decimal

years = (1, 2, 5, 10, 20, 50)
print("    rate" + "".join(" %6d y" % y for y in years))
for rate in ("0.5", "1.0", "2.0", "3.5", "5.0"):
    print("%6s %%" % rate + "".join(" %8.2f" % (1000 * (1 + Decimal(rate) / 100) ** y) for y in years))
END
expect_by_workers
finish
