/*
 * sheaf.h - a pool of worker processes that share one memory segment.
 *
 * Contents
 *   This text         Model to Errors: what holds for all of it. Pages in brackets are in docs/.
 *   Task functions    sheaf_task_fn, sheaf_range_fn
 *   Options           sheaf_pool_options, sheaf_batch_options, _task_options, _map_options
 *   Results           sheaf_result
 *   Pools             sheaf_pool_create, _close, _join, _terminate, _interrupt, _destroy,
 *                     _get_info, _worker_pid, sheaf_usable_cpus
 *   Shared memory     sheaf_alloc, sheaf_alloc_array, sheaf_free
 *   Fan out and wait  sheaf_apply, sheaf_map, sheaf_for
 *   Batches           sheaf_batch_create, _retire, sheaf_submit, _with, _map, _for, sheaf_next,
 *                     _done, sheaf_gather, sheaf_batch_get_progress
 *   Several batches   sheaf_wait, sheaf_pool_fd, sheaf_batch_arm, sheaf_pool_news
 *   Cancel            sheaf_cancel, sheaf_batch_cancel
 *   For tasks         sheaf_task_position, _attempt, _worker, _context, _arg_size, _cancelled,
 *                     _pool, _result, _fail
 *   Errors and time   sheaf_strerror, sheaf_message, sheaf_now_ns, sheaf_version
 *
 * Model     A *pool* is a set of *workers* and the *segment* that they share. A *task* is a
 *           function, its argument and its *position*, a 64-bit tag. A *batch* is one fan-out:
 *           tasks that are gathered together, ordered by position. Big data lives in the segment's
 *           heap (sheaf_alloc). A plain pointer to it means the same in every process of the pool.
 *
 * Callers   The process that creates a pool is its *owner*. It calls these functions from any of
 *           its threads. A task calls sheaf_task_*() with the task that it was given, and those
 *           that fan out, gather and allocate with sheaf_task_pool(). A handle belongs to the owner
 *           or the task that has got it. Any number of threads may submit to a batch and ask how
 *           far it is, while one gathers. A signal handler may call sheaf_pool_interrupt() alone.
 *
 * Deaths    A worker that dies is replaced, and its task runs again, up to max_attempts times. Then
 *           that position alone fails, and its result says why. Tasks run at least once and are
 *           published exactly once, so a task's own side effects may happen twice. If the owner
 *           dies or calls exec(), its workers end. The *supervisor*, a process between owner and
 *           workers, does this, and is itself replaced. (howto/survive-a-crash.md)
 *
 * Limits    task_timeout_ns is the longest time that one run may take: in a map, of each item; in a
 *           loop, of each call of its function. If a run takes longer, its worker is killed, and
 *           the position fails with -ETIMEDOUT, without another attempt. No other task is charged,
 *           and time in the queue does not count. (howto/survive-a-crash.md)
 *
 * Tasks     A task sees the owner's memory as it was when the pool was created, and shared memory
 *           as it is now. If it leaves its function by another way than a return (an uncaught
 *           exception, exit(), longjmp()), its worker ends, which is a death. What it prints to
 *           stdout is written before its result is there, or that of its chunk. Ctrl-C does not
 *           reach it. (howto/what-a-task-may-see.md, howto/ctrl-c.md)
 *
 * Rights    The segment's file has mode 0600. A process with more rights than others of its user
 *           gets no name for it: options.name is refused with -EPERM. (explanation/security.md)
 *
 * Host      The host may fork: in the child each call with a handle returns -EPERM. If it closes
 *           descriptors of a pool, the pool goes on, or ends with -EBADF. (explanation/hosts.md)
 *
 * Backends  With SHEAF_THREADS the workers are threads of the owner. With SHEAF_INLINE there are
 *           none: its threads run the tasks in their calls that wait, one at a time. Nothing can be
 *           killed there, so a time limit, SHEAF_KILL, and termination while tasks run return
 *           -ENOTSUP, and to retire or destroy waits for tasks that run. A task that crashes, or
 *           leaves without a return, ends or harms the owner. (howto/choose-a-backend.md)
 *
 * Debugging In the environment, SHEAF_CHECK=1 finds wild writes, and SHEAF_BACKEND=inline, =threads
 *           or =processes overrides the option, without -ENOTSUP. (howto/debug-a-task.md)
 *
 * Returns   int functions return >= 0 when done (0 or a count), and -errno when not. Out-parameters
 *           are untouched on failure. sheaf_message() says what went wrong in the calling thread's
 *           last failure. *_ns are nanoseconds. Deadlines are absolute on CLOCK_MONOTONIC
 *           (sheaf_now_ns() + n). 0 polls, and SHEAF_FOREVER waits without a limit.
 *
 * Errors    A function lists all codes that it can return, with their meaning if it is not this:
 *             -EINVAL           NULL, or a value out of its range: the message names it; or what
 *                               the handle stood for has ended (unless a new one has its memory)
 *             -EPERM            the handle is not the caller's: see "Callers", "Host"; -EDEADLK in
 *                               its place: its task waits, and the caller runs inside of that wait
 *             -EAGAIN           the call would have to wait, and the deadline was 0
 *             -ETIMEDOUT        the deadline passed
 *             -EINTR            sheaf_pool_interrupt(), or options.interrupted of the pool
 *             -EBUSY            another thread waits in a gathering call of the batch
 *             -EPIPE            the pool is closed
 *             -ECANCELED        the pool was terminated
 *             -ENOTRECOVERABLE  the pool stopped: workers died without progress, or a wild write
 *             -EOWNERDEAD       the supervisor died and cannot be replaced
 *             -EBADF            the owner has closed the pool's descriptors: see "Host"
 *             -ENOSPC           shared memory, or its cgroup, is full: the message says how full
 *             -ENOMEM           no memory, address space or heap. Both say what can never fit
 *             -ENOTSUP          the backend cannot do it: see "Backends"
 *             -EOVERFLOW        a size does not fit
 */
