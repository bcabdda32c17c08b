#!/bin/sh
# pages.sh - the tables of a page of docs/explanation/ name every case of some programs, and no case
# that there is not.
#
#   pages.sh SOURCE PAGE PROGRAM...
set -eu

page=$1/docs/explanation/$2
name=$2
shift 2
there=$(for program; do "$program" --list; done | tr ' ' / | sort)
programs=$(printf '%s\n' "$there" | cut -d / -f 1 | sort -u | paste -sd '|')
told=$(grep -oE "\`($programs)/[a-z0-9_]+\`" "$page" | tr -d '`' | sort)
twice=$(printf '%s\n' "$told" | uniq -d)
missing=$(printf '%s\n' "$there" | grep -vxF "$told" || true)
unknown=$(printf '%s\n' "$told" | grep -vxF "$there" || true)
[ -z "$twice$missing$unknown" ] || {
	printf 'docs/explanation/%s\nnames twice:\n%s\ndoes not name:\n%s\nnames what there is not:\n%s\n' "$name" "$twice" "$missing" "$unknown"
	exit 1
}
echo "$(printf '%s\n' "$there" | wc -l) cases, all in the tables of $name"
