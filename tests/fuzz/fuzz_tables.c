/*
 * fuzz_tables.c - a target for libFuzzer: loads the input as a table.
 *
 * An input is one byte of options, as data.c writes it, and then the file.
 */
#include "support/rng.h"
#include "tables.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most); /* libFuzzer's own */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	table_load_begin();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory_use use;

	if (size == 0)
		return 0;
	table_load(&(struct table_input){.bytes = data + 1,
					 .size = size - 1,
					 .header = (data[0] & 3u) % 3,
					 .missing = data[0] >> 2 & 3u,
					 .piped = data[0] >> 4 & 1u},
		   &use);
	return 0;
}

/* Now and then one of the grammar's, as bytes alone seldom make long ones. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	struct rng rng = {seed};
	struct table_input input;

	if (rng_below(&rng, 64) || most < 2)
		return LLVMFuzzerMutate(data, size, most);
	table_make(&rng, &input);
	size = input.size < most - 1 ? input.size : most - 1;
	data[0] = (uint8_t)(input.header | input.missing << 2 | (unsigned)input.piped << 4);
	memcpy(data + 1, input.bytes, size);
	return size + 1;
}
