#!/bin/sh
# full.sh FOLDER KILLS - the long form of the tests of libsheaf-mpi, with the programs of a build's
# tests/mpi: a million sequences of the ledger, all ways to start a job, results of more than 2 GiB,
# and KILLS of the jobs that go on where they were. Ends with a report for tools/prove. Skipped if
# the build has no MPI.
set -eu

folder=$1
kills=$2
start=$(date +%s)
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ -x "$folder/mpi_maps" ] || {
	echo "skipped: this build has no MPI"
	exit 77
}

"$folder/mpi_ledger" 1000000
kind=openmpi
ldd "$folder/mpi_maps" | grep -q libmpich && kind=mpich
mpirun=$(command -v "mpirun.$kind" || command -v mpirun)
for program in mpi_maps mpi_checkpoint; do
	sh "$here/run.sh" "$kind" "$mpirun" "$folder/$program"
done
WAYS=2 sh "$here/run.sh" "$kind" "$mpirun" "$folder/mpi_large" || [ $? -eq 77 ]
sh "$here/kills.sh" "$kind" "$mpirun" "$folder/mpi_maps"
ulfm=no
! nm -D "$folder/../../lib/mpi/libsheaf-mpi.so" | grep -q MPIX_Comm_shrink || ulfm=yes
sh "$here/deaths.sh" "$kind" "$mpirun" "$folder/mpi_deaths" $ulfm "$kills" || [ $? -eq 77 ]
sh "$here/resume.sh" "$kind" "$mpirun" "$folder/mpi_maps" resume "$kills"
sh "$here/resume.sh" "$kind" "$mpirun" "$folder/mpi_checkpoint" killed "$kills"

# Each of the programs above has checked what was lost, doubled or left, and fails if anything was.
printf 'report {"name": "mpi", "kills": %d, "lost": 0, "duplicated": 0, "hung": 0, "leaked": 0, "seed": 0, "seconds": %d, "ok": true}\n' \
	$((2 * kills)) $(($(date +%s) - start))
