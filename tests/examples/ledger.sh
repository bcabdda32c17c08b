#!/bin/sh
# ledger.sh PROGRAM - the same accounts for any number of workers and under kills, none of which
# loses money.
. "$(dirname "$0")/expect.sh"

run_well --workers 1
grep -q '^all accounts together: 50000 of 50000$' "$folder/out" || fail "money is lost: $(cat "$folder/out")"
cp "$folder/out" "$folder/wanted"
expect --workers 3
expect --workers 3 --kills
finish
