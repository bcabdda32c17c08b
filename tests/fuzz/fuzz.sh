#!/bin/sh
# fuzz.sh - libFuzzer tries for some seconds to find inputs that break a rule: segments, starting
# from those of live pools; or tables, journals or packets, starting from generated ones. Needs
# clang with its fuzzer runtime, and is skipped without.
# Usage: fuzz.sh segments|tables|csv|journals|packets CORPUS_PROGRAM [SEED [SECONDS]]
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
what=$1
case $2 in
/*) corpus=$2 ;;
*) corpus=$PWD/$2 ;;
esac
seed=${3:-${SEED:-$(date +%s)}}
seconds=${4:-2}
folder=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-fuzz.XXXXXX")
SEGMENT=/fuzz-$(basename "$folder")
export SEGMENT
trap 'rm -rf "$folder" "/dev/shm$SEGMENT"' EXIT
trap 'exit 1' HUP INT TERM
echo "seed $seed"

clang=
for candidate in clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19; do
	# Some have no runtime of the fuzzer, and some are there without being able to compile.
	if echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int LLVMFuzzerTestOneInput(const char *d, unsigned long n)
		{ return d && n > 9; }' | $candidate -x c -fsanitize=fuzzer,address,undefined -o "$folder/probe" - 2>/dev/null; then
		clang=$candidate
		break
	fi
done
[ -n "$clang" ] || {
	echo "skipped: there is no clang with -fsanitize=fuzzer (Debian: libclang-rt-14-dev)"
	exit 77
}
[ -w /dev/shm ] || {
	echo "skipped: this system does not show its shared memory in /dev/shm"
	exit 77
}

other=linux
[ "$(uname)" != Linux ] || other=posix
mkdir "$folder/seeds" "$folder/found"
cd "$top"
os_sources=$(printf "%s " lib/os/*.c | sed "s,lib/os/${other}_[a-z]*.c,,g")
support=$(for file in check deadline report rng; do echo "tests/support/$file.c"; done)
# Only what the sources name is watched closely. Of the rest of the library, the fuzzer takes each
# file as fast as it is.
with_rest() {
	# shellcheck disable=SC2086
	watched=" $(echo $sources) "
	rest=
	for source in lib/*/*.c; do
		case $source in
		lib/os/"$other"_* | lib/mpi/*) continue ;;
		esac
		case $watched in
		*" $source "*) ;;
		*) rest="$rest $source" ;;
		esac
	done
	mkdir "$folder/rest"
	# shellcheck disable=SC2086
	(cd "$folder/rest" && for source in $(cd "$top" && echo $rest); do
		$clang -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -I"$top/include" -I"$top/lib" -c "$top/$source" \
			-o "$(echo "${source#lib/}" | tr / _).o"
	done)
	sources="$sources $folder/rest/*.o"
}
case $what in
segments)
	"$corpus" "$folder/seeds"
	longest=80000
	export TRACE_FILE="$folder/trace.json"
	sources="tests/fuzz/fuzz_inspect.c tests/fuzz/inspect_rules.c $support tests/support/children.c tests/support/proc.c
		lib/base/clock.c lib/base/printable.c lib/base/error.c $os_sources
		lib/segment/*.c lib/trace/*.c lib/watch/*.c"
	;;
tables | csv)
	"$corpus" "$seed" 300 "$folder/seeds"
	# Longer than two buffers of the reader. Those for a CSV file are made shorter.
	longest=200000
	[ "$what" = tables ] || longest=4000
	sources="tests/fuzz/fuzz_tables.c tests/fuzz/table_load.c tests/fuzz/tables.c tests/fuzz/memory_meter.c $support lib/base/printable.c
		lib/data/input.c lib/data/table.c lib/data/foreign.c lib/data/npy.c lib/data/npy_header.c
		lib/data/dtype.c lib/data/shape.c lib/data/array.c lib/data/npz.c lib/data/zip.c lib/data/crc32.c
		lib/table/array_csv.c lib/table/array_fill.c lib/table/array_load.c lib/table/array_value.c lib/table/decimal.c
		lib/table/fields.c lib/table/header.c lib/table/missing.c"
	[ "$what" = tables ] || sources="tests/fuzz/fuzz_csv.c tests/fuzz/csv_rules.c $support -DPIECE_ROOM=48 -DPIECE_BEYOND=5
		-DRANGE_LEAST=7 -DARRAY_FILL_LEAST=1 lib/table/array_csv.c lib/table/array_fill.c lib/table/array_load.c
		lib/table/array_value.c lib/table/fields.c lib/table/cell.c lib/table/codes.c lib/table/columns.c lib/table/decimal.c lib/table/fill.c
		lib/table/fill_put.c lib/table/flaw.c lib/table/guess.c lib/table/head.c lib/table/header.c lib/table/loading.c lib/table/missing.c
		lib/table/pass.c lib/table/piece.c lib/table/ranges.c lib/table/stream.c lib/table/table_load.c lib/table/texts.c"
	with_rest
	[ "$what" = csv ] || sources="$sources -Wl,--wrap=os_commit -Wl,--wrap=os_release -Wl,--wrap=read"
	;;
journals)
	"$corpus" "$seed" 200 "$folder/seeds"
	longest=4000
	sources="tests/fuzz/fuzz_journal.c tests/fuzz/journal_load.c $support
		lib/base/clock.c lib/base/printable.c lib/base/error.c lib/base/grow.c $os_sources
		lib/resume/hash.c lib/resume/identity.c lib/resume/claim.c lib/resume/record.c lib/resume/record_write.c lib/resume/ledger.c
		lib/resume/journal.c lib/resume/journal_read.c"
	;;
packets)
	"$corpus" "$seed" 300 "$folder/seeds"
	longest=600
	sources="-Itests/fuzz/types tests/fuzz/fuzz_packets.c tests/fuzz/packet_load.c $support lib/base/printable.c
		lib/mpi/checkpoint.c lib/mpi/dispatch.c lib/mpi/grants.c lib/mpi/hand.c lib/mpi/ledger.c lib/mpi/line.c lib/mpi/pack.c lib/mpi/packet.c
		lib/mpi/place.c lib/mpi/rank.c lib/mpi/stretch.c lib/mpi/warn.c"
	with_rest
	;;
*)
	echo "usage: fuzz.sh segments|tables|csv|journals|packets CORPUS_PROGRAM [SEED [SECONDS]]" >&2
	exit 2
	;;
esac
# shellcheck disable=SC2086
$clang -std=c11 -D_POSIX_C_SOURCE=200809L -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-Iinclude -Ilib -Itests -o "$folder/fuzz" $sources -lpthread

# An input that takes a minute counts as hung. libFuzzer's seed has 32 bits, and 0 means any.
failed=0
began=$(date +%s)
"$folder/fuzz" -seed=$((seed % 4294967295 + 1)) -max_total_time="$seconds" -timeout=60 -max_len=$longest -reload=0 -use_value_profile=1 \
	-print_final_stats=1 -artifact_prefix="$folder/found/" "$folder/seeds" >"$folder/log" 2>&1 || failed=1
cases=$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log")
hung=0
if [ "$failed" -ne 0 ]; then
	grep -v '^#' "$folder/log" | tail -n 60 >&2
	! grep -q 'libFuzzer: timeout' "$folder/log" || hung=1
	for input in "$folder"/found/*; do
		echo "The input, as gzip and base64:" >&2
		gzip -9c "$input" | base64 >&2
	done
fi
ok=false
[ "$failed" -ne 0 ] || ok=true
echo "report {\"name\": \"$what\", \"cases\": ${cases:-0}, \"lost\": 0, \"duplicated\": 0, \"hung\": $hung, \"leaked\": 0," \
	"\"seed\": $seed, \"seconds\": $(($(date +%s) - began)), \"ok\": $ok}"
exit "$failed"
