#!/bin/sh
# prove.sh [SEED [quick|full [models|mutants]]] - searches all states of the models in this folder,
# and all of their mutants, each of which has to be caught; or only one of these two. The seed
# chooses the order of the search of full that is too large to come to an end. Needs spin and a C
# compiler; skipped without them. Takes seconds, with quick some two minutes, with full an hour
# and up to 8 GiB of memory.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
seed=${1:-${SEED:-1}}
amount=${2:-small}
what=${3:-both}
compiler=${CC:-cc}
case $seed in
'' | *[!0-9]*)
	echo "prove.sh: seed \"$seed\": not a number" >&2
	exit 2
	;;
esac
case $amount in
small | quick | full) ;;
*)
	echo "prove.sh: \"$amount\" is neither quick nor full" >&2
	exit 2
	;;
esac
case $what in
models | mutants | both) ;;
*)
	echo "prove.sh: \"$what\" is neither models nor mutants" >&2
	exit 2
	;;
esac
echo "seed $seed"
command -v spin >/dev/null && command -v "${compiler%% *}" >/dev/null || {
	echo "skipped: spin or the compiler $compiler is missing"
	exit 77
}

began=$(date +%s)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cd "$folder"
cases=0
states=0
hung=0

# finish OK: prints the report.
finish() {
	printf 'report {"name": "model", "cases": %d, "lost": 0, "duplicated": 0, "hung": %d, "leaked": 0, ' "$cases" "$hung"
	printf '"seed": %s, "seconds": %d, "states": %d, "ok": %s}\n' "$seed" $(($(date +%s) - began)) "$states" "$1"
}

# fail TEXT: ends the run.
fail() {
	echo "prove.sh: $1" >&2
	finish false
	exit 1
}

# search OPTIMIZATION STORE MODEL [OPTION...]: makes pan of a model with these options, and runs it
# until it is through or has found a fault. What it told is in out, how many faults in found.
search() {
	optimization=$1
	store=$2
	model=$3
	shift 3
	spin -a "$@" "$here/$model.pml" >out 2>&1 || {
		cat out >&2
		fail "spin does not take $model.pml $*"
	}
	# Each process has a single state, so there are no orders to reduce.
	$compiler "$optimization" -w -DSAFETY -DNOREDUCE $store -DMEMLIM=9000 -o pan pan.c
	./pan -m1000000 $pan_options >out 2>&1 || true
	found=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' out)
	stored=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out | awk '{printf "%d", $1}')
	cases=$((cases + 1))
	states=$((states + ${stored:-0}))
}
pan_options=
optimize=-O2
keep=-DCOLLAPSE

# all MODEL [OPTION...]: every state, and no fault in any.
all() {
	at=$(date +%s)
	search "$optimize" "$keep" "$@"
	if [ "$found" != 0 ] || grep -q -e 'depth too small' -e 'not completed' -e 'out of memory' out; then
		cat out >&2
		! grep -q 'invalid end state (' out || hung=1
		fail "$* went wrong, or was not searched to the end"
	fi
	echo "$*: $stored states, $(($(date +%s) - at)) s"
}

# part MODEL [OPTION...]: those states that four minutes suffice for, in an order chosen by the
# seed. No proof.
part() {
	at=$(date +%s)
	pan_options="-w33 -k3 -Q4 -RS$(printf %s "$seed" | tail -c 6)"
	search -O2 '-DBITSTATE -DP_RAND -DT_RAND' "$@"
	pan_options=
	if [ "$found" != 0 ]; then
		cat out >&2
		fail "$* went wrong"
	fi
	echo "$*: $stored states, not all, $(($(date +%s) - at)) s; $(grep 'hash factor' out)"
}

# caught MODEL -DMUTANT [OPTION...]: the search finds a fault.
caught() {
	search -O0 -DCOLLAPSE "$@"
	fault=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' out)
	[ "$found" = 1 ] && [ "$fault" ] || {
		cat out >&2
		fail "the mutant $* is not caught"
	}
	echo "caught $*: $fault"
}

root=$here/../..
$compiler -std=c11 -D_POSIX_C_SOURCE=200809L -Werror=switch -I"$root/lib" -I"$root/include" -o layout "$here/layout.c" &&
	./layout || fail "the words of tests/model/word.pml and lib/segment/word.h differ"
cases=$((cases + 1))

bells='-DROOM=0 -DGATHERER=0 -DSUBMITTERS=2'
room='-DBELLS=0 -DGATHERER=0 -DSUBMITTERS=2'
gatherer='-DBELLS=0 -DROOM=0'

