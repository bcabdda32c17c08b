/*
 * once.c - runs a function until it has succeeded once.
 *
 * Writers           `done`: the thread that holds the lock.
 * Deaths            Of the thread that runs the function: the lock goes to the next one, which
 *                   finds `done` unset, and runs it again. Behind the store of `done` the work is
 *                   done.
 */
#include "sheaf_sync.h"

#include "base/atomic.h"
#include "os/robust.h"
#include "sync/object.h"

struct once {
	uint32_t kind;
	_Atomic uint32_t done;
	pthread_mutex_t lock;
};

_Static_assert(sizeof(struct once) <= sizeof(sheaf_once), "a once needs more memory");

int sheaf_once_init(sheaf_pool *pool, sheaf_once *once)
{
	struct once *o = (struct once *)once;
	int r = object_check_place(pool, __func__, once, sizeof(*once));

	if (r)
		return r;
	if ((r = os_robust_init(&o->lock)))
		return sheaf_fail(r, "%s: errno %d", __func__, -r);
	store_relaxed(&o->done, 0);
	o->kind = OBJECT_ONCE;
	return 0;
}

int sheaf_once_run(sheaf_once *once, int (*fn)(void *context), void *context, uint64_t deadline_ns)
{
	struct once *o = (struct once *)once;
	int r;

	if (!object_is(o, OBJECT_ONCE))
		return object_refuse(__func__, once);
	if (!fn)
		return sheaf_fail(-EINVAL, "%s: the function is NULL", __func__);
	/* Acquires what the function wrote from the store below. */
	if (load_acquire(&o->done))
		return 0;
	r = os_robust_lock(&o->lock, deadline_ns);
	if (r == -EDEADLK)
		return sheaf_fail(r, "%s: called by the very function that it runs", __func__);
	if (r == -EOWNERDEAD)
		r = os_robust_mend(&o->lock);
	if (r)
		return r;
	/* Relaxed: the lock orders it. */
	if (!load_relaxed(&o->done) && !(r = fn(context)))
		/* Releases to the load above. */
		store_release(&o->done, 1);
	os_robust_unlock(&o->lock);
	return r;
}
