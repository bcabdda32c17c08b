#!/bin/sh
# subproject.sh - another meson project uses the checkout as its subproject.
. "$(dirname "$0")/lib.sh"
need meson

mkdir "$scratch/subprojects"
ln -s "$source" "$scratch/subprojects/sheaf"
cp "$source/tests/package/consumer.c" "$scratch"
cat >"$scratch/meson.build" <<'END'
project('consumer', 'c', default_options: ['c_std=c11'])
executable('consumer', 'consumer.c', dependencies: dependency('sheaf', fallback: 'sheaf'))
END

{
	meson setup --wrap-mode=forcefallback "$scratch/build" "$scratch" && meson compile -C "$scratch/build"
} >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
output=$("$scratch/build/consumer")
case $output in
"Sheaf "*": 27") ;;
*) fail "the program printed '$output' instead of 'Sheaf VERSION: 27'" ;;
esac
[ ! -e "$scratch/build/subprojects/sheaf/tests" ] || fail "the subproject has set up its tests"
