/*
 * mutex.c - a robust mutex with Sheaf's deadlines and messages.
 *
 * For libc the mutex is whole as soon as a death was told. Whether the data are, is kept here: the
 * thread that was told is the *mender*, until it has mended them. If it unlocks before, the mutex
 * is lost. (libc has such a state, too. But glibc 2.36 keeps a mutex in that state locked when it
 * is tried, so that other threads wait for ever.)
 *
 * Writers           The thread that has the lock.
 * Deaths            Of the holder, a mender or not: libc tells the next one, which is the mender
 *                   then. See os/robust.c.
 */
#include "sheaf_sync.h"

#include "os/robust.h"
#include "sync/object.h"
#include "sync/thread_id.h"

struct mutex {
	uint32_t kind;
	uint32_t lost;
	struct thread_id mender;
	pthread_mutex_t lock;
};

_Static_assert(sizeof(struct mutex) <= sizeof(sheaf_mutex), "a mutex needs more memory");

int sheaf_mutex_init(sheaf_pool *pool, sheaf_mutex *mutex)
{
	struct mutex *m = (struct mutex *)mutex;
	int r = object_check_place(pool, __func__, mutex, sizeof(*mutex));

	if (r)
		return r;
	if ((r = os_robust_init(&m->lock)))
		return sheaf_fail(r, "%s: errno %d", __func__, -r);
	m->lost = 0;
	thread_id_clear(&m->mender);
	m->kind = OBJECT_MUTEX;
	return 0;
}

int sheaf_mutex_lock(sheaf_mutex *mutex, uint64_t deadline_ns)
{
	struct mutex *m = (struct mutex *)mutex;
	int r;

	if (!object_is(m, OBJECT_MUTEX))
		return object_refuse(__func__, mutex);
	r = os_robust_lock(&m->lock, deadline_ns);
	if (r == -EDEADLK)
		return sheaf_fail(r, "%s: the calling thread has the mutex already", __func__);
	if (r == -EOWNERDEAD) {
		/* If this thread dies before the next call, the kernel tells the next holder. */
		thread_id_set_own(&m->mender);
		r = os_robust_mend(&m->lock) ? -EINVAL : -EOWNERDEAD;
	}
	if ((!r || r == -EOWNERDEAD) && m->lost) {
		os_robust_unlock(&m->lock);
		return sheaf_fail(-ENOTRECOVERABLE,
				  "%s: a holder died, and the one after it unlocked without sheaf_mutex_mend()", __func__);
	}
	if (r == -EOWNERDEAD)
		return sheaf_fail(r,
				  "%s: locked, but the holder before died with it: mend the data, then call sheaf_mutex_mend()",
				  __func__);
	return r;
}

int sheaf_mutex_mend(sheaf_mutex *mutex)
{
	struct mutex *m = (struct mutex *)mutex;

	if (!object_is(m, OBJECT_MUTEX))
		return object_refuse(__func__, mutex);
	if (!thread_id_is_own(&m->mender))
		return sheaf_fail(-EPERM, "%s: the calling thread has not got -EOWNERDEAD from this mutex", __func__);
	thread_id_clear(&m->mender);
	return 0;
}

int sheaf_mutex_unlock(sheaf_mutex *mutex)
{
	struct mutex *m = (struct mutex *)mutex;

	if (!object_is(m, OBJECT_MUTEX))
		return object_refuse(__func__, mutex);
	/* Without a mender, the system need not be asked who the caller is. */
	if (thread_id_is_set(&m->mender) && thread_id_is_own(&m->mender)) {
		m->lost = 1;
		thread_id_clear(&m->mender);
	}
	if (os_robust_unlock(&m->lock))
		return sheaf_fail(-EPERM, "%s: the calling thread does not have the mutex", __func__);
	return 0;
}