#ifndef SHEAF_H
#define SHEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SHEAF_API __attribute__((visibility("default")))
#define SHEAF_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define SHEAF_API
#define SHEAF_PRINTF(text, first)
#endif

#define SHEAF_VERSION "0.1.0"
#define SHEAF_FOREVER UINT64_MAX
#define SHEAF_MAX_WORKERS 2048u
#define SHEAF_MAX_ATTEMPTS 31u

typedef struct sheaf_pool sheaf_pool;
typedef struct sheaf_batch sheaf_batch;
typedef struct sheaf_task sheaf_task;

/* ---- Task functions ---- */

/**
 * sheaf_task_fn - what one task does; run in a worker, once or more
 * @task:   the handle for the sheaf_task_*() functions; valid until the function returns
 * @arg:    a copy of what was submitted, or &in[position * in_size] of a map; NULL if it has no
 *          bytes. Copies are aligned to 8 bytes (to 64 if longer than 24 bytes)
 * @result: result_size zeroed bytes, aligned to 8 bytes (to 64 if longer than 8 bytes); of a map
 *          &out[position * out_size], not zeroed; NULL if the size is 0
 *
 * Return: 0, or a negative errno: then this position alone fails with that code.
 */
typedef int sheaf_task_fn(sheaf_task *task, const void *arg, void *result);

/**
 * sheaf_range_fn - what a loop does for the positions from @begin up to but without @end
 * @context: what the caller gave to sheaf_for()
 *
 * Called with any division of [0, n) into ranges. After a death, or over its limit, a range is cut
 * into single positions, so that only the one to blame fails; with max_attempts = 1 all of it does.
 * Return: 0, or a negative errno: then every position of the range fails with that code.
 */
typedef int sheaf_range_fn(sheaf_task *task, size_t begin, size_t end, void *context);

/* ---- Options ---- A zeroed struct, or NULL for the whole, means the defaults. */

/* Where tasks run. A pool of processes survives the death of any of them. See "Backends". */
enum sheaf_backend { SHEAF_PROCESSES = 0, SHEAF_THREADS = 1, SHEAF_INLINE = 2 };

enum sheaf_pool_flags {
	SHEAF_ANONYMOUS = 1 << 0,   /* no name: nothing in /dev/shm, even after kill -9 of all */
	SHEAF_KEEP_FDS = 1 << 1,    /* workers keep the owner's files, stdin too; else 1 and 2 */
	SHEAF_DUMP_HEAP = 1 << 2,   /* core files have the segment, if the system has the choice */
	SHEAF_TELL_DEATHS = 1 << 3, /* sheaf_pool_news() tells of deaths, too */
};

