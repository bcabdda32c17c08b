#!/bin/sh
# predict_groups.sh PROGRAM PYTHON - the same files for any number of workers, what a plain serial
# program computes, what pandas and joblib compute where they are installed, each model loaded once
# by a worker at most, and models that cannot be read.
. "$(dirname "$0")/expect.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)

for workers in 1 2 7; do
	run --workers $workers --rows 20000 --folder "$folder/$workers" --tell-loads
	[ $status -eq 0 ] || fail "--workers $workers: exit status $status: $(cat "$folder/err")"
	[ "$(cat "$folder/out")" = "20000 rows of 97 sites: $folder/$workers/predicted.csv" ] || fail "$(cat "$folder/out")"
	awk -v workers=$workers '/^worker [0-9]+ loaded [0-9]+ models$/ {lines++; all += $4; if ($4 > 97) exit 1}
		END {exit !(lines == workers && NR == lines && all >= 97)}' "$folder/err" ||
		fail "--workers $workers: other loads: $(cat "$folder/err")"
	diff -r "$folder/1" "$folder/$workers" || fail "other files with $workers workers"
done

"$python" - "$folder/1" <<'END' || fail "a plain program finds other predictions"
import csv
import sys

folder = sys.argv[1]
models = {}
with open(folder + "/measured.csv", encoding="ascii", newline="") as rows, \
     open(folder + "/predicted.csv", encoding="ascii", newline="") as results:
    rows, results = list(csv.DictReader(rows)), list(csv.DictReader(results))
assert len(rows) == len(results) == 20000, (len(rows), len(results))
for number, (row, result) in enumerate(zip(rows, results)):
    site = row["site"]
    if site not in models:
        with open("%s/model-%s.txt" % (folder, site), encoding="ascii") as file:
            models[site] = [float(line) for line in file]
        assert len(models[site]) == 41, site
    weights = models[site]
    y = weights[40]
    for unit in range(8):
        sum = weights[4 * unit + 3]
        for i, name in enumerate(("flow", "heat", "load")):
            sum += weights[4 * unit + i] * float(row[name])
        y += weights[32 + unit] * (sum / (1 + abs(sum)))
    assert row["row"] == result["row"] == str(number) and result["site"] == site, (number, row, result)
    assert float(result["predicted"]) == y, (number, result, y)
assert len(models) == 97, len(models)
END

if "$python" -c 'import pandas, joblib' 2>"$folder/err"; then
	"$python" -B "$root/docs/examples/predict_groups.py" "$folder/1" || fail "pandas: exit status $?"
	"$python" - "$folder/1" <<'END' || fail "pandas predicts other values"
import sys

import pandas

mine, theirs = (pandas.read_csv("%s/%s.csv" % (sys.argv[1], name)) for name in ("predicted", "pandas"))
assert (mine["row"] == theirs["row"]).all() and (mine["site"] == theirs["site"]).all()
assert (abs(mine["predicted"] - theirs["predicted"]) < 1e-12).all()
END
else
	echo "not compared with pandas and joblib: $(tail -n 1 "$folder/err")"
fi

expect_error "none/predict: No such file" --rows 1 --folder "$folder/none/predict"
mkdir "$folder/odd" "$folder/odd/model-S05.txt"
expect_error "odd/model-S05.txt: Is a directory" --rows 1 --folder "$folder/odd"
finish