if [ "$amount" = small ]; then
	optimize=-O0
	all ring -DDEATHS=1
	all recovery -DDEATHS=1
	all chunks -DDEATHS=1
	all family -DDEATHS=1
	all seats -DDEATHS=1
	all stock -DDEATHS=1 -DROUNDS=2
	all cancel -DDEATHS=1
	all nest -DDEATHS=1
	all leave -DWORKERS=2
	all demand
	all left
	all attach -DDEATHS=1
	all window -DTASKS=2
	all mutex -DROUNDS=1
	all gate
	all permits
	all value
	all mapping
	all once
	all barrier
	all priority -DDEATHS=0
	all wake $gatherer
	all wake $room -DSLOTS=1
	all news -DPOLL=0
	all news -DPOLL=1
	caught ring -DNO_REWIND
	caught seats -DNAME_AFTER_TAKE
	caught stock -DUNWATCH_LAST
	caught cancel -DNO_CHECK
	caught nest -DFREE_EARLY
	caught leave -DLEAVE_SILENT
	caught demand -DSWALLOW
	caught left -DREST_RUNS
	caught attach -DFORGET_LEAVING
	caught window -DHASTY
	caught mutex -DNO_SLICE
	caught gate -DNO_SLICE
	caught permits -DNO_SLICE
	caught value -DNO_RECHECK
	caught mapping -DNO_RECHECK
	caught once -DMARK_FIRST
	caught barrier -DNO_LOOK
	caught priority -DHAND_BACK_FIRST
	caught recovery -DNAME_AFTER_CLAIM
	caught wake -DNO_HEAL $bells
	caught news -DNO_ALARM
	finish true
	exit 0
fi

all_mutants() {
	for mutant in NO_GIVE_UP BLIND_HEAD; do
		caught ring -D$mutant -DDEATHS=0 -DTASKS=3
	done
	for mutant in NO_REWIND REWIND_FIRST REWIND_UNCOUNTED NAME_AFTER_CLAIM; do
		caught ring -D$mutant -DTASKS=3
	done
	for mutant in NO_GENERATION NAME_AFTER_CLAIM RECOVER_BEFORE_DEATH REAP_FIRST SUCCESSOR_TOO_EARLY SUCCESSOR_NO_RESCAN \
		PUBLISH_TWICE RELEASE_FIRST NO_ZERO CHARGE_INNOCENT; do
		caught recovery -D$mutant
	done
	caught recovery -DFREE_BEFORE_FAILURE -DMAX_ATTEMPTS=1
	for mutant in READS_APART NO_CREW_WAIT OWNER_HASTY NO_LOCK; do
		caught family -D$mutant
	done
	for mutant in NAME_AFTER_TAKE SEAT_BEFORE_REPAIR NO_RETRACT; do
		caught seats -D$mutant
	done
	for mutant in COUNT_AFTER_TAKE WORD_BEFORE_SLOT REUSE_LEAVING UNWATCH_LAST FORGET_LEAVING; do
		caught stock -D$mutant
	done
	for mutant in NO_RETRY NO_CHECK PUBLISH_UNCLAIMED; do
		caught cancel -D$mutant
	done
	for mutant in NO_DISOWN FREE_EARLY HAND_LATE; do
		caught nest -D$mutant
	done
	caught nest -DNO_HELP -DWORKERS=1 -DDEATHS=0
	for mutant in LEAVE_SILENT NO_HEAL TRUST COUNT_BY_WORD; do
		caught leave -D$mutant
	done
	for mutant in NO_REST NO_REST_AT_LAST NO_RECHECK SWALLOW; do
		caught demand -D$mutant
	done
	caught demand -DNO_LOOK_AT_END -DEARLY=1 -DTASKS=3
	caught left -DREST_RUNS
	caught window -DHASTY
	caught window -DEARLY
	caught mutex -DNO_SLICE
	caught gate -DNO_SLICE
	caught gate -DHASTY -DDEATHS=0
	caught permits -DNO_SLICE
	caught permits -DTELL_FIRST -DDEATHS=0
	caught mapping -DONE_TABLE
	caught mapping -DNO_RECHECK
	caught mapping -DCOUNT_FIRST
	caught mapping -DSUBMIT_FIRST
	caught value -DONE_COPY
	caught value -DNO_RECHECK
	caught once -DMARK_FIRST
	caught barrier -DNO_LOOK
	caught barrier -DSTATE_FIRST -DDEATHS=0
	caught left -DOPENER_COUNTS
	for mutant in NO_LOCK EARLY_PID NO_START FREE_FIRST FORGET_LEAVING; do
		caught attach -D$mutant
	done
	for mutant in NO_LEAD_BACK LEAD_BACK_FIRST LEAD_BACK_UNCOUNTED; do
		caught ring -D$mutant -DHAND_BACKS=1 -DDEATHS=0
	done
	for mutant in HEED_LATE ONE_RING_LOOK NO_RING LEFT_UNSWEPT HAND_BACK_FIRST; do
		caught priority -D$mutant -DDEATHS=0
	done
	for mutant in NO_SWEEP NO_CURSOR CURSOR_LATE; do
		caught chunks -D$mutant
	done
	caught chunks -DRETURN_FIRST -DDEATHS=2
	caught wake -DNO_RECHECK $bells -DDEATHS=0
	caught wake -DNO_PASS_ON $bells -DDEATHS=0
	caught wake -DNO_RECHECK_ROOM $room -DDEATHS=0 -DSLOTS=1
	caught wake -DNO_RECHECK_GATHERER $gatherer -DDEATHS=0
	caught wake -DRING_BEFORE_PUBLISH $gatherer -DDEATHS=0
	for mutant in NO_HEAL HEAL_ANNOUNCED; do
		caught wake -D$mutant $bells
		caught wake -D$mutant $room -DSLOTS=1
		caught wake -D$mutant $gatherer
	done
	for mutant in NO_RECHECK NO_HEAL HEAL_ANNOUNCED; do
		caught news -D$mutant -DPOLL=0 -DDEATHS=2
	done
	for mutant in NO_RECHECK NO_HEAL HEAL_ANNOUNCED WRITE_BEFORE_CLAIM DRAIN_LAST NO_ALARM; do
		caught news -D$mutant -DPOLL=1
	done
}