typedef struct sheaf_pool_options {
	unsigned workers;      /* 0: sheaf_usable_cpus(); at most SHEAF_MAX_WORKERS; inline 0 */
	unsigned ring_size;    /* tasks of a priority that wait or run; 0: 1024; 2^k, to 2^20 */
	unsigned max_attempts; /* runs of a task until it fails; 0: 3; at most SHEAF_MAX_ATTEMPTS */
	unsigned max_batches;  /* batches open at once; 0: 4096; at most 16384 */
	size_t heap_size;      /* bytes, address space until used; 0: the machine's memory */
	const char *name;      /* "/name" of the segment, printable; NULL: random; see "Rights" */
	enum sheaf_backend backend;
	unsigned flags;                                    /* enum sheaf_pool_flags */
	uint64_t task_timeout_ns;                          /* see "Limits"; 0: none */
	uint64_t seed;                                     /* see sheaf_random.h */
	const struct sheaf_worker_options *worker_options; /* hooks, recycling: sheaf_workers.h */
	const struct sheaf_sharing *sharing;               /* who may join: sheaf_attach.h */
	const struct sheaf_tracing *tracing;               /* a timeline: sheaf_trace.h */
	/* asked by calls of the owner that wait, every 0.1 s and once a signal handler has run in
	 * their sleep: true ends the wait with -EINTR (howto/bind-another-language.md); or NULL */
	bool (*interrupted)(void *interrupted_context);
	void *interrupted_context;
} sheaf_pool_options;

enum sheaf_batch_flags {
	SHEAF_NONBLOCK = 1 << 0, /* submitting calls return -EAGAIN instead of waiting for room */
	SHEAF_NO_TIMES = 1 << 1, /* results carry no times: saves reading the clock for each */
};

/* Does the first position that fails cancel those that have not started? (howto/stop-early.md) */
enum sheaf_on_error { SHEAF_GO_ON = 0, SHEAF_CANCEL_REST = 1 };

/* Which tasks begin first. None waits for ever. (howto/urgent-first.md) */
enum sheaf_priority { SHEAF_NORMAL = 0, SHEAF_HIGH = 1, SHEAF_LOW = 2 };

typedef struct sheaf_batch_options {
	size_t result_size;       /* bytes of each task's result; 0: none, or sheaf_task_result() */
	unsigned max_attempts;    /* 0: the pool's */
	unsigned flags;           /* enum sheaf_batch_flags */
	uint64_t task_timeout_ns; /* see "Limits"; 0: the pool's; SHEAF_FOREVER: none */
	enum sheaf_on_error on_error;
	enum sheaf_priority priority; /* SHEAF_NORMAL in a task: that of the task */
	/* the thread that waits for results runs some itself, as sheaf_map(); in a task always */
	bool caller_works;
	const void *context; /* see sheaf_task_context(): any value, which nothing follows */
	uint64_t grace_ns;   /* until retiring kills; 0: 1 s; 1: at once; SHEAF_FOREVER: never */
	size_t window;       /* most positions held at once, see sheaf_stream.h; 0: no bound */
	size_t window_bytes; /* most bytes of their arguments and results */
} sheaf_batch_options;

typedef struct sheaf_task_options {
	uint64_t timeout_ns;  /* 0: the batch's; SHEAF_FOREVER: none. Rounded up by 0.1 % */
	uint64_t deadline_ns; /* for room, also with SHEAF_NONBLOCK; 0: as the batch says */
} sheaf_task_options;

typedef struct sheaf_map_options {
	size_t grain;             /* positions claimed at once; 0: chosen; 2^20 chunks at most */
	uint64_t first;           /* tasks are told first + i: [0, n) is a part of a larger map */
	size_t context_size;      /* bytes of the context to copy; 0: it is in shared memory */
	const void *context;      /* of a map, see sheaf_task_context(); a loop's is an argument */
	unsigned max_attempts;    /* 0: the batch's, or the pool's */
	uint64_t task_timeout_ns; /* see "Limits"; 0: the batch's; SHEAF_FOREVER: none */
	/* Not of sheaf_submit_map() and _for(), which go by the options of their batch: */
	uint64_t deadline_ns; /* until when to wait for the whole; 0: for ever */
	enum sheaf_on_error on_error;
	enum sheaf_priority priority;
	bool caller_works; /* the thread that waits runs positions, too: see sheaf_map() */
	uint64_t grace_ns; /* of a call that gives up; as of a batch */
	void **left;       /* out, with its size: see sheaf_apply(); or NULL */
	size_t *left_size;
} sheaf_map_options;

/* ---- Results ---- */

/**
 * sheaf_result - how a position ended
 *
 * Its status is 0, or -errno: what the task returned; -ECHILD: its worker died; -ETIMEDOUT: it was
 * over its limit; -ECANCELED: see "Cancel". SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT leave a
 * backtrace: return addresses, the innermost first. SIGSEGV and SIGBUS leave the address, too.
 */
