#!/bin/sh
# ring.sh - searches all states of ring.pml, and checks that its mutants are caught. Needs spin; skipped without it.
set -eu

model=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/ring.pml
command -v spin >/dev/null || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# errors [OPTION]: prints how many the search finds; it stops at the first.
errors() {
	spin -a "$@" "$model" >/dev/null
	${CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c
	./pan -m1000000 >out
	! grep -q 'max search depth too small' out || exit 1
	sed -n 's/.*errors: \([0-9]*\).*/\1/p' out
}

found=$(errors)
[ "$found" = 0 ] || {
	cat out
	exit 1
}
grep 'states, stored' out
for mutant in NO_RECHECK NO_GIVE_UP BLIND_HEAD; do
	found=$(errors "-D$mutant")
	[ "$found" = 1 ] || {
		echo "the mutant $mutant is not caught"
		exit 1
	}
done
