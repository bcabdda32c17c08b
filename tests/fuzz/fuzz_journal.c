/*
 * fuzz_journal.c - a target for libFuzzer: opens the input as a journal (journal_load.h).
 */
#include "journal_load.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	journal_load_begin();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	journal_load(data, size);
	return 0;
}
