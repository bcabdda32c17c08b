/*
 * csv_rules.h - what must hold for any bytes that are loaded as a table of CSV: a reader that knows
 * nothing of ranges, pieces and windows finds the same fields.
 */
#ifndef FUZZ_CSV_RULES_H
#define FUZZ_CSV_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum csv_bits {
	CSV_HEADER = 1 << 0,    /* the first line has names */
	CSV_PLAIN = 1 << 1,     /* quotes mean nothing */
	CSV_COMMENTS = 1 << 2,  /* lines with '#' are none */
	CSV_SEMICOLON = 1 << 3, /* separates, and the decimal point is a comma */
	CSV_TABS = 1 << 4,      /* separate, unless CSV_SEMICOLON */
};

/* Start a pool. */
void csv_rules_begin(void);
void csv_rules_end(void);

/* Load the bytes from a file and from a pipe, as texts and as guessed. Return: a table was made. */
bool csv_rules_check(unsigned bits, const char *bytes, size_t size);

#endif
