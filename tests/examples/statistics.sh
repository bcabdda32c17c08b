#!/bin/sh
# statistics.sh PROGRAM PYTHON - the same digits for any number of workers, and those of a normal
# distribution.
. "$(dirname "$0")/expect.sh"

run_well --workers 1
cp "$folder/out" "$folder/wanted"
expect --workers 2
expect --workers 5
"$python" - "$folder/wanted" <<'END' || fail "not normal: $(cat "$folder/wanted")"
import math
import sys

with open(sys.argv[1], encoding="ascii") as lines:
    rows = [line.replace(":", "").split() for line in lines]
found = {row[0]: float(row[1]) for row in rows[:5]}
counts = [int(row[2]) for row in rows[5:]]
assert sum(counts) == 1000000
assert abs(found["sum"] / 1e6 - found["mean"]) < 1e-15
assert abs(found["mean"]) < 6e-3 and abs(found["variance"] - 1) < 9e-3
assert -6.5 < found["least"] < -4 and 4 < found["largest"] < 6.5
for bin, count in enumerate(counts[1:-1], -3):
    share = (math.erf((bin + 1) / math.sqrt(2)) - math.erf(bin / math.sqrt(2))) / 2
    assert abs(count - 1e6 * share) < 6 * math.sqrt(1e6 * share), (bin, count)
END
finish
