#!/bin/sh
# prove.sh - every memory order of the library is weakened, and the machine must object. See
# mutations.txt and machine.c.
#
#   sh tests/races/prove.sh [SEED] [quick|full]
#
# Works on a copy. Each mutation gets its changed file compiled and linked anew, and plays lives by
# the seed until something is wrong. quick: a sample of those that are found soon; full: all, and
# those that are accepted must survive. One line per mutation, the report as the last line. CC and
# JOBS may be set.
set -eu
export LC_ALL=C

source=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
seed=${1:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
amount=${2:-quick}
cc=${CC:-gcc}
jobs=${JOBS:-$(nproc)}
case $seed in
*[!0-9]* | '') echo "prove.sh: the seed '$seed' is not a number" >&2 && exit 2 ;;
esac
case $amount in
# budget: lives until a mutant has to be found, which the library itself has to survive. accepted:
# lives of an accepted mutant.
quick) budget=10000 sample=16 ;;
full) budget=200000 accepted=5000 sample= ;;
*) echo "prove.sh: '$amount' is neither quick nor full" >&2 && exit 2 ;;
esac
echo "seed $seed"
command -v "$cc" >/dev/null || {
	echo "there is no compiler '$cc'"
	exit 77
}
began=$(date +%s)
folder=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-races.XXXXXX")
workers=
# Workers end their programs before they end.
trap 'for worker in $workers; do kill "$worker" 2>/dev/null && wait "$worker" || true; done; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

# ---- the copy, and what all mutations share ----

tree=$folder/tree
mkdir "$tree" "$tree/tests" "$folder/base"
cp -r "$source/include" "$source/lib" "$tree"
cp -r "$source/tests/races" "$source/tests/support" "$tree/tests"
list=$folder/list
grep '^[a-z]*/' "$tree/tests/races/mutations.txt" >"$list"

# compile FILE OBJECT OPTIONS
compile() {
	# shellcheck disable=SC2086
	$cc -std=c11 -D_POSIX_C_SOURCE=200809L -U_FORTIFY_SOURCE -w -I"$tree/include" -I"$tree/lib" -I"$tree/tests" -c "$1" \
		-o "$2" $3
}

instrumented='-O1 -fsanitize=thread'
wraps=$(sed 's/^/-Wl,--wrap=/' "$tree/tests/races/wraps.txt" | tr '\n' ' ')

