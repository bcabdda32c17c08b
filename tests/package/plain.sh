#!/bin/sh
# plain.sh - a plain "ninja" builds the library, and nothing that only tests or examples need.
. "$(dirname "$0")/lib.sh"

rules=$build/build.ninja
[ -f "$rules" ] || skip "ninja does not build this"
built=$(sed -n 's/^build all: phony //p' "$rules" | tr ' ' '\n')
case $built in
*lib/libsheaf*) ;;
*) fail "'ninja' does not build the library, but: $(echo $built)" ;;
esac
needless=$(printf '%s\n' "$built" | grep -E '^(tests|docs)/|^meson-' | xargs)
expect "built by a plain 'ninja' though only tests or examples need it" '' "$needless"
