#!/bin/sh
# cluster_parzen.sh PROGRAM PYTHON KIND MPIRUN - the published table, and a bar for each number of
# ranks.
. "$(dirname "$0")/expect.sh"
. "$(dirname "$0")/cluster.sh"

cat >"$folder/wanted" <<'END'
position,h,inside,density
0,0.1,16,0.16
1,0.2,61,0.1525
2,0.3,135,0.15
3,0.4,247,0.154375
4,0.5,390,0.156
5,0.6,547,0.151944444444
6,0.7,742,0.151428571429
7,0.8,939,0.14671875
8,0.9,1194,0.147407407407
9,1,1445,0.1445
10,1.1,1728,0.142809917355
11,1.2,2022,0.140416666667
END
for ranks in 0 1 3; do
	run_ranks $ranks --workers 1
	head -n 13 "$folder/out" >"$folder/table"
	cmp -s "$folder/wanted" "$folder/table" || fail "$ranks ranks: $(diff "$folder/wanted" "$folder/table")"
	bars=$(grep -Ec '^[1-9] ranks? +[0-9.]+ ms, speed-up [0-9.]+ +#' "$folder/out")
	[ "$bars" -eq $((ranks > 1 ? ranks : 1)) ] || fail "$ranks ranks: $bars bars in: $(cat "$folder/out")"
done
# As the page says: all CPUs of a node for one rank.
if [ "$kind" = openmpi ]; then
	"$mpirun" --host localhost --map-by ppr:1:node --bind-to none "$program" >"$folder/out" 2>"$folder/err" ||
		fail "one rank per node: $(cat "$folder/err")"
	[ ! -s "$folder/err" ] || fail "one rank per node: a warning: $(cat "$folder/err")"
fi
finish