build_base() {
	for folder_of in base os segment trace queue member work batch pool; do
		for file in "$tree/lib/$folder_of"/*.c; do
			case $file in */os/posix_*) continue ;; esac
			compile "$file" "$folder/base/${folder_of}_$(basename "$file" .c).o" "$instrumented -MMD"
		done
	done
	ar rcs "$folder/base.a" "$folder"/base/*.o
	compile "$tree/tests/races/machine.c" "$folder/machine.o" "$instrumented"
	for file in races/memory races/fibers races/access support/arguments support/check support/report support/rng; do
		compile "$tree/tests/$file.c" "$folder/$(basename "$file").o" '-O2 -D_DEFAULT_SOURCE'
	done
}

# link_machine PROGRAM [MUTANTS]: the mutants' objects come before those of the same files in
# base.a.
link_machine() {
	# shellcheck disable=SC2086
	$cc -o "$1" "$folder/machine.o" "$folder/memory.o" "$folder/fibers.o" "$folder/access.o" \
		"$folder/arguments.o" "$folder/check.o" "$folder/report.o" "$folder/rng.o" ${2:-} "$folder/base.a" $wraps -pthread
}

# ---- the list ----

# split LINE: FILE, from lib on | CONTEXT | FROM > TO | OBJECTOR [| REASON]. Sets file, context,
# from, to and by.
split() {
	file=lib/${1%% | *}
	rest=${1#* | }
	context=${rest%% | *}
	rest=${rest#* | }
	change=${rest%% | *}
	from=${change%% *}
	to=${change##* }
	rest=${rest#* | }
	by=${rest%% | *}
}

# mutate MUTANT: the file after the change, and $folder/covered a line longer.
mutate() {
	CONTEXT=$context FROM=$from TO=$to OFFSET=$1.offset awk -f "$tree/tests/races/mutate.awk" "$tree/$file" >"$1"
}

# Each order above relaxed must be in the list, and each line of the list must name one.
check_list() {
	while IFS= read -r line; do
		split "$line"
		if mutate "$folder/mutant"; then
			echo "$file:$(cat "$folder/mutant.offset")"
		else
			echo "broken: $file has no such order: $context $from" >&2
			echo broken >>"$folder/failures"
		fi
	done <"$list" | sort -u >"$folder/covered"
	(cd "$tree" && grep -rbo --include='*.c' --include='*.h' \
		'\b\(load\|store\|cas\|cas_weak\|fetch_[a-z]*\)_\(acquire\|release\|acq_rel\|seq_cst\)(' \
		lib/segment lib/queue lib/member lib/work lib/batch lib/pool) | cut -d: -f1,2 | sort -u >"$folder/orders"
	comm -13 "$folder/covered" "$folder/orders" | while IFS=: read -r file offset; do
		line=$(head -c "$offset" "$tree/$file" | wc -l)
		echo "missing: $file:$((line + 1)) has an order that mutations.txt does not weaken"
		echo missing >>"$folder/failures"
	done
}

# The lines to play: all, or a sample by the seed of those that any machine finds soon.
choose() {
	if [ -z "$sample" ]; then
		cat "$list"
	else
		grep ' | machine$' "$list" | awk -v seed="$seed" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' | sort -g |
			cut -f2- | head -n "$sample"
	fi
}

# ---- playing ----

# play PLACE MOST: does the machine in PLACE object? Its words go there.
objects() {
	"$1/machine" "$seed" "$2" >"$1/words" 2>&1 &
	! wait $!
}

# build_mutant PLACE: the machine in PLACE, with the change of the line that was split. All files
# that include a changed header are compiled anew, by what the compiler has noted of the library's
# own files.
build_mutant() {
	mkdir -p "$1/changed/$(dirname "${file#lib/}")" "$1/objects"
	rm -rf "$1/objects"/* "$1/changed/${file#lib/}"
	mutate "$1/mutant" || return
	case $file in
	*.c) changed=$file ;;
	*)
		cp "$1/mutant" "$1/changed/${file#lib/}"
		changed=$(grep -l " $tree/$file\\( \\|\$\\)" "$folder"/base/*.d | while read -r rule; do
			sed -n "s,.*$tree/\\(lib/[a-z_/]*\\.c\\).*,\\1,p" "$rule" | head -n 1
		done)
		;;
	esac
	for source_of in $changed; do
		object=$1/objects/$(echo "${source_of#lib/}" | tr / _).o
		case $file in
		*.c) cp "$1/mutant" "$1/mutant.c" && compile "$1/mutant.c" "$object" "$instrumented" ;;
		*) compile "$tree/$source_of" "$object" "-iquote $1/changed $instrumented" ;;
		esac || return
	done
	link_machine "$1/machine" "$(echo "$1/objects"/*.o)"
}

# worker NUMBER: every jobs-th line.
worker() {
	trap 'kill $! 2>/dev/null; exit 1' TERM
	place=$folder/place$1
	mkdir "$place"
	number=0
	while IFS= read -r line; do
		number=$((number + 1))
		[ $((number % jobs)) -eq "$1" ] || continue
		split "$line"
		most=$budget
		[ "$by" != accepted ] || most=$accepted
		: >"$place/words"
		if ! build_mutant "$place"; then
			result=broken
		elif objects "$place" "$most"; then
			result=caught
		else
			result=survived
		fi
		case "$result $by" in
		'caught machine' | 'caught patience' | 'survived accepted') ;;
		*)
			result="WRONG: $result"
			echo "$result" >>"$folder/failures"
			;;
		esac
		why=$(sed -n 's/.*play \([0-9]*: [a-z -]*\).*/\1/p' "$place/words" | head -n 1)
		echo "$result" >>"$folder/results"
		printf '%s\n' "$result, $by: $file: $context: $from > $to${why:+ (in life $why)}"
	done <"$folder/chosen"
}

: >"$folder/failures"
: >"$folder/results"
check_list
build_base
link_machine "$folder/machine"
mkdir "$folder/whole"
cp "$folder/machine" "$folder/whole"
choose >"$folder/chosen"
if objects "$folder/whole" "$budget"; then
	cat "$folder/whole/words"
	echo library >>"$folder/failures"
else
	echo "the library: $budget lives without objection"
	number=0
	while [ $number -lt "$jobs" ]; do
		worker $number &
		workers="$workers $!"
		number=$((number + 1))
	done
	for number in $workers; do
		wait "$number" || echo worker >>"$folder/failures"
	done
	workers=
fi
ok=true
[ ! -s "$folder/failures" ] || ok=false
printf 'report {"name": "races", "cases": %d, "lost": 0, "duplicated": 0, "hung": 0, "leaked": 0, "seed": %d, "seconds": %d, "ok": %s}\n' \
	"$(wc -l <"$folder/results")" "$seed" $(($(date +%s) - began)) $ok
$ok
