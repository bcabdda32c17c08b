"""preprocess_table.py IN OUT - what preprocess_table.c does, with pandas."""
import sys

import pandas

LEAST = 30


def prepare(rows):
    if rows["value"].count() < LEAST:
        return None
    rows = rows.set_index("time")
    value = rows["value"].interpolate("index", limit_direction="both")
    scaled = (value - value.mean()) / value.std()
    prepared = pandas.DataFrame({"sensor": rows["sensor"], "value": value, "scaled": scaled})
    return prepared[abs(scaled) <= 2.5].reset_index()


def main():
    table = pandas.read_csv(sys.argv[1])
    parts = table.groupby("sensor", sort=False, group_keys=False).apply(prepare)
    prepared = parts.reset_index(drop=True)
    prepared[["sensor", "time", "value", "scaled"]].to_csv(sys.argv[2], index=False)


if __name__ == "__main__":
    main()