typedef struct sheaf_result {
	uint64_t position;
	int status;
	int signal;          /* that ended the worker in the last attempt; 0: none did */
	int exit_code;       /* the worker's in the last attempt, or -1 */
	unsigned attempts;   /* runs so far that were charged: 1 unless workers died, or 0 */
	int worker;          /* from 0; -1: the caller (caller_works), or not known */
	pid_t pid;           /* that ran it; 0: not known (of a map whose worker is gone) */
	void *data;          /* in the segment, never copied; NULL: none; see sheaf_task_result() */
	size_t size;         /* bytes at data */
	const char *message; /* why it failed; "" if it did not */
	/* of the last attempt, on CLOCK_MONOTONIC; 0: SHEAF_NO_TIMES, or of a map and no death */
	uint64_t started_ns;
	uint64_t finished_ns;
	const uint64_t *backtrace;
	unsigned backtrace_size;   /* 0: not known, or none */
	const void *fault_address; /* NULL: that address, or none */
} sheaf_result;

/* ---- Pools ---- */

/**
 * sheaf_pool_create() - create a segment, start a supervisor and workers
 * @pool: out: the pool; end it with sheaf_pool_destroy()
 *
 * Removes the names of segments that dead owners of the same user left behind, and nothing else.
 * Flushes stdout and stderr, so that no worker repeats what they held. Installs no signal handler,
 * starts no thread (except with SHEAF_THREADS), and leaves one child process, the supervisor.
 * Return: 0; -EINVAL (also: a wrong SHEAF_CHECK or SHEAF_BACKEND), -ENOSPC, -ENOMEM; -EEXIST (the
 *         name is taken: the message says by what); -EPERM (see "Rights"); also -EPERM, -ENOENT,
 *         -EACCES, -EROFS, -ENOSYS (shared memory cannot be used here); -EMFILE, -ENFILE (no file
 *         descriptor left); -EAGAIN (no process or thread can be started); what an init hook has
 *         returned, -ECHILD, -ETIMEDOUT (one failed: see sheaf_workers.h); -ENOTSUP (also a limit).
 */
SHEAF_API int sheaf_pool_create(sheaf_pool **pool, const sheaf_pool_options *options);

/**
 * sheaf_pool_close() - accept no more work; accepted tasks still run
 * sheaf_pool_join() - wait until a closed pool has run everything and its workers have ended
 * sheaf_pool_terminate() - kill the workers now; workers that have no task end by themselves
 *
 * After a join, results can still be gathered. After a termination, what is not done will never be
 * done, and waiting calls of other threads return -ECANCELED. Closing or terminating twice is fine.
 * Return: close: 0; -EINVAL, -EPERM, -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF
 *         join: as close; -EAGAIN, -ETIMEDOUT, -EINTR; -EBUSY (not closed, or paused); -ECHILD
 *         (all is done, but a worker's exit hook failed)
 *         terminate: 0; -EINVAL, -EPERM; -ENOTSUP (tasks run on; no other one begins)
 */
SHEAF_API int sheaf_pool_close(sheaf_pool *pool);
SHEAF_API int sheaf_pool_join(sheaf_pool *pool, uint64_t deadline_ns);
SHEAF_API int sheaf_pool_terminate(sheaf_pool *pool);

/**
 * sheaf_pool_interrupt() - end a wait: for Ctrl-C, and for other threads
 *
 * Each call of the owner that is waiting, sheaf_array_load() too, returns -EINTR once. If none is
 * waiting, the next one that would have to wait returns it at once, so a signal cannot come too
 * early. Several that no call has returned yet count as one. Nothing is lost, and the call can be
 * made again; but apply, map and for give up what is not done, as by sheaf_batch_retire(). Leaves
 * no message. Safe in a signal handler, while the pool is not being destroyed. (howto/ctrl-c.md)
 * Return: 0; -EINVAL, -EPERM.
 */
SHEAF_API int sheaf_pool_interrupt(sheaf_pool *pool);

/**
 * sheaf_pool_destroy() - terminate the pool, free its batches, its heap, its handle and its name
 * @pool: no other thread may be using it; NULL is fine, and so is a pool that was destroyed
 *
 * A forked child of the owner frees only its copy. A task does nothing to the pool that runs it.
 */
SHEAF_API void sheaf_pool_destroy(sheaf_pool *pool);

