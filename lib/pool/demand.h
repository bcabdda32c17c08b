/*
 * demand.h - how many workers there are: as many as are wanted, or as tasks need.
 *
 * The owner says how many are *wanted*: those of the first seats. Of a pool with workers on demand,
 * those from min_workers on may be *vacant*. A vacant seat is announced as if a worker slept there.
 * A submitter that rings it *calls* a worker, which the supervisor starts.
 * docs/explanation/elastic.md tells the rules.
 */
#ifndef SHEAF_POOL_DEMAND_H
#define SHEAF_POOL_DEMAND_H

#include "pool/role.h"

/* Begin as a supervisor, once what workers left is repaired. @successor: there were workers. */
void demand_begin(struct supervisor *s, bool successor);

/*
 * See which seats are wanted, and which vacant ones are called. To be called in each round, before
 * workers are started.
 */
void demand_look(struct supervisor *s);

/* Note that a worker has ended. @left: of its own accord, with nothing in hand. */
void demand_note_end(struct supervisor *s, unsigned worker, bool left);

/* Tell whether there is to be a worker in that seat. */
bool demand_wants(const struct supervisor *s, unsigned worker);

/* Count the seats in which there is to be one. */
unsigned demand_count(const struct supervisor *s);

/* In a worker: have it call others by a signal to its supervisor. */
void demand_enter_worker(struct segment *segment, pid_t supervisor);

#endif
