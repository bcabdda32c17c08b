"""numpy_files.py RESAVE - NumPy reads what Sheaf writes, and Sheaf what NumPy writes.

Makes some 280 files by NumPy: each dtype in both byte orders, shapes from none to eight dimensions,
empty ones, C and Fortran order, records, versions 1.0 to 3.0. Each is loaded and saved by the
program RESAVE, and what NumPy then maps has to be the same array. Skipped where no Python has
NumPy.
"""
import itertools
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the checkout may belong to somebody else

import modules

numpy = modules.load("numpy", "NumPy", "python3-numpy")
npy = numpy.lib.format

DTYPES = ["|b1", "|i1", "|u1", "|S7", "|V5"] + [order + kind for order in "<>"
                                               for kind in ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")]
SHAPES = [(), (0,), (1,), (17,), (0, 3), (3, 0, 2), (5, 7), (2, 3, 4), (2, 1, 3, 1, 2), (1, 2, 1, 2, 1, 2, 1, 2)]
RECORDS = [[("a", "<i4"), ("b", "<f8")], [("x", "<f4", (2, 3)), ("y", "|S3")], [("n", [("p", "<u2"), ("q", "<f8")])]]


def array_of(dtype, shape, order):
    random = numpy.random.RandomState(len(shape) * 100 + sum(shape))
    size = numpy.dtype(dtype).itemsize * int(numpy.prod(shape, dtype=int))
    flat = numpy.frombuffer(random.bytes(size), dtype=dtype) if size else numpy.empty(0, dtype)
    if numpy.dtype(dtype).kind == "b":
        flat = (numpy.frombuffer(random.bytes(size), "u1") % 2).astype(bool) if size else flat
    return numpy.asarray(flat.reshape(shape), order=order)


def resave(program, folder, array, how, version=None):
    source, target = os.path.join(folder, "from.npy"), os.path.join(folder, "to.npy")
    with open(source, "wb") as file:
        npy.write_array(file, array, version=version)
    run = subprocess.run([program, source, target] + ([how] if how else []), stderr=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit("%s %s %s: %s" % (array.dtype, array.shape, how, run.stderr))
    return numpy.load(target, mmap_mode="r") if array.size and array.shape else numpy.load(target)


def check(program, folder, array, how, version=None):
    found, wanted = resave(program, folder, array, how, version), array.T if how else array
    dtype = numpy.dtype("V%d" % array.dtype.itemsize) if array.dtype.names else array.dtype.newbyteorder("=")
    if found.dtype != dtype or found.shape != wanted.shape:
        sys.exit("%s %s %s: %s %s" % (array.dtype, array.shape, how, found.dtype, found.shape))
    # By bytes, as a NaN differs from itself.
    same = wanted.tobytes() if array.dtype.names else wanted.astype(dtype).tobytes()
    if found.tobytes() != same:
        sys.exit("%s %s %s: other items" % (array.dtype, array.shape, how))
    if how == "copied" and not found.flags.c_contiguous:
        sys.exit("%s %s: a copy is not in C order" % (array.dtype, array.shape))


def main():
    count = 0
    hows = itertools.cycle(["", "transposed", "copied"])
    orders = itertools.cycle("CFCCF")
    with tempfile.TemporaryDirectory(prefix="sheaf-numpy.") as folder:
        for dtype, shape in itertools.product(DTYPES, SHAPES):
            check(sys.argv[1], folder, array_of(dtype, shape, next(orders)), next(hows))
            count += 1
        for fields, version in itertools.product(RECORDS, [(1, 0), (2, 0), (3, 0)]):
            check(sys.argv[1], folder, array_of(fields, (9,), "C"), "", version)
            count += 1
    print("%d files" % count)


main()
