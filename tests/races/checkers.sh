#!/bin/sh
# checkers.sh - the stress programs under the thread sanitizer (gcc and clang, no suppressions), the
# address and undefined-behaviour sanitizers, and Valgrind's memcheck; the pool's program also with
# workers that are processes.
#
#   sh tests/races/checkers.sh [SEED] [quick|full]
#
# Builds the library anew for each. One line per run, the report as the last line. What is not
# installed is named and passed over.
set -eu
export LC_ALL=C

source=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
seed=${1:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
amount=${2:-quick}
case $seed in
*[!0-9]* | '') echo "checkers.sh: the seed '$seed' is not a number" >&2 && exit 2 ;;
esac
case $amount in
quick) checkers='tsan-gcc memcheck' more=1 ;;
full) checkers='tsan-gcc tsan-clang asan-gcc asan-clang memcheck' more=20 ;;
*) echo "checkers.sh: '$amount' is neither quick nor full" >&2 && exit 2 ;;
esac
echo "seed $seed"
began=$(date +%s)
folder=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-checkers.XXXXXX")
trap 'rm -rf "$folder"' EXIT
# The checkout's own path may have a space.
ln -s "$source" "$folder/source"
source=$folder/source
trap 'exit 1' HUP INT TERM
cases=0
failed=0

# Thread sanitizers of these years need the addresses of a program not to be randomized as much as
# new kernels do.
steady=
setarch "$(uname -m)" -R true 2>/dev/null && steady="setarch $(uname -m) -R"

# build COMPILER OPTIONS: the library and the programs, in $folder/bin.
build() {
	rm -rf "$folder/bin" "$folder/objects" "$folder/support"
	mkdir "$folder/bin" "$folder/objects" "$folder/support"
	common="-std=c11 -g -O1 -w -D_POSIX_C_SOURCE=200809L -I$source/include -I$source/lib -I$source/tests"
	# What is on MPI is a library of its own. Files of two folders may have the same name.
	(cd "$source/lib/" && find . -name '*.c' ! -name 'posix_*') | grep -Ev '^\./mpi/' | while read -r file; do
		# shellcheck disable=SC2086
		$1 $common $2 -c "$source/lib/$file" -o "$folder/objects/$(echo "${file#./}" | tr / _).o" || exit
	done
	for file in arguments check children deadline proc report rng; do
		# shellcheck disable=SC2086
		$1 $common $2 -D_DEFAULT_SOURCE -c "$source/tests/support/$file.c" -o "$folder/support/$file.o"
	done
	for program in ring heap gather pool wake; do
		# shellcheck disable=SC2086
		$1 $common $2 -o "$folder/bin/$program" "$source/tests/stress/stress_$program.c" "$folder"/objects/*.o "$folder"/support/*.o -pthread
	done
}

# check NAME COMMAND...: it must succeed.
check() {
	name=$1
	shift
	cases=$((cases + 1))
	if "$@" >"$folder/output" 2>&1; then
		echo "ok: $name"
	else
		failed=$((failed + 1))
		echo "FAILED: $name"
		cat "$folder/output"
	fi
}

# programs NAME RUNNER TIMES: each with its amounts, times TIMES.
programs() {
	for run in "ring $((100 * $3))" "heap $((100 * $3))" "gather $((2 * $3))" "pool $((5 * $3))" "wake $((50 * $3))"; do
		# shellcheck disable=SC2086
		check "$1: $run" $2 "$folder/bin/${run% *}" "$seed" ${run#* }
	done
}

for checker in $checkers; do
	tool=${checker%-*}
	compiler=${checker#*-}
	[ "$tool" != memcheck ] || compiler=gcc
	command -v "$compiler" >/dev/null || {
		echo "passed over: $checker: $compiler is not installed"
		continue
	}
	case $tool in
	tsan)
		build "$compiler" -fsanitize=thread
		programs "$checker" "$steady" $((4 * more))
		;;
	asan)
		build "$compiler" '-fsanitize=address,undefined -fno-sanitize-recover=all'
		programs "$checker" '' $((8 * more))
		check "$checker: pool of processes" "$folder/bin/pool" "$seed" $((20 * more)) 0
		;;
	memcheck)
		command -v valgrind >/dev/null || {
			echo "passed over: $checker: valgrind is not installed"
			continue
		}
		build gcc ''
		valgrind="valgrind -q --error-exitcode=99 --leak-check=full --fair-sched=yes"
		programs "$checker" "$valgrind" "$more"
		# A worker with an error ends with 99, which its tasks do not survive.
		# shellcheck disable=SC2086
		check "$checker: pool of processes" $valgrind "$folder/bin/pool" "$seed" "$more" 0
		;;
	esac
done
ok=true
[ $failed -eq 0 ] || ok=false
printf 'report {"name": "races", "cases": %d, "lost": 0, "duplicated": 0, "hung": 0, "leaked": 0, "seed": %d, "seconds": %d, "ok": %s}\n' \
	$cases "$seed" $(($(date +%s) - began)) $ok
$ok
