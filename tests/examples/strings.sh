#!/bin/sh
# strings.sh PROGRAM PYTHON - the strings come back in order, and are those that the same generator
# makes elsewhere.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
import string

letters = string.ascii_uppercase + string.ascii_lowercase + string.digits
mask = 2**64 - 1


def random_string(state):
    text = ""
    for i in range(5):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        text += letters[(z ^ z >> 31) % len(letters)]
    return text


print("submitted: 5 2 7 0 3 6 1 4")
for position in range(8):
    print(position, random_string(position))
print("unordered: the same 8 strings")
END
expect_by_workers
finish
