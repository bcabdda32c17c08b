"""arrays.py - joblib.Parallel with a large array. arrays.c does the same with Sheaf."""
import numpy
from joblib import Parallel, delayed

ROWS, COLUMNS = 1000, 2000


def add_up(x, row):
    return x[row].sum()


def main():
    x = numpy.add.outer(numpy.arange(ROWS, dtype=float), numpy.arange(COLUMNS, dtype=float))
    sums = Parallel(n_jobs=-1)(delayed(add_up)(x, row) for row in range(ROWS))
    print(f"{sums[0]:.0f} {sums[-1]:.0f}")


if __name__ == "__main__":
    main()
