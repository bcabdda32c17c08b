# expect.sh - for the tests of the examples: . expect.sh; then calls of the functions below; then
# finish. The first two arguments of each test are the program and a Python interpreter. Programs
# for another machine run in an emulator, whose words meson puts into MESON_EXE_WRAPPER; it stands
# unquoted in front of each program, and is empty elsewhere.

program=$1
python=$2
failed=0

folder=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-example-XXXXXX") || exit 1
trap 'rm -rf "$folder"' 0
trap 'exit 1' 1 2 15

fail() {
	echo "FAILED: $*"
	failed=$((failed + 1))
}

# run OPTION... - runs the program; its exit status is $status, its outputs are the files
# $folder/out and $folder/err.
run() {
	status=0
	$MESON_EXE_WRAPPER "$program" "$@" >"$folder/out" 2>"$folder/err" || status=$?
}

# run_well OPTION... - the same, and the program must succeed in silence.
run_well() {
	run "$@"
	[ $status -eq 0 ] || fail "$*: exit status $status"
	[ ! -s "$folder/err" ] || fail "$*: stderr: $(cat "$folder/err")"
}

# expect OPTION... - the program prints exactly the file $folder/wanted.
expect() {
	run_well "$@"
	cmp -s "$folder/wanted" "$folder/out" || fail "$*: $(diff "$folder/wanted" "$folder/out")"
}

# expect_by_workers - the same, for any number of workers.
expect_by_workers() {
	for workers in 1 2 5; do
		expect --workers $workers
	done
	expect
}

# expect_error TEXT OPTION... - the program fails, prints nothing, and says TEXT on stderr.
expect_error() {
	text=$1
	shift
	run "$@"
	[ $status -eq 1 ] || fail "$*: exit status $status instead of 1"
	[ ! -s "$folder/out" ] || fail "$*: stdout: $(cat "$folder/out")"
	grep -qF -e "$text" "$folder/err" || fail "$*: stderr is \"$(cat "$folder/err")\", without \"$text\""
}

finish() {
	[ $failed -eq 0 ]
	exit
}
