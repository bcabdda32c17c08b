#!/bin/sh
# urgent_first.sh PROGRAM PYTHON - the questions are answered while the primes are still being
# searched, and both are right.
. "$(dirname "$0")/expect.sh"

"$python" - >"$folder/wanted" <<'END' || fail "python: exit status $?"
question = 1957
for i in range(5):
    print("the digits of", question, "make", sum(map(int, str(question))))
    question = question * 31 + 7
print("the primes were still being searched")
sieve = bytearray([1]) * 1000000
for d in range(3, 1000, 2):
    sieve[d * d :: 2 * d] = bytes(len(range(d * d, 1000000, 2 * d)))
print(sum(sieve[3::2]), "odd primes below 1000000")
END
expect --workers 1
expect --workers 2
expect --workers 7
finish
