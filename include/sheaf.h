/*
 * sheaf.h - a pool of worker processes that share one memory segment.
 *
 * Model     A *pool* is a set of *workers* and the *segment* that they share. A *task* is a
 *           function, its argument and its *position*, a 64-bit tag. A *batch* is one fan-out:
 *           tasks that are gathered together, ordered by position. Big data lives in the segment's
 *           heap (sheaf_alloc) and is passed as a plain pointer, which means the same in every
 *           process of the pool.
 *
 * Callers   The process that creates a pool is its *owner*. It calls the functions of this header
 *           from any of its threads. A task calls the sheaf_task_*() functions with the task that
 *           it was given, and those that fan out, gather and allocate with the pool that
 *           sheaf_task_pool() gives it. A batch and a pool's handle belong to the owner, or to the
 *           task, that has got it: others get -EPERM (-EDEADLK: see sheaf_task_pool()). In a signal
 *           handler only sheaf_pool_interrupt() may be called. One thread at a time gathers from a
 *           batch; any number of threads may submit to it meanwhile.
 *
 * Deaths    A worker that dies is replaced, and its task runs again, up to max_attempts times. Then
 *           that position alone fails, and its result says why. Tasks run at least once and are
 *           published exactly once, so a task's own side effects may happen twice. The
 *           *supervisor*, a process between owner and workers, does this. When it dies, its workers
 *           die with it, and a spare process takes its place, even while the owner is in no call.
 *           If the spare dies, too, the owner's present or next call starts another supervisor.
 *           Tasks are not charged for that: they run again with the same attempt number. If the
 *           owner dies or calls exec(), its workers end and the segment's name is removed.
 *
 * Limits    A task may have a limit: the longest time that one run may take (task_timeout_ns; in a
 *           map for each item, in a loop for each call of its function). If a run takes longer, the
 *           supervisor kills its worker, and the position fails with -ETIMEDOUT, without another
 *           attempt. A range of a loop is first cut into single positions, each with the whole
 *           limit. No other task is charged. Time spent in the queue does not count. Nor does time
 *           in which the worker is stopped, or all processes of the pool are frozen; but a worker
 *           that is stopped alone has at most twice its limit. With SHEAF_THREADS there are no
 *           limits, because threads cannot be killed.
 *
 * Leaving   A task ends its worker if it leaves its function by another way than a return: an
 *           exception that it does not catch, exit(), quick_exit(), pthread_exit(), or longjmp() to
 *           a place outside. That is a death, and its message says which way it was. The worker
 *           then runs nothing of the owner's: no destructor, no exit handler, no flush of the
 *           owner's streams. A child that a task forks ends with exit code 1 when it returns from
 *           the function. Only with glibc are jumps noticed and exit codes reported (elsewhere the
 *           code is 255). setcontext() is never noticed. With SHEAF_THREADS nothing of this is
 *           caught: such a task ends or harms the owner.
 *
 * Output    What a task has printed to stdout, or to a stderr with a buffer, is written before its
 *           result is there. In a map it is written before the result of its chunk is there, or
 *           when another item of the chunk ends the worker by exit() or a fault. Other streams that
 *           a task leaves open are written when the worker has nothing to do, or ends. Flush
 *           buffers of your own, such as those of C++ streams, before you return. With
 *           SHEAF_THREADS the streams are the owner's.
 *
 * Terminal  SIGINT (Ctrl-C) and SIGTSTP do nothing to workers. SIGTTIN and SIGTTOU are ignored, so
 *           a task that touches the terminal gets EIO. The worker's stdin is empty unless the pool
 *           has SHEAF_KEEP_FDS, because a program that a task starts must not read the owner's
 *           input. SIGPIPE is ignored if the owner ignored it when it created the pool, and has no
 *           effect if the owner had a handler. Programs that tasks start have the default for
 *           SIGINT and SIGTSTP, as they would have it from a shell, and inherit the others. They
 *           are in the process group of the pool's processes, so Ctrl-C does not reach them: a task
 *           that wants them to end must end them.
 *
 * Forks     In a child that the owner forks, the inherited handles are dead: every call with one
 *           returns -EPERM and changes nothing. On Linux this also holds for _Fork() and clone().
 *           All workers are copies of the owner as it was when it created the pool, whichever
 *           processes die later. So task functions must be mapped by then.
 *
 * Rights    A process that can open the segment's file can run code in the processes of its pool.
 *           The file has mode 0600 whatever the umask is, so its name lets other processes of the
 *           owner's user in. So the file has a name only if those processes could do the same to
 *           the owner without it. These owners get pools without a name, and options.name is
 *           refused with -EPERM:
 *           - a program that is set-user-ID, set-group-ID or has capabilities;
 *           - a process whose real, effective and saved ids differ, or that makes files as another
 *             user (setfsuid());
 *           - a process that is not dumpable, because it asked for that or its user may not read
 *             its program (see PR_SET_DUMPABLE in prctl(2)).
 *           On other systems than Linux not all of this can be detected. If root has started a
 *           process and the process has become another user for good, it counts as that user's. If
 *           it holds what that user must not get, choose SHEAF_ANONYMOUS. An owner that becomes one
 *           of the above later loses the name at its next sheaf_pool_get_info(), or when it must
 *           start its processes or open its segment again. But its workers stay what they are, so
 *           become such a process before you create the pool. A program whose rights come from its
 *           file ignores SHEAF_CHECK and SHEAF_BACKEND.
 *
 * Debugging SHEAF_CHECK=1 in the environment of sheaf_pool_create(): tasks and items of maps get
 *           copies of their argument and result between guard zones of 4 KiB. A task that writes
 *           into those fails with -EFAULT and a message that says how far, and harms no other task.
 *           Arguments, contexts and arrays that contain an address which is valid in the owner only
 *           are refused with -EFAULT (on Linux). SHEAF_BACKEND=threads or =processes overrides
 *           options.backend.
 *
 * Host      The host may close descriptors that it does not know, as closefrom() does. A pool with
 *           a name then opens its segment again and starts its processes again, and tasks in hand
 *           run again uncharged. A pool without a name ends with -EBADF. The host may have any
 *           umask. It may lock its memory by mlockall() before it creates a pool: the heap stays
 *           address space. MCL_CURRENT after the creation commits and locks all of the heap: choose
 *           a heap_size, or add MCL_ONFAULT.
 *
 * Returns   int functions return >= 0 when done (0 or a count), and -errno when not. Out-parameters
 *           are untouched on failure. sheaf_message() says what went wrong in the calling thread's
 *           last failure. Every call with a NULL handle returns -EINVAL. So does a call with a
 *           batch that was retired or a pool that was destroyed, as long as no new one has its
 *           memory.
 *
 * Times     *_ns are nanoseconds. Deadlines are absolute on CLOCK_MONOTONIC (sheaf_now_ns() + n). 0
 *           polls, and SHEAF_FOREVER waits without a limit.
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

#define SHEAF_VERSION "0.1.0"

#if defined(__GNUC__)
#define SHEAF_API __attribute__((visibility("default")))
#define SHEAF_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define SHEAF_API
#define SHEAF_PRINTF(text, first)
#endif

#define SHEAF_FOREVER UINT64_MAX
#define SHEAF_MAX_WORKERS 2048u
#define SHEAF_MAX_ATTEMPTS 31u

typedef struct sheaf_pool sheaf_pool;
typedef struct sheaf_batch sheaf_batch;
typedef struct sheaf_task sheaf_task;

/**
 * sheaf_task_fn - what one task does
 * @task:   the handle for the sheaf_task_*() functions; valid until the function returns
 * @arg:    the argument: a copy of what was submitted, or &in[position * in_size] of a map; NULL if
 *          it has no bytes. Copies are aligned to 8 bytes (to 64 if longer than 24 bytes)
 * @result: result_size zeroed bytes (of a map: out_size bytes of the caller's array); NULL if the
 *          batch has none. Aligned to 8 bytes (to 64 if longer than 8 bytes); of a map, as the
 *          caller's array is
 *
 * Runs in a worker, once or more: see "Deaths" above. A task that leaves by another way than a
 * return counts as a death.
 *
 * Return: 0, or a negative errno: then this position fails with that code, and no other is
 *         affected.
 */
