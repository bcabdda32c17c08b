/*
 * sheaf_inspect.h - inspect a pool from outside, while it works, without disturbing it.
 *
 * Contents
 *   Find        sheaf_inspect_list, sheaf_inspect_open, _close
 *   Look        sheaf_inspect_look, _workers, _batches
 *
 * Callers   Any process of the same user, and any of its threads: also a task, or the owner itself.
 *           The pool does not notice it.
 *
 * Method    The segment's file is read, never mapped and never written. Each figure is copied once
 *           and checked. The pool goes on meanwhile, so two figures need not fit together.
 *
 * Trust     Nothing in a segment is believed. A damaged or hostile one cannot crash or hang the
 *           caller: its header is refused, and words with values that no pool writes are left out
 *           and counted. A possible value may still be wrong, because any process that may write to
 *           the segment can write any possible value there. Only the owner (while it lives), and
 *           whether it lives, come from the system.
 *
 * Forks     A handle that was inherited over a fork is dead: every call with one returns -EPERM.
 *
 * Returns   As in sheaf.h: >= 0 done, < 0 is -errno, and sheaf_message() says what went wrong.
 */
#ifndef SHEAF_INSPECT_H
#define SHEAF_INSPECT_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sheaf_inspect sheaf_inspect;

/**
 * sheaf_inspect_visit - gets one name; @name is gone when the function returns, and @context is
 * what sheaf_inspect_list() was given
 */
typedef void sheaf_inspect_visit(const char *name, void *context);

/**
 * sheaf_inspect_list() - list the names of this user's segments that begin with "/sheaf-", as
 * generated names do
 *
 * Opens no file, so a name may belong to a pool that has just ended, or to a file that only looks
 * like a segment. Every name is printable, as sheaf_message() is, because no pool has another name.
 * Pools whose options.name begins otherwise are not listed, but can be opened; those with
 * SHEAF_ANONYMOUS can be neither.
 *
 * Return: the number of names; -EINVAL (visit is NULL); -ENOENT, -EACCES, -EMFILE, -ENFILE, -ENOMEM
 *         (this system, or this process, cannot list segments).
 */
SHEAF_API int sheaf_inspect_list(sheaf_inspect_visit *visit, void *context);

/**
 * sheaf_inspect_open() - open a pool by the name of its segment
 * @inspect: out: close it with sheaf_inspect_close(). Any number of threads may use it at the same
 *           time
 * @name:    "/name", as from sheaf_inspect_list() or sheaf_pool_get_info()
 *
 * A segment that outlived its owner can be opened, too. The handle has a file open, so the system
 * cannot free the segment's memory until the handle is closed, unless the pool is destroyed in an
 * orderly way.
 *
 * Return: 0; -EINVAL (NULL, or an impossible name); -ENOENT (no segment has that name); -EACCES (no
 *         right to read it, or it belongs to another user); -EBADMSG (no segment of a pool, or a
 *         damaged one: the message names the field and its value); -EPROTO (a segment of another
 *         version, or of a build that lays it out differently); -EAGAIN (its creator is still at
 *         work); -ESTALE (its creator died before the pool was ready); -EMFILE, -ENFILE, -ENOMEM;
 *         -EIO and others of reading a file; -ENOTSUP, -ENOSYS (this system does not let segments
 *         be read).
 */
SHEAF_API int sheaf_inspect_open(sheaf_inspect **inspect, const char *name);

/** sheaf_inspect_close() - free a handle; NULL is fine, and no other thread may be using it */
SHEAF_API void sheaf_inspect_close(sheaf_inspect *inspect);

/* ---- The pool ---- */

enum sheaf_pool_state {
	SHEAF_POOL_OPEN = 0,
	SHEAF_POOL_CLOSED = 1,     /* accepts no more work */
	SHEAF_POOL_FINISHED = 2,   /* closed, and everything has run */
	SHEAF_POOL_TERMINATED = 3, /* by its owner */
	SHEAF_POOL_BROKEN = 4,     /* its workers died without any progress */
	SHEAF_POOL_LOST = 5,       /* its supervisor died and cannot be replaced */
	/* its owner has closed the descriptors of the pool, as closefrom() does */
	SHEAF_POOL_UNPLUGGED = 6,
	SHEAF_POOL_DAMAGED = 7, /* the segment has none of these values */
};

