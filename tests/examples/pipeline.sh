#!/bin/sh
# pipeline.sh PROGRAM PYTHON - the sum of a text's numbers, for any window and number of workers.
. "$(dirname "$0")/expect.sh"

"$python" - "$folder/text" "$folder/wanted" <<'END' || fail "python: exit status $?"
import sys

with open(sys.argv[1], "w", encoding="ascii") as text:
    for i in range(120000):
        text.write("%d %s\tx%d\n" % (i * 7919 % 1000003, "%d.5" % (i % 977), i))
total = sum(i * 7919 % 1000003 + i % 977 + 0.5 for i in range(120000))
with open(sys.argv[2], "w", encoding="ascii") as wanted:
    wanted.write("240000 numbers, sum %.17g\n" % total)
END
for options in "--workers 1" "--workers 2" "--workers 3 --window 1" "--workers 2 --window 1000"; do
	# shellcheck disable=SC2086
	run $options <"$folder/text"
	[ $status -eq 0 ] || fail "$options: exit status $status, $(cat "$folder/err")"
	sed 's/ in [0-9]* blocks//' "$folder/out" >"$folder/found"
	cmp -s "$folder/wanted" "$folder/found" || fail "$options: $(diff "$folder/wanted" "$folder/found")"
done
run </dev/null
[ $status -eq 0 ] || fail "no input: exit status $status"
grep -q "^0 numbers in 0 blocks, sum 0$" "$folder/out" || fail "no input: $(cat "$folder/out")"
finish
