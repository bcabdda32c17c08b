/*
 * load.h - loads one input as a table, and checks what must hold for every input, whatever is in it.
 */
#ifndef SHEAF_TESTS_FUZZ_LOAD_H
#define SHEAF_TESTS_FUZZ_LOAD_H

#include "weight.h"

#include <stdbool.h>
#include <stddef.h>

struct load_input {
	const unsigned char *bytes;
	size_t size;
	bool piped;
	unsigned header;  /* enum sheaf_header */
	unsigned missing; /* a choice of options.missing, of 4 */
};

/* What the inputs are loaded into, and from. Before all others; anew in each process. */
void load_begin(void);
void load_end(void);

/*
 * Load the input. Ends the program, with the input on stderr, where sheaf_array_load() breaks a rule: memory, code, message, what it leaves.
 * Return: its result.
 */
int load_one(const struct load_input *input, struct weight *weight);

#endif
