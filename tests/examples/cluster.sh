# cluster.sh - for the tests of examples that run under mpirun: . cluster.sh, after expect.sh. The
# third and fourth arguments of each test are the kind of MPI and its mpirun.

kind=$3
mpirun=$4
mkdir "$folder/tmp"
TMPDIR=$folder/tmp
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
OMPI_MCA_btl_vader_backing_directory=$folder/tmp
export TMPDIR OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_btl_vader_backing_directory

# run_ranks RANKS OPTION... - runs the program with so many ranks; 0: alone. It must succeed. Its
# output is $folder/out.
run_ranks() {
	ranks=$1
	shift
	status=0
	if [ "$ranks" -eq 0 ]; then
		"$program" "$@" >"$folder/out" 2>"$folder/err" || status=$?
	elif [ "$kind" = openmpi ]; then
		"$mpirun" --oversubscribe -n "$ranks" "$program" "$@" >"$folder/out" 2>"$folder/err" || status=$?
	else
		"$mpirun" -n "$ranks" "$program" "$@" >"$folder/out" 2>"$folder/err" || status=$?
	fi
	[ $status -eq 0 ] || fail "$ranks ranks, $*: exit status $status: $(cat "$folder/err")"
}
