/*
 * sheaf_sync.h - what tasks share beside data: locks, events, semaphores, barriers, queues and
 * counters in shared memory, which no death leaves locked for ever.
 *
 * Contents
 *   Mutex       sheaf_mutex_init, _lock, _mend, _unlock
 *   Once        sheaf_once_init, _run
 *   Event       sheaf_event_init, _set, _clear, _is_set, _wait
 *   Semaphore   sheaf_semaphore_create, _acquire, _release
 *   Barrier     sheaf_barrier_create, _wait, _join, _leave, _abort, _reset
 *   Queue       sheaf_queue_create, _put, _get, _close, _length
 *   Value       sheaf_value_create, _get, _set, _replace, _wait: with a version
 *   Counter     sheaf_counter_create, _add, _sum: in cells
 *
 * Where     In memory of sheaf_alloc(). A mutex, an event and a once lie where the caller has room
 *           for them, as in a structure of its own, and are made there by *_init(). The others are
 *           made by *_create(), and go with sheaf_free(), or with the pool. Nobody may use an
 *           object that is being made or freed.
 *
 * Callers   Every thread of every process of the pool: the owner, its tasks, programs that joined.
 *           The *_init() and *_create() functions take a pool handle: the owner's, or that of
 *           sheaf_task_pool(). The others take none. No function here is for signal handlers.
 *
 * Holders   A mutex, a permit and a seat belong to the thread that took them, and only it gives
 *           them back. It has to do so before its task ends, and before the pool is destroyed.
 *           With musl it must not fork meanwhile, nor wait for results: that may start a process.
 *
 * Deaths    What a dead thread or process held comes back: a lock to whoever waits, at once; a
 *           permit, and the news that a barrier is broken, within a twentieth of a second. Each
 *           object is as it was before the call in which the caller died, or as after it. A task
 *           whose worker died runs again, and then does to these objects what it did before.
 *           (explanation/sync.md)
 *
 * Waits     Deadlines are as in sheaf.h: 0 polls (-EAGAIN), SHEAF_FOREVER has no end, else
 *           -ETIMEDOUT. Waits end with -EINTR after a signal handler has run, but for mutexes,
 *           onces and barriers, which go on waiting. No wait notices that its batch was cancelled:
 *           a task that may be cancelled waits for a while, asks sheaf_task_cancelled(), and waits
 *           again. Threads that wait are served in no order. A process that is stopped inside of a
 *           call may hold up others there: at a barrier beyond their deadlines.
 *
 * Errors    All functions that return int return -EINVAL for NULL and for memory in which the
 *           object was not made. *_init() and *_create() return also -EPERM (the handle), and
 *           -EFAULT (not in memory of sheaf_alloc()) or what sheaf_alloc() returns.
 */
#ifndef SHEAF_SYNC_H
#define SHEAF_SYNC_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Mutex ---- */

typedef struct sheaf_mutex {
	uint64_t private_words[12];
} sheaf_mutex;

/**
 * sheaf_mutex_init() - make a mutex that survives its holder
 * sheaf_mutex_lock() - take it, until @deadline_ns
 * sheaf_mutex_mend() - say that what it guards is whole again, after -EOWNERDEAD
 * sheaf_mutex_unlock() - give it back
 *
 * -EOWNERDEAD is a success: the caller has the mutex, but the one before died with it, and may have
 * left half a change in what it guards. Mend the data, then call sheaf_mutex_mend(), then unlock.
 * If the caller unlocks without mending, nobody ever gets the mutex again. If the caller dies, the
 * next one is told.
 *
 * Return: lock: 0; -EOWNERDEAD (locked: see above); -EAGAIN; -ETIMEDOUT; -EDEADLK (the caller has
 *         it); -ENOTRECOVERABLE (unlocked without having been mended)
 *         mend: 0; -EPERM (the caller has not got -EOWNERDEAD)
 *         unlock: 0; -EPERM (the caller does not have it)
 */
SHEAF_API int sheaf_mutex_init(sheaf_pool *pool, sheaf_mutex *mutex);
SHEAF_API int sheaf_mutex_lock(sheaf_mutex *mutex, uint64_t deadline_ns);
SHEAF_API int sheaf_mutex_mend(sheaf_mutex *mutex);
SHEAF_API int sheaf_mutex_unlock(sheaf_mutex *mutex);

