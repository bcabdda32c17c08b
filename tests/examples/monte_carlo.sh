#!/bin/sh
# monte_carlo.sh PROGRAM PYTHON - the same digits for any number of workers and under kills, near
# the exact price.
. "$(dirname "$0")/expect.sh"

run_well --workers 1
cp "$folder/out" "$folder/wanted"
expect --workers 2
expect --workers 7
expect --workers 2 --kills
"$python" - "$folder/wanted" <<'END' || fail "far from the exact price: $(cat "$folder/wanted")"
import sys

with open(sys.argv[1], encoding="ascii") as lines:
    found, exact = (float(line.split(":")[1]) for line in lines)
# The standard error of two million paths is 0.009.
sys.exit(abs(found - exact) > 0.04)
END
finish