typedef struct sheaf_inspect_pool {
	enum sheaf_pool_state state;
	int owner_lives; /* 1 or 0, from the system */
	/*
	 * its pid, from the system; 0: cannot be known from here. If it is dead: what the segment
	 * says
	 */
	pid_t owner;
	unsigned workers;      /* that it may have: max_workers, or as created */
	unsigned places;       /* for programs that join: see sheaf_attach.h */
	unsigned ring_size;    /* tasks of each priority that may wait or run at once */
	unsigned max_batches;  /* batches that may be open at once */
	unsigned max_attempts; /* of the pool; batches may have their own */
	unsigned batches;      /* open, or being retired */
	unsigned filling;      /* slots of the rings that a submitter is writing */
	/* tasks, and invitations of workers to maps, that wait in the ring */
	unsigned ready;
	unsigned running;   /* the same, in the hands of workers */
	uint64_t completed; /* tasks, and chunks of maps, that have ended so far */
	uint64_t given_up;  /* positions that failed because their workers died */
	/* workers that died, but not those killed on request or with their supervisor */
	uint64_t deaths;
	uint64_t supervisors;  /* started so far; 0: SHEAF_THREADS */
	uint64_t size;         /* bytes that the segment may grow to */
	uint64_t committed;    /* bytes of memory that it takes now, from the system */
	uint64_t heap_size;    /* bytes that the heap may grow to */
	uint64_t heap_used;    /* bytes of it that allocations and batches have taken */
	uint64_t heap_stocked; /* bytes of it that are kept for the next batches */
	uint64_t damaged;      /* words, of those read here, with values that no pool writes */
} sheaf_inspect_pool;

/**
 * sheaf_inspect_look() - read figures of the pool
 * @pool: out
 *
 * Takes time in proportion to the ring and to the part of the heap that was ever used.
 *
 * Return: 0; -EINVAL (NULL); -EPERM (the handle was inherited over a fork); -ESTALE (the pool was
 *         destroyed); -EBADMSG (the file has another size than it had); -ENOMEM; -EIO and others of
 *         reading a file.
 */
SHEAF_API int sheaf_inspect_look(const sheaf_inspect *inspect, sheaf_inspect_pool *pool);

/* ---- Workers ---- */

enum sheaf_worker_state {
	SHEAF_WORKER_GONE = 0,   /* being replaced, not needed now, or the pool has ended */
	SHEAF_WORKER_IDLE = 1,   /* searches for work */
	SHEAF_WORKER_ASLEEP = 2, /* until another process wakes it */
	SHEAF_WORKER_RUNS = 3,
};

typedef struct sheaf_inspect_worker {
	enum sheaf_worker_state state;
	/* > 0, what the segment says: check it before you signal it. 0: none, or a thread */
	pid_t pid;
	unsigned generation; /* how many workers have had this number */
	uint64_t completed;  /* tasks and chunks that workers with this number have ended */
	/* the batch whose task it runs, as its place in sheaf_inspect_batches(); -1: runs none */
	int batch;
	unsigned attempt; /* of a submitted task, 1 in its first run; else 0 */
	/* 1: the position that it has in hand is known; 0 also between two positions */
	int positioned;
	uint64_t position;
} sheaf_inspect_worker;

/**
 * sheaf_inspect_workers() - read what the workers do
 * @workers: out: worker i is workers[i]; NULL if @room is 0
 * @room:    as many as fit
 *
 * Behind the workers is one for each place of programs that join.
 * Return: how many workers and places the pool has, which may be more than @room; or an error of
 *         sheaf_inspect_look().
 */
SHEAF_API int sheaf_inspect_workers(const sheaf_inspect *inspect, sheaf_inspect_worker *workers, size_t room);

/* ---- Batches ---- */

enum sheaf_batch_state {
	SHEAF_BATCH_FREE = 0, /* not in use: all other fields are 0 */
	SHEAF_BATCH_OPEN = 1,
	SHEAF_BATCH_RETIRED = 2,   /* its owner waits for its last tasks */
	SHEAF_BATCH_CANCELLED = 3, /* positions that have not started are not run */
	SHEAF_BATCH_DAMAGED = 4,   /* its fields do not fit together: all others are 0 */
};

enum sheaf_batch_kind {
	SHEAF_BATCH_TASKS = 0, /* tasks are submitted one by one, or nothing was submitted yet */
	SHEAF_BATCH_MAP = 1,
	SHEAF_BATCH_LOOP = 2,
};

typedef struct sheaf_inspect_batch {
	enum sheaf_batch_state state;
	enum sheaf_batch_kind kind;
	uint64_t serial;      /* distinguishes a batch from those that had its place before */
	unsigned ready;       /* its tasks, or invitations, that wait in the ring */
	unsigned running;     /* the same, in the hands of workers */
	uint64_t n;           /* positions of a map or loop; else 0, as are the next three */
	uint64_t chunk;       /* positions in each chunk except the last */
	uint64_t chunks;      /* number of chunks */
	uint64_t chunks_done; /* of these, published */
	/* Of a batch with a window (sheaf_stream.h); else false and 0. */
	bool windowed;
	uint64_t accepted; /* positions submitted so far */
	uint64_t given;    /* of these, handed out */
	uint64_t head;     /* the lowest one that was not: it shows a stall */
} sheaf_inspect_batch;

/**
 * sheaf_inspect_batches() - read how far the batches are
 * @batches: out: as many as fit, including free places; NULL if @room is 0
 * @room:    as many as fit
 *
 * Return: how many places the pool has (max_batches), which may be more than @room; or an error of
 *         sheaf_inspect_look().
 */
SHEAF_API int sheaf_inspect_batches(const sheaf_inspect *inspect, sheaf_inspect_batch *batches, size_t room);

#ifdef __cplusplus
}
#endif

#endif
