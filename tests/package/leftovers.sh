#!/bin/sh
# leftovers.sh SOURCE_ROOT BUILD_ROOT - what tools/test ends as left over from a run is this user's,
# whatever others have in their environment.
set -eu

top=$1
command -v setpriv >/dev/null && [ -r /proc/self/status ] || {
	echo "skipped: no setpriv, or no /proc"
	exit 77
}
[ "$(id -u)" -eq 0 ] || {
	echo "skipped: only root can be another user, too"
	exit 77
}

mark=leftovers.$$
SHEAF_TEST_RUN=$mark sleep 300 &
own=$!
SHEAF_TEST_RUN=$mark setpriv --reuid 61001 --regid 61001 --clear-groups sleep 300 &
other=$!
SHEAF_TEST_RUN=$mark setpriv --euid 61001 sleep 300 &
half=$!
trap 'kill $own $other $half' EXIT

# When all three are what they are started as: setpriv is root's until it has made itself another
# user's.
patience=600
until grep -qs 61001 "/proc/$other/status" && grep -qs 61001 "/proc/$half/status" && grep -qs sleep "/proc/$own/comm"; do
	[ "$patience" -gt 0 ] || exit 1
	sleep 0.1
	patience=$((patience - 1))
done
found=$(sh "$top/tests/leftovers.sh" processes "$mark" | xargs)
[ "$found" = "$own" ] || {
	echo "FAILED: got the processes $found of user $(id -u) with the mark, expected $own, not $other and $half of others"
	exit 1
}
