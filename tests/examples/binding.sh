#!/bin/sh
# binding.sh PROGRAM PYTHON - each call of the toy language has its value or its error, the stream
# all of its values, a death is told once, and a signal ends the wait.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
n = 500
print("greet reader -> a value of 13 bytes: hello, reader")
print("repeat 1500 -> a value of 1500 bytes: " + 20 * "x")
print("divide 1 0 -> an error of 2000 bytes: ZeroDivisionError in")
print("a worker has died")
print("%d values of %d bytes" % (n, sum(range(n)) - n // 2))
print("interrupted, 1 handler has run")
END
expect
expect
finish
