#!/bin/sh
# fetch_pages.sh PROGRAM PYTHON - every page is fetched, and they come in order, with any number of
# workers of each kind. How long that takes is not judged here.
. "$(dirname "$0")/expect.sh"

# expect_rows PAGES WORKERS... - the rows that were printed are for these workers, and have the sum.
expect_rows() {
	"$python" - "$folder/out" "$@" <<'END' || fail "$*: $(cat "$folder/out")"
import sys

pages, workers = int(sys.argv[2]), [int(word) for word in sys.argv[3:]]
total = 14695981039346656037
for page in range(pages):
    for line in range(page % 7 + 1):
        for byte in ("page %d, line %d\n" % (page, line)).encode():
            total = (total ^ byte) * 1099511628211 % 2**64
lines = open(sys.argv[1]).read().splitlines()
assert lines[:2] == ["%d pages, 50 ms each" % pages, ""], lines
rows = [line.split() for line in lines[3:]]
assert [int(row[0]) for row in rows] == workers, "rows for other workers"
assert all(row[3] == "%016x" % total for row in rows), "another sum than %016x" % total
assert rows[0][2] == "1.0", "the first row is what others are compared with"
END
}

run_well --pages 20
expect_rows 20 1 4 10 50 100
run_well --pages 120 --workers 30 --processes
expect_rows 120 30
SHEAF_BACKEND=inline
export SHEAF_BACKEND
run_well --pages 5 --workers 3
expect_rows 5 3
unset SHEAF_BACKEND
expect_error "--pages 0: give a whole number from 1 to 100000" --pages 0
finish
