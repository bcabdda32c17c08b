# mutate.awk - weakens one memory order: the first operation of base/atomic.h that ends in _$FROM,
# from the text $CONTEXT on, which must be there once, ends in _$TO. Prints the changed file; its
# offset goes to $OFFSET. By environment, as -v would change backslashes.
BEGIN {
	RS = "\001"
}

{
	at = index($0, ENVIRON["CONTEXT"])
	if (!at || index(substr($0, at + 1), ENVIRON["CONTEXT"]) ||
	    !match(substr($0, at), "(load|store|cas|cas_weak|fetch_[a-z]+)_" ENVIRON["FROM"] "\\("))
		exit 1
	operation = at + RSTART - 1
	order = operation + RLENGTH - length(ENVIRON["FROM"]) - 1
	printf "%s%s%s", substr($0, 1, order - 1), ENVIRON["TO"], substr($0, operation + RLENGTH - 1)
	print operation - 1 >ENVIRON["OFFSET"]
}
