#!/bin/sh
# deaths.sh KIND MPIRUN PROGRAM ULFM [RUNS [FIRST]] - kills ranks of a job with 4 of them at random
# times, but for rank 0, where MPI lets the others go on. These have to do all that one rank alone
# does, byte by byte, and nothing may be left. Then rank 0 is killed, which ends the job.
#
# Open MPI's MPI_Finalize() may wait for the dead (open-mpi/ompi issue 11404), but for the option.
#
# ULFM is yes or no: whether the library was built with it. FIRST is the number of the first run,
# which decides what it kills, and when.
. "$(dirname -- "$0")/lib.sh"

kind=$1
mpirun=$2
program=$3
ulfm=$4
runs=${5:-4}
first=${6:-1}
[ "$kind" = openmpi ] && [ "$ulfm" = yes ] || {
	echo "skipped: this MPI ends a job when a rank dies (no MPIX_Comm_shrink in mpi-ext.h)"
	exit 77
}
[ -d /proc/self ] || exit 77

fail() {
	echo "deaths.sh: $*" >&2
	[ ! -f "$FOLDER/log" ] || tail -n 40 "$FOLDER/log" >&2
	exit 1
}

all_pids() {
	[ -f "$FOLDER/pid.0" ] && [ -f "$FOLDER/pid.1" ] && [ -f "$FOLDER/pid.2" ] && [ -f "$FOLDER/pid.3" ]
}

# new_folder NAME
new_folder() {
	FOLDER=$scratch/$1
	mkdir "$FOLDER" "$FOLDER/tmp"
}

# in_folder COMMAND...: it alone has the folder in its environment.
in_folder() {
	TMPDIR="$FOLDER/tmp" OMPI_MCA_btl_vader_backing_directory="$FOLDER/tmp" FOLDER="$FOLDER" ROUNDS=$rounds \
		"$@" >"$FOLDER/log" 2>&1 </dev/null
}

# start SUITE...: starts the job, and waits until all ranks have begun.
start() {
	in_folder "$mpirun" --with-ft ulfm --mca async_mpi_finalize 1 --oversubscribe $options -n 4 "$program" "$@" &
	job=$!
	wait_for "the pid of each rank" all_pids
}

nothing_left() {
	wait_for "$1: the end of all processes" nobody
	for rank in 0 1 2 3; do
		read -r pid <"$FOLDER/pid.$rank"
		left=$(find /dev/shm -name "sheaf-$pid-*" 2>/dev/null)
		[ -z "$left" ] || fail "$1: $left is left"
	done
}

rounds=1
new_folder probe
in_folder "$mpirun" --with-ft ulfm --oversubscribe -n 2 "$program" probe || fail "ranks do not survive others"
! in_folder "$mpirun" --oversubscribe -n 2 "$program" probe || fail "ranks survive others without --with-ft"
new_folder alone
in_folder "$program" || fail "one rank alone"
alone=$FOLDER

run=$first
while [ "$run" -lt $((first + runs)) ]; do
	# Which ranks, and after how many seconds each: from 1 to 3 of them.
	kills=$(awk -v seed="$run" 'BEGIN {
		srand(seed)
		count = int(rand() * 3) + 1
		at = int(rand() * 3)
		for (i = 0; i < count; i++)
			printf "%d:%.3f ", (at + i) % 3 + 1, rand() * rand() * 1.5
	}')
	options=
	[ $((run % 3)) -ne 0 ] || options="--mca pml ob1 --mca btl tcp,self"
	new_folder "run-$run"
	# Half of them do all there is. Others have to die in what takes but a moment.
	rounds=1
	suites="at_root everywhere in_file large made loop failing collect broadcast"
	case $((run % 4)) in
	1)
		suites=collect
		rounds=8
		;;
	3)
		suites="large made broadcast"
		rounds=2
		;;
	esac
	start $suites
	for kill in $kills; do
		sleep "${kill#*:}"
		read -r pid <"$FOLDER/pid.${kill%:*}"
		kill -9 "$pid" 2>/dev/null || :
	done
	status=0
	wait "$job" || status=$?
	[ "$status" -eq 0 ] || fail "run $run ($kills): mpirun ended with $status"
	nothing_left "run $run"
	for file in $suites; do
		[ -f "$alone/$file" ] || continue
		cmp "$alone/$file" "$FOLDER/$file" || fail "run $run ($kills): $file differs"
	done
	echo "run $run: killed $kills; $(tail -n 1 "$FOLDER/log")"
	rm -rf "$FOLDER"
	run=$((run + 1))
done

options=
rounds=1
new_folder root
start
read -r pid <"$FOLDER/pid.0"
kill -9 "$pid"
status=0
wait "$job" || status=$?
[ "$status" -ne 0 ] || fail "mpirun says that all went well without rank 0"
nothing_left "without rank 0"
echo "without rank 0: mpirun ended with $status, and nothing is left"
