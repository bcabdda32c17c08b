/*
 * sheaf_attach.h - other programs of the same user join a pool: they submit, they work, or both.
 *
 * Contents
 *   Functions         sheaf_any_fn, sheaf_function
 *   The owner         sheaf_sharing
 *   Another program   sheaf_attach_options, sheaf_pool_attach, sheaf_pool_work
 *
 * Joining   The owner lets programs in by options.sharing of sheaf_pool_create(). Another program
 *           joins by the pool's name (sheaf_pool_attach). From then on it uses the pool as the
 *           owner does: it allocates, opens batches, submits, gathers. It lends a thread as a
 *           worker by sheaf_pool_work(). It leaves by sheaf_pool_destroy(). (howto/join-a-pool.md)
 *
 * Names     A function has another address in another program. So in a shared pool each function
 *           crosses by its name: owner and programs have tables of names and pointers. A function
 *           that is submitted must be in both tables, and so must one that a call is to call in
 *           tasks, such as the fold of a reduction. The library's own functions are in all of them.
 *
 * Memory    The pool's memory is at the owner's addresses, so a plain pointer to it means the same
 *           in each program. If a program has something else there, it is refused, and nothing is
 *           moved. Apart from that memory the programs share nothing: a task sees the globals of
 *           the program in which it runs.
 *
 * Deaths    A program that has joined may be killed at any time, as a worker may: the kernel tells
 *           the supervisor. Its batches are retired, and a task that it ran runs again elsewhere,
 *           charged with one attempt. What it has from sheaf_alloc() stays until somebody frees it.
 *           A child that it forks has not joined.
 *
 * Limits    What kills a worker kills a program that has called sheaf_pool_work(): a time limit,
 *           SHEAF_KILL, the end of the grace of a batch that is retired, and the death of the task
 *           that has opened the batch of its own. It catches no crash of a task. Termination does
 *           not kill it: calls return -ECANCELED when its task has ended.
 *
 * Callers, returns and messages are as in sheaf.h.
 */
#ifndef SHEAF_ATTACH_H
#define SHEAF_ATTACH_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHEAF_MAX_FUNCTIONS 4096u
#define SHEAF_MAX_PLACES 64u    /* programs, or threads of them, that have joined at once */
#define SHEAF_FUNCTION_NAME 59u /* most bytes of a function's name */

/* ---- Functions ---- */

/* Any function: cast to this type. */
typedef void sheaf_any_fn(void);

/* A function that programs know by its name: one of the three pointers, and the others NULL. */
typedef struct sheaf_function {
	const char *name; /* 1 to SHEAF_FUNCTION_NAME printable bytes, once in a table; copied */
	sheaf_task_fn *task;
	sheaf_range_fn *range;
	/* what calls take beside these: a sheaf_block_fn, _group_fn, _scan_fn; the identity, fold
	 * and combine of a reduction */
	sheaf_any_fn *other;
} sheaf_function;

/* ---- The owner ---- */

/**
 * sheaf_sharing - whom a pool lets in, and which functions it runs
 *
 * Of sheaf_pool_options. The pool needs a name, its own or a random one, so SHEAF_ANONYMOUS is
 * refused. Its functions are those in the table: to submit another one returns -ENOENT, as does a
 * call with another function for its tasks. The library's own functions need no name. The backend
 * is SHEAF_PROCESSES; another one returns -ENOTSUP, and if the environment has chosen it, nobody
 * can join.
 */
typedef struct sheaf_sharing {
	const sheaf_function *functions;
	size_t function_count; /* 1 to SHEAF_MAX_FUNCTIONS */
	unsigned places;       /* that are joined at once; 0: 16; at most SHEAF_MAX_PLACES */
} sheaf_sharing;

/* ---- Another program ---- */

typedef struct sheaf_attach_options {
	/* those that it submits; to work it needs all that the owner has */
	const sheaf_function *functions;
	size_t function_count; /* 0: it submits nothing; at most SHEAF_MAX_FUNCTIONS */
	void *state;           /* what sheaf_task_state() gives to tasks in this program */
	/* as of sheaf_pool_options, for calls of this program; or NULL */
	bool (*interrupted)(void *interrupted_context);
	void *interrupted_context;
} sheaf_attach_options;

/**
 * sheaf_pool_attach() - join a pool of another program of the same user
 * @pool: gets a handle, which sheaf_pool_destroy() gives back: that leaves the pool
 * @name: of the pool, as sheaf_pool_get_info() tells it
 * @options: NULL: as zeroed
 *
 * Takes one place of the pool. The calls for the owner alone (_close, _join, _terminate, _resize,
 * _pause, _resume, _get_info, _get_workers, _worker_pid, _fd, _news) return -EPERM, and so does
 * sheaf_batch_arm(). caller_works has no effect.
 * Return: 0; -EINVAL (also: a function without a name, or with not one pointer; a name of a
 *         task that is a range there; a pool that belongs to this process), -EEXIST (a name twice),
 *         -ENOENT (no pool has that name; or the pool has no function of that name), -EPERM (the
 *         pool lets nobody in), -EACCES (it is another user's), -EPROTO (of another version or
 *         build of the library), -EBADMSG (no segment of a pool, or a damaged one), -EAGAIN (it is
 *         not ready yet; or all its places are taken), -EADDRINUSE (the address range is taken in
 *         this process), -EPIPE, -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD (also: the owner is
 *         dead), -ESTALE (the pool is gone), -EMFILE, -ENFILE, -ENOMEM.
 */
SHEAF_API int sheaf_pool_attach(sheaf_pool **pool, const char *name, const sheaf_attach_options *options);

/**
 * sheaf_pool_work() - run tasks of the pool in the calling thread
 * @pool: from sheaf_pool_attach(); one thread at a time, so attach once for each that is to work
 *
 * Runs tasks until the pool ends. A task in hand is ended first, whatever ends the call. Task
 * functions may not use @pool, but sheaf_task_pool(), as in a worker.
 * Return: 0: the pool was closed, and nothing is left to do; 1: a task has called
 *         sheaf_task_leave(); -EINVAL, -EPERM (also: the owner's handle, or a task's), -ENOENT
 *         (this program lacks a function of the pool: the message names it), -EBUSY (another
 *         thread works with this handle), -EAGAIN (the deadline was 0, and nothing is left to do
 *         now), -ETIMEDOUT, -EINTR, -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD.
 */
SHEAF_API int sheaf_pool_work(sheaf_pool *pool, uint64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
