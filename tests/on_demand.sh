#!/bin/sh
# on_demand.sh - have a plain "ninja" build no tests. Meson runs this after each setup.
#
# Before version 1.7, meson makes all that a test needs a part of the target "all", whatever
# build_by_default says, because "ninja test" relies on that. Here "ninja test" needs it by itself.
# "meson test" always builds what it runs.
set -eu

rules=$MESON_BUILD_ROOT/build.ninja
[ -f "$rules" ] || exit 0
sed -e 's/^build all: phony meson-test-prereq meson-benchmark-prereq/build all: phony/' \
	-e 's/^build meson-internal__test: CUSTOM_COMMAND all PHONY/build meson-internal__test: CUSTOM_COMMAND all meson-test-prereq PHONY/' \
	"$rules" >"$rules.new"
mv "$rules.new" "$rules"