/* ---- Once ---- */

typedef struct sheaf_once {
	uint64_t private_words[10];
} sheaf_once;

/**
 * sheaf_once_init() - make the guard of something that has to be done once
 * sheaf_once_run() - call @fn unless it has succeeded before; wait while another caller runs it
 * @fn: returns 0, or an error (< 0), after which the next caller tries again
 *
 * If the caller dies in @fn, the next one calls @fn again: so @fn must cope with half of its own
 * work.
 *
 * Return: 0 (done, by whom ever); what @fn returned; -EAGAIN; -ETIMEDOUT; -EDEADLK (called by @fn)
 */
SHEAF_API int sheaf_once_init(sheaf_pool *pool, sheaf_once *once);
SHEAF_API int sheaf_once_run(sheaf_once *once, int (*fn)(void *context), void *context, uint64_t deadline_ns);

/* ---- Event ---- */

typedef struct sheaf_event {
	uint64_t private_words[8];
} sheaf_event;

/**
 * sheaf_event_init() - make an event, which is not set
 * sheaf_event_set() - set it, and wake all who wait
 * sheaf_event_clear() - have later callers wait again
 * sheaf_event_is_set() - 1, 0
 * sheaf_event_wait() - wait until it is set. Those who wait go on even if it is cleared at once.
 *
 * Return: 0; wait: also -EAGAIN, -ETIMEDOUT, -EINTR
 */
SHEAF_API int sheaf_event_init(sheaf_pool *pool, sheaf_event *event);
SHEAF_API int sheaf_event_set(sheaf_event *event);
SHEAF_API int sheaf_event_clear(sheaf_event *event);
SHEAF_API int sheaf_event_is_set(const sheaf_event *event);
SHEAF_API int sheaf_event_wait(sheaf_event *event, uint64_t deadline_ns);

/* ---- Semaphore ---- */

typedef struct sheaf_semaphore sheaf_semaphore;

#define SHEAF_MAX_PERMITS 4096u

/**
 * sheaf_semaphore_create() - make a semaphore of @permits, all of them free: at most
 *                            SHEAF_MAX_PERMITS
 * sheaf_semaphore_acquire() - take one permit; a thread may have several
 * sheaf_semaphore_release() - give back one that the calling thread has
 *
 * The permits of a thread or process that dies are free again. Both calls look at each permit, so
 * they take longer the more there are.
 *
 * Return: acquire: 0; -EAGAIN; -ETIMEDOUT; -EINTR
 *         release: 0; -EPERM (the caller has none)
 */
SHEAF_API int sheaf_semaphore_create(sheaf_pool *pool, unsigned permits, sheaf_semaphore **semaphore);
SHEAF_API int sheaf_semaphore_acquire(sheaf_semaphore *semaphore, uint64_t deadline_ns);
SHEAF_API int sheaf_semaphore_release(sheaf_semaphore *semaphore);

/* ---- Barrier ---- */

typedef struct sheaf_barrier sheaf_barrier;

#define SHEAF_MAX_PARTIES 4096u

/**
 * sheaf_barrier_create() - make a barrier, at which @parties threads wait for each other, at most
 *                          SHEAF_MAX_PARTIES
 * sheaf_barrier_wait() - wait for the other parties
 * sheaf_barrier_join() - take a seat: from now on the death of the calling thread breaks the
 *                        barrier wherever it is; without a seat, only while it waits
 * sheaf_barrier_leave() - give the seat back
 * sheaf_barrier_abort() - break the barrier
 * sheaf_barrier_reset() - make it whole again; those who wait get -ECANCELED
 *
 * In a pool with fewer workers than parties, tasks wait for ever: a task does not make room for
 * another one while it waits here.
 *
 * A barrier *breaks* if a party dies, or its deadline passes, or by an abort. Then each wait ends
 * with an error, until somebody resets the barrier.
 *
 * Return: wait: the order of arrival, 0 to parties - 1; -EOWNERDEAD (broken by a death); -ECANCELED
 *         (broken by a deadline or an abort, or reset); -ETIMEDOUT; -EAGAIN (the deadline was 0,
 *         and the others are not there: the caller has not arrived, and nothing is broken)
 *         join: 0; -EBUSY (all parties have joined). leave: 0; -EPERM (the caller has not joined)
 *         abort, reset: 0
 */
