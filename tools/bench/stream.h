/*
 * stream.h - what all contenders of the case stream have in common.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include "bench.h"

/*
 * Items that may be under way at once: as many as a ring of Sheaf's default size holds. A power of
 * two.
 */
#define STREAM_WINDOW 1024u

/*
 * * stream_check() - 0, or bench_fail() for the first of @n results that is wrong. Clears them all
 * for the next run.
 */
int stream_check(uint64_t *results, size_t n);

/*
 * * stream_mpmc() - the same stream through two bounded queues, one there and one back. See
 * stream_queue.c.
 */
bench_measure_fn stream_mpmc;

#endif
