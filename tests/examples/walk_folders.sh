#!/bin/sh
# walk_folders.sh PROGRAM PYTHON - it finds what os.walk() finds, and leaves nothing of its own
# tree, even if it fails.
. "$(dirname "$0")/expect.sh"

TMPDIR=$folder/tmp
export TMPDIR
mkdir "$TMPDIR" "$folder/tree" || exit 1
echo "a small tree: 120 files in 40 folders, 12000 bytes" >"$folder/wanted"
expect_by_workers

"$python" - "$folder/tree" >"$folder/wanted" <<'END' || fail "python: exit status $?"
import os
import sys

top = sys.argv[1]
for i in range(60):
    folder = os.path.join(top, *[str(digit) for digit in range(i % 7)], "folder %d" % i)
    os.makedirs(folder)
    with open(os.path.join(folder, "file"), "w", encoding="ascii") as file:
        file.write("x" * i * 100)
os.symlink(top, os.path.join(top, "a circle"))
folders = files = size = 0
for path, _, names in os.walk(top):
    names = [os.path.join(path, name) for name in names if not os.path.islink(os.path.join(path, name))]
    folders, files, size = folders + 1, files + len(names), size + sum(map(os.path.getsize, names))
print("%s: %d files in %d folders, %d bytes" % (top, files, folders, size))
END
for workers in 1 2 5; do
	expect --folder "$folder/tree" --workers $workers
done
echo "$folder/none: 0 files in 1 folders, 0 bytes, and 1 that could not be read" >"$folder/wanted"
expect --folder "$folder/none"

if [ -c /dev/full ]; then
	status=0
	$MESON_EXE_WRAPPER "$program" >/dev/full 2>"$folder/err" || status=$?
	[ $status -eq 1 ] || fail "a full disk: exit status $status"
fi
SHEAF_BACKEND=nonsense
export SHEAF_BACKEND
expect_error "SHEAF_BACKEND"
[ -z "$(ls -A "$TMPDIR")" ] || fail "it has left $(ls "$TMPDIR")"
TMPDIR=$folder/none
expect_error "make a folder in $folder/none"
finish
