/*
 * fuzz_csv.c - a target for libFuzzer: loads the input as a table of CSV, with pieces and ranges so
 * short that a few hundred bytes have many of them.
 *
 * An input is one byte of options, as csv.c writes it, and then the file.
 */
#include "csv_rules.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	csv_rules_begin();
	atexit(csv_rules_end);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0)
		csv_rules_check(data[0], (const char *)data + 1, size - 1);
	return 0;
}
