/*
 * function.h - what a task's function is in the process that runs it.
 *
 * In most pools all processes are forks of the owner, and the segment holds the function's address.
 * In a pool that other programs may join it holds the function's number, and each process has a
 * table of its own. First come the library's own functions, which have the same number in all
 * programs of one version, then those of the user's table. In a pool that is traced it holds a
 * number, too, and what that stands for notes when the function begins and ends.
 */
#ifndef SHEAF_WORK_FUNCTION_H
#define SHEAF_WORK_FUNCTION_H

#include "base/own.h"
#include "segment/segment.h"
#include "sheaf_attach.h"

/* Functions that run in place of the user's: see check.c. Then those of the library's lists. */
enum function_own {
	FUNCTION_CHECK_CALL = 1,
	FUNCTION_CHECK_ITEM = 2,
	FUNCTIONS_OWN = 3,     /* the number of the first one in the library's lists */
	FUNCTIONS_FIRST = 128, /* the number of the first one in the user's table */
	FUNCTIONS_END = FUNCTIONS_FIRST + SHEAF_MAX_FUNCTIONS,
};

struct functions {
	uint32_t count;
	/* Of a pool that is traced: what runs in place of a function of that kind. See traced.c. */
	any_fn *traced[3]; /* by enum function_kind */
	any_fn *at[];      /* by their numbers; NULL: this process has none of that name */
};

/*
 * Check a table of the user's. @what: for messages, as "options.sharing". 0; -EINVAL, -EEXIST with
 * their message.
 */
int functions_check(const char *what, const sheaf_function *functions, size_t count);

/*
 * Make what numbers mean in this process, of a pool with such a table, in the order of the
 * segment's. 0; -ENOMEM; of a process that has joined also -EPROTO (the library there has other
 * functions of its own), -ENOENT (the pool lacks a name), -EINVAL (a task there is a range here),
 * with their messages. functions_free(): give it back.
 */
int functions_make(struct segment *segment, const sheaf_function *functions, size_t count, own_lists *own);
void functions_free(struct segment *segment);

/* Tell the lists of own functions from others, by a hash of all names. */
uint64_t functions_hash(own_lists *own);

/* Find a name of the pool that this process lacks. NULL: it has all of them. */
const char *functions_missing(const struct segment *segment);

/*
 * Tell what stands in a job for a function that it calls, in any process of the pool: its number,
 * or its address. NULL: 0. 0; -ENOENT with its message.
 */
int function_name(const struct segment *segment, const char *call, any_fn *fn, uint64_t *named);

/* Find the function. NULL: the word is 0, or a wild write has changed it. */
any_fn *function_named(const struct segment *segment, uint64_t named);

/* Private: the number of a function, by its address. -ENOENT with its message. */
int function_number(const struct segment *segment, const char *call, any_fn *fn, enum function_kind kind, uint64_t *stored);

/* Private: what is to be called for a number. */
any_fn *function_numbered(const struct segment *segment, uint64_t number);

/*
 * Find the user's function, or the library's own, that a task's word stands for, also in a pool
 * that is traced. @kind: out: which of the two, and 0 for one of the library's own. NULL: as below.
 */
any_fn *function_plain(const struct segment *segment, uint64_t stored, unsigned *kind);

/*
 * Find what a task's word for its function stands for. No function has an address as low as the
 * numbers. NULL: a wild write has changed it.
 */
static inline any_fn *function_of(const struct segment *segment, uint64_t stored)
{
	if (__builtin_expect(stored < FUNCTIONS_END, 0))
		return function_numbered(segment, stored);
	return (any_fn *)(uintptr_t)stored;
}

/* Tell what to store for a function. 0; -ENOENT with its message: its name is not in the table. */
static inline int function_store(const struct segment *segment, const char *call, any_fn *fn, enum function_kind kind,
				 uint64_t *stored)
{
	*stored = (uint64_t)(uintptr_t)fn;
	return segment->functions ? function_number(segment, call, fn, kind, stored) : 0;
}

/* The same for one of the library's own. */
static inline uint64_t function_store_own(const struct segment *segment, enum function_own number, any_fn *fn)
{
	return segment->functions ? (uint64_t)number : (uint64_t)(uintptr_t)fn;
}

#endif
