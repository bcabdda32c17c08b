#!/bin/sh
# leftovers.sh - the last test of a run: nothing of it may be left. tools/test calls it before and
# after the run.
#
#   leftovers.sh names                      prints this user's names in /dev/shm that start with
#                                           "sheaf"
#   leftovers.sh processes MARK             prints this user's processes that have
#                                           SHEAF_TEST_RUN=MARK in their environment
#   leftovers.sh check NAMES MARK FOLDER fails if the run left a process (one with
#   SHEAF_TEST_RUN=MARK in its environment), a
#                                           name that is not in the file NAMES, or a file in FOLDER,
#                                           its place for temporary files
#
# A new name that a living process uses belongs to another run beside this one, because this run no
# longer has a process.
set -eu

names() {
	find /dev/shm ! -path /dev/shm -prune -name 'sheaf*' -user "$(id -u)" 2>/dev/null | sort
}

# Of this user alone, by each of its ids: any user may choose the environment of a process, and root
# can read all of them.
processes() {
	uid=$(id -u)
	grep -lsxE "Uid:	$uid	$uid	$uid	$uid" /proc/[0-9]*/status | cut -d / -f 3 | while read -r pid; do
		! grep -qsF "SHEAF_TEST_RUN=$mark" "/proc/$pid/environ" || echo "$pid"
	done
}

leftovers() {
	for pid in $(processes); do
		echo "process $pid: $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
	done
	names | grep -vxF -f "$before" | while read -r name; do
		# By inode: a file that got its name late is mapped under none.
		inode=$(stat -c %i "$name" 2>/dev/null) || continue
		grep -qs " $inode  */dev/shm/" /proc/[0-9]*/maps || echo "$name"
	done
	find "$folder" ! -path "$folder"
}

case ${1:-} in
names)
	names
	;;
processes)
	mark=$2
	processes
	;;
check)
	before=$2
	mark=$3
	folder=$4
	if [ ! -r /proc/self/environ ] || [ ! -d /dev/shm ]; then
		echo "leftovers: skipped, since this system has no /proc or /dev/shm"
		exit 77
	fi
	# What was killed last may need a moment to end.
	patience=20
	while found=$(leftovers) && [ -n "$found" ] && [ "$patience" -gt 0 ]; do
		sleep 1
		patience=$((patience - 1))
	done
	[ -n "$found" ] || exit 0
	printf 'The tests left behind:\n%s\n' "$found" >&2
	for pid in $(processes); do
		kill -KILL "$pid" || true
	done
	exit 1
	;;
*)
	echo "usage: leftovers.sh names | processes MARK | check NAMES MARK FOLDER" >&2
	exit 2
	;;
esac
