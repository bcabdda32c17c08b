/*
 * sheaf_workers.h - what a pool's workers are: how they are set up, how long they serve, when they
 * leave.
 *
 * Contents
 *   Options           sheaf_worker_options, sheaf_pin
 *   Hooks             sheaf_worker_fail
 *   Pools             sheaf_pool_resize, _pause, _resume, sheaf_workers_info,
 *                     sheaf_pool_get_workers
 *   For tasks         sheaf_task_state, sheaf_task_leave
 *
 * Leaving   A worker that *leaves* ends of its own accord, when it has nothing left in hand: nested
 *           work ends with the outermost task. Its results are published, and what it printed is
 *           written. Another worker takes the place. Nothing is lost, no attempt is charged, and it
 *           is no death. Children and threads that tasks have left running are not waited for.
 *
 * Callers, returns and messages are as in sheaf.h.
 */
#ifndef SHEAF_WORKERS_H
#define SHEAF_WORKERS_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Options ---- Of sheaf_pool_options. A zeroed struct, or NULL, means the defaults. */

/* On which CPUs workers run, of those that the owner may use when it creates the pool. */
enum sheaf_pin {
	SHEAF_PIN_NONE = 0,    /* on any */
	SHEAF_PIN_COMPACT = 1, /* one each; first all of a core, then all cores of a package */
	SHEAF_PIN_SPREAD = 2,  /* one each; of each package in turn a core that has none yet */
	SHEAF_PIN_LIST = 3,    /* one each: cpus */
};

/* For inner_threads: sheaf_usable_cpus() / workers, at least 1. */
#define SHEAF_INNER_SHARE (~0u)

/**
 * sheaf_worker_options - how workers begin and end, and how long they serve
 *
 * init runs in each new worker before its first task, also in each that takes the place of another.
 * It may store a state, which tasks get by sheaf_task_state(). exit runs in each worker that leaves
 * or that ends with a closed pool, and in those that have nothing in hand when the pool is
 * terminated or destroyed. It does not run in a worker that is killed, or whose init failed. Hooks
 * see what tasks see, and like tasks they may not use the pool's handles. If a hook leaves its
 * function by another way than a return, its worker ends.
 *
 * sheaf_pool_create() returns when init has ended in all first workers. If it fails in one of them,
 * there is no pool. Then the code is what init has returned; -ECHILD: it was killed by a signal, or
 * has left its function by exit() and the like; -ETIMEDOUT: it took too long. The message says
 * which, with the text of sheaf_worker_fail(). In a worker that takes another one's place it is
 * tried again: soon at first, then once a second. As long as no worker is set up, calls wait. After
 * three failures and ten seconds without any, the pool stops: calls return -ENOTRECOVERABLE, and
 * their message says why init has failed. While others are set up, the pool goes on with these.
 *
 * An exit hook that fails, or takes too long, harms no result. sheaf_pool_join() tells it, by
 * -ECHILD with a message, when all has ended. After a termination nobody is told.
 *
 * The thread that waits for a map or a batch (caller_works) is no worker, so in a pool with an init
 * hook it runs nothing itself. With SHEAF_THREADS the hooks run in the worker's thread and are not
 * stopped, however long they take. What crashes in one ends the owner. recycle_memory is refused.
 * With SHEAF_INLINE init runs in sheaf_pool_create() and exit in sheaf_pool_destroy(), in the
 * calling thread, and nobody leaves: recycle_tasks and recycle_memory are refused by -ENOTSUP.
 *
 * How many workers there are. A pool has options.workers of them, and sheaf_pool_resize() may ask
 * for up to max_workers, with SHEAF_THREADS, too. With on_demand there are min_workers at first.
 * Another one starts when a task is submitted and no worker sleeps or looks for one, up to as many
 * as are wanted. A worker that has had no task for idle_ns leaves, down to min_workers. Starting
 * one costs the task that needs it a fork and an init hook, so a short idle_ns is of use only where
 * tasks are long. on_demand is refused with SHEAF_THREADS, where a thread that sleeps costs
 * nothing, and max_workers, too, with SHEAF_INLINE. (howto/grow-and-shrink.md)
 *
 * Where a worker runs, and what it may take. Each worker takes its place before its first task, and
 * so does the one that follows it. If the system refuses that to one, there is no pool:
 * sheaf_pool_create() returns -EINVAL (a value out of its range, a CPU that may not be used),
 * -EPERM or -EACCES (rights), or -ENOTSUP (the system, or the backend, cannot do it). With
 * SHEAF_THREADS there are only pin and nice, and nice only on Linux; with SHEAF_INLINE none of it.
 * (howto/place-workers.md)
 */