typedef struct sheaf_pool_info {
	unsigned workers;     /* wanted; with SHEAF_INLINE 1: the thread that waits */
	pid_t supervisor;     /* its pid; 0: not with SHEAF_PROCESSES, or after the end */
	uint64_t deaths;      /* of workers so far, but not on request or with their supervisor */
	uint64_t supervisors; /* supervisors started so far */
	size_t heap_size;     /* bytes that the heap may grow to */
	size_t heap_used;     /* bytes committed for allocations and batches */
	size_t heap_stocked;  /* kept for next batches: 1 MiB at most a process, for two seconds */
	const char *name;     /* of the segment; "" if it has none; lives as long as the pool */
} sheaf_pool_info;

/**
 * sheaf_pool_get_info() - read the present figures of a pool
 * sheaf_pool_worker_pid() - return the pid of a worker, as the kernel reports it
 * sheaf_usable_cpus() - CPUs for this process, by affinity mask and cgroup quota; at least 1
 *
 * Check a pid before you send a signal: -EPERM is -1, and kill(-1, ...) signals all processes.
 * Return: get_info: 0; -EINVAL, -EPERM
 *         worker_pid: the pid; 0 (being replaced, or a thread); -EINVAL (no such worker); -EPERM
 */
SHEAF_API int sheaf_pool_get_info(const sheaf_pool *pool, sheaf_pool_info *info);
SHEAF_API pid_t sheaf_pool_worker_pid(const sheaf_pool *pool, unsigned worker);
SHEAF_API unsigned sheaf_usable_cpus(void);

/* ---- Shared memory ---- */

/**
 * sheaf_alloc() - allocate shared memory at the same address in every process of the pool
 * sheaf_alloc_array() - allocate @n times @size bytes of it
 * sheaf_free() - give such memory back to the system; no task may still use it
 * @size:   bytes, rounded up to 64 KiB; 0 gives a unique pointer that may not be written to
 * @memory: out: zeroed, aligned to 64 KiB, committed: touching it cannot fail. Freed with the pool
 *          at the latest. To free: the very pointer that was given; NULL is fine
 *
 * Return: alloc: 0; -EINVAL, -EPERM, -EOVERFLOW, -ENOSPC, -EBADF, -ENOMEM
 *         free: 0; -EINVAL (also: not a live allocation of this pool), -EPERM
 */
SHEAF_API int sheaf_alloc(sheaf_pool *pool, size_t size, void **memory);
SHEAF_API int sheaf_alloc_array(sheaf_pool *pool, size_t n, size_t size, void **memory);
SHEAF_API int sheaf_free(sheaf_pool *pool, void *memory);

/* ---- Fan out and wait ---- */

/**
 * sheaf_apply() - run one task and wait for it
 * sheaf_map() - run fn(&in[i], &out[i]) for each position i of [0, n), in place, and wait
 * sheaf_for() - run fn over ranges of positions that together are [0, n), and wait
 * @arg:      arg_size bytes, copied; may be NULL if that is 0
 * @result:   out: result_size bytes, anywhere. What a task gave by sheaf_task_result() is cut to
 *            that size, or followed by zeros; but see options->left
 * @in, @out: n items of in_size and out_size bytes, in memory of sheaf_alloc(); NULL if the size is
 *            0. Out is not zeroed
 * @context:  of a loop (of a map: options->context): in shared memory, or NULL; or anywhere, if
 *            options->context_size says how many bytes of it to copy
 * @options:  sheaf_apply(): not first, grain, context_size, on_error; context as that of a batch
 *
 * n = 0 does nothing. With options->caller_works, which suits small items, the calling thread runs
 * some of them itself. What crashes there ends the caller. But it runs no item with which a worker
 * has died, and none at all if there is a limit.
 *
 * If positions failed, the status of the lowest one is returned. sheaf_message() names it, with its
 * reason and the number of the others. All other results are valid. After -ETIME and -EINTR, what
 * is not done is given up as by sheaf_batch_retire().
 *
 * *options->left becomes a copy to free(): of a result that is larger than @result; or of what that
 * lowest position left by sheaf_task_result(). *options->left_size becomes the size of what was
 * left, or of the result. They are NULL and 0 in all other cases.
 * Return: 0; the status of the lowest position that failed; -ETIME (options->deadline_ns passed);
 *         -EFAULT (an array, or a context that is not copied, does not lie wholly in one allocation
 *         of the pool); -EOVERFLOW (also: n is above 2^45, or an argument has 4 GiB or more);
 *         -EINVAL, -EPERM, -EINTR, -EPIPE, -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF,
 *         -ENOSPC (also: max_batches are open), -ENOMEM; -EBADMSG (as sheaf_next()); -EMSGSIZE
 *         (apply: the result does not fit, and only left_size is there); -ENOTSUP.
 */
