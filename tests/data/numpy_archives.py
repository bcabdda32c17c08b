"""numpy_archives.py ARCHIVE - NumPy and Sheaf read each other's archives, mapped files and rows.

Packs arrays of many dtypes and shapes by ARCHIVE, which maps them, and loads the archive by NumPy;
unpacks what NumPy has saved; appends to files of both. Skipped where no Python has NumPy.
"""
import os
import subprocess
import sys
import tempfile
import zipfile

sys.dont_write_bytecode = True  # the checkout may belong to somebody else

import modules

numpy = modules.load("numpy", "NumPy", "python3-numpy")

program = sys.argv[1]
random = numpy.random.RandomState(7)
ARRAYS = {
    "doubles": random.standard_normal((30, 4)),
    "turned": numpy.asfortranarray(random.standard_normal((5, 7, 3))),
    "halves": random.standard_normal(17).astype("f2"),
    "bytes": random.randint(-128, 128, (3, 5)).astype("i1"),
    "truth": random.randint(0, 2, 9).astype(bool),
    "complex": (random.standard_normal(6) + 1j).astype("c16"),
    "text": numpy.array([b"one", b"three", b""], dtype="S5"),
    "none": numpy.zeros((0, 4), "u2"),
    "scalar": numpy.array(2.5),
    "a name with blanks": numpy.arange(10, dtype="u8"),
}


def run(*words, fails=None):
    done = subprocess.run([program] + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if fails is None and done.returncode:
        sys.exit("%s: %s" % (words, done.stderr))
    if fails is not None and (not done.returncode or fails not in done.stderr):
        sys.exit("%s: exit code %d, and %s lacks %r" % (words, done.returncode, done.stderr, fails))
    return done.stdout


def same(found, wanted, what):
    if found.dtype != wanted.dtype or found.shape != wanted.shape or found.tobytes("A") != wanted.tobytes("A"):
        sys.exit("%s: %s %s instead of %s %s" % (what, found.dtype, found.shape, wanted.dtype, wanted.shape))


def ours(folder):
    words, path = [], os.path.join(folder, "ours.npz")
    for number, (name, array) in enumerate(ARRAYS.items()):
        file = os.path.join(folder, "%d.npy" % number)
        numpy.save(file, array)
        words += [name, file]
    run("pack", path, *words)
    if zipfile.ZipFile(path).testzip() is not None:
        sys.exit("a checksum is wrong")
    with numpy.load(path) as archive:
        if sorted(archive.files) != sorted(ARRAYS):
            sys.exit("other names: %s" % archive.files)
        for name, array in ARRAYS.items():
            same(archive[name], array, name)
    for name, array in ARRAYS.items():
        target = os.path.join(folder, "copy.npy")
        run("copy", path, name, target)
        same(numpy.load(target), array, name + ", mapped")


def theirs(folder):
    path, target = os.path.join(folder, "theirs.npz"), os.path.join(folder, "one.npy")
    numpy.savez(path, **ARRAYS)
    for name, array in ARRAYS.items():
        run("unpack", path, name, target)
        same(numpy.load(target, mmap_mode="r") if array.size and array.shape else numpy.load(target), array, name)
    names = [line.rsplit(" ", 2)[0] for line in run("list", path).splitlines()]
    if sorted(names) != sorted(ARRAYS):
        sys.exit("lists %s" % names)
    numpy.savez_compressed(path, **ARRAYS)
    run("unpack", path, "doubles", target, fails="not by savez_compressed()")
    large = os.path.join(folder, "streamed.npz")
    with zipfile.ZipFile(large, "w", allowZip64=True) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as member:
            numpy.lib.format.write_array(member, ARRAYS["doubles"])
    run("unpack", large, "x", target)
    same(numpy.load(target), ARRAYS["doubles"], "an archive in the 64-bit form")


def rows(folder):
    path, more = os.path.join(folder, "rows.npy"), os.path.join(folder, "more.npy")
    array = ARRAYS["doubles"]
    numpy.save(path, array[:9])
    for begin in range(9, 30, 7):
        numpy.save(more, array[begin:begin + 7])
        run("append", path, more)
    same(numpy.load(path), array, "appended rows")
    same(numpy.array(numpy.load(path, mmap_mode="r")), array, "appended rows, mapped")
    numpy.save(more, array[:, :3].copy())
    run("append", path, more, fails="all but the first length must be the same")


with tempfile.TemporaryDirectory(prefix="sheaf-archives.") as folder:
    ours(folder)
    theirs(folder)
    rows(folder)
print("%d arrays in archives of both, and appended rows" % len(ARRAYS))
