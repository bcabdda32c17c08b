#!/bin/sh
# model_workers.sh PROGRAM PYTHON - each worker has loaded the model, all answers are right, workers
# were renewed, and a model that cannot be loaded is told.
. "$(dirname "$0")/expect.sh"

wanted() {
	cat >"$folder/wanted" <<-END
		sum of 400 answers: $1
		workers were renewed: $2
	END
}

# answers N - the exit hooks have told of so many in all.
answers() {
	sum=$(awk '/^worker [0-9]+ gave [0-9]+ answers$/ {sum += $4} END {print sum + 0}' "$folder/err")
	[ "$sum" = "$1" ] || fail "the exit hooks tell of $sum answers: $(cat "$folder/err")"
}

for workers in 1 2 5; do
	wanted 732.459688 yes
	run --workers $workers
	[ $status -eq 0 ] || fail "--workers $workers: exit status $status, $(cat "$folder/err")"
	cmp -s "$folder/wanted" "$folder/out" || fail "--workers $workers: $(diff "$folder/wanted" "$folder/out")"
	answers 400
done

echo "1 0 0 0" >"$folder/model"
wanted 400.000000 yes
run --workers 2 --model "$folder/model"
cmp -s "$folder/wanted" "$folder/out" || fail "--model: $(diff "$folder/wanted" "$folder/out")"
answers 400

echo "1 0" >"$folder/model"
expect_error "its init hook failed: the model \"$folder/model\" has 2 weights instead of 4" --workers 2 --model "$folder/model"
expect_error "cannot open the model \"$folder/none\"" --workers 3 --model "$folder/none"
finish
