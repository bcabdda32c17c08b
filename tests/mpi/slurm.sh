#!/bin/sh
# slurm.sh KIND PROGRAM - runs the job of howto/run-on-a-cluster.md by Slurm: sbatch, srun, three
# nodes, which are three daemons of this machine. Then the job is requeued in the middle of its
# work, and goes on with its checkpoint. PROGRAM is mpi_checkpoint.
#
# Skipped without Slurm's and munge's daemons, where they may not run, and with another MPI than
# Slurm's plugin is for.
. "$(dirname -- "$0")/lib.sh"

kind=$1
program=$(CDPATH='' cd -- "$(dirname -- "$2")" && pwd)/$(basename -- "$2")
skip() {
	echo "skipped: $*"
	exit 77
}
PATH=$PATH:/usr/sbin:/sbin
for daemon in slurmctld slurmd munged sbatch; do
	command -v $daemon >/dev/null || skip "there is no $daemon (Debian: slurm-wlm)"
done
[ "$(id -u)" -eq 0 ] || skip "slurmd has to be started by root"
[ "$kind" = openmpi ] || skip "Slurm starts the ranks of Open MPI, by PMIx"

daemons=
end() {
	# shellcheck disable=SC2086
	[ -z "$daemons" ] || kill $daemons 2>/dev/null || :
	wait
	rm -rf "$scratch"
}
trap end EXIT
chmod 755 "$scratch"
fail() {
	echo "slurm.sh: $*" >&2
	tail -n 20 "$scratch"/*.log "$scratch"/*.out >&2 || :
	exit 1
}

# ---- the cluster ----

SLURM_CONF=$scratch/slurm.conf
export SLURM_CONF
host=$(hostname -s)
port=$((20000 + $$ % 10000 * 4))
head -c 1024 /dev/urandom >"$scratch/key"
chmod 400 "$scratch/key"
cat >"$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$scratch/munge
CredType=cred/munge
SlurmctldPort=$port
StateSaveLocation=$scratch
SlurmdSpoolDir=$scratch/%n
TmpFS=$scratch/%n
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=pmix
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=2
NodeName=n[1-3] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 3))] CPUs=2
PartitionName=all Nodes=n[1-3] Default=YES State=UP
END
munged --foreground --force --key-file="$scratch/key" --socket="$scratch/munge" --pid-file="$scratch/munged.pid" \
	--log-file="$scratch/munged.log" --seed-file="$scratch/seed" 2>"$scratch/munge.log" &
daemons=$!
wait_for "munge's socket" test -S "$scratch/munge"
slurmctld -D 2>"$scratch/slurmctld.log" &
daemons="$daemons $!"
for node in n1 n2 n3; do
	mkdir "$scratch/$node"
	TMPDIR=$scratch/$node slurmd -D -N $node 2>"$scratch/$node.log" &
	daemons="$daemons $!"
done
are_idle() {
	sinfo -h -o '%D %t' 2>/dev/null | grep -q '^3 idle$'
}
tries=0
until are_idle; do
	tries=$((tries + 1))
	[ $tries -lt 150 ] || skip "Slurm's daemons do not run here: $(tail -n 2 "$scratch/slurmctld.log")"
	sleep 0.2
done

# ---- the job ----

mkdir "$scratch/folder"
cat >"$scratch/job.sh" <<END
#!/bin/sh
#SBATCH --nodes=3 --ntasks-per-node=1 --cpus-per-task=2 --requeue
FOLDER=$scratch/folder srun $program killed
END
job=$(cd "$scratch" && sbatch --parsable --open-mode=append --output=job.out job.sh)
has_worked() {
	[ -f "$scratch/folder/runs" ] && [ "$(wc -c <"$scratch/folder/runs")" -gt 500 ]
}
wait_for "the job's work" has_worked
scontrol requeue "$job"
# When it has left the nodes, it would wait there for two minutes.
is_over() {
	scontrol show job "$job" >"$scratch/state"
	! grep -q 'JobState=PENDING' "$scratch/state" || scontrol update JobId="$job" StartTime=now 2>/dev/null || :
	grep -q 'JobState=\(COMPLETED\|FAILED\)' "$scratch/state"
}
wait_for "the end of the second run" is_over
scontrol show job "$job" | grep -q 'JobState=COMPLETED' || fail "the job has failed"
grep -q 'done again' "$scratch/job.out" || fail "the job has not gone on"
sed -n '/done again/p' "$scratch/job.out"
