/*
 * handles.c - a list of dead handles for each type, whose memory is never given back to the system.
 *
 * So a call with a handle that is dead reads the mark of its death, unless the memory serves a new
 * handle by then. The most handles that were open at once bound the memory. For the first ones it
 * is static.
 *
 * Forks             A child inherits the lists as they are at that instant. A thread that held the
 *                   lock is not there. Then the lock's holder is of another process, and counts as
 *                   nobody. Each change is one store to the list's head, so the list is whole, and
 *                   at worst one handle is on no list. A handle that lives in the parent is on no
 *                   list, so the child never takes it.
 * Tasks             A handle that the owner has made after the fork of a worker need not exist
 *                   there. What lies in memory of this list does.
 */
#include "member/handles.h"

#include "base/atomic.h"
#include "os/forks.h"
#include "os/os.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BLOCK 64 /* handles */

struct handles_block {
	struct handles_block *next;
	size_t count;
	_Alignas(16) unsigned char memory[];
};

bool handles_in_task;

void handles_enter_tasks(void)
{
	handles_in_task = true;
}

static void hold(struct handles *handles)
{
	unsigned me = forks_count() + 1, found = 0;

	/*
	 * Acquire, pairs with release(): else the list could be read as it was before the last
	 * holder changed it.
	 */
	while (!cas_weak_acquire(&handles->holder, &found, me)) {
		if (found == me) {
			os_relax();
			found = 0;
		}
	}
}

static void release(struct handles *handles)
{
	/* Release, pairs with hold(). */
	store_release(&handles->holder, 0);
}

static void **link_of(const struct handles *handles, void *handle)
{
	return (void **)(void *)((unsigned char *)handle + handles->link);
}

static void *pop(struct handles *handles)
{
	void *handle = handles->dead;

	if (handle)
		handles->dead = *link_of(handles, handle);
	else if (handles->begun < handles->first_count)
		handle = handles->first + (handles->skipped + handles->begun++) % handles->first_count * handles->size;
	return handle;
}

static void push(struct handles *handles, void *handle)
{
	*link_of(handles, handle) = handles->dead;
	handles->dead = handle;
}

/* Add as many handles as there are already. */
static bool add_block(struct handles *handles)
{
	struct handles_block *block;
	size_t count;

	hold(handles);
	count = handles->first_count + handles->added;
	release(handles);
	count = count < LEAST_BLOCK ? LEAST_BLOCK : count;
	block = calloc(1, sizeof(*block) + count * handles->size);
	if (!block)
		return false;
	block->count = count;
	hold(handles);
	handles->added += count;
	/* Relaxed: under the lock. */
	block->next = load_relaxed(&handles->blocks);
	for (size_t i = count; i > 0; i--)
		push(handles, block->memory + (i - 1) * handles->size);
	/*
	 * Release, pairs with handles_hold(), which takes no lock: else it could read the block
	 * before it is filled in.
	 */
	store_release(&handles->blocks, block);
	release(handles);
	return true;
}

void *handles_take(struct handles *handles)
{
	void *handle;

	do {
		hold(handles);
		handle = pop(handles);
		release(handles);
	} while (!handle && add_block(handles));
	return handle;
}

void handles_keep(struct handles *handles, void *handle)
{
	hold(handles);
	push(handles, handle);
	release(handles);
}

static bool lies_in(const struct handles *handles, const unsigned char *memory, size_t count, const void *handle)
{
	uintptr_t at = (uintptr_t)handle - (uintptr_t)memory;

	return (uintptr_t)handle >= (uintptr_t)memory && at < count * handles->size && at % handles->size == 0;
}

bool handles_hold(struct handles *handles, const void *handle)
{
	/* Acquire, pairs with add_block(): else the block could be read before it was filled in. */
	struct handles_block *block = load_acquire(&handles->blocks);

	if (lies_in(handles, handles->first, handles->first_count, handle))
		return true;
	while (block && !lies_in(handles, block->memory, block->count, handle))
		block = block->next;
	return block;
}
