/*
 * deaths.h - the supervisor notices what happens to its children.
 */
#ifndef SHEAF_POOL_DEATHS_H
#define SHEAF_POOL_DEATHS_H

#include "pool/role.h"

/* Repair what each child that has ended left, then reap it. */
void deaths_repair(struct supervisor *s);

/*
 * Repair what a program has left that had joined, and that is dead or, with @left, has said that it
 * leaves.
 */
void deaths_repair_program(struct supervisor *s, unsigned seat, bool left);

/*
 * Note which workers somebody has stopped, or made go on: time in which they cannot run counts for
 * no limit.
 */
void deaths_watch_stops(struct supervisor *s);

/*
 * Free what dead workers had opened, once no other worker is at it. Return: how long to wait before
 * the next call.
 */
uint64_t deaths_free_orphans(struct supervisor *s);

#endif
