#!/bin/sh
# ctrl_c.sh PROGRAM PYTHON - without SIGINT all results come; with one the program says where it
# stopped, and ends well.
. "$(dirname "$0")/expect.sh"

printf 'position %d: %d\n' 0 0 1 2 2 4 >"$folder/wanted"
expect --workers 2 --tasks 3

# A shell starts what runs in the background with SIGINT ignored; the program's own handler replaces
# that before the first result.
rm "$folder/out" # its lines are those of the run before
"$program" --workers 2 --tasks 1000 >"$folder/out" 2>"$folder/err" &
owner=$!
trap 'kill -KILL $owner 2>/dev/null; wait $owner; rm -rf "$folder"' 0
looks=0
until grep -qs '^position 0: 0$' "$folder/out"; do
	looks=$((looks + 1))
	[ $looks -lt 100000 ] && kill -0 $owner || break
done
kill -INT $owner
status=0
wait $owner || status=$?
[ $status -eq 0 ] || fail "exit status $status after SIGINT: $(cat "$folder/err")"
grep -q '^stopped after [0-9]* results$' "$folder/out" || fail "no word of the stop: $(tail -n 1 "$folder/out")"
finish
