/*
 * bar.h - a bar with times of one's own, for tests that cannot wait.
 */
#ifndef SHEAF_BAR_BAR_H
#define SHEAF_BAR_BAR_H

#include "sheaf_bar.h"

/* When a line is shown first, how often it is drawn, and how often a plain line is written. */
struct bar_times {
	uint64_t first_ns, draw_ns, plain_ns;
};

/* Do what sheaf_bar_start() does, which has its times from sheaf_bar.h. */
int bar_start(sheaf_bar **bar, sheaf_pool *pool, sheaf_batch *batch, const sheaf_bar_options *options,
	      const struct bar_times *times);

#endif
