#!/bin/sh
# run.sh KIND MPIRUN PROGRAM [SUITE]... - runs a test of libsheaf-mpi with 1 to 4 ranks: alone, in
# shared memory, and over TCP. Nothing of it may be left: no segment, and no file of MPI's.
#
# KIND is openmpi or mpich. WAYS, in the environment, are those of its ways to try: "alone 2 tcp3".
. "$(dirname -- "$0")/lib.sh"

kind=$1
mpirun=$2
program=$3
shift 3

# Files of MPI's shared memory, too, so that what a job leaves is seen.
mkdir "$scratch/tmp" "$scratch/results"
TMPDIR=$scratch/tmp
FOLDER=$scratch/results
OMPI_MCA_btl_vader_backing_directory=$scratch/tmp
OMPI_MCA_btl_base_warn_component_unused=0
OMPI_MCA_plm_rsh_agent=
export TMPDIR FOLDER OMPI_MCA_btl_vader_backing_directory OMPI_MCA_btl_base_warn_component_unused OMPI_MCA_plm_rsh_agent

# start RANKS SUITE...: extra options of mpirun are in $options, unquoted: a list of words.
start() {
	ranks=$1
	shift
	case $kind in
	openmpi) "$mpirun" --oversubscribe $options -n "$ranks" "$program" "$@" ;;
	mpich) "$mpirun" $options -n "$ranks" "$program" "$@" ;;
	esac
}

for way in ${WAYS:-alone 2 4 tcp3 mpifirst}; do
	options=
	echo "$way:"
	case $way in
	alone)
		"$program" "$@"
		# Open MPI 5 leaves it, of any program.
		rm -f "$scratch"/tmp/sm_segment.*
		;;
	tcp*)
		[ "$kind" = openmpi ] || continue
		options="--mca pml ob1 --mca btl tcp,self"
		start "${way#tcp}" "$@"
		;;
	mpifirst) ORDER=mpi start 2 "$@" ;;
	*) start "$way" "$@" ;;
	esac
done

# Without mpirun, Open MPI has a process of its own, which removes its files when the program has
# ended already.
tries=0
while left=$(find "$scratch" -type f) && [ -n "$left" ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || {
		echo "these files are left: $left" >&2
		exit 1
	}
	sleep 0.1
done
