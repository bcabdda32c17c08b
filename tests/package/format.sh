#!/bin/sh
# format.sh - every C file is as clang-format makes it. Only of version 14: others format some lines
# otherwise.
. "$(dirname "$0")/lib.sh"

for formatter in clang-format-14 clang-format; do
	case $($formatter --version 2>/dev/null) in
	*'version 14.'*)
		cd "$source"
		find include lib tools tests docs -name '*.[ch]' >"$scratch/files"
		while read -r file; do
			"$formatter" --dry-run -Werror "$file" 2>/dev/null || echo "$file"
		done <"$scratch/files" >"$scratch/wrong"
		[ ! -s "$scratch/wrong" ] || fail "please run: $formatter -i $(xargs <"$scratch/wrong")"
		exit 0
		;;
	esac
done
skip "there is no clang-format of version 14"
