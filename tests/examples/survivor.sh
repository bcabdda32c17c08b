#!/bin/sh
# survivor.sh PROGRAM PYTHON - one position was run twice, one failed with its reason, all others
# were not touched.
. "$(dirname "$0")/expect.sh"

cat >"$folder/wanted" <<'END'
position 0, attempts 1: 0
position 1, attempts 1: 1
position 2, attempts 2: 4
position 3, attempts 1: 9
position 4, attempts 1: 16
position 5, attempts 3: failed: MESSAGE
position 6, attempts 1: 36
position 7, attempts 1: 49
END
for workers in 1 2 5; do
	run_well --workers $workers
	sed 's/failed: position 5: .* signal 9 .* attempt 3.*/failed: MESSAGE/' "$folder/out" >"$folder/lines"
	cmp -s "$folder/wanted" "$folder/lines" || fail "--workers $workers: $(diff "$folder/wanted" "$folder/lines")"
done
finish
