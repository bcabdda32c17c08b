#!/bin/sh
# port.sh PROGRAM PYTHON MODULES [OLD] - PROGRAM prints what OLD prints, which is a Python script or
# a program for another pool. Without OLD, or if Python lacks one of the MODULES, PROGRAM has to
# succeed. What it prints is then compared with docs/howto/port/ alone, by quotes.py.
. "$(dirname "$0")/expect.sh"

modules=$3
old=${4-}

for module in $modules; do
	"$python" -c "import $module" 2>"$folder/err" || {
		echo "not compared: $(tail -n 1 "$folder/err")"
		old=
		break
	}
done
case $old in
'')
	run_well
	[ -s "$folder/out" ] || fail "it prints nothing"
	;;
*.py)
	"$python" -B "$old" >"$folder/wanted" || fail "$old: exit status $?"
	expect
	;;
*)
	"$old" >"$folder/wanted" || fail "$old: exit status $?"
	expect
	;;
esac
finish
