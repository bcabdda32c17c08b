#!/bin/sh
# weather.sh PROGRAM PYTHON - the same file for any number of workers, and values as Python computes
# them.
. "$(dirname "$0")/expect.sh"
case $program in
/*) ;;
*) program=$PWD/$program ;;
esac
cd "$folder"

run_well --workers 1
grep -q '^20000 rows of 7 stations: celsius.csv$' out || fail "$(cat out)"
run_well --workers 3 --in measured.csv --out again.csv
cmp -s celsius.csv again.csv || fail "another file with three workers"
"$python" - <<'END' || fail "other values"
import csv
rows = list(zip(csv.reader(open("measured.csv", newline="")), csv.reader(open("celsius.csv", newline=""))))
assert len(rows) == 20001 and rows[0][0] == rows[0][1], rows[0]
for before, after in rows[1:]:
    assert before[:2] == after[:2], (before, after)
    if before[2] == "-":
        assert after[2] == "-", (before, after)
    else:
        assert float(after[2]) == (float(before[2]) - 32) * 5 / 9, (before, after)
END
printf 'station,day,degrees\nBern,1,50\nBern,2,warm\n' >wrong.csv
expect_error 'wrong.csv: line 3, column 3: "warm" is not a number' --in wrong.csv
printf 'station,degrees\nBern,50\n' >short.csv
expect_error 'wants column "day", which is not in the header' --in short.csv
expect_error 'No such file' --in none.csv
finish
