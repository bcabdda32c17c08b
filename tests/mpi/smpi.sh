#!/bin/sh
# smpi.sh RUN - 100 simulated ranks run each position of a loop once, and take as long as the model
# says: with items that are alike, and with some that are slow. Skipped without SMPI.
set -eu

scratch=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-smpi.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

sh "$1" "$scratch" 100 8 500 0 1
sh "$1" "$scratch" 100 8 500 1 20
