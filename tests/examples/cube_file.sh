#!/bin/sh
# cube_file.sh PROGRAM PYTHON - a file of cubes, the same for any number of workers; and what is
# left of a file that cannot be made.
. "$(dirname "$0")/expect.sh"
case $program in
/*) ;;
*) program=$PWD/$program ;;
esac
cd "$folder"

run_well --workers 1
grep -q '^1000000 numbers: cubes.npy$' out || fail "$(cat out)"
run_well --workers 3 --in numbers.npy --out again.npy
cmp -s cubes.npy again.npy || fail "other bytes with three workers"
"$python" - <<END || fail "the numbers are not cubes"
import struct
for name, power in ("numbers.npy", 1), ("cubes.npy", 3):
    data = open(name, "rb").read()
    assert data[:8] == b"\x93NUMPY\x01\x00" and b"'shape': (1000000,)" in data[:128], data[:128]
    values = struct.unpack("<1000000d", data[128:])
    for i in 0, 1, 77, 999999:
        x = i / 1000
        assert values[i] == (x if power == 1 else x * x * x), (name, i, values[i])
END
expect_error 'No such file' --in none.npy
expect_error 'No such file' --in numbers.npy --out none/cubes.npy
"$python" -c 'open("short.npy", "wb").write(open("numbers.npy", "rb").read()[:5000])'
expect_error 'truncated' --in short.npy
[ "$(ls)" = "again.npy
cubes.npy
err
numbers.npy
out
short.npy" ] || fail "left: $(ls)"
finish
