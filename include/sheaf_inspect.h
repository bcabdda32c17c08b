/*
 * sheaf_inspect.h - look at a pool from outside, while it works, without touching it.
 *
 * Who       Any process of the same user, any thread: also a task, or the owner itself. The pool does not notice.
 * How       The segment's file is read, never mapped and never written. Each figure is copied once, checked, and of the moment:
 *           the pool goes on meanwhile, so two figures need not fit together.
 * Trust     Nothing in a segment is believed. A damaged or hostile one cannot crash or hang the caller: its header is refused,
 *           and words that no pool writes are left out and counted. What looks right may still be a lie: whoever may write to
 *           the segment may write anything that is possible there. Only the owner (while it lives), and whether it lives, come
 *           from the system.
 * Forks     A handle that was inherited over a fork is dead: every call with one returns -EPERM.
 * Returns   As in sheaf.h: >= 0 done, < 0 is -errno, and sheaf_message() tells the facts.
 */
#ifndef SHEAF_INSPECT_H
#define SHEAF_INSPECT_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sheaf_inspect sheaf_inspect;

/** sheaf_inspect_visit - hears of one name; @name is gone when it returns, @context is what sheaf_inspect_list() was given */
typedef void sheaf_inspect_visit(const char *name, void *context);

/**
 * sheaf_inspect_list() - the names of this user's segments that begin with "/sheaf-", as those do that a pool makes up itself
 *
 * Nothing is opened: a name may be of a pool that has just ended, or of a file that only looks like one. Every name is printable, as
 * sheaf_message() is: files with other names are no pool's. Pools whose
 * options.name begins otherwise are not listed, but can be opened; those with SHEAF_ANONYMOUS can be neither.
 *
 * Return: the number of names; -EINVAL (visit is NULL); -ENOENT, -EACCES, -EMFILE, -ENFILE, -ENOMEM (this system, or this
 *         process, cannot list segments).
 */
SHEAF_API int sheaf_inspect_list(sheaf_inspect_visit *visit, void *context);

/**
 * sheaf_inspect_open() - open a pool by the name of its segment
 * @inspect: out: close it with sheaf_inspect_close(). Any number of threads may look at the same time
 * @name:    "/name", as from sheaf_inspect_list() or sheaf_pool_get_info()
 *
 * A segment that outlived its owner can be opened, too. The handle has a file open, which keeps the segment's memory from the
 * system until the handle is closed, unless the pool is destroyed in an orderly way.
 *
 * Return: 0; -EINVAL (NULL, or no possible name); -ENOENT (no segment has that name); -EACCES (no right to read it, or it
 *         belongs to another user); -EBADMSG (no segment of a pool, or a damaged one: the message names the field and its
 *         value); -EPROTO (a segment of another version, or of a build that lays it out differently); -EAGAIN (its creator is
 *         still at work); -ESTALE (its creator died before the pool was ready); -EMFILE, -ENFILE, -ENOMEM; -EIO and others of
 *         reading a file; -ENOTSUP, -ENOSYS (this system does not let segments be read).
 */
SHEAF_API int sheaf_inspect_open(sheaf_inspect **inspect, const char *name);

/** sheaf_inspect_close() - free a handle; NULL is fine, no other thread may be using it */
SHEAF_API void sheaf_inspect_close(sheaf_inspect *inspect);

/* ---- The pool ---- */

enum sheaf_pool_state {
	SHEAF_POOL_OPEN = 0,
	SHEAF_POOL_CLOSED = 1,     /* accepts no more work */
	SHEAF_POOL_FINISHED = 2,   /* closed, and everything was run */
	SHEAF_POOL_TERMINATED = 3, /* by its owner */
	SHEAF_POOL_BROKEN = 4,     /* its workers died without any progress */
	SHEAF_POOL_LOST = 5,       /* its supervisor died and cannot be replaced */
	SHEAF_POOL_UNPLUGGED = 6,  /* its owner has closed the descriptors of the pool, as closefrom() does */
	SHEAF_POOL_DAMAGED = 7,    /* the segment says none of these */
};

