"""csv_files.py RECSV - Sheaf reads the CSV that others write, and others what Sheaf writes.

Makes some 200 files by Python's csv module, pandas, data.table of R and csvkit: with and without
quotes, with other separators, decimal marks and line ends, with line ends in quotes, missing
values, and numbers of all lengths. Each is loaded and saved by the program RECSV. Python's csv
module reads the file and the copy, and each field has to be the same. What is not installed here is
left out, but for the csv module.
"""
import csv
import io
import itertools
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the checkout may belong to somebody else

import modules

pandas = modules.load_or_none("pandas")

FWRITE = ('suppressMessages(library(data.table)); for (i in 1:20) { d <- data.table(i = seq_len(500) * i, x = rnorm(500) * 10^(i - 10), '
          't = sample(c("a", "b,c", "d \\"e\\"", NA, "f\\ng"), 500, TRUE), l = sample(c(TRUE, FALSE, NA), 500, TRUE)); '
          'fwrite(d, file.path(commandArgs(TRUE), paste0("fwrite", i, ".csv")), quote = if (i %% 2) "auto" else TRUE); '
          'write.csv(d, file.path(commandArgs(TRUE), paste0("write", i, ".csv")), row.names = FALSE) }')


def text(rng):
    return "".join(rng.choice(["a", "bc", " ", ",", ";", '"', "\n", "\r\n", "é", "0", "x"]) for _ in range(rng.randrange(6)))


def number(rng, decimal):
    kind = rng.randrange(5)
    if kind == 0:
        return str(rng.randrange(-2**63, 2**63))
    if kind == 1:
        value = struct.unpack("d", rng.getrandbits(64).to_bytes(8, "little"))[0]
        return ("%.17g" % (value if value == value else 0)).replace(".", decimal)
    if kind == 2:
        return ("%.*f" % (rng.randrange(12), rng.uniform(-1e6, 1e6))).replace(".", decimal)
    return rng.choice(["NA", "", "0", "-0", "1e5", "+7", "inf"])


def write_by_csv(folder, rng):
    quotings = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL]
    for i, (separator, quoting, end, rows) in enumerate(itertools.product(",;\t|", quotings, ["\n", "\r\n"], [0, 1, 7, 200, 9000])):
        decimal = "," if separator == ";" else "."
        kinds = [rng.randrange(3) for _ in range(rng.randrange(1, 7))]
        name = os.path.join(folder, "csv%d.csv" % i)
        with open(name, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end)
            writer.writerow(["name %d" % k for k in range(len(kinds))])
            for _ in range(rows):
                writer.writerow([text(rng) if kind == 0 else number(rng, decimal) if kind == 1 else rng.randrange(1000) for kind in kinds])
        yield name, separator, decimal


def write_by_pandas(folder, rng):
    for i in range(80):
        n = rng.choice([1, 10, 3000])
        frame = pandas.DataFrame({"i": [rng.randrange(-10**9, 10**9) for _ in range(n)],
                                  "x": [rng.gauss(0, 10.0 ** rng.randrange(-30, 30)) for _ in range(n)],
                                  "m": [rng.choice([None, 1.5, 2.25]) for _ in range(n)],
                                  "t": [text(rng) or None for _ in range(n)],
                                  "b": [rng.random() < 0.5 for _ in range(n)]})
        name = os.path.join(folder, "pandas%d.csv" % i)
        frame.to_csv(name, index=bool(i % 2), quoting=csv.QUOTE_NONNUMERIC if i % 3 else csv.QUOTE_MINIMAL, na_rep="NA" if i % 4 else "")
        yield name, ",", "."


def write_by_r(folder):
    run = subprocess.run(["Rscript", "-e", FWRITE, folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for i in range(1, 21 if run.returncode == 0 else 1):
        yield os.path.join(folder, "fwrite%d.csv" % i), ",", "."
        yield os.path.join(folder, "write%d.csv" % i), ",", "."


def write_by_csvkit(folder, files):
    for i, (name, separator, decimal) in enumerate(files[:20]):
        made = os.path.join(folder, "csvkit%d.csv" % i)
        with open(made, "wb") as file:
            if subprocess.run(["csvformat", "-d", separator, "-U", "1", name], stdout=file, stderr=subprocess.DEVNULL).returncode == 0:
                yield made, ",", decimal


def read(name, separator):
    with open(name, newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(io.StringIO(file.read(), newline=""), delimiter=separator) if row]


def same(a, b, decimal):
    a, b = ("" if value == "NA" else value for value in (a, b))
    if a == b or a.strip(" ") == b:
        return True
    try:
        return float(a.replace(decimal, ".")) == float(b.replace(decimal, "."))
    except ValueError:
        return False


def check(program, name, separator, decimal, codes):
    copy = name + ".copy"
    run = subprocess.run([program, name, copy, separator, decimal] + (["codes"] if codes else []), stderr=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit("%s: %s" % (name, run.stderr))
    wanted, found = read(name, separator), read(copy, separator)
    # A row of one empty field is a blank line to us where it has no quotes.
    if wanted and len(wanted[0]) == 1:
        wanted, found = ([row for row in rows if row[0].strip(" \t") not in ("", "NA")] for rows in (wanted, found))
    if len(wanted) != len(found):
        sys.exit("%s: %d rows instead of %d" % (name, len(found), len(wanted)))
    for number_of_row, (a, b) in enumerate(zip(wanted, found)):
        # A column without a name gets one.
        for x, y in zip(a, b):
            if not same(x, y, decimal) and not (number_of_row == 0 and x == ""):
                sys.exit("%s: row %d: %r instead of %r" % (name, number_of_row, y, x))
        if len(a) != len(b):
            sys.exit("%s: row %d has %d fields instead of %d" % (name, number_of_row, len(b), len(a)))


def main():
    rng = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="sheaf-csv.") as folder:
        files = list(write_by_csv(folder, rng))
        files += write_by_pandas(folder, rng) if pandas else []
        files += write_by_r(folder) if shutil.which("Rscript") else []
        files += write_by_csvkit(folder, files) if shutil.which("csvformat") else []
        for i, file in enumerate(files):
            check(sys.argv[1], *file, i % 2)
    print("%d files" % len(files))


main()
