#!/bin/sh
# kills.sh KIND MPIRUN PROGRAM - ends a job in the middle of its work: by a rank that dies, and by
# signals to mpirun. Every process and every segment of every rank has to go with it.
. "$(dirname -- "$0")/lib.sh"

kind=$1
mpirun=$2
program=$3
[ -d /proc/self ] || exit 77

all_pids() {
	[ -f "$FOLDER/pid.0" ] && [ -f "$FOLDER/pid.1" ]
}

for way in rank-9 mpirun-INT mpirun-TERM mpirun-9; do
	FOLDER=$scratch/$way
	mkdir "$FOLDER" "$FOLDER/tmp"
	TMPDIR="$FOLDER/tmp" OMPI_MCA_btl_vader_backing_directory="$FOLDER/tmp" FOLDER="$FOLDER" \
		"$mpirun" $([ "$kind" = openmpi ] && echo --oversubscribe) -n 2 "$program" endless \
		>"$FOLDER/log" 2>&1 </dev/null &
	job=$!
	wait_for "the pid of each rank" all_pids
	read -r root <"$FOLDER/pid.0"
	read -r other <"$FOLDER/pid.1"
	sleep 0.3
	kill -0 "$other" 2>/dev/null || fail "$way: the job has ended early: $(cat "$FOLDER/log")"
	case $way in
	rank-*) kill "-${way#*-}" "$other" ;;
	mpirun-*) kill "-${way#*-}" "$job" ;;
	esac
	status=0
	wait "$job" || status=$?
	[ "$status" -ne 0 ] || fail "$way: mpirun says that all went well"
	wait_for "$way: the end of all processes" nobody
	for pid in "$root" "$other"; do
		left=$(find /dev/shm -name "sheaf-$pid-*" 2>/dev/null)
		[ -z "$left" ] || fail "$way: $left is left"
	done
	echo "$way: mpirun ended with $status, and nothing is left"
done
