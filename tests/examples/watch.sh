#!/bin/sh
# watch.sh PROGRAM PYTHON - while another example works, it is listed; each line has the promised
# form.
. "$(dirname "$0")/expect.sh"

$MESON_EXE_WRAPPER "$(dirname "$program")/parzen" --csv --repeat 1000000 --workers 3 >/dev/null &
other=$!
trap 'kill -KILL $other 2>/dev/null; wait $other; rm -rf "$folder"' 0
looks=0
until grep -q "^/sheaf-$other-[0-9a-f]*: [0-9]* of 3 workers run, [0-9]* tasks wait\$" "$folder/out" 2>/dev/null; do
	run_well
	grep -qvE '^/sheaf-[0-9]+-[0-9a-f]+: [0-9]+ of [0-9]+ workers run, [0-9]+ tasks wait$' "$folder/out" &&
		fail "a line of another form: $(cat "$folder/out")"
	kill -0 $other || {
		fail "the pool of process $other was not listed"
		break
	}
	looks=$((looks + 1))
	[ $looks -lt 10000 ] || {
		fail "the pool of process $other was not listed after $looks looks"
		break
	}
done
finish