[ "$what" = models ] || all_mutants
if [ "$what" = mutants ]; then
	finish true
	exit 0
fi

if [ "$amount" = quick ]; then
	all ring -DDEATHS=3
	all ring -DDEATHS=1 -DABANDONS=1
	all ring -DDEATHS=1 -DHAND_BACKS=2
	all recovery -DDEATHS=2
	all chunks -DCHUNKS=3
	all family -DDEATHS=2
	all seats
	all stock -DDEATHS=1 -DROUNDS=2
	all cancel
	all nest
	all leave -DWORKERS=2 -DWANTED=2 -DDEATHS=2
	all demand -DDEATHS=2
	all demand -DEARLY=1 -DTASKS=3
	all left
	all attach
	all window -DTASKS=2
	all mutex
	all gate -DDEATHS=2
	all permits -DPERMITS=2 -DDEATHS=2
	all value
	all mapping
	all once
	all barrier -DDEATHS=2
	all barrier -DJOINED=0
	all priority
	all wake $bells
	all wake $room -DWORKERS=3 -DTASKS=3
	all wake $gatherer -DWORKERS=3 -DTASKS=3
	all news -DPOLL=0 -DDEATHS=2
	all news -DPOLL=1 -DDEATHS=2
	finish true
	exit 0
fi

largest='-DWORKERS=3 -DTASKS=3 -DDEATHS=3'
all ring -DSUBMITTERS=2 $largest
all ring -DABANDONS=1 -DTASKS=3
all ring -DHAND_BACKS=2 -DWORKERS=3 -DTASKS=3
all recovery $largest
all chunks -DCHUNKS=3 -DDEATHS=2
all chunks -DWORKERS=3 -DDEATHS=2
all family -DDEATHS=3 -DPROCESSES=8
all seats -DHOLDS=3 -DROUNDS=5 -DDEATHS=3
all stock -DDEATHS=3
all cancel -DWORKERS=3 -DDEATHS=4
all nest -DDEATHS=3
all nest -DWORKERS=3
for wanted in 1 2 3; do
	all leave -DWANTED=$wanted
done
all demand -DEARLY=2 -DTASKS=4 -DIDLES=2 -DDEATHS=2
all demand -DWORKERS=3 -DTASKS=3 -DDEATHS=1
all left -DTASKS=10 -DSLOTS=4
all left -DWARY=0
all leave -DTASKS=2 -DLEAVES=2
part left -DWORKERS=3
all attach -DDEATHS=3 -DENDS=2 -DJOINS=3
all window -DDEATHS=2
all window -DTASKS=4
all mutex -DDEATHS=2
all mutex -DPROCESSES=4 -DROUNDS=1
all gate -DGETTERS=3 -DDEATHS=2
all permits -DPROCESSES=4 -DPERMITS=2 -DDEATHS=2
all value -DWRITERS=3 -DDEATHS=2
all mapping -DCHANGES=4
all mapping -DFOLLOWERS=3
all mapping -DDEATHS=2
all barrier -DROUNDS=3 -DDEATHS=2
all barrier -DROUNDS=3 -DDEATHS=2 -DJOINED=0
for poll in 0 1; do
	all news -DPOLL=$poll -DBATCHES=3 -DDEATHS=2
	all news -DPOLL=$poll -DWORKERS=3 -DDEATHS=3
done
all priority -DDEATHS=2
all priority -DWORKERS=3 -DDEATHS=0
part priority -DWORKERS=3
all wake $room $largest
all wake $gatherer -DSUBMITTERS=2 $largest
all wake $bells -DSLOTS=3 -DWORKERS=3 -DTASKS=3 -DDEATHS=1
all wake $bells -DTOKENS=2 -DDEATHS=2
all wake $bells -DSLOTS=3 -DTASKS=3 -DDEATHS=2
all wake -DDEATHS=1
# The parts of these states differ more than COLLAPSE gains.
keep=
pan_options=-w28
all wake $bells -DSLOTS=3 $largest
pan_options=
part wake -DSUBMITTERS=2 $largest
finish true
