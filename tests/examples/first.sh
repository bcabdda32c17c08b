#!/bin/sh
# first.sh PROGRAM PYTHON - the first program prints the square of its last number.
. "$(dirname "$0")/expect.sh"

cat >"$folder/wanted" <<'END'
999999 squared is 999998000001
END
expect
finish
