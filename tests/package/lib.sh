# lib.sh - what the tests of this folder share. They are called as NAME.sh SOURCE BUILD, with the C
# compiler of the build in CC. Sets $source, $build and $scratch, an empty folder that is gone at
# the end. Its name has a space: all must work in such a path.
set -eu

source=$1
build=$2
outer=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-package.XXXXXX")
trap 'rm -rf "$outer"' EXIT
trap 'exit 1' HUP INT TERM
scratch="$outer/with space"
mkdir "$scratch"

fail() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

skip() {
	echo "$(basename "$0"): skipped: $*"
	exit 77
}

# Stops with exit code 77 unless all these commands are here.
need() {
	for command; do
		command -v "$command" >/dev/null 2>&1 || skip "there is no $command"
	done
}

# expect WHAT EXPECTED ACTUAL
expect() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}
