#!/bin/sh
# parzen.sh PARZEN PARZEN_SERIAL - the main example gives the published table, and what a serial
# program says about other data.

case $1 in /*) parzen=$1 ;; *) parzen=$PWD/$1 ;; esac
case $2 in /*) serial=$2 ;; *) serial=$PWD/$2 ;; esac
failed=0

folder=$(mktemp -d "${TMPDIR:-/tmp}/parzen-test-XXXXXX") || exit 1
trap 'rm -rf "$folder"' 0
trap 'exit 1' 1 2 15
cd "$folder" || exit 1

fail() {
	echo "FAILED: $*"
	failed=$((failed + 1))
}

# expect_csv WANTED OPTION... - --csv prints exactly the file WANTED, and nothing on stderr.
expect_csv() {
	wanted=$1
	shift
	$MESON_EXE_WRAPPER "$parzen" --csv "$@" >out 2>err
	status=$?
	[ $status -eq 0 ] || fail "--csv $*: exit status $status: $(cat err)"
	cmp -s "$wanted" out || fail "--csv $*: $(diff "$wanted" out)"
	[ ! -s err ] || fail "--csv $*: stderr: $(cat err)"
}

# expect_error STATUS TEXT OPTION... - ends with STATUS, prints nothing, and says TEXT on stderr.
expect_error() {
	wanted=$1
	text=$2
	shift 2
	$MESON_EXE_WRAPPER "$parzen" "$@" >out 2>err
	status=$?
	[ $status -eq "$wanted" ] || fail "$*: exit status $status instead of $wanted"
	[ ! -s out ] || fail "$*: stdout: $(cat out)"
	grep -qF -e "$text" err || fail "$*: stderr is \"$(cat err)\", without \"$text\""
}

# The published table: its widths, counts and column, and beside it the right density.
cat >published <<'END'
position,h,inside,published,density
0,0.1,16,0.016,0.16
1,0.2,61,0.0305,0.1525
2,0.3,135,0.045,0.15
3,0.4,247,0.06175,0.154375
4,0.5,390,0.078,0.156
5,0.6,547,0.0911666666667,0.151944444444
6,0.7,742,0.106,0.151428571429
7,0.8,939,0.117375,0.14671875
8,0.9,1194,0.132666666667,0.147407407407
9,1,1445,0.1445,0.1445
10,1.1,1728,0.157090909091,0.142809917355
11,1.2,2022,0.1685,0.140416666667
END
expect_csv published
for workers in 1 2 3 5; do
	expect_csv published --workers $workers
done
expect_csv published --repeat 100 --attempts 5
expect_csv published --point 0,0 --widths=0.1:1.2:0.1
[ ! -e parzen.svg ] || fail "--csv wrote a picture"

# Widths: one alone; a step that does not reach the last one.
{ head -n 1 published; echo 0,1,1445,0.1445,0.1445; } >one
expect_csv one --widths 1:1:0.5
head -n 4 published >three
expect_csv three --widths 0.1:0.35:0.1

# Other data: seeds, sizes, widths in hundredths, points in 1, 2 and 3 dimensions; all three kinds
# of file.
seed=$(date +%s)
# expect_serial ROWS FIRST STEP COUNT WIDTHS X...
expect_serial() {
	rows=$1 first=$2 step=$3 count=$4 widths=$5
	shift 5
	$MESON_EXE_WRAPPER "$serial" . "$seed" "$rows" "$first" "$step" "$count" "$@" >estimate || fail "parzen_serial did not run"
	point=$(echo "$@" | tr ' ' ,)
	for file in plain.csv header.csv samples.npy; do
		for workers in 1 2 3 5; do
			expect_csv estimate --data $file --point "$point" --widths "$widths" --workers $workers
		done
	done
	seed=$((seed + 1))
}
echo "seed $seed"
expect_serial 5000 10 10 12 0.1:1.2:0.1 0 0
expect_csv estimate --data plain.csv
expect_serial 4000 150 25 9 1.5:3.5:0.25 0.5 -1 0.125
expect_serial 1000 1 3 34 0.01:1:0.03 -0.75
expect_serial 1 100 100 5 1:5:1 0.5 0.5 0.5

# Without --csv: the same figures, the times, the picture.
$MESON_EXE_WRAPPER "$parzen" --workers 2 >out 2>err || fail "parzen: exit status $?: $(cat err)"
awk -F, 'NR > 1 { print $1, $2, $3, $4, $5 }' published >rows
awk 'NF == 5 && $1 ~ /^[0-9]+$/ { print $1, $2, $3, $4, $5 }' out >table
cmp -s rows table || fail "the table: $(diff rows table)"
grep -qF 0.159154943092 out || fail "the true density is not told"
for bar in serial "2 workers" "3 workers" "4 workers" "6 workers"; do
	grep -Eq "^$bar +[0-9.]+ ms, speed-up [0-9.]+ +#" out || fail "no bar for $bar in: $(cat out)"
	grep -qF ">$bar</text>" parzen.svg || fail "no bar for $bar in parzen.svg"
done
grep -Fq "$(uname -s)" out || fail "the machine is not told"
[ "$(head -c 4 parzen.svg)" = "<svg" ] && [ "$(tail -n 1 parzen.svg)" = "</svg>" ] || fail "parzen.svg is no picture"
[ "$(grep -c '^<rect x' parzen.svg)" -eq 5 ] || fail "parzen.svg has not five bars"
rm -f parzen.svg
$MESON_EXE_WRAPPER "$parzen" --csv --svg other.svg >out 2>err || fail "--csv --svg: exit status $?: $(cat err)"
cmp -s published out || fail "--csv --svg: $(diff published out)"
[ -s other.svg ] || fail "--svg wrote nothing"
[ ! -e parzen.svg ] || fail "--svg other.svg wrote parzen.svg"

$MESON_EXE_WRAPPER "$parzen" --help >out 2>err || fail "--help: exit status $?"
grep -q '^Examples:' out || fail "--help shows no examples"

# Bad options.
for count in 0 -1 +1 1.5 abc "" 2049 99999999999999999999; do
	expect_error 2 "--workers \"$count\": wanted is a whole number from 1 to 2048" --workers "$count"
done
expect_error 2 '--attempts "32": wanted is a whole number from 1 to 31' --attempts 32
expect_error 2 '--repeat "0": wanted is a whole number from 1' --repeat=0
for widths in 1 1:2 1:2:0 1:2:-1 0:1:0.1 -1:1:1 2:1:0.1 1:2:x 1:2:0.1: 1:inf:1 nan:1:1 ""; do
	expect_error 2 "--widths \"$widths\": wanted is FIRST:LAST:STEP" --widths "$widths"
done
expect_error 2 'a STEP that gives less than' --widths 1:1e9:0.1
for point in "" 1, ,1 1,x "1 2" nan,0; do
	expect_error 2 "--point \"$point\": wanted is numbers separated by commas" --point "$point"
done
expect_error 2 '--point has 3 coordinates, but the samples have 2' --point 1,2,3
expect_error 2 '--data needs a value' --data
expect_error 2 'unknown option "--wide"' --wide
expect_error 2 'unknown option "--csv=1"' --csv=1
expect_error 2 'unknown option "0.5"' 0.5

# Runs that fail.
expect_error 1 'missing.csv: cannot open' --data missing.csv
printf '1,2\n3,4x\n' >bad.csv
expect_error 1 'bad.csv: line 2, column 2: "4x" is not a number' --csv --data bad.csv
: >empty.csv
expect_error 1 'empty.csv: holds no samples' --data empty.csv
$MESON_EXE_WRAPPER "$serial" . 1 100 10 10 1 0 0 >estimate
head -c 1000 samples.npy >short.npy
expect_error 1 'short.npy: the .npy file is truncated: 728 of 1600 bytes of its values are missing' --data short.npy
expect_error 1 'is a directory' --data .
$MESON_EXE_WRAPPER "$parzen" --svg no/such/folder.svg >out 2>err && fail "a picture in a folder that is missing"
grep -qF 'cannot write no/such/folder.svg' err || fail "no word of the missing folder: $(cat err)"
if [ -c /dev/full ]; then
	$MESON_EXE_WRAPPER "$parzen" --csv >/dev/full 2>err && fail "a full output goes unnoticed"
	grep -qF 'cannot write to standard output' err || fail "no word of the full output: $(cat err)"
fi

[ $failed -eq 0 ] || { echo "$failed failed"; exit 1; }
echo "all passed"