typedef int sheaf_task_fn(sheaf_task *task, const void *arg, void *result);

/**
 * sheaf_range_fn - what a loop does for the positions from @begin up to but without @end
 * @context: what the caller gave to sheaf_for()
 *
 * Called with any division of [0, n) into ranges. After a death the range is cut into single
 * positions, so that only the one which kills is given up. With max_attempts = 1 there is no second
 * run: all of the range fails.
 *
 * Return: 0, or a negative errno: then every position of the range fails with that code.
 */
typedef int sheaf_range_fn(sheaf_task *task, size_t begin, size_t end, void *context);

/* ---- Options: a zeroed struct, or NULL for the whole, means the defaults. ---- */

enum sheaf_backend {
	SHEAF_PROCESSES = 0, /* workers are processes: the pool survives the death of any of them */
	/*
	 * workers are threads of the owner: for debuggers and sanitizers; a crash ends everything
	 */
	SHEAF_THREADS = 1,
};

enum sheaf_pool_flags {
	/* a segment without a name: nothing in /dev/shm, not even after kill -9 of all processes */
	SHEAF_ANONYMOUS = 1 << 0,
	/* workers keep the owner's open files, also stdin; by default only 1 and 2 */
	SHEAF_KEEP_FDS = 1 << 1,
	/* core files contain the segment, if the system has the choice; by default they do not */
	SHEAF_DUMP_HEAP = 1 << 2,
};

