"""memmap.py - joblib.Parallel over arrays in files. memmap.c does the same with Sheaf."""
import os
import tempfile

import numpy
from joblib import Parallel, delayed

ROWS, COLUMNS, BLOCK = 1000, 500, 50


def scale(x, y, begin):
    for row in range(begin, begin + BLOCK):
        y[row] = x[row] / x[row].max()


def main():
    folder = tempfile.mkdtemp()
    raw, scaled = os.path.join(folder, "raw.npy"), os.path.join(folder, "scaled.npy")
    numpy.save(raw, numpy.add.outer(numpy.arange(ROWS, dtype=float), numpy.arange(1, COLUMNS + 1, dtype=float)))

    x = numpy.load(raw, mmap_mode="r")
    y = numpy.lib.format.open_memmap(scaled, mode="w+", dtype=x.dtype, shape=x.shape)
    Parallel(n_jobs=2)(delayed(scale)(x, y, begin) for begin in range(0, ROWS, BLOCK))
    y.flush()

    y = numpy.load(scaled)
    print(f"{y[0, 0]:.6f} {y[ROWS - 1, 0]:.6f} {y[ROWS - 1, COLUMNS - 1]:.6f}")
    os.remove(raw)
    os.remove(scaled)
    os.rmdir(folder)


if __name__ == "__main__":
    main()
