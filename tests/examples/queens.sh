#!/bin/sh
# queens.sh PROGRAM PYTHON - as many solutions for each first column as a search elsewhere finds,
# wherever the tasks end.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
import itertools

size = 9
found = [0] * size
for columns in itertools.permutations(range(size)):
    if len({c + r for r, c in enumerate(columns)}) == size == len({c - r for r, c in enumerate(columns)}):
        found[columns[0]] += 1
for column, count in enumerate(found, 1):
    print("first queen in column %2d: %d" % (column, count))
print("%d queens: %d solutions" % (size, sum(found)))
END
grep -qx '9 queens: 352 solutions' "$folder/wanted" || fail "the search elsewhere is wrong"
for workers in 1 2 5; do
	expect --size 9 --workers $workers
done
expect --size 9 --rows 1
expect --size 9 --rows 9
printf 'first queen in column  1: 1\n1 queens: 1 solutions\n' >"$folder/wanted"
expect --size 1
finish