SHEAF_API int sheaf_apply(sheaf_pool *pool, sheaf_task_fn *fn, const void *arg, size_t arg_size, void *result,
			  size_t result_size, const sheaf_map_options *options);
SHEAF_API int sheaf_map(sheaf_pool *pool, sheaf_task_fn *fn, const void *in, size_t in_size, void *out, size_t out_size,
			size_t n, const sheaf_map_options *options);
SHEAF_API int sheaf_for(sheaf_pool *pool, sheaf_range_fn *fn, void *context, size_t n, const sheaf_map_options *options);

/* ---- Batches ---- Fan out, and gather as results come. */

/**
 * sheaf_batch_create() - open a batch
 * sheaf_batch_retire() - free a batch and all its memory, also that of its results
 * @batch: out: end it with sheaf_batch_retire(); the end of the pool, or of the task, ends it too.
 *         To retire NULL is fine, and so is a batch that was retired, or whose pool was destroyed.
 *         No other thread may be using it
 *
 * Retiring drops tasks that have not started, and waits for tasks that run. After grace_ns their
 * workers are killed and replaced, which is charged to no other task.
 * Return: 0; -EINVAL, -EPERM, -EPIPE, -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF, -ENOMEM;
 *         -ENOSPC (also: max_batches are open); -ENOTSUP (a limit).
 */
SHEAF_API int sheaf_batch_create(sheaf_batch **batch, sheaf_pool *pool, const sheaf_batch_options *options);
SHEAF_API void sheaf_batch_retire(sheaf_batch *batch);

/**
 * sheaf_submit() - hand a task to the pool; sheaf_submit_with(): with options for it alone
 * @position: any number that the batch does not have yet, in any order and with gaps
 * @arg:      arg_size bytes, copied into the segment
 *
 * Waits while the ring is full, unless the batch has SHEAF_NONBLOCK. In a task it then runs one
 * task, another or its own, so that asking again gets on. Takes 64 bytes of the segment per task,
 * plus argument and result, until the batch is retired.
 * Return: 0; -EINVAL, -EPERM, -EINTR, -EPIPE, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF, -ENOSPC,
 *         -ENOMEM; -EEXIST (the position was submitted before); -EBUSY (the batch is a map);
 *         -EAGAIN (full, and SHEAF_NONBLOCK); -ETIMEDOUT (full until options->deadline_ns);
 *         -ECANCELED (also: the batch was cancelled); -EOVERFLOW (the argument has 4 GiB or more);
 *         -EFAULT (only with SHEAF_CHECK); -EDEADLK (only with a window); -ENOTSUP.
 */
SHEAF_API int sheaf_submit(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size);
SHEAF_API int sheaf_submit_with(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size,
				const sheaf_task_options *options);

/**
 * sheaf_submit_map() - start a map in a batch of its own; sheaf_submit_for(): a loop
 *
 * Arguments are as for sheaf_map() and sheaf_for(). The n results are gathered as those of any
 * batch. Of a map, the data are &out[position * out_size]; of a loop there are none. Waits until
 * the ring has had room for each worker's invitation. With SHEAF_NONBLOCK it does not wait, and
 * only workers for whose invitations there was room take part.
 * Return: as sheaf_submit(), but: -EBUSY (the batch has tasks already); -EAGAIN (room for none, and
 *         SHEAF_NONBLOCK); -EFAULT, -EOVERFLOW, -ENOTSUP (as sheaf_map()); no -EEXIST.
 */
SHEAF_API int sheaf_submit_map(sheaf_batch *batch, sheaf_task_fn *fn, const void *in, size_t in_size, void *out,
			       size_t out_size, size_t n, const sheaf_map_options *options);
SHEAF_API int sheaf_submit_for(sheaf_batch *batch, sheaf_range_fn *fn, void *context, size_t n,
			       const sheaf_map_options *options);

/**
 * sheaf_next() - hand out the lowest position that was not handed out yet, as soon as it is done
 * sheaf_next_done() - hand out any such position that is done, the earliest known first
 * @result: out: its data and message stay valid until the batch is retired (see options.window)
 *
 * Also positions that another thread submits while the call waits. When the pool has stopped,
 * results that are done are still handed out, by sheaf_next_done() all of them.
 * Return: 1; 0 (all results were handed out); -EINVAL, -EPERM, -EAGAIN, -ETIMEDOUT, -EINTR, -EBUSY,
 *         -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF, -ENOMEM; -EBADMSG (memory that the
 *         result depends on was written over, most likely by a task that wrote behind its result).
 */