typedef struct sheaf_pool_options {
	unsigned workers; /* 0: sheaf_usable_cpus(); at most SHEAF_MAX_WORKERS */
	/*
	 * tasks of each priority that may wait or run at once; rounded up to a power of two; 0:
	 * 1024; at most 1048576
	 */
	unsigned ring_size;
	/* runs of a task before its position fails; 0: 3; at most SHEAF_MAX_ATTEMPTS */
	unsigned max_attempts;
	unsigned max_batches; /* batches open at once; 0: 4096; at most 16384 */
	/*
	 * bytes that the heap may grow to (address space only, until used); 0: the machine's memory
	 */
	size_t heap_size;
	/*
	 * "/name" of the segment, printable; NULL: a random one, "/sheaf-...", or none: see
	 * "Rights"
	 */
	const char *name;
	enum sheaf_backend backend;
	unsigned flags;           /* enum sheaf_pool_flags */
	uint64_t task_timeout_ns; /* see "Limits"; 0: none */
} sheaf_pool_options;

enum sheaf_batch_flags {
	/*
	 * sheaf_submit() and the other submitting calls return -EAGAIN instead of waiting for room
	 */
	SHEAF_NONBLOCK = 1 << 0,
	/* results carry no times: saves one reading of the clock per task */
	SHEAF_NO_TIMES = 1 << 1,
};

/* What the first position that fails does to the others of its batch. */
enum sheaf_on_error {
	SHEAF_GO_ON = 0,
	/*
	 * cancels those that have not started, as sheaf_batch_cancel(). sheaf_submit() may still
	 * accept some, which are cancelled, too.
	 */
	SHEAF_CANCEL_REST = 1,
};

/*
 * Which tasks begin first. Of any 16 that a worker claims, one is of SHEAF_NORMAL and one is of
 * SHEAF_LOW if there are any, so no task waits for ever. A worker leaves a map for a task of higher
 * priority between two items, or after 0.2 ms of shorter ones; a loop between two chunks.
 */
enum sheaf_priority {
	SHEAF_NORMAL = 0,
	SHEAF_HIGH = 1,
	SHEAF_LOW = 2,
};

typedef struct sheaf_batch_options {
	/* bytes of each submitted task's result; 0: none (see also sheaf_task_result()) */
	size_t result_size;
	unsigned max_attempts;    /* 0: the pool's */
	unsigned flags;           /* enum sheaf_batch_flags */
	uint64_t task_timeout_ns; /* see "Limits"; 0: the pool's; SHEAF_FOREVER: none */
	enum sheaf_on_error on_error;
	enum sheaf_priority priority; /* SHEAF_NORMAL in a task: that of the task */
	/*
	 * The thread that gathers runs submitted tasks itself instead of only waiting, as it does
	 * with the option of that name in sheaf_map(). A deadline or an interrupt is heeded between
	 * two of them. In a task always.
	 */
	bool caller_works;
} sheaf_batch_options;

typedef struct sheaf_task_options {
	uint64_t timeout_ns; /* see "Limits"; 0: the batch's; SHEAF_FOREVER: none */
} sheaf_task_options;

typedef struct sheaf_map_options {
	/*
	 * positions that a worker claims at once; 0: chosen; raised if n would need over 2^20
	 * chunks
	 */
	size_t grain;
	/*
	 * bytes of the context to copy into the segment; 0: it is passed as it is, and must be in
	 * shared memory
	 */
	size_t context_size;
	/* of a map, for sheaf_task_context(); a loop has it as argument */
	const void *context;
	unsigned max_attempts;    /* 0: the batch's, which is the pool's unless it has its own */
	uint64_t task_timeout_ns; /* see "Limits"; 0: the batch's; SHEAF_FOREVER: none */
	/* sheaf_apply, sheaf_map, sheaf_for: until when to wait for the whole; 0: for ever */
	uint64_t deadline_ns;
	/* sheaf_map, sheaf_for; sheaf_submit_map() and _for() have that of their batch */
	enum sheaf_on_error on_error;
	enum sheaf_priority priority; /* as on_error; and sheaf_apply */
	/* sheaf_map, sheaf_for: the thread that waits runs positions, too; see sheaf_map() */
	bool caller_works;
} sheaf_map_options;

/* ---- Results ---- */

typedef struct sheaf_result {
	uint64_t position;
	/*
	 * 0, or -errno: what the task returned; -ECHILD: its worker died; -ETIMEDOUT: it was over
	 * its limit; -ECANCELED: see "Cancel"
	 */
	int status;
	/*
	 * the signal that ended the worker in the last attempt, or 0: then the task itself returned
	 * the status
	 */
	int signal;
	int exit_code;     /* the worker's exit code in the last attempt, or -1 */
	unsigned attempts; /* runs so far that were charged: 1 unless workers died, or 0 */
	/*
	 * worker id, 0 .. workers - 1; -1: the calling thread itself (caller_works), or not known
	 */
	int worker;
	/* the process that ran it; 0 if not known (positions of a map whose worker is gone) */
	pid_t pid;
	/* in the segment, never copied; NULL if the position has no data or failed */
	void *data;
	size_t size;         /* bytes at data */
	const char *message; /* why it failed; "" if it did not */
	/*
	 * Of the last attempt, on CLOCK_MONOTONIC; 0 with SHEAF_NO_TIMES, and in maps unless the
	 * worker died.
	 */
	uint64_t started_ns;
	uint64_t finished_ns;
	/*
	 * If SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT ended the worker: the return addresses, the
	 * innermost first. They mean the same in owner and worker. Size 0: not known.
	 */
	const uint64_t *backtrace;
	unsigned backtrace_size;
	/*
	 * Of SIGSEGV or SIGBUS: the address that could not be used; the message explains it. NULL:
	 * that address, or none.
	 */
	const void *fault_address;
} sheaf_result;

