/*
 * thread_id.h - which thread of which process, as long as it lives.
 *
 * Writers           Who has the lock that guards the id. Others may ask whether they are that
 *                   thread, and get the answer no, whatever is written meanwhile.
 * Deaths            An id outlives its thread, and a later thread may have the same one.
 */
#ifndef SHEAF_SYNC_THREAD_ID_H
#define SHEAF_SYNC_THREAD_ID_H

#include "base/atomic.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

struct thread_id {
	_Atomic uint64_t pid, thread; /* a pid of 0: no thread */
};

/* Relaxed, all of them: what a thread itself has written it also reads. */
static inline void thread_id_clear(struct thread_id *id)
{
	store_relaxed(&id->pid, 0);
}

static inline void thread_id_set_own(struct thread_id *id)
{
	store_relaxed(&id->pid, (uint64_t)getpid());
	store_relaxed(&id->thread, (uint64_t)(uintptr_t)pthread_self());
}

static inline bool thread_id_is_own(const struct thread_id *id)
{
	/* The system is asked for the pid only if it may be that thread. */
	return load_relaxed(&id->thread) == (uint64_t)(uintptr_t)pthread_self() && load_relaxed(&id->pid) == (uint64_t)getpid();
}

#endif