SHEAF_API int sheaf_next(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns);
SHEAF_API int sheaf_next_done(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns);

/**
 * sheaf_gather() - wait for all that was submitted, and show it sorted by position
 * @results: out: an array of @n results, also those that were handed out before; the batch's, and
 *           valid with all data it points to until the batch is retired or gathered again
 *
 * Return: the number of results that failed, INT_MAX at most: sheaf_message() names the lowest; or
 *         an error of sheaf_next(): then nothing is shown.
 */
SHEAF_API int sheaf_gather(sheaf_batch *batch, const sheaf_result **results, size_t *n, uint64_t deadline_ns);

typedef struct sheaf_progress {
	uint64_t total;  /* positions submitted so far */
	uint64_t done;   /* of these, published; of a map, rounded down to whole chunks */
	uint64_t failed; /* of those, with an error other than -ECANCELED */
} sheaf_progress;

/** sheaf_batch_get_progress() - tell how far a batch is. Return: 0; -EINVAL, -EPERM. */
SHEAF_API int sheaf_batch_get_progress(sheaf_batch *batch, sheaf_progress *progress);

/* ---- Several batches ---- Also for event loops: howto/event-loop.md. */

enum sheaf_which {
	SHEAF_FIRST_DONE = 0,   /* a batch with a result that can be handed out */
	SHEAF_FIRST_FAILED = 1, /* with one that failed, for another reason than -ECANCELED */
	SHEAF_ALL_DONE = 2,
};

/**
 * sheaf_wait() - wait for one of several batches of a pool, or for all of them
 * @batches: @n of them, each once, of any kind
 *
 * Hands out nothing. Results that _next or _next_done has handed out do not count.
 * Return: the index of the first batch that is as @which says; @n: none is and none will be, as all
 *         that was submitted so far is done, and did not fail or was handed out; -EINVAL (also: a
 *         batch is there twice, or is of another pool); the other errors of sheaf_next().
 */
SHEAF_API int sheaf_wait(sheaf_batch *const *batches, size_t n, enum sheaf_which which, uint64_t deadline_ns);

/**
 * sheaf_pool_fd() - return the pool's descriptor, which poll() finds readable when there is news
 * sheaf_batch_arm() - make it readable once, as soon as the batch has a result to hand out
 * sheaf_pool_news() - tell an armed batch that has news, and disarm it; or NULL: workers have died
 *
 * Arm a batch again when sheaf_next_done() has returned -EAGAIN. A call that waits for the batch
 * disarms it. After a worker's death, after sheaf_pool_interrupt() and at the end of the pool each
 * armed batch has news, with or without a result. Deaths are told to pools with SHEAF_TELL_DEATHS:
 * as sheaf_pool_get_info() counts them, several as one. Wait in any event loop, a second at most.
 * Then call sheaf_pool_news() until it returns 0: until then the descriptor stays readable. Neither
 * read from it nor close it.
 * Return: fd: the descriptor, > 2; arm: 0, -EBUSY, -ENOMEM; news: 1, or 0 (there is none)
 *         all: -EINVAL, -EPERM; -EBADF (this process has closed the descriptor)
 */
SHEAF_API int sheaf_pool_fd(sheaf_pool *pool);
SHEAF_API int sheaf_batch_arm(sheaf_batch *batch);
SHEAF_API int sheaf_pool_news(sheaf_pool *pool, sheaf_batch **batch);

/* ---- Cancel ---- */

enum sheaf_cancel_flags { SHEAF_KILL = 1 << 0 };

/* What a call has found. */
enum sheaf_cancel_found {
	SHEAF_WAS_DONE = 0,  /* nothing was cancelled: there is a result already */
	SHEAF_NEVER_RAN = 1, /* it had not started; or its worker had died, and it does not rerun */
	SHEAF_RUNS_ON = 2,   /* it runs, and is let finish */
	SHEAF_WAS_KILLED = 3,
};

