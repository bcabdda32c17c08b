#!/bin/sh
# named_array.sh PROGRAM PYTHON - a pool and Python see each other's named memory, also when Python
# has ended; nothing is left of it.
. "$(dirname "$0")/expect.sh"
script=$(dirname "$0")/../../docs/examples/named_array.py

"$python" -c 'from multiprocessing import shared_memory' 2>/dev/null || {
	echo "skipped: this Python has no multiprocessing.shared_memory"
	exit 77
}
# Python would have to find an emulator's words.
[ -z "$MESON_EXE_WRAPPER" ] || exit 77
"$python" "$script" "$program" >"$folder/out" 2>"$folder/err" || fail "$(cat "$folder/err")"
grep -q '^both ways$' "$folder/out" || fail "$(cat "$folder/out")"
[ ! -s "$folder/err" ] || fail "stderr: $(cat "$folder/err")"

# What a Python that has ended leaves, another program still has.
name=/named-array-$$-b
run_well make $name 100
"$python" - "${name#/}" "$(dirname "$script")" <<'END' || fail "Python cannot attach"
import sys
from multiprocessing import resource_tracker, shared_memory
if sys.version_info >= (3, 13):
    memory = shared_memory.SharedMemory(name=sys.argv[1], track=False)
else:
    memory = shared_memory.SharedMemory(name=sys.argv[1])
    resource_tracker.unregister(memory._name, "shared_memory")
memory.close()
END
run_well double $name 100
run_well drop $name
expect_error 'No such file' double $name 100
expect_error 'must be a slash' make no-slash 100
finish
