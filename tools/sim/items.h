/*
 * items.h - how long each item of a simulated job takes.
 */
#ifndef SHEAF_SIM_ITEMS_H
#define SHEAF_SIM_ITEMS_H

#include <stdint.h>

struct items {
	uint64_t seed;
	uint64_t mean_ns;         /* an item takes between half of it and one and a half */
	unsigned slow_percent;    /* of all, so many are slow, */
	unsigned slow_times;      /* and take so many times longer */
	const uint64_t *measured; /* of each position; NULL: the above */
};

/* Tell how long the item at a position takes. The same for the same seed. */
uint64_t items_time_ns(const struct items *items, uint64_t position);

/* Tell how many items make so much work, on average. At least 1. */
uint64_t items_count(const struct items *items, uint64_t work_ns);

#endif