/**
 * sheaf_cancel() - cancel one position; of a map or a loop, all from @position on
 * sheaf_batch_cancel() - cancel all positions, without waiting; the batch takes no more tasks
 * @flags: 0 or SHEAF_KILL, with which sheaf_cancel() waits until the workers have died
 *
 * A position that was cancelled and has not started never runs: its status is -ECANCELED, and its
 * attempts are 0. One that runs is let finish, and keeps its result. With SHEAF_KILL its worker is
 * killed instead, its status is -ECANCELED with the signal, and no other task is charged. If its
 * worker dies otherwise, it does not run again. All results can be gathered, also those that were
 * done before. A map stops between two items, a loop between two calls. (howto/stop-early.md)
 * Return: cancel: enum sheaf_cancel_found, of several positions the highest that is true of one;
 *         -EINVAL, -EPERM; -ENOENT (there is no such position); with SHEAF_KILL also -ECANCELED,
 *         -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF, -ENOTSUP (then nothing is cancelled)
 *         batch_cancel: 0; -EINVAL, -EPERM; -ENOTSUP (SHEAF_KILL; then nothing is cancelled)
 */
SHEAF_API int sheaf_cancel(sheaf_batch *batch, uint64_t position, unsigned flags);
SHEAF_API int sheaf_batch_cancel(sheaf_batch *batch, unsigned flags);

/* ---- For tasks ---- Called in a worker, by the function that was given the task. */

/*
 * What it runs: the position, of a range its first one; the attempt, 1 in the first run; the
 * worker, 0 .. workers - 1 (workers: a caller that works); the context of its map or loop, in a map
 * for reading only, else that of its batch, or NULL; the bytes of its argument, of a map in_size;
 * whether it was cancelled, or its batch retired: it may end early then.
 */
SHEAF_API uint64_t sheaf_task_position(const sheaf_task *task);
SHEAF_API unsigned sheaf_task_attempt(const sheaf_task *task);
SHEAF_API unsigned sheaf_task_worker(const sheaf_task *task);
SHEAF_API const void *sheaf_task_context(const sheaf_task *task);
SHEAF_API size_t sheaf_task_arg_size(const sheaf_task *task);
SHEAF_API bool sheaf_task_cancelled(const sheaf_task *task);

/**
 * sheaf_task_pool() - get the pool that runs the task, for work of its own (howto/nest-tasks.md)
 *
 * With it a task calls apply, map and for, opens batches, submits, gathers, waits, cancels,
 * allocates and frees, as the owner does. While it waits, its worker runs other tasks, its own
 * first, so nested work needs no second worker. Its time limit covers its waits. Batches that it
 * leaves open are retired when it returns. Memory that it allocated stays. If a nested task kills
 * its worker, those that wait there run again, uncharged, and what they had opened is freed.
 * Return: the handle, until the task returns (later calls with it: -EINVAL; calls that only the
 *         owner may make: -EPERM). NULL, with sheaf_message(): no memory; or a forked child.
 */
SHEAF_API sheaf_pool *sheaf_task_pool(const sheaf_task *task);

/**
 * sheaf_task_result() - allocate memory for a result whose size only the task knows
 * @size:   bytes; 0 is fine
 * @memory: out: zeroed, aligned to 64; the result's data when the task returns. The last counts
 *
 * Also the data of a position that fails; in a map or a loop only of such. Part of the batch.
 * Return: 0; -EINVAL, -ENOSPC, -ENOMEM; -EPERM (a forked child).
 */
SHEAF_API int sheaf_task_result(sheaf_task *task, size_t size, void **memory);

/**
 * sheaf_task_fail() - say why a task fails
 * @code: a negative errno
 *
 * The text, cut to 511 bytes, becomes the message of the position's result, byte by byte. It may
 * quote control characters of others, so take care where you print it; sheaf_message() has none.
 * Return: @code, to be returned by the task.
 */
SHEAF_API int sheaf_task_fail(sheaf_task *task, int code, const char *format, ...) SHEAF_PRINTF(3, 4);

/* ---- Errors and time ---- */

/**
 * sheaf_strerror() - one sentence for a code of this header; never NULL, static storage
 * sheaf_message() - what went wrong in the calling thread's last failure; "" before the first
 *
 * The message says what, which and how much. It is one line of UTF-8 that is safe to print and to
 * log, whatever it quotes: control characters and the like are shown as \n, \x1b, \u202e.
 */
SHEAF_API const char *sheaf_strerror(int code);
SHEAF_API const char *sheaf_message(void);

/* CLOCK_MONOTONIC now; the version of the library that runs (SHEAF_VERSION: of this header) */
SHEAF_API uint64_t sheaf_now_ns(void);
SHEAF_API const char *sheaf_version(void);

#ifdef __cplusplus
}
#endif

#endif
