#!/bin/sh
# ranges.sh PROGRAM PYTHON - every range has the sum that a loop elsewhere gives; nothing is
# skipped, nothing counted twice.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
samples = [i * i % 9973 for i in range(483931)]
print("range  begin     end   count         sum")
for i, begin in enumerate(range(0, len(samples), 60000)):
    part = samples[begin : begin + 60000]
    print("%5d %6d %7d %7d %11d" % (i, begin, begin + len(part), len(part), sum(part)))
print("total %6d %7d %7d %11d" % (0, len(samples), len(samples), sum(samples)))
print("skipped: 0, visited twice: 0, sum of a plain loop: %d" % sum(samples))
END
grep -q '^    8 480000  483931    3931 ' "$folder/wanted" || fail "the last range is not the uneven one"
expect_by_workers
finish
