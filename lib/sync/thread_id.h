/*
 * thread_id.h - which thread of which process, in one word.
 *
 * Writers           The thread that has the lock which guards the id. Other threads may ask whether
 *                   they are that thread, and get the answer no, whatever is written meanwhile.
 * Deaths            An id outlives its thread. No later thread has the same one, but if the pid of
 *                   a dead process is given again.
 */
#ifndef SHEAF_SYNC_THREAD_ID_H
#define SHEAF_SYNC_THREAD_ID_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

struct thread_id {
	_Atomic uint64_t token; /* 0: no thread */
};

/* Tell the token of the calling thread: its process, and a number among its threads. */
uint64_t thread_id_token(void);

/* Relaxed, all of them: what a thread itself has written it also reads. */
static inline bool thread_id_is_set(const struct thread_id *id)
{
	return load_relaxed(&id->token) != 0;
}

static inline void thread_id_clear(struct thread_id *id)
{
	store_relaxed(&id->token, 0);
}

static inline void thread_id_set_own(struct thread_id *id)
{
	store_relaxed(&id->token, thread_id_token());
}

static inline bool thread_id_is_own(const struct thread_id *id)
{
	return load_relaxed(&id->token) == thread_id_token();
}

#endif
