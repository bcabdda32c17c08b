/*
 * random_reductions.h - reductions and scans for random_batches.h: the result is checked against
 * that of one thread, bit by bit.
 */
#ifndef SHEAF_TESTS_SUPPORT_RANDOM_REDUCTIONS_H
#define SHEAF_TESTS_SUPPORT_RANDOM_REDUCTIONS_H

#include "random_batches.h"

/*
 * Run one reduction whose combination is neither associative nor commutative, or one scan, of a
 * random size. In a pool that other programs may join there are none: then it does nothing.
 */
void random_reduction_run(struct random_batches *batches);

#endif