/* ---- Pools ---- */

/**
 * sheaf_pool_create() - create a segment, start a supervisor and workers
 * @pool:    out: the pool; end it with sheaf_pool_destroy()
 * @options: NULL for the defaults
 *
 * Removes the names of segments that dead owners of the same user left behind. Removes nothing
 * else: no file that is not a segment of this version of Sheaf, and no segment that a process still
 * has. Flushes stdout and stderr, so that no worker repeats what they held. Installs no signal
 * handler, starts no thread (except those that SHEAF_THREADS asks for), and leaves one child
 * process, the supervisor. Spare and workers are the supervisor's children.
 *
 * Return: 0; -EINVAL (NULL, an option out of its range, or an impossible value of SHEAF_CHECK or
 *         SHEAF_BACKEND: the message names it); -EEXIST (the name is taken, and the message says by
 *         what: a living pool, or a file that is none of Sheaf's); -ENOSPC (shared memory is too
 *         small, or the memory cgroup allows no more: the message says how much is needed and
 *         free); -EPERM (a name would give rights away, see "Rights"; or shared memory cannot be
 *         used here); -ENOENT, -EACCES, -EROFS, -ENOSYS (shared memory cannot be used here);
 *         -EMFILE, -ENFILE (no file descriptor left); -ENOMEM (no memory or address space); -EAGAIN
 *         (no process or thread can be started).
 */
SHEAF_API int sheaf_pool_create(sheaf_pool **pool, const sheaf_pool_options *options);

/**
 * sheaf_pool_close() - accept no more work; accepted tasks still run. Closing twice is fine.
 *
 * Return: 0; -EINVAL; -EPERM (the handle was inherited over a fork); -ECANCELED (terminated);
 *         -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF as for sheaf_pool_join().
 */
SHEAF_API int sheaf_pool_close(sheaf_pool *pool);

/**
 * sheaf_pool_join() - wait until a closed pool has run everything and its workers have ended
 *
 * Results can still be gathered afterwards.
 *
 * Return: 0; -EBUSY (not closed); -EAGAIN, -ETIMEDOUT (the deadline was 0, or passed); -EINTR
 *         (sheaf_pool_interrupt()); -ECANCELED (terminated); -ENOTRECOVERABLE (the pool stopped
 *         because workers died without any progress, or a task wrote over the pool's own words);
 *         -EOWNERDEAD (the supervisor died and cannot be replaced); -EBADF (see "Host"); -EINVAL;
 *         -EPERM.
 */
SHEAF_API int sheaf_pool_join(sheaf_pool *pool, uint64_t deadline_ns);

/**
 * sheaf_pool_terminate() - kill the workers now; workers that have no task end by themselves
 *
 * Positions that are not done will never be done. Waiting calls of other threads return -ECANCELED.
 * Terminating twice is fine. Threads cannot be killed: with SHEAF_THREADS the call waits for the
 * tasks in hand.
 *
 * Return: 0; -EINVAL; -EPERM.
 */
SHEAF_API int sheaf_pool_terminate(sheaf_pool *pool);

/**
 * sheaf_pool_interrupt() - end a wait: for Ctrl-C, and for other threads
 *
 * Each call of this pool that is waiting (sheaf_submit, _next, _next_done, _gather, _wait, _apply,
 * _map, _for, sheaf_pool_join and sheaf_array_load) returns -EINTR once. If none is waiting, the
 * next one that would have to wait returns it at once, so a signal cannot come too early. Several
 * interruptions that no call has returned yet count as one. Nothing is lost, and the call can be
 * made again; but apply, map and for give up what is not done, as sheaf_batch_retire() does. Leaves
 * no message. Safe in a signal handler, while the pool is not being destroyed:
 *
 *     static void on_sigint(int signal) { stop = 1; sheaf_pool_interrupt(pool); }
 *
 * Return: 0; -EINVAL; -EPERM.
 */
SHEAF_API int sheaf_pool_interrupt(sheaf_pool *pool);

/**
 * sheaf_pool_destroy() - terminate the pool, free its batches, its heap, its handle and its name
 * @pool: no other thread may be using it; NULL is fine, and so is a pool that was destroyed
 *
 * In a forked child of the owner, frees only the child's copy. In a task, does nothing to the pool
 * that runs the task.
 */
SHEAF_API void sheaf_pool_destroy(sheaf_pool *pool);

