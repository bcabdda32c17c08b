#!/bin/sh
# install.sh - what "meson install" puts down is enough: a program builds with pkg-config alone,
# against the shared and the static library; the shared library has its soname and exports what the
# headers declare, nothing else.
. "$(dirname "$0")/lib.sh"
need meson pkg-config readelf nm

# Paths are relative: pkg-config does not escape a space in the prefix that it is given.
cd "$scratch"
meson install -C "$build" --no-rebuild --quiet --destdir "$scratch/root" >log 2>&1 || fail "$(cat log)"
pc=$(find root -name sheaf.pc)
[ -f "$pc" ] || fail "sheaf.pc is not installed"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
# Where the installation lies now, instead of the folder that it was made for.
prefix=root$(pkg-config --variable=prefix sheaf)

config() {
	pkg-config --define-variable=prefix="$prefix" "$@" sheaf
}

libdir=$(config --variable=libdir)
library=$libdir/libsheaf.so
[ -f "$library" ] || fail "there is no $library"
[ -f "$libdir/libsheaf.a" ] || fail "there is no $libdir/libsheaf.a"
version=$(config --modversion)

soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p')
expect soname "libsheaf.so.${version%%.*}" "$soname"
[ -f "$libdir/$soname" ] || fail "there is no $libdir/$soname"

includedir=$(config --variable=includedir)
for header in "$source"/include/*.h; do
	# Of another library, which is there where MPI is.
	[ "$(basename "$header")" != sheaf_mpi.h ] || [ -f "$libdir/libsheaf-mpi.so" ] || continue
	cmp "$header" "$includedir/$(basename "$header")" || fail "$(basename "$header") is not installed as it is"
done

# exports LIBRARY HEADER...: the library has what these headers declare, and nothing else.
# Declarations start with SHEAF_API, and the name ends before the first parenthesis.
exports() {
	exporter=$1
	shift
	sed -n 's/^SHEAF_API[^(]*[ *]\(sheaf_[a-z0-9_]*\)(.*/\1/p' "$@" | sort >declared
	# Not ours: what the start files of some C libraries export from every library.
	nm -D --defined-only "$exporter" | awk '$3 != "_init" && $3 != "_fini" {print $3}' | sort >exported
	diff declared exported >difference ||
		fail "declared (<) and exported (>) functions of $exporter differ: $(cat difference)"
}

mv "$includedir/sheaf_mpi.h" . 2>/dev/null || :
exports "$library" "$includedir"/sheaf*.h
! readelf -d "$library" | grep -i 'NEEDED.*mpi' || fail "libsheaf needs MPI"
if [ -f "$libdir/libsheaf-mpi.so" ]; then
	exports "$libdir/libsheaf-mpi.so" sheaf_mpi.h
	mv sheaf_mpi.h "$includedir"
	soname=$(readelf -d "$libdir/libsheaf-mpi.so" | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p')
	expect "soname of libsheaf-mpi" "libsheaf-mpi.so.${version%%.*}" "$soname"
	[ -f "$(dirname "$pc")/sheaf-mpi.pc" ] || fail "sheaf-mpi.pc is not installed"
fi

# compile OUTPUT FLAGS [SOURCE]: unquoted, the first two are lists of words.
compile() {
	$CC -std=c11 -Wall -Wextra -Werror -o "$1" "$source/tests/package/${3:-consumer.c}" $2
}

compile shared "$(config --cflags --libs)"
expect "output of the shared program" "Sheaf $version: 27" "$(LD_LIBRARY_PATH=$libdir ./shared)"

compile static "$(config --cflags --libs --static | sed 's/-lsheaf/-l:libsheaf.a/')"
! readelf -d static | grep -q libsheaf || fail "the static program needs the shared library"
expect "output of the static program" "Sheaf $version: 27" "$(./static)"

# A program runs the library's own functions for one that is linked in another way, also if it is
# static and uses none of them itself.
compile shared_sum "-D_DEFAULT_SOURCE $(config --cflags --libs)" sum.c
compile static_sum "-D_DEFAULT_SOURCE $(config --cflags --libs --static | sed 's/-lsheaf/-l:libsheaf.a/')" sum.c
compile least_sum "-DWORKS_ONLY -D_DEFAULT_SOURCE -ffunction-sections -Wl,--gc-sections $(
	config --cflags --libs --static | sed 's/-lsheaf/-l:libsheaf.a/')" sum.c
for pair in shared_sum:static_sum static_sum:shared_sum shared_sum:least_sum static_sum:least_sum; do
	expect "sum of $pair" "200000, 0" "$(LD_LIBRARY_PATH=$libdir "./${pair%:*}" "./${pair#*:}")"
done
