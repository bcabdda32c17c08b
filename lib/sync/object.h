/*
 * object.h - what all objects of sheaf_sync.h begin with: a word that tells one kind from another,
 * and from memory in which no object was made.
 */
#ifndef SHEAF_SYNC_OBJECT_H
#define SHEAF_SYNC_OBJECT_H

#include "base/error.h"
#include "sheaf.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>

#define OBJECT_LINE 64 /* bytes: what one writer takes from another */

/* Any numbers that memory hardly holds by chance. */
enum object_kind {
	OBJECT_MUTEX = 0x7c3f0001,
	OBJECT_ONCE = 0x7c3f0002,
	OBJECT_EVENT = 0x7c3f0003,
	OBJECT_SEMAPHORE = 0x7c3f0004,
	OBJECT_BARRIER = 0x7c3f0005,
	OBJECT_QUEUE = 0x7c3f0006,
	OBJECT_VALUE = 0x7c3f0007,
	OBJECT_COUNTER = 0x7c3f0008,
};

/*
 * Check for *_init() that the object may lie there: in shared memory, and aligned. 0, or an error
 * that is told.
 */
int object_check_place(sheaf_pool *pool, const char *call, const void *object, size_t size);

/* Say that no such object was made there. -EINVAL. */
int object_refuse(const char *call, const void *object);

/* Tell whether an object of that kind was made there. @object begins with its kind. */
static inline bool object_is(const void *object, enum object_kind kind)
{
	return object && (uintptr_t)object % alignof(uint64_t) == 0 && *(const uint32_t *)object == (uint32_t)kind;
}

#endif