typedef struct sheaf_pool_info {
	unsigned workers; /* as created */
	pid_t supervisor; /* its pid; 0 with SHEAF_THREADS or after the end */
	/* workers that died so far, but not those killed on request or with their supervisor */
	uint64_t deaths;
	uint64_t supervisors; /* supervisors started so far */
	size_t heap_size;     /* bytes that the heap may grow to */
	size_t heap_used;     /* bytes committed for allocations and batches */
	size_t heap_stocked;  /* and kept for the next batches: 1 MiB at most, for two seconds */
	const char *name;     /* of the segment; "" if it has none; lives as long as the pool */
} sheaf_pool_info;

/** sheaf_pool_get_info() - read the present figures of a pool. Return: 0; -EINVAL; -EPERM. */
SHEAF_API int sheaf_pool_get_info(const sheaf_pool *pool, sheaf_pool_info *info);

/**
 * sheaf_pool_worker_pid() - return the pid of a worker
 *
 * The kernel reports it: what a task has written into the shared memory is not believed. Check the
 * return value before you send a signal: -EPERM is -1, and kill(-1, ...) signals all processes.
 *
 * Return: the pid, > 0; 0 (being replaced, or a thread); -EINVAL (no such worker); -EPERM.
 */
SHEAF_API pid_t sheaf_pool_worker_pid(const sheaf_pool *pool, unsigned worker);

/**
 * sheaf_usable_cpus() - CPUs that this process may use, at least 1: affinity mask and cgroup quota
 * respected.
 */
SHEAF_API unsigned sheaf_usable_cpus(void);

/* ---- Shared memory ---- */

/**
 * sheaf_alloc() - allocate shared memory at the same address in every process of the pool
 * @size:   bytes; rounded up to a multiple of 64 KiB; 0 gives a unique pointer that may not be
 *          written to
 * @memory: out: zeroed, aligned to 64 KiB, committed: touching it cannot fail. Free with
 *          sheaf_free(), or with the pool
 *
 * Return: 0; -EINVAL; -EPERM (not the owner); -EOVERFLOW (the size cannot be rounded up); -ENOSPC
 *         (shared memory is full, or the memory cgroup allows no more: the message says how much
 *         was asked and is free); -EBADF (see "Host"); -ENOMEM (more than the pool's heap_size has
 *         left in one piece).
 */
SHEAF_API int sheaf_alloc(sheaf_pool *pool, size_t size, void **memory);

/**
 * sheaf_alloc_array() - sheaf_alloc() of @n times @size bytes; -EOVERFLOW if the product does not
 * fit.
 */
SHEAF_API int sheaf_alloc_array(sheaf_pool *pool, size_t n, size_t size, void **memory);

/**
 * sheaf_free() - give memory of sheaf_alloc() back to the system
 * @memory: the very pointer that sheaf_alloc() gave; NULL is fine. No task may still use it.
 *
 * Return: 0; -EINVAL (not a live allocation of this pool); -EPERM.
 */
SHEAF_API int sheaf_free(sheaf_pool *pool, void *memory);

/* ---- Fan out and wait ----
 *
 * These three functions share their errors:
 *
 * - those of sheaf_batch_create(), sheaf_submit() and sheaf_submit_map();
 * - -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF and -EBADMSG as for sheaf_next();
 * - -ETIME (options->deadline_ns passed) and -EINTR (sheaf_pool_interrupt()). Then positions that
 *   are not done are given up as in sheaf_batch_retire(): those that run have one more second until
 *   their workers are killed, which is charged to no task. (A position that was over its own limit
 *   gives -ETIMEDOUT.)
 * - if positions failed, the status of the lowest one that did. sheaf_message() names it, with its
 *   reason and the number of the others. All other results are valid.
 */

/**
 * sheaf_apply() - run one task and wait for it
 * @arg:     arg_size bytes, copied; may be NULL if arg_size is 0
 * @result:  out: result_size bytes, anywhere in the caller's memory. If the task used
 *           sheaf_task_result(), what is missing to result_size is zeroed, and what goes beyond it
 *           is cut off
 * @options: max_attempts, task_timeout_ns, deadline_ns and priority only
 */
SHEAF_API int sheaf_apply(sheaf_pool *pool, sheaf_task_fn *fn, const void *arg, size_t arg_size, void *result,
			  size_t result_size, const sheaf_map_options *options);

/**
 * sheaf_map() - run fn(&in[i], &out[i]) for every i from 0 to n - 1, in place, and wait
 * @in, @out: n items of in_size and out_size bytes in shared memory (sheaf_alloc); NULL if the size
 *            is 0. Out is not zeroed
 *
 * The task's position is i. n = 0 does nothing.
 *
 * With options->caller_works, which suits small items, the calling thread runs some of them itself
 * instead of only waiting. Its sheaf_task_worker() is the number of workers. What crashes there
 * ends the caller. But the caller runs no item with which a worker has died, and none at all if
 * there is a limit.
 *
 * Also: -EFAULT (an array does not lie wholly in one allocation of the pool, or a context without
 * a context_size in none); -EOVERFLOW (n times size does not fit, or n is above 2^45).
 */
SHEAF_API int sheaf_map(sheaf_pool *pool, sheaf_task_fn *fn, const void *in, size_t in_size, void *out, size_t out_size,
			size_t n, const sheaf_map_options *options);

