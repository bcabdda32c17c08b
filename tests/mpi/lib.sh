# lib.sh - what the tests of this folder share. Sets $scratch, an empty folder that is gone at the
# end. A job that they start has a folder of its own, FOLDER in its environment.
set -eu

scratch=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-mpi.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM

fail() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# The processes of the job.
processes() {
	grep -lzx "FOLDER=$FOLDER" /proc/[0-9]*/environ 2>/dev/null | sed 's,/proc/\([0-9]*\)/.*,\1,' |
		grep -vx "$$" || :
}

nobody() {
	[ -z "$(processes)" ]
}

# wait_for WHAT COMMAND...: a minute at most.
wait_for() {
	what=$1
	shift
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || fail "$what did not come"
		sleep 0.1
	done
}
