#!/bin/sh
# resume.sh KIND MPIRUN PROGRAM SUITE [KILLS] - kills a job with a journal at random times, and
# starts it again with another number of ranks, until it is done. Then it begins anew, until KILLS
# were made.
set -eu

kind=$1
mpirun=$2
program=$3
suite=$4
kills=${5:-6}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-mpi.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
[ -d /proc/self ] || exit 77

fail() {
	echo "resume.sh: $*" >&2
	exit 1
}

processes() {
	grep -lzx "FOLDER=$FOLDER" /proc/[0-9]*/environ 2>/dev/null | sed 's,/proc/\([0-9]*\)/.*,\1,' |
		grep -vx "$$" || :
}

FOLDER=$scratch/job
mkdir "$FOLDER" "$scratch/tmp"
killed=0
runs=0
oversubscribe=
[ "$kind" != openmpi ] || oversubscribe=--oversubscribe
while [ "$killed" -lt "$kills" ]; do
	runs=$((runs + 1))
	ranks=$((runs % 4 + 1))
	OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TMPDIR="$scratch/tmp" \
		OMPI_MCA_btl_vader_backing_directory="$scratch/tmp" FOLDER="$FOLDER" \
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
	tries=0
	while [ -n "$(processes)" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || fail "run $runs: processes are left"
		sleep 0.1
	done
	grep 'done again' "$scratch/log" || :
	! grep -q '\.c:[0-9]' "$scratch/log" || fail "run $runs, $ranks ranks: $(cat "$scratch/log")"
done
# What is left of the last one, to its end.
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TMPDIR="$scratch/tmp" \
	OMPI_MCA_btl_vader_backing_directory="$scratch/tmp" FOLDER="$FOLDER" \
	"$mpirun" $oversubscribe -n 2 "$program" "$suite"
echo "$runs runs, $killed of them were killed"
