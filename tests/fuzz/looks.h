/*
 * looks.h - looks at a segment in every way there is. Whatever its bytes are, each call has to end as its header says, and no figure may
 * be out of its limits.
 */
#ifndef SHEAF_TESTS_FUZZ_LOOKS_H
#define SHEAF_TESTS_FUZZ_LOOKS_H

#include "segment/layout.h"
#include "sheaf_inspect.h"

#define LOOKS_ROOM 8

struct looks {
	int opened; /* what the calls returned */
	int looked;
	int counted_workers;
	int counted_batches;
	sheaf_inspect_pool pool;
	sheaf_inspect_worker workers[LOOKS_ROOM];
	sheaf_inspect_batch batches[LOOKS_ROOM];
};

/* Opens the segment, looks, and closes it. What is against the rules ends the program. */
void look_at(const char *name, struct looks *looks);

/* The same without opening and closing. */
void look_again(const sheaf_inspect *inspect, struct looks *looks);

/* May a header be believed? By the limits in sheaf.h, and the layout as docs/explanation/segment.md tells it. */
bool lawful(const struct shared_header *header, uint64_t file_size);

#endif