typedef struct sheaf_worker_options {
	/* return 0, or a negative errno; *state is NULL before. NULL, as exit: no hook */
	int (*init)(void **state, unsigned worker, void *context);
	void (*exit)(void *state, unsigned worker, void *context);
	void *context;            /* of both hooks; as it was when the pool was created */
	uint64_t init_timeout_ns; /* 0: 60 s; at most a day. A worker is killed that takes longer */
	uint64_t exit_timeout_ns; /* 0: 5 s; at most a day. The end of a pool waits no longer */
	/* leave after so many tasks, nested ones too; a chunk of a map counts as one; 0: never */
	uint64_t recycle_tasks;
	/*
	 * Leave when so many bytes of memory have come since init ended: resident memory of the
	 * worker's own, so neither shared memory nor files. Asked between two tasks, or two items
	 * of a map, at most 200 times a second. 0: never. -ENOTSUP where the system does not tell.
	 */
	size_t recycle_memory;
	/* most workers that sheaf_pool_resize() may ask for; 0: options.workers; at least those */
	unsigned max_workers;
	bool on_demand;       /* start workers beyond min_workers when tasks need them */
	unsigned min_workers; /* on_demand: so many always are there; at most options.workers */
	uint64_t idle_ns;     /* on_demand: leave after so long without a task; 0: never */
	enum sheaf_pin pin;
	const unsigned *cpus; /* of SHEAF_PIN_LIST, copied: worker w runs on cpus[w % cpu_count] */
	size_t cpu_count;
	int nice; /* added to the owner's level, -39 .. 39; above 0: the worker gives way */
	/* added to the owner's, -1000 .. 1000; above 0: the kernel kills the worker first */
	int oom_score_adj;
	size_t address_space; /* bytes that a worker may map beyond what it begins with; 0: any */
	/* threads that OpenMP and BLAS start in a worker; 0: as without a pool */
	unsigned inner_threads;
} sheaf_worker_options;

/* ---- Hooks ---- */

/**
 * sheaf_worker_fail() - say in an init hook why it fails
 * @code: a negative errno
 *
 * The text, cut to 511 bytes, becomes part of the message of sheaf_pool_create(), or of the calls
 * that find that the pool has stopped.
 * Return: @code, to be returned by the hook.
 */
SHEAF_API int sheaf_worker_fail(int code, const char *format, ...) SHEAF_PRINTF(2, 3);

/* ---- Pools ---- */

/**
 * sheaf_pool_resize() - change how many workers a pool has, while work runs
 * @workers: 1 to worker_options.max_workers
 *
 * Returns at once. New workers run the hooks, and tasks that wait. Those of the highest numbers
 * leave, each with nothing in hand: one that runs a task ends it first, and of a map its chunk.
 * Maps that were submitted before are not cut anew, but new workers take part in them.
 * Return: 0; -EINVAL (also: out of that range), -EPERM, -EPIPE, -ECANCELED, -ENOTRECOVERABLE,
 *         -EOWNERDEAD, -EBADF; -ENOTSUP (SHEAF_INLINE); -EAGAIN (no thread can be started).
 */
SHEAF_API int sheaf_pool_resize(sheaf_pool *pool, unsigned workers);

/**
 * sheaf_pool_pause() - have workers begin no more tasks, and no more chunks of maps
 * sheaf_pool_resume() - have them go on
 *
 * Returns at once: tasks that run end as usual, as does one that a worker was just about to claim,
 * with the nested work that they wait for, unless that has a time limit or has cost deaths, so that
 * it is left to other workers. Work is accepted
 * meanwhile, up to ring_size, and calls wait. A thread that works for itself (caller_works) goes
 * on. sheaf_pool_join() returns -EBUSY. Pausing or resuming twice is fine.
 * Return: 0; -EINVAL, -EPERM, -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF; -ENOTSUP
 *         (SHEAF_INLINE: nobody but the thread that waits would run tasks).
 */
SHEAF_API int sheaf_pool_pause(sheaf_pool *pool);
SHEAF_API int sheaf_pool_resume(sheaf_pool *pool);

typedef struct sheaf_workers_info {
	unsigned wanted;        /* as created, or by sheaf_pool_resize() */
	unsigned alive;         /* now; with on_demand fewer, after a resize for a while more */
	uint64_t started;       /* workers so far, with those that took another one's place */
	uint64_t left;          /* of these, workers that have left */
	uint64_t init_failures; /* init hooks that failed */
	uint64_t exit_failures; /* exit hooks that failed, but in a pool that was terminated */
} sheaf_workers_info;

/**
 * sheaf_pool_get_workers() - read how often workers of a pool have come and gone
 *
 * Return: 0; -EINVAL, -EPERM.
 */
SHEAF_API int sheaf_pool_get_workers(const sheaf_pool *pool, sheaf_workers_info *info);

/* ---- For tasks ---- */

/**
 * sheaf_task_state() - return what the init hook has stored in the worker that runs the task
 *
 * The same memory for all tasks of the worker. A task that waits for nested work may find that it
 * was changed meanwhile, because its worker runs other tasks then.
 * Return: the state; NULL: there is none, or no init hook.
 */
SHEAF_API void *sheaf_task_state(const sheaf_task *task);

/**
 * sheaf_task_leave() - have the worker that runs the task leave after it
 * @task: the caller's
 *
 * For a task that has left its process in a state that no other task should find: a library that
 * cannot be reset, memory that grows. Of a map, the worker may run up to 2,000 more items that take
 * less than some microseconds each; of a loop, the rest of its call. With SHEAF_THREADS the
 * worker's thread ends, and another one takes its place.
 * Return: 0; -EINVAL; -EPERM (a forked child); -ENOTSUP (the caller of the map or of the batch runs
 *         the task itself: caller_works).
 */
SHEAF_API int sheaf_task_leave(sheaf_task *task);

#ifdef __cplusplus
}
#endif

#endif
