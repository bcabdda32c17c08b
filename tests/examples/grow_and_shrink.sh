#!/bin/sh
# grow_and_shrink.sh PROGRAM PYTHON - each burst has as many workers as tasks, and they leave.
. "$(dirname "$0")/expect.sh"

cat >"$folder/wanted" <<-END
	a burst of 2 tasks: 2 workers
	then: 1
	a burst of 6 tasks: 6 workers
	then: 1
	a burst of 1 tasks: 1 workers
	then: 1
	a burst of 6 tasks: 6 workers
	then: 1
	a burst of 2 tasks: 2 workers
END
run --workers 6
[ $status -eq 0 ] || fail "exit status $status, $(cat "$folder/err")"
cmp -s "$folder/wanted" "$folder/out" || fail "$(diff "$folder/wanted" "$folder/out")"
run --workers 1
[ $status -eq 0 ] || fail "--workers 1: exit status $status, $(cat "$folder/err")"
finish
