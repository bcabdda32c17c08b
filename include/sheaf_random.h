/*
 * sheaf_random.h - random numbers of a task: the same whichever worker runs it, in which attempt.
 *
 * Contents
 *   Streams   sheaf_random, sheaf_random_at, sheaf_random_seed
 *   Numbers   sheaf_random_u32, _u64, _double, _below, _normal
 *
 * Each position has a stream of its own, which depends on the pool's options.seed and the position
 * alone: on neither the number of workers nor their deaths. Streams of different positions, and of
 * different seeds, are independent. Two batches of a pool have the same streams. Where they must
 * differ, give each a seed of its own: sheaf_random_at().
 *
 * The generator is Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
 * easy as 1, 2, 3", 2011. Its key is the seed, its counter the position and the number of the block
 * of four words. A stream has 2^66 words. It is no generator for secrets.
 *
 * All functions may be called by any thread of any process, also without a pool, each with a stream
 * of its own. None fails.
 */
#ifndef SHEAF_RANDOM_H
#define SHEAF_RANDOM_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A place in a stream. Copy it to come back to that place. */
typedef struct sheaf_random_stream {
	uint64_t seed;
	uint64_t position;
	uint64_t block;    /* of four words, the next one */
	uint32_t words[4]; /* of the last one */
	unsigned left;     /* of these, the last ones that were not given yet */
} sheaf_random_stream;

/**
 * sheaf_random() - begin the stream of the position that the task runs
 * sheaf_random_at() - begin the stream of any seed and position
 *
 * In a loop that is the first position of the range, which depends on how the loop was cut. Begin
 * the stream of each position there: sheaf_random_at(&stream, sheaf_random_seed(task), i).
 */
SHEAF_API void sheaf_random(const sheaf_task *task, sheaf_random_stream *stream);
SHEAF_API void sheaf_random_at(sheaf_random_stream *stream, uint64_t seed, uint64_t position);

/** sheaf_random_seed() - return options.seed of the pool that runs the task */
SHEAF_API uint64_t sheaf_random_seed(const sheaf_task *task);

/**
 * sheaf_random_u32() - the next 32 bits; sheaf_random_u64(): the next 64 bits, two words, low first
 * sheaf_random_double() - uniform in [0, 1): the upper 53 of the next 64 bits, times 2^-53
 * sheaf_random_below() - uniform in [0, n), without bias (Lemire, "Fast random integer generation
 *                        in an interval", 2019); of all 64 bits if @n is 0
 * sheaf_random_normal() - normal, mean 0, variance 1: an exact method, so with the same bits on
 *                         every machine (Karney, "Sampling exactly from the normal distribution",
 *                         2016, algorithm N). It takes 17 double numbers on average
 */
SHEAF_API uint32_t sheaf_random_u32(sheaf_random_stream *stream);
SHEAF_API uint64_t sheaf_random_u64(sheaf_random_stream *stream);
SHEAF_API double sheaf_random_double(sheaf_random_stream *stream);
SHEAF_API uint64_t sheaf_random_below(sheaf_random_stream *stream, uint64_t n);
SHEAF_API double sheaf_random_normal(sheaf_random_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
