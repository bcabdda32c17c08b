#!/bin/sh
# instructions.sh PROGRAM COMPILER - counts the instructions of the hot paths, and fails if one has
# grown by more than 5 % over the numbers in instructions.txt. Those hold for one compiler; with
# others the test is skipped.
set -eu

program=$1
compiler=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
rounds=3

case "$compiler" in
"gcc 12 x86_64 linux debugoptimized") ;;
*)
	echo "skipped: the numbers are of gcc 12 on x86-64, -O2, Linux layer; this is $compiler"
	exit 77
	;;
esac
command -v valgrind >/dev/null || {
	echo "skipped: no valgrind here"
	exit 77
}

# How often a path runs in one round; see hotpath.c.
repeats() {
	case $1 in
	run_singles | run_chunks) echo 8192 ;;
	*) echo 512 ;;
	esac
}

count() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$1" "$program" $rounds 2>&1 |
		sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

failed=0
export MALLOC_PERTURB_=0 # the test runner sets it, and filling memory is not what is counted
while read -r path expected; do
	case $path in '#'*) continue ;; esac
	total=$(count "$path")
	[ -n "$total" ] || {
		echo "$path: valgrind counted nothing" >&2
		exit 1
	}
	awk -v path="$path" -v total="$total" -v times="$(repeats "$path")" -v rounds=$rounds -v expected="$expected" 'BEGIN {
		each = total / times / rounds
		printf "%s: %.1f instructions, %s expected\n", path, each, expected
		exit each > expected * 1.05
	}' || failed=1
done <"$here/instructions.txt"

exit $failed
