/*
 * table_load.h - loads one input as a table, and checks what must hold for every input, whatever is
 * in it.
 */
#ifndef SHEAF_TESTS_FUZZ_TABLE_LOAD_H
#define SHEAF_TESTS_FUZZ_TABLE_LOAD_H

#include "memory_meter.h"

#include <stdbool.h>
#include <stddef.h>

struct table_input {
	const unsigned char *bytes;
	size_t size;
	bool piped;
	unsigned header;  /* enum sheaf_header */
	unsigned missing; /* a choice of options.missing, of 4 */
};

/* What the inputs are loaded into, and from. Before all others; anew in each process. */
void table_load_begin(void);
void table_load_end(void);

/*
 * Load the input. Ends the program, with the input on stderr, where sheaf_array_load() breaks a
 * rule: memory, code, message, what it leaves. Return: its result.
 */
int table_load(const struct table_input *input, struct memory_use *use);

#endif