/**
 * sheaf_for() - run fn over every position of [0, n) in chunks, and wait
 * @context: in shared memory, or NULL; or anywhere, if options->context_size says how many bytes of
 *           it to copy. (Of a map: options->context.)
 *
 * Also: -EFAULT (the context is not in shared memory and has no context_size); -EOVERFLOW (n is
 * above 2^45).
 */
SHEAF_API int sheaf_for(sheaf_pool *pool, sheaf_range_fn *fn, void *context, size_t n, const sheaf_map_options *options);

/* ---- Batches: fan out, and gather as results come ---- */

/**
 * sheaf_batch_create() - open a batch
 * @batch: out: free it with sheaf_batch_retire(); the pool's destruction frees it too
 *
 * Return: 0; -EINVAL (NULL, or an option out of its range: the message names it); -EPERM; -EPIPE
 *         (the pool is closed); -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF as for
 *         sheaf_next(); -ENOSPC (max_batches are open, or shared memory is full: the message says
 *         which); -ENOMEM.
 */
SHEAF_API int sheaf_batch_create(sheaf_batch **batch, sheaf_pool *pool, const sheaf_batch_options *options);

/**
 * sheaf_submit() - hand a task to the pool
 * @position: any number that the batch does not have yet; positions may come in any order and with
 *            gaps
 * @arg:      arg_size bytes, copied into the segment
 *
 * Waits while the ring is full, unless the batch has SHEAF_NONBLOCK. Takes 64 bytes of the segment
 * per task, plus argument and result, until the batch is retired.
 *
 * Return: 0; -EINVAL; -EPERM; -EEXIST (the position was submitted before); -EBUSY (the batch is a
 *         map); -EINTR (sheaf_pool_interrupt()); -EAGAIN (full, and SHEAF_NONBLOCK); -EPIPE (the
 *         pool is closed); -ECANCELED (the batch was cancelled, or as for sheaf_next());
 *         -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF as for sheaf_next();
 *         -ENOSPC, -ENOMEM (no memory for argument or result); -EOVERFLOW (the argument has 4 GiB
 *         or more).
 */
SHEAF_API int sheaf_submit(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size);

/**
 * sheaf_submit_with() - sheaf_submit() with options for this task alone; NULL: the defaults. A
 * timeout is rounded up by 0.1 %.
 */
SHEAF_API int sheaf_submit_with(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size,
				const sheaf_task_options *options);

/**
 * sheaf_submit_map() - start a map in a batch of its own; gather its n results as those of any
 * batch
 *
 * Each result's data is &out[position * out_size]. Arguments and errors as for sheaf_map(); -EBUSY
 * if the batch has tasks already, -ECANCELED if it was cancelled. Waits until the ring has had room
 * for each worker's invitation. With SHEAF_NONBLOCK it does not wait, and runs with the workers for
 * whose invitations there was room; -EAGAIN if there was room for none.
 */
SHEAF_API int sheaf_submit_map(sheaf_batch *batch, sheaf_task_fn *fn, const void *in, size_t in_size, void *out,
			       size_t out_size, size_t n, const sheaf_map_options *options);

/**
 * sheaf_submit_for() - start a loop in a batch of its own. Its n results have a status each, and no
 * data. As sheaf_for().
 */
SHEAF_API int sheaf_submit_for(sheaf_batch *batch, sheaf_range_fn *fn, void *context, size_t n,
			       const sheaf_map_options *options);

/**
 * sheaf_next() - hand out the lowest position that was not handed out yet, as soon as it is done
 * @result: out: its data and message stay valid until the batch is retired
 *
 * The position is the lowest of all that were submitted so far, also by another thread while the
 * call waits. When the pool has stopped, results that are done are still handed out;
 * sheaf_next_done() hands out all of them.
 *
 * Return: 1; 0 (all results were handed out); -EAGAIN, -ETIMEDOUT (not done, and the deadline was
 *         0, or passed); -EINTR (sheaf_pool_interrupt()); -EBADMSG (memory that the position's
 *         result depends on was written over, most likely by a task that wrote behind its result);
 *         -EBUSY (another thread waits in a gathering call of this batch); -ECANCELED (the pool was
 *         terminated); -ENOTRECOVERABLE (the pool stopped because workers died without any
 *         progress, or a task wrote over the pool's own words); -EOWNERDEAD (the supervisor died
 *         and cannot be replaced); -EBADF (see "Host"); -ENOMEM; -EINVAL; -EPERM.
 */
SHEAF_API int sheaf_next(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns);

/**
 * sheaf_next_done() - hand out any result that is done and was not handed out yet, the earliest
 * known first
 *
 * Also results of tasks that another thread submits while the call waits. Returns as sheaf_next().
 */
SHEAF_API int sheaf_next_done(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns);

