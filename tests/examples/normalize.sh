#!/bin/sh
# normalize.sh PROGRAM PYTHON - the same bytes for any number of workers, and columns as they
# should be.
. "$(dirname "$0")/expect.sh"
case $program in
/*) ;;
*) program=$PWD/$program ;;
esac
cd "$folder"

run_well --workers 1
grep -q '^20000 rows, 12 columns: normalized.npy$' out || fail "$(cat out)"
run_well --workers 3 --in measured.npy --out again.npy
cmp -s normalized.npy again.npy || fail "other bytes with three workers"
"$python" - <<END || fail "columns are not normalized"
import struct
data = open("normalized.npy", "rb").read()
assert data[:8] == b"\x93NUMPY\x01\x00" and b"'fortran_order': True, 'shape': (20000, 12)" in data[:128], data[:128]
values = struct.unpack("<240000d", data[128:])
for c in range(12):
    column = values[c * 20000:(c + 1) * 20000]
    assert abs(sum(column)) < 1e-6 and abs(sum(x * x for x in column) / 20000 - 1) < 1e-9, c
END
"$python" - <<END
text = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\\n"
open("objects.npy", "wb").write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
END
expect_error 'holds Python objects' --in objects.npy
expect_error 'No such file' --in none.npy
finish
