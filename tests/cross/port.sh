#!/bin/sh
# port.sh - the tests with another libc, or for another machine in its emulator, and the counts as a
# line for report.py.
#
#   port.sh PORT COMPILER LAYER FOLDER SUITE... PORT: musl, or a machine that has a file here;
#   COMPILER: gcc or clang;
#                                                 LAYER: linux or posix; FOLDER: where to build
#
# Exits with 77 where the compiler, the libc or the emulator is missing.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$top/tools/lib.sh"

port=$1
compiler=$2
layer=$3
folder=$4
shift 4

if [ -n "$(missing "$compiler" "$port" | xargs)" ]; then
	echo "not here: $(missing "$compiler" "$port" | xargs)"
	exit 77
fi
set -- --build "$folder" $(printf -- '--suite %s ' "$@") -- "-Dos=$layer" -Dtools=disabled
case $port-$compiler in
musl-gcc) CC=musl-gcc ;;
musl-clang)
	# As musl-gcc does it by a file that only gcc reads.
	musl=x86_64-linux-musl
	CC="clang --target=$musl -nostdinc -isystem /usr/include/$musl -isystem $(clang -print-resource-dir)/include -B/usr/lib/$musl"
	export LDFLAGS="-L/usr/lib/$musl"
	;;
*)
	CC=cc
	set -- "$@" --cross-file "$top/tests/cross/$port.ini" --cross-file "$top/tests/cross/$compiler.ini"
	;;
esac
export CC

status=0
mkdir -p "$folder"
sh "$top/tools/test" "$@" >"$folder/port.log" 2>&1 || status=$?
cat "$folder/port.log"
cases=$(sed -n '$s/^\([0-9]*\) passed.*/\1/p' "$folder/port.log")
[ "$status" -eq 0 ] && ok=true || ok=false
echo "report {\"name\": \"ports\", \"cases\": ${cases:-0}, \"seed\": 0, \"ok\": $ok}"
exit "$status"
