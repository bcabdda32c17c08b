/*
 * semaphore.c - permits that come back from the dead: each one is a robust lock.
 *
 * Writers           The thread that takes or gives back a permit.
 * Deaths            Of a holder: the next one that tries the permit takes it. Nobody is told of the
 *                   death, but a waiter tries all permits every OS_LOOK_NS. Of a thread that has
 *                   given a permit back and not told so: the same.
 */
#include "sheaf_sync.h"

#include "os/robust.h"
#include "sync/gate.h"
#include "sync/object.h"
#include "sync/thread_id.h"

struct permit {
	alignas(OBJECT_LINE) pthread_mutex_t lock;
	struct thread_id holder; /* so that nobody unlocks what is another one's */
};

struct sheaf_semaphore {
	uint32_t kind;
	uint32_t count;
	struct gate gate; /* permits were given back */
	struct permit permits[];
};

int sheaf_semaphore_create(sheaf_pool *pool, unsigned permits, sheaf_semaphore **semaphore)
{
	void *memory;
	sheaf_semaphore *s;
	int r;

	if (!semaphore || !permits || permits > SHEAF_MAX_PERMITS)
		return sheaf_fail(-EINVAL, "%s: %s, %u permits; 1 to %u are allowed", __func__,
				  semaphore ? "the place is there" : "the place is NULL", permits, SHEAF_MAX_PERMITS);
	if ((r = sheaf_alloc(pool, sizeof(*s) + permits * sizeof(struct permit), &memory)))
		return r;
	s = memory;
	s->count = permits;
	for (unsigned i = 0; i < permits && !r; i++)
		r = os_robust_init(&s->permits[i].lock);
	if (r) {
		sheaf_free(pool, memory);
		return sheaf_fail(r, "%s: errno %d", __func__, -r);
	}
	s->kind = OBJECT_SEMAPHORE;
	*semaphore = s;
	return 0;
}

/* Take any permit, without waiting. */
static bool take_any(sheaf_semaphore *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		int r = os_robust_lock(&s->permits[i].lock, 0);

		if (r == -EOWNERDEAD)
			r = os_robust_mend(&s->permits[i].lock);
		if (!r) {
			thread_id_set_own(&s->permits[i].holder);
			return true;
		}
	}
	return false;
}

int sheaf_semaphore_acquire(sheaf_semaphore *semaphore, uint64_t deadline_ns)
{
	if (!object_is(semaphore, OBJECT_SEMAPHORE))
		return object_refuse(__func__, semaphore);
	for (;;) {
		uint32_t seen = gate_look(&semaphore->gate);
		int r;

		if (take_any(semaphore))
			return 0;
		if ((r = gate_wait(&semaphore->gate, seen, deadline_ns)))
			return r;
	}
}

int sheaf_semaphore_release(sheaf_semaphore *semaphore)
{
	if (!object_is(semaphore, OBJECT_SEMAPHORE))
		return object_refuse(__func__, semaphore);
	for (unsigned i = 0; i < semaphore->count; i++) {
		struct permit *permit = &semaphore->permits[i];

		if (!thread_id_is_own(&permit->holder))
			continue;
		thread_id_clear(&permit->holder);
		/* Not if it names a thread of a dead process that had this pid. */
		if (!os_robust_unlock(&permit->lock)) {
			gate_tell(&semaphore->gate);
			return 0;
		}
	}
	return sheaf_fail(-EPERM, "%s: the calling thread has no permit", __func__);
}
