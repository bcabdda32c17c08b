#!/bin/sh
# cubes.sh PROGRAM PYTHON - three ways give the same cubes; and, as for all examples, bad options
# are refused with the reason.
. "$(dirname "$0")/expect.sh"

cat >"$folder/wanted" <<'END'
apply: 1 8 27 64 125 216
map: 1 8 27 64 125 216
submit: 1 8 27 64 125 216
END
expect_by_workers

expect_error "--workers 0: give a whole number from 1 to 2048" --workers 0
expect_error "--workers 2049: give a whole number from 1 to 2048" --workers 2049
expect_error "--workers -1: give a whole number" --workers -1
expect_error "--workers 2x: give a whole number" --workers 2x
expect_error "--workers : give a whole number" --workers ""
expect_error "--workers: its value is missing" --workers
expect_error "--worker: no such option" --worker 2
run_well --help
grep -q -e --workers "$folder/out" || fail "--help does not tell of --workers"
if [ -w /dev/full ]; then
	status=0
	$MESON_EXE_WRAPPER "$program" >/dev/full 2>"$folder/err" || status=$?
	[ $status -eq 1 ] || fail "a full disk: exit status $status instead of 1"
	grep -q "standard output" "$folder/err" || fail "a full disk: stderr is \"$(cat "$folder/err")\""
fi
finish
