#!/bin/sh
# resume.sh PROGRAM PYTHON - a job that is killed several times goes on, with another number of
# workers each time, and ends with the same bytes as one that is not; these are the commands of
# docs/howto/resume-after-a-power-cut.md.
. "$(dirname "$0")/expect.sh"

"$python" - "$folder/right" <<'END' || fail "python: exit status $?"
import array, sys
top = 500000
sieve = bytearray([1]) * top
sieve[0:2] = b"\0\0"
for d in range(2, 708):
    if sieve[d]:
        sieve[d * d :: d] = bytes(len(range(d * d, top, d)))
array.array("Q", [sum(sieve[i : i + 1000]) for i in range(0, top, 1000)]).tofile(open(sys.argv[1], "wb"))
END

journal=$folder/job.journal
out=$folder/job.out
before=0
for die in 100 99 250 499; do
	# A shell tells of a program that was killed by 128 and the signal; so do emulators.
	run --workers $((die % 3 + 1)) --die $die --journal "$journal" --out "$out"
	[ $status -eq 137 ] || [ $status -eq 0 ] || fail "--die $die: exit status $status"
	[ $die -ne 100 ] || [ $status -eq 137 ] || fail "the first run was not killed"
	[ $status -eq 137 ] && [ -e "$out" ] && fail "--die $die: there is an output"
	now=$(sed -n 's/^\([0-9]*\) of 500 ranges were done$/\1/p' "$folder/out")
	[ "$now" -ge $before ] || fail "--die $die: $now ranges were done, and $before before"
	before=$now
done
run_well --workers 2 --journal "$journal" --out "$out"
grep -q '^41538 primes below 500000$' "$folder/out" || fail "the output is $(cat "$folder/out")"
cmp -s "$folder/right" "$out" || fail "the output has other bytes than that of a sieve"

# Nothing is left to do; and without a kill it is the same.
run_well --journal "$journal" --out "$out"
grep -q '^500 of 500 ranges were done$' "$folder/out" || fail "the output is $(cat "$folder/out")"
run_well --workers 3 --journal "$folder/other.journal" --out "$folder/other.out"
cmp -s "$folder/right" "$folder/other.out" || fail "without a kill the bytes are others"

# What a power cut may leave: an end that is torn, or zeros.
for damage in cut zeros; do
	"$python" - "$journal" "$damage" <<'END' || fail "python: exit status $?"
import os, sys
size = os.path.getsize(sys.argv[1])
with open(sys.argv[1], "r+b") as file:
    if sys.argv[2] == "cut":
        file.truncate(size - size // 3 - 5)
    else:
        file.seek(size - size // 3)
        file.write(bytes(size // 3))
END
	run_well --journal "$journal" --out "$out"
	cmp -s "$folder/right" "$out" || fail "$damage: other bytes"
done

# A file that is no journal stays as it is.
echo "a letter" >"$folder/letter"
expect_error "is no journal" --journal "$folder/letter" --out "$out"
[ "$(cat "$folder/letter")" = "a letter" ] || fail "a file that is no journal was changed"
finish
