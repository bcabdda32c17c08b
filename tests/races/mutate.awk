# mutate.awk - weakens one memory order: the first memory_order_$FROM from the text $CONTEXT on, which must be there once, becomes $TO.
# Prints the changed file; its offset goes to $OFFSET. By environment, as -v would change backslashes.
BEGIN {
	RS = "\001"
}

{
	at = index($0, ENVIRON["CONTEXT"])
	from = "memory_order_" ENVIRON["FROM"]
	found = index(substr($0, at), from)
	if (!at || !found || index(substr($0, at + 1), ENVIRON["CONTEXT"]))
		exit 1
	found += at - 1
	printf "%s%s%s", substr($0, 1, found - 1), "memory_order_" ENVIRON["TO"], substr($0, found + length(from))
	print found - 1 >ENVIRON["OFFSET"]
}
