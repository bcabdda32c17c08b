#!/bin/sh
# hardening.sh SOURCE BUILD EXPECTED SHARED STATIC PROGRAM... - the libraries SHARED and STATIC and
# the programs have what -Dhardening promises, as far as ELF files tell. EXPECTED: words for what
# there has to be: elf guard fortify shadow-stack. Without "elf" there is nothing to look at.
. "$(dirname "$0")/lib.sh"
expected=$3
library=$4
archive=$5
shift 5
need readelf

wants() {
	case " $expected " in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

wants elf || skip "hardening is off, or this system's programs are of another kind"

# look FILE: into $scratch/look, all that is looked at.
look() {
	readelf -hldW --dyn-syms "$1" >"$scratch/look" 2>/dev/null || fail "$1 is no ELF file"
}

# has FILE PATTERN WHAT
has() {
	grep -q "$2" "$scratch/look" || fail "$1 has no $3"
}

# check FILE: what all have in common.
check() {
	look "$1"
	has "$1" '^  GNU_RELRO ' "part that is read-only after the start (-z relro)"
	has "$1" 'FLAGS.*NOW' "symbols that are bound at the start (-z now)"
	has "$1" '^  GNU_STACK .* RW ' "stack that is not executable (-z noexecstack)"
	! wants guard || has "$1" ' __stack_chk_fail' "guarded frame (-fstack-protector-strong)"
	checked=$((checked + 1))
}

checked=0
check "$library"
# Other calls may be checked as well; these two are in the library whatever the compiler can tell of
# sizes.
! wants fortify || for call in snprintf vsnprintf; do
	has "$library" " __${call}_chk" "checked $call() (-D_FORTIFY_SOURCE)"
done

for program; do
	# Peers written in Python are among them.
	[ "$(head -c 4 "$program")" = "$(printf '\177ELF')" ] || continue
	check "$program"
	has "$program" 'Type: *DYN ' "address of its own choice (-pie)"
	! wants fortify || has "$program" ' __[a-z]*printf_chk' "checked printf() of any kind (-D_FORTIFY_SOURCE)"
done
[ "$checked" -gt 1 ] || fail "there is no program to look at"

# What is linked elsewhere is as it was compiled: each object for itself.
if wants shadow-stack; then
	readelf -nW "$archive" >"$scratch/notes"
	objects=$(grep -c '^File: ' "$scratch/notes")
	marked=$(grep -c 'x86 feature:.*SHSTK' "$scratch/notes" || true)
	expect "objects of $archive that go with shadow stacks (-fcf-protection)" "$objects" "$marked"
fi
echo "$checked files: $expected"
