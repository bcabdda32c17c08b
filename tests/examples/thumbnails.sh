#!/bin/sh
# thumbnails.sh PROGRAM - the same figures for any number of workers.
. "$(dirname "$0")/expect.sh"

run_well --workers 1
grep -q '^400 pictures, 4 broken, mean brightness 0\.' "$folder/out" || fail "$(cat "$folder/out")"
cp "$folder/out" "$folder/wanted"
expect --workers 3
finish
