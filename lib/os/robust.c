/*
 * robust.c - robust mutexes between processes, and waits for them that miss nothing.
 *
 * Deaths            Of a holder: the kernel frees the lock and wakes a waiter. Of a waiter that was
 *                   just woken, while another thread has the lock already: libc and kernel may then
 *                   forget the other waiters (tests/model/mutex.pml). So no wait here is longer
 *                   than OS_LOOK_NS; the waiter then tries again.
 */
#include "os/robust.h"

#include "os/futex.h"
#include "sheaf.h"

#include <errno.h>

int os_robust_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attributes;
	int r = pthread_mutexattr_init(&attributes);

	if (r)
		return -r;
	if (!(r = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED)) &&
	    !(r = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST)) &&
	    !(r = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK)))
		r = pthread_mutex_init(lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return -r;
}

int os_robust_lock(pthread_mutex_t *lock, uint64_t deadline_ns)
{
	int r = -pthread_mutex_trylock(lock);

	if (r == -EBUSY && !deadline_ns)
		return -EAGAIN;
	while (r == -EBUSY || r == -ETIMEDOUT) {
		uint64_t now = sheaf_now_ns();

		if (now >= deadline_ns)
			return -ETIMEDOUT;
		r = os_robust_wait(lock, deadline_ns - now < OS_LOOK_NS ? deadline_ns - now : OS_LOOK_NS);
	}
	return r;
}

int os_robust_mend(pthread_mutex_t *lock)
{
	return -pthread_mutex_consistent(lock);
}

int os_robust_unlock(pthread_mutex_t *lock)
{
	return -pthread_mutex_unlock(lock);
}
