"""pandas_groups.py REGROUP - groups, sorted orders and joins are those of pandas.

Makes random tables: keys of each type, one to three of them, few and many groups, skewed ones, NaN
keys and values. Each is worked on by the program REGROUP and by pandas, and all results have to be
the same: sums, means and variances but for rounding, all others exactly. Skipped where no Python
has pandas.
"""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the checkout may belong to somebody else

import modules

pandas = modules.load("pandas", "pandas", "python3-pandas")
numpy = modules.load("numpy", "NumPy", "python3-numpy")

DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "b1", "S5", "S12"]
NEAR = {"sum", "mean", "var", "median"}
AGGREGATES = ["size", "count", "sum", "mean", "min", "max", "var", "first", "last", "median"]


def random_column(random, dtype, rows, values):
    """A column of so many values at most, of which one has half of the rows at times."""
    numbers = random.randint(0, values, rows)
    if random.randint(2):
        numbers[random.random_sample(rows) < 0.5] = values // 2
    if dtype.startswith("S"):
        return numpy.char.mod(b"x%d", numbers).astype(dtype)
    if dtype == "b1":
        return numbers % 2 == 0
    if dtype.startswith("f"):
        found = (numbers / 8 - 3).astype(dtype)
        found[random.random_sample(rows) < 0.1] = numpy.nan
        found[random.random_sample(rows) < 0.1] = -0.0
        return found
    limits = numpy.iinfo(dtype)
    spread = numbers if random.randint(2) else numbers * 48271
    return (spread % (int(limits.max) + 1) - (spread % 7 if limits.min < 0 else 0)).astype(dtype)


def expect(what, found, wanted, near=False):
    if near:
        same = numpy.allclose(found, wanted, rtol=1e-9, atol=1e-9, equal_nan=True)
    elif wanted.dtype.kind == "f":
        same = numpy.array_equal(found, wanted, equal_nan=True)
    else:
        same = numpy.array_equal(found, wanted)
    if found.shape != wanted.shape or not same:
        sys.exit("%s: %s, not %s" % (what, found, wanted))


def check_groups(load, table, names, first, nan):
    grouped = table.groupby(names, sort=not first, dropna=not nan, observed=True)
    # pandas' variances are less exact than these where numbers are near each other.
    for name in AGGREGATES:
        wanted = grouped.size() if name == "size" else getattr(grouped["value"], name)()
        found = load(name)
        if name == "sum" and not len(found):
            continue
        expect(name, found, wanted.to_numpy(), name in NEAR)
    keys = grouped.size().reset_index()
    for k, name in enumerate(names):
        expect("label%d" % k, load("label%d" % k), keys[name].to_numpy().astype(table[name].dtype))


def check_order(load, table, names):
    wanted = table.reset_index().sort_values(names + ["index"], kind="stable").index.to_numpy()
    expect("order", load("order"), wanted)


def check_joins(load, left, right, names, nan):
    left, right = left[names].copy(), right[names].copy()
    left["left"], right["right"] = range(len(left)), range(len(right))
    kept = right if nan else right.dropna(subset=names)
    for how in ("inner", "left"):
        pairs = left.merge(kept, on=names, how=how).sort_values(["left", "right"])
        expect(how + " left", load(how + "_left"), pairs["left"].to_numpy())
        expect(how + " right", load(how + "_right"), pairs["right"].fillna(-1).to_numpy().astype("i8"))


def check_table(program, random, rows, folder):
    count = random.randint(1, 4)
    dtypes = [DTYPES[random.randint(len(DTYPES))] for _ in range(count)]
    values = random.choice([1, 3, 30, 1000, 100000])
    columns = [random_column(random, dtype, rows, values) for dtype in dtypes]
    others = [random_column(random, dtype, rows // 3, values) for dtype in dtypes]
    first, nan = bool(random.randint(2)), bool(random.randint(2))
    value = random.standard_normal(rows) * 1000
    value[random.random_sample(rows) < 0.1] = numpy.nan
    for k in range(count):
        numpy.save(os.path.join(folder, "key%d.npy" % k), columns[k])
        numpy.save(os.path.join(folder, "right%d.npy" % k), others[k])
    numpy.save(os.path.join(folder, "value.npy"), value)
    # Many rows of few keys have more pairs than a test has time for.
    joins = rows < 1000
    words = [program, folder, str(count)] + ["first"] * first + ["nan"] * nan + ["join"] * joins
    run = subprocess.run(words, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit("%s %d rows: %s" % (dtypes, rows, run.stderr))

    def load(name):
        return numpy.load(os.path.join(folder, name + ".npy"))

    names = ["k%d" % k for k in range(count)]
    table = pandas.DataFrame(dict(zip(names, columns), value=value))
    other = pandas.DataFrame(dict(zip(names, others)))
    try:
        check_groups(load, table, names, first, nan)
        check_order(load, table, names)
        if joins:
            check_joins(load, table, other, names, nan)
    except SystemExit as reason:
        sys.exit("%s, %d rows, %d values, first %s, nan %s: %s" % (dtypes, rows, values, first, nan, reason))


def main():
    random = numpy.random.RandomState(1)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(120):
            check_table(sys.argv[1], random, random.randint(1, 800) if number < 110 else 100000, folder)
    print("120 tables are grouped, sorted and joined as by pandas")


main()
