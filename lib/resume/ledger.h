/*
 * ledger.h - which positions of a journal are done, and where their bytes lie.
 *
 * Ranges come in any order, mostly rising. They never overlap.
 */
#ifndef SHEAF_RESUME_LEDGER_H
#define SHEAF_RESUME_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
	uint64_t first, count;
	uint64_t offset, size; /* of its bytes in the file */
};

struct ledger {
	struct entry *main, *late; /* each sorted by position */
	size_t main_count, main_room, late_count;
};

/* Make room for one more. -ENOMEM. */
int ledger_reserve(struct ledger *ledger);

/* Add a range, for which there is room. It must not overlap: see ledger_overlaps(). */
void ledger_add(struct ledger *ledger, const struct entry *entry);

/* Tell whether one of these positions is in the ledger. @count: at least 1. */
bool ledger_overlaps(struct ledger *ledger, uint64_t first, uint64_t count);

/* Find the range with this position, or the first one behind it. NULL: there is none. */
const struct entry *ledger_at_or_behind(struct ledger *ledger, uint64_t position);

void ledger_free(struct ledger *ledger);

#endif