/**
 * sheaf_gather() - wait for everything that was submitted and hand all of it out, sorted by
 * position
 * @results: out: an array of @n results (also those that sheaf_next() gave before). The array and
 *           all data it points to belong to the batch, and stay valid until the batch is retired or
 *           gathered again
 * @n:       out: their number
 *
 * Return: the number of results that failed, INT_MAX at most: sheaf_message() names the lowest; or
 *         an error as of sheaf_next(): -ETIMEDOUT hands out nothing.
 */
SHEAF_API int sheaf_gather(sheaf_batch *batch, const sheaf_result **results, size_t *n, uint64_t deadline_ns);

typedef struct sheaf_progress {
	uint64_t total; /* positions submitted so far */
	uint64_t done;  /* of these, published; of a map, rounded down to whole chunks */
} sheaf_progress;

/**
 * sheaf_batch_get_progress() - how far a batch is; may be called while another thread gathers.
 * Return: 0; -EINVAL; -EPERM.
 */
SHEAF_API int sheaf_batch_get_progress(sheaf_batch *batch, sheaf_progress *progress);

/* ---- Several batches, and event loops ---- */

enum sheaf_which {
	SHEAF_FIRST_DONE = 0,   /* a batch with a result that can be handed out */
	SHEAF_FIRST_FAILED = 1, /* with one that failed, for another reason than -ECANCELED */
	SHEAF_ALL_DONE = 2,
};

/**
 * sheaf_wait() - wait for one of several batches of a pool, or for all of them
 * @batches: @n of them, each once, of any kind
 *
 * Results that were handed out do not count. Hands out nothing itself.
 *
 * Return: the index of the first batch that is as @which says; @n: none is and none will be,
 *         because all that was submitted so far is done (for SHEAF_ALL_DONE), and did not fail, or
 *         was handed out; -EINVAL (also: a batch is there twice, or is of another pool); -EBUSY
 *         (another thread waits in a gathering call of one of them); the other errors of
 *         sheaf_next().
 */
SHEAF_API int sheaf_wait(sheaf_batch *const *batches, size_t n, enum sheaf_which which, uint64_t deadline_ns);

/**
 * sheaf_pool_fd() - return a descriptor that poll() finds readable when a batch has news
 *
 * Only sheaf_batch_arm() makes it so. Wait for it in any event loop, one for all batches of the
 * pool, at most a second at a time. Call sheaf_pool_news() then, because only calls look after a
 * pool that has lost its processes. The descriptor is the pool's: neither read from it nor close
 * it.
 *
 * Return: the descriptor, > 2; -EINVAL; -EPERM; -EBADF (this process has closed it; see "Host").
 */
SHEAF_API int sheaf_pool_fd(sheaf_pool *pool);

/**
 * sheaf_batch_arm() - have the pool's descriptor become readable as soon as a result of the batch
 * can be handed out, also at once
 *
 * Once: arm it again when sheaf_next_done() has returned -EAGAIN. A call that waits for the batch
 * takes that back.
 *
 * Return: 0; -EINVAL; -EPERM; -EBUSY (as sheaf_next()); -EBADF (as sheaf_pool_fd()); -ENOMEM.
 */
SHEAF_API int sheaf_batch_arm(sheaf_batch *batch);

/**
 * sheaf_pool_news() - tell an armed batch that has news, and disarm it
 * @batch: out: the batch. There may be no result after all: after a worker's death, after
 *         sheaf_pool_interrupt() and at the end of the pool every armed batch has news
 *
 * The descriptor stays readable until the call returns 0.
 *
 * Return: 1; 0 (none has); -EINVAL; -EPERM; -EBADF (as sheaf_pool_fd()).
 */
SHEAF_API int sheaf_pool_news(sheaf_pool *pool, sheaf_batch **batch);

/* ---- Cancel ----
 *
 * A position that was cancelled and has not started never runs: its status is -ECANCELED, and its
 * attempts are 0. One that runs is let finish and keeps its result, unless the call has SHEAF_KILL:
 * then its worker is killed, its status is -ECANCELED with the signal, and no other task is
 * charged. If its worker dies otherwise, it does not run again. (Threads cannot be killed: with
 * SHEAF_THREADS the flag changes nothing.) Results are gathered as ever: all of them come, those
 * that were done with what they are.
 *
 * A map stops between two items. Where items take less than some microseconds, up to 2,000 more
 * may run. A loop stops between two calls of its function.
 */
enum sheaf_cancel_flags {
	SHEAF_KILL = 1 << 0,
};

/* What a call has found. */
enum sheaf_cancel_found {
	SHEAF_WAS_DONE = 0, /* nothing was cancelled: there is a result already */
	/* it had not started; or its worker had died, and it does not run again */
	SHEAF_NEVER_RAN = 1,
	SHEAF_RUNS_ON = 2, /* it runs, and is let finish */
	SHEAF_WAS_KILLED = 3,
};

/**
 * sheaf_cancel() - cancel one position; of a map or a loop, all from @position on
 * @flags: enum sheaf_cancel_flags; with SHEAF_KILL the call waits until the workers have died
 *
 * Return: enum sheaf_cancel_found, of several positions the highest that is true of one; -EINVAL;
 *         -EPERM; -ENOENT (the batch has no such position); with SHEAF_KILL -ECANCELED,
 *         -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF as for sheaf_next().
 */