SHEAF_API int sheaf_barrier_create(sheaf_pool *pool, unsigned parties, sheaf_barrier **barrier);
SHEAF_API int sheaf_barrier_wait(sheaf_barrier *barrier, uint64_t deadline_ns);
SHEAF_API int sheaf_barrier_join(sheaf_barrier *barrier);
SHEAF_API int sheaf_barrier_leave(sheaf_barrier *barrier);
SHEAF_API int sheaf_barrier_abort(sheaf_barrier *barrier);
SHEAF_API int sheaf_barrier_reset(sheaf_barrier *barrier);

/* ---- Queue ---- */

typedef struct sheaf_queue sheaf_queue;

/**
 * sheaf_queue_create() - make a queue with room for @capacity items of @item_size bytes
 * sheaf_queue_put() - copy *@item to its end; wait while it is full
 * sheaf_queue_get() - copy its first item to *@item, and take it away; wait while it is empty
 * sheaf_queue_close() - say that no more items will come
 * sheaf_queue_length() - how many items there are
 *
 * First in, first out. An item is lost if the caller of get dies behind the call: use tasks for
 * what has to be done. A task that puts, dies and runs again puts twice.
 *
 * Return: put: 0; -EPIPE (closed); -EAGAIN; -ETIMEDOUT; -EINTR
 *         get: 1; 0 (closed, and no item is left); -EAGAIN; -ETIMEDOUT; -EINTR
 *         close: 0. length: the number, or -EINVAL
 */
SHEAF_API int sheaf_queue_create(sheaf_pool *pool, size_t capacity, size_t item_size, sheaf_queue **queue);
SHEAF_API int sheaf_queue_put(sheaf_queue *queue, const void *item, uint64_t deadline_ns);
SHEAF_API int sheaf_queue_get(sheaf_queue *queue, void *item, uint64_t deadline_ns);
SHEAF_API int sheaf_queue_close(sheaf_queue *queue);
SHEAF_API int64_t sheaf_queue_length(const sheaf_queue *queue);

/* ---- Versioned value ---- */

typedef struct sheaf_value sheaf_value;

/**
 * sheaf_value_create() - make a value of @size bytes, a copy of *@initial, with version 1
 * sheaf_value_get() - copy it; no reader ever waits for a writer that was stopped or died
 * sheaf_value_set() - set it
 * sheaf_value_replace() - set it if its version is still @version
 * sheaf_value_wait() - wait for a version above @version
 * @version: out: of what was copied or set; or NULL
 *
 * A reader gets all of one version, never parts of two. A writer that dies has set it, or has not.
 *
 * Return: 0; replace: also -ESTALE (somebody has set it since); set and replace: also -ETIMEDOUT,
 *         -EAGAIN (another writer was stopped for long); wait: -EAGAIN, -ETIMEDOUT, -EINTR
 */
SHEAF_API int sheaf_value_create(sheaf_pool *pool, size_t size, const void *initial, sheaf_value **value);
SHEAF_API int sheaf_value_get(const sheaf_value *value, void *copy, uint64_t *version);
SHEAF_API int sheaf_value_set(sheaf_value *value, const void *from, uint64_t *version, uint64_t deadline_ns);
SHEAF_API int sheaf_value_replace(sheaf_value *value, uint64_t version, const void *from, uint64_t deadline_ns);
SHEAF_API int sheaf_value_wait(sheaf_value *value, uint64_t version, uint64_t deadline_ns);

/* ---- Sharded counter ---- */

typedef struct sheaf_counter sheaf_counter;

/**
 * sheaf_counter_create() - make a counter, 0
 * sheaf_counter_add() - add @n, which may be negative; never waits for others
 * sheaf_counter_sum() - add up what all have added, wrapping as 64-bit integers do
 *
 * Each thread adds to one of several cells, so that few of them meet. A sum that is asked for while
 * others add has all of what came before it, and some of what comes meanwhile. A task that adds,
 * dies and runs again adds twice.
 *
 * Return: add: 0. sum: the sum; 0 for NULL
 */
SHEAF_API int sheaf_counter_create(sheaf_pool *pool, sheaf_counter **counter);
SHEAF_API int sheaf_counter_add(sheaf_counter *counter, int64_t n);
SHEAF_API int64_t sheaf_counter_sum(const sheaf_counter *counter);

#ifdef __cplusplus
}
#endif

#endif
