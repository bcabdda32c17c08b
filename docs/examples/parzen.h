/*
 * parzen.h - what the two halves of parzen share: the estimate (parzen.c) and the timing
 * (parzen_timing.c).
 */
#ifndef EXAMPLES_PARZEN_H
#define EXAMPLES_PARZEN_H

#include <stdint.h>

#include "parzen_options.h"
#include "sheaf_data.h"
#include "support/progress.h"

enum { EXIT_RUN_FAILED = 1, EXIT_BAD_OPTION = 2 };

/* A pool with the samples and the point in its shared memory. */
struct study {
	sheaf_pool *pool;
	sheaf_array samples;
	double *point;
};

/*
 * Functions that return int report failures on stderr, and return the program's exit status: 0 if
 * there was no failure.
 */

int study_open(struct study *study, const struct options *options, unsigned workers);
void study_close(struct study *study);

/*
 * Set @inside[i] to the number of samples inside of a cube of the width @widths[i] around the
 * point.
 */
void count_serially(const struct study *study, const double *widths, size_t count, uint64_t *inside);

/* The same, computed by the pool. @before of @total widths were counted earlier. */
int count_in_pool(const struct study *study, const double *widths, size_t count, uint64_t *inside, struct progress *progress,
		  uint64_t before, uint64_t total);

/*
 * Time 100 widths serially and with several numbers of workers, and draw the times as a picture in
 * the file @svg.
 */
int time_workers(const struct options *options, const char *svg, struct progress *progress);

#endif
