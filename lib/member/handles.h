/*
 * handles.h - memory of pools and batches that stays what it is, so that a dead handle can say so.
 */
#ifndef SHEAF_MEMBER_HANDLES_H
#define SHEAF_MEMBER_HANDLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Handles of one type. Fill in the first four and leave the rest 0. */
struct handles {
	size_t size;          /* of one */
	size_t link;          /* offset of a pointer that nobody uses while the handle is dead */
	unsigned char *first; /* static memory for the first ones */
	size_t first_count;

	_Atomic unsigned holder; /* of what follows: the number of its process, plus 1; 0: nobody */
	void *dead;              /* by the links */
	size_t begun;            /* of the first ones */
	size_t skipped;          /* of the first ones, come last */
	size_t added;
	_Atomic(struct handles_block *) blocks; /* the others; only grows */
};

#if defined(__GNUC__)
#define HANDLES_HIDDEN __attribute__((visibility("hidden"))) /* one load less where it is read */
#else
#define HANDLES_HIDDEN
#endif

/*
 * True: this process runs tasks. Then a handle may come from its owner and need not exist here, so
 * ask handles_hold() first.
 */
extern bool handles_in_task HANDLES_HIDDEN;

/* Say that this process runs tasks from now on. */
void handles_enter_tasks(void);

/* Take a dead handle, or a zeroed one that was none before. NULL: no memory. */
void *handles_take(struct handles *handles);

/* Keep a handle for handles_take(). The caller has marked it dead. */
void handles_keep(struct handles *handles, void *handle);

/* Tell whether there is a handle of this type in this process, dead or not. Takes no lock. */
bool handles_hold(struct handles *handles, const void *handle);

#endif
