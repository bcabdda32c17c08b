#!/bin/sh
# quicksort.sh PROGRAM PYTHON - as many tasks as the same splits make elsewhere, and the numbers
# that sorted() finds.
. "$(dirname "$0")/expect.sh"

wanted() {
	"$python" - "$1" >"$folder/wanted" <<'END' || fail "python: exit status $?"
import sys

count = int(sys.argv[1])
mask = 2**64 - 1


def generate(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        yield ((z ^ z >> 31) >> 11) / 2.0**53


def tasks(numbers):
    if len(numbers) <= 10000:
        return 1
    pivot = numbers[len(numbers) // 2]
    larger = [x for x in numbers if x > pivot]
    return 1 + tasks([x for x in numbers if x < pivot]) + tasks(larger[::-1])


numbers = [x for x, _ in zip(generate(0), range(count))]
ordered = sorted(numbers)
print("%d numbers sorted by %d tasks: smallest %.9f, middle %.9f, largest %.9f"
      % (count, tasks(numbers), ordered[0], ordered[count // 2], ordered[-1]))
END
}

wanted 1
expect --count 1
wanted 200000
for workers in 1 2 5; do
	expect --count 200000 --workers $workers
done
expect_error "give a whole number from 1 to 1000000000" --count 0
finish
