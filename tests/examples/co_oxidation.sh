#!/bin/sh
# co_oxidation.sh PROGRAM PYTHON - every grid point is the steady state that another integration
# reaches; the pictures show it.
. "$(dirname "$0")/expect.sh"

run_well --csv --size 7 --workers 1
mv "$folder/out" "$folder/wanted"
for workers in 2 5; do
	expect --csv --size 7 --workers $workers
done
"$python" "$(dirname "$0")/co_oxidation.py" csv 7 "$folder/wanted" || fail "the numbers of --csv"

# Without --csv a picture is printed: 8 lines of 16 characters between the bars, and what they mean.
run_well --size 8 --workers 2
[ "$(grep -c '^ [01]\.[0-9][0-9] |................|$' "$folder/out")" -eq 8 ] || fail "the printed map: $(cat "$folder/out")"
grep -q '^shades' "$folder/out" || fail "the printed map does not explain its shades"

run_well --size 7 --svg "$folder/map.svg" --workers 2
[ ! -s "$folder/out" ] || fail "--svg: stdout: $(cat "$folder/out")"
"$python" "$(dirname "$0")/co_oxidation.py" svg 7 "$folder/wanted" "$folder/map.svg" || fail "the picture of --svg"

# A point that does not settle fails alone: it has its message, the others have their numbers.
run --csv --size 3 --max-steps 200
[ $status -eq 1 ] || fail "--max-steps 200: exit status $status instead of 1"
grep -q 'position 0 failed: .*not settled after 200 steps' "$folder/err" || fail "--max-steps 200: $(cat "$folder/err")"
grep -q '^0.5,0.5,nan,nan,nan$' "$folder/out" || fail "--max-steps 200: no line for a failed point"
grep -q '^0.166666666667,0.833333333333,0\.942021138' "$folder/out" || fail "--max-steps 200: no line for a good point"
[ "$(wc -l <"$folder/out")" -eq 10 ] || fail "--max-steps 200: lines are missing"

expect_error "--size 0: give a whole number from 1 to 500" --size 0
expect_error "--svg $folder/no/map.svg: No such file or directory" --size 2 --svg "$folder/no/map.svg"
finish
