/*
 * inspect_rules.h - inspects a segment in every way there is, and checks the rules. Whatever its
 * bytes are, each call must end as its header says, and no figure may be out of its limits.
 */
#ifndef SHEAF_TESTS_FUZZ_INSPECT_RULES_H
#define SHEAF_TESTS_FUZZ_INSPECT_RULES_H

#include "segment/layout.h"
#include "sheaf_inspect.h"

#define INSPECTION_ROOM 8

struct inspection {
	int opened; /* what the calls returned */
	int looked;
	int counted_workers;
	int counted_batches;
	sheaf_inspect_pool pool;
	sheaf_inspect_worker workers[INSPECTION_ROOM];
	sheaf_inspect_batch batches[INSPECTION_ROOM];
};

/* Open the segment, inspect it, and close it. A result against the rules ends the program. */
void inspect_segment(const char *name, struct inspection *found);

/* Do the same without opening and closing. */
void inspect_opened(const sheaf_inspect *inspect, struct inspection *found);

/*
 * May a header be believed? By the limits in sheaf.h, and the layout as docs/explanation/segment.md
 * tells it.
 */
bool header_is_lawful(const struct shared_header *header, uint64_t file_size);

#endif
