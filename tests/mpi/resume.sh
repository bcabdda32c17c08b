#!/bin/sh
# resume.sh KIND MPIRUN PROGRAM SUITE [KILLS] - kills a job with a journal at random times, and
# starts it again with another number of ranks, until it is done. Then it begins anew, until KILLS
# were made.
. "$(dirname -- "$0")/lib.sh"

kind=$1
mpirun=$2
program=$3
suite=$4
kills=${5:-6}
[ -d /proc/self ] || exit 77

FOLDER=$scratch/job
mkdir "$FOLDER" "$scratch/tmp"
killed=0
runs=0
oversubscribe=
[ "$kind" != openmpi ] || oversubscribe=--oversubscribe
while [ "$killed" -lt "$kills" ]; do
	runs=$((runs + 1))
	ranks=$((runs % 4 + 1))
	TMPDIR="$scratch/tmp" OMPI_MCA_btl_vader_backing_directory="$scratch/tmp" FOLDER="$FOLDER" \
		"$mpirun" $oversubscribe -n $ranks "$program" "$suite" >"$scratch/log" 2>&1 </dev/null &
	job=$!
	# From before the journal is open until the job is nearly done.
	sleep "0.$(awk -v seed="$runs" 'BEGIN { srand(seed); printf "%03d", 300 + 600 * rand() }')"
	if kill -9 "$job" 2>/dev/null; then
		killed=$((killed + 1))
		wait "$job" 2>/dev/null || :
	elif wait "$job"; then
		rm -f "$FOLDER"/*
	else
		fail "run $runs, $ranks ranks: $(cat "$scratch/log")"
	fi
	wait_for "run $runs: the end of all processes" nobody
	grep 'done again' "$scratch/log" || :
	! grep -q '\.c:[0-9]' "$scratch/log" || fail "run $runs, $ranks ranks: $(cat "$scratch/log")"
done
# What is left of the last one, to its end.
TMPDIR="$scratch/tmp" OMPI_MCA_btl_vader_backing_directory="$scratch/tmp" FOLDER="$FOLDER" \
	"$mpirun" $oversubscribe -n 2 "$program" "$suite"
echo "$runs runs, $killed of them were killed"
