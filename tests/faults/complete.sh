#!/bin/sh
# complete.sh - fails if the library calls a function that neither has a wrapper nor is known not to
# fail.
#
#   complete.sh CHECKOUT LIBRARY WRAPPED... LIBRARY: the static one; both system layers are compiled
#   here as well
set -eu
LC_ALL=C
export LC_ALL

top=$1
library=$2
shift 2
here=$top/tests/faults
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-complete.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

command -v nm >/dev/null || {
	echo "skipped: no nm"
	exit 77
}
for layer in "$top"/lib/os/linux_*.c "$top"/lib/os/posix_*.c; do
	${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 -I "$top/include" -I "$top/lib" -c "$layer" \
		-o "$scratch/$(basename "$layer").o"
done

# What it calls and does not define, without what a sanitizer adds; "__snprintf_chk" is snprintf()
# with a check.
nm "$library" "$scratch"/*.o | awk 'NF == 3 && $2 ~ /[TDBRVWC]/ { print $3 }' | sort -u >"$scratch/defined"
nm -u "$library" "$scratch"/*.o | awk '$1 == "U" && $2 !~ /^__([atu]|ub)san_/ { print $2 }' |
	sed 's/^__\(.*\)_chk$/\1/' | sort -u | comm -23 - "$scratch/defined" >"$scratch/called"
[ -s "$scratch/called" ] || {
	echo "complete.sh: nm finds no call in $library" >&2
	exit 1
}
for name; do
	echo "$name"
done | sort -u >"$scratch/wrapped"
sed '/^#/d; /^$/d; s/[ 	].*//' "$here/excused.txt" | sort -u >"$scratch/excused"

# What has a wrapper must not slip by with a check.
nm -u "$library" | sed -n 's/^ *U __\(.*\)_chk$/\1/p' | sort -u | comm -12 - "$scratch/wrapped" |
	sed 's/.*/__&_chk/' >"$scratch/checked"
slips=$(comm -23 "$scratch/checked" "$scratch/wrapped")
[ -z "$slips" ] || {
	echo "Called under names that have no wrapper:" $slips >&2
	exit 1
}

missing=$(comm -23 "$scratch/called" "$scratch/wrapped" | comm -23 - "$scratch/excused")
if [ -n "$missing" ]; then
	echo "The library calls these functions, whose failure is not tried:" $missing >&2
	echo "Give each a wrapper in tests/faults/calls.c and meson.build, or a line in excused.txt that tells why it cannot fail." >&2
	exit 1
fi
twice=$(comm -12 "$scratch/wrapped" "$scratch/excused")
[ -z "$twice" ] || {
	echo "wrapped and excused:" $twice >&2
	exit 1
}
wrapped=$(comm -12 "$scratch/called" "$scratch/wrapped" | wc -l)
echo "$(wc -l <"$scratch/called") functions are called: $wrapped wrapped, the others excused"
