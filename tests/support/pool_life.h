/*
 * pool_life.h - what hosts do with a pool in a test: create it, work, kill its processes, or all of
 * that in one call.
 */
#ifndef SHEAF_TESTS_SUPPORT_POOL_LIFE_H
#define SHEAF_TESTS_SUPPORT_POOL_LIFE_H

#include "rng.h"
#include "sheaf.h"

#define LIFE_WORKERS 2

/* The host's random numbers. */
extern struct rng life_rng;

sheaf_pool *life_create(unsigned flags);

/* Run so many random batches, and check their results. */
void life_work(sheaf_pool *pool, unsigned batches);
sheaf_pool_info life_info(sheaf_pool *pool);
void life_kill_worker(sheaf_pool *pool);

/* Kill the supervisor, and work until its successor is there. */
void life_kill_supervisor(sheaf_pool *pool);

/* Live a whole life of a pool, with a death of each kind. */
void life_whole(unsigned flags);

#endif
