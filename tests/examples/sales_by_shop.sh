#!/bin/sh
# sales_by_shop.sh PROGRAM PYTHON - the same text for any number of workers, and what a plain
# program finds.
. "$(dirname "$0")/expect.sh"

run_well --workers 1
cp "$folder/out" "$folder/wanted"
expect --workers 2
expect --workers 5
"$python" - "$folder/wanted" <<'END' || fail "other sums: $(cat "$folder/wanted")"
import statistics
import sys

shops = {}
for i in range(200000):
    x = (i + 1) * 0x9e3779b97f4a7c15 % 2**64
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93 % 2**64
    shops.setdefault((x >> 40) % 7 * 10, []).append((x >> 20 & 0xffff) / 100)
with open(sys.argv[1], encoding="ascii") as lines:
    rows = lines.read().splitlines()
names = ["north", "east", "south", "west", "centre", "?", "?"]
for row, (shop, amounts), name in zip(rows, sorted(shops.items()), names):
    words = row.replace(",", "").split()
    assert words[1] == str(shop) and words[2] == name and words[3] == str(len(amounts)), row
    assert abs(float(words[6]) - sum(amounts)) < 0.01, (row, sum(amounts))
    assert abs(float(words[8]) - statistics.median(amounts)) < 0.001, (row, statistics.median(amounts))
large = [(amount, sum(amounts)) for shop, amounts in sorted(shops.items()) for amount in amounts if amount > 650]
words = rows[7].split()
assert words[0] == str(len(large)), rows[7]
assert abs(float(words[3]) - sum(amount / whole for amount, whole in large)) < 1e-5, rows[7]
END
run --sales 0
[ $status -eq 1 ] || fail "--sales 0: exit status $status"
finish
