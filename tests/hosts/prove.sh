#!/bin/sh
# prove.sh - plays all hosts, or all intruders, of a build folder in one environment: the parts of
# these names of tools/prove.
#
#   prove.sh FOLDER user|plain|pid|cgroup [ARGUMENT...]
#
#   user    as the user that runs this; where that is root, each case has a mount namespace with a
#           /dev/shm of its own
#   plain   as a user without rights and without other processes
#   pid     in a process namespace, with a /proc of its own
#   cgroup  in a control group with 1 GiB of memory
#
# FOLDER is called hosts or intruders, and has the programs hosts_* or intruders_*. ARGUMENTs go to
# each of them. Exit code 77: this machine does not have the environment.
set -eu

folder=$1
kind=$(basename "$folder")
environment=$2
shift 2

skip() {
	echo "$kind: '$environment' is left out: $*"
	exit 77
}

# Programs may lie where a plain user cannot read them.
bin=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-$kind-XXXXXX")
group=
finish() {
	rm -rf "$bin"
	[ -z "$group" ] || leave_group
}
trap finish EXIT
chmod 755 "$bin"
for program in "$folder/${kind}_"*; do
	case $program in
	*.p | *.c) continue ;;
	esac
	[ -x "$program" ] && cp "$program" "$bin"/
done

# enter_group: makes a control group with little memory and moves this shell there.
enter_group() {
	parent=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
	file=memory.limit_in_bytes
	if [ ! -w "$parent/cgroup.procs" ]; then
		parent=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
		file=memory.max
		{ echo +memory >"$parent/cgroup.subtree_control"; } 2>/dev/null || true
	fi
	[ -w "$parent/cgroup.procs" ] || return 1
	mkdir "$parent/sheaf-$kind-$$" 2>/dev/null || return 1
	group=$parent/sheaf-$kind-$$
	{ echo 1073741824 >"$group/$file" && echo $$ >"$group/cgroup.procs"; } 2>/dev/null
}

leave_group() {
	{ echo $$ >"$parent/cgroup.procs"; } 2>/dev/null || true
	rmdir "$group" 2>/dev/null || true
}

prefix=
case $environment in
user) ;;
plain)
	[ "$(id -u)" -eq 0 ] || skip "only root can become another user"
	set -- --plain "$@"
	;;
pid)
	unshare --pid --fork --mount-proc true 2>/dev/null || skip "no process namespace can be made here"
	prefix="unshare --pid --fork --mount-proc --kill-child"
	;;
cgroup)
	enter_group || skip "no control group for memory can be made here"
	;;
*)
	echo "prove.sh: unknown environment '$environment'" >&2
	exit 2
	;;
esac

# Most of the time cases wait for something. The ones that wait longest come first. The list is
# whole before the first one writes its log.
code=0
list=$(
	for name in successor time settings mistakes forks output descriptors; do
		[ ! -x "$bin/${kind}_$name" ] || echo "$bin/${kind}_$name"
	done
	ls "$bin/${kind}_"* | grep -vE '_(successor|time|settings|mistakes|forks|output|descriptors)$'
)
echo "$list" | xargs -P 4 -I PROGRAM $prefix sh -c '"$@" >"$1.log" 2>&1; echo $? >"$1.code"' sh PROGRAM "$@" || code=1

skipped=0
count=0
for program in "$bin/${kind}_"*.code; do
	cat "${program%.code}.log"
	count=$((count + 1))
	case $(cat "$program") in
	0) ;;
	77) skipped=$((skipped + 1)) ;;
	*) code=1 ;;
	esac
done
[ "$count" -gt 0 ] || skip "$folder has no programs ${kind}_*"
[ "$code" -ne 0 ] || [ "$skipped" -lt "$count" ] || code=77
exit $code
