#!/bin/sh
# serve_and_gather.sh PROGRAM PYTHON - each client gets its answer, in whatever order.
. "$(dirname "$0")/expect.sh"

# expect_answers CLIENTS OPTION... - the sorted output is that of the clients.
expect_answers() {
	clients=$1
	shift
	run_well --clients "$clients" "$@"
	sort -n "$folder/out" >"$folder/sorted"
	"$python" -c '
import sys
for client in range(int(sys.argv[1])):
    below = 1000 * (client + 1)
    count = sum(all(n % d for d in range(2, int(n ** 0.5) + 1)) for n in range(2, below))
    print(count, "primes below", below)' "$clients" >"$folder/wanted" || fail "python: exit status $?"
	cmp -s "$folder/wanted" "$folder/sorted" || fail "$clients $*: $(diff "$folder/wanted" "$folder/sorted")"
}

expect_answers 12
expect_answers 1 --workers 1
expect_answers 30 --workers 3
expect_error "clients" --clients 0
finish
