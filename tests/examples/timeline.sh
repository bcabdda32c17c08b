#!/bin/sh
# timeline.sh PROGRAM PYTHON - the file is a Chrome trace, with the tasks of each part in it.
. "$(dirname "$0")/expect.sh"

for workers in 1 3; do
	run_well --workers $workers --file "$folder/trace.json"
	grep -q '^120 tasks, of which 40 made 8 each' "$folder/out" || fail "$(cat "$folder/out")"
	"$python" "$(dirname "$0")/../support/chrome_trace.py" "$folder/trace.json" >"$folder/counts" 2>&1 ||
		fail "--workers $workers: $(cat "$folder/counts")"
	# The task whose worker dies runs twice.
	grep -q '^end [1-4] submit 440 task 441' "$folder/counts" || fail "--workers $workers: $(cat "$folder/counts")"
done
expect_error 'cannot be written to /nowhere/trace.json' --file /nowhere/trace.json
finish
