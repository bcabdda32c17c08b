#!/bin/sh
# nested.sh PROGRAM PYTHON - the smallest program with nested tasks prints the 32nd number.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
a, b = 0, 1
for _ in range(32):
    a, b = b, a + b
print("number 32 is %d" % a)
END
expect
finish