SHEAF_API int sheaf_cancel(sheaf_batch *batch, uint64_t position, unsigned flags);

/**
 * sheaf_batch_cancel() - cancel all positions of a batch, however many wait, without waiting
 * @flags: enum sheaf_cancel_flags
 *
 * The batch takes no more tasks: sheaf_submit() returns -ECANCELED.
 *
 * Return: 0; -EINVAL; -EPERM.
 */
SHEAF_API int sheaf_batch_cancel(sheaf_batch *batch, unsigned flags);

/**
 * sheaf_batch_retire() - free a batch and all its memory, also that of its results
 * @batch: NULL is fine, and so is a batch that was retired, or whose pool was destroyed; no other
 *         thread may be using it
 *
 * Drops tasks that have not started, and waits for tasks that run. After one second their workers
 * are killed and replaced, which is charged to no other task (with SHEAF_THREADS the call waits
 * until they end).
 */
SHEAF_API void sheaf_batch_retire(sheaf_batch *batch);

/* ---- For tasks: called in a worker, by the function that was given the task ---- */

SHEAF_API uint64_t sheaf_task_position(const sheaf_task *task); /* of a range: its first position */
/* 1 in the first run; see "Deaths" above */
SHEAF_API unsigned sheaf_task_attempt(const sheaf_task *task);
/* 0 .. workers - 1; workers: the caller of a map that works */
SHEAF_API unsigned sheaf_task_worker(const sheaf_task *task);

/* the context of its map or loop; NULL: none. In a map for reading only */
SHEAF_API const void *sheaf_task_context(const sheaf_task *task);

/**
 * sheaf_task_pool() - get the pool that runs the task, for work of its own
 *
 * With it a task calls apply, map and for, opens batches, submits, gathers, allocates and frees, as
 * the owner does. While it waits, its worker runs other tasks, its own first. So nested work needs
 * no spare worker, not even a second one. Tasks that are not its descendants are run only up to 8
 * on one stack, and not if it has a time limit or its call a deadline. What it has opened and left
 * is retired when it returns. Memory that it has allocated stays. Each task that waits holds its
 * open batches (max_batches) and some of its worker's stack.
 *
 * If a nested task kills its worker, those that wait in that worker run again, uncharged, and what
 * they had opened is cancelled and freed. A time limit covers the time that a task waits.
 *
 * Return: the handle, until the task returns (later calls with it: -EINVAL). Calls that only the
 *         owner may make return -EPERM with it. -EDEADLK: it is, or the batch is, of a task that
 *         waits, and the calling task runs inside of that wait. NULL, with sheaf_message(): no
 *         memory; a child that the task has forked.
 */
SHEAF_API sheaf_pool *sheaf_task_pool(const sheaf_task *task);

/* true: the position was cancelled, or its batch retired. The task may end early then. */
SHEAF_API bool sheaf_task_cancelled(const sheaf_task *task);

/**
 * sheaf_task_result() - allocate memory for a result whose size only the task knows
 * @size:   bytes; 0 is fine
 * @memory: out: zeroed, aligned to 64; becomes the result's data when the task returns 0. The last
 *          call counts
 *
 * Only for submitted tasks. The memory is part of the batch.
 *
 * Return: 0; -EINVAL (NULL, or a position of a map); -EPERM (a child that the task has forked);
 *         -ENOSPC, -ENOMEM (as sheaf_alloc()).
 */
SHEAF_API int sheaf_task_result(sheaf_task *task, size_t size, void **memory);

/**
 * sheaf_task_fail() - say why a task fails
 * @code: a negative errno
 *
 * The text, cut to 511 bytes, becomes the message of the position's result, byte by byte. It is the
 * program's own text, and may have several lines. If it quotes text of others, it may contain their
 * control characters, so take care where you print it. sheaf_message() never has control
 * characters.
 *
 * Return: @code, to be returned by the task.
 */
SHEAF_API int sheaf_task_fail(sheaf_task *task, int code, const char *format, ...) SHEAF_PRINTF(3, 4);

/* ---- Errors, time ---- */

/**
 * sheaf_strerror() - one sentence for a code that a function of this header returned; never NULL,
 * static storage.
 */
SHEAF_API const char *sheaf_strerror(int code);

/**
 * sheaf_message() - what went wrong in the calling thread's last failure: what, which, how much; ""
 * before the first
 *
 * One line of UTF-8 that is safe to print and to log, whatever file, name or task it quotes:
 * control characters, invisible characters, those that change the direction of text, and bytes that
 * are no UTF-8 are shown as \n, \x1b, \u202e.
 */
SHEAF_API const char *sheaf_message(void);

/** sheaf_now_ns() - CLOCK_MONOTONIC now, in nanoseconds. */
SHEAF_API uint64_t sheaf_now_ns(void);

/** sheaf_version() - the version of the library that runs; SHEAF_VERSION is that of the header. */
SHEAF_API const char *sheaf_version(void);

#ifdef __cplusplus
}
#endif

#endif
