/*
 * seat.h - makes a seat ready for its next member.
 */
#ifndef SHEAF_POOL_SEAT_H
#define SHEAF_POOL_SEAT_H

#include "segment/segment.h"

/*
 * Clear what the last member has left in the seat, which is repaired. Give the next one, of that
 * generation, a fresh bell. The caller stores the generation after it.
 */
void seat_prepare(struct shared_seat *seat, unsigned generation);

#endif
