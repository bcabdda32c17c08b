#!/bin/sh
# preprocess_table.sh PROGRAM PYTHON - the same files for any number of workers, what a plain serial
# program computes, what pandas computes where it is installed, and files that cannot be read.
. "$(dirname "$0")/expect.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
case $program in
/*) ;;
*) program=$PWD/$program ;;
esac
cd "$folder"

run_well --workers 1 --rows 20000
mv measurements.csv one.csv
for workers in 2 7; do
	run_well --workers $workers --rows 20000 --out $workers.csv
	cmp measurements.csv one.csv || fail "other measurements with $workers workers"
	cmp prepared.csv $workers.csv || fail "other rows with $workers workers"
done

"$python" - <<'END' || fail "a plain program prepares other rows"
import csv
import math

sensors, wanted = {}, []
with open("one.csv", encoding="ascii", newline="") as file:
    rows = list(csv.reader(file))
assert rows[0] == ["time", "sensor", "value"] and len(rows) == 20001, (rows[0], len(rows))
for time, sensor, value in rows[1:]:
    sensors.setdefault(sensor, []).append((int(time), float(value) if value else None))
for sensor, series in sensors.items():
    known = [i for i, (_, value) in enumerate(series) if value is not None]
    if len(known) < 30:
        continue
    values = []
    for i, (time, value) in enumerate(series):
        before = max((k for k in known if k <= i), default=None)
        behind = min((k for k in known if k >= i), default=None)
        if value is None and before is None:
            value = series[behind][1]
        elif value is None and behind is None:
            value = series[before][1]
        elif value is None:
            (t0, x0), (t1, x1) = series[before], series[behind]
            value = x0 + ((time - t0) / (t1 - t0) if t1 > t0 else 0.0) * (x1 - x0)
        values.append(value)
    mean = square = 0.0
    for value in values:
        mean += value
    mean /= len(values)
    for value in values:
        square += (value - mean) * (value - mean)
    deviation = math.sqrt(square / (len(values) - 1))
    for (time, _), value in zip(series, values):
        scaled = (value - mean) / deviation
        if abs(scaled) <= 2.5:
            wanted.append((sensor, str(time), value, scaled))
with open("prepared.csv", encoding="ascii", newline="") as file:
    rows = list(csv.reader(file))
assert rows[0] == ["sensor", "time", "value", "scaled"] and len(rows) - 1 == len(wanted), (rows[0], len(rows), len(wanted))
for row, (sensor, time, value, scaled) in zip(rows[1:], wanted):
    assert row[:2] == [sensor, time] and float(row[2]) == value and float(row[3]) == scaled, (row, value, scaled)
assert len({row[0] for row in rows[1:]}) < len(sensors), "no sensor was left out"
with open("out", encoding="ascii") as file:
    said = file.read()
assert said == "20000 rows of %d sensors, %d rows prepared: 7.csv\n" % (len(sensors), len(wanted)), said
END

if "$python" -c 'import pandas' 2>err; then
	"$python" -B "$root/docs/examples/preprocess_table.py" one.csv pandas.csv || fail "pandas: exit status $?"
	"$python" - <<'END' || fail "pandas prepares other rows"
import pandas

mine, theirs = pandas.read_csv("prepared.csv"), pandas.read_csv("pandas.csv")
assert (mine["sensor"] == theirs["sensor"]).all() and (mine["time"] == theirs["time"]).all()
assert (abs(mine["value"] - theirs["value"]) < 1e-9).all() and (abs(mine["scaled"] - theirs["scaled"]) < 1e-9).all()
END
else
	echo "not compared with pandas: $(tail -n 1 err)"
fi

expect_error 'No such file' --in none.csv
printf 'time,sensor,value\n1,a,high\n' >text.csv
expect_error 'text.csv' --in text.csv
printf 'time,sensor\n1,a\n' >short.csv
expect_error 'value' --in short.csv
finish