typedef struct sheaf_inspect_pool {
	enum sheaf_pool_state state;
	int owner_lives;  /* 1 or 0: the system says so */
	pid_t owner;      /* its pid, from the system; 0: not to be told from here. If it is dead: the segment's word for it */
	unsigned workers; /* as created */
	unsigned ring_size;    /* tasks that may wait or run at once */
	unsigned max_batches;  /* batches that may be open at once */
	unsigned max_attempts; /* of the pool; batches may have their own */
	unsigned batches;      /* open, or being retired */
	unsigned filling;      /* slots of the ring that a submitter writes just now */
	unsigned ready;        /* tasks, and invitations of workers to maps, that wait in the ring */
	unsigned running;      /* the same, in the hands of workers */
	uint64_t completed;    /* tasks, and chunks of maps, that ended so far */
	uint64_t given_up;     /* positions that failed because their workers died */
	uint64_t deaths;       /* workers that died, not by order and not with their supervisor */
	uint64_t supervisors;  /* started so far; 0: SHEAF_THREADS */
	uint64_t size;         /* bytes that the segment may grow to */
	uint64_t committed;    /* bytes of memory that it takes now: the system says so */
	uint64_t heap_size;    /* bytes that the heap may grow to */
	uint64_t heap_used;    /* of these, taken by allocations and batches */
	uint64_t damaged;      /* words, of those looked at here, that no pool writes */
} sheaf_inspect_pool;

/**
 * sheaf_inspect_look() - figures of the pool
 * @pool: out
 *
 * Takes time in proportion to the ring and to the part of the heap that was ever used.
 *
 * Return: 0; -EINVAL (NULL); -EPERM (the handle was inherited over a fork); -ESTALE (the pool was destroyed); -EBADMSG (the
 *         file has another size than it had); -ENOMEM; -EIO and others of reading a file.
 */
SHEAF_API int sheaf_inspect_look(const sheaf_inspect *inspect, sheaf_inspect_pool *pool);

/* ---- Workers ---- */

enum sheaf_worker_state {
	SHEAF_WORKER_GONE = 0,   /* being replaced, or the pool has ended */
	SHEAF_WORKER_IDLE = 1,   /* looks for work */
	SHEAF_WORKER_ASLEEP = 2, /* until somebody wakes it */
	SHEAF_WORKER_RUNS = 3,
};

typedef struct sheaf_inspect_worker {
	enum sheaf_worker_state state;
	pid_t pid;           /* > 0, by the segment's word: look before you signal it. 0: none, or a thread */
	unsigned generation; /* how many workers have had this number */
	uint64_t completed;  /* tasks and chunks that ended under this number */
	int batch;           /* whose task it runs: the place in sheaf_inspect_batches(); -1: runs none */
	unsigned attempt;    /* of a submitted task, 1 in its first run; else 0 */
	int positioned;      /* 1: the position that it has in hand is known; 0 also between two of them */
	uint64_t position;
} sheaf_inspect_worker;

/**
 * sheaf_inspect_workers() - what the workers do
 * @workers: out: worker i is workers[i]; NULL if @room is 0
 * @room:    as many as fit
 *
 * Return: how many workers the pool has, which may be more than @room; or an error of sheaf_inspect_look().
 */
SHEAF_API int sheaf_inspect_workers(const sheaf_inspect *inspect, sheaf_inspect_worker *workers, size_t room);

/* ---- Batches ---- */

enum sheaf_batch_state {
	SHEAF_BATCH_FREE = 0, /* nobody's: all other fields are 0 */
	SHEAF_BATCH_OPEN = 1,
	SHEAF_BATCH_RETIRED = 2, /* its last tasks are waited for */
	SHEAF_BATCH_DAMAGED = 3, /* its fields do not fit together: all others are 0 */
};

enum sheaf_batch_kind {
	SHEAF_BATCH_TASKS = 0, /* submitted one by one, or nothing was submitted yet */
	SHEAF_BATCH_MAP = 1,
	SHEAF_BATCH_LOOP = 2,
};

typedef struct sheaf_inspect_batch {
	enum sheaf_batch_state state;
	enum sheaf_batch_kind kind;
	uint64_t serial;      /* tells a batch from those that had its place before */
	unsigned ready;       /* its tasks, or invitations, that wait in the ring */
	unsigned running;     /* the same, in the hands of workers */
	uint64_t n;           /* positions of a map or loop; else 0, as are all that follow */
	uint64_t chunk;       /* positions in each chunk, but for the last */
	uint64_t chunks;      /* what workers claim */
	uint64_t chunks_done; /* of these, published */
} sheaf_inspect_batch;

/**
 * sheaf_inspect_batches() - how far the batches are
 * @batches: out: as many as fit; free places among them; NULL if @room is 0
 * @room:    as many as fit
 *
 * Return: how many places the pool has (max_batches), which may be more than @room; or an error of sheaf_inspect_look().
 */
SHEAF_API int sheaf_inspect_batches(const sheaf_inspect *inspect, sheaf_inspect_batch *batches, size_t room);

#ifdef __cplusplus
}
#endif

#endif
