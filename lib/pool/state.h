/*
 * state.h - the state of a pool: one word, changed by the owner and the supervisor.
 */
#ifndef SHEAF_POOL_STATE_H
#define SHEAF_POOL_STATE_H

#include "segment/segment.h"

/* Read the state: enum pool_state, unless a wild write has hit it. */
uint32_t state_of(const struct segment *segment);

/* Change the state, if it is still @from. */
bool state_change(struct segment *segment, uint32_t from, uint32_t to);

/* Change the state to one that ends the pool, whatever a wild write has made of it. */
void state_force(struct segment *segment, uint32_t to);

/* Break the pool, if it is open or closed: no more task is run. True: it was. */
bool state_end(struct segment *segment, uint32_t how);

/* Ring every sleeper. After a change that they must notice. */
void state_wake_everybody(struct segment *segment);

#endif
