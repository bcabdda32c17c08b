/*
 * seat.c - makes a seat ready for its next member.
 *
 * Writers           A seat without a member: the supervisor before it forks a worker, or a program
 *                   that has the lock of its place.
 * Deaths            Of either in here: the next one does the same again.
 */
#include "pool/seat.h"

#include "base/atomic.h"

void seat_prepare(struct shared_seat *seat, unsigned generation)
{
	sem_init(&seat->bell[generation & 1], 1, 0);
	if (!bells_whole(&seat->bell_seal, &seat->bell_end_seal)) {
		/* By now only the late posters of a predecessor can touch the other one. */
		sem_init(&seat->bell[~generation & 1], 1, 0);
		bells_seal(&seat->bell_seal, &seat->bell_end_seal);
	}
	/* Relaxed, all: the member inherits them, or has written them; to others they are hints. */
	store_relaxed(&seat->cursor, CURSOR_NONE);
	store_relaxed(&seat->kill, 0);
	store_relaxed(&seat->looking, 0);
	store_relaxed(&seat->started, 0);
	store_relaxed(&seat->deadline, 0);
	store_relaxed(&seat->limited, 0);
	store_relaxed(&seat->awaits, 0);
	store_relaxed(&seat->leaving, LEAVE_NOT);
	seat->fault = 0;
	seat->frame_count = 0;
	seat->way = 0;
}
