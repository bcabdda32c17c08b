#!/bin/sh
# headers.sh - each public header compiles alone, in C11 and C++11, with every compiler that is here
# and without a warning.
. "$(dirname "$0")/lib.sh"

strict='-Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only'
tried=0
# Where MPI has its header, which is not ours to check. Without MPI its part of Sheaf is not built.
mpi=
for name in ompi-c mpich; do
	if [ -z "$mpi" ] && pkg-config --exists "$name" 2>/dev/null; then
		mpi=$(pkg-config --cflags-only-I "$name" | sed 's/-I/-isystem/g')
	fi
done

# try LANGUAGE STANDARD COMPILER...: the compiler is left out if it does not even take an empty
# file.
try() {
	language=$1
	standard=$2
	shift 2
	"$@" -x "$language" "-std=$standard" -fsyntax-only /dev/null 2>/dev/null || return 0
	tried=$((tried + 1))
	for header in "$source"/include/*.h; do
		case $header in
		*/sheaf_mpi.h) [ -n "$mpi" ] || continue ;;
		esac
		# Unquoted: lists of options.
		echo "#include \"$(basename "$header")\"" |
			"$@" -x "$language" "-std=$standard" $strict -I "$source/include" $mpi - ||
			fail "$(basename "$header") does not compile with $* -std=$standard"
	done
}

try c c11 $CC
try c c11 gcc
try c c11 clang
try c++ c++11 g++
try c++ c++11 clang++
[ "$tried" -gt 0 ] || fail "no compiler works, not even '$CC'"
