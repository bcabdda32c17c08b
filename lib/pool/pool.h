/*
 * pool.h - the owner's handle of a pool. Private to the owner.
 */
#ifndef SHEAF_POOL_POOL_H
#define SHEAF_POOL_POOL_H

#include "batch/handle.h"
#include "pool/family.h"
#include "pool/inlined.h"
#include "pool/place.h"
#include "pool/threads.h"

/* What a program that has joined has beside its member. */
struct joined {
	struct os_process_id owner; /* as the header told it */
	uint64_t unowned_ns;        /* see segment_has_owner() */
	void *state;                /* of the options */
	_Atomic bool works;         /* a thread of it is in sheaf_pool_work() */
};

struct sheaf_pool {
	struct member member; /* the owner's. First: pool_of() and back */
	struct segment segment;
	struct joined joined; /* if member.attached: of the rest only `openings` is used then */
	bool keep_fds;
	bool threaded;                /* all is in the owner's process: its threads, or `inlined` */
	bool tells_deaths;            /* SHEAF_TELL_DEATHS */
	_Atomic uint64_t deaths_told; /* by sheaf_pool_news() */
	pthread_mutex_t family_lock;  /* of the thread that starts, ends or reaps */
	struct family family;
	uint64_t completed;  /* tasks ended when the last supervisor died, plus 1 */
	unsigned successors; /* since that number changed */
	unsigned resumed;    /* how often it said that it was finished, and tasks ran */
	/* Since when a successor could not be started; 0: there is one, or none is needed. */
	uint64_t orphaned_ns;
	/* As the owner wants them, written under the family lock: see wanted.c and resize.c. */
	_Atomic unsigned wanted, paused;
	_Atomic bool called; /* a vacant seat was claimed, and the family lock not to be had */
	struct place *place; /* where workers run; NULL: anywhere */
	struct threads threads;
	struct inlined *inlined;      /* NULL: it has workers */
	struct openings openings;     /* the owner's */
	struct sheaf_pool *next_dead; /* see handles.h */
};

/*
 * Check that the caller may use the pool. pool_check_owner(): that it is the owner's handle, not
 * that of a task. 0; -EINVAL, -EPERM, -EDEADLK with their messages.
 */
int pool_check(const sheaf_pool *pool, const char *call);
int pool_check_owner(const sheaf_pool *pool, const char *call);

/* Tell whether there is a pool at that address in this process, dead or not. Takes no lock. */
bool pool_exists(const sheaf_pool *pool);

/* Take a dead handle; NULL: no memory. Give one back whose pool is no more. */
struct sheaf_pool *pool_take_memory(void);
void pool_give_memory(struct sheaf_pool *pool);

/* A task that a thread of the owner has run is over: retire what it has left open. */
void nested_end_of_owner(struct member *owner);

#endif
